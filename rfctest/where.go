package rfctest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/abap"
)

// condition decides whether a row is selected.
type condition func(row int) bool

// parseWhere reads the selection text of RFC_READ_TABLE: comparisons of columns with
// literals or columns (= <> < > <= >= and EQ NE LT GT LE GE), [NOT] LIKE ... [ESCAPE 'x'],
// [NOT] IN (...), [NOT] BETWEEN ... AND ..., IS [NOT] NULL, IS [NOT] INITIAL, joined by AND,
// OR and NOT with parentheses. Keywords and column names are read in any case.
func parseWhere(t *dbTable, text string) (condition, error) {
	if len(text) > maxWhere {
		return nil, fmt.Errorf("selection of %d bytes, at most %d", len(text), maxWhere)
	}
	tokens, err := lexWhere(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, nil
	}
	p := &whereParser{table: t, tokens: tokens}
	c, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if !p.done() {
		return nil, fmt.Errorf("%q is not expected there", p.peek().text)
	}
	return c, nil
}

// token is a word, an operator or a literal.
type token struct {
	text    string
	literal bool
}

func lexWhere(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'':
			value, n, err := lexLiteral(text[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, token{value, true})
			i += n
		case strings.IndexByte("(),", c) >= 0:
			out = append(out, token{text: text[i : i+1]})
			i++
		case strings.IndexByte("=<>", c) >= 0:
			n := 1
			if i+1 < len(text) && strings.IndexByte("=<>", text[i+1]) >= 0 {
				n = 2
			}
			out = append(out, token{text: text[i : i+n]})
			i += n
		default:
			n := strings.IndexAny(text[i:], " \t\r\n'(),=<>")
			if n < 0 {
				n = len(text) - i
			}
			out = append(out, token{text: text[i : i+n]})
			i += n
		}
	}
	return out, nil
}

// lexLiteral reads 'text'; two quotes inside stand for one.
func lexLiteral(s string) (value string, n int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, nil
	}
	return "", 0, fmt.Errorf("the literal %.20s has no end", s)
}

type whereParser struct {
	table  *dbTable
	tokens []token
	at     int
}

func (p *whereParser) done() bool { return p.at >= len(p.tokens) }

func (p *whereParser) peek() token {
	if p.done() {
		return token{}
	}
	return p.tokens[p.at]
}

// keyword consumes a word if it comes next.
func (p *whereParser) keyword(word string) bool {
	if t := p.peek(); !t.literal && strings.EqualFold(t.text, word) {
		p.at++
		return true
	}
	return false
}

func (p *whereParser) or(depth int) (condition, error) {
	left, err := p.and(depth)
	for err == nil && p.keyword("OR") {
		var right condition
		if right, err = p.and(depth); err == nil {
			l := left
			left = func(row int) bool { return l(row) || right(row) }
		}
	}
	return left, err
}

func (p *whereParser) and(depth int) (condition, error) {
	left, err := p.not(depth)
	for err == nil && p.keyword("AND") {
		var right condition
		if right, err = p.not(depth); err == nil {
			l := left
			left = func(row int) bool { return l(row) && right(row) }
		}
	}
	return left, err
}

func (p *whereParser) not(depth int) (condition, error) {
	if depth > maxWhereDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxWhereDepth)
	}
	if p.keyword("NOT") {
		c, err := p.not(depth + 1)
		return negate(c), err
	}
	if p.keyword("(") {
		c, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.keyword(")") {
			return nil, errors.New("a closing parenthesis is missing")
		}
		return c, nil
	}
	return p.comparison()
}

func negate(c condition) condition {
	if c == nil {
		return nil
	}
	return func(row int) bool { return !c(row) }
}

// operators maps both spellings to what the result of a comparison has to be.
var operators = map[string]func(cmp int) bool{
	"=": isEqual, "EQ": isEqual, "<>": isUnequal, "NE": isUnequal, "><": isUnequal,
	"<": isLess, "LT": isLess, ">": isGreater, "GT": isGreater,
	"<=": isAtMost, "LE": isAtMost, "=<": isAtMost, ">=": isAtLeast, "GE": isAtLeast, "=>": isAtLeast,
}

func isEqual(c int) bool   { return c == 0 }
func isUnequal(c int) bool { return c != 0 }
func isLess(c int) bool    { return c < 0 }
func isGreater(c int) bool { return c > 0 }
func isAtMost(c int) bool  { return c <= 0 }
func isAtLeast(c int) bool { return c >= 0 }

func (p *whereParser) comparison() (condition, error) {
	t := p.peek()
	col := -1
	if !t.literal {
		col = p.table.column(t.text)
	}
	if col < 0 {
		if p.done() {
			return nil, errors.New("the condition is not complete")
		}
		return nil, fmt.Errorf("%s has no field %q", p.table.name, t.text)
	}
	p.at++
	left := func(row int) string { return p.table.cell(row, col) }
	c := &p.table.columns[col]
	inverse := p.keyword("NOT")
	var cond condition
	var err error
	switch {
	case p.keyword("LIKE"):
		cond, err = p.like(left)
	case p.keyword("IN"):
		cond, err = p.in(c, left)
	case p.keyword("BETWEEN"):
		cond, err = p.between(c, left)
	case !inverse && p.keyword("IS"):
		inverse = p.keyword("NOT")
		switch {
		case p.keyword("NULL"):
			cond = func(int) bool { return false } // no column here can be null
		case p.keyword("INITIAL"):
			cond = func(row int) bool { return initial(left(row)) }
		default:
			err = errors.New("NULL or INITIAL must follow IS")
		}
	case !inverse:
		op, ok := operators[strings.ToUpper(p.peek().text)]
		if !ok || p.peek().literal {
			return nil, fmt.Errorf("%q is no comparison behind %s", p.peek().text, c.name)
		}
		p.at++
		var right operand
		if right, err = p.operand(c); err == nil {
			cond = func(row int) bool { return op(compareCells(c, left(row), right(row))) }
		}
	default:
		err = errors.New("LIKE, IN or BETWEEN must follow NOT")
	}
	if err != nil {
		return nil, err
	}
	if inverse {
		cond = negate(cond)
	}
	return cond, nil
}

// operand gives the value to compare with, for a row.
type operand func(row int) string

// operand reads a literal, a number or another column.
func (p *whereParser) operand(c *column) (operand, error) {
	if p.done() {
		return nil, fmt.Errorf("a value behind %s is missing", c.name)
	}
	t := p.tokens[p.at]
	p.at++
	if !t.literal {
		if col := p.table.column(t.text); col >= 0 {
			return func(row int) string { return p.table.cell(row, col) }, nil
		}
		if _, err := abap.ParseDecimal(t.text); err != nil {
			return nil, fmt.Errorf("%q is neither a literal nor a field", t.text)
		}
	}
	value := t.text
	if c.numeric() {
		if _, err := abap.ParseDecimal(strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%q is no number for %s", value, c.name)
		}
	}
	return func(int) string { return value }, nil
}

func (p *whereParser) like(left operand) (condition, error) {
	t := p.peek()
	if !t.literal {
		return nil, errors.New("a literal must follow LIKE")
	}
	p.at++
	var escape rune
	if p.keyword("ESCAPE") {
		e := p.peek()
		if !e.literal || utf8.RuneCountInString(e.text) != 1 {
			return nil, errors.New("one character must follow ESCAPE")
		}
		p.at++
		escape, _ = utf8.DecodeRuneInString(e.text)
	}
	return func(row int) bool { return matchPattern(t.text, left(row), '%', '_', escape) }, nil
}

func (p *whereParser) in(c *column, left operand) (condition, error) {
	if !p.keyword("(") {
		return nil, errors.New("a list in parentheses must follow IN")
	}
	var list []operand
	for {
		o, err := p.operand(c)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		if p.keyword(")") {
			break
		}
		if !p.keyword(",") {
			return nil, errors.New("the list behind IN has no end")
		}
	}
	return func(row int) bool {
		v := left(row)
		for _, o := range list {
			if compareCells(c, v, o(row)) == 0 {
				return true
			}
		}
		return false
	}, nil
}

func (p *whereParser) between(c *column, left operand) (condition, error) {
	low, err := p.operand(c)
	if err != nil {
		return nil, err
	}
	if !p.keyword("AND") {
		return nil, errors.New("AND must follow the lower bound of BETWEEN")
	}
	high, err := p.operand(c)
	if err != nil {
		return nil, err
	}
	return func(row int) bool {
		v := left(row)
		return compareCells(c, v, low(row)) >= 0 && compareCells(c, v, high(row)) <= 0
	}, nil
}

// compareCells compares two values as the type of a column demands. Trailing blanks do not
// count, and digits of NUMC are aligned.
func compareCells(c *column, a, b string) int {
	switch {
	case c.numeric():
		x, errX := abap.ParseDecimal(strings.TrimSpace(a))
		y, errY := abap.ParseDecimal(strings.TrimSpace(b))
		if errX == nil && errY == nil {
			return x.Cmp(y)
		}
	case c.kind == 'N':
		a, b = strings.TrimLeft(strings.TrimSpace(a), "0"), strings.TrimLeft(strings.TrimSpace(b), "0")
		if len(a) != len(b) {
			return len(a) - len(b)
		}
	}
	return strings.Compare(strings.TrimRight(a, " "), strings.TrimRight(b, " "))
}

// initial reports whether a value is the initial one of its type.
func initial(v string) bool { return strings.Trim(v, " 0.") == "" }

// matchPattern matches s against a pattern with a letter for any text and one for any
// character; escape, unless zero, takes the meaning of the letter behind it. The time is
// bounded by the product of the lengths.
func matchPattern(pattern, s string, many, one, escape rune) bool {
	type item struct {
		r    rune
		kind byte // l literal, * many, ? one
	}
	var items []item
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			items, escaped = append(items, item{r, 'l'}), false
		case escape != 0 && r == escape:
			escaped = true
		case r == many:
			items = append(items, item{r, '*'})
		case r == one:
			items = append(items, item{r, '?'})
		default:
			items = append(items, item{r, 'l'})
		}
	}
	text := []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(text) {
		switch {
		case i < len(items) && (items[i].kind == '?' || items[i].kind == 'l' && items[i].r == text[j]):
			i++
			j++
		case i < len(items) && items[i].kind == '*':
			star, mark = i, j
			i++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(items) && items[i].kind == '*' {
		i++
	}
	return i == len(items)
}

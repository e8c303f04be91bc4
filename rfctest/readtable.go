package rfctest

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// tableReader is RFC_READ_TABLE over the canned tables.
//
// Source: spec 24.6, spec 21.4 [capture] for interface and the meaning of OFFSET; case J-10
// [impl] for TABLE_NOT_AVAILABLE. The layout of numbers in a result row is [inferred]:
// right-justified with the sign behind, as ABAP moves a number to text.
func tableReader() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("RFC_DB_OPT", "TEXT:C72")
			d.Structure("RFC_DB_FLD", "FIELDNAME:C30 OFFSET:N6 LENGTH:N6 TYPE:C1 FIELDTEXT:C60")
			d.Structure("TAB512", "WA:C512")
			d.Structure("SDTI_RESULT", "LINE:g")
			d.Table("SDTI_RESULT_TAB", "{SDTI_RESULT}")
		},
		modules: []definition{{name: "RFC_READ_TABLE", group: "SDTX", text: "Read a table", serve: readTable, interfaceText: `
			EXPORTING ET_DATA:[SDTI_RESULT_TAB]            " Result rows of any width
			IMPORTING DELIMITER:C1 DEFAULT SPACE           " Character between the fields
			IMPORTING GET_SORTED:C1 OPTIONAL               " X: in the order of the key
			IMPORTING NO_DATA:C1 DEFAULT SPACE             " X: describe the fields only
			IMPORTING QUERY_TABLE:C30                      " Name of the table
			IMPORTING ROWCOUNT:I DEFAULT 0                 " Most rows to return, 0: all
			IMPORTING ROWSKIPS:I DEFAULT 0                 " Rows to pass over
			IMPORTING USE_ET_DATA_4_RETURN:C1 OPTIONAL     " X: rows in ET_DATA
			TABLES    DATA:[TAB512]                        " Result rows
			TABLES    FIELDS:[RFC_DB_FLD]                  " Fields wanted and described
			TABLES    OPTIONS:[RFC_DB_OPT]                 " Selection
			RAISING   DATA_BUFFER_EXCEEDED FIELD_NOT_VALID NOT_AUTHORIZED OPTION_NOT_VALID TABLE_NOT_AVAILABLE TABLE_WITHOUT_DATA`}},
	}
}

type (
	dbOption struct {
		Text string `rfc:"TEXT"`
	}
	dbField struct {
		Name   string `rfc:"FIELDNAME"`
		Offset int    `rfc:"OFFSET"`
		Length int    `rfc:"LENGTH"`
		Type   string `rfc:"TYPE"`
		Text   string `rfc:"FIELDTEXT"`
	}
	tab512 struct {
		Line string `rfc:"WA"`
	}
	readTableIn struct {
		Table     string     `rfc:"QUERY_TABLE"`
		Delimiter string     `rfc:"DELIMITER"`
		NoData    string     `rfc:"NO_DATA"`
		Sorted    string     `rfc:"GET_SORTED"`
		UseETData string     `rfc:"USE_ET_DATA_4_RETURN"`
		Skip      int32      `rfc:"ROWSKIPS"`
		Count     int32      `rfc:"ROWCOUNT"`
		Options   []dbOption `rfc:"OPTIONS"`
		Fields    []dbField  `rfc:"FIELDS"`
	}
	readTableOut struct {
		Data   rfc.Sequence[tab512]   `rfc:"DATA"`
		Fields []dbField              `rfc:"FIELDS"`
		ETData rfc.Sequence[textLine] `rfc:"ET_DATA"`
	}
)

// column finds a column by its name in any case, or gives -1.
func (t *dbTable) column(name string) int {
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return i
		}
	}
	return -1
}

// raise is an exception with a free text, as message 00 001 carries one.
func raise(key, text string) error {
	var v []string
	for r := []rune(text); len(r) > 0 && len(v) < 4; {
		n := min(len(r), 50)
		v = append(v, string(r[:n]))
		r = r[n:]
	}
	return rfc.RaiseMessage(key, "00", "E", "001", v...)
}

func readTable(ctx context.Context, s *System, req *rfc.Request, reply *rfc.Reply) error {
	var in readTableIn
	if err := req.Scan(&in); err != nil {
		return err
	}
	name := strings.ToUpper(in.Table)
	t := s.data.tables[name]
	if t == nil {
		if s.mux.Types()[name] != nil { // a structure
			return rfc.RaiseMessage("TABLE_WITHOUT_DATA", "SV", "E", "030", name)
		}
		return rfc.RaiseMessage("TABLE_NOT_AVAILABLE", "SV", "E", "029", name)
	}
	if t.denied {
		return raise("NOT_AUTHORIZED", "No authorization to read "+name)
	}
	q := &query{table: t, delimiter: in.Delimiter, skip: max(int(in.Skip), 0), limit: max(int(in.Count), 0), ctx: ctx}
	var options strings.Builder
	for _, o := range in.Options {
		options.WriteString(o.Text)
		options.WriteByte(' ')
	}
	var err error
	if q.where, err = parseWhere(t, options.String()); err != nil {
		return raise("OPTION_NOT_VALID", err.Error())
	}
	out := new(readTableOut)
	if out.Fields, err = q.fields(in.Fields); err != nil {
		return err
	}
	wide := in.UseETData == "X"
	if !wide && q.width > maxLine {
		return raise("DATA_BUFFER_EXCEEDED", "a row takes "+strconv.Itoa(q.width)+" characters, at most "+strconv.Itoa(maxLine))
	}
	if in.NoData == "" {
		if in.Sorted == "X" && !t.sorted {
			q.sort()
		}
		if n := q.count(); wide {
			out.ETData = rfc.Sequence[textLine]{Count: n, Seq: func(yield func(textLine) bool) {
				for line := range q.lines() {
					if !yield(textLine{line}) {
						return
					}
				}
			}}
		} else {
			out.Data = rfc.Sequence[tab512]{Count: n, Seq: func(yield func(tab512) bool) {
				for line := range q.lines() {
					if !yield(tab512{line}) {
						return
					}
				}
			}}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	reply.Set(out)
	return nil
}

// query is one selection.
type query struct {
	ctx         context.Context
	table       *dbTable
	where       condition
	cols        []int
	delimiter   string
	width       int
	skip, limit int
	order       []int // of the rows; nil: as they are
}

// fields resolves the wanted columns, all if none is named, and describes them. OFFSET
// counts the delimiters [capture].
func (q *query) fields(wanted []dbField) ([]dbField, error) {
	for _, f := range wanted {
		col := q.table.column(f.Name)
		if col < 0 {
			return nil, raise("FIELD_NOT_VALID", f.Name+" is no field of "+q.table.name)
		}
		q.cols = append(q.cols, col)
	}
	if len(wanted) == 0 {
		for i := range q.table.columns {
			q.cols = append(q.cols, i)
		}
	}
	list := make([]dbField, len(q.cols))
	offset := 0
	for i, col := range q.cols {
		if i > 0 && q.delimiter != "" {
			offset++
		}
		c := &q.table.columns[col]
		list[i] = dbField{Name: c.name, Offset: offset, Length: c.length, Type: string(rune(c.kind)), Text: c.text}
		offset += c.length
	}
	q.width = offset
	return list, nil
}

// selected yields the numbers of the rows that the selection, ROWSKIPS and ROWCOUNT leave.
func (q *query) selected() iter.Seq[int] {
	return func(yield func(int) bool) {
		seen, given := 0, 0
		for i := range q.table.rows {
			row := i
			if q.order != nil {
				row = q.order[i]
			}
			if i%1024 == 1023 && q.ctx.Err() != nil {
				return
			}
			if q.where != nil && !q.where(row) {
				continue
			}
			if seen++; seen <= q.skip {
				continue
			}
			if !yield(row) {
				return
			}
			if given++; given == q.limit {
				return
			}
		}
	}
}

// count is the number of rows of the result.
func (q *query) count() int {
	if q.where != nil {
		n := 0
		for range q.selected() {
			n++
		}
		return n
	}
	n := max(q.table.rows-q.skip, 0)
	if q.limit > 0 {
		n = min(n, q.limit)
	}
	return n
}

// sort orders the rows by the primary key.
func (q *query) sort() {
	t := q.table
	q.order = make([]int, t.rows)
	for i := range q.order {
		q.order[i] = i
	}
	slices.SortStableFunc(q.order, func(a, b int) int {
		for k := range t.keys {
			if c := compareCells(&t.columns[k], t.cell(a, k), t.cell(b, k)); c != 0 {
				return c
			}
		}
		return 0
	})
}

// lines yields the result rows. They are built in blocks that share one text, so that a
// table of any size is read in constant memory.
func (q *query) lines() iter.Seq[string] {
	const block = 64
	return func(yield func(string) bool) {
		var buf []byte
		var ends []int
		emit := func() bool {
			text, start := string(buf), 0
			for _, end := range ends {
				if !yield(text[start:end]) {
					return false
				}
				start = end
			}
			buf, ends = buf[:0], ends[:0]
			return true
		}
		for row := range q.selected() {
			for i, col := range q.cols {
				if i > 0 {
					buf = append(buf, q.delimiter...)
				}
				if q.table.fill != nil {
					buf = q.table.fill(buf, row, col)
				} else {
					buf = q.table.columns[col].appendCell(buf, q.table.cell(row, col))
				}
			}
			ends = append(ends, len(buf))
			if len(ends) == block && !emit() {
				return
			}
		}
		emit()
	}
}

const spaces = "                                                                "

// appendCell appends a value in the width of its column.
func (c *column) appendCell(dst []byte, v string) []byte {
	if c.numeric() {
		v = c.number(v)
		for n := c.length - len(v); n > 0; n -= len(spaces) {
			dst = append(dst, spaces[:min(n, len(spaces))]...)
		}
		return append(dst, v...)
	}
	if c.kind == 'N' && v == "" {
		v = padNumber(0, c.length)
	}
	dst = append(dst, v...)
	for n := c.length - utf8.RuneCountInString(v); n > 0; n -= len(spaces) {
		dst = append(dst, spaces[:min(n, len(spaces))]...)
	}
	return dst
}

// number writes a value as ABAP moves a number to text: the sign, or a blank for it,
// behind the digits.
func (c *column) number(v string) string {
	d, err := abap.ParseDecimal(v)
	if err != nil {
		d = abap.Decimal{}
	}
	if c.kind == 'P' {
		if r, err := d.Rescale(c.decimals); err == nil {
			d = r
		}
	}
	s := d.Plain()
	sign := " "
	if t, negative := strings.CutPrefix(s, "-"); negative {
		s, sign = t, "-"
	}
	switch {
	case c.kind == 'b', len(s) == c.length && sign == " ":
		return s
	case len(s) >= c.length:
		return "*" + s[len(s)-c.length+1:] // ABAP marks a number that does not fit
	}
	return s + sign
}

// trailingSign writes an integer with its sign, or a blank for it, behind.
func trailingSign(n int64) string {
	if n < 0 {
		return strconv.FormatUint(uint64(-n), 10) + "-"
	}
	return strconv.FormatInt(n, 10) + " "
}

// alignRight fills a text up with blanks in front.
func alignRight(s string, width int) string {
	if n := width - len(s); n > 0 {
		return spaces[:n] + s
	}
	return s
}

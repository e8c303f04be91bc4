package columns

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// A Conversion turns tables of one line type into those of another, by the names of their
// fields, without any loss (spec 22.5, type check):
//
//   - C, N and X to one of the same kind that is not shorter (N gets zeros on the left),
//     N to a C that is not shorter, C and N to g
//   - C to an N that is not shorter, if each value consists of digits
//   - b, s, I and 8 to a wider one of them
//   - P to a P with as many digits before and behind the decimal point, or more
//   - all other kinds to themselves, in the same length
//   - structures and tables field by field; their type names do not matter
//
// Fields that the received type does not have are initial. Fields that only the received
// type has are an error, unless the conversion is lenient: then they are dropped.
//
// A Conversion is immutable and safe for concurrent use.
type Conversion struct {
	to    *metadata.Type
	names []string // of the columns of to
	steps []step
}

// step makes one column.
type step struct {
	f     *metadata.Field
	from  int // column of the received table, or -1: initial
	do    change
	lines *Conversion // of a table
}

type change uint8

const (
	keep change = iota
	widen
	rescale
	padDigits
	checkDigits
)

// MismatchError says why fields of two types do not fit each other.
type MismatchError struct {
	// Path of the field, as in ADDRESS.CITY or ITEMS[].MATNR; empty for an unnamed line.
	Path string
	// Text says what is wrong.
	Text string
}

// Error implements error: "ITEMS[].MATNR: CHAR(40) does not fit CHAR(18) without loss".
func (e *MismatchError) Error() string {
	if e.Path == "" {
		return e.Text
	}
	return e.Path + ": " + e.Text
}

// NewConversion compares two line types. All differences that cannot be bridged are reported
// together, each as a *MismatchError.
func NewConversion(from, to *metadata.Type, lenient bool) (*Conversion, error) {
	b := builder{lenient: lenient}
	c := b.conversion(from, to, "")
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// maxMismatches bounds what an error lists; the types may come from a peer.
const maxMismatches = 32

type builder struct {
	lenient bool
	errs    []error
}

func (b *builder) fail(path, format string, args ...any) {
	if len(b.errs) < maxMismatches {
		b.errs = append(b.errs, &MismatchError{Path: trim(path), Text: fmt.Sprintf(format, args...)})
	}
}

// conversion plans a table; path ends with a point or is empty.
func (b *builder) conversion(from, to *metadata.Type, path string) *Conversion {
	c := &Conversion{to: to}
	for _, col := range New(to).Columns {
		c.names = append(c.names, col.Name)
	}
	b.fields(c, from, to, 0, path)
	return c
}

// leaves counts columns.
func leaves(t *metadata.Type) (n int) {
	for i := range t.Fields {
		if t.Fields[i].Kind.IsStructure() {
			n += leaves(t.Fields[i].Type)
		} else {
			n++
		}
	}
	return n
}

// fields plans the fields of a structure whose columns begin at first in the received table.
func (b *builder) fields(c *Conversion, from, to *metadata.Type, first int, path string) {
	if from.Scalar() != to.Scalar() {
		b.fail(path, "%s does not fit %s", lineText(from), lineText(to))
		return
	}
	at := make([]int, len(from.Fields)+1)
	at[0] = first
	for i := range from.Fields {
		n := 1
		if from.Fields[i].Kind.IsStructure() {
			n = leaves(from.Fields[i].Type)
		}
		at[i+1] = at[i] + n
	}
	for i := range to.Fields {
		f := &to.Fields[i]
		if k := from.Index(f.Name); k >= 0 {
			b.field(c, &from.Fields[k], f, at[k], path)
		} else {
			c.missing(f)
		}
	}
	if b.lenient {
		return
	}
	for i := range from.Fields {
		if name := from.Fields[i].Name; to.Index(name) < 0 {
			hint := ""
			if near := nearest.Name(name, to.Names()); near != "" {
				hint = "; did you mean " + near + "?"
			}
			b.fail(path+short(name), "unknown field, type %s has none of this name%s", short(to.Name), hint)
		}
	}
}

// missing plans columns of initial values.
func (c *Conversion) missing(f *metadata.Field) {
	if !f.Kind.IsStructure() {
		c.steps = append(c.steps, step{f: f, from: -1})
		return
	}
	for i := range f.Type.Fields {
		c.missing(&f.Type.Fields[i])
	}
}

func (b *builder) field(c *Conversion, from, to *metadata.Field, at int, path string) {
	path += to.Name
	switch {
	case from.Kind.IsStructure() && to.Kind.IsStructure():
		b.fields(c, from.Type, to.Type, at, path+".")
		return
	case from.Kind == metadata.Table && to.Kind == metadata.Table:
		c.steps = append(c.steps, step{f: to, from: at, lines: b.conversion(from.Type, to.Type, path+"[].")})
		return
	}
	do, ok := changeOf(from, to)
	if !ok {
		b.fail(path, "%s does not fit %s without loss", fieldText(from), fieldText(to))
	}
	c.steps = append(c.steps, step{f: to, from: at, do: do})
}

// rank orders the integers that can be widened.
func rank(k metadata.Kind) int {
	switch k {
	case metadata.Int1:
		return 1
	case metadata.Int2:
		return 2
	case metadata.Int4:
		return 3
	case metadata.Int8:
		return 4
	default:
		return 0
	}
}

func changeOf(from, to *metadata.Field) (do change, ok bool) {
	a, b := from.Kind, to.Kind
	switch {
	case a == metadata.Char && b == metadata.Char, a == metadata.Numc && b == metadata.Char, a == metadata.Raw && b == metadata.Raw:
		return keep, from.Length <= to.Length
	case b == metadata.String && (a == metadata.Char || a == metadata.Numc):
		return keep, true
	case a == metadata.Numc && b == metadata.Numc && from.Length == to.Length:
		return keep, true
	case a == metadata.Numc && b == metadata.Numc:
		return padDigits, from.Length <= to.Length
	case a == metadata.Char && b == metadata.Numc:
		return checkDigits, from.Length <= to.Length
	case a == metadata.Packed && b == metadata.Packed && from.Length == to.Length && from.Decimals == to.Decimals:
		return keep, true
	case a == metadata.Packed && b == metadata.Packed:
		return rescale, from.Decimals <= to.Decimals && 2*from.Length-from.Decimals <= 2*to.Length-to.Decimals
	case rank(a) > 0 && rank(b) > 0 && a != b:
		return widen, rank(a) < rank(b)
	case a.IsStructure() || a == metadata.Table:
		return keep, false
	}
	return keep, a == b && (!a.Variable() || from.Length == to.Length)
}

func trim(path string) string {
	if n := len(path); n > 0 && path[n-1] == '.' {
		return path[:n-1]
	}
	return path
}

// short bounds names that come from a peer.
func short(name string) string {
	if r := []rune(name); len(r) > 64 {
		return string(r[:64]) + "..."
	}
	return name
}

func lineText(t *metadata.Type) string {
	if t.Scalar() {
		return "an unnamed line of " + fieldText(&t.Fields[0])
	}
	return "a structure"
}

func fieldText(f *metadata.Field) string {
	switch {
	case f.Kind == metadata.Packed:
		return fmt.Sprintf("%s(%d,%d)", f.Kind, f.Length, f.Decimals)
	case f.Kind.Variable():
		return fmt.Sprintf("%s(%d)", f.Kind, f.Length)
	}
	return f.Kind.String()
}

// As gives the table as one of another line type; see [Conversion]. Vectors that need no
// change are shared with t.
func (t *Table) As(line *metadata.Type, lenient bool) (*Table, error) {
	if t.Type == line {
		return t, nil
	}
	// Nearly always the types are equal, only their descriptions came on two ways.
	if out := (&Table{Type: line, Rows: t.Rows, Columns: make([]Column, len(t.Columns))}); t.relabel(line, out, 0, "") == len(t.Columns) {
		return out, nil
	}
	c, err := NewConversion(t.Type, line, lenient)
	if err != nil {
		return nil, err
	}
	return c.Apply(t)
}

// relabel copies the columns from at on that the fields of a structure stand for, as long as
// they are equal, and gives the number of the next column; -1 if one is not. path is the path
// of the structure and ends with a point, or is empty.
func (t *Table) relabel(line *metadata.Type, out *Table, at int, path string) int {
	for i := range line.Fields {
		f := &line.Fields[i]
		if f.Kind.IsStructure() {
			if at = t.relabel(f.Type, out, at, path+f.Name+"."); at < 0 {
				return -1
			}
			continue
		}
		if at >= len(t.Columns) {
			return -1
		}
		from := &t.Columns[at]
		g := from.Field
		if name, ok := strings.CutPrefix(from.Name, path); !ok || name != f.Name || g.Kind != f.Kind || f.Kind.Variable() && g.Length != f.Length || f.Kind == metadata.Packed && g.Decimals != f.Decimals {
			return -1
		}
		c := &out.Columns[at]
		*c = *from
		c.Field = f
		if c.Lines != nil {
			lines := &Table{Type: f.Type, Rows: from.Lines.Rows, Columns: make([]Column, len(from.Lines.Columns))}
			if from.Lines.relabel(f.Type, lines, 0, "") != len(lines.Columns) {
				return -1
			}
			c.Lines = lines
		}
		at++
	}
	return at
}

// Apply converts a table of the type the Conversion was made for. Vectors that need no change
// are shared with t. The only error is a *MismatchError: text that is no number in a column
// of digits.
func (c *Conversion) Apply(t *Table) (*Table, error) {
	out := &Table{Type: c.to, Rows: t.Rows, Columns: make([]Column, len(c.steps))}
	for i := range c.steps {
		s, col := &c.steps[i], &out.Columns[i]
		if s.from < 0 {
			*col = emptyColumn(c.names[i], s.f)
			if t.Rows > 0 {
				col.SetInitial()
			}
			continue
		}
		from := &t.Columns[s.from]
		*col = *from
		col.Name, col.Field = c.names[i], s.f
		if err := s.apply(col, from); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func emptyColumn(name string, f *metadata.Field) Column {
	c := Column{Name: name, Field: f, Width: FixedWidth(f)}
	if s := StorageOf(f.Kind); s == Texts || s == Tables {
		c.Offsets = []uint32{0}
	}
	if f.Kind == metadata.Table {
		c.Lines = New(f.Type)
	}
	return c
}

// apply changes the vector of col, which is a copy of from in all but name and type.
func (s *step) apply(col, from *Column) error {
	switch {
	case s.lines != nil:
		lines, err := s.lines.Apply(from.Lines)
		if err != nil {
			e, ok := errors.AsType[*MismatchError](err)
			if ok {
				e.Path = col.Name + e.Path
			}
			return err
		}
		col.Lines = lines
	case s.do == widen:
		col.Uint8s, col.Int16s, col.Int32s, col.Int64s = nil, nil, nil, nil
		widenInto(col, from)
	case s.do == rescale:
		col.Width = FixedWidth(s.f)
		col.Fixed = rescaled(from, s.f)
	case s.do == padDigits, s.do == checkDigits:
		return digitsInto(col, from)
	}
	return nil
}

func widenInto(col, from *Column) {
	for i := range from.Values() {
		var v int64
		switch StorageOf(from.Field.Kind) {
		case Uint8s:
			v = int64(from.Uint8s[i])
		case Int16s:
			v = int64(from.Int16s[i])
		default:
			v = int64(from.Int32s[i])
		}
		switch StorageOf(col.Field.Kind) {
		case Int16s:
			col.Int16s = append(col.Int16s, int16(v))
		case Int32s:
			col.Int32s = append(col.Int32s, int32(v))
		default:
			col.Int64s = append(col.Int64s, v)
		}
	}
}

// rescaled moves the digits of packed numbers; signs, and nibbles that are none, stay.
func rescaled(from *Column, to *metadata.Field) []byte {
	shift := to.Decimals - from.Field.Decimals
	out := make([]byte, from.Values()*to.Length)
	for i := range from.Values() {
		src, dst := from.Fixed[i*from.Width:(i+1)*from.Width], out[i*to.Length:(i+1)*to.Length]
		dst[len(dst)-1] = src[len(src)-1] & 0x0f
		for d := range 2*len(src) - 1 { // digit d from the right
			putNibble(dst, d+1+shift, nibble(src, d+1))
		}
	}
	return out
}

// nibble is the half byte n places from the right.
func nibble(b []byte, n int) byte { return b[len(b)-1-n/2] >> (n % 2 * 4) & 0x0f }

// putNibble drops zeros that have no place.
func putNibble(b []byte, n int, v byte) {
	if i := len(b) - 1 - n/2; i >= 0 {
		b[i] |= v << (n % 2 * 4)
	}
}

// digitsInto fills texts of digits up to the full width of a N.
func digitsInto(col, from *Column) error {
	col.Bytes, col.Offsets = nil, append(make([]uint32, 0, len(from.Offsets)), 0)
	for i := range from.Values() {
		v := from.Bytes[from.Offsets[i]:from.Offsets[i+1]]
		units := len(v)
		for k, b := range v {
			if b >= '0' && b <= '9' {
				continue
			}
			if from.Field.Kind == metadata.Char {
				return &MismatchError{
					Path: fmt.Sprintf("[%d]%s", firstRow(from, i), dotted(col.Name)),
					Text: fmt.Sprintf("byte %#02x at %d of a %s is no digit, %s holds digits only", b, k, fieldText(from.Field), fieldText(col.Field)),
				}
			}
			// What peers sent as N is kept, characters other than digits included.
			if units = unitsOf(v); units > col.Field.Length {
				units = col.Field.Length
			}
			break
		}
		for range col.Field.Length - units {
			col.Bytes = append(col.Bytes, '0')
		}
		col.Bytes = append(col.Bytes, v...)
		if uint64(len(col.Bytes)) > math.MaxUint32 {
			return &MismatchError{Path: col.Name, Text: "more than 4 GiB of digits"}
		}
		col.Offsets = append(col.Offsets, uint32(len(col.Bytes)))
	}
	return nil
}

func dotted(name string) string {
	if name == "" {
		return ""
	}
	return "." + name
}

// firstRow finds a row that has value i.
func firstRow(c *Column, i int) int {
	for r, code := range c.Codes {
		if int(code) == i {
			return r
		}
	}
	return i
}

// unitsOf counts UTF-16 units of UTF-8 text.
func unitsOf(b []byte) (n int) {
	for _, c := range b {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

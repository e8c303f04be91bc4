package columns

import (
	"fmt"
	"slices"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// MismatchError says why the columns of a table do not become those of another line type.
type MismatchError struct {
	// Path is the column, as in ADDRESS.CITY; rows of nested tables have no number.
	Path string
	// Text says what is wrong.
	Text string
}

// Error implements error.
func (e *MismatchError) Error() string { return e.Path + ": " + e.Text }

// As gives the table with the columns of another line type. Columns are matched by name;
// missing ones are initial, those that line does not have are an error unless lenient says
// to leave them out. Types may differ as far as nothing can be lost: C, N and X may become
// longer, N becomes C or string and C string, integers become wider, packed numbers get more
// digits or decimals. Errors are *MismatchError.
//
// Vectors that need no conversion are shared with t.
//
// Source: spec 22.5, type check.
func (t *Table) As(line *metadata.Type, lenient bool) (*Table, error) {
	if t.Type == line {
		return t, nil
	}
	out := New(line)
	out.Rows = t.Rows
	used := 0
	for i := range out.Columns {
		c := &out.Columns[i]
		from := t.find(c.Name, i)
		if from == nil {
			c.SetInitial()
			continue
		}
		used++
		if err := c.convert(from, lenient); err != nil {
			return nil, err
		}
	}
	if used < len(t.Columns) && !lenient {
		for i := range t.Columns {
			if name := t.Columns[i].Name; out.Column(name) == nil {
				return nil, &MismatchError{name, "unknown field"}
			}
		}
	}
	return out, nil
}

// find looks for a column by name, first where it probably is.
func (t *Table) find(name string, hint int) *Column {
	if hint < len(t.Columns) && t.Columns[hint].Name == name {
		return &t.Columns[hint]
	}
	return t.Column(name)
}

// convert gives the column the values of another one.
func (c *Column) convert(from *Column, lenient bool) error {
	name, field, width := c.Name, c.Field, c.Width
	f, g := from.Field, field
	mismatch := func() error {
		return &MismatchError{name, fmt.Sprintf("%s does not fit %s without loss", typeOf(f), typeOf(g))}
	}
	if f.Kind == metadata.Table || g.Kind == metadata.Table {
		if f.Kind != g.Kind {
			return mismatch()
		}
		lines, err := from.Lines.As(g.Type, lenient)
		if err != nil {
			if e, ok := err.(*MismatchError); ok { //nolint:errorlint // made by As, never wrapped
				e.Path = name + "." + e.Path
			}
			return err
		}
		*c = Column{Name: name, Field: field, Offsets: from.Offsets, Codes: from.Codes, Lines: lines}
		return nil
	}
	if f.Kind == g.Kind && (!f.Kind.Variable() || f.Length == g.Length && f.Decimals == g.Decimals) {
		*c = *from
		c.Name, c.Field = name, field
		return nil
	}
	switch {
	case g.Kind == metadata.String && (f.Kind == metadata.Char || f.Kind == metadata.Numc),
		g.Kind == metadata.Char && (f.Kind == metadata.Char || f.Kind == metadata.Numc) && f.Length <= g.Length,
		g.Kind == metadata.Raw && f.Kind == metadata.Raw && f.Length <= g.Length:
		*c = *from
		c.Name, c.Field = name, field
		return nil
	case g.Kind == metadata.Numc && f.Kind == metadata.Numc && f.Length < g.Length:
		return c.padNumc(from)
	case g.Kind == metadata.Packed && f.Kind == metadata.Packed && f.Decimals <= g.Decimals &&
		2*f.Length-1-f.Decimals <= 2*g.Length-1-g.Decimals:
		c.Width = width
		return c.rescale(from)
	case isInteger(f.Kind) && isInteger(g.Kind) && f.Width(2) < g.Width(2):
		c.widen(from)
		return nil
	}
	return mismatch()
}

// typeOf is the type of a field as texts show it.
func typeOf(f *metadata.Field) string {
	switch {
	case f.Kind == metadata.Packed:
		return fmt.Sprintf("%s(%d,%d)", f.Kind, f.Length, f.Decimals)
	case f.Kind.Variable():
		return fmt.Sprintf("%s(%d)", f.Kind, f.Length)
	}
	return f.Kind.String()
}

func isInteger(k metadata.Kind) bool {
	return k == metadata.Int1 || k == metadata.Int2 || k == metadata.Int4 || k == metadata.Int8
}

// padNumc puts zeros in front of digits.
func (c *Column) padNumc(from *Column) error {
	c.Codes = from.Codes
	for i := range from.Values() {
		b := from.Bytes[from.Offsets[i]:from.Offsets[i+1]]
		for range c.Field.Length - len(b) {
			c.Bytes = append(c.Bytes, '0')
		}
		c.Bytes = append(c.Bytes, b...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	return nil
}

// rescale gives packed numbers more digits.
func (c *Column) rescale(from *Column) error {
	c.Codes = from.Codes
	c.Fixed = make([]byte, 0, from.Values()*c.Width)
	for i := range from.Values() {
		d, err := abap.DecodePacked(from.Fixed[i*from.Width:(i+1)*from.Width], from.Field.Decimals)
		if err == nil {
			n := len(c.Fixed)
			c.Fixed = slices.Grow(c.Fixed, c.Width)[:n+c.Width]
			err = abap.PutPacked(c.Fixed[n:], d, c.Field.Decimals)
		}
		if err != nil {
			return &MismatchError{c.Name, err.Error()}
		}
	}
	return nil
}

// widen copies integers into a wider vector.
func (c *Column) widen(from *Column) {
	c.Codes = from.Codes
	n := from.Values()
	value := func(i int) int64 {
		switch StorageOf(from.Field.Kind) {
		case Uint8s:
			return int64(from.Uint8s[i])
		case Int16s:
			return int64(from.Int16s[i])
		default:
			return int64(from.Int32s[i])
		}
	}
	for i := range n {
		switch StorageOf(c.Field.Kind) {
		case Int16s:
			c.Int16s = append(c.Int16s, int16(value(i)))
		case Int32s:
			c.Int32s = append(c.Int32s, int32(value(i)))
		default:
			c.Int64s = append(c.Int64s, value(i))
		}
	}
}

package columns

import (
	"fmt"
	"math"
	"slices"

	"github.com/purerfc/purerfc/metadata"
)

// Table is a table, or with one row a structure or a scalar, by column.
type Table struct {
	// Type is the line type.
	Type *metadata.Type
	// Rows is the number of rows.
	Rows int
	// Columns are the leaves of the line type in its order: fields that are structures are
	// flattened, depth first; a field that is a table is one column.
	Columns []Column
}

// Column holds the values of one field.
//
// Exactly one vector is used, chosen by Field.Kind:
//
//	b                  Uint8s
//	s                  Int16s
//	I                  Int32s
//	8                  Int64s
//	F                  Float64s
//	i c                Int16s: raw, 0 is initial and everything else is one more than it says
//	d 7 x t            Int32s: raw
//	p n w              Int64s: raw
//	P D T a e          Fixed, Width bytes each: packed digits, 8 or 6 ASCII characters,
//	                   little-endian decimal floating point, as spec 20 has them
//	C N g              Bytes and Offsets: UTF-8, C without trailing blanks, N in full width
//	X y                Bytes and Offsets: X without trailing 00
//	h                  Offsets and Lines: the rows of line i are Offsets[i] to Offsets[i+1]
//
// The vector has one value for each row, unless Codes is not empty: then row i has value
// Codes[i]. A vector of a single value without codes holds for every row. Values that codes
// point to need not differ from each other.
type Column struct {
	// Name is the name of the field; for a field inside a structure the path to it, as in
	// ADDRESS.CITY; empty for an unnamed line.
	Name  string
	Field *metadata.Field

	Uint8s   []uint8
	Int16s   []int16
	Int32s   []int32
	Int64s   []int64
	Float64s []float64
	Width    int
	Fixed    []byte
	Bytes    []byte
	Offsets  []uint32 // one more than values
	Lines    *Table
	Codes    []uint32
}

// New makes an empty table with the columns of a line type.
func New(line *metadata.Type) *Table {
	t := &Table{Type: line}
	t.flatten(line, "")
	return t
}

func (t *Table) flatten(line *metadata.Type, prefix string) {
	for i := range line.Fields {
		f := &line.Fields[i]
		name := f.Name
		if prefix != "" {
			name = prefix + "." + name
		}
		if f.Kind.IsStructure() {
			t.flatten(f.Type, name)
			continue
		}
		c := Column{Name: name, Field: f}
		switch StorageOf(f.Kind) {
		case Fixed:
			c.Width = FixedWidth(f)
		case Texts:
			c.Offsets = []uint32{0}
		case Tables:
			c.Offsets = []uint32{0}
			c.Lines = New(f.Type)
		default:
		}
		t.Columns = append(t.Columns, c)
	}
}

// Column finds a column by name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Storage says which vector of a Column a kind uses.
type Storage uint8

// The vectors. Bytes with Offsets is Texts, whether the bytes are characters or not; Offsets
// with Lines is Tables.
const (
	Uint8s Storage = iota
	Int16s
	Int32s
	Int64s
	Float64s
	Fixed
	Texts
	Tables
)

// StorageOf gives the vector of a kind. Structures have none: they are flattened.
func StorageOf(k metadata.Kind) Storage {
	switch k {
	case metadata.Int1:
		return Uint8s
	case metadata.Int2, metadata.TMinute, metadata.CDay:
		return Int16s
	case metadata.Int4, metadata.DTDay, metadata.DTWeek, metadata.DTMonth, metadata.TSecond:
		return Int32s
	case metadata.Int8, metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		return Int64s
	case metadata.Float:
		return Float64s
	case metadata.Packed, metadata.Date, metadata.Time, metadata.DecFloat16, metadata.DecFloat34:
		return Fixed
	case metadata.Table:
		return Tables
	default:
		return Texts
	}
}

// FixedWidth is the number of bytes of a value in Column.Fixed, 0 for kinds that do not use
// it.
func FixedWidth(f *metadata.Field) int {
	switch f.Kind {
	case metadata.Date:
		return 8
	case metadata.Time:
		return 6
	case metadata.Packed:
		return f.Length
	case metadata.DecFloat16:
		return 8
	case metadata.DecFloat34:
		return 16
	default:
		return 0
	}
}

// Values is the number of values in the vector.
func (c *Column) Values() int {
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		return len(c.Uint8s)
	case Int16s:
		return len(c.Int16s)
	case Int32s:
		return len(c.Int32s)
	case Int64s:
		return len(c.Int64s)
	case Float64s:
		return len(c.Float64s)
	case Fixed:
		return len(c.Fixed) / c.Width
	default:
		return len(c.Offsets) - 1
	}
}

// Index is the position of the value of a row in the vector.
func (c *Column) Index(row int) int {
	switch {
	case len(c.Codes) > 0:
		return int(c.Codes[row])
	case c.Values() == 1:
		return 0
	}
	return row
}

// Text gives the text of a row of kind C, N or g, as a copy.
func (c *Column) Text(row int) string { return string(c.Value(row)) }

// Value gives the bytes of a row of kind C, N, g, X, y or of one that uses Fixed. They alias
// the column.
func (c *Column) Value(row int) []byte {
	i := c.Index(row)
	if c.Width > 0 {
		return c.Fixed[i*c.Width : (i+1)*c.Width : (i+1)*c.Width]
	}
	return c.Bytes[c.Offsets[i]:c.Offsets[i+1]:c.Offsets[i+1]]
}

// Check reports a table whose vectors contradict its number of rows or each other.
func (t *Table) Check() error {
	for i := range t.Columns {
		c := &t.Columns[i]
		n := c.Values()
		switch {
		case len(c.Codes) > 0 && len(c.Codes) != t.Rows:
			return fmt.Errorf("column %s: %d codes for %d rows", c.Name, len(c.Codes), t.Rows)
		case len(c.Codes) == 0 && n != t.Rows && n != 1:
			return fmt.Errorf("column %s: %d values for %d rows", c.Name, n, t.Rows)
		}
		for _, code := range c.Codes {
			if int(code) >= n {
				return fmt.Errorf("column %s: code %d for %d values", c.Name, code, n)
			}
		}
		if err := c.checkOffsets(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Column) checkOffsets() error {
	end := uint64(len(c.Bytes))
	if c.Lines != nil {
		end = uint64(c.Lines.Rows)
	}
	for i, o := range c.Offsets {
		if uint64(o) > end || i > 0 && o < c.Offsets[i-1] {
			return fmt.Errorf("column %s: offset %d of value %d is out of order", c.Name, o, i)
		}
	}
	if c.Lines != nil {
		if err := c.Lines.Check(); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return nil
}

// AppendZeros appends n zeros to the vector of a column of numbers; it does nothing for
// other columns.
func (c *Column) AppendZeros(n int) {
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		c.Uint8s = append(c.Uint8s, make([]uint8, n)...)
	case Int16s:
		c.Int16s = append(c.Int16s, make([]int16, n)...)
	case Int32s:
		c.Int32s = append(c.Int32s, make([]int32, n)...)
	case Int64s:
		c.Int64s = append(c.Int64s, make([]int64, n)...)
	case Float64s:
		c.Float64s = append(c.Float64s, make([]float64, n)...)
	default:
	}
}

// Reserve makes room for rows in all, from what the rows so far took, so that filling a
// table of known length moves little.
func (t *Table) Reserve(rows int) {
	if t.Rows == 0 || rows <= t.Rows {
		return
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if len(c.Codes) > 0 {
			c.Codes = slices.Grow(c.Codes, rows-len(c.Codes))
			continue
		}
		if c.Values() < t.Rows {
			continue // one value for all
		}
		switch StorageOf(c.Field.Kind) {
		case Uint8s:
			c.Uint8s = slices.Grow(c.Uint8s, rows-len(c.Uint8s))
		case Int16s:
			c.Int16s = slices.Grow(c.Int16s, rows-len(c.Int16s))
		case Int32s:
			c.Int32s = slices.Grow(c.Int32s, rows-len(c.Int32s))
		case Int64s:
			c.Int64s = slices.Grow(c.Int64s, rows-len(c.Int64s))
		case Float64s:
			c.Float64s = slices.Grow(c.Float64s, rows-len(c.Float64s))
		case Fixed:
			c.Fixed = slices.Grow(c.Fixed, rows*c.Width-len(c.Fixed))
		default:
			c.Offsets = slices.Grow(c.Offsets, rows+1-len(c.Offsets))
			// One eighth more than the rows so far took.
			if n := uint64(len(c.Bytes)) * uint64(rows) / uint64(t.Rows) / 8 * 9; n > uint64(len(c.Bytes)) && n <= math.MaxInt32 {
				c.Bytes = slices.Grow(c.Bytes, int(n)-len(c.Bytes))
			}
		}
	}
}

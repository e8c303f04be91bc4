package columns

import (
	"math"

	"github.com/purerfc/purerfc/metadata"
)

const (
	zeroDigits    = "0000000000000000"
	initialDecF16 = "\x00\x00\x00\x00\x00\x00\x38\x22"                                 // zero with exponent 0 [capture]
	initialDecF34 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x22" // [impl]
)

// AppendInitial appends the bytes of the initial value of a field as Column.Fixed or
// Column.Bytes hold them: digits 0 for N, D and T in full width, packed zero with sign C,
// decimal floating point zero with exponent 0; nothing for C, X, g, y and all other kinds.
//
// Source: spec 20.1 and 20.6.
func AppendInitial(dst []byte, f *metadata.Field) []byte {
	n := 0
	switch f.Kind {
	case metadata.DecFloat16:
		return append(dst, initialDecF16...)
	case metadata.DecFloat34:
		return append(dst, initialDecF34...)
	case metadata.Packed:
		for range f.Length - 1 {
			dst = append(dst, 0)
		}
		return append(dst, 0x0c)
	case metadata.Date:
		n = 8
	case metadata.Time:
		n = 6
	case metadata.Numc:
		n = f.Length
	default:
	}
	for ; n > len(zeroDigits); n -= len(zeroDigits) {
		dst = append(dst, zeroDigits...)
	}
	return append(dst, zeroDigits[:n]...)
}

// IsInitialBytes reports whether b, a value in Column.Fixed or Column.Bytes, is the initial
// value of the field. Eight blanks are not the initial date, and a packed zero with sign F is
// not the initial number.
func IsInitialBytes(f *metadata.Field, b []byte) bool {
	switch f.Kind {
	case metadata.DecFloat16:
		return string(b) == initialDecF16
	case metadata.DecFloat34:
		return string(b) == initialDecF34
	case metadata.Packed:
		last := len(b) - 1
		return last >= 0 && b[last] == 0x0c && allBytes(b[:last], 0)
	case metadata.Date, metadata.Time, metadata.Numc:
		return allBytes(b, '0')
	default:
		return len(b) == 0
	}
}

func allBytes(b []byte, c byte) bool {
	for _, x := range b {
		if x != c {
			return false
		}
	}
	return true
}

// IsInitial reports whether a row has the initial value of the field.
func (c *Column) IsInitial(row int) bool {
	i := c.Index(row)
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		return c.Uint8s[i] == 0
	case Int16s:
		return c.Int16s[i] == 0
	case Int32s:
		return c.Int32s[i] == 0
	case Int64s:
		return c.Int64s[i] == 0
	case Float64s:
		return math.Float64bits(c.Float64s[i]) == 0
	case Tables:
		return c.Offsets[i] == c.Offsets[i+1]
	default:
		return IsInitialBytes(c.Field, c.Value(row))
	}
}

// Clear empties the column; its memory is kept for new values.
func (c *Column) Clear() {
	c.Uint8s, c.Int16s, c.Int32s, c.Int64s = c.Uint8s[:0], c.Int16s[:0], c.Int32s[:0], c.Int64s[:0]
	c.Float64s, c.Fixed, c.Bytes, c.Codes = c.Float64s[:0], c.Fixed[:0], c.Bytes[:0], c.Codes[:0]
	if s := StorageOf(c.Field.Kind); s == Texts || s == Tables {
		c.Offsets = append(c.Offsets[:0], 0)
	}
	if c.Lines != nil {
		c.Lines.Clear()
	}
}

// Clear empties the table; its memory is kept for new rows. Do not call it while somebody
// still reads the old ones.
func (t *Table) Clear() {
	t.Rows = 0
	for i := range t.Columns {
		t.Columns[i].Clear()
	}
}

// SetInitial gives every row the initial value, in the memory of a single one.
func (c *Column) SetInitial() {
	c.Clear()
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		c.Uint8s = append(c.Uint8s, 0)
	case Int16s:
		c.Int16s = append(c.Int16s, 0)
	case Int32s:
		c.Int32s = append(c.Int32s, 0)
	case Int64s:
		c.Int64s = append(c.Int64s, 0)
	case Float64s:
		c.Float64s = append(c.Float64s, 0)
	case Fixed:
		c.Fixed = AppendInitial(c.Fixed, c.Field)
	default:
		c.Bytes = AppendInitial(c.Bytes, c.Field)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
}

package columns

import (
	"bytes"
	"math"
)

// Equal reports whether two tables have the same columns, by name and kind, and the same
// values, however they are held: codes and single values do not count. Floats are compared by
// their bits.
func (t *Table) Equal(o *Table) bool {
	if t.Rows != o.Rows {
		return false
	}
	return equalRows(t, 0, o, 0, t.Rows)
}

func equalRows(t *Table, from int, o *Table, ofrom, rows int) bool {
	if len(t.Columns) != len(o.Columns) {
		return false
	}
	for i := range t.Columns {
		c, d := &t.Columns[i], &o.Columns[i]
		if c.Name != d.Name || c.Field.Kind != d.Field.Kind || c.Width != d.Width {
			return false
		}
		for r := range rows {
			if !c.equalValue(from+r, d, ofrom+r) {
				return false
			}
		}
	}
	return true
}

func (c *Column) equalValue(row int, d *Column, drow int) bool {
	i, j := c.Index(row), d.Index(drow)
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		return c.Uint8s[i] == d.Uint8s[j]
	case Int16s:
		return c.Int16s[i] == d.Int16s[j]
	case Int32s:
		return c.Int32s[i] == d.Int32s[j]
	case Int64s:
		return c.Int64s[i] == d.Int64s[j]
	case Float64s:
		return math.Float64bits(c.Float64s[i]) == math.Float64bits(d.Float64s[j])
	case Tables:
		a, n := int(c.Offsets[i]), int(c.Offsets[i+1]-c.Offsets[i])
		b, m := int(d.Offsets[j]), int(d.Offsets[j+1]-d.Offsets[j])
		return n == m && equalRows(c.Lines, a, d.Lines, b, n)
	default:
		return bytes.Equal(c.Value(row), d.Value(drow))
	}
}

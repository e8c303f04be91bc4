package columns

import (
	"fmt"
	"math"
)

// Append appends the rows of o, which has the same line type, to t. Afterwards the columns
// of t have one value for each row, without codes.
func (t *Table) Append(o *Table) error {
	if len(t.Columns) != len(o.Columns) {
		return fmt.Errorf("table of %d columns appended to one of %d", len(o.Columns), len(t.Columns))
	}
	for i := range t.Columns {
		c, d := &t.Columns[i], &o.Columns[i]
		if c.Field.Kind != d.Field.Kind || c.Width != d.Width {
			return fmt.Errorf("column %s: %s appended to %s", c.Name, d.Field.Kind, c.Field.Kind)
		}
		if err := c.expand(t.Rows); err != nil {
			return err
		}
		if err := c.appendRows(d, 0, o.Rows); err != nil {
			return err
		}
	}
	t.Rows += o.Rows
	return nil
}

// expand gives every row a value of its own.
func (c *Column) expand(rows int) error {
	if len(c.Codes) == 0 && c.Values() == rows {
		return nil
	}
	old := *c
	*c = Column{Name: c.Name, Field: c.Field, Width: c.Width}
	if old.Offsets != nil {
		c.Offsets = []uint32{0}
	}
	if old.Lines != nil {
		c.Lines = New(old.Field.Type)
	}
	return c.appendRows(&old, 0, rows)
}

// appendRows appends rows [from,to) of d, which uses the same vector.
func (c *Column) appendRows(d *Column, from, to int) error {
	plain := len(d.Codes) == 0 && d.Values() >= to && !(d.Values() == 1 && to > 1)
	switch {
	case c.Lines != nil:
		return c.appendLines(d, from, to)
	case c.Offsets != nil:
		return c.appendTexts(d, from, to)
	case c.Width > 0 && plain:
		c.Fixed = append(c.Fixed, d.Fixed[from*c.Width:to*c.Width]...)
	case c.Width > 0:
		for row := from; row < to; row++ {
			c.Fixed = append(c.Fixed, d.Value(row)...)
		}
	default:
		c.Uint8s = appendNumbers(c.Uint8s, d.Uint8s, d, from, to)
		c.Int16s = appendNumbers(c.Int16s, d.Int16s, d, from, to)
		c.Int32s = appendNumbers(c.Int32s, d.Int32s, d, from, to)
		c.Int64s = appendNumbers(c.Int64s, d.Int64s, d, from, to)
		c.Float64s = appendNumbers(c.Float64s, d.Float64s, d, from, to)
	}
	return nil
}

// appendNumbers appends rows of one vector; the vectors that a column does not use are empty.
func appendNumbers[T any](dst, src []T, d *Column, from, to int) []T {
	if len(src) == 0 {
		return dst
	}
	for row := from; row < to; row++ {
		dst = append(dst, src[d.Index(row)])
	}
	return dst
}

func (c *Column) appendTexts(d *Column, from, to int) error {
	for row := from; row < to; row++ {
		c.Bytes = append(c.Bytes, d.Value(row)...)
		if uint64(len(c.Bytes)) > math.MaxUint32 {
			return fmt.Errorf("column %s: more than 4 GiB of texts", c.Name)
		}
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	return nil
}

func (c *Column) appendLines(d *Column, from, to int) error {
	for row := from; row < to; row++ {
		i := d.Index(row)
		first, last := int(d.Offsets[i]), int(d.Offsets[i+1])
		for k := range c.Lines.Columns {
			in := &c.Lines.Columns[k]
			if err := in.appendRows(&d.Lines.Columns[k], first, last); err != nil {
				return err
			}
		}
		c.Lines.Rows += last - first
		if uint64(c.Lines.Rows) > math.MaxUint32 {
			return fmt.Errorf("column %s: more than 4 G rows", c.Name)
		}
		c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
	}
	return nil
}

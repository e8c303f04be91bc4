package columns

import (
	"bytes"
	"fmt"
	"math"

	"github.com/purerfc/purerfc/metadata"
)

// Append adds the rows of o behind those of t, whose line type must have the same fields.
// Nothing of o is referred to afterwards.
//
// Codes and single values are kept where they save memory: blocks of a table that come one
// after the other give one dictionary for all. The errors are another type, and more than
// 4 GiB of texts, or 4 Gi rows, in one column; t is then unchanged. Lines that belong to no
// row are an error too.
func (t *Table) Append(o *Table) error {
	if err := t.accepts(o); err != nil {
		return err
	}
	for i := range t.Columns {
		t.Columns[i].appendColumn(&o.Columns[i], t.Rows, o.Rows)
	}
	t.Rows += o.Rows
	return nil
}

func (t *Table) accepts(o *Table) error {
	if len(t.Columns) != len(o.Columns) {
		return fmt.Errorf("append: %d columns to %d", len(o.Columns), len(t.Columns))
	}
	if uint64(t.Rows)+uint64(o.Rows) > math.MaxUint32 {
		return fmt.Errorf("append: more than %d rows", uint32(math.MaxUint32))
	}
	for i := range t.Columns {
		c, d := &t.Columns[i], &o.Columns[i]
		f, g := c.Field, d.Field
		if c.Name != d.Name || f.Kind != g.Kind || f.Kind.Variable() && f.Length != g.Length || f.Kind == metadata.Packed && f.Decimals != g.Decimals {
			return fmt.Errorf("append: column %s of %s to column %s of %s", d.Name, fieldText(g), c.Name, fieldText(f))
		}
		// Rows with the same value may get one of their own.
		if s := StorageOf(f.Kind); (s == Texts || s == Tables) && uint64(c.Offsets[len(c.Offsets)-1])+d.size(o.Rows) > math.MaxUint32 {
			return fmt.Errorf("append: column %s: more than 4 Gi bytes or lines", c.Name)
		}
		if c.Lines != nil {
			if !c.wholeLines() || !d.wholeLines() {
				return fmt.Errorf("append: column %s: lines that belong to no row", c.Name)
			}
			if err := c.Lines.accepts(d.Lines); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// wholeLines reports whether each line belongs to a value.
func (c *Column) wholeLines() bool {
	return c.Offsets[0] == 0 && int(c.Offsets[len(c.Offsets)-1]) == c.Lines.Rows
}

// size is the length of the texts, or the number of lines, of all rows together.
func (c *Column) size(rows int) (n uint64) {
	values := c.Values()
	if len(c.Codes) == 0 && (values != 1 || rows <= 1) {
		return uint64(c.Offsets[values] - c.Offsets[0])
	}
	for r := range rows {
		i := c.Index(r)
		n += uint64(c.Offsets[i+1] - c.Offsets[i])
	}
	return n
}

// appendColumn adds the m rows of o behind the n rows of c.
func (c *Column) appendColumn(o *Column, n, m int) {
	single := func(c *Column, rows int) bool { return len(c.Codes) == 0 && c.Values() == 1 && rows > 1 }
	switch {
	case m == 0:
	case n == 0:
		c.Clear()
		c.appendValues(o)
		c.Codes = append(c.Codes, o.Codes...)
	case len(c.Codes) == 0 && len(o.Codes) == 0 && !single(c, n) && !single(o, m):
		if n == 1 && m == 1 && c.sameValue(0, o, 0) && o.Values() == 1 {
			return // a value that every row has
		}
		c.appendValues(o)
	case len(c.Codes) == 0 && len(o.Codes) == 0 && c.Values() == 1 && o.Values() == 1 && c.sameValue(0, o, 0):
	case len(c.Codes) == 0 && !single(c, n):
		part := o.expanded(m)
		c.appendValues(&part)
	default:
		c.appendCodes(o, n, m)
	}
}

// appendCodes adds rows to a column with codes, or with a single value, which gets codes.
func (c *Column) appendCodes(o *Column, n, m int) {
	if len(c.Codes) == 0 {
		c.Codes = append(c.Codes, make([]uint32, n)...)
	}
	at := c.merge(o, m)
	for r := range m {
		c.Codes = append(c.Codes, at[o.Index(r)])
	}
}

// merge adds the values of o, those that c has already only once if that is easy to know, and
// says where each stands.
func (c *Column) merge(o *Column, rows int) []uint32 {
	base, n := c.Values(), o.Values()
	at := make([]uint32, n)
	if StorageOf(c.Field.Kind) == Tables || base > rows {
		for i := range at {
			at[i] = uint32(base + i)
		}
		c.appendValues(o)
		return at
	}
	known := make(map[string]uint32, base)
	var buf []byte
	for i := range base {
		buf = c.appendKey(buf[:0], i)
		known[string(buf)] = uint32(i)
	}
	var add []uint32
	for i := range n {
		buf = o.appendKey(buf[:0], i)
		k, ok := known[string(buf)]
		if !ok {
			k = uint32(base + len(add))
			known[string(buf)] = k
			add = append(add, uint32(i))
		}
		at[i] = k
	}
	if len(add) == n {
		c.appendValues(o)
		return at
	}
	if len(add) > 0 {
		part := o.values(add)
		c.appendValues(&part)
	}
	return at
}

// appendKey writes the bytes that tell value i of the vector from others.
func (c *Column) appendKey(dst []byte, i int) []byte {
	var v uint64
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		v = uint64(c.Uint8s[i])
	case Int16s:
		v = uint64(c.Int16s[i])
	case Int32s:
		v = uint64(c.Int32s[i])
	case Int64s:
		v = uint64(c.Int64s[i])
	case Float64s:
		v = math.Float64bits(c.Float64s[i])
	case Fixed:
		return append(dst, c.Fixed[i*c.Width:(i+1)*c.Width]...)
	default:
		return append(dst, c.Bytes[c.Offsets[i]:c.Offsets[i+1]]...)
	}
	for range 8 {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// sameValue compares values by their place in the vectors.
func (c *Column) sameValue(i int, o *Column, j int) bool {
	if StorageOf(c.Field.Kind) == Tables {
		return c.Offsets[i] == c.Offsets[i+1] && o.Offsets[j] == o.Offsets[j+1]
	}
	return bytes.Equal(c.appendKey(nil, i), o.appendKey(nil, j))
}

// appendValues adds the vector of o to that of c.
func (c *Column) appendValues(o *Column) {
	c.Uint8s = append(c.Uint8s, o.Uint8s...)
	c.Int16s = append(c.Int16s, o.Int16s...)
	c.Int32s = append(c.Int32s, o.Int32s...)
	c.Int64s = append(c.Int64s, o.Int64s...)
	c.Float64s = append(c.Float64s, o.Float64s...)
	c.Fixed = append(c.Fixed, o.Fixed...)
	switch StorageOf(c.Field.Kind) {
	case Texts:
		// Texts in use lie between the first and the last offset.
		c.Bytes = c.Bytes[:c.Offsets[len(c.Offsets)-1]]
		first, last := o.Offsets[0], o.Offsets[len(o.Offsets)-1]
		shift := uint32(len(c.Bytes)) - first
		c.Bytes = append(c.Bytes, o.Bytes[first:last]...)
		for _, end := range o.Offsets[1:] {
			c.Offsets = append(c.Offsets, end+shift)
		}
	case Tables:
		shift := uint32(c.Lines.Rows)
		for i := range c.Lines.Columns {
			c.Lines.Columns[i].appendColumn(&o.Lines.Columns[i], c.Lines.Rows, o.Lines.Rows)
		}
		c.Lines.Rows += o.Lines.Rows
		for _, end := range o.Offsets[1:] {
			c.Offsets = append(c.Offsets, end+shift)
		}
	default:
	}
}

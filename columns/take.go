package columns

// Take gives a table of the given rows of t in the given order, a row as often as it stands
// there. Dictionaries and single values stay what they are and share memory with t.
// Rows must be smaller than t.Rows.
func (t *Table) Take(rows []uint32) *Table {
	out := &Table{Type: t.Type, Rows: len(rows), Columns: make([]Column, len(t.Columns))}
	for i := range t.Columns {
		out.Columns[i] = t.Columns[i].take(rows, t.Rows)
	}
	return out
}

func (c *Column) take(rows []uint32, of int) Column {
	switch {
	case len(c.Codes) > 0:
		out := *c
		out.Codes = pick(c.Codes, rows)
		return out
	case c.Values() == 1 && of > 0:
		return *c
	}
	return c.values(rows)
}

// values gives a column without codes that has the values at the given places of the vector.
func (c *Column) values(at []uint32) Column {
	out := Column{Name: c.Name, Field: c.Field, Width: c.Width}
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		out.Uint8s = pick(c.Uint8s, at)
	case Int16s:
		out.Int16s = pick(c.Int16s, at)
	case Int32s:
		out.Int32s = pick(c.Int32s, at)
	case Int64s:
		out.Int64s = pick(c.Int64s, at)
	case Float64s:
		out.Float64s = pick(c.Float64s, at)
	case Fixed:
		out.Fixed = make([]byte, 0, len(at)*c.Width)
		for _, i := range at {
			out.Fixed = append(out.Fixed, c.Fixed[int(i)*c.Width:int(i+1)*c.Width]...)
		}
	case Texts:
		out.Offsets = append(make([]uint32, 0, len(at)+1), 0)
		for _, i := range at {
			out.Bytes = append(out.Bytes, c.Bytes[c.Offsets[i]:c.Offsets[i+1]]...)
			out.Offsets = append(out.Offsets, uint32(len(out.Bytes)))
		}
	case Tables:
		var lines []uint32
		out.Offsets = append(make([]uint32, 0, len(at)+1), 0)
		for _, i := range at {
			for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
				lines = append(lines, k)
			}
			out.Offsets = append(out.Offsets, uint32(len(lines)))
		}
		out.Lines = c.Lines.Take(lines)
	}
	return out
}

// Slice gives rows from to to of t, which must exist. Vectors are shared with t; offsets of
// texts then do not begin at 0.
func (t *Table) Slice(from, to int) *Table {
	out := &Table{Type: t.Type, Rows: to - from, Columns: make([]Column, len(t.Columns))}
	for i := range t.Columns {
		out.Columns[i] = t.Columns[i].slice(from, to)
	}
	return out
}

func (c *Column) slice(from, to int) Column {
	out := *c
	switch {
	case len(c.Codes) > 0 && to > from:
		out.Codes = c.Codes[from:to:to]
		return out
	case len(c.Codes) > 0:
		out.Codes = nil // a column without rows
		from, to = 0, 0
	case c.Values() == 1 && to > 0:
		return out
	}
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		out.Uint8s = c.Uint8s[from:to:to]
	case Int16s:
		out.Int16s = c.Int16s[from:to:to]
	case Int32s:
		out.Int32s = c.Int32s[from:to:to]
	case Int64s:
		out.Int64s = c.Int64s[from:to:to]
	case Float64s:
		out.Float64s = c.Float64s[from:to:to]
	case Fixed:
		out.Fixed = c.Fixed[from*c.Width : to*c.Width : to*c.Width]
	case Texts:
		out.Offsets = c.Offsets[from : to+1 : to+1]
	case Tables:
		first, last := c.Offsets[from], c.Offsets[to]
		out.Lines = c.Lines.Slice(int(first), int(last))
		out.Offsets = make([]uint32, 0, to-from+1)
		for _, end := range c.Offsets[from : to+1] {
			out.Offsets = append(out.Offsets, end-first)
		}
	}
	return out
}

func pick[T any](values []T, rows []uint32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = values[r]
	}
	return out
}

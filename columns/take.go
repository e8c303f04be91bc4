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
	out := *c
	if len(c.Codes) == 0 && c.Values() == 1 && of > 0 {
		return out
	}
	if len(c.Codes) > 0 {
		out.Codes = pick(c.Codes, rows)
		return out
	}
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		out.Uint8s = pick(c.Uint8s, rows)
	case Int16s:
		out.Int16s = pick(c.Int16s, rows)
	case Int32s:
		out.Int32s = pick(c.Int32s, rows)
	case Int64s:
		out.Int64s = pick(c.Int64s, rows)
	case Float64s:
		out.Float64s = pick(c.Float64s, rows)
	case Fixed:
		out.Fixed = make([]byte, 0, len(rows)*c.Width)
		for _, r := range rows {
			out.Fixed = append(out.Fixed, c.Value(int(r))...)
		}
	case Texts:
		out.Bytes, out.Offsets = nil, make([]uint32, 1, len(rows)+1)
		for _, r := range rows {
			out.Bytes = append(out.Bytes, c.Value(int(r))...)
			out.Offsets = append(out.Offsets, uint32(len(out.Bytes)))
		}
	case Tables:
		var lines []uint32
		out.Offsets = make([]uint32, 1, len(rows)+1)
		for _, r := range rows {
			for k := c.Offsets[r]; k < c.Offsets[r+1]; k++ {
				lines = append(lines, k)
			}
			out.Offsets = append(out.Offsets, uint32(len(lines)))
		}
		out.Lines = c.Lines.Take(lines)
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

package columns

import "github.com/purerfc/purerfc/metadata"

// Size is an upper bound for the bytes that the values take in the row encoding of OFS1
// (spec 22.5), which decides where a writer closes a block. It looks at the lengths of the
// vectors only. Columns have to have one value for each row.
func (t *Table) Size() int {
	size := t.Rows * ((len(t.Columns) + 7) / 8)
	if t.Type != nil {
		size += t.Rows * structures(t.Type)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		switch StorageOf(c.Field.Kind) {
		case Uint8s:
			size += len(c.Uint8s)
		case Int16s:
			size += 3 * len(c.Int16s)
		case Int32s:
			size += 5 * len(c.Int32s)
		case Int64s:
			size += 10 * len(c.Int64s)
		case Float64s:
			size += 8 * len(c.Float64s)
		case Fixed:
			size += len(c.Fixed)
		case Texts:
			prefix := 5
			if n := c.Field.Length; n > 0 && 3*n < 1<<7 && c.Field.Kind != metadata.String && c.Field.Kind != metadata.XString {
				prefix = 1 // not more than 127 bytes
			}
			size += len(c.Bytes) + prefix*(len(c.Offsets)-1)
		default:
			size += 5*(len(c.Offsets)-1) + c.Lines.Size()
		}
	}
	return size
}

// structures counts the presence bits, in bytes, of the structures inside a row.
func structures(t *metadata.Type) int {
	n := 0
	for i := range t.Fields {
		if f := &t.Fields[i]; f.Kind.IsStructure() {
			n += (len(f.Type.Fields)+7)/8 + structures(f.Type)
		}
	}
	return n
}

// Cells is the number of rows times columns, nested tables included.
func (t *Table) Cells() int {
	n := t.Rows * len(t.Columns)
	for i := range t.Columns {
		if l := t.Columns[i].Lines; l != nil {
			n += l.Cells()
		}
	}
	return n
}

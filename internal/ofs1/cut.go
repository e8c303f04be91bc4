package ofs1

import (
	"encoding/binary"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Room is what is left of a block until a writer closes it. Sizes are upper bounds: a block
// may be closed earlier than spec 22.5 asks for, never later.
type Room struct {
	// Bytes of values in row encoding, rows of parameter tables, and cells.
	Bytes, Rows, Cells int
	// Codepage of texts; 0 is UTF8.
	Codepage int
}

// NewRoom is the room of an empty block.
func NewRoom(codepage int) Room {
	return Room{Bytes: CutBytes, Rows: CutRows, Cells: CutCells, Codepage: codepage}
}

// Full reports whether the block has to be closed.
func (r *Room) Full() bool { return r.Bytes <= 0 || r.Rows <= 0 || r.Cells <= 0 }

// Take gives the end of the rows from from on that go into the block, one row at least if
// there is one, and takes their room. When to is less than t.Rows the block is full.
//
// It looks at each number and each code of the rows once and at the ends of texts only. The
// table must have passed Check.
func (r *Room) Take(t *columns.Table, from int) (to int) {
	to = from
	for step := cutStep; to < t.Rows && !r.Full(); {
		n := min(step, t.Rows-to, r.Rows)
		bytes, cells := r.measure(t, to, to+n)
		if n > 1 && (bytes >= r.Bytes || cells >= r.Cells) {
			step = n / 2 // somewhere among these rows the block ends
			continue
		}
		r.Bytes -= bytes
		r.Cells -= cells
		r.Rows -= n
		to += n
	}
	return to
}

// TakeValue takes the room of a scalar or structure: the first row of t.
func (r *Room) TakeValue(t *columns.Table) {
	bytes, cells := r.measure(t, 0, 1)
	r.Bytes -= bytes
	r.Cells -= cells
}

// cutStep is the number of rows that are measured at once.
const cutStep = 256

// measure gives the value bytes, or a little more, and the cells of rows.
func (r *Room) measure(t *columns.Table, from, to int) (bytes, cells int) {
	rows := to - from
	if rows == 0 {
		return 0, 0
	}
	cells = rows * len(t.Columns)
	switch {
	case !t.Type.Scalar():
		bytes = rows * bitmaps(t.Type)
	case columns.StorageOf(t.Type.Fields[0].Kind) != columns.Texts:
		bytes = rows * max(1, t.Columns[0].Width) // written even if initial
	}
	for i := range t.Columns {
		b, n := r.column(&t.Columns[i], from, to)
		bytes += b
		cells += n
	}
	return bytes, cells
}

// bitmaps is the number of bytes of presence bits of a row when no structure is initial.
func bitmaps(t *metadata.Type) int {
	n := (len(t.Fields) + 7) / 8
	for i := range t.Fields {
		if t.Fields[i].Kind.IsStructure() {
			n += bitmaps(t.Fields[i].Type)
		}
	}
	return n
}

func (r *Room) column(c *columns.Column, from, to int) (bytes, cells int) {
	store := columns.StorageOf(c.Field.Kind)
	if len(c.Codes) == 0 && c.Values() > 1 {
		return r.vector(c, store, from, to)
	}
	if len(c.Codes) == 0 {
		bytes, cells = r.vector(c, store, 0, 1)
		return bytes * (to - from), cells * (to - from)
	}
	last, b, n := -1, 0, 0
	for _, code := range c.Codes[from:to] {
		if int(code) != last {
			last = int(code)
			b, n = r.vector(c, store, last, last+1)
		}
		bytes += b
		cells += n
	}
	return bytes, cells
}

// vector measures values of a column by their place.
func (r *Room) vector(c *columns.Column, store columns.Storage, from, to int) (bytes, cells int) {
	switch store {
	case columns.Uint8s:
		return to - from, 0
	case columns.Int16s:
		return integerBytes(c.Int16s[from:to]), 0
	case columns.Int32s:
		return integerBytes(c.Int32s[from:to]), 0
	case columns.Int64s:
		return integerBytes(c.Int64s[from:to]), 0
	case columns.Float64s:
		return 8 * (to - from), 0
	case columns.Fixed:
		return fixedBytes(c, from, to), 0
	case columns.Tables:
		bytes, cells = r.measure(c.Lines, int(c.Offsets[from]), int(c.Offsets[to]))
		for i := from; i < to; i++ {
			if n := c.Offsets[i+1] - c.Offsets[i]; n > 0 {
				bytes += uvarintLen(uint64(n))
			}
		}
		return bytes, cells
	default:
		return r.texts(c, from, to), 0
	}
}

func (r *Room) texts(c *columns.Column, from, to int) int {
	n := int(c.Offsets[to] - c.Offsets[from])
	if r.Codepage == UTF16LE && c.Field.Kind != metadata.Raw && c.Field.Kind != metadata.XString {
		n *= 2
	}
	if k := c.Field.Kind; k != metadata.String && k != metadata.XString {
		return n + (to-from)*uvarintLen(uint64(2*c.Field.Length))
	}
	for i := from; i < to; i++ {
		n += uvarintLen(2 * uint64(c.Offsets[i+1]-c.Offsets[i]))
	}
	return n
}

func integerBytes[T integer](vec []T) (n int) {
	for _, v := range vec {
		if v != 0 {
			n += uvarintLen(zigzag(int64(v)))
		}
	}
	return n
}

// fixedBytes leaves out initial numbers and dates, which tables are full of.
func fixedBytes(c *columns.Column, from, to int) int {
	w := c.Width
	n := (to - from) * w
	b := c.Fixed[from*w : to*w]
	switch c.Field.Kind {
	case metadata.Date:
		for ; len(b) >= 8; b = b[8:] {
			if binary.LittleEndian.Uint64(b) == 0x3030_3030_3030_3030 {
				n -= 8
			}
		}
	case metadata.Packed:
		for ; len(b) >= w; b = b[w:] {
			if b[w-1] == 0x0c && columns.IsInitialBytes(c.Field, b[:w]) {
				n -= w
			}
		}
	default:
	}
	return n
}

package serialization

import (
	"math"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/metadata"
)

// Network says how blocks of a fast format are compressed.
type Network uint8

const (
	// LAN compresses with LZ4 what becomes an eighth smaller (jco.client.network=LAN).
	LAN Network = iota
	// WAN compresses everything with DEFLATE (jco.client.network=WAN).
	WAN
	// Local compresses nothing: the peer is on the same machine.
	Local
)

// smallCall is the number of bytes below which values without a table stay classic
// (spec 22.6).
const smallCall = 256

// blockWriter writes values as blocks of OFS1, one after the other.
type blockWriter struct {
	w     *Writer
	dst   []byte
	block ofs1.Block
	room  ofs1.Room // that is left in the block
	begun bool      // a block was written
}

// fast writes the section as blocks. It returns false, with nothing written, if the values
// are better off in the classic format.
func (w *Writer) fast(dst []byte, v any) ([]byte, bool, error) {
	if o := w.Options.inDocument(); w.plain.Representation != (Representation{}) || w.plain.Options != o {
		w.plain = newCoder(Representation{}, o)
	}
	src, err := openValues(w.Function, &w.plain, &w.memo, v)
	if err != nil {
		return nil, false, err
	}
	if err := w.checkNames(&src); err != nil {
		return nil, false, err
	}
	b := &w.blocks
	b.w, b.dst = w, dst
	b.block = ofs1.Block{Layout: ofs1.Columns, Requested: b.block.Requested[:0], Values: b.block.Values[:0]}
	if w.Format == RowFast {
		b.block.Layout = ofs1.Rows
	}
	b.room, b.begun = b.newRoom(), false
	list, tables := w.iface.inputs, false
	if w.Reply {
		for _, i := range w.iface.replies {
			if w.wants(i) {
				w.Announced = append(w.Announced, i)
			}
		}
		list = w.Announced
	} else {
		for _, i := range w.iface.outputs {
			if w.wants(i) {
				w.Announced = append(w.Announced, i)
				b.block.Requested = append(b.block.Requested, w.Function.Parameters[i].Name)
				tables = tables || w.Function.Parameters[i].Kind == metadata.Table
			}
		}
	}
	for _, i := range list {
		p := &w.Function.Parameters[i]
		v, supplied := src.get(p, i)
		if !supplied && !w.Reply {
			continue
		}
		tables = tables || p.Kind == metadata.Table
		if err := b.parameter(i, p, v, supplied); err != nil {
			return nil, false, at(p.Name, err)
		}
	}
	if !w.Reply && !tables && !b.begun && b.newRoom().Bytes-b.room.Bytes < smallCall {
		return dst, false, nil
	}
	if err := b.flush(); err != nil {
		return nil, false, err
	}
	return b.dst, true, nil
}

// parameter adds the value of a parameter.
func (b *blockWriter) parameter(i int, p *metadata.Parameter, v value, supplied bool) error {
	c := &b.w.plain
	if p.Kind == metadata.Table {
		return b.table(p, v, supplied)
	}
	t := columns.New(b.w.iface.lines[i])
	t.Rows = 1
	var err error
	switch {
	case !supplied:
		initialInto(t.Columns, 1)
	case v.o != nil:
		err = alone(c.fieldInto(t.Columns, v.o, placed{base: v.p, n: 1}, 0))
	default:
		err = c.anyIntoField(t.Columns, paramCell(p, c), v.v)
	}
	if err != nil {
		return err
	}
	b.room.TakeValue(t)
	return b.add(p, t, 0, 1, false)
}

// table adds the rows of a table, in as many blocks as it takes.
func (b *blockWriter) table(p *metadata.Parameter, v value, supplied bool) error {
	c := &b.w.plain
	t := columns.New(p.Type)
	if !supplied {
		return b.add(p, t, 0, 0, false)
	}
	var rows rowsOf
	var err error
	if v.o != nil {
		rows, err = c.tableOp(v.o, v.p)
	} else {
		rows, err = c.tableValue(&p.Field, v.v)
	}
	if err != nil {
		return err
	}
	b.w.openSource(&rows)
	// Rows before start are in blocks, those before taken have their room.
	start, taken, sent := 0, 0, false
	spare, fit := columns.New(p.Type), 0 // rows that fit a block
	err = rows.chunks(rowsAtATime(p.Type), func(g placed) error {
		if err := c.rowsInto(t, rows.elem, g); err != nil {
			return inRow(err)
		}
		if before := b.room; g.from == 0 {
			taken = b.room.Take(t, 0)
			fit = min(rows.n, ofs1.CutRows, maxBlockCells/len(t.Columns), g.n+taken*(ofs1.CutBytes/max(1, before.Bytes-b.room.Bytes)))
			t.Reserve(fit)
		}
		for taken = b.room.Take(t, taken); b.room.Full(); taken = b.room.Take(t, taken) {
			if err := b.add(p, t, start, taken, sent); err != nil {
				return err
			}
			start, sent = taken, true
		}
		switch {
		case start == t.Rows:
			t.Clear()
		case start > 0:
			spare.Clear()
			if err := spare.Append(t.Slice(start, t.Rows)); err != nil {
				return err
			}
			t, spare = spare, t
			t.Reserve(fit)
		default:
			return nil
		}
		start, taken = 0, t.Rows
		return nil
	})
	if err != nil || sent && t.Rows == 0 {
		return err
	}
	return b.add(p, t, 0, t.Rows, sent)
}

// rowsAtATime is how many rows are added between two looks at the size of a block: about a
// sixteenth of one.
func rowsAtATime(line *metadata.Type) int {
	return max(1, min(chunkRows, ofs1.CutBytes/16/max(1, line.Layout(2).Total)))
}

// newRoom is the room of an empty block: partners that read only one get everything in it.
func (b *blockWriter) newRoom() ofs1.Room {
	if b.w.OneBlock && !b.w.Reply {
		return ofs1.Room{Bytes: math.MaxInt, Rows: math.MaxInt, Cells: math.MaxInt}
	}
	room := ofs1.NewRoom(ofs1.UTF8)
	room.Cells = maxBlockCells
	return room
}

// add puts rows from to to of a value, which have taken their room, into the block and writes
// it if it is full.
func (b *blockWriter) add(p *metadata.Parameter, t *columns.Table, from, to int, continued bool) error {
	b.block.Values = append(b.block.Values, ofs1.Value{Name: p.Name, Field: p.Field, Table: t, From: from, To: to, Continued: continued})
	if b.room.Full() {
		return b.flush()
	}
	return nil
}

// flush writes the block.
func (b *blockWriter) flush() error {
	if len(b.block.Values) == 0 && len(b.block.Requested) == 0 {
		return nil
	}
	dst, start := chain.Begin(b.dst, chain.OFS1)
	dst, err := b.w.encoder.AppendBlock(dst, &b.block, b.w.policy())
	if err != nil {
		return err
	}
	b.dst = chain.Finish(dst, chain.OFS1, start)
	b.block.Requested, b.block.Values = b.block.Requested[:0], b.block.Values[:0]
	b.room, b.begun = b.newRoom(), true
	return b.w.flush(&b.dst)
}

// policy says how blocks are compressed. The blocks of a request are the only word that a host
// has about the network (spec 22.6 knows no other), so a caller on a slow one compresses even
// those that hardly become smaller.
func (w *Writer) policy() ofs1.Policy {
	switch w.Network {
	case WAN:
		if !w.Reply {
			return ofs1.Policy{Compression: ofs1.Deflate}
		}
		return ofs1.WAN
	case Local:
		return ofs1.Policy{}
	default:
		return ofs1.LAN
	}
}

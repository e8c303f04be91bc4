package serialization

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/metadata"
)

// ErrFormat: a block of a fast format cannot be read; *FormatError.
var ErrFormat = errors.New("fast format cannot be read")

// FormatError says why a block of a fast format cannot be read. A host answers it before
// anything was executed, with this text (spec 22.6).
type FormatError struct {
	Err error
}

// Error implements error: "OFS: ...".
func (e *FormatError) Error() string { return "OFS: " + e.Err.Error() }

// Unwrap gives ErrFormat. The cause is part of the text only: a broken block is not a broken
// conversation.
func (e *FormatError) Unwrap() error { return ErrFormat }

// fastState is what a section knows of the blocks of its message.
type fastState struct {
	decoder  ofs1.Decoder
	blocks   int
	deflated bool
	last     int // parameter of the last value, which may go on in the next block
	ended    bool
}

func (f *fastState) reset() {
	f.decoder.Reset()
	f.blocks, f.last, f.ended = 0, nothing, false
}

// fastBlock takes item 7e01.
func (s *Section) fastBlock(it chain.Item) error {
	if !s.AllowFast {
		return s.fail(it, "the classic format: no other was offered here", "a block of OFS1")
	}
	if s.fast.ended {
		return s.fail(it, "blocks next to each other", "another item between two of them")
	}
	if err := s.blockValues(it); err != nil {
		if _, ok := errors.AsType[*LimitError](err); ok {
			return err
		}
		return &FormatError{err}
	}
	s.fast.blocks++
	return nil
}

func (s *Section) blockValues(it chain.Item) error {
	var b ofs1.Block
	if err := s.fast.decoder.Decode(it.Value, &b); err != nil {
		return err
	}
	h, err := ofs1.DecodeHeader(it.Value)
	if err != nil {
		return err
	}
	s.fast.deflated = h.Compression == ofs1.Deflate
	if s.format = ColumnFast; h.Layout == ofs1.Rows {
		s.format = RowFast
	}
	for _, name := range b.Requested {
		if i, err := s.resolve(it, []byte(name)); err != nil {
			return err
		} else if i >= 0 && !s.wanted[i] {
			s.wanted[i] = true
			s.requested = append(s.requested, i)
		}
	}
	for k := range b.Values {
		if err := s.fastValue(it, &b.Values[k]); err != nil {
			return at(b.Values[k].Name, err)
		}
	}
	return nil
}

// fastValue takes one value of a block.
func (s *Section) fastValue(it chain.Item, v *ofs1.Value) error {
	i := s.fast.last
	if !v.Continued {
		s.endFastTable()
		var err error
		if i, err = s.resolve(it, []byte(v.Name)); err != nil {
			return err
		}
		if i, err = s.claim(it, i); err != nil {
			return err
		}
	}
	s.fast.last = i
	if i < 0 {
		return nil
	}
	p, sl := &s.f.Parameters[i], &s.slots[i]
	if (p.Kind == metadata.Table) != (v.Field.Kind == metadata.Table) || p.Kind.IsStructure() != v.Field.Kind.IsStructure() {
		return &StaleError{Want: typeText(&p.Field), Got: v.Field.Kind.String()}
	}
	t, err := v.Table.As(s.iface.lines[i], false)
	if err != nil {
		return &StaleError{Want: typeText(&p.Field), Got: err.Error()}
	}
	sl.kind = slotColumns
	if fn := s.stream[i]; fn != nil {
		if t.Rows > 0 {
			return fn(RowData{table: t, n: t.Rows})
		}
		return nil
	}
	sl.blocks = append(sl.blocks, t)
	return nil
}

// endFastTable marks a streamed table as read when another value begins.
func (s *Section) endFastTable() {
	if i := s.fast.last; i >= 0 && s.stream[i] != nil {
		s.slots[i].kind = slotSpent
	}
}

// Compressed reports whether the blocks of the message were compressed as far as possible, as
// over a slow network.
func (s *Section) Compressed() bool { return s.fast.blocks > 0 && s.fast.deflated }

// fastAny gives a value of a fast format as its default Go type.
func (s *Section) fastAny(i int) (any, error) {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	switch {
	case p.Kind.IsStructure():
		return s.plain.paramsFromColumns(sl.blocks[0].Columns, p.Type, 0)
	case p.Kind != metadata.Table:
		return s.plain.columnValue(&sl.blocks[0].Columns[0], 0)
	}
	slice := reflect.New(reflect.SliceOf(defaultRow(p.Type))).Elem()
	elem, err := s.plain.planElem(slice.Type().Elem(), p.Type)
	if err != nil {
		return nil, err
	}
	if err := s.fastRows(sl.blocks, elem, slice); err != nil {
		return nil, err
	}
	return slice.Interface(), nil
}

// fastScan stores a value of a fast format in the Go location of o.
func (s *Section) fastScan(i int, o *op, to unsafe.Pointer) error {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	one := placed{base: to, size: o.typ.Size(), n: 1}
	switch {
	case p.Kind.IsStructure():
		return alone(s.plain.fieldFromColumns(sl.blocks[0].Columns, o, one, 0))
	case p.Kind != metadata.Table:
		return alone(s.plain.columnInto(&sl.blocks[0].Columns[0], o, one, 0))
	case o.code == opTable:
		return s.fastRows(sl.blocks, o.elem, reflect.NewAt(o.typ, to).Elem())
	}
	v, err := s.fastAny(i)
	if err != nil {
		return err
	}
	return o.store(to, v)
}

// fastRows fills a slice with the rows of all blocks.
func (s *Section) fastRows(blocks []*columns.Table, elem *elemPlan, slice reflect.Value) error {
	n := 0
	for _, t := range blocks {
		n += t.Rows
	}
	sizeSlice(slice, n)
	at0 := 0
	for _, t := range blocks {
		if t.Rows == 0 {
			continue
		}
		// The array of the slice has n elements of this size.
		base := unsafe.Add(slice.UnsafePointer(), uintptr(at0)*elem.typ.Size())
		if err := s.plain.fromColumns(t, elem, placed{base: base, size: elem.typ.Size(), n: t.Rows}); err != nil {
			if e, ok := err.(*rowError); ok { //nolint:errorlint // made by fromColumns, never wrapped
				return atRow(at0+e.row, e.err)
			}
			return err
		}
		at0 += t.Rows
	}
	return nil
}

// rowsOfBlocks yields the rows of a table of a fast format.
func rowsOfBlocks[T any](s *Section, p *metadata.Parameter, blocks []*columns.Table, yield func(T, error) bool) {
	var zero T
	d, err := NewRowDecoder[T](p, s.plain.Representation, s.Options)
	if err != nil {
		yield(zero, err)
		return
	}
	chunk := make([]T, chunkRows)
	for _, t := range blocks {
		for i := 0; i < t.Rows; i += len(chunk) {
			chunk = chunk[:min(t.Rows-i, chunkRows)]
			clear(chunk)
			if err := d.DecodeRows(RowData{table: t, n: t.Rows}, i, chunk); err != nil {
				yield(zero, at(p.Name, err))
				return
			}
			for _, row := range chunk {
				if !yield(row, nil) {
					return
				}
			}
		}
		d.Before += t.Rows
	}
}

// fastColumns joins the blocks of a table.
func fastColumns(blocks []*columns.Table, line *metadata.Type) (*columns.Table, error) {
	switch len(blocks) {
	case 0:
		return columns.New(line), nil
	case 1:
		return blocks[0], nil
	}
	rows := 0
	for _, t := range blocks {
		rows += t.Rows
	}
	all := columns.New(line)
	for i, t := range blocks {
		if err := all.Append(t); err != nil {
			return nil, err
		}
		if i == 0 {
			all.Reserve(rows)
		}
	}
	return all, nil
}

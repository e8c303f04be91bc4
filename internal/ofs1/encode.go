package ofs1

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Encoder writes blocks. It keeps type numbers and working memory between blocks. The zero
// Encoder is ready. It is not safe for concurrent use; equal blocks give equal bytes on every
// Encoder.
type Encoder struct {
	types    typeWriter
	plans    map[*metadata.Type]*plan
	sources  []*source // in use: [:used]
	used     int
	cells    int
	names    map[string]struct{}
	wide     bool // texts in code page 4103
	distinct distinct
	codes    []uint32
	keys     []int64
	sizes    []int
	packed   []byte // compressed payload
	deflater deflater

	spareData []byte
	spareEnds []uint32
}

// AppendBlock appends the item of a block to dst, its payload compressed as the policy says.
//
// Small blocks are those of the reference encoder of spec 22.5: the shortest encoding of each
// column. For columns of more than 4096 rows a dictionary is not tried if the first 1024 rows
// show hardly any repetition.
//
// Errors are *ValueError: values that their type cannot hold, text that is not UTF-8 or has
// unpaired surrogates while the code page is UTF8, vectors that contradict each other. dst is
// then returned as it was. Trailing blanks of C and trailing zeros of X are cut off.
func (e *Encoder) AppendBlock(dst []byte, b *Block, p Policy) ([]byte, error) {
	base := len(dst)
	page := b.Codepage
	if page == 0 {
		page = UTF8
	}
	if page != UTF8 && page != UTF16LE {
		return dst, invalid("code page %d, want 4110 or 4103", b.Codepage)
	}
	if b.Layout != Rows && b.Layout != Columns {
		return dst, invalid("%s, want row or columnar", b.Layout)
	}
	e.wide, e.used, e.cells = page == UTF16LE, 0, DefaultCells
	if e.plans == nil || len(e.plans) > maxTypes {
		e.plans = make(map[*metadata.Type]*plan)
	}
	e.types.begin()
	dst = append(dst, magic...)
	dst = append(dst, byte(b.Layout), byte(Uncompressed))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(page))
	dst = append(dst, make([]byte, 12)...)
	defer e.release()
	out, err := e.appendPayload(dst, b)
	if err != nil {
		return dst[:base], err
	}
	return e.seal(out, base, p)
}

// seal compresses the payload and completes the header.
func (e *Encoder) seal(dst []byte, base int, p Policy) ([]byte, error) {
	payload := dst[base+headerSize:]
	raw := len(payload)
	if raw > DefaultRaw {
		return dst[:base], invalid("a block of %d bytes, at most %d; cut it after fewer rows", raw, DefaultRaw)
	}
	sum := crc32.Checksum(payload, castagnoli)
	dst, err := e.compress(dst, base, p)
	if err != nil {
		return dst[:base], err
	}
	h := dst[base:]
	binary.LittleEndian.PutUint32(h[8:], uint32(raw))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(h)-headerSize))
	binary.LittleEndian.PutUint32(h[16:], sum)
	return dst, nil
}

// release lets go of what the block referred to, and of working memory beyond maxKept.
func (e *Encoder) release() {
	kept := cap(e.spareData) + cap(e.packed) + 4*(cap(e.spareEnds)+cap(e.codes)) + 8*(cap(e.keys)+cap(e.sizes))
	if kept > maxKept {
		e.spareData, e.packed, e.spareEnds, e.codes, e.keys, e.sizes = nil, nil, nil, nil, nil, nil
		kept = 0
	}
	for i, s := range e.sources[:e.used] {
		s.release()
		if kept += s.memory(); kept > maxKept || i >= maxSources {
			e.sources[i] = new(source)
		}
	}
	e.sources, e.used = e.sources[:min(len(e.sources), maxSources)], 0
}

func (e *Encoder) appendPayload(dst []byte, b *Block) ([]byte, error) {
	var err error
	dst = appendUvarint(dst, uint64(len(b.Requested)))
	for _, name := range b.Requested {
		if dst, err = appendName(dst, name); err != nil {
			return dst, err
		}
	}
	dst = appendUvarint(dst, uint64(len(b.Values)))
	clear(e.names)
	for i := range b.Values {
		v := &b.Values[i]
		if err := e.once(v.Name); err != nil {
			return dst, err
		}
		if dst, err = e.appendValue(dst, v, b.Layout); err != nil {
			return dst, under(short(v.Name), err)
		}
	}
	return dst, nil
}

// once refuses names that are empty or were there before.
func (e *Encoder) once(name string) error {
	if name == "" {
		return invalid("a value without a name")
	}
	if _, again := e.names[name]; again {
		return under(short(name), invalid("twice in a block"))
	}
	if e.names == nil {
		e.names = make(map[string]struct{})
	}
	e.names[name] = struct{}{}
	return nil
}

func (e *Encoder) plan(t *metadata.Type) *plan {
	p := e.plans[t]
	if p == nil {
		p = newPlan(t, e.plan)
		e.plans[t] = p
	}
	return p
}

func (e *Encoder) appendValue(dst []byte, v *Value, layout Layout) ([]byte, error) {
	dst, err := appendName(dst, v.Name)
	if err != nil {
		return dst, err
	}
	if dst, err = e.types.appendType(dst, &v.Field); err != nil {
		return dst, err
	}
	if err := v.check(); err != nil {
		return dst, err
	}
	p := e.plan(v.Table.Type)
	t, err := e.prepare(p, v.Table, v.From, v.To)
	if err != nil {
		return dst, err
	}
	if v.Field.Kind != metadata.Table {
		dst, _ = e.appendRow(dst, p, t.cols, 0, layout)
		return dst, nil
	}
	return e.appendTable(dst, p, t, 0, t.rows, layout), nil
}

// check compares a value with its type, as far as that does not need the vectors.
func (v *Value) check() error {
	t := v.Table
	switch {
	case t == nil || t.Type == nil:
		return invalid("no table")
	case v.From < 0 || v.To < v.From || v.To > t.Rows:
		return invalid("rows %d to %d of a table of %d", v.From, v.To, t.Rows)
	case v.Field.Kind != metadata.Table && v.To-v.From != 1:
		return invalid("%d rows, want one for %s", v.To-v.From, v.Field.Kind)
	case (v.Field.Kind == metadata.Table || v.Field.Kind.IsStructure()) && t.Type != v.Field.Type && !sameType(t.Type, v.Field.Type):
		return invalid("columns of type %s, want %s", short(t.Type.Name), short(v.Field.Type.Name))
	case v.Field.Kind == metadata.Table || v.Field.Kind.IsStructure():
		return nil
	case !t.Type.Scalar() || !sameScalar(&t.Type.Fields[0], &v.Field):
		return invalid("columns of another type than %s", v.Field.Kind)
	}
	return nil
}

// sameScalar compares what a definition of a scalar says.
func sameScalar(a, b *metadata.Field) bool {
	return a.Kind == b.Kind && (!a.Kind.Variable() || a.Length == b.Length) && (a.Kind != metadata.Packed || a.Decimals == b.Decimals)
}

// appendTable writes the number of rows and rows from to to of a prepared table.
func (e *Encoder) appendTable(dst []byte, p *plan, t *tableSource, from, to int, layout Layout) []byte {
	dst = appendUvarint(dst, uint64(to-from))
	if layout == Columns {
		if to > from {
			dst = e.appendColumns(dst, t)
		}
		return dst
	}
	for r := from; r < to; r++ {
		dst, _ = e.appendRow(dst, p, t.cols, r, layout)
	}
	return dst
}

// appendRow writes a structure in row layout, or the value of an unnamed line, and reports
// whether anything of it is not initial. cols begins with its first column.
func (e *Encoder) appendRow(dst []byte, p *plan, cols []*source, row int, layout Layout) (out []byte, present bool) {
	if p.scalar {
		return e.appendCell(dst, &p.nodes[0], cols[0], row, layout), true
	}
	bitmap := len(dst)
	for range p.bitmap {
		dst = append(dst, 0)
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.f.Kind.IsStructure() {
			begin := len(dst)
			var some bool
			if dst, some = e.appendRow(dst, n.sub, cols[n.col:], row, layout); !some {
				dst = dst[:begin]
				continue
			}
		} else {
			s := cols[n.col]
			if s.isInitial(row) {
				continue
			}
			dst = e.appendCell(dst, n, s, row, layout)
		}
		dst[bitmap+i/8] |= 1 << (i % 8)
		present = true
	}
	return dst, present
}

// appendCell writes a value that is no structure.
func (e *Encoder) appendCell(dst []byte, n *node, s *source, row int, layout Layout) []byte {
	i := s.index(row)
	switch s.store {
	case columns.Uint8s:
		return append(dst, s.column.Uint8s[i])
	case columns.Int16s:
		return appendUvarint(dst, zigzag(int64(s.column.Int16s[i])))
	case columns.Int32s:
		return appendUvarint(dst, zigzag(int64(s.column.Int32s[i])))
	case columns.Int64s:
		return appendUvarint(dst, zigzag(s.column.Int64s[i]))
	case columns.Tables:
		return e.appendTable(dst, n.sub, s.lines, s.lineStart(row), s.lineStart(row+1), layout)
	default:
		return s.values.append(dst, i)
	}
}

// append writes value i.
func (c *cells) append(dst []byte, i int) []byte {
	v := c.at(i)
	if c.width == 0 {
		dst = appendUvarint(dst, uint64(len(v)))
	}
	return append(dst, v...)
}

// size is the number of bytes append writes for a value of n bytes.
func (c *cells) size(n int) int {
	if c.width > 0 {
		return n
	}
	return n + uvarintLen(uint64(n))
}

const maxLen = math.MaxUint32

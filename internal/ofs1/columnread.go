package ofs1

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
)

// The encodings of a column block (spec 22.5).
const (
	encInitial = iota
	encConstant
	encPlain
	encRuns
	encDictionary
	encFrame
	encDelta
	encSparse
	encNested
)

// columnBlocks reads the rows of a table in columnar layout. Its cells have been admitted.
func (d *Decoder) columnBlocks(p *plan, t *columns.Table, rows int) error {
	t.Rows = rows
	if rows == 0 {
		return nil
	}
	return d.columnTree(p, t.Columns, rows)
}

func (d *Decoder) columnTree(p *plan, cols []columns.Column, rows int) error {
	for i := range p.nodes {
		n := &p.nodes[i]
		var err error
		switch {
		case n.f.Kind.IsStructure():
			err = d.columnTree(n.sub, cols[n.col:], rows)
		case n.store == columns.Tables:
			err = member(cols[n.col].Name, d.nestedColumn(n, &cols[n.col], rows))
		default:
			err = inColumn(cols[n.col].Name, d.column(&cols[n.col], n.store, rows))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encoding reads the first byte of a column block.
func (d *Decoder) encoding() (byte, error) {
	if d.p == len(d.b) {
		return 0, fail(d.p, wire.ErrTruncated, "a column", "the end of the payload")
	}
	d.p++
	return d.b[d.p-1], nil
}

func (d *Decoder) column(c *columns.Column, store columns.Storage, rows int) error {
	start := d.p
	enc, err := d.encoding()
	if err != nil {
		return err
	}
	switch enc {
	case encInitial:
		return d.initial(c)
	case encConstant:
		return d.values(c, store, 1)
	case encPlain:
		return d.values(c, store, rows)
	case encRuns:
		return d.runs(c, store, rows)
	case encDictionary:
		return d.dictionary(c, store, rows)
	case encSparse:
		return d.sparse(c, store, rows)
	case encFrame, encDelta:
		switch store {
		case columns.Uint8s:
			c.Uint8s, err = packed(d, c.Uint8s, enc, rows, 0, math.MaxUint8)
		case columns.Int16s:
			c.Int16s, err = packed(d, c.Int16s, enc, rows, math.MinInt16, math.MaxInt16)
		case columns.Int32s:
			c.Int32s, err = packed(d, c.Int32s, enc, rows, math.MinInt32, math.MaxInt32)
		case columns.Int64s:
			c.Int64s, err = packed(d, c.Int64s, enc, rows, math.MinInt64, math.MaxInt64)
		default:
			err = fail(start, wire.ErrMalformed, fmt.Sprintf("an encoding that exists for %s", c.Field.Kind), fmt.Sprint(enc))
		}
		return err
	}
	return fail(start, wire.ErrMalformed, "an encoding 0 to 7", fmt.Sprint(enc))
}

func (d *Decoder) nestedColumn(n *node, c *columns.Column, rows int) error {
	start := d.p
	enc, err := d.encoding()
	if err != nil {
		return err
	}
	if enc == encInitial {
		c.SetInitial()
		return nil
	}
	if enc != encNested {
		return fail(start, wire.ErrMalformed, "encoding 0 or 8 of a table", fmt.Sprint(enc))
	}
	if rows > len(d.b)-d.p {
		return fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d counts", rows), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	total := uint64(0)
	c.Offsets = slices.Grow(c.Offsets, rows)
	for range rows {
		v, err := d.uvarint()
		if err != nil {
			return err
		}
		if v > uint64(d.cells) {
			total = v
		} else {
			total += v
		}
		if total > uint64(d.cells) {
			break // refused below
		}
		c.Offsets = append(c.Offsets, uint32(total))
	}
	lines, err := d.admit(start, total, n.sub)
	if err != nil {
		return err
	}
	start = d.p
	again, err := d.uvarint()
	if err != nil {
		return err
	}
	if again != total {
		return fail(start, wire.ErrMalformed, fmt.Sprintf("%d rows, the sum of the counts", total), fmt.Sprint(again))
	}
	return d.columnBlocks(n.sub, c.Lines, lines)
}

// runs reads (length, value) pairs.
func (d *Decoder) runs(c *columns.Column, store columns.Storage, rows int) error {
	start := d.p
	n, err := d.count("runs", rows)
	if err != nil {
		return err
	}
	if n > (len(d.b)-d.p)/2 {
		return fail(start, wire.ErrTruncated, fmt.Sprintf("%d runs of two bytes at least", n), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	if err := d.makeCodes(c, rows); err != nil {
		return err
	}
	row := 0
	for i := range n {
		at := d.p
		length, err := d.uvarint()
		if err != nil {
			return err
		}
		if length == 0 || length > uint64(rows-row) {
			return fail(at, wire.ErrMalformed, fmt.Sprintf("a run of 1 to %d rows", rows-row), fmt.Sprint(length))
		}
		if err := d.values(c, store, 1); err != nil {
			return err
		}
		run := c.Codes[row : row+int(length)]
		for k := range run {
			run[k] = uint32(i)
		}
		row += int(length)
	}
	if row != rows {
		return fail(start, wire.ErrMalformed, fmt.Sprintf("runs of %d rows together", rows), fmt.Sprint(row))
	}
	return nil
}

// makeCodes reserves the codes of a column.
func (d *Decoder) makeCodes(c *columns.Column, rows int) error {
	if err := d.charge(4 * rows); err != nil {
		return err
	}
	c.Codes = slices.Grow(c.Codes[:0], rows)[:rows]
	return nil
}

// sparse reads presence bits and the values of the rows that have them.
func (d *Decoder) sparse(c *columns.Column, store columns.Storage, rows int) error {
	size := (rows + 7) / 8
	if size > len(d.b)-d.p {
		return fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d bytes of presence bits", size), fmt.Sprint(len(d.b)-d.p))
	}
	present := d.b[d.p : d.p+size]
	if n := rows % 8; n > 0 && present[size-1]>>n != 0 {
		return fail(d.p+size-1, wire.ErrMalformed, "unused presence bits 0", fmt.Sprintf("%#02x", present[size-1]))
	}
	d.p += size
	if err := d.makeCodes(c, rows); err != nil {
		return err
	}
	codes := c.Codes
	if err := d.initial(c); err != nil { // value 0
		return err
	}
	c.Codes = codes
	n := uint32(0)
	for i := range codes {
		bit := uint32(present[i>>3]>>(i&7)) & 1
		n += bit
		codes[i] = n & -bit
	}
	return d.values(c, store, int(n))
}

// dictionary reads different values and the index of each row.
func (d *Decoder) dictionary(c *columns.Column, store columns.Storage, rows int) error {
	start := d.p
	n, err := d.count("values of a dictionary", min(rows, maxDictionary))
	if err != nil {
		return err
	}
	if err := d.values(c, store, n); err != nil {
		return err
	}
	if !d.differ(c, store) {
		return fail(start, wire.ErrMalformed, "different values", "one of them twice")
	}
	if d.p == len(d.b) {
		return fail(d.p, wire.ErrTruncated, "the width of indices", "the end of the payload")
	}
	w := d.b[d.p]
	switch w {
	case 1, 2, 4, 8, 16:
	default:
		return fail(d.p, wire.ErrMalformed, "indices of 1, 2, 4, 8 or 16 bits", fmt.Sprint(w))
	}
	d.p++
	start = d.p
	packed, err := d.packedBytes(rows, int(w))
	if err != nil {
		return err
	}
	if err := d.makeCodes(c, rows); err != nil {
		return err
	}
	if highest := unpackCodes(c.Codes, packed, w); highest >= uint32(n) {
		return fail(start, wire.ErrMalformed, fmt.Sprintf("indices below %d", n), fmt.Sprint(highest))
	}
	return nil
}

// packedBytes takes rows numbers of w bits and checks the bits behind them.
func (d *Decoder) packedBytes(rows, w int) ([]byte, error) {
	n := uint64(rows) * uint64(w)
	size := (n + 7) / 8
	if size > uint64(len(d.b)-d.p) {
		return nil, fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d numbers of %d bits", rows, w), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	b := d.b[d.p : d.p+int(size)]
	d.p += int(size)
	if n %= 8; n > 0 && b[size-1]>>n != 0 {
		return nil, fail(d.p-1, wire.ErrMalformed, "unused bits 0", fmt.Sprintf("%#02x", b[size-1]))
	}
	return b, nil
}

// unpackCodes spreads indices of 1, 2, 4, 8 or 16 bits, the first one lowest, and gives the
// highest.
func unpackCodes(codes []uint32, b []byte, w byte) (highest uint32) {
	switch w {
	case 16:
		b = b[:2*len(codes)]
		for i := range codes {
			v := uint32(binary.LittleEndian.Uint16(b[2*i:]))
			codes[i] = v
			highest = max(highest, v)
		}
	case 8:
		b = b[:len(codes)]
		for i := range codes {
			v := uint32(b[i])
			codes[i] = v
			highest = max(highest, v)
		}
	default:
		per, mask := 8/int(w), uint32(1)<<w-1
		for len(codes) > 0 {
			v := uint32(b[0])
			b = b[1:]
			n := min(per, len(codes))
			for i := range codes[:n] {
				codes[i] = v & mask
				highest = max(highest, v&mask)
				v >>= w
			}
			codes = codes[n:]
		}
	}
	return highest
}

// differ reports whether all values of a column are different.
func (d *Decoder) differ(c *columns.Column, store columns.Storage) bool {
	n := c.Values()
	s := &d.distinct
	s.reset()
	switch store {
	case columns.Uint8s:
		differ(s, c.Uint8s)
	case columns.Int16s:
		differ(s, c.Int16s)
	case columns.Int32s:
		differ(s, c.Int32s)
	case columns.Int64s:
		differ(s, c.Int64s)
	case columns.Float64s:
		// By their bits: 0 and -0 are two values.
		vec := make([]int64, n)
		for i, v := range c.Float64s {
			vec[i] = int64(math.Float64bits(v))
		}
		differ(s, vec)
	default:
		values := cells{width: c.Width, data: c.Fixed, ends: c.Offsets}
		if c.Width == 0 {
			values.data = c.Bytes
		}
		for i := range n {
			s.cell(&values, i)
		}
	}
	return len(s.first) == n
}

func differ[T integer](s *distinct, vec []T) {
	for i, v := range vec {
		s.integer(int64(v), i)
	}
}

// packed reads a frame of reference or differences.
func packed[T integer](d *Decoder, vec []T, enc byte, rows int, lo, hi int64) ([]T, error) {
	start := d.p
	u, err := d.uvarint()
	if err != nil {
		return vec, err
	}
	first := unzigzag(u)
	if first < lo || first > hi {
		return vec, outside(start, lo, hi, first)
	}
	if enc == encDelta {
		return deltas(d, vec, first, rows, lo, hi)
	}
	if d.p == len(d.b) {
		return vec, fail(d.p, wire.ErrTruncated, "the width of offsets", "the end of the payload")
	}
	w := int(d.b[d.p])
	if w > 64 {
		return vec, fail(d.p, wire.ErrMalformed, "offsets of 0 to 64 bits", fmt.Sprint(w))
	}
	d.p++
	if w == 0 {
		return append(vec, T(first)), nil
	}
	start = d.p
	b, err := d.packedBytes(rows, w)
	if err != nil {
		return vec, err
	}
	if err := d.charge(rows * 8); err != nil {
		return vec, err
	}
	vec = slices.Grow(vec, rows)[:rows]
	highest := unpackOffsets(vec, b, w, first)
	if span := uint64(hi) - uint64(first); highest > span {
		return vec, fail(start, wire.ErrMalformed, fmt.Sprintf("offsets up to %d, so that values are %d to %d", span, lo, hi), fmt.Sprint(highest))
	}
	return vec, nil
}

func outside(off int, lo, hi, v int64) error {
	return fail(off, wire.ErrMalformed, fmt.Sprintf("%d to %d", lo, hi), fmt.Sprint(v))
}

// unpackOffsets adds offsets of w bits to first and gives the highest offset.
func unpackOffsets[T integer](vec []T, b []byte, w int, first int64) (highest uint64) {
	mask := uint64(math.MaxUint64) >> (64 - w)
	bit, i := 0, 0
	if w <= 56 { // one load has all bits
		for ; i < len(vec) && bit>>3+8 <= len(b); i++ {
			v := binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask
			bit += w
			highest = max(highest, v)
			vec[i] = T(first + int64(v))
		}
	}
	for ; i < len(vec); i++ {
		v := loadBits(b, bit) & mask
		bit += w
		highest = max(highest, v)
		vec[i] = T(first + int64(v))
	}
	return highest
}

// loadBits gives the 64 bits from a position on, zeros behind the end.
func loadBits(b []byte, bit int) uint64 {
	var buf [16]byte
	copy(buf[:], b[bit>>3:])
	lo, hi := binary.LittleEndian.Uint64(buf[:]), binary.LittleEndian.Uint64(buf[8:])
	if s := bit & 7; s > 0 {
		lo = lo>>s | hi<<(64-s)
	}
	return lo
}

// deltas reads the differences behind the first value.
func deltas[T integer](d *Decoder, vec []T, first int64, rows int, lo, hi int64) ([]T, error) {
	if rows-1 > len(d.b)-d.p {
		return vec, fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d differences", rows-1), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	vec = slices.Grow(vec, rows)[:rows]
	vec[0] = T(first)
	b, p, v := d.b, d.p, first
	for i := 1; i < len(vec); i++ {
		u, next := uvarint(b, p)
		if next < 0 {
			return vec, badNumber(p, next)
		}
		diff := unzigzag(u)
		sum, carry := addSigned(v, diff)
		if carry || sum < lo || sum > hi {
			return vec, line(i, fail(p, wire.ErrMalformed, fmt.Sprintf("a difference that leads to %d to %d", lo, hi), fmt.Sprintf("%d behind %d", diff, v)))
		}
		p, v = next, sum
		vec[i] = T(v)
	}
	d.p = p
	return vec, nil
}

// addSigned reports overflow.
func addSigned(a, b int64) (sum int64, overflow bool) {
	sum = a + b
	return sum, (a^sum)&(b^sum) < 0
}

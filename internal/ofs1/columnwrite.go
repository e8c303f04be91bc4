package ofs1

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/purerfc/purerfc/columns"
)

const (
	// For columns of more rows than exactRows a dictionary is given up when the first
	// sampleRows show more than sampleDistinct different values.
	exactRows      = 4096
	sampleRows     = 1024
	sampleDistinct = sampleRows * 7 / 8
)

// appendColumns writes a column block for each column of a table with one row or more.
func (e *Encoder) appendColumns(dst []byte, t *tableSource) []byte {
	for _, s := range t.cols {
		switch s.store {
		case columns.Uint8s:
			dst = appendIntegers(e, dst, s, s.column.Uint8s)
		case columns.Int16s:
			dst = appendIntegers(e, dst, s, s.column.Int16s)
		case columns.Int32s:
			dst = appendIntegers(e, dst, s, s.column.Int32s)
		case columns.Int64s:
			dst = appendIntegers(e, dst, s, s.column.Int64s)
		case columns.Tables:
			dst = e.appendNested(dst, s)
		default:
			dst = e.appendCells(dst, s)
		}
	}
	return dst
}

// appendNested writes how many lines each row has, and the lines as one table.
func (e *Encoder) appendNested(dst []byte, s *source) []byte {
	if s.lines.rows == 0 {
		return append(dst, encInitial)
	}
	dst = append(dst, encNested)
	for r := range s.rows {
		dst = appendUvarint(dst, uint64(s.starts[r+1]-s.starts[r]))
	}
	dst = appendUvarint(dst, uint64(s.lines.rows))
	return e.appendColumns(dst, s.lines)
}

// choice is the shortest encoding seen so far.
type choice struct {
	enc  byte
	size int
}

// offer takes an encoding that is shorter; encodings are offered in ascending order.
func (c *choice) offer(enc byte, size int) {
	if size < c.size {
		c.enc, c.size = enc, size
	}
}

// indexWidth is the smallest width of indices for n values.
func indexWidth(n int) int {
	switch {
	case n <= 2:
		return 1
	case n <= 4:
		return 2
	case n <= 16:
		return 4
	case n <= 256:
		return 8
	}
	return 16
}

// dictionarySize is the length of a dictionary with n values of size bytes together.
func dictionarySize(n, size, rows int) int {
	return 1 + uvarintLen(uint64(n)) + size + 1 + (rows*indexWidth(n)+7)/8
}

// appendCells writes a column of byte values.
func (e *Encoder) appendCells(dst []byte, s *source) []byte {
	if s.single || s.rows == 1 {
		return s.appendConstant(dst)
	}
	var keys shortKeys
	numbered := len(s.codes) > 0
	if !numbered {
		keys, numbered = e.number(s)
	}
	var m measure
	if numbered {
		if s.different() == 1 {
			return s.appendConstant(dst)
		}
		m = e.measureCodes(s)
	} else {
		m = s.measureValues(keys)
	}
	best := choice{encPlain, 1 + m.size}
	best.offer(encRuns, 1+uvarintLen(uint64(m.runs))+m.runSize)
	if numbered && s.different() <= maxDictionary && !s.varied() {
		best.offer(encDictionary, dictionarySize(s.different(), m.differentSize, s.rows))
	}
	best.offer(encSparse, 1+(s.rows+7)/8+m.filledSize)
	dst = slices.Grow(dst, best.size+slack)
	dst = append(dst, best.enc)
	switch best.enc {
	case encPlain:
		return s.appendPlain(dst)
	case encRuns:
		return s.appendRuns(dst, m.runs)
	case encDictionary:
		dst = appendUvarint(dst, uint64(s.different()))
		for k := range s.different() {
			dst = s.values.append(dst, s.place(k))
		}
		return appendCodes(dst, s.codes, indexWidth(s.different()))
	default:
		return s.appendSparse(dst)
	}
}

// appendConstant writes a column that has the value of its first row everywhere.
func (s *source) appendConstant(dst []byte) []byte {
	if s.isInitial(0) {
		return append(dst, encInitial)
	}
	return s.values.append(append(dst, encConstant), s.index(0))
}

// varied reports whether the first rows of a long column show hardly any repetition, so that
// no dictionary is tried. It depends on the values only, not on how the column holds them.
func (s *source) varied() bool {
	return s.rows > exactRows && int(highest(s.codes[:sampleRows]))+1 > sampleDistinct
}

func highest(codes []uint32) (h uint32) {
	for _, c := range codes {
		h = max(h, c)
	}
	return h
}

// number gives the rows codes in the order of first appearance. It gives up on columns that
// are too varied for a dictionary, and then returns what it found out about their values.
func (e *Encoder) number(s *source) (k shortKeys, ok bool) {
	d := &e.distinct
	d.reset()
	s.coded = slices.Grow(s.coded[:0], s.rows)[:s.rows]
	sample := s.rows
	if s.rows > exactRows {
		sample = sampleRows
	}
	if k = e.shortKeys(s); k.of != nil {
		done := numbers(d, s.coded[:sample], k.of, maxDictionary)
		if done < sample || sample < s.rows && len(d.first) > sampleDistinct {
			return k, false
		}
		if numbers(d, s.coded, k.of, maxDictionary) < s.rows {
			return k, false
		}
	} else {
		for r := range s.coded {
			s.coded[r] = d.cell(&s.values, r)
			if r+1 == sample && sample < s.rows && len(d.first) > sampleDistinct || len(d.first) > maxDictionary {
				return k, false
			}
		}
	}
	s.codes, s.first = s.coded, append(s.first[:0], d.first...)
	return k, true
}

// shortKeys are numbers that stand for the values of rows: equal if and only if the values
// are.
type shortKeys struct {
	of      []int64 // nil if values are too long
	initial int64
}

// shortKeys makes keys of values of up to seven bytes, or of a fixed width of up to eight.
func (e *Encoder) shortKeys(s *source) (k shortKeys) {
	v := &s.values
	if v.width > 8 || v.width == 0 && s.longest > 7 {
		return k
	}
	k.of = slices.Grow(e.keys[:0], s.rows)[:s.rows]
	e.keys = k.of
	var buf [8]byte
	initial := columns.AppendInitial(buf[:0], s.field)
	k.initial = int64(loadShort(initial, 0, len(initial)))
	if v.width > 0 {
		for r := range k.of {
			k.of[r] = int64(loadShort(v.data, r*v.width, v.width))
		}
		return k
	}
	k.initial |= int64(len(initial)) << 56
	last := v.ends[0]
	for r, end := range v.ends[1:] {
		n := int(end - last)
		k.of[r] = int64(loadShort(v.data, int(last), n) | uint64(n)<<56)
		last = end
	}
	return k
}

// loadShort gives the n bytes at b[p:] as a number, n at most 8.
func loadShort(b []byte, p, n int) uint64 {
	if p+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[p:]) & (1<<(8*n) - 1)
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[p+i])
	}
	return v
}

// measure is what encodings of a column are computed from: sizes in bytes.
type measure struct {
	size          int // of all values
	filledSize    int // of those that are not initial
	runs          int
	runSize       int
	differentSize int // of the different values
}

// repeats counts rows that have the value of the row before.
type repeats struct {
	run   int // rows of the current run
	rows  int
	size  int // of their values
	extra int // bytes that lengths of runs take beyond one
}

func (p *repeats) add(size int) {
	p.run++
	p.rows++
	p.size += size
	if p.run == 1<<7 || p.run == 1<<14 || p.run == 1<<21 {
		p.extra++
	}
}

// measureValues measures rows whose values stand one after the other.
func (s *source) measureValues(k shortKeys) (m measure) {
	same, empty := repeats{}, 0
	if k.of != nil {
		empty = s.measureKeys(&m, &same, k)
	} else {
		empty = s.measureTexts(&m, &same)
	}
	m.filledSize = m.size - empty
	m.runs = s.rows - same.rows
	m.runSize = m.size - same.size + m.runs + same.extra
	return m
}

func (s *source) measureKeys(m *measure, same *repeats, k shortKeys) (empty int) {
	width := s.values.width
	for r, key := range k.of {
		size := width
		if size == 0 {
			size = int(uint64(key)>>56) + 1
		}
		m.size += size
		if key == k.initial {
			empty += size
		}
		if r > 0 && key == k.of[r-1] {
			same.add(size)
		} else {
			same.run = 1
		}
	}
	return empty
}

func (s *source) measureTexts(m *measure, same *repeats) (empty int) {
	v := &s.values
	var last []byte
	for r := range s.rows {
		next := v.at(r)
		size := v.size(len(next))
		m.size += size
		if s.initialBytes(next) {
			empty += size
		}
		if r > 0 && sameBytes(next, last) {
			same.add(size)
		} else {
			same.run = 1
		}
		last = next
	}
	return empty
}

// sameBytes is bytes.Equal that looks at the end first, where keys differ.
func sameBytes(a, b []byte) bool {
	n := len(a)
	if n != len(b) {
		return false
	}
	if n >= 8 && binary.LittleEndian.Uint64(a[n-8:]) != binary.LittleEndian.Uint64(b[n-8:]) {
		return false
	}
	return bytes.Equal(a, b)
}

// measureCodes measures rows with codes.
func (e *Encoder) measureCodes(s *source) (m measure) {
	n := s.different()
	sizes := slices.Grow(e.sizes[:0], n)[:n]
	e.sizes = sizes
	initial := -1
	for k := range sizes {
		v := s.values.at(s.place(k))
		sizes[k] = s.values.size(len(v))
		m.differentSize += sizes[k]
		if initial < 0 && s.initialBytes(v) {
			initial = k
		}
	}
	same, rows := repeats{}, 0
	last := s.codes[0] + 1
	for _, code := range s.codes {
		size := sizes[code]
		m.size += size
		if int(code) == initial {
			rows++
		}
		if code == last {
			same.add(size)
		} else {
			same.run, last = 1, code
		}
	}
	m.filledSize = m.size
	if initial >= 0 {
		m.filledSize -= rows * sizes[initial]
	}
	m.runs = s.rows - same.rows
	m.runSize = m.size - same.size + m.runs + same.extra
	return m
}

// slack is how far behind the end of a text a copy may write: it is written over or cut off.
const slack = 32

func (s *source) appendPlain(dst []byte) []byte {
	v := &s.values
	switch {
	case len(s.codes) > 0 && len(s.first) == 0: // values is a dictionary
		for r := range s.rows {
			dst = v.append(dst, s.index(r))
		}
		return dst
	case v.width > 0:
		return append(dst, v.data...)
	}
	// The rows one after the other, with room in dst for all of them.
	last := int(v.ends[0])
	for _, e := range v.ends[1:] {
		end := int(e)
		n := end - last
		dst = appendUvarint(dst, uint64(n))
		if o := len(dst); n <= 32 && last+32 <= len(v.data) && o+32 <= cap(dst) {
			*(*[32]byte)(dst[o : o+32]) = [32]byte(v.data[last:])
			dst = dst[:o+n]
		} else {
			dst = append(dst, v.data[last:end]...)
		}
		last = end
	}
	return dst
}

func (s *source) appendRuns(dst []byte, runs int) []byte {
	dst = appendUvarint(dst, uint64(runs))
	begin := 0
	for r := 1; r <= s.rows; r++ {
		if r < s.rows && s.same(r, begin) {
			continue
		}
		dst = appendUvarint(dst, uint64(r-begin))
		dst = s.values.append(dst, s.index(begin))
		begin = r
	}
	return dst
}

// same reports whether two rows have the same value.
func (s *source) same(a, b int) bool {
	if len(s.codes) > 0 {
		return s.codes[a] == s.codes[b]
	}
	return bytes.Equal(s.values.at(a), s.values.at(b))
}

func (s *source) appendSparse(dst []byte) []byte {
	bitmap := len(dst)
	dst = append(dst, make([]byte, (s.rows+7)/8)...)
	for r := range s.rows {
		if i := s.index(r); !s.initialBytes(s.values.at(i)) {
			dst[bitmap+r/8] |= 1 << (r % 8)
			dst = s.values.append(dst, i)
		}
	}
	return dst
}

// appendCodes packs indices of w bits, the first one lowest.
func appendCodes(dst []byte, codes []uint32, w int) []byte {
	dst = append(dst, byte(w))
	switch w {
	case 16:
		for _, c := range codes {
			dst = append(dst, byte(c), byte(c>>8))
		}
	case 8:
		for _, c := range codes {
			dst = append(dst, byte(c))
		}
	default:
		per := 8 / w
		for len(codes) > 0 {
			n, b := min(per, len(codes)), byte(0)
			for i, c := range codes[:n] {
				b |= byte(c) << (i * w)
			}
			dst = append(dst, b)
			codes = codes[n:]
		}
	}
	return dst
}

// intMeasure is what encodings of a column of integers are computed from.
type intMeasure struct {
	measure
	lowest, highest int64
	deltas          int  // length of the differences
	wide            bool // one of them does not fit
}

// appendIntegers writes a column of integers. b takes one byte for each value, other kinds
// the zigzag form.
func appendIntegers[T integer](e *Encoder, dst []byte, s *source, vec []T) []byte {
	if s.single || s.rows == 1 {
		if s.isInitial(0) {
			return append(dst, encInitial)
		}
		return appendInteger(append(dst, encConstant), vec[s.index(0)])
	}
	if len(s.codes) > 0 {
		vec = expand(s.codes, vec)
	} else {
		vec = vec[s.base : s.base+s.rows]
	}
	m := measureIntegers(vec)
	if m.lowest == m.highest {
		if vec[0] == 0 {
			return append(dst, encInitial)
		}
		return appendInteger(append(dst, encConstant), vec[0])
	}
	best := choice{encPlain, 1 + m.size}
	best.offer(encRuns, 1+uvarintLen(uint64(m.runs))+m.runSize)
	w := bits.Len64(uint64(m.highest) - uint64(m.lowest))
	frame := 1 + uvarintLen(zigzag(m.lowest)) + 1 + int((uint64(s.rows)*uint64(w)+7)/8)
	sparse := 1 + (s.rows+7)/8 + m.filledSize
	behind := min(frame, sparse)
	delta := 1 + uvarintLen(zigzag(int64(vec[0]))) + m.deltas
	if !m.wide {
		behind = min(behind, delta)
	}
	codes, n, size := codesOfIntegers(e, vec, min(best.size-1, behind))
	if n > 0 {
		best.offer(encDictionary, size)
	}
	best.offer(encFrame, frame)
	if !m.wide {
		best.offer(encDelta, delta)
	}
	best.offer(encSparse, sparse)
	dst = slices.Grow(dst, best.size)
	dst = append(dst, best.enc)
	switch best.enc {
	case encPlain:
		for _, v := range vec {
			dst = appendInteger(dst, v)
		}
	case encRuns:
		dst = appendIntegerRuns(dst, vec, m.runs)
	case encDictionary:
		dst = appendUvarint(dst, uint64(n))
		for _, v := range e.distinct.keys {
			dst = appendInteger(dst, T(v))
		}
		dst = appendCodes(dst, codes, indexWidth(n))
	case encFrame:
		dst = append(appendUvarint(dst, zigzag(m.lowest)), byte(w))
		dst = appendOffsets(dst, vec, m.lowest, w)
	case encDelta:
		dst = appendDeltas(dst, vec)
	default:
		dst = appendIntegerSparse(dst, vec)
	}
	return dst
}

// appendInteger writes one value.
func appendInteger[T integer](dst []byte, v T) []byte {
	if ^T(0) > 0 { // unsigned: b
		return append(dst, byte(v))
	}
	return appendUvarint(dst, zigzag(int64(v)))
}

// integerSize is the number of bytes appendInteger writes.
func integerSize[T integer](v T) int {
	if ^T(0) > 0 {
		return 1
	}
	return uvarintLen(zigzag(int64(v)))
}

// expand gives the value of each row.
func expand[T integer](codes []uint32, vec []T) []T {
	out := make([]T, len(codes))
	for i, c := range codes {
		out[i] = vec[c]
	}
	return out
}

func measureIntegers[T integer](vec []T) (m intMeasure) {
	last, begin := vec[0], 0
	lo, hi := last, last
	empty := 0
	add := func(rows int) {
		size := integerSize(last)
		m.size += rows * size
		m.runs++
		m.runSize += uvarintLen(uint64(rows)) + size
		m.deltas += rows - 1
		if last == 0 {
			empty += rows * size
		}
	}
	for r, v := range vec {
		if v == last {
			continue
		}
		add(r - begin)
		diff := int64(v) - int64(last)
		m.wide = m.wide || (int64(v)^int64(last))&(int64(v)^diff) < 0
		m.deltas += uvarintLen(zigzag(diff))
		last, begin = v, r
		lo, hi = min(lo, v), max(hi, v)
	}
	add(len(vec) - begin)
	m.filledSize = m.size - empty
	m.lowest, m.highest = int64(lo), int64(hi)
	return m
}

func codesOfIntegers[T integer](e *Encoder, vec []T, limit int) (codes []uint32, n, size int) {
	if dictionarySize(2, 2, len(vec)) > limit {
		return nil, 0, 0
	}
	d := &e.distinct
	d.reset()
	codes = slices.Grow(e.codes[:0], len(vec))[:len(vec)]
	e.codes = codes
	done := len(vec)
	if done > exactRows {
		if numbers(d, codes[:sampleRows], vec, sampleDistinct) < sampleRows {
			return nil, 0, 0
		}
	}
	if numbers(d, codes, vec, mostDifferent(limit, done)) < done {
		return nil, 0, 0
	}
	for _, v := range d.keys {
		size += integerSize(T(v))
	}
	if size = dictionarySize(len(d.keys), size, len(vec)); size > limit {
		return nil, 0, 0
	}
	return codes, len(d.keys), size
}

// mostDifferent is the largest number of values of one byte each with which a dictionary is
// not longer than limit.
func mostDifferent(limit, rows int) int {
	for _, n := range []int{maxDictionary, 256, 16, 4, 2} {
		// All but the values, with the largest n of this width.
		if left := limit - dictionarySize(n, 0, rows); left > 0 {
			return min(n, left)
		}
	}
	return 1
}

func appendIntegerRuns[T integer](dst []byte, vec []T, runs int) []byte {
	dst = appendUvarint(dst, uint64(runs))
	begin := 0
	for r := 1; r <= len(vec); r++ {
		if r < len(vec) && vec[r] == vec[begin] {
			continue
		}
		dst = appendInteger(appendUvarint(dst, uint64(r-begin)), vec[begin])
		begin = r
	}
	return dst
}

// appendOffsets packs the distances from lowest in w bits each, the first one lowest.
func appendOffsets[T integer](dst []byte, vec []T, lowest int64, w int) []byte {
	var acc uint64
	used := 0
	for _, v := range vec {
		off := uint64(v) - uint64(lowest)
		acc |= off << used
		if used += w; used >= 64 {
			dst = appendWord(dst, acc)
			used -= 64
			acc = 0
			if used > 0 {
				acc = off >> (w - used)
			}
		}
	}
	for ; used > 0; used -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

func appendWord(dst []byte, v uint64) []byte {
	return append(dst, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

func appendDeltas[T integer](dst []byte, vec []T) []byte {
	last := int64(vec[0])
	dst = appendUvarint(dst, zigzag(last))
	for _, v := range vec[1:] {
		dst = appendUvarint(dst, zigzag(int64(v)-last))
		last = int64(v)
	}
	return dst
}

func appendIntegerSparse[T integer](dst []byte, vec []T) []byte {
	bitmap := len(dst)
	dst = append(dst, make([]byte, (len(vec)+7)/8)...)
	for r, v := range vec {
		if v != 0 {
			dst[bitmap+r/8] |= 1 << (r % 8)
			dst = appendInteger(dst, v)
		}
	}
	return dst
}

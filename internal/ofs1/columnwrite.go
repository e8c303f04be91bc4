package ofs1

import (
	"bytes"
	"math/bits"

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
	if s.single || len(s.codes) > 0 && s.values.len() == 1 || s.rows == 1 {
		if s.isInitial(0) {
			return append(dst, encInitial)
		}
		return s.values.append(append(dst, encConstant), s.index(0))
	}
	var m measure
	if len(s.codes) > 0 {
		m = s.measureCodes()
	} else {
		m = s.measureValues()
	}
	if m.runs == 1 {
		if m.filled == 0 {
			return append(dst, encInitial)
		}
		return s.values.append(append(dst, encConstant), s.index(0))
	}
	best := choice{encPlain, 1 + m.size}
	best.offer(encRuns, 1+uvarintLen(uint64(m.runs))+m.runSize)
	sparse := 1 + (s.rows+7)/8 + m.filledSize
	// A dictionary must be shorter than what comes before it, not than what comes behind.
	codes, n, size := e.codesOf(s, min(best.size-1, sparse))
	if n > 0 {
		best.offer(encDictionary, size)
	}
	best.offer(encSparse, sparse)
	dst = append(dst, best.enc)
	switch best.enc {
	case encPlain:
		return s.appendPlain(dst)
	case encRuns:
		return s.appendRuns(dst, m.runs)
	case encDictionary:
		dst = appendUvarint(dst, uint64(n))
		for k := range n {
			if len(s.codes) == 0 {
				k = int(e.distinct.first[k])
			}
			dst = s.values.append(dst, k)
		}
		return appendCodes(dst, codes, indexWidth(n))
	default:
		return s.appendSparse(dst)
	}
}

// measure is what encodings of a column are computed from.
type measure struct {
	size       int // of all values
	filled     int // values that are not initial
	filledSize int
	runs       int
	runSize    int
}

// add counts a run of rows with the same value of size bytes.
func (m *measure) add(rows, size int, initial bool) {
	m.size += rows * size
	m.runs++
	m.runSize += uvarintLen(uint64(rows)) + size
	if !initial {
		m.filled += rows
		m.filledSize += rows * size
	}
}

func (s *source) measureValues() (m measure) {
	last := s.values.at(0)
	begin := 0
	for r := 1; r < s.rows; r++ {
		v := s.values.at(r)
		if bytes.Equal(v, last) {
			continue
		}
		m.add(r-begin, s.values.size(len(last)), s.initialBytes(last))
		last, begin = v, r
	}
	m.add(s.rows-begin, s.values.size(len(last)), s.initialBytes(last))
	return m
}

func (s *source) measureCodes() (m measure) {
	last, begin := s.codes[0], 0
	run := func(rows int) {
		v := s.values.at(int(last))
		m.add(rows, s.values.size(len(v)), s.initialBytes(v))
	}
	for r, code := range s.codes {
		if code != last {
			run(r - begin)
			last, begin = code, r
		}
	}
	run(s.rows - begin)
	return m
}

// codesOf numbers the values of the rows and gives their number and the length of a column
// with a dictionary; no values if that is above limit.
func (e *Encoder) codesOf(s *source, limit int) (codes []uint32, n, size int) {
	if dictionarySize(2, 2, s.rows) > limit {
		return nil, 0, 0
	}
	if len(s.codes) > 0 {
		if s.rows > exactRows && int(highest(s.codes[:sampleRows])) >= sampleDistinct {
			return nil, 0, 0
		}
		n, total := s.values.len(), 0
		for i := range n {
			total += s.values.size(len(s.values.at(i)))
		}
		if size = dictionarySize(n, total, s.rows); n > maxDictionary || size > limit {
			return nil, 0, 0
		}
		return s.codes, n, size
	}
	d := &e.distinct
	d.reset()
	e.codes = e.codes[:0]
	total := 0
	for r := range s.rows {
		if r == sampleRows && s.rows > exactRows && len(d.first) > sampleDistinct {
			return nil, 0, 0
		}
		k := d.cell(&s.values, r)
		if int(k) >= n {
			n++
			total += s.values.size(len(s.values.at(r)))
			if n > maxDictionary || dictionarySize(n, total, s.rows) > limit {
				return nil, 0, 0
			}
		}
		e.codes = append(e.codes, k)
	}
	return e.codes, n, dictionarySize(n, total, s.rows)
}

func highest(codes []uint32) (h uint32) {
	for _, c := range codes {
		h = max(h, c)
	}
	return h
}

func (s *source) appendPlain(dst []byte) []byte {
	if len(s.codes) == 0 && s.values.width > 0 {
		return append(dst, s.values.data...)
	}
	for r := range s.rows {
		dst = s.values.append(dst, s.index(r))
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
		vec = expand(e, s.codes, vec)
	} else {
		vec = vec[s.base : s.base+s.rows]
	}
	m := measureIntegers(vec)
	switch {
	case m.filled == 0:
		return append(dst, encInitial)
	case m.lowest == m.highest:
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
		for _, i := range e.distinct.first {
			dst = appendInteger(dst, vec[i])
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
func expand[T integer](e *Encoder, codes []uint32, vec []T) []T {
	out := make([]T, len(codes))
	for i, c := range codes {
		out[i] = vec[c]
	}
	return out
}

func measureIntegers[T integer](vec []T) (m intMeasure) {
	last, begin := vec[0], 0
	lo, hi := last, last
	for r, v := range vec {
		if v == last {
			continue
		}
		m.add(r-begin, integerSize(last), last == 0)
		m.deltas += r - begin - 1
		diff := int64(v) - int64(last)
		m.wide = m.wide || (int64(v)^int64(last))&(int64(v)^diff) < 0
		m.deltas += uvarintLen(zigzag(diff))
		last, begin = v, r
		lo, hi = min(lo, v), max(hi, v)
	}
	m.add(len(vec)-begin, integerSize(last), last == 0)
	m.deltas += len(vec) - begin - 1
	m.lowest, m.highest = int64(lo), int64(hi)
	return m
}

func codesOfIntegers[T integer](e *Encoder, vec []T, limit int) (codes []uint32, n, size int) {
	if dictionarySize(2, 2, len(vec)) > limit {
		return nil, 0, 0
	}
	d := &e.distinct
	d.reset()
	e.codes = e.codes[:0]
	total := 0
	for r, v := range vec {
		if r == sampleRows && len(vec) > exactRows && n > sampleDistinct {
			return nil, 0, 0
		}
		k := number(d, vec, r)
		if int(k) >= n {
			n++
			total += integerSize(v)
			if n > maxDictionary || dictionarySize(n, total, len(vec)) > limit {
				return nil, 0, 0
			}
		}
		e.codes = append(e.codes, k)
	}
	return e.codes, n, dictionarySize(n, total, len(vec))
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

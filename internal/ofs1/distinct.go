package ofs1

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// The seed is chosen anew in each process, so that nobody can send values whose hashes collide.
// Results never depend on it: values are numbered in the order of their first appearance.
var (
	seed       = maphash.MakeSeed()
	multiplier = maphash.String(seed, "numbers") | 1
	mixer      = maphash.String(seed, "texts") | 1
)

// cells are byte values: of a fixed width, or value i from ends[i] to ends[i+1].
type cells struct {
	width int
	data  []byte
	ends  []uint32
}

func (c *cells) at(i int) []byte {
	if c.width > 0 {
		return c.data[i*c.width : (i+1)*c.width]
	}
	return c.data[c.ends[i]:c.ends[i+1]]
}

func (c *cells) len() int {
	if c.width > 0 {
		return len(c.data) / c.width
	}
	return len(c.ends) - 1
}

// distinct numbers different values in the order of their first appearance.
type distinct struct {
	slots []uint32 // one more than the number of a value; 0 is free
	shift uint     // a hash keeps 64-shift bits
	first []uint32 // index of the first value of each number
	keys  []int64  // the value itself, where values are integers
	// careful says that texts which agree in their first and last eight bytes were too many for
	// the quick hash.
	careful bool
}

const (
	firstSlots = 256
	maxProbes  = 64
)

func (s *distinct) reset() {
	s.first, s.keys, s.careful = s.first[:0], s.keys[:0], false
	s.resize(firstSlots, 64-8)
}

func (s *distinct) resize(n int, shift uint) {
	s.shift = shift
	if cap(s.slots) < n {
		s.slots = make([]uint32, n)
		return
	}
	s.slots = s.slots[:n]
	clear(s.slots)
}

// put stores number k at the first free slot from h on.
func (s *distinct) put(h uint64, k int) {
	mask := uint64(len(s.slots) - 1)
	for s.slots[h] != 0 {
		h = (h + 1) & mask
	}
	s.slots[h] = uint32(k + 1)
}

func (s *distinct) hash(v []byte) uint64 {
	n := len(v)
	switch {
	case s.careful:
		return maphash.Bytes(seed, v) >> s.shift
	case n >= 8:
		x := binary.LittleEndian.Uint64(v)*multiplier ^ binary.LittleEndian.Uint64(v[n-8:])
		return (x ^ x>>32 + uint64(n)) * mixer >> s.shift
	}
	x := loadShort(v, 0, n) + uint64(n)<<56
	return x * mixer >> s.shift
}

// cell gives the number of value i.
func (s *distinct) cell(c *cells, i int) uint32 {
	v := c.at(i)
	mask := uint64(len(s.slots) - 1)
	h := s.hash(v)
	for probes := 0; s.slots[h] != 0; h = (h + 1) & mask {
		k := s.slots[h] - 1
		if bytes.Equal(c.at(int(s.first[k])), v) {
			return k
		}
		if probes++; probes > maxProbes && !s.careful {
			s.careful = true
			s.spreadCells(c)
			return s.cell(c, i)
		}
	}
	s.first = append(s.first, uint32(i))
	s.slots[h] = uint32(len(s.first))
	if 2*len(s.first) > len(s.slots) {
		s.spreadCells(c)
	}
	return uint32(len(s.first)) - 1
}

func (s *distinct) spreadCells(c *cells) {
	s.resize(2*len(s.slots), s.shift-1)
	for k, j := range s.first {
		s.put(s.hash(c.at(int(j))), k)
	}
}

// integer is an element of the integer vectors.
type integer interface {
	uint8 | int16 | int32 | int64
}

// numbers gives the codes of the values of vec from index i on, as long as there are no more
// than limit different ones. It returns how many codes it wrote.
func numbers[T integer](s *distinct, codes []uint32, vec []T, limit int) int {
	vec = vec[:len(codes)]
	for i, x := range vec {
		v := int64(x)
		h := uint64(v) * multiplier >> s.shift
		if k := s.slots[h]; k != 0 && s.keys[k-1] == v {
			codes[i] = k - 1
			continue
		}
		if codes[i] = s.integer(v, i); len(s.keys) > limit {
			return i
		}
	}
	return len(vec)
}

// integer gives the number of v, found at index i.
func (s *distinct) integer(v int64, i int) uint32 {
	mask := uint64(len(s.slots) - 1)
	h := uint64(v) * multiplier >> s.shift
	for ; s.slots[h] != 0; h = (h + 1) & mask {
		if k := s.slots[h] - 1; s.keys[k] == v {
			return k
		}
	}
	s.first, s.keys = append(s.first, uint32(i)), append(s.keys, v)
	s.slots[h] = uint32(len(s.first))
	if 2*len(s.first) > len(s.slots) {
		s.resize(2*len(s.slots), s.shift-1)
		for k, v := range s.keys {
			s.put(uint64(v)*multiplier>>s.shift, k)
		}
	}
	return uint32(len(s.first)) - 1
}

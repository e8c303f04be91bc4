package ofs1

import (
	"bytes"
	"hash/maphash"
)

// The seed is chosen anew in each process, so that nobody can send values whose hashes collide.
// Results never depend on it: values are numbered in the order of their first appearance.
var (
	seed       = maphash.MakeSeed()
	multiplier = maphash.String(seed, "integers") | 1
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
}

const firstSlots = 256

func (s *distinct) reset() {
	s.first = s.first[:0]
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

// add gives a new number to the value i, at the free slot h, and reports whether the slots
// have to be spread out.
func (s *distinct) add(h uint64, i int) (full bool) {
	s.first = append(s.first, uint32(i))
	s.slots[h] = uint32(len(s.first))
	return 2*len(s.first) > len(s.slots)
}

// cell gives the number of value i.
func (s *distinct) cell(c *cells, i int) uint32 {
	v := c.at(i)
	mask := uint64(len(s.slots) - 1)
	h := maphash.Bytes(seed, v) >> s.shift
	for ; s.slots[h] != 0; h = (h + 1) & mask {
		if k := s.slots[h] - 1; bytes.Equal(c.at(int(s.first[k])), v) {
			return k
		}
	}
	if s.add(h, i) {
		s.resize(2*len(s.slots), s.shift-1)
		mask = uint64(len(s.slots) - 1)
		for k, j := range s.first {
			h := maphash.Bytes(seed, c.at(int(j))) >> s.shift
			for s.slots[h] != 0 {
				h = (h + 1) & mask
			}
			s.slots[h] = uint32(k + 1)
		}
	}
	return uint32(len(s.first)) - 1
}

// integer is an element of the integer vectors.
type integer interface {
	uint8 | int16 | int32 | int64
}

// number gives the number of vec[i].
func number[T integer](s *distinct, vec []T, i int) uint32 {
	v := vec[i]
	mask := uint64(len(s.slots) - 1)
	h := uint64(v) * multiplier >> s.shift
	for ; s.slots[h] != 0; h = (h + 1) & mask {
		if k := s.slots[h] - 1; vec[s.first[k]] == v {
			return k
		}
	}
	if s.add(h, i) {
		s.resize(2*len(s.slots), s.shift-1)
		mask = uint64(len(s.slots) - 1)
		for k, j := range s.first {
			h := uint64(vec[j]) * multiplier >> s.shift
			for s.slots[h] != 0 {
				h = (h + 1) & mask
			}
			s.slots[h] = uint32(k + 1)
		}
	}
	return uint32(len(s.first)) - 1
}

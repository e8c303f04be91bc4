package sapcompress

import (
	"encoding/binary"
	"sync"
)

const (
	lzcClear    = 256 // the clear code in block mode
	lzcMinWidth = 9
)

// lzcTable is the dictionary of a decoder. Each code after the first adds the entry
// "previous string and one byte more", and these bytes stand in the output already, so an
// entry is only the place where its string starts; it ends one byte behind the start of the
// following one. There is no chain to walk and no stack to overrun.
type lzcTable struct{ start []uint32 }

var lzcTables = sync.Pool{New: func() any { return new(lzcTable) }}

// lzcReader reads codes that travel in groups of eight codes.
type lzcReader struct {
	in    []byte
	bit   uint64 // position of the next code in bits
	group uint64 // position where the groups of this width started
	width uint
}

// turn discards the rest of the current group and starts groups of another width.
func (r *lzcReader) turn(width uint) {
	size := uint64(r.width) * 8
	if rest := (r.bit - r.group) % size; rest != 0 {
		r.bit += size - rest
	}
	r.group, r.width = r.bit, width
}

// code reads the next code near the end of the input; ok is false when it is cut off.
func (r *lzcReader) code() (c uint, ok bool) {
	if r.bit+uint64(r.width) > uint64(len(r.in))*8 {
		return 0, false
	}
	at := int(r.bit >> 3)
	var v uint
	for i := range min(3, len(r.in)-at) {
		v |= uint(r.in[at+i]) << (8 * i)
	}
	c = v >> (r.bit & 7) & (1<<r.width - 1)
	r.bit += uint64(r.width)
	return c, true
}

func (r *lzcReader) offset() int {
	return HeaderLen + min(int((r.bit-min(uint64(r.width), r.bit))>>3), len(r.in))
}

// decodeLZC decodes body into o.
func decodeLZC(o *output, body []byte, special uint8) error {
	maxBits := uint(special & lzcBits)
	// No more entries than the body has codes, so the dictionary is bounded by what was
	// received.
	entries := 1<<maxBits + 1
	if codes := uint64(len(body))*8/lzcMinWidth + lzcClear + 2; codes < uint64(entries) {
		entries = int(codes)
	}
	t := lzcTables.Get().(*lzcTable)
	if len(t.start) < entries {
		t.start = make([]uint32, entries)
	}
	err := t.decode(o, body, maxBits, special&lzcBlock != 0)
	lzcTables.Put(t)
	return err
}

func (t *lzcTable) decode(o *output, body []byte, maxBits uint, block bool) error {
	r := lzcReader{in: body, width: lzcMinWidth}
	first := lzcClear // code of the first entry
	if block {
		first++
	}
	capacity := 1 << maxBits
	start, out, base := t.start, o.buf, o.base
	op := base
	entry := first // entry that the string of the next code completes
	fresh := true  // at the start and after a clear: the next code has no previous one
	for op < o.end {
		if entry > 1<<r.width {
			// Width 9 as the maximum goes on to ten bits all the same, with 512 entries, as
			// compress does.
			switch {
			case r.width < maxBits:
				r.turn(r.width + 1)
			case maxBits == lzcMinWidth && r.width == lzcMinWidth:
				r.turn(lzcMinWidth + 1)
			}
		}
		// The quick way: while the width stays and eight input bytes are ahead.
		bit, width := r.bit, uint64(r.width)
		mask := uint64(1)<<width - 1
		lastBit := uint64(0)
		if len(body) >= 8 {
			lastBit = uint64(len(body)-8)*8 + 8
		}
		lastEntry, frozen := 1<<width, 0
		if entry > capacity {
			lastEntry, frozen = entry, 1
		}
		limit := len(out) - 8
		step := 1 - frozen
		if !fresh {
			for bit < lastBit && entry <= lastEntry && op <= limit {
				c := int(binary.LittleEndian.Uint64(body[bit>>3:]) >> (bit & 7) & mask)
				if frozen == 0 {
					start[entry] = uint32(op - base)
				}
				if c < lzcClear {
					out[op] = byte(c)
					op++
					entry += step
					bit += width
					continue
				}
				if c >= entry-frozen || c < first {
					break
				}
				s := base + int(start[c])
				l := int(start[c+1]) - int(start[c]) + 1
				if l > limit-op {
					break
				}
				bit += width
				if l <= 8 {
					binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[s:]))
				} else if l <= 64 {
					for i := 0; i < l; i += 8 {
						binary.LittleEndian.PutUint64(out[op+i:], binary.LittleEndian.Uint64(out[s+i:]))
					}
				} else {
					copy(out[op:op+l], out[s:])
				}
				if c == entry-1 && frozen == 0 {
					out[op+l-1] = out[s] // the string of the entry being made ends with its own first byte
				}
				op += l
				entry += step
			}
			r.bit = bit
			if entry > 1<<width && frozen == 0 {
				continue
			}
		}

		// One code with every check.
		code, ok := r.code()
		if !ok {
			return fail("LZC", "code", HeaderLen+len(body), ErrTruncated, "",
				"the end after "+itoa(op-base)+" of "+itoa(o.end-base)+" plain bytes")
		}
		c := int(code)
		l := 1
		switch {
		case c < lzcClear:
		case fresh:
			return fail("LZC", "code", r.offset(), ErrCorrupt, "a literal as the first code", itoa(c))
		case block && c == lzcClear:
			r.turn(lzcMinWidth)
			entry, fresh = first, true
			continue
		case c >= min(entry, capacity):
			return fail("LZC", "code", r.offset(), ErrCorrupt, "at most "+itoa(min(entry, capacity)-1), itoa(c))
		}
		if entry <= capacity {
			if entry >= len(start) {
				return fail("LZC", "code", r.offset(), ErrCorrupt, "at most "+itoa(len(start))+" entries", itoa(entry))
			}
			start[entry] = uint32(op - base)
		}
		if c >= lzcClear {
			l = int(start[c+1]) - int(start[c]) + 1
		}
		if l > len(out)-op {
			if !o.grow(op, l) {
				return fail("LZC", "uncompressed_length", r.offset(), ErrLength,
					itoa(o.end-base)+" bytes", "at least "+itoa(op-base+l))
			}
			out = o.buf
		}
		if c < lzcClear {
			out[op] = byte(c)
			op++
		} else {
			s := base + int(start[c])
			for stop := op + l; op < stop; {
				op += copy(out[op:stop], out[s:op])
			}
		}
		fresh = false
		if entry <= capacity {
			entry++
		}
	}
	return nil
}

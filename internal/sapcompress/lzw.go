package sapcompress

import (
	"math/bits"
	"sync"
)

// lzcCheckGap is how many input bytes pass between two looks at the ratio once the
// dictionary is full. Source: spec 23.3 [impl].
const lzcCheckGap = 4096

// lzcEncoder is the dictionary of the LZC encoder: an open hash from (string code, next
// byte) to the code of the longer string.
type lzcEncoder struct {
	keys  []uint32 // code << 8 | byte, plus 1; 0 is free
	codes []uint16
}

var lzcEncoders = sync.Pool{New: func() any { return new(lzcEncoder) }}

// lzcWriter writes codes in groups of eight.
type lzcWriter struct {
	dst   []byte
	acc   uint64
	n     uint
	width uint
	group int // length of dst where the groups of this width started
}

func (w *lzcWriter) code(c int) {
	w.acc |= uint64(c) << w.n
	for w.n += w.width; w.n >= 8; w.n -= 8 {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
	}
}

func (w *lzcWriter) flush() {
	if w.n > 0 {
		w.dst = append(w.dst, byte(w.acc))
	}
	w.acc, w.n = 0, 0
}

// turn fills the current group with zeros and starts groups of another width.
func (w *lzcWriter) turn(width uint) {
	w.flush()
	for (len(w.dst)-w.group)%int(w.width) != 0 {
		w.dst = append(w.dst, 0)
	}
	w.group, w.width = len(w.dst), width
}

// AppendLZC appends the LZC block of src, header first, and returns the extended slice. The
// stream is in block mode with codes of at most maxBits bits: 12, 13 or 16, normally 13.
// Once the dictionary is full the ratio is looked at every 4096 input bytes, and a fall
// clears the dictionary. Equal input and width give equal bytes. src is not kept and must
// not overlap the spare capacity of dst.
//
// Errors: ErrHeader for another width, ErrTooLarge for more than [MaxLength] bytes; dst is
// then returned as it was given.
//
// Source: spec 23.3 [experiment].
func AppendLZC(dst, src []byte, maxBits int) ([]byte, error) {
	if maxBits != 12 && maxBits != 13 && maxBits != 16 {
		return dst, fail("LZC", "special", 7, ErrHeader, "code width 12, 13 or 16", itoa(max(maxBits, 0)))
	}
	if uint64(len(src)) > MaxLength {
		return dst, fail("LZC", "uncompressed_length", 0, ErrTooLarge, "at most "+itoa(uint64(MaxLength)), itoa(len(src)))
	}
	dst = appendHeader(dst, len(src), LZC, lzcBlock|uint8(maxBits))
	if len(src) == 0 {
		return dst, nil
	}
	z := lzcEncoders.Get().(*lzcEncoder)
	dst = z.encode(dst, src, uint(maxBits))
	lzcEncoders.Put(z)
	return dst, nil
}

func (z *lzcEncoder) encode(dst, src []byte, maxBits uint) []byte {
	capacity := 1 << maxBits
	// Twice as many places as entries can come up, so that a probe ends soon.
	size := 2 << bits.Len(uint(min(capacity, len(src))-1))
	if len(z.keys) < size {
		z.keys, z.codes = make([]uint32, size), make([]uint16, size)
	}
	keys, codes := z.keys[:size], z.codes[:size]
	clear(keys)
	mask := uint32(size - 1)
	shift := 32 - uint(bits.Len32(mask))

	const first = lzcClear + 1
	w := lzcWriter{dst: dst, width: lzcMinWidth, group: len(dst)}
	begin := len(dst)
	entry := first // as the decoder counts: the entry that the next code completes
	check, ratio := lzcCheckGap, uint64(0)
	str := int(src[0])
	for pos := 1; ; pos++ {
		slot := uint32(0)
		if pos < len(src) {
			key := uint32(str)<<8 | uint32(src[pos]) + 1
			slot = key * 0x9e3779b1 >> shift
			for keys[slot] != 0 && keys[slot] != key {
				slot = (slot + 1) & mask
			}
			if keys[slot] == key {
				str = int(codes[slot])
				continue
			}
			if entry < capacity {
				keys[slot], codes[slot] = key, uint16(entry)
			}
		}
		if entry > 1<<w.width && w.width < maxBits {
			w.turn(w.width + 1)
		}
		w.code(str)
		if entry <= capacity {
			entry++
		}
		if pos == len(src) {
			break
		}
		str = int(src[pos])
		if entry > capacity && pos >= check {
			check = pos + lzcCheckGap
			now := uint64(pos) << 8 / uint64(len(w.dst)-begin)
			if now > ratio {
				ratio = now
				continue
			}
			w.code(lzcClear)
			w.turn(lzcMinWidth)
			clear(keys)
			entry, ratio = first, 0
		}
	}
	w.flush()
	return w.dst
}

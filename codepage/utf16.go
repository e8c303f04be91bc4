package codepage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Masks over eight bytes, loaded little-endian, that hold four UTF-16 units.
const (
	notASCIILE = 0xff80_ff80_ff80_ff80
	notASCIIBE = 0x80ff_80ff_80ff_80ff
	notTwoLE   = 0xf800_f800_f800_f800
	blanksLE   = 0x0020_0020_0020_0020
	blanksBE   = 0x2000_2000_2000_2000
	highBits   = 0x8080_8080_8080_8080
)

const (
	numberBE = "4102"
	numberLE = "4103"
)

// MaxUTF8Len is the number of bytes that decoding nbyte bytes of UTF-16 needs at
// most: three for each unit, and three for a stray last byte that a lenient
// decoder replaces.
func MaxUTF8Len(nbyte int) int { return (nbyte + 1) >> 1 * 3 }

// narrow packs four ASCII units, one per 16-bit lane, into four bytes.
func narrow(w uint64) uint32 {
	w |= w >> 8
	w &= 0x0000_ffff_0000_ffff
	w |= w >> 16
	return uint32(w)
}

// widen spreads four ASCII bytes over four little-endian 16-bit lanes.
func widen(x uint32) uint64 {
	w := uint64(x)
	w = (w | w<<16) & 0x0000_ffff_0000_ffff
	return (w | w<<8) & 0x00ff_00ff_00ff_00ff
}

// swap16 exchanges the bytes of each 16-bit lane.
func swap16(w uint64) uint64 {
	return w>>8&0x00ff_00ff_00ff_00ff | w<<8&0xff00_ff00_ff00_ff00
}

// decodeLE decodes src into dst and stops at the first unit that cannot be
// decoded. It returns the bytes written and the bytes consumed; consumed ==
// len(src) means success. dst must hold three bytes for each complete unit. Bytes
// of dst behind n may be overwritten.
func decodeLE(dst, src []byte) (n, consumed int) {
	d, s := dst, src
	for {
		// Plain ASCII: eight units in a step, then four.
		for len(s) >= 16 && len(d) >= 8 {
			a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
			if (a|b)&notASCIILE != 0 {
				break
			}
			binary.LittleEndian.PutUint64(d, uint64(narrow(a))|uint64(narrow(b))<<32)
			s, d = s[16:], d[8:]
		}
		if len(s) < 8 || len(d) < 4 {
			break
		}
		w := binary.LittleEndian.Uint64(s)
		if w&notASCIILE == 0 {
			binary.LittleEndian.PutUint32(d, narrow(w))
			s, d = s[8:], d[4:]
			continue
		}
		k, used := decodeMixed(d, s, 0)
		d, s = d[k:], s[used:]
		if used == 0 {
			return len(dst) - len(d), len(src) - len(s)
		}
	}
	// One to three units are left, or none. If the last four of src are plain ASCII,
	// decode them again over what is already there: one store instead of a loop.
	if rest := len(s) >> 1; rest > 0 && len(s)&1 == 0 && len(src) >= 8 {
		w := binary.LittleEndian.Uint64(src[len(src)-8:])
		if at := len(dst) - len(d) - 4 + rest; w&notASCIILE == 0 && at >= 0 && at+4 <= len(dst) {
			binary.LittleEndian.PutUint32(dst[at:at+4], narrow(w))
			return at + 4, len(src)
		}
	}
	k, used := decodeTail(d, s, 0)
	return len(dst) - len(d) + k, len(src) - len(s) + used
}

// decodeBE is decodeLE for big-endian units.
func decodeBE(dst, src []byte) (n, consumed int) {
	d, s := dst, src
	for {
		for len(s) >= 16 && len(d) >= 8 {
			a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
			if (a|b)&notASCIIBE != 0 {
				break
			}
			binary.LittleEndian.PutUint64(d, uint64(narrow(a>>8))|uint64(narrow(b>>8))<<32)
			s, d = s[16:], d[8:]
		}
		if len(s) < 8 || len(d) < 4 {
			break
		}
		w := binary.LittleEndian.Uint64(s)
		if w&notASCIIBE == 0 {
			binary.LittleEndian.PutUint32(d, narrow(w>>8))
			s, d = s[8:], d[4:]
			continue
		}
		k, used := decodeMixed(d, s, 8)
		d, s = d[k:], s[used:]
		if used == 0 {
			return len(dst) - len(d), len(src) - len(s)
		}
	}
	k, used := decodeTail(d, s, 8)
	return len(dst) - len(d) + k, len(src) - len(s) + used
}

// decodeMixed decodes words of four units as long as they are not plain ASCII.
// rot is 0 for little-endian and 8 for big-endian units. A word whose first unit
// is an unpaired surrogate stops it; so does the last incomplete word.
func decodeMixed(dst, src []byte, rot uint) (n, used int) {
	for len(src)-used >= 8 && len(dst)-n >= 12 {
		w := binary.LittleEndian.Uint64(src[used:])
		if rot != 0 {
			w = swap16(w)
		}
		if w&notTwoLE == 0 {
			if w&notASCIILE == 0 && used > 0 {
				return n, used
			}
			// All units take one or two bytes: no branches, because Latin texts
			// switch between the two lengths unpredictably.
			d := dst[n : n+12]
			k := 0
			for range 4 {
				c := w & 0x7ff
				w >>= 16
				two := (0x7f - c) >> 63
				v := c + (0-two)&((c>>6|(c&0x3f)<<8|0x80c0)-c)
				binary.LittleEndian.PutUint16(d[k&7:], uint16(v))
				k += int(1 + two)
			}
			n += k
			used += 8
			continue
		}
		// Three-byte characters of CJK texts come in long runs: test the four at once.
		u0, u1, u2, u3 := uint32(w&0xffff), uint32(w>>16&0xffff), uint32(w>>32&0xffff), uint32(w>>48)
		if three(u0) && three(u1) && three(u2) && three(u3) {
			d := dst[n : n+12]
			e0, e1, e2, e3 := encode3(u0), encode3(u1), encode3(u2), encode3(u3)
			binary.LittleEndian.PutUint32(d[0:], e0|e1<<24)
			binary.LittleEndian.PutUint32(d[4:], e1>>8|e2<<16)
			binary.LittleEndian.PutUint32(d[8:], e2>>16|e3<<8)
			n += 12
			used += 8
			continue
		}
		k, step := decodeUnit(dst[n:], src[used:], rot)
		if step == 0 {
			return n, used
		}
		n += k
		used += step
	}
	if used == 0 {
		// Not even one word fits the remaining room: go by single units.
		return decodeTail(dst, src, rot)
	}
	return n, used
}

// three reports whether u is a unit that takes three bytes in UTF-8.
func three(u uint32) bool { return u >= 0x800 && u-0xd800 >= 0x800 }

// encode3 gives the three UTF-8 bytes of u in the low 24 bits, first byte lowest.
func encode3(u uint32) uint32 {
	return 0x8080e0 | u>>12 | u>>6&0x3f<<8 | u&0x3f<<16
}

// decodeUnit decodes one character; step 0 means that it cannot be decoded. dst
// holds at least three bytes for each unit of src.
func decodeUnit(dst, src []byte, rot uint) (n, step int) {
	if len(src) < 2 || len(dst) < 3 {
		return 0, 0
	}
	u := uint32(bits.RotateLeft16(binary.LittleEndian.Uint16(src), int(rot)))
	switch {
	case u < 0x80:
		dst[0] = byte(u)
		return 1, 2
	case u < 0x800:
		dst[0], dst[1] = 0xc0|byte(u>>6), 0x80|byte(u&0x3f)
		return 2, 2
	case u-0xd800 >= 0x800:
		dst[0], dst[1], dst[2] = 0xe0|byte(u>>12), 0x80|byte(u>>6&0x3f), 0x80|byte(u&0x3f)
		return 3, 2
	case u >= 0xdc00 || len(src) < 4 || len(dst) < 4:
		return 0, 0
	}
	l := uint32(bits.RotateLeft16(binary.LittleEndian.Uint16(src[2:]), int(rot)))
	if l-0xdc00 >= 0x400 {
		return 0, 0
	}
	r := 0x10000 + (u-0xd800)<<10 + (l - 0xdc00)
	dst[0], dst[1] = 0xf0|byte(r>>18), 0x80|byte(r>>12&0x3f)
	dst[2], dst[3] = 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f)
	return 4, 4
}

// decodeTail decodes character by character up to the end or the first problem.
func decodeTail(dst, src []byte, rot uint) (n, used int) {
	for len(src)-used >= 2 {
		k, step := decodeUnit(dst[n:], src[used:], rot)
		if step == 0 {
			break
		}
		n += k
		used += step
	}
	return n, used
}

// utf16Error explains why the unit at offset off cannot be decoded.
func utf16Error(number string, src []byte, off int) *ConversionError {
	e := &ConversionError{Codepage: number, Offset: off, Rune: -1, Reason: ReasonOddLength}
	if len(src)-off >= 2 {
		e.Reason = ReasonSurrogate
		if number == numberBE {
			e.Rune = rune(binary.BigEndian.Uint16(src[off:]))
		} else {
			e.Rune = rune(binary.LittleEndian.Uint16(src[off:]))
		}
	}
	return e
}

// decodeAny dispatches on the byte order.
func decodeAny(number string, dst, src []byte) (n, used int) {
	if number == numberBE {
		return decodeBE(dst, src)
	}
	return decodeLE(dst, src)
}

// appendDecoded decodes src behind dst in chunks. fix appends what stands in for
// the bytes that cannot be decoded: one unit, or the single last byte. With fix ==
// nil the first problem is an error.
func appendDecoded(number string, dst, src []byte, fix func(dst, bad []byte) []byte) ([]byte, error) {
	base := len(dst)
	dst = slices.Grow(dst, len(src)/2+1)
	for off := 0; off < len(src); {
		end := min(off+2*chunkUnits, len(src))
		if end < len(src) {
			// Keep a surrogate pair in one chunk.
			hi := src[end-1]
			if number == numberBE {
				hi = src[end-2]
			}
			if hi&0xfc == 0xd8 {
				end -= 2
			}
		}
		room := MaxUTF8Len(end - off)
		if cap(dst)-len(dst) < room {
			dst = slices.Grow(dst, room)
		}
		n, used := decodeAny(number, dst[len(dst):len(dst)+room], src[off:end])
		dst = dst[:len(dst)+n]
		off += used
		if off == end {
			continue
		}
		if fix == nil {
			return dst[:base], utf16Error(number, src, off)
		}
		next := min(off+2, len(src))
		dst = fix(dst, src[off:next])
		off = next
	}
	return dst, nil
}

func fixFFFD(dst, _ []byte) []byte {
	return append(dst, "\uFFFD"...)
}

// DecodeUTF16LE appends the text of the UTF-16LE bytes src (code page 4103) to dst
// as UTF-8. It allocates only to grow dst. An unpaired surrogate or an odd number
// of bytes gives a [*ConversionError] and leaves dst as it was. A byte order mark
// is data.
func DecodeUTF16LE(dst, src []byte) ([]byte, error) {
	// A short text that fits the capacity in the worst case, which is what row
	// decoding is made of, needs no chunks.
	if room := MaxUTF8Len(len(src)); room <= cap(dst)-len(dst) {
		n, used := decodeLE(dst[len(dst):len(dst)+room], src)
		if used != len(src) {
			return dst, utf16Error(numberLE, src, used)
		}
		return dst[:len(dst)+n], nil
	}
	return appendDecoded(numberLE, dst, src, nil)
}

// DecodeUTF16BE is [DecodeUTF16LE] for UTF-16BE (code page 4102).
func DecodeUTF16BE(dst, src []byte) ([]byte, error) {
	return appendDecoded(numberBE, dst, src, nil)
}

// DecodeUTF16LELenient is [DecodeUTF16LE] that writes U+FFFD for each unpaired
// surrogate and for a stray last byte, and therefore never fails.
func DecodeUTF16LELenient(dst, src []byte) []byte {
	dst, _ = appendDecoded(numberLE, dst, src, fixFFFD)
	return dst
}

// DecodeUTF16BELenient is [DecodeUTF16LELenient] for UTF-16BE.
func DecodeUTF16BELenient(dst, src []byte) []byte {
	dst, _ = appendDecoded(numberBE, dst, src, fixFFFD)
	return dst
}

// DecodeUTF16LEInto decodes src into dst and returns the number of bytes written.
// It never allocates on success. dst must have room for [MaxUTF8Len] of len(src)
// bytes, else the error wraps io.ErrShortBuffer. Bytes of dst behind n may be
// overwritten. Errors are those of [DecodeUTF16LE].
func DecodeUTF16LEInto(dst, src []byte) (n int, err error) {
	if len(dst) < MaxUTF8Len(len(src)) {
		return 0, shortBuffer(numberLE, len(dst), len(src))
	}
	n, used := decodeLE(dst, src)
	if used != len(src) {
		return 0, utf16Error(numberLE, src, used)
	}
	return n, nil
}

// DecodeUTF16BEInto is [DecodeUTF16LEInto] for UTF-16BE.
func DecodeUTF16BEInto(dst, src []byte) (n int, err error) {
	if len(dst) < MaxUTF8Len(len(src)) {
		return 0, shortBuffer(numberBE, len(dst), len(src))
	}
	n, used := decodeBE(dst, src)
	if used != len(src) {
		return 0, utf16Error(numberBE, src, used)
	}
	return n, nil
}

// DecodeCellUTF16LEInto decodes a fixed-width cell without its trailing blanks:
// [TrimBlanksUTF16LE] and [DecodeUTF16LEInto] in one step. Room of [MaxUTF8Len] of
// len(src) bytes is always enough.
func DecodeCellUTF16LEInto(dst, src []byte) (n int, err error) {
	src = TrimBlanksUTF16LE(src)
	if len(dst) < MaxUTF8Len(len(src)) {
		return 0, shortBuffer(numberLE, len(dst), len(src))
	}
	// Rows are made of short ASCII cells: this loop, which works by indexes, is for
	// them, and hands over at the first character that is none.
	i := 0
	for ; i <= len(src)-8; i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		if w&notASCIILE != 0 {
			return decodeRestLE(dst, src, i)
		}
		binary.LittleEndian.PutUint32(dst[i>>1:], narrow(w))
	}
	if i == len(src) {
		return i >> 1, nil
	}
	if i > 0 && len(src)&1 == 0 {
		w := binary.LittleEndian.Uint64(src[len(src)-8:])
		if w&notASCIILE != 0 {
			return decodeRestLE(dst, src, i)
		}
		binary.LittleEndian.PutUint32(dst[len(src)>>1-4:], narrow(w))
		return len(src) >> 1, nil
	}
	return decodeRestLE(dst, src, i)
}

// decodeRestLE decodes src[i:] behind the i/2 ASCII characters in dst.
func decodeRestLE(dst, src []byte, i int) (n int, err error) {
	n, used := decodeLE(dst[i>>1:], src[i:])
	if i+used != len(src) {
		return 0, utf16Error(numberLE, src, i+used)
	}
	return i>>1 + n, nil
}

// DecodeCellUTF16BEInto is [DecodeCellUTF16LEInto] for UTF-16BE.
func DecodeCellUTF16BEInto(dst, src []byte) (n int, err error) {
	return DecodeUTF16BEInto(dst, TrimBlanksUTF16BE(src))
}

func shortBuffer(number string, have, nbyte int) error {
	return fmt.Errorf("code page %s: decoding %d bytes needs room for %d, have %d: %w",
		number, nbyte, MaxUTF8Len(nbyte), have, io.ErrShortBuffer)
}

// TrimBlanksUTF16LE cuts trailing U+0020 units off b and nothing else: no-break
// spaces, tabs and NULs are data. With an odd number of bytes the last byte is
// not part of a unit and nothing is cut. The result aliases b.
//
// Source: spec 20.2 [impl].
func TrimBlanksUTF16LE(b []byte) []byte {
	if len(b)&1 != 0 {
		return b
	}
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b[len(b)-8:]) ^ blanksLE
		if w != 0 {
			return b[:len(b)-bits.LeadingZeros64(w)>>4<<1]
		}
		b = b[:len(b)-8]
	}
	for len(b) >= 2 && b[len(b)-2] == 0x20 && b[len(b)-1] == 0 {
		b = b[:len(b)-2]
	}
	return b
}

// TrimBlanksUTF16BE is [TrimBlanksUTF16LE] for UTF-16BE.
func TrimBlanksUTF16BE(b []byte) []byte {
	if len(b)&1 != 0 {
		return b
	}
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b[len(b)-8:]) ^ blanksBE
		if w != 0 {
			return b[:len(b)-bits.LeadingZeros64(w)>>4<<1]
		}
		b = b[:len(b)-8]
	}
	for len(b) >= 2 && b[len(b)-2] == 0 && b[len(b)-1] == 0x20 {
		b = b[:len(b)-2]
	}
	return b
}

// load64 reads eight bytes of s, first byte lowest.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load32 reads four bytes of s, first byte lowest.
func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// nextRune decodes the first character of s strictly; size 0 means that s does not
// start with a valid character. It is the part of utf8.DecodeRuneInString that the
// loops below need, small enough to be fast on long CJK texts.
func nextRune(s string) (r rune, size int) {
	if len(s) == 0 {
		return 0, 0
	}
	c := s[0]
	switch {
	case c < 0x80:
		return rune(c), 1
	case c < 0xc2:
		return 0, 0
	case c < 0xe0:
		if len(s) < 2 || s[1]&0xc0 != 0x80 {
			return 0, 0
		}
		return rune(c&0x1f)<<6 | rune(s[1]&0x3f), 2
	case c < 0xf0:
		if len(s) < 3 || s[1]&0xc0 != 0x80 || s[2]&0xc0 != 0x80 {
			return 0, 0
		}
		r = rune(c&0x0f)<<12 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f)
		if !three(uint32(r)) {
			return 0, 0
		}
		return r, 3
	}
	r, size = utf8.DecodeRuneInString(s)
	if size != 4 {
		return 0, 0
	}
	return r, size
}

// encodeUTF16 writes s into dst until s ends, dst is full or s is not valid UTF-8.
// It returns the bytes written and the bytes of s consumed. rot is 0 for
// little-endian, 8 for big-endian. A surrogate pair is written whole or not at all.
func encodeUTF16(dst []byte, s string, rot uint) (n, used int) {
	d, t := dst, s
	for {
		for len(t) >= 8 && len(d) >= 16 {
			w := load64(t)
			if w&highBits != 0 {
				break
			}
			binary.LittleEndian.PutUint64(d, widen(uint32(w))<<(rot&8))
			binary.LittleEndian.PutUint64(d[8:], widen(uint32(w>>32))<<(rot&8))
			t, d = t[8:], d[16:]
		}
		if len(t) >= 4 && len(d) >= 8 {
			if x := load32(t); x&0x80808080 == 0 {
				binary.LittleEndian.PutUint64(d, widen(x)<<(rot&8))
				t, d = t[4:], d[8:]
				continue
			}
		}
		// One to eight characters singly, then try the fast steps again. Long runs of
		// three-byte characters stay here.
		for i := 0; ; i++ {
			if len(t) == 0 || len(d) < 2 {
				return len(dst) - len(d), len(s) - len(t)
			}
			if c := t[0]; c < 0x80 {
				binary.LittleEndian.PutUint16(d, uint16(c)<<(rot&8))
				t, d = t[1:], d[2:]
				if i >= 4 {
					break
				}
				continue
			} else if c < 0xe0 && c >= 0xc2 && len(t) >= 2 && t[1]&0xc0 == 0x80 {
				u := uint16(c&0x1f)<<6 | uint16(t[1]&0x3f)
				binary.LittleEndian.PutUint16(d, bits.RotateLeft16(u, int(rot)))
				t, d = t[2:], d[2:]
				continue
			}
			for len(t) >= 4 && len(d) >= 2 {
				// Three-byte characters: 1110xxxx 10xxxxxx 10xxxxxx.
				x := load32(t)
				u := x&0x0f<<12 | x>>2&0x0fc0 | x>>16&0x3f
				if x&0xc0c0f0 != 0x8080e0 || !three(u) {
					break
				}
				binary.LittleEndian.PutUint16(d, bits.RotateLeft16(uint16(u), int(rot)))
				t, d = t[3:], d[2:]
			}
			for len(t) >= 4 && len(d) >= 4 {
				// Four-byte characters: 11110xxx and three times 10xxxxxx.
				x := load32(t)
				u := (x&0x07<<18 | x<<4&0x3f000 | x>>10&0x0fc0 | x>>24&0x3f) - 0x10000
				if x&0xc0c0c0f8 != 0x808080f0 || u > 0xfffff {
					break
				}
				hi, lo := 0xd800|uint16(u>>10), 0xdc00|uint16(u&0x3ff)
				binary.LittleEndian.PutUint32(d, uint32(bits.RotateLeft16(hi, int(rot)))|uint32(bits.RotateLeft16(lo, int(rot)))<<16)
				t, d = t[4:], d[4:]
			}
			if len(d) < 2 || len(t) == 0 {
				return len(dst) - len(d), len(s) - len(t)
			}
			r, size := nextRune(t)
			if size == 0 {
				return len(dst) - len(d), len(s) - len(t)
			}
			if r < 0x10000 {
				binary.LittleEndian.PutUint16(d, bits.RotateLeft16(uint16(r), int(rot)))
				t, d = t[size:], d[2:]
				continue
			}
			if len(d) < 4 {
				return len(dst) - len(d), len(s) - len(t)
			}
			r -= 0x10000
			binary.LittleEndian.PutUint16(d, bits.RotateLeft16(0xd800|uint16(r>>10), int(rot)))
			binary.LittleEndian.PutUint16(d[2:], bits.RotateLeft16(0xdc00|uint16(r&0x3ff), int(rot)))
			t, d = t[size:], d[4:]
		}
	}
}

func appendUTF16(dst []byte, s string, number string, rot uint) ([]byte, error) {
	base := len(dst)
	dst = slices.Grow(dst, 2*len(s))
	n, used := encodeUTF16(dst[base:base+2*len(s)], s, rot)
	if used != len(s) {
		return dst[:base], invalidUTF8(number, s, used)
	}
	return dst[:base+n], nil
}

// AppendUTF16LE appends s in UTF-16LE (code page 4103), without byte order mark.
// Invalid UTF-8 gives a [*ConversionError] with the byte offset in s and leaves dst
// as it was.
func AppendUTF16LE(dst []byte, s string) ([]byte, error) {
	return appendUTF16(dst, s, numberLE, 0)
}

// AppendUTF16BE is [AppendUTF16LE] for UTF-16BE (code page 4102).
func AppendUTF16BE(dst []byte, s string) ([]byte, error) {
	return appendUTF16(dst, s, numberBE, 8)
}

// AppendUTF16LELenient is [AppendUTF16LE] that writes U+FFFD for each byte of s
// that is not part of valid UTF-8, and therefore never fails.
func AppendUTF16LELenient(dst []byte, s string) []byte {
	return appendUTF16Lenient(dst, s, 0)
}

// AppendUTF16BELenient is [AppendUTF16LELenient] for UTF-16BE.
func AppendUTF16BELenient(dst []byte, s string) []byte {
	return appendUTF16Lenient(dst, s, 8)
}

func appendUTF16Lenient(dst []byte, s string, rot uint) []byte {
	dst = slices.Grow(dst, 2*len(s))
	for {
		n, used := encodeUTF16(dst[len(dst):len(dst)+2*len(s)], s, rot)
		dst, s = dst[:len(dst)+n], s[used:]
		if s == "" {
			return dst
		}
		dst = appendUnit(dst, 0xfffd, rot)
		s = s[1:]
	}
}

// appendUnit appends one unit in the byte order that rot selects.
func appendUnit(dst []byte, u uint16, rot uint) []byte {
	return binary.LittleEndian.AppendUint16(dst, bits.RotateLeft16(u, int(rot)))
}

// UTF16Len counts the UTF-16 units that s takes: the unit in which CHAR lengths
// count on a Unicode connection. Invalid UTF-8 gives a [*ConversionError] that
// names code page 4103.
func UTF16Len(s string) (units int, err error) {
	t := s
	for len(t) > 0 {
		if len(t) >= 8 && load64(t)&highBits == 0 {
			units += 8
			t = t[8:]
			continue
		}
		r, size := nextRune(t)
		if size == 0 {
			return 0, invalidUTF8(numberLE, s, len(s)-len(t))
		}
		units++
		if r >= 0x10000 {
			units++
		}
		t = t[size:]
	}
	return units, nil
}

// PrefixUTF16 gives the longest prefix of s that takes at most units UTF-16 units,
// for callers that asked for texts to be cut. It never splits a character and
// stops in front of invalid UTF-8.
func PrefixUTF16(s string, units int) string {
	off := 0
	for units > 0 {
		r, size := nextRune(s[off:])
		if size == 0 || r >= 0x10000 && units < 2 {
			break
		}
		units--
		if r >= 0x10000 {
			units--
		}
		off += size
	}
	return s[:off]
}

// FillUTF16LE writes s into the fixed-width cell dst and pads it with blanks. It
// never allocates on success. A text that is too long gives a [*LengthError] with
// the number of units needed, invalid UTF-8 or an odd cell width a
// [*ConversionError]; dst is then partly written.
//
// Source: spec 20.2 [capture].
func FillUTF16LE(dst []byte, s string) error {
	n, used := encodeUTF16(dst, s, 0)
	if used != len(s) || len(dst)&1 != 0 {
		return fillError(numberLE, len(dst), s)
	}
	pad(dst[n:], blanksLE)
	return nil
}

// FillUTF16BE is [FillUTF16LE] for UTF-16BE.
func FillUTF16BE(dst []byte, s string) error {
	n, used := encodeUTF16(dst, s, 8)
	if used != len(s) || len(dst)&1 != 0 {
		return fillError(numberBE, len(dst), s)
	}
	pad(dst[n:], blanksBE)
	return nil
}

func fillError(number string, nbyte int, s string) error {
	if nbyte&1 != 0 {
		return &ConversionError{Codepage: number, Offset: nbyte, Rune: -1, Reason: ReasonOddLength}
	}
	units, err := UTF16Len(s)
	if err != nil {
		if e, ok := errors.AsType[*ConversionError](err); ok {
			e.Codepage = number
		}
		return err
	}
	return &LengthError{Codepage: number, Need: units, Max: nbyte / 2}
}

// pad fills b with the repeated eight bytes of w.
func pad(b []byte, w uint64) {
	if len(b) >= 64 {
		// Long cells are mostly empty: what is filled is copied behind itself.
		for n := 0; n < 32; n += 8 {
			binary.LittleEndian.PutUint64(b[n:], w)
		}
		for n := 32; n < len(b); n *= 2 {
			copy(b[n:], b[:n])
		}
		return
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, w)
		b = b[8:]
	}
	for i := range b {
		b[i] = byte(w >> (8 * uint(i)))
	}
}

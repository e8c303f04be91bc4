package codepage

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

const (
	numberLatin1 = "1100"
	blanksASCII  = 0x2020_2020_2020_2020
)

// decodeLatin1 decodes all of src; dst must hold two bytes for each byte of src.
func decodeLatin1(dst, src []byte) int {
	d, s := dst, src
	for {
		for len(s) >= 8 && len(d) >= 8 {
			w := binary.LittleEndian.Uint64(s)
			if w&highBits != 0 {
				break
			}
			binary.LittleEndian.PutUint64(d, w)
			s, d = s[8:], d[8:]
		}
		for i := 0; ; i++ {
			if len(s) == 0 || len(d) < 2 {
				return len(dst) - len(d)
			}
			c := s[0]
			s = s[1:]
			if c < 0x80 {
				d[0] = c
				d = d[1:]
				if i >= 8 {
					break
				}
				continue
			}
			d[0], d[1] = 0xc0|c>>6, 0x80|c&0x3f
			d = d[2:]
		}
	}
}

// DecodeLatin1 appends the text of the ISO 8859-1 bytes src (code page 1100) to dst
// as UTF-8. Every byte is defined: 80..9f are control characters, not those of
// Windows-1252. It allocates only to grow dst.
func DecodeLatin1(dst, src []byte) []byte {
	dst = slices.Grow(dst, 2*len(src))
	n := decodeLatin1(dst[len(dst):len(dst)+2*len(src)], src)
	return dst[:len(dst)+n]
}

// DecodeCellLatin1Into decodes a fixed-width cell of code page 1100 without its
// trailing blanks into dst and returns the number of bytes written. dst must have
// room for two bytes for each byte that is left after trimming, else the error
// wraps io.ErrShortBuffer. It never allocates on success.
func DecodeCellLatin1Into(dst, src []byte) (n int, err error) {
	src = TrimBlanksLatin1(src)
	if len(dst) < 2*len(src) {
		return 0, fmt.Errorf("code page %s: decoding %d bytes needs room for %d, have %d: %w",
			numberLatin1, len(src), 2*len(src), len(dst), io.ErrShortBuffer)
	}
	return decodeLatin1(dst, src), nil
}

// encodeLatin1 writes s into dst until s ends, dst is full or a character does not
// exist in ISO 8859-1. It returns bytes written and bytes of s consumed.
func encodeLatin1(dst []byte, s string) (n, used int) {
	d, t := dst, s
	for {
		for len(t) >= 8 && len(d) >= 8 {
			w := load64(t)
			if w&highBits != 0 {
				break
			}
			binary.LittleEndian.PutUint64(d, w)
			t, d = t[8:], d[8:]
		}
		for i := 0; ; i++ {
			if len(t) == 0 || len(d) == 0 {
				return len(dst) - len(d), len(s) - len(t)
			}
			if c := t[0]; c < 0x80 {
				d[0] = c
				t, d = t[1:], d[1:]
				if i >= 8 {
					break
				}
				continue
			}
			r, size := nextRune(t)
			if size == 0 || r > 0xff {
				return len(dst) - len(d), len(s) - len(t)
			}
			d[0] = byte(r)
			t, d = t[size:], d[1:]
		}
	}
}

// AppendLatin1 appends s in ISO 8859-1 (code page 1100). A character above U+00FF,
// the Euro sign for example, or invalid UTF-8 gives a [*ConversionError] and leaves
// dst as it was.
func AppendLatin1(dst []byte, s string) ([]byte, error) {
	base := len(dst)
	dst = slices.Grow(dst, len(s))
	n, used := encodeLatin1(dst[base:base+len(s)], s)
	if used != len(s) {
		return dst[:base], encodeError(numberLatin1, s, used)
	}
	return dst[:base+n], nil
}

// FillLatin1 writes s into the fixed-width cell dst and pads it with blanks. It
// never allocates on success. A text that is too long gives a [*LengthError];
// other errors are those of [AppendLatin1]. On an error dst is partly written.
func FillLatin1(dst []byte, s string) error {
	n, used := encodeLatin1(dst, s)
	if used != len(s) {
		need := 0
		for off := 0; off < len(s); need++ {
			r, size := nextRune(s[off:])
			if size == 0 || r > 0xff {
				return encodeError(numberLatin1, s, off)
			}
			off += size
		}
		return &LengthError{Codepage: numberLatin1, Need: need, Max: len(dst)}
	}
	pad(dst[n:], blanksASCII)
	return nil
}

// encodeError explains why the character of s at offset off cannot be encoded.
func encodeError(number, s string, off int) *ConversionError {
	r, size := nextRune(s[off:])
	if size == 0 {
		return invalidUTF8(number, s, off)
	}
	return &ConversionError{Codepage: number, Offset: off, Rune: r, Reason: ReasonUnmappable}
}

// TrimBlanksLatin1 cuts trailing bytes 0x20 off b: the blanks of every code page
// here except EBCDIC, UTF-16 and UTF-32. The result aliases b.
func TrimBlanksLatin1(b []byte) []byte {
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b[len(b)-8:]) ^ blanksASCII
		if w != 0 {
			return b[:len(b)-bits.LeadingZeros64(w)>>3]
		}
		b = b[:len(b)-8]
	}
	for len(b) > 0 && b[len(b)-1] == 0x20 {
		b = b[:len(b)-1]
	}
	return b
}

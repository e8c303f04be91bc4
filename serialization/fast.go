package serialization

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
)

// The cells of a row are mostly short ASCII texts padded with blanks. The functions here
// take these in a few words each and report everything else as not done; the general code
// of codepage then does it properly.

const (
	notASCII = 0xff80_ff80_ff80_ff80 // four UTF-16LE units
	blanksLE = 0x0020_0020_0020_0020
)

// narrow packs four ASCII units into four bytes.
func narrow(w uint64) uint32 {
	w |= w >> 8
	return uint32(w&0xffff) | uint32(w>>16)&0xffff0000
}

// minCellText is the least room that cellText needs.
const minCellText = 4

// cellText decodes an ASCII cell without its trailing blanks and gives the number of bytes
// written. dst must be at least as long as the cell has units, and minCellText.
func cellText(dst, src []byte) (int, bool) {
	n := len(src)
	if n <= 8 {
		// One word, without a branch that depends on the text. Units that are not there
		// count as blanks.
		w := uint64(blanksLE)
		switch n {
		case 8:
			w = binary.LittleEndian.Uint64(src)
		case 6:
			w = uint64(binary.LittleEndian.Uint32(src)) | uint64(binary.LittleEndian.Uint16(src[4:]))<<32 | w>>48<<48
		case 4:
			w = uint64(binary.LittleEndian.Uint32(src)) | w>>32<<32
		case 2:
			w = uint64(binary.LittleEndian.Uint16(src)) | w>>16<<16
		}
		x := narrow(w)
		binary.LittleEndian.PutUint32(dst, x)
		return 4 - bits.LeadingZeros32(x^0x2020_2020)>>3, w&notASCII == 0
	}
	for n > 128 {
		// Long cells are mostly empty.
		t := src[n-32 : n]
		if (binary.LittleEndian.Uint64(t)^blanksLE)|(binary.LittleEndian.Uint64(t[8:])^blanksLE)|
			(binary.LittleEndian.Uint64(t[16:])^blanksLE)|(binary.LittleEndian.Uint64(t[24:])^blanksLE) != 0 {
			break
		}
		n -= 32
	}
	for {
		if w := binary.LittleEndian.Uint64(src[n-8:]) ^ blanksLE; w != 0 {
			n -= bits.LeadingZeros64(w) >> 4 << 1
			break
		}
		if n -= 8; n < 8 {
			for n >= 2 && src[n-2] == ' ' && src[n-1] == 0 {
				n -= 2
			}
			break
		}
	}
	src = src[:n]
	if n < 8 {
		var or byte
		for i := 0; i+1 < n; i += 2 {
			c := src[i]
			or |= c&0x80 | src[i+1]
			dst[i/2] = c
		}
		return n / 2, or == 0
	}
	var or uint64
	i := 0
	for ; i+16 <= n; i += 16 {
		s := src[i : i+16]
		a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		or |= a | b
		binary.LittleEndian.PutUint64(dst[i/2:], uint64(narrow(a))|uint64(narrow(b))<<32)
	}
	if i+8 <= n {
		a := binary.LittleEndian.Uint64(src[i:])
		or |= a
		binary.LittleEndian.PutUint32(dst[i/2:], narrow(a))
		i += 8
	}
	if i < n {
		// The last four units once more, together with what is left.
		a := binary.LittleEndian.Uint64(src[n-8:])
		or |= a
		binary.LittleEndian.PutUint32(dst[n/2-4:], narrow(a))
	}
	return n / 2, or&notASCII == 0
}

// cellDate decodes a date of ASCII characters in UTF-16LE.
func cellDate(src []byte) (abap.Date, bool) {
	if len(src) != 16 {
		return abap.Date{}, false
	}
	a, b := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
	var raw [8]byte
	binary.LittleEndian.PutUint64(raw[:], uint64(narrow(a))|uint64(narrow(b))<<32)
	d, err := abap.DateFromRaw(raw)
	return d, err == nil && (a|b)&notASCII == 0
}

// widen spreads four ASCII bytes over four UTF-16LE units.
func widen(x uint32) uint64 {
	w := uint64(x)
	w = (w | w<<16) & 0x0000_ffff_0000_ffff
	return (w | w<<8) & 0x00ff_00ff_00ff_00ff
}

// fillText writes an ASCII text into a cell of blanks: the cell holds its initial value, so
// that nothing has to be padded. It reports false, with the cell undefined, for texts that
// are not ASCII or too long.
func fillText(dst []byte, s string) bool {
	n := len(s)
	if 2*n > len(dst) {
		return false
	}
	switch n {
	case 0:
		return true
	case 1:
		binary.LittleEndian.PutUint16(dst, uint16(s[0]))
		return s[0] < 0x80
	case 2:
		binary.LittleEndian.PutUint32(dst, uint32(s[0])|uint32(s[1])<<16)
		return s[0]|s[1] < 0x80
	case 3:
		binary.LittleEndian.PutUint32(dst, uint32(s[0])|uint32(s[1])<<16)
		binary.LittleEndian.PutUint16(dst[4:], uint16(s[2]))
		return s[0]|s[1]|s[2] < 0x80
	}
	b := unsafe.Slice(unsafe.StringData(s), n) // read only
	var or uint64
	i := 0
	for ; i+8 <= n; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		or |= w
		d := dst[2*i : 2*i+16]
		binary.LittleEndian.PutUint64(d, widen(uint32(w)))
		binary.LittleEndian.PutUint64(d[8:], widen(uint32(w>>32)))
	}
	if i+4 <= n {
		w := binary.LittleEndian.Uint32(b[i:])
		or |= uint64(w)
		binary.LittleEndian.PutUint64(dst[2*i:], widen(w))
		i += 4
	}
	if i < n {
		w := binary.LittleEndian.Uint32(b[n-4:])
		or |= uint64(w)
		binary.LittleEndian.PutUint64(dst[2*n-8:], widen(w))
	}
	return or&0x8080_8080_8080_8080 == 0
}

// fillDate writes a date in UTF-16LE.
func fillDate(dst []byte, d abap.Date) {
	raw := d.Raw()
	w := binary.LittleEndian.Uint64(raw[:])
	binary.LittleEndian.PutUint64(dst, widen(uint32(w)))
	binary.LittleEndian.PutUint64(dst[8:], widen(uint32(w>>32)))
}

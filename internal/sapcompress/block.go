package sapcompress

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/purerfc/purerfc/internal/wire"
)

// Algorithm is the compression algorithm, the low half of header byte 4.
// Source: spec 23.1 [capture].
type Algorithm uint8

// The algorithms of the block format. RFC tables use LZH in every capture.
const (
	LZC Algorithm = 1 // adaptive LZW, as Unix compress
	LZH Algorithm = 2 // LZ77 with Huffman codes, as DEFLATE
)

// String gives "LZC", "LZH" or "Algorithm(0x3)".
func (a Algorithm) String() string {
	switch a {
	case LZC:
		return "LZC"
	case LZH:
		return "LZH"
	default:
		return fmt.Sprintf("Algorithm(%#x)", uint8(a))
	}
}

const (
	version  = 1
	magic0   = 0x1f
	magic1   = 0x9d
	lzcBlock = 0x80 // LZC special byte: the stream may contain clear codes
	lzcBits  = 0x1f // LZC special byte: maximum code width
)

// HeaderLayout describes the block header for annotated dumps. The length is
// little-endian, which is why it is shown as opaque bytes.
var HeaderLayout = []wire.Field{
	{Name: "uncompressed_length", Off: 0, Len: 4, Kind: wire.Hex, Source: "[capture]"},
	{Name: "version_algorithm", Off: 4, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "magic", Off: 5, Len: 2, Kind: wire.Hex, Source: "[capture]"},
	{Name: "special", Off: 7, Len: 1, Kind: wire.Hex, Source: "[capture]"},
}

// Header is the decoded block header.
type Header struct {
	// Length is the number of plain bytes the block declares, 0 to [MaxLength]. It is a
	// claim of the sender.
	Length int
	// Algorithm is LZC or LZH.
	Algorithm Algorithm
	// Version is the format version; only 1 is known.
	Version uint8
	// Special is, for LZC, the maximum code width in bits 0-4 and the block mode in bit 7
	// (normally 0x8d); for LZH the compression level 0-9 as information (normally 2).
	Special uint8
}

// DecodeHeader reads the first [HeaderLen] bytes of block and checks them; the body is not
// looked at. Errors: ErrHeader (too short, wrong magic, wrong version, LZC code width
// outside 9-16), ErrAlgorithm, and ErrTooLarge where the declared length does not fit an
// int.
func DecodeHeader(block []byte) (Header, error) {
	if len(block) < HeaderLen {
		return Header{}, fail("", "header", 0, ErrHeader, itoa(HeaderLen)+" bytes", itoa(len(block)))
	}
	if block[5] != magic0 || block[6] != magic1 {
		return Header{}, fail("", "magic", 5, ErrHeader, "1f 9d", fmt.Sprintf("% x", block[5:7]))
	}
	h := Header{Algorithm: Algorithm(block[4] & 0x0f), Version: block[4] >> 4, Special: block[7]}
	if h.Version != version {
		return Header{}, fail("", "version", 4, ErrHeader, itoa(version), itoa(h.Version))
	}
	if h.Algorithm != LZC && h.Algorithm != LZH {
		return Header{}, fail("", "algorithm", 4, ErrAlgorithm, "1 (LZC) or 2 (LZH)", itoa(h.Algorithm))
	}
	if w := h.Special & lzcBits; h.Algorithm == LZC && (w < 9 || w > 16) {
		return Header{}, fail("LZC", "special", 7, ErrHeader, "code width 9 to 16", itoa(w))
	}
	n := binary.LittleEndian.Uint32(block)
	if uint64(n) > math.MaxInt {
		return Header{}, fail(h.Algorithm.String(), "uncompressed_length", 0, ErrTooLarge, "at most "+itoa(uint(math.MaxInt)), itoa(n))
	}
	h.Length = int(n)
	return h, nil
}

// appendHeader writes a header.
func appendHeader(dst []byte, length int, a Algorithm, special uint8) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	return append(dst, version<<4|byte(a), magic0, magic1, special)
}

// Decode appends the plain bytes of block to dst and returns the extended slice. The
// block starts with its header; bytes behind the end of the compressed stream are ignored,
// because senders add one zero byte and containers pad.
//
// limit is the largest plain length in bytes the caller accepts. A declared length above
// it is refused with ErrTooLarge before any memory is taken, and so is one above 64 KiB
// that a body of this size cannot give. After that the output grows with what was really
// produced: at most 16 times the received bytes plus 4 KiB at first, doubling after that.
// With enough capacity behind dst a call does not allocate. No byte behind the declared
// length is touched.
//
// On failure Decode returns dst as it was given; the memory between its length and its
// capacity is then undefined. Errors are *wire.Error around one of the sentinels of this
// package. dst and block must not overlap; block is not kept.
func Decode(dst, block []byte, limit int) ([]byte, error) {
	h, err := DecodeHeader(block)
	if err != nil {
		return dst, err
	}
	record := h.Algorithm.String()
	if h.Length > limit {
		return dst, fail(record, "uncompressed_length", 0, ErrTooLarge, "at most "+itoa(max(limit, 0)), itoa(h.Length))
	}
	body := block[HeaderLen:]
	bound := uint64(len(body)) * maxLZHRatio
	if h.Algorithm == LZC {
		bound = lzcBound(uint64(len(body)), uint(h.Special&lzcBits))
	}
	if h.Length > smallClaim && uint64(h.Length) > bound {
		return dst, fail(record, "uncompressed_length", 0, ErrTooLarge,
			fmt.Sprintf("at most %d from a body of %d bytes", bound, len(body)), itoa(h.Length))
	}
	if h.Length > math.MaxInt-len(dst) {
		return dst, fail(record, "uncompressed_length", 0, ErrTooLarge, "a slice that fits the address space", itoa(h.Length))
	}
	o := newOutput(dst, h.Length, len(body))
	if h.Algorithm == LZC {
		err = decodeLZC(&o, body, h.Special)
	} else {
		err = decodeLZH(&o, body)
	}
	if err != nil {
		return dst, err
	}
	return o.buf[:o.end], nil
}

// output is the memory a decoder writes to: buf[base:end] is the plain text when done, and
// len(buf) is how far the memory reaches so far.
type output struct {
	buf       []byte
	base, end int
}

func newOutput(dst []byte, length, received int) output {
	o := output{buf: dst, base: len(dst), end: len(dst) + length}
	if cap(dst) >= o.end {
		o.buf = dst[:o.end]
		return o
	}
	first := length
	if (length-minOutput)/growRatio > received {
		first = received*growRatio + minOutput
	}
	o.resize(len(dst), o.base+first)
	return o
}

func (o *output) resize(used, n int) {
	if n <= cap(o.buf) {
		o.buf = o.buf[:n]
		return
	}
	b := make([]byte, n)
	copy(b, o.buf[:used])
	o.buf = b
}

// grow makes room for need more bytes behind used, at least doubling. It reports false when
// that is beyond the declared length.
func (o *output) grow(used, need int) bool {
	if need > o.end-used {
		return false
	}
	n := max(used+need, used+(used-o.base)+minOutput)
	if n > o.end || n < 0 {
		n = o.end
	}
	o.resize(used, n)
	return true
}

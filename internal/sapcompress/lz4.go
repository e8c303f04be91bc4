package sapcompress

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"

	"github.com/purerfc/purerfc/internal/wire"
)

// lz4FrameMark is the first byte of an LZ4 frame, the letter 4. Source: spec 23.5 [capture].
const lz4FrameMark = 0x34

// LZ4FrameLayout describes the bytes before the block of an LZ4 frame for annotated dumps.
// The lengths are little-endian, which is why they are shown as opaque bytes.
var LZ4FrameLayout = []wire.Field{
	{Name: "mark", Off: 0, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "raw_length", Off: 1, Len: 4, Kind: wire.Hex, Source: "[capture]"},
	{Name: "stored_length", Off: 5, Len: 4, Kind: wire.Hex, Source: "[capture]"},
}

// compressors holds the tables of the LZ4 encoder, 136 KiB each.
var compressors = sync.Pool{New: func() any { return new(lz4.Compressor) }}

// DecodeLZ4 appends to dst the raw plain bytes that one LZ4 block gives, and returns the
// extended slice. The block is bare: no header, no checksum, no dictionary. raw is what the
// container promised and has to be met exactly; the caller holds it against the caller's own
// limit first.
//
// Refused are a negative raw, one above 255 times the block, a block that gives another
// number of bytes, and a match with offset 0 or from before this call's first byte: what dst
// held before is no dictionary, and what its memory held is never read. Where the block ends
// in a match instead of literals, which no encoder writes, it is read all the same if raw is
// met exactly.
//
// With enough capacity behind dst a call does not allocate. Otherwise it takes memory for raw
// bytes; if that is more than 16 times the block plus 4 KiB, the block has to prove first that
// it gives them. No byte behind raw is touched.
//
// On failure DecodeLZ4 returns dst as it was given; the memory between its length and its
// capacity is then undefined. Errors are *wire.Error around ErrTooLarge, ErrTruncated,
// ErrCorrupt or ErrLength, with the offset in the block. dst and block must not overlap; block
// is not kept.
//
// Source: spec 23.5 [capture]; the block format [doc].
func DecodeLZ4(dst, block []byte, raw int) ([]byte, error) {
	if raw < 0 || raw > math.MaxInt-len(dst) {
		return dst, fail("LZ4", "raw_length", 0, ErrTooLarge, "0 or more, in a slice that fits the address space", fmt.Sprint(raw))
	}
	if bound := uint64(len(block)) * maxLZ4Ratio; uint64(raw) > bound {
		return dst, fail("LZ4", "raw_length", 0, ErrTooLarge,
			fmt.Sprintf("at most %d from a block of %d bytes", bound, len(block)), itoa(raw))
	}
	if raw == 0 { // an output without an address is nothing for the library
		return dst, walkLZ4(block, raw)
	}
	if cap(dst)-len(dst) < raw && (raw-minOutput)/growRatio > len(block) {
		if err := walkLZ4(block, raw); err != nil {
			return dst, err
		}
	}
	out := slices.Grow(dst, raw)[:len(dst)+raw]
	n, err := lz4.UncompressBlock(block, out[len(dst):])
	if err == nil && n == raw {
		return out, nil
	}
	// The library does not say where and why.
	if err := walkLZ4(block, raw); err != nil {
		return dst, err
	}
	return dst, fail("LZ4", "block", 0, ErrCorrupt, itoa(raw)+" bytes", fmt.Sprintf("%d, %v", n, err))
}

// walkLZ4 follows the sequences of a block without producing anything and says whether
// they are complete, stay inside the block and the output, and give raw bytes. All sums stay
// below raw plus 255 times the block, far inside 64 bits.
func walkLZ4(block []byte, raw int) error {
	end, want := uint64(len(block)), uint64(raw)
	var i, out uint64 // read so far, produced so far
	for {
		if i == end && out > 0 && out == want {
			return nil // behind a match
		}
		if i == end {
			return failLZ4(i, "token", ErrTruncated, "a sequence", "the end of the block")
		}
		token := block[i]
		i++
		n := uint64(token >> 4)
		if n == 15 {
			more, j := lz4Extension(block, i)
			if j > end {
				return failLZ4(i, "literal_length", ErrTruncated, "a byte below 255", "the end of the block")
			}
			n, i = n+more, j
		}
		if n > end-i {
			return failLZ4(i, "literals", ErrTruncated, itoa(n)+" bytes", itoa(end-i))
		}
		i, out = i+n, out+n
		if i == end {
			if token&15 != 0 {
				return failLZ4(i, "offset", ErrTruncated, "2 bytes", "the end of the block")
			}
			break
		}
		if end-i < 2 {
			return failLZ4(i, "offset", ErrTruncated, "2 bytes", itoa(end-i))
		}
		offset := uint64(block[i]) | uint64(block[i+1])<<8
		if offset == 0 || offset > out {
			return failLZ4(i, "offset", ErrCorrupt, fmt.Sprintf("1 up to the %d bytes before it", out), itoa(offset))
		}
		i += 2
		n = uint64(token & 15)
		if n == 15 {
			more, j := lz4Extension(block, i)
			if j > end {
				return failLZ4(i, "match_length", ErrTruncated, "a byte below 255", "the end of the block")
			}
			n, i = n+more, j
		}
		out += n + minLZ4Match
		if out > want {
			return failLZ4(i, "match_length", ErrLength, fmt.Sprintf("%d bytes in all", want), fmt.Sprintf("%d or more", out))
		}
	}
	if out != want {
		return failLZ4(i, "raw_length", ErrLength, itoa(want)+" bytes", itoa(out))
	}
	return nil
}

// lz4Extension reads the bytes that lengthen a length of 15: any number of 255 and one byte
// below. It gives their sum and the index behind them, one beyond the block when it ends first.
func lz4Extension(block []byte, i uint64) (sum, next uint64) {
	for ; i < uint64(len(block)); i++ {
		sum += uint64(block[i])
		if block[i] != 255 {
			return sum, i + 1
		}
	}
	return sum, uint64(len(block)) + 1
}

func failLZ4(off uint64, field string, reason error, want, got string) error {
	return fail("LZ4", field, int(off), reason, want, got)
}

// AppendLZ4 appends the LZ4 block of src to dst. The same text gives the same block on every
// machine. A text that does not compress grows by at most 1 byte in 255 plus 16. The empty
// text is the block 00.
//
// dst and src must not overlap; src is not kept. With enough capacity behind dst
// ([LZ4Bound]) a call does not allocate. The only error is ErrTooLarge: src is longer than
// [MaxLZ4Input]; dst is then returned as it was given.
func AppendLZ4(dst, src []byte) ([]byte, error) {
	bound, err := LZ4Bound(len(src))
	if err != nil {
		return dst, err
	}
	if bound > math.MaxInt-len(dst) {
		return dst, fail("LZ4", "raw_length", 0, ErrTooLarge, "a slice that fits the address space", itoa(len(src)))
	}
	out := slices.Grow(dst, bound)[:len(dst)+bound]
	c := compressors.Get().(*lz4.Compressor)
	n, err := c.CompressBlock(src, out[len(dst):])
	compressors.Put(c)
	if err != nil || n == 0 { // not with an output of this size
		return dst, fail("LZ4", "block", 0, ErrLength, "a block", fmt.Sprintf("%d bytes, %v", n, err))
	}
	return out[:len(dst)+n], nil
}

// LZ4Bound is the largest length in bytes that the block of a text of n bytes can have. Above
// [MaxLZ4Input] and below 0 it gives ErrTooLarge.
func LZ4Bound(n int) (int, error) {
	if n < 0 || n > MaxLZ4Input {
		return 0, fail("LZ4", "raw_length", 0, ErrTooLarge, "0 to "+itoa(uint(MaxLZ4Input)), fmt.Sprint(n))
	}
	return lz4.CompressBlockBound(n), nil
}

// LZ4Frame is what stands before the block in an LZ4 frame.
type LZ4Frame struct {
	// Raw is the number of plain bytes that the frame declares, Stored the length of the block
	// in bytes. Both are claims of the sender, 0 to 2^32-1.
	Raw, Stored uint32
}

// DecodeLZ4FrameHeader reads the first [LZ4FrameHeaderLen] bytes of frame; the block is not
// looked at and need not be there. Errors: ErrHeader (too short, other mark).
func DecodeLZ4FrameHeader(frame []byte) (LZ4Frame, error) {
	if len(frame) > 0 && frame[0] != lz4FrameMark {
		return LZ4Frame{}, fail("LZ4 frame", "mark", 0, ErrHeader, "34", fmt.Sprintf("%02x", frame[0]))
	}
	if len(frame) < LZ4FrameHeaderLen {
		return LZ4Frame{}, fail("LZ4 frame", "header", 0, ErrHeader, itoa(LZ4FrameHeaderLen)+" bytes", itoa(len(frame)))
	}
	return LZ4Frame{binary.LittleEndian.Uint32(frame[1:]), binary.LittleEndian.Uint32(frame[5:])}, nil
}

// DecodeLZ4Frame appends the plain bytes of the LZ4 frame at the start of frame to dst. It
// returns the extended slice and the bytes behind the frame, a part of frame. Nobody has seen
// a second frame there, so what rest means is for the container to say.
//
// limit is the largest plain length in bytes the caller accepts; a larger claim is refused
// with ErrTooLarge before any memory is taken. A stored length beyond the bytes that are
// there is ErrTruncated. Everything else is as with [DecodeLZ4]; offsets in errors then
// count from the first byte of the block.
func DecodeLZ4Frame(dst, frame []byte, limit int) (plain, rest []byte, err error) {
	h, err := DecodeLZ4FrameHeader(frame)
	if err != nil {
		return dst, nil, err
	}
	if limit < 0 || uint64(h.Raw) > uint64(limit) {
		return dst, nil, fail("LZ4 frame", "raw_length", 1, ErrTooLarge, "at most "+itoa(max(limit, 0)), itoa(h.Raw))
	}
	body := frame[LZ4FrameHeaderLen:]
	if uint64(h.Stored) > uint64(len(body)) {
		return dst, nil, fail("LZ4 frame", "stored_length", 5, ErrTruncated, "at most "+itoa(len(body)), itoa(h.Stored))
	}
	plain, err = DecodeLZ4(dst, body[:h.Stored:h.Stored], int(h.Raw))
	if err != nil {
		return dst, nil, err
	}
	return plain, body[h.Stored:], nil
}

// AppendLZ4Frame appends src as one LZ4 frame to dst. Memory and errors are as with
// [AppendLZ4].
func AppendLZ4Frame(dst, src []byte) ([]byte, error) {
	out := append(dst, lz4FrameMark, 0, 0, 0, 0, 0, 0, 0, 0)
	start := len(out)
	out, err := AppendLZ4(out, src)
	if err != nil {
		return dst, err
	}
	binary.LittleEndian.PutUint32(out[start-8:], uint32(len(src)))
	binary.LittleEndian.PutUint32(out[start-4:], uint32(len(out)-start))
	return out, nil
}

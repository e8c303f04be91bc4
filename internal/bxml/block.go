package bxml

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
)

// The values of item 4000 say how the document behind it is packed (spec 43.2 [capture]).
const (
	plainMark    = "\x01\x00"
	deflatedMark = "\x01\x01"
)

// Owns reports whether a tag can only occur in a block: items 4000 to 4004.
func Owns(t chain.Tag) bool {
	switch t {
	case chain.CompactOpen, chain.CompactPlain, chain.CompactDeflated, chain.CompactEnd:
		return true
	default:
		return false
	}
}

// Block joins the items that carry a document: 4000, then 4001 as it is, or 4002 as pieces
// of one raw DEFLATE stream with 4004 behind them. The zero value waits for 4000. It keeps
// the values of items, not copies.
//
// A plain block has no end item [capture]; 4004 behind it is accepted.
type Block struct {
	// Limit is the largest document in bytes. Default and maximum MaxDocument.
	Limit int

	state    blockState
	deflated bool
	pieces   [][]byte
	size     int
}

type blockState uint8

const (
	blockWaits blockState = iota
	blockActive
	blockEnded
)

// Reset forgets everything.
func (k *Block) Reset() {
	clear(k.pieces)
	*k = Block{Limit: k.Limit, pieces: k.pieces[:0]}
}

// Active reports whether items of the block may follow.
func (k *Block) Active() bool { return k.state == blockActive }

func (k *Block) limit() int {
	if k.Limit > 0 && k.Limit < MaxDocument {
		return k.Limit
	}
	return MaxDocument
}

// Size is the number of bytes that carried the document.
func (k *Block) Size() int { return k.size }

func (k *Block) fail(it chain.Item, reason error, want, got string) error {
	return &wire.Error{Layer: "bxml", Record: fmt.Sprintf("item %04x", uint16(it.Tag)), Offset: int(it.Offset), Err: reason, Want: want, Got: got}
}

// Item takes an item that the block owns. It returns true with the last one that a block
// can have; a plain block also ends with the first item that it does not own. keep, if not
// nil, copies what has to stay valid.
func (k *Block) Item(it chain.Item, keep func([]byte) []byte) (ended bool, err error) {
	v := it.Value
	switch it.Tag {
	case chain.CompactOpen:
		switch {
		case k.state != blockWaits:
			return false, k.fail(it, wire.ErrMalformed, "one document per message", "another")
		case string(v) != plainMark && string(v) != deflatedMark:
			return false, k.fail(it, wire.ErrMalformed, "0100 or 0101", fmt.Sprintf("%x", v[:min(len(v), shown)]))
		}
		k.state, k.deflated = blockActive, string(v) == deflatedMark
		return false, nil
	case chain.CompactEnd:
		if !k.Active() || len(v) > 0 {
			return false, k.fail(it, wire.ErrMalformed, "an empty item behind the pieces of a document", fmt.Sprintf("%d bytes", len(v)))
		}
		k.state = blockEnded
		return true, nil
	default:
		if !k.Active() || k.deflated != (it.Tag == chain.CompactDeflated) {
			return false, k.fail(it, wire.ErrMalformed, "the pieces that item 4000 announced", fmt.Sprintf("%04x", uint16(it.Tag)))
		}
		if len(v) == 0 {
			return false, nil
		}
		if k.size += len(v); k.size > k.limit() {
			return false, k.fail(it, wire.ErrLimit, fmt.Sprintf("at most %d bytes", k.limit()), "more")
		}
		if keep != nil {
			v = keep(v)
		}
		k.pieces = append(k.pieces, v)
		return false, nil
	}
}

// Document joins and, if it was deflated, inflates what the block carried. A plain document
// of one piece aliases it. The block is done then: another one in the message is an error.
func (k *Block) Document() ([]byte, error) {
	defer func() {
		clear(k.pieces)
		k.state, k.pieces = blockEnded, k.pieces[:0]
	}()
	switch {
	case k.deflated && k.state != blockEnded:
		return nil, k.fail(chain.Item{Tag: chain.CompactEnd}, wire.ErrTruncated, "item 4004 behind a deflated document", "another item")
	case k.deflated:
		return inflate(k.pieces, k.size, k.limit())
	case len(k.pieces) == 1:
		return k.pieces[0], nil
	default:
		return bytes.Join(k.pieces, nil), nil
	}
}

// pieces is a stream over values of items.
type pieces struct{ list [][]byte }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.list) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.list[0])
	p.skip(n)
	return n, nil
}

// ReadByte makes the inflater take no byte behind the end of the stream.
func (p *pieces) ReadByte() (byte, error) {
	if len(p.list) == 0 {
		return 0, io.EOF
	}
	c := p.list[0][0]
	p.skip(1)
	return c, nil
}

func (p *pieces) skip(n int) {
	if p.list[0] = p.list[0][n:]; len(p.list[0]) == 0 {
		p.list = p.list[1:]
	}
}

var inflaters, deflaters sync.Pool

// inflate unpacks a stream. Memory grows with the output, which may be inflatedRatio times
// as long as the stream, and limit at most.
func inflate(list [][]byte, size, limit int) ([]byte, error) {
	in := &pieces{list: slices.Clone(list)}
	r, ok := inflaters.Get().(io.ReadCloser)
	if !ok {
		r = flate.NewReader(in)
	} else if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, fmt.Errorf("bxml: inflater: %w", err)
	}
	defer func() {
		if r.(flate.Resetter).Reset(new(pieces), nil) == nil { // holds on to no message
			inflaters.Put(r)
		}
	}()
	limit = min(limit, inflatedLimit(size))
	out := make([]byte, 0, min(4*size, limit)+bytes.MinRead)
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if len(out) > limit {
			return nil, streamError(len(out), wire.ErrLimit, fmt.Sprintf("at most %d bytes out of %d", limit, size), "more")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, streamError(size, wire.ErrTruncated, "the end of the DEFLATE stream", "the end of its pieces")
		case err != nil:
			return nil, streamError(len(out), fmt.Errorf("%w: %w", wire.ErrMalformed, err), "a raw DEFLATE stream", "another")
		}
		if len(out) == cap(out) {
			out = slices.Grow(out, min(len(out), limit-len(out))+bytes.MinRead)
		}
	}
	if len(in.list) > 0 {
		return nil, streamError(size, wire.ErrTrailing, "the end of the pieces", "bytes behind the end of the DEFLATE stream")
	}
	return out, nil
}

// inflatedLimit is how large a document of size deflated bytes may be.
func inflatedLimit(size int) int {
	return int(min(MaxDocument, inflatedFloor+inflatedRatio*int64(size)))
}

func streamError(at int, reason error, want, got string) error {
	return &wire.Error{Layer: "bxml", Record: "deflated document", Offset: at, Err: reason, Want: want, Got: got}
}

// AppendBlock appends a document in items 4000 to 4004, pieces of at most Piece bytes.
// Replies are deflated, as those of the one system that was recorded; requests from
// deflateFrom bytes on. flush, if not nil, may send full buffers between items.
func AppendBlock(dst, doc []byte, reply bool, flush func(dst *[]byte) error) ([]byte, error) {
	if reply || len(doc) >= deflateFrom {
		packed, err := deflate(doc)
		if err != nil {
			return dst, err
		}
		if len(doc) <= inflatedLimit(len(packed)) {
			out, err := appendPieces(chain.AppendText(dst, chain.CompactOpen, deflatedMark), chain.CompactDeflated, packed, flush)
			return chain.AppendEmpty(out, chain.CompactEnd), err
		}
	}
	return appendPieces(chain.AppendText(dst, chain.CompactOpen, plainMark), chain.CompactPlain, doc, flush)
}

func appendPieces(dst []byte, tag chain.Tag, b []byte, flush func(dst *[]byte) error) ([]byte, error) {
	for piece := range slices.Chunk(b, Piece) {
		dst = chain.Append(dst, tag, piece)
		if flush == nil {
			continue
		}
		if err := flush(&dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// deflate packs a document: fast, since basXML travels in local networks more often than not.
func deflate(doc []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, len(doc)/4+bytes.MinRead))
	w, ok := deflaters.Get().(*flate.Writer)
	if ok {
		w.Reset(out)
	} else {
		var err error
		if w, err = flate.NewWriter(out, flate.BestSpeed); err != nil {
			return nil, fmt.Errorf("bxml: deflater: %w", err)
		}
	}
	_, err := w.Write(doc)
	if err == nil {
		err = w.Close()
	}
	w.Reset(io.Discard) // holds on to no message
	deflaters.Put(w)
	return out.Bytes(), err
}

package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/purerfc/purerfc/internal/wire"
)

// Item is one field of a chain.
type Item struct {
	Tag Tag
	// Value is valid until the next call of Next, unless the reader reads from one byte
	// slice: then it aliases that slice.
	Value []byte
	// Offset of the opening tag in the message data, in bytes.
	Offset int64
}

// Fragments delivers the data of one message piece by piece. A fragment is valid until
// the next call. last says that the message ends with this fragment.
type Fragments func() (fragment []byte, last bool, err error)

// Reader reads the items of one message across fragment borders. A value that lies in
// one fragment is returned without a copy; only an item that straddles a border is
// joined in a buffer of the reader, which grows with the bytes that really arrived.
//
// A Reader is reusable through Reset and not safe for concurrent use.
type Reader struct {
	next   Fragments
	limits Limits
	frag   []byte // unread part of the current fragment
	last   bool   // frag is the last fragment
	base   int64  // message offset of the next item
	joined []byte // head of the next item, when it lies across a border
	items  int
	ended  bool
	err    error
}

// NewReader reads a message delivered in fragments.
func NewReader(next Fragments, limits Limits) *Reader {
	r := new(Reader)
	r.Reset(next, limits)
	return r
}

// NewBytesReader reads a message that is complete in b. Values alias b.
func NewBytesReader(b []byte, limits Limits) *Reader {
	r := new(Reader)
	r.ResetBytes(b, limits)
	return r
}

// Reset makes the reader read another message and keeps its buffer.
func (r *Reader) Reset(next Fragments, limits Limits) {
	joined := r.joined
	if cap(joined) > maxKeptBuffer {
		joined = nil
	}
	*r = Reader{next: next, limits: limits.withDefaults(), joined: joined[:0]}
}

// ResetBytes makes the reader read the message in b.
func (r *Reader) ResetBytes(b []byte, limits Limits) {
	r.Reset(nil, limits)
	r.frag, r.last = b, true
}

// maxKeptBuffer bounds what a reused Reader keeps between messages.
const maxKeptBuffer = 1 << 16

// maxTrailing is how many bytes may follow the end item: the eight bytes of a CPIC
// parameter block, or padding (spec 02 section 5 [capture]).
const maxTrailing = 8

// Next returns the next item, or io.EOF behind the end item. Any other error is final.
func (r *Reader) Next() (Item, error) {
	if it, ok := r.whole(); ok {
		return it, nil
	}
	if r.err != nil {
		return Item{}, r.err
	}
	if r.ended {
		return Item{}, io.EOF
	}
	it, err := r.read()
	if err != nil {
		r.err = err
		return Item{}, err
	}
	return it, nil
}

// whole is the way of nearly every item: short, in order and in one fragment. Whatever is
// different in any respect is left to read, which knows what to say of it.
func (r *Reader) whole() (Item, bool) {
	b := r.frag
	if len(b) < 6 || len(r.joined) > 0 || r.err != nil || r.ended {
		return Item{}, false
	}
	tag := Tag(binary.BigEndian.Uint16(b))
	n := int(binary.BigEndian.Uint16(b[2:]))
	end := 4 + n
	if tag == End || n == longForm || len(b) < end+2 || Tag(binary.BigEndian.Uint16(b[end:])) != tag ||
		n > r.limits.Value || r.base+int64(end)+2 > r.limits.Message || r.items >= r.limits.Items {
		return Item{}, false
	}
	it := Item{Tag: tag, Value: b[4:end:end], Offset: r.base}
	r.items++
	r.base += int64(end) + 2
	r.frag = b[end+2:]
	return it, true
}

// Overhead is what a short item has around its value, in bytes: the opening tag and the length
// in front, the closing tag behind.
const Overhead = 6

// Run takes the items in front of the reader that have this tag and values of n bytes each, as
// many as lie in the current fragment, and at most most. It gives their number and the bytes
// from the first value to the last: value i starts at i*(n+Overhead). They are valid as long as
// the value of an item. It takes nothing that Next would refuse, and may take nothing at all.
func (r *Reader) Run(tag Tag, n, most int) (values []byte, count int) {
	if len(r.joined) > 0 || r.err != nil || r.ended || tag == End || n < 0 || n >= longForm || n > r.limits.Value {
		return nil, 0
	}
	size := n + Overhead
	most = min(most, len(r.frag)/size, r.limits.Items-r.items, int(min((r.limits.Message-r.base)/int64(size), math.MaxInt32)))
	head := uint32(tag)<<16 | uint32(n)
	for b := r.frag; count < most && binary.BigEndian.Uint32(b) == head && Tag(binary.BigEndian.Uint16(b[4+n:])) == tag; b = b[size:] {
		count++
	}
	if count == 0 {
		return nil, 0
	}
	taken := count * size
	values = r.frag[4 : taken-2 : taken-2]
	r.items += count
	r.base += int64(taken)
	r.frag = r.frag[taken:]
	return values, count
}

func (r *Reader) read() (Item, error) {
	b, err := r.ahead(4)
	if err != nil {
		return Item{}, err
	}
	tag := Tag(binary.BigEndian.Uint16(b))
	head, n := 4, uint64(binary.BigEndian.Uint16(b[2:]))
	if tag == End && n != 0 {
		return Item{}, r.fail(tag, wire.ErrMalformed, "an empty end item", fmt.Sprintf("length %04x", n))
	}
	if n == longForm {
		if b, err = r.ahead(8); err != nil {
			return Item{}, err
		}
		head, n = 8, uint64(binary.BigEndian.Uint32(b[4:]))
	}
	switch {
	case n > uint64(r.limits.Value):
		return Item{}, r.fail(tag, wire.ErrLimit, fmt.Sprintf("at most %d value bytes", r.limits.Value), fmt.Sprint(n))
	case r.base+int64(n)+int64(head)+2 > r.limits.Message:
		return Item{}, r.fail(tag, wire.ErrLimit, fmt.Sprintf("a message of at most %d bytes", r.limits.Message), fmt.Sprintf("%d or more", r.base+int64(n)+int64(head)+2))
	case r.items >= r.limits.Items:
		return Item{}, r.fail(tag, wire.ErrLimit, fmt.Sprintf("at most %d items", r.limits.Items), "more")
	}
	end := head + int(n)
	if b, err = r.ahead(end + 2); err != nil {
		return Item{}, err
	}
	if Tag(binary.BigEndian.Uint16(b[end:])) != tag {
		return Item{}, r.fail(tag, wire.ErrMalformed, fmt.Sprintf("closing tag %04x", uint16(tag)), fmt.Sprintf("% x", b[end:]))
	}
	it := Item{Tag: tag, Value: b[head:end:end], Offset: r.base}
	r.items++
	r.base += int64(end) + 2
	if len(r.joined) > 0 {
		r.joined = r.joined[:0] // its bytes stay as they are until the next item
	} else {
		r.frag = r.frag[end+2:]
	}
	if tag == End {
		r.ended = true
		return Item{}, io.EOF
	}
	return it, nil
}

// ahead returns the next n bytes without consuming them: in place when they lie in the
// current fragment, else joined from several.
func (r *Reader) ahead(n int) ([]byte, error) {
	if len(r.joined) == 0 && len(r.frag) >= n {
		return r.frag[:n], nil
	}
	for len(r.joined) < n {
		if len(r.frag) == 0 {
			if err := r.fetch(); err != nil {
				return nil, err
			}
			continue
		}
		take := min(n-len(r.joined), len(r.frag))
		r.joined = append(r.joined, r.frag[:take]...)
		r.frag = r.frag[take:]
	}
	return r.joined, nil
}

func (r *Reader) fetch() error {
	if !r.last && r.next != nil {
		var err error
		r.frag, r.last, err = r.next()
		if err == nil {
			return nil
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		// Next gives io.EOF a meaning of its own: a peer that leaves inside a message must
		// not look like the end of the chain.
	}
	return &wire.Error{
		Layer: "chain", Record: "item", Offset: int(r.base) + len(r.joined), Err: errors.Join(wire.ErrTruncated, io.ErrUnexpectedEOF),
		Want: "an end item", Got: "the end of the message",
	}
}

// Drain checks that the message ends where its chain ends: it must be called after
// io.EOF. A message that goes on behind the end item is a protocol error, because its
// remaining fragments would be taken for the next answer.
func (r *Reader) Drain() error {
	if !r.ended {
		return errors.New("chain: Drain before the end item")
	}
	trailing := len(r.frag)
	for !r.last && r.next != nil && trailing <= maxTrailing {
		if err := r.fetch(); err != nil {
			return err
		}
		trailing += len(r.frag)
	}
	if trailing > maxTrailing {
		return &wire.Error{
			Layer: "chain", Record: "end", Offset: int(r.base), Err: wire.ErrTrailing,
			Want: fmt.Sprintf("at most %d bytes", maxTrailing), Got: fmt.Sprintf("%d or more", trailing),
		}
	}
	r.frag = nil
	return nil
}

// Offset is the number of message bytes consumed so far.
func (r *Reader) Offset() int64 { return r.base }

// Items is the number of items read so far, the end item included.
func (r *Reader) Items() int { return r.items }

// fail says what is wrong with the item that starts at the current offset.
func (r *Reader) fail(tag Tag, reason error, want, got string) error {
	return &wire.Error{Layer: "chain", Record: fmt.Sprintf("item %04x", uint16(tag)), Offset: int(r.base), Err: reason, Want: want, Got: got}
}

package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

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
	next     Fragments
	limits   Limits
	frag     []byte // unread part of the current fragment
	last     bool   // frag is the last fragment
	base     int64  // message offset of frag[0]
	joined   []byte // buffer for an item across a border
	items    int
	ended    bool
	err      error
	trailing int
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

func (r *Reader) read() (Item, error) {
	// Fast path: the whole item lies in the current fragment.
	b := r.frag
	if len(b) >= 6 {
		tag := Tag(binary.BigEndian.Uint16(b))
		n := int(binary.BigEndian.Uint16(b[2:]))
		head := 4
		if n == longForm && tag != End && len(b) >= 8 {
			u := binary.BigEndian.Uint32(b[4:])
			if uint64(u) > uint64(r.limits.Value) {
				return Item{}, r.fail(tag, 0, wire.ErrLimit, fmt.Sprintf("at most %d value bytes", r.limits.Value), fmt.Sprintf("%d", u))
			}
			n, head = int(u), 8
		} else if n == longForm {
			return r.slow()
		}
		if end := head + n + 2; len(b) >= end {
			if Tag(binary.BigEndian.Uint16(b[head+n:])) != tag {
				return Item{}, r.closing(tag, b[head+n:])
			}
			return r.deliver(tag, b[head:head+n:head+n], end)
		}
	}
	return r.slow()
}

// deliver accounts for an item of size bytes at the start of the current fragment.
func (r *Reader) deliver(tag Tag, value []byte, size int) (Item, error) {
	it := Item{Tag: tag, Value: value, Offset: r.base}
	r.items++
	if r.items > r.limits.Items {
		return Item{}, r.fail(tag, 0, wire.ErrLimit, fmt.Sprintf("at most %d items", r.limits.Items), "more")
	}
	r.frag = r.frag[size:]
	r.base += int64(size)
	if r.base > r.limits.Message {
		return Item{}, r.fail(tag, 0, wire.ErrLimit, fmt.Sprintf("a message of at most %d bytes", r.limits.Message), "more")
	}
	if tag == End {
		if len(value) != 0 {
			return Item{}, r.fail(tag, 0, wire.ErrMalformed, "an empty end item", fmt.Sprintf("%d bytes", len(value)))
		}
		r.ended = true
		return Item{}, io.EOF
	}
	return it, nil
}

// slow joins an item that straddles a fragment border.
func (r *Reader) slow() (Item, error) {
	r.joined = r.joined[:0]
	if err := r.join(4); err != nil {
		return Item{}, err
	}
	tag := Tag(binary.BigEndian.Uint16(r.joined))
	n := int(binary.BigEndian.Uint16(r.joined[2:]))
	head := 4
	if n == longForm && tag != End {
		if err := r.join(8); err != nil {
			return Item{}, err
		}
		u := binary.BigEndian.Uint32(r.joined[4:])
		if uint64(u) > uint64(r.limits.Value) {
			return Item{}, r.failAt(r.base-int64(len(r.joined)), tag, wire.ErrLimit, fmt.Sprintf("at most %d value bytes", r.limits.Value), fmt.Sprintf("%d", u))
		}
		n, head = int(u), 8
	}
	end := head + n + 2
	if err := r.join(end); err != nil {
		return Item{}, err
	}
	if Tag(binary.BigEndian.Uint16(r.joined[head+n:])) != tag {
		r.base -= int64(end)
		return Item{}, r.closing(tag, r.joined[head+n:])
	}
	// The bytes are consumed from the fragments already: account without moving on.
	r.base -= int64(end)
	frag := r.frag
	r.frag = r.joined
	it, err := r.deliver(tag, r.joined[head:head+n:head+n], end)
	r.frag = frag
	return it, err
}

// join fills the join buffer up to n bytes.
func (r *Reader) join(n int) error {
	for len(r.joined) < n {
		if len(r.frag) == 0 {
			if err := r.fetch(); err != nil {
				return err
			}
			continue
		}
		take := min(n-len(r.joined), len(r.frag))
		r.joined = append(r.joined, r.frag[:take]...)
		r.frag = r.frag[take:]
		r.base += int64(take)
	}
	return nil
}

func (r *Reader) fetch() error {
	if r.last || r.next == nil {
		return &wire.Error{
			Layer: "chain", Record: "item", Offset: int(r.base), Err: wire.ErrTruncated,
			Want: "an end item", Got: "the end of the message",
		}
	}
	frag, last, err := r.next()
	if err != nil {
		return err
	}
	r.frag, r.last = frag, last
	return nil
}

// Drain checks that the message ends where its chain ends: it must be called after
// io.EOF. A message that goes on behind the end item is a protocol error, because its
// remaining fragments would be taken for the next answer.
func (r *Reader) Drain() error {
	if !r.ended {
		return errors.New("chain: Drain before the end item")
	}
	trailing := len(r.frag)
	for !r.last && r.next != nil {
		if err := r.fetch(); err != nil {
			return err
		}
		trailing += len(r.frag)
		if trailing > maxTrailing {
			break
		}
	}
	if trailing > maxTrailing {
		return &wire.Error{
			Layer: "chain", Record: "end", Offset: int(r.base), Err: wire.ErrTrailing,
			Want: fmt.Sprintf("at most %d bytes", maxTrailing), Got: fmt.Sprintf("%d or more", trailing),
		}
	}
	r.trailing, r.frag = trailing, nil
	return nil
}

// Offset is the number of message bytes consumed so far.
func (r *Reader) Offset() int64 { return r.base }

// Items is the number of items read so far, the end item included.
func (r *Reader) Items() int { return r.items }

func (r *Reader) closing(tag Tag, b []byte) error {
	return r.fail(tag, 0, wire.ErrMalformed, fmt.Sprintf("closing tag %04x", uint16(tag)), fmt.Sprintf("%04x", binary.BigEndian.Uint16(b)))
}

func (r *Reader) fail(tag Tag, add int, reason error, want, got string) error {
	return r.failAt(r.base+int64(add), tag, reason, want, got)
}

func (r *Reader) failAt(off int64, tag Tag, reason error, want, got string) error {
	return &wire.Error{Layer: "chain", Record: fmt.Sprintf("item %04x", uint16(tag)), Offset: int(off), Err: reason, Want: want, Got: got}
}

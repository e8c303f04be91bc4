package wsrfc

import "encoding/binary"

// walker finds the end of a record stream: the item ffff 0000 ffff of the chain. It is all
// that this package knows of the records, and it needs it because a stream may go on in the
// next WebSocket message, cut at any byte (spec 13 section 3.4 [impl]).
//
// A stream that is no chain has no end: whoever reads it takes the end of the message for it
// and lets the layer above say what is wrong.
type walker struct {
	part  [8]byte // of a head that lies across a border
	held  int
	skip  uint64 // bytes of the value that were not seen yet, with the closing tag
	state walkState
	tag   uint16
	begun bool // the first tag was seen
}

type walkState uint8

const (
	walkHead   walkState = iota // in the four or eight bytes in front of a value
	walkValue                   // in the value
	walkClose                   // in the closing tag
	walkEnd                     // behind the end item
	walkBroken                  // no chain
)

// firstTags bounds the tag a stream may start with: all that are known for it lie below, and
// text in ASCII or EBCDIC, which kernels send in place of a chain, does not (spec 03 section 8).
const firstTags = 0x0700

const (
	tagEnd   = 0xffff
	longForm = 0xffff
)

// unclosed says that the end item has come but for its closing tag: the end of one older
// client's requests (spec 13 section 7 [experiment]).
func (w *walker) unclosed() bool { return w.state == walkClose && w.tag == tagEnd && w.held == 0 }

// feed takes the next bytes of the stream.
func (w *walker) feed(b []byte) {
	for len(b) > 0 {
		switch w.state {
		case walkHead:
			b = w.headBytes(b)
		case walkValue:
			n := min(uint64(len(b)), w.skip)
			b = b[n:]
			if w.skip -= n; w.skip == 0 {
				w.state = walkClose
			}
		case walkClose:
			b = w.closeBytes(b)
		default:
			return
		}
	}
}

// headBytes takes items that lie in b as a whole, and collects the head of one that does not.
func (w *walker) headBytes(b []byte) []byte {
	if !w.begun {
		w.begun = true
		if b[0] >= firstTags>>8 && b[0] != tagEnd>>8 {
			w.state = walkBroken
			return nil
		}
	}
	for w.held == 0 && len(b) >= 6 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n == longForm || len(b) < n+6 {
			break
		}
		tag := binary.BigEndian.Uint16(b)
		if binary.BigEndian.Uint16(b[4+n:]) != tag || tag == tagEnd && n != 0 {
			w.state = walkBroken
			return nil
		}
		if b = b[n+6:]; tag == tagEnd {
			w.state = walkEnd
			return nil
		}
	}
	for len(b) > 0 {
		w.part[w.held] = b[0]
		w.held++
		b = b[1:]
		if w.held < 4 {
			continue
		}
		n := uint64(binary.BigEndian.Uint16(w.part[2:]))
		if n == longForm {
			if w.held < 8 {
				continue
			}
			n = uint64(binary.BigEndian.Uint32(w.part[4:]))
		}
		w.tag, w.held, w.skip, w.state = binary.BigEndian.Uint16(w.part[:]), 0, n, walkValue
		switch {
		case w.tag == tagEnd && n != 0:
			w.state = walkBroken
		case n == 0:
			w.state = walkClose
		}
		return b
	}
	return nil
}

// closeBytes compares the closing tag.
func (w *walker) closeBytes(b []byte) []byte {
	for len(b) > 0 && w.held < 2 {
		w.part[w.held] = b[0]
		w.held++
		b = b[1:]
	}
	if w.held < 2 {
		return nil
	}
	w.held = 0
	switch {
	case binary.BigEndian.Uint16(w.part[:]) != w.tag:
		w.state = walkBroken
	case w.tag == tagEnd:
		w.state = walkEnd
	default:
		w.state = walkHead
	}
	return b
}

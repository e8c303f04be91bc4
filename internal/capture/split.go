package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
)

// splitter cuts a byte stream into NI records, whatever the pieces it is fed with. Its
// memory follows the bytes fed, never a length. A failure sticks: behind a bad length
// nothing says where the next record begins.
type splitter struct {
	max     int64 // longest payload accepted, in bytes
	off     int64 // offset of the next byte to feed
	start   int64 // offset of the current record
	records int   // complete records so far
	head    [4]byte
	nhead   int
	size    int64 // payload length of the current record, once nhead is 4
	body    []byte
	err     error
}

// feed takes the next bytes of the stream and calls emit for each record completed. The
// payload handed out is a fresh slice.
func (s *splitter) feed(p []byte, emit func(off int64, payload []byte) error) error {
	for len(p) > 0 && s.err == nil {
		if s.nhead < 4 {
			if s.nhead == 0 {
				s.start = s.off
			}
			n := copy(s.head[s.nhead:], p)
			s.nhead += n
			s.off += int64(n)
			p = p[n:]
			if s.nhead < 4 {
				break
			}
			s.size = int64(binary.BigEndian.Uint32(s.head[:]))
			if s.size > s.max {
				s.err = fail("ni", s.record(), "length", s.start, wire.ErrLimit,
					fmt.Sprintf("at most %d bytes", s.max), fmt.Sprintf("%d%s", s.size, bareHint(s.head)))
				return s.err
			}
			s.body = make([]byte, 0, min(s.size, int64(len(p))))
		}
		n := int(min(s.size-int64(len(s.body)), int64(len(p))))
		s.body = append(s.body, p[:n]...)
		s.off += int64(n)
		p = p[n:]
		if int64(len(s.body)) < s.size {
			break
		}
		payload := s.body[:len(s.body):len(s.body)]
		s.body, s.nhead, s.size = nil, 0, 0
		s.records++
		s.err = emit(s.start, payload)
	}
	return s.err
}

// finish reports a record that has begun but not ended.
func (s *splitter) finish() error {
	switch {
	case s.err != nil:
		return s.err
	case s.nhead == 0:
		return nil
	case s.nhead < 4:
		return fail("ni", s.record(), "length", s.start, wire.ErrTruncated, "4 bytes", fmt.Sprintf("%d", s.nhead))
	default:
		return fail("ni", s.record(), "payload", s.start+4, wire.ErrTruncated,
			fmt.Sprintf("%d bytes", s.size), fmt.Sprintf("%d", len(s.body)))
	}
}

// record names the current record, counted from 1.
func (s *splitter) record() string { return fmt.Sprintf("record %d", s.records+1) }

// bareHint tells the most frequent reason of an absurd length: a file that holds a
// payload without its length bytes. Source of the beginnings: spec 01.1, 01.3, 01.5 [capture].
func bareHint(head [4]byte) string {
	bare := false
	switch {
	case bytes.HasPrefix(head[:], []byte("NI_")), string(head[:]) == "*ERR", string(head[:]) == "**ME", string(head[:]) == "ROUT":
		bare = true
	case head[0] == 0x02, head[0] == 0x03, head[0] == 0x06:
		bare = true
	}
	if !bare {
		return ""
	}
	return fmt.Sprintf(" (the bytes % x look like the start of a payload without its NI length: read it as bare)", head[:])
}

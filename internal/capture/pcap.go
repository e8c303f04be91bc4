package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
)

// The containers are read here and not by a library: the one that there is brings decoders of
// some hundred protocols into every program that can read a capture, two megabytes of them. It
// still writes what the tests of this package read, and reads what this package writes.

// rawPacket is one packet of either packet capture format. Its data are valid until the next one
// is read.
type rawPacket struct {
	data   []byte
	length uint32 // on the wire
	time   time.Time
	link   linkType
}

// packetSource gives the next packet, or io.EOF.
type packetSource func() (rawPacket, error)

// take reads n bytes into buf, which grows with the bytes that are there: io.EOF if there is
// none, io.ErrUnexpectedEOF if there are fewer.
func (c *collector) take(buf []byte, n uint32) ([]byte, error) {
	buf = buf[:0]
	for left := int64(n); left > 0; {
		step := int(min(left, readChunk))
		at := len(buf)
		buf = append(buf, make([]byte, step)...)
		got, err := io.ReadFull(c.br, buf[at:])
		if err != nil {
			if errors.Is(err, io.EOF) && at > 0 {
				err = io.ErrUnexpectedEOF
			}
			return buf[:at+got], err
		}
		left -= int64(step)
	}
	return buf, nil
}

// behind is the error of a part that has to follow: the end of the file comes too early there.
func behind(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readPcap reads the older format: a header of 24 bytes, and 16 in front of each packet. Source:
// PCAP capture file format [doc].
func (c *collector) readPcap() error {
	head, err := c.take(nil, 24)
	if err != nil {
		return c.at(0, c.packetError("pcap", "file header", 0, behind(err)))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 0xa1 {
		order = binary.BigEndian
	}
	unit := time.Microsecond
	if order.Uint32(head) == 0xa1b23c4d {
		unit = time.Nanosecond
	}
	if major, minor := order.Uint16(head[4:]), order.Uint16(head[6:]); major != 2 || minor != 4 {
		return c.at(0, c.packetError("pcap", "file header", 0, fmt.Errorf("version %d.%d is not known, only 2.4", major, minor)))
	}
	longest := max(order.Uint32(head[16:]), maxPacket)
	link := linkType(order.Uint32(head[20:])) // the upper half says other things
	var data []byte
	return c.readPackets("pcap", func() (p rawPacket, err error) {
		if head, err = c.take(head, 16); err != nil {
			return p, err
		}
		size := order.Uint32(head[8:])
		p = rawPacket{
			length: order.Uint32(head[12:]), link: link,
			time: time.Unix(int64(order.Uint32(head)), int64(order.Uint32(head[4:]))*int64(unit)).UTC(),
		}
		switch {
		case size > longest:
			return p, fmt.Errorf("a packet of %d bytes, at most %d", size, longest)
		case size > p.length:
			return p, fmt.Errorf("%d bytes of a packet of %d", size, p.length)
		}
		data, err = c.take(data, size)
		p.data = data
		return p, behind(err)
	})
}

// packetError turns an error of the file reader into ours: what begins at offset start,
// or in pcapng a block behind it, could not be read.
func (c *collector) packetError(layer, record string, start int64, err error) error {
	if c.meter.err != nil {
		return c.meter.err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(layer, record, "", start, wire.ErrTruncated, "a complete one", fmt.Sprintf("the end of the file at offset %d", c.pos()))
	}
	return fail(layer, record, "", start, wire.ErrMalformed, "", fmt.Sprintf("%s (reading stopped at offset %d)", strings.ToLower(err.Error()), c.pos()))
}

func (c *collector) readPackets(format string, next packetSource) error {
	a := newAssembler(c)
	var ignored tally
	var damage, badLink error
	usable := false
	for no := 1; ; no++ {
		start := c.pos()
		p, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			damage = c.at(start, c.packetError(format, fmt.Sprintf("packet %d", no), start, err))
			break
		}
		seg, err := decodePacket(p.data, p.link)
		if lerr, ok := errors.AsType[*linkError](err); ok {
			if badLink == nil {
				badLink = c.at(start, fail(format, fmt.Sprintf("packet %d", no), "link type", start, wire.ErrMalformed,
					"Ethernet, Linux cooked, raw IP or loopback", lerr.Error()))
			}
			if format == "pcap" {
				break // all packets of the file have this type
			}
			ignored.add(fmt.Sprintf("packet %d: link type %v", no, lerr))
			continue
		}
		usable = true
		if err != nil {
			ignored.add(fmt.Sprintf("packet %d: %v", no, err))
			continue
		}
		if seg == nil {
			continue
		}
		if p.length > uint32(len(p.data)) {
			seg.cut = true
		}
		seg.packet, seg.time = no, p.time
		if err := a.segment(seg); err != nil {
			damage = c.at(start, err)
			break
		}
	}
	ignored.tell(c.opts, "packet(s) left out")
	if !usable && damage == nil {
		damage = badLink
	}
	return errors.Join(damage, a.finish())
}

// tally counts what was left out and keeps the first few reasons.
type tally struct {
	count   int
	reasons []string
}

func (t *tally) add(reason string) {
	t.count++
	if len(t.reasons) < maxNotes {
		t.reasons = append(t.reasons, reason)
	}
}

func (t *tally) tell(o Options, what string) {
	if t.count > 0 {
		o.note(fmt.Sprintf("%d %s: %s", t.count, what, strings.Join(t.reasons, "; ")))
	}
}

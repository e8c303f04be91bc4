package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// The blocks of pcapng and the options that are of use here. Source: PCAP Next Generation
// capture file format [doc].
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6

	byteOrderMagic = 0x1a2b3c4d

	optionEnd         = 0
	optionName        = 2 // of an interface
	optionDescription = 3
	optionApplication = 4 // of a section
	optionResolution  = 9
	optionOffset      = 14
)

// pcapngReader reads one block after the other.
type pcapngReader struct {
	c          *collector
	order      binary.ByteOrder
	unknown    bool // the version of the section is not known: its blocks are left out
	interfaces []captureInterface
	head, body []byte
}

// captureInterface is where packets were captured.
type captureInterface struct {
	link   linkType
	snap   uint32 // bytes kept of a packet; 0: all
	units  uint64 // of time stamps, per second
	offset int64  // of time stamps, in seconds
}

func (c *collector) readPcapng() error {
	r := &pcapngReader{c: c}
	kind, err := r.block()
	if err == nil && kind != blockSection {
		err = fmt.Errorf("block %#x in front of it", kind)
	}
	if err != nil {
		return c.at(0, c.packetError("pcapng", "section header", 0, behind(err)))
	}
	return c.readPackets("pcapng", r.packet)
}

// packet gives the next packet of a section that is known.
func (r *pcapngReader) packet() (rawPacket, error) {
	for {
		kind, err := r.block()
		if err != nil {
			return rawPacket{}, err
		}
		switch kind {
		case blockEnhanced:
			if len(r.body) < 20 {
				return rawPacket{}, fmt.Errorf("a packet block of %d bytes", len(r.body))
			}
			return r.enhanced(r.order.Uint32(r.body))
		case blockPacket:
			if len(r.body) < 20 {
				return rawPacket{}, fmt.Errorf("a packet block of %d bytes", len(r.body))
			}
			return r.enhanced(uint32(r.order.Uint16(r.body)))
		case blockSimple:
			return r.simple()
		}
	}
}

// block reads the next block: its body without the lengths around it, if it is of use.
func (r *pcapngReader) block() (kind uint32, err error) {
	if r.head, err = r.c.take(r.head, 8); err != nil {
		return 0, err
	}
	// The type of a section header reads the same in both orders, and behind it comes what tells
	// the order of everything, this header included.
	section := binary.LittleEndian.Uint32(r.head) == blockSection
	var magic []byte
	if section {
		if magic, err = r.c.take(nil, 4); err != nil {
			return 0, behind(err)
		}
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(magic):
			r.order = binary.LittleEndian
		case binary.BigEndian.Uint32(magic):
			r.order = binary.BigEndian
		default:
			return 0, fmt.Errorf("byte order %x, want 1a2b3c4d or 4d3c2b1a", magic)
		}
	}
	if r.order == nil {
		return 0, errors.New("no section header")
	}
	kind = r.order.Uint32(r.head)
	size := r.order.Uint32(r.head[4:])
	if size < 12 || size%4 != 0 || section && size < 28 {
		return 0, fmt.Errorf("a block of %d bytes", size)
	}
	rest := size - 12 - uint32(len(magic))
	wanted := section || kind == blockInterface || !r.unknown && (kind == blockEnhanced || kind == blockPacket || kind == blockSimple)
	if wanted {
		r.body, err = r.c.take(r.body, rest)
	} else {
		r.body = r.body[:0]
		_, err = io.CopyN(io.Discard, r.c.br, int64(rest))
	}
	if err != nil {
		return 0, behind(err)
	}
	if r.head, err = r.c.take(r.head, 4); err != nil {
		return 0, behind(err)
	}
	if again := r.order.Uint32(r.head); again != size {
		return 0, fmt.Errorf("a block of %d bytes that says %d at its end", size, again)
	}
	switch {
	case section:
		r.unknown, r.interfaces = r.order.Uint16(r.body) != 1, r.interfaces[:0]
	case kind == blockInterface && !r.unknown:
		err = r.described()
	case !wanted:
		kind = 0
	}
	return kind, err
}

// described takes the block of an interface.
func (r *pcapngReader) described() error {
	if len(r.body) < 8 {
		return fmt.Errorf("an interface block of %d bytes", len(r.body))
	}
	in := captureInterface{link: linkType(r.order.Uint16(r.body)), snap: r.order.Uint32(r.body[4:]), units: 1_000_000}
	for o := r.body[8:]; len(o) >= 4; {
		code, n := r.order.Uint16(o), int(r.order.Uint16(o[2:]))
		o = o[4:]
		if code == optionEnd {
			break
		}
		padded := (n + 3) &^ 3
		if padded > len(o) {
			return fmt.Errorf("option %d of an interface: %d bytes, %d are left", code, n, len(o))
		}
		switch {
		case code == optionResolution && n == 1:
			if in.units = unitsPerSecond(o[0]); in.units == 0 {
				return fmt.Errorf("time resolution %#x of an interface", o[0])
			}
		case code == optionOffset && n == 8:
			in.offset = int64(r.order.Uint64(o))
		}
		o = o[padded:]
	}
	r.interfaces = append(r.interfaces, in)
	return nil
}

// unitsPerSecond reads a resolution: a negative power of ten, or of two with the top bit set; 0
// for one that 64 bits do not hold.
func unitsPerSecond(b byte) uint64 {
	if b&0x80 != 0 {
		return 1 << (b & 0x7f) // 0 beyond 63
	}
	if b > 19 {
		return 0
	}
	units := uint64(1)
	for range b {
		units *= 10
	}
	return units
}

// enhanced takes a packet with a time stamp.
func (r *pcapngReader) enhanced(number uint32) (rawPacket, error) {
	if uint64(number) >= uint64(len(r.interfaces)) {
		return rawPacket{}, fmt.Errorf("interface %d of %d", number, len(r.interfaces))
	}
	in := &r.interfaces[number]
	b := r.body
	size, length := r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
	if b = b[20:]; uint64(size) > uint64(len(b)) {
		return rawPacket{}, fmt.Errorf("a packet of %d bytes in a block with room for %d", size, len(b))
	}
	stamp := uint64(r.order.Uint32(r.body[4:]))<<32 | uint64(r.order.Uint32(r.body[8:]))
	return rawPacket{data: b[:size], length: length, link: in.link, time: in.time(stamp)}, nil
}

// time turns a time stamp into nanoseconds.
func (in *captureInterface) time(stamp uint64) time.Time {
	hi, lo := bits.Mul64(stamp%in.units, 1_000_000_000)
	nanos, _ := bits.Div64(hi, lo, in.units) // the remainder is less than units
	return time.Unix(int64(stamp/in.units&math.MaxInt64)+in.offset, int64(nanos)).UTC()
}

// simple takes a packet of the first interface without a time stamp.
func (r *pcapngReader) simple() (rawPacket, error) {
	if len(r.body) < 4 || len(r.interfaces) == 0 {
		return rawPacket{}, fmt.Errorf("a simple packet block of %d bytes behind %d interfaces", len(r.body), len(r.interfaces))
	}
	in := &r.interfaces[0]
	length := r.order.Uint32(r.body)
	size := length
	if in.snap > 0 {
		size = min(size, in.snap)
	}
	if uint64(size) > uint64(len(r.body)-4) {
		return rawPacket{}, fmt.Errorf("a packet of %d bytes in a block with room for %d", size, len(r.body)-4)
	}
	return rawPacket{data: r.body[4 : 4+size], length: length, link: in.link}, nil
}

// appendSection writes the header of a section and its only interface: Ethernet, times in
// nanoseconds.
func appendSection(dst []byte, application, name, description string) []byte {
	dst = appendBlock(dst, blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
		b = append(b, 1, 0, 0, 0)                               // version 1.0
		b = binary.LittleEndian.AppendUint64(b, math.MaxUint64) // of a length that is not known
		return appendOption(appendOption(b, optionApplication, application), optionEnd, "")
	})
	return appendBlock(dst, blockInterface, func(b []byte) []byte {
		b = append(b, byte(linkEthernet), 0, 0, 0, 0, 0, 0, 0) // whole packets
		b = appendOption(b, optionName, name)
		b = appendOption(b, optionDescription, description)
		b = appendOption(b, optionResolution, "\x09")
		return appendOption(b, optionEnd, "")
	})
}

// appendPacket writes a packet of the interface.
func appendPacket(dst []byte, at time.Time, data []byte) []byte {
	return appendBlock(dst, blockEnhanced, func(b []byte) []byte {
		stamp := uint64(at.UnixNano())
		for _, v := range []uint32{0, uint32(stamp >> 32), uint32(stamp), uint32(len(data)), uint32(len(data))} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return append(append(b, data...), make([]byte, -len(data)&3)...)
	})
}

// appendBlock writes a block around what body appends.
func appendBlock(dst []byte, kind uint32, body func([]byte) []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = body(append(dst, 0, 0, 0, 0))
	size := uint32(len(dst) - start + 4)
	binary.LittleEndian.PutUint32(dst[start+4:], size)
	return binary.LittleEndian.AppendUint32(dst, size)
}

func appendOption(dst []byte, code uint16, value string) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, code)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(value)))
	return append(append(dst, value...), make([]byte, -len(value)&3)...)
}

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// linkType says what a packet begins with. Source: list of pcap link types [doc].
type linkType uint16

const (
	linkNull       linkType = 0
	linkEthernet   linkType = 1
	linkRawBSD     linkType = 12
	linkRawOpenBSD linkType = 14
	linkRaw        linkType = 101
	linkLoop       linkType = 108
	linkCooked     linkType = 113
	linkIPv4       linkType = 228
	linkIPv6       linkType = 229
	// linkExportedPDU is the link type of exported PDUs: no TCP, and what is inside depends
	// on a dissector name.
	linkExportedPDU linkType = 252
	linkCooked2     linkType = 276
)

// linkError says that the link type cannot hold what we look for.
type linkError struct{ link linkType }

func (e *linkError) Error() string {
	if e.link == linkExportedPDU {
		return "252, exported PDUs, which have no TCP connection: export the packets instead"
	}
	return fmt.Sprintf("%d", uint16(e.link))
}

// The protocols on the way to TCP. Source: the registries of IEEE and IANA [doc].
const (
	etherIPv4 = 0x0800
	etherVLAN = 0x8100
	etherIPv6 = 0x86dd
	etherQinQ = 0x88a8
	etherOld  = 0x9100 // QinQ before it had a number

	protocolHopByHop    = 0
	protocolTCP         = 6
	protocolRouting     = 43
	protocolFragment    = 44
	protocolAuth        = 51
	protocolDestination = 60
)

var errFragment = errors.New("fragment of an IP packet")

// segment is one TCP segment. Payload is valid until the next packet is read.
type segment struct {
	packet              int
	time                time.Time
	src, dst            netip.AddrPort
	seq, ack            uint32
	syn, fin, rst, acks bool
	push                bool // written only
	payload             []byte
	length              int  // payload bytes that the segment had on the wire
	cut                 bool // the capture kept fewer
}

// decodePacket gives the segment, nil for a packet that is not TCP, a *linkError for a link
// type that is not supported, or another error for a packet that is damaged.
func decodePacket(b []byte, link linkType) (*segment, error) {
	kind := uint16(0)
	switch link {
	case linkEthernet:
		if len(b) < 14 {
			return nil, short("an Ethernet header", b)
		}
		kind, b = binary.BigEndian.Uint16(b[12:]), b[14:]
	case linkCooked:
		if len(b) < 16 {
			return nil, short("a Linux cooked header", b)
		}
		kind, b = binary.BigEndian.Uint16(b[14:]), b[16:]
	case linkCooked2:
		if len(b) < 20 {
			return nil, short("a Linux cooked header", b)
		}
		kind, b = binary.BigEndian.Uint16(b), b[20:]
	case linkNull, linkLoop:
		if len(b) < 4 {
			return nil, short("a loopback header", b)
		}
		kind, b = family(b), b[4:]
	case linkIPv4:
		kind = etherIPv4
	case linkIPv6:
		kind = etherIPv6
	case linkRaw, linkRawBSD, linkRawOpenBSD:
		if len(b) == 0 {
			return nil, short("an IP header", b)
		}
		if kind = etherIPv4; b[0]>>4 == 6 {
			kind = etherIPv6
		}
	default:
		return nil, &linkError{link}
	}
	for kind == etherVLAN || kind == etherQinQ || kind == etherOld {
		if len(b) < 4 {
			return nil, short("a VLAN tag", b)
		}
		kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	switch kind {
	case etherIPv4:
		return decodeIPv4(b)
	case etherIPv6:
		return decodeIPv6(b)
	}
	return nil, nil
}

func short(what string, b []byte) error { return fmt.Errorf("%s in %d bytes", what, len(b)) }

// family turns the address family of a loopback header, in the byte order of the machine that
// captured, into what an Ethernet frame would say.
func family(b []byte) uint16 {
	f := binary.LittleEndian.Uint32(b)
	if f > 0xffff {
		f = binary.BigEndian.Uint32(b)
	}
	switch f {
	case 2:
		return etherIPv4
	case 10, 23, 24, 28, 30: // Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS
		return etherIPv6
	}
	return 0
}

func decodeIPv4(b []byte) (*segment, error) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return nil, short("an IPv4 header", b)
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // left to the network card
		total = len(b)
	}
	if head < 20 || head > len(b) || total < head {
		return nil, fmt.Errorf("an IPv4 packet of %d bytes with a header of %d", total, head)
	}
	if b[9] != protocolTCP {
		return nil, nil
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil, errFragment
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	return decodeTCP(b[head:min(total, len(b))], total-head, src, dst)
}

func decodeIPv6(b []byte) (*segment, error) {
	if len(b) < 40 || b[0]>>4 != 6 {
		return nil, short("an IPv6 header", b)
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])).Unmap(), netip.AddrFrom16([16]byte(b[24:40])).Unmap()
	next, total := b[6], int(binary.BigEndian.Uint16(b[4:]))
	b = b[40:]
	if total == 0 { // left to the network card
		total = len(b)
	}
	b = b[:min(total, len(b))]
	for {
		size := 0
		switch next {
		case protocolTCP:
			return decodeTCP(b, total, src, dst)
		case protocolHopByHop, protocolRouting, protocolDestination, protocolFragment, protocolAuth:
			if len(b) < 8 {
				return nil, short("an IPv6 extension header", b)
			}
			switch size = int(b[1])*8 + 8; next {
			case protocolFragment:
				if size = 8; binary.BigEndian.Uint16(b[2:])&^6 != 0 { // an offset, or more to come
					if b[0] == protocolTCP {
						return nil, errFragment
					}
					return nil, nil
				}
			case protocolAuth:
				size = int(b[1])*4 + 8
			}
		default:
			return nil, nil
		}
		if size > len(b) {
			return nil, short(fmt.Sprintf("an IPv6 extension header of %d bytes", size), b)
		}
		next, b, total = b[0], b[size:], total-size
	}
}

// decodeTCP reads a segment of total bytes, of which the capture may have kept fewer.
func decodeTCP(b []byte, total int, src, dst netip.Addr) (*segment, error) {
	if len(b) < 20 {
		return nil, short("a TCP header", b)
	}
	head := int(b[12]>>4) * 4
	if head < 20 || head > len(b) {
		return nil, short(fmt.Sprintf("a TCP header of %d bytes", head), b)
	}
	flags := b[13]
	return &segment{
		src: netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), dst: netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:])),
		seq: binary.BigEndian.Uint32(b[4:]), ack: binary.BigEndian.Uint32(b[8:]),
		fin: flags&flagFIN != 0, syn: flags&flagSYN != 0, rst: flags&flagRST != 0, acks: flags&flagACK != 0,
		payload: b[head:], length: total - head, cut: total > len(b),
	}, nil
}

// The flags of a TCP header [doc].
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

const packetHead = 14 + 20 + 20 // Ethernet, IPv4 and TCP without options

// appendSegment writes an Ethernet frame with an IPv4 packet with a TCP segment. ends are the
// sender and the receiver, by the last byte of their made-up hardware addresses.
func appendSegment(dst []byte, ends [2]byte, ident uint16, s *segment) []byte {
	dst = append(dst, 2, 0, 0, 0, 0, ends[1], 2, 0, 0, 0, 0, ends[0])
	dst = binary.BigEndian.AppendUint16(dst, etherIPv4)
	ip := len(dst)
	dst = append(dst, 0x45, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(packetHead-14+len(s.payload)))
	dst = binary.BigEndian.AppendUint16(dst, ident)
	dst = append(dst, 0x40, 0, 64, protocolTCP, 0, 0) // not to be fragmented
	dst = append(append(dst, s.src.Addr().AsSlice()...), s.dst.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(dst[ip+10:], checksum(dst[ip:], 0))
	tcp := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, s.src.Port())
	dst = binary.BigEndian.AppendUint16(dst, s.dst.Port())
	dst = binary.BigEndian.AppendUint32(dst, s.seq)
	dst = binary.BigEndian.AppendUint32(dst, s.ack)
	flags := byte(0)
	for _, f := range []struct {
		set bool
		bit byte
	}{{s.fin, flagFIN}, {s.syn, flagSYN}, {s.rst, flagRST}, {s.push, flagPSH}, {s.acks, flagACK}} {
		if f.set {
			flags |= f.bit
		}
	}
	dst = append(dst, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0) // a window of 65535 bytes
	dst = append(dst, s.payload...)
	// The checksum covers the addresses, the protocol and the length as well.
	binary.BigEndian.PutUint16(dst[tcp+16:], checksum(dst[ip+12:], protocolTCP+uint32(len(dst)-tcp)))
	return dst
}

// checksum is the one's complement sum of IP and TCP.
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) > 0 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

package capture

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/purerfc/purerfc/internal/wire"
)

// packetSource is the reader of either packet capture format. The packet is valid until
// the next one is read.
type packetSource func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error)

func (c *collector) readPcap() error {
	r, err := pcapgo.NewReader(c.br)
	if err != nil {
		return c.at(0, c.packetError("pcap", "file header", 0, err))
	}
	return c.readPackets("pcap", func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error) {
		start := c.pos()
		data, ci, err := r.ZeroCopyReadPacketData()
		// The reader gives a plain end of file also when the file ends behind a packet header.
		if errors.Is(err, io.EOF) && c.pos() != start {
			err = io.ErrUnexpectedEOF
		}
		return data, ci, r.LinkType(), err
	})
}

func (c *collector) readPcapng() error {
	r, err := pcapgo.NewNgReader(c.br, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return c.at(0, c.packetError("pcapng", "section header", 0, err))
	}
	return c.readPackets("pcapng", func() ([]byte, gopacket.CaptureInfo, layers.LinkType, error) {
		data, ci, err := r.ZeroCopyReadPacketData()
		var link layers.LinkType
		if err == nil && len(ci.AncillaryData) > 0 {
			link, _ = ci.AncillaryData[0].(layers.LinkType)
		}
		return data, ci, link, err
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
	dec := newPacketDecoder()
	var ignored tally
	var damage, badLink error
	usable := false
	for no := 1; ; no++ {
		start := c.pos()
		data, ci, link, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			damage = c.at(start, c.packetError(format, fmt.Sprintf("packet %d", no), start, err))
			break
		}
		seg, err := dec.decode(data, link)
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
		if ci.Length > ci.CaptureLength {
			seg.cut = true
		}
		seg.packet, seg.time = no, ci.Timestamp
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

// segment is one TCP segment. Payload is valid until the next packet is read.
type segment struct {
	packet              int
	time                time.Time
	src, dst            netip.AddrPort
	seq, ack            uint32
	syn, fin, rst, acks bool
	payload             []byte
	length              int  // payload bytes that the segment had on the wire
	cut                 bool // the capture kept fewer
}

// linkError says that the link type cannot hold what we look for.
type linkError struct{ link layers.LinkType }

// linkExportedPDU is the link type of exported PDUs: no TCP, and what is inside depends
// on a dissector name. Source: list of pcap link types [doc].
const linkExportedPDU = 252

func (e *linkError) Error() string {
	if e.link == linkExportedPDU {
		return "252, exported PDUs, which have no TCP connection: export the packets instead"
	}
	return fmt.Sprintf("%d", uint16(e.link))
}

// Link types that gopacket does not name. Source: list of pcap link types [doc].
const (
	linkRawBSD     = 12
	linkRawOpenBSD = 14
)

// packetDecoder finds the TCP segment in a packet. The layers are reused.
type packetDecoder struct {
	eth   layers.Ethernet
	vlan  layers.Dot1Q
	sll   layers.LinuxSLL
	sll2  layers.LinuxSLL2
	loop  layers.Loopback
	ip4   layers.IPv4
	ip6   layers.IPv6
	ext   layers.IPv6ExtensionSkipper
	frag  layers.IPv6Fragment
	tcp   layers.TCP
	first map[gopacket.LayerType]*gopacket.DecodingLayerParser
	found []gopacket.LayerType
	seg   segment
}

func newPacketDecoder() *packetDecoder {
	d := &packetDecoder{first: map[gopacket.LayerType]*gopacket.DecodingLayerParser{}}
	for _, t := range []gopacket.LayerType{
		layers.LayerTypeEthernet, layers.LayerTypeLinuxSLL, layers.LayerTypeLinuxSLL2,
		layers.LayerTypeLoopback, layers.LayerTypeIPv4, layers.LayerTypeIPv6,
	} {
		// The fragment layer comes behind the extension skipper, which claims its type too.
		p := gopacket.NewDecodingLayerParser(t, &d.eth, &d.vlan, &d.sll, &d.sll2, &d.loop, &d.ip4, &d.ip6, &d.ext, &d.frag, &d.tcp)
		p.IgnoreUnsupported = true
		d.first[t] = p
	}
	return d
}

// decode gives the segment, nil for a packet that is not TCP, a *linkError for a link
// type that is not supported, or another error for a packet that is damaged.
func (d *packetDecoder) decode(data []byte, link layers.LinkType) (*segment, error) {
	var first gopacket.LayerType
	switch link {
	case layers.LinkTypeEthernet:
		first = layers.LayerTypeEthernet
	case layers.LinkTypeLinuxSLL:
		first = layers.LayerTypeLinuxSLL
	case layers.LinkTypeLinuxSLL2:
		first = layers.LayerTypeLinuxSLL2
	case layers.LinkTypeNull, layers.LinkTypeLoop:
		first = layers.LayerTypeLoopback
	case layers.LinkTypeIPv4:
		first = layers.LayerTypeIPv4
	case layers.LinkTypeIPv6:
		first = layers.LayerTypeIPv6
	case layers.LinkTypeRaw, linkRawBSD, linkRawOpenBSD:
		if len(data) == 0 {
			return nil, errors.New("empty packet")
		}
		first = layers.LayerTypeIPv4
		if data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
	default:
		return nil, &linkError{link}
	}
	p := d.first[first]
	err := p.DecodeLayers(data, &d.found)
	var ip gopacket.LayerType
	complete := false
	for _, t := range d.found {
		switch t {
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6:
			ip = t
		case layers.LayerTypeTCP:
			complete = true
		}
	}
	if !complete {
		if err == nil && ip == layers.LayerTypeIPv4 && d.ip4.Protocol == layers.IPProtocolTCP && d.ip4.NextLayerType() == gopacket.LayerTypeFragment {
			err = errors.New("fragment of an IP packet")
		}
		if err == nil && ip == layers.LayerTypeIPv6 && len(d.found) > 0 && d.found[len(d.found)-1] == layers.LayerTypeIPv6Fragment && d.frag.NextHeader == layers.IPProtocolTCP {
			err = errors.New("fragment of an IP packet")
		}
		return nil, err
	}
	var src, dst netip.Addr
	var total int // bytes behind the IP header that the packet had on the wire
	var rest []byte
	switch ip {
	case layers.LayerTypeIPv4:
		src, _ = netip.AddrFromSlice(d.ip4.SrcIP)
		dst, _ = netip.AddrFromSlice(d.ip4.DstIP)
		total, rest = int(d.ip4.Length)-int(d.ip4.IHL)*4, d.ip4.Payload
	case layers.LayerTypeIPv6:
		src, _ = netip.AddrFromSlice(d.ip6.SrcIP)
		dst, _ = netip.AddrFromSlice(d.ip6.DstIP)
		total, rest = int(d.ip6.Length), d.ip6.Payload
		if d.ip6.HopByHop != nil {
			total -= d.ip6.HopByHop.ActualLength
		}
	default:
		return nil, errors.New("TCP without IP")
	}
	t := &d.tcp
	d.seg = segment{
		src: netip.AddrPortFrom(src.Unmap(), uint16(t.SrcPort)), dst: netip.AddrPortFrom(dst.Unmap(), uint16(t.DstPort)),
		seq: t.Seq, ack: t.Ack, syn: t.SYN, fin: t.FIN, rst: t.RST, acks: t.ACK,
		payload: t.Payload, length: len(t.Payload),
	}
	if p.Truncated {
		d.seg.cut = true
		d.seg.length = max(d.seg.length, total-(len(rest)-len(t.Payload)))
	}
	return &d.seg, nil
}

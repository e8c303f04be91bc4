package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
)

type manifestEntry struct {
	File, Framing, Direction, Flow string
	Bytes                          int
	Step                           int
}

func manifest(t *testing.T) (dir string, entries []manifestEntry) {
	t.Helper()
	dir = filepath.Join(evidence.Folder(t), "captures")
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	var m struct{ Entries []manifestEntry }
	require.NoError(t, json.Unmarshal(b, &m))
	require.NotEmpty(t, m.Entries)
	return dir, m.Entries
}

// ni frames payloads as NI records.
func ni(payloads ...[]byte) []byte {
	var out []byte
	for _, p := range payloads {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

func text(payloads ...string) []byte {
	var out [][]byte
	for _, p := range payloads {
		out = append(out, []byte(p))
	}
	return ni(out...)
}

func read(t *testing.T, name string, b []byte) []Frame {
	t.Helper()
	got, err := Read(name, bytes.NewReader(b), Options{})
	require.NoError(t, err)
	return got
}

func diff(want, got []Frame) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		cmp.Comparer(func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }))
}

// said is a frame reduced to who said what.
type said struct {
	Stream int
	Dir    Direction
	Text   string
}

func words(frames []Frame) []said {
	var out []said
	for _, f := range frames {
		out = append(out, said{f.Stream, f.Direction, string(f.Payload)})
	}
	return out
}

// randomFrames makes a recording with the streams numbered by first appearance.
func randomFrames(r *rand.Rand, n, streams int, withTimes bool) []Frame {
	var out []Frame
	number := map[int]int{}
	at := time.Date(2026, 6, 1, 8, 0, 0, 123, time.UTC)
	for range n {
		size := r.IntN(40)
		switch r.IntN(12) {
		case 0:
			size = r.IntN(5000)
		case 1:
			size = 1456 + r.IntN(3)
		case 2:
			size = 30000 + r.IntN(60000)
		}
		f := Frame{Direction: ClientToServer, Payload: make([]byte, size)}
		for i := range f.Payload {
			f.Payload[i] = byte(r.Uint32())
		}
		if r.IntN(2) == 0 {
			f.Direction = ServerToClient
		}
		s := r.IntN(streams)
		if _, ok := number[s]; !ok {
			number[s] = len(number)
		}
		f.Stream = number[s]
		if withTimes {
			at = at.Add(time.Duration(r.IntN(1_000_000)) * time.Nanosecond)
			f.Time = at
		}
		out = append(out, f)
	}
	return out
}

// wirePacket is a packet of a hand-made packet capture.
type wirePacket struct {
	fromServer bool
	seq        uint32
	ack        uint32
	flags      string // of S A F R
	data       []byte
	keep       int // bytes kept by the capture; 0 means all
	client     uint16
	server     uint16
}

// link wraps an IP packet for one link type.
type link struct {
	name string
	typ  layers.LinkType
	v6   bool
	head func(v6 bool) []byte
}

func etherType(v6 bool) []byte {
	if v6 {
		return []byte{0x86, 0xdd}
	}
	return []byte{0x08, 0x00}
}

var links = []link{
	{"ethernet", 1, false, func(v6 bool) []byte { return append(make([]byte, 12), etherType(v6)...) }},
	{"ethernet with IPv6", 1, true, func(v6 bool) []byte { return append(make([]byte, 12), etherType(v6)...) }},
	{"vlan", 1, false, func(v6 bool) []byte { return append(append(make([]byte, 12), 0x81, 0, 0, 5), etherType(v6)...) }},
	{"cooked", 113, false, func(v6 bool) []byte { return append(make([]byte, 14), etherType(v6)...) }},
	{"cooked 2", 276, true, func(v6 bool) []byte { return append(etherType(v6), make([]byte, 18)...) }},
	{"null", 0, false, func(bool) []byte { return []byte{2, 0, 0, 0} }},
	{"loop", 108, false, func(bool) []byte { return []byte{0, 0, 0, 2} }},
	{"null with IPv6", 0, true, func(bool) []byte { return []byte{30, 0, 0, 0} }},
	{"raw", 101, false, func(bool) []byte { return nil }},
	{"raw with IPv6", 101, true, func(bool) []byte { return nil }},
	{"raw of BSD", 12, false, func(bool) []byte { return nil }},
	{"IPv4", 228, false, func(bool) []byte { return nil }},
	{"IPv6", 229, true, func(bool) []byte { return nil }},
}

func ipPacket(t testing.TB, p wirePacket, v6 bool) []byte {
	t.Helper()
	client, server := p.client, p.server
	if client == 0 {
		client = 50000
	}
	if server == 0 {
		server = 3300
	}
	a, b := []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}
	if v6 {
		a, b = append(make([]byte, 15), 1), append(make([]byte, 15), 2)
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(client), DstPort: layers.TCPPort(server), Seq: p.seq, Ack: p.ack, Window: 1000}
	if p.fromServer {
		a, b = b, a
		tcp.SrcPort, tcp.DstPort = tcp.DstPort, tcp.SrcPort
	}
	for _, c := range p.flags {
		switch c {
		case 'S':
			tcp.SYN = true
		case 'A':
			tcp.ACK = true
		case 'F':
			tcp.FIN = true
		case 'R':
			tcp.RST = true
		}
	}
	buf := gopacket.NewSerializeBuffer()
	var err error
	if v6 {
		err = gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true},
			&layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, SrcIP: a, DstIP: b}, tcp, gopacket.Payload(p.data))
	} else {
		err = gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true},
			&layers.IPv4{Version: 4, IHL: 5, Protocol: layers.IPProtocolTCP, SrcIP: a, DstIP: b}, tcp, gopacket.Payload(p.data))
	}
	require.NoError(t, err)
	return buf.Bytes()
}

func pcapFile(t testing.TB, l link, packets ...wirePacket) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriterNanos(&out)
	require.NoError(t, w.WriteFileHeader(65535, l.typ))
	for i, p := range packets {
		b := append(l.head(l.v6), ipPacket(t, p, l.v6)...)
		full := len(b)
		if p.keep > 0 {
			b = b[:len(b)-len(p.data)+p.keep]
		}
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(1_700_000_000, int64(i)), CaptureLength: len(b), Length: full}
		require.NoError(t, w.WritePacket(ci, b))
	}
	return out.Bytes()
}

// handshake opens a connection with initial sequence numbers 100 and 900.
func handshake(more ...wirePacket) []wirePacket {
	return append([]wirePacket{
		{seq: 100, flags: "S"},
		{fromServer: true, seq: 900, ack: 101, flags: "SA"},
		{seq: 101, ack: 901, flags: "A"},
	}, more...)
}

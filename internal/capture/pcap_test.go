package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
)

// conversation is a short exchange behind a handshake.
func conversation() []wirePacket {
	ask, answer := text("ask"), text("answer")
	return handshake(
		wirePacket{seq: 101, ack: 901, flags: "A", data: ask},
		wirePacket{fromServer: true, seq: 901, ack: 108, flags: "A", data: answer},
		wirePacket{seq: 108, ack: 911, flags: "FA"},
		wirePacket{fromServer: true, seq: 911, ack: 109, flags: "FA"},
		wirePacket{seq: 109, ack: 912, flags: "A"},
	)
}

var exchange = []said{{0, ClientToServer, "ask"}, {0, ServerToClient, "answer"}}

func TestPcapReadsEveryLinkType(t *testing.T) {
	t.Parallel()
	for _, l := range links {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, "x.pcap", pcapFile(t, l, conversation()...))
			require.Empty(t, cmp.Diff(exchange, words(got)))
			require.True(t, time.Unix(1_700_000_000, 3).Equal(got[0].Time))
			require.Equal(t, time.UTC, got[0].Time.Location())
		})
	}
}

func TestPcapTruncatedAtEveryByte(t *testing.T) {
	t.Parallel()
	full := pcapFile(t, links[0], conversation()...)
	var ng bytes.Buffer
	w := NewPcapngWriter(&ng)
	require.NoError(t, w.Write(Frame{Direction: ClientToServer, Payload: []byte("ask")}))
	require.NoError(t, w.Write(Frame{Direction: ServerToClient, Payload: []byte("answer")}))
	require.NoError(t, w.Close())
	for name, b := range map[string][]byte{"x.pcap": full, "x.pcapng": ng.Bytes()} {
		clean := 0
		for cut := range b {
			got, err := Read(name, bytes.NewReader(b[:cut]), Options{})
			if err == nil {
				clean++
			}
			require.LessOrEqual(t, len(got), 2)
		}
		require.LessOrEqual(t, clean, 14, "%s: only the ends of packets and blocks are clean", name)
	}
}

func TestPcapReassembly(t *testing.T) {
	t.Parallel()
	b := text("one", "two", "three") // 7 + 7 + 9 bytes
	c := func(from, to int) wirePacket {
		return wirePacket{seq: 101 + uint32(from), ack: 901, flags: "A", data: b[from:to]}
	}
	want := []said{{0, ClientToServer, "one"}, {0, ClientToServer, "two"}, {0, ClientToServer, "three"}}
	tests := []struct {
		name    string
		packets []wirePacket
	}{
		{"one segment", handshake(c(0, 23))},
		{"many segments", handshake(c(0, 3), c(3, 5), c(5, 12), c(12, 23))},
		{"retransmission", handshake(c(0, 10), c(0, 10), c(10, 23), c(0, 23))},
		{"overlap", handshake(c(0, 10), c(5, 15), c(2, 23))},
		{"out of order", handshake(c(10, 23), c(5, 10), c(0, 5))},
		{"out of order with overlaps", handshake(c(12, 23), c(3, 9), c(8, 14), c(3, 9), c(3, 6), c(0, 4))},
		{"repeated handshake", handshake(append(handshake(), c(0, 23), c(0, 23))...)},
		{"keep-alive probe", handshake(c(0, 23), wirePacket{seq: 123, ack: 901, flags: "A", data: []byte{0}})},
		{"FIN in front of data", handshake(wirePacket{seq: 124, ack: 901, flags: "FA"}, c(0, 23))},
		{"reset at the end", handshake(c(0, 23), wirePacket{seq: 124, flags: "R"})},
		{"no handshake", []wirePacket{c(0, 9), c(9, 23)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, "x.pcap", pcapFile(t, links[0], tt.packets...))
			require.Empty(t, cmp.Diff(want, words(got)))
			require.Equal(t, []int64{0, 7, 14}, []int64{got[0].Offset, got[1].Offset, got[2].Offset})
		})
	}
}

// The stream of records survives any shuffling, cutting and repeating of its segments,
// also where sequence numbers wrap.
func TestPcapReassemblyOfRandomSegments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		frames := randomFrames(r, 1+r.IntN(10), 1, false)
		var b []byte
		var want []said
		for _, f := range frames {
			b = append(b, ni(f.Payload)...)
			want = append(want, said{0, ClientToServer, string(f.Payload)})
		}
		isn := 0xffffffff - r.Uint32N(2000)
		packets := []wirePacket{{seq: isn, flags: "S"}}
		var segs []wirePacket
		for off := 0; off < len(b); {
			n := min(1+r.IntN(1460), len(b)-off)
			back := r.IntN(min(off, 40) + 1)
			segs = append(segs, wirePacket{seq: isn + 1 + uint32(off-back), flags: "A", data: b[off-back : off+n]})
			off += n
		}
		for range r.IntN(4) {
			segs = append(segs, segs[r.IntN(len(segs))])
		}
		r.Shuffle(len(segs), func(i, j int) { segs[i], segs[j] = segs[j], segs[i] })
		got, err := Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], append(packets, segs...)...)), Options{})
		require.NoError(t, err, "seed %d", seed)
		require.Empty(t, cmp.Diff(want, words(got)), "seed %d", seed)
	}
}

func TestPcapDirection(t *testing.T) {
	t.Parallel()
	ask := func(server uint16) wirePacket {
		return wirePacket{seq: 101, flags: "A", data: text("ask"), client: 40000, server: server}
	}
	answer := func(server uint16) wirePacket {
		return wirePacket{fromServer: true, seq: 901, flags: "A", data: text("answer"), client: 40000, server: server}
	}
	tests := []struct {
		name    string
		packets []wirePacket
		opts    Options
		want    []said
	}{
		{"by the SYN", []wirePacket{{seq: 100, flags: "S", client: 3300, server: 50000}, {seq: 101, flags: "A", data: text("ask"), client: 3300, server: 50000}}, Options{}, exchange[:1]},
		{"by the answer to the SYN", []wirePacket{{fromServer: true, seq: 900, flags: "SA", client: 40000, server: 50000}, answer(50000), ask(50000)}, Options{}, []said{exchange[1], exchange[0]}},
		{"by the gateway port", []wirePacket{answer(3301), ask(3301)}, Options{}, []said{exchange[1], exchange[0]}},
		{"by the secured gateway port", []wirePacket{answer(4801), ask(4801)}, Options{}, []said{exchange[1], exchange[0]}},
		{"by the given port", []wirePacket{answer(20000), ask(20000)}, Options{Port: 20000}, []said{exchange[1], exchange[0]}},
		{"by the first sender", []wirePacket{ask(20000), answer(20000)}, Options{}, exchange},
		{"given port leaves others out", []wirePacket{ask(20000), answer(20000), {seq: 1, flags: "A", data: text("other"), server: 3300}}, Options{Port: 20000}, exchange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], tt.packets...)), tt.opts)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(tt.want, words(got)))
		})
	}
}

func TestPcapSameEndsOpenANewConnection(t *testing.T) {
	t.Parallel()
	second := []wirePacket{
		{seq: 7000, flags: "S"},
		{fromServer: true, seq: 8000, ack: 7001, flags: "SA"},
		{seq: 7001, ack: 8001, flags: "A", data: text("again")},
	}
	got := read(t, "x.pcap", pcapFile(t, links[0], append(conversation(), second...)...))
	require.Empty(t, cmp.Diff(append(slices.Clone(exchange), said{1, ClientToServer, "again"}), words(got)))
}

func TestPcapLeavesOutOtherProtocols(t *testing.T) {
	t.Parallel()
	web := []wirePacket{
		{seq: 1, flags: "S", server: 80, client: 41000},
		{seq: 2, flags: "A", data: []byte("GET / HTTP/1.1\r\n\r\n"), server: 80, client: 41000},
	}
	var notes []string
	opts := Options{Note: func(s string) { notes = append(notes, s) }}
	got, err := Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], append(web, conversation()...)...)), opts)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(exchange, words(got)))
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], "10.0.0.2:80")

	_, err = Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], web...)), opts)
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.ErrorContains(t, err, "want a connection that carries NI records")

	_, err = Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], web...)), Options{Port: 80})
	require.ErrorIs(t, err, wire.ErrLimit, "asked for by port, the bytes themselves are judged")
}

func TestPcapDamageNamesStreamAndOffset(t *testing.T) {
	t.Parallel()
	b := text("one", "two", "three")
	c := func(from, to int) wirePacket {
		return wirePacket{seq: 101 + uint32(from), ack: 901, flags: "A", data: b[from:to]}
	}
	cut := c(7, 23)
	cut.keep = 5
	tests := []struct {
		name    string
		packets []wirePacket
		opts    Options
		is      error
		says    string
		frames  int
	}{
		{"truncated last record", handshake(c(0, 20)), Options{}, wire.ErrTruncated, "stream 0 c2s (10.0.0.1:50000 to 10.0.0.2:3300): ni record 3: field payload at offset 18: truncated: want 5 bytes, got 2", 2},
		{"truncated length", handshake(c(0, 16)), Options{}, wire.ErrTruncated, "field length at offset 14: truncated: want 4 bytes, got 2", 2},
		{"missing segment", handshake(c(0, 10), c(12, 23)), Options{}, ErrGap, "tcp: field stream at offset 10: bytes missing from the capture: want 2 bytes, got the segment at offset 12 next", 1},
		{"missing before FIN", handshake(c(0, 7), wirePacket{seq: 124, flags: "FA"}), Options{}, ErrGap, "got nothing up to offset 23", 1},
		{"missing, but acknowledged", handshake(c(0, 7), wirePacket{fromServer: true, seq: 901, ack: 124, flags: "A"}), Options{}, ErrGap, "stream at offset 7", 1},
		{"packet cut by the snap length", handshake(c(0, 7), cut), Options{}, ErrGap, "the capture cut packet 5 short", 1},
		{"too much out of order", handshake(c(0, 7), c(9, 23)), Options{MaxPendingBytes: 20}, ErrGap, "stream at offset 7", 1},
		{"starts inside", []wirePacket{c(5, 23)}, Options{}, wire.ErrLimit, "the capture starts inside the connection", 0},
		{"bytes that are no record", handshake(wirePacket{seq: 101, flags: "A", data: []byte("NI_ROUTE")}), Options{}, wire.ErrLimit, "record 1: field length at offset 0", 0},
		{"frames limit", handshake(c(0, 23)), Options{MaxFrames: 2}, wire.ErrLimit, "at most 2 frames", 2},
		{"connections limit", append(conversation(), wirePacket{seq: 1, flags: "S", client: 1}), Options{MaxStreams: 1}, wire.ErrLimit, "at most 1 connections", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], tt.packets...)), tt.opts)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.says)
			require.Len(t, got, tt.frames)
		})
	}
}

func TestPcapOneDamagedStreamLeavesTheOthers(t *testing.T) {
	t.Parallel()
	packets := append(conversation(),
		wirePacket{seq: 1, flags: "S", client: 60000},
		wirePacket{seq: 2, flags: "A", client: 60000, data: []byte{0, 0}},
		wirePacket{seq: 1, flags: "S", client: 60001},
		wirePacket{seq: 2, flags: "A", client: 60001, data: text("fine")})
	got, err := Read("x.pcap", bytes.NewReader(pcapFile(t, links[0], packets...)), Options{})
	require.ErrorIs(t, err, wire.ErrTruncated)
	require.ErrorContains(t, err, "stream 1 c2s")
	require.Empty(t, cmp.Diff(append(slices.Clone(exchange), said{2, ClientToServer, "fine"}), words(got)))
}

func TestPcapLeavesOutDamagedPackets(t *testing.T) {
	t.Parallel()
	var notes []string
	opts := Options{Note: func(s string) { notes = append(notes, s) }}
	b := pcapFile(t, links[8], conversation()...)
	bad := []byte{0x45, 0, 0}
	b = append(b, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0)
	b = append(b, bad...)
	fragment := ipPacket(t, wirePacket{seq: 1, flags: "A", data: text("x")}, false)
	fragment[6] |= 0x20 // more fragments
	n := byte(len(fragment))
	b = append(b, 1, 0, 0, 0, 1, 0, 0, 0, n, 0, 0, 0, n, 0, 0, 0)
	b = append(b, fragment...)
	got, err := Read("x.pcap", bytes.NewReader(b), opts)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(exchange, words(got)))
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], "2 packet(s) left out: packet 9: ")
	require.Contains(t, notes[0], "packet 10: fragment of an IP packet")
}

func TestPcapRefusesExportedPDUs(t *testing.T) {
	t.Parallel()
	l := link{typ: 252, head: func(bool) []byte { return nil }}
	_, err := Read("x.pcap", bytes.NewReader(pcapFile(t, l, conversation()...)), Options{})
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.ErrorContains(t, err, "packet 1: field link type at offset 24")
	require.ErrorContains(t, err, "252, exported PDUs")
}

func TestPcapWithoutPacketsHasNoFrames(t *testing.T) {
	t.Parallel()
	require.Empty(t, read(t, "x.pcap", pcapFile(t, links[0])))
	require.Empty(t, read(t, "x.pcap", pcapFile(t, links[0], handshake()...)))
}

// The capture that the shared script makes of the shared frames holds the same frames.
func TestPcapOfTheSharedScript(t *testing.T) {
	t.Parallel()
	dir, entries := manifest(t)
	script := filepath.Join(filepath.Join(evidence.Folder(t), "tools"), "pcap_from_bins.py")
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("NOT TESTED: python3 is missing, so no capture of another program was read")
		t.Skip("python3 is missing")
	}
	flows := map[string][]manifestEntry{}
	for _, e := range entries {
		if e.Flow != "" {
			flows[e.Flow] = append(flows[e.Flow], e)
		}
	}
	require.NotEmpty(t, flows)
	var jsonl bytes.Buffer
	enc := json.NewEncoder(&jsonl)
	var all []said
	for name, list := range flows {
		slices.SortFunc(list, func(a, b manifestEntry) int { return a.Step - b.Step })
		var want []said
		for _, e := range list {
			frames, err := ReadFile(filepath.Join(dir, filepath.FromSlash(e.File)), Options{Bare: e.Framing == "bare"})
			require.NoError(t, err)
			d, ok := parseDirection(e.Direction)
			require.True(t, ok)
			for _, f := range frames {
				want = append(want, said{0, d, string(f.Payload)})
				require.NoError(t, enc.Encode(map[string]any{"dir": e.Direction, "hex": hexOf(f.Payload), "ni": true}))
			}
		}
		all = append(all, want...)
		out := filepath.Join(t.TempDir(), "flow.pcap")
		msg, err := exec.CommandContext(t.Context(), python, script, "--manifest", filepath.Join(dir, "manifest.json"), "--flow", name, "-o", out).CombinedOutput()
		require.NoError(t, err, "%s", msg)
		got, err := ReadFile(out, Options{})
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, words(got)), name)
	}
	// The script reads our JSON lines, and we read its capture of them.
	recorded := read(t, "x.jsonl", jsonl.Bytes())
	require.Empty(t, cmp.Diff(all, words(recorded)))
	path := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := Create(path)
	require.NoError(t, err)
	for i, f := range recorded {
		f.Bare = i%2 == 0
		require.NoError(t, w.Write(f))
	}
	require.NoError(t, w.Close())
	for _, pdu := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "run.pcap")
		args := []string{script, "--jsonl", path, "-o", out}
		if pdu {
			args = append(args, "--pdu")
		}
		msg, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
		require.NoError(t, err, "%s", msg)
		got, err := ReadFile(out, Options{})
		if pdu {
			require.ErrorContains(t, err, "exported PDUs")
			continue
		}
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(all, words(got)))
	}
}

// An outside analyser reads what PcapngWriter writes, if one is installed.
func TestPcapngForAnOutsideAnalyser(t *testing.T) {
	t.Parallel()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("NOT TESTED: tshark is missing, so no other program has read our pcapng")
		t.Skip("tshark is missing")
	}
	path := filepath.Join(t.TempDir(), "run.pcapng")
	w, err := Create(path)
	require.NoError(t, err)
	for _, f := range randomFrames(rand.New(rand.NewPCG(1, 2)), 40, 3, true) {
		require.NoError(t, w.Write(f))
	}
	require.NoError(t, w.Close())
	out, err := exec.CommandContext(t.Context(), tshark, "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", "tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		require.Contains(t, line, "Running as user", "the analyser complains")
	}
}

func BenchmarkReadPcapng(b *testing.B) {
	var buf bytes.Buffer
	w := NewPcapngWriter(&buf)
	for range 64 {
		if err := w.Write(Frame{Direction: ClientToServer, Payload: make([]byte, 28080)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("x.pcapng", bytes.NewReader(buf.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// Files of another writer, a library that is used in tests only: both byte orders are covered by
// the shared script and this; every kind of block, several interfaces and sections.
func TestPcapngOfAnotherWriter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&out, pcapgo.NgInterface{Name: "a", LinkType: 1, SnapLength: 90, TimestampResolution: 6, TimestampOffset: 1000}, pcapgo.NgWriterOptions{})
	require.NoError(t, err)
	raw, err := w.AddInterface(pcapgo.NgInterface{Name: "b", LinkType: layers.LinkTypeRaw, TimestampResolution: 9, Comment: "odd"})
	require.NoError(t, err)
	at := time.Unix(1_700_000_000, 123_456_789).UTC()
	for i, p := range conversation() {
		b := ipPacket(t, p, false)
		ci := gopacket.CaptureInfo{Timestamp: at, InterfaceIndex: raw}
		if i%2 == 1 {
			b = append(links[0].head(false), b...)
			ci.InterfaceIndex = 0
		}
		ci.CaptureLength, ci.Length = len(b), len(b)
		require.NoError(t, w.WritePacket(ci, b))
		require.NoError(t, w.WriteInterfaceStats(raw, pcapgo.NgInterfaceStatistics{LastUpdate: at, StartTime: at, EndTime: at, PacketsReceived: 7}))
	}
	require.NoError(t, w.Flush())
	got := read(t, "x.pcapng", out.Bytes())
	require.Empty(t, cmp.Diff(exchange, words(got)))
	require.Equal(t, at.Add(1000*time.Second), got[0].Time, "the first interface says so; that writer counts in nanoseconds always")
	require.Equal(t, at, got[1].Time)

	// A second section, and one of an unknown version, which is left out.
	second := bytes.Replace(bytes.Clone(out.Bytes()), []byte{0x4d, 0x3c, 0x2b, 0x1a, 1, 0}, []byte{0x4d, 0x3c, 0x2b, 0x1a, 9, 0}, 1)
	got = read(t, "x.pcapng", append(second, out.Bytes()...))
	require.Empty(t, cmp.Diff(exchange, words(got)))
}

// Big-endian blocks, simple packets and the obsolete packet block, by hand.
func TestPcapngByHand(t *testing.T) {
	t.Parallel()
	block := func(kind uint32, body ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, kind)
		b = binary.BigEndian.AppendUint32(b, uint32(len(body)+12))
		return binary.BigEndian.AppendUint32(append(b, body...), uint32(len(body)+12))
	}
	u32 := func(values ...uint32) (b []byte) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return b
	}
	padded := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, -len(b)&3)...) }
	section := block(0x0a0d0d0a, append(u32(0x1a2b3c4d), 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)...)
	// Raw IP, 1000 bytes of a packet, 2^-10 seconds.
	file := append(section, block(1, append([]byte{0, 101, 0, 0}, append(u32(1000), 0, 9, 0, 1, 0x8a, 0, 0, 0)...)...)...)
	for i, p := range conversation() {
		data := ipPacket(t, p, false)
		n := uint32(len(data))
		switch i % 3 {
		case 0:
			file = append(file, block(3, append(u32(n), padded(data)...)...)...)
		case 1:
			file = append(file, block(2, append(append([]byte{0, 0, 0, 7}, u32(0, 5<<10|512, n, n)...), padded(data)...)...)...)
		default:
			file = append(file, block(6, append(u32(0, 0, 7<<10|256, n, n), padded(data)...)...)...)
		}
	}
	got := read(t, "x.pcapng", file)
	require.Empty(t, cmp.Diff(exchange, words(got)))
	require.True(t, got[0].Time.IsZero(), "a simple packet has no time")
	require.Equal(t, time.Unix(5, 500_000_000).UTC(), got[1].Time)
	for _, b := range []byte{20, 0xc0, 0xff} {
		bad := append(section, block(1, append([]byte{0, 101, 0, 0}, append(u32(0), 0, 9, 0, 1, b, 0, 0, 0)...)...)...)
		_, err := Read("x.pcapng", bytes.NewReader(bad), Options{})
		require.ErrorIs(t, err, wire.ErrMalformed)
		require.ErrorContains(t, err, "time resolution")
	}
}

// What stands between IP and TCP: options, extension headers, fragments of both versions, and
// lengths that the capture did not keep.
func TestPacketsBetweenIPAndTCP(t *testing.T) {
	t.Parallel()
	p := wirePacket{seq: 5, ack: 6, flags: "SAF", data: []byte("data")}
	v4, v6 := ipPacket(t, p, false), ipPacket(t, p, true)
	options := slices.Concat([]byte{0x46}, v4[1:20], []byte{1, 1, 1, 1}, v4[20:])
	binary.BigEndian.PutUint16(options[2:], uint16(len(options)))
	chained := func(next byte, headers ...byte) []byte {
		b := slices.Concat(v6[:40], headers, v6[40:])
		b[6] = next
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return b
	}
	hop := []byte{6, 0, 1, 4, 0, 0, 0, 0}
	auth := append([]byte{6, 4}, make([]byte, 22)...)
	for name, tc := range map[string]struct {
		packet []byte
		link   linkType
		text   string
	}{
		"plain":                {v4, linkIPv4, ""},
		"IPv4 options":         {options, linkRaw, ""},
		"IPv6":                 {v6, linkIPv6, ""},
		"hop by hop":           {chained(0, hop...), linkRaw, ""},
		"two headers":          {chained(0, append([]byte{60, 0, 1, 4, 0, 0, 0, 0}, hop...)...), linkRaw, ""},
		"routing":              {chained(43, hop...), linkRaw, ""},
		"authenticated":        {chained(51, auth...), linkRaw, ""},
		"all in one fragment":  {chained(44, 6, 0, 0, 0, 0, 0, 0, 1), linkRaw, ""},
		"fragment":             {chained(44, 6, 0, 0, 1, 0, 0, 0, 1), linkRaw, "fragment of an IP packet"},
		"header beyond":        {chained(0, 6, 200, 1, 4, 0, 0, 0, 0), linkRaw, "extension header of 1608 bytes"},
		"length beyond header": {append([]byte{0x4f}, v4[1:]...), linkRaw, "with a header of 60"},
		"wrong version":        {v6, linkIPv4, "an IPv4 header"},
		"too short":            {v4[:30], linkRaw, "a TCP header"},
	} {
		s, err := decodePacket(tc.packet, tc.link)
		if tc.text != "" {
			require.ErrorContains(t, err, tc.text, name)
			continue
		}
		require.NoError(t, err, name)
		require.NotNil(t, s, name)
		require.Equal(t, "data", string(s.payload), name)
		require.Equal(t, []any{4, false, true, true, true, false, uint32(5), uint32(6)}, []any{s.length, s.cut, s.syn, s.acks, s.fin, s.rst, s.seq, s.ack}, name)
	}
	s, err := decodePacket(v4[:42], linkRaw)
	require.NoError(t, err)
	require.Equal(t, []any{"da", 4, true}, []any{string(s.payload), s.length, s.cut})
	s, err = decodePacket(append(bytes.Clone(v4), 0, 0, 0), linkRaw)
	require.NoError(t, err)
	require.Equal(t, "data", string(s.payload), "without the padding of the link")
	v4[9] = 17
	s, err = decodePacket(v4, linkRaw)
	require.NoError(t, err)
	require.Nil(t, s, "UDP")
	for n := range v6 {
		_, _ = decodePacket(v6[:n], linkRaw)
	}
}

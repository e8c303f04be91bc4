package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/wire"
)

func TestSharedCapturesRead(t *testing.T) {
	t.Parallel()
	dir, entries := manifest(t)
	for _, e := range entries {
		t.Run(e.File, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, filepath.FromSlash(e.File))
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Len(t, raw, e.Bytes)
			frames, err := ReadFile(path, Options{})
			switch e.Framing {
			case "ni":
				require.NoError(t, err)
				var back []byte
				for _, f := range frames {
					require.EqualValues(t, len(back), f.Offset)
					back = append(back, ni(f.Payload)...)
				}
				require.Empty(t, cmp.Diff(raw, back))
				for cut := range raw {
					got, err := Read("x.bin", bytes.NewReader(raw[:cut]), Options{})
					if cut == 228 && len(frames) == 2 {
						require.NoError(t, err, "the end of the first of two records")
						continue
					}
					require.ErrorIs(t, err, wire.ErrTruncated, "cut at %d", cut)
					require.LessOrEqual(t, len(got), 1)
				}
			case "bare":
				require.ErrorIs(t, err, wire.ErrLimit)
				require.ErrorContains(t, err, "read it as bare")
				frames, err = ReadFile(path, Options{Bare: true})
				require.NoError(t, err)
				require.Empty(t, diff([]Frame{{Payload: raw, Bare: true}}, frames))
			default:
				require.Error(t, err)
				_, err = ReadFile(path, Options{Bare: true})
				require.NoError(t, err)
			}
		})
	}
}

func TestBinHoldsConsecutiveRecords(t *testing.T) {
	t.Parallel()
	b := text("one", "", "three")
	want := []Frame{
		{Offset: 0, Payload: []byte("one")},
		{Offset: 7, Payload: []byte{}},
		{Offset: 11, Payload: []byte("three")},
	}
	require.Empty(t, diff(want, read(t, "x.bin", b)))
	require.Empty(t, diff(want, read(t, "recording", b)), "recognised without an extension")
	got, err := Read("x.bin", iotest.OneByteReader(bytes.NewReader(b)), Options{})
	require.NoError(t, err)
	require.Empty(t, diff(want, got))
}

func TestBinErrorsNameOffsetAndKeepTheFramesBefore(t *testing.T) {
	t.Parallel()
	good := text("one", "two")
	tests := []struct {
		name   string
		data   []byte
		opts   Options
		is     error
		says   string
		frames int
	}{
		{"empty file", nil, Options{}, wire.ErrTruncated, "record 1: field length at offset 0: truncated: want 4 bytes, got an empty file", 0},
		{"stray bytes", append(good, 0, 0), Options{}, wire.ErrTruncated, "record 3: field length at offset 14: truncated: want 4 bytes, got 2", 2},
		{"cut payload", append(good, 0, 0, 0, 9, 'x'), Options{}, wire.ErrTruncated, "record 3: field payload at offset 18: truncated: want 9 bytes, got 1", 2},
		{"bare NI_ROUTE", []byte("NI_ROUTE\x00"), Options{}, wire.ErrLimit, "want at most 16777216 bytes, got 1313431378 (the bytes 4e 49 5f 52 look like", 0},
		{"bare gateway record", []byte{2, 3, 0, 0, 0}, Options{}, wire.ErrLimit, "02 03 00 00 look like", 0},
		{"bare APPC record", []byte{6, 0xcb, 2, 0, 0}, Options{}, wire.ErrLimit, "06 cb 02 00 look like", 0},
		{"absurd length", []byte{0xff, 0xff, 0xff, 0xff, 0}, Options{}, wire.ErrLimit, "got 4294967295", 0},
		{"frames limit", text("", "", ""), Options{MaxFrames: 2}, wire.ErrLimit, "record 3 at offset 8: above limit: want at most 2 frames", 2},
		{"file limit", good, Options{MaxFileBytes: 13}, wire.ErrLimit, "field size at offset 13: above limit: want at most 13 bytes", 1},
		{"record limit", good, Options{MaxRecordBytes: 2}, wire.ErrLimit, "want at most 2 bytes, got 3", 0},
		{"empty bare", nil, Options{Bare: true}, wire.ErrTruncated, "bare payload at offset 0", 0},
		{"bare limit", []byte("abc"), Options{Bare: true, MaxRecordBytes: 2}, wire.ErrLimit, "bare payload at offset 0: above limit", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("dir/x.bin", bytes.NewReader(tt.data), tt.opts)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, "capture: dir/x.bin: ")
			require.ErrorContains(t, err, tt.says)
			require.Len(t, got, tt.frames)
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, -1, e.Stream)
			_, ok = errors.AsType[*wire.Error](err)
			require.True(t, ok)
		})
	}
	exact, err := Read("x.bin", bytes.NewReader(good), Options{MaxFileBytes: int64(len(good))})
	require.NoError(t, err)
	require.Len(t, exact, 2)
}

func TestHexDumpsRead(t *testing.T) {
	t.Parallel()
	ping := "4e 49 5f 50 49 4e 47 00"
	payload := []byte("NI_PING\x00")
	one := []Frame{{Payload: payload}}
	long := bytes.Repeat([]byte{'a'}, 32)
	tests := []struct {
		name string
		text string
		want []Frame
	}{
		{"bytes only", "00000008 4e495f50\n494e4700\n", one},
		{"annotated", "# a ping\n0000  00 00 00 08  # length = 8 [capture]\n0004  " + ping + " ; eye catcher\n", one},
		{"payload offsets behind a negative one", "-4  00 00 00 08\n0000  4e 49 5f 50  # NI_P\n0004  49 4e 47 00\n", one},
		{"offset with one blank", "0000 00 00 00 08\n0004 " + ping + "\n", one},
		{"hexdump -C", "00000000  00 00 00 08 4e 49 5f 50  49 4e 47 00              |....NI_PING.|\n0000000c\n", one},
		{"xxd", "00000000: 0000 0008 4e49 5f50 494e 4700            ....NI_PING.\n", one},
		{"xxd in pairs, gutter with a hash", "00000000: 00 00 00 08  ....\n00000004: 23 49 5f 50 49 4e 47 00  #I_PING.\n", []Frame{{Payload: []byte("#I_PING\x00")}}},
		{"analyser", "0000   00 00 00 08 4e 49 5f 50 49 4e 47 00               ....NI_PING.\n", one},
		{"tcpdump -X", "\t0x0000:  0000 0008 4e49 5f50 494e 4700            ....NI_PING.\n", one},
		{"gutter that looks like hex", "0000  00 00 00 20 " + strings.TrimSpace(strings.Repeat("61 ", 12)) + "   ... aaaaaaaaaaaa\n0010  " +
			strings.TrimSpace(strings.Repeat("61 ", 16)) + "   aaaaaaaaaaaaaaaa\n0020  61 61 61 61   aaaa\n", []Frame{{Payload: long}}},
		{"directives", "c2s:\n00 00 00 08 " + ping + "\n\n# dir: s2c\r\n0000 00 00 00 00\nc2s: 00 00 00 01 78\n", []Frame{
			{Direction: ClientToServer, Payload: payload},
			{Direction: ServerToClient, Payload: []byte{}, Offset: 12},
			{Direction: ClientToServer, Payload: []byte("x"), Offset: 16},
		}},
		{"dump that starts again", "0000 00 00 00 01\n0004 61\n0000 00 00 00 01\n0004 62\n", []Frame{
			{Payload: []byte("a")}, {Payload: []byte("b"), Offset: 5},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, diff(tt.want, read(t, "x.hex", []byte(tt.text))))
			require.Empty(t, diff(tt.want, read(t, "unnamed", []byte(tt.text))), "recognised without an extension")
			require.Empty(t, diff(tt.want, read(t, "x.hex", append([]byte("\xef\xbb\xbf"), tt.text...))))
		})
	}
}

func TestHexBareSections(t *testing.T) {
	t.Parallel()
	got, err := Read("x.hex", strings.NewReader("c2s: 06 cb\n02\n# dir: s2c\n06 cc"), Options{Bare: true})
	require.NoError(t, err)
	require.Empty(t, diff([]Frame{
		{Direction: ClientToServer, Payload: []byte{6, 0xcb, 2}, Bare: true},
		{Direction: ServerToClient, Payload: []byte{6, 0xcc}, Offset: 3, Bare: true},
	}, got))
}

func TestHexErrorsNameLineAndPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		is         error
		says       string
		frames     int
	}{
		{"empty", "# nothing\n", wire.ErrTruncated, "want at least 1 byte", 0},
		{"no digit", "00 00\n00 0g\n", wire.ErrMalformed, "line 2 (file offset 6): hex: field column 5", 0},
		{"half a byte", "00 00 0\n", wire.ErrTruncated, "even number", 0},
		{"lost line", "0000 00 00 00 01\n0008 61\n", wire.ErrMalformed, "line 2 (file offset 17): hex: field offset column at offset 4: malformed: want 4, got 8", 0},
		{"repeated lines", "0000  00 00 00 20\n*\n", wire.ErrMalformed, "repeated lines", 0},
		{"cut record", "00 00 00 00 00 00 00 02 61\n", wire.ErrTruncated, "record 2: field payload at offset 8: truncated: want 2 bytes, got 1", 1},
		{"record over two sections", "c2s: 00 00 00 02 61\ns2c: 62\n", wire.ErrTruncated, "line 2", 0},
		{"bare payload", "06 cb 02 00\n", wire.ErrLimit, "read it as bare", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("x.hex", strings.NewReader(tt.text), Options{})
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.says)
			require.Len(t, got, tt.frames)
		})
	}
}

func TestJSONLRead(t *testing.T) {
	t.Parallel()
	in := `{"dir":"c2s","hex":"00000003 6f6e65"}

{"dir":"s2c","hex":"74776F","ni":true,"stream":4,"time":"2026-06-01T08:00:00.000000001+02:00","more":{}}
{"hex":"0000000161000000016200000000"}`
	want := []Frame{
		{Direction: ClientToServer, Payload: []byte("one")},
		{Direction: ServerToClient, Stream: 4, Offset: 39, Payload: []byte("two"), Bare: true},
		{Offset: 144, Payload: []byte("a")},
		{Offset: 144, Payload: []byte("b")},
		{Offset: 144, Payload: []byte{}},
	}
	got := read(t, "x.jsonl", []byte(in))
	require.Equal(t, "2026-06-01T06:00:00.000000001Z", got[1].Time.Format("2006-01-02T15:04:05.999999999Z07:00"))
	want[1].Time = got[1].Time
	require.Empty(t, diff(want, got))
	require.Empty(t, diff(want, read(t, "-", []byte(in))))
	require.Empty(t, read(t, "x.jsonl", nil))
}

func TestJSONLErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		is         error
		says       string
	}{
		{"no json", "hello", wire.ErrMalformed, "line 2 (file offset 35): jsonl: field line at offset 1"},
		{"cut line", `{"dir":"c2s","hex":"0000`, wire.ErrTruncated, "field line at offset 24: truncated"},
		{"direction", `{"dir":"up","hex":""}`, wire.ErrMalformed, `want "c2s" or "s2c", got "up"`},
		{"no hex", `{"dir":"c2s"}`, wire.ErrMalformed, "field hex"},
		{"digit", `{"dir":"c2s","hex":"0x"}`, wire.ErrMalformed, `field hex at offset 1: malformed: want a hex digit, got 'x'`},
		{"half byte", `{"dir":"c2s","hex":"000"}`, wire.ErrTruncated, "even number"},
		{"stream", `{"dir":"c2s","hex":"00000000","stream":-1}`, wire.ErrMalformed, "field stream"},
		{"cut record", `{"dir":"c2s","hex":"0000000261"}`, wire.ErrTruncated, "want 2 bytes, got 1"},
		{"no record", `{"dir":"c2s","hex":""}`, wire.ErrTruncated, "want 4 bytes, got 0"},
		{"bare without mark", `{"dir":"c2s","hex":"4e495f50"}`, wire.ErrLimit, "look like"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("x.jsonl", strings.NewReader(`{"dir":"s2c","hex":"000000023031"}`+"\n"+tt.line), Options{})
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, "capture: x.jsonl: line 2")
			require.ErrorContains(t, err, tt.says)
			require.Len(t, got, 1)
		})
	}
}

// Row B-130 of the bad-input table: truncated, wrong magic, packet longer than the file,
// a claim of gigabytes.
func TestB130BadRecordingsAreRefusedWithOffset(t *testing.T) {
	t.Parallel()
	pcap := pcapFile(t, links[0], handshake(wirePacket{seq: 101, ack: 901, flags: "A", data: text("hello")})...)
	var ng bytes.Buffer
	w := NewPcapngWriter(&ng)
	require.NoError(t, w.Write(Frame{Direction: ClientToServer, Payload: []byte("hello")}))
	patch := func(b []byte, off int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[off:], with)
		return b
	}
	// The last block of the file is the packet with the data.
	last := len(ng.Bytes()) - (32 + 14 + 20 + 20 + 9 + 1)
	tests := []struct {
		name, file string
		data       []byte
		is         error
		says       string
	}{
		{"pcap empty", "x.pcap", nil, wire.ErrTruncated, "field magic at offset 0"},
		{"pcap header cut", "x.pcap", pcap[:20], wire.ErrTruncated, "pcap file header at offset 0"},
		{"pcap packet header cut", "x.pcap", pcap[:24+7], wire.ErrTruncated, "packet 1 at offset 24"},
		{"pcap ends behind a packet header", "x.pcap", pcap[:24+16], wire.ErrTruncated, "packet 1 at offset 24"},
		{"pcap packet cut", "x.pcap", pcap[:len(pcap)-1], wire.ErrTruncated, "packet 4 at offset 234"},
		{"pcap wrong magic", "x.pcap", patch(pcap, 0, 'P', 'K', 3, 4), wire.ErrMalformed, "field magic at offset 0"},
		{"pcap compressed", "x.pcap", patch(pcap, 0, 0x1f, 0x8b), wire.ErrMalformed, "uncompress it first"},
		{"pcap packet longer than the file", "x.pcap", patch(pcap, 24+8, 0, 0x10, 0, 0, 0, 0x10, 0, 0), wire.ErrTruncated, "packet 1 at offset 24"},
		{"pcap packet of 4 GB", "x.pcap", patch(pcap, 24+8, 255, 255, 255, 255, 255, 255, 255, 255), wire.ErrMalformed, "packet 1 at offset 24"},
		{"pcap version", "x.pcap", patch(pcap, 4, 9), wire.ErrMalformed, "pcap file header at offset 0"},
		{"pcapng magic only", "x.pcapng", ng.Bytes()[:4], wire.ErrTruncated, "section header at offset 0"},
		{"pcapng wrong magic", "x.pcapng", patch(ng.Bytes(), 0, 'P', 'K', 3, 4), wire.ErrMalformed, "field magic at offset 0"},
		{"pcapng byte order", "x.pcapng", patch(ng.Bytes(), 8, 1, 2, 3, 4), wire.ErrMalformed, "section header at offset 0"},
		{"pcapng cut", "x.pcapng", ng.Bytes()[:ng.Len()-1], wire.ErrTruncated, "packet 4 at offset"},
		{"pcapng packet of 2 GB", "x.pcapng", patch(ng.Bytes(), last+20, 255, 255, 255, 127, 255, 255, 255, 127), wire.ErrMalformed, "packet 4 at offset"},
		{"pcapng block of 4 GB", "x.pcapng", patch(ng.Bytes(), last+4, 0xfc, 255, 255, 255), wire.ErrTruncated, "packet 4 at offset"},
		{"pcapng lengths that differ", "x.pcapng", patch(ng.Bytes(), ng.Len()-4, 9), wire.ErrMalformed, "that says 9 at its end"},
		{"pcapng block of 8 bytes", "x.pcapng", patch(ng.Bytes(), last+4, 8, 0, 0, 0), wire.ErrMalformed, "a block of 8 bytes"},
		{"pcapng unknown interface", "x.pcapng", patch(ng.Bytes(), last+8, 9), wire.ErrMalformed, "packet 4 at offset"},
		{"bin record of 4 GB", "x.bin", []byte{255, 255, 255, 255}, wire.ErrLimit, "at offset 0"},
		{"bin record longer than the file", "x.bin", []byte{0, 255, 255, 255, 1}, wire.ErrTruncated, "want 16777215 bytes, got 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(tt.file, bytes.NewReader(tt.data), Options{})
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, "capture: "+tt.file)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestB130FileAboveTheLimitIsNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "huge.bin")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(10<<30), "a sparse file of 10 GiB")
	require.NoError(t, f.Close())
	got, err := ReadFile(path, Options{})
	require.ErrorIs(t, err, wire.ErrLimit)
	require.ErrorContains(t, err, "want at most 1073741824 bytes, got 10737418240")
	require.Empty(t, got)
	_, err = ReadFile(filepath.Join(t.TempDir(), "none.bin"), Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Not parallel: it measures what the process allocates.
func TestB130MemoryFollowsTheBytesReceived(t *testing.T) {
	claims := map[string][]byte{
		"x.bin":    {0, 255, 255, 255, 1},
		"x.hex":    []byte("00 ff ff ff 01"),
		"x.jsonl":  []byte(`{"dir":"c2s","hex":"00ffffff01"}`),
		"x.pcap":   pcapFile(t, links[0], handshake(wirePacket{seq: 101, flags: "A", data: []byte{0, 255, 255, 255, 1}})...),
		"x.pcapng": append([]byte{10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0}, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0, 6, 0, 0, 0, 255, 255, 255, 255),
	}
	for name, data := range claims {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(name, bytes.NewReader(data), Options{})
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), name)
	}
}

func TestReadReportsAFailingFile(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk gone")
	for _, name := range []string{"x.bin", "x.hex", "x.jsonl", "x.pcap", "x.pcapng", "x"} {
		_, err := Read(name, iotest.ErrReader(broken), Options{})
		require.ErrorIs(t, err, broken, name)
	}
	pcap := pcapFile(t, links[0], handshake()...)
	_, err := Read("x.pcap", io.MultiReader(bytes.NewReader(pcap[:100]), iotest.ErrReader(broken)), Options{})
	require.ErrorIs(t, err, broken)
	_, err = Read("x.pcap", bytes.NewReader(pcap), Options{MaxFileBytes: 100})
	require.ErrorIs(t, err, wire.ErrLimit)
}

func TestDirectionSpeaksAsRecordingsDo(t *testing.T) {
	t.Parallel()
	require.Equal(t, "c2s s2c ", fmt.Sprint(ClientToServer, " ", ServerToClient, " ", Unknown))
	require.Equal(t, ServerToClient, ClientToServer.Reverse())
	require.Equal(t, ClientToServer, ServerToClient.Reverse())
	require.Equal(t, Unknown, Unknown.Reverse())
}

func BenchmarkReadBin(b *testing.B) {
	data := bytes.Repeat(ni(make([]byte, 28080)), 64)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("x.bin", bytes.NewReader(data), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

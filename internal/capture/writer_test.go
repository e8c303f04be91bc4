package capture

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/wire"
)

func TestWritersRoundTripRandomFrames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 7))
		frames := randomFrames(r, r.IntN(60), 1+r.IntN(5), r.IntN(2) == 0)
		timed := len(frames) > 0 && !frames[0].Time.IsZero()
		dir := t.TempDir()
		for _, ext := range []string{".jsonl", ".pcapng"} {
			path := filepath.Join(dir, "run"+ext)
			w, err := Create(path, WithServerPort(3342))
			require.NoError(t, err)
			for _, f := range frames {
				require.NoError(t, w.Write(f))
			}
			require.NoError(t, w.Close())
			require.NoError(t, w.Close(), "idempotent")
			got, err := ReadFile(path, Options{})
			require.NoError(t, err)
			want := slices.Clone(frames)
			offsets := map[said]int64{}
			for i := range want {
				require.Less(t, i, len(got))
				key := said{Stream: want[i].Stream, Dir: want[i].Direction}
				want[i].Offset = offsets[key]
				offsets[key] += 4 + int64(len(want[i].Payload))
				if ext == ".jsonl" {
					want[i].Offset = got[i].Offset
				} else if !timed {
					want[i].Time = got[i].Time
				}
			}
			if len(want) == 0 {
				want = nil
			}
			require.Empty(t, diff(want, got), "seed %d %s", seed, ext)
		}
	}
}

func TestJSONLKeepsBareFrames(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewJSONLWriter(&b)
	require.NoError(t, w.Write(Frame{Direction: ClientToServer, Payload: []byte("ab")}))
	require.NoError(t, w.Write(Frame{Direction: ServerToClient, Payload: []byte("cd"), Bare: true, Stream: 2, Time: time.Unix(0, 5)}))
	require.NoError(t, w.Close())
	require.Equal(t, `{"dir":"c2s","hex":"000000026162"}
{"dir":"s2c","hex":"6364","ni":true,"stream":2,"time":"1970-01-01T00:00:00.000000005Z"}
`, b.String())
	got := read(t, "x.jsonl", b.Bytes())
	require.True(t, got[1].Bare)
}

func TestPcapngPacketsAreCorrect(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewPcapngWriter(&b, WithServerPort(3317))
	frames := randomFrames(rand.New(rand.NewPCG(3, 3)), 50, 3, true)
	for _, f := range frames {
		require.NoError(t, w.Write(f))
	}
	require.NoError(t, w.Close())
	r, err := pcapgo.NewNgReader(&b, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	require.Equal(t, layers.LinkTypeEthernet, r.LinkType())
	type end struct{ src, dst layers.TCPPort }
	next, acked := map[end]uint32{}, map[end]uint32{}
	fins := 0
	for {
		data, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		require.Nil(t, p.ErrorLayer())
		tcp := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		require.NoError(t, tcp.SetNetworkLayerForChecksum(p.NetworkLayer()))
		err, mismatch := p.VerifyChecksums()
		require.NoError(t, err)
		require.Empty(t, mismatch)
		me, peer := end{tcp.SrcPort, tcp.DstPort}, end{tcp.DstPort, tcp.SrcPort}
		require.True(t, tcp.SrcPort == 3317 || tcp.DstPort == 3317)
		if !tcp.SYN {
			require.Equal(t, next[me], tcp.Seq)
		}
		require.LessOrEqual(t, len(tcp.Payload), 1460)
		next[me] = tcp.Seq + uint32(len(tcp.Payload))
		if tcp.SYN || tcp.FIN {
			next[me]++
		}
		if tcp.ACK {
			require.Equal(t, next[peer], tcp.Ack)
			acked[peer] = tcp.Ack
		}
		if acked[me] > 0 {
			require.LessOrEqual(t, next[me]-acked[me], uint32(65535), "the window of the peer")
		}
		if tcp.FIN {
			fins++
		}
	}
	require.Equal(t, 6, fins)
}

func TestWritersRefuseWhatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]Writer{"jsonl": NewJSONLWriter(io.Discard), "pcapng": NewPcapngWriter(io.Discard)} {
		require.ErrorContains(t, w.Write(Frame{}), "direction", name)
		require.ErrorContains(t, w.Write(Frame{Direction: ClientToServer, Stream: -1}), "got -1", name)
		require.NoError(t, w.Write(Frame{Direction: ClientToServer}), name)
		require.NoError(t, w.Close(), name)
		require.NoError(t, w.Close(), name)
		require.ErrorContains(t, w.Write(Frame{Direction: ClientToServer}), "closed", name)
	}
	full := errors.New("disk full")
	failing := iotestWriter{err: full}
	for name, w := range map[string]Writer{"jsonl": NewJSONLWriter(failing), "pcapng": NewPcapngWriter(failing)} {
		require.ErrorIs(t, w.Write(Frame{Direction: ClientToServer}), full, name)
		require.ErrorIs(t, w.Write(Frame{Direction: ClientToServer}), full, name)
		require.ErrorIs(t, w.Close(), full, name)
	}
	_, err := Create(filepath.Join(t.TempDir(), "run.pcap"))
	require.ErrorContains(t, err, "want the extension .jsonl or .pcapng, got \".pcap\"")
	_, err = Create(filepath.Join(t.TempDir(), "no", "run.jsonl"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

type iotestWriter struct{ err error }

func (w iotestWriter) Write([]byte) (int, error) { return 0, w.err }

func TestCreateKeepsTheRecordingPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.pcapng")
	w, err := Create(path)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, st.Mode().Perm()&0o077)
	require.Empty(t, read(t, path, must(os.ReadFile(path))), "an empty recording can be read")
}

func must(b []byte, err error) []byte {
	if err != nil {
		return nil
	}
	return b
}

func TestWritersAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x.jsonl", "x.pcapng"} {
		var b bytes.Buffer
		var w Writer = NewJSONLWriter(&b)
		if name == "x.pcapng" {
			w = NewPcapngWriter(&b)
		}
		var wg sync.WaitGroup
		for stream := range 8 {
			wg.Go(func() {
				for i := range 50 {
					f := Frame{Direction: ClientToServer, Stream: stream, Payload: []byte{byte(stream), byte(i)}}
					if err := w.Write(f); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, w.Close())
		next := map[byte]byte{}
		got := read(t, name, b.Bytes())
		require.Len(t, got, 400)
		for _, f := range got {
			require.Equal(t, next[f.Payload[0]], f.Payload[1])
			next[f.Payload[0]]++
		}
	}
}

func TestPcapngOfMoreStreamsThanPorts(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewPcapngWriter(&b)
	const n = clientPorts + 5
	for i := range n {
		require.NoError(t, w.Write(Frame{Direction: ClientToServer, Stream: i, Payload: []byte{1}}))
	}
	require.NoError(t, w.Close())
	got := read(t, "x.pcapng", b.Bytes())
	require.Len(t, got, n)
	for i, f := range got {
		require.Equal(t, i, f.Stream)
	}
}

// memory is a Writer that keeps frames.
type memory struct {
	mu     sync.Mutex
	frames []Frame
	err    error
}

func (m *memory) Write(f Frame) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.frames = append(m.frames, f)
	return nil
}
func (m *memory) Close() error { return nil }

func TestTapCutsBothDirectionsWithoutChangingThem(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		frames := randomFrames(r, 12, 1, false)
		var stream [2][]byte
		var want [2][]said
		for _, f := range frames {
			i := int(f.Direction) - 1
			stream[i] = append(stream[i], ni(f.Payload)...)
			want[i] = append(want[i], said{3, f.Direction, string(f.Payload)})
		}
		a, b := net.Pipe()
		rec := &memory{}
		at := time.Unix(1_700_000_000, 0)
		tap := Tap(a, rec, TapConfig{Stream: 3, Now: func() time.Time { return at }, OnError: func(err error) { t.Errorf("unexpected: %v", err) }})
		require.Equal(t, a, tap.NetConn())
		sizes := rand.New(rand.NewPCG(seed, 10))
		var wg sync.WaitGroup
		var heard, back []byte
		wg.Go(func() {
			rest := stream[0]
			for len(rest) > 0 {
				n := min(1+sizes.IntN(3000), len(rest))
				if _, err := tap.Write(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
		})
		wg.Go(func() {
			if _, err := b.Write(stream[1]); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			heard = make([]byte, len(stream[0]))
			if _, err := io.ReadFull(b, heard); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			back = make([]byte, len(stream[1]))
			if _, err := io.ReadFull(iotest.HalfReader(tap), back); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		require.NoError(t, tap.Close())
		require.Empty(t, cmp.Diff(stream[0], heard))
		require.Empty(t, cmp.Diff(stream[1], back))
		var got [2][]said
		for _, f := range rec.frames {
			require.True(t, at.Equal(f.Time))
			got[f.Direction-1] = append(got[f.Direction-1], words([]Frame{f})...)
		}
		require.Empty(t, cmp.Diff(want, got))
	}
}

func TestTapRecordsAQuestionBeforeItsAnswer(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	rec := &memory{}
	tap := Tap(a, rec, TapConfig{Written: ServerToClient})
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64)
		for range 50 {
			if _, err := io.ReadFull(b, buf[:7]); err != nil {
				t.Error(err)
				return
			}
			if _, err := b.Write(text("b")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 50 {
		_, err := tap.Write(text("ask"))
		require.NoError(t, err)
		_, err = io.ReadFull(tap, make([]byte, 5))
		require.NoError(t, err)
	}
	wg.Wait()
	require.NoError(t, tap.Close())
	require.Len(t, rec.frames, 100)
	for i, f := range rec.frames {
		want := said{0, ServerToClient, "ask"}
		if i%2 == 1 {
			want = said{0, ClientToServer, "b"}
		}
		require.Equal(t, want, words([]Frame{f})[0])
	}
}

func TestTapHookMasksWhatIsRecordedOnly(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	rec := &memory{}
	tap := Tap(a, rec, TapConfig{Hook: func(f Frame) Frame {
		copy(f.Payload[bytes.IndexByte(f.Payload, '=')+1:], "******")
		return f
	}})
	sent := text("pass=secret")
	heard := make(chan []byte, 1)
	go func() {
		buf := make([]byte, len(sent))
		_, _ = io.ReadFull(b, buf)
		heard <- buf
	}()
	_, err := tap.Write(sent)
	require.NoError(t, err)
	require.Equal(t, text("pass=secret"), <-heard)
	require.Equal(t, text("pass=secret"), sent, "the caller's bytes are untouched")
	require.Equal(t, "pass=******", string(rec.frames[0].Payload))
	require.NoError(t, tap.Close())
}

// stub is a connection that takes and gives what it is told.
type stub struct {
	net.Conn
	in       io.Reader
	accept   int
	writeErr error
	got      bytes.Buffer
}

func (s *stub) Read(p []byte) (int, error) { return s.in.Read(p) }

func (s *stub) Write(p []byte) (int, error) {
	if s.writeErr != nil {
		s.got.Write(p[:s.accept])
		return s.accept, s.writeErr
	}
	return s.got.Write(p)
}
func (s *stub) Close() error { return nil }

func TestTapTroubleNeverTouchesTheConnection(t *testing.T) {
	t.Parallel()
	var seen []string
	collect := func(err error) { seen = append(seen, err.Error()) }
	full := errors.New("disk full")

	// The recording fails: bytes still pass, one report for each direction.
	s := &stub{in: bytes.NewReader(text("x", "y"))}
	tap := Tap(s, &memory{err: full}, TapConfig{OnError: collect})
	for range 2 {
		n, err := tap.Write(text("hello"))
		require.NoError(t, err)
		require.Equal(t, 9, n)
	}
	b, err := io.ReadAll(tap)
	require.NoError(t, err)
	require.Equal(t, text("x", "y"), b)
	require.NoError(t, tap.Close())
	require.Equal(t, []string{"disk full", "disk full"}, seen)

	// Bytes that are no NI records, and a record that never ends.
	seen = nil
	s = &stub{in: strings.NewReader("\x00\x00\x00\x05abc")}
	tap = Tap(s, &memory{}, TapConfig{OnError: collect, Stream: 2})
	_, err = tap.Write([]byte("\x16\x03\x01\x02\x00"))
	require.NoError(t, err)
	_, err = io.ReadAll(tap)
	require.NoError(t, err)
	require.NoError(t, tap.Close())
	require.NoError(t, tap.Close())
	require.Len(t, seen, 2)
	require.Contains(t, seen[0], "capture: stream 2 c2s: ni record 1: field length at offset 0: above limit")
	require.Contains(t, seen[1], "capture: stream 2 s2c: ni record 1: field payload at offset 4: truncated: want 5 bytes, got 3")

	// A record that Close finds open.
	seen = nil
	tap = Tap(&stub{}, &memory{}, TapConfig{OnError: collect})
	_, err = tap.Write([]byte{0, 0})
	require.NoError(t, err)
	require.NoError(t, tap.Close())
	require.Len(t, seen, 1)

	// A write that fails half-way.
	seen = nil
	broken := errors.New("broken pipe")
	s = &stub{accept: 3, writeErr: broken}
	tap = Tap(s, &memory{}, TapConfig{OnError: collect})
	n, err := tap.Write(text("hello"))
	require.ErrorIs(t, err, broken)
	require.Equal(t, 3, n)
	require.Len(t, seen, 1)
	require.Contains(t, seen[0], "not sent completely")
	require.Contains(t, seen[0], "broken pipe")
}

func TestTapRecordLimit(t *testing.T) {
	t.Parallel()
	var got error
	tap := Tap(&stub{}, &memory{}, TapConfig{MaxRecordBytes: 4, OnError: func(err error) { got = err }})
	_, err := tap.Write(text("four", "five5"))
	require.NoError(t, err)
	require.ErrorIs(t, got, wire.ErrLimit)
}

func BenchmarkTapWrite(b *testing.B) {
	tap := Tap(&stub{}, NewJSONLWriter(io.Discard), TapConfig{})
	data := ni(make([]byte, 2000))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tap.Write(data); err != nil {
			b.Fatal(err)
		}
		tap.Conn.(*stub).got.Reset()
	}
}

func BenchmarkPcapngWriter(b *testing.B) {
	w := NewPcapngWriter(io.Discard)
	f := Frame{Direction: ClientToServer, Payload: make([]byte, 2000)}
	b.SetBytes(2000)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(f); err != nil {
			b.Fatal(err)
		}
	}
}

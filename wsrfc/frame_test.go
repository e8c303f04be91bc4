package wsrfc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
)

// frame builds a frame as somebody who knows no rules would.
func frame(head byte, masked bool, payload []byte) []byte {
	b := []byte{head}
	bit := byte(0)
	if masked {
		bit = maskBit
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d} // of the example in RFC 6455 section 5.7
	b = append(b, key[:]...)
	start := len(b)
	b = append(b, payload...)
	unmask(b[start:], key, 0)
	return b
}

// pieces gives bytes in portions; an empty one is a moment without any.
type pieces struct {
	data []byte
	next func() int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := min(p.next(), len(b), len(p.data))
	switch {
	case len(p.data) == 0:
		return 0, io.EOF
	case n == 0:
		return 0, errQuiet
	}
	copy(b, p.data[:n])
	p.data = p.data[n:]
	return n, nil
}

// got is what a reader made of a stream: messages and control frames in order, and the error
// behind them.
type got struct {
	events []string
	err    error
}

// collect reads everything.
func collect(data []byte, masked bool, limit int64, next func() int) got {
	var g got
	c, _ := net.Pipe()
	s := newSock(c)
	s.mode = look // the pieces wait for nothing
	f := frames{r: &pieces{data, next}, sock: s, masked: masked, limit: limit, hurry: func() error { return nil }}
	f.control = func(op opcode, payload []byte) error {
		if op == opClose {
			e, err := readClose(payload)
			if err == nil {
				err = e
			}
			return err
		}
		g.events = append(g.events, op.String()+" "+string(payload))
		return nil
	}
	var message []byte
	buf := make([]byte, 100)
	for {
		err := f.next()
		if err == nil {
			var n int
			var end bool
			if n, _, end, err = f.payload(buf); err == nil {
				if message = append(message, buf[:n]...); end {
					g.events = append(g.events, "message "+string(message))
					message = nil
				}
				continue
			}
		}
		if errors.Is(err, errQuiet) {
			continue
		}
		g.err = err
		return g
	}
}

func whole() int { return 1 << 20 }

func TestFramesOfTheStandard(t *testing.T) {
	t.Parallel()
	// RFC 6455 section 5.7, with binary in place of text.
	for in, want := range map[string]string{
		"820548656c6c6f":             "message Hello",
		"020348656c 80026c6f":        "message Hello",
		"890548656c6c6f":             "ping Hello",
		"8a0548656c6c6f":             "pong Hello",
		"8200":                       "message ",
		"82fe":                       "",
		"020148 8900 8a0141 800149":  "ping |pong A|message HI",
		"82 7e 0003 616263":          "message abc", // not the shortest length: legal to read
		"82 7f 0000000000000001 61":  "message a",
		"8203 616263 8203 646566":    "message abc|message def",
		"02 00 00 00 00 01 78 80 00": "message x",
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(in, " ", ""))
		require.NoError(t, err)
		g := collect(data, false, 1<<20, whole)
		require.Equal(t, want, strings.Join(g.events, "|"), in)
	}
	masked, err := hex.DecodeString("828537fa213d7f9f4d5158")
	require.NoError(t, err)
	require.Equal(t, []string{"message Hello"}, collect(masked, true, 5, whole).events)
	require.Equal(t, masked, frame(0x82, true, []byte("Hello")))
}

func TestFramesInPiecesAndWithPauses(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, masked := range []bool{false, true} {
		var data []byte
		var want []string
		for range 60 {
			payload := make([]byte, []int{0, 1, 7, 125, 126, 700, 65_535, 65_536}[rng.IntN(8)])
			for i := range payload {
				payload[i] = byte(rng.Uint32())
			}
			cut := rng.IntN(len(payload) + 1)
			data = append(data, frame(0x02, masked, payload[:cut])...)
			data = append(data, frame(0x89, masked, []byte("between"))...)
			data = append(data, frame(0x80, masked, payload[cut:])...)
			want = append(want, "ping between", "message "+string(payload))
		}
		for name, next := range map[string]func() int{
			"byte by byte": func() int { return 1 },
			"whole":        whole,
			"at random":    func() int { return rng.IntN(5) },
			"in pauses":    func() int { return rng.IntN(2) },
		} {
			g := collect(data, masked, 1<<20, next)
			require.Equal(t, io.EOF, g.err)
			require.True(t, equal(want, g.events), "%s masked=%t", name, masked)
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestUnmaskInPieces(t *testing.T) {
	t.Parallel()
	key := [4]byte{1, 2, 3, 4}
	for n := range 40 {
		for cut := range n + 1 {
			b := make([]byte, n)
			turn := unmask(b[:cut], key, 0)
			unmask(b[cut:], key, turn)
			for i := range b {
				require.Equal(t, key[i&3], b[i], "%d %d", n, cut)
			}
		}
	}
}

func TestF35B125HostileFrames(t *testing.T) {
	t.Parallel()
	long := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x82, 127}, n) }
	second := func(n uint64) []byte {
		return append(frame(0x02, false, []byte("x")), binary.BigEndian.AppendUint64([]byte{0x80, 127}, n)...)
	}
	for _, tc := range []struct {
		name   string
		data   []byte
		masked bool
		code   int
		reason error
		text   string
	}{
		{"reserved bit 1", frame(0xc2, false, nil), false, 1002, wire.ErrMalformed, "no extension was agreed"},
		{"reserved bit 2", frame(0xa2, false, nil), false, 1002, wire.ErrMalformed, "reserved bits"},
		{"reserved bit 3", frame(0x92, false, nil), false, 1002, wire.ErrMalformed, "reserved bits"},
		{"opcode 3", frame(0x83, false, nil), false, 1002, wire.ErrMalformed, "opcode(0x3)"},
		{"opcode 15", frame(0x8f, false, nil), false, 1002, wire.ErrMalformed, "opcode(0xf)"},
		{"text", frame(0x81, false, []byte("text")), false, 1003, wire.ErrMalformed, "want binary messages, got text"},
		{"masked by a server", frame(0x82, true, nil), false, 1002, wire.ErrMalformed, "an unmasked frame of a server"},
		{"unmasked by a client", frame(0x82, false, nil), true, 1002, wire.ErrMalformed, "a masked frame of a client"},
		{"unmasked ping of a client", frame(0x89, false, nil), true, 1002, wire.ErrMalformed, "mask"},
		{"continuation without start", frame(0x80, false, nil), false, 1002, wire.ErrMalformed, "want the start of a message, got continuation"},
		{"message inside a message", append(frame(0x02, false, nil), frame(0x82, false, nil)...), false, 1002, wire.ErrMalformed, "the rest of the message"},
		{"fragmented ping", frame(0x09, false, nil), false, 1002, wire.ErrMalformed, "ping in one frame"},
		{"ping of 126", frame(0x89, false, make([]byte, 126)), false, 1002, wire.ErrMalformed, "at most 125 bytes of ping"},
		{"close of 64 bits", append([]byte{0x88, 127}, make([]byte, 8)...), false, 1002, wire.ErrMalformed, "at most 125 bytes of close"},
		{"length with the top bit", long(1 << 63), false, 1002, wire.ErrMalformed, "0x8000000000000000"},
		{"length of all bits", long(1<<64 - 1), false, 1002, wire.ErrMalformed, "highest bit"},
		{"CVE-2020-27813 largest length", long(1<<63 - 1), false, 1009, wire.ErrLimit, "at most 1000 bytes"},
		{"CVE-2020-27813 sum wraps around", second(1<<63 - 1), false, 1009, wire.ErrLimit, "at most 1000 bytes"},
		{"one byte too long", long(1001), false, 1009, wire.ErrLimit, "1001 or more"},
		{"one byte too long in two", second(1000), false, 1009, wire.ErrLimit, "1001 or more"},
		{"too many fragments", append(frame(0x02, false, nil), bytes.Repeat(frame(0x00, false, nil), MaxFragments)...), false, 1009, wire.ErrLimit, "at most 1024 of one message"},
		{"F-34 flood of pings", bytes.Repeat(frame(0x89, false, nil), maxControl+1), false, 1008, wire.ErrLimit, "at most 1000 in 1s"},
		{"close code 999", frame(0x88, false, []byte{0x03, 0xe7}), false, 1002, wire.ErrMalformed, "got 999"},
		{"close code 1005", frame(0x88, false, []byte{0x03, 0xed}), false, 1002, wire.ErrMalformed, "got 1005"},
		{"close code 1015", frame(0x88, false, []byte{0x03, 0xf7}), false, 1002, wire.ErrMalformed, "got 1015"},
		{"close code 2999", frame(0x88, false, []byte{0x0b, 0xb7}), false, 1002, wire.ErrMalformed, "got 2999"},
		{"close code 5000", frame(0x88, false, []byte{0x13, 0x88}), false, 1002, wire.ErrMalformed, "got 5000"},
		{"close of one byte", frame(0x88, false, []byte{3}), false, 1002, wire.ErrMalformed, "two bytes"},
		{"close reason that is no text", frame(0x88, false, []byte{0x03, 0xe8, 0xff}), false, 1007, wire.ErrMalformed, "UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := collect(tc.data, tc.masked, 1000, whole)
			var v *violation
			require.ErrorAs(t, g.err, &v)
			require.Equal(t, tc.code, v.code)
			require.Equal(t, tc.code, closeCode(g.err))
			require.ErrorIs(t, g.err, tc.reason)
			require.ErrorContains(t, g.err, tc.text)
			// It is refused at the first byte that shows it, and in pieces as well.
			again := collect(tc.data, tc.masked, 1000, func() int { return 1 })
			require.Equal(t, g.err.Error(), again.err.Error())
		})
	}
}

func TestCloseFrames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]CloseError{
		"8800":         {Code: closeNoStatus},
		"880203e8":     {Code: closeNormal},
		"880403e96f6b": {Code: closeGoingAway, Reason: "ok"},
		"88020bb8":     {Code: 3000},
		"880203f6":     {Code: 1014},
	} {
		data, err := hex.DecodeString(in)
		require.NoError(t, err)
		var e *CloseError
		require.ErrorAs(t, collect(data, false, 10, whole).err, &e)
		require.Equal(t, want, *e)
	}
	e, err := readClose(closePayload(closeInternal, "RABAX_STATE:\x1b[31m Error\x00 "+strings.Repeat("ä", 200)))
	require.NoError(t, err)
	require.NotContains(t, e.Error(), "\x1b")
	require.Contains(t, e.Error(), "code 1011 (internal error): RABAX_STATE:")
	require.LessOrEqual(t, len(closePayload(1000, strings.Repeat("ä", 200))), 125)
	require.Equal(t, "the partner closed the WebSocket with code 4000", (&CloseError{Code: 4000}).Error())
}

// TestReaderAgreesWithTheLibrary gives the same bytes, right ones and broken ones, to our reader
// and to that of the library: both give the same messages, and both refuse or none.
func TestReaderAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 4000 {
		masked := rng.IntN(2) == 0
		var data []byte
		open := false
		for range rng.IntN(6) + 1 {
			payload := make([]byte, rng.IntN(140))
			switch rng.IntN(5) {
			case 0:
				data = append(data, frame(0x89+byte(rng.IntN(2)), masked, payload[:min(len(payload), 125)])...)
			default:
				head := byte(0)
				if !open {
					head = 0x02
				}
				open = rng.IntN(3) == 0
				if !open {
					head |= 0x80
				}
				data = append(data, frame(head, masked, payload)...)
			}
		}
		for range rng.IntN(3) {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		}
		if rng.IntN(4) == 0 {
			data = data[:rng.IntN(len(data)+1)]
		}
		mine := collect(data, masked, 1000, whole)
		theirs := library(data, masked, 1000)
		messages := func(g got) (list []string) {
			for _, e := range g.events {
				if strings.HasPrefix(e, "message ") {
					list = append(list, e)
				}
			}
			return list
		}
		var v *violation
		switch {
		case errors.As(mine.err, &v) && v.code == closeUnsupported:
			continue // the library takes text
		case errors.As(mine.err, &v) && strings.HasPrefix(v.err.Field, "close"), isClose(mine.err):
			// both refuse or end; the library knows one code less
		default:
			require.Equal(t, errors.As(mine.err, &v), theirs.err != nil && !isEnd(theirs.err), "round %d: %v / %v\n%x", round, mine.err, theirs.err, data)
		}
		require.True(t, equal(messages(mine), messages(theirs)), "round %d\n%x", round, data)
	}
}

func isClose(err error) bool { _, ok := errors.AsType[*CloseError](err); return ok }

func isEnd(err error) bool {
	var c *websocket.CloseError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &c)
}

// library reads with the library.
func library(data []byte, masked bool, limit int64) got {
	var g got
	nc := &canned{Reader: bytes.NewReader(data)}
	var ws *websocket.Conn
	var err error
	if masked {
		ws, err = adoptServer(nc)
	} else {
		ws, err = adoptFor(nc)
	}
	if err != nil {
		panic(err)
	}
	ws.SetReadLimit(limit)
	for {
		_, r, err := ws.NextReader()
		var p []byte
		if err == nil {
			p, err = io.ReadAll(r)
		}
		if err != nil {
			g.err = err
			return g
		}
		g.events = append(g.events, "message "+string(p))
	}
}

func TestWalkerFindsTheEndAtAnyCut(t *testing.T) {
	t.Parallel()
	value := chain.AppendEnd(nil) // looks like the end
	stream := chain.AppendEmpty(nil, chain.Reply)
	stream = chain.Append(stream, chain.ParameterValue, value)
	stream = chain.Append(stream, chain.ParameterValue, make([]byte, 70_000)) // the long form
	stream = chain.Append(stream, chain.ParameterName, []byte{0xff, 0xff, 0, 0})
	stream = chain.AppendEnd(stream)
	for cut := range 200 {
		for _, at := range []int{cut, len(stream) - cut} {
			var w walker
			w.feed(stream[:at])
			if at < len(stream) {
				require.NotEqual(t, walkEnd, w.state, at)
				require.Equal(t, at == len(stream)-2, w.unclosed(), at)
			}
			w.feed(stream[at:])
			require.Equal(t, walkEnd, w.state, at)
		}
	}
	var w walker
	for _, b := range stream {
		require.NotEqual(t, walkEnd, w.state)
		w.feed([]byte{b})
	}
	require.Equal(t, walkEnd, w.state)
	w.feed([]byte("trailing bytes"))
	require.Equal(t, walkEnd, w.state)
}

func TestWalkerKnowsWhatIsNoChain(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"\xff\xff\x00\x01x\xff\xff",                         // an end with a value
		"\x05\x00\x00\x00\x05\x01",                          // a closing tag that does not fit
		"\xc8\xc5\xd9\xc5 1 00024error",                     // EBCDIC
		"HTTP/1.1 400 Bad Request",                          // ASCII
		"\x05\x00\x00\x01x\x05\x00\x05\x01\x00\x00\x05\x02", // later
	} {
		var whole, pieces walker
		whole.feed([]byte(s))
		for _, b := range []byte(s) {
			pieces.feed([]byte{b})
		}
		require.Equal(t, walkBroken, whole.state, "%q", s)
		require.Equal(t, walkBroken, pieces.state, "%q", s)
	}
}

func TestWalkerAgreesWithTheChain(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		data := chain.AppendEmpty(nil, chain.Reply)
		for range rng.IntN(8) {
			data = chain.Append(data, chain.Tag(rng.IntN(0xffff)), make([]byte, rng.IntN(30)))
		}
		data = chain.AppendEnd(data)
		if rng.IntN(2) == 0 {
			data[1+rng.IntN(len(data)-1)] ^= byte(rng.Uint32())
		}
		data = data[:len(data)-rng.IntN(3)]
		r := chain.NewBytesReader(data, chain.Limits{})
		var err error
		for err == nil {
			_, err = r.Next()
		}
		var w walker
		for rest := data; len(rest) > 0; {
			n := rng.IntN(len(rest)) + 1
			w.feed(rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF), w.state == walkEnd, "%x: %v", data, err)
	}
}

func TestPingsAreSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 100 {
		p := newPinger(300*time.Second, time.Minute)
		require.LessOrEqual(t, p.due, 300*time.Second)
		require.GreaterOrEqual(t, p.due, 225*time.Second)
		seen[p.due] = true
	}
	require.Greater(t, len(seen), 50)
	require.Zero(t, newPinger(0, 0).due)
}

func TestRecordsOfTLS(t *testing.T) {
	t.Parallel()
	record := func(n int) []byte { return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	rng := rand.New(rand.NewPCG(8, 9))
	for range 500 {
		var data []byte
		ends := map[int]bool{0: true}
		for range rng.IntN(6) + 1 {
			data = append(data, record([]int{0, 1, 30, 300, 16_401}[rng.IntN(5)])...)
			ends[len(data)] = true
		}
		var r records
		for at := 0; at < len(data); {
			n := min(rng.IntN(20_000)+1, len(data)-at)
			r.pass(data[at : at+n])
			count := 0
			for e := range ends {
				if e > at && e <= at+n {
					count++
				}
			}
			at += n
			require.Equal(t, count != 1 || !ends[at], r.more())
		}
	}
}

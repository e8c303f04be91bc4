package cpic_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// tap keeps what its owner wrote.
type tap struct {
	net.Conn
	mu    sync.Mutex
	wrote []byte
}

func (c *tap) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	c.wrote = append(c.wrote, p[:n]...)
	c.mu.Unlock()
	return n, err
}

// records returns the payloads written since the last call.
func (c *tap) records(t testing.TB) [][]byte {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var out [][]byte
	for b := c.wrote; len(b) > 0; {
		require.GreaterOrEqual(t, len(b), 4)
		n := 4 + int(binary.BigEndian.Uint32(b))
		require.GreaterOrEqual(t, len(b), n)
		out = append(out, bytes.Clone(b[4:n]))
		b = b[n:]
	}
	c.wrote = nil
	return out
}

var clientConfig = cpic.ClientConfig{TargetHost: "198.51.100.17", SystemNumber: "00", Destination: "DEST", Program: "test", Host: "here"}

func acceptConfig() cpic.AcceptConfig {
	return cpic.AcceptConfig{
		Assign:   func(*cpic.GatewayRecord) (string, uint16, error) { return "01234567", 4, nil },
		Location: "test gateway",
	}
}

// link is a live conversation of our client with our gateway side.
type link struct {
	client, server       *cpic.Conn
	clientTap, serverTap *tap
}

func connect(t testing.TB, cc cpic.ClientConfig, ac cpic.AcceptConfig) link {
	t.Helper()
	a, b := netfault.PipeSize(4 << 20)
	l := link{clientTap: &tap{Conn: a}, serverTap: &tap{Conn: b}}
	done := make(chan error, 1)
	go func() {
		var err error
		l.server, err = cpic.Accept(context.Background(), l.serverTap, ac)
		done <- err
	}()
	var err error
	l.client, err = cpic.Open(context.Background(), l.clientTap, cc)
	require.NoError(t, err)
	require.NoError(t, <-done)
	l.clientTap.records(t)
	l.serverTap.records(t)
	t.Cleanup(func() {
		_ = l.client.Close()
		_ = l.server.Close()
	})
	return l
}

// message is data with room for the headers in front.
func message(c *cpic.Conn, data []byte) []byte {
	return append(make([]byte, c.Headroom(), c.Headroom()+len(data)+8), data...)
}

func data(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}

// receive reads a whole message.
func receive(c *cpic.Conn) ([]byte, error) {
	var out []byte
	for {
		frag, last, err := c.Receive()
		if err != nil {
			return out, err
		}
		out = append(out, frag...)
		if last {
			return out, nil
		}
	}
}

// script is the far end of a connection driven by a test, byte by byte.
type script struct {
	t testing.TB
	net.Conn
}

func (s script) send(payloads ...[]byte) {
	s.t.Helper()
	var b []byte
	for _, p := range payloads {
		b = ni.AppendRecord(b, p)
	}
	_, err := s.Write(b)
	require.NoError(s.t, err)
}

// next reads one record.
func (s script) next() []byte {
	s.t.Helper()
	var head [4]byte
	_, err := io.ReadFull(s, head[:])
	require.NoError(s.t, err)
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err = io.ReadFull(s, b)
	require.NoError(s.t, err)
	return b
}

func (s script) header() (cpic.Header, []byte) {
	s.t.Helper()
	b := s.next()
	h, err := cpic.DecodeHeader(b)
	require.NoError(s.t, err)
	return h, b[80:]
}

func headerBytes(h cpic.Header) []byte {
	b, _ := h.AppendBinary(nil)
	return b
}

// gateway plays the set-up of a gateway up to F_ALLOCATE by hand and returns the header of
// a complete reply. Client and script run in the same goroutine: the pipe has buffers.
func openScripted(t testing.TB, edit func(step int, reply []byte) []byte) (*cpic.Conn, script, error) {
	t.Helper()
	a, b := netfault.Pipe()
	s := script{t, b}
	t.Cleanup(func() { _ = b.Close() })
	go func() {
		far := func(step int, reply []byte) {
			if edit != nil {
				reply = edit(step, reply)
			}
			_, _ = b.Write(ni.AppendRecord(nil, reply))
		}
		read := func() []byte {
			var head [4]byte
			if _, err := io.ReadFull(b, head[:]); err != nil {
				return nil
			}
			p := make([]byte, binary.BigEndian.Uint32(head[:]))
			_, _ = io.ReadFull(b, p)
			return p
		}
		g := read()
		if g == nil {
			return
		}
		copy(g[20:], "4103")
		g[29], g[55] = 0x0f, g[55]|0x30
		far(0, g)
		h := read()
		if h == nil {
			return
		}
		h = h[:80]
		h[21] = 6
		copy(h[40:], "75568442")
		h[79], h[78] = 1, 0
		far(1, bytes.Clone(h))
		if read() == nil {
			return
		}
		if p := read(); p != nil {
			p[16], p[21], p[76], p[77] = 1, 2, 0, 0
			copy(p[69:], "4103")
			far(2, p)
		}
	}()
	c, err := cpic.Open(context.Background(), a, clientConfig)
	if c != nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, s, err
}

// replyTo is a data record of the scripted gateway of openScripted.
func replyTo(body string, final bool) (cpic.Header, []byte) {
	h := cpic.Header{
		Version: 6, Function: cpic.SAPSend, Protocol: 2, UID: 0xffff, Time: 0x10000, Info3: 1, Timeout: -1, Info4: 2,
		Sequence: 1, Info: 1, Vector: 8, ConversationID: [8]byte([]byte("75568442")), CommIndex: 0, ConnIndex: 1,
	}
	op := cpic.ReceiveInfo{RequestedLength: 28000, DataReceived: 2, ReceivedLength: uint32(len(body)), Codepage: "4103"}
	if final {
		h.Timeout, h.Info, h.Vector, h.ParamLength = 500, 5, 12, 8
		op.StatusReceived = 1
	}
	h.SetReceiveInfo(op)
	return h, []byte(body)
}

// mask sets named fields of a record to zero.
func mask(t testing.TB, b []byte, fields []wire.Field, names ...string) []byte {
	t.Helper()
	b = bytes.Clone(b)
	for _, n := range names {
		found := false
		for _, f := range fields {
			if f.Name == n {
				clear(b[f.Off : f.Off+f.Len])
				found = true
			}
		}
		require.True(t, found, n)
	}
	return b
}

// unhex reads hex with blanks and "xx*n" runs as the wire documents write it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for word := range strings.FieldsSeq(s) {
		n := 1
		if w, count, ok := strings.Cut(word, "*"); ok {
			word, n = w, 0
			for _, c := range count {
				n = n*10 + int(c-'0')
			}
		}
		b, err := hex.DecodeString(word)
		require.NoError(t, err, word)
		out = append(out, bytes.Repeat(b, n)...)
	}
	return out
}

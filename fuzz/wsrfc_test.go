package fuzz_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/wsrfc"
)

const (
	wsSecret = "c4nary-Secret"
	wsNonce  = "the sample nonce"
	// The request and the answer of a good upgrade with that nonce (RFC 6455 section 1.3).
	wsRequest = "GET /sap/bc/rfc?sap-apc-stateful=true HTTP/1.1\r\nHost: h:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: rfc.sap.com\r\nsap-client: 001\r\nAuthorization: Basic VTpjNG5hcnktU2VjcmV0\r\n\r\n"
	wsAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

func wsClient() wsrfc.Config {
	return wsrfc.Config{
		Host: "h", Port: "8000", User: "U", Password: wsSecret, Plain: true, AllowInsecureTLS: true, PingPeriod: -1, MessageLimit: 1 << 20, StreamLimit: 2 << 20,
		Keeper: new(wsrfc.Keeper), Random: func(b []byte) { copy(b, wsNonce) },
	}
}

func wsServer() wsrfc.AcceptConfig {
	return wsrfc.AcceptConfig{
		AllowPlain: true, MessageLimit: 1 << 20, StreamLimit: 2 << 20,
		Authorize: func(context.Context, *wsrfc.Caller) error { return nil },
	}
}

// wsFrame is a frame as the standard has it.
func wsFrame(head byte, masked bool, payload []byte) []byte {
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	b := []byte{head, bit | byte(min(len(payload), 126))}
	if len(payload) >= 126 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	}
	if masked {
		b = append(b, 1, 2, 3, 4)
		p := bytes.Clone(payload)
		for i := range p {
			p[i] ^= byte(i&3 + 1)
		}
		payload = p
	}
	return append(b, payload...)
}

// wsPeer is a connection that gives bytes in pieces and then ends; what is written to it can be
// read when it is done.
func wsPeer(b []byte, piece int) (net.Conn, func() []byte) {
	a, far := netfault.PipeSize(len(b) + 1<<16)
	_, _ = far.Write(b)
	out := make(chan []byte, 1)
	go func() {
		p, _ := io.ReadAll(far)
		out <- p
	}()
	cut := int64(len(b))
	if cut == 0 {
		cut = -1
	}
	end := netfault.New(a, netfault.Faults{MaxRead: piece, CutReadAfter: cut})
	return end, func() []byte {
		p := <-out
		_ = far.Close()
		return p
	}
}

// wsStreams reads record streams until the connection ends.
func wsStreams(c *wsrfc.Conn) (streams [][]byte, failure error) {
	var data []byte
	for {
		frag, last, err := c.Receive()
		if err != nil {
			return streams, err
		}
		if data = append(data, frag...); last {
			streams = append(streams, data)
			data = nil
		}
		if !c.Usable() && last {
			return streams, nil
		}
	}
}

func wsTells(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); strings.Contains(s, wsSecret) || len(s) > 2000 {
		t.Errorf("error: %s", s)
	}
}

func wsMemory(t *testing.T, input int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(64*input+4<<20) {
		t.Fatalf("%d bytes reserved for %d received", n, input)
	}
}

// FuzzHTTPHead reads heads in one piece and byte by byte: both must give the same, and what was
// read must survive being written.
func FuzzHTTPHead(f *testing.F) {
	for _, s := range []string{wsRequest, wsAnswer, wsAnswer + "\x82\x00", "HTTP/1.1 302 Found\nLocation: /x\n\n", "PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 101 x\r\nA:\r\n b\r\n\r\n", "\x16\x03\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head, rest, err := httphead.Read(bytes.NewReader(b), 0)
		again, restAgain, errAgain := httphead.Read(iotest.OneByteReader(bytes.NewReader(b)), 0)
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("%v and %v", err, errAgain)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(head, again); diff != "" {
			t.Error(diff)
		}
		if !bytes.HasPrefix(rest, restAgain) || !bytes.HasSuffix(b, rest) {
			t.Errorf("rest %q and %q", rest, restAgain)
		}
		_, _, _ = head.Status()
		_, _, _ = head.Request()
		var s strings.Builder
		s.WriteString(head.Start + "\r\n")
		for _, field := range head.Fields {
			_ = head.Has(field.Name, "upgrade")
			s.WriteString(field.Name + ": " + field.Value + "\r\n")
		}
		if len(s.String())+2 > httphead.MaxBytes {
			return // the blanks that were left out of it made room
		}
		once, _, err := httphead.Read(strings.NewReader(s.String()+"\r\n"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(head, once); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzWebSocketAnswer gives a client arbitrary bytes in place of an answer to its upgrade, and
// lets it make a call if it was content.
func FuzzWebSocketAnswer(f *testing.F) {
	reply := chain.AppendEnd(chain.AppendEmpty(nil, chain.Reply))
	f.Add([]byte(wsAnswer+string(wsFrame(0x82, false, reply))), uint8(0))
	f.Add([]byte(wsAnswer+string(wsFrame(0x88, false, []byte("\x03\xe9bye")))), uint8(3))
	for _, s := range []string{
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n" + wsAnswer,
		"HTTP/1.1 307 x\r\nLocation: //h:8000/x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + wsAnswer, "SSH-2.0-x\r\n", "\x00\x00\x00\x40\x02\x03",
	} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		nc, wrote := wsPeer(b, int(piece))
		wsMemory(t, len(b), func() {
			c, err := wsrfc.Open(t.Context(), nc, wsClient())
			if err != nil {
				wsTells(t, err)
				return
			}
			if err = c.Begin(t.Context()); err == nil {
				if err = c.SendLast(reply); err == nil {
					_, err = wsStreams(c)
				}
				err = c.End(err)
			}
			if err != nil {
				wsTells(t, err)
			}
			c.Abort()
		})
		_ = nc.Close()
		if got := wrote(); !bytes.HasPrefix(got, []byte("GET ")) {
			t.Errorf("%q", got)
		}
	})
}

// FuzzWebSocketRequest gives a server arbitrary bytes in place of an upgrade and what follows.
func FuzzWebSocketRequest(f *testing.F) {
	call := chain.AppendEnd(chain.AppendEmpty(nil, chain.Call))
	f.Add([]byte(wsRequest), uint8(0))
	f.Add([]byte(wsRequest+string(wsFrame(0x82, true, call))), uint8(2))
	for _, s := range []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "POST /sap/bc/rfc HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "\x16\x03\x01\x02\x00", "\x00\x00\x00\x40\x02\x03\x00"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		nc, wrote := wsPeer(b, int(piece))
		switched := false
		wsMemory(t, len(b), func() {
			c, err := wsrfc.Accept(t.Context(), nc, wsServer())
			if switched = err == nil; !switched {
				wsTells(t, err)
				return
			}
			_, err = wsStreams(c)
			c.Reject(err)
			c.Abort()
		})
		_ = nc.Close()
		if got := wrote(); switched != bytes.HasPrefix(got, []byte("HTTP/1.1 101 ")) {
			t.Errorf("switched=%t: %q", switched, got)
		}
	})
}

// FuzzWebSocketFrames gives either side arbitrary frames behind a good upgrade, in one piece and
// in small ones: both must give the same streams and end for the same reason.
func FuzzWebSocketFrames(f *testing.F) {
	stream := chain.AppendEnd(chain.Append(chain.AppendEmpty(nil, chain.Reply), chain.ParameterValue, bytes.Repeat([]byte("value "), 50)))
	for _, server := range []bool{true, false} {
		f.Add(append(wsFrame(0x82, server, stream), wsFrame(0x88, server, []byte{3, 0xe8})...), server, uint8(1))
		f.Add(bytes.Join([][]byte{wsFrame(0x02, server, stream[:7]), wsFrame(0x89, server, []byte("ping")), wsFrame(0x80, server, stream[7:])}, nil), server, uint8(5))
		f.Add(append(wsFrame(0x82, server, stream[:100]), wsFrame(0x82, server, stream[100:])...), server, uint8(2))
		f.Add(append(wsFrame(0x82, server, stream[:len(stream)-2]), wsFrame(0x82, server, stream)...), server, uint8(0))
		f.Add(wsFrame(0x88, server, []byte("\x03\xe7")), server, uint8(0))
		f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, server, uint8(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, server bool, piece uint8) {
		read := func(piece int) (streams [][]byte, failure error) {
			head := wsAnswer
			if server {
				head = wsRequest
			}
			a, far := netfault.PipeSize(len(b) + 1<<16)
			end := netfault.New(a, netfault.Faults{MaxRead: piece, CutReadAfter: int64(len(head) + len(b))})
			_, _ = io.WriteString(far, head)
			var c *wsrfc.Conn
			var err error
			if server {
				c, err = wsrfc.Accept(t.Context(), end, wsServer())
			} else {
				c, err = wsrfc.Open(t.Context(), end, wsClient())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = far.Close() }()
			defer c.Abort()
			if !server { // an answer is read behind a request
				if err := c.Begin(t.Context()); err != nil {
					return nil, err // nothing follows the head
				}
				if err := c.SendLast(stream); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = far.Write(b)
			if server {
				return wsStreams(c)
			}
			for { // one answer, and what else there is to see
				frag, last, err := c.Receive()
				streams = append(streams, bytes.Clone(frag))
				if err != nil || last {
					return [][]byte{bytes.Join(streams, nil)}, c.End(err)
				}
			}
		}
		var streams, again [][]byte
		var err, errAgain error
		wsMemory(t, len(b), func() { streams, err = read(0) })
		again, errAgain = read(1 + int(piece))
		if diff := cmp.Diff(streams, again); diff != "" && err == nil {
			t.Error(diff)
		}
		if (err == nil) != (errAgain == nil) {
			t.Errorf("%v and %v", err, errAgain)
		}
		if err != nil {
			wsTells(t, err)
		}
	})
}

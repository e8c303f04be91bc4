package gateway_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// The tests of this package run in synctest bubbles over memory: time is virtual, and a
// bubble whose goroutines do not end fails, so that each test is a test for leaks as well.

// listener accepts the server's ends of pipes.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3300} }

// addressed gives a pipe the addresses of a socket.
type addressed struct {
	net.Conn
	remote string
}

func (a *addressed) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3300} }

func (a *addressed) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(a.remote), Port: 40000}
}

// host is a server under test.
type host struct {
	t   testing.TB
	srv *gateway.Server
	l   *listener
}

// serve runs f in a bubble with a running server.
func serve(t *testing.T, srv *gateway.Server, f func(t *testing.T, h *host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &host{t: t, srv: srv, l: &listener{conns: make(chan net.Conn), done: make(chan struct{})}}
		if srv.Authenticate == nil && !srv.AllowAnonymous {
			srv.Authenticate = gateway.Users{"DEVELOPER": "Example-Pass1"}.Authenticate
		}
		var group sync.WaitGroup
		group.Go(func() {
			if err := srv.Serve(h.l); !errors.Is(err, gateway.ErrServerClosed) {
				t.Errorf("Serve: %v", err)
			}
		})
		defer func() {
			if err := srv.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			group.Wait()
			pass(watchdogRest)
		}()
		f(t, h)
	})
}

// watchdogRest is how long a server's watchdog looks on before it ends itself.
const watchdogRest = 3 * time.Second

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// dial connects from an address; nil when the server is gone.
func (h *host) dial(from string) net.Conn {
	client, server := netfault.Pipe()
	select {
	case h.l.conns <- &addressed{server, from}:
		return client
	case <-h.l.done:
		return nil
	}
}

// client is a foreign client: it says what it is told.
type client struct {
	t    testing.TB
	conv *cpic.Conn
	nc   net.Conn
}

func (h *host) client() *client {
	h.t.Helper()
	nc := h.dial("192.0.2.7")
	conv, err := cpic.Open(context.Background(), nc, cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
	require.NoError(h.t, err)
	h.t.Cleanup(conv.Abort)
	return &client{h.t, conv, nc}
}

// ask sends a message and returns the answer.
func (c *client) ask(data []byte) ([]byte, error) {
	ctx := context.Background()
	if err := c.conv.Begin(ctx); err != nil {
		return nil, err
	}
	if err := c.conv.SendLast(append(make([]byte, c.conv.Headroom()), data...)); err != nil {
		return nil, c.conv.End(err)
	}
	answer, err := c.receive()
	return answer, c.conv.End(err)
}

func (c *client) receive() ([]byte, error) {
	var data []byte
	for {
		frag, last, err := c.conv.Receive()
		if err != nil {
			return nil, err
		}
		if data = append(data, frag...); last {
			return data, nil
		}
	}
}

func (c *client) must(data []byte) []byte {
	c.t.Helper()
	answer, err := c.ask(data)
	require.NoError(c.t, err)
	return answer
}

var guid = [16]byte{0x00, 0x01, 0x2e, 0xa9, 0x58, 0x1f, 0x1f, 0xe1, 0x9c, 0xaa, 0x03, 0xb5, 0x86, 0x66, 0x27, 0x9d}

// sdkLogon is the captured logon with a function of our choice.
func sdkLogon() *rfc.LogonRequest {
	return &rfc.LogonRequest{
		Sender: rfc.SenderDescription{3, 1, 1, 1, 1, 1, 0, 0}, ProtocolBits: 0xe0b, UnicodeHeader: [11]byte{4, 1, 0, 3, 0, 0x0a, 2, 0, 0, 0, '#'},
		GUID: guid, Client: "001", User: "Developer", Password: "Example-Pass1", HasPassword: true, Seed: 0x4e2c4283, Language: "E", HasLanguage: true,
		UnicodeClient: true, Address: "127.0.1.1", PartnerType: "E", Release: "754", KernelRelease: "754", Host: "titan", Destination: "<unknown>", Program: "python3",
	}
}

// logonBytes builds a logon that calls function with parameters in the form of the logon's
// own texts.
func logonBytes(t testing.TB, q *rfc.LogonRequest, function string, parameters ...[]byte) []byte {
	t.Helper()
	b, err := q.AppendBinary(nil)
	require.NoError(t, err)
	start := bytes.Index(b, unhex("05020000 0502"))
	require.Positive(t, start)
	rep, err := q.Sender.Representation()
	require.NoError(t, err)
	txt := func(tag chain.Tag, s string) []byte {
		v, err := rep.Text.Append(nil, s, codepage.Policy{})
		require.NoError(t, err)
		return chain.Append(nil, tag, v)
	}
	b = append(b[:start:start], chain.AppendEmpty(nil, chain.Call)...)
	b = append(b, txt(chain.CallerRelease, "754")...)
	b = append(b, txt(chain.FunctionName, function)...)
	if len(parameters) > 0 {
		b = append(b, chain.AppendEmpty(nil, chain.Parameters)...)
	}
	return chain.AppendEnd(append(b, bytes.Join(parameters, nil)...))
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func le16(s string) []byte {
	b, err := codepage.AppendUTF16LE(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}

func be16(s string) []byte {
	b := le16(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func item(tag chain.Tag, v []byte) []byte { return chain.Append(nil, tag, v) }

// call is a request in UTF-16LE.
func call(function string, items ...[]byte) []byte {
	return chain.AppendEnd(cat(chain.AppendEmpty(nil, chain.Call), item(chain.CallerRelease, le16("754")), item(chain.FunctionName, le16(function)),
		chain.AppendEmpty(nil, chain.Parameters), cat(items...)))
}

func want(names ...string) (b []byte) {
	for _, n := range names {
		b = append(b, item(chain.RequestedName, le16(n))...)
	}
	return b
}

func value(name string, v []byte) []byte {
	return cat(item(chain.ParameterName, le16(name)), item(chain.ParameterValue, v))
}

// list gives tags and lengths of a message: "0500:0 0503:0 ffff:0".
func list(data []byte, lengths bool) string {
	var out []string
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return strings.Join(append(out, "ffff"), " ")
			}
			return strings.Join(append(out, err.Error()), " ")
		}
		s := fmt.Sprintf("%04x", uint16(it.Tag))
		if lengths {
			s += fmt.Sprintf(":%d", len(it.Value))
		}
		out = append(out, s)
	}
}

// find returns the values of all items with a tag.
func find(data []byte, tag chain.Tag) (values [][]byte) {
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			return values
		}
		if it.Tag == tag {
			values = append(values, bytes.Clone(it.Value))
		}
	}
}

func first(t testing.TB, data []byte, tag chain.Tag) []byte {
	t.Helper()
	v := find(data, tag)
	require.NotEmpty(t, v, "no item %04x in %s", uint16(tag), list(data, true))
	return v[0]
}

// values reads scalar parameters of a reply by name.
func values(data []byte) map[string][]byte {
	m := map[string][]byte{}
	name := ""
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			return m
		}
		switch it.Tag {
		case chain.ParameterName:
			name = strings.ReplaceAll(string(it.Value), "\x00", "")
		case chain.ParameterValue:
			m[name] = bytes.Clone(it.Value)
		}
	}
}

var zEcho = func() *metadata.Function {
	d := new(metadata.Dictionary)
	d.Structure("ZROW", "N:I C:C4")
	f, err := d.Function("Z_ECHO", `
		IMPORTING TEXT:C10 OPTIONAL
		IMPORTING NUM:I OPTIONAL
		IMPORTING FLT:F OPTIONAL
		IMPORTING STR:g OPTIONAL
		EXPORTING OTEXT:C10
		EXPORTING ONUM:I
		EXPORTING OFLT:F
		EXPORTING OSTR:g
		TABLES    T:[ZROW]
		TABLES    U:[ZROW]`)
	if err := errors.Join(d.Err(), err); err != nil {
		panic(err)
	}
	return f
}()

type row struct {
	N int32
	C string
}

type echoIn struct {
	Text string  `rfc:"TEXT"`
	Num  int32   `rfc:"NUM"`
	Flt  float64 `rfc:"FLT"`
	Str  string  `rfc:"STR"`
	T    []row   `rfc:"T"`
}

type echoOut struct {
	Text string  `rfc:"OTEXT"`
	Num  int32   `rfc:"ONUM"`
	Flt  float64 `rfc:"OFLT"`
	Str  string  `rfc:"OSTR"`
	T    []row   `rfc:"T"`
	U    []row   `rfc:"U"`
}

// echoMux serves Z_ECHO, Z_RESET and whatever fails.
func echoMux(t testing.TB) *rfc.Mux {
	t.Helper()
	mux := rfc.NewMux()
	require.NoError(t, rfc.HandleInterface(mux, zEcho, func(_ context.Context, in echoIn) (echoOut, error) {
		out := echoOut{Text: in.Text, Num: in.Num, Flt: in.Flt, Str: in.Str, T: in.T}
		switch in.Text {
		case "panic":
			panic("with a stack")
		case "error":
			return out, errors.New("no such luck")
		case "many":
			out.T = make([]row, 10_000)
		case "bad":
			out.Text = strings.Repeat("x", 11)
		}
		return out, nil
	}))
	return mux
}

func function(t testing.TB, name string) *metadata.Function {
	t.Helper()
	f, err := metadata.NewFunction(name, nil)
	require.NoError(t, err)
	return f
}

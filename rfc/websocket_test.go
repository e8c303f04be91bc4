package rfc_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// webServer serves WebSocket RFC on a loopback port and returns how to reach it.
func webServer(tb testing.TB, handler rfc.Handler) (wsrfc.Config, tls.Certificate) {
	tb.Helper()
	cert, roots, err := wsrfc.SelfSigned()
	require.NoError(tb, err)
	srv := &gateway.Server{
		Handler: handler, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate, MaxPerAddress: -1,
		WebSocket: gateway.WebSocket{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Functions: []string{"*"}},
	}
	l, err := srv.Listen(tb.Context(), "127.0.0.1:0")
	require.NoError(tb, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeWebSocket(l)
	}()
	tb.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	cfg := wsrfc.Config{Client: "001", Language: "EN", User: "DEVELOPER", Password: "secret", Roots: roots}
	cfg.Host, cfg.Port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(tb, err)
	loaded, err := cfg.Load()
	require.NoError(tb, err)
	return *loaded, cert
}

func dialWeb(tb testing.TB, cfg wsrfc.Config, mux *rfc.Mux) *rfc.Conn {
	conv, err := wsrfc.Dial(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := rfc.Open(context.Background(), conv, rfc.ConnConfig{
		Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"}, Functions: mux,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return conn
}

// recorded is a client's socket whose bytes can be read back in clear text.
type recorded struct {
	net.Conn
	wrote []byte
}

func (r *recorded) Write(p []byte) (int, error) {
	r.wrote = append(r.wrote, p...)
	return r.Conn.Write(p)
}

// The request of spec 13 section 5 [capture]: 648 bytes, the classic record stream and nothing
// around it.
func TestCallOverWebSocketIsThatOfSpec13(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	srv := &gateway.Server{
		Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate,
		WebSocket: gateway.WebSocket{AllowPlain: true, Functions: []string{"*"}},
	}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.ServeWebSocket(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	var wire *recorded
	cfg := wsrfc.Config{User: "DEVELOPER", Password: "secret", Plain: true, AllowInsecureTLS: true}
	cfg.Host, cfg.Port, _ = net.SplitHostPort(l.Addr().String())
	cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
		wire = &recorded{Conn: nc}
		return wire, err
	}
	conn := dialWeb(t, cfg, mux)
	wire.wrote = nil
	out, err := rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{Text: "probe"})
	require.NoError(t, err)
	require.Equal(t, "probe", out.Echo)
	require.NoError(t, conn.Close())

	b := wire.wrote
	require.Equal(t, []byte{0x82, 0x80 | 126, 2, 0x88}, b[:4], "one masked binary frame of 648 bytes")
	key, payload := b[4:8], b[8:8+648]
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	for off, tag := range map[int]uint16{0: 0x0502, 6: 0x000b, 18: 0x0102, 54: 0x0512, 60: 0x0205, 82: 0x0205, 104: 0x0201, 126: 0x0203, 642: 0xffff} {
		require.Equal(t, tag, binary.BigEndian.Uint16(payload[off:]), "%d", off)
	}
	want := end(empty(chain.Call), textItem(chain.CallerRelease, "754"), textItem(chain.FunctionName, "STFC_CONNECTION"), empty(chain.Parameters),
		textItem(chain.RequestedName, "ECHOTEXT"), textItem(chain.RequestedName, "RESPTEXT"), value("REQUTEXT", le16(blank("probe", 255))))
	require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(payload))
}

// newTLSFloor is a ping-pong over TLS.
func newTLSFloor(tb testing.TB, cert tls.Certificate, roots *x509.CertPool, request, answer int) *floor {
	tb.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		buf, out := make([]byte, request), make([]byte, answer)
		for {
			if _, err := io.ReadFull(nc, buf); err != nil {
				return
			}
			if _, err := nc.Write(out); err != nil {
				return
			}
		}
	}()
	nc, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true}}).Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = nc.Close() })
	return &floor{nc: nc, out: make([]byte, request), in: make([]byte, answer)}
}

// tlsOverhead is what TLS 1.3 adds to a record: head, type and tag.
const tlsOverhead = 5 + 1 + 16

// G2: at most 1.30 times a TLS ping-pong of the same sizes. G3: at most 1.45 times the same call
// over CPIC; there x-floor is that ratio.
func BenchmarkCallSTFCWebSocket(b *testing.B) {
	mux := echoMux(b)
	cfg, cert := webServer(b, mux)
	conn := dialWeb(b, cfg, mux)
	defer func() { _ = conn.Close() }()
	in := &echoIn{Text: "saprfc_capture_test"}
	caller := func(b *testing.B, conn *rfc.Conn) func() {
		return func() {
			out, err := rfc.Call[echoOut](context.Background(), conn, "STFC_CONNECTION", in)
			if err != nil || out.Echo != in.Text {
				b.Fatal(out, err)
			}
		}
	}
	b.Run("ws", func(b *testing.B) {
		call := caller(b, conn)
		call()
		s0, r0, _ := conn.Traffic()
		call()
		s1, r1, _ := conn.Traffic()
		f := newTLSFloor(b, cert, cfg.Roots, int(s1-s0)-tlsOverhead, int(r1-r0)-tlsOverhead)
		paired(b, 100, call, func() { f.roundTrip(b) })
	})
	b.Run("ws-over-cpic", func(b *testing.B) {
		paired(b, 100, caller(b, conn), caller(b, open(b, mux, rfc.ConnConfig{})))
	})
}

// G28: at most 1.4 times a TLS handshake with an upgrade by net/http on both sides.
func BenchmarkOpenWebSocket(b *testing.B) {
	mux := echoMux(b)
	cfg, cert := webServer(b, mux)
	floor := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+strings.Repeat("x", 28)+"\r\n\r\n")
		_, _ = bufio.NewReader(nc).ReadByte() // until the client leaves
		_ = nc.Close()
	}))
	floor.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	floor.StartTLS()
	b.Cleanup(floor.Close)
	b.Run("ws", func(b *testing.B) {
		paired(b, 10, func() { _ = dialWeb(b, cfg, mux).Close() }, func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}}}
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, floor.URL, nil)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Sec-WebSocket-Version", "13")
			r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(make([]byte, 16)))
			r.SetBasicAuth("DEVELOPER", "secret")
			resp, err := client.Do(r)
			if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
				b.Fatal(resp, err)
			}
			_ = resp.Body.Close()
		})
	})
}

// G6 over WebSocket: what TLS and the library need comes on top of the typed call's own.
func TestTypedCallOverWebSocketAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget at random: allocations are counted without it")
	}
	mux := echoMux(t)
	cfg, _ := webServer(t, mux)
	conn := dialWeb(t, cfg, mux)
	defer func() { _ = conn.Close() }()
	in := &echoIn{Text: "hello"}
	n := testing.AllocsPerRun(2000, func() {
		if _, err := rfc.Call[echoOut](context.Background(), conn, "STFC_CONNECTION", in); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, n, 9.0)
}

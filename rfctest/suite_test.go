package rfctest_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/callsuite"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/wsrfc"
)

// connectProxy is an HTTP proxy that knows nothing but CONNECT; it returns its address and
// counts the tunnels.
func connectProxy(t testing.TB) (host, port string, tunnels func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	count := 0
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		group.Wait()
	})
	group.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer func() { _ = nc.Close() }()
				defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
				r, err := http.ReadRequest(bufio.NewReader(nc))
				if err != nil || r.Method != http.MethodConnect {
					return
				}
				if user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); user != "me" || password != "too" {
					_, _ = io.WriteString(nc, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
					return
				}
				out, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Host)
				if err != nil {
					_, _ = io.WriteString(nc, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
					return
				}
				mu.Lock()
				count++
				mu.Unlock()
				_, _ = io.WriteString(nc, "HTTP/1.1 200 Connection established\r\n\r\n")
				group.Go(func() {
					_, _ = io.Copy(out, nc)
					_ = out.Close()
				})
				_, _ = io.Copy(nc, out)
			})
		}
	})
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// The same calls over every road.
func TestCallSuite(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithWebSocket())
	road := func(dial func(ctx context.Context) (*rfc.Conn, error)) func(t testing.TB) *rfc.Conn {
		return func(t testing.TB) *rfc.Conn {
			t.Helper()
			conn, err := dial(t.Context())
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
	}
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		callsuite.Run(t, road(sys.Connect))
	})
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		callsuite.Run(t, road(sys.ConnectWebSocket))
	})
	t.Run("websocket in many messages", func(t *testing.T) {
		t.Parallel()
		split := start(t, rfctest.WithWebSocket(), rfctest.WithServer(splitAt(777)))
		cfg := split.WebSocketConfig()
		cfg.Split = 1111
		callsuite.Run(t, road(func(ctx context.Context) (*rfc.Conn, error) { return split.DialWebSocket(ctx, cfg, rfc.ConnConfig{}) }))
	})
	t.Run("websocket through CONNECT", func(t *testing.T) {
		t.Parallel()
		host, port, tunnels := connectProxy(t)
		cfg := sys.WebSocketConfig()
		cfg.Proxy = wsrfc.Proxy{Host: host, Port: port, User: "me", Password: "too"}
		callsuite.Run(t, road(func(ctx context.Context) (*rfc.Conn, error) { return sys.DialWebSocket(ctx, cfg, rfc.ConnConfig{}) }))
		require.Positive(t, tunnels())
		cfg.Proxy.Password = "wrong"
		_, err := sys.DialWebSocket(t.Context(), cfg, rfc.ConnConfig{})
		require.ErrorIs(t, err, rfc.ErrSecurity)
		require.NotContains(t, err.Error(), "wrong")
	})
}

func splitAt(n int64) func(*gateway.Server) {
	return func(s *gateway.Server) { s.WebSocket.Split = n }
}

package destination_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/wsrfc"
)

// speaking is a listener that says something to everybody, or does what serve says.
func speaking(t *testing.T, serve func(nc net.Conn)) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer nc.Close()
				_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
				serve(nc)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port
}

// banner says something at once and reads the rest, so that nothing is reset.
func banner(text string) func(net.Conn) {
	return func(nc net.Conn) {
		_, _ = io.WriteString(nc, text)
		_, _ = io.Copy(io.Discard, nc)
	}
}

// answer waits for something first.
func answer(text string) func(net.Conn) {
	return func(nc net.Conn) {
		_, _ = nc.Read(make([]byte, 1))
		banner(text)(nc)
	}
}

// upgrades is an HTTPS server that answers every upgrade with the same words, and counts them.
func upgrades(t *testing.T, w *landscape, text string, asked *atomic.Int64) (host, port string, roots *x509.CertPool) {
	t.Helper()
	cert, roots, err := wsrfc.SelfSigned()
	require.NoError(t, err)
	host, port = speaking(t, func(nc net.Conn) {
		c := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		asked.Add(1)
		_, _ = io.WriteString(c, text)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
	})
	return host, port, roots
}

// tokens is a TokenSource that fails, or that has several tokens.
type tokens struct {
	list   []string
	err    error
	asked  atomic.Int64
	forgot atomic.Int64
}

func (s *tokens) Token(ctx context.Context) (string, error) {
	n := s.asked.Add(1) - 1
	if s.err != nil {
		return "", s.err
	}
	if len(s.list) == 0 {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	return s.list[min(int(n), len(s.list)-1)], nil
}

func (s *tokens) Forget(string) { s.forgot.Add(1) }

// TestFaultsOfRoads breaks every road at each of its steps. The error names step and side, tells
// no secret, nobody logs on twice, and nothing is left running. The test is not parallel: it counts
// goroutines.
func TestFaultsOfRoads(t *testing.T) { //nolint:paralleltest // see above
	var asked atomic.Int64
	stranger := wsrfcRoots(t)
	upgraded := func(text string) func(*testing.T, *landscape, *destination.Config) {
		return func(t *testing.T, w *landscape, c *destination.Config) {
			c.WebSocket.Host, c.WebSocket.Port, c.WebSocket.Roots = upgrades(t, w, text, &asked)
		}
	}
	foreignGateway := func(serve func(net.Conn)) func(*testing.T, *landscape, *destination.Config) {
		return func(t *testing.T, _ *landscape, c *destination.Config) {
			c.Gateway, c.GatewayService = speaking(t, serve)
		}
	}
	foreignBehind := func(serve func(net.Conn)) func(*testing.T, *landscape, *destination.Config) {
		return func(t *testing.T, w *landscape, c *destination.Config) {
			host, port := speaking(t, serve)
			w.bridge.Locations[locationKanary]["sales.virtual:3342"] = net.JoinHostPort(host, port)
		}
	}
	foreignWeb := func(serve func(net.Conn)) func(*testing.T, *landscape, *destination.Config) {
		return func(t *testing.T, _ *landscape, c *destination.Config) {
			c.WebSocket.Host, c.WebSocket.Port = speaking(t, serve)
		}
	}
	foreignProxy := func(serve func(net.Conn)) func(*testing.T, *landscape, *destination.Config) {
		return func(t *testing.T, _ *landscape, c *destination.Config) {
			c.Tunnel.Host, c.Tunnel.Port = speaking(t, serve)
		}
	}
	for _, tc := range []struct {
		id, road string
		change   func(t *testing.T, w *landscape, c *destination.Config)
		step     rfc.Step
		class    rfc.Class
		words    []string
		logons   int64 // attempts, refused or not
	}{
		{"F-08 proxy down", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Tunnel.Port = "1" }, rfc.StepTCP, rfc.ClassCommunication, []string{"the proxy of the tunnel", "127.0.0.1:1"}, 0},
		{"F-09 method refused", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.Tunnel.Token, c.Tunnel.Trusted, c.Tunnel.Location = "", true, ""
		}, rfc.StepProxy, rfc.ClassSecurity, []string{"SOCKS5 proxy", "greeting", "go.proxy.auth = jwt"}, 0},
		{"F-10 token expired", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Tunnel.Token = "old." + tokenKanary }, rfc.StepProxy, rfc.ClassLogon, []string{"authentication", "refused the token", "expired"}, 0},
		{"F-10 token expired, told late", "SOCKS5", func(_ *testing.T, w *landscape, c *destination.Config) {
			c.Tunnel.Token = "old." + tokenKanary
			w.bridge.LateRefusal = true
		}, rfc.StepProxy, rfc.ClassLogon, []string{"connect", "accepts no such token", "reply 5"}, 0},
		{"F-10 every token expired", "SOCKS5", func(t *testing.T, w *landscape, c *destination.Config) {
			s := &tokens{list: []string{"a." + tokenKanary, "b." + tokenKanary, tokenKanary}}
			c.Tunnel.Token, c.Tunnel.Tokens = "", s
			t.Cleanup(func() {
				require.EqualValues(t, 2, w.bridge.Stats().Refused, "one more attempt, no third")
				require.EqualValues(t, 1, s.forgot.Load())
			})
		}, rfc.StepProxy, rfc.ClassLogon, []string{"refused the token"}, 0},
		{"F-11 no answer but the end", "SOCKS5", func(_ *testing.T, w *landscape, _ *destination.Config) {
			w.bridge.Answer = func(p proxy.Phase, answer []byte) []byte {
				if p == proxy.PhaseConnect {
					return nil
				}
				return answer
			}
		}, rfc.StepProxy, rfc.ClassCommunication, []string{"connect", "closed the connection in place of an answer"}, 0},
		{"F-12 denied mapping", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Gateway = "hr.virtual" }, rfc.StepProxy, rfc.ClassCommunication, []string{"hr.virtual:3342", "access control", "reply 2"}, 0},
		{"F-12 wrong location", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Tunnel.Location = "elsewhere-l0cKanarY" }, rfc.StepProxy, rfc.ClassCommunication, []string{"location id", "reply 3"}, 0},
		{"F-12 back end down", "SOCKS5", func(_ *testing.T, w *landscape, _ *destination.Config) {
			w.bridge.Locations[locationKanary]["sales.virtual:3342"] = "127.0.0.1:1"
		}, rfc.StepProxy, rfc.ClassCommunication, []string{"does not reach the back end", "reply 4"}, 0},
		{"F-13 token service fails", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.Tunnel.Token, c.Tunnel.Tokens = "", &tokens{err: errors.New("token service: HTTP 500")}
		}, rfc.StepProxy, rfc.ClassCommunication, []string{"no token for the proxy", "HTTP 500"}, 0},
		{"F-13 token service hangs", "SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.Tunnel.Token, c.Tunnel.Tokens, c.DialTimeout = "", new(tokens), -1
		}, destination.StepPool, rfc.ClassTimeout, []string{"while a connection was being opened"}, 0},
		{"mapping of a group missing", "group through SOCKS5", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.Tunnel.HostMap = map[string]string{"10.1.1.1:3300": "sales.virtual:3342"}
		}, rfc.StepMessageServer, rfc.ClassCommunication, []string{"for which go.tunnel.hostmap has no virtual host and port", "127.0.0.1:"}, 0},
		{"B-123 SOCKS4", "SOCKS5", foreignProxy(answer("\x00\x5a\x00\x00\x00\x00\x00\x00")), rfc.StepProxy, rfc.ClassProtocol, []string{"want 05", "00 5a"}, 0},
		{"B-123 unknown address type", "SOCKS5", func(_ *testing.T, w *landscape, _ *destination.Config) {
			w.bridge.Answer = func(p proxy.Phase, answer []byte) []byte {
				if p == proxy.PhaseConnect {
					answer[3] = 9
				}
				return answer
			}
		}, rfc.StepProxy, rfc.ClassProtocol, []string{"address of type"}, 0},
		{"B-123 name of 255 bytes, cut", "SOCKS5", func(_ *testing.T, w *landscape, _ *destination.Config) {
			w.bridge.Dial = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				_ = far.Close()
				return near, nil
			}
			w.bridge.Answer = func(p proxy.Phase, answer []byte) []byte {
				if p == proxy.PhaseConnect {
					return append([]byte{5, 0, 0, 3, 255}, "short"...)
				}
				return answer
			}
		}, rfc.StepProxy, rfc.ClassCommunication, []string{"cut off"}, 0},
		{"F-22 HTTP where a proxy was expected", "SOCKS5", foreignProxy(answer("HTTP/1.1 400 Bad Request\r\n\r\n")), rfc.StepProxy, rfc.ClassProtocol, []string{"speaks HTTP"}, 0},
		{"F-22 SSH where a proxy was expected", "SOCKS5", foreignProxy(banner("SSH-2.0-OpenSSH_9.6\r\n")), rfc.StepProxy, rfc.ClassProtocol, []string{"speaks SSH"}, 0},
		{"F-22 HTTP on the RFC port", "direct", foreignGateway(answer("HTTP/1.1 400 Bad Request\r\n\r\n")), rfc.StepNI, rfc.ClassProtocol, []string{"speaks HTTP", "33NN"}, 0},
		{"F-22 TLS on the RFC port", "direct", foreignGateway(answer("\x15\x03\x01\x00\x02\x02\x46")), rfc.StepNI, rfc.ClassProtocol, []string{"speaks TLS", "33NN"}, 0},
		{"F-22 SSH on the RFC port", "direct", foreignGateway(banner("SSH-2.0-OpenSSH_9.6\r\n")), rfc.StepNI, rfc.ClassProtocol, []string{"speaks SSH", "33NN"}, 0},
		{"F-22 HTTP behind the tunnel", "SOCKS5", foreignBehind(answer("HTTP/1.1 400 Bad Request\r\n\r\n")), rfc.StepNI, rfc.ClassProtocol, []string{"speaks HTTP"}, 0},
		{"F-22 SSH behind the tunnel", "SOCKS5", foreignBehind(banner("SSH-2.0-OpenSSH_9.6\r\n")), rfc.StepNI, rfc.ClassProtocol, []string{"speaks SSH"}, 0},
		{"F-22 a gateway on the WebSocket port", "WebSocket", func(_ *testing.T, w *landscape, c *destination.Config) {
			c.WebSocket.Host, c.WebSocket.Port = w.sys.Addr()
		}, rfc.StepTLS, rfc.ClassProtocol, []string{"speaks SAP NI", "HTTPS port of the ICM"}, 0},
		{"F-22 HTTP on the WebSocket port", "WebSocket", foreignWeb(answer("HTTP/1.1 400 Bad Request\r\n\r\n")), rfc.StepTLS, rfc.ClassProtocol, []string{"speaks HTTP", "HTTPS port"}, 0},
		{"F-22 SSH on the WebSocket port", "WebSocket", foreignWeb(banner("SSH-2.0-OpenSSH_9.6\r\n")), rfc.StepTLS, rfc.ClassProtocol, []string{"speaks SSH"}, 0},
		{"F-14 route denied", "two routers", func(_ *testing.T, _ *landscape, c *destination.Config) { c.ApplicationServer = "app.elsewhere" }, rfc.StepRoute, rfc.ClassDenied, []string{"hop 3", "app.elsewhere", "permission denied"}, 0},
		{"F-14 wrong password of a route", "one router", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.SAProuter = saprouter.RouteString(strings.Replace(c.SAProuter.Reveal(), "/W/", "/W/x", 1))
		}, rfc.StepRoute, rfc.ClassDenied, []string{"hop 2", "password"}, 0},
		{"F-18 message server down", "group", func(_ *testing.T, _ *landscape, c *destination.Config) { c.MessageService = "1" }, rfc.StepMessageServer, rfc.ClassCommunication, []string{"127.0.0.1:1"}, 0},
		{"F-19 unknown group", "group", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Group = "NOSUCH" }, rfc.StepMessageServer, rfc.ClassConfig, []string{"NOSUCH"}, 0},
		{"F-20 dead server", "group", func(_ *testing.T, w *landscape, _ *destination.Config) {
			_ = w.ms.Set(msgserver.Landscape{Instances: []msgserver.Instance{{Name: "a", Host: "127.0.0.1", Port: 65000}}, Groups: map[string][]string{"PUBLIC": {"a"}}})
		}, rfc.StepTCP, rfc.ClassCommunication, []string{"PUBLIC", "127.0.0.1:65100"}, 0},
		{"F-27 unknown authority", "WebSocket", func(_ *testing.T, _ *landscape, c *destination.Config) { c.WebSocket.Roots = stranger }, rfc.StepTLS, rfc.ClassSecurity, []string{"not trusted", "trust store"}, 0},
		{"F-27 another name", "WebSocket", func(_ *testing.T, w *landscape, c *destination.Config) {
			c.WebSocket.Host = "other.example.com"
			c.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, w.sys.WebSocketAddress())
			}
		}, rfc.StepTLS, rfc.ClassSecurity, []string{"not for other.example.com"}, 0},
		{"F-28 only old TLS", "WebSocket", func(t *testing.T, _ *landscape, c *destination.Config) {
			cert, roots, err := wsrfc.SelfSigned()
			require.NoError(t, err)
			c.WebSocket.Roots = roots
			c.WebSocket.Host, c.WebSocket.Port = speaking(t, func(nc net.Conn) {
				_ = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
			})
		}, rfc.StepTLS, rfc.ClassSecurity, []string{"version"}, 0},
		{"F-30 hung up in the handshake", "WebSocket", foreignWeb(func(nc net.Conn) { _, _ = nc.Read(make([]byte, 1)) }), rfc.StepTLS, rfc.ClassCommunication, []string{"TLS handshake"}, 0},
		{"F-31 401", "WebSocket", upgraded("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), rfc.StepUpgrade, rfc.ClassLogon, []string{"HTTP 401"}, 1},
		{"F-31 403", "WebSocket", upgraded("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), rfc.StepUpgrade, rfc.ClassDenied, []string{"HTTP 403"}, 1},
		{"F-31 404", "WebSocket", upgraded("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), rfc.StepUpgrade, rfc.ClassCommunication, []string{"HTTP 404"}, 1},
		{"F-31 502", "WebSocket", upgraded("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), rfc.StepUpgrade, rfc.ClassCommunication, []string{"HTTP 502"}, 1},
		{"F-31 redirected elsewhere", "WebSocket", upgraded("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.com/\r\nContent-Length: 0\r\n\r\n"), rfc.StepUpgrade, rfc.ClassCommunication, []string{"redirects", "HTTP 302"}, 1},
		{"F-32 wrong accept", "WebSocket", upgraded("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"), rfc.StepUpgrade, rfc.ClassProtocol, []string{"Sec-WebSocket-Accept"}, 1},
		{"B-124 twice the same header", "WebSocket", upgraded("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), rfc.StepUpgrade, rfc.ClassProtocol, []string{"Upgrade", "once"}, 1},
		{"B-124 a header of a megabyte", "WebSocket", upgraded("HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), rfc.StepUpgrade, rfc.ClassLimit, []string{"at most"}, 1},
		{"wrong password over WebSocket", "WebSocket", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Password = "wr0ngKanarY" }, rfc.StepUpgrade, rfc.ClassLogon, []string{"HTTP 401"}, 1},
		{"bearer token that nobody takes", "WebSocket", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.User, c.Password, c.WebSocket.BearerToken = "", "", tokenKanary
		}, rfc.StepUpgrade, rfc.ClassLogon, []string{"HTTP 401"}, 1},
		{"bearer token that cannot be sent", "WebSocket", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.User, c.Password, c.WebSocket.BearerToken = "", "", "two "+tokenKanary
		}, rfc.StepUpgrade, rfc.ClassLogon, []string{"bearer token", "characters"}, 0},
		{"header with a line break", "WebSocket", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.WebSocket.Headers = func(context.Context) (http.Header, error) { return nil, errors.New("no header today") }
		}, rfc.StepUpgrade, rfc.ClassLogon, []string{"no header today"}, 0},
		{"web proxy down", "WebSocket through CONNECT", func(_ *testing.T, _ *landscape, c *destination.Config) { c.WebSocket.Proxy.Port = "1" }, rfc.StepTCP, rfc.ClassCommunication, []string{"127.0.0.1:1"}, 0},
		{"web proxy wants another password", "WebSocket through CONNECT", func(_ *testing.T, _ *landscape, c *destination.Config) {
			c.WebSocket.Proxy.Password = "x" + webPassword
		}, rfc.StepProxy, rfc.ClassSecurity, []string{"proxy_user", "HTTP 407"}, 0},
		{"web proxy forbids the target", "WebSocket through CONNECT", func(_ *testing.T, w *landscape, c *destination.Config) {
			c.WebSocket.Host = "forbidden.example.com"
		}, rfc.StepProxy, rfc.ClassDenied, []string{"forbidden.example.com", "HTTP 403"}, 0},
		{"HTTP proxy wants another password", "HTTP proxy", func(_ *testing.T, _ *landscape, c *destination.Config) { c.Tunnel.Password = "x" + webPassword }, rfc.StepProxy, rfc.ClassSecurity, []string{"HTTP 407"}, 0},
		{"HTTP proxy forbids the target", "HTTP proxy", func(_ *testing.T, _ *landscape, c *destination.Config) { c.ApplicationServer = "forbidden.example.com" }, rfc.StepProxy, rfc.ClassDenied, []string{"HTTP 403"}, 0},
	} {
		t.Run(tc.id, func(t *testing.T) {
			w := newLandscape(t)
			cfg := w.config(tc.road)
			var log strings.Builder
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			tc.change(t, w, &cfg)
			ctx := t.Context()
			if cfg.DialTimeout < 0 { // there is no other end
				cfg.DialTimeout = 0
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			d, err := destination.New(cfg)
			require.NoError(t, err)
			asked.Store(0)
			before := runtime.NumGoroutine()
			_, err = d.Call(ctx, "RFC_PING", nil)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{tc.step, tc.class, rfc.NotSent}, []any{e.Step, e.Class, e.Outcome}, "%v", err)
			for _, words := range tc.words {
				require.ErrorContains(t, err, words)
			}
			for _, canary := range []string{"KanarY", "kAnarY"} {
				silent(t, canary, err, e)
				require.NotContains(t, log.String(), canary)
				require.NotContains(t, fmt.Sprintf("%+v", e), canary)
			}
			stats := w.sys.Server().Stats()
			require.LessOrEqual(t, asked.Load()+stats.Logons+stats.Failed, tc.logons, "attempts to log on")
			require.NoError(t, d.Close(context.Background()))
			for give := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
				if time.Now().After(give) {
					stacks := make([]byte, 1<<20)
					t.Fatalf("goroutines are left: %s", stacks[:runtime.Stack(stacks, true)])
				}
			}
		})
	}
}

func wsrfcRoots(t *testing.T) *x509.CertPool {
	t.Helper()
	_, pool, err := wsrfc.SelfSigned("elsewhere.example.com")
	require.NoError(t, err)
	return pool
}

// F-117: what is not on the allow list of the system is refused with its text; the connection ends
// with it, as with every short dump, and the next call has another one.
func TestF117NotOnTheAllowList(t *testing.T) {
	t.Parallel()
	w := newLandscape(t, rfctest.WithServer(func(s *gateway.Server) { s.WebSocket.Functions = []string{"STFC_*", "RFC_METADATA_GET"} }))
	d, err := destination.New(w.config("WebSocket"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	_, err = d.Call(t.Context(), "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "T000"})
	require.ErrorIs(t, err, rfc.ErrDenied)
	require.ErrorContains(t, err, "RFC_READ_TABLE is not on the allow list")
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	require.EqualValues(t, 2, d.Stats().Opened)
}

// deaf is a connection whose other side has gone while the tunnel keeps ours open: what comes
// back is never an end.
type deaf struct {
	net.Conn
	gone <-chan struct{}
	shut chan struct{}
	once sync.Once
}

func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	<-d.shut
	return 0, net.ErrClosed
}

func (d *deaf) Write(p []byte) (int, error) {
	select {
	case <-d.gone:
		return len(p), nil
	default:
		return d.Conn.Write(p)
	}
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.shut) })
	return d.Conn.Close()
}

// F-116: a tunnel that stays open although the back end is gone. Pings notice it while an answer
// is awaited, the deadline of the call without them; the outcome is unknown, the connection of no
// use, and the next call gets a new one.
func TestF116HalfDeadTunnel(t *testing.T) {
	t.Parallel()
	for _, pings := range []bool{true, false} {
		t.Run(fmt.Sprint("pings ", pings), func(t *testing.T) {
			t.Parallel()
			w := newLandscape(t)
			gone := make(chan struct{})
			var first atomic.Bool
			w.bridge.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				nc, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil || first.Swap(true) {
					return nc, err
				}
				return &deaf{Conn: nc, gone: gone, shut: make(chan struct{})}, nil
			}
			cfg := w.config("SOCKS5")
			if pings {
				cfg.KeepAlive = 1500 * time.Millisecond // longer than a busy machine stalls
			}
			d, err := destination.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
			_, err = d.Call(t.Context(), "RFC_PING", nil)
			require.NoError(t, err)
			close(gone)
			ctx := t.Context()
			if !pings {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			_, err = d.Call(ctx, "RFC_PING", nil)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{rfc.ClassTimeout, rfc.Unknown}, []any{e.Class, e.Outcome}, "%v", err)
			_, err = d.Call(t.Context(), "RFC_PING", nil)
			require.NoError(t, err)
			require.EqualValues(t, 2, d.Stats().Opened)
		})
	}
}

// F-118: a slow server of three gets less and less to do, and nobody waits for it who does not
// have to.
func TestF118SlowServerOfAGroup(t *testing.T) {
	t.Parallel()
	s := hostsOf(t, 3)
	release := make(chan struct{})
	entered := make(chan struct{}, 3)
	s.list[0].Intercept("STFC_CONNECTION", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			entered <- struct{}{}
			<-release
			return next(ctx, req, reply)
		}
	})
	ms := new(msgserver.Server)
	setLandscape(t, ms, s.instances...)
	cfg := s.config(messages(t, ms))
	cfg.Pool.Capacity, cfg.Pool.PeakLimit = new(6), new(6)
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	require.NoError(t, d.Warm(t.Context(), 6))
	require.Equal(t, 2, s.list[0].Server().Stats().Open)
	var stuck sync.WaitGroup
	call := func() {
		_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		if err != nil {
			t.Error(err)
		}
	}
	_, err = d.Repository(t.Context())
	require.NoError(t, err)
	// Callers until both connections of the slow server are busy.
	for range 6 {
		stuck.Go(call)
	}
	<-entered
	<-entered
	for range 50 {
		call() // over the others; none of them waits
	}
	require.EqualValues(t, 2, s.list[0].Calls("STFC_CONNECTION"))
	require.Greater(t, s.list[1].Calls("STFC_CONNECTION")+s.list[2].Calls("STFC_CONNECTION"), int64(50))
	close(release)
	stuck.Wait()
}

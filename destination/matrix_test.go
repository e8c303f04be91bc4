package destination_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/callsuite"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/wsrfc"
)

// What must never come out.
const (
	tokenKanary    = "eyJhbGciOi.eyJzdWIi.t0kenKanarY"
	webPassword    = "w3bKanarY"
	locationKanary = "plant-l0cKanarY"
)

// proxied starts a proxy until the test ends.
func proxied(t testing.TB, srv *proxy.Server) (host, port string) {
	t.Helper()
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-done, proxy.ErrServerClosed)
	})
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port
}

// landscape has one system behind everything there is.
type landscape struct {
	sys *rfctest.System
	// roads change the settings of a direct connection.
	roads map[string]func(c *destination.Config)
	// bridge is the Cloud Connector, web the HTTP proxy, ms the message server.
	bridge, web *proxy.Server
	ms          *msgserver.Server
}

func newLandscape(t *testing.T, opts ...rfctest.Option) *landscape {
	t.Helper()
	w := &landscape{ms: new(msgserver.Server)}
	w.sys = rfctest.NewSystem(t, append([]rfctest.Option{rfctest.WithWebSocket(), rfctest.WithServer(func(s *gateway.Server) {
		s.KnownHosts = []string{"127.0.0.1", "app.inside", "10.9.9.9"}
	})}, opts...)...)
	host, port := w.sys.Addr()
	setLandscape(t, w.ms, instance(t, "app1", w.sys.Address()))
	msPort := messages(t, w.ms)
	hosts := map[string]string{"127.0.0.1": "127.0.0.1", "app.inside": host}
	second := router(t, hosts, "P*,0 127.0.0.1 app.inside * "+routePassword)
	first := router(t, hosts, "P 127.0.0.1 127.0.0.1 * "+routePassword)
	one := router(t, hosts, "S * * * "+routePassword)
	w.bridge = &proxy.Server{
		Authenticate: func(token string) error {
			if token != tokenKanary {
				return net.ErrClosed
			}
			return nil
		},
		Locations: map[string]proxy.Mappings{locationKanary: {"sales.virtual:3342": w.sys.Address(), "ms.virtual:3600": "127.0.0.1:" + msPort}},
	}
	bridgeHost, bridgePort := proxied(t, w.bridge)
	w.web = &proxy.Server{Protocol: proxy.HTTPConnect, Users: map[string]proxy.Secret{"web": webPassword}, Locations: map[string]proxy.Mappings{
		"": {w.sys.WebSocketAddress(): "", "app.inside:" + port: w.sys.Address()},
	}}
	webHost, webPort := proxied(t, w.web)
	ws := w.sys.WebSocketConfig()
	webSocket := func(c *destination.Config) {
		c.ApplicationServer, c.SystemNumber, c.GatewayService = "", "", ""
		c.WebSocket = destination.WebSocketConfig{Host: ws.Host, Port: ws.Port, Roots: ws.Roots}
	}
	tunnel := func(c *destination.Config) {
		c.ProxyType = destination.OnPremise
		c.Tunnel = destination.TunnelConfig{Host: bridgeHost, Port: bridgePort, Token: tokenKanary, Location: locationKanary}
	}
	w.roads = map[string]func(c *destination.Config){
		"direct":     func(*destination.Config) {},
		"one router": func(c *destination.Config) { c.SAProuter = saprouter.RouteString(one) },
		"two routers": func(c *destination.Config) {
			c.ApplicationServer, c.SAProuter = "app.inside", saprouter.RouteString(first+second)
		},
		"group": func(c *destination.Config) {
			c.ApplicationServer, c.SystemNumber, c.GatewayService = "", "", ""
			c.MessageServer, c.MessageService = "127.0.0.1", msPort
		},
		"SOCKS5": func(c *destination.Config) {
			tunnel(c)
			c.Gateway, c.GatewayService, c.ApplicationServer = "sales.virtual", "3342", "app.inside"
		},
		"SOCKS5 with a destination of the RFC proxy": func(c *destination.Config) {
			tunnel(c)
			c.ApplicationServer, c.SystemNumber, c.GatewayService = "sales.virtual", "00", ""
			c.Tunnel.VirtualPort, c.Tunnel.PartnerHost = "3342", "10.9.9.9"
		},
		"group through SOCKS5": func(c *destination.Config) {
			tunnel(c)
			c.ApplicationServer, c.SystemNumber, c.GatewayService = "", "", ""
			c.MessageServer, c.MessageService = "ms.virtual", "3600"
			c.Tunnel.HostMap = map[string]string{w.sys.Address(): "sales.virtual:3342"}
		},
		"HTTP proxy": func(c *destination.Config) {
			c.ApplicationServer = "app.inside"
			c.Tunnel = destination.TunnelConfig{Kind: destination.HTTPConnect, Host: webHost, Port: webPort, User: "web", Password: webPassword}
		},
		"WebSocket": webSocket,
		"WebSocket through CONNECT": func(c *destination.Config) {
			webSocket(c)
			c.WebSocket.Proxy = wsrfc.Proxy{Host: webHost, Port: webPort, User: "web", Password: webPassword}
		},
	}
	return w
}

// config are the settings of a road.
func (w *landscape) config(road string) destination.Config {
	cfg := w.sys.Config()
	w.roads[road](&cfg)
	return cfg
}

// roadSteps are those in front of the conversation.
var roadSteps = map[string]string{
	"direct":      "dns tcp ni gateway logon",
	"one router":  "dns tcp route ni gateway logon",
	"two routers": "dns tcp route ni gateway logon",
	"group":       "message server dns tcp ni gateway logon",
	"SOCKS5":      "dns tcp proxy ni gateway logon",
	"SOCKS5 with a destination of the RFC proxy": "dns tcp proxy ni gateway logon",
	"group through SOCKS5":                       "message server dns tcp proxy ni gateway logon",
	"HTTP proxy":                                 "dns tcp proxy ni gateway logon",
	"WebSocket":                                  "dns tcp tls upgrade logon",
	"WebSocket through CONNECT":                  "dns tcp proxy tls upgrade logon",
}

// TestEveryRoadCarriesTheSameCalls is the matrix: one suite, every road, through a destination.
func TestEveryRoadCarriesTheSameCalls(t *testing.T) {
	t.Parallel()
	w := newLandscape(t)
	for road := range w.roads {
		t.Run(road, func(t *testing.T) {
			t.Parallel()
			cfg := w.config(road)
			require.NoError(t, cfg.Validate())
			for _, canary := range []string{routePassword, tokenKanary, webPassword, string(cfg.Password)} {
				silent(t, canary, cfg, &cfg)
			}
			callsuite.Run(t, func(t testing.TB) *rfc.Conn {
				ctx, trace := steps(t.Context())
				conn, err := destination.Dial(ctx, cfg)
				require.NoError(t, err)
				t.Cleanup(func() { _ = conn.Close() })
				require.Equal(t, roadSteps[road], finished(*trace))
				return conn
			})

			// The same through a pool, which looks at idle connections and exchanges dead ones.
			d, err := destination.New(cfg)
			require.NoError(t, err)
			for range 3 {
				out, err := rfc.Call[echoOut](t.Context(), d, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "pooled"})
				require.NoError(t, err)
				require.Equal(t, "pooled", out.Text)
			}
			require.EqualValues(t, 1, d.Stats().Opened)
			require.NoError(t, d.Close(context.Background()))
		})
	}
}

type echoOut struct {
	Text string `rfc:"ECHOTEXT"`
}

// finished are the steps of a trace that worked, in order.
func finished(trace []string) string {
	var list []string
	for _, line := range trace {
		if step, ok := strings.CutPrefix(line, "done "); ok {
			list = append(list, strings.TrimSuffix(step, " true"))
		}
	}
	return strings.Join(list, " ")
}

// Round trips to open: CPIC 5, WebSocket 4, three more through SOCKS5, two through it in trusted
// mode, one through CONNECT. Counted, not timed.
func TestRoundTripsOfProxiesAndWebSockets(t *testing.T) {
	t.Parallel()
	w := newLandscape(t)
	var c counting
	open := func(road string, change ...func(*destination.Config)) int64 {
		cfg := w.config(road)
		cfg.DialContext = c.dial
		for _, f := range change {
			f(&cfg)
		}
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		n := c.take()
		require.NoError(t, conn.Close())
		c.take()
		return n
	}
	require.EqualValues(t, 5, open("direct"))
	require.EqualValues(t, 4, open("WebSocket"), "TCP, TLS 1.3, upgrade, logon")
	require.EqualValues(t, 8, open("SOCKS5"), "greeting, token, CONNECT")
	require.EqualValues(t, 5, open("WebSocket through CONNECT"))
	require.EqualValues(t, 6, open("HTTP proxy"))
	trusted := &proxy.Server{Locations: map[string]proxy.Mappings{"": {"sales.virtual:3342": w.sys.Address()}}}
	host, port := proxied(t, trusted)
	require.EqualValues(t, 7, open("SOCKS5", func(c *destination.Config) {
		c.Tunnel = destination.TunnelConfig{Host: host, Port: port, Trusted: true}
	}))
}

// A virtual name in the records is refused by the gateway, which cannot look it up (spec 14
// section 2.1 [capture]).
func TestPartnerHostIsNotTheDialledOne(t *testing.T) {
	t.Parallel()
	w := newLandscape(t)
	cfg := w.config("SOCKS5 with a destination of the RFC proxy")
	cfg.Name, cfg.Tunnel.PartnerHost = "ABC", ""
	_, err := destination.Dial(t.Context(), cfg)
	failed(t, err, rfc.StepGateway, rfc.ClassCommunication)
	require.ErrorContains(t, err, "hostname 'sales.virtual' unknown")
	require.Zero(t, w.sys.Server().Stats().Failed, "nobody tried to log on")
}

// B-36, F-27: what switches checks off is logged for each connection, and works.
func TestInsecureTLSIsLoggedForEachConnection(t *testing.T) {
	t.Parallel()
	w := newLandscape(t)
	cfg := w.config("WebSocket")
	cfg.WebSocket.Roots, cfg.WebSocket.TrustAll = nil, true
	_, err := destination.New(cfg)
	require.ErrorContains(t, err, "needs Options.AllowInsecureTLS")
	cfg.WebSocket.AllowInsecureTLS = true
	var log lockedLog
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for i := range 2 {
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Equal(t, i+1, strings.Count(log.String(), "tls_trust_all"))
	}
}

type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// elsewhere is a connection whose other end has a public address.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 20004}
}

// The token travels in clear text: a proxy at a public address is worth a warning, others not.
func TestTokenToAPublicProxyIsWarnedOf(t *testing.T) {
	t.Parallel()
	w := newLandscape(t)
	for _, public := range []bool{false, true} {
		cfg := w.config("SOCKS5")
		var log lockedLog
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if public && err == nil {
				nc = elsewhere{nc}
			}
			return nc, err
		}
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Equal(t, public, strings.Contains(log.String(), "clear text to a public address"), log.String())
		require.NotContains(t, log.String(), "KanarY")
	}
}

// B-37: stores that cannot be used are an error of the settings, when the destination is made.
func TestB37StoresOfADestination(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine, _ := certificate(t, "me", x509.ExtKeyUsageClientAuth)
	other, _ := certificate(t, "other", x509.ExtKeyUsageClientAuth)
	certOnly, rest, _ := strings.Cut(string(mine), "-----BEGIN PRIVATE KEY")
	_, otherKey, _ := strings.Cut(string(other), "-----BEGIN PRIVATE KEY")
	_ = rest
	for name, text := range map[string]string{
		"alone.pem": certOnly, "mixed.pem": certOnly + "-----BEGIN PRIVATE KEY" + otherKey, "garbage.p12": "KanarY", "java.jks": "\xfe\xed\xfe\xed",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	w := newLandscape(t)
	for name, tc := range map[string]struct {
		change func(c *destination.WebSocketConfig)
		want   string
	}{
		"missing":       {func(c *destination.WebSocketConfig) { c.KeyStore.File = filepath.Join(dir, "nowhere.pem") }, "no such file"},
		"no key":        {func(c *destination.WebSocketConfig) { c.KeyStore.File = filepath.Join(dir, "alone.pem") }, "there is no key"},
		"another key":   {func(c *destination.WebSocketConfig) { c.KeyStore.File = filepath.Join(dir, "mixed.pem") }, "do not belong together"},
		"garbage":       {func(c *destination.WebSocketConfig) { c.P12.File = filepath.Join(dir, "garbage.p12") }, "neither PEM nor PKCS#12"},
		"JKS":           {func(c *destination.WebSocketConfig) { c.TrustStore.File = filepath.Join(dir, "java.jks") }, "keytool"},
		"two sources":   {func(c *destination.WebSocketConfig) { c.BearerToken, c.Tokens = "a", proxy.Secret("b") }, "exactly one of them"},
		"bad proxy":     {func(c *destination.WebSocketConfig) { c.Proxy = wsrfc.Proxy{Host: "p", Port: "0"} }, "port 1-65535"},
		"trust garbage": {func(c *destination.WebSocketConfig) { c.TrustStore.Data = []byte("KanarY") }, "neither PEM nor PKCS#12"},
	} {
		cfg := w.config("WebSocket")
		cfg.WebSocket.Roots = nil
		tc.change(&cfg.WebSocket)
		if cfg.WebSocket.Tokens != nil {
			cfg.User, cfg.Password = "", ""
		}
		for _, err := range []error{func() error { _, err := destination.New(cfg); return err }(), func() error { _, err := destination.Dial(t.Context(), cfg); return err }()} {
			var e *rfc.Error
			require.ErrorAs(t, err, &e, name)
			require.Equal(t, []any{rfc.StepConfig, rfc.ClassConfig, rfc.NotSent}, []any{e.Step, e.Class, e.Outcome}, name)
			require.ErrorContains(t, err, tc.want, name)
			silent(t, "KanarY", err)
		}
	}
	require.Zero(t, w.sys.Server().Stats().Accepted, "nothing was dialled")
}

// Another user than the one that the own certificate stands for logs on with his password.
func TestOtherUsersOfADestinationWithACertificate(t *testing.T) {
	t.Parallel()
	both, alone := certificate(t, "me", x509.ExtKeyUsageClientAuth)
	clients := x509.NewCertPool()
	require.True(t, clients.AppendCertsFromPEM(alone))
	w := newLandscape(t, rfctest.WithUser("ALICE", "alicesPW"), rfctest.WithUser("ROBOT", "robotsPW"), rfctest.WithServer(func(s *gateway.Server) {
		s.WebSocket.ClientCAs = clients
		s.WebSocket.CertificateUser = func(context.Context, *x509.Certificate) (string, error) { return "ROBOT", nil }
	}))
	cfg := w.config("WebSocket")
	cfg.User, cfg.Password = "", ""
	cfg.WebSocket.CertificateLogon, cfg.WebSocket.KeyStore = true, wsrfc.Store{Data: both}
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	who := func(d *destination.Destination) string {
		s, err := d.Pin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close(context.Background())) }()
		a, err := s.Attributes()
		require.NoError(t, err)
		return a.User
	}
	require.Equal(t, "ROBOT", who(d))
	require.Equal(t, "ALICE", who(d.With(destination.User{Name: "ALICE", Password: "alicesPW"})))
	require.Equal(t, "ROBOT", who(d))
}

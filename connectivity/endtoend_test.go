package connectivity_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/connectivity/connectivitytest"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

const location = "plant-7"

// cloud is an account with a system behind the Cloud Connector of a location.
type cloud struct {
	*connectivitytest.Account
	sys    *rfctest.System
	bridge *proxy.Server
	btp    *connectivity.Platform
	strict atomic.Bool // no token is good
}

func newCloud(t *testing.T, opts ...rfctest.Option) *cloud {
	t.Helper()
	return newCloudBehind(t, new(proxy.Server), opts...)
}

func newCloudBehind(t *testing.T, bridge *proxy.Server, opts ...rfctest.Option) *cloud {
	t.Helper()
	c := &cloud{Account: connectivitytest.NewAccount(t), bridge: bridge}
	opts = append(opts, rfctest.WithWebSocket(), rfctest.WithServer(func(s *gateway.Server) { s.KnownHosts = []string{"10.9.9.9"} }))
	c.sys = rfctest.NewSystem(t, opts...)
	bridge.Locations = map[string]proxy.Mappings{location: {"sales-qa.virtual:3307": c.sys.Address()}}
	bridge.Authenticate = func(token string) error {
		g, err := c.XSUAA.Check(token)
		if err == nil && g.Client != connectivitytest.ConnectivityClient {
			err = errors.New("the token of another service")
		}
		if c.strict.Load() {
			err = errors.New("no")
		}
		return err
	}
	l, err := c.bridge.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- c.bridge.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, c.bridge.Close())
		require.ErrorIs(t, <-done, proxy.ErrServerClosed)
	})
	c.SOCKS = l.Addr().String()
	c.Destinations.Set("SALES_QA", c.onPremise())
	c.open(t)
	return c
}

// open binds a platform to the account, as it is now.
func (c *cloud) open(t *testing.T) {
	t.Helper()
	btp, err := connectivity.Open(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": c.VCAP()}), Mounts: []string{}})
	require.NoError(t, err)
	btp.Transport = c.Transport()
	c.btp = btp
}

// onPremise is the destination of the system, written for the RFC proxy: with a virtual host only,
// so that the host for the gateway is added.
func (c *cloud) onPremise(pairs ...string) map[string]string {
	cfg := c.sys.Config()
	m := map[string]string{
		"Name": "SALES_QA", "Type": "RFC", "jco.destination.proxy_type": "OnPremise", "jco.client.ashost": "sales-qa.virtual", "jco.client.sysnr": "07",
		"jco.client.client": cfg.Client, "User": cfg.User, "Password": cfg.Password.Reveal(), "jco.client.lang": "EN",
		"jco.client.cloud_connector_location_id": location, "go.tunnel.partner_host": "10.9.9.9",
	}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func (c *cloud) load(t *testing.T, ctx context.Context, name string) (destination.Config, error) {
	t.Helper()
	s, err := c.btp.Destinations("")
	require.NoError(t, err)
	cfg, _, err := destination.Load(ctx, s, name)
	return cfg, err
}

// authority is the certificate of the system, which has signed it itself.
func (c *cloud) authority(t *testing.T) []byte {
	t.Helper()
	ws := c.sys.WebSocketConfig()
	d := tls.Dialer{Config: &tls.Config{RootCAs: ws.Roots, ServerName: ws.Host}}
	nc, err := d.DialContext(t.Context(), "tcp", c.sys.WebSocketAddress())
	require.NoError(t, err)
	defer nc.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: nc.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw})
}

type (
	question struct {
		Text string `rfc:"REQUTEXT"`
	}
	answer struct {
		Echo string `rfc:"ECHOTEXT"`
	}
)

func echo(t *testing.T, on rfc.Caller) error {
	t.Helper()
	out, err := rfc.Call[answer](t.Context(), on, "STFC_CONNECTION", question{"hello"})
	if err == nil {
		require.Equal(t, "hello", out.Echo)
	}
	return err
}

// TestFromBindingsToACall goes the whole way: VCAP_SERVICES, token, destination, token for the
// proxy, SOCKS5, gateway, STFC_CONNECTION.
func TestFromBindingsToACall(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s, err := c.btp.Destinations("")
	require.NoError(t, err)
	catalog := &destination.Catalog{Provider: s}
	t.Cleanup(func() { require.NoError(t, catalog.Close(context.Background())) })
	dest, err := catalog.Open("SALES_QA")
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, echo(t, dest))
	}
	require.Equal(t, int64(1), c.bridge.Stats().Tunnels)
	require.Equal(t, []int{2, 1}, []int{c.XSUAA.Requests(), c.Destinations.Requests()}, "one token for each service, one look-up")

	cfg, err := c.load(t, t.Context(), "SALES_QA")
	require.NoError(t, err)
	token, err := cfg.Tunnel.Tokens.Token(t.Context())
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v"} {
		text := fmt.Sprintf(format, cfg) + fmt.Sprintf(format, c.btp) + fmt.Sprintf(format, s) + fmt.Sprintf(format, cfg.Tunnel.Tokens)
		require.NotContains(t, text, token)
		require.NotContains(t, text, connectivitytest.Secret)
	}
}

// TestChangedDestinationIsExchanged: a catalog hears of what people change in the cockpit.
func TestChangedDestinationIsExchanged(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s, err := c.btp.Destinations("")
	require.NoError(t, err)
	s.Interval = time.Millisecond
	events := make(chan destination.Event, 10)
	catalog := &destination.Catalog{Provider: s, Event: func(e destination.Event) { events <- e }}
	t.Cleanup(func() { require.NoError(t, catalog.Close(context.Background())) })
	dest, err := catalog.Open("SALES_QA")
	require.NoError(t, err)
	require.NoError(t, echo(t, dest))
	c.Destinations.Set("SALES_QA", c.onPremise("jco.client.cloud_connector_location_id", "elsewhere"))
	require.Equal(t, destination.Event{Name: "SALES_QA", Kind: destination.EventChanged}, <-events)
	contains(t, echo(t, dest), "none has this location id")
	c.Destinations.Set("SALES_QA", c.onPremise())
	require.Equal(t, destination.EventChanged, (<-events).Kind)
	require.NoError(t, echo(t, dest))
	c.Destinations.Delete("SALES_QA")
	require.Equal(t, destination.EventDeleted, (<-events).Kind)
	require.ErrorIs(t, echo(t, dest), destination.ErrUnknown)
}

// idle counts what CloseIdleConnections was called for.
type idle struct {
	http.RoundTripper
	closed int
}

func (i *idle) CloseIdleConnections() { i.closed++ }

func TestPlatformClosesIdleConnections(t *testing.T) {
	t.Parallel()
	network := &idle{}
	(&connectivity.Platform{Transport: network}).CloseIdleConnections()
	require.Equal(t, 1, network.closed)
	new(connectivity.Platform).CloseIdleConnections()
}

// TestF10RefusedTokenOfTheTunnelIsFetchedOnce: it is exchanged, and the second refusal is final.
func TestF10RefusedTokenOfTheTunnelIsFetchedOnce(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		c := newCloudBehind(t, &proxy.Server{LateRefusal: late})
		cfg, err := c.load(t, t.Context(), "SALES_QA")
		require.NoError(t, err)
		token, err := cfg.Tunnel.Tokens.Token(t.Context())
		require.NoError(t, err)
		c.XSUAA.RevokeAll()
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		fresh, err := cfg.Tunnel.Tokens.Token(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, token, fresh)
		require.Equal(t, int64(1), c.bridge.Stats().Refused)

		c.strict.Store(true)
		n := c.XSUAA.Requests()
		_, err = destination.Dial(t.Context(), cfg)
		require.ErrorIs(t, err, rfc.ErrLogon)
		contains(t, err, "token")
		require.NotContains(t, err.Error(), fresh)
		require.Equal(t, n+1, c.XSUAA.Requests())
	}
}

func TestFailuresOnTheWayToACall(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg, err := c.load(t, t.Context(), "SALES_QA")
	require.NoError(t, err)
	other := cfg
	other.Tunnel.Location = "elsewhere"
	_, err = destination.Dial(t.Context(), other)
	contains(t, err, "no Cloud Connector is connected to the subaccount, or none has this location id")
	require.NotContains(t, err.Error(), "elsewhere")
	other = cfg
	other.SystemNumber = "08"
	_, err = destination.Dial(t.Context(), other)
	contains(t, err, "no mapping of the Cloud Connector allows this host and port")
	c.open(t) // no token is kept
	cfg, err = c.load(t, t.Context(), "SALES_QA")
	require.NoError(t, err)
	c.XSUAA.Inject(connectivitytest.Status(500, canary))
	_, err = destination.Dial(t.Context(), cfg)
	contains(t, err, "token service answered 500")
	require.ErrorIs(t, err, rfc.ErrCommunication)
	require.True(t, rfc.SafeToRetry(err))
}

// TestD21PropagationIsRefused: the tunnel cannot say who the user is, and the error says what to
// do instead.
func TestD21PropagationIsRefused(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ctx := connectivity.WithUserToken(t.Context(), c.XSUAA.UserToken("JANE", time.Hour))
	for _, key := range []string{"jco.destination.auth_type", "Authentication"} {
		for _, value := range []string{"PrincipalPropagation", "TechnicalUserPropagation"} {
			if key == "Authentication" && value == "TechnicalUserPropagation" {
				value = "OAuth2TechnicalUserPropagation"
			}
			m := c.onPremise(key, value)
			delete(m, "User")
			delete(m, "Password")
			c.Destinations.Set("PP", m)
			delete(m, "Name")
			c.open(t)
			_, err := c.load(t, ctx, "PP")
			contains(t, err, "user propagation is not possible over a TCP tunnel", "D-21", "technical user")
			e, ok := errors.AsType[*rfc.Error](err)
			require.True(t, ok)
			require.Equal(t, []any{rfc.ClassUnsupported, 128}, []any{e.Class, e.JCoGroup()})
		}
	}
	require.Zero(t, c.bridge.Stats().Accepted)
}

// TestTenantsHaveTunnelsOfTheirOwn: the tokens of a destination are those of the tenant for whom
// it was loaded, whoever calls.
func TestTenantsHaveTunnelsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, tenant := range []string{"", "globex"} {
		cfg, err := c.load(t, connectivity.WithTenant(t.Context(), tenant), "SALES_QA")
		require.NoError(t, err)
		token, err := cfg.Tunnel.Tokens.Token(connectivity.WithTenant(t.Context(), "somebody"))
		require.NoError(t, err)
		g, err := c.XSUAA.Check(token)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"": "acme", "globex": "globex"}[tenant], g.Tenant)
	}
}

func TestOnPremiseNeedsABinding(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	vcap := replaced(c.VCAP(), `"label":"connectivity"`, `"label":"none"`, `"tags":["connectivity","conn","connsvc"]`, `"tags":[]`)
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": vcap}), Mounts: []string{}})
	require.NoError(t, err)
	c.btp = &connectivity.Platform{Bindings: b, Transport: c.Transport()}
	_, err = c.load(t, t.Context(), "SALES_QA")
	contains(t, err, "jco.destination.proxy_type = OnPremise", "no binding of service connectivity", "VCAP_SERVICES")
	require.ErrorIs(t, err, rfc.ErrConfig)

	c.SOCKS = ""
	c.open(t)
	_, err = c.load(t, t.Context(), "SALES_QA")
	contains(t, err, "lacks onpremise_socks5_proxy_port", "go.proxy.port")

	host, port, err := net.SplitHostPort(newCloud(t).SOCKS)
	require.NoError(t, err)
	c.Destinations.Set("OWN", c.onPremise("Name", "OWN", "go.proxy.host", host, "go.proxy.port", port, "go.proxy.auth", "none"))
	c.btp = &connectivity.Platform{Bindings: b, Transport: c.Transport()}
	cfg, err := c.load(t, t.Context(), "OWN")
	require.NoError(t, err, "it needs none")
	require.Equal(t, []any{host, true}, []any{cfg.Tunnel.Host, cfg.Tunnel.Trusted})
	c.Destinations.Set("FIXED", c.onPremise("Name", "FIXED", "go.proxy.token", canary))
	c.SOCKS = net.JoinHostPort(host, port)
	c.open(t)
	cfg, err = c.load(t, t.Context(), "FIXED")
	require.NoError(t, err)
	require.Equal(t, []any{host, port, canary, nil}, []any{cfg.Tunnel.Host, cfg.Tunnel.Port, cfg.Tunnel.Token.Reveal(), cfg.Tunnel.Tokens})
	c.Destinations.Set("BOUND", c.onPremise("Name", "BOUND", "go.proxy.binding", "conn-b"))
	_, err = c.load(t, t.Context(), "BOUND")
	contains(t, err, "no binding")
}

// TestTunnelForDestinationsInFiles: the destination is in a file, the way in the bindings.
func TestTunnelForDestinationsInFiles(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	var text strings.Builder
	for k, v := range c.onPremise() {
		fmt.Fprintf(&text, "%s=%s\n", k, v)
	}
	dir := files(t, map[string]string{"SALES_QA.jcoDestination": text.String()})
	p := c.btp.Tunnelled(&destination.Directory{Path: dir})
	cfg, _, err := destination.Load(t.Context(), p, "SALES_QA")
	require.NoError(t, err)
	conn, err := destination.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, echo(t, conn))
	require.NoError(t, conn.Close())
	_, _, err = destination.Load(t.Context(), p, "SALES_Q")
	contains(t, err, "did you mean SALES_QA?")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCAL.properties"), []byte("ASHOST=h\nSYSNR=00\n"), 0o600))
	cfg, _, err = destination.Load(t.Context(), p, "LOCAL")
	require.NoError(t, err)
	require.Empty(t, cfg.Tunnel.Host)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range p.(destination.Watcher).Watch(ctx) {
		t.Fatal("nothing has changed")
	}
}

// TestInternetDestination: WebSocket RFC, with the trust store that the service keeps. Without a
// proxy type a destination is one for the Internet, and those are WebSocket RFC only (D-11).
func TestInternetDestination(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ws, cfg := c.sys.WebSocketConfig(), c.sys.Config()
	m := map[string]string{
		"Name": "WEB", "Type": "RFC", "jco.client.wshost": ws.Host, "jco.client.wsport": ws.Port, "jco.client.client": cfg.Client,
		"User": cfg.User, "Password": cfg.Password.Reveal(), "jco.client.lang": "EN", "TrustStoreLocation": "roots.pem",
	}
	c.Destinations.SetAt("subaccount", "WEB", connectivitytest.Destination{Properties: m, Certificates: map[string][]byte{"roots.pem": c.authority(t)}})
	loaded, err := c.load(t, t.Context(), "WEB")
	require.NoError(t, err)
	require.Equal(t, destination.Internet, loaded.ProxyType)
	conn, err := destination.Dial(t.Context(), loaded)
	require.NoError(t, err)
	require.NoError(t, echo(t, conn))
	require.NoError(t, conn.Close())

	for store, want := range map[string]string{"none.pem": "none.pem is not in the answer of the destination service, which has old.jks, roots.pem", "old.jks": "JKS"} {
		m["TrustStoreLocation"] = store
		c.Destinations.SetAt("subaccount", "WEB", connectivitytest.Destination{Properties: m, Certificates: map[string][]byte{"old.jks": {1}, "roots.pem": {2}}})
		c.open(t)
		_, err = c.load(t, t.Context(), "WEB")
		contains(t, err, want)
	}
	direct := c.onPremise("Name", "DIRECT")
	delete(direct, "jco.destination.proxy_type")
	delete(direct, "jco.client.cloud_connector_location_id")
	delete(direct, "go.tunnel.partner_host")
	c.Destinations.Set("DIRECT", direct)
	_, err = c.load(t, t.Context(), "DIRECT")
	contains(t, err, "proxy_type=Internet", "destination service, which has none")
}

// TestClientCertificateOfTheService: the key store is in the answer, its password among the
// properties.
func TestClientCertificateOfTheService(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cert, key := pemPair(t)
	m := map[string]string{
		"Name": "CERT", "Type": "RFC", "ProxyType": "Internet", "jco.client.wshost": "web.example.com", "jco.client.wsport": "443",
		"jco.client.tls_client_certificate_logon": "1", "KeyStoreLocation": "client.pem", "KeyStorePassword": canary,
	}
	c.Destinations.SetAt("subaccount", "CERT", connectivitytest.Destination{Properties: m, Certificates: map[string][]byte{"client.pem": []byte(cert + key)}})
	cfg, err := c.load(t, t.Context(), "CERT")
	require.NoError(t, err)
	require.Empty(t, cfg.WebSocket.KeyStore.File)
	require.Equal(t, cert+key, string(cfg.WebSocket.KeyStore.Data))
	require.NoError(t, cfg.Validate())
	_, err = destination.New(cfg)
	require.NoError(t, err)
	m["KeyStore.Source"] = "ClientProvided"
	c.open(t)
	cfg, err = c.load(t, t.Context(), "CERT")
	require.NoError(t, err)
	require.Equal(t, "client.pem", cfg.WebSocket.KeyStore.File, "a file of the program")
}

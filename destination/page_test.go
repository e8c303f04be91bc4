package destination_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
)

const roadsPage = "../docs/roads.md"

// printedNet is the network of the names that the page prints: what dials them is led to doubles.
type printedNet map[string]string

func (n printedNet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, ok := n[address]
	if !ok {
		return nil, &net.DNSError{Err: "no such host on the page", Name: address, IsNotFound: true}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// certificate makes one for a name, in PEM with its key and alone.
func certificate(t *testing.T, name string, usage x509.ExtKeyUsage) (both, alone []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	alone = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(bytes.Clone(alone), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...), alone
}

// mappedRouter is a router in a network of its own: host:port as routes name it, to where that is.
func mappedRouter(t *testing.T, network map[string]string, table string) (address string) {
	t.Helper()
	permissions, err := saprouter.ParsePermissions(strings.NewReader(table))
	require.NoError(t, err)
	hosts, real := map[string]netip.Addr{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(network)) {
		host, port, err := net.SplitHostPort(name)
		require.NoError(t, err)
		if _, known := hosts[host]; !known {
			hosts[host] = netip.AddrFrom4([4]byte{10, 0, 0, byte(len(hosts) + 1)})
		}
		real[net.JoinHostPort(hosts[host].String(), port)] = network[name]
	}
	srv := &saprouter.Server{
		Permissions: permissions,
		LookupHost: func(_ context.Context, host string) ([]netip.Addr, error) {
			if a, ok := hosts[host]; ok {
				return []netip.Addr{a}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, real[address])
		},
	}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	serves(t, l, srv.Serve, srv.Close, saprouter.ErrServerClosed)
	return l.Addr().String()
}

// printed builds everything that the page speaks of, and gives the network and the variables of
// the environment.
func printed(t *testing.T, dir string) (printedNet, map[string]string) {
	t.Helper()
	server, authority := certificate(t, "a4h.example.com", x509.ExtKeyUsageServerAuth)
	client, clientAuthority := certificate(t, "me", x509.ExtKeyUsageClientAuth)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), authority, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "me.pem"), client, 0o600))
	pair, err := tls.X509KeyPair(server, server)
	require.NoError(t, err)
	clients := x509.NewCertPool()
	require.True(t, clients.AppendCertsFromPEM(clientAuthority))
	sys := rfctest.NewSystem(t, rfctest.WithWebSocket(), rfctest.WithServer(func(s *gateway.Server) {
		s.KnownHosts = []string{"app1.example.com", "app1.inside"}
		s.WebSocket.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		s.WebSocket.ClientCAs = clients
		s.WebSocket.CertificateUser = func(_ context.Context, c *x509.Certificate) (string, error) {
			if c.Subject.CommonName != "me" {
				return "", errors.New("nobody")
			}
			return rfctest.DefaultUser, nil
		}
		s.WebSocket.TokenUser = func(_ context.Context, token rfc.Secret) (string, error) {
			if token.Reveal() != tokenKanary {
				return "", errors.New("nobody")
			}
			return rfctest.DefaultUser, nil
		}
	}))
	ms := new(msgserver.Server)
	groups := func(host string) msgserver.Landscape {
		return msgserver.Landscape{Instances: []msgserver.Instance{{Name: "app1", Host: host, Port: 3200}}, Groups: map[string][]string{"SPACE": {"app1"}}}
	}
	require.NoError(t, ms.Set(groups("app1.inside")))
	msPort := messages(t, ms)
	outside := new(msgserver.Server)
	require.NoError(t, outside.Set(groups("app1.example.com")))
	outsidePort := messages(t, outside)
	second := mappedRouter(t, map[string]string{"app1.inside:3300": sys.Address()}, "P*,0 * app1.inside 3300 "+routePassword)
	first := mappedRouter(t, map[string]string{"router.partner:3299": second, "app1.inside:3300": sys.Address(), "ms.inside:3601": "127.0.0.1:" + msPort},
		"P * router.partner 3299\nP*,0 * app1.inside 3300 "+routePassword+"\nP*,0 * ms.inside 3601 "+routePassword)
	behind := proxy.Mappings{"sales.virtual:3342": sys.Address(), "ms.virtual:3601": "127.0.0.1:" + msPort}
	cloudHost, cloudPort := proxied(t, &proxy.Server{Authenticate: func(token string) error {
		if token != tokenKanary {
			return errors.New("expired")
		}
		return nil
	}, Locations: map[string]proxy.Mappings{"plant-7": behind}})
	trustedHost, trustedPort := proxied(t, &proxy.Server{Locations: map[string]proxy.Mappings{"": behind}})
	webHost, webPort := proxied(t, &proxy.Server{Protocol: proxy.HTTPConnect, Users: map[string]proxy.Secret{"web": webPassword}, Locations: map[string]proxy.Mappings{
		"": {"a4h.example.com:44300": sys.WebSocketAddress(), "app1.inside:3300": sys.Address()},
	}})
	network := printedNet{
		"app1.example.com:3300":               sys.Address(),
		"router.example.com:3299":             first,
		"ms1.example.com:3601":                "127.0.0.1:1",
		"ms2.example.com:3601":                "127.0.0.1:" + outsidePort,
		"connectivityproxy.example.com:20004": net.JoinHostPort(cloudHost, cloudPort),
		"trustedproxy.example.com:20004":      net.JoinHostPort(trustedHost, trustedPort),
		"proxy.example.com:8080":              net.JoinHostPort(webHost, webPort),
		"a4h.example.com:44300":               sys.WebSocketAddress(),
	}
	return network, map[string]string{
		"A4H_PASSWORD": rfctest.DefaultPassword.Reveal(), "ROUTER_PASSWORD": routePassword, "PROXY_TOKEN": tokenKanary, "PROXY_PASSWORD": webPassword, "USER_TOKEN": tokenKanary,
	}
}

var propertiesBlock = regexp.MustCompile("(?s)```properties ([a-z-]+)\n(.*?)```")

// Every configuration of the page is read from it and used: over a destination, calls arrive.
func TestThePageOfRoadsWorksAsPrinted(t *testing.T) {
	page, err := os.ReadFile(roadsPage)
	require.NoError(t, err)
	blocks := propertiesBlock.FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 13)
	require.Equal(t, len(blocks), strings.Count(string(page), "```properties"))
	dir := t.TempDir()
	t.Chdir(dir) // the page has names of files without a directory
	network, env := printed(t, dir)
	for _, b := range blocks {
		t.Run(b[1], func(t *testing.T) {
			path := filepath.Join(dir, b[1]+".jcoDestination")
			require.NoError(t, os.WriteFile(path, []byte(b[2]), 0o600))
			p, err := destination.Lookup(t.Context(), &destination.File{Path: path, Env: func(name string) (string, bool) {
				v, ok := env[name]
				return v, ok
			}}, b[1])
			require.NoError(t, err)
			cfg, eff, err := destination.ParseProperties(b[1], p)
			require.NoError(t, err)
			require.Empty(t, warned(eff), "what the page prints needs no warning")
			cfg.DialContext = network.dial
			d, err := destination.New(cfg)
			require.NoError(t, err)
			out, err := rfc.Call[echoOut](t.Context(), d, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "over " + b[1]})
			require.NoError(t, err)
			require.Equal(t, "over "+b[1], out.Text)
			require.NoError(t, d.Close(context.Background()))
			for _, canary := range []string{routePassword, tokenKanary, webPassword} {
				silent(t, canary, cfg, eff, p)
			}
		})
	}
	// What the page says about the numbers is what the other tests count.
	for road, trips := range map[string]string{"direct": "5", "SOCKS5 with a token": "8", "WebSocket RFC": "4", "WebSocket RFC through an HTTP proxy": "5", "HTTP proxy": "6"} {
		require.Regexp(t, `(?m)^\| `+regexp.QuoteMeta(road)+` \| [^|]+ \| `+trips+` \|$`, string(page))
	}
}

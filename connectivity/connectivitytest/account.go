package connectivitytest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/wsrfc"
)

// The hosts of an Account, as they stand in its bindings. Its Transport knows where they are.
const (
	Subdomain       = "acme"
	TokenHost       = "authentication.example.com"
	CertificateHost = "authentication.cert.example.com"
	DestinationHost = "destinations.example.com"
)

// The clients of an Account, with the secret of all of them.
const (
	DestinationClient  = "sb-dest-23"
	ConnectivityClient = "sb-conn-17"
	CertificateClient  = "sb-cert-42"
	Secret             = "kAnarY7#x=" // a canary: tests look for it where it must not be
)

// Account is a subaccount with its services, on loopback ports.
type Account struct {
	XSUAA        *XSUAA
	Destinations *DestinationService
	// HTTP is the HTTP proxy of the connectivity service.
	HTTP *HTTPProxy
	// SOCKS is 127.0.0.1:port of a SOCKS5 proxy, for VCAP; empty leaves its port out.
	SOCKS string

	transport *http.Transport
	httpProxy string
}

// NewAccount starts the services. They end with the test.
func NewAccount(t testing.TB) *Account {
	t.Helper()
	a := &Account{XSUAA: &XSUAA{Secrets: map[string]string{DestinationClient: Secret, ConnectivityClient: Secret, CertificateClient: ""}}}
	a.Destinations = &DestinationService{XSUAA: a.XSUAA, Client: DestinationClient}
	a.HTTP = &HTTPProxy{XSUAA: a.XSUAA, Client: ConnectivityClient, Locations: map[string]map[string]http.Handler{"": {}}}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // broken handshakes are part of tests
	plain := httptest.NewUnstartedServer(a.HTTP)
	plain.Config.ErrorLog = quiet
	plain.Start()
	t.Cleanup(plain.Close)
	a.httpProxy = plain.Listener.Addr().String()
	cert, roots, err := wsrfc.SelfSigned("*."+TokenHost, "*."+CertificateHost, DestinationHost)
	if err != nil {
		t.Fatalf("connectivitytest: %v", err)
	}
	start := func(h http.Handler) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = quiet
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	hosts := map[string]string{TokenHost: start(a.XSUAA), DestinationHost: start(a.Destinations)}
	a.transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(host, "."+TokenHost) || strings.HasSuffix(host, "."+CertificateHost) {
				host = TokenHost
			}
			to, ok := hosts[host]
			if !ok {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			var d net.Dialer
			return d.DialContext(ctx, network, to)
		},
	}
	t.Cleanup(a.transport.CloseIdleConnections)
	return a
}

// Transport is a network on which the hosts of the bindings are found, and trusted.
func (a *Account) Transport() *http.Transport { return a.transport }

// VCAP is the VCAP_SERVICES of a program that is bound to the services.
func (a *Account) VCAP() string {
	url := "https://" + Subdomain + "." + TokenHost
	proxy := map[string]any{
		"clientid": ConnectivityClient, "clientsecret": Secret, "token_service_url": url,
	}
	if host, port, err := net.SplitHostPort(a.httpProxy); err == nil {
		proxy["onpremise_proxy_host"], proxy["onpremise_proxy_http_port"] = host, port
	}
	if _, port, err := net.SplitHostPort(a.SOCKS); err == nil { // on the same host: loopback
		proxy["onpremise_socks5_proxy_port"] = port
	}
	doc, _ := json.Marshal(map[string]any{
		"connectivity": []any{map[string]any{
			"name": "conn-a", "label": "connectivity", "plan": "lite", "tags": []string{"connectivity", "conn", "connsvc"}, "credentials": proxy,
		}},
		"destination": []any{map[string]any{
			"name": "dest-a", "label": "destination", "plan": "lite", "tags": []string{"destination", "conn", "connsvc"},
			"credentials": map[string]any{"clientid": DestinationClient, "clientsecret": Secret, "uri": "https://" + DestinationHost, "url": url},
		}},
	})
	return string(doc)
}

package destination

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// WebSocketConfig are the settings of WebSocket RFC. Files of certificates are read for each
// connection, so that a new one is used without more ado.
type WebSocketConfig struct {
	// Host selects WebSocket RFC (jco.client.wshost); SNI and the certificate have to agree with
	// it. Port is the HTTPS port of the ICM or web dispatcher (jco.client.wsport). Both are
	// required, and there is no default.
	Host, Port string
	// Path is the target of the request. Default wsrfc.DefaultPath.
	Path string

	// BearerToken stands for the user (jco.client.oidc_bearer_token); Tokens gives one for each
	// connection. CertificateLogon logs on with the own certificate
	// (jco.client.tls_client_certificate_logon). Exactly one of them, or User and Password, or
	// Headers: further header fields, which may be a way to log on that nothing here knows.
	BearerToken      rfc.Secret
	Tokens           proxy.TokenSource
	CertificateLogon bool
	Headers          func(ctx context.Context) (http.Header, error)

	// KeyStore has the own certificate and key (KeyStoreLocation, KeyStorePassword), TrustStore
	// the authorities that are trusted in place of those of the system (TrustStoreLocation,
	// TrustStorePassword), P12 both in one PKCS#12 file, its authorities besides those of the
	// system (jco.client.tls_p12_file, jco.client.tls_p12_passwd).
	KeyStore, TrustStore, P12 wsrfc.Store
	// Certificate and Roots are the same as values.
	Certificate *tls.Certificate
	Roots       *x509.CertPool
	// MinTLS is tls.VersionTLS12, the default, or tls.VersionTLS13 (TLSVersion).
	MinTLS uint16
	// TLS is a hook for everything else; the settings above win.
	TLS *tls.Config
	// TrustAll accepts any certificate of the server (jco.client.tls_trust_all = 1), Plain uses
	// no TLS at all (jco.client.use_tls = 0). Both are for tests, need AllowInsecureTLS, and are
	// logged for each connection.
	TrustAll, Plain bool
	// AllowInsecureTLS permits TrustAll and Plain. No property does.
	AllowInsecureTLS bool

	// Proxy is an HTTP proxy on the way (jco.client.proxy_host, proxy_port, proxy_user,
	// proxy_passwd). Default: what HTTPS_PROXY and NO_PROXY say, unless there is a DialContext.
	Proxy wsrfc.Proxy

	// PingPeriod is how long the partner may be silent before it is pinged
	// (jco.destination.ws_ping_period), PongTimeout how long it has then
	// (jco.destination.ws_pong_timeout), in whole seconds. Zero is off. Defaults
	// wsrfc.DefaultPingPeriod and wsrfc.DefaultPongTimeout.
	PingPeriod, PongTimeout *time.Duration
	// PingCheck is how often it is looked whether a ping is due
	// (jco.destination.ws_ping_check_interval). Default wsrfc.DefaultPingCheck.
	PingCheck time.Duration

	keeper *wsrfc.Keeper // of a Destination; nil for that of the process
}

// hasKey reports an own certificate that has no name among the properties.
func (w *WebSocketConfig) hasKey() bool {
	return w.Certificate != nil || len(w.KeyStore.Data) > 0 || len(w.P12.Data) > 0 ||
		w.TLS != nil && (len(w.TLS.Certificates) > 0 || w.TLS.GetClientCertificate != nil)
}

// webSocket are the settings as package wsrfc has them, checked, with their stores read.
func (c *Config) webSocket() (*wsrfc.Config, error) {
	w := &c.WebSocket
	ws := wsrfc.Config{
		Host: w.Host, Port: w.Port, Path: w.Path, Client: c.Client, Language: c.Language, User: c.User, Password: wsrfc.Secret(c.Password),
		CertificateLogon: w.CertificateLogon, Headers: w.Headers, KeyStore: w.KeyStore, TrustStore: w.TrustStore, P12: w.P12, Certificate: w.Certificate, Roots: w.Roots,
		MinTLS: w.MinTLS, TLS: w.TLS, TrustAll: w.TrustAll, Plain: w.Plain, AllowInsecureTLS: w.AllowInsecureTLS, Proxy: w.Proxy,
		PingPeriod: period(w.PingPeriod), PongTimeout: period(w.PongTimeout), Keeper: w.keeper, MessageLimit: c.Limits.Message, StreamLimit: c.Limits.Message,
		Logger: c.Logger, Random: c.Random, Timeout: c.LogonTimeout,
	}
	switch {
	case w.BearerToken != "" && w.Tokens != nil:
		return nil, errors.New("WebSocket.BearerToken and WebSocket.Tokens: exactly one of them is needed")
	case w.BearerToken != "":
		ws.Token = func(context.Context) (wsrfc.Secret, error) { return wsrfc.Secret(w.BearerToken), nil }
	case w.Tokens != nil:
		ws.Token = func(ctx context.Context) (wsrfc.Secret, error) {
			t, err := w.Tokens.Token(ctx)
			return wsrfc.Secret(t), err
		}
	}
	if ws.Keeper == nil && w.PingCheck > 0 {
		ws.Keeper = &wsrfc.Keeper{Interval: w.PingCheck}
	}
	if ws.Proxy == (wsrfc.Proxy{}) && c.DialContext == nil {
		var err error
		if ws.Proxy, err = wsrfc.ProxyFromEnvironment(w.Host, w.Port); err != nil {
			return nil, err
		}
	}
	return ws.Load()
}

// period turns zero for off into what wsrfc takes for it.
func period(d *time.Duration) time.Duration {
	switch {
	case d == nil:
		return 0
	case *d == 0:
		return -1
	}
	return *d
}

// upgrade makes a conversation of a connection to the proxy or the host.
func (d *dialling) upgrade(ctx context.Context, ws *wsrfc.Config) (*wsrfc.Conn, error) {
	steps := []rfc.Step{rfc.StepTLS, rfc.StepUpgrade}
	if ws.Plain {
		steps = steps[1:]
	}
	if ws.Proxy.Host != "" {
		steps = append([]rfc.Step{rfc.StepProxy}, steps...)
	}
	current := 0
	d.trace.start(steps[0])
	ws.Progress = func(string) {
		d.trace.done(steps[current], nil)
		if current++; current < len(steps) {
			d.trace.start(steps[current])
		}
	}
	conv, err := wsrfc.Open(ctx, d.nc, *ws)
	if err != nil {
		step := steps[min(current, len(steps)-1)]
		e := rfc.SetupError(err, step)
		e.Address, e.Destination = addressOf(d.nc), d.cfg.Name
		if e.Class == rfc.ClassTimeout || e.Class == rfc.ClassCanceled { // behind the step that failed
			e.Step = step
		}
		d.trace.done(step, e)
		return nil, e
	}
	if d.trace != nil && d.trace.Upgraded != nil {
		d.trace.Upgraded(conv)
	}
	return conv, nil
}

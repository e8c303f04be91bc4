package wsrfc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/proxy"
)

// DefaultPath is the target of the upgrade request. It makes the session stateful: one
// WebSocket is one ABAP session (spec 13 section 3.2 [impl]).
const DefaultPath = "/sap/bc/rfc?sap-apc-stateful=true"

// Subprotocol is the only one that is offered and accepted [impl].
const Subprotocol = "rfc.sap.com"

// Config says whom a client calls, how it is let in, and how far it trusts. The comment names
// the JCo property of each setting. The zero value lacks Host, Port and a way to log on.
//
// The identity is needed twice: in the upgrade, from here, and in the LOGON record, from
// rfc.ConnConfig.Logon. With a password both carry it; with a certificate or a token the
// record has no user.
type Config struct {
	// Host is the name or address (jco.client.wshost), also for the certificate and SNI.
	// Required.
	Host string
	// Port is 1 to 65535 (jco.client.wsport): the HTTPS port of the ICM or of the web
	// dispatcher. Required.
	Port string
	// Path is the request target. Default DefaultPath.
	Path string
	// Client is three digits (jco.client.client); empty leaves it to the server.
	Client string
	// Language is a two-letter ISO code or a one-letter SAP key (jco.client.lang).
	Language string

	// User and Password are sent as HTTP Basic, as Latin-1 (jco.client.user, jco.client.passwd).
	User     string
	Password Secret
	// Token gives a bearer token for each connection (jco.client.oidc_bearer_token). That
	// systems accept one here is [inferred, low].
	Token func(ctx context.Context) (Secret, error)
	// CertificateLogon logs on with the TLS client certificate
	// (jco.client.tls_client_certificate_logon).
	CertificateLogon bool
	// Headers gives further header fields, for ways to log on that this package does not
	// know. It may stand alone, and must not name a field that is sent anyway. Experimental:
	// nothing but Basic was ever seen [impl].
	Headers func(ctx context.Context) (http.Header, error)

	// KeyStore is the own certificate, Certificate the same as a value: its PrivateKey may be
	// any crypto.Signer. At most one of them.
	KeyStore    Store
	Certificate *tls.Certificate
	// TrustStore holds the authorities that are trusted, Roots the same as a value. At most
	// one of them. Default: those of the operating system.
	TrustStore Store
	Roots      *x509.CertPool
	// P12 is both in one PKCS#12 file (jco.client.tls_p12_file, jco.client.tls_p12_passwd): the
	// own certificate, if it has one, and authorities that are trusted besides those of the
	// operating system, or besides Roots.
	P12 Store
	// MinTLS is tls.VersionTLS12, the default, or tls.VersionTLS13 (TLSVersion).
	MinTLS uint16
	// TLS is a hook for everything else, for example a cache of sessions, or a ServerName other
	// than Host; it is cloned. The other settings of this Config win.
	TLS *tls.Config
	// TrustAll accepts any server certificate (jco.client.tls_trust_all): for tests. It needs
	// AllowInsecureTLS and warns each time.
	TrustAll bool
	// Plain speaks no TLS at all (jco.client.use_tls = 0): for tests. It needs
	// AllowInsecureTLS and warns each time.
	Plain bool
	// AllowInsecureTLS permits TrustAll and Plain.
	AllowInsecureTLS bool

	// Proxy is an HTTP proxy in between; without a host there is none.
	Proxy Proxy
	// DialContext replaces the network. It gets host:port of the proxy or of the target.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds the set-up up to the first message. Default DefaultTimeout.
	Timeout time.Duration

	// RequireSubprotocol refuses a server that does not confirm the sub-protocol. Default:
	// its silence is tolerated, because no public capture shows the confirmation.
	RequireSubprotocol bool
	// MessageLimit bounds one received WebSocket message, StreamLimit one received record
	// stream, in bytes. Defaults DefaultMessageLimit and DefaultStreamLimit.
	MessageLimit, StreamLimit int64
	// Split is how many bytes of a request go into one message. Default DefaultSplit.
	Split int64
	// PingPeriod is how long the partner may be silent before it is asked for a sign of life
	// (jco.destination.ws_ping_period), PongTimeout how long it has then
	// (jco.destination.ws_pong_timeout). Defaults DefaultPingPeriod and DefaultPongTimeout;
	// negative means off.
	PingPeriod, PongTimeout time.Duration
	// Keeper looks after the connection. Default: one that all connections of the process
	// share.
	Keeper *Keeper

	// Progress, if set, is told when a step is done: "proxy", "tls", "upgrade".
	Progress func(step string)
	// Logger gets warnings about switched-off checks. Default none.
	Logger *slog.Logger
	// Random gives the key of the upgrade; for tests. Default crypto/rand.
	Random func(b []byte)
}

// DefaultTimeout bounds the set-up of a connection, 60 s.
const DefaultTimeout = 60 * time.Second

// Proxy is an HTTP proxy that is asked to CONNECT.
type Proxy struct {
	// Host and Port of the proxy (jco.client.proxy_host, jco.client.proxy_port).
	Host, Port string
	// User and Password are sent to the proxy as HTTP Basic if there is a user
	// (jco.client.proxy_user, jco.client.proxy_passwd).
	User     string
	Password Secret
}

// ProxyFromEnvironment is the proxy that HTTPS_PROXY and NO_PROXY name for a target; without a
// host if there is none.
func ProxyFromEnvironment(host, port string) (Proxy, error) {
	u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}})
	if err != nil {
		return Proxy{}, errors.New("HTTPS_PROXY: not the URL of a proxy") // the text may hold its password
	}
	if u == nil {
		return Proxy{}, nil
	}
	if u.Scheme != "http" {
		return Proxy{}, fmt.Errorf("HTTPS_PROXY: scheme %q; a proxy that is asked to CONNECT is reached by http", u.Scheme)
	}
	p := Proxy{Host: u.Hostname(), Port: u.Port(), User: u.User.Username()}
	if p.Port == "" {
		p.Port = "80"
	}
	password, _ := u.User.Password()
	p.Password = Secret(password)
	return p, nil
}

// Validate reports all problems at once. It reads the key store and the trust store.
func (c *Config) Validate() error {
	_, err := c.Load()
	return err
}

// Load validates the settings and returns a copy that has its stores in memory, so that
// connections opened with it read no file.
func (c *Config) Load() (*Config, error) {
	out := *c
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	checkHost(add, "jco.client.wshost", out.Host, "jco.client.wsport")
	checkPort(add, "jco.client.wsport", out.Port)
	out.checkTarget(add)
	out.checkIdentity(add)
	out.loadStores(add)
	out.checkTLS(add)
	if out.Proxy != (Proxy{}) {
		out.Proxy.check(add)
	}
	out.checkLimits(add)
	if len(errs) > 0 {
		return nil, &Error{kind: kindConfig, Err: errors.Join(errs...)}
	}
	return &out, nil
}

// checkHost applies the rules that hold for each host name (B-18, B-46, B-47, B-48).
func checkHost(add func(string, ...any), name, host, port string) {
	switch {
	case host == "":
		add("%s: host name required", name)
		return
	case strings.HasPrefix(host, "/H/") || strings.HasPrefix(host, "/h/"):
		add("%s: a route string belongs in jco.client.saprouter, which is no way for WebSocket RFC", name)
		return
	case strings.Contains(host, "/"):
		add("%s: value %s: host name only, without scheme or path", name, quoted(host))
		return
	case len(host) > 255:
		add("%s: %d characters, at most 255", name, len(host))
		return
	}
	for i, r := range host {
		if r <= ' ' || r == 0x7f {
			add("%s: invalid character 0x%02x at %d", name, r, i)
			return
		}
	}
	if strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1 || strings.ContainsAny(host, "@?#%") {
		add("%s: value %s: host name only; the port belongs in %s, IPv6 addresses stand without brackets and zone", name, quoted(host), port)
	}
}

func checkPort(add func(string, ...any), name, port string) {
	if port == "" {
		add("%s: port 1-65535 required", name)
		return
	}
	if i := strings.IndexFunc(port, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		what := "character"
		if port[i] == ' ' {
			what = "space"
		}
		add("%s: value %s, port 1-65535: %s at position %d", name, quoted(port), what, i+1)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		add("%s: value %s, port 1-65535", name, quoted(port))
	}
}

func quoted(s string) string { return strconv.Quote(s[:min(len(s), 64)]) }

func (c *Config) checkTarget(add func(string, ...any)) {
	if c.Path == "" {
		c.Path = DefaultPath
	}
	if u, err := url.ParseRequestURI(c.Path); err != nil || !strings.HasPrefix(c.Path, "/") || u.Fragment != "" || strings.ContainsAny(c.Path, " \r\n") {
		add("path: value %s: an absolute path such as %s required", quoted(c.Path), DefaultPath)
	}
	if c.Client != "" && (len(c.Client) != 3 || strings.Trim(c.Client, "0123456789") != "") {
		add("jco.client.client: value %s: three digits required", quoted(c.Client))
	}
	if c.Language != "" {
		iso, err := languageISO(c.Language)
		if err != nil {
			add("jco.client.lang: value %s: two-letter ISO or one-letter SAP language required", quoted(c.Language))
		}
		c.Language = iso
	}
}

// languageISO turns E, en or EN into EN.
func languageISO(s string) (string, error) {
	key := s
	if len([]rune(s)) != 1 {
		var err error
		if key, err = abap.LanguageKey(s); err != nil {
			return "", err
		}
	}
	return abap.LanguageISO(key)
}

// checkIdentity wants exactly one way to log on: unlike CPIC, WebSocket RFC knows no anonymous
// sessions (case A-13).
func (c *Config) checkIdentity(add func(string, ...any)) {
	password := c.User != "" || c.Password != ""
	var ways []string
	for _, w := range []struct {
		name string
		set  bool
	}{
		{"jco.client.user and jco.client.passwd", password},
		{"jco.client.oidc_bearer_token", c.Token != nil},
		{"jco.client.tls_client_certificate_logon", c.CertificateLogon},
	} {
		if w.set {
			ways = append(ways, w.name)
		}
	}
	switch {
	case len(ways) == 0 && c.Headers == nil:
		add("WebSocket RFC has no anonymous logon: jco.client.user and jco.client.passwd, jco.client.tls_client_certificate_logon=1 or jco.client.oidc_bearer_token required")
	case len(ways) > 1:
		add("%s: conflict, exactly one way to log on is given", strings.Join(ways, " / "))
	}
	if !password {
		return
	}
	if c.User == "" || c.Password == "" {
		add("jco.client.user and jco.client.passwd: exactly one of them is given")
	}
	checkBasic(add, "jco.client.user", "jco.client.passwd", c.User, c.Password)
}

// checkBasic looks for what HTTP Basic cannot carry. Neither value is quoted.
func checkBasic(add func(string, ...any), userName, passwordName, user string, password Secret) {
	if i := strings.IndexByte(user, ':'); i >= 0 {
		add("%s: a colon at position %d cannot be sent as HTTP Basic", userName, i+1)
	}
	for _, f := range []struct{ name, value string }{{userName, user}, {passwordName, password.Reveal()}} {
		for i, r := range []rune(f.value) {
			if r > 0xff || r < 0x20 || r == 0x7f {
				add("%s: character at position %d not in code page 1100", f.name, i+1)
				break
			}
		}
	}
}

// basic is the value of an Authorization header.
func basic(user string, password Secret) string {
	return proxy.Basic(user, proxy.Secret(password))
}

func (c *Config) checkTLS(add func(string, ...any)) {
	if c.MinTLS == 0 {
		c.MinTLS = tls.VersionTLS12
	}
	if c.MinTLS != tls.VersionTLS12 && c.MinTLS != tls.VersionTLS13 {
		add("TLSVersion: %s, TLSv1.2 or TLSv1.3 required", tls.VersionName(c.MinTLS))
	}
	if t := c.TLS; t != nil {
		if t.MinVersion != 0 && t.MinVersion < tls.VersionTLS12 || t.MaxVersion != 0 && t.MaxVersion < c.MinTLS {
			add("TLS: the configuration allows or demands less than TLS 1.2")
		}
		if t.InsecureSkipVerify && !c.AllowInsecureTLS {
			add("TLS: InsecureSkipVerify needs AllowInsecureTLS")
		}
	}
	if c.TrustAll && !c.AllowInsecureTLS {
		add("jco.client.tls_trust_all: needs Options.AllowInsecureTLS; better give the authority of the server in a trust store")
	}
	if c.Plain && !c.AllowInsecureTLS {
		add("jco.client.use_tls: WebSocket RFC requires TLS; plain connections need Options.AllowInsecureTLS and are for tests")
	}
	if c.Plain && c.CertificateLogon {
		add("jco.client.tls_client_certificate_logon: conflict with jco.client.use_tls=0")
	}
	if c.CertificateLogon && c.Certificate == nil && (c.TLS == nil || len(c.TLS.Certificates) == 0 && c.TLS.GetClientCertificate == nil) {
		add("jco.client.tls_client_certificate_logon: certificate and key required; give a key store")
	}
}

func (p *Proxy) check(add func(string, ...any)) {
	checkHost(add, "jco.client.proxy_host", p.Host, "jco.client.proxy_port")
	checkPort(add, "jco.client.proxy_port", p.Port)
	if p.User == "" && p.Password != "" {
		add("jco.client.proxy_user: a password without a user")
	}
	checkBasic(add, "jco.client.proxy_user", "jco.client.proxy_passwd", p.User, p.Password)
}

func (c *Config) checkLimits(add func(string, ...any)) {
	for _, l := range []struct {
		name  string
		value *int64
		std   int64
	}{{"MessageLimit", &c.MessageLimit, DefaultMessageLimit}, {"StreamLimit", &c.StreamLimit, DefaultStreamLimit}, {"Split", &c.Split, DefaultSplit}} {
		if *l.value < 0 {
			add("%s: value %d, a limit cannot be negative; zero means the default", l.name, *l.value)
		}
		if *l.value <= 0 {
			*l.value = l.std
		}
	}
	if c.Timeout < 0 {
		add("Timeout: value %v, a time limit cannot be negative; zero means the default", c.Timeout)
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	for _, d := range []struct {
		value *time.Duration
		std   time.Duration
	}{{&c.PingPeriod, DefaultPingPeriod}, {&c.PongTimeout, DefaultPongTimeout}} {
		switch {
		case *d.value == 0:
			*d.value = d.std
		case *d.value < 0:
			*d.value = -1
		}
	}
}

// Address is what has to be dialled: the proxy if there is one, else the target.
func (c *Config) Address() string {
	if c.Proxy.Host != "" {
		return net.JoinHostPort(c.Proxy.Host, c.Proxy.Port)
	}
	return net.JoinHostPort(c.Host, c.Port)
}

// authority is the Host of requests: without the port where it is the usual one.
func (c *Config) authority() string {
	standard := "443"
	if c.Plain {
		standard = "80"
	}
	if c.Port != standard {
		return net.JoinHostPort(c.Host, c.Port)
	}
	if strings.Contains(c.Host, ":") {
		return "[" + c.Host + "]"
	}
	return c.Host
}

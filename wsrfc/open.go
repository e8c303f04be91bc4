package wsrfc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 says so; it is no protection
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/proxy"
)

// Info describes what was agreed while a conversation was set up.
type Info struct {
	// TLS is the state of TLS; nil without.
	TLS *tls.ConnectionState
	// CertificateAsked: the server wanted to see a client certificate.
	CertificateAsked bool
	// Path is the target of the upgrade, behind a redirect the second one.
	Path string
	// Redirected: the server sent us to another path.
	Redirected bool
	// Subprotocol: the other side confirmed the sub-protocol.
	Subprotocol bool
}

// Dial connects to the proxy or the target of cfg and opens a conversation. Every step obeys
// ctx. The errors are those of Open; the step is "tcp", or "proxy", if no connection came about.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	if ctx == nil {
		return nil, errors.New("wsrfc: nil context")
	}
	loaded, err := cfg.Load()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, loaded.Timeout)
	defer cancel()
	dial := loaded.DialContext
	if dial == nil {
		d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
		dial = d.DialContext
	}
	nc, err := dial(ctx, "tcp", loaded.Address())
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx, err)
		}
		if loaded.Proxy.Host != "" {
			return nil, setup(stepProxy, kindCommunication, fmt.Sprintf("proxy '%s' not reached", loaded.Address()), err)
		}
		return nil, setup(stepTCP, kindCommunication, fmt.Sprintf("partner '%s' not reached", loaded.Address()), err)
	}
	return open(ctx, nc, loaded)
}

// Open sets up a conversation on a fresh connection to the address of cfg: CONNECT if there is
// a proxy, TLS, the upgrade to WebSocket. The LOGON is the caller's first message. On error nc
// is closed. The errors are *Error, or wrap a *ni.ContextError; FailedStep tells the step.
func Open(ctx context.Context, nc net.Conn, cfg Config) (*Conn, error) {
	loaded, err := cfg.Load()
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	if ctx == nil {
		_ = nc.Close()
		return nil, errors.New("wsrfc: nil context")
	}
	ctx, cancel := context.WithTimeout(ctx, loaded.Timeout)
	defer cancel()
	return open(ctx, nc, loaded)
}

// opening is a conversation that is being set up.
type opening struct {
	cfg   *Config
	sock  *sock
	tls   *tls.Conn
	plain io.ReadWriter
	early []byte // read behind the last head
	info  Info
	step  string
}

// conversations counts the connections of this process, for their ids.
var conversations atomic.Uint32

func open(ctx context.Context, nc net.Conn, cfg *Config) (*Conn, error) {
	s := newSock(nc)
	o := &opening{cfg: cfg, sock: s, plain: s}
	o.step = stepTLS
	err := s.begin(ctx)
	if err == nil {
		err = s.end(o.run(ctx))
		if err == nil && s.canceled.Load() {
			err = contextError(ctx, nil)
		}
	}
	var ws *websocket.Conn
	l := o.link()
	if err == nil {
		o.step = stepUpgrade
		ws, err = adopt(ctx, l)
	}
	if err != nil {
		_ = s.Close()
		if c, ok := errors.AsType[*ni.ContextError](err); ok {
			return nil, &stepError{o.step, c}
		}
		return nil, err
	}
	c := newConn(l, o.plain, ws, o.early, cfg.MessageLimit, false)
	c.tls, c.info, c.limit, c.split = o.tls, o.info, cfg.StreamLimit, cfg.Split
	c.id = fmt.Sprintf("W%07d", conversations.Add(1)%10_000_000)
	c.ping = newPinger(max(cfg.PingPeriod, 0), max(cfg.PongTimeout, 0))
	if c.keeper = cfg.Keeper; c.keeper == nil {
		c.keeper = &shared
	}
	c.keeper.add(c)
	return c, nil
}

func (o *opening) link() *link {
	if o.tls != nil {
		return &link{Conn: o.tls, sock: o.sock}
	}
	return &link{Conn: o.sock, sock: o.sock}
}

func (o *opening) done() {
	if o.cfg.Progress != nil {
		o.cfg.Progress(o.step)
	}
}

func (o *opening) warn(msg string) {
	if o.cfg.Logger != nil {
		o.cfg.Logger.Warn(msg, "host", o.cfg.Host, "port", o.cfg.Port)
	}
}

func (o *opening) run(ctx context.Context) error {
	if o.cfg.Proxy.Host != "" {
		o.step = stepProxy
		if err := o.connect(); err != nil {
			return err
		}
		o.done()
	}
	if !o.cfg.Plain {
		o.step = stepTLS
		if err := o.secure(ctx); err != nil {
			return err
		}
		o.done()
	} else {
		o.warn("WebSocket RFC without TLS: names, passwords and data travel in clear text")
	}
	o.step = stepUpgrade
	if err := o.upgrade(ctx); err != nil {
		return err
	}
	o.done()
	return nil
}

// fail makes the error of the current step.
func (o *opening) fail(kind, text string, err error) error {
	if name := o.sock.peer(); o.tls == nil && err != nil && isWireError(err) && name != "" && name != "HTTP" {
		kind, text = kindProtocol, text+": the peer speaks "+name
	}
	return setup(o.step, kind, text, err)
}

// answered makes the error of an answer of the other side with a status.
func (o *opening) answered(kind string, status int, reason, text string) error {
	return &Error{step: o.step, kind: kind, remote: true, Status: status, Text: fmt.Sprintf("%s (HTTP %d %s)", text, status, printable(reason, maxReason))}
}

// connect asks the proxy for a tunnel (spec 13 section 3.1).
func (o *opening) connect() error {
	target := net.JoinHostPort(o.cfg.Host, o.cfg.Port)
	authorization := ""
	if p := o.cfg.Proxy; p.User != "" {
		authorization = basic(p.User, p.Password)
	}
	b := proxy.AppendConnect(nil, target, authorization)
	defer clear(b)
	if _, err := o.sock.Write(b); err != nil {
		return o.fail(kindCommunication, "proxy "+o.cfg.Address(), err)
	}
	head, early, err := httphead.Read(o.sock, 0)
	if err != nil {
		return o.fail(kindCommunication, "proxy "+o.cfg.Address(), err)
	}
	status, reason, err := head.Status()
	switch {
	case err != nil:
		return o.fail(kindCommunication, "proxy "+o.cfg.Address(), err)
	case status == http.StatusProxyAuthRequired:
		return o.answered(kindSecurity, status, reason, "the proxy wants a user and password; check jco.client.proxy_user and proxy_passwd")
	case status == http.StatusForbidden:
		return o.answered(kindDenied, status, reason, "the proxy does not allow a tunnel to "+target)
	case status/100 != 2:
		return o.answered(kindCommunication, status, reason, "the proxy opened no tunnel to "+target)
	case len(early) > 0:
		return o.fail(kindProtocol, "proxy "+o.cfg.Address(), &wire.Error{Layer: layerHTTP, Record: "tunnel", Err: wire.ErrTrailing, Want: "silence until TLS starts", Got: fmt.Sprintf("%d bytes", len(early))})
	}
	o.sock.firstLen = 0 // the target has not spoken yet
	return nil
}

// secure does the TLS handshake.
func (o *opening) secure(ctx context.Context) error {
	if o.cfg.TrustAll {
		o.warn("jco.client.tls_trust_all: the certificate of the server is not checked")
	}
	o.tls = tls.Client(o.sock, o.cfg.client(&o.info.CertificateAsked))
	// The socket obeys ctx; with a context that ends TLS would start a goroutine to do the same.
	if err := o.tls.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
		return o.tlsFailed(err)
	}
	state := o.tls.ConnectionState()
	o.info.TLS = &state
	o.plain = o.tls
	return nil
}

// client is the configuration of TLS.
func (c *Config) client(asked *bool) *tls.Config {
	t := new(tls.Config)
	if c.TLS != nil {
		t = c.TLS.Clone()
	}
	t.MinVersion = max(t.MinVersion, c.MinTLS)
	t.NextProtos = onlyHTTP1
	t.DynamicRecordSizingDisabled = true // see ServerTLS
	if t.ServerName == "" {
		t.ServerName = c.Host
	}
	if c.Roots != nil {
		t.RootCAs = c.Roots
	}
	t.InsecureSkipVerify = t.InsecureSkipVerify || c.TrustAll
	if c.Certificate != nil {
		t.Certificates, t.GetClientCertificate = []tls.Certificate{*c.Certificate}, nil
	}
	own, hook := t.Certificates, t.GetClientCertificate
	t.GetClientCertificate = func(q *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		*asked = true
		if hook != nil {
			return hook(q)
		}
		for i := range own {
			if q.SupportsCertificate(&own[i]) == nil {
				return &own[i], nil
			}
		}
		if c.CertificateLogon && len(own) > 0 {
			return &own[0], nil // the server's list of authorities may be short; it decides
		}
		return new(tls.Certificate), nil
	}
	return t
}

// tlsFailed says what a failed handshake means.
func (o *opening) tlsFailed(err error) error {
	host := o.cfg.Host
	var (
		record  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &record):
		text := "the peer does not speak TLS"
		if p := o.sock.peer(); p != "" {
			text = "the peer speaks " + p + ", not TLS"
		}
		if o.sock.peer() == "SAP NI" {
			text += ": this is a gateway or a dispatcher; WebSocket RFC needs the HTTPS port of the ICM"
		}
		return &Error{step: o.step, kind: kindProtocol, Text: fmt.Sprintf("%s (first bytes % x); is jco.client.wsport an HTTPS port?", text, o.sock.first[:o.sock.firstLen])}
	case errors.As(err, &unknown):
		return &Error{step: o.step, kind: kindSecurity, Text: fmt.Sprintf("the certificate of %s is signed by an authority that is not trusted; give its certificate in a trust store", host), Err: errors.Unwrap(err)}
	case errors.As(err, &name):
		return &Error{step: o.step, kind: kindSecurity, Text: fmt.Sprintf("the certificate of the server is not for %s; jco.client.wshost must be a name of the certificate", host), Err: name}
	case errors.As(err, &invalid):
		text := "the certificate of " + host + " is not valid"
		if c := invalid.Cert; c != nil && invalid.Reason == x509.Expired {
			text = fmt.Sprintf("the certificate of %s is valid from %s to %s", host, c.NotBefore.Format("2006-01-02"), c.NotAfter.Format("2006-01-02"))
		}
		return &Error{step: o.step, kind: kindSecurity, Text: text, Err: invalid}
	case errors.As(err, &verify):
		return &Error{step: o.step, kind: kindSecurity, Text: "the certificate of " + host + " is not trusted", Err: verify.Err}
	case isAlert(err):
		return o.alert(err)
	case isNetwork(err):
		text := "TLS handshake with " + host
		if errors.Is(err, io.EOF) && o.sock.firstLen == 0 {
			text += ": the peer hung up without an answer; is jco.client.wsport an HTTPS port, not 33NN of a gateway?"
		}
		return setup(o.step, kindCommunication, text, err)
	}
	return &Error{step: o.step, kind: kindSecurity, Text: "TLS handshake with " + host, Err: err}
}

// isAlert reports an alert of the other side.
func isAlert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

// alert interprets an alert. In TLS 1.3 those about our certificate come behind the handshake,
// in place of the answer to the upgrade.
func (o *opening) alert(err error) error {
	e := &Error{step: stepTLS, kind: kindSecurity, remote: true, Text: "the server refused the TLS handshake", Err: err}
	text := err.Error()
	switch {
	case o.info.CertificateAsked && (strings.Contains(text, "certificate") || strings.Contains(text, "unknown") || strings.Contains(text, "access denied") || strings.Contains(text, "handshake failure")):
		e.kind = kindLogon
		e.Text = "the server refused the client certificate"
		if !o.cfg.hasCertificate() {
			e.Text = "the server demands a client certificate; give a key store"
		}
	case strings.Contains(text, "protocol version"):
		e.Text = "the server speaks no common version of TLS (1.2 or later is required here)"
	}
	return e
}

func (c *Config) hasCertificate() bool {
	return c.Certificate != nil || c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil)
}

// isNetwork reports a failure of the connection itself.
func isNetwork(err error) bool {
	var n net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &n)
}

// field is one line of the upgrade request; without a value it is left out.
type field struct {
	name  string
	value func(u *request) string
}

func fixed(s string) func(*request) string { return func(*request) string { return s } }

// request is what differs between upgrade requests.
type request struct {
	host, key, client, language, authorization string
}

// upgradeFields is the head of the upgrade in the order of the one implementation that is known
// to work against a live system (spec 13 section 3.2 [impl]; the WebSocket fields [std]). It is
// the only place that knows them.
var upgradeFields = []field{
	{"Host", func(u *request) string { return u.host }},
	{"Upgrade", fixed("websocket")},
	{"Connection", fixed("Upgrade")},
	{"Sec-WebSocket-Version", fixed("13")},
	{"Sec-WebSocket-Key", func(u *request) string { return u.key }},
	{"Sec-WebSocket-Protocol", fixed(Subprotocol)},
	{"sap-client", func(u *request) string { return u.client }},
	{"sap-language", func(u *request) string { return u.language }},
	{"sap-rfc-subtype", fixed("sync")},
	{"sap-rfc-options", fixed("rfc-delta=off")},
	{"sap-session-priority", fixed("high")},
	{"Authorization", func(u *request) string { return u.authorization }},
}

// append writes the request.
func (u *request) append(dst []byte, target string, more http.Header) []byte {
	dst = append(dst, "GET "+target+" HTTP/1.1\r\n"...)
	for _, f := range upgradeFields {
		if v := f.value(u); v != "" {
			dst = append(dst, f.name+": "+v+"\r\n"...)
		}
	}
	var b bytes.Buffer
	_ = more.Write(&b) // sorted, and without line breaks in the values
	defer clear(b.Bytes())
	dst = append(dst, b.Bytes()...)
	return append(dst, "\r\n"...)
}

// clash refuses fields that the request has already: a server would choose.
func (u *request) clash(more http.Header) error {
	for _, f := range upgradeFields {
		for name := range more {
			if strings.EqualFold(name, f.name) && (f.value(u) != "" || f.name == "Sec-WebSocket-Key") {
				return fmt.Errorf("%s is set already", f.name)
			}
		}
	}
	return nil
}

// authorization is the value of the header of that name.
func (o *opening) authorization(ctx context.Context) (string, error) {
	c := o.cfg
	switch {
	case c.User != "":
		return basic(c.User, c.Password), nil
	case c.Token != nil:
		token, err := c.Token(ctx)
		if err != nil {
			return "", &Error{step: o.step, kind: kindLogon, Text: "no bearer token", Err: err}
		}
		if token == "" || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", &Error{step: o.step, kind: kindLogon, Text: "the bearer token is empty or has characters that no header carries"}
		}
		return "Bearer " + token.Reveal(), nil
	}
	return "", nil
}

// upgrade asks for the WebSocket and follows one redirect.
func (o *opening) upgrade(ctx context.Context) error {
	u := &request{host: o.cfg.authority(), client: o.cfg.Client, language: o.cfg.Language}
	var err error
	if u.authorization, err = o.authorization(ctx); err != nil {
		return err
	}
	var more http.Header
	if o.cfg.Headers != nil {
		if more, err = o.cfg.Headers(ctx); err != nil {
			return &Error{step: o.step, kind: kindLogon, Text: "no headers for the logon", Err: err}
		}
		if err = u.clash(more); err != nil {
			return &Error{step: o.step, kind: kindConfig, Text: "headers for the logon", Err: err}
		}
	}
	o.info.Path = o.cfg.Path
	for {
		head, err := o.ask(u, more)
		if err != nil {
			return err
		}
		status, reason, err := head.Status()
		if err != nil {
			return o.fail(kindProtocol, "the answer to the upgrade", err)
		}
		if status == http.StatusSwitchingProtocols {
			return o.switched(head, u.key)
		}
		next, err := o.refused(head, status, reason)
		if err != nil {
			return err
		}
		o.info.Path, o.info.Redirected = next, true
	}
}

// ask sends one upgrade request and reads the head of the answer.
func (o *opening) ask(u *request, more http.Header) (*httphead.Head, error) {
	var key [16]byte
	if o.cfg.Random != nil {
		o.cfg.Random(key[:])
	} else {
		_, _ = rand.Read(key[:])
	}
	u.key = base64.StdEncoding.EncodeToString(key[:])
	buf := u.append(nil, o.info.Path, more)
	defer clear(buf)
	if _, err := o.plain.Write(buf); err != nil {
		// A server of TLS 1.3 that refuses our certificate says so and closes: the write may
		// fail before its words were read.
		if o.info.CertificateAsked && o.sock.setRead(time.Now().Add(alertWait)) == nil {
			if _, said := o.plain.Read(make([]byte, 1)); isAlert(said) {
				err = said
			}
		}
		return nil, o.lost(err)
	}
	head, early, err := httphead.Read(o.plain, 0)
	if err != nil {
		return nil, o.lost(err)
	}
	o.early = early
	return head, nil
}

// lost makes the error of a connection that failed during the upgrade.
func (o *opening) lost(err error) error {
	if isAlert(err) {
		return o.alert(err)
	}
	return o.fail(kindCommunication, "the upgrade to WebSocket at "+o.cfg.Host, err)
}

// accept is the proof that the server has read the key (RFC 6455 section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455
	return base64.StdEncoding.EncodeToString(sum[:])
}

// switched checks the answer of a server that agrees.
func (o *opening) switched(head *httphead.Head, key string) error {
	bad := func(name, want, got string) error {
		return o.fail(kindProtocol, "the answer to the upgrade", &wire.Error{Layer: layerHTTP, Record: "upgrade", Field: name, Err: wire.ErrMalformed, Want: want, Got: got})
	}
	single := map[string]string{}
	for _, name := range []string{"Upgrade", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
		v, err := head.Get(name)
		if err != nil {
			return o.fail(kindProtocol, "the answer to the upgrade", err)
		}
		single[name] = v
	}
	switch protocol := single["Sec-WebSocket-Protocol"]; {
	case !strings.EqualFold(single["Upgrade"], "websocket"):
		return bad("Upgrade", "websocket", "something else")
	case !head.Has("Connection", "upgrade"):
		return bad("Connection", "Upgrade", "something else")
	case single["Sec-WebSocket-Accept"] != accept(key):
		return bad("Sec-WebSocket-Accept", "the answer to our key", "something else; is there a cache or another program in between?")
	case single["Sec-WebSocket-Extensions"] != "":
		return bad("Sec-WebSocket-Extensions", "none, none was offered", "one")
	case protocol != "" && protocol != Subprotocol:
		return bad("Sec-WebSocket-Protocol", Subprotocol, quoted(protocol))
	case protocol == "" && o.cfg.RequireSubprotocol:
		return bad("Sec-WebSocket-Protocol", Subprotocol, "none")
	default:
		o.info.Subprotocol = protocol != ""
	}
	return nil
}

// refused says what any other status means, or gives the target of a redirect.
func (o *opening) refused(head *httphead.Head, status int, reason string) (string, error) {
	where := o.cfg.Host + " " + printable(strings.SplitN(o.info.Path, "?", 2)[0], 64)
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err := o.redirect(head)
		if err != nil {
			e := o.answered(kindCommunication, status, reason, "the server redirects, and that is not followed")
			e.(*Error).Err = err //nolint:errorlint // made in the line above
			return "", e
		}
		return next, nil
	case http.StatusUnauthorized:
		return "", o.answered(kindLogon, status, reason, "the server refused the logon: name or password is incorrect, or it wants another way to log on")
	case http.StatusForbidden:
		return "", o.answered(kindDenied, status, reason, "the server denies access to "+where+"; check the ICF node, the UCON allow list and the authorizations of the user")
	case http.StatusNotFound:
		return "", o.answered(kindCommunication, status, reason, "there is no "+where+"; the ICF node is not active, or the port belongs to another service")
	case http.StatusProxyAuthRequired:
		return "", o.answered(kindSecurity, status, reason, "a proxy in between wants a user and password")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "", o.answered(kindResource, status, reason, "the server has no room for another connection now")
	}
	return "", o.answered(kindCommunication, status, reason, "the server at "+where+" did not switch to WebSocket")
}

// redirect checks where a redirect leads, and empties the connection for the second request.
// Only another path of the same server is followed, once, over the same connection: nobody else
// gets to see the credentials (spec 13 section 3.1).
func (o *opening) redirect(head *httphead.Head) (string, error) {
	location, err := head.Get("Location")
	switch {
	case err != nil:
		return "", err
	case o.info.Redirected:
		return "", errors.New("it is the second one")
	case location == "":
		return "", errors.New("it names no target")
	}
	base := &url.URL{Scheme: "https", Host: net.JoinHostPort(strings.ToLower(o.cfg.Host), o.cfg.Port), Path: "/"}
	if o.cfg.Plain {
		base.Scheme = "http"
	}
	ref, err := url.Parse(location)
	if err != nil {
		return "", errors.New("its target is no URL")
	}
	to := base.ResolveReference(ref)
	if to.User != nil || !sameServer(base, to) {
		return "", fmt.Errorf("it leads to another server, %s", quoted(to.Scheme+"://"+to.Host))
	}
	if err := o.skipBody(head); err != nil {
		return "", err
	}
	return to.RequestURI(), nil
}

// sameServer compares scheme, host and port; wss and ws are other words for https and http.
func sameServer(a, b *url.URL) bool {
	scheme := strings.ToLower(b.Scheme)
	standard := map[string]string{"https": "443", "wss": "443", "http": "80", "ws": "80"}[scheme]
	scheme = strings.NewReplacer("wss", "https", "ws", "http").Replace(scheme)
	port := b.Port()
	if port == "" {
		port = standard
	}
	return scheme == a.Scheme && strings.EqualFold(b.Hostname(), a.Hostname()) && port == a.Port()
}

// skipBody reads the body of a redirect.
func (o *opening) skipBody(head *httphead.Head) error {
	length, err := head.Get("Content-Length")
	if err != nil {
		return err
	}
	coding, err := head.Get("Transfer-Encoding")
	if err != nil {
		return err
	}
	if head.Has("Connection", "close") {
		return errors.New("the server ends the connection with it")
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(o.early), o.plain), 512)
	n, err := strconv.ParseUint(length, 10, 31)
	switch {
	case strings.EqualFold(coding, "chunked") && length == "":
		var got int64
		if got, err = io.Copy(io.Discard, io.LimitReader(httputil.NewChunkedReader(r), maxBody+1)); err == nil && got > maxBody {
			return fmt.Errorf("its body has more than %d bytes", maxBody)
		}
		if err == nil {
			err = endChunks(r)
		}
	case coding == "" && err == nil && n <= maxBody:
		_, err = io.CopyN(io.Discard, r, int64(n))
	default:
		return fmt.Errorf("the length of its body is not known, or above %d bytes", maxBody)
	}
	switch {
	case err != nil:
		return fmt.Errorf("its body: %w", ended(err))
	case r.Buffered() > 0:
		return errors.New("its body is longer than it says")
	}
	o.early = nil
	return nil
}

// endChunks reads the empty line behind the last chunk; trailers are not expected.
func endChunks(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return ended(err)
	}
	if len(bytes.TrimRight(line, "\r\n")) > 0 {
		return errors.New("trailers")
	}
	return nil
}

// adopt makes a connection of the library from one that was upgraded already. The library has
// no other way than its own handshake, which would write the fields in another order, read a
// head of any length, and end the connection at a redirect: so it has one with a stand-in.
func adopt(ctx context.Context, l *link) (*websocket.Conn, error) {
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return &standIn{link: l}, nil },
		// The library reads nothing; this is the smallest buffer it takes.
		ReadBufferSize: maxControlPayload, WriteBufferSize: writeBuffer, WriteBufferPool: &writePool,
	}
	ws, _, err := d.DialContext(context.WithoutCancel(ctx), "ws://stand-in/", nil) //nolint:bodyclose // there is no body
	return ws, err
}

// standIn answers the library's handshake and hands everything behind it to the link.
type standIn struct {
	*link
	asked  []byte
	answer bytes.Buffer
	done   bool
}

func (s *standIn) Write(p []byte) (int, error) {
	if s.done {
		return s.link.Write(p)
	}
	s.asked = append(s.asked, p...)
	if head, _, err := httphead.Read(bytes.NewReader(s.asked), 0); err == nil {
		key, _ := head.Get("Sec-WebSocket-Key")
		fmt.Fprintf(&s.answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept(key))
		s.asked, s.done = nil, true
	}
	return len(p), nil
}

func (s *standIn) Read(p []byte) (int, error) { return s.answer.Read(p) }

// Close belongs to the conversation, not to the library.
func (s *standIn) Close() error { return nil }

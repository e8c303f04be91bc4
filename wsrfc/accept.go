package wsrfc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/watchdog"
	"github.com/purerfc/purerfc/ni"
)

// Watchdog starts the watch on connections whose handlers run long. One serves all
// connections of a server. The zero value is ready to use; it is safe for concurrent use.
type Watchdog = watchdog.Dog

// AcceptConfig says how the serving side takes a client.
type AcceptConfig struct {
	// TLS is the configuration with the server's certificate. TLS 1.2 is the least and
	// HTTP/1.1 the only protocol, whatever it says. Required by Accept unless AllowPlain.
	TLS *tls.Config
	// AllowPlain serves connections without TLS: behind a proxy that ends TLS, and in tests.
	AllowPlain bool
	// Path is the only target that is served, without a query; "*" serves any. Default that
	// of DefaultPath. Upgrade does not look at it: its caller has routed the request.
	Path string
	// Authorize decides about a caller before there is a WebSocket. It may call
	// Caller.Establish. An error refuses the caller: a *Refusal with its status, any other as
	// a wrong password, whatever it was. Required.
	Authorize func(ctx context.Context, c *Caller) error
	// Origins lists the values of Origin that web pages may have. Default none: no RFC client
	// sends one, browsers always do.
	Origins []string
	// ID identifies the conversation.
	ID string
	// Handshake bounds TLS and the upgrade. Default DefaultHandshake.
	Handshake time.Duration
	// BeforeLogon bounds one message until LoggedOn is called, MessageLimit one behind it,
	// StreamLimit a record stream of several, in bytes. Defaults: MessageLimit,
	// DefaultMessageLimit and DefaultStreamLimit.
	BeforeLogon, MessageLimit, StreamLimit int64
	// Split is how many bytes of a reply go into one message. Default DefaultSplit.
	Split int64
	// PingPeriod and PongTimeout are as in Config, but off by default: a client that waits for
	// nothing may read nothing.
	PingPeriod, PongTimeout time.Duration
	// Keeper sends the pings. Default: one that all connections of the process share.
	Keeper *Keeper
	// Watchdog is shared by the connections of one server. Default: one for this connection.
	Watchdog *Watchdog
}

// Caller is who asks for a WebSocket. Everything but Remote, TLS and Certificate is a claim.
type Caller struct {
	Remote string // socket address
	// TLS is the state of the connection; nil without TLS, or where it ended elsewhere.
	TLS *tls.ConnectionState
	// Certificate is the client certificate, if there is one that an accepted authority
	// signed.
	Certificate *x509.Certificate
	// Host and Target are those of the request, Origin is the web page's.
	Host, Target, Origin string
	// User and Password come from HTTP Basic. The password is there only inside Authorize.
	User     string
	Password Secret
	// Token is a bearer token; only inside Authorize.
	Token Secret
	// Client, Language, Subtype, Options and Priority are the sap-* fields.
	Client, Language, Subtype, Options, Priority string
	// Stateful: the query asks for a stateful session.
	Stateful bool

	established string
	proof       []byte // of user and password, for SamePassword
}

// Establish says that the caller has proved to be user: a LOGON without a user and password is
// then his. For Basic it is not needed, because the LOGON carries the same again.
func (c *Caller) Establish(user string) { c.established = user }

// proofKey makes proofs useless outside of this process.
var proofKey = sync.OnceValue(func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key
})

func proof(user string, password Secret) []byte {
	h := hmac.New(sha256.New, proofKey())
	_, _ = fmt.Fprintf(h, "%d:%s:%s", len(user), strings.ToUpper(user), password.Reveal())
	return h.Sum(nil)
}

// SameLogon reports whether a user and password are those that came with HTTP Basic; given is
// false if none came. It does so in constant time.
func (c *Caller) SameLogon(user string, password Secret) (given, same bool) {
	if c.proof == nil {
		return false, false
	}
	return true, hmac.Equal(c.proof, proof(user, password))
}

// forget drops what only Authorize may see.
func (c *Caller) forget() {
	if c.User != "" {
		c.proof = proof(c.User, c.Password)
	}
	c.Password, c.Token = "", ""
}

// Refusal is the answer to a request that does not become a WebSocket.
type Refusal struct {
	// Status is the HTTP status, Text one line for people.
	Status int
	Text   string
	// RetryAfter is when another attempt is worth it; for status 503 and 429.
	RetryAfter time.Duration
	// Err is for the log of the serving side; may be nil.
	Err error
}

// Error implements error.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("refused with HTTP %d: %s", r.Status, r.Text)
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// LogValue keeps logs short.
func (r *Refusal) LogValue() slog.Value { return slog.StringValue(r.Error()) }

// Unauthorized is the refusal of a caller that has not said who he is, or not rightly: the same
// for an unknown user and a wrong password.
func Unauthorized(err error) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Text: "name or password is incorrect", Err: err}
}

func refuse(status int, text string) *Refusal { return &Refusal{Status: status, Text: text} }

func (c AcceptConfig) withDefaults() AcceptConfig {
	if c.Path == "" {
		c.Path, _, _ = strings.Cut(DefaultPath, "?")
	}
	for _, d := range []struct {
		value *int64
		std   int64
	}{{&c.MessageLimit, DefaultMessageLimit}, {&c.StreamLimit, DefaultStreamLimit}, {&c.Split, DefaultSplit}} {
		if *d.value <= 0 {
			*d.value = d.std
		}
	}
	if c.BeforeLogon <= 0 {
		c.BeforeLogon = c.MessageLimit
	}
	if c.Handshake <= 0 {
		c.Handshake = DefaultHandshake
	}
	if c.PingPeriod > 0 && c.PongTimeout == 0 {
		c.PongTimeout = DefaultPongTimeout
	}
	return c
}

// check finds out whether a request asks for what is served here, and who asks.
func (c *AcceptConfig) check(r *http.Request, routed bool) (*Caller, *Refusal) {
	caller := &Caller{
		Remote: r.RemoteAddr, TLS: r.TLS, Host: printable(r.Host, 255), Target: printable(r.URL.Path, maxReason),
		Client: one(r, "sap-client"), Language: one(r, "sap-language"), Subtype: one(r, "sap-rfc-subtype"), Options: one(r, "sap-rfc-options"), Priority: one(r, "sap-session-priority"),
		Origin: one(r, "Origin"), Stateful: r.URL.Query().Get("sap-apc-stateful") == "true",
	}
	switch {
	case r.ProtoMajor != 1:
		return caller, refuse(http.StatusHTTPVersionNotSupported, "WebSocket RFC needs HTTP/1.1; switch HTTP/2 off for this listener (NextProtos http/1.1)")
	case r.ProtoMinor < 1:
		return caller, refuse(http.StatusHTTPVersionNotSupported, "WebSocket RFC needs HTTP/1.1")
	case r.TLS == nil && !c.AllowPlain:
		return caller, refuse(http.StatusForbidden, "WebSocket RFC requires TLS (https)")
	case r.TLS != nil && r.TLS.Version < tls.VersionTLS12:
		return caller, refuse(http.StatusForbidden, "WebSocket RFC requires TLS 1.2 or later")
	case !routed && c.Path != "*" && r.URL.Path != c.Path:
		return caller, refuse(http.StatusNotFound, "there is nothing here")
	case r.Method != http.MethodGet:
		return caller, refuse(http.StatusMethodNotAllowed, "an upgrade is a GET")
	case r.Host == "":
		return caller, refuse(http.StatusBadRequest, "no host")
	case r.ContentLength > 0 || len(r.TransferEncoding) > 0:
		return caller, refuse(http.StatusBadRequest, "an upgrade has no body")
	case len(r.Header.Values("Upgrade")) == 0:
		return caller, refuse(http.StatusUpgradeRequired, "this is WebSocket RFC: an upgrade to websocket is required")
	}
	for _, name := range []string{"Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Authorization", "Origin", "sap-client", "sap-language"} {
		if len(r.Header.Values(name)) > 1 {
			return caller, refuse(http.StatusBadRequest, "more than one "+name)
		}
	}
	key, err := base64.StdEncoding.DecodeString(one(r, "Sec-WebSocket-Key"))
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		return caller, refuse(http.StatusBadRequest, "not an upgrade to websocket")
	case one(r, "Sec-WebSocket-Version") != "13":
		return caller, refuse(http.StatusUpgradeRequired, "WebSocket version 13 is required")
	case err != nil || len(key) != 16:
		return caller, refuse(http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64")
	case len(r.Header.Values("Sec-WebSocket-Protocol")) > 0 && !slices.Contains(websocket.Subprotocols(r), Subprotocol):
		return caller, refuse(http.StatusBadRequest, "the sub-protocol "+Subprotocol+" is not among those offered")
	case caller.Origin != "" && !slices.Contains(c.Origins, caller.Origin):
		return caller, refuse(http.StatusForbidden, "web pages of this origin are not allowed")
	}
	return caller, caller.identify(r)
}

func one(r *http.Request, name string) string { return r.Header.Get(name) }

// identify reads what the caller presents.
func (c *Caller) identify(r *http.Request) *Refusal {
	if c.TLS != nil && len(c.TLS.VerifiedChains) > 0 {
		c.Certificate = c.TLS.PeerCertificates[0]
	}
	value := r.Header.Get("Authorization")
	if value == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		b, err := base64.StdEncoding.DecodeString(rest)
		defer clear(b)
		user, password, ok := strings.Cut(basicText(b), ":")
		if err != nil || !ok {
			return refuse(http.StatusBadRequest, "Authorization is not HTTP Basic")
		}
		c.User, c.Password = user, Secret(password)
	case strings.EqualFold(scheme, "Bearer"):
		c.Token = Secret(rest)
	default:
		return Unauthorized(errors.New("a scheme of Authorization that is not served"))
	}
	return nil
}

// basicText decodes a name and password: UTF-8 where it is, else Latin-1, which clients of RFC
// send.
func basicText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out, _ := codepage.Latin1.Decode(nil, b, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	return string(out)
}

// authorize asks the owner of the server.
func (c *AcceptConfig) authorize(ctx context.Context, caller *Caller) *Refusal {
	defer caller.forget()
	if c.Authorize == nil {
		return Unauthorized(errors.New("no Authorize"))
	}
	err := c.Authorize(ctx, caller)
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return Unauthorized(err)
}

// answer writes the HTTP response of a refusal.
func (r *Refusal) answer(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	text := r.Text
	switch r.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="SAP"`)
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h["Sec-WebSocket-Version"] = []string{"13"}
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, text+"\n") //nolint:gosec // a line of our own, and plain text
}

// ServerTLS is t with what WebSocket RFC needs of it: TLS 1.2 or later and nothing but HTTP/1.1.
// It returns t itself if that is so already, else a copy. Who accepts many connections calls it
// once: a copy for each would have tickets of its own and let nobody resume a session.
func ServerTLS(t *tls.Config) *tls.Config {
	if t.MinVersion >= tls.VersionTLS12 && slices.Equal(t.NextProtos, onlyHTTP1) && t.DynamicRecordSizingDisabled && t.GetConfigForClient == nil {
		return t
	}
	t = t.Clone()
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.NextProtos = onlyHTTP1
	// Records as large as they may be from the start: an answer of 1.3 KB is one record.
	t.DynamicRecordSizingDisabled = true
	if choose := t.GetConfigForClient; choose != nil {
		t.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := choose(h)
			if c == nil || err != nil {
				return c, err
			}
			return ServerTLS(c), nil
		}
	}
	return t
}

// onlyHTTP1 keeps HTTP/2 away: it has another way to WebSocket.
var onlyHTTP1 = []string{"http/1.1"}

// Accept serves one client on a fresh connection: TLS, the upgrade, the check of who asks.
// Clients that break the rules, that Authorize refuses or that want something else get an
// answer in HTTP, as far as they speak it. On error nc is closed; the error is for the log.
func Accept(ctx context.Context, nc net.Conn, cfg AcceptConfig) (*Conn, error) {
	cfg = cfg.withDefaults()
	s := newSock(nc)
	a := &accepting{cfg: &cfg, sock: s, plain: s, link: &link{Conn: s, sock: s}}
	stop := context.AfterFunc(ctx, s.interrupt)
	err := s.limit(cfg.Handshake)
	if err == nil {
		err = a.run(ctx)
	}
	if !stop() {
		err = contextError(ctx, err)
	}
	if err == nil {
		err = s.limit(0)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return a.conn(), nil
}

// accepting is a client that is being let in.
type accepting struct {
	cfg    *AcceptConfig
	sock   *sock
	tls    *tls.Conn
	plain  io.ReadWriter
	link   *link
	caller *Caller
	ws     *websocket.Conn
	info   Info
}

func (a *accepting) conn() *Conn {
	c := newConn(a.link, a.plain, a.ws, nil, a.cfg.BeforeLogon, true)
	c.tls, c.info, c.caller, c.accepting, c.id = a.tls, a.info, a.caller, true, a.cfg.ID
	c.afterLogon, c.limit, c.split = a.cfg.MessageLimit, a.cfg.StreamLimit, a.cfg.Split
	c.watch.Join(a.cfg.Watchdog, (*watched)(c))
	if a.cfg.PingPeriod > 0 {
		c.ping = newPinger(a.cfg.PingPeriod, max(a.cfg.PongTimeout, 0))
		if c.keeper = a.cfg.Keeper; c.keeper == nil {
			c.keeper = &shared
		}
		c.keeper.add(c)
	}
	return c
}

func (a *accepting) run(ctx context.Context) error {
	if a.cfg.TLS == nil && !a.cfg.AllowPlain {
		return errors.New("wsrfc: no TLS configuration; WebSocket RFC requires TLS")
	}
	if a.cfg.TLS != nil {
		if err := a.secure(ctx); err != nil {
			return err
		}
	}
	head, early, err := httphead.Read(a.plain, 0)
	if err != nil {
		return a.unreadable(err)
	}
	r, err := newRequest(head, a.sock.RemoteAddr(), a.info.TLS)
	if err != nil {
		return a.unreadable(err)
	}
	w := &response{a: a}
	if len(early) > 0 {
		return a.say(w, refuse(http.StatusBadRequest, "bytes behind the request"))
	}
	if refusal := a.serve(ctx, w, r, false); refusal != nil {
		return refusal
	}
	return nil
}

// serve answers one request; nil means that there is a WebSocket.
func (a *accepting) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, routed bool) *Refusal {
	caller, refusal := a.cfg.check(r, routed)
	a.caller = caller
	if refusal == nil {
		refusal = a.cfg.authorize(ctx, caller)
	} else {
		caller.forget()
	}
	if refusal != nil {
		_ = a.say(w, refusal)
		return refusal
	}
	a.info.Path = caller.Target
	u := websocket.Upgrader{
		ReadBufferSize: maxControlPayload, WriteBufferSize: writeBuffer, WriteBufferPool: &writePool,
		Subprotocols: []string{Subprotocol}, CheckOrigin: func(*http.Request) bool { return true }, // checked before
	}
	ws, err := u.Upgrade(w, r, nil)
	if err != nil {
		return &Refusal{Status: http.StatusInternalServerError, Text: "the upgrade failed", Err: err}
	}
	a.ws = ws
	a.info.Subprotocol = ws.Subprotocol() != ""
	return nil
}

// say sends a refusal and returns it.
func (a *accepting) say(w http.ResponseWriter, r *Refusal) error {
	r.answer(w)
	if f, ok := w.(*response); ok {
		if err := f.send(); err != nil {
			return errors.Join(r, err)
		}
	}
	return r
}

// unreadable answers what is no request.
func (a *accepting) unreadable(err error) error {
	refusal := &Refusal{Status: http.StatusBadRequest, Text: "not a request of HTTP/1.1", Err: err}
	switch code := closeCode(err); {
	case a.sock.peer() == "SAP NI": // without TLS
		a.sayNI()
	case code == closeTooBig:
		refusal.Status, refusal.Text = http.StatusRequestHeaderFieldsTooLarge, "the head of the request is too large"
		return a.say(&response{a: a}, refusal)
	case strings.Contains(err.Error(), "HTTP/2"):
		refusal.Status, refusal.Text = http.StatusHTTPVersionNotSupported, "WebSocket RFC needs HTTP/1.1, not HTTP/2"
		return a.say(&response{a: a}, refusal)
	case code != 0:
		return a.say(&response{a: a}, refusal)
	}
	return ended(err)
}

// secure does the TLS handshake. A client that speaks something else is told so in its own
// words.
func (a *accepting) secure(ctx context.Context) error {
	a.tls = tls.Server(a.sock, ServerTLS(a.cfg.TLS))
	if err := a.tls.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
		if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
			switch name := a.sock.peer(); name {
			case "HTTP":
				a.plain = a.sock
				return a.say(&response{a: a}, &Refusal{Status: http.StatusBadRequest, Text: "this port speaks TLS: use https and wss", Err: err})
			case "SAP NI":
				a.sayNI()
				return fmt.Errorf("wsrfc: the client speaks SAP NI (classic RFC) on a port for WebSocket RFC: %w", err)
			case "":
			default:
				return fmt.Errorf("wsrfc: the client speaks %s: %w", name, err)
			}
		}
		return fmt.Errorf("wsrfc: TLS: %w", err)
	}
	state := a.tls.ConnectionState()
	a.info.TLS, a.plain, a.link.Conn = &state, a.tls, a.tls
	return nil
}

// sayNI tells a client of classic RFC that it is wrong here, in a record it understands.
func (a *accepting) sayNI() {
	const text = "this port speaks WebSocket RFC (jco.client.wshost, wsport), not classic RFC"
	info := ni.ErrorInfo{Text: text, ReturnCode: "-1", Component: "WebSocket RFC", Version: "1", Detail: text}
	payload, err := info.AppendBinary(nil)
	if err == nil {
		_, _ = a.sock.Write(ni.AppendRecord(nil, payload))
	}
}

// newRequest makes a request of its head.
func newRequest(h *httphead.Head, remote net.Addr, state *tls.ConnectionState) (*http.Request, error) {
	method, target, err := h.Request()
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, errors.New("wsrfc: the target of the request is no URI")
	}
	host, err := h.Get("Host")
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), Host: host, TLS: state}
	if strings.HasSuffix(h.Start, "HTTP/1.0") {
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	}
	if remote != nil {
		r.RemoteAddr = remote.String()
	}
	for _, f := range h.Fields {
		r.Header.Add(f.Name, f.Value)
	}
	if n, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); err == nil {
		r.ContentLength = n
	}
	r.TransferEncoding = r.Header.Values("Transfer-Encoding")
	return r, nil
}

// response is the http.ResponseWriter of a connection that no web server owns.
type response struct {
	a      *accepting
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

func (w *response) WriteHeader(status int)      { w.status = status }
func (w *response) Write(p []byte) (int, error) { return w.body.Write(p) }

// Hijack hands the connection to the library's upgrade.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	l := w.a.link
	return l, bufio.NewReadWriter(bufio.NewReaderSize(l, 16), bufio.NewWriterSize(l, 16)), nil
}

// send writes the response.
func (w *response) send() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	_ = w.header.Write(&b)
	b.WriteString("\r\n")
	b.Write(w.body.Bytes())
	if _, err := w.a.plain.Write(b.Bytes()); err != nil {
		return err
	}
	return w.a.linger()
}

// linger ends TLS and reads what the client still sends, so that the answer is not lost with
// it.
func (a *accepting) linger() error {
	if a.plain == a.tls {
		_ = a.tls.CloseWrite()
	} else if c, ok := a.sock.nc.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	if err := a.sock.limit(closeWait); err != nil {
		return err
	}
	buf := make([]byte, 4<<10)
	for n := 0; n < maxCloseDrain; {
		m, err := a.sock.Read(buf)
		if n += m; err != nil {
			break
		}
	}
	return nil
}

// Upgrade serves a request that a web server has received: the conversation takes its
// connection over. A request that is refused has been answered when Upgrade returns; the error
// is for the log.
func Upgrade(w http.ResponseWriter, r *http.Request, cfg AcceptConfig) (*Conn, error) {
	cfg = cfg.withDefaults()
	a := &accepting{cfg: &cfg, info: Info{TLS: r.TLS}}
	if refusal := a.serve(r.Context(), &hijacker{ResponseWriter: w, a: a}, r, true); refusal != nil {
		return nil, refusal
	}
	c := a.conn()
	if err := c.sock.limit(0); err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

// hijacker puts our socket between the library and the connection of the web server.
type hijacker struct {
	http.ResponseWriter
	a *accepting
}

// Hijack takes the connection over, with what has been read from it already.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := nc.SetDeadline(time.Time{}); err != nil { // those of the web server
		_ = nc.Close()
		return nil, nil, err
	}
	s := newSock(nc)
	h.a.sock, h.a.plain = s, s
	h.a.link = &link{Conn: s, sock: s}
	return h.a.link, rw, nil
}

package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// WebSocket says how a Server serves WebSocket RFC: who may come in over HTTPS, and what may be
// called there. Users, limits, modules and the description of the system are the Server's.
//
// Wire documents: spec 13; the handshake and its answers are those of package wsrfc.
type WebSocket struct {
	// TLS has the certificate of the server. Required by ServeWebSocket unless AllowPlain. TLS
	// 1.2 is the least, and HTTP/1.1 the only protocol, whatever it says.
	TLS *tls.Config
	// AllowPlain serves connections without TLS: behind a proxy that ends TLS, and in tests.
	AllowPlain bool
	// Functions is the allow list: names of function modules, or starts of names with * behind
	// them; "*" alone is everything. Nothing else can be called, whoever asks, as a system does
	// with UCON. Default: nothing but what belongs to the protocol: RFCPING, RFC_PING,
	// RFC_SYSTEM_INFO and SYSTEM_RESET_RFC_SERVER.
	Functions []string
	// Origins lists the values of Origin that web pages may have. Default none.
	Origins []string
	// ClientCAs are the authorities whose client certificates are looked at, CertificateUser
	// gives the user that one belongs to, or refuses it. Both or neither.
	ClientCAs       *x509.CertPool
	CertificateUser func(ctx context.Context, cert *x509.Certificate) (user string, err error)
	// TokenUser gives the user that a bearer token belongs to, or refuses it. Default: refused.
	TokenUser func(ctx context.Context, token rfc.Secret) (user string, err error)
	// LogonInRecord also takes callers that present nothing in HTTP: their LOGON decides.
	// Default: they are asked for HTTP Basic (status 401).
	LogonInRecord bool
	// Split is how many bytes of a reply go into one WebSocket message. Default
	// wsrfc.DefaultSplit.
	Split int64
	// PingPeriod is how long a client may be silent until it is asked for a sign of life,
	// PongTimeout how long it has then. Default: it is not asked, because clients that read
	// only when they wait for an answer could not reply; the operating system's keepalive is on.
	PingPeriod, PongTimeout time.Duration
}

// webSocketState is what a Server derives from its WebSocket once.
type webSocketState struct {
	once    sync.Once
	err     error
	tls     *tls.Config
	handler rfc.Handler
}

// sessionFunctions are called by clients on their own account: the logon and the pings of
// connections, the reset of a session, the question for the formats.
var sessionFunctions = []string{"RFCPING", "RFC_PING", "RFC_SYSTEM_INFO", "SYSTEM_RESET_RFC_SERVER"}

// allowList is a Handler that knows nothing but the modules of a list.
type allowList struct {
	next   rfc.Handler
	names  map[string]bool
	starts []string
}

func newAllowList(next rfc.Handler, functions []string) *allowList {
	a := &allowList{next: next, names: make(map[string]bool)}
	for _, f := range slices.Concat(sessionFunctions, functions) {
		if start, open := strings.CutSuffix(strings.ToUpper(f), "*"); open {
			a.starts = append(a.starts, start)
		} else {
			a.names[start] = true
		}
	}
	return a
}

// Module refuses what is not on the list, whether it exists or not.
func (a *allowList) Module(ctx context.Context, name string) (*rfc.Module, error) {
	if !a.names[name] && !slices.ContainsFunc(a.starts, func(s string) bool { return strings.HasPrefix(name, s) }) {
		return nil, &rfc.Error{Class: rfc.ClassDenied, Message: fmt.Sprintf("function module %.30s is not on the allow list of this system for WebSocket RFC", name)}
	}
	return a.next.Module(ctx, name)
}

// prepare checks the settings once.
func (s *Server) prepareWebSocket() error {
	w := &s.webSocket
	w.once.Do(func() {
		c := &s.WebSocket
		switch {
		case s.Handler == nil:
			w.err = errors.New("gateway: server without a Handler")
		case (c.ClientCAs == nil) != (c.CertificateUser == nil):
			w.err = errors.New("gateway: WebSocket.ClientCAs and CertificateUser: exactly one of them is given")
		default:
			w.handler = newAllowList(s.Handler, c.Functions)
		}
		if w.err == nil && c.TLS != nil {
			t := c.TLS.Clone()
			if c.ClientCAs != nil {
				t.ClientCAs = c.ClientCAs
				if t.ClientAuth < tls.VerifyClientCertIfGiven {
					t.ClientAuth = tls.VerifyClientCertIfGiven
				}
			}
			w.tls = wsrfc.ServerTLS(t)
		}
	})
	return w.err
}

// ListenAndServeWebSocket listens on a TCP address, host:port, and serves WebSocket RFC over TLS
// until ctx ends or the server is closed. An address without a host means loopback; another
// than loopback needs AllowRemote.
func (s *Server) ListenAndServeWebSocket(ctx context.Context, address string) error {
	l, err := s.Listen(ctx, address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	return s.ServeWebSocket(l)
}

// ServeWebSocket accepts connections of WebSocket RFC from l until the server is closed; it then
// returns ErrServerClosed. It closes l. l gives plain connections: TLS is done here.
func (s *Server) ServeWebSocket(l net.Listener) error {
	err := s.prepareWebSocket()
	if err == nil && s.WebSocket.TLS == nil && !s.WebSocket.AllowPlain {
		err = errors.New("gateway: WebSocket.TLS is required; WebSocket RFC requires TLS")
	}
	if err != nil {
		_ = l.Close()
		return err
	}
	return s.serve(l, s.ServeWebSocketConn)
}

// ServeWebSocketConn serves one client of WebSocket RFC on an existing connection and returns
// when it is done. It closes nc.
func (s *Server) ServeWebSocketConn(ctx context.Context, nc net.Conn) {
	if err := s.prepareWebSocket(); err != nil {
		s.warn("connection refused", "remote", addrText(nc.RemoteAddr()), "error", err.Error())
		_ = nc.Close()
		return
	}
	keepAlive(nc)
	s.serveWebSocket(ctx, nc, nc.RemoteAddr(), func(ctx context.Context, cfg wsrfc.AcceptConfig) (*wsrfc.Conn, error) {
		return wsrfc.Accept(ctx, nc, cfg)
	})
}

// WebSocketHandler serves WebSocket RFC inside a web server that exists already, at whatever
// path it is mounted. The web server does TLS, at least 1.2, for HTTP/1.1 (an HTTP/2 connection
// cannot become a WebSocket here and is refused); client certificates are those that its own
// configuration verified. Close and Shutdown of this Server end the sessions.
func (s *Server) WebSocketHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.prepareWebSocket(); err != nil {
			s.warn("connection refused", "remote", r.RemoteAddr, "error", err.Error())
			http.Error(w, "this server is not set up", http.StatusInternalServerError)
			return
		}
		// What outlives the request is ended by this Server.
		ctx := context.WithoutCancel(r.Context())
		s.serveWebSocket(ctx, new(takenOver), remoteOf(r), func(ctx context.Context, cfg wsrfc.AcceptConfig) (*wsrfc.Conn, error) {
			return wsrfc.Upgrade(w, r.WithContext(ctx), cfg)
		})
	})
}

// takenOver stands for a connection that a web server owns until the upgrade.
type takenOver struct {
	mu     sync.Mutex
	conv   *wsrfc.Conn
	closed bool
}

// Close ends the conversation, or keeps it from starting.
func (t *takenOver) Close() error {
	t.mu.Lock()
	t.closed = true
	conv := t.conv
	t.mu.Unlock()
	if conv != nil {
		conv.Abort()
	}
	return nil
}

// started says that there is a conversation now.
func (t *takenOver) started(conv *wsrfc.Conn) {
	t.mu.Lock()
	t.conv = conv
	closed := t.closed
	t.mu.Unlock()
	if closed {
		conv.Abort()
	}
}

// remoteOf is the address of a request as the web server tells it.
func remoteOf(r *http.Request) net.Addr {
	if a, err := net.ResolveTCPAddr("tcp", r.RemoteAddr); err == nil { // a number, nothing is looked up
		return a
	}
	return &net.UnixAddr{Name: r.RemoteAddr, Net: "unix"}
}

// serveWebSocket counts a connection, lets the client in and serves it.
func (s *Server) serveWebSocket(ctx context.Context, nc interface{ Close() error }, remote net.Addr, accept func(context.Context, wsrfc.AcceptConfig) (*wsrfc.Conn, error)) {
	ctx, k, full := s.enter(ctx, nc, remote)
	if k == nil {
		return
	}
	defer s.leave(k)
	var refusal *wsrfc.Refusal
	id := ""
	if full != nil {
		refusal = &wsrfc.Refusal{Status: http.StatusServiceUnavailable, Text: full.Text, RetryAfter: retryAfter}
	} else {
		var err error
		if id, _, err = s.assign(k); err != nil {
			refusal = &wsrfc.Refusal{Status: http.StatusServiceUnavailable, Text: "no free conversation", RetryAfter: retryAfter, Err: err}
		}
	}
	w := &s.WebSocket
	cfg := wsrfc.AcceptConfig{
		TLS: s.webSocket.tls, AllowPlain: w.AllowPlain, Origins: w.Origins, ID: id,
		Handshake: min(s.logonLimit(), wsrfc.DefaultHandshake), BeforeLogon: MaxRecordBeforeLogon, StreamLimit: s.Limits.Message, Split: w.Split,
		PingPeriod: w.PingPeriod, PongTimeout: w.PongTimeout, Watchdog: &s.watchdog,
		Authorize: func(ctx context.Context, c *wsrfc.Caller) error {
			if refusal != nil {
				return refusal
			}
			return s.authorize(ctx, k, c)
		},
	}
	if refusal != nil {
		cfg.Handshake = refusalWait
	}
	conv, err := accept(ctx, cfg)
	if err != nil {
		s.warn("connection refused", "remote", k.remote, "error", err.Error())
		return
	}
	if t, ok := nc.(*takenOver); ok {
		t.started(conv)
	}
	s.session(ctx, k, conv, s.webSocket.handler, func(ctx context.Context, who *rfc.Peer) error {
		return s.authenticateRecord(ctx, k, conv.Caller(), who)
	})
}

// authorize decides about a caller before there is a WebSocket: by certificate, by token, or by
// HTTP Basic, which is throttled like every other logon.
func (s *Server) authorize(ctx context.Context, k *link, c *wsrfc.Caller) error {
	w := &s.WebSocket
	switch {
	case c.User != "":
		return s.guess(ctx, k, c.User, func() error {
			return s.identify(ctx, &rfc.Peer{
				Logon:  rfc.Logon{Client: c.Client, User: strings.ToUpper(c.User), Password: rfc.Secret(c.Password)},
				Remote: k.remote,
			})
		})
	case c.Token != "" && w.TokenUser != nil:
		return s.guess(ctx, k, "bearer", func() error {
			user, err := w.TokenUser(ctx, rfc.Secret(c.Token))
			return establish(c, user, err)
		})
	case c.Certificate != nil && w.CertificateUser != nil:
		return s.guess(ctx, k, c.Certificate.Subject.String(), func() error {
			user, err := w.CertificateUser(ctx, c.Certificate)
			return establish(c, user, err)
		})
	case s.AllowAnonymous, w.LogonInRecord:
		return nil
	}
	return errors.New("the caller presents nothing")
}

func establish(c *wsrfc.Caller, user string, err error) error {
	if err == nil && user == "" {
		err = errors.New("no user belongs to it")
	}
	if err == nil {
		c.Establish(user)
	}
	return err
}

// guess makes one attempt to prove an identity; failures slow the next ones down.
func (s *Server) guess(ctx context.Context, k *link, name string, try func() error) error {
	key := k.throttleKey(name)
	if err := s.failures.wait(ctx, key); err != nil {
		return err
	}
	if err := try(); err != nil {
		s.stats.failed.Add(1)
		s.failures.end(key, true)
		return err
	}
	s.failures.forget(key)
	return nil
}

// authenticateRecord checks the LOGON of a caller that the upgrade let in. What the upgrade has
// proved is not checked twice, but nobody may become somebody else on the way.
func (s *Server) authenticateRecord(ctx context.Context, k *link, c *wsrfc.Caller, who *rfc.Peer) error {
	if c.Client != "" && who.Logon.Client != "" && c.Client != who.Logon.Client {
		return fmt.Errorf("client %.16q in the upgrade, %.16q in the LOGON", c.Client, who.Logon.Client)
	}
	given, same := c.SameLogon(who.Logon.User, wsrfc.Secret(who.Logon.Password))
	switch {
	case given && !same:
		return errors.New("another user or password in the LOGON than in the upgrade")
	case given, who.Established:
		if err := s.checkClient(who.Logon.Client); err != nil {
			s.stats.failed.Add(1)
			return err
		}
		s.loggedOn(k)
		return nil
	}
	return s.authenticate(ctx, k, who)
}

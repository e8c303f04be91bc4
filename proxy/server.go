package proxy

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/listen"
	"github.com/purerfc/purerfc/internal/relay"
)

// Server is a proxy with Cloud Connectors behind it: a double of the connectivity service for
// tests and trials, or with Protocol HTTPConnect of an HTTP proxy. Set the fields before
// serving and leave them alone afterwards. The methods are safe for concurrent use.
//
//	srv := &proxy.Server{
//		Authenticate: func(token string) error { ... },
//		Locations:    map[string]proxy.Mappings{"plant-7": {"sales.virtual:3300": "127.0.0.1:3300"}},
//	}
//	l, err := srv.Listen(ctx, "127.0.0.1:0")
//	err = srv.Serve(l)
type Server struct {
	// Protocol is SOCKS5, the default, or HTTPConnect.
	Protocol Protocol
	// Authenticate judges the token of a client. Nil: SOCKS5 wants none (method 0x00, the
	// trusted mode), HTTPConnect looks at Users.
	Authenticate func(token string) error
	// LateRefusal tells a client of SOCKS5 at CONNECT that its token is refused (reply 5), in
	// place of the authentication: both are known [doc].
	LateRefusal bool
	// Users may connect through HTTPConnect with a password. Empty, and without Authenticate:
	// everybody may.
	Users map[string]Secret
	// Locations are the Cloud Connectors by their location id, "" for the one without. What
	// has no mapping is denied.
	Locations map[string]Mappings
	// Dial connects to what is behind a mapping. Default: net.Dialer with keepalive.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Answer, if set, may replace what is about to be sent in a phase: PhaseMethod, PhaseAuth or
	// PhaseConnect. It may wait; nil hangs up. For tests of clients.
	Answer func(phase Phase, answer []byte) []byte
	// AllowRemote lets Listen bind other addresses than loopback.
	AllowRemote bool
	// RequestLimit bounds the time up to CONNECT, DialLimit that for the back end. Defaults
	// DefaultRequestLimit and DefaultDialLimit.
	RequestLimit, DialLimit time.Duration
	// Logger gets one line for each tunnel, without tokens. Default none.
	Logger *slog.Logger

	listeners listen.Set
	mu        sync.Mutex
	open      map[net.Conn]struct{}
	closed    bool
	served    sync.WaitGroup
	stats     struct{ accepted, refused, denied, failed, tunnels atomic.Int64 }
}

// Mappings are what a Cloud Connector lets through: host:port as clients name it, to host:port
// behind it; without the latter both are the same.
type Mappings map[string]string

// ErrServerClosed is returned by Serve after Close.
var ErrServerClosed = errors.New("proxy: server closed")

// Stats is a snapshot of the counters of a Server.
type Stats struct {
	Open     int   // connections now
	Accepted int64 // connections accepted
	Refused  int64 // clients whose token or password was refused
	Denied   int64 // targets without a mapping, or at no location
	Failed   int64 // targets that were not reached, and clients that were not understood
	Tunnels  int64 // tunnels that stood
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := len(s.open)
	s.mu.Unlock()
	return Stats{
		Open: open, Accepted: s.stats.accepted.Load(), Refused: s.stats.refused.Load(), Denied: s.stats.denied.Load(),
		Failed: s.stats.failed.Load(), Tunnels: s.stats.tunnels.Load(),
	}
}

// Listen opens a listener on a TCP address, host:port. An address without a host means
// loopback; another than loopback needs AllowRemote.
func (s *Server) Listen(ctx context.Context, address string) (net.Listener, error) {
	return listen.Open(ctx, "proxy", address, "127.0.0.1:20004", s.AllowRemote)
}

// Serve accepts connections from l until the server is closed; it then returns
// ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.listeners.Accept(l, func(err error) { s.log(slog.LevelWarn, "accept failed", "error", err.Error()) }, func(nc net.Conn) {
		s.served.Go(func() { s.ServeConn(context.Background(), nc) })
	})
	if err != nil {
		return fmt.Errorf("proxy: accept: %w", err)
	}
	return ErrServerClosed
}

// Close ends everything and waits until no goroutine of Serve is left. It is idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for nc := range s.open {
		_ = nc.Close()
	}
	s.mu.Unlock()
	s.listeners.Close()
	s.listeners.Wait()
	s.served.Wait()
	return nil
}

// enter keeps a connection, so that Close can end it.
func (s *Server) enter(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[nc] = struct{}{}
	return true
}

func (s *Server) leave(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, nc)
}

// ServeConn serves one client on an existing connection, returns when it is done, and closes
// nc.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	s.stats.accepted.Add(1)
	defer nc.Close()
	if !s.enter(nc) {
		return
	}
	defer s.leave(nc)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	limit := s.RequestLimit
	if limit <= 0 {
		limit = DefaultRequestLimit
	}
	if nc.SetDeadline(time.Now().Add(limit)) != nil {
		return
	}
	serve := s.serveSOCKS
	if s.Protocol == HTTPConnect {
		serve = s.serveHTTP
	}
	far, err := serve(ctx, nc)
	if err != nil {
		s.log(slog.LevelWarn, "no tunnel", "error", err.Error())
		return
	}
	defer far.Close()
	if !s.enter(far) {
		return
	}
	defer s.leave(far)
	if nc.SetDeadline(time.Time{}) != nil {
		return
	}
	s.stats.tunnels.Add(1)
	relay.Run(nc, far, relay.Limits{})
}

func (s *Server) log(level slog.Level, msg string, args ...any) {
	if s.Logger != nil {
		s.Logger.Log(context.Background(), level, msg, args...)
	}
}

// say sends an answer.
func (s *Server) say(nc net.Conn, phase Phase, answer ...byte) error {
	if s.Answer != nil {
		if answer = s.Answer(phase, answer); answer == nil {
			return errors.New("hung up on purpose")
		}
	}
	_, err := nc.Write(answer)
	return err
}

// serveSOCKS speaks SOCKS5 up to the tunnel.
func (s *Server) serveSOCKS(ctx context.Context, nc net.Conn) (net.Conn, error) {
	method := byte(methodNone)
	if s.Authenticate != nil {
		method = methodToken
	}
	offered, err := readGreeting(nc)
	if err != nil {
		return nil, s.misunderstood(err)
	}
	if !strings.Contains(string(offered), string([]byte{method})) {
		s.stats.refused.Add(1)
		return nil, errors.Join(fmt.Errorf("methods % x, %02x is needed", offered, method), s.say(nc, PhaseMethod, version, methodNo))
	}
	if err := s.say(nc, PhaseMethod, version, method); err != nil {
		return nil, err
	}
	var refused error
	location := ""
	if method == methodToken {
		token, id, err := readAuthentication(nc)
		if err != nil {
			return nil, s.misunderstood(err)
		}
		location, refused = id, s.Authenticate(token)
		status := byte(0)
		if refused != nil {
			s.stats.refused.Add(1)
			if !s.LateRefusal {
				status = 1
			}
		}
		if err := s.say(nc, PhaseAuth, authVersion, status); err != nil || status != 0 {
			return nil, errors.Join(refused, err)
		}
	}
	t, reply, err := readConnect(nc)
	if err != nil {
		return nil, s.misunderstood(err)
	}
	var far net.Conn
	switch {
	case refused != nil:
		reply, err = ConnectionRefused, refused
	case reply == Succeeded:
		far, reply, err = s.onward(ctx, location, t)
	default:
		s.stats.failed.Add(1)
		err = errors.New(reply.String())
	}
	answer := append([]byte{version, byte(reply), 0, typeIPv4}, make([]byte, 6)...)
	if werr := s.say(nc, PhaseConnect, answer...); werr != nil {
		err = errors.Join(err, werr)
	}
	if err != nil && far != nil {
		_ = far.Close()
	}
	return far, err
}

func (s *Server) misunderstood(err error) error {
	s.stats.failed.Add(1)
	return err
}

// readGreeting reads the methods that a client offers.
func readGreeting(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	if head[0] != version {
		return nil, fmt.Errorf("version %#02x, 05 required", head[0])
	}
	offered := make([]byte, head[1])
	_, err := io.ReadFull(r, offered)
	return offered, err
}

// readAuthentication reads token and location id. Memory for the token grows with what comes.
func readAuthentication(r io.Reader) (token, location string, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", "", err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != authVersion || n > MaxToken {
		return "", "", fmt.Errorf("version %#02x and a token of %d bytes, 01 and at most %d required", head[0], n, MaxToken)
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return "", "", err
	}
	if err := checkToken(b.String()); err != nil {
		return "", "", err
	}
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return "", "", err
	}
	coded := make([]byte, head[0])
	if _, err := io.ReadFull(r, coded); err != nil {
		return "", "", err
	}
	id, err := base64.StdEncoding.Strict().DecodeString(string(coded))
	if err != nil {
		return "", "", errors.New("the location id is not base64")
	}
	return b.String(), string(id), nil
}

// readConnect reads the target. A request that is understood and not possible has a reply.
func readConnect(r io.Reader) (t target, reply Reply, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return t, 0, err
	}
	if head[0] != version || head[2] != 0 {
		return t, 0, fmt.Errorf("% x, 05, a command and 00 required", head[:3])
	}
	var length [1]byte
	switch head[3] {
	case typeIPv4:
		length[0] = 4
	case typeIPv6:
		length[0] = 16
	case typeName:
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return t, 0, err
		}
	default:
		return t, AddressUnsupported, nil
	}
	rest := make([]byte, int(length[0])+2)
	if _, err := io.ReadFull(r, rest); err != nil {
		return t, 0, err
	}
	address := rest[:length[0]]
	t = target{host: string(address), port: binary.BigEndian.Uint16(rest[length[0]:])}
	switch {
	case head[3] == typeIPv6:
		reply = AddressUnsupported
	case head[1] != commandConnect:
		reply = CommandUnsupported
	case head[3] == typeIPv4:
		t.host = netip.AddrFrom4([4]byte(address)).String()
	}
	return t, reply, nil
}

// onward connects to what is behind a mapping.
func (s *Server) onward(ctx context.Context, location string, t target) (net.Conn, Reply, error) {
	mappings, ok := s.Locations[location]
	if !ok {
		s.stats.denied.Add(1)
		return nil, NetworkUnreachable, errors.New("no Cloud Connector at the location")
	}
	address, ok := mappings[t.String()]
	if !ok {
		s.stats.denied.Add(1)
		return nil, Forbidden, fmt.Errorf("no mapping of %.64q", t.String())
	}
	if address == "" {
		address = t.String()
	}
	limit := s.DialLimit
	if limit <= 0 {
		limit = DefaultDialLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext
	}
	far, err := dial(ctx, "tcp", address)
	if err != nil {
		s.stats.failed.Add(1)
		return nil, HostUnreachable, err
	}
	return far, Succeeded, nil
}

// statuses are what HTTP has for a reply.
var statuses = map[Reply]int{Succeeded: http.StatusOK, Forbidden: http.StatusForbidden, HostUnreachable: http.StatusBadGateway, NetworkUnreachable: http.StatusServiceUnavailable}

// serveHTTP speaks HTTP up to the tunnel.
func (s *Server) serveHTTP(ctx context.Context, nc net.Conn) (net.Conn, error) {
	head, early, err := httphead.Read(nc, 0)
	if err != nil {
		return nil, s.misunderstood(err)
	}
	status := http.StatusBadRequest
	method, address, err := head.Request()
	t, terr := parseTarget(address)
	authorization, aerr := head.Get("Proxy-Authorization")
	var far net.Conn
	switch {
	case err != nil || aerr != nil:
		err = errors.Join(err, aerr)
	case method != http.MethodConnect:
		status, err = http.StatusMethodNotAllowed, fmt.Errorf("method %.16q", method)
	case terr != nil:
		err = terr
	default:
		if err = s.allowed(authorization); err != nil {
			s.stats.refused.Add(1)
			status = http.StatusProxyAuthRequired
			break
		}
		var reply Reply
		far, reply, err = s.onward(ctx, "", t)
		status = statuses[reply]
	}
	answer := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	if status == http.StatusProxyAuthRequired {
		answer = append(answer, "Proxy-Authenticate: Basic realm=\"proxy\"\r\n"...)
	}
	if status != http.StatusOK {
		answer = append(answer, "Content-Length: 0\r\n"...)
	}
	if werr := s.say(nc, PhaseConnect, append(answer, "\r\n"...)...); werr != nil {
		err = errors.Join(err, werr)
	}
	if err == nil && len(early) > 0 {
		_, err = far.Write(early)
	}
	if err != nil && far != nil {
		_ = far.Close()
	}
	return far, err
}

// allowed looks at the header of a client.
func (s *Server) allowed(authorization string) error {
	scheme, value, _ := strings.Cut(authorization, " ")
	switch {
	case s.Authenticate != nil && strings.EqualFold(scheme, "Bearer"):
		return s.Authenticate(value)
	case s.Authenticate != nil:
		return errors.New("no bearer token")
	case len(s.Users) == 0:
		return nil
	}
	for user, password := range s.Users {
		if subtle.ConstantTimeCompare([]byte(authorization), []byte(Basic(user, password))) == 1 {
			return nil
		}
	}
	return errors.New("no user with this password: " + strconv.Quote(scheme))
}

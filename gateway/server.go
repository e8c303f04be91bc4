package gateway

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/listen"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// Server serves RFC clients, classic ones and those of WebSocket RFC, from one Handler. Set the
// fields before serving and leave them alone afterwards. The methods are safe for concurrent
// use.
//
//	srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}
//	err := srv.ListenAndServe(ctx, "127.0.0.1:3300")
type Server struct {
	// Handler finds function modules, usually an *rfc.Mux. Required.
	Handler rfc.Handler
	// Authenticate checks who logs on. Required unless AllowAnonymous; Users is a simple one.
	Authenticate func(ctx context.Context, who *rfc.Peer) error
	// AllowAnonymous serves sessions without a user. Default: refused.
	AllowAnonymous bool
	// Clients lists the client numbers that may be logged on to; empty means all.
	Clients []string
	// KnownHosts are the hosts that a client may name as its partner, in any case of letters.
	// Empty: all. A real gateway looks the name up, so that a virtual one is refused.
	KnownHosts []string
	// System is what clients are told about this system.
	System rfc.System
	// Values says how values are converted, and MirrorFormat how big-endian callers are
	// answered; see rfc.SessionConfig.
	Values       serialization.Options
	MirrorFormat bool
	// AllowRemote lets ListenAndServe bind other addresses than loopback.
	AllowRemote bool
	// MaxConnections and MaxPerAddress bound the connections. Beyond them a client reads a
	// refusal. Defaults DefaultMaxConnections and DefaultMaxPerAddress; negative: no limit.
	MaxConnections, MaxPerAddress int
	// LogonLimit bounds the time to the logon, IdleLimit the wait between calls. Defaults
	// DefaultLogonLimit and no limit.
	LogonLimit, IdleLimit time.Duration
	// Limits bounds messages, NI the records; the default of NI.MaxRecord is
	// DefaultMaxRecord here.
	Limits rfc.Limits
	NI     ni.Config
	// WebSocket says how WebSocket RFC is served; see ServeWebSocket and WebSocketHandler.
	WebSocket WebSocket
	// Logger gets what goes wrong; default none.
	Logger *slog.Logger

	mu        sync.Mutex
	listeners listen.Set
	links     map[*link]struct{}
	perIP     map[string]int
	ids       map[string]struct{}
	indices   map[uint16]struct{}
	open      int // connections that no limit refused
	strangers strangers
	refusing  int // connections that are about to read why they are refused
	next      uint16
	draining  bool
	shutting  atomic.Bool // draining, for those without the lock
	closed    bool
	failures  throttle
	watchdog  cpic.Watchdog
	webSocket webSocketState
	done      sync.WaitGroup
	stats     struct{ accepted, refused, logons, failed atomic.Int64 }
}

// link is one connection.
type link struct {
	server  *Server
	nc      io.Closer
	remote  string
	ip      string
	cancel  context.CancelCauseFunc
	conv    rfc.ServerConversation
	id      string
	index   uint16
	idle    atomic.Bool
	logged  bool
	refused bool
	counted bool // Shutdown waits for it

	since  time.Time
	waiter *list.Element // in strangers; nil behind the logon
}

// ErrServerClosed is returned by Serve after Shutdown or Close.
var ErrServerClosed = errors.New("gateway: server closed")

// Stats is a snapshot of a server's counters.
type Stats struct {
	Open     int   // connections now
	Accepted int64 // connections accepted
	Refused  int64 // connections refused by a limit, and half-open ones dropped for others
	Logons   int64 // successful logons
	Failed   int64 // refused logons
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	return Stats{
		Open: open, Accepted: s.stats.accepted.Load(), Refused: s.stats.refused.Load(),
		Logons: s.stats.logons.Load(), Failed: s.stats.failed.Load(),
	}
}

// ListenAndServe listens on a TCP address, host:port, and serves until ctx ends or the
// server is closed. An address without a host means loopback; another than loopback needs
// AllowRemote.
func (s *Server) ListenAndServe(ctx context.Context, address string) error {
	l, err := s.Listen(ctx, address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	return s.Serve(l)
}

// Listen opens the listener that ListenAndServe would serve.
func (s *Server) Listen(ctx context.Context, address string) (net.Listener, error) {
	return listen.Open(ctx, "gateway", address, "127.0.0.1:3300", s.AllowRemote)
}

// Serve accepts connections from l until the server is closed; it then returns
// ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, s.ServeConn) }

// serve accepts connections and serves them in one way.
func (s *Server) serve(l net.Listener, serve func(context.Context, net.Conn)) error {
	if s.Handler == nil {
		_ = l.Close()
		return errors.New("gateway: server without a Handler")
	}
	err := s.listeners.Accept(l, func(err error) { s.warn("accept failed", "error", err.Error()) }, func(nc net.Conn) {
		s.stats.accepted.Add(1)
		go serve(context.Background(), nc) // counted and owned by the server, see admit
	})
	if err != nil {
		return fmt.Errorf("gateway: accept: %w", err)
	}
	return ErrServerClosed
}

func (s *Server) warn(msg string, args ...any) {
	if s.Logger != nil {
		s.Logger.Warn(msg, args...)
	}
}

// ServeConn serves one client on an existing connection and returns when it is done. It
// closes nc.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	keepAlive(nc) // plain clients must not be pinged at NI level; the operating system may
	ctx, k, refusal := s.enter(ctx, nc, nc.RemoteAddr())
	if k == nil {
		return
	}
	defer s.leave(k)
	logon := s.logonLimit()
	first := min(logon, cpic.DefaultFirstRecord)
	if refusal != nil {
		first = refusalWait
	}
	records := s.NI
	if records.MaxRecord == 0 {
		records.MaxRecord = DefaultMaxRecord
	}
	conv, err := cpic.Accept(ctx, nc, cpic.AcceptConfig{
		Assign: func(*cpic.GatewayRecord) (string, uint16, error) {
			if refusal != nil {
				return "", 0, refusal
			}
			return s.assign(k)
		},
		KnownHost:   s.knows,
		FirstRecord: first, Setup: logon, Location: s.location(nc),
		MessageLimit: s.Limits.Message, BeforeLogon: MaxRecordBeforeLogon, Watchdog: &s.watchdog, NI: records,
	})
	if err != nil {
		if !errors.Is(err, cpic.ErrGatewayCheck) {
			s.warn("connection refused", "remote", k.remote, "error", err.Error())
		}
		return
	}
	s.session(ctx, k, conv, s.Handler, func(ctx context.Context, who *rfc.Peer) error { return s.authenticate(ctx, k, who) })
}

// knows reports whether the server has a host.
func (s *Server) knows(host string) bool {
	return len(s.KnownHosts) == 0 || slices.ContainsFunc(s.KnownHosts, func(h string) bool { return strings.EqualFold(h, host) })
}

func keepAlive(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
}

func (s *Server) logonLimit() time.Duration {
	if s.LogonLimit <= 0 {
		return DefaultLogonLimit
	}
	return s.LogonLimit
}

// enter counts a connection. A nil link means that it was dropped without a word; a refusal is
// to be told. Whoever gets a link calls leave.
func (s *Server) enter(ctx context.Context, nc io.Closer, remote net.Addr) (context.Context, *link, *cpic.Error) {
	ctx, cancel := context.WithCancelCause(ctx)
	k := &link{server: s, nc: nc, remote: addrText(remote), ip: hostOf(remote), cancel: cancel, since: time.Now()}
	drop, victim, refusal := s.admit(k)
	if victim != nil {
		victim.cancel(errCrowd)
		_ = victim.nc.Close()
	}
	if drop {
		cancel(nil)
		_ = nc.Close()
		return ctx, nil, nil
	}
	return ctx, k, refusal
}

// session serves a conversation that stands.
func (s *Server) session(ctx context.Context, k *link, conv rfc.ServerConversation, handler rfc.Handler, authenticate func(context.Context, *rfc.Peer) error) {
	s.mu.Lock()
	k.conv = conv
	closed := s.closed || s.draining
	s.mu.Unlock()
	if closed {
		_ = conv.Close()
		return
	}
	err := rfc.Serve(ctx, conv, &rfc.SessionConfig{
		Handler: handler, Authenticate: authenticate,
		AllowAnonymous: s.AllowAnonymous, System: s.System, LogonLimit: s.logonLimit(), IdleLimit: s.IdleLimit,
		Limits: s.Limits, Values: s.Values, MirrorFormat: s.MirrorFormat, Logger: s.Logger, OnIdle: k.setIdle,
	})
	if err != nil {
		s.warn("session ended", "remote", k.remote, "conversation", k.id, "error", err.Error())
	}
}

func (s *Server) location(nc net.Conn) string {
	host := s.System.Host
	if host == "" {
		host = "localhost"
	}
	return fmt.Sprintf("gateway on %s / %s", host, addrText(nc.LocalAddr()))
}

func addrText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(addrText(a))
	if err != nil {
		return addrText(a)
	}
	return host
}

func limit(configured, standard int) int {
	switch {
	case configured < 0:
		return int(^uint(0) >> 1)
	case configured == 0:
		return standard
	}
	return configured
}

// errCrowd ends connections that have not logged on and were in the way of others.
var errCrowd = errors.New("gateway: too many connections without a logon")

// admit counts a connection and says why a limit refuses it, or that it is to be dropped
// without a word, or which half-open one is to be closed for it. Refused connections take no
// place from others.
func (s *Server) admit(k *link) (drop bool, victim *link, refusal *cpic.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true, nil, nil
	}
	if s.links == nil {
		s.links, s.perIP = make(map[*link]struct{}), make(map[string]int)
		s.ids, s.indices = make(map[string]struct{}), make(map[uint16]struct{})
	}
	if !s.draining {
		s.done.Add(1) // under the lock and never behind draining: Shutdown may be waiting
		k.counted = true
	}
	text := s.full(k)
	if text == "" && s.strangers.len() >= max(limit(s.MaxConnections, DefaultMaxConnections)/unauthenticatedShare, minStrangers) {
		if victim = s.strangers.makeRoom(k); victim == nil {
			text = "too many connections without a logon"
		} else {
			s.stats.refused.Add(1)
		}
	}
	if text != "" {
		s.stats.refused.Add(1)
		if s.refusing >= maxRefusing {
			if k.counted {
				s.done.Done()
			}
			return true, nil, nil
		}
		s.refusing++
		k.refused = true
		refusal = &cpic.Error{Op: "gateway", SAPReturnCode: cpic.RCTooManyConversations, Text: text}
	} else {
		s.open++
		s.strangers.add(k)
		s.perIP[k.ip]++
	}
	s.links[k] = struct{}{}
	return false, victim, refusal
}

// full says which limit another connection would exceed; empty means none.
func (s *Server) full(k *link) string {
	most := limit(s.MaxConnections, DefaultMaxConnections)
	switch {
	case s.draining:
		return "the gateway is shutting down"
	case s.open >= most:
		return fmt.Sprintf("more than %d connections", most)
	case s.perIP[k.ip] >= limit(s.MaxPerAddress, DefaultMaxPerAddress):
		return "too many connections from " + k.ip
	}
	return ""
}

func (s *Server) leave(k *link) {
	k.cancel(nil)
	_ = k.nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, k)
	if k.counted {
		s.done.Done()
	}
	if k.refused {
		s.refusing--
		return
	}
	s.open--
	if s.perIP[k.ip]--; s.perIP[k.ip] <= 0 {
		delete(s.perIP, k.ip)
	}
	s.strangers.remove(k)
	if k.id != "" {
		delete(s.ids, k.id)
		delete(s.indices, k.index)
	}
}

// assign draws a conversation id, 8 random decimal digits, and the next free connection
// index. A live id is never given out twice (fault F-26).
func (s *Server) assign(k *link) (string, uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b [4]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return "", 0, err
		}
		id := fmt.Sprintf("%08d", binary.BigEndian.Uint32(b[:])%100_000_000)
		if _, live := s.ids[id]; !live {
			k.id = id
			break
		}
	}
	for {
		s.next++
		if s.next == 0 || s.next == 0xffff {
			s.next = 1
		}
		if _, live := s.indices[s.next]; !live {
			k.index = s.next
			break
		}
		if len(s.indices) >= 0xfffe {
			return "", 0, &cpic.Error{Op: "gateway", SAPReturnCode: cpic.RCTooManyConversations, Text: "no free connection index"}
		}
	}
	s.ids[k.id], s.indices[k.index] = struct{}{}, struct{}{}
	return k.id, k.index, nil
}

// throttleKey tells failed logons apart: by user and address.
func (k *link) throttleKey(user string) string {
	name := strings.ToUpper(user)
	return name[:min(len(name), maxTrackedName)] + "\x00" + k.ip
}

// authenticate checks client number and identity and slows guessing down. Unknown user and
// wrong password look the same and take the same path.
func (s *Server) authenticate(ctx context.Context, k *link, who *rfc.Peer) error {
	key := k.throttleKey(who.Logon.User)
	if err := s.failures.wait(ctx, key); err != nil {
		return err
	}
	err := s.identify(ctx, who)
	if err == nil {
		err = s.checkClient(who.Logon.Client)
	}
	if err != nil {
		s.stats.failed.Add(1)
		s.failures.end(key, true)
		return err
	}
	s.failures.forget(key)
	s.loggedOn(k)
	return nil
}

// loggedOn counts a logon; the connection is no stranger's any more.
func (s *Server) loggedOn(k *link) {
	s.stats.logons.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	k.logged = true
	s.strangers.remove(k)
}

func (s *Server) identify(ctx context.Context, who *rfc.Peer) error {
	switch {
	case who.Anonymous: // refused before this, unless anonymous sessions are allowed
		return nil
	case s.Authenticate == nil:
		return errors.New("no authenticator")
	}
	return s.Authenticate(ctx, who)
}

func (s *Server) checkClient(client string) error {
	if len(s.Clients) == 0 || slices.Contains(s.Clients, client) {
		return nil
	}
	return fmt.Errorf("client %q is not served", client)
}

// setIdle runs twice a call, so that it takes no lock: either it sees that the server
// drains, or Shutdown sees that the link is idle.
func (k *link) setIdle(idle bool) {
	k.idle.Store(idle)
	if idle && k.server.shutting.Load() {
		k.conv.Abort()
	}
}

// Shutdown stops accepting, ends idle sessions, and waits for calls under way until ctx
// ends; then it closes what is left and returns the cause of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.shutting.Store(true)
	s.listeners.Close()
	var idle []*link
	for k := range s.links {
		if k.idle.Load() || k.conv == nil {
			idle = append(idle, k)
		}
	}
	s.mu.Unlock()
	for _, k := range idle {
		_ = k.nc.Close()
	}
	finished := make(chan struct{})
	go func() {
		s.done.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return s.Close()
	case <-ctx.Done():
		_ = s.Close()
		<-finished
		return context.Cause(ctx)
	}
}

// Close ends everything at once. It is idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.listeners.Close()
	links := make([]*link, 0, len(s.links))
	for k := range s.links {
		links = append(links, k)
	}
	s.mu.Unlock()
	for _, k := range links {
		k.cancel(ErrServerClosed)
		_ = k.nc.Close()
	}
	return nil
}

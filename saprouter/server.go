package saprouter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/listen"
	"github.com/purerfc/purerfc/internal/relay"
	"github.com/purerfc/purerfc/internal/services"
	"github.com/purerfc/purerfc/ni"
)

// Server is a SAProuter. Set the fields before serving and leave them alone afterwards. The
// methods are safe for concurrent use.
//
//	table, err := saprouter.ParsePermissions(strings.NewReader("P 127.0.0.1 * 3300"))
//	srv := &saprouter.Server{Permissions: table}
//	err = srv.ListenAndServe(ctx, "127.0.0.1:3299")
//
// It has no remote administration and protects nothing with SNC.
type Server struct {
	// Permissions decides which routes are travelled. The zero value denies all.
	Permissions Permissions
	// Name is what the router calls itself in errors. Default saprouter.
	Name string
	// AllowRemote lets Listen bind other addresses than loopback.
	AllowRemote bool
	// Dial connects to the next hop, whose address has been looked up already. Default:
	// net.Dialer with keepalive.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// LookupHost and LookupPort resolve what routes and the table name. Defaults: the
	// resolver of the machine, and its services file with the usual names of SAP.
	LookupHost func(ctx context.Context, host string) ([]netip.Addr, error)
	LookupPort func(service string) (int, error)
	// MaxConnections and MaxPerAddress bound the connections; beyond them clients are told
	// so. Defaults DefaultMaxConnections and DefaultMaxPerAddress; negative: no limit.
	MaxConnections, MaxPerAddress int
	// RequestLimit bounds the wait for the route, DialLimit that for the next hop,
	// HalfOpenLimit the silence of one direction when the other one has ended, IdleLimit that
	// of both. Defaults DefaultRequestLimit, DefaultDialLimit, DefaultHalfOpenLimit; no idle
	// limit.
	RequestLimit, DialLimit, HalfOpenLimit, IdleLimit time.Duration
	// Logger gets one line for each route, passwords masked. Default none.
	Logger *slog.Logger

	mu        sync.Mutex
	listeners listen.Set
	open      map[net.Conn]context.CancelFunc
	perIP     map[netip.Addr]int
	own       []netip.AddrPort // addresses that are listened on
	closed    bool
	served    sync.WaitGroup
	stats     struct{ accepted, routed, denied, failed, full atomic.Int64 }
}

// ErrServerClosed is returned by Serve after Close.
var ErrServerClosed = errors.New("saprouter: server closed")

// Stats is a snapshot of the counters of a Server.
type Stats struct {
	Open     int   // connections now
	Accepted int64 // connections accepted
	Routed   int64 // routes travelled
	Denied   int64 // routes the table denied
	Failed   int64 // routes that were wrong, or whose next hop was not reached
	Full     int64 // connections refused by a limit
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := len(s.open)
	s.mu.Unlock()
	return Stats{
		Open: open, Accepted: s.stats.accepted.Load(), Routed: s.stats.routed.Load(), Denied: s.stats.denied.Load(),
		Failed: s.stats.failed.Load(), Full: s.stats.full.Load(),
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
	return listen.Open(ctx, "saprouter", address, "127.0.0.1:3299", s.AllowRemote)
}

// Serve accepts connections from l until the server is closed; it then returns
// ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer s.owns(l)()
	err := s.listeners.Accept(l, func(err error) { s.log(slog.LevelWarn, "accept failed", "error", err.Error()) }, func(nc net.Conn) {
		s.served.Go(func() { s.ServeConn(context.Background(), nc) })
	})
	if err != nil {
		return fmt.Errorf("saprouter: accept: %w", err)
	}
	return ErrServerClosed
}

func (s *Server) log(level slog.Level, msg string, args ...any) {
	if s.Logger != nil {
		s.Logger.Log(context.Background(), level, msg, args...)
	}
}

// owns notes an address of the router itself, until what it returns is called.
func (s *Server) owns(l net.Listener) (not func()) {
	a, ok := addrPort(l.Addr())
	if !ok {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = append(s.own, a)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.own = slices.DeleteFunc(s.own, func(own netip.AddrPort) bool { return own == a })
	}
}

// Close ends everything and waits until no goroutine of Serve is left. It is idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for nc, cancel := range s.open {
		cancel()
		_ = nc.Close()
	}
	s.mu.Unlock()
	s.listeners.Close()
	s.listeners.Wait()
	s.served.Wait()
	return nil
}

// addrPort is the address behind a net.Addr, without zone and IPv4 as such.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	if a == nil {
		return netip.AddrPort{}, false
	}
	p, err := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port()), err == nil
}

// ServeConn serves one client on an existing connection, returns when it is done, and closes
// nc.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	s.stats.accepted.Add(1)
	defer nc.Close()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from, _ := addrPort(nc.RemoteAddr())
	text, ok := s.admit(nc, from.Addr(), cancel)
	if !ok {
		return
	}
	defer s.leave(nc, from.Addr(), text != "")
	limit := s.RequestLimit
	if limit <= 0 {
		limit = DefaultRequestLimit
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return
	}
	in := recordReader{r: nc}
	if text != "" {
		s.stats.full.Add(1)
		s.refuse(nc, &failed{code: codeOverflow, text: text})
		return
	}
	q, err := s.request(nc, &in)
	if err != nil {
		if f, ok := errors.AsType[*failed](err); ok {
			s.stats.failed.Add(1)
			s.log(slog.LevelWarn, "no route", "from", from.String(), "error", err.Error())
			s.refuse(nc, f)
		}
		return
	}
	far, err := s.onward(ctx, q, from.Addr())
	if err != nil {
		f, ok := errors.AsType[*failed](err)
		if !ok {
			f = &failed{code: codeInternal, text: "internal error"}
		}
		s.count(f)
		s.log(slog.LevelWarn, "route refused", "from", from.String(), "route", q.Hops.String(), "rc", f.code, "line", f.line, "error", err.Error())
		s.refuse(nc, f)
		return
	}
	defer far.Close()
	stopFar := context.AfterFunc(ctx, func() { _ = far.Close() })
	defer stopFar()
	if !s.greet(nc, far, q, in.buf) {
		return
	}
	s.stats.routed.Add(1)
	s.log(slog.LevelInfo, "route travelled", "from", from.String(), "route", q.Hops.String())
	relay.Run(nc, far, relay.Limits{HalfOpen: s.HalfOpenLimit, Idle: s.IdleLimit})
}

func (s *Server) count(f *failed) {
	if f.code == codeDenied || f.code == codeModeDenied {
		s.stats.denied.Add(1)
		return
	}
	s.stats.failed.Add(1)
}

// admit counts a connection and says which limit it exceeds. Connections beyond twice the
// limit are dropped without a word.
func (s *Server) admit(nc net.Conn, ip netip.Addr, cancel context.CancelFunc) (full string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := limit(s.MaxConnections, DefaultMaxConnections)
	if s.closed || len(s.open)/2 >= most {
		return "", false
	}
	if s.open == nil {
		s.open, s.perIP = make(map[net.Conn]context.CancelFunc), make(map[netip.Addr]int)
	}
	switch {
	case len(s.open) >= most:
		full = fmt.Sprintf("maximum number of clients reached (%d)", most)
	case s.perIP[ip] >= limit(s.MaxPerAddress, DefaultMaxPerAddress):
		full = fmt.Sprintf("maximum number of clients from %s reached", ip)
	default:
		s.perIP[ip]++
	}
	s.open[nc] = cancel
	return full, true
}

func (s *Server) leave(nc net.Conn, ip netip.Addr, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, nc)
	if refused {
		return
	}
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
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

// failed is why a route is not travelled; its text goes to the client.
type failed struct {
	code   int32
	text   string
	detail string
	line   int // of the permission table
}

func (f *failed) Error() string { return f.text }

// request reads until a route comes.
func (s *Server) request(nc net.Conn, in *recordReader) (*Request, error) {
	for range maxPings {
		payload, err := in.next(maxRequest)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				return nil, &failed{code: codeInvalid, text: "invalid route received", detail: e.Text}
			}
			return nil, err
		}
		if IsRequest(payload) {
			q, err := DecodeRequest(payload)
			if err != nil {
				return nil, &failed{code: codeInvalid, text: "invalid route received", detail: err.Error()}
			}
			return q, nil
		}
		if err := s.control(nc, payload); err != nil {
			return nil, err
		}
	}
	return nil, &failed{code: codeInvalid, text: "no route received"}
}

// control answers what a client may send in front of its route.
func (s *Server) control(nc net.Conn, payload []byte) error {
	if e, ok := ni.ParseRouterError(payload); ok {
		switch e.Opcode {
		case opVersionRequest:
			_, err := nc.Write(ni.AppendRecord(nil, control(opVersionResponse)))
			return err
		case opSNCRequest, opSNCComplete:
			return &failed{code: codeSNC, text: "SNC is not supported"}
		}
		return &failed{code: codeInvalid, text: "invalid route received"}
	}
	switch ni.ControlOf(payload) {
	case ni.Ping:
		_, err := nc.Write(ni.AppendRecord(nil, pong))
		return err
	case ni.Pong, ni.Idle, ni.UnknownControl:
		return nil
	case ni.NoControl:
	}
	if bytes.HasPrefix(payload, eyeAdmin) {
		return &failed{code: codeInfoDenied, text: "there is no remote administration"}
	}
	return &failed{code: codeInvalid, text: "invalid route received"}
}

// onward connects to the next hop of a permitted route.
func (s *Server) onward(ctx context.Context, q *Request, from netip.Addr) (net.Conn, error) {
	i, err := q.Next()
	switch {
	case errors.Is(err, errVersion):
		return nil, &failed{code: codeVersion, text: err.Error()}
	case err != nil:
		return nil, &failed{code: codeInvalid, text: err.Error()}
	case q.TalkMode > RawIO:
		return nil, &failed{code: codeInvalid, text: fmt.Sprintf("talk mode %s", q.TalkMode)}
	}
	if err := q.Hops.Validate(); err != nil {
		return nil, &failed{code: codeInvalid, text: "invalid route received", detail: err.Error()}
	}
	limit := s.DialLimit
	if limit <= 0 {
		limit = DefaultDialLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	hop := q.Hops[i]
	port, portErr := s.port(hop.service())
	lookup := lookupTable(ctx, s.resolver())
	var list []netip.Addr
	addresses := func() []netip.Addr {
		if list == nil {
			list, _ = lookup(hop.Host)
		}
		return list
	}
	v := s.Permissions.check(&question{
		source: from, host: hop.Host, service: hop.service(), port: port, password: q.Hops[i-1].Password,
		before: i - 1, after: len(q.Hops) - 1 - i, mode: q.TalkMode, addresses: addresses, lookup: lookup,
	})
	way := fmt.Sprintf("(%s to %s, %s)", from, printable(hop.Host), hop.service())
	switch {
	case v.code == codeModeDenied:
		return nil, &failed{code: v.code, text: "native routing not permitted " + way, line: v.line}
	case v.code != 0:
		return nil, &failed{code: v.code, text: "route permission denied " + way, line: v.line}
	case len(addresses()) == 0:
		return nil, &failed{code: codeHostUnknown, text: fmt.Sprintf("hostname '%s' unknown", hop.Host)}
	case portErr != nil:
		return nil, &failed{code: codeServUnknown, text: fmt.Sprintf("service '%s' unknown", hop.service())}
	}
	far, err := s.reach(ctx, list, port)
	switch {
	case errors.Is(err, errLoop):
		return nil, &failed{code: codeInternal, text: "the route leads back to this router " + way}
	case err != nil:
		return nil, &failed{code: codeConnRefused, text: fmt.Sprintf("partner '%s:%s' not reached", hop.Host, hop.service()), detail: err.Error()}
	}
	return far, nil
}

func (s *Server) port(service string) (int, error) {
	if n, err := services.Number(service); err == nil {
		return n, nil
	}
	if s.LookupPort != nil {
		return s.LookupPort(service)
	}
	return services.Resolve(service)
}

func (s *Server) resolver() func(ctx context.Context, host string) ([]netip.Addr, error) {
	if s.LookupHost != nil {
		return s.LookupHost
	}
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
}

var errLoop = errors.New("the next hop is this router")

// reach connects to the first address that answers.
func (s *Server) reach(ctx context.Context, list []netip.Addr, port int) (net.Conn, error) {
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext
	}
	var errs []error
	for _, a := range list {
		if s.listensOn(netip.AddrPortFrom(a, uint16(port)), netip.Addr{}) {
			return nil, errLoop
		}
		far, err := dial(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		to, _ := addrPort(far.RemoteAddr())
		self, _ := addrPort(far.LocalAddr())
		if s.listensOn(to, self.Addr()) {
			_ = far.Close()
			return nil, errLoop
		}
		return far, nil
	}
	return nil, errors.Join(errs...)
}

// listensOn reports whether an address is one this server listens on. A connection whose
// two ends have the same address leads to this machine, whatever address is listened on.
func (s *Server) listensOn(a netip.AddrPort, self netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.own, func(own netip.AddrPort) bool {
		return own.Port() == a.Port() && (own.Addr() == a.Addr() || own.Addr().IsUnspecified() && (a.Addr() == self || a.Addr().IsLoopback()))
	})
}

// greet tells the client that the route stands, or the next router how it goes on, whose
// answer is then the client's. early is what the client sent behind its route.
func (s *Server) greet(nc, far net.Conn, q *Request, early []byte) bool {
	limit := time.Now().Add(writeLimit)
	if nc.SetDeadline(limit) != nil || far.SetDeadline(limit) != nil {
		return false
	}
	var onward []byte
	if next, err := q.Forward(); err == nil {
		payload, err := next.AppendBinary(nil)
		if err != nil {
			return false
		}
		onward = ni.AppendRecord(nil, payload)
	} else if _, err := nc.Write(ni.AppendRecord(nil, pong)); err != nil {
		return false
	}
	if onward = append(onward, early...); len(onward) > 0 {
		if _, err := far.Write(onward); err != nil {
			return false
		}
	}
	return nc.SetDeadline(time.Time{}) == nil && far.SetDeadline(time.Time{}) == nil
}

// refuse answers with an error record.
func (s *Server) refuse(nc net.Conn, f *failed) {
	name := s.Name
	if name == "" {
		name = "saprouter"
	}
	e := ni.RouterError{Version: NIVersion, Code: f.code, Info: &ni.ErrorInfo{
		Text: name + ": " + f.text, ReturnCode: strconv.Itoa(int(f.code)), Component: "NI (network interface)", Version: strconv.Itoa(NIVersion),
		Module: "purerfc", Detail: f.detail, Time: time.Now().Format(time.ANSIC), Counter: "1", Location: fmt.Sprintf("SAProuter on '%s'", name),
	}}
	b, _ := e.AppendBinary(nil)
	_ = nc.SetDeadline(time.Now().Add(refusalWait)) // the one of the request may have passed
	if _, err := nc.Write(ni.AppendRecord(nil, b)); err == nil && relay.CloseWrite(nc) {
		// To close with bytes unread would reset the connection, and the answer with it.
		_, _ = io.CopyN(io.Discard, nc, maxDrain)
	}
}

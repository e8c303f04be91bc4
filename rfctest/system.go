package rfctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// System is a running ABAP-like system. It is safe for concurrent use.
type System struct {
	cfg      Config
	mux      *rfc.Mux
	server   *gateway.Server
	listener net.Listener
	web      *web // nil if WebSocket RFC is not served
	data     *database

	served  chan struct{} // closed when the accept loops are done
	problem error         // why one of them ended, valid behind served

	// own guards the connection of Call; a channel and no mutex, because its holder dials.
	own     chan struct{}
	conn    *rfc.Conn
	openMu  sync.Mutex
	open    map[*rfc.Conn]struct{} // what Call left open
	ended   bool
	modules moduleSet
	known   repository.Cache // of destinations made of Config
}

// Start starts a system that runs until Close, Shutdown or the end of ctx.
func Start(ctx context.Context, cfg Config) (*System, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &System{
		cfg: cfg, mux: rfc.NewMux(), data: newDatabase(cfg),
		served: make(chan struct{}), own: make(chan struct{}, 1), open: make(map[*rfc.Conn]struct{}),
	}
	s.modules.next = s.mux
	if err := s.register(); err != nil {
		return nil, fmt.Errorf("rfctest: %w", err)
	}
	s.server = &gateway.Server{
		Handler: &s.modules, Authenticate: cfg.Users.Authenticate, AllowAnonymous: cfg.AllowAnonymous,
		Clients: cfg.Clients, System: cfg.System, AllowRemote: cfg.AllowRemote, Logger: cfg.Logger,
	}
	if cfg.WebSocketAddress != "" {
		if s.web, err = newWeb(s.server); err != nil {
			return nil, fmt.Errorf("rfctest: %w", err)
		}
	}
	if cfg.Configure != nil {
		cfg.Configure(s.server)
	}
	if s.listener, err = s.server.Listen(ctx, cfg.Address); err != nil {
		return nil, fmt.Errorf("rfctest: %w", err)
	}
	if s.web != nil {
		if s.web.listener, err = s.server.Listen(ctx, cfg.WebSocketAddress); err != nil {
			_ = s.listener.Close()
			return nil, fmt.Errorf("rfctest: %w", err)
		}
	}
	s.serve(ctx)
	return s, nil
}

// serve runs the accept loops.
func (s *System) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	var loops sync.WaitGroup
	problems := make([]error, 2)
	loop := func(i int, l net.Listener, serve func(net.Listener) error) {
		if s.cfg.WrapConn != nil {
			l = &wrappedListener{Listener: l, wrap: s.cfg.WrapConn}
		}
		loops.Go(func() {
			if err := serve(l); !errors.Is(err, gateway.ErrServerClosed) {
				problems[i] = err
			}
		})
	}
	loop(0, s.listener, s.server.Serve)
	if s.web != nil {
		loop(1, s.web.listener, s.server.ServeWebSocket)
	}
	go func() {
		defer close(s.served)
		defer stop()
		loops.Wait()
		s.problem = errors.Join(problems...)
	}()
}

// wrappedListener passes accepted connections through wrap.
type wrappedListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l *wrappedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(nc), nil
}

// NewSystem starts a system on a free loopback port for a test, and ends it with the test.
// What goes wrong fails the test.
func NewSystem(t testing.TB, opts ...Option) *System {
	t.Helper()
	var cfg Config
	for _, opt := range opts {
		opt(&cfg)
	}
	s, err := Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("rfctest: %v", err)
		}
	})
	return s
}

// Mux holds the modules of the system; more may be registered at any time. For modules
// that exist already there is Intercept.
func (s *System) Mux() *rfc.Mux { return s.mux }

// Server is the gateway in front of the system.
func (s *System) Server() *gateway.Server { return s.server }

// Address is host:port that clients dial.
func (s *System) Address() string { return s.listener.Addr().String() }

// Addr is Address in two parts.
func (s *System) Addr() (host, port string) {
	host, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		return s.Address(), ""
	}
	return host, port
}

// Done is closed when the system has stopped to accept.
func (s *System) Done() <-chan struct{} { return s.served }

// Intercept puts a function in front of a module: it may observe, change or replace what
// the module does, or fail in its place. The one given last runs first. It also holds for
// modules that are registered later.
//
//	sys.Intercept("STFC_CONNECTION", func(next rfc.HandlerFunc) rfc.HandlerFunc { ... })
func (s *System) Intercept(function string, wrap func(next rfc.HandlerFunc) rfc.HandlerFunc) {
	s.modules.intercept(function, wrap)
}

// Calls counts the calls of a module that reached it, failed ones included.
func (s *System) Calls(function string) int64 { return s.modules.calls(function) }

// Call calls a function module of the system over a connection of its own, which it opens
// when it is first needed, and again after an error that cost it. With rfc.Stream the next
// call opens another connection.
func (s *System) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	select {
	case s.own <- struct{}{}:
	case <-ctx.Done():
		return nil, rfc.SetupError(context.Cause(ctx), rfc.StepConfig)
	}
	defer func() { <-s.own }()
	if s.conn == nil || !s.conn.Alive() {
		conn, err := s.Connect(ctx)
		if err != nil {
			return nil, err
		}
		if !s.keep(conn) {
			_ = conn.Close()
			return nil, &rfc.Error{Class: rfc.ClassState, Step: rfc.StepConfig, Function: function, Outcome: rfc.NotSent, Err: rfc.ErrClosed, Message: "the system is closed"}
		}
	}
	conn := s.conn
	res, err := conn.Call(ctx, function, in, opts...)
	switch {
	case err != nil && !conn.Alive():
		s.forget(conn)
	case conn.Busy():
		s.conn = nil // its rows are still to be read; Close of the system ends it
	}
	return res, err
}

func (s *System) keep(conn *rfc.Conn) bool {
	s.openMu.Lock()
	defer s.openMu.Unlock()
	if s.ended {
		return false
	}
	if old := s.conn; old != nil {
		delete(s.open, old)
	}
	s.conn = conn
	s.open[conn] = struct{}{}
	return true
}

func (s *System) forget(conn *rfc.Conn) {
	s.openMu.Lock()
	delete(s.open, conn)
	s.openMu.Unlock()
	s.conn = nil
	_ = conn.Close()
}

// closeOwn ends the connections of Call.
func (s *System) closeOwn() {
	s.openMu.Lock()
	s.ended = true
	conns := make([]*rfc.Conn, 0, len(s.open))
	for c := range s.open {
		conns = append(conns, c)
	}
	clear(s.open)
	s.openMu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// Close ends the system and all its sessions at once. It is idempotent. The error is what
// made the system stop accepting before, if anything did.
func (s *System) Close() error {
	s.closeOwn()
	err := s.server.Close()
	_ = s.listener.Close()
	if s.web != nil {
		_ = s.web.listener.Close()
	}
	<-s.served
	return errors.Join(s.problem, err)
}

// Shutdown stops accepting, ends idle sessions, and waits for running calls until ctx ends.
func (s *System) Shutdown(ctx context.Context) error {
	s.closeOwn()
	err := s.server.Shutdown(ctx)
	<-s.served
	return errors.Join(s.problem, err)
}

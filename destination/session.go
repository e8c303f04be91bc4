package destination

import (
	"context"
	"errors"
	"sync"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// ErrSessionLost: the connection of a session was lost, and with it what ABAP kept for the
// session. The sequence has to be started anew.
var ErrSessionLost = errors.New("the session was lost")

// Session is a sequence of calls over one connection, in one ABAP session: what JCo does
// between JCoContext.begin and end. Whatever ABAP keeps between calls is there for the next
// one, locks and open transactions included. It is an rfc.Caller.
//
// A Session makes one call at a time. It never opens another connection: once its own is lost
// every call fails with ErrSessionLost.
type Session struct {
	d     *Destination
	g     *generation
	lease pool.Lease[*rfc.Conn]
	conn  *rfc.Conn
	entry *call

	mu     sync.Mutex
	closed bool
	// functions asks over the connection of the session; see describing.
	functions *repository.Repository
}

// Pin takes a connection out of the pool for a sequence of calls. Close gives it back.
func (d *Destination) Pin(ctx context.Context) (*Session, error) {
	if ctx == nil {
		return nil, nilContext("")
	}
	for attempt := 1; ; {
		g, err := d.current(ctx)
		if err != nil {
			return nil, d.failed("", err)
		}
		lease, conn, err := d.acquire(ctx, g, "")
		if err == nil {
			return &Session{d: d, g: g, lease: lease, conn: conn, entry: d.pinned(ctx, g)}, nil
		}
		switch {
		case d.replaced(g, err): // not an attempt
		case g.cfg.Retry.again(ctx, attempt, err):
			attempt++
		default:
			return nil, err
		}
	}
}

// Session runs fn with a connection of its own, and returns its error. The connection is reset
// before anybody else gets it, so that nothing of the sequence is left, and closed if fn
// panics.
func (d *Destination) Session(ctx context.Context, fn func(s *Session) error) error {
	s, err := d.Pin(ctx)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			_ = s.end(func() error { return s.lease.Discard(errors.New("the function of the session did not return")) })
		}
	}()
	err = fn(s)
	done = true
	if closing := s.Close(ctx); closing != nil {
		return errors.Join(err, closing)
	}
	return err
}

// Call implements rfc.Caller over the connection of the session.
func (s *Session) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	if ctx == nil {
		return nil, nilContext(function)
	}
	entry := s.d.begin(ctx, function)
	defer entry.leave()
	return entry.returned(s.call(ctx, entry, function, in, opts))
}

func (s *Session) call(ctx context.Context, entry *call, function string, in any, opts []rfc.Option) (*rfc.Response, error) {
	entry.in(s)
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return nil, s.refuse(function, "RFC_INVALID_HANDLE", rfc.ErrClosed, "the session was ended")
	case !s.conn.Alive():
		return nil, s.refuse(function, "RFC_INVALID_HANDLE", ErrSessionLost, "")
	}
	if err := s.d.permitted(s.g, function); err != nil {
		return nil, err
	}
	call := func(opts []rfc.Option) (*rfc.Response, error) {
		entry.got(s.conn, false)
		return s.conn.Call(ctx, function, in, append(s.g.options(opts), rfc.WhenDone(entry.freed))...)
	}
	if rfc.Interface(opts...) != nil {
		return call(opts)
	}
	from, err := s.describing(ctx)
	if err != nil {
		return nil, err
	}
	return described(ctx, from, function, in, opts, func(f *metadata.Function) (*rfc.Response, error) {
		return call(append(opts[:len(opts):len(opts)], rfc.WithInterface(f)))
	})
}

// onConn asks for descriptions over the connection of a session.
type onConn struct {
	*rfc.Conn
	g *generation
}

func (c onConn) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	return c.Conn.Call(ctx, function, in, c.g.options(opts)...)
}

func (s *Session) refuse(function, key string, err error, text string) error {
	return &rfc.Error{
		Class: rfc.ClassState, Step: rfc.StepConfig, Outcome: rfc.NotSent, Key: key, Function: function, Destination: s.d.name, Err: err, Message: text,
	}
}

// Attributes describe the connection.
func (s *Session) Attributes() (rfc.Attributes, error) { return s.conn.Attributes() }

// Alive reports whether the session can make another call, as far as this side knows.
func (s *Session) Alive() bool { return s.conn.Alive() }

// Close ends the sequence: ABAP forgets the session, then the connection goes back to the
// pool. It waits for the reset, no longer than ctx. Closing twice is harmless.
func (s *Session) Close(ctx context.Context) error {
	return s.end(func() error { return s.d.failed("", s.lease.ReleaseAfterReset(ctx)) })
}

func (s *Session) end(give func() error) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.entry.end(nil)
	return give()
}

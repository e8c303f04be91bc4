package wsrfc

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/ni"
)

// sock is the connection below TLS. It counts what the operating system takes and gives, ends
// reads and writes with a context, and can read without waiting, which TLS then does as well:
// a read that finds nothing is a timeout for TLS, and TLS goes on after timeouts.
//
// One goroutine at a time reads; writes may come from others. interrupt, pause and close may
// come from anywhere.
type sock struct {
	nc   net.Conn
	poll poller // reads what is there; zero if the operating system cannot be asked
	now  nower  // the same for a connection that has a way of its own; nil if not
	mode mode   // of the reads of the goroutine that reads

	sent, received atomic.Int64
	first          [foreign.Prefix]byte // what the peer said first
	firstLen       int
	records        records // of TLS, as far as they were read

	ctx      context.Context
	stop     func() bool // ends the watch on ctx
	deadline time.Time   // of ctx, or the read limit
	readDL   time.Time   // what is set on the socket
	bound    atomic.Int64
	special  atomic.Int64 // end of the write of a control frame
	writeDL  time.Time    // of the goroutine that writes; writers take turns

	canceled atomic.Bool
	paused   atomic.Bool
	closed   atomic.Bool
	wrote    atomic.Int64 // when the last write began, in nanoseconds
}

// nower is a connection of the caller's own that can be asked: 0 and no error say that nothing
// has arrived.
type nower interface {
	ReadNow(p []byte) (int, error)
}

// mode says what a read does when nothing has arrived.
type mode uint8

const (
	wait mode = iota // waits
	look             // asks the operating system once; a connection that cannot be asked is quiet
	dry              // does not even do that: only what TLS holds already is read
	soon             // as look, but waits a moment if the connection cannot be asked
)

// errQuiet says that nothing has arrived.
var errQuiet error = quietError{}

type quietError struct{}

func (quietError) Error() string   { return "nothing has arrived" }
func (quietError) Timeout() bool   { return true }
func (quietError) Temporary() bool { return true }

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// lookWait is how long the keeper waits for a connection that cannot be asked.
const lookWait = time.Millisecond

func newSock(nc net.Conn) *sock {
	s := &sock{nc: nc}
	s.poll.init(nc)
	s.now, _ = nc.(nower)
	return s
}

// Read reads according to the mode.
func (s *sock) Read(p []byte) (n int, err error) {
	switch s.mode {
	case dry:
		return 0, errQuiet
	case look, soon:
		n, err = s.lookAt(p)
	default:
		n, err = s.nc.Read(p)
	}
	if n > 0 {
		s.received.Add(int64(n))
		if s.firstLen < len(s.first) {
			s.firstLen += copy(s.first[s.firstLen:], p[:n])
		}
		s.records.pass(p[:n])
	}
	return n, err
}

// records follows the borders of TLS records, to know whether TLS may hold more than the
// record it gave out last.
type records struct {
	head  [5]byte
	have  int
	rest  int // bytes of the record that have not come
	ended int // records that ended in the bytes that came last
}

// pass takes the bytes that came.
func (r *records) pass(b []byte) {
	r.ended = 0
	for len(b) > 0 {
		if r.rest > 0 {
			n := min(r.rest, len(b))
			b = b[n:]
			if r.rest -= n; r.rest == 0 {
				r.ended++
			}
			continue
		}
		n := copy(r.head[r.have:], b)
		b = b[n:]
		if r.have += n; r.have == len(r.head) {
			r.have, r.rest = 0, int(r.head[3])<<8|int(r.head[4])
			if r.rest == 0 {
				r.ended++
			}
		}
	}
}

// more reports whether bytes came behind the first record that ended in what came last.
func (r *records) more() bool { return r.ended != 1 || r.rest > 0 || r.have > 0 }

func (s *sock) lookAt(p []byte) (n int, err error) {
	switch {
	case s.poll.ok():
		n, err = s.poll.read(p)
	case s.now != nil:
		n, err = s.now.ReadNow(p)
	case s.mode == soon:
		return s.readSoon(p)
	}
	if n == 0 && err == nil {
		err = errQuiet
	}
	return n, err
}

// readSoon waits a moment.
func (s *sock) readSoon(p []byte) (int, error) {
	if err := s.setRead(time.Now().Add(lookWait)); err != nil {
		return 0, err
	}
	n, err := s.nc.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !s.canceled.Load() && !s.paused.Load() {
		err = errQuiet
	}
	if e := s.setRead(s.deadline); e != nil && err == nil {
		err = e
	}
	return n, err
}

// Write writes with the limit for peers that do not read, with the deadline of the context,
// or with that of a control frame, whichever comes first. The deadline of a quick write is
// renewed only when half of it is gone, which keeps the timer out of the way of a call.
func (s *sock) Write(p []byte) (int, error) {
	now := time.Now()
	s.wrote.Store(now.UnixNano())
	end := now.Add(writeLimit)
	exact := false
	for _, other := range []int64{s.bound.Load(), s.special.Load()} {
		if other != 0 && other < end.UnixNano() {
			end, exact = time.Unix(0, other), true
		}
	}
	if left := s.writeDL.Sub(now); exact && !end.Equal(s.writeDL) || left < writeLimit/2 || left > writeLimit {
		s.writeDL = end
		if err := s.nc.SetWriteDeadline(end); err != nil {
			return 0, err
		}
		if s.canceled.Load() {
			_ = s.nc.SetWriteDeadline(longAgo)
		}
	}
	n, err := s.nc.Write(p)
	s.sent.Add(int64(n))
	return n, err
}

// sinceWrite is how long ago the last write began.
func (s *sock) sinceWrite(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - s.wrote.Load())
}

// begin binds ctx to the reads and writes that follow, until end. When ctx ends they fail at
// once and the connection is useless.
func (s *sock) begin(ctx context.Context) error {
	if ctx == nil {
		return errors.New("wsrfc: nil context")
	}
	if s.closed.Load() || s.canceled.Load() {
		return net.ErrClosed
	}
	if ctx.Err() != nil {
		return contextError(ctx, nil)
	}
	dl, ok := ctx.Deadline()
	s.deadline = dl
	if ok {
		s.bound.Store(dl.UnixNano())
	}
	if err := s.setRead(dl); err != nil {
		s.bound.Store(0)
		return err
	}
	s.ctx = ctx
	if ctx.Done() != nil {
		s.stop = context.AfterFunc(ctx, s.interrupt)
	}
	return nil
}

// interrupt makes every blocked and later read and write fail.
func (s *sock) interrupt() {
	s.canceled.Store(true)
	_ = s.nc.SetDeadline(longAgo)
}

// end unbinds the context; an error that the end of the context caused becomes a
// *ni.ContextError.
func (s *sock) end(err error) error {
	ctx := s.ctx
	if ctx == nil {
		return err
	}
	if s.stop != nil && !s.stop() {
		s.canceled.Store(true) // the watch has fired, or is about to
	}
	s.ctx, s.stop, s.deadline = nil, nil, time.Time{}
	s.bound.Store(0)
	if err == nil {
		return s.setRead(time.Time{})
	}
	if ctx.Err() != nil {
		return contextError(ctx, err)
	}
	if dl, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(dl) {
		// The socket's timer was a moment faster than the context's.
		return &ni.ContextError{Cause: context.DeadlineExceeded, Err: err}
	}
	return err
}

func contextError(ctx context.Context, err error) error {
	return &ni.ContextError{Cause: context.Cause(ctx), Err: errors.Join(ctx.Err(), err)}
}

// limit bounds the reads from now on without a context; zero means no limit.
func (s *sock) limit(d time.Duration) error {
	s.deadline = time.Time{}
	if d > 0 {
		s.deadline = time.Now().Add(d)
	}
	return s.setRead(s.deadline)
}

// rush starts the clock of something of n bytes that has begun to arrive; relax stops it.
func (s *sock) rush(n int64, limit time.Duration) error {
	end := time.Now().Add(limit + time.Duration(n/minRate)*time.Second)
	if s.deadline.IsZero() || end.Before(s.deadline) {
		return s.setRead(end)
	}
	return s.relax()
}

func (s *sock) relax() error { return s.setRead(s.deadline) }

// rushed reports whether that clock runs.
func (s *sock) rushed() bool { return !s.readDL.Equal(s.deadline) }

func (s *sock) setRead(t time.Time) error {
	if t.Equal(s.readDL) {
		return nil
	}
	s.readDL = t
	return s.applyRead()
}

func (s *sock) applyRead() error {
	if err := s.nc.SetReadDeadline(s.readDL); err != nil {
		return err
	}
	if s.canceled.Load() || s.paused.Load() { // an interruption came meanwhile and must stand
		return s.nc.SetReadDeadline(longAgo)
	}
	return nil
}

// pause makes a blocked read return with a timeout; resume makes reads work again.
func (s *sock) pause() {
	s.paused.Store(true)
	_ = s.nc.SetReadDeadline(longAgo)
}

func (s *sock) resume() error {
	s.paused.Store(false)
	return s.applyRead()
}

// Close closes the socket. It is idempotent.
func (s *sock) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.nc.Close()
}

// peer names the protocol of the peer's first bytes, if it is another one.
func (s *sock) peer() string { return foreign.Name(s.first[:s.firstLen]) }

// The rest of net.Conn, for TLS and for the WebSocket library; deadlines are set by sock
// itself.

func (s *sock) LocalAddr() net.Addr              { return s.nc.LocalAddr() }
func (s *sock) RemoteAddr() net.Addr             { return s.nc.RemoteAddr() }
func (s *sock) SetDeadline(time.Time) error      { return nil }
func (s *sock) SetReadDeadline(time.Time) error  { return nil }
func (s *sock) SetWriteDeadline(time.Time) error { return nil }

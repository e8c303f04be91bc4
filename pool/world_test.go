package pool_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

// conn is a connection that does what a test wants.
type conn struct {
	n         int // the number of its opening, from 1
	partition string

	dead, busy, gone atomic.Bool // what Alive, Busy and Idle find
	looks            atomic.Int32
	closes, aborts   atomic.Int32
	onIdle, onClose  func()
}

func (c *conn) Alive() bool { return !c.dead.Load() }
func (c *conn) Busy() bool  { return c.busy.Load() }

func (c *conn) Idle() error {
	c.looks.Add(1)
	if c.onIdle != nil {
		c.onIdle()
	}
	if c.gone.Load() {
		return errGone
	}
	return nil
}

func (c *conn) Close() error {
	c.closes.Add(1)
	if c.onClose != nil {
		c.onClose()
	}
	return nil
}

func (c *conn) Abort() { c.aborts.Add(1) }

// closed says that nothing is left of it.
func (c *conn) closed() bool { return c.aborts.Load() > 0 }

var (
	errGone    = errors.New("the peer has gone")
	errDown    = errors.New("connection refused")
	errRefused = errors.New("wrong password")
)

// world makes connections and remembers them and what happened.
type world struct {
	mu     sync.Mutex
	conns  []*conn
	opens  int // attempts
	down   error
	slow   time.Duration
	open   func(ctx context.Context, n int) error // runs in Open if set
	broken func() (*conn, error)                  // takes the place of Open if set
	events []pool.Event
	hook   func(pool.Event) // called with each event, without locks
}

type partitionKey struct{}

func inPartition(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, partitionKey{}, name)
}

func partitionOf(ctx context.Context) string {
	s, _ := ctx.Value(partitionKey{}).(string)
	return s
}

func (w *world) Open(ctx context.Context) (*conn, error) {
	w.mu.Lock()
	w.opens++
	n, down, slow, open, broken := w.opens, w.down, w.slow, w.open, w.broken
	w.mu.Unlock()
	if broken != nil {
		return broken()
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if open != nil {
		if err := open(ctx, n); err != nil {
			return nil, err
		}
	}
	if down != nil {
		return nil, down
	}
	c := &conn{n: n, partition: partitionOf(ctx)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return c, nil
}

func (w *world) Event(e pool.Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	hook := w.hook
	w.mu.Unlock()
	if hook != nil {
		hook(e)
	}
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) attempts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opens
}

// all are the connections that were opened so far.
func (w *world) all() []*conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*conn(nil), w.conns...)
}

// happened lists the events as kind and reason.
func (w *world) happened() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, e := range w.events {
		s := e.Kind.String()
		if e.Kind == pool.Closed {
			s += " " + e.Reason.String()
		}
		list = append(list, s)
	}
	return list
}

// inBubble runs a test with time that passes only when everybody waits, and with a pool. At
// the end the pool has to close in order and to leave nothing: no connection, no goroutine
// (the bubble would not end).
func inBubble(t *testing.T, cfg pool.Config[*conn], test func(t *testing.T, w *world, p *pool.Pool[*conn])) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := new(world)
		cfg := cfg
		if cfg.Open == nil {
			cfg.Open = w.Open
		}
		if cfg.Event == nil {
			cfg.Event = w.Event
		}
		p, err := pool.New(cfg)
		require.NoError(t, err)
		test(t, w, p)
		require.NoError(t, p.Close(context.Background()))
		synctest.Wait()
		s := p.Stats()
		require.Equal(t, []int{0, 0, 0, 0, 0}, []int{s.Open, s.InUse, s.Idle, s.Opening, s.Waiting})
		for _, c := range w.all() {
			require.True(t, c.closed(), "connection %d is still open", c.n)
			require.LessOrEqual(t, c.closes.Load(), int32(1))
		}
		require.EqualValues(t, len(w.all()), s.Closed.Total())
	})
}

func acquire(t *testing.T, p *pool.Pool[*conn]) pool.Lease[*conn] {
	t.Helper()
	l, err := p.Acquire(context.Background())
	require.NoError(t, err)
	return l
}

func valueOf(t *testing.T, l pool.Lease[*conn]) *conn {
	t.Helper()
	c, err := l.Value()
	require.NoError(t, err)
	return c
}

// pending is an Acquire that runs.
type pending struct {
	lease pool.Lease[*conn]
	err   error
	took  time.Duration
	ended atomic.Bool // lease, err and took are set
}

func start(ctx context.Context, p *pool.Pool[*conn]) *pending {
	a := new(pending)
	go func() {
		began := time.Now()
		a.lease, a.err = p.Acquire(ctx)
		a.took = time.Since(began)
		a.ended.Store(true)
	}()
	synctest.Wait()
	return a
}

func (a *pending) done() bool { return a.ended.Load() }

func (a *pending) get(t *testing.T) pool.Lease[*conn] {
	t.Helper()
	synctest.Wait()
	require.True(t, a.done(), "still waits")
	require.NoError(t, a.err)
	return a.lease
}

func (a *pending) fails(t *testing.T, target error) *pool.Error {
	t.Helper()
	synctest.Wait()
	require.True(t, a.done(), "still waits")
	require.ErrorIs(t, a.err, target)
	var e *pool.Error
	errors.As(a.err, &e)
	return e
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// stacks shows where all goroutines are, the caller's first.
func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}

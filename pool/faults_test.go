package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

// F-81: a waiter gives up at the very instant in which a connection is handed to him.
// Whoever wins, the connection is not lost and the next one in the queue has it.
func TestF81HandOverMeetsCancellation(t *testing.T) {
	t.Parallel()
	w := new(world)
	p, err := pool.New(pool.Config[*conn]{Open: w.Open, Capacity: 1, Peak: 1, MaxWait: time.Minute})
	require.NoError(t, err)
	won := map[bool]int{}
	for i := range 2000 {
		l := acquire(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		first := make(chan error, 1)
		group.Go(func() {
			l, err := p.Acquire(ctx)
			if err == nil {
				err = l.Release()
			}
			first <- err
		})
		for p.Stats().Waiting < 1 {
			runtime.Gosched()
		}
		group.Go(func() {
			l, err := p.Acquire(context.Background())
			if err == nil {
				err = l.Release()
			}
			if err != nil {
				t.Error(err)
			}
		})
		// The one that is started last runs first, usually; the other one meets it half way.
		last := func() {
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		}
		if i%2 == 0 {
			cancel, last = last, cancel
		}
		group.Go(cancel)
		group.Go(last)
		group.Wait()
		err := <-first
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		won[err == nil]++
		s := p.Stats()
		require.Equal(t, []int{1, 0, 1, 0}, []int{s.Open, s.InUse, s.Idle, s.Waiting})
	}
	require.NoError(t, p.Close(t.Context()))
	require.Len(t, w.all(), 1, "the one connection served them all")
	t.Logf("served %d times, canceled %d times", won[true], won[false])
}

// F-82, R13: a caller who holds a connection and asks for another one at the limit waits for
// himself. The wait is queued and bounded, and the error says where to look.
func TestF82R13NestedAcquisition(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 3, MaxWait: 30 * time.Second, Debug: true}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		// One connection for each column, as many columns as there are connections, and one more
		// for each of them.
		var outer []pool.Lease[*conn]
		for range 3 {
			outer = append(outer, acquire(t, p))
			pass(time.Second)
		}
		var inner []*pending
		for range 3 {
			inner = append(inner, start(t.Context(), p))
		}
		pass(30 * time.Second)
		for _, a := range inner {
			e := a.fails(t, pool.ErrExhausted)
			require.ErrorContains(t, e, "a caller that holds a connection while it waits for another one")
			require.Len(t, e.Holders, 3)
			require.Equal(t, 33*time.Second, e.Holders[0].For, "the oldest first")
			require.Equal(t, 31*time.Second, e.Holders[2].For)
			require.Contains(t, e.Holders[0].Stack, "TestF82R13NestedAcquisition")
			require.ErrorContains(t, e, "held for 33s by")
		}
		for _, l := range outer {
			require.NoError(t, l.Release())
		}
		require.NoError(t, acquire(t, p).Release())
	})
}

// A connection that is only being looked at has no holder yet, whoever had it before.
func TestHoldersAreThoseWhoHold(t *testing.T) {
	inBubble(t, pool.Config[*conn]{
		Capacity: 2, Peak: 2, MaxWait: time.Second, Debug: true,
		Ping: func(context.Context, *conn) error { pass(time.Minute); return nil },
	}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		held, earlier := acquire(t, p), acquire(t, p)
		require.NoError(t, earlier.Release())
		pinging := start(t.Context(), p)
		_, err := p.Acquire(t.Context())
		var e *pool.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 2, e.InUse)
		require.Len(t, e.Holders, 1)
		require.Equal(t, time.Second, e.Holders[0].For)
		require.NoError(t, held.Release())
		pass(time.Minute)
		require.NoError(t, pinging.get(t).Release())
	})
}

// F-84, R10: expiry, checker, acquire and releases of the same lease from several sides all
// at once. Exactly one of them wins each time: no connection ends twice, none is lent twice.
func TestF84R10Races(t *testing.T) {
	t.Parallel()
	w := new(world)
	var using sync.Map // *conn -> its user
	p, err := pool.New(pool.Config[*conn]{
		Open: w.Open, Capacity: 4, Peak: 6, MaxWait: time.Minute, Expiration: 1, CheckPeriod: 50 * time.Microsecond,
		Ping: func(context.Context, *conn) error { return nil }, Reset: func(context.Context, *conn) error { return nil },
		Event: w.Event, Debug: true,
	})
	require.NoError(t, err)
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	var group sync.WaitGroup
	for worker := range 12 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for range rounds {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(200)+1)*100*time.Microsecond)
				l, err := p.Acquire(ctx)
				cancel()
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					continue
				}
				c, err := l.Value()
				if err != nil {
					t.Error(err)
				}
				if other, taken := using.LoadOrStore(c, worker); taken {
					t.Errorf("connection %d is lent to %d and %d", c.n, other, worker)
				}
				if c.closed() {
					t.Errorf("connection %d is lent after its end", c.n)
				}
				runtime.Gosched()
				using.Delete(c)
				// Two at once, in ways of their own: one wins.
				var won atomic.Int32
				var pair sync.WaitGroup
				for range 2 {
					release := l.Release
					switch r.IntN(200) {
					case 0: // seldom: lost connections are replaced slowly
						release = func() error { return l.Discard(nil) }
					case 1, 2, 3, 4, 5, 6, 7, 8, 9:
						release = func() error { return l.ReleaseAfterReset(context.Background()) }
					default:
					}
					pair.Go(func() {
						if release() == nil {
							won.Add(1)
						}
					})
				}
				pair.Wait()
				if n := won.Load(); n != 1 {
					t.Errorf("%d releases won", n)
				}
			}
		})
	}
	group.Wait()
	s := p.Stats()
	require.Equal(t, []int{0, 0, 0}, []int{s.InUse, s.Opening, s.Waiting})
	require.LessOrEqual(t, s.Idle, 4)
	require.NoError(t, p.Close(t.Context()))
	for _, c := range w.all() {
		require.True(t, c.closed())
		require.LessOrEqual(t, c.closes.Load(), int32(1))
	}
	require.EqualValues(t, len(w.all()), p.Stats().Closed.Total())
	require.EqualValues(t, len(w.all()), p.Stats().Opened)
}

// F-87: what is running may finish until the drain deadline; then it is cut.
func TestF87DrainDeadline(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 32, Peak: 32}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 32)
		require.NoError(t, err)
		began := time.Now()
		for i, l := range leases {
			time.AfterFunc(time.Duration(i)*time.Second, func() {
				c, err := l.Value()
				if err != nil {
					t.Error(err)
				}
				if cut := c.closed(); cut != (i >= 20) {
					t.Errorf("call %d, cut %t", i, cut)
				}
				release := l.Release
				if i%2 == 0 {
					release = func() error { return l.ReleaseAfterReset(context.Background()) }
				}
				if err := release(); err != nil { // no harm
					t.Error(err)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second+time.Second/2)
		defer cancel()
		err = p.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "12 connections were in use, which were cut")
		require.Equal(t, 19*time.Second+time.Second/2, time.Since(began))
		for _, c := range w.all() {
			require.True(t, c.closed())
		}
		s := p.Stats()
		require.Equal(t, []int64{20, 12}, []int64{s.Closed[pool.PoolClosed] + s.Closed[pool.Discarded], s.Closed[pool.Cut]})
		require.Equal(t, []int{0, 0}, []int{s.Open, s.InUse})
		pass(time.Minute)
		require.Equal(t, s, p.Stats())
	})
}

// Close calls openings off; those who wait for them do not wait for Open to notice. One
// that does not notice is left behind at the deadline and closed when it comes.
func TestCloseCallsOpeningsOff(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 2}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		var causes []error
		w.set(func() {
			w.open = func(ctx context.Context, n int) error {
				if n == 1 {
					<-ctx.Done()
					causes = append(causes, context.Cause(ctx))
					return ctx.Err()
				}
				pass(time.Hour)
				return nil
			}
		})
		a, b := start(t.Context(), p), start(t.Context(), p)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 were being opened")
		require.Equal(t, time.Second, time.Since(began))
		a.fails(t, pool.ErrClosed)
		b.fails(t, pool.ErrClosed)
		require.Zero(t, b.took)
		require.Equal(t, []error{pool.ErrClosed}, causes)
		require.NoError(t, p.Close(t.Context()), "it waits for the other one")
		require.Equal(t, time.Hour, time.Since(began))
		require.True(t, w.all()[0].closed())
	})
}

// Connections that are being reset or pinged are cut as well.
func TestCloseCutsResetsAndPings(t *testing.T) {
	hang := func(_ context.Context, c *conn) error {
		for !c.closed() {
			pass(time.Second)
		}
		return errGone
	}
	inBubble(t, pool.Config[*conn]{Capacity: 2, Peak: 2, Reset: hang, Ping: hang}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 2)
		require.NoError(t, err)
		require.NoError(t, leases[0].Release())
		a := start(t.Context(), p)
		require.False(t, a.done())
		var group sync.WaitGroup
		group.Go(func() {
			if err := leases[1].ReleaseAfterReset(context.Background()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		require.NoError(t, closeNow(p))
		group.Wait()
		pass(time.Second)
		a.fails(t, pool.ErrClosed)
		require.EqualValues(t, 2, p.Stats().Closed[pool.Cut])
	})
}

// Close meets the checker: what it holds aside is closed by whoever is there first.
func TestCloseMeetsChecker(t *testing.T) {
	for _, now := range []bool{false, true} {
		t.Run(fmt.Sprint("now ", now), func(t *testing.T) {
			inBubble(t, pool.Config[*conn]{Capacity: 40, Expiration: time.Hour, CheckPeriod: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
				leases, err := p.AcquireN(t.Context(), 40)
				require.NoError(t, err)
				for _, l := range leases {
					valueOf(t, l).onIdle = func() { pass(time.Second) }
					require.NoError(t, l.Release())
				}
				pass(time.Minute + 10*time.Second + time.Second/2)
				began := time.Now()
				if now {
					require.NoError(t, closeNow(p))
					require.Zero(t, time.Since(began))
					pass(time.Minute) // a real look takes no time
				} else {
					require.NoError(t, p.Close(t.Context()))
					require.Equal(t, 21*time.Second+time.Second/2, time.Since(began))
				}
				for _, c := range w.all() {
					require.True(t, c.closed())
				}
			})
		})
	}
}

// F-88: Close twice, concurrently, and inside a call-back of the pool, whatever the event.
func TestF88CloseAnywhere(t *testing.T) {
	for _, kind := range []pool.EventKind{pool.Opened, pool.OpenFailed, pool.Closed, pool.TimedOut} {
		t.Run(kind.String(), func(t *testing.T) {
			var ended atomic.Int32
			inBubble(t, pool.Config[*conn]{
				Capacity: 2, Peak: 3, MaxWait: time.Second, Expiration: time.Minute, CheckPeriod: time.Minute,
			}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
				w.set(func() {
					w.hook = func(e pool.Event) {
						if e.Kind != kind {
							return
						}
						ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
						defer cancel()
						if err := p.Close(ctx); err != nil {
							t.Error(err)
						}
						ended.Add(1)
					}
				})
				w.set(func() {
					w.open = func(_ context.Context, n int) error {
						if n == 6 {
							return errDown
						}
						return nil
					}
				})
				var group sync.WaitGroup
				for range 8 {
					group.Go(func() {
						for range 3 {
							l, err := p.Acquire(context.Background())
							if err != nil {
								continue
							}
							pass(2 * time.Second)
							if err := l.Discard(nil); err != nil {
								t.Error(err)
							}
						}
					})
				}
				group.Wait()
			})
			require.Positive(t, ended.Load())
		})
	}
	inBubble(t, pool.Config[*conn]{Capacity: 2}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if err := p.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		require.NoError(t, l.Release())
		group.Wait()
		require.NoError(t, p.Close(t.Context()))
	})
}

// F-76, U19: a lease that nobody released and nobody has any more is reported with the
// place where it was acquired. The report is all: the connection may still be in use.
func TestF76LeakReport(t *testing.T) {
	t.Parallel()
	leaks := make(chan pool.Event, 1)
	w := new(world)
	p, err := pool.New(pool.Config[*conn]{Open: w.Open, Capacity: 2, Debug: true, Event: func(e pool.Event) {
		if e.Kind == pool.Leaked {
			leaks <- e
		}
	}})
	require.NoError(t, err)
	forget := func() {
		require.NoError(t, acquire(t, p).Release()) // no leak
		acquire(t, p)
	}
	forget()
	var e pool.Event
	for e.Kind != pool.Leaked {
		runtime.GC()
		select {
		case e = <-leaks:
		default:
			runtime.Gosched()
		}
	}
	require.Contains(t, e.Stack, "TestF76LeakReport")
	require.Positive(t, e.Duration)
	s := p.Stats()
	require.EqualValues(t, 1, s.Leaked)
	require.Equal(t, 1, s.InUse)
	runtime.GC()
	require.Empty(t, leaks)
	require.NoError(t, closeNow(p))
}

// A panic in what is given to the pool costs the connection, not its room.
func TestPanicsTakeNothing(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, MaxWait: time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		c := valueOf(t, l)
		c.onIdle = func() { panic("in Idle") }
		c.onClose = func() { panic("in Close") }
		require.NoError(t, l.Release())
		l = acquire(t, p)
		require.NotSame(t, c, valueOf(t, l))
		synctest.Wait() // the old connection is closed while the new one opens: either event may come first
		var found error
		w.set(func() {
			for _, e := range w.events {
				if e.Kind == pool.Closed {
					found = e.Err
				}
			}
		})
		require.ErrorContains(t, found, "Idle panicked: in Idle")
		c = valueOf(t, l)
		c.onClose = func() { panic("in Close") }
		require.NoError(t, l.Release())
	})
}

func TestPanicInRefused(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Refused: func(error) bool { panic("in Refused") }}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.down = errDown })
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, errDown)
		require.Zero(t, p.Stats().Opening)
		require.True(t, p.Stats().Failing, "an ordinary failure")
	})
}

// A mixed load on a small pool with faults: whatever happens, everything comes back, and
// nobody gets an error that his own faults do not explain.
func TestStress(t *testing.T) {
	t.Parallel()
	before := runtime.NumGoroutine()
	w := new(world)
	var n atomic.Int64
	p, err := pool.New(pool.Config[*conn]{
		Open: func(ctx context.Context) (*conn, error) {
			if n.Add(1)%50 == 0 {
				return nil, errDown
			}
			return w.Open(ctx)
		},
		Capacity: 8, Peak: 16, MaxWait: time.Minute, Expiration: time.Millisecond, CheckPeriod: time.Millisecond, Partition: partitionOf,
		Refused: func(error) bool { return n.Load()%100 == 0 },
	})
	require.NoError(t, err)
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	var group sync.WaitGroup
	for worker := range 64 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 2))
			ctx := context.Background()
			if worker%8 == 0 {
				ctx = inPartition(ctx, "other")
			}
			for range rounds / 64 {
				l, err := p.Acquire(ctx)
				if err != nil {
					if !errors.Is(err, errDown) {
						t.Error(err)
					}
					continue
				}
				c, _ := l.Value()
				if c.partition != partitionOf(ctx) {
					t.Error("somebody else's connection")
				}
				switch r.IntN(300) {
				case 0:
					c.dead.Store(true)
				case 1:
					c.gone.Store(true)
				default:
				}
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, p.Close(t.Context()))
	require.Zero(t, p.Stats().Open)
	for _, c := range w.all() {
		require.True(t, c.closed())
	}
	// Other tests run at the same time: ours may not be among what is left.
	for strings.Contains(stacks(), "pool_test.TestStress.func") {
		runtime.Gosched()
	}
	t.Logf("%d goroutines before, %d behind, %+v", before, runtime.NumGoroutine(), p.Stats())
}

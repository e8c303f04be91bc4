package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

// Spec 30.8: the trap of two settings that may be absent. N-12, N-13, N-14.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		capacity, peak         *int
		wantCapacity, wantPeak int
	}{
		{nil, nil, 1, 0},
		{nil, new(0), 1, 0},
		{nil, new(1), 1, 1},
		{nil, new(7), 1, 7},
		{new(5), nil, 5, 5},
		{new(0), nil, 0, 0},
		{new(5), new(0), 5, 0},
		{new(5), new(3), 5, 5},
		{new(5), new(9), 5, 9},
		{new(0), new(9), 0, 9},
		{new(0), new(0), 0, 0},
	} {
		capacity, peak := pool.Limits(tc.capacity, tc.peak)
		require.Equal(t, []int{tc.wantCapacity, tc.wantPeak}, []int{capacity, peak})
	}
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := pool.New(pool.Config[*conn]{
		Capacity: -1, Peak: math.MinInt, MaxWait: -1, Expiration: -time.Second, CheckPeriod: -1, PingAfter: -1, ResetTimeout: -1,
	})
	for _, want := range []string{"Open is missing", "Capacity: -1", "Peak: -", "MaxWait: -1ns", "Expiration: -1s", "CheckPeriod", "PingAfter", "ResetTimeout"} {
		require.ErrorContains(t, err, want)
	}
	p, err := pool.New(pool.Config[*conn]{Open: new(world).Open, MaxWait: math.MaxInt64, Capacity: math.MaxInt32, Peak: 1})
	require.NoError(t, err)
	require.Equal(t, math.MaxInt32, p.Stats().MaxOpen, "N-13: raised to the capacity")
}

// N-01, N-12: nothing is opened in advance; Warm opens, as far as the capacity goes.
func TestN01NothingIsOpenedInAdvance(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 5, Peak: 8}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		require.Zero(t, w.attempts())
		for _, n := range []int{2, 5, 3} {
			require.NoError(t, p.Warm(t.Context(), n))
			require.Equal(t, max(n, p.Stats().Open), p.Stats().Idle)
			require.Zero(t, p.Stats().InUse)
		}
		require.Equal(t, 5, w.attempts())
		require.NoError(t, p.Warm(t.Context(), 8))
		synctest.Wait()
		require.Equal(t, 5, p.Stats().Idle, "the capacity")
		require.EqualValues(t, 3, p.Stats().Closed[pool.Surplus])
	})
}

func TestN02AcquireSeveral(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 5}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 3)
		require.NoError(t, err)
		require.Len(t, leases, 3)
		require.Equal(t, 3, p.Stats().InUse)
		seen := map[*conn]bool{}
		for _, l := range leases {
			seen[valueOf(t, l)] = true
		}
		require.Len(t, seen, 3)
		for _, l := range leases {
			require.NoError(t, l.Release())
		}
		require.Equal(t, []int{0, 3}, []int{p.Stats().InUse, p.Stats().Idle})
		leases, err = p.AcquireN(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, leases)
		_, err = p.AcquireN(t.Context(), 6)
		require.ErrorIs(t, err, pool.ErrExhausted, "more than there can be")
		require.Zero(t, p.Stats().InUse)
	})
}

// N-03, B-81: the second release is an error and changes nothing.
func TestN03B81ReleasedTwice(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, Debug: true}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		old := acquire(t, p)
		require.NoError(t, old.Release())
		before := p.Stats()
		for _, err := range []error{old.Release(), old.Discard(errGone), old.ReleaseAfterReset(t.Context())} {
			require.ErrorIs(t, err, pool.ErrReleased)
			require.ErrorContains(t, err, "TestN03B81ReleasedTwice", "the stacks of the first user")
			var e *pool.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Stack, "pool_test.acquire")
			require.Contains(t, e.Released, "Release")
		}
		require.Equal(t, before, p.Stats())

		// Somebody else has the connection now; the old lease has no power over it.
		l := acquire(t, p)
		_, err := old.Value()
		require.ErrorIs(t, err, pool.ErrReleased)
		require.ErrorIs(t, old.Release(), pool.ErrReleased)
		require.Equal(t, 1, p.Stats().InUse)
		valueOf(t, l)
		copied := l
		require.NoError(t, copied.Release())
		require.ErrorIs(t, l.Release(), pool.ErrReleased)

		var none pool.Lease[*conn]
		require.ErrorIs(t, none.Release(), pool.ErrReleased)
		_, err = none.Value()
		require.ErrorIs(t, err, pool.ErrReleased)
	})
}

func TestN04TheSameConnectionComesBack(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		first := valueOf(t, l)
		require.NoError(t, l.Release())
		l = acquire(t, p)
		require.Same(t, first, valueOf(t, l))
		require.NoError(t, l.Release())
		require.EqualValues(t, 1, p.Stats().Opened)
		require.EqualValues(t, 2, p.Stats().Acquired)
		require.EqualValues(t, 1, first.looks.Load(), "looked at before it was lent again, not when it was new")
	})
}

// N-05: a broken connection is not lent again, however its user says so.
func TestN05BrokenOnesAreReplaced(t *testing.T) {
	for name, ruin := range map[string]func(l pool.Lease[*conn], c *conn) error{
		"dead": func(l pool.Lease[*conn], c *conn) error { c.dead.Store(true); return l.Release() },
		// Rows of a streamed table are still to be read: B-81.
		"busy":       func(l pool.Lease[*conn], c *conn) error { c.busy.Store(true); return l.Release() },
		"discarded":  func(l pool.Lease[*conn], _ *conn) error { return l.Discard(errGone) },
		"found dead": func(l pool.Lease[*conn], c *conn) error { c.gone.Store(true); return l.Release() },
		"not reset":  func(l pool.Lease[*conn], _ *conn) error { return l.ReleaseAfterReset(context.Background()) },
		"dead, to be reset": func(l pool.Lease[*conn], c *conn) error {
			c.dead.Store(true)
			return l.ReleaseAfterReset(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, MaxWait: time.Second}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
				l := acquire(t, p)
				first := valueOf(t, l)
				require.NoError(t, ruin(l, first))
				l = acquire(t, p)
				require.NotSame(t, first, valueOf(t, l))
				require.True(t, first.closed())
				require.Zero(t, first.closes.Load(), "nothing is said to it any more")
				require.NoError(t, l.Release())
				require.EqualValues(t, 1, p.Stats().Closed.Total())
			})
		})
	}
}

// N-06, R9: failed openings give their room back, whatever Open does; nil is no connection.
func TestN06R9FailedOpeningsTakeNothing(t *testing.T) {
	for name, broken := range map[string]func() (*conn, error){
		"error":           func() (*conn, error) { return nil, errDown },
		"nil":             func() (*conn, error) { return nil, nil },
		"panic":           func() (*conn, error) { panic("in Open") },
		"error and value": func() (*conn, error) { return new(conn), errDown },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
				w.set(func() { w.broken = broken })
				l, err := p.Acquire(t.Context())
				require.Error(t, err)
				require.NotErrorIs(t, err, pool.ErrUnavailable, "his own attempt")
				_, err = l.Value()
				require.ErrorIs(t, err, pool.ErrReleased)
				s := p.Stats()
				require.Equal(t, []any{0, 0, int64(1), true}, []any{s.Open, s.Opening, s.OpenFailed, s.Failing})
				w.set(func() { w.broken = nil })
				pass(100 * time.Millisecond)
				l = acquire(t, p)
				require.NoError(t, l.Release())
				require.False(t, p.Stats().Failing)
			})
		})
	}
}

// N-07, F-78: the queue is served in order of arrival, by returned connections first of all.
func TestN07F78FirstInFirstOut(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 2, Peak: 2, MaxWait: time.Minute}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		held := []pool.Lease[*conn]{acquire(t, p), acquire(t, p)}
		var waiting []*pending
		for range 10 {
			waiting = append(waiting, start(t.Context(), p))
		}
		require.Equal(t, 10, p.Stats().Waiting)
		for i, a := range waiting {
			for _, b := range waiting[i:] {
				require.False(t, b.done())
			}
			l := held[0]
			c := valueOf(t, l)
			pass(time.Second)
			require.NoError(t, l.Release())
			got := a.get(t)
			require.Same(t, c, valueOf(t, got))
			require.Equal(t, time.Duration(i+1)*time.Second, a.took)
			held = append(held[1:], got)
		}
		for _, l := range held {
			require.NoError(t, l.Release())
		}
		s := p.Stats()
		require.EqualValues(t, 10, s.WaitCount)
		require.Equal(t, 10*time.Second, s.LongestWait)
		require.Equal(t, 55*time.Second, s.WaitDuration)
		require.Equal(t, [len(pool.WaitBounds) + 1]int64{6: 1, 7: 1, 8: 3, 9: 5}, s.Waits)
	})
}

// N-08: the room of a connection that is gone goes to the one who waits.
func TestN08WaiterGetsTheRoomOfADeadOne(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, MaxWait: time.Minute}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		first := valueOf(t, l)
		a, b := start(t.Context(), p), start(t.Context(), p)
		require.NoError(t, l.Discard(errGone))
		l = a.get(t)
		require.NotSame(t, first, valueOf(t, l))
		require.False(t, b.done())
		require.NoError(t, l.Discard(nil))
		require.NoError(t, b.get(t).Release())
	})
}

// Spec 30.8, 3: the historic defect. A surplus connection is closed in order, which takes
// time, and whoever waits for its room must be woken up when it is gone.
func TestPoolWakesWaiterWhenSurplusConnCloses(t *testing.T) {
	for _, partitioned := range []bool{false, true} {
		t.Run(fmt.Sprint(partitioned), func(t *testing.T) {
			cfg := pool.Config[*conn]{Capacity: 0, Peak: 1} // no wait at all
			if partitioned {
				cfg.Partition = partitionOf
			}
			inBubble(t, cfg, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
				l := acquire(t, p)
				c := valueOf(t, l)
				c.onClose = func() { pass(3 * time.Second) }
				began := time.Now()
				require.NoError(t, l.Release())
				require.Zero(t, time.Since(began), "Release does not wait")
				a := start(t.Context(), p)
				require.False(t, a.done(), "there is room, as soon as the other one is closed")
				l = a.get2(t)
				require.Equal(t, 3*time.Second, a.took)
				require.True(t, c.closed())
				require.NoError(t, l.Release())
			})
		})
	}
}

// get2 waits as long as it takes.
func (a *pending) get2(t *testing.T) pool.Lease[*conn] {
	t.Helper()
	for !a.done() {
		pass(time.Millisecond)
		synctest.Wait()
	}
	a.took = a.took.Truncate(time.Millisecond)
	return a.get(t)
}

// N-09, B-84, F-87: Close fails those who wait, and later ones; what is lent ends when it is
// returned.
func TestN09B84Close(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 2, Peak: 2, MaxWait: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		lent, idle := acquire(t, p), acquire(t, p)
		require.NoError(t, idle.Release())
		second := acquire(t, p)
		a := start(t.Context(), p)
		require.NoError(t, second.Release())
		a.get(t)
		b := start(t.Context(), p)
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }()
		b.fails(t, pool.ErrClosed)
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, pool.ErrClosed)
		require.ErrorContains(t, err, "the pool is closed")
		require.Empty(t, closed, "two are still lent")
		for _, c := range w.all() {
			require.False(t, c.closed())
		}
		require.NoError(t, lent.Release())
		require.NoError(t, a.lease.Release())
		require.NoError(t, <-closed)
		require.EqualValues(t, 2, p.Stats().Closed[pool.PoolClosed])
	})
}

// N-10: all or nothing.
func TestN10AllOrNothing(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 4, Peak: 4, MaxWait: time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() {
			w.open = func(_ context.Context, n int) error {
				if n == 3 {
					return errDown
				}
				return nil
			}
		})
		_, err := p.AcquireN(t.Context(), 4)
		require.ErrorIs(t, err, errDown)
		synctest.Wait()
		s := p.Stats()
		require.Equal(t, []int{0, 0, len(w.all())}, []int{s.InUse, s.Waiting, s.Idle})
		leases, err := p.AcquireN(t.Context(), 4)
		require.NoError(t, err)
		for _, l := range leases {
			require.NoError(t, l.Release())
		}
		// At the limit they wait together, and give up together.
		l := acquire(t, p)
		_, err = p.AcquireN(t.Context(), 4)
		require.ErrorIs(t, err, pool.ErrExhausted)
		synctest.Wait()
		require.Equal(t, 1, p.Stats().InUse)
		require.NoError(t, l.Release())
	})
}

// The first failure ends the waiting of the others.
func TestN10NobodyWaitsForNothing(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 3, MaxWait: time.Hour}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		w.set(func() { w.down, w.slow = errDown, time.Second })
		began := time.Now()
		_, err := p.AcquireN(t.Context(), 3)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, l.Release())
	})
}

// N-11: a slow health check holds nobody else up.
func TestN11ChecksRunOutsideTheLock(t *testing.T) {
	inBubble(t, pool.Config[*conn]{
		Capacity: 2, Peak: 2,
		Ping: func(_ context.Context, c *conn) error {
			if c.n == 2 {
				pass(time.Hour)
			}
			return nil
		},
	}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		a, b := acquire(t, p), acquire(t, p)
		require.NoError(t, a.Release())
		require.NoError(t, b.Release())
		slow := start(t.Context(), p)
		require.False(t, slow.done())
		began := time.Now()
		l := acquire(t, p)
		require.Equal(t, 1, valueOf(t, l).n)
		require.NoError(t, l.Release())
		p.Stats()
		require.Zero(t, time.Since(began))
		pass(time.Hour)
		require.NoError(t, slow.get(t).Release())
	})
}

// N-14: capacity 0 keeps nothing.
func TestN14NoCapacityNoPooling(t *testing.T) {
	inBubble(t, pool.Config[*conn]{}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		for i := range 5 {
			l := acquire(t, p)
			c := valueOf(t, l)
			require.Equal(t, i+1, c.n)
			require.NoError(t, l.Release())
			synctest.Wait()
			require.True(t, c.closed())
			require.EqualValues(t, 1, c.closes.Load(), "in order")
		}
		require.Equal(t, []string{"opened", "closed surplus"}, w.happened()[:2])
	})
}

// Spec 30.8, 2: the most recently returned one is lent first.
func TestLastReturnedIsLentFirst(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 3}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 3)
		require.NoError(t, err)
		var order []*conn
		for _, i := range []int{2, 0, 1} {
			order = append(order, valueOf(t, leases[i]))
			require.NoError(t, leases[i].Release())
		}
		slices.Reverse(order)
		for _, want := range order {
			l := acquire(t, p)
			require.Same(t, want, valueOf(t, l))
			defer l.Release()
		}
	})
}

// With partitions connections are not mixed, but share the limits and the order.
func TestPartitions(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 2, Peak: 2, MaxWait: time.Minute, Partition: partitionOf}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		as := func(user string) pool.Lease[*conn] {
			t.Helper()
			l, err := p.Acquire(inPartition(t.Context(), user))
			require.NoError(t, err)
			require.Equal(t, user, valueOf(t, l).partition)
			return l
		}
		a, b := as("A"), as("B")
		require.NoError(t, a.Release())
		pass(time.Second)
		require.NoError(t, b.Release())
		again := as("A")
		require.Equal(t, 2, w.attempts(), "each found his own")
		pass(time.Second)
		require.NoError(t, again.Release())
		pass(time.Second)

		// The limit is that of the whole: the one that was idle longest, B's, makes room.
		c := as("C")
		synctest.Wait()
		require.True(t, w.all()[1].closed())
		require.False(t, w.all()[0].closed())
		require.EqualValues(t, 1, p.Stats().Closed[pool.Evicted])

		// The order of the queue holds over partitions, though it costs an opening.
		held := as("A")
		first, second := start(inPartition(t.Context(), "B"), p), start(inPartition(t.Context(), "A"), p)
		require.NoError(t, held.Release())
		require.False(t, func() bool { synctest.Wait(); return second.done() }())
		require.NoError(t, first.get(t).Release())
		require.NoError(t, second.get(t).Release())
		require.NoError(t, c.Release())
	})
}

// The values of the context that asked reach Open, its end does not.
func TestOpeningOutlivesItsCaller(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, MaxWait: time.Minute, Partition: partitionOf}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.slow = 3 * time.Second })
		ctx, cancel := context.WithTimeout(inPartition(t.Context(), "A"), time.Second)
		defer cancel()
		_, err := p.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, pool.ErrExhausted)
		require.ErrorContains(t, err, "while a connection was being opened, after 1000 ms")
		require.Equal(t, []int{0, 1}, []int{p.Stats().Open, p.Stats().Opening})
		// Whoever comes next does not begin from nothing.
		began := time.Now()
		l, err := p.Acquire(inPartition(t.Context(), "A"))
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Equal(t, "A", valueOf(t, l).partition)
		require.NoError(t, l.Release())
		require.Equal(t, 1, w.attempts())
		require.EqualValues(t, 1, p.Stats().Canceled)
		w.set(func() {
			require.Equal(t, pool.Event{Kind: pool.Opened, Partition: "A", Duration: 3 * time.Second}, w.events[0])
		})
	})
}

func TestAcquireWithBadContexts(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		_, err := p.Acquire(nil) //nolint:staticcheck // on purpose
		require.ErrorContains(t, err, "nil context")
		_, err = p.AcquireN(nil, 1) //nolint:staticcheck // on purpose
		require.ErrorContains(t, err, "nil context")
		require.ErrorContains(t, p.Close(nil), "nil context") //nolint:staticcheck // on purpose
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err = p.Acquire(ctx)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, w.attempts())
		require.EqualValues(t, 1, p.Stats().Canceled)
	})
}

func TestNamesOfEventsAndReasons(t *testing.T) {
	t.Parallel()
	for r := pool.Reason(0); ; r++ {
		if strings.HasPrefix(r.String(), "Reason(") {
			require.EqualValues(t, len(pool.ClosedStats{}), r)
			break
		}
	}
	require.Equal(t, "EventKind(0) opened open failed closed timed out leaked EventKind(6)",
		fmt.Sprint(pool.EventKind(0), pool.Opened, pool.OpenFailed, pool.Closed, pool.TimedOut, pool.Leaked, pool.EventKind(6)))
}

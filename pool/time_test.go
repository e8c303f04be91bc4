package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

func half() float64 { return 0.5 }

// F-79, N-15: the wait at the limit is bounded, and the error says what it met.
func TestF79N15WaitIsOver(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 2, MaxWait: 30 * time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		require.NoError(t, l.Discard(errGone))
		a, b := acquire(t, p), acquire(t, p)
		first := start(t.Context(), p)
		pass(10 * time.Second)
		second := start(t.Context(), p)
		pass(20*time.Second - 1)
		synctest.Wait()
		require.False(t, first.done())
		pass(1)
		e := first.fails(t, pool.ErrExhausted)
		require.Equal(t, 30*time.Second, first.took)
		require.Equal(t, pool.Error{Kind: pool.ErrExhausted, Waited: 30 * time.Second, Peak: 2, InUse: 2, Waiting: 1, Discarded: 1}, *e)
		require.ErrorContains(t, e, "no connection free within 30000 ms (peak limit 2, in use 2, idle 0, being opened 0, waiting 1, discarded so far 1)")
		require.False(t, second.done(), "his time runs from when he came")
		pass(10 * time.Second)
		second.fails(t, pool.ErrExhausted)
		require.Equal(t, 30*time.Second, second.took)
		require.EqualValues(t, 2, p.Stats().Timeouts)
		require.Equal(t, "timed out", w.happened()[len(w.happened())-1])
		require.NoError(t, a.Release())
		require.NoError(t, b.Release())
		require.NoError(t, acquire(t, p).Release(), "nobody is left in the queue")
	})
}

// A context that ends in the queue ends the wait at once, and its cause is told from the
// pool's own limit.
func TestContextEndsTheWait(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, MaxWait: time.Minute}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		a := start(ctx, p)
		limited, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		b := start(limited, p)
		c := start(t.Context(), p)
		cancel(why)
		a.fails(t, why)
		require.ErrorIs(t, a.err, context.Canceled)
		require.ErrorIs(t, a.err, pool.ErrExhausted)
		require.ErrorContains(t, a.err, ": why; raise the limit")
		require.Zero(t, a.took)
		pass(time.Second)
		e := b.fails(t, context.DeadlineExceeded)
		require.ErrorIs(t, e, pool.ErrExhausted)
		require.ErrorContains(t, e, "in use 1")
		require.ErrorContains(t, e, "context deadline exceeded")
		require.EqualValues(t, 2, p.Stats().Canceled)
		require.Zero(t, p.Stats().Timeouts)
		require.NoError(t, l.Release())
		require.NoError(t, c.get(t).Release())
	})
}

// F-80, R2: no wait is no reason to refuse what is free. All configurations with peak above
// capacity, connections on their way out included.
func TestF80R2NoWaitWithFreeCapacity(t *testing.T) {
	for capacity := range 3 {
		for peak := capacity; peak <= capacity+2; peak++ {
			t.Run(fmt.Sprint(capacity, " ", peak), func(t *testing.T) {
				inBubble(t, pool.Config[*conn]{Capacity: capacity, Peak: peak}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
					w.set(func() { w.slow = time.Second }) // opening is no wait
					n := peak
					if peak == 0 {
						n = 10
					}
					for range 3 {
						var leases []pool.Lease[*conn]
						for range n {
							leases = append(leases, acquire(t, p))
						}
						began := time.Now()
						l, err := p.Acquire(t.Context())
						if peak > 0 {
							require.ErrorIs(t, err, pool.ErrExhausted)
							require.ErrorContains(t, err, "within 0 ms")
							require.Zero(t, time.Since(began))
						} else {
							require.NoError(t, err)
							leases = append(leases, l)
						}
						for _, l := range leases {
							c := valueOf(t, l)
							c.onClose = func() { pass(time.Minute) }
							require.NoError(t, l.Release())
						}
					}
				})
			})
		}
	}
}

// R3: expiry is exact: the checker runs in its period as long as something is idle, and
// closes what has been idle for the whole time.
func TestR3Expiry(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 3, Expiration: 60 * time.Second, CheckPeriod: 20 * time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		began := time.Now()
		at := func(s time.Duration) {
			pass(s*time.Second - time.Since(began))
			synctest.Wait()
		}
		leases, err := p.AcquireN(t.Context(), 3)
		require.NoError(t, err)
		require.NoError(t, leases[0].Release()) // the first check is at 20
		at(1)
		require.NoError(t, leases[1].Release()) // due at 61: at 80
		at(60)
		require.Equal(t, 1, p.Stats().Idle, "idle for 60 s, and checked at 60")
		c := valueOf(t, leases[2])
		at(79)
		require.Equal(t, 1, p.Stats().Idle)
		at(80)
		require.Zero(t, p.Stats().Idle)
		require.False(t, c.closed(), "in use: never touched")
		// Nothing was idle: the checker rests. The next one counts from here.
		at(85)
		require.NoError(t, leases[2].Release())
		at(145 - 1)
		require.Equal(t, 1, p.Stats().Idle)
		at(145)
		require.Zero(t, p.Stats().Idle)
		require.EqualValues(t, 3, p.Stats().Closed[pool.Expired])
		for _, c := range w.all() {
			require.EqualValues(t, 1, c.closes.Load(), "in order")
		}
		// Who uses a connection now and then keeps it.
		l := acquire(t, p)
		first := valueOf(t, l)
		for range 20 {
			require.NoError(t, l.Release())
			pass(59 * time.Second)
			l = acquire(t, p)
			require.Same(t, first, valueOf(t, l))
		}
		require.NoError(t, l.Release())
	})
}

func TestExpiryAtItsEnds(t *testing.T) {
	t.Run("no checker", func(t *testing.T) {
		inBubble(t, pool.Config[*conn]{Capacity: 1}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
			require.NoError(t, acquire(t, p).Release())
			pass(1000 * time.Hour)
			require.Equal(t, 1, p.Stats().Idle)
		})
	})
	t.Run("at the next check", func(t *testing.T) {
		inBubble(t, pool.Config[*conn]{Capacity: 1, CheckPeriod: time.Minute}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
			require.NoError(t, acquire(t, p).Release())
			pass(time.Minute)
			synctest.Wait()
			require.Zero(t, p.Stats().Idle)
		})
	})
}

// R6: the checker also finds the ones whose peer has left, and tells.
func TestR6CheckerFindsDeadOnes(t *testing.T) {
	const n = 100 // more than one batch
	inBubble(t, pool.Config[*conn]{Capacity: n, Expiration: time.Hour, CheckPeriod: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		require.NoError(t, p.Warm(t.Context(), n))
		for i, c := range w.all() {
			c.gone.Store(i%3 == 0)
		}
		lifo := func() []int {
			leases, err := make([]pool.Lease[*conn], 0, n), error(nil)
			var order []int
			for p.Stats().Idle > 0 && err == nil {
				var l pool.Lease[*conn]
				l, err = p.Acquire(t.Context())
				leases = append(leases, l)
				order = append(order, valueOf(t, l).n)
			}
			for i := range leases {
				require.NoError(t, leases[len(leases)-1-i].Release())
			}
			return order
		}
		pass(time.Minute)
		synctest.Wait()
		require.Equal(t, 66, p.Stats().Idle)
		require.EqualValues(t, 34, p.Stats().Closed[pool.Dead])
		order := lifo()
		pass(time.Minute)
		synctest.Wait()
		require.Equal(t, order, lifo(), "the order is kept")
	})
}

// While the checker looks at a connection nobody fails for the lack of it.
func TestCheckerDoesNotStarveAnybody(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Peak: 1, Expiration: time.Hour, CheckPeriod: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		c := valueOf(t, l)
		a := new(pending)
		var once sync.Once
		c.onIdle = func() {
			once.Do(func() {
				go func() {
					a.lease, a.err = p.Acquire(context.Background())
					a.ended.Store(true)
				}()
				pass(time.Second) // it comes while we look
				if s := p.Stats(); s.Idle != 1 || s.Waiting != 1 {
					t.Errorf("%+v", s)
				}
			})
		}
		require.NoError(t, l.Release())
		pass(time.Minute + 2*time.Second)
		l = a.get(t)
		require.Same(t, c, valueOf(t, l))
		require.Equal(t, 1, w.attempts())
		require.NoError(t, l.Release())
	})
}

// Spec 30.8, 7: a round trip before reuse. A failed one closes the connection and the next
// one is tried; when none is left, one is opened. It counts against the caller's time.
func TestPing(t *testing.T) {
	var pinged []int
	bad := map[int]bool{}
	ping := func(ctx context.Context, c *conn) error {
		pinged = append(pinged, c.n)
		if c.n == 5 {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if c.n == 7 {
			panic("in Ping")
		}
		if bad[c.n] {
			return errGone
		}
		return nil
	}
	inBubble(t, pool.Config[*conn]{Capacity: 3, Peak: 3, Ping: ping, PingAfter: time.Second, Random: half}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 3)
		require.NoError(t, err)
		require.Empty(t, pinged, "new ones need no ping")
		give := func(leases ...pool.Lease[*conn]) {
			t.Helper()
			for _, l := range leases {
				require.NoError(t, l.Release())
			}
		}
		give(leases...)
		give(acquire(t, p))
		require.Empty(t, pinged, "idle for a moment only")
		pass(time.Second)
		bad[1], bad[2], bad[3] = true, true, true
		l := acquire(t, p)
		require.Equal(t, 4, valueOf(t, l).n)
		require.Len(t, pinged, 3)
		require.EqualValues(t, 3, p.Stats().Closed[pool.PingFailed])

		// The fifth does not answer.
		fifth := acquire(t, p)
		require.Equal(t, 5, valueOf(t, fifth).n)
		give(fifth)
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err = p.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))
		synctest.Wait()
		require.Equal(t, []int{1, 0}, []int{p.Stats().Open, p.Stats().Idle}, "it must not be used any more")

		sixth, seventh := acquire(t, p), acquire(t, p)
		give(sixth, seventh)
		pass(time.Second)
		sixth = acquire(t, p)
		require.Equal(t, 6, valueOf(t, sixth).n, "the seventh panics")
		give(l, sixth)
		require.EqualValues(t, 5, p.Stats().Closed[pool.PingFailed])
	})
}

// F-77, R4: what a sequence of calls left behind goes before the next user comes.
func TestF77Reset(t *testing.T) {
	type result struct {
		after time.Duration
		err   error
	}
	next := make(map[int]result)
	cfg := pool.Config[*conn]{
		Capacity: 1, Peak: 1, MaxWait: time.Hour, Random: half,
		Reset: func(ctx context.Context, c *conn) error {
			r := next[c.n]
			if r.after < 0 {
				panic("in Reset")
			}
			select {
			case <-time.After(r.after):
				return r.err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	inBubble(t, cfg, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		next[1] = result{after: 2 * time.Second}
		l := acquire(t, p)
		began := time.Now()
		require.NoError(t, l.ReleaseAfterReset(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(began), "the session is over when it returns")
		require.Equal(t, 1, p.Stats().Idle)

		// Whoever has no time leaves; the next one waits for the reset.
		l = acquire(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		require.NoError(t, l.ReleaseAfterReset(ctx))
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 1, p.Stats().InUse)
		require.ErrorIs(t, l.Release(), pool.ErrReleased)
		l = acquire(t, p)
		require.Equal(t, 1, valueOf(t, l).n)
		require.Equal(t, 2*time.Second, time.Since(began))

		// It fails, it hangs, it panics, it leaves a broken connection: the next one gets a
		// new one.
		next[1] = result{after: time.Second, err: errGone}
		require.NoError(t, l.ReleaseAfterReset(t.Context()), "the caller has his result")
		l = acquire(t, p)
		require.Equal(t, 2, valueOf(t, l).n)
		next[2] = result{after: time.Hour}
		began = time.Now()
		require.NoError(t, l.ReleaseAfterReset(t.Context()))
		require.Equal(t, pool.DefaultResetTimeout, time.Since(began))
		l = acquire(t, p)
		next[3] = result{after: -1}
		require.NoError(t, l.ReleaseAfterReset(t.Context()))
		l = acquire(t, p)
		c := valueOf(t, l)
		next[4] = result{after: time.Second}
		time.AfterFunc(time.Second/2, func() { c.dead.Store(true) })
		require.NoError(t, l.ReleaseAfterReset(t.Context()))
		l = acquire(t, p)
		require.Equal(t, 5, valueOf(t, l).n)
		require.EqualValues(t, 4, p.Stats().Closed[pool.ResetFailed])
		require.ErrorContains(t, l.ReleaseAfterReset(nil), "nil context") //nolint:staticcheck // on purpose
		require.NoError(t, l.Release())
	})
}

// F-83, F-04: the back end is down. Attempts are single and spaced, everybody gets an error
// of his own, and no room is lost.
func TestF83BackEndIsDown(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 8, Peak: 8, MaxWait: 30 * time.Second, Random: half}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.down, w.slow = errDown, time.Second })
		_, err := p.AcquireN(t.Context(), 8)
		require.ErrorIs(t, err, errDown)
		synctest.Wait()
		require.Equal(t, 8, w.attempts(), "nobody knew")
		w.set(func() { w.slow = 0 })
		began := time.Now()
		var opened []time.Duration
		w.set(func() {
			w.open = func(context.Context, int) error {
				opened = append(opened, time.Since(began))
				return nil
			}
		})
		failed := map[error]bool{}
		for time.Since(began) < 10*time.Second {
			var callers []*pending
			for range 20 {
				callers = append(callers, start(t.Context(), p))
			}
			for !callers[19].done() {
				pass(time.Millisecond)
				synctest.Wait()
			}
			for _, a := range callers {
				require.True(t, a.done())
				require.ErrorIs(t, a.err, errDown)
				require.False(t, failed[a.err] && a.err != errDown, "of his own") //nolint:errorlint // identity is the question
				failed[a.err] = true
			}
			require.Equal(t, []int{0, 0, 0}, []int{p.Stats().Open, p.Stats().Opening, p.Stats().Waiting})
		}
		// One at a time: with a random number of a half three quarters of 25, 50, ... 1600,
		// 2000 ms apart. The eight that failed at once count as one.
		var want []time.Duration
		at, pause := time.Duration(0), 25*time.Millisecond
		for at < 10*time.Second {
			at += pause * 3 / 4
			want = append(want, at)
			pause = min(2*pause, 2*time.Second)
		}
		require.Equal(t, len(want), len(opened))
		for i, d := range opened {
			require.InDelta(t, want[i].Seconds(), d.Seconds(), 0.02, "attempt %d of %v", i, opened)
		}
		require.True(t, p.Stats().Failing)
		require.Positive(t, p.Stats().OpenDelayed)

		// It is back: nobody fails any more.
		w.set(func() { w.down = nil })
		var callers []*pending
		for range 8 {
			callers = append(callers, start(t.Context(), p))
		}
		pass(2 * time.Second)
		for _, a := range callers {
			require.NoError(t, a.get(t).Release())
		}
		require.False(t, p.Stats().Failing)
	})
}

// Without a wait nobody is made to wait for the end of a pause either.
func TestNoWaitWhileBackEndIsDown(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, Random: half}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.down = errDown })
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, errDown)
		require.NotErrorIs(t, err, pool.ErrUnavailable)
		began := time.Now()
		_, err = p.Acquire(t.Context())
		require.ErrorIs(t, err, pool.ErrUnavailable)
		require.ErrorIs(t, err, errDown)
		require.ErrorContains(t, err, "connection refused")
		require.Zero(t, time.Since(began))
		require.Equal(t, 1, w.attempts())
		pass(25 * time.Millisecond)
		w.set(func() { w.down = nil })
		require.NoError(t, acquire(t, p).Release())
	})
}

// A context that ends during a pause says both why it ended and what it waited for.
func TestContextEndsDuringPause(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, MaxWait: time.Minute, Random: half}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.down = errDown })
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, errDown)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = p.Acquire(ctx)
		for _, target := range []error{context.DeadlineExceeded, pool.ErrUnavailable, errDown} {
			require.ErrorIs(t, err, target)
		}
		require.ErrorContains(t, err, "no connection could be opened within 1 ms: context deadline exceeded; the last attempt failed: connection refused")
	})
}

// The system is full (F-24, R13): those who have a connection go on, and those who wait get
// it from them; only the one whose attempt failed gets an error.
func TestF24R13FullSystemServesThoseWhoWait(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 1, MaxWait: time.Hour}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		l := acquire(t, p)
		w.set(func() { w.open = func(context.Context, int) error { return errDown } })
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, errDown)
		var callers []*pending
		for range 5 {
			callers = append(callers, start(t.Context(), p))
		}
		for _, a := range callers {
			require.NoError(t, l.Release())
			l = a.get(t)
		}
		require.NoError(t, l.Release())
		require.Equal(t, 2, w.attempts())
	})
}

// At the limit it is the limit that is to blame, whatever the last attempt to open said.
func TestExhaustedIsNotUnavailable(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 2, Peak: 2, MaxWait: time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		first := acquire(t, p)
		w.set(func() { w.down = errDown })
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, errDown)
		w.set(func() { w.down, w.slow = nil, time.Hour })
		pass(time.Second)
		second := start(t.Context(), p)
		_, err = p.Acquire(t.Context())
		require.ErrorIs(t, err, pool.ErrExhausted)
		require.NotErrorIs(t, err, errDown)
		pass(time.Hour)
		require.NoError(t, first.Release())
		require.NoError(t, second.get(t).Release())
	})
}

// F-40: a refused logon is not repeated for a second, by nobody with the same credentials;
// others are not concerned.
func TestF40RefusedLogon(t *testing.T) {
	inBubble(t, pool.Config[*conn]{
		Capacity: 4, Peak: 4, MaxWait: time.Minute, Partition: partitionOf, Refused: func(err error) bool { return errors.Is(err, errRefused) },
	}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		wrong := true
		w.set(func() {
			w.open = func(ctx context.Context, _ int) error {
				if partitionOf(ctx) == "A" && wrong {
					return errRefused
				}
				return nil
			}
		})
		a := inPartition(t.Context(), "A")
		_, err := p.Acquire(a)
		require.ErrorIs(t, err, errRefused)
		for range 3 {
			pass(333 * time.Millisecond)
			began := time.Now()
			_, err = p.Acquire(a)
			require.ErrorIs(t, err, pool.ErrUnavailable)
			require.ErrorIs(t, err, errRefused)
			require.Zero(t, time.Since(began))
		}
		require.Equal(t, 1, w.attempts())
		l, err := p.Acquire(inPartition(t.Context(), "B"))
		require.NoError(t, err)
		require.NoError(t, l.Release())
		require.False(t, p.Stats().Failing)
		pass(time.Millisecond)
		wrong = false
		l, err = p.Acquire(a)
		require.NoError(t, err)
		require.NoError(t, l.Release())
	})
}

// F-85: the host restarts; all idle connections are dead. Everybody is served, and the
// openings gain speed step by step.
func TestF85HostRestarts(t *testing.T) {
	const n = 64
	inBubble(t, pool.Config[*conn]{Capacity: n, Peak: n, MaxWait: 30 * time.Second}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		require.NoError(t, p.Warm(t.Context(), n))
		for _, c := range w.all() {
			c.gone.Store(true)
		}
		began := time.Now()
		var steps [5]int
		w.set(func() {
			w.open = func(context.Context, int) error {
				w.set(func() { steps[time.Since(began)/(100*time.Millisecond)]++ })
				pass(100 * time.Millisecond)
				return nil
			}
		})
		leases, err := p.AcquireN(t.Context(), n)
		require.NoError(t, err, "zero failures")
		require.EqualValues(t, n, p.Stats().Closed[pool.Dead])
		require.Equal(t, 2*n, w.attempts())
		require.Equal(t, [5]int{4, 8, 16, 32, 4}, steps)
		for _, l := range leases {
			require.False(t, valueOf(t, l).gone.Load())
			require.NoError(t, l.Release())
		}
	})
}

// L5: callers who cancel every call must not cause a storm of logons.
func TestL5CancelStorm(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 10, Peak: 10, MaxWait: time.Hour, Random: func() float64 { return 1 - math.SmallestNonzeroFloat64 }}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		stop := time.Now().Add(time.Minute)
		for range 40 {
			go func() {
				for time.Now().Before(stop) {
					l, err := p.Acquire(context.Background())
					if err != nil {
						return // closed
					}
					pass(time.Millisecond)
					_ = l.Discard(context.Canceled)
				}
			}()
		}
		pass(time.Minute + 10*time.Second)
		require.LessOrEqual(t, w.attempts(), 32+60*50+70, "fifty a second")
		require.Greater(t, w.attempts(), 1000, "but not starved")
		require.Positive(t, p.Stats().OpenDelayed)
		// A minute later all is forgotten.
		pass(time.Minute)
		w.set(func() { w.slow = time.Second })
		began := time.Now()
		_, err := p.AcquireN(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began), "ten at once")
		require.NoError(t, closeNow(p))
	})
}

// closeNow ends a pool whose connections are lent.
func closeNow(p *pool.Pool[*conn]) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("want a canceled Close, got %w", err)
	}
	return nil
}

// The pause is random between half of it and all of it.
func TestPausesAreRandom(t *testing.T) {
	for _, random := range []float64{0, 0.25, 1 - 1e-9} {
		t.Run(fmt.Sprint(random), func(t *testing.T) {
			inBubble(t, pool.Config[*conn]{Capacity: 1, MaxWait: time.Minute, Random: func() float64 { return random }}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
				w.set(func() { w.down = errDown })
				_, err := p.Acquire(t.Context())
				require.ErrorIs(t, err, errDown)
				began := time.Now()
				_, err = p.Acquire(t.Context())
				require.ErrorIs(t, err, errDown)
				require.InDelta(t, 0.0125*(1+random), time.Since(began).Seconds(), 1e-6)
				require.EqualValues(t, 1, p.Stats().OpenDelayed)
				w.set(func() { w.down = nil })
				pass(time.Second)
				for range 2 {
					require.NoError(t, acquire(t, p).Discard(nil))
				}
				require.EqualValues(t, 1, p.Stats().OpenDelayed, "nothing had to wait")
			})
		})
	}
	inBubble(t, pool.Config[*conn]{Capacity: 1, MaxWait: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		w.set(func() { w.down = errDown })
		seen := map[time.Duration]bool{}
		for range 20 {
			began := time.Now()
			_, err := p.Acquire(t.Context())
			require.ErrorIs(t, err, errDown)
			seen[time.Since(began)] = true
		}
		require.Greater(t, len(seen), 15)
	})
}

// R11, G35: nothing runs for a pool at rest, whatever it holds, and nothing ever again for
// one that is closed.
func TestR11NothingRunsAtRest(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 50, Peak: 60, MaxWait: time.Minute, Expiration: time.Hour, CheckPeriod: time.Minute}, func(t *testing.T, w *world, p *pool.Pool[*conn]) {
		leases, err := p.AcquireN(t.Context(), 60)
		require.NoError(t, err)
		_, err = p.Acquire(t.Context())
		require.ErrorIs(t, err, pool.ErrExhausted)
		for _, l := range leases {
			require.NoError(t, l.Release())
		}
		synctest.Wait()
		require.Equal(t, 50, p.Stats().Idle)
		require.NotContains(t, bubbleStacks(), "purerfc/pool.(*Pool")
		pass(30 * time.Second)
		looks := w.all()[0].looks.Load()
		require.NoError(t, p.Close(t.Context()))
		n := len(w.happened())
		pass(1000 * time.Hour)
		synctest.Wait()
		require.Len(t, w.happened(), n)
		require.Equal(t, looks, w.all()[0].looks.Load())
		require.NotContains(t, bubbleStacks(), "puddle")
	})
}

// bubbleStacks is where the goroutines of this test's bubble are, without the test itself.
func bubbleStacks() string {
	all := stacks()
	first, _, _ := strings.Cut(all, "\n\n")
	_, bubble, _ := strings.Cut(first, "synctest bubble ")
	bubble, _, _ = strings.Cut(bubble, "]")
	var mine []string
	for g := range strings.SplitSeq(all, "\n\n") {
		if strings.Contains(g, "synctest bubble "+bubble+"]") && !strings.Contains(g, "inBubble") {
			mine = append(mine, g)
		}
	}
	return strings.Join(mine, "\n\n")
}

// Goal G33: everybody gets his turn. 64 goroutines use 16 connections as often as they can,
// for times of their own; nobody has 2 % more turns than another one. In a bubble, because
// processors that are taken away for a while would be measured otherwise.
func TestG33Fairness(t *testing.T) {
	inBubble(t, pool.Config[*conn]{Capacity: 16, Peak: 16, MaxWait: time.Hour}, func(t *testing.T, _ *world, p *pool.Pool[*conn]) {
		const workers = 64
		var had [workers]int
		var group sync.WaitGroup
		end := time.Now().Add(time.Minute)
		for i := range workers {
			group.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 3))
				for time.Now().Before(end) {
					l, err := p.Acquire(context.Background())
					if err != nil {
						t.Error(err)
						return
					}
					pass(time.Millisecond + time.Duration(r.IntN(int(10*time.Millisecond))))
					had[i]++
					if err := l.Release(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		least, most := slices.Min(had[:]), slices.Max(had[:])
		require.Greater(t, least, 1000)
		require.LessOrEqual(t, most, least+least/50)
		t.Logf("%d to %d turns", least, most)
	})
}

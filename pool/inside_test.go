package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// still is a connection that always works.
type still struct{}

func (*still) Alive() bool  { return true }
func (*still) Busy() bool   { return false }
func (*still) Idle() error  { return nil }
func (*still) Close() error { return nil }
func (*still) Abort()       {}

// F-81 once more, with the instant held still: the connection is handed over after the
// context has ended and before the waiter has noticed.
func TestF81HandOverBehindCancellation(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"connection", "error", "cut"} {
		p, err := New(Config[*still]{Open: func(context.Context) (*still, error) { return new(still), nil }, Capacity: 1, Peak: 1, MaxWait: time.Hour})
		require.NoError(t, err)
		l, err := p.Acquire(t.Context())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		w := p.spare.Get().(*waiter[*still])
		w.ctx, w.since, w.place, w.waited = ctx, p.now(), queued, true
		p.mu.Lock()
		p.queue.add(w, false)
		p.mu.Unlock()
		cancel()
		switch what {
		case "error":
			p.mu.Lock()
			p.endWait(w, p.now())
			p.fail(w, errNoConnection)
			p.mu.Unlock()
			e, err := p.await(ctx, w)
			require.Nil(t, e)
			require.True(t, errors.Is(err, errNoConnection) || errors.Is(err, context.Canceled))
			require.NoError(t, l.Release())
		default:
			require.NoError(t, l.Release())
			require.Equal(t, 1, p.Stats().InUse)
			if what == "cut" {
				require.ErrorIs(t, p.Close(ctx), context.Canceled)
			}
			require.ErrorIs(t, p.leave(ctx, w), context.Canceled)
			require.Zero(t, p.Stats().InUse)
			require.Zero(t, p.Stats().Acquired-1)
		}
		require.NoError(t, p.Close(t.Context()))
	}
}

// The memory of refusals does not grow with the number of users.
func TestRefusalsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config[*still]{
			Open:      func(context.Context) (*still, error) { return nil, errRefused },
			Refused:   func(error) bool { return true },
			Partition: func(ctx context.Context) string { return ctx.Value(callerKey{}).(string) },
		})
		require.NoError(t, err)
		for i := range 1000 {
			_, err := p.Acquire(context.WithValue(t.Context(), callerKey{}, string(rune(i))))
			require.ErrorIs(t, err, errRefused)
			pass(refusalPause / 10)
		}
		p.mu.Lock()
		kept := len(p.refusals)
		p.mu.Unlock()
		require.LessOrEqual(t, kept, 11)
		require.NoError(t, p.Close(t.Context()))
	})
}

// No connection costs more than a few words while it is idle, and nothing stays of one that
// is gone.
func TestNothingStaysOfClosedOnes(t *testing.T) {
	t.Parallel()
	p, err := New(Config[*still]{
		Open: func(context.Context) (*still, error) { return new(still), nil }, Capacity: 100, Partition: func(ctx context.Context) string {
			key, _ := ctx.Value(callerKey{}).(string)
			return key
		},
	})
	require.NoError(t, err)
	ctx := context.WithValue(t.Context(), callerKey{}, "A")
	require.NoError(t, p.Warm(ctx, 100))
	require.NoError(t, p.Warm(t.Context(), 1))
	leases, err := p.AcquireN(ctx, 100)
	require.NoError(t, err)
	require.Empty(t, p.shelf.others, "an empty partition vanishes")
	for _, l := range leases {
		require.NoError(t, l.Discard(nil))
	}
	require.NoError(t, p.Close(ctx))
	require.Empty(t, p.all)
	require.Zero(t, p.shelf.n)
	require.Nil(t, p.queue.first)
	require.Nil(t, p.launched.first)
	for _, e := range p.all[:cap(p.all)] {
		require.Nil(t, e)
	}
}

// F-86: the pool's clock is monotonic: a jump of the clock on the wall expires nothing and
// makes no wait negative.
func TestF86MonotonicTimeOnly(t *testing.T) {
	t.Parallel()
	p, err := New(Config[*still]{Open: func(context.Context) (*still, error) { return new(still), nil }})
	require.NoError(t, err)
	require.Contains(t, p.start.String(), " m=", "the start has a monotonic reading, and now is measured from it")
	require.Positive(t, p.now())
	require.NoError(t, p.Close(t.Context()))
}

// R11: Close leaves no timer behind.
func TestR11NoTimerIsLeft(t *testing.T) {
	t.Parallel()
	p, err := New(Config[*still]{
		Open: func(context.Context) (*still, error) { return new(still), nil }, Capacity: 1, Peak: 1, MaxWait: time.Hour, CheckPeriod: time.Hour,
	})
	require.NoError(t, err)
	l, err := p.Acquire(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = p.Acquire(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, l.Release())
	require.NoError(t, p.Close(t.Context()))
	require.False(t, p.alarm.Stop(), "it was set for an hour")
	require.False(t, p.sweeper.Stop())
}

// The number of openings at once is limited until nothing was lost for a while, counted from
// the last loss.
func TestCalmCountsFromTheLastLoss(t *testing.T) {
	t.Parallel()
	tr := trouble{burst: time.Hour}
	require.False(t, tr.holds(1, 1000))
	tr.loss(1, half)
	require.False(t, tr.holds(1, probes-1))
	require.True(t, tr.holds(1, probes))
	tr.loss(calmAfter, half)
	require.True(t, tr.holds(2*calmAfter-1, probes))
	require.False(t, tr.holds(2*calmAfter, 1000))
	require.Zero(t, tr.calmAt())
}

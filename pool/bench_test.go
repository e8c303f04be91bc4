package pool_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/puddle/v2"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

// paired times two operations in alternating batches and reports their ratio; the machine's
// speed may drift, the ratio does not. ns/op covers both, subject-ns ours alone.
func paired(b *testing.B, perBatch int, subject, base func()) {
	b.Helper()
	var ours, theirs time.Duration
	batches := 0
	for b.Loop() {
		start := time.Now()
		base()
		middle := time.Now()
		subject()
		end := time.Now()
		subject()
		last := time.Now()
		base()
		theirs += middle.Sub(start) + time.Since(last)
		ours += last.Sub(middle)
		_ = end
		batches++
	}
	n := float64(2 * batches * perBatch)
	b.ReportMetric(float64(ours)/n, "subject-ns")
	b.ReportMetric(float64(theirs)/n, "puddle-ns")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

// still is a connection that costs nothing but is asked like one.
type still struct{ dead bool }

func (s *still) Alive() bool  { return !s.dead }
func (s *still) Busy() bool   { return false }
func (s *still) Idle() error  { return nil }
func (s *still) Close() error { return nil }
func (s *still) Abort()       {}

func pools(tb testing.TB, size int) (*pool.Pool[*still], *puddle.Pool[*still]) {
	tb.Helper()
	ours, err := pool.New(pool.Config[*still]{
		Open: func(context.Context) (*still, error) { return new(still), nil }, Capacity: size, Peak: size,
		MaxWait: time.Minute, Expiration: time.Minute, CheckPeriod: time.Minute,
	})
	require.NoError(tb, err)
	theirs, err := puddle.NewPool(&puddle.Config[*still]{
		Constructor: func(context.Context) (*still, error) { return new(still), nil }, Destructor: func(*still) {}, MaxSize: int32(size),
	})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, ours.Close(context.Background()))
		theirs.Close()
	})
	return ours, theirs
}

// many runs f in n goroutines until each has done its share of rounds.
func many(n, rounds int, f func(rounds int)) {
	var group sync.WaitGroup
	for range n {
		group.Go(func() { f(rounds / n) })
	}
	group.Wait()
}

// Goals G32 and G33: acquire and release against puddle in the same run.
func BenchmarkPool(b *testing.B) {
	for _, bc := range []struct {
		name           string
		workers, slots int
		use            func() // what a user does with the connection
	}{
		{"1", 1, 1, func() {}},
		// Others run meanwhile: else two processors would never find the pool empty.
		{"64", 64, 16, runtime.Gosched},
	} {
		b.Run(bc.name, func(b *testing.B) {
			ours, theirs := pools(b, bc.slots)
			const rounds = 64 * 100
			ctx := b.Context()
			paired(b, rounds,
				func() {
					many(bc.workers, rounds, func(n int) {
						for range n {
							l, err := ours.Acquire(ctx)
							if err != nil {
								panic(err)
							}
							bc.use()
							if err := l.Release(); err != nil {
								panic(err)
							}
						}
					})
				},
				func() {
					many(bc.workers, rounds, func(n int) {
						for range n {
							r, err := theirs.Acquire(ctx)
							if err != nil {
								panic(err)
							}
							bc.use()
							r.Release()
						}
					})
				})
			require.Equal(b, theirs.Stat().AcquireCount(), ours.Stats().Acquired)
		})
	}
}

// Goals G32, G33: lending allocates nothing, not even for those who wait.
//
//nolint:paralleltest // it counts allocations
func TestG32G33Allocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	ours, _ := pools(t, 16)
	ctx, cancel := context.WithCancel(t.Context()) // one with a Done channel
	defer cancel()
	use := func(n int) {
		for range n {
			l, err := ours.Acquire(ctx)
			if err != nil {
				panic(err)
			}
			runtime.Gosched()
			if err := l.Release(); err != nil {
				panic(err)
			}
		}
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { use(1) }))
	const rounds = 64 * 1000
	many(64, rounds, use)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := ours.Stats()
	// How many wait is up to the scheduler: until enough of them have.
	waited, lent := int64(0), int64(0)
	for waited < rounds/2 {
		many(64, rounds, use)
		s := ours.Stats()
		waited, lent = s.WaitCount-begin.WaitCount, s.Acquired-begin.Acquired
	}
	runtime.ReadMemStats(&after)
	require.Less(t, float64(after.Mallocs-before.Mallocs)/float64(lent), 0.1)
	t.Logf("%d of %d waited", waited, lent)
}

package pool_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/pool"
)

func TestMembersTellWhereEachConnectionIs(t *testing.T) {
	var hold chan struct{} // made in the bubble
	cfg := pool.Config[*conn]{
		Capacity: 5, Peak: 5, Partition: partitionOf, ResetTimeout: time.Hour,
		Reset: func(context.Context, *conn) error { <-hold; return nil },
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold = make(chan struct{})
		w := new(world)
		cfg.Open = w.Open
		p, err := pool.New(cfg)
		require.NoError(t, err)
		require.Empty(t, p.Members())
		var leases []pool.Lease[*conn]
		for _, name := range []string{"alice", "bob", "bob"} {
			l, err := p.Acquire(inPartition(t.Context(), name))
			require.NoError(t, err)
			leases = append(leases, l)
		}
		pass(time.Minute)
		require.NoError(t, leases[0].Release())
		done := make(chan struct{})
		go func() { _ = leases[1].ReleaseAfterReset(context.Background()); close(done) }()
		pass(time.Second)
		list := p.Members()
		slices.SortFunc(list, func(a, b pool.Member[*conn]) int { return cmp.Compare(a.Value.n, b.Value.n) })
		all := w.all()
		minute := time.Minute + time.Second
		require.Equal(t, []pool.Member[*conn]{
			{all[0], "alice", "idle", minute, time.Second},
			{all[1], "bob", "resetting", minute, 0},
			{all[2], "bob", "in use", minute, 0},
		}, list)
		close(hold)
		<-done
		require.NoError(t, leases[2].Release())
		require.NoError(t, p.Close(context.Background()))
		synctest.Wait()
		require.Empty(t, p.Members())
	})
}

// The JSON form names the reasons, and numbers have their units.
func TestStatsAsJSON(t *testing.T) {
	t.Parallel()
	s := pool.Stats{MaxOpen: 3, WaitDuration: time.Millisecond}
	s.Closed[pool.Dead], s.Closed[pool.Surplus] = 2, 1
	b, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"max_open":3,"max_idle":0,"open":0,"in_use":0,"idle":0,"opening":0,"waiting":0,"failing":false,
		"closed":{"dead":2,"surplus":1},"acquired":0,"opened":0,"open_failed":0,"open_delayed":0,"wait_count":0,"wait_duration_ns":1000000,
		"longest_wait_ns":0,"waits":[0,0,0,0,0,0,0,0,0,0],"timeouts":0,"canceled":0,"leaked":0}`, string(b))
}

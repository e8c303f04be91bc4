package repository

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
)

// warm is a repository that knows what it is asked for, and a sync.Map with the same.
func warm(tb testing.TB, opts ...Option) (*Repository, *sync.Map) {
	tb.Helper()
	var b Builder
	var m sync.Map
	for _, def := range definitions {
		d := dictionary(tb)
		f, err := d.Function(def.name, def.text)
		require.NoError(tb, err)
		b.Add(f)
		m.Store(def.name, f)
	}
	s, err := b.Build()
	require.NoError(tb, err)
	r := New(nil, append(opts, WithSystem("ABC"))...)
	c := &contents{functions: map[string]description{}}
	for name, f := range s.functions {
		c.functions[name] = description{function: f}
	}
	r.system.load(c)
	return r, &m
}

// Goal G31: a warm look-up allocates nothing.
func TestG31WarmLookupsAllocateNothing(t *testing.T) {
	ctx := t.Context()
	for name, opts := range map[string][]Option{"plain": nil, "checked": {WithCheckInterval(time.Hour)}} {
		r, _ := warm(t, opts...)
		own, err := new(metadata.Dictionary).Function("Z_OWN", "IMPORTING A:C10")
		require.NoError(t, err)
		require.NoError(t, r.Add(own))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			for _, n := range [...]string{"STFC_CONNECTION", "Z_OWN", "Z_NESTED"} {
				if f, err := r.Function(ctx, n); err != nil || f.Name != n {
					t.Error(f, err)
				}
			}
		}), name)
	}
}

// Goal G31: at most 40 ns, beside the floor of a sync.Map in the same run.
func BenchmarkRepoHit(b *testing.B) {
	const batch = 1000
	ctx := context.Background()
	for name, opts := range map[string][]Option{"plain": nil, "checked": {WithCheckInterval(time.Hour)}} {
		b.Run(name, func(b *testing.B) {
			r, m := warm(b, opts...)
			var ours, floor time.Duration
			batches := 0
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for range batch {
					if v, ok := m.Load("STFC_CONNECTION"); !ok || v.(*metadata.Function) == nil {
						b.Fatal("not there")
					}
				}
				middle := time.Now()
				for range batch {
					if f, err := r.Function(ctx, "STFC_CONNECTION"); err != nil || f == nil {
						b.Fatal(err)
					}
				}
				floor += middle.Sub(start)
				ours += time.Since(middle)
				batches++
			}
			n := float64(batches * batch)
			b.ReportMetric(float64(ours)/n, "hit-ns")
			b.ReportMetric(float64(floor)/n, "syncmap-ns")
			b.ReportMetric(float64(ours)/float64(floor), "ratio")
		})
	}
}

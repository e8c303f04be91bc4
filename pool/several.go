package pool

import (
	"context"
	"sync"
	"sync/atomic"
)

// AcquireN lends n connections, or none and the first error. More than Peak are an
// ErrExhausted at once. Several callers that want a large part of Peak each may wait for
// each other until MaxWait ends it.
func (p *Pool[T]) AcquireN(ctx context.Context, n int) ([]Lease[T], error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if n <= 0 {
		return nil, nil
	}
	if p.cfg.Peak > 0 && n > p.cfg.Peak {
		return nil, &Error{Kind: ErrExhausted, Peak: p.cfg.Peak}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	leases := make([]Lease[T], n)
	var group sync.WaitGroup
	var once sync.Once
	var first error
	var next atomic.Int64
	for range min(n, allProbes) { // thousands of logons at once would help nobody
		group.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				l, err := p.Acquire(ctx)
				if err != nil {
					once.Do(func() { first = err })
					cancel()
					return
				}
				leases[i-1] = l
			}
		})
	}
	group.Wait()
	if first == nil {
		return leases, nil
	}
	for _, l := range leases {
		if l.entry != nil {
			_ = l.Release()
		}
	}
	return nil, first
}

// Warm sees to it that n connections are open and idle, as far as Capacity allows and
// nobody takes them meanwhile.
func (p *Pool[T]) Warm(ctx context.Context, n int) error {
	leases, err := p.AcquireN(ctx, n)
	for _, l := range leases {
		_ = l.Release()
	}
	return err
}

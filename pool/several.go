package pool

import (
	"context"
	"sync"
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
	for i := range leases {
		group.Go(func() {
			l, err := p.Acquire(ctx)
			if err != nil {
				once.Do(func() { first = err })
				cancel()
				return
			}
			leases[i] = l
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

package connectivity

import (
	"context"
	"sync"
)

// flights makes one request of all that ask for the same at the same time. Each waiter obeys
// its own context: who gives up leaves the request to the others, and the last one to leave
// ends it and waits for its end. A failure reaches all who waited, and nobody later. The zero
// value is ready.
//
// golang.org/x/sync/singleflight is not used because it cannot end an abandoned request.
type flights[K comparable, V any] struct {
	mu      sync.Mutex
	started map[K]*flight[V]
}

type flight[V any] struct {
	cancel context.CancelFunc
	done   chan struct{}
	value  V // set before done is closed
	err    error

	waiters int // guarded by flights.mu
}

// share asks, or waits for who is asking. ask gets the values of ctx, but not its end.
func (s *flights[K, V]) share(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) (V, error) {
	s.mu.Lock()
	f := s.started[key]
	if f == nil {
		f = s.start(ctx, key, ask)
	}
	f.waiters++
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		s.leave(key, f)
		var none V
		return none, context.Cause(ctx)
	}
}

// start runs ask; mu is held.
func (s *flights[K, V]) start(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) *flight[V] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight[V]{cancel: cancel, done: make(chan struct{})}
	if s.started == nil {
		s.started = map[K]*flight[V]{}
	}
	s.started[key] = f
	go func() {
		defer cancel()
		f.value, f.err = ask(ctx)
		s.mu.Lock()
		if s.started[key] == f {
			delete(s.started, key)
		}
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

// leave takes a waiter away.
func (s *flights[K, V]) leave(key K, f *flight[V]) {
	s.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && s.started[key] == f {
		delete(s.started, key)
	}
	s.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}

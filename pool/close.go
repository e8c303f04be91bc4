package pool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errNilContext = errors.New("pool: nil context")
	errNotInOrder = errors.New("pool: the connection is not in order after its reset")
)

// Close ends the pool. From now on Acquire fails with ErrClosed, also for those who wait;
// idle connections are closed, openings are called off, and connections that are lent are
// closed when they are returned. Close waits for all of that. When ctx ends first, it cuts
// the connections that are still lent, so that what runs on them fails, and returns an error
// that says how many and matches the cause of ctx.
//
// It may be called several times, from several goroutines and from Config.Event; each call
// waits for the end, or for its own context. A caller who holds a Lease himself waits for
// nobody but himself: he should release it first.
func (p *Pool[T]) Close(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	p.mu.Lock()
	if !p.closed {
		p.shut()
	}
	p.unlock()
	select {
	case <-p.drained:
		p.core.Close()
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	cut, opening := p.cutAll(), p.opening
	p.unlock()
	for _, e := range cut {
		e.abort() // as the destructor does, but now
	}
	if opening == 0 {
		<-p.drained // what is left is on its way out, which is bounded
		p.core.Close()
		if len(cut) == 0 {
			return nil
		}
	}
	return fmt.Errorf("pool: closed while %d connections were in use, which were cut, and %d were being opened, which are called off: %w", len(cut), opening, cause(ctx))
}

// shut begins the end.
func (p *Pool[T]) shut() {
	p.closed = true
	p.end(ErrClosed)
	for w := p.queue.first; w != nil; w = p.queue.first {
		p.queue.remove(w)
		p.fail(w, &Error{Kind: ErrClosed})
	}
	for w := p.launched.first; w != nil; w = p.launched.first {
		p.launched.remove(w)
		w.opening.waiter = nil
		p.fail(w, &Error{Kind: ErrClosed})
	}
	for p.shelf.n > 0 {
		p.discard(p.shelf.popOldest(), PoolClosed, nil)
	}
	for _, t := range []*time.Timer{p.alarm, p.sweeper} {
		if t != nil {
			t.Stop()
		}
	}
	p.finish()
}

// cutAll takes every connection that somebody still has. Holders who release them later do
// no harm.
func (p *Pool[T]) cutAll() []*entry[T] {
	var cut []*entry[T]
	for _, e := range p.all {
		switch e.state {
		case lent, resetting:
			p.inUse--
		case checking:
			p.checking--
		default:
			continue
		}
		p.discard(e, Cut, nil)
		cut = append(cut, e)
	}
	return cut
}

// finish notices the end.
func (p *Pool[T]) finish() {
	if p.closed && len(p.all)+p.opening == 0 {
		select {
		case <-p.drained:
		default:
			close(p.drained)
		}
	}
}

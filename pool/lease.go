package pool

import (
	"context"
)

// Lease is a connection that was lent. It is a value and may be copied; all copies are the
// same lending, and the first Release of any of them ends it for all. Its methods are safe
// for concurrent use; the connection may not be.
type Lease[T Resource] struct {
	entry  *entry[T]
	number uint64 // of the lending
	mark   *mark  // in debug mode
}

// Value is the connection. After Release it is an *Error of kind ErrReleased, with the
// stacks of Acquire and of the first Release in debug mode. It costs a few nanoseconds:
// whoever keeps a Lease should ask for the value before each use and keep the Lease only.
func (l Lease[T]) Value() (T, error) {
	if l.entry == nil || l.entry.gen.Load() != l.number {
		var none T
		return none, l.misused()
	}
	return l.entry.value, nil
}

// Release returns the connection: to the next in the queue or to the idle ones. One that is
// not alive, or that somebody still uses, is closed; so is one too many. It waits for
// nothing. A second Release is an *Error of kind ErrReleased and changes nothing.
func (l Lease[T]) Release() error {
	return l.give(Broken, nil)
}

// Discard returns the connection to be closed: its user knows that it must not be used
// again. why is for the event and may be nil.
func (l Lease[T]) Discard(why error) error {
	return l.give(Discarded, why)
}

// give ends the lending. Broken is for connections that say so themselves.
func (l Lease[T]) give(reason Reason, why error) error {
	if !l.end() {
		return l.misused()
	}
	e := l.entry
	p := e.pool
	ok := reason == Broken && e.inOrder()
	now := p.now()
	p.mu.Lock()
	if e.state != lent { // Close was faster
		p.mu.Unlock()
		return nil
	}
	p.inUse--
	if ok {
		p.putBack(e, now)
	} else {
		p.discard(e, reason, why)
		p.dispatch(now)
	}
	p.unlock()
	return nil
}

// end makes the caller the one who returns the connection.
func (l Lease[T]) end() bool {
	if l.entry == nil || !l.entry.gen.CompareAndSwap(l.number, l.number+1) {
		return false
	}
	l.mark.end()
	return true
}

// inOrder asks the connection itself.
func (e *entry[T]) inOrder() bool {
	var err error
	ok := func() bool {
		defer recovered(&err, "Alive")
		return e.value.Alive() && !e.value.Busy()
	}()
	return ok && err == nil
}

// ReleaseAfterReset returns a connection whose peer keeps something of a sequence of calls:
// Config.Reset runs first, and if it fails the connection is closed. It waits for that, but
// not longer than ctx; the reset goes on then, and until it ends the connection counts as in
// use. Without Config.Reset the connection is closed.
func (l Lease[T]) ReleaseAfterReset(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	if !l.end() {
		return l.misused()
	}
	e := l.entry
	p := e.pool
	ok := p.cfg.Reset != nil && e.inOrder()
	p.mu.Lock()
	if e.state != lent {
		p.mu.Unlock()
		return nil
	}
	if !ok {
		why := Broken
		if p.cfg.Reset == nil {
			why = Discarded
		}
		p.inUse--
		p.discard(e, why, nil)
		p.dispatch(p.now())
		p.unlock()
		return nil
	}
	e.state = resetting
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.reset()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return nil
}

// reset resets the connection and gives it back. It ends within Config.ResetTimeout.
func (e *entry[T]) reset() {
	p := e.pool
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.ResetTimeout)
	defer cancel()
	err := p.reset(ctx, e)
	if err == nil && !e.inOrder() {
		err = errNotInOrder
	}
	p.mu.Lock()
	if e.state == resetting {
		now := p.now()
		p.inUse--
		if err == nil {
			p.putBack(e, now)
		} else {
			p.discard(e, ResetFailed, err)
			p.dispatch(now)
		}
	}
	p.unlock()
}

func (p *Pool[T]) reset(ctx context.Context, e *entry[T]) (err error) {
	defer recovered(&err, "Reset")
	return p.cfg.Reset(ctx, e.value)
}

// misused is the error of a lease that is over.
func (l Lease[T]) misused() error {
	err := &Error{Kind: ErrReleased}
	if m := l.mark; m != nil {
		err.Stack, err.Released = m.stacks()
	}
	return err
}

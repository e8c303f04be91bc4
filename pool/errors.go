package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What an *Error can be: errors.Is(err, pool.ErrExhausted). The error of Open itself is
// returned as Open gave it.
var (
	// ErrExhausted: Peak connections are in use and none came back in time.
	ErrExhausted = errors.New("no connection free")
	// ErrUnavailable: none could be opened; the error of the attempt is wrapped. The caller
	// shared the fate of another's attempt and made none of his own.
	ErrUnavailable = errors.New("no connection could be opened")
	// ErrClosed: the pool is closed.
	ErrClosed = errors.New("the pool is closed")
	// ErrReleased: the lease was released before.
	ErrReleased = errors.New("the connection was released already")
)

// Error is an error of the pool itself.
type Error struct {
	// Kind is one of the errors above, or nil when the caller's context ended while a
	// connection was being opened for him.
	Kind error
	// Err is the cause of the caller's context, if that ended the waiting.
	Err error
	// Open is the error of the attempt to open a connection behind ErrUnavailable. The errors
	// of several callers may share it: copy before you change it.
	Open error
	// Waited is how long the caller waited.
	Waited time.Duration
	// What the pool held at that moment. Discarded counts all the connections that were
	// closed because they failed, since New.
	Peak, InUse, Idle, Opening, Waiting int
	Discarded                           int64
	// Holders are those who had a connection, in debug mode; at most ten, the oldest first.
	Holders []Holder
	// Stack is, in debug mode, where the lease was acquired, Released where it was released
	// first.
	Stack, Released string
}

// Holder is somebody who has acquired a connection and not released it.
type Holder struct {
	// For is how long he has had it.
	For time.Duration
	// Stack is where he acquired it.
	Stack string
}

// Error says what was found and, at the limit, what to look for.
func (e *Error) Error() string {
	switch {
	case errors.Is(e.Kind, ErrExhausted):
		return e.exhausted()
	case errors.Is(e.Kind, ErrReleased):
		return e.misuse()
	case errors.Is(e.Kind, ErrUnavailable):
		s := fmt.Sprintf("%v within %d ms", e.Kind, e.Waited.Milliseconds())
		if e.Err != nil {
			s += fmt.Sprintf(": %v", e.Err)
		}
		return fmt.Sprintf("%s; the last attempt failed: %v", s, e.Open)
	case e.Kind == nil:
		return fmt.Sprintf("%v while a connection was being opened, after %d ms", e.Err, e.Waited.Milliseconds())
	}
	return e.Kind.Error()
}

func (e *Error) exhausted() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v within %d ms (peak limit %d, in use %d, idle %d, being opened %d, waiting %d, discarded so far %d)",
		e.Kind, e.Waited.Milliseconds(), e.Peak, e.InUse, e.Idle, e.Opening, e.Waiting, e.Discarded)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	b.WriteString("; raise the limit, or look for a caller that holds a connection while it waits for another one")
	for _, h := range e.Holders {
		fmt.Fprintf(&b, "\nheld for %v by\n%s", h.For, h.Stack)
	}
	return b.String()
}

func (e *Error) misuse() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	for _, s := range []struct{ what, stack string }{{"acquired", e.Stack}, {"first released", e.Released}} {
		if s.stack != "" {
			fmt.Fprintf(&b, "\n%s at\n%s", s.what, s.stack)
		}
	}
	return b.String()
}

// Unwrap gives the kind and the causes.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err, e.Open} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// cause is why a context ended, in a form that also matches its plain error.
func cause(ctx context.Context) error {
	err, why := ctx.Err(), context.Cause(ctx)
	if errors.Is(why, err) {
		return why
	}
	return &contextError{why, err}
}

type contextError struct{ why, err error }

func (e *contextError) Error() string   { return e.why.Error() }
func (e *contextError) Unwrap() []error { return []error{e.why, e.err} }

// recovered makes an error of a panic in a function that was given to the pool.
func recovered(err *error, what string) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("pool: %s panicked: %v\n%s", what, v, callers(1).String())
	}
}

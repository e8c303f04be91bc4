package destination

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// RetryConfig repeats calls of which nothing was sent: that and nothing else is certain not to
// run them twice. What counts is rfc.SafeToRetry; a refused logon never does, because it counts
// towards the lock of the user, and neither does the limit of the pool, for which the call has
// waited already. Sessions repeat nothing: what they kept in ABAP would be gone. Nor is a call
// repeated whose rows come from an iterator that may have given some.
//
// Pauses double with each attempt, from Backoff to MaxBackoff; each is a random part of that, at
// least half. A call whose context would end before the next attempt fails at once.
type RetryConfig struct {
	// Attempts is how often a call is tried in all (go.retry.attempts), at most 100. Zero and
	// one: once, the default.
	Attempts int
	// Backoff is the pause behind the first attempt (go.retry.backoff_ms). Default
	// DefaultBackoff.
	Backoff time.Duration
	// MaxBackoff is the longest pause (go.retry.max_backoff_ms). Default DefaultMaxBackoff.
	MaxBackoff time.Duration
}

// Defaults of RetryConfig.
const (
	DefaultBackoff    = 100 * time.Millisecond
	DefaultMaxBackoff = 5 * time.Second
	maxAttempts       = 100
)

// again waits for the next attempt of a call that failed. It reports whether there is one.
func (r *RetryConfig) again(ctx context.Context, attempt int, err error) bool {
	if attempt >= r.Attempts || !rfc.SafeToRetry(err) || errors.Is(err, pool.ErrExhausted) {
		return false
	}
	pause := r.pause(attempt)
	pause -= time.Duration(rand.Int64N(int64(pause)/2 + 1)) //nolint:gosec // it spreads attempts, it guards nothing
	if at, ok := ctx.Deadline(); ok && time.Until(at) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause is the longest pause behind an attempt, counted from 1.
func (r *RetryConfig) pause(attempt int) time.Duration {
	pause, most := r.Backoff, r.MaxBackoff
	if pause <= 0 {
		pause = DefaultBackoff
	}
	if most <= 0 {
		most = DefaultMaxBackoff
	}
	for ; attempt > 1 && pause < most; attempt-- {
		pause *= 2
	}
	return min(pause, most)
}

// repeatable reports whether values can be written a second time: rows out of an iterator may
// have been taken from it.
func repeatable(in any) bool { return repeats(reflect.ValueOf(in), maxNesting) }

var rowSource = reflect.TypeFor[serialization.RowSource]()

func repeats(v reflect.Value, depth int) bool {
	if !v.IsValid() {
		return true
	}
	if depth == 0 || v.Type().Implements(rowSource) {
		return false
	}
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return false
	case reflect.Pointer:
		if t := v.Type(); t == reflect.TypeFor[*rfc.Record]() || t == reflect.TypeFor[*rfc.Table]() {
			return true // it holds values of its own
		}
		return v.IsNil() || repeats(v.Elem(), depth-1)
	case reflect.Interface:
		return v.IsNil() || repeats(v.Elem(), depth-1)
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if !repeats(v.MapIndex(key), depth-1) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !repeats(v.Field(i), depth-1) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		if !mayHold(v.Type().Elem().Kind()) {
			return true
		}
		for i := range v.Len() {
			if !repeats(v.Index(i), depth-1) {
				return false
			}
		}
	default:
	}
	return true
}

// mayHold reports whether values of a kind can hold others.
func mayHold(k reflect.Kind) bool {
	switch k {
	case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Map, reflect.Slice, reflect.Array, reflect.Func, reflect.Chan:
		return true
	default:
		return false
	}
}

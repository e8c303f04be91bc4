package pool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Resource is what a pool lends. *rfc.Conn is one. Its methods are called by one goroutine
// at a time, except Abort, which may come while another one runs.
type Resource interface {
	// Alive reports whether it may be used again, as far as it knows; it asks nobody.
	Alive() bool
	// Busy reports whether somebody still uses it; it asks nobody.
	Busy() bool
	// Idle looks without waiting whether the peer has left or spoken although nobody asked.
	Idle() error
	// Close ends it in order. It waits a bounded time only.
	Close() error
	// Abort cuts it: what runs on it fails at once. It may be called more than once.
	Abort()
}

// Config says what a pool opens and how much of it. It is copied by New.
type Config[T Resource] struct {
	// Open makes a connection. Required. ctx has the values of the caller that caused it; it
	// ends with the pool, not with the caller. Open has to bound its own time and to return
	// when ctx ends. It runs in a goroutine of its own; a panic becomes an error.
	Open func(ctx context.Context) (T, error)
	// Ping asks the peer of an idle connection for a sign of life before it is lent; an
	// error closes the connection and the next one is taken. nil: no round trip. ctx is the
	// caller's.
	Ping func(ctx context.Context, c T) error
	// PingAfter is how long a connection must have been idle for Ping to be asked. Zero:
	// always.
	PingAfter time.Duration
	// Reset makes the peer forget what a sequence of calls has left there; needed for
	// Lease.ReleaseAfterReset. An error closes the connection. ctx has no values.
	Reset func(ctx context.Context, c T) error
	// ResetTimeout bounds Reset. Zero: DefaultResetTimeout.
	ResetTimeout time.Duration

	// Capacity is how many idle connections are kept, Peak how many exist at once. Zero:
	// none are kept; no limit. Peak is raised to Capacity. Limits makes both of settings that
	// may be absent.
	Capacity, Peak int
	// MaxWait bounds the wait for a connection at the limit. Zero: no wait. Opening is not
	// waiting: only the context bounds it.
	MaxWait time.Duration
	// Every CheckPeriod the checker closes the connections that have been idle for
	// Expiration or longer, and those whose peer has left. Zero CheckPeriod: no checker.
	Expiration, CheckPeriod time.Duration

	// Partition names the partition of a context: connections are lent only within the
	// partition they were opened in. nil: one partition.
	Partition func(ctx context.Context) string
	// Refused reports an error of Open that another attempt for the same partition would
	// meet again and that concerns no other partition, as a refused logon. nil: none is.
	Refused func(err error) bool

	// Event is told what happens. It is called without locks by whatever goroutine caused
	// the event, several at once perhaps. It may use the pool, also close it; while it runs
	// its goroutine does nothing else.
	Event func(Event)
	// Debug keeps the stack of every Acquire: errors list the holders, a second Release
	// shows the first, and a Lease that became garbage is reported. It costs some
	// microseconds for each lending.
	Debug bool
	// Random gives numbers from 0 to below 1 for pauses; for tests. It must not use the pool.
	// Default math/rand.
	Random func() float64
}

// Limits makes Capacity and Peak of two settings that may be absent (nil), as JCo does with
// pool_capacity and peak_limit:
//
//	capacity  peak   kept idle  at once
//	nil       nil    1          no limit (0)
//	nil       P      1          P, at least 1; no limit if P is 0
//	C         nil    C          C; no limit if C is 0
//	C         P      C          P, at least C; no limit if P is 0
//
// Source: spec 30.8 [doc].
func Limits(capacity, peak *int) (kept, atOnce int) {
	kept = 1
	if capacity != nil {
		kept, atOnce = *capacity, *capacity
	}
	if peak != nil {
		atOnce = raised(kept, *peak)
	}
	return kept, atOnce
}

// raised is the effective limit: one below the capacity makes no sense, none stays none.
func raised(capacity, peak int) int {
	if peak == 0 {
		return 0
	}
	return max(capacity, peak)
}

// check reports all problems at once and fills in the defaults.
func (c *Config[T]) check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("pool: "+format, args...)) }
	if c.Open == nil {
		add("Config.Open is missing")
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"Capacity", c.Capacity}, {"Peak", c.Peak}} {
		if n.value < 0 || n.value > math.MaxInt32 {
			add("Config.%s: %d connections, 0 to %d allowed", n.name, n.value, math.MaxInt32)
		}
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
	}{
		{"PingAfter", &c.PingAfter},
		{"ResetTimeout", &c.ResetTimeout},
		{"MaxWait", &c.MaxWait},
		{"Expiration", &c.Expiration},
		{"CheckPeriod", &c.CheckPeriod},
	} {
		if *d.value < 0 {
			add("Config.%s: %v, a time cannot be negative", d.name, *d.value)
		}
		*d.value = min(*d.value, longestWait)
	}
	c.Peak = raised(c.Capacity, c.Peak)
	if c.ResetTimeout == 0 {
		c.ResetTimeout = DefaultResetTimeout
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	return errors.Join(errs...)
}

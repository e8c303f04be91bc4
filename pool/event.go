package pool

import (
	"fmt"
	"time"
)

// Event is something that happened in a pool. Fields that are not named for its kind are
// empty.
type Event struct {
	Kind      EventKind
	Partition string
	// Reason says why a connection was closed.
	Reason Reason
	// Err is the error of Open (OpenFailed), what was wrong with the connection (Closed, if
	// something was), or what the caller got (TimedOut).
	Err error
	// Duration is how long opening took (Opened, OpenFailed), the connection lived (Closed),
	// the caller waited (TimedOut) or the lease was held (Leaked).
	Duration time.Duration
	// Stack is where the lease was acquired (Leaked).
	Stack string
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Opened EventKind = iota + 1
	OpenFailed
	Closed
	TimedOut // a caller waited for MaxWait in vain
	Leaked   // a Lease became garbage and was not released; in debug mode only
)

// String names the event.
func (k EventKind) String() string {
	names := [...]string{"", "opened", "open failed", "closed", "timed out", "leaked"}
	if k > 0 && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Reason says why a connection was closed.
type Reason uint8

// The reasons. The first group ends connections that are in order, and in order; the second
// cuts them.
const (
	Surplus    Reason = iota // returned when Capacity was reached
	Expired                  // idle for too long
	Evicted                  // had to make room for another partition
	PoolClosed               // idle, or returned, when the pool was closed

	Dead        // the peer had left, or had spoken out of turn, while it was idle
	PingFailed  // Config.Ping said so
	ResetFailed // Config.Reset said so
	Broken      // not alive any more, or still in use, when it was released
	Discarded   // its user said so
	Cut         // in use at the end of the time that Close had

	reasons // how many there are
)

// String names the reason.
func (r Reason) String() string {
	names := [...]string{"surplus", "expired", "evicted", "pool closed", "dead", "ping failed", "reset failed", "broken", "discarded", "cut"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// Failure reports whether the connection must not be spoken to any more.
func (r Reason) Failure() bool { return r >= Dead }

package pool

import (
	"encoding/json"
	"time"
)

// Stats is a snapshot of a pool, with the names of sql.DBStats where they fit. All but the
// first group counts since New.
type Stats struct {
	MaxOpen  int         `json:"max_open"` // Peak; 0: no limit
	MaxIdle  int         `json:"max_idle"` // Capacity
	Open     int         `json:"open"`     // connections that exist: in use, idle and on their way out
	InUse    int         `json:"in_use"`   // lent, or being reset
	Idle     int         `json:"idle"`
	Opening  int         `json:"opening"` // being opened
	Waiting  int         `json:"waiting"` // callers in the queue
	Failing  bool        `json:"failing"` // the last attempt to open one has failed
	Closed   ClosedStats `json:"closed"`
	Acquired int64       `json:"acquired"` // lendings
	Opened   int64       `json:"opened"`
	// OpenFailed counts the errors of Open, OpenDelayed the openings that had to wait because
	// of earlier failures.
	OpenFailed  int64 `json:"open_failed"`
	OpenDelayed int64 `json:"open_delayed"`
	// WaitCount counts the callers who had to queue and were served, WaitDuration adds up
	// how long, LongestWait is the longest of all.
	WaitCount    int64         `json:"wait_count"`
	WaitDuration time.Duration `json:"wait_duration_ns"`
	LongestWait  time.Duration `json:"longest_wait_ns"`
	// Waits counts them by duration: Waits[i] those up to WaitBounds[i], the last element the
	// others.
	Waits [len(WaitBounds) + 1]int64 `json:"waits"`
	// Timeouts counts the callers who waited for MaxWait in vain, Canceled those whose context
	// ended before they were served.
	Timeouts int64 `json:"timeouts"`
	Canceled int64 `json:"canceled"`
	// Leaked counts the leases that became garbage without a release; in debug mode only.
	Leaked int64 `json:"leaked"`
}

// WaitBounds are the upper ends of the classes of Stats.Waits.
var WaitBounds = [...]time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// ClosedStats counts the ends of connections by Reason.
type ClosedStats [reasons]int64

// MarshalJSON gives an object with the reasons there were.
func (c ClosedStats) MarshalJSON() ([]byte, error) {
	m := make(map[string]int64)
	for r, n := range c {
		if n > 0 {
			m[Reason(r).String()] = n
		}
	}
	return json.Marshal(m)
}

// Total is the number of connections that were closed.
func (c ClosedStats) Total() int64 {
	var n int64
	for _, m := range c {
		n += m
	}
	return n
}

// failures is the number of those that failed.
func (c ClosedStats) failures() int64 {
	var n int64
	for r, m := range c {
		if Reason(r).Failure() {
			n += m
		}
	}
	return n
}

// Stats tells how the pool is doing.
func (p *Pool[T]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.MaxOpen, s.MaxIdle = p.cfg.Peak, p.cfg.Capacity
	s.Open, s.InUse, s.Idle, s.Opening, s.Waiting = len(p.all), p.inUse, p.shelf.n+p.checking, p.opening, p.queue.n
	s.Failing, s.OpenDelayed = p.trouble.failing(), p.trouble.count
	return s
}

func (s *Stats) closed(r Reason) { s.Closed[r]++ }

func (s *Stats) wait(d time.Duration) {
	s.WaitCount++
	s.WaitDuration += d
	s.LongestWait = max(s.LongestWait, d)
	i := 0
	for i < len(WaitBounds) && d > WaitBounds[i] {
		i++
	}
	s.Waits[i]++
}

package gateway

import (
	"context"
	"sync"
	"time"
)

// throttle delays repeated failed logons of one user from one address.
type throttle struct {
	mu      sync.Mutex
	entries map[string]failure
}

type failure struct {
	count   int
	pending int // attempts under way: guessing side by side is no faster
	last    time.Time
}

// delay is how long the attempt behind n failures waits.
func delay(n int) time.Duration {
	if n < freeFailures {
		return 0
	}
	d := firstDelay
	for range n - freeFailures {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}

// wait holds an attempt back; it ends early when ctx does. Behind a wait that returned nil
// comes either end or forget.
func (t *throttle) wait(ctx context.Context, key string) error {
	d := t.begin(key)
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		t.end(key, false)
		return context.Cause(ctx)
	}
}

// begin counts an attempt and says how long it has to wait.
func (t *throttle) begin(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		t.entries = make(map[string]failure)
	}
	now := time.Now()
	f, known := t.entries[key]
	if !known {
		t.makeRoom(now)
	}
	if now.Sub(f.last) > trackFor {
		f.count = 0
	}
	d := delay(f.count + f.pending)
	f.pending++
	f.last = now
	t.entries[key] = f
	return d
}

// makeRoom bounds the memory: entries that are old go first, then any.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.entries) < maxTracked {
		return
	}
	for k, f := range t.entries {
		if now.Sub(f.last) > trackFor {
			delete(t.entries, k)
		}
	}
	for k := range t.entries {
		if len(t.entries) < maxTracked {
			break
		}
		delete(t.entries, k)
	}
}

// end counts what came of an attempt.
func (t *throttle) end(key string, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.entries[key]
	f.pending = max(f.pending-1, 0)
	if failed {
		f.count++
		f.last = time.Now()
	}
	if f.count == 0 && f.pending == 0 {
		delete(t.entries, key)
		return
	}
	t.entries[key] = f
}

// forget clears the failures behind a logon that was right.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.entries[key]
	f.count, f.pending = 0, max(f.pending-1, 0)
	if f.pending == 0 {
		delete(t.entries, key)
		return
	}
	t.entries[key] = f
}

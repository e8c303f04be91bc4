package pool

import "time"

// Member is a connection of a pool as Members finds it.
type Member[T Resource] struct {
	// Value is to be asked only what anybody may ask at any time: it may be lent, and it may be
	// closed by now.
	Value T
	// Partition is the one it was opened in.
	Partition string
	// State is idle, checking (looked at by the checker), in use, resetting or closing.
	State string
	// Age is the time since it was opened, Idle since it was returned; 0 unless it is idle.
	Age, Idle time.Duration
}

// Members lists the connections that exist, in no order. It takes some nanoseconds for each, in
// which nobody gets a connection.
func (p *Pool[T]) Members() []Member[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	list := make([]Member[T], len(p.all))
	for i, e := range p.all {
		list[i] = Member[T]{Value: e.value, Partition: e.partition, State: e.state.String(), Age: time.Since(e.handle.CreationTime())}
		if e.state == idle {
			list[i].Idle = now - e.since
		}
	}
	return list
}

func (s state) String() string {
	return [...]string{idle: "idle", checking: "checking", lent: "in use", resetting: "resetting", closing: "closing"}[s]
}

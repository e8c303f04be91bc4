package pool

import (
	"slices"
	"time"
)

// watch starts the checker when there is something to check. It needs a goroutine only
// while it checks, and none is left when nothing is idle.
func (p *Pool[T]) watch() {
	if p.sweeping || p.cfg.CheckPeriod <= 0 {
		return
	}
	p.sweeping = true
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.cfg.CheckPeriod, p.sweep)
		return
	}
	p.sweeper.Reset(p.cfg.CheckPeriod)
}

// sweep closes what has been idle too long and what is dead.
func (p *Pool[T]) sweep() {
	p.mu.Lock()
	now := p.now()
	for _, key := range p.shelf.keys() {
		p.sweepPartition(key, now)
	}
	p.sweeping = false
	if p.shelf.n > 0 && !p.closed {
		p.watch()
	}
	p.unlock()
}

// sweepPartition goes from the connection that has been idle longest to the last one. A few
// at a time are taken aside and looked at without the lock; meanwhile others may come and
// go at the other end.
func (p *Pool[T]) sweepPartition(key string, now time.Duration) {
	for at := 0; at < len(p.shelf.of(key)) && !p.closed; {
		aside := slices.Clone(p.shelf.of(key)[at:min(at+checkBatch, len(p.shelf.of(key)))])
		p.shelf.cut(key, at, at+len(aside))
		var due []*entry[T]
		for _, e := range aside {
			if now-e.since >= p.cfg.Expiration {
				p.discard(e, Expired, nil)
			} else {
				e.state = checking
				p.checking++
				due = append(due, e)
			}
		}
		p.mu.Unlock() // what has to be done waits for sweep: no hook runs while we hold some aside
		found := make([]error, len(due))
		for i, e := range due {
			found[i] = e.look()
		}
		p.mu.Lock()
		for i, e := range due {
			if e.state != checking {
				continue // Close has taken it
			}
			p.checking--
			switch {
			case found[i] != nil:
				p.discard(e, Dead, found[i])
			case p.closed:
				p.discard(e, PoolClosed, nil)
			default:
				e.state = idle
				p.shelf.insert(key, at, e)
				at++
			}
		}
		if p.queue.first != nil && !p.closed {
			p.dispatch(p.now())
		}
	}
}

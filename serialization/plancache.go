package serialization

import "sync"

// planCache keeps compiled plans. Descriptions come and go with the systems a process talks
// to, so a full cache is emptied; plans in use stay alive with their users.
type planCache[K comparable, P any] struct {
	mu sync.RWMutex
	m  map[K]P
}

func (c *planCache[K, P]) get(key K) (P, bool) {
	c.mu.RLock()
	p, ok := c.m[key]
	c.mu.RUnlock()
	return p, ok
}

func (c *planCache[K, P]) put(key K, p P) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxPlans {
		c.m = make(map[K]P)
	}
	c.m[key] = p
}

package repository

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/metadata"
)

// Cache keeps descriptions by system, so that connections and destinations to the same
// system share them. Descriptions do not depend on client, user or language (short texts
// have the language of the first who asked). It is safe for concurrent use; the zero value
// is ready.
//
// The key is the system id that the partner tells at logon, with the way to it (WithHost) and
// the width of its characters. Share a Cache only between destinations whose partners are
// trusted alike: who calls himself PRD at the same address describes functions for all that
// talk to PRD there. A partner without a system id shares with nobody (case K-13).
type Cache struct {
	mu      sync.Mutex
	systems map[place]*system
}

// place is what makes a system another one.
type place struct {
	id, host string
	narrow   bool
}

// NewCache makes an empty cache.
func NewCache() *Cache { return new(Cache) }

// Clear forgets the descriptions of all systems.
func (c *Cache) Clear() {
	c.mu.Lock()
	all := make([]*system, 0, len(c.systems))
	for _, s := range c.systems {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.clear()
	}
}

// system finds the part of one system; an empty id gives a private one.
func (c *Cache) system(id, host string, narrow bool) *system {
	id = strings.ToUpper(strings.TrimSpace(id))
	if id == "" {
		return new(system)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := place{id, host, narrow}
	s := c.systems[at]
	if s == nil {
		if c.systems == nil {
			c.systems = make(map[place]*system)
		}
		s = new(system)
		c.systems[at] = s
	}
	return s
}

// description is a known function module.
type description struct {
	function *metadata.Function
	changed  string // when the system changed it last, 14 digits; empty if it did not say
	asked    time.Time
}

// entry is a known type: a structure, or the line of a table type.
type entry struct {
	typ     *metadata.Type
	table   bool
	changed string // 14 digits, or empty
}

// system is what is known of one system. Reads take no lock: the maps are replaced, not
// changed. A look-up costs a round trip, next to which the copy is nothing.
type system struct {
	functions atomic.Pointer[map[string]description]
	types     atomic.Pointer[map[string]entry]
	// resized are bootstrap interfaces with the row widths of this system's release.
	resized atomic.Pointer[map[string]*metadata.Function]
	// without names modules that the system answered not to have.
	without atomic.Pointer[map[string]bool]
	// due: the next one who asks checks what is known.
	due atomic.Bool

	mu         sync.Mutex
	generation uint64 // counts Forget, Clear and drops: what was asked before is not kept after
	flights    map[string]*flight
	former     map[string]*metadata.Function // dropped; what comes in their place is compared
	interval   time.Duration                 // of checks; 0 is never
	clock      *time.Timer                   // runs until the next one is due
}

func load[V any](p *atomic.Pointer[map[string]V], key string) (V, bool) {
	var zero V
	m := p.Load()
	if m == nil {
		return zero, false
	}
	v, ok := (*m)[key]
	return v, ok
}

// edit replaces a map; the caller holds mu.
func edit[V any](p *atomic.Pointer[map[string]V], change func(map[string]V)) {
	next := make(map[string]V)
	if m := p.Load(); m != nil {
		next = make(map[string]V, len(*m)+1)
		maps.Copy(next, *m)
	}
	change(next)
	p.Store(&next)
}

// found is the yield of one look-up.
type found struct {
	functions []description
	types     map[string]entry
}

func (s *system) lacks(module string) bool { ok, _ := load(&s.without, module); return ok }

func (s *system) setLacks(module string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.without, func(m map[string]bool) { m[module] = true })
}

func (s *system) setResized(f *metadata.Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.resized, func(m map[string]*metadata.Function) { m[f.Name] = f })
}

// clear forgets everything.
func (s *system) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	s.former = nil
	s.functions.Store(nil)
	s.types.Store(nil)
	s.resized.Store(nil)
	s.without.Store(nil)
}

// forget drops a function with all its types, or a type.
func (s *system) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.former, name)
	s.remove(name)
}

// drop is forget for a description that is in doubt: the one that comes in its place will be
// compared. It reports whether f was still there.
func (s *system) drop(f *metadata.Function) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := load(&s.functions, f.Name); !ok || d.function != f {
		return false // somebody else did, or it is not ours
	}
	s.suspend(f)
	return true
}

// suspend is drop under the lock.
func (s *system) suspend(f *metadata.Function) {
	if s.former == nil {
		s.former = map[string]*metadata.Function{}
	}
	s.former[f.Name] = f
	s.remove(f.Name)
}

// remove takes a function with its types, or a type, out of the maps; mu is held.
func (s *system) remove(name string) {
	s.generation++
	drop := map[string]bool{name: true}
	if d, ok := load(&s.functions, name); ok {
		drop = usedTypes(d.function)
		edit(&s.functions, func(m map[string]description) { delete(m, name) })
	} else if e, ok := load(&s.types, name); ok {
		typeNames(e.typ, drop)
	}
	edit(&s.types, func(m map[string]entry) {
		for n := range drop {
			delete(m, n)
		}
	})
}

// usedTypes are the names of all types of a function.
func usedTypes(f *metadata.Function) map[string]bool {
	names := map[string]bool{}
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Type == nil {
			continue
		}
		seen := p.Type.Name != "" && names[p.Type.Name]
		names[p.TypeName], names[p.Type.Name] = true, true
		if !seen {
			typeNames(p.Type, names)
		}
	}
	delete(names, "")
	return names
}

// typeNames collects the names of a type and of what is inside it. Types are trees of
// bounded depth, and a name that was seen is not followed again.
func typeNames(t *metadata.Type, names map[string]bool) {
	if t == nil {
		return
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Type == nil {
			continue
		}
		seen := f.Type.Name != "" && names[f.Type.Name]
		names[f.TypeName], names[f.Type.Name] = true, true
		if !seen {
			typeNames(f.Type, names)
		}
	}
}

// flight is a look-up under way. Whoever wants the same waits for it.
type flight struct {
	by     *Repository
	cancel context.CancelFunc
	done   chan struct{}
	found  *found // set before done is closed
	err    error

	// All who wait, and those among them who do through by; guarded by system.mu.
	waiters, own int
}

// share makes one look-up of all that ask for the same key at the same time. Each waiter
// obeys its own context: who gives up leaves the look-up to the others, and the last one to
// leave of those through whose repository it runs ends it and waits for its end. An error
// reaches all who waited through the same repository and is not kept; those who waited
// through another one ask for themselves, because connection and authorizations are not
// theirs, and a silent connection of somebody else must not hold them up.
//
// golang.org/x/sync/singleflight is not used because it cannot end an abandoned look-up.
func (s *system) share(ctx context.Context, r *Repository, key string, again func() *found, ask func(ctx context.Context) (*found, error)) (*found, error) {
	for {
		s.mu.Lock()
		fl := s.flights[key]
		if fl == nil {
			// A look-up may have ended since the cache was read.
			if hit := again(); hit != nil {
				s.mu.Unlock()
				return hit, nil
			}
			fl = s.start(ctx, r, key, ask)
		}
		fl.waiters++
		if fl.by == r {
			fl.own++
		}
		s.mu.Unlock()

		select {
		case <-fl.done:
		case <-ctx.Done():
			s.leave(key, fl, r)
			return nil, canceled(ctx)
		}
		if fl.err == nil || fl.by == r || concernsSystem(fl.err) {
			return fl.found, fl.err
		}
		if ctx.Err() != nil {
			return nil, canceled(ctx)
		}
	}
}

// start runs a look-up with the values but not the end of the context of the first who
// asks; mu is held.
func (s *system) start(ctx context.Context, r *Repository, key string, ask func(ctx context.Context) (*found, error)) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	fl := &flight{by: r, cancel: cancel, done: make(chan struct{})}
	if s.flights == nil {
		s.flights = make(map[string]*flight)
	}
	s.flights[key] = fl
	generation := s.generation
	go func() {
		defer cancel()
		fl.found, fl.err = ask(ctx)
		var events []Event
		if fl.err == nil && !r.uncached && fl.found != nil {
			events = s.keep(fl.found, generation)
		}
		s.end(key, fl)
		r.told(events)
		close(fl.done)
	}()
	return fl
}

// end makes room for the next look-up of the key.
func (s *system) end(key string, fl *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[key] == fl {
		delete(s.flights, key)
	}
}

// leave takes a waiter away.
func (s *system) leave(key string, fl *flight, r *Repository) {
	s.mu.Lock()
	fl.waiters--
	if fl.by == r {
		fl.own--
	}
	last := fl.waiters == 0 || fl.by == r && fl.own == 0
	if last && s.flights[key] == fl {
		delete(s.flights, key)
	}
	s.mu.Unlock()
	if last {
		fl.cancel()
		<-fl.done
	}
}

package destination

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

// Open gives the destination of a name, from the providers of Standard. It does nothing else:
// the first call reads the settings, which is when it turns out whether there are any, and
// connects. It is cheap and safe for concurrent use.
//
//	dest, err := destination.Open("A4H")
//	out, err := rfc.Call[Out](ctx, dest, "STFC_CONNECTION", in)
//
// The same name gives the same Destination in the whole process, so that the limits of its pool
// hold for all who use it; whoever closes it closes it for all of them. The files of destinations
// that are in use are looked at every DefaultPollInterval, see Catalog for what a change does.
//
// A Catalog does it with other providers, and says what a provider cannot. The error is about
// the name itself.
func Open(name string) (*Destination, error) { return standard().Open(name) }

var standard = sync.OnceValue(func() *Catalog { return new(Catalog) })

// Catalog opens destinations by name, each once. The zero value is ready; its fields must not
// be changed, nor the Catalog copied, after the first Open.
//
// If the provider is a Watcher, settings that it changes are exchanged while they are in use. No
// call notices: those that run end with the settings and on the connection with which they
// began, and so do pinned sessions; new ones use the new settings. A pool that is replaced lends
// nothing any more and closes what comes back, so that for a moment both pools have connections.
// Settings that only each call looks up (Property.Effect is call) leave the pool as it is, and so
// does what has no effect at all. New settings that cannot be used change nothing. A destination
// that is deleted refuses new calls with ErrUnknown until it is there again.
type Catalog struct {
	// Provider has the settings. Default: Standard(nil).
	Provider Provider
	// Parse are options of ParseProperties, for example Lenient.
	Parse []ParseOption
	// Configure sets what no property can: callbacks, a network of its own, functions. It is
	// called each time settings were read, before they are checked, by several goroutines at once
	// perhaps. The same settings have to give the same Config, or a change is not seen.
	Configure func(cfg *Config)
	// Event is told of a change once it has been dealt with: EventChanged, new settings are in
	// use, or the old ones can be read again; EventDeleted, the destination refuses calls; EventFailed, settings cannot be read or
	// used, those before stay. It is called by one goroutine at a time, which does nothing else
	// meanwhile. It must not call Catalog.Close; a panic is logged and goes no further.
	Event func(Event)
	// Logger logs the same. Default: nothing is logged.
	Logger *slog.Logger

	provider func() Provider // of once

	mu       sync.Mutex
	known    map[string]*Destination
	watching *watching
}

// watching is the loop over the changes of a provider. It runs while a destination is open
// whose settings were needed.
type watching struct {
	cancel context.CancelFunc
	begun  chan struct{} // closed when changes are told from now on
	done   chan struct{} // closed at its end
}

// readTimeout bounds the reading of settings, whoever needs them.
const readTimeout = time.Minute

// Open gives the destination of a name; see the function Open.
func (c *Catalog) Open(name string) (*Destination, error) {
	if err := checkName(name); err != nil {
		return nil, failed("", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.known[name]; d != nil {
		return d, nil
	}
	if c.known == nil {
		c.known = map[string]*Destination{}
		c.provider = sync.OnceValue(func() Provider {
			if c.Provider == nil {
				return Standard(nil)
			}
			return c.Provider
		})
	}
	s := newShared(name)
	s.catalog = c
	s.base, s.end = context.WithCancel(context.Background())
	d := &Destination{shared: s, login: new(login)}
	c.known[name] = d
	return d, nil
}

// Close closes all destinations, as Destination.Close does, and waits until nothing of the
// catalog runs any more, or for the end of ctx. It may be opened again.
func (c *Catalog) Close(ctx context.Context) error {
	if ctx == nil {
		return nilContext("")
	}
	c.mu.Lock()
	open, w := slices.Collect(maps.Values(c.known)), c.watching
	c.mu.Unlock()
	errs := make([]error, len(open))
	var group sync.WaitGroup
	for i, d := range open {
		group.Go(func() { errs[i] = d.Close(ctx) })
	}
	group.Wait()
	if w != nil {
		w.cancel()
		select {
		case <-w.done:
		case <-ctx.Done():
			errs = append(errs, context.Cause(ctx))
		}
	}
	return errors.Join(errs...)
}

// forget makes room for another destination of the name. The last one out ends the watching.
func (c *Catalog) forget(s *shared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.known[s.name]; d != nil && d.shared == s {
		delete(c.known, s.name)
	}
	if len(c.known) == 0 && c.watching != nil {
		c.watching.cancel()
		c.watching = nil
	}
}

func (c *Catalog) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.known))
}

// watch makes sure that changes from now on are heard of.
func (c *Catalog) watch(ctx context.Context, p Provider) {
	watcher, ok := p.(Watcher)
	if !ok {
		return
	}
	c.mu.Lock()
	w := c.watching
	if w == nil && len(c.known) > 0 {
		w = &watching{begun: make(chan struct{}), done: make(chan struct{})}
		var base context.Context
		base, w.cancel = context.WithCancel(watchOnly(context.Background(), c.names))
		c.watching = w
		go func() {
			defer close(w.done)
			c.follow(base, watcher.Watch(base), w)
		}()
	}
	c.mu.Unlock()
	if w == nil {
		return
	}
	select {
	case <-w.begun:
	case <-w.done:
	case <-ctx.Done():
	}
}

// follow deals with changes.
func (c *Catalog) follow(ctx context.Context, events iter.Seq[Event], w *watching) {
	close(w.begun)
	for e := range events {
		if e.Name == "" {
			c.tell(e)
			continue
		}
		c.mu.Lock()
		d := c.known[e.Name]
		c.mu.Unlock()
		if d == nil {
			continue
		}
		if e, ok := d.reload(ctx); ok {
			c.tell(e)
		}
	}
	if ctx.Err() == nil {
		c.tell(Event{Kind: EventFailed, Err: errors.New("the provider tells of no more changes")})
	}
}

// tell reports what has become of a change.
func (c *Catalog) tell(e Event) {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if v := recover(); v != nil {
			log.Error("the function Event of a catalog of destinations panicked", "destination", e.Name, "panic", fmt.Sprint(v))
		}
	}()
	switch e.Kind {
	case EventFailed:
		log.Warn("the settings of a destination cannot be used, those before stay", "destination", e.Name, "error", e.Err)
	default:
		log.Info("a destination was "+e.Kind.String(), "destination", e.Name)
	}
	if c.Event != nil {
		c.Event(e)
	}
}

// read gives the settings of a destination as they are now.
func (s *shared) read(ctx context.Context) (g *generation, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			g, err = nil, failed(s.name, fmt.Errorf("reading the settings panicked: %v", v))
		}
	}()
	p := s.catalog.provider()
	s.catalog.watch(ctx, p)
	cfg, _, err := Load(ctx, p, s.name, s.catalog.Parse...)
	if err != nil {
		return nil, err
	}
	if s.catalog.Configure != nil {
		s.catalog.Configure(&cfg)
	}
	return s.generation(cfg)
}

// loading is the first reading of settings. All who need them wait for the same one.
type loading struct {
	done chan struct{}
	err  error
}

// first reads the settings, unless somebody has done it or does. After an error the next one
// who asks tries again.
func (s *shared) first(ctx context.Context) (*generation, error) {
	if ctx == nil {
		return nil, nilContext("")
	}
	for {
		s.mu.Lock()
		g, l, err := s.live.Load(), s.loading, s.gone
		if s.closed {
			err = closedDestination(s.name)
		}
		if g == nil && err == nil && l == nil {
			l = &loading{done: make(chan struct{})}
			s.loading = l
			go s.load(l)
		}
		s.mu.Unlock()
		if g != nil || err != nil {
			return g, err
		}
		select {
		case <-l.done:
			if l.err != nil {
				return nil, l.err
			}
		case <-ctx.Done():
			return nil, rfc.SetupError(context.Cause(ctx), rfc.StepConfig)
		}
	}
}

// load is apart from the contexts of those who wait: one who leaves takes nothing from the
// others.
func (s *shared) load(l *loading) {
	g, err := s.read(s.base)
	s.mu.Lock()
	s.loading = nil
	switch {
	case s.closed:
		l.err = closedDestination(s.name)
	case err != nil:
		l.err = err
	default:
		s.live.Store(g)
	}
	s.mu.Unlock()
	close(l.done)
}

func closedDestination(name string) error {
	return &rfc.Error{
		Class: rfc.ClassState, Step: rfc.StepConfig, Outcome: rfc.NotSent, Key: "RFC_INVALID_HANDLE", Destination: name, Err: rfc.ErrClosed, Message: "the destination is closed",
	}
}

// reload reads the settings anew and puts them in place of the old ones. It tells what has
// become of them, if anything has.
func (s *shared) reload(ctx context.Context) (Event, bool) {
	s.mu.Lock()
	l := s.loading
	s.mu.Unlock()
	if l != nil {
		select {
		case <-l.done:
		case <-ctx.Done():
			return Event{}, false
		}
	}
	s.mu.Lock()
	idle := s.closed || s.live.Load() == nil && s.gone == nil
	s.mu.Unlock()
	if idle {
		return Event{}, false // the first who needs them reads them
	}
	g, err := s.read(ctx)
	switch {
	case ctx.Err() != nil:
		return Event{}, false
	case errors.Is(err, ErrUnknown):
		return Event{Name: s.name, Kind: EventDeleted}, s.remove()
	case err != nil:
		s.mend(true)
		return Event{Name: s.name, Kind: EventFailed, Err: err}, true
	}
	repaired := s.mend(false)
	return Event{Name: s.name, Kind: EventChanged}, s.replace(g) || repaired
}

// mend notes whether settings can be used, and tells what was noted before.
func (s *shared) mend(broken bool) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.broken = s.broken, broken
	return before
}

// replace makes g what new calls use. It reports whether that changes anything.
func (s *shared) replace(g *generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.live.Load()
	if s.closed {
		return false
	}
	s.gone = nil
	switch different, calls := differences(old, g); {
	case !different:
		return false
	case calls:
		g.line = old.line
		s.live.Store(g)
	default:
		// In this order: whoever finds the old pool closed finds the new one in its place.
		s.live.Store(g)
		if old != nil {
			s.retire(old.line)
		}
	}
	return true
}

// remove refuses new calls from now on. It reports whether that is new.
func (s *shared) remove() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.live.Load()
	if old == nil || s.closed {
		return false
	}
	s.gone = failed(s.name, fmt.Errorf("%w: Destination %s was deleted while it was in use; calls that run may end, new ones are refused until it is there again", ErrUnknown, s.name))
	s.live.Store(nil)
	s.retire(old.line)
	return true
}

// differences reports whether two generations differ, and whether only in what calls look up
// themselves, or in nothing that matters.
func differences(old, g *generation) (different, calls bool) {
	if old == nil {
		return true, false
	}
	a, b := old.cfg.Properties(), g.cfg.Properties()
	calls = true
	for _, pair := range [][2]Properties{{a, b}, {b, a}} {
		for key, value := range pair[0].All() {
			if other, ok := pair[1].Get(key); ok && other == value {
				continue
			}
			different = true
			if row := find(key); row != nil && !slices.Contains([]string{"", "call", "trace"}, row.Effect) {
				calls = false
			}
		}
	}
	return different, calls
}

// shut is Close.
func (s *shared) shut(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	l := s.loading
	lines := slices.Clone(s.old)
	if g := s.live.Load(); g != nil {
		lines = append(lines, g.line)
	}
	s.mu.Unlock()
	if s.catalog != nil {
		s.end()
		s.catalog.forget(s)
	}
	if l != nil {
		select {
		case <-l.done:
		case <-ctx.Done():
		}
	}
	errs := make([]error, len(lines))
	var group sync.WaitGroup
	for i, l := range lines {
		group.Go(func() { errs[i] = l.close(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

type wantedKey struct{}

// watchOnly makes looking for changes look at these destinations only. Others may be many, and
// nobody asked for them.
func watchOnly(ctx context.Context, names func() []string) context.Context {
	return context.WithValue(ctx, wantedKey{}, names)
}

// wanted are the names to look at.
func wanted(ctx context.Context, all Lister) ([]string, error) {
	if names, ok := ctx.Value(wantedKey{}).(func() []string); ok {
		return names(), nil
	}
	return all.Names(ctx)
}

package destination

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/rfc"
)

// A Provider knows destinations by name. It is used by several goroutines at once.
//
// A provider may have two more methods, see Lister and Watcher.
type Provider interface {
	// Load gives the settings of a destination. It reads them anew each time. For a name it
	// does not know the error is ErrUnknown; any other error means that it cannot tell.
	Load(ctx context.Context, name string) (Properties, error)
}

// A Lister lists the names of its destinations, for "did you mean".
type Lister interface {
	Names(ctx context.Context) ([]string, error)
}

// A Watcher tells about changes. The loop over what Watch returns, one loop only, blocks until
// ctx ends or it is left. Changes from the return of Watch on are told: who wants to miss none
// calls it and then loads. What it needs for that is given back at the end of the loop or of
// ctx.
type Watcher interface {
	Watch(ctx context.Context) iter.Seq[Event]
}

// ErrUnknown: the provider has no destination of that name.
var ErrUnknown = errors.New("unknown destination")

// Event is a change of a destination.
type Event struct {
	// Name of the destination; empty if nobody can tell which.
	Name string
	Kind EventKind
	// Err says why, with EventFailed.
	Err error
}

// EventKind says what happened to a destination.
type EventKind uint8

// The kinds of events.
const (
	// EventChanged: it is there, and new or different from before.
	EventChanged EventKind = iota + 1
	// EventDeleted: it is gone.
	EventDeleted
	// EventFailed: it cannot be read any more. What was read before may go on.
	EventFailed
)

// String names the kind.
func (k EventKind) String() string {
	switch k {
	case EventChanged:
		return "changed"
	case EventDeleted:
		return "deleted"
	case EventFailed:
		return "failed"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Load asks a provider for a destination and makes a Config of what it gives. The error is an
// *rfc.Error of the class Config; for a name that is not known it matches ErrUnknown and
// names those that are near.
//
// A repository_destination is looked up as well: one that is not known, or that leads back to
// a destination on the way, is an error.
func Load(ctx context.Context, p Provider, name string, opts ...ParseOption) (Config, *Effective, error) {
	props, err := Lookup(ctx, p, name)
	if err != nil {
		return Config{Name: name}, &Effective{Destination: name}, err
	}
	cfg, eff, err := ParseProperties(name, props, opts...)
	if err != nil {
		return cfg, eff, err
	}
	return cfg, eff, checkChain(ctx, p, name, props.Value(KeyRepositoryDestination))
}

// Lookup asks a provider for the settings of a destination, with the errors of Load.
func Lookup(ctx context.Context, p Provider, name string) (Properties, error) {
	if err := checkName(name); err != nil {
		return Properties{}, failed("", fmt.Errorf("%w%s", ErrUnknown, strings.TrimPrefix(err.Error(), ErrUnknown.Error())))
	}
	props, err := p.Load(ctx, name)
	switch e, ok := errors.AsType[*rfc.Error](err); {
	case err == nil:
		return props, nil
	case ctx.Err() != nil:
		return Properties{}, rfc.SetupError(context.Cause(ctx), rfc.StepConfig)
	case errors.Is(err, ErrUnknown):
		return Properties{}, failed(name, unknown(ctx, p, name, err))
	case ok:
		return Properties{}, e
	}
	return Properties{}, failed(name, fmt.Errorf("%s: %w", name, err))
}

// unknown says which names are near one that nobody knows.
func unknown(ctx context.Context, p Provider, name string, err error) error {
	if l, ok := p.(Lister); ok {
		if names, lerr := l.Names(ctx); lerr == nil {
			if near := nearest.Name(name, names); near != "" {
				return fmt.Errorf("%w; did you mean %s?", err, near)
			}
		}
	}
	return err
}

// notHere is the error of a provider that does not know a name; where says where it looked.
func notHere(name, where string) error {
	return fmt.Errorf("%w: Destination %s does not exist in %s", ErrUnknown, name, where)
}

// checkChain follows repository destinations.
func checkChain(ctx context.Context, p Provider, name, next string) error {
	chain := []string{name}
	for next != "" {
		again := slices.Contains(chain, next)
		chain = append(chain, next)
		if again {
			return failed(name, fmt.Errorf("%s: it leads back: %s", KeyRepositoryDestination, strings.Join(chain, " -> ")))
		}
		if len(chain) > maxChain {
			return failed(name, fmt.Errorf("%s: more than %d of them: %s", KeyRepositoryDestination, maxChain, strings.Join(chain, " -> ")))
		}
		props, err := Lookup(ctx, p, next)
		if e, ok := errors.AsType[*rfc.Error](err); ok && errors.Is(err, ErrUnknown) {
			return failed(name, fmt.Errorf("%s: %s: %w", KeyRepositoryDestination, strings.Join(chain, " -> "), e.Err))
		}
		if err != nil {
			return nil // whoever needs it will be told
		}
		next = props.Value(KeyRepositoryDestination)
	}
	return nil
}

// Chain asks its providers in order. The first one that knows the name gives all settings;
// nothing is mixed. A provider that fails stops the search with its error.
type Chain []Provider

// Load implements Provider.
func (c Chain) Load(ctx context.Context, name string) (Properties, error) {
	var places []string
	for _, p := range c {
		props, err := p.Load(ctx, name)
		if !errors.Is(err, ErrUnknown) {
			return props, err
		}
		if _, where, ok := strings.Cut(err.Error(), " does not exist in "); ok {
			places = append(places, where)
		}
	}
	if len(places) == 0 {
		places = []string{"any provider"}
	}
	return Properties{}, notHere(name, strings.Join(places, ", "))
}

// Names implements Lister, as far as the providers do.
func (c Chain) Names(ctx context.Context) ([]string, error) {
	var names []string
	var errs []error
	for _, p := range c {
		if l, ok := p.(Lister); ok {
			more, err := l.Names(ctx)
			names, errs = append(names, more...), append(errs, err)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), errors.Join(errs...)
}

// Watch implements Watcher, as far as the providers do. A change in a provider behind one
// that knows the same name changes nothing, but is told as well.
func (c Chain) Watch(ctx context.Context) iter.Seq[Event] {
	ctx, cancel := context.WithCancel(ctx)
	var all []iter.Seq[Event]
	for _, p := range c {
		if w, ok := p.(Watcher); ok {
			all = append(all, w.Watch(ctx))
		}
	}
	return func(yield func(Event) bool) {
		events := make(chan Event)
		var group sync.WaitGroup
		for _, one := range all {
			group.Go(func() { forward(ctx, one, events) })
		}
		defer func() {
			cancel()
			group.Wait()
		}()
		for {
			select {
			case e := <-events:
				if !yield(e) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func forward(ctx context.Context, from iter.Seq[Event], to chan<- Event) {
	for e := range from {
		select {
		case to <- e:
		case <-ctx.Done():
			return
		}
	}
}

// Memory is a provider whose destinations a program sets. The zero value is empty and ready.
// It must not be copied after its first use.
type Memory struct {
	// Placeholders are resolved in values. Nil leaves them as they are.
	Placeholders *Placeholders

	mu       sync.Mutex
	known    map[string]Properties
	watchers map[*memoryWatch]struct{}
}

// memoryWatch is one loop over the changes. Changes of the same destination become one.
type memoryWatch struct {
	wake    chan struct{} // one place
	pending []Event       // guarded by Memory.mu
}

// Set adds or replaces a destination.
func (m *Memory) Set(name string, p Properties) error {
	if err := checkName(name); err != nil {
		return failed("", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]Properties{}
	}
	old, was := m.known[name]
	m.known[name] = p
	if !was || old.Fingerprint() != p.Fingerprint() {
		m.tell(Event{Name: name, Kind: EventChanged})
	}
	return nil
}

// Delete removes a destination, if it is there.
func (m *Memory) Delete(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, was := m.known[name]; was {
		delete(m.known, name)
		m.tell(Event{Name: name, Kind: EventDeleted})
	}
}

// tell notes an event for everybody who watches; the lock is held.
func (m *Memory) tell(e Event) {
	for w := range m.watchers {
		w.pending = slices.DeleteFunc(w.pending, func(old Event) bool { return old.Name == e.Name })
		w.pending = append(w.pending, e)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Load implements Provider.
func (m *Memory) Load(_ context.Context, name string) (Properties, error) {
	m.mu.Lock()
	p, ok := m.known[name]
	m.mu.Unlock()
	if !ok {
		return Properties{}, notHere(name, "the program")
	}
	return m.Placeholders.Resolve(p)
}

// Names implements Lister.
func (m *Memory) Names(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.known)), nil
}

// Watch implements Watcher.
func (m *Memory) Watch(ctx context.Context) iter.Seq[Event] {
	w := &memoryWatch{wake: make(chan struct{}, 1)}
	m.mu.Lock()
	if m.watchers == nil {
		m.watchers = map[*memoryWatch]struct{}{}
	}
	m.watchers[w] = struct{}{}
	m.mu.Unlock()
	leave := func() {
		m.mu.Lock()
		delete(m.watchers, w)
		m.mu.Unlock()
	}
	stop := context.AfterFunc(ctx, leave)
	return func(yield func(Event) bool) {
		defer leave()
		defer stop()
		for {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
			m.mu.Lock()
			events := w.pending
			w.pending = nil
			m.mu.Unlock()
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

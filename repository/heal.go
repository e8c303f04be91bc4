package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// Event says what has become of a description.
type Event struct {
	Kind EventKind
	// Function is the name of the module; empty for what concerns all of them.
	Function string
	// Before and After are the descriptions concerned, as far as there are any.
	Before, After *metadata.Function
	// Err says why.
	Err error
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	// EventContradicted: data, or an answer of the system, contradicted a description. It was
	// dropped; the next call reads it anew.
	EventContradicted EventKind = iota + 1
	// EventOutdated: a check found that the system has changed the module or one of its types,
	// or cannot tell. The description was dropped.
	EventOutdated
	// EventHealed: the system told another description in place of one that was dropped or
	// in doubt.
	EventHealed
	// EventConfirmed: it told the same one again, which stays the one it was.
	EventConfirmed
	// EventCheckFailed: a check could not be done; what is known stays.
	EventCheckFailed
)

// String names the kind.
func (k EventKind) String() string {
	switch k {
	case EventContradicted:
		return "contradicted"
	case EventOutdated:
		return "outdated"
	case EventHealed:
		return "healed"
	case EventConfirmed:
		return "confirmed"
	case EventCheckFailed:
		return "check failed"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// told counts events and tells the listener, outside of all locks.
func (r *Repository) told(events []Event) {
	for _, e := range events {
		switch e.Kind {
		case EventHealed:
			r.healed.Add(1)
		case EventConfirmed:
			r.revalidated.Add(1)
		case EventOutdated, EventContradicted:
			r.dropped.Add(1)
		case EventCheckFailed:
			r.errors.Add(1)
		}
		if r.notify != nil {
			r.notify(e)
		}
	}
}

// keep stores what was asked for in the given generation. What takes the place of a
// description that was in doubt is compared with it: if it says the same, the old one stays,
// with all that was compiled for it.
func (s *system) keep(f *found, generation uint64) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return nil
	}
	if len(f.types) > 0 {
		edit(&s.types, func(m map[string]entry) { maps.Copy(m, f.types) })
	}
	if len(f.functions) == 0 {
		s.arm()
		return nil
	}
	var events []Event
	healed := map[string]*metadata.Type{}
	for i := range f.functions {
		d := &f.functions[i]
		d.asked = time.Now()
		before := s.former[d.function.Name]
		if before == nil {
			if known, ok := load(&s.functions, d.function.Name); ok {
				before = known.function
			}
		}
		delete(s.former, d.function.Name)
		switch {
		case before == nil || before == d.function:
		case sameFunction(before, d.function):
			d.function = before
			events = append(events, Event{Kind: EventConfirmed, Function: before.Name, Before: before, After: before})
		default:
			events = append(events, Event{Kind: EventHealed, Function: before.Name, Before: before, After: d.function})
			eachType(d.function, func(t *metadata.Type) { healed[t.Name] = t })
		}
	}
	edit(&s.functions, func(m map[string]description) {
		for _, d := range f.functions {
			m[d.function.Name] = d
		}
	})
	events = append(events, s.suspect(f, healed)...)
	s.arm()
	return events
}

// suspect drops the other functions that use a type in another form than the one that has just
// been told. mu is held.
func (s *system) suspect(f *found, healed map[string]*metadata.Type) []Event {
	if len(healed) == 0 {
		return nil
	}
	var events []Event
	told := map[string]bool{}
	for _, d := range f.functions {
		told[d.function.Name] = true
	}
	types := s.types.Load()
	for name, d := range *s.functions.Load() {
		if told[name] {
			continue
		}
		changed := ""
		for i := range d.function.Parameters {
			if changed == "" {
				changed = otherForm(d.function.Parameters[i].Type, healed)
			}
		}
		if changed == "" {
			continue
		}
		s.suspend(d.function)
		events = append(events, Event{Kind: EventOutdated, Function: name, Before: d.function, Err: fmt.Errorf("type %s was changed", changed)})
	}
	// The types of those that were dropped are gone; what is not concerned comes back.
	edit(&s.types, func(m map[string]entry) {
		for name, e := range *types {
			if _, now := f.types[name]; now || otherForm(e.typ, healed) == "" {
				m[name] = e
			}
		}
	})
	return events
}

// otherForm names a type inside t, or t itself, that has another form now.
func otherForm(t *metadata.Type, healed map[string]*metadata.Type) (name string) {
	walkTypes(t, map[*metadata.Type]bool{}, func(t *metadata.Type) {
		if now := healed[t.Name]; now != nil && !sameType(t, now, nil) {
			name = t.Name
		}
	})
	return name
}

// eachType visits every named type of a function once.
func eachType(f *metadata.Function, visit func(t *metadata.Type)) {
	seen := map[*metadata.Type]bool{}
	for i := range f.Parameters {
		walkTypes(f.Parameters[i].Type, seen, visit)
	}
}

// walkTypes visits a type and what is inside it, those with a name and not yet seen.
func walkTypes(t *metadata.Type, seen map[*metadata.Type]bool, visit func(t *metadata.Type)) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	if t.Name != "" {
		visit(t)
	}
	for i := range t.Fields {
		walkTypes(t.Fields[i].Type, seen, visit)
	}
}

// sameFunction reports whether two descriptions are those of one interface. Texts do not
// matter: they depend on the language of who asked.
func sameFunction(a, b *metadata.Function) bool {
	if a.Name != b.Name || a.BasXML != b.BasXML || len(a.Parameters) != len(b.Parameters) || len(a.Exceptions) != len(b.Exceptions) {
		return false
	}
	same := map[[2]*metadata.Type]bool{}
	for i := range a.Parameters {
		p, q := &a.Parameters[i], &b.Parameters[i]
		if p.Direction != q.Direction || p.Optional != q.Optional || p.Default != q.Default || !sameField(&p.Field, &q.Field, same) {
			return false
		}
	}
	return slices.EqualFunc(a.Exceptions, b.Exceptions, func(x, y metadata.Exception) bool { return x.Name == y.Name })
}

func sameField(a, b *metadata.Field, same map[[2]*metadata.Type]bool) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Length == b.Length && a.Decimals == b.Decimals &&
		a.TypeName == b.TypeName && a.TypeField == b.TypeField && sameType(a.Type, b.Type, same)
}

// sameType compares two types. The pairs in same were compared before, or are being compared.
func sameType(a, b *metadata.Type, same map[[2]*metadata.Type]bool) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	if a.Name != b.Name || len(a.Fields) != len(b.Fields) {
		return false
	}
	if same == nil {
		same = map[[2]*metadata.Type]bool{}
	}
	pair := [2]*metadata.Type{a, b}
	if same[pair] {
		return true
	}
	same[pair] = true
	for i := range a.Fields {
		if !sameField(&a.Fields[i], &b.Fields[i], same) {
			return false
		}
	}
	return true
}

// Contradicted tells that a description does not fit: what a call of it received, or the
// answer of the system, is in why. The description is dropped, for all repositories of the
// system, unless that has happened already; the next caller asks the system. The call must not
// be repeated for that.
func (r *Repository) Contradicted(f *metadata.Function, why error) {
	if f != nil && r.system.drop(f) {
		r.told([]Event{{Kind: EventContradicted, Function: f.Name, Before: f, Err: why}})
	}
}

// Refresh looks a description up again that is in doubt, for example because a call does not
// fit it, and reports whether the system describes another interface now. What was asked less
// than RefreshPause ago is not asked again. An error changes nothing of what is known. A
// description of Add is never another one.
func (r *Repository) Refresh(ctx context.Context, f *metadata.Function) (*metadata.Function, bool, error) {
	if f == nil {
		return nil, false, nil
	}
	if own := r.own.Load(); own != nil && (*own)[f.Name] == f {
		return f, false, nil
	}
	decided := func() *found {
		d, ok := load(&r.system.functions, f.Name)
		if ok && (d.function != f || time.Since(d.asked) < RefreshPause) {
			return &found{functions: []description{d}}
		}
		return nil
	}
	got := decided()
	if got == nil {
		var err error
		got, err = r.find(ctx, "function "+f.Name, f.Name, decided, func(ctx context.Context) (*found, error) { return r.askFunction(ctx, f.Name, true) })
		if err != nil {
			return nil, false, err
		}
	}
	now := got.functions[0].function
	return now, now != f && !sameFunction(f, now), nil
}

// RefreshPause is how long a description is believed to be right that the system has just
// told: a program that calls wrongly again and again does not ask again and again.
const RefreshPause = 30 * time.Second

// checkEvery makes the interval of checks shorter, never longer.
func (s *system) checkEvery(d time.Duration) {
	if d <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interval == 0 || d < s.interval {
		s.interval = d
		if s.clock != nil {
			s.clock.Stop()
			s.clock = nil
		}
		s.arm()
	}
}

// arm starts the clock for the next check, as soon as there is something to check. mu is held.
func (s *system) arm() {
	if s.interval == 0 || s.clock != nil || s.due.Load() {
		return
	}
	if m := s.functions.Load(); (m == nil || len(*m) == 0) && s.types.Load() == nil {
		return
	}
	s.clock = time.AfterFunc(s.interval, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clock = nil
		s.due.Store(true)
	})
}

// checked ends what is due.
func (s *system) checked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due.Store(false)
	s.arm()
}

// stamped reports whether time stamps are worth asking for.
func (s *system) stamped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interval > 0
}

// checkNow does the check that is due, once for all who ask at the same time. What goes wrong
// is told, but stops nobody: only the end of the caller's own context is an error.
func (r *Repository) checkNow(ctx context.Context) error {
	if ctx == nil || ctx.Err() != nil {
		return nil // find says so
	}
	_, err := r.system.share(ctx, r, r.flight("check"), func() *found {
		if !r.system.due.Load() {
			return &found{}
		}
		return nil
	}, func(ctx context.Context) (*found, error) {
		if _, err := r.Revalidate(ctx); err != nil && ctx.Err() != nil {
			return nil, err // all who waited have left; the next one checks
		}
		r.system.checked()
		return nil, nil
	})
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// Revalidate checks everything that is kept, in one round trip where the system has
// RFC_METADATA_GET_TIMESTAMP and told when its modules and types were changed. What was
// changed is dropped and named; so is what cannot be checked, to be compared when somebody
// needs it. It is what a check interval does by itself. On an error everything stays.
func (r *Repository) Revalidate(ctx context.Context) (dropped []string, err error) {
	now, err := r.timestamps(ctx)
	if err != nil {
		err = failed(metadataTimestamp, err)
		r.told([]Event{{Kind: EventCheckFailed, Err: err}})
		return nil, err
	}
	events, confirmed := r.system.compare(now)
	r.revalidated.Add(int64(confirmed))
	r.told(events)
	for _, e := range events {
		dropped = append(dropped, e.Function)
	}
	return dropped, nil
}

// stamps are the times at which the system changed functions and types last.
type stamps struct {
	functions, types map[string]string
}

// timestamps asks for those of everything that is kept.
func (r *Repository) timestamps(ctx context.Context) (*stamps, error) {
	got := &stamps{map[string]string{}, map[string]string{}}
	if r.unstamped.Load() || r.system.lacks(metadataTimestamp) || r.use != nil && !*r.use {
		return got, nil
	}
	var names, types []string
	if m := r.system.functions.Load(); m != nil {
		for n, d := range *m {
			if d.changed != "" {
				names = append(names, n)
			}
		}
	}
	if m := r.system.types.Load(); m != nil {
		for n, e := range *m {
			if e.changed != "" {
				types = append(types, n)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(types)
	for len(names)+len(types) > 0 {
		some, more := names[:min(len(names), stampBatch)], types[:min(len(types), stampBatch)]
		names, types = names[len(some):], types[len(more):]
		if err := r.askTimestamps(ctx, some, more, got); err != nil {
			if e, ok := asError(err); ok && denied(e) {
				r.unstamped.Store(true)
				return &stamps{}, nil
			}
			if lacksModule(err, metadataTimestamp) {
				r.system.setLacks(metadataTimestamp)
				return &stamps{}, nil
			}
			return nil, err
		}
	}
	return got, nil
}

// askTimestamps is one RFC_METADATA_GET_TIMESTAMP.
//
// Source: spec 24.5 [impl]; that rows are asked for by name alone is [inferred], a row without
// an answer counts as changed.
func (r *Repository) askTimestamps(ctx context.Context, names, types []string, into *stamps) error {
	rows := func(field string, names []string) []rfc.Params {
		list := make([]rfc.Params, len(names))
		for i, n := range names {
			list[i] = rfc.Params{field: n}
		}
		return list
	}
	res, err := r.call(ctx, metadataTimestamp, rfc.Params{
		"FUNCTION_TIMESTAMPS": rows("FUNCNAME", names), "DDIC_TIMESTAMPS": rows("TYPENAME", types),
		"FUNC_ERRORS": []rfc.Params{}, "DD_ERRORS": []rfc.Params{},
	})
	if err != nil {
		return err
	}
	functions, err := rowsOf[answeredStamp](res, "FUNCTION_TIMESTAMPS", maxRows)
	if err != nil {
		return err
	}
	for _, row := range functions {
		into.functions[row.Name] = row.stamp()
	}
	list, err := rowsOf[typeStampRow](res, "DDIC_TIMESTAMPS", maxRows)
	if err != nil {
		return err
	}
	for _, row := range list {
		into.types[row.Type] = stampOf(row.Timestamp)
	}
	return nil
}

// stampOf is a time stamp as it is kept: 14 digits, or nothing.
func stampOf(s string) string {
	if len(s) != 14 || strings.Trim(s, "0123456789") != "" || strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// compare drops what is not as old as the system says. A function is as it was if it and all
// its types are.
func (s *system) compare(now *stamps) (events []Event, confirmed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.functions.Load(); m != nil {
		types := map[string]entry{}
		if t := s.types.Load(); t != nil {
			types = *t
		}
		for name, d := range *m {
			why := ""
			switch at := now.functions[name]; {
			case d.changed == "" || at == "":
				why = "the system does not tell when it was changed"
			case at != d.changed:
				why = "the module was changed"
			default:
				why = changedType(d.function, types, now.types)
			}
			if why == "" {
				confirmed++
				continue
			}
			events = append(events, Event{Kind: EventOutdated, Function: name, Before: d.function, Err: errors.New(why)})
		}
	}
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(a.Function, b.Function) })
	types := s.types.Load()
	for _, e := range events {
		s.suspend(e.Before)
	}
	if types != nil {
		keep := maps.Clone(*types)
		maps.DeleteFunc(keep, func(name string, e entry) bool { return e.changed == "" || now.types[name] != e.changed })
		if len(keep) != len(*types) {
			s.generation++
		}
		s.types.Store(&keep)
	}
	return events, confirmed
}

// changedType says which type of a function is not known to be as it was. Data elements are
// not among them: what the system tells of its types has none.
func changedType(f *metadata.Function, known map[string]entry, now map[string]string) string {
	structures := map[string]bool{}
	eachType(f, func(t *metadata.Type) { structures[t.Name] = true })
	for _, name := range slices.Sorted(maps.Keys(usedTypes(f))) {
		e, ok := known[name]
		switch at := now[name]; {
		case !ok && !structures[name]:
		case !ok || e.changed == "" || at == "":
			return "the system does not tell when type " + name + " was changed"
		case at != e.changed:
			return "type " + name + " was changed"
		}
	}
	return ""
}

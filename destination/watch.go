package destination

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"
)

// listing is a provider whose changes are found by looking.
type listing interface {
	Provider
	Lister
}

// state is what a look at a destination gave.
type state struct {
	fingerprint [32]byte
	failure     string // the error, when it could not be read
}

// poll looks at all destinations of a provider again and again. Only what is different from
// the look before is told.
func poll(ctx context.Context, p listing, interval time.Duration) iter.Seq[Event] {
	before, trouble := look(ctx, p)
	return func(yield func(Event) bool) {
		ticker := time.NewTicker(cmp.Or(max(interval, 0), DefaultPollInterval))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			now, err := look(ctx, p)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				// Nobody knows what is left; what was there is taken to be there still.
				if trouble == nil || trouble.Error() != err.Error() {
					if !yield(Event{Kind: EventFailed, Err: failed("", err)}) {
						return
					}
				}
				trouble = err
				continue
			}
			trouble = nil
			for _, e := range changes(before, now) {
				if !yield(e) {
					return
				}
			}
			before = now
		}
	}
}

// look reads all destinations.
func look(ctx context.Context, p listing) (map[string]state, error) {
	names, err := wanted(ctx, p)
	if err != nil {
		return nil, err
	}
	found := map[string]state{}
	for _, name := range names {
		props, err := p.Load(ctx, name)
		switch {
		case errors.Is(err, ErrUnknown): // it has just gone
		case err != nil:
			found[name] = state{failure: err.Error()}
		default:
			found[name] = state{fingerprint: props.Fingerprint()}
		}
	}
	return found, nil
}

// changes are the differences of two looks, by name.
func changes(before, now map[string]state) []Event {
	var list []Event
	for name, old := range before {
		if _, ok := now[name]; !ok {
			list = append(list, Event{Name: name, Kind: EventDeleted})
		} else if s := now[name]; s != old {
			list = append(list, event(name, s))
		}
	}
	for name := range maps.Keys(now) {
		if _, ok := before[name]; !ok {
			list = append(list, event(name, now[name]))
		}
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func event(name string, s state) Event {
	if s.failure != "" {
		return Event{Name: name, Kind: EventFailed, Err: failed(name, errors.New(s.failure))}
	}
	return Event{Name: name, Kind: EventChanged}
}

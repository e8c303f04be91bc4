package connectivity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// Load implements destination.Provider. The destination has to be one for RFC, whose properties
// are those of JCo; see Find for others. It is what was kept, if that is not too old.
//
// Values are taken as they are: placeholders in them are text. A destination without a proxy type
// is one for the Internet [doc]. ParseProperties completes it with Proxy, and with the
// certificates that it names. A certificate that is exchanged under its old name is used by new
// pools only.
func (s *DestinationService) Load(ctx context.Context, name string) (destination.Properties, error) {
	f, err := s.Find(ctx, name)
	if err != nil {
		return destination.Properties{}, err
	}
	if tenantOf(ctx) == "" && ctx.Value(userKey) == nil {
		s.remember(name, f)
	}
	props, tenant := f.Properties, tenantOf(ctx)
	if props.Value(destination.KeyProxyType) == "" && props.Value(destination.KeyWSHost)+props.Value(destination.KeyASHost)+props.Value(destination.KeyMSHost) != "" {
		props.SetFrom(destination.KeyProxyType, destination.Internet, destination.Source{Origin: destination.FromService, Name: serviceDestination + ", which has none"})
	}
	props.Complete(func(cfg *destination.Config) error { return s.complete(cfg, f, tenant) })
	return props, nil
}

// remember makes Watch look at a destination.
func (s *DestinationService) remember(name string, f *Found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = map[string][sha256.Size]byte{}
	}
	if _, known := s.first[name]; !known && len(s.first) < cmp.Or(max(s.Limit, 0), DefaultAnswers) {
		s.first[name] = f.Properties.Fingerprint()
	}
}

// Names implements destination.Lister: the destinations of the instance and of the subaccount.
// Paging: [impl].
func (s *DestinationService) Names(ctx context.Context) ([]string, error) {
	if err := s.setUp(); err != nil {
		return nil, err
	}
	var names []string
	for _, list := range []string{"v1/instanceDestinations", "v1/subaccountDestinations"} {
		for page := 1; page <= maxPages; page++ {
			query := url.Values{"$select": {"Name"}, "$page": {strconv.Itoa(page)}, "$pageSize": {strconv.Itoa(pageSize)}}
			doc, head, err := s.get(ctx, list, query, nil)
			if e, ok := errors.AsType[*StatusError](err); ok && e.Status == http.StatusNotFound {
				break
			}
			if err != nil {
				return nil, err
			}
			var entries []struct{ Name string }
			if json.Unmarshal(doc, &entries) != nil {
				return nil, answerError(StepLookup, rfc.ClassProtocol, hostOf(s.Binding.URL), "%s: a list of destinations is required", serviceDestination)
			}
			for _, e := range entries {
				names = append(names, e.Name)
			}
			pages, err := strconv.Atoi(head.Get("Page-Count"))
			if len(entries) < pageSize || err == nil && page >= pages {
				break
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Watch implements destination.Watcher for the destinations that were loaded from s: they are
// looked up anew every Interval.
func (s *DestinationService) Watch(ctx context.Context) iter.Seq[destination.Event] {
	before := s.loaded()
	trouble := map[string]string{}
	return func(yield func(destination.Event) bool) {
		ticker := time.NewTicker(cmp.Or(max(s.Interval, 0), s.maxAge(), DefaultMaxAge))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for name, first := range s.loaded() {
				if _, known := before[name]; !known {
					before[name] = first
				}
			}
			for _, name := range slices.Sorted(maps.Keys(before)) {
				e, changed := s.look(ctx, name, before, trouble)
				if ctx.Err() != nil || changed && !yield(e) {
					return
				}
			}
		}
	}
}

func (s *DestinationService) loaded() map[string][sha256.Size]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		return map[string][sha256.Size]byte{}
	}
	return maps.Clone(s.first)
}

// look fetches a destination anew and says what has changed since before. A destination that
// is gone has the zero fingerprint.
func (s *DestinationService) look(ctx context.Context, name string, before map[string][sha256.Size]byte, trouble map[string]string) (destination.Event, bool) {
	var now [sha256.Size]byte
	kind := destination.EventDeleted
	f, err := s.find(ctx, name, true)
	switch {
	case err == nil:
		now, kind = f.Properties.Fingerprint(), destination.EventChanged
	case !errors.Is(err, destination.ErrUnknown):
		again := trouble[name] == err.Error()
		trouble[name] = err.Error()
		return destination.Event{Name: name, Kind: destination.EventFailed, Err: err}, !again
	}
	mended := trouble[name] != "" // whoever was told of the trouble waits for its end
	delete(trouble, name)
	old := before[name]
	before[name] = now
	return destination.Event{Name: name, Kind: kind}, old != now || mended
}

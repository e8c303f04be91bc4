package connectivitytest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// DestinationService is a double of the destination service: versions 1 and 2 of the look-up,
// fragments, and lists with pages. It is an http.Handler; its methods are safe for concurrent
// use. It shows destinations of the provider's account to everybody whose token XSUAA knows.
type DestinationService struct {
	Faults
	// XSUAA judges the tokens; Client is the client they have to be of.
	XSUAA  *XSUAA
	Client string

	mu        sync.Mutex
	levels    map[string]map[string]Destination
	fragments map[string]map[string]string
	last      http.Header
}

// Destination is what the service keeps under a name.
type Destination struct {
	Properties map[string]string
	// Tokens and Certificates appear in the answer as they are.
	Tokens []map[string]any
	// Certificates are files by their name.
	Certificates map[string][]byte
}

// Set puts a destination into the subaccount.
func (s *DestinationService) Set(name string, properties map[string]string) {
	s.SetAt("subaccount", name, Destination{Properties: properties})
}

// SetAt puts a destination onto a level: instance or subaccount.
func (s *DestinationService) SetAt(level, name string, d Destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.levels == nil {
		s.levels = map[string]map[string]Destination{}
	}
	if s.levels[level] == nil {
		s.levels[level] = map[string]Destination{}
	}
	s.levels[level][name] = d
}

// Delete removes a destination from all levels.
func (s *DestinationService) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, level := range s.levels {
		delete(level, name)
	}
}

// SetFragment keeps a fragment.
func (s *DestinationService) SetFragment(name string, properties map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fragments == nil {
		s.fragments = map[string]map[string]string{}
	}
	s.fragments[name] = properties
}

// Last gives the header of the last request that was let in.
func (s *DestinationService) Last() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// ServeHTTP implements http.Handler.
func (s *DestinationService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.next(w, r) {
		return
	}
	fail := func(code int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]string{"ErrorMessage": text})
	}
	grant, err := s.XSUAA.Check(bearer(r.Header, "Authorization"))
	switch {
	case err != nil:
		fail(http.StatusUnauthorized, err.Error())
		return
	case grant.Client != s.Client:
		fail(http.StatusForbidden, "the token is not for the destination service")
		return
	case r.Method != http.MethodGet:
		fail(http.StatusMethodNotAllowed, "only GET here")
		return
	}
	if user := r.Header.Get("X-User-Token"); user != "" {
		if g, err := s.XSUAA.Check(user); err != nil || g.User == "" {
			fail(http.StatusUnauthorized, "X-User-Token is no token of a user")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r.Header.Clone()
	path, ok := strings.CutPrefix(r.URL.Path, "/destination-configuration/")
	version, rest, _ := strings.Cut(path, "/")
	kind, name, _ := strings.Cut(rest, "/")
	switch {
	case !ok:
		fail(http.StatusNotFound, "no such path")
	case version == "v1" && kind == "destinations":
		s.version1(w, name, fail)
	case version == "v2" && kind == "destinations":
		s.version2(w, r, name, fail)
	case version == "v1" && (kind == "instanceDestinations" || kind == "subaccountDestinations") && name == "":
		s.list(w, r, strings.TrimSuffix(kind, "Destinations"))
	default:
		fail(http.StatusNotFound, "no such path")
	}
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// answer is the part that both versions share.
func (d Destination) answer() map[string]any {
	a := map[string]any{"destinationConfiguration": d.Properties}
	if d.Tokens != nil {
		a["authTokens"] = d.Tokens
	}
	var files []map[string]string
	for name, content := range d.Certificates {
		files = append(files, map[string]string{"Name": name, "Content": base64.StdEncoding.EncodeToString(content), "Type": "CERTIFICATE"})
	}
	if files != nil {
		a["certificates"] = files
	}
	return a
}

// version1 looks into the instance and then into the subaccount.
func (s *DestinationService) version1(w http.ResponseWriter, name string, fail func(int, string)) {
	for _, level := range []string{"instance", "subaccount"} {
		if d, ok := s.levels[level][name]; ok {
			a := d.answer()
			a["owner"] = map[string]any{"SubaccountId": "0b1f0c52-0000-4000-8000-000000000001", "InstanceId": nil}
			write(w, a)
			return
		}
	}
	fail(http.StatusNotFound, "Configuration with the specified name was not found")
}

// version2 looks on one level only, and lays fragments over what it finds.
func (s *DestinationService) version2(w http.ResponseWriter, r *http.Request, name string, fail func(int, string)) {
	name, level, ok := strings.Cut(name, "@")
	if !ok {
		fail(http.StatusBadRequest, "a level is required")
		return
	}
	d, ok := s.levels[level][name]
	if !ok {
		fail(http.StatusNotFound, "Configuration with the specified name was not found")
		return
	}
	merged := map[string]string{}
	maps.Copy(merged, d.Properties)
	if list := r.Header.Get("X-Fragment-Name"); list != "" {
		names := strings.Split(list, ",")
		optional := r.Header.Get("X-Fragment-Optional") == "true"
		if optional && len(names) > 1 {
			fail(http.StatusBadRequest, "several fragments cannot be optional")
			return
		}
		for _, f := range names {
			f, _, _ = strings.Cut(f, "@")
			properties, ok := s.fragments[f]
			if !ok && !optional {
				fail(http.StatusNotFound, "Fragment was not found")
				return
			}
			maps.Copy(merged, properties)
			merged["FragmentName"] = f
		}
	}
	d.Properties = merged
	a := d.answer()
	configuration := map[string]any{"$metadata": map[string]any{"owner": map[string]any{"destinations": []any{}}}}
	for k, v := range merged {
		configuration[k] = v
	}
	a["destinationConfiguration"] = configuration
	write(w, a)
}

// list gives one page of a level.
func (s *DestinationService) list(w http.ResponseWriter, r *http.Request, level string) {
	var names []string
	for name := range s.levels[level] {
		names = append(names, name)
	}
	slices.Sort(names)
	size, page := 100, 1
	if n, err := strconv.Atoi(r.URL.Query().Get("$pageSize")); err == nil && n > 0 {
		size = n
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("$page")); err == nil && n > 0 {
		page = n
	}
	w.Header().Set("Page-Count", strconv.Itoa((len(names)+size-1)/size))
	entries := []map[string]string{}
	for i := (page - 1) * size; i < min(page*size, len(names)); i++ {
		entries = append(entries, map[string]string{"Name": names[i]})
	}
	write(w, entries)
}

// bearer gives the token of a header with the scheme Bearer.
func bearer(h http.Header, name string) string {
	scheme, token, _ := strings.Cut(h.Get(name), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return token
}

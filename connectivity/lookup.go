package connectivity

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// DestinationService looks destinations up where people of the account keep them. It is a
// destination.Provider, and a Lister and Watcher as well. Set the fields before its first use
// and leave them alone afterwards. It must not be copied, and is safe for concurrent use.
//
// By default it asks version 1 of the interface, which looks in the service instance and then in
// the subaccount. With Level, Fragments or V2 it asks version 2, for one level after the other.
//
// An answer is kept for MaxAge. One that is older is fetched anew; when that fails for another
// reason than a refusal, the old answer serves on for up to a day, and a line is logged. Who asks
// for the same at the same time shares one request. Connection errors and the statuses 429 and
// 5xx are tried three times more, after 100, 200 and 400 ms and a little, or after Retry-After
// if that is at most 5 s; others never, but a refused token is exchanged once.
//
// In a context with WithTenant it looks in the account of that subscriber; with WithUserToken
// it asks on behalf of the user. Both have answers of their own.
//
// Source: [doc]; ages, limits and repetitions are choices of ours (spec 30 section 14.6).
type DestinationService struct {
	// Binding are the credentials. Required.
	Binding *DestinationBinding
	// Tokens fetches the tokens. Default: one with the same Transport.
	Tokens *Tokens
	// Transport is the network to the service. Default: one of its own, with the proxy of
	// HTTPS_PROXY.
	Transport http.RoundTripper
	// Timeout bounds one request. Default DefaultTimeout.
	Timeout time.Duration
	// MaxAge is how long an answer is kept, at most an hour. Default DefaultMaxAge; negative:
	// not at all.
	MaxAge time.Duration
	// Limit is how many answers are kept. Default DefaultAnswers.
	Limit int
	// V2 asks version 2 of the interface even without Level and Fragments.
	V2 bool
	// Level looks at this level only. Default: the instance, then the subaccount.
	Level Level
	// Fragments are laid over the destination in their order; the level may stand behind an @.
	// A single one that is not there is passed over with FragmentOptional.
	Fragments        []string
	FragmentOptional bool
	// Interval is how often Watch looks. Default MaxAge, or DefaultMaxAge.
	Interval time.Duration
	// Proxy finds the connectivity proxy for destinations whose proxy type is OnPremise, by the
	// name of a binding, which may be empty. Default: none; they have to be completed by others.
	Proxy func(binding string) (*Proxy, error)
	// Logger is told of old answers that serve on. Default: nothing is logged.
	Logger *slog.Logger

	network network
	once    sync.Once
	tokens  *Tokens
	flights flights[lookupKey, *Found]

	mu    sync.Mutex
	kept  map[lookupKey]*Found
	first map[string][sha256.Size]byte // what Load gave first, for Watch
}

// Level is where a destination is kept.
type Level string

// The levels of version 2 [doc].
const (
	LevelInstance           Level = "instance"
	LevelSubaccount         Level = "subaccount"
	LevelProviderInstance   Level = "provider_instance"
	LevelProviderSubaccount Level = "provider_subaccount"
)

// Defaults and bounds of what is kept.
const (
	DefaultMaxAge  = 5 * time.Minute
	DefaultAnswers = 1000
	maxMaxAge      = time.Hour
	// maxStale is how long an old answer serves when no new one is to be had, staleWait how
	// long it does so before another attempt.
	maxStale, staleWait = 24 * time.Hour, 10 * time.Second
	// maxRetryAfter is the longest wait before a repetition that a service may ask for.
	maxRetryAfter = 5 * time.Second
	// maxMembers bounds the properties of an answer, maxAttached its tokens and certificates.
	maxMembers, maxAttached = 1000, 100
	// maxPages bounds the pages of a list, of pageSize destinations each.
	maxPages, pageSize = 100, 100
)

// pauses are those before repetitions.
var pauses = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}

// Found is a destination as the service knows it, of any type. It prints without secrets, and
// must not be changed.
type Found struct {
	Name string
	// Properties is its configuration.
	Properties destination.Properties
	// Tokens are what the service fetched for the authentication of the destination.
	Tokens []AuthToken
	// Certificates are the key stores and trust stores that it names.
	Certificates []StoredCertificate

	age, retry time.Time
}

// AuthToken is a token that the service fetched.
type AuthToken struct {
	// Type is for example Bearer.
	Type string
	// Header is the name of the header in which it is sent.
	Header string
	// Expiry is when it ends; zero if nobody said.
	Expiry time.Time

	value, line func() string
}

// Reveal gives the token, HeaderValue what stands in Header.
func (t *AuthToken) Reveal() string { return t.value() }

// HeaderValue gives what stands in Header: the token behind its scheme.
func (t *AuthToken) HeaderValue() string { return t.line() }

// StoredCertificate is a file with certificates and keys that the service keeps.
type StoredCertificate struct {
	// Name is that of the file; its end says what it is.
	Name string

	content func() string // base64
}

// Reveal gives the content of the file.
func (c *StoredCertificate) Reveal() ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(c.content())
	if err != nil {
		return nil, fmt.Errorf("certificate %s of the destination service: not base64", printable(c.Name))
	}
	return data, nil
}

// javaMagic are the first bytes of a key store in Java's own format.
var javaMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

// Certificate gives the content of a key store or trust store that the destination names. Java's
// own format is refused.
func (f *Found) Certificate(name string) ([]byte, error) {
	var names []string
	for i := range f.Certificates {
		c := &f.Certificates[i]
		if c.Name != name {
			names = append(names, printable(c.Name))
			continue
		}
		data, err := c.Reveal()
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(data, javaMagic) || strings.HasSuffix(strings.ToLower(name), ".jks") {
			return nil, fmt.Errorf("certificate %s of the destination service: a key store in Java's own format (JKS); convert it with keytool -importkeystore -deststoretype PKCS12, and upload it as .p12", printable(name))
		}
		return data, nil
	}
	slices.Sort(names)
	if len(names) == 0 {
		names = []string{"none"}
	}
	return nil, fmt.Errorf("certificate %s is not in the answer of the destination service, which has %s; upload it there", printable(name), strings.Join(names, ", "))
}

// lookupKey says whose answer it is.
type lookupKey struct {
	name, tenant string
	user         [sha256.Size]byte
}

// Find looks a destination up, of whatever type. A name that is not known is ErrUnknown of
// package destination. Other errors are an *rfc.Error: 401 and 403 have the class Logon, 429
// Resource, 5xx Communication, with a *StatusError inside; so does a token that the service could
// not get for the destination (class Logon, step StepToken).
func (s *DestinationService) Find(ctx context.Context, name string) (*Found, error) {
	f, err := s.find(ctx, name, false)
	if e, ok := errors.AsType[*rfc.Error](err); ok && e.Destination == "" {
		named := *e
		named.Destination = name
		return nil, &named
	}
	return f, err
}

// find looks it up; anew, if what is kept does not count.
func (s *DestinationService) find(ctx context.Context, name string, anew bool) (*Found, error) {
	if err := s.setUp(); err != nil {
		return nil, err
	}
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '@' || r == '/' }) {
		return nil, configError("", fmt.Errorf("destination name %q: 1 to 200 characters without blanks, / and @ required", printable(name)))
	}
	u, err := userOf(ctx)
	if err != nil {
		return nil, err
	}
	key := lookupKey{name: name, tenant: tenantOf(ctx)}
	if u != nil {
		key.user = u.hash
	}
	have := s.keptFor(key)
	if !anew && s.fresh(have) {
		return have, nil
	}
	f, err := s.flights.share(ctx, key, func(ctx context.Context) (*Found, error) {
		// Another request may have ended since the look above.
		if other := s.keptFor(key); other != have && s.fresh(other) {
			return other, nil
		}
		f, err := s.ask(ctx, name, u)
		switch e, ok := errors.AsType[*rfc.Error](err); {
		case err == nil:
			s.keep(key, f)
		case errors.Is(err, destination.ErrUnknown):
			s.drop(key)
		case have != nil && ok && !anew && e.Class != rfc.ClassLogon && time.Since(have.age) < maxStale && have.alive():
			s.log().Warn("the destination service gives no new answer, the old one serves on", "destination", name, "age", time.Since(have.age), "error", err)
			old := *have
			old.retry = time.Now().Add(staleWait)
			s.keep(key, &old)
			return &old, nil
		}
		return f, err
	})
	if _, ok := errors.AsType[*rfc.Error](err); err != nil && !ok && !errors.Is(err, destination.ErrUnknown) {
		return nil, networkError(StepLookup, serviceDestination, hostOf(s.Binding.URL), err)
	}
	return f, err
}

// fresh reports whether an answer is one for now.
func (s *DestinationService) fresh(f *Found) bool {
	now := time.Now()
	return f != nil && (now.Before(f.age.Add(s.maxAge())) || now.Before(f.retry))
}

// alive reports that no token in it has expired.
func (f *Found) alive() bool {
	return !slices.ContainsFunc(f.Tokens, func(t AuthToken) bool { return !t.Expiry.IsZero() && !time.Now().Before(t.Expiry) })
}

func (s *DestinationService) setUp() error {
	if s.Binding == nil || s.Binding.Client == nil {
		return configError("", errors.New("DestinationService: a Binding is required"))
	}
	s.once.Do(func() {
		if s.tokens = s.Tokens; s.tokens == nil {
			s.tokens = &Tokens{Transport: s.Transport}
		}
	})
	return nil
}

func (s *DestinationService) log() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.New(slog.DiscardHandler)
}

func (s *DestinationService) maxAge() time.Duration {
	return min(max(cmp.Or(s.MaxAge, DefaultMaxAge), 0), maxMaxAge)
}

func (s *DestinationService) keptFor(key lookupKey) *Found {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key]
}

func (s *DestinationService) drop(key lookupKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, key)
}

// keep remembers an answer; the oldest gives way. An answer does not outlive its tokens.
func (s *DestinationService) keep(key lookupKey, f *Found) {
	if s.maxAge() == 0 {
		return
	}
	for _, t := range f.Tokens {
		if !t.Expiry.IsZero() {
			f.age = earliest(f.age, t.Expiry.Add(-s.maxAge()-early))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[lookupKey]*Found{}
	}
	s.kept[key] = f
	for len(s.kept) > cmp.Or(max(s.Limit, 0), DefaultAnswers) {
		var oldest lookupKey
		var age time.Time
		for k, x := range s.kept {
			if k != key && (age.IsZero() || x.age.Before(age)) {
				oldest, age = k, x.age
			}
		}
		delete(s.kept, oldest)
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ask asks the service, level by level.
func (s *DestinationService) ask(ctx context.Context, name string, u *user) (*Found, error) {
	paths := []string{"v1/destinations/" + url.PathEscape(name)}
	if s.V2 || s.Level != "" || len(s.Fragments) > 0 {
		levels := []Level{LevelInstance, LevelSubaccount}
		if s.Level != "" {
			levels = []Level{s.Level}
		}
		paths = nil
		for _, level := range levels {
			paths = append(paths, "v2/destinations/"+url.PathEscape(name)+"@"+url.PathEscape(string(level)))
		}
	}
	for _, path := range paths {
		doc, _, err := s.get(ctx, path, nil, u)
		if e, ok := errors.AsType[*StatusError](err); ok && e.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := ParseFound(name, doc)
		if e, ok := errors.AsType[*rfc.Error](err); ok {
			e.Address = hostOf(s.Binding.URL)
			e.Message = withoutSecrets(e.Message, s.Binding.Secret.Reveal(), u.reveal())
		}
		return f, err
	}
	return nil, fmt.Errorf("%w: Destination %s does not exist in the destination service", destination.ErrUnknown, name)
}

func (u *user) reveal() string {
	if u == nil {
		return ""
	}
	return u.token()
}

// get asks for one path, more than once if that may help.
func (s *DestinationService) get(ctx context.Context, path string, query url.Values, u *user) (doc []byte, head http.Header, err error) {
	exchanged := false
	for repetition := 0; ; repetition++ {
		token, err := s.tokens.Client(ctx, s.Binding.Client)
		if err != nil {
			return nil, nil, err
		}
		doc, head, err = s.request(ctx, path, query, token, u)
		if err == nil {
			return doc, head, nil
		}
		status, _ := errors.AsType[*StatusError](err)
		if status != nil && status.Status == http.StatusUnauthorized && !exchanged {
			exchanged = true
			s.tokens.Forget(token.Reveal())
			repetition-- // it is not the fault of the service
			continue
		}
		wait, ok := again(err, status, repetition)
		if !ok {
			return nil, nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil, networkError(StepLookup, serviceDestination, hostOf(s.Binding.URL), context.Cause(ctx))
		}
	}
}

// again says whether and when a request is repeated.
func again(err error, status *StatusError, repetition int) (time.Duration, bool) {
	if repetition >= len(pauses) {
		return 0, false
	}
	wait := pauses[repetition]
	wait += time.Duration(rand.Int64N(int64(wait / 2))) //nolint:gosec // only spreads requests
	if status == nil {
		e, ok := errors.AsType[*rfc.Error](err)
		return wait, ok && e.Class == rfc.ClassCommunication
	}
	if status.Status != http.StatusTooManyRequests && status.Status < 500 || status.RetryAfter > maxRetryAfter {
		return 0, false
	}
	return max(wait, status.RetryAfter), true
}

// request is one GET.
func (s *DestinationService) request(ctx context.Context, path string, query url.Values, token *Token, u *user) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(max(s.Timeout, 0), DefaultTimeout))
	defer cancel()
	at := strings.TrimSuffix(s.Binding.URL, "/") + "/destination-configuration/" + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, configError("", errors.New("the URL of the destination service cannot be used"))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	if u != nil {
		req.Header.Set("X-User-Token", u.token())
	}
	if len(s.Fragments) > 0 && strings.HasPrefix(path, "v2/") {
		req.Header.Set("X-Fragment-Name", strings.Join(s.Fragments, ","))
		if s.FragmentOptional && len(s.Fragments) == 1 { // several may not be optional [doc]
			req.Header.Set("X-Fragment-Optional", "true")
		}
	}
	host := req.URL.Host
	client := http.Client{Transport: s.network.of(s.Transport), CheckRedirect: noRedirect}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, networkError(StepLookup, serviceDestination, host, err)
	}
	defer resp.Body.Close()
	var end error
	body := &bounded{ReadCloser: resp.Body, left: maxAnswer, end: &end}
	doc, err := io.ReadAll(body)
	if errors.Is(end, errTooLarge) {
		return nil, nil, answerError(StepLookup, rfc.ClassLimit, host, "%s: %v: more than %d bytes", serviceDestination, errTooLarge, maxAnswer)
	}
	if resp.StatusCode/100 != 2 {
		e := &StatusError{
			Service: serviceDestination, Host: host, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header),
			Text: withoutSecrets(errorText(doc), token.Reveal(), u.reveal(), s.Binding.Secret.Reveal()),
		}
		return nil, nil, e.asError(StepLookup)
	}
	if err != nil {
		return nil, nil, networkError(StepLookup, serviceDestination, host, err)
	}
	return doc, resp.Header, nil
}

// errorText takes what the service says from {"ErrorMessage": ...}.
func errorText(doc []byte) string {
	m, err := readObject(doc)
	if err != nil {
		return ""
	}
	for _, key := range []string{"ErrorMessage", "error_description", "error"} {
		if s, ok := m[key].(string); ok {
			return s
		}
	}
	return ""
}

package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// Caller calls the metadata modules; *rfc.Conn is one. A repository calls it from several
// goroutines at once only if it is asked for several functions at once.
type Caller = rfc.Caller

// Repository finds descriptions of function modules and types of one system. It is safe for
// concurrent use, and implements rfc.FunctionSource.
//
// Descriptions are kept until Forget, Clear, or a check that finds them outdated. Failures are
// not kept: the next caller asks again.
type Repository struct {
	*shared
	caller Caller
	alone  bool // it waits for nobody else's look-ups
	// refused: this caller has no authority for RFC_METADATA_GET, or for the question for time
	// stamps; who else asks may have it.
	refused, unstamped atomic.Bool
}

// shared is what a repository and those that Through made of it have in common.
type shared struct {
	cache    *Cache
	id, host string
	system   *system
	uncached bool
	narrow   bool // the system is not Unicode: its own lengths are for one byte per character
	use      *bool
	check    time.Duration
	notify   func(Event)

	own   atomic.Pointer[map[string]*metadata.Function]
	ownMu sync.Mutex

	hits, misses, lookups, calls, errors, revalidated, dropped, healed atomic.Int64
}

var _ rfc.FunctionSource = (*Repository)(nil)

// Option changes a Repository.
type Option func(*shared)

// WithCache shares descriptions with other repositories of the same cache that ask the same
// system. Default: a cache of its own.
func WithCache(c *Cache) Option { return func(r *shared) { r.cache = c } }

// WithSystem says which system the caller talks to. Default: the system id in the
// attributes of the caller, if it has them as *rfc.Conn does; else unknown, and nothing is
// shared.
func WithSystem(id string) Option { return func(r *shared) { r.id = id } }

// WithHost says by which way the system is reached: repositories share only with those of the
// same one. System ids are not unique in the world. Default: none, which is a way as well.
func WithHost(identity string) Option { return func(r *shared) { r.host = identity } }

// WithoutCache asks the system every time. Callers who ask for the same function at the
// same time still share one look-up.
func WithoutCache() Option { return func(r *shared) { r.uncached = true } }

// WithMetadataGet says whether RFC_METADATA_GET is used: always, or never. Default: the first
// look-up finds out whether the system has it.
func WithMetadataGet(use bool) Option { return func(r *shared) { r.use = &use } }

// WithCheckInterval looks for outdated descriptions that often, when one is asked for: in one
// round trip, where the system tells when its modules and types were changed, else by asking
// anew for what is used. Of several repositories of one system the shortest interval holds.
// Default: never.
func WithCheckInterval(d time.Duration) Option { return func(r *shared) { r.check = d } }

// WithEvents is told what becomes of descriptions. The function runs in the goroutine of
// whoever noticed, before he gets his answer; it must not block, nor ask the repository.
func WithEvents(fn func(Event)) Option { return func(r *shared) { r.notify = fn } }

// New makes a repository that asks through c. It makes no call.
func New(c Caller, opts ...Option) *Repository {
	r := &Repository{caller: c, shared: new(shared)}
	for _, o := range opts {
		o(r.shared)
	}
	if r.cache == nil {
		r.cache = NewCache()
	}
	if a, ok := c.(interface {
		Attributes() (rfc.Attributes, error)
	}); ok {
		if attrs, err := a.Attributes(); err == nil {
			if r.id == "" {
				r.id = attrs.SystemID
			}
			r.narrow = attrs.PartnerBytesPerChar == 1
		}
	}
	r.system = r.cache.system(r.id, r.host, r.narrow)
	r.system.checkEvery(r.check)
	return r
}

// Through gives a repository with the same descriptions, settings and statistics that asks
// through another caller of the same system, for whoever has a connection of his own: it does
// not wait for look-ups that may wait for that connection.
func (r *Repository) Through(c Caller) *Repository {
	return &Repository{shared: r.shared, caller: c, alone: true}
}

// Function describes a function module. The first call for a name asks the system, in one
// round trip if it has RFC_METADATA_GET; all callers that want the same name meanwhile wait
// for that answer, each no longer than its own context allows. The error is an *rfc.Error
// with Outcome NotSent: class ABAPException and key FU_NOT_FOUND for an unknown function,
// Denied without authority for metadata, Metadata for descriptions that contradict
// themselves or are above a limit (errors.Is then also finds rfc.ErrProtocol or
// rfc.ErrLimit), else the class of the connection's trouble.
func (r *Repository) Function(ctx context.Context, name string) (*metadata.Function, error) {
	if own := r.own.Load(); own != nil {
		if f, ok := (*own)[name]; ok {
			r.hits.Add(1)
			return f, nil
		}
	}
	if r.system.due.Load() {
		if err := r.checkNow(ctx); err != nil {
			return nil, failed(name, err)
		}
	}
	if !r.uncached {
		if f, ok := load(&r.system.functions, name); ok {
			r.hits.Add(1)
			return f.function, nil
		}
	}
	return r.findFunction(ctx, name)
}

func (r *Repository) findFunction(ctx context.Context, given string) (*metadata.Function, error) {
	name, err := key("function", given)
	if err != nil {
		return nil, err
	}
	if name != given {
		return r.Function(ctx, name)
	}
	r.misses.Add(1)
	again := func() *found {
		if f, ok := load(&r.system.functions, name); ok && !r.uncached {
			return &found{functions: []description{f}}
		}
		return nil
	}
	got, err := r.find(ctx, "function "+name, name, again, func(ctx context.Context) (*found, error) { return r.askFunction(ctx, name, false) })
	if err != nil {
		return nil, err
	}
	return got.functions[0].function, nil
}

// Type describes a structure by its DDIC name; for the name of a table type it gives the
// line. Errors are those of Function; an unknown type is class Metadata.
func (r *Repository) Type(ctx context.Context, name string) (*metadata.Type, error) {
	name, err := key("type", name)
	if err != nil {
		return nil, err
	}
	if r.system.due.Load() {
		if err := r.checkNow(ctx); err != nil {
			return nil, failed(name, err)
		}
	}
	again := func() *found {
		if e, ok := load(&r.system.types, name); ok && !r.uncached {
			return &found{types: map[string]entry{name: e}}
		}
		return nil
	}
	got := again()
	if got != nil {
		r.hits.Add(1)
	} else {
		r.misses.Add(1)
		if got, err = r.find(ctx, "type "+name, name, again, func(ctx context.Context) (*found, error) { return r.askType(ctx, name) }); err != nil {
			return nil, err
		}
	}
	return got.types[name].typ, nil
}

// flight is the name of a look-up. One who asks alone has names of his own.
func (r *Repository) flight(name string) string {
	if r.alone {
		return fmt.Sprintf("%s by %p", name, r)
	}
	return name
}

// key checks a name and puts it in upper case.
func key(what, name string) (string, error) {
	up := strings.ToUpper(strings.TrimSpace(name))
	if err := metadata.CheckName(up); err != nil {
		return "", &rfc.Error{Class: rfc.ClassParameter, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: "RFC_INVALID_PARAMETER", Message: what + " " + err.Error(), Err: err}
	}
	return up, nil
}

// find shares a look-up and accounts for it.
func (r *Repository) find(ctx context.Context, flight, name string, again func() *found, ask func(context.Context) (*found, error)) (*found, error) {
	if ctx == nil {
		return nil, &rfc.Error{Class: rfc.ClassState, Step: rfc.StepMetadata, Function: name, Outcome: rfc.NotSent, Message: "nil context"}
	}
	if ctx.Err() != nil {
		return nil, failed(name, canceled(ctx))
	}
	got, err := r.system.share(ctx, r, r.flight(flight), again, func(ctx context.Context) (*found, error) {
		r.lookups.Add(1)
		got, err := ask(ctx)
		if err != nil {
			r.errors.Add(1)
		}
		return got, err
	})
	if err != nil {
		return nil, failed(name, err)
	}
	return got, nil
}

// Preload looks several functions up before they are needed, many in one round trip where
// the system can. It reports all failures and keeps what it got.
func (r *Repository) Preload(ctx context.Context, names ...string) error {
	var errs []error
	var want []string
	seen := map[string]bool{}
	for _, n := range names {
		up, err := key("function", n)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, ok := load(&r.system.functions, up); !ok && !seen[up] {
			seen[up] = true
			want = append(want, up)
		}
	}
	for len(want) > 0 && ctx != nil && ctx.Err() == nil && !r.uncached && r.deep() {
		batch := want[:min(preloadBatch, len(want))]
		want = want[len(batch):]
		_, err := r.find(ctx, "functions "+strings.Join(batch, " "), batch[0], func() *found { return nil },
			func(ctx context.Context) (*found, error) { return r.askFunctions(ctx, batch) })
		if err != nil {
			// One bad function must not spoil the others: each is asked for alone.
			want = append(batch[:len(batch):len(batch)], want...)
			break
		}
	}
	for _, n := range want {
		if _, err := r.Function(ctx, n); err != nil {
			errs = append(errs, err)
			if !errors.Is(err, rfc.ErrABAPException) && !errors.Is(err, rfc.ErrMetadata) {
				break // the connection's trouble; the others would meet it as well
			}
		}
	}
	return errors.Join(errs...)
}

// Add gives the repository a description built in code. It wins over what the system says
// and stays through Clear and Forget. Other repositories do not see it.
func (r *Repository) Add(f *metadata.Function) error {
	if f == nil {
		return &rfc.Error{Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Message: "nil description"}
	}
	if err := metadata.CheckName(f.Name); err != nil {
		return &rfc.Error{Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Message: "function " + err.Error(), Err: err}
	}
	r.ownMu.Lock()
	defer r.ownMu.Unlock()
	next := map[string]*metadata.Function{}
	if own := r.own.Load(); own != nil {
		maps.Copy(next, *own)
	}
	next[f.Name] = f
	r.own.Store(&next)
	return nil
}

// Forget drops the description of a function with the types it uses, or of a type, for all
// repositories of the system: use it when an interface has changed. The next caller asks
// the system.
func (r *Repository) Forget(name string) {
	r.system.forget(strings.ToUpper(strings.TrimSpace(name)))
}

// Clear drops everything that was looked up on the system, for all its repositories.
func (r *Repository) Clear() { r.system.clear() }

// Stats is a snapshot of a repository.
type Stats struct {
	// Hits and Misses count requests that the cache answered and those it could not.
	Hits, Misses int64
	// Lookups counts questions to the system, Calls the round trips they took, Errors those
	// that failed. Misses without a look-up of their own shared one.
	Lookups, Calls, Errors int64
	// Revalidated counts descriptions that were checked and found to be as they are. Dropped
	// counts those that were outdated, contradicted, or could not be checked; Healed those in
	// whose place the system told another one.
	Revalidated, Dropped, Healed int64
	// Functions and Types are kept now, for all repositories of the system.
	Functions, Types int
}

// Stats counts since the repository was made.
func (r *Repository) Stats() Stats {
	s := Stats{
		Hits: r.hits.Load(), Misses: r.misses.Load(), Lookups: r.lookups.Load(), Calls: r.calls.Load(), Errors: r.errors.Load(),
		Revalidated: r.revalidated.Load(), Dropped: r.dropped.Load(), Healed: r.healed.Load(),
	}
	if m := r.system.functions.Load(); m != nil {
		s.Functions = len(*m)
	}
	if m := r.system.types.Load(); m != nil {
		s.Types = len(*m)
	}
	return s
}

// answers says how the answers of metadata modules are read, whatever the connection says of
// other values: rows of other releases may be wider or narrower than ours.
var answers = serialization.Options{AnyRowWidth: true}

// call calls a metadata module with its built-in interface.
func (r *Repository) call(ctx context.Context, module string, in rfc.Params, opts ...rfc.Option) (*rfc.Response, error) {
	b, err := interfaces()
	if err != nil {
		return nil, err
	}
	f, ok := load(&r.system.resized, module)
	if !ok {
		f = b.asked[module]
	}
	r.calls.Add(1)
	return r.caller.Call(ctx, module, in, append(opts, rfc.WithInterface(f), rfc.WithValues(answers))...)
}

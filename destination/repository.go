package destination

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// known are the descriptions that the destinations of this process share: those that reach
// the same system by the same way.
var known = repository.NewCache()

// descriptions are what a line knows of function modules, and how it asks.
type descriptions struct {
	cfg   *Config
	cache *repository.Cache
	// asks calls as the user of Config.Repository, with connections of its own: a call must not
	// wait for a connection that waits for the call. Nil: the destination asks.
	asks *Destination

	// own is made when the first connection has told which system it is, and made anew when one
	// tells another.
	own atomic.Pointer[ownRepository]
	// last is the repository that answered last, that of another destination perhaps: it is told
	// what an answer contradicts.
	last atomic.Pointer[repository.Repository]
}

// ownRepository asks the system of the destination.
type ownRepository struct {
	*repository.Repository
	system string
	width  int // bytes per character
}

// descriptions prepares for them; nothing is opened.
func (c *Config) descriptions() (*descriptions, error) {
	r := &c.Repository
	if r.Destination != "" && r.Destination == c.Name {
		return nil, configError(c, fmt.Errorf("%s: it leads back: %s -> %s", KeyRepositoryDestination, c.Name, c.Name))
	}
	d := &descriptions{cfg: c, cache: r.Cache}
	switch {
	case d.cache != nil:
	case c.anywhere():
		d.cache = repository.NewCache()
	default:
		d.cache = known
	}
	if r.User == "" || r.Destination != "" || c.Functions != nil {
		return d, nil
	}
	other := *c
	other.User, other.Password, other.Repository = r.User, r.Password, RepositoryConfig{}
	other.Retry = RetryConfig{} // whoever needs descriptions repeats what he wants repeated
	// In place of whatever else would log on.
	other.WebSocket.BearerToken, other.WebSocket.Tokens, other.WebSocket.CertificateLogon = "", nil, false
	other.Pool.Capacity, other.Pool.PeakLimit = new(1), new(0)
	var err error
	d.asks, err = New(other)
	return d, err
}

// close closes what only asks.
func (d *descriptions) close(ctx context.Context) error {
	if d.asks == nil {
		return nil
	}
	return d.asks.Close(ctx)
}

// anywhere reports whether functions of the program decide where a connection leads, or whom it
// trusts: two of them cannot be told apart.
func (c *Config) anywhere() bool {
	w := &c.WebSocket
	return c.DialContext != nil || c.Tunnel.Tokens != nil || w.Headers != nil || w.TLS != nil || w.Roots != nil || w.TrustStore.Data != nil || w.P12.Data != nil
}

// way is the way to the system, as far as it makes it another one: a fingerprint of all that
// leads there, passwords of routers included.
func (c *Config) way() string {
	h := sha256.New()
	lines := []string{fmt.Sprintf("path=%q\n", c.WebSocket.Path)}
	for key, value := range c.Properties().All() {
		// Whichever server of a group answers, it is one of the same system.
		if row := find(key); row != nil && row.Effect == "route" && !slices.Contains([]string{KeyGroup, KeySticky, KeyGroupMaxAge, KeyConnectTimeout}, key) {
			lines = append(lines, fmt.Sprintf("%s=%q\n", key, strings.ToLower(value)))
		}
	}
	slices.Sort(lines)
	for _, l := range lines {
		_, _ = h.Write([]byte(l))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// options are those of a repository that asks as the settings say.
func (r *RepositoryConfig) options() []repository.Option {
	list := []repository.Option{repository.WithCheckInterval(r.CheckInterval)}
	if use := r.RoundTripOptimization; use != nil {
		list = append(list, repository.WithMetadataGet(*use))
	}
	if r.Events != nil {
		list = append(list, repository.WithEvents(r.Events))
	}
	return list
}

// metadataCaller calls for a repository, as the user who asks for descriptions.
type metadataCaller struct {
	*Destination
	attributes rfc.Attributes
}

// Attributes say which system is described.
func (m metadataCaller) Attributes() (rfc.Attributes, error) { return m.attributes, nil }

// of gives the repository of the system with these attributes; asks calls for it.
func (d *descriptions) of(asks *Destination, a rfc.Attributes) *repository.Repository {
	for {
		o := d.own.Load()
		if o != nil && o.describes(a) {
			return o.Repository
		}
		if d.asks != nil {
			asks = d.asks
		}
		opts := append(d.cfg.Repository.options(), repository.WithCache(d.cache), repository.WithHost(d.cfg.way()))
		d.own.CompareAndSwap(o, &ownRepository{repository.New(metadataCaller{asks, a}, opts...), a.SystemID, a.PartnerBytesPerChar})
	}
}

func (o *ownRepository) describes(a rfc.Attributes) bool {
	return o.system == a.SystemID && o.width == a.PartnerBytesPerChar
}

// met looks at a new connection: another system than the one that is described is none of
// which anything is known.
func (d *descriptions) met(conn *rfc.Conn) {
	if o := d.own.Load(); o != nil {
		if a, err := conn.Attributes(); err == nil && !o.describes(a) {
			d.own.CompareAndSwap(o, nil)
		}
	}
}

// Function implements rfc.FunctionSource for the connections of the pool. Calls bring their
// descriptions; this is for what comes without.
func (d *descriptions) Function(ctx context.Context, name string) (*metadata.Function, error) {
	if r := d.last.Load(); r != nil {
		return r.Function(ctx, name)
	}
	return nil, errors.New("no connection of the destination was opened yet")
}

// Known reports whether a description is at hand.
func (d *descriptions) Known(name string) bool {
	r := d.last.Load()
	return r != nil && r.Known(name)
}

// Contradicted tells what an answer says against a description.
func (d *descriptions) Contradicted(f *metadata.Function, why error) {
	if r := d.last.Load(); r != nil {
		r.Contradicted(f, why)
	}
}

// Repository has the descriptions that all users of the destination share, and destinations
// that reach the same system by the same way. It asks the system as the destination's own user,
// or as the one of Config.Repository; with Config.Repository.Destination it is the repository
// of that destination. The first call connects, to learn which system it is.
func (d *Destination) Repository(ctx context.Context) (*repository.Repository, error) {
	if ctx == nil {
		return nil, nilContext("")
	}
	for {
		g, err := d.current(ctx)
		if err != nil {
			return nil, d.failed("", err)
		}
		r, err := d.repository(ctx, g)
		if err == nil || !d.replaced(g, err) {
			return r, err
		}
	}
}

// repository is that of a generation.
func (d *Destination) repository(ctx context.Context, g *generation) (*repository.Repository, error) {
	r, err := d.ask(ctx, g)
	if err == nil && g.known.last.Load() != r {
		g.known.last.Store(r)
	}
	return r, err
}

func (d *Destination) ask(ctx context.Context, g *generation) (*repository.Repository, error) {
	if name := g.cfg.Repository.Destination; name != "" {
		return d.standIn(ctx, g, name)
	}
	if o := g.known.own.Load(); o != nil {
		return o.Repository, nil
	}
	asks := &Destination{shared: d.shared, login: &login{asks: true}}
	from, at := asks, g
	if g.known.asks != nil {
		from = g.known.asks
		var err error
		if at, err = from.current(ctx); err != nil {
			return nil, err
		}
	}
	lease, conn, err := from.acquire(ctx, at, "")
	if err != nil {
		return nil, err
	}
	a, err := conn.Attributes()
	_ = lease.Release()
	if err != nil {
		return nil, err
	}
	return g.known.of(asks, a), nil
}

// asked are the destinations on the way to the one that describes.
type askedKey struct{}

// standIn is the repository of another destination.
func (d *Destination) standIn(ctx context.Context, g *generation, name string) (*repository.Repository, error) {
	way, _ := ctx.Value(askedKey{}).([]*shared)
	way = append(way[:len(way):len(way)], d.shared)
	resolve := g.cfg.Repository.Resolve
	switch {
	case resolve != nil:
	case d.catalog != nil:
		resolve = d.catalog.Open
	default:
		resolve = Open
	}
	wrong := func(format string, args ...any) error {
		return failed(d.name, fmt.Errorf("%s: %w", KeyRepositoryDestination, fmt.Errorf(format, args...)))
	}
	other, err := resolve(name)
	switch {
	case err != nil:
		return nil, wrong("%w", err)
	case other == nil:
		return nil, wrong("%w: Destination %s does not exist: Config.Repository.Resolve gives none", ErrUnknown, name)
	case slices.Contains(way, other.shared):
		return nil, wrong("it leads back: %s", chainText(way, other.name))
	case len(way) >= maxChain:
		return nil, wrong("more than %d of them: %s", maxChain, chainText(way, other.name))
	}
	r, err := other.Repository(context.WithValue(ctx, askedKey{}, way))
	if e, ok := errors.AsType[*rfc.Error](err); ok && e.Class == rfc.ClassConfig && e.Destination != d.name {
		return nil, wrong("%s: %w", name, e.Err)
	}
	return r, err
}

func chainText(way []*shared, last string) string {
	names := make([]string, 0, len(way)+1)
	for _, s := range way {
		names = append(names, s.name)
	}
	return strings.Join(append(names, last), " -> ")
}

// functions describe what is called.
func (d *Destination) functions(ctx context.Context, g *generation) (rfc.FunctionSource, error) {
	if g.cfg.Functions != nil {
		return g.cfg.Functions, nil
	}
	return d.repository(ctx, g)
}

// describing is what describes the calls of a session. Descriptions that the session's own user asks
// for he asks for over the connection of the session, which may be the last one there is.
func (s *Session) describing(ctx context.Context) (rfc.FunctionSource, error) {
	g := s.g
	if g.cfg.Functions != nil || g.cfg.Repository.Destination != "" || g.known.asks != nil {
		return s.d.functions(ctx, g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.functions == nil {
		a, err := s.conn.Attributes()
		if err != nil {
			return nil, err
		}
		r := g.known.of(&Destination{shared: s.d.shared, login: &login{asks: true}}, a)
		g.known.last.Store(r)
		s.functions = r.Through(onConn{s.conn, g})
	}
	return s.functions, nil
}

// described calls with the description of a function module. A call that does not fit it, so
// that nothing was sent, may have met an old one: if the system describes another one now the
// call is made with that, once.
func described(ctx context.Context, from rfc.FunctionSource, function string, in any, opts []rfc.Option, call func(f *metadata.Function) (*rfc.Response, error)) (*rfc.Response, error) {
	f, err := rfc.Describe(ctx, from, function, opts...)
	if err != nil {
		return nil, err
	}
	res, err := call(f)
	r, ok := from.(*repository.Repository)
	if err == nil || !ok || !doubtful(err) || !repeatable(in) {
		return res, err
	}
	now, changed, again := r.Refresh(ctx, f)
	if again != nil || !changed {
		return res, err
	}
	return call(now)
}

// doubtful reports whether an error says that a call does not fit its description, and nothing
// of it was sent.
func doubtful(err error) bool {
	e, ok := errors.AsType[*rfc.Error](err)
	return ok && e.Outcome == rfc.NotSent && !e.Closed && (e.Class == rfc.ClassParameter || e.Class == rfc.ClassConversion)
}

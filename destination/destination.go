package destination

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
)

// Destination is a system as a service holds it: connections that are opened when they are
// needed and kept for a while, and the descriptions of function modules that they share. It is
// what JCo calls a JCoDestination, and an rfc.Caller.
//
//	dest, err := destination.New(cfg)
//	out, err := rfc.Call[Out](ctx, dest, "STFC_CONNECTION", in)
//
// Every call takes a connection and gives it back; two calls may run in different ABAP
// sessions. Calls that belong together need a Session. A Destination is safe for concurrent
// use. It never repeats a call, unless Config.Retry says so and nothing of it was sent, and one
// attempt causes one logon at most. Config.Policy says what may be called.
type Destination struct {
	*shared
	login *login
}

// login is who uses a destination.
type login struct {
	user *User // nil: the destination's own
	asks bool  // for descriptions: whoever needs them repeats what he wants repeated
	last atomic.Pointer[identity]
}

// identity is who logs on.
type identity struct {
	of                     *generation // whose settings it was made of
	client, user, language string
	password               rfc.Secret
	partition              string // of the pool: nobody else's connections
}

type identityKey struct{}

// Defaults of the pool.
const (
	DefaultMaxWait     = 30 * time.Second
	DefaultExpiration  = time.Minute
	DefaultCheckPeriod = time.Minute
)

// StepPool is the step of errors that the pool makes.
const StepPool = rfc.Step("pool")

// New makes a destination of a configuration. It checks it, opens nothing and starts nothing;
// the first call connects. Config.Pool has the limits of the pool; Config.Functions, if set,
// stands in place of the repository. Open does it by name.
func New(cfg Config) (*Destination, error) {
	s := newShared(cfg.Name)
	g, err := s.generation(cfg)
	if err != nil {
		return nil, err
	}
	s.live.Store(g)
	return &Destination{shared: s, login: new(login)}, nil
}

func configError(cfg *Config, err error) error {
	return &rfc.Error{
		Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Destination: cfg.Name, Key: "RFC_INVALID_PARAMETER", Err: err,
	}
}

func or(value *time.Duration, standard time.Duration) time.Duration {
	if value == nil {
		return standard
	}
	return *value
}

// User is somebody who logs on to a destination in place of its own user. An empty Client or
// Language is that of the destination.
type User struct {
	Client, Name, Language string
	Password               rfc.Secret
}

// With gives the same destination for another user: JCo's custom destination. It shares the
// limits of the pool and the descriptions; connections belong to the user, password included,
// for whom they were opened.
func (d *Destination) With(u User) *Destination {
	return &Destination{shared: d.shared, login: &login{user: &u, asks: d.login.asks}}
}

// Name is that of the configuration.
func (d *Destination) Name() string { return d.name }

// String names the destination and its user; Format makes every verb print that, so that no
// dump of a destination shows a password.
func (d Destination) String() string {
	user := ""
	if u := d.login.user; u != nil {
		user = u.Name
	} else if g := d.live.Load(); g != nil {
		user = g.cfg.User
	}
	if user == "" {
		return fmt.Sprintf("destination %q", d.name)
	}
	return fmt.Sprintf("destination %q as %s", d.name, user)
}

// Format implements fmt.Formatter.
func (d Destination) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(d.String())) }

// Stats is a snapshot of the pool, over all users; zero as long as the settings of an opened
// destination were not needed. After a change of settings it is that of the new pool: see
// Draining.
func (d *Destination) Stats() pool.Stats {
	if g := d.live.Load(); g != nil {
		return g.pool.Stats()
	}
	return pool.Stats{}
}

// Warm opens connections until n of them exist for this user, and returns them to the pool. It
// is never needed.
func (d *Destination) Warm(ctx context.Context, n int) error {
	for {
		g, err := d.current(ctx)
		if err != nil {
			return d.failed("", err)
		}
		if err = d.failed("", g.pool.Warm(d.as(ctx, g), n)); err == nil || !d.replaced(g, err) {
			return err
		}
	}
}

// as puts the identity into a context.
func (d *Destination) as(ctx context.Context, g *generation) context.Context {
	return context.WithValue(ctx, identityKey{}, d.who(g))
}

// who is the identity under the settings of a generation.
func (d *Destination) who(g *generation) *identity {
	if id := d.login.last.Load(); id != nil && id.of == g {
		return id
	}
	client, user, language, password := g.cfg.Client, g.cfg.User, g.cfg.Language, g.cfg.Password
	if u := d.login.user; u != nil {
		user, password = u.Name, u.Password
		client, language = cmp.Or(u.Client, client), cmp.Or(u.Language, language)
	}
	id := g.identify(client, user, language, password)
	d.login.last.Store(id)
	return id
}

// acquire takes a connection out of the pool of a generation.
func (d *Destination) acquire(ctx context.Context, g *generation, function string) (pool.Lease[*rfc.Conn], *rfc.Conn, error) {
	lease, err := g.pool.Acquire(d.as(ctx, g))
	if err != nil {
		return lease, nil, d.failed(function, err)
	}
	conn, err := lease.Value()
	return lease, conn, d.failed(function, err)
}

// failed makes the errors of the pool those of a call that was not sent.
func (d *Destination) failed(function string, err error) error {
	if err == nil {
		return nil
	}
	pe, ours := errors.AsType[*pool.Error](err)
	if e, ok := errors.AsType[*rfc.Error](err); ok && !ours {
		c := *e // the pool may give one error to several callers
		c.Function, c.Outcome = function, rfc.NotSent
		return &c
	}
	e := &rfc.Error{Class: rfc.ClassResource, Step: StepPool, Outcome: rfc.NotSent, Key: "RFC_RESOURCE", Function: function, Destination: d.name, Err: err}
	switch {
	case errors.Is(err, context.Canceled):
		e.Class, e.Key = rfc.ClassCanceled, "RFC_CANCELED"
	case errors.Is(err, context.DeadlineExceeded):
		e.Class, e.Key = rfc.ClassTimeout, "RFC_CANCELED"
	case errors.Is(err, pool.ErrClosed), errors.Is(err, pool.ErrReleased):
		e.Class, e.Key, e.Err = rfc.ClassState, "RFC_INVALID_HANDLE", errors.Join(rfc.ErrClosed, err)
	case ours && pe.Open != nil:
		if o, ok := errors.AsType[*rfc.Error](pe.Open); ok {
			e.Class, e.Key, e.Step = o.Class, o.Key, o.Step
		}
	}
	return e
}

func nilContext(function string) error {
	return &rfc.Error{Class: rfc.ClassState, Step: rfc.StepConfig, Function: function, Outcome: rfc.NotSent, Key: "RFC_ILLEGAL_STATE", Message: "nil context"}
}

// Call implements rfc.Caller: it takes a connection, calls, and gives it back, with the option
// Stream behind the last row.
func (d *Destination) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	if ctx == nil {
		return nil, nilContext(function)
	}
	entry := d.begin(ctx, function)
	defer entry.leave()
	for attempt := 1; ; {
		g, err := d.current(ctx)
		if err != nil {
			return entry.returned(nil, d.failed(function, err))
		}
		if err := d.permitted(g, function); err != nil {
			return entry.returned(nil, err)
		}
		res, err := d.call(ctx, g, entry, function, in, opts)
		switch {
		case err == nil:
			return entry.returned(res, nil)
		case d.replaced(g, err): // not an attempt
		case !d.login.asks && repeatable(in) && g.cfg.Retry.again(ctx, attempt, err):
			attempt++
		default:
			return entry.returned(nil, err)
		}
	}
}

// call is Call under the settings of a generation.
func (d *Destination) call(ctx context.Context, g *generation, entry *call, function string, in any, opts []rfc.Option) (*rfc.Response, error) {
	entry.who.Store(d.who(g))
	if rfc.Interface(opts...) != nil {
		return d.lend(ctx, g, entry, function, in, opts)
	}
	// The description comes first: whoever holds a connection and waits for another one waits
	// for ever when all do.
	r, err := d.functions(ctx, g)
	if err != nil {
		return nil, err
	}
	return described(ctx, r, function, in, opts, func(f *metadata.Function) (*rfc.Response, error) {
		return d.lend(ctx, g, entry, function, in, append(opts[:len(opts):len(opts)], rfc.WithInterface(f)))
	})
}

// lend calls over a connection of the pool.
func (d *Destination) lend(ctx context.Context, g *generation, entry *call, function string, in any, opts []rfc.Option) (*rfc.Response, error) {
	entry.waits()
	lease, conn, err := d.acquire(ctx, g, function)
	if err != nil {
		return nil, err
	}
	entry.got(conn, true)
	returned := false
	defer func() {
		if !returned { // an iterator of the caller panicked within a request
			_ = lease.Discard(errUnwound)
		}
	}()
	// A second Release changes nothing.
	res, err := conn.Call(ctx, function, in, append(g.options(opts), rfc.WhenDone(func(err error) {
		_ = lease.Release()
		entry.freed(err)
	}))...)
	returned = true
	if err != nil {
		_ = lease.Release()
	}
	return res, err
}

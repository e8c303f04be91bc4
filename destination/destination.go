package destination

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/repository"
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
// use. It never repeats a call, and one call causes one logon at most.
type Destination struct {
	*shared
	who identity
}

// shared is what a destination and those that With made of it have in common.
type shared struct {
	cfg   Config
	pool  *pool.Pool[*rfc.Conn]
	guard [32]byte // key of the fingerprints that separate users
	cache repository.Cache

	// The repository is made when the first connection has told which system it is.
	repo atomic.Pointer[repository.Repository]
}

// identity is who logs on.
type identity struct {
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
// stands in place of the repository.
func New(cfg Config) (*Destination, error) {
	if err := errors.Join(cfg.Validate(), cfg.pooled()); err != nil {
		return nil, configError(&cfg, err)
	}
	if cfg.MessageServer != "" && cfg.Groups == nil {
		cfg.Groups = &msgserver.Groups{MaxAge: cfg.GroupMaxAge}
	}
	s := &shared{cfg: cfg}
	_, _ = rand.Read(s.guard[:]) // never fails
	pc := pool.Config[*rfc.Conn]{
		Open:        s.open,
		Reset:       func(ctx context.Context, c *rfc.Conn) error { return c.Reset(ctx) },
		MaxWait:     or(cfg.Pool.MaxWait, DefaultMaxWait),
		Expiration:  or(cfg.Pool.Expiration, DefaultExpiration),
		CheckPeriod: or(cfg.Pool.CheckPeriod, DefaultCheckPeriod),
		Partition:   func(ctx context.Context) string { return identityOf(ctx).partition },
		Refused:     func(err error) bool { return errors.Is(err, rfc.ErrLogon) },
	}
	pc.Capacity, pc.Peak = pool.Limits(cfg.Pool.Capacity, cfg.Pool.PeakLimit)
	if cfg.Pool.CheckConnection {
		pc.Ping = func(ctx context.Context, c *rfc.Conn) error { return c.Ping(ctx) }
	}
	var err error
	if s.pool, err = pool.New(pc); err != nil {
		return nil, configError(&cfg, err)
	}
	return &Destination{shared: s, who: s.identify(cfg.Client, cfg.User, cfg.Language, cfg.Password)}, nil
}

func configError(cfg *Config, err error) error {
	return &rfc.Error{
		Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Destination: cfg.Name, Key: "RFC_INVALID_PARAMETER", Err: err,
	}
}

// pooled refuses the settings that a pooled destination does not have yet. What else is
// wrong with those of a pool, Validate says.
func (c *Config) pooled() error {
	var errs []error
	r := c.Repository
	for _, o := range []struct {
		key string
		set bool
	}{{"repository_destination", r.Destination != ""}, {"repository_roundtrip_optimization", r.RoundTripOptimization != nil}, {"repository.check_interval", r.CheckInterval != 0}} {
		if o.set {
			errs = append(errs, fmt.Errorf("jco.destination.%s: not supported yet by this release; leave it out", o.key))
		}
	}
	return errors.Join(errs...)
}

func or(value *time.Duration, standard time.Duration) time.Duration {
	if value == nil {
		return standard
	}
	return *value
}

// identify gives a user his partition: a fingerprint of everything that he logs on with, under
// a key of this process, so that it tells nothing about a password.
func (s *shared) identify(client, user, language string, password rfc.Secret) identity {
	h := hmac.New(sha256.New, s.guard[:])
	for _, part := range []string{client, user, language, password.Reveal()} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return identity{client, user, language, password, hex.EncodeToString(h.Sum(nil)[:16])}
}

func identityOf(ctx context.Context) identity {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who
}

// open makes a connection for the identity in the context.
func (s *shared) open(ctx context.Context) (*rfc.Conn, error) {
	cfg, who := s.cfg, identityOf(ctx)
	cfg.Client, cfg.User, cfg.Language, cfg.Password = who.client, who.user, who.language, who.password
	if cfg.Functions == nil {
		cfg.Functions = (*descriptions)(s)
	}
	return Dial(ctx, cfg)
}

// descriptions are what connections of the pool ask and tell about function modules: the
// repository of the destination, once there is one.
type descriptions shared

func (d *descriptions) Function(ctx context.Context, name string) (*metadata.Function, error) {
	if r := d.repo.Load(); r != nil {
		return r.Function(ctx, name)
	}
	return nil, errors.New("no connection of the destination was opened yet")
}

// Forget drops what an answer contradicted.
func (d *descriptions) Forget(name string) {
	if r := d.repo.Load(); r != nil {
		r.Forget(name)
	}
}

// metadataCaller calls for a repository, as the user who asks for descriptions.
type metadataCaller struct {
	*Destination
	attributes rfc.Attributes
}

// Attributes say which system is described.
func (m metadataCaller) Attributes() (rfc.Attributes, error) { return m.attributes, nil }

// Repository has the descriptions that all users of the destination share. It asks the system
// as the destination's own user, or as the one of Config.Repository. The first call connects,
// to learn which system it is.
func (d *Destination) Repository(ctx context.Context) (*repository.Repository, error) {
	if r := d.repo.Load(); r != nil {
		return r, nil
	}
	asks := &Destination{shared: d.shared, who: d.identify(d.cfg.Client, d.cfg.User, d.cfg.Language, d.cfg.Password)}
	if r := d.cfg.Repository; r.User != "" {
		asks = asks.With(User{Name: r.User, Password: r.Password})
	}
	lease, conn, err := asks.acquire(ctx, "")
	if err != nil {
		return nil, err
	}
	a, err := conn.Attributes()
	_ = lease.Release()
	if err != nil {
		return nil, err
	}
	d.repo.CompareAndSwap(nil, repository.New(metadataCaller{asks, a}, repository.WithCache(&d.cache)))
	return d.repo.Load(), nil
}

// describe finds the interface of a function module.
func (d *Destination) describe(ctx context.Context, function string) (*metadata.Function, error) {
	if d.cfg.Functions != nil {
		return rfc.Describe(ctx, d.cfg.Functions, function)
	}
	r, err := d.Repository(ctx)
	if err != nil {
		return nil, err
	}
	return rfc.Describe(ctx, r, function)
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
	if u.Client == "" {
		u.Client = d.who.client
	}
	if u.Language == "" {
		u.Language = d.who.language
	}
	return &Destination{shared: d.shared, who: d.identify(u.Client, u.Name, u.Language, u.Password)}
}

// Name is that of the configuration.
func (d *Destination) Name() string { return d.cfg.Name }

// String names the destination and its user; Format makes every verb print that, so that no
// dump of a destination shows a password.
func (d Destination) String() string {
	return fmt.Sprintf("destination %q as %s", d.cfg.Name, d.who.user)
}

// Format implements fmt.Formatter.
func (d Destination) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(d.String())) }

// Stats is a snapshot of the pool, over all users.
func (d *Destination) Stats() pool.Stats { return d.pool.Stats() }

// Warm opens connections until n of them exist for this user, and returns them to the pool. It
// is never needed.
func (d *Destination) Warm(ctx context.Context, n int) error {
	return d.failed("", d.pool.Warm(d.as(ctx), n))
}

// Close refuses new calls, closes idle connections and waits for those in use; when ctx ends
// first it cuts them.
func (d *Destination) Close(ctx context.Context) error { return d.failed("", d.pool.Close(ctx)) }

// as puts the identity into a context.
func (d *Destination) as(ctx context.Context) context.Context {
	return context.WithValue(ctx, identityKey{}, d.who)
}

// acquire takes a connection out of the pool.
func (d *Destination) acquire(ctx context.Context, function string) (pool.Lease[*rfc.Conn], *rfc.Conn, error) {
	lease, err := d.pool.Acquire(d.as(ctx))
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
	e := &rfc.Error{Class: rfc.ClassResource, Step: StepPool, Outcome: rfc.NotSent, Key: "RFC_RESOURCE", Function: function, Destination: d.cfg.Name, Err: err}
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

// Call implements rfc.Caller: it takes a connection, calls, and gives it back, with the option
// Stream behind the last row.
func (d *Destination) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	if ctx == nil {
		return nil, &rfc.Error{Class: rfc.ClassState, Step: rfc.StepConfig, Function: function, Outcome: rfc.NotSent, Key: "RFC_ILLEGAL_STATE", Message: "nil context"}
	}
	// The description comes first: whoever holds a connection and waits for another one waits
	// for ever when all do.
	if rfc.Interface(opts...) == nil {
		f, err := d.describe(ctx, function)
		if err != nil {
			return nil, err
		}
		opts = append(opts[:len(opts):len(opts)], rfc.WithInterface(f))
	}
	lease, conn, err := d.acquire(ctx, function)
	if err != nil {
		return nil, err
	}
	// A second Release changes nothing.
	res, err := conn.Call(ctx, function, in, append(opts[:len(opts):len(opts)], rfc.WhenDone(func() { _ = lease.Release() }))...)
	if err != nil {
		_ = lease.Release()
	}
	return res, err
}

package destination

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
	"github.com/purerfc/purerfc/wsrfc"
)

// shared is what a destination and those that With made of it have in common. Its settings may
// change: each call runs under one generation of them from its beginning to its end.
type shared struct {
	name    string
	guard   [32]byte        // key of the fingerprints that separate users
	catalog *Catalog        // that opened it; nil for New, and so are the next two
	base    context.Context //nolint:containedctx // ends with the destination
	end     context.CancelFunc

	// live are the settings of new calls. Nil: they were not needed yet, or the destination was
	// deleted.
	live atomic.Pointer[generation]

	mu      sync.Mutex
	closed  bool
	gone    error    // why there are no settings any more
	loading *loading // the first reading, while it runs
	old     []*line  // replaced, with calls that still run
	broken  bool     // the newest settings cannot be used

	journal journal
}

func newShared(name string) *shared {
	s := &shared{name: name}
	_, _ = rand.Read(s.guard[:]) // never fails
	return s
}

// generation is a destination between two changes of its settings.
type generation struct {
	*line
	cfg   Config
	guard *[32]byte
	// secrets are those of the settings, which no log shows whatever a partner says.
	secrets []rfc.Secret
}

// line are the connections of one or several generations: those that differ only in what each
// call looks up share it.
type line struct {
	dial  Config
	pool  *pool.Pool[*rfc.Conn]
	known *descriptions
}

// generation checks a configuration and makes a pool for it, which opens nothing yet.
func (s *shared) generation(cfg Config) (*generation, error) {
	err := cfg.Validate()
	switch {
	case errors.Is(err, rfc.ErrSecurity):
		return nil, err
	case err != nil:
		return nil, configError(&cfg, err)
	}
	if cfg.MessageServer != "" && cfg.Groups == nil {
		cfg.Groups = &msgserver.Groups{MaxAge: cfg.GroupMaxAge}
	}
	if cfg.WebSocket.Host != "" {
		if _, err := cfg.webSocket(); err != nil { // reads certificates and keys
			return nil, configError(&cfg, err)
		}
		cfg.WebSocket.keeper = &wsrfc.Keeper{Interval: cfg.WebSocket.PingCheck}
	}
	l, secrets := &line{dial: cfg}, cfg.secrets()
	pc := pool.Config[*rfc.Conn]{
		Open:        s.counted(&l.dial, secrets, l.open),
		Event:       s.event(&l.dial, secrets),
		Reset:       func(ctx context.Context, c *rfc.Conn) error { return c.Reset(ctx) },
		MaxWait:     or(cfg.Pool.MaxWait, DefaultMaxWait),
		Expiration:  or(cfg.Pool.Expiration, DefaultExpiration),
		CheckPeriod: or(cfg.Pool.CheckPeriod, DefaultCheckPeriod),
		Partition:   func(ctx context.Context) string { return identityOf(ctx).partition },
		Refused:     func(err error) bool { return errors.Is(err, rfc.ErrLogon) },
	}
	pc.Capacity, pc.Peak = pool.Limits(cfg.Pool.Capacity, cfg.Pool.PeakLimit)
	if cfg.Pool.CheckConnection {
		pc.Ping = func(ctx context.Context, c *rfc.Conn) error {
			ctx, cancel := limited(ctx, cfg.CallTimeout)
			defer cancel()
			return c.Ping(ctx)
		}
	}
	if l.pool, err = pool.New(pc); err != nil {
		return nil, configError(&cfg, err)
	}
	if l.known, err = l.dial.descriptions(); err != nil {
		return nil, err
	}
	return &generation{line: l, cfg: cfg, guard: &s.guard, secrets: secrets}, nil
}

// identify gives a user his partition: a fingerprint of everything that he logs on with, under
// a key of this process, so that it tells nothing about a password.
func (g *generation) identify(client, user, language string, password rfc.Secret) *identity {
	h := hmac.New(sha256.New, g.guard[:])
	for _, part := range []string{client, user, language, password.Reveal()} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return &identity{g, client, user, language, password, hex.EncodeToString(h.Sum(nil)[:16])}
}

func identityOf(ctx context.Context) *identity {
	who, _ := ctx.Value(identityKey{}).(*identity)
	return who
}

// open makes a connection for the identity in the context.
func (l *line) open(ctx context.Context) (*rfc.Conn, error) {
	cfg, who := l.dial, identityOf(ctx)
	cfg.CallTimeout, cfg.Format = 0, serialization.Classic // each call has its own
	if who.user != cfg.User {                              // another user than the own certificate or token stands for
		cfg.WebSocket.BearerToken, cfg.WebSocket.Tokens, cfg.WebSocket.CertificateLogon = "", nil, false
	}
	cfg.Policy = Policy{ForbidPlainLogon: cfg.Policy.ForbidPlainLogon}
	cfg.Client, cfg.User, cfg.Language, cfg.Password = who.client, who.user, who.language, who.password
	if cfg.Functions == nil {
		cfg.Functions = l.known
	}
	conn, err := Dial(ctx, cfg)
	if err == nil {
		l.known.met(conn)
	}
	return conn, err
}

// close closes the pool, and what only asks for descriptions.
func (l *line) close(ctx context.Context) error {
	return errors.Join(l.pool.Close(ctx), l.known.close(ctx))
}

// limited is a context with a time limit, if there is one.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// options are those of a call: what the settings say, then what the caller says.
func (g *generation) options(opts []rfc.Option) []rfc.Option {
	own := make([]rfc.Option, 0, len(opts)+4)
	if g.cfg.CallTimeout > 0 {
		own = append(own, rfc.WithTimeout(g.cfg.CallTimeout))
	}
	if g.cfg.Format != serialization.Classic {
		own = append(own, rfc.WithFormat(g.cfg.Format))
	}
	return append(own, opts...)
}

// current are the settings that a call begins with.
func (s *shared) current(ctx context.Context) (*generation, error) {
	if g := s.live.Load(); g != nil {
		return g, nil
	}
	return s.first(ctx)
}

// permitted asks the policy for a call; that of a generation that is no more counts if there is
// no other one.
func (s *shared) permitted(g *generation, function string) error {
	if now := s.live.Load(); now != nil {
		g = now
	}
	err := g.cfg.Policy.Check(function)
	if e, ok := err.(*rfc.Error); ok { //nolint:errorlint // it is never wrapped
		e.Destination = s.name
	}
	return err
}

// replaced reports whether an error comes of settings that were replaced before anything was
// sent: their pool takes no new calls, and the next generation has one that does.
func (s *shared) replaced(g *generation, err error) bool {
	e, ok := errors.AsType[*rfc.Error](err)
	return ok && e.Outcome == rfc.NotSent && errors.Is(err, pool.ErrClosed) && s.live.Load() != g
}

// retire lets the calls of a line end and closes what nobody uses. The lock is held.
func (s *shared) retire(l *line) {
	s.old = append(s.old, l)
	go func() {
		_ = l.close(context.Background())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.old = slices.DeleteFunc(s.old, func(o *line) bool { return o == l })
	}()
}

// Draining counts the connections that calls and sessions still use under settings that were
// replaced. They are closed when they come back.
func (d *Destination) Draining() int {
	d.mu.Lock()
	old := slices.Clone(d.old)
	d.mu.Unlock()
	n := 0
	for _, l := range old {
		n += l.pool.Stats().InUse
	}
	return n
}

// Close refuses new calls, closes idle connections and waits for those in use, also under
// settings that were replaced; when ctx ends first it cuts them. An opened destination is
// closed for everybody who opened its name; opening it again gives a new one.
func (d *Destination) Close(ctx context.Context) error {
	if ctx == nil {
		return nilContext("")
	}
	return d.failed("", d.shut(ctx))
}

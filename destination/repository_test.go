package destination_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// asked counts who asks a system for descriptions, by user.
type asked struct {
	mu    sync.Mutex
	users []string
}

func (a *asked) by(sys *rfctest.System) *asked {
	sys.Intercept("RFC_METADATA_GET", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			a.mu.Lock()
			a.users = append(a.users, req.Session().Peer().Logon.User)
			a.mu.Unlock()
			return next(ctx, req, reply)
		}
	})
	return a
}

func echo(t testing.TB, c rfc.Caller) {
	t.Helper()
	_, err := c.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
}

// Descriptions are asked for by the user of the repository, calls made by the other, each with
// connections of their own: a session that has the last connection waits for nobody.
func TestRepositoryUser(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithUser("DEVELOPER", "dev"), rfctest.WithUser("META", "meta"))
	who := new(asked).by(sys)
	change := func(c *destination.Config) {
		c.Repository.User, c.Repository.Password = "META", "meta"
		c.Repository.Cache = repository.NewCache()
		c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration)
	}
	d := pooled(t, sys, func(c *destination.Config) {
		change(c)
		c.User, c.Password = "NOBODY", "wrong"
	})
	_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrLogon)
	require.Equal(t, []string{"META"}, who.users, "described before the call's own logon was refused")

	d = pooled(t, sys, change)
	require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error {
		echo(t, s)
		return nil
	}))
	echo(t, d)
	require.Equal(t, []string{"META", "META"}, who.users)
	require.EqualValues(t, 1, d.Stats().Opened, "the limits count its own connections")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", d, *d, d), "meta")
}

// One question serves all destinations that reach the same system by the same way.
func TestDestinationsOfOneSystemShareDescriptions(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithSystemID("SH1"), rfctest.WithUser("DEVELOPER", "dev"), rfctest.WithUser("OTHER", "pw"))
	share := func(c *destination.Config) { c.Repository.Cache = nil } // that of the process
	first := pooled(t, sys, share)
	echo(t, first)
	require.EqualValues(t, 1, sys.Calls("RFC_METADATA_GET"))
	for name, change := range map[string]func(*destination.Config){
		"the same":       func(*destination.Config) {},
		"another name":   func(c *destination.Config) { c.Name = "SECOND" },
		"another user":   func(c *destination.Config) { c.User, c.Password = "OTHER", "pw" },
		"another limit":  func(c *destination.Config) { c.DialTimeout, c.Pool.Capacity = time.Second, new(7) },
		"as session":     func(c *destination.Config) { c.Language = "DE" },
		"capital letter": func(c *destination.Config) { c.ApplicationServer = strings.ToUpper(c.ApplicationServer) },
	} {
		d := pooled(t, sys, func(c *destination.Config) { share(c); change(c) })
		if name == "as session" {
			require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error { echo(t, s); return nil }))
		} else {
			echo(t, d)
		}
		require.EqualValues(t, 1, sys.Calls("RFC_METADATA_GET"), name)
	}
	r, err := first.Repository(t.Context())
	require.NoError(t, err)
	f, err := r.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)

	n := int64(1)
	for name, change := range map[string]func(*destination.Config){
		"another way":     func(c *destination.Config) { c.Gateway = "localhost" },
		"another cache":   func(c *destination.Config) { c.Repository.Cache = repository.NewCache() },
		"another network": func(c *destination.Config) { c.DialContext = new(net.Dialer).DialContext },
	} {
		d := pooled(t, sys, func(c *destination.Config) { share(c); change(c) })
		echo(t, d)
		n++
		require.EqualValues(t, n, sys.Calls("RFC_METADATA_GET"), name)
	}
	// Another system at the same address: nothing is taken from the first.
	other := rfctest.NewSystem(t, rfctest.WithSystemID("SH2"), rfctest.WithUser("DEVELOPER", "dev"))
	_, port := other.Addr()
	_, first0 := sys.Addr()
	lead := map[string]string{first0: port}
	cache := repository.NewCache()
	to := first0
	d := pooled(t, sys, func(c *destination.Config) {
		c.Repository.Cache, c.Pool.Capacity = cache, new(0) // each call opens a connection
		c.Client = other.Config().Client
		c.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+to)
		}
	})
	echo(t, d)
	r, err = d.Repository(t.Context())
	require.NoError(t, err)
	g, err := r.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.NotSame(t, f, g)
	to = lead[first0]
	echo(t, d) // the connection tells
	r2, err := d.Repository(t.Context())
	require.NoError(t, err)
	require.NotSame(t, r, r2)
	h, err := r2.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.NotSame(t, g, h)
	require.EqualValues(t, 1, other.Calls("RFC_METADATA_GET"))
}

// jco.destination.repository_destination: the other destination asks, as its own user, and its
// repository is the one of both.
func TestRepositoryDestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithUser("DEVELOPER", "dev"), rfctest.WithUser("META", "meta"))
	who := new(asked).by(sys)
	meta := pooled(t, sys, func(c *destination.Config) { c.Name, c.User, c.Password = "META", "META", "meta" })
	var names []string
	d := pooled(t, sys, func(c *destination.Config) {
		c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration)
		c.Repository = destination.RepositoryConfig{
			Destination: "META", User: "IGNORED", Password: "x",
			Resolve: func(name string) (*destination.Destination, error) { names = append(names, name); return meta, nil },
		}
	})
	require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error { echo(t, s); return nil }))
	echo(t, d)
	require.Equal(t, []string{"META"}, who.users)
	require.Equal(t, []string{"META", "META"}, names)
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	same, err := meta.Repository(t.Context())
	require.NoError(t, err)
	require.Same(t, same, r)
	require.EqualValues(t, 1, d.Stats().Opened)
	require.EqualValues(t, 1, meta.Stats().Opened)
}

// The names of a catalog are those of its provider.
func TestRepositoryDestinationOfACatalog(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithSystemID("RD1"), rfctest.WithUser("DEVELOPER", "dev"), rfctest.WithUser("META", "meta"))
	who := new(asked).by(sys)
	var provider destination.Memory
	set := func(name, user, password, next string) {
		cfg := sys.Config()
		cfg.Name, cfg.User, cfg.Password, cfg.Repository.Destination = name, user, rfc.Secret(password), next
		require.NoError(t, provider.Set(name, cfg.Properties()))
	}
	own := sys.Config()
	set("A", own.User, own.Password.Reveal(), "B")
	set("B", own.User, own.Password.Reveal(), "META")
	set("META", "META", "meta", "")
	set("E", own.User, own.Password.Reveal(), "META2")
	set("X", own.User, own.Password.Reveal(), "Y")
	set("Y", own.User, own.Password.Reveal(), "X")
	c := &destination.Catalog{Provider: &provider}
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	open := func(name string) *destination.Destination {
		d, err := c.Open(name)
		require.NoError(t, err)
		return d
	}
	echo(t, open("A"))
	require.Equal(t, []string{"META"}, who.users, "by way of B")
	echo(t, open("META"))
	require.Len(t, who.users, 1)
	for name, want := range map[string][]string{
		"E": {"jco.destination.repository_destination", "E -> META2", "META2 does not exist", "did you mean META?"},
		"X": {"jco.destination.repository_destination", "it leads back: X -> Y -> X"},
	} {
		_, err := open(name).Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		require.ErrorIs(t, err, rfc.ErrConfig)
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}
	// It was there when the settings were read.
	provider.Delete("META")
	_, err := open("META").Call(t.Context(), "STFC_CONNECTION", nil)
	for err == nil || !errors.Is(err, destination.ErrUnknown) { // until the catalog has heard of it
		_, err = open("META").Call(t.Context(), "STFC_CONNECTION", nil)
	}
	_, err = open("A").Call(t.Context(), "STFC_CHANGING", changingIn{1, 1})
	require.ErrorIs(t, err, destination.ErrUnknown)
	require.ErrorContains(t, err, "jco.destination.repository_destination")
}

func TestB32RepositoryDestinationsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	all := map[string]*destination.Destination{}
	for name, next := range map[string]string{"A": "B", "B": "C", "C": "A", "LOST": "NONE", "NIL": "NIL2", "BAD": "BAD2"} {
		all[name] = pooled(t, sys, func(c *destination.Config) {
			c.Name, c.Repository.Destination = name, next
			c.Repository.Resolve = func(name string) (*destination.Destination, error) {
				if name == "NIL2" {
					return nil, nil
				}
				if name == "BAD2" {
					return nil, errors.New("no such thing")
				}
				if d := all[name]; d != nil {
					return d, nil
				}
				return nil, fmt.Errorf("%w: %s", destination.ErrUnknown, name)
			}
		})
	}
	for name, want := range map[string]string{
		"A": "it leads back: A -> B -> C -> A", "B": "it leads back: B -> C -> A -> B", "LOST": "unknown destination: NONE",
		"NIL": "Destination NIL2 does not exist", "BAD": "no such thing",
	} {
		for range 2 {
			_, err := all[name].Call(t.Context(), "STFC_CONNECTION", nil)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, rfc.ClassConfig, e.Class)
			require.Equal(t, rfc.NotSent, e.Outcome)
			require.Equal(t, name, e.Destination)
			require.ErrorContains(t, err, "jco.destination.repository_destination")
			require.ErrorContains(t, err, want)
		}
		require.Zero(t, all[name].Stats().Opened)
	}
	long := make([]*destination.Destination, 20)
	for i := range long {
		long[i] = pooled(t, sys, func(c *destination.Config) {
			c.Name, c.Repository.Destination = fmt.Sprintf("D%d", i), fmt.Sprintf("D%d", i+1)
			c.Repository.Resolve = func(string) (*destination.Destination, error) { return long[i+1], nil }
		})
	}
	_, err := long[0].Repository(t.Context())
	require.ErrorContains(t, err, "more than 16 of them: D0 -> D1")
	cfg := sys.Config()
	cfg.Name, cfg.Repository.Destination = "SELF", "SELF"
	_, err = destination.New(cfg)
	require.ErrorContains(t, err, "it leads back: SELF -> SELF")
	var none context.Context
	_, err = long[0].Repository(none)
	require.ErrorContains(t, err, "nil context")
}

// jco.destination.repository_roundtrip_optimization and repository.check_interval reach the
// questions.
func TestRepositorySettingsReachTheSystem(t *testing.T) {
	t.Parallel()
	for value, use := range map[string]*bool{"": nil, "0": new(false), "1": new(true)} {
		sys := rfctest.NewSystem(t)
		d := pooled(t, sys, func(c *destination.Config) { c.Repository.RoundTripOptimization = use })
		echo(t, d)
		_, err := d.Call(t.Context(), "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}})
		require.NoError(t, err)
		require.Equal(t, value != "0", sys.Calls("RFC_METADATA_GET") > 0)
		require.Equal(t, value == "0", sys.Calls("RFC_GET_FUNCTION_INTERFACE") > 0)

		old := rfctest.NewSystem(t)
		old.Intercept("RFC_METADATA_GET", func(rfc.HandlerFunc) rfc.HandlerFunc {
			return func(context.Context, *rfc.Request, *rfc.Reply) error {
				return rfc.RaiseMessage("FU_NOT_FOUND", "FL", "E", "046", "RFC_METADATA_GET")
			}
		})
		d = pooled(t, old, func(c *destination.Config) { c.Repository.RoundTripOptimization = use })
		for _, function := range []string{"STFC_CONNECTION", "STFC_STRING"} {
			_, err = d.Call(t.Context(), function, nil)
			if value == "1" {
				require.ErrorIs(t, err, rfc.ErrMetadata)
				require.ErrorContains(t, err, "jco.destination.repository_roundtrip_optimization")
				require.True(t, rfc.SafeToRetry(err) || !errors.Is(err, rfc.ErrCommunication))
			}
		}
		require.EqualValues(t, map[string]int{"": 1, "0": 0, "1": 2}[value], old.Calls("RFC_METADATA_GET"), "probed once")
		conn, err := destination.Dial(t.Context(), func() destination.Config {
			cfg := old.Config()
			cfg.Repository.RoundTripOptimization = new(false)
			return cfg
		}())
		require.NoError(t, err)
		before := old.Calls("RFC_METADATA_GET")
		_, err = conn.Call(t.Context(), "RFC_SYSTEM_INFO", nil)
		require.NoError(t, err)
		require.Equal(t, before, old.Calls("RFC_METADATA_GET"))
		require.NoError(t, conn.Close())
	}
	sys := rfctest.NewSystem(t)
	var stamps []any
	sys.Intercept("RFC_METADATA_GET", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			v, err := req.Value("GET_TIMESTAMPS")
			stamps = append(stamps, v)
			return errors.Join(err, next(ctx, req, reply))
		}
	})
	echo(t, pooled(t, sys, nil))
	d := pooled(t, sys, func(c *destination.Config) {
		c.Repository.CheckInterval, c.Repository.Cache = time.Hour, repository.NewCache()
	})
	echo(t, d)
	require.Equal(t, []any{"", "X"}, stamps)
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	dropped, err := r.Revalidate(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped)
	require.EqualValues(t, 1, r.Stats().Revalidated)
}

// moved is a system whose module Z_MOVED has some interface; it counts its calls.
func moved(t *testing.T, interfaceText string, out rfc.Params) (*rfctest.System, *int) {
	t.Helper()
	sys := rfctest.NewSystem(t)
	d := new(metadata.Dictionary)
	d.Structure("ZOLD", "A:C5").Structure("ZNEW", "A:C10 B:I")
	f, err := d.Function("Z_MOVED", interfaceText)
	require.NoError(t, errors.Join(err, d.Err()))
	calls := new(int)
	require.NoError(t, sys.Mux().Handle(f, func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
		*calls++
		for name, v := range out {
			reply.SetValue(name, v)
		}
		return nil
	}))
	return sys, calls
}

// remembered is a destination of now that has the descriptions of before.
func remembered(t *testing.T, before, now *rfctest.System) (*destination.Destination, func() []string) {
	t.Helper()
	r, err := pooled(t, before, nil).Repository(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Preload(t.Context(), "Z_MOVED"))
	var file bytes.Buffer
	require.NoError(t, r.Save(&file))
	var mu sync.Mutex
	var events []string
	d := pooled(t, now, func(c *destination.Config) {
		c.Repository.Events = func(e repository.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e.Kind.String()+" "+e.Function)
		}
	})
	r, err = d.Repository(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Load(&file))
	return d, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(events)
	}
}

// A call that an old description refuses is made with the new one: nothing was sent before.
func TestF48OldDescriptionsHealBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	const old = "IMPORTING A:C5\nTABLES ROWS:[ZOLD] OPTIONAL"
	type in struct {
		A string `rfc:"A"`
		B string `rfc:"B"`
	}
	type row struct {
		A string `rfc:"A"`
		B int32  `rfc:"B"`
	}
	rows := func(yield func(row) bool) { yield(row{"x", 1}) }
	for name, tc := range map[string]struct {
		now  string
		in   any
		want bool
	}{
		"a longer field":       {"IMPORTING A:C10\nTABLES ROWS:[ZOLD] OPTIONAL", rfc.Params{"A": "1234567890"}, true},
		"a new parameter":      {"IMPORTING A:C5\nIMPORTING B:C1 OPTIONAL", rfc.Params{"A": "1", "B": "2"}, true},
		"the same in a struct": {"IMPORTING A:C5\nIMPORTING B:C1 OPTIONAL", in{"1", "2"}, true},
		"a new component":      {"IMPORTING A:C5\nTABLES ROWS:[ZNEW] OPTIONAL", rfc.Params{"A": "1", "ROWS": []rfc.Params{{"A": "1234567890", "B": 1}}}, true},
		"now optional":         {"IMPORTING A:C5 OPTIONAL", rfc.Params{}, true},
		"still wrong":          {"IMPORTING A:C6", rfc.Params{"A": "1234567890"}, false},
		"an iterator":          {"IMPORTING A:C5\nTABLES ROWS:[ZNEW] OPTIONAL", rfc.Params{"A": "1", "ROWS": rfc.Sequence[row]{Count: 1, Seq: rows}}, false},
	} {
		for _, way := range []string{"call", "session"} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				before, _ := moved(t, old, nil)
				now, calls := moved(t, tc.now, nil)
				d, events := remembered(t, before, now)
				call := func(c rfc.Caller) error {
					_, err := c.Call(t.Context(), "Z_MOVED", tc.in)
					return err
				}
				var err error
				if way == "call" {
					err = call(d)
				} else {
					err = d.Session(t.Context(), func(s *destination.Session) error { return call(s) })
				}
				if !tc.want {
					var e *rfc.Error
					require.ErrorAs(t, err, &e)
					require.Equal(t, rfc.NotSent, e.Outcome)
					require.Zero(t, *calls)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 1, *calls)
				require.Equal(t, []string{"healed Z_MOVED"}, events())
			})
		}
	}
}

// A call that is wrong by itself asks once whether it is, and then not for a while.
func TestWrongCallsAskOnce(t *testing.T) {
	t.Parallel()
	before, _ := moved(t, "IMPORTING A:C5", nil)
	now, calls := moved(t, "IMPORTING A:C5", nil)
	d, events := remembered(t, before, now)
	for range 5 {
		_, err := d.Call(t.Context(), "Z_MOVED", rfc.Params{"A": "1", "NONE": 1})
		require.ErrorContains(t, err, "field 'NONE' not found")
	}
	require.EqualValues(t, 1, now.Calls("RFC_METADATA_GET"))
	require.Equal(t, []string{"confirmed Z_MOVED"}, events())
	require.Zero(t, *calls)
	// The typed call knows by its answer as well.
	_, err := rfc.Call[struct {
		None string `rfc:"NONE"`
	}](t.Context(), d, "Z_MOVED", rfc.Params{"A": "1"})
	require.ErrorIs(t, err, rfc.ErrParameter)
	require.Zero(t, *calls)
	require.EqualValues(t, 1, now.Calls("RFC_METADATA_GET"))
}

// F-48: what only the answer contradicts has run, once; the next call knows better.
func TestF48ContradictedAnswersAreNotRepeated(t *testing.T) {
	t.Parallel()
	before, _ := moved(t, "TABLES ROWS:[ZOLD] OPTIONAL", nil)
	now, calls := moved(t, "TABLES ROWS:[ZNEW] OPTIONAL", rfc.Params{"ROWS": []rfc.Params{{"A": "1234567890", "B": 7}}})
	d, events := remembered(t, before, now)
	in := rfc.Params{"ROWS": []rfc.Params{}}
	_, err := d.Call(t.Context(), "Z_MOVED", in)
	require.ErrorIs(t, err, rfc.ErrConversion)
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rfc.Executed, e.Outcome)
	require.Equal(t, 1, *calls)
	require.Equal(t, []string{"contradicted Z_MOVED"}, events())
	res, err := d.Call(t.Context(), "Z_MOVED", in)
	require.NoError(t, err)
	rows, err := res.Value("ROWS")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, 2, *calls)
	require.Equal(t, []string{"contradicted Z_MOVED", "healed Z_MOVED"}, events())
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	s := r.Stats()
	require.Equal(t, []int64{1, 1}, []int64{s.Dropped, s.Healed})
}

// Goal G30: the description of any module costs at most two round trips, nested types included.
func TestG30AnyModuleOfTheSystem(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	r, err := pooled(t, sys, nil).Repository(t.Context())
	require.NoError(t, err)
	modules := sys.Mux().Search("*")
	require.Greater(t, len(modules), 30)
	for _, f := range modules {
		r.Clear()
		before := r.Stats().Calls
		_, err := r.Function(t.Context(), f.Name)
		require.NoError(t, err, f.Name)
		require.LessOrEqual(t, r.Stats().Calls-before, int64(2), f.Name)
	}
}

// A static repository stands in place of any question.
func TestStaticRepositoryOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var b repository.Builder
	b.Function("STFC_CHANGING", "CHANGING COUNTER:I\nEXPORTING RESULT:I\nIMPORTING START_VALUE:I")
	s, err := b.Build()
	require.NoError(t, err)
	d := pooled(t, sys, func(c *destination.Config) {
		c.Functions = s
		c.Repository.User, c.Repository.Password = "NOBODY", "x" // nobody asks
	})
	out, err := rfc.Call[changingOut](t.Context(), d, "STFC_CHANGING", changingIn{10, 5})
	require.NoError(t, err)
	require.EqualValues(t, 15, out.Result)
	require.Zero(t, sys.Calls("RFC_METADATA_GET"))
	_, err = d.Call(t.Context(), "STFC_CHANGIN", nil)
	require.ErrorContains(t, err, "did you mean STFC_CHANGING?")
	_, err = d.Call(t.Context(), "STFC_CHANGING", rfc.Params{"NONE": 1})
	require.ErrorContains(t, err, "'NONE' not found")
}

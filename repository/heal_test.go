package repository

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// journal collects events.
type journal struct {
	mu     sync.Mutex
	events []Event
}

func (j *journal) add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

// lines gives what was added since the last time, as "kind NAME".
func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []string
	for _, e := range j.events {
		list = append(list, strings.TrimSpace(e.Kind.String()+" "+e.Function))
	}
	j.events = nil
	slices.Sort(list)
	return list
}

// released is a system at some release: modules that share a type, and one that does not.
func released(t testing.TB, row string, changed time.Time, opts ...HostOption) *rfc.Mux {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("ZROW", row).Table("ZROWS", "{ZROW}").Structure("ZOTHER", "A:I")
	require.NoError(t, d.Err())
	mux := rfc.NewMux()
	for name, text := range map[string]string{
		"Z_READ": "IMPORTING KEY:C10\nTABLES ROWS:[ZROW]", "Z_WRITE": "IMPORTING ROWS:[ZROWS]", "Z_ELSE": "IMPORTING O:{ZOTHER}",
	} {
		f, err := d.Function(name, text)
		require.NoError(t, err)
		require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error { return nil }))
	}
	require.NoError(t, Register(mux, append(opts, ChangedAt(changed))...))
	return mux
}

var (
	before = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	after  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	names3 = []string{"Z_ELSE", "Z_READ", "Z_WRITE"}
)

func preload(t testing.TB, r *Repository) map[string]*metadata.Function {
	t.Helper()
	require.NoError(t, r.Preload(t.Context(), names3...))
	return functionsOf(t, r)
}

func functionsOf(t testing.TB, r *Repository) map[string]*metadata.Function {
	t.Helper()
	all := map[string]*metadata.Function{}
	for _, n := range names3 {
		f, err := r.Function(t.Context(), n)
		require.NoError(t, err)
		all[n] = f
	}
	return all
}

// A description that data contradicts is dropped once, whoever says it how often; the one in
// its place is told as healed, and so is what else used the changed type.
func TestF48ContradictedDescriptionsHeal(t *testing.T) {
	t.Parallel()
	for how, hidden := range map[string][]string{"at once": nil, "type by type": {metadataGet}} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var j journal
			conn := connect(t, released(t, "ID:I NAME:C20", before, Except(hidden...)))
			r := New(conn, WithEvents(j.add))
			old := preload(t, r)
			require.Empty(t, j.lines())

			conn.Caller = connect(t, released(t, "ID:I NAME:C40", after, Except(hidden...))).Caller
			why := errors.New("rows of another width")
			for range 5 {
				r.Contradicted(old["Z_READ"], why)
			}
			r.Contradicted(nil, why)
			require.Equal(t, []string{"contradicted Z_READ"}, j.lines())
			now := functionsOf(t, r)
			require.Equal(t, []string{"healed Z_READ", "healed Z_WRITE", "outdated Z_WRITE"}, j.lines())
			require.NotSame(t, old["Z_READ"], now["Z_READ"])
			require.Equal(t, 84, now["Z_READ"].Parameters[1].Type.Layout(2).Total)
			require.Equal(t, 84, now["Z_WRITE"].Parameters[0].Type.Layout(2).Total, "it uses the same type")
			require.Same(t, old["Z_ELSE"], now["Z_ELSE"])
			r.Contradicted(old["Z_READ"], why)
			require.Empty(t, j.lines(), "the old one is not the one that is kept")
			require.Same(t, now["Z_READ"], functionsOf(t, r)["Z_READ"])
			s := r.Stats()
			require.Equal(t, []int64{0, 2, 2}, []int64{s.Revalidated, s.Dropped, s.Healed})

			// The system stays as it was: the same description comes back, not an equal one.
			r.Contradicted(now["Z_READ"], why)
			require.Same(t, now["Z_READ"], functionsOf(t, r)["Z_READ"])
			require.Equal(t, []string{"confirmed Z_READ", "contradicted Z_READ"}, j.lines())
			require.EqualValues(t, 1, r.Stats().Revalidated)
		})
	}
}

func TestRefreshAsksOnceInAWhile(t *testing.T) {
	t.Parallel()
	conn := connect(t, released(t, "ID:I NAME:C20", before))
	var j journal
	r := New(conn, WithEvents(j.add))
	old := preload(t, r)["Z_READ"]
	calls := conn.calls.Load()
	for range 3 {
		f, changed, err := r.Refresh(t.Context(), old)
		require.NoError(t, err)
		require.Same(t, old, f)
		require.False(t, changed)
	}
	require.Equal(t, calls, conn.calls.Load(), "it has just been told")

	age := func() {
		edit(&r.system.functions, func(m map[string]description) {
			for n, d := range m {
				d.asked = time.Now().Add(-RefreshPause)
				m[n] = d
			}
		})
	}
	age()
	conn.before = func(context.Context, string) error { return errors.New("no network") }
	_, _, err := r.Refresh(t.Context(), old)
	require.ErrorContains(t, err, "no network")
	f, err := r.Function(t.Context(), "Z_READ")
	require.NoError(t, err)
	require.Same(t, old, f, "what is known stays")
	conn.before = nil

	var group sync.WaitGroup
	conn.Caller = connect(t, released(t, "ID:I NAME:C40", after)).Caller
	calls = conn.calls.Load()
	for range 20 {
		group.Go(func() {
			f, changed, err := r.Refresh(context.Background(), old)
			if err != nil || !changed || f == old {
				t.Error(f, changed, err)
			}
		})
	}
	group.Wait()
	require.Equal(t, calls+1, conn.calls.Load(), "all share one question")
	require.Equal(t, []string{"healed Z_READ", "outdated Z_WRITE"}, j.lines())

	own, err := new(metadata.Dictionary).Function("Z_OWN", "IMPORTING A:I")
	require.NoError(t, err)
	require.NoError(t, r.Add(own))
	f, changed, err := r.Refresh(t.Context(), own)
	require.NoError(t, err)
	require.False(t, changed)
	require.Same(t, own, f)
	_, changed, err = r.Refresh(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, changed)
}

// One round trip tells for everything whether it was changed; what was not stays what it is.
func TestRevalidateByTimeStamps(t *testing.T) {
	t.Parallel()
	conn := connect(t, released(t, "ID:I NAME:C20", before))
	var j journal
	r := New(conn, WithEvents(j.add), WithCheckInterval(time.Hour))
	old := preload(t, r)
	types := r.Stats().Types
	require.Equal(t, 3, types)
	conn.names = nil
	dropped, err := r.Revalidate(t.Context())
	require.NoError(t, err)
	require.Empty(t, dropped)
	require.Equal(t, old, functionsOf(t, r))
	require.Equal(t, []string{metadataTimestamp}, conn.names)
	s := r.Stats()
	require.Equal(t, []int64{3, 0, 0}, []int64{s.Revalidated, s.Dropped, s.Healed})
	require.Equal(t, types, s.Types)

	conn.Caller = connect(t, released(t, "ID:I NAME:C40", after)).Caller
	dropped, err = r.Revalidate(t.Context())
	require.NoError(t, err)
	require.Equal(t, names3, dropped)
	require.Equal(t, []string{"outdated Z_ELSE", "outdated Z_READ", "outdated Z_WRITE"}, j.lines())
	require.Zero(t, r.Stats().Types)
	now := preload(t, r)
	require.Equal(t, []string{"confirmed Z_ELSE", "healed Z_READ", "healed Z_WRITE"}, j.lines())
	require.Same(t, old["Z_ELSE"], now["Z_ELSE"], "another date, the same interface")
	require.Equal(t, 84, now["Z_WRITE"].Parameters[0].Type.Layout(2).Total)

	// A module that is gone is not told any more.
	conn.Caller = connect(t, testMux(t)).Caller
	dropped, err = r.Revalidate(t.Context())
	require.NoError(t, err)
	require.Equal(t, names3, dropped)
	_, err = r.Function(t.Context(), "Z_READ")
	require.ErrorIs(t, err, rfc.ErrABAPException)
}

// Only what concerns a description makes it outdated: its own date, or that of one of its types.
func TestRevalidateLooksAtEachDescription(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change  func(now *stamps)
		dropped []string
	}{
		"nothing":        {func(*stamps) {}, nil},
		"a module":       {func(now *stamps) { now.functions["Z_WRITE"] = "20260101000000" }, []string{"Z_WRITE"}},
		"a type":         {func(now *stamps) { now.types["ZROW"] = "20260101000000" }, []string{"Z_READ", "Z_WRITE"}},
		"a table type":   {func(now *stamps) { now.types["ZROWS"] = "20260101000000" }, []string{"Z_WRITE"}},
		"silence":        {func(now *stamps) { delete(now.functions, "Z_READ") }, []string{"Z_READ"}},
		"a silent type":  {func(now *stamps) { delete(now.types, "ZOTHER") }, []string{"Z_ELSE"}},
		"an initial one": {func(now *stamps) { now.functions["Z_ELSE"] = stampOf("00000000000000") }, []string{"Z_ELSE"}},
		"no date":        {func(now *stamps) { now.functions["Z_ELSE"] = stampOf("2026-01-01 000") }, []string{"Z_ELSE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := New(connect(t, released(t, "ID:I", before)), WithCheckInterval(time.Hour))
			preload(t, r)
			now, err := r.timestamps(t.Context())
			require.NoError(t, err)
			tc.change(now)
			events, confirmed := r.system.compare(now)
			var dropped []string
			for _, e := range events {
				dropped = append(dropped, e.Function)
				require.Error(t, e.Err)
			}
			require.Equal(t, tc.dropped, dropped)
			require.Equal(t, 3-len(dropped), confirmed)
		})
	}
}

// Without time stamps everything is in doubt, and compared when somebody needs it.
func TestRevalidateWithoutTimeStamps(t *testing.T) {
	t.Parallel()
	for how, tc := range map[string]struct {
		hidden []string
		fail   error
		use    []Option
		asked  []string
	}{
		"no such module":      {[]string{metadataTimestamp}, nil, nil, []string{metadataTimestamp}},
		"no authority":        {nil, &rfc.Error{Class: rfc.ClassDenied, Remote: true}, nil, []string{metadataTimestamp}},
		"only older modules":  {[]string{metadataGet}, nil, nil, nil},
		"told not to use any": {nil, nil, []Option{WithMetadataGet(false)}, nil},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, released(t, "ID:I NAME:C20", before, Except(tc.hidden...)))
			var asked []string
			conn.before = func(_ context.Context, module string) error {
				if module != metadataTimestamp {
					return nil
				}
				asked = append(asked, module)
				return tc.fail
			}
			var j journal
			r := New(conn, append(tc.use, WithCheckInterval(time.Hour), WithEvents(j.add))...)
			old := preload(t, r)
			for range 2 {
				dropped, err := r.Revalidate(t.Context())
				require.NoError(t, err)
				require.Equal(t, names3, dropped)
				require.Equal(t, []string{"outdated Z_ELSE", "outdated Z_READ", "outdated Z_WRITE"}, j.lines())
				for name, f := range functionsOf(t, r) {
					require.Same(t, old[name], f)
				}
				require.Equal(t, []string{"confirmed Z_ELSE", "confirmed Z_READ", "confirmed Z_WRITE"}, j.lines())
			}
			require.Equal(t, tc.asked, asked, "what is not there is asked for once")
		})
	}
	// Trouble of the connection leaves everything as it is.
	conn := connect(t, released(t, "ID:I", before))
	var j journal
	r := New(conn, WithEvents(j.add), WithCheckInterval(time.Hour))
	old := preload(t, r)
	conn.before = func(context.Context, string) error { return errors.New("no network") }
	dropped, err := r.Revalidate(t.Context())
	require.ErrorContains(t, err, "no network")
	require.Empty(t, dropped)
	require.Equal(t, []string{"check failed"}, j.lines())
	require.Equal(t, old, functionsOf(t, r))
	require.EqualValues(t, 1, r.Stats().Errors)
}

// piped serves a mux over a pipe, whose two ends stand still together.
func piped(t *testing.T, mux *rfc.Mux) *counter {
	t.Helper()
	near, far := net.Pipe()
	ctx := context.WithoutCancel(t.Context())
	go func() {
		conv, err := cpic.Accept(ctx, far, cpic.AcceptConfig{
			Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil },
		})
		if err == nil {
			_ = rfc.Serve(ctx, conv, &rfc.SessionConfig{Handler: mux, Authenticate: func(context.Context, *rfc.Peer) error { return nil }})
		}
	}()
	conv, err := cpic.Open(ctx, near, cpic.ClientConfig{TargetHost: "h", SystemNumber: "00"})
	require.NoError(t, err)
	conn, err := rfc.Open(ctx, conv, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "U", Password: "p"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		<-time.After(3 * time.Second) // the host looks on a little before it ends its watch
	})
	return &counter{Caller: conn}
}

// jco.destination.repository.check_interval: the shortest of one system holds, the next one who
// asks checks, an idle process asks nothing.
func TestCheckInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := piped(t, released(t, "ID:I", before))
		cache := NewCache()
		r := New(conn, WithCache(cache), WithSystem("ABC"), WithCheckInterval(time.Hour))
		New(conn, WithCache(cache), WithSystem("ABC"))
		<-time.After(5 * time.Hour)
		old := preload(t, r)
		require.EqualValues(t, 1, conn.calls.Load(), "nothing was there to be checked")
		<-time.After(time.Hour - 1)
		functionsOf(t, r)
		require.EqualValues(t, 1, conn.calls.Load())
		<-time.After(24 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, 1, conn.calls.Load(), "nobody asks")
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { functionsOf(t, r) })
		}
		group.Wait()
		require.EqualValues(t, 2, conn.calls.Load(), "one check for all")
		require.Equal(t, old, functionsOf(t, r))
		require.EqualValues(t, 3, r.Stats().Revalidated)

		short := New(conn, WithCache(cache), WithSystem("ABC"), WithCheckInterval(time.Minute))
		New(conn, WithCache(cache), WithSystem("ABC"), WithCheckInterval(time.Hour))
		<-time.After(time.Minute)
		synctest.Wait()
		_, err := short.Type(t.Context(), "ZROW")
		require.NoError(t, err)
		require.EqualValues(t, 3, conn.calls.Load())

		// A check that fails stops nobody and is not repeated at once; one that nobody waits
		// for any more is.
		conn.before = func(context.Context, string) error { return errors.New("no network") }
		<-time.After(time.Minute)
		synctest.Wait()
		for range 3 {
			require.Equal(t, old, functionsOf(t, r))
		}
		require.EqualValues(t, 4, conn.calls.Load())
		conn.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		<-time.After(time.Minute)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err = r.Function(ctx, "Z_READ")
		cancel()
		require.ErrorIs(t, err, rfc.ErrTimeout)
		conn.before = nil
		require.Equal(t, old, functionsOf(t, r))
		require.EqualValues(t, 6, conn.calls.Load())
	})
}

// The events have names.
func TestEventKinds(t *testing.T) {
	t.Parallel()
	for k := EventContradicted; k <= EventCheckFailed; k++ {
		require.NotContains(t, k.String(), "EventKind")
	}
	require.Equal(t, "EventKind(99)", EventKind(99).String())
}

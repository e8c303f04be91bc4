package repository

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
)

// jco.destination.repository_roundtrip_optimization: unset finds out with one call, for all who
// share the system; 1 allows nothing else, 0 never asks.
func TestMetadataGetIsProbedForcedOrLeftOut(t *testing.T) {
	t.Parallel()
	asked := func(conn *counter) int {
		n := 0
		for _, name := range conn.names {
			if name == metadataGet {
				n++
			}
		}
		return n
	}
	lookups := func(t *testing.T, r *Repository) {
		t.Helper()
		for _, name := range []string{"STFC_CONNECTION", "Z_TAIL", "STFC_STRUCTURE"} {
			_, err := r.Function(t.Context(), name)
			require.NoError(t, err)
		}
		_, err := r.Type(t.Context(), "ALLKINDS")
		require.NoError(t, err)
		require.NoError(t, r.Preload(t.Context(), "Z_KINDS", "RFC_PING"))
	}
	old := connect(t, testMux(t, Except(metadataGet)))
	cache := NewCache()
	lookups(t, New(old, WithCache(cache), WithSystem("OLD")))
	lookups(t, New(old, WithCache(cache), WithSystem("OLD")))
	require.Equal(t, 1, asked(old), "one probe for the system")

	e := wantError(t, errorOf(New(old, WithMetadataGet(true)).Function(t.Context(), "Z_TAIL")), rfc.ClassMetadata, keyNotFound)
	require.Contains(t, e.Message, "the system has no RFC_METADATA_GET")
	require.Contains(t, e.Message, "repository_roundtrip_optimization")
	require.ErrorContains(t, errorOf(New(old, WithMetadataGet(true)).Type(t.Context(), "RFCTEST")), "the system has no RFC_METADATA_GET")
	require.ErrorIs(t, errorOf(New(old, WithMetadataGet(true)).Function(t.Context(), "NOT_THERE")), rfc.ErrMetadata)

	modern := connect(t, testMux(t))
	r := New(modern, WithMetadataGet(false))
	lookups(t, r)
	require.Zero(t, asked(modern))
	lookups(t, New(modern, WithMetadataGet(true)))
	require.Equal(t, len(modern.names)-int(r.Stats().Calls), asked(modern))
}

func errorOf[T any](_ T, err error) error { return err }

// F-46: without authority for one module the others may do; without any the first refusal is
// told. What one user may not do is not remembered for another.
func TestF46RefusedMetadataModules(t *testing.T) {
	t.Parallel()
	refuse := func(modules ...string) func(context.Context, string) error {
		return func(_ context.Context, module string) error {
			for _, m := range modules {
				if m == module {
					return &rfc.Error{Class: rfc.ClassDenied, Remote: true, Key: "RFC_NO_AUTHORITY", Message: "no RFC authorization for function module " + m}
				}
			}
			return nil
		}
	}
	cache := NewCache()
	conn := connect(t, testMux(t))
	conn.before = refuse(metadataGet)
	r := New(conn, WithCache(cache), WithSystem("SYS"))
	for _, name := range []string{"Z_NESTED", "STFC_CONNECTION"} {
		_, err := r.Function(t.Context(), name)
		require.NoError(t, err)
	}
	require.NoError(t, r.Preload(t.Context(), "Z_TAIL"))
	refused := 0
	all := connect(t, testMux(t))
	all.before = func(_ context.Context, module string) error {
		if module == metadataGet {
			refused++
		}
		return nil
	}
	_, err := New(all, WithCache(cache), WithSystem("SYS")).Function(t.Context(), "RFC_PING")
	require.NoError(t, err)
	require.Equal(t, 1, refused, "another user is not the first one")
	_, err = r.Function(t.Context(), "UNKNOWN")
	wantError(t, err, rfc.ClassABAPException, keyFunction)

	conn.before = refuse(metadataGet, functionInterface)
	r = New(conn)
	for range 2 {
		e := wantError(t, errorOf(r.Function(t.Context(), "Z_NESTED")), rfc.ClassDenied, keyDenied)
		require.Contains(t, e.Message, metadataGet)
		require.Contains(t, e.Message, "repository destination")
	}
	e := wantError(t, errorOf(New(conn, WithMetadataGet(true)).Function(t.Context(), "Z_NESTED")), rfc.ClassDenied, keyDenied)
	require.Contains(t, e.Message, metadataGet)
	conn.before = refuse(metadataGet)
	require.NoError(t, errorOf(r.Function(t.Context(), "Z_NESTED")), "authority may be granted later")
}

// Descriptions are shared with those of the same system, host and character width only (case
// K-13).
func TestK13SharingNeedsTheSameSystemHostAndWidth(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	cache := NewCache()
	first := New(conn, WithCache(cache), WithSystem("abc"), WithHost("here"))
	f, err := first.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	same, err := New(conn, WithCache(cache), WithSystem("ABC "), WithHost("here")).Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.Same(t, f, same)
	require.EqualValues(t, 1, conn.calls.Load())
	for name, r := range map[string]*Repository{
		"system": New(conn, WithCache(cache), WithSystem("ABD"), WithHost("here")),
		"host":   New(conn, WithCache(cache), WithSystem("ABC"), WithHost("there")),
		"cache":  New(conn, WithSystem("ABC"), WithHost("here")),
		"none":   New(conn, WithCache(cache), WithHost("here")),
		"width": New(connectTo(t, testMux(t), rfc.System{Codepage: "1100"}, rfc.ConnConfig{AllowNonUnicode: true}),
			WithCache(cache), WithSystem("ABC"), WithHost("here")),
	} {
		other, err := r.Function(t.Context(), "STFC_CONNECTION")
		require.NoError(t, err)
		require.NotSame(t, f, other, name)
	}
	cache.Clear()
	require.Zero(t, first.Stats().Functions)
}

// Who asks over a connection of his own shares what is known, but waits for nobody.
func TestThroughWaitsForNobody(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	stuck, own := connect(t, mux), connect(t, mux)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	stuck.before = func(context.Context, string) error { close(arrived); <-proceed; return nil }
	r := New(stuck)
	s := r.Through(own)
	done := make(chan error)
	go func() { _, err := r.Function(context.Background(), "STFC_STRUCTURE"); done <- err }()
	<-arrived
	f, err := s.Function(t.Context(), "STFC_STRUCTURE")
	require.NoError(t, err)
	close(proceed)
	require.NoError(t, <-done)
	g, err := r.Function(t.Context(), "STFC_STRUCTURE")
	require.NoError(t, err)
	require.Same(t, f, g, "the first answer stays")
	require.EqualValues(t, 2, s.Stats().Lookups)
}

// Goal G30: a module costs one round trip, whatever is inside; only on systems without
// RFC_METADATA_GET are there more.
func TestG30ColdLookupsTakeOneRoundTrip(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	conn := connect(t, mux)
	for _, f := range mux.Search("*") {
		r := New(conn)
		_, err := r.Function(t.Context(), f.Name)
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Stats().Calls, f.Name)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	type in struct {
		Name string `rfc:"FUNCNAME,char=30"`
	}
	type row struct {
		Name  string `rfc:"FUNCNAME,char=30"`
		Group string `rfc:"GROUPNAME,char=26"`
		Text  string `rfc:"STEXT,char=74"`
	}
	type out struct {
		Functions []row `rfc:"FUNCTIONS"`
	}
	var asked []string
	require.NoError(t, rfc.Handle(mux, searchModule, func(_ context.Context, in in) (out, error) {
		asked = append(asked, in.Name)
		var o out
		for _, f := range mux.Search(in.Name) {
			o.Functions = append(o.Functions, row{Name: f.Name, Text: "text of " + f.Name})
		}
		if len(o.Functions) == 0 {
			return o, rfc.RaiseException("NO_FUNCTION_FOUND")
		}
		return o, nil
	}))
	r := New(connect(t, mux))
	list, err := r.Search(t.Context(), " stfc_?o* ")
	require.NoError(t, err)
	require.Equal(t, []Found{{Name: "STFC_CONNECTION", Text: "text of STFC_CONNECTION"}}, list)
	list, err = r.Search(t.Context(), "NONE*")
	require.NoError(t, err)
	require.Equal(t, []Found{}, list)
	require.Equal(t, []string{"STFC_+O*", "NONE*"}, asked)
	for _, bad := range []string{"", "  ", "a\nb", strings.Repeat("A", 31)} {
		e := wantError(t, errorOf(r.Search(t.Context(), bad)), rfc.ClassParameter, "RFC_INVALID_PARAMETER")
		require.Contains(t, e.Message, "1 to 30 characters")
	}

	require.NoError(t, r.Preload(t.Context(), "Z_TAIL", "Z_KINDS"))
	own, err := rfc.InterfaceOf[in, out]("Z_OWN")
	require.NoError(t, err)
	require.NoError(t, r.Add(own))
	known := func(pattern string) (names []string) {
		for _, f := range r.Cached(pattern) {
			names = append(names, f.Name)
		}
		return names
	}
	require.Equal(t, []string{searchModule, "Z_KINDS", "Z_OWN", "Z_TAIL"}, known("*"))
	require.Equal(t, []string{"Z_KINDS", "Z_TAIL"}, known("z_*i*"))
	require.Empty(t, known("Q*"))

	r = New(connect(t, testMux(t)))
	wantError(t, errorOf(r.Search(t.Context(), "*")), rfc.ClassABAPException, keyFunction)
	failing := connect(t, mux)
	r = New(failing)
	require.NoError(t, r.Preload(t.Context(), searchModule))
	failing.before = func(context.Context, string) error { return errors.New("no network") }
	require.ErrorContains(t, errorOf(r.Search(t.Context(), "*")), "no network")
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string][]bool{ // for "", "A", "ABC", "/N/ABC"
		"*": {true, true, true, true}, "+": {false, true, false, false}, "A*": {false, true, true, false}, "*C": {false, false, true, true},
		"a+c": {false, false, true, false}, "*b?": {false, false, true, true}, "/n/*": {false, false, false, true}, "": {true, false, false, false},
		"*A*B*C*": {false, false, true, true}, "ABCD": {false, false, false, false},
	} {
		for i, name := range []string{"", "A", "ABC", "/N/ABC"} {
			require.Equal(t, want[i], matches(pattern, name), "%s %s", pattern, name)
		}
	}
	require.False(t, matches(strings.Repeat("*A", 15), strings.Repeat("A", 14)+"B"))
}

package repository

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func TestK01DeepLookupTakesOneRoundTripAndEqualsTheRegistration(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	conn := connect(t, mux)
	for _, f := range mux.Search("*") {
		r := New(conn, WithSystem("K1"))
		before := conn.calls.Load()
		got, err := r.Function(t.Context(), f.Name)
		require.NoError(t, err)
		require.Equal(t, int64(1), conn.calls.Load()-before, f.Name)
		if d := diff(f, got); d != "" {
			t.Errorf("%s: registered -, looked up +\n%s", f.Name, d)
		}
	}
}

func TestG30OldSystemsAreAskedTypeByType(t *testing.T) {
	t.Parallel()
	mux := testMux(t, Except(metadataGet))
	conn := connect(t, mux)
	for _, def := range definitions {
		r := New(conn)
		got, err := r.Function(t.Context(), def.name)
		require.NoError(t, err)
		require.Empty(t, diff(mux.Describe(def.name), got), def.name)
	}
	conn.names = nil
	r := New(conn)
	for range 2 {
		for _, name := range []string{"STFC_STRUCTURE", "STFC_CONNECTION"} {
			_, err := r.Function(t.Context(), name)
			require.NoError(t, err)
		}
	}
	require.Equal(t, []string{metadataGet, functionInterface, functionInterface, fieldInfo, functionInterface}, conn.names)
	require.Equal(t, Stats{Hits: 2, Misses: 2, Lookups: 2, Calls: 5, Functions: 2, Types: 1}, r.Stats())
	r.Forget("STFC_STRUCTURE")
	require.Equal(t, 0, r.Stats().Types)
}

func TestK15SystemsWithoutDDIFDescribeFlatTypesOnly(t *testing.T) {
	t.Parallel()
	mux := testMux(t, Except(metadataGet, fieldInfo))
	conn := connect(t, mux)
	r := New(conn)
	for _, def := range definitions {
		got, err := r.Function(t.Context(), def.name)
		if !def.flat || def.name == "STFC_DEEP_TABLE" {
			// RFC_FIELDS names no types of components, and no table types.
			e := wantError(t, err, rfc.ClassMetadata, keyNotFound)
			require.Contains(t, e.Message, def.name+".")
			continue
		}
		require.NoError(t, err)
		require.Empty(t, diff(mux.Describe(def.name), got), def.name)
	}
	_, err := r.Type(t.Context(), "OUTER")
	require.ErrorContains(t, err, "OUTER-MIDDLE")
	typ, err := r.Type(t.Context(), "rfctest")
	require.NoError(t, err)
	require.Equal(t, 264, typ.Layout(2).Total)
}

// A system that is not Unicode tells its lengths for one byte per character; one that is
// tells its own to a caller that is not. Descriptions have both widths all the same.
func TestDescriptionsWhereOneSideIsNotUnicode(t *testing.T) {
	t.Parallel()
	nonUnicode := rfc.ConnConfig{AllowNonUnicode: true, Logon: rfc.Logon{PartnerCharSize: 1}}
	for name, tc := range map[string]struct {
		system rfc.System
		client rfc.ConnConfig
	}{
		"system":        {rfc.System{Codepage: "1100"}, rfc.ConnConfig{AllowNonUnicode: true}},
		"multi-byte":    {rfc.System{Codepage: "8000", BigEndian: true}, rfc.ConnConfig{AllowNonUnicode: true}},
		"client":        {rfc.System{}, nonUnicode},
		"both":          {rfc.System{Codepage: "1404"}, nonUnicode},
		"big-endian":    {rfc.System{Codepage: "4102", BigEndian: true}, rfc.ConnConfig{BigEndian: true}},
		"client's turn": {rfc.System{BigEndian: true}, nonUnicode},
	} {
		for how, hidden := range map[string][]string{"at once": nil, "type by type": {metadataGet}, "without DDIF": {metadataGet, fieldInfo}} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				mux := testMux(t, Except(hidden...))
				r := New(connectTo(t, mux, tc.system, tc.client))
				for _, def := range definitions {
					if len(hidden) == 2 && (!def.flat || def.name == "STFC_DEEP_TABLE") {
						continue
					}
					got, err := r.Function(t.Context(), def.name)
					require.NoError(t, err, def.name)
					require.Empty(t, diff(mux.Describe(def.name), got), def.name)
				}
				typ, err := r.Type(t.Context(), "RFCTEST") // K-03
				require.NoError(t, err)
				require.Equal(t, []int{144, 264}, []int{typ.Layout(1).Total, typ.Layout(2).Total})
			})
		}
	}
}

func TestJ01UnknownFunctionsAreTheSystemsOwnError(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]HostOption{nil, {Except(metadataGet)}} {
		conn := connect(t, testMux(t, opts...))
		r := New(conn)
		for range 2 {
			_, err := r.Function(t.Context(), "UNDEFINED")
			e := wantError(t, err, rfc.ClassABAPException, "FU_NOT_FOUND")
			require.Equal(t, 5, e.Code())
			require.Equal(t, 1, e.Group())
			require.Equal(t, "ID:FL Type:E Number:046 UNDEFINED", e.Message)
			require.Equal(t, [4]string{"UNDEFINED"}, e.MessageV)
			require.Equal(t, "UNDEFINED", e.Function)
		}
		require.Equal(t, int64(2), r.Stats().Errors, "failures are not kept")
		// A call that needs the description reports the same and leaves the connection usable.
		_, err := r.Function(t.Context(), "STFC_CONNECTION")
		require.NoError(t, err)
	}
	mux := rfc.NewMux()
	_, err := New(connect(t, mux)).Function(t.Context(), "X")
	e := wantError(t, err, rfc.ClassMetadata, keyNotFound)
	require.Contains(t, e.Message, "neither RFC_METADATA_GET nor RFC_GET_FUNCTION_INTERFACE")
}

func TestRowsOfOtherReleasesAreReadByTheirKnownPart(t *testing.T) {
	t.Parallel()
	for _, extra := range []string{" NEWER:C40", "-"} {
		mux := testMux(t, Except("*_GET*"))
		d := new(metadata.Dictionary)
		text := dfies + extra
		if extra == "-" { // an older release ends behind LFIELDNAME
			text = text[:strings.Index(text, "LTRFLDDIS")]
		}
		d.Structure("DFIES", text)
		f, err := d.Function(fieldInfo, "IMPORTING TABNAME:C30\nIMPORTING ALL_TYPES:C1\nIMPORTING UCLEN:X1\nEXPORTING DDOBJTYPE:C8\nEXPORTING X030L_WA:X416\nTABLES DFIES_TAB:[DFIES]")
		require.NoError(t, err)
		require.NoError(t, d.Err())
		h := &host{mux: mux}
		b, err := interfaces()
		require.NoError(t, err)
		require.NoError(t, handle(mux, b.offered[functionInterface], h.functionInterface))
		require.NoError(t, rfc.HandleInterface(mux, f, func(_ context.Context, in fieldInfoIn2) (fieldInfoOut2, error) {
			out, err := h.fieldInfo(2, fieldInfoIn{Type: in.Type, Width: in.Width})
			return fieldInfoOut2{append(out.Header, make([]byte, 160)...), out.Object, out.Rows}, err
		}))
		r := New(connect(t, mux))
		got, err := r.Function(t.Context(), "Z_NESTED")
		require.NoError(t, err)
		require.Empty(t, diff(mux.Describe("Z_NESTED"), got))
	}
}

// The connection goes on, and nothing is asked twice.
func TestAnswersOfOtherReleasesAreReadByTheirKnownPart(t *testing.T) {
	t.Parallel()
	b, err := interfaces()
	require.NoError(t, err)
	// other is an interface of the system whose table has other rows than ours.
	other := func(module, table string, change func([]metadata.Field) []metadata.Field) *metadata.Function {
		f := b.offered[module]
		params := slices.Clone(f.Parameters)
		p := &params[f.Index(table)]
		line, err := metadata.NewType(p.Type.Name, change(slices.Clone(p.Type.Fields)))
		require.NoError(t, err)
		p.Type = line
		g, err := metadata.NewFunction(f.Name, params, f.Exceptions...)
		require.NoError(t, err)
		return g
	}
	newer := func(fields []metadata.Field) []metadata.Field {
		return append(fields, metadata.Field{Name: "NEWER", Kind: metadata.Char, Length: 7})
	}
	older := func(fields []metadata.Field) []metadata.Field { return fields[:len(fields)-1] }
	for name, offer := range map[string]func(*rfc.Mux, *host) error{
		"wider parameters": func(mux *rfc.Mux, h *host) error {
			return handle(mux, other(metadataGet, "PARAMETERS", newer), h.metadataGet)
		},
		"wider types": func(mux *rfc.Mux, h *host) error {
			return handle(mux, other(metadataGet, "DATATYPESCONT", newer), h.metadataGet)
		},
		"narrower errors": func(mux *rfc.Mux, h *host) error {
			type row struct {
				Name string `rfc:"FUNCNAME"`
				Key  string `rfc:"EXCEPTION"`
			}
			type out struct {
				Functions  []functionNameRow  `rfc:"FUNCTIONNAMES"`
				Parameters []functionParamRow `rfc:"PARAMETERS"`
				Rows       []typeRow          `rfc:"DATATYPESCONT"`
				Indirect   []indirectRow      `rfc:"INDIRECTTYPES"`
				Errors     []row              `rfc:"FUNC_ERRORS"`
			}
			return rfc.HandleInterface(mux, other(metadataGet, "FUNC_ERRORS", older), func(_ context.Context, in metadataIn) (out, error) {
				a, err := h.metadataGet(2, in)
				return out{a.Functions, a.Parameters, a.Rows, a.Indirect, nil}, err
			})
		},
		"wider rows of the old module": func(mux *rfc.Mux, h *host) error {
			return errors.Join(
				handle(mux, other(functionInterface, "PARAMS", newer), h.functionInterface),
				handle(mux, b.offered[fieldInfo], h.fieldInfo))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := testMux(t, Except("*_GET*"))
			require.NoError(t, offer(mux, &host{mux: mux}))
			conn := connect(t, mux)
			r := New(conn)
			for range 2 {
				got, err := r.Function(t.Context(), "Z_NESTED")
				require.NoError(t, err)
				require.Empty(t, diff(mux.Describe("Z_NESTED"), got))
				r.Clear()
			}
		})
	}
}

func TestTheConversionsOfAConnectionAreNotThoseOfItsMetadata(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	r := New(connectWith(t, mux, serialization.Options{KeepBlanks: true}))
	got, err := r.Function(t.Context(), "Z_NESTED")
	require.NoError(t, err)
	require.Empty(t, diff(mux.Describe("Z_NESTED"), got))
}

type fieldInfoIn2 struct {
	Type  string `rfc:"TABNAME"`
	Width []byte `rfc:"UCLEN"`
}

type fieldInfoOut2 struct {
	Header []byte     `rfc:"X030L_WA"`
	Object string     `rfc:"DDOBJTYPE"`
	Rows   []fieldRow `rfc:"DFIES_TAB"`
}

func TestF47AHundredCallersMakeOneCall(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	conn := connect(t, mux)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	fail := errors.New("no network")
	var broken bool
	conn.before = func(context.Context, string) error {
		close(arrived)
		<-proceed
		if broken {
			return fail
		}
		return nil
	}
	r := New(conn)
	run := func(name string) []error {
		arrived, proceed = make(chan struct{}), make(chan struct{})
		errs := make([]error, 100)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = r.Function(t.Context(), name) })
		}
		<-arrived
		<-waitingFor(r.system, "function "+name, 100)
		close(proceed)
		wg.Wait()
		return errs
	}
	for _, err := range run("STFC_STRUCTURE") {
		require.NoError(t, err)
	}
	require.Equal(t, int64(1), conn.calls.Load())
	broken = true
	for _, err := range run("STFC_CONNECTION") {
		require.ErrorIs(t, err, fail)
	}
	require.Equal(t, int64(2), conn.calls.Load(), "all share the failure")
	broken = false
	for _, err := range run("STFC_CONNECTION") {
		require.NoError(t, err)
	}
	require.Equal(t, int64(3), conn.calls.Load(), "the failure was not kept")
	conn.before = nil
	_, err := r.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.Equal(t, int64(3), conn.calls.Load())
}

// waitingFor closes the channel once n callers wait for a look-up.
func waitingFor(s *system, key string, n int) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		for {
			s.mu.Lock()
			fl := s.flights[key]
			enough := fl == nil || fl.waiters >= n
			s.mu.Unlock()
			if enough {
				return
			}
		}
	}()
	return c
}

func TestF47EveryWaiterObeysItsOwnContext(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	arrived, proceed := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	conn.before = func(ctx context.Context, _ string) error {
		close(arrived)
		select {
		case <-proceed:
			return nil
		case <-ctx.Done():
			ended <- ctx.Err()
			return ctx.Err()
		}
	}
	r := New(conn)
	leader, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() { _, err := r.Function(leader, "STFC_STRUCTURE"); results <- err }()
	<-arrived
	go func() { _, err := r.Function(t.Context(), "STFC_STRUCTURE"); results <- err }()
	<-waitingFor(r.system, "function STFC_STRUCTURE", 2)
	cancel()
	err := <-results
	wantError(t, err, rfc.ClassCanceled, "RFC_CANCELED")
	require.ErrorIs(t, err, context.Canceled)
	close(proceed)
	require.NoError(t, <-results, "the first caller's end is not the end of the others")
	require.Equal(t, int64(1), conn.calls.Load())

	// The last one to leave ends the look-up.
	arrived, proceed = make(chan struct{}), make(chan struct{})
	alone, cancel := context.WithCancel(t.Context())
	go func() { _, err := r.Function(alone, "STFC_CONNECTION"); results <- err }()
	<-arrived
	cancel()
	require.ErrorIs(t, <-results, rfc.ErrCanceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	_, err = r.Function(alone, "Z_TAIL")
	require.ErrorIs(t, err, rfc.ErrCanceled)
	var none context.Context
	_, err = r.Function(none, "Z_TAIL")
	require.ErrorIs(t, err, rfc.ErrState)
}

// A look-up over a silent connection holds up only those who wait through the same repository:
// when they have left, the others ask over their own.
func TestSomebodyElsesSilentConnectionHoldsUpNobody(t *testing.T) {
	t.Parallel()
	cache := NewCache()
	silent, conn := connect(t, testMux(t)), connect(t, testMux(t))
	arrived := make(chan struct{})
	silent.before = func(ctx context.Context, _ string) error {
		close(arrived)
		<-ctx.Done()
		return ctx.Err()
	}
	a, b := New(silent, WithCache(cache), WithSystem("GOR")), New(conn, WithCache(cache), WithSystem("GOR"))
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := a.Function(ctx, "STFC_STRUCTURE"); first <- err }()
	<-arrived
	go func() { _, err := b.Function(t.Context(), "STFC_STRUCTURE"); second <- err }()
	<-waitingFor(b.system, "function STFC_STRUCTURE", 2)
	cancel()
	require.ErrorIs(t, <-first, rfc.ErrCanceled)
	require.NoError(t, <-second)
	require.Equal(t, int64(1), conn.calls.Load())
}

func TestRepositoriesOfOneSystemShareACache(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	cache := NewCache()
	a, b := New(conn.Caller, WithCache(cache)), New(conn, WithCache(cache), WithSystem("gor"))
	require.Equal(t, "GOR", a.id, "known from the logon")
	f, err := a.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	g, err := b.Function(t.Context(), "stfc_connection")
	require.NoError(t, err)
	require.Same(t, f, g)
	require.Equal(t, int64(0), conn.calls.Load())
	b.Clear()
	h, err := a.Function(t.Context(), "STFC_CONNECTION") // case K-11
	require.NoError(t, err)
	require.NotSame(t, f, h)
	cache.Clear()
	require.Equal(t, 0, a.Stats().Functions)
}

func TestK13SystemsWithoutAnIDShareNothing(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	cache := NewCache()
	a, b := New(conn, WithCache(cache)), New(conn, WithCache(cache))
	f, err := a.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	g, err := b.Function(t.Context(), "STFC_CONNECTION")
	require.NoError(t, err)
	require.NotSame(t, f, g)
	require.Equal(t, int64(2), conn.calls.Load())
}

func TestK12WithoutCacheEveryLookupAsks(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	conn := connect(t, mux)
	r := New(conn, WithoutCache())
	for range 3 {
		f, err := r.Function(t.Context(), "STFC_STRUCTURE")
		require.NoError(t, err)
		require.Empty(t, diff(mux.Describe("STFC_STRUCTURE"), f))
	}
	require.Equal(t, int64(3), conn.calls.Load())
}

func TestPreloadAsksForManyAtOnce(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	r := New(conn)
	require.NoError(t, r.Preload(t.Context(), "STFC_STRUCTURE", "Z_NESTED", "STFC_CONNECTION", "STFC_CONNECTION"))
	require.Equal(t, int64(1), conn.calls.Load())
	require.Equal(t, 3, r.Stats().Functions)
	err := r.Preload(t.Context(), "Z_TAIL", "UNKNOWN", "RFC_PING", "a b")
	require.ErrorIs(t, err, rfc.ErrABAPException)
	require.ErrorIs(t, err, rfc.ErrParameter)
	require.Equal(t, 5, r.Stats().Functions, "the good ones are kept")
}

func TestAddedDescriptionsNeedNoSystem(t *testing.T) {
	t.Parallel()
	f, err := new(metadata.Dictionary).Function("Z_OWN", "IMPORTING A:C10")
	require.NoError(t, err)
	r := New(nil)
	require.NoError(t, r.Add(f))
	r.Clear()
	r.Forget("Z_OWN")
	got, err := r.Function(t.Context(), "Z_OWN")
	require.NoError(t, err)
	require.Same(t, f, got)
	require.ErrorIs(t, r.Add(nil), rfc.ErrConfig)
}

func TestTypesAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]HostOption{nil, {Except(metadataGet)}} {
		mux := testMux(t, opts...)
		r := New(connect(t, mux))
		outer, err := r.Type(t.Context(), "OUTER")
		require.NoError(t, err)
		require.Equal(t, []string{"HEAD", "MIDDLE", "LINES", "NAMES", "TEXT"}, outer.Names())
		line, err := r.Type(t.Context(), "NAMES_T")
		require.NoError(t, err)
		require.True(t, line.Scalar())
		_, err = r.Type(t.Context(), "NO_SUCH")
		wantError(t, err, rfc.ClassMetadata, keyNotFound)
		_, err = r.Type(t.Context(), "no such")
		wantError(t, err, rfc.ClassParameter, "")
		require.Equal(t, int64(2), r.Stats().Misses)
	}
}

func TestF46MissingAuthorityIsTold(t *testing.T) {
	t.Parallel()
	mux := testMux(t)
	conn := connect(t, mux)
	conn.before = func(context.Context, string) error {
		return &rfc.Error{Class: rfc.ClassABAPRuntime, Remote: true, Key: "RFC_NO_AUTHORITY", Message: "No RFC authorization for function module RFC_METADATA_GET."}
	}
	_, err := New(conn).Function(t.Context(), "STFC_CONNECTION")
	e := wantError(t, err, rfc.ClassDenied, "RFC_AUTHORIZATION_FAILURE")
	require.Contains(t, e.Message, "repository destination")
	require.ErrorIs(t, err, rfc.ErrABAPRuntime, "the cause is kept")
}

func TestCVE202133677HiddenFunctionsAreNotDescribed(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"NONE", metadataGet} {
		mux := testMux(t, Except("Z_NES*", "/NSP/*", more))
		r := New(connect(t, mux))
		for _, name := range []string{"Z_NESTED", "/NSP/Z_SLASH"} {
			_, err := r.Function(t.Context(), name)
			wantError(t, err, rfc.ClassABAPException, "FU_NOT_FOUND")
		}
		_, err := r.Type(t.Context(), "OUTER")
		wantError(t, err, rfc.ClassMetadata, "")
		_, err = r.Type(t.Context(), "RFCTEST")
		require.NoError(t, err)
	}
}

func BenchmarkRepoMiss(b *testing.B) {
	conn := connect(b, testMux(b))
	r := New(conn, WithoutCache())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Function(b.Context(), "Z_NESTED"); err != nil {
			b.Fatal(err)
		}
	}
}

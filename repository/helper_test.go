package repository

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// counter counts the calls that reach a connection and lets one through at a time.
type counter struct {
	rfc.Caller
	mu     sync.Mutex
	names  []string
	calls  atomic.Int64
	before func(ctx context.Context, function string) error
}

func (c *counter) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	c.calls.Add(1)
	if c.before != nil {
		if err := c.before(ctx, function); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, function)
	return c.Caller.Call(ctx, function, in, opts...)
}

// connect serves one session of a host on loopback and logs on to it.
func connect(t testing.TB, mux *rfc.Mux) *counter {
	t.Helper()
	return connectWith(t, mux, serialization.Options{})
}

// connectWith makes a connection whose calls convert values as the options say.
func connectWith(t testing.TB, mux *rfc.Mux, values serialization.Options) *counter {
	t.Helper()
	return &counter{Caller: connectTo(t, mux, rfc.System{}, rfc.ConnConfig{Values: values})}
}

// connectTo logs on to one session of a system.
func connectTo(t testing.TB, mux *rfc.Mux, system rfc.System, cfg rfc.ConnConfig) *rfc.Conn {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	ctx := context.WithoutCancel(t.Context())
	go func() {
		peer, err := l.Accept()
		if err != nil {
			return
		}
		conv, err := cpic.Accept(ctx, peer, cpic.AcceptConfig{
			Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil },
		})
		if err != nil {
			return
		}
		_ = rfc.Serve(ctx, conv, &rfc.SessionConfig{Handler: mux, System: system, Authenticate: func(context.Context, *rfc.Peer) error { return nil }})
	}()
	var d net.Dialer
	nc, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	conv, err := cpic.Open(t.Context(), nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
	require.NoError(t, err)
	cfg.Logon.Client, cfg.Logon.User, cfg.Logon.Password, cfg.Logon.Language = "001", "DEVELOPER", "secret", "E"
	conn, err := rfc.Open(t.Context(), conv, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func dictionary(t testing.TB) *metadata.Dictionary {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("RFCTEST", `RFCFLOAT:F RFCCHAR1:C1 RFCINT2:s RFCINT1:b RFCCHAR4:C4 RFCINT4:I RFCHEX3:X3 RFCCHAR2:C2
		RFCTIME:T RFCDATE:D RFCDATA1:C50 RFCDATA2:C50`)
	d.Structure("ALLKINDS", "C:C5 N:N4 D:D T:T X:X3 P:P5.2 F:F I:I S:s B:b L:8 A:a E:e UP:p UN:n UW:w DD:d D7:7 DX:x TT:t TI:i DC:c")
	d.Structure("STFCCPLXT", "I:I C:C10 STR:g XSTR:y")
	d.Table("STFCCPLXT_T", "{STFCCPLXT}")
	d.Table("NAMES_T", "C30")
	d.Structure("INNER", "A:C3 B:I")
	d.Structure("MIDDLE", "X:X1 INNER:{INNER} Y:C1")
	d.Table("MIDDLE_T", "{MIDDLE}")
	d.Structure("OUTER", "HEAD:C2 MIDDLE:{MIDDLE} LINES:[MIDDLE_T] NAMES:[NAMES_T] TEXT:g")
	d.Table("OUTER_T", "{OUTER}")
	d.Structure("ARFC_TAIL", "A:I B:C1")
	require.NoError(t, d.Err())
	return d
}

// definitions are interfaces of all kinds, parameters in the order of systems.
var definitions = []struct {
	name, text string
	flat       bool
}{
	{"STFC_CONNECTION", "EXPORTING ECHOTEXT:C255\nEXPORTING RESPTEXT:C255\nIMPORTING REQUTEXT:C255", true},
	{"STFC_STRUCTURE", "EXPORTING ECHOSTRUCT:{RFCTEST}\nEXPORTING RESPTEXT:C255\nIMPORTING IMPORTSTRUCT:{RFCTEST}\nTABLES RFCTABLE:[RFCTEST]", true},
	{"STFC_DEEP_TABLE", "EXPORTING EXPORT_TAB:[STFCCPLXT_T]\nEXPORTING RESPTEXT:C255\nIMPORTING IMPORT_TAB:[STFCCPLXT_T]", true},
	{"STFC_CHANGING", "CHANGING COUNTER:I\nEXPORTING RESULT:I\nIMPORTING START_VALUE:I DEFAULT 1", true},
	{"RFC_PING", "", true},
	{"Z_KINDS", "CHANGING K:{ALLKINDS}\nEXPORTING A:a\nEXPORTING U:p\nIMPORTING P:P8.2 OPTIONAL\nTABLES L:[C72]\nTABLES M:[P6.3] OPTIONAL\nTABLES S:[g]\nRAISING BAD_INPUT NOT_THERE", true},
	{"Z_TAIL", "TABLES T:[ARFC_TAIL]", true},
	{"Z_NESTED", "CHANGING O:{OUTER}\nEXPORTING L:[OUTER_T]\nIMPORTING N:[NAMES_T]\nIMPORTING M:{MIDDLE} DEFAULT SPACE\nTABLES D:[OUTER]\nRAISING X_Y", false},
	{"/NSP/Z_SLASH", "IMPORTING G:g\nIMPORTING Y:y OPTIONAL", true},
}

func testMux(t testing.TB, opts ...HostOption) *rfc.Mux {
	t.Helper()
	d := dictionary(t)
	mux := rfc.NewMux()
	for _, def := range definitions {
		f, err := d.Function(def.name, def.text)
		require.NoError(t, err)
		f.BasXML = def.name == "STFC_DEEP_TABLE"
		require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error { return nil }))
	}
	require.NoError(t, Register(mux, opts...))
	return mux
}

// sorted puts parameters in the order of systems, for comparison.
func sorted(f *metadata.Function) *metadata.Function {
	g := *f
	g.Parameters = slices.Clone(f.Parameters)
	slices.SortStableFunc(g.Parameters, func(a, b metadata.Parameter) int {
		return cmp2(a.Direction.Class()+a.Name, b.Direction.Class()+b.Name)
	})
	g.Exceptions = slices.Clone(f.Exceptions)
	slices.SortStableFunc(g.Exceptions, func(a, b metadata.Exception) int { return cmp2(a.Name, b.Name) })
	if len(g.Parameters) == 0 {
		g.Parameters = nil
	}
	if len(g.Exceptions) == 0 {
		g.Exceptions = nil
	}
	return &g
}

func cmp2(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func diff(want, got *metadata.Function) string {
	return cmp.Diff(sorted(want), sorted(got), cmpopts.IgnoreUnexported(metadata.Function{}, metadata.Type{}))
}

func wantError(t testing.TB, err error, class rfc.Class, key string) *rfc.Error {
	t.Helper()
	e, ok := errors.AsType[*rfc.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, class, e.Class, "%v", err)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.Equal(t, rfc.StepMetadata, e.Step)
	if key != "" {
		require.Equal(t, key, e.Key)
	}
	return e
}

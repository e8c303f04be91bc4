package destination_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

func TestPolicyPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		is, not []string
	}{
		{"STFC_CONNECTION", []string{"STFC_CONNECTION", "stfc_connection", " STFC_CONNECTION "}, []string{"STFC_CONNECTION2", "STFC_CONN", ""}},
		{"Z_*", []string{"Z_", "Z_A", "z_a_b"}, []string{"Z", "AZ_", "Y_Z_"}},
		{"*_GET*", []string{"A_GET", "_GETLIST", "A_GET_GET_B"}, []string{"A_GE", "GETLIST"}},
		{"A*B*B", []string{"ABB", "AXBXB", "ABABAB"}, []string{"AB", "ABA"}},
		{"*", []string{"X", ""}, nil},
		{"**A**", []string{"A", "BAB"}, []string{"B"}},
		{"/ACME/*", []string{"/ACME/DO"}, []string{"/ACME", "ACME_DO"}},
		{strings.Repeat("*A", 15), []string{strings.Repeat("A", 30)}, []string{strings.Repeat("A", 29) + "B"}},
	} {
		for _, name := range c.is {
			require.NoError(t, (&destination.Policy{Allow: []string{c.pattern}}).Check(name), "%s %s", c.pattern, name)
			require.Error(t, (&destination.Policy{Deny: []string{c.pattern}}).Check(name), "%s %s", c.pattern, name)
		}
		for _, name := range c.not {
			require.Error(t, (&destination.Policy{Allow: []string{c.pattern}}).Check(name), "%s %s", c.pattern, name)
			require.NoError(t, (&destination.Policy{Deny: []string{c.pattern}}).Check(name), "%s %s", c.pattern, name)
		}
	}
}

func TestPolicyRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy   destination.Policy
		function string
		want     string // empty: allowed
	}{
		{destination.Policy{}, "BAPI_USER_DELETE", ""},
		{destination.Policy{Deny: []string{"*_DELETE", "X"}}, "BAPI_USER_DELETE", "go.policy.deny (*_DELETE) forbids it"},
		{destination.Policy{Allow: []string{"BAPI_*"}, Deny: []string{"*_DELETE"}}, "BAPI_USER_DELETE", "go.policy.deny (*_DELETE)"},
		{destination.Policy{Allow: []string{"A", "B", "C", "D", "E", "F", "G"}}, "Z_X", "it is not in go.policy.allow (A, B, C, D, E and 2 more)"},
		{destination.Policy{Allow: []string{"Z_*"}}, "RFC_METADATA_GET", ""},
		{destination.Policy{Allow: []string{"Z_*"}}, "RFC_READ_TABLE", "go.policy.allow"},
		{destination.Policy{Deny: []string{"RFC_*"}}, "RFC_METADATA_GET", "go.policy.deny"},
		{destination.Policy{ReadOnly: true}, "BAPI_USER_GETLIST", ""},
		{destination.Policy{ReadOnly: true}, "BAPI_USER_GET_DETAIL", ""},
		{destination.Policy{ReadOnly: true}, "RFC_READ_TABLE", ""},
		{destination.Policy{ReadOnly: true}, "BAPI_TRANSACTION_ROLLBACK", ""},
		{destination.Policy{ReadOnly: true}, "BAPI_USER_CHANGE", "go.policy.read_only is set, and nobody says that it only reads; if it does, name it in go.policy.allow"},
		{destination.Policy{ReadOnly: true, Allow: []string{"Z_READ_*"}}, "Z_READ_ORDERS", ""},
		{destination.Policy{ReadOnly: true, Allow: []string{"Z_READ_*"}}, "BAPI_USER_GETLIST", ""},
		{destination.Policy{ReadOnly: true, Allow: []string{"*"}}, "BAPI_TRANSACTION_COMMIT", "nothing that is changed may be committed"},
		{destination.Policy{ReadOnly: true, Deny: []string{"RFC_READ_TABLE"}}, "RFC_READ_TABLE", "go.policy.deny"},
	} {
		err := c.policy.Check(c.function)
		if c.want == "" {
			require.NoError(t, err, "%+v %s", c.policy, c.function)
			continue
		}
		require.ErrorIs(t, err, rfc.ErrDenied, "%+v %s", c.policy, c.function)
		require.ErrorContains(t, err, c.want)
	}
	for _, p := range append(destination.ReadOnlyModules(), destination.LibraryModules()...) {
		require.NoError(t, (&destination.Policy{ReadOnly: true}).Check(strings.ReplaceAll(p, "*", "X")), p)
	}
}

// What is forbidden is not even looked up, whichever way it is called.
func TestForbiddenCallsAreNotSent(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) {
		c.Policy.Allow = []string{"STFC_*", "RFC_RAISE_ERROR"}
		c.Policy.Deny = []string{"STFC_WRITE*"}
	})
	user := sys.Config()
	requireDenied := func(c rfc.Caller) {
		t.Helper()
		for _, name := range []string{"STFC_WRITE_TO_TCPIC", "RFC_READ_TABLE", "Z_NOT_THERE"} {
			_, err := c.Call(t.Context(), name, nil)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{rfc.ClassDenied, rfc.StepConfig, rfc.NotSent, name, "A4H", false}, []any{e.Class, e.Step, e.Outcome, e.Function, e.Destination, e.Remote})
			require.False(t, rfc.SafeToRetry(err))
			require.Zero(t, sys.Calls(name))
		}
	}
	requireDenied(d)
	require.Zero(t, d.Stats().Opened, "no connection, no look-up")
	requireDenied(d.With(destination.User{Name: user.User, Password: user.Password}))
	require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error {
		requireDenied(s)
		_, err := s.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		return err
	}))
	_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err, "described by modules that nobody has to name")
	cfg := sys.Config()
	cfg.Name, cfg.Policy.Allow = "A4H", []string{"STFC_CONNECTION"}
	conn, err := destination.Dial(t.Context(), cfg)
	require.NoError(t, err)
	defer conn.Close()
	requireDenied(conn)
	_, err = conn.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	require.True(t, conn.Alive())
}

// What a handler of callbacks calls itself is subject to the policy of its destination.
func TestCallbacksObeyThePolicy(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var d *destination.Destination
	answers := make(chan error, 1)
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_BACK", func(ctx context.Context, _ struct{}) (struct{}, error) {
		_, err := d.Call(ctx, "RFC_READ_TABLE", nil)
		answers <- err
		return struct{}{}, nil
	}))
	back, err := rfc.InterfaceOf[struct{}, struct{}]("Z_BACK")
	require.NoError(t, err)
	forth, err := rfc.InterfaceOf[struct{}, struct{}]("Z_FORTH")
	require.NoError(t, err)
	require.NoError(t, sys.Mux().Handle(forth, func(ctx context.Context, req *rfc.Request, _ *rfc.Reply) error {
		_, err := req.Callback(ctx, back, nil)
		return err
	}))
	d = pooled(t, sys, func(c *destination.Config) { c.Callbacks, c.Policy.Allow = mux, []string{"Z_FORTH"} })
	_, err = d.Call(t.Context(), "Z_FORTH", nil)
	require.NoError(t, err, "the partner calls what Callbacks serves, whatever may be called there")
	require.ErrorIs(t, <-answers, rfc.ErrDenied)
}

// A policy that changes holds at once, on connections that are there and in sessions too.
func TestPoliciesChangeWithoutNewConnections(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	ping := func(c rfc.Caller) error {
		_, err := c.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		return err
	}
	require.NoError(t, errors.Join(ping(d), ping(session)))
	require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeyPolicyDeny, "stfc_*; Z_*")))
	next(t, told, destination.EventChanged)
	require.ErrorIs(t, ping(d), rfc.ErrDenied)
	require.ErrorIs(t, ping(session), rfc.ErrDenied)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	next(t, told, destination.EventChanged)
	require.NoError(t, errors.Join(ping(d), ping(session)))
	require.EqualValues(t, 2, d.Stats().Opened)
	require.NoError(t, session.Close(t.Context()))
}

// B-56, R-2.7.1: with ForbidPlainLogon no password leaves over plain CPIC, on loopback neither.
func TestB56ForbidPlainLogon(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithConfig(rfctest.Config{User: "ALICE", Password: canary, AllowAnonymous: true}))
	requireRefused := func(err error) {
		t.Helper()
		var e *rfc.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{rfc.ClassSecurity, rfc.NotSent}, []any{e.Class, e.Outcome})
		require.ErrorContains(t, err, "password would travel in clear")
		require.ErrorContains(t, err, "go.policy.forbid_plain_logon")
		require.False(t, rfc.SafeToRetry(err))
		require.NotContains(t, fmt.Sprintf("%+v", err), canary)
	}
	cfg := sys.Config()
	cfg.Policy.ForbidPlainLogon = true
	var dialled atomic.Int64
	cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	_, err := destination.Dial(t.Context(), cfg)
	requireRefused(err)
	_, err = destination.New(cfg)
	requireRefused(err)
	require.Zero(t, dialled.Load())
	// Without a password there is nothing to protect; With one there is.
	anonymous := cfg
	anonymous.User, anonymous.Password = "", ""
	d, err := destination.New(anonymous)
	require.NoError(t, err)
	require.NoError(t, d.Warm(t.Context(), 1))
	_, err = d.With(destination.User{Name: "ALICE", Password: canary}).Pin(t.Context())
	requireRefused(err)
	require.EqualValues(t, 1, dialled.Load())
	require.NoError(t, d.Close(t.Context()))
	repository := anonymous
	repository.Repository.User, repository.Repository.Password = "ALICE", canary
	_, err = destination.New(repository)
	requireRefused(err)
	// TLS protects it.
	web := rfctest.NewSystem(t, rfctest.WithWebSocket())
	ws := web.WebSocketConfig()
	protected := web.Config()
	protected.ApplicationServer, protected.SystemNumber, protected.GatewayService = "", "", ""
	protected.WebSocket = destination.WebSocketConfig{Host: ws.Host, Port: ws.Port, Roots: ws.Roots}
	protected.Policy.ForbidPlainLogon = true
	conn, err := destination.Dial(t.Context(), protected)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// without ForbidPlainLogon it is said once for each destination in the process.
func TestAPasswordInClearIsSaidOnce(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithConfig(rfctest.Config{User: "ALICE", Password: canary, AllowAnonymous: true}))
	log := new(logs)
	open := func(name string, change func(*destination.Config)) {
		t.Helper()
		cfg := sys.Config()
		cfg.Name, cfg.Logger = name, log.logger(slog.LevelWarn)
		change(&cfg)
		d, err := destination.New(cfg)
		require.NoError(t, err)
		require.NoError(t, d.Warm(t.Context(), 2))
		require.NoError(t, d.Close(t.Context()))
	}
	open("CLEAR_NOBODY", func(c *destination.Config) { c.User, c.Password = "", "" })
	require.Empty(t, log.String(), "no password, nothing to say")
	one, two := "CLEAR_"+rand.Text(), "CLEAR_"+rand.Text() // no other run of this process has told of them
	open(one, func(*destination.Config) {})
	open(one, func(*destination.Config) {})
	open(two, func(*destination.Config) {})
	open(one, func(*destination.Config) {})
	said := log.lines("the password travels in clear")
	require.Len(t, said, 2, log.String())
	require.Contains(t, said[0], "destination="+one)
	require.Contains(t, said[0], "go.policy.forbid_plain_logon")
	require.Contains(t, said[1], "destination="+two)
	require.NotContains(t, log.String(), canary)
	open("CLEAR_SILENT", func(c *destination.Config) { c.Logger = slog.New(panicking{slog.DiscardHandler}) })
}

func TestPropertiesOfPolicies(t *testing.T) {
	t.Parallel()
	cfg, eff, err := destination.ParseProperties("", good(destination.KeyPolicyAllow, " bapi_* ,/acme/x;Z_A\tZ_B", destination.KeyMessageLimit, "2"))
	require.NoError(t, err)
	require.Equal(t, []string{"BAPI_*", "/ACME/X", "Z_A", "Z_B"}, cfg.Policy.Allow)
	require.EqualValues(t, 2048, cfg.Limits.Message)
	v, ok := eff.Get(destination.KeyPolicyAllow)
	require.True(t, ok)
	require.Equal(t, "BAPI_*,/ACME/X,Z_A,Z_B", v.Value)
	for _, c := range [][3]string{
		{destination.KeyPolicyAllow, "BAPI?", "value \"BAPI?\""},
		{destination.KeyPolicyDeny, "A," + strings.Repeat("X", 31), "names of function modules separated by commas"},
		{destination.KeyRetryAttempts, "0", "integer 1-100"},
		{destination.KeyRetryAttempts, "101", "integer 1-100"},
		{destination.KeyPolicyReadOnly, "yes", "0 or 1"},
	} {
		_, _, err := destination.ParseProperties("", good(c[0], c[1]))
		require.ErrorContains(t, err, c[0], c[1])
		require.ErrorContains(t, err, c[2])
	}
	bad := valid()
	bad.Policy.Allow = []string{"two words", ""}
	bad.Policy.Deny = []string{"A", "B,C"}
	bad.Retry = destination.RetryConfig{Attempts: -1, Backoff: -1, MaxBackoff: -1}
	bad.Limits = rfc.Limits{Message: -1, Callbacks: -1}
	err = bad.Validate()
	for _, want := range []string{"go.retry.attempts", "Retry.Backoff", "Retry.MaxBackoff", "Limits.Message", "Limits.Callbacks", "Policy.Allow", "Policy.Deny"} {
		require.ErrorContains(t, err, want)
	}
}

// Calls of which nothing was sent are tried again, with pauses that double, are random and end
// with the context.
func TestRetryOnlyWhereNothingWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dialled []time.Time
		cfg := valid()
		cfg.Retry = destination.RetryConfig{Attempts: 4, Backoff: 20 * time.Second, MaxBackoff: time.Minute}
		cfg.Pool.MaxWait = new(time.Hour)
		refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
			dialled = append(dialled, time.Now())
			return nil, refused
		}
		d, err := destination.New(cfg)
		require.NoError(t, err)
		f, err := rfc.InterfaceOf[struct{}, struct{}]("Z_NOTHING")
		require.NoError(t, err)
		call := func(ctx context.Context, in any) error {
			dialled = nil
			_, err := d.Call(ctx, "Z_NOTHING", in, rfc.WithInterface(f))
			return err
		}
		require.ErrorIs(t, call(t.Context(), nil), refused)
		require.Len(t, dialled, 4)
		// The pool paces openings behind failures as well, so that only lower ends are exact.
		for i, least := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second} {
			require.GreaterOrEqual(t, dialled[i+1].Sub(dialled[i]), least)
		}
		dialled = nil
		_, err = d.Pin(t.Context())
		require.ErrorIs(t, err, refused)
		require.Len(t, dialled, 4)
		// Descriptions are repeated with the call that needs them, not by themselves too.
		dialled = nil
		_, err = d.Call(t.Context(), "Z_NOTHING", nil)
		require.ErrorIs(t, err, refused)
		require.Len(t, dialled, 4)
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second) // three pauses take 60 s at least
		defer cancel()
		began := time.Now()
		require.Error(t, call(ctx, nil))
		require.Less(t, len(dialled), 4)
		require.LessOrEqual(t, time.Since(began), 59*time.Second)
		rows := serialization.Sequence[int32]{Count: 1, Seq: func(func(int32) bool) {}}
		for _, in := range []any{rfc.Params{"T": rows}, &struct{ T any }{&rows}, []any{map[string]any{"x": func() {}}}} {
			require.ErrorIs(t, call(t.Context(), in), refused)
			require.Len(t, dialled, 1, "rows may have been taken from the iterator")
		}
		for _, in := range []any{rfc.Params{"T": []rfc.Params{{"A": 1, "B": []byte("x"), "C": nil}}}, &struct{ T []string }{}, (*rfc.Record)(nil), new(rfc.Table)} {
			require.ErrorIs(t, call(t.Context(), in), refused)
			require.Len(t, dialled, 4)
		}
		require.NoError(t, d.Close(t.Context()))
	})
}

func TestRetrySucceedsAndNeverRepeatsWhatWasSent(t *testing.T) {
	t.Parallel()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	var dialled, failures atomic.Int64
	d := pooled(t, sys, func(c *destination.Config) {
		c.Retry = destination.RetryConfig{Attempts: 3, Backoff: time.Millisecond}
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			if failures.Add(-1) >= 0 {
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	_, err = d.With(destination.User{Name: "DEVELOPER", Password: "wrong"}).Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrLogon)
	_, err = d.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	require.EqualValues(t, 1, sys.Calls("RFC_RAISE_ERROR"))
	before := dialled.Load()
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	require.Equal(t, before+1, dialled.Load())
	_, err = s.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	_, err = s.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, destination.ErrSessionLost)
	require.NoError(t, s.Close(t.Context()))
	failures.Store(2)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err, "the third attempt")
	require.EqualValues(t, 1, sys.Calls("STFC_CONNECTION"))

	full := pooled(t, sys, func(c *destination.Config) {
		c.Retry = destination.RetryConfig{Attempts: 100, Backoff: time.Hour}
		c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration)
	})
	s, err = full.Pin(t.Context())
	require.NoError(t, err)
	_, err = full.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrResource, "it has waited as long as it may")
	require.NoError(t, s.Close(t.Context()))
}

package destination_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// pooled is a destination of a built-in system.
func pooled(t testing.TB, sys *rfctest.System, change func(*destination.Config)) *destination.Destination {
	t.Helper()
	cfg := sys.Config()
	cfg.Name = "A4H"
	if change != nil {
		change(&cfg)
	}
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return d
}

type changingIn struct {
	Start   int32 `rfc:"START_VALUE"`
	Counter int32 `rfc:"COUNTER"`
}

type changingOut struct {
	Result int32 `rfc:"RESULT"`
}

func TestDestinationOpensNothingUntilItIsUsed(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	require.Zero(t, d.Stats().Opened)
	for range 5 {
		out, err := rfc.Call[changingOut](t.Context(), d, "STFC_CHANGING", changingIn{10, 5})
		require.NoError(t, err)
		require.EqualValues(t, 15, out.Result)
	}
	s := d.Stats()
	require.EqualValues(t, 1, s.Opened, "one connection serves one call after the other, its description too")
	require.Equal(t, 1, s.Idle)
	require.EqualValues(t, 1, sys.Calls("RFC_METADATA_GET"))
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Stats().Calls)
}

// Descriptions are looked up before a connection is taken: a limit of one is enough, for many
// callers of different modules at once.
func TestManyCallersOfOneConnection(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit = new(1) })
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			var err error
			switch i % 3 {
			case 0:
				_, err = rfc.Call[changingOut](t.Context(), d, "STFC_CHANGING", changingIn{int32(i), 1})
			case 1:
				_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": fmt.Sprint(i)})
			default:
				_, err = d.Call(t.Context(), "STFC_STRING", rfc.Params{"QUESTION": "x"})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, d.Stats().Opened)
}

// A streamed answer keeps its connection until the last row.
func TestStreamKeepsTheConnection(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration) })
	res, err := d.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET1000": 2000}, rfc.Stream("ETAB1000"))
	require.NoError(t, err)
	require.Equal(t, 1, d.Stats().InUse)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, pool.ErrExhausted)
	n := 0
	for _, err := range rfc.Rows[struct {
		Line string `rfc:"LINE"`
	}](res, "ETAB1000") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 2000, n)
	require.Zero(t, d.Stats().InUse)
	require.Equal(t, 1, d.Stats().Idle)
	// One that is given up early is closed, and its place is free.
	res, err = d.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET1000": 20000}, rfc.Stream("ETAB1000"))
	require.NoError(t, err)
	require.NoError(t, res.Close())
	require.Zero(t, d.Stats().InUse)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	require.EqualValues(t, 2, d.Stats().Opened)
}

// After an error that closes the connection the next call gets a new one; the error is told,
// the call is not repeated.
func TestBrokenConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	_, err := d.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "COMPUTE_INT_ZERODIVIDE", e.Key)
	require.EqualValues(t, 1, sys.Calls("RFC_RAISE_ERROR"))
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	require.EqualValues(t, 2, d.Stats().Opened)
	require.Equal(t, 1, d.Stats().Open)
	// An argument error keeps it.
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"XXX": 1})
	require.ErrorContains(t, err, "field 'XXX' not found")
	require.Zero(t, d.Stats().InUse)
	require.EqualValues(t, 2, d.Stats().Opened)
}

func TestUsersDoNotShareConnections(t *testing.T) {
	t.Parallel()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.Capacity = new(5) })
	user := func(c rfc.Caller) string {
		t.Helper()
		out, err := rfc.Call[struct {
			Resp string `rfc:"RESPTEXT"`
		}](t.Context(), c, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		require.NoError(t, err)
		return out.Resp
	}
	require.Contains(t, user(d), "/DEVELOPER/")
	wrong := d.With(destination.User{Name: "DEVELOPER", Password: "no such password"})
	_, err = wrong.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrLogon, "the connection of the right password is not lent for a wrong one")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %+v %s", err, err, wrong, *wrong, wrong), "no such password")
	require.Equal(t, `destination "A4H" as DEVELOPER`, fmt.Sprint(wrong))
	require.Contains(t, user(d), "/DEVELOPER/")
	require.EqualValues(t, 1, d.Stats().Opened)
	same := d.With(destination.User{Name: sys.Config().User, Password: sys.Config().Password})
	require.Contains(t, user(same), "/DEVELOPER/")
	require.EqualValues(t, 1, d.Stats().Opened, "the same user by another name for it")
}

func TestSessionKeepsItsContextAndLeavesNone(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit = new(1) })
	count := func(c rfc.Caller) int32 {
		t.Helper()
		out, err := rfc.Call[counterOut](t.Context(), c, "Z_COUNT", nil)
		require.NoError(t, err)
		return out.Count
	}
	require.NoError(t, rfc.Handle(sys.Mux(), "Z_FIXED", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
	require.NoError(t, handleCounter(sys.Mux()))
	require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error {
		for i := range 3 {
			require.EqualValues(t, i+1, count(s))
		}
		a, err := s.Attributes()
		require.NoError(t, err)
		require.Equal(t, "DEVELOPER", a.User)
		return nil
	}))
	require.EqualValues(t, 1, count(d), "the session was reset")
	require.EqualValues(t, 1, d.Stats().Opened)

	boom := errors.New("boom")
	require.ErrorIs(t, d.Session(t.Context(), func(*destination.Session) error { return boom }), boom)
	require.Panics(t, func() {
		_ = d.Session(t.Context(), func(*destination.Session) error { panic("in the middle") })
	})
	require.Zero(t, d.Stats().InUse)

	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	_, err = s.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.Error(t, err)
	require.False(t, s.Alive())
	_, err = s.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, destination.ErrSessionLost)
	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, s.Close(t.Context()))
	_, err = s.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.EqualValues(t, 1, count(d))
}

type counterOut struct {
	Count int32 `rfc:"COUNT"`
}

// handleCounter counts the calls of one session, as a global variable of a function group.
func handleCounter(mux *rfc.Mux) error {
	f, err := rfc.InterfaceOf[struct{}, counterOut]("Z_COUNT")
	if err != nil {
		return err
	}
	return mux.Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		n, _ := req.Session().Get("n").(int32)
		req.Session().Set("n", n+1)
		reply.Set(&counterOut{n + 1})
		return nil
	})
}

func TestErrorsOfThePool(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration) })
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rfc.ClassResource, e.Class)
	require.Equal(t, destination.StepPool, e.Step)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.Equal(t, "A4H", e.Destination)
	require.True(t, rfc.SafeToRetry(err))
	require.NoError(t, s.Close(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Call(ctx, "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, context.Canceled)
	var none context.Context
	_, err = d.Call(none, "STFC_CONNECTION", nil)
	require.ErrorContains(t, err, "nil context")

	closed := pooled(t, sys, nil)
	require.NoError(t, closed.Close(t.Context()))
	_, err = closed.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)

	_, err = destination.New(destination.Config{})
	require.ErrorContains(t, err, "jco.client.ashost")
	cfg := sys.Config()
	cfg.Pool = destination.PoolConfig{Capacity: new(-1), PeakLimit: new(-2), MaxWait: new(-time.Second)}
	cfg.Repository = destination.RepositoryConfig{User: "META"}
	_, err = destination.New(cfg)
	for _, key := range []string{"pool_capacity", "peak_limit", "max_get_client_time", "repository.user"} {
		require.ErrorContains(t, err, "jco.destination."+key)
	}
}

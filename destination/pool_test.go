package destination_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// The cases of section N that a destination decides; package pool has the others.

// conversation pins a connection, says which one it is, and gives it back.
func conversation(t *testing.T, d *destination.Destination) string {
	t.Helper()
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	a, err := s.Attributes()
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	return a.ConversationID
}

func TestN01N02WarmOpensWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	d := pooled(t, rfctest.NewSystem(t), func(c *destination.Config) { c.Pool.Capacity, c.Pool.PeakLimit = new(5), new(8) })
	s := d.Stats()
	require.Equal(t, []int{0, 0}, []int{s.Idle, s.InUse})
	for _, n := range []int{2, 5, 3} {
		require.NoError(t, d.Warm(t.Context(), n))
		require.GreaterOrEqual(t, d.Stats().Idle, n)
	}
	require.EqualValues(t, 5, d.Stats().Opened)
	sessions := make([]*destination.Session, 3)
	for i := range sessions {
		var err error
		sessions[i], err = d.Pin(t.Context())
		require.NoError(t, err)
		require.True(t, sessions[i].Alive())
		require.Equal(t, i+1, d.Stats().InUse)
	}
	for _, s := range sessions {
		require.NoError(t, s.Close(t.Context()))
	}
	require.Zero(t, d.Stats().InUse)
}

func TestN03N04N05WhoComesBack(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit = new(1) })
	first := conversation(t, d)
	require.Equal(t, first, conversation(t, d), "N-04")
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	before := d.Stats()
	require.NoError(t, s.Close(t.Context()), "N-03: the end of a session may be told twice")
	_, err = s.Call(t.Context(), "RFC_PING", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.Equal(t, before, d.Stats())
	_, err = d.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	require.NotEqual(t, first, conversation(t, d), "N-05")
	require.EqualValues(t, 1, d.Stats().Closed[pool.Broken])
}

func TestN06FailedOpeningsStarveNobody(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	refused := errors.New("refused")
	var dials atomic.Int64
	d := pooled(t, sys, func(c *destination.Config) {
		c.Pool.PeakLimit = new(1)
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) == 1 {
				return nil, refused
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	_, err := d.Pin(t.Context())
	require.ErrorIs(t, err, refused)
	require.True(t, rfc.SafeToRetry(err))
	conversation(t, d)
	require.EqualValues(t, 2, dials.Load())
}

func TestN07N08N09WaitersOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit = new(1) })
	type got struct {
		id  string
		err error
	}
	waiter := func() <-chan got {
		before := d.Stats().Waiting
		c := make(chan got, 1)
		go func() {
			s, err := d.Pin(t.Context())
			if err != nil {
				c <- got{err: err}
				return
			}
			a, err := s.Attributes()
			c <- got{a.ConversationID, errors.Join(err, s.Close(context.Background()))}
		}()
		require.Eventually(t, func() bool { return d.Stats().Waiting == before+1 }, 10*time.Second, time.Millisecond)
		return c
	}
	hold, err := d.Pin(t.Context())
	require.NoError(t, err)
	a, err := hold.Attributes()
	require.NoError(t, err)
	w := waiter()
	require.NoError(t, hold.Close(t.Context()))
	require.Equal(t, got{id: a.ConversationID}, <-w, "N-07: the same connection")

	hold, err = d.Pin(t.Context())
	require.NoError(t, err)
	w = waiter()
	_, err = hold.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	require.NoError(t, hold.Close(t.Context()))
	g := <-w
	require.NoError(t, g.err)
	require.NotEqual(t, a.ConversationID, g.id, "N-08: a new one")

	require.Eventually(t, func() bool { return d.Stats().InUse == 0 }, 10*time.Second, time.Millisecond)
	hold, err = d.Pin(t.Context())
	require.NoError(t, err)
	w = waiter()
	closed := make(chan error, 1)
	go func() { closed <- d.Close(context.Background()) }()
	require.ErrorIs(t, (<-w).err, rfc.ErrClosed, "N-09: who waits is told")
	_, err = hold.Call(t.Context(), "RFC_PING", nil)
	require.NoError(t, err, "who has one may go on")
	require.NoError(t, hold.Close(t.Context()))
	require.NoError(t, <-closed)
	require.Zero(t, d.Stats().Open)
}

func TestN12ToN14LimitsOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	s := d.Stats()
	require.Equal(t, []int{1, 0, 0}, []int{s.MaxIdle, s.MaxOpen, s.Open}, "N-12: one is kept, no limit, nothing in advance")
	require.Equal(t, []time.Duration{30 * time.Second, time.Minute, time.Minute},
		[]time.Duration{destination.DefaultMaxWait, destination.DefaultExpiration, destination.DefaultCheckPeriod})
	d = pooled(t, sys, func(c *destination.Config) { c.Pool.Capacity, c.Pool.PeakLimit = new(5), new(2) })
	require.Equal(t, 5, d.Stats().MaxOpen, "N-13")
	d = pooled(t, sys, func(c *destination.Config) { c.Pool.Capacity = new(0) })
	require.Zero(t, d.Stats().MaxOpen)
	for i := range 3 {
		_, err := rfc.Call[changingOut](t.Context(), d, "STFC_CHANGING", changingIn{1, 2})
		require.NoError(t, err)
		require.Zero(t, d.Stats().Idle, "N-14: closed behind each request")
		// One for the first look-up, and one for each call.
		require.EqualValues(t, i+1, d.Stats().Opened-2)
	}
}

func TestN12N15ExhaustedSaysWhatWasMet(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Millisecond) })
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	_, err = d.Pin(t.Context())
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{rfc.ClassResource, 106, rfc.NotSent}, []any{e.Class, e.JCoGroup(), e.Outcome})
	var pe *pool.Error
	require.ErrorAs(t, err, &pe)
	require.GreaterOrEqual(t, pe.Waited, time.Millisecond)
	require.Equal(t, []int{1, 1, 0, 0}, []int{pe.Peak, pe.InUse, pe.Idle, pe.Opening})
	for _, text := range []string{"peak limit 1", "in use 1", "idle 0", "discarded so far 0"} {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, e, pe), rfctest.DefaultPassword.Reveal())
	require.NoError(t, s.Close(t.Context()))
}

// movable is a system that is ended and started again, at another address behind the same
// name.
type movable struct {
	t     *testing.T
	sys   atomic.Pointer[rfctest.System]
	dials atomic.Int64
}

func newMovable(t *testing.T) *movable {
	t.Helper()
	m := &movable{t: t}
	m.start()
	t.Cleanup(func() { require.NoError(t, m.sys.Load().Close()) })
	return m
}

func (m *movable) start() {
	sys, err := rfctest.Start(context.WithoutCancel(m.t.Context()), rfctest.Config{})
	require.NoError(m.t, err)
	m.sys.Store(sys)
}

func (m *movable) restart() {
	require.NoError(m.t, m.sys.Load().Close())
	m.start()
}

func (m *movable) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	m.dials.Add(1)
	return new(net.Dialer).DialContext(ctx, network, m.sys.Load().Address())
}

// F-85, goal G53: the system restarts while 64 connections are idle. Whoever calls behind it
// notices nothing, and no more connections are opened than are used.
func TestF85G53RestartOfTheSystem(t *testing.T) {
	t.Parallel()
	const clients = 64
	m := newMovable(t)
	d := pooled(t, m.sys.Load(), func(c *destination.Config) {
		c.Pool.Capacity, c.DialContext = new(clients), m.dial
	})
	everybody := func() (failed int64) {
		var group sync.WaitGroup
		var n atomic.Int64
		for i := range clients {
			group.Go(func() {
				out, err := rfc.Call[changingOut](t.Context(), d, "STFC_CHANGING", changingIn{int32(i), 1})
				if err != nil || out.Result != int32(i)+1 {
					t.Logf("client %d: %d, %v", i, out.Result, err)
					n.Add(1)
				}
			})
		}
		group.Wait()
		return n.Load()
	}
	require.Zero(t, everybody())
	require.NoError(t, d.Warm(t.Context(), clients))
	require.EqualValues(t, clients, m.dials.Load())
	m.restart()
	require.Zero(t, everybody())
	require.LessOrEqual(t, m.dials.Load(), int64(2*clients), "each is replaced once at most")
	require.NoError(t, d.Warm(t.Context(), clients))
	require.EqualValues(t, 2*clients, m.dials.Load())
	require.EqualValues(t, clients, d.Stats().Closed[pool.Dead])
	require.Zero(t, d.Stats().OpenFailed)
}

// turns counts how often a client waits for an answer.
type turns struct {
	net.Conn
	n     *atomic.Int64
	wrote *atomic.Bool
}

func (c turns) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(b)
}

func (c turns) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.wrote.Swap(false) {
		c.n.Add(1)
	}
	return n, err
}

// Goal G29: opening takes the round trips of the protocol: with that of TCP 5 over CPIC and 4
// over WebSocket.
func TestG29RoundTripsOfOpening(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithWebSocket())
	var n atomic.Int64
	count := func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return turns{nc, &n, new(atomic.Bool)}, err
	}
	cfg := sys.Config()
	cfg.DialContext = count
	conn, err := destination.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.EqualValues(t, 5, n.Swap(0))
	require.NoError(t, conn.Close())
	n.Store(0)

	web := sys.WebSocketConfig()
	web.DialContext = count
	conn, err = sys.DialWebSocket(t.Context(), web, rfc.ConnConfig{})
	require.NoError(t, err)
	require.EqualValues(t, 4, n.Swap(0))
	require.NoError(t, conn.Close())
}

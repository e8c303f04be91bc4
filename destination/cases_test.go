package destination_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// the first call over a pool with a wrong password gets the error of the logon, once, and
// not one of the pool.
func TestA05WrongUserIsALogonErrorOfThePool(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.User = "NOBODY" })
	_, err := d.Pin(t.Context())
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{2, "RFC_LOGON_FAILURE", 3}, []any{e.Code(), e.Key, e.Group()})
	require.ErrorContains(t, err, "Name or password is incorrect (repeat logon)")
	require.EqualValues(t, 1, d.Stats().OpenFailed)
}

// what closed connections and destinations answer, without a byte.
func TestA18ToA21ClosedConnections(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	conn, err := destination.Dial(t.Context(), sys.Config())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Close(), "A-18: the second close is harmless")
	_, err = conn.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.ErrorContains(t, err, "Remote function module 'STFC_CONNECTION' invocation rejected because the connection is closed", "A-20")
	err = conn.Ping(t.Context())
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{13, "RFC_INVALID_HANDLE", rfc.NotSent}, []any{e.Code(), e.Key, e.Outcome}, "A-21")
	require.ErrorContains(t, err, "An invalid handle")

	s, c, _ := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	var ids []string
	for range 2 { // open again is alive again, over a new connection
		d, err := c.Open("A4H")
		require.NoError(t, err)
		require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error {
			a, err := s.Attributes()
			ids = append(ids, a.SessionID)
			return err
		}))
		require.NoError(t, errors.Join(d.Close(t.Context()), d.Close(t.Context())))
	}
	require.NotEqual(t, ids[0], ids[1])
}

// without a trust store of its own TLS uses that of the system, which does not know the
// server: on purpose other than the vendor library, which wants a PSE.
func TestA25TLSWithoutAStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t, rfctest.WithWebSocket())
	ws := sys.WebSocketConfig()
	cfg := sys.Config()
	cfg.ApplicationServer, cfg.SystemNumber, cfg.GatewayService = "", "", ""
	cfg.WebSocket = destination.WebSocketConfig{Host: ws.Host, Port: ws.Port}
	_, err := destination.Dial(t.Context(), cfg)
	require.ErrorIs(t, err, rfc.ErrSecurity)
	require.ErrorContains(t, err, "certificate")
}

// a security library that is not there is an error that says so, never a reason to go on
// in clear.
func TestA26SNCLibraryThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, _, err := destination.ParseProperties("", good(destination.KeySNCMode, "1", destination.KeySNCPartnerName, "p:CN=A4H", destination.KeySNCLib, "/no/such/libsapcrypto.so"))
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorContains(t, err, destination.KeySNCMode)
	require.ErrorContains(t, err, "nothing is sent in clear instead")
}

// R7: no step has a time limit that cannot be changed: the end of a context ends a connection
// attempt that nobody answers at once.
func TestR7ConnectObeysTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := valid()
		cfg.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		for _, limit := range []time.Duration{time.Millisecond, 3 * time.Second, 2 * destination.DefaultDialTimeout} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			began := time.Now()
			_, err := destination.Dial(ctx, cfg)
			cancel()
			require.ErrorIs(t, err, rfc.ErrTimeout)
			require.Equal(t, min(limit, destination.DefaultDialTimeout), time.Since(began))
		}
		d, err := destination.New(cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err = d.Call(ctx, "STFC_CONNECTION", nil)
		require.ErrorIs(t, err, rfc.ErrTimeout)
		require.Equal(t, time.Second, time.Since(began))
		require.NoError(t, d.Close(t.Context()))
	})
}

// R8: calls that hang block nobody else, and the end of their context frees them.
func TestR8HangingCallsBlockNobody(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	release := make(chan struct{})
	defer close(release)
	var hanging sync.WaitGroup
	const many = 16
	hanging.Add(many)
	sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, _ *rfc.Request, _ *rfc.Reply) error {
			hanging.Done()
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, many)
	for range many {
		go func() {
			_, err := d.Call(ctx, "STFC_STRING", rfc.Params{"QUESTION": "x"})
			failed <- err
		}()
	}
	hanging.Wait()
	_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	cancel()
	for range many {
		err := <-failed
		require.ErrorIs(t, err, rfc.ErrCanceled)
		require.False(t, rfc.SafeToRetry(err))
	}
}

// cutting is a connection that breaks after some more bytes.
type cutting struct {
	net.Conn
	left *atomic.Int64 // negative: never
}

func (c *cutting) Write(p []byte) (int, error) {
	left := c.left.Load()
	if left < 0 || int64(len(p)) <= left {
		if left >= 0 {
			c.left.Add(-int64(len(p)))
		}
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:left])
	_ = c.Close()
	return n, errors.New("the link is cut")
}

// L1: wherever the link breaks, no call runs twice, also with retries; one is only repeated when
// not a byte of it was sent, and then it runs once.
func TestL1NoDuplicateExecution(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var link atomic.Pointer[cutting]
	d := pooled(t, sys, func(c *destination.Config) {
		c.Retry = destination.RetryConfig{Attempts: 3, Backoff: time.Nanosecond}
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			cut := &cutting{nc, new(atomic.Int64)}
			cut.left.Store(-1)
			link.Store(cut)
			return cut, nil
		}
	})
	call := func() error {
		_, err := d.Call(t.Context(), "Z_COUNTER_ADD", rfc.Params{"NAME": "C"})
		return err
	}
	require.NoError(t, call())
	before := sys.Calls("Z_COUNTER_ADD")
	cuts := 0
	for at := int64(0); ; at += 1 + at/16 { // every byte of the header, fewer behind it
		require.NoError(t, d.Warm(t.Context(), 1))
		link.Load().left.Store(at)
		err := call()
		ran := sys.Calls("Z_COUNTER_ADD") - before
		before += ran
		if at == 0 {
			require.NoError(t, err, "F-51: nothing was sent, a new connection serves it")
		}
		if err == nil {
			require.EqualValues(t, 1, ran, "cut at %d", at)
			if at > 0 {
				break // the whole call fits
			}
			continue
		}
		cuts++
		require.LessOrEqual(t, ran, int64(1), "cut at %d", at)
		if rfc.SafeToRetry(err) {
			require.Zero(t, ran, "cut at %d: %+v", at, err)
		}
	}
	require.Greater(t, cuts, 20, "the call has more bytes than that")
}

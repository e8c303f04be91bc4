package pool_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
)

var _ pool.Resource = (*rfc.Conn)(nil)

// host is a gateway on loopback whose connections a test can interfere with.
type host struct {
	srv     *gateway.Server
	address string

	mu  sync.Mutex
	far []net.Conn // the host's ends, in the order of their opening
}

func newHost(tb testing.TB) *host {
	tb.Helper()
	mux := rfc.NewMux()
	reset, err := metadata.NewFunction("SYSTEM_RESET_RFC_SERVER", nil)
	require.NoError(tb, err)
	require.NoError(tb, mux.Handle(reset, func(_ context.Context, req *rfc.Request, _ *rfc.Reply) error {
		req.Session().Reset()
		return nil
	}))
	h := &host{srv: &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}}
	l, err := h.srv.Listen(tb.Context(), "127.0.0.1:0")
	require.NoError(tb, err)
	h.address = l.Addr().String()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.far = append(h.far, nc)
			h.mu.Unlock()
			go h.srv.ServeConn(context.Background(), nc)
		}
	}()
	tb.Cleanup(func() { _, _ = l.Close(), h.srv.Close() })
	return h
}

// ends are the host's ends of the connections since the n-th.
func (h *host) ends(n int) []net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]net.Conn(nil), h.far[n:]...)
}

func (h *host) dial(ctx context.Context) (*rfc.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", h.address)
	if err != nil {
		return nil, err
	}
	conv, err := cpic.Open(ctx, nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
	if err != nil {
		return nil, err
	}
	return rfc.Open(ctx, conv, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"}})
}

func rfcPool(tb testing.TB, h *host, cfg pool.Config[*rfc.Conn]) *pool.Pool[*rfc.Conn] {
	tb.Helper()
	cfg.Open = h.dial
	p, err := pool.New(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(tb, p.Close(ctx))
	})
	return p
}

func ping(tb testing.TB, l pool.Lease[*rfc.Conn]) {
	tb.Helper()
	c, err := l.Value()
	require.NoError(tb, err)
	require.NoError(tb, c.Ping(tb.Context()))
}

// F-50, F-65, F-85: connections whose host has left, or has spoken out of turn, are replaced
// before anybody notices.
func TestF50F65F85DeadConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	const n = 64
	for name, disturb := range map[string]func(nc net.Conn) error{
		"F-85 the host restarts": func(nc net.Conn) error { return nc.Close() },
		"F-50 reset": func(nc net.Conn) error {
			if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
				return err
			}
			return nc.Close()
		},
		"F-65 bytes while idle": func(nc net.Conn) error {
			_, err := nc.Write(ni.AppendRecord(nil, []byte("nobody asked")))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			p := rfcPool(t, h, pool.Config[*rfc.Conn]{Capacity: n, Peak: n, MaxWait: time.Minute})
			require.NoError(t, p.Warm(t.Context(), n))
			for _, nc := range h.ends(0) {
				require.NoError(t, disturb(nc))
			}
			var group sync.WaitGroup
			for range n {
				group.Go(func() {
					l, err := p.Acquire(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if c, _ := l.Value(); c.Ping(t.Context()) != nil {
						t.Error("a dead connection was lent")
					}
					if err := l.Release(); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			s := p.Stats()
			require.EqualValues(t, n, s.Closed[pool.Dead])
			require.Zero(t, s.OpenFailed)
			for _, nc := range h.ends(0)[:n] { // no descriptor is left of them
				_, err := nc.Read(make([]byte, 1))
				require.Error(t, err)
			}
		})
	}
}

// A connection whose call failed is not lent again, and nobody has to say so.
func TestBrokenCallsCostTheirConnection(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := rfcPool(t, h, pool.Config[*rfc.Conn]{Capacity: 1, Peak: 1, MaxWait: time.Minute, Reset: func(ctx context.Context, c *rfc.Conn) error { return c.Reset(ctx) }})
	for range 3 {
		l, err := p.Acquire(t.Context())
		require.NoError(t, err)
		ping(t, l)
		require.NoError(t, h.ends(0)[p.Stats().Opened-1].Close())
		c, err := l.Value()
		require.NoError(t, err)
		for err == nil {
			err = c.Ping(t.Context())
		}
		require.NoError(t, l.Release())
		require.ErrorIs(t, l.Release(), pool.ErrReleased)
	}
	require.EqualValues(t, 3, p.Stats().Closed[pool.Broken])
	l, err := p.Acquire(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.ReleaseAfterReset(t.Context()))
	require.Equal(t, 1, p.Stats().Idle)
	l, err = p.Acquire(t.Context())
	require.NoError(t, err)
	ping(t, l)
	require.NoError(t, l.Release())
}

// Wrong credentials are an error of their own, and one attempt.
func TestF40WrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	attempts := 0
	p, err := pool.New(pool.Config[*rfc.Conn]{
		Capacity: 1, Refused: func(err error) bool { return errors.Is(err, rfc.ErrLogon) },
		Open: func(ctx context.Context) (*rfc.Conn, error) {
			attempts++
			nc, err := net.Dial("tcp", h.address)
			if err != nil {
				return nil, err
			}
			conv, err := cpic.Open(ctx, nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
			if err != nil {
				return nil, err
			}
			return rfc.Open(ctx, conv, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "wrong", Language: "E"}})
		},
	})
	require.NoError(t, err)
	for range 10 {
		_, err := p.Acquire(t.Context())
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.ErrorContains(t, err, "Name or password is incorrect")
	}
	require.NoError(t, p.Close(t.Context()))
	require.Equal(t, 1, attempts)
}

// Goal G34: acquire and release with the look at a real socket, against the system call
// alone.
func BenchmarkPoolPeek(b *testing.B) {
	h := newHost(b)
	p := rfcPool(b, h, pool.Config[*rfc.Conn]{Capacity: 1, Peak: 1, Expiration: time.Hour, CheckPeriod: time.Hour})
	l, err := p.Acquire(b.Context())
	require.NoError(b, err)
	ping(b, l)
	c, err := l.Value()
	require.NoError(b, err)
	require.NoError(b, l.Release())
	peek := rawPeek(b, h.address)
	const rounds = 1000
	ctx := b.Context()
	var ours, look, floor time.Duration
	batches := 0
	for b.Loop() {
		t0 := time.Now()
		for range rounds {
			l, err := p.Acquire(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if err := l.Release(); err != nil {
				b.Fatal(err)
			}
		}
		t1 := time.Now()
		for range rounds {
			if err := c.Idle(); err != nil {
				b.Fatal(err)
			}
		}
		t2 := time.Now()
		for range rounds {
			if err := peek(); err != nil {
				b.Fatal(err)
			}
		}
		ours, look, floor = ours+t1.Sub(t0), look+t2.Sub(t1), floor+time.Since(t2)
		batches++
	}
	n := float64(batches * rounds)
	b.ReportMetric(float64(ours)/n, "acquire+release-ns")
	b.ReportMetric(float64(look)/n, "look-ns")
	b.ReportMetric(float64(floor)/n, "recv-ns")
	b.ReportMetric(float64(ours)/float64(floor), "ratio")
	runtime.KeepAlive(c)
}

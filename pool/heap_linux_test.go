package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
)

// step is what a client sends before it waits, and what it gets then.
type step struct {
	out int // bytes
	in  []byte
}

// recorder notes the steps of a conversation.
type recorder struct {
	net.Conn
	steps []step
}

func (r *recorder) Write(b []byte) (int, error) {
	if n := len(r.steps); n == 0 || len(r.steps[n-1].in) > 0 {
		r.steps = append(r.steps, step{})
	}
	r.steps[len(r.steps)-1].out += len(b)
	return r.Conn.Write(b)
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	last := &r.steps[len(r.steps)-1]
	last.in = append(last.in, b[:n]...)
	return n, err
}

// replayHost answers every connection with the same recorded bytes. It keeps its ends as
// plain descriptors, so that all the heap there is belongs to the clients.
type replayHost struct {
	address string
	fd      int
	far     []int
	done    chan error
}

func replay(tb testing.TB, steps []step, n int) *replayHost {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	require.NoError(tb, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(tb, syscall.Listen(fd, 100))
	sa, err := syscall.Getsockname(fd)
	require.NoError(tb, err)
	h := &replayHost{address: fmt.Sprint("127.0.0.1:", sa.(*syscall.SockaddrInet4).Port), fd: fd, far: make([]int, 0, n), done: make(chan error, 1)}
	go func() { h.done <- h.serve(steps, n) }()
	return h
}

func (h *replayHost) serve(steps []step, n int) error {
	buf := make([]byte, 4096)
	for range n {
		fd, _, err := syscall.Accept4(h.fd, syscall.SOCK_CLOEXEC)
		if err != nil {
			return err
		}
		h.far = append(h.far, fd)
		for _, s := range steps {
			for left := s.out; left > 0; {
				m, err := syscall.Read(fd, buf[:min(left, len(buf))])
				if err != nil || m == 0 {
					return errors.Join(io.ErrUnexpectedEOF, err)
				}
				left -= m
			}
			if _, err := syscall.Write(fd, s.in); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *replayHost) close() {
	_ = syscall.Close(h.fd)
	for _, fd := range h.far {
		_ = syscall.Close(fd)
	}
}

// descriptors is how many more this process may have, less some for the others.
func descriptors(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return int(min(limit.Cur, 1<<20)) - 500
}

// liveHeap is what is left of the heap when nobody needs more.
func liveHeap() (heap int64, goroutines int) {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}

// Goal G35: what an idle pooled connection costs: at most 1.5 KiB of heap with its socket,
// no goroutine, no buffer (one alone has 32 KiB).
//
//nolint:paralleltest // it measures the heap
func TestG35IdleConnHeap(t *testing.T) {
	const limit = 1536
	n := min(8000, descriptors(t)/2)
	if testing.Short() || raceEnabled {
		n = min(n, 500)
	}
	require.GreaterOrEqual(t, n, 100, "the limit of open files (ulimit -n) is too low to measure anything")

	random := func(b []byte) { clear(b) } // the same session id each time
	open := func(ctx context.Context, nc net.Conn) (*rfc.Conn, error) {
		conv, err := cpic.Open(ctx, nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
		if err != nil {
			return nil, err
		}
		return rfc.Open(ctx, conv, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"}, Random: random})
	}
	nc, err := net.Dial("tcp", newHost(t).address)
	require.NoError(t, err)
	rec := &recorder{Conn: nc}
	c, err := open(t.Context(), rec)
	require.NoError(t, err)
	steps := rec.steps
	c.Abort()

	h := replay(t, steps, n)
	defer h.close()
	before, goroutines := liveHeap()
	p, err := pool.New(pool.Config[*rfc.Conn]{
		Capacity: n, Peak: n, Expiration: time.Hour, CheckPeriod: time.Hour,
		Open: func(ctx context.Context) (*rfc.Conn, error) {
			nc, err := net.Dial("tcp", h.address)
			if err != nil {
				return nil, err
			}
			return open(ctx, nc)
		},
	})
	require.NoError(t, err)
	leases := make([]pool.Lease[*rfc.Conn], 0, n)
	for range n {
		l, err := p.Acquire(t.Context())
		require.NoError(t, err)
		leases = append(leases, l)
	}
	require.NoError(t, <-h.done)
	for _, l := range leases {
		require.NoError(t, l.Release())
	}
	leases = nil //nolint:ineffassign,wastedassign // they are garbage from here on
	require.Equal(t, n, p.Stats().Idle)
	after, running := liveHeap()
	each := (after - before) / int64(n)
	t.Logf("%d idle connections: %d bytes of heap each, %d goroutines more", n, each, running-goroutines)
	require.LessOrEqual(t, running, goroutines)
	require.LessOrEqual(t, each, int64(limit))
	require.NoError(t, p.Close(t.Context()))
}

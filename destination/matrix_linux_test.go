package destination_test

import (
	"context"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfctest"
)

// The peek of the pool finds dead connections of every road: the next call gets a new one and
// does not fail.
// R5: a look at the socket before it is lent costs nothing and sees what isAlive of others misses.
func TestPoolNoticesDeadConnectionsOfEveryRoad(t *testing.T) {
	t.Parallel()
	for _, road := range []string{"direct", "one router", "SOCKS5", "WebSocket", "WebSocket through CONNECT"} {
		t.Run(road, func(t *testing.T) {
			t.Parallel()
			var (
				mu      sync.Mutex
				serving []net.Conn
				own     syscall.RawConn
			)
			w := newLandscape(t, rfctest.WithConn(func(nc net.Conn) net.Conn {
				mu.Lock()
				defer mu.Unlock()
				serving = append(serving, nc)
				return nc
			}))
			d, err := destination.New(w.config(road))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
			ctx := destination.WithTrace(t.Context(), &destination.Trace{Connected: func(nc net.Conn) net.Conn {
				raw, err := nc.(syscall.Conn).SyscallConn()
				require.NoError(t, err)
				own = raw
				return nc
			}})
			call := func() {
				_, err := d.Call(ctx, "RFC_PING", nil)
				require.NoError(t, err)
			}
			call()
			require.EqualValues(t, 1, d.Stats().Opened)
			mu.Lock()
			for _, nc := range serving {
				_ = nc.Close()
			}
			mu.Unlock()
			require.Eventually(t, func() bool { return ended(own) }, 10*time.Second, time.Millisecond)
			call()
			require.EqualValues(t, 2, d.Stats().Opened)
		})
	}
}

// ended reports whether something, or the end, has come on a connection that should be silent.
func ended(c syscall.RawConn) (yes bool) {
	_ = c.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err == nil
	})
	return yes
}

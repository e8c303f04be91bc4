package pool_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawPeek is the cheapest look there is: one recv that takes nothing and waits for nothing.
func rawPeek(tb testing.TB, address string) func() error {
	tb.Helper()
	nc, err := net.Dial("tcp", address)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = nc.Close() })
	f, err := nc.(*net.TCPConn).File()
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = f.Close() })
	fd, buf := int(f.Fd()), make([]byte, 1)
	return func() error {
		n, _, err := syscall.Recvfrom(fd, buf, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if n > 0 || !errors.Is(err, syscall.EAGAIN) {
			return fmt.Errorf("%d bytes, %w", n, err)
		}
		return nil
	}
}

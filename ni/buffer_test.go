package ni

import (
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
)

func TestBufferIsReleasedWhenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := netfault.Pipe()
		c := NewConn(near, Config{})
		defer far.Close()
		defer c.Close()
		require.Nil(t, c.buf, "a new connection has none")
		require.NoError(t, c.Begin(t.Context()))
		two := append(AppendRecord(nil, []byte("one")), AppendRecord(nil, []byte("two"))...)
		_, err := far.Write(two)
		require.NoError(t, err)
		_, err = c.ReadRecord()
		require.NoError(t, err)
		require.True(t, c.Buffered())
		require.NoError(t, c.End(nil))
		require.NotNil(t, c.buf, "unread bytes are kept")
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.Equal(t, "two", string(got))
		require.False(t, c.Buffered())
		c.Release()
		require.Nil(t, c.buf)
		c.Release()
	})
}

func TestNoBufferWhileWaitingOnASocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	defer far.Close()
	c := NewConn(near, Config{})
	defer c.Close()
	if !c.raw.ok() {
		t.Skip("sockets of this system cannot wait without a buffer")
	}
	_, err = far.Write(AppendRecord(nil, []byte("x")))
	require.NoError(t, err)
	_, err = c.ReadRecord()
	require.NoError(t, err)
	c.InterruptRead() // a wait that ends without a byte
	require.Error(t, c.Wait())
	require.Nil(t, c.buf)
	require.NoError(t, c.ResumeRead())
	require.NoError(t, far.Close())
	_, err = c.ReadRecord()
	require.Equal(t, io.EOF, err)
	require.Nil(t, c.buf)
}

package netfault_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
)

func TestPipeMovesBytesWithoutAReader(t *testing.T) {
	t.Parallel()
	a, b := netfault.Pipe()
	n, err := a.Write([]byte("hello"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	buf := make([]byte, 3)
	n, err = b.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "hel", string(buf[:n]))
	require.NoError(t, a.Close())
	rest, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "lo", string(rest))
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = a.Read(buf)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = a.Write(buf)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, "client", a.LocalAddr().String())
	require.Equal(t, "client", b.RemoteAddr().String())
	require.Equal(t, "pipe", b.RemoteAddr().Network())
}

func TestLinkTakesItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Link(1_000_000, 20*time.Millisecond)
		start := time.Now()
		for range 10 {
			_, err := a.Write(make([]byte, 10_000))
			require.NoError(t, err)
		}
		require.Zero(t, time.Since(start), "the link holds what was written")
		buf := make([]byte, 200_000)
		n, err := b.Read(buf)
		require.NoError(t, err)
		require.Equal(t, 10_000, n, "the first piece")
		require.Equal(t, 30*time.Millisecond, time.Since(start))
		require.NoError(t, a.Close())
		rest, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Len(t, rest, 90_000)
		require.Equal(t, 120*time.Millisecond, time.Since(start))
		// A deadline ends the wait for bytes that are under way.
		a, b = netfault.Link(1000, time.Second)
		_, err = a.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, b.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err = b.Read(buf)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, b.Close())
		require.NoError(t, a.Close())
	})
}

func TestPipeDeadlinesAndFullBuffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.PipeSize(4)
		defer a.Close()
		defer b.Close()
		start := time.Now()
		require.NoError(t, a.SetDeadline(start.Add(time.Minute)))
		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := a.Write([]byte("123456"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 4, n)
		require.NoError(t, a.SetDeadline(time.Time{}))
		done := make(chan error, 1)
		go func() {
			_, err := a.Write([]byte("789"))
			done <- err
		}()
		synctest.Wait()
		got := make([]byte, 7)
		_, err = io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, "1234789", string(got))
		require.NoError(t, <-done)
		// A deadline set while an operation waits ends it.
		go func() {
			_, err := a.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, a.SetReadDeadline(time.Unix(1, 0)))
		require.ErrorIs(t, <-done, os.ErrDeadlineExceeded)
	})
}

func TestReadNowDoesNotWait(t *testing.T) {
	t.Parallel()
	a, b := netfault.Pipe()
	slow := netfault.New(a, netfault.Faults{MaxRead: 2, CutReadAfter: 3})
	buf := make([]byte, 8)
	n, err := slow.ReadNow(buf)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = b.Write([]byte("abcd"))
	require.NoError(t, err)
	for _, want := range []string{"ab", "c"} {
		n, err = slow.ReadNow(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
	_, err = slow.ReadNow(buf)
	require.Equal(t, io.EOF, err)
	end, ok := a.(interface{ ReadNow(p []byte) (int, error) })
	require.True(t, ok)
	n, err = end.ReadNow(buf)
	require.NoError(t, err)
	require.Equal(t, "d", string(buf[:n]))
	require.NoError(t, b.Close())
	_, err = end.ReadNow(buf)
	require.Equal(t, io.EOF, err)
	stalled := netfault.New(a, netfault.Faults{StallReadAfter: -1})
	n, err = stalled.ReadNow(buf)
	require.NoError(t, err)
	require.Zero(t, n)
	client, _ := net.Pipe()
	n, err = netfault.New(client, netfault.Faults{}).ReadNow(buf)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestConnShortReadsAndWrites(t *testing.T) {
	t.Parallel()
	a, b := netfault.Pipe()
	slow := netfault.New(a, netfault.Faults{MaxRead: 1, MaxWrite: 2})
	n, err := slow.Write([]byte("12345"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = b.Write([]byte("abc"))
	require.NoError(t, err)
	buf := make([]byte, 8)
	for _, want := range []string{"a", "b", "c"} {
		n, err := slow.Read(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
	read, written := slow.Counts()
	require.Equal(t, []int64{3, 5}, []int64{read, written})
}

func TestConnCuts(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, tc := range []struct {
		name        string
		f           netfault.Faults
		read, wrote int
		rerr, werr  error
	}{
		{"after 3", netfault.Faults{CutReadAfter: 3, CutWriteAfter: 2}, 3, 2, nil, syscall.ECONNRESET},
		{"at once", netfault.Faults{CutReadAfter: -1, CutWriteAfter: -1}, 0, 0, nil, syscall.ECONNRESET},
		{"own error", netfault.Faults{CutReadAfter: 1, CutWriteAfter: 1, CutError: boom}, 1, 1, boom, boom},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, b := netfault.Pipe()
			c := netfault.New(a, tc.f)
			_, err := b.Write([]byte("abcdef"))
			require.NoError(t, err)
			got, err := io.ReadAll(c)
			require.Equal(t, tc.rerr, err)
			require.Equal(t, "abcdef"[:tc.read], string(got))
			n, err := c.Write([]byte(strings.Repeat("x", 9)))
			require.Equal(t, tc.werr, err)
			require.Equal(t, tc.wrote, n)
		})
	}
}

func TestConnStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Pipe()
		defer b.Close()
		c := netfault.New(a, netfault.Faults{StallReadAfter: 2, StallWriteAfter: 1})
		_, err := b.Write([]byte("abcdef"))
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
		got, err := io.ReadAll(c)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, "ab", string(got))
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Hour)))
		n, err := c.Write([]byte("xyz"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 1, n)
		done := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
	})
}

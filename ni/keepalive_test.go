package ni_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"
)

// A silent partner is pinged; one that answers is waited for, as long as the context allows.
func TestF58KeepAlivePingsASilentPartner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Pipe()
		client, server := ni.NewConn(a, ni.Config{KeepAlive: time.Minute}), ni.NewConn(b, ni.Config{})
		go func() {
			// Reading answers the pings; the answer comes after ten minutes.
			timer := time.AfterFunc(10*time.Minute, server.InterruptRead)
			defer timer.Stop()
			if err := server.Wait(); err == nil {
				return
			}
			_ = server.ResumeRead()
			_, _ = server.WriteRecord(append(make([]byte, ni.HeaderLength), "answer"...))
		}()
		start := time.Now()
		require.NoError(t, client.Begin(context.Background()))
		got, err := client.ReadRecord()
		require.NoError(t, err)
		require.Equal(t, "answer", string(got))
		require.Equal(t, 10*time.Minute, time.Since(start))
		require.NoError(t, client.End(nil))
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
	})
}

func TestF58KeepAliveGivesADeadPartnerUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Pipe()
		client := ni.NewConn(a, ni.Config{KeepAlive: time.Minute})
		require.NoError(t, client.Begin(context.Background()))
		start := time.Now()
		_, err := client.ReadRecord()
		silent, ok := errors.AsType[*ni.SilentError](err)
		require.True(t, ok, "%v", err)
		require.True(t, silent.Timeout())
		require.Equal(t, 2*time.Minute, time.Since(start))
		sent := make([]byte, 12)
		_, err = io.ReadFull(b, sent)
		require.NoError(t, err)
		require.Equal(t, "\x00\x00\x00\x08NI_PING\x00", string(sent))
		require.NoError(t, client.Close())
	})
}

// The context's own deadline wins over the keepalive.
func TestKeepAliveLeavesDeadlinesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Pipe()
		defer func(c net.Conn) { _ = c.Close() }(b)
		client := ni.NewConn(a, ni.Config{KeepAlive: time.Minute})
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, client.Begin(ctx))
		_, err := client.ReadRecord()
		require.ErrorIs(t, client.End(err), context.DeadlineExceeded)
		require.NoError(t, client.Close())
	})
}

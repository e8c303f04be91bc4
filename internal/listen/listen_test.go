package listen_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purerfc/purerfc/internal/listen"
	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "127.0.0.1:0", "localhost:0"} {
		l, err := listen.Open(t.Context(), "gateway", address, "127.0.0.1:3300", false)
		require.NoError(t, err, address)
		require.True(t, l.Addr().(*net.TCPAddr).IP.IsLoopback(), address)
		require.NoError(t, l.Close())
	}
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:3300", "sap.example.com:3300"} {
		_, err := listen.Open(t.Context(), "gateway", address, "127.0.0.1:3300", false)
		require.EqualError(t, err, "gateway: listen address "+address+" is reachable from outside; set AllowRemote if that is meant")
	}
	l, err := listen.Open(t.Context(), "gateway", "0.0.0.0:0", "127.0.0.1:3300", true)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = listen.Open(t.Context(), "gateway", "3300", "127.0.0.1:3300", false)
	require.ErrorContains(t, err, `gateway: listen address "3300"`)
	require.ErrorContains(t, err, "write host:port, for example 127.0.0.1:3300")
}

// listener gives what the test puts into it.
type listener struct {
	next  chan any // a net.Conn or an error
	close chan struct{}
	once  sync.Once
}

func newListener() *listener { return &listener{next: make(chan any), close: make(chan struct{})} }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case x := <-l.next:
		if err, ok := x.(error); ok {
			return nil, err
		}
		return x.(net.Conn), nil
	case <-l.close:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.close) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAccept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s listen.Set
		a, b := newListener(), newListener()
		var served, failed atomic.Int32
		results := make(chan error, 2)
		for _, l := range []*listener{a, b} {
			go func() {
				results <- s.Accept(l, func(error) { failed.Add(1) }, func(net.Conn) { served.Add(1) })
			}()
		}
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		a.next <- here
		b.next <- there
		synctest.Wait()
		require.EqualValues(t, 2, served.Load())
		s.Close()
		s.Close()
		s.Wait()
		require.NoError(t, <-results)
		require.NoError(t, <-results)
		require.Zero(t, failed.Load())
		late := newListener()
		require.NoError(t, s.Accept(late, nil, nil), "a set that is closed takes no further listener")
		<-late.close
	})
}

// F-06: too many open files are waited for, longer and longer, up to a second.
func TestF06AcceptFailsForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s listen.Set
		l := newListener()
		var failures []error
		result := make(chan error, 1)
		served := make(chan struct{}, 1)
		go func() {
			result <- s.Accept(l, func(err error) { failures = append(failures, err) }, func(net.Conn) { served <- struct{}{} })
		}()
		start := time.Now()
		full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
		for range 10 {
			l.next <- full
		}
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		l.next <- here
		<-served
		require.Equal(t, (5+10+20+40+80+160+320+640+1000+1000)*time.Millisecond, time.Since(start))
		require.Len(t, failures, 10)
		require.ErrorIs(t, failures[0], syscall.EMFILE)
		start = time.Now()
		l.next <- full
		l.next <- full
		synctest.Wait()
		require.Equal(t, 5*time.Millisecond, time.Since(start), "the wait begins anew behind a success")
		s.Close() // ends the wait
		require.NoError(t, <-result)
		require.Equal(t, 5*time.Millisecond, time.Since(start))
	})
}

func TestAcceptFails(t *testing.T) {
	t.Parallel()
	var s listen.Set
	l := newListener()
	broken := errors.New("broken")
	go func() { l.next <- broken }()
	require.ErrorIs(t, s.Accept(l, nil, nil), broken)
	<-l.close
	s.Wait()
}

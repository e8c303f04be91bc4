package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// firstWait is the wait behind a failed accept; it doubles up to longestWait.
	firstWait   = 5 * time.Millisecond
	longestWait = time.Second
)

// Open listens on a TCP address, host:port. An address without a host means loopback;
// another than loopback is refused unless remote. server names the server in errors, example
// is an address that would do.
func Open(ctx context.Context, server, address, example string, remote bool) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s: listen address %q: %w (write host:port, for example %s)", server, address, err, example)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if !remote && host != "localhost" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%s: listen address %s is reachable from outside; set AllowRemote if that is meant", server, address)
		}
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// Set holds the listeners of a server. The zero Set has none; it is safe for concurrent use.
type Set struct {
	mu     sync.Mutex
	open   map[net.Listener]struct{}
	closed chan struct{} // nil until something waits for it
	ended  bool
	loops  sync.WaitGroup
}

// Accept hands the connections of l to serve, one after the other, until the set is closed;
// it then returns nil. It closes l. Where accepting fails for a while, descriptors being used
// up for example, it tells failed, waits, and goes on (fault F-06); every other failure is
// returned.
func (s *Set) Accept(l net.Listener, failed func(error), serve func(net.Conn)) error {
	closed, ok := s.add(l)
	if !ok {
		_ = l.Close()
		return nil
	}
	defer s.remove(l)
	wait := firstWait
	for {
		nc, err := l.Accept()
		if err == nil {
			wait = firstWait
			serve(nc)
			continue
		}
		select {
		case <-closed:
			return nil
		default:
		}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		failed(err)
		timer := time.NewTimer(wait)
		select {
		case <-closed:
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = min(2*wait, longestWait)
	}
}

func (s *Set) add(l net.Listener) (closed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, false
	}
	if s.open == nil {
		s.open, s.closed = make(map[net.Listener]struct{}), make(chan struct{})
	}
	s.open[l] = struct{}{}
	s.loops.Add(1) // under the lock and never behind ended: Wait may be called
	return s.closed, true
}

func (s *Set) remove(l net.Listener) {
	_ = l.Close()
	s.mu.Lock()
	delete(s.open, l)
	s.mu.Unlock()
	s.loops.Done()
}

// Close closes the listeners and refuses further ones. It is idempotent, and does not wait.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.closed != nil {
		close(s.closed)
	}
	for l := range s.open {
		_ = l.Close()
	}
}

// Wait waits, behind Close, until every Accept has returned: nothing is given to serve any
// more.
func (s *Set) Wait() { s.loops.Wait() }

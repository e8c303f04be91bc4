package soak_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kind is what happens to a connection on the road.
type kind uint32

const (
	cut     kind = iota + 1 // ends in order behind some bytes
	reset                   // ends with a reset
	silence                 // nothing passes any more, in one direction
	crumbs                  // the next bytes come one by one; no harm
	delay                   // nothing passes for some time; no harm
	refused                 // the system refused the logon
	down                    // the system was ended, or was not there
)

var kindNames = map[kind]string{
	cut: "cuts", reset: "resets", silence: "silences", crumbs: "crumbling peers", delay: "slow peers", refused: "refused logons", down: "restarts",
}

// fault is what is to happen behind so many bytes in one direction.
type fault struct {
	kind   kind
	toHost bool
	after  int
	pause  time.Duration // of delay
}

// road relays connections to a system that may move, and does harm on the way.
type road struct {
	listener net.Listener
	pumps    sync.WaitGroup
	waiting  atomic.Int32 // len(armed)
	done     [down + 1]atomic.Int64

	mu     sync.Mutex
	target string           // empty: the system is down
	armed  []*fault         // for whatever connection moves next
	links  map[string]*link // by the address of the client
	hosts  map[string]*link // by the address that the host sees
}

// link is one relayed connection.
type link struct {
	road    *road
	client  *net.TCPConn
	host    *net.TCPConn
	bad     atomic.Uint32 // the kind of the fault that it met
	end     sync.Once
	dead    chan struct{}
	pending [2]atomic.Pointer[fault] // to the client, to the host
}

func newRoad(tb testing.TB) *road {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	r := &road{listener: l, links: map[string]*link{}, hosts: map[string]*link{}}
	r.pumps.Go(r.accept)
	return r
}

func (r *road) accept() {
	for {
		nc, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.pumps.Go(func() { r.relay(nc.(*net.TCPConn)) })
	}
}

func (r *road) relay(client *net.TCPConn) {
	l := &link{road: r, client: client, dead: make(chan struct{})}
	from := client.RemoteAddr().String()
	r.mu.Lock()
	target := r.target
	r.links[from] = l
	r.mu.Unlock()
	nc, err := net.Dial("tcp", target)
	if err != nil {
		l.harm(down)
		_ = client.Close()
		close(l.dead)
		return
	}
	r.mu.Lock()
	l.host = nc.(*net.TCPConn)
	r.hosts[l.host.LocalAddr().String()] = l
	moved := target != r.target
	r.mu.Unlock()
	if moved {
		l.harm(down) // whoever ends the system has not seen us
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(l.client, l.host, true) })
	l.pump(l.host, l.client, false)
	both.Wait()
	l.kill()
}

// harm notes a fault before anybody can see it.
func (l *link) harm(k kind) {
	if l.bad.CompareAndSwap(0, uint32(k)) {
		l.road.done[k].Add(1)
	}
}

func (l *link) kill() {
	l.end.Do(func() {
		_ = l.client.Close()
		_ = l.host.Close()
		close(l.dead)
	})
}

func direction(toHost bool) int {
	if toHost {
		return 1
	}
	return 0
}

// take gives a link the next fault that waits for one.
func (r *road) take(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.armed) == 0 {
		return
	}
	f := r.armed[0]
	if l.pending[direction(f.toHost)].CompareAndSwap(nil, f) {
		r.armed = r.armed[1:]
		r.waiting.Add(-1)
	}
}

func (l *link) pump(from, to *net.TCPConn, toHost bool) {
	buf := make([]byte, 8<<10)
	pending := &l.pending[direction(toHost)]
	for {
		n, err := from.Read(buf)
		if n > 0 && l.road.waiting.Load() > 0 {
			l.road.take(l)
		}
		if n > 0 && !l.pass(to, buf[:n], pending) {
			_, _ = io.Copy(io.Discard, from) // silence: until an end leaves
			l.kill()
			return
		}
		if err != nil {
			// One end has closed. What the other one has sent is still on its way.
			if to.CloseWrite() != nil || !errors.Is(err, io.EOF) {
				l.kill()
			}
			return
		}
	}
}

// pass moves bytes; false is silence from now on.
func (l *link) pass(to *net.TCPConn, b []byte, pending *atomic.Pointer[fault]) bool {
	write := func(b []byte) {
		if _, err := to.Write(b); err != nil {
			l.kill()
		}
	}
	f := pending.Load()
	if f == nil || f.after >= len(b) {
		if f != nil {
			f.after -= len(b)
		}
		write(b)
		return true
	}
	pending.Store(nil)
	write(b[:f.after])
	rest := b[f.after:]
	switch f.kind {
	case cut, reset:
		l.harm(f.kind)
		if f.kind == reset {
			_, _ = l.client.SetLinger(0), l.host.SetLinger(0)
		}
		l.kill()
	case silence:
		l.harm(silence)
		return false
	case crumbs:
		l.road.done[crumbs].Add(1)
		n := min(len(rest), 300)
		for i := range n {
			write(rest[i : i+1])
		}
		write(rest[n:])
	case delay:
		l.road.done[delay].Add(1)
		t := time.NewTimer(f.pause)
		select {
		case <-t.C:
		case <-l.dead:
		}
		t.Stop()
		write(rest)
	}
	return true
}

// arm prepares a fault for whatever connection moves next.
func (r *road) arm(f *fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = append(r.armed, f)
	r.waiting.Add(1)
}

// someFault is one that needs nobody's help to end.
func someFault(rnd *rand.Rand) *fault {
	f := &fault{kind: []kind{cut, reset, crumbs, delay}[rnd.IntN(4)], toHost: rnd.IntN(2) == 0}
	switch rnd.IntN(4) {
	case 0:
		f.after = rnd.IntN(100_000) // in a large table
	default:
		f.after = rnd.IntN(1500) // anywhere in an exchange
	}
	f.pause = time.Duration(1+rnd.IntN(30)) * time.Millisecond
	return f
}

// linkOf finds the connection of a client by its own address.
func (r *road) linkOf(client string) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[client]
}

// refuse notes that the host has refused the logon of a connection.
func (r *road) refuse(seen string) {
	r.mu.Lock()
	l := r.hosts[seen]
	r.mu.Unlock()
	if l != nil {
		l.harm(refused)
	}
}

// lead says where the system is; empty says that it is about to end.
func (r *road) lead(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	if target == "" {
		for _, l := range r.links {
			select {
			case <-l.dead:
			default:
				l.harm(down)
			}
		}
	}
}

// forget drops what is known of connections when there are none.
func (r *road) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links, r.hosts = map[string]*link{}, map[string]*link{}
	r.armed = nil
	r.waiting.Store(0)
}

// hangUp ends all connections.
func (r *road) hangUp() {
	r.mu.Lock()
	links := make([]*link, 0, len(r.links))
	for _, l := range r.links {
		links = append(links, l)
	}
	r.mu.Unlock()
	for _, l := range links {
		if l.host != nil {
			l.kill()
		}
	}
}

func (r *road) close() {
	_ = r.listener.Close()
	r.hangUp()
	r.pumps.Wait()
}

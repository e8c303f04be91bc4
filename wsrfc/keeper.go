package wsrfc

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Keeper looks after connections that nobody reads from: it answers what their peers ask,
// notices when they leave, and sends keep-alive pings, also to peers that let a caller wait.
// One goroutine serves all connections of a Keeper; it runs while there are any. The zero
// value is ready to use; it is safe for concurrent use.
type Keeper struct {
	// Interval is how often it looks (jco.destination.ws_ping_check_interval). Default
	// DefaultPingCheck.
	Interval time.Duration

	mu    sync.Mutex
	conns map[*Conn]struct{}
	quit  chan struct{} // ends the goroutine; nil while none runs
}

// shared keeps the connections that name no Keeper of their own.
var shared Keeper

func (k *Keeper) add(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conns == nil {
		k.conns = make(map[*Conn]struct{})
	}
	k.conns[c] = struct{}{}
	if k.quit == nil {
		k.quit = make(chan struct{})
		interval := k.Interval
		if interval <= 0 {
			interval = DefaultPingCheck
		}
		go k.run(interval, k.quit)
	}
}

func (k *Keeper) remove(c *Conn) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
	if len(k.conns) == 0 && k.quit != nil {
		close(k.quit)
		k.quit = nil
	}
}

func (k *Keeper) run(interval time.Duration, quit chan struct{}) {
	t := time.NewTicker(interval)
	defer t.Stop()
	var list []*Conn
	for {
		select {
		case <-quit:
			return
		case now := <-t.C:
			k.mu.Lock()
			list = list[:0]
			for c := range k.conns {
				list = append(list, c)
			}
			k.mu.Unlock()
			for _, c := range list {
				c.tend(now)
			}
			clear(list)
		}
	}
}

// pinger is what a Keeper knows of a connection; only its goroutine touches it.
type pinger struct {
	period  time.Duration // 0: no pings
	timeout time.Duration // 0: answers are not demanded
	due     time.Duration // of silence until the ping
	seen    int64         // bytes received so far
	since   time.Time     // when that number changed
	pinged  bool
	asked   time.Time // when
}

// newPinger spreads the pings of connections that were opened together: none comes later than
// the period says, and some a quarter of it earlier.
func newPinger(period, timeout time.Duration) pinger {
	p := pinger{period: period, timeout: timeout, due: period}
	if period > 0 {
		p.due -= rand.N(period/4 + 1) //nolint:gosec // nothing to guess
	}
	return p
}

// tend does what is due on one connection.
func (c *Conn) tend(now time.Time) {
	if !c.accepting {
		c.lookAfter()
	}
	p := &c.ping
	if got := c.sock.received.Load(); got != p.seen || p.since.IsZero() {
		p.seen, p.since, p.pinged = got, now, false
	}
	switch {
	case c.closed.Load():
	case p.pinged && p.timeout > 0 && now.Sub(p.asked) >= p.timeout:
		c.giveUp()
	case !p.pinged && p.period > 0 && now.Sub(p.since) >= p.due:
		p.pinged, p.asked = true, now
		_ = c.writeControl(websocket.PingMessage, nil) // what cannot be sent is not answered
	}
}

// lookAfter takes what has arrived on a connection that nobody uses. One that is not in order
// any more is closed at once, and its reason kept for the next user.
func (c *Conn) lookAfter() {
	select {
	case c.turn <- struct{}{}:
	default:
		return // in use
	}
	var err error
	if c.usable() == nil {
		if err = c.lookNow(soon); err != nil {
			c.fail()
			c.why = err
		}
	}
	c.give()
	if err != nil {
		c.Abort()
	}
}

// giveUp ends a connection whose peer did not answer a ping.
func (c *Conn) giveUp() {
	c.silent.Store(true)
	c.sock.interrupt() // who waits on it learns now
	select {
	case c.turn <- struct{}{}:
		c.fail()
		c.why = &SilentError{For: c.ping.timeout}
		c.give()
		c.Abort()
	default:
	}
}

package cpic

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// watchDelay is how long a handler may run before its connection is watched: between one
// and two of these intervals. Most handlers are done long before and pay two atomic stores.
const watchDelay = 20 * time.Millisecond

// Watchdog starts the watch on connections whose handlers run long. One ticker serves all
// connections of a server, and only while calls are made: a timer for each call would wake
// the scheduler each time, which costs more than the call itself (5 of 20 us measured on
// loopback). The zero value is ready to use; its methods are safe for concurrent use.
type Watchdog struct {
	tick    atomic.Int64 // counts the intervals
	running atomic.Bool

	mu    sync.Mutex
	conns map[*Conn]struct{}
}

// restAfter is how many intervals without any call end the ticker.
const restAfter = 50

func (d *Watchdog) add(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		d.conns = make(map[*Conn]struct{})
	}
	d.conns[c] = struct{}{}
}

func (d *Watchdog) remove(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// wake makes sure that the ticker runs.
func (d *Watchdog) wake() {
	if !d.running.Load() && d.running.CompareAndSwap(false, true) {
		go d.run()
	}
}

// run ticks until nothing has happened for a while.
func (d *Watchdog) run() {
	t := time.NewTicker(watchDelay)
	defer t.Stop()
	quiet := 0
	for range t.C {
		now := d.tick.Add(1)
		if quiet++; d.look(now) {
			quiet = 0
		}
		if quiet <= restAfter {
			continue
		}
		d.running.Store(false)
		// A call may have begun between the look and the store and have trusted us.
		if !d.look(now) || !d.running.CompareAndSwap(false, true) {
			return
		}
		quiet = 0
	}
}

// look starts the watch where a handler runs since an earlier interval and reports whether
// any handler runs.
func (d *Watchdog) look(now int64) (busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		if since := c.watch.since.Load(); since != 0 {
			busy = true
			if since < now {
				c.watch.begin(c)
			}
		}
	}
	return busy
}

// watch notices that the peer has gone while a handler runs.
type watch struct {
	// since is the tick of the call's start plus one, 0 while nothing is watched, claimed
	// while the reader runs. A quick call touches nothing else.
	since atomic.Int64
	dog   *Watchdog
	stop  func() // stopWatch, bound once
	gone  func(error)

	mu   sync.Mutex
	done chan struct{} // closed when the reader has ended; nil while none runs
}

// claimed is the value of watch.since while the reader runs.
const claimed = -1

// Watch calls gone once if the client closes the connection, or sends something although
// it is not its turn, before the returned function is called. NI pings are answered
// meanwhile. It starts after a short delay, so that quick handlers pay next to nothing, and
// lifts the idle limit, which bounds the client and not the handler.
// Nothing else may use the conversation until stop has returned.
func (c *Conn) Watch(gone func(error)) (stop func()) {
	w := &c.watch
	w.gone = gone
	if w.stop == nil {
		w.stop = c.stopWatch
	}
	// The ticker that looks at since was woken first or will be: nothing is missed.
	w.since.Store(w.dog.tick.Load() + 1)
	w.dog.wake()
	return w.stop
}

// begin starts the reader, unless it runs or the call has ended.
func (w *watch) begin(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := w.since.Load()
	if since <= 0 || !w.since.CompareAndSwap(since, claimed) {
		return
	}
	w.done = make(chan struct{})
	go w.read(c, w.gone, w.done)
}

func (w *watch) read(c *Conn, gone func(error), done chan struct{}) {
	defer close(done)
	err := c.ni.SetReadLimit(0)
	if err == nil {
		err = c.ni.Wait()
	}
	if w.since.Load() == 0 && isTimeout(err) {
		return // stopWatch interrupted the read
	}
	if err == nil {
		err = c.protocolError("record", "silence while the call runs", "a record of the client")
	}
	gone(err)
}

// leave ends the connection's part in the watchdog.
func (w *watch) leave(c *Conn) {
	if w.dog != nil {
		w.dog.remove(c)
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func (c *Conn) stopWatch() {
	w := &c.watch
	if w.since.Swap(0) != claimed {
		return
	}
	w.mu.Lock() // begin may be about to set done
	done := w.done
	w.mu.Unlock()
	c.ni.InterruptRead()
	<-done
	_ = c.ni.ResumeRead()
}

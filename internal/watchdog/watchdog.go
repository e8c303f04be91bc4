package watchdog

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Delay is how long a handler may run before its connection is watched: between one and two
// of these intervals. Most handlers are done long before and pay two atomic stores.
const Delay = 20 * time.Millisecond

// restAfter is how many intervals without any call end the ticker.
const restAfter = 50

// Dog starts the watch on connections whose handlers run long. One ticker serves all
// connections of a server, and only while calls are made: a timer for each call would wake
// the scheduler each time, which costs more than the call itself (5 of 20 us measured on
// loopback). The zero value is ready to use; its methods are safe for concurrent use.
type Dog struct {
	tick    atomic.Int64 // counts the intervals
	running atomic.Bool

	mu      sync.Mutex
	watches map[*Watch]struct{}
}

func (d *Dog) add(w *Watch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watches == nil {
		d.watches = make(map[*Watch]struct{})
	}
	d.watches[w] = struct{}{}
}

func (d *Dog) remove(w *Watch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.watches, w)
}

// wake makes sure that the ticker runs.
func (d *Dog) wake() {
	if !d.running.Load() && d.running.CompareAndSwap(false, true) {
		go d.run()
	}
}

// run ticks until nothing has happened for a while.
func (d *Dog) run() {
	t := time.NewTicker(Delay)
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
func (d *Dog) look(now int64) (busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.watches {
		if since := w.since.Load(); since != 0 {
			busy = true
			if since < now {
				w.begin()
			}
		}
	}
	return busy
}

// Conn is what a Watch reads from.
type Conn interface {
	// Wait blocks without a time limit until the peer has said something that is meant for
	// the layer above (nil), or has gone (the reason). A wait that InterruptRead ends loses
	// nothing and returns a timeout.
	Wait() error
	InterruptRead()
	ResumeRead() error
	// OutOfTurn is the error for a peer that spoke although it was not its turn.
	OutOfTurn() error
}

// Watch notices that the peer of one connection has gone while a handler runs.
type Watch struct {
	// since is the tick of the call's start plus one, 0 while nothing is watched, claimed
	// while the reader runs. A quick call touches nothing else.
	since atomic.Int64
	dog   *Dog
	conn  Conn
	stop  func() // stopWatch, bound once
	gone  func(error)

	mu   sync.Mutex
	done chan struct{} // closed when the reader has ended; nil while none runs
}

// claimed is the value of Watch.since while the reader runs.
const claimed = -1

// Join makes the watch serve c; dog nil means one of its own.
func (w *Watch) Join(dog *Dog, c Conn) {
	if dog == nil {
		dog = new(Dog)
	}
	w.dog, w.conn, w.stop = dog, c, w.end
	dog.add(w)
}

// Leave ends the connection's part in the watchdog. It is harmless without Join.
func (w *Watch) Leave() {
	if w.dog != nil {
		w.dog.remove(w)
	}
}

// Start calls gone once if the peer closes the connection, or sends something although it is
// not its turn, before the returned function is called. It starts after a short delay, so
// that quick handlers pay next to nothing. Nothing else may read the connection until stop
// has returned.
func (w *Watch) Start(gone func(error)) (stop func()) {
	w.gone = gone
	// The ticker that looks at since was woken first or will be: nothing is missed.
	w.since.Store(w.dog.tick.Load() + 1)
	w.dog.wake()
	return w.stop
}

// begin starts the reader, unless it runs or the call has ended.
func (w *Watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := w.since.Load()
	if since <= 0 || !w.since.CompareAndSwap(since, claimed) {
		return
	}
	w.done = make(chan struct{})
	go w.read(w.gone, w.done)
}

func (w *Watch) read(gone func(error), done chan struct{}) {
	defer close(done)
	err := w.conn.Wait()
	if w.since.Load() == 0 && isTimeout(err) {
		return // end interrupted the read
	}
	if err == nil {
		err = w.conn.OutOfTurn()
	}
	gone(err)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func (w *Watch) end() {
	if w.since.Swap(0) != claimed {
		return
	}
	w.mu.Lock() // begin may be about to set done
	done := w.done
	w.mu.Unlock()
	w.conn.InterruptRead()
	<-done
	_ = w.conn.ResumeRead()
}

package pool

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/puddle/v2"
)

// Pool lends connections. Its methods are safe for concurrent use.
type Pool[T Resource] struct {
	cfg     Config[T]
	core    *puddle.Pool[*entry[T]]
	start   time.Time       // of the pool's clock
	base    context.Context // ends with the pool
	end     context.CancelCauseFunc
	drained chan struct{} // closed when the pool is closed and nothing is left of it
	spare   sync.Pool     // waiters

	mu     sync.Mutex
	closed bool
	all    []*entry[T] // everything that exists, in no order
	shelf  shelf[T]    // the idle ones
	queue  queue[T]
	// Those for whom a connection is being opened.
	launched queue[T]
	// How many of all are lent or being reset, closing, or in the hands of the checker. The
	// rest is idle. Openings are not in all.
	inUse, closing, checking, opening int

	trouble  trouble
	refusals map[string]refusal
	alarm    *time.Timer   // for the next thing that time brings to the queue
	alarmAt  time.Duration // 0: not set
	sweeper  *time.Timer
	sweeping bool // the sweeper is set, or runs
	tasks    []task[T]
	stats    Stats
}

// entry is a connection of the pool.
type entry[T Resource] struct {
	value     T
	pool      *Pool[T]
	handle    *puddle.Resource[*entry[T]]
	partition string
	gen       atomic.Uint64 // odd while it is lent; each lending has a number of its own
	since     time.Duration // when it became idle
	index     int           // in Pool.all
	trace     *trace        // of the lending, in debug mode
	state     state
}

// state says where an entry is.
type state uint8

const (
	idle      state = iota
	checking        // taken aside by the checker
	lent            // a Lease has it
	resetting       // released, and being reset
	closing         // on its way out, whoever still holds it
)

// New makes a pool. It opens nothing. The error lists everything that is wrong with cfg.
func New[T Resource](cfg Config[T]) (*Pool[T], error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p := &Pool[T]{cfg: cfg, start: time.Now(), drained: make(chan struct{})}
	p.base, p.end = context.WithCancelCause(context.Background())
	p.spare.New = func() any { return &waiter[T]{ready: make(chan struct{}, 1)} }
	p.trouble.burst = time.Duration(max(cfg.Peak, cfg.Capacity, minLossBurst)) * lossInterval
	size := int32(math.MaxInt32)
	if cfg.Peak > 0 {
		size = int32(cfg.Peak)
	}
	core, err := puddle.NewPool(&puddle.Config[*entry[T]]{Constructor: construct[T], Destructor: p.destroyed, MaxSize: size})
	p.core = core
	return p, err
}

// now is the pool's clock: monotonic, and never 0.
func (p *Pool[T]) now() time.Duration { return time.Since(p.start) + 1 }

func (p *Pool[T]) partition(ctx context.Context) string {
	if p.cfg.Partition == nil {
		return ""
	}
	return p.cfg.Partition(ctx)
}

// Acquire lends a connection: the idle one that was returned last, a new one if there is
// none and room, else the one that comes back when the caller's turn has come. The Lease
// has to be released.
//
// Errors: that of Open, if it failed for this caller; *Error of kind ErrExhausted after
// MaxWait, ErrUnavailable or ErrClosed. When ctx ends first the error matches its error and
// its cause, and the kind says what the caller was waiting for. With an error the caller
// holds nothing.
func (p *Pool[T]) Acquire(ctx context.Context) (Lease[T], error) {
	if ctx == nil {
		return Lease[T]{}, errNilContext
	}
	if ctx.Err() != nil {
		return Lease[T]{}, p.ended(ctx)
	}
	key := p.partition(ctx)
	var dead task[T] // the connection that was tried before, to no avail
	for {
		e, err := p.take(ctx, key, dead)
		if err != nil {
			return Lease[T]{}, err
		}
		l := Lease[T]{entry: e, number: e.gen.Load()}
		why, err := p.fit(ctx, e)
		if err == nil {
			if p.cfg.Debug {
				l.mark = p.record(e, l.number)
			}
			return l, nil
		}
		dead = task[T]{e, Event{Reason: why, Err: err}}
		if ctx.Err() != nil {
			p.mu.Lock()
			p.drop(dead)
			p.dispatch(p.now())
			p.stats.Canceled++
			p.unlock()
			return Lease[T]{}, cause(ctx)
		}
	}
}

// take gets a connection that counts as lent to the caller. Who comes with a dead one has not
// lost his place: he is the first again in the same moment in which its room becomes free.
func (p *Pool[T]) take(ctx context.Context, key string, dead task[T]) (*entry[T], error) {
	p.mu.Lock()
	again := dead.entry != nil
	if again {
		p.drop(dead)
	}
	if p.closed {
		p.unlock()
		return nil, &Error{Kind: ErrClosed}
	}
	if e := p.shelf.pop(key); e != nil {
		p.lend(e)
		p.unlock()
		return e, nil
	}
	w := p.spare.Get().(*waiter[T])
	now := p.now()
	w.ctx, w.key, w.since, w.place = ctx, key, now, queued
	p.queue.add(w, again)
	if head := p.queue.first; head == w || p.cfg.Partition != nil || now-head.since >= p.cfg.MaxWait {
		p.dispatch(now) // else there is nothing for us that the head has not been refused
	}
	w.waited = w.place == queued
	p.unlock()
	return p.await(ctx, w)
}

// await waits until w was served or ctx ends.
func (p *Pool[T]) await(ctx context.Context, w *waiter[T]) (*entry[T], error) {
	if done := ctx.Done(); done == nil {
		<-w.ready
	} else {
		select {
		case <-w.ready:
		case <-done:
			if err := p.leave(ctx, w); err != nil {
				return nil, err
			}
		}
	}
	e, err := w.entry, w.err
	p.forget(w)
	return e, err
}

// forget gives a waiter back whom nobody refers to any more.
func (p *Pool[T]) forget(w *waiter[T]) {
	*w = waiter[T]{ready: w.ready}
	p.spare.Put(w)
}

// leave ends the waiting of a caller whose context has ended. nil says that he has been told
// an error already.
func (p *Pool[T]) leave(ctx context.Context, w *waiter[T]) error {
	p.mu.Lock()
	now := p.now()
	var err *Error
	switch w.place {
	case queued:
		p.queue.remove(w)
		err = p.sorry(w, now)
	case atOpening:
		p.launched.remove(w)
		w.opening.waiter = nil
		err = &Error{Waited: now - w.since}
	case served:
		<-w.ready
		if w.entry == nil {
			p.mu.Unlock()
			return nil
		}
		// It came at the same instant: the next one has it.
		err = p.sorry(w, now)
		p.stats.Acquired--
		if w.entry.state == lent { // else Close has it
			p.inUse--
			p.putBack(w.entry, now)
		}
	}
	p.stats.Canceled++
	p.unlock()
	p.forget(w)
	err.Err = cause(ctx)
	return err
}

// sorry is the error of a waiter who has waited in vain, without the cause that a context
// may have had.
func (p *Pool[T]) sorry(w *waiter[T], now time.Duration) *Error {
	err := &Error{
		Waited: now - w.since, Peak: p.cfg.Peak, InUse: p.inUse, Idle: p.shelf.n + p.checking, Opening: p.opening,
		Waiting: p.queue.n, Discarded: p.stats.Closed.failures(),
	}
	switch {
	case p.spent():
		err.Kind, err.Holders = ErrExhausted, p.holders(now)
	case p.trouble.failing():
		err.Kind, err.Open = ErrUnavailable, p.trouble.last
	}
	return err
}

// ended is the error of a caller whose context had ended before he asked.
func (p *Pool[T]) ended(ctx context.Context) error {
	p.mu.Lock()
	p.stats.Canceled++
	p.mu.Unlock()
	return cause(ctx)
}

// lend hands e to somebody.
func (p *Pool[T]) lend(e *entry[T]) {
	e.state = lent
	e.gen.Add(1)
	p.inUse++
	p.stats.Acquired++
}

// serve hands e to a waiter.
func (p *Pool[T]) serve(w *waiter[T], e *entry[T]) {
	p.lend(e)
	w.entry, w.place = e, served
	w.ready <- struct{}{}
}

// fail tells a waiter that he gets nothing.
func (p *Pool[T]) fail(w *waiter[T], err error) {
	w.err, w.place = err, served
	w.ready <- struct{}{}
}

// endWait takes a waiter out of the queue and counts his waiting.
func (p *Pool[T]) endWait(w *waiter[T], now time.Duration) {
	p.queue.remove(w)
	if w.waited {
		p.stats.wait(now - w.since)
	}
}

// fit looks at a connection that was idle, or in other hands, before its new user sees it.
// It runs without the lock: a slow ping holds up nobody else.
func (p *Pool[T]) fit(ctx context.Context, e *entry[T]) (Reason, error) {
	if e.since == 0 {
		// Fresh from Open. One that is dead already is its user's to find: else this would
		// be a loop of logons.
		return 0, nil
	}
	if err := e.look(); err != nil {
		return Dead, err
	}
	if p.cfg.Ping == nil || p.now()-e.since < p.cfg.PingAfter {
		return 0, nil
	}
	return PingFailed, p.ping(ctx, e)
}

// look asks the connection itself.
func (e *entry[T]) look() (err error) {
	defer recovered(&err, "Idle")
	return e.value.Idle()
}

func (p *Pool[T]) ping(ctx context.Context, e *entry[T]) (err error) {
	defer recovered(&err, "Ping")
	return p.cfg.Ping(ctx, e.value)
}

// drop closes a lent connection that its user has never seen.
func (p *Pool[T]) drop(dead task[T]) {
	e := dead.entry
	p.stats.Acquired--
	if e.state != lent {
		return // Close was faster
	}
	e.gen.Add(1)
	p.inUse--
	p.discard(e, dead.event.Reason, dead.event.Err)
}

// putBack finds the next use of a connection that is in order: a waiter, the shelf, or the
// door.
func (p *Pool[T]) putBack(e *entry[T], now time.Duration) {
	if e.gen.Load()&1 == 1 {
		e.gen.Add(1)
	}
	e.since = now
	w := p.queue.first
	switch {
	case p.closed:
		p.discard(e, PoolClosed, nil)
	case w == nil && p.shelf.n+p.checking >= p.cfg.Capacity:
		p.discard(e, Surplus, nil)
	case w == nil:
		p.shelve(e)
	case w.key == e.partition:
		p.endWait(w, now)
		p.serve(w, e)
		if p.cfg.Partition != nil {
			p.dispatch(now) // the next one may be blocked by less
		}
	default: // the head needs room, or cannot be helped; somebody behind him perhaps can
		p.shelve(e)
		p.dispatch(now)
		if e.state == idle && p.shelf.n+p.checking > p.cfg.Capacity {
			p.shelf.remove(e)
			p.discard(e, Surplus, nil)
		}
	}
}

// shelve keeps e until somebody wants it.
func (p *Pool[T]) shelve(e *entry[T]) {
	e.state = idle
	p.shelf.push(e)
	p.watch()
}

// discard begins the end of a connection. Its room is free when destroyed has run.
func (p *Pool[T]) discard(e *entry[T], why Reason, err error) {
	e.state = closing
	p.closing++
	p.stats.closed(why)
	if why.Failure() {
		p.trouble.loss(p.now(), p.cfg.Random)
	}
	p.tasks = append(p.tasks, task[T]{entry: e, event: Event{Kind: Closed, Partition: e.partition, Reason: why, Err: err}})
}

// room reports whether one more may exist.
func (p *Pool[T]) room() bool { return p.cfg.Peak == 0 || len(p.all)+p.opening < p.cfg.Peak }

// spent reports that the limit is reached by connections in use: those that are idle or
// closing make room in a moment.
func (p *Pool[T]) spent() bool { return p.cfg.Peak > 0 && p.inUse+p.opening >= p.cfg.Peak }

// dispatch gives everybody in the queue what there is for him, in order: a connection, the
// permission to open one, an error. It is called whenever that may have changed.
func (p *Pool[T]) dispatch(now time.Duration) {
	blocked := false // nobody may open until something changes
	coming, promised := p.closing, 0
	for w := p.queue.first; w != nil; {
		next := w.next
		w.promised = false
		e := p.shelf.pop(w.key)
		switch {
		case e != nil:
			p.endWait(w, now)
			p.serve(w, e)
		case !p.room() && coming == 0 && p.shelf.n == 0:
			blocked = true
		case p.refuse(w, now):
		case blocked || p.trouble.holds(now, p.opening+promised):
			blocked = true
		case p.room():
			p.endWait(w, now)
			p.launch(w, now)
		default: // his is what is about to be free, or idle in another partition
			w.promised = true
			promised++
			if coming > 0 {
				coming--
			} else {
				p.discard(p.shelf.popOldest(), Evicted, nil)
			}
		}
		if blocked && p.cfg.Partition == nil {
			break // nothing could be found further back
		}
		w = next
	}
	p.expire(now)
	p.setAlarm(now)
}

// expire fails those whose time is over, if it is a lack of connections that they wait for.
func (p *Pool[T]) expire(now time.Duration) {
	for w := p.queue.first; w != nil && now-w.since >= p.cfg.MaxWait && (p.spent() || p.trouble.failing()); {
		next := w.next
		if !w.promised {
			p.endWait(w, now)
			err := p.sorry(w, now)
			p.stats.Timeouts++
			p.tasks = append(p.tasks, task[T]{event: Event{Kind: TimedOut, Partition: w.key, Err: err, Duration: err.Waited}})
			p.fail(w, err)
		}
		w = next
	}
}

// setAlarm makes time itself call dispatch: when the head of the queue has waited long
// enough, or when openings may go on. All waiters wait equally long, so that the head's
// time is the first.
func (p *Pool[T]) setAlarm(now time.Duration) {
	w := p.queue.first
	if w == nil {
		return
	}
	at := time.Duration(math.MaxInt64)
	for _, t := range [...]time.Duration{w.since + p.cfg.MaxWait, p.trouble.until, p.trouble.calmAt()} {
		if t > now {
			at = min(at, t)
		}
	}
	if at == math.MaxInt64 || p.alarmAt != 0 && p.alarmAt <= at {
		return
	}
	p.alarmAt = at
	if p.alarm == nil {
		p.alarm = time.AfterFunc(at-now, p.ring)
		return
	}
	p.alarm.Reset(at - now)
}

func (p *Pool[T]) ring() {
	p.mu.Lock()
	p.alarmAt = 0
	if !p.closed {
		p.dispatch(p.now())
	}
	p.unlock()
}

// task is what has to be done without the lock: to see a connection off, to tell somebody.
type task[T Resource] struct {
	entry *entry[T]
	event Event
}

// unlock unlocks and does what was put off meanwhile.
func (p *Pool[T]) unlock() {
	tasks := p.tasks
	p.tasks = nil
	p.mu.Unlock()
	p.perform(tasks)
}

// perform sees connections off first: a hook may close the pool, which waits for them.
func (p *Pool[T]) perform(tasks []task[T]) {
	for i := range tasks {
		t := &tasks[i]
		if e := t.entry; e != nil {
			t.event.Duration = time.Since(e.handle.CreationTime())
			if t.event.Reason.Failure() {
				e.handle.Destroy()
			} else {
				go e.farewell()
			}
		}
	}
	if p.cfg.Event == nil {
		return
	}
	for i := range tasks {
		p.cfg.Event(tasks[i].event)
	}
}

// farewell ends a connection in order. That takes a moment, for which nobody waits but the
// destructor: it ends when Close does, which is bounded.
func (e *entry[T]) farewell() {
	defer e.handle.Destroy()
	var err error
	defer recovered(&err, "Close")
	_ = e.value.Close()
}

// destroyed is the destructor: it cuts what is left and frees the room.
func (p *Pool[T]) destroyed(e *entry[T]) {
	e.abort()
	p.mu.Lock()
	p.closing--
	last := len(p.all) - 1
	p.all[last].index = e.index
	p.all[e.index] = p.all[last]
	p.all[last] = nil
	p.all = p.all[:last]
	p.finish()
	if !p.closed {
		p.dispatch(p.now())
	}
	tasks := p.tasks
	p.tasks = nil
	p.mu.Unlock()
	if len(tasks) > 0 {
		// Elsewhere: a hook may close the pool, and closing waits for this destructor.
		go p.perform(tasks)
	}
}

func (e *entry[T]) abort() {
	var err error
	defer recovered(&err, "Abort")
	e.value.Abort()
}

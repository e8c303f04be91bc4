package pool

import (
	"context"
	"errors"
	"time"
)

// opening is a connection on its way into the pool.
type opening[T Resource] struct {
	pool   *Pool[T]
	ctx    context.Context
	key    string     // partition
	waiter *waiter[T] // who caused it; nil when he has left
	round  int        // of failures, when it began
	began  time.Duration
}

// launch opens a connection for w, apart from his context: when he leaves, somebody else
// will want it.
func (p *Pool[T]) launch(w *waiter[T], now time.Duration) {
	o := &opening[T]{pool: p, ctx: context.WithoutCancel(w.ctx), key: w.key, waiter: w, round: p.trouble.round, began: now}
	w.opening, w.place = o, atOpening
	p.launched.add(w, false)
	p.opening++
	p.trouble.opened()
	go o.run()
}

type openingKey struct{}

// run opens the connection. It ends when Open returns, which the end of the pool brings about.
func (o *opening[T]) run() {
	p := o.pool
	res, err := p.core.Acquire(context.WithValue(context.Background(), openingKey{}, o))
	refused := err != nil && p.isRefusal(err)
	p.mu.Lock()
	p.opening--
	now := p.now()
	if o.waiter != nil {
		p.launched.remove(o.waiter)
	}
	if err != nil {
		p.openFailed(o, err, refused, now)
	} else {
		e := res.Value()
		e.handle = res
		p.openDone(o, e, now)
	}
	if p.closed {
		p.finish()
	} else {
		p.dispatch(now)
	}
	p.unlock()
}

// construct is the constructor; its context leads to the opening.
func construct[T Resource](ctx context.Context) (*entry[T], error) {
	o, _ := ctx.Value(openingKey{}).(*opening[T])
	ctx, cancel := context.WithCancelCause(o.ctx)
	defer cancel(nil)
	stop := context.AfterFunc(o.pool.base, func() { cancel(ErrClosed) })
	defer stop()
	v, err := o.pool.open(ctx)
	if err != nil {
		return nil, err
	}
	return &entry[T]{value: v, pool: o.pool, partition: o.key}, nil
}

var errNoConnection = errors.New("pool: Open returned neither a connection nor an error")

func (p *Pool[T]) open(ctx context.Context) (v T, err error) {
	defer recovered(&err, "Open")
	v, err = p.cfg.Open(ctx)
	if none := *new(T); err == nil && any(v) == any(none) {
		err = errNoConnection
	}
	return v, err
}

func (p *Pool[T]) isRefusal(err error) (refused bool) {
	if p.cfg.Refused == nil {
		return false
	}
	var panicked error
	defer recovered(&panicked, "Refused")
	return p.cfg.Refused(err)
}

// openDone takes a new connection in.
func (p *Pool[T]) openDone(o *opening[T], e *entry[T], now time.Duration) {
	p.stats.Opened++
	p.trouble.success()
	e.index = len(p.all)
	p.all = append(p.all, e)
	p.tasks = append(p.tasks, task[T]{event: Event{Kind: Opened, Partition: e.partition, Duration: now - o.began}})
	if w := o.waiter; w != nil {
		p.serve(w, e)
		return
	}
	p.putBack(e, now)
}

// openFailed tells who is concerned: the caller who caused it; those who may hope for
// nothing else, because no connection is left that could come back; later ones for a while.
func (p *Pool[T]) openFailed(o *opening[T], err error, refused bool, now time.Duration) {
	p.stats.OpenFailed++
	p.tasks = append(p.tasks, task[T]{event: Event{Kind: OpenFailed, Partition: o.key, Err: err, Duration: now - o.began}})
	if w := o.waiter; w != nil {
		p.fail(w, err)
	}
	switch {
	case p.closed:
	case refused:
		p.keepRefusal(o.key, err, now)
	default:
		p.trouble.failure(err, o.round, now, p.cfg.Random)
		for w := p.queue.first; w != nil && len(p.all)+p.opening == 0; w = p.queue.first {
			p.endWait(w, now)
			p.fail(w, &Error{Kind: ErrUnavailable, Open: err, Waited: now - w.since, Peak: p.cfg.Peak})
		}
	}
}

// refusal is an opening that is not worth repeating for a while.
type refusal struct {
	err   error
	until time.Duration
}

func (p *Pool[T]) keepRefusal(key string, err error, now time.Duration) {
	for k, r := range p.refusals {
		if r.until <= now {
			delete(p.refusals, k)
		}
	}
	if p.refusals == nil {
		p.refusals = make(map[string]refusal)
	}
	p.refusals[key] = refusal{err, now + refusalPause}
}

// refuse fails a waiter for whom a connection would have to be opened if that was refused
// a moment ago.
func (p *Pool[T]) refuse(w *waiter[T], now time.Duration) bool {
	r, ok := p.refusals[w.key]
	if !ok || r.until <= now {
		return false
	}
	p.endWait(w, now)
	p.fail(w, &Error{Kind: ErrUnavailable, Open: r.err, Waited: now - w.since, Peak: p.cfg.Peak})
	return true
}

// trouble says how fast connections may be opened: the back end has to be left the time to
// come back.
type trouble struct {
	last   error // why the last opening failed; nil when it succeeded
	round  int   // openings that ran at the same time fail in the same round
	fails  int   // rounds of failures in a row
	window int   // how many openings may run at once; 0: any number

	until time.Duration // nothing is opened before
	seen  time.Duration // the last failure or loss
	debt  time.Duration // when the connections that were lost so far are made up for
	burst time.Duration // ... how far that may lie ahead without a pause

	delayed bool  // the next opening had to wait for until
	count   int64 // of such openings
}

// failing reports that the last thing known of the back end is a failed opening.
func (t *trouble) failing() bool { return t.last != nil }

// holds reports whether another opening has to wait.
func (t *trouble) holds(now time.Duration, opening int) bool {
	if t.until > now {
		t.delayed = true
		return true
	}
	if t.window > 0 && now >= t.calmAt() {
		t.window = 0
	}
	return t.window > 0 && opening >= t.window
}

// calmAt is when the number of openings at once is free again; 0 if it is.
func (t *trouble) calmAt() time.Duration {
	if t.window == 0 {
		return 0
	}
	return t.seen + calmAfter
}

func (t *trouble) opened() {
	if t.delayed {
		t.delayed = false
		t.count++
	}
}

func (t *trouble) success() {
	t.last, t.fails = nil, 0
	if t.window > 0 {
		if t.window++; t.window > allProbes {
			t.window = 0
		}
	}
}

// failure makes the next opening wait and be the only one.
func (t *trouble) failure(err error, round int, now time.Duration, random func() float64) {
	t.last, t.seen, t.window = err, now, 1
	if round != t.round {
		return // it began before the failure that counts
	}
	t.round++
	t.fails++
	pause := min(firstPause<<min(t.fails-1, 10), longestPause)
	t.pause(now, pause, random)
}

// loss counts a connection that failed after it had been opened.
func (t *trouble) loss(now time.Duration, random func() float64) {
	t.seen = now
	if t.window == 0 {
		t.window = probes
	}
	t.debt = min(max(t.debt, now)+lossInterval, now+t.burst+longestPause)
	if over := t.debt - now - t.burst; over > 0 {
		t.pause(now, over, random)
	}
}

// pause forbids openings for a random part of d, at least half of it, so that the clients
// of one system do not come back all at once.
func (t *trouble) pause(now, d time.Duration, random func() float64) {
	t.until = max(t.until, now+d/2+time.Duration(random()*float64(d/2)))
}

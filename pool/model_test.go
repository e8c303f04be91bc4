package pool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The model is the pool as one would write it if nothing ever happened at the same time: a
// few slices and the rules of spec 30.8, with openings that take as long as the test wants.
// Both get the same random operations and the same time; after each operation, and whatever
// time brought about, everything that can be seen has to be the same: who has which
// connection, who waits in which order, who got which error, every counter.

var (
	errDown    = errors.New("the system is down")
	errRefused = errors.New("wrong password")
	errDead    = errors.New("the peer has left")
)

// outcome is what became of an Acquire.
type outcome struct {
	conn int // the connection that was lent, by the caller who had it opened
	kind string
}

func (o outcome) String() string {
	if o.kind != "" {
		return o.kind
	}
	return fmt.Sprint("connection ", o.conn)
}

func kindOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errLeft):
		return "left"
	case errors.As(err, &e) && e.Kind != nil:
		return e.Kind.Error()
	case strings.Contains(err.Error(), "panicked"):
		return "panic"
	}
	return err.Error()
}

var errLeft = errors.New("the caller has left")

// --- the model ---------------------------------------------------------------------

type modelConn struct {
	id        int
	key       string
	since     time.Duration
	gone      bool // the peer has left, and only a look tells
	fresh     bool
	unhealthy bool // Alive says no
}

type modelWaiter struct {
	id    int
	key   string
	since time.Duration
}

type modelOpening struct {
	id    int // of the caller
	key   string
	waits bool // he still waits
	round int
}

type model struct {
	cfg      Config[*modelled]
	now      time.Duration
	idle     []*modelConn // the one returned last is the last
	lent     map[int]*modelConn
	resets   map[int]*modelConn
	queue    []modelWaiter
	openings []*modelOpening
	trouble  trouble
	refusals map[string]refusal
	sweepAt  time.Duration // 0: no checker
	closed   bool
	outcomes map[int]outcome // of callers that have got something
	stats    Stats
}

func half() float64 { return 0.5 }

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func (m *model) total() int  { return len(m.idle) + m.inUse() + len(m.openings) }
func (m *model) inUse() int  { return len(m.lent) + len(m.resets) }
func (m *model) room() bool  { return m.cfg.Peak == 0 || m.total() < m.cfg.Peak }
func (m *model) spent() bool { return m.cfg.Peak > 0 && m.inUse()+len(m.openings) >= m.cfg.Peak }

func (m *model) pop(key string) *modelConn {
	for i := len(m.idle) - 1; i >= 0; i-- {
		if c := m.idle[i]; c.key == key {
			m.idle = slices.Delete(m.idle, i, i+1)
			return c
		}
	}
	return nil
}

func (m *model) count(why Reason) {
	m.stats.Closed[why]++
	if why.Failure() {
		m.trouble.loss(m.now, half)
	}
}

func (m *model) answer(id int, kind string) { m.outcomes[id] = outcome{kind: kind} }

func (m *model) acquire(id int, key string) {
	if m.closed {
		m.answer(id, ErrClosed.Error())
		return
	}
	m.ask(modelWaiter{id, key, m.now}, false)
}

// ask serves a caller from what is idle or puts him into the queue.
func (m *model) ask(w modelWaiter, front bool) {
	for c := m.pop(w.key); c != nil; c = m.pop(w.key) {
		if m.give(w, c) {
			return
		}
		front = true
	}
	switch {
	case !front:
		m.queue = append(m.queue, w)
	default:
		w.since = m.now
		if len(m.queue) > 0 {
			w.since = m.queue[0].since
		}
		m.queue = slices.Insert(m.queue, 0, w)
	}
	m.dispatch()
}

// give lends a connection to a caller; he looks at it first.
func (m *model) give(w modelWaiter, c *modelConn) bool {
	if c.gone && !c.fresh {
		m.count(Dead)
		return false
	}
	m.lent[w.id] = c
	m.outcomes[w.id] = outcome{conn: c.id}
	m.stats.Acquired++
	return true
}

// dispatch serves the queue in order.
func (m *model) dispatch() {
	blocked := false
	for i := 0; i < len(m.queue); {
		w := m.queue[i]
		r, refused := m.refusals[w.key]
		evictable := slices.ContainsFunc(m.idle, func(c *modelConn) bool { return c.key != w.key })
		switch c := m.pop(w.key); {
		case c != nil:
			m.queue = slices.Delete(m.queue, i, i+1)
			if !m.give(w, c) {
				m.ask(w, true)
			}
			i, blocked = 0, false
			continue
		case !m.room() && !evictable:
			blocked = true
		case refused && r.until > m.now:
			m.answer(w.id, ErrUnavailable.Error())
			m.queue = slices.Delete(m.queue, i, i+1)
			continue
		case blocked || m.trouble.holds(m.now, len(m.openings)):
			blocked = true
		default:
			if !m.room() {
				m.idle = slices.Delete(m.idle, 0, 1)
				m.count(Evicted)
			}
			m.openings = append(m.openings, &modelOpening{id: w.id, key: w.key, waits: true, round: m.trouble.round})
			m.queue = slices.Delete(m.queue, i, i+1)
			continue
		}
		i++
	}
	for len(m.queue) > 0 && m.now-m.queue[0].since >= m.cfg.MaxWait && (m.spent() || m.trouble.failing()) {
		kind := ErrUnavailable
		if m.spent() {
			kind = ErrExhausted
		}
		m.answer(m.queue[0].id, kind.Error())
		m.stats.Timeouts++
		m.queue = m.queue[1:]
	}
}

func (m *model) leave(id int) {
	m.answer(id, "left")
	m.stats.Canceled++
	for _, o := range m.openings {
		if o.id == id { // it goes on
			o.waits = false
			return
		}
	}
	m.queue = slices.DeleteFunc(m.queue, func(w modelWaiter) bool { return w.id == id })
	m.dispatch()
}

func (m *model) putBack(c *modelConn) {
	c.since, c.fresh = m.now, false
	if m.closed {
		m.count(PoolClosed)
		return
	}
	if len(m.queue) > 0 && m.queue[0].key == c.key {
		w := m.queue[0]
		m.queue = m.queue[1:]
		if !m.give(w, c) {
			m.ask(w, true)
		}
		m.dispatch()
		return
	}
	m.idle = append(m.idle, c)
	if m.sweepAt == 0 && m.cfg.CheckPeriod > 0 && (len(m.queue) > 0 || len(m.idle) <= m.cfg.Capacity) {
		m.sweepAt = m.now + m.cfg.CheckPeriod
	}
	m.dispatch()
	if i := slices.Index(m.idle, c); i >= 0 && len(m.idle) > m.cfg.Capacity {
		m.idle = slices.Delete(m.idle, i, i+1)
		m.count(Surplus)
	}
	m.dispatch()
}

func (m *model) release(id int, why Reason) {
	c := m.lent[id]
	delete(m.lent, id)
	if why == Discarded || c.unhealthy {
		m.count(why)
		m.dispatch()
		return
	}
	m.putBack(c)
}

func (m *model) reset(id int) {
	c := m.lent[id]
	delete(m.lent, id)
	m.resets[id] = c
}

func (m *model) resetDone(id int, ok bool) {
	c := m.resets[id]
	delete(m.resets, id)
	if ok {
		m.putBack(c)
		return
	}
	m.count(ResetFailed)
	m.dispatch()
}

func (m *model) opened(o *modelOpening, result string) {
	m.openings = slices.DeleteFunc(m.openings, func(x *modelOpening) bool { return x == o })
	if result == "ok" {
		m.stats.Opened++
		m.trouble.success()
		c := &modelConn{id: o.id, key: o.key, fresh: true}
		if o.waits && !m.closed {
			m.give(modelWaiter{id: o.id}, c)
		} else {
			m.putBack(c)
		}
		m.dispatch()
		return
	}
	m.stats.OpenFailed++
	if o.waits && !m.closed {
		m.answer(o.id, result)
	}
	switch {
	case m.closed:
	case result == errRefused.Error():
		m.refusals[o.key] = refusal{errRefused, m.now + refusalPause}
	default:
		m.trouble.failure(errDown, o.round, m.now, half)
		if m.total() == 0 {
			for _, w := range m.queue {
				m.answer(w.id, ErrUnavailable.Error())
			}
			m.queue = nil
		}
	}
	m.dispatch()
}

func (m *model) sweep() {
	m.sweepAt = 0
	var stay []*modelConn
	for _, c := range m.idle {
		switch {
		case m.now-c.since >= m.cfg.Expiration:
			m.count(Expired)
		case c.gone:
			m.count(Dead)
		default:
			stay = append(stay, c)
		}
	}
	m.idle = stay
	m.dispatch()
	if len(m.idle) > 0 {
		m.sweepAt = m.now + m.cfg.CheckPeriod
	}
}

// pass lets time pass, event by event.
func (m *model) pass(d time.Duration) {
	target := m.now + d
	for !m.closed {
		next, sweep := target+1, false
		consider := func(at time.Duration, isSweep bool) {
			if at > m.now && at < next {
				next, sweep = at, isSweep
			}
		}
		if m.sweepAt > 0 {
			consider(m.sweepAt, true)
		}
		consider(m.trouble.until, false)
		consider(m.trouble.calmAt(), false)
		for _, w := range m.queue {
			consider(w.since+m.cfg.MaxWait, false)
		}
		if next > target {
			break
		}
		m.now = next
		if sweep {
			m.sweep()
		} else {
			m.dispatch()
		}
	}
	m.now = target
}

func (m *model) close() {
	m.closed = true
	for _, w := range m.queue {
		m.answer(w.id, ErrClosed.Error())
	}
	m.queue = nil
	for _, o := range m.openings {
		if o.waits {
			m.answer(o.id, ErrClosed.Error())
		}
		o.waits = false
	}
	m.stats.Closed[PoolClosed] += int64(len(m.idle))
	m.idle, m.sweepAt = nil, 0
}

// --- the pool under test -----------------------------------------------------------

// modelled is a connection that does what the test wants.
type modelled struct {
	id              int
	mu              sync.Mutex
	gone, unhealthy bool
	ends            int // Close and the first Abort without one
	closed          bool
	reset           chan error
}

func (c *modelled) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *modelled) Alive() (ok bool) { c.locked(func() { ok = !c.unhealthy }); return ok }
func (c *modelled) Busy() bool       { return false }
func (c *modelled) Idle() (err error) {
	c.locked(func() {
		if c.gone {
			err = errDead
		}
	})
	return err
}

func (c *modelled) Close() error {
	c.locked(func() { c.ends++; c.closed = true })
	return nil
}

func (c *modelled) Abort() {
	c.locked(func() {
		if !c.closed {
			c.ends++
			c.closed = true
		}
	})
}

// run drives a pool and the model with the same operations.
type run struct {
	t       *testing.T
	r       *rand.Rand
	m       *model
	p       *Pool[*modelled]
	log     []string
	cancels map[int]context.CancelCauseFunc

	mu       sync.Mutex
	outcomes map[int]outcome
	leases   map[int]Lease[*modelled]
	openings map[int]chan string
	conns    []*modelled
	over     []Lease[*modelled] // that were released
}

type callerKey struct{}

func (x *run) open(ctx context.Context) (*modelled, error) {
	id, _ := ctx.Value(callerKey{}).(caller)
	x.mu.Lock()
	ch := make(chan string)
	x.openings[id.id] = ch
	x.mu.Unlock()
	var result string
	select {
	case result = <-ch:
	case <-ctx.Done():
		result = "called off"
	}
	x.mu.Lock()
	delete(x.openings, id.id)
	x.mu.Unlock()
	switch result {
	case "ok":
		c := &modelled{id: id.id, reset: make(chan error)}
		x.mu.Lock()
		x.conns = append(x.conns, c)
		x.mu.Unlock()
		return c, nil
	case "panic":
		panic("in Open")
	case errRefused.Error():
		return nil, errRefused
	case errDown.Error():
		return nil, errDown
	}
	return nil, errors.New(result)
}

type caller struct {
	id  int
	key string
}

func (x *run) acquire(id int, key string) {
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), callerKey{}, caller{id, key}))
	x.cancels[id] = cancel
	go func() {
		l, err := x.p.Acquire(ctx)
		x.mu.Lock()
		defer x.mu.Unlock()
		if err != nil {
			x.outcomes[id] = outcome{kind: kindOf(err)}
			return
		}
		c, _ := l.Value()
		x.outcomes[id] = outcome{conn: c.id}
		x.leases[id] = l
	}()
}

// one of the keys of a map, by chance.
func one[V any](x *run, m map[int]V) (int, bool) {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return 0, false
	}
	return keys[x.r.IntN(len(keys))], true
}

func (x *run) note(format string, args ...any) {
	x.log = append(x.log, fmt.Sprintf("%v: ", x.m.now)+fmt.Sprintf(format, args...))
}

// step does one operation on both.
func (x *run) step(id int) {
	r, m := x.r, x.m
	switch n := r.IntN(100); {
	case n < 34:
		key := []string{"", "B", "C"}[r.IntN(3)]
		if m.cfg.Partition == nil {
			key = ""
		}
		x.note("%d acquires from %q", id, key)
		x.acquire(id, key)
		m.acquire(id, key)
	case n < 52:
		x.finishOpening()
	case n < 70:
		x.giveBack()
	case n < 76: // a caller gives up
		var waiting []int
		for _, w := range m.queue {
			waiting = append(waiting, w.id)
		}
		for _, o := range m.openings {
			if o.waits {
				waiting = append(waiting, o.id)
			}
		}
		if len(waiting) > 0 {
			id := waiting[r.IntN(len(waiting))]
			x.note("%d leaves", id)
			x.cancels[id](errLeft)
			m.leave(id)
		}
	case n < 82: // a peer leaves silently
		var all []*modelConn
		for _, id := range slices.Sorted(maps.Keys(m.lent)) {
			all = append(all, m.lent[id])
		}
		all = append(all, m.idle...)
		if len(all) > 0 {
			c := all[r.IntN(len(all))]
			x.note("the peer of connection %d leaves", c.id)
			c.gone = true
			real := x.conn(c.id)
			real.locked(func() { real.gone = true })
		}
	case n < 84:
		x.handOverAndLeave()
	case n < 86: // a lease that is over is used again
		if len(x.over) > 0 {
			l := x.over[r.IntN(len(x.over))]
			x.note("a lease of connection %d is released again", l.entry.value.id)
			require.ErrorIs(x.t, l.Release(), ErrReleased)
			require.ErrorIs(x.t, l.Discard(nil), ErrReleased)
			_, err := l.Value()
			require.ErrorIs(x.t, err, ErrReleased)
		}
	default: // odd nanoseconds: two timers never meet
		d := []time.Duration{time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 40 * time.Second}[r.IntN(5)]
		d += time.Duration(r.Int64N(int64(d)))
		x.note("%v pass", d)
		pass(d)
		m.pass(d)
	}
}

// handOverAndLeave returns a connection to somebody who is about to leave (F-81): the end of
// his context has woken him, but he has not yet said so. The next one has it.
func (x *run) handOverAndLeave() {
	m := x.m
	if len(m.queue) == 0 {
		return
	}
	w := m.queue[0]
	id, ok := one(x, m.lent)
	if !ok || m.lent[id].key != w.key {
		return
	}
	l := x.leases[id]
	delete(x.leases, id)
	x.over = append(x.over, l)
	x.note("%d leaves and %d releases connection %d", w.id, id, m.lent[id].id)
	x.cancels[w.id](errLeft)
	require.NoError(x.t, l.Release())
	m.leave(w.id)
	m.release(id, Broken)
}

// conn finds a connection by the caller who had it opened.
func (x *run) conn(id int) *modelled {
	i := slices.IndexFunc(x.conns, func(c *modelled) bool { return c.id == id })
	return x.conns[i]
}

func (x *run) finishOpening() {
	if len(x.m.openings) == 0 {
		return
	}
	o := x.m.openings[x.r.IntN(len(x.m.openings))]
	result := "ok"
	switch x.r.IntN(8) {
	case 0, 1:
		result = errDown.Error()
	case 2:
		result = errRefused.Error()
	case 3:
		result = "panic"
	}
	x.note("the opening for %d ends: %s", o.id, result)
	x.mu.Lock()
	ch := x.openings[o.id]
	x.mu.Unlock()
	ch <- result
	x.m.opened(o, result)
}

func (x *run) giveBack() {
	if id, ok := one(x, x.m.resets); ok && x.r.IntN(2) == 0 {
		good := x.r.IntN(2) == 0
		x.note("the reset of %d ends: %t", id, good)
		var err error
		if !good {
			err = errDead
		}
		x.conn(x.m.resets[id].id).reset <- err
		x.m.resetDone(id, good)
		return
	}
	id, ok := one(x, x.m.lent)
	if !ok {
		return
	}
	l, c := x.leases[id], x.m.lent[id]
	delete(x.leases, id)
	x.over = append(x.over, l)
	switch x.r.IntN(6) {
	case 0:
		x.note("%d discards connection %d", id, c.id)
		require.NoError(x.t, l.Discard(errDown))
		x.m.release(id, Discarded)
	case 1:
		x.note("%d releases connection %d, which is broken", id, c.id)
		c.unhealthy = true
		real := l.entry.value
		real.locked(func() { real.unhealthy = true })
		require.NoError(x.t, l.Release())
		x.m.release(id, Broken)
	case 2:
		x.note("%d releases connection %d to be reset", id, c.id)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(x.t, l.ReleaseAfterReset(ctx))
		x.m.reset(id)
	default:
		x.note("%d releases connection %d", id, c.id)
		require.NoError(x.t, l.Release())
		x.m.release(id, Broken)
	}
}

// compare holds both against each other.
func (x *run) compare() {
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.m
	want := m.stats
	want.MaxOpen, want.MaxIdle = m.cfg.Peak, m.cfg.Capacity
	want.Idle, want.InUse, want.Opening, want.Waiting = len(m.idle), m.inUse(), len(m.openings), len(m.queue)
	want.Open, want.Failing = want.Idle+want.InUse, m.trouble.failing()
	got := x.p.Stats()
	// How long somebody waits is a matter of other tests.
	got.WaitCount, got.WaitDuration, got.LongestWait, got.Waits, got.OpenDelayed = 0, 0, 0, [len(WaitBounds) + 1]int64{}, 0
	require.Equal(x.t, want, got)
	require.Equal(x.t, m.outcomes, x.outcomes)

	var queue []int
	onShelf := map[string][]int{}
	x.p.mu.Lock()
	for w := x.p.queue.first; w != nil; w = w.next {
		queue = append(queue, w.ctx.Value(callerKey{}).(caller).id)
	}
	for _, key := range x.p.shelf.keys() {
		for _, e := range x.p.shelf.of(key) {
			onShelf[key] = append(onShelf[key], e.value.id)
		}
	}
	x.p.mu.Unlock()
	var wantQueue []int
	for _, w := range m.queue {
		wantQueue = append(wantQueue, w.id)
	}
	require.Equal(x.t, wantQueue, queue, "the order of the queue")
	wantShelf := map[string][]int{}
	for _, c := range m.idle {
		wantShelf[c.key] = append(wantShelf[c.key], c.id)
	}
	require.Equal(x.t, wantShelf, onShelf, "the idle ones, the last returned last")
	// No connection ends twice, none that is not in the pool stays open.
	open := 0
	for _, c := range x.conns {
		c.locked(func() {
			require.LessOrEqual(x.t, c.ends, 1)
			open += 1 - c.ends
		})
	}
	require.Equal(x.t, got.Open, open)
	require.EqualValues(x.t, got.Open+got.Opening, x.p.core.Stat().TotalResources())
}

func (x *run) drain() {
	x.note("the pool is closed")
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := x.p.Close(context.Background()); err != nil {
				x.t.Error(err)
			}
		})
	}
	x.m.close()
	// What Open was called off from comes back as errors.
	for len(x.m.openings) > 0 {
		x.m.opened(x.m.openings[0], "called off")
	}
	x.compare()
	for len(x.m.lent)+len(x.m.resets) > 0 {
		x.giveBack()
		x.compare()
	}
	group.Wait()
	require.Zero(x.t, x.p.Stats().Open)
	_, err := x.p.Acquire(context.Background())
	require.ErrorIs(x.t, err, ErrClosed)
}

func modelRun(t *testing.T, seed uint64, steps int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	x := &run{
		t: t, r: r, cancels: map[int]context.CancelCauseFunc{}, outcomes: map[int]outcome{}, leases: map[int]Lease[*modelled]{},
		openings: map[int]chan string{},
	}
	setting := func(n int) *int { // one that may be absent
		if v := r.IntN(n + 1); v < n {
			return &v
		}
		return nil
	}
	capacity, peak := Limits(setting(4), setting(5))
	cfg := Config[*modelled]{
		Open: x.open, Capacity: capacity, Peak: peak, Random: half,
		MaxWait:    []time.Duration{0, 50 * time.Millisecond, 3 * time.Second, time.Minute}[r.IntN(4)],
		Expiration: time.Duration(r.IntN(100)) * time.Second, CheckPeriod: time.Duration(r.IntN(3)) * 29 * time.Second,
		Refused: func(err error) bool { return errors.Is(err, errRefused) },
		Reset: func(ctx context.Context, c *modelled) error {
			select {
			case err := <-c.reset:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		ResetTimeout: 1000 * time.Hour, // the test ends them
	}
	if r.IntN(2) == 0 {
		cfg.Partition = func(ctx context.Context) string {
			c, _ := ctx.Value(callerKey{}).(caller)
			return c.key
		}
	}
	var err error
	x.p, err = New(cfg)
	require.NoError(t, err)
	x.m = &model{
		cfg: x.p.cfg, lent: map[int]*modelConn{}, resets: map[int]*modelConn{}, outcomes: map[int]outcome{},
		refusals: map[string]refusal{}, trouble: trouble{burst: x.p.trouble.burst},
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, capacity %d, peak %d, wait %v, expiration %v, check %v, partitions %t\n%s", seed, cfg.Capacity, x.p.cfg.Peak,
				cfg.MaxWait, cfg.Expiration, cfg.CheckPeriod, cfg.Partition != nil, strings.Join(x.log, "\n"))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = x.p.Close(ctx) // nothing may be left in the bubble
		}
	}()
	x.m.now = x.p.now()
	for id := 1; id <= steps; id++ {
		pass(1) // no two connections have been idle equally long
		x.m.pass(1)
		x.step(id)
		x.compare()
	}
	x.drain()
}

// TestPoolAgreesWithModel: thousands of random histories. A failure names its seed; with
// POOL_SEED=n only that one runs, POOL_SEEDS=n runs as many.
func TestPoolAgreesWithModel(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(2000)
	if testing.Short() {
		last = 300
	}
	if n, err := strconv.ParseUint(os.Getenv("POOL_SEEDS"), 10, 64); err == nil {
		last = n
	}
	if n, err := strconv.ParseUint(os.Getenv("POOL_SEED"), 10, 64); err == nil {
		first, last = n, n
	}
	for seed := first; seed <= last; seed++ {
		synctest.Test(t, func(t *testing.T) { modelRun(t, seed, 80) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

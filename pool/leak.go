package pool

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// stack is where somebody was.
type stack []uintptr

// callers is the stack of the caller, without skip frames of this package.
func callers(skip int) stack {
	var pcs [stackDepth]uintptr
	return slices.Clone(pcs[:runtime.Callers(skip+2, pcs[:])])
}

func (s stack) String() string {
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for len(s) > 0 {
		f, more := frames.Next()
		fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			break
		}
	}
	return b.String()
}

// trace is what debug mode keeps of a lending.
type trace struct {
	number   uint64
	at       time.Duration
	acquired stack
	released atomic.Pointer[stack]
	cleanup  runtime.Cleanup
}

// mark is what the copies of a Lease share in debug mode, and nobody else: it becomes
// garbage with the last of them.
type mark struct {
	trace *trace
	_     [16]byte // not tiny: tiny objects share their fate with others
}

// record notes a lending.
func (p *Pool[T]) record(e *entry[T], number uint64) *mark {
	t := &trace{number: number, at: p.now(), acquired: callers(2)}
	m := &mark{trace: t}
	t.cleanup = runtime.AddCleanup(m, p.lost, lostLease[T]{e, t})
	p.mu.Lock()
	e.trace = t
	p.mu.Unlock()
	return m
}

type lostLease[T Resource] struct {
	entry *entry[T]
	trace *trace
}

// lost reports a Lease that became garbage before it was released. It only reports: the
// connection may still be used by somebody who kept the value.
func (p *Pool[T]) lost(l lostLease[T]) {
	if l.entry.gen.Load() != l.trace.number {
		return
	}
	p.mu.Lock()
	p.stats.Leaked++
	ev := Event{Kind: Leaked, Partition: l.entry.partition, Duration: p.now() - l.trace.at, Stack: l.trace.acquired.String()}
	p.tasks = append(p.tasks, task[T]{event: ev})
	p.unlock()
}

// end notes the release.
func (m *mark) end() {
	if m == nil {
		return
	}
	s := callers(3)
	m.trace.released.Store(&s)
	m.trace.cleanup.Stop()
}

func (m *mark) stacks() (acquired, released string) {
	if s := m.trace.released.Load(); s != nil {
		released = s.String()
	}
	return m.trace.acquired.String(), released
}

// holders lists who has connections, those who have them longest first.
func (p *Pool[T]) holders(now time.Duration) []Holder {
	if !p.cfg.Debug {
		return nil
	}
	var held []*trace
	for _, e := range p.all {
		if e.state == lent && e.trace != nil && e.trace.number == e.gen.Load() {
			held = append(held, e.trace)
		}
	}
	slices.SortFunc(held, func(a, b *trace) int { return cmp.Compare(a.at, b.at) })
	var list []Holder
	for _, t := range held[:min(len(held), maxHolders)] {
		list = append(list, Holder{For: now - t.at, Stack: t.acquired.String()})
	}
	return list
}

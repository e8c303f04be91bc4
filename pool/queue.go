package pool

import (
	"context"
	"maps"
	"slices"
	"time"
)

// place says how far a waiter has come.
type place uint8

const (
	queued    place = iota
	atOpening       // a connection is being opened for him
	served          // entry or err is set and ready has a token
)

// waiter is a caller of Acquire for whom nothing was idle.
type waiter[T Resource] struct {
	prev, next *waiter[T]
	ready      chan struct{} // of size 1: telling him never blocks
	ctx        context.Context
	key        string // partition
	since      time.Duration
	place      place
	waited     bool // he was not served at once
	promised   bool // the room of a connection that is closing will be his
	entry      *entry[T]
	err        error
	opening    *opening[T]
}

// queue is the order in which callers came.
type queue[T Resource] struct {
	first, last *waiter[T]
	n           int
}

// add appends w; in front, if it comes again, with a time that keeps the order.
func (q *queue[T]) add(w *waiter[T], front bool) {
	q.n++
	switch {
	case q.first == nil:
		q.first, q.last = w, w
	case front:
		w.since = min(w.since, q.first.since)
		w.next, q.first.prev, q.first = q.first, w, w
	default:
		w.prev, q.last.next, q.last = q.last, w, w
	}
}

func (q *queue[T]) remove(w *waiter[T]) {
	q.n--
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// shelf holds the idle connections, those of each partition in the order in which they were
// returned.
type shelf[T Resource] struct {
	main   []*entry[T] // of the partition without a name: no map on the usual path
	others map[string][]*entry[T]
	n      int
}

func (s *shelf[T]) push(e *entry[T]) { s.insert(e.partition, len(s.of(e.partition)), e) }

func (s *shelf[T]) of(key string) []*entry[T] {
	if key == "" {
		return s.main
	}
	return s.others[key]
}

// set replaces a partition; an empty one vanishes.
func (s *shelf[T]) set(key string, list []*entry[T]) {
	switch {
	case key == "":
		s.main = list
	case len(list) == 0:
		delete(s.others, key)
	default:
		if s.others == nil {
			s.others = make(map[string][]*entry[T])
		}
		s.others[key] = list
	}
}

// pop takes the one that was returned last.
func (s *shelf[T]) pop(key string) *entry[T] {
	list := s.of(key)
	last := len(list) - 1
	if last < 0 {
		return nil
	}
	e := list[last]
	list[last] = nil
	s.n--
	s.set(key, list[:last])
	return e
}

// popOldest takes the one that has been idle longest, of whatever partition. There has to be
// one.
func (s *shelf[T]) popOldest() *entry[T] {
	var e *entry[T]
	if len(s.main) > 0 {
		e = s.main[0]
	}
	for _, list := range s.others {
		if e == nil || list[0].since < e.since {
			e = list[0]
		}
	}
	s.remove(e)
	return e
}

func (s *shelf[T]) remove(e *entry[T]) {
	list := s.of(e.partition)
	for i, x := range list {
		if x == e {
			s.cut(e.partition, i, i+1)
			return
		}
	}
}

// insert puts e at a place counted from the one that is idle longest, or at the end.
func (s *shelf[T]) insert(key string, at int, e *entry[T]) {
	list := s.of(key)
	s.n++
	s.set(key, slices.Insert(list, min(at, len(list)), e))
}

// cut takes some out of the middle.
func (s *shelf[T]) cut(key string, from, to int) {
	s.n -= to - from
	s.set(key, slices.Delete(s.of(key), from, to))
}

// keys lists the partitions that have idle connections.
func (s *shelf[T]) keys() []string {
	keys := slices.Collect(maps.Keys(s.others))
	if len(s.main) > 0 {
		keys = append(keys, "")
	}
	return keys
}

package msgserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Groups makes connections to servers of logon groups and remembers what it learns on the
// way: which servers a group had, and which servers and message servers did not answer. What
// shares a Groups shares that memory. The zero value is ready; it is safe for concurrent
// use. It starts no goroutine.
type Groups struct {
	// MaxAge is how long an answer of a message server serves further connections without
	// another question. Default 0: a question for each connection, as RFC clients do, which
	// leaves the balancing to the message server.
	MaxAge time.Duration
	// StaleFor is how long a server that was named once may be used when no message server
	// answers. Default DefaultStaleFor; negative: never.
	StaleFor time.Duration
	// Event, if set, is told what went wrong and was worked around. It runs in the goroutine
	// that dials and must not block.
	Event func(Event)
	// Jitter spreads the times of quarantine; it gives numbers from 0 to 1. Default random.
	Jitter func() float64

	mu      sync.Mutex
	groups  map[string]*group
	outages map[string]*outage
	uses    uint64
}

// group is what is known of a logon group.
type group struct{ members []*member }

type member struct {
	target Target
	server string // the message server that named it
	named  time.Time
	used   uint64 // of Groups.uses, when it was used last
}

// outage is a server, or message server, that did not answer.
type outage struct {
	failures int
	until    time.Time
	last     time.Time // of the last attempt
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	// ServerFailed: a message server did not answer; the next one is asked.
	ServerFailed EventKind = iota + 1
	// TargetFailed: an application server was not reached; another one is tried.
	TargetFailed
	// StaleUsed: no message server answered; a server that was named before is used.
	StaleUsed
)

// String names the event.
func (k EventKind) String() string {
	switch k {
	case ServerFailed:
		return "message server failed"
	case TargetFailed:
		return "application server failed"
	case StaleUsed:
		return "old answer used"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is something that went wrong and was worked around, or could be.
type Event struct {
	Kind   EventKind
	Server string // the message server concerned
	Group  string
	Target Target        // the application server concerned
	Until  time.Time     // end of its quarantine
	Age    time.Duration // of the old answer
	Err    error
}

// Query says what to connect to.
type Query struct {
	// Servers are the addresses of message servers of one system, in order of preference. At
	// least one.
	Servers []string
	// Group is the logon group; empty is DefaultGroup.
	Group string
	// Ask asks a message server for an application server: Client.Group or HTTP.Group.
	Ask func(ctx context.Context, server, group string) (Target, error)
	// Dial connects to an application server.
	Dial func(ctx context.Context, target Target) (net.Conn, error)
}

// Pick says how a connection came about.
type Pick struct {
	// Target is the server that is connected, or was tried last.
	Target Target
	// Server is the message server that named it, Age how long ago; 0: for this connection.
	Server string
	Age    time.Duration
	// Asked is how many questions message servers answered for this connection.
	Asked int
	// Stale: no message server answered.
	Stale bool
	// Failed are the servers that were tried before.
	Failed []Attempt
}

// Attempt is a server that was not reached.
type Attempt struct {
	Target Target
	Err    error
}

// Dial connects to a server of a logon group. A server that is not reached is avoided for a
// while, longer with each failure, and another one tried within the same deadline of ctx: an
// attempt gets half of the time that is left, so that one that swallows the connection does
// not use up all of it. Only network failures lead on; what a server says behind the
// connection is not Dial's matter.
//
// The error is an *Error if no server was found, and that of the last attempt, joined with
// those before it, if none was reached.
func (g *Groups) Dial(ctx context.Context, q Query) (net.Conn, Pick, error) {
	if q.Group == "" {
		q.Group = DefaultGroup
	}
	s := search{g: g, q: q, key: strings.Join(q.Servers, ",") + "\x00" + q.Group, tried: make(map[string]bool)}
	for {
		found, ok := s.next(ctx)
		if !ok {
			return nil, s.pick, s.failure()
		}
		target := found.target
		s.tried[target.Address()] = true
		g.use(s.key, target.Address())
		s.pick.Target, s.pick.Server, s.pick.Age = target, found.server, s.age(found)
		part, cancel := half(ctx)
		nc, err := q.Dial(part, target)
		cancel()
		if err == nil {
			g.recovered(targetKey(target))
			return nc, s.pick, nil
		}
		s.pick.Failed = append(s.pick.Failed, Attempt{target, err})
		if ctx.Err() != nil {
			return nil, s.pick, s.failure()
		}
		until := g.failed(targetKey(target))
		g.event(Event{Kind: TargetFailed, Server: found.server, Group: q.Group, Target: target, Until: until, Err: err})
	}
}

func targetKey(t Target) string { return "t " + t.Address() }

func serverKey(address string) string { return "s " + address }

func (g *Groups) event(e Event) {
	if g.Event != nil {
		g.Event(e)
	}
}

// half gives half of the time that is left.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, max(left/2, min(left, leastAttempt)))
}

// search is one way to a connection.
type search struct {
	g     *Groups
	q     Query
	key   string // of the group
	tried map[string]bool
	pick  Pick

	asks    int
	asked   time.Time // of the last question
	repeats int       // answers that named a server that was tried, or is avoided
	silent  []error   // of message servers, when none answered
	final   error     // what a message server said that ends the questions
	spare   *member   // named, but avoided
}

// age is how long ago a server was named; 0 if that was for this search.
func (s *search) age(m member) time.Duration {
	if s.asks > 0 && !m.named.Before(s.asked) {
		return 0
	}
	return time.Since(m.named)
}

// next finds a server that was not tried: one that was named a short time ago, one that a
// message server names now, one that it named before, one that is avoided.
func (s *search) next(ctx context.Context) (member, bool) {
	if len(s.pick.Failed) == maxAttempts {
		return member{}, false
	}
	if s.asks == 0 && s.g.MaxAge > 0 {
		if m, ok := s.known(s.g.MaxAge, false); ok {
			return m, true
		}
	}
	for s.asks < maxAsks && s.repeats < 2 && s.final == nil && s.silent == nil {
		m, ok := s.ask(ctx)
		switch {
		case !ok:
		case s.tried[m.target.Address()]:
			s.repeats++
		case s.g.avoided(targetKey(m.target)):
			s.spare = &m
			s.repeats++
		default:
			return m, true
		}
	}
	if ctx.Err() != nil || s.final != nil && len(s.pick.Failed) == 0 {
		return member{}, false
	}
	m, ok := s.known(s.stale(), false)
	if !ok {
		m, ok = s.probe()
	}
	if ok && s.silent != nil {
		s.pick.Stale = true
		s.g.event(Event{Kind: StaleUsed, Server: m.server, Group: s.q.Group, Target: m.target, Age: s.age(m), Err: errors.Join(s.silent...)})
	}
	return m, ok
}

// probe gives a server that is avoided, because there is no other: the one that a message server
// has named, or one that was used least recently. Each is tried once in a while only, by one
// caller; the others learn quickly that there is none (fault F-119).
func (s *search) probe() (member, bool) {
	if m := s.spare; m != nil && !s.tried[m.target.Address()] && s.g.mayTry(targetKey(m.target)) {
		return *m, true
	}
	var resting []string
	for {
		m, ok := s.known(s.stale(), true)
		if ok && s.g.mayTry(targetKey(m.target)) {
			return m, true
		}
		if !ok {
			if len(resting) > 0 && len(s.pick.Failed) == 0 && s.final == nil {
				s.final = &Error{kind: kindCommunication, Group: s.q.Group, Text: fmt.Sprintf("none of its servers was reached a moment ago (%s); the next attempt is due within %v", strings.Join(resting, ", "), firstQuarantine)}
			}
			return member{}, false
		}
		s.tried[m.target.Address()] = true
		resting = append(resting, m.target.Address())
	}
}

// mayTry reports whether it is time to try a server again although it is avoided, and takes the
// turn.
func (g *Groups) mayTry(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.outages[key]
	if o == nil {
		return true
	}
	now := time.Now()
	if now.Sub(o.last) < firstQuarantine {
		return false
	}
	o.last = now
	return true
}

func (s *search) stale() time.Duration {
	if s.g.StaleFor == 0 {
		return DefaultStaleFor
	}
	return s.g.StaleFor
}

// ask asks the message servers until one answers: first those that are not avoided.
func (s *search) ask(ctx context.Context) (member, bool) {
	s.asks++
	s.asked = time.Now()
	servers := slices.Clone(s.q.Servers)
	slices.SortStableFunc(servers, func(a, b string) int {
		return boolInt(s.g.avoided(serverKey(a))) - boolInt(s.g.avoided(serverKey(b)))
	})
	if len(servers) == 0 {
		s.silent = []error{&Error{kind: kindConfig, Group: s.q.Group, Text: "no message server is named"}}
	}
	_, elsewhere := s.known(s.stale(), true)
	for i, server := range servers {
		part, cancel := ctx, func() {}
		if elsewhere || i < len(servers)-1 {
			part, cancel = half(ctx)
		}
		target, err := s.q.Ask(part, server, s.q.Group)
		cancel()
		if err == nil {
			s.pick.Asked++
			s.silent = nil
			s.g.recovered(serverKey(server))
			return s.g.named(s.key, server, target), true
		}
		s.silent = append(s.silent, err)
		if ctx.Err() != nil {
			return member{}, false
		}
		if e, ok := errors.AsType[*Error](err); ok && e.kind == kindConfig {
			s.pick.Asked++
			s.silent, s.final = nil, err // other message servers of the system would say the same
			return member{}, false
		}
		until := s.g.failed(serverKey(server))
		s.g.event(Event{Kind: ServerFailed, Server: server, Group: s.q.Group, Until: until, Err: err})
	}
	return member{}, false
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// failure is the error of a search that is over: that of the last attempt first, because it
// decides the kind.
func (s *search) failure() error {
	var errs []error
	for _, a := range slices.Backward(s.pick.Failed) {
		errs = append(errs, a.Err)
	}
	errs = append(errs, s.final)
	return errors.Join(append(errs, s.silent...)...)
}

// known gives a server of the group that was named within an age and not tried: the one
// that was used least recently. Servers that are avoided count only if asked for.
func (s *search) known(age time.Duration, avoided bool) (member, bool) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	group := s.g.groups[s.key]
	if group == nil {
		return member{}, false
	}
	now := time.Now()
	var best *member
	for _, m := range group.members {
		address := m.target.Address()
		if now.Sub(m.named) >= age || s.tried[address] || !avoided && s.g.isAvoided(targetKey(m.target), now) {
			continue
		}
		if best == nil || m.used < best.used {
			best = m
		}
	}
	if best == nil {
		return member{}, false
	}
	return *best, true
}

// use notes that a server is about to be connected.
func (g *Groups) use(key, address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	entry := g.groups[key]
	if entry == nil {
		return
	}
	g.uses++
	for _, m := range entry.members {
		if m.target.Address() == address {
			m.used = g.uses
		}
	}
}

// named remembers what a message server said.
func (g *Groups) named(key, server string, target Target) member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		g.groups = make(map[string]*group)
	}
	entry := g.groups[key]
	if entry == nil {
		if len(g.groups) >= maxGroups {
			for k := range g.groups {
				delete(g.groups, k) // any one; nobody has so many groups
				break
			}
		}
		entry = new(group)
		g.groups[key] = entry
	}
	now := time.Now()
	address := target.Address()
	m := &member{target: target, server: server, named: now}
	entry.members = slices.DeleteFunc(entry.members, func(old *member) bool {
		if old.target.Address() != address {
			return false
		}
		m.used = old.used
		return true
	})
	if len(entry.members) >= maxMembers {
		entry.members = entry.members[1:] // named longest ago
	}
	entry.members = append(entry.members, m)
	return *m
}

// failed notes that a server did not answer and gives the end of its quarantine.
func (g *Groups) failed(key string) time.Time {
	jitter := g.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	spread := 0.75 + jitter()/2
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.outages == nil {
		g.outages = make(map[string]*outage)
	}
	now := time.Now()
	o := g.outages[key]
	if o == nil {
		g.makeRoom(now)
		o = new(outage)
		g.outages[key] = o
	}
	d := firstQuarantine
	for range o.failures {
		if d *= 2; d >= maxQuarantine {
			d = maxQuarantine
			break
		}
	}
	o.failures++
	o.last = now
	o.until = now.Add(time.Duration(spread * float64(d)))
	return o.until
}

// makeRoom forgets outages: those that are over first, then any.
func (g *Groups) makeRoom(now time.Time) {
	if len(g.outages) < maxOutages {
		return
	}
	for k, o := range g.outages {
		if o.until.Before(now) {
			delete(g.outages, k)
		}
	}
	for k := range g.outages {
		if len(g.outages) < maxOutages {
			return
		}
		delete(g.outages, k)
	}
}

// recovered ends an outage.
func (g *Groups) recovered(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.outages, key)
}

func (g *Groups) avoided(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isAvoided(key, time.Now())
}

// isAvoided is avoided for those who hold the lock.
func (g *Groups) isAvoided(key string, now time.Time) bool {
	o := g.outages[key]
	return o != nil && now.Before(o.until)
}

// Member is a server that Groups knows.
type Member struct {
	Target Target
	Server string        // the message server that named it
	Age    time.Duration // since it was named last
	// Avoided is how long it will be avoided; 0: it is not.
	Avoided time.Duration
}

// Members lists what is known of a logon group of a system, in the order in which message
// servers named them.
func (g *Groups) Members(servers []string, group string) []Member {
	if group == "" {
		group = DefaultGroup
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Member
	entry := g.groups[strings.Join(servers, ",")+"\x00"+group]
	if entry == nil {
		return nil
	}
	now := time.Now()
	for _, m := range entry.members {
		out := Member{Target: m.target, Server: m.server, Age: now.Sub(m.named)}
		if o := g.outages[targetKey(m.target)]; o != nil {
			out.Avoided = max(o.until.Sub(now), 0)
		}
		list = append(list, out)
	}
	return list
}

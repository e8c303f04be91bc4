package destination

import (
	"cmp"
	"iter"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
)

// Snapshot is what a destination is doing, and has done since it was made: JCo's
// JCoDestinationMonitor and more. It holds no secret and no value of a parameter; names of users
// it does hold. Its JSON form has the unit in the name of each time: _ns is nanoseconds.
type Snapshot struct {
	Time time.Time `json:"time"`
	Name string    `json:"name"`
	// Target is where connections go: host:port of a gateway, or message server and group. Empty
	// as long as the settings were not needed.
	Target string `json:"target"`
	// Pool is over all users, Users says who they are; JCo's custom destinations are among them.
	Pool     pool.Stats  `json:"pool"`
	Draining int         `json:"draining"` // see Destination.Draining
	Users    []UserStats `json:"users"`
	// Repository counts look-ups of descriptions; zero until one was needed.
	Repository MetadataStats `json:"repository"`
	// Throughput counts what went over the connections, Calls what was asked of the
	// destination.
	Throughput rfc.ThroughputStats `json:"throughput"`
	Calls      CallStats           `json:"calls"`
	// Running are the calls that have not ended and Sessions the sequences, the oldest first;
	// MaxRunning of each at most. RunningTotal and SessionsTotal are how many there are.
	Running       []RunningCall    `json:"running"`
	RunningTotal  int              `json:"running_total"`
	Sessions      []RunningSession `json:"sessions"`
	SessionsTotal int              `json:"sessions_total"`
	// Errors are the last errors of calls, the newest first; MaxErrors at most.
	Errors []ErrorRecord `json:"errors"`
}

// UserStats are the connections of one user.
type UserStats struct {
	Client string `json:"client"`
	User   string `json:"user"`
	InUse  int    `json:"in_use"`
	Idle   int    `json:"idle"`
	// Waiting are his calls that wait for a connection.
	Waiting int `json:"waiting"`
}

// MetadataStats are the numbers of repository.Stats.
type MetadataStats struct {
	Hits      int64 `json:"hits"`
	Misses    int64 `json:"misses"`
	Lookups   int64 `json:"lookups"`
	Calls     int64 `json:"calls"`
	Errors    int64 `json:"errors"`
	Functions int   `json:"functions"`
	Types     int   `json:"types"`
}

// CallStats counts calls that have ended, those of sessions included.
type CallStats struct {
	Succeeded int64 `json:"succeeded"`
	// Failed counts by class (rfc.Class.Label); only those that there were.
	Failed map[string]int64 `json:"failed"`
	// Duration adds up how long they took, from Call to its return or the last streamed row, the
	// wait for a connection included. Durations counts them: Durations[i] those up to
	// DurationBounds[i], the last element the others.
	Duration  time.Duration                  `json:"duration_ns"`
	Durations [len(DurationBounds) + 1]int64 `json:"durations"`
}

// Total is the number of calls.
func (c CallStats) Total() int64 {
	n := c.Succeeded
	for _, m := range c.Failed {
		n += m
	}
	return n
}

// DurationBounds are the upper ends of the classes of CallStats.Durations: those that
// OpenTelemetry recommends for calls.
var DurationBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	7500 * time.Millisecond, 10 * time.Second,
}

// RunningCall is a call that has not ended.
type RunningCall struct {
	Function string        `json:"function"`
	Client   string        `json:"client"`
	User     string        `json:"user"`
	State    CallState     `json:"state"`
	Age      time.Duration `json:"age_ns"`
}

// RunningSession is a sequence of calls that has not ended.
type RunningSession struct {
	Client string        `json:"client"`
	User   string        `json:"user"`
	Calls  int64         `json:"calls"`
	Age    time.Duration `json:"age_ns"`
}

// ErrorRecord is an error of calls. The same error of the same function and user is kept once,
// with a count.
type ErrorRecord struct {
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    int64     `json:"count"`
	Function string    `json:"function"`
	Client   string    `json:"client"`
	User     string    `json:"user"`
	Class    string    `json:"class"`
	Key      string    `json:"key"`
	Step     string    `json:"step"`
	Outcome  string    `json:"outcome"`
	Remote   bool      `json:"remote"`
	// Text is that of the error, cut, without control characters, without the value that a
	// conversion error names, and without the passwords of the destination, should a partner have
	// sent one back. Messages of ABAP programs are in it.
	Text string `json:"text"`
}

func (r *ErrorRecord) same(o *ErrorRecord) bool {
	a, b := *r, *o
	a.First, a.Last, a.Count = b.First, b.Last, b.Count
	return a == b
}

// Throughput counts the calls over all connections of the destination, look-ups and pings
// included: JCo's JCoThroughput. It belongs to all who use the destination: Reset is felt by
// everybody. rfc.WithThroughput counts for a context alone.
func (d *Destination) Throughput() *rfc.Throughput { return &d.journal.throughput }

// Snapshot tells what the destination is doing, over all users. It asks no partner and takes
// a few microseconds, more with thousands of connections.
func (d *Destination) Snapshot() Snapshot {
	s := Snapshot{Time: time.Now(), Name: d.name, Draining: d.Draining(), Throughput: d.journal.throughput.Stats()}
	users := map[[2]string]*UserStats{}
	if g := d.live.Load(); g != nil {
		s.Target, s.Pool = g.cfg.destined(), g.pool.Stats()
		if r := g.known.last.Load(); r != nil {
			m := r.Stats()
			s.Repository = MetadataStats{Hits: m.Hits, Misses: m.Misses, Lookups: m.Lookups, Calls: m.Calls, Errors: m.Errors, Functions: m.Functions, Types: m.Types}
		}
		for _, m := range g.pool.Members() {
			a, err := m.Value.Attributes()
			if err != nil {
				continue // on its way out
			}
			if u := userOf(users, a.Client, a.User); m.State == "in use" || m.State == "resetting" {
				u.InUse++
			} else {
				u.Idle++
			}
		}
	}
	d.journal.tell(&s, users)
	s.Users = []UserStats{}
	for _, u := range users {
		s.Users = append(s.Users, *u)
	}
	slices.SortFunc(s.Users, func(a, b UserStats) int { return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.User, b.User)) })
	return s
}

func userOf(users map[[2]string]*UserStats, client, user string) *UserStats {
	key := [2]string{client, user}
	if users[key] == nil {
		users[key] = &UserStats{Client: client, User: user}
	}
	return users[key]
}

// tell puts what is known of calls into a snapshot.
func (j *journal) tell(s *Snapshot, users map[[2]string]*UserStats) {
	s.Calls = CallStats{Succeeded: j.succeeded.Load(), Failed: map[string]int64{}, Duration: time.Duration(j.duration.Load())}
	for i := range j.failed {
		if n := j.failed[i].Load(); n > 0 {
			s.Calls.Failed[rfc.Class(i).Label()] = n
		}
	}
	for i := range j.durations {
		s.Calls.Durations[i] = j.durations[i].Load()
	}
	s.Running, s.Sessions = []RunningCall{}, []RunningSession{}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := clock()
	s.RunningTotal, s.SessionsTotal = j.running.n, j.sessions.n
	for c := j.running.first; c != nil; c = c.next {
		r := RunningCall{Function: bounded(c.function, nil), State: CallState(c.state.Load()), Age: now - c.began}
		r.Client, r.User = c.as()
		if r.State == CallWaiting {
			userOf(users, r.Client, r.User).Waiting++
		}
		if len(s.Running) < MaxRunning {
			s.Running = append(s.Running, r)
		}
	}
	for c := j.sessions.first; c != nil && len(s.Sessions) < MaxRunning; c = c.next {
		r := RunningSession{Calls: c.made, Age: now - c.began}
		r.Client, r.User = c.as()
		s.Sessions = append(s.Sessions, r)
	}
	s.Errors = slices.Clone(j.errors)
	slices.Reverse(s.Errors)
	if s.Errors == nil {
		s.Errors = []ErrorRecord{}
	}
}

// destined says where connections go, in words for people.
func (c *Config) destined() string {
	if host, port, err := c.Endpoint(); err == nil {
		return net.JoinHostPort(host, port)
	}
	if c.MessageServer != "" {
		return "group " + cmp.Or(c.Group, "PUBLIC") + " of " + cmp.Or(c.SystemID, c.MessageService) + " at " + c.MessageServer
	}
	return ""
}

// Connection is a connection of a pool: JCo's JCoConnectionData.
type Connection struct {
	Client         string `json:"client"`
	User           string `json:"user"`
	System         string `json:"system"`
	ConversationID string `json:"conversation"`
	Address        string `json:"address"`
	// State is idle, checking, in use, resetting or closing.
	State string `json:"state"`
	// Age is the time since it was opened, Idle since it was returned.
	Age  time.Duration `json:"age_ns"`
	Idle time.Duration `json:"idle_ns"`
	// Calls, SentBytes and ReceivedBytes count since it was opened, its logon included.
	Calls         int64 `json:"calls"`
	SentBytes     int64 `json:"sent_bytes"`
	ReceivedBytes int64 `json:"received_bytes"`
}

// Connections lists the connections of the pool, the oldest first.
func (d *Destination) Connections() []Connection {
	list := []Connection{}
	g := d.live.Load()
	if g == nil {
		return list
	}
	for _, m := range g.pool.Members() {
		a, err := m.Value.Attributes()
		if err != nil {
			continue // on its way out
		}
		c := Connection{Client: a.Client, User: a.User, System: a.SystemID, ConversationID: a.ConversationID, Address: a.Remote, State: m.State, Age: m.Age, Idle: m.Idle}
		c.SentBytes, c.ReceivedBytes, c.Calls = m.Value.Traffic()
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Connection) int { return cmp.Compare(b.Age, a.Age) })
	return list
}

// Destinations iterates over the destinations that the catalog has open, by name.
func (c *Catalog) Destinations() iter.Seq[*Destination] {
	c.mu.Lock()
	known := maps.Clone(c.known)
	c.mu.Unlock()
	return func(yield func(*Destination) bool) {
		for _, name := range slices.Sorted(maps.Keys(known)) {
			if !yield(known[name]) {
				return
			}
		}
	}
}

// Opened iterates over the destinations that the function Open has opened, by name.
func Opened() iter.Seq[*Destination] { return standard().Destinations() }

// ListOf gives a fixed list of destinations to whoever asks for one, as Opened does: a page, a
// collector of metrics.
func ListOf(list ...*Destination) func() iter.Seq[*Destination] {
	return func() iter.Seq[*Destination] { return slices.Values(list) }
}

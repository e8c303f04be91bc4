package destination

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// journal is what a destination knows of its calls: those that run, and what became of the
// others. All users and generations share it.
type journal struct {
	throughput rfc.Throughput
	succeeded  atomic.Int64
	failed     [rfc.Classes]atomic.Int64
	durations  [len(DurationBounds) + 1]atomic.Int64
	duration   atomic.Int64 // of all, in nanoseconds

	mu       sync.Mutex
	running  calls
	sessions calls
	errors   []ErrorRecord // the oldest first
	alarms   map[string]*alarm
}

// calls is a list in the order in which they began.
type calls struct {
	first, last *call
	n           int
}

func (l *calls) add(c *call) {
	l.n++
	if c.prev = l.last; c.prev == nil {
		l.first = c
	} else {
		c.prev.next = c
	}
	l.last = c
}

func (l *calls) remove(c *call) {
	l.n--
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// call is a call, or a session, that was begun and has not ended.
type call struct {
	journal  *journal
	ctx      context.Context //nolint:containedctx // of the call: log records belong to it
	function string
	user     *User         // that With has set; nil for the destination's own
	began    time.Duration // by clock
	trace    *rfc.CallTrace
	state    atomic.Uint32
	settled  bool // it was left in order, not by a panic
	handed   bool // the connection has it, and tells its trace
	who      atomic.Pointer[identity]
	asked    time.Duration // by clock, for a connection; 0: nobody wants to know
	waited   time.Duration

	// With the lock of the journal.
	prev, next *call
	list       *calls // nil once it has ended
	made       int64  // calls of a session
}

// epoch starts the clock of the journal: reading a monotonic time alone is cheaper.
var epoch = time.Now()

func clock() time.Duration { return time.Since(epoch) }

// CallState says how far a running call is.
type CallState uint32

// The states of a call.
const (
	CallPreparing CallState = iota // its settings and the interface of its function are looked up
	CallWaiting                    // for a connection
	CallCalling                    // the partner has it, or is about to get it
	CallStreaming                  // rows of its answer are read
)

// String names the state.
func (s CallState) String() string {
	names := [...]string{"preparing", "waiting", "calling", "streaming"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// MarshalText gives String.
func (s CallState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// begin notes that a call begins.
func (d *Destination) begin(ctx context.Context, function string) *call {
	j := &d.journal
	c := &call{journal: j, ctx: ctx, function: function, user: d.login.user, began: clock(), trace: rfc.ContextCallTrace(ctx), list: &j.running}
	j.mu.Lock()
	j.running.add(c)
	j.mu.Unlock()
	return c
}

// pinned notes that a session begins.
func (d *Destination) pinned(ctx context.Context, g *generation) *call {
	j := &d.journal
	c := &call{journal: j, ctx: ctx, user: d.login.user, began: clock(), list: &j.sessions}
	c.who.Store(d.who(g))
	j.mu.Lock()
	j.sessions.add(c)
	j.mu.Unlock()
	return c
}

// in notes that the call is one of a session.
func (c *call) in(s *Session) {
	c.who.Store(s.d.who(s.g))
	c.journal.mu.Lock()
	s.entry.made++
	c.journal.mu.Unlock()
}

// waits notes that the call needs a connection.
func (c *call) waits() {
	c.state.Store(uint32(CallWaiting))
	c.handed = false
	if c.trace != nil || c.debugs() {
		c.asked = clock()
	}
}

// got notes the connection that the call has got.
func (c *call) got(conn *rfc.Conn, waited bool) {
	c.state.Store(uint32(CallCalling))
	c.handed = true
	if waited && c.asked != 0 {
		c.waited = clock() - c.asked
	}
	if t := c.trace; t != nil && t.GotConn != nil {
		a, _ := conn.Attributes()
		_, _, calls := conn.Traffic()
		t.GotConn(rfc.CallConn{Destination: a.Destination, ConversationID: a.ConversationID, Address: a.Remote, Reused: calls > 0, Waited: c.waited})
	}
}

// freed notes that the connection is free. After an error there may be another attempt, unless
// the caller has the answer already.
func (c *call) freed(err error) {
	if err == nil || CallState(c.state.Load()) == CallStreaming {
		c.end(err)
	}
}

// returned notes what the caller was given; it returns that. A streamed answer goes on.
func (c *call) returned(res *rfc.Response, err error) (*rfc.Response, error) {
	c.settled = true
	if err == nil {
		c.state.Store(uint32(CallStreaming))
		return res, nil
	}
	c.end(err)
	if t := c.trace; t != nil && t.Done != nil && !c.handed {
		done := rfc.CallDone{Function: c.function, Err: err, Outcome: rfc.NotSent, Duration: clock() - c.began}
		if e, ok := errors.AsType[*rfc.Error](err); ok {
			done.Destination = e.Destination
		}
		done.Waiting = done.Duration
		t.Done(done)
	}
	return nil, err
}

var errUnwound = errors.New("the goroutine of the call ended, or panicked, within it")

// leave ends a call that did not return.
func (c *call) leave() {
	if !c.settled {
		c.end(errUnwound)
	}
}

// end notes that the call is over. Only the first one counts.
func (c *call) end(err error) {
	j := c.journal
	took := clock() - c.began
	var record ErrorRecord
	if err != nil {
		record = c.record(err)
	}
	j.mu.Lock()
	if c.list == nil {
		j.mu.Unlock()
		return
	}
	session := c.list == &j.sessions
	c.list.remove(c)
	c.list = nil
	if err != nil {
		j.remember(record)
	}
	j.mu.Unlock()
	if session {
		return
	}
	i := 0
	for i < len(DurationBounds) && took > DurationBounds[i] {
		i++
	}
	j.durations[i].Add(1)
	j.duration.Add(int64(took))
	if err == nil {
		j.succeeded.Add(1)
	} else {
		j.failed[classOf(err)].Add(1)
	}
	if c.debugs() {
		if CallState(c.state.Load()) == CallWaiting && c.asked != 0 {
			c.waited = clock() - c.asked
		}
		c.log(took, err)
	}
}

func classOf(err error) rfc.Class {
	if e, ok := errors.AsType[*rfc.Error](err); ok && int(e.Class) < rfc.Classes {
		return e.Class
	}
	return rfc.ClassOther
}

// logger is that of the settings under which the call runs.
func (c *call) logger() *slog.Logger {
	if who := c.who.Load(); who != nil {
		return who.of.cfg.Logger
	}
	return nil
}

func (c *call) debugs() bool {
	l := c.logger()
	return l != nil && l.Enabled(c.ctx, slog.LevelDebug)
}

// log writes the end of a call. Values and texts that may hold some are left out.
func (c *call) log(took time.Duration, err error) {
	what, outcome := "call", rfc.Executed
	attrs := []slog.Attr{
		slog.String("destination", c.who.Load().of.cfg.Name), slog.String("function", c.function),
		slog.Duration("duration", took), slog.Duration("waited", c.waited),
	}
	if err != nil {
		e, ok := errors.AsType[*rfc.Error](err)
		if !ok {
			e = &rfc.Error{Outcome: rfc.Unknown}
		}
		what, outcome = "call failed", e.Outcome
		attrs = append(attrs, slog.GroupAttrs("error", redactedAttrs(e, c.secrets())...))
	}
	attrs = append(attrs, slog.String("outcome", outcome.String()))
	guarded(func() { c.logger().LogAttrs(c.ctx, slog.LevelDebug, what, attrs...) })
}

// record makes a note of an error.
func (c *call) record(err error) ErrorRecord {
	r := ErrorRecord{Function: c.function, Class: rfc.ClassOther.String(), Count: 1}
	r.Client, r.User = c.as()
	secrets := c.secrets()
	if e, ok := errors.AsType[*rfc.Error](err); ok {
		r.Class, r.Step, r.Remote = e.Class.String(), string(e.Step), e.Remote
		r.Key = bounded(e.Key, secrets)
		if e.Outcome != 0 {
			r.Outcome = e.Outcome.String()
		}
	}
	r.Text = bounded(withoutValue(err), secrets)
	r.Last = time.Now()
	r.First = r.Last
	return r
}

// secrets are those that a partner of the call may know.
func (c *call) secrets() (list []rfc.Secret) {
	if c.user != nil {
		list = append(list, c.user.Password)
	}
	if who := c.who.Load(); who != nil {
		list = append(append(list, who.password), who.of.secrets...)
	}
	return list
}

// secrets are the values of all settings that are secret.
func (c *Config) secrets() (list []rfc.Secret) {
	for key, value := range c.Properties().All() {
		if row := find(key); row != nil && row.Secret && value != "" {
			list = append(list, rfc.Secret(value))
		}
	}
	return list
}

// redactedAttrs are those of an error without secrets that a partner has sent back.
func redactedAttrs(e *rfc.Error, secrets []rfc.Secret) []slog.Attr {
	list := e.LogAttrs()
	for i, a := range list {
		if a.Value.Kind() == slog.KindString {
			list[i].Value = slog.StringValue(bounded(a.Value.String(), secrets))
		}
	}
	return list
}

// as is the user of the call, as far as he is known.
func (c *call) as() (client, user string) {
	switch who := c.who.Load(); {
	case who != nil:
		client, user = who.client, who.user
	case c.user != nil:
		client, user = c.user.Client, c.user.Name
	}
	return client, strings.ToUpper(user) // as connections say it
}

// withoutValue is the text of an error without the value that a conversion error names.
func withoutValue(err error) string {
	if c, ok := errors.AsType[*serialization.ConversionError](err); ok {
		return strings.TrimPrefix(c.Path+": ", ": ") + c.Kind + ": " + c.Reason.String()
	}
	return err.Error()
}

// bounded cuts a text and takes out of it what must not be shown: control characters, and
// secrets that a partner may have sent back.
func bounded(text string, secrets []rfc.Secret) string {
	for _, s := range secrets {
		if len(s.Reveal()) > 2 {
			text = strings.ReplaceAll(text, s.Reveal(), "***")
		}
	}
	text = printable(text)
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}

// remember keeps an error; the lock is held. The same one again only counts.
func (j *journal) remember(r ErrorRecord) {
	for i := range j.errors {
		if o := &j.errors[i]; o.same(&r) {
			r.First, r.Count = o.First, o.Count+1
			j.errors = slices.Delete(j.errors, i, i+1)
			break
		}
	}
	if len(j.errors) >= MaxErrors {
		j.errors = slices.Delete(j.errors, 0, 1)
	}
	j.errors = append(j.errors, r)
}

// counted makes connections count for the destination, and tells of them.
func (s *shared) counted(cfg *Config, secrets []rfc.Secret, open func(ctx context.Context) (*rfc.Conn, error)) func(ctx context.Context) (*rfc.Conn, error) {
	return func(ctx context.Context) (*rfc.Conn, error) {
		began := time.Now()
		conn, err := open(ctx)
		who := identityOf(ctx)
		attrs := []slog.Attr{slog.String("destination", cfg.Name), slog.String("client", who.client), slog.String("user", who.user), slog.Duration("duration", time.Since(began))}
		if err != nil {
			if e, ok := errors.AsType[*rfc.Error](err); ok {
				known := append(secrets[:len(secrets):len(secrets)], who.password)
				attrs = append(attrs, slog.GroupAttrs("error", append(redactedAttrs(e, known), slog.String("message", bounded(withoutValue(err), known)))...))
			}
			what := "connection could not be opened"
			if errors.Is(err, rfc.ErrLogon) {
				what = "logon refused"
			}
			s.journal.warn(cfg, what, attrs...)
			return nil, err
		}
		_ = conn.SetThroughput(&s.journal.throughput)
		if l := cfg.Logger; l != nil && l.Enabled(ctx, slog.LevelDebug) {
			if a, err := conn.Attributes(); err == nil {
				attrs = append(attrs, slog.String("conversation", a.ConversationID), slog.String("address", a.Remote), slog.String("system", a.SystemID))
			}
			guarded(func() { l.LogAttrs(ctx, slog.LevelDebug, "connection opened", attrs...) })
		}
		return conn, nil
	}
}

// event logs what happens in a pool; nil if nobody listens. Openings tell of themselves.
func (s *shared) event(cfg *Config, secrets []rfc.Secret) func(pool.Event) {
	l := cfg.Logger
	if l == nil {
		return nil
	}
	return func(e pool.Event) {
		attrs := []slog.Attr{slog.String("destination", cfg.Name)}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", bounded(withoutValue(e.Err), secrets)))
		}
		switch e.Kind {
		case pool.Closed:
			attrs = append(attrs, slog.String("reason", e.Reason.String()), slog.Duration("age", e.Duration))
			if e.Reason.Failure() {
				s.journal.warn(cfg, "connection closed", attrs...)
				return
			}
			guarded(func() { l.LogAttrs(context.Background(), slog.LevelDebug, "connection closed", attrs...) })
		case pool.TimedOut:
			s.journal.warn(cfg, "no connection free", append(attrs, slog.Duration("waited", e.Duration))...)
		case pool.Leaked:
			s.journal.warn(cfg, "connection not returned", append(attrs, slog.Duration("held", e.Duration), slog.String("stack", e.Stack))...)
		default:
		}
	}
}

// alarm spaces warnings of one kind.
type alarm struct {
	last       time.Time
	suppressed int64
}

// warn logs a warning, each text once in alarmPeriod; the next one says how many were left out.
// A system that is down is one story, not thousands.
func (j *journal) warn(cfg *Config, text string, attrs ...slog.Attr) {
	if cfg.Logger == nil {
		return
	}
	j.mu.Lock()
	a := j.alarms[text]
	now := time.Now()
	if a != nil && now.Sub(a.last) < alarmPeriod {
		a.suppressed++
		j.mu.Unlock()
		return
	}
	if j.alarms == nil {
		j.alarms = map[string]*alarm{}
	}
	if a == nil {
		a = new(alarm)
		j.alarms[text] = a
	}
	if a.suppressed > 0 {
		attrs = append(attrs, slog.Int64("suppressed", a.suppressed))
	}
	a.last, a.suppressed = now, 0
	j.mu.Unlock()
	guarded(func() { cfg.Logger.LogAttrs(context.Background(), slog.LevelWarn, text, attrs...) })
}

// guarded runs what belongs to others (fault F-114).
func guarded(fn func()) {
	defer func() { _ = recover() }()
	fn()
}

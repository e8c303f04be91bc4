package soak_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
	"github.com/purerfc/purerfc/wsrfc"
)

// place is one destination and the way to its system.
type place struct {
	name string
	host *host
	road *road
	cfg  destination.Config
	dest *destination.Destination
}

// verdict is what the caller of a call was told.
type verdict uint8

const (
	notCalled verdict = iota
	answered
	notSent
	unknown
	executed
)

// field is the place of the whole test.
type field struct {
	ledger   *ledger
	hosts    []*host
	places   []*place
	verdicts []verdict // by number; each is written by its worker
	refusals atomic.Int64

	succeeded, explained, intended [kinds]atomic.Int64 // calls
	strangers                      atomic.Int64        // logons of nobody, ever
	failedOpenings                 atomic.Int64

	mu            sync.Mutex
	wrong         []string
	conversations map[string]*link
	refused       map[string]*link // of the round before
}

// violation notes something that must not be.
func (f *field) violation(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wrong) < 50 {
		f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
	}
}

// opening watches one opening of a connection; it may outlast the call that caused it.
type opening struct {
	field    *field
	road     *road
	stranger bool // nobody who may log on
}

// trace makes the openings that a caller causes tell which connection is theirs.
func (f *field) trace(ctx context.Context, p *place, stranger bool) context.Context {
	o := &opening{field: f, road: p.road, stranger: stranger}
	return destination.WithTrace(ctx, &destination.Trace{
		Conversation: func(c *cpic.Conn) { o.conversation(c.ID(), c.LocalAddr()) }, Upgraded: func(c *wsrfc.Conn) { o.conversation(c.ID(), c.LocalAddr()) }, Done: o.done,
	})
}

func (o *opening) conversation(id string, local net.Addr) {
	l := o.road.linkOf(local.String())
	o.field.mu.Lock()
	defer o.field.mu.Unlock()
	o.field.conversations[id] = l
}

// done checks that an opening failed for a reason.
func (o *opening) done(step rfc.Step, err error) {
	if err == nil {
		return
	}
	o.field.failedOpenings.Add(1)
	if o.stranger && errors.Is(err, rfc.ErrLogon) {
		return
	}
	if step == rfc.StepLogon && !o.field.harmed(err) {
		o.field.violation("a logon failed for no reason: %v", err)
	}
}

// harmed reports whether a connection that an error names has met a fault.
func (f *field) harmed(err error) bool {
	found := false
	walk(err, func(err error) {
		if e, ok := err.(*rfc.Error); ok && e.ConversationID != "" { //nolint:errorlint // each link of the chain is looked at
			f.mu.Lock()
			l := f.conversations[e.ConversationID]
			f.mu.Unlock()
			found = found || l != nil && l.bad.Load() != 0
		}
	})
	return found
}

// walk visits an error and all its causes.
func walk(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch e := err.(type) { //nolint:errorlint // it is the chain itself
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			walk(err, visit)
		}
	}
}

// explain says whether an error that nobody asked for has a cause that was put there.
func (f *field) explain(err error) bool {
	if f.harmed(err) {
		return true
	}
	if e, ok := errors.AsType[*pool.Error](err); ok && !errors.Is(e, pool.ErrUnavailable) {
		return false
	}
	// It failed before there was a conversation: nothing names the connection.
	named := false
	walk(err, func(err error) {
		if e, ok := err.(*rfc.Error); ok { //nolint:errorlint // each link of the chain is looked at
			named = named || e.ConversationID != ""
		}
	})
	e, ok := errors.AsType[*rfc.Error](err)
	return ok && !named && e.Outcome == rfc.NotSent && f.failedOpenings.Load() > 0
}

// settle notes what a call came to. asked says that the caller brought its error about.
func (f *field) settle(k callKind, id int32, err error, asked bool) {
	if err == nil {
		f.verdicts[id] = answered
		f.succeeded[k].Add(1)
		return
	}
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok {
		f.violation("%v of call %d: an error of another type: %v", k, id, err)
		return
	}
	switch e.Outcome {
	case rfc.NotSent:
		f.verdicts[id] = notSent
	case rfc.Unknown:
		f.verdicts[id] = unknown
	case rfc.Executed:
		f.verdicts[id] = executed
	default:
		f.violation("%v of call %d: no outcome: %v", k, id, err)
	}
	switch {
	case asked:
		f.intended[k].Add(1)
	case f.explain(err):
		f.explained[k].Add(1)
	default:
		f.violation("%v of call %d: an error without a cause: %v (%+v)", k, id, err, *e)
	}
}

// callKind is a way to call.
type callKind int

const (
	typed callKind = iota
	dynamic
	asUser
	deepCall
	streamed
	leftEarly
	whole
	sent
	session
	raised
	panicked
	calledBack
	cancelled
	late
	stalled
	stranger
	shortLived
	kinds
)

var callKinds = [kinds]struct {
	name   string
	weight int // of 1000
	run    func(*worker, *place)
}{
	{"typed", 440, (*worker).typed},
	{"dynamic", 200, (*worker).dynamic},
	{"as another user", 80, (*worker).asUser},
	{"deep", 60, (*worker).deep},
	{"streamed", 12, (*worker).streamed},
	{"streamed, left early", 6, (*worker).leftEarly},
	{"table", 40, (*worker).whole},
	{"sent table", 20, (*worker).sent},
	{"in a session", 60, (*worker).session},
	{"exception or message", 40, (*worker).raised},
	{"panic in the handler", 1, (*worker).panicked},
	{"callback", 20, (*worker).calledBack},
	{"context ends", 14, (*worker).cancelled},
	{"late answer", 4, (*worker).late},
	{"silent connection", 1, (*worker).stalled},
	{"stranger", 1, (*worker).stranger},
	{"short-lived destination", 1, (*worker).shortLived},
}

func (k callKind) String() string { return callKinds[k].name }

// worker makes its share of calls, one after the other.
type worker struct {
	*field
	rnd       *rand.Rand
	next, end int32 // its numbers
	faults    int   // one in so many calls; 0: none
}

// number is that of the next call. Operations of several calls may go past the share of a
// round; no number is given twice.
func (w *worker) number() int32 {
	id := w.next
	w.next++
	return id
}

// work runs a round.
func (w *worker) work(until int32) {
	total := 0
	for _, k := range callKinds {
		total += k.weight
	}
	for w.next < until {
		p := w.places[w.rnd.IntN(len(w.places))]
		if w.faults > 0 && w.rnd.IntN(w.faults) == 0 {
			w.harm(p)
		}
		n := w.rnd.IntN(total)
		for _, k := range callKinds {
			if n -= k.weight; n < 0 {
				k.run(w, p)
				break
			}
		}
	}
}

// harm puts a fault somewhere.
func (w *worker) harm(p *place) {
	switch n := w.rnd.IntN(100); {
	case n < 80:
		p.road.arm(someFault(w.rnd))
	case n < 95:
		w.refusals.Add(1)
		p.host.refuse.Add(1)
	default:
		p.host.restart(w.rnd.IntN(2) == 0)
	}
}

func (w *worker) check(k callKind, id int32, ok bool, got any) {
	if !ok {
		w.violation("%v of call %d: a wrong answer: %.300v", k, id, fmt.Sprintf("%+v", got))
	}
}

func (w *worker) typed(p *place) {
	w.echo(w.trace(context.Background(), p, false), typed, p.dest, strings.ToUpper(p.cfg.User))
}

func (w *worker) echo(ctx context.Context, k callKind, d *destination.Destination, user string) {
	id := w.number()
	in := echoOf(id)
	out, err := rfc.Call[echoOut](ctx, d, "Z_SOAK_ECHO", &in)
	if err == nil {
		w.check(k, id, out.equal(&in) && out.User == user, out)
	}
	w.settle(k, id, err, false)
}

func (w *worker) dynamic(p *place) {
	id := w.number()
	want := echoOf(id)
	res, err := p.dest.Call(w.trace(context.Background(), p, false), "Z_SOAK_ECHO",
		rfc.Params{"ID": id, "TEXT": want.Text, "LONG": want.Long, "KEY": want.Key, "SQUARE": want.Square})
	if err == nil {
		var values rfc.Params
		values, err = res.Values()
		if err == nil {
			var got echo
			got.ID, _ = values["ID"].(int32)
			got.Text, _ = values["TEXT"].(string)
			got.Long, _ = values["LONG"].(string)
			got.Key, _ = values["KEY"].([]byte)
			got.Square, _ = values["SQUARE"].(int64)
			w.check(dynamic, id, got.equal(&want), values)
		}
	}
	w.settle(dynamic, id, err, false)
}

func (w *worker) asUser(p *place) {
	name := fmt.Sprintf("SOAK%d", w.rnd.IntN(userCount))
	d := p.dest.With(destination.User{Name: name, Password: userPassword})
	w.echo(w.trace(context.Background(), p, false), asUser, d, name)
}

func (w *worker) deep(p *place) {
	id := w.number()
	in := deepOf(id)
	var opts []rfc.Option
	if w.rnd.IntN(2) == 0 {
		opts = append(opts, rfc.WithFormat(serialization.BasXML))
	}
	out, err := rfc.Call[deep](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_DEEP", &in, opts...)
	if err == nil {
		w.check(deepCall, id, sameDeep(&in, &out), out)
	}
	w.settle(deepCall, id, err, false)
}

func sameDeep(a, b *deep) bool {
	same := func(a, b node) bool { return a.ID == b.ID && a.Text == b.Text && slices.Equal(a.Items, b.Items) }
	return a.ID == b.ID && same(a.Root, b.Root) && slices.EqualFunc(a.More, b.More, same)
}

func (w *worker) streamed(p *place) { w.stream(streamed, p, int32(w.rnd.IntN(3000)), -1) }

func (w *worker) leftEarly(p *place) {
	w.stream(leftEarly, p, int32(1+w.rnd.IntN(4000)), int32(w.rnd.IntN(500)))
}

// stream reads rows while they arrive, up to a limit if it is not negative.
func (w *worker) stream(k callKind, p *place, n, limit int32) {
	id := w.number()
	res, err := p.dest.Call(w.trace(context.Background(), p, false), "Z_SOAK_ROWS", rowsIn{id, n}, rfc.Stream("LINES"))
	if err == nil {
		pos := int32(0)
		for row, rowErr := range rfc.Rows[line](res, "LINES") {
			if err = rowErr; err != nil || pos == limit {
				break
			}
			w.check(k, id, row == lineOf(id, pos), row)
			pos++
		}
		if err == nil {
			w.check(k, id, pos == n || pos == limit, pos)
		}
		if closeErr := res.Close(); err == nil {
			err = closeErr
		}
	}
	w.settle(k, id, err, false)
}

func (w *worker) whole(p *place) {
	id, n := w.number(), int32(w.rnd.IntN(200))
	format := []serialization.Format{serialization.Classic, serialization.RowFast, serialization.ColumnFast, serialization.BasXML}[w.rnd.IntN(4)]
	out, err := rfc.Call[struct {
		Lines []line `rfc:"LINES"`
	}](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_ROWS", rowsIn{id, n}, rfc.WithFormat(format))
	if err == nil {
		ok := int(n) == len(out.Lines)
		for i, row := range out.Lines {
			ok = ok && row == lineOf(id, int32(i))
		}
		w.check(whole, id, ok, out)
	}
	w.settle(whole, id, err, false)
}

func (w *worker) sent(p *place) {
	id, n := w.number(), int32(w.rnd.IntN(2000))
	out, err := rfc.Call[sendOut](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_SEND", rfc.Params{"ID": id, "LINES": lines(id, n)})
	if err == nil {
		total := int64(id)*31*int64(n) + int64(n)*int64(n-1)/2
		w.check(sent, id, out.Count == n && out.Sum == total, out)
	}
	w.settle(sent, id, err, false)
}

// session makes calls whose answers depend on those before.
func (w *worker) session(p *place) {
	ctx := w.trace(context.Background(), p, false)
	var last error
	err := p.dest.Session(ctx, func(s *destination.Session) error {
		var want countOut
		for range 2 + w.rnd.IntN(4) {
			if w.next >= w.end {
				return nil
			}
			id := w.number()
			out, err := rfc.Call[countOut](ctx, s, "Z_SOAK_ADD", numberIn{id})
			w.settle(session, id, err, false)
			if last = err; err != nil {
				// Whatever follows must not reach another session.
				if w.next < w.end && !s.Alive() {
					id := w.number()
					_, err := rfc.Call[countOut](ctx, s, "Z_SOAK_ADD", numberIn{id})
					w.check(session, id, errors.Is(err, destination.ErrSessionLost), err)
					w.settle(session, id, err, true)
				}
				return err
			}
			want.Calls++
			want.Sum += int64(id)
			w.check(session, id, out == want, out)
		}
		return nil
	})
	if err != nil && last == nil && !w.explain(err) {
		w.violation("a session began or ended with an error without a cause: %v", err)
	}
}

// raised gets the error that it asks for.
func (w *worker) raised(p *place) {
	id := w.number()
	if id%4 == 3 && w.rnd.IntN(8) > 0 {
		w.next-- // fewer short dumps: they cost the connection
		w.typed(p)
		return
	}
	_, err := rfc.Call[answerOut](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_RAISE", numberIn{id})
	e, ok := errors.AsType[*rfc.Error](err)
	class := []rfc.Class{rfc.ClassABAPException, rfc.ClassABAPException, rfc.ClassABAPMessage, rfc.ClassABAPRuntime}[id%4]
	asked := ok && e.Class == class && (e.Key == fmt.Sprint("SOAK_", id) || e.MessageV[0] == fmt.Sprint(id))
	w.check(raised, id, err != nil, "no error")
	if err != nil {
		w.settle(raised, id, err, asked)
	}
}

func (w *worker) panicked(p *place) {
	id := w.number()
	_, err := rfc.Call[answerOut](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_PANIC", numberIn{id})
	w.check(panicked, id, err != nil, "no error")
	if err != nil {
		w.settle(panicked, id, err, errors.Is(err, rfc.ErrABAPRuntime))
	}
}

func (w *worker) calledBack(p *place) {
	id := w.number()
	out, err := rfc.Call[answerOut](w.trace(context.Background(), p, false), p.dest, "Z_SOAK_BACK", numberIn{id})
	if err == nil {
		w.check(calledBack, id, out.Answer == words(id) && w.ledger.callbacks[id].Load() == 1, out)
	}
	// WebSocket RFC has no callbacks.
	w.settle(calledBack, id, err, p.road == p.host.web && errors.Is(err, rfc.ErrABAPRuntime))
}

// over reports that the time of a context has passed; the timer behind it may be late.
func over(ctx context.Context) bool {
	at, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(at)
}

// cancelled calls with a context that ends at any moment, perhaps before.
func (w *worker) cancelled(p *place) {
	id := w.number()
	ctx, cancel := context.WithTimeout(w.trace(context.Background(), p, false), time.Duration(w.rnd.IntN(3000))*time.Microsecond)
	defer cancel()
	in := echoOf(id)
	out, err := rfc.Call[echoOut](ctx, p.dest, "Z_SOAK_ECHO", &in)
	if err == nil {
		w.check(cancelled, id, out.equal(&in), out)
	}
	w.settle(cancelled, id, err, over(ctx))
}

// late waits less long than the answer takes, mostly.
func (w *worker) late(p *place) {
	id := w.number()
	ctx, cancel := context.WithTimeout(w.trace(context.Background(), p, false), time.Duration(1+w.rnd.IntN(20))*time.Millisecond)
	defer cancel()
	out, err := rfc.Call[answerOut](ctx, p.dest, "Z_SOAK_LATE", numberIn{id})
	if err == nil {
		w.check(late, id, out.Answer == words(id), out)
	}
	w.settle(late, id, err, over(ctx))
}

// stalled calls over a connection on which nothing passes any more.
func (w *worker) stalled(p *place) {
	ctx := w.trace(context.Background(), p, false)
	s, err := p.dest.Pin(ctx)
	if err != nil {
		if !w.explain(err) {
			w.violation("no session, without a cause: %v", err)
		}
		return
	}
	a, err := s.Attributes()
	w.mu.Lock()
	l := w.conversations[a.ConversationID]
	w.mu.Unlock()
	silent := false
	if err == nil && l != nil { // the call is longer
		f := &fault{kind: silence, toHost: w.rnd.IntN(2) == 0, after: w.rnd.IntN(80)}
		silent = l.pending[direction(f.toHost)].CompareAndSwap(nil, f)
	}
	id := w.number()
	_, err = rfc.Call[countOut](ctx, s, "Z_SOAK_ADD", numberIn{id}, rfc.WithTimeout(stallLimit))
	w.check(stalled, id, err != nil || !silent, "an answer over a silent connection")
	w.settle(stalled, id, err, errors.Is(err, rfc.ErrTimeout))
	ctx, cancel := context.WithTimeout(ctx, stallLimit) // of the reset
	defer cancel()
	if err := s.Close(ctx); err != nil && !w.explain(err) {
		w.violation("the end of a session, without a cause: %v", err)
	}
}

// stranger is nobody. Each has a name of his own, as the systems slow down who comes again;
// they remember him, so that there are only so many.
func (w *worker) stranger(p *place) {
	n := w.strangers.Add(1)
	if n > strangerLimit {
		w.typed(p)
		return
	}
	id := w.number()
	d := p.dest.With(destination.User{Name: fmt.Sprint("NOBODY", n), Password: "wrong"})
	_, err := rfc.Call[echoOut](w.trace(context.Background(), p, true), d, "Z_SOAK_ECHO", echoOf(id))
	w.check(stranger, id, err != nil, "a stranger was let in")
	if err != nil {
		w.settle(stranger, id, err, errors.Is(err, rfc.ErrLogon))
	}
}

// shortLived makes a destination for a few calls at once and closes it.
func (w *worker) shortLived(p *place) {
	cfg := p.cfg
	// Descriptions stay in caches of the process for a while: not those of each of these.
	r, err := p.dest.Repository(w.trace(context.Background(), p, false))
	if err != nil {
		if !w.explain(err) {
			w.violation("no repository, without a cause: %v", err)
		}
		return
	}
	cfg.Functions = r
	d, err := destination.New(cfg)
	if err != nil {
		w.violation("a destination: %v", err)
		return
	}
	own := *p
	own.dest = d
	var group sync.WaitGroup
	for range min(3, w.end-w.next) {
		id := w.number()
		group.Go(func() {
			in := echoOf(id)
			out, err := rfc.Call[echoOut](w.trace(context.Background(), &own, false), d, "Z_SOAK_ECHO", &in)
			if err == nil {
				w.check(shortLived, id, out.equal(&in), out)
			}
			w.settle(shortLived, id, err, false)
		})
	}
	group.Wait()
	w.closed(d)
}

// closed closes a destination and looks at what its pool says then.
func (f *field) closed(d *destination.Destination) {
	if err := d.Close(context.Background()); err != nil {
		f.violation("closing %v: %v", d, err)
	}
	s := d.Stats()
	if s.Open+s.InUse+s.Idle+s.Opening+s.Waiting != 0 || s.Opened != s.Closed.Total() {
		f.violation("%v: something is left in the pool: %+v", d, s)
	}
}

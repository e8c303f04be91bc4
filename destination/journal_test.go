package destination_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// gate stops a module of a system until it is opened.
type gate struct{ entered, open chan struct{} }

func stopped(sys *rfctest.System, function string) *gate {
	g := &gate{make(chan struct{}, 16), make(chan struct{})}
	sys.Intercept(function, func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			g.entered <- struct{}{}
			select {
			case <-g.open:
			case <-ctx.Done():
			}
			return next(ctx, req, reply)
		}
	})
	return g
}

// until waits for a snapshot.
func until(t *testing.T, d *destination.Destination, ok func(s destination.Snapshot) bool) destination.Snapshot {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s := d.Snapshot()
		if ok(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the snapshot that was waited for did not come")
		}
	}
}

func ask(text string) rfc.Params { return rfc.Params{"REQUTEXT": text} }

func TestSnapshotShowsWhatRuns(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.Capacity, c.Pool.PeakLimit = new(2), new(2) })
	s := d.Snapshot()
	require.Equal(t, "A4H", s.Name)
	require.Equal(t, sys.Address(), s.Target)
	require.Zero(t, s.Calls.Total())
	require.Zero(t, s.Throughput)
	_, err := d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	g := stopped(sys, "STFC_CONNECTION")
	var group sync.WaitGroup
	for range 3 { // two run, one waits
		group.Go(func() {
			if _, err := d.Call(t.Context(), "STFC_CONNECTION", ask("x")); err != nil {
				t.Error(err)
			}
		})
	}
	<-g.entered
	<-g.entered
	s = until(t, d, func(s destination.Snapshot) bool {
		n := map[destination.CallState]int{}
		for _, r := range s.Running {
			n[r.State]++
		}
		return n[destination.CallCalling] == 2 && n[destination.CallWaiting] == 1 && s.Pool.Waiting == 1
	})
	require.Equal(t, 3, s.RunningTotal)
	for i, r := range s.Running {
		require.Equal(t, []string{"STFC_CONNECTION", "001", "DEVELOPER"}, []string{r.Function, r.Client, r.User})
		require.Positive(t, r.Age)
		require.True(t, i == 0 || r.Age <= s.Running[i-1].Age, "the oldest first")
	}
	require.Equal(t, []destination.UserStats{{Client: "001", User: "DEVELOPER", InUse: 2, Waiting: 1}}, s.Users)
	require.Equal(t, 2, s.Pool.InUse)
	close(g.open)
	group.Wait()
	s = d.Snapshot()
	require.Empty(t, s.Running)
	require.EqualValues(t, 5, s.Calls.Succeeded, "with the look-up")
	require.EqualValues(t, 5, s.Throughput.Calls)
	require.Greater(t, s.Repository.Hits, int64(0))
	require.EqualValues(t, 1, s.Repository.Misses)
	var n int64
	for _, m := range s.Calls.Durations {
		n += m
	}
	require.EqualValues(t, 5, n)
	require.Positive(t, s.Calls.Duration)
	list := d.Connections()
	require.Len(t, list, 2)
	require.Equal(t, []string{"001", "DEVELOPER", "idle", sys.Address()}, []string{list[0].Client, list[0].User, list[0].State, list[0].Address})
	require.GreaterOrEqual(t, list[0].Age, list[1].Age)
	require.EqualValues(t, 5, list[0].Calls+list[1].Calls)
	require.Less(t, s.Throughput.SentBytes, list[0].SentBytes+list[1].SentBytes, "logons are no calls")
}

func TestSnapshotShowsSessionsAndStreams(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	_, err = session.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	s := d.Snapshot()
	require.Equal(t, 1, s.SessionsTotal)
	require.Equal(t, []any{"001", "DEVELOPER", int64(1)}, []any{s.Sessions[0].Client, s.Sessions[0].User, s.Sessions[0].Calls})
	require.Positive(t, s.Sessions[0].Age)
	require.Empty(t, s.Running)
	require.NoError(t, session.Close(t.Context()))
	require.Zero(t, d.Snapshot().SessionsTotal)
	_, err = session.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.ErrorIs(t, err, rfc.ErrClosed)

	res, err := d.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET1000": 2000}, rfc.Stream("ETAB1000"))
	require.NoError(t, err)
	s = d.Snapshot()
	require.Len(t, s.Running, 1)
	require.Equal(t, destination.CallStreaming, s.Running[0].State)
	before := s.Calls.Succeeded
	for _, err := range rfc.Rows[rfc.Params](res, "ETAB1000") {
		require.NoError(t, err)
	}
	s = d.Snapshot()
	require.Empty(t, s.Running)
	require.Equal(t, before+1, s.Calls.Succeeded)
	require.Equal(t, map[string]int64{"state": 1}, s.Calls.Failed)
	require.EqualValues(t, 1, s.Errors[0].Count)
}

func TestErrorsAreRemembered(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	fail := func(function string, in rfc.Params) {
		t.Helper()
		_, err := d.Call(t.Context(), function, in)
		require.Error(t, err)
	}
	fail("RFC_RAISE_ERROR", rfc.Params{"METHOD": "1", "MESSAGETYPE": "E"})
	fail("STFC_CONNECTION", rfc.Params{"NONE": 1})
	fail("STFC_CONNECTION", rfc.Params{"NONE": 1})
	s := d.Snapshot()
	require.Len(t, s.Errors, 2, "the same error is counted")
	e := s.Errors[0]
	require.Equal(t, []any{"STFC_CONNECTION", "parameter", "RFC_INVALID_PARAMETER", "not sent", int64(2), false}, []any{e.Function, e.Class, e.Key, e.Outcome, e.Count, e.Remote})
	require.Contains(t, e.Text, "field 'NONE' not found")
	require.False(t, e.Last.Before(e.First))
	require.Equal(t, []any{"001", "DEVELOPER"}, []any{e.Client, e.User})
	require.True(t, s.Errors[1].Remote)
	require.Equal(t, "executed", s.Errors[1].Outcome)
	require.EqualValues(t, 2, s.Calls.Failed["parameter"])
	for i := range destination.MaxErrors + 5 {
		fail("STFC_CONNECTION", rfc.Params{fmt.Sprintf("NONE%d", i): 1})
	}
	s = d.Snapshot()
	require.Len(t, s.Errors, destination.MaxErrors)
	require.Contains(t, s.Errors[0].Text, fmt.Sprintf("NONE%d", destination.MaxErrors+4))
	require.EqualValues(t, destination.MaxErrors+8, s.Calls.Total()-s.Calls.Succeeded)
	// Long texts are cut, at a whole character.
	fail("STFC_CONNECTION", rfc.Params{strings.Repeat("Ü", 3000): 1})
	require.LessOrEqual(t, len(d.Snapshot().Errors[0].Text), 515)
}

// A caller whose iterator panics leaves nothing behind that runs for ever.
func TestPanicEndsTheCall(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, nil)
	require.Panics(t, func() {
		seq := iter.Seq[rfc.Params](func(func(rfc.Params) bool) { panic("no rows") })
		_, _ = d.Call(t.Context(), "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}, "RFCTABLE": rfc.Sequence[rfc.Params]{Count: 1, Seq: seq}})
	})
	s := d.Snapshot()
	require.Empty(t, s.Running)
	require.Zero(t, s.Pool.InUse)
	require.Contains(t, s.Errors[0].Text, "panicked")
	require.NotContains(t, s.Errors[0].Text, "no rows")
}

// logs collects records.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logs) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// lines are the records of a message.
func (l *logs) lines(message string) (list []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, fmt.Sprintf(" msg=%q ", message)) || strings.Contains(line, " msg="+message+" ") {
			list = append(list, line)
		}
	}
	return list
}

func TestLogOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var log logs
	d := pooled(t, sys, func(c *destination.Config) { c.Logger, c.Pool.Capacity = log.logger(slog.LevelDebug), new(0) })
	_, err := d.Call(t.Context(), "STFC_CONNECTION", ask("SENTVALUE"))
	require.NoError(t, err)
	calls := log.lines("call")
	require.Len(t, calls, 2, "with the look-up:\n%s", log.String())
	for _, want := range []string{"level=DEBUG", "destination=A4H", "function=STFC_CONNECTION", "duration=", "waited=", "outcome=executed"} {
		require.Contains(t, calls[1], want)
	}
	opened := log.lines("connection opened")
	require.NotEmpty(t, opened)
	for _, want := range []string{"level=DEBUG", "destination=A4H", "client=001", "user=DEVELOPER", "conversation=", "address=" + sys.Address()} {
		require.Contains(t, opened[0], want)
	}
	require.Contains(t, log.lines("connection closed")[0], "level=DEBUG")
	require.Contains(t, log.lines("connection closed")[0], "reason=surplus")

	_, err = d.Call(t.Context(), "STFC_CONNECTION", ask(strings.Repeat("SENTVALUE", 100)))
	require.ErrorContains(t, err, "SENTVALUE", "the caller is told what was wrong")
	_, err = d.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.Error(t, err)
	failed := log.lines("call failed")
	require.Len(t, failed, 2)
	require.Contains(t, failed[0], `error.class=conversion`)
	require.Contains(t, failed[0], `outcome="not sent"`)
	require.Contains(t, failed[1], `error.class="system failure"`)
	require.Contains(t, failed[1], `error.key=COMPUTE_INT_ZERODIVIDE`)
	lost := log.lines("connection closed")
	require.Contains(t, lost[len(lost)-1], "level=WARN")
	require.Contains(t, lost[len(lost)-1], "reason=broken")
	require.NotContains(t, log.String(), "SENTVALUE", "the log is not")
}

// Nothing above Debug tells of each call.
func TestLogIsQuietByDefault(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var log logs
	d := pooled(t, sys, func(c *destination.Config) { c.Logger, c.Pool.Capacity = log.logger(slog.LevelInfo), new(0) })
	for range 3 {
		_, err := d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
		require.NoError(t, err)
		_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"NONE": "x"})
		require.Error(t, err)
	}
	require.Empty(t, log.String())
}

func TestLogOfRefusalsAndWaits(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var log logs
	d := pooled(t, sys, func(c *destination.Config) {
		c.Logger, c.Pool.PeakLimit, c.Pool.MaxWait = log.logger(slog.LevelInfo), new(1), new(time.Duration)
	})
	for _, name := range []string{"ALICE", "BOB"} {
		_, err := d.With(destination.User{Name: name, Password: canary}).Call(t.Context(), "STFC_CONNECTION", ask("x"))
		require.ErrorIs(t, err, rfc.ErrLogon)
	}
	refused := log.lines("logon refused")
	require.Len(t, refused, 1, "once in a while")
	for _, want := range []string{"level=WARN", "user=ALICE", "error.class=logon", "error.step=logon", "error.message="} {
		require.Contains(t, refused[0], want)
	}
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	for range 3 {
		_, err = d.Call(t.Context(), "STFC_CONNECTION", ask("x"), rfc.WithInterface(nil))
		require.ErrorIs(t, err, pool.ErrExhausted)
	}
	waited := log.lines("no connection free")
	require.Len(t, waited, 1)
	require.Contains(t, waited[0], "level=WARN")
	require.NoError(t, session.Close(t.Context()))
	_ = sys.Close()
	_, err = d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.Error(t, err)
	require.Contains(t, log.lines("connection could not be opened")[0], "error.step=tcp")
	require.NotContains(t, log.String(), canary)
}

// A handler of logs that panics harms nobody (fault F-114).
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("no room on the disk") }

func TestF114LogHandlerPanics(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) {
		c.Logger, c.Pool.Capacity = slog.New(panicking{slog.DiscardHandler}), new(0)
	})
	_, err := d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	_, err = d.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
}

// Neither a password nor the value of a parameter is in a snapshot, a log or a trace, not even
// when the partner sends the password back.
func TestObservingShowsNoSecrets(t *testing.T) {
	t.Parallel()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{User: "DEVELOPER", Password: canary})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error {
			return rfc.RuntimeFailure("YOUR_"+canary, "your password is "+canary)
		}
	})
	var log logs
	const value = "CANARYVALUE"
	d := pooled(t, sys, func(c *destination.Config) {
		c.Logger = log.logger(slog.LevelDebug)
		c.Repository.User, c.Repository.Password = "DEVELOPER", canary
	})
	var told []string
	ctx := rfc.WithCallTrace(t.Context(), &rfc.CallTrace{
		Described: func(i rfc.CallDescribed) { told = append(told, fmt.Sprintf("%+v", i)) },
		GotConn:   func(i rfc.CallConn) { told = append(told, fmt.Sprintf("%+v", i)) },
		Built:     func(i rfc.CallBuilt) { told = append(told, fmt.Sprintf("%+v", i)) },
		Done:      func(i rfc.CallDone) { i.Err = nil; told = append(told, fmt.Sprintf("%+v", i)) },
	})
	_, err = d.Call(ctx, "STFC_CONNECTION", ask(value))
	require.NoError(t, err)
	_, err = d.Call(ctx, "STFC_STRING", rfc.Params{"QUESTION": value})
	require.Error(t, err)
	_, err = d.Call(ctx, "STFC_CONNECTION", ask(strings.Repeat(value, 50)))
	require.ErrorIs(t, err, rfc.ErrConversion)
	_, err = d.Call(ctx, "STFC_CHANGING", rfc.Params{"START_VALUE": value, "COUNTER": 1})
	require.ErrorIs(t, err, rfc.ErrConversion)
	_, err = d.With(destination.User{Name: "OTHER", Password: canary + "2"}).Call(ctx, "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrLogon)
	s, err := json.Marshal(d.Snapshot())
	require.NoError(t, err)
	connections, err := json.Marshal(d.Connections())
	require.NoError(t, err)
	cfg := sys.Config()
	log.logger(slog.LevelInfo).Info("settings", "config", cfg, "properties", cfg.Properties())
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "config", cfg, "error", error(&rfc.Error{Class: rfc.ClassLogon}))
	require.Contains(t, log.String(), `"name":"`+cfg.Name+`"`)
	require.Contains(t, log.String(), `"jco.client.passwd":"***"`)
	for i, text := range []string{string(s), string(connections), log.String(), strings.Join(told, "\n"), fmt.Sprintf("%+v %#v", d.Snapshot(), d.Snapshot())} {
		require.NotEmpty(t, text)
		require.NotContains(t, text, canary, i)
		require.NotContains(t, text, value, i)
	}
	require.Contains(t, string(s), "your password is ***")
	require.Contains(t, string(s), "REQUTEXT: CHAR(255): too long")
}

func TestCallTraceOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit, c.Pool.MaxWait = new(1), new(time.Duration) })
	var steps []string
	var conns []rfc.CallConn
	var hits []bool
	var done []rfc.CallDone
	ctx := rfc.WithCallTrace(t.Context(), &rfc.CallTrace{
		Described: func(i rfc.CallDescribed) { steps, hits = append(steps, "described"), append(hits, i.Hit) },
		GotConn:   func(i rfc.CallConn) { steps, conns = append(steps, "got conn"), append(conns, i) },
		Built:     func(rfc.CallBuilt) { steps = append(steps, "built") },
		Done:      func(i rfc.CallDone) { steps, done = append(steps, "done"), append(done, i) },
	})
	whole := []string{"described", "got conn", "built", "done"}
	for range 2 {
		_, err := d.Call(ctx, "STFC_CONNECTION", ask("x"))
		require.NoError(t, err)
		require.Equal(t, whole, steps, "the look-up's own call is not told")
		steps = nil
	}
	require.Equal(t, []bool{false, true}, hits)
	require.True(t, conns[0].Reused, "the look-up was there before")
	require.Equal(t, []string{"A4H", sys.Address(), done[0].ConversationID}, []string{conns[0].Destination, conns[0].Address, conns[0].ConversationID})
	require.Positive(t, conns[0].Waited)

	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	_, err = session.Call(ctx, "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	require.Equal(t, whole, steps)
	require.True(t, conns[2].Reused)
	require.Zero(t, conns[2].Waited)
	steps = nil
	_, err = d.Call(ctx, "STFC_CONNECTION", ask("x"))
	require.ErrorIs(t, err, pool.ErrExhausted)
	require.Equal(t, []string{"described", "done"}, steps)
	last := done[len(done)-1]
	require.Equal(t, err, last.Err)
	require.Equal(t, []any{rfc.NotSent, "A4H", "STFC_CONNECTION"}, []any{last.Outcome, last.Destination, last.Function})
	require.NoError(t, session.Close(t.Context()))
	_, err = session.Call(ctx, "STFC_CONNECTION", ask("x"))
	require.Error(t, err)
	require.Len(t, done, 5)
	_, err = d.Call(ctx, "STFC_CONNECTION", rfc.Params{"NONE": 1})
	require.Error(t, err)
	require.Len(t, done, 6, "told once, by the connection")
}

// O-05 for a destination: all its connections count together; a reset is felt by all.
func TestO05ThroughputOfADestination(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.Capacity = new(4) })
	require.NoError(t, d.Warm(t.Context(), 3))
	require.Zero(t, d.Throughput().Stats(), "O-01")
	var mine rfc.Throughput
	g := stopped(sys, "STFC_CONNECTION")
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if _, err := d.Call(rfc.WithThroughput(t.Context(), &mine), "STFC_CONNECTION", ask("x")); err != nil {
				t.Error(err)
			}
		})
	}
	for range 3 {
		<-g.entered
	}
	close(g.open)
	group.Wait()
	s := d.Throughput().Stats()
	require.EqualValues(t, 4, s.Calls, "O-02")
	m := mine.Stats()
	require.LessOrEqual(t, m.Calls, s.Calls)
	require.GreaterOrEqual(t, m.Calls, int64(3))
	require.Equal(t, s, d.With(destination.User{Name: "X", Password: "y"}).Throughput().Reset(), "O-04")
	require.Zero(t, d.Snapshot().Throughput)
}

func TestDestinationsOfACatalog(t *testing.T) {
	t.Parallel()
	c := &destination.Catalog{Provider: &destination.Memory{}}
	for _, name := range []string{"B", "A", "C"} {
		_, err := c.Open(name)
		require.NoError(t, err)
	}
	var names []string
	for d := range c.Destinations() {
		names = append(names, d.Name())
		s := d.Snapshot()
		require.Equal(t, d.Name(), s.Name)
		require.Empty(t, s.Target, "nobody has needed its settings")
		require.Empty(t, d.Connections())
		if d.Name() == "B" {
			break
		}
	}
	require.Equal(t, []string{"A", "B"}, names)
	require.NoError(t, c.Close(t.Context()))
	require.Empty(t, slices.Collect(c.Destinations()))
	require.NotNil(t, destination.Opened())
}

// Attempts of one call are one call, whatever became of the first ones.
func TestAttemptsAreOneCall(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	var failures atomic.Int64
	d := pooled(t, sys, func(c *destination.Config) {
		c.Pool.Capacity = new(0)
		c.Retry = destination.RetryConfig{Attempts: 3, Backoff: time.Millisecond}
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if failures.Add(-1) >= 0 {
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	_, err := d.Call(t.Context(), "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	before := d.Snapshot()
	var done []rfc.CallDone
	ctx := rfc.WithCallTrace(t.Context(), &rfc.CallTrace{Done: func(i rfc.CallDone) { done = append(done, i) }})
	failures.Store(2)
	_, err = d.Call(ctx, "STFC_CONNECTION", ask("x"))
	require.NoError(t, err)
	s := d.Snapshot()
	require.Equal(t, before.Calls.Succeeded+1, s.Calls.Succeeded)
	require.Empty(t, s.Calls.Failed)
	require.Empty(t, s.Errors)
	require.Empty(t, s.Running)
	require.EqualValues(t, before.Pool.OpenFailed+2, s.Pool.OpenFailed)
	require.Len(t, done, 1, "the first attempts never came to a connection")
	require.NoError(t, done[0].Err)
	failures.Store(100)
	_, err = d.Call(ctx, "STFC_CONNECTION", ask("x"))
	require.ErrorIs(t, err, rfc.ErrCommunication)
	s = d.Snapshot()
	require.Equal(t, map[string]int64{"communication": 1}, s.Calls.Failed)
	require.EqualValues(t, 1, s.Errors[0].Count)
	require.Len(t, done, 2)
}

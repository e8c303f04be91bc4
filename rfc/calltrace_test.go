package rfc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// heard notes what a trace is told.
type heard struct {
	steps  []string
	said   []any
	done   []rfc.CallDone
	panics []any
}

func (h *heard) note(step string, info any) {
	h.steps = append(h.steps, step)
	h.said = append(h.said, info)
}

func (h *heard) trace() *rfc.CallTrace {
	return &rfc.CallTrace{
		Described: func(i rfc.CallDescribed) { h.note("described", i) },
		GotConn:   func(i rfc.CallConn) { h.note("got conn", i) },
		Built:     func(i rfc.CallBuilt) { h.note("built", i) },
		Writing:   func() { h.note("writing", nil) },
		Wrote:     func(i rfc.CallWrote) { h.note("wrote", i) },
		Answering: func() { h.note("answering", nil) },
		Callback:  func(i rfc.CallCallback) { h.note("callback", i) },
		Rows:      func(i rfc.CallRows) { h.note("rows", i) },
		Done: func(i rfc.CallDone) {
			h.note("done", i)
			h.done = append(h.done, i)
		},
		Panicked: func(v any) { h.panics = append(h.panics, v) },
	}
}

// traced makes a context whose calls h hears of.
func traced(t testing.TB) (context.Context, *heard) {
	h := new(heard)
	return rfc.WithCallTrace(t.Context(), h.trace()), h
}

func (h *heard) last(t testing.TB) rfc.CallDone {
	t.Helper()
	require.NotEmpty(t, h.done)
	return h.done[len(h.done)-1]
}

func TestCallTraceTellsTheStepsOfACall(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{Destination: "A4H"}, answerAll(echo))
	ctx, h := traced(t)
	s0, r0, _ := c.Traffic()
	_, err := zCall(ctx, c, rfc.Params{"TEXT": "hi"})
	require.NoError(t, err)
	require.Equal(t, []string{"built", "writing", "wrote", "answering", "done"}, h.steps)
	s1, r1, _ := c.Traffic()
	d := h.last(t)
	require.Equal(t, "Z_TEST", d.Function)
	require.NoError(t, d.Err)
	require.Equal(t, rfc.Executed, d.Outcome)
	require.Equal(t, serialization.Classic, d.Format)
	require.Equal(t, []int64{s1 - s0, r1 - r0}, []int64{d.BytesOut, d.BytesIn})
	require.Equal(t, []string{"A4H", "12345678"}, []string{d.Destination, d.ConversationID})
	require.Equal(t, d.BytesOut, h.said[2].(rfc.CallWrote).Bytes)
	require.Less(t, int64(h.said[0].(rfc.CallBuilt).Bytes), d.BytesOut)
	require.LessOrEqual(t, d.Waiting+d.Serialization+d.Writing+d.Application+d.Deserialization, d.Duration)
	// A call without the trace, or with the context behind it, tells nothing.
	_, err = zCall(t.Context(), c, nil)
	require.NoError(t, err)
	require.Len(t, h.done, 1)
}

func TestCallTraceOfFailures(t *testing.T) {
	t.Parallel()
	refusal := func(p *peer) []byte {
		return end(empty(chain.Reply), textItem(chain.MessageNumber, "000"), textItem(chain.ExceptionKey, "NOT_FOUND"))
	}
	sent := []string{"built", "writing", "wrote"}
	for name, tc := range map[string]struct {
		script  func(p *peer)
		in      any
		opts    []rfc.Option
		class   rfc.Class
		outcome rfc.Outcome
		steps   []string
	}{
		"unknown parameter": {nil, rfc.Params{"NONE": 1}, nil, rfc.ClassParameter, rfc.NotSent, nil},
		"unknown stream":    {nil, nil, []rfc.Option{rfc.Stream("NONE")}, rfc.ClassParameter, rfc.NotSent, nil},
		"the peer leaves":   {func(p *peer) { p.receive() }, nil, nil, rfc.ClassCommunication, rfc.Unknown, sent},
		"the peer has left": {func(p *peer) { _ = p.nc.Close() }, nil, nil, rfc.ClassCommunication, rfc.NotSent, sent[:2]},
		"exception":         {func(p *peer) { p.receive(); p.send(refusal(p)); p.silence() }, nil, nil, rfc.ClassABAPException, rfc.Executed, append(sent[:3:3], "answering")},
		"nonsense":          {func(p *peer) { p.receive(); p.send([]byte{1, 2, 3}); p.silence() }, nil, nil, rfc.ClassProtocol, rfc.Unknown, append(sent[:3:3], "answering")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := tc.script
			left := make(chan struct{})
			if script == nil {
				script = func(p *peer) { p.silence() }
			}
			c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) { script(p); close(left) })
			if name == "the peer has left" {
				<-left
			}
			ctx, h := traced(t)
			_, err := zCall(ctx, c, tc.in, tc.opts...)
			rfcError(t, err, tc.class, tc.outcome)
			require.Equal(t, append(tc.steps[:len(tc.steps):len(tc.steps)], "done"), h.steps)
			d := h.last(t)
			require.Equal(t, err, d.Err)
			require.Equal(t, tc.outcome, d.Outcome)
			require.Equal(t, tc.outcome != rfc.NotSent, d.BytesOut > 0)
			require.Equal(t, len(tc.steps) > 3, d.BytesIn > 0)
		})
	}
}

// A call that never came to a connection has an end all the same.
func TestCallTraceOfCallsWithoutAConnection(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	ctx, h := traced(t)
	_, err := c.Call(ctx, "Z_TEST", nil)
	rfcError(t, err, rfc.ClassMetadata, rfc.NotSent)
	_, err = c.Call(ctx, "", nil)
	require.Error(t, err)
	require.NoError(t, c.Close())
	_, err = zCall(ctx, c, nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.Equal(t, []string{"done", "done", "done"}, h.steps)
	for _, d := range h.done {
		require.Equal(t, rfc.NotSent, d.Outcome)
		require.Zero(t, d.BytesOut)
		require.Empty(t, d.Address)
	}
}

type source struct {
	known bool
	err   error
	asked func(ctx context.Context)
}

func (s *source) Known(string) bool { return s.known }

func (s *source) Function(ctx context.Context, _ string) (*metadata.Function, error) {
	s.asked(ctx)
	return zTest, s.err
}

func TestCallTraceTellsOfDescriptions(t *testing.T) {
	t.Parallel()
	var c *rfc.Conn
	s := &source{asked: func(ctx context.Context) {
		// What a look-up calls is no business of the trace.
		if err := c.Ping(ctx); err != nil {
			t.Error(err)
		}
	}}
	c = dialPeer(t, rfc.ConnConfig{Functions: s}, answerAll(echo))
	ctx, h := traced(t)
	for _, s.known = range []bool{false, true} {
		_, err := c.Call(ctx, "Z_TEST", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"described", "built", "writing", "wrote", "answering", "done"}, h.steps)
		require.Equal(t, "Z_TEST", h.said[0].(rfc.CallDescribed).Function)
		require.Equal(t, s.known, h.said[0].(rfc.CallDescribed).Hit)
		h.steps, h.said = nil, nil
	}
	s.err = errors.New("no such function")
	_, err := c.Call(ctx, "Z_TEST", nil)
	require.Error(t, err)
	require.Equal(t, []string{"described", "done"}, h.steps)
	require.Equal(t, s.err, h.said[0].(rfc.CallDescribed).Err)
}

func TestCallTraceTellsOfCallbacks(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	var inside context.Context
	require.NoError(t, rfc.Handle(mux, "Z_BACK", func(ctx context.Context, _ struct{}) (struct{}, error) {
		inside = ctx
		return struct{}{}, nil
	}))
	c := dialPeer(t, rfc.ConnConfig{Callbacks: mux}, func(p *peer) {
		p.receive()
		p.send(end(empty(chain.Call), textItem(chain.FunctionName, "Z_BACK"), empty(chain.Parameters)))
		p.receive()
		p.send(end(empty(chain.Call), textItem(chain.FunctionName, "Z_NONE"), empty(chain.Parameters)))
		p.receive()
		p.send(p.reply(echo))
		p.silence()
	})
	ctx, h := traced(t)
	var counted rfc.Throughput
	_, err := zCall(rfc.WithThroughput(ctx, &counted), c, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"built", "writing", "wrote", "answering", "callback", "callback", "done"}, h.steps)
	require.Equal(t, "Z_BACK", h.said[4].(rfc.CallCallback).Function)
	require.NoError(t, h.said[4].(rfc.CallCallback).Err)
	require.Equal(t, "Z_NONE", h.said[5].(rfc.CallCallback).Function)
	require.ErrorIs(t, h.said[5].(rfc.CallCallback).Err, rfc.ErrABAPException)
	require.Nil(t, rfc.ContextCallTrace(inside), "a call of the handler is not one of ours")
	require.EqualValues(t, 1, counted.Stats().Calls)
}

func TestCallTraceOfStreams(t *testing.T) {
	t.Parallel()
	const rows = 5000
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		for p.receive() != nil {
			p.send(p.reply(value("ECHO", le16("hello     ")), group("T", rows)))
		}
	})
	ctx, h := traced(t)
	res, err := zCall(ctx, c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	require.Equal(t, []string{"built", "writing", "wrote", "answering"}, h.steps, "the call goes on")
	require.Equal(t, rows, countRows(t, res, "T"))
	require.False(t, c.Busy())
	require.Equal(t, "done", h.steps[len(h.steps)-1])
	n := 0
	for _, i := range h.said {
		if r, ok := i.(rfc.CallRows); ok {
			require.Equal(t, "T", r.Table)
			n += r.Rows
		}
	}
	require.Equal(t, rows, n)
	require.NoError(t, h.last(t).Err)
	require.Greater(t, h.last(t).BytesIn, int64(rows*12))
	// Whoever breaks off ends the call.
	res, err = zCall(ctx, c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	require.Len(t, h.done, 1)
	require.NoError(t, res.Close())
	require.Len(t, h.done, 2)
	require.NoError(t, h.last(t).Err)
	require.NoError(t, res.Close())
	require.Len(t, h.done, 2)
}

func TestCallTraceOfAStreamThatBreaks(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		_, _ = p.conv.Send(p.buffer(p.reply(group("T", 5000)))) // whole slices only
	})
	ctx, h := traced(t)
	res, err := zCall(ctx, c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	for _, err = range rfc.Rows[zRow](res, "T") {
		if err != nil {
			break
		}
	}
	rfcError(t, err, rfc.ClassCommunication, rfc.Unknown)
	require.Equal(t, err, h.last(t).Err)
	require.Equal(t, rfc.Unknown, h.last(t).Outcome)
	require.Len(t, h.done, 1)
}

// Rows of a Sequence are on their way before the last one was made.
func TestCallTraceOfASequence(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	ctx, h := traced(t)
	var rows iter.Seq[zRow] = func(yield func(zRow) bool) {
		for i := range 30_000 {
			if !yield(zRow{rand.Int32(), fmt.Sprint(i % 10_000)}) {
				return
			}
		}
	}
	_, err := zCall(ctx, c, rfc.Params{"T": rfc.Sequence[zRow]{Count: 30_000, Seq: rows}})
	require.NoError(t, err)
	require.Equal(t, []string{"writing", "built", "wrote", "answering", "done"}, h.steps)
	require.Less(t, int64(h.said[1].(rfc.CallBuilt).Bytes), h.last(t).BytesOut)
}

func TestCallTracesAreChainedAndGuarded(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	var order []string
	outer := &rfc.CallTrace{
		Writing: func() { order = append(order, "outer writing") },
		Done:    func(rfc.CallDone) { order = append(order, "outer done") },
	}
	var panics []any
	inner := &rfc.CallTrace{
		Writing:  func() { panic("writing") },
		Built:    func(rfc.CallBuilt) { order = append(order, "inner built") },
		Done:     func(rfc.CallDone) { order = append(order, "inner done"); panic("done") },
		Panicked: func(v any) { panics = append(panics, v); panic("again") },
	}
	ctx := rfc.WithCallTrace(rfc.WithCallTrace(t.Context(), outer), inner)
	outer.Done = nil // it was copied
	_, err := zCall(ctx, c, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"inner built", "outer writing", "outer done", "inner done"}, order)
	require.Equal(t, []any{"writing", "done"}, panics)
	quiet := rfc.WithCallTrace(t.Context(), &rfc.CallTrace{Wrote: func(rfc.CallWrote) { panic("wrote") }})
	_, err = zCall(quiet, c, nil)
	require.NoError(t, err)
	require.True(t, c.Alive())
	require.Equal(t, t.Context(), rfc.WithCallTrace(t.Context(), nil))
}

// Time is told in the parts that the call spent it in.
func TestTimesOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mux := rfc.NewMux()
		require.NoError(t, rfc.Handle(mux, "Z_BACK", func(context.Context, struct{}) (struct{}, error) {
			<-time.After(4 * time.Second)
			return struct{}{}, nil
		}))
		c := dialPeer(t, rfc.ConnConfig{Callbacks: mux}, func(p *peer) {
			p.receive()
			<-time.After(time.Second)
			p.send(end(empty(chain.Call), textItem(chain.FunctionName, "Z_BACK"), empty(chain.Parameters)))
			p.receive()
			<-time.After(2 * time.Second)
			p.send(p.reply(echo))
			p.silence()
		})
		ctx, h := traced(t)
		var counted rfc.Throughput
		var rows iter.Seq[zRow] = func(yield func(zRow) bool) {
			<-time.After(8 * time.Second)
			yield(zRow{})
		}
		_, err := zCall(rfc.WithThroughput(ctx, &counted), c, rfc.Params{"T": rfc.Sequence[zRow]{Count: 1, Seq: rows}})
		require.NoError(t, err)
		d := h.last(t)
		require.Equal(t, []time.Duration{0, 8 * time.Second, 3 * time.Second, 15 * time.Second}, []time.Duration{d.Waiting, d.Serialization, d.Application, d.Duration})
		require.Equal(t, rfc.ThroughputStats{
			Calls: 1, SentBytes: d.BytesOut, ReceivedBytes: d.BytesIn, ApplicationTime: 3 * time.Second, SerializationTime: 8 * time.Second, TotalTime: 15 * time.Second,
		}, counted.Stats())
		_ = c.Close()
	})
}

// No hook is given what a parameter holds, whatever happens to the call.
func TestCallTraceNeverSeesValues(t *testing.T) {
	t.Parallel()
	const canary = "CANARY47"
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		for p.receive() != nil {
			p.send(p.reply(value("ECHO", le16(canary+"  ")), value("LONG", []byte(canary+"\x00")), group("T", 2)))
		}
	})
	ctx, h := traced(t)
	for _, opts := range [][]rfc.Option{nil, {rfc.Stream("T")}} {
		res, err := zCall(ctx, c, rfc.Params{"TEXT": canary, "T": []zRow{{1, "CAN"}}}, opts...)
		require.NoError(t, err)
		require.NoError(t, res.Close())
	}
	// Refused in front of the first byte: the error names it, as its caller wants to know; the
	// other hooks know nothing of it.
	_, err := zCall(ctx, c, rfc.Params{"TEXT": canary + " is too long"})
	require.Error(t, err)
	require.NotEmpty(t, h.said)
	for i, info := range h.said {
		if d, ok := info.(rfc.CallDone); ok {
			d.Err = nil
			info = d
		}
		require.NotContains(t, fmt.Sprintf("%+v", info), canary, h.steps[i])
	}
}

func TestO01ToO07Throughput(t *testing.T) {
	t.Parallel()
	_, c := traceSystem(t)
	call := func() {
		t.Helper()
		_, err := rfc.Call[echoOut](t.Context(), c, "STFC_CONNECTION", echoIn{Text: "hello"})
		require.NoError(t, err)
	}
	// O-01
	var n rfc.Throughput
	require.Zero(t, n.Stats())
	require.Nil(t, c.Throughput())
	// O-02: the look-up is a call.
	require.NoError(t, c.SetThroughput(&n))
	require.Equal(t, &n, c.Throughput())
	call()
	first := n.Stats()
	require.EqualValues(t, 2, first.Calls)
	require.Greater(t, first.SentBytes, int64(1000))
	require.Greater(t, first.ReceivedBytes, int64(2000))
	for _, d := range []time.Duration{first.ApplicationTime, first.SerializationTime, first.DeserializationTime} {
		require.Positive(t, d)
		require.Less(t, d, first.TotalTime)
	}
	require.LessOrEqual(t, first.ApplicationTime+first.SerializationTime+first.DeserializationTime, first.TotalTime)
	// O-03: the description is known.
	call()
	second := n.Stats()
	require.EqualValues(t, 3, second.Calls)
	require.Less(t, second.SentBytes-first.SentBytes, first.SentBytes)
	require.Less(t, second.ReceivedBytes-first.ReceivedBytes, first.ReceivedBytes)
	// O-04
	require.Equal(t, second, n.Reset())
	require.Zero(t, n.Stats())
	// O-05: one for several connections; twice the same is once.
	_, other := traceSystem(t)
	require.NoError(t, other.SetThroughput(&n))
	require.NoError(t, c.SetThroughput(&n))
	both := rfc.WithThroughput(rfc.WithThroughput(t.Context(), &n), &n)
	require.NoError(t, c.Ping(both))
	require.NoError(t, other.Ping(both))
	require.EqualValues(t, 2, n.Stats().Calls)
	require.NoError(t, other.SetThroughput(nil))
	require.NoError(t, other.Ping(t.Context()))
	require.EqualValues(t, 2, n.Stats().Calls)
	require.NoError(t, other.Ping(both))
	require.EqualValues(t, 3, n.Stats().Calls)
	// O-06: the vendor's library makes 87 to 90 round trips.
	n.Reset()
	_, err := c.Call(t.Context(), "BAPI_USER_GET_DETAIL", rfc.Params{"USERNAME": "DEVELOPER"})
	require.NoError(t, err)
	require.EqualValues(t, 2, n.Stats().Calls)
	// A call of which nothing was sent is none.
	n.Reset()
	_, err = c.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"NONE": 1})
	require.Error(t, err)
	require.Zero(t, n.Stats())
	// O-07
	a, err := c.Attributes()
	require.NoError(t, err)
	require.NoError(t, c.Close())
	err = c.SetThroughput(&n)
	require.ErrorContains(t, err, "Throughput can't be set on closed client: "+a.ConversationID)
	require.ErrorIs(t, err, rfc.ErrClosed)
}

// Values that are decoded behind the call belong to it.
func TestThroughputCountsDecoding(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	var n rfc.Throughput
	ctx := rfc.WithThroughput(t.Context(), &n)
	require.Equal(t, ctx, rfc.WithThroughput(ctx, nil))
	res, err := zCall(ctx, c, nil)
	require.NoError(t, err)
	for name, decode := range map[string]func() error{
		"Values":  func() error { _, err := res.Values(); return err },
		"Value":   func() error { _, err := res.Value("T"); return err },
		"Record":  func() error { _, err := res.Record(); return err },
		"Table":   func() error { _, err := res.Table("T"); return err },
		"Columns": func() error { _, err := res.Columns("T"); return err },
		"JSON":    func() error { _, err := res.JSON(); return err },
	} {
		before := n.Stats()
		require.NoError(t, decode(), name)
		after := n.Stats()
		require.Greater(t, after.DeserializationTime, before.DeserializationTime, name)
		require.Equal(t, after.DeserializationTime-before.DeserializationTime, after.TotalTime-before.TotalTime, name)
		require.EqualValues(t, 1, after.Calls)
	}
}

func TestThroughputOfStreamsAndFailures(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(p.reply(group("T", 5000)))
		p.receive()
		_ = p.nc.Close()
	})
	var n rfc.Throughput
	require.NoError(t, c.SetThroughput(&n))
	res, err := zCall(t.Context(), c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	require.Zero(t, n.Stats().Calls, "it is not over")
	require.Equal(t, 5000, countRows(t, res, "T"))
	require.EqualValues(t, 1, n.Stats().Calls)
	require.Greater(t, n.Stats().ReceivedBytes, int64(5000*12))
	_, err = zCall(t.Context(), c, nil)
	require.ErrorIs(t, err, rfc.ErrCommunication)
	require.EqualValues(t, 2, n.Stats().Calls)
}

// Counting costs no allocation, and neither does a trace that nobody set.
func TestObservingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget at random: allocations are counted without it")
	}
	conn := open(t, echoMux(t), rfc.ConnConfig{})
	in := &echoIn{Text: "hello"}
	allocations := func(ctx context.Context) float64 {
		return testing.AllocsPerRun(2000, func() {
			if _, err := rfc.Call[echoOut](ctx, conn, "STFC_CONNECTION", in); err != nil {
				t.Fatal(err)
			}
		})
	}
	plain := allocations(context.Background())
	require.LessOrEqual(t, plain, 4.0)
	var counted, more rfc.Throughput
	require.NoError(t, conn.SetThroughput(&counted))
	require.LessOrEqual(t, allocations(rfc.WithThroughput(context.Background(), &more)), plain)
	require.Equal(t, counted.Stats().Calls, more.Stats().Calls)
	done := 0
	ctx := rfc.WithCallTrace(context.Background(), &rfc.CallTrace{Done: func(rfc.CallDone) { done++ }})
	require.LessOrEqual(t, allocations(ctx), plain+6, "the names of the connection")
	require.EqualValues(t, 2001, done)
}

// replay answers every call with what the partner said to the first one: what remains of a
// call is its own work.
type replay struct {
	rfc.Conversation
	on     bool
	answer []byte
	sent   int64
}

func (r *replay) Begin(ctx context.Context) error {
	if r.on {
		return nil
	}
	return r.Conversation.Begin(ctx)
}

func (r *replay) End(err error) error {
	if r.on {
		return err
	}
	return r.Conversation.End(err)
}

func (r *replay) SendLast(buf []byte) error {
	if r.on {
		r.sent += int64(len(buf))
		return nil
	}
	return r.Conversation.SendLast(buf)
}

func (r *replay) Traffic() (sent, received int64) { return r.sent, r.sent }

func (r *replay) Receive() ([]byte, bool, error) {
	if r.on {
		return r.answer, true, nil
	}
	b, last, err := r.Conversation.Receive()
	r.answer = bytes.Clone(b)
	return b, last, err
}

// median of the times of batches: other processes make some of them slow.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// G10: counting a call, and looking for a trace that is not there, costs at most 2 % of one.
// Both are measured without the network, and held against a call with it.
func BenchmarkObserved(b *testing.B) {
	mux := echoMux(b)
	_, dial := serve(b, mux)
	full := dial(b, rfc.ConnConfig{})
	nc, err := net.Dial("tcp", full.RemoteAddr().String())
	require.NoError(b, err)
	conv, err := cpic.Open(b.Context(), nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
	require.NoError(b, err)
	r := &replay{Conversation: conv}
	short, err := rfc.Open(b.Context(), r, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "Developer", Password: "secret", Language: "E"}, Functions: mux})
	require.NoError(b, err)
	in := &echoIn{Text: "saprfc_capture_test"}
	call := func(ctx context.Context, c *rfc.Conn) {
		if out, err := rfc.Call[echoOut](ctx, c, "STFC_CONNECTION", in); err != nil || out.Echo != in.Text {
			b.Fatal(out, err)
		}
	}
	for _, c := range []*rfc.Conn{full, short} {
		call(context.Background(), c)
	}
	r.on = true
	var n rfc.Throughput
	traced := rfc.WithCallTrace(context.Background(), &rfc.CallTrace{Done: func(rfc.CallDone) {}})
	const batch = 100
	var whole, plain, counted, heard []time.Duration
	timed := func(list *[]time.Duration, ctx context.Context, c *rfc.Conn) {
		start := time.Now()
		for range batch {
			call(ctx, c)
		}
		*list = append(*list, time.Since(start)/batch)
	}
	for b.Loop() {
		timed(&whole, context.Background(), full)
		require.NoError(b, short.SetThroughput(nil))
		timed(&plain, context.Background(), short)
		require.NoError(b, short.SetThroughput(&n))
		timed(&counted, context.Background(), short)
		timed(&heard, traced, short)
	}
	base := float64(median(whole))
	b.ReportMetric(base, "ns/call")
	b.ReportMetric(float64(median(plain)), "ns/call-without-network")
	b.ReportMetric(float64(median(counted)-median(plain)), "ns/counting")
	b.ReportMetric((base+float64(median(counted)-median(plain)))/base, "x-counted")
	b.ReportMetric((base+float64(median(heard)-median(plain)))/base, "x-traced")
	b.ReportMetric(0, "ns/op")
}

// Who lends a connection is told how the call on it ended.
func TestWhenDoneTellsTheEnd(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(p.reply(echo))
		p.receive()
		p.send(end(empty(chain.Reply), textItem(chain.MessageNumber, "000"), textItem(chain.ExceptionKey, "NOT_FOUND")))
		p.receive()
		_, _ = p.conv.Send(p.buffer(p.reply(group("T", 5000)))) // whole slices only
	})
	var ends, before []error
	opts := []rfc.Option{rfc.WhenDone(func(err error) { before = append(before, err) }), rfc.WhenDone(func(err error) {
		require.False(t, c.Busy())
		ends = append(ends, err)
	})}
	_, err := zCall(t.Context(), c, rfc.Params{"NONE": 1}, opts...)
	require.Error(t, err)
	_, err = c.Call(t.Context(), "Z_NONE", nil, opts...)
	require.Error(t, err)
	require.Len(t, ends, 1, "the second never came to the connection")
	require.ErrorIs(t, ends[0], rfc.ErrParameter)
	_, err = zCall(t.Context(), c, nil, opts...)
	require.NoError(t, err)
	require.NoError(t, ends[1])
	_, err = zCall(t.Context(), c, nil, opts...)
	require.Equal(t, err, ends[2])
	require.ErrorIs(t, ends[2], rfc.ErrABAPException)
	res, err := zCall(t.Context(), c, nil, append(opts, rfc.Stream("T"))...)
	require.NoError(t, err)
	require.Len(t, ends, 3)
	for _, err = range rfc.Rows[zRow](res, "T") {
		if err != nil {
			break
		}
	}
	require.Equal(t, err, ends[3])
	require.ErrorIs(t, ends[3], rfc.ErrCommunication)
	require.Equal(t, ends, before)
}

func TestErrorsInLogs(t *testing.T) {
	t.Parallel()
	e := &rfc.Error{
		Class: rfc.ClassABAPMessage, Step: rfc.StepReceive, Function: "Z_TEST", Remote: true, Outcome: rfc.Executed, Key: "Order 4711 is locked", Message: "Order 4711 is locked",
		MessageClass: "V1", MessageType: "E", MessageNumber: "042", MessageV: [4]string{"4711"}, Destination: "A4H", Address: "10.0.0.1:3300", ConversationID: "12345678",
	}
	record := func(attrs ...slog.Attr) string {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})).LogAttrs(t.Context(), slog.LevelWarn, "x", attrs...)
		return b.String()
	}
	require.Equal(t, `level=WARN msg=x error.class="ABAP message" error.key=RFC_ABAP_MESSAGE error.function=Z_TEST error.step=receive error.abap_message="E V1 042" `+
		`error.destination=A4H error.address=10.0.0.1:3300 error.conversation=12345678 error.outcome=executed error.remote=true error.message="Z_TEST: ABAP message: Order 4711 is locked"`+"\n",
		record(slog.Any("error", e)))
	require.NotContains(t, record(e.LogAttrs()...), "4711", "attributes without values")
	// What a terminal would obey is gone, and long texts are cut.
	e = &rfc.Error{Class: rfc.ClassABAPException, Key: "K\x1b[2J\n" + strings.Repeat("k", 5000), Path: "T[1].F"}
	got := record(slog.GroupAttrs("e", e.LogAttrs()...))
	require.Contains(t, got, "e.path=T[1].F")
	require.NotContains(t, got, "\x1b")
	require.Less(t, len(got), 1300)
}

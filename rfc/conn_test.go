package rfc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func answerAll(items ...[]byte) func(p *peer) {
	return func(p *peer) {
		for p.receive() != nil {
			p.send(p.reply(items...))
		}
	}
}

var echo = cat(textItem(chain.RequestedName, "ECHO"), value("ECHO", le16("hello     ")), value("LONG", []byte("text\x00")), group("T", 2))

func TestCallAgainstAScriptedPeer(t *testing.T) {
	t.Parallel()
	requests := make(chan []byte, 1)
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		requests <- p.receive()
		p.send(p.reply(echo))
	})
	res, err := zCall(t.Context(), c, rfc.Params{"TEXT": "hi", "COUNTER": 7})
	require.NoError(t, err)
	require.Equal(t, "0502 000b 0102 0512 0205 0205 0205 0205 0205 0201 0203 0201 0203 ffff", tags(<-requests))
	v, err := res.Values()
	require.NoError(t, err)
	require.Equal(t, "hello", v["ECHO"])
	require.Equal(t, "text", v["LONG"])
	require.Len(t, v["T"], 2)
	require.True(t, res.Has("T"))
	require.False(t, res.Has("U"))
	require.Equal(t, "SAPLSRFC", res.Program())
	sent, received, calls := c.Traffic()
	require.Positive(t, sent)
	require.Positive(t, received)
	require.EqualValues(t, 1, calls)
	require.NoError(t, res.Close())
	require.NoError(t, res.Close())
	// B-82: a result after Close.
	_, err = res.Values()
	require.ErrorIs(t, err, rfc.ErrClosed)
	_, err = res.Value("ECHO")
	require.ErrorIs(t, err, rfc.ErrState)
	_, err = res.JSON()
	require.ErrorIs(t, err, rfc.ErrClosed)
	for _, err := range rfc.Rows[zRow](res, "T") {
		require.ErrorIs(t, err, rfc.ErrClosed)
	}
}

func TestA17ToA21ClosedConnection(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll())
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	require.False(t, c.Alive())
	sent, received, calls := c.Traffic()
	_, err := c.Attributes()
	require.ErrorIs(t, err, rfc.ErrClosed)
	_, err = c.Call(t.Context(), "STFC_CONNECTION", nil, rfc.WithInterface(zTest))
	e := rfcError(t, err, rfc.ClassState, rfc.NotSent)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.Contains(t, e.Message, "Remote function module 'STFC_CONNECTION' invocation rejected because the connection is closed")
	require.Equal(t, 13, e.Code())
	err = c.Ping(t.Context())
	e = rfcError(t, err, rfc.ClassState, rfc.NotSent)
	require.True(t, strings.HasPrefix(e.Message, "An invalid handle"), e.Message)
	require.Equal(t, []any{13, "RFC_INVALID_HANDLE"}, []any{e.Code(), e.Key})
	require.ErrorIs(t, c.Reset(t.Context()), rfc.ErrClosed)
	s2, r2, c2 := c.Traffic()
	require.Equal(t, []int64{sent, received, calls}, []int64{s2, r2, c2})
}

func TestB61ToB63NothingIsSent(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll())
	before, _, _ := c.Traffic()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	var none context.Context
	_, err := zCall(none, c, nil)
	rfcError(t, err, rfc.ClassState, rfc.NotSent)
	require.ErrorContains(t, err, "nil context")
	_, err = rfc.Open(none, nopConversation{}, rfc.ConnConfig{})
	rfcError(t, err, rfc.ClassState, rfc.NotSent)
	for _, name := range []string{"", strings.Repeat("A", 31), "z_test", "Z TEST", "Z_*"} {
		_, err = c.Call(t.Context(), name, nil)
		rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
	}
	_, err = zCall(t.Context(), c, rfc.Params{"TXET": "x"})
	rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
	require.ErrorContains(t, err, "TEXT") // did you mean
	_, err = zCall(t.Context(), c, rfc.Params{"TEXT": strings.Repeat("x", 11)})
	rfcError(t, err, rfc.ClassConversion, rfc.NotSent)
	_, err = zCall(t.Context(), c, nil, rfc.NotRequested("NOPE"))
	rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
	_, err = zCall(t.Context(), c, nil, rfc.NotRequested("LNG"))
	require.ErrorContains(t, err, "did you mean LONG?")
	_, err = zCall(t.Context(), c, nil, rfc.NotRequested("TEXT"))
	rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
	_, err = zCall(t.Context(), c, nil, rfc.Stream("NOPE"))
	rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
	_, err = zCall(t.Context(), c, nil, rfc.Stream("S"))
	require.ErrorContains(t, err, "did you mean T?")
	_, err = c.Call(t.Context(), "Z_OTHER", nil)
	rfcError(t, err, rfc.ClassMetadata, rfc.NotSent)
	_, err = zCall(ended, c, nil)
	rfcError(t, err, rfc.ClassCanceled, rfc.NotSent)
	require.ErrorIs(t, err, context.Canceled)
	after, _, calls := c.Traffic()
	require.Equal(t, before, after)
	require.Zero(t, calls)
	_, err = zCall(late, dialPeer(t, rfc.ConnConfig{}, answerAll()), nil)
	rfcError(t, err, rfc.ClassTimeout, rfc.NotSent)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

type nopConversation struct{ rfc.Conversation }

func (nopConversation) Abort() {}

// sink keeps the buffer it is given to send, and fails.
type sink struct {
	nopConversation
	buf, sent []byte
}

func (*sink) Headroom() int               { return 80 }
func (*sink) LocalAddr() net.Addr         { return nil }
func (*sink) RemoteAddr() net.Addr        { return nil }
func (*sink) ID() string                  { return "" }
func (*sink) Begin(context.Context) error { return nil }
func (*sink) End(err error) error         { return err }

func (s *sink) SendLast(buf []byte) error {
	s.buf, s.sent = buf, bytes.Clone(buf)
	return io.ErrClosedPipe
}

func TestLogonLeavesNoPasswordInMemory(t *testing.T) {
	t.Parallel()
	s := new(sink)
	_, err := rfc.Open(t.Context(), s, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"}})
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Contains(t, string(s.sent), "DEVELOPER")
	require.Equal(t, make([]byte, len(s.buf)), s.buf)
}

func TestI11ParameterErrorsKeepTheConnection(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	_, err := zCall(t.Context(), c, rfc.Params{"NOPE": 1})
	require.ErrorIs(t, err, rfc.ErrParameter)
	require.True(t, c.Alive())
	require.False(t, c.Busy())
	_, err = zCall(t.Context(), c, rfc.Params{"NOPE": 1}, rfc.Lenient())
	require.NoError(t, err)
}

func TestB81SecondGoroutineIsToldThatTheConnectionIsBusy(t *testing.T) {
	t.Parallel()
	received, answer := make(chan struct{}), make(chan struct{})
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		close(received)
		<-answer
		p.send(p.reply(echo))
		answerAll(echo)(p)
	})
	var group sync.WaitGroup
	group.Go(func() {
		_, err := zCall(t.Context(), c, nil)
		if err != nil {
			t.Error(err)
		}
	})
	<-received
	require.True(t, c.Busy())
	var others sync.WaitGroup
	for range 10 {
		others.Go(func() {
			_, err := zCall(t.Context(), c, nil)
			if !errors.Is(err, rfc.ErrBusy) || !errors.Is(err, rfc.ErrState) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, err := zCall(t.Context(), c, nil)
	e := rfcError(t, err, rfc.ClassState, rfc.NotSent)
	require.Equal(t, "RFC_BUSY", e.Key)
	_, err = c.Attributes()
	require.NoError(t, err)
	others.Wait()
	close(answer)
	group.Wait()
	// Many at once, one after the other: no race, and each is served or told.
	for range 8 {
		group.Go(func() {
			for range 50 {
				if _, err := zCall(t.Context(), c, nil); err != nil && !errors.Is(err, rfc.ErrBusy) {
					t.Error(err)
				}
				c.Alive()
				c.Busy()
				_, _, _ = c.Traffic()
			}
		})
	}
	group.Wait()
	require.NoError(t, c.Ping(t.Context()))
}

func TestCloseDuringACallFailsIt(t *testing.T) {
	t.Parallel()
	received := make(chan struct{})
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		close(received)
		p.silence()
	})
	go func() {
		<-received
		_ = c.Close()
	}()
	_, err := zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassCommunication, rfc.Unknown)
	require.False(t, c.Alive())
}

// requireDead checks that a connection was given up and says why.
func requireDead(t testing.TB, c *rfc.Conn) {
	t.Helper()
	require.False(t, c.Alive())
	require.False(t, c.Busy())
	before, _, _ := c.Traffic()
	_, err := zCall(t.Context(), c, nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.ErrorContains(t, err, "given up after")
	after, _, _ := c.Traffic()
	require.Equal(t, before, after)
}

// M-01 to M-04: limits of time, on a clock that only moves when everything waits.
func TestM01ToM04TimeLimits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		conn, call, ctx time.Duration
	}{
		"M-01 call":                  {0, 5 * time.Second, 0},
		"M-03 connection":            {5 * time.Second, 0, 0},
		"M-04 the call's limit wins": {15 * time.Second, 5 * time.Second, 0},
		"deadline of the context":    {15 * time.Second, 10 * time.Second, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := dialPeer(t, rfc.ConnConfig{CallTimeout: tc.conn}, func(p *peer) {
					p.receive()
					p.silence()
				})
				ctx := t.Context()
				if tc.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.ctx)
					defer cancel()
				}
				start := time.Now()
				_, err := zCall(ctx, c, nil, rfc.WithTimeout(tc.call))
				e := rfcError(t, err, rfc.ClassTimeout, rfc.Unknown)
				require.Equal(t, 5*time.Second, time.Since(start))
				require.Equal(t, []any{7, 4, "RFC_CANCELED"}, []any{e.Code(), e.Group(), e.Key})
				require.Contains(t, e.Message, "Connection was canceled.")
				require.ErrorIs(t, err, rfc.ErrTimeout)
				require.ErrorIs(t, err, rfc.ErrCanceled)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				requireDead(t, c)
			})
		})
	}
}

// The limit of a call holds for what is asked first: the description, the formats.
func TestTimeLimitHoldsForWhatIsAskedFirst(t *testing.T) {
	t.Parallel()
	waits := sourceFunc(func(ctx context.Context, _ string) (*metadata.Function, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	t.Run("description", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := dialPeer(t, rfc.ConnConfig{Functions: waits}, answerAll(echo))
			start := time.Now()
			_, err := c.Call(t.Context(), "Z_UNKNOWN", nil, rfc.WithTimeout(time.Second))
			rfcError(t, err, rfc.ClassTimeout, rfc.NotSent)
			_, err = rfc.Describe(t.Context(), waits, "Z_UNKNOWN", rfc.WithTimeout(time.Second))
			rfcError(t, err, rfc.ClassTimeout, rfc.NotSent)
			require.Equal(t, 2*time.Second, time.Since(start))
			_, err = zCall(t.Context(), c, nil)
			require.NoError(t, err, "nothing was sent: the connection is in order")
		})
	})
	t.Run("formats", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := dialPeer(t, rfc.ConnConfig{Format: serialization.ColumnFast}, func(p *peer) {
				p.receive()
				p.silence()
			})
			start := time.Now()
			_, err := zCall(t.Context(), c, nil, rfc.WithTimeout(time.Second))
			rfcError(t, err, rfc.ClassTimeout, rfc.NotSent)
			require.Equal(t, time.Second, time.Since(start))
			requireDead(t, c)
		})
	})
}

func TestM05ArgumentErrorLeavesNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := dialPeer(t, rfc.ConnConfig{CallTimeout: time.Minute}, answerAll(echo))
		start := time.Now()
		_, err := zCall(t.Context(), c, rfc.Params{"NOPE": 1}, rfc.WithTimeout(time.Minute))
		require.ErrorIs(t, err, rfc.ErrParameter)
		require.Zero(t, time.Since(start))
		_, err = zCall(t.Context(), c, nil)
		require.NoError(t, err)
	})
}

// M-06, F-54, F-55: cancellation at every step of a call.
func TestF55CancelAtEveryStep(t *testing.T) {
	t.Parallel()
	errLeft := errors.New("the user left")
	for name, tc := range map[string]struct {
		script func(p *peer, cancel func(error))
		in     any
		opts   []rfc.Option
		rows   bool
	}{
		"while a blocked peer does not read": {func(p *peer, cancel func(error)) {
			_, _ = io.ReadFull(p.nc, make([]byte, 100))
			cancel(errLeft)
			p.t.Cleanup(func() { _ = p.nc.Close() })
			<-p.t.Context().Done()
		}, rfc.Params{"T": make([]zRow, 20_000)}, nil, false},
		"while waiting": {func(p *peer, cancel func(error)) {
			p.receive()
			cancel(errLeft)
			p.silence()
		}, nil, nil, false},
		"inside a record": {func(p *peer, cancel func(error)) {
			p.receive()
			p.raw([]byte{0, 0, 1, 0, 6, 0xcb})
			cancel(errLeft)
			p.silence()
		}, nil, nil, false},
		"between fragments": {func(p *peer, cancel func(error)) {
			p.receive()
			_, _ = p.conv.Send(p.buffer(p.reply(group("T", 3000))))
			cancel(errLeft)
			p.silence()
		}, nil, nil, false},
		"between fragments of a stream": {func(p *peer, cancel func(error)) {
			p.receive()
			_, _ = p.conv.Send(p.buffer(p.reply(group("T", 3000))))
			cancel(errLeft)
			p.silence()
		}, nil, []rfc.Option{rfc.Stream("T")}, true},
		"while a callback runs": {func(p *peer, cancel func(error)) {
			p.receive()
			p.send(end(empty(chain.Call), textItem(chain.FunctionName, "Z_HANG"), empty(chain.Parameters)))
			cancel(errLeft)
			p.silence()
		}, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			mux := rfc.NewMux()
			require.NoError(t, rfc.Handle(mux, "Z_HANG", func(ctx context.Context, _ struct{}) (struct{}, error) {
				<-ctx.Done()
				return struct{}{}, ctx.Err()
			}))
			c := dialPeer(t, rfc.ConnConfig{Callbacks: mux}, func(p *peer) { tc.script(p, cancel) })
			res, err := zCall(ctx, c, tc.in, tc.opts...)
			if err == nil && tc.rows {
				for _, err = range rfc.Rows[zRow](res, "T") {
					if err != nil {
						break
					}
				}
			}
			e := rfcError(t, err, rfc.ClassCanceled, rfc.Unknown)
			require.ErrorIs(t, err, rfc.ErrCanceled)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errLeft)
			require.Equal(t, []any{7, 4, "RFC_CANCELED", "Connection was canceled."}, []any{e.Code(), e.Group(), e.Key, e.Message})
			require.False(t, rfc.SafeToRetry(err))
			requireDead(t, c)
		})
	}
}

// F-43: behind a time limit in the logon nobody reads the late answer.
func TestF43LogonTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := netfault.Pipe()
		var group sync.WaitGroup
		group.Go(func() {
			conv, err := cpic.Accept(t.Context(), server, cpic.AcceptConfig{Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil }})
			if err != nil {
				t.Error(err)
				return
			}
			_, _, _ = conv.Receive()
			_, _, err = conv.Receive()
			if err == nil {
				t.Error("the client went on")
			}
			_ = conv.Close()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := logOn(ctx, client, rfc.ConnConfig{})
		e := rfcError(t, err, rfc.ClassTimeout, rfc.NotSent)
		require.Equal(t, rfc.StepLogon, e.Step)
		require.Equal(t, time.Minute, time.Since(start))
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		group.Wait()
	})
}

// counted measures how many bytes the client reads and writes for logon and call.
func counted(t testing.TB, in any, items ...[]byte) (afterLogon, afterCall [2]int64) {
	t.Helper()
	var f *netfault.Conn
	c := dialThrough(t, func(nc net.Conn) net.Conn {
		f = netfault.New(nc, netfault.Faults{})
		return f
	}, rfc.ConnConfig{}, answerAll(items...))
	afterLogon[0], afterLogon[1] = f.Counts()
	_, err := zCall(t.Context(), c, in)
	require.NoError(t, err)
	afterCall[0], afterCall[1] = f.Counts()
	return afterLogon, afterCall
}

func faulty(f netfault.Faults) func(net.Conn) net.Conn {
	return func(nc net.Conn) net.Conn { return netfault.New(nc, f) }
}

func TestF59AnswerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	from, to := counted(t, nil, echo)
	require.Greater(t, to[0], from[0]+200)
	for n := from[0]; n < to[0]; n++ {
		c := dialThrough(t, faulty(netfault.Faults{CutReadAfter: n}), rfc.ConnConfig{}, answerAll(echo))
		res, err := zCall(t.Context(), c, nil)
		require.Nil(t, res)
		rfcError(t, err, rfc.ClassCommunication, rfc.Unknown)
		require.False(t, rfc.SafeToRetry(err))
		requireDead(t, c)
	}
}

func TestF42LogonCutAtEveryByte(t *testing.T) {
	t.Parallel()
	from, _ := counted(t, nil, echo)
	for n := range from[0] {
		_, err := logOn(t.Context(), newLink(t, faulty(netfault.Faults{CutReadAfter: max(n, 1)}), nil), rfc.ConnConfig{})
		rfcError(t, err, rfc.ClassCommunication, rfc.NotSent)
	}
	for n := range from[1] {
		_, err := logOn(t.Context(), newLink(t, faulty(netfault.Faults{CutWriteAfter: max(n, 1)}), nil), rfc.ConnConfig{})
		rfcError(t, err, rfc.ClassCommunication, rfc.NotSent)
	}
}

func TestF51AndF52WriteFails(t *testing.T) {
	t.Parallel()
	in := rfc.Params{"TEXT": "hi"}
	from, to := counted(t, in, echo)
	for n := from[1]; n < to[1]; n++ {
		c := dialThrough(t, faulty(netfault.Faults{CutWriteAfter: n}), rfc.ConnConfig{}, answerAll(echo))
		_, err := zCall(t.Context(), c, in)
		outcome := rfc.Unknown
		if n == from[1] {
			outcome = rfc.NotSent
		}
		e := rfcError(t, err, rfc.ClassCommunication, outcome)
		require.Equal(t, rfc.StepSend, e.Step)
		require.Equal(t, n == from[1], rfc.SafeToRetry(err))
		require.False(t, c.Alive())
	}
}

func TestF53PeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, _ := counted(t, nil, echo)
		c := dialThrough(t, faulty(netfault.Faults{StallWriteAfter: from[1] + 10}), rfc.ConnConfig{}, answerAll(echo))
		_, err := zCall(t.Context(), c, nil)
		rfcError(t, err, rfc.ClassTimeout, rfc.Unknown)
		requireDead(t, c)
	})
}

func TestF56PeerLeavesWhileTheCallWaits(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) { p.receive() })
	_, err := zCall(t.Context(), c, nil)
	e := rfcError(t, err, rfc.ClassCommunication, rfc.Unknown)
	require.Equal(t, 6, e.Code())
	require.ErrorIs(t, err, rfc.ErrPeerClosed)
	requireDead(t, c)
}

func TestF57PingWhileWaiting(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		pong := make([]byte, 12)
		for range 3 {
			p.raw(ni.AppendRecord(nil, []byte("NI_PING\x00")))
			if _, err := io.ReadFull(p.nc, pong); err != nil || string(pong[4:]) != "NI_PONG\x00" {
				p.t.Errorf("got %q, %v", pong, err)
			}
		}
		p.send(p.reply(echo))
	})
	_, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)
	require.True(t, c.Alive())
}

func TestF60OneByteAtATime(t *testing.T) {
	t.Parallel()
	c := dialThrough(t, faulty(netfault.Faults{MaxRead: 1, MaxWrite: 1}), rfc.ConnConfig{}, answerAll(echo))
	for range 3 {
		res, err := zCall(t.Context(), c, rfc.Params{"TEXT": "hi"})
		require.NoError(t, err)
		v, err := res.Value("LONG")
		require.NoError(t, err)
		require.Equal(t, "text", v)
	}
}

func TestF61RecordLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []uint32{0xffffffff, 0x80000000, 0x7fffffff, ni.DefaultMaxRecord + 1} {
		c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
			p.receive()
			p.raw(binary.BigEndian.AppendUint32(nil, n))
			p.silence()
		})
		_, err := zCall(t.Context(), c, nil)
		rfcError(t, err, rfc.ClassLimit, rfc.Unknown)
		requireDead(t, c)
	}
	// Records without content are no answer and no fault.
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.raw(make([]byte, 12))
		p.send(p.reply(echo))
		p.silence()
	})
	_, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)
	// A header that is too short.
	c = dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.raw(ni.AppendRecord(nil, make([]byte, 79)))
		p.silence()
	})
	_, err = zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassProtocol, rfc.Unknown)
}

func TestLimitOfOneMessage(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{Limits: rfc.Limits{Message: 80_000}}, answerAll(group("T", 5000)))
	_, err := zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassLimit, rfc.Unknown)
	require.ErrorContains(t, err, "80000 bytes")
	requireDead(t, c)
	// Streamed, the same answer needs no memory.
	c = dialPeer(t, rfc.ConnConfig{Limits: rfc.Limits{Message: 80_000}}, answerAll(group("T", 5000)))
	res, err := zCall(t.Context(), c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	n := 0
	for _, err := range rfc.Rows[zRow](res, "T") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 5000, n)
}

// F-62, F-66, F-67 and B-100 to B-104: complete answers that are wrong.
func TestF62MalformedAnswers(t *testing.T) {
	t.Parallel()
	cutEnd := func(b []byte) []byte { return b[:len(b)-6] }
	info := func(width, rows byte) []byte {
		return chain.Append(nil, chain.TableInfo, []byte{0, 0, 0, width, 0, 0, 0, rows})
	}
	for name, tc := range map[string]struct {
		answer  func(p *peer) []byte
		class   rfc.Class
		outcome rfc.Outcome
		text    string
	}{
		"closing tag differs":     {func(p *peer) []byte { b := p.reply(echo); b[len(b)-7] ^= 1; return b }, rfc.ClassProtocol, rfc.Unknown, "clos"},
		"no end item":             {func(p *peer) []byte { return cutEnd(p.reply(echo)) }, rfc.ClassProtocol, rfc.Unknown, "end"},
		"empty message":           {func(p *peer) []byte { return end() }, rfc.ClassProtocol, rfc.Unknown, "0500"},
		"no data":                 {func(*peer) []byte { return nil }, rfc.ClassProtocol, rfc.Unknown, ""},
		"item behind the end":     {func(p *peer) []byte { return cat(p.reply(echo), textItem(0x0203, "more")) }, rfc.ClassProtocol, rfc.Unknown, ""},
		"parameter twice":         {func(p *peer) []byte { return p.reply(echo, value("ECHO", le16("again     "))) }, rfc.ClassProtocol, rfc.Unknown, "ECHO"},
		"table twice":             {func(p *peer) []byte { return p.reply(group("T", 1), group("T", 1)) }, rfc.ClassProtocol, rfc.Unknown, "T"},
		"rows before their table": {func(p *peer) []byte { return p.reply(chain.Append(nil, chain.TableRow, make([]byte, 12))) }, rfc.ClassProtocol, rfc.Unknown, ""},
		"fewer rows than said": {func(p *peer) []byte {
			return p.reply(textItem(chain.TableName, "T"), info(12, 2), chain.Append(nil, chain.TableRow, make([]byte, 12)))
		}, rfc.ClassProtocol, rfc.Unknown, ""},
		"row too long": {func(p *peer) []byte {
			return p.reply(textItem(chain.TableName, "T"), info(12, 1), chain.Append(nil, chain.TableRow, make([]byte, 13)))
		}, rfc.ClassConversion, rfc.Executed, ""},
		"two session ids":           {func(p *peer) []byte { return end(head(p.guid), chain.Append(nil, chain.SessionGUID, p.guid), tail()) }, rfc.ClassProtocol, rfc.Unknown, "GUID"},
		"another session id":        {func(p *peer) []byte { return end(head(make([]byte, 16)), tail()) }, rfc.ClassProtocol, rfc.Unknown, "0514"},
		"neither success nor error": {func(p *peer) []byte { return end(empty(chain.Reply)) }, rfc.ClassProtocol, rfc.Unknown, "neither"},
		"parts of an error":         {func(p *peer) []byte { return end(empty(chain.Reply), textItem(0x0415, "SR")) }, rfc.ClassProtocol, rfc.Executed, "parts of an error"},
		"error fact twice":          {func(p *peer) []byte { return end(empty(chain.Reply), textItem(0x0401, "A"), textItem(0x0401, "B")) }, rfc.ClassProtocol, rfc.Unknown, "once"},
		"no chain at all":           {func(*peer) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, rfc.ClassProtocol, rfc.Unknown, ""},
		"F-66 compressed garbage": {func(p *peer) []byte {
			block := make([]byte, 250)
			copy(block, []byte{0, 0, 0, 0, 0, 0, 0, 20, 24, 0, 0, 0, 0x12, 0x1f, 0x9d, 2, 0xff, 0xff, 0xff})
			return p.reply(textItem(chain.TableName, "T"), info(12, 2), chain.AppendU32(nil, chain.TableUsedWidth, 12), chain.Append(nil, chain.TableBlock, block), empty(chain.TableBlockEnd))
		}, rfc.ClassProtocol, rfc.Unknown, ""},
		"F-67 row width": {func(p *peer) []byte {
			return p.reply(textItem(chain.TableName, "T"), info(200, 1), chain.Append(nil, chain.TableRow, make([]byte, 200)))
		}, rfc.ClassConversion, rfc.Executed, "T"},
		"F-67 value too long": {func(p *peer) []byte { return p.reply(value("COUNTER", make([]byte, 8))) }, rfc.ClassConversion, rfc.Executed, "COUNTER"},
		"status alone":        {func(p *peer) []byte { return end(empty(chain.Reply), chain.AppendU32(nil, chain.CallStatus, 3)) }, rfc.ClassABAPRuntime, rfc.Executed, "status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, opts := range [][]rfc.Option{nil, {rfc.Stream("T")}} {
				c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
					p.receive()
					p.send(tc.answer(p))
					p.silence()
				})
				res, err := zCall(t.Context(), c, nil, opts...)
				if err == nil {
					require.NotEmpty(t, opts)
					for _, err = range rfc.Rows[zRow](res, "T") {
						if err != nil {
							break
						}
					}
				}
				rfcError(t, err, tc.class, tc.outcome)
				require.ErrorContains(t, err, tc.text)
				requireDead(t, c)
			}
		})
	}
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(p.reply(byteItem(0x7777, "unknown"), echo, empty(0x0523), byteItem(0x0126, "aaaa")))
		p.silence()
	})
	_, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)
}

func TestF63AnswerOfAnotherConversation(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(h *cpic.Header){
		"conversation": func(h *cpic.Header) { h.ConversationID = [8]byte([]byte("99999999")) },
		"connection":   func(h *cpic.Header) { h.ConnIndex++ },
		"client index": func(h *cpic.Header) { h.CommIndex++ },
		"function":     func(h *cpic.Header) { h.Function = cpic.Allocate },
		"version":      func(h *cpic.Header) { h.Version = 5 },
		"return code":  func(h *cpic.Header) { h.SAPReturnCode = 757 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold := new(holder)
			client, server := netfault.Pipe()
			hold.Conn = server
			done := make(chan struct{})
			go func() {
				defer close(done)
				accept(t, hold, func(p *peer) {
					p.receive()
					hold.start()
					p.send(p.reply(echo))
					record := hold.take()
					h, err := cpic.DecodeHeader(record[4:])
					if err != nil {
						p.t.Error(err)
					}
					change(&h)
					_, _ = h.AppendBinary(record[4:4])
					p.raw(record)
					p.silence()
				})
			}()
			c, err := logOn(t.Context(), client, rfc.ConnConfig{})
			require.NoError(t, err)
			_, err = zCall(t.Context(), c, nil)
			class := rfc.ClassProtocol
			if name == "return code" {
				class = rfc.ClassCommunication
			}
			rfcError(t, err, class, rfc.Unknown)
			requireDead(t, c)
			<-done
		})
	}
}

// holder keeps what is written to it until it is asked for.
type holder struct {
	net.Conn
	held bool
	buf  []byte
}

func (h *holder) start() { h.held = true }

func (h *holder) take() []byte {
	b := h.buf
	h.held, h.buf = false, nil
	return b
}

func (h *holder) Write(b []byte) (int, error) {
	if h.held {
		h.buf = append(h.buf, b...)
		return len(b), nil
	}
	return h.Conn.Write(b)
}

func TestF64BytesBehindACompleteAnswer(t *testing.T) {
	t.Parallel()
	client, server := netfault.Pipe()
	hold := &holder{Conn: server}
	done := make(chan struct{})
	go func() {
		defer close(done)
		accept(t, hold, func(p *peer) {
			p.receive()
			hold.start()
			p.send(p.reply(echo))
			p.send(p.reply(value("ECHO", le16("stale     ")))) // nobody asked for this one
			p.raw(hold.take())
			p.silence()
		})
	}()
	c, err := logOn(t.Context(), client, rfc.ConnConfig{})
	require.NoError(t, err)
	res, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)
	v, err := res.Value("ECHO")
	require.NoError(t, err)
	require.Equal(t, "hello", v)
	_, err = zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassProtocol, rfc.NotSent)
	requireDead(t, c)
	<-done
}

// F-70 to F-72: what the partner reports, and what becomes of the connection.
func TestF70ToF72ErrorsOfThePartner(t *testing.T) {
	t.Parallel()
	e := func(items ...[]byte) []byte { return end(empty(chain.Reply), cat(items...)) }
	msg := func(typ string) []byte {
		return e(textItem(0x0415, "SR"), textItem(0x0416, typ), textItem(0x0417, "006"), textItem(0x0402, "Function not supported"))
	}
	for name, tc := range map[string]struct {
		answer []byte
		ended  bool
		class  rfc.Class
		key    string
		keep   bool
	}{
		"F-70 RAISE":                  {e(textItem(0x0417, "000"), textItem(0x0401, "EXAMPLE")), false, rfc.ClassABAPException, "EXAMPLE", true},
		"exception, then the end":     {e(textItem(0x0417, "000"), textItem(0x0401, "EXAMPLE")), true, rfc.ClassABAPException, "EXAMPLE", false},
		"F-71 E":                      {msg("E"), false, rfc.ClassABAPMessage, "Function not supported", true},
		"J-02 E with return code 18":  {msg("E"), true, rfc.ClassABAPMessage, "Function not supported", false},
		"F-71 A":                      {msg("A"), true, rfc.ClassABAPMessage, "Function not supported", false},
		"J-08 A without return code":  {msg("A"), false, rfc.ClassABAPMessage, "Function not supported", false},
		"F-71 X":                      {msg("X"), true, rfc.ClassABAPMessage, "Function not supported", false},
		"F-72 dump":                   {e(textItem(0x0402, "Division by 0"), textItem(0x0403, "COMPUTE_INT_ZERODIVIDE")), true, rfc.ClassABAPRuntime, "COMPUTE_INT_ZERODIVIDE", false},
		"dump in single byte":         {e(byteItem(0x0402, "Division by 0"), byteItem(0x0403, "COMPUTE_INT_ZERODIVIDE")), false, rfc.ClassABAPRuntime, "COMPUTE_INT_ZERODIVIDE", false},
		"parameters before the error": {e(value("ECHO", le16("x         ")), textItem(0x0417, "000"), textItem(0x0401, "EXAMPLE")), false, rfc.ClassABAPException, "EXAMPLE", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
				p.receive()
				if tc.ended {
					p.sendEnd(tc.answer)
					return
				}
				p.send(tc.answer)
				answerAll(echo)(p)
			})
			_, err := zCall(t.Context(), c, nil)
			got := rfcError(t, err, tc.class, rfc.Executed)
			require.True(t, got.Remote)
			require.Equal(t, tc.key, got.Key)
			require.Equal(t, !tc.keep, got.Closed)
			require.Equal(t, "Z_TEST", got.Function)
			require.Equal(t, "12345678", got.ConversationID)
			if !tc.keep {
				requireDead(t, c)
				return
			}
			_, err = zCall(t.Context(), c, nil)
			require.NoError(t, err)
		})
	}
}

func TestF75LinkLostBetweenTwoCalls(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(p.reply(echo))
		_ = p.nc.Close()
		close(left)
	})
	_, err := zCall(t.Context(), c, nil)
	require.NoError(t, err)
	<-left
	_, err = zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassCommunication, rfc.NotSent)
	requireDead(t, c)
}

func callOf(function string, items ...[]byte) []byte {
	return end(empty(chain.Call), textItem(chain.CallerRelease, "758"), textItem(chain.FunctionName, function), empty(chain.Parameters), cat(items...))
}

// F-73, spec 04 section 8.
func TestF73Callbacks(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(zTest, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		var in struct {
			Text string `rfc:"TEXT"`
		}
		if err := req.Scan(&in); err != nil {
			return err
		}
		if in.Text == "panic" {
			panic("secret stack")
		}
		if in.Text == "error" {
			return errors.New("no such luck")
		}
		if in.Text == "raise" {
			return rfc.RaiseException("MINE")
		}
		_, err := req.Callback(t.Context(), zTest, nil)
		if !errors.Is(err, rfc.ErrState) {
			return errors.New("a callback must not call back")
		}
		if req.Session() != nil || !req.Supplied("TEXT") || !req.Requested("ECHO") || req.Requested("LONG") {
			return errors.New("wrong request")
		}
		reply.Set(rfc.Params{"ECHO": in.Text, "LONG": "not requested"})
		return nil
	}))
	var answers [][]byte
	c := dialPeer(t, rfc.ConnConfig{Callbacks: mux}, func(p *peer) {
		for p.receive() != nil {
			answers = nil
			want := textItem(chain.RequestedName, "ECHO")
			for _, text := range []string{"a", "panic", "error", "raise", "b"} {
				p.send(callOf("Z_TEST", want, value("TEXT", le16(blank(text, 10)))))
				answers = append(answers, p.receive())
			}
			p.send(callOf("Z_UNKNOWN"))
			answers = append(answers, p.receive())
			// A call with a parameter that does not fit, and one without 0502, as JCo sends it.
			p.send(callOf("Z_TEST", value("COUNTER", []byte{1})))
			answers = append(answers, p.receive())
			p.send(end(textItem(chain.CallerRelease, "758"), textItem(chain.FunctionName, "RFC_PING"), empty(chain.Parameters)))
			answers = append(answers, p.receive())
			p.send(p.reply(echo))
		}
	})
	for range 2 {
		res, err := zCall(t.Context(), c, nil)
		require.NoError(t, err)
		v, err := res.Value("ECHO")
		require.NoError(t, err)
		require.Equal(t, "hello", v)
		require.Len(t, answers, 8)
		require.Equal(t, le16("a         "), find(answers[0], chain.ParameterValue)[0])
		require.NotContains(t, tags(answers[0]), "0514")
		require.Len(t, find(answers[0], chain.ParameterValue), 1)
		require.Equal(t, "0500 0402 0403 ffff", tags(answers[1]))
		require.NotContains(t, string(answers[1]), string(le16("secret")))
		require.Equal(t, le16("no such luck"), find(answers[2], chain.ErrorText)[0])
		require.Equal(t, le16("MINE"), find(answers[3], chain.ExceptionKey)[0])
		require.Equal(t, le16("b         "), find(answers[4], chain.ParameterValue)[0])
		require.Equal(t, "0500 0415 0416 0417 0411 0401 ffff", tags(answers[5]))
		require.Equal(t, le16("FU_NOT_FOUND"), find(answers[5], chain.ExceptionKey)[0])
		require.Equal(t, le16("CALL_FUNCTION_ILLEGAL_P_TYPE"), find(answers[6], chain.RuntimeErrorID)[0])
		require.Equal(t, le16("FU_NOT_FOUND"), find(answers[7], chain.ExceptionKey)[0])
	}
	require.True(t, c.Alive())
}

func TestF74CallbackLimitAndRefusalWithoutHandler(t *testing.T) {
	t.Parallel()
	served := 0
	c := dialPeer(t, rfc.ConnConfig{Limits: rfc.Limits{Callbacks: 16}}, func(p *peer) {
		p.receive()
		for {
			p.send(callOf("Z_TEST"))
			answer := p.receive()
			if answer == nil {
				return
			}
			if served++; string(find(answer, chain.ExceptionKey)[0]) != string(le16("FU_NOT_FOUND")) {
				p.t.Error("a callback was not refused")
			}
		}
	})
	_, err := zCall(t.Context(), c, nil)
	rfcError(t, err, rfc.ClassLimit, rfc.Unknown)
	require.ErrorContains(t, err, "16 times")
	requireDead(t, c)
}

func TestRequestOptions(t *testing.T) {
	t.Parallel()
	requests := make(chan []byte, 4)
	script := func(p *peer) {
		for {
			req := p.receive()
			if req == nil {
				return
			}
			requests <- req
			p.send(p.reply(echo))
		}
	}
	rows := rfc.Params{"T": []zRow{{1, "A"}}}
	c := dialPeer(t, rfc.ConnConfig{}, script)
	_, err := zCall(t.Context(), c, rows, rfc.NotRequested("LONG", "U"))
	require.NoError(t, err)
	req := <-requests
	var names []string
	for _, n := range find(req, chain.RequestedName) {
		names = append(names, strings.ReplaceAll(string(n), "\x00", ""))
	}
	require.ElementsMatch(t, []string{"ECHO", "COUNTER", "T"}, names)
	require.Len(t, find(req, chain.TableID), 1)
	// NoDelta: no table ids, and bit 02 of the protocol bits is off.
	logons := make(chan []byte, 1)
	client, server := netfault.Pipe()
	tap := &spy{Conn: client, first: logons}
	done := make(chan struct{})
	go func() {
		defer close(done)
		accept(t, server, script)
	}()
	c, err = logOn(t.Context(), tap, rfc.ConnConfig{NoDelta: true})
	require.NoError(t, err)
	_, err = zCall(t.Context(), c, rows)
	require.NoError(t, err)
	require.Empty(t, find(<-requests, chain.TableID))
	require.Equal(t, []byte{0, 0, 0x0e, 0x09}, find(<-logons, chain.ProtocolBits)[0])
	require.NoError(t, c.Close())
	<-done
}

// spy passes the data of the first logon on.
type spy struct {
	net.Conn
	first chan []byte
}

func (s *spy) Write(b []byte) (int, error) {
	if len(b) > 84+12 && string(b[84:96]) == string(ebcdic) {
		s.first <- append([]byte{}, b[84:]...)
	}
	return s.Conn.Write(b)
}

// Spec 03 section 9 and spec 41.11.
func TestResetMakesTheNextCallBringTheSessionHeader(t *testing.T) {
	t.Parallel()
	var requests [][]byte
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		for {
			req := p.receive()
			if req == nil {
				return
			}
			requests = append(requests, req)
			switch len(requests) {
			case 1:
				p.send(end(head(p.guid), tail(), empty(chain.ResetDone)))
			case 2: // with the preamble of a system in front
				p.send(cat(chain.Append(nil, chain.SenderDescription, []byte{1, 1, 1, 5, 4, 1, 0, 3}), chain.AppendU32(nil, chain.ProtocolBits, 0xe0b),
					chain.Append(nil, chain.UnicodeHeader, []byte{4, 1, 0, 3, 1, 3, 2, 0, 0, 0, '#'}), byteItem(chain.LogonStatus, "\x00"),
					textItem(chain.SystemCodepage, "1100"), textItem(chain.SystemID, "ABC"), textItem(chain.Program, "SAPLSYSU"), p.reply(echo)))
			default:
				p.send(p.reply(echo))
			}
		}
	})
	require.NoError(t, c.Reset(t.Context()))
	for range 2 {
		res, err := zCall(t.Context(), c, nil)
		require.NoError(t, err)
		v, err := res.Value("ECHO")
		require.NoError(t, err)
		require.Equal(t, "hello", v)
	}
	require.Equal(t, "0502 000b 0102 0512 ffff", tags(requests[0]))
	require.Equal(t, le16("SYSTEM_RESET_RFC_SERVER"), find(requests[0], chain.FunctionName)[0])
	require.Equal(t, "0101 0103 0106 0514 0502 000b 0102 0512 0205 0205 0205 0205 0205 ffff", tags(requests[1]))
	require.Equal(t, "0502 000b 0102 0512 0205 0205 0205 0205 0205 ffff", tags(requests[2]))
	want := make([]byte, 16)
	fixed(want)
	require.Equal(t, want, find(requests[1], chain.SessionGUID)[0])
}

func TestF77FailedResetEndsTheConnection(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(end(empty(chain.Reply), textItem(0x0417, "000"), textItem(0x0401, "NOT_ALLOWED")))
		p.silence()
	})
	require.ErrorIs(t, c.Reset(t.Context()), rfc.ErrABAPException)
	requireDead(t, c)
}

// Spec 04 section 4.4.
func TestDeltaAnswers(t *testing.T) {
	t.Parallel()
	id := func(n byte) []byte { return []byte{0, 0, 0, n} }
	delta := func(n, rows byte) []byte { return chain.Append(nil, chain.TableDelta, cat(id(10), id(n), id(rows))) }
	row := chain.Append(nil, chain.TableRow, cat([]byte{9, 0, 0, 0}, le16("new ")))
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(p.reply(delta(1, 0), chain.AppendU32(nil, chain.TableDeltaEnd, 1),
			delta(2, 1), chain.Append(nil, chain.TableInfo, cat(id(12), id(1))), row, chain.AppendU32(nil, chain.TableDeltaEnd, 2)))
		p.receive()
		p.send(p.reply(chain.Append(nil, chain.TableDelta, cat(id(11), id(1), id(0)))))
		p.silence()
	})
	in := rfc.Params{"T": []zRow{{1, "A"}, {2, "B"}}, "U": []zRow{{3, "C"}}}
	out, err := rfc.Call[struct {
		T []zRow `rfc:"T"`
		U []zRow `rfc:"U"`
	}](t.Context(), c, "Z_TEST", in, rfc.WithInterface(zTest))
	require.NoError(t, err)
	require.Equal(t, []zRow{{1, "A"}, {2, "B"}}, out.T)
	require.Equal(t, []zRow{{9, "new"}}, out.U)
	_, err = zCall(t.Context(), c, in)
	rfcError(t, err, rfc.ClassProtocol, rfc.Unknown)
	requireDead(t, c)
}

func TestConversionsOfOneCall(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, answerAll(echo))
	res, err := zCall(t.Context(), c, nil, rfc.WithValues(serialization.Options{KeepBlanks: true}))
	require.NoError(t, err)
	v, err := res.Value("ECHO")
	require.NoError(t, err)
	require.Equal(t, "hello     ", v)
}

func TestMetadataErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	c := dialPeer(t, rfc.ConnConfig{Functions: sourceFunc(func(_ context.Context, name string) (*metadata.Function, error) {
		if name == "Z_RAISED" {
			return nil, rfc.RaiseException("FU_NOT_FOUND")
		}
		return nil, boom
	})}, answerAll(echo))
	_, err := c.Call(t.Context(), "Z_OTHER", nil)
	e := rfcError(t, err, rfc.ClassMetadata, rfc.NotSent)
	require.ErrorIs(t, err, boom)
	require.Equal(t, rfc.StepMetadata, e.Step)
	_, err = c.Call(t.Context(), "Z_RAISED", nil)
	e = rfcError(t, err, rfc.ClassABAPException, rfc.NotSent)
	require.Equal(t, "Z_RAISED", e.Function)
	require.True(t, c.Alive())
}

type sourceFunc func(ctx context.Context, name string) (*metadata.Function, error)

func (f sourceFunc) Function(ctx context.Context, name string) (*metadata.Function, error) {
	return f(ctx, name)
}

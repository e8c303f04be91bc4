package cpic_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// acknowledgement is the only form a strict client accepts (spec 40.5 [impl]).
const acknowledgement = "06070200ffff" + "000000000000000000000000000000" + "02" + "0000000000000000" + "0100" + "0000000000000000" +
	"3031323334353637" + "00000000000000000000000000000000000000000000000000000000" + "00000004"

// sequence names the records of a request with their data lengths: 08(28000) 09(0).
func sequence(t testing.TB, records [][]byte) []string {
	t.Helper()
	var out []string
	for _, r := range records {
		out = append(out, hex.EncodeToString(r[1:2])+":"+itoa(len(r)-80))
	}
	return out
}

func itoa(n int) string {
	var b []byte
	for {
		b = append([]byte{byte('0' + n%10)}, b...)
		if n /= 10; n == 0 {
			return string(b)
		}
	}
}

func TestRequestsOfEverySize(t *testing.T) {
	t.Parallel()
	repeat := func(s string, n int) []string {
		var out []string
		for range n {
			out = append(out, s)
		}
		return out
	}
	for _, tc := range []struct {
		size int
		want []string
		acks int
	}{
		{1, []string{"cb:9"}, 0},
		{652, []string{"cb:660"}, 0},
		{27_999, []string{"cb:28007"}, 0},
		{28_000, []string{"cb:28008"}, 0},
		{28_001, []string{"08:28000", "08:1", "09:0"}, 0},
		{65_536, []string{"08:28000", "08:28000", "08:9536", "09:0"}, 0},
		{588_000, append(repeat("08:28000", 21), "09:0"), 0},
		{594_470, append(repeat("08:28000", 21), "07:6470", "09:0"), 1},
		{650_000, append(repeat("08:28000", 21), "07:28000", "08:28000", "08:6000", "09:0"), 1},
		{43 * 28_000, append(append(append(repeat("08:28000", 21), "07:28000"), repeat("08:28000", 20)...), "07:28000", "09:0"), 2},
	} {
		t.Run(itoa(tc.size), func(t *testing.T) {
			t.Parallel()
			l := connect(t, clientConfig, acceptConfig())
			body := data(tc.size)
			received := make(chan []byte, 1)
			go func() {
				b, err := receive(l.server)
				if err != nil {
					t.Error(err)
				}
				received <- b
			}()
			require.NoError(t, l.client.Begin(t.Context()))
			require.NoError(t, l.client.SendLast(message(l.client, body)))
			require.True(t, bytes.Equal(body, <-received))
			records := l.clientTap.records(t)
			require.Equal(t, tc.want, sequence(t, records))
			sent := 0
			for i, r := range records {
				h := header(t, r)
				sent += 4 + len(r)
				require.Equal(t, "01234567", string(h.ConversationID[:]))
				require.Equal(t, []uint16{0xffff, 4}, []uint16{h.CommIndex, h.ConnIndex})
				switch h.Function {
				case cpic.SAPSend:
					require.EqualValues(t, []int{5, 12, 8}, []int{int(h.Info), int(h.Vector), int(h.ParamLength)})
				case cpic.AsyncSendData:
					require.EqualValues(t, []int{0, 0, 0, len(r) - 80}, []int{int(h.Info), int(h.Vector), int(h.ParamLength), int(h.SendLength())})
				case cpic.SendData:
					require.EqualValues(t, []int{1, 0, 0, len(r) - 80}, []int{int(h.Info), int(h.Vector), int(h.ParamLength), int(h.SendLength())})
					require.Zero(t, i%21)
				case cpic.Receive:
					require.EqualValues(t, []int{1, 0, 0, 28000}, []int{int(h.Info), int(h.Vector), int(h.ParamLength), int(h.SendLength())})
				default:
					t.Error(h.Function)
				}
			}
			require.EqualValues(t, sent, l.client.BytesSent())
			var acks []string
			for _, r := range l.serverTap.records(t) {
				acks = append(acks, hex.EncodeToString(r))
			}
			require.Equal(t, repeat(acknowledgement, tc.acks), acks)

			// The answer to a streamed request starts with F_RECEIVE.
			require.NoError(t, l.server.SendLast(message(l.server, []byte("reply"))))
			got, err := receive(l.client)
			require.NoError(t, l.client.End(err))
			require.Equal(t, "reply", string(got))
			first := header(t, l.serverTap.records(t)[0])
			require.Equal(t, len(tc.want) > 1, first.Function == cpic.Receive)
			require.True(t, l.client.Usable())
			require.True(t, l.server.Usable())
		})
	}
}

func TestStreamAllAndPiecewiseSend(t *testing.T) {
	t.Parallel()
	cfg := clientConfig
	cfg.StreamAll = true
	l := connect(t, cfg, acceptConfig())
	require.NoError(t, l.client.SendLast(message(l.client, []byte("small"))))
	got, err := receive(l.server)
	require.NoError(t, err)
	require.Equal(t, "small", string(got))
	require.Equal(t, []string{"08:5", "09:0"}, sequence(t, l.clientTap.records(t)))

	// A writer hands over what it has; what was not taken is presented again.
	body := data(100_000)
	buf := make([]byte, l.server.Headroom())
	for i := 0; i < len(body); i += 30_000 {
		buf = append(buf, body[i:min(i+30_000, len(body))]...)
		n, err := l.server.Send(buf)
		require.NoError(t, err)
		buf = append(buf[:l.server.Headroom()], buf[l.server.Headroom()+n:]...)
	}
	require.NoError(t, l.server.SendLast(buf))
	got, err = receive(l.client)
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, got))
	require.Equal(t, []string{"09:28000", "09:28000", "09:28000", "09:16000"}, sequence(t, l.serverTap.records(t)))
}

func TestReplyRows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		size int
		end  bool
		want []string
	}{
		{0, false, []string{"cb:0"}},
		{1276, false, []string{"cb:1276"}},
		{28_000, false, []string{"cb:28000"}},
		{28_001, false, []string{"cb:27992", "09:9"}}, // topped up: never a last slice under 8 bytes
		{28_007, false, []string{"cb:27992", "09:15"}},
		{28_008, false, []string{"cb:28000", "09:8"}},
		{53_513, false, []string{"cb:28000", "09:25513"}},
		{56_003, false, []string{"cb:28000", "09:27992", "09:11"}},
		{100, true, []string{"cb:100"}},
		{30_000, true, []string{"cb:28000", "09:2000"}},
	} {
		t.Run(itoa(tc.size)+map[bool]string{true: " ended"}[tc.end], func(t *testing.T) {
			t.Parallel()
			l := connect(t, clientConfig, acceptConfig())
			require.NoError(t, l.client.SendLast(message(l.client, []byte("request"))))
			_, err := receive(l.server)
			require.NoError(t, err)
			body := data(tc.size)
			if tc.end {
				require.Error(t, l.client.SendEnd(message(l.client, body)), "only the accepting side")
				require.NoError(t, l.server.SendEnd(message(l.server, body)))
			} else {
				require.NoError(t, l.server.SendLast(message(l.server, body)))
			}
			got, err := receive(l.client)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got))
			records := l.serverTap.records(t)
			require.Equal(t, tc.want, sequence(t, records))
			for i, r := range records {
				h := header(t, r)
				want := cpic.Header{
					Version: 6, Function: h.Function, Protocol: 2, UID: 0xffff, Time: 0x00010000, Info3: 1, Timeout: -1, Info4: 2,
					Sequence: 1, Info: 1, Vector: 8, ConversationID: h.ConversationID, CommIndex: 0, ConnIndex: 4,
				}
				n := uint32(len(r) - 80)
				op := cpic.ReceiveInfo{RequestedLength: 28000, DataReceived: 2, ReceivedLength: n, Codepage: "4103"}
				switch last := i == len(records)-1; {
				case last && tc.end:
					want.ReturnCode, op.RequestedLength = cpic.DeallocatedNormal, n
				case last:
					want.Timeout, want.Info, want.Vector, want.ParamLength, op.StatusReceived = 500, 5, 12, 8, 1
				}
				want.SetReceiveInfo(op)
				require.Equal(t, want, h)
			}
			require.Equal(t, !tc.end, l.client.Usable())
			require.Equal(t, !tc.end, l.server.Usable())
			if tc.end {
				require.ErrorIs(t, l.client.Begin(t.Context()), net.ErrClosed)
				require.ErrorIs(t, l.client.SendLast(message(l.client, body)), net.ErrClosed)
				_, _, err := l.client.Receive()
				require.ErrorIs(t, err, net.ErrClosed)
				require.NoError(t, l.client.Close())
				require.Empty(t, l.clientTap.records(t)[1:], "no farewell to who has hung up")
			}
		})
	}
}

func TestCallbackInsideACall(t *testing.T) {
	t.Parallel()
	l := connect(t, clientConfig, acceptConfig())
	require.NoError(t, l.client.SendLast(message(l.client, []byte("call"))))
	require.Error(t, l.client.SendLast(message(l.client, []byte("again"))), "not our turn")
	_, err := receive(l.server)
	require.NoError(t, err)
	require.NoError(t, l.server.SendLast(message(l.server, []byte("callback"))))
	got, err := receive(l.client)
	require.NoError(t, err)
	require.Equal(t, "callback", string(got))
	require.NoError(t, l.client.SendLast(message(l.client, []byte("answer"))))
	got, err = receive(l.server)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
	require.NoError(t, l.server.SendLast(message(l.server, []byte("reply"))))
	got, err = receive(l.client)
	require.NoError(t, err)
	require.Equal(t, "reply", string(got))
}

func TestOverTCPInPieces(t *testing.T) {
	t.Parallel()
	a, b := netfault.PipeSize(1 << 20)
	client := netfault.New(a, netfault.Faults{MaxRead: 1, MaxWrite: 3})
	server := netfault.New(b, netfault.Faults{MaxRead: 2, MaxWrite: 1})
	done := make(chan *cpic.Conn, 1)
	go func() {
		s, err := cpic.Accept(context.Background(), server, acceptConfig())
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	c, err := cpic.Open(t.Context(), client, clientConfig)
	require.NoError(t, err)
	s := <-done
	require.NoError(t, c.SendLast(message(c, data(30_000))))
	got, err := receive(s)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data(30_000), got))
	require.NoError(t, s.SendLast(message(s, data(29_000))))
	got, err = receive(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data(29_000), got))
	sent, received := c.Traffic()
	read, written := client.Counts()
	require.Equal(t, []int64{written, read}, []int64{sent, received})
	require.NoError(t, c.Close())
	_, _, err = s.Receive()
	require.Equal(t, io.EOF, err)
	require.NoError(t, s.Close())
}

// TestHostileReplies lets a scripted gateway answer one request.
func TestHostileReplies(t *testing.T) {
	t.Parallel()
	edit := func(final bool, f func(h *cpic.Header)) []byte {
		h, body := replyTo("0123456789", final)
		f(&h)
		return append(headerBytes(h), body...)
	}
	keep := func(*cpic.Header) {}
	info, err := (&ni.ErrorInfo{Text: "timeout of the partner", ReturnCode: "223", Location: "gw"}).AppendBinary(nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		replies [][]byte
		text    string // of the error; empty when the message is fine
		body    string
		is      error
	}{
		"one record":                 {replies: [][]byte{edit(true, keep)}, body: "0123456789"},
		"two records":                {replies: [][]byte{edit(false, keep), edit(true, func(h *cpic.Header) { h.Function = cpic.Receive })}, body: "01234567890123456789"},
		"all cb, as one host does":   {replies: [][]byte{edit(false, keep), edit(true, keep)}, body: "01234567890123456789"},
		"ping between fragments":     {replies: [][]byte{edit(false, keep), []byte("NI_PING\x00"), edit(true, keep)}, body: "01234567890123456789"},
		"appc pings between":         {replies: [][]byte{edit(false, keep), edit(true, func(h *cpic.Header) { h.Function, h.Info = cpic.SAPPing, 0 }), edit(true, keep)}, body: "01234567890123456789"},
		"received_length short":      {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Operation[11]-- })}, body: "012345678"},
		"received_length missing":    {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Operation[11] = 0 })}, body: "0123456789"},
		"received_length long":       {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Operation[11]++ })}, text: "received_length", is: wire.ErrMalformed},
		"received_length huge":       {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Operation[8] = 0xff })}, text: "received_length", is: wire.ErrMalformed},
		"conversation id changes":    {replies: [][]byte{edit(false, keep), edit(true, func(h *cpic.Header) { h.ConversationID[7]++ })}, text: "conversation_id", is: wire.ErrMalformed},
		"comm index changes":         {replies: [][]byte{edit(false, keep), edit(true, func(h *cpic.Header) { h.CommIndex++ })}, text: "comm_index", is: wire.ErrMalformed},
		"conn index changes":         {replies: [][]byte{edit(false, keep), edit(true, func(h *cpic.Header) { h.ConnIndex++ })}, text: "conn_index", is: wire.ErrMalformed},
		"B-96 record of 79 bytes":    {replies: [][]byte{edit(true, keep)[:79]}, text: "truncated", is: wire.ErrTruncated},
		"header of version 5":        {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Version = 5 })}, text: "version", is: wire.ErrMalformed},
		"another verb":               {replies: [][]byte{edit(true, func(h *cpic.Header) { h.Function = cpic.Deallocate })}, text: "F_DEALLOCATE", is: wire.ErrMalformed},
		"ended with data":            {replies: [][]byte{edit(false, func(h *cpic.Header) { h.ReturnCode = 18 })}, body: "0123456789"},
		"ended without data":         {replies: [][]byte{edit(false, func(h *cpic.Header) { h.ReturnCode = 18; clear(h.Operation[:]) })[:80]}, text: "CM_NO_DATA_RECEIVED"},
		"ended with error text":      {replies: [][]byte{edit(false, func(h *cpic.Header) { h.ReturnCode, h.ErrorLength = 18, 10 })}, text: "0123456789"},
		"abended":                    {replies: [][]byte{edit(false, func(h *cpic.Header) { h.ReturnCode = 17 })}, text: "CM_DEALLOCATED_ABEND (17) (cmRc=17 thRc=0)"},
		"gateway code alone":         {replies: [][]byte{edit(false, func(h *cpic.Header) { h.SAPReturnCode = 757 })}, text: "client did not answer PING messages (cmRc=0 thRc=757)"},
		"error block":                {replies: [][]byte{append(edit(false, func(h *cpic.Header) { h.ReturnCode, h.Info, h.ErrorLength = 20, 0x11, uint16(len(info)) })[:80], info...)}, text: "cpic receive: timeout of the partner (cmRc=20 thRc=0), location gw"},
		"error block, flag only":     {replies: [][]byte{append(edit(false, func(h *cpic.Header) { h.Info = 0x11 })[:80], info...)}, text: "timeout of the partner"},
		"bare error block":           {replies: [][]byte{info}, text: "peer answered with an error: timeout of the partner"},
		"a gateway record":           {replies: [][]byte{bytes.Repeat([]byte{2}, 80)}, text: "version", is: wire.ErrMalformed},
		"leaves between fragments":   {replies: [][]byte{edit(false, keep), nil}, text: "the peer closed the connection", is: io.ErrUnexpectedEOF},
		"leaves at once":             {replies: [][]byte{nil}, text: "the peer closed the connection", is: io.ErrUnexpectedEOF},
		"acknowledges what was sent": {replies: [][]byte{edit(false, func(h *cpic.Header) { h.Function = cpic.SendData })[:80]}, text: "F_SEND_DATA", is: wire.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s, err := openScripted(t, nil)
			require.NoError(t, err)
			require.NoError(t, c.Begin(t.Context()))
			require.NoError(t, c.SendLast(message(c, []byte("request"))))
			s.next()
			for _, r := range tc.replies {
				if r == nil {
					require.NoError(t, s.Close())
					break
				}
				s.send(r)
			}
			got, err := receive(c)
			err = c.End(err)
			if tc.text == "" {
				require.NoError(t, err)
				require.Equal(t, tc.body, string(got))
				require.Equal(t, !strings.HasPrefix(name, "ended"), c.Usable())
				return
			}
			require.ErrorContains(t, err, tc.text)
			require.NotErrorIs(t, err, io.EOF)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			} else if name != "bare error block" {
				var e *cpic.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, strings.Contains(name, "block"), e.Info != nil)
			}
			require.False(t, c.Usable())
			require.ErrorIs(t, c.Begin(t.Context()), net.ErrClosed)
		})
	}
}

func TestLastBitNeverSet(t *testing.T) {
	t.Parallel()
	a, b := netfault.Pipe()
	done := make(chan *cpic.Conn, 1)
	go func() {
		s, _ := cpic.Accept(context.Background(), b, acceptConfig())
		done <- s
	}()
	cfg := clientConfig
	cfg.MessageLimit = 100_000
	c, err := cpic.Open(t.Context(), a, cfg)
	require.NoError(t, err)
	defer c.Abort()
	s := <-done
	defer s.Abort()
	require.NoError(t, c.SendLast(message(c, []byte("x"))))
	_, err = receive(s)
	require.NoError(t, err)
	go func() {
		buf := message(s, data(cpic.SliceLength+8))
		for {
			if _, err := s.Send(buf); err != nil {
				return
			}
		}
	}()
	_, err = receive(c)
	require.ErrorIs(t, err, wire.ErrLimit)
	require.False(t, c.Usable())
}

func TestStaleBytesBeforeACall(t *testing.T) {
	t.Parallel()
	t.Run("read together with the answer", func(t *testing.T) {
		t.Parallel()
		c, s, err := openScripted(t, nil)
		require.NoError(t, err)
		require.NoError(t, c.SendLast(message(c, []byte("one"))))
		s.next()
		h, body := replyTo("answer", true)
		rec := append(headerBytes(h), body...)
		s.send(rec, rec) // twice
		_, err = receive(c)
		require.NoError(t, err)
		err = c.Begin(t.Context())
		require.ErrorContains(t, err, "silence between calls")
		require.Zero(t, c.BytesSent())
		require.False(t, c.Usable())
	})
	if runtime.GOOS == "windows" {
		return // sockets are asked on Unix only
	}
	overTCP := func(t *testing.T) (*cpic.Conn, *cpic.Conn, net.Conn) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		near, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		far, err := l.Accept()
		require.NoError(t, err)
		served := make(chan *cpic.Conn, 1)
		go func() {
			s, err := cpic.Accept(context.Background(), far, acceptConfig())
			if err != nil {
				t.Error(err)
			}
			served <- s
		}()
		c, err := cpic.Open(t.Context(), near, clientConfig)
		require.NoError(t, err)
		s := <-served
		t.Cleanup(func() { c.Abort(); s.Abort() })
		return c, s, far
	}
	beginUntil := func(t *testing.T, c *cpic.Conn) error {
		t.Helper()
		for {
			err := c.Begin(t.Context())
			if err != nil {
				return err
			}
			require.NoError(t, c.End(nil))
			runtime.Gosched()
		}
	}
	t.Run("arrived while idle", func(t *testing.T) {
		t.Parallel()
		c, _, far := overTCP(t)
		require.NoError(t, c.Begin(t.Context()), "quiet so far")
		require.NoError(t, c.End(nil))
		require.Equal(t, "127.0.0.1", c.LocalAddr().(*net.TCPAddr).IP.String())
		h, body := replyTo("answer", true)
		_, err := far.Write(ni.AppendRecord(nil, append(headerBytes(h), body...)))
		require.NoError(t, err)
		require.ErrorContains(t, beginUntil(t, c), "silence between calls")
		require.Zero(t, c.BytesSent())
	})
	t.Run("Idle", func(t *testing.T) {
		t.Parallel()
		idleUntil := func(c *cpic.Conn) error {
			for {
				if err := c.Idle(); err != nil {
					return err
				}
				runtime.Gosched()
			}
		}
		c, _, far := overTCP(t)
		require.NoError(t, c.Idle())
		require.NoError(t, c.Begin(t.Context()))
		require.ErrorIs(t, c.Idle(), net.ErrClosed, "not during an exchange")
		require.NoError(t, c.End(nil))
		require.NoError(t, c.Idle())
		_, err := far.Write(ni.AppendRecord(nil, []byte("x")))
		require.NoError(t, err)
		require.ErrorContains(t, idleUntil(c), "silence between calls")
		require.ErrorIs(t, c.Idle(), net.ErrClosed)
		require.False(t, c.Usable())

		c, s, _ := overTCP(t)
		require.NoError(t, s.Close())
		require.ErrorIs(t, idleUntil(c), io.ErrUnexpectedEOF)
		require.False(t, c.Usable())
		require.ErrorIs(t, c.Begin(t.Context()), net.ErrClosed)
	})
	t.Run("peer left while idle", func(t *testing.T) {
		t.Parallel()
		c, s, _ := overTCP(t)
		require.NoError(t, s.Close())
		require.ErrorIs(t, beginUntil(t, c), io.ErrUnexpectedEOF)
		require.Zero(t, c.BytesSent(), "proof that nothing of the call left")
		require.False(t, c.Usable())
	})
}

func TestContextEndsAnExchange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("why")
		l := connect(t, clientConfig, acceptConfig())
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		err := l.client.Begin(ctx)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, l.client.BytesSent())
		require.True(t, l.client.Usable(), "nothing happened")
		require.Empty(t, l.clientTap.records(t))

		ctx, cancel = context.WithCancelCause(t.Context())
		require.NoError(t, l.client.Begin(ctx))
		require.ErrorIs(t, l.client.Begin(ctx), net.ErrClosed, "one exchange at a time")
		require.NoError(t, l.client.SendLast(message(l.client, []byte("x"))))
		go func() {
			synctest.Wait()
			cancel(why)
		}()
		_, err = receive(l.client)
		err = l.client.End(err)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, l.client.Usable())
		require.NoError(t, l.client.Close())
		require.Len(t, l.clientTap.records(t), 1, "no farewell on a dead conversation")
	})
}

func TestF23SilentGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := netfault.Pipe()
		defer b.Close()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := cpic.Open(ctx, a, clientConfig)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))
		var setup *cpic.SetupError
		require.ErrorAs(t, err, &setup)
		require.Equal(t, "ni", setup.Step)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed, "the socket is given back")
	})
}

func TestF22AnotherProtocol(t *testing.T) {
	t.Parallel()
	for name, bytes := range map[string]string{
		"HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "TLS alert": "\x15\x03\x03\x00\x02\x02\x46", "SSH": "SSH-2.0-OpenSSH_9.6\r\n",
		"SMTP": "220 mail ESMTP\r\n", "a record of garbage": "\x00\x00\x00\x04\xde\xad\xbe\xef",
	} {
		a, b := netfault.Pipe()
		_, err := b.Write([]byte(bytes))
		require.NoError(t, err)
		_, err = cpic.Open(t.Context(), a, clientConfig)
		require.ErrorContains(t, err, "is this port 33NN of an SAP gateway?", name)
		if speaks := map[string]string{"HTTP": "HTTP", "TLS alert": "TLS", "SSH": "SSH", "SMTP": "SMTP or FTP"}[name]; speaks != "" {
			require.ErrorContains(t, err, "the peer speaks "+speaks, name)
		}
		if name == "HTTP" || name == "TLS alert" {
			require.ErrorContains(t, err, "jco.client.wshost", name)
		}
		var w *wire.Error
		require.ErrorAs(t, err, &w)
		shown := bytes[:min(len(bytes), 16)]
		if name == "a record of garbage" {
			shown = bytes[4:]
		}
		var hexed []string
		for i := range len(shown) {
			hexed = append(hexed, hex.EncodeToString([]byte{shown[i]}))
		}
		require.ErrorContains(t, err, strings.Join(hexed, " "), name)
	}
	// A connection that is closed at once is no protocol.
	a, b := netfault.Pipe()
	require.NoError(t, b.Close())
	_, err := cpic.Open(t.Context(), a, clientConfig)
	require.Error(t, err)
}

func TestRefusedSetUps(t *testing.T) {
	t.Parallel()
	code := func(off int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[off] = v; return b }
	}
	for name, tc := range map[string]struct {
		step int
		edit func([]byte) []byte
		text string
		is   error
	}{
		"F-24 gateway full":             {0, code(61, 236), "gateway: cpic gateway: too many conversations (cmRc=0 thRc=236)", nil},
		"gateway of another type":       {0, code(1, 7), "request_type", wire.ErrMalformed},
		"gateway without init options":  {0, code(55, 0x3b), "EXTINITOPT", wire.ErrMalformed},
		"gateway of APPC version 5":     {0, code(54, 5), "appc_header_version", wire.ErrMalformed},
		"gateway record cut":            {0, func(b []byte) []byte { return b[:63] }, "truncated", wire.ErrTruncated},
		"F-25 initialize, cpic code":    {1, code(35, 2), "cpic initialize: CM_ALLOCATE_FAILURE_RETRY (2) (cmRc=2 thRc=0)", nil},
		"F-25 initialize, gateway code": {1, func(b []byte) []byte { b[38], b[39] = 0x02, 0xa7; return b }, "program not registered (cmRc=0 thRc=679)", nil},
		"initialize ended":              {1, code(35, 18), "CM_NO_DATA_RECEIVED", nil},
		"F-26 id missing":               {1, func(b []byte) []byte { copy(b[40:], "        "); return b }, "conversation_id", wire.ErrMalformed},
		"F-26 id of NULs":               {1, func(b []byte) []byte { clear(b[40:48]); return b }, "conversation_id", wire.ErrMalformed},
		"B-97 id is not ASCII":          {1, code(44, 0xe4), "conversation_id", wire.ErrMalformed},
		"other communication index":     {1, code(77, 9), "comm_index", wire.ErrMalformed},
		"parameters in the answer":      {1, func(b []byte) []byte { return append(b, 0) }, "1 bytes", wire.ErrMalformed},
		"allocate for initialize":       {1, code(1, 5), "F_ALLOCATE", wire.ErrMalformed},
		"allocate, other id":            {2, code(40, '9'), "conversation_id", wire.ErrMalformed},
		"allocate, other conn index":    {2, code(79, 9), "conn_index", wire.ErrMalformed},
		"allocate refused":              {2, code(35, 1), "cpic allocate: CM_ALLOCATE_FAILURE_NO_RETRY (1)", nil},
		"B-98 set-up answered by data":  {2, code(1, 0xcb), "F_SAP_SEND", wire.ErrMalformed},
		"bare error text":               {1, func([]byte) []byte { return []byte("*ERR*\x001\x00hostname unknown\x00-2\x00") }, "hostname unknown", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := openScripted(t, func(step int, b []byte) []byte {
				if step == tc.step {
					return tc.edit(b)
				}
				return b
			})
			require.ErrorContains(t, err, tc.text)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			var e *cpic.Error
			if errors.As(err, &e) {
				require.Equal(t, strings.HasPrefix(name, "F-24"), e.Exhausted())
			}
		})
	}
}

// TestSetUpWithPings: control records and APPC pings may stand anywhere.
func TestSetUpWithPings(t *testing.T) {
	t.Parallel()
	ping := func(info uint8) []byte {
		return headerBytes(cpic.Header{Version: 6, Function: cpic.SAPPing, Protocol: 2, Info: info})
	}
	a, b := netfault.Pipe()
	s := script{t, b}
	done := make(chan error, 1)
	go func() {
		c, err := cpic.Open(context.Background(), a, clientConfig)
		if err == nil {
			err = c.Close()
		}
		done <- err
	}()
	pong := func() { require.Equal(t, "NI_PONG\x00", string(s.next())) }
	hello := s.next()
	copy(hello[20:], "4103")
	s.send([]byte("NI_PING\x00"), nil, hello)
	pong()
	init := s.next()[:80]
	copy(init[40:], "75568442")
	init[78], init[79] = 0, 1
	s.send(ping(0), ping(1), []byte("NI_PING\x00"), init)
	mirrored, _ := s.header()
	require.Equal(t, cpic.SAPPing, mirrored.Function, "only the ping that expects an answer is mirrored")
	require.EqualValues(t, 0xffff, mirrored.CommIndex)
	pong()
	s.next()
	alloc := s.next()
	alloc[76], alloc[77] = 0, 0
	s.send([]byte("NI_PING\x00"), alloc)
	pong()
	bye, _ := s.header()
	require.Equal(t, cpic.Deallocate, bye.Function)
	require.NoError(t, <-done)
}

func TestCloseSaysFarewellOnce(t *testing.T) {
	t.Parallel()
	l := connect(t, clientConfig, acceptConfig())
	require.NoError(t, l.client.Close())
	require.NoError(t, l.client.Close())
	l.client.Abort()
	require.Equal(t, []string{"0b:0"}, sequence(t, l.clientTap.records(t)))
	require.False(t, l.client.Usable())
	require.ErrorIs(t, l.client.Begin(t.Context()), net.ErrClosed)
	_, _, err := l.server.Receive()
	require.Equal(t, io.EOF, err)
	require.False(t, l.server.Usable())
	require.NoError(t, l.server.Close())
	require.Empty(t, l.serverTap.records(t), "F_DEALLOCATE is not answered")
}

func TestCloseDuringAnExchange(t *testing.T) {
	t.Parallel()
	l := connect(t, clientConfig, acceptConfig())
	require.NoError(t, l.client.Begin(t.Context()))
	require.NoError(t, l.client.SendLast(message(l.client, []byte("x"))))
	done := make(chan error, 1)
	go func() {
		_, err := receive(l.client)
		done <- l.client.End(err)
	}()
	require.NoError(t, l.client.Close())
	require.ErrorIs(t, <-done, net.ErrClosed)
	require.Len(t, l.clientTap.records(t), 1)
}

func TestWriteFailsHalfway(t *testing.T) {
	t.Parallel()
	for _, sent := range []int64{1, 50, 90, 30_000} {
		a, b := netfault.PipeSize(1 << 20)
		faulty := netfault.New(a, netfault.Faults{CutWriteAfter: 68 + 457 + 228 + 84 + sent})
		go func() { _, _ = cpic.Accept(context.Background(), b, acceptConfig()) }()
		c, err := cpic.Open(t.Context(), faulty, clientConfig)
		require.NoError(t, err)
		require.NoError(t, c.Begin(t.Context()))
		err = c.SendLast(message(c, data(100_000)))
		require.Error(t, c.End(err))
		require.Equal(t, sent, c.BytesSent())
		require.False(t, c.Usable())
		require.NoError(t, c.Close())
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (link, func(), chan error) {
		t.Cleanup(func() { <-time.After(time.Minute) }) // until the watchdog rests
		l := connect(t, clientConfig, acceptConfig())
		require.NoError(t, l.server.SetIdleLimit(time.Minute))
		require.NoError(t, l.client.SendLast(message(l.client, []byte("call"))))
		_, err := receive(l.server)
		require.NoError(t, err)
		gone := make(chan error, 2)
		return l, l.server.Watch(func(err error) { gone <- err }), gone
	}
	t.Run("the client leaves", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l, stop, gone := start(t)
			l.client.Abort()
			require.Equal(t, io.EOF, <-gone)
			stop()
			require.Empty(t, gone, "once")
		})
	})
	t.Run("the client speaks out of turn, and nothing is lost", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l, stop, gone := start(t)
			_, err := l.clientTap.Conn.Write(ni.AppendRecord(nil, l.clientTap.records(t)[0]))
			require.NoError(t, err)
			require.ErrorContains(t, <-gone, "silence while the call runs")
			stop()
			got, err := receive(l.server)
			require.NoError(t, err)
			require.Equal(t, "call", string(got))
		})
	})
	t.Run("pings are answered, the idle limit rests", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l, stop, gone := start(t)
			for range 5 {
				<-time.After(time.Hour)
				require.NoError(t, l.clientTap.SetWriteDeadline(time.Time{}))
				_, err := l.clientTap.Conn.Write(ni.AppendRecord(nil, []byte("NI_PING\x00")))
				require.NoError(t, err)
				synctest.Wait()
			}
			require.Empty(t, gone)
			stop()
			require.Len(t, l.serverTap.records(t), 5)
			require.NoError(t, l.server.SendLast(message(l.server, []byte("reply"))))
			got, err := receive(l.client)
			require.NoError(t, err)
			require.Equal(t, "reply", string(got))
		})
	})
	t.Run("stop inside a record loses nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l, stop, gone := start(t)
			rec := ni.AppendRecord(nil, l.clientTap.records(t)[0])
			_, err := l.clientTap.Conn.Write(rec[:50])
			require.NoError(t, err)
			<-time.After(time.Second)
			stop()
			require.Empty(t, gone)
			_, err = l.clientTap.Conn.Write(rec[50:])
			require.NoError(t, err)
			got, err := receive(l.server)
			require.NoError(t, err)
			require.Equal(t, "call", string(got))
		})
	})
	t.Run("many quick handlers", func(t *testing.T) {
		t.Parallel()
		l := connect(t, clientConfig, acceptConfig())
		for i := range 300 {
			require.NoError(t, l.client.SendLast(message(l.client, []byte("call"))))
			_, err := receive(l.server)
			require.NoError(t, err)
			stop := l.server.Watch(func(err error) { t.Error(err) })
			if i%100 == 0 { // long enough for the watch to start
				<-time.After(30 * time.Millisecond)
			}
			stop()
			require.NoError(t, l.server.SendLast(message(l.server, []byte("reply"))))
			_, err = receive(l.client)
			require.NoError(t, err)
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	l := connect(b, clientConfig, acceptConfig())
	reply := message(l.server, data(1276))
	go func() {
		for {
			if _, err := receive(l.server); err != nil {
				return
			}
			if l.server.SendLast(reply) != nil {
				return
			}
		}
	}()
	request := message(l.client, data(648))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := l.client.Begin(ctx); err != nil {
			b.Fatal(err)
		}
		err := l.client.SendLast(request)
		for last := false; err == nil && !last; {
			_, last, err = l.client.Receive()
		}
		if err := l.client.End(err); err != nil {
			b.Fatal(err)
		}
	}
}

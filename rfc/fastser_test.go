package rfc_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/rfc"
)

// fastItem is item 5001 as an ABAP caller writes it: the listed names, then values.
func fastItem(t testing.TB, listed []string, params ...fastser.Parameter) []byte {
	t.Helper()
	b := fastser.Body{
		Header: fastser.Header{Version: 2, Understood: 3, Substitute: '#', Options: fastser.Plain | fastser.LZ4},
		Listed: listed, Parameters: params,
	}
	out, err := b.AppendBinary(nil)
	require.NoError(t, err)
	return chain.Append(nil, chain.FastSerialization, out)
}

func fastValue(name string, c fastser.TypeCode, width uint16, m fastser.Marker, data string) fastser.Parameter {
	return fastser.Parameter{
		Name: name, TypeName: `\TYPE=X`, Fields: []fastser.Field{{Code: c, Width: width, Name: fastser.ScalarField}},
		Values: []fastser.Value{{Marker: m, Data: []byte(data)}},
	}
}

// unknownFast is a container whose body begins with a letter that nobody has seen there.
var unknownFast = chain.Append(nil, chain.FastSerialization, []byte("$H\x02\x03\x00\x41\x03\x00#\x00\x40\x20\x00\x00P"))

// rewriting replaces the requests of a client.
type rewriting struct {
	rfc.Conversation
	request func(original []byte) []byte
}

func (r *rewriting) SendLast(buf []byte) error {
	head := r.Headroom()
	if out := r.request(buf[head:]); out != nil {
		buf = append(buf[:head:head], out...)
	}
	return r.Conversation.SendLast(buf)
}

// fastClient logs on to a host with module Z_TEST and gives a function that sends requests
// of its own making in place of the library's.
func fastClient(t *testing.T, handler rfc.HandlerFunc) func(function string, request ...[]byte) (*rfc.Response, error) {
	t.Helper()
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(zTest, handler))
	a, b := netfault.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { serveFast(t, b, mux) })
	conv, err := cpic.Open(t.Context(), a, cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
	require.NoError(t, err)
	var items []byte
	re := &rewriting{Conversation: conv, request: func(original []byte) []byte {
		if items == nil {
			return nil
		}
		return end(empty(chain.Call), textItem(chain.CallerRelease, "758"), items)
	}}
	c, err := rfc.Open(t.Context(), re, rfc.ConnConfig{Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret"}, Functions: mux})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		wg.Wait()
	})
	return func(function string, request ...[]byte) (*rfc.Response, error) {
		items = cat(textItem(chain.FunctionName, function), empty(chain.Parameters), cat(request...))
		return c.Call(t.Context(), "Z_TEST", nil)
	}
}

func serveFast(t *testing.T, nc net.Conn, mux *rfc.Mux) {
	conv, err := cpic.Accept(context.Background(), nc, cpic.AcceptConfig{
		Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil },
	})
	if err != nil {
		t.Errorf("host: %v", err)
		return
	}
	_ = rfc.Serve(context.Background(), conv, &rfc.SessionConfig{Handler: mux, Authenticate: func(context.Context, *rfc.Peer) error { return nil }})
}

func TestFastRequestIsServedClassic(t *testing.T) {
	t.Parallel()
	call := fastClient(t, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		var in struct {
			Text    string `rfc:"TEXT"`
			Counter int32  `rfc:"COUNTER"`
			T       []zRow `rfc:"T"`
		}
		if err := req.Scan(&in); err != nil {
			return err
		}
		if !req.Requested("ECHO") || !req.Requested("COUNTER") || req.Requested("LONG") || !req.Supplied("T") {
			t.Errorf("requested and supplied do not follow the list of the container")
		}
		reply.Set(rfc.Params{"ECHO": in.Text, "COUNTER": in.Counter + 1, "LONG": "not wanted"})
		return nil
	})
	for range 2 {
		res, err := call("Z_TEST", fastItem(t, []string{"TEXT", "ECHO", "COUNTER", "T"},
			fastValue("TEXT", fastser.Char, 12, fastser.Cut, "Sample"), fastValue("COUNTER", fastser.Int4, 0, fastser.Number, "\x00\x01\x00\x00"),
			fastser.Parameter{Name: "T", Table: true, TypeName: `\TYPE=%_T00004S00000000O0000037072`}))
		require.NoError(t, err)
		v, err := res.Values()
		require.NoError(t, err)
		require.Equal(t, "Sample", v["ECHO"])
		require.Equal(t, int32(257), v["COUNTER"])
		require.False(t, res.Has("LONG"))
	}
	// A ping carries a container too; what is in it does not matter.
	for _, it := range [][]byte{fastItem(t, nil), unknownFast, chain.Append(nil, chain.FastSerialization, nil)} {
		_, err := call("RFC_PING", it)
		require.NoError(t, err)
	}
}

func TestFastRequestThatCannotBeReadIsASystemFailure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		item []byte
		text string
	}{
		"unknown marker": {unknownFast, "fast serialization not supported; set the serializer of the destination to classic: fastser body: field marker at offset 14: not supported in fast serialization: want T, Q or E, got 50 'P'"},
		"value would be cut": {
			fastItem(t, nil, fastValue("TEXT", fastser.Char, 60, fastser.Cut, "12345678901")),
			"TEXT: CHAR(10): 11 characters, at most 10",
		},
		"another type": {
			fastItem(t, nil, fastValue("COUNTER", fastser.Char, 60, fastser.Cut, "1")),
			"COUNTER: description does not match the data: want INT, got CHAR(30)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := fastClient(t, func(context.Context, *rfc.Request, *rfc.Reply) error {
				t.Error("the handler ran")
				return nil
			})
			_, err := call("Z_TEST", tc.item)
			e := rfcError(t, err, rfc.ClassABAPRuntime, rfc.Executed)
			require.Equal(t, "CALL_FUNCTION_ILLEGAL_P_TYPE", e.Key)
			require.Contains(t, e.Message, tc.text)
			require.True(t, e.Remote)
			require.True(t, e.Closed, "a system failure ends the conversation, as a short dump does")
		})
	}
}

func TestFastRequestThatIsDamagedEndsTheSession(t *testing.T) {
	t.Parallel()
	damaged := fastItem(t, nil, fastValue("TEXT", fastser.Char, 60, fastser.Cut, "1234"))
	damaged[4+fastser.HeaderLen+1]++ // the raw length of the frame
	for name, it := range map[string][]byte{
		"LZ4":        damaged,
		"no header":  chain.Append(nil, chain.FastSerialization, nil),
		"cut":        chain.Append(nil, chain.FastSerialization, bytes.TrimSuffix(unknownFast[4:len(unknownFast)-2], []byte("P"))),
		"4 GiB":      chain.Append(nil, chain.FastSerialization, []byte("$H\x02\x03\x00\x41\x03\x00#\x00\x40\x60\x00\x004\xff\xff\xff\xff\x01\x00\x00\x00\x00")),
		"twice TEXT": fastItem(t, nil, fastValue("TEXT", fastser.Char, 60, fastser.Cut, "1"), fastValue("TEXT", fastser.Char, 60, fastser.Cut, "1")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := fastClient(t, func(context.Context, *rfc.Request, *rfc.Reply) error {
				t.Error("the handler ran")
				return nil
			})
			_, err := call("Z_TEST", it)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, rfc.ClassCommunication, e.Class, "%v", err)
		})
	}
}

func TestFastReply(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]rfc.Option{nil, {rfc.Stream("T")}} {
		c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
			p.receive()
			p.send(p.reply(fastItem(t, nil, fastValue("ECHO", fastser.Char, 20, fastser.Cut, "hello"), fastValue("LONG", fastser.Text, 0, fastser.String, "text"),
				fastser.Parameter{Name: "T", Table: true, TypeName: "T"})))
			p.receive()
			p.send(p.reply(unknownFast, echo))
			p.silence()
		})
		res, err := zCall(t.Context(), c, nil, opts...)
		require.NoError(t, err)
		for _, err := range rfc.Rows[zRow](res, "T") {
			t.Errorf("a row, %v", err)
		}
		v, err := res.Values()
		require.NoError(t, err)
		require.Equal(t, "hello", v["ECHO"])
		require.Equal(t, "text", v["LONG"])

		_, err = zCall(t.Context(), c, nil, opts...)
		e := rfcError(t, err, rfc.ClassUnsupported, rfc.Executed)
		require.ErrorContains(t, e, "fast serialization not supported; the partner answered in it although it was not offered: fastser body: field marker at offset 14")
		requireDead(t, c)
	}
}

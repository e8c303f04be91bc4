package rfc_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
)

// over serves one client on a real socket and gives both ends of it.
func over(t *testing.T, mux *rfc.Mux, password rfc.Secret) (*rfc.Conn, net.Conn, *gateway.Server, error) {
	t.Helper()
	srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	far := make(chan net.Conn, 1)
	go func() {
		nc, err := l.Accept()
		if err == nil {
			far <- nc
			srv.ServeConn(context.Background(), nc)
		}
	}()
	t.Cleanup(func() { _, _ = l.Close(), srv.Close() })
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	conv, err := cpic.Open(t.Context(), nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
	require.NoError(t, err)
	conn, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{
		Logon: rfc.Logon{Client: "001", User: "Developer", Password: password, Language: "E"}, Functions: mux,
	})
	return conn, <-far, srv, err
}

func TestF50DeadIdleConnectionIsFoundBeforeAByteLeaves(t *testing.T) {
	t.Parallel()
	conn, far, _, err := over(t, echoMux(t), "secret")
	require.NoError(t, err)
	require.NoError(t, far.Close())
	_, err = rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{Text: "x"})
	require.ErrorIs(t, err, rfc.ErrCommunication)
	require.True(t, rfc.SafeToRetry(err), "%+v", err)
	require.False(t, conn.Alive())
}

func TestF65BytesThatArriveWhileIdleCondemnTheConnection(t *testing.T) {
	t.Parallel()
	conn, far, _, err := over(t, echoMux(t), "secret")
	require.NoError(t, err)
	_, err = far.Write(ni.AppendRecord(nil, make([]byte, cpic.HeaderLength)))
	require.NoError(t, err)
	_, err = rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{Text: "x"})
	require.ErrorIs(t, err, rfc.ErrProtocol)
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.False(t, conn.Alive())
}

// Idle finds the same without a call, and closes what must not be used.
func TestIdleLooksWithoutWaiting(t *testing.T) {
	t.Parallel()
	connect := func(t *testing.T) (*rfc.Conn, net.Conn) {
		conn, far, _, err := over(t, echoMux(t), "secret")
		require.NoError(t, err)
		require.NoError(t, conn.Idle())
		_, err = rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{Text: "x"})
		require.NoError(t, err, "a look takes nothing away")
		require.NoError(t, conn.Idle())
		return conn, far
	}
	for _, tc := range []struct {
		id    string
		event func(t *testing.T, far net.Conn)
		want  error
	}{
		{"F-50", func(t *testing.T, far net.Conn) { require.NoError(t, far.Close()) }, rfc.ErrCommunication},
		{"F-50 reset", func(t *testing.T, far net.Conn) {
			require.NoError(t, far.(*net.TCPConn).SetLinger(0))
			require.NoError(t, far.Close())
		}, rfc.ErrCommunication},
		{"F-65", func(t *testing.T, far net.Conn) {
			_, err := far.Write(ni.AppendRecord(nil, make([]byte, cpic.HeaderLength)))
			require.NoError(t, err)
		}, rfc.ErrProtocol},
		{"F-65 half a record", func(t *testing.T, far net.Conn) {
			_, err := far.Write([]byte{0})
			require.NoError(t, err)
		}, rfc.ErrProtocol},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			conn, far := connect(t)
			tc.event(t, far)
			err := conn.Idle()
			for ; err == nil; err = conn.Idle() {
				runtime.Gosched() // it is on its way
			}
			require.ErrorIs(t, err, tc.want)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, rfc.NotSent, e.Outcome)
			require.NotEmpty(t, e.Address)
			require.False(t, conn.Alive())
			require.False(t, conn.Busy())
			require.ErrorIs(t, conn.Idle(), rfc.ErrClosed)
		})
	}
	t.Run("ping", func(t *testing.T) { // NI pings are served and are no words out of turn
		t.Parallel()
		conn, far := connect(t)
		_, err := far.Write(ni.AppendRecord(nil, []byte("NI_PING\x00")))
		require.NoError(t, err)
		require.NoError(t, conn.Idle())
		require.NoError(t, conn.Ping(t.Context()))
	})
	t.Run("busy", func(t *testing.T) {
		t.Parallel()
		c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
			for p.receive() != nil {
				p.send(p.reply(group("T", 20_000)))
			}
		})
		res, err := zCall(t.Context(), c, nil, rfc.Stream("T"))
		require.NoError(t, err)
		require.ErrorIs(t, c.Idle(), rfc.ErrBusy)
		require.Equal(t, 20_000, countRows(t, res, "T"))
		require.NoError(t, c.Idle())
	})
	t.Run("abort", func(t *testing.T) {
		t.Parallel()
		called := make(chan struct{})
		c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
			p.receive()
			close(called)
			p.silence()
		})
		go func() {
			<-called
			c.Abort()
			c.Abort()
		}()
		_, err := zCall(t.Context(), c, nil)
		require.ErrorIs(t, err, rfc.ErrCommunication)
		require.False(t, c.Alive())
		require.ErrorIs(t, c.Idle(), rfc.ErrClosed)
	})
}

// A wrong password is an error of class Logon, is not repeated, and is never safe to repeat.
func TestF40F41RefusedLogonIsTriedOnce(t *testing.T) {
	t.Parallel()
	_, _, srv, err := over(t, echoMux(t), "wrong")
	require.ErrorIs(t, err, rfc.ErrLogon)
	require.ErrorContains(t, err, "Name or password is incorrect (repeat logon)")
	require.False(t, rfc.SafeToRetry(err))
	require.EqualValues(t, 1, srv.Stats().Failed)
	require.EqualValues(t, 0, srv.Stats().Logons)
}

func TestF45UnknownFunctionLeavesTheConnection(t *testing.T) {
	t.Parallel()
	conn := open(t, echoMux(t), rfc.ConnConfig{})
	_, err := conn.Call(t.Context(), "Z_NONE", nil)
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.Equal(t, rfc.StepMetadata, e.Step)
	require.NoError(t, conn.Ping(t.Context()))
}

func TestB62EndedContextCausesNoTraffic(t *testing.T) {
	t.Parallel()
	conn := open(t, echoMux(t), rfc.ConnConfig{})
	before, _, _ := conn.Traffic()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := rfc.Call[echoOut](ctx, conn, "STFC_CONNECTION", echoIn{Text: "x"})
	require.ErrorIs(t, err, context.Canceled)
	after, _, _ := conn.Traffic()
	require.Equal(t, before, after)
}

func TestA15A16AttributesAfterLogon(t *testing.T) {
	t.Parallel()
	conn := open(t, echoMux(t), rfc.ConnConfig{Host: "titan", Program: "tester", Destination: "GOR_001"})
	a, err := conn.Attributes()
	require.NoError(t, err)
	require.Equal(t, "001", a.Client)
	require.Equal(t, "DEVELOPER", a.User)
	require.Equal(t, "EN", a.ISOLanguage)
	require.Equal(t, "titan", a.Host)
	require.Equal(t, "C", a.Role)
	require.Equal(t, "GOR_001", a.Destination)
	require.Equal(t, "3", a.PartnerType)
	require.Equal(t, 2, a.PartnerBytesPerChar)
	require.Len(t, a.ConversationID, 8)
}

// Requests never hold item 0306, which makes real systems drop the conversation, and numbers
// and bytes stand in them as captured peers write them.
func TestB21C21H006ItemsOfARequest(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("LINE", "N:I B:X4")
	require.NoError(t, d.Err())
	f, err := d.Function("Z_ITEMS", "IMPORTING N:I\nIMPORTING B:X4\nTABLES T:[LINE] OPTIONAL")
	require.NoError(t, err)
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error { return nil }))
	recorded := &frames{}
	tapped := tap(t, mux, recorded)
	in := rfc.Params{"N": 65536, "B": []byte{0xde, 0xad}, "T": []rfc.Params{{"N": 1}, {"N": 2}}}
	_, err = tapped.Call(t.Context(), "Z_ITEMS", in)
	require.NoError(t, err)
	request := recorded.lastRequest()
	values := map[chain.Tag][][]byte{}
	r := chain.NewBytesReader(request[cpic.HeaderLength:], chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			break
		}
		values[it.Tag] = append(values[it.Tag], it.Value)
	}
	require.Empty(t, values[chain.TableBlockEnd])
	require.Len(t, values[chain.TableRow], 2)
	require.Equal(t, [][]byte{{0xde, 0xad, 0, 0}, {0, 0, 1, 0}}, values[chain.ParameterValue])
}

// frames keeps what a tapped connection sent and received.
type frames struct{ list []capture.Frame }

func (f *frames) Write(x capture.Frame) error { f.list = append(f.list, x); return nil }
func (f *frames) Close() error                { return nil }

func (f *frames) lastRequest() (payload []byte) {
	for _, x := range f.list {
		if x.Direction == capture.ClientToServer {
			payload = x.Payload
		}
	}
	return payload
}

func tap(t *testing.T, mux *rfc.Mux, w capture.Writer) *rfc.Conn {
	t.Helper()
	srv := &gateway.Server{Handler: mux, AllowAnonymous: true}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	conv, err := cpic.Open(t.Context(), capture.Tap(nc, w, capture.TapConfig{}), cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
	require.NoError(t, err)
	conn, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{Functions: mux})
	require.NoError(t, err)
	return conn
}

// Foreign error texts reach the caller whole, and its terminal harmless and short.
func TestB119B120ErrorTextsOfAHostilePeer(t *testing.T) {
	t.Parallel()
	long := "\x1b[31mred\x1b[0m " + strings.Repeat("x", 100_000)
	for name, reply := range map[string][]byte{
		"key with controls":   end(empty(chain.Reply), textItem(chain.ExceptionKey, "BAD\x1b[2J\x07KEY"), textItem(chain.ErrorText, long)),
		"number is no number": end(empty(chain.Reply), textItem(chain.MessageClass, "SR"), textItem(chain.MessageType, "E"), textItem(chain.MessageNumber, "\x00ab"), textItem(chain.ExceptionKey, "KEY")),
		"odd bytes":           end(empty(chain.Reply), byteItem(chain.RuntimeErrorID, "DUMP\xff"), byteItem(chain.ErrorText, long)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
				p.receive()
				p.send(reply)
				p.silence()
			})
			_, err := zCall(t.Context(), c, nil)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.True(t, e.Remote)
			require.Equal(t, rfc.Executed, e.Outcome)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
				require.True(t, utf8.ValidString(text))
				require.Less(t, len(text), 4096)
				require.NotContains(t, text, "\x1b")
				require.NotContains(t, text, "\x07")
			}
			if name == "key with controls" {
				require.Len(t, e.Message, len(long), "the whole text is there for who asks")
			}
		})
	}
}

// An exception reply without a key, a text or a complete message is not a success.
func TestB119ExceptionWithoutAKey(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		p.send(end(empty(chain.Reply), textItem(chain.MessageNumber, "000")))
		p.silence()
	})
	_, err := zCall(t.Context(), c, nil)
	require.ErrorIs(t, err, rfc.ErrProtocol)
	require.False(t, c.Alive())
}

// A description is shared by everybody who calls; nothing a call does changes it.
func TestB85SharedDescriptionUnderConcurrentCalls(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	_, dial := serve(t, mux)
	var wg sync.WaitGroup
	for range 4 {
		conn := dial(t, rfc.ConnConfig{})
		wg.Go(func() {
			for i := range 50 {
				opts := []rfc.Option{}
				if i%2 == 0 {
					opts = append(opts, rfc.NotRequested("RESPTEXT"))
				}
				out, err := rfc.Call[rfc.Params](t.Context(), conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"}, opts...)
				if err != nil || out["ECHOTEXT"] != "x" || (i%2 == 0) != (out["RESPTEXT"] == nil) {
					t.Error(out, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestB84CallAfterClose(t *testing.T) {
	t.Parallel()
	srv, dial := serve(t, echoMux(t))
	conn := dial(t, rfc.ConnConfig{})
	require.NoError(t, conn.Close())
	_, err := rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{})
	require.ErrorIs(t, err, rfc.ErrClosed)
	require.ErrorIs(t, err, rfc.ErrState)
	require.NoError(t, srv.Close())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, srv.Serve(l), gateway.ErrServerClosed)
}

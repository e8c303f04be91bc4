package fuzz_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// table is a conversation without a network: what one side sends is kept, what it receives
// is given. It is a Conversation and a ServerConversation.
type table struct {
	in       [][]byte // messages to receive
	piece    int      // bytes per fragment
	at       int
	out      [][]byte
	closed   bool
	midReply bool
}

const room = 84

func (c *table) Headroom() int               { return room }
func (c *table) Begin(context.Context) error { return nil }
func (c *table) End(err error) error         { return err }
func (c *table) Send([]byte) (int, error)    { return 0, nil }
func (c *table) SendLast(b []byte) error {
	c.out = append(c.out, append([]byte{}, b[room:]...))
	return nil
}
func (c *table) SendEnd(b []byte) error { c.closed = true; return c.SendLast(b) }
func (c *table) Receive() ([]byte, bool, error) {
	if len(c.in) == 0 {
		return nil, false, io.EOF
	}
	rest := c.in[0][c.at:]
	if c.piece <= 0 || len(rest) <= c.piece {
		c.in, c.at = c.in[1:], 0
		c.midReply = false
		return rest, true, nil
	}
	c.at += c.piece
	c.midReply = true
	return rest[:c.piece], false, nil
}
func (c *table) BytesSent() int64        { return 1 }
func (c *table) Traffic() (int64, int64) { return 0, 0 }
func (c *table) Usable() bool            { return !c.closed && !c.midReply }
func (c *table) ID() string              { return "00000000" }
func (c *table) LocalAddr() net.Addr     { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *table) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
func (c *table) Abort()                           { c.closed = true }
func (c *table) Close() error                     { c.closed = true; return nil }
func (c *table) Watch(func(error)) func()         { return func() {} }
func (c *table) SetIdleLimit(time.Duration) error { return nil }
func (c *table) Release()                         {}
func (c *table) LoggedOn()                        {}
func (c *table) Reject(error)                     {}

func zeros([]byte) {}

// rfcMux serves and describes one function with every kind of parameter; its handler
// sends back what it got, and calls back once.
func rfcMux(t testing.TB, back bool) (*rfc.Mux, *metadata.Function) {
	t.Helper()
	f := serializationFunction(t)
	mux := rfc.NewMux()
	err := mux.Handle(f, func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
		var p rfc.Params
		if err := req.Scan(&p); err != nil {
			return err
		}
		if back {
			_, _ = req.Callback(ctx, f, rfcInput())
		}
		reply.Set(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mux, f
}

// conversation runs a client against our own serving side in memory and returns the
// messages: logon, its answer, call, its answer.
func conversation(t testing.TB, in rfc.Params) (requests, replies [][]byte) {
	t.Helper()
	return conversationOf(t, in, rfc.System{}, rfc.ConnConfig{})
}

// conversationOf is conversation for other parties.
func conversationOf(t testing.TB, in rfc.Params, system rfc.System, own rfc.ConnConfig) (requests, replies [][]byte) {
	t.Helper()
	own.Random, own.AllowNonUnicode = zeros, true
	mux, f := rfcMux(t, false)
	run := func(requests [][]byte) [][]byte {
		server := &table{in: requests}
		cfg := &rfc.SessionConfig{Handler: mux, AllowAnonymous: true, System: system}
		if err := rfc.Serve(context.Background(), server, cfg); err != nil {
			t.Fatal(err)
		}
		return server.out
	}
	for {
		client := &table{in: run(requests)}
		replies = append([][]byte{}, client.in...)
		conn, err := rfc.Open(context.Background(), client, own)
		if err == nil {
			_, err = conn.Call(context.Background(), f.Name, in, rfc.WithInterface(f))
		}
		if err == nil {
			return client.out, replies
		}
		if len(client.out) == len(requests) {
			t.Fatal(err)
		}
		requests = client.out
	}
}

// rfcInput supplies every parameter.
func rfcInput() rfc.Params {
	flat := serialization.Params{"C": "AB", "N": "7", "I": -1}
	deep := serialization.Params{"G": "Grüße <&>", "U": flat, "H": []serialization.Params{flat}}
	return rfc.Params{"A": "x", "B": flat, "C": deep, "G": "text", "T": []rfc.Params{flat, flat}, "V": []rfc.Params{deep}}
}

func rfcSeeds(f *testing.F) (requests, replies [][]byte) {
	f.Helper()
	return conversation(f, rfcInput())
}

// otherParties are conversations in which one side is not Unicode, or big-endian: messages
// of client and server.
func otherParties(f *testing.F) (clients, servers [][][]byte) {
	f.Helper()
	for _, number := range []string{"1100", "8000", "4102"} {
		_, replies := conversationOf(f, rfcInput(), rfc.System{Codepage: number, BigEndian: number == "4102"}, rfc.ConnConfig{})
		own := rfc.ConnConfig{Logon: rfc.Logon{Codepage: number}, BigEndian: number == "4102"}
		if !own.BigEndian {
			own.Logon.PartnerCharSize = 1
		}
		requests, _ := conversationOf(f, rfcInput(), rfc.System{}, own)
		clients, servers = append(clients, requests), append(servers, replies)
	}
	return clients, servers
}

// FuzzRFCReply feeds bytes to a client in place of the answers to its logon and to its
// call: nothing panics, every error is an *rfc.Error with a key and an outcome, and a
// connection that reports an error of the protocol is not used again.
func FuzzRFCReply(f *testing.F) {
	_, replies := rfcSeeds(f)
	accept := replies[0]
	f.Add(accept, replies[1], 0, false)
	f.Add(accept, replies[1], 7, true)
	f.Add(accept, chain.AppendEnd(chain.AppendText(chain.AppendEmpty(nil, chain.Reply), chain.ExceptionKey, "KEY")), 0, false)
	f.Add(chain.AppendEnd(chain.AppendText(chain.AppendEmpty(nil, chain.Reply), chain.ErrorText, "refused")), []byte{}, 0, false)
	f.Add([]byte{0xc6, 0xd9, 0xc5, 0xc5, 0x40, 0xf1}, []byte{}, 0, false)
	requests, _ := rfcSeeds(f)
	f.Add(accept, requests[1], 0, false) // a callback
	_, servers := otherParties(f)
	for _, s := range servers {
		f.Add(s[0], s[1], 0, true)
		f.Add(accept, s[1], 0, false)
	}
	mux, fn := rfcMux(f, false)
	f.Fuzz(func(t *testing.T, logon, reply []byte, piece int, stream bool) {
		conv := &table{in: [][]byte{logon, reply, reply}, piece: min(max(piece, 0), 1<<16)}
		conn, err := rfc.Open(context.Background(), conv, rfc.ConnConfig{Random: zeros, Callbacks: mux, AllowNonUnicode: true, Limits: rfc.Limits{Message: 1 << 20, Callbacks: 4}})
		if err != nil {
			proper(t, err)
			return
		}
		opts := []rfc.Option{rfc.WithInterface(fn)}
		if stream {
			opts = append(opts, rfc.Stream("T"))
		}
		res, err := conn.Call(context.Background(), fn.Name, rfcInput(), opts...)
		if err != nil {
			e := proper(t, err)
			if (e.Class == rfc.ClassProtocol || e.Class == rfc.ClassCommunication) && conn.Alive() {
				t.Fatalf("the connection survived %v", err)
			}
			return
		}
		for _, err := range rfc.Rows[rfc.Params](res, "T") {
			if err != nil {
				proper(t, err)
			}
		}
		if _, err := res.Values(); err != nil {
			proper(t, err)
		}
		_ = res.Program()
		_ = res.Close()
		if conn.Busy() {
			t.Fatal("the connection is busy behind Close")
		}
	})
}

func proper(t *testing.T, err error) *rfc.Error {
	t.Helper()
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok || e.Outcome == 0 || e.Error() == "" {
		t.Fatalf("not a proper error: %#v", err)
	}
	return e
}

// FuzzRFCRequest feeds bytes to a serving side as first and as second message: nothing
// panics, nobody gets in without a password, and whatever is answered is a chain.
func FuzzRFCRequest(f *testing.F) {
	requests, _ := rfcSeeds(f)
	f.Add(requests[0], requests[1], 0, uint8(0))
	f.Add(requests[0], requests[1], 9, uint8(0))
	f.Add(requests[1], requests[0], 0, uint8(0))
	f.Add([]byte("GET / HTTP/1.1"), []byte{}, 0, uint8(0))
	mux, _ := rfcMux(f, true)
	logons := [][]byte{requests[0]}
	clients, _ := otherParties(f)
	for i, c := range clients {
		logons = append(logons, c[0])
		f.Add(c[1], requests[1], 0, uint8(i+1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, piece int, who uint8) {
		good := logons[int(who)%len(logons)]
		for _, open := range []bool{false, true} {
			in := [][]byte{first, second}
			if open {
				in = [][]byte{good, first, second, second}
			}
			conv := &table{in: in, piece: min(max(piece, 0), 1<<16)}
			_ = rfc.Serve(context.Background(), conv, &rfc.SessionConfig{
				Handler: mux, AllowAnonymous: open, Limits: rfc.Limits{Message: 1 << 20},
				Authenticate: func(_ context.Context, who *rfc.Peer) error {
					if open && who.Anonymous {
						return nil
					}
					return errors.New("never")
				},
			})
			if !open && len(conv.out) > 1 {
				t.Fatalf("%d answers without a logon", len(conv.out))
			}
			for _, b := range conv.out {
				r := chain.NewBytesReader(b, chain.Limits{})
				for {
					if _, err := r.Next(); err != nil {
						if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
							t.Fatalf("answer %x: %v", b, err)
						}
						break
					}
				}
			}
		}
	})
}

// FuzzLogonRequest reads a logon, writes what was read and reads it again.
func FuzzLogonRequest(f *testing.F) {
	requests, _ := rfcSeeds(f)
	f.Add(requests[0])
	q, err := rfc.DecodeLogonRequest(requests[0])
	if err != nil {
		f.Fatal(err)
	}
	q.Client, q.User, q.Password, q.HasPassword, q.Address = "001", "DEVELOPER", "Example-Pass1", true, "192.0.2.1"
	for _, s := range []rfc.SenderDescription{q.Sender, {3, 1, 1, 5, 4, 1, 0, 3}, {4, 2, 1, 5, 4, 1, 0, 2}} {
		q.Sender = s
		b, err := q.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := rfc.DecodeLogonRequest(b)
		if err != nil {
			return
		}
		again, err := q.AppendBinary(nil)
		if err != nil {
			return // texts that were read with substitutes, or no code page
		}
		r, err := rfc.DecodeLogonRequest(again)
		if err != nil {
			t.Fatalf("%x: %v", again, err)
		}
		// Whether a ticket was there is kept, the ticket is not.
		if diff := cmp.Diff(q, r, cmpopts.IgnoreUnexported(rfc.LogonRequest{}), cmpopts.IgnoreFields(rfc.LogonRequest{}, "Ticket", "Call")); diff != "" {
			t.Fatal(diff)
		}
		third, err := r.AppendBinary(nil)
		if err != nil || string(third) != string(again) {
			t.Fatalf("%x\n%x %v", again, third, err)
		}
	})
}

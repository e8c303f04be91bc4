package soak_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/wsrfc"
)

// Every call has a number of its own. What belongs to it follows from the number, so that
// both sides can tell whether it came across.

var paddings = [...]string{"", "plain", "Grüße aus Walldorf", "日本語", "emoji 😀 𝄞", strings.Repeat("0123456789", 9), "ends with a dot."}

// words is the text of a call.
func words(id int32) string {
	return strings.TrimRight(fmt.Sprintf("call %d %s", id, paddings[id%int32(len(paddings))]), " ")
}

// essay is a long text of a call.
func essay(id int32) string { return strings.Repeat(words(id)+"|", int(id%61)) }

type echo struct {
	ID     int32  `rfc:"ID"`
	Text   string `rfc:"TEXT,char=120"`
	Long   string `rfc:"LONG"`
	Key    []byte `rfc:"KEY,raw=8"`
	Square int64  `rfc:"SQUARE"`
}

type echoOut struct {
	echo
	User string `rfc:"USER_NAME,char=12"`
}

func echoOf(id int32) echo {
	e := echo{ID: id, Text: words(id), Long: essay(id), Key: make([]byte, 8), Square: int64(id) * int64(id)}
	for i := range e.Key {
		e.Key[i] = byte(id >> (i % 4 * 8))
	}
	return e
}

func (e *echo) equal(other *echo) bool {
	return e.ID == other.ID && e.Text == other.Text && e.Long == other.Long && string(e.Key) == string(other.Key) && e.Square == other.Square
}

// node is a deep structure.
type node struct {
	ID    int32  `rfc:"ID"`
	Text  string `rfc:"TEXT"`
	Items []line `rfc:"ITEMS"`
}

type (
	deep struct {
		ID   int32  `rfc:"ID"`
		Root node   `rfc:"ROOT"`
		More []node `rfc:"MORE"`
	}
	line struct {
		ID   int32  `rfc:"ID"`
		Pos  int32  `rfc:"POS"`
		Text string `rfc:"TEXT,char=40"`
	}
	rowsIn struct {
		ID    int32 `rfc:"ID"`
		Count int32 `rfc:"ROWS"`
	}
	rowsOut struct {
		Lines rfc.Sequence[line] `rfc:"LINES"`
	}
	sendIn struct {
		ID    int32  `rfc:"ID"`
		Lines []line `rfc:"LINES"`
	}
	sendOut struct {
		Count int32 `rfc:"ROWS"`
		Sum   int64 `rfc:"CHECKSUM"`
	}
	numberIn struct {
		ID int32 `rfc:"ID"`
	}
	countOut struct {
		Calls int32 `rfc:"CALLS"`
		Sum   int64 `rfc:"CHECKSUM"`
	}
	answerOut struct {
		Answer string `rfc:"ANSWER"`
	}
)

func lineOf(id, pos int32) line {
	return line{ID: id, Pos: pos, Text: fmt.Sprintf("%s %d/%d", paddings[pos%5], id, pos)}
}

func lines(id, n int32) rfc.Sequence[line] {
	return rfc.Sequence[line]{Count: int(n), Seq: func(yield func(line) bool) {
		for pos := range n {
			if !yield(lineOf(id, pos)) {
				return
			}
		}
	}}
}

func sum(rows []line) (n int32, total int64) {
	for i := range rows {
		total += int64(rows[i].ID)*31 + int64(rows[i].Pos)
	}
	return int32(len(rows)), total
}

func deepOf(id int32) deep {
	tree := func(id int32) node {
		n := node{ID: id, Text: words(id)}
		for pos := range id % 4 {
			n.Items = append(n.Items, lineOf(id, pos))
		}
		return n
	}
	d := deep{ID: id, Root: tree(id)}
	for i := range id % 3 {
		d.More = append(d.More, tree(id+i))
	}
	return d
}

// ledger counts what ran. Calls have numbers from 0 to a limit.
type ledger struct {
	runs      []atomic.Uint32 // in the systems
	callbacks []atomic.Uint32 // in this process
}

// host is a system that is ended and started again.
type host struct {
	t      *testing.T
	ledger *ledger
	road   *road // to classic RFC
	web    *road // to WebSocket RFC
	cert   tls.Certificate
	roots  *x509.CertPool
	users  gateway.Users
	refuse atomic.Int32 // logons that are to be refused
	ends   atomic.Int64

	mu  sync.Mutex // held while it restarts
	sys *rfctest.System
}

func newHost(t *testing.T, l *ledger, users gateway.Users) *host {
	t.Helper()
	cert, roots, err := wsrfc.SelfSigned()
	require.NoError(t, err)
	h := &host{t: t, ledger: l, road: newRoad(t), web: newRoad(t), cert: cert, roots: roots, users: users}
	h.start()
	return h
}

func (h *host) start() {
	sys, err := rfctest.Start(context.Background(), rfctest.Config{
		Users: h.users, User: rfctest.DefaultUser, Password: rfctest.DefaultPassword, WebSocketAddress: rfctest.DefaultAddress,
		Configure: func(s *gateway.Server) {
			s.Authenticate = h.authenticate
			s.WebSocket.TLS = &tls.Config{Certificates: []tls.Certificate{h.cert}, MinVersion: tls.VersionTLS12}
		},
	})
	require.NoError(h.t, err)
	h.register(sys.Mux())
	h.sys = sys
	h.road.lead(sys.Address())
	h.web.lead(sys.WebSocketAddress())
}

// restart ends the system in one of two ways and starts another one.
func (h *host) restart(gently bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.road.lead("")
	h.web.lead("")
	if gently {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_ = h.sys.Shutdown(ctx)
		cancel()
	} else {
		_ = h.sys.Close()
	}
	h.ends.Add(1)
	h.start()
}

func (h *host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.road.close()
	h.web.close()
	require.NoError(h.t, h.sys.Close())
}

var errBadDay = errors.New("not today")

func (h *host) authenticate(ctx context.Context, who *rfc.Peer) error {
	// Not the own user of a destination: for a second everybody would share his fate.
	for n := h.refuse.Load(); n > 0 && who.Logon.User != rfctest.DefaultUser; n = h.refuse.Load() {
		if h.refuse.CompareAndSwap(n, n-1) {
			h.road.refuse(who.Remote)
			h.web.refuse(who.Remote)
			return errBadDay
		}
	}
	users := gateway.Users{rfctest.DefaultUser: rfctest.DefaultPassword}
	maps.Copy(users, h.users)
	return users.Authenticate(ctx, who)
}

// ran counts a call.
func (h *host) ran(id int32) error {
	if id < 0 || int(id) >= len(h.ledger.runs) {
		return rfc.RuntimeFailure("WRONG_NUMBER", fmt.Sprint(id))
	}
	h.ledger.runs[id].Add(1)
	return nil
}

type stateKey struct{}

// register adds the modules of the soak.
func (h *host) register(mux *rfc.Mux) {
	ask := describe[numberIn, answerOut](h.t, "Z_SOAK_ASK")
	add(h, mux, "Z_SOAK_ECHO", func(_ context.Context, req *rfc.Request, in *echo) (*echoOut, error) {
		return &echoOut{*in, req.Session().Peer().Logon.User}, h.ran(in.ID)
	})
	add(h, mux, "Z_SOAK_DEEP", func(_ context.Context, _ *rfc.Request, in *deep) (*deep, error) { return in, h.ran(in.ID) })
	add(h, mux, "Z_SOAK_ROWS", func(_ context.Context, _ *rfc.Request, in *rowsIn) (*rowsOut, error) {
		return &rowsOut{lines(in.ID, in.Count)}, h.ran(in.ID)
	})
	add(h, mux, "Z_SOAK_SEND", func(_ context.Context, _ *rfc.Request, in *sendIn) (*sendOut, error) {
		out := new(sendOut)
		out.Count, out.Sum = sum(in.Lines)
		return out, h.ran(in.ID)
	})
	add(h, mux, "Z_SOAK_ADD", func(_ context.Context, req *rfc.Request, in *numberIn) (*countOut, error) {
		s := req.Session()
		state, _ := s.Get(stateKey{}).(*countOut)
		if state == nil {
			state = new(countOut)
			s.Set(stateKey{}, state)
			s.OnReset(func() { *state = countOut{} })
		}
		state.Calls++
		state.Sum += int64(in.ID)
		out := *state
		return &out, h.ran(in.ID)
	})
	add(h, mux, "Z_SOAK_RAISE", func(_ context.Context, _ *rfc.Request, in *numberIn) (*answerOut, error) {
		if err := h.ran(in.ID); err != nil {
			return nil, err
		}
		v1 := fmt.Sprint(in.ID)
		switch in.ID % 4 {
		case 0:
			return nil, rfc.RaiseException("SOAK_" + v1)
		case 1:
			return nil, rfc.RaiseMessage("SOAK_"+v1, "ZS", "E", "001", v1)
		case 2:
			return nil, rfc.RaiseMessage("", "ZS", "E", "002", v1)
		default:
			return nil, rfc.RuntimeFailure("SOAK_"+v1, "a short dump of "+v1)
		}
	})
	add(h, mux, "Z_SOAK_PANIC", func(_ context.Context, _ *rfc.Request, in *numberIn) (*answerOut, error) {
		if err := h.ran(in.ID); err != nil {
			return nil, err
		}
		panic("in the handler")
	})
	add(h, mux, "Z_SOAK_BACK", func(ctx context.Context, req *rfc.Request, in *numberIn) (*answerOut, error) {
		if err := h.ran(in.ID); err != nil {
			return nil, err
		}
		values, err := req.Callback(ctx, ask, in)
		if err != nil {
			return nil, err
		}
		answer, _ := values["ANSWER"].(string)
		return &answerOut{answer}, nil
	})
	// The caller leaves first.
	add(h, mux, "Z_SOAK_LATE", func(ctx context.Context, _ *rfc.Request, in *numberIn) (*answerOut, error) {
		if err := h.ran(in.ID); err != nil {
			return nil, err
		}
		t := time.NewTimer(time.Duration(1+in.ID%40) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return &answerOut{words(in.ID)}, nil
	})
}

// interfaces are the same for all systems, before and behind a restart: the plans that are
// made of them stay in caches of the process.
var interfaces sync.Map

func describe[In, Out any](t *testing.T, name string) *metadata.Function {
	t.Helper()
	if f, ok := interfaces.Load(name); ok {
		return f.(*metadata.Function)
	}
	f, err := rfc.InterfaceOf[In, Out](name)
	require.NoError(t, err)
	first, _ := interfaces.LoadOrStore(name, f)
	return first.(*metadata.Function)
}

// add registers a module that also sees the request.
func add[In, Out any](h *host, mux *rfc.Mux, name string, f func(context.Context, *rfc.Request, *In) (*Out, error)) {
	require.NoError(h.t, mux.Handle(describe[In, Out](h.t, name), func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
		in := new(In)
		if err := req.Scan(in); err != nil {
			return err
		}
		out, err := f(ctx, req, in)
		if err == nil {
			reply.Set(out)
		}
		return err
	}))
}

// answers serves the callbacks in this process.
func answers(t *testing.T, l *ledger) *rfc.Mux {
	t.Helper()
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_SOAK_ASK", func(_ context.Context, in numberIn) (answerOut, error) {
		if in.ID < 0 || int(in.ID) >= len(l.callbacks) {
			return answerOut{}, rfc.RaiseException("WRONG_NUMBER")
		}
		l.callbacks[in.ID].Add(1)
		return answerOut{words(in.ID)}, nil
	}))
	return mux
}

func newCounts(n int) []atomic.Uint32 { return make([]atomic.Uint32, n) }

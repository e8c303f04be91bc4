package rfctest_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

// wire records what a system and its clients say to each other.
type wire struct {
	mu     sync.Mutex
	frames []capture.Frame
}

func (w *wire) Write(f capture.Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frames = append(w.frames, f)
	return nil
}

func (w *wire) Close() error { return nil }

// take gives the last call of a module and its answer, and forgets the rest.
func (w *wire) take(t testing.TB, function string) (call, reply *dissect.Record) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	doc, err := dissect.Decode(w.frames)
	require.NoError(t, err)
	for _, r := range doc.Frames {
		switch {
		case r.Function == function && r.Kind == dissect.KindCall:
			call = r
		case r.Function == function && r.Kind == dissect.KindReply:
			reply = r
		}
	}
	require.NotNil(t, call)
	require.NotNil(t, reply)
	return call, reply
}

// recorded connects with a tap on the client's end.
func recorded(t testing.TB, sys *rfctest.System, cfg rfc.ConnConfig) (*rfc.Conn, *wire) {
	t.Helper()
	host, port := sys.Addr()
	nc, err := net.Dial("tcp", net.JoinHostPort(host, port))
	require.NoError(t, err)
	w := new(wire)
	tap := capture.Tap(nc, w, capture.TapConfig{OnError: func(err error) { t.Error(err) }, Now: time.Now})
	conv, err := cpic.Open(t.Context(), tap, cpic.ClientConfig{TargetHost: host, SystemNumber: "00"})
	require.NoError(t, err)
	cfg.Logon = rfc.Logon{Client: rfctest.DefaultClient, User: rfctest.DefaultUser, Password: rfctest.DefaultPassword, Language: "E"}
	conn, err := rfc.Open(t.Context(), conv, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, w
}

// count counts the items of a record by tag.
func count(r *dissect.Record) map[string]int {
	n := map[string]int{}
	for _, it := range r.Items {
		n[it.Tag]++
	}
	return n
}

type restCall struct {
	Request struct {
		Line struct {
			Method, URI, Version string
		} `rfc:"REQUEST_LINE"`
		Header []restHeader `rfc:"HEADER_FIELDS"`
		Body   []byte       `rfc:"MESSAGE_BODY"`
	}
}

type restHeader struct{ Name, Value string }

type restAnswer struct {
	Response struct {
		Line struct {
			Version string
			Code    string `rfc:"STATUS_CODE"`
			Reason  string `rfc:"REASON_PHRASE"`
		} `rfc:"STATUS_LINE"`
		Header []restHeader `rfc:"HEADER_FIELDS"`
		Body   []byte       `rfc:"MESSAGE_BODY"`
	}
}

func TestBasXMLBetweenClientAndHost(t *testing.T) {
	t.Parallel()
	const rest = "SADT_REST_RFC_ENDPOINT"
	sys := start(t)
	in := new(restCall)
	in.Request.Line.Method, in.Request.Line.URI, in.Request.Line.Version = "POST", "/echo", "HTTP/1.1"
	in.Request.Header = []restHeader{{"accept", "a<b>&\"c\""}, {"x", strings.Repeat("Grüße ", 20_000)}}
	in.Request.Body = make([]byte, 57_000) // a length that is no code point
	in.Request.Body[0], in.Request.Body[1] = 0xff, '<'
	f := sys.Mux().Describe(rest)
	require.True(t, f.BasXML)

	byCall, wireByCall := recorded(t, sys, rfc.ConnConfig{})
	byConn, wireByConn := recorded(t, sys, rfc.ConnConfig{Format: serialization.BasXML})
	classic, wireClassic := recorded(t, sys, rfc.ConnConfig{Format: serialization.BasXML})
	for _, tt := range []struct {
		name   string
		conn   *rfc.Conn
		wire   *wire
		opts   []rfc.Option
		binary bool
	}{
		{"per call", byCall, wireByCall, []rfc.Option{rfc.WithFormat(serialization.BasXML)}, true},
		{"per connection", byConn, wireByConn, nil, true},
		{"classic call of such a connection", classic, wireClassic, []rfc.Option{rfc.WithFormat(serialization.Classic)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := rfc.Call[restAnswer](t.Context(), tt.conn, rest, in, append(tt.opts, rfc.WithInterface(f))...)
			require.NoError(t, err)
			require.Equal(t, "200", out.Response.Line.Code)
			require.Equal(t, in.Request.Body, out.Response.Body)
			require.Equal(t, in.Request.Header, out.Response.Header[:2])
			require.Equal(t, "57000", out.Response.Header[2].Value)
			call, reply := tt.wire.take(t, rest)
			for name, r := range map[string]*dissect.Record{"call": call, "reply": reply} {
				n := count(r)
				require.Nil(t, r.Fields.Get("document_error"))
				if tt.binary {
					require.Equal(t, 1, n["4000"], name)
					require.Equal(t, 1, n["4004"], name)
					require.Zero(t, n["3c02"], name)
					i := slices.IndexFunc(r.Parameters, func(p dissect.Parameter) bool { return p.Kind == dissect.CompactKind })
					require.GreaterOrEqual(t, i, 0)
					require.Equal(t, map[string]string{"call": "REQUEST", "reply": "RESPONSE"}[name], r.Parameters[i].Name)
					require.Contains(t, r.Parameters[i].Text, map[string]string{
						"call":  "<METHOD>POST</METHOD>",
						"reply": "<HEADER_FIELDS><SADT_REST_HEADER><NAME>accept</NAME>", // rows by their line type
					}[name])
				} else {
					require.Zero(t, n["4000"], name)
					require.Equal(t, 2, n["3c02"], name)
				}
			}
		})
	}
}

// Functions that do not declare it, and values that it cannot hold, go the classic way.
func TestBasXMLOnlyWhereItFits(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn, wire := recorded(t, sys, rfc.ConnConfig{Format: serialization.BasXML})
	d := new(metadata.Dictionary).Structure("ZDEEP", "I:I STR:g")
	f, err := d.Function("Z_NOT_DECLARED", "IMPORTING IMPORT_TAB:[ZDEEP]\nEXPORTING EXPORT_TAB:[ZDEEP]")
	require.NoError(t, errors.Join(d.Err(), err))
	require.NoError(t, sys.Mux().Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		v, err := req.Value("IMPORT_TAB")
		reply.SetValue("EXPORT_TAB", v)
		return err
	}))
	deep := rfc.Params{"IMPORT_TAB": []rfc.Params{{"I": int32(1), "STR": "x"}}}
	out := call(t, conn, f.Name, deep, rfc.WithInterface(f))
	require.NotEmpty(t, out["EXPORT_TAB"])
	req, reply := wire.take(t, f.Name)
	for _, r := range []*dissect.Record{req, reply} {
		require.Zero(t, count(r)["4000"])
		require.Equal(t, 2, count(r)["3c02"])
	}
	// A host does not answer in binary XML what does not declare it, even if it was asked so.
	flagged := *f
	flagged.BasXML = true
	again := call(t, conn, f.Name, deep, rfc.WithInterface(&flagged))
	require.Equal(t, out, again)
	req, reply = wire.take(t, f.Name)
	require.Equal(t, 1, count(req)["4000"])
	require.Zero(t, count(reply)["4000"])
	// A body that no length can count.
	g := sys.Mux().Describe("SADT_REST_RFC_ENDPOINT")
	in := new(restCall)
	in.Request.Line.URI = "/echo"
	in.Request.Body = make([]byte, 0x110000)
	big, err := rfc.Call[restAnswer](t.Context(), conn, g.Name, in, rfc.WithInterface(g))
	require.NoError(t, err)
	require.Equal(t, in.Request.Body, big.Response.Body)
	req, reply = wire.take(t, g.Name)
	require.Zero(t, count(req)["4000"])
	require.Zero(t, count(reply)["4000"])
	// No deep input: the request has no document, so neither has the answer.
	res := call(t, conn, g.Name, rfc.Params{}, rfc.WithInterface(withOptional(t, g)))
	require.Equal(t, "404", res["RESPONSE"].(rfc.Params)["STATUS_LINE"].(rfc.Params)["STATUS_CODE"])
	req, reply = wire.take(t, g.Name)
	require.Zero(t, count(req)["4000"]+count(reply)["4000"])
}

// withOptional is an interface without mandatory parameters.
func withOptional(t testing.TB, f *metadata.Function) *metadata.Function {
	t.Helper()
	params := slices.Clone(f.Parameters)
	for i := range params {
		params[i].Optional = true
	}
	g, err := metadata.NewFunction(f.Name, params)
	require.NoError(t, err)
	g.BasXML = f.BasXML
	return g
}

// deepEchoInput fills the deep parameters of Z_ECHO_TYPES, and some flat ones beside them.
func deepEchoInput(t testing.TB) rfc.Params {
	t.Helper()
	flat := rfc.Params{
		"ZCHAR": "Grüße <&>", "ZNUMC": "0000000042", "ZDATS": date(t, "20260705"), "ZTIMS": clockTime(t, "240000"), "ZINT1": uint8(255),
		"ZINT2": int16(-2), "ZINT4": int32(-1), "ZINT8": int64(math.MinInt64), "ZDEC": decimal(t, "-12.34"), "ZFLTP": 1e300, "ZRAW": []byte{0, 0xff},
	}
	deep := rfc.Params{
		"ID": int32(1), "NAME": "name", "TEXT": " text\n<&>ü\x01 ", "BYTES": bytes.Repeat([]byte{0xde, 0xad}, 100),
		"FLAT": flat, "ROWS": []rfc.Params{flat, {}}, "WORDS": []string{"A", "", "C"}, "NOTES": []string{"", strings.Repeat("n", 300)},
	}
	return rfc.Params{
		"IS_DEEP": deep, "IT_DEEP": []rfc.Params{deep, {}}, "IT_FLAT": []rfc.Params{flat, {}}, "IT_INT": []int32{1, -1}, "IT_TEXT": []string{"x", ""},
		"IT_RAW": [][]byte{{1}, {}}, "CT_FLAT": []rfc.Params{flat}, "T_DEEP": []rfc.Params{deep}, "T_FLAT": []rfc.Params{flat}, "IV_INT4": int32(7), "IV_STRING": "plain", "IS_INPUT": flat,
	}
}

// Values of every type are the same in both formats, also from systems of other code pages
// and byte orders, and one byte at a time.
func TestBasXMLEchoesEveryType(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]rfctest.Option{
		"little-endian Unicode": nil,
		"big-endian":            {rfctest.WithBigEndian()},
		"byte by byte":          {rfctest.WithConn(func(c net.Conn) net.Conn { return netfault.New(c, netfault.Faults{MaxRead: 1}) })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sys := start(t, opts...)
			in := deepEchoInput(t)
			want := call(t, sys, "Z_ECHO_TYPES", in)
			got := call(t, sys, "Z_ECHO_TYPES", in, rfc.WithFormat(serialization.BasXML))
			require.Equal(t, want, got)
			require.NotEmpty(t, got["ET_DEEP"])
			require.Len(t, got["ET_DEEP"], 2)
			res, err := sys.Call(t.Context(), "Z_ECHO_TYPES", in, rfc.WithFormat(serialization.BasXML))
			require.NoError(t, err)
			n := 0
			for row, err := range rfc.Rows[rfc.Params](res, "ET_DEEP") {
				require.NoError(t, err)
				require.Equal(t, want["ET_DEEP"].([]rfc.Params)[n], row)
				n++
			}
			require.Equal(t, 2, n)
		})
	}
}

// A table in a document is read whole, whatever option Stream says, and its rows are decoded
// one by one.
func TestBasXMLBesideAStreamedTable(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	rows := make([]rfc.Params, 500)
	for i := range rows {
		rows[i] = rfc.Params{"ID": int32(i), "TEXT": strings.Repeat("x", i), "ROWS": []rfc.Params{{"ZCHAR": "c"}}}
	}
	in := rfc.Params{"T_DEEP": rows, "T_FLAT": []rfc.Params{{"ZCHAR": "a"}, {"ZCHAR": "b"}}}
	for _, table := range []string{"T_DEEP", "T_FLAT"} {
		res, err := conn.Call(t.Context(), "Z_ECHO_TYPES", in, rfc.WithFormat(serialization.BasXML), rfc.Stream(table))
		require.NoError(t, err)
		n := 0
		for row, err := range rfc.Rows[rfc.Params](res, "T_FLAT") {
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}[n], row["ZCHAR"])
			n++
		}
		require.Equal(t, 2, n)
		n = 0
		for row, err := range rfc.Rows[rfc.Params](res, "T_DEEP") {
			require.NoError(t, err)
			require.Equal(t, int32(n), row["ID"])
			require.Len(t, row["TEXT"], n)
			n++
		}
		require.Equal(t, len(rows), n)
		require.False(t, conn.Busy())
	}
}

package callsuite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/rfc"
)

// Case is one thing that must work over every road.
type Case struct {
	Name string
	// Ends says that the connection is closed behind it.
	Ends bool
	Run  func(t *testing.T, c *rfc.Conn)
}

// Run runs all cases over connections that connect opens: one for all that keep it, and one for
// each that does not. The system is one of rfctest with its defaults. connect closes what it
// opened when the test ends.
func Run(t *testing.T, connect func(t testing.TB) *rfc.Conn) {
	t.Helper()
	shared := connect(t)
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			conn := shared
			if c.Ends {
				conn = connect(t)
			}
			c.Run(t, conn)
			if alive := conn.Alive(); alive == c.Ends {
				t.Errorf("alive=%t behind it", alive)
			}
			if conn.Busy() {
				t.Error("busy behind it")
			}
		})
	}
	if sent, received, calls := shared.Traffic(); sent == 0 || received == 0 || calls == 0 {
		t.Errorf("traffic: %d bytes sent, %d received, %d calls", sent, received, calls)
	}
}

// Cases are the calls, in the order of a first meeting.
func Cases() []Case {
	return []Case{
		{Name: "attributes", Run: attributes},
		{Name: "ping", Run: func(t *testing.T, c *rfc.Conn) { must(t, c.Ping(t.Context())) }},
		{Name: "STFC_CONNECTION", Run: echo},
		{Name: "typed call with a table", Run: structure},
		{Name: "dynamic call", Run: changing},
		{Name: "deep table", Run: deep},
		{Name: "request and answer of a megabyte", Run: large},
		{Name: "streamed rows", Run: streamed},
		{Name: "streamed rows, half of them", Ends: true, Run: half},
		{Name: "ABAP exception", Run: exception},
		{Name: "unknown module", Run: unknown},
		{Name: "unknown parameter", Run: parameter},
		{Name: "state of a session and its reset", Run: state},
		{Name: "short dump", Ends: true, Run: dump},
		{Name: "message of type A", Ends: true, Run: message},
		{Name: "cancelled call", Ends: true, Run: cancelled},
		{Name: "close", Ends: true, Run: func(t *testing.T, c *rfc.Conn) { must(t, c.Close()) }},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("want %v, got %v", want, got)
	}
}

// call makes a dynamic call.
func call(t *testing.T, c *rfc.Conn, function string, in rfc.Params) rfc.Params {
	t.Helper()
	res, err := c.Call(t.Context(), function, in)
	must(t, err)
	out, err := res.Values()
	must(t, err)
	return out
}

// fails makes a call that must fail in a class.
func fails(ctx context.Context, t *testing.T, c *rfc.Conn, class rfc.Class, function string, in rfc.Params) *rfc.Error {
	t.Helper()
	_, err := c.Call(ctx, function, in)
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok || e.Class != class {
		t.Fatalf("want class %v, got %v", class, err)
	}
	return e
}

func attributes(t *testing.T, c *rfc.Conn) {
	a, err := c.Attributes()
	must(t, err)
	equal(t, "GOR/001/DEVELOPER/E/3/4103", strings.Join([]string{a.SystemID, a.Client, a.User, a.Language, a.PartnerType, a.PartnerCodepage}, "/"))
	if a.ConversationID == "" || a.Remote == "" || a.LocalAddress == "" {
		t.Errorf("%+v", a)
	}
}

type (
	connectionIn struct {
		Text string `rfc:"REQUTEXT"`
	}
	connectionOut struct {
		Echo string `rfc:"ECHOTEXT"`
		Resp string `rfc:"RESPTEXT"`
	}
)

func echo(t *testing.T, c *rfc.Conn) {
	for _, text := range []string{"", "hello", "Hällo SÄP", "語 и ελ", "\U0001f600 and more", strings.Repeat("x", 255)} {
		out, err := rfc.Call[connectionOut](t.Context(), c, "STFC_CONNECTION", connectionIn{text})
		must(t, err)
		equal(t, text, out.Echo)
		if !strings.HasPrefix(out.Resp, "SAP R/3 Rel.") {
			t.Error(out.Resp)
		}
	}
}

type (
	row struct {
		Int4 int32  `rfc:"RFCINT4"`
		Data string `rfc:"RFCDATA1"`
	}
	tables struct {
		Struct row   `rfc:"IMPORTSTRUCT"`
		Table  []row `rfc:"RFCTABLE"`
	}
	rows struct {
		Table []row `rfc:"RFCTABLE"`
	}
)

func structure(t *testing.T, c *rfc.Conn) {
	for _, n := range []int{0, 1, 1000} {
		var in tables
		for i := range n {
			in.Table = append(in.Table, row{int32(i), fmt.Sprint("row ", i)})
		}
		out, err := rfc.Call[rows](t.Context(), c, "STFC_STRUCTURE", in)
		must(t, err)
		if len(out.Table) != n+1 || n > 0 && !reflect.DeepEqual(in.Table, out.Table[:n]) {
			t.Fatalf("%d rows", len(out.Table))
		}
	}
}

func changing(t *testing.T, c *rfc.Conn) {
	equal(t, rfc.Params{"RESULT": int32(121), "COUNTER": int32(89)}, call(t, c, "STFC_CHANGING", rfc.Params{"START_VALUE": 33, "COUNTER": 88}))
}

func deep(t *testing.T, c *rfc.Conn) {
	line := rfc.Params{"I": int32(7), "C": "abc", "STR": strings.Repeat("long ", 1000), "XSTR": []byte{1, 2, 3}}
	out := call(t, c, "STFC_DEEP_STRUCTURE", rfc.Params{"IMPORTSTRUCT": line})
	equal(t, line, out["ECHOSTRUCT"])
}

func large(t *testing.T, c *rfc.Conn) {
	body := bytes.Repeat([]byte{0xff, 0xff, 0, 0, 0xff, 0xff, 1}, 150_000) // looks like the end of a message, often
	out := call(t, c, "SADT_REST_RFC_ENDPOINT", rfc.Params{"REQUEST": rfc.Params{
		"REQUEST_LINE": rfc.Params{"METHOD": "POST", "URI": "/echo", "VERSION": "HTTP/1.1"}, "MESSAGE_BODY": body,
	}})
	response, _ := out["RESPONSE"].(rfc.Params)
	got, _ := response["MESSAGE_BODY"].([]byte)
	if !bytes.Equal(body, got) {
		t.Fatalf("%d bytes came back", len(got))
	}
}

const streamedRows = 5000

func stream(t *testing.T, c *rfc.Conn, each func(n int) bool) {
	t.Helper()
	res, err := c.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET1000": fmt.Sprint(streamedRows)}, rfc.Stream("ETAB1000"))
	must(t, err)
	n := 0
	for r, err := range rfc.Rows[struct {
		Line string `rfc:"LINE"`
	}](res, "ETAB1000") {
		must(t, err)
		n++
		equal(t, fmt.Sprintf("%010d", n), r.Line[:10])
		if !each(n) {
			break
		}
	}
	_ = res.Close() // of rows that were not read
}

func streamed(t *testing.T, c *rfc.Conn) {
	last := 0
	stream(t, c, func(n int) bool { last = n; return true })
	equal(t, streamedRows, last)
}

func half(t *testing.T, c *rfc.Conn) { stream(t, c, func(n int) bool { return n < 10 }) }

func exception(t *testing.T, c *rfc.Conn) {
	e := fails(t.Context(), t, c, rfc.ClassABAPException, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "1"})
	equal(t, "RAISE_EXCEPTION SR 006 executed", fmt.Sprint(e.Key, " ", e.MessageClass, " ", e.MessageNumber, " ", e.Outcome))
}

func unknown(t *testing.T, c *rfc.Conn) {
	_, err := c.Call(t.Context(), "Z_NOBODY_HAS_IT", nil)
	if !errors.Is(err, rfc.ErrABAPException) && !errors.Is(err, rfc.ErrMetadata) {
		t.Fatal(err)
	}
}

func parameter(t *testing.T, c *rfc.Conn) {
	e := fails(t.Context(), t, c, rfc.ClassParameter, "STFC_CONNECTION", rfc.Params{"REQUTEX": "x"})
	equal(t, rfc.NotSent, e.Outcome)
}

func state(t *testing.T, c *rfc.Conn) {
	counter := func() any { return call(t, c, "Z_COUNTER_GET", rfc.Params{"NAME": "SUITE"})["VALUE"] }
	before := counter()
	call(t, c, "Z_COUNTER_ADD", rfc.Params{"NAME": "SUITE", "DELTA": 5})
	if reflect.DeepEqual(before, counter()) {
		t.Fatal("a session has a state")
	}
	must(t, c.Reset(t.Context()))
	equal(t, before, counter())
}

func dump(t *testing.T, c *rfc.Conn) {
	e := fails(t.Context(), t, c, rfc.ClassABAPRuntime, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3"})
	equal(t, "COMPUTE_INT_ZERODIVIDE", e.Key)
}

func message(t *testing.T, c *rfc.Conn) {
	e := fails(t.Context(), t, c, rfc.ClassABAPMessage, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "0", "MESSAGETYPE": "A"})
	equal(t, "A", e.MessageType)
}

func cancelled(t *testing.T, c *rfc.Conn) {
	mine := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	call(t, c, "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 0}) // the description is there, the next call only waits
	go cancel(mine)
	e := fails(ctx, t, c, rfc.ClassCanceled, "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 60})
	if !errors.Is(e, mine) {
		t.Fatal(e)
	}
	if e.Outcome != rfc.Unknown {
		// The cancellation was quicker than the call.
		equal(t, rfc.NotSent, e.Outcome)
		must(t, c.Close())
	}
}

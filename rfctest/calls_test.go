package rfctest_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

var _ rfc.Caller = (*rfctest.System)(nil)

// clock is the time of systems in tests.
func clock() time.Time { return time.Date(2026, 6, 26, 13, 14, 15, 0, time.UTC) }

func start(t testing.TB, opts ...rfctest.Option) *rfctest.System {
	t.Helper()
	return rfctest.NewSystem(t, append([]rfctest.Option{rfctest.WithNow(clock)}, opts...)...)
}

func connect(t testing.TB, sys *rfctest.System) *rfc.Conn {
	t.Helper()
	conn, err := sys.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call makes a dynamic call that must work and returns its outputs.
func call(t testing.TB, c rfc.Caller, function string, in any, opts ...rfc.Option) rfc.Params {
	t.Helper()
	res, err := c.Call(t.Context(), function, in, opts...)
	require.NoError(t, err)
	out, err := res.Values()
	require.NoError(t, err)
	return out
}

// fails makes a call that must fail and returns its error.
func fails(t testing.TB, c rfc.Caller, function string, in any, opts ...rfc.Option) *rfc.Error {
	t.Helper()
	_, err := c.Call(t.Context(), function, in, opts...)
	require.Error(t, err)
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	return e
}

// refused is fails for values that must be refused before a byte is sent: the connection
// is alive behind it and the module was not reached.
func refused(t testing.TB, sys *rfctest.System, c *rfc.Conn, function string, in any) *rfc.Error {
	t.Helper()
	before := sys.Calls(function)
	e := fails(t, c, function, in)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.True(t, c.Alive())
	require.Equal(t, before, sys.Calls(function))
	return e
}

type (
	connectionIn struct {
		Text string `rfc:"REQUTEXT"`
	}
	connectionOut struct {
		Echo string `rfc:"ECHOTEXT"`
		Resp string `rfc:"RESPTEXT"`
	}
	rfcTest struct {
		Float float64   `rfc:"RFCFLOAT"`
		Char1 string    `rfc:"RFCCHAR1"`
		Int2  int16     `rfc:"RFCINT2"`
		Int1  uint8     `rfc:"RFCINT1"`
		Char4 string    `rfc:"RFCCHAR4"`
		Int4  int32     `rfc:"RFCINT4"`
		Hex3  []byte    `rfc:"RFCHEX3"`
		Char2 string    `rfc:"RFCCHAR2"`
		Time  abap.Time `rfc:"RFCTIME"`
		Date  abap.Date `rfc:"RFCDATE"`
		Data1 string    `rfc:"RFCDATA1"`
		Data2 string    `rfc:"RFCDATA2"`
	}
	structureIn struct {
		Struct rfcTest   `rfc:"IMPORTSTRUCT"`
		Table  []rfcTest `rfc:"RFCTABLE"`
	}
	structureOut struct {
		Echo  rfcTest   `rfc:"ECHOSTRUCT"`
		Resp  string    `rfc:"RESPTEXT"`
		Table []rfcTest `rfc:"RFCTABLE"`
	}
)

func date(t testing.TB, s string) abap.Date {
	t.Helper()
	d, err := abap.RawDate(s)
	require.NoError(t, err)
	return d
}

func clockTime(t testing.TB, s string) abap.Time {
	t.Helper()
	v, err := abap.RawTime(s)
	require.NoError(t, err)
	return v
}

func sample(t testing.TB) rfcTest {
	t.Helper()
	return rfcTest{
		Float: 1.23456789, Char1: "A", Int2: 0x7ffe, Int1: 254, Char4: "ABCD", Int4: 2147483646, Hex3: []byte("fgh"), Char2: "ij",
		Time: clockTime(t, "121120"), Date: date(t, "20140101"), Data1: "1DATA1", Data2: "2DATA222",
	}
}

func TestB01ToB04ConnectionEcho(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	const resp = "SAP R/3 Rel. 758   Sysid: GOR      Date: 20260626   Time: 131415   Logon_Data: 001/DEVELOPER/E"
	full := strings.Repeat("01234", 51)
	for _, tc := range []struct{ id, text, echo string }{
		{"B-01", "Hällo SAP!", "Hällo SAP!"},
		{"B-02", full, full},
		{"B-04", "HELLÖ SÄP " + strings.Repeat(" ", 245), "HELLÖ SÄP"},
		{"empty", "", ""},
	} {
		t.Run(tc.id, func(t *testing.T) {
			out := call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": tc.text})
			require.Equal(t, rfc.Params{"ECHOTEXT": tc.echo, "RESPTEXT": resp}, out)
			got, err := rfc.Call[connectionOut](t.Context(), conn, "STFC_CONNECTION", connectionIn{tc.text})
			require.NoError(t, err)
			require.Equal(t, connectionOut{tc.echo, resp}, got)
		})
	}
	t.Run("B-03", func(t *testing.T) {
		out := call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "HELLÖ SÄP"}, rfc.WithValues(serialization.Options{KeepBlanks: true}))
		echo := out["ECHOTEXT"].(string)
		require.Len(t, echo, 257)
		require.Equal(t, "HELLÖ SÄP"+strings.Repeat(" ", 246), echo)
	})
	t.Run("B-05", func(t *testing.T) {
		in := rfc.Params{"IMPORTSTRUCT": rfc.Params{"RFCDATA1": "x"}}
		keep := call(t, conn, "STFC_STRUCTURE", in, rfc.WithValues(serialization.Options{KeepBlanks: true}))
		require.Equal(t, "x"+strings.Repeat(" ", 49), keep["ECHOSTRUCT"].(rfc.Params)["RFCDATA1"])
		trim := call(t, conn, "STFC_STRUCTURE", in)
		require.Equal(t, "x", trim["ECHOSTRUCT"].(rfc.Params)["RFCDATA1"])
	})
	t.Run("B-06", func(t *testing.T) {
		require.NotContains(t, call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"}), "REQUTEXT")
	})
}

func TestB07AndB08PingAndRepeatedCalls(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, name := range []string{"RFC_PING", "RFCPING"} {
		require.Empty(t, call(t, conn, name, nil))
		require.Empty(t, call(t, conn, name, rfc.Params{}))
	}
	for i := range 3 {
		text := fmt.Sprint("call ", i)
		require.Equal(t, text, call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": text})["ECHOTEXT"])
	}
	require.EqualValues(t, 3, sys.Calls("STFC_CONNECTION"))
}

func TestB09AndB10Changing(t *testing.T) {
	t.Parallel()
	sys := start(t)
	for _, tc := range []struct {
		id                              string
		start, counter, result, changed int32
	}{{"B-09", 33, 88, 121, 89}, {"B-10", 0, 1, 1, 2}, {"negative", -5, -1, -6, 0}} {
		t.Run(tc.id, func(t *testing.T) {
			out := call(t, sys, "STFC_CHANGING", rfc.Params{"START_VALUE": tc.start, "COUNTER": tc.counter})
			require.Equal(t, rfc.Params{"RESULT": tc.result, "COUNTER": tc.changed}, out)
		})
	}
	t.Run("overflow", func(t *testing.T) {
		e := fails(t, sys, "STFC_CHANGING", rfc.Params{"START_VALUE": 1, "COUNTER": math.MaxInt32})
		require.Equal(t, rfc.ClassABAPRuntime, e.Class)
		require.Equal(t, "COMPUTE_INT_PLUS_OVERFLOW", e.Key)
	})
}

func TestB11ToB13Structure(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, n := range []int{0, 1, 5, 100} {
		t.Run(fmt.Sprintf("B-11 and B-12 with %d rows", n), func(t *testing.T) {
			in := structureIn{Struct: sample(t)}
			for i := range n {
				row := sample(t)
				row.Int4, row.Data1 = int32(i), fmt.Sprint("row ", i)
				in.Table = append(in.Table, row)
			}
			out, err := rfc.Call[structureOut](t.Context(), conn, "STFC_STRUCTURE", &in)
			require.NoError(t, err)
			require.Equal(t, in.Struct, out.Echo)
			require.True(t, strings.HasPrefix(out.Resp, "SAP R/3 Rel."))
			require.Len(t, out.Table, n+1)
			require.Equal(t, in.Table, append([]rfcTest(nil), out.Table[:n]...))
			require.Equal(t, rfcTest{
				Float: in.Struct.Float + 1, Char1: "X", Int2: 32767, Int1: 255, Char4: "GOR", Int4: math.MaxInt32,
				Hex3: []byte{0xf1, 0xf2, 0xf3}, Char2: "YZ", Time: clockTime(t, "131415"), Date: date(t, "20260626"),
				Data1: in.Struct.Data1, Data2: in.Struct.Data2,
			}, out.Table[n])
		})
	}
	t.Run("B-13", func(t *testing.T) {
		out := call(t, conn, "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{"RFCINT4": 345}})
		echo := out["ECHOSTRUCT"].(rfc.Params)
		require.Equal(t, rfc.Params{
			"RFCFLOAT": 0.0, "RFCCHAR1": "", "RFCINT2": int16(0), "RFCINT1": uint8(0), "RFCCHAR4": "", "RFCINT4": int32(345),
			"RFCHEX3": []byte{0, 0, 0}, "RFCCHAR2": "", "RFCTIME": abap.Time{}, "RFCDATE": abap.Date{}, "RFCDATA1": "", "RFCDATA2": "",
		}, echo)
		require.Len(t, out["RFCTABLE"], 1)
	})
}

func TestB14Performance(t *testing.T) {
	t.Parallel()
	sys := start(t)
	out := call(t, sys, "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET0332": "10000", "LGET1000": "10000"})
	for name, width := range map[string]int{"ETAB0332": 332, "ETAB1000": 1000} {
		rows := out[name].([]rfc.Params)
		require.Len(t, rows, 10000)
		for i, r := range rows {
			line := r["LINE"].(string)
			require.True(t, strings.HasPrefix(line, fmt.Sprintf("%010d", i+1)), line[:20])
			require.LessOrEqual(t, len(line), width)
			require.Greater(t, len(line), width-9)
		}
	}
	require.Empty(t, out["ITAB0332"])
	t.Run("without the check", func(t *testing.T) {
		out := call(t, sys, "STFC_PERFORMANCE", rfc.Params{"LGET0332": "10"})
		require.Empty(t, out["ETAB0332"])
	})
	t.Run("rows are counted", func(t *testing.T) {
		rows := []rfc.Params{{"LINE": "a"}, {"LINE": "b"}}
		require.Equal(t, "O", call(t, sys, "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGIT0332": "2", "ITAB0332": rows})["EXITCODE"])
		require.Equal(t, "E", call(t, sys, "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGIT0332": "3", "ITAB0332": rows})["EXITCODE"])
	})
	t.Run("streamed", func(t *testing.T) {
		const n = 20000
		res, err := sys.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET0332": fmt.Sprint(n)}, rfc.Stream("ETAB0332"))
		require.NoError(t, err)
		i := 0
		for row, err := range rfc.Rows[struct {
			Line string `rfc:"LINE"`
		}](res, "ETAB0332") {
			require.NoError(t, err)
			i++
			require.Equal(t, fmt.Sprintf("%010d", i), row.Line[:10])
		}
		require.Equal(t, n, i)
	})
}

// manualWait is a wait that a test ends.
type manualWait struct {
	started chan time.Duration
	release chan struct{}
	ended   chan error
}

func newManualWait() *manualWait {
	return &manualWait{started: make(chan time.Duration, 64), release: make(chan struct{}), ended: make(chan error, 64)}
}

func (w *manualWait) wait(ctx context.Context, d time.Duration) error {
	w.started <- d
	select {
	case <-w.release:
		w.ended <- nil
		return nil
	case <-ctx.Done():
		w.ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}
}

func TestB15PingAndWaitKeepsTheConnection(t *testing.T) {
	t.Parallel()
	w := newManualWait()
	sys := start(t, rfctest.WithWait(w.wait))
	conn := connect(t, sys)
	before, err := conn.Attributes()
	require.NoError(t, err)
	close(w.release)
	require.Empty(t, call(t, conn, "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 5}, rfc.WithTimeout(10*time.Second)))
	require.Equal(t, 5*time.Second, <-w.started)
	require.NoError(t, conn.Ping(t.Context()))
	after, err := conn.Attributes()
	require.NoError(t, err)
	require.Equal(t, before.ConversationID, after.ConversationID)
}

func TestB16UserDetail(t *testing.T) {
	t.Parallel()
	sys := start(t)
	out := call(t, sys, "BAPI_USER_GET_DETAIL", rfc.Params{"USERNAME": "developer"})
	for _, name := range []string{"ADDRESS", "ACTIVITYGROUPS", "DEFAULTS", "GROUPS", "ISLOCKED", "LOGONDATA", "PARAMETER", "PROFILES", "RETURN"} {
		require.Contains(t, out, name)
	}
	require.Empty(t, out["RETURN"])
	require.Equal(t, "Test Developer", out["ADDRESS"].(rfc.Params)["FULLNAME"])
	out = call(t, sys, "BAPI_USER_GET_DETAIL", rfc.Params{"USERNAME": "NOBODY"})
	ret := out["RETURN"].([]rfc.Params)
	require.Len(t, ret, 1)
	require.Equal(t, "E", ret[0]["TYPE"])
	require.Equal(t, "User NOBODY does not exist", ret[0]["MESSAGE"])
	require.Equal(t, "GORCLNT001", ret[0]["SYSTEM"])
}

func TestB17ParallelClients(t *testing.T) {
	t.Parallel()
	w := newManualWait()
	close(w.release)
	opts := []rfctest.Option{rfctest.WithWait(w.wait)}
	const clients = 24
	for i := range clients {
		opts = append(opts, rfctest.WithUser(fmt.Sprint("USER", i), "pw"))
	}
	opts = append(opts, func(c *rfctest.Config) { c.User, c.Password = "USER0", "pw" })
	sys := start(t, opts...)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			cfg := sys.Config()
			cfg.User, cfg.Password = fmt.Sprint("USER", i), "pw"
			conn, err := dial(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			for range 5 {
				if i%2 == 0 {
					if _, err := conn.Call(t.Context(), "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 1}); err != nil {
						t.Error(err)
					}
					continue
				}
				res, err := conn.Call(t.Context(), "BAPI_USER_GET_DETAIL", rfc.Params{"USERNAME": cfg.User})
				if err != nil {
					t.Error(err)
					return
				}
				address, err := res.Value("ADDRESS")
				if err != nil || address.(rfc.Params)["LASTNAME"] != fmt.Sprint("User", i) {
					t.Errorf("client %d reads %v, error %v", i, address, err)
				}
			}
		})
	}
	group.Wait()
}

func TestB18OneConnectionMakesOneCallAtATime(t *testing.T) {
	t.Parallel()
	w := newManualWait()
	sys := start(t, rfctest.WithWait(w.wait))
	conn := connect(t, sys)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Call(t.Context(), "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 1})
		done <- err
	}()
	<-w.started
	require.True(t, conn.Busy())
	e := fails(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, e, rfc.ErrBusy)
	require.Equal(t, rfc.NotSent, e.Outcome)
	close(w.release)
	require.NoError(t, <-done)
	require.NoError(t, conn.Ping(t.Context()))
}

func TestB19AndB20AndB22LargeTables(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	in := structureIn{Struct: sample(t)}
	for i := range 3000 {
		row := sample(t)
		row.Int4, row.Data2 = int32(i), strings.Repeat(string(rune('A'+i%26)), i%50)
		in.Table = append(in.Table, row)
	}
	out, err := rfc.Call[structureOut](t.Context(), conn, "STFC_STRUCTURE", &in)
	require.NoError(t, err)
	require.Len(t, out.Table, len(in.Table)+1)
	require.Equal(t, in.Table, append([]rfcTest(nil), out.Table[:len(in.Table)]...))
	t.Run("B-20", func(t *testing.T) {
		// A module that does not touch its table: the caller gets its own rows back.
		sys.Intercept("STFC_STRUCTURE", func(rfc.HandlerFunc) rfc.HandlerFunc {
			return func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
				v, err := req.Value("RFCTABLE")
				reply.Set(rfc.Params{"RFCTABLE": v})
				return err
			}
		})
		out, err := rfc.Call[structureOut](t.Context(), conn, "STFC_STRUCTURE", &in)
		require.NoError(t, err)
		require.Equal(t, in.Table, append([]rfcTest(nil), out.Table...))
	})
}

func TestB23RowsAsXML(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithBigTableRows(3000))
	out := call(t, sys, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "ZBIGTAB", "USE_ET_DATA_4_RETURN": "X", "DELIMITER": "|"})
	require.Empty(t, out["DATA"])
	rows := out["ET_DATA"].([]rfc.Params)
	require.Len(t, rows, 3000)
	classic := call(t, sys, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "ZBIGTAB", "DELIMITER": "|"})["DATA"].([]rfc.Params)
	for i := range rows {
		require.Equal(t, strings.TrimRight(classic[i]["WA"].(string), " "), strings.TrimRight(rows[i]["LINE"].(string), " "))
	}
}

type complexRow struct {
	Int  int32  `rfc:"I"`
	Char string `rfc:"C"`
	Text string `rfc:"STR"`
	Raw  []byte `rfc:"XSTR"`
}

func TestB24DeepStructuresAndTables(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	long := make([]byte, 1000) // its base64 form has line feeds
	for i := range long {
		long[i] = byte(i * 7)
	}
	rows := []complexRow{
		{1, "one", "a & b < c > \"d\"", []byte{0}},
		{-2147483648, "zwölf", "四周远处都能望见 \U0001f4aa", long},
		{0, "", "", nil},
	}
	t.Run("structure", func(t *testing.T) {
		for _, row := range rows {
			out, err := rfc.Call[struct {
				Echo complexRow `rfc:"ECHOSTRUCT"`
				Resp string     `rfc:"RESPTEXT"`
			}](t.Context(), conn, "STFC_DEEP_STRUCTURE", rfc.Params{"IMPORTSTRUCT": row})
			require.NoError(t, err)
			requireRow(t, row, out.Echo)
			require.Contains(t, out.Resp, "SAP R/3")
		}
	})
	t.Run("table", func(t *testing.T) {
		out, err := rfc.Call[struct {
			Rows []complexRow `rfc:"EXPORT_TAB"`
			Resp string       `rfc:"RESPTEXT"`
		}](t.Context(), conn, "STFC_DEEP_TABLE", struct {
			Rows []complexRow `rfc:"IMPORT_TAB"`
		}{rows})
		require.NoError(t, err)
		require.Len(t, out.Rows, len(rows)+1)
		for i := range rows {
			requireRow(t, rows[i], out.Rows[i])
		}
		requireRow(t, complexRow{10, "Appended", "20260626", []byte{0xde, 0xad, 0xbe, 0xef}}, out.Rows[len(rows)])
	})
}

func requireRow(t *testing.T, want, got complexRow) {
	t.Helper()
	require.Equal(t, len(want.Raw), len(got.Raw))
	if len(want.Raw) == 0 {
		want.Raw, got.Raw = nil, nil
	}
	require.Equal(t, want, got)
}

func TestNestedDeepStructures(t *testing.T) {
	t.Parallel()
	sys := start(t)
	ask := func(uri string) rfc.Params {
		return call(t, sys, "SADT_REST_RFC_ENDPOINT", rfc.Params{"REQUEST": rfc.Params{
			"REQUEST_LINE":  rfc.Params{"METHOD": "POST", "URI": uri, "VERSION": "HTTP/1.1"},
			"HEADER_FIELDS": []rfc.Params{{"NAME": "accept", "VALUE": "a<b>&\"c\""}}, "MESSAGE_BODY": []byte("body\x00\xff"),
		}})["RESPONSE"].(rfc.Params)
	}
	require.Equal(t, rfc.Params{
		"STATUS_LINE":   rfc.Params{"VERSION": "HTTP/1.1", "STATUS_CODE": "200", "REASON_PHRASE": "OK"},
		"HEADER_FIELDS": []rfc.Params{{"NAME": "accept", "VALUE": "a<b>&\"c\""}, {"NAME": "content-length", "VALUE": "6"}},
		"MESSAGE_BODY":  []byte("body\x00\xff"),
	}, ask("/echo"))
	require.Equal(t, "404", ask("/nowhere")["STATUS_LINE"].(rfc.Params)["STATUS_CODE"])
}

// L3: what an answer gave belongs to the caller. Nothing of it changes when its connection and its
// buffers serve other calls, cancelled ones included.
func TestL3ValuesOutliveTheirConnection(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithBigTableRows(2000))
	conn := connect(t, sys)
	type echo struct {
		Text string `rfc:"ECHOTEXT"`
	}
	type kept struct {
		text    string
		typed   echo
		dynamic rfc.Params
		lines   []string
		copies  []string
	}
	var all []kept
	for i := range 40 {
		k := kept{text: strings.Repeat(fmt.Sprintf("%02d", i), 100)}
		in := rfc.Params{"REQUTEXT": k.text}
		var err error
		k.typed, err = rfc.Call[echo](t.Context(), conn, "STFC_CONNECTION", in)
		require.NoError(t, err)
		k.dynamic = call(t, conn, "STFC_CONNECTION", in)
		res, err := conn.Call(t.Context(), "RFC_READ_TABLE", tableIn{Table: "ZBIGTAB"}, rfc.Stream("DATA"))
		require.NoError(t, err)
		for row, err := range rfc.Rows[tableRow](res, "DATA") {
			require.NoError(t, err)
			k.lines, k.copies = append(k.lines, row.WA), append(k.copies, strings.Clone(row.WA))
			if len(k.lines) > 50*i {
				break
			}
		}
		require.NoError(t, res.Close())
		if !conn.Alive() { // a stream that was left in the middle may cost the connection
			conn = connect(t, sys)
		}
		all = append(all, k)
	}
	for _, k := range all {
		require.Equal(t, k.text, k.typed.Text)
		require.Equal(t, k.text, k.dynamic["ECHOTEXT"])
		require.Equal(t, k.copies, k.lines)
	}
}

package rfctest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

func TestK01ToK10Descriptions(t *testing.T) {
	t.Parallel()
	sys := start(t)
	names := func(f *metadata.Function) string {
		var list []string
		for _, p := range f.Parameters {
			list = append(list, p.Direction.Class()+" "+p.Name)
		}
		return strings.Join(list, ", ")
	}
	require.Equal(t, "E ECHOTEXT, E RESPTEXT, I REQUTEXT", names(describe(t, sys, "STFC_CONNECTION"))) // K-01
	f := describe(t, sys, "STFC_STRUCTURE")
	require.Equal(t, "E ECHOSTRUCT, E RESPTEXT, I IMPORTSTRUCT, T RFCTABLE", names(f)) // K-02
	require.Equal(t, "C COUNTER, E RESULT, I START_VALUE", names(describe(t, sys, "STFC_CHANGING")))
	resp, ok := f.Parameter("RESPTEXT")
	require.True(t, ok)
	require.Equal(t, []int{255, 510}, []int{resp.Width(1), resp.Width(2)})
	echo, ok := f.Parameter("ECHOSTRUCT")
	require.True(t, ok)
	nuc, uc := echo.Type.Layout(1), echo.Type.Layout(2)
	require.Equal(t, []int{144, 264}, []int{nuc.Total, uc.Total}) // K-03
	require.Equal(t, []string{
		"RFCFLOAT", "RFCCHAR1", "RFCINT2", "RFCINT1", "RFCCHAR4", "RFCINT4", "RFCHEX3", "RFCCHAR2", "RFCTIME", "RFCDATE", "RFCDATA1", "RFCDATA2",
	}, echo.Type.Names())
	require.Equal(t, []int{0, 8, 10, 12, 13, 20, 24, 27, 29, 35, 43, 93}, nuc.Offsets) // K-04
	require.Equal(t, []int{0, 8, 10, 12, 14, 24, 28, 32, 36, 48, 64, 164}, uc.Offsets) // K-05
	require.Equal(t, 16, echo.Type.Fields[0].Decimals)                                 // K-06
	require.Equal(t, "System, date, time and logon data", resp.Text)                   // K-07
	require.Empty(t, describe(t, sys, "RFC_PING").Parameters)                          // K-10
	info, ok := describe(t, sys, "RFC_SYSTEM_INFO").Parameter("RFCSI_EXPORT")          // spec 24.6
	require.True(t, ok)
	require.Equal(t, []int{245, 490}, []int{info.Width(1), info.Width(2)})
	ret, ok := describe(t, sys, "BAPI_TRANSACTION_COMMIT").Parameter("RETURN") // K-09
	require.True(t, ok)
	require.Equal(t, []int{548, 1088}, []int{ret.Width(1), ret.Width(2)})
	require.Len(t, ret.Type.Fields, 14)
	fields, ok := describe(t, sys, "RFC_READ_TABLE").Parameter("FIELDS") // spec 21.4
	require.True(t, ok)
	require.Equal(t, 103, fields.Type.Layout(1).Total)
	line, ok := describe(t, sys, "STFC_DEEP_TABLE").Parameter("EXPORT_TAB") // spec 24.6
	require.True(t, ok)
	require.Equal(t, []int{0, 4, 24, 32}, line.Type.Layout(2).Offsets)
	require.Equal(t, 40, line.Type.Layout(2).Total)
	require.Equal(t, "STFCCPLXT_T", line.TypeName)
	for name, programs := range map[string]string{"STFC_CHANGING": "SAPLMRFC", "STFC_CONNECTION": "SAPLSTFC", "RFC_READ_TABLE": "SAPLSDTX"} {
		var in any
		switch name {
		case "STFC_CHANGING":
			in = rfc.Params{"START_VALUE": 1, "COUNTER": 1}
		case "STFC_CONNECTION":
			in = rfc.Params{"REQUTEXT": ""}
		default:
			in = tableIn{Table: "T000"}
		}
		res, err := sys.Call(t.Context(), name, in)
		require.NoError(t, err)
		require.Equal(t, programs, res.Program())
	}
}

func TestCounterIsSeenByOthersBehindTheCommitOnly(t *testing.T) {
	t.Parallel()
	sys := start(t)
	a, b := connect(t, sys), connect(t, sys)
	value := func(c rfc.Caller) (own, committed int64) {
		out := call(t, c, "Z_COUNTER_GET", rfc.Params{"NAME": "HITS"})
		return out["VALUE"].(int64), out["COMMITTED"].(int64)
	}
	is := func(c rfc.Caller, own, committed int64) {
		t.Helper()
		o, k := value(c)
		require.Equal(t, []int64{own, committed}, []int64{o, k})
	}
	add := func(c rfc.Caller, n int) rfc.Params {
		return call(t, c, "Z_COUNTER_ADD", rfc.Params{"NAME": "HITS", "DELTA": n})
	}
	require.EqualValues(t, 5, add(a, 5)["VALUE"])
	is(a, 5, 0)
	is(b, 0, 0)
	ret := call(t, a, "BAPI_TRANSACTION_COMMIT", rfc.Params{"WAIT": "X"})["RETURN"].(rfc.Params)
	require.Equal(t, "", ret["TYPE"]) // Q-15
	is(b, 5, 5)
	require.EqualValues(t, 5, sys.Counter("HITS"))

	add(b, 100)
	call(t, b, "BAPI_TRANSACTION_ROLLBACK", nil)
	is(b, 5, 5)

	add(b, 100)
	require.NoError(t, b.Reset(t.Context()))
	is(b, 5, 5)
	call(t, b, "BAPI_TRANSACTION_COMMIT", nil)
	is(a, 5, 5)

	add(a, 100)
	_ = fails(t, a, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "1", "MESSAGETYPE": "E"}) // an exception keeps the unit of work
	is(a, 105, 5)
	_ = fails(t, a, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"}) // a short dump does not
	is(b, 5, 5)

	c := connect(t, sys)
	add(c, 100)
	require.NoError(t, c.Close())
	is(b, 5, 5)
	require.EqualValues(t, 6, call(t, b, "Z_COUNTER_ADD", rfc.Params{"NAME": "HITS"})["VALUE"]) // the default adds 1
	require.Equal(t, "E", call(t, b, "Z_COUNTER_ADD", rfc.Params{"NAME": ""})["RETURN"].(rfc.Params)["TYPE"])
	require.Equal(t, map[string]int64{"HITS": 5}, sys.Counters())
}

func TestQ13CallbacksIntoTheClient(t *testing.T) {
	t.Parallel()
	sys := start(t)
	dialWith := func(t *testing.T, callbacks rfc.Handler) *rfc.Conn {
		t.Helper()
		cfg := sys.Config()
		cfg.Callbacks = callbacks
		conn, err := dial(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	for n := range 4 {
		t.Run(fmt.Sprint(n, " calls back"), func(t *testing.T) {
			var seen []string
			mux := rfc.NewMux()
			require.NoError(t, rfc.HandleInterface(mux, describe(t, sys, "STFC_CONNECTION"), func(_ context.Context, in connectionIn) (connectionOut, error) {
				seen = append(seen, in.Text)
				return connectionOut{Echo: in.Text + "!", Resp: "from the client"}, nil
			}))
			conn := dialWith(t, mux)
			out := call(t, conn, "STFC_CONNECTION_BACK", rfc.Params{"NRBACK": n, "REQUTEXT": "hello"})
			require.Equal(t, "hello"+strings.Repeat("!", n), out["ECHOTEXT"])
			require.Len(t, seen, n)
			if n > 0 {
				require.Equal(t, "from the client", out["RESPTEXT"])
			}
			require.NoError(t, conn.Ping(t.Context()))
		})
	}
	t.Run("refused by the client", func(t *testing.T) {
		conn := dialWith(t, nil)
		e := fails(t, conn, "STFC_CONNECTION_BACK", rfc.Params{"NRBACK": 1, "REQUTEXT": "x"})
		require.Equal(t, "FU_NOT_FOUND", e.Key)
		require.NoError(t, conn.Ping(t.Context()))
	})
	t.Run("exception of the client", func(t *testing.T) {
		mux := rfc.NewMux()
		require.NoError(t, rfc.HandleInterface(mux, describe(t, sys, "STFC_CONNECTION"), func(context.Context, connectionIn) (connectionOut, error) {
			return connectionOut{}, rfc.RaiseException("NOT_TODAY")
		}))
		e := fails(t, dialWith(t, mux), "STFC_CONNECTION_BACK", rfc.Params{"NRBACK": 3, "REQUTEXT": "x"})
		require.Equal(t, "NOT_TODAY", e.Key)
		require.Equal(t, rfc.ClassABAPException, e.Class)
	})
}

func TestSystemInfo(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithSystemID("ABC"))
	info := call(t, sys, "RFC_SYSTEM_INFO", nil)["RFCSI_EXPORT"].(rfc.Params)
	require.Equal(t, []any{"011", "4103", "LIT", "IE3", "ABC", "758", "793", "127.0.0.1"}, []any{
		info["RFCPROTO"], info["RFCCHARTYP"], info["RFCINTTYP"], info["RFCFLOTYP"], info["RFCSYSID"], info["RFCSAPRL"], info["RFCKERNRL"], info["RFCIPADDR"],
	})
	require.Equal(t, "    0", info["RFCTZONE"])
	require.Len(t, info, 20)
}

func TestFunctionSearch(t *testing.T) {
	t.Parallel()
	sys := start(t)
	find := func(in rfc.Params) string {
		var list []string
		for _, f := range call(t, sys, "RFC_FUNCTION_SEARCH", in)["FUNCTIONS"].([]rfc.Params) {
			list = append(list, f["FUNCNAME"].(string))
		}
		return strings.Join(list, " ")
	}
	require.Equal(t, "STFC_DEEP_STRUCTURE STFC_DEEP_TABLE", find(rfc.Params{"FUNCNAME": "STFC_DEEP*"}))
	require.Equal(t, "BAPI_TRANSACTION_COMMIT BAPI_TRANSACTION_ROLLBACK", find(rfc.Params{"FUNCNAME": "*", "GROUPNAME": "BAPT"}))
	require.Equal(t, "RFC_FUNCTION_SEARCH", find(rfc.Params{"FUNCNAME": "RFC+FUNCTION_S*"}))
	require.Equal(t, "NO_FUNCTION_FOUND", fails(t, sys, "RFC_FUNCTION_SEARCH", rfc.Params{"FUNCNAME": "NOSUCH*"}).Key)
	require.Equal(t, "NOTHING_SPECIFIED", fails(t, sys, "RFC_FUNCTION_SEARCH", rfc.Params{"FUNCNAME": ""}).Key)
}

func TestClientNumbersOfASystem(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithClients("100", "200"))
	for client, served := range map[string]bool{"100": true, "200": true, "001": false} {
		cfg := sys.Config()
		cfg.Client = client
		conn, err := dial(t.Context(), cfg)
		if !served {
			require.ErrorIs(t, err, rfc.ErrLogon, client)
			continue
		}
		require.NoError(t, err, client)
		require.NoError(t, conn.Close())
	}
}

func TestLoggerOfASystem(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer // written under the handler's lock, read after the sessions ended
	sys := start(t, rfctest.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", sys.Address())
	require.NoError(t, err)
	_, err = nc.Write([]byte("\x00\x00\x00\x04\xff\xff\xff\xff"))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, nc) // until the system hangs up
	require.NoError(t, err)
	require.NoError(t, nc.Close())
	require.NoError(t, sys.Shutdown(t.Context()))
	require.Contains(t, log.String(), "connection refused")
	require.Contains(t, log.String(), nc.LocalAddr().String())
}

func TestFlightsAndUsers(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithUser("ALICE", "pw"), rfctest.WithUser("BOB", "pw"), func(c *rfctest.Config) { c.User, c.Password = "ADMIN", "pw" })
	flights := func(in rfc.Params) string {
		var list []string
		out := call(t, sys, "BAPI_FLIGHT_GETLIST", in)
		for _, f := range out["FLIGHT_LIST"].([]rfc.Params) {
			list = append(list, fmt.Sprint(f["AIRLINEID"], f["CONNECTID"], " ", f["FLIGHTDATE"]))
		}
		typ := out["RETURN"].([]rfc.Params)[0]["TYPE"]
		require.Equal(t, len(list) > 0, typ == "S")
		return strings.Join(list, ", ")
	}
	require.Equal(t, "AB0017 20260626, AB0017 20260703, AB0064 20260627", flights(rfc.Params{"AIRLINE": "AB"}))
	require.Equal(t, "AB0064 20260627, EF2402 20260630", flights(rfc.Params{"DATE_RANGE": []rfc.Params{{"SIGN": "I", "OPTION": "BT", "LOW": "20260627", "HIGH": "20260630"}}}))
	require.Equal(t, "ZA0788 20260714", flights(rfc.Params{"DESTINATION_FROM": rfc.Params{"CITY": "FRANKFURT"}, "MAX_ROWS": 1}))
	require.Empty(t, flights(rfc.Params{"AIRLINE": "XX"}))
	list := call(t, sys, "BAPI_FLIGHT_GETLIST", rfc.Params{"AIRLINE": "AB", "DESTINATION_TO": rfc.Params{"AIRPORTID": "BER"}})["FLIGHT_LIST"].([]rfc.Params)
	require.Equal(t, "Alpha Bravo", list[0]["AIRLINE"])
	require.Equal(t, "20260628", list[0]["ARRDATE"].(abap.Date).String())

	users := func(in rfc.Params) string {
		out := call(t, sys, "BAPI_USER_GETLIST", in)
		var list []string
		for _, u := range out["USERLIST"].([]rfc.Params) {
			list = append(list, fmt.Sprint(u["USERNAME"], u["FULLNAME"]))
		}
		require.EqualValues(t, len(list), out["ROWS"])
		return strings.Join(list, " ")
	}
	require.Equal(t, "ADMIN ALICE BOB", users(nil))
	require.Equal(t, "ADMIN ALICE", users(rfc.Params{"MAX_ROWS": 2}))
	byName := func(sign, option, low string) rfc.Params {
		return rfc.Params{"SELECTION_RANGE": []rfc.Params{{"PARAMETER": "USERNAME", "SIGN": sign, "OPTION": option, "LOW": low}}}
	}
	require.Equal(t, "ADMIN ALICE", users(byName("I", "CP", "A*")))
	require.Equal(t, "ALICE BOB", users(byName("E", "EQ", "ADMIN")))
	in := byName("I", "GE", "B")
	in["WITH_USERNAME"] = "X"
	require.Equal(t, "BOBTest Bob", users(in))
	rows, _ := read(t, sys, tableIn{Table: "USR02", Sorted: "X"}.fields("BNAME"))
	require.Equal(t, []string{"ADMIN", "ALICE", "BOB"}, rows)
}

func TestRowsAreStored(t *testing.T) {
	t.Parallel()
	sys := start(t)
	call(t, sys, "STFC_WRITE_TO_TCPIC", rfc.Params{"TCPICDAT": []rfc.Params{{"LINE": "one"}, {"LINE": "two"}}})
	call(t, sys, "STFC_WRITE_TO_TCPIC", rfc.Params{"TCPICDAT": []rfc.Params{{"LINE": "three"}}})
	require.Equal(t, []string{"one", "two", "three"}, sys.StoredRows())
}

func TestLogonIsChecked(t *testing.T) {
	t.Parallel()
	sys := start(t)
	for name, change := range map[string]func(*rfc.Secret, *string, *string){
		"password": func(p *rfc.Secret, _, _ *string) { *p = "wrong" },
		"user":     func(_ *rfc.Secret, u, _ *string) { *u = "NOBODY" },
		"client":   func(_ *rfc.Secret, _, c *string) { *c = "999" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sys.Config()
			change(&cfg.Password, &cfg.User, &cfg.Client)
			_, err := dial(t.Context(), cfg)
			require.ErrorIs(t, err, rfc.ErrLogon)
			require.NotContains(t, fmt.Sprintf("%+v", err), "wrong")
		})
	}
}

func TestInterceptAndCount(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	in := rfc.Params{"REQUTEXT": "x"}
	require.Equal(t, "x", call(t, conn, "STFC_CONNECTION", in)["ECHOTEXT"])
	var order []string
	observe := func(name string) func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(next rfc.HandlerFunc) rfc.HandlerFunc {
			return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
				order = append(order, name)
				return next(ctx, req, reply)
			}
		}
	}
	sys.Intercept("STFC_CONNECTION", observe("first"))
	sys.Intercept("STFC_CONNECTION", observe("second"))
	require.Equal(t, "x", call(t, conn, "STFC_CONNECTION", in)["ECHOTEXT"])
	require.Equal(t, []string{"second", "first"}, order)
	sys.Intercept("STFC_CONNECTION", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error { return rfc.RaiseException("BUSY") }
	})
	require.Equal(t, "BUSY", fails(t, conn, "STFC_CONNECTION", in).Key)
	require.EqualValues(t, 3, sys.Calls("STFC_CONNECTION"))
	require.Zero(t, sys.Calls("STFC_STRING"))

	sys.Intercept("Z_LATER", observe("later"))
	require.NoError(t, rfc.Handle(sys.Mux(), "Z_LATER", func(_ context.Context, in connectionIn) (connectionOut, error) {
		return connectionOut{Echo: in.Text}, nil
	}))
	require.Equal(t, "x", call(t, conn, "Z_LATER", in)["ECHOTEXT"])
	require.EqualValues(t, 1, sys.Calls("Z_LATER"))
	require.Equal(t, "later", order[len(order)-1])
}

func TestQ06AndQ07HandlersThatFail(t *testing.T) {
	t.Parallel()
	sys := start(t)
	require.NoError(t, rfc.Handle(sys.Mux(), "Z_FAIL", func(context.Context, connectionIn) (connectionOut, error) {
		return connectionOut{}, errors.New("out of order")
	}))
	conn := connect(t, sys)
	e := fails(t, conn, "Z_FAIL", rfc.Params{"REQUTEXT": "x"})
	require.Equal(t, 3, e.Code())
	require.False(t, conn.Alive())
	require.ErrorContains(t, rfc.Handle(sys.Mux(), "STFC_CONNECTION", func(context.Context, connectionIn) (connectionOut, error) {
		return connectionOut{}, nil
	}), "Server function 'STFC_CONNECTION' already installed.") // Q-02
}

type slowConn struct {
	net.Conn
	reads *atomic.Int64
}

func (c slowConn) Read(b []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(b[:1]) // one byte at a time
}

func TestAcceptedConnectionsCanBeWrapped(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	sys := start(t, rfctest.WithConn(func(nc net.Conn) net.Conn { return slowConn{nc, &reads} }))
	require.Equal(t, "x", call(t, sys, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})["ECHOTEXT"])
	require.Greater(t, reads.Load(), int64(500))
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]rfctest.Config{
		"system id":              {SystemID: "TOOLONG"},
		"of its own":             {AllowRemote: true},
		"exactly one":            {User: "X"},
		"reachable from outside": {Address: "0.0.0.0:0", User: "X", Password: "y"},
	} {
		_, err := rfctest.Start(t.Context(), cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	sys, err := rfctest.Start(ctx, rfctest.Config{Configure: func(s *gateway.Server) { s.MaxConnections = 50 }})
	require.NoError(t, err)
	conn := connect(t, sys)
	cancel()
	<-sys.Done()
	require.NoError(t, sys.Close())
	require.NoError(t, sys.Close())
	_, err = conn.Call(t.Context(), "RFC_PING", nil, rfc.WithInterface(describe(t, sys, "RFC_PING")))
	require.Error(t, err)
	_, err = sys.Call(t.Context(), "RFC_PING", nil)
	require.Error(t, err)
}

func TestShutdownWaitsForRunningCalls(t *testing.T) {
	t.Parallel()
	w := newManualWait()
	sys := start(t, rfctest.WithWait(w.wait))
	conn := connect(t, sys)
	result := make(chan error, 1)
	go func() {
		_, err := conn.Call(t.Context(), "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 1})
		result <- err
	}()
	<-w.started
	stopped := make(chan error, 1)
	go func() { stopped <- sys.Shutdown(t.Context()) }()
	<-sys.Done()
	close(w.release)
	require.NoError(t, <-result)
	require.NoError(t, <-stopped)
}

func TestScriptPlaysItsSteps(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	script := new(rfctest.Script).Expect([]byte("ask")).SendFrame([]byte("answer")).ExpectFrame(func(p []byte) error {
		if string(p) != "payload" {
			return fmt.Errorf("payload %q", p)
		}
		return nil
	}).Send([]byte("bye")).Close()
	done := make(chan error, 1)
	go func() { done <- script.Run(t.Context(), a) }()
	_, err := b.Write([]byte("ask"))
	require.NoError(t, err)
	got := make([]byte, 10)
	_, err = io.ReadFull(b, got)
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x06answer", string(got))
	_, err = b.Write([]byte("\x00\x00\x00\x07payload"))
	require.NoError(t, err)
	rest, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "bye", string(rest))
	require.NoError(t, <-done)
	t.Run("a step that fails is named", func(t *testing.T) {
		a, b := net.Pipe()
		go func() { _, _ = b.Write([]byte("no")) }()
		require.ErrorContains(t, new(rfctest.Script).Expect([]byte("ok")).Run(t.Context(), a), "script step 1 (expect): want 6f 6b, got 6e 6f")
	})
}

func TestScriptAsHostilePeer(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]*rfctest.Script{
		"closes at once":       new(rfctest.Script).Close(),
		"resets":               new(rfctest.Script).ExpectFrame(nil).Reset(),
		"sends rubbish":        new(rfctest.Script).ExpectFrame(nil).Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")).ExpectClose(),
		"announces too much":   new(rfctest.Script).ExpectFrame(nil).Send([]byte{0xff, 0xff, 0xff, 0xff}).ExpectClose(),
		"half a frame":         new(rfctest.Script).ExpectFrame(nil).Send([]byte{0, 0, 0, 64, 1, 2}).Close(),
		"an empty frame twice": new(rfctest.Script).ExpectFrame(nil).SendFrame(nil).SendFrame(nil).Close(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := script.Listen(t)
			sys := start(t)
			cfg := sys.Config()
			cfg.ApplicationServer, cfg.GatewayService, _ = strings.Cut(address, ":")
			cfg.LogonTimeout = 20 * time.Second
			_, err := dial(t.Context(), cfg)
			require.Error(t, err)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, rfc.NotSent, e.Outcome)
			require.Contains(t, []rfc.Class{rfc.ClassCommunication, rfc.ClassProtocol, rfc.ClassLimit}, e.Class)
		})
	}
}

func BenchmarkConnectionTest(b *testing.B) {
	sys := rfctest.NewSystem(b)
	conn := connect(b, sys)
	in := &connectionIn{Text: "hello"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rfc.Call[connectionOut](context.Background(), conn, "STFC_CONNECTION", in); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	sys, err := rfctest.Start(context.Background(), rfctest.Config{Now: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sys.Close() }()
	out, err := rfc.Call[connectionOut](context.Background(), sys, "STFC_CONNECTION", connectionIn{Text: "hello"})
	fmt.Println(out.Echo, err)
	fmt.Println(out.Resp)
	// Output:
	// hello <nil>
	// SAP R/3 Rel. 758   Sysid: GOR      Date: 20260626   Time: 131415   Logon_Data: 001/DEVELOPER/E
}

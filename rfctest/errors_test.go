package rfctest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

func TestJ01ToJ16RaisedErrors(t *testing.T) {
	t.Parallel()
	sys := start(t)
	const raise = "RFC_RAISE_ERROR"
	in := func(method, typ string) rfc.Params { return rfc.Params{"METHOD": method, "MESSAGETYPE": typ} }
	for _, tc := range []struct {
		id, function string
		in           rfc.Params
		code, group  int
		key, message string
		msg          string // class, type, number, v1
		kept         bool
	}{
		{"J-01", "UNDEFINED", nil, 5, 1, "FU_NOT_FOUND", "ID:FL Type:E Number:046 UNDEFINED", "FL E 046 UNDEFINED", true},
		{"J-02", raise, in("0", "E"), 4, 2, "Function not supported", "Function not supported", "SR E 006 Method = 0", false},
		{"J-03", raise, nil, 4, 2, "Function not supported", "Function not supported", "SR E 006 Method = 0", false},
		{"J-04", raise, in("1", "E"), 5, 1, "RAISE_EXCEPTION", "ID:SR Type:E Number:006 Method = 1", "SR E 006 Method = 1", true},
		{"J-05", raise, in("3", "E"), 3, 2, "COMPUTE_INT_ZERODIVIDE", "Division by 0 (type I or INT8)", "   ", false},
		{"J-06", raise, in("5", "E"), 3, 2, "SYNTAX_ERROR", "Syntax error in program RSXERROR                                .", "   ", false},
		{"J-07", raise, in("36", "E"), 4, 2, "Division by 0 (type I or INT8)", "Division by 0 (type I or INT8)", "SR E 000 Division by 0 (type I or INT8)", false},
		{"J-08", raise, in("0", "A"), 4, 2, "Function not supported", "Function not supported", "SR A 006 Method = 0", false},
		{"J-08 X", raise, in("0", "X"), 3, 2, "MESSAGE_TYPE_X", "The current application has triggered a termination with a short dump.", "   ", false},
		{"J-09", "STFC_SAPGUI", nil, 3, 2, "DYNPRO_SEND_IN_BACKGROUND", "Screen output without connection to user.", "   ", false},
		{"J-10", "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "T008X"}, 5, 1, "TABLE_NOT_AVAILABLE", "ID:SV Type:E Number:029 T008X", "SV E 029 T008X", true},
		{"J-14", raise, in("51", "E"), 3, 2, "BLOCKED_COMMIT", "A database commit was blocked by the application.", "   ", false},
		{"J-16", raise, in("2", "E"), 5, 1, "RAISE_EXCEPTION", " Number:000", "  000 ", true},
		{"exception", "STFC_EXCEPTION", nil, 5, 1, "EXAMPLE", " Number:000", "  000 ", true},
	} {
		t.Run(tc.id, func(t *testing.T) {
			conn := connect(t, sys)
			var in any
			if tc.in != nil {
				in = tc.in
			}
			e := fails(t, conn, tc.function, in, rfc.WithInterface(describe(t, sys, tc.function)))
			require.Equal(t, []any{tc.code, tc.group, tc.key, tc.message}, []any{e.Code(), e.Group(), e.Key, e.Message})
			require.Equal(t, tc.msg, fmt.Sprintf("%s %s %s %s", e.MessageClass, e.MessageType, e.MessageNumber, e.MessageV[0]))
			require.True(t, e.Remote)
			require.Equal(t, rfc.Executed, e.Outcome)
			// J-12: only exceptions keep the connection.
			require.Equal(t, tc.kept, conn.Alive())
			require.Equal(t, tc.kept, tc.code == 5)
			require.False(t, rfc.SafeToRetry(e))
			err := conn.Ping(t.Context())
			if tc.kept {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, rfc.ErrClosed)
		})
	}
	t.Run("J-11", func(t *testing.T) {
		e := fails(t, sys, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "T008X"})
		require.Contains(t, fmt.Sprintf("%+v", e), "5 (rc=5): key=TABLE_NOT_AVAILABLE, message=ID:SV Type:E Number:029 T008X [MSG: class=SV, type=E, number=029, v1-4:=T008X;;;]")
	})
	t.Run("J-13", func(t *testing.T) {
		// The system's own caller opens another connection behind an error that cost it.
		e := fails(t, sys, raise, in("3", "E"))
		require.Equal(t, "COMPUTE_INT_ZERODIVIDE", e.Key)
		require.Equal(t, "x", call(t, sys, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})["ECHOTEXT"])
	})
	t.Run("messages that end nothing", func(t *testing.T) {
		for _, typ := range []string{"S", "I", "W"} {
			require.Empty(t, call(t, sys, raise, in("0", typ)))
		}
	})
}

// describe finds the interface of a module; for an unknown one it makes an empty one, so
// that the call itself is tried.
func describe(t testing.TB, sys *rfctest.System, name string) *metadata.Function {
	t.Helper()
	if f := sys.Mux().Describe(name); f != nil {
		return f
	}
	f, err := metadata.NewFunction(name, nil)
	require.NoError(t, err)
	return f
}

func TestB128NamesOfRemoteAdministrationDoNotExist(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, name := range []string{
		"RFC_SET_REG_SERVER_PROPERTY", "SYSTEM_CREATE_INSTANCE", "RFC_START_PROGRAM", "RFC_START_GUI", "TRUSTED_SYSTEM_SECURITY", "RFC_REMOTE_EXEC",
		"SXPG_COMMAND_EXECUTE", "RFC_DOCU",
	} {
		e := fails(t, conn, name, nil, rfc.WithInterface(describe(t, sys, name)))
		require.Equal(t, "FU_NOT_FOUND", e.Key, name)
		require.NoError(t, conn.Ping(t.Context()))
	}
}

func TestL01ToL05RequestedParameters(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	t.Run("L-01", func(t *testing.T) {
		out := call(t, conn, "STFC_CHANGING", rfc.Params{"START_VALUE": 1, "COUNTER": 2}, rfc.NotRequested("RESULT"))
		require.Equal(t, rfc.Params{"COUNTER": int32(3)}, out)
	})
	t.Run("L-02", func(t *testing.T) {
		in := rfc.Params{"IMPORTSTRUCT": rfc.Params{}}
		require.NotContains(t, call(t, conn, "STFC_STRUCTURE", in, rfc.NotRequested("RFCTABLE")), "RFCTABLE")
		require.Contains(t, call(t, conn, "STFC_STRUCTURE", in), "RFCTABLE")
		// An input that is not active is one that is not passed: it has to be optional.
		e := refused(t, sys, conn, "STFC_STRUCTURE", nil)
		require.Equal(t, rfc.ClassParameter, e.Class)
		require.ErrorContains(t, e, "IMPORTSTRUCT")
	})
	t.Run("L-03", func(t *testing.T) {
		// Outputs are requested unless a call says otherwise, and that holds for this call alone.
		var wanted []bool
		sys.Intercept("STFC_CONNECTION", func(next rfc.HandlerFunc) rfc.HandlerFunc {
			return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
				wanted = append(wanted, req.Requested("ECHOTEXT"), req.Requested("RESPTEXT"))
				return next(ctx, req, reply)
			}
		})
		in := rfc.Params{"REQUTEXT": "x"}
		call(t, conn, "STFC_CONNECTION", in)
		call(t, conn, "STFC_CONNECTION", in, rfc.NotRequested("RESPTEXT"))
		call(t, conn, "STFC_CONNECTION", in)
		require.Equal(t, []bool{true, true, true, false, true, true}, wanted)
	})
	t.Run("L-05", func(t *testing.T) {
		in := rfc.Params{"IV_PLNTY": "A", "IV_PLNNR": "00100000"}
		out := call(t, conn, "EAM_TASKLIST_GET_DETAIL", in, rfc.NotRequested(
			"ET_COMPONENTS", "ET_HDR_HIERARCHY", "ET_MPACKAGES", "ET_OPERATIONS", "ET_OPR_HIERARCHY", "ET_PRTS", "ET_RELATIONS"))
		require.Empty(t, out["ET_RETURN"])
		require.Len(t, out["ET_HEADER"], 1)
		require.NotContains(t, out, "ET_OPERATIONS")
		out = call(t, conn, "EAM_TASKLIST_GET_DETAIL", in)
		ret := out["ET_RETURN"].([]rfc.Params)
		require.Len(t, ret, 1)
		require.Equal(t, []any{"E", "DIWP1", "212", "Task list A 00100000  is not hierarchical", "A", "00100000", "HIERARCHY"}, []any{
			ret[0]["TYPE"], ret[0]["ID"], ret[0]["NUMBER"], ret[0]["MESSAGE"], ret[0]["MESSAGE_V1"], ret[0]["MESSAGE_V2"], ret[0]["PARAMETER"],
		})
		require.Len(t, out["ET_OPERATIONS"], 1)
	})
	t.Run("L-04", func(t *testing.T) {
		closed := connect(t, sys)
		require.NoError(t, closed.Close())
		e := fails(t, closed, "STFC_CHANGING", rfc.Params{"START_VALUE": 1, "COUNTER": 2}, rfc.NotRequested("RESULT"))
		require.ErrorIs(t, e, rfc.ErrClosed)
		require.Equal(t, rfc.NotSent, e.Outcome)
	})
}

// instant is a time limit long enough for the module to begin its wait.
const instant = 250 * time.Millisecond

func TestM01ToM06LimitsAndCancel(t *testing.T) {
	t.Parallel()
	in := rfc.Params{"SECONDS": 10}
	check := func(t *testing.T, w *manualWait, conn *rfc.Conn, e *rfc.Error, class rfc.Class) {
		t.Helper()
		require.Equal(t, class, e.Class)
		require.Equal(t, []any{7, 4, "RFC_CANCELED"}, []any{e.Code(), e.Group(), e.Key})
		require.True(t, strings.HasPrefix(e.Message, "Connection was canceled."), e.Message)
		require.ErrorIs(t, e, rfc.ErrCanceled)
		require.Equal(t, rfc.Unknown, e.Outcome)
		require.True(t, e.MayHaveExecuted())
		require.False(t, rfc.SafeToRetry(e)) // M-08
		require.False(t, conn.Alive())
		<-w.started
		require.ErrorIs(t, <-w.ended, rfc.ErrPeerClosed) // the module saw the caller leave
	}
	t.Run("M-01 and M-02", func(t *testing.T) {
		w := newManualWait()
		sys := start(t, rfctest.WithWait(w.wait))
		conn := connect(t, sys)
		e := fails(t, conn, "RFC_PING_AND_WAIT", in, rfc.WithTimeout(instant))
		check(t, w, conn, e, rfc.ClassTimeout)
		again := connect(t, sys)
		require.NoError(t, again.Ping(t.Context()))
		a, err := again.Attributes()
		require.NoError(t, err)
		require.NotEqual(t, e.ConversationID, a.ConversationID)
		require.EqualValues(t, 1, sys.Calls("RFC_PING_AND_WAIT")) // M-08: never sent again
	})
	t.Run("M-03 and M-04", func(t *testing.T) {
		w := newManualWait()
		sys := start(t, rfctest.WithWait(w.wait))
		for _, tc := range []struct {
			onConn time.Duration
			opts   []rfc.Option
		}{{instant, nil}, {time.Hour, []rfc.Option{rfc.WithTimeout(instant)}}} {
			cfg := sys.Config()
			cfg.CallTimeout = tc.onConn
			conn, err := dial(t.Context(), cfg)
			require.NoError(t, err)
			check(t, w, conn, fails(t, conn, "RFC_PING_AND_WAIT", in, tc.opts...), rfc.ClassTimeout)
		}
	})
	t.Run("M-05", func(t *testing.T) {
		sys := start(t)
		conn := connect(t, sys)
		e := fails(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": 1}, rfc.WithTimeout(time.Minute))
		require.Equal(t, rfc.ClassConversion, e.Class)
		require.NoError(t, conn.Ping(t.Context()))
	})
	t.Run("M-06", func(t *testing.T) {
		w := newManualWait()
		sys := start(t, rfctest.WithWait(w.wait))
		conn := connect(t, sys)
		reason := errors.New("the user pressed stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := conn.Call(ctx, "RFC_PING_AND_WAIT", in)
			result <- err
		}()
		require.Equal(t, 10*time.Second, <-w.started)
		w.started <- 0 // check reads it again
		cancel(reason)
		var e *rfc.Error
		require.ErrorAs(t, <-result, &e)
		check(t, w, conn, e, rfc.ClassCanceled)
		require.ErrorIs(t, e, reason)
	})
}

func TestRejectedContextSendsNothing(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := conn.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrCanceled)
	require.Zero(t, sys.Calls("STFC_CONNECTION"))
	_, err = sys.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, context.Canceled)
}

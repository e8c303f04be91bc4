package bapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/bapi"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// pooled is a destination that keeps several sessions.
func pooled(t *testing.T) (*rfctest.System, *destination.Destination) {
	t.Helper()
	sys := rfctest.NewSystem(t)
	cfg := sys.Config()
	cfg.Name, cfg.Pool.Capacity = "A4H", new(4)
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return sys, d
}

type added struct {
	Value  int64        `rfc:"VALUE"`
	Return bapi.Message `rfc:"RETURN"`
}

func add(ctx context.Context, c rfc.Caller, counter string) error {
	_, err := bapi.Call[added](ctx, c, "Z_COUNTER_ADD", rfc.Params{"NAME": counter})
	return err
}

func TestTransactionIsCommittedOrRolledBack(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	twice := func(s *destination.Session) error {
		return errors.Join(add(t.Context(), s, "C"), add(t.Context(), s, "C"))
	}
	require.NoError(t, bapi.Transaction(t.Context(), d, twice))
	require.EqualValues(t, 2, sys.Counter("C"))
	require.Zero(t, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))

	boom := errors.New("boom")
	err := bapi.Transaction(t.Context(), d, func(s *destination.Session) error {
		require.NoError(t, twice(s))
		return boom
	})
	require.Equal(t, boom, err, "to the letter")
	require.EqualValues(t, 1, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))
	require.Panics(t, func() {
		_ = bapi.Transaction(t.Context(), d, func(s *destination.Session) error {
			require.NoError(t, twice(s))
			panic("in the middle")
		})
	})
	require.EqualValues(t, 2, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))
	// The end of the context is no reason to leave anything behind.
	ctx, cancel := context.WithCancel(t.Context())
	err = bapi.Transaction(ctx, d, func(s *destination.Session) error {
		require.NoError(t, twice(s))
		cancel()
		return ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 3, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))
	require.EqualValues(t, 1, sys.Calls("BAPI_TRANSACTION_COMMIT"))
	require.EqualValues(t, 2, sys.Counter("C"))
}

// A BAPI that fails by its messages rolls the others back.
func TestMessagesFailATransaction(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	err := bapi.Transaction(t.Context(), d, func(s *destination.Session) error {
		if err := add(t.Context(), s, "C"); err != nil {
			return err
		}
		return add(t.Context(), s, "")
	})
	e, ok := errors.AsType[*bapi.Error](err)
	require.True(t, ok)
	require.Equal(t, "Z_COUNTER_ADD", e.Function)
	require.Equal(t, bapi.Message{
		Type: "E", ID: "00", Number: "055", Text: "Fill out all required entry fields", LogMessageNumber: "000000", Parameter: "NAME", System: "GORCLNT001",
	}, e.First())
	require.EqualError(t, err, "Z_COUNTER_ADD: E 00 055: Fill out all required entry fields (parameter NAME)")
	require.Zero(t, sys.Counter("C"))
}

// U49: a commit over a pool reaches another session and has no effect there. The compiler
// refuses it.
func TestU49CommitNeedsASession(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	_, ok := any(d).(bapi.Session)
	require.False(t, ok, "a pool is no session")
	_, ok = any(sys).(bapi.Session)
	require.False(t, ok, "nor is what opens another connection by itself")
	require.Error(t, bapi.Commit(t.Context(), nil, true))
	require.ErrorIs(t, bapi.Rollback(t.Context(), nil), rfc.ErrState)

	other, err := d.Pin(t.Context())
	require.NoError(t, err)
	s, err := d.Pin(t.Context())
	require.NoError(t, err)
	require.NoError(t, add(t.Context(), s, "C"))
	require.NoError(t, bapi.Commit(t.Context(), other, true))
	require.Zero(t, sys.Counter("C"), "this is what would happen")
	require.NoError(t, bapi.Rollback(t.Context(), s))
	require.NoError(t, bapi.Commit(t.Context(), s, false))
	require.Zero(t, sys.Counter("C"))
	require.NoError(t, add(t.Context(), s, "C"))
	require.NoError(t, bapi.Commit(t.Context(), s, false))
	require.EqualValues(t, 1, sys.Counter("C"))
	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, other.Close(t.Context()))
	require.ErrorIs(t, bapi.Commit(t.Context(), s, false), rfc.ErrClosed)

	conn, err := sys.Connect(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, add(t.Context(), conn, "C"))
	require.NoError(t, bapi.Commit(t.Context(), conn, true))
	require.EqualValues(t, 2, sys.Counter("C"))
}

func TestWaitIsPassedOn(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	var waits []string
	sys.Intercept("BAPI_TRANSACTION_COMMIT", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			var in struct {
				Wait string `rfc:"WAIT"`
			}
			if err := req.Scan(&in); err != nil {
				return err
			}
			waits = append(waits, in.Wait)
			return next(ctx, req, reply)
		}
	})
	require.NoError(t, d.Session(t.Context(), func(s *destination.Session) error {
		return errors.Join(bapi.Commit(t.Context(), s, true), bapi.Commit(t.Context(), s, false))
	}))
	require.NoError(t, bapi.Transaction(t.Context(), d, func(*destination.Session) error { return nil }))
	require.Equal(t, []string{"X", "", "X"}, waits)
}

func TestFailedCommitIsRolledBack(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	sys.Intercept("BAPI_TRANSACTION_COMMIT", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
			reply.Set(rfc.Params{"RETURN": rfc.Params{"TYPE": "A", "ID": "00", "NUMBER": "671", "MESSAGE": "Update was terminated"}})
			return nil
		}
	})
	err := bapi.Transaction(t.Context(), d, func(s *destination.Session) error { return add(t.Context(), s, "C") })
	require.EqualError(t, err, "BAPI_TRANSACTION_COMMIT: A 00 671: Update was terminated")
	require.EqualValues(t, 1, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))
	sys.Intercept("BAPI_TRANSACTION_ROLLBACK", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error {
			return rfc.RuntimeFailure("SYSTEM_CORE_DUMPED", "dumped")
		}
	})
	err = bapi.Transaction(t.Context(), d, func(s *destination.Session) error { return add(t.Context(), s, "C") })
	require.ErrorContains(t, err, "Update was terminated")
	require.ErrorIs(t, err, rfc.ErrABAPRuntime, "both are told")
}

// What a lost session had done ABAP has rolled back.
func TestLostSessionNeedsNoRollback(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	err := bapi.Transaction(t.Context(), d, func(s *destination.Session) error {
		require.NoError(t, add(t.Context(), s, "C"))
		_, err := s.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
		return err
	})
	require.ErrorIs(t, err, rfc.ErrABAPRuntime)
	require.Zero(t, sys.Calls("BAPI_TRANSACTION_ROLLBACK"))
	require.Zero(t, sys.Counter("C"))
	// A commit whose answer is lost is not known to have failed.
	sys.Intercept("BAPI_TRANSACTION_COMMIT", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			_ = next(ctx, req, reply)
			_ = sys.Close()
			return errors.New("nobody hears this")
		}
	})
	err = bapi.Transaction(t.Context(), d, func(s *destination.Session) error { return add(t.Context(), s, "C") })
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.MayHaveExecuted(), "%+v", e)
	require.EqualValues(t, 1, sys.Counter("C"))
}

// The four structures of messages.
type (
	ret2 struct {
		Type    string `rfc:"TYPE,char=1"`
		ID      string `rfc:"ID,char=20"`
		Number  string `rfc:"NUMBER,numc=3"`
		Message string `rfc:"MESSAGE,char=220"`
		LogNo   string `rfc:"LOG_NO,char=20"`
		LogMsg  string `rfc:"LOG_MSG_NO,numc=6"`
		V1      string `rfc:"MESSAGE_V1,char=50"`
		V2      string `rfc:"MESSAGE_V2,char=50"`
		V3      string `rfc:"MESSAGE_V3,char=50"`
		V4      string `rfc:"MESSAGE_V4,char=50"`
		Param   string `rfc:"PARAMETER,char=32"`
		Row     int32  `rfc:"ROW"`
		Field   string `rfc:"FIELD,char=30"`
		System  string `rfc:"SYSTEM,char=10"`
	}
	ret1 struct {
		Type    string `rfc:"TYPE,char=1"`
		ID      string `rfc:"ID,char=20"`
		Number  string `rfc:"NUMBER,numc=3"`
		Message string `rfc:"MESSAGE,char=220"`
		LogNo   string `rfc:"LOG_NO,char=20"`
		LogMsg  string `rfc:"LOG_MSG_NO,numc=6"`
		V1      string `rfc:"MESSAGE_V1,char=50"`
		V2      string `rfc:"MESSAGE_V2,char=50"`
		V3      string `rfc:"MESSAGE_V3,char=50"`
		V4      string `rfc:"MESSAGE_V4,char=50"`
	}
	ret struct {
		Type    string `rfc:"TYPE,char=1"`
		Code    string `rfc:"CODE,char=5"`
		Message string `rfc:"MESSAGE,char=220"`
		LogNo   string `rfc:"LOG_NO,char=20"`
		LogMsg  string `rfc:"LOG_MSG_NO,numc=6"`
		V1      string `rfc:"MESSAGE_V1,char=50"`
		V2      string `rfc:"MESSAGE_V2,char=50"`
		V3      string `rfc:"MESSAGE_V3,char=50"`
		V4      string `rfc:"MESSAGE_V4,char=50"`
	}
)

// answers registers a module that returns out.
func answers[Out any](t *testing.T, sys *rfctest.System, name string, out Out) {
	t.Helper()
	require.NoError(t, rfc.Handle(sys.Mux(), name, func(context.Context, struct{}) (Out, error) { return out, nil }))
}

// Every form of messages, in structures and tables, is the same error from a response, from
// its maps and records, and from structs.
func TestFormsOfMessages(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	answers(t, sys, "Z_RET2", struct {
		Return ret2 `rfc:"RETURN"`
	}{ret2{Type: "E", ID: "01", Number: "124", Message: "User ALICE does not exist", V1: "ALICE", Row: 2, Param: "USERNAME", Field: "BAPIBNAME"}})
	answers(t, sys, "Z_RET1", struct {
		Return ret1 `rfc:"RETURN"`
	}{ret1{Type: "A", ID: "01", Number: "124", Message: "User ALICE does not exist"}})
	answers(t, sys, "Z_RET", struct {
		Return ret `rfc:"RETURN"`
	}{ret{Type: "X", Code: "01124", V1: "ALICE", V2: "gone"}})
	answers(t, sys, "Z_RET2_TABLE", struct {
		Messages []ret2 `rfc:"ET_MESSAGES"`
	}{[]ret2{
		{Type: "S", ID: "01", Number: "102", Message: "User BOB has changed"},
		{Type: "W", ID: "01", Number: "103", Message: "Carefully"},
		{Type: "E", ID: "01", Number: "124", Message: "User ALICE does not exist"},
		{Type: "I", ID: "01", Number: "104", Message: "So it is"},
	}})
	answers(t, sys, "Z_RET_TABLE", struct {
		Return []ret  `rfc:"RETURN"`
		Other  string `rfc:"OTHER"`
	}{[]ret{{Type: "E", Code: "01124", Message: "User ALICE does not exist"}}, "more"})
	type one struct {
		Return *bapi.Message `rfc:"RETURN"`
	}
	type rows struct {
		Return []bapi.Message `rfc:"RETURN"`
	}
	type messages struct {
		Messages []bapi.Message `rfc:"ET_MESSAGES"`
	}
	for _, c := range []struct {
		function string
		typed    func(function string) error
		want     string
		n        int
	}{
		{"Z_RET2", typed[one](t, d), "Z_RET2: E 01 124: User ALICE does not exist (parameter USERNAME, row 2, field BAPIBNAME)", 1},
		{"Z_RET1", typed[one](t, d), "Z_RET1: A 01 124: User ALICE does not exist", 1},
		{"Z_RET", typed[one](t, d), "Z_RET: X 01 124: ALICE gone", 1},
		{"Z_RET2_TABLE", typed[messages](t, d), "Z_RET2_TABLE: E 01 124: User ALICE does not exist", 4},
		{"Z_RET_TABLE", typed[rows](t, d), "Z_RET_TABLE: E 01 124: User ALICE does not exist", 1},
	} {
		res, err := d.Call(t.Context(), c.function, nil)
		require.NoError(t, err)
		values, err := res.Values()
		require.NoError(t, err)
		record, err := res.Record()
		require.NoError(t, err)
		without := strings.TrimPrefix(c.want, c.function+": ")
		require.EqualError(t, bapi.Check(values), without)
		require.EqualError(t, bapi.Check(record), without)
		for _, err := range []error{
			bapi.Check(res), c.typed(c.function), typed[rfc.Params](t, d)(c.function), typed[*rfc.Record](t, d)(c.function),
		} {
			require.EqualError(t, err, c.want)
			e, ok := errors.AsType[*bapi.Error](err)
			require.True(t, ok)
			require.Len(t, e.Messages, c.n)
			require.Len(t, e.Failures(), 1)
			require.Equal(t, [2]string{"01", "124"}, [2]string{e.First().ID, e.First().Number})
		}
	}
}

func typed[Out any](t *testing.T, c rfc.Caller) func(string) error {
	return func(function string) error {
		_, err := bapi.Call[Out](t.Context(), c, function, nil)
		return err
	}
}

func TestMessagesThatAreNoErrors(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	answers(t, sys, "Z_FINE", struct {
		Return []ret2 `rfc:"RETURN"`
	}{[]ret2{{Type: "S", ID: "01", Number: "102", Message: "User BOB has changed"}, {Type: "W", ID: "01", Number: "103"}, {}}})
	type out struct {
		Return []bapi.Message `rfc:"RETURN"`
	}
	got, err := bapi.Call[out](t.Context(), d, "Z_FINE", nil)
	require.NoError(t, err)
	list, err := bapi.Messages(got)
	require.NoError(t, err)
	require.Equal(t, []string{"S 01 102: User BOB has changed", "W 01 103"}, []string{list[0].String(), list[1].String()})
	require.Len(t, list, 2, "an initial row says nothing")
	res, err := d.Call(t.Context(), "Z_FINE", nil, rfc.NotRequested("RETURN"))
	require.NoError(t, err)
	require.NoError(t, bapi.Check(res))
}

// Where no messages can be nobody can say that a BAPI worked.
func TestNoPlaceForMessagesIsAnError(t *testing.T) {
	t.Parallel()
	sys, d := pooled(t)
	type none struct {
		Echo string `rfc:"ECHOTEXT"`
	}
	_, err := bapi.Call[none](t.Context(), d, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrParameter)
	require.ErrorContains(t, err, "bapi_test.none holds no messages")
	require.Zero(t, sys.Calls("STFC_CONNECTION"), "nothing was sent")
	_, err = bapi.Call[rfc.Params](t.Context(), d, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorContains(t, err, "holds no messages")
	res, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	var missing *bapi.Message
	for _, v := range []any{res, nil, 1, "x", none{}, &none{}, (*none)(nil), (*rfc.Response)(nil), rfc.Params{}, struct{ Return *none }{}} {
		require.ErrorContains(t, bapi.Check(v), "holds no messages", "%T", v)
	}
	type embedded struct {
		none
		Inner struct{ bapi.Message }
	}
	require.Error(t, bapi.Check(embedded{}), "only embedded structs are looked into")
	for _, v := range []any{
		bapi.Message{},
		&bapi.Message{}, missing, []bapi.Message(nil),
		struct{ Return *bapi.Message }{},
		struct{ Return []bapi.Message }{},
		struct{ *added }{&added{}},
	} {
		require.NoError(t, bapi.Check(v), "%T", v)
	}
	round := &circle{}
	round.again = (*again)(round)
	require.Error(t, bapi.Check(round), "types that embed each other end somewhere")
	require.Error(t, bapi.Check(struct{ added }{added{Return: bapi.Message{Type: "E"}}}))
	require.EqualError(t, bapi.Check(&bapi.Message{Type: "E", Code: "F5702"}), "E F5 702")
	_, err = bapi.Call[added](t.Context(), d, "Z_NOT_THERE", nil)
	require.ErrorIs(t, err, rfc.ErrABAPException)
}

type (
	circle struct{ *again }
	again  circle
)

// Error texts are bounded and obey no terminal, whatever ABAP says.
func TestTextsOfErrorsAreBounded(t *testing.T) {
	t.Parallel()
	var list []bapi.Message
	for i := range 50 {
		list = append(list, bapi.Message{Type: "E", ID: "ZZ", Number: fmt.Sprintf("%03d", i), Text: "\x1b[2J\nnew line" + strings.Repeat("x", 5000)})
	}
	text := bapi.Check(list).Error()
	require.Less(t, len(text), 4000)
	require.Equal(t, 5, strings.Count(text, "\n"))
	require.NotContains(t, text, "\x1b")
	require.True(t, strings.HasSuffix(text, "\nand 45 more"))
	e, ok := errors.AsType[*bapi.Error](bapi.Check(list))
	require.True(t, ok)
	require.Len(t, e.Messages, 50)
	require.Len(t, []byte(e.Messages[0].Text), len(list[0].Text), "all of it is there")
	require.Zero(t, (&bapi.Error{}).First())
}

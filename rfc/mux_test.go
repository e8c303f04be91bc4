package rfc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

func named(t testing.TB, name string) *metadata.Function {
	t.Helper()
	f, err := metadata.NewFunction(name, nil)
	require.NoError(t, err)
	return f
}

func nothing(context.Context, *rfc.Request, *rfc.Reply) error { return nil }

func TestQ02AndB86Registration(t *testing.T) {
	t.Parallel()
	mux := new(rfc.Mux)
	require.NoError(t, mux.Handle(named(t, "STFC_CONNECTION"), nothing))
	err := mux.Handle(named(t, "STFC_CONNECTION"), nothing)
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorContains(t, err, "Server function 'STFC_CONNECTION' already installed.")
	require.ErrorIs(t, mux.Handle(nil, nothing), rfc.ErrConfig)
	require.ErrorIs(t, mux.Handle(named(t, "Z"), nil), rfc.ErrConfig)
	require.ErrorIs(t, rfc.Handle[echoIn, echoOut](mux, "Z", nil), rfc.ErrConfig)
	require.ErrorIs(t, rfc.Handle(mux, "not a name", func(context.Context, echoIn) (echoOut, error) { return echoOut{}, nil }), rfc.ErrConfig)
	// B-80: types that do not fit the interface are found at registration.
	err = rfc.HandleInterface(mux, zTest, func(context.Context, struct {
		X string `rfc:"NOPE"`
	},
	) (struct{}, error) {
		return struct{}{}, nil
	})
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorContains(t, err, "NOPE")
	require.Nil(t, mux.Describe("Z_TEST"))
	require.NotNil(t, mux.Describe("STFC_CONNECTION"))
	_, err = mux.Function(t.Context(), "Z_NOPE")
	require.ErrorIs(t, err, rfc.ErrABAPException)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	for _, n := range []string{"RFC_PING", "RFC_SYSTEM_INFO", "STFC_CONNECTION", "/NS/FUNC", "Z_A", "Z_B", "ZA"} {
		require.NoError(t, mux.Handle(named(t, n), nothing))
	}
	for pattern, want := range map[string][]string{
		"*": {"/NS/FUNC", "RFC_PING", "RFC_SYSTEM_INFO", "STFC_CONNECTION", "ZA", "Z_A", "Z_B"}, "RFC_*": {"RFC_PING", "RFC_SYSTEM_INFO"},
		"Z?": {"ZA"}, "Z+A": {"Z_A"}, "/NS/*": {"/NS/FUNC"}, "*FUNC": {"/NS/FUNC"}, "": nil, "X*": nil, "[A-Z]*": nil, `\`: nil, "RFC_PING": {"RFC_PING"},
	} {
		var got []string
		for _, f := range mux.Search(pattern) {
			got = append(got, f.Name)
		}
		require.Equal(t, want, got, pattern)
	}
}

func TestTypesOfAMux(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(zTest, nothing))
	extra, err := metadata.NewType("ZEXTRA", []metadata.Field{{Name: "A", Kind: metadata.Int4}})
	require.NoError(t, err)
	mux.AddType(extra)
	types := mux.Types()
	require.Len(t, types, 2)
	require.Same(t, extra, types["ZEXTRA"])
	require.NotNil(t, types["ZROW"])
}

// what wraps a module sees the call first and may refuse it.
func TestQ14Middleware(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	var order []string
	require.NoError(t, mux.Handle(named(t, "Z_A"), func(context.Context, *rfc.Request, *rfc.Reply) error {
		order = append(order, "module")
		return nil
	}))
	for _, n := range []string{"first", "second"} {
		mux.Use(func(name string, next rfc.HandlerFunc) rfc.HandlerFunc {
			return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
				order = append(order, n+" "+name+" "+req.Session().Peer().Logon.User)
				if name == "Z_B" {
					return &rfc.Error{Class: rfc.ClassDenied, Message: "user may not call Z_B"}
				}
				return next(ctx, req, reply)
			}
		})
	}
	require.NoError(t, mux.Handle(named(t, "Z_B"), func(context.Context, *rfc.Request, *rfc.Reply) error {
		return errors.New("must not run")
	}))
	c := open(t, mux, rfc.ConnConfig{})
	_, err := c.Call(t.Context(), "Z_A", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"second Z_A DEVELOPER", "first Z_A DEVELOPER", "module"}, order)
	_, err = c.Call(t.Context(), "Z_B", nil)
	e := rfcError(t, err, rfc.ClassDenied, rfc.Executed)
	require.Equal(t, []any{29, 7, "RFC_NO_AUTHORITY"}, []any{e.Code(), e.Group(), e.Key})
	require.Contains(t, e.Message, "may not call Z_B")
}

func TestMuxIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				_ = mux.Handle(named(t, "Z_"+string(rune('A'+i))), nothing)
				_, _ = mux.Module(t.Context(), "Z_A")
				mux.Search("*")
				mux.Types()
				mux.Use(func(_ string, next rfc.HandlerFunc) rfc.HandlerFunc { return next })
			}
		})
	}
	group.Wait()
	require.Len(t, mux.Search("*"), 8)
}

type deriveHead struct {
	ID   int32     `rfc:"ID"`
	Date abap.Date `rfc:"DAY"`
}

type deriveItem struct {
	Material string `rfc:"MATNR,char=18"`
	Head     deriveHead
}

type deriveIn struct {
	deriveBase
	Text    string       `rfc:"TEXT,char=255"`
	Number  string       `rfc:"NUMBER,numc=10"`
	Key     []byte       `rfc:"KEY,raw=16"`
	Blob    []byte       `rfc:"BLOB"`
	Long    string       `rfc:"LONG"`
	I       int          `rfc:"I"`
	I2      int16        `rfc:"I2"`
	I1      uint8        `rfc:"I1"`
	I8      int64        `rfc:"I8"`
	F       float64      `rfc:"F"`
	Price   abap.Decimal `rfc:"PRICE,packed=8.2"`
	Time    abap.Time    `rfc:"TIME"`
	Head    deriveHead   `rfc:"HEAD,type=ZHEAD"`
	Max     *int32       `rfc:"MAX"`
	Opt     string       `rfc:"OPT,char=1,optional"`
	Counter int32        `rfc:"COUNTER,optional"`
	Items   []deriveItem `rfc:"ITEMS,type=ZITEM"`
	Both    []string     `rfc:"BOTH,char=4"`
	Ignored string
	Dash    string `rfc:"-"`
}

type deriveBase struct {
	Client string `rfc:"MANDT,char=3"`
}

type deriveOut struct {
	Counter int32                    `rfc:"COUNTER"`
	Rows    rfc.Sequence[deriveHead] `rfc:"ROWS,type=ZHEAD"`
	Both    []string                 `rfc:"BOTH,char=4"`
	Result  deriveHead               `rfc:"RESULT,type=ZHEAD"`
}

func TestInterfaceOf(t *testing.T) {
	t.Parallel()
	f, err := rfc.InterfaceOf[deriveIn, *deriveOut]("Z_DERIVED")
	require.NoError(t, err)
	type line struct {
		Name      string
		Direction metadata.Direction
		Kind      metadata.Kind
		Length    int
		Decimals  int
		Optional  bool
	}
	var got []line
	for _, p := range f.Parameters {
		l := line{p.Name, p.Direction, p.Kind, 0, p.Decimals, p.Optional}
		if p.Kind.Variable() {
			l.Length = p.Length
		}
		got = append(got, l)
	}
	if diff := cmp.Diff([]line{
		{"COUNTER", metadata.Changing, metadata.Int4, 0, 0, true},
		{"ROWS", metadata.Tables, metadata.Table, 0, 0, true},
		{"BOTH", metadata.Tables, metadata.Table, 0, 0, true},
		{"RESULT", metadata.Export, metadata.Structure, 0, 0, false},
		{"MANDT", metadata.Import, metadata.Char, 3, 0, false},
		{"TEXT", metadata.Import, metadata.Char, 255, 0, false},
		{"NUMBER", metadata.Import, metadata.Numc, 10, 0, false},
		{"KEY", metadata.Import, metadata.Raw, 16, 0, false},
		{"BLOB", metadata.Import, metadata.XString, 0, 0, false},
		{"LONG", metadata.Import, metadata.String, 0, 0, false},
		{"I", metadata.Import, metadata.Int4, 0, 0, false},
		{"I2", metadata.Import, metadata.Int2, 0, 0, false},
		{"I1", metadata.Import, metadata.Int1, 0, 0, false},
		{"I8", metadata.Import, metadata.Int8, 0, 0, false},
		{"F", metadata.Import, metadata.Float, 0, 0, false},
		{"PRICE", metadata.Import, metadata.Packed, 8, 2, false},
		{"TIME", metadata.Import, metadata.Time, 0, 0, false},
		{"HEAD", metadata.Import, metadata.Structure, 0, 0, false},
		{"MAX", metadata.Import, metadata.Int4, 0, 0, true},
		{"OPT", metadata.Import, metadata.Char, 1, 0, true},
		{"ITEMS", metadata.Tables, metadata.Table, 0, 0, true},
	}, got); diff != "" {
		t.Error(diff)
	}
	head, _ := f.Parameter("HEAD")
	rows, _ := f.Parameter("ROWS")
	require.Equal(t, "ZHEAD", head.Type.Name)
	require.Same(t, head.Type, rows.Type, "one Go type, one structure")
	items, _ := f.Parameter("ITEMS")
	require.Equal(t, []string{"MATNR"}, items.Type.Names())
	both, _ := f.Parameter("BOTH")
	require.True(t, both.Type.Scalar())
}

func TestInterfaceOfKnowsTheTypesOfTime(t *testing.T) {
	t.Parallel()
	f, err := rfc.InterfaceOf[struct {
		P  abap.Timestamp   `rfc:"P"`
		N  abap.Timestamp   `rfc:"N,utcsecond"`
		W  time.Time        `rfc:"W,utcminute,optional"`
		P2 time.Time        `rfc:"P2,utclong"`
		D  abap.Date        `rfc:"D"`
		D1 abap.Date        `rfc:"D1,dtday"`
		W7 abap.Week        `rfc:"W7"`
		X  abap.Month       `rfc:"X"`
		T  abap.TimeOfDay   `rfc:"T"`
		I  abap.TimeOfDay   `rfc:"I,tminute"`
		I2 time.Duration    `rfc:"I2,tsecond"`
		C  abap.MonthDay    `rfc:"C"`
		C2 string           `rfc:"C2,cday"`
		A  abap.Decimal     `rfc:"A,decfloat=16"`
		E  string           `rfc:"E,decfloat=34"`
		H  []abap.Timestamp `rfc:"H,utcsecond"`
		HE []abap.Decimal   `rfc:"HE,decfloat=34"`
		H7 []abap.Week      `rfc:"H7"`
	}, struct{}]("Z_TIMES")
	require.NoError(t, err)
	got := map[string]string{}
	for _, p := range f.Parameters {
		got[p.Name] = p.Kind.String()
		if p.Type != nil {
			got[p.Name] = p.Type.Fields[0].Kind.String()
		}
	}
	require.Equal(t, map[string]string{
		"P": "UTCLONG", "N": "UTCSECOND", "W": "UTCMINUTE", "P2": "UTCLONG", "D": "DATE", "D1": "DTDAY", "W7": "DTWEEK", "X": "DTMONTH",
		"T": "TSECOND", "I": "TMINUTE", "I2": "TSECOND", "C": "CDAY", "C2": "CDAY", "A": "DECF16", "E": "DECF34", "H": "UTCSECOND", "HE": "DECF34", "H7": "DTWEEK",
	}, got)
	w, _ := f.Parameter("W")
	require.True(t, w.Optional)
}

type recursive struct {
	Next []recursive `rfc:"NEXT"`
}

func TestB80InterfaceOfReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := rfc.InterfaceOf[struct {
		A chan int     `rfc:"A"`
		B string       `rfc:"B,char=x"`
		C abap.Decimal `rfc:"C"`
		D string       `rfc:"D,unknown=1"`
		e string       `rfc:"E"`
		F recursive    `rfc:"F"`
		G string       `rfc:"G,char=0"`
		H time.Time    `rfc:"H"`
		I string       `rfc:"I,decfloat=8"`
		J string       `rfc:"J,utclong=1"`
		K string       `rfc:"K,char=1,utclong"`
	}, int]("Z_BAD")
	require.ErrorIs(t, err, rfc.ErrConfig)
	for _, want := range []string{
		"chan int", `"x" is not a number`, "packed=8.2", "C,decfloat=34", "H: time.Time needs a type", "decfloat=16 or decfloat=34", "utclong takes no value", "more than one type",
		`unknown option "unknown=1"`, "not exported", "contains itself", "a struct is required",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = rfc.InterfaceOf[struct {
		A int         `rfc:"A,utclong"`
		B abap.Week   `rfc:"B,dtmonth"`
		C []time.Time `rfc:"C,cday"`
		D int         `rfc:"D,char=4"`
	}, struct{}]("Z_MISFITS")
	require.ErrorIs(t, err, rfc.ErrConfig)
	for _, want := range []string{"A: UTCLONG: go type int cannot hold it", "B: DTMONTH: go type abap.Week", "C: CDAY: go type time.Time", "D: CHAR(4): go type int"} {
		require.ErrorContains(t, err, want)
	}
	_, err = rfc.InterfaceOf[struct{}, struct{}]("no name")
	require.ErrorIs(t, err, rfc.ErrConfig)
	_, err = rfc.InterfaceOf[struct {
		A string `rfc:"A"`
		B string `rfc:"A"`
	}, struct{}]("Z_TWICE")
	require.ErrorIs(t, err, rfc.ErrConfig)
	f, err := rfc.InterfaceOf[rfc.Params, any]("Z_DYNAMIC")
	require.NoError(t, err)
	require.Empty(t, f.Parameters)
}

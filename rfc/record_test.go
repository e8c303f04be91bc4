package rfc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// itemFunction has one field of each kind that can be given wrong values.
func itemFunction(t testing.TB) *metadata.Function {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("ZKEY", "ID:C4")
	d.Structure("ZITEM", "MATNR:C18 COUNT:b SHORT:s INT:I LONG:8 PRICE:P5.2 DAY:D AT:T KEY:X3 WEIGHT:F NO:N4 DF:a DF34:e STAMP:p REF:{ZKEY}")
	d.Structure("ZDEEP", "TXT:g BLOB:y ITEMS:[ZITEM] LIST:[C3]")
	f, err := d.Function("Z_ITEMS", `IMPORTING REQ:C1
		IMPORTING ALSO:C1
		IMPORTING HEAD:{ZITEM} OPTIONAL
		IMPORTING DEEP:{ZDEEP} OPTIONAL
		EXPORTING OUT:C10
		CHANGING CHG:I OPTIONAL
		TABLES ITEMS:[ZITEM]
		TABLES LINES:[C3]`)
	require.NoError(t, errors.Join(d.Err(), err))
	return f
}

func TestRecordsThroughBothSides(t *testing.T) {
	t.Parallel()
	f := itemFunction(t)
	mux := rfc.NewMux()
	require.NoError(t, rfc.HandleInterface(mux, f, func(_ context.Context, in *rfc.Record) (*rfc.Record, error) {
		out := rfc.NewParameters(f)
		for _, name := range []string{"CHG", "ITEMS", "LINES"} {
			v, err := in.Any(name)
			if err == nil {
				err = out.Set(name, v)
			}
			if err != nil {
				return nil, err
			}
		}
		head, err := in.Record("HEAD")
		if err != nil {
			return nil, err
		}
		s, err := head.String("DAY")
		if err != nil {
			return nil, err
		}
		return out, out.Set("OUT", s)
	}))
	c := open(t, mux, rfc.ConnConfig{})
	in := rfc.NewParameters(f)
	require.NoError(t, in.Set("REQ", "x"))
	require.NoError(t, in.Set("ALSO", "x"))
	require.NoError(t, in.Set("CHG", 7))
	head, err := in.Record("HEAD")
	require.NoError(t, err)
	require.NoError(t, head.SetString("DAY", "2026-07-05"))
	items, err := in.Table("ITEMS")
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, items.Append().Set("COUNT", i))
	}
	require.NoError(t, in.Set("LINES", []string{"a", "b"}))

	out, err := rfc.Call[*rfc.Record](t.Context(), c, "Z_ITEMS", in)
	require.NoError(t, err)
	js, err := json.Marshal(out)
	require.NoError(t, err)
	require.Contains(t, string(js), `{"OUT":"2026-07-05","CHG":7,"ITEMS":[{"MATNR":"","COUNT":0,`)
	require.Contains(t, string(js), `"LINES":["a","b"]}`)

	res, err := c.Call(t.Context(), "Z_ITEMS", in)
	require.NoError(t, err)
	rec, err := res.Record()
	require.NoError(t, err)
	require.True(t, rec.Equal(out))
	again := rfc.NewParameters(f)
	require.NoError(t, res.Scan(again))
	require.True(t, again.Equal(out))
	tab, err := res.Table("ITEMS")
	require.NoError(t, err)
	require.True(t, tab.Equal(items))
	type row struct {
		Count int `rfc:"COUNT"`
	}
	rows, err := rfc.Scan[row](tab)
	require.NoError(t, err)
	require.Equal(t, []row{{0}, {1}, {2}}, rows)
	require.ErrorContains(t, tab.Row(2).Set("COUNT", -1), "ITEMS[2].COUNT: INT1: -1 is out of range")
	_, err = res.Table("OUT")
	require.ErrorIs(t, err, rfc.ErrParameter)
	_, err = res.Table("HEAD")
	require.ErrorIs(t, err, rfc.ErrParameter)
	n := 0
	for r, err := range rfc.Rows[*rfc.Record](res, "ITEMS") {
		require.NoError(t, err)
		require.True(t, r.Equal(items.Row(n)))
		n++
	}
	require.Equal(t, 3, n)
	require.NoError(t, res.Close())
	_, err = res.Record()
	require.ErrorIs(t, err, rfc.ErrClosed)
	_, err = res.Table("ITEMS")
	require.ErrorIs(t, err, rfc.ErrClosed)

	// While the network delivers, and from an iterator.
	seq := rfc.Sequence[*rfc.Record]{Count: 1000, Seq: func(yield func(*rfc.Record) bool) {
		r := items.Row(1).Clone()
		for i := range 1000 {
			if r.Set("INT", i) != nil || !yield(r) {
				return
			}
		}
	}}
	res, err = c.Call(t.Context(), "Z_ITEMS", rfc.Params{"REQ": "x", "ALSO": "x", "ITEMS": seq}, rfc.Stream("ITEMS"))
	require.NoError(t, err)
	n = 0
	for r, err := range rfc.Rows[*rfc.Record](res, "ITEMS") {
		require.NoError(t, err)
		i, err := r.Int("INT")
		require.NoError(t, err)
		require.Equal(t, n, i)
		n++
	}
	require.Equal(t, 1000, n)
	require.NoError(t, res.Close())

	// Records that were made by hand.
	line, _ := f.Parameter("ITEMS")
	require.True(t, rfc.NewRecord(line.Type).Equal(items.Row(0)))
	require.Zero(t, rfc.NewTable(line.Type).Len())
}

// wrapped is a Caller that is no Conn.
type wrapped struct{ rfc.Caller }

func TestResultThatDoesNotFitIsReportedBeforeTheCall(t *testing.T) {
	t.Parallel()
	f := itemFunction(t)
	c := dialPeer(t, rfc.ConnConfig{}, answerAll())
	before, _, _ := c.Traffic()
	type in struct {
		Req  int    `rfc:"REQ"`
		Nope string `rfc:"NOPE"`
	}
	type row struct {
		Matnr int         `rfc:"MATNR"`
		Price chan string `rfc:"PRICE"`
	}
	type out struct {
		Out   []int  `rfc:"OUT"`
		Items []*row `rfc:"ITEMS"`
	}
	for _, caller := range []rfc.Caller{c, wrapped{c}} {
		_, err := rfc.Call[out](t.Context(), caller, "Z_ITEMS", in{}, rfc.WithInterface(f))
		rfcError(t, err, rfc.ClassConversion, rfc.NotSent)
		for _, text := range []string{
			"field Req: REQ: CHAR(1): go type int cannot hold it", "field 'NOPE' not found",
			"field Out: OUT: CHAR(10): go type []int cannot hold it",
			"field Items.Matnr: ITEMS.MATNR: CHAR(18): go type int cannot hold it",
			"field Items.Price: ITEMS.PRICE: P(5,2): go type chan string cannot hold it",
		} {
			require.ErrorContains(t, err, text)
		}
		_, err = rfc.Call[string](t.Context(), caller, "Z_ITEMS", nil, rfc.WithInterface(f))
		rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
		require.ErrorContains(t, err, "a map[string]any, struct or *Record is required")
		_, err = rfc.Call[rfc.Record](t.Context(), caller, "Z_ITEMS", nil, rfc.WithInterface(f))
		rfcError(t, err, rfc.ClassParameter, rfc.NotSent)
		require.True(t, c.Alive())
		require.False(t, c.Busy())
	}
	after, _, calls := c.Traffic()
	require.Equal(t, before, after)
	require.Zero(t, calls)
}

// oneField makes a Go struct with one field of the value's own type.
func oneField(tag string, v any) reflect.Value {
	typ := reflect.StructOf([]reflect.StructField{{Name: "V", Type: reflect.TypeOf(v), Tag: reflect.StructTag(fmt.Sprintf("rfc:%q", tag))}})
	s := reflect.New(typ).Elem()
	s.Field(0).Set(reflect.ValueOf(v))
	return s
}

// TestBadInput gives each refused value as a struct, as a map and as a record, in a structure,
// in the second row of a table, and in a table of a deep structure, and counts what was sent.
func TestBadInput(t *testing.T) {
	t.Parallel()
	f := itemFunction(t)
	c := dialPeer(t, rfc.ConnConfig{}, answerAll())
	before, _, _ := c.Traffic()
	head, _ := f.Parameter("HEAD")
	for _, tt := range []struct {
		id, field string
		value     any
		text      string
	}{
		{"B-67", "MATNR", 5, "go type int"},
		{"B-67", "MATNR", struct{ A int }{}, "go type struct"},
		{"B-67", "MATNR", make(chan int), "go type chan int"},
		{"B-67", "MATNR", func() {}, "go type func()"},
		{"B-67", "MATNR", map[int]string{}, "go type map[int]string"},
		{"B-67", "COUNT", "5", "go type string"},
		{"B-67", "COUNT", true, "go type bool"},
		{"B-67", "KEY", "F1F2", "go type string"},
		{"B-67", "STAMP", 1, "go type int"},
		{"B-67", "REF", "x", "string passed, a map or struct for a STRUCTURE is required"},
		{"B-67", "REF", []int{}, "[]int passed, a map or struct for a STRUCTURE is required"},
		{"B-68", "MATNR", strings.Repeat("x", 19), "CHAR(18): 19 characters, at most 18"},
		{"B-68", "MATNR", strings.Repeat("\U0001f4aa", 10), "CHAR(18): 20 characters, at most 18"},
		{"B-69", "NO", "12A", "NUM(4): only the digits 0 to 9 are allowed; found 'A' at position 3"},
		{"B-69", "NO", -1, "NUM(4): only the digits 0 to 9 are allowed; -1 is negative"},
		{"B-69", "NO", 12345, "NUM(4): 5 characters, at most 4"},
		{"B-70", "COUNT", 256, "INT1: 256 is out of range 0 to 255"},
		{"B-70", "COUNT", int8(-1), "INT1: -1 is out of range 0 to 255"},
		{"B-70", "SHORT", 32768, "INT2: 32768 is out of range -32768 to 32767"},
		{"B-70", "INT", int64(math.MinInt32) - 1, "INT: -2147483649 is out of range -2147483648 to 2147483647"},
		{"B-70", "LONG", uint64(math.MaxInt64) + 1, "INT8: 9223372036854775808 is out of range"},
		{"B-70", "INT", 1.5, "INT: 1.5 is not an integer"},
		{"B-71", "PRICE", "12345678.00", "P(5,2): "},
		{"B-71", "PRICE", "1.234", "P(5,2): "},
		{"B-71", "PRICE", 0.125, "P(5,2): "},
		{"B-71", "PRICE", math.NaN(), "P(5,2): NaN is not representable"},
		{"B-71", "PRICE", "1,5", "P(5,2): "},
		{"B-71", "PRICE", "1e400", "P(5,2): "},
		{"B-72", "WEIGHT", math.NaN(), "FLOAT: NaN is not representable"},
		{"B-72", "WEIGHT", math.Inf(-1), "FLOAT: -Infinity is not representable"},
		{"B-73", "DF", "12345678901234567", "DECF16: "},
		{"B-73", "DF34", strings.Repeat("9", 35), "DECF34: "},
		{"B-74", "DAY", "20240230", "DATE: "},
		{"B-74", "DAY", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "DATE: "},
		{"B-74", "AT", "256000", "TIME: "},
		{"B-75", "MATNR", "a\xff", "CHAR(18): "},
		{"B-75", "MATNR", "a\xed\xa0\x80", "CHAR(18): "},
		{"B-76", "KEY", []byte{1, 2, 3, 4}, "BYTE(3): 4 bytes, at most 3"},
		{"B-76", "KEY", [4]byte{}, "BYTE(3): "},
	} {
		name := fmt.Sprintf("%s %s %T", tt.id, tt.field, tt.value)
		bad := rfc.Params{tt.field: tt.value}
		one := oneField(tt.field, tt.value)
		rows := reflect.MakeSlice(reflect.SliceOf(one.Type()), 2, 2)
		rows.Index(0).Set(reflect.Zero(one.Type()))
		rows.Index(1).Set(one)
		if k := one.Field(0).Kind(); k == reflect.Array || k == reflect.Struct { // a zero value of these is wrong, too
			rows = rows.Slice(1, 2)
		}
		record := func(fill func(r *rfc.Record) error) func() error {
			return func() error {
				r := rfc.NewParameters(f)
				if err := fill(r); err != nil {
					return err
				}
				_, err := c.Call(t.Context(), "Z_ITEMS", r, rfc.WithInterface(f))
				return err
			}
		}
		call := func(parameter string, v any) func() error {
			return func() error {
				in := rfc.Params{"REQ": "x", "ALSO": "x", parameter: v}
				_, err := c.Call(t.Context(), "Z_ITEMS", in, rfc.WithInterface(f))
				return err
			}
		}
		type input struct {
			path string
			give func() error
		}
		for kind, in := range map[string]input{
			"map":             {"HEAD." + tt.field, call("HEAD", bad)},
			"map in row":      {"ITEMS[1]." + tt.field, call("ITEMS", []any{rfc.Params{}, bad})},
			"map in deep row": {"DEEP.ITEMS[1]." + tt.field, call("DEEP", rfc.Params{"ITEMS": []any{rfc.Params{}, bad}})},
			"struct":          {"HEAD." + tt.field, call("HEAD", one.Interface())},
			"struct in row":   {"ITEMS[", call("ITEMS", rows.Interface())},
			"struct in deep":  {"DEEP.ITEMS[", call("DEEP", rfc.Params{"ITEMS": rows.Interface()})},
			"record": {"HEAD." + tt.field, record(func(r *rfc.Record) error {
				h, err := r.Record("HEAD")
				if err != nil {
					return err
				}
				return h.Set(tt.field, tt.value)
			})},
			"record from struct": {"HEAD." + tt.field, record(func(r *rfc.Record) error { return r.Set("HEAD", one.Interface()) })},
			"record in row": {"ITEMS[1]." + tt.field, record(func(r *rfc.Record) error {
				items, err := r.Table("ITEMS")
				if err != nil {
					return err
				}
				items.Append()
				return items.Append().Set(tt.field, tt.value)
			})},
		} {
			err := in.give()
			require.Error(t, err, "%s: %s", name, kind)
			require.True(t, errors.Is(err, serialization.ErrConversion) || errors.Is(err, serialization.ErrShape), "%s: %s: %v", name, kind, err)
			if errors.Is(err, serialization.ErrPlan) {
				require.ErrorContains(t, err, "field V: "+tt.field+": ", "%s: %s", name, kind)
				require.ErrorContains(t, err, "go type "+reflect.TypeOf(tt.value).String(), "%s: %s", name, kind)
				continue
			}
			require.ErrorContains(t, err, in.path, "%s: %s", name, kind)
			require.ErrorContains(t, err, tt.text, "%s: %s", name, kind)
		}
		require.Error(t, rfc.NewRecord(head.Type).Set(tt.field, tt.value))
	}
	after, _, calls := c.Traffic()
	require.Equal(t, before, after, "nothing was sent")
	require.Zero(t, calls)
	require.True(t, c.Alive())
}

func TestBadShapes(t *testing.T) {
	t.Parallel()
	f := itemFunction(t)
	c := dialPeer(t, rfc.ConnConfig{}, answerAll())
	before, _, _ := c.Traffic()
	call := func(in any) error {
		_, err := c.Call(t.Context(), "Z_ITEMS", in, rfc.WithInterface(f))
		return err
	}
	record := func(name string, v any) error {
		r := rfc.NewParameters(f)
		return errors.Join(r.Set("REQ", "x"), r.Set("ALSO", "x"), r.Set(name, v))
	}
	with := func(name string, v any) rfc.Params { return rfc.Params{"REQ": "x", "ALSO": "x", name: v} }
	type unknown struct {
		Req  string `rfc:"REQ"`
		Also string `rfc:"ALSO"`
		Nope string `rfc:"ITEM"`
	}
	type outOnly struct {
		Req string `rfc:"REQ"`
	}
	type item struct {
		Matnr string `rfc:"MATNR"`
		Other string `rfc:"MATNER"`
	}
	type cyclic *cyclic
	var loop cyclic
	loop = &loop
	other := rfc.NewRecord(func() *metadata.Type {
		typ, err := metadata.NewType("ZOTHER", []metadata.Field{{Name: "MATNER", Kind: metadata.Char, Length: 1}})
		require.NoError(t, err)
		return typ
	}())
	outputs := rfc.NewParameters(f)
	require.NoError(t, errors.Join(outputs.Set("REQ", "x"), outputs.Set("ALSO", "x"), outputs.Set("OUT", "x")))
	for _, tt := range []struct {
		id   string
		err  error
		is   error
		text string
	}{
		{"B-64 map", call(with("ITEM", 1)), serialization.ErrUnknownName, "function Z_ITEMS: field 'ITEM' not found; did you mean ITEMS?"},
		{"B-64 struct", call(unknown{}), serialization.ErrUnknownName, "field Nope: field 'ITEM' not found; did you mean ITEMS?"},
		{"B-64 record", record("ITEM", 1), serialization.ErrUnknownName, "function Z_ITEMS: field 'ITEM' not found; did you mean ITEMS?"},
		{"I-05 map", call(with("HEAD", rfc.Params{"MATNER": 1})), serialization.ErrUnknownName, "HEAD: field 'MATNER' not found; did you mean MATNR?"},
		{"I-05 struct", call(with("HEAD", item{})), serialization.ErrUnknownName, "MATNER"},
		{"I-05 record", record("HEAD", other), serialization.ErrUnknownName, "HEAD: field 'MATNER' not found; did you mean MATNR?"},
		{"I-05 record in a map", call(with("HEAD", other)), serialization.ErrUnknownName, "HEAD: field 'MATNER' not found; did you mean MATNR?"},
		{"I-06 map", call(with("ITEMS", []rfc.Params{{}, {"MATNER": 1}})), serialization.ErrUnknownName, "ITEMS[1]: field 'MATNER' not found"},
		{"I-06 struct", call(with("ITEMS", []item{{}})), serialization.ErrUnknownName, "field Other: field 'MATNER' not found"},
		{"I-06 record", record("ITEMS", []*rfc.Record{other}), serialization.ErrUnknownName, "ITEMS[0]: field 'MATNER' not found"},
		{"I-06 record in a map", call(with("ITEMS", []*rfc.Record{other})), serialization.ErrUnknownName, "ITEMS[0]: field 'MATNER' not found"},
		{"B-65 map", call(rfc.Params{"CHG": 1}), serialization.ErrMissing, "mandatory parameter missing: REQ, ALSO"},
		{"B-65 struct", call(struct{}{}), serialization.ErrMissing, "mandatory parameter missing: REQ, ALSO"},
		{"B-65 struct with one", call(outOnly{}), serialization.ErrMissing, "mandatory parameter missing: ALSO"},
		{"B-65 record", call(rfc.NewParameters(f)), serialization.ErrMissing, "mandatory parameter missing: REQ, ALSO"},
		{"B-66 map", call(with("OUT", "x")), serialization.ErrDirection, "parameter OUT is EXPORTING and cannot be supplied here"},
		{"B-66 record", call(outputs), serialization.ErrDirection, "parameter OUT is EXPORTING and cannot be supplied here"},
		{"I-01 map", call(with("HEAD", []any{1})), serialization.ErrShape, "HEAD: []interface {} passed, a map or struct for a STRUCTURE is required"},
		{"I-01 record", record("HEAD", []any{1}), serialization.ErrShape, "HEAD: []interface {} passed"},
		{"I-02 map", call(with("ITEMS", rfc.Params{})), serialization.ErrShape, "ITEMS: serialization.Params passed, a slice of rows for a TABLE is required"},
		{"I-02 record", record("ITEMS", rfc.Params{}), serialization.ErrShape, "ITEMS: serialization.Params passed"},
		{"I-02 record for a table", call(with("ITEMS", other)), serialization.ErrShape, "ITEMS: "},
		{"I-01 table for a structure", call(with("HEAD", rfc.NewTable(other.Type()))), serialization.ErrShape, "HEAD: "},
		{"I-03 map", call(with("ITEMS", "text")), serialization.ErrShape, "ITEMS: string passed, a slice of rows for a TABLE is required"},
		{"I-03 record", record("ITEMS", "text"), serialization.ErrShape, "ITEMS: string passed"},
		{"I-07", call(with("", 1)), serialization.ErrUnknownName, "empty name"},
		{"I-07 record", record("", 1), serialization.ErrUnknownName, "empty name"},
		{"I-08", call(with("%$", 1)), serialization.ErrUnknownName, `name invalid: "%$"`},
		{"I-08 record", record("%$", 1), serialization.ErrUnknownName, `name invalid: "%$"`},
		{"F-02 map", call(with("HEAD", rfc.Params{"MATNR": nil})), serialization.ErrConversion, "HEAD.MATNR: CHAR(18): nil is not a value"},
		{"F-02 record", record("HEAD", rfc.Params{"MATNR": nil}), serialization.ErrConversion, "HEAD.MATNR: CHAR(18): nil is not a value"},
		{"B-78 nil row, maps", call(with("ITEMS", []rfc.Params{{}, nil})), serialization.ErrConversion, "ITEMS[1]: TABLE: nil row"},
		{"B-78 nil row, structs", call(with("ITEMS", []*struct{}{{}, nil})), serialization.ErrConversion, "ITEMS[1]: TABLE: nil row"},
		{"B-78 nil row, records", call(with("ITEMS", []*rfc.Record{nil})), serialization.ErrConversion, "ITEMS[0]: TABLE: nil row"},
		{"B-78 nil row into a record", record("ITEMS", []*rfc.Record{nil}), serialization.ErrConversion, "ITEMS[0]: TABLE: nil row"},
		{"B-78 nil row, deep", call(with("DEEP", rfc.Params{"ITEMS": []any{nil}})), serialization.ErrConversion, "DEEP.ITEMS[0]: TABLE: nil row"},
		{"B-78 rows of different types", call(with("ITEMS", []any{rfc.Params{}, 5})), serialization.ErrShape, "ITEMS[1]: int passed"},
		{"B-78 rows of different types into a record", record("ITEMS", []any{rfc.Params{}, 5}), serialization.ErrShape, "ITEMS[1]: int passed"},
		{"B-78 cycle", call(with("CHG", loop)), serialization.ErrConversion, "cycle"},
		{"B-78 cycle into a record", record("CHG", loop), serialization.ErrConversion, "cycle"},
		{"B-78 cycle of maps", call(with("HEAD", selfMap())), serialization.ErrUnknownName, "HEAD.REF: field 'REF' not found"},
		{"B-78 cycle of maps into a record", record("HEAD", selfMap()), serialization.ErrUnknownName, "HEAD.REF: field 'REF' not found"},
		{"B-75 NUL", call(with("DEEP", rfc.Params{"TXT": "a\x00"})), serialization.ErrConversion, "DEEP.TXT: STRING: NUL at byte 1"},
		{"B-75 NUL into a record", record("DEEP", rfc.Params{"TXT": "a\x00"}), serialization.ErrConversion, "DEEP.TXT: STRING: NUL at byte 1"},
		{"B-68 line", call(with("LINES", []string{"a", "abcd"})), serialization.ErrConversion, "LINES[1]: CHAR(3): 4 characters, at most 3"},
		{"B-68 line into a record", record("LINES", []string{"a", "abcd"}), serialization.ErrConversion, "LINES[1]: CHAR(3): 4 characters, at most 3"},
	} {
		require.ErrorIs(t, tt.err, tt.is, tt.id)
		require.ErrorContains(t, tt.err, tt.text, tt.id)
	}
	after, _, calls := c.Traffic()
	require.Equal(t, before, after, "nothing was sent")
	require.Zero(t, calls)
}

// selfMap is a map that contains itself.
func selfMap() rfc.Params {
	m := rfc.Params{}
	m["REF"] = m
	return m
}

type flag bool

func (f flag) MarshalRFC() (any, error) {
	if f {
		return "X", nil
	}
	return "", nil
}

func (f *flag) UnmarshalRFC(v any) error {
	*f = v == "X"
	return nil
}

func TestInterfaceOfTypesWithMethodsAndTags(t *testing.T) {
	t.Parallel()
	type row struct {
		Matnr string     `rfc:"MATNR,alpha=18"`
		IP    netip.Addr `rfc:"IP"`
	}
	type both struct {
		Matnr  string     `rfc:"MATNR,alpha=18"`
		Long   string     `rfc:"LONG,alpha=18,char=40"`
		Digits string     `rfc:"DIGITS,numc=10,alpha"`
		Flag   *flag      `rfc:"FLAG,char=1,initial"`
		IP     netip.Addr `rfc:"IP"`
		Rows   []row      `rfc:"ROWS"`
	}
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_TYPES", func(_ context.Context, in both) (both, error) {
		in.Matnr += "0"
		return in, nil
	}))
	f := mux.Describe("Z_TYPES")
	var got []string
	for i := range f.Parameters {
		p := &f.Parameters[i]
		got = append(got, fmt.Sprintf("%s %s %s %d", p.Direction, p.Name, p.Kind, p.Length))
	}
	require.Equal(t, []string{
		"CHANGING MATNR CHAR 18", "CHANGING LONG CHAR 40", "CHANGING DIGITS NUM 10", "CHANGING FLAG CHAR 1", "CHANGING IP STRING 8", "TABLES ROWS TABLE 8",
	}, got)
	c := open(t, mux, rfc.ConnConfig{})
	in := both{"4711", "815", "42", new(flag(true)), netip.MustParseAddr("::1"), []row{{"1", netip.MustParseAddr("10.0.0.1")}}}
	out, err := rfc.Call[both](t.Context(), c, "Z_TYPES", in)
	require.NoError(t, err)
	in.Matnr = "47110"
	require.Equal(t, in, out)
	raw, err := rfc.Call[rfc.Params](t.Context(), c, "Z_TYPES", rfc.Params{"MATNR": "1", "LONG": "000000000000000815", "DIGITS": 42, "IP": "::1"})
	require.NoError(t, err)
	require.Equal(t, "000000000000000010", raw["MATNR"])
	require.Equal(t, "000000000000000815", raw["LONG"])
	require.Equal(t, "", raw["FLAG"], "a nil pointer is sent as the initial value")

	_, err = rfc.InterfaceOf[struct {
		A flag        `rfc:"A"`
		B *rfc.Record `rfc:"B"`
		C *rfc.Table  `rfc:"C"`
		D int         `rfc:"D,alpha=5"`
	}, struct{}]("Z_BAD")
	for _, text := range []string{"A: go type rfc_test.flag marshals itself; say as what", "B: a record has no ABAP type", "C: a record has no ABAP type"} {
		require.ErrorContains(t, err, text)
	}
	_, err = rfc.InterfaceOf[struct {
		D int `rfc:"D,alpha=5"`
	}, struct{}]("Z_BAD")
	require.ErrorContains(t, err, "D: CHAR(5): go type int cannot hold it")
}

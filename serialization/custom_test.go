package serialization

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// roundTrip writes in as the inputs of f and reads them back into out.
func roundTrip(t *testing.T, f *metadata.Function, in, out any) error {
	t.Helper()
	w := Writer{Function: f}
	b, err := w.Append(nil, in)
	if err != nil {
		return err
	}
	var s Section
	s.Reset(f, Representation{}, false)
	require.NoError(t, feed(&s, b))
	return s.Scan(out)
}

func TestTagAlpha(t *testing.T) {
	t.Parallel()
	d := new(metadata.Dictionary)
	d.Structure("DEEPROW", "MATNR:C18 TXT:g")
	d.Structure("FLAT", "MATNR:C18 KUNNR:C10 POS:N6")
	f, err := d.Function("Z_TEST", "IMPORTING MATNR:C40\nIMPORTING H:[DEEPROW] OPTIONAL\nIMPORTING P:C8 OPTIONAL\nTABLES T:[FLAT]")
	require.NoError(t, err)
	type deep struct {
		Matnr string `rfc:"MATNR,alpha=18"`
		Text  string `rfc:"TXT,alpha=5"`
	}
	type flat struct {
		Matnr string `rfc:"MATNR,alpha=18"`
		Kunnr string `rfc:"KUNNR,alpha"`
		Pos   string `rfc:"POS,alpha"`
	}
	type call struct {
		Matnr string  `rfc:"MATNR,alpha=18"`
		Deep  []deep  `rfc:"H"`
		P     *string `rfc:"P,alpha"`
		Flat  []flat  `rfc:"T"`
	}
	in := call{
		"4711",
		[]deep{{"12", "7"}, {"A1", "abcdef"}, {" 3 ", "123456"}, {"", "0"}},
		new("5"),
		[]flat{{"4711", "1000", "10"}, {"M-01", "CUST", "000010"}, {" 7 ", "", ""}, {"000", "0", "0"}, {"123456789012345678", "1234567890", "123456"}},
	}
	w := Writer{Function: f}
	got, err := w.Append(nil, in)
	require.NoError(t, err)
	want, err := w.Append(nil, Params{
		"MATNR": "000000000000004711",
		"H": []Params{
			{"MATNR": "000000000000000012", "TXT": "00007"}, {"MATNR": "A1", "TXT": "abcdef"}, {"MATNR": "000000000000000003", "TXT": "123456"}, {"TXT": "00000"},
		},
		"P": "00000005",
		"T": []Params{
			{"MATNR": "000000000000004711", "KUNNR": "0000001000", "POS": "000010"},
			{"MATNR": "M-01", "KUNNR": "CUST", "POS": "000010"},
			{"MATNR": "000000000000000007"},
			{"MATNR": "000000000000000000", "KUNNR": "0000000000"},
			{"MATNR": "123456789012345678", "KUNNR": "1234567890", "POS": "123456"},
		},
	})
	require.NoError(t, err)
	require.Equal(t, want, got)
	var out call
	require.NoError(t, roundTrip(t, f, in, &out))
	in.Deep[2].Matnr, in.Flat[2].Matnr = "3", "7" // blanks around digits are not kept
	in.Flat[1].Pos, in.Flat[2].Pos, in.Flat[3].Matnr = "10", "0", "0"
	require.Equal(t, in, out)

	rec := NewParameters(f)
	require.NoError(t, rec.Set("H", in.Deep))
	require.NoError(t, rec.Set("T", in.Flat))
	require.NoError(t, rec.Set("MATNR", "000000000000004711"))
	require.NoError(t, rec.Set("P", "00000005"))
	again, err := w.Append(nil, rec)
	require.NoError(t, err)
	require.Equal(t, want, again, "a record takes the same structs")
	out = call{}
	require.NoError(t, rec.Scan(&out))
	require.Equal(t, in, out)

	_, err = w.Append(nil, call{Flat: []flat{{Kunnr: "12345678901"}}})
	require.EqualError(t, err, `T[0].KUNNR: CHAR(10): 11 characters, at most 10 (value "12345678901")`)
	for tag, typ := range map[string]any{
		"alpha=0": struct {
			A string `rfc:"MATNR,alpha=0"`
		}{},
		"alpha=x": struct {
			A string `rfc:"MATNR,alpha=x"`
		}{},
		"alpha=41": struct {
			A string `rfc:"MATNR,alpha=41"`
		}{},
		"alpha": struct {
			A int `rfc:"MATNR,alpha"`
		}{},
	} {
		_, err := w.Append(nil, typ)
		require.ErrorIs(t, err, ErrPlan, tag)
		require.ErrorContains(t, err, "alpha", tag)
	}
	_, err = w.Append(nil, struct {
		H []struct {
			T string `rfc:"TXT,alpha"`
		} `rfc:"H"`
	}{})
	require.ErrorContains(t, err, "a STRING has no length")
}

func TestAlphaInRowsDoesNotAllocate(t *testing.T) {
	d := new(metadata.Dictionary)
	d.Structure("FLAT", "MATNR:C40 KUNNR:C10 POS:N6")
	f, err := d.Function("Z_TEST", "TABLES T:[FLAT]")
	require.NoError(t, err)
	type flat struct {
		Matnr string `rfc:"MATNR,alpha=18"`
		Kunnr string `rfc:"KUNNR,alpha"`
		Pos   string `rfc:"POS,alpha"`
	}
	type call struct {
		T []flat `rfc:"T"`
	}
	in := &call{make([]flat, 1000)}
	for i := range in.T {
		in.T[i] = flat{"4711", "0815", "10"}
	}
	w := Writer{Function: f, Reply: true}
	buf, err := w.Append(nil, in)
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(t, feed(&s, buf))
	var out call
	require.NoError(t, s.Scan(&out))
	require.Equal(t, flat{"4711", "815", "10"}, out.T[999])
	if raceEnabled {
		return
	}
	require.Less(t, testing.AllocsPerRun(10, func() { _, _ = w.Append(buf[:0], in) }), 20.0)
	require.Less(t, testing.AllocsPerRun(10, func() { _ = s.Scan(&out) }), 20.0)
}

func TestTagInitial(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	f, err := d.Function("Z_TEST", "IMPORTING A:C3 OPTIONAL\nIMPORTING N:I OPTIONAL\nIMPORTING D:D OPTIONAL\nIMPORTING S:{INNER} OPTIONAL\n"+
		"IMPORTING H:[INNER] OPTIONAL\nIMPORTING P:P5.2 OPTIONAL\nTABLES T:[INNER]")
	require.NoError(t, err)
	type inner struct {
		Name  *string `rfc:"NAME,initial"`
		Count *int    `rfc:"COUNT,initial"`
	}
	type call struct {
		A *string       `rfc:"A,initial"`
		N any           `rfc:"N,initial"`
		D time.Time     `rfc:"D,initial"`
		S *inner        `rfc:"S,initial"`
		H []*inner      `rfc:"H,initial"`
		P *abap.Decimal `rfc:"P,initial"`
		T []inner       `rfc:"T"`
	}
	w := Writer{Function: f}
	got, err := w.Append(nil, call{T: []inner{{}}})
	require.NoError(t, err)
	want, err := w.Append(nil, Params{"A": "", "N": 0, "D": "", "S": Params{}, "H": []Params{}, "P": 0, "T": []Params{{}}})
	require.NoError(t, err)
	require.Equal(t, want, got, "nil is sent as the initial value")
	var out call
	require.NoError(t, roundTrip(t, f, call{T: []inner{{}}}, &out))
	require.Equal(t, call{H: []*inner{}, T: []inner{{}}}, out, "and read as nil")
	in := call{A: new("x"), N: int32(5), D: time.Date(2026, 7, 5, 0, 0, 0, 0, time.UTC), S: &inner{Count: new(3)}, H: []*inner{{Name: new("n")}}, P: new(abap.FromInt64(1)), T: []inner{{new("t"), nil}}}
	out = call{}
	require.NoError(t, roundTrip(t, f, in, &out))
	*in.P, err = in.P.Rescale(2)
	require.NoError(t, err)
	require.Equal(t, in, out)
	// Without the tag nil is: not supplied.
	type plain struct {
		A *string `rfc:"A"`
	}
	got, err = w.Append(nil, plain{})
	require.NoError(t, err)
	want, err = w.Append(nil, Params{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	// Blanks count as no date.
	b, err := w.Append(nil, Params{"D": abap.BlankDate})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, false)
	require.NoError(t, feed(&s, b))
	out = call{D: time.Now()}
	require.NoError(t, s.Scan(&out))
	require.True(t, out.D.IsZero())
	_, err = w.Append(nil, struct {
		A *string `rfc:"A,initial,omitempty"`
	}{})
	require.ErrorContains(t, err, "omitempty and initial exclude each other")
}

// The types below take part with their methods.
type (
	yesNo    bool // ValueMarshaler on the value, ValueUnmarshaler on the pointer
	amount   struct{ cents int64 }
	color    int    // fmt.Stringer only
	code     string // encoding.TextMarshaler and TextUnmarshaler
	named    string // fmt.Stringer on a string: what it is, not what it prints
	address  struct{ street, city string }
	writable struct{}
	failing  struct{}
	looping  struct{}
)

func (y yesNo) MarshalRFC() (any, error) {
	if y {
		return "X", nil
	}
	return "", nil
}

func (y *yesNo) UnmarshalRFC(v any) error {
	*y = v == "X"
	return nil
}

func (a *amount) MarshalRFC() (any, error) { return abap.NewDecimal(a.cents, -2) }

func (a *amount) UnmarshalRFC(v any) error {
	d, ok := v.(abap.Decimal)
	if !ok {
		return fmt.Errorf("a decimal is required, not %T", v)
	}
	n, err := d.Rescale(2)
	if err != nil {
		return err
	}
	f := n.Rat()
	a.cents = f.Num().Int64() * 100 / f.Denom().Int64()
	return nil
}

func (c color) String() string { return [...]string{"red", "green"}[c] }

func (c code) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(c))), nil }

func (c *code) UnmarshalText(b []byte) error {
	*c = code(strings.ToLower(string(b)))
	return nil
}

func (n named) String() string { return "printed" }

func (a address) MarshalRFC() (any, error) {
	return Params{"NAME": a.city, "COUNT": len(a.street)}, nil
}

func (a *address) UnmarshalRFC(v any) error {
	m, _ := v.(Params)
	a.city, _ = m["NAME"].(string)
	n, _ := m["COUNT"].(int32)
	a.street = strings.Repeat("s", int(n))
	return nil
}

func (writable) MarshalText() ([]byte, error) { return []byte("w"), nil }

var errFailing = errors.New("it does not want to")

func (failing) MarshalRFC() (any, error) { return nil, errFailing }
func (*failing) UnmarshalRFC(any) error  { return errFailing }
func (looping) MarshalRFC() (any, error) { return looping{}, nil }

func TestTypesWithTheirOwnMethods(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	d.Structure("ROW", "FLAG:C1 PRICE:P5.2 COLOR:C5 CODE:C4 NAMED:C4 ADR:{INNER} IP:C15")
	d.Structure("DEEP", "FLAG:C1 PRICE:P5.2 COLOR:g CODE:g NAMED:g ADR:{INNER} IP:g")
	f, err := d.Function("Z_TEST", "IMPORTING S:{ROW} OPTIONAL\nIMPORTING H:[DEEP] OPTIONAL\nIMPORTING FLAG:C1 OPTIONAL\nIMPORTING ADR:{INNER} OPTIONAL\nTABLES T:[ROW]\nTABLES L:[C4]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	type row struct {
		Flag  yesNo      `rfc:"FLAG"`
		Price amount     `rfc:"PRICE"`
		Color string     `rfc:"COLOR"`
		Code  *code      `rfc:"CODE"`
		Named named      `rfc:"NAMED"`
		Adr   address    `rfc:"ADR"`
		IP    netip.Addr `rfc:"IP"`
	}
	type call struct {
		S    row      `rfc:"S"`
		H    []row    `rfc:"H"`
		Flag *yesNo   `rfc:"FLAG"`
		Adr  *address `rfc:"ADR"`
		T    []*row   `rfc:"T"`
		L    []code   `rfc:"L"`
	}
	r := row{true, amount{1250}, "red", new(code("ab")), "n", address{"sss", "city"}, netip.MustParseAddr("10.0.0.1")}
	in := call{S: r, H: []row{r, r}, Flag: new(yesNo(true)), Adr: &address{"s", "c"}, T: []*row{&r}, L: []code{"x", "yz"}}
	want := Params{"FLAG": "X", "PRICE": "12.50", "COLOR": "red", "CODE": "AB", "NAMED": "n", "ADR": Params{"NAME": "city", "COUNT": 3}, "IP": "10.0.0.1"}
	wantCall := Params{"S": want, "H": []Params{want, want}, "FLAG": "X", "ADR": Params{"NAME": "c", "COUNT": 1}, "T": []Params{want}, "L": []string{"X", "YZ"}}
	w := Writer{Function: f}
	wantBytes, err := w.Append(nil, wantCall)
	require.NoError(t, err)
	got, err := w.Append(nil, in)
	require.NoError(t, err)
	require.Equal(t, wantBytes, got)
	var out call
	require.NoError(t, roundTrip(t, f, in, &out))
	require.Equal(t, in, out)

	// The same as interface values, in maps and in records.
	dynamic := Params{
		"FLAG": yesNo(true), "PRICE": &r.Price, "COLOR": color(0), "CODE": code("ab"), "NAMED": named("n"), "ADR": r.Adr, "IP": r.IP,
	}
	dynamicCall := Params{"S": dynamic, "H": []any{dynamic, r}, "FLAG": in.Flag, "ADR": in.Adr, "T": []any{&r}, "L": []any{code("x"), new(code("yz"))}}
	got, err = w.Append(nil, dynamicCall)
	require.NoError(t, err)
	require.Equal(t, wantBytes, got)
	rec := NewParameters(f)
	for name, v := range dynamicCall {
		require.NoError(t, rec.Set(name, v), name)
	}
	got, err = w.Append(nil, rec)
	require.NoError(t, err)
	require.Equal(t, wantBytes, got)
	out = call{}
	require.NoError(t, rec.Scan(&out))
	require.Equal(t, in, out)

	// One way only, and errors of the methods.
	type oneWay struct {
		Flag writable `rfc:"FLAG"`
	}
	require.NoError(t, roundTrip(t, f, oneWay{}, &Params{}))
	err = roundTrip(t, f, oneWay{}, &oneWay{})
	require.EqualError(t, err, "FLAG: CHAR(1): go type serialization.writable can be written and not read; it has neither UnmarshalRFC nor UnmarshalText")
	type withColor struct {
		C color `rfc:"FLAG"`
	}
	_, err = w.Append(nil, withColor{1})
	require.EqualError(t, err, `FLAG: CHAR(1): 5 characters, at most 1 (value "green")`)
	type fails struct {
		Flag failing `rfc:"FLAG"`
	}
	_, err = w.Append(nil, fails{})
	require.ErrorIs(t, err, errFailing)
	require.ErrorIs(t, err, ErrConversion)
	require.EqualError(t, err, "FLAG: CHAR(1): go type *serialization.failing: it does not want to")
	require.ErrorIs(t, roundTrip(t, f, Params{"FLAG": "X"}, &fails{}), errFailing)
	for _, v := range []any{looping{}, &looping{}} {
		_, err = w.Append(nil, Params{"FLAG": v})
		require.ErrorContains(t, err, "MarshalRFC gave another value of that kind")
		_, err = w.Append(nil, Params{"ADR": v})
		require.ErrorContains(t, err, "MarshalRFC gave another value of that kind")
		_, err = w.Append(nil, Params{"T": v})
		require.ErrorContains(t, err, "MarshalRFC gave another value of that kind")
	}
	for _, v := range []any{(*amount)(nil), (*code)(nil), (*address)(nil)} {
		_, err = w.Append(nil, Params{"FLAG": v})
		require.ErrorIs(t, err, ErrConversion, "%T", v)
	}
	// What prints is no text for other types, and times and numbers are no texts because they print.
	for _, typ := range []string{"N4", "I"} {
		_, err := wireValue(t, typ, color(1), Representation{}, Options{})
		require.NoError(t, err, "a number like any other")
	}
	_, err = wireValue(t, "D", color(1), Representation{}, Options{})
	require.ErrorIs(t, err, ErrConversion)
	for _, v := range []any{
		time.Now(),
		abap.Date{},
		abap.Time{},
		abap.Decimal{},
		abap.Timestamp{},
		abap.TimeOfDay{},
		abap.Week{},
		abap.Month{},
		abap.MonthDay{},
		*big.NewInt(1), big.NewInt(1),
		NewParameters(f), NewTable(f.Parameters[0].Type),
	} {
		for _, typ := range []string{"C20", "g"} {
			_, err := wireValue(t, typ, v, Representation{}, Options{})
			require.ErrorIs(t, err, ErrConversion, "%T", v)
			one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "P", Type: reflect.TypeOf(v), Tag: `rfc:"P"`}})).Elem()
			one.Field(0).Set(reflect.ValueOf(v))
			_, err = (&Writer{Function: function(t, "IMPORTING P:"+typ)}).Append(nil, one.Interface())
			require.ErrorIs(t, err, ErrPlan, "%T", v)
		}
	}
}

func TestProblemsOfNestedTypesComeAllAtOnce(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	f, err := d.Function("Z_TEST", "IMPORTING S:{ALL}\nTABLES TAB:[ALL]")
	require.NoError(t, err)
	type inner struct {
		Name  int    `rfc:"NAME"`
		Other string `rfc:"OTHER"`
		Count string `rfc:"COUNT"`
	}
	type Embedded struct {
		Date chan int `rfc:"DATE"`
	}
	type all struct {
		Embedded
		Char  []string         `rfc:"CHAR"`
		Inner inner            `rfc:"INNER"`
		Tab   []inner          `rfc:"TAB"`
		List  []func()         `rfc:"LIST"`
		Map   map[int]string   `rfc:"INNER2"`
		Keys  map[int]struct{} `rfc:"NUMC"`
		Alpha string           `rfc:"STRING,alpha"`
	}
	type call struct {
		S    *all   `rfc:"S"`
		Tab  []*all `rfc:"TAB"`
		Nope string `rfc:"NOPE"`
	}
	w := Writer{Function: f}
	before := []byte("kept")
	b, err := w.Append(before, call{})
	require.Equal(t, before, b)
	require.ErrorIs(t, err, ErrPlan)
	require.ErrorIs(t, err, ErrConversion)
	require.ErrorIs(t, err, ErrUnknownName)
	for _, prefix := range []struct{ field, path string }{{"S", "S"}, {"Tab", "TAB"}} {
		for _, line := range []string{
			"field %s.Embedded.Date: %s.DATE: DATE: go type chan int cannot hold it",
			"field %s.Char: %s.CHAR: CHAR(10): go type []string cannot hold it",
			"field %s.Inner.Name: %s.INNER.NAME: CHAR(4): go type int cannot hold it",
			"field %s.Inner.Other: %s.INNER: field 'OTHER' not found",
			"field %s.Inner.Count: %s.INNER.COUNT: INT: go type string cannot hold it",
			"field %s.Tab.Name: %s.TAB.NAME: CHAR(4): go type int cannot hold it",
			"field %s.List: %s.LIST: CHAR(3): go type func() cannot hold it",
			"field %s.Map: %s: field 'INNER2' not found; did you mean INNER?",
			"field %s.Keys: %s.NUMC: NUM(6): go type map[int]struct {} cannot hold it",
			"field %s.Alpha: %s.STRING: STRING: tag option alpha needs a number of characters",
		} {
			require.ErrorContains(t, err, fmt.Sprintf(line, prefix.field, prefix.path), "case B-67, case B-80")
		}
	}
	require.ErrorContains(t, err, "field Nope: field 'NOPE' not found")
	require.ErrorContains(t, err, "function Z_TEST: go type serialization.call: ")
	require.Equal(t, 25, strings.Count(err.Error(), "\n"), err.Error())
	require.EqualError(t, PlanError(reflect.TypeFor[*call](), f, Representation{}, Options{}), err.Error())
}

func TestRecordsInStructsAndStreams(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	f, err := d.Function("Z_TEST", "IMPORTING S:{ALL} OPTIONAL\nIMPORTING H:[ALL] OPTIONAL\nIMPORTING I:{INNER} OPTIONAL\nTABLES T:[INNER]\nTABLES U:[INNER]\nTABLES L:[C3]")
	require.NoError(t, err)
	type rows []*Record
	type call struct {
		S *Record `rfc:"S"`
		H *Table  `rfc:"H"`
		I *Record `rfc:"I"`
		T *Table  `rfc:"T"`
		U rows    `rfc:"U"`
		L *Table  `rfc:"L"`
	}
	all := filledRecord(t)
	inner, err := all.Record("INNER")
	require.NoError(t, err)
	tab, err := all.Table("TAB")
	require.NoError(t, err)
	list, err := all.Table("LIST")
	require.NoError(t, err)
	deep := NewTable(all.Type())
	require.NoError(t, deep.AppendRows(all, all))
	in := call{all, deep, inner, tab, rows{inner, inner}, list}
	w := Writer{Function: f}
	got, err := w.Append(nil, in)
	require.NoError(t, err)
	want, err := w.Append(nil, Params{
		"S": plainRecord(all), "H": []Params{plainRecord(all), plainRecord(all)}, "I": plainRecord(inner),
		"T": plainOf(&metadata.Field{Kind: metadata.Table, Type: tab.Line()}, tab), "U": []Params{plainRecord(inner), plainRecord(inner)}, "L": []string{"a", "b"},
	})
	require.NoError(t, err)
	require.Equal(t, want, got)
	var out call
	require.NoError(t, roundTrip(t, f, in, &out))
	require.True(t, out.S.Equal(all))
	require.True(t, out.H.Equal(deep))
	require.True(t, out.I.Equal(inner))
	require.True(t, out.T.Equal(tab))
	require.Len(t, out.U, 2)
	require.True(t, out.U[1].Equal(inner))
	require.True(t, out.L.Equal(list))
	got, err = w.Append(nil, call{})
	require.NoError(t, err)
	want, err = w.Append(nil, Params{})
	require.NoError(t, err)
	require.Equal(t, want, got, "nil is: not supplied")

	// Rows one by one, from classic items and from a document; rows from an iterator.
	b, err := w.Append(nil, in)
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, false)
	require.NoError(t, feed(&s, b))
	for name, wanted := range map[string]*Table{"T": tab, "H": deep, "L": list} {
		n := 0
		for r, err := range Rows[*Record](&s, name) {
			require.NoError(t, err)
			require.True(t, r.Equal(wanted.Row(n)), name)
			n++
		}
		require.Equal(t, wanted.Len(), n, name)
	}
	seq := Sequence[*Record]{Count: 2, Seq: slices.Values([]*Record{inner, inner})}
	got, err = w.Append(nil, Params{"T": seq})
	require.NoError(t, err)
	want, err = w.Append(nil, Params{"T": []*Record{inner, inner}})
	require.NoError(t, err)
	require.Equal(t, want, got)
	seq.Seq = slices.Values([]*Record{inner, nil})
	_, err = w.Append(nil, Params{"T": seq})
	require.EqualError(t, err, "T[1]: TABLE: nil row")
	_, err = w.Append(nil, call{U: rows{inner, nil}})
	require.EqualError(t, err, "U[1]: TABLE: nil row")

	for _, typ := range []any{
		struct {
			S Record `rfc:"S"`
		}{},
		struct {
			S *Table `rfc:"S"`
		}{},
		struct {
			T *Record `rfc:"T"`
		}{},
		struct {
			T Table `rfc:"T"`
		}{},
		struct {
			T []Record `rfc:"T"`
		}{},
	} {
		_, err := w.Append(nil, typ)
		require.ErrorIs(t, err, ErrPlan, "%T", typ)
	}

	// A received table by name, with its name in the paths of errors.
	rt, err := s.RecordTable("T")
	require.NoError(t, err)
	require.EqualError(t, rt.Row(1).Set("NAME", "toolong"), `T[1].NAME: CHAR(4): 7 characters, at most 4 (value "toolong")`)
	doc, err := rt.ToXML()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(doc), "<T><item>"))
	_, err = s.RecordTable("S")
	require.ErrorIs(t, err, ErrShape)
	_, err = s.RecordTable("NOPE")
	require.ErrorIs(t, err, ErrUnknownName)
	var r *Record
	require.NoError(t, s.Scan(&r))
	require.Equal(t, f, r.Function())
	require.NoError(t, s.Scan(r))
	require.ErrorIs(t, s.Scan(inner), ErrShape)
	require.ErrorIs(t, s.Scan((*Record)(nil)), ErrShape)
	s.Reset(function(t, "TABLES T:[P2]"), Representation{}, true)
	for _, it := range tableItems("T", 2, 2, item(0x0303, []byte{0, 0x0c}), item(0x0303, []byte{0x12, 0x30})) {
		_, err := s.Item(it)
		require.NoError(t, err)
	}
	require.NoError(t, s.Finish())
	_, err = s.Record()
	require.ErrorContains(t, err, "T[1]: P(2,0): ")
	_, err = s.RecordTable("T")
	require.ErrorContains(t, err, "T[1]: P(2,0): ")
}

func TestRecordRowsHardlyAllocate(t *testing.T) {
	f := function(t, "TABLES T:[T10]")
	msg, err := (&Writer{Function: f, Reply: true}).Append(nil, Params{"T": t10Rows(1)})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(t, feed(&s, msg))
	table, err := s.Table("T")
	require.NoError(t, err)
	d, err := NewRowDecoder[*Record](table.Parameter(), table.Representation(), Options{})
	require.NoError(t, err)
	if raceEnabled {
		return
	}
	var row *Record
	require.Less(t, testing.AllocsPerRun(2000, func() {
		if err := d.Decode(table.Row(0), &row); err != nil {
			t.Fatal(err)
		}
	}), 0.5, "records and their values come from chunks")
	rows, err := Scan[t10](NewTable(row.Type()))
	require.NoError(t, err)
	require.Empty(t, rows)
	var got t10
	require.NoError(t, row.Scan(&got))
	require.Equal(t, t10Rows(1)[0], got)
}

package serialization

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// recordFields has a field of every kind, named after it.
const recordFields = "CHAR:C10 NUMC:N6 DATE:D TIME:T RAW:X4 PACKED:P8.2 FLOAT:F INT4:I INT2:s INT1:b INT8:8 STRING:g XSTRING:y " +
	"DF16:a DF34:e UTCLONG:p UTCSECOND:n UTCMINUTE:w DTDAY:d DTWEEK:7 DTMONTH:x TSECOND:t TMINUTE:i CDAY:c " +
	"INNER:{INNER} TAB:[INNER] LIST:[C3]"

func recordTypes(t testing.TB) *metadata.Dictionary {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("INNER", "NAME:C4 COUNT:I")
	d.Structure("ALL", recordFields)
	require.NoError(t, d.Err())
	return d
}

func allRecord(t testing.TB) *Record {
	t.Helper()
	typ, _ := recordTypes(t).Type("ALL")
	return NewRecord(typ)
}

// filledRecord has a value in every field.
func filledRecord(t testing.TB) *Record {
	t.Helper()
	r := allRecord(t)
	for name, v := range map[string]any{
		"CHAR": "42", "NUMC": 4711, "DATE": "20260705", "TIME": "123456", "RAW": []byte{1, 2}, "PACKED": "12.50",
		"FLOAT": 0.25, "INT4": -7, "INT2": 300, "INT1": 255, "INT8": int64(math.MinInt64), "STRING": "-12.5", "XSTRING": []byte{0xde, 0xad},
		"DF16": "1.50", "DF34": "1E+3", "UTCLONG": "2026-07-05T12:34:56.1234567", "UTCSECOND": "2026-07-05T12:34:56", "UTCMINUTE": "2026-07-05T12:34",
		"DTDAY": "2026-07-05", "DTWEEK": "2026-W27", "DTMONTH": "2026-07", "TSECOND": "12:34:56", "TMINUTE": "12:34", "CDAY": "07-05",
		"INNER": Params{"NAME": "X", "COUNT": 1}, "TAB": []Params{{"NAME": "A"}, {"NAME": "B", "COUNT": 2}}, "LIST": []string{"a", "b"},
	} {
		require.NoError(t, r.Set(name, v), name)
	}
	return r
}

// TestRecordMatrix asserts the matrix that JCo publishes for the getters of JCoRecord, row by
// row of that table, in the columns CHAR STRING NUM INT1 INT2 INT INT8 BCD FLOAT BYTE XSTRING
// DATE TIME DECF16 DECF34, and what this package adds for types that JCo lacks.
func TestRecordMatrix(t *testing.T) {
	t.Parallel()
	kinds := strings.Fields("CHAR STRING NUMC INT1 INT2 INT4 INT8 PACKED FLOAT RAW XSTRING DATE TIME DF16 DF34 " +
		"UTCLONG UTCSECOND UTCMINUTE DTDAY DTWEEK DTMONTH TSECOND TMINUTE CDAY INNER TAB")
	getters := map[string]struct {
		row string
		get func(r *Record, name string) error
	}{
		"String":    {"yyyyyyyyyyyyyyy yyyyyyyyy yy", func(r *Record, n string) error { _, err := r.String(n); return err }},
		"Int64":     {"yyyyyyy--yy---- --------- --", func(r *Record, n string) error { _, err := r.Int64(n); return err }},
		"BigInt":    {"yyyyyyyy-----yy --------- --", func(r *Record, n string) error { _, err := r.BigInt(n); return err }},
		"Float64":   {"yyyyyyyyy----yy --------- --", func(r *Record, n string) error { _, err := r.Float64(n); return err }},
		"Decimal":   {"yyyyyyyyy----yy --------- --", func(r *Record, n string) error { _, err := r.Decimal(n); return err }},
		"Date":      {"yy---------y--- ---y----- --", func(r *Record, n string) error { _, err := r.Date(n); return err }},
		"Time":      {"yy----------y-- --------- --", func(r *Record, n string) error { _, err := r.Time(n); return err }},
		"Bytes":     {"yy-------yy---- --------- --", func(r *Record, n string) error { _, err := r.Bytes(n); return err }},
		"Bool":      {"yy------------- --------- --", func(r *Record, n string) error { _, err := r.Bool(n); return err }},
		"GoTime":    {"-----------yy-- yyyy----- --", func(r *Record, n string) error { _, err := r.GoTime(n, nil); return err }},
		"Timestamp": {"--------------- yyy------ --", func(r *Record, n string) error { _, err := r.Timestamp(n); return err }},
		"TimeOfDay": {"--------------- ------yy- --", func(r *Record, n string) error { _, err := r.TimeOfDay(n); return err }},
		"Week":      {"--------------- ----y---- --", func(r *Record, n string) error { _, err := r.Week(n); return err }},
		"Month":     {"--------------- -----y--- --", func(r *Record, n string) error { _, err := r.Month(n); return err }},
		"MonthDay":  {"--------------- --------y --", func(r *Record, n string) error { _, err := r.MonthDay(n); return err }},
	}
	require.Len(t, getters, len(getterNames))
	r := filledRecord(t)
	require.NoError(t, r.Set("XSTRING", []byte{1}))
	require.NoError(t, r.Set("PACKED", 12))
	require.NoError(t, r.Set("DF16", 15))
	for name, g := range getters {
		row := strings.ReplaceAll(g.row, " ", "")
		require.Len(t, row, len(kinds), name)
		for i, kind := range kinds {
			text := map[string]string{"Date": "20260705", "Time": "12:34", "Bytes": "CAFE", "Bool": "X"}[name]
			if text == "12:34" {
				text = "123456"
			}
			if text == "" {
				text = "42"
			}
			require.NoError(t, r.Set("CHAR", text))
			require.NoError(t, r.Set("STRING", text))
			err := g.get(r, kind)
			if row[i] == 'y' {
				require.NoError(t, err, "%s of %s", name, kind)
				continue
			}
			var ce *ConversionError
			require.ErrorAs(t, err, &ce, "%s of %s", name, kind)
			require.Equal(t, WrongType, ce.Reason)
			require.Equal(t, kind, ce.Path)
			require.Contains(t, ce.Text, "not read as "+name+"; use String")
		}
	}
	for i := range matrix {
		require.Equal(t, metadata.Kind(i).Valid(), matrix[i] != 0, "every kind has a row")
	}
}

func TestRecordGetters(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	for name, want := range map[string]string{
		"CHAR": "42", "NUMC": "004711", "DATE": "2026-07-05", "TIME": "12:34:56", "RAW": "01020000", "PACKED": "12.50",
		"FLOAT": "0.25", "INT4": "-7", "INT2": "300", "INT1": "255", "INT8": "-9223372036854775808", "STRING": "-12.5", "XSTRING": "DEAD",
		"DF16": "1.50", "DF34": "1E+3", "UTCLONG": "2026-07-05T12:34:56.1234567", "UTCSECOND": "2026-07-05T12:34:56", "UTCMINUTE": "2026-07-05T12:34",
		"DTDAY": "2026-07-05", "DTWEEK": "2026-W27", "DTMONTH": "2026-07", "TSECOND": "12:34:56", "TMINUTE": "12:34", "CDAY": "07-05",
		"INNER": "INNER", "TAB": "INNER", "LIST": "",
	} {
		got, err := r.String(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		if name == "INNER" || name == "TAB" || name == "LIST" {
			require.Error(t, r.SetString(name, got))
			continue
		}
		c := r.Clone()
		require.NoError(t, c.Clear(name))
		initial, err := c.IsInitial(name)
		require.NoError(t, err)
		require.True(t, initial)
		require.False(t, c.Equal(r))
		text, err := c.String(name)
		require.NoError(t, err)
		require.NoError(t, c.SetString(name, text), "initial value of %s: %q", name, text)
		again, err := c.IsInitial(name)
		require.NoError(t, err)
		require.True(t, again, name)
		require.NoError(t, c.SetString(name, got))
		require.True(t, c.Equal(r), "%s survives its text", name)
	}
	for _, tt := range []struct {
		name string
		get  func(string) (any, error)
		want any
	}{
		{"NUMC", func(n string) (any, error) { return r.Int64(n) }, int64(4711)},
		{"NUMC", func(n string) (any, error) { return r.Int(n) }, 4711},
		{"CHAR", func(n string) (any, error) { return r.Int(n) }, 42},
		{"RAW", func(n string) (any, error) { return r.Int64(n) }, int64(0x01020000)},
		{"INT8", func(n string) (any, error) { return r.Int64(n) }, int64(math.MinInt64)},
		{"DF34", func(n string) (any, error) { return r.BigInt(n) }, big.NewInt(1000)},
		{"STRING", func(n string) (any, error) { return r.Float64(n) }, -12.5},
		{"PACKED", func(n string) (any, error) { return r.Float64(n) }, 12.5},
		{"PACKED", func(n string) (any, error) { d, err := r.Decimal(n); return d.String(), err }, "12.50"},
		{"FLOAT", func(n string) (any, error) { d, err := r.Decimal(n); return d.String(), err }, "0.25"},
		{"DATE", func(n string) (any, error) { return r.GoTime(n, time.FixedZone("x", 3600)) }, time.Date(2026, 7, 5, 0, 0, 0, 0, time.FixedZone("x", 3600))},
		{"DTDAY", func(n string) (any, error) { return r.GoTime(n, time.FixedZone("x", 3600)) }, time.Date(2026, 7, 5, 0, 0, 0, 0, time.FixedZone("x", 3600))},
		{"TIME", func(n string) (any, error) { return r.GoTime(n, nil) }, time.Date(0, 1, 1, 12, 34, 56, 0, time.UTC)},
		{"UTCSECOND", func(n string) (any, error) { v, err := r.GoTime(n, time.FixedZone("x", 3600)); return v.String(), err }, "2026-07-05 13:34:56 +0100 x"},
		{"XSTRING", func(n string) (any, error) { return r.Bytes(n) }, []byte{0xde, 0xad}},
	} {
		got, err := tt.get(tt.name)
		require.NoError(t, err, tt.name)
		require.Equal(t, tt.want, got, tt.name)
	}
	// Bytes are given out as copies.
	for _, get := range []func() ([]byte, error){
		func() ([]byte, error) { return r.Bytes("XSTRING") },
		func() ([]byte, error) { v, err := r.Any("XSTRING"); b, _ := v.([]byte); return b, err },
		func() ([]byte, error) { b, _ := maps.Collect(r.Fields())["XSTRING"].([]byte); return b, nil },
	} {
		b, err := get()
		require.NoError(t, err)
		b[0] = 0
		s, err := r.String("XSTRING")
		require.NoError(t, err)
		require.Equal(t, "DEAD", s)
	}
}

func TestRecordConversionsThatFail(t *testing.T) {
	t.Parallel()
	r := allRecord(t)
	set := func(name string, v any) { require.NoError(t, r.Set(name, v)) }
	for _, tt := range []struct {
		set  any
		get  func() error
		text string
	}{
		{"abc", func() error { _, err := r.Int64("STRING"); return err }, "STRING: STRING: "},
		{"", func() error { _, err := r.Int64("STRING"); return err }, "no number in an empty text"},
		{"1.5", func() error { _, err := r.Int64("STRING"); return err }, "STRING: "},
		{"NaN", func() error { _, err := r.Decimal("STRING"); return err }, "not a number"},
		{"9223372036854775808", func() error { _, err := r.Int64("STRING"); return err }, "STRING: "},
		{"1E+400", func() error { _, err := r.Float64("STRING"); return err }, "out of the range of float64"},
		{"1.5", func() error { _, err := r.BigInt("STRING"); return err }, "not an integer"},
		{"20260230", func() error { _, err := r.Date("STRING"); return err }, "STRING: STRING: "},
		{"256000", func() error { _, err := r.Time("STRING"); return err }, "STRING: STRING: "},
		{"F1F", func() error { _, err := r.Bytes("STRING"); return err }, "even number of hexadecimal digits"},
		{"yes", func() error { _, err := r.Bool("STRING"); return err }, `"X" or blank`},
	} {
		set("STRING", tt.set)
		err := tt.get()
		require.ErrorIs(t, err, ErrConversion, tt.set)
		require.ErrorContains(t, err, tt.text)
	}
	for text, want := range map[string]int64{" 12 ": 12, "12-": -12, "-12": -12, "+7": 7, "12.00": 12, "1E+2": 100} {
		set("STRING", text)
		n, err := r.Int64("STRING")
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
	}
	set("XSTRING", slices.Repeat([]byte{0xff}, 8))
	_, err := r.Int64("XSTRING")
	require.ErrorContains(t, err, "8 bytes do not fit")
	set("DATE", abap.BlankDate)
	s, err := r.String("DATE")
	require.NoError(t, err)
	require.Equal(t, "        ", s)
	initial, err := r.IsInitial("DATE")
	require.NoError(t, err)
	require.False(t, initial, "blanks are not initial")
}

func TestRecordErrorsNameThePath(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	d.Structure("OUTER", "ALL:[ALL]")
	require.NoError(t, d.Err())
	f, err := d.Function("Z_TEST", "IMPORTING IN:{OUTER}\nTABLES TAB:[ALL]")
	require.NoError(t, err)
	call := NewParameters(f)
	in, err := call.Record("IN")
	require.NoError(t, err)
	all, err := in.Table("ALL")
	require.NoError(t, err)
	for range 3 {
		all.Append()
	}
	inner, err := all.Row(2).Record("INNER")
	require.NoError(t, err)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{inner.Set("NAME", "toolong"), `IN.ALL[2].INNER.NAME: CHAR(4): 7 characters, at most 4 (value "toolong")`},
		{inner.Set("NAME", nil), `IN.ALL[2].INNER.NAME: CHAR(4): nil is not a value; leave the parameter or field out for its initial value`},
		{all.Row(1).Set("INNER", Params{"COUNT": "x"}), `IN.ALL[1].INNER.COUNT: INT: go type string cannot be converted (value "x")`},
		{all.Row(1).Set("TAB", []Params{{}, {"NAMEX": 1}}), `IN.ALL[1].TAB[1]: field 'NAMEX' not found; did you mean NAME?`},
		{all.AppendRows(Params{}, Params{"INT1": 256}), `IN.ALL[4].INT1: INT1: 256 is out of range 0 to 255 (value 256)`},
		{call.Set("IM", 1), `function Z_TEST: field 'IM' not found; did you mean IN?`},
		{all.Row(7).Set("CHAR", ""), `STRUCTURE: no record; is there such a row?`},
		{all.Delete(3), `IN.ALL: row 3 passed, one of 3 rows, counted from 0, is required`},
	} {
		require.EqualError(t, tt.err, tt.want)
	}
	_, err = all.Row(2).Record("TAB")
	require.EqualError(t, err, "IN.ALL[2].TAB: TABLE passed, a STRUCTURE is required")
	_, err = inner.Table("NAME")
	require.EqualError(t, err, "IN.ALL[2].INNER.NAME: CHAR(4) passed, a TABLE is required")
	_, err = inner.Int64("NAMES")
	require.EqualError(t, err, "IN.ALL[2].INNER: field 'NAMES' not found; did you mean NAME?")
	require.NoError(t, all.Delete(0))
	require.ErrorContains(t, inner.Set("NAME", "toolong"), "IN.ALL[1].INNER.NAME: ", "rows move up")
	all.Clear()
	require.ErrorContains(t, inner.Set("NAME", "toolong"), "INNER.NAME: ")

	// A nil or zero record says so and does not panic.
	for _, r := range []*Record{nil, {}, NewRecord(nil), NewParameters(nil)} {
		require.ErrorContains(t, r.Set("A", 1), "no record")
		require.ErrorContains(t, r.Clear(), "no record")
		require.ErrorContains(t, r.CopyFrom(inner), "no record")
		require.ErrorContains(t, r.Scan(new(struct{})), "no record")
		require.ErrorContains(t, r.UnmarshalJSON([]byte("{}")), "no record")
		require.ErrorContains(t, r.FromXML([]byte("<A></A>")), "no record")
		for _, err := range []error{
			second(r.String("A")), second(r.Any("A")), second(r.Record("A")), second(r.Table("A")), second(r.IsInitial("A")),
			second(r.MarshalJSON()), second(r.ToXML()),
		} {
			require.ErrorContains(t, err, "no record")
		}
		require.False(t, r.Has("A"))
		require.Zero(t, r.Len())
		require.Nil(t, r.Type())
		require.Nil(t, r.Function())
		require.Empty(t, maps.Collect(r.Fields()))
		require.True(t, r.Equal(nil))
		require.False(t, r.Equal(inner))
		require.Equal(t, "no record", fmt.Sprint(r))
	}
	for _, tab := range []*Table{nil, {}, NewTable(nil)} {
		require.Nil(t, tab.Append())
		require.Nil(t, tab.Row(0))
		require.Nil(t, tab.Line())
		require.Zero(t, tab.Len())
		require.ErrorContains(t, tab.AppendRows(1), "no record")
		require.ErrorContains(t, tab.SetRows(1), "no record")
		require.Error(t, tab.Delete(0))
		require.ErrorContains(t, tab.FromXML([]byte("<A></A>")), "no record")
		require.ErrorContains(t, tab.UnmarshalJSON([]byte("[]")), "no record")
		require.ErrorContains(t, second(tab.MarshalJSON()), "no record")
		require.ErrorContains(t, second(tab.ToXML()), "no record")
		tab.Clear()
		for range tab.Rows() {
			t.Fatal("a row")
		}
		require.True(t, tab.Equal(nil))
		require.Equal(t, "no table", fmt.Sprint(tab))
		list, err := Scan[Params](tab)
		require.NoError(t, err)
		require.Empty(t, list)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRecordIsNotChangedByWhatFails(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	before := r.Clone()
	tab, err := r.Table("TAB")
	require.NoError(t, err)
	for _, err := range []error{
		r.Set("INNER", Params{"NAME": "new", "COUNT": "x"}),
		r.Set("TAB", []any{Params{"NAME": "new"}, nil}),
		tab.AppendRows(Params{"NAME": "new"}, 5),
		tab.SetRows([]any{Params{"NAME": "new"}, 5}),
		tab.SetRows("text"),
		r.Clear("CHAR", "NOPE"),
		r.UnmarshalJSON([]byte(`{"CHAR": "new", "TAB": [], "INNER": {"COUNT": "x"}}`)),
		r.FromXML([]byte("<A><CHAR>new</CHAR><TAB></TAB><INNER><COUNT>x</COUNT></INNER></A>")),
	} {
		require.Error(t, err)
		require.True(t, r.Equal(before))
	}
	other := NewRecord(func() *metadata.Type {
		d := recordTypes(t)
		d.Structure("OTHER", "CHAR:C3 INNER:{INNER} INT1:C3")
		typ, _ := d.Type("OTHER")
		return typ
	}())
	require.NoError(t, other.Set("CHAR", "new"))
	require.NoError(t, other.Set("INT1", "999"))
	require.EqualError(t, r.CopyFrom(other), "INT1: INT1: 999 is out of range 0 to 255 (value 999)")
	require.True(t, r.Equal(before), "MOVE-CORRESPONDING is done whole or not at all")
}

func TestRecordHoldsItsPartsByReference(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	inner, err := r.Record("INNER")
	require.NoError(t, err)
	tab, err := r.Table("TAB")
	require.NoError(t, err)
	require.NoError(t, inner.Set("COUNT", 99))
	require.NoError(t, tab.Append().Set("NAME", "C"))
	js, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(js), `"INNER":{"NAME":"X","COUNT":99},"TAB":[{"NAME":"A","COUNT":0},{"NAME":"B","COUNT":2},{"NAME":"C","COUNT":0}]`)

	// Whatever replaces their values, they stay parts of the record.
	require.NoError(t, r.Set("INNER", Params{"NAME": "Y"}))
	require.NoError(t, r.Set("TAB", []any{inner}))
	require.NoError(t, r.CopyFrom(r.Clone()))
	require.NoError(t, r.UnmarshalJSON([]byte(`{"INNER": {"COUNT": 5}}`)))
	require.NoError(t, r.FromXML([]byte("<A><TAB><item><COUNT>6</COUNT></item></TAB></A>")))
	require.NoError(t, inner.Set("NAME", "Z"))
	require.NoError(t, tab.Row(0).Set("NAME", "T"))
	js, err = json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(js), `"INNER":{"NAME":"Z","COUNT":5},"TAB":[{"NAME":"T","COUNT":6}]`)

	// Set copies: nothing is shared, and nothing contains itself.
	other := allRecord(t)
	require.NoError(t, other.Set("INNER", inner))
	require.NoError(t, other.Set("TAB", tab))
	require.NoError(t, inner.Set("NAME", "-"))
	require.NoError(t, tab.Row(0).Set("NAME", "-"))
	require.NoError(t, tab.AppendRows(tab.Row(0), inner))
	require.Equal(t, 3, tab.Len())
	for _, get := range []func() (*Record, error){
		func() (*Record, error) { return other.Record("INNER") },
		func() (*Record, error) { t, err := other.Table("TAB"); return t.Row(0), err },
	} {
		in, err := get()
		require.NoError(t, err)
		s, err := in.String("NAME")
		require.NoError(t, err)
		require.NotEqual(t, "-", s)
	}
}

func TestRecordOfParameters(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	f, err := d.Function("Z_TEST", "IMPORTING A:C3\nIMPORTING S:{INNER} OPTIONAL\nCHANGING N:I OPTIONAL\nEXPORTING E:C3\nTABLES T:[INNER]")
	require.NoError(t, err)
	r := NewParameters(f)
	require.Equal(t, f, r.Function())
	require.Nil(t, r.Type())
	require.Equal(t, 5, r.Len())
	require.Equal(t, "record of function Z_TEST, 5 parameters", fmt.Sprintf("%+v", r))
	js, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, "{}", string(js))
	n, err := r.Int64("N")
	require.NoError(t, err)
	require.Zero(t, n, "the initial value")
	require.False(t, r.Has("N"))
	initial, err := r.IsInitial("S")
	require.NoError(t, err)
	require.True(t, initial)
	require.False(t, r.Has("S"), "a question does not make it a value")

	w := Writer{Function: f}
	_, err = w.Append(nil, r)
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"A"}, missing.Names)
	require.NoError(t, r.Set("A", "x"))
	got, err := w.Append(nil, r)
	require.NoError(t, err)
	want, err := w.Append(nil, Params{"A": "x"})
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, r.Set("T", []Params{{"COUNT": 1}}))
	s, err := r.Record("S")
	require.NoError(t, err)
	require.NoError(t, s.Set("NAME", "n"))
	require.True(t, r.Has("S"))
	var names []string
	for name, v := range r.Fields() {
		names = append(names, name)
		require.NotNil(t, v)
	}
	require.Equal(t, []string{"A", "S", "T"}, names, "the order of the description")
	got, err = w.Append(nil, r)
	require.NoError(t, err)
	want, err = w.Append(nil, Params{"A": "x", "S": Params{"NAME": "n"}, "T": []Params{{"COUNT": 1}}})
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, r.Set("E", "y"))
	_, err = w.Append(nil, r)
	require.ErrorIs(t, err, ErrDirection, "case B-66")
	require.NoError(t, r.Clear("E", "S"))
	require.False(t, r.Has("S"))
	require.NoError(t, r.Clear())
	require.True(t, r.Equal(NewParameters(f)))
	js, err = json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, "{}", string(js))

	// A record of another description goes by its names.
	g, err := d.Function("Z_OTHER", "IMPORTING A:C5\nIMPORTING X:C1")
	require.NoError(t, err)
	o := NewParameters(g)
	require.NoError(t, o.Set("A", "abcd"))
	_, err = w.Append(nil, o)
	require.EqualError(t, err, `A: CHAR(3): 4 characters, at most 3 (value "abcd")`)
	require.NoError(t, o.Set("A", "ab"))
	require.NoError(t, o.Set("X", "x"))
	_, err = w.Append(nil, o)
	require.ErrorIs(t, err, ErrUnknownName)
	w.Lenient = true
	_, err = w.Append(nil, o)
	require.NoError(t, err)
	inner, _ := d.Type("INNER")
	_, err = w.Append(nil, NewRecord(inner))
	require.ErrorIs(t, err, ErrMissing, "a structure has no parameter A")
	_, err = w.Append(nil, new(Record))
	require.ErrorContains(t, err, "no record")
	_, err = w.Append(nil, (*Record)(nil))
	require.ErrorIs(t, err, ErrMissing, "nil is: no values")
}

func TestTablesOfRecords(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	typ, _ := d.Type("INNER")
	tab := NewTable(typ)
	require.Equal(t, typ, tab.Line())
	type inner struct {
		Name  string `rfc:"NAME"`
		Count int    `rfc:"COUNT"`
	}
	rec := NewRecord(typ)
	require.NoError(t, rec.Set("NAME", "r"))
	require.NoError(t, tab.AppendRows(Params{"NAME": "p"}, map[string]any{"NAME": "m"}, inner{"s", 1}, &inner{"*s", 2}, rec))
	require.NoError(t, tab.SetRows(tab))
	list, err := Scan[inner](tab)
	require.NoError(t, err)
	require.Equal(t, []inner{{"p", 0}, {"m", 0}, {"s", 1}, {"*s", 2}, {"r", 0}}, list)
	pointers, err := Scan[*inner](tab)
	require.NoError(t, err)
	require.Equal(t, &inner{"*s", 2}, pointers[3])
	params, err := Scan[Params](tab)
	require.NoError(t, err)
	require.Equal(t, Params{"NAME": "s", "COUNT": int32(1)}, params[2])
	anys, err := Scan[any](tab)
	require.NoError(t, err)
	require.Equal(t, params[2], anys[2])
	records, err := Scan[*Record](tab)
	require.NoError(t, err)
	require.True(t, records[4].Equal(rec))
	require.NoError(t, records[4].Set("NAME", "x"))
	require.True(t, tab.Row(4).Equal(rec), "a copy")
	_, err = Scan[struct {
		Name int `rfc:"NAME"`
	}](tab)
	require.ErrorIs(t, err, ErrPlan)
	_, err = Scan[struct {
		Count uint8 `rfc:"COUNT"`
	}](tab)
	require.NoError(t, err)
	require.NoError(t, tab.Row(1).Set("COUNT", 256))
	_, err = Scan[struct {
		Count uint8 `rfc:"COUNT"`
	}](tab)
	require.EqualError(t, err, "[1].COUNT: INT: 256 does not fit go type uint8 (value 256)")

	require.NoError(t, tab.Delete(0))
	require.Equal(t, 4, tab.Len())
	require.Nil(t, tab.Row(4))
	require.Nil(t, tab.Row(-1))
	sum := 0
	for i, r := range tab.Rows() {
		n, err := r.Int("COUNT")
		require.NoError(t, err)
		sum += n
		if i == 1 {
			break
		}
	}
	require.Equal(t, 257, sum)

	// An unnamed line is a record with one field, called "".
	all, _ := d.Type("ALL")
	r := NewRecord(all)
	require.NoError(t, r.Set("LIST", []any{"a", Params{"": "b"}, struct {
		X string `rfc:""`
	}{"c"}}))
	lines, err := r.Table("LIST")
	require.NoError(t, err)
	require.NoError(t, lines.Append().Set("", "d"))
	require.EqualError(t, lines.AppendRows("long"), `LIST[4]: CHAR(3): 4 characters, at most 3 (value "long")`)
	require.NoError(t, lines.AppendRows(lines.Row(0)))
	texts, err := Scan[string](lines)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c", "d", "a"}, texts)
	js, err := json.Marshal(lines)
	require.NoError(t, err)
	require.Equal(t, `["a","b","c","d","a"]`, string(js))
	require.Equal(t, "table of INNER, 4 rows", fmt.Sprint(tab))
}

func TestRecordsOfOtherTypesGoByName(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	d.Structure("SMALL", "COUNT:I")
	d.Structure("LARGE", "COUNT:I MORE:I")
	f, err := d.Function("Z_TEST", "IMPORTING S:{INNER} OPTIONAL\nIMPORTING H:[INNER] OPTIONAL\nTABLES T:[INNER]")
	require.NoError(t, err)
	small, _ := d.Type("SMALL")
	large, _ := d.Type("LARGE")
	w := Writer{Function: f}
	for name, rows := range map[string]func(*Record) any{
		"S": func(r *Record) any { return r },
		"H": func(r *Record) any { return []*Record{r} },
		"T": func(r *Record) any { return []any{r} },
	} {
		r := NewRecord(small)
		require.NoError(t, r.Set("COUNT", 5))
		got, err := w.Append(nil, Params{name: rows(r)})
		require.NoError(t, err)
		var v any = Params{"COUNT": 5}
		if name != "S" {
			v = []any{v}
		}
		want, err := w.Append(nil, Params{name: v})
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = w.Append(nil, Params{name: rows(NewRecord(large))})
		require.ErrorIs(t, err, ErrUnknownName)
		require.ErrorContains(t, err, "field 'MORE' not found")
		_, err = w.Append(nil, Params{name: rows(nil)})
		require.ErrorIs(t, err, ErrConversion)
		p := NewParameters(f)
		require.NoError(t, p.Set(name, rows(r)))
		again, err := w.Append(nil, p)
		require.NoError(t, err)
		require.Equal(t, want, again)
		require.ErrorIs(t, p.Set(name, rows(NewRecord(large))), ErrUnknownName)
	}
	for _, empty := range []any{(*Table)(nil), (*Record)(nil), new(Record)} {
		_, err := w.Append(nil, Params{"T": empty})
		require.Error(t, err)
		_, err = w.Append(nil, Params{"S": empty})
		require.Error(t, err)
		require.Error(t, NewParameters(f).Set("S", empty))
		require.Error(t, NewParameters(f).Set("T", empty))
	}
}

func TestMoveCorresponding(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	d.Structure("SRC", "TXT:C10 NUM:C6 P:P8.2 I:I F:F D:D S:g N:N4 X:X2 DAY:C10 ONLY:C1 INNER:{INNER} TAB:[INNER] LIST:[C3] W:7 DF:a B:b")
	d.Structure("INNER2", "COUNT:C8 NAME:g OTHER:I")
	d.Structure("DST", "TXT:g NUM:I P:C12 I:P5.1 F:a D:C10 S:D N:I X:g DAY:D MORE:C2 INNER:{INNER2} TAB:[INNER2] LIST:[g] W:C10 DF:F B:N3")
	require.NoError(t, d.Err())
	src, dst := func(name string) *Record { typ, _ := d.Type(name); return NewRecord(typ) }("SRC"), func(name string) *Record { typ, _ := d.Type(name); return NewRecord(typ) }("DST")
	for name, v := range map[string]any{
		"TXT": "text", "NUM": "42-", "P": "12.50", "I": 7, "F": 0.1, "D": "20260705", "S": "2026-07-05", "N": 12, "X": []byte{0xca, 0xfe}, "DAY": "20260706", "ONLY": "o",
		"INNER": Params{"NAME": "n", "COUNT": 5}, "TAB": []Params{{"COUNT": 1}, {"NAME": "b"}}, "LIST": []string{"a", "b"}, "W": "2026-W27", "DF": "0.5", "B": 9,
	} {
		require.NoError(t, src.Set(name, v))
	}
	require.NoError(t, dst.Set("MORE", "m"))
	inner, err := dst.Record("INNER")
	require.NoError(t, err)
	require.NoError(t, inner.Set("OTHER", 3))
	tab, err := dst.Table("TAB")
	require.NoError(t, err)
	require.NoError(t, tab.AppendRows(Params{"OTHER": 9}))
	require.NoError(t, dst.CopyFrom(src))
	js, err := json.Marshal(dst)
	require.NoError(t, err)
	require.Equal(t, `{"TXT":"text","NUM":-42,"P":"12.50","I":"7.0","F":"0.1","D":"2026-07-05","S":"20260705","N":12,"X":"CAFE","DAY":"20260706","MORE":"m",`+
		`"INNER":{"COUNT":"5","NAME":"n","OTHER":3},"TAB":[{"COUNT":"1","NAME":"","OTHER":0},{"COUNT":"0","NAME":"b","OTHER":0}],"LIST":["a","b"],`+
		`"W":"2026-W27","DF":0.5,"B":"009"}`, string(js))
	require.Equal(t, 2, tab.Len(), "rows are replaced, the table stays part of the record")

	before := dst.Clone()
	for name, tt := range map[string]struct {
		v    any
		text string
	}{
		"P":     {"-123456789.99", "P: CHAR(12): 13 characters, at most 12"},
		"I":     {123456789, "I: P(5,1): "},
		"NUM":   {"12.5", "NUM: CHAR(6): "},
		"S":     {"20260230", "S: DATE: "},
		"DF":    {"1.234567890123456", ""},
		"INNER": {Params{"COUNT": math.MinInt32}, "INNER.COUNT: CHAR(8): 11 characters, at most 8"},
		"TAB":   {[]Params{{}, {"COUNT": math.MinInt32}}, "TAB[1].COUNT: CHAR(8): 11 characters, at most 8"},
	} {
		bad := src.Clone()
		require.NoError(t, bad.Set(name, tt.v))
		err := dst.CopyFrom(bad)
		if tt.text == "" {
			require.NoError(t, err, name)
			require.NoError(t, dst.CopyFrom(src))
			continue
		}
		require.ErrorIs(t, err, ErrConversion, name)
		require.ErrorContains(t, err, tt.text)
		require.True(t, dst.Equal(before), name)
	}

	// Between parameters, and between shapes that do not go together.
	f, err := d.Function("Z_TEST", "IMPORTING TXT:C4 OPTIONAL\nIMPORTING INNER:{INNER} OPTIONAL\nIMPORTING TAB:[INNER] OPTIONAL\nIMPORTING N:I OPTIONAL")
	require.NoError(t, err)
	p := NewParameters(f)
	require.NoError(t, p.CopyFrom(src))
	js, err = json.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, `{"TXT":"text","INNER":{"NAME":"n","COUNT":5},"TAB":[{"NAME":"","COUNT":1},{"NAME":"b","COUNT":0}],"N":12}`, string(js))
	require.NoError(t, src.Clear())
	require.NoError(t, src.CopyFrom(p))
	n, err := src.String("N")
	require.NoError(t, err)
	require.Equal(t, "0012", n)
	empty := NewParameters(f)
	require.NoError(t, p.CopyFrom(empty), "what has no value is not moved")
	require.True(t, p.Has("TXT"))
	d.Structure("SHAPES", "INNER:C1 TAB:{INNER} TXT:[C3] N:{INNER}")
	shapes, _ := d.Type("SHAPES")
	for _, err := range []error{NewRecord(shapes).CopyFrom(p), p.CopyFrom(NewRecord(shapes))} {
		require.ErrorIs(t, err, ErrShape)
	}
	require.NoError(t, p.CopyFrom(p))
}

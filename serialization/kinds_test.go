package serialization

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
)

const kindFields = "A:a E:e P:p N:n W:w D:d W7:7 X:x T:t I:i C:c"

// kinds is a row of all types of this file in their own Go types.
type kinds struct {
	A, E    abap.Decimal
	P, N, W abap.Timestamp
	D       abap.Date
	W7      abap.Week
	X       abap.Month
	T, I    abap.TimeOfDay
	C       abap.MonthDay
}

// otherKinds is the same in types of Go.
type otherKinds struct {
	A  string
	E  int64
	P  time.Time
	N  *time.Time
	W  string
	D  time.Time
	W7 string
	X  *string
	T  time.Duration
	I  string
	C  any
}

func kindRows(t testing.TB) []kinds {
	t.Helper()
	d, err := abap.ParseDay("2026-07-05")
	require.NoError(t, err)
	week, err := abap.WeekOf(2026, 27)
	require.NoError(t, err)
	month, err := abap.MonthOf(2026, time.July)
	require.NoError(t, err)
	day, err := abap.MonthDayOf(time.February, 29)
	require.NoError(t, err)
	return []kinds{
		{
			A: mustDecimal(t, "-1.2300"), E: mustDecimal(t, "1234567890123456789"), P: mustStamp(t, "2026-07-05T12:34:56.1234567"),
			N: mustStamp(t, "2026-07-05T12:34:56"), W: mustStamp(t, "2026-07-05T12:34"), D: d, W7: week, X: month,
			T: mustClock(t, "24:00:00"), I: mustClock(t, "00:00"), C: day,
		},
		{T: mustClock(t, "00:00:00")},
	}
}

func mustDecimal(t testing.TB, s string) abap.Decimal {
	t.Helper()
	d, err := abap.ParseDecimal(s)
	require.NoError(t, err)
	return d
}

var exported = cmp.AllowUnexported(abap.Decimal{}, abap.Timestamp{}, abap.Date{}, abap.Week{}, abap.Month{}, abap.TimeOfDay{}, abap.MonthDay{})

// Rows of decimal floating point and the compact types of time are the same bytes from
// every kind of Go value, and the same values from every kind of reading.
func TestKindsOfGoValues(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("KINDS", kindFields)
	f, err := d.Function("Z_TEST", "CHANGING S:{KINDS}\nCHANGING L:[KINDS]\nTABLES T:[KINDS]")
	require.NoError(t, err)
	type call[T any] struct {
		S T
		L []T
		T []T
	}
	rows := kindRows(t)
	for name, rep := range map[string]Representation{"le": {}, "be": {BigEndian: true, Text: lookup(t, "4102")}, "nuc": {Text: lookup(t, "1100")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := Writer{Function: f, Representation: rep}
			b, err := w.Append(nil, call[kinds]{rows[0], rows, rows})
			require.NoError(t, err)
			var s Section
			s.Reset(f, rep, false)
			require.NoError(t, feed(&s, b))
			again := func(what string, values any) {
				t.Helper()
				c, err := w.Append(nil, values)
				require.NoError(t, err, what)
				require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(c), what)
			}

			var own call[kinds]
			require.NoError(t, s.Scan(&own))
			require.Empty(t, cmp.Diff(call[kinds]{rows[0], rows, rows}, own, exported))

			var other call[otherKinds]
			require.NoError(t, s.Scan(&other))
			at := time.Date(2026, 7, 5, 12, 34, 56, 123456700, time.UTC)
			seconds := at.Truncate(time.Second)
			july := "2026-07"
			want := otherKinds{
				"-1.2300", 1234567890123456789, at, &seconds, "2026-07-05T12:34", time.Date(2026, 7, 5, 0, 0, 0, 0, time.UTC),
				"2026-W27", &july, 24 * time.Hour, "00:00", rows[0].C,
			}
			require.Empty(t, cmp.Diff([]otherKinds{want, want}, []otherKinds{other.S, other.L[0]}, exported))
			require.True(t, other.T[1].P.IsZero() && other.T[1].N.IsZero() && other.T[1].D.IsZero())
			again("types of Go", other)

			var p Params
			require.NoError(t, s.Scan(&p))
			require.Empty(t, cmp.Diff(Params{
				"A": rows[1].A, "E": rows[1].E, "P": rows[1].P, "N": rows[1].N, "W": rows[1].W, "D": rows[1].D, "W7": rows[1].W7,
				"X": rows[1].X, "T": rows[1].T, "I": rows[1].I, "C": rows[1].C,
			}, p["L"].([]Params)[1], exported))
			again("maps", p)

			js, err := s.AppendJSON(nil)
			require.NoError(t, err)
			require.Contains(t, string(js), `"T":[{"A":"-1.2300","E":"1234567890123456789","P":"2026-07-05T12:34:56.1234567","N":"2026-07-05T12:34:56",`+
				`"W":"2026-07-05T12:34","D":"2026-07-05","W7":"2026-W27","X":"2026-07","T":"24:00:00","I":"00:00","C":"02-29"},`+
				`{"A":"0","E":"0","P":"0000-00-00T00:00:00.0000000","N":"","W":"","D":"","W7":"","X":"","T":"00:00:00","I":"","C":""}]`)
			fromJSON, err := FromJSON(f, js)
			require.NoError(t, err)
			again("JSON", fromJSON)

			// By column, from classic rows and from the document.
			for _, table := range []string{"T", "L"} {
				cols, err := s.Columns(table)
				require.NoError(t, err)
				require.NoError(t, cols.Check())
				param, _ := f.Parameter(table)
				c := newCoder(Representation{}, Options{})
				elem, err := c.planElem(typeOf(kinds{}), param.Type)
				require.NoError(t, err)
				got := make([]kinds, len(rows))
				require.NoError(t, c.fromColumns(cols, elem, placed{ptr(&got[0]), elem.typ.Size(), 0, len(rows)}))
				require.Empty(t, cmp.Diff(rows, got, exported))
				same := columns.New(param.Type)
				require.NoError(t, c.rowsInto(same, elem, placed{ptr(&rows[0]), elem.typ.Size(), 0, len(rows)}))
				require.True(t, cols.Equal(same), table)
			}
		})
	}
	t.Run("left out, a value is initial", func(t *testing.T) {
		type omitted struct {
			A abap.Decimal   `rfc:"A,omitempty"`
			P abap.Timestamp `rfc:"P,omitempty"`
		}
		w := Writer{Function: f, Reply: true}
		b, err := w.Append(nil, call[omitted]{T: make([]omitted, 1), L: make([]omitted, 1)})
		require.NoError(t, err)
		c, err := w.Append(nil, Params{"S": Params{}, "T": []Params{{}}, "L": []Params{{}}})
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(c))
		require.Contains(t, hex.EncodeToString(b), "0000000000003822"+"00000000000000000000000000000822", "zero with exponent 0")
	})
	t.Run("what a Go type cannot hold", func(t *testing.T) {
		_, err := (&Writer{Function: f}).Append(nil, struct {
			S struct {
				A  time.Time
				P  int64
				D  abap.Time
				W7 time.Time
				T  time.Time
				C  abap.Week
			}
		}{})
		require.ErrorIs(t, err, ErrPlan)
		for _, text := range []string{
			"A: DECF16: go type time.Time", "P: UTCLONG: go type int64", "D: DTDAY: go type abap.Time", "W7: DTWEEK: go type time.Time",
			"T: TSECOND: go type time.Time", "C: CDAY: go type abap.Week",
		} {
			require.ErrorContains(t, err, text)
		}
		s, err := docSection(t, f, "<L><item><T>0</T><E>1.5</E></item></L>")
		require.NoError(t, err)
		require.ErrorContains(t, s.Scan(&struct{ L []struct{ T time.Duration } }{}), "L[0].T: TSECOND: it is initial")
		require.ErrorContains(t, s.Scan(&struct{ L []struct{ E int64 } }{}), "L[0].E: DECF34: the value has a fraction")
	})
}

func TestTextsOfKindsInDocuments(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("KINDS", kindFields)
	f, err := d.Function("Z_TEST", "EXPORTING L:[KINDS]")
	require.NoError(t, err)
	row := func(field, text string) (any, error) {
		s, err := docSection(t, f, fmt.Sprintf("<L><item><%[1]s>%[2]s</%[1]s></item></L>", field, text))
		require.NoError(t, err)
		v, err := s.Value("L")
		if err != nil {
			return nil, err
		}
		return v.([]Params)[0][field], nil
	}
	for _, tt := range [][3]string{
		{"A", "1.23E+6", "1.23E+6"},
		{"A", " +1.5 ", "1.5"},
		{"A", "1.500000E+000", "1.500000"},
		{"E", "NaN", "NaN"}, // decoded, never written
		{"A", "-Infinity", "-Infinity"},
		{"P", "639190244961234568", "2026-07-05T12:34:56.1234567"},
		{"P", "2026-07-05T12:34:56", "2026-07-05T12:34:56.0000000"},
		{"P", "0", "0000-00-00T00:00:00.0000000"},
		{"P", "", "0000-00-00T00:00:00.0000000"},
		{"N", "0063919024497", "2026-07-05T12:34:56.0000000"},
		{"W", "2026-07-05T12:34", "2026-07-05T12:34:00.0000000"},
		{"D", "739804", "20260705"},
		{"D", "2026-07-05", "20260705"},
		{"W7", "2020-W53", "2020-W53"},
		{"X", "24307", "2026-07"},
		{"T", "86401", "24:00:00"},
		{"I", "12:34", "12:34:00"},
		{"C", "02-29", "02-29"},
	} {
		got, err := row(tt[0], tt[1])
		require.NoError(t, err, tt)
		require.Equal(t, tt[2], fmt.Sprint(got), tt)
	}
	for _, tt := range [][3]string{
		{"A", "", "not a number"},
		{"A", "12345678901234567", "17 significant digits"},
		{"E", "1,5", "not a number"},
		{"D", "20260705", "out of range"}, // digits alone are the number
		{"D", "99999999999999999999", "out of range"},
		{"I", "99999", "out of range"},
		{"P", "-1", "illegal format"},
		{"X", "2026-13", "no such month"},
		{"W7", "2021-W53", "no such week"},
		{"C", "02-30", "no such day"},
	} {
		_, err := row(tt[0], tt[1])
		require.ErrorIs(t, err, ErrConversion, tt)
		require.ErrorContains(t, err, "L[0]."+tt[0])
		require.ErrorContains(t, err, tt[2])
	}
}

func TestKindsInJSON(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("KINDS", kindFields)
	f, err := d.Function("Z_TEST", "IMPORTING S:{KINDS}")
	require.NoError(t, err)
	p, err := FromJSON(f, []byte(`{"S":{"A":1.2300,"E":"9.99E+20","D":"20260705","P":"2026-07-05T12:34:56"}}`))
	require.NoError(t, err)
	js, err := AppendJSON(nil, f, p)
	require.NoError(t, err)
	require.Equal(t, `{"S":{"A":"1.2300","E":"9.99E+20","P":"2026-07-05T12:34:56.0000000","D":"2026-07-05"}}`, string(js))
	require.True(t, json.Valid(js))
	for in, want := range map[string]string{
		`{"S":{"P":639190244961234568}}`: "S.P: UTCLONG: a JSON number cannot be converted",
		`{"S":{"D":1}}`:                  "S.D: DTDAY: a JSON number cannot be converted",
		`{"S":{"D":"2026-02-30"}}`:       "no such day",
		`{"S":{"A":""}}`:                 "not a number",
		`{"S":{"A":true}}`:               "a JSON boolean cannot be converted",
	} {
		_, err := FromJSON(f, []byte(in))
		require.ErrorContains(t, err, want, in)
	}
}

// Reading and writing rows of these types takes no memory per row.
func TestRowsOfKindsDoNotAllocate(t *testing.T) {
	d := testDictionary()
	d.Structure("KINDS", kindFields)
	f, err := d.Function("Z_TEST", "TABLES T:[KINDS]")
	require.NoError(t, err)
	rows := kindRows(t)
	c := newCoder(Representation{}, Options{})
	plan, err := planStruct(typeOf(kinds{}), f.Parameters[0].Type, &c)
	require.NoError(t, err)
	b := append([]byte{}, plan.row.initial...)
	decoder, err := NewRowDecoder[kinds](&f.Parameters[0], Representation{}, Options{})
	require.NoError(t, err)
	var row kinds
	run := func() {
		if err := plan.encodeRow(b, ptr(&rows[0])); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Decode(b, &row); err != nil {
			t.Fatal(err)
		}
	}
	run()
	require.Equal(t, rows[0], row)
	if raceEnabled {
		return
	}
	require.Zero(t, testing.AllocsPerRun(500, run))
}

package rfctest_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func parsed[T any](t testing.TB, parse func(string) (T, error), s string) T {
	t.Helper()
	v, err := parse(s)
	require.NoError(t, err)
	return v
}

func stamp(t testing.TB, s string) abap.Timestamp {
	t.Helper()
	v, err := abap.ParseTimestamp(s, abap.Ticks)
	require.NoError(t, err)
	return v
}

func timeOfDay(t testing.TB, s string) abap.TimeOfDay {
	t.Helper()
	v, err := abap.ParseTimeOfDay(s, abap.Seconds)
	require.NoError(t, err)
	return v
}

// everywhere sends a value as a parameter, in a structure, in a row, and in a row of a table
// inside a deep structure, in every format. It returns what comes back, which must be the
// same from each.
func everywhere(t testing.TB, c rfc.Caller, kind string, v any) any {
	t.Helper()
	got := everyPlace(t, c, kind, v, serialization.Classic)
	for _, f := range []serialization.Format{serialization.BasXML, serialization.RowFast, serialization.ColumnFast} {
		require.Equal(t, got, everyPlace(t, c, kind, v, f), f)
	}
	return got
}

func everyPlace(t testing.TB, c rfc.Caller, kind string, v any, format serialization.Format) any {
	t.Helper()
	row := rfc.Params{"Z" + kind: v}
	out := call(t, c, "Z_ECHO_TYPES", rfc.Params{
		"IV_" + kind: v, "IS_INPUT": row, "T_FLAT": []rfc.Params{{}, row}, "IT_FLAT": []rfc.Params{row},
		"IS_DEEP": rfc.Params{"FLAT": row, "ROWS": []rfc.Params{row}}, "IT_DEEP": []rfc.Params{{"ROWS": []rfc.Params{{}, row}}},
	}, rfc.WithFormat(format))
	got := out["EV_"+kind]
	deep := out["ES_DEEP"].(rfc.Params)
	for place, p := range map[string]rfc.Params{
		"structure": out["ES_OUTPUT"].(rfc.Params), "row": out["T_FLAT"].([]rfc.Params)[1], "row of a document": out["ET_FLAT"].([]rfc.Params)[0],
		"deep structure": deep["FLAT"].(rfc.Params), "nested table": deep["ROWS"].([]rfc.Params)[0],
		"nested table of a table": out["ET_DEEP"].([]rfc.Params)[0]["ROWS"].([]rfc.Params)[1],
	} {
		require.Equal(t, got, p["Z"+kind], place)
	}
	return got
}

// letters are the definitions of the types by the end of the names that Z_ECHO_TYPES has
// for them.
var letters = map[string]string{
	"DF16": "a", "DF34": "e", "UTCLONG": "p", "UTCSECOND": "n", "UTCMINUTE": "w", "DTDAY": "d", "DTWEEK": "7", "DTMONTH": "x",
	"TSECOND": "t", "TMINUTE": "i", "CDAY": "c",
}

// onTheWire is the value of an item in hex, as a little-endian Unicode client writes it for
// a parameter of the type.
func onTheWire(t testing.TB, typ string, v any) string {
	t.Helper()
	f, err := new(metadata.Dictionary).Function("Z_WIRE", "IMPORTING P:"+typ)
	require.NoError(t, err)
	w := serialization.Writer{Function: f, Options: serialization.Options{DecimalSpecials: true}}
	b, err := w.Append(nil, rfc.Params{"P": v})
	require.NoError(t, err)
	text := hex.EncodeToString(b)
	require.Equal(t, "0201"+"0002"+"5000"+"0201"+"0203", text[:20])
	return text[24 : len(text)-4]
}

func TestE01ToE20DecimalFloats(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct {
		id, kind string
		in       any
		want     string
		wire     string
	}{
		{"E-01", "DF16", "0", "0", "0000000000003822"},
		{"E-02", "DF16", "1", "1", "0100000000003822"},
		{"E-03", "DF16", "-1", "-1", "01000000000038a2"},
		{"E-04", "DF16", "123.45", "123.45", "c549000000003022"},
		{"E-05", "DF16", "123.45E67", "1.2345E+69", "c549000000003c23"},
		{"E-06", "DF16", "9.999999999999999E+384", "9.999999999999999E+384", "fffcf3cf3ffffc77"},
		{"E-06 negative", "DF16", "-9.999999999999999E+384", "-9.999999999999999E+384", "fffcf3cf3ffffcf7"},
		{"E-07", "DF16", "1E-383", "1E-383", "0100000000003c00"},
		{"E-09", "DF34", "0", "0", "00000000000000000000000000000822"},
		{"E-10", "DF34", "123.45", "123.45", "c5490000000000000000000000800722"},
		{"E-11", "DF34", "9.999999999999999999999999999999999E+6144", "9.999999999999999999999999999999999E+6144", "fffcf3cf3ffffcf3cf3ffffcf3cfff77"},
		{"E-12", "DF34", "1E-6143", "1E-6143", "01000000000000000000000000400800"},
		{"E-14", "DF16", "1.2300", "1.2300", ""},
		{"E-14 34", "DF34", decimal(t, "1.2300"), "1.2300", ""},
		{"E-15", "DF16", "1E-398", "1E-398", "0100000000000000"},
		{"E-16", "DF16", "12345678901234560", "1.234567890123456E+16", "568ee2c1b9343d26"},
		{"E-19 integer", "DF16", 42, "42", ""},
		{"E-19 float", "DF16", 1.234, "1.234", ""},
		{"E-19 small", "DF16", 1.234e-12, "1.234E-12", ""},
		{"E-19 text", "DF16", "2.345E67", "2.345E+67", ""},
		{"E-19 negative", "DF16", "-2.345e+123", "-2.345E+123", ""},
		{"E-19 integer 34", "DF34", 42, "42", ""},
		{"E-19 float 34", "DF34", 1.234, "1.234", ""},
		{"E-19 small 34", "DF34", 1.234e-12, "1.234E-12", ""},
		{"E-19 text 34", "DF34", "2.345E67", "2.345E+67", ""},
		{"E-19 negative 34", "DF34", "-2.345e+123", "-2.345E+123", ""},
		{"clamped", "DF16", "1E+384", "1.000000000000000E+384", "000000000000fc47"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			got := everywhere(t, conn, tc.kind, tc.in)
			require.Equal(t, tc.want, got.(abap.Decimal).Scientific())
			if tc.wire != "" {
				require.Equal(t, tc.wire, onTheWire(t, letters[tc.kind], tc.in))
			}
		})
	}
	t.Run("E-08", func(t *testing.T) {
		for text, wire := range map[string]string{"NaN": "000000000000007c", "Infinity": "0000000000000078", "-Infinity": "00000000000000f8"} {
			require.Equal(t, wire, onTheWire(t, "a", text))
			require.Equal(t, strings.Repeat("0", 16)+wire, onTheWire(t, "e", text))
			// A client does not write them unasked; the host reads them.
			e := refused(t, sys, conn, "Z_ECHO_TYPES", rfc.Params{"IV_DF16": text})
			require.Equal(t, rfc.ClassConversion, e.Class)
			require.ErrorContains(t, e, "not representable in ABAP")
		}
		own := start(t)
		var seen []string
		own.Intercept("Z_ECHO_TYPES", func(rfc.HandlerFunc) rfc.HandlerFunc {
			return func(_ context.Context, req *rfc.Request, _ *rfc.Reply) error {
				v, err := req.Value("IV_DF34")
				seen = append(seen, fmt.Sprint(v))
				return err
			}
		})
		for _, v := range []any{abap.NaN(), abap.Infinity(true)} {
			call(t, own, "Z_ECHO_TYPES", rfc.Params{"IV_DF34": v}, rfc.WithValues(serialization.Options{DecimalSpecials: true}))
		}
		require.Equal(t, []string{"NaN", "-Infinity"}, seen)
	})
	t.Run("E-13", func(t *testing.T) {
		type row struct {
			Narrow abap.Decimal `rfc:"ZDF16"`
			Wide   abap.Decimal `rfc:"ZDF34"`
		}
		type tables struct {
			Rows []row `rfc:"T_FLAT"`
		}
		in := tables{make([]row, 1000)}
		for i := range in.Rows {
			d := decimal(t, fmt.Sprintf("%d%03d.%03d", 1+i%9, i, 999-i))
			in.Rows[i] = row{d, d}
		}
		out, err := rfc.Call[tables](t.Context(), conn, "Z_ECHO_TYPES", in)
		require.NoError(t, err)
		require.Equal(t, in, out)
	})
	t.Run("initial values are zero with exponent 0", func(t *testing.T) {
		out := call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{}})
		require.Equal(t, []any{abap.Decimal{}, abap.Decimal{}}, []any{out["ES_OUTPUT"].(rfc.Params)["ZDF16"], out["EV_DF34"]})
	})
	for _, tc := range []struct {
		id, kind string
		in       any
		text     string
	}{
		{"E-16", "DF16", "12345678901234567", "has 17 significant digits, at most 16"},
		{"E-16 34", "DF34", strings.Repeat("9", 35), "has 35 significant digits, at most 34"},
		{"E-17 large", "DF16", "1E+385", "outside DECF16 range"},
		{"E-17 small", "DF16", "1E-399", "outside DECF16 range"},
		{"E-18 large", "DF34", "1E+6145", "outside DECF34 range"},
		{"E-18 small", "DF34", "1E-6177", "outside DECF34 range"},
		{"E-20 blank", "DF16", " 1", "not a number"},
		{"E-20 comma", "DF34", "1,2", "not a number"},
		{"E-20 point", "DF16", ".", "not a number"},
		{"E-20 empty", "DF34", "", "not a number"},
		{"B-73", "DF16", decimal(t, strings.Repeat("7", 38)), "has 38 significant digits, at most 16"},
		{"B-73 34", "DF34", decimal(t, strings.Repeat("7", 38)), "has 38 significant digits, at most 34"},
	} {
		t.Run(tc.id+" refused", func(t *testing.T) {
			for path, in := range map[string]rfc.Params{
				"IV_" + tc.kind:          {"IV_" + tc.kind: tc.in},
				"IS_INPUT.Z" + tc.kind:   {"IS_INPUT": rfc.Params{"Z" + tc.kind: tc.in}},
				"T_FLAT[1].Z" + tc.kind:  {"T_FLAT": []rfc.Params{{}, {"Z" + tc.kind: tc.in}}},
				"IT_FLAT[0].Z" + tc.kind: {"IT_FLAT": []rfc.Params{{"Z" + tc.kind: tc.in}}},
			} {
				e := refused(t, sys, conn, "Z_ECHO_TYPES", in)
				require.Equal(t, rfc.ClassConversion, e.Class)
				require.Equal(t, path, e.Path)
				require.ErrorContains(t, e, tc.text)
			}
		})
	}
}

// The helper above is only worth something if each format really travels.
func TestEverywhereIsEveryFormat(t *testing.T) {
	t.Parallel()
	sys := start(t)
	seen := map[serialization.Format]bool{}
	sys.Intercept("Z_ECHO_TYPES", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			seen[req.Format()] = true
			return next(ctx, req, reply)
		}
	})
	everywhere(t, connect(t, sys), "DF16", "1.50")
	require.Len(t, seen, 4)
}

func TestG17ToG32CompactTypesOfTime(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct {
		id, kind string
		in       any
		want     string // what fmt makes of the value
		wire     string
	}{
		{"G-17", "UTCLONG", "0001-01-01T00:00:00.0000000", "0001-01-01T00:00:00.0000000", "0100000000000000"},
		{"G-18", "UTCLONG", "9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999", "00c00a49082aca2b"},
		{"G-19", "UTCLONG", "0000-00-00T00:00:00.0000000", "0000-00-00T00:00:00.0000000", "0000000000000000"},
		{"G-22", "UTCLONG", "2002-02-04T20:15:01.1234567", "2002-02-04T20:15:01.1234567", "08272f17627dc308"},
		{"G-22 instant", "UTCLONG", time.Date(2002, 2, 4, 21, 15, 1, 123456700, time.FixedZone("CET", 3600)), "2002-02-04T20:15:01.1234567", "08272f17627dc308"},
		{"G-23", "UTCSECOND", "2002-02-04T20:15:01", "2002-02-04T20:15:01.0000000", "c685f3b30e000000"},
		{"G-24", "UTCMINUTE", "2002-02-04T20:15", "2002-02-04T20:15:00.0000000", "8086bb3e00000000"},
		{"G-25", "DTDAY", "2002-02-04", "20020204", "07270b00"},
		{"G-26", "DTMONTH", "2002-02", "2002-02", "ce5d0000"},
		{"G-27 second", "TSECOND", "20:15:01", "20:15:01", "c61c0100"},
		{"G-27 minute", "TMINUTE", "20:15", "20:15:00", "c004"},
		{"G-28", "CDAY", "02-04", "02-04", "2300"},
		{"week", "DTWEEK", "2020-W53", "2020-W53", "b99b0100"},
		{"G-29 UTCLONG", "UTCLONG", "", "0000-00-00T00:00:00.0000000", "0000000000000000"},
		{"G-29 UTCSECOND", "UTCSECOND", abap.Timestamp{}, "0000-00-00T00:00:00.0000000", "0000000000000000"},
		{"G-29 UTCMINUTE", "UTCMINUTE", time.Time{}, "0000-00-00T00:00:00.0000000", "0000000000000000"},
		{"G-29 DTDAY", "DTDAY", "", "00000000", "00000000"},
		{"G-29 DTWEEK", "DTWEEK", "", "", "00000000"},
		{"G-29 DTMONTH", "DTMONTH", "", "", "00000000"},
		{"G-29 TSECOND", "TSECOND", "", "", "00000000"},
		{"G-29 TMINUTE", "TMINUTE", "", "", "0000"},
		{"G-29 CDAY", "CDAY", "", "", "0000"},
		{"G-30 last Julian day", "DTDAY", "1582-10-04", "15821004", "c9d00800"},
		{"G-30 first Gregorian day", "DTDAY", "1582-10-15", "15821015", "cad00800"},
		{"G-31", "TSECOND", "24:00:00", "24:00:00", "81510100"},
		{"midnight is not initial", "TSECOND", "00:00:00", "00:00:00", "01000000"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			require.Equal(t, tc.want, fmt.Sprint(everywhere(t, conn, tc.kind, tc.in)))
			require.Equal(t, tc.wire, onTheWire(t, letters[tc.kind], tc.in))
		})
	}
	for _, tc := range []struct {
		id, kind string
		in       any
		text     string
	}{
		{"G-20", "UTCLONG", 1, "a string such as"},
		{"G-20 UTCSECOND", "UTCSECOND", int64(63919024497), "a string such as"},
		{"G-21", "UTCLONG", "1", "Cannot convert 1 to RFCTYPE_UTCLONG : illegal format"},
		{"G-30", "DTDAY", "1582-10-05", "there is no such day"},
		{"G-30 end", "UTCLONG", "1582-10-14T00:00:00", "there is no such day"},
		{"G-31", "TSECOND", "24:00:01", "24:00:00"},
		{"G-31 UTCLONG", "UTCLONG", "2026-07-05T24:00:00", "there is no such time"},
		{"G-31 UTCMINUTE", "UTCMINUTE", "2026-07-05T24:00", "there is no such time"},
		{"B-74 zone", "UTCLONG", "2026-07-05T12:34:56+02:00", "in UTC"},
		{"B-74 year", "UTCSECOND", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "year"},
		{"B-74 fraction", "UTCSECOND", stamp(t, "2026-07-05T12:34:56.5"), "fraction"},
		{"B-74 day", "DTDAY", "20240230", "there is no such day"},
	} {
		t.Run(tc.id+" refused", func(t *testing.T) {
			for path, in := range map[string]rfc.Params{
				"IV_" + tc.kind:                  {"IV_" + tc.kind: tc.in},
				"IT_DEEP[0].ROWS[0].Z" + tc.kind: {"IT_DEEP": []rfc.Params{{"ROWS": []rfc.Params{{"Z" + tc.kind: tc.in}}}}},
			} {
				e := refused(t, sys, conn, "Z_ECHO_TYPES", in)
				require.Equal(t, rfc.ClassConversion, e.Class)
				require.Equal(t, []any{"RFC_CONVERSION_FAILURE", 22, path}, []any{e.Key, e.Code(), e.Path})
				require.ErrorContains(t, e, tc.text)
			}
		})
	}
}

// What a peer sends is checked when it is read: here the host takes for bytes what the
// caller takes for a time, or a decimal.
func TestG32AndB108NumbersThatNoValueHas(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct{ id, letter, wire, text string }{
		{"G-32 DTDAY", "d", "deb93700", "DTDAY: the raw number is out of range 0 to 3652061"},
		{"G-32 TMINUTE", "i", "ffff", "TMINUTE: the raw number is out of range 0 to 1441"},
		{"G-32 UTCLONG", "p", "01c00a49082aca2b", "UTCLONG: the raw number is out of range 0 to 3155380704000000000"},
		{"G-32 CDAY", "c", "6f01", "CDAY: the raw number is out of range 0 to 366"},
		{"B-108 NaN with a payload", "a", "010000000000007c", "DECF16: reserved encoding"},
		{"B-108 infinity with digits", "e", "01000000000000000000000000000078", "DECF34: reserved encoding"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			raw, err := hex.DecodeString(tc.wire)
			require.NoError(t, err)
			name := "Z_LIAR_" + strings.ToUpper(hex.EncodeToString([]byte(tc.letter)))
			d := new(metadata.Dictionary)
			d.Structure("ZBYTES", fmt.Sprintf("V:X%d", len(raw))).Structure("ZVALUE", "V:"+tc.letter)
			told, err := d.Function(name, "EXPORTING V:X"+fmt.Sprint(len(raw))+"\nTABLES T:[ZBYTES]")
			require.NoError(t, err)
			asked, err := d.Function(name, "EXPORTING V:"+tc.letter+"\nTABLES T:[ZVALUE]")
			require.NoError(t, err)
			require.NoError(t, sys.Mux().Handle(told, func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
				reply.SetValue("V", raw)
				reply.SetValue("T", []rfc.Params{{"V": make([]byte, len(raw))}, {"V": raw}})
				return nil
			}))
			res, err := conn.Call(t.Context(), name, nil, rfc.WithInterface(asked))
			require.NoError(t, err)
			for path, out := range map[string]any{"V": new(struct{ V any }), "T[1].V": new(struct{ T []rfc.Params })} {
				var e *rfc.Error
				require.ErrorAs(t, res.Scan(out), &e)
				require.Equal(t, rfc.ClassConversion, e.Class)
				require.ErrorContains(t, e, path+": "+tc.text)
			}
			require.NoError(t, conn.Ping(t.Context()), "the connection is in order")
		})
	}
}

func TestWireFormsOfTheCases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, typ string
		in      any
		want    string
	}{
		{"C-20", "F", 3.14159, "6e861bf0f9210940"},
		{"C-21", "I", 65536, "00000100"},
		{"D-01", "P3.2", "123.45", "12345c"},
		{"D-02", "P8.2", "800000.50", "000000080000050c"},
		{"D-03", "P1", 5, "5c"},
		{"D-04", "P1", -5, "5d"},
		{"F-09", "C4", "AB", "4100420020002000"},
		{"F-13", "N4", 42, "3000300034003200"},
		{"G-16 date", "D", "20260626", "32003000320036003000360032003600"},
		{"G-16 time", "T", "123456", "310032003300340035003600"},
		{"H0-06", "X3", []byte{0xf1, 0xf2}, "f1f200"},
	} {
		t.Run(tc.id, func(t *testing.T) { require.Equal(t, tc.want, onTheWire(t, tc.typ, tc.in)) })
	}
}

// Everything that a value can be converted to in Go, at once and in both directions.
func TestTypedCallsOfEveryType(t *testing.T) {
	t.Parallel()
	sys := start(t)
	type row struct {
		Narrow abap.Decimal   `rfc:"ZDF16"`
		Wide   string         `rfc:"ZDF34"`
		At     time.Time      `rfc:"ZUTCLONG"`
		Second abap.Timestamp `rfc:"ZUTCSECOND"`
		Minute *time.Time     `rfc:"ZUTCMINUTE"`
		Day    abap.Date      `rfc:"ZDTDAY"`
		Week   abap.Week      `rfc:"ZDTWEEK"`
		Month  abap.Month     `rfc:"ZDTMONTH"`
		Clock  abap.TimeOfDay `rfc:"ZTSECOND"`
		Length time.Duration  `rfc:"ZTMINUTE"`
		Due    abap.MonthDay  `rfc:"ZCDAY"`
	}
	type deep struct {
		ID   int32 `rfc:"ID"`
		Flat row   `rfc:"FLAT"`
		Rows []row `rfc:"ROWS"`
	}
	minute := time.Date(2026, 7, 5, 12, 34, 0, 0, time.UTC)
	value := row{
		decimal(t, "12.50"), "-1E+6000", time.Date(1500, 3, 10, 1, 2, 3, 400, time.UTC), stamp(t, "1500-02-29T00:00:00"), &minute,
		date(t, "20240229"), parsed(t, abap.ParseWeek, "0000-W53"), parsed(t, abap.ParseMonth, "9999-12"), timeOfDay(t, "24:00:00"),
		24 * time.Hour, parsed(t, abap.ParseMonthDay, "02-29"),
	}
	type in struct {
		Flat  row         `rfc:"IS_INPUT"`
		Rows  []row       `rfc:"T_FLAT"`
		Table []row       `rfc:"IT_FLAT"`
		Deep  []deep      `rfc:"IT_DEEP"`
		UTC   []time.Time `rfc:"IT_UTC"`
	}
	type out struct {
		Flat  row         `rfc:"ES_OUTPUT"`
		Rows  []row       `rfc:"T_FLAT"`
		Table []row       `rfc:"ET_FLAT"`
		Deep  []deep      `rfc:"ET_DEEP"`
		UTC   []time.Time `rfc:"ET_UTC"`
	}
	sent := in{value, []row{value, value}, []row{value}, []deep{{7, value, []row{value}}}, []time.Time{minute, {}}}
	got, err := rfc.Call[out](t.Context(), sys, "Z_ECHO_TYPES", sent)
	require.NoError(t, err)
	require.Equal(t, out(sent), got)
}

func TestC16NumericTextsAsFloats(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	e := refused(t, sys, conn, "STFC_STRUCTURE", structWith("RFCFLOAT", "1.2"))
	require.Equal(t, rfc.ClassConversion, e.Class)
	require.Equal(t, 1.2, echoField(t, conn, "ZFLTP", json.Number("1.2")))
}

package rfctest_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func decimal(t testing.TB, s string) abap.Decimal {
	t.Helper()
	d, err := abap.ParseDecimal(s)
	require.NoError(t, err)
	return d
}

// echoField sends one field of IS_INPUT and returns it from ES_OUTPUT.
func echoField(t testing.TB, c rfc.Caller, field string, value any, opts ...rfc.Option) any {
	t.Helper()
	return call(t, c, "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{field: value}}, opts...)["ES_OUTPUT"].(rfc.Params)[field]
}

func TestC01ToC04IntegerBounds(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct {
		id, field, scalar string
		low, high         any
		below, above      any
	}{
		{"C-01", "ZINT1", "INT1", uint8(0), uint8(255), -1, 256},
		{"C-02", "ZINT2", "INT2", int16(math.MinInt16), int16(math.MaxInt16), -32769, 32768},
		{"C-03", "ZINT4", "INT4", int32(math.MinInt32), int32(math.MaxInt32), int64(math.MinInt32) - 1, int64(math.MaxInt32) + 1},
		{"C-04", "ZINT8", "INT8", int64(math.MinInt64), int64(math.MaxInt64), nil, uint64(math.MaxInt64) + 1},
	} {
		t.Run(tc.id, func(t *testing.T) {
			for _, v := range []any{tc.low, tc.high} {
				require.Equal(t, v, echoField(t, conn, tc.field, v))
				require.Equal(t, v, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_" + tc.scalar: v})["EV_"+tc.scalar])
			}
			for _, v := range []any{tc.below, tc.above} {
				if v == nil {
					continue
				}
				e := refused(t, sys, conn, "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{tc.field: v}})
				require.Equal(t, rfc.ClassConversion, e.Class)
				require.Equal(t, "IS_INPUT."+tc.field, e.Path)
			}
		})
	}
}

func TestC05AndC06StructureAtTheBounds(t *testing.T) {
	t.Parallel()
	sys := start(t)
	for _, tc := range []struct {
		id    string
		int1  uint8
		int2  int16
		int4  int32
		next1 uint8
		next2 int16
		next4 int32
	}{
		{id: "C-05", int1: 254, int2: 32766, int4: 2147483646, next1: 255, next2: 32767, next4: 2147483647},
		{id: "C-06", int1: 0, int2: -32768, int4: -2147483648, next1: 1, next2: -32767, next4: -2147483647},
	} {
		t.Run(tc.id, func(t *testing.T) {
			in := rfcTest{Int1: tc.int1, Int2: tc.int2, Int4: tc.int4}
			out, err := rfc.Call[structureOut](t.Context(), sys, "STFC_STRUCTURE", structureIn{Struct: in})
			require.NoError(t, err)
			require.Equal(t, []any{tc.int1, tc.int2, tc.int4}, []any{out.Echo.Int1, out.Echo.Int2, out.Echo.Int4})
			row := out.Table[0]
			require.Equal(t, []any{tc.next1, tc.next2, tc.next4}, []any{row.Int1, row.Int2, row.Int4})
		})
	}
	t.Run("one more is a short dump", func(t *testing.T) {
		e := fails(t, sys, "STFC_STRUCTURE", structureIn{Struct: rfcTest{Int1: 255}})
		require.Equal(t, "CONVT_OVERFLOW", e.Key)
		require.Equal(t, rfc.ClassABAPRuntime, e.Class)
	})
}

// structWith is an IMPORTSTRUCT with one field.
func structWith(field string, v any) rfc.Params {
	return rfc.Params{"IMPORTSTRUCT": rfc.Params{field: v}}
}

func TestC07ToC19AndF01ToG20RefusedValues(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	const s = "STFC_STRUCTURE"
	in := "IMPORTSTRUCT."
	for _, tc := range []struct {
		id, function string
		in           rfc.Params
		path, text   string
	}{
		{"C-07", s, structWith("RFCINT1", 256), in + "RFCINT1", "256"},
		{"C-08", s, structWith("RFCINT2", -32769), in + "RFCINT2", "-32769"},
		{"C-09", s, structWith("RFCINT1", -1), in + "RFCINT1", "-1"},
		{"C-10", s, structWith("RFCINT1", "1"), in + "RFCINT1", "string"},
		{"C-11", s, structWith("RFCINT1", 1+0x1p-52), in + "RFCINT1", "1.0000000000000002"},
		{"C-12", s, structWith("RFCINT1", math.Inf(1)), in + "RFCINT1", "Infinity"},
		{"C-13", s, rfc.Params{"RFCTABLE": []rfc.Params{{}, {}, {"RFCINT1": 256}}, "IMPORTSTRUCT": rfc.Params{}}, "RFCTABLE[2].RFCINT1", "256"},
		{"C-17", s, structWith("RFCFLOAT", "A"), in + "RFCFLOAT", "A"},
		{"C-18", s, structWith("RFCFLOAT", "1,2"), in + "RFCFLOAT", "1,2"},
		{"C-19", s, structWith("RFCFLOAT", []any{}), in + "RFCFLOAT", ""},
		{"D-08", "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{"ZDEC": "A"}}, "IS_INPUT.ZDEC", "A"},
		{"D-10", "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{"ZDEC": "1.234"}}, "IS_INPUT.ZDEC", "1.234"},
		{"D-11", "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{"ZDEC": "123456.78"}}, "IS_INPUT.ZDEC", "123456.78"},
		{"D-13", "Z_ECHO_TYPES", rfc.Params{"IS_INPUT": rfc.Params{"ZDEC": strings.Repeat("0", 4097)}}, "IS_INPUT.ZDEC", "4096"},
		{"F-01", s, structWith("RFCCHAR4", 65), in + "RFCCHAR4", "65"},
		{"F-02", s, structWith("RFCCHAR4", nil), in + "RFCCHAR4", "nil"},
		{"F-11", "Z_ECHO_TYPES", rfc.Params{"IV_NUMC": "a1"}, "IV_NUMC", "a1"},
		{"F-12", "Z_ECHO_TYPES", rfc.Params{"IV_NUMC": " "}, "IV_NUMC", ""},
		{"F-14", s, structWith("RFCCHAR4", "ABCDE"), in + "RFCCHAR4", "4"},
		{"G-06", s, structWith("RFCDATE", 20161231), in + "RFCDATE", "20161231"},
		{"G-07/7", s, structWith("RFCDATE", "2016123"), in + "RFCDATE", "2016123"},
		{"G-07/1", s, structWith("RFCDATE", " "), in + "RFCDATE", ""},
		{"G-07/9", s, structWith("RFCDATE", "201612311"), in + "RFCDATE", "201612311"},
		{"G-08", s, structWith("RFCDATE", "20161232"), in + "RFCDATE", "20161232"},
		{"G-09", s, structWith("RFCTIME", "123466"), in + "RFCTIME", "123466"},
		{"G-10", s, structWith("RFCDATE", "2026-07-15"), in + "RFCDATE", "2026-07-15"},
		{"G-10/full width", s, structWith("RFCDATE", "２０２６０７１５"), in + "RFCDATE", ""},
		{"G-11", s, structWith("RFCTIME", "12:00:00"), in + "RFCTIME", "12:00:00"},
		{"G-11/blanks", s, structWith("RFCTIME", "1200  "), in + "RFCTIME", "1200"},
		{"H0-04", s, structWith("RFCHEX3", 123), in + "RFCHEX3", "123"},
		{"H0-05", s, structWith("RFCHEX3", []byte("abcdef")), in + "RFCHEX3", "6"},
		{"I-01", s, rfc.Params{"IMPORTSTRUCT": []any{1}}, "IMPORTSTRUCT", ""},
		{"I-02", s, rfc.Params{"IMPORTSTRUCT": rfc.Params{}, "RFCTABLE": rfc.Params{"RFCINT1": 1}}, "RFCTABLE", ""},
		{"I-03", "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "T000", "OPTIONS": "MANDT = '001'"}, "OPTIONS", ""},
		{"I-04", "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x", "XXX": "y"}, "", "field 'XXX' not found"},
		{"I-05", s, structWith("XRFCCHAR1", "y"), "", "field 'XRFCCHAR1' not found"},
		{"I-06", s, rfc.Params{"IMPORTSTRUCT": rfc.Params{}, "RFCTABLE": []rfc.Params{{"XRFCCHAR1": "y"}}}, "", "field 'XRFCCHAR1' not found"},
		{"I-07", "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x", "": "y"}, "", ""},
		{"I-08", "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x", "%$": "y"}, "", "%$"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			e := refused(t, sys, conn, tc.function, tc.in)
			require.Contains(t, []rfc.Class{rfc.ClassConversion, rfc.ClassParameter}, e.Class, e)
			require.Contains(t, e.Error(), tc.text)
			if tc.path != "" {
				require.Contains(t, e.Path+" "+e.Error(), tc.path)
			}
			switch tc.id {
			case "I-04", "I-05", "I-06", "I-07", "I-08":
				require.Equal(t, "RFC_INVALID_PARAMETER", e.Key)
				require.Equal(t, 20, e.Code())
			case "C-17", "C-07", "D-10":
				require.Equal(t, "RFC_CONVERSION_FAILURE", e.Key)
				require.Equal(t, 22, e.Code())
			}
		})
	}
	t.Run("I-11", func(t *testing.T) { require.NoError(t, conn.Ping(t.Context())) })
	t.Run("I-10", func(t *testing.T) {
		out := call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x", "XXX": "y"}, rfc.Lenient())
		require.Equal(t, "x", out["ECHOTEXT"])
	})
}

func TestC11AndC14ToC16Floats(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	require.Equal(t, uint8(1), call(t, conn, "STFC_STRUCTURE", structWith("RFCINT1", 1.0))["ECHOSTRUCT"].(rfc.Params)["RFCINT1"])
	for _, v := range []float64{
		2.2250738585072014e-308, -2.2250738585072014e-308, math.MaxFloat64, -math.MaxFloat64, 0, 1.0 / 3, 3.14159,
	} {
		require.Equal(t, v, echoField(t, conn, "ZFLTP", v))
		require.Equal(t, v, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_FLOAT": v})["EV_FLOAT"])
	}
	require.Equal(t, 1.0, echoField(t, conn, "ZFLTP", 1)) // C-15
}

func TestD05ToD07AndD12PackedNumbersAreExact(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	bigInt, ok := new(big.Int).SetString("123456", 10)
	require.True(t, ok)
	for _, tc := range []struct {
		id, field string
		in        any
		want      string
	}{
		{"D-05 float", "ZDEC", 12345.67, "12345.67"},
		{"D-05 text", "ZDEC", "12345.67", "12345.67"},
		{"D-05 decimal", "ZDEC", decimal(t, "12345.67"), "12345.67"},
		{"D-06 currency", "ZCURR", "1234.56", "1234.56"},
		{"D-06 quantity", "ZQUAN", "12.3456", "12.3456"},
		{"D-06 signed", "ZQUAN_SIGN", "-12.345", "-12.345"},
		{"D-07 text", "ZQUAN3", "123.456", "123.456"},
		{"D-07 float", "ZQUAN3", 456.789, "456.789"},
		{"D-12", "ZDEC", "", "0.00"},
		{"integer", "ZQUAN3", 7, "7.000"},
		{"big integer", "ZCURR", bigInt, "123456.00"},
		{"14 decimals", "ZPREC", "12345678901234567.12345678901234", "12345678901234567.12345678901234"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			require.Equal(t, tc.want, echoField(t, conn, tc.field, tc.in).(abap.Decimal).String())
		})
	}
	t.Run("D-09", func(t *testing.T) {
		require.IsType(t, abap.Decimal{}, echoField(t, conn, "ZDEC", 1))
	})
	t.Run("P15.2 of the flights", func(t *testing.T) {
		rows := call(t, conn, "BAPI_FLIGHT_GETLIST", rfc.Params{"AIRLINE": "AB"})["FLIGHT_LIST"].([]rfc.Params)
		require.Equal(t, "800000.50", rows[0]["PRICE"].(abap.Decimal).String()) // D-02
		require.Equal(t, "-12.30", rows[2]["PRICE"].(abap.Decimal).String())
	})
}

func TestF03ToF08AndF13Characters(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct{ id, text string }{
		{"F-03", "四周远处都能望见"},
		{"F-04", "\U0001f4aa"},
		{"F-05", "a\u00ac\u1234\u20ac\U0001f4aa"},
		{"F-06", "\u0001\uf4aa"},
		{"F-08", "TESTUSER3 \x00\x00\x00\x0c 1000329"},
		{"markup", "<a href=\"x\">&amp; ]]> '"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			require.Equal(t, tc.text, call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": tc.text})["ECHOTEXT"])
			require.Equal(t, tc.text, echoField(t, conn, "ZCHAR", tc.text))
			if tc.id == "F-08" {
				return // a string refuses NUL; the case is about CHAR
			}
			require.Equal(t, tc.text, call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": tc.text})["MYANSWER"])
			require.Equal(t, tc.text, call(t, conn, "SCP_STRING_ECHO", rfc.Params{"IMP": tc.text})["EXP"]) // F-07
		})
	}
	t.Run("trailing blanks of a string stay", func(t *testing.T) {
		require.Equal(t, "x  ", call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": "x  "})["MYANSWER"])
	})
	t.Run("a megabyte", func(t *testing.T) {
		text := strings.Repeat("Grüße, 望! ", 100_000)
		require.Equal(t, text, call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": text})["MYANSWER"])
	})
	t.Run("F-10 and F-13", func(t *testing.T) {
		for in, want := range map[any]string{"42": "0000000042", 42: "0000000042", "0000000042": "0000000042", "": "0000000000"} {
			require.Equal(t, want, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_NUMC": in})["EV_NUMC"])
			require.Equal(t, want, echoField(t, conn, "ZNUMC", in))
		}
	})
}

func TestF15ToF18LanguagesAtLogon(t *testing.T) {
	t.Parallel()
	sys := start(t)
	for iso, want := range map[string]string{"EN": "E", "de": "D", "en-US": "E", "ZH": "1", "J": "J"} {
		t.Run(iso, func(t *testing.T) {
			cfg := sys.Config()
			cfg.Language = iso
			conn, err := dial(t.Context(), cfg)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.True(t, strings.HasSuffix(call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})["RESPTEXT"].(string), "/DEVELOPER/"+want))
		})
	}
	cfg := sys.Config()
	cfg.Language = "ŠĐ"
	_, err := dial(t.Context(), cfg)
	require.ErrorContains(t, err, "ŠĐ")
}

func TestG01ToG15DatesAndTimes(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct {
		id, field string
		in        any
		want      string
	}{
		{"G-01 date", "RFCDATE", "20161231", "20161231"},
		{"G-01 time", "RFCTIME", "123456", "123456"},
		{"G-02", "RFCDATE", "", "00000000"},
		{"G-03", "RFCDATE", "        ", "        "},
		{"G-04", "RFCTIME", "", "000000"},
		{"G-05", "RFCTIME", "      ", "      "},
		{"G-10 zeros", "RFCDATE", "00000000", "00000000"},
		{"G-12", "RFCTIME", "240000", "240000"},
		{"G-13", "RFCDATE", time.Date(2018, 6, 25, 23, 59, 0, 0, time.UTC), "20180625"},
		{"G-13 time", "RFCTIME", time.Date(2018, 6, 25, 23, 59, 1, 0, time.UTC), "235901"},
		{"G-15 low", "RFCDATE", "00010101", "00010101"},
		{"G-15 high", "RFCDATE", "99991231", "99991231"},
		{"G-15 midnight", "RFCTIME", "000000", "000000"},
		{"G-15 last second", "RFCTIME", "235959", "235959"},
	} {
		t.Run(tc.id, func(t *testing.T) {
			got := call(t, conn, "STFC_STRUCTURE", structWith(tc.field, tc.in))["ECHOSTRUCT"].(rfc.Params)[tc.field]
			require.Equal(t, tc.want, fmt.Sprint(got))
		})
	}
	unchecked := rfc.WithValues(serialization.Options{UncheckedDates: true})
	for _, tc := range []struct{ id, field, in, want string }{
		{"G-07 short", "RFCDATE", "2016123", "2016123 "},
		{"G-07 long", "RFCDATE", "201612311", "20161231"},
		{"G-08 unchecked", "RFCDATE", "20161232", "20161232"},
		{"G-09 unchecked", "RFCTIME", "123466", "123466"},
		{"G-10 raw", "RFCDATE", "19000229", "19000229"},
		{"G-10 raw", "RFCDATE", "20260229", "20260229"},
		{"G-11 raw", "RFCTIME", "999999", "999999"},
	} {
		t.Run(tc.id+" "+tc.in, func(t *testing.T) {
			got := call(t, conn, "STFC_STRUCTURE", structWith(tc.field, tc.in), unchecked)["ECHOSTRUCT"].(rfc.Params)[tc.field]
			require.Equal(t, tc.want, fmt.Sprint(got))
		})
	}
	t.Run("G-14", func(t *testing.T) {
		m := call(t, conn, "BAPI_USER_GET_DETAIL", rfc.Params{"USERNAME": "DEVELOPER"})["LASTMODIFIED"].(rfc.Params)
		require.IsType(t, abap.Date{}, m["MODDATE"])
		require.IsType(t, abap.Time{}, m["MODTIME"])
	})
	t.Run("G-33", func(t *testing.T) {
		rows := call(t, conn, "RFC_READ_TABLE", rfc.Params{
			"QUERY_TABLE": "SFLIGHT", "FIELDS": []rfc.Params{{"FIELDNAME": "FLDATE"}}, "OPTIONS": []rfc.Params{{"TEXT": "FLDATE IS INITIAL"}},
		})["DATA"].([]rfc.Params)
		require.Len(t, rows, 1)
		require.Equal(t, "00000000", rows[0]["WA"])
		d, err := abap.RawDate("00000000")
		require.NoError(t, err)
		at, err := d.Time(time.UTC)
		require.NoError(t, err)
		require.True(t, at.IsZero())
	})
}

func TestH0BinaryData(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	given := []byte{0x01, 0x41, 0x42, 0x43, 0x44, 0x45, 0x49, 0x50, 0x00, 0x51, 0xfd, 0xfe, 0xff}
	t.Run("H0-01", func(t *testing.T) {
		want := append(bytes.Clone(given), 0, 0, 0, 0)
		require.Equal(t, want, echoField(t, conn, "ZRAW", given))
		require.Equal(t, want, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_BYTE": given})["EV_BYTE"])
	})
	t.Run("H0-02", func(t *testing.T) {
		require.Equal(t, given, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_XSTRING": given})["EV_XSTRING"])
	})
	t.Run("H0-03", func(t *testing.T) {
		b := make([]byte, 2048)
		rng := rand.NewChaCha8([32]byte{1})
		_, _ = rng.Read(b)
		require.Equal(t, b, call(t, conn, "Z_ECHO_TYPES", rfc.Params{"IV_XSTRING": b})["EV_XSTRING"])
		require.Equal(t, b, call(t, conn, "STFC_DEEP_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{"XSTR": b}})["ECHOSTRUCT"].(rfc.Params)["XSTR"])
	})
	t.Run("H0-07", func(t *testing.T) {
		rows := [][]byte{[]byte("0123456789"), bytes.Repeat([]byte{0xff}, 10), make([]byte, 10)}
		for name, back := range map[string]string{"T_RAW": "T_RAW", "IT_RAW": "ET_RAW"} {
			got := call(t, conn, "Z_ECHO_TYPES", rfc.Params{name: rows})[back]
			require.Equal(t, rows, got, name)
			var named []rfc.Params
			for _, r := range rows {
				named = append(named, rfc.Params{"": r})
			}
			require.Equal(t, rows, call(t, conn, "Z_ECHO_TYPES", rfc.Params{name: named})[back], name)
		}
	})
}

func TestEveryTypeEchoes(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	flat := rfc.Params{
		"ZACCP": "202606", "ZCHAR": "Zürich", "ZCLNT": "001", "ZCUKY": "EUR", "ZCURR": decimal(t, "1234.56"), "ZDATS": date(t, "20260626"),
		"ZDEC": decimal(t, "12345.67"), "ZFLTP": 0.5, "ZINT1": uint8(255), "ZINT2": int16(-2), "ZINT4": int32(-4), "ZINT8": int64(-8), "ZLANG": "E",
		"ZNUMC": "0123456789", "ZQUAN": decimal(t, "12.3456"), "ZQUAN3": decimal(t, "1.500"), "ZQUAN_SIGN": decimal(t, "-12.345"),
		"ZPREC": decimal(t, "0.00000000000001"), "ZRAW": append([]byte("raw"), make([]byte, 14)...), "ZTIMS": clockTime(t, "235959"),
		"ZDF16": decimal(t, "-1.2300"), "ZDF34": decimal(t, "9.99E+20"), "ZUTCLONG": stamp(t, "2026-07-05T12:34:56.1234567"),
		"ZUTCSECOND": stamp(t, "2026-07-05T12:34:56"), "ZUTCMINUTE": stamp(t, "2026-07-05T12:34"), "ZDTDAY": date(t, "20260705"),
		"ZDTWEEK": parsed(t, abap.ParseWeek, "2026-W27"), "ZDTMONTH": parsed(t, abap.ParseMonth, "2026-07"), "ZTSECOND": timeOfDay(t, "24:00:00"),
		"ZTMINUTE": timeOfDay(t, "12:34"), "ZCDAY": parsed(t, abap.ParseMonthDay, "02-29"),
	}
	other := rfc.Params{}
	maps.Copy(other, flat)
	other["ZINT4"], other["ZCHAR"] = int32(99), ""
	other["ZUTCLONG"], other["ZDTDAY"], other["ZTSECOND"] = abap.Timestamp{}, abap.Date{}, abap.TimeOfDay{}
	deep := rfc.Params{
		"ID": int32(7), "NAME": "deep", "TEXT": "a text <&>", "BYTES": []byte{1, 2, 3}, "FLAT": flat, "ROWS": []rfc.Params{flat, other},
		"WORDS": []string{"one", "two"}, "NOTES": []string{"", "long note"},
	}
	in := rfc.Params{
		"IS_INPUT": flat, "IT_FLAT": []rfc.Params{flat, other}, "T_FLAT": []rfc.Params{other, flat}, "CT_FLAT": []rfc.Params{flat},
		"IS_DEEP": deep, "IT_DEEP": []rfc.Params{deep, deep}, "T_DEEP": []rfc.Params{deep}, "IT_INT": []int32{1, -2}, "IT_TEXT": []string{"a", "", "c"},
		"CV_TEXT": "changing", "IT_UTC": []abap.Timestamp{stamp(t, "0001-01-01T00:00"), {}},
	}
	out := call(t, conn, "Z_ECHO_TYPES", in)
	for given, back := range map[string]string{
		"IS_INPUT": "ES_OUTPUT", "IT_FLAT": "ET_FLAT", "T_FLAT": "T_FLAT", "CT_FLAT": "CT_FLAT", "IS_DEEP": "ES_DEEP", "IT_DEEP": "ET_DEEP",
		"T_DEEP": "T_DEEP", "IT_INT": "ET_INT", "IT_TEXT": "ET_TEXT", "CV_TEXT": "CV_TEXT",
		"IT_UTC": "ET_UTC",
	} {
		if diff := cmp.Diff(in[given], out[back], cmp.AllowUnexported(
			abap.Date{}, abap.Time{}, abap.Timestamp{}, abap.TimeOfDay{}, abap.Week{}, abap.Month{}, abap.MonthDay{},
		), cmp.Comparer(func(a, b abap.Decimal) bool { return a.Identical(b) })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", back, diff)
		}
	}
}

// TestRandomRowsEcho sends random rows of every flat type and expects them back.
func TestRandomRowsEcho(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	rng := rand.New(rand.NewPCG(7, 11))
	letters := []rune("abcXYZ äöü€望\U0001f4aa09<&")
	for range 20 {
		rows := make([]rfcTest, rng.IntN(200))
		for i := range rows {
			text := func(n int) string {
				var b strings.Builder
				for units := 0; units < rng.IntN(n+1); {
					r := letters[rng.IntN(len(letters))]
					w := 1
					if r > 0xffff {
						w = 2
					}
					if units += w; units > n {
						break
					}
					b.WriteRune(r)
				}
				return strings.TrimRight(b.String(), " ")
			}
			rows[i] = rfcTest{
				Float: rng.NormFloat64(), Char1: text(1), Int2: int16(rng.Int32()), Int1: uint8(rng.Int32()), Char4: text(4), Int4: rng.Int32(),
				Hex3: []byte{byte(rng.Int32()), byte(rng.Int32()), byte(rng.Int32())}, Char2: text(2),
				Time: clockTime(t, fmt.Sprintf("%02d%02d%02d", rng.IntN(24), rng.IntN(60), rng.IntN(60))),
				Date: date(t, fmt.Sprintf("%04d%02d%02d", 1+rng.IntN(9999), 1+rng.IntN(12), 1+rng.IntN(28))), Data1: text(50), Data2: text(50),
			}
		}
		out, err := rfc.Call[structureOut](context.Background(), conn, "STFC_STRUCTURE", structureIn{Table: rows})
		require.NoError(t, err)
		require.Len(t, out.Table, len(rows)+1)
		for i := range rows {
			require.Equal(t, rows[i], out.Table[i])
		}
	}
}

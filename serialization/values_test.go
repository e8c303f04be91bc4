package serialization

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/stretchr/testify/require"
)

func lookup(t testing.TB, number string) *codepage.Codepage {
	t.Helper()
	c, err := codepage.Lookup(number)
	require.NoError(t, err)
	return c
}

// wireValue writes one IMPORTING parameter of the given type and returns item 0203.
func wireValue(t testing.TB, typ string, v any, r Representation, o Options) ([]byte, error) {
	t.Helper()
	w := Writer{Function: function(t, "IMPORTING P:"+typ), Representation: r, Options: o}
	b, err := w.Append(nil, Params{"P": v})
	if err != nil {
		require.Empty(t, b)
		return nil, err
	}
	items := itemsOf(t, b)
	return items[len(items)-1].Value, nil
}

// readValue reads item 0203 as the default Go type.
func readValue(t testing.TB, typ string, b []byte, r Representation, o Options) (any, error) {
	t.Helper()
	f := function(t, "IMPORTING P:"+typ)
	w := Writer{Function: f, Representation: r, Partial: true}
	name, err := w.appendNameForTest("P")
	require.NoError(t, err)
	s := Section{Options: o}
	s.Reset(f, r, false)
	for _, it := range itemsOf(t, name) {
		_, err := s.Item(it)
		require.NoError(t, err)
	}
	if _, err := s.Item(item(0x0203, b)); err != nil {
		return nil, err
	}
	require.NoError(t, s.Finish())
	return s.Value("P")
}

func (w *Writer) appendNameForTest(name string) ([]byte, error) {
	w.code = newCoder(w.Representation, w.Options)
	return w.appendName(nil, 0x0201, name)
}

func mustStamp(t testing.TB, s string) abap.Timestamp {
	t.Helper()
	v, err := abap.ParseTimestamp(s, abap.Ticks)
	require.NoError(t, err)
	return v
}

func mustClock(t testing.TB, s string) abap.TimeOfDay {
	t.Helper()
	v, err := abap.ParseTimeOfDay(s, abap.Seconds)
	require.NoError(t, err)
	return v
}

func TestRefusedValues(t *testing.T) {
	t.Parallel()
	type named float64
	tests := []struct {
		id, typ string
		value   any
		reason  Reason
		text    string
	}{
		{"C07", "b", 256, Overflow, "256 is out of range 0 to 255"},
		{"C08", "s", -32769, Overflow, "-32769 is out of range -32768 to 32767"},
		{"C09", "b", -1, Overflow, "-1 is out of range"},
		{"C03", "I", int64(math.MaxInt32) + 1, Overflow, "2147483648 is out of range"},
		{"C04", "8", uint64(math.MaxUint64), Overflow, "18446744073709551615"},
		{"C10", "b", "1", WrongType, "string"},
		{"C11", "I", 1 + 0.25, NotANumber, "not an integer"},
		{"C11", "I", named(1e30), Overflow, "out of range"},
		{"C12", "I", math.Inf(1), NotANumber, "Infinity"},
		{"C13", "I", true, WrongType, "bool"},
		{"C16", "F", "1.2", WrongType, "string"},
		{"C19", "F", []any{}, WrongType, "[]interface"},
		{"B72", "F", math.NaN(), NotANumber, "not representable"},
		{"D08", "P5.2", "A", NotANumber, "P(5,2)"},
		{"D10", "P5.2", "1.234", TooManyDecimals, "more than 2 fractional digits"},
		{"D11", "P3.2", "1234.5", Overflow, "packed capacity"},
		{"D13", "P5.2", strings.Repeat("0", 4097), TooLong, "4097 characters"},
		{"B71", "P5.2", "1,5", NotANumber, "not a number"},
		{"B71", "P5.2", "1e400", Overflow, "packed capacity"},
		{"B71", "P5.2", math.NaN(), NotANumber, "NaN"},
		{"D05", "P8.2", 0.30000000000000004, TooManyDecimals, "fractional"},
		{"F01", "C5", 5, WrongType, "go type int"},
		{"F02", "C5", nil, IsNil, "nil"},
		{"F02", "C5", (*string)(nil), IsNil, "nil"},
		{"F11", "N5", "a1", BadDigit, "'a' at position 1"},
		{"F12", "N5", " ", BadDigit, "' '"},
		{"F14", "C10", strings.Repeat("x", 18), TooLong, "18 characters, at most 10"},
		{"B68", "C1", "💪", TooLong, "2 characters, at most 1"},
		{"B69", "N5", -1, BadDigit, "negative"},
		{"B69", "N2", 123, TooLong, "3 characters, at most 2"},
		{"B74", "D", "20240230", BadDate, "DATE"},
		{"B74", "T", "256000", BadDate, "TIME"},
		{"B74", "D", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), BadDate, "year"},
		{"B73", "a", strings.Repeat("9", 17), TooManyDecimals, "17 significant digits, at most 16"},
		{"B73", "e", strings.Repeat("9", 35), TooManyDecimals, "35 significant digits, at most 34"},
		{"E16", "a", "12345678901234567", TooManyDecimals, "17 significant digits"},
		{"E16", "a", 0.30000000000000004, TooManyDecimals, "17 significant digits"},
		{"E17", "a", "1E+385", Overflow, "outside DECF16 range"},
		{"E17", "a", "1E-399", Overflow, "outside DECF16 range"},
		{"E18", "e", "1E+6145", Overflow, "outside DECF34 range"},
		{"E18", "e", "1E-6177", Overflow, "outside DECF34 range"},
		{"E18", "e", new(big.Int).Exp(big.NewInt(10), big.NewInt(9000), nil), Overflow, ""},
		{"E20", "a", " 1", NotANumber, "not a number"},
		{"E20", "e", "1,2", NotANumber, "not a number"},
		{"E20", "a", ".", NotANumber, "not a number"},
		{"E20", "a", "", NotANumber, "not a number"},
		{"E20", "e", json.Number("1 "), NotANumber, "not a number"},
		{"E08", "a", "NaN", NotANumber, "not representable"},
		{"E08", "e", "-Infinity", NotANumber, "not representable"},
		{"E08", "a", math.Inf(1), NotANumber, "Infinity"},
		{"E08", "e", nil, IsNil, "nil"},
		{"E08", "a", true, WrongType, "bool"},
		{"G20", "p", 1, WrongType, "cannot be converted; an abap.Timestamp, a time.Time or a string"},
		{"G20", "n", json.Number("1"), BadDate, "illegal format"},
		{"G20", "w", 1.0, WrongType, "string"},
		{"G20", "d", 20260705, WrongType, "abap.Date"},
		{"G20", "7", 27, WrongType, "abap.Week"},
		{"G20", "x", 7, WrongType, "abap.Month"},
		{"G20", "t", int32(7), WrongType, "abap.TimeOfDay"},
		{"G20", "i", uint8(7), WrongType, "abap.TimeOfDay"},
		{"G20", "c", 7, WrongType, "abap.MonthDay"},
		{"G20", "x", abap.Week{}, WrongType, "abap.Month"},
		{"G20", "p", abap.Date{}, WrongType, "abap.Timestamp"},
		{"G20", "t", abap.Time{}, WrongType, "abap.TimeOfDay"},
		{"G20", "p", nil, IsNil, "nil"},
		{"G21", "p", "1", BadDate, "Cannot convert 1 to RFCTYPE_UTCLONG : illegal format"},
		{"G21", "n", "1", BadDate, "Cannot convert 1 to RFCTYPE_UTCSECOND : illegal format"},
		{"G21", "i", "1", BadDate, "Cannot convert 1 to RFCTYPE_TMINUTE : illegal format"},
		{"G30", "d", "1582-10-05", BadDate, "no such day"},
		{"G30", "p", "1582-10-14T00:00:00", BadDate, "no such day"},
		{"G31", "t", "24:00:01", BadDate, "24:00:00"},
		{"G31", "p", "2026-07-05T24:00:00", BadDate, "no such time"},
		{"G31", "t", 25 * time.Hour, BadDate, "24:00:00"},
		{"B74", "p", "2026-07-05T12:34:56+02:00", BadDate, "in UTC"},
		{"B74", "p", time.Date(2026, 7, 5, 1, 2, 3, 50, time.UTC), TooManyDecimals, "Truncate(100)"},
		{"B74", "n", time.Date(2026, 7, 5, 1, 2, 3, 100, time.UTC), TooManyDecimals, "fraction"},
		{"B74", "w", mustStamp(t, "2026-07-05T12:34:56"), TooManyDecimals, "fraction"},
		{"B74", "p", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), BadDate, "year"},
		{"B74", "d", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), BadDate, "year"},
		{"B74", "d", "20240230", BadDate, "no such day"},
		{"B74", "d", abap.BlankDate, BadDate, "no such day"},
		{"B74", "i", mustClock(t, "12:34:56"), TooManyDecimals, "seconds"},
		{"B74", "T", time.Millisecond, TooManyDecimals, "fractions"},
		{"G06", "D", 20161231, WrongType, "int"},
		{"G07", "D", "2016123", BadDate, "7 characters"},
		{"G07", "D", " ", BadDate, "1 characters"},
		{"G07", "D", "201612311", BadDate, "9 characters"},
		{"G08", "D", "20161232", BadDate, "day"},
		{"G09", "T", "123466", BadDate, "TIME"},
		{"G10", "D", "２０２６０１０１", BadDate, ""},
		{"B75", "C5", "a\xff", BadText, "at byte 1"},
		{"B75", "g", "a\x00b", BadText, "NUL at byte 1"},
		{"B75", "g", "a\xff", BadText, "at byte 1"},
		{"B76", "X3", []byte("123456"), TooLong, "6 bytes, at most 3"},
		{"H004", "X3", 5, WrongType, "int"},
		{"B67", "C5", struct{ A int }{}, WrongType, "struct"},
		{"B67", "C5", func() {}, WrongType, "func"},
		{"B67", "I", make(chan int), WrongType, "chan"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.typ, func(t *testing.T) {
			t.Parallel()
			_, err := wireValue(t, tt.typ, tt.value, Representation{}, Options{})
			var ce *ConversionError
			require.ErrorAs(t, err, &ce)
			require.ErrorIs(t, err, ErrConversion)
			require.Equal(t, tt.reason, ce.Reason, err.Error())
			require.Equal(t, "P", ce.Path)
			require.Contains(t, err.Error(), tt.text)
			require.LessOrEqual(t, len([]rune(ce.Value)), printable+6)
		})
	}
}

func TestAcceptedValues(t *testing.T) {
	t.Parallel()
	type code string
	type count int16
	s := "AB"
	day := time.Date(2018, 6, 25, 23, 59, 58, 0, time.FixedZone("X", 7200))
	big1, _ := new(big.Int).SetString("1234567890123456789012345678901", 10)
	tests := []struct {
		id, typ string
		value   any
		want    any
	}{
		{"C01", "b", 255, uint8(255)},
		{"C01", "b", 0, uint8(0)},
		{"C02", "s", -32768, int16(-32768)},
		{"C03", "I", math.MinInt32, int32(math.MinInt32)},
		{"C04", "8", int64(math.MinInt64), int64(math.MinInt64)},
		{"C04", "8", uint64(math.MaxInt64), int64(math.MaxInt64)},
		{"C11", "b", 1.0, uint8(1)},
		{"C11", "I", count(7), int32(7)},
		{"C11", "I", json.Number("-7"), int32(-7)},
		{"C14", "F", math.MaxFloat64, math.MaxFloat64},
		{"C14", "F", 2.2250738585072014e-308, 2.2250738585072014e-308},
		{"C14", "F", math.Copysign(0, -1), math.Copysign(0, -1)},
		{"C15", "F", 1, 1.0},
		{"C16", "F", json.Number("1.25"), 1.25},
		{"D05", "P8.2", 12345.67, "12345.67"},
		{"D05", "P8.2", "12345.67", "12345.67"},
		{"D12", "P8.2", "", "0.00"},
		{"D07", "P13.3", 456.789, "456.789"},
		{"D06", "P8.3", "-12.345", "-12.345"},
		{"D06", "P16", big1, big1.String()},
		{"D06", "P8.2", json.Number("1E2"), "100.00"},
		{"D06", "P8", uint64(math.MaxUint32), "4294967295"},
		{"E14", "a", "1.2300", "1.2300"},
		{"E05", "a", "123.45E67", "1.2345E+69"},
		{"E16", "a", "12345678901234560", "1.234567890123456E+16"},
		{"E19", "a", 42, "42"},
		{"E19", "a", 1.234, "1.234"},
		{"E19", "e", 1.234e-12, "1.234E-12"},
		{"E19", "a", float32(0.1), "0.1"},
		{"E19", "a", "2.345E67", "2.345E+67"},
		{"E19", "e", "-2.345e+123", "-2.345E+123"},
		{"E19", "e", json.Number("-2.345e+123"), "-2.345E+123"},
		{"E19", "e", big1, big1.String()},
		{"E19", "e", uint64(math.MaxUint64), "18446744073709551615"},
		{"G17", "p", "0001-01-01T00:00:00.0000000", "0001-01-01T00:00:00.0000000"},
		{"G18", "p", "9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999"},
		{"G19", "p", "0000-00-00T00:00:00.0000000", "0000-00-00T00:00:00.0000000"},
		{"G19", "p", "", "0000-00-00T00:00:00.0000000"},
		{"G19", "p", time.Time{}, "0000-00-00T00:00:00.0000000"},
		{"G13", "p", day, "2018-06-25T21:59:58.0000000"},
		{"G13", "n", day, "2018-06-25T21:59:58"},
		{"G13", "w", day.Add(2 * time.Second), "2018-06-25T22:00"},
		{"G13", "n", mustStamp(t, "2018-06-25T21:59:58"), "2018-06-25T21:59:58"},
		{"G13", "n", &day, "2018-06-25T21:59:58"},
		{"G13", "d", day, "2018-06-25"},
		{"G13", "d", "20180625", "2018-06-25"},
		{"G13", "d", mustDate(t, "20180625"), "2018-06-25"},
		{"G13", "d", code("2018-06-25"), "2018-06-25"},
		{"G30", "d", "1582-10-15", "1582-10-15"},
		{"G31", "t", "24:00:00", "24:00:00"},
		{"G31", "t", 24 * time.Hour, "24:00:00"},
		{"G31", "i", "12:34:00", "12:34"},
		{"G31", "i", mustClock(t, "12:34"), "12:34"},
		{"G29", "t", "", ""},
		{"G29", "7", "", ""},
		{"G29", "x", "", ""},
		{"G29", "c", "", ""},
		{"G29", "d", "00000000", ""},
		{"G29", "7", abap.Week{}, ""},
		{"G29", "x", new(abap.Month), ""},
		{"G29", "c", abap.MonthDay{}, ""},
		{"G27", "T", 90 * time.Minute, "013000"},
		{"F03", "C9", "四周远处都能望见", "四周远处都能望见"},
		{"F04", "C2", "\U0001f4aa", "\U0001f4aa"},
		{"F05", "C9", "a\u00ac\u1234\u20ac\U0001f4aa", "a\u00ac\u1234\u20ac\U0001f4aa"},
		{"F06", "C9", "\u0001\uf4aa", "\u0001\uf4aa"},
		{"F08", "C26", "TESTUSER3 \x00\x00\x00\x0c 1000329", "TESTUSER3 \x00\x00\x00\x0c 1000329"},
		{"F01", "C4", code("AB"), "AB"},
		{"F01", "C4", &s, "AB"},
		{"B04", "C4", "AB  ", "AB"},
		{"B04", "C4", " A", " A"},
		{"F13", "N4", "42", "0042"},
		{"F10", "N4", 42, "0042"},
		{"F13", "N4", "", "0000"},
		{"F07", "g", "\U0001f4aa ", "\U0001f4aa "},
		{"F07", "g", "", ""},
		{"G01", "D", "20161231", "20161231"},
		{"G02", "D", "", "00000000"},
		{"G03", "D", "        ", "        "},
		{"G13", "D", day, "20180625"},
		{"G13", "D", mustDate(t, "20180625"), "20180625"},
		{"G13", "D", time.Time{}, "00000000"},
		{"G01", "T", "123456", "123456"},
		{"G04", "T", "", "000000"},
		{"G05", "T", "      ", "      "},
		{"G11", "T", "240000", "240000"},
		{"G13", "T", day, "235958"},
		{"H001", "X5", []byte{1, 2}, []byte{1, 2, 0, 0, 0}},
		{"H001", "X3", [2]byte{1, 2}, []byte{1, 2, 0}},
		{"H002", "y", []byte{1, 2}, []byte{1, 2}},
		{"H003", "y", make([]byte, 2048), make([]byte, 2048)},
	}
	reps := map[string]Representation{"le": {}, "be": {BigEndian: true, Text: lookup(t, "4102")}}
	for name, rep := range reps {
		for _, tt := range tests {
			b, err := wireValue(t, tt.typ, tt.value, rep, Options{})
			require.NoError(t, err, tt.id)
			got, err := readValue(t, tt.typ, b, rep, Options{})
			require.NoError(t, err, tt.id)
			switch v := got.(type) {
			case abap.Decimal:
				if got = v.Plain(); tt.typ == "a" || tt.typ == "e" {
					got = v.Scientific()
				}
			case abap.Date, abap.Time, abap.Timestamp, abap.TimeOfDay, abap.Week, abap.Month, abap.MonthDay:
				got = timeText(&function(t, "IMPORTING P:"+tt.typ).Parameters[0].Field, v)
			}
			require.Equal(t, tt.want, got, "%s %s %s", name, tt.id, tt.typ)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	b, err := wireValue(t, "C255", "HELLÖ SÄP!", Representation{}, Options{})
	require.NoError(t, err)
	v, err := readValue(t, "C255", b, Representation{}, Options{KeepBlanks: true})
	require.NoError(t, err)
	require.Len(t, v, 257, "case B-03")
	b, err = wireValue(t, "C4", "ABCDEF", Representation{}, Options{Truncate: true})
	require.NoError(t, err)
	require.Equal(t, utf16("ABCD"), b)
	b, err = wireValue(t, "C4", "ABC💪", Representation{}, Options{Truncate: true})
	require.NoError(t, err)
	require.Equal(t, utf16("ABC "), b, "no half character")
	b, err = wireValue(t, "P3.1", "1.25", Representation{}, Options{RoundDecimals: true})
	require.NoError(t, err)
	require.Equal(t, "00013c", hex.EncodeToString(b))
	for in, want := range map[string]string{"2016123": "2016123 ", "201612311": "20161231", "20161232": "20161232", "": "00000000"} {
		b, err = wireValue(t, "D", in, Representation{}, Options{UncheckedDates: true})
		require.NoError(t, err)
		require.Equal(t, utf16(want), b, "case G-07")
	}
	_, err = wireValue(t, "C3", "💪", Representation{Text: lookup(t, "1100")}, Options{})
	var ce *ConversionError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, Unmappable, ce.Reason, "case B-75")
	lone := []byte{0x41, 0, 0x3d, 0xd8, 0x42, 0}
	v, err = readValue(t, "C3", lone, Representation{}, Options{})
	require.NoError(t, err)
	require.Equal(t, "A\ufffdB", v, "case B-105")
	_, err = readValue(t, "C3", lone, Representation{}, Options{StrictText: true})
	require.ErrorIs(t, err, ErrConversion)
}

func TestReceivedLengths(t *testing.T) {
	t.Parallel()
	v, err := readValue(t, "C5", utf16("AB"), Representation{}, Options{KeepBlanks: true})
	require.NoError(t, err)
	require.Equal(t, "AB   ", v)
	_, err = readValue(t, "C2", utf16("ABC"), Representation{}, Options{})
	require.ErrorIs(t, err, ErrStale)
	_, err = readValue(t, "I", []byte{1, 2, 3}, Representation{}, Options{})
	require.ErrorIs(t, err, ErrStale)
	v, err = readValue(t, "C2", []byte("ABC"), Representation{Text: lookup(t, "1100")}, Options{})
	require.NoError(t, err)
	require.Equal(t, "AB", v, "non-Unicode peers may send more")
	for _, b := range [][]byte{[]byte("Grüße\x00"), []byte("Grüße")} {
		v, err = readValue(t, "g", b, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, "Grüße", v)
	}
	_, err = readValue(t, "D", utf16("２024133A"), Representation{}, Options{})
	require.ErrorIs(t, err, ErrConversion, "case B-109")
	v, err = readValue(t, "D", utf16("2024133A"), Representation{}, Options{})
	require.NoError(t, err)
	require.False(t, v.(abap.Date).Valid(), "the text is kept, its getter fails")
}

func TestShapesAndNames(t *testing.T) {
	t.Parallel()
	f := function(t, `IMPORTING S:{RFCTEST}
		IMPORTING N:C10 OPTIONAL
		EXPORTING E:I
		TABLES T:[RFCTEST]
		TABLES X:[X2]`)
	ok := Params{"RFCINT1": 1}
	tests := []struct {
		id     string
		values any
		class  error
		text   string
	}{
		{"I01", Params{"S": []any{}}, ErrShape, "S: []interface {} passed, a map or struct"},
		{"I02", Params{"S": ok, "T": Params{}}, ErrShape, "T: serialization.Params passed, a slice of rows for a TABLE"},
		{"I03", Params{"S": ok, "T": "text"}, ErrShape, "T: string passed, a slice of rows"},
		{"I04", Params{"S": ok, "XXX": 1}, ErrUnknownName, "function Z_TEST: field 'XXX' not found"},
		{"I05", Params{"S": Params{"XRFCCHAR1": "A"}}, ErrUnknownName, "S: field 'XRFCCHAR1' not found; did you mean RFCCHAR1?"},
		{"I06", Params{"S": ok, "T": []Params{{}, {"XRFCCHAR1": "A"}}}, ErrUnknownName, "T[1]: field 'XRFCCHAR1' not found"},
		{"I07", Params{"S": ok, "": 1}, ErrUnknownName, "empty name"},
		{"I08", Params{"S": ok, "%$": 1}, ErrUnknownName, `name invalid: "%$"`},
		{"B64", Params{"s": ok}, ErrUnknownName, "did you mean S?"},
		{"B65", nil, ErrMissing, "mandatory parameter missing: S"},
		{"B66", Params{"S": ok, "E": 1}, ErrDirection, "E is EXPORTING and cannot be supplied"},
		{"B67", Params{"S": ok, "T": []Params{{}, {}, {}, {"RFCDATA1": 5}}}, ErrConversion, "T[3].RFCDATA1: CHAR(50): go type int"},
		{"B78", Params{"S": ok, "T": []*rfctest{{}, nil}}, ErrConversion, "T[1]: TABLE: nil row"},
		{"B78", Params{"S": ok, "T": []any{nil}}, ErrConversion, "T[0]"},
		{"B78", Params{"S": ok, "T": []any{ok, 5}}, ErrShape, "T[1]: int passed"},
		{"C07", Params{"S": Params{"RFCINT1": 256}}, ErrConversion, "S.RFCINT1: INT1: 256 is out of range 0 to 255"},
		{"C13", Params{"S": ok, "T": []Params{{"RFCINT1": "x"}}}, ErrConversion, "T[0].RFCINT1"},
		{"I10", 5, ErrShape, "int passed"},
		{"I10", struct {
			A int `rfc:"NOPE"`
		}{}, ErrUnknownName, "field A: field 'NOPE' not found"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			w := Writer{Function: f}
			b, err := w.Append([]byte{1}, tt.values)
			require.ErrorIs(t, err, tt.class)
			require.Contains(t, err.Error(), tt.text)
			require.Equal(t, []byte{1}, b, "nothing was appended")
		})
	}
	w := Writer{Function: f, Lenient: true}
	_, err := w.Append(nil, Params{"S": ok, "XXX": 1, "E": 2})
	require.NoError(t, err, "case I-10")
	for _, table := range []any{[][]byte{{1, 2}, {3}}, []Params{{"": []byte{1, 2}}, {"": []byte{3}}}, []any{[]byte{1, 2}, Params{"": []byte{3}}}} {
		b, err := w.Append(nil, Params{"S": ok, "X": table})
		require.NoError(t, err)
		items := itemsOf(t, b)
		require.Equal(t, []byte{1, 2}, items[len(items)-2].Value, "case H0-07")
		require.Equal(t, []byte{3, 0}, items[len(items)-1].Value)
	}
}

func TestPlanErrorsComeAllAtOnce(t *testing.T) {
	t.Parallel()
	type cyclic *cyclic
	type bad struct {
		A int    `rfc:"NOPE"`
		B string `rfc:"S"`
		C chan int
		d int    `rfc:"N"`
		E string `rfc:"N"`
		F string `rfc:"N"`
		G cyclic `rfc:"I"`
		H int    `rfc:"I,omitemty"`
	}
	f := function(t, `IMPORTING S:{RFCTEST}
		IMPORTING N:C10 OPTIONAL
		IMPORTING C:C10 OPTIONAL
		IMPORTING I:I`)
	w := Writer{Function: f}
	_, err := w.Append(nil, &bad{d: 1})
	require.ErrorIs(t, err, ErrPlan)
	for _, text := range []string{"NOPE", "go type string passed", "chan int", "field d has a tag but is not exported", "fields E and F have one name", "cycle", "omitemty"} {
		require.Contains(t, err.Error(), text, "case B-80")
	}
}

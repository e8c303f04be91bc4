package serialization

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
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

func TestTypeVectors(t *testing.T) {
	t.Parallel()
	var v struct {
		Scalars []struct {
			Type     string
			Chars    int `json:"len_chars"`
			Len      int
			Value    any
			ValueHex string `json:"value_hex"`
			LE       string `json:"uc_le"`
			BE       string `json:"uc_be"`
			Latin1   string `json:"nuc_1100"`
			Wire     string
		}
		BCD []struct {
			Value         string
			Len, Decimals int
			Hex           string
		} `json:"bcd"`
		Reject []struct {
			Hex string
			Len int
		} `json:"bcd_reject"`
		DecFloat []struct{ Type string } `json:"decfloat"`
		Temporal []struct{ EXID string } `json:"temporal"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &v))
	be := Representation{BigEndian: true, Text: lookup(t, "4102")}
	nuc := Representation{Text: lookup(t, "1100")}
	require.NotEmpty(t, v.Scalars)
	for _, s := range v.Scalars {
		require.NotEmpty(t, s.LE+s.Wire, "a row without bytes")
		typ := s.Type
		if s.Chars > 0 {
			typ += fmt.Sprint(s.Chars)
		}
		if s.Len > 0 {
			typ += fmt.Sprint(s.Len)
		}
		value := s.Value
		switch {
		case value == "initial":
			value = ""
		case value == "blank":
			value = strings.Repeat(" ", 8)
		case s.Type == "X" || s.Type == "y":
			value, _ = hex.DecodeString(s.ValueHex)
		}
		for rep, want := range map[Representation]string{{}: s.LE + s.Wire, be: s.BE, nuc: s.Latin1} {
			if want == "" {
				continue
			}
			b, err := wireValue(t, typ, value, rep, Options{})
			require.NoError(t, err, typ)
			require.Equal(t, want, hex.EncodeToString(b), "%s %v", typ, value)
			back, err := readValue(t, typ, b, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, vectorText(s.Type, s.Chars, s.Len, value), vectorText(s.Type, s.Chars, s.Len, back))
			again, err := wireValue(t, typ, back, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	}
	// What this release does not convert is refused by name, and by every row.
	for _, p := range v.DecFloat {
		_, err := wireValue(t, map[string]string{"DECFLOAT16": "a", "DECFLOAT34": "e"}[p.Type], "1", Representation{}, Options{})
		require.ErrorIs(t, err, ErrUnsupported, p.Type)
	}
	for _, p := range v.Temporal {
		_, err := wireValue(t, p.EXID, "1", Representation{}, Options{})
		require.ErrorIs(t, err, ErrUnsupported, p.EXID)
	}
	require.NotEmpty(t, v.BCD)
	for _, p := range v.BCD {
		typ := fmt.Sprintf("P%d.%d", p.Len, p.Decimals)
		b, err := wireValue(t, typ, p.Value, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, p.Hex, hex.EncodeToString(b))
		d, err := readValue(t, typ, b, Representation{}, Options{})
		require.NoError(t, err)
		want, err := abap.ParseDecimal(p.Value)
		require.NoError(t, err)
		require.True(t, want.Equal(d.(abap.Decimal)))
	}
	for _, p := range v.Reject {
		b, err := hex.DecodeString(p.Hex)
		require.NoError(t, err)
		_, err = readValue(t, fmt.Sprintf("P%d", p.Len), b, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion, p.Hex)
	}
}

// vectorText is one form for what a vector says and what is read: numbers as digits, bytes
// and digits at their full width.
func vectorText(typ string, chars, nbyte int, v any) string {
	text := fmt.Sprint(v)
	switch typ {
	case "N":
		return strings.Repeat("0", chars-len(text)) + text
	case "D", "T":
		if text == "" {
			return strings.Repeat("0", map[string]int{"D": 8, "T": 6}[typ])
		}
	case "X":
		b := v.([]byte)
		return hex.EncodeToString(append(b[:len(b):len(b)], make([]byte, nbyte-len(b))...))
	}
	return text
}

// The samples are rows of captured messages.
func TestStructureVectors(t *testing.T) {
	t.Parallel()
	var doc struct {
		Samples []struct {
			Source, Hex string
			Values      map[string]any
		} `json:"rfctest_samples"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "structures.json"), &doc))
	require.NotEmpty(t, doc.Samples)
	for _, s := range doc.Samples {
		want := s.Hex
		raw, err := hex.DecodeString(s.Values["RFCHEX3"].(string))
		require.NoError(t, err)
		s.Values["RFCHEX3"] = raw
		b, err := wireValue(t, "{RFCTEST}", s.Values, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), s.Source)
		v, err := readValue(t, "{RFCTEST}", b, Representation{}, Options{})
		require.NoError(t, err)
		got := v.(Params)
		require.Len(t, got, len(s.Values))
		for name, value := range s.Values {
			require.Equal(t, fmt.Sprint(value), fmt.Sprint(got[name]), "%s: %s", s.Source, name)
		}

		// The same as a Go struct and as the row of a table.
		type structure struct{ P rfctest }
		type table struct{ P []rfctest }
		var one structure
		section := Section{}
		section.Reset(function(t, "IMPORTING P:{RFCTEST}"), Representation{}, false)
		for _, it := range []chain.Item{item(0x0201, utf16("P")), item(0x0203, b)} {
			_, err := section.Item(it)
			require.NoError(t, err)
		}
		require.NoError(t, section.Finish())
		require.NoError(t, section.Scan(&one))
		typed, err := wireValue(t, "{RFCTEST}", &one.P, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(typed))
		w := Writer{Function: function(t, "TABLES P:[RFCTEST]")}
		rows, err := w.Append(nil, table{[]rfctest{one.P}})
		require.NoError(t, err)
		items := itemsOf(t, chain.AppendEnd(rows))
		require.Equal(t, want, hex.EncodeToString(items[len(items)-1].Value))
	}
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
				got = v.Plain()
			case abap.Date:
				got = v.String()
			case abap.Time:
				got = v.String()
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

func TestUnsupportedTypesAreNamedOnlyWhenUsed(t *testing.T) {
	t.Parallel()
	f := function(t, "IMPORTING A:C1 OPTIONAL\nIMPORTING D:a OPTIONAL\nEXPORTING E:e\nTABLES U:[p]")
	w := Writer{Function: f}
	b, err := w.Append(nil, Params{"A": "x"})
	require.NoError(t, err)
	require.Len(t, itemsOf(t, b), 2, "no output is announced")
	_, err = w.Append(nil, Params{"D": 1})
	require.ErrorIs(t, err, ErrUnsupported)
	require.EqualError(t, err, "D: DECF16 not supported")
	_, err = w.Append(nil, Params{"U": []any{1}})
	require.ErrorIs(t, err, ErrUnsupported)
}

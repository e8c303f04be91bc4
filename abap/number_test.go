package abap_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
)

func TestC01ToC12IntegerRanges(t *testing.T) {
	t.Parallel()
	for k, b := range map[abap.IntKind][2]int64{
		abap.INT1: {0, 255}, abap.INT2: {-32768, 32767}, abap.INT4: {math.MinInt32, math.MaxInt32}, abap.INT8: {math.MinInt64, math.MaxInt64},
	} {
		require.NoError(t, k.Check(b[0]))
		require.NoError(t, k.Check(b[1]))
		require.NoError(t, k.CheckUint(uint64(b[1])))
		require.Equal(t, abap.ReasonOverflow, reason(t, k.CheckUint(uint64(b[1])+1)))
		if k != abap.INT8 {
			require.Equal(t, abap.ReasonOverflow, reason(t, k.Check(b[0]-1)))
			require.Equal(t, abap.ReasonOverflow, reason(t, k.Check(b[1]+1)))
		}
	}
	require.ErrorContains(t, abap.INT1.Check(256), `"256" to INT1: the range is 0 to 255`)
	v, err := abap.INT1.FromFloat(1.0)
	require.NoError(t, err)
	require.EqualValues(t, 1, v)
	_, err = abap.INT1.FromFloat(1 + 0x1p-52)
	require.Equal(t, abap.ReasonNotIntegral, reason(t, err))
	_, err = abap.INT1.FromFloat(math.Inf(1))
	require.ErrorContains(t, err, "Infinity")
	_, err = abap.INT8.FromFloat(0x1p63)
	require.Equal(t, abap.ReasonOverflow, reason(t, err))
	_, err = abap.INT8.FromFloat(math.NaN())
	require.Error(t, err)
}

func TestC14ToC18Floats(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]float64{
		"1.2": 1.2, "-2.2250738585072014E-308": -2.2250738585072014e-308, "1.7976931348623157E+308": math.MaxFloat64, "1": 1, ".5": .5,
	} {
		got, err := abap.ParseFloat(s)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := abap.ParseFloat("A")
	require.ErrorContains(t, err, "cannot convert string value A at position 0")
	require.ErrorContains(t, err, "RFCTYPE_FLOAT")
	_, err = abap.ParseFloat("1,2")
	require.ErrorContains(t, err, "at position 1")
	for _, s := range []string{"", "inf", "NaN", "0x1p4", "1_0", "1e", "1.2.3", " 1"} {
		_, err := abap.ParseFloat(s)
		require.Equal(t, abap.ReasonNotANumber, reason(t, err), s)
	}
	_, err = abap.ParseFloat("1e999")
	require.Equal(t, abap.ReasonOverflow, reason(t, err))
	_, err = abap.ParseFloat(strings.Repeat("1", 4097))
	require.Equal(t, abap.ReasonTooLong, reason(t, err))
	require.NoError(t, abap.CheckFloat(math.Copysign(0, -1)))
	require.ErrorContains(t, abap.CheckFloat(math.NaN()), "not representable")
	require.ErrorContains(t, abap.CheckFloat(math.Inf(-1)), "-Infinity")
}

func TestF10ToF13Numc(t *testing.T) {
	t.Parallel()
	got, err := abap.AppendNumc(nil, "42", 4)
	require.NoError(t, err)
	require.Equal(t, "0042", string(got))
	cell := []byte("xxxx")
	require.NoError(t, abap.PutNumc(cell, ""))
	require.Equal(t, "0000", string(cell))
	for s, why := range map[string]abap.Reason{"a1": abap.ReasonBadDigit, " ": abap.ReasonBadDigit, "-1": abap.ReasonBadDigit, "１": abap.ReasonBadDigit, "12345": abap.ReasonTooLong} {
		err := abap.PutNumc(cell, s)
		require.Equal(t, why, reason(t, err), s)
		require.ErrorContains(t, err, "NUMC(4)")
	}
	_, err = abap.AppendNumcInt(nil, -1, 4) // B-69
	require.Equal(t, abap.ReasonBadDigit, reason(t, err))
	got, err = abap.AppendNumcInt(nil, 42, 4)
	require.NoError(t, err)
	require.Equal(t, "0042", string(got))
	for s, want := range map[string]int64{"0042": 42, "    ": 0, "": 0} {
		v, err := abap.NumcInt64(s)
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
	for _, s := range []string{"4 2", " 42", "99999999999999999999"} {
		_, err := abap.NumcInt64(s)
		require.Error(t, err, s)
	}
}

func TestF15LanguagesAreInverse(t *testing.T) {
	t.Parallel()
	for iso, key := range map[string]string{
		"EN": "E", "DE": "D", "ES": "S", "DA": "K", "FI": "U", "EL": "G", "ZH": "1", "ZF": "M", "JA": "J",
		"KO": "3", "NO": "O", "AF": "a", "Z9": "&", "6N": "\ub46e", "FR": "F", "IT": "I", "PT": "P", "SV": "V",
		"NL": "N", "PL": "L", "RU": "R", "CS": "C", "HU": "H", "TR": "T", "HE": "B", "AR": "A", "UK": "8", "TH": "2",
		"RO": "4", "SL": "5", "HR": "6", "MS": "7", "ET": "9", "BG": "W", "LT": "X", "LV": "Y", "SK": "Q",
		"SR": "0", "CA": "c", "IS": "b", "ID": "i",
	} {
		got, err := abap.LanguageKey(iso)
		require.NoError(t, err, iso)
		require.Equal(t, key, got)
		back, err := abap.LanguageISO(got)
		require.NoError(t, err)
		require.Equal(t, iso, back)
	}
	n := 0
	for a := range 36 * 36 {
		const set = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		iso := string([]byte{set[a/36], set[a%36]})
		key, err := abap.LanguageKey(iso)
		if err != nil {
			continue
		}
		n++
		require.Equal(t, 1, utf8.RuneCountInString(key))
		back, err := abap.LanguageISO(key)
		require.NoError(t, err)
		require.Equal(t, iso, back)
	}
	require.GreaterOrEqual(t, n, 75)
}

func TestF16ToF18UnknownLanguagesAndTags(t *testing.T) {
	t.Parallel()
	_, err := abap.LanguageKey("ŠĐ")
	require.EqualError(t, err, "Language ISO code not found: ŠĐ")
	_, err = abap.LanguageISO("Š")
	require.EqualError(t, err, "Language SAP code not found: Š")
	for in, want := range map[string]string{"en-US": "E", "en": "E", "de_AT": "D", "zh-TW": "M", "zh-CN": "1"} {
		got, err := abap.LanguageKey(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"", "E", "XXX", strings.Repeat("EN-", 1000)} {
		_, err := abap.LanguageKey(s)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 120)
	}
	for _, s := range []string{"", "EN", "\xff"} {
		_, err := abap.LanguageISO(s)
		require.Error(t, err, s)
	}
}

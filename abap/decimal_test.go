package abap_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
)

func dec(t testing.TB, s string) abap.Decimal {
	t.Helper()
	d, err := abap.ParseDecimal(s)
	require.NoError(t, err, s)
	return d
}

func TestParseDecimalKeepsScaleAndRoundTrips(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"12.50": "12.50", "-0.00": "-0.00", "0": "0", "+7": "7", ".5": "0.5", "5.": "5", "007.10": "7.10",
		"1E-5": "0.00001", "9.99E+20": "9.99E+20", "1e3": "1E+3", "100": "100", "0.000": "0.000",
		"12345678901234567890123456789012345678":    "12345678901234567890123456789012345678",
		"1234567890123456789012345678901234":        "1234567890123456789012345678901234",
		"9.999999999999999999999999999999999E+6144": "9.999999999999999999999999999999999E+6144",
		"1E-6143": "1E-6143", "-9.999999999999999E+384": "-9.999999999999999E+384",
		"inf": "Infinity", "-INFINITY": "-Infinity", "nan": "NaN", "18446744073709551616": "18446744073709551616",
		"0E-50": "0E-50", "0e5": "0E+5", "0.1234567890123456789012345678901234567": "0.1234567890123456789012345678901234567",
	} {
		d := dec(t, in)
		require.Equal(t, want, d.String(), in)
		require.True(t, d.Identical(dec(t, d.String())))
		require.Equal(t, want, fmt.Sprintf("%v", d))
	}
	require.Equal(t, "1000", dec(t, "1E+3").Plain())
	require.Equal(t, "-0.5", dec(t, "-5E-1").Plain())
}

func TestD08AndB71WhatIsNotADecimal(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "A", "1,5", "1.2.3", "--1", "+", ".", "1e", "1e+", "e5", " 1", "1 ", "0x10", "1_000", "１", "-nan", "infi", "1e5x"} {
		_, err := abap.ParseDecimal(s)
		require.Equal(t, abap.ReasonNotANumber, reason(t, err), s)
	}
	for _, s := range []string{"1e10000", "1e-10000", "1e99999999999999999999", strings.Repeat("9", 39), "0." + strings.Repeat("1", 39)} {
		_, err := abap.ParseDecimal(s)
		require.Equal(t, abap.ReasonOverflow, reason(t, err), s)
	}
	_, err := abap.ParsePacked("1,5", 8, 2)
	require.ErrorContains(t, err, `"1,5" to P(8,2)`)
	_, err = abap.ParsePacked("1e400", 8, 2)
	require.Equal(t, abap.ReasonOverflow, reason(t, err))
	_, err = abap.ParsePacked("NaN", 8, 2)
	require.Equal(t, abap.ReasonNotRepresentable, reason(t, err))
}

func TestD13LongTextsAreRefusedBeforeParsing(t *testing.T) {
	t.Parallel()
	_, err := abap.ParseDecimal(strings.Repeat("0", 4097))
	require.Equal(t, abap.ReasonTooLong, reason(t, err))
	require.ErrorContains(t, err, "4097 characters, at most 4096")
	require.True(t, dec(t, strings.Repeat("0", 4096)).IsZero())
	var d abap.Decimal
	require.Error(t, json.Unmarshal([]byte(strings.Repeat("1", 5000)), &d))
	require.Error(t, d.UnmarshalText(make([]byte, 5000)))
}

func TestDecimalConversions(t *testing.T) {
	t.Parallel()
	for _, v := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		got, err := abap.FromInt64(v).Int64()
		require.NoError(t, err)
		require.Equal(t, v, got)
		require.Equal(t, fmt.Sprint(v), abap.FromInt64(v).String())
	}
	require.Equal(t, "18446744073709551615", abap.FromUint64(math.MaxUint64).String())
	for s, why := range map[string]abap.Reason{
		"9223372036854775808": abap.ReasonOverflow, "-9223372036854775809": abap.ReasonOverflow, "1E+40": abap.ReasonOverflow,
		"1.5": abap.ReasonNotIntegral, "NaN": abap.ReasonNotRepresentable, "1E-50": abap.ReasonNotIntegral,
	} {
		_, err := dec(t, s).Int64()
		require.Equal(t, why, reason(t, err), s)
	}
	n, err := dec(t, "12.00").Int64()
	require.NoError(t, err)
	require.EqualValues(t, 12, n)
	for f, want := range map[float64]string{0.1: "0.1", 12345.67: "12345.67", 1e22: "10000000000000000000000", 1e300: "1E+300", -0.5: "-0.5", 456.789: "456.789", 100: "100"} {
		d, err := abap.FromFloat64(f)
		require.NoError(t, err)
		require.Equal(t, want, d.String())
		require.Equal(t, f, d.Float64())
	}
	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		_, err := abap.FromFloat64(f)
		require.Equal(t, abap.ReasonNotRepresentable, reason(t, err))
	}
	big128, _ := new(big.Int).SetString(strings.Repeat("9", 38), 10)
	d, err := abap.FromBigInt(big128)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("9", 38), d.String())
	_, err = abap.FromBigInt(big128.Add(big128, big.NewInt(1)))
	require.Error(t, err)
	_, err = abap.FromBigInt(new(big.Int).Lsh(big.NewInt(1), 200))
	require.Error(t, err)
	require.Equal(t, "-5/4", dec(t, "-1.25").Rat().String())
	require.Nil(t, abap.NaN().Rat())
	require.True(t, math.IsInf(abap.Infinity(true).Float64(), -1))
	_, err = abap.NewDecimal(1, 10000)
	require.Error(t, err)
	d, err = abap.NewDecimal(-1250, -2)
	require.NoError(t, err)
	require.Equal(t, "-12.50", d.String())
}

// TestDecimalAgreesWithBigRat compares comparison, rescaling and rounding with
// exact rationals.
func TestDecimalAgreesWithBigRat(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	random := func() abap.Decimal {
		var b strings.Builder
		for range 1 + r.IntN(38) {
			b.WriteByte('0' + byte(r.IntN(4))*3)
		}
		s := b.String()
		if r.IntN(2) == 0 {
			s = "-" + s
		}
		return dec(t, fmt.Sprintf("%se%d", s, r.IntN(50)-40))
	}
	for range 5000 {
		a, b := random(), random()
		require.Equal(t, a.Rat().Cmp(b.Rat()), a.Cmp(b), "%s %s", a, b)
		require.Equal(t, a.Rat().Cmp(b.Rat()) == 0, a.Equal(b))
		require.True(t, dec(t, a.String()).Identical(a))
		k := r.IntN(50) - 10
		if s, err := a.Rescale(k); err == nil {
			require.Zero(t, s.Rat().Cmp(a.Rat()))
			require.Equal(t, k, s.Scale())
		} else if reason(t, err) == abap.ReasonTooManyDecimals {
			require.NotZero(t, a.Round(k, abap.RoundDown).Rat().Cmp(a.Rat()))
		}
		half := big.NewRat(1, 2)
		unit := dec(t, fmt.Sprintf("1e%d", -k)).Rat()
		for _, mode := range []abap.Rounding{abap.RoundHalfUp, abap.RoundHalfEven, abap.RoundDown} {
			got := a.Round(k, mode)
			diff := new(big.Rat).Sub(got.Rat(), a.Rat())
			diff.Quo(diff.Abs(diff), unit)
			switch mode {
			case abap.RoundDown:
				require.Negative(t, diff.Cmp(big.NewRat(1, 1)))
				require.LessOrEqual(t, new(big.Rat).Abs(got.Rat()).Cmp(new(big.Rat).Abs(a.Rat())), 0)
			default:
				require.LessOrEqual(t, diff.Cmp(half), 0, "%s to %d: %s", a, k, got)
				if diff.Cmp(half) == 0 && mode == abap.RoundHalfUp {
					require.Positive(t, new(big.Rat).Abs(got.Rat()).Cmp(new(big.Rat).Abs(a.Rat())))
				}
			}
		}
		var c abap.Decimal
		require.NoError(t, c.Compose(a.Decompose(nil)))
		require.Equal(t, a, c)
	}
}

func TestRoundingExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in             string
		decimals       int
		up, even, down string
	}{
		{"2.345", 2, "2.35", "2.34", "2.34"},
		{"-2.345", 2, "-2.35", "-2.34", "-2.34"},
		{"2.3450001", 2, "2.35", "2.35", "2.34"},
		{"9.99", 1, "10.0", "10.0", "9.9"},
		{"12", 2, "12", "12", "12"},
		{"0.4", 0, "0", "0", "0"},
		{"0.5", 0, "1", "0", "0"},
		{"1.5", 0, "2", "2", "1"},
		{"155", -1, "1.6E+2", "1.6E+2", "1.5E+2"},
		{"1E-60", 0, "0", "0", "0"},
	} {
		require.Equal(t, c.up, dec(t, c.in).Round(c.decimals, abap.RoundHalfUp).String(), c.in)
		require.Equal(t, c.even, dec(t, c.in).Round(c.decimals, abap.RoundHalfEven).String(), c.in)
		require.Equal(t, c.down, dec(t, c.in).Round(c.decimals, abap.RoundDown).String(), c.in)
	}
}

func TestComparisonOfSpecials(t *testing.T) {
	t.Parallel()
	order := []string{"NaN", "-Infinity", "-1E+20", "-0.1", "0", "1E-30", "0.1", "0.11", "1E+20", "Infinity"}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			require.Equal(t, want, dec(t, a).Cmp(dec(t, b)), "%s %s", a, b)
		}
	}
	require.True(t, dec(t, "12.5").Equal(dec(t, "12.500")))
	require.False(t, dec(t, "12.5").Identical(dec(t, "12.500")))
	require.False(t, abap.NaN().Equal(abap.NaN()))
	require.True(t, dec(t, "-0").Equal(abap.Decimal{}))
	require.Equal(t, "-1", dec(t, "1").Neg().String())
	require.Equal(t, -1, abap.Infinity(true).Sign())
}

func TestDecimalInJSONAndSQL(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal([]abap.Decimal{dec(t, "12.50"), dec(t, "9.99E+20"), abap.NaN()})
	require.NoError(t, err)
	require.Equal(t, `[12.50,9.99E+20,"NaN"]`, string(b))
	var list []abap.Decimal
	require.NoError(t, json.Unmarshal([]byte(`[12.50,"1.0","NaN",null]`), &list))
	require.Equal(t, []abap.Decimal{dec(t, "12.50"), dec(t, "1.0"), abap.NaN(), {}}, list)
	require.Error(t, json.Unmarshal([]byte(`[true]`), &list))
	var d abap.Decimal
	for _, src := range []any{"12.5", []byte("12.5"), 12.5} {
		require.NoError(t, d.Scan(src))
		v, err := d.Value()
		require.NoError(t, err)
		require.Equal(t, "12.5", v)
	}
	require.NoError(t, d.Scan(int64(-3)))
	require.Equal(t, "-3", d.String())
	require.Error(t, d.Scan(nil))
	require.Error(t, d.Scan(true))
	require.Error(t, d.Compose(9, false, nil, 0))
	require.Error(t, d.Compose(0, false, make17(), 0))
	require.Error(t, d.Compose(0, false, []byte{1}, 20000))
	require.NoError(t, d.Compose(1, true, nil, 0))
	require.Equal(t, "-Infinity", d.String())
}

func make17() []byte { return append([]byte{1}, make([]byte, 16)...) }

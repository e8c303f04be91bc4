package abap_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/evidence"
)

// decode reads a DECFLOAT as it lies on the wire of a little-endian peer.
func decode(b []byte) (abap.Decimal, error) {
	if len(b) == 8 {
		return abap.DecodeDecFloat16(binary.LittleEndian.Uint64(b))
	}
	return abap.DecodeDecFloat34(binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b))
}

// encode is the inverse, for 16 or 34 digits.
func encode(d abap.Decimal, digits int) ([]byte, error) {
	if digits == 16 {
		v, err := abap.EncodeDecFloat16(d)
		return binary.LittleEndian.AppendUint64(nil, v), err
	}
	hi, lo, err := abap.EncodeDecFloat34(d)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, lo), hi), err
}

// special is encode for infinities and NaN.
func special(t testing.TB, d abap.Decimal, digits int) []byte {
	t.Helper()
	if digits == 16 {
		v, ok := abap.SpecialDecFloat16(d)
		require.True(t, ok)
		return binary.LittleEndian.AppendUint64(nil, v)
	}
	hi, lo, ok := abap.SpecialDecFloat34(d)
	require.True(t, ok)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, lo), hi)
}

func TestE01ToE12DecFloatVectors(t *testing.T) {
	t.Parallel()
	type vector struct{ Type, Value, Hex string }
	var doc struct {
		DecFloat []struct {
			Type, Value string
			Hex         string `json:"hex_le"`
		} `json:"decfloat"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &doc))
	require.NotEmpty(t, doc.DecFloat)
	vectors := []vector{
		{"DECFLOAT16", "123.45", "c549000000003022"},                 // E-04
		{"DECFLOAT16", "1.2345E+69", "c549000000003c23"},             // E-05
		{"DECFLOAT34", "123.45", "c5490000000000000000000000800722"}, // E-10
		{"DECFLOAT16", "1E-398", "0100000000000000"},                 // E-15
		{"DECFLOAT16", "0E-398", "0000000000000000"},
		{"DECFLOAT34", "0E-6176", "00000000000000000000000000000000"},
		{"DECFLOAT16", "1.234567890123456E+16", "568ee2c1b9343d26"}, // E-16
	}
	for _, v := range doc.DecFloat {
		vectors = append(vectors, vector{v.Type, v.Value, v.Hex})
	}
	for _, v := range vectors {
		digits, err := strconv.Atoi(strings.TrimPrefix(v.Type, "DECFLOAT"))
		require.NoError(t, err)
		raw, err := hex.DecodeString(v.Hex)
		require.NoError(t, err)
		got, err := decode(raw)
		require.NoError(t, err, v)
		want := dec(t, v.Value)
		require.True(t, want.Identical(got) || want.IsNaN() && got.IsNaN(), "%v is %s", v, got)
		require.Equal(t, want.Scientific(), got.Scientific())
		if !want.IsFinite() {
			_, err := encode(want, digits)
			require.Equal(t, abap.ReasonNotRepresentable, reason(t, err))
			require.Equal(t, v.Hex, hex.EncodeToString(special(t, want, digits)), v)
			continue
		}
		b, err := encode(want, digits)
		require.NoError(t, err, v)
		require.Equal(t, v.Hex, hex.EncodeToString(b), v)
	}
	_, ok := abap.SpecialDecFloat16(abap.Decimal{})
	require.False(t, ok)
}

// TestE13AllDeclets compares the coding with the table of the specification, written
// down here a second time, in the other direction and as bits.
func TestE13AllDeclets(t *testing.T) {
	t.Parallel()
	rows := map[string]string{ // high bits of the three digits -> p q r s t u v w x y
		"000": "bcdfgh0jkm", "001": "bcdfgh100m", "010": "bcdjkh101m", "011": "bcd10h111m",
		"100": "jkdfgh110m", "101": "fgd01h111m", "110": "jkd00h111m", "111": "00d11h111m",
	}
	bit := func(v, i int) string { return strconv.Itoa(v >> i & 1) }
	canonical := map[uint64]int{}
	for v := range 1000 {
		x, y, z := v/100, v/10%10, v%10
		digits := map[rune]string{
			'b': bit(x, 2), 'c': bit(x, 1), 'd': bit(x, 0), 'f': bit(y, 2), 'g': bit(y, 1), 'h': bit(y, 0),
			'j': bit(z, 2), 'k': bit(z, 1), 'm': bit(z, 0), '0': "0", '1': "1",
		}
		var text strings.Builder
		for _, c := range rows[bit(x, 3)+bit(y, 3)+bit(z, 3)] {
			text.WriteString(digits[c])
		}
		want, err := strconv.ParseUint(text.String(), 2, 10)
		require.NoError(t, err)
		canonical[want] = v
		bits, err := abap.EncodeDecFloat16(abap.FromInt64(int64(v)))
		require.NoError(t, err)
		require.Equal(t, want, bits&(1<<50-1), v)
	}
	require.Len(t, canonical, 1000)
	zero, err := abap.EncodeDecFloat16(abap.Decimal{})
	require.NoError(t, err)
	redundant := 0
	for p := range uint64(1024) {
		d, err := abap.DecodeDecFloat16(zero | p)
		require.NoError(t, err)
		n, err := d.Int64()
		require.NoError(t, err)
		if v, ok := canonical[p]; ok {
			require.EqualValues(t, v, n)
			continue
		}
		// The two highest bits are free where all three digits are 8 or 9.
		redundant++
		require.EqualValues(t, canonical[p&0x0ff], n)
		for _, digit := range []int64{n / 100, n / 10 % 10, n % 10} {
			require.GreaterOrEqual(t, digit, int64(8))
		}
		again, err := abap.EncodeDecFloat16(d)
		require.NoError(t, err)
		require.Equal(t, zero|p&0x0ff, again, "encoded again it is canonical")
	}
	require.Equal(t, 24, redundant)
}

func TestE14AndE16ToE19WhatFits(t *testing.T) {
	t.Parallel()
	nines := func(n int) string { return strings.Repeat("9", n) }
	for _, c := range []struct {
		in     string
		digits int
		want   string // "" where it is refused
		why    abap.Reason
		text   string
	}{
		{"1.2300", 16, "1.2300", 0, ""}, // E-14
		{"1.2300", 34, "1.2300", 0, ""},
		{"12345678901234567", 16, "", abap.ReasonTooManyDecimals, "has 17 significant digits, at most 16"}, // E-16
		{"12345678901234560", 16, "1.234567890123456E+16", 0, ""},
		{"123456789012345.600", 16, "123456789012345.6", 0, ""},
		{nines(35), 34, "", abap.ReasonTooManyDecimals, "has 35 significant digits, at most 34"},
		{nines(34) + "0", 34, "9." + nines(33) + "E+34", 0, ""},
		{"0.1" + strings.Repeat("0", 36), 16, "0.1" + strings.Repeat("0", 15), 0, ""},
		{"1E+385", 16, "", abap.ReasonOverflow, "outside DECF16 range"}, // E-17
		{"1E-399", 16, "", abap.ReasonOverflow, "outside DECF16 range"},
		{"15E-399", 16, "", abap.ReasonOverflow, "outside DECF16 range"},
		{"10E-399", 16, "1E-398", 0, ""},
		{"1E+384", 16, "1.000000000000000E+384", 0, ""}, // clamped by zeros
		{"1E+369", 16, "1E+369", 0, ""},
		{"12E+370", 16, "1.20E+371", 0, ""},
		{"1234567890123456E+370", 16, "", abap.ReasonOverflow, "outside DECF16 range"},
		{"0E+9000", 16, "0E+369", 0, ""},
		{"-0E-9000", 16, "-0E-398", 0, ""},
		{"-9.999999999999999E+384", 16, "-9.999999999999999E+384", 0, ""},
		{"1E+6145", 34, "", abap.ReasonOverflow, "outside DECF34 range"}, // E-18
		{"1E-6177", 34, "", abap.ReasonOverflow, "outside DECF34 range"},
		{"1E+6144", 34, "1." + strings.Repeat("0", 33) + "E+6144", 0, ""},
		{"1E-6176", 34, "1E-6176", 0, ""},
		{"42", 16, "42", 0, ""}, // E-19
		{"1.234E-12", 34, "1.234E-12", 0, ""},
		{"2.345E67", 16, "2.345E+67", 0, ""},
		{"-2.345e+123", 34, "-2.345E+123", 0, ""},
		{"NaN", 16, "", abap.ReasonNotRepresentable, "finite"},
		{"-Infinity", 34, "", abap.ReasonNotRepresentable, "finite"},
	} {
		b, err := encode(dec(t, c.in), c.digits)
		if c.want == "" {
			require.Equal(t, c.why, reason(t, err), c.in)
			require.ErrorContains(t, err, c.text)
			continue
		}
		require.NoError(t, err, c.in)
		back, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, c.want, back.Scientific(), c.in)
		require.True(t, back.Equal(dec(t, c.in)), c.in)
	}
}

func TestE20WhatIsNotADecimal(t *testing.T) {
	t.Parallel()
	for _, s := range []string{" 1", "1,2", ".", "", "1 ", "+", "1e", "0x1p3", "１"} {
		_, err := abap.ParseDecimal(s)
		require.Equal(t, abap.ReasonNotANumber, reason(t, err), "%q", s)
	}
}

func TestB108ReservedEncodings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"000000000000007e",                 // signals
		"010000000000007c",                 // payload
		"0100000000000078",                 // infinity with a coefficient
		"0000000000000079",                 // infinity with an exponent
		"ffffffffffffffff",                 //
		"0000000000000000000000000000007e", //
		"0100000000000000000000000000007c",
		"00000000000000000000000000000178",
		"000000000000000000000000000000fb",
	} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		_, err = decode(b)
		require.Equal(t, abap.ReasonNotRepresentable, reason(t, err), text)
		require.ErrorContains(t, err, "reserved encoding")
	}
	d, err := abap.DecodeDecFloat16(0xfc00_0000_0000_0000)
	require.NoError(t, err)
	require.True(t, d.IsNaN() && !d.Signbit(), "the sign of NaN has no meaning")
}

// TestDecFloatAgreesWithArithmetic builds random numbers of their fields by the formula
// of the standard, in big integers.
func TestDecFloatAgreesWithArithmetic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(20, 6))
	for range 20_000 {
		digits, expBits, bias := 16, 8, 398
		if r.IntN(2) == 0 {
			digits, expBits, bias = 34, 12, 6176
		}
		text := strconv.Itoa(r.IntN(10))
		for range digits - 1 {
			text += strconv.Itoa(r.IntN(10))
		}
		if r.IntN(3) == 0 { // short ones, with zeros in front
			n := r.IntN(digits)
			text = strings.Repeat("0", n) + text[n:]
		}
		biased := r.IntN(3 << expBits)
		v := big.NewInt(0)
		field := func(value, width int) {
			v.Or(v.Lsh(v, uint(width)), big.NewInt(int64(value)))
		}
		field(r.IntN(2), 1)
		negative := v.Sign() > 0
		if lead := int(text[0] - '0'); lead > 7 {
			field(3, 2)
			field(biased>>expBits, 2)
			field(lead&1, 1)
		} else {
			field(biased>>expBits, 2)
			field(lead, 3)
		}
		field(biased&(1<<expBits-1), expBits)
		for i := 1; i < digits; i += 3 {
			n, err := strconv.ParseInt(text[i:i+3], 10, 64)
			require.NoError(t, err)
			d, err := abap.EncodeDecFloat16(abap.FromInt64(n)) // checked by TestE13AllDeclets
			require.NoError(t, err)
			field(int(d&1023), 10)
		}
		b := v.FillBytes(make([]byte, map[int]int{16: 8, 34: 16}[digits]))
		slices.Reverse(b)
		want := dec(t, fmt.Sprintf("%sE%d", text, biased-bias))
		if negative {
			want = want.Neg()
		}
		got, err := decode(b)
		require.NoError(t, err)
		require.True(t, want.Identical(got), "%x: want %s, got %s", b, want, got)
		again, err := encode(got, digits)
		require.NoError(t, err)
		require.Equal(t, b, again)

		// Text, JSON and the exchange form of database drivers keep all of it.
		var back abap.Decimal
		require.NoError(t, back.UnmarshalText([]byte(got.Scientific())))
		require.True(t, got.Identical(back))
		require.NoError(t, back.Compose(got.Decompose(nil)))
		require.True(t, got.Identical(back))
		js, err := json.Marshal(got)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(js, &back))
		require.True(t, got.Identical(back))
	}
}

func TestScientificText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "0.00": "0.00", "0E+3": "0E+3", "-0": "-0", "12.50": "12.50", "0.000001": "0.000001", "0.0000001": "1E-7",
		"0.0000010": "0.0000010", "0.00000010": "1.0E-7", "1E+3": "1E+3", "1.23E+6": "1.23E+6", "5E4": "5E+4", "0E-6": "0.000000",
		"0E-7": "0E-7", "12345678901234567890": "12345678901234567890", "NaN": "NaN", "-Infinity": "-Infinity",
	} {
		got := dec(t, in).Scientific()
		require.Equal(t, want, got)
		require.True(t, dec(t, got).Identical(dec(t, in)) || in == "NaN")
	}
}

func TestDecFloatDoesNotAllocate(t *testing.T) {
	d, wide := dec(t, "-12345678901.23"), dec(t, "1234567890123456789012345678901.234")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		v, err := abap.EncodeDecFloat16(d)
		back, err2 := abap.DecodeDecFloat16(v)
		hi, lo, err3 := abap.EncodeDecFloat34(wide)
		back2, err4 := abap.DecodeDecFloat34(hi, lo)
		if err != nil || err2 != nil || err3 != nil || err4 != nil || back != d || back2 != wide {
			t.Fail()
		}
	}))
}

func BenchmarkDecFloat(b *testing.B) {
	for _, c := range []struct {
		text   string
		digits int
	}{{"12345678901.23", 16}, {"1234567890123456", 16}, {"12345678901.23", 34}, {"1234567890123456789012345678901.234", 34}} {
		d := dec(b, c.text)
		name := fmt.Sprintf("%d/%d", c.digits, d.Digits())
		v, err := abap.EncodeDecFloat16(d)
		hi, lo, err34 := abap.EncodeDecFloat34(d)
		require.NoError(b, err34)
		if c.digits == 16 {
			require.NoError(b, err)
		}
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.digits == 16 {
					_, err = abap.DecodeDecFloat16(v)
				} else {
					_, err = abap.DecodeDecFloat34(hi, lo)
				}
			}
		})
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.digits == 16 {
					_, err = abap.EncodeDecFloat16(d)
				} else {
					_, _, err = abap.EncodeDecFloat34(d)
				}
			}
		})
	}
}

package abap_test

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/evidence"
)

type bcdVector struct {
	Value    string `json:"value"`
	Len      int    `json:"len"`
	Decimals int    `json:"decimals"`
	Hex      string `json:"hex"`
}

func TestD01ToD04GoldenPackedNumbers(t *testing.T) {
	t.Parallel()
	var doc struct {
		BCD    []bcdVector `json:"bcd"`
		Reject []bcdVector `json:"bcd_reject"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &doc))
	require.NotEmpty(t, doc.BCD)
	for _, v := range doc.BCD {
		got, err := abap.AppendPacked([]byte{1}, dec(t, v.Value), v.Len, v.Decimals)
		require.NoError(t, err, v.Value)
		require.Equal(t, "01"+v.Hex, hex.EncodeToString(got))
		back, err := abap.DecodePacked(got[1:], v.Decimals)
		require.NoError(t, err)
		require.True(t, back.Equal(dec(t, v.Value)), v.Value)
		require.Equal(t, v.Decimals, back.Scale())
	}
	for _, v := range doc.Reject {
		b, err := hex.DecodeString(v.Hex)
		require.NoError(t, err)
		_, err = abap.DecodePacked(b, 0)
		require.Error(t, err, v.Hex)
	}
}

func TestB107BadNibbles(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]abap.Reason{
		"1234": abap.ReasonBadSign, "1a3c": abap.ReasonBadDigit, "2020202020202020": abap.ReasonBadSign,
		"00": abap.ReasonBadSign, "ac": abap.ReasonBadDigit, "0000000000000000000000000000000b0c": abap.ReasonBadLength,
		"f000000000000000000c": abap.ReasonBadDigit, "": abap.ReasonBadLength,
	} {
		b, _ := hex.DecodeString(text)
		_, err := abap.DecodePacked(b, 0)
		require.Equal(t, why, reason(t, err), text)
	}
	// Every nibble of every length, every wrong digit.
	for n := 1; n <= 16; n++ {
		for i := range 2*n - 1 {
			for bad := byte(10); bad < 16; bad++ {
				b := make([]byte, n)
				b[n-1] = 0x0c
				b[i/2] |= bad << (4 * (1 - i%2))
				_, err := abap.DecodePacked(b, 0)
				require.Equal(t, abap.ReasonBadDigit, reason(t, err))
			}
		}
	}
}

func TestSignNibbles(t *testing.T) {
	t.Parallel()
	for sign, want := range map[byte]string{0xa: "1", 0xc: "1", 0xe: "1", 0xf: "1", 0xb: "-1", 0xd: "-1"} {
		d, err := abap.DecodePacked([]byte{0x10 | sign}, 0)
		require.NoError(t, err)
		require.Equal(t, want, d.String())
		zero, err := abap.DecodePacked([]byte{sign}, 1)
		require.NoError(t, err)
		require.Equal(t, "0.0", zero.String())
	}
	b, err := abap.AppendPacked(nil, dec(t, "-0.00"), 2, 2)
	require.NoError(t, err)
	require.Equal(t, "000c", hex.EncodeToString(b))
}

func TestD05ToD07InputsOfAllKindsAreExact(t *testing.T) {
	t.Parallel()
	f, err := abap.FromFloat64(12345.67)
	require.NoError(t, err)
	for _, d := range []abap.Decimal{f, dec(t, "12345.67"), dec(t, "1234567E-2")} {
		b, err := abap.AppendPacked(nil, d, 7, 2)
		require.NoError(t, err)
		back, err := abap.DecodePacked(b, 2)
		require.NoError(t, err)
		require.Equal(t, "12345.67", back.String())
	}
	for text, decimals := range map[string]int{"1234.56": 2, "12.3456": 4, "-12.345": 3, "123.456": 3, "456.789": 3} {
		d, err := abap.ParsePacked(text, 7, decimals)
		require.NoError(t, err)
		require.Equal(t, text, d.String())
	}
}

func TestD10ToD12(t *testing.T) {
	t.Parallel()
	_, err := abap.AppendPacked(nil, dec(t, "12.345"), 3, 2)
	require.Equal(t, abap.ReasonTooManyDecimals, reason(t, err))
	require.ErrorContains(t, err, "has more than 2 fractional digits")
	require.ErrorContains(t, err, "P(3,2)")
	_, err = abap.AppendPacked(nil, dec(t, "1234.5"), 3, 2)
	require.Equal(t, abap.ReasonOverflow, reason(t, err))
	require.ErrorContains(t, err, "exceeds its 5-digit packed capacity")
	d, err := abap.ParsePacked("", 3, 2)
	require.NoError(t, err)
	require.Equal(t, "0.00", d.String())
	cell := []byte{1, 2, 3}
	require.Error(t, abap.PutPacked(cell, dec(t, "1E+30"), 2))
	require.Equal(t, []byte{1, 2, 3}, cell)
	b, err := abap.AppendPacked(nil, dec(t, "12.345").Round(2, abap.RoundHalfUp), 3, 2)
	require.NoError(t, err)
	require.Equal(t, "01235c", hex.EncodeToString(b))
	for _, c := range [][2]int{{0, 0}, {17, 0}, {1, 2}, {8, 15}, {8, -1}} {
		_, err := abap.AppendPacked(nil, abap.Decimal{}, c[0], c[1])
		require.Equal(t, abap.ReasonBadLength, reason(t, err))
		_, err = abap.DecodePacked(make([]byte, c[0]), c[1])
		require.Error(t, err)
	}
}

func TestPackedRoundTripsAtEveryLength(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	for n := 1; n <= 16; n++ {
		for range 500 {
			var b strings.Builder
			if r.IntN(2) == 0 {
				b.WriteByte('-')
			}
			for range 1 + r.IntN(2*n-1) {
				b.WriteByte('0' + byte(r.IntN(10)))
			}
			d := dec(t, b.String())
			cell, err := abap.AppendPacked(nil, d, n, 0)
			require.NoError(t, err)
			digits := strings.TrimLeft(strings.TrimPrefix(d.String(), "-"), "0")
			sign := "c"
			if d.Sign() < 0 {
				sign = "d"
			}
			require.Equal(t, strings.Repeat("0", 2*n-1-len(digits))+digits+sign, hex.EncodeToString(cell))
			back, err := abap.DecodePacked(cell, 0)
			require.NoError(t, err)
			require.True(t, d.Equal(back))
		}
	}
}

func TestPackedDoesNotAllocate(t *testing.T) {
	cell := make([]byte, 16)
	d := dec(t, "-1234567890123456789012345.67")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if abap.PutPacked(cell, d, 2) != nil {
			t.Fail()
		}
		if _, err := abap.DecodePacked(cell, 2); err != nil {
			t.Fail()
		}
	}))
}

func BenchmarkBCD(b *testing.B) {
	for _, text := range []string{"800000.50", "1234567890123.45", "12345678901234567890123456789.01"} {
		d := dec(b, text)
		n := 8
		if len(text) > 17 {
			n = 16
		} else if len(text) > 15 {
			n = 9
		}
		cell, err := abap.AppendPacked(nil, d, n, 2)
		require.NoError(b, err)
		digits := strings.ReplaceAll(text, ".", "")
		b.Run("decode/"+strconv.Itoa(n), func(b *testing.B) {
			besideParseInt(b, digits, func() error {
				_, err := abap.DecodePacked(cell, 2)
				return err
			})
		})
		b.Run("encode/"+strconv.Itoa(n), func(b *testing.B) {
			besideParseInt(b, digits, func() error { return abap.PutPacked(cell, d, 2) })
		})
		b.Run("parse/"+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := abap.ParseDecimal(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// besideParseInt measures fn in turns with strconv.ParseInt of the same digits, which is
// the floor of goal G23; of more than 18 digits as many calls as it takes.
func besideParseInt(b *testing.B, digits string, fn func() error) {
	b.Helper()
	b.ReportAllocs()
	const batch = 1000
	parts := []string{digits}
	if len(digits) > 18 {
		parts = []string{digits[:len(digits)/2], digits[len(digits)/2:]}
	}
	var sum int64
	var ours, floor time.Duration
	for b.Loop() {
		start := time.Now()
		for range batch {
			if err := fn(); err != nil {
				b.Fatal(err)
			}
		}
		half := time.Now()
		for range batch {
			for _, p := range parts {
				n, err := strconv.ParseInt(p, 10, 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += n
			}
		}
		ours, floor = ours+half.Sub(start), floor+time.Since(half)
	}
	if sum == 1 {
		b.Log(sum) // the sum has to be made
	}
	b.ReportMetric(float64(ours)/float64(floor), "x-floor")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/batch, "ns/value")
	b.ReportMetric(0, "ns/op") // would be a batch of both
}

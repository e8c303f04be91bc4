package codepage_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
)

func refEncode(s string, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

// randomText mixes the four UTF-8 lengths in runs, so that every pair of fast and
// slow paths is entered and left.
func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for n > 0 {
		class := r.IntN(5)
		for run := 1 + r.IntN(20); run > 0 && n > 0; run, n = run-1, n-1 {
			switch class {
			case 0, 1:
				b.WriteByte(byte(r.IntN(0x80)))
			case 2:
				b.WriteRune(rune(0x80 + r.IntN(0x780)))
			case 3:
				c := rune(0x800 + r.IntN(0xf800))
				if c >= 0xd800 && c <= 0xdfff {
					c = 0x4e00
				}
				b.WriteRune(c)
			default:
				b.WriteRune(rune(0x10000 + r.IntN(0x100000)))
			}
		}
	}
	return b.String()
}

func TestUTF16AgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 1<<16)
	for i := range 6000 {
		n := r.IntN(60)
		if i%500 == 0 {
			n = 9000 + r.IntN(3000)
		}
		s := randomText(r, n)
		le, be := refEncode(s, binary.LittleEndian), refEncode(s, binary.BigEndian)

		got, err := codepage.AppendUTF16LE([]byte("x"), s)
		require.NoError(t, err)
		require.Equal(t, append([]byte("x"), le...), got)
		got, err = codepage.AppendUTF16BE(nil, s)
		require.NoError(t, err)
		require.Equal(t, string(be), string(got))
		require.Equal(t, string(le), string(codepage.AppendUTF16LELenient(nil, s)))

		units, err := codepage.UTF16Len(s)
		require.NoError(t, err)
		require.Equal(t, len(le)/2, units)

		text, err := codepage.DecodeUTF16LE([]byte("x"), le)
		require.NoError(t, err)
		require.Equal(t, "x"+s, string(text))
		text, err = codepage.DecodeUTF16LE(make([]byte, 0, 1<<16), le)
		require.NoError(t, err)
		require.Equal(t, s, string(text))
		text, err = codepage.DecodeUTF16BE(nil, be)
		require.NoError(t, err)
		require.Equal(t, s, string(text))
		require.Equal(t, s, string(codepage.DecodeUTF16LELenient(nil, le)))
		require.Equal(t, s, string(codepage.DecodeUTF16BELenient(nil, be)))

		room := buf[:codepage.MaxUTF8Len(len(le))]
		k, err := codepage.DecodeUTF16LEInto(room, le)
		require.NoError(t, err)
		require.Equal(t, s, string(room[:k]))
		k, err = codepage.DecodeUTF16BEInto(room, be)
		require.NoError(t, err)
		require.Equal(t, s, string(room[:k]))

		cell := make([]byte, len(le)+2*r.IntN(12))
		want := strings.TrimRight(s, " ")
		require.NoError(t, codepage.FillUTF16LE(cell, s))
		k, err = codepage.DecodeCellUTF16LEInto(buf, cell)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:k]))
		require.NoError(t, codepage.FillUTF16BE(cell, s))
		k, err = codepage.DecodeCellUTF16BEInto(buf, cell)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:k]))
	}
}

// TestDecodeArbitraryUnits compares strict and lenient decoding of random units,
// unpaired surrogates included, with the standard library.
func TestDecodeArbitraryUnits(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	pool := []uint16{'a', ' ', 0, 0x7f, 0x80, 0xe4, 0x7ff, 0x800, 0x4e2d, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xfeff, 0xffff}
	for i := range 20000 {
		n := r.IntN(24)
		if i%1000 == 0 {
			n = 4090 + r.IntN(12)
		}
		units := make([]uint16, n)
		var le, be []byte
		for i := range units {
			if units[i] = pool[r.IntN(len(pool))]; r.IntN(3) > 0 {
				units[i] = 'b'
			}
			le, be = binary.LittleEndian.AppendUint16(le, units[i]), binary.BigEndian.AppendUint16(be, units[i])
		}
		want := string(utf16.Decode(units))
		bad := -1
		for i := 0; i < n && bad < 0; i++ {
			switch {
			case units[i] >= 0xd800 && units[i] < 0xdc00 && i+1 < n && units[i+1]&0xfc00 == 0xdc00:
				i++
			case units[i]&0xf800 == 0xd800:
				bad = i
			}
		}
		require.Equal(t, want, string(codepage.DecodeUTF16LELenient(nil, le)))
		require.Equal(t, want, string(codepage.DecodeUTF16BELenient(nil, be)))
		for _, c := range []struct {
			decode func(dst, src []byte) ([]byte, error)
			src    []byte
		}{{codepage.DecodeUTF16LE, le}, {codepage.DecodeUTF16BE, be}} {
			got, err := c.decode([]byte("ab"), c.src)
			if bad < 0 {
				require.NoError(t, err)
				require.Equal(t, "ab"+want, string(got))
				continue
			}
			e, ok := errors.AsType[*codepage.ConversionError](err)
			require.True(t, ok)
			require.Equal(t, 2*bad, e.Offset)
			require.Equal(t, rune(units[bad]), e.Rune)
			require.Equal(t, codepage.ReasonSurrogate, e.Reason)
			require.Equal(t, "ab", string(got))
		}
		// WTF-8 passthrough gives the same units back.
		pass := codepage.Policy{OnError: codepage.Pass}
		text, err := codepage.UTF16LE.Decode(nil, le, pass)
		require.NoError(t, err)
		back, err := codepage.UTF16LE.Append(nil, string(text), pass)
		require.NoError(t, err)
		require.Equal(t, string(le), string(back))
		text, err = codepage.UTF16BE.Decode(nil, be, pass)
		require.NoError(t, err)
		back, err = codepage.UTF16BE.Append(nil, string(text), pass)
		require.NoError(t, err)
		require.Equal(t, string(be), string(back))
	}
}

func TestB75InvalidUTF8NamesTheByteOffset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s      string
		off    int
		reason codepage.Reason
	}{
		{"abc\xff", 3, codepage.ReasonInvalidUTF8},
		{"abcdefghij\xc3", 10, codepage.ReasonInvalidUTF8},
		{"ä\xe2\x82", 2, codepage.ReasonInvalidUTF8},
		{"\xc0\x80", 0, codepage.ReasonInvalidUTF8},
		{"x\xed\xa0\x80", 1, codepage.ReasonSurrogate},
		{"x\xf4\x90\x80\x80", 1, codepage.ReasonInvalidUTF8},
		{"\xe0\x80\x80", 0, codepage.ReasonInvalidUTF8},
	} {
		for _, encode := range []func([]byte, string) ([]byte, error){
			codepage.AppendUTF16LE, codepage.AppendUTF16BE, codepage.AppendLatin1,
			func(dst []byte, s string) ([]byte, error) {
				_, err := codepage.UTF16Len(s)
				return dst, err
			},
			func(dst []byte, s string) ([]byte, error) {
				return dst, codepage.FillUTF16BE(make([]byte, 64), s)
			},
			func(dst []byte, s string) ([]byte, error) {
				return codepage.UTF8.Append(dst, s, codepage.Policy{})
			},
		} {
			_, err := encode(nil, c.s)
			e, ok := errors.AsType[*codepage.ConversionError](err)
			require.True(t, ok, "%q", c.s)
			require.Equal(t, c.off, e.Offset, "%q", c.s)
			require.Equal(t, c.reason, e.Reason, "%q", c.s)
		}
	}
	require.Equal(t, "0061fffd0062", hex.EncodeToString(codepage.AppendUTF16BELenient(nil, "a\xffb")))
}

func TestB105OddLengthAndByteOrderMark(t *testing.T) {
	t.Parallel()
	for n := 1; n < 40; n += 2 {
		src := []byte(strings.Repeat("a\x00", 20))[:n]
		_, err := codepage.DecodeUTF16LE(nil, src)
		e, ok := errors.AsType[*codepage.ConversionError](err)
		require.True(t, ok)
		require.Equal(t, codepage.ReasonOddLength, e.Reason)
		require.Equal(t, n-1, e.Offset)
		_, err = codepage.DecodeUTF16LEInto(make([]byte, 100), src)
		require.Error(t, err)
		require.Equal(t, strings.Repeat("a", n/2)+"\uFFFD", string(codepage.DecodeUTF16LELenient(nil, src)))
	}
	got, err := codepage.DecodeUTF16LE(nil, []byte{0xff, 0xfe, 'A', 0})
	require.NoError(t, err)
	require.Equal(t, "\uFEFFA", string(got))
}

func TestIntoNeedsRoom(t *testing.T) {
	t.Parallel()
	_, err := codepage.DecodeUTF16LEInto(make([]byte, 5), []byte{'a', 0, 'b', 0})
	require.ErrorIs(t, err, io.ErrShortBuffer)
	_, err = codepage.DecodeUTF16BEInto(nil, []byte{0, 'a'})
	require.ErrorIs(t, err, io.ErrShortBuffer)
	_, err = codepage.DecodeCellLatin1Into(nil, []byte("a "))
	require.ErrorIs(t, err, io.ErrShortBuffer)
	n, err := codepage.DecodeCellUTF16LEInto(nil, []byte{' ', 0})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestF09GoldenScalars(t *testing.T) {
	t.Parallel()
	for _, v := range scalars(t) {
		if v.UCLE == "" || v.Type != "C" {
			continue
		}
		var text string
		require.NoError(t, json.Unmarshal(v.Value, &text))
		for number, want := range map[string]string{"4103": v.UCLE, "4102": v.UCBE, "1100": v.NUC} {
			if want == "" {
				continue
			}
			cp, err := codepage.Lookup(number)
			require.NoError(t, err)
			cell := make([]byte, v.LenChars*cp.CharWidth())
			require.NoError(t, cp.Fill(cell, text, codepage.Policy{}))
			require.Equal(t, want, hex.EncodeToString(cell))
			got, err := cp.DecodeCell(nil, cell, codepage.Policy{})
			require.NoError(t, err)
			require.Equal(t, text, string(got))
		}
	}
}

func TestG16DateAndTimeCells(t *testing.T) {
	t.Parallel()
	got, err := codepage.AppendUTF16LE(nil, "20260626")
	require.NoError(t, err)
	require.Equal(t, "32003000320036003000360032003600", hex.EncodeToString(got))
	require.Len(t, codepage.AppendUTF16LELenient(nil, "240000"), 12)
}

func TestF03ToF08TextsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"四周远处都能望见", "\U0001f4aa", "a\u00ac\u1234\u20ac\U0001f4aa", "\u0001\uf4aa", "😀",
		"TESTUSER3 \x00\x00\x00\x0c 1000329",
	} {
		le, err := codepage.AppendUTF16LE(nil, s)
		require.NoError(t, err)
		got, err := codepage.DecodeUTF16LE(nil, le)
		require.NoError(t, err)
		require.Equal(t, s, string(got))
	}
	b, err := codepage.AppendUTF16LE(nil, "\U0001f4aa")
	require.NoError(t, err)
	require.Equal(t, "3dd8aadc", hex.EncodeToString(b))
}

func TestF14TooLongIsAnErrorWithTheLengthNeeded(t *testing.T) {
	t.Parallel()
	for _, fill := range []func([]byte, string) error{codepage.FillUTF16LE, codepage.FillUTF16BE} {
		err := fill(make([]byte, 20), "eighteen character")
		e, ok := errors.AsType[*codepage.LengthError](err)
		require.True(t, ok)
		require.Equal(t, 18, e.Need)
		require.Equal(t, 10, e.Max)
		require.ErrorContains(t, err, "18 characters, at most 10")
		// A surrogate pair is two units and is never split.
		require.Error(t, fill(make([]byte, 2), "\U0001f4aa"))
		require.Error(t, fill(make([]byte, 3), "a"))
	}
	require.ErrorContains(t, codepage.FillLatin1(make([]byte, 2), "äöü"), "3 bytes, at most 2")
	require.Equal(t, "ab", codepage.PrefixUTF16("ab\U0001f4aa", 3))
	require.Equal(t, "ab\U0001f4aa", codepage.PrefixUTF16("ab\U0001f4aac", 4))
	require.Equal(t, "", codepage.PrefixUTF16("abc", 0))
}

func TestTrimBlanksCutsBlanksOnly(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		for k := range 12 {
			for _, last := range []string{"x", "\u00a0", "\t", "\u2000", "\u0120", "\u2020", "\x00"} {
				s := strings.Repeat("y", n) + last
				le := refEncode(s+strings.Repeat(" ", k), binary.LittleEndian)
				be := refEncode(s+strings.Repeat(" ", k), binary.BigEndian)
				require.Equal(t, refEncode(s, binary.LittleEndian), codepage.TrimBlanksUTF16LE(le))
				require.Equal(t, refEncode(s, binary.BigEndian), codepage.TrimBlanksUTF16BE(be))
				if utf8.RuneCountInString(last) == len(last) {
					require.Equal(t, s, string(codepage.TrimBlanksLatin1([]byte(s+strings.Repeat(" ", k)))))
				}
			}
		}
		require.Empty(t, codepage.TrimBlanksUTF16LE(refEncode(strings.Repeat(" ", n), binary.LittleEndian)))
		require.Empty(t, codepage.TrimBlanksUTF16BE(refEncode(strings.Repeat(" ", n), binary.BigEndian)))
		require.Empty(t, codepage.TrimBlanksLatin1([]byte(strings.Repeat(" ", n))))
	}
	odd := []byte{' ', 0, ' '}
	require.Equal(t, odd, codepage.TrimBlanksUTF16LE(odd))
	require.Equal(t, odd, codepage.TrimBlanksUTF16BE(odd))
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	cell := make([]byte, 80)
	out := make([]byte, 0, 256)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, s := range []string{"MATNR 4711", "Größe", "四周远处", "💪"} {
			if codepage.FillUTF16LE(cell, s) != nil || codepage.FillUTF16BE(cell, s) != nil {
				t.Fail()
			}
			if _, err := codepage.DecodeCellUTF16BEInto(out[:256], cell); err != nil {
				t.Fail()
			}
			if _, err := codepage.DecodeUTF16BE(out, cell); err != nil {
				t.Fail()
			}
			if _, err := codepage.AppendUTF16LE(out, s); err != nil {
				t.Fail()
			}
		}
	}))
}

func TestDecodedSizeIsBoundedByTheInput(t *testing.T) {
	t.Parallel()
	src := refEncode(strings.Repeat("a", 1<<20), binary.LittleEndian)
	got, err := codepage.DecodeUTF16LE(nil, src)
	require.NoError(t, err)
	require.LessOrEqual(t, cap(got), len(src))
}

var corpora = []struct{ name, text string }{
	{"ascii", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100)},
	{"latin", strings.Repeat("Größenänderung für Straße und Fußgängerübergang ", 100)},
	{"cjk", strings.Repeat("四周远处都能望见四周远处都能望见", 200)},
	{"mixedcjk", strings.Repeat("四周远处 MATNR 都能望见 100 ", 150)},
	{"surrogates", strings.Repeat("💪🎉", 500)},
}

// stdDecode is the way over unicode/utf16, without allocations.
func stdDecode(dst, src []byte, order binary.ByteOrder) []byte {
	for i := 0; i+1 < len(src); i += 2 {
		r := rune(order.Uint16(src[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(src) {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(src[i+2:]))); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// stdEncode is the way back.
func stdEncode(dst []byte, s string) []byte {
	var units [2]uint16
	for _, r := range s {
		for _, u := range utf16.AppendRune(units[:0], r) {
			dst = binary.LittleEndian.AppendUint16(dst, u)
		}
	}
	return dst
}

// overStd reports x-std, how many times faster ours is: the fastest of rounds in turn, so that
// a busy machine disturbs both alike.
func overStd(b *testing.B, ours, std func()) {
	b.Helper()
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 200 {
		for i, f := range []func(){ours, std} {
			start := time.Now()
			f()
			best[i] = min(best[i], time.Since(start))
		}
	}
	b.ReportMetric(float64(best[1])/float64(best[0]), "x-std")
}

// BenchmarkUTF16 counts the bytes of UTF-16 in either direction (G22).
func BenchmarkUTF16(b *testing.B) {
	for _, c := range corpora {
		src := refEncode(c.text, binary.LittleEndian)
		be := refEncode(c.text, binary.BigEndian)
		dst := make([]byte, 0, 4*len(src))
		if got := string(stdDecode(nil, src, binary.LittleEndian)); got != c.text || string(stdEncode(nil, c.text)) != string(src) {
			b.Fatal("the way over unicode/utf16 gives something else")
		}
		b.Run("decodeLE/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codepage.DecodeUTF16LEInto(dst[:cap(dst)], src); err != nil {
					b.Fatal(err)
				}
			}
			overStd(b, func() { _, _ = codepage.DecodeUTF16LEInto(dst[:cap(dst)], src) }, func() { _ = stdDecode(dst, src, binary.LittleEndian) })
		})
		b.Run("decodeBE/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codepage.DecodeUTF16BEInto(dst[:cap(dst)], be); err != nil {
					b.Fatal(err)
				}
			}
			overStd(b, func() { _, _ = codepage.DecodeUTF16BEInto(dst[:cap(dst)], be) }, func() { _ = stdDecode(dst, be, binary.BigEndian) })
		})
		b.Run("encodeLE/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codepage.AppendUTF16LE(dst[:0], c.text); err != nil {
					b.Fatal(err)
				}
			}
			overStd(b, func() { _, _ = codepage.AppendUTF16LE(dst, c.text) }, func() { _ = stdEncode(dst, c.text) })
		})
	}
}

// shortRow is a row of seven text cells, 212 bytes, as a table of materials has.
var shortRow = []struct {
	nchar int
	text  string
}{{3, "100"}, {18, "000000000000004711"}, {40, "Hexagon screw M8x40"}, {4, "EA"}, {10, "DE01"}, {13, "Müller"}, {18, "SMITHJ"}}

func BenchmarkShortCells(b *testing.B) {
	total := 0
	for _, c := range shortRow {
		total += 2 * c.nchar
	}
	row := make([]byte, total)
	at := 0
	for _, c := range shortRow {
		if err := codepage.FillUTF16LE(row[at:at+2*c.nchar], c.text); err != nil {
			b.Fatal(err)
		}
		at += 2 * c.nchar
	}
	arena := make([]byte, codepage.MaxUTF8Len(total))
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(total))
		b.ReportAllocs()
		for b.Loop() {
			at, out := 0, 0
			for i := range shortRow {
				end := at + 2*shortRow[i].nchar
				n, err := codepage.DecodeCellUTF16LEInto(arena[out:], row[at:end])
				if err != nil {
					b.Fatal(err)
				}
				out += n
				at = end
			}
		}
	})
	b.Run("fill", func(b *testing.B) {
		b.SetBytes(int64(total))
		b.ReportAllocs()
		for b.Loop() {
			at := 0
			for i := range shortRow {
				end := at + 2*shortRow[i].nchar
				if err := codepage.FillUTF16LE(row[at:end], shortRow[i].text); err != nil {
					b.Fatal(err)
				}
				at = end
			}
		}
	})
}

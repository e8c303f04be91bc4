package codepage_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"github.com/purerfc/purerfc/codepage"
)

func lookup(t *testing.T, number string) *codepage.Codepage {
	t.Helper()
	cp, err := codepage.Lookup(number)
	require.NoError(t, err)
	require.Equal(t, number, cp.Number())
	require.NotEmpty(t, cp.Name())
	return cp
}

// ebcdic is code page 037, which differs from the 500 of SAP's 0120 in seven places.
func ebcdic(b byte) rune {
	if r, ok := map[byte]rune{0x4a: '[', 0x4f: '!', 0x5a: ']', 0x5f: '^', 0xb0: '¢', 0xba: '¬', 0xbb: '|'}[b]; ok {
		return r
	}
	return charmap.CodePage037.DecodeByte(b)
}

func seven(b byte) rune {
	if b < 0x80 {
		return rune(b)
	}
	return '\uFFFD'
}

// Spec 26.5: all 256 bytes of every page with one byte for a character, and no page is left
// out; the EBCDIC pages that hold only what all of them share are tested below.
func TestSingleByteCodePagesAgreeWithTheirTables(t *testing.T) {
	t.Parallel()
	tables := map[string]func(byte) rune{"1101": seven, "1105": seven, "0120": ebcdic}
	for number, m := range map[string]*charmap.Charmap{
		"1100": charmap.ISO8859_1, "1140": charmap.ISO8859_1, "1180": charmap.ISO8859_1, "1103": charmap.CodePage850, "1403": charmap.CodePage852,
		"1503": charmap.CodePage866, "1509": charmap.KOI8U, "1510": charmap.KOI8R,
		"1160": charmap.Windows1252, "1164": charmap.ISO8859_15, "1401": charmap.ISO8859_2,
		"1404": charmap.Windows1250, "1500": charmap.ISO8859_5, "1504": charmap.Windows1251,
		"1610": charmap.ISO8859_9, "1614": charmap.Windows1254, "1700": charmap.ISO8859_7,
		"1704": charmap.Windows1253, "1800": charmap.ISO8859_8, "1804": charmap.Windows1255,
		"1900": charmap.ISO8859_4, "1904": charmap.Windows1257, "8600": charmap.Windows874,
		"8604": charmap.Windows874, "8700": charmap.ISO8859_6, "8704": charmap.Windows1256, "8805": charmap.Windows1258,
	} {
		tables[number] = m.DecodeByte
	}
	for _, number := range codepage.Numbers() {
		cp := lookup(t, number)
		if multi := number[0] == '8' && number < "8600" || number[0] == '4' || number[0] == '9' || number < "0900" && number != "0120"; !multi {
			require.Contains(t, tables, number, "a page without a table")
			require.Equal(t, 1, cp.CharWidth())
		}
	}
	for number, decode := range tables {
		cp := lookup(t, number)
		for i := range 256 {
			in := []byte{byte(i)}
			want := decode(byte(i))
			got, err := cp.Decode(nil, in, codepage.Policy{})
			if want == '\uFFFD' {
				e, ok := errors.AsType[*codepage.ConversionError](err)
				require.True(t, ok, "%s %02x", number, i)
				require.Equal(t, codepage.ReasonUndefined, e.Reason)
				got, err = cp.Decode(nil, in, codepage.Policy{OnError: codepage.Replace})
				require.NoError(t, err)
				require.Equal(t, "#", string(got))
				got, err = cp.Decode(nil, in, codepage.Policy{OnError: codepage.Pass})
				require.NoError(t, err)
				require.Equal(t, in, got)
				got, err = cp.Append(nil, string(got), codepage.Policy{OnError: codepage.Pass})
				require.NoError(t, err)
				require.Equal(t, in, got)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "%s %02x", number, i)
			back, err := cp.Append(nil, string(got), codepage.Policy{})
			require.NoError(t, err)
			require.Equal(t, in, back, "%s %02x", number, i)
		}
	}
}

func TestEuroExistsWhereItShould(t *testing.T) {
	t.Parallel()
	const text = "Grüße €"
	latin := lookup(t, "1100")
	_, err := latin.Append(nil, text, codepage.Policy{})
	e, ok := errors.AsType[*codepage.ConversionError](err)
	require.True(t, ok)
	require.Equal(t, codepage.ConversionError{Codepage: "1100", Offset: 8, Rune: '€', Reason: codepage.ReasonUnmappable}, *e)
	require.ErrorContains(t, err, "U+20AC at byte 8")
	require.NotContains(t, err.Error(), "€")

	got, err := latin.Append(nil, text, codepage.Policy{OnError: codepage.Replace})
	require.NoError(t, err)
	require.Equal(t, "Gr\xfc\xdfe #", string(got))
	got, err = lookup(t, "1160").Append(nil, text, codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "Gr\xfc\xdfe \x80", string(got))
	got, err = latin.Append(nil, "€", codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	require.NoError(t, err)
	require.Equal(t, "?", string(got))
	_, err = latin.Append(nil, "€", codepage.Policy{OnError: codepage.Replace, Replacement: '€'})
	require.Error(t, err)
	got, err = codepage.UTF16LE.Append(nil, text, codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "ac20", hex.EncodeToString(got[len(got)-2:]))
	got, err = codepage.UTF8.Append(nil, text, codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	_, err = codepage.ASCII.Append(nil, text, codepage.Policy{})
	require.Error(t, err)
	_, err = codepage.ASCII.Decode(nil, []byte{'a', 0x80}, codepage.Policy{})
	require.ErrorContains(t, err, "0x80 at byte 1")
}

func TestLatin1RoundTripsAtEveryLength(t *testing.T) {
	t.Parallel()
	for n := range 70 {
		for bad := range n + 1 {
			src := []byte(strings.Repeat("a", n))
			if bad < n {
				src[bad] = 0xe4
			}
			text := codepage.DecodeLatin1(nil, src)
			want, err := charmap.ISO8859_1.NewDecoder().Bytes(src)
			require.NoError(t, err)
			require.Equal(t, want, append([]byte{}, text...))
			back, err := codepage.AppendLatin1(nil, string(text))
			require.NoError(t, err)
			require.Equal(t, string(src), string(back))
			cell := make([]byte, n+5)
			require.NoError(t, codepage.FillLatin1(cell, string(text)))
			out := make([]byte, 200)
			k, err := codepage.DecodeCellLatin1Into(out, cell)
			require.NoError(t, err)
			require.Equal(t, string(text), string(out[:k]))
		}
	}
}

func TestMultiByteCodePages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ number, text, want string }{
		{"8000", "日本A", "93fa967b41"},
		{"8004", "日本A", "93fa967b41"},
		{"8100", "日本A", "c6fccbdc41"},
		{"8200", "日A", "1b2442467c1b284241"},
		{"8300", "中文", "a4a4a4e5"},
		{"8304", "中文", "a4a4a4e5"},
		{"8340", "中文", "a4a4a4e5"},
		{"8400", "中文", "d6d0cec4"},
		{"8401", "中😀", "d6d09439fc36"},
		{"8404", "中文", "d6d0cec4"},
		{"8450", "中文", "d6d0cec4"},
		{"8500", "한글", "c7d1b1db"},
		{"8504", "한글", "c7d1b1db"},
		{"4104", "A😀", "000000410001f600"},
		{"4105", "A😀", "4100000000f60100"},
	} {
		cp := lookup(t, c.number)
		got, err := cp.Append([]byte("pre"), c.text, codepage.Policy{})
		require.NoError(t, err, c.number)
		require.Equal(t, c.want, hex.EncodeToString(got[3:]), c.number)
		back, err := cp.Decode(nil, got[3:], codepage.Policy{})
		require.NoError(t, err, c.number)
		require.Equal(t, c.text, string(back), c.number)
		for _, p := range []codepage.OnError{codepage.Fail, codepage.Pass, codepage.Replace} {
			for n := range len(got) - 3 {
				_, err := cp.Decode(nil, got[3:3+n], codepage.Policy{OnError: p})
				require.True(t, err == nil || p == codepage.Fail)
			}
		}
	}
}

func TestCharBorderInsideAMultiByteCharacter(t *testing.T) {
	t.Parallel()
	cp := lookup(t, "8000")
	cell := make([]byte, 4)
	require.NoError(t, cp.Fill(cell, "A日", codepage.Policy{}))
	require.Equal(t, "4193fa20", hex.EncodeToString(cell))
	err := cp.Fill(make([]byte, 4), "A日本", codepage.Policy{})
	e, ok := errors.AsType[*codepage.LengthError](err)
	require.True(t, ok)
	require.Equal(t, 5, e.Need)
	// The peer cut the second character in half.
	_, err = cp.Decode(nil, []byte("A\x93\xfa\x96"), codepage.Policy{})
	ce, ok := errors.AsType[*codepage.ConversionError](err)
	require.True(t, ok)
	require.Equal(t, 3, ce.Offset)
	got, err := cp.Decode(nil, []byte("A\x93\xfa\x96"), codepage.Policy{OnError: codepage.Replace})
	require.NoError(t, err)
	require.Equal(t, "A日#", string(got))
	got, err = cp.DecodeCell(nil, cell, codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "A日", string(got))
}

func TestStatefulCodePageDoesNotFillCells(t *testing.T) {
	t.Parallel()
	err := lookup(t, "8200").Fill(make([]byte, 20), "日", codepage.Policy{})
	e, ok := errors.AsType[*codepage.ConversionError](err)
	require.True(t, ok)
	require.Equal(t, codepage.ReasonStateful, e.Reason)
}

func TestGB2312WritesOnlyItsOwnSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r    string
		want bool
	}{{"中", true}, {"齄", true}, {"あ", true}, {"镕", false}, {"ⅰ", false}, {"丂", false}, {"€", false}} {
		_, err := lookup(t, "8400").Append(nil, c.r, codepage.Policy{})
		require.Equal(t, c.want, err == nil, c.r)
	}
	got, err := lookup(t, "8404").Append(nil, "镕", codepage.Policy{})
	require.NoError(t, err)
	back, err := lookup(t, "8400").Decode(nil, got, codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "镕", string(back))
}

func TestLongTextsInMultiByteCodePages(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("日本語A", 20000)
	for _, n := range []string{"8000", "8100", "8200", "8401"} {
		b, err := lookup(t, n).Append(nil, text, codepage.Policy{})
		require.NoError(t, err)
		back, err := lookup(t, n).Decode(nil, b, codepage.Policy{})
		require.NoError(t, err)
		require.Equal(t, text, string(back))
	}
	b, err := lookup(t, "8000").Append(nil, strings.Repeat("💪", 100000), codepage.Policy{OnError: codepage.Replace})
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("#", 100000), string(b))
	_, err = lookup(t, "8000").Append(nil, strings.Repeat("日", 500)+"\xff", codepage.Policy{})
	require.ErrorContains(t, err, "0xff at byte 1500")
}

func TestEBCDIC(t *testing.T) {
	t.Parallel()
	cp := lookup(t, "0120")
	cell := make([]byte, 4)
	require.NoError(t, cp.Fill(cell, "RFC", codepage.Policy{}))
	require.Equal(t, "d9c6c340", hex.EncodeToString(cell))
	require.Equal(t, "d9c6c3", hex.EncodeToString(cp.TrimBlanks(cell)))
	got, err := cp.Append(nil, "[!]^¢¬|", codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "4a4f5a5fb0babb", hex.EncodeToString(got))
	inv := lookup(t, "0126")
	got, err = inv.Append(nil, "RFC 754", codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "d9c6c340f7f5f4", hex.EncodeToString(got))
	_, err = inv.Append(nil, "[", codepage.Policy{})
	require.Error(t, err)
}

func TestB106UnknownNumber(t *testing.T) {
	t.Parallel()
	_, err := codepage.Lookup("9999")
	e, ok := errors.AsType[*codepage.UnknownError](err)
	require.True(t, ok)
	require.Equal(t, "9999", e.Number)
	require.ErrorContains(t, err, `unknown code page "9999"`)
	require.ErrorContains(t, err, "1100")
	require.ErrorContains(t, err, "4103")
	_, err = codepage.Lookup(strings.Repeat("9", 1000))
	require.Less(t, len(err.Error()), 800)
}

func TestRegister(t *testing.T) {
	t.Parallel()
	cp, err := codepage.New("9901", "customer", charmap.Macintosh)
	require.NoError(t, err)
	require.NoError(t, codepage.Register(cp))
	got, err := lookup(t, "9901").Append(nil, "Ä", codepage.Policy{})
	require.NoError(t, err)
	require.Equal(t, "\x80", string(got))
	require.Contains(t, codepage.Numbers(), "9901")

	_, err = codepage.New("99", "short", charmap.Macintosh)
	require.Error(t, err)
	_, err = codepage.New("9902", "none", nil)
	require.Error(t, err)
	_, err = codepage.New("9902", "nothing", encoding.Replacement)
	require.NoError(t, err)
	require.Error(t, codepage.Register(nil))
	fixed, err := codepage.New("4103", "mine", charmap.Macintosh)
	require.NoError(t, err)
	require.Error(t, codepage.Register(fixed))
	require.Same(t, codepage.UTF16LE, lookup(t, "4103"))
}

func TestFillFollowsThePolicy(t *testing.T) {
	t.Parallel()
	cell := make([]byte, 6)
	require.NoError(t, codepage.UTF16LE.Fill(cell, "a\xff", codepage.Policy{OnError: codepage.Replace}))
	require.Equal(t, "610023002000", hex.EncodeToString(cell))
	require.NoError(t, codepage.Latin1.Fill(cell, "a€", codepage.Policy{OnError: codepage.Replace}))
	require.Equal(t, "a#    ", string(cell))
	require.Error(t, codepage.UTF16LE.Fill(cell[:5], "a", codepage.Policy{OnError: codepage.Replace}))
	require.Error(t, codepage.UTF16LE.Fill(cell, "abcd", codepage.Policy{OnError: codepage.Replace}))
	require.NoError(t, lookup(t, "4104").Fill(make([]byte, 8), "a", codepage.Policy{}))
	got, err := codepage.UTF8.Decode(nil, []byte("a\xffb"), codepage.Policy{OnError: codepage.Replace})
	require.NoError(t, err)
	require.Equal(t, "a#b", string(got))
	_, err = codepage.UTF8.Decode(nil, []byte("a\xffb"), codepage.Policy{})
	require.ErrorContains(t, err, "0xff at byte 1")
}

func TestCodepageIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for _, n := range codepage.Numbers() {
				cp := lookup(t, n)
				_, err := cp.Append(nil, "RFC", codepage.Policy{})
				require.NoError(t, err, n)
			}
		})
	}
}

func TestPrefixAndCutCellKeepCharactersWhole(t *testing.T) {
	t.Parallel()
	for _, number := range codepage.Numbers() {
		cp := lookup(t, number)
		if cp.Stateful() {
			require.Empty(t, cp.Prefix("A日", 20, codepage.Policy{}))
			continue
		}
		for _, text := range []string{"ABC", "A日本B語", "中文", "한글 A", "Grüße €", "A💪B", "Ж1", "ab\u0e01"} {
			// What the page lacks is '?', which all have, so that every text has a form in it.
			replace := codepage.Policy{OnError: codepage.Replace, Replacement: '?'}
			whole, err := cp.Append(nil, text, replace)
			require.NoError(t, err, number)
			for n := range len(whole) + 2 {
				prefix := cp.Prefix(text, n, replace)
				require.True(t, strings.HasPrefix(text, prefix))
				b, err := cp.Append(nil, prefix, replace)
				require.NoError(t, err)
				require.LessOrEqual(t, len(b), n)
				if prefix != text { // one more would not fit
					_, size := utf8.DecodeRuneInString(text[len(prefix):])
					b, err := cp.Append(nil, text[:len(prefix)+size], replace)
					require.NoError(t, err)
					require.Greater(t, len(b), n, "%s %q %d", number, text, n)
				}
				require.Equal(t, b, append([]byte(nil), cp.CutCell(whole, n)...), "%s %q %d", number, text, n)
			}
		}
	}
	require.Equal(t, "Gr\u00fc\u00dfe ", lookup(t, "1100").Prefix("Grüße €", 99, codepage.Policy{}))
	require.Equal(t, "ab", lookup(t, "8000").Prefix("ab\xff", 9, codepage.Policy{}))
	require.Empty(t, codepage.UTF16LE.CutCell([]byte("a\x00"), -1))
	require.Equal(t, "\xff", string(lookup(t, "8000").CutCell([]byte("\xff\xff"), 1)))
}

package serialization

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/evidence"
)

func page(t testing.TB, number string) Representation { return Representation{Text: lookup(t, number)} }

// conversionError checks the reason of an error and gives its text.
func conversionError(t testing.TB, err error, reason Reason) string {
	t.Helper()
	var ce *ConversionError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, reason, ce.Reason, "%v", err)
	return err.Error()
}

// What the code page of a partner lacks: refused, replaced or passed, and alike in CHAR and
// STRING (spec 26.4 rule 1, 26.5).
func TestCharactersThatThePageOfThePartnerLacks(t *testing.T) {
	t.Parallel()
	const text = "Grüße €"
	replace := Options{OnConversionError: codepage.Replace}
	question := Options{OnConversionError: codepage.Replace, Replacement: '?'}
	for _, tt := range []struct {
		page string
		opt  Options
		want string // hex of CHAR(8) without blanks behind; empty for an error
	}{
		{"1100", Options{}, ""},
		{"1100", replace, "4772fcdf652023"},
		{"1100", question, "4772fcdf65203f"},
		{"1101", replace, "47722323652023"},
		{"1160", Options{}, "4772fcdf652080"},
		{"1164", Options{}, "4772fcdf6520a4"},
		{"1404", Options{}, "4772fcdf652080"},
		{"1401", replace, "4772fcdf652023"},
		{"1504", Options{}, ""},
		{"8000", Options{}, ""},
		{"4103", Options{}, "47007200fc00df0065002000ac20"},
		{"4102", Options{}, "0047007200fc00df0065002020ac"},
	} {
		rep := page(t, tt.page)
		w := rep.CharWidth()
		b, err := wireValue(t, "C8", text, rep, tt.opt)
		if tt.want == "" {
			require.Contains(t, conversionError(t, err, Unmappable), tt.page)
			_, err = wireValue(t, "g", text, rep, tt.opt)
			conversionError(t, err, Unmappable)
			continue
		}
		require.NoError(t, err, tt.page)
		require.Len(t, b, 8*w)
		require.Equal(t, tt.want, hex.EncodeToString(b[:7*w]), tt.page)
		require.Equal(t, rep.page().TrimBlanks(b), b[:7*w], tt.page)
		got, err := readValue(t, "C8", b, rep, Options{StrictText: true})
		require.NoError(t, err)
		// A STRING is the same bytes and a 00; to a Unicode partner it is UTF-8.
		s, err := wireValue(t, "g", text, rep, tt.opt)
		require.NoError(t, err)
		if w == 2 {
			require.Equal(t, text+"\x00", string(s))
		} else {
			require.Equal(t, tt.want+"00", hex.EncodeToString(s), tt.page)
		}
		back, err := readValue(t, "g", s, rep, Options{StrictText: true})
		require.NoError(t, err)
		require.Equal(t, got, back, tt.page)
	}
	// A replacement that the page lacks as well is no way out.
	_, err := wireValue(t, "C8", text, page(t, "1100"), Options{OnConversionError: codepage.Replace, Replacement: '€'})
	conversionError(t, err, Unmappable)
	// Nothing is replaced in names.
	w := Writer{Function: function(t, "IMPORTING P:C1"), Representation: page(t, "8200"), Options: replace}
	w.Function.Parameters[0].Name = "P€"
	_, err = w.appendNameForTest("P€")
	require.Error(t, err)
}

// Replacements count: the text is measured as it is sent.
func TestReplacementsCountAsCharacters(t *testing.T) {
	t.Parallel()
	replace := Options{OnConversionError: codepage.Replace}
	b, err := wireValue(t, "C3", "€💪語", page(t, "1100"), replace)
	require.NoError(t, err)
	require.Equal(t, "###", string(b))
	_, err = wireValue(t, "C2", "€💪語", page(t, "1100"), replace)
	require.Contains(t, conversionError(t, err, TooLong), "3 bytes in code page 1100, at most 2")
	b, err = wireValue(t, "C2", "€💪語", page(t, "1100"), Options{OnConversionError: codepage.Replace, Truncate: true})
	require.NoError(t, err)
	require.Equal(t, "##", string(b))
	b, err = wireValue(t, "C3", "a\xff\xed\xa0\x80", Representation{}, replace)
	require.NoError(t, err)
	require.Equal(t, utf16("a##"), b)
	b, err = wireValue(t, "g", "a\xffb", Representation{}, Options{OnConversionError: codepage.Replace, Replacement: '\uFFFD'})
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb\x00", string(b))
}

// Spec 20.2 rule 2, B-105: lone surrogates. Lenient, strict, replaced, and passed both ways.
func TestLoneSurrogates(t *testing.T) {
	t.Parallel()
	le := []byte{'A', 0, 0x3d, 0xd8, 'B', 0}
	be := []byte{0, 'A', 0xd8, 0x3d, 0, 'B'}
	const wtf8 = "A\xed\xa0\xbdB"
	for rep, b := range map[Representation][]byte{{}: le, page(t, "4102"): be} {
		for _, tt := range []struct {
			opt  Options
			want string
		}{
			{Options{}, "A\ufffdB"},
			{Options{OnConversionError: codepage.Replace}, "A\ufffdB"},
			{Options{OnConversionError: codepage.Replace, Replacement: '#'}, "A#B"},
			{Options{OnConversionError: codepage.Pass}, wtf8},
		} {
			got, err := readValue(t, "C3", b, rep, tt.opt)
			require.NoError(t, err)
			require.Equal(t, tt.want, got, "%+v", tt.opt)
		}
		for _, o := range []codepage.OnError{codepage.Fail, codepage.Pass, codepage.Replace} {
			_, err := readValue(t, "C3", b, rep, Options{StrictText: true, OnConversionError: o})
			conversionError(t, err, BadText)
		}
		// WTF-8 goes back as it came, and nowhere else.
		pass := Options{OnConversionError: codepage.Pass}
		out, err := wireValue(t, "C3", wtf8, rep, pass)
		require.NoError(t, err)
		require.Equal(t, b, out)
		_, err = wireValue(t, "C3", wtf8, rep, Options{})
		require.Contains(t, conversionError(t, err, BadText), "at byte 1")
		out, err = wireValue(t, "g", wtf8, rep, pass)
		require.NoError(t, err)
		require.Equal(t, wtf8+"\x00", string(out))
		got, err := readValue(t, "g", out, rep, pass)
		require.NoError(t, err)
		require.Equal(t, wtf8, got)
		got, err = readValue(t, "g", out, rep, Options{OnConversionError: codepage.Replace, Replacement: '?'})
		require.NoError(t, err)
		require.Equal(t, "A???B", got)
	}
	// Documents are UTF-8 and cannot hold one; a replacement they can.
	f := function(t, "CHANGING P:{ABAPTEXT}")
	for _, v := range []Params{{"C": wtf8}, {"STR": wtf8}} {
		w := Writer{Function: f, Options: Options{OnConversionError: codepage.Pass}}
		_, err := w.Append(nil, Params{"P": v})
		conversionError(t, err, BadText)
		w.Options.OnConversionError = codepage.Replace
		b, err := w.Append(nil, Params{"P": v})
		require.NoError(t, err)
		var s Section
		s.Reset(f, Representation{}, false)
		require.NoError(t, feed(&s, b))
		got, err := s.Value("P")
		require.NoError(t, err)
		require.Equal(t, "A#B", got.(Params)["C"].(string)+got.(Params)["STR"].(string))
	}
}

// A character of two bytes at the border of a cell: never half of it is sent, and half of
// one that a partner sent is an error or a substitute (spec 26.5).
func TestCharactersAtTheBorderOfACell(t *testing.T) {
	t.Parallel()
	for number, text := range map[string]string{"8000": "日本語", "8004": "日本語", "8300": "中文字", "8304": "中文字", "8400": "中文字", "8404": "中文字", "8500": "한국어", "8504": "한국어"} {
		rep := page(t, number)
		for n := 1; n <= 8; n++ {
			typ := fmt.Sprintf("C%d", n)
			b, err := wireValue(t, typ, text, rep, Options{})
			if n < 6 {
				require.Contains(t, conversionError(t, err, TooLong), fmt.Sprintf("6 bytes in code page %s, at most %d", number, n))
				b, err = wireValue(t, typ, text, rep, Options{Truncate: true})
			}
			require.NoError(t, err)
			require.Len(t, b, n)
			got, err := readValue(t, typ, b, rep, Options{StrictText: true})
			require.NoError(t, err, "%s %x", number, b)
			require.Equal(t, string([]rune(text)[:min(3, n/2)]), got)
			// The partner cuts by bytes.
			whole, err := wireValue(t, "C6", text, rep, Options{})
			require.NoError(t, err)
			if n >= 6 {
				continue
			}
			_, err = readValue(t, typ, whole[:n], rep, Options{StrictText: true})
			got2, lenient := readValue(t, typ, whole[:n], rep, Options{})
			require.NoError(t, lenient)
			if n%2 == 0 {
				require.NoError(t, err)
				require.Equal(t, got, got2)
			} else {
				conversionError(t, err, BadText)
				require.Equal(t, got.(string)+"\ufffd", got2, "%s %d", number, n)
			}
			// Spec 20.10: more than the field holds is cut, between two characters.
			got, err = readValue(t, typ, whole, rep, Options{StrictText: true})
			require.NoError(t, err)
			require.Equal(t, string([]rune(text)[:n/2]), got)
		}
	}
}

// Spec 26.1: 8400 holds GB 2312-80 and nothing else is written, but GBK is read; 8200
// switches character sets and fills no cell.
func TestPagesWithRulesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"C4", "g"} {
		_, err := wireValue(t, typ, "中镕", page(t, "8400"), Options{})
		require.Contains(t, conversionError(t, err, Unmappable), "U+9555")
	}
	b, err := wireValue(t, "C4", "中镕", page(t, "8404"), Options{})
	require.NoError(t, err)
	got, err := readValue(t, "C4", b, page(t, "8400"), Options{StrictText: true})
	require.NoError(t, err)
	require.Equal(t, "中镕", got)
	b, err = wireValue(t, "C4", "中镕", page(t, "8400"), Options{OnConversionError: codepage.Replace})
	require.NoError(t, err)
	require.Equal(t, "d6d02320", hex.EncodeToString(b))

	for _, o := range []Options{{}, {OnConversionError: codepage.Replace}, {Truncate: true}} {
		_, err = wireValue(t, "C20", "日", page(t, "8200"), o)
		require.Contains(t, conversionError(t, err, BadText), "stateful")
	}
	b, err = wireValue(t, "g", "A日B", page(t, "8200"), Options{}) // a STRING is no cell
	require.NoError(t, err)
	got, err = readValue(t, "g", b, page(t, "8200"), Options{StrictText: true})
	require.NoError(t, err)
	require.Equal(t, "A日B", got)
}

// Spec 20.3: a big-endian party's numbers are those of the vectors turned round; so are its
// characters, and packed numbers and bytes are not.
func TestVectorsTurnedRoundAreBigEndian(t *testing.T) {
	t.Parallel()
	var v struct {
		Scalars []struct {
			Type  string
			Value any
			LE    string `json:"uc_le"`
			Chars int    `json:"len_chars"`
			Wire  string
		}
		BCD []struct {
			Value         string
			Len, Decimals int
			Hex           string
		} `json:"bcd"`
		DecFloat []struct {
			Type string
			LE   string `json:"hex_le"`
		} `json:"decfloat"`
		Temporal []struct {
			EXID string
			LE   string `json:"hex_le"`
		} `json:"temporal"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &v))
	be := Representation{BigEndian: true, Text: lookup(t, "4102")}
	tried := 0
	for _, s := range v.Scalars {
		b, err := hex.DecodeString(s.LE + s.Wire)
		require.NoError(t, err)
		typ, value := s.Type, s.Value
		switch s.Type {
		case "I", "s", "b", "8", "F":
			slices.Reverse(b)
		case "C", "N", "D", "T":
			for i := 0; i < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			if s.Chars > 0 {
				typ += fmt.Sprint(s.Chars)
			}
			switch value {
			case "initial":
				value = ""
			case "blank":
				value = strings.Repeat(" ", 8)
			}
		default:
			continue
		}
		got, err := wireValue(t, typ, value, be, Options{})
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(got), "%s %v", typ, value)
		back, err := readValue(t, typ, b, be, Options{})
		require.NoError(t, err)
		again, err := wireValue(t, typ, back, be, Options{})
		require.NoError(t, err)
		require.Equal(t, b, again)
		tried++
	}
	require.Greater(t, tried, 12)
	for _, p := range v.BCD {
		b, err := wireValue(t, fmt.Sprintf("P%d.%d", p.Len, p.Decimals), p.Value, be, Options{})
		require.NoError(t, err)
		require.Equal(t, p.Hex, hex.EncodeToString(b))
	}
	// Decimal floats follow the order of integers, and so do the compact types of time.
	kinds := map[string]string{"DECFLOAT16": "a", "DECFLOAT34": "e"}
	turn := func(typ, le string) {
		t.Helper()
		b, err := hex.DecodeString(le)
		require.NoError(t, err)
		special := Options{DecimalSpecials: true}
		want, err := readValue(t, typ, b, Representation{}, special)
		require.NoError(t, err)
		slices.Reverse(b)
		got, err := readValue(t, typ, b, be, special)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s %s", typ, le)
		again, err := wireValue(t, typ, got, be, special)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(again), "%s %s", typ, le)
	}
	for _, d := range v.DecFloat {
		turn(kinds[d.Type], d.LE)
	}
	for _, d := range v.Temporal {
		turn(d.EXID, d.LE)
	}
	require.NotEmpty(t, v.DecFloat)
	require.NotEmpty(t, v.Temporal)
}

// pageFields is a row in which every kind that has a code page or an order stands behind one
// of odd width.
const pageFields = "A:C1 I:I B:C3 L:8 C:C9 S:s D:D X:X3 T:T F:F N:N5 P:P4.2 Z:C21 A16:a E34:e Q:C1 UP:p DD:d DC:c"

type pageRow struct {
	A string
	I int32
	B string
	L int64
	C string
	S int16
	F float64
	N string
	Z string

	A16 abap.Decimal
	E34 abap.Decimal
	Q   string
	UP  abap.Timestamp
	DD  abap.Date
	DC  abap.MonthDay
}

// randomIn gives a text of a code page that takes at most n bytes.
func randomIn(r *rand.Rand, rep Representation, alphabet []rune, n int) string {
	s := ""
	for range r.IntN(n + 1) {
		s += string(alphabet[r.IntN(len(alphabet))])
	}
	s = strings.TrimRight(rep.page().Prefix(s, n*rep.CharWidth(), codepage.Policy{}), " ")
	return s
}

// alphabetOf lists the characters below U+FFFF that a page can hold and give back.
func alphabetOf(t testing.TB, rep Representation) []rune {
	t.Helper()
	var list []rune
	for r := rune(0x20); r < 0xfff0; r++ {
		if r >= 0xd800 && r < 0xe000 || r > 0x3000 && r%7 != 0 {
			continue
		}
		b, err := rep.page().Append(nil, string(r), codepage.Policy{})
		if err != nil {
			continue
		}
		if back, err := rep.page().Decode(nil, b, codepage.Policy{}); err == nil && string(back) == string(r) {
			list = append(list, r)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// Rows and scalars in every page and both orders: typed, dynamic and streamed forms agree,
// and the width is the one of the layout for that kind of party.
func TestRowsInEveryCodePage(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("PAGE", pageFields)
	d.Structure("DEEP_PAGE", pageFields+" STR:g")
	f, err := d.Function("Z_PAGE", "CHANGING U:{PAGE}\nCHANGING G:g\nCHANGING W:[DEEP_PAGE]\nTABLES T:[PAGE]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	for _, number := range codepage.Numbers() {
		cp := lookup(t, number)
		if cp.CharWidth() == 4 || cp.Stateful() { // not used on RFC; fills no cell
			continue
		}
		for _, bigEndian := range []bool{false, true} {
			rep := Representation{BigEndian: bigEndian, Text: cp}
			alphabet := alphabetOf(t, rep)
			r := rand.New(rand.NewPCG(uint64(len(alphabet)), 26))
			rows := make([]pageRow, 5)
			for i := range rows {
				rows[i] = pageRow{
					A: randomIn(r, rep, alphabet, 1), I: int32(r.Uint32()), B: randomIn(r, rep, alphabet, 3), L: int64(r.Uint64()),
					C: randomIn(r, rep, alphabet, 9), S: int16(r.Uint32()), F: r.NormFloat64(), N: fmt.Sprintf("%05d", r.IntN(100000)), Z: randomIn(r, rep, alphabet, 21),
					A16: abap.FromInt64(r.Int64N(1e15)), E34: abap.FromInt64(-r.Int64()), Q: randomIn(r, rep, alphabet, 1),
				}
				var err error
				rows[i].UP, err = abap.TimestampFromRaw(1+r.Int64N(1e18), abap.Ticks)
				require.NoError(t, err)
				rows[i].DD, err = abap.DateFromDay(1 + r.Int32N(3e6))
				require.NoError(t, err)
				rows[i].DC, err = abap.MonthDayFromRaw(int16(1 + r.IntN(366)))
				require.NoError(t, err)
			}
			type call struct {
				U pageRow
				G string
				W []pageRow
				T []pageRow
			}
			in := call{U: rows[0], G: randomIn(r, rep, alphabet, 200), W: rows[1:3], T: rows}
			for i := range in.W { // documents have the layout of no partner; only their text counts
				in.W[i].Z = ""
			}
			w := Writer{Function: f, Representation: rep, Reply: true}
			b, err := w.Append(nil, &in)
			require.NoError(t, err, number)
			var s Section
			s.Reset(f, rep, true)
			require.NoError(t, feed(&s, b))
			var out call
			require.NoError(t, s.Scan(&out))
			require.Equal(t, in, out, number)
			var m Params
			require.NoError(t, s.Scan(&m))
			again, err := w.Append(nil, m)
			require.NoError(t, err, number)
			require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(again), number)
			table, err := s.Table("T")
			require.NoError(t, err)
			l := table.Parameter().Type.Layout(rep.CharWidth())
			require.Len(t, table.Row(0), l.Used, number)
			order := binary.ByteOrder(binary.LittleEndian)
			if bigEndian {
				order = binary.BigEndian
			}
			require.Equal(t, uint32(rows[0].I), order.Uint32(table.Row(0)[l.Offsets[1]:]))
			require.Equal(t, uint64(rows[0].L), order.Uint64(table.Row(0)[l.Offsets[3]:]))
			k := 0
			for row, err := range Rows[pageRow](&s, "T") {
				require.NoError(t, err)
				require.Equal(t, rows[k], row)
				k++
			}
			require.Equal(t, len(rows), k)
			// Cut at every byte: an error, or what came so far.
			for n := range len(b) {
				if number != "8300" && number != "1100" && n%17 != 0 {
					continue
				}
				s.Reset(f, rep, true)
				if feed(&s, b[:n]) == nil {
					var p Params
					_ = s.Scan(&p)
				}
			}
		}
	}
}

// Plain rows cost their texts and nothing else, whatever the code page.
func TestG12RowsOfCodePagesDoNotAllocate(t *testing.T) {
	f := function(t, "TABLES T:[T10]")
	for _, number := range []string{"4102", "1100", "1160", "8000", "8400"} {
		rep := page(t, number)
		msg, err := (&Writer{Function: f, Representation: rep, Reply: true}).Append(nil, Params{"T": t10Rows(1)})
		require.NoError(t, err)
		var s Section
		s.Reset(f, rep, true)
		require.NoError(t, feed(&s, msg))
		table, err := s.Table("T")
		require.NoError(t, err)
		d, err := NewRowDecoder[t10](table.Parameter(), rep, Options{})
		require.NoError(t, err)
		var row t10
		require.Less(t, testing.AllocsPerRun(2000, func() {
			if err := d.Decode(table.Row(0), &row); err != nil {
				t.Fatal(err)
			}
		}), 0.5, number)
		require.Equal(t, t10Rows(1)[0], row)
	}
}

// Every possible cell of two and three bytes of a page is read without an error by default,
// and what is read strictly is written as it was.
func TestEveryShortCellOfThePages(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1100", "1160", "1404", "1504", "8000", "8300", "8400", "8500", "0120"} {
		rep := page(t, number)
		strict, lenient := newCoder(rep, Options{StrictText: true}), newCoder(rep, Options{})
		pass := newCoder(rep, Options{OnConversionError: codepage.Pass})
		cell := make([]byte, 2)
		for i := range 1 << 16 {
			b := []byte{byte(i >> 8), byte(i)}
			text, err := lenient.decodeText(nil, b)
			require.NoError(t, err)
			require.True(t, utf8.Valid(text), "%s %x", number, b)
			got, err := strict.decodeText(nil, b)
			if err == nil {
				require.Equal(t, text, got)
				if err := strict.fill(cell, string(got)); err == nil {
					back, err := strict.decodeText(nil, cell)
					require.NoError(t, err)
					require.Equal(t, string(got), string(back), "%s %x", number, b)
				}
			}
			raw, err := pass.decodeText(nil, b)
			require.NoError(t, err)
			if utf8.Valid(raw) {
				continue
			}
			back, err := pass.page().Append(nil, string(raw), pass.sending())
			require.NoError(t, err)
			if number[0] != '8' { // a lead byte that nothing follows may begin a character again
				require.Equal(t, b, back, "%s %x", number, b)
			}
		}
	}
}

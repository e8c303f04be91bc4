package fuzz_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
)

var valueTexts = []string{
	"", "AB", "MATNR 4711          ", "Grüße €", "四周远处都能望见", "a\u00ac\u1234\u20ac\U0001f4aa", "TESTUSER3 \x00\x00\x0c 1000329",
	"abcdefgh\xffijklmnop", "\xed\xa0\x80", "0123456789abcdefä0123456789",
}

// FuzzUTF16Decode compares strict, lenient and cell decoding of arbitrary bytes with
// the standard library.
func FuzzUTF16Decode(f *testing.F) {
	for _, s := range valueTexts {
		f.Add(codepage.AppendUTF16LELenient(nil, s))
		f.Add(codepage.AppendUTF16BELenient([]byte{0}, s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		units := make([]uint16, len(src)/2)
		be := make([]byte, len(src))
		copy(be, src)
		for i := range units {
			units[i] = uint16(src[2*i]) | uint16(src[2*i+1])<<8
			be[2*i], be[2*i+1] = src[2*i+1], src[2*i]
		}
		want := string(utf16.Decode(units))
		if len(src)%2 != 0 {
			want += "\uFFFD"
		}
		if got := string(codepage.DecodeUTF16LELenient(nil, src)); got != want {
			t.Fatalf("little-endian %x: got %q, want %q", src, got, want)
		}
		if got := string(codepage.DecodeUTF16BELenient(nil, be)); got != want {
			t.Fatalf("big-endian %x: got %q, want %q", be, got, want)
		}
		strict, err := codepage.DecodeUTF16LE(nil, src)
		strictBE, errBE := codepage.DecodeUTF16BE(nil, be)
		if (err == nil) != (errBE == nil) {
			t.Fatalf("%x: %v and %v", src, err, errBE)
		}
		room := make([]byte, codepage.MaxUTF8Len(len(src)))
		n, errCell := codepage.DecodeCellUTF16LEInto(room, src)
		if err != nil {
			if errCell == nil {
				t.Fatalf("%x: the cell decoder accepts what the strict one refuses: %v", src, err)
			}
			return
		}
		if string(strict) != want || string(strictBE) != want {
			t.Fatalf("%x: strict %q and %q, want %q", src, strict, strictBE, want)
		}
		if errCell != nil || string(room[:n]) != strings.TrimRight(want, " ") {
			t.Fatalf("%x: cell %q, %v", src, room[:n], errCell)
		}
		back, err := codepage.AppendUTF16LE(nil, string(strict))
		if err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%x: encoded again %x, %v", src, back, err)
		}
	})
}

// FuzzUTF16Encode checks that all encoders agree on what is valid and how long it is.
func FuzzUTF16Encode(f *testing.F) {
	for _, s := range valueTexts {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, nchar int) {
		if nchar < 0 || nchar > 4096 {
			return
		}
		le, err := codepage.AppendUTF16LE(nil, s)
		be, errBE := codepage.AppendUTF16BE(nil, s)
		units, errLen := codepage.UTF16Len(s)
		if (err == nil) != (errBE == nil) || (err == nil) != (errLen == nil) {
			t.Fatalf("%q: %v, %v, %v", s, err, errBE, errLen)
		}
		cell := make([]byte, 2*nchar)
		errFill := codepage.FillUTF16LE(cell, s)
		if (errFill == nil) != (err == nil && units <= nchar) {
			t.Fatalf("%q in %d: %v", s, nchar, errFill)
		}
		if err != nil {
			return
		}
		if len(le) != 2*units || len(be) != 2*units {
			t.Fatalf("%q: %d units, %x, %x", s, units, le, be)
		}
		if errFill == nil && (!bytes.HasPrefix(cell, le) || len(codepage.TrimBlanksUTF16LE(cell[len(le):])) != 0) {
			t.Fatalf("%q: cell %x", s, cell)
		}
		back, err := codepage.DecodeUTF16BE(nil, be)
		if err != nil || string(back) != s {
			t.Fatalf("%q: decoded %q, %v", s, back, err)
		}
	})
}

// FuzzCodepage converts arbitrary bytes from any code page and back.
func FuzzCodepage(f *testing.F) {
	numbers := codepage.Numbers()
	for i, n := range numbers {
		cp, err := codepage.Lookup(n)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range valueTexts {
			if b, err := cp.Append(nil, s, codepage.Policy{OnError: codepage.Replace}); err == nil {
				f.Add(uint8(i), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		cp, err := codepage.Lookup(numbers[int(which)%len(numbers)])
		if err != nil {
			t.Fatal(err)
		}
		for _, on := range []codepage.OnError{codepage.Fail, codepage.Pass, codepage.Replace} {
			p := codepage.Policy{OnError: on}
			text, err := cp.Decode(nil, src, p)
			if err != nil && on != codepage.Fail {
				t.Fatalf("%s: policy %d failed: %v", cp, on, err)
			}
			if err != nil {
				continue
			}
			if cp.Plain(src) && !bytes.Equal(text, src) {
				t.Fatalf("%s: %x is not plain: %q", cp, src, text)
			}
			if len(text) > 16*len(src)+16 {
				t.Fatalf("%s: %d bytes gave %d", cp, len(src), len(text))
			}
			if _, err := cp.Append(nil, string(text), p); err != nil && on == codepage.Pass {
				t.Fatalf("%s: %v", cp, err)
			}
			checkCells(t, cp, src, string(text), p)
		}
	})
}

// checkCells fills cells of every width with a text, whole and cut: what is in a cell is
// complete characters, and reads back as what was written.
func checkCells(t *testing.T, cp *codepage.Codepage, src []byte, text string, p codepage.Policy) {
	t.Helper()
	for nchar := range 6 {
		cell := make([]byte, nchar*cp.CharWidth())
		if cut := cp.CutCell(src, len(cell)); len(cut) > len(cell) || !bytes.HasPrefix(src, cut) {
			t.Fatalf("%s: %x cut to %d bytes is %x", cp, src, len(cell), cut)
		}
		part := cp.Prefix(text, len(cell), p)
		err := cp.Fill(cell, part, p)
		if cp.Stateful() {
			if err == nil {
				t.Fatalf("%s fills a cell", cp)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %q, cut from %q for %d bytes: %v", cp, part, text, len(cell), err)
		}
		if p.OnError == codepage.Pass {
			continue // bytes that stood apart may form a character
		}
		back, err := cp.DecodeCell(nil, cell, codepage.Policy{})
		if err != nil {
			t.Fatalf("%s: %q wrote the cell %x: %v", cp, part, cell, err)
		}
		again := make([]byte, len(cell))
		if err := cp.Fill(again, string(back), codepage.Policy{}); err != nil || !bytes.Equal(again, cell) {
			t.Fatalf("%s: %q wrote %x, read as %q, written again %x, %v", cp, part, cell, back, again, err)
		}
	}
}

// FuzzDecimal checks that texts of decimals are a fixpoint and that packing agrees
// with the text.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0.00", "800000.50", "9.99E+20", "1E-6143", "NaN", "-Infinity", "1,5", "1e400", "12.345", strings.Repeat("9", 38)} {
		f.Add(s, 8, 2)
	}
	f.Fuzz(func(t *testing.T, s string, nbyte, decimals int) {
		d, err := abap.ParseDecimal(s)
		if err != nil {
			if len(err.Error()) > 500 {
				t.Fatalf("long error: %d", len(err.Error()))
			}
			return
		}
		again, err := abap.ParseDecimal(d.String())
		if err != nil || !again.Identical(d) {
			t.Fatalf("%q: %s and %s, %v", s, d, again, err)
		}
		b, err := json.Marshal(d)
		if err != nil || json.Unmarshal(b, &again) != nil || again != d {
			t.Fatalf("%q: JSON %s", s, b)
		}
		if d.Cmp(again) != 0 {
			t.Fatalf("%q differs from itself", s)
		}
		cell, err := abap.AppendPacked(nil, d, nbyte, decimals)
		if err != nil {
			return
		}
		back, err := abap.DecodePacked(cell, decimals)
		if err != nil || !back.Equal(d) || len(cell) != nbyte {
			t.Fatalf("%q: packed %x is %s, %v", s, cell, back, err)
		}
	})
}

// FuzzPacked decodes arbitrary bytes; what is accepted must encode to the same
// number.
func FuzzPacked(f *testing.F) {
	for _, s := range []string{"0", "-5", "800000.50", "-123.45", "99999999999999999999999999999"} {
		d, err := abap.ParseDecimal(s)
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range []int{8, 16} {
			if b, err := abap.AppendPacked(nil, d, n, 2); err == nil {
				f.Add(b, 2)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, decimals int) {
		d, err := abap.DecodePacked(b, decimals)
		if err != nil {
			return
		}
		cell, err := abap.AppendPacked(nil, d, len(b), decimals)
		if err != nil {
			t.Fatalf("%x: %s: %v", b, d, err)
		}
		// Only the sign nibble may differ: it has several forms.
		if last := len(b) - 1; !bytes.Equal(cell[:last], b[:last]) || cell[last]>>4 != b[last]>>4 {
			t.Fatalf("%x encoded again is %x", b, cell)
		}
	})
}

// FuzzDateTime checks that raw values survive and that getters agree with Valid.
func FuzzDateTime(f *testing.F) {
	for _, s := range []string{"20260705", "00000000", "        ", "2024133A", "99991231", "2026-07-05", "240000", "999999", "12:34:56"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := abap.RawDate(s); err == nil {
			_, errTime := d.Time(nil)
			if d.String() != s || d.Valid() && errTime != nil {
				t.Fatalf("%q: %s, %v", s, d, errTime)
			}
			parsed, err := abap.ParseDate(s)
			if (err == nil) != (d.Valid() || d.IsInitial() || d.IsBlank()) || err == nil && parsed != d {
				t.Fatalf("%q: %v, %v", s, parsed, err)
			}
		}
		if d, err := abap.ParseDate(s); err == nil && d.Valid() {
			at, err := d.Time(nil)
			back, errBack := abap.DateFromTime(at)
			if err != nil || errBack != nil || back != d && !at.IsZero() {
				t.Fatalf("%q: %v, %s, %v, %v", s, at, back, err, errBack)
			}
		}
		if v, err := abap.RawTime(s); err == nil {
			_, errClock := v.Duration()
			if v.String() != s || v.Valid() != (errClock == nil) {
				t.Fatalf("%q: %s, %v", s, v, errClock)
			}
		}
		_, _ = abap.ParseTime(s)
		_, _ = abap.LanguageKey(s)
		_, _ = abap.LanguageISO(s)
		_, _ = abap.ParseFloat(s)
		_, _ = abap.NumcInt64(s)
	})
}

// FuzzDecFloat decodes arbitrary bits and texts: what is accepted must encode to a
// canonical form of the same number, decode to the same representation again, and have a
// text that is a fixpoint.
func FuzzDecFloat(f *testing.F) {
	for _, s := range []string{"0", "-0.00", "42.0", "123.45E67", "9.999999999999999E+384", "1E-383", "1E-6176", "12345678901234560", "1E+384", "NaN", "15E-399"} {
		d, err := abap.ParseDecimal(s)
		if err != nil {
			f.Fatal(err)
		}
		hi, lo, _ := abap.EncodeDecFloat34(d)
		f.Add(hi, lo, s)
		if v, err := abap.EncodeDecFloat16(d); err == nil {
			f.Add(v, lo, s)
		}
	}
	f.Add(uint64(0x7800_0000_0000_0000), uint64(0), "Infinity")
	f.Add(uint64(0xfe00_0000_0000_0001), uint64(1), ".")
	f.Fuzz(func(t *testing.T, hi, lo uint64, text string) {
		check := func(d abap.Decimal, wide bool) {
			var back abap.Decimal
			var err error
			if !d.IsFinite() {
				v, ok := abap.SpecialDecFloat16(d)
				if back, err = abap.DecodeDecFloat16(v); !ok || err != nil || back != d {
					t.Fatalf("%s: %t, %s, %v", d, ok, back, err)
				}
				return
			}
			if wide {
				h, l, errE := abap.EncodeDecFloat34(d)
				if errE != nil {
					t.Fatalf("%s: %v", d, errE)
				}
				back, err = abap.DecodeDecFloat34(h, l)
			} else {
				v, errE := abap.EncodeDecFloat16(d)
				if errE != nil {
					t.Fatalf("%s: %v", d, errE)
				}
				back, err = abap.DecodeDecFloat16(v)
			}
			if err != nil || !back.Identical(d) {
				t.Fatalf("%s encoded again is %s, %v", d, back, err)
			}
			if again, err := abap.ParseDecimal(d.Scientific()); err != nil || !again.Identical(d) {
				t.Fatalf("%s: text %s, %v", d, d.Scientific(), err)
			}
		}
		if d, err := abap.DecodeDecFloat16(hi); err == nil {
			check(d, false)
		}
		if d, err := abap.DecodeDecFloat34(hi, lo); err == nil {
			check(d, true)
		}
		d, err := abap.ParseDecimal(text)
		if err != nil {
			return
		}
		if v, err := abap.EncodeDecFloat16(d); err == nil {
			if back, err := abap.DecodeDecFloat16(v); err != nil || !back.Equal(d) {
				t.Fatalf("%s: %016x is %s, %v", text, v, back, err)
			}
		} else if _, _, err34 := abap.EncodeDecFloat34(d); err34 != nil && len(err.Error())+len(err34.Error()) > 1000 {
			t.Fatalf("long errors: %v, %v", err, err34)
		}
	})
}

// FuzzTemporal checks the compact types of time: a number has one text, the text gives the
// number again, and any other text costs a bounded error.
func FuzzTemporal(f *testing.F) {
	for raw, text := range map[int64]string{
		0: "", 1: "0001-01-01T00:00:00.0000000", 639190244961234568: "2026-07-05T12:34:56.1234567", 3155380704000000000: "9999-12-31T23:59:59.9999999",
		577737: "1582-10-04", 577738: "1582-10-15", 86401: "24:00:00", 1441: "24:00", 366: "12-31", 105401: "2020-W53", 24307: "2026-07", -1: "0000-W53",
		3652062: "1582-10-05T00:00:00",
	} {
		f.Add(raw, text)
	}
	type face struct {
		text  func(raw int64) (string, error)
		parse func(text string) (int64, error)
	}
	stamp := func(p abap.Precision) face {
		return face{func(raw int64) (string, error) {
			v, err := abap.TimestampFromRaw(raw, p)
			if err == nil && p == abap.Ticks {
				back, errTime := abap.TimestampFromTime(v.Time())
				if errTime != nil || back != v && !v.Time().IsZero() {
					return fmt.Sprintf("not %s but %s, %v", v, back, errTime), nil // does not parse: a failure
				}
			}
			return v.Text(p), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseTimestamp(text, p)
			if err != nil {
				return 0, err
			}
			return v.Raw(p)
		}}
	}
	clock := func(p abap.Precision) face {
		return face{func(raw int64) (string, error) {
			v, err := abap.TimeOfDayFromRaw(int32(raw), p)
			return v.Text(p), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseTimeOfDay(text, p)
			if err != nil {
				return 0, err
			}
			n, err := v.Raw(p)
			return int64(n), err
		}}
	}
	faces := []face{
		stamp(abap.Ticks), stamp(abap.Seconds), stamp(abap.Minutes), clock(abap.Seconds), clock(abap.Minutes),
		{func(raw int64) (string, error) {
			v, err := abap.DateFromDay(int32(raw))
			return v.String(), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseDay(text)
			if err != nil {
				return 0, err
			}
			n, err := v.Day()
			return int64(n), err
		}},
		{func(raw int64) (string, error) {
			v, err := abap.WeekFromRaw(int32(raw))
			return v.String(), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseWeek(text)
			return int64(v.Raw()), err
		}},
		{func(raw int64) (string, error) {
			v, err := abap.MonthFromRaw(int32(raw))
			return v.String(), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseMonth(text)
			return int64(v.Raw()), err
		}},
		{func(raw int64) (string, error) {
			v, err := abap.MonthDayFromRaw(int16(raw))
			return v.String(), err
		}, func(text string) (int64, error) {
			v, err := abap.ParseMonthDay(text)
			return int64(v.Raw()), err
		}},
	}
	f.Fuzz(func(t *testing.T, raw int64, text string) {
		for i, face := range faces {
			if s, err := face.text(raw); err == nil {
				back, err := face.parse(s)
				// Narrower types take the lowest bits.
				if err != nil || back != raw && back != int64(int32(raw)) && back != int64(int16(raw)) {
					t.Fatalf("type %d: %d is %q is %d, %v", i, raw, s, back, err)
				}
			}
			n, err := face.parse(text)
			if err != nil {
				if len(err.Error()) > 500 {
					t.Fatalf("long error: %d", len(err.Error()))
				}
				continue
			}
			s, err := face.text(n)
			if err != nil {
				t.Fatalf("type %d: %q is %d: %v", i, text, n, err)
			}
			if again, err := face.parse(s); err != nil || again != n {
				t.Fatalf("type %d: %q is %d is %q is %d, %v", i, text, n, s, again, err)
			}
		}
	})
}

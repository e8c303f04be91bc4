package fuzz_test

import (
	"errors"
	"testing"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

func serializationFunction(t testing.TB) *metadata.Function {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("FLAT", "C:C5 N:N4 D:D T:T X:X3 P:P5.2 F:F I:I S:s B:b L:8 A:a E:e UP:p UN:n UW:w DD:d D7:7 DX:x TT:t TI:i DC:c")
	d.Structure("DEEP", "G:g Y:y U:{FLAT} H:[FLAT] L:[C3]")
	f, err := d.Function("Z_FUZZ", `CHANGING A:C10
		CHANGING B:{FLAT}
		CHANGING C:{DEEP}
		CHANGING G:g
		TABLES T:[FLAT]
		TABLES V:[DEEP]`)
	if err := errors.Join(d.Err(), err); err != nil {
		t.Fatal(err)
	}
	return f
}

var formats = []serialization.Format{serialization.Classic, serialization.BasXML, serialization.RowFast, serialization.ColumnFast}

// FuzzSection feeds arbitrary items to a section: it must not panic, and what it accepts
// and can read must be written and read again to the same bytes, in every format.
func FuzzSection(f *testing.F) {
	fn := serializationFunction(f)
	flat := serialization.Params{
		"C": "AB", "N": "7", "D": "20260705", "T": "123456", "X": []byte{1}, "P": "1.25", "F": 1.5, "I": -1, "S": 2, "B": 3, "L": 4,
		"A": "-1.2300", "E": "9.99E+20", "UP": "2026-07-05T12:34:56.1234567", "UN": "1582-10-04T00:00:00", "UW": "2026-07-05T12:34", "DD": "1582-10-15",
		"D7": "2020-W53", "DX": "2026-07", "TT": "24:00:00", "TI": "12:34", "DC": "02-29",
	}
	deep := serialization.Params{"G": "Grüße <&>", "Y": []byte{1, 2}, "U": flat, "H": []serialization.Params{flat}, "L": []string{"A", "B"}}
	for _, values := range []serialization.Params{
		{"A": "x", "B": flat, "C": deep, "G": "text", "T": []serialization.Params{flat, {}}, "V": []serialization.Params{deep}},
		{},
	} {
		for _, reply := range []bool{false, true} {
			for _, format := range formats {
				w := serialization.Writer{Function: fn, Reply: reply, TableIDs: reply, Partial: true, Format: format, Network: serialization.Local}
				b, err := w.Append(nil, values)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b, reply)
			}
		}
	}
	for _, seed := range fastSectionSeeds(f) {
		f.Add(chain.Append(nil, chain.FastSerialization, seed), false)
		f.Add(chain.Append(nil, chain.FastSerialization, seed), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, reply bool) {
		checkSection(t, fn, serialization.Representation{}, serialization.Options{DecimalSpecials: true}, b, reply)
	})
}

// FuzzSectionCodepages is FuzzSection for partners that are not Unicode, or big-endian.
// What their code page does not define is read as U+FFFD and written as a question mark.
func FuzzSectionCodepages(f *testing.F) {
	fn := serializationFunction(f)
	opt := serialization.Options{OnConversionError: codepage.Replace, Replacement: '?', DecimalSpecials: true}
	var reps []serialization.Representation
	for _, number := range []string{"4102", "1100", "1404", "8000", "8300", "8400", "8500", "8100", "8401", "0120", "4110"} {
		cp, err := codepage.Lookup(number)
		if err != nil {
			f.Fatal(err)
		}
		reps = append(reps, serialization.Representation{Text: cp}, serialization.Representation{Text: cp, BigEndian: true})
	}
	row := serialization.Params{"C": "Aé日", "N": "7", "D": "20260705", "T": "123456", "X": []byte{1}, "P": "1.25", "F": 1.5, "I": -1, "S": 2, "B": 3, "L": 4, "A": "-1.2300", "E": "9.99E+20", "UP": "2026-07-05T12:34:56.1234567", "DD": "1582-10-15", "TI": "12:34"}
	for i, rep := range reps {
		w := serialization.Writer{Function: fn, Representation: rep, Options: opt, Reply: true}
		w.Options.Truncate = true
		b, err := w.Append(nil, serialization.Params{"A": "日本語日本語", "B": row, "G": "Grüße 語", "T": []serialization.Params{row, {}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b, true)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte, reply bool) {
		checkSection(t, fn, reps[int(which)%len(reps)], opt, b, reply)
	})
}

// checkSection reads a section; what is accepted is written and read again to the same
// bytes.
func checkSection(t *testing.T, fn *metadata.Function, rep serialization.Representation, opt serialization.Options, b []byte, reply bool) {
	t.Helper()
	s := serialization.Section{Options: serialization.Options{StrictText: opt.StrictText}, AllowFast: true}
	read := func(b []byte) (serialization.Params, bool) {
		s.Reset(fn, rep, reply)
		r := chain.NewBytesReader(b, chain.Limits{Message: 1 << 20, Value: 1 << 20, Items: 1 << 16})
		for int(r.Offset()) < len(b) {
			it, err := r.Next()
			if err != nil {
				return nil, false
			}
			if _, err := s.Item(it); err != nil {
				return nil, false
			}
		}
		if s.Finish() != nil {
			return nil, false
		}
		var p serialization.Params
		return p, s.Scan(&p) == nil
	}
	s.Options.AnyRowWidth = true
	_, lenient := read(b)
	s.Options.AnyRowWidth = false
	p, ok := read(b)
	if ok && !lenient {
		t.Fatal("rows of the described width are refused where any width will do")
	}
	if !ok || s.Scan(&p) != nil {
		return
	}
	w := serialization.Writer{Function: fn, Representation: rep, Options: opt, Reply: reply, Partial: true}
	first, err := w.Append(nil, p)
	if err != nil {
		return // for example a NUL in a STRING, which is read but not written
	}
	if _, ok = read(first); !ok {
		t.Fatalf("own bytes are refused: %x", first)
	}
	p = nil
	if err := s.Scan(&p); err != nil {
		t.Fatal(err)
	}
	second, err := w.Append(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Fatalf("not a fixpoint:\n%x\n%x", first, second)
	}
	if !rep.Unicode() || rep.BigEndian {
		return // no partner of this kind reads another format
	}
	for _, format := range formats[1:] {
		w.Format = format
		b, err := w.Append(nil, p)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		other, ok := read(b)
		if !ok {
			t.Fatalf("%s: own bytes are refused: %x", format, b)
		}
		w.Format = serialization.Classic
		again, err := w.Append(nil, other)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if string(first) != string(again) {
			t.Fatalf("%s does not agree with the classic format:\n%x\n%x", format, first, again)
		}
	}
}

// FuzzFromJSON reads arbitrary texts as JSON values of a call.
func FuzzFromJSON(f *testing.F) {
	fn := serializationFunction(f)
	f.Add([]byte(`{"A":"x","B":{"P":"1.25","D":"20260705","X":"AQI="},"T":[{"I":1},{}],"C":{"L":["A"],"H":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := serialization.FromJSON(fn, b)
		if err != nil {
			return
		}
		out, err := serialization.AppendJSON(nil, fn, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := serialization.FromJSON(fn, out); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

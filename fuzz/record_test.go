package fuzz_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// valueRecords are records of parameters with all kinds of values.
func valueRecords(t testing.TB, fn *metadata.Function) []*serialization.Record {
	t.Helper()
	flat := serialization.Params{
		"C": "AB", "N": "7", "D": "20260705", "T": "123456", "X": []byte{1}, "P": "1.25", "F": -1.5e-7, "I": -1, "S": 2, "B": 3, "L": 4,
		"A": "-1.2300", "E": "9.99E+20", "UP": "2026-07-05T12:34:56.1234567", "UN": "1582-10-04T00:00:00", "UW": "2026-07-05T12:34", "DD": "1582-10-15",
		"D7": "2020-W53", "DX": "2026-07", "TT": "24:00:00", "TI": "12:34", "DC": "02-29",
	}
	var list []*serialization.Record
	for _, values := range []serialization.Params{
		{
			"A": "x", "B": flat, "G": "text\r\n\t", "T": []serialization.Params{flat, {}}, "V": []serialization.Params{{}, {"L": []string{""}}},
			"C": serialization.Params{"G": "Gr\u00fc\u00dfe <&>", "Y": []byte{1, 2}, "U": flat, "H": []serialization.Params{flat}, "L": []string{"A", "B"}},
		},
		{"A": "", "C": serialization.Params{}},
		{},
	} {
		r := serialization.NewParameters(fn)
		for name, v := range values {
			if err := r.Set(name, v); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, r)
	}
	return list
}

// checkRecord asserts that a record survives every form it can take.
func checkRecord(t *testing.T, fn *metadata.Function, r *serialization.Record) {
	t.Helper()
	if c := r.Clone(); !c.Equal(r) || !r.Equal(c) {
		t.Fatal("a clone differs")
	}
	js, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back := serialization.NewParameters(fn)
	if err := json.Unmarshal(js, back); err != nil || !back.Equal(r) {
		t.Fatalf("JSON: %v\n%s", err, js)
	}
	switch doc, err := r.ToXML(); {
	case err == nil:
		back = serialization.NewParameters(fn)
		if err := back.FromXML(doc); err != nil || !back.Equal(r) {
			t.Fatalf("XML: %v\n%s\n%s", err, js, doc)
		}
		back = serialization.NewParameters(fn)
		if err := xml.Unmarshal(doc, back); err != nil || !back.Equal(r) {
			t.Fatalf("encoding/xml: %v\n%s\n%s", err, js, doc)
		}
	case !errors.Is(err, serialization.ErrConversion): // a character that XML lacks
		t.Fatal(err)
	}
	w := serialization.Writer{Function: fn, Reply: true, Requested: func(p *metadata.Parameter) bool { return r.Has(p.Name) }}
	b, err := w.Append(nil, r)
	if err != nil {
		t.Fatalf("what was checked cannot be sent: %v\n%s", err, js)
	}
	var s serialization.Section
	s.Reset(fn, serialization.Representation{}, true)
	items := chain.NewBytesReader(b, chain.Limits{})
	for int(items.Offset()) < len(b) {
		it, err := items.Next()
		if err == nil {
			_, err = s.Item(it)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Record(); err != nil || !got.Equal(r) {
		t.Fatalf("wire: %v\n%s", err, js)
	}
}

// FuzzRecordJSON reads arbitrary texts as JSON of a record: what is refused leaves the record
// as it was and says where, what is accepted can be sent and survives every form.
func FuzzRecordJSON(f *testing.F) {
	fn := serializationFunction(f)
	for _, r := range valueRecords(f, fn) {
		js, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(js)
	}
	f.Add([]byte(`{"A": null, "T": [{"I": 1}, {}], "C": {"L": ["A", {"": "B"}], "H": []}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := serialization.NewParameters(fn)
		if err := r.UnmarshalJSON(b); err != nil {
			var je *serialization.JSONError
			if !errors.As(err, &je) || je.Line < 1 || je.Column < 1 || !r.Equal(serialization.NewParameters(fn)) {
				t.Fatalf("%v", err)
			}
			return
		}
		checkRecord(t, fn, r)
	})
}

// FuzzRecordXML does the same with XML.
func FuzzRecordXML(f *testing.F) {
	fn := serializationFunction(f)
	for _, r := range valueRecords(f, fn) {
		doc, err := r.ToXML()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Add([]byte("<?xml version=\"1.0\"?>\n<A><T><item><I> 5 </I><D>20260705</D></item><item/></T><!-- --><G><![CDATA[<>]]>&amp;&#x41;</G></A>\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := serialization.NewParameters(fn)
		if err := r.FromXML(b); err != nil {
			var xe *serialization.XMLError
			if !errors.As(err, &xe) || xe.Line < 1 || xe.Column < 1 || !r.Equal(serialization.NewParameters(fn)) {
				t.Fatalf("%v", err)
			}
			return
		}
		checkRecord(t, fn, r)
	})
}

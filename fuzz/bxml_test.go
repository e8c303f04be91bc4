package fuzz_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/serialization"
)

// FuzzBXML reads arbitrary bytes as a basXML document, plain or as a DEFLATE stream, whole and
// cut in two. It must not panic nor take memory out of proportion, cutting must not matter,
// and what is accepted and can be read must be written and read again to the same bytes, with
// values that agree with those of the classic format.
func FuzzBXML(f *testing.F) {
	fn := serializationFunction(f)
	flat := serialization.Params{"C": "AB", "N": "7", "D": "20260705", "T": "123456", "X": []byte{1}, "P": "1.25", "F": 1.5, "I": -1, "S": 2, "B": 3, "L": 4}
	deep := serialization.Params{"G": "Grüße <&>", "Y": []byte{1, 2}, "U": flat, "H": []serialization.Params{flat, {}}, "L": []string{"A", ""}}
	for _, reply := range []bool{false, true} {
		for _, values := range []serialization.Params{
			{"C": deep, "V": []serialization.Params{deep, {}}},
			{"C": serialization.Params{}, "V": []serialization.Params{}},
		} {
			w := serialization.Writer{Function: fn, Reply: reply, Partial: true, Format: serialization.BasXML}
			b, err := w.Append(nil, values)
			if err != nil {
				f.Fatal(err)
			}
			var block bxml.Block
			var stream []byte
			r := chain.NewBytesReader(b, chain.Limits{})
			for int(r.Offset()) < len(b) {
				it, err := r.Next()
				if err != nil {
					f.Fatal(err)
				}
				if !bxml.Owns(it.Tag) {
					continue
				}
				if _, err := block.Item(it, nil); err != nil {
					f.Fatal(err)
				}
				if it.Tag == chain.CompactDeflated {
					stream = append(stream, it.Value...)
				}
			}
			doc, err := block.Document()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(doc, false, 3)
			if stream != nil {
				f.Add(stream, true, 10)
			}
		}
	}
	// Flat parameters, token 43, base64 and the textual variant, which are not written.
	f.Add([]byte("ZBXML?\x03VER\x030.7?\x03ENC\x05utf-8<asx:abap xmlns:asx=\"http://www.sap.com/abapxml\" version=\"1.0\"><asx:values>"+
		"<A>x</A><B><C>AB</C><X>AQID</X></B><G/><T asx:lines=\"1\"><FLAT><I>-1</I></FLAT></T></asx:values></asx:abap>"), false, 7)
	var w bxml.Writer
	w.Reset(nil)
	w.Open("T")
	w.Lines(1)
	w.Open("FLAT")
	w.Open("X")
	w.Text("AQID")
	w.Close()
	w.Open("L")
	w.Text("9223372036854775807")
	w.Close()
	w.Close()
	w.Close()
	w.Open("G")
	w.Text("text")
	w.Text("more")
	w.Close()
	doc, err := w.End()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc, false, 1)
	f.Add(bytes.Replace(doc, []byte("\x54\x04text"), []byte("\x43\x04text"), 1), false, 1)

	f.Fuzz(func(t *testing.T, b []byte, deflated bool, cut int) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tag, mark := chain.CompactPlain, []byte{1, 0}
		if deflated {
			tag, mark = chain.CompactDeflated, []byte{1, 1}
		}
		read := func(s *serialization.Section, pieces ...[]byte) (serialization.Params, error) {
			s.Reset(fn, serialization.Representation{}, true)
			items := []chain.Item{{Tag: chain.CompactOpen, Value: mark}}
			for _, p := range pieces {
				items = append(items, chain.Item{Tag: tag, Value: p})
			}
			if deflated {
				items = append(items, chain.Item{Tag: chain.CompactEnd})
			}
			for _, it := range items {
				if _, err := s.Item(it); err != nil {
					return nil, err
				}
			}
			if err := s.Finish(); err != nil {
				return nil, err
			}
			var p serialization.Params
			return p, s.Scan(&p)
		}
		var s serialization.Section
		p, err := read(&s, b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20+4096*uint64(len(b)) {
			t.Fatalf("%d bytes for %d", n, len(b))
		}
		if n := len(b); n > 0 {
			cut = ((cut % n) + n) % n
		} else {
			cut = 0
		}
		var s2 serialization.Section
		_, err2 := read(&s2, b[:cut], b[cut:])
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v, cut at %d: %v", err, cut, err2)
		}
		if doc, err := bxml.Parse(b); err == nil {
			for _, e := range doc.Elements() {
				if n := len(doc.AppendReadable(nil, e, 100)); n > 100 {
					t.Fatalf("%d bytes", n)
				}
			}
		}
		if err != nil {
			return
		}
		write := func(format serialization.Format, p serialization.Params) ([]byte, bool) {
			w := serialization.Writer{Function: fn, Reply: true, Format: format}
			out, err := w.Append(nil, p)
			return out, err == nil // an error is for example a NUL in a STRING, which is read but not written
		}
		section := func(b []byte) serialization.Params {
			var s serialization.Section
			s.Reset(fn, serialization.Representation{}, true)
			r := chain.NewBytesReader(b, chain.Limits{})
			for int(r.Offset()) < len(b) {
				it, err := r.Next()
				if err == nil {
					_, err = s.Item(it)
				}
				if err != nil {
					t.Fatalf("own bytes are refused: %v\n%x", err, b)
				}
			}
			var p serialization.Params
			if err := s.Finish(); err != nil {
				t.Fatal(err)
			}
			if err := s.Scan(&p); err != nil {
				t.Fatal(err)
			}
			return p
		}
		first, ok := write(serialization.BasXML, p)
		if !ok {
			return
		}
		second, ok := write(serialization.BasXML, section(first))
		if !ok || !bytes.Equal(first, second) {
			t.Fatalf("not a fixpoint:\n%x\n%x", first, second)
		}
		classic, ok := write(serialization.Classic, p)
		if !ok {
			t.Fatal("the classic format refuses what basXML holds")
		}
		third, ok := write(serialization.BasXML, section(classic))
		if !ok || !bytes.Equal(first, third) {
			t.Fatalf("the formats do not agree:\n%x\n%x", first, third)
		}
	})
}

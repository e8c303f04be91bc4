package fuzz_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/internal/wire"
)

const fastLimit = 1 << 20

// fastSeeds are containers of each form that is known, written by the encoder.
func fastSeeds(f *testing.F) [][]byte {
	f.Helper()
	scalar := func(name string, c fastser.TypeCode, width uint16, m fastser.Marker, data string) fastser.Parameter {
		return fastser.Parameter{
			Name: name, TypeName: `\TYPE=` + name, Fields: []fastser.Field{{Code: c, Width: width, Name: fastser.ScalarField}},
			Values: []fastser.Value{{Marker: m, Data: []byte(data)}},
		}
	}
	unnamed := fastser.Parameter{Name: "RFCSI_EXPORT", Fields: []fastser.Field{
		{Code: fastser.Char, Width: 6}, {Code: fastser.Char, Width: 64}, {Code: fastser.Int1}, {Code: fastser.Raw, Width: 3},
	}, Values: []fastser.Value{
		{Marker: fastser.Whole, Data: []byte("0\x001\x001\x00")},
		{Marker: fastser.Cut, Data: []byte("host")},
		{Marker: fastser.Initial},
		{Marker: fastser.Initial},
	}}
	bodies := []fastser.Body{
		{},
		{Listed: []string{"QUESTION", "MYANSWER"}, Parameters: []fastser.Parameter{
			scalar("QUESTION", fastser.Text, 0, fastser.String, strings.Repeat("ABC", 200)),
		}},
		{Parameters: []fastser.Parameter{
			scalar("N", fastser.Int4, 0, fastser.Number, "\x00\x01\x00\x00"), scalar("NAME", fastser.Char, 60, fastser.Cut, "ABCD"),
			{Name: "TAB", Table: true, TableID: 3, TypeName: `\TYPE=%_T00004S00000000O0000037072`},
		}},
		{Parameters: []fastser.Parameter{unnamed}},
	}
	var seeds [][]byte
	for _, b := range bodies {
		for _, o := range []fastser.Options{fastser.Plain, fastser.Plain | fastser.LZ4, fastser.Plain | fastser.Unnamed} {
			b.Header = fastser.Header{Version: 3, Understood: 3, Substitute: '#', Options: o}
			seed, err := b.AppendBinary(nil)
			if err != nil {
				f.Fatal(err)
			}
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

// fastSectionSeeds are containers with values for the parameters of serializationFunction.
func fastSectionSeeds(f *testing.F) [][]byte {
	f.Helper()
	name := func(name string, c fastser.TypeCode, width uint16) fastser.Field {
		return fastser.Field{Code: c, Width: width, Name: name}
	}
	cut := func(s string) fastser.Value { return fastser.Value{Marker: fastser.Cut, Data: []byte(s)} }
	text := func(s string) fastser.Value { return fastser.Value{Marker: fastser.String, Data: []byte(s)} }
	number := fastser.Value{Marker: fastser.Number, Data: []byte{1, 2, 0, 0}}
	initial := fastser.Value{Marker: fastser.Initial}
	body := fastser.Body{
		Header: fastser.Header{Version: 2, Understood: 3, Substitute: '#', Options: fastser.Plain},
		Listed: []string{"A", "B", "C", "G", "T", "V", "NEW"},
		Parameters: []fastser.Parameter{
			{Name: "A", TypeName: `\TYPE=CHAR30`, Fields: []fastser.Field{name(fastser.ScalarField, fastser.Char, 60)}, Values: []fastser.Value{cut("ABC")}},
			{Name: "B", TypeName: `\TYPE=FLAT`, Fields: []fastser.Field{
				name("C", fastser.Char, 10), name("N", fastser.Char, 8), name("D", fastser.Char, 16), name("T", fastser.Time, 0), name("X", fastser.Raw, 3),
				name("P", fastser.Int4, 0), name("F", fastser.Float, 0), name("I", fastser.Int4, 0), name("S", fastser.Int2, 0), name("L", fastser.Int4, 0),
			}, Values: []fastser.Value{cut("AB"), cut("42"), cut("20260705"), initial, initial, number, initial, number, initial, number}},
			{Name: "C", TypeName: `\TYPE=DEEP`, Fields: []fastser.Field{name("G", fastser.Text, 0), name("Y", fastser.XString, 0)}, Values: []fastser.Value{text("<&>"), initial}},
			{Name: "G", TypeName: `\TYPE=STRING`, Fields: []fastser.Field{name(fastser.ScalarField, fastser.Text, 0)}, Values: []fastser.Value{text("text")}},
			{Name: "T", Table: true, TableID: 1, TypeName: `\TYPE=%_T1`},
			{Name: "V", Table: true, TableID: 2, TypeName: `\TYPE=%_T2`},
		},
	}
	out, err := body.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	return append(fastSeeds(f), out)
}

// FuzzFastSerialization feeds containers to the reader. What it accepts fits into the bytes
// that were there, and comes back from the encoder: the same bytes if the body is plain, the
// same model in any case. What it refuses names a place inside.
func FuzzFastSerialization(f *testing.F) {
	for _, seed := range fastSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		b, err := fastser.Decode(value, fastLimit)
		checkFastBounds(t, &b, value)
		if err != nil {
			e, ok := errors.AsType[*wire.Error](err)
			if !ok || e.Offset < 0 || e.Offset > fastser.HeaderLen+fastLimit || len(err.Error()) > 1000 {
				t.Fatalf("error %v", err)
			}
			return
		}
		out, err := b.AppendBinary(nil)
		if err != nil {
			t.Fatalf("the encoder refuses what was read: %v", err)
		}
		if b.Header.Options&fastser.LZ4 == 0 && !bytes.Equal(out, value) {
			t.Fatalf("%x comes back as %x", value, out)
		}
		again, err := fastser.Decode(out, fastLimit)
		if err != nil {
			t.Fatalf("%x: %v", out, err)
		}
		twice, err := again.AppendBinary(nil)
		if err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("no fixpoint: %x, %x, %v", out, twice, err)
		}
	})
}

// checkFastBounds adds up what was taken: never more than the body could hold.
func checkFastBounds(t *testing.T, b *fastser.Body, value []byte) {
	t.Helper()
	room := len(value)
	if b.Header.Options&fastser.LZ4 != 0 {
		room = min(255*room, fastLimit)
	}
	used, fields := 0, 0
	for _, name := range b.Listed {
		used += 2 + len(name)
	}
	for _, p := range b.Parameters {
		used += 2 + len(p.Name) + len(p.TypeName) + len(p.Fields)
		fields += len(p.Fields)
		if len(p.Values) > len(p.Fields) {
			t.Fatalf("%d values for %d fields", len(p.Values), len(p.Fields))
		}
		for _, f := range p.Fields {
			used += len(f.Name)
		}
		for _, v := range p.Values {
			used += 1 + len(v.Data)
		}
	}
	if used > room || fields > fastser.MaxFields {
		t.Fatalf("%d bytes and %d fields out of %d bytes", used, fields, room)
	}
}

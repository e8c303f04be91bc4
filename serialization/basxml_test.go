package serialization

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// bxmlDocument writes the notation of spec 43.3 behind the envelope: hex bytes, and words in
// quotes as length and text. Two closes end it.
func bxmlDocument(t testing.TB, notation string) []byte {
	t.Helper()
	var w bxml.Writer
	w.Reset(nil)
	b, err := w.End()
	require.NoError(t, err)
	b = b[:len(b)-2]
	for word := range strings.FieldsSeq(notation) {
		if s, ok := strings.CutPrefix(word, "'"); ok {
			require.Less(t, len(s), 128)
			b = append(append(b, byte(len(s))), s...)
			continue
		}
		raw, err := hex.DecodeString(word)
		require.NoError(t, err, word)
		b = append(b, raw...)
	}
	return append(b, 0x3e, 0x3e)
}

// block carries a document in items 4000 and 4001.
func block(doc []byte) []chain.Item {
	return []chain.Item{item(chain.CompactOpen, []byte{1, 0}), item(chain.CompactPlain, doc)}
}

// sectionOf feeds items of a reply of f.
func sectionOf(f *metadata.Function, items ...chain.Item) (*Section, error) {
	var s Section
	s.Reset(f, Representation{}, true)
	for _, it := range items {
		if _, err := s.Item(it); err != nil {
			return &s, err
		}
	}
	return &s, s.Finish()
}

// The worked example of spec 43.3, written and read by the layer of values.
func TestBasXMLExample(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("LINE", "METHOD:g")
	f, err := d.Function("Z_REST", "CHANGING REQUEST:{LINE}\nCHANGING FLAT:I")
	require.NoError(t, err)
	doc := bxmlDocument(t, "2b 'REQUEST 3c 09 01 2b 'METHOD 3c 0a 01 54 'GET 3e 3e")
	require.Len(t, doc, 176)
	in := Params{"REQUEST": Params{"METHOD": "GET"}, "FLAT": 7}
	for _, reply := range []bool{false, true} {
		w := Writer{Function: f, Format: BasXML, Reply: reply}
		b, err := w.Append(nil, in)
		require.NoError(t, err)
		items := itemsOf(t, chain.AppendEnd(b))
		var tags []string
		for _, it := range items {
			tags = append(tags, fmt.Sprintf("%04x", uint16(it.Tag)))
		}
		if reply {
			require.Equal(t, "0205 0205 0201 0203 4000 4002 4004", strings.Join(tags, " "))
			require.Equal(t, []byte{1, 1}, items[4].Value)
		} else {
			require.Equal(t, "0205 0205 0201 0203 4000 4001", strings.Join(tags, " "))
			require.Equal(t, []byte{1, 0}, items[4].Value)
			require.Equal(t, hex.Dump(doc), hex.Dump(items[5].Value))
		}
		var s Section
		s.Reset(f, Representation{}, reply)
		require.NoError(t, feed(&s, b))
		require.Equal(t, BasXML, s.Format())
		var out Params
		require.NoError(t, s.Scan(&out))
		require.Equal(t, Params{"REQUEST": Params{"METHOD": "GET"}, "FLAT": int32(7)}, out)
		s.Reset(f, Representation{}, reply)
		require.Equal(t, Classic, s.Format())
	}
}

// The order of items: between the parameters and the end in a request; behind 0203 and in
// front of the tables, which follow 0130 on the wire of some systems, in a reply.
func TestBasXMLPosition(t *testing.T) {
	t.Parallel()
	f := function(t, "CHANGING A:[DEEPTAB]\nCHANGING B:I\nCHANGING C:[DEEPTAB]\nTABLES T:[T10]\nTABLES U:[ABAPTEXT]")
	in := Params{"A": []Params{{}}, "B": 1, "C": []Params{}, "T": []Params{{}}, "U": []Params{{}}}
	for reply, want := range map[bool]string{
		false: "0205 0205 0205 0205 0205 0201 0203 0301 0330 0302 0303 4000 4002 4004",
		true:  "0205 0205 0205 0205 0201 0203 4000 4002 4004 0301 0330 0302 0304",
	} {
		big := Params{"A": []Params{{"STR": strings.Repeat("x", 600)}}, "B": 1, "C": []Params{}, "T": []Params{{}}, "U": []Params{{}}}
		w := Writer{Function: f, Format: BasXML, Reply: reply, TableIDs: true}
		b, err := w.Append(nil, big)
		require.NoError(t, err)
		var tags []string
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			tags = append(tags, fmt.Sprintf("%04x", uint16(it.Tag)))
		}
		require.Equal(t, want, strings.Join(tags, " "))
	}
	w := Writer{Function: f, Format: BasXML}
	b, err := w.Append(nil, in)
	require.NoError(t, err)
	// Between table groups, at the end, or in front of everything: readers do not depend on it.
	items := itemsOf(t, chain.AppendEnd(b))
	n := len(items)
	for at := range n - 1 {
		if tag := items[at].Tag; tag == chain.ParameterValue || tag == chain.TableInfo || tag == chain.TableRow {
			continue // inside a pair or a group
		}
		moved := append(append(append([]chain.Item{}, items[:at]...), items[n-2:]...), items[at:n-2]...)
		var s Section
		s.Reset(f, Representation{}, false)
		for _, it := range moved {
			_, err := s.Item(it)
			require.NoError(t, err)
		}
		require.NoError(t, s.Finish())
		require.True(t, s.Has(0) && s.Has(1) && s.Has(2) && s.Has(3) && s.Has(4))
	}
	// Nothing deep, no document: the section is the classic one.
	w.Partial = true
	flat, err := w.Append(nil, Params{"B": 1})
	require.NoError(t, err)
	w.Format = Classic
	classic, err := w.Append(nil, Params{"B": 1})
	require.NoError(t, err)
	require.Equal(t, classic, flat)
}

const rowsNotation = "2b 'lines 40 0a 03 41 '2 2b '%s 3c 0b 01 2b 'I 3c 0c 01 54 '1 3e 3e 3c 0b 01 3c 0c 01 54 '-2 3e 3e"

func TestBasXMLDocuments(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("ODD", "item:I lines:g")
	f := function(t, "EXPORTING A:[DEEPTAB]\nEXPORTING B:I\nEXPORTING C:C5\nIMPORTING IN:I\nTABLES T:[T10]\nEXPORTING X:X3")
	require.NoError(t, d.Err())
	two := []Params{{"I": int32(1), "C": "", "STR": "", "XSTR": []byte{}}, {"I": int32(-2), "C": "", "STR": "", "XSTR": []byte{}}}
	one := func(name string, value any) []Params {
		p := Params{"I": int32(0), "C": "", "STR": "", "XSTR": []byte{}}
		p[name] = value
		return []Params{p}
	}
	row := func(field, content string) string {
		return "2b 'A 3c 09 01 2b 'item 3c 0a 01 2b '" + field + " 3c 0b 01 " + content + " 3e 3e 3e"
	}
	for name, tt := range map[string]struct {
		doc  string
		want any
	}{
		"rows named item":           {"2b 'A 3c 09 01 " + fmt.Sprintf(rowsNotation, "item") + " 3e", two},
		"rows named by their type":  {"2b 'A 3c 09 01 " + fmt.Sprintf(rowsNotation, "ABAPTEXT") + " 3e", two},
		"rows named by anything":    {"2b 'A 3c 09 01 " + fmt.Sprintf(rowsNotation, "_-NS_-ROW") + " 3e", two},
		"no lines":                  {strings.Replace("2b 'A 3c 09 01 "+fmt.Sprintf(rowsNotation, "item")+" 3e", "40 0a 03 41 '2", "", 1), two},
		"no rows":                   {"2b 'A 3c 09 01 2b 'lines 40 0a 03 41 '0 3e", []Params{}},
		"initial table":             {"2b 'A 3c 09 01 3e", []Params{}},
		"parameter left out":        {"", []Params{}},
		"XSTRING in base64":         {row("XSTR", "54 '3q2+7w=="), one("XSTR", []byte{0xde, 0xad, 0xbe, 0xef})},
		"XSTRING in base64 with LF": {row("XSTR", "54 0a 33710a322b37770d3d3d"), one("XSTR", []byte{0xde, 0xad, 0xbe, 0xef})},
		"XSTRING opaque":            {row("XSTR", "42 04 deadbeef"), one("XSTR", []byte{0xde, 0xad, 0xbe, 0xef})},
		"XSTRING in token 43":       {row("XSTR", "43 '3q2+7w=="), one("XSTR", []byte{0xde, 0xad, 0xbe, 0xef})},
		"STRING in token 43":        {row("STR", "43 'a&amp;b"), one("STR", "a&amp;b")},
		"STRING in pieces":          {row("STR", "54 01 c3 43 01 bc"), one("STR", "\u00fc")},
		"STRING keeps blanks":       {row("STR", "54 04 20410a20"), one("STR", " A\n ")},
		"CHAR is trimmed":           {row("C", "54 04 20412020"), one("C", " A")},
		"number with sign":          {row("I", "54 04 2b303037"), one("I", int32(7))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sectionOf(f, block(bxmlDocument(t, tt.doc))...)
			require.NoError(t, err)
			got, err := s.Value("A")
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			n := 0
			for row, err := range Rows[Params](s, "A") {
				require.NoError(t, err)
				require.Equal(t, tt.want.([]Params)[n], row)
				n++
			}
			require.Len(t, tt.want, n)
		})
	}
	t.Run("empty elements are initial", func(t *testing.T) {
		t.Parallel()
		d := testDictionary()
		d.Structure("KINDS", "S:g C:C5 N:N4 D:D T:T X:X3 P:P5.2 F:F I:I I2:s I1:b I8:8 Y:y L:[C3] U:{RFCTEST}")
		f, err := d.Function("Z", "EXPORTING V:{KINDS}")
		require.NoError(t, errors.Join(d.Err(), err))
		var w bxml.Writer
		w.Reset(nil)
		w.Open("V")
		for _, name := range []string{"S", "C", "N", "D", "T", "X", "P", "F", "I", "I2", "I1", "I8", "Y", "L", "U"} {
			w.Open(name)
			w.Close()
		}
		w.Close()
		doc, err := w.End()
		require.NoError(t, err)
		s, err := sectionOf(f, block(doc)...)
		require.NoError(t, err)
		got, err := s.Value("V")
		require.NoError(t, err)
		s, err = sectionOf(f)
		require.NoError(t, err)
		want, err := s.Value("V")
		require.NoError(t, err)
		require.Equal(t, want, got)
		// Blanks in place of a date or time stay blanks, in both formats.
		for _, format := range []Format{Classic, BasXML} {
			w := Writer{Function: f, Reply: true, Format: format}
			b, err := w.Append(nil, Params{"V": Params{"D": "        ", "T": "      "}})
			require.NoError(t, err)
			var s Section
			s.Reset(f, Representation{}, true)
			require.NoError(t, feed(&s, b))
			got, err := s.Value("V")
			require.NoError(t, err)
			require.True(t, got.(Params)["D"].(abap.Date).IsBlank(), format)
			require.True(t, got.(Params)["T"].(abap.Time).IsBlank(), format)
		}
	})
	t.Run("a field called item", func(t *testing.T) {
		t.Parallel()
		d := new(metadata.Dictionary)
		d.Structure("ODD", "ITEM:I LINES:g")
		f, err := d.Function("Z", "CHANGING A:[ODD]")
		require.NoError(t, err)
		in := Params{"A": []Params{{"ITEM": int32(1), "LINES": "x"}, {"ITEM": int32(2), "LINES": ""}}}
		for _, format := range []Format{Classic, BasXML} {
			w := Writer{Function: f, Format: format}
			b, err := w.Append(nil, in)
			require.NoError(t, err)
			var s Section
			s.Reset(f, Representation{}, false)
			require.NoError(t, feed(&s, b))
			var out Params
			require.NoError(t, s.Scan(&out))
			require.Equal(t, in, out)
		}
	})
	t.Run("flat parameters may stand in it", func(t *testing.T) {
		t.Parallel()
		s, err := sectionOf(f, block(bxmlDocument(t, `2b 'B 3c 09 01 54 '42 3e 2b 'C 3c 0a 01 54 'ab 3e 2b 'X 3c 0b 01 3e 2b 'UNKNOWN 3c 0c 01 3c 09 01 54 'x 3e 3e 2b 'IN 3c 0d 01 3e
			2b 'T 3c 0e 01 2b 'lines 40 0f 03 41 '1 2b 'T10 3c 10 01 2b 'MATNR 3c 11 01 54 'M1 3e 3e 3e`))...)
		require.NoError(t, err)
		require.Equal(t, []string{"UNKNOWN", "IN"}, s.Unknown())
		var out struct {
			B int
			C *string
			T []t10
			X [3]byte
		}
		require.NoError(t, s.Scan(&out))
		require.Equal(t, 42, out.B)
		require.Equal(t, "ab", *out.C)
		require.Len(t, out.T, 1)
		require.Equal(t, "M1", out.T[0].Matnr)
		_, err = s.Table("T")
		require.ErrorIs(t, err, ErrShape)
		cols, err := s.Columns("T")
		require.NoError(t, err)
		require.Equal(t, 1, cols.Rows)
		for row, err := range Rows[t10](s, "T") {
			require.NoError(t, err)
			require.Equal(t, "M1", row.Matnr)
		}
	})
	t.Run("several documents, one per bracket", func(t *testing.T) {
		t.Parallel()
		a, b := bxmlDocument(t, "2b 'A 3c 09 01 3e"), bxmlDocument(t, "2b 'B 3c 09 01 54 '1 3e")
		s, err := sectionOf(f, item(chain.XMLBracket, nil), item(chain.XMLPiece, a[:5]), item(chain.XMLPiece, a[5:]), item(chain.XMLBracket, nil),
			item(chain.XMLBracket, nil), item(chain.XMLPiece, b), item(chain.XMLBracket, nil))
		require.NoError(t, err)
		require.Equal(t, BasXML, s.Format())
		require.True(t, s.Has(f.Index("A")) && s.Has(f.Index("B")))
	})
}

func TestB113BasXMLValues(t *testing.T) {
	t.Parallel()
	f := function(t, "EXPORTING A:[DEEPTAB]\nEXPORTING B:I\nEXPORTING ROW:{ABAPTEXT}")
	row := func(field, content string) string {
		return "2b 'A 3c 09 01 2b 'item 3c 0a 01 2b '" + field + " 3c 0b 01 " + content + " 3e 3e 3e"
	}
	for name, tt := range map[string]struct {
		doc   string
		class error
		text  string
	}{
		"lines too small":       {"2b 'A 3c 09 01 2b 'lines 40 0a 03 41 '0 2b 'item 3c 0b 01 3e 3e", wire.ErrMalformed, "0 rows as attribute lines says, got 1"},
		"lines too large":       {"2b 'A 3c 09 01 2b 'lines 40 0a 03 41 '999999999 2b 'item 3c 0b 01 3e 3e", wire.ErrMalformed, "999999999 rows"},
		"lines of a structure":  {"2b 'ROW 3c 09 01 2b 'lines 40 0a 03 41 '0 3e", wire.ErrMalformed, "lines"},
		"lines of a scalar":     {"2b 'B 3c 09 01 2b 'lines 40 0a 03 41 '0 3e", wire.ErrMalformed, "rows"},
		"two row names":         {"2b 'A 3c 09 01 2b 'item 3c 0a 01 3e 2b 'ITEM 3c 0b 01 3e 3e", wire.ErrMalformed, `rows named "item"`},
		"unknown field":         {row("NEW", ""), ErrStale, `"NEW"`},
		"field twice":           {"2b 'A 3c 09 01 2b 'item 3c 0a 01 2b 'I 3c 0b 01 3e 3c 0b 01 3e 3e 3e", nil, ""},
		"text in a row":         {"2b 'A 3c 09 01 2b 'item 3c 0a 01 54 'x 3e 3e", wire.ErrMalformed, "an element"},
		"text in a table":       {"2b 'A 3c 09 01 54 'x 3e", wire.ErrMalformed, "an element"},
		"element in a field":    {row("I", "3c 09 01 3e"), wire.ErrMalformed, "a value"},
		"opaque number":         {row("I", "42 01 31"), wire.ErrMalformed, "text for INT, got opaque bytes"},
		"opaque STRING":         {row("STR", "42 01 31"), wire.ErrMalformed, "opaque"},
		"opaque and base64":     {row("XSTR", "42 01 31 54 'AA=="), wire.ErrMalformed, "both"},
		"no base64":             {row("XSTR", "54 'AA=A"), ErrConversion, "A[0].XSTR"},
		"no number":             {row("I", "54 'x"), ErrConversion, "A[0].I"},
		"too long":              {row("C", "54 '0123456789A"), ErrConversion, "A[0].C"},
		"parameter twice":       {"2b 'A 3c 09 01 3e 3c 09 01 3e", wire.ErrMalformed, "A twice"},
		"name of a parameter":   {"2b '_--0 3c 09 01 3e", wire.ErrMalformed, "hex digits"},
		"more than 254 names":   {strings.Repeat("2b 'A ", 248), ErrUnsupported, "254 names not supported"},
		"unknown attribute":     {"2b 'A 3c 09 01 2b 'id 40 0a 01 41 '1 3e", ErrUnsupported, `attribute "id"`},
		"deeper than the types": {"2b 'UNKNOWN " + strings.Repeat("3c 09 01 ", 68) + strings.Repeat("3e ", 68), wire.ErrLimit, "67 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sectionOf(f, block(bxmlDocument(t, tt.doc))...)
			if err == nil {
				err = s.Scan(&Params{})
			}
			require.Error(t, err)
			if tt.class != nil {
				require.ErrorIs(t, err, tt.class)
			}
			require.ErrorContains(t, err, tt.text)
		})
	}
	// The merge by name: in the document and outside of it is twice.
	twice := block(bxmlDocument(t, "2b 'B 3c 09 01 3e"))
	for _, items := range [][]chain.Item{
		append([]chain.Item{item(chain.ParameterName, utf16("B")), item(chain.ParameterValue, make([]byte, 4))}, twice...),
		append(twice[:2:2], item(chain.ParameterName, utf16("B")), item(chain.ParameterValue, make([]byte, 4))),
		append(twice[:2:2], item(chain.XMLBracket, nil), item(chain.XMLPiece, []byte("<B>1</B>")), item(chain.XMLBracket, nil)),
	} {
		_, err := sectionOf(f, items...)
		require.ErrorIs(t, err, wire.ErrMalformed)
		require.ErrorContains(t, err, "parameter B twice")
	}
	for _, b := range [][]byte{nil, []byte("<B>1</B>"), []byte("B"), []byte("bxml")} {
		_, err := sectionOf(f, block(b)...)
		require.ErrorIs(t, err, wire.ErrMalformed, "%q", b)
	}
}

func TestB118CompressedInsideCompressed(t *testing.T) {
	t.Parallel()
	f := function(t, "EXPORTING B:I")
	once, err := bxml.AppendBlock(nil, bxmlDocument(t, ""), true, nil)
	require.NoError(t, err)
	inner := itemsOf(t, chain.AppendEnd(once))[1].Value
	again, err := bxml.AppendBlock(nil, inner, true, nil)
	require.NoError(t, err)
	_, err = sectionOf(f, itemsOf(t, chain.AppendEnd(again))...)
	require.ErrorIs(t, err, wire.ErrMalformed)
}

// A section that ends inside the block, cut between any two items and at any byte.
func TestBasXMLTruncated(t *testing.T) {
	t.Parallel()
	f := function(t, "CHANGING A:[DEEPTAB]\nCHANGING B:I")
	for _, reply := range []bool{false, true} {
		w := Writer{Function: f, Format: BasXML, Reply: reply}
		b, err := w.Append(nil, Params{"A": []Params{{"I": 1, "STR": "Grüße", "XSTR": []byte{1, 2}}}, "B": 2})
		require.NoError(t, err)
		for n := range len(b) {
			var s Section
			s.Reset(f, Representation{}, reply)
			err := feed(&s, b[:n])
			if err == nil && s.Has(0) {
				t.Fatalf("cut at %d of %d: the document is whole", n, len(b))
			}
			s.Reset(f, Representation{}, reply)
			r := chain.NewBytesReader(b[:n], chain.Limits{})
			for {
				it, err := r.Next()
				if err != nil {
					break
				}
				if _, err = s.Item(it); err != nil {
					break
				}
			}
			if s.Finish() == nil && s.Has(0) {
				t.Fatalf("cut at %d of %d: the document is whole", n, len(b))
			}
		}
	}
}

// asxSink writes the textual variant, for tests only.
type asxSink struct {
	xmlSink
	r *rand.Rand
}

func (s *asxSink) rows(n int) {
	s.b = fmt.Appendf(s.b[:len(s.b)-1], " asx:lines=%q>", strconv.Itoa(n))
}

func (s *asxSink) close(tag string) {
	if s.r.IntN(2) == 0 && s.b[len(s.b)-1] == '>' && s.b[len(s.b)-2] != '/' {
		if i := bytes.LastIndexByte(s.b, '<'); bytes.HasPrefix(s.b[i+1:], []byte(tag)) { // empty so far
			s.b = append(s.b[:len(s.b)-1], "/>"...)
			return
		}
	}
	s.xmlSink.close(tag)
}

const (
	asxHead = "ZBXML?\x03VER\x030.7?\x03ENC\x05utf-8<asx:abap xmlns:asx=\"http://www.sap.com/abapxml\" version=\"1.0\"><asx:values>"
	asxTail = "</asx:values></asx:abap>"
)

// Random values are the same whatever the form: classic cells and rows with XML documents,
// binary XML for what is deep, binary XML for everything, and the textual variant.
func TestFormatsAgreeOnRandomValues(t *testing.T) {
	t.Parallel()
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 43))
		d, n := new(metadata.Dictionary), 0
		flat, deep := randomType(r, d, &n, 2, false), randomType(r, d, &n, 2, true)
		require.NoError(t, d.Err())
		f, err := d.Function("Z_RANDOM", fmt.Sprintf(
			"CHANGING A:{%[1]s}\nCHANGING B:{%[2]s}\nCHANGING C:[%[1]s]\nTABLES D:[%[1]s]\nTABLES E:[%[2]s]\nCHANGING G:g\nCHANGING H:C20\nCHANGING Y:y", flat, deep))
		require.NoError(t, err)
		in := Params{}
		for i := range f.Parameters {
			in[f.Parameters[i].Name] = randomValue(r, &f.Parameters[i].Field)
		}
		reply := seed%2 == 0
		read := func(format Format, items []chain.Item) Params {
			var s Section
			s.Reset(f, Representation{}, reply)
			for _, it := range items {
				_, err := s.Item(it)
				require.NoError(t, err, "seed %d", seed)
			}
			require.NoError(t, s.Finish())
			require.Equal(t, format, s.Format())
			var out Params
			require.NoError(t, s.Scan(&out), "seed %d", seed)
			for _, name := range []string{"D", "E"} {
				if _, ok := out[name]; !ok { // a request does not send a table without rows
					out[name] = reflect.MakeSlice(defaultType(&f.Parameters[f.Index(name)].Field), 0, 0).Interface()
				}
			}
			return out
		}
		write := func(format Format) []chain.Item {
			w := Writer{Function: f, Reply: reply, Format: format}
			b, err := w.Append(nil, in)
			require.NoError(t, err, "seed %d", seed)
			return itemsOf(t, chain.AppendEnd(b))
		}
		want := read(Classic, write(Classic))
		require.Equal(t, want, read(BasXML, write(BasXML)), "seed %d", seed)

		// One document with all parameters, flat ones too.
		w := Writer{Function: f}
		all, text := bxmlSink{reply: reply}, asxSink{r: r}
		all.Reset(nil)
		text.b = append(text.b, asxHead...)
		for _, out := range []sink{&all, &text} {
			x := w.walker(out)
			x.blanks = true
			for i := range f.Parameters {
				p := &f.Parameters[i]
				require.NoError(t, x.parameter(p, value{v: in[p.Name]}, true))
			}
		}
		doc, err := all.End()
		require.NoError(t, err)
		require.Equal(t, want, read(BasXML, block(doc)), "seed %d", seed)
		doc = append(text.b, asxTail...)
		require.Equal(t, want, read(BasXML, block(doc)), "seed %d: %s", seed, doc)
	}
}

// Typed values take the same way.
func TestBasXMLIntoStructs(t *testing.T) {
	t.Parallel()
	type row struct {
		I    int32
		C    string
		Str  string `rfc:"STR"`
		Xstr []byte `rfc:"XSTR"`
	}
	type call struct {
		A []row
		B []*row
		N [][]byte
	}
	f := function(t, "CHANGING A:[DEEPTAB]\nTABLES B:[ABAPTEXT]\nCHANGING N:[y]")
	in := call{
		A: []row{{1, "c", "Grüße <&>\x01", []byte{0, 1}}, {}},
		B: []*row{{-1, "", strings.Repeat("long ", 20_000), make([]byte, 56_000)}}, // a length that is no code point
		N: [][]byte{{1}, {}},
	}
	in.A[1].Xstr = []byte{}
	for _, reply := range []bool{false, true} {
		w := Writer{Function: f, Format: BasXML, Reply: reply}
		b, err := w.Append(nil, &in)
		require.NoError(t, err)
		var s Section
		s.Reset(f, Representation{}, reply)
		require.NoError(t, feed(&s, b))
		var out call
		require.NoError(t, s.Scan(&out))
		require.Equal(t, in, out)
		for r, err := range Rows[row](&s, "A") {
			require.NoError(t, err)
			require.Equal(t, in.A[0], r)
			break
		}
	}
}

// What binary XML cannot hold makes the section classic, whatever it is.
func TestBasXMLFallsBackToXRFC(t *testing.T) {
	t.Parallel()
	tagsOf := func(w *Writer, in any) map[chain.Tag]int {
		b, err := w.Append(nil, in)
		require.NoError(t, err)
		tags := map[chain.Tag]int{}
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			tags[it.Tag]++
		}
		var s Section
		s.Reset(w.Function, Representation{}, w.Reply)
		require.NoError(t, feed(&s, b))
		require.NoError(t, s.Scan(&Params{}))
		return tags
	}
	// A parameter and its fields: 246 names besides the seven of the envelope.
	for _, fields := range []int{244, 245, 246, 247, 300} {
		for _, reply := range []bool{false, true} {
			d := new(metadata.Dictionary)
			var list []string
			for i := range fields {
				list = append(list, fmt.Sprintf("F%d:g", i))
			}
			d.Structure("WIDE", strings.Join(list, " "))
			f, err := d.Function("Z", "CHANGING P:{WIDE}\nCHANGING T:[WIDE] OPTIONAL")
			require.NoError(t, errors.Join(d.Err(), err))
			w := Writer{Function: f, Format: BasXML, Reply: reply, Requested: func(p *metadata.Parameter) bool { return p.Name == "P" }}
			tags := tagsOf(&w, Params{"P": Params{"F1": "x"}})
			binary := 7+1+fields <= 253
			require.Equal(t, binary, tags[chain.CompactOpen] == 1, fields)
			require.Equal(t, !binary, tags[chain.XMLBracket] == 2, fields)
			// A table brings its name, lines, and the name of its rows.
			w = Writer{Function: f, Format: BasXML, Reply: reply, Partial: true, Requested: func(p *metadata.Parameter) bool { return p.Name == "T" }}
			tags = tagsOf(&w, Params{"T": []Params{}})
			binary = 7+3+fields <= 253
			require.Equal(t, binary, tags[chain.CompactOpen] == 1, fields)
			require.Equal(t, !binary, tags[chain.XMLBracket] == 2, fields)
		}
	}
	// A text that no length can count.
	f := function(t, "CHANGING A:[DEEPTAB]\nCHANGING B:[DEEPTAB]")
	long := strings.Repeat("x", bxml.MaxLength+1)
	w := Writer{Function: f, Format: BasXML}
	tags := tagsOf(&w, Params{"A": []Params{{}}, "B": []Params{{"STR": long[1:]}}})
	require.Equal(t, 1, tags[chain.CompactOpen])
	tags = tagsOf(&w, Params{"A": []Params{{}}, "B": []Params{{}, {"STR": long}}})
	require.Zero(t, tags[chain.CompactOpen])
	require.Equal(t, 4, tags[chain.XMLBracket])
	tags = tagsOf(&w, Params{"A": []Params{{}}, "B": []Params{{"XSTR": []byte(long)}}})
	require.Zero(t, tags[chain.CompactOpen])
	// Rows that come one by one are gone by then.
	rows := Sequence[Params]{Count: 2, Seq: func(yield func(Params) bool) { _ = yield(Params{}) && yield(Params{"STR": long}) }}
	dst := []byte("before")
	b, err := w.Append(dst, Params{"A": []Params{}, "B": rows})
	require.EqualError(t, err, "B[1].STR: basXML: cannot be written as binary XML: a text of 1114112 bytes, at most 1114111")
	require.ErrorIs(t, err, ErrConversion)
	require.Equal(t, dst, b)
	w.Format = Classic
	_, err = w.Append(nil, Params{"A": []Params{}, "B": rows})
	require.NoError(t, err)
	// Bad values are no reason to fall back.
	w.Format = BasXML
	_, err = w.Append(nil, Params{"A": []Params{{"I": "x"}}, "B": []Params{}})
	require.ErrorContains(t, err, "A[0].I")
}

// The rows of a document are decoded one by one: the memory of a row does not depend on
// their number.
func TestBasXMLRowsInConstantMemory(t *testing.T) { // alone, because it counts memory
	type line struct {
		I   int32
		Str string `rfc:"STR"`
	}
	f := function(t, "TABLES T:[ABAPTEXT]")
	message := func(n int) []chain.Item {
		w := Writer{Function: f, Format: BasXML, Reply: true}
		rows := Sequence[Params]{Count: n, Seq: func(yield func(Params) bool) {
			row := Params{}
			for i := range n {
				row["I"], row["STR"] = i, strconv.Itoa(i)
				if !yield(row) {
					return
				}
			}
		}}
		b, err := w.Append(nil, Params{"T": rows})
		require.NoError(t, err)
		return itemsOf(t, chain.AppendEnd(b))
	}
	const n = 50_000
	items := message(n)
	s, err := sectionOf(f, items...)
	require.NoError(t, err)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	k, before := 0, uint64(0)
	for row, err := range Rows[line](s, "T") {
		if err != nil || row.I != int32(k) || row.Str != strconv.Itoa(k) {
			t.Fatal(k, row, err)
		}
		if k++; k == 10 {
			before = heap()
		}
		if k == n {
			require.Less(t, heap(), before+256<<10, "rows are not kept")
		}
	}
	require.Equal(t, n, k)
}

// A reused section keeps nothing of the document before.
func TestBasXMLSectionReuse(t *testing.T) {
	t.Parallel()
	f := function(t, "EXPORTING A:[DEEPTAB]\nEXPORTING B:I")
	var s Section
	s.Copy = true
	for i, doc := range [][]byte{bxmlDocument(t, "2b 'A 3c 09 01 3e 2b 'B 3c 0a 01 54 '7 3e"), bxmlDocument(t, ""), []byte(asxHead + "<B>9</B>" + asxTail)} {
		s.Reset(f, Representation{}, true)
		b := bytes.Clone(doc)
		for _, it := range block(b) {
			_, err := s.Item(it)
			require.NoError(t, err)
		}
		for k := range b {
			b[k] = 'x' // the items do not stay valid
		}
		require.NoError(t, s.Finish())
		v, err := s.Value("B")
		require.NoError(t, err)
		require.Equal(t, []int32{7, 0, 9}[i], v)
		require.Equal(t, i != 1, s.Has(1))
	}
}

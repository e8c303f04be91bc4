package serialization

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// The tests of this file range over the published vectors, so that a new entry is tested as
// soon as it is there.

// reversed turns the bytes of a hex text round.
func reversed(t testing.TB, text string) string {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	slices.Reverse(b)
	return hex.EncodeToString(b)
}

func TestTypeVectors(t *testing.T) {
	t.Parallel()
	var v struct {
		Scalars []struct {
			Type     string
			Chars    int `json:"len_chars"`
			Len      int
			Value    any
			ValueHex string `json:"value_hex"`
			LE       string `json:"uc_le"`
			BE       string `json:"uc_be"`
			Latin1   string `json:"nuc_1100"`
			Wire     string
		}
		BCD []struct {
			Value         string
			Len, Decimals int
			Hex           string
		} `json:"bcd"`
		Reject []struct {
			Hex string
			Len int
		} `json:"bcd_reject"`
		DecFloat []struct {
			Type, Value string
			Hex         string `json:"hex_le"`
		} `json:"decfloat"`
		Temporal []struct {
			EXID, Text string
			Raw        int64
			Hex        string `json:"hex_le"`
		} `json:"temporal"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &v))
	be := Representation{BigEndian: true, Text: lookup(t, "4102")}
	nuc := Representation{Text: lookup(t, "1100")}
	require.NotEmpty(t, v.Scalars)
	for _, s := range v.Scalars {
		require.NotEmpty(t, s.LE+s.Wire, "a row without bytes")
		typ := s.Type
		if s.Chars > 0 {
			typ += fmt.Sprint(s.Chars)
		}
		if s.Len > 0 {
			typ += fmt.Sprint(s.Len)
		}
		value := s.Value
		switch {
		case value == "initial":
			value = ""
		case value == "blank":
			value = strings.Repeat(" ", 8)
		case s.Type == "X" || s.Type == "y":
			value, _ = hex.DecodeString(s.ValueHex)
		}
		for rep, want := range map[Representation]string{{}: s.LE + s.Wire, be: s.BE, nuc: s.Latin1} {
			if want == "" {
				continue
			}
			b, err := wireValue(t, typ, value, rep, Options{})
			require.NoError(t, err, typ)
			require.Equal(t, want, hex.EncodeToString(b), "%s %v", typ, value)
			back, err := readValue(t, typ, b, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, vectorText(s.Type, s.Chars, s.Len, value), vectorText(s.Type, s.Chars, s.Len, back))
			again, err := wireValue(t, typ, back, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	}
	require.NotEmpty(t, v.DecFloat)
	for _, p := range v.DecFloat {
		typ := map[string]string{"DECFLOAT16": "a", "DECFLOAT34": "e"}[p.Type]
		want, err := abap.ParseDecimal(p.Value)
		require.NoError(t, err)
		for rep, hexText := range map[Representation]string{{}: p.Hex, be: reversed(t, p.Hex), nuc: p.Hex} {
			o := Options{DecimalSpecials: !want.IsFinite()}
			for _, value := range []any{p.Value, want} {
				b, err := wireValue(t, typ, value, rep, o)
				require.NoError(t, err, p)
				require.Equal(t, hexText, hex.EncodeToString(b), p)
			}
			b, err := hex.DecodeString(hexText)
			require.NoError(t, err)
			got, err := readValue(t, typ, b, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, want, got, p)
		}
	}
	require.NotEmpty(t, v.Temporal)
	for _, p := range v.Temporal {
		text, _, _ := strings.Cut(p.Text, " (")
		f := &function(t, "IMPORTING P:"+p.EXID).Parameters[0].Field
		for rep, hexText := range map[Representation]string{{}: p.Hex, be: reversed(t, p.Hex), nuc: p.Hex} {
			b, err := hex.DecodeString(hexText)
			require.NoError(t, err)
			got, err := readValue(t, p.EXID, b, rep, Options{})
			require.NoError(t, err)
			require.Equal(t, text, timeText(f, got), p)
			for _, value := range []any{text, got} {
				b, err := wireValue(t, p.EXID, value, rep, Options{})
				require.NoError(t, err, p)
				require.Equal(t, hexText, hex.EncodeToString(b), p)
			}
		}
		// Documents carry the number, and may carry the text.
		for _, lexical := range []string{strconv.FormatInt(p.Raw, 10), text} {
			raw, err := lexicalTime(f, lexical)
			require.NoError(t, err, p)
			require.Equal(t, p.Raw, raw, p)
		}
	}
	require.NotEmpty(t, v.BCD)
	for _, p := range v.BCD {
		typ := fmt.Sprintf("P%d.%d", p.Len, p.Decimals)
		b, err := wireValue(t, typ, p.Value, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, p.Hex, hex.EncodeToString(b))
		d, err := readValue(t, typ, b, Representation{}, Options{})
		require.NoError(t, err)
		want, err := abap.ParseDecimal(p.Value)
		require.NoError(t, err)
		require.True(t, want.Equal(d.(abap.Decimal)))
	}
	for _, p := range v.Reject {
		b, err := hex.DecodeString(p.Hex)
		require.NoError(t, err)
		_, err = readValue(t, fmt.Sprintf("P%d", p.Len), b, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion, p.Hex)
	}
}

// vectorText is one form for what a vector says and what is read: numbers as digits, bytes
// and digits at their full width.
func vectorText(typ string, chars, nbyte int, v any) string {
	text := fmt.Sprint(v)
	switch typ {
	case "N":
		return strings.Repeat("0", chars-len(text)) + text
	case "D", "T":
		if text == "" {
			return strings.Repeat("0", map[string]int{"D": 8, "T": 6}[typ])
		}
	case "X":
		b := v.([]byte)
		return hex.EncodeToString(append(b[:len(b):len(b)], make([]byte, nbyte-len(b))...))
	}
	return text
}

// The samples are rows of captured messages.
func TestStructureVectors(t *testing.T) {
	t.Parallel()
	var doc struct {
		Samples []struct {
			Source, Hex string
			Values      map[string]any
		} `json:"rfctest_samples"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "structures.json"), &doc))
	require.NotEmpty(t, doc.Samples)
	for _, s := range doc.Samples {
		want := s.Hex
		raw, err := hex.DecodeString(s.Values["RFCHEX3"].(string))
		require.NoError(t, err)
		s.Values["RFCHEX3"] = raw
		b, err := wireValue(t, "{RFCTEST}", s.Values, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), s.Source)
		v, err := readValue(t, "{RFCTEST}", b, Representation{}, Options{})
		require.NoError(t, err)
		got := v.(Params)
		require.Len(t, got, len(s.Values))
		for name, value := range s.Values {
			require.Equal(t, fmt.Sprint(value), fmt.Sprint(got[name]), "%s: %s", s.Source, name)
		}

		// The same as a Go struct and as the row of a table.
		type structure struct{ P rfctest }
		type table struct{ P []rfctest }
		var one structure
		section := Section{}
		section.Reset(function(t, "IMPORTING P:{RFCTEST}"), Representation{}, false)
		for _, it := range []chain.Item{item(0x0201, utf16("P")), item(0x0203, b)} {
			_, err := section.Item(it)
			require.NoError(t, err)
		}
		require.NoError(t, section.Finish())
		require.NoError(t, section.Scan(&one))
		typed, err := wireValue(t, "{RFCTEST}", &one.P, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(typed))
		w := Writer{Function: function(t, "TABLES P:[RFCTEST]")}
		rows, err := w.Append(nil, table{[]rfctest{one.P}})
		require.NoError(t, err)
		items := itemsOf(t, chain.AppendEnd(rows))
		require.Equal(t, want, hex.EncodeToString(items[len(items)-1].Value))
	}
}

// filling is a value of a field that is not initial, to be found again in a row.
func filling(t testing.TB, f *metadata.Field) any {
	t.Helper()
	switch f.Kind {
	case metadata.Char:
		return strings.Repeat("X", f.Length)
	case metadata.Numc:
		return strings.Repeat("1", f.Length)
	case metadata.Date:
		return mustDate(t, "19991231")
	case metadata.Time:
		return mustTime(t, "235959")
	case metadata.Raw:
		return []byte(strings.Repeat("\xff", f.Length))
	case metadata.Float:
		return -1.1
	case metadata.Int1:
		return uint8(255)
	case metadata.Int2:
		return int16(-1)
	case metadata.Int4:
		return int32(-1)
	case metadata.Int8:
		return int64(-1)
	}
	t.Fatalf("field %s: %s has no filling yet", f.Name, f.Kind)
	return nil
}

// Each field of the published layouts lies where they say, in rows of both kinds of parties,
// and nowhere else.
func TestLayoutVectors(t *testing.T) {
	t.Parallel()
	var doc struct {
		Layouts map[string]struct {
			UCTotal  int `json:"uc_total"`
			NUCTotal int `json:"nuc_total"`
			Fields   []struct {
				Name, EXID string
				Chars      int
				UCOff      int `json:"uc_off"`
				UCLen      int `json:"uc_len"`
				NUCOff     int `json:"nuc_off"`
				NUCLen     int `json:"nuc_len"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "structures.json"), &doc))
	require.NotEmpty(t, doc.Layouts)
	for name, layout := range doc.Layouts {
		d := new(metadata.Dictionary)
		var defs []string
		for _, f := range layout.Fields {
			def := f.Name + ":" + f.EXID
			if metadata.Kind(f.EXID[0]).Variable() {
				def += strconv.Itoa(f.Chars)
			}
			defs = append(defs, def)
		}
		d.Structure(name, strings.Join(defs, " "))
		require.NoError(t, d.Err())
		typ, ok := d.Type(name)
		require.True(t, ok)
		for width, rep := range map[int]Representation{2: {}, 1: {Text: lookup(t, "1100")}} {
			c := newCoder(rep, Options{})
			row := planRow(typ, &c)
			total := map[int]int{2: layout.UCTotal, 1: layout.NUCTotal}[width]
			require.Len(t, row.initial, total, name)
			for i, f := range layout.Fields {
				off, n := f.UCOff, f.UCLen
				if width == 1 {
					off, n = f.NUCOff, f.NUCLen
				}
				b := slices.Clone(row.initial)
				want := filling(t, &typ.Fields[i])
				require.NoError(t, row.encodeMap(b, map[string]any{f.Name: want}))
				require.Equal(t, row.initial[:off], b[:off], "%s-%s", name, f.Name)
				require.Equal(t, row.initial[off+n:], b[off+n:], "%s-%s", name, f.Name)
				last := off + n - 1
				if typ.Fields[i].Kind.Text() {
					last = off + n - width
				}
				require.NotEqual(t, row.initial[off], b[off], "%s-%s", name, f.Name)
				require.NotEqual(t, row.initial[last:off+n], b[last:off+n], "%s-%s", name, f.Name)
				got, err := row.decodeMap(b)
				require.NoError(t, err)
				require.Equal(t, want, got[f.Name], "%s-%s", name, f.Name)
			}
		}
	}
}

// node is an element of a document.
type node struct {
	name, text string
	list       []*node
}

// parseNode reads a document with the standard library, as a second opinion.
func parseNode(t testing.TB, doc string) *node {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(doc))
	top := &node{}
	open := []*node{top}
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, doc)
		at := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			name, err := unescapeName(nil, []byte(tok.Name.Local))
			require.NoError(t, err)
			n := &node{name: string(name)}
			at.list = append(at.list, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			at.text += string(tok)
		}
	}
	require.Len(t, top.list, 1)
	return top.list[0]
}

// described guesses the description of an element from its value in the vector, and gives
// the value in our types.
type described struct {
	dict  *metadata.Dictionary
	types map[string]string // letters that the vector tells
	count int
}

func (x *described) value(t testing.TB, n *node, v any) (def string, want any) {
	t.Helper()
	if def := x.types[n.name]; def != "" {
		return def, x.told(t, def, v)
	}
	switch v := v.(type) {
	case float64:
		return "I", int32(v)
	case string:
		if v == n.text {
			return "g", v
		}
		b, err := hex.DecodeString(v)
		require.NoError(t, err, "%s: neither the text %q nor bytes in hex", n.name, n.text)
		require.Equal(t, n.text, base64.StdEncoding.EncodeToString(b), n.name)
		return "y", b
	case map[string]any:
		row := Params{}
		var fields []string
		for _, child := range n.list {
			member, ok := v[child.name]
			require.True(t, ok, "%s has no value for %s", n.name, child.name)
			def, want := x.value(t, child, member)
			fields = append(fields, child.name+":"+def)
			row[child.name] = want
		}
		require.Len(t, row, len(v))
		x.count++
		name := fmt.Sprintf("LINE%d", x.count)
		x.dict.Structure(name, strings.Join(fields, " "))
		return "{" + name + "}", row
	case []any:
		require.Len(t, n.list, len(v))
		require.NotEmpty(t, v)
		rows, texts := []Params{}, []string{}
		var line string
		for i, item := range n.list {
			def, want := x.value(t, item, v[i])
			if row, ok := want.(Params); ok {
				rows, line = append(rows, row), def
				continue
			}
			texts, line = append(texts, want.(string)), def
		}
		if len(texts) > 0 {
			return "[" + line + "]", texts
		}
		return "[" + strings.Trim(line, "{}") + "]", rows
	}
	t.Fatalf("%s: no type for %T", n.name, v)
	return "", nil
}

// told gives a value whose type the vector tells.
func (x *described) told(t testing.TB, def string, v any) any {
	t.Helper()
	f, err := x.dict.Field("F", def)
	require.NoError(t, err)
	switch s, _ := v.(string); {
	case f.Kind.Temporal():
		raw, _, err := rawTime(&f, s)
		require.NoError(t, err)
		want, err := timeOfRaw(&f, raw)
		require.NoError(t, err)
		return want
	case f.Kind.DecFloat() || f.Kind == metadata.Packed:
		want, err := abap.ParseDecimal(s)
		require.NoError(t, err)
		return want
	case f.Kind == metadata.Raw || f.Kind == metadata.XString:
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	default:
		return v
	}
}

func TestDocumentVectors(t *testing.T) {
	t.Parallel()
	var v struct {
		OK []struct {
			Source, XML, Name string
			Fragments         []string
			Rows              []any
			LastRow           map[string]any `json:"last_row"`
			Value             any
			ValueLen          int `json:"value_len"`
			Types             map[string]string
		}
		Reject []string
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "xrfc.json"), &v))
	require.NotEmpty(t, v.OK)
	for _, e := range v.OK {
		t.Run(e.Source, func(t *testing.T) {
			pieces := e.Fragments
			if x := e.XML; pieces == nil {
				pieces = []string{x[:1], x[1:7], x[7 : len(x)-2], x[len(x)-2:]} // cut anywhere
			}
			doc := strings.Join(pieces, "")
			root := parseNode(t, doc)
			require.Equal(t, e.Name, root.name)
			x := described{dict: new(metadata.Dictionary), types: e.Types}
			var def string
			var want any
			switch {
			case e.Rows != nil:
				def, want = x.value(t, root, e.Rows)
			case e.LastRow != nil:
				last := root.list[len(root.list)-1]
				def, want = x.value(t, last, e.LastRow)
				def = "[" + strings.Trim(def, "{}") + "]"
			case e.Value != nil:
				def, want = x.value(t, root, e.Value)
			default:
				def = "y"
			}
			require.NoError(t, x.dict.Err())
			f, err := x.dict.Function("Z_VECTOR", "EXPORTING "+e.Name+":"+def)
			require.NoError(t, err)
			s, err := docSection(t, f, pieces...)
			require.NoError(t, err)
			got, err := s.Value(e.Name)
			require.NoError(t, err)
			switch {
			case e.LastRow != nil:
				rows := got.([]Params)
				require.Equal(t, want, rows[len(rows)-1])
			case want == nil:
				require.Len(t, got, e.ValueLen)
			default:
				require.Equal(t, want, got)
			}
			// Scalars and flat structures travel as documents in other formats only; all are
			// written by the same walk.
			var out xmlSink
			require.NoError(t, (&Writer{Function: f}).walker(&out).parameter(&f.Parameters[0], value{v: got}, true))
			if def == "y" {
				doc = strings.ReplaceAll(doc, "\n", "") // base64 is not broken into lines
			}
			require.Equal(t, doc, string(out.b))
		})
	}
	f, err := deepDictionary(t).Function("Z_TEST", "EXPORTING A:[DEEPTAB]")
	require.NoError(t, err)
	text, err := new(metadata.Dictionary).Function("Z_TEST", "EXPORTING A:[g]")
	require.NoError(t, err)
	require.NotEmpty(t, v.Reject)
	for _, doc := range append(v.Reject, "<A><item><I>1</I></item></A><A>", "<A x='1'></A>", "<?xml?><A></A>", "", "<A><!-- c --></A>", "<A><item/></A>", "A") {
		for _, f := range []*metadata.Function{f, text} {
			s, err := docSection(t, f, doc)
			if err == nil {
				_, err = s.Value("A")
			}
			require.ErrorIs(t, err, wire.ErrMalformed, "%q", doc)
		}
	}
}

func TestDocumentsThatAreNoVectors(t *testing.T) {
	t.Parallel()
	f, err := deepDictionary(t).Function("Z_TEST", "EXPORTING A:[DEEPTAB]")
	require.NoError(t, err)
	for _, doc := range []string{
		"<A><item>" + strings.Repeat("<X>", 100000), "<A><item><NEW>1</NEW></item></A>", "<A><item><I>1</I><I>2</I></item></A>",
		"<A><item><I>x</I></item></A>", "<A><item><C>0123456789A</C></item></A>", "<A><item><XSTR>AA=A</XSTR></item></A>",
		"<A><item><XSTR>AB==</XSTR></item></A>", "<A><item><XSTR>A A=</XSTR></item></A>",
	} {
		s, err := docSection(t, f, doc)
		if err == nil {
			_, err = s.Value("A")
		}
		require.Error(t, err, "%.40q", doc)
	}
	s, err := docSection(t, f, "<A><item><STR>&#x41;&#066;&#0000067;&lt;&gt;&quot;&apos;&amp; </STR><I> +007 </I></item>\n</A>")
	require.NoError(t, err)
	got, err := s.Value("A")
	require.NoError(t, err)
	require.Equal(t, []Params{{"I": int32(7), "C": "", "STR": `ABC<>"'& `, "XSTR": []byte{}}}, got)
}

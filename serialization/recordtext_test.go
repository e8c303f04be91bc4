package serialization

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func TestRecordJSON(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	js, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, `{"CHAR":"42","NUMC":"004711","DATE":"20260705","TIME":"123456","RAW":"AQIAAA==","PACKED":"12.50","FLOAT":0.25,`+
		`"INT4":-7,"INT2":300,"INT1":255,"INT8":-9223372036854775808,"STRING":"-12.5","XSTRING":"3q0=","DF16":"1.50","DF34":"1E+3",`+
		`"UTCLONG":"2026-07-05T12:34:56.1234567","UTCSECOND":"2026-07-05T12:34:56","UTCMINUTE":"2026-07-05T12:34","DTDAY":"2026-07-05",`+
		`"DTWEEK":"2026-W27","DTMONTH":"2026-07","TSECOND":"12:34:56","TMINUTE":"12:34","CDAY":"07-05",`+
		`"INNER":{"NAME":"X","COUNT":1},"TAB":[{"NAME":"A","COUNT":0},{"NAME":"B","COUNT":2}],"LIST":["a","b"]}`, string(js))
	back := allRecord(t)
	require.NoError(t, json.Unmarshal(js, back))
	require.True(t, back.Equal(r))

	// What the text lacks stays, null is initial, tables are replaced.
	require.NoError(t, back.UnmarshalJSON([]byte(`{"CHAR": null, "INNER": {"COUNT": 7}, "TAB": [{"NAME": "n"}], "XSTRING": null}`)))
	require.NoError(t, r.Clear("CHAR", "XSTRING"))
	require.NoError(t, r.Set("INNER", Params{"NAME": "X", "COUNT": 7}))
	require.NoError(t, r.Set("TAB", []Params{{"NAME": "n"}}))
	require.True(t, back.Equal(r))
	tab, err := back.Table("LIST")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(`["x", {"": "y"}, {}]`), tab))
	js, err = json.Marshal(tab)
	require.NoError(t, err)
	require.Equal(t, `["x","y",""]`, string(js))

	before := back.Clone()
	for in, want := range map[string]string{
		"{\n \"CHAR\": \"12345678901\"}":                `json line 2 column 10: CHAR: CHAR(10): 11 characters, at most 10 (value "12345678901")`,
		"{\"INNER\":\n {\"COUNT\": 1,\n \"NAMES\": 1}}": `json line 3 column 2: INNER: field 'NAMES' not found; did you mean NAME?`,
		`{"TAB": [{}, {"COUNT": 2147483648}]}`:          `json line 1 column 24: TAB[1].COUNT: INT: 2147483648 is out of range -2147483648 to 2147483647 (value 2147483648)`,
		`{"TAB": [{}, null]}`:                           `json line 1 column 14: TAB[1]: TABLE: nil row`,
		`{"LIST": ["a", null]}`:                         `json line 1 column 16: LIST[1]: TABLE: nil row`,
		`{"LIST": ["abcd"]}`:                            `json line 1 column 11: LIST[0]: CHAR(3): 4 characters, at most 3 (value "abcd")`,
		`{"TAB": {}}`:                                   `json line 1 column 9: TAB: object passed, an array for a TABLE is required`,
		`{"INNER": 5}`:                                  `json line 1 column 11: INNER: number passed, an object is required`,
		`{"CHAR": "a", "CHAR": "b"}`:                    `json line 1 column 15: CHAR twice`,
		`{"STRING": "a\u0000"}`:                         `json line 1 column 12: STRING: STRING: NUL at byte 1 (value "a\x00")`,
		`{"DATE": "20260230"}`:                          `json line 1 column 10: DATE: DATE: `,
		`{"NUMC": 1234567}`:                             `json line 1 column 10: NUMC: NUM(6): 7 characters, at most 6 (value "1234567")`,
		`{"RAW": "AAAAAAAAAAA="}`:                       `json line 1 column 9: RAW: BYTE(4): 8 bytes, at most 4`,
		`{"PACKED": 1.234}`:                             `json line 1 column 12: PACKED: P(8,2): `,
		`{"CHAR": "a"} {}`:                              `json line 1 column 15: text behind the end`,
		`[]`:                                            `json line 1 column 1: array passed, an object is required`,
		`{"CHAR": `:                                     `json line 1 column`,
		``:                                              `json line 1 column`,
	} {
		err := back.UnmarshalJSON([]byte(in))
		var je *JSONError
		require.ErrorAs(t, err, &je, in)
		require.Contains(t, err.Error(), want)
		require.True(t, back.Equal(before), in)
	}
	require.ErrorContains(t, tab.UnmarshalJSON([]byte(`["a", 5]`)), "json line 1 column 7: LIST[1]: CHAR(3): ")
	require.ErrorContains(t, tab.UnmarshalJSON([]byte(`{}`)), "an array for a TABLE is required")
}

func TestRecordXML(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	require.NoError(t, r.Set("STRING", " a<b>&\r\n\t\u00e4 "))
	doc, err := r.ToXML()
	require.NoError(t, err)
	require.Equal(t, "<ALL><CHAR>42</CHAR><NUMC>004711</NUMC><DATE>2026-07-05</DATE><TIME>12:34:56</TIME><RAW>AQIAAA==</RAW><PACKED>12.50</PACKED>"+
		"<FLOAT>0.25</FLOAT><INT4>-7</INT4><INT2>300</INT2><INT1>255</INT1><INT8>-9223372036854775808</INT8><STRING> a&#60;b&#62;&#38;&#13;\n\t\u00e4 </STRING>"+
		"<XSTRING>3q0=</XSTRING><DF16>1.50</DF16><DF34>1E+3</DF34><UTCLONG>2026-07-05T12:34:56.1234567</UTCLONG><UTCSECOND>2026-07-05T12:34:56</UTCSECOND>"+
		"<UTCMINUTE>2026-07-05T12:34</UTCMINUTE><DTDAY>2026-07-05</DTDAY><DTWEEK>2026-W27</DTWEEK><DTMONTH>2026-07</DTMONTH><TSECOND>12:34:56</TSECOND>"+
		"<TMINUTE>12:34</TMINUTE><CDAY>07-05</CDAY><INNER><NAME>X</NAME><COUNT>1</COUNT></INNER>"+
		"<TAB><item><NAME>A</NAME><COUNT>0</COUNT></item><item><NAME>B</NAME><COUNT>2</COUNT></item></TAB><LIST><item>a</item><item>b</item></LIST></ALL>", string(doc))
	back := allRecord(t)
	require.NoError(t, back.FromXML(doc))
	require.True(t, back.Equal(r))

	// The same through encoding/xml, inside something else.
	type envelope struct {
		XMLName xml.Name `xml:"env"`
		Before  string   `xml:"before"`
		All     *Record  `xml:"all"`
		Tab     *Table   `xml:"tab"`
		After   string   `xml:"after"`
	}
	tab, err := r.Table("TAB")
	require.NoError(t, err)
	out, err := xml.Marshal(envelope{Before: "b", All: r, Tab: tab, After: "a"})
	require.NoError(t, err)
	in := envelope{All: allRecord(t), Tab: NewTable(tab.Line())}
	require.NoError(t, xml.Unmarshal(out, &in), "%s", out)
	require.True(t, in.All.Equal(r))
	require.True(t, in.Tab.Equal(tab))
	require.Equal(t, "a", in.After)
	err = xml.Unmarshal([]byte("<env>\n<all><NOPE></NOPE></all></env>"), &in)
	require.ErrorContains(t, err, "xml line 2 column 6: field 'NOPE' not found")

	// Parts go by the name of their field; the root of what is read may have any.
	inner, err := r.Record("INNER")
	require.NoError(t, err)
	doc, err = inner.ToXML()
	require.NoError(t, err)
	require.Equal(t, "<INNER><NAME>X</NAME><COUNT>1</COUNT></INNER>", string(doc))
	list, err := r.Table("LIST")
	require.NoError(t, err)
	doc, err = list.ToXML()
	require.NoError(t, err)
	require.Equal(t, "<LIST><item>a</item><item>b</item></LIST>", string(doc))
	doc, err = list.Row(0).ToXML()
	require.NoError(t, err)
	require.Equal(t, "<item>a</item>", string(doc))
	require.NoError(t, list.FromXML([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<X><!-- rows -->\n <item>c</item>\n <item><![CDATA[<d>]]></item><item/></X>\n<!-- end -->\n")))
	texts, err := Scan[string](list)
	require.NoError(t, err)
	require.Equal(t, []string{"c", "<d>", ""}, texts)
	require.NoError(t, list.Row(0).FromXML([]byte("<item>e</item>")))
	s, err := list.Row(0).String("")
	require.NoError(t, err)
	require.Equal(t, "e", s)
	require.NoError(t, inner.FromXML([]byte("\n <my-root><COUNT> 5 </COUNT></my-root>")))
	doc, err = inner.ToXML()
	require.NoError(t, err)
	require.Equal(t, "<INNER><NAME>X</NAME><COUNT>5</COUNT></INNER>", string(doc), "what the document lacks stays")
}

func TestXMLOfParameters(t *testing.T) {
	t.Parallel()
	d := recordTypes(t)
	d.Structure("/NS/TYPE", "/NS/A.B:C3 0X:C1 .Y:C1 A&B:C1 A-B:C1 \u00c4:C1")
	f, err := d.Function("/NS/Z_TEST", "IMPORTING S:{/NS/TYPE}\nTABLES T:[INNER]\nIMPORTING A:C3\nIMPORTING B:C3")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	r := NewParameters(f)
	s, err := r.Record("S")
	require.NoError(t, err)
	for i, field := range f.Parameters[0].Type.Fields {
		require.NoError(t, s.Set(field.Name, fmt.Sprint(i)))
	}
	require.NoError(t, r.Set("T", []Params{{}}))
	require.NoError(t, r.Set("A", ""))
	doc, err := r.ToXML()
	require.NoError(t, err)
	// JCo's rule for names: the point stays, unlike on the wire.
	require.Equal(t, "<_-NS_-Z_TEST><S><_-NS_-A.B>0</_-NS_-A.B><_--30X>1</_--30X><_--2EY>2</_--2EY><A_--26B>3</A_--26B><A_--2DB>4</A_--2DB><_--C4>5</_--C4></S>"+
		"<T><item><NAME></NAME><COUNT>0</COUNT></item></T><A></A></_-NS_-Z_TEST>", string(doc))
	back := NewParameters(f)
	require.NoError(t, back.FromXML(doc))
	require.True(t, back.Equal(r))
	require.False(t, back.Has("B"))
	require.NoError(t, back.FromXML([]byte("<x><S><_-NS_-A_--2EB>wire</_-NS_-A_--2EB></S></x>"[:0]+"<x><S><_-NS_-A_--2EB>w</_-NS_-A_--2EB></S></x>")), "the wire's spelling is read")
	for _, name := range []string{"_-NS_-A_--2eB", "_--5FNS", "A_--ZZ", "A_--2"} {
		require.ErrorContains(t, back.FromXML([]byte("<x><S><"+name+">w</"+name+"></S></x>")), "xml line 1 column 7: ", name)
	}
	require.Equal(t, "<_-NS_-A_--2EB>", "<"+escapeName("/NS/A.B")+">", "the wire's rule is another one")
}

func TestXMLThatIsRefused(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	before := r.Clone()
	for name, tt := range map[string]struct{ doc, want string }{
		"too long":             {"<A>\n <CHAR>12345678901</CHAR></A>", `xml line 2 column 8: CHAR: CHAR(10): 11 characters, at most 10`},
		"row":                  {"<A><TAB><item/><item><COUNT>x</COUNT></item></TAB></A>", `xml line 1 column 29: TAB[1].COUNT: INT: an integer is required (value "x")`},
		"unknown":              {"<A><INNER><NAMES/></INNER></A>", `xml line 1 column 11: INNER: field 'NAMES' not found; did you mean NAME?`},
		"twice":                {"<A><CHAR/><CHAR/></A>", `xml line 1 column 11: field CHAR once is required, found another`},
		"date":                 {"<A><DATE>2026-02-30</DATE></A>", `xml line 1 column 10: DATE: DATE: no day of the calendar (value "20260230")`},
		"time":                 {"<A><TIME>25:00:00</TIME></A>", `no time of day`},
		"decimals":             {"<A><PACKED>1.234</PACKED></A>", `PACKED: P(8,2): `},
		"base64":               {"<A><RAW>?</RAW></A>", `RAW: BYTE(4): `},
		"text beside elements": {"<A>x<CHAR/></A>", `an element is required, found text "x"`},
		"element in a scalar":  {"<A><CHAR><B/></CHAR></A>", `text is required, found element "B"`},
		"other row":            {"<A><TAB><row/></TAB></A>", `rows named "item"`},
		"DTD":                  {`<!DOCTYPE A [<!ENTITY e "x">]><A><CHAR>&e;</CHAR></A>`, "elements and text is required, found a document type"},
		"DTD inside":           {`<A><!DOCTYPE A></A>`, "elements and text is required"},
		"external DTD":         {`<!DOCTYPE A SYSTEM "file:///etc/passwd"><A></A>`, "elements and text is required"},
		"entity":               {"<A><CHAR>&e;</CHAR></A>", "xml line 1 column 10: "},
		"attribute":            {`<A><CHAR a="b"></CHAR></A>`, "an element without attributes and namespace"},
		"root attribute":       {`<A xmlns="x"></A>`, "an element without attributes and namespace"},
		"prefix":               {`<A><x:CHAR></x:CHAR></A>`, "an element without attributes and namespace"},
		"instruction":          {"<A><?php x?></A>", "found a processing instruction"},
		"late declaration":     {`<A><?xml version="1.0"?></A>`, "found a processing instruction"},
		"other encoding":       {`<?xml version="1.0" encoding="ISO-8859-1"?><A></A>`, "encoding"},
		"crossed":              {"<A><CHAR></A></CHAR>", "xml line 1 column "},
		"not closed":           {"<A><CHAR>", "xml line 1 column "},
		"two roots":            {"<A></A><B></B>", "the end of the document is required"},
		"text behind":          {"<A></A>x", "xml line 1 column "},
		"nothing":              {"", "an element is required, found the end of the document"},
		"control character":    {"<A><CHAR>&#1;</CHAR></A>", "xml line 1 column "},
		"invalid UTF-8":        {"<A><CHAR>\xff</CHAR></A>", "xml line 1 column "},
	} {
		err := r.FromXML([]byte(tt.doc))
		var xe *XMLError
		require.ErrorAs(t, err, &xe, name)
		require.ErrorContains(t, err, tt.want, name)
		require.Positive(t, xe.Line)
		require.Positive(t, xe.Column)
		require.True(t, r.Equal(before), name)
	}
	var le *LimitError
	require.ErrorAs(t, r.FromXML(make([]byte, MaxDocument+1)), &le)

	// What XML cannot carry is refused with its path.
	for _, text := range []string{"\x01", "\x00", "a\x1fb", "\ufffe", "\uffff"} {
		require.NoError(t, r.Set("CHAR", text))
		_, err := r.ToXML()
		require.ErrorIs(t, err, ErrConversion, "%q", text)
		require.ErrorContains(t, err, "CHAR: XML text: ")
		require.ErrorContains(t, err, "cannot stand in XML; JSON carries it")
		_, err = xml.Marshal(r)
		require.Error(t, err)
	}
	require.NoError(t, r.Set("CHAR", "\ufffd\U0010ffff"))
	_, err := r.ToXML()
	require.NoError(t, err)
}

func TestTextOfRecordsCutAnywhere(t *testing.T) {
	t.Parallel()
	r := filledRecord(t)
	js, err := json.Marshal(r)
	require.NoError(t, err)
	doc, err := r.ToXML()
	require.NoError(t, err)
	for i := range js {
		require.Error(t, r.UnmarshalJSON(js[:i]), "%s", js[:i])
	}
	for i := range doc {
		require.Error(t, r.FromXML(doc[:i]), "%s", doc[:i])
	}
}

func TestTextOfRecordsDoesNotFillMemory(t *testing.T) { // not parallel: it counts bytes
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, "F%d:X20 ", i)
	}
	d := new(metadata.Dictionary)
	d.Structure("WIDE", fields.String()+"R:X262143 N:N262143")
	d.Structure("OUTER", "T:[WIDE]")
	require.NoError(t, d.Err())
	typ, _ := d.Type("OUTER")
	for name, read := range map[string]func(r *Record) error{
		"rows in JSON": func(r *Record) error {
			return r.UnmarshalJSON([]byte(`{"T":[{}` + strings.Repeat(",{}", 100_000) + `]}`))
		},
		"bytes in JSON": func(r *Record) error {
			return r.UnmarshalJSON([]byte(`{"T":[{"R":""}` + strings.Repeat(`,{"R":""}`, 10_000) + `]}`))
		},
		"digits in JSON": func(r *Record) error {
			return r.UnmarshalJSON([]byte(`{"T":[{"N":""}` + strings.Repeat(`,{"N":""}`, 10_000) + `]}`))
		},
		"rows in XML": func(r *Record) error {
			return r.FromXML([]byte("<A><T>" + strings.Repeat("<item/>", 100_000) + "</T></A>"))
		},
		"bytes in XML": func(r *Record) error {
			return r.FromXML([]byte("<A><T>" + strings.Repeat("<item><R/></item>", 10_000) + "</T></A>"))
		},
		"digits in XML": func(r *Record) error {
			return r.FromXML([]byte("<A><T>" + strings.Repeat("<item><N/></item>", 10_000) + "</T></A>"))
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read(NewRecord(typ))
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, ErrLimit, name)
		require.ErrorContains(t, err, "T[", name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20), name)
	}
}

// TestFormsOfRecordsAgree is the property that every way through a record leads to the same
// values: rows and documents of the wire, JSON, XML, Go maps.
func TestFormsOfRecordsAgree(t *testing.T) {
	t.Parallel()
	reps := []Representation{{}, {BigEndian: true, Text: lookup(t, "4102")}}
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 7))
		d, n := new(metadata.Dictionary), 0
		flat, deep := randomType(r, d, &n, 2, false), randomType(r, d, &n, 2, true)
		require.NoError(t, d.Err())
		f, err := d.Function("Z_RANDOM", fmt.Sprintf(
			"CHANGING A:{%[1]s}\nCHANGING B:{%[2]s}\nCHANGING C:[%[1]s]\nTABLES D:[%[1]s]\nTABLES E:[%[2]s]\nCHANGING G:g\nCHANGING H:C20", flat, deep))
		require.NoError(t, err)
		in := Params{}
		rec := NewParameters(f)
		for i := range f.Parameters {
			p := &f.Parameters[i]
			in[p.Name] = randomValue(r, &p.Field)
			require.NoError(t, rec.Set(p.Name, in[p.Name]), "seed %d", seed)
		}
		rep := reps[seed%2]
		w := Writer{Function: f, Representation: rep, Reply: seed%3 == 0}
		want, err := w.Append(nil, in)
		require.NoError(t, err)
		same := func(what string, v any) {
			t.Helper()
			got, err := w.Append(nil, v)
			require.NoError(t, err, "seed %d: %s", seed, what)
			require.Equal(t, want, got, "seed %d: %s", seed, what)
		}
		same("record", rec)
		var s Section
		s.Reset(f, rep, w.Reply)
		require.NoError(t, feed(&s, want))
		received, err := s.Record()
		require.NoError(t, err)
		var params Params
		require.NoError(t, s.Scan(&params))
		for _, name := range []string{"D", "E"} {
			tab, err := received.Table(name) // an empty table of a request is announced, not sent
			require.NoError(t, err)
			params[name] = plainOf(&f.Parameters[f.Index(name)].Field, tab)
		}
		require.True(t, received.Equal(rec), "seed %d: wire", seed)
		require.True(t, rec.Equal(received), "seed %d: wire", seed)
		require.Equal(t, params, plainRecord(rec), "seed %d: maps", seed)
		fromMap := NewParameters(f)
		for name, v := range params {
			require.NoError(t, fromMap.Set(name, v))
		}
		require.True(t, fromMap.Equal(rec), "seed %d: maps", seed)

		for _, format := range []Format{Classic, BasXML, RowFast, ColumnFast} {
			fw := Writer{Function: f, Reply: true, Format: format}
			s, b := readAs(t, &fw, rec)
			again, err := fw.Append(nil, in)
			require.NoError(t, err)
			require.Equal(t, again, b, "seed %d: %v", seed, format)
			received, err := s.Record()
			require.NoError(t, err)
			require.True(t, received.Equal(rec), "seed %d: %v", seed, format)
			for _, name := range []string{"C", "D", "E"} {
				tab, err := s.RecordTable(name)
				require.NoError(t, err)
				k := 0
				for row, err := range Rows[*Record](s, name) {
					require.NoError(t, err)
					require.True(t, row.Equal(tab.Row(k)), "seed %d: %v: %s", seed, format, name)
					k++
				}
				require.Equal(t, tab.Len(), k)
			}
		}

		clone := rec.Clone()
		require.True(t, clone.Equal(rec))
		change(t, r, clone)
		require.False(t, clone.Equal(rec), "seed %d", seed)
		require.False(t, rec.Equal(clone), "seed %d", seed)
		same("record whose clone was changed", rec)
		require.NoError(t, clone.CopyFrom(rec))
		require.True(t, clone.Equal(rec), "seed %d: corresponding fields of one type", seed)

		js, err := json.Marshal(rec)
		require.NoError(t, err)
		fromJSON := NewParameters(f)
		require.NoError(t, json.Unmarshal(js, fromJSON))
		require.True(t, fromJSON.Equal(rec), "seed %d: %s", seed, js)
		if w.Reply {
			section, err := s.AppendJSON(nil)
			require.NoError(t, err)
			require.JSONEq(t, string(section), string(js))
		}

		doc, err := rec.ToXML()
		if errors.Is(err, ErrConversion) {
			require.Contains(t, string(js), `\u0001`, "the alphabet has one character that XML lacks")
			continue
		}
		require.NoError(t, err)
		fromXML := NewParameters(f)
		require.NoError(t, fromXML.FromXML(doc), "seed %d: %s", seed, doc)
		require.True(t, fromXML.Equal(rec), "seed %d: %s", seed, doc)
		again, err := fromXML.ToXML()
		require.NoError(t, err)
		require.Equal(t, string(doc), string(again))
	}
}

// change gives one field of a record another value.
func change(t *testing.T, r *rand.Rand, rec *Record) {
	t.Helper()
	i := r.IntN(len(rec.vals))
	name := rec.shape.fields[i].f.Name
	switch v := rec.vals[i].(type) {
	case *Record:
		change(t, r, v)
	case *Table:
		if v.Len() > 0 && r.IntN(2) == 0 {
			require.NoError(t, v.Delete(r.IntN(v.Len())))
			return
		}
		v.Append()
	case nil:
		t.Fatal("no value")
	default:
		if initial, err := rec.IsInitial(name); err == nil && !initial && name != "" {
			require.NoError(t, rec.Clear(name))
			return
		}
		for {
			old := copied(v)
			require.NoError(t, rec.Set(name, randomValue(r, rec.shape.fields[i].f)))
			if !sameValue(old, rec.vals[i]) {
				return
			}
		}
	}
}

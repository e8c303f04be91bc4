package serialization

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// The rules and traps of spec 43.5, one subtest for each row of its table.
func TestXRFCRules(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("KINDS", "S:g C:C5 N:N4 D:D T:T X:X3 P:P5.2 F:F I:I I2:s I1:b I8:8 Y:y L:[C3]")
	d.Structure("SUB", "K:g")
	d.Structure("NAMES", "/NS/FIELD:g 0X:g ITEM:g A-B:g SUB:{SUB}")
	f, err := d.Function("Z_XRFC", "EXPORTING V:{KINDS}\nEXPORTING /NS/V:{NAMES}\nEXPORTING A:[KINDS]\nEXPORTING U:[SUB]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	write := func(t *testing.T, name string, v any) string {
		t.Helper()
		w := Writer{Function: f, Reply: true, Requested: func(p *metadata.Parameter) bool { return p.Name == name }}
		b, err := w.Append(nil, Params{name: v})
		require.NoError(t, err)
		var doc strings.Builder
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			if it.Tag == chain.XMLPiece {
				doc.Write(it.Value)
			}
		}
		return doc.String()
	}
	read := func(t *testing.T, name string, pieces ...string) (any, error) {
		t.Helper()
		s, err := docSection(t, f, pieces...)
		if err != nil {
			return nil, err
		}
		return s.Value(name)
	}
	field := func(t *testing.T, name, text string) any {
		t.Helper()
		v, err := read(t, "V", "<V><"+name+">"+text+"</"+name+"></V>")
		require.NoError(t, err, text)
		return v.(Params)[name]
	}
	refused := func(t *testing.T, name, text string, class error) {
		t.Helper()
		_, err := read(t, "V", "<V><"+name+">"+text+"</"+name+"></V>")
		require.ErrorIs(t, err, class, text)
	}
	t.Run("escapes written", func(t *testing.T) {
		t.Parallel()
		doc := write(t, "V", Params{"S": "a&b<c>d\"e'f\t\n\r\x01\x1f\u00fc"})
		require.Contains(t, doc, "<S>a&#38;b&#60;c&#62;d\"e'f\t\n\r&#01;&#31;\u00fc</S>")
	})
	t.Run("escapes read, any digit count", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]string{
			"&#38;": "&", "&#038;": "&", "&#0038;": "&", "&#00000000000038;": "&", "&#x26;": "&", "&#x0026;": "&",
			"&#1;": "\x01", "&#01;": "\x01", "&#252;": "ü", "&#xfC;": "ü", "&#8364;": "€", "&#x1F4AA;": "💪", "&#1114111;": "\U0010ffff",
			"&amp;&lt;&gt;&quot;&apos;": "&<>\"'", "&amp;lt;": "&lt;", "a&#38;b": "a&b",
		} {
			require.Equal(t, want, field(t, "S", text), text)
		}
		for _, text := range []string{"&#;", "&#x;", "&;", "&", "&#38", "&#x110000;", "&#1114112;", "&#xD800;", "&#57343;", "&#3 8;", "&#-1;", "&#+38;", "&nbsp;", "&AMP;", "&#99999999999999999999;", "a]]>b"} {
			refused(t, "S", text, wire.ErrMalformed)
		}
	})
	t.Run("base64 with LF at 76", func(t *testing.T) {
		t.Parallel()
		raw := bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef}, 50)
		text := base64.StdEncoding.EncodeToString(raw)
		for _, n := range []int{57, 58, 114, 200} {
			short := base64.StdEncoding.EncodeToString(raw[:n])
			var wrapped strings.Builder
			for len(short) > 76 {
				wrapped.WriteString(short[:76] + "\n")
				short = short[76:]
			}
			wrapped.WriteString(short)
			require.Equal(t, raw[:n], field(t, "Y", wrapped.String()), n)
			require.Equal(t, raw[:n], field(t, "Y", strings.ReplaceAll(wrapped.String(), "\n", "\r\n")), n)
			require.Equal(t, raw[:n], field(t, "Y", wrapped.String()+"\n"), n)
		}
		require.Equal(t, raw, field(t, "Y", text))
		require.Equal(t, []byte{1, 2, 0}, field(t, "X", "AQ\nI="))
		require.NotContains(t, write(t, "V", Params{"Y": raw}), "\n")
		for _, bad := range []string{"AA=A", "AQ", "AR==", "A-_A", "AQ= =", "=", "AQI=AQI="} {
			refused(t, "Y", bad, ErrConversion)
		}
	})
	t.Run("chunks cut anywhere", func(t *testing.T) {
		t.Parallel()
		doc := "<A><item><S>Gr\u00fc\u00dfe 四 &#0038;</S></item><item><Y>AQI=</Y></item></A>"
		want, err := read(t, "A", doc)
		require.NoError(t, err)
		cuts := 0
		for i := range len(doc) {
			for _, j := range []int{i, min(i+1, len(doc)), len(doc)} {
				got, err := read(t, "A", doc[:i], doc[i:j], doc[j:])
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			if i > 0 && doc[i-1] == 0xc3 || strings.HasPrefix(doc[i:], "tem>") {
				cuts++
			}
		}
		require.Equal(t, 6, cuts, "inside ü and ß, and inside each tag of a row")
		for i := range doc { // and each byte alone
			require.NotZero(t, doc[i])
		}
		got, err := read(t, "A", strings.Split(strings.ToValidUTF8(doc, ""), "")...)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("chunks written", func(t *testing.T) {
		t.Parallel()
		for _, reply := range []bool{false, true} {
			g, err := d.Function("Z", "CHANGING U:[SUB]")
			require.NoError(t, err)
			w := Writer{Function: g, Reply: reply}
			b, err := w.Append(nil, Params{"U": []Params{{"K": strings.Repeat("ü", 20_000)}}})
			require.NoError(t, err)
			var sizes []int
			for _, it := range itemsOf(t, chain.AppendEnd(b)) {
				if it.Tag == chain.XMLPiece {
					sizes = append(sizes, len(it.Value))
				}
			}
			if reply {
				require.Equal(t, []int{3, 1024, 1024}, sizes[:3])
			} else {
				require.Equal(t, []int{16384, 16384, 7259}, sizes)
			}
		}
	})
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		in := Params{"/NS/FIELD": "a", "0X": "b", "ITEM": "c", "A-B": "d", "SUB": Params{"K": "e"}}
		doc := write(t, "/NS/V", in)
		require.Equal(t, "<_-NS_-V><_-NS_-FIELD>a</_-NS_-FIELD><_--30X>b</_--30X><ITEM>c</ITEM><A_--2DB>d</A_--2DB><SUB><K>e</K></SUB></_-NS_-V>", doc)
		got, err := read(t, "/NS/V", doc)
		require.NoError(t, err)
		require.Equal(t, in, got)
		for _, bad := range []string{"<_-NS_-V><_--3></_--3></_-NS_-V>", "<_--ZZ></_--ZZ>"} {
			_, err := read(t, "/NS/V", bad)
			require.ErrorIs(t, err, wire.ErrMalformed)
		}
	})
	t.Run("row element is item", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "<U><item><K>x</K></item></U>", write(t, "U", []Params{{"K": "x"}}))
		for _, doc := range []string{"<U><SUB><K>x</K></SUB></U>", "<U><ITEM><K>x</K></ITEM></U>", "<U><row></row></U>"} {
			_, err := read(t, "U", doc)
			require.ErrorIs(t, err, wire.ErrMalformed, doc)
			require.ErrorContains(t, err, `"item"`)
		}
	})
	t.Run("white space is data in a text", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, " \n a\t ", field(t, "S", " \n a\t "))
		v, err := read(t, "U", "<U>\n  <item>\n<K> x </K>\t</item>\r\n</U>\n")
		require.NoError(t, err)
		require.Equal(t, []Params{{"K": " x "}}, v)
		require.NotContains(t, write(t, "A", []Params{{}, {}}), " ")
	})
	t.Run("order", func(t *testing.T) {
		t.Parallel()
		v, err := read(t, "V", "<V><I>1</I><S>x</S><C>y</C></V>")
		require.NoError(t, err)
		require.Equal(t, "x", v.(Params)["S"])
		doc := write(t, "V", Params{"I": 1, "S": "x"})
		last := -1
		for _, name := range []string{"S", "C", "N", "D", "T", "X", "P", "F", "I", "I2", "I1", "I8", "Y", "L"} {
			at := strings.Index(doc, "<"+name+">")
			require.Greater(t, at, last, name)
			last = at
		}
	})
	t.Run("missing is initial, unknown an error", func(t *testing.T) {
		t.Parallel()
		initial, err := read(t, "V", "<V></V>")
		require.NoError(t, err)
		again, err := read(t, "V", write(t, "V", Params{}))
		require.NoError(t, err)
		require.Equal(t, initial, again)
		require.Len(t, initial, 14)
		for _, doc := range []string{"<V><NEW>1</NEW></V>", "<V><s>1</s></V>", "<V><S >1</S ></V>", "<V><I>1</I><I>2</I></V>"} {
			_, err := read(t, "V", doc)
			require.Error(t, err, doc)
		}
		_, err = read(t, "V", "<V><NEW>1</NEW></V>")
		require.ErrorIs(t, err, ErrStale)
	})
	t.Run("STRING keeps blanks, CHAR does not", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, " a  ", field(t, "S", " a  "))
		require.Equal(t, " a", field(t, "C", " a  "))
		doc := write(t, "V", Params{"S": " a  ", "C": " a  "})
		require.Contains(t, doc, "<S> a  </S><C> a</C>")
		require.Equal(t, "abcde", field(t, "C", "abcde      "))
		refused(t, "C", "abcdef", ErrConversion)
	})
	t.Run("initial values", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "<V><S></S><C></C><N>0000</N><D>0000-00-00</D><T>00:00:00</T><X>AAAA</X><P>0.00</P><F>0</F><I>0</I><I2>0</I2><I1>0</I1><I8>0</I8><Y></Y><L></L></V>",
			write(t, "V", Params{}))
		initial, err := read(t, "V", "<V></V>")
		require.NoError(t, err)
		for name, want := range initial.(Params) {
			switch name {
			case "D", "T": // blanks, see below
			case "F", "I", "I2", "I1", "I8":
				refused(t, name, "", ErrConversion) // written as 0
			default:
				require.Equal(t, want, field(t, name, ""), name)
			}
		}
	})
	t.Run("numbers", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]any{"+7": int32(7), "007": int32(7), "-0": int32(0), " 7\n": int32(7), "-2147483648": int32(-1 << 31)} {
			require.Equal(t, want, field(t, "I", text), text)
		}
		// Beyond 2^53: never through a float.
		require.Equal(t, int64(9223372036854775807), field(t, "I8", "9223372036854775807"))
		require.Equal(t, int64(-9007199254740993), field(t, "I8", "-9007199254740993"))
		require.Contains(t, write(t, "V", Params{"I8": int64(-9007199254740993)}), "<I8>-9007199254740993</I8>")
		for text, want := range map[string]string{"-12.50": "-12.50", "+12.5": "12.50", "012.5": "12.50", "1.25E+1": "12.50", "125e-1": "12.50", "1234567.89": "1234567.89"} {
			require.Equal(t, want, field(t, "P", text).(interface{ Plain() string }).Plain(), text)
		}
		for text, want := range map[string]float64{"1.500000E+000": 1.5, "+1.5": 1.5, "1e+21": 1e21, "-0": 0} {
			require.InDelta(t, want, field(t, "F", text), 0, text)
		}
		require.Equal(t, "0042", field(t, "N", "42"))
		for name, bad := range map[string][]string{"I": {"x", "1.5", "2147483648", "0x10"}, "I1": {"-1", "256"}, "I8": {"9223372036854775808"}, "P": {"1,5", "12345678.90", "0.001"}, "F": {"NaN", "Inf", "1e400"}, "N": {"12345"}} {
			for _, text := range bad {
				refused(t, name, text, ErrConversion)
			}
		}
	})
	t.Run("dates", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, write(t, "V", Params{"D": "20260705", "T": "123456"}), "<D>2026-07-05</D><T>12:34:56</T>")
		for _, text := range []string{"2026-07-05", "20260705"} {
			require.Equal(t, mustDate(t, "20260705"), field(t, "D", text))
		}
		for _, text := range []string{"12:34:56", "123456"} {
			require.Equal(t, mustTime(t, "123456"), field(t, "T", text))
		}
		require.True(t, field(t, "D", "").(interface{ IsBlank() bool }).IsBlank(), "xRFC writes blanks as nothing")
		require.True(t, field(t, "D", "0000-00-00").(interface{ IsInitial() bool }).IsInitial())
		for _, text := range []string{"2026-7-05", "05.07.2026", "2026/07/05", "2026-07-055", "1"} {
			refused(t, "D", text, ErrConversion)
		}
	})
	t.Run("compact types of time are raw numbers", func(t *testing.T) {
		t.Parallel()
		d := testDictionary()
		d.Structure("TIMES", "UTC:p SEC:n MIN:w DAY:d WEEK:7 MONTH:x TSEC:t TMIN:i CDAY:c G:g")
		g, err := d.Function("Z", "EXPORTING V:{TIMES}")
		require.NoError(t, err)
		w := Writer{Function: g, Reply: true}
		for _, value := range []Params{{}, {"UTC": "2026-07-05T12:34:56.1234567", "TSEC": "00:00:00"}} {
			b, err := w.Append(nil, Params{"V": value})
			require.NoError(t, err)
			var doc strings.Builder
			for _, it := range itemsOf(t, chain.AppendEnd(b)) {
				if it.Tag == chain.XMLPiece {
					doc.Write(it.Value)
				}
			}
			utc, sec := "0", "0"
			if len(value) > 0 {
				utc, sec = "639190244961234568", "1"
			}
			require.Equal(t, "<V><UTC>"+utc+"</UTC><SEC>0</SEC><MIN>0</MIN><DAY>0</DAY><WEEK>0</WEEK><MONTH>0</MONTH><TSEC>"+sec+"</TSEC><TMIN>0</TMIN><CDAY>0</CDAY><G></G></V>", doc.String())
		}
	})
	t.Run("security", func(t *testing.T) {
		t.Parallel()
		for _, doc := range []string{
			`<!DOCTYPE V><V></V>`, `<!DOCTYPE V [<!ENTITY a "b">]><V></V>`, "<V><S>&a;</S></V>", "<?xml version='1.0'?><V></V>", "<V/>", "<V><!--x--></V>",
			"\ufeff<V></V>", "<V><S><![CDATA[x]]></S></V>", " <V></V>", "<V xmlns='x'></V>",
		} {
			_, err := read(t, "V", doc)
			require.ErrorIs(t, err, wire.ErrMalformed, doc)
		}
		_, err := read(t, "V", "<V><S>"+strings.Repeat("<S>", 1<<20))
		require.Error(t, err)
		s, err := docSection(t, f)
		require.Error(t, err, "an empty document")
		s.Reset(f, Representation{}, true)
		_, err = s.Item(item(chain.XMLBracket, nil))
		big := make([]byte, MaxDocument/4) // never touched
		for range 4 {
			require.NoError(t, err)
			_, err = s.Item(item(chain.XMLPiece, big))
		}
		require.NoError(t, err)
		_, err = s.Item(item(chain.XMLPiece, []byte("x")))
		require.ErrorIs(t, err, ErrLimit)
	})
}

// RFC_READ_TABLE answers with DATA in classic rows and ET_DATA as a document in one reply,
// whichever way the document goes.
func TestClassicRowsBesideADocument(t *testing.T) {
	t.Parallel()
	f := testFunction(t, "RFC_READ_TABLE")
	for _, format := range []Format{Classic, BasXML} {
		w := Writer{Function: f, Reply: true, Format: format}
		b, err := w.Append(nil, Params{"DATA": []Params{{"WA": "row"}}, "ET_DATA": []Params{{"LINE": "a"}, {"LINE": "b"}}})
		require.NoError(t, err)
		tags := map[chain.Tag]int{}
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			tags[it.Tag]++
		}
		require.Equal(t, 3, tags[chain.TableName])
		require.Equal(t, map[Format]int{Classic: 2, BasXML: 0}[format], tags[chain.XMLBracket])
		require.Equal(t, map[Format]int{Classic: 0, BasXML: 1}[format], tags[chain.CompactOpen])
		var s Section
		s.Reset(f, Representation{}, true)
		require.NoError(t, feed(&s, b))
		require.Equal(t, format, s.Format())
		var out struct {
			Data []struct{ WA string }   `rfc:"DATA"`
			ET   []struct{ Line string } `rfc:"ET_DATA"`
		}
		require.NoError(t, s.Scan(&out))
		require.Equal(t, "row", out.Data[0].WA)
		require.Equal(t, "b", out.ET[1].Line)
	}
}

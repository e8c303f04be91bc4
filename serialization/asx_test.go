package serialization

import (
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/stretchr/testify/require"
)

func TestTextualVariant(t *testing.T) {
	t.Parallel()
	f := function(t, "EXPORTING A:[DEEPTAB]\nEXPORTING B:C5\nEXPORTING S:g")
	rows := []Params{{"I": int32(1), "C": "x", "STR": "", "XSTR": []byte{0xff}}}
	for name, doc := range map[string]string{
		"as written":        asxHead + `<A asx:lines="1"><ABAPTEXT><I>1</I><C>x</C><STR></STR><XSTR>/w==</XSTR></ABAPTEXT></A><B>ab</B><S> &lt;&#252; </S>` + asxTail,
		"empty elements":    asxHead + `<A asx:lines='1' ><item><I>1</I><C>x</C><STR/><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#xFC; </S>` + asxTail,
		"plain lines":       asxHead + `<A lines="1"><item><I>1</I><C>x</C><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#252; </S>` + asxTail,
		"no lines":          asxHead + `<A><item><I>1</I><C>x</C><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#252; </S>` + asxTail,
		"white space":       strings.ReplaceAll(asxHead, "><", ">\n  <") + "\n<A>\n <item>\n<I>1</I> <C>x</C><XSTR>/w==</XSTR></item>\n</A>\r\n<B>ab</B><S> &lt;&#252; </S>\n" + strings.ReplaceAll(asxTail, "><", ">\n  <") + "\n",
		"other prefix":      strings.ReplaceAll(asxHead+`<A p:lines="1"><item><I>1</I><C>x</C><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#252; </S>`+asxTail, "asx", "p"),
		"declaration":       strings.Replace(asxHead, "<asx:abap", `<?xml version="1.0" encoding="UTF-8"?><asx:abap`, 1) + `<A><item><I>1</I><C>x</C><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#252; </S>` + asxTail,
		"unknown parameter": asxHead + `<NEW><A><B/>text</A></NEW><A><item><I>1</I><C>x</C><XSTR>/w==</XSTR></item></A><B>ab</B><S> &lt;&#252; </S>` + asxTail,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sectionOf(f, block([]byte(doc))...)
			require.NoError(t, err)
			require.Equal(t, BasXML, s.Format())
			var out Params
			require.NoError(t, s.Scan(&out))
			require.Equal(t, Params{"A": rows, "B": "ab", "S": " <ü "}, out)
		})
	}
	for _, doc := range []string{asxHead + asxTail, strings.Replace(asxHead, "<asx:values>", "<asx:values/></asx:abap>", 1), asxHead + "<A/>" + asxTail} {
		s, err := sectionOf(f, block([]byte(doc))...)
		require.NoError(t, err, doc)
		v, err := s.Value("A")
		require.NoError(t, err)
		require.Empty(t, v)
	}
	// Binary tokens behind the same header.
	b := bxmlDocument(t, "2b 'B 3c 09 01 54 'ab 3e")
	s, err := sectionOf(f, block(append([]byte("Z"), b...))...)
	require.NoError(t, err)
	v, err := s.Value("B")
	require.NoError(t, err)
	require.Equal(t, "ab", v)
}

func TestB113TextualVariant(t *testing.T) {
	t.Parallel()
	f := function(t, "EXPORTING A:[DEEPTAB]\nEXPORTING B:C5\nEXPORTING ROW:{ABAPTEXT}")
	good := asxHead + `<A asx:lines="1"><item><I>1</I></item></A>` + asxTail
	change := func(from, to string) string {
		require.Contains(t, good, from)
		return strings.Replace(good, from, to, 1)
	}
	for name, tt := range map[string]struct {
		doc   string
		class error
		text  string
	}{
		"DTD":                  {change("<asx:abap", "<!DOCTYPE x><asx:abap"), wire.ErrMalformed, "a name"},
		"DTD with entity":      {change("<asx:abap", `<!DOCTYPE x [<!ENTITY a "b">]><asx:abap`), wire.ErrMalformed, "a name"},
		"entity":               {change(">1<", ">&a;<"), wire.ErrMalformed, "predefined"},
		"comment":              {change("<item>", "<!-- x --><item>"), wire.ErrMalformed, "a name"},
		"CDATA":                {change(">1<", "><![CDATA[1]]><"), wire.ErrMalformed, "a name"},
		"instruction":          {change("<item>", "<?x?><item>"), wire.ErrMalformed, "a name"},
		"two declarations":     {change("<asx:abap", "<?xml version='1.0'?><?xml version='1.0'?><asx:abap"), wire.ErrMalformed, ""},
		"encoding":             {change("<asx:abap", "<?xml version='1.0' encoding='iso-8859-1'?><asx:abap"), wire.ErrMalformed, "utf-8"},
		"open declaration":     {change("<asx:abap", "<?xml "+strings.Repeat("x", 200)+"<asx:abap"), wire.ErrMalformed, "declaration"},
		"root":                 {change("<asx:abap", "<asx:abab"), wire.ErrMalformed, "asx:abap"},
		"no namespace":         {change(` xmlns:asx="http://www.sap.com/abapxml"`, ""), wire.ErrMalformed, "namespace"},
		"other namespace":      {change("com/abapxml", "com/xml"), wire.ErrMalformed, "namespace"},
		"default namespace":    {change("xmlns:asx", "xmlns"), wire.ErrMalformed, "namespaces"},
		"version":              {change(`"1.0"`, `"2.0"`), wire.ErrMalformed, "version"},
		"values":               {change("<asx:values>", "<values>"), wire.ErrMalformed, "asx:values"},
		"values of another":    {change("<asx:values>", "<x:values>"), wire.ErrMalformed, "asx:values"},
		"heap":                 {change("</asx:abap>", "<asx:heap></asx:heap></asx:abap>"), wire.ErrMalformed, "</asx:abap>"},
		"prefix of parameter":  {change("<A ", "<asx:A "), wire.ErrMalformed, ""},
		"lines":                {change(`"1"`, `"2"`), wire.ErrMalformed, "2 rows"},
		"lines not a number":   {change(`"1"`, `"x"`), wire.ErrMalformed, "number"},
		"lines twice":          {change(`asx:lines="1"`, `asx:lines="1" lines="1"`), wire.ErrMalformed, "lines"},
		"attribute twice":      {change(`asx:lines="1"`, `asx:lines="1" asx:lines="1"`), wire.ErrMalformed, "once"},
		"other attribute":      {change("<item>", `<item href="#1">`), wire.ErrMalformed, "href"},
		"lines of another":     {change("asx:lines", "bsx:lines"), wire.ErrMalformed, "lines"},
		"no quotes":            {change(`"1"`, "1"), wire.ErrMalformed, `"`},
		"markup in attribute":  {change(`"1"`, `"&#49;"`), wire.ErrMalformed, "without markup"},
		"open quote":           {change(`"1"`, `"1`), wire.ErrMalformed, "markup"},
		"attributes run on":    {change(`asx:lines="1"`, `a="1"b="2"`), wire.ErrMalformed, "end of the tag"},
		"many attributes":      {change(`asx:lines="1"`, strings.Repeat(`a="1" `, 100)), wire.ErrMalformed, ""},
		"crossed":              {change("</I></item>", "</item></I>"), wire.ErrMalformed, "</I>"},
		"crossed in unknown":   {change("<A ", "<NEW><X></NEW></X><A "), wire.ErrMalformed, "</X>"},
		"trailing":             {good + "x", wire.ErrMalformed, "the end of the document"},
		"text in values":       {change("<A ", "text<A "), wire.ErrMalformed, "a tag"},
		"text in row":          {change("<I>", "text<I>"), wire.ErrMalformed, "a tag"},
		"parameter twice":      {change("<A ", "<A/><A "), wire.ErrMalformed, "A twice"},
		"unknown field":        {change("<I>1</I>", "<NEW/>"), ErrStale, "NEW"},
		"two row names":        {change("</item>", "</item><ITEM/>"), wire.ErrMalformed, "rows named"},
		"deep":                 {change("<A ", strings.Repeat("<X>", 80)+"<A "), wire.ErrLimit, "67 elements"},
		"header":               {change("?\x03VER", "?\x03VXR"), wire.ErrMalformed, "VER"},
		"header only":          {good[:strings.Index(good, "<")], wire.ErrTruncated, ""},
		"lines of a structure": {asxHead + `<ROW lines="0"></ROW>` + asxTail, wire.ErrMalformed, "lines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sectionOf(f, block([]byte(tt.doc))...)
			if err == nil {
				err = s.Scan(&Params{})
			}
			require.Error(t, err)
			require.ErrorIs(t, err, tt.class)
			require.ErrorContains(t, err, tt.text)
		})
	}
	for i := range good {
		s, err := sectionOf(f, block([]byte(good[:i]))...)
		if err == nil {
			err = s.Scan(&Params{})
		}
		require.Error(t, err, i)
	}
}

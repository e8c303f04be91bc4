package bxml

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/stretchr/testify/require"
)

// doc writes a document in the notation of spec 43.3: hex bytes, and words in quotes as
// length and text.
func doc(t testing.TB, notation string) []byte {
	t.Helper()
	var b []byte
	for word := range strings.FieldsSeq(notation) {
		if s, ok := strings.CutPrefix(word, "'"); ok {
			b = append(appendLength(b, len(s)), s...)
			continue
		}
		raw, err := hex.DecodeString(word)
		require.NoError(t, err, word)
		b = append(b, raw...)
	}
	return b
}

// The envelope as spec 43.3 shows it [capture].
const envelopeNotation = `42584d4c 3f 'VER '0.7 3f 'ENC 'utf-8
	2b 'asx 2b 'http://www.sap.com/abapxml 3a 02 03
	2b 'abap 3c 04 02 2b 'version 40 05 01 41 '1.0
	2b 'asxhint 2b 'http://www.sap.com/abapxml/hint 3a 06 07 2a 03
	2b 'values 3c 08 02 `

// The worked example: structure REQUEST with METHOD = GET.
const requestNotation = envelopeNotation + `2b 'REQUEST 3c 09 01 2b 'METHOD 3c 0a 01 54 'GET 3e 3e 3e 3e`

func TestEnvelopeIsExact(t *testing.T) {
	t.Parallel()
	want := doc(t, envelopeNotation)
	require.Len(t, want, 144)
	require.Equal(t, hex.Dump(want), hex.Dump([]byte(envelope)))
	require.True(t, strings.HasPrefix(hex.EncodeToString(want), "42584d4c3f03564552"+"03302e37"+"3f03454e43"+"057574662d38"+"2b03617378"+"2b1a"), "lengths are what spec 43.3 writes in hex")
	var w Writer
	w.Reset([]byte("before"))
	b, err := w.End()
	require.NoError(t, err)
	require.Equal(t, "before"+envelope+">>", string(b))
}

func TestRequestExampleBothWays(t *testing.T) {
	t.Parallel()
	want := doc(t, requestNotation)
	require.Len(t, want, 176)
	var w Writer
	for range 2 { // a writer starts anew
		w.Reset(nil)
		w.Open("REQUEST")
		w.Open("METHOD")
		w.Text("GET")
		w.Close()
		w.Close()
		b, err := w.End()
		require.NoError(t, err)
		require.Equal(t, hex.Dump(want), hex.Dump(b))
	}
	d, err := Parse(want)
	require.NoError(t, err)
	require.Len(t, d.Elements(), 1)
	e := d.Elements()[0]
	require.Equal(t, "REQUEST", string(e.Name))
	require.Equal(t, "<REQUEST><METHOD>GET</METHOD></REQUEST>", string(d.AppendReadable(nil, e, 100)))
	require.Equal(t, "<REQUEST><", string(d.AppendReadable(nil, e, 10)))
	c := d.Open(e)
	for _, name := range []string{"REQUEST", "METHOD"} {
		got, ok, err := c.Start()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, name, string(got))
		_, counted := c.Lines()
		require.False(t, counted)
	}
	text, opaque, err := c.Content()
	require.NoError(t, err)
	require.Equal(t, "GET", string(text))
	require.False(t, opaque)
	require.Error(t, c.Finish())
	require.NoError(t, c.End())
	_, ok, err := c.Start()
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, c.End())
	require.NoError(t, c.Finish())
	_, _, err = c.Start()
	require.ErrorIs(t, err, wire.ErrMalformed)
}

// Later rows reuse references; the attribute is declared behind the start of its element.
func TestTableBothWays(t *testing.T) {
	t.Parallel()
	want := doc(t, envelopeNotation+`2b 'T 3c 09 01 2b 'lines 40 0a 03 41 '2
		2b 'item 3c 0b 01 2b 'NAME 3c 0c 01 54 'a 3e 2b 'BODY 3c 0d 01 42 02 00ff 3e 3e
		3c 0b 01 3c 0c 01 3e 3c 0d 01 3e 3e 3e 3e 3e`)
	var w Writer
	w.Reset(nil)
	w.Open("T")
	w.Lines(2)
	for i, name := range []string{"a", ""} {
		w.Open("item")
		w.Open("NAME")
		w.Text(name)
		w.Close()
		w.Open("BODY")
		w.Body([]byte{0, 0xff}[:2-2*i])
		w.Close()
		w.Close()
	}
	w.Close()
	b, err := w.End()
	require.NoError(t, err)
	require.Equal(t, hex.Dump(want), hex.Dump(b))
	d, err := Parse(b)
	require.NoError(t, err)
	require.Equal(t, "<T><item><NAME>a</NAME><BODY>0x00ff</BODY></item><item><NAME></NAME><BODY></BODY></item></T>",
		string(d.AppendReadable(nil, d.Elements()[0], 1000)))
	c := d.Open(d.Elements()[0])
	_, _, err = c.Start()
	require.NoError(t, err)
	n, ok := c.Lines()
	require.True(t, ok)
	require.Equal(t, 2, n)
	_, _, err = c.Content()
	require.ErrorContains(t, err, "a table of 2 rows")
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "00", 3: "03", 127: "7f", 128: "c280", 151: "c297", 196: "c384", 2047: "dfbf", 2048: "e0a080",
		55_295: "ed9fbf", 55_296: "eda080", 56_000: "edab80", 57_343: "edbfbf", 57_344: "ee8080",
		65_535: "efbfbf", 65_536: "f0908080", 70_000: "f09185b0", MaxLength: "f48fbfbf",
	} {
		b := appendLength(nil, n)
		require.Equal(t, want, hex.EncodeToString(b), n)
		got, size := length(append(b, 'x'))
		require.Equal(t, n, got)
		require.Equal(t, len(b), size)
		for i := range b {
			_, size := length(b[:i])
			require.Negative(t, size, "%d cut at %d", n, i)
		}
	}
	for n := range 0x11000 {
		b := appendLength(nil, n)
		got, size := length(b)
		if n != got || size != len(b) || (n < 0xd800 || n > 0xdfff) && string(b) != string(rune(n)) {
			t.Fatalf("%d: % x is %d in %d bytes", n, b, got, size)
		}
	}
	for _, bad := range []string{
		"80", "bf", "c080", "c1bf", "e09fbf", "f08fbfbf", "f4908080", "f5808080", "f8888080", "ff", // overlong, too large, no lead
		"c2c0", "c241", "e0a041", "e041a0", "f0908041", "edc080",
	} {
		b, err := hex.DecodeString(bad)
		require.NoError(t, err)
		_, size := length(append(b, 0x80, 0x80, 0x80))
		require.Zero(t, size, bad)
	}
}

// Texts of every length class survive, in particular those whose length is a surrogate.
func TestTextsOfEveryLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 127, 128, 2047, 2048, 55_295, 55_296, 57_343, 57_344, 65_535, 65_536, MaxLength} {
		var w Writer
		w.Reset(nil)
		w.Open("A")
		w.Text(strings.Repeat("x", n))
		w.Close()
		b, err := w.End()
		require.NoError(t, err)
		d, err := Parse(b)
		require.NoError(t, err, n)
		c := d.Open(d.Elements()[0])
		_, _, err = c.Start()
		require.NoError(t, err)
		text, _, err := c.Content()
		require.NoError(t, err)
		require.Len(t, text, n)
	}
	for _, write := range []func(w *Writer){
		func(w *Writer) { w.Text(strings.Repeat("x", MaxLength+1)) },
		func(w *Writer) { w.Body(make([]byte, MaxLength+1)) },
	} {
		var w Writer
		w.Reset([]byte("x"))
		w.Open("A")
		write(&w)
		require.ErrorIs(t, w.Err(), ErrInexpressible)
		w.Text("more")
		w.Body([]byte("more"))
		w.Close()
		b, err := w.End()
		require.ErrorIs(t, err, ErrInexpressible)
		require.ErrorContains(t, err, "1114112 bytes, at most 1114111")
		require.Equal(t, "x", string(b))
		w.Reset(nil)
		_, err = w.End()
		require.NoError(t, err)
	}
}

func TestDocumentsAboveTheLimit(t *testing.T) {
	t.Parallel()
	var w Writer
	w.Reset(make([]byte, 0, MaxDocument+1<<10))
	w.Open("A")
	w.b = w.b[:MaxDocument-10] // as if a long text stood there; the memory is never touched
	w.Text("123456789")
	require.NoError(t, w.Err())
	w.Text("1")
	require.ErrorIs(t, w.Err(), ErrInexpressible)
	w.Close()
	_, err := w.End()
	require.ErrorContains(t, err, "268435456")
	_, err = Parse(append(make([]byte, 0, MaxDocument+1), envelope...)[:MaxDocument+1])
	require.ErrorIs(t, err, wire.ErrLimit)
}

// A writer declares 253 names, a reader accepts 254.
func TestNames(t *testing.T) {
	t.Parallel()
	write := func(n int) ([]byte, error) {
		var w Writer
		w.Reset(nil)
		for i := range n - envelopeNames {
			w.Open(fmt.Sprintf("N%d", i))
			w.Close()
		}
		w.Open("N0") // names count once
		w.Close()
		return w.End()
	}
	b, err := write(WriterNames)
	require.NoError(t, err)
	d, err := Parse(b)
	require.NoError(t, err)
	require.Len(t, d.names, 253)
	_, err = write(WriterNames + 1)
	require.ErrorIs(t, err, ErrInexpressible)
	// The names 254 and 255 by hand, in front of the last two closes.
	body := b[:len(b)-2]
	with := func(names int) []byte {
		out := append([]byte{}, body...)
		for range names {
			out = append(out, 0x2b, 1, 'X')
		}
		return append(out, 0x3c, 0xff, 1, 0x3e, 0x3e, 0x3e)
	}
	d, err = Parse(with(1))
	require.NoError(t, err)
	require.Equal(t, "X", string(d.Elements()[len(d.Elements())-1].Name))
	_, err = Parse(with(2))
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "more than 254 names")
	_, err = Parse(with(0))
	require.ErrorIs(t, err, wire.ErrMalformed, "reference ff without the name")
}

func TestTruncatedAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, b := range goldens(t) {
		for i := range b {
			_, err := Parse(b[:i:i])
			require.Error(t, err, i)
			var we *wire.Error
			require.ErrorAs(t, err, &we)
			require.LessOrEqual(t, we.Offset, i)
			if i >= len(magic) {
				require.ErrorIs(t, err, wire.ErrTruncated, i)
			}
		}
		_, err := Parse(append(b[:len(b):len(b)], 0x3e))
		require.ErrorIs(t, err, wire.ErrTrailing)
	}
}

// goldens are documents with every token.
func goldens(t testing.TB) [][]byte {
	t.Helper()
	return [][]byte{
		doc(t, requestNotation),
		doc(t, envelopeNotation+`2b 'T 3c 09 01 2b 'lines 40 0a 03 41 '1 2b 'ROW 3c 0b 01 2b 'X 3c 0c 01 43 'text 43 'more 3e
			2b 'Y 3c 0d 01 42 '\x00\x01 3e 3e 3e 3e 3e`),
		doc(t, envelopeNotation+`3e 3e`),
	}
}

func TestB113HostileDocuments(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("3c 09 01 ", MaxDepth)
	for name, tt := range map[string]struct {
		doc    string
		reason error
		text   string
	}{
		"no magic":             {"42584d4d", wire.ErrMalformed, "BXMM"},
		"unknown token":        {envelopeNotation + "99", wire.ErrMalformed, "got 99"},
		"version":              {"42584d4c 3f 'VER '0.8 3f 'ENC 'utf-8", wire.ErrMalformed, `"0.8"`},
		"encoding":             {"42584d4c 3f 'VER '0.7 3f 'ENC 'utf-16", wire.ErrMalformed, `"utf-16"`},
		"headers exchanged":    {"42584d4c 3f 'ENC 'utf-8 3f 'VER '0.7", wire.ErrMalformed, "VER"},
		"header missing":       {"42584d4c 3f 'VER '0.7 2b 'asx", wire.ErrMalformed, "header ENC"},
		"late header":          {envelopeNotation + "3f 'VER '0.7", wire.ErrMalformed, "3f"},
		"reference 0":          {envelopeNotation + "3c 00 01", wire.ErrMalformed, "got 00"},
		"reference 1":          {envelopeNotation + "3c 01 01", wire.ErrMalformed, "got 01"},
		"undeclared":           {envelopeNotation + "3c 09 01", wire.ErrMalformed, "7 names"},
		"declared later":       {envelopeNotation + "3c 09 01 2b 'LATE", wire.ErrMalformed, "got 09"},
		"namespace 0":          {envelopeNotation + "2b 'A 3c 09 00", wire.ErrMalformed, "got 00"},
		"namespace undeclared": {envelopeNotation + "2b 'A 3c 09 0a", wire.ErrMalformed, "got 0a"},
		"parameter in asx":     {envelopeNotation + "2b 'A 3c 09 02", wire.ErrMalformed, "without a namespace"},
		"field in asx":         {envelopeNotation + "2b 'A 3c 09 01 3c 09 02", wire.ErrMalformed, "without a namespace"},
		"empty name":           {envelopeNotation + "2b 00", wire.ErrMalformed, "an empty one"},
		"overlong":             {envelopeNotation + "2b c080", wire.ErrMalformed, "shortest"},
		"text beyond":          {envelopeNotation + "2b 'A 3c 09 01 54 f48fbfbf 41", wire.ErrTruncated, "1114111"},
		"close first":          {"42584d4c 3f 'VER '0.7 3f 'ENC 'utf-8 3e", wire.ErrMalformed, "end of an element"},
		"too few closes":       {envelopeNotation + "2b 'A 3c 09 01 3e 3e", wire.ErrTruncated, "a token"},
		"too many closes":      {envelopeNotation + "3e 3e 3e", wire.ErrTrailing, "1 bytes"},
		"no values":            {strings.Replace(envelopeNotation, "2b 'values 3c 08 02", "3e", 1), wire.ErrMalformed, "asx:values"},
		"root":                 {strings.Replace(envelopeNotation, "'abap", "'abab", 1), wire.ErrMalformed, "abab"},
		"values":               {strings.Replace(envelopeNotation, "'values", "'valves", 1), wire.ErrMalformed, "valves"},
		"values twice":         {envelopeNotation + "3e 3c 08 02", wire.ErrMalformed, "once"},
		"heap":                 {envelopeNotation + "3e 2b 'heap 3c 09 02", ErrUnsupported, "heap"},
		"no namespace":         {strings.Replace(envelopeNotation, "3c 04 02", "3c 04 01", 1), wire.ErrMalformed, "asx:abap"},
		"other namespace":      {strings.Replace(envelopeNotation, "com/abapxml ", "com/abapxmm ", 1), wire.ErrMalformed, "asx:abap"},
		"version of asXML":     {strings.Replace(envelopeNotation, "'1.0", "'1.1", 1), wire.ErrMalformed, "1.1"},
		"prefix bound anew":    {envelopeNotation + "3a 02 07", wire.ErrMalformed, "another one"},
		"namespace as prefix":  {envelopeNotation + "3a 03 07", wire.ErrMalformed, "another one"},
		"text in values":       {envelopeNotation + "54 'x", wire.ErrMalformed, "text beside elements"},
		"text in front":        {"42584d4c 3f 'VER '0.7 3f 'ENC 'utf-8 54 'x", wire.ErrMalformed, "text beside elements"},
		"text behind element":  {envelopeNotation + "2b 'A 3c 09 01 3c 09 01 3e 54 'x", wire.ErrMalformed, "beside"},
		"element behind text":  {envelopeNotation + "2b 'A 3c 09 01 54 'x 3c 09 01", wire.ErrMalformed, "beside"},
		"late attribute":       {envelopeNotation + "2b 'lines 3c 09 01 54 'x 40 09 03 41 '1", wire.ErrMalformed, "directly"},
		"attribute of none":    {"42584d4c 3f 'VER '0.7 3f 'ENC 'utf-8 2b 'lines 40 02 01 41 '1", wire.ErrMalformed, "directly"},
		"attribute no value":   {envelopeNotation + "2b 'lines 3c 09 01 40 09 03 3e", wire.ErrMalformed, "the value of attribute"},
		"value no attribute":   {envelopeNotation + "2b 'lines 3c 09 01 41 '1", wire.ErrMalformed, "in front of its value"},
		"lines twice":          {envelopeNotation + "2b 'lines 3c 09 01 40 09 03 41 '1 40 09 03 41 '1", ErrUnsupported, "lines"},
		"lines not a number":   {envelopeNotation + "2b 'lines 3c 09 01 40 09 03 41 '-1", wire.ErrMalformed, "-1"},
		"lines empty":          {envelopeNotation + "2b 'lines 3c 09 01 40 09 03 41 00", wire.ErrMalformed, "number"},
		"lines too large":      {envelopeNotation + "2b 'lines 3c 09 01 40 09 03 41 '9999999999", wire.ErrMalformed, "number"},
		"lines without ns":     {envelopeNotation + "2b 'lines 3c 09 01 40 09 01 41 '1", ErrUnsupported, "lines"},
		"unknown attribute":    {envelopeNotation + "2b 'href 3c 09 01 40 09 03 41 '1", ErrUnsupported, "href"},
		"too deep":             {envelopeNotation + "2b 'A " + deep + "3c 09 01", wire.ErrLimit, "67 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(doc(t, tt.doc))
			require.ErrorIs(t, err, tt.reason)
			require.ErrorContains(t, err, tt.text)
			var we *wire.Error
			require.True(t, errors.As(err, &we))
			require.Less(t, len(err.Error()), 400)
		})
	}
	for name, notation := range map[string]string{
		"deepest":            envelopeNotation + "2b 'A " + deep + strings.Repeat("3e ", MaxDepth) + "3e 3e",
		"hint":               envelopeNotation + "2b 'x 3c 09 01 40 09 06 41 'anything 40 09 07 41 'anything 3e 3e 3e",
		"prefix of lines":    envelopeNotation + "2b 'lines 3c 09 01 40 09 02 41 '0 3e 3e 3e",
		"prefix bound twice": envelopeNotation + "3a 02 03 3e 3e",
		"no version":         strings.Replace(envelopeNotation, "40 05 01 41 '1.0", "", 1) + "3e 3e",
		"other order of names": `42584d4c 3f 'VER '0.7 3f 'ENC 'utf-8 2b 'values 2b 'abap 2b 'http://www.sap.com/abapxml 2b 'p
			3a 05 04 3c 03 05 3c 02 05 3e 3e`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(doc(t, notation))
			require.NoError(t, err)
		})
	}
}

func TestManyParametersAreRefused(t *testing.T) {
	t.Parallel()
	one := doc(t, "3c 09 01 3e")
	b := doc(t, envelopeNotation+"2b 'A")
	for range MaxElements {
		b = append(b, one...)
	}
	_, err := Parse(append(b[:len(b):len(b)], 0x3e, 0x3e))
	require.NoError(t, err)
	_, err = Parse(append(append(b, one...), 0x3e, 0x3e))
	require.ErrorIs(t, err, wire.ErrLimit)
}

// A text longer than one token can hold comes in several.
func TestContentInPieces(t *testing.T) {
	t.Parallel()
	open := func(content string) (Cursor, error) {
		d, err := Parse(doc(t, envelopeNotation+"2b 'A 3c 09 01 "+content+" 3e 3e 3e"))
		if err != nil {
			return Cursor{}, err
		}
		c := d.Open(d.Elements()[0])
		_, _, err = c.Start()
		return c, err
	}
	for content, want := range map[string]string{
		"":                                "",
		"54 'ab":                          "ab",
		"54 'ab 43 'cd 2b 'LATE 54 'ef":   "abcdef",
		"42 'ab 42 'cd 42 00 42 'ef":      "abcdef",
		"54 00":                           "",
		"2b 'X 2b 'Y 54 'ab 2b 'Z":        "ab",
		"54 'ab 54 'cd 54 'ef 54 'gh":     "abcdefgh",
		"2a 03 54 'ab 3a 06 07 54 'cd":    "abcd",
		"54 '\u00fc":                      "\u00fc",
		"54 01 c3 54 01 bc":               "\u00fc",
		"43 'http://www.sap.com/abapxml/": "http://www.sap.com/abapxml/",
	} {
		c, err := open(content)
		require.NoError(t, err, content)
		got, opaque, err := c.Content()
		require.NoError(t, err, content)
		require.Equal(t, want, string(got))
		require.Equal(t, strings.HasPrefix(content, "42"), opaque)
		require.NoError(t, c.End())
		require.NoError(t, c.Finish())
	}
	for _, content := range []string{"54 'ab 42 'cd", "42 'ab 43 'cd"} {
		c, err := open(content)
		require.NoError(t, err)
		_, _, err = c.Content()
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
	c, err := open("3c 09 01 3e")
	require.NoError(t, err)
	_, _, err = c.Content()
	require.ErrorContains(t, err, `want a value, got element "A"`)
	require.ErrorContains(t, c.End(), "element")
	c, err = open("54 'ab")
	require.NoError(t, err)
	_, _, err = c.Start()
	require.ErrorContains(t, err, `got text "ab"`)
	c, err = open("42 'ab")
	require.NoError(t, err)
	_, _, err = c.Start()
	require.ErrorContains(t, err, "2 opaque bytes")
}

func TestReadingDoesNotAllocatePerElement(t *testing.T) {
	var w Writer
	w.Reset(nil)
	w.Open("T")
	w.Lines(1000)
	for range 1000 {
		w.Open("item")
		w.Text("text")
		w.Close()
	}
	w.Close()
	b, err := w.End()
	require.NoError(t, err)
	allocs := testing.AllocsPerRun(10, func() {
		d, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		c := d.Open(d.Elements()[0])
		_, _, _ = c.Start()
		for n := 0; ; n++ {
			_, ok, err := c.Start()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				if n != 1000 {
					t.Fatal(n)
				}
				break
			}
			if text, _, err := c.Content(); err != nil || len(text) != 4 {
				t.Fatal(err)
			}
			_ = c.End()
		}
	})
	require.LessOrEqual(t, allocs, 10.0)
	allocs = testing.AllocsPerRun(10, func() {
		w.Reset(b[:0])
		w.Open("T")
		for range 1000 {
			w.Open("item")
			w.Text("text")
			w.Close()
		}
		w.Close()
		_, _ = w.End()
	})
	require.LessOrEqual(t, allocs, 1.0)
}

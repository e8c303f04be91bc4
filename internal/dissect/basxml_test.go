package dissect

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
)

// Documents of basXML are shown element by element, whichever way they came; what is damaged
// does not hide the rest of the message.
func TestBasXMLDocuments(t *testing.T) {
	t.Parallel()
	const planted = "canary-4711"
	var w bxml.Writer
	w.Reset(nil)
	w.Open("REQUEST")
	w.Open("METHOD")
	w.Text("GET")
	w.Close()
	w.Open("BODY")
	w.Body([]byte{1, 2})
	w.Close()
	w.Close()
	w.Open("NEW_PASSWORD")
	w.Text(planted)
	w.Close()
	doc, err := w.End()
	require.NoError(t, err)
	deflated, err := bxml.AppendBlock(nil, doc, true, nil)
	require.NoError(t, err)
	plain := chain.Append(chain.Append(nil, chain.CompactOpen, []byte{1, 0}), chain.CompactPlain, doc)
	brackets := chain.AppendEmpty(nil, chain.XMLBracket)
	for _, piece := range [][]byte{doc[:3], doc[3:100], doc[100:]} {
		brackets = chain.Append(brackets, chain.XMLPiece, piece)
	}
	brackets = chain.AppendEmpty(brackets, chain.XMLBracket)
	want := []Parameter{
		{Name: "REQUEST", Length: 35, Text: "<REQUEST><METHOD>GET</METHOD><BODY>0x0102</BODY></REQUEST>", Kind: CompactKind},
		{Name: "NEW_PASSWORD", Length: 17, Text: "***", Kind: CompactKind},
		{Name: "FLAT", Length: 4, Text: "7", Kind: Scalar},
	}
	flat := chain.Append(chain.AppendText(nil, chain.ParameterName, "F\x00L\x00A\x00T\x00"), chain.ParameterValue, []byte{7, 0, 0, 0})
	message := func(block []byte) *Record {
		m := chain.AppendEmpty(nil, chain.Call)
		m = chain.AppendText(m, chain.FunctionName, "Z\x00_\x00X\x00")
		m = chain.AppendEmpty(m, chain.Parameters)
		m = append(append(m, block...), flat...)
		return one(t, request(chain.AppendEnd(m)))
	}
	for name, block := range map[string][]byte{"deflated": deflated, "plain": plain, "brackets": brackets} {
		r := message(block)
		require.Equal(t, want, r.Parameters, name)
		require.Nil(t, r.Fields.Get("document_error"))
		js, err := json.Marshal(r)
		require.NoError(t, err)
		if name != "brackets" { // their pieces are shown as they come
			require.NotContains(t, string(js), planted)
		}
	}
	// At the end of the message, without an end item.
	m := append(chain.AppendEmpty(chain.AppendText(chain.AppendEmpty(nil, chain.Call), chain.FunctionName, "Z\x00_\x00X\x00"), chain.Parameters), plain...)
	require.Len(t, one(t, request(chain.AppendEnd(m))).Parameters, 2)
	for name, bad := range map[string][]byte{
		"cut":       plain[:len(plain)-20],
		"no end":    deflated[:len(deflated)-6],
		"no stream": chain.AppendEmpty(chain.Append(chain.Append(nil, chain.CompactOpen, []byte{1, 1}), chain.CompactDeflated, []byte("xxxx")), chain.CompactEnd),
		"no block":  chain.AppendEmpty(nil, chain.CompactEnd),
	} {
		if name == "cut" {
			bad = chain.Append(chain.Append(nil, chain.CompactOpen, []byte{1, 0}), chain.CompactPlain, doc[:len(doc)-1])
		}
		r := message(bad)
		require.NotEmpty(t, r.Fields.Get("document_error"), name)
		require.Equal(t, want[2:], r.Parameters, name)
	}
	r := message(chain.Append(chain.Append(nil, chain.CompactOpen, []byte{1, 0}), chain.CompactPlain, []byte("ZBXML<asx:abap/>")))
	require.Equal(t, "ZBXML<asx:abap/>", r.Parameters[0].Text)
}

// A document that names a secret is hidden from the piece on that names it, in recordings and
// dumps; elements that do are hidden in texts.
func TestBasXMLDocumentsKeepSecrets(t *testing.T) {
	t.Parallel()
	const planted = "canary-4711"
	var w bxml.Writer
	w.Reset(nil)
	w.Open("REQUEST")
	w.Open("PASSWORD")
	w.Text(planted)
	w.Close()
	w.Close()
	w.Open("OTHER")
	w.Close()
	doc, err := w.End()
	require.NoError(t, err)
	for cut := 160; cut < len(doc); cut++ { // REQUEST stands at 146, PASSWORD at 158
		m := chain.Append(chain.AppendEmpty(nil, chain.Call), chain.CompactOpen, []byte{1, 0})
		m = chain.Append(m, chain.CompactPlain, doc[:cut])
		m = chain.AppendEnd(chain.Append(m, chain.CompactPlain, doc[cut:]))
		f := request(m)
		r := one(t, f)
		require.Equal(t, []Parameter{
			{Name: "REQUEST", Length: 31, Text: Masked, Kind: CompactKind}, {Name: "OTHER", Length: 4, Text: "<OTHER></OTHER>", Kind: CompactKind},
		}, r.Parameters)
		if cut < 170 {
			continue // the name itself is cut
		}
		hidden := Redact(f)
		require.NotContains(t, string(hidden.Payload), planted[cut%5:])
		require.Len(t, hidden.Payload, len(f.Payload))
		require.Equal(t, []Parameter{{Length: len(doc), Text: Masked, Kind: CompactKind}}, one(t, hidden).Parameters)
	}
}

// A small record does not make a large text.
func TestBasXMLDocumentsAreShownWithinBounds(t *testing.T) {
	t.Parallel()
	var w bxml.Writer
	w.Reset(nil)
	for range bxml.MaxElements {
		w.Open("A")
		w.Text("text")
		w.Close()
	}
	doc, err := w.End()
	require.NoError(t, err)
	packed, err := bxml.AppendBlock(nil, doc, true, nil)
	require.NoError(t, err)
	require.Less(t, len(packed), 2000)
	r := one(t, request(chain.AppendEnd(append(chain.AppendEmpty(nil, chain.Call), packed...))))
	require.Less(t, len(r.Parameters), 200)
	require.Contains(t, r.Fields.Get("document"), "10000 elements")
	js, err := json.Marshal(r)
	require.NoError(t, err)
	require.Less(t, len(js), 20*len(packed))
	// What is larger than a dissector looks at is said, and no more.
	w.Reset(nil)
	w.Open("A")
	for range maxContainer / (1 << 19) {
		w.Text(string(make([]byte, 1<<19)))
	}
	w.Close()
	doc, err = w.End()
	require.NoError(t, err)
	packed, err = bxml.AppendBlock(nil, doc, true, nil)
	require.NoError(t, err)
	r = one(t, request(chain.AppendEnd(append(chain.AppendEmpty(nil, chain.Call), packed...))))
	require.Contains(t, r.Fields.Get("document_error"), "above limit")
}

package dissect

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
)

// compact takes an item of the block that carries a basXML document (spec 43.2).
func (m *message) compact(it chain.Item) string {
	m.open, m.block.Limit = false, maxContainer
	if _, err := m.block.Item(it, nil); err != nil {
		m.damaged(err)
		return fmt.Sprintf("%d bytes", len(it.Value))
	}
	switch it.Tag {
	case chain.CompactOpen:
		return hexText(it.Value)
	case chain.CompactEnd:
		m.blockDocument()
		return ""
	default:
		return fmt.Sprintf("%d bytes of the document", len(it.Value))
	}
}

// closeBlock ends a block that has no end item.
func (m *message) closeBlock() {
	if m.block.Active() {
		m.blockDocument()
	}
}

func (m *message) blockDocument() {
	doc, err := m.block.Document()
	if err != nil {
		m.damaged(err)
		return
	}
	m.document(doc, m.block.Size())
}

// damaged notes why a document cannot be shown; the rest of the message can.
func (m *message) damaged(err error) { m.r.Fields.add("document_error", clean(err.Error())) }

// document lists the elements of a document as parameters; n is the number of bytes that
// carried it.
func (m *message) document(b []byte, n int) {
	if !bxml.IsDocument(b) {
		// The textual variant, or what else a partner sends: it is shown as it is.
		p := Parameter{Kind: CompactKind, Length: len(b), Text: Masked}
		if !hidden(b, errNotBinary) {
			p.Text = clean(string(b[:min(len(b), 4*maxText)]))
		}
		m.r.Parameters = append(m.r.Parameters, p)
		return
	}
	doc, err := bxml.Parse(b)
	if err != nil {
		m.damaged(err)
		return
	}
	s := showing{r: m.r, room: minShown + shownRatio*n}
	for _, e := range doc.Elements() {
		p := Parameter{Name: clean(string(e.Name[:min(len(e.Name), maxName)])), Kind: CompactKind, Length: e.Size(), Text: Masked}
		// An element that names a secret is hidden as a whole.
		if text := doc.AppendReadable(nil, e, 4*maxText); !namesSecret(text) {
			p.Text = clean(string(text))
		}
		s.add(p)
	}
	if s.lost > 0 {
		m.r.Fields.add("document", fmt.Sprintf("%d elements%s", len(doc.Elements()), s.left()))
	}
}

var errNotBinary = errors.New("no binary document")

// closeXML ends a document in brackets; a binary one takes the place of what its pieces
// looked like as text.
func (m *message) closeXML() {
	if len(m.pieces) > 0 {
		if b := bytes.Join(m.pieces, nil); bxml.IsDocument(b) {
			m.r.Parameters = m.r.Parameters[:m.xml]
			m.document(b, len(b))
		}
	}
	clear(m.pieces)
	m.xml, m.pieces = -1, m.pieces[:0]
}

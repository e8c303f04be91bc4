package serialization

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
)

// The textual variant of basXML: the header of a binary document with a Z in front, then
// the tree of asx:abap and asx:values as XML text. It is read, never written. Source: spec
// 43.4 [impl], seen only from destinations with an unusual option; a recording of one would
// confirm it. What else a recorder could mean by the Z, binary tokens behind the same
// header, is read as well: the first byte behind the header tells them apart.
const (
	textMagic = "ZBXML"
	asxURI    = "http://www.sap.com/abapxml"
	maxAttrs  = 16
)

// asxDocument takes a document that starts with textMagic.
func (s *Section) asxDocument(it chain.Item, doc []byte) error {
	fail := func(err error) error { return fmt.Errorf("serialization: document at offset %d: %w", it.Offset, err) }
	n, err := bxml.SkipHeader(doc[1:])
	if err != nil {
		return fail(err)
	}
	if text := doc[1+n:]; len(text) == 0 || text[0] != '<' {
		return s.binaryDocument(it, doc[1:])
	}
	s.format = BasXML
	x := asxReader{xmlReader: xmlReader{b: doc, pos: 1 + n}}
	err = x.envelope(func(name, element []byte) error {
		i, err := s.documentParameter(it, name)
		if err == nil && i >= 0 {
			s.slots[i].kind, s.slots[i].value, s.slots[i].asx = slotXML, element, true
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// asxReader reads XML text with attributes and empty-element tags: strictly what asXML
// needs. No document types, comments, CDATA sections or instructions; entities are the five
// predefined ones.
type asxReader struct {
	xmlReader
	closed  bool // the element entered last was an empty-element tag
	lines   int
	counted bool
	prefix  string // of asxURI, while the envelope is read
	attrs   []attribute
}

type attribute struct{ name, value []byte }

func (x *asxReader) basXML() bool { return true }

func (x *asxReader) rows() (int, bool) { return x.lines, x.counted }

func (x *asxReader) start() (name []byte, ok bool, err error) {
	if x.closed {
		return nil, false, nil
	}
	x.space()
	if bytes.HasPrefix(x.b[x.pos:], []byte("</")) {
		return nil, false, nil
	}
	if name, err = x.startTag(); err != nil {
		return nil, false, err
	}
	x.counted = false
	for _, a := range x.attrs {
		prefix, local := splitName(a.name)
		if local != "lines" || x.counted || prefix != "" && x.prefix != "" && prefix != x.prefix {
			return nil, false, x.fail("no attribute but lines", quote(string(a.name)))
		}
		n, err := strconv.ParseUint(string(a.value), 10, 31)
		if err != nil {
			return nil, false, x.fail("a number of rows", quote(string(a.value)))
		}
		x.lines, x.counted = int(n), true
	}
	return name, true, nil
}

func (x *asxReader) end(name []byte) error {
	if x.closed {
		x.closed = false
		return nil
	}
	return x.xmlReader.end(name)
}

func (x *asxReader) chars() ([]byte, bool, error) {
	if x.closed {
		return nil, false, nil
	}
	return x.xmlReader.chars()
}

// startTag reads a start tag or empty-element tag with its attributes.
func (x *asxReader) startTag() ([]byte, error) {
	if x.pos >= len(x.b) || x.b[x.pos] != '<' {
		return nil, x.fail("a tag", x.found())
	}
	x.pos++
	name, err := x.xmlName()
	if err != nil {
		return nil, err
	}
	x.attrs = x.attrs[:0]
	for {
		before := x.pos
		x.space()
		rest := x.b[x.pos:]
		switch {
		case bytes.HasPrefix(rest, []byte(">")):
			x.pos++
			return name, nil
		case bytes.HasPrefix(rest, []byte("/>")):
			x.pos += 2
			x.closed = true
			return name, nil
		case x.pos == before || len(x.attrs) == maxAttrs:
			return nil, x.fail("the end of the tag", x.found())
		}
		if err := x.attribute(); err != nil {
			return nil, err
		}
	}
}

func (x *asxReader) attribute() error {
	name, err := x.xmlName()
	if err != nil {
		return err
	}
	rest := x.b[x.pos:]
	if len(rest) < 2 || rest[0] != '=' || rest[1] != '"' && rest[1] != '\'' {
		return x.fail("=\"", x.found())
	}
	n := bytes.IndexByte(rest[2:], rest[1])
	if n < 0 || bytes.ContainsAny(rest[2:2+n], "<&") {
		return x.fail("an attribute value without markup", x.found())
	}
	for i := range x.attrs {
		if bytes.Equal(x.attrs[i].name, name) {
			return x.fail("each attribute once", quote(string(name)))
		}
	}
	x.attrs = append(x.attrs, attribute{name, rest[2 : 2+n]})
	x.pos += n + 3
	return nil
}

// xmlName reads a name up to the character that ends it.
func (x *asxReader) xmlName() ([]byte, error) {
	rest := x.b[x.pos:]
	n := bytes.IndexAny(rest[:min(len(rest), 1024)], " \t\r\n=/>")
	if n < 1 || bytes.ContainsAny(rest[:n], "!?\"'<&;") {
		return nil, x.fail("a name", x.found())
	}
	x.pos += n
	return rest[:n], nil
}

func splitName(name []byte) (prefix, local string) {
	prefix, local, ok := strings.Cut(string(name), ":")
	if !ok {
		return "", prefix
	}
	return prefix, local
}

// envelope reads the whole document and calls fn for every parameter.
func (x *asxReader) envelope(fn func(name, element []byte) error) error {
	if err := x.declaration(); err != nil {
		return err
	}
	root, err := x.outer("abap", "version")
	if err != nil {
		return err
	}
	x.space()
	values, err := x.outer("values", "")
	if err != nil {
		return err
	}
	for !x.closed {
		x.space()
		from := x.pos
		name, ok, err := x.start()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if bytes.IndexByte(name, ':') >= 0 {
			return x.fail("an element without a namespace", quote(string(name)))
		}
		if err := x.skip(name); err != nil {
			return err
		}
		if err := fn(name, x.b[from:x.pos:x.pos]); err != nil {
			return err
		}
	}
	if err := x.end(values); err != nil {
		return err
	}
	x.space()
	if err := x.end(root); err != nil {
		return err
	}
	return x.finish()
}

// declaration skips an XML declaration.
func (x *asxReader) declaration() error {
	rest := x.b[x.pos:]
	if !bytes.HasPrefix(rest, []byte("<?xml ")) {
		return nil
	}
	end := bytes.Index(rest[:min(len(rest), 128)], []byte("?>"))
	if end < 0 {
		return x.fail("the end of the XML declaration", x.found())
	}
	text := strings.ToLower(string(rest[:end]))
	if i := strings.Index(text, "encoding="); i >= 0 && !strings.HasPrefix(text[i+len("encoding=")+1:], "utf-8") {
		return x.fail("encoding utf-8", quote(text[i:]))
	}
	x.pos += end + 2
	x.space()
	return nil
}

// outer enters asx:abap or asx:values, whose attributes bind prefixes.
func (x *asxReader) outer(local, allowed string) ([]byte, error) {
	if x.closed {
		return nil, x.fail("asx:"+local, "the end of an element")
	}
	name, err := x.startTag()
	if err != nil {
		return nil, err
	}
	for _, a := range x.attrs {
		switch ns, bound := splitName(a.name); {
		case ns == "xmlns":
			if string(a.value) == asxURI {
				x.prefix = bound
			}
		case ns == "" && bound == allowed && string(a.value) == "1.0":
		default:
			return nil, x.fail("namespaces and version 1.0", quote(string(a.name))+" "+quote(string(a.value)))
		}
	}
	if prefix, got := splitName(name); got != local || prefix == "" || prefix != x.prefix {
		return nil, x.fail("asx:"+local+" with namespace "+asxURI, quote(string(name)))
	}
	return name, nil
}

// skip reads the rest of the element just entered, without recursion.
func (x *asxReader) skip(name []byte) error {
	open := append(make([][]byte, 0, bxml.MaxDepth), name)
	for len(open) > 0 {
		if !x.closed {
			if _, err := x.characters(); err != nil {
				return err
			}
		}
		inner, ok, err := x.start()
		switch {
		case err != nil:
			return err
		case !ok:
			if err := x.end(open[len(open)-1]); err != nil {
				return err
			}
			open = open[:len(open)-1]
		case len(open) == bxml.MaxDepth:
			return &wire.Error{
				Layer: "xrfc", Record: "document", Offset: x.pos, Err: wire.ErrLimit,
				Want: fmt.Sprintf("at most %d elements in each other", bxml.MaxDepth), Got: "more",
			}
		default:
			open = append(open, inner)
		}
	}
	return nil
}

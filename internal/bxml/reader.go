package bxml

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/purerfc/purerfc/internal/wire"
)

// ErrUnsupported: a document uses what no capture shows, for example more names than fit
// references of one byte, or references between values (asx:heap).
var ErrUnsupported = errors.New("not supported")

// IsDocument reports whether b starts like a binary document.
func IsDocument(b []byte) bool { return len(b) >= len(magic) && string(b[:len(magic)]) == magic }

// Document is a checked document. It holds the bytes it was parsed from, not a copy, and is
// safe for concurrent use as long as they stay as they are.
type Document struct {
	b        []byte
	names    []span
	uses     [256]byte // by reference: bound to this URI, or 0
	elements []Element
}

// span is a part of the document.
type span struct{ from, to int }

// Element is a child of asx:values: a parameter.
type Element struct {
	// Name is the element's name, escaped; it aliases the document.
	Name     []byte
	from, to int // start tag to end tag
}

// Elements lists the children of asx:values in their order.
func (d *Document) Elements() []Element { return d.elements }

// token is one token of a document: its kind, its operands, its text.
type token struct {
	kind    byte
	ref, ns byte
	at      int // offset
	span        // of the text
}

func (d *Document) fail(at int, reason error, want, got string) error {
	return &wire.Error{Layer: "bxml", Record: "document", Offset: at, Err: reason, Want: want, Got: got}
}

func (d *Document) truncated(at int, want string) error {
	return d.fail(at, wire.ErrTruncated, want, fmt.Sprintf("%d", len(d.b)-at))
}

// text reads a length and the bytes behind it.
func (d *Document) text(at int) (span, error) {
	n, size := length(d.b[at:])
	switch {
	case size < 0:
		return span{}, d.truncated(at, "a length")
	case size == 0:
		return span{}, d.fail(at, wire.ErrMalformed, "a length as one code point in UTF-8, in its shortest form", fmt.Sprintf("% x", d.b[at:min(len(d.b), at+4)]))
	}
	at += size
	if n > len(d.b)-at {
		return span{}, d.truncated(at, fmt.Sprintf("%d bytes", n))
	}
	return span{at, at + n}, nil
}

// next reads the token at a position and says where the one behind it starts.
func (d *Document) next(at int) (token, int, error) {
	if at >= len(d.b) {
		return token{}, 0, d.truncated(at, "a token")
	}
	t := token{kind: d.b[at], at: at}
	operands := 0
	switch t.kind {
	case tokenClose:
		return t, at + 1, nil
	case tokenUse:
		operands = 1
	case tokenBind, tokenOpen, tokenAttribute:
		operands = 2
	case tokenName, tokenValue, tokenText, tokenString, tokenBody:
		var err error
		t.span, err = d.text(at + 1)
		return t, t.to, err
	default:
		return t, 0, d.fail(at, wire.ErrMalformed, "a token", fmt.Sprintf("%02x", t.kind))
	}
	if len(d.b)-at-1 < operands {
		return t, 0, d.truncated(at+1, fmt.Sprintf("%d operands", operands))
	}
	t.ref = d.b[at+1]
	if err := d.declared(at+1, t.ref); err != nil {
		return t, 0, err
	}
	if operands == 2 {
		t.ns = d.b[at+2]
		if t.ns != noNamespace || t.kind == tokenBind {
			if err := d.declared(at+2, t.ns); err != nil {
				return t, 0, err
			}
		}
	}
	return t, at + 1 + operands, nil
}

// declared refuses references to names that were not declared.
func (d *Document) declared(at int, ref byte) error {
	if ref < firstRef || int(ref)-firstRef >= len(d.names) {
		return d.fail(at, wire.ErrMalformed, fmt.Sprintf("a reference to one of the %d names declared", len(d.names)), fmt.Sprintf("%02x", ref))
	}
	return nil
}

func (d *Document) name(ref byte) []byte {
	s := d.names[ref-firstRef]
	return d.b[s.from:s.to:s.to]
}

func (d *Document) bytes(s span) []byte { return d.b[s.from:s.to:s.to] }

func (d *Document) is(ref byte, name string) bool { return string(d.name(ref)) == name }

// inNamespace reports whether a namespace operand means a URI: by a prefix bound to it, or
// directly.
func (d *Document) inNamespace(ns byte, want string) bool {
	if ns == noNamespace {
		return false
	}
	if bound := d.uses[ns]; bound != 0 {
		ns = bound
	}
	return d.is(ns, want)
}

// Parse checks a document and finds its parameters. Errors are *wire.Error with the offset
// in the document.
func Parse(b []byte) (*Document, error) {
	d := &Document{b: b}
	if len(b) > MaxDocument {
		return nil, d.fail(0, wire.ErrLimit, fmt.Sprintf("at most %d bytes", MaxDocument), fmt.Sprintf("%d", len(b)))
	}
	at, err := d.header()
	if err != nil {
		return nil, err
	}
	p := parser{Document: d}
	for !p.done {
		var t token
		if t, at, err = d.next(at); err == nil {
			err = p.take(t)
		}
		if err != nil {
			return nil, err
		}
	}
	if at != len(b) {
		return nil, d.fail(at, wire.ErrTrailing, "the end of the document", fmt.Sprintf("%d bytes behind it", len(b)-at))
	}
	return d, nil
}

// SkipHeader checks the magic and the two header tokens of a document and gives the offset
// behind them.
func SkipHeader(b []byte) (int, error) { return (&Document{b: b}).header() }

// header reads magic and header tokens.
func (d *Document) header() (int, error) {
	if !IsDocument(d.b) {
		return 0, d.fail(0, wire.ErrMalformed, magic, quote(d.b[:min(len(d.b), len(magic))]))
	}
	at := len(magic)
	for _, want := range [...][2]string{{"VER", version}, {"ENC", encoding}} {
		if at >= len(d.b) {
			return 0, d.truncated(at, "header "+want[0])
		}
		if d.b[at] != tokenHeader {
			return 0, d.fail(at, wire.ErrMalformed, "header "+want[0], fmt.Sprintf("token %02x", d.b[at]))
		}
		key, err := d.text(at + 1)
		if err != nil {
			return 0, err
		}
		value, err := d.text(key.to)
		if err != nil {
			return 0, err
		}
		if k, v := d.bytes(key), d.bytes(value); string(k) != want[0] || string(v) != want[1] {
			return 0, d.fail(at, wire.ErrMalformed, want[0]+" "+want[1], quote(k)+" "+quote(v))
		}
		at = value.to
	}
	return at, nil
}

// parser is the state of Parse: what is open.
type parser struct {
	*Document
	depth   int
	content [envelopeDepth + MaxDepth + 1]content // by depth
	uris    [256]bool                             // by reference: used as a namespace, so no prefix
	opened  bool                                  // attributes may follow
	known   bool                                  // version or lines was among them
	name    byte                                  // attribute whose value is next, or 0
	ns      byte
	done    bool
}

// content is what an element holds.
type content uint8

const (
	empty content = iota
	text
	children
)

func (p *parser) take(t token) error {
	if p.name != 0 {
		return p.attribute(t)
	}
	switch t.kind {
	case tokenName:
		return p.declare(t)
	case tokenBind:
		return p.bind(t)
	case tokenUse:
		return nil
	case tokenOpen:
		return p.open(t)
	case tokenClose:
		return p.close(t)
	case tokenAttribute:
		if !p.opened {
			return p.fail(t.at, wire.ErrMalformed, "attributes directly behind the start of their element", "an attribute")
		}
		p.namespace(t.ns)
		p.name, p.ns = t.ref, t.ns
		return nil
	case tokenText, tokenString, tokenBody:
		if p.depth <= envelopeDepth || p.content[p.depth] == children {
			return p.fail(t.at, wire.ErrMalformed, "an element", "text beside elements")
		}
		p.content[p.depth], p.opened = text, false
		return nil
	default:
		return p.fail(t.at, wire.ErrMalformed, "an attribute in front of its value", fmt.Sprintf("token %02x", t.kind))
	}
}

// bind gives a prefix its namespace. Neither changes its meaning later: cursors read with
// what the whole document says.
func (p *parser) bind(t token) error {
	if old := p.uses[t.ref]; old != 0 && old != t.ns || p.uris[t.ref] {
		return p.fail(t.at, wire.ErrMalformed, "a prefix with one namespace", "another one for "+quote(p.Document.name(t.ref)))
	}
	p.uses[t.ref], p.uris[t.ns] = t.ns, true
	return nil
}

// namespace notes the use of a namespace operand.
func (p *parser) namespace(ns byte) {
	if ns != noNamespace && p.uses[ns] == 0 {
		p.uris[ns] = true
	}
}

func (p *parser) declare(t token) error {
	if len(p.names) == ReaderNames {
		return p.fail(t.at, ErrUnsupported, fmt.Sprintf("at most %d names", ReaderNames), fmt.Sprintf("more than %d names", ReaderNames))
	}
	if t.from == t.to {
		return p.fail(t.at, wire.ErrMalformed, "a name", "an empty one")
	}
	p.names = append(p.names, t.span)
	return nil
}

// attribute takes the token behind an attribute, which is its value.
func (p *parser) attribute(t token) error {
	name, ns := p.name, p.ns
	p.name = 0
	if t.kind != tokenValue {
		return p.fail(t.at, wire.ErrMalformed, "the value of attribute "+quote(p.Document.name(name)), fmt.Sprintf("token %02x", t.kind))
	}
	value := p.bytes(t.span)
	switch {
	case p.inNamespace(ns, hintURI):
		return nil // hints are for people and optimizers
	case p.known:
	case p.depth == 1 && ns == noNamespace && p.is(name, versionName):
		p.known = true
		if string(value) != versionText {
			return p.fail(t.at, wire.ErrMalformed, "version "+versionText, quote(value))
		}
		return nil
	case p.depth > envelopeDepth && p.inNamespace(ns, uri) && p.is(name, linesName):
		p.known = true
		if _, ok := lineCount(value); !ok {
			return p.fail(t.at, wire.ErrMalformed, "a number of rows", quote(value))
		}
		return nil
	}
	return p.fail(t.at, ErrUnsupported, "attribute lines, once", "attribute "+quote(p.Document.name(name)))
}

// lineCount reads the value of attribute lines: decimal digits.
func lineCount(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > maxLines {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(string(b))
	return n, err == nil
}

func (p *parser) open(t token) error {
	if p.depth == envelopeDepth+MaxDepth {
		return p.fail(t.at, wire.ErrLimit, fmt.Sprintf("at most %d elements in each other", MaxDepth), "more")
	}
	if p.content[p.depth] == text {
		return p.fail(t.at, wire.ErrMalformed, "the end of the element", "an element beside text")
	}
	p.namespace(t.ns)
	inURI, name := p.inNamespace(t.ns, uri), p.Document.name(t.ref)
	switch {
	case p.depth == 0 && (!inURI || string(name) != rootName):
		return p.fail(t.at, wire.ErrMalformed, "asx:abap", quote(name))
	case p.depth == 1 && inURI && string(name) == heapName:
		return p.fail(t.at, ErrUnsupported, "values without references", "references between values (asx:heap)")
	case p.depth == 1 && (!inURI || string(name) != valuesName || p.content[1] == children):
		return p.fail(t.at, wire.ErrMalformed, "asx:values once", quote(name))
	case p.depth >= envelopeDepth && t.ns != noNamespace:
		return p.fail(t.at, wire.ErrMalformed, "an element without a namespace", fmt.Sprintf("%s in namespace %02x", quote(name), t.ns))
	case p.depth == envelopeDepth:
		if len(p.elements) == MaxElements {
			return p.fail(t.at, wire.ErrLimit, fmt.Sprintf("at most %d parameters", MaxElements), "more")
		}
		p.elements = append(p.elements, Element{Name: name, from: t.at})
	}
	p.content[p.depth] = children
	p.depth++
	p.content[p.depth], p.opened, p.known = empty, true, false
	return nil
}

func (p *parser) close(t token) error {
	switch p.depth {
	case 0:
		return p.fail(t.at, wire.ErrMalformed, "asx:abap", "the end of an element")
	case 1:
		if p.content[1] != children {
			return p.fail(t.at, wire.ErrMalformed, "asx:values", "the end of asx:abap")
		}
		p.done = true
	case envelopeDepth + 1:
		p.elements[len(p.elements)-1].to = t.at + 1
	}
	p.depth--
	p.opened = false
	return nil
}

// quote shows a name or text of a document in an error.
func quote(b []byte) string {
	if len(b) > shown {
		return fmt.Sprintf("%q...", b[:shown])
	}
	return fmt.Sprintf("%q", b)
}

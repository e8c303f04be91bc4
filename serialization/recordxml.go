package serialization

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/metadata"
)

// XMLError says where in an XML document a value cannot be used.
type XMLError struct {
	// Line and Column count from 1, Column in bytes.
	Line, Column int
	Err          error
}

// Error implements error: "xml line 3 column 14: MENGE: P(8,3): ...".
func (e *XMLError) Error() string {
	return fmt.Sprintf("xml line %d column %d: %v", e.Line, e.Column, e.Err)
}

// Unwrap gives the cause: one of the errors of this package, or of encoding/xml.
func (e *XMLError) Unwrap() error { return e.Err }

// ToXML gives the record as an XML document, as JCo's toXML does: one element for each field,
// in order, rows in elements called item, values in the form of xRFC (dates "2026-07-05",
// bytes base64, initial texts empty) but for the compact types of time, which are texts. The root is named after the parameter or field that the
// record is, else after its type or function. Parameters without a value are left out.
//
// Names become element names by JCo's rule: letters and _ stay, digits and . stay unless they
// come first, / becomes _-, other characters up to U+00FF become _--XX, the number in
// hexadecimal digits. Source: javadoc of JCo's XML converter [doc]; it prints -_ for the
// slash, which no element name can begin with. The wire escapes . as well (spec 21.5).
//
// A text with a character that XML 1.0 does not have, such as most control characters, is an
// error: JSON carries it.
func (r *Record) ToXML() ([]byte, error) {
	if r == nil || r.shape == nil {
		return nil, noRecord()
	}
	b, err := toXML(r.xmlName(), func(x *docWriter) error { return x.fields(r) })
	if err != nil {
		return nil, at(r.path(), err)
	}
	return b, nil
}

// ToXML gives the rows as an XML document; see Record.ToXML.
func (t *Table) ToXML() ([]byte, error) {
	if t == nil || t.line == nil {
		return nil, noRecord()
	}
	b, err := toXML(t.xmlName(), func(x *docWriter) error { return x.records(t) })
	return b, t.fail(err)
}

func toXML(root string, content func(x *docWriter) error) ([]byte, error) {
	c, out := newCoder(Representation{}, Options{}), new(jcoSink)
	root = escapeName(root)
	x := &docWriter{coder: &c, sink: out, texts: true}
	x.open(root)
	if err := content(x); err != nil {
		return nil, err
	}
	x.close(root)
	return out.b, nil
}

// fields writes the fields of a record that has parameters or is a structure.
func (x *docWriter) fields(r *Record) error {
	if r.shape.f == nil {
		return x.goRecord(planRow(r.shape.typ, x.coder), r, 0)
	}
	for i, v := range r.vals {
		if v == nil {
			continue
		}
		fd := &r.shape.fields[i]
		tag := escapeName(fd.f.Name)
		x.open(tag)
		if err := x.content(&fd.cell, value{v: v}, 0); err != nil {
			return at(fd.f.Name, err)
		}
		x.close(tag)
	}
	return nil
}

func (x *docWriter) records(t *Table) error {
	cl := &cell{f: &metadata.Field{Kind: metadata.Table, Type: t.line.typ}, sub: planRow(t.line.typ, x.coder)}
	return x.table(cl, value{v: t}, 0)
}

// xmlName is the name of the root element.
func (r *Record) xmlName() string {
	if p, ok := r.up.(*Record); ok {
		return orItem(p.nameOf(r))
	}
	if r.shape.f != nil {
		return r.shape.f.Name
	}
	return orItem(r.shape.typ.Name)
}

func (t *Table) xmlName() string {
	switch up := t.up.(type) {
	case *Record:
		return orItem(up.nameOf(t))
	case outermost:
		return string(up)
	}
	return orItem(t.line.typ.Name)
}

func orItem(name string) string {
	if name == "" {
		return itemName
	}
	return name
}

// jcoSink writes a document by JCo's rule for names. Carriage returns are references: a
// reader would take them for line feeds.
type jcoSink struct{ b []byte }

func (s *jcoSink) open(tag string)  { s.b = append(append(append(s.b, '<'), jcoTag(tag)...), '>') }
func (s *jcoSink) close(tag string) { s.b = append(append(append(s.b, "</"...), jcoTag(tag)...), '>') }

func (s *jcoSink) rows(int) {}

func (s *jcoSink) row(*metadata.Type) string { return itemName }

func (s *jcoSink) text(t string) error {
	for i, r := range t {
		switch {
		case r == '&' || r == '<' || r == '>' || r == '\r':
			s.b = append(s.b, '&', '#', byte('0'+r/10), byte('0'+r%10), ';')
		case xmlCharacter(r) && !(r == utf8.RuneError && !strings.HasPrefix(t[i:], "\ufffd")):
			s.b = utf8.AppendRune(s.b, r)
		default:
			return &ConversionError{
				Kind: "XML text", Value: quote(t), Reason: Unmappable,
				Text: fmt.Sprintf("%s at byte %d cannot stand in XML; JSON carries it", quoteRune(t[i:]), i),
			}
		}
	}
	return nil
}

// xmlCharacter reports whether XML 1.0 has the character.
func xmlCharacter(r rune) bool {
	return r >= ' ' && r < 0xfffe || r > 0xffff || r == '\t' || r == '\n' || r == '\r'
}

func (s *jcoSink) binary(b []byte) error {
	s.b = base64.StdEncoding.AppendEncode(s.b, b)
	return nil
}

func (s *jcoSink) full() error {
	if n := len(s.b); n > MaxDocument {
		return &LimitError{What: "document bytes", Size: uint64(n), Limit: MaxDocument}
	}
	return nil
}

// jcoTag makes JCo's element name of the one of the wire.
func jcoTag(tag string) string {
	if !strings.Contains(tag, "_--") {
		return tag
	}
	name, err := unescapeName(nil, []byte(tag))
	if err != nil {
		return tag // not from escapeName
	}
	return jcoName(string(name))
}

// jcoName writes a field name as an element name.
func jcoName(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r == '.' && i > 0 {
			b.WriteByte('.')
			continue
		}
		part := escapeName(string(r))
		if i > 0 && r >= '0' && r <= '9' {
			part = string(r)
		}
		b.WriteString(part)
	}
	return b.String()
}

// FromXML reads a document in the form of ToXML into the record. The root may have any name.
// Fields may come in any order, each at most once; those that the document lacks keep their
// value, tables are replaced. There are no attributes, document types, entities of one's own
// or processing instructions; nesting is that of the description, a document has at most 256
// MiB. Every value is checked by the rules of Set. Errors are *XMLError with line and column
// and leave the record as it was.
func (r *Record) FromXML(data []byte) error {
	return fromXML(data, r.readXML)
}

// FromXML reads a document in the form of ToXML and replaces the rows; see Record.FromXML.
func (t *Table) FromXML(data []byte) error {
	return fromXML(data, t.readXML)
}

func fromXML(data []byte, read func(x *xmlTokens) error) error {
	if len(data) > MaxDocument {
		return &LimitError{Path: "document", What: "bytes", Size: uint64(len(data)), Limit: MaxDocument}
	}
	x := &xmlTokens{d: xml.NewDecoder(bytes.NewReader(data))}
	x.mark()
	err := x.root()
	if err == nil {
		err = read(x)
	}
	if err != nil {
		return x.locate(err)
	}
	return nil
}

// MarshalXML implements xml.Marshaler with the document of ToXML; its root gets the name that
// the encoder asks for.
func (r *Record) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	b, err := r.ToXML()
	if err != nil {
		return err
	}
	return copyXML(e, start, b)
}

// MarshalXML implements xml.Marshaler; see Record.MarshalXML.
func (t *Table) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	b, err := t.ToXML()
	if err != nil {
		return err
	}
	return copyXML(e, start, b)
}

// copyXML writes a document that ToXML made, without its root, which is start.
func copyXML(e *xml.Encoder, start xml.StartElement, doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	for depth := 0; ; {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch tok.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				tok = xml.StartElement{Name: start.Name}
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				tok = start.End()
			}
		default:
		}
		if err := e.EncodeToken(tok); err != nil {
			return err
		}
	}
}

// UnmarshalXML implements xml.Unmarshaler by the rules of FromXML.
func (r *Record) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return unmarshalXML(d, start, r.readXML)
}

// UnmarshalXML implements xml.Unmarshaler by the rules of FromXML.
func (t *Table) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return unmarshalXML(d, start, t.readXML)
}

func unmarshalXML(d *xml.Decoder, start xml.StartElement, read func(x *xmlTokens) error) error {
	x := &xmlTokens{d: d, from: d.InputOffset(), inside: true}
	x.mark()
	err := x.bare(start)
	if err == nil {
		err = read(x)
	}
	if err != nil {
		return x.locate(err)
	}
	return nil
}

// rest reads the end of the root element, and of a document of its own.
func (x *xmlTokens) rest() error {
	if err := x.close(); err != nil || x.inside {
		return err
	}
	return x.finish()
}

// readXML reads the content of the root element and what follows it.
func (r *Record) readXML(x *xmlTokens) error {
	if r == nil || r.shape == nil {
		return noRecord()
	}
	n := r.Clone()
	doc := &docReader{tokens: x, local: true}
	depth := 0
	if r.shape.f != nil {
		depth = -1 // its elements are documents of their own on the wire
	}
	err := r.shape.fillXML(doc, n, new(arena), depth)
	if err == nil {
		err = x.rest()
	}
	if err != nil {
		return at(r.path(), err)
	}
	r.take(n)
	return nil
}

func (t *Table) readXML(x *xmlTokens) error {
	if t == nil || t.line == nil {
		return noRecord()
	}
	fd := &shapeField{cell: cell{f: &metadata.Field{Kind: metadata.Table, Type: t.line.typ}}, line: t.line}
	v, err := t.line.xmlValue(&docReader{tokens: x, local: true}, fd, new(arena), 0)
	if err == nil {
		err = x.rest()
	}
	if err != nil {
		return t.fail(err)
	}
	n, _ := v.(*Table)
	t.take(n)
	return nil
}

// xmlTokens reads a document for records: a well-formed one without what data does not need.
// encoding/xml checks the form; it knows no entities but the predefined ones and opens no
// files.
type xmlTokens struct {
	d            *xml.Decoder
	from         int64 // offset of the root in a larger document
	inside       bool  // the root lies in a larger document
	line, column int   // of the token at hand
	peeked       xml.Token
	name         []byte
	text         []byte
}

func (x *xmlTokens) mark() { x.line, x.column = x.d.InputPos() }

// locate gives an error its position.
func (x *xmlTokens) locate(err error) error {
	if _, ok := errors.AsType[*XMLError](err); ok {
		return err
	}
	return &XMLError{Line: x.line, Column: x.column, Err: err}
}

// next reads a token; comments are none.
func (x *xmlTokens) next() (xml.Token, error) {
	if t := x.peeked; t != nil {
		x.peeked = nil
		return t, nil
	}
	for {
		x.mark()
		t, err := x.d.Token()
		if x.size() > MaxDocument {
			return nil, &LimitError{Path: "document", What: "bytes", Size: uint64(x.size()), Limit: MaxDocument}
		}
		switch t := t.(type) {
		case nil:
			return nil, err
		case xml.Comment:
		case xml.Directive:
			return nil, x.fail("elements and text", "a document type or other declaration")
		case xml.ProcInst:
			if t.Target != "xml" || x.line != 1 || x.column != 1 {
				return nil, x.fail("elements and text", "a processing instruction")
			}
		default:
			return t, err
		}
	}
}

// root reads the start of the root element, which may have any name.
func (x *xmlTokens) root() error {
	for {
		tok, err := x.next()
		if errors.Is(err, io.EOF) {
			return x.fail("an element", "the end of the document")
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return x.bare(t)
		case xml.CharData: // nothing but blanks, encoding/xml sees to it
		default:
			return x.fail("an element", "an end tag")
		}
	}
}

// bare refuses what an element of data does not have.
func (x *xmlTokens) bare(t xml.StartElement) error {
	if len(t.Attr) > 0 || t.Name.Space != "" && !x.inside {
		return x.fail("an element without attributes and namespace", quote(t.Name.Local))
	}
	return nil
}

// element takes the name of an element.
func (x *xmlTokens) element(t xml.StartElement) error {
	if err := x.bare(t); err != nil {
		return err
	}
	name, err := unescapeName(x.name[:0], []byte(t.Name.Local))
	if err != nil {
		return x.fail("a name with _--XX for other characters", quote(t.Name.Local))
	}
	tag := escapeName(string(name))
	if t.Name.Local != tag && t.Name.Local != jcoName(string(name)) {
		return x.fail(jcoName(string(name)), quote(t.Name.Local))
	}
	x.name = append(x.name[:0], tag...)
	return nil
}

func (x *xmlTokens) start() (name []byte, ok bool, err error) {
	for {
		tok, err := x.next()
		if err != nil {
			return nil, false, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if err := x.element(t); err != nil {
				return nil, false, err
			}
			// The name has to outlive the elements inside.
			return append([]byte{}, x.name...), true, nil
		case xml.EndElement:
			x.peeked = t
			return nil, false, nil
		case xml.CharData:
			if len(strings.Trim(string(t), " \t\r\n")) > 0 {
				return nil, false, x.fail("an element", "text "+quote(string(t)))
			}
		}
	}
}

func (x *xmlTokens) end([]byte) error { return x.close() }

// close reads an end tag; that it is the right one, encoding/xml has seen to.
func (x *xmlTokens) close() error {
	for {
		tok, err := x.next()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			return x.fail("text", "element "+quote(t.Name.Local))
		case xml.CharData:
			if len(strings.Trim(string(t), " \t\r\n")) > 0 {
				return x.fail("an end tag", "text "+quote(string(t)))
			}
		}
	}
}

func (x *xmlTokens) chars() ([]byte, bool, error) {
	x.text = x.text[:0]
	if x.peeked == nil {
		x.mark()
	}
	line, column := x.line, x.column
	for {
		tok, err := x.next()
		if err != nil {
			return nil, false, err
		}
		switch t := tok.(type) {
		case xml.CharData:
			x.text = append(x.text, t...)
		case xml.EndElement:
			x.peeked, x.line, x.column = t, line, column // errors of the value point at its text
			return x.text, false, nil
		case xml.StartElement:
			return nil, false, x.fail("text", "element "+quote(t.Name.Local))
		}
	}
}

func (x *xmlTokens) rows() (int, bool) { return 0, false }

func (x *xmlTokens) basXML() bool { return false }

func (x *xmlTokens) finish() error {
	tok, err := x.next()
	for err == nil {
		t, text := tok.(xml.CharData)
		if !text || len(strings.Trim(string(t), " \t\r\n")) > 0 {
			return x.fail("the end of the document", "more")
		}
		tok, err = x.next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (x *xmlTokens) fail(want, got string) error {
	return &XMLError{Line: x.line, Column: x.column, Err: fmt.Errorf("%s is required, found %s", want, got)}
}

func (x *xmlTokens) found() string { return "more" }

func (x *xmlTokens) size() int { return int(x.d.InputOffset() - x.from) }

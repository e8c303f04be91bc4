package serialization

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// bxmlSink writes binary XML. Source: spec 43.3 [capture]: texts in token 54, XSTRING in
// token 42, attribute lines on every table; rows are called item in requests and by their
// line type in replies. Values of type X take token 42 like XSTRING [inferred].
type bxmlSink struct {
	bxml.Writer
	reply bool
}

func (s *bxmlSink) open(tag string) { s.Open(tag) }

func (s *bxmlSink) close(string) { s.Close() }

func (s *bxmlSink) rows(n int) { s.Lines(n) }

func (s *bxmlSink) row(line *metadata.Type) string { return rowTag(line, s.reply) }

func (s *bxmlSink) text(t string) error {
	s.Text(t)
	return s.full()
}

func (s *bxmlSink) binary(b []byte) error {
	s.Body(b)
	return s.full()
}

func (s *bxmlSink) full() error {
	if err := s.Err(); err != nil {
		return &ConversionError{Kind: "basXML", Reason: TooLong, Err: err}
	}
	return nil
}

// rowTag is the element of the rows of a table in basXML.
func rowTag(line *metadata.Type, reply bool) string {
	if reply && line.Name != "" {
		return escapeName(line.Name)
	}
	return itemName
}

// basXML builds the document of the listed parameters that travel as documents. It returns
// nil if there is nothing to write, and also if binary XML has no form for the values: the
// section is then written in the classic form, which every peer reads.
func (w *Writer) basXML(src *values, list []int, all bool) ([]byte, error) {
	if w.Format != BasXML {
		return nil, nil
	}
	if w.iface.names(w.Reply) > bxml.OwnNames && documentNames(w.Function, w.chosen(src, list, all), w.Reply) > bxml.OwnNames {
		return nil, nil
	}
	s := &w.binary
	s.reply = w.Reply
	s.Reset(w.buffer[:0])
	x := w.walker(s)
	x.blanks = true
	var err error
	written := false
	for _, i := range list {
		p := &w.Function.Parameters[i]
		v, supplied := src.get(p, i)
		if w.iface.forms[i] != documentForm || !supplied && !all {
			continue
		}
		written = true
		if err = x.parameter(p, v, supplied); err != nil {
			break
		}
	}
	doc, endErr := s.End()
	w.buffer = doc[:0]
	if err == nil {
		err = endErr
	}
	switch {
	case err != nil:
		return nil, w.inexpressible(x, err)
	case !written:
		return nil, nil
	default:
		return doc, nil
	}
}

// inexpressible decides about an error of the walk: values that only binary XML cannot hold
// take the classic form, unless their rows were supplied one by one and are gone.
func (w *Writer) inexpressible(x *docWriter, err error) error {
	if errors.Is(err, bxml.ErrInexpressible) && !x.consumed {
		return nil
	}
	return err
}

// chosen lists the parameters of list that a document would hold.
func (w *Writer) chosen(src *values, list []int, all bool) []int {
	var out []int
	for _, i := range list {
		if w.iface.forms[i] != documentForm {
			continue
		}
		if _, supplied := src.get(&w.Function.Parameters[i], i); supplied || all {
			out = append(out, i)
		}
	}
	return out
}

// documentNames counts the distinct names that a document with these parameters may have.
// It depends on the description only, not on the number of rows: which format is chosen
// then does not depend on them either.
func documentNames(f *metadata.Function, list []int, reply bool) int {
	names := map[string]bool{}
	seen := map[*metadata.Type]bool{}
	var walk func(g *metadata.Field)
	walk = func(g *metadata.Field) {
		if g.Kind == metadata.Table {
			names["lines"] = true
			names[rowTag(g.Type, reply)] = true
		}
		if g.Type == nil || seen[g.Type] {
			return
		}
		seen[g.Type] = true
		for i := range g.Type.Fields {
			sub := &g.Type.Fields[i]
			if sub.Name != "" {
				names[escapeName(sub.Name)] = true
			}
			walk(sub)
		}
	}
	for _, i := range list {
		names[escapeName(f.Parameters[i].Name)] = true
		walk(&f.Parameters[i].Field)
	}
	return len(names)
}

// bxmlReader reads a parameter of a binary document.
type bxmlReader struct{ bxml.Cursor }

func (x *bxmlReader) start() ([]byte, bool, error) { return x.Start() }

func (x *bxmlReader) end([]byte) error { return x.End() }

func (x *bxmlReader) chars() ([]byte, bool, error) { return x.Content() }

func (x *bxmlReader) rows() (int, bool) { return x.Lines() }

func (x *bxmlReader) basXML() bool { return true }

func (x *bxmlReader) finish() error { return x.Finish() }

func (x *bxmlReader) fail(want, got string) error { return x.Fail(want, got) }

func (x *bxmlReader) found() string { return x.Found() }

func (x *bxmlReader) size() int { return x.Size() }

// compact takes an item of the block that carries a document.
func (s *Section) compact(it chain.Item) error {
	var keep func([]byte) []byte
	if s.Copy {
		keep = s.keep
	}
	ended, err := s.block.Item(it, keep)
	if err == nil && ended {
		err = s.closeBlock(it)
	}
	return err
}

// closeBlock reads the document that the block carried.
func (s *Section) closeBlock(it chain.Item) error {
	doc, err := s.block.Document()
	if err != nil {
		return err
	}
	return s.basXML(it, doc)
}

// basXMLDocument reports whether a document is binary, or the textual variant of it.
func basXMLDocument(doc []byte) bool {
	return bxml.IsDocument(doc) || bytes.HasPrefix(doc, []byte(textMagic))
}

// basXML takes a document with any number of parameters.
func (s *Section) basXML(it chain.Item, doc []byte) error {
	if bytes.HasPrefix(doc, []byte(textMagic)) {
		return s.asxDocument(it, doc)
	}
	return s.binaryDocument(it, doc)
}

// binaryDocument takes a binary document.
func (s *Section) binaryDocument(it chain.Item, b []byte) error {
	s.format = BasXML
	doc, err := bxml.Parse(b)
	if err != nil {
		if e, ok := errors.AsType[*wire.Error](err); ok && errors.Is(err, bxml.ErrUnsupported) {
			return &UnsupportedError{Path: "document", What: "binary XML with " + e.Got}
		}
		return fmt.Errorf("serialization: document at offset %d: %w", it.Offset, err)
	}
	for _, e := range doc.Elements() {
		i, err := s.documentParameter(it, e.Name)
		if err != nil {
			return err
		}
		if i >= 0 {
			s.slots[i].kind, s.slots[i].binary, s.slots[i].element = slotXML, doc, e
		}
	}
	return nil
}

// documentParameter finds the parameter of an element and reserves its slot.
func (s *Section) documentParameter(it chain.Item, tag []byte) (int, error) {
	var err error
	if s.name, err = unescapeName(s.name[:0], tag); err != nil {
		return 0, fmt.Errorf("serialization: document at offset %d: %w", it.Offset, err)
	}
	i, err := s.resolve(it, s.name)
	if err != nil {
		return 0, err
	}
	return s.claim(it, i)
}

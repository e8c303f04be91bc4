package bxml

import (
	"fmt"
	"strconv"

	"github.com/purerfc/purerfc/internal/wire"
)

// Cursor reads one parameter of a document, element by element. The zero value is of no
// use; it is not safe for concurrent use.
type Cursor struct {
	d                *Document
	first, pos, last int
	lines            int
	counted          bool
	joined           []byte
}

// Open gives a cursor in front of the start of e, one of d.Elements.
func (d *Document) Open(e Element) Cursor {
	return Cursor{d: d, first: e.from, pos: e.from, last: e.to}
}

// Size is the number of bytes of the element, start to end.
func (e *Element) Size() int { return e.to - e.from }

// Size is the number of bytes of the whole element.
func (c *Cursor) Size() int { return c.last - c.first }

// Fail is the error for what stands at the position; Found describes that.
func (c *Cursor) Fail(want, got string) error {
	return c.d.fail(c.pos, wire.ErrMalformed, want, got)
}

// Found describes what stands at the position.
func (c *Cursor) Found() string {
	t, _, err := c.peek()
	if err != nil {
		return "the end of the parameter"
	}
	switch t.kind {
	case tokenOpen:
		return "element " + quote(c.d.name(t.ref))
	case tokenClose:
		return "the end of an element"
	case tokenText, tokenString:
		return "text " + quote(c.d.bytes(t.span))
	case tokenBody:
		return fmt.Sprintf("%d opaque bytes", t.to-t.from)
	default:
		return fmt.Sprintf("token %02x", t.kind)
	}
}

// peek skips declarations and reads the token behind them. Names are known since Parse.
func (c *Cursor) peek() (token, int, error) {
	for c.pos < c.last {
		t, end, err := c.d.next(c.pos)
		if err != nil || t.kind != tokenName && t.kind != tokenBind && t.kind != tokenUse {
			return t, end, err
		}
		c.pos = end
	}
	return token{}, 0, c.Fail("more of the parameter", "its end")
}

// Start enters the next element and reads its attributes; ok is false in front of the end of
// the element around it. The name aliases the document.
func (c *Cursor) Start() (name []byte, ok bool, err error) {
	t, end, err := c.peek()
	if err != nil || t.kind == tokenClose {
		return nil, false, err
	}
	if t.kind != tokenOpen {
		return nil, false, c.Fail("an element", c.Found())
	}
	c.pos, c.counted = end, false
	name = c.d.name(t.ref)
	for {
		if t, end, err = c.peek(); err != nil || t.kind != tokenAttribute {
			return name, err == nil, err
		}
		lines := c.d.inNamespace(t.ns, uri)
		if t, end, err = c.d.next(end); err != nil {
			return nil, false, err
		}
		if lines {
			c.lines, c.counted = lineCount(c.d.bytes(t.span))
		}
		c.pos = end
	}
}

// Lines is the number of rows that the element entered last announces, if it does.
func (c *Cursor) Lines() (n int, ok bool) { return c.lines, c.counted }

// End leaves the element entered last.
func (c *Cursor) End() error {
	t, end, err := c.peek()
	if err != nil {
		return err
	}
	if t.kind != tokenClose {
		return c.Fail("the end of the element", c.Found())
	}
	c.pos = end
	return nil
}

// Finish checks that nothing stands behind the element.
func (c *Cursor) Finish() error {
	if c.pos != c.last {
		return c.Fail("the end of the parameter", c.Found())
	}
	return nil
}

// Content reads what stands in an element without children. A text longer than MaxLength
// can only come in several tokens, so those of one kind are joined [inferred; a longer text
// from a system would confirm it]. b is valid until the next call.
func (c *Cursor) Content() (b []byte, opaque bool, err error) {
	if c.counted {
		return nil, false, c.Fail("a value", "a table of "+strconv.Itoa(c.lines)+" rows")
	}
	for n := 0; ; n++ {
		t, end, err := c.peek()
		if err != nil {
			return nil, false, err
		}
		switch t.kind {
		case tokenText, tokenString, tokenBody:
		case tokenOpen:
			return nil, false, c.Fail("a value", c.Found())
		default:
			return b, opaque, nil
		}
		body := t.kind == tokenBody
		switch {
		case n == 0:
			b, opaque = c.d.bytes(t.span), body
		case body != opaque:
			return nil, false, c.Fail("text or opaque bytes", "both")
		case n == 1:
			c.joined = append(append(c.joined[:0], b...), c.d.bytes(t.span)...)
			b = c.joined
		default:
			c.joined = append(c.joined, c.d.bytes(t.span)...)
			b = c.joined
		}
		c.pos = end
	}
}

// AppendReadable appends an element in a form for people: tags, texts as they are, opaque
// bytes as 0x and hex digits. It stops once limit bytes were appended.
func (d *Document) AppendReadable(dst []byte, e Element, limit int) []byte {
	start := len(dst)
	var open []byte // references, from the outside in
	for at := e.from; at < e.to && len(dst)-start < limit; {
		t, end, err := d.next(at)
		if err != nil {
			return dst
		}
		at = end
		switch t.kind {
		case tokenOpen:
			open = append(open, t.ref)
			dst = append(append(append(dst, '<'), d.name(t.ref)...), '>')
		case tokenClose:
			n := len(open) - 1
			dst = append(append(append(dst, "</"...), d.name(open[n])...), '>')
			open = open[:n]
		case tokenText, tokenString:
			b := d.bytes(t.span)
			dst = append(dst, b[:min(len(b), limit)]...)
		case tokenBody:
			b := d.bytes(t.span)
			dst = fmt.Appendf(dst, "0x%x", b[:min(len(b), limit)])
		}
	}
	return dst[:min(len(dst), start+limit)]
}

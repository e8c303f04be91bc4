package serialization

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// tokens are a document as a walk over its values sees it: elements, and what stands in
// them. Names are escaped (escapeName) and valid until the document goes.
type tokens interface {
	// start reads a start tag; ok is false in front of an end tag. end reads the end tag of
	// name.
	start() (name []byte, ok bool, err error)
	end(name []byte) error
	// chars reads what stands in an element without children: text, or opaque bytes. The
	// result is valid until the next call.
	chars() (b []byte, opaque bool, err error)
	// rows is the number of rows that the element opened last announces, if it does.
	rows() (n int, known bool)
	// basXML tells its forms from xRFC: rows have any one name per table, not item, and an
	// empty element is the initial value of every type: of dates not blanks, of numbers not an
	// error.
	basXML() bool
	// finish reports what stands behind the end.
	finish() error
	// fail is the error for what stands at the position; found describes it.
	fail(want, got string) error
	found() string
	// size of the document in bytes.
	size() int
}

// docReader walks a document. Nesting follows the description, so that a document cannot
// nest deeper than the type it is read as.
type docReader struct {
	tokens
	name  []byte // buffer for field names
	cell  []byte // buffer for the cell of a value
	grown uint64 // memory of values, as far as it does not follow from their text
	raw   bool   // content returned bytes, not text
	local bool   // made by this side, for a record: the rules of values that are sent hold
}

// grow accounts for n bytes of memory. Rows that leave out their fields, and empty texts of
// wide ones, may not fill more of it than short rows of classic tables.
func (x *docReader) grow(n int) error {
	x.grown += uint64(n)
	if limit := maxCompleted + completedRatio*uint64(x.size()); x.grown > limit {
		return &LimitError{What: "bytes of initial values", Size: x.grown, Limit: limit}
	}
	return nil
}

// content reads what stands in the element of a scalar.
func (x *docReader) content(f *metadata.Field) (b []byte, err error) {
	b, x.raw, err = x.chars()
	if err == nil && x.raw && f.Kind != metadata.Raw && f.Kind != metadata.XString {
		err = x.fail("text for "+typeText(f), "opaque bytes")
	}
	return b, err
}

// bytes gives the value of what content returned for a field of bytes, in memory of its own.
func (x *docReader) bytes(f *metadata.Field, b []byte) ([]byte, error) {
	if x.raw {
		return append([]byte{}, b...), nil
	}
	return decodeBase64(f, b)
}

// xmlReader reads the form xRFC has: elements without attributes, text, no prolog, no
// declarations, no comments. Nothing is ever expanded but character references and the five
// predefined entities.
type xmlReader struct {
	b    []byte
	pos  int
	text []byte // buffer for texts with references
}

func (x *xmlReader) size() int { return len(x.b) }

func (x *xmlReader) rows() (int, bool) { return 0, false }

func (x *xmlReader) basXML() bool { return false }

func (x *xmlReader) finish() error {
	if x.space(); x.pos != len(x.b) {
		return x.fail("the end of the document", x.found())
	}
	return nil
}

func (x *xmlReader) fail(want, got string) error {
	return &wire.Error{Layer: "xrfc", Record: "document", Offset: x.pos, Err: wire.ErrMalformed, Want: want, Got: got}
}

// found describes what stands at the position.
func (x *xmlReader) found() string {
	if x.pos >= len(x.b) {
		return "the end of the document"
	}
	return quote(string(x.b[x.pos:min(len(x.b), x.pos+16)]))
}

func (x *xmlReader) space() {
	for x.pos < len(x.b) {
		switch x.b[x.pos] {
		case ' ', '\t', '\n', '\r':
			x.pos++
		default:
			return
		}
	}
}

func (x *xmlReader) start() (name []byte, ok bool, err error) {
	x.space()
	return x.tag()
}

// tag reads a start tag, with no white space in front of it.
func (x *xmlReader) tag() (name []byte, ok bool, err error) {
	rest := x.b[x.pos:]
	if len(rest) < 3 || rest[0] != '<' {
		return nil, false, x.fail("a tag", x.found())
	}
	if rest[1] == '/' {
		return nil, false, nil
	}
	end := bytes.IndexByte(rest[:min(len(rest), 1024)], '>')
	if end < 2 {
		return nil, false, x.fail("a start tag", x.found())
	}
	name = rest[1:end]
	for _, c := range name {
		if c <= ' ' || strings.IndexByte("!?/=\"'<&;:", c) >= 0 {
			return nil, false, x.fail("a start tag with a name only", x.found())
		}
	}
	x.pos += end + 1
	return name, true, nil
}

func (x *xmlReader) end(name []byte) error {
	rest := x.b[x.pos:]
	n := len(name)
	if len(rest) < n+3 || rest[0] != '<' || rest[1] != '/' || !bytes.Equal(rest[2:2+n], name) || rest[2+n] != '>' {
		return x.fail("</"+string(name)+">", x.found())
	}
	x.pos += n + 3
	return nil
}

func (x *xmlReader) chars() ([]byte, bool, error) {
	b, err := x.characters()
	return b, false, err
}

// characters reads text up to the next tag.
func (x *xmlReader) characters() ([]byte, error) {
	rest := x.b[x.pos:]
	end := bytes.IndexByte(rest, '<')
	if end < 0 {
		return nil, x.fail("an end tag", "the end of the document")
	}
	raw := rest[:end]
	if i := bytes.Index(raw, []byte("]]>")); i >= 0 {
		x.pos += i
		return nil, x.fail("text without ]]>", x.found())
	}
	amp := bytes.IndexByte(raw, '&')
	if amp < 0 {
		x.pos += end
		return raw, nil
	}
	out := x.text[:0]
	for len(raw) > 0 {
		if amp = bytes.IndexByte(raw, '&'); amp < 0 {
			out = append(out, raw...)
			x.pos += len(raw)
			break
		}
		out = append(out, raw[:amp]...)
		x.pos += amp
		semi := bytes.IndexByte(raw[amp:], ';')
		if semi < 0 {
			return nil, x.fail("a reference that ends with ;", x.found())
		}
		r, ok := reference(string(raw[amp+1 : amp+semi]))
		if !ok {
			return nil, x.fail("a character reference or predefined entity", x.found())
		}
		out = utf8.AppendRune(out, r)
		x.pos += semi + 1
		raw = raw[amp+semi+1:]
	}
	x.text = out
	return out, nil
}

// reference resolves what stands between & and ;.
func reference(s string) (rune, bool) {
	switch s {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(s) < 2 || s[0] != '#' {
		return 0, false
	}
	digits, base := s[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, len(s) > 2 || s[1] == '0'
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || n >= 0xd800 && n <= 0xdfff {
		return 0, false
	}
	return rune(n), true
}

// rootName reads the name of the root element.
func rootName(doc []byte) ([]byte, error) {
	x := xmlReader{b: doc}
	name, ok, err := x.tag()
	if err == nil && !ok {
		err = x.fail("a start tag", x.found())
	}
	return name, err
}

// unescapeName undoes escapeName.
func unescapeName(dst, name []byte) ([]byte, error) {
	for i := 0; i < len(name); i++ {
		if name[i] != '_' || i+1 >= len(name) || name[i+1] != '-' {
			dst = append(dst, name[i])
			continue
		}
		if i+2 >= len(name) || name[i+2] != '-' {
			dst = append(dst, '/')
			i++
			continue
		}
		if i+4 >= len(name) {
			return nil, &wire.Error{Layer: "xrfc", Record: "name", Offset: i, Err: wire.ErrMalformed, Want: "two hex digits behind _--", Got: quote(string(name))}
		}
		n, err := strconv.ParseUint(string(name[i+3:i+5]), 16, 8)
		if err != nil {
			return nil, &wire.Error{Layer: "xrfc", Record: "name", Offset: i, Err: wire.ErrMalformed, Want: "two hex digits behind _--", Got: quote(string(name))}
		}
		dst = utf8.AppendRune(dst, rune(n))
		i += 4
	}
	return dst, nil
}

// document reads the root element of a parameter; content reads what stands in it.
func (c *coder) document(p *metadata.Parameter, doc tokens, content func(x *docReader) error) error {
	x := &docReader{tokens: doc}
	name, ok, err := x.start()
	if err != nil {
		return err
	}
	if want := escapeName(p.Name); !ok || string(name) != want {
		return x.fail("element "+quote(want), quote(string(name)))
	}
	if err := content(x); err != nil {
		return err
	}
	if err := x.end(name); err != nil {
		return err
	}
	return x.finish()
}

// documentValue reads a document as the default Go type.
func (c *coder) documentValue(p *metadata.Parameter, doc tokens, a *arena) (any, error) {
	var v any
	err := c.document(p, doc, func(x *docReader) (err error) {
		v, err = c.xmlAny(x, paramCell(p, c), a, 0)
		return err
	})
	return v, err
}

// scanDocument reads a document into the Go location of o.
func (c *coder) scanDocument(p *metadata.Parameter, doc tokens, o *op, to unsafe.Pointer, a *arena) error {
	return c.document(p, doc, func(x *docReader) error { return c.xmlTyped(x, o, to, a, 0) })
}

// errStop ends eachRow early.
var errStop = errors.New("stop")

// eachRow calls fn in front of the content of each row of a table document.
func (c *coder) eachRow(p *metadata.Parameter, doc tokens, fn func(x *docReader) error) error {
	return c.document(p, doc, func(x *docReader) error { return x.items(fn) })
}

const itemName = "item"

var itemBytes = []byte(itemName)

// items reads the rows of a table. Their number, if it was announced, reserves nothing.
func (x *docReader) items(fn func(x *docReader) error) error {
	want, known := x.rows()
	var row []byte
	if !x.basXML() {
		row = itemBytes
	}
	for n := 0; ; n++ {
		name, ok, err := x.start()
		if err != nil {
			return err
		}
		if !ok {
			if known && n != want {
				return x.fail(strconv.Itoa(want)+" rows as attribute lines says", strconv.Itoa(n))
			}
			return nil
		}
		if row == nil {
			row = name
		}
		if !bytes.Equal(name, row) {
			return x.fail("rows named "+quote(string(row)), quote(string(name)))
		}
		if err := fn(x); err != nil {
			return err
		}
		if err := x.end(name); err != nil {
			return err
		}
	}
}

// xmlFields reads the fields of a structure in any order, each at most once.
func (c *coder) xmlFields(x *docReader, row *rowPlan, fn func(i int) error) error {
	if _, table := x.rows(); table {
		return x.fail("a structure", "a table (attribute lines)")
	}
	var seen [(metadata.MaxFields + 63) / 64]uint64
	next := 0
	for {
		name, ok, err := x.start()
		if err != nil || !ok {
			return err
		}
		i := next
		if i >= len(row.tags) || row.tags[i] != string(name) {
			if x.name, err = unescapeName(x.name[:0], name); err != nil {
				return err
			}
			if i = row.typ.Index(string(x.name)); i < 0 || row.tags[i] != string(name) {
				return &StaleError{Want: "fields of the structure", Got: "element " + quote(string(name))}
			}
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return at(row.cells[i].f.Name, x.fail("each field once", "another"))
		}
		seen[i/64] |= 1 << (i % 64)
		next = i + 1
		if err := fn(i); err != nil {
			return at(row.cells[i].f.Name, err)
		}
		if err := x.end(name); err != nil {
			return err
		}
	}
}

// xmlAny reads content as the default Go type.
func (c *coder) xmlAny(x *docReader, cl *cell, a *arena, depth int) (any, error) {
	f := cl.f
	if depth > maxElements {
		return nil, &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	}
	switch f.Kind {
	case metadata.Structure, metadata.DeepStructure:
		return c.xmlParams(x, cl.sub, a, depth)
	case metadata.Table:
		elem, err := c.planElem(defaultRow(f.Type), f.Type)
		if err != nil {
			return nil, err
		}
		slice := reflect.New(reflect.SliceOf(elem.typ))
		slice.Elem().Set(reflect.MakeSlice(slice.Type().Elem(), 0, 0))
		if err := c.xmlTable(x, elem, slice.Elem(), a, depth); err != nil {
			return nil, err
		}
		return slice.Elem().Interface(), nil
	default:
		text, err := x.content(f)
		if err != nil {
			return nil, err
		}
		return c.xmlScalar(x, cl, text, a)
	}
}

// xmlScalar converts the lexical form of a value to its default Go type.
func (c *coder) xmlScalar(x *docReader, cl *cell, text []byte, a *arena) (any, error) {
	switch cl.f.Kind {
	case metadata.Char:
		return c.xmlChar(x, cl, text, a)
	case metadata.String:
		return c.xmlText(cl.f, text, a)
	case metadata.XString:
		b, err := x.bytes(cl.f, text)
		if err != nil {
			return nil, err
		}
		return b, nil
	default:
		b, err := c.xmlCell(x, cl, text)
		if err != nil {
			return nil, err
		}
		return c.decode(b, cl)
	}
}

// xmlChar reads a CHAR. Texts that fit do not take the way over a cell: empty ones of wide
// fields are common.
func (c *coder) xmlChar(x *docReader, cl *cell, text []byte, a *arena) (string, error) {
	if b := bytes.TrimRight(text, " "); len(b) <= cl.f.Length && !c.KeepBlanks {
		return c.xmlText(cl.f, b, a) // not more UTF-16 units than bytes of UTF-8
	}
	b, err := c.xmlCell(x, cl, text)
	if err != nil {
		return "", err
	}
	return c.decodeString(b, cl.f)
}

// xmlText gives a text. Short ones share memory.
func (c *coder) xmlText(f *metadata.Field, b []byte, a *arena) (string, error) {
	if len(b) > arenaText || !utf8.Valid(b) {
		return c.utf8(f, b)
	}
	a.reserve(len(b))
	return a.str(copy(a.free, b)), nil
}

// xmlParams reads a structure; fields that the document lacks get their initial value.
func (c *coder) xmlParams(x *docReader, row *rowPlan, a *arena, depth int) (Params, error) {
	if err := x.grow(mapEntry * len(row.cells)); err != nil {
		return nil, err
	}
	m := make(Params, len(row.cells))
	err := c.xmlFields(x, row, func(i int) error {
		v, err := c.xmlAny(x, &row.cells[i], a, depth+1)
		m[row.cells[i].f.Name] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(m) == len(row.cells) {
		return m, nil
	}
	for i := range row.cells {
		cl := &row.cells[i]
		if _, ok := m[cl.f.Name]; ok {
			continue
		}
		if err := x.grow(cl.initialSize()); err != nil {
			return nil, err
		}
		if m[cl.f.Name], err = c.initialValue(cl.f); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// xmlTable appends the rows of a document to a slice.
func (c *coder) xmlTable(x *docReader, elem *elemPlan, slice reflect.Value, a *arena, depth int) error {
	n, size := 0, int(elem.typ.Size())
	if elem.kind == elemPointer {
		size += int(elem.typ.Elem().Size())
	}
	return x.items(func(x *docReader) error {
		if err := x.grow(size); err != nil {
			return err
		}
		if n == slice.Cap() {
			slice.Grow(max(4, n))
		}
		slice.SetLen(n + 1)
		row := slice.Index(n)
		row.SetZero()
		if err := c.xmlRow(x, elem, row.Addr().UnsafePointer(), a, depth+1); err != nil {
			return atRow(n, err)
		}
		n++
		return nil
	})
}

// xmlRow reads the content of one row into memory of elem.typ.
func (c *coder) xmlRow(x *docReader, elem *elemPlan, to unsafe.Pointer, a *arena, depth int) error {
	switch elem.kind {
	case elemStruct:
		return c.xmlStruct(x, elem.sub, to, a, depth)
	case elemPointer:
		v := reflect.New(elem.typ.Elem())
		if err := c.xmlStruct(x, elem.sub, v.UnsafePointer(), a, depth); err != nil {
			return err
		}
		reflect.NewAt(elem.typ, to).Elem().Set(v)
		return nil
	case elemScalar:
		return c.xmlTyped(x, &elem.op, to, a, depth)
	case elemAny:
		v, err := c.xmlLine(x, elem.row, a, depth)
		if err == nil {
			*(*any)(to) = v
		}
		return err
	case elemRecord:
		r, err := c.xmlRecord(x, elem.line, a, depth)
		*(**Record)(to) = r
		return err
	default:
		v, err := c.xmlLine(x, elem.row, a, depth)
		if err != nil {
			return err
		}
		m, ok := v.(Params)
		if !ok {
			m = Params{"": v} // an unnamed line
		}
		*(*Params)(to) = m
		return nil
	}
}

// xmlLine reads the content of a row as its default Go type.
func (c *coder) xmlLine(x *docReader, row *rowPlan, a *arena, depth int) (any, error) {
	if row.typ.Scalar() {
		return c.xmlAny(x, &row.cells[0], a, depth)
	}
	return c.xmlParams(x, row, a, depth)
}

// xmlStruct reads a structure, or an unnamed line, into a Go struct.
func (c *coder) xmlStruct(x *docReader, sp *structPlan, base unsafe.Pointer, a *arena, depth int) error {
	if depth > maxElements {
		return &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	}
	field := func(i int) error {
		o := &sp.fields[i]
		if o.code == opNone {
			_, err := c.xmlAny(x, &sp.row.cells[i], a, depth+1)
			return err
		}
		return c.xmlTyped(x, o, unsafe.Add(base, o.mem), a, depth+1)
	}
	if sp.row.typ.Scalar() {
		return field(0)
	}
	return c.xmlFields(x, sp.row, field)
}

// xmlTyped reads content into the Go location of o.
func (c *coder) xmlTyped(x *docReader, o *op, to unsafe.Pointer, a *arena, depth int) error {
	f := o.cell.f
	switch o.code {
	case opPointer:
		v := reflect.New(o.typ.Elem())
		if err := c.xmlTyped(x, o.inner, v.UnsafePointer(), a, depth); err != nil {
			return err
		}
		reflect.NewAt(o.typ, to).Elem().Set(v)
		return nil
	case opStruct:
		return c.xmlStruct(x, o.sub, to, a, depth)
	case opTable:
		slice := reflect.NewAt(o.typ, to).Elem()
		if slice.IsNil() {
			slice.Set(reflect.MakeSlice(o.typ, 0, 0))
		}
		slice.SetLen(0)
		return c.xmlTable(x, o.elem, slice, a, depth)
	case opString:
		text, err := x.content(f)
		if err != nil {
			return err
		}
		s, err := c.xmlText(f, text, a)
		if err == nil {
			*(*string)(to) = s
		}
		return err
	case opSlow, opSource:
		v, err := c.xmlAny(x, o.cell, a, depth)
		if err != nil {
			return err
		}
		return o.store(to, v)
	default:
		text, err := x.content(f)
		if err != nil {
			return err
		}
		switch f.Kind {
		case metadata.XString:
			b, err := x.bytes(f, text)
			if err == nil {
				*(*[]byte)(to) = b
			}
			return err
		case metadata.Char:
			s, err := c.xmlChar(x, o.cell, text, a)
			if err == nil {
				*(*string)(to) = s // only strings take a CHAR
			}
			return err
		default:
		}
		b, err := c.xmlCell(x, o.cell, text)
		if err != nil {
			return err
		}
		return c.decodeOp(b, o, to, a)
	}
}

// decodeBase64 is strict but for line breaks, which ABAP writes every 76 columns.
func decodeBase64(f *metadata.Field, text []byte) ([]byte, error) {
	if len(text) == 0 {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return nil, &ConversionError{Kind: typeText(f), Value: quote(string(text)), Reason: BadText, Err: err}
	}
	return b, nil
}

// xmlCell converts the lexical form of a flat value to a cell, leniently. The cell is valid
// until the next call.
func (c *coder) xmlCell(x *docReader, cl *cell, text []byte) ([]byte, error) {
	f := cl.f
	if err := x.grow(cl.width); err != nil {
		return nil, err
	}
	x.cell = scratch(x.cell, cl.width)
	b := x.cell
	if len(text) == 0 && x.basXML() {
		c.fillInitial(b, cl)
		return b, nil
	}
	switch f.Kind {
	case metadata.Char, metadata.Numc:
		s, err := c.utf8(f, text)
		if err != nil {
			return nil, err
		}
		s = strings.TrimRight(s, " ")
		if f.Kind == metadata.Numc && strings.Trim(s, "0123456789") == "" {
			return b, c.encodeNumc(b, f, s)
		}
		return b, c.encodeChar(b, f, s)
	case metadata.Date:
		return b, c.xmlDigits(b, f, text, 8, '-', 4, 7)
	case metadata.Time:
		return b, c.xmlDigits(b, f, text, 6, ':', 2, 5)
	case metadata.Raw:
		raw, err := x.bytes(f, text)
		if err != nil {
			return nil, err
		}
		return b, encodeRaw(b, f, raw)
	default:
		return b, c.xmlNumber(b, f, strings.Trim(string(text), " \t\r\n"))
	}
}

// xmlNumber converts the lexical form of a number.
func (c *coder) xmlNumber(b []byte, f *metadata.Field, s string) error {
	switch f.Kind {
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return refuse(f, NotANumber, quote(s), "an integer is required")
		}
		return c.encodeInt(b, f, n)
	case metadata.Float:
		x, err := abap.ParseFloat(s)
		if err != nil {
			return abapError(f, err)
		}
		return c.encodeFloat(b, f, x)
	case metadata.Packed:
		d, _, err := decimalText(f, s)
		if err != nil {
			return err
		}
		return c.encodePacked(b, f, d)
	case metadata.DecFloat16, metadata.DecFloat34:
		d, _, err := decimalText(f, s)
		if err != nil {
			return err
		}
		return c.received(b, f, d)
	default: // the compact types of time
		n, err := lexicalTime(f, s)
		if err != nil {
			return err
		}
		c.putSigned(b, n)
		return nil
	}
}

// xmlDigits reads a date or time, with or without separators; empty means blanks.
func (c *coder) xmlDigits(dst []byte, f *metadata.Field, text []byte, n int, sep byte, first, second int) error {
	s := string(bytes.Trim(text, " \t\r\n"))
	if len(s) == n+2 && s[first] == sep && s[second] == sep {
		s = s[:first] + s[first+1:second] + s[second+1:]
	}
	if s == "" {
		s = blanks[:n]
	}
	if len(s) != n {
		return refusef(f, BadDate, quote(string(text)), "%d digits with or without %q between them are required", n, sep)
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return refuse(f, BadDate, quote(s), "ASCII characters are required")
		}
	}
	c.fillASCII(dst, s)
	return nil
}

package serialization

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
)

// document writes a parameter as document: 3c02, pieces in 3c05, 3c02. A client cuts pieces of
// 16 KiB; a server puts the start tag in a piece of its own and cuts the rest at 1 KiB.
// Source: spec 04 section 5.1 [capture, impl].
func (w *Writer) document(dst []byte, p *metadata.Parameter, v value, supplied bool) ([]byte, error) {
	out := xmlSink{b: w.buffer[:0]}
	if err := w.walker(&out).parameter(p, v, supplied); err != nil {
		return nil, err
	}
	doc, head := out.b, len(escapeName(p.Name))+len("<>")
	w.buffer = doc[:0]
	if len(doc) > MaxDocument {
		return nil, &LimitError{Path: p.Name, What: "document bytes", Size: uint64(len(doc)), Limit: MaxDocument}
	}
	piece := requestPiece
	dst = chain.AppendEmpty(dst, chain.XMLBracket)
	if w.Reply {
		piece = replyPiece
		dst = chain.Append(dst, chain.XMLPiece, doc[:head])
		doc = doc[head:]
	}
	for len(doc) > 0 {
		n := min(len(doc), piece)
		dst = chain.Append(dst, chain.XMLPiece, doc[:n])
		doc = doc[n:]
		if err := w.flush(&dst); err != nil {
			return nil, err
		}
	}
	return chain.AppendEmpty(dst, chain.XMLBracket), nil
}

// sink takes the tokens of a document in their order: what a walk over values finds becomes
// XML text or binary XML only here.
type sink interface {
	// open starts an element, close ends it. Names are escaped (escapeName).
	open(tag string)
	close(tag string)
	// rows stands behind the open of a table: n rows follow. row is the element of each.
	rows(n int)
	row(line *metadata.Type) string
	// text is the lexical form of a value, binary one of bytes; an empty one may be left out.
	text(s string) error
	binary(b []byte) error
	// full reports why the document cannot go on: it is too large.
	full() error
}

// xmlSink is xRFC: elements without attributes, and text.
type xmlSink struct{ b []byte }

func (s *xmlSink) open(tag string) { s.b = append(append(append(s.b, '<'), tag...), '>') }

func (s *xmlSink) close(tag string) { s.b = append(append(append(s.b, "</"...), tag...), '>') }

func (s *xmlSink) rows(int) {}

func (s *xmlSink) row(*metadata.Type) string { return itemName }

func (s *xmlSink) text(t string) error {
	s.b = appendEscaped(s.b, t)
	return nil
}

func (s *xmlSink) binary(b []byte) error {
	s.b = base64.StdEncoding.AppendEncode(s.b, b)
	return nil
}

func (s *xmlSink) full() error {
	if len(s.b) > MaxDocument {
		return &LimitError{What: "document bytes", Size: uint64(len(s.b)), Limit: MaxDocument}
	}
	return nil
}

// docWriter walks values. Its coder has UTF-16LE scratch cells whatever the peer uses:
// values pass through a cell, so that the rules of rows hold for documents as well.
type docWriter struct {
	*coder
	sink
	b        []byte // lexical form of the value at hand
	cell     []byte // its cell
	blanks   bool   // a blank date or time is written as blanks, since empty means initial
	consumed bool   // rows came one by one and cannot be asked for again
	texts    bool   // the compact types of time as text, not as the number of the wire
}

func (w *Writer) walker(out sink) *docWriter {
	c := newCoder(Representation{}, w.Options.inDocument())
	return &docWriter{coder: &c, sink: out}
}

// parameter writes the element of a parameter.
func (x *docWriter) parameter(p *metadata.Parameter, v value, supplied bool) error {
	tag, cl := escapeName(p.Name), paramCell(p, x.coder)
	x.open(tag)
	var err error
	if supplied {
		err = x.content(cl, v, 0)
	} else {
		err = x.initial(cl)
	}
	if err != nil {
		return at(p.Name, err)
	}
	x.close(tag)
	return nil
}

// content writes what stands between the tags of a value.
func (x *docWriter) content(cl *cell, v value, depth int) error {
	if depth > maxElements {
		return &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	}
	if err := x.full(); err != nil {
		return err
	}
	if v.o != nil && v.o.code == opPointer {
		q := *(*unsafe.Pointer)(v.p)
		if q == nil {
			return x.initial(cl)
		}
		return x.content(cl, value{o: v.o.inner, p: q}, depth)
	}
	switch cl.f.Kind {
	case metadata.Structure, metadata.DeepStructure:
		return x.structure(cl, v, depth)
	case metadata.Table:
		return x.table(cl, v, depth)
	case metadata.String, metadata.XString:
		text, raw, err := anyVariable(cl.f, v)
		if err != nil {
			return err
		}
		if cl.f.Kind == metadata.XString {
			return x.binary(raw)
		}
		if text, err = x.documentText(cl.f, text); err != nil {
			return err
		}
		return x.text(text)
	default:
		return x.flat(cl, v)
	}
}

// flat writes a value that has a cell.
func (x *docWriter) flat(cl *cell, v value) error {
	x.cell = scratch(x.cell, cl.width)
	b := x.cell
	var err error
	switch {
	case v.o == nil:
		err = x.encode(b, cl, v.v, 0)
	case v.o.code == opSlow:
		y := v.o.value(v.p)
		if y == nil {
			return x.initial(cl)
		}
		err = x.encode(b, cl, y, 0)
	default:
		err = x.encodeOp(b, v.o, v.p)
	}
	if err != nil {
		return err
	}
	return x.cellText(cl, b)
}

// scratch gives n zero bytes, in the memory of b if it has enough.
func scratch(b []byte, n int) []byte {
	if n > cap(b) {
		b = make([]byte, n, max(n, minScratch))
	}
	b = b[:n]
	clear(b)
	return b
}

// structure writes the fields in their order.
func (x *docWriter) structure(cl *cell, v value, depth int) error {
	var m map[string]any
	var sp *structPlan
	var base unsafe.Pointer
	if v.o != nil && v.o.code == opStruct {
		sp, base = v.o.sub, v.p
	} else {
		y := v.v
		if v.o != nil {
			if y = v.o.value(v.p); y == nil {
				return x.initial(cl)
			}
		}
		switch y := y.(type) {
		case Params:
			m = y
		case map[string]any:
			m = y
		case *Record:
			if y == nil {
				return notStructure(cl.f, nil)
			}
			return x.goRecord(cl.sub, y, depth)
		default:
			if z, changed, err := standIn(cl.f, y); changed || err != nil {
				if err != nil {
					return err
				}
				return x.structure(cl, value{v: z}, depth)
			}
			rv, ok := structValue(y)
			if !ok {
				return notStructure(cl.f, y)
			}
			var err error
			if sp, err = planStruct(rv.Type(), cl.f.Type, x.coder); err != nil {
				return err
			}
			base = addressable(rv)
		}
	}
	if sp != nil {
		return x.goStruct(cl.sub, sp, base, depth)
	}
	return x.goMap(cl.sub, m, depth)
}

func (x *docWriter) goStruct(row *rowPlan, sp *structPlan, base unsafe.Pointer, depth int) error {
	for i := range row.cells {
		cl, o := &row.cells[i], &sp.fields[i]
		x.open(row.tags[i])
		var err error
		if o.code == opNone {
			err = x.initial(cl)
		} else {
			err = x.content(cl, value{o: o, p: unsafe.Add(base, o.mem)}, depth+1)
		}
		if err != nil {
			return at(cl.f.Name, err)
		}
		x.close(row.tags[i])
	}
	return nil
}

func (x *docWriter) goMap(row *rowPlan, m map[string]any, depth int) error {
	found := 0
	for i := range row.cells {
		cl := &row.cells[i]
		x.open(row.tags[i])
		v, ok := m[cl.f.Name]
		var err error
		if ok {
			found++
			err = x.content(cl, value{v: v}, depth+1)
		} else {
			err = x.initial(cl)
		}
		if err != nil {
			return at(cl.f.Name, err)
		}
		x.close(row.tags[i])
	}
	if found != len(m) {
		return unknownField(row.typ, m)
	}
	return nil
}

// table writes the rows, each in an element.
func (x *docWriter) table(cl *cell, v value, depth int) error {
	var rows rowsOf
	var err error
	if v.o != nil {
		if v.o.code != opTable && v.o.value(v.p) == nil {
			return x.initial(cl)
		}
		rows, err = x.tableOp(v.o, v.p)
	} else {
		rows, err = x.tableValue(cl.f, v.v)
	}
	if err != nil {
		return err
	}
	x.consumed = x.consumed || rows.source != nil || rows.boxed != nil
	x.rows(rows.n)
	if rows.n == 0 {
		return nil
	}
	tag := x.row(cl.sub.typ)
	return rows.each(func(i int, p unsafe.Pointer) error {
		x.open(tag)
		if err := x.line(cl.sub, rows.elem, p, depth+1); err != nil {
			return atRow(i, err)
		}
		x.close(tag)
		return nil
	})
}

func (x *docWriter) line(row *rowPlan, elem *elemPlan, p unsafe.Pointer, depth int) error {
	switch elem.kind {
	case elemStruct:
		if row.typ.Scalar() {
			return x.unnamed(row, elem.sub, p, depth)
		}
		return x.goStruct(row, elem.sub, p, depth)
	case elemPointer:
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return nilRow()
		}
		if row.typ.Scalar() {
			return x.unnamed(row, elem.sub, q, depth)
		}
		return x.goStruct(row, elem.sub, q, depth)
	case elemScalar:
		if elem.op.code == opPointer && *(*unsafe.Pointer)(p) == nil {
			return nilRow()
		}
		return x.content(&row.cells[0], value{o: &elem.op, p: p}, depth)
	case elemMap:
		return x.rowAny(row, Params(*(*map[string]any)(p)), depth)
	default:
		return x.rowAny(row, *(*any)(p), depth)
	}
}

// unnamed writes an unnamed line that was given as a struct.
func (x *docWriter) unnamed(row *rowPlan, sp *structPlan, p unsafe.Pointer, depth int) error {
	o := &sp.fields[0]
	if o.code == opNone {
		return x.initial(&row.cells[0])
	}
	return x.content(&row.cells[0], value{o: o, p: unsafe.Add(p, o.mem)}, depth)
}

func (x *docWriter) rowAny(row *rowPlan, v any, depth int) error {
	switch m := v.(type) {
	case nil:
		return nilRow()
	case map[string]any:
		v = Params(m)
	case *Record:
		if m == nil {
			return nilRow()
		}
		return x.goRecord(row, m, depth)
	}
	if m, ok := v.(Params); ok {
		switch {
		case m == nil:
			return nilRow()
		case !row.typ.Scalar():
			return x.goMap(row, m, depth)
		}
		y, ok := m[""]
		if !ok && len(m) == 0 {
			return x.initial(&row.cells[0])
		}
		if !ok || len(m) > 1 {
			return unknownField(row.typ, m)
		}
		return x.content(&row.cells[0], value{v: y}, depth)
	}
	if rv, ok := structValue(v); ok {
		sp, err := planStruct(rv.Type(), row.typ, x.coder)
		if err != nil {
			return err
		}
		if row.typ.Scalar() {
			return x.unnamed(row, sp, addressable(rv), depth)
		}
		return x.goStruct(row, sp, addressable(rv), depth)
	}
	if row.typ.Scalar() {
		return x.content(&row.cells[0], value{v: v}, depth)
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nilRow()
	}
	return &ShapeError{Got: fmt.Sprintf("%T", v), Want: "a map, struct or record for each row"}
}

// initial writes the initial value.
func (x *docWriter) initial(cl *cell) error {
	switch cl.f.Kind {
	case metadata.String, metadata.XString:
		return nil
	case metadata.Table:
		x.rows(0)
		return nil
	case metadata.Structure, metadata.DeepStructure:
		return x.goMap(cl.sub, nil, 0)
	default:
		x.cell = scratch(x.cell, cl.width)
		x.fillInitial(x.cell, cl)
		return x.cellText(cl, x.cell)
	}
}

// cellText writes a flat value.
func (x *docWriter) cellText(cl *cell, b []byte) error {
	if cl.f.Kind == metadata.Raw {
		return x.binary(b)
	}
	x.b = x.b[:0]
	if err := x.lexical(cl, b); err != nil {
		return err
	}
	// Sinks keep no text: the buffer is used again for the next value.
	return x.text(unsafe.String(unsafe.SliceData(x.b), len(x.b)))
}

// lexical appends the lexical form of a flat value (spec 21.5 [impl]) to x.b.
func (x *docWriter) lexical(cl *cell, b []byte) error {
	f := cl.f
	switch f.Kind {
	case metadata.Char, metadata.Numc:
		s, err := x.decodeText(x.b, x.trim(b))
		if err != nil {
			return textError(f, "", err)
		}
		x.b = s
	case metadata.Date:
		d, err := x.decodeDate(b, f)
		if err != nil {
			return err
		}
		switch s := d.String(); {
		case !d.IsBlank():
			x.b = append(x.b, s[:4]+"-"+s[4:6]+"-"+s[6:]...)
		case x.blanks:
			x.b = append(x.b, s...)
		}
	case metadata.Time:
		t, err := x.decodeTime(b, f)
		if err != nil {
			return err
		}
		switch s := t.String(); {
		case !t.IsBlank():
			x.b = append(x.b, s[:2]+":"+s[2:4]+":"+s[4:]...)
		case x.blanks:
			x.b = append(x.b, s...)
		}
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		x.b = strconv.AppendInt(x.b, x.decodeInt(b, f.Kind), 10)
	case metadata.Float:
		x.b = appendFloat(x.b, math.Float64frombits(x.order().Uint64(b)))
	case metadata.Packed:
		d, err := decodePacked(b, f)
		if err != nil {
			return err
		}
		x.b = append(x.b, d.Plain()...)
	case metadata.DecFloat16, metadata.DecFloat34:
		d, err := x.decodeDecFloat(b, f)
		if err != nil {
			return err
		}
		x.b = append(x.b, d.Scientific()...)
	default: // the compact types of time
		if x.texts {
			v, err := timeOfRaw(f, x.signed(b))
			x.b = append(x.b, timeText(f, v)...)
			return err
		}
		x.b = strconv.AppendInt(x.b, x.signed(b), 10)
	}
	return nil
}

// appendFloat writes the shortest decimal, in exponent form from 1e21 on and below 1e-6.
func appendFloat(dst []byte, x float64) []byte {
	if a := math.Abs(x); a != 0 && (a >= 1e21 || a < 1e-6) {
		s := strconv.FormatFloat(x, 'e', -1, 64)
		if i := strings.IndexByte(s, 'e'); i >= 0 && i+3 < len(s) && s[i+2] == '0' {
			s = s[:i+2] + s[i+3:]
		}
		return append(dst, s...)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped writes text content: numeric references for markup and for control
// characters other than tab, line feed and carriage return.
func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '&' && c != '<' && c != '>' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, '&', '#', '0'+c/10, '0'+c%10, ';')
		start = i + 1
	}
	return append(dst, s[start:]...)
}

// escapeName writes a field name as an element name: / becomes _-, other characters outside
// letters, digits and underscore, and a digit in front, become _--HH; characters above
// U+00FF stay. Source: spec 21.5 [impl].
func escapeName(name string) string {
	plain := true
	for i, r := range name {
		plain = plain && (r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9')
	}
	if plain {
		return name
	}
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '/':
			b.WriteString("_-")
		case r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9' || r > 0xff:
			b.WriteRune(r)
		default:
			b.WriteString("_--")
			b.WriteByte(hexDigits[r>>4&15])
			b.WriteByte(hexDigits[r&15])
		}
	}
	return b.String()
}

// documentText is the text of a STRING in a document: UTF-8, whatever the peer uses.
func (c *coder) documentText(f *metadata.Field, s string) (string, error) {
	if c.OnConversionError == codepage.Replace && !utf8.ValidString(s) {
		b, err := codepage.UTF8.Append(nil, s, c.sending())
		if err != nil {
			return "", textError(f, s, err)
		}
		s = string(b)
	}
	return s, checkString(f, s)
}

// variableValue finds the text of a STRING, which it checks, or the bytes of an XSTRING.
func variableValue(f *metadata.Field, v value) (text string, raw []byte, err error) {
	if text, raw, err = anyVariable(f, v); err == nil && f.Kind == metadata.String {
		err = checkString(f, text)
	}
	return text, raw, err
}

// anyVariable finds the text of a STRING as it was given, or the bytes of an XSTRING.
func anyVariable(f *metadata.Field, v value) (text string, raw []byte, err error) {
	y := v.v
	if v.o != nil {
		switch v.o.code {
		case opString:
			return *(*string)(v.p), nil, nil
		case opBytes:
			return "", *(*[]byte)(v.p), nil
		default:
			if y = v.o.value(v.p); y == nil {
				return "", nil, nil
			}
		}
	}
	for range maxPointers {
		if s, ok := y.(string); ok && f.Kind == metadata.String {
			return s, nil, nil
		}
		if b, ok := y.([]byte); ok && f.Kind == metadata.XString {
			return "", b, nil
		}
		w, changed, err := standIn(f, y)
		if err != nil {
			return "", nil, err
		}
		if !changed {
			w, changed, err = normalize(y)
		}
		if err != nil {
			return "", nil, refuse(f, WrongType, "", err.Error())
		}
		if !changed {
			break
		}
		y = w
	}
	return "", nil, wrongType(f, y)
}

// checkString refuses what a STRING cannot carry: invalid UTF-8 and NUL (spec 20.7 [impl]).
func checkString(f *metadata.Field, s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return nulError(f, s, i)
	}
	if !utf8.ValidString(s) {
		_, err := codepage.UTF16Len(s)
		return textError(f, s, err)
	}
	return nil
}

func nulError(f *metadata.Field, s string, at int) error {
	return refusef(f, BadText, quote(s), "NUL at byte %d", at)
}

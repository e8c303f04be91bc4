package serialization

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/metadata"
)

// SAP's fast serialization (item 5001) is read as far as internal/fastser knows it. A sender
// describes what it passed, not what the function declares: a literal of six characters is a
// CHAR(6) whatever the interface says. So values are assigned by name, and only where nothing
// gets lost (spec 42.3 [capture], spec 22.1 [doc]). What was assigned is kept as the classic
// item would have brought it; everything behind this file does not see the difference.

// fastItem takes a container. Functions without parameters ignore it: clients send one with
// every ping, and nothing in it can be for them.
func (s *Section) fastItem(it chain.Item) error {
	if len(s.f.Parameters) == 0 {
		return nil
	}
	body, err := fastser.Decode(it.Value, fastser.MaxBody)
	if errors.Is(err, fastser.ErrUnsupported) {
		return &UnsupportedError{What: "fast serialization", Remedy: fastRemedy[s.reply], Err: err}
	}
	if err != nil {
		return err
	}
	for _, name := range body.Listed {
		if err := s.fastListed(it, name); err != nil {
			return err
		}
	}
	for k := range body.Parameters {
		if err := s.fastParameter(it, &body.Parameters[k]); err != nil {
			return err
		}
	}
	return nil
}

// fastRemedy is what can be done, by the direction: in a request or in a reply. The writer
// decides by itself in which form it sends (spec 42.1).
var fastRemedy = map[bool]string{
	false: "set the serializer of the destination to classic",
	true:  "the partner answered in it although it was not offered",
}

// fastListed takes a name of the parameter list. It names every actual parameter; the outputs
// among them are what the caller wants back. Source: spec 42.3 [capture].
func (s *Section) fastListed(it chain.Item, name string) error {
	i, err := s.resolve(it, []byte(name))
	if err != nil || i < 0 || s.wanted[i] || !s.f.Parameters[i].Direction.Output() {
		return err
	}
	s.wanted[i] = true
	s.requested = append(s.requested, i)
	return nil
}

func (s *Section) fastParameter(it chain.Item, from *fastser.Parameter) error {
	i, err := s.resolve(it, []byte(from.Name))
	if err == nil {
		i, err = s.claim(it, i)
	}
	if err != nil || i < 0 {
		return err
	}
	p := &s.f.Parameters[i]
	if from.Table && p.Kind == metadata.Table && !p.XML() {
		return s.fastTable(i)
	}
	a := fastAssign{coder: newCoder(s.code.Representation, Options{}), p: p, from: from, anyCount: s.Options.AnyRowWidth}
	kind, value, err := a.assign()
	if err != nil {
		return at(p.Name, err)
	}
	s.slots[i].kind, s.slots[i].value = kind, value
	return nil
}

// fastTable takes a table without rows: the only one whose form is known.
func (s *Section) fastTable(i int) error {
	if err := s.openGroup(i); err != nil {
		return err
	}
	s.group = nothing
	if s.stream[i] != nil {
		s.slots[i].kind = slotSpent
	}
	return nil
}

// fastAssign turns a received value into the classic form of parameter p.
type fastAssign struct {
	coder    // of the section, with no option that would change a value
	p        *metadata.Parameter
	from     *fastser.Parameter
	anyCount bool // Options.AnyRowWidth
}

// assign gives the content of the slot.
func (a *fastAssign) assign() (slotKind, []byte, error) {
	p := a.p
	switch {
	case a.from.Table != (p.Kind == metadata.Table):
		return slotEmpty, nil, a.stale()
	case a.from.Table:
		b, err := a.document(func(x *docWriter, cl *cell) error { return x.initial(cl) })
		return slotXML, b, err
	case p.XML():
		b, err := a.deep()
		return slotXML, b, err
	case p.Kind.IsStructure():
		b, err := a.structure()
		return slotValue, b, err
	default:
		b, err := a.scalar()
		return slotValue, b, err
	}
}

// stale is the error of a value that has another form than the description says.
func (a *fastAssign) stale() error {
	var got string
	switch {
	case a.from.Table:
		got = "a table"
	case a.isScalar():
		got = fastType(a.from.Fields[0])
	default:
		got = fmt.Sprintf("a structure of %d fields", len(a.from.Fields))
	}
	if a.from.TypeName != "" {
		got += fmt.Sprintf(" of type %q", a.from.TypeName)
	}
	return &StaleError{Want: typeText(&a.p.Field), Got: got}
}

// fastType is the type of a field as users know it.
func fastType(f fastser.Field) string {
	f.Name = ""
	return f.String()
}

// isScalar reports whether the sender passed a scalar.
func (a *fastAssign) isScalar() bool {
	return len(a.from.Fields) == 1 && a.from.Fields[0].Name == fastser.ScalarField
}

// scalar gives the value of item 0203.
func (a *fastAssign) scalar() ([]byte, error) {
	f := &a.p.Field
	if !a.isScalar() && !(len(a.from.Fields) == 1 && a.from.TypeName == "" && sameType(a.from.Fields[0], f)) {
		return nil, a.stale()
	}
	v := a.value(0, f)
	switch f.Kind {
	case metadata.String, metadata.XString:
		text, raw, err := anyVariable(f, value{v: v})
		if err == nil && f.Kind == metadata.String {
			raw, err = a.appendString(nil, f, text)
			raw = append(raw, 0)
		}
		return raw, a.mismatch(0, f, err)
	default:
		cl := cell{f: f, width: f.Width(a.CharWidth())}
		b := make([]byte, cl.width)
		return b, a.cell(b, &cl, 0, v)
	}
}

// structure gives the value of item 0203 of a flat structure.
func (a *fastAssign) structure() ([]byte, error) {
	plan := planRow(a.p.Type, &a.coder)
	row := append([]byte(nil), plan.initial...)
	err := a.fields(func(k, i int, v any) error {
		cl := &plan.cells[i]
		return a.cell(row[cl.off:cl.off+cl.width], cl, k, v)
	})
	return row, err
}

// deep gives the document of a deep structure.
func (a *fastAssign) deep() ([]byte, error) {
	m := make(Params, len(a.from.Fields))
	err := a.fields(func(_, i int, v any) error {
		m[a.p.Type.Fields[i].Name] = v
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, err := a.document(func(x *docWriter, cl *cell) error { return x.content(cl, value{v: m}, 0) })
	if e, ok := err.(*ConversionError); ok && e.Reason == WrongType { //nolint:errorlint // made by this package a moment ago
		return nil, &StaleError{Path: e.Path, Want: e.Kind, Got: "a value of another type"}
	}
	return b, err
}

// document writes a document with the given content.
func (a *fastAssign) document(content func(x *docWriter, cl *cell) error) ([]byte, error) {
	var out xmlSink
	x := (&Writer{}).walker(&out)
	tag := escapeName(a.p.Name)
	x.open(tag)
	if err := content(x, paramCell(a.p, x.coder)); err != nil {
		return nil, err
	}
	x.close(tag)
	return out.b, nil
}

// fields passes each received field k that the structure has as field i. Fields that the
// structure has and the sender did not send stay initial; one that it does not have is lost
// and therefore refused, unless it is initial.
func (a *fastAssign) fields(set func(k, i int, v any) error) error {
	t := a.p.Type
	if a.from.TypeName == "" {
		return a.positions(set)
	}
	if a.isScalar() && t.Index(fastser.ScalarField) < 0 {
		return a.stale()
	}
	seen := make([]bool, len(t.Fields))
	for k, f := range a.from.Fields {
		i := t.Index(f.Name)
		switch {
		case i < 0 && a.from.Values[k].Marker == fastser.Initial:
			continue
		case i < 0:
			return &StaleError{Path: f.Name, Want: "a field of the structure", Got: "another one, " + fastType(f)}
		case seen[i]:
			return &StaleError{Path: f.Name, Want: "each field once", Got: "the field twice"}
		}
		seen[i] = true
		if err := a.field(k, i, set); err != nil {
			return err
		}
	}
	return nil
}

// positions passes fields that came without names. The position is all that says which is
// which, so that every type has to be the described one. Source: spec 42.2, 42.4 [capture];
// that the position counts [inferred].
func (a *fastAssign) positions(set func(k, i int, v any) error) error {
	t := a.p.Type
	if n := len(a.from.Fields); n != len(t.Fields) && !a.anyCount {
		return a.stale()
	}
	for k := range min(len(a.from.Fields), len(t.Fields)) {
		if f := &t.Fields[k]; !sameType(a.from.Fields[k], f) {
			return &StaleError{Path: f.Name, Want: typeText(f), Got: fastType(a.from.Fields[k])}
		}
		if err := a.field(k, k, set); err != nil {
			return err
		}
	}
	return nil
}

func (a *fastAssign) field(k, i int, set func(k, i int, v any) error) error {
	f := &a.p.Type.Fields[i]
	if f.Type != nil {
		return &StaleError{Path: f.Name, Want: typeText(f), Got: fastType(a.from.Fields[k])}
	}
	return at(f.Name, set(k, i, a.value(k, f)))
}

// cell writes value k into a cell.
func (a *fastAssign) cell(dst []byte, cl *cell, k int, v any) error {
	from := a.from.Values[k]
	if from.Marker == fastser.Whole && cl.f.Kind == metadata.Char && a.mode == textUTF16LE && len(from.Data) <= len(dst) {
		// Cells hold what is no character just as well; what becomes of it is for the reader.
		a.repeat(dst[copy(dst, from.Data):], " ")
		return nil
	}
	return a.mismatch(k, cl.f, a.encode(dst, cl, v, 0))
}

// mismatch says of a conversion that does not exist which ABAP types it is between.
func (a *fastAssign) mismatch(k int, f *metadata.Field, err error) error {
	if e, ok := err.(*ConversionError); ok && e.Reason == WrongType { //nolint:errorlint // made by this package a moment ago
		return &StaleError{Want: typeText(f), Got: fastType(a.from.Fields[k])}
	}
	return err
}

// value gives received value k as a Go value that the encoders of cells take for field f.
func (a *fastAssign) value(k int, f *metadata.Field) any {
	from, v := a.from.Fields[k], a.from.Values[k]
	switch v.Marker {
	case fastser.Number:
		return int32(binary.LittleEndian.Uint32(v.Data))
	case fastser.Whole:
		// Half a surrogate pair stays one, so that no encoder takes it for a character.
		text, _ := codepage.UTF16LE.Decode(nil, v.Data, codepage.Policy{OnError: codepage.Pass})
		return strings.TrimRight(string(text), " ")
	case fastser.String:
		if f.Kind != metadata.Char {
			return string(v.Data)
		}
		fallthrough
	case fastser.Cut:
		return strings.TrimRight(string(v.Data), " ") // blanks at the end of CHAR are none
	default:
		return initialOf(from.Code)
	}
}

// initialOf is the initial value of a type of the fast serialization.
func initialOf(c fastser.TypeCode) any {
	switch c {
	case fastser.Int1, fastser.Int2, fastser.Int4:
		return int32(0)
	case fastser.Float:
		return float64(0)
	case fastser.Date:
		return zeros[:8]
	case fastser.Time:
		return zeros[:6]
	case fastser.Raw, fastser.XString:
		return []byte{}
	default:
		return ""
	}
}

// sameType reports whether a field is described alike on both sides.
func sameType(from fastser.Field, f *metadata.Field) bool {
	switch from.Code {
	case fastser.Char:
		return f.Kind == metadata.Char && f.Length == int(from.Width)/2
	case fastser.Raw:
		return f.Kind == metadata.Raw && f.Length == int(from.Width)
	default:
		return fastKinds[from.Code] == f.Kind
	}
}

var fastKinds = map[fastser.TypeCode]metadata.Kind{
	fastser.Int1: metadata.Int1, fastser.Int2: metadata.Int2, fastser.Int4: metadata.Int4, fastser.Date: metadata.Date,
	fastser.Time: metadata.Time, fastser.Float: metadata.Float, fastser.Text: metadata.String, fastser.XString: metadata.XString,
}

package metadata

import (
	"errors"
	"fmt"
)

// Field is one component of a structure, or the data part of a parameter.
type Field struct {
	// Name in upper case; empty for the single field of an unnamed line.
	Name string
	// Kind is the ABAP type.
	Kind Kind
	// Length is in characters for CHAR and NUM, in bytes for BYTE and BCD; for all other
	// kinds it is derived and filled in by the constructors.
	Length int
	// Decimals of a BCD field, 0..14; informative for FLOAT (16).
	Decimals int
	// Type is the structure of a structure field, the line of a table field; else nil.
	Type *Type
	// TypeName is the DDIC name: of the structure, of the table type, or of the data
	// element; may be empty.
	TypeName string
	// TypeField is the component of TypeName that a parameter refers to (RFC_FUNINT
	// FIELDNAME); usually empty.
	TypeField string
	// Text is the short text, language dependent, may be empty.
	Text string
}

// Width is the number of bytes the field takes in a row; charWidth is 2 for Unicode and 1
// for non-Unicode peers. References take the 8 bytes of ABAP's own reference.
func (f *Field) Width(charWidth int) int {
	info := &kinds[f.Kind]
	switch {
	case f.Kind.IsStructure():
		if f.Type == nil {
			return 0
		}
		return f.Type.Layout(charWidth).Total
	case info.fixed > 0 && info.text:
		return info.fixed * charWidth
	case info.fixed > 0:
		return info.fixed
	case info.text:
		return f.Length * charWidth
	}
	return f.Length
}

// Align is the alignment of the field in bytes (spec 20.1 [capture]).
func (f *Field) Align(charWidth int) int {
	if f.Kind.IsStructure() {
		if f.Type == nil {
			return 1
		}
		return f.Type.Layout(charWidth).Align
	}
	if info := &kinds[f.Kind]; info.align > 0 {
		return info.align
	}
	return charWidth
}

// Deep reports whether the value holds a string, xstring or table.
func (f *Field) Deep() bool {
	if f.Kind.Reference() {
		return true
	}
	return f.Kind.IsStructure() && f.Type != nil && f.Type.deep
}

// Type is a structure, or the line of a table. A table of scalars has a line with one
// field whose name is empty. Build it with NewType; it is immutable afterwards.
type Type struct {
	// Name is the DDIC name; empty for an unnamed line.
	Name string
	// Text is the short text, may be empty.
	Text string
	// Fields in DDIC order.
	Fields []Field

	layouts [2]Layout // non-Unicode, Unicode
	index   map[string]int
	deep    bool
	depth   int
}

// Layout is the memory form of a structure for one character width.
type Layout struct {
	// Offsets of the fields in bytes, in the order of Type.Fields.
	Offsets []int
	// Used is the width without the fill behind the last field: what rows carry at least.
	Used int
	// Total is the declared width, a multiple of Align.
	Total int
	// Align is the largest alignment of the fields.
	Align int
}

// NewType builds a structure and computes its layouts by the alignment rule (spec 21.2
// [capture]): every field at the next multiple of its alignment, nested structures aligned
// to their own largest alignment, the total rounded up to the largest one.
//
// It reports all problems of the definition at once.
func NewType(name string, fields []Field) (*Type, error) {
	if len(fields) > MaxFields {
		return nil, fmt.Errorf("type %s: %d fields, at most %d", name, len(fields), MaxFields)
	}
	t := &Type{Name: name, Fields: append([]Field(nil), fields...), index: make(map[string]int, len(fields))}
	var errs []error
	if len(fields) == 0 {
		errs = append(errs, fmt.Errorf("type %s: no fields", name))
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if err := f.check(len(fields) == 1); err != nil {
			errs = append(errs, fmt.Errorf("type %s: %w", name, err))
			continue
		}
		if _, dup := t.index[f.Name]; dup {
			errs = append(errs, fmt.Errorf("type %s: field %s twice", name, f.Name))
		}
		t.index[f.Name] = i
		t.deep = t.deep || f.Deep()
		if f.Type != nil {
			t.depth = max(t.depth, f.Type.depth+1)
		}
	}
	if t.depth > MaxDepth {
		errs = append(errs, fmt.Errorf("type %s: nested %d deep, at most %d", name, t.depth, MaxDepth))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for w := range t.layouts {
		l, err := layout(t.Fields, w+1)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", name, err)
		}
		t.layouts[w] = l
	}
	return t, nil
}

func (f *Field) check(single bool) error {
	if f.Name == "" && !single {
		return errors.New("field without a name")
	}
	for i := range len(f.Name) {
		if f.Name[i] < ' ' || f.Name[i] == 0x7f {
			return fmt.Errorf("field name %.64q: control character at byte %d", f.Name, i)
		}
	}
	if err := f.Kind.Check(); err != nil {
		return fmt.Errorf("field %s: %w", f.Name, err)
	}
	info := &kinds[f.Kind]
	switch {
	case f.Kind.IsStructure():
		if f.Type == nil {
			return fmt.Errorf("field %s: structure without a type", f.Name)
		}
		if f.Type.deep {
			f.Kind = DeepStructure
		} else {
			f.Kind = Structure
		}
		f.Length = f.Type.layouts[1].Total
	case f.Kind == Table:
		if f.Type == nil {
			return fmt.Errorf("field %s: table without a line type", f.Name)
		}
		f.Length = info.fixed
	case info.fixed > 0:
		f.Length = info.fixed
	case f.Length <= 0:
		return fmt.Errorf("field %s: %s of length %d", f.Name, info.name, f.Length)
	case f.Kind == Packed && f.Length > MaxPacked:
		return fmt.Errorf("field %s: BCD of %d bytes, at most %d", f.Name, f.Length, MaxPacked)
	case f.Length > MaxCharacters:
		return fmt.Errorf("field %s: length %d, at most %d", f.Name, f.Length, MaxCharacters)
	}
	if f.Kind == Packed && (f.Decimals < 0 || f.Decimals > 14 || f.Decimals > 2*f.Length-1) {
		return fmt.Errorf("field %s: %d decimals in BCD of %d digits, at most 14 and not more than the digits", f.Name, f.Decimals, 2*f.Length-1)
	}
	return nil
}

func layout(fields []Field, charWidth int) (Layout, error) {
	l := Layout{Offsets: make([]int, len(fields)), Align: 1}
	off := 0
	for i := range fields {
		f := &fields[i]
		a := f.Align(charWidth)
		off = (off + a - 1) / a * a
		l.Offsets[i] = off
		off += f.Width(charWidth)
		l.Align = max(l.Align, a)
		if off > MaxStructure {
			return Layout{}, fmt.Errorf("wider than %d bytes", MaxStructure)
		}
	}
	l.Used = off
	l.Total = (off + l.Align - 1) / l.Align * l.Align
	return l, nil
}

// Layout returns the memory form; charWidth is 2 for Unicode, else non-Unicode.
func (t *Type) Layout(charWidth int) *Layout {
	if charWidth == 2 {
		return &t.layouts[1]
	}
	return &t.layouts[0]
}

// Field finds a field by its name in upper case.
func (t *Type) Field(name string) (*Field, bool) {
	i, ok := t.index[name]
	if !ok {
		return nil, false
	}
	return &t.Fields[i], true
}

// Index gives the position of a field, or -1.
func (t *Type) Index(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	return -1
}

// Deep reports whether a row holds a string, xstring or table somewhere.
func (t *Type) Deep() bool { return t.deep }

// Scalar reports whether the type is an unnamed line: one field without a name.
func (t *Type) Scalar() bool { return len(t.Fields) == 1 && t.Fields[0].Name == "" }

// Names lists the field names in DDIC order.
func (t *Type) Names() []string {
	names := make([]string, len(t.Fields))
	for i := range t.Fields {
		names[i] = t.Fields[i].Name
	}
	return names
}

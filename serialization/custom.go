package serialization

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// ValueMarshaler is implemented by Go types that stand for an ABAP value. MarshalRFC gives
// what to send in its place: any value that the ABAP type accepts (see the package comment),
// but not another ValueMarshaler.
type ValueMarshaler interface {
	MarshalRFC() (any, error)
}

// ValueUnmarshaler is implemented, on the pointer, by Go types that read an ABAP value. v has
// the default Go type of the package comment, and is the receiver's to keep.
type ValueUnmarshaler interface {
	UnmarshalRFC(v any) error
}

// custom says which methods of a Go type take part. What is left out goes the way of types
// without methods.
type custom uint8

const (
	writesValue custom = 1 << iota // ValueMarshaler
	writesText                     // encoding.TextMarshaler, character kinds
	writesName                     // fmt.Stringer, CHAR and STRING (spec 20.9)
	readsValue                     // ValueUnmarshaler
	readsText                      // encoding.TextUnmarshaler, character kinds

	writes = writesValue | writesText | writesName
	reads  = readsValue | readsText
)

var (
	valueMarshalerType   = reflect.TypeFor[ValueMarshaler]()
	valueUnmarshalerType = reflect.TypeFor[ValueUnmarshaler]()
	textMarshalerType    = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType  = reflect.TypeFor[encoding.TextUnmarshaler]()
	stringerType         = reflect.TypeFor[fmt.Stringer]()
)

// customOf finds the methods of a Go type, those of its pointer included, that take part for
// an ABAP kind. Types that spec 20.9 names have rules of their own.
func customOf(t reflect.Type, k metadata.Kind) custom {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || scalarStruct(t) || t == numberType {
		return 0
	}
	p := reflect.PointerTo(t)
	var c custom
	if p.Implements(valueMarshalerType) {
		c |= writesValue
	}
	if p.Implements(valueUnmarshalerType) {
		c |= readsValue
	}
	if !characters(k) {
		return c
	}
	if c&writes == 0 && p.Implements(textMarshalerType) {
		c |= writesText
	}
	// A named string is what it says, not what it prints.
	if c&writes == 0 && k != metadata.Numc && t.Kind() != reflect.String && p.Implements(stringerType) {
		c |= writesName
	}
	if c&reads == 0 && p.Implements(textUnmarshalerType) {
		c |= readsText
	}
	return c
}

func characters(k metadata.Kind) bool {
	return k == metadata.Char || k == metadata.Numc || k == metadata.String
}

// compileCustom makes the op of a type with methods. Where it has them for one direction only,
// the other one goes by the rules of its underlying type, if these know it.
func (c *coder) compileCustom(t reflect.Type, cl *cell, kinds custom) op {
	o := newOp(t, cl)
	o.custom = kinds
	if kinds&reads == 0 {
		_, o.oneWay = c.compilePlain(o, 0, func() (op, error) {
			return op{}, refusef(cl.f, WrongType, "", "go type %s can be written and not read; it has neither UnmarshalRFC nor UnmarshalText", t)
		})
	}
	return o
}

// compileField is compile for a field of a struct and its tag.
func (c *coder) compileField(g *goField, cl *cell) (op, error) {
	o, err := c.compile(g.typ, cl)
	if err != nil {
		return op{}, err
	}
	if g.tag.alpha != 0 {
		if o, err = withAlpha(o, g.tag.alpha); err != nil {
			return op{}, err
		}
	}
	if g.tag.initial && (o.code == opPointer || o.code == opSlow || o.code == opSource) {
		// For all others a zero value is the initial value anyway.
		inner := o
		o = newOp(g.typ, cl)
		o.inner = &inner
		if o.initial, err = c.initialValue(cl.f); err != nil {
			return op{}, err
		}
	}
	o.mem, o.omit, o.path = g.mem, g.tag.omit, g.name
	return o, nil
}

// withAlpha puts the conversion exit around an op for text.
func withAlpha(o op, n int) (op, error) {
	if o.code == opPointer {
		inner, err := withAlpha(*o.inner, n)
		o.inner = &inner
		return o, err
	}
	f := o.cell.f
	switch {
	case !characters(f.Kind) || o.typ.Kind() != reflect.String || o.custom != 0:
		return op{}, refusef(f, WrongType, "", "tag option alpha needs a string and CHAR, NUM or STRING, not go type %s", o.typ)
	case f.Kind == metadata.String && n < 0:
		return op{}, refuse(f, WrongType, "", "tag option alpha needs a number of characters: a STRING has no length")
	case f.Kind != metadata.String && n > f.Length:
		return op{}, refusef(f, TooLong, "", "tag option alpha=%d is longer than the field", n)
	case n < 0:
		n = f.Length
	}
	o.code, o.alpha = opSlow, n
	return o, nil
}

// alphaIn is the conversion exit ALPHA from outside to inside: digits, with or without blanks
// around them, get zeros in front up to n characters; other texts stay as they are. Source:
// SAP's documentation of CONVERSION_EXIT_ALPHA_INPUT [doc].
func alphaIn(s string, n int) string {
	digits := strings.Trim(s, " ")
	if !allDigits(digits) || len(digits) > n {
		return s
	}
	return strings.Repeat("0", n-len(digits)) + digits
}

// alphaOut is the way back: zeros in front of digits go, of zeros alone one stays, so that it
// is the inverse of alphaIn.
func alphaOut(s string) string {
	if !allDigits(s) {
		return s
	}
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

// fillAlpha writes digits with zeros in front into a cell in UTF-16LE that holds its initial
// value; false if the text needs another way.
func fillAlpha(dst []byte, s string, n int) bool {
	digits := strings.Trim(s, " ")
	if !allDigits(digits) || len(digits) > n {
		return false
	}
	for i := range n - len(digits) {
		dst[2*i], dst[2*i+1] = '0', 0
	}
	return fillText(dst[2*(n-len(digits)):2*n], digits)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// value gives what lies at p as an interface value; nil where nothing is supplied. p points to
// a value of o.typ.
func (o *op) value(p unsafe.Pointer) any {
	switch {
	case o.initial != nil && o.zero(p):
		return o.initial
	case o.inner != nil: // a pointer, or what tag initial wraps
		if o.inner.typ != o.typ {
			if p = *(*unsafe.Pointer)(p); p == nil {
				return nil
			}
		}
		return o.inner.value(p)
	case (o.typ == recordType || o.typ == tableType) && *(*unsafe.Pointer)(p) == nil:
		return nil
	case o.alpha > 0:
		return alphaIn(reflect.NewAt(o.typ, p).Elem().String(), o.alpha)
	case o.custom&writes != 0:
		return reflect.NewAt(o.typ, p).Interface() // the pointer has the methods; standIn calls them
	}
	return reflect.NewAt(o.typ, p).Elem().Interface()
}

// store puts a value of the default Go type into the Go location at to, where a value of o.typ
// lies.
func (o *op) store(to unsafe.Pointer, v any) error {
	dst := reflect.NewAt(o.typ, to).Elem()
	switch {
	case o.initial != nil && initialFor(o.cell.f, v):
		dst.SetZero()
		return nil
	case o.inner != nil:
		if o.inner.typ == o.typ {
			return o.inner.store(to, v)
		}
		n := reflect.New(o.typ.Elem())
		if err := o.inner.store(n.UnsafePointer(), v); err != nil {
			return err
		}
		dst.Set(n)
		return nil
	case o.code == opStruct:
		return recordOf(shapeOf(o.cell.f.Type, Options{}), v).scan(o.sub.fields, to)
	case o.code == opTable:
		return o.fromTable(tableOf(shapeOf(o.cell.f.Type, Options{}), v), to)
	case o.custom&readsValue != 0:
		u, _ := dst.Addr().Interface().(ValueUnmarshaler)
		return customError(o.cell.f, o.typ, u.UnmarshalRFC(v))
	case o.custom&readsText != 0:
		u, _ := dst.Addr().Interface().(encoding.TextUnmarshaler)
		s, _ := v.(string)
		return customError(o.cell.f, o.typ, u.UnmarshalText([]byte(s)))
	case o.oneWay != nil:
		return refuse(o.cell.f, WrongType, "", oneWayText(o.oneWay))
	case o.alpha > 0:
		if s, ok := v.(string); ok {
			v = alphaOut(s)
		}
	}
	return assign(o.cell.f, dst, v)
}

func oneWayText(err error) string {
	if e, ok := err.(*ConversionError); ok { //nolint:errorlint // made by compileCustom
		return e.Text
	}
	return err.Error()
}

// initialFor reports whether tag initial reads a value as zero. Blank dates count: programs
// send them for no date.
func initialFor(f *metadata.Field, v any) bool {
	switch x := v.(type) {
	case string:
		if f.Kind == metadata.Numc {
			return strings.Trim(x, "0") == ""
		}
		return strings.Trim(x, " ") == ""
	case []byte:
		return strings.Trim(string(x), "\x00") == ""
	case abap.Date:
		return x.IsInitial() || x.IsBlank()
	case abap.Time:
		return x.IsInitial() || x.IsBlank()
	case abap.Decimal:
		return x.IsZero()
	case Params:
		for i := range f.Type.Fields {
			if g := &f.Type.Fields[i]; !initialFor(g, x[g.Name]) {
				return false
			}
		}
		return true
	case *Record, *Table:
		return false // read as they are
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Slice {
		return rv.Len() == 0
	}
	return !rv.IsValid() || rv.IsZero()
}

// customError is what a method of the caller's type said.
func customError(f *metadata.Field, t reflect.Type, err error) error {
	if err == nil {
		return nil
	}
	return &ConversionError{Kind: typeText(f), Reason: WrongType, Text: fmt.Sprintf("go type %s: %v", t, err), Err: err}
}

// standIn asks a value for what to send in its place; false if it has no method for it.
func standIn(f *metadata.Field, v any) (any, bool, error) {
	switch v.(type) {
	case nil, string, int, []byte, Params, map[string]any: // the common ones first
		return v, false, nil
	}
	rv := reflect.ValueOf(v)
	t := rv.Type()
	if t.Kind() == reflect.Pointer {
		if rv.IsNil() {
			return v, false, nil
		}
		t = t.Elem()
	}
	if scalarStruct(t) || t == numberType {
		return v, false, nil
	}
	var out any
	var err error
	switch x := v.(type) {
	case ValueMarshaler:
		if out, err = x.MarshalRFC(); err == nil {
			if _, again := out.(ValueMarshaler); again {
				err = fmt.Errorf("MarshalRFC gave another value of that kind, %T", out)
			}
		}
	case encoding.TextMarshaler:
		if !characters(f.Kind) {
			return v, false, nil
		}
		var b []byte
		b, err = x.MarshalText()
		out = string(b)
	case fmt.Stringer:
		if f.Kind != metadata.Char && f.Kind != metadata.String || t.Kind() == reflect.String {
			return v, false, nil
		}
		out = x.String()
	default:
		return v, false, nil
	}
	if err != nil {
		return nil, false, customError(f, rv.Type(), err)
	}
	return out, true, nil
}

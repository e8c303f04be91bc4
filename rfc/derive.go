package rfc

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// InterfaceOf derives the interface of a function module from the types of its handler.
//
// Fields of In with a tag `rfc:"NAME"` become IMPORTING parameters, fields of Out
// EXPORTING ones; a name in both is a CHANGING parameter, or a TABLES parameter if it is a
// slice. A slice in only one of them is a TABLES parameter as well.
//
// The ABAP type follows from the Go type and the options of the tag:
//
//	string      STRING        `rfc:"TEXT,char=255"`   CHAR(255)
//	                          `rfc:"NO,numc=10"`      NUM(10)
//	[]byte      XSTRING       `rfc:"KEY,raw=16"`      BYTE(16)
//	int32, int  INT           int16 INT2, uint8 INT1, int64 INT8
//	float64     FLOAT
//	abap.Date   DATE          abap.Time  TIME
//	abap.Decimal              `rfc:"PRICE,packed=8.2"` BCD of 8 bytes, 2 decimals
//	                          `rfc:"RATE,decfloat=34"` DECF34, or 16
//	abap.Timestamp  UTCLONG   `rfc:"AT,utcsecond"`    or utcminute
//	abap.TimeOfDay  TSECOND   `rfc:"OPENS,tminute"`   TMINUTE
//	abap.Week   DTWEEK        abap.Month DTMONTH
//	abap.MonthDay  CDAY       `rfc:"DUE,dtday"`       DTDAY, for abap.Date
//	struct      structure     `rfc:"HEAD,type=ZHEAD"`  its DDIC name
//	slice       table         of structs, or of any scalar above
//	optional    `rfc:"MAX,optional"`
//
// The options utclong, utcsecond, utcminute, dtday, dtweek, dtmonth, tsecond, tminute, cday
// and decfloat also give their type to other Go types that can hold it, as a string or, for
// time stamps and days, a time.Time.
//
// A string with the option alpha=18 is CHAR(18). A type that is read and written as text
// (encoding.TextMarshaler and TextUnmarshaler) is a STRING; one that marshals itself
// otherwise needs an option that says what it is. Records have no ABAP type of their own:
// describe the interface and use HandleInterface for them.
//
// All problems are reported at once.
func InterfaceOf[In, Out any](name string) (*metadata.Function, error) {
	d := deriver{types: map[reflect.Type]*metadata.Type{}}
	in := d.parameters(reflect.TypeFor[In](), metadata.Import)
	out := d.parameters(reflect.TypeFor[Out](), metadata.Export)
	var params []metadata.Parameter
	for _, p := range out {
		for _, q := range in {
			if q.Name == p.Name && p.Direction != metadata.Tables {
				p.Direction, p.Optional = metadata.Changing, q.Optional
			}
		}
		params = append(params, p)
	}
	for _, p := range in {
		dup := false
		for _, q := range out {
			dup = dup || q.Name == p.Name
		}
		if !dup {
			params = append(params, p)
		}
	}
	f, err := metadata.NewFunction(name, params)
	if err = errors.Join(append(d.errs, err)...); err == nil {
		// Options may ask for more than the Go types can hold.
		err = planErrors(f, unicode, serialization.Options{}, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	}
	if err != nil {
		return nil, &Error{Class: ClassConfig, Step: StepConfig, Function: name, Err: err}
	}
	return f, nil
}

type deriver struct {
	types map[reflect.Type]*metadata.Type
	open  []reflect.Type
	errs  []error
}

func (d *deriver) fail(format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf(format, args...))
}

// tagOptions are the options of a tag behind the name.
type tagOptions struct {
	name, typ, def string
	kind           metadata.Kind // of a type without a length
	optional       bool
}

func parseTag(tag string) (o tagOptions, err error) {
	name, rest, _ := strings.Cut(tag, ",")
	o.name = name
	types := 0
	for opt := range strings.SplitSeq(rest, ",") {
		key, value, valued := strings.Cut(opt, "=")
		switch key {
		case "":
		case "optional", "omitempty", "initial":
			o.optional = o.optional || key == "optional"
		case "alpha":
			// The field is as long as the exit fills it, unless another option says how long.
			if value != "" && o.def == "" {
				o.def = "C" + value
			}
		case "char":
			o.def = "C" + value
			types++
		case "numc":
			o.def = "N" + value
			types++
		case "raw":
			o.def = "X" + value
			types++
		case "packed":
			o.def = "P" + value
			types++
		case "type":
			o.typ = value
		case "decfloat":
			types++
			switch value {
			case "16":
				o.kind = metadata.DecFloat16
			case "34":
				o.kind = metadata.DecFloat34
			default:
				return o, fmt.Errorf("tag %q: decfloat=16 or decfloat=34 is required", tag)
			}
		default:
			k, ok := metadata.TemporalNamed(key)
			switch {
			case !ok:
				return o, fmt.Errorf("tag %q: unknown option %q", tag, opt)
			case valued:
				return o, fmt.Errorf("tag %q: option %s takes no value", tag, key)
			}
			o.kind = k
			types++
		}
	}
	if types > 1 {
		return o, fmt.Errorf("tag %q: more than one type", tag)
	}
	return o, nil
}

func (d *deriver) parameters(t reflect.Type, dir metadata.Direction) []metadata.Parameter {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		if t.Kind() != reflect.Interface && t.Kind() != reflect.Map {
			d.fail("%s: a struct is required", t)
		}
		return nil
	}
	var list []metadata.Parameter
	for _, f := range d.fields(t) {
		p := metadata.Parameter{Field: f.Field, Direction: dir, Optional: f.optional}
		if p.Kind == metadata.Table {
			p.Direction, p.Optional = metadata.Tables, true
		}
		list = append(list, p)
	}
	return list
}

type derivedField struct {
	metadata.Field
	optional bool
}

func (d *deriver) fields(t reflect.Type) []derivedField {
	var list []derivedField
	for sf := range t.Fields() {
		tag, ok := sf.Tag.Lookup("rfc")
		if sf.Anonymous && !ok {
			if et := sf.Type; et.Kind() == reflect.Struct {
				list = append(list, d.fields(et)...)
			}
			continue
		}
		if !ok || tag == "-" {
			continue
		}
		o, err := parseTag(tag)
		if err != nil {
			d.fail("%s.%s: %w", t, sf.Name, err)
			continue
		}
		if !sf.IsExported() {
			d.fail("%s.%s: tagged but not exported", t, sf.Name)
			continue
		}
		f, ok := d.field(t.Name()+"."+sf.Name, sf.Type, o)
		if !ok {
			continue
		}
		f.Name = o.name
		list = append(list, derivedField{f, o.optional || sf.Type.Kind() == reflect.Pointer})
	}
	return list
}

var goKinds = map[reflect.Kind]metadata.Kind{
	reflect.String: metadata.String, reflect.Int: metadata.Int4, reflect.Int32: metadata.Int4, reflect.Int16: metadata.Int2,
	reflect.Uint8: metadata.Int1, reflect.Int64: metadata.Int8, reflect.Float64: metadata.Float,
}

// goTypes are the types of package abap that have one ABAP type each, unless the tag says
// another.
var goTypes = map[reflect.Type]metadata.Kind{
	reflect.TypeFor[abap.Date](): metadata.Date, reflect.TypeFor[abap.Time](): metadata.Time,
	reflect.TypeFor[abap.Timestamp](): metadata.UTCLong, reflect.TypeFor[abap.TimeOfDay](): metadata.TSecond,
	reflect.TypeFor[abap.Week](): metadata.DTWeek, reflect.TypeFor[abap.Month](): metadata.DTMonth, reflect.TypeFor[abap.MonthDay](): metadata.CDay,
}

func (d *deriver) field(where string, t reflect.Type, o tagOptions) (metadata.Field, bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if o.def != "" && (t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8) {
		length, decimals, scaled := strings.Cut(o.def[1:], ".")
		n, err := strconv.Atoi(length)
		dec := 0
		if scaled && err == nil {
			dec, err = strconv.Atoi(decimals)
		}
		if err != nil {
			d.fail("%s: length %q is not a number", where, o.def[1:])
			return metadata.Field{}, false
		}
		return metadata.Field{Kind: metadata.Kind(o.def[0]), Length: n, Decimals: dec}, true
	}
	if o.kind != 0 && (t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8) {
		return metadata.Field{Kind: o.kind}, true
	}
	if k, ok := goTypes[t]; ok {
		return metadata.Field{Kind: k}, true
	}
	switch {
	case t == reflect.TypeFor[Record]() || t == reflect.TypeFor[Table]():
		d.fail("%s: a record has no ABAP type of its own; describe the interface and use HandleInterface", where)
		return metadata.Field{}, false
	case implements[serialization.ValueMarshaler](t) || implements[serialization.ValueUnmarshaler](t):
		d.fail("%s: go type %s marshals itself; say as what: `rfc:\"%s,char=10\"`", where, t, o.name)
		return metadata.Field{}, false
	case t != reflect.TypeFor[abap.Decimal]() && t != reflect.TypeFor[time.Time]() && implements[encoding.TextMarshaler](t) && implements[encoding.TextUnmarshaler](t):
		return metadata.Field{Kind: metadata.String}, true
	case t == reflect.TypeFor[abap.Decimal]():
		d.fail("%s: abap.Decimal needs a type: `rfc:\"%s,packed=8.2\"` or `rfc:\"%[2]s,decfloat=34\"`", where, o.name)
		return metadata.Field{}, false
	case t == reflect.TypeFor[time.Time]():
		d.fail("%s: time.Time needs a type: `rfc:\"%s,utclong\"`, utcsecond, utcminute or dtday", where, o.name)
		return metadata.Field{}, false
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return metadata.Field{Kind: metadata.XString}, true
	case t.Kind() == reflect.Slice:
		line, ok := d.line(where, t.Elem(), o)
		return metadata.Field{Kind: metadata.Table, Type: line, TypeName: o.typ}, ok
	case t.Kind() == reflect.Struct && isSequence(t):
		row, _ := t.FieldByName("Seq")
		line, ok := d.line(where, row.Type.In(0).In(0), o)
		return metadata.Field{Kind: metadata.Table, Type: line, TypeName: o.typ}, ok
	case t.Kind() == reflect.Struct:
		st, ok := d.structure(where, t, o.typ)
		return metadata.Field{Kind: metadata.Structure, Type: st, TypeName: o.typ}, ok
	}
	if k, ok := goKinds[t.Kind()]; ok {
		return metadata.Field{Kind: k}, true
	}
	d.fail("%s: go type %s has no ABAP type", where, t)
	return metadata.Field{}, false
}

// implements reports whether a Go type or the pointer to it has the methods of I.
func implements[I any](t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}

// isSequence recognises Sequence[T] by its shape.
func isSequence(t reflect.Type) bool {
	return strings.HasPrefix(t.Name(), "Sequence[") && t.PkgPath() == reflect.TypeFor[Sequence[int]]().PkgPath()
}

func (d *deriver) line(where string, t reflect.Type, o tagOptions) (*metadata.Type, bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	f, ok := d.field(where, t, o)
	if !ok {
		return nil, false
	}
	if f.Kind.IsStructure() {
		return f.Type, true
	}
	line, err := metadata.NewType("", []metadata.Field{f})
	if err != nil {
		d.fail("%s: %w", where, err)
		return nil, false
	}
	return line, true
}

func (d *deriver) structure(where string, t reflect.Type, name string) (*metadata.Type, bool) {
	if st, ok := d.types[t]; ok && (name == "" || st.Name == name) {
		return st, true
	}
	if slices.Contains(d.open, t) {
		d.fail("%s: go type %s contains itself", where, t)
		return nil, false
	}
	d.open = append(d.open, t)
	defer func() { d.open = d.open[:len(d.open)-1] }()
	if name == "" {
		name = upper(t.Name())
	}
	var fields []metadata.Field
	for _, f := range d.fields(t) {
		fields = append(fields, f.Field)
	}
	st, err := metadata.NewType(name, fields)
	if err != nil {
		d.fail("%s: %w", where, err)
		return nil, false
	}
	d.types[t] = st
	return st, true
}

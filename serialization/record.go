package serialization

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// Record holds the values of a structure, of a row, or of the parameters of a function,
// without a Go struct for them: JCo's JCoStructure and JCoParameterList. Make one with
// NewRecord or NewParameters, or read one from an answer.
//
// Fields have an order and are found by their upper-case name; the single field of an
// unnamed line is called "". Structures and tables inside are Records and Tables of their
// own that stay part of the record: what is set in them is set in it.
//
// Values are checked when they are set, by the rules of calls, and have the default Go types
// of the package comment afterwards. Getters convert by the matrix that JCo publishes for
// JCoRecord:
//
//	            String Int64,Int BigInt Float64,Decimal Date Time Bytes Bool
//	CHAR STRING   x       x        x          x          x    x   hex    x
//	NUM           x       x        x          x
//	INT1 to INT8  x       x        x          x
//	P, DECFLOAT   x                x          x
//	FLOAT         x                           x
//	BYTE XSTRING hex      x                                        x
//	DATE DTDAY    x                                      x
//	TIME          x                                           x
//
// and Timestamp, TimeOfDay, Week, Month and MonthDay read the other types of time, GoTime all
// that name a day or an instant. What does not fit is an error, never a rounded or cut value,
// but for Float64, which is the nearest one. Every error names the path from the outermost
// record or table: IT_ITEMS[3].MATNR.
//
// In a record of parameters a parameter may have no value: it is then not sent, and a getter
// gives its initial value. The fields of a structure always have one.
//
// Records are accepted wherever maps and structs are: as the values of a call, as structures,
// as rows. Setting copies, so no two records share values and none contains itself.
//
// A Record is not safe for concurrent use while it is being changed, by Record and Table too,
// which may give a parameter its first value. The zero value and a nil
// pointer have no fields: every method that can fail says so.
type Record struct {
	shape *shape
	vals  []any // by field, the default Go type; nil: no value (parameters only)
	up    owner
}

// owner is what a record or table is part of.
type owner interface {
	// pathOf leads from the outermost record to a child.
	pathOf(child any) string
}

// outermost is the owner of a table that was read on its own: its name.
type outermost string

func (o outermost) pathOf(any) string { return string(o) }

// shape is what all records of one description share.
type shape struct {
	coder
	typ    *metadata.Type     // of structures and lines
	f      *metadata.Function // of parameters
	fields []shapeField
	values []any // initial scalars, to copy; nil for structures and tables, and in parameters
	nested bool  // a field is a structure or a table
	size   int   // memory of an initial record, about
}

type shapeField struct {
	cell
	line    *shape // of a structure, or of the rows of a table
	initial any    // scalars; shared, never handed out if it can be changed
}

type shapeKey struct {
	typ *metadata.Type
	f   *metadata.Function
	opt Options
}

var shapes planCache[shapeKey, *shape]

// shapeOf gives the shape of a structure, compiled once.
func shapeOf(t *metadata.Type, o Options) *shape {
	key := shapeKey{typ: t, opt: o}
	if sh, ok := shapes.get(key); ok {
		return sh
	}
	sh := &shape{coder: newCoder(Representation{}, o), typ: t, fields: make([]shapeField, len(t.Fields))}
	row := planRow(t, &sh.coder)
	for i := range row.cells {
		sh.fields[i].cell = row.cells[i]
	}
	sh.complete()
	shapes.put(key, sh)
	return sh
}

// shapeOfParameters gives the shape of the parameters of a function, compiled once.
func shapeOfParameters(f *metadata.Function, o Options) *shape {
	key := shapeKey{f: f, opt: o}
	if sh, ok := shapes.get(key); ok {
		return sh
	}
	sh := &shape{coder: newCoder(Representation{}, o), f: f, fields: make([]shapeField, len(f.Parameters))}
	for i := range f.Parameters {
		sh.fields[i].cell = *paramCell(&f.Parameters[i], &sh.coder)
	}
	sh.complete()
	sh.values = make([]any, len(sh.fields))
	shapes.put(key, sh)
	return sh
}

// valueSize is about what a field of a record takes.
const valueSize = 16

// complete fills in what follows from the cells.
func (sh *shape) complete() {
	sh.values = make([]any, len(sh.fields))
	for i := range sh.fields {
		fd := &sh.fields[i]
		sh.size += valueSize
		if fd.f.Type != nil {
			fd.line = shapeOf(fd.f.Type, sh.Options)
			sh.nested = true
			if fd.f.Kind.IsStructure() {
				sh.size += fd.line.size
			}
			continue
		}
		if v, err := sh.initialValue(fd.f); err == nil {
			fd.initial, sh.values[i] = v, v
		}
	}
}

func (sh *shape) index(name string) int {
	if sh.f != nil {
		return sh.f.Index(name)
	}
	return sh.typ.Index(name)
}

// same reports whether records of both shapes have the same fields by index.
func (sh *shape) same(o *shape) bool { return sh == o || sh.typ == o.typ && sh.f == o.f }

// unknown is the error for a name that the shape does not have.
func (sh *shape) unknown(name string) *NameError {
	if sh.f != nil {
		return UnknownParameter(sh.f, name)
	}
	return &NameError{Name: name, Suggestion: nearest.Name(name, sh.typ.Names())}
}

// NewRecord makes a record of a structure, or of a line, with initial values.
func NewRecord(t *metadata.Type) *Record {
	if t == nil {
		return new(Record)
	}
	return newRecord(shapeOf(t, Options{}))
}

// NewParameters makes a record of the parameters of a function; none has a value.
func NewParameters(f *metadata.Function) *Record {
	if f == nil {
		return new(Record)
	}
	return newRecord(shapeOfParameters(f, Options{}))
}

func newRecord(sh *shape) *Record {
	r := &Record{shape: sh, vals: slices.Clone(sh.values)}
	if sh.nested && sh.f == nil {
		for i := range sh.fields {
			r.fillNested(i)
		}
	}
	return r
}

// fillNested makes the structure or table of field i.
func (r *Record) fillNested(i int) {
	switch fd := &r.shape.fields[i]; {
	case fd.line == nil:
	case fd.f.Kind == metadata.Table:
		r.vals[i] = &Table{line: fd.line, up: r}
	default:
		n := newRecord(fd.line)
		n.up = r
		r.vals[i] = n
	}
}

// newInitial gives the initial value of a field: a new record or table, or the shared value
// of a scalar.
func newInitial(fd *shapeField) any {
	switch {
	case fd.line == nil:
		return fd.initial
	case fd.f.Kind == metadata.Table:
		return &Table{line: fd.line}
	default:
		return newRecord(fd.line)
	}
}

// Type describes the fields of a structure or row; nil for parameters.
func (r *Record) Type() *metadata.Type {
	if r == nil || r.shape == nil {
		return nil
	}
	return r.shape.typ
}

// Function describes the parameters; nil for structures and rows.
func (r *Record) Function() *metadata.Function {
	if r == nil || r.shape == nil {
		return nil
	}
	return r.shape.f
}

// Len is the number of fields, with or without a value.
func (r *Record) Len() int {
	if r == nil {
		return 0
	}
	return len(r.vals)
}

func noRecord() error {
	return &ConversionError{Kind: "STRUCTURE", Reason: IsNil, Text: "no record; is there such a row?"}
}

// find gives the index of a field.
func (r *Record) find(name string) (int, error) {
	if r == nil || r.shape == nil {
		return 0, noRecord()
	}
	if i := r.shape.index(name); i >= 0 {
		return i, nil
	}
	return 0, at(r.path(), r.shape.unknown(name))
}

// path leads to the record from the outermost one.
func (r *Record) path() string {
	if r.up == nil {
		return ""
	}
	return r.up.pathOf(r)
}

func (r *Record) pathOf(child any) string { return join(r.path(), r.nameOf(child)) }

// nameOf is the field that a child is.
func (r *Record) nameOf(child any) string {
	for i := range r.vals {
		if r.shape.fields[i].line != nil && r.vals[i] == child {
			return r.shape.fields[i].f.Name
		}
	}
	return ""
}

// fail puts the path of field i in front of an error.
func (r *Record) fail(i int, err error) error {
	return at(join(r.path(), r.shape.fields[i].f.Name), err)
}

// current gives field i and its value, the initial one where it has none.
func (r *Record) current(name string) (i int, fd *shapeField, v any, err error) {
	if i, err = r.find(name); err != nil {
		return 0, nil, nil, err
	}
	fd = &r.shape.fields[i]
	if v = r.vals[i]; v == nil {
		v = newInitial(fd)
	}
	return i, fd, v, nil
}

// Has reports whether a parameter has a value; a field of a structure always has one. It is
// false for unknown names.
func (r *Record) Has(name string) bool {
	i, err := r.find(name)
	return err == nil && r.vals[i] != nil
}

// Any gives a value as its default Go type; bytes are a copy, structures a *Record, tables a
// *Table, both parts of the record. A parameter without a value gives its initial value, and
// still has none. It is JCo's getValue.
func (r *Record) Any(name string) (any, error) {
	_, _, v, err := r.current(name)
	return copied(v), err
}

// copied keeps the values of a record from being changed through what it gives out.
func copied(v any) any {
	if b, ok := v.([]byte); ok {
		return append([]byte{}, b...)
	}
	return v
}

// child gives the structure or table of field i; a parameter without one gets it.
func (r *Record) child(i int) any {
	if r.vals[i] == nil {
		r.fillNested(i)
	}
	return r.vals[i]
}

// Record gives a structure inside the record. Changes of it are changes of this record. A
// parameter without a value gets the initial one and is sent from then on.
func (r *Record) Record(name string) (*Record, error) {
	i, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if fd := &r.shape.fields[i]; !fd.f.Kind.IsStructure() {
		return nil, r.fail(i, &ShapeError{Got: typeText(fd.f), Want: "a STRUCTURE"})
	}
	n, _ := r.child(i).(*Record)
	return n, nil
}

// Table gives a table inside the record. Changes of it are changes of this record. A
// parameter without a value gets the initial one.
func (r *Record) Table(name string) (*Table, error) {
	i, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if fd := &r.shape.fields[i]; fd.f.Kind != metadata.Table {
		return nil, r.fail(i, &ShapeError{Got: typeText(fd.f), Want: "a TABLE"})
	}
	t, _ := r.child(i).(*Table)
	return t, nil
}

// Set checks a value by the rules of calls and copies it into the record: a structure may be
// a *Record, a map or a struct, a table a *Table or a slice of rows. Fields of a structure
// that the value lacks become initial. On an error nothing is changed. nil is not a value;
// see Clear.
func (r *Record) Set(name string, v any) error {
	i, err := r.find(name)
	if err != nil {
		return err
	}
	n, err := r.shape.build(&r.shape.fields[i], value{v: v}, 0)
	if err != nil {
		return r.fail(i, err)
	}
	r.replace(i, n)
	return nil
}

// replace makes n, which nobody else has, the value of field i. Structures and tables that
// were given out stay part of the record.
func (r *Record) replace(i int, n any) {
	switch n := n.(type) {
	case *Record:
		if old, ok := r.vals[i].(*Record); ok {
			old.take(n)
			return
		}
		n.up = r
	case *Table:
		if old, ok := r.vals[i].(*Table); ok {
			old.take(n)
			return
		}
		n.up = r
	}
	r.vals[i] = n
}

// take makes the values of from those of r; both have one shape.
func (r *Record) take(from *Record) {
	for i, v := range from.vals {
		r.replace(i, v)
	}
}

// Clear makes the named fields initial, all of them if none is named. Parameters lose their
// value and are not sent.
func (r *Record) Clear(names ...string) error {
	list := make([]int, 0, len(names))
	for _, name := range names {
		i, err := r.find(name)
		if err != nil {
			return err
		}
		list = append(list, i)
	}
	if len(names) == 0 {
		if r == nil || r.shape == nil {
			return noRecord()
		}
		for i := range r.vals {
			list = append(list, i)
		}
	}
	for _, i := range list {
		if r.shape.f != nil {
			r.vals[i] = nil
		} else {
			r.replace(i, newInitial(&r.shape.fields[i]))
		}
	}
	return nil
}

// IsInitial reports whether a field has the initial value of its type: blanks, zeros, no rows,
// or a structure of such fields. A parameter without a value is initial. Blank dates are not.
func (r *Record) IsInitial(name string) (bool, error) {
	i, err := r.find(name)
	if err != nil {
		return false, err
	}
	return r.initial(i), nil
}

func (r *Record) initial(i int) bool {
	switch v := r.vals[i].(type) {
	case nil:
		return true
	case *Record:
		for k := range v.vals {
			if !v.initial(k) {
				return false
			}
		}
		return true
	case *Table:
		return len(v.rows) == 0
	case []byte:
		return len(bytes.Trim(v, "\x00")) == 0
	case abap.Decimal:
		return v.IsZero()
	default:
		return sameValue(v, r.shape.fields[i].initial)
	}
}

// Fields yields names and values as Any gives them, in the order of the description;
// parameters without a value are left out.
func (r *Record) Fields() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if r == nil {
			return
		}
		for i, v := range r.vals {
			if v != nil && !yield(r.shape.fields[i].f.Name, copied(v)) {
				return
			}
		}
	}
}

// Format implements fmt.Formatter: the name and the number of fields, never their values,
// which a log should not hold by accident. Use the JSON form to see them.
func (r *Record) Format(f fmt.State, _ rune) {
	switch {
	case r == nil || r.shape == nil:
		_, _ = fmt.Fprint(f, "no record")
	case r.shape.f != nil:
		_, _ = fmt.Fprintf(f, "record of function %s, %d parameters", r.shape.f.Name, len(r.vals))
	default:
		_, _ = fmt.Fprintf(f, "record %s, %d fields", r.shape.typ.Name, len(r.vals))
	}
}

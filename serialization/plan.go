package serialization

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// opcode selects the code that moves one value between Go memory and a cell.
type opcode uint8

const (
	opNone      opcode = iota // no Go field for this ABAP field
	opSlow                    // through an interface value: uncommon pairs of types
	opTextLE                  // string <-> CHAR in UTF-16LE, blanks cut on read
	opText                    // string <-> CHAR, NUM
	opInt                     // integer of the width of the Go kind <-> I, s, b, 8
	opInt4LE                  // int32 <-> I, little-endian
	opFloat                   // float64 <-> F
	opBytes                   // []byte <-> X, XSTRING
	opDate                    // abap.Date <-> D
	opTime                    // abap.Time <-> T
	opDecimal                 // abap.Decimal <-> P
	opDecFloat                // abap.Decimal <-> a, e
	opTimestamp               // abap.Timestamp <-> p, n, w
	opTemporal                // abap.Date, TimeOfDay, Week, Month, MonthDay <-> d, t, i, 7, x, c
	opString                  // string <-> STRING
	opStruct                  // struct <-> structure
	opTable                   // slice <-> table
	opSource                  // RowSource -> table
	opPointer                 // pointer to any of these; nil is: not supplied
)

// op is one step of a plan: a Go location and the cell it belongs to.
type op struct {
	code     opcode
	omit     bool         // leave zero values out
	gk       reflect.Kind // of the Go integer
	kind     metadata.Kind
	off      int     // of the cell in the row
	width    int     // of the cell
	mem      uintptr // offset in the Go struct
	decimals int
	cell     *cell
	path     string // of the field within the row
	typ      reflect.Type
	sub      *structPlan
	elem     *elemPlan
	inner    *op
}

// step is what the loops over the fields of a row need of an op, close together.
type step struct {
	code       opcode
	omit       bool
	decimals   uint8
	off, width uint32
	mem        uintptr
	op         *op
}

// structPlan maps a Go struct to a structure.
type structPlan struct {
	coder
	row      *rowPlan
	typ      reflect.Type
	fields   []op   // one for each field of the structure; opNone if the Go struct lacks it
	flat     []step // flat structures: all scalar steps with nested structures resolved
	textRoom int    // UTF-8 bytes that the texts of one row need at most
}

type structKey struct {
	goType reflect.Type
	typ    *metadata.Type
	rep    Representation
	opt    Options
}

var structPlans planCache[structKey, *structPlan]

// planStruct gives the plan of a Go struct, compiled once.
func planStruct(t reflect.Type, mt *metadata.Type, c *coder) (*structPlan, error) {
	key := structKey{t, mt, c.Representation, c.Options}
	if p, ok := structPlans.get(key); ok {
		return p, nil
	}
	row := planRow(mt, c)
	p := &structPlan{coder: *c, row: row, typ: t, fields: make([]op, len(mt.Fields))}
	list, errs := goFields(t, mt.Index, mt.Names, 0, 0)
	for _, g := range list {
		i := mt.Index(g.name)
		o, err := c.compile(g.typ, &row.cells[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", t, g.goName, at(g.name, err)))
			continue
		}
		o.mem, o.omit, o.path = g.mem, g.omit, g.name
		p.fields[i] = o
	}
	if err := planErrors(t, errs); err != nil {
		return nil, err
	}
	if !mt.Deep() {
		p.flatten(p, 0, 0, "")
		for i := range p.flat {
			p.textRoom += p.flat[i].op.room()
		}
	}
	structPlans.put(key, p)
	return p, nil
}

// room is the number of UTF-8 bytes that the texts of a value need at most. A row reserves
// it as a whole, so that no step of the row has to look for memory again.
func (o *op) room() int {
	switch o.code {
	case opTextLE, opText:
		return 3 * o.width
	case opStruct:
		return o.sub.textRoom
	case opPointer:
		return o.inner.room()
	default:
		return 0
	}
}

// planErrors joins the problems of a Go type.
func planErrors(t reflect.Type, errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("go type %s: %w", t, errors.Join(append([]error{ErrPlan}, errs...)...))
}

// flatten appends the steps of sub, whose row lies at off and whose Go struct at mem.
func (p *structPlan) flatten(sub *structPlan, off int, mem uintptr, prefix string) {
	for _, o := range sub.fields {
		o.off += off
		o.mem += mem
		o.path = join(prefix, o.path)
		switch o.code {
		case opNone:
		case opStruct:
			p.flatten(o.sub, o.off, o.mem, o.path)
		default:
			p.flat = append(p.flat, step{
				code: o.code, omit: o.omit, decimals: uint8(o.decimals), off: uint32(o.off), width: uint32(o.width), mem: o.mem, op: &o,
			})
		}
	}
}

// goField is a Go field that takes part.
type goField struct {
	name, goName string
	mem          uintptr
	typ          reflect.Type
	omit         bool
}

// goFields collects the fields of a struct, embedded ones flattened.
func goFields(t reflect.Type, index func(string) int, names func() []string, mem uintptr, depth int) ([]goField, []error) {
	var list []goField
	var errs []error
	if depth > maxNesting {
		return nil, []error{fmt.Errorf("%s: embedded more than %d deep: cycle", t, maxNesting)}
	}
	seen := map[string]string{}
	add := func(g goField) {
		if other, dup := seen[g.name]; dup {
			errs = append(errs, fmt.Errorf("fields %s and %s have one name, %s", other, g.goName, g.name))
			return
		}
		seen[g.name] = g.goName
		list = append(list, g)
	}
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("rfc")
		name, rest, _ := strings.Cut(tag, ",")
		if name == "-" {
			continue
		}
		if f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct && !scalarStruct(f.Type) {
			inner, e := goFields(f.Type, index, names, mem+f.Offset, depth+1)
			errs = append(errs, e...)
			for _, g := range inner {
				g.goName = f.Name + "." + g.goName
				add(g)
			}
			continue
		}
		if !f.IsExported() {
			if tagged {
				errs = append(errs, fmt.Errorf("field %s has a tag but is not exported", f.Name))
			}
			continue
		}
		omit := false
		for opt := range strings.SplitSeq(rest, ",") {
			key, _, _ := strings.Cut(opt, "=")
			switch key {
			case "":
			case "omitempty":
				omit = true
			case "char", "numc", "raw", "packed", "decfloat", "type", "optional":
				// They say which ABAP type rfc.InterfaceOf derives from the field.
			default:
				if _, ok := metadata.TemporalNamed(key); ok {
					continue // as above
				}
				errs = append(errs, fmt.Errorf("field %s: tag option %q is unknown", f.Name, opt))
			}
		}
		if !tagged {
			if name = strings.ToUpper(f.Name); index(name) < 0 {
				continue
			}
		}
		if index(name) < 0 {
			errs = append(errs, fmt.Errorf("field %s: %w", f.Name, &NameError{Name: name, Suggestion: nearest.Name(name, names())}))
			continue
		}
		add(goField{name: name, goName: f.Name, mem: mem + f.Offset, typ: f.Type, omit: omit})
	}
	return list, errs
}

var (
	numberType    = reflect.TypeFor[json.Number]()
	rowSourceType = reflect.TypeFor[RowSource]()
)

// compile finds the code for a Go type and a field.
func (c *coder) compile(t reflect.Type, cl *cell) (op, error) { return c.compileDeep(t, cl, 0) }

func (c *coder) compileDeep(t reflect.Type, cl *cell, pointers int) (op, error) {
	f := cl.f
	o := op{code: opSlow, kind: f.Kind, off: cl.off, width: cl.width, cell: cl, decimals: f.Decimals, typ: t, gk: t.Kind()}
	bad := func() (op, error) {
		if f.Kind == metadata.Table {
			return op{}, &ShapeError{Got: "go type " + t.String(), Want: "a slice of rows for a TABLE"}
		}
		if f.Kind.IsStructure() {
			return op{}, &ShapeError{Got: "go type " + t.String(), Want: "a map or struct for a STRUCTURE"}
		}
		return op{}, refusef(f, WrongType, "", "go type %s cannot hold it", t)
	}
	if t == anyType {
		return o, nil
	}
	if f.Kind == metadata.Table && t.Implements(rowSourceType) {
		o.code = opSource
		return o, nil
	}
	if t.Kind() == reflect.Pointer {
		if pointers >= maxPointers {
			return op{}, refusef(f, WrongType, "", "go type %s: cycle or more than %d pointers", t, maxPointers)
		}
		inner, err := c.compileDeep(t.Elem(), cl, pointers+1)
		if err != nil {
			return op{}, err
		}
		o.code, o.inner = opPointer, &inner
		return o, nil
	}
	switch f.Kind {
	case metadata.Structure, metadata.DeepStructure:
		switch {
		case t == paramsType || t == mapType:
			return o, nil
		case t.Kind() == reflect.Struct && !scalarStruct(t):
			sub, err := planStruct(t, f.Type, c)
			if err != nil {
				return op{}, err
			}
			o.code, o.sub = opStruct, sub
			return o, nil
		}
		return bad()
	case metadata.Table:
		if t.Kind() != reflect.Slice {
			return bad()
		}
		elem, err := c.planElem(t.Elem(), f.Type)
		if err != nil {
			return op{}, err
		}
		o.code, o.elem = opTable, elem
		return o, nil
	default:
	}
	return c.compileScalar(o, bad)
}

func (c *coder) compileScalar(o op, bad func() (op, error)) (op, error) {
	t := o.typ
	k := t.Kind()
	isInt := k >= reflect.Int && k <= reflect.Uint64
	isFloat := k == reflect.Float32 || k == reflect.Float64
	isText := k == reflect.String && t != numberType
	isBytes := (k == reflect.Slice || k == reflect.Array) && t.Elem().Kind() == reflect.Uint8
	var ok bool
	switch o.kind {
	case metadata.Char:
		if isText {
			o.code = opText
			if c.mode == textUTF16LE && !c.KeepBlanks {
				o.code = opTextLE
			}
		}
		ok = isText
	case metadata.Numc:
		if isText {
			o.code = opText
		}
		ok = isText || isInt || t == numberType
	case metadata.Date:
		if t == dateType {
			o.code = opDate
		}
		ok = isText || t == dateType || t == goTimeType
	case metadata.Time:
		if t == timeType {
			o.code = opTime
		}
		ok = isText || t == timeType || t == goTimeType || t == durationType
	case metadata.Raw:
		if k == reflect.Slice {
			o.code = opBytes
		}
		ok = isBytes && (k == reflect.Slice || t.Len() <= o.cell.f.Length)
	case metadata.XString:
		if k == reflect.Slice {
			o.code = opBytes
		}
		ok = isBytes && k == reflect.Slice
	case metadata.String:
		o.code, ok = opString, isText
	case metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8:
		if isInt {
			o.code = opInt
			if o.kind == metadata.Int4 && k == reflect.Int32 && !c.BigEndian {
				o.code = opInt4LE
			}
		}
		ok = isInt || isFloat || t == numberType
	case metadata.Float:
		if k == reflect.Float64 {
			o.code = opFloat
		}
		ok = isInt || isFloat || t == numberType
	case metadata.Packed:
		if t == decimalType {
			o.code = opDecimal
		}
		ok = isText || isInt || isFloat || t == numberType || t == decimalType || t == bigIntType
	case metadata.DecFloat16, metadata.DecFloat34:
		if t == decimalType {
			o.code = opDecFloat
		}
		ok = isText || isInt || isFloat || t == numberType || t == decimalType || t == bigIntType
	default: // the compact types of time
		native := defaultType(o.cell.f)
		if t == native {
			o.code = opTemporal
			if t == timestampType {
				o.code = opTimestamp
			}
		}
		ok = t == native || isText || t == goTimeType && hasInstant(o.kind) || t == durationType && native == timeOfDayType
	}
	if !ok {
		return bad()
	}
	return o, nil
}

// elemKind says what a Go value is that stands for a row.
type elemKind uint8

const (
	elemStruct  elemKind = iota // struct
	elemPointer                 // pointer to a struct; nil is an error
	elemScalar                  // scalar for an unnamed line
	elemMap                     // Params or map[string]any
	elemAny                     // any
)

// elemPlan maps a Go type to the rows of a table.
type elemPlan struct {
	kind elemKind
	typ  reflect.Type
	row  *rowPlan
	sub  *structPlan // elemStruct, elemPointer
	op   op          // elemScalar
}

// planElem finds the plan for rows of Go type t.
func (c *coder) planElem(t reflect.Type, line *metadata.Type) (*elemPlan, error) {
	e := &elemPlan{typ: t, row: planRow(line, c)}
	structType := t
	switch {
	case t == anyType:
		e.kind = elemAny
		return e, nil
	case t == paramsType || t == mapType:
		e.kind = elemMap
		return e, nil
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && !scalarStruct(t.Elem()):
		e.kind, structType = elemPointer, t.Elem()
	case t.Kind() == reflect.Struct && !scalarStruct(t):
		e.kind = elemStruct
	case line.Scalar():
		e.kind = elemScalar
		var err error
		if e.op, err = c.compile(t, &e.row.cells[0]); err != nil {
			return nil, err
		}
		return e, nil
	default:
		return nil, &ShapeError{Got: "rows of go type " + t.String(), Want: "a map or struct for each row"}
	}
	var err error
	if e.sub, err = planStruct(structType, line, c); err != nil {
		return nil, err
	}
	return e, nil
}

// funcPlan maps a Go struct to the parameters of a function.
type funcPlan struct {
	key funcKey
	ops []op // by parameter; opNone if the Go struct lacks it
}

type funcKey struct {
	goType reflect.Type
	f      *metadata.Function
	rep    Representation
	opt    Options
}

var funcPlans planCache[funcKey, *funcPlan]

// planMemo remembers the plan used last: calls of one kind follow each other.
type planMemo struct{ last *funcPlan }

func (m *planMemo) planFunction(t reflect.Type, f *metadata.Function, c *coder) (*funcPlan, error) {
	if m.last != nil && m.last.key == (funcKey{t, f, c.Representation, c.Options}) {
		return m.last, nil
	}
	p, err := planFunction(t, f, c)
	if err == nil {
		m.last = p
	}
	return p, err
}

// planFunction gives the plan of a Go struct for the parameters of a function. A struct may
// serve both directions: fields of the other direction are ignored.
func planFunction(t reflect.Type, f *metadata.Function, c *coder) (*funcPlan, error) {
	key := funcKey{t, f, c.Representation, c.Options}
	if p, ok := funcPlans.get(key); ok {
		return p, nil
	}
	p := &funcPlan{key: key, ops: make([]op, len(f.Parameters))}
	plain := newCoder(Representation{}, c.Options)
	names := func() []string { return parameterNames(f) }
	list, errs := goFields(t, f.Index, names, 0, 0)
	for _, g := range list {
		i := f.Index(g.name)
		pc := c
		if f.Parameters[i].XML() {
			pc = &plain // scratch cells of documents
		}
		o, err := pc.compile(g.typ, paramCell(&f.Parameters[i], pc))
		if err != nil {
			errs = append(errs, fmt.Errorf("field %s: %w", g.goName, at(g.name, err)))
			continue
		}
		o.mem, o.omit, o.path = g.mem, g.omit, g.name
		p.ops[i] = o
	}
	if err := planErrors(t, errs); err != nil {
		return nil, fmt.Errorf("function %s: %w", f.Name, err)
	}
	funcPlans.put(key, p)
	return p, nil
}

// paramCell is a parameter seen as a cell at offset 0.
func paramCell(p *metadata.Parameter, c *coder) *cell {
	cl := &cell{f: &p.Field, width: p.Width(c.CharWidth())}
	if p.Type != nil {
		cl.sub = planRow(p.Type, c)
	}
	return cl
}

// PlanError checks whether a Go type can be mapped to the parameters of a function and
// reports all problems at once; t is a struct, a pointer to one, or a map.
func PlanError(t reflect.Type, f *metadata.Function, r Representation, o Options) error {
	for range maxPointers {
		if t == nil || t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	switch {
	case t == nil || t == paramsType || t == mapType:
		return nil
	case t.Kind() != reflect.Struct || scalarStruct(t):
		return fmt.Errorf("function %s: %w", f.Name, &ShapeError{Path: "parameters", Got: "go type " + t.String(), Want: "a map[string]any or struct"})
	}
	c := newCoder(r, o)
	_, err := planFunction(t, f, &c)
	return err
}

// addressable gives a pointer to the struct in v. A struct that is not addressable, because
// it came in an interface, is copied first.
func addressable(v reflect.Value) unsafe.Pointer {
	if v.CanAddr() {
		return v.Addr().UnsafePointer()
	}
	n := reflect.New(v.Type())
	n.Elem().Set(v)
	return n.UnsafePointer()
}

// value gives what lies at p as an interface value. p points to a value of o.typ.
func (o *op) value(p unsafe.Pointer) any { return reflect.NewAt(o.typ, p).Elem().Interface() }

// zero reports whether the value at p is the zero value of its type.
func (o *op) zero(p unsafe.Pointer) bool { return reflect.NewAt(o.typ, p).Elem().IsZero() }

// readInt reads the Go integer of kind k at p.
func readInt(k reflect.Kind, p unsafe.Pointer) (n int64, fits bool) {
	switch k {
	case reflect.Int:
		return int64(*(*int)(p)), true
	case reflect.Int8:
		return int64(*(*int8)(p)), true
	case reflect.Int16:
		return int64(*(*int16)(p)), true
	case reflect.Int32:
		return int64(*(*int32)(p)), true
	case reflect.Int64:
		return *(*int64)(p), true
	case reflect.Uint8:
		return int64(*(*uint8)(p)), true
	case reflect.Uint16:
		return int64(*(*uint16)(p)), true
	case reflect.Uint32:
		return int64(*(*uint32)(p)), true
	case reflect.Uint64:
		u := *(*uint64)(p)
		return int64(u), u <= 1<<63-1
	case reflect.Uint:
		u := uint64(*(*uint)(p))
		return int64(u), u <= 1<<63-1
	default:
		return 0, false
	}
}

// writeInt stores n as the Go integer of kind k at p and reports whether it fits.
func writeInt(k reflect.Kind, p unsafe.Pointer, n int64) bool {
	switch k {
	case reflect.Int:
		*(*int)(p) = int(n)
		return int64(int(n)) == n
	case reflect.Int8:
		*(*int8)(p) = int8(n)
		return int64(int8(n)) == n
	case reflect.Int16:
		*(*int16)(p) = int16(n)
		return int64(int16(n)) == n
	case reflect.Int32:
		*(*int32)(p) = int32(n)
		return int64(int32(n)) == n
	case reflect.Int64:
		*(*int64)(p) = n
		return true
	case reflect.Uint:
		*(*uint)(p) = uint(n)
		return n >= 0 && int64(uint(n)) == n
	case reflect.Uint8:
		*(*uint8)(p) = uint8(n)
		return int64(uint8(n)) == n
	case reflect.Uint16:
		*(*uint16)(p) = uint16(n)
		return int64(uint16(n)) == n
	case reflect.Uint32:
		*(*uint32)(p) = uint32(n)
		return int64(uint32(n)) == n
	case reflect.Uint64:
		*(*uint64)(p) = uint64(n)
		return n >= 0
	default:
		return false
	}
}

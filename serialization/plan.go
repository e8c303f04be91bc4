package serialization

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
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
	opAlpha                   // string <-> CHAR in UTF-16LE through ALPHA; of a step only, its op is opSlow
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
	custom   custom // how a type of the caller takes part; opSlow
	alpha    int    // characters that the conversion exit ALPHA fills; opSlow
	initial  any    // of tag initial: what a zero value is sent as; opSlow
	oneWay   error  // why the Go type can be written only
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
		o, err := c.compileField(&g, &row.cells[i])
		if err != nil {
			errs = append(errs, nestedProblem(g.goName, g.name, err)...)
			continue
		}
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
	case opSlow:
		if o.alpha > 0 {
			return 3 * o.width
		}
		return 0
	case opStruct:
		return o.sub.textRoom
	case opPointer:
		return o.inner.room()
	default:
		return 0
	}
}

// mismatch is everything in a Go type that does not fit a description.
type mismatch struct {
	typ      reflect.Type
	problems []error
}

// planErrors joins the problems of a Go type.
func planErrors(t reflect.Type, errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return &mismatch{t, errs}
}

// Error implements error: one line for each problem.
func (m *mismatch) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "go type %s: %v", m.typ, ErrPlan)
	for _, err := range m.problems {
		b.WriteString("\n\t")
		b.WriteString(err.Error())
	}
	return b.String()
}

// Unwrap gives ErrPlan and the problems.
func (m *mismatch) Unwrap() []error { return append([]error{ErrPlan}, m.problems...) }

// fieldProblem is what is wrong with one Go field.
type fieldProblem struct {
	goName string // path of Go fields
	err    error
}

// Error implements error: "field Items.Matnr: IT_ITEMS.MATNR: CHAR(18): go type int cannot
// hold it".
func (p *fieldProblem) Error() string { return "field " + p.goName + ": " + p.err.Error() }

// Unwrap gives the cause.
func (p *fieldProblem) Unwrap() error { return p.err }

// nestedProblem puts the Go field and the ABAP name in front of what is wrong with a field: one
// problem, or those of a nested struct.
func nestedProblem(goName, name string, err error) []error {
	switch e := err.(type) { //nolint:errorlint // made by this package, never wrapped at this point
	case *mismatch:
		var list []error
		for _, inner := range e.problems {
			list = append(list, nestedProblem(goName, name, inner)...)
		}
		return list
	case *fieldProblem:
		return []error{&fieldProblem{goName + "." + e.goName, at(name, e.err)}}
	default:
		return []error{&fieldProblem{goName, at(name, err)}}
	}
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
			code := o.code
			if o.alpha > 0 && p.mode == textUTF16LE && !p.KeepBlanks && (o.kind == metadata.Char || o.alpha == o.cell.f.Length) {
				code = opAlpha
			}
			p.flat = append(p.flat, step{
				code: code, omit: o.omit, decimals: uint8(o.decimals), off: uint32(o.off), width: uint32(o.width), mem: o.mem, op: &o,
			})
		}
	}
}

// goField is a Go field that takes part.
type goField struct {
	name, goName string
	mem          uintptr
	typ          reflect.Type
	tag          fieldTag
}

// fieldTag is what a tag says behind the name.
type fieldTag struct {
	omit    bool // omitempty: a zero value is not supplied
	initial bool // initial: a zero value is the initial value, both ways
	alpha   int  // alpha=n: the conversion exit ALPHA; -1 for the length of the field
}

func (t *fieldTag) parse(options string) error {
	for opt := range strings.SplitSeq(options, ",") {
		switch key, arg, _ := strings.Cut(opt, "="); key {
		case "":
		case "omitempty":
			t.omit = true
		case "initial":
			t.initial = true
		case "alpha":
			t.alpha = -1
			if arg == "" {
				continue
			}
			n, err := strconv.Atoi(arg)
			if err != nil || n < 1 || n > metadata.MaxCharacters {
				return fmt.Errorf("tag option %q: a number of characters from 1 to %d is required", opt, metadata.MaxCharacters)
			}
			t.alpha = n
		case "char", "numc", "raw", "packed", "decfloat", "type", "optional":
			// They say which ABAP type rfc.InterfaceOf derives from the field.
		default:
			if _, ok := metadata.TemporalNamed(key); ok {
				continue // as above
			}
			return fmt.Errorf("tag option %q is unknown", opt)
		}
	}
	if t.omit && t.initial {
		return errors.New("tag options omitempty and initial exclude each other: a zero value is either left out or sent")
	}
	return nil
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
			for _, err := range e {
				errs = append(errs, nestedProblem(f.Name, "", err)...)
			}
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
		var options fieldTag
		if err := options.parse(rest); err != nil {
			errs = append(errs, &fieldProblem{goName: f.Name, err: err})
		}
		if !tagged {
			if name = strings.ToUpper(f.Name); index(name) < 0 {
				continue
			}
		}
		if index(name) < 0 {
			errs = append(errs, &fieldProblem{goName: f.Name, err: &NameError{Name: name, Suggestion: nearest.Name(name, names())}})
			continue
		}
		add(goField{name: name, goName: f.Name, mem: mem + f.Offset, typ: f.Type, tag: options})
	}
	return list, errs
}

var (
	numberType    = reflect.TypeFor[json.Number]()
	rowSourceType = reflect.TypeFor[RowSource]()
	recordsType   = reflect.TypeFor[[]*Record]()
)

func newOp(t reflect.Type, cl *cell) op {
	f := cl.f
	return op{code: opSlow, kind: f.Kind, off: cl.off, width: cl.width, cell: cl, decimals: f.Decimals, typ: t, gk: t.Kind()}
}

// compile finds the code for a Go type and a field.
func (c *coder) compile(t reflect.Type, cl *cell) (op, error) { return c.compileDeep(t, cl, 0) }

func (c *coder) compileDeep(t reflect.Type, cl *cell, pointers int) (op, error) {
	f := cl.f
	o := newOp(t, cl)
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
	if kinds := customOf(t, f.Kind); kinds != 0 {
		return c.compileCustom(t, cl, kinds), nil
	}
	return c.compilePlain(o, pointers, bad)
}

// compilePlain finds the code for a Go type that has no methods of its own for it.
func (c *coder) compilePlain(o op, pointers int, bad func() (op, error)) (op, error) {
	t, cl, f := o.typ, o.cell, o.cell.f
	switch t {
	case recordType: // all of these through opSlow, see op.value and assign
		if !f.Kind.IsStructure() {
			return bad()
		}
		return o, nil
	case tableType:
		if f.Kind != metadata.Table {
			return bad()
		}
		return o, nil
	}
	if f.Kind == metadata.Table && t.Kind() == reflect.Slice && t.Elem() == recordType {
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
	elemRecord                  // *Record; only where rows are read, see coder.boxedRows
)

// elemPlan maps a Go type to the rows of a table.
type elemPlan struct {
	kind elemKind
	typ  reflect.Type
	row  *rowPlan
	sub  *structPlan // elemStruct, elemPointer
	op   op          // elemScalar
	line *shape      // elemRecord
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
	case t == recordType:
		e.kind, e.line = elemRecord, shapeOf(line, c.Options)
		return e, nil
	case line.Scalar() && (customOf(t, line.Fields[0].Kind) != 0 || t.Kind() == reflect.Pointer && customOf(t.Elem(), line.Fields[0].Kind) != 0):
		return e, c.planScalar(e)
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && !scalarStruct(t.Elem()):
		e.kind, structType = elemPointer, t.Elem()
	case t.Kind() == reflect.Struct && !scalarStruct(t):
		e.kind = elemStruct
	case line.Scalar():
		return e, c.planScalar(e)
	default:
		return nil, &ShapeError{Got: "rows of go type " + t.String(), Want: "a map, struct or record for each row"}
	}
	var err error
	if e.sub, err = planStruct(structType, line, c); err != nil {
		return nil, err
	}
	return e, nil
}

// planScalar completes the plan of plain values for an unnamed line.
func (c *coder) planScalar(e *elemPlan) (err error) {
	e.kind = elemScalar
	e.op, err = c.compile(e.typ, &e.row.cells[0])
	return err
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
		o, err := pc.compileField(&g, paramCell(&f.Parameters[i], pc))
		if err != nil {
			errs = append(errs, nestedProblem(g.goName, g.name, err)...)
			continue
		}
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
// reports all problems at once; t is a struct, a pointer to one, a map or *Record.
func PlanError(t reflect.Type, f *metadata.Function, r Representation, o Options) error {
	for range maxPointers {
		if t == nil || t == recordType || t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	switch {
	case t == nil || t == paramsType || t == mapType || t == recordType || t.Kind() == reflect.Interface:
		return nil
	case t.Kind() != reflect.Struct || scalarStruct(t):
		return fmt.Errorf("function %s: %w", f.Name, &ShapeError{Path: "parameters", Got: "go type " + t.String(), Want: "a map[string]any, struct or *Record"})
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

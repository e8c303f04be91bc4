package serialization

import (
	"fmt"
	"iter"
	"reflect"
	"unsafe"

	"github.com/purerfc/purerfc/metadata"
)

// RowSource supplies the rows of a table one at a time, so that a table of any length can
// be written in constant memory. The number of rows stands in front of the rows on the
// wire; supplying more or fewer is an error.
type RowSource interface {
	// Len is the number of rows.
	Len() int
	// Rows yields them: structs, pointers to structs, maps, or scalars for unnamed lines.
	// A row is used before the next one is asked for.
	Rows() iter.Seq[any]
}

// Sequence is a RowSource made of an iterator. Written as a table, its rows are not boxed.
type Sequence[T any] struct {
	// Count is the number of rows that Seq yields.
	Count int
	Seq   iter.Seq[T]
}

// Len is the number of rows.
func (s Sequence[T]) Len() int { return s.Count }

// Rows yields the rows as interface values.
func (s Sequence[T]) Rows() iter.Seq[any] {
	return func(yield func(any) bool) {
		if s.Seq == nil {
			return
		}
		for row := range s.Seq {
			if !yield(row) {
				return
			}
		}
	}
}

// eachRow implements pointerSource without boxing.
func (s Sequence[T]) eachRow(fn func(p unsafe.Pointer) bool) {
	if s.Seq == nil {
		return
	}
	row := new(T)
	for v := range s.Seq {
		*row = v
		if !fn(unsafe.Pointer(row)) {
			return
		}
	}
}

// eachChunk implements pointerSource: rows come in groups of up to n, but one by one if
// they refer to memory that the iterator may use again for the next row.
func (s Sequence[T]) eachChunk(n int, fn func(p unsafe.Pointer, n int) bool) {
	if s.Seq == nil {
		return
	}
	if !ownsItsMemory(reflect.TypeFor[T]()) {
		n = 1
	}
	chunk := make([]T, 0, min(n, max(s.Count, 1)))
	for v := range s.Seq {
		if chunk = append(chunk, v); len(chunk) == cap(chunk) {
			if !fn(unsafe.Pointer(&chunk[0]), len(chunk)) {
				return
			}
			chunk = chunk[:0]
		}
	}
	if len(chunk) > 0 {
		fn(unsafe.Pointer(&chunk[0]), len(chunk))
	}
}

// ownsItsMemory reports whether a copy of a value of the type shares nothing that can
// change: strings cannot.
func ownsItsMemory(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return false
	case reflect.Array:
		return ownsItsMemory(t.Elem())
	case reflect.Struct:
		if t == goTimeType {
			return true
		}
		for f := range t.Fields() {
			if !ownsItsMemory(f.Type) {
				return false
			}
		}
	default:
	}
	return true
}

func (s Sequence[T]) rowType() reflect.Type { return reflect.TypeFor[T]() }

// pointerSource is a RowSource whose rows all have one Go type.
type pointerSource interface {
	RowSource
	rowType() reflect.Type
	eachRow(fn func(p unsafe.Pointer) bool)
	eachChunk(n int, fn func(p unsafe.Pointer, n int) bool)
}

// rowsOf is a table given by the caller: n rows, each passed to fn as a pointer that the
// element plan understands.
type rowsOf struct {
	n      int
	elem   *elemPlan
	slice  unsafe.Pointer // first element of a slice
	size   uintptr
	source pointerSource
	boxed  RowSource
}

// each calls fn for every row until it fails.
func (r *rowsOf) each(fn func(i int, p unsafe.Pointer) error) error {
	i := 0
	var err error
	step := func(p unsafe.Pointer) bool {
		if i >= r.n {
			err = fmt.Errorf("row source supplies more than the %d rows it announced: %w", r.n, ErrShape)
			return false
		}
		if err = fn(i, p); err != nil {
			return false
		}
		i++
		return true
	}
	switch {
	case r.source != nil:
		r.source.eachRow(step)
	case r.boxed != nil:
		row := new(any)
		for *row = range r.boxed.Rows() {
			if !step(unsafe.Pointer(row)) {
				break
			}
		}
	default:
		// The elements of a slice lie size bytes apart; r.slice keeps the array alive.
		for i = range r.n {
			if err = fn(i, unsafe.Add(r.slice, uintptr(i)*r.size)); err != nil {
				return err
			}
		}
		return nil
	}
	if err == nil && i != r.n {
		err = fmt.Errorf("row source supplies %d rows and announced %d: %w", i, r.n, ErrShape)
	}
	return err
}

// chunks calls fn for groups of up to size rows until it fails.
func (r *rowsOf) chunks(size int, fn func(g placed) error) error {
	i := 0
	var err error
	step := func(p unsafe.Pointer, n int) bool {
		if n > r.n-i {
			err = fmt.Errorf("row source supplies more than the %d rows it announced: %w", r.n, ErrShape)
			return false
		}
		err = fn(placed{base: p, size: r.elem.typ.Size(), from: i, n: n})
		i += n
		return err == nil
	}
	switch {
	case r.source != nil:
		r.source.eachChunk(size, step)
	case r.boxed != nil:
		row := new(any)
		for *row = range r.boxed.Rows() {
			if !step(unsafe.Pointer(row), 1) {
				break
			}
		}
	default:
		for i < r.n && err == nil {
			// The elements of a slice lie size bytes apart; r.slice keeps the array alive.
			step(unsafe.Add(r.slice, uintptr(i)*r.size), min(size, r.n-i))
		}
	}
	if err == nil && i != r.n {
		err = fmt.Errorf("row source supplies %d rows and announced %d: %w", i, r.n, ErrShape)
	}
	return err
}

// tableValue finds the rows in an interface value.
func (c *coder) tableValue(f *metadata.Field, v any) (rowsOf, error) {
	switch v := v.(type) {
	case nil:
		return rowsOf{}, notTable(f, nil)
	case *Table:
		if v == nil {
			return rowsOf{}, notTable(f, nil)
		}
		return c.boxedRows(f, recordRows(v.rows))
	case []*Record:
		return c.boxedRows(f, recordRows(v))
	case pointerSource:
		if v.rowType() == recordType {
			return c.boxedRows(f, v)
		}
		elem, err := c.planElem(v.rowType(), f.Type)
		if err != nil {
			return rowsOf{}, err
		}
		return checkRows(rowsOf{n: v.Len(), elem: elem, source: v})
	case RowSource:
		return c.boxedRows(f, v)
	}
	if y, changed, err := standIn(f, v); changed || err != nil {
		if err != nil {
			return rowsOf{}, err
		}
		return c.tableValue(f, y)
	}
	rv := reflect.ValueOf(v)
	for range maxPointers {
		if rv.Kind() != reflect.Pointer || rv.IsNil() {
			break
		}
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Slice {
		return rowsOf{}, notTable(f, v)
	}
	if rv.Type().Elem() == recordType {
		records, _ := rv.Convert(recordsType).Interface().([]*Record)
		return c.boxedRows(f, recordRows(records))
	}
	elem, err := c.planElem(rv.Type().Elem(), f.Type)
	if err != nil {
		return rowsOf{}, err
	}
	return checkRows(rowsOf{n: rv.Len(), elem: elem, slice: rv.UnsafePointer(), size: rv.Type().Elem().Size()})
}

// boxedRows takes rows that come as interface values. Records always do, so that whoever
// writes rows meets them in one form only.
func (c *coder) boxedRows(f *metadata.Field, v RowSource) (rowsOf, error) {
	elem, err := c.planElem(anyType, f.Type)
	if err != nil {
		return rowsOf{}, err
	}
	return checkRows(rowsOf{n: v.Len(), elem: elem, boxed: v})
}

// tableOp finds the rows in a field of a struct.
func (c *coder) tableOp(o *op, p unsafe.Pointer) (rowsOf, error) {
	if o.code != opTable {
		return c.tableValue(o.cell.f, o.value(p))
	}
	// Every slice has the same header; the element type does not matter for it.
	s := *(*[]struct{})(p)
	return checkRows(rowsOf{n: len(s), elem: o.elem, slice: unsafe.Pointer(unsafe.SliceData(s)), size: o.elem.typ.Size()})
}

func checkRows(r rowsOf) (rowsOf, error) {
	if r.n < 0 || uint64(r.n) > 1<<32-1 {
		return rowsOf{}, &LimitError{What: "number of rows", Size: uint64(max(r.n, 0)), Limit: 1<<32 - 1}
	}
	return r, nil
}

// value is one supplied value: a Go location with its plan, or an interface value.
type value struct {
	o *op
	p unsafe.Pointer
	v any
}

// values gives access to the values of a call.
type values struct {
	m    map[string]any
	rec  *Record
	plan *funcPlan
	base unsafe.Pointer
}

// openValues accepts Params, map[string]any, a struct, a pointer to one, *Record, or nil.
func openValues(f *metadata.Function, c *coder, memo *planMemo, v any) (values, error) {
	switch v := v.(type) {
	case nil:
		return values{}, nil
	case Params:
		return values{m: v}, nil
	case map[string]any:
		return values{m: v}, nil
	case *Params:
		if v == nil {
			return values{}, nil
		}
		return values{m: *v}, nil
	case **Record:
		if v == nil {
			return values{}, nil
		}
		return openValues(f, c, memo, *v)
	case *Record:
		if v == nil {
			return values{}, nil
		}
		if v.shape == nil {
			return values{}, fmt.Errorf("function %s: parameters: %w", f.Name, noRecord())
		}
		return values{rec: v}, nil
	}
	rv, ok := structValue(v)
	if !ok {
		if k := reflect.ValueOf(v); k.Kind() == reflect.Pointer && k.IsNil() {
			return values{}, nil
		}
		return values{}, fmt.Errorf("function %s: %w", f.Name, &ShapeError{Path: "parameters", Got: fmt.Sprintf("%T", v), Want: "a map[string]any, struct or *Record"})
	}
	plan, err := memo.planFunction(rv.Type(), f, c)
	if err != nil {
		return values{}, err
	}
	return values{plan: plan, base: addressable(rv)}, nil
}

// names lists the names of a map or record that the receiver does not expect as they are.
func (s *values) names(refused func(name string) bool) []string {
	var list []string
	for name := range s.m {
		if refused(name) {
			list = append(list, name)
		}
	}
	if s.rec != nil {
		for i, v := range s.rec.vals {
			if name := s.rec.shape.fields[i].f.Name; v != nil && refused(name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// get finds the value of parameter i.
func (s *values) get(p *metadata.Parameter, i int) (value, bool) {
	if s.plan != nil {
		o := &s.plan.ops[i]
		if o.code == opNone {
			return value{}, false
		}
		// The offset is that of the field in the type of which base points to a value.
		ptr := unsafe.Add(s.base, o.mem)
		if o.omit && o.zero(ptr) {
			return value{}, false
		}
		for o.code == opPointer {
			if ptr = *(*unsafe.Pointer)(ptr); ptr == nil {
				return value{}, false
			}
			o = o.inner
		}
		if o.code == opSlow || o.code == opSource {
			if v := o.value(ptr); v == nil {
				return value{}, false
			} else if o.typ == anyType || o.code == opSource {
				return value{v: v}, true
			}
		}
		return value{o: o, p: ptr}, true
	}
	if s.rec != nil {
		v, ok := s.rec.supplied(i, p.Name)
		return value{v: v}, ok
	}
	v, ok := s.m[p.Name]
	return value{v: v}, ok
}

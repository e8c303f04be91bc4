package serialization

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// build converts a supplied value to what a record holds, by the rules of calls: scalars pass
// through a cell, structures and tables become records and tables of their own.
func (c *coder) build(fd *shapeField, v value, depth int) (any, error) {
	if depth > maxElements {
		return nil, &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	}
	for v.o != nil && v.o.code == opPointer {
		q := *(*unsafe.Pointer)(v.p)
		if q == nil {
			return newInitial(fd), nil
		}
		v = value{o: v.o.inner, p: q}
	}
	if v.o != nil && (v.o.code == opSlow || v.o.code == opSource) {
		y := v.o.value(v.p)
		if y == nil {
			return newInitial(fd), nil
		}
		v = value{v: y}
	}
	switch fd.f.Kind {
	case metadata.Structure, metadata.DeepStructure:
		return c.buildRecord(fd, v, depth)
	case metadata.Table:
		var rows rowsOf
		var err error
		if v.o != nil {
			rows, err = c.tableOp(v.o, v.p)
		} else {
			rows, err = c.tableValue(fd.f, v.v)
		}
		if err != nil {
			return nil, err
		}
		t := &Table{line: fd.line}
		list, err := c.buildRows(fd.line, &rows, 0, depth)
		t.adopt(list)
		return t, err
	case metadata.String, metadata.XString:
		text, raw, err := variableValue(fd.f, v)
		if err == nil && uint64(len(text)+len(raw)) > MaxValue {
			err = &LimitError{What: "bytes", Size: uint64(len(text) + len(raw)), Limit: MaxValue}
		}
		switch {
		case err != nil:
			return nil, err
		case fd.f.Kind == metadata.String:
			return text, nil
		default:
			return append([]byte{}, raw...), nil
		}
	default:
		return c.buildScalar(fd, v)
	}
}

// buildScalar converts a value that has a cell.
func (c *coder) buildScalar(fd *shapeField, v value) (any, error) {
	if v.o == nil && !c.KeepBlanks {
		if x, ok := plainScalar(fd.f, v.v); ok {
			return x, nil
		}
	}
	var room [512]byte
	scratch := room[:]
	if fd.width > len(scratch) {
		scratch = make([]byte, fd.width)
	}
	scratch = scratch[:fd.width]
	var err error
	if v.o == nil {
		err = c.encode(scratch, &fd.cell, v.v, 0)
	} else {
		c.fillInitial(scratch, &fd.cell)
		err = c.encodeOp(scratch, v.o, v.p)
	}
	if err != nil {
		return nil, err
	}
	return c.decode(scratch, &fd.cell)
}

// plainScalar takes the values that are held as they are given, without the way over a cell.
func plainScalar(f *metadata.Field, v any) (any, bool) {
	switch x := v.(type) {
	case string:
		// Not more UTF-16 units than bytes; invalid UTF-8 goes the long way to its error.
		if f.Kind == metadata.Char && len(x) <= f.Length && utf8.ValidString(x) {
			return strings.TrimRight(x, " "), true
		}
	case int32:
		return v, f.Kind == metadata.Int4
	case int:
		if f.Kind == metadata.Int4 && int(int32(x)) == x {
			return int32(x), true
		}
	case int64:
		return v, f.Kind == metadata.Int8
	case abap.Date:
		return v, f.Kind == metadata.Date
	case abap.Time:
		return v, f.Kind == metadata.Time
	}
	return nil, false
}

// buildRecord converts a record, a map or a struct.
func (c *coder) buildRecord(fd *shapeField, v value, depth int) (*Record, error) {
	r := newRecord(fd.line)
	if v.o != nil && v.o.code == opStruct {
		return r, c.fillStruct(r, v.o.sub, v.p, depth)
	}
	switch y := v.v.(type) {
	case *Record:
		if y == nil || y.shape == nil {
			return nil, notStructure(fd.f, nil)
		}
		return r, c.fillRecord(r, y, depth)
	case Params:
		return r, c.fillMap(r, y, depth)
	case map[string]any:
		return r, c.fillMap(r, y, depth)
	}
	if y, changed, err := standIn(fd.f, v.v); changed || err != nil {
		if err != nil {
			return nil, err
		}
		return c.buildRecord(fd, value{v: y}, depth)
	}
	rv, ok := structValue(v.v)
	if !ok {
		return nil, notStructure(fd.f, v.v)
	}
	sp, err := planStruct(rv.Type(), fd.line.typ, c)
	if err != nil {
		return nil, err
	}
	return r, c.fillStruct(r, sp, addressable(rv), depth)
}

// fillField sets field i of a record that nobody else has.
func (c *coder) fillField(r *Record, i int, v value, depth int) error {
	fd := &r.shape.fields[i]
	n, err := c.build(fd, v, depth+1)
	if err != nil {
		return at(fd.f.Name, err)
	}
	r.replace(i, n)
	return nil
}

func (c *coder) fillMap(r *Record, m map[string]any, depth int) error {
	found := 0
	for i := range r.vals {
		v, ok := m[r.shape.fields[i].f.Name]
		if !ok {
			continue
		}
		found++
		if err := c.fillField(r, i, value{v: v}, depth); err != nil {
			return err
		}
	}
	if found != len(m) {
		return unknownField(r.shape.typ, m)
	}
	return nil
}

func (c *coder) fillRecord(r, from *Record, depth int) error {
	if r.shape.same(from.shape) {
		r.take(from.Clone())
		return nil
	}
	for k, v := range from.vals {
		if v == nil {
			continue
		}
		name := from.shape.fields[k].f.Name
		i := r.shape.index(name)
		if i < 0 {
			return r.shape.unknown(name)
		}
		if err := c.fillField(r, i, value{v: v}, depth); err != nil {
			return err
		}
	}
	return nil
}

func (c *coder) fillStruct(r *Record, sp *structPlan, base unsafe.Pointer, depth int) error {
	for i := range sp.fields {
		o := &sp.fields[i]
		// The offset is that of the field in the type of which base points to a value.
		if p := unsafe.Add(base, o.mem); o.code != opNone && !(o.omit && o.zero(p)) {
			if err := c.fillField(r, i, value{o: o, p: p}, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// buildRows converts supplied rows; first is the index of the first one in errors.
func (c *coder) buildRows(line *shape, rows *rowsOf, first, depth int) ([]*Record, error) {
	if rows.n == 0 {
		return nil, nil
	}
	list := make([]*Record, 0, min(rows.n, rowsReserved))
	err := rows.each(func(i int, p unsafe.Pointer) error {
		r := newRecord(line)
		if err := c.fillLine(r, rows.elem, p, depth+1); err != nil {
			return atRow(first+i, err)
		}
		list = append(list, r)
		return nil
	})
	return list, err
}

// fillLine fills a row from the Go value at p.
func (c *coder) fillLine(r *Record, elem *elemPlan, p unsafe.Pointer, depth int) error {
	switch elem.kind {
	case elemPointer:
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return nilRow()
		}
		return c.fillStruct(r, elem.sub, q, depth)
	case elemStruct:
		return c.fillStruct(r, elem.sub, p, depth)
	case elemScalar:
		if elem.op.code == opPointer && *(*unsafe.Pointer)(p) == nil {
			return nilRow()
		}
		return c.fillField(r, 0, value{o: &elem.op, p: p}, depth)
	case elemMap:
		return c.fillAny(r, *(*map[string]any)(p), depth)
	default:
		return c.fillAny(r, *(*any)(p), depth)
	}
}

// fillAny fills a row from an interface value.
func (c *coder) fillAny(r *Record, v any, depth int) error {
	switch v := v.(type) {
	case nil:
		return nilRow()
	case *Record:
		if v == nil || v.shape == nil {
			return nilRow()
		}
		return c.fillRecord(r, v, depth)
	case Params:
		return c.fillAny(r, map[string]any(v), depth)
	case map[string]any:
		if v == nil {
			return nilRow()
		}
		return c.fillMap(r, v, depth)
	}
	if rv, ok := structValue(v); ok {
		sp, err := planStruct(rv.Type(), r.shape.typ, c)
		if err != nil {
			return err
		}
		return c.fillStruct(r, sp, addressable(rv), depth)
	}
	if r.shape.typ.Scalar() {
		return c.fillField(r, 0, value{v: v}, depth)
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nilRow()
	}
	return &ShapeError{Got: fmt.Sprintf("%T", v), Want: "a map, struct or record for each row"}
}

// build converts rows for a table; first is the index of the first one in errors.
func (t *Table) build(rows any, first int) ([]*Record, error) {
	if t == nil || t.line == nil {
		return nil, noRecord()
	}
	c := &t.line.coder
	list, err := c.tableValue(&metadata.Field{Kind: metadata.Table, Type: t.line.typ}, rows)
	if err != nil {
		return nil, t.fail(err)
	}
	added, err := c.buildRows(t.line, &list, first, 0)
	if err != nil {
		return nil, t.fail(err)
	}
	return added, nil
}

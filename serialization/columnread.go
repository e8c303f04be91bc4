package serialization

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Tables by column become Go values here, one column after the other: a loop over the rows of
// a column needs no decision per value. The columns are those of the local description, as
// columns.Table.As gives them.

// placed is a run of Go values of one type, size bytes apart, that rows from on fill.
type placed struct {
	base unsafe.Pointer
	size uintptr
	from int // row of the first value
	n    int
}

// at is the address of value i, mem bytes into it. base points to n values of size bytes.
func (g *placed) at(i int, mem uintptr) unsafe.Pointer {
	return unsafe.Add(g.base, uintptr(i)*g.size+mem)
}

// firstColumns caches, for a line type, the index of the first column of each field, and
// behind the last one the number of columns.
var firstColumns planCache[*metadata.Type, []int]

func firstColumnsOf(t *metadata.Type) []int {
	if list, ok := firstColumns.get(t); ok {
		return list
	}
	list := make([]int, len(t.Fields)+1)
	for i := range t.Fields {
		list[i+1] = list[i] + columnsOf(&t.Fields[i])
	}
	firstColumns.put(t, list)
	return list
}

// columnsOf is the number of columns a field takes.
func columnsOf(f *metadata.Field) int {
	if !f.Kind.IsStructure() {
		return 1
	}
	list := firstColumnsOf(f.Type)
	return list[len(list)-1]
}

// fromColumns stores rows in Go values of elem.typ. Errors of values are *rowError.
func (c *coder) fromColumns(t *columns.Table, elem *elemPlan, g placed) error {
	switch elem.kind {
	case elemStruct:
		return c.structsFromColumns(t.Columns, elem.sub, g, 0)
	case elemPointer:
		list := reflect.MakeSlice(reflect.SliceOf(elem.typ.Elem()), g.n, g.n)
		inner := placed{list.UnsafePointer(), elem.typ.Elem().Size(), g.from, g.n}
		if err := c.structsFromColumns(t.Columns, elem.sub, inner, 0); err != nil {
			return err
		}
		for i := range g.n {
			// A value of pointer type elem.typ lies there.
			reflect.NewAt(elem.typ, g.at(i, 0)).Elem().Set(list.Index(i).Addr())
		}
		return nil
	case elemScalar:
		return c.columnInto(&t.Columns[0], &elem.op, g, 0)
	default:
		return c.rowsFromColumns(t, elem, g)
	}
}

// rowsFromColumns stores rows as maps or as interface values.
func (c *coder) rowsFromColumns(t *columns.Table, elem *elemPlan, g placed) error {
	if elem.kind == elemRecord {
		return c.recordsFromColumns(t, elem.line, g)
	}
	for i := range g.n {
		var v any
		var err error
		if elem.row.typ.Scalar() {
			v, err = c.columnValue(&t.Columns[0], g.from+i)
		} else {
			v, err = c.paramsFromColumns(t.Columns, elem.row.typ, g.from+i)
		}
		if err != nil {
			return &rowError{g.from + i, err}
		}
		if elem.kind == elemAny {
			*(*any)(g.at(i, 0)) = v
			continue
		}
		m, ok := v.(Params)
		if !ok {
			m = Params{"": v} // an unnamed line
		}
		*(*Params)(g.at(i, 0)) = m // map[string]any has the same underlying type
	}
	return nil
}

// structsFromColumns stores rows in Go structs that lie mem bytes into the values.
func (c *coder) structsFromColumns(cols []columns.Column, sp *structPlan, g placed, mem uintptr) error {
	first := firstColumnsOf(sp.row.typ)
	for i := range sp.fields {
		o := &sp.fields[i]
		if o.code == opNone {
			continue
		}
		if err := c.fieldFromColumns(cols[first[i]:first[i+1]], o, g, mem+o.mem); err != nil {
			return atField(o.path, err)
		}
	}
	return nil
}

// atField puts the name of a field behind the row in the path of an error.
func atField(name string, err error) error {
	if e, ok := err.(*rowError); ok { //nolint:errorlint // made below, never wrapped
		e.err = at(name, e.err)
		return e
	}
	return at(name, err)
}

// rowError remembers the row of an error until the path of the field within it is complete.
type rowError struct {
	row int
	err error
}

func (e *rowError) Error() string { return e.err.Error() }

// inRow turns the errors of values by column into those of rows.
func inRow(err error) error {
	if e, ok := err.(*rowError); ok { //nolint:errorlint // as above
		return atRow(e.row, e.err)
	}
	return err
}

// fieldFromColumns stores a field, which has one column unless it is a structure.
func (c *coder) fieldFromColumns(cols []columns.Column, o *op, g placed, mem uintptr) error {
	if !o.cell.f.Kind.IsStructure() {
		return c.columnInto(&cols[0], o, g, mem)
	}
	switch o.code {
	case opStruct:
		return c.structsFromColumns(cols, o.sub, g, mem)
	case opPointer:
		return c.behindPointers(o, g, mem, func(g placed) error { return c.fieldFromColumns(cols, o.inner, g, 0) })
	default:
		for i := range g.n {
			m, err := c.paramsFromColumns(cols, o.cell.f.Type, g.from+i)
			if err == nil {
				err = o.store(g.at(i, mem), m)
			}
			if err != nil {
				return &rowError{g.from + i, err}
			}
		}
		return nil
	}
}

// behindPointers makes a value for each pointer, all in one piece of memory.
func (c *coder) behindPointers(o *op, g placed, mem uintptr, fill func(placed) error) error {
	list := reflect.MakeSlice(reflect.SliceOf(o.typ.Elem()), g.n, g.n)
	if err := fill(placed{list.UnsafePointer(), o.typ.Elem().Size(), g.from, g.n}); err != nil {
		return err
	}
	for i := range g.n {
		reflect.NewAt(o.typ, g.at(i, mem)).Elem().Set(list.Index(i).Addr())
	}
	return nil
}

// columnInto stores the values of one column.
func (c *coder) columnInto(col *columns.Column, o *op, g placed, mem uintptr) error {
	switch o.code {
	case opTextLE, opText, opString:
		if !c.KeepBlanks || col.Field.Kind != metadata.Char {
			textsInto(col, g, mem)
			return nil
		}
	case opInt4LE:
		for i := range g.n {
			*(*int32)(g.at(i, mem)) = col.Int32s[col.Index(g.from+i)]
		}
		return nil
	case opInt:
		return c.integersInto(col, o, g, mem)
	case opFloat:
		for i := range g.n {
			*(*float64)(g.at(i, mem)) = col.Float64s[col.Index(g.from+i)]
		}
		return nil
	case opDate:
		if col.Field.Kind == metadata.Date {
			for i := range g.n {
				d, err := abap.DateFromRaw([8]byte(col.Value(g.from + i)))
				if err != nil {
					return &rowError{g.from + i, abapError(col.Field, err)}
				}
				*(*abap.Date)(g.at(i, mem)) = d
			}
			return nil
		}
	case opDecimal:
		if col.Field.Kind == metadata.Packed {
			for i := range g.n {
				d, err := abap.DecodePacked(col.Value(g.from+i), col.Field.Decimals)
				if err != nil {
					return &rowError{g.from + i, abapError(col.Field, err)}
				}
				*(*abap.Decimal)(g.at(i, mem)) = d
			}
			return nil
		}
	case opDecFloat:
		for i := range g.n {
			d, err := Representation{}.decodeDecFloat(col.Value(g.from+i), col.Field)
			if err != nil {
				return &rowError{g.from + i, err}
			}
			*(*abap.Decimal)(g.at(i, mem)) = d
		}
		return nil
	case opTimestamp:
		for i := range g.n {
			t, err := abap.TimestampFromRaw(col.Int64s[col.Index(g.from+i)], precision(o.kind))
			if err != nil {
				return &rowError{g.from + i, abapError(col.Field, err)}
			}
			*(*abap.Timestamp)(g.at(i, mem)) = t
		}
		return nil
	case opTemporal:
		for i := range g.n {
			if err := temporalFromRaw(col.Field, columnInt(col, g.from+i), g.at(i, mem)); err != nil {
				return &rowError{g.from + i, err}
			}
		}
		return nil
	case opTime:
		for i := range g.n {
			t, err := abap.TimeFromRaw([6]byte(col.Value(g.from + i)))
			if err != nil {
				return &rowError{g.from + i, abapError(col.Field, err)}
			}
			*(*abap.Time)(g.at(i, mem)) = t
		}
		return nil
	case opBytes:
		bytesInto(col, g, mem)
		return nil
	case opTable:
		return c.nestedFromColumn(col, o, g, mem)
	case opPointer:
		return c.behindPointers(o, g, mem, func(g placed) error { return c.columnInto(col, o.inner, g, 0) })
	default:
	}
	for i := range g.n {
		v, err := c.columnValue(col, g.from+i)
		if err == nil {
			err = o.store(g.at(i, mem), v)
		}
		if err != nil {
			return &rowError{g.from + i, err}
		}
	}
	return nil
}

// bytesInto stores copies of binary values, all in one piece of memory. X has its full width.
func bytesInto(col *columns.Column, g placed, mem uintptr) {
	size := func(i int) int {
		if col.Field.Kind == metadata.Raw {
			return col.Field.Length
		}
		return len(col.Value(g.from + i))
	}
	total := 0
	for i := range g.n {
		total += size(i)
	}
	free := make([]byte, total)
	for i := range g.n {
		n := size(i)
		copy(free, col.Value(g.from+i))
		*(*[]byte)(g.at(i, mem)) = free[:n:n]
		free = free[n:]
	}
}

// textsInto stores texts as strings that alias the column. Addresses are computed from the
// index: one stepped from value to value would end behind the last one, where the collector
// must not meet it.
func textsInto(col *columns.Column, g placed, mem uintptr) {
	switch {
	case len(col.Codes) > 0:
		for i, code := range col.Codes[g.from : g.from+g.n] {
			*(*string)(g.at(i, mem)) = textOf(col.Bytes[col.Offsets[code]:col.Offsets[code+1]])
		}
	case col.Values() == 1:
		text := textOf(col.Bytes)
		for i := range g.n {
			*(*string)(g.at(i, mem)) = text
		}
	default:
		ends := col.Offsets[g.from : g.from+g.n+1]
		for i := range g.n {
			*(*string)(g.at(i, mem)) = textOf(col.Bytes[ends[i]:ends[i+1]])
		}
	}
}

// textOf makes a string of text in a column without copying it: the vectors of a received
// table are written once and never again.
func textOf(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

func (c *coder) integersInto(col *columns.Column, o *op, g placed, mem uintptr) error {
	for i := range g.n {
		n := columnInt(col, g.from+i)
		if !writeInt(o.gk, g.at(i, mem), n) {
			return &rowError{g.from + i, refusef(o.cell.f, Overflow, fmt.Sprint(n), "%d does not fit go type %s", n, o.typ)}
		}
	}
	return nil
}

// columnInt is the integer of a row, of any kind that has one.
func columnInt(col *columns.Column, row int) int64 {
	i := col.Index(row)
	switch {
	case col.Int32s != nil:
		return int64(col.Int32s[i])
	case col.Int64s != nil:
		return col.Int64s[i]
	case col.Int16s != nil:
		return int64(col.Int16s[i])
	default:
		return int64(col.Uint8s[i])
	}
}

// nestedFromColumn stores tables in slices, the rows of all of them in one array.
func (c *coder) nestedFromColumn(col *columns.Column, o *op, g placed, mem uintptr) error {
	if g.n == 0 {
		return nil
	}
	if len(col.Codes) == 0 && col.Values() != 1 {
		first, last := int(col.Offsets[g.from]), int(col.Offsets[g.from+g.n])
		all := reflect.MakeSlice(o.typ, last-first, last-first)
		if err := c.fromColumns(col.Lines, o.elem, placed{all.UnsafePointer(), o.elem.typ.Size(), first, last - first}); err != nil {
			return nestedError(col, g, err)
		}
		base, size := all.UnsafePointer(), o.elem.typ.Size()
		for i := range g.n {
			a, b := int(col.Offsets[g.from+i])-first, int(col.Offsets[g.from+i+1])-first
			// A slice of the array all, without capacity for the rows of the next table. An
			// empty one points to its begin: behind its end other memory may lie.
			h := sliceHeader{base, b - a, b - a}
			if b > a {
				h.data = unsafe.Add(base, uintptr(a)*size)
			}
			*(*sliceHeader)(g.at(i, mem)) = h
		}
		return nil
	}
	for i := range g.n {
		k := col.Index(g.from + i)
		first, n := int(col.Offsets[k]), int(col.Offsets[k+1]-col.Offsets[k])
		rows := reflect.MakeSlice(o.typ, n, n)
		if err := c.fromColumns(col.Lines, o.elem, placed{rows.UnsafePointer(), o.elem.typ.Size(), first, n}); err != nil {
			return nestedError(col, g, err)
		}
		reflect.NewAt(o.typ, g.at(i, mem)).Elem().Set(rows)
	}
	return nil
}

// sliceHeader is the memory form of every slice.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// nestedError says in which row of the outer table a row of all inner ones lies.
func nestedError(col *columns.Column, g placed, err error) error {
	e, ok := err.(*rowError) //nolint:errorlint // made above, never wrapped
	if !ok {
		return err
	}
	for i := range g.n {
		k := col.Index(g.from + i)
		if first := int(col.Offsets[k]); e.row >= first && e.row < int(col.Offsets[k+1]) {
			return &rowError{g.from + i, atRow(e.row-first, e.err)}
		}
	}
	return err
}

// paramsFromColumns gives a row of a structure as a map.
func (c *coder) paramsFromColumns(cols []columns.Column, t *metadata.Type, row int) (Params, error) {
	first := firstColumnsOf(t)
	m := make(Params, len(t.Fields))
	for i := range t.Fields {
		f := &t.Fields[i]
		var v any
		var err error
		if f.Kind.IsStructure() {
			v, err = c.paramsFromColumns(cols[first[i]:first[i+1]], f.Type, row)
		} else {
			v, err = c.columnValue(&cols[first[i]], row)
		}
		if err != nil {
			return nil, at(f.Name, err)
		}
		m[f.Name] = v
	}
	return m, nil
}

// columnValue gives a value as its default Go type.
func (c *coder) columnValue(col *columns.Column, row int) (any, error) {
	f := col.Field
	switch f.Kind {
	case metadata.Char:
		s := col.Text(row)
		if c.KeepBlanks {
			s = keepBlanks(s, f.Length)
		}
		return s, nil
	case metadata.Numc, metadata.String:
		return col.Text(row), nil
	case metadata.XString:
		return append([]byte{}, col.Value(row)...), nil
	case metadata.Raw:
		b := make([]byte, f.Length)
		copy(b, col.Value(row))
		return b, nil
	case metadata.Int4:
		return int32(columnInt(col, row)), nil
	case metadata.Int2:
		return int16(columnInt(col, row)), nil
	case metadata.Int1:
		return uint8(columnInt(col, row)), nil
	case metadata.Int8:
		return columnInt(col, row), nil
	case metadata.Float:
		return col.Float64s[col.Index(row)], nil
	case metadata.Table:
		return c.columnTable(col, row)
	default:
		cl := cell{f: f, width: f.Width(c.CharWidth())}
		b := make([]byte, cl.width)
		c.cellOfColumn(b, col, row)
		return c.decode(b, &cl)
	}
}

// cellOfColumn writes a value that has a fixed width into a cell as the coder reads it.
func (c *coder) cellOfColumn(dst []byte, col *columns.Column, row int) {
	switch col.Field.Kind {
	case metadata.Date, metadata.Time:
		c.fillASCII(dst, textOf(col.Value(row)))
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		copy(dst, col.Value(row))
		if c.BigEndian && col.Field.Kind.DecFloat() {
			slices.Reverse(dst) // columns are little-endian
		}
	default:
		n := columnInt(col, row)
		if len(dst) == 1 {
			dst[0] = byte(n)
		} else {
			c.putSigned(dst, n)
		}
	}
}

// columnTable gives a nested table as its default Go type.
func (c *coder) columnTable(col *columns.Column, row int) (any, error) {
	elem, err := c.planElem(defaultRow(col.Field.Type), col.Field.Type)
	if err != nil {
		return nil, err
	}
	k := col.Index(row)
	n := int(col.Offsets[k+1] - col.Offsets[k])
	slice := reflect.New(reflect.SliceOf(elem.typ)).Elem()
	slice.Set(reflect.MakeSlice(slice.Type(), n, n))
	first := int(col.Offsets[k])
	if err := c.fromColumns(col.Lines, elem, placed{slice.UnsafePointer(), elem.typ.Size(), first, n}); err != nil {
		if e, ok := err.(*rowError); ok { //nolint:errorlint // made above, never wrapped
			return nil, atRow(e.row-first, e.err)
		}
		return nil, err
	}
	return slice.Interface(), nil
}

// keepBlanks gives a CHAR its trailing blanks back: n UTF-16 units in all.
func keepBlanks(s string, n int) string {
	units := 0
	for _, r := range s {
		units++
		if r > 0xffff {
			units++
		}
	}
	if units >= n {
		return s
	}
	return s + strings.Repeat(" ", n-units)
}

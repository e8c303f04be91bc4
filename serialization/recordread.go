package serialization

import (
	"reflect"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// recordDecoder reads flat rows as Records. Records and their values come from chunks, so that
// a row does not cost an allocation for each: keeping one record keeps its chunk of up to
// recordChunk rows.
type recordDecoder struct {
	valueDecoder
	line   *shape
	nested []*recordDecoder // by field; nil for scalars
	chunk  int
	recs   []Record
	vals   []any
}

// recordChunk is the largest number of records that share memory.
const recordChunk = 64

func newRecordDecoder(line *shape, row *rowPlan, texts *arena) *recordDecoder {
	d := &recordDecoder{valueDecoder: newValueDecoder(row, texts), line: line}
	if line.nested {
		d.nested = make([]*recordDecoder, len(line.fields))
		for i := range line.fields {
			if sub := line.fields[i].line; sub != nil && row.cells[i].sub != nil {
				d.nested[i] = newRecordDecoder(sub, row.cells[i].sub, texts)
			}
		}
	}
	return d
}

// next gives an empty record.
func (d *recordDecoder) next() *Record {
	if len(d.recs) == 0 {
		d.chunk = min(max(1, 2*d.chunk), recordChunk)
		d.recs = make([]Record, d.chunk)
		d.vals = make([]any, d.chunk*len(d.line.fields))
	}
	r, n := &d.recs[0], len(d.line.fields)
	r.shape, r.vals = d.line, d.vals[:n:n]
	d.recs, d.vals = d.recs[1:], d.vals[n:]
	return r
}

// decode reads a row of at least the used width.
func (d *recordDecoder) decode(row []byte) (*Record, error) {
	r := d.next()
	d.texts.reserve(d.room)
	for i := range d.row.cells {
		cl := &d.row.cells[i]
		b := row[cl.off:min(cl.off+cl.width, len(row))]
		if d.nested == nil || d.nested[i] == nil {
			v, err := d.value(b, cl)
			if err != nil {
				return nil, at(cl.f.Name, err)
			}
			r.vals[i] = v
			continue
		}
		n, err := d.nested[i].decode(b)
		if err != nil {
			return nil, at(cl.f.Name, err)
		}
		n.up = r
		r.vals[i] = n
	}
	return r, nil
}

// recordOf makes a record of a decoded row: Params, or the value of an unnamed line. What was
// received is taken as it is; rules about what may be sent do not hold for it.
func recordOf(sh *shape, v any) *Record {
	if r, ok := v.(*Record); ok {
		return r.Clone()
	}
	r := newRecord(sh)
	m, ok := v.(Params)
	if !ok {
		r.vals[0] = received(&sh.fields[0], v)
		return r
	}
	for i := range sh.fields {
		if v, ok := m[sh.fields[i].f.Name]; ok {
			r.replace(i, received(&sh.fields[i], v))
		}
	}
	return r
}

// tableOf makes a table of decoded rows.
func tableOf(line *shape, v any) *Table {
	if t, ok := v.(*Table); ok {
		return t.Clone()
	}
	t := &Table{line: line}
	rv := reflect.ValueOf(v)
	for i := range rv.Len() {
		r := recordOf(line, rv.Index(i).Interface())
		r.up = t
		t.rows = append(t.rows, r)
	}
	return t
}

// received makes of a decoded value what a record holds.
func received(fd *shapeField, v any) any {
	switch {
	case fd.line == nil:
		return v
	case fd.f.Kind == metadata.Table:
		return tableOf(fd.line, v)
	default:
		return recordOf(fd.line, v)
	}
}

// assignRecord stores a decoded structure or table in a Go location of type *Record or *Table.
func assignRecord(f *metadata.Field, to reflect.Value, v any) error {
	switch {
	case to.Type() == recordType && f.Kind.IsStructure():
		to.Set(reflect.ValueOf(recordOf(shapeOf(f.Type, Options{}), v)))
		return nil
	case to.Type() == tableType && f.Kind == metadata.Table:
		to.Set(reflect.ValueOf(tableOf(shapeOf(f.Type, Options{}), v)))
		return nil
	}
	return refusef(f, WrongType, "", "go type %s cannot hold it", to.Type())
}

// xmlRecord reads the content of a structure or row.
func (c *coder) xmlRecord(x *docReader, sh *shape, a *arena, depth int) (*Record, error) {
	if depth > maxElements {
		return nil, &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	}
	if err := x.grow(sh.size); err != nil {
		return nil, err
	}
	r := newRecord(sh)
	return r, c.fillXML(x, r, a, depth)
}

// fillXML reads fields into a record that nobody else has.
func (c *coder) fillXML(x *docReader, r *Record, a *arena, depth int) error {
	field := func(i int) error {
		fd := &r.shape.fields[i]
		if fd.f.Kind.IsStructure() {
			n, _ := r.child(i).(*Record)
			return c.fillXML(x, n, a, depth+1)
		}
		v, err := c.xmlValue(x, fd, a, depth+1)
		if err == nil {
			r.replace(i, v)
		}
		return err
	}
	switch {
	case depth > maxElements:
		return &LimitError{What: "nesting", Size: uint64(depth), Limit: maxElements}
	case r.shape.typ != nil && r.shape.typ.Scalar():
		return field(0)
	case x.local:
		return c.namedFields(x, r.shape, field)
	default:
		return c.xmlFields(x, planRow(r.shape.typ, c), field)
	}
}

// namedFields is xmlFields for documents of this side: names that the description lacks are
// mistakes, no news from a peer.
func (c *coder) namedFields(x *docReader, sh *shape, fn func(i int) error) error {
	seen := make([]bool, len(sh.fields))
	for {
		tag, ok, err := x.start()
		if err != nil || !ok {
			return err
		}
		if x.name, err = unescapeName(x.name[:0], tag); err != nil {
			return err
		}
		name := string(x.name)
		i := sh.index(name)
		if i < 0 {
			return sh.unknown(name)
		}
		if seen[i] {
			return x.fail("field "+name+" once", "another")
		}
		seen[i] = true
		if err := fn(i); err != nil {
			return at(name, err)
		}
		if err := x.end(tag); err != nil {
			return err
		}
	}
}

// xmlValue reads content as what a record holds.
func (c *coder) xmlValue(x *docReader, fd *shapeField, a *arena, depth int) (any, error) {
	switch {
	case fd.line == nil:
		v, err := c.xmlAny(x, &fd.cell, a, depth)
		if err == nil && x.local {
			v, err = c.sendable(fd, v)
		}
		return v, err
	case fd.f.Kind != metadata.Table:
		return c.xmlRecord(x, fd.line, a, depth)
	}
	t := &Table{line: fd.line}
	err := x.items(func(x *docReader) error {
		r, err := c.xmlRecord(x, fd.line, a, depth+1)
		if err != nil {
			return atRow(len(t.rows), err)
		}
		r.up = t
		t.rows = append(t.rows, r)
		return nil
	})
	return t, err
}

// sendable checks a value that was read by the rules of received ones.
func (c *coder) sendable(fd *shapeField, v any) (any, error) {
	switch x := v.(type) {
	case abap.Date:
		if !x.Valid() && !x.IsInitial() && !x.IsBlank() {
			return nil, refuse(fd.f, BadDate, quote(x.String()), "no day of the calendar")
		}
	case abap.Time:
		if !x.Valid() && !x.IsBlank() {
			return nil, refuse(fd.f, BadDate, quote(x.String()), "no time of day")
		}
	}
	return c.build(fd, value{v: v}, 0)
}

// recordsFromColumns stores rows as records in g, which holds pointers to such.
func (c *coder) recordsFromColumns(t *columns.Table, line *shape, g placed) error {
	for i := range g.n {
		r, err := c.recordFromColumns(t.Columns, line, g.from+i)
		if err != nil {
			return &rowError{g.from + i, err}
		}
		*(**Record)(g.at(i, 0)) = r
	}
	return nil
}

// recordFromColumns gives one row.
func (c *coder) recordFromColumns(cols []columns.Column, sh *shape, row int) (*Record, error) {
	first := firstColumnsOf(sh.typ)
	r := &Record{shape: sh, vals: make([]any, len(sh.fields))}
	for i := range sh.fields {
		fd := &sh.fields[i]
		var v any
		var err error
		switch {
		case fd.line == nil:
			v, err = c.columnValue(&cols[first[i]], row)
		case fd.f.Kind == metadata.Table:
			v, err = c.tableFromColumn(&cols[first[i]], fd.line, row)
		default:
			v, err = c.recordFromColumns(cols[first[i]:first[i+1]], fd.line, row)
		}
		if err != nil {
			return nil, at(fd.f.Name, err)
		}
		r.replace(i, v)
	}
	return r, nil
}

// tableFromColumn gives the nested table of one row.
func (c *coder) tableFromColumn(col *columns.Column, line *shape, row int) (*Table, error) {
	k := col.Index(row)
	t := &Table{line: line}
	for i := col.Offsets[k]; i < col.Offsets[k+1]; i++ {
		r, err := c.recordFromColumns(col.Lines.Columns, line, int(i))
		if err != nil {
			return nil, atRow(int(i-col.Offsets[k]), err)
		}
		t.adopt([]*Record{r})
	}
	return t, nil
}

// blockRecords gives a value that came in blocks.
func (s *Section) blockRecords(fd *shapeField, blocks []*columns.Table) (any, error) {
	if fd.f.Kind != metadata.Table {
		return s.plain.recordFromColumns(blocks[0].Columns, fd.line, 0)
	}
	t := &Table{line: fd.line}
	for _, b := range blocks {
		for i := range b.Rows {
			r, err := s.plain.recordFromColumns(b.Columns, fd.line, i)
			if err != nil {
				return nil, atRow(len(t.rows), err)
			}
			t.adopt([]*Record{r})
		}
	}
	return t, nil
}

// parameters makes an empty record for the values of the section.
func (s *Section) parameters() *Record {
	return newRecord(shapeOfParameters(s.f, s.Options))
}

// Record gives all received values as a record of parameters. It is a copy.
func (s *Section) Record() (*Record, error) {
	r := s.parameters()
	return r, s.scanRecord(r)
}

// RecordTable gives a received table as Records; one that was not received has no rows. It is
// a copy.
func (s *Section) RecordTable(name string) (*Table, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if p := &s.f.Parameters[i]; p.Kind != metadata.Table {
		return nil, &ShapeError{Path: name, Got: typeText(&p.Field), Want: "a TABLE"}
	}
	v, err := s.recordValue(&shapeOfParameters(s.f, s.Options).fields[i], i)
	if err != nil {
		return nil, err
	}
	t, _ := v.(*Table)
	t.up = outermost(name)
	return t, nil
}

// scanRecord copies received values into a record of parameters.
func (s *Section) scanRecord(r *Record) error {
	if r == nil || r.shape == nil || r.shape.f != s.f {
		return &ShapeError{Path: "results", Got: "another record", Want: "a record of the parameters of function " + s.f.Name}
	}
	for i := range s.slots {
		if k := s.slots[i].kind; k == slotEmpty || k == slotSpent {
			continue
		}
		v, err := s.recordValue(&r.shape.fields[i], i)
		if err != nil {
			return err
		}
		r.replace(i, v)
	}
	return nil
}

// recordValue gives parameter i as what a record holds.
func (s *Section) recordValue(fd *shapeField, i int) (any, error) {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	if fd.line == nil {
		return s.value(i)
	}
	var v any
	var err error
	switch sl.kind {
	case slotXML:
		err = s.plain.document(p, sl.document(), func(x *docReader) (err error) {
			v, err = s.plain.xmlValue(x, fd, &s.texts, 0)
			return err
		})
	case slotTable:
		v, err = s.recordRows(fd.line, &sl.table)
	case slotValue:
		v, err = newRecordDecoder(fd.line, planRow(p.Type, &s.code), &s.texts).decode(sl.value)
	case slotColumns:
		v, err = s.blockRecords(fd, sl.blocks)
	case slotEmpty:
		v = newInitial(fd)
	default:
		return nil, s.spent(p)
	}
	if err != nil {
		return nil, at(p.Name, err)
	}
	return v, nil
}

// recordRows reads the rows of a classic table.
func (s *Section) recordRows(line *shape, rows *TableData) (*Table, error) {
	t := &Table{line: line, rows: make([]*Record, rows.Len())}
	c := newCoder(rows.row.Representation, s.Options)
	d := newRecordDecoder(line, planRow(line.typ, &c), &s.texts)
	for i := range t.rows {
		r, err := d.decode(rows.Row(i))
		if err != nil {
			return nil, atRow(i, err)
		}
		r.up = t
		t.rows[i] = r
	}
	return t, nil
}

// Scan gives the rows of a table as Go values: structs with tags, pointers to them, Params,
// plain values for an unnamed line. They are copies.
func Scan[T any](t *Table) ([]T, error) {
	if t.Len() == 0 {
		return []T{}, nil
	}
	elem, err := t.line.planElem(reflect.TypeFor[T](), t.line.typ)
	if err != nil {
		return nil, t.fail(err)
	}
	out := make([]T, len(t.rows))
	for i, r := range t.rows {
		if err := elem.fromRecord(r, unsafe.Pointer(&out[i])); err != nil {
			return nil, t.fail(atRow(i, err))
		}
	}
	return out, nil
}

// Scan copies the values into dst, a pointer to a struct with tags. Go fields without a
// parameter or field in the record stay as they are, and so do those of parameters without a
// value.
func (r *Record) Scan(dst any) error {
	if r == nil || r.shape == nil {
		return noRecord()
	}
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct || scalarStruct(rv.Elem().Type()) {
		return &ShapeError{Path: "results", Got: "go type " + reflect.TypeOf(dst).String(), Want: "a pointer to a struct"}
	}
	var ops []op
	if r.shape.f != nil {
		p, err := planFunction(rv.Elem().Type(), r.shape.f, &r.shape.coder)
		if err != nil {
			return err
		}
		ops = p.ops
	} else {
		p, err := planStruct(rv.Elem().Type(), r.shape.typ, &r.shape.coder)
		if err != nil {
			return at(r.path(), err)
		}
		ops = p.fields
	}
	if err := r.scan(ops, rv.UnsafePointer()); err != nil {
		return at(r.path(), err)
	}
	return nil
}

// scan stores the values in the Go struct at base.
func (r *Record) scan(ops []op, base unsafe.Pointer) error {
	for i := range ops {
		if o := &ops[i]; o.code != opNone && r.vals[i] != nil {
			if err := o.fromValue(r.vals[i], unsafe.Add(base, o.mem)); err != nil {
				return at(r.shape.fields[i].f.Name, err)
			}
		}
	}
	return nil
}

// fromRecord stores a row in memory of e.typ.
func (e *elemPlan) fromRecord(r *Record, to unsafe.Pointer) error {
	switch e.kind {
	case elemStruct:
		return r.scan(e.sub.fields, to)
	case elemPointer:
		v := reflect.New(e.typ.Elem())
		if err := r.scan(e.sub.fields, v.UnsafePointer()); err != nil {
			return err
		}
		reflect.NewAt(e.typ, to).Elem().Set(v)
		return nil
	case elemScalar:
		return e.op.fromValue(r.vals[0], to)
	case elemRecord:
		*(**Record)(to) = r.Clone()
		return nil
	case elemAny:
		*(*any)(to) = plainRow(r)
		return nil
	default:
		*(*Params)(to) = plainRecord(r) // map[string]any has the same underlying type
		return nil
	}
}

// fromValue stores what a record holds in the Go location of o.
func (o *op) fromValue(v any, to unsafe.Pointer) error {
	switch o.code {
	case opText, opTextLE, opString:
		if s, ok := v.(string); ok {
			*(*string)(to) = s
			return nil
		}
	case opInt, opInt4LE:
		if n, ok := recordInt(v); ok && writeInt(o.gk, to, n) {
			return nil
		}
	case opStruct:
		if r, ok := v.(*Record); ok {
			return r.scan(o.sub.fields, to)
		}
	case opTable:
		if t, ok := v.(*Table); ok {
			return o.fromTable(t, to)
		}
	case opPointer:
		n := reflect.New(o.typ.Elem())
		if err := o.inner.fromValue(v, n.UnsafePointer()); err != nil {
			return err
		}
		reflect.NewAt(o.typ, to).Elem().Set(n)
		return nil
	default:
	}
	if o.typ != recordType && o.typ != tableType {
		v = plainOf(o.cell.f, v)
	}
	return o.store(to, v)
}

func (o *op) fromTable(t *Table, to unsafe.Pointer) error {
	n := len(t.rows)
	slice := reflect.MakeSlice(o.typ, n, n)
	base, size := slice.UnsafePointer(), o.elem.typ.Size()
	for i, r := range t.rows {
		// base points to the array of the slice, which has n elements of this size.
		if err := o.elem.fromRecord(r, unsafe.Add(base, uintptr(i)*size)); err != nil {
			return atRow(i, err)
		}
	}
	reflect.NewAt(o.typ, to).Elem().Set(slice)
	return nil
}

// plainOf gives what a record holds as its default Go type outside of records: structures as
// Params, tables as slices.
func plainOf(f *metadata.Field, v any) any {
	switch x := v.(type) {
	case *Record:
		return plainRecord(x)
	case *Table:
		slice := reflect.MakeSlice(defaultType(f), len(x.rows), len(x.rows))
		for i, r := range x.rows {
			slice.Index(i).Set(reflect.ValueOf(plainRow(r)))
		}
		return slice.Interface()
	default:
		return copied(v)
	}
}

func plainRecord(r *Record) Params {
	m := make(Params, len(r.vals))
	for i, v := range r.vals {
		if v != nil {
			f := r.shape.fields[i].f
			m[f.Name] = plainOf(f, v)
		}
	}
	return m
}

// plainRow gives a row as Params, that of an unnamed line as its value.
func plainRow(r *Record) any {
	if r.shape.typ.Scalar() {
		return plainOf(r.shape.fields[0].f, r.vals[0])
	}
	return plainRecord(r)
}

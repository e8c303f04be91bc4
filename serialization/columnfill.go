package serialization

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Go values and classic rows become tables by column here. Whatever has no way of its own
// passes through a cell of a classic row, so that the rules of rows hold for columns as well.

// rowsInto appends the rows of g, which are of elem.typ, to a table.
func (c *coder) rowsInto(t *columns.Table, elem *elemPlan, g placed) error {
	switch elem.kind {
	case elemStruct:
		if err := c.structsInto(t.Columns, elem.sub, g, 0); err != nil {
			return err
		}
		t.Rows += g.n
		return nil
	case elemScalar:
		if elem.op.code != opPointer {
			if err := c.valuesInto(&t.Columns[0], &elem.op, g, 0); err != nil {
				return err
			}
			t.Rows += g.n
			return nil
		}
	default:
	}
	for i := range g.n {
		if err := c.rowInto(t, elem, g.at(i, 0)); err != nil {
			return &rowError{g.from + i, err}
		}
		t.Rows++
	}
	return nil
}

// rowInto appends one row.
func (c *coder) rowInto(t *columns.Table, elem *elemPlan, p unsafe.Pointer) error {
	switch elem.kind {
	case elemPointer:
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return nilRow()
		}
		return alone(c.structsInto(t.Columns, elem.sub, placed{base: q, n: 1}, 0))
	case elemScalar:
		if *(*unsafe.Pointer)(p) == nil {
			return nilRow()
		}
		return alone(c.valuesInto(&t.Columns[0], &elem.op, placed{base: p, n: 1}, 0))
	case elemMap:
		m := *(*map[string]any)(p) // Params has the same underlying type
		if m == nil {
			return nilRow()
		}
		return c.mapInto(t.Columns, elem.row, m)
	default:
		return c.anyInto(t, elem.row, *(*any)(p))
	}
}

// alone takes the row out of the error of a single value.
func alone(err error) error {
	if e, ok := err.(*rowError); ok { //nolint:errorlint // made here, never wrapped
		return e.err
	}
	return err
}

// anyInto appends a row given as an interface value.
func (c *coder) anyInto(t *columns.Table, row *rowPlan, v any) error {
	switch m := v.(type) {
	case nil:
		return nilRow()
	case Params:
		if m == nil {
			return nilRow()
		}
		return c.mapInto(t.Columns, row, m)
	case map[string]any:
		if m == nil {
			return nilRow()
		}
		return c.mapInto(t.Columns, row, m)
	case *Record:
		if m == nil {
			return nilRow()
		}
		return c.recordInto(t.Columns, row, m)
	}
	if rv, ok := structValue(v); ok {
		sp, err := planStruct(rv.Type(), row.typ, c)
		if err != nil {
			return err
		}
		return alone(c.structsInto(t.Columns, sp, placed{base: addressable(rv), n: 1}, 0))
	}
	if row.typ.Scalar() {
		return c.anyIntoColumn(&t.Columns[0], &row.cells[0], v)
	}
	return notRow(v)
}

// mapInto appends a structure given as a map.
func (c *coder) mapInto(cols []columns.Column, row *rowPlan, m map[string]any) error {
	first := firstColumnsOf(row.typ)
	found := 0
	for i := range row.cells {
		cl := &row.cells[i]
		v, ok := m[cl.f.Name]
		if !ok {
			initialInto(cols[first[i]:first[i+1]], 1)
			continue
		}
		found++
		if err := c.anyIntoField(cols[first[i]:first[i+1]], cl, v); err != nil {
			return at(cl.f.Name, err)
		}
	}
	if found != len(m) {
		return unknownField(row.typ, m)
	}
	return nil
}

// anyIntoField appends the value of a field, which may be a structure.
func (c *coder) anyIntoField(cols []columns.Column, cl *cell, v any) error {
	if !cl.f.Kind.IsStructure() {
		return c.anyIntoColumn(&cols[0], cl, v)
	}
	switch m := v.(type) {
	case Params:
		return c.mapInto(cols, cl.sub, m)
	case map[string]any:
		return c.mapInto(cols, cl.sub, m)
	case *Record:
		if m == nil {
			return notStructure(cl.f, nil)
		}
		return c.recordInto(cols, cl.sub, m)
	}
	if y, changed, err := standIn(cl.f, v); changed || err != nil {
		if err != nil {
			return err
		}
		return c.anyIntoField(cols, cl, y)
	}
	rv, ok := structValue(v)
	if !ok {
		return notStructure(cl.f, v)
	}
	sp, err := planStruct(rv.Type(), cl.f.Type, c)
	if err != nil {
		return err
	}
	return alone(c.structsInto(cols, sp, placed{base: addressable(rv), n: 1}, 0))
}

// anyIntoColumn appends one value.
func (c *coder) anyIntoColumn(col *columns.Column, cl *cell, v any) error {
	switch cl.f.Kind {
	case metadata.String, metadata.XString:
		return c.variableInto(col, value{v: v})
	case metadata.Table:
		rows, err := c.tableValue(cl.f, v)
		if err != nil {
			return err
		}
		return c.tableInto(col, &rows)
	default:
		b := scratchCells.Get().(*[]byte)
		defer scratchCells.Put(b)
		*b = slices.Grow((*b)[:0], cl.width)[:cl.width]
		if err := c.encode(*b, cl, v, 0); err != nil {
			return err
		}
		return c.cellInto(col, *b)
	}
}

// scratchCells are cells that values pass through.
var scratchCells = sync.Pool{New: func() any { return new([]byte) }}

// variableInto appends a STRING or XSTRING.
func (c *coder) variableInto(col *columns.Column, v value) error {
	text, raw, err := anyVariable(col.Field, v)
	if err == nil && col.Field.Kind == metadata.String {
		text, err = c.documentText(col.Field, text)
	}
	if err != nil {
		return err
	}
	if n := uint64(len(text) + len(raw)); n > MaxValue {
		return &LimitError{What: "bytes", Size: n, Limit: MaxValue}
	}
	col.Bytes = append(append(col.Bytes, text...), raw...)
	return closeValue(col)
}

// maxColumnBytes is what the offsets of a column can address.
const maxColumnBytes = math.MaxUint32

// closeValue ends the value at the end of Bytes.
func closeValue(col *columns.Column) error {
	if uint64(len(col.Bytes)) > maxColumnBytes {
		return &LimitError{What: "bytes of texts in one column", Size: uint64(len(col.Bytes)), Limit: maxColumnBytes}
	}
	col.Offsets = append(col.Offsets, uint32(len(col.Bytes)))
	return nil
}

// tableInto appends a nested table.
func (c *coder) tableInto(col *columns.Column, rows *rowsOf) error {
	if err := rows.chunks(chunkRows, func(g placed) error { return inRow(c.rowsInto(col.Lines, rows.elem, g)) }); err != nil {
		return err
	}
	if uint64(col.Lines.Rows) > math.MaxUint32 {
		return &LimitError{What: "number of rows", Size: uint64(col.Lines.Rows), Limit: math.MaxUint32}
	}
	col.Offsets = append(col.Offsets, uint32(col.Lines.Rows))
	return nil
}

// tablesInto appends nested tables given as slices.
func (c *coder) tablesInto(col *columns.Column, o *op, g placed, mem uintptr) error {
	size := o.elem.typ.Size()
	for i := range g.n {
		// Every slice has the same header; nil is an empty table.
		s := *(*sliceHeader)(g.at(i, mem))
		if s.len > 0 {
			if err := c.rowsInto(col.Lines, o.elem, placed{base: s.data, size: size, n: s.len}); err != nil {
				return &rowError{g.from + i, inRow(err)}
			}
		}
		if uint64(col.Lines.Rows) > math.MaxUint32 {
			return &rowError{g.from + i, &LimitError{What: "number of rows", Size: uint64(col.Lines.Rows), Limit: math.MaxUint32}}
		}
		col.Offsets = append(col.Offsets, uint32(col.Lines.Rows))
	}
	return nil
}

// structsInto appends Go structs that lie mem bytes into the values of g.
func (c *coder) structsInto(cols []columns.Column, sp *structPlan, g placed, mem uintptr) error {
	first := firstColumnsOf(sp.row.typ)
	for i := range sp.fields {
		o := &sp.fields[i]
		list := cols[first[i]:first[i+1]]
		if o.code == opNone {
			initialInto(list, g.n)
			continue
		}
		if err := c.fieldInto(list, o, g, mem+o.mem); err != nil {
			return atField(o.path, err)
		}
	}
	return nil
}

// fieldInto appends a field, which may be a structure.
func (c *coder) fieldInto(cols []columns.Column, o *op, g placed, mem uintptr) error {
	if !o.cell.f.Kind.IsStructure() {
		return c.valuesInto(&cols[0], o, g, mem)
	}
	if o.code == opStruct && !o.omit {
		return c.structsInto(cols, o.sub, g, mem)
	}
	for i := range g.n {
		if err := c.structInto(cols, o, g.at(i, mem)); err != nil {
			return &rowError{g.from + i, err}
		}
	}
	return nil
}

// structInto appends one structure that needs a look first.
func (c *coder) structInto(cols []columns.Column, o *op, p unsafe.Pointer) error {
	if o.omit && o.zero(p) {
		initialInto(cols, 1)
		return nil
	}
	for o.code == opPointer {
		if p = *(*unsafe.Pointer)(p); p == nil {
			initialInto(cols, 1)
			return nil
		}
		o = o.inner
	}
	if o.code == opStruct {
		return alone(c.structsInto(cols, o.sub, placed{base: p, n: 1}, 0))
	}
	v := o.value(p)
	if v == nil {
		initialInto(cols, 1)
		return nil
	}
	return c.anyIntoField(cols, o.cell, v)
}

// valuesInto appends the values of one field that is no structure.
func (c *coder) valuesInto(col *columns.Column, o *op, g placed, mem uintptr) error {
	i, err := 0, error(nil)
	switch o.code {
	case opTextLE, opText:
		if col.Field.Kind == metadata.Char {
			return c.charsInto(col, g, mem)
		}
		for ; i < g.n && err == nil; i++ {
			err = numcInto(col, *(*string)(g.at(i, mem)))
		}
	case opInt:
		return c.integersOut(col, o, g, mem)
	case opInt4LE:
		for ; i < g.n; i++ {
			col.Int32s = append(col.Int32s, *(*int32)(g.at(i, mem)))
		}
	case opFloat:
		for ; i < g.n && err == nil; i++ {
			x := *(*float64)(g.at(i, mem))
			if err = checkFloat(col.Field, x); err == nil {
				col.Float64s = append(col.Float64s, x)
			}
		}
	case opString, opBytes:
		if o.kind == metadata.Raw {
			for ; i < g.n && err == nil; i++ {
				err = rawInto(col, *(*[]byte)(g.at(i, mem)))
			}
			break
		}
		for ; i < g.n && err == nil; i++ {
			err = c.variableInto(col, value{o: o, p: g.at(i, mem)})
		}
	case opDate:
		if o.kind != metadata.Date {
			return c.slowInto(col, o, g, mem)
		}
		for ; i < g.n; i++ {
			raw := (*(*abap.Date)(g.at(i, mem))).Raw()
			col.Fixed = append(col.Fixed, raw[:]...)
		}
	case opTime:
		for ; i < g.n; i++ {
			raw := (*(*abap.Time)(g.at(i, mem))).Raw()
			col.Fixed = append(col.Fixed, raw[:]...)
		}
	case opDecimal:
		if o.kind != metadata.Packed || c.RoundDecimals {
			return c.slowInto(col, o, g, mem)
		}
		for ; i < g.n && err == nil; i++ {
			n := len(col.Fixed)
			col.Fixed = slices.Grow(col.Fixed, col.Width)[:n+col.Width]
			err = c.encodePacked(col.Fixed[n:], col.Field, *(*abap.Decimal)(g.at(i, mem)))
		}
	case opTable:
		return c.tablesInto(col, o, g, mem)
	case opTimestamp:
		for ; i < g.n && err == nil; i++ {
			var raw int64
			if raw, err = (*(*abap.Timestamp)(g.at(i, mem))).Raw(precision(o.kind)); err != nil {
				err = abapError(col.Field, err)
				continue
			}
			col.Int64s = append(col.Int64s, raw)
		}
	default:
		return c.slowInto(col, o, g, mem)
	}
	if err != nil {
		return &rowError{g.from + i - 1, err}
	}
	return nil
}

// integersOut appends Go integers of any type; c.encode makes the errors of rows.
func (c *coder) integersOut(col *columns.Column, o *op, g placed, mem uintptr) error {
	low, high := intRange(o.kind)
	for i := range g.n {
		n, fits := readInt(o.gk, g.at(i, mem))
		if !fits || n < low || n > high {
			return c.slowInto(col, o, placed{g.at(i, 0), g.size, g.from + i, 1}, mem)
		}
		switch o.kind {
		case metadata.Int1:
			col.Uint8s = append(col.Uint8s, uint8(n))
		case metadata.Int2:
			col.Int16s = append(col.Int16s, int16(n))
		case metadata.Int4:
			col.Int32s = append(col.Int32s, int32(n))
		default:
			col.Int64s = append(col.Int64s, n)
		}
	}
	return nil
}

// numcInto appends a NUM, padded with zeros at the left.
func numcInto(col *columns.Column, s string) error {
	f := col.Field
	if err := checkNumc(f, s, f.Length); err != nil {
		return err
	}
	for range f.Length - len(s) {
		col.Bytes = append(col.Bytes, '0')
	}
	col.Bytes = append(col.Bytes, s...)
	return closeValue(col)
}

// rawInto appends an X without the zeros behind it.
func rawInto(col *columns.Column, b []byte) error {
	if n := col.Field.Length; len(b) > n {
		return refusef(col.Field, TooLong, show(b), "%d bytes, at most %d", len(b), n)
	}
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	col.Bytes = append(col.Bytes, b[:n]...)
	return closeValue(col)
}

// slowInto appends values of uncommon pairs of types.
func (c *coder) slowInto(col *columns.Column, o *op, g placed, mem uintptr) error {
	scratch := make([]byte, o.cell.width)
	for i := range g.n {
		if err := c.valueInto(col, o, g.at(i, mem), scratch); err != nil {
			return &rowError{g.from + i, err}
		}
	}
	return nil
}

// valueInto appends one value through a cell, for which scratch is the memory.
func (c *coder) valueInto(col *columns.Column, o *op, p unsafe.Pointer, scratch []byte) error {
	if o.omit && o.zero(p) {
		initialValues(col, 1)
		return nil
	}
	for o.code == opPointer {
		if p = *(*unsafe.Pointer)(p); p == nil {
			initialValues(col, 1)
			return nil
		}
		o = o.inner
	}
	switch col.Field.Kind {
	case metadata.String, metadata.XString:
		return c.variableInto(col, value{o: o, p: p})
	case metadata.Table:
		if o.code != opTable && o.value(p) == nil {
			initialValues(col, 1)
			return nil
		}
		rows, err := c.tableOp(o, p)
		if err != nil {
			return err
		}
		return c.tableInto(col, &rows)
	default:
		c.fillInitial(scratch, o.cell) // of what an empty interface leaves out
		if err := c.encodeOp(scratch, o, p); err != nil {
			return err
		}
		return c.cellInto(col, scratch)
	}
}

// charsInto appends CHAR values.
func (c *coder) charsInto(col *columns.Column, g placed, mem uintptr) error {
	b, ends, length := col.Bytes, slices.Grow(col.Offsets, g.n), col.Field.Length
	for i := range g.n {
		s := *(*string)(g.at(i, mem))
		n := len(s)
		if n > length || !plainASCII(s) {
			cut, err := c.fitChar(col.Field, s)
			if err != nil {
				return &rowError{g.from + i, err}
			}
			s, n = cut, len(cut)
		}
		for n > 0 && s[n-1] == ' ' {
			n--
		}
		b = append(b, s[:n]...)
		ends = append(ends, uint32(len(b)))
	}
	if uint64(len(b)) > maxColumnBytes {
		return &rowError{g.from, &LimitError{What: "bytes of texts in one column", Size: uint64(len(b)), Limit: maxColumnBytes}}
	}
	col.Bytes, col.Offsets = b, ends
	return nil
}

// fitChar checks a text that is long or not ASCII, and cuts it if that was asked for.
func (c *coder) fitChar(f *metadata.Field, s string) (string, error) {
	units, err := codepage.UTF16Len(s)
	switch {
	case err != nil:
		return "", textError(f, s, err)
	case units > f.Length && c.Truncate:
		return codepage.PrefixUTF16(s, f.Length), nil
	case units > f.Length:
		return "", textError(f, s, &codepage.LengthError{Need: units, Max: f.Length})
	}
	return s, nil
}

// plainASCII reports whether a text has only ASCII characters.
func plainASCII(s string) bool {
	b := unsafe.Slice(unsafe.StringData(s), len(s)) // read only
	var or uint64
	for len(b) >= 8 {
		or |= binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	for _, c := range b {
		or |= uint64(c)
	}
	return or&0x8080_8080_8080_8080 == 0
}

// initialInto appends n initial values to each column.
func initialInto(cols []columns.Column, n int) {
	for i := range cols {
		initialValues(&cols[i], n)
	}
}

// initialValues appends n initial values.
func initialValues(col *columns.Column, n int) {
	switch {
	case col.Width > 0:
		for range n {
			col.Fixed = columns.AppendInitial(col.Fixed, col.Field)
		}
	case col.Lines != nil:
		for range n {
			col.Offsets = append(col.Offsets, uint32(col.Lines.Rows))
		}
	case col.Offsets != nil:
		for range n {
			col.Bytes = columns.AppendInitial(col.Bytes, col.Field)
			col.Offsets = append(col.Offsets, uint32(len(col.Bytes)))
		}
	default:
		col.AppendZeros(n)
	}
}

// cellInto appends the value of a cell that the coder wrote or received.
func (c *coder) cellInto(col *columns.Column, b []byte) error {
	f := col.Field
	switch f.Kind {
	case metadata.Char, metadata.Numc:
		if f.Kind == metadata.Char {
			b = c.trim(b)
		}
		out, err := c.decodeText(col.Bytes, b)
		if err != nil {
			return textError(f, "", err)
		}
		col.Bytes = out
		return closeValue(col)
	case metadata.Raw:
		return rawInto(col, b)
	case metadata.Date:
		d, err := c.decodeDate(b, f)
		raw := d.Raw()
		col.Fixed = append(col.Fixed, raw[:]...)
		return err
	case metadata.Time:
		t, err := c.decodeTime(b, f)
		raw := t.Raw()
		col.Fixed = append(col.Fixed, raw[:]...)
		return err
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		n := len(col.Fixed)
		col.Fixed = append(col.Fixed, b...)
		if c.BigEndian && f.Kind.DecFloat() {
			slices.Reverse(col.Fixed[n:]) // columns are little-endian
		}
		return nil
	case metadata.Float:
		col.Float64s = append(col.Float64s, math.Float64frombits(c.order().Uint64(b)))
		return nil
	default:
		switch len(b) {
		case 1:
			col.Uint8s = append(col.Uint8s, b[0])
		case 2:
			col.Int16s = append(col.Int16s, int16(c.order().Uint16(b)))
		case 4:
			col.Int32s = append(col.Int32s, int32(c.order().Uint32(b)))
		default:
			col.Int64s = append(col.Int64s, int64(c.order().Uint64(b)))
		}
		return nil
	}
}

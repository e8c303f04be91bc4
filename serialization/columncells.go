package serialization

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Rows are taken in groups of up to cellsPerColumn and cachedRows bytes, few enough that they
// stay in the cache between two columns.
const (
	cellsPerColumn = 64
	cachedRows     = 16 << 10
	cacheLine      = 64
)

// classicRows are rows of a flat table as they came.
type classicRows interface {
	Len() int
	Row(i int) []byte
}

// cellsInto appends classic rows to a table. Each has at least the used width.
func (p *rowPlan) cellsInto(t *columns.Table, rows classicRows) error {
	var group [cellsPerColumn][]byte
	size := min(cellsPerColumn, max(8, cachedRows/max(p.total, 1)))
	for from := 0; from < rows.Len(); from += size {
		n := min(size, rows.Len()-from)
		touched := byte(0)
		for i := range n {
			row := rows.Row(from + i)
			// One column after the other jumps through memory. Walking the rows in their
			// order first brings them into the cache at the speed of the bus.
			for k := 0; k < len(row); k += cacheLine {
				touched |= row[k]
			}
			group[i] = row
		}
		runtime.KeepAlive(touched)
		if err := p.cellColumns(t.Columns, group[:n], 0); err != nil {
			if e, ok := err.(*rowError); ok { //nolint:errorlint // made by cellColumn, never wrapped
				e.row += from
			}
			return inRow(err)
		}
		if t.Rows += n; from == 0 {
			t.Reserve(rows.Len())
		}
	}
	return nil
}

// cellColumns appends the cells of rows; the structure lies off bytes into them.
func (p *rowPlan) cellColumns(cols []columns.Column, rows [][]byte, off int) error {
	first := firstColumnsOf(p.typ)
	for i := range p.cells {
		cl := &p.cells[i]
		var err error
		if cl.sub != nil {
			err = cl.sub.cellColumns(cols[first[i]:first[i+1]], rows, off+cl.off)
		} else {
			err = p.cellColumn(&cols[first[i]], rows, off+cl.off, cl.width)
		}
		if err != nil {
			return atField(cl.f.Name, err)
		}
	}
	return nil
}

// cellColumn appends one cell of each row.
func (p *rowPlan) cellColumn(col *columns.Column, rows [][]byte, off, width int) error {
	switch k := col.Field.Kind; {
	case k == metadata.Char && p.mode == textUTF16LE:
		return p.charColumn(col, rows, off, width)
	case k == metadata.Int4 && !p.BigEndian:
		list := slices.Grow(col.Int32s, len(rows))
		for _, row := range rows {
			list = append(list, int32(binary.LittleEndian.Uint32(row[off:])))
		}
		col.Int32s = list
		return nil
	case k == metadata.Date && p.mode == textUTF16LE:
		list := slices.Grow(col.Fixed, 8*len(rows))
		for i, row := range rows {
			b := row[off : off+width]
			d, ok := cellDate(b)
			if !ok {
				_, err := p.decodeDate(b, col.Field)
				return &rowError{i, err}
			}
			raw := d.Raw()
			list = append(list, raw[:]...)
		}
		col.Fixed = list
		return nil
	case k == metadata.Packed:
		list := slices.Grow(col.Fixed, width*len(rows))
		for i, row := range rows {
			b := row[off : off+width]
			if _, err := decodePacked(b, col.Field); err != nil {
				return &rowError{i, err}
			}
			list = append(list, b...)
		}
		col.Fixed = list
		return nil
	default:
		for i, row := range rows {
			if err := p.cellInto(col, row[off:off+width]); err != nil {
				return &rowError{i, err}
			}
		}
		return nil
	}
}

// charColumn appends texts of a Unicode peer, which are mostly ASCII.
func (p *rowPlan) charColumn(col *columns.Column, rows [][]byte, off, width int) error {
	room := max(width/2, minCellText)
	b := slices.Grow(col.Bytes, len(rows)*room)
	ends := slices.Grow(col.Offsets, len(rows))
	for i, row := range rows {
		cell := row[off : off+width]
		if cap(b)-len(b) < room {
			b = slices.Grow(b, (len(rows)-i)*room)
		}
		if k, ok := cellText(b[len(b):cap(b)], cell); ok {
			b = b[:len(b)+k]
		} else {
			out, err := p.decodeText(b, p.trim(cell))
			if err != nil {
				return &rowError{i, textError(col.Field, "", err)}
			}
			b = out
		}
		if uint64(len(b)) > math.MaxUint32 {
			return &rowError{i, &LimitError{What: "bytes of texts in one column", Size: uint64(len(b)), Limit: maxColumnBytes}}
		}
		ends = append(ends, uint32(len(b)))
	}
	col.Bytes, col.Offsets = b, ends
	return nil
}

// Columns gives a received table by column; also one that was not received: it has no rows.
// The result is the caller's.
func (s *Section) Columns(name string) (*columns.Table, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	t, err := s.columns(i)
	if err != nil {
		return nil, at(name, err)
	}
	return t, nil
}

func (s *Section) columns(i int) (*columns.Table, error) {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	if p.Kind != metadata.Table {
		return nil, &ShapeError{Got: typeText(&p.Field), Want: "a TABLE"}
	}
	t := columns.New(p.Type)
	switch sl.kind {
	case slotEmpty:
	case slotSpent, slotUnkept:
		return nil, s.spent(p)
	case slotTable:
		if err := sl.table.row.cellsInto(t, &sl.table); err != nil {
			return nil, err
		}
	case slotXML:
		if err := s.documentColumns(p, sl.document(), t); err != nil {
			return nil, err
		}
	case slotColumns:
		return fastColumns(sl.blocks, p.Type)
	default:
	}
	return t, nil
}

// documentColumns appends the rows of a document.
func (s *Section) documentColumns(p *metadata.Parameter, doc tokens, t *columns.Table) error {
	elem, err := s.plain.planElem(defaultRow(p.Type), p.Type)
	if err != nil {
		return err
	}
	row := reflect.New(elem.typ)
	k := 0
	return s.plain.eachRow(p, doc, func(x *docReader) error {
		row.Elem().SetZero()
		err := s.plain.xmlRow(x, elem, row.UnsafePointer(), &s.texts, 1)
		if err == nil {
			err = s.plain.rowsInto(t, elem, placed{base: row.UnsafePointer(), n: 1})
		}
		if err != nil {
			return atRow(k, alone(err))
		}
		k++
		return nil
	})
}

// ColumnDecoder collects rows as they arrive and gives them out by column, a batch at a
// time. It is not safe for concurrent use.
type ColumnDecoder struct {
	p     *metadata.Parameter
	row   *rowPlan
	cells rowBuffer
	ready []*columns.Table
}

// NewColumnDecoder makes a decoder for the rows of p as written by a party with
// representation r.
func NewColumnDecoder(p *metadata.Parameter, r Representation, o Options) (*ColumnDecoder, error) {
	if p.Kind != metadata.Table || p.Type == nil {
		return nil, &ShapeError{Path: p.Name, Got: typeText(&p.Field), Want: "a TABLE"}
	}
	c := newCoder(r, o)
	return &ColumnDecoder{p: p, row: planRow(p.Type, &c)}, nil
}

// Add takes rows. Classic ones are copied; a batch is complete when it has BatchRows of them.
func (d *ColumnDecoder) Add(rows RowData) error {
	if rows.table != nil {
		d.ready = append(d.ready, rows.table)
		return nil
	}
	for i := range rows.Len() {
		b := rows.Row(i)
		if len(b) < d.row.used {
			return &StaleError{Path: d.p.Name, Want: fmt.Sprintf("a flat row of %d bytes", d.row.used), Got: fmt.Sprintf("%d", len(b))}
		}
		d.cells.stride = d.row.used
		d.cells.data = append(d.cells.data, b[:d.row.used]...)
		if d.cells.Len() >= BatchRows {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Next gives the next complete batch; at the end of the table, when last is true, also one
// that is not. nil means that there is none.
func (d *ColumnDecoder) Next(last bool) (*columns.Table, error) {
	if len(d.ready) == 0 && last && d.cells.Len() > 0 {
		if err := d.flush(); err != nil {
			return nil, err
		}
	}
	if len(d.ready) == 0 {
		return nil, nil
	}
	t := d.ready[0]
	d.ready = d.ready[1:]
	return t, nil
}

func (d *ColumnDecoder) flush() error {
	t := columns.New(d.p.Type)
	if err := d.row.cellsInto(t, &d.cells); err != nil {
		return at(d.p.Name, err)
	}
	d.cells.data = d.cells.data[:0]
	d.ready = append(d.ready, t)
	return nil
}

// rowBuffer holds copies of classic rows.
type rowBuffer struct {
	data   []byte
	stride int
}

func (r *rowBuffer) Len() int {
	if r.stride == 0 {
		return 0
	}
	return len(r.data) / r.stride
}

func (r *rowBuffer) Row(i int) []byte { return r.data[i*r.stride : (i+1)*r.stride] }

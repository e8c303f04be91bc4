package serialization

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// cellsPerColumn is the number of rows of which one column is taken after the other: few
// enough that the rows stay in the cache between two columns.
const cellsPerColumn = 64

// classicRows are rows of a flat table as they came.
type classicRows interface {
	Len() int
	Row(i int) []byte
}

// cellsInto appends classic rows to a table. Each has at least the used width.
func (p *rowPlan) cellsInto(t *columns.Table, rows classicRows) error {
	for from := 0; from < rows.Len(); from += cellsPerColumn {
		n := min(cellsPerColumn, rows.Len()-from)
		if err := p.cellColumns(t.Columns, rows, from, n, 0); err != nil {
			return inRow(err)
		}
		if t.Rows += n; from == 0 {
			t.Reserve(rows.Len())
		}
	}
	return nil
}

// cellColumns appends the cells of n rows; the structure lies off bytes into them.
func (p *rowPlan) cellColumns(cols []columns.Column, rows classicRows, from, n, off int) error {
	first := firstColumnsOf(p.typ)
	for i := range p.cells {
		cl := &p.cells[i]
		var err error
		if cl.sub != nil {
			err = cl.sub.cellColumns(cols[first[i]:first[i+1]], rows, from, n, off+cl.off)
		} else {
			err = p.cellColumn(&cols[first[i]], rows, from, n, off+cl.off, cl.width)
		}
		if err != nil {
			return atField(cl.f.Name, err)
		}
	}
	return nil
}

// cellColumn appends one cell of each row.
func (p *rowPlan) cellColumn(col *columns.Column, rows classicRows, from, n, off, width int) error {
	switch k := col.Field.Kind; {
	case k == metadata.Char && p.mode == textUTF16LE:
		return p.charColumn(col, rows, from, n, off, width)
	case k == metadata.Int4 && !p.BigEndian:
		list := slices.Grow(col.Int32s, n)
		for i := range n {
			list = append(list, int32(binary.LittleEndian.Uint32(rows.Row(from + i)[off:])))
		}
		col.Int32s = list
		return nil
	case k == metadata.Date && p.mode == textUTF16LE:
		list := slices.Grow(col.Fixed, 8*n)
		for i := range n {
			b := rows.Row(from + i)[off : off+width]
			d, ok := cellDate(b)
			if !ok {
				_, err := p.decodeDate(b, col.Field)
				return &rowError{from + i, err}
			}
			raw := d.Raw()
			list = append(list, raw[:]...)
		}
		col.Fixed = list
		return nil
	case k == metadata.Packed:
		list := slices.Grow(col.Fixed, width*n)
		for i := range n {
			b := rows.Row(from + i)[off : off+width]
			if _, err := decodePacked(b, col.Field); err != nil {
				return &rowError{from + i, err}
			}
			list = append(list, b...)
		}
		col.Fixed = list
		return nil
	default:
		for i := range n {
			if err := p.cellInto(col, rows.Row(from + i)[off:off+width]); err != nil {
				return &rowError{from + i, err}
			}
		}
		return nil
	}
}

// charColumn appends texts of a Unicode peer, which are mostly ASCII.
func (p *rowPlan) charColumn(col *columns.Column, rows classicRows, from, n, off, width int) error {
	room := max(width/2, minCellText)
	b := slices.Grow(col.Bytes, n*room)
	ends := slices.Grow(col.Offsets, n)
	for i := range n {
		cell := rows.Row(from + i)[off : off+width]
		if cap(b)-len(b) < room {
			b = slices.Grow(b, (n-i)*room)
		}
		if k, ok := cellText(b[len(b):cap(b)], cell); ok {
			b = b[:len(b)+k]
		} else {
			out, err := p.decodeText(b, p.trim(cell))
			if err != nil {
				return &rowError{from + i, textError(col.Field, "", err)}
			}
			b = out
		}
		if uint64(len(b)) > math.MaxUint32 {
			return &rowError{from + i, &LimitError{What: "bytes of texts in one column", Size: uint64(len(b)), Limit: maxColumnBytes}}
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
	case slotSpent:
		return nil, s.spent(p)
	case slotTable:
		if err := sl.table.row.cellsInto(t, &sl.table); err != nil {
			return nil, err
		}
	case slotXML:
		if err := s.documentColumns(p, sl.document(), t); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("no rows")
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

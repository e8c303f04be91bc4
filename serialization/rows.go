package serialization

import (
	"fmt"
	"iter"
	"reflect"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// RowDecoder decodes rows of a table into values of type T: a struct with tags, a pointer
// to one, *Record, Params, map[string]any, any, or a scalar for an unnamed line.
//
// Texts of rows share chunks of memory of up to 64 KiB: keeping one string keeps its chunk.
// A RowDecoder is not safe for concurrent use.
type RowDecoder[T any] struct {
	// Before is the number of rows of the table in front of those given to DecodeRows; it
	// counts in the paths of errors only.
	Before int

	d rowDecoder
}

// NewRowDecoder makes a decoder for the rows of p as written by a party with representation
// r. Its errors are those of the mapping. Rows of deep lines exist in fast formats only.
func NewRowDecoder[T any](p *metadata.Parameter, r Representation, o Options) (*RowDecoder[T], error) {
	if p.Kind != metadata.Table || p.Type == nil {
		return nil, &ShapeError{Path: p.Name, Got: typeText(&p.Field), Want: "a TABLE"}
	}
	c := newCoder(r, o)
	elem, err := c.planElem(reflect.TypeFor[T](), p.Type)
	if err != nil {
		return nil, at(p.Name, err)
	}
	return &RowDecoder[T]{d: rowDecoder{elem: elem, texts: new(arena)}}, nil
}

// Decode decodes one classic row, at least the used width of the line, into dst. It does not
// allocate for structs but for their texts, chunk by chunk. Fields of dst that the line
// does not have stay as they are.
func (d *RowDecoder[T]) Decode(row []byte, dst *T) error {
	if e := d.d.elem; len(row) < e.row.used || e.row.typ.Deep() {
		return &StaleError{Want: fmt.Sprintf("a flat row of %d bytes", e.row.used), Got: fmt.Sprintf("%d", len(row))}
	}
	return d.d.decode(row, unsafe.Pointer(dst))
}

// DecodeRows decodes len(dst) rows from row first on. The path of an error starts with the
// number of the row. Texts of fast formats alias the memory of rows.
func (d *RowDecoder[T]) DecodeRows(rows RowData, first int, dst []T) error {
	if len(dst) == 0 {
		return nil
	}
	if rows.table != nil {
		g := placed{base: unsafe.Pointer(&dst[0]), size: unsafe.Sizeof(dst[0]), from: first, n: len(dst)}
		err := d.d.elem.row.fromColumns(rows.table, d.d.elem, g)
		if e, ok := err.(*rowError); ok { //nolint:errorlint // made by fromColumns, never wrapped
			return atRow(d.Before+e.row, e.err)
		}
		return err
	}
	for i := range dst {
		if err := d.Decode(rows.Row(first+i), &dst[i]); err != nil {
			return atRow(d.Before+first+i, err)
		}
	}
	return nil
}

// rowDecoder decodes rows into memory of elem.typ.
type rowDecoder struct {
	elem  *elemPlan
	texts *arena
	maps  *mapDecoder
	recs  *recordDecoder
}

func (d *rowDecoder) decode(row []byte, to unsafe.Pointer) error {
	e := d.elem
	switch e.kind {
	case elemStruct:
		return e.sub.decodeRow(row, to, d.texts)
	case elemPointer:
		v := reflect.New(e.typ.Elem())
		if err := e.sub.decodeRow(row, v.UnsafePointer(), d.texts); err != nil {
			return err
		}
		reflect.NewAt(e.typ, to).Elem().Set(v)
		return nil
	case elemScalar:
		return e.row.decodeOp(row[:e.op.width], &e.op, to, d.texts)
	case elemAny:
		if e.row.typ.Scalar() {
			v, err := e.row.decode(row[:e.row.cells[0].width], &e.row.cells[0])
			if err != nil {
				return err
			}
			*(*any)(to) = v
			return nil
		}
		m, err := d.decodeMap(row)
		if err != nil {
			return err
		}
		*(*any)(to) = m
		return nil
	case elemRecord:
		if d.recs == nil {
			d.recs = newRecordDecoder(e.line, e.row, d.texts)
		}
		r, err := d.recs.decode(row)
		*(**Record)(to) = r
		return err
	default:
		m, err := d.decodeMap(row)
		if err != nil {
			return err
		}
		*(*Params)(to) = m // map[string]any has the same underlying type
		return nil
	}
}

func (d *rowDecoder) decodeMap(row []byte) (Params, error) {
	if d.maps == nil {
		d.maps = newMapDecoder(d.elem.row, d.texts)
	}
	return d.maps.decode(row)
}

// Rows decodes the rows of a received table one by one, whether it came in classic form or
// as a document. T is as for RowDecoder, and may be a struct with deep fields for deep
// tables. The sequence yields at most one error and ends with it.
func Rows[T any](s *Section, name string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		i, err := s.find(name)
		if err != nil {
			yield(zero, err)
			return
		}
		p, sl := &s.f.Parameters[i], &s.slots[i]
		if p.Kind != metadata.Table {
			yield(zero, &ShapeError{Path: name, Got: typeText(&p.Field), Want: "a TABLE"})
			return
		}
		if sl.kind == slotXML {
			documentRows(s, p, sl.document(), yield)
			return
		}
		if sl.kind == slotColumns {
			rowsOfBlocks(s, p, sl.blocks, yield)
			return
		}
		if sl.kind == slotEmpty && p.Type.Deep() {
			return
		}
		t, err := s.Table(name)
		if err != nil {
			yield(zero, err)
			return
		}
		d, err := NewRowDecoder[T](p, t.Representation(), s.Options)
		if err != nil {
			yield(zero, err)
			return
		}
		for k := range t.Len() {
			var row T
			if err := d.Decode(t.Row(k), &row); err != nil {
				yield(zero, at(name, atRow(k, err)))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// documentRows yields the rows of a document.
func documentRows[T any](s *Section, p *metadata.Parameter, doc tokens, yield func(T, error) bool) {
	var zero T
	elem, err := s.plain.planElem(reflect.TypeFor[T](), p.Type)
	if err != nil {
		yield(zero, at(p.Name, err))
		return
	}
	k, stopped := 0, false
	err = s.plain.eachRow(p, doc, func(x *docReader) error {
		row := new(T)
		if err := s.plain.xmlRow(x, elem, unsafe.Pointer(row), &s.texts, 1); err != nil {
			return atRow(k, err)
		}
		k++
		x.grown = 0 // the row is the caller's from here on
		if !yield(*row, nil) {
			stopped = true
			return errStop
		}
		return nil
	})
	if err != nil && !stopped {
		yield(zero, at(p.Name, err))
	}
}

// defaultRow is the Go type of a row read without a target type.
func defaultRow(line *metadata.Type) reflect.Type {
	if !line.Scalar() {
		return paramsType
	}
	return defaultType(&line.Fields[0])
}

// defaultType is the Go type of a value read without a target type.
func defaultType(f *metadata.Field) reflect.Type {
	switch f.Kind {
	case metadata.Char, metadata.Numc, metadata.String:
		return reflect.TypeFor[string]()
	case metadata.Date:
		return dateType
	case metadata.Time:
		return timeType
	case metadata.Raw, metadata.XString:
		return bytesType
	case metadata.Int4:
		return reflect.TypeFor[int32]()
	case metadata.Int2:
		return reflect.TypeFor[int16]()
	case metadata.Int1:
		return reflect.TypeFor[uint8]()
	case metadata.Int8:
		return reflect.TypeFor[int64]()
	case metadata.Float:
		return reflect.TypeFor[float64]()
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		return decimalType
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		return timestampType
	case metadata.DTDay:
		return dateType
	case metadata.DTWeek:
		return weekType
	case metadata.DTMonth:
		return monthType
	case metadata.TSecond, metadata.TMinute:
		return timeOfDayType
	case metadata.CDay:
		return monthDayType
	case metadata.Structure, metadata.DeepStructure:
		return paramsType
	case metadata.Table:
		return reflect.SliceOf(defaultRow(f.Type))
	default:
		return anyType
	}
}

// initialValue is the initial value of a field as its default Go type.
func (c *coder) initialValue(f *metadata.Field) (any, error) {
	switch f.Kind {
	case metadata.Char, metadata.String:
		return "", nil
	case metadata.Numc:
		cl := cell{f: f, width: f.Width(c.CharWidth())}
		b := make([]byte, cl.width)
		c.fillInitial(b, &cl)
		return c.decode(b, &cl)
	case metadata.Packed:
		return abap.FromInt64(0).Rescale(f.Decimals)
	case metadata.Raw:
		return make([]byte, f.Length), nil
	case metadata.XString:
		return []byte{}, nil
	case metadata.Structure, metadata.DeepStructure:
		m := make(Params, len(f.Type.Fields))
		for i := range f.Type.Fields {
			g := &f.Type.Fields[i]
			v, err := c.initialValue(g)
			if err != nil {
				return nil, at(g.Name, err)
			}
			m[g.Name] = v
		}
		return m, nil
	case metadata.Table:
		return reflect.MakeSlice(defaultType(f), 0, 0).Interface(), nil
	default:
		return reflect.Zero(defaultType(f)).Interface(), nil
	}
}

package serialization

import (
	"encoding/binary"
	"math"
	"reflect"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// encodeRow writes the Go struct at base over a row of initial values.
func (p *structPlan) encodeRow(row []byte, base unsafe.Pointer) error {
	for i := range p.flat {
		o := &p.flat[i]
		dst := row[o.off : o.off+o.width]
		at0 := unsafe.Add(base, o.mem)
		switch o.code {
		case opTextLE:
			s := *(*string)(at0)
			if !fillText(dst, s) {
				if err := p.encodeChar(dst, o.op.cell.f, s); err != nil {
					return at(o.op.path, err)
				}
			}
			continue
		case opAlpha:
			if fillAlpha(dst, *(*string)(at0), o.op.alpha) {
				continue
			}
		case opInt4LE:
			binary.LittleEndian.PutUint32(dst, uint32(*(*int32)(at0)))
			continue
		case opDate:
			if p.mode == textUTF16LE {
				fillDate(dst, *(*abap.Date)(at0))
				continue
			}
		case opDecimal:
			if d := *(*abap.Decimal)(at0); !p.RoundDecimals && !o.omit {
				if err := abap.PutPacked(dst, d, int(o.decimals)); err == nil {
					continue
				}
			}
		default:
		}
		if o.omit && o.op.zero(at0) {
			continue
		}
		if err := p.encodeOp(dst, o.op, at0); err != nil {
			return at(o.op.path, err)
		}
	}
	return nil
}

// encodeOp writes one flat value; dst holds the initial value.
func (c *coder) encodeOp(dst []byte, o *op, p unsafe.Pointer) error {
	f := o.cell.f
	switch o.code {
	case opText, opTextLE:
		s := *(*string)(p)
		if o.kind == metadata.Numc {
			return c.encodeNumc(dst, f, s)
		}
		return c.encodeChar(dst, f, s)
	case opInt, opInt4LE:
		n, fits := readInt(o.gk, p)
		if !fits {
			return c.encode(dst, o.cell, o.value(p), 0)
		}
		return c.encodeInt(dst, f, n)
	case opFloat:
		x := *(*float64)(p)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return checkFloat(f, x)
		}
		c.order().PutUint64(dst, math.Float64bits(x))
		return nil
	case opBytes:
		return encodeRaw(dst, f, *(*[]byte)(p))
	case opDecimal:
		return c.encodePacked(dst, f, *(*abap.Decimal)(p))
	case opDecFloat:
		return c.encodeDecFloat(dst, f, *(*abap.Decimal)(p))
	case opTimestamp:
		n, err := (*(*abap.Timestamp)(p)).Raw(precision(o.kind))
		if err != nil {
			return abapError(f, err)
		}
		c.putSigned(dst, n)
		return nil
	case opTemporal:
		n, err := rawTemporal(f, p)
		if err != nil {
			return err
		}
		c.putSigned(dst, n)
		return nil
	case opDate:
		return c.encodeDate(dst, f, *(*abap.Date)(p))
	case opTime:
		return c.encodeTime(dst, f, *(*abap.Time)(p))
	case opStruct:
		copy(dst, o.sub.row.initial)
		return o.sub.encodeRow(dst, p)
	case opPointer:
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return nil
		}
		return c.encodeOp(dst, o.inner, q)
	case opSlow:
		v := o.value(p)
		if v == nil {
			return nil // an empty interface field of a struct: not supplied
		}
		return c.encode(dst, o.cell, v, 0)
	default:
		return wrongType(f, o.value(p)) // strings and tables have no cell
	}
}

// encodeRow writes the Go value at p over a row of initial values.
func (e *elemPlan) encodeRow(dst []byte, p unsafe.Pointer) error {
	switch e.kind {
	case elemStruct:
		return e.sub.encodeRow(dst, p)
	case elemPointer:
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return nilRow()
		}
		return e.sub.encodeRow(dst, q)
	case elemScalar:
		cl := &e.row.cells[0]
		if e.op.code == opPointer && *(*unsafe.Pointer)(p) == nil {
			return nilRow()
		}
		return e.row.encodeOp(dst[:cl.width], &e.op, p)
	case elemMap:
		m := *(*map[string]any)(p) // Params has the same underlying type
		if m == nil {
			return nilRow()
		}
		return e.row.encodeMap(dst, m)
	default:
		return e.row.encodeAny(dst, *(*any)(p))
	}
}

func nilRow() error {
	return &ConversionError{Kind: "TABLE", Reason: IsNil, Text: "nil row"}
}

// encodeAny writes a row given as an interface value.
func (p *rowPlan) encodeAny(dst []byte, v any) error {
	switch v := v.(type) {
	case Params:
		if v == nil {
			return nilRow()
		}
		return p.encodeMap(dst, v)
	case map[string]any:
		if v == nil {
			return nilRow()
		}
		return p.encodeMap(dst, v)
	case *Record:
		if v == nil {
			return nilRow()
		}
		return p.encodeRecord(dst, v)
	case nil:
		return nilRow()
	}
	if rv, ok := structValue(v); ok {
		sp, err := planStruct(rv.Type(), p.typ, &p.coder)
		if err != nil {
			return err
		}
		return sp.encodeRow(dst, addressable(rv))
	}
	if p.typ.Scalar() {
		cl := &p.cells[0]
		return p.encode(dst[:cl.width], cl, v, 0)
	}
	return notRow(v)
}

// notRow is the error of a value that stands for no row.
func notRow(v any) error {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nilRow()
	}
	return &ShapeError{Got: reflect.TypeOf(v).String(), Want: "a map, struct or record for each row"}
}

package serialization

import (
	"maps"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// mapDecoder reads rows as Params. A map of the right size is cloned for each row and its
// entries are set, which is cheaper than filling an empty one.
type mapDecoder struct {
	valueDecoder
	template Params
}

// valueDecoder reads the values of rows as their default Go types. What the interfaces point
// to comes from slabs.
type valueDecoder struct {
	row   *rowPlan
	texts *arena
	room  int // UTF-8 bytes that the texts of one row need at most

	strings  slab[string]
	ints     slab[int32]
	dates    slab[abap.Date]
	times    slab[abap.Time]
	decimals slab[abap.Decimal]
	stamps   slab[abap.Timestamp]
}

func newMapDecoder(row *rowPlan, texts *arena) *mapDecoder {
	d := &mapDecoder{newValueDecoder(row, texts), make(Params, len(row.cells))}
	for i := range row.cells {
		d.template[row.cells[i].f.Name] = nil
	}
	return d
}

func newValueDecoder(row *rowPlan, texts *arena) valueDecoder {
	d := valueDecoder{row: row, texts: texts, room: 16}
	for i := range row.cells {
		if row.cells[i].f.Kind.Text() {
			d.room += 3 * row.cells[i].width
		}
	}
	return d
}

func (d *mapDecoder) decode(row []byte) (Params, error) {
	m := maps.Clone(d.template)
	d.texts.reserve(d.room)
	for i := range d.row.cells {
		cl := &d.row.cells[i]
		v, err := d.value(row[cl.off:cl.off+cl.width], cl)
		if err != nil {
			return nil, at(cl.f.Name, err)
		}
		m[cl.f.Name] = v
	}
	return m, nil
}

func (d *valueDecoder) value(b []byte, cl *cell) (any, error) {
	p := d.row
	switch cl.f.Kind {
	case metadata.Char:
		if p.mode == textUTF16LE && !p.KeepBlanks {
			if n, ok := cellText(d.texts.free, b); ok {
				return d.strings.box(d.texts.str(n)), nil
			}
		}
	case metadata.Int4:
		return d.ints.box(int32(p.order().Uint32(b))), nil
	case metadata.Date:
		x, err := p.decodeDate(b, cl.f)
		return d.dates.box(x), err
	case metadata.Time:
		x, err := p.decodeTime(b, cl.f)
		return d.times.box(x), err
	case metadata.Packed:
		x, err := decodePacked(b, cl.f)
		return d.decimals.box(x), err
	case metadata.DecFloat16, metadata.DecFloat34:
		x, err := p.decodeDecFloat(b, cl.f)
		return d.decimals.box(x), err
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		x, err := abap.TimestampFromRaw(p.signed(b), precision(cl.f.Kind))
		if err != nil {
			return nil, abapError(cl.f, err)
		}
		return d.stamps.box(x), nil
	default:
	}
	return p.decode(b, cl)
}

// slab hands out interface values that point into shared memory, so that a row does not
// cost one allocation for each value. Keeping one value keeps its slab of 256.
type slab[T any] struct {
	free []T
	typ  unsafe.Pointer // type word of an interface that holds a T
}

// eface is the memory form of an empty interface: a type word and a pointer to the value.
// Go has used it, for types that are not pointers themselves, in every release.
type eface struct {
	typ, data unsafe.Pointer
}

func (s *slab[T]) box(v T) any {
	if len(s.free) == 0 {
		s.free = make([]T, 256)
		var boxed any = v
		s.typ = (*eface)(unsafe.Pointer(&boxed)).typ
	}
	p := &s.free[0]
	*p = v
	s.free = s.free[1:]
	// The element is written once and never again, as the value of an interface has to be,
	// and the pointer keeps it alive.
	var out any
	e := (*eface)(unsafe.Pointer(&out))
	e.typ, e.data = s.typ, unsafe.Pointer(p)
	return out
}

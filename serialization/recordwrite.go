package serialization

import (
	"iter"

	"github.com/purerfc/purerfc/columns"
)

// supplied gives the value of parameter or field name, which is i in the description that
// asks; false if the record has none.
func (r *Record) supplied(i int, name string) (any, bool) {
	if i >= len(r.vals) || r.shape.fields[i].f.Name != name {
		if i = r.shape.index(name); i < 0 {
			return nil, false
		}
	}
	return r.vals[i], r.vals[i] != nil
}

// encodeRecord writes the values of a record over a row of initial values.
func (p *rowPlan) encodeRecord(row []byte, r *Record) error {
	if r.shape != nil && r.shape.typ == p.typ {
		// A record of this very type: its values are those of the cells.
		for i, v := range r.vals {
			cl := &p.cells[i]
			if err := p.encode(row[cl.off:cl.off+cl.width], cl, v, 0); err != nil {
				return at(cl.f.Name, err)
			}
		}
		return nil
	}
	return p.eachSupplied(r, func(i int, v any) error {
		cl := &p.cells[i]
		return p.encode(row[cl.off:cl.off+cl.width], cl, v, 0)
	}, nil)
}

// eachSupplied calls fn for each field that the record has a value for, and initial, if it
// is not nil, for the others. Fields of the record that the structure lacks are an error.
func (p *rowPlan) eachSupplied(r *Record, fn func(i int, v any) error, initial func(i int) error) error {
	if r.shape == nil {
		return noRecord()
	}
	found := 0
	for i := range p.cells {
		name := p.cells[i].f.Name
		v, ok := r.supplied(i, name)
		var err error
		switch {
		case ok:
			found++
			err = fn(i, v)
		case initial != nil:
			err = initial(i)
		}
		if err != nil {
			return at(name, err)
		}
	}
	for i, v := range r.vals {
		if found == len(r.vals) {
			break
		}
		if name := r.shape.fields[i].f.Name; v != nil && p.typ.Index(name) < 0 {
			return shapeOf(p.typ, p.Options).unknown(name)
		}
	}
	return nil
}

// goRecord writes the fields of a record as elements.
func (x *docWriter) goRecord(row *rowPlan, r *Record, depth int) error {
	if row.typ.Scalar() {
		return row.eachSupplied(r, func(_ int, v any) error {
			return x.content(&row.cells[0], value{v: v}, depth)
		}, func(int) error { return x.initial(&row.cells[0]) })
	}
	field := func(i int, write func() error) error {
		x.open(row.tags[i])
		err := write()
		x.close(row.tags[i])
		return err
	}
	return row.eachSupplied(r,
		func(i int, v any) error {
			return field(i, func() error { return x.content(&row.cells[i], value{v: v}, depth+1) })
		},
		func(i int) error { return field(i, func() error { return x.initial(&row.cells[i]) }) })
}

// recordRows is a RowSource. A Table is none by itself: its Rows yields them with their index.
type recordRows []*Record

func (s recordRows) Len() int { return len(s) }

func (s recordRows) Rows() iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, r := range s {
			if !yield(r) {
				return
			}
		}
	}
}

// recordInto appends the fields of a record to columns.
func (c *coder) recordInto(cols []columns.Column, row *rowPlan, r *Record) error {
	first := firstColumnsOf(row.typ)
	return row.eachSupplied(r,
		func(i int, v any) error { return c.anyIntoField(cols[first[i]:first[i+1]], &row.cells[i], v) },
		func(i int) error {
			initialInto(cols[first[i]:first[i+1]], 1)
			return nil
		})
}

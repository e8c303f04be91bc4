package serialization

import (
	"bytes"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// Clone copies the record with everything in it. The copy is not part of what the record is
// part of.
func (r *Record) Clone() *Record {
	if r == nil {
		return nil
	}
	n := &Record{shape: r.shape, vals: make([]any, len(r.vals))}
	for i, v := range r.vals {
		switch v := v.(type) {
		case *Record:
			c := v.Clone()
			c.up = n
			n.vals[i] = c
		case *Table:
			c := v.Clone()
			c.up = n
			n.vals[i] = c
		default:
			n.vals[i] = copied(v)
		}
	}
	return n
}

// Clone copies the table with everything in it.
func (t *Table) Clone() *Table {
	if t == nil {
		return nil
	}
	n := &Table{line: t.line}
	if len(t.rows) > 0 {
		n.rows = make([]*Record, len(t.rows))
	}
	for i, r := range t.rows {
		c := r.Clone()
		c.up = n
		n.rows[i] = c
	}
	return n
}

// Equal reports whether both records have the same fields, by name, type and order, and hold
// the same values, at any depth. Floats are equal as numbers, and NaN equals itself; decimals
// of different scale, 1.5 and 1.50, are different. A parameter without a value equals only
// one without a value. Two nil records are equal.
func (r *Record) Equal(o *Record) bool {
	if r == nil || o == nil || r.shape == nil || o.shape == nil {
		return (r == nil || r.shape == nil) == (o == nil || o.shape == nil)
	}
	if !alike(r.shape, o.shape) {
		return false
	}
	for i, v := range r.vals {
		if !sameValue(v, o.vals[i]) {
			return false
		}
	}
	return true
}

// Equal reports whether both tables have the same rows in the same order, and lines with the
// same fields; see Record.Equal.
func (t *Table) Equal(o *Table) bool {
	if t == nil || o == nil || t.line == nil || o.line == nil {
		return (t == nil || t.line == nil) == (o == nil || o.line == nil)
	}
	if len(t.rows) != len(o.rows) || !alike(t.line, o.line) {
		return false
	}
	for i, r := range t.rows {
		if !r.Equal(o.rows[i]) {
			return false
		}
	}
	return true
}

// alike reports whether two shapes have the same fields, also if they were described twice.
func alike(a, b *shape) bool {
	if a.same(b) {
		return true
	}
	if len(a.fields) != len(b.fields) {
		return false
	}
	for i := range a.fields {
		if x, y := &a.fields[i], &b.fields[i]; !alikeFields(x.f, y.f) || x.line != nil && !alike(x.line, y.line) {
			return false
		}
	}
	return true
}

func alikeFields(x, y *metadata.Field) bool {
	return x.Name == y.Name && x.Kind == y.Kind && x.Length == y.Length && (x.Kind != metadata.Packed || x.Decimals == y.Decimals)
}

// sameValue compares values of one kind.
func sameValue(v, w any) bool {
	switch x := v.(type) {
	case *Record:
		y, ok := w.(*Record)
		return ok && x.Equal(y)
	case *Table:
		y, ok := w.(*Table)
		return ok && x.Equal(y)
	case []byte:
		y, ok := w.([]byte)
		return ok && bytes.Equal(x, y)
	case float64:
		y, ok := w.(float64)
		return ok && (x == y || x != x && y != y)
	default:
		return v == w // comparable types only
	}
}

// CopyFrom is ABAP's MOVE-CORRESPONDING: every field whose name both records have gets the
// value of src, converted as its getters and Set convert; structures are copied field by field
// in the same way, tables row by row, replacing the rows. Other fields keep their value, and
// so do those for which src has none. On an error nothing is changed.
func (r *Record) CopyFrom(src *Record) error {
	if r == nil || r.shape == nil || src == nil || src.shape == nil {
		return noRecord()
	}
	moves, err := corresponding(nil, r, src)
	if err != nil {
		return at(r.path(), err)
	}
	apply(moves)
	return nil
}

func apply(moves []move) {
	for _, m := range moves {
		m.to.replace(m.i, m.v)
	}
}

// move is a value on its way into a field.
type move struct {
	to *Record
	i  int
	v  any
}

// corresponding finds the values that belong into r.
func corresponding(moves []move, r, src *Record) ([]move, error) {
	for k, v := range src.vals {
		from := &src.shape.fields[k]
		i := r.shape.index(from.f.Name)
		if i < 0 || v == nil {
			continue
		}
		var err error
		if moves, err = r.correspond(moves, i, from.f, v); err != nil {
			return nil, at(from.f.Name, err)
		}
	}
	return moves, nil
}

func (r *Record) correspond(moves []move, i int, from *metadata.Field, v any) ([]move, error) {
	fd := &r.shape.fields[i]
	switch x := v.(type) {
	case *Record:
		if !fd.f.Kind.IsStructure() {
			return nil, &ShapeError{Got: typeText(from), Want: typeText(fd.f)}
		}
		n, ok := r.vals[i].(*Record)
		if !ok { // a parameter without a value
			n = newRecord(fd.line)
			moves = append(moves, move{r, i, n})
		}
		return corresponding(moves, n, x)
	case *Table:
		if fd.f.Kind != metadata.Table {
			return nil, &ShapeError{Got: typeText(from), Want: typeText(fd.f)}
		}
		t := &Table{line: fd.line}
		for k, row := range x.rows {
			inner, err := corresponding(nil, t.Append(), row)
			if err != nil {
				return nil, atRow(k, err)
			}
			apply(inner)
		}
		return append(moves, move{r, i, t}), nil
	}
	if fd.line != nil {
		return nil, &ShapeError{Got: typeText(from), Want: typeText(fd.f)}
	}
	w, err := converted(fd.f, from, v)
	if err != nil {
		return nil, err
	}
	n, err := r.shape.build(fd, value{v: w}, 0)
	if err != nil {
		return nil, err
	}
	return append(moves, move{r, i, n}), nil
}

// converted gives the value of a field as a type that Set takes for another one. What the
// getters do not convert is left to Set, which refuses it.
func converted(to, from *metadata.Field, v any) (any, error) {
	if to.Kind == from.Kind {
		return v, nil
	}
	text, isText := v.(string)
	switch have := matrix[from.Kind]; to.Kind {
	case metadata.Char, metadata.String:
		return recordText(from, v), nil
	case metadata.Int1, metadata.Int2, metadata.Int4, metadata.Int8:
		if have&(asInt64|asBigInt) != 0 {
			return recordInt64(from, v)
		}
	case metadata.Numc, metadata.Packed, metadata.Float, metadata.DecFloat16, metadata.DecFloat34:
		if have&asDecimal == 0 {
			break
		}
		d, err := recordDecimal(from, v)
		switch {
		case err != nil:
			return nil, err
		case to.Kind == metadata.Numc:
			return wholeText(to, d)
		case to.Kind == metadata.Float:
			return exactFloat(to, d)
		}
		return d, nil
	default:
		if isText {
			return valueOfText(to, text)
		}
	}
	return v, nil
}

// wholeText gives the digits of a number without fraction.
func wholeText(f *metadata.Field, d abap.Decimal) (string, error) {
	x := d.Rat()
	if x == nil || !x.IsInt() {
		return "", refuse(f, TooManyDecimals, d.String(), "not an integer")
	}
	return x.Num().String(), nil
}

// exactFloat gives the float that reads back as the same decimal.
func exactFloat(f *metadata.Field, d abap.Decimal) (float64, error) {
	x := d.Float64()
	if back, err := abap.FromFloat64(x); err != nil || !back.Equal(d) {
		return 0, refuse(f, TooManyDecimals, d.String(), "more digits than a float has")
	}
	return x, nil
}

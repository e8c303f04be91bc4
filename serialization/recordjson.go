package serialization

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/purerfc/purerfc/metadata"
)

// MarshalJSON gives an object with the fields in their order, in the form of AppendJSON;
// parameters without a value are left out.
func (r *Record) MarshalJSON() ([]byte, error) {
	if r == nil || r.shape == nil {
		return nil, noRecord()
	}
	b, err := appendRecordJSON(nil, r)
	if err != nil {
		return nil, at(r.path(), err)
	}
	return b, nil
}

// MarshalJSON gives an array of objects, or of plain values for an unnamed line.
func (t *Table) MarshalJSON() ([]byte, error) {
	if t == nil || t.line == nil {
		return nil, noRecord()
	}
	b, err := appendTableJSON(nil, t)
	return b, t.fail(err)
}

func appendRecordJSON(dst []byte, r *Record) ([]byte, error) {
	dst = append(dst, '{')
	n := 0
	var err error
	for i, v := range r.vals {
		if v == nil {
			continue
		}
		f := r.shape.fields[i].f
		if dst, err = appendMember(dst, f, v, n); err != nil {
			return dst, at(f.Name, err)
		}
		n++
	}
	return append(dst, '}'), nil
}

func appendTableJSON(dst []byte, t *Table) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i, r := range t.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		if t.line.typ.Scalar() {
			dst, err = appendJSONValue(dst, t.line.fields[0].f, r.vals[0])
		} else {
			dst, err = appendRecordJSON(dst, r)
		}
		if err != nil {
			return dst, atRow(i, err)
		}
	}
	return append(dst, ']'), nil
}

// UnmarshalJSON reads an object in the form of FromJSON into the record. Fields that the text
// lacks keep their value, null makes them initial, tables are replaced. Every value is checked
// by the rules of Set; errors are *JSONError, with line and column within data, and leave the
// record as it was. It implements json.Unmarshaler.
func (r *Record) UnmarshalJSON(data []byte) error {
	if r == nil || r.shape == nil {
		return noRecord()
	}
	n := r.Clone()
	x := newRecordJSON(data)
	if err := x.whole(func() error { return x.record(n) }); err != nil {
		return at(r.path(), err)
	}
	r.take(n)
	return nil
}

// UnmarshalJSON reads an array of rows in the form of FromJSON and replaces those of the
// table; see Record.UnmarshalJSON.
func (t *Table) UnmarshalJSON(data []byte) error {
	if t == nil || t.line == nil {
		return noRecord()
	}
	var n *Table
	x := newRecordJSON(data)
	if err := x.whole(func() (err error) {
		n, err = x.records(t.line)
		return err
	}); err != nil {
		return at(t.path(), err)
	}
	t.take(n)
	return nil
}

// recordJSON reads JSON into records.
type recordJSON struct {
	jsonReader
	grown uint64
}

func newRecordJSON(data []byte) *recordJSON {
	x := &recordJSON{jsonReader: jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}}
	x.dec.UseNumber()
	return x
}

// whole reads all of the text.
func (x *recordJSON) whole(read func() error) error {
	if err := read(); err != nil {
		return err
	}
	off := x.start()
	if _, err := x.dec.Token(); !errors.Is(err, io.EOF) {
		return x.fail(off, errors.New("text behind the end"))
	}
	return nil
}

// grow accounts for memory that does not follow from the text: fields that rows leave out, and
// the fill of short bytes and digits.
func (x *recordJSON) grow(off, n int) error {
	x.grown += uint64(n)
	if limit := maxCompleted + completedRatio*uint64(len(x.data)); x.grown > limit {
		return x.fail(off, &LimitError{What: "bytes of initial values", Size: x.grown, Limit: limit})
	}
	return nil
}

// record reads an object into r, which nobody else has.
func (x *recordJSON) record(r *Record) error {
	seen := make([]bool, len(r.vals))
	return x.object(func(name string, off int) error {
		i := r.shape.index(name)
		switch {
		case i < 0:
			return x.fail(off, r.shape.unknown(name))
		case seen[i]:
			return x.fail(off, fmt.Errorf("%s twice", name))
		}
		seen[i] = true
		return at(name, x.field(r, i))
	})
}

func (x *recordJSON) field(r *Record, i int) error {
	fd, off := &r.shape.fields[i], x.start()
	if off < len(x.data) && x.data[off] == 'n' {
		if _, err := x.dec.Token(); err != nil {
			return x.fail(off, err)
		}
		if r.vals[i] = nil; r.shape.f == nil {
			r.replace(i, newInitial(fd))
		}
		return nil
	}
	switch {
	case fd.f.Kind == metadata.Table:
		t, err := x.records(fd.line)
		if err != nil {
			return err
		}
		r.replace(i, t)
		return nil
	case fd.line != nil:
		n, _ := r.child(i).(*Record)
		return x.record(n)
	}
	if fd.f.Kind == metadata.Raw || fd.f.Kind == metadata.Numc {
		if err := x.grow(off, fd.width); err != nil {
			return err
		}
	}
	tok, err := x.dec.Token()
	if err != nil {
		return x.fail(off, err)
	}
	v, err := jsonScalar(fd.f, tok)
	if err == nil {
		v, err = r.shape.build(fd, value{v: v}, 0)
	}
	if err != nil {
		return x.fail(off, err)
	}
	r.vals[i] = v
	return nil
}

func (x *recordJSON) records(line *shape) (*Table, error) {
	off := x.start()
	tok, err := x.dec.Token()
	if err != nil {
		return nil, x.fail(off, err)
	}
	if tok != json.Delim('[') {
		return nil, x.fail(off, &ShapeError{Got: jsonType(tok), Want: "an array for a TABLE"})
	}
	t := &Table{line: line}
	for i := 0; x.dec.More(); i++ {
		off := x.start()
		if err := x.grow(off, line.size); err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
		r := t.Append()
		switch c := x.data[min(off, len(x.data)-1)]; {
		case c == 'n':
			err = x.fail(off, nilRow())
		case line.typ.Scalar() && c != '{':
			err = x.field(r, 0)
		default:
			err = x.record(r)
		}
		if err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
	}
	off = x.start()
	if _, err := x.dec.Token(); err != nil {
		return nil, x.fail(off, err)
	}
	return t, nil
}

package ofs1

import (
	"fmt"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/metadata"
)

// typeWriter numbers types by their definition, so that identical types are written once.
// The numbers stay from block to block, the ids on the wire do not.
type typeWriter struct {
	numbers map[string]int         // by definition
	known   map[*metadata.Type]int // structures
	ids     []int                  // by number; 0 = not yet in this block
	lastID  int
}

// begin starts a block.
func (w *typeWriter) begin() {
	if w.numbers == nil || len(w.numbers) > maxTypes || len(w.known) > maxTypes {
		w.numbers, w.known, w.ids = make(map[string]int), make(map[*metadata.Type]int), nil
	}
	clear(w.ids)
	w.lastID = 0
}

func (w *typeWriter) number(key []byte) int {
	n, ok := w.numbers[string(key)]
	if !ok {
		n = len(w.ids)
		w.numbers[string(key)] = n
		w.ids = append(w.ids, 0)
	}
	return n
}

// field numbers the type of a field.
func (w *typeWriter) field(f *metadata.Field) (int, error) {
	switch {
	case !f.Kind.Valid():
		return 0, invalid("type %q cannot travel by RFC", string(rune(f.Kind)))
	case f.Type == nil && (f.Kind.IsStructure() || f.Kind == metadata.Table):
		return 0, invalid("%s without a type", f.Kind)
	case f.Kind.IsStructure():
		return w.structure(f.Type)
	case f.Kind == metadata.Table:
		n, err := w.line(f.Type)
		return w.number(appendUvarint([]byte{byte(metadata.Table)}, uint64(n))), err
	}
	return w.number(appendScalar(nil, f)), nil
}

// line numbers the line of a table.
func (w *typeWriter) line(t *metadata.Type) (int, error) {
	if t.Scalar() {
		if t.Fields[0].Kind.IsStructure() {
			return 0, invalid("a structure without a name inside of a line")
		}
		return w.field(&t.Fields[0])
	}
	return w.structure(t)
}

func (w *typeWriter) structure(t *metadata.Type) (int, error) {
	if n, ok := w.known[t]; ok {
		return n, nil
	}
	key, err := appendName([]byte{byte(metadata.Structure)}, t.Name)
	if err != nil {
		return 0, err
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Name == "" {
			return 0, invalid("type %s: a field without a name", short(t.Name))
		}
		if key, err = appendName(key, f.Name); err != nil {
			return 0, err
		}
		n, err := w.field(f)
		if err != nil {
			return 0, under("."+short(f.Name), err)
		}
		key = appendUvarint(key, uint64(n))
	}
	n := w.number(key)
	w.known[t] = n
	return n, nil
}

// appendScalar writes a definition that refers to no other.
func appendScalar(dst []byte, f *metadata.Field) []byte {
	dst = append(dst, byte(f.Kind))
	if f.Kind.Variable() {
		dst = appendUvarint(dst, uint64(f.Length))
	}
	if f.Kind == metadata.Packed {
		dst = appendUvarint(dst, uint64(f.Decimals))
	}
	return dst
}

// appendName writes a name in code page 1100.
func appendName(dst []byte, name string) ([]byte, error) {
	b, err := codepage.AppendLatin1(nil, name)
	if err != nil {
		return dst, &ValueError{Reason: fmt.Sprintf("name %q", short(name)), Err: err}
	}
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return dst, invalid("name %q: control character", short(name))
		}
	}
	return append(appendUvarint(dst, uint64(len(b))), b...), nil
}

// appendType writes a typeref and, at the first use in a block, the definition.
func (w *typeWriter) appendType(dst []byte, f *metadata.Field) ([]byte, error) {
	n, err := w.field(f)
	if err != nil {
		return dst, err
	}
	if id := w.ids[n]; id > 0 {
		return appendUvarint(dst, uint64(id)), nil
	}
	if w.lastID == maxTypes {
		return dst, invalid("more than %d types in a block", maxTypes)
	}
	w.lastID++
	w.ids[n] = w.lastID
	dst = append(dst, 0)
	switch {
	case f.Kind.IsStructure():
		return w.appendStructure(dst, f.Type)
	case f.Kind == metadata.Table:
		dst = append(dst, byte(metadata.Table))
		if f.Type.Scalar() {
			return w.appendType(dst, &f.Type.Fields[0])
		}
		return w.appendType(dst, &metadata.Field{Kind: metadata.Structure, Type: f.Type})
	}
	return appendScalar(dst, f), nil
}

func (w *typeWriter) appendStructure(dst []byte, t *metadata.Type) ([]byte, error) {
	dst, err := appendName(append(dst, byte(metadata.Structure)), t.Name)
	if err != nil {
		return dst, err
	}
	dst = appendUvarint(dst, uint64(len(t.Fields)))
	for i := range t.Fields {
		if dst, err = appendName(dst, t.Fields[i].Name); err != nil {
			return dst, err
		}
		if dst, err = w.appendType(dst, &t.Fields[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

package ofs1

import (
	"bytes"
	"fmt"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// typ is a type definition of a block.
type typ struct {
	field metadata.Field // without a name
	// line walks a value: the rows of a table, the fields of a structure, the unnamed line of
	// a scalar.
	line *plan
}

// scalarKey is the definition of a scalar.
type scalarKey struct {
	kind             metadata.Kind
	length, decimals int
}

// definition is a structure or table that was read before. The same bytes mean the same types
// again when they begin with the same id and what they refer to is the same.
type definition struct {
	bytes []byte
	first int
	types []*typ
	refs  []typeRef
}

type typeRef struct {
	id int
	t  *typ
}

// typeCache keeps types from block to block, so that consecutive blocks give tables of the
// identical type.
type typeCache struct {
	scalars map[scalarKey]*typ
	plans   map[*metadata.Type]*plan
	defs    []definition
	size    int
}

func (c *typeCache) reset() {
	c.scalars, c.plans = make(map[scalarKey]*typ), make(map[*metadata.Type]*plan)
	c.defs, c.size = nil, 0
}

func (c *typeCache) plan(t *metadata.Type) *plan {
	p := c.plans[t]
	if p == nil {
		p = newPlan(t, c.plan)
		c.plans[t] = p
	}
	return p
}

// trim forgets everything once a peer has shown too many types.
func (c *typeCache) trim() {
	if c.plans == nil || len(c.plans) > maxTypes || len(c.scalars) > maxTypes {
		c.reset()
	}
}

// readType reads a typeref of a value and, where it is new, its definition.
func (d *Decoder) readType() (*typ, error) {
	start := d.p
	k, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if k > 0 {
		return d.earlier(start, k)
	}
	if d.p < len(d.b) && (d.b[d.p] == byte(metadata.Structure) || d.b[d.p] == byte(metadata.Table)) {
		return d.readDefinition(d.p)
	}
	return d.define(0, false)
}

// readDefinition reads the definition of a structure or table, or finds it among those known.
func (d *Decoder) readDefinition(start int) (*typ, error) {
	first := len(d.types)
	for i := range d.cache.defs {
		def := &d.cache.defs[i]
		if def.first == first && first+len(def.types) <= maxTypes && bytes.HasPrefix(d.b[start:], def.bytes) && d.sameRefs(def.refs) {
			d.types = append(d.types, def.types...)
			d.p += len(def.bytes)
			return def.types[0], nil
		}
	}
	d.refs, d.refsBelow = d.refs[:0], first
	t, err := d.define(0, false)
	if err != nil {
		return nil, err
	}
	n := d.p - start
	if n > maxCachedBytes {
		return t, nil
	}
	c := &d.cache
	if len(c.defs) == maxCached || c.size+n > maxCachedBytes {
		c.defs, c.size = nil, 0
	}
	c.size += n
	c.defs = append(c.defs, definition{
		bytes: bytes.Clone(d.b[start:d.p]), first: first,
		types: append([]*typ(nil), d.types[first:]...), refs: append([]typeRef(nil), d.refs...),
	})
	return t, nil
}

func (d *Decoder) sameRefs(refs []typeRef) bool {
	for _, r := range refs {
		if d.types[r.id] != r.t {
			return false
		}
	}
	return true
}

// earlier looks up a typeref that is not 0.
func (d *Decoder) earlier(off int, k uint64) (*typ, error) {
	if k > uint64(len(d.types)) {
		return nil, fail(off, wire.ErrMalformed, fmt.Sprintf("a type up to %d", len(d.types)), fmt.Sprint(k))
	}
	t := d.types[k-1]
	if t == nil {
		return nil, fail(off, wire.ErrMalformed, "a type that is complete", fmt.Sprintf("type %d inside of itself", k))
	}
	if int(k-1) < d.refsBelow {
		d.refs = append(d.refs, typeRef{int(k - 1), t})
	}
	return t, nil
}

// typeRef reads the type of a field or line, depth types inside that of the value.
func (d *Decoder) typeRef(depth int, inTable bool) (*typ, error) {
	start := d.p
	k, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if k > 0 {
		return d.earlier(start, k)
	}
	return d.define(depth, inTable)
}

// define reads a definition. inTable says that it is the line of a table; a table as line
// lies one deeper, in the unnamed line.
func (d *Decoder) define(depth int, inTable bool) (*typ, error) {
	start := d.p
	if len(d.types) == maxTypes {
		return nil, fail(start, wire.ErrLimit, fmt.Sprintf("at most %d types", maxTypes), "one more")
	}
	if d.p == len(d.b) {
		return nil, fail(start, wire.ErrTruncated, "a type", "the end of the payload")
	}
	kind := metadata.Kind(d.b[d.p])
	d.p++
	if kind == metadata.Table && inTable {
		depth++
	}
	if depth > metadata.MaxDepth && (kind == metadata.Structure || kind == metadata.Table) {
		return nil, fail(start, wire.ErrLimit, fmt.Sprintf("types nested %d deep at most", metadata.MaxDepth), "deeper ones")
	}
	id := len(d.types)
	d.types = append(d.types, nil) // the id counts from here
	var t *typ
	var err error
	switch {
	case kind == metadata.Structure:
		t, err = d.defineStructure(start, depth)
	case kind == metadata.Table:
		t, err = d.defineTable(start, depth)
	case !kind.Valid() || kind == metadata.DeepStructure:
		err = fail(start, wire.ErrMalformed, "a type letter of spec 20.1", fmt.Sprintf("%q", byte(kind)))
	default:
		t, err = d.defineScalar(start, kind)
	}
	if err != nil {
		return nil, err
	}
	d.types[id] = t
	return t, nil
}

func (d *Decoder) defineScalar(start int, kind metadata.Kind) (*typ, error) {
	key := scalarKey{kind: kind}
	if kind.Variable() {
		n, err := d.count("length", metadata.MaxCharacters)
		if err != nil {
			return nil, err
		}
		key.length = n
	}
	if kind == metadata.Packed {
		n, err := d.count("decimals", 2*metadata.MaxPacked)
		if err != nil {
			return nil, err
		}
		key.decimals = n
	}
	if t := d.cache.scalars[key]; t != nil {
		return t, nil
	}
	lt, err := metadata.NewType("", []metadata.Field{{Kind: kind, Length: key.length, Decimals: key.decimals}})
	if err != nil {
		return nil, fail(start, wire.ErrMalformed, "a type ABAP has", err.Error())
	}
	t := &typ{field: lt.Fields[0], line: d.cache.plan(lt)}
	d.cache.scalars[key] = t
	return t, nil
}

func (d *Decoder) defineStructure(start, depth int) (*typ, error) {
	name, err := d.name()
	if err != nil {
		return nil, err
	}
	n, err := d.count("fields", metadata.MaxFields)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > (len(d.b)-d.p)/3 {
		return nil, fail(start, wire.ErrMalformed, "1 field or more, three bytes each at least", fmt.Sprintf("%d fields in %d bytes", n, len(d.b)-d.p))
	}
	fields := make([]metadata.Field, 0, n)
	for range n {
		at := d.p
		fn, err := d.name()
		if err != nil {
			return nil, err
		}
		if fn == "" {
			return nil, fail(at, wire.ErrMalformed, "a field name", "an empty one")
		}
		t, err := d.typeRef(depth+1, false)
		if err != nil {
			return nil, member(fn, err)
		}
		f := t.field
		f.Name = fn
		fields = append(fields, f)
	}
	st, err := metadata.NewType(name, fields)
	if err != nil {
		return nil, fail(start, wire.ErrMalformed, "a type ABAP has", bounded(err))
	}
	t := &typ{field: metadata.Field{Kind: metadata.Structure, Type: st, TypeName: name}, line: d.cache.plan(st)}
	if st.Deep() {
		t.field.Kind = metadata.DeepStructure
	}
	t.field.Length = st.Layout(2).Total
	return t, nil
}

func (d *Decoder) defineTable(start, depth int) (*typ, error) {
	t, err := d.typeRef(depth, true)
	if err != nil {
		return nil, err
	}
	lt := t.line.typ
	if t.field.Kind == metadata.Table {
		if lt, err = metadata.NewType("", []metadata.Field{t.field}); err != nil {
			return nil, fail(start, wire.ErrMalformed, "a type ABAP has", bounded(err))
		}
	}
	return &typ{field: metadata.Field{Kind: metadata.Table, Length: 8, Type: lt}, line: d.cache.plan(lt)}, nil
}

// bounded is the first part of the text of an error that may repeat received names.
func bounded(err error) string {
	s := err.Error()
	if len(s) > 4*printable {
		s = s[:4*printable] + "..."
	}
	return s
}

// name reads a name in code page 1100.
func (d *Decoder) name() (string, error) {
	start := d.p
	n, err := d.count("name", len(d.b))
	if err != nil {
		return "", err
	}
	if n > len(d.b)-d.p {
		return "", fail(start, wire.ErrTruncated, fmt.Sprintf("a name of %d bytes", n), fmt.Sprintf("%d", len(d.b)-d.p))
	}
	b := d.b[d.p : d.p+n]
	d.p += n
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return "", fail(start, wire.ErrMalformed, "a name", fmt.Sprintf("a control character %#02x", c))
		}
	}
	return string(codepage.DecodeLatin1(nil, b)), nil
}

package ofs1

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// generator makes random types, values and blocks out of a seed.
type generator struct {
	*rand.Rand
	t       testing.TB
	structs []*metadata.Type // seen, so that some are used again
}

func newGenerator(t testing.TB, seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 1)), t: t}
}

var scalarKinds = []metadata.Kind{
	metadata.Char, metadata.Numc, metadata.Date, metadata.Time, metadata.Raw, metadata.Packed, metadata.Float,
	metadata.Int4, metadata.Int2, metadata.Int1, metadata.Int8, metadata.String, metadata.XString,
	metadata.DecFloat16, metadata.DecFloat34, metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute,
	metadata.DTDay, metadata.DTWeek, metadata.DTMonth, metadata.TSecond, metadata.TMinute, metadata.CDay,
}

func (g *generator) line(name string, fields []metadata.Field) *metadata.Type {
	t, err := metadata.NewType(name, fields)
	require.NoError(g.t, err)
	return t
}

func (g *generator) scalar() metadata.Field {
	f := metadata.Field{Kind: scalarKinds[g.IntN(len(scalarKinds))]}
	if f.Kind.Variable() {
		f.Length = 1 + g.IntN(16)
	}
	if f.Kind == metadata.Packed {
		f.Decimals = g.IntN(min(2*f.Length, 15))
	}
	return g.line("", []metadata.Field{f}).Fields[0]
}

// field makes a type; depth is how deep it may nest.
func (g *generator) field(depth int) metadata.Field {
	switch n := g.IntN(10); {
	case depth > 0 && n == 0:
		t := g.structure(depth - 1)
		return metadata.Field{Kind: metadata.Structure, Type: t, TypeName: t.Name}
	case depth > 0 && n == 1:
		return metadata.Field{Kind: metadata.Table, Type: g.tableLine(depth - 1)}
	}
	return g.scalar()
}

func (g *generator) tableLine(depth int) *metadata.Type {
	if g.IntN(4) == 0 {
		f := g.field(depth)
		if !f.Kind.IsStructure() {
			return g.line("", []metadata.Field{f})
		}
	}
	return g.structure(depth)
}

func (g *generator) structure(depth int) *metadata.Type {
	if len(g.structs) > 0 && depth > 0 && g.IntN(4) == 0 {
		return g.structs[g.IntN(len(g.structs))]
	}
	fields := make([]metadata.Field, 1+g.IntN(11))
	for i := range fields {
		fields[i] = g.field(depth)
		fields[i].Name = fmt.Sprintf("F%d", i)
	}
	if g.IntN(8) == 0 {
		fields[0].Name = "GRÖSSE"
	}
	t := g.line(fmt.Sprintf("ZT%d", len(g.structs)), fields)
	if t.Layout(2).Total < 4000 {
		g.structs = append(g.structs, t)
	}
	return t
}

// value makes the value of a parameter. A deep type may stand in itself often; rows are few
// then.
func (g *generator) value(name string, rows int) Value {
	v := Value{Name: name, Field: g.field(3), To: 1}
	switch {
	case v.Field.Kind == metadata.Table:
		v.To = g.IntN(rows + 1)
		v.Table = g.table(v.Field.Type, v.To)
	case v.Field.Kind.IsStructure():
		v.Table = g.table(v.Field.Type, 1)
	default:
		v.Table = g.table(g.line("", []metadata.Field{v.Field}), 1)
	}
	return v
}

func (g *generator) block(layout Layout, values, rows int) *Block {
	b := &Block{Layout: layout, Codepage: UTF8}
	for i := range g.IntN(3) {
		b.Requested = append(b.Requested, fmt.Sprintf("ET_%d", i))
	}
	for i := range values {
		b.Values = append(b.Values, g.value(fmt.Sprintf("P%d", i), rows))
	}
	return b
}

// table makes rows for a line type, in each of the ways a column can hold them.
func (g *generator) table(line *metadata.Type, rows int) *columns.Table {
	t := columns.New(line)
	t.Rows = rows
	for i := range t.Columns {
		c := &t.Columns[i]
		switch n := g.IntN(6); {
		case rows > 0 && n == 0:
			c.SetInitial()
		case rows > 0 && n == 1:
			g.fill(c, 1)
		case rows > 0 && n == 2:
			n := 1 + g.IntN(4)
			g.fill(c, n)
			for range rows {
				c.Codes = append(c.Codes, uint32(g.IntN(n)))
			}
		default:
			g.fill(c, rows)
		}
	}
	require.NoError(g.t, t.Check())
	return t
}

// fill appends n values of a certain shape.
func (g *generator) fill(c *columns.Column, n int) {
	shape, base := g.IntN(6), int64(g.Uint64())>>g.IntN(64)
	initial, first := g.IntN(4), n
	var last any
	for i := range n {
		var v any
		switch {
		case initial > 0 && g.IntN(4) < initial:
			v = int64(0)
		case shape == 0 && last != nil && g.IntN(4) > 0:
			v = last
		case shape == 1:
			v = base + int64(g.IntN(4))
		case shape == 2:
			v = base + int64(i)
		case shape == 3:
			v = int64(g.IntN(3))
		default:
			v = int64(g.Uint64()) >> g.IntN(64)
		}
		last = v
		g.add(c, v.(int64), first)
	}
}

var alphabets = []string{"abc", "aäß€", "x💪 ", "0123456789"}

// add appends the value that number v stands for.
func (g *generator) add(c *columns.Column, v int64, rows int) {
	f := c.Field
	switch columns.StorageOf(f.Kind) {
	case columns.Uint8s:
		c.Uint8s = append(c.Uint8s, uint8(v))
	case columns.Int16s:
		c.Int16s = append(c.Int16s, int16(v))
	case columns.Int32s:
		c.Int32s = append(c.Int32s, int32(v))
	case columns.Int64s:
		c.Int64s = append(c.Int64s, v)
	case columns.Float64s:
		c.Float64s = append(c.Float64s, math.Float64frombits(uint64(v)))
	case columns.Tables:
		n := int(uint64(v) % 4)
		inner := g.table(f.Type, n)
		for i := range inner.Columns {
			appendColumn(&c.Lines.Columns[i], &inner.Columns[i], n)
		}
		c.Lines.Rows += n
		c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
	case columns.Fixed:
		b := columns.AppendInitial(nil, f)
		switch {
		case v == 0:
		case f.Kind == metadata.Date && v%5 == 0:
			b = []byte("        ")
		case f.Kind == metadata.Date || f.Kind == metadata.Time:
			copy(b, fmt.Sprintf("%08d", uint64(v)%1e8))
		default:
			for i := range b {
				b[i] ^= byte(v >> (8 * (i % 8)))
			}
		}
		c.Fixed = append(c.Fixed, b...)
	default:
		c.Bytes = append(c.Bytes, g.text(f, v)...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	_ = rows
}

func (g *generator) text(f *metadata.Field, v int64) string {
	if v == 0 {
		return string(columns.AppendInitial(nil, f))
	}
	u := uint64(v)
	switch f.Kind {
	case metadata.Numc:
		return fmt.Sprintf("%0*d", f.Length, u)[:f.Length]
	case metadata.Raw, metadata.XString:
		n := int(u%uint64(max(f.Length, 8))) + 1
		b := make([]byte, min(n, max(f.Length, 1)))
		if f.Kind == metadata.XString {
			b = make([]byte, n)
		}
		for i := range b {
			b[i] = byte(u>>(i%8)) | 1
		}
		return string(b)
	}
	alphabet := []rune(alphabets[u%uint64(len(alphabets))])
	out := ""
	for i, units := 0, 0; i < 1+int(u>>8%20); i++ {
		r := alphabet[(u>>(i%50))%uint64(len(alphabet))]
		if units++; r > 0xffff {
			units++
		}
		if f.Kind == metadata.Char && units > f.Length {
			break
		}
		out += string(r)
	}
	if f.Kind == metadata.Char {
		for len(out) > 0 && out[len(out)-1] == ' ' {
			out = out[:len(out)-1]
		}
	}
	return out
}

// appendColumn appends the values of n rows, one by one.
func appendColumn(c, o *columns.Column, n int) {
	for r := range n {
		i := o.Index(r)
		switch columns.StorageOf(c.Field.Kind) {
		case columns.Uint8s:
			c.Uint8s = append(c.Uint8s, o.Uint8s[i])
		case columns.Int16s:
			c.Int16s = append(c.Int16s, o.Int16s[i])
		case columns.Int32s:
			c.Int32s = append(c.Int32s, o.Int32s[i])
		case columns.Int64s:
			c.Int64s = append(c.Int64s, o.Int64s[i])
		case columns.Float64s:
			c.Float64s = append(c.Float64s, o.Float64s[i])
		case columns.Fixed:
			c.Fixed = append(c.Fixed, o.Value(r)...)
		case columns.Tables:
			from, to := o.Offsets[i], o.Offsets[i+1]
			var rows []uint32
			for k := from; k < to; k++ {
				rows = append(rows, k)
			}
			part := o.Lines.Take(rows)
			for k := range part.Columns {
				appendColumn(&c.Lines.Columns[k], &part.Columns[k], part.Rows)
			}
			c.Lines.Rows += part.Rows
			c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
		default:
			c.Bytes = append(c.Bytes, o.Value(r)...)
			c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
		}
	}
}

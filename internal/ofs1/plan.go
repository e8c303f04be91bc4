package ofs1

import (
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// plan is a structure or line type, prepared for walking over columns. Plans of types that are
// used several times are shared, so a plan is no larger than its definition.
type plan struct {
	typ    *metadata.Type
	scalar bool // an unnamed line: values without presence bits
	nodes  []node
	bitmap int // bytes of presence bits
	leaves int // columns, those of structures inside included
	total  int // columns with those of nested tables; saturates
}

// node is a field of a plan.
type node struct {
	f     *metadata.Field
	store columns.Storage
	col   int   // first column, counted from the first column of the plan
	sub   *plan // of a structure; the line of a table
}

// manyColumns is where counts of columns stop: two of them are still an int everywhere.
const manyColumns = 1 << 29

// newPlan prepares a type whose structures and lines are already prepared.
func newPlan(t *metadata.Type, sub func(*metadata.Type) *plan) *plan {
	p := &plan{typ: t, scalar: t.Scalar() && !t.Fields[0].Kind.IsStructure(), nodes: make([]node, len(t.Fields)), bitmap: (len(t.Fields) + 7) / 8}
	for i := range t.Fields {
		n := &p.nodes[i]
		n.f, n.col, n.store = &t.Fields[i], p.leaves, columns.StorageOf(t.Fields[i].Kind)
		switch {
		case n.f.Kind.IsStructure():
			n.sub = sub(n.f.Type)
			p.leaves += n.sub.leaves
			p.total += n.sub.total
		case n.store == columns.Tables:
			n.sub = sub(n.f.Type)
			p.leaves++
			p.total += 1 + n.sub.total
		default:
			p.leaves++
			p.total++
		}
		p.leaves, p.total = min(p.leaves, manyColumns), min(p.total, manyColumns)
	}
	return p
}

package serialization

import (
	"cmp"
	"slices"

	"github.com/purerfc/purerfc/metadata"
)

// form is how a parameter travels.
type form uint8

const (
	itemForm     form = iota // items 0201 and 0203
	rowsForm                 // table group
	documentForm             // XML document
)

// interfacePlan is what messages need to know of a function. Lists hold indices of
// parameters in the order of their items: by class and within it by the bytes of the name.
//
// All captures follow it. Requests: 0205 for Export and Changing together, then 0205 for
// Tables; 0201 for Import and Changing together. Replies: Export, then Changing, then
// Tables. Source: spec 21.1, spec 41.6 [capture]; peers do not depend on it.
type interfacePlan struct {
	f           *metadata.Function
	inputs      []int // Import and Changing, then Tables
	outputs     []int // of a request: Export and Changing, then Tables
	replies     []int // Export, Changing, Tables
	forms       []form
	lines       []*metadata.Type // of each value by column: a scalar is an unnamed line
	basXMLNames [2]int           // names that a binary document of all inputs, all replies needs
}

// names is the entry of basXMLNames for a direction.
func (p *interfacePlan) names(reply bool) int {
	if reply {
		return p.basXMLNames[1]
	}
	return p.basXMLNames[0]
}

var interfacePlans planCache[*metadata.Function, *interfacePlan]

// planInterface gives the plan of a function, compiled once.
func planInterface(f *metadata.Function) *interfacePlan {
	if p, ok := interfacePlans.get(f); ok {
		return p
	}
	pick := func(dirs ...metadata.Direction) []int {
		var list []int
		for i := range f.Parameters {
			if slices.Contains(dirs, f.Parameters[i].Direction) {
				list = append(list, i)
			}
		}
		slices.SortFunc(list, func(a, b int) int { return cmp.Compare(f.Parameters[a].Name, f.Parameters[b].Name) })
		return list
	}
	tables := pick(metadata.Tables)
	p := &interfacePlan{
		f:       f,
		inputs:  slices.Concat(pick(metadata.Import, metadata.Changing), tables),
		outputs: slices.Concat(pick(metadata.Export, metadata.Changing), tables),
		replies: slices.Concat(pick(metadata.Export), pick(metadata.Changing), tables),
		forms:   make([]form, len(f.Parameters)),
		lines:   make([]*metadata.Type, len(f.Parameters)),
	}
	for i := range f.Parameters {
		g := &f.Parameters[i]
		if p.lines[i] = g.Type; g.Type == nil {
			line := g.Field
			line.Name = ""
			p.lines[i], _ = metadata.NewType("", []metadata.Field{line}) // checked as a parameter
		}
		switch {
		case g.XML():
			p.forms[i] = documentForm
		case g.Direction == metadata.Tables:
			p.forms[i] = rowsForm
		}
	}
	for k, list := range [...][]int{p.inputs, p.replies} {
		var deep []int
		for _, i := range list {
			if p.forms[i] == documentForm {
				deep = append(deep, i)
			}
		}
		p.basXMLNames[k] = documentNames(f, deep, k == 1)
	}
	interfacePlans.put(f, p)
	return p
}

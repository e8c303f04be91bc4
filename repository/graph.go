package repository

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/metadata"
)

// widths are the values of a length or offset for one byte per character and for two; -1
// means not delivered.
type widths [2]int

func unknown() widths { return widths{-1, -1} }

// component is one row of a type description, whatever module delivered it.
type component struct {
	name, typeName, text string
	kind                 metadata.Kind
	length, offset       widths // bytes
	decimals             int
}

// definition is a type as a system describes it.
type definition struct {
	name       string
	table      bool // a table type; its one component is the line
	total      widths
	components []component
	changed    string // when, 14 digits; empty if the system did not say
	// guessed: the system did not say for which character width the numbers are. They are
	// in the second place, and may belong into the first.
	guessed bool
}

// graph builds types from definitions. A value of a type holds all types inside it, so a
// type that contains itself is refused.
type graph struct {
	fetch func(ctx context.Context, name string) (*definition, error)
	known func(name string) (entry, bool)
	types map[string]entry
	open  []string
	// narrow says that the system is not Unicode: where lengths of parameters do not tell for
	// which width they are, they are for one byte per character.
	narrow bool
}

// resolve finds or builds a type.
func (g *graph) resolve(ctx context.Context, name string) (entry, error) {
	if e, ok := g.types[name]; ok {
		return e, nil
	}
	if err := metadata.CheckName(name); err != nil {
		return entry{}, malformed("type %v", err)
	}
	if slices.Contains(g.open, name) {
		return entry{}, malformed("type %s contains itself: %s -> %s", name, strings.Join(g.open, " -> "), name)
	}
	if len(g.open) > metadata.MaxDepth {
		return entry{}, excessive("type %s is nested more than %d deep", g.open[0], metadata.MaxDepth)
	}
	if g.known != nil {
		if e, ok := g.known(name); ok {
			g.types[name] = e
			return e, nil
		}
	}
	if len(g.types)+len(g.open) >= maxTypes {
		return entry{}, excessive("more than %d types", maxTypes)
	}
	g.open = append(g.open, name)
	defer func() { g.open = g.open[:len(g.open)-1] }()
	d, err := g.fetch(ctx, name)
	if err != nil {
		return entry{}, err
	}
	e, err := g.build(ctx, d)
	if err != nil {
		return entry{}, err
	}
	g.types[name] = e
	return e, nil
}

// structure finds the type of a structure component or parameter.
func (g *graph) structure(ctx context.Context, where, name string) (*metadata.Type, error) {
	if name == "" {
		return nil, malformed("%s: structure without a type name", where)
	}
	e, err := g.resolve(ctx, name)
	if err != nil {
		return nil, inside(where, name, err)
	}
	if e.table {
		return nil, malformed("%s: %s is a table type, a structure was announced", where, name)
	}
	return e.typ, nil
}

// line finds the line of a table: by the name of a table type, or of the structure itself.
func (g *graph) line(ctx context.Context, where, name string) (*metadata.Type, error) {
	if name == "" {
		return nil, malformed("%s: table without a type name", where)
	}
	e, err := g.resolve(ctx, name)
	if err != nil {
		return nil, inside(where, name, err)
	}
	return e.typ, nil
}

// inside says for which component or parameter a type was looked up (case K-15). Errors of
// deeper levels name their own place already.
func inside(where, name string, err error) error {
	return &placeError{where: where, name: name, err: err}
}

// placeError is an error with the place that needed a type.
type placeError struct {
	where, name string
	err         error
}

func (e *placeError) Error() string { return fmt.Sprintf("%s: type %s: %v", e.where, e.name, e.err) }
func (e *placeError) Unwrap() error { return e.err }

// build makes a type of its definition and checks the delivered numbers.
func (g *graph) build(ctx context.Context, d *definition) (entry, error) {
	if len(d.components) > metadata.MaxFields {
		return entry{}, excessive("type %s has %d fields, at most %d", d.name, len(d.components), metadata.MaxFields)
	}
	if len(d.components) == 0 {
		return entry{}, missing("type %s: the system delivered no fields", d.name)
	}
	if d.table {
		t, err := g.tableLine(ctx, d)
		return entry{t, true, d.changed}, err
	}
	if err := checkSpans(d); err != nil {
		return entry{}, err
	}
	t, err := g.fields(ctx, d)
	if err != nil && d.guessed {
		// The numbers contradict two bytes per character; maybe the system ignored what it
		// was asked and gave those for one (spec 24.4 [capture]).
		narrow := *d
		narrow.components = slices.Clone(d.components)
		narrow.narrow()
		if t, nerr := g.fields(ctx, &narrow); nerr == nil {
			return entry{t, false, d.changed}, nil
		}
	}
	return entry{t, false, d.changed}, err
}

// narrow takes the delivered numbers as those for one byte per character.
func (d *definition) narrow() {
	d.total = widths{d.total[1], -1}
	for i := range d.components {
		c := &d.components[i]
		c.length, c.offset = widths{c.length[1], -1}, widths{c.offset[1], -1}
	}
}

func (g *graph) fields(ctx context.Context, d *definition) (*metadata.Type, error) {
	fields := make([]metadata.Field, 0, len(d.components))
	for i := range d.components {
		c := &d.components[i]
		where := d.name + "-" + c.name
		if err := metadata.CheckName(c.name); err != nil {
			return nil, malformed("type %s: field %d: %v", d.name, i+1, err)
		}
		f, err := g.field(ctx, where, c)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	t, err := metadata.NewType(d.name, fields)
	if err != nil {
		return nil, malformed("%v", err)
	}
	return t, checkLayout(d, t)
}

// tableLine makes the line of a table type.
func (g *graph) tableLine(ctx context.Context, d *definition) (*metadata.Type, error) {
	c := &d.components[0]
	where := d.name
	if c.kind.IsStructure() {
		return g.structure(ctx, where, c.typeName)
	}
	f, err := g.field(ctx, where, c)
	if err != nil {
		return nil, err
	}
	f.Name = ""
	t, err := metadata.NewType("", []metadata.Field{f})
	if err != nil {
		return nil, malformed("table type %s: %v", d.name, err)
	}
	return t, nil
}

// field makes a field of a component.
func (g *graph) field(ctx context.Context, where string, c *component) (metadata.Field, error) {
	f := metadata.Field{Name: c.name, Kind: c.kind, TypeName: c.typeName, Text: c.text}
	var err error
	if err := c.kind.Check(); err != nil {
		return f, malformed("%s: %v", where, err)
	}
	switch {
	case c.kind.IsStructure():
		if f.Type, err = g.structure(ctx, where, c.typeName); err != nil {
			return f, err
		}
		f.TypeName = f.Type.Name
		return f, nil
	case c.kind == metadata.Table:
		f.Type, err = g.line(ctx, where, c.typeName)
		return f, err
	}
	if c.kind == metadata.Packed || c.kind == metadata.Float {
		f.Decimals = c.decimals
	}
	if c.kind.Variable() {
		if f.Length, err = length(where, c.kind, c.length); err != nil {
			return f, err
		}
	}
	return f, nil
}

// length gives the length of CHAR, NUM, BYTE or BCD in characters or bytes.
func length(where string, kind metadata.Kind, w widths) (int, error) {
	narrow, wide := w[0], w[1]
	if kind.Text() && wide >= 0 {
		if wide%2 != 0 {
			return 0, malformed("%s: %s of %d bytes, an odd number at two bytes per character", where, kind, wide)
		}
		wide /= 2
	}
	n := max(narrow, wide)
	switch {
	case narrow >= 0 && wide >= 0 && narrow != wide:
		return 0, malformed("%s: %s has length %d without and %d with Unicode", where, kind, narrow, wide)
	case n <= 0:
		return 0, malformed("%s: %s of length %d", where, kind, n)
	case n > metadata.MaxCharacters:
		return 0, excessive("%s: %s of length %d, at most %d", where, kind, n, metadata.MaxCharacters)
	}
	return n, nil
}

// checkSpans refuses delivered numbers that cannot be a structure: fields that overlap, go
// backwards or end behind the total (case B-110).
func checkSpans(d *definition) error {
	for w := range 2 {
		end, last := 0, ""
		for i := range d.components {
			c := &d.components[i]
			off, n := c.offset[w], c.length[w]
			if off < 0 || n < 0 {
				continue
			}
			if off < end {
				return malformed("type %s: field %s at offset %d overlaps %s, which ends at %d", d.name, c.name, off, last, end)
			}
			end, last = off+n, c.name
			if total := d.total[w]; total >= 0 && end > total {
				return malformed("type %s: field %s ends at %d, behind the total length of %d", d.name, c.name, end, total)
			}
			if end > metadata.MaxStructure {
				return excessive("type %s: field %s ends at %d, at most %d", d.name, c.name, end, metadata.MaxStructure)
			}
		}
	}
	return nil
}

// checkLayout compares delivered numbers with the alignment rule (spec 21.2).
func checkLayout(d *definition, t *metadata.Type) error {
	for w := range 2 {
		l := t.Layout(w + 1)
		for i := range d.components {
			c, f := &d.components[i], &t.Fields[i]
			if off := c.offset[w]; off >= 0 && off != l.Offsets[i] {
				return malformed("type %s: field %s at offset %d, by alignment it is %d (%d bytes per character)", d.name, c.name, off, l.Offsets[i], w+1)
			}
			if n := c.length[w]; n >= 0 && n != f.Width(w+1) && !f.Kind.Reference() && !(f.Kind.IsStructure() && n == f.Type.Layout(w+1).Used) {
				return malformed("type %s: field %s is %s of %d bytes, should be %d (%d bytes per character)", d.name, c.name, f.Kind, n, f.Width(w+1), w+1)
			}
		}
		if total := d.total[w]; total >= 0 && total != l.Total && total != l.Used {
			return malformed("type %s: total length %d, by alignment it is %d (%d bytes per character)", d.name, total, l.Total, w+1)
		}
	}
	return nil
}

// function builds an interface from its rows.
func (g *graph) function(ctx context.Context, name string, rows []paramRow, indirect map[[2]string]string) (*metadata.Function, error) {
	if len(rows) > metadata.MaxParameters {
		return nil, excessive("function %s has %d parameters, at most %d", name, len(rows), metadata.MaxParameters)
	}
	narrow, err := narrowRows(name, rows, g.narrow)
	if err != nil {
		return nil, err
	}
	var params []metadata.Parameter
	var exceptions []metadata.Exception
	for i := range rows {
		row := &rows[i]
		if err := metadata.CheckName(row.Name); err != nil {
			return nil, malformed("function %s: parameter %d: %v", name, i+1, err)
		}
		if row.Class == "X" {
			exceptions = append(exceptions, metadata.Exception{Name: row.Name, Text: row.Text})
			continue
		}
		p, err := g.parameter(ctx, name, row, indirect, narrow)
		if err != nil {
			return nil, err
		}
		params = append(params, p)
	}
	f, err := metadata.NewFunction(name, params, exceptions...)
	if err != nil {
		return nil, malformed("%v", err)
	}
	return f, nil
}

func direction(class string) (metadata.Direction, bool) {
	switch class {
	case "I":
		return metadata.Import, true
	case "E":
		return metadata.Export, true
	case "C":
		return metadata.Changing, true
	case "T":
		return metadata.Tables, true
	}
	return 0, false
}

// parameter makes a parameter of its row.
func (g *graph) parameter(ctx context.Context, function string, row *paramRow, indirect map[[2]string]string, narrow bool) (metadata.Parameter, error) {
	where := function + "." + row.Name
	p := metadata.Parameter{Optional: row.Optional != "", Default: row.Default}
	dir, ok := direction(row.Class)
	if !ok {
		return p, malformed("%s: parameter class %q, want I, E, C, T or X", where, row.Class)
	}
	p.Direction = dir
	if row.Length < 0 || row.Offset < 0 || row.Decimals < 0 {
		return p, malformed("%s: length %d, offset %d, decimals %d: a negative number", where, row.Length, row.Offset, row.Decimals)
	}
	c := component{name: row.Name, typeName: row.Table, text: row.Text, kind: metadata.Table, decimals: int(row.Decimals), length: unknown()}
	switch {
	case len(row.Exid) == 1:
		c.kind = metadata.Kind(row.Exid[0])
	case row.Exid != "" || dir != metadata.Tables || row.Table == "":
		return p, malformed("%s: type letter %.8q", where, row.Exid)
	}
	w := 1
	if narrow {
		w = 0
	}
	if !c.kind.IsStructure() && !c.kind.Reference() {
		c.length[w] = int(row.Length)
	}
	if row.Field != "" && (c.kind.IsStructure() || c.kind == metadata.Table) {
		return g.reference(ctx, where, p, &c, row, indirect)
	}
	if dir != metadata.Tables {
		f, err := g.field(ctx, where, &c)
		p.Field = f
		p.TypeField = row.Field
		return p, err
	}
	p.Field = metadata.Field{Name: row.Name, Kind: metadata.Table, TypeName: row.Table, TypeField: row.Field, Text: row.Text}
	var err error
	if c.kind.IsStructure() || c.kind == metadata.Table {
		p.Type, err = g.line(ctx, where, row.Table)
		return p, err
	}
	// A scalar line: the data element belongs to it.
	f, err := g.field(ctx, where, &c)
	if err != nil {
		return p, err
	}
	f.Name, f.Text, f.TypeName = "", "", ""
	if p.Type, err = metadata.NewType("", []metadata.Field{f}); err != nil {
		return p, malformed("%s: %v", where, err)
	}
	return p, nil
}

// reference makes a parameter that is typed by a component of a structure which is itself
// a structure or a table.
func (g *graph) reference(ctx context.Context, where string, p metadata.Parameter, c *component, row *paramRow, indirect map[[2]string]string) (metadata.Parameter, error) {
	p.Field = metadata.Field{Name: row.Name, Kind: c.kind, TypeName: row.Table, TypeField: row.Field, Text: row.Text}
	var err error
	if behind := indirect[[2]string{row.Table, row.Field}]; behind != "" {
		p.Type, err = g.line(ctx, where, behind)
	} else {
		var outer *metadata.Type
		if outer, err = g.structure(ctx, where, row.Table); err == nil {
			f, ok := outer.Field(row.Field)
			if !ok || f.Type == nil {
				return p, malformed("%s: %s has no component %s that is a structure or a table", where, row.Table, row.Field)
			}
			p.Type = f.Type
		}
	}
	if p.Direction == metadata.Tables {
		p.Kind = metadata.Table
	}
	return p, err
}

// narrowRows finds out whether the lengths of parameters are for one byte per character,
// as systems without Unicode send them (native), and one endpoint unasked (spec 24.2). It
// refuses lengths that no type has.
func narrowRows(function string, rows []paramRow, native bool) (narrow bool, err error) {
	wideBy, narrowBy := "", ""
	for i := range rows {
		row := &rows[i]
		if len(row.Exid) != 1 || row.Class == "X" {
			continue
		}
		kind := metadata.Kind(row.Exid[0])
		f := metadata.Field{Kind: kind}
		switch {
		case kind == metadata.Date || kind == metadata.Time:
			switch int(row.Length) {
			case f.Width(2):
				wideBy = row.Name
			case f.Width(1):
				narrowBy = row.Name
			default:
				return false, malformed("%s.%s: %s of %d bytes, should be %d", function, row.Name, kind, row.Length, f.Width(2))
			}
		case kind.Text():
			if row.Length%2 != 0 {
				narrowBy = row.Name
			}
		case kind.Variable(), kind.Reference(), kind.IsStructure(), !kind.Valid():
		default:
			if int(row.Length) != f.Width(2) && row.Length != 0 {
				return false, malformed("%s.%s: %s of %d bytes, should be %d", function, row.Name, kind, row.Length, f.Width(2))
			}
		}
	}
	if wideBy != "" && narrowBy != "" {
		return false, malformed("function %s: the length of %s is for Unicode, that of %s is not", function, wideBy, narrowBy)
	}
	return narrowBy != "" || native && wideBy == "", nil
}

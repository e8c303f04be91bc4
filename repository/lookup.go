package repository

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// deep reports whether RFC_METADATA_GET is asked.
func (r *Repository) deep() bool {
	if r.use != nil {
		return *r.use
	}
	return !r.refused.Load() && !r.system.lacks(metadataGet)
}

// either asks RFC_METADATA_GET, and the modules before it where the system does not have that
// one, or the user no authority for it; nobody asks again for what is not there.
func (r *Repository) either(deep, older func() (*found, error)) (*found, error) {
	if !r.deep() {
		return older()
	}
	got, err := deep()
	e, ok := asError(err)
	switch {
	case err == nil || !ok:
		return got, err
	case lacksModule(err, metadataGet) && r.use != nil:
		return nil, missing("the system has no %s, and the settings allow nothing else (WithMetadataGet, jco.destination.repository_roundtrip_optimization)", metadataGet)
	case lacksModule(err, metadataGet):
		return older()
	case r.use != nil || !denied(e):
		return got, err
	}
	// One answer decides: what the older modules say, or the refusal.
	got, second := older()
	switch {
	case second == nil:
		r.refused.Store(true)
		return got, nil
	case concernsSystem(second):
		return nil, second
	}
	return nil, err
}

// askFunction looks one function up. With anew nothing is taken as known.
func (r *Repository) askFunction(ctx context.Context, name string, anew bool) (*found, error) {
	return r.either(
		func() (*found, error) { return r.askFunctions(ctx, []string{name}) },
		func() (*found, error) { return r.askInterface(ctx, name, anew) })
}

// askType looks one type up.
func (r *Repository) askType(ctx context.Context, name string) (*found, error) {
	return r.either(
		func() (*found, error) { return r.askMetadata(ctx, nil, name) },
		func() (*found, error) {
			g := r.stepwise(false)
			if _, err := g.resolve(ctx, name); err != nil {
				return nil, err
			}
			return &found{types: g.types}, nil
		})
}

func (r *Repository) askFunctions(ctx context.Context, names []string) (*found, error) {
	return r.askMetadata(ctx, names, "")
}

// rowsOf reads a table of an answer.
func rowsOf[T any](res *rfc.Response, table string, limit int) ([]T, error) {
	var list []T
	for row, err := range rfc.Rows[T](res, table) {
		if err != nil {
			return nil, err
		}
		if len(list) >= limit {
			return nil, excessive("table %s has more than %d rows", table, limit)
		}
		list = append(list, row)
	}
	return list, nil
}

// askMetadata describes functions, or a type, with everything inside in one round trip.
func (r *Repository) askMetadata(ctx context.Context, functions []string, typ string) (*found, error) {
	in := rfc.Params{
		"DEEP": "X", "KNOWN_DATATYPES": []rfc.Params{}, "PARAMETERS": []rfc.Params{}, "DATATYPESCONT": []rfc.Params{},
		"INDIRECTTYPES": []rfc.Params{}, "FUNC_ERRORS": []rfc.Params{}, "DD_ERRORS": []rfc.Params{},
	}
	names := make([]rfc.Params, len(functions))
	for i, n := range functions {
		names[i] = rfc.Params{"FUNCTIONNAME": n}
	}
	types := []rfc.Params{}
	if typ != "" {
		types = append(types, rfc.Params{"TABNAME": typ})
	}
	in["FUNCTIONNAMES"], in["DATATYPES"] = names, types
	if r.system.stamped() {
		in["GET_TIMESTAMPS"] = "X"
	}
	res, err := r.call(ctx, metadataGet, in)
	if err != nil {
		if lacksModule(err, metadataGet) {
			r.system.setLacks(metadataGet)
		}
		return nil, err
	}
	a, err := readMetadata(res)
	if err != nil {
		return nil, err
	}
	got := &found{}
	g := &graph{fetch: a.definition, types: map[string]entry{}, narrow: r.narrow}
	for _, n := range functions {
		f, err := a.function(ctx, g, n)
		if err != nil {
			return nil, err
		}
		named := a.named[n]
		got.functions = append(got.functions, description{function: f, changed: stampOf(named.Date + named.Time)})
	}
	if typ != "" {
		if _, err := g.resolve(ctx, typ); err != nil {
			return nil, err
		}
	}
	got.types = g.types
	return got, nil
}

// answer is a decoded answer of RFC_METADATA_GET.
type answer struct {
	params         map[string][]paramRow
	named          map[string]answeredRow
	types          map[string]*definition
	indirect       map[[2]string]string
	functionErrors []functionErrorRow
	typeErrors     []typeErrorRow
}

func readMetadata(res *rfc.Response) (*answer, error) {
	a := &answer{
		params: map[string][]paramRow{}, named: map[string]answeredRow{},
		types: map[string]*definition{}, indirect: map[[2]string]string{},
	}
	names, err := rowsOf[answeredRow](res, "FUNCTIONNAMES", maxRows)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		a.named[n.Name] = n
	}
	params, err := rowsOf[functionParamRow](res, "PARAMETERS", maxRows)
	if err != nil {
		return nil, err
	}
	for i := range params {
		a.params[params[i].Function] = append(a.params[params[i].Function], params[i].param())
	}
	rows, err := rowsOf[typeRow](res, "DATATYPESCONT", maxRows)
	if err != nil {
		return nil, err
	}
	last := ""
	for i := range rows {
		row := &rows[i]
		d := a.types[row.Type]
		switch {
		case d == nil:
			if d, err = newDefinition(row); err != nil {
				return nil, err
			}
			a.types[row.Type] = d
		case row.Type != last:
			return nil, malformed("type %s is described twice", row.Type)
		}
		last = row.Type
		c, err := row.component()
		if err != nil {
			return nil, err
		}
		d.components = append(d.components, c)
		d.table = d.table || row.Field == ""
	}
	indirect, err := rowsOf[indirectRow](res, "INDIRECTTYPES", maxRows)
	if err != nil {
		return nil, err
	}
	for _, row := range indirect {
		a.indirect[[2]string{row.Type, row.Field}] = row.FieldType
	}
	if a.functionErrors, err = rowsOf[functionErrorRow](res, "FUNC_ERRORS", maxFacts); err != nil {
		return nil, err
	}
	a.typeErrors, err = rowsOf[typeErrorRow](res, "DD_ERRORS", maxFacts)
	return a, err
}

func newDefinition(row *typeRow) (*definition, error) {
	d := &definition{name: row.Type, changed: stampOf(row.Timestamp)}
	for w, s := range [...]string{row.Total, row.TotalUC} {
		n, err := number(s)
		if err != nil {
			return nil, malformed("type %s: total length %v", row.Type, err)
		}
		if d.total[w] = n; n == 0 {
			d.total[w] = -1
		}
	}
	return d, nil
}

func (row *typeRow) component() (component, error) {
	c := component{name: row.Field, typeName: row.FieldType, text: row.Text}
	c.kind = kindOf(row.IntType, row.CompType, row.DataType)
	for _, n := range []struct {
		text string
		to   *int
		what string
	}{
		{row.Length, &c.length[0], "length"},
		{row.LengthUC, &c.length[1], "length"},
		{row.Offset, &c.offset[0], "offset"},
		{row.OffsetUC, &c.offset[1], "offset"},
		{row.Decimals, &c.decimals, "decimals"},
	} {
		v, err := number(n.text)
		if err != nil {
			return c, malformed("%s-%s: %s %v", row.Type, row.Field, n.what, err)
		}
		*n.to = v
	}
	return c, nil
}

// kindOf reads the type letter; where a release leaves it blank, the dictionary type tells
// structures and tables.
func kindOf(letter, compType, dataType string) metadata.Kind {
	if len(letter) == 1 {
		return metadata.Kind(letter[0])
	}
	switch {
	case letter != "":
		return 0
	case compType == "S" || dataType == "STRU":
		return metadata.Structure
	case compType == "L" || dataType == "TTYP":
		return metadata.Table
	}
	return 0
}

// definition finds a type in the answer.
func (a *answer) definition(_ context.Context, name string) (*definition, error) {
	if d := a.types[name]; d != nil {
		if d.table && len(d.components) != 1 {
			return nil, malformed("table type %s has %d lines", name, len(d.components))
		}
		return d, nil
	}
	for _, e := range a.typeErrors {
		if e.Type == name {
			where := e.Type
			if e.Field != "" {
				where += "-" + e.Field
			}
			return nil, missing("type %s: the system reports %s %s", where, e.Exception, e.Text)
		}
	}
	return nil, missing("type %s: the answer of the system refers to it but does not describe it%s", name, a.troubles())
}

// troubles tells what else went wrong in the system.
func (a *answer) troubles() string {
	var b strings.Builder
	for i, e := range a.typeErrors {
		if i == 3 {
			b.WriteString(", ...")
			break
		}
		b.WriteString("; it reports " + e.Exception + " for type " + e.Type)
	}
	return b.String()
}

// function builds an interface from the answer.
func (a *answer) function(ctx context.Context, g *graph, name string) (*metadata.Function, error) {
	for _, e := range a.functionErrors {
		if e.Name != name {
			continue
		}
		if e.Exception == keyFunction {
			return nil, functionNotFound(name)
		}
		return nil, missing("function %s: the system reports %s %s", name, e.Exception, e.Text)
	}
	rows, ok := a.params[name]
	named, mentioned := a.named[name]
	if !ok && !mentioned {
		// Neither parameters nor its name came back: an empty interface would be a guess.
		return nil, functionNotFound(name)
	}
	f, err := g.function(ctx, name, rows, a.indirect)
	if err != nil {
		return nil, err
	}
	f.BasXML = named.BasXML == "X"
	return f, nil
}

// askInterface describes a function with the older modules: one round trip for the
// parameters and one for every type.
func (r *Repository) askInterface(ctx context.Context, name string, anew bool) (*found, error) {
	res, err := r.call(ctx, functionInterface, rfc.Params{"FUNCNAME": name, "PARAMS": []rfc.Params{}})
	if err != nil {
		if lacksModule(err, functionInterface) && name != functionInterface && isNamed(err, functionInterface) {
			return nil, missing("the system has neither %s nor %s", metadataGet, functionInterface)
		}
		return nil, err
	}
	rows, err := rowsOf[paramRow](res, "PARAMS", maxRows)
	if err != nil {
		return nil, err
	}
	mode, err := textOf(res, "REMOTE_CALL")
	if err != nil {
		return nil, err
	}
	if mode == "" && len(rows) == 0 {
		// Not remote-enabled, or not there: never an empty description (case J-20).
		return nil, functionNotFound(name)
	}
	g := r.stepwise(anew)
	f, err := g.function(ctx, name, rows, nil)
	if err != nil {
		return nil, err
	}
	f.BasXML = mode == "X"
	return &found{functions: []description{{function: f}}, types: g.types}, nil
}

func textOf(res *rfc.Response, name string) (string, error) {
	v, err := res.Value(name)
	s, _ := v.(string)
	return strings.TrimSpace(s), err
}

// stepwise is a graph that asks for every type it does not know, or with anew for every type.
func (r *Repository) stepwise(anew bool) *graph {
	g := &graph{fetch: r.askDefinition, types: map[string]entry{}, narrow: r.narrow}
	if !r.uncached && !anew {
		g.known = func(name string) (entry, bool) { return load(&r.system.types, name) }
	}
	return g
}

// askDefinition describes one type: DDIF_FIELDINFO_GET, or the module before it where that
// one is missing or has no rows.
func (r *Repository) askDefinition(ctx context.Context, name string) (*definition, error) {
	var first error
	if !r.system.lacks(fieldInfo) {
		d, err := r.askFieldInfo(ctx, name)
		switch {
		case err == nil && len(d.components) > 0:
			return d, nil
		case err != nil && lacksModule(err, fieldInfo):
			r.system.setLacks(fieldInfo)
		case err != nil && !isException(err, keyNotFoundDDIC):
			return nil, err
		}
		first = err
	}
	if r.system.lacks(structureDefinition) {
		return nil, missing("type %s: %s describes none, and the system has no %s", name, fieldInfo, structureDefinition)
	}
	d, err := r.askStructure(ctx, name)
	switch {
	case err == nil:
		return d, nil
	case lacksModule(err, structureDefinition):
		r.system.setLacks(structureDefinition)
		if first == nil || lacksModule(first, fieldInfo) {
			return nil, missing("type %s: the system has neither %s nor %s", name, fieldInfo, structureDefinition)
		}
		return nil, missing("type %s: %v", name, first)
	case isException(err, keyNotActive, keyNotFoundDDIC):
		return nil, missing("type %s: %v", name, err)
	}
	return nil, err
}

// uclen is UCLEN: lengths are asked for at two bytes per character, or one in a system that
// has no other.
func (r *Repository) uclen() []byte {
	if r.narrow {
		return []byte{1}
	}
	return []byte{2}
}

// fitFieldInfo learns the width of DFIES, which differs between releases (spec 24.4): once
// for each system the module itself is looked up. Without an answer the known width holds.
func (r *Repository) fitFieldInfo(ctx context.Context) error {
	if _, done := load(&r.system.resized, fieldInfo); done {
		return nil
	}
	b, err := interfaces()
	if err != nil {
		return err
	}
	f := b.asked[fieldInfo]
	res, err := r.call(ctx, functionInterface, rfc.Params{"FUNCNAME": fieldInfo, "PARAMS": []rfc.Params{}})
	if err != nil && !isException(err, keyFunction) {
		return err
	}
	if err == nil {
		rows, err := rowsOf[paramRow](res, "PARAMS", metadata.MaxParameters)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Name != "DFIES_TAB" || rows[i].Class != "T" {
				continue
			}
			width := int(rows[i].Length)
			if width > 0 && width < fieldInfoUsed {
				width *= 2 // told for one byte per character; all fields are text
			}
			if width < fieldInfoUsed || width == f.Parameters[f.Index("DFIES_TAB")].Type.Layout(2).Total {
				break
			}
			if f, err = resize(f, "DFIES_TAB", width); err != nil {
				return excessive("%s: %v", fieldInfo, err)
			}
			break
		}
	}
	r.system.setResized(f)
	return nil
}

// fieldInfoUsed is the width of the fields of DFIES that are read.
const fieldInfoUsed = 1074

func (r *Repository) askFieldInfo(ctx context.Context, name string) (*definition, error) {
	if err := r.fitFieldInfo(ctx); err != nil {
		return nil, err
	}
	in := rfc.Params{"TABNAME": name, "ALL_TYPES": "X", "UCLEN": r.uclen(), "DFIES_TAB": []rfc.Params{}}
	var res *rfc.Response
	var err error
	if r.narrow {
		// Where the numbers stand in X030L_WA of such a system is not known: it does without.
		res, err = r.call(ctx, fieldInfo, in, rfc.NotRequested("X030L_WA"))
	} else {
		res, err = r.call(ctx, fieldInfo, in)
	}
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf[fieldRow](res, "DFIES_TAB", metadata.MaxFields+1)
	if err != nil {
		return nil, err
	}
	object, err := textOf(res, "DDOBJTYPE")
	if err != nil {
		return nil, err
	}
	v, err := res.Value("X030L_WA")
	if err != nil {
		return nil, err
	}
	head, _ := v.([]byte)
	x, err := readHeader(name, head)
	if err != nil {
		return nil, err
	}
	if r.narrow {
		x.charWidth = 1
	}
	return definitionOf(name, object, x, rows)
}

// header is what is used of X030L_WA.
type header struct {
	given     bool
	fields    int
	total     int
	table     bool
	charWidth int // 1 or 2; 0 if the system left it out
}

// Offsets in X030L_WA. The numbers are big-endian bytes whatever the byte order of the
// connection. Source: spec 24.4 [impl].
const (
	headerFields = 162 // 2 bytes
	headerTotal  = 164 // 4 bytes
	headerType   = 172 // character
	headerWidth  = 248 // 1 byte
	headerUsed   = 249
	headerLen    = 256 // what our host writes
)

func readHeader(name string, b []byte) (header, error) {
	if isZero(b) {
		return header{}, nil
	}
	if len(b) < headerUsed {
		return header{}, malformed("type %s: X030L_WA has %d bytes, at least %d", name, len(b), headerUsed)
	}
	total := binary.BigEndian.Uint32(b[headerTotal:])
	if total > metadata.MaxStructure {
		return header{}, excessive("type %s: total length %d, at most %d", name, total, metadata.MaxStructure)
	}
	h := header{
		given: true, fields: int(binary.BigEndian.Uint16(b[headerFields:])), total: int(total),
		table: b[headerType] == 'L' || b[headerType] == 0 && b[headerType+1] == 'L', charWidth: int(b[headerWidth]),
	}
	if h.charWidth > 2 {
		return header{}, malformed("type %s: character width %d in X030L_WA, want 1 or 2", name, h.charWidth)
	}
	return h, nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// definitionOf reads DFIES rows.
func definitionOf(name, object string, x header, rows []fieldRow) (*definition, error) {
	d := &definition{name: name, total: unknown(), table: object == "TTYP" || x.table}
	if object == "DTEL" {
		return nil, missing("%s is a data element, not a structure or table type", name)
	}
	if len(rows) > metadata.MaxFields {
		return nil, excessive("type %s has more than %d fields", name, metadata.MaxFields)
	}
	if x.given && !x.table && x.fields != len(rows) && len(rows) > 0 && x.fields > 0 {
		return nil, malformed("type %s: X030L_WA announces %d fields, %d came", name, x.fields, len(rows))
	}
	type placed struct {
		position, length, offset, chars int
		c                               component
	}
	var list []placed
	positions := map[int]string{}
	for i := range rows {
		row := &rows[i]
		where := name + "-" + row.Field
		p := placed{c: component{
			name: row.Field, typeName: row.Type, text: row.Text, kind: kindOf(row.IntType, row.CompType, row.DataType),
			length: unknown(), offset: unknown(),
		}}
		for _, n := range []struct {
			text string
			to   *int
			what string
		}{
			{row.Position, &p.position, "position"},
			{row.Length, &p.length, "length"},
			{row.Offset, &p.offset, "offset"},
			{row.Chars, &p.chars, "dictionary length"},
			{row.Decimals, &p.c.decimals, "decimals"},
		} {
			v, err := number(n.text)
			if err != nil {
				return nil, malformed("%s: %s %v", where, n.what, err)
			}
			*n.to = v
		}
		if other, dup := positions[p.position]; dup || p.position == 0 {
			return nil, malformed("%s: position %d, want a number from 1 that no other field has (%s)", where, p.position, other)
		}
		positions[p.position] = row.Field
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b placed) int { return a.position - b.position })
	if d.table && len(list) > 0 && (len(list) != 1 || list[0].c.name != "") {
		// The rows are those of a structured line that has no name of its own here.
		d.table = false
	}
	// For which character width are the numbers? Asked was 2; a CHAR-like field whose
	// bytes are its dictionary length says 1 (spec 24.4 [capture]).
	w := 1
	wideBy, narrowBy := "", ""
	for _, p := range list {
		if !p.c.kind.Text() || p.chars == 0 {
			continue
		}
		switch p.length {
		case 2 * p.chars:
			wideBy = p.c.name
		case p.chars:
			narrowBy = p.c.name
		}
	}
	switch {
	case wideBy != "" && narrowBy != "":
		return nil, malformed("type %s: the length of %s is for Unicode, that of %s is not", name, wideBy, narrowBy)
	case narrowBy != "":
		w = 0
	case wideBy == "" && x.charWidth == 1:
		w = 0
	}
	for _, p := range list {
		p.c.length[w], p.c.offset[w] = p.length, p.offset
		d.components = append(d.components, p.c)
	}
	if x.given && x.total > 0 && !x.table {
		d.total[w] = x.total
	}
	return d, nil
}

func (r *Repository) askStructure(ctx context.Context, name string) (*definition, error) {
	res, err := r.call(ctx, structureDefinition, rfc.Params{"TABNAME": name, "UCLEN": r.uclen(), "FIELDS": []rfc.Params{}})
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf[structureRow](res, "FIELDS", metadata.MaxFields+1)
	if err != nil {
		return nil, err
	}
	v, err := res.Value("TABLENGTH")
	if err != nil {
		return nil, err
	}
	total, _ := v.(int32)
	d, err := structureOf(name, total, rows)
	if err == nil && r.narrow {
		d.narrow()
	}
	return d, err
}

// structureOf reads RFC_FIELDS rows. They name no types, so structures and tables inside
// cannot be followed.
func structureOf(name string, total int32, rows []structureRow) (*definition, error) {
	d := &definition{name: name, total: unknown(), guessed: true}
	if total < 0 || total > metadata.MaxStructure {
		return nil, malformed("type %s: total length %d, want 0 to %d", name, total, metadata.MaxStructure)
	}
	if total > 0 {
		d.total[1] = int(total)
	}
	if len(rows) > metadata.MaxFields {
		return nil, excessive("type %s has more than %d fields", name, metadata.MaxFields)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b structureRow) int { return int(int64(a.Position) - int64(b.Position)) })
	for i := range rows {
		row := &rows[i]
		switch {
		case row.Length < 0 || row.Offset < 0 || row.Decimals < 0:
			return nil, malformed("%s-%s: length %d, offset %d, decimals %d: a negative number", name, row.Field, row.Length, row.Offset, row.Decimals)
		case row.Position <= 0 || i > 0 && row.Position == rows[i-1].Position:
			return nil, malformed("%s-%s: position %d, want a number from 1 that no other field has", name, row.Field, row.Position)
		case len(row.Exid) != 1:
			return nil, malformed("%s-%s: type letter %.8q", name, row.Field, row.Exid)
		}
		c := component{name: row.Field, kind: metadata.Kind(row.Exid[0]), length: widths{-1, int(row.Length)}, offset: widths{-1, int(row.Offset)}, decimals: int(row.Decimals)}
		if c.kind.IsStructure() || c.kind == metadata.Table {
			return nil, missing("%s-%s is a %s, whose type %s does not name; %s or %s is needed", name, row.Field, c.kind, structureDefinition, metadataGet, fieldInfo)
		}
		d.components = append(d.components, c)
	}
	return d, nil
}

// isNamed reports whether a FU_NOT_FOUND names the module that was called.
func isNamed(err error, module string) bool {
	e, ok := asError(err)
	return ok && strings.TrimSpace(e.MessageV[0]) == module
}

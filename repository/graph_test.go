package repository

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func TestBootstrapLayoutsHaveTheWidthsOfTheWire(t *testing.T) {
	t.Parallel()
	b, err := interfaces()
	require.NoError(t, err)
	for _, want := range []struct {
		name        string
		used, total int
	}{
		{"RFC_FUNINT", 402, 404},
		{"RFC_FIELDS", 138, 140},
		{"DFIES", 1350, 1350},
		{"DDFIXVALUE", 166, 166},
		{"RFC_RESUMABLE_EXCEPTION", 62, 62},
		{"RFCFUNCTIONNAME", 90, 90},
		{"RFC_MD_DDIC_NAME", 120, 120},
		{"RFC_METADATA_PARAMS", 462, 464}, // K-17
		{"RFC_METADATA_DDIC", 424, 424},
		{"RFC_METADATA_DDIC_INDIRECT", 180, 180},
		{"RFC_FUNC_ERROR", 630, 630},
		{"RFC_DD_ERROR", 690, 690},
		{"RFC_FUNC_TIMESTAMP", 88, 88},
		{"RFC_DDIC_TIMESTAMP", 88, 88},
	} {
		typ, ok := b.types.Type(want.name)
		require.True(t, ok, want.name)
		require.Equal(t, want.used, typ.Layout(2).Used, want.name)
		require.Equal(t, want.total, typ.Layout(2).Total, want.name)
	}
	funint, _ := b.types.Type("RFC_FUNINT")
	require.Equal(t, 209, funint.Layout(1).Used)
	require.Equal(t, 212, funint.Layout(1).Total)
	for _, want := range []struct {
		typ, field string
		offset     int
	}{
		{"RFC_FUNINT", "EXID", 182},
		{"RFC_FUNINT", "INTLENGTH", 192},
		{"RFC_FUNINT", "OPTIONAL", 400},
		{"RFC_METADATA_PARAMS", "POSITION", 244},
		{"RFC_METADATA_PARAMS", "OPTIONAL", 460},
		{"RFC_METADATA_DDIC", "DATATYPE", 182},
		{"RFC_METADATA_DDIC", "INTTYPE", 346},
		{"RFC_METADATA_DDIC", "TIMESTAMP", 396},
		{"DFIES", "POSITION", 122},
		{"DFIES", "OFFSET", 130},
		{"DFIES", "DOMNAME", 142},
		{"DFIES", "LENG", 322},
		{"DFIES", "INTLEN", 334},
		{"DFIES", "DECIMALS", 358},
		{"DFIES", "DATATYPE", 370},
		{"DFIES", "INTTYPE", 378},
		{"DFIES", "FIELDTEXT", 682},
		{"DFIES", "KEYFLAG", 1052},
		{"DFIES", "COMPTYPE", 1072},
		{"DFIES", "LFIELDNAME", 1074},
		{"RFC_FIELDS", "EXID", 136},
		{"RFCFUNCTIONNAME", "UTIME", 78},
	} {
		typ, _ := b.types.Type(want.typ)
		require.Equal(t, want.offset, typ.Layout(2).Offsets[typ.Index(want.field)], "%s-%s", want.typ, want.field)
	}
}

func TestK01ParamsRowsOfSTFC_CONNECTIONAreThoseOfTheWire(t *testing.T) {
	t.Parallel()
	f, err := new(metadata.Dictionary).Function("STFC_CONNECTION", "IMPORTING REQUTEXT:C255\nEXPORTING ECHOTEXT:C255\nEXPORTING RESPTEXT:C255")
	require.NoError(t, err)
	rows := paramRows(f, 2)
	var names []string
	for _, r := range rows {
		names = append(names, r.Class+" "+r.Name)
	}
	require.Equal(t, []string{"E ECHOTEXT", "E RESPTEXT", "I REQUTEXT"}, names)
	require.Equal(t, int32(510), rows[0].Length)
	require.Equal(t, int32(255), paramRows(f, 1)[0].Length, "NONE_UNICODE_LENGTH")

	// The row as bytes, from the offsets of the wire document.
	want := make([]byte, 402)
	for i := 0; i < len(want); i += 2 {
		want[i] = ' '
	}
	put := func(offset int, s string) {
		for i, c := range []byte(s) {
			want[offset+2*i] = c
		}
	}
	put(0, "E")
	put(2, "ECHOTEXT")
	put(182, "C")
	for i, n := range []uint32{1, 0, 510, 0} {
		binary.LittleEndian.PutUint32(want[184+4*i:], n)
	}
	b, err := interfaces()
	require.NoError(t, err)
	w := serialization.Writer{Function: b.offered[functionInterface], Reply: true, Requested: func(p *metadata.Parameter) bool { return p.Name == "PARAMS" }}
	out, err := w.Append(nil, &interfaceOut{Params: rows[:1]})
	require.NoError(t, err)
	require.Contains(t, string(out), string(want))
}

// read makes a type of definitions, as an answer of RFC_METADATA_GET would.
func read(defs ...*definition) (*metadata.Type, error) {
	a := &answer{types: map[string]*definition{}}
	for _, d := range defs {
		a.types[d.name] = d
	}
	g := &graph{fetch: a.definition, types: map[string]entry{}}
	e, err := g.resolve(context.Background(), defs[0].name)
	if err != nil {
		return nil, failed(defs[0].name, err)
	}
	return e.typ, nil
}

func comp(name string, kind metadata.Kind, typ string, length, offset widths) component {
	return component{name: name, kind: kind, typeName: typ, length: length, offset: offset}
}

func TestB110HostileTypesAreRefused(t *testing.T) {
	t.Parallel()
	i4 := func(name string, off int) component {
		return comp(name, metadata.Int4, "", widths{4, 4}, widths{off, off})
	}
	sub := func(name, typ string) component { return comp(name, metadata.Structure, typ, unknown(), unknown()) }
	chain := make([]*definition, 10_000)
	for i := range chain {
		chain[i] = &definition{name: fmt.Sprintf("T%d", i), total: unknown(), components: []component{sub("S", fmt.Sprintf("T%d", i+1))}}
	}
	for _, test := range []struct {
		name  string
		defs  []*definition
		class error
		text  string
	}{
		{"overlap", []*definition{{name: "T", total: widths{8, 8}, components: []component{i4("A", 0), i4("B", 2)}}}, rfc.ErrProtocol, "field B at offset 2 overlaps A"},
		{"behind the end", []*definition{{name: "T", total: widths{4, 4}, components: []component{i4("A", 0), i4("B", 4)}}}, rfc.ErrProtocol, "field B ends at 8, behind the total"},
		{"gap", []*definition{{name: "T", total: widths{16, 16}, components: []component{i4("A", 0), i4("B", 8)}}}, rfc.ErrProtocol, "by alignment it is 4"},
		{"total", []*definition{{name: "T", total: widths{12, 12}, components: []component{i4("A", 0), i4("B", 4)}}}, rfc.ErrProtocol, "total length 12"},
		{"itself", []*definition{{name: "A", total: unknown(), components: []component{sub("X", "A")}}}, rfc.ErrProtocol, "A contains itself"},
		{"F-49 a circle", []*definition{
			{name: "A", total: unknown(), components: []component{sub("X", "B")}},
			{name: "B", total: unknown(), components: []component{comp("Y", metadata.Table, "A", unknown(), unknown())}},
		}, rfc.ErrProtocol, "A -> B -> A"},
		{"F-49 10,000 deep", chain, rfc.ErrLimit, "nested more than 32 deep"},
		{"no length", []*definition{{name: "T", total: unknown(), components: []component{comp("C", metadata.Char, "", widths{0, 0}, unknown())}}}, rfc.ErrProtocol, "length 0"},
		{"odd", []*definition{{name: "T", total: unknown(), components: []component{comp("C", metadata.Char, "", widths{-1, 5}, unknown())}}}, rfc.ErrProtocol, "odd number"},
		{"two lengths", []*definition{{name: "T", total: unknown(), components: []component{comp("C", metadata.Char, "", widths{5, 12}, unknown())}}}, rfc.ErrProtocol, "5 without and 6 with"},
		{"wide", []*definition{{name: "T", total: unknown(), components: []component{comp("C", metadata.Char, "", widths{1 << 29, 1 << 30}, unknown())}}}, rfc.ErrLimit, "at most"},
		{"object reference", []*definition{{name: "T", total: unknown(), components: []component{comp("R", 'r', "", unknown(), unknown())}}}, rfc.ErrProtocol, `T-R: an object reference (type "r") cannot travel`},
		{"data reference", []*definition{{name: "T", total: unknown(), components: []component{comp("R", 'l', "", unknown(), unknown())}}}, rfc.ErrProtocol, `T-R: a data reference (type "l") cannot travel`},
		{"boxed component", []*definition{{name: "T", total: unknown(), components: []component{i4("A", 0), comp("B", 'j', "", unknown(), unknown())}}}, rfc.ErrProtocol, `T-B: a boxed component (type "j") is not supported`},
		{"boxed component of the other kind", []*definition{{name: "T", total: unknown(), components: []component{comp("B", 'k', "", widths{8, 8}, widths{0, 0})}}}, rfc.ErrProtocol, `T-B: a boxed component (type "k")`},
		{"B-111 NUL in a name", []*definition{{name: "T", total: unknown(), components: []component{i4("A\x00B", 0)}}}, rfc.ErrProtocol, "invalid character"},
		{"twice", []*definition{{name: "T", total: unknown(), components: []component{i4("A", 0), i4("A", 4)}}}, rfc.ErrProtocol, "twice"},
		{"K-15 not described", []*definition{{name: "T", total: unknown(), components: []component{sub("X", "GONE")}}}, rfc.ErrMetadata, "T-X: type GONE"},
		{"empty", []*definition{{name: "T", total: unknown()}}, rfc.ErrMetadata, "no fields"},
		{"two lines", []*definition{{name: "T", table: true, total: unknown(), components: []component{i4("", 0), i4("", 4)}}}, rfc.ErrProtocol, "2 lines"},
		{"many fields", []*definition{{name: "T", total: unknown(), components: make([]component, metadata.MaxFields+1)}}, rfc.ErrLimit, "10001 fields"},
	} {
		_, err := read(test.defs...)
		require.ErrorContains(t, err, test.text, test.name)
		require.ErrorIs(t, err, test.class, test.name)
		require.ErrorIs(t, err, rfc.ErrMetadata, test.name)
		wantError(t, err, rfc.ClassMetadata, keyNotFound)
	}
}

func TestHostileParametersAreRefused(t *testing.T) {
	t.Parallel()
	row := func(change func(*paramRow)) []paramRow {
		r := paramRow{Class: "I", Name: "P", Exid: "C", Length: 10, Position: 1}
		change(&r)
		return []paramRow{r}
	}
	for text, rows := range map[string][]paramRow{
		"negative":                row(func(r *paramRow) { r.Length = -2 }),
		"invalid character":       row(func(r *paramRow) { r.Name = "A\x00" }),
		`class "Q"`:               row(func(r *paramRow) { r.Class = "Q" }),
		"type letter":             row(func(r *paramRow) { r.Exid = "CC" }),
		"INT of 2 bytes":          row(func(r *paramRow) { r.Exid, r.Length = "I", 2 }),
		"DATE of 9 bytes":         row(func(r *paramRow) { r.Exid, r.Length = "D", 9 }),
		"without a type name":     row(func(r *paramRow) { r.Exid = "u" }),
		"table without":           row(func(r *paramRow) { r.Exid = "h" }),
		"P twice":                 append(row(func(*paramRow) {}), row(func(*paramRow) {})...),
		"is for Unicode, that of": append(row(func(r *paramRow) { r.Exid, r.Length, r.Name = "D", 16, "D" }), row(func(r *paramRow) { r.Length = 7 })...),
		"at most 10000":           make([]paramRow, metadata.MaxParameters+1),
		`F.P: an object reference (type "r") cannot travel`:  row(func(r *paramRow) { r.Exid = "r" }),
		`F.P: a boxed component (type "j") is not supported`: row(func(r *paramRow) { r.Exid, r.Length = "j", 8 }),
		"2147483647": row(func(r *paramRow) { r.Exid, r.Length = "X", math.MaxInt32 }),
	} {
		g := &graph{fetch: (&answer{}).definition, types: map[string]entry{}}
		_, err := g.function(t.Context(), "F", rows, nil)
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, failed("F", err), rfc.ErrMetadata)
	}
}

func TestNarrowParameterLengthsAreRecognised(t *testing.T) {
	t.Parallel()
	f, err := new(metadata.Dictionary).Function("F", "IMPORTING A:C255\nIMPORTING D:D\nIMPORTING N:N5")
	require.NoError(t, err)
	for _, w := range []int{1, 2} {
		g := &graph{types: map[string]entry{}}
		got, err := g.function(t.Context(), "F", paramRows(f, w), nil)
		require.NoError(t, err)
		require.Empty(t, diff(f, got))
	}
}

func TestK14TheClassDecidesThatAParameterIsATable(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	rfctest, _ := d.Type("RFCTEST")
	g := &graph{types: map[string]entry{"RFCTEST": {typ: rfctest}, "RFCTEST_T": {typ: rfctest, table: true}}}
	rows := []paramRow{
		{Class: "T", Name: "A", Table: "RFCTEST", Exid: "u"},
		{Class: "T", Name: "B", Table: "RFCTEST_T", Exid: "h"},
		{Class: "T", Name: "C", Table: "RFCTEST"},
		{Class: "T", Name: "D", Table: "CHAR72", Exid: "C", Length: 144},
	}
	f, err := g.function(t.Context(), "F", rows, nil)
	require.NoError(t, err)
	for i := range f.Parameters {
		require.Equal(t, metadata.Table, f.Parameters[i].Kind)
	}
	require.Same(t, rfctest, f.Parameters[1].Type)
	require.True(t, f.Parameters[3].Type.Scalar())
}

func TestReferencesToComponentsAreFollowed(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	outer, _ := d.Type("OUTER")
	middle, _ := d.Type("MIDDLE")
	for _, indirect := range []map[[2]string]string{nil, {{"OUTER", "MIDDLE"}: "MIDDLE"}} {
		g := &graph{types: map[string]entry{"OUTER": {typ: outer}, "MIDDLE": {typ: middle}}}
		f, err := g.function(t.Context(), "F", []paramRow{{Class: "I", Name: "A", Table: "OUTER", Field: "MIDDLE", Exid: "u"}}, indirect)
		require.NoError(t, err)
		require.Same(t, middle, f.Parameters[0].Type)
		require.Equal(t, "MIDDLE", paramRows(f, 2)[0].Field)
		require.Equal(t, []indirectRow{{"OUTER", "MIDDLE", "MIDDLE"}}, indirectRows(f))
	}
}

var typeOptions = cmpopts.IgnoreUnexported(metadata.Type{})

func TestK04K05FieldRowsGiveTheSameTypeForBothWidths(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	rfctest, _ := d.Type("RFCTEST")
	desc := &described{name: "RFCTEST", structure: rfctest}
	offsets := map[int]string{1: "0 8 10 12 13 20 24 27 29 35 43 93 144", 2: "0 8 10 12 14 24 28 32 36 48 64 164 264"}
	for _, w := range []int{1, 2} {
		rows := desc.fieldRows(w, "E")
		var got []string
		for _, r := range rows {
			got = append(got, r.Offset)
		}
		x, err := readHeader("RFCTEST", desc.header(w))
		require.NoError(t, err)
		require.Equal(t, offsets[w], strings.Join(append(got, n6(x.total)), " "))
		for _, charWidth := range []int{w, 2, 0} { // one endpoint says 2 and delivers 1
			x.charWidth = charWidth
			def, err := definitionOf("RFCTEST", "INTTAB", x, rows)
			require.NoError(t, err)
			typ, err := read(def)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(rfctest, typ, typeOptions))
		}
		def, err := structureOf("RFCTEST", int32(rfctest.Layout(w).Total), desc.structureRows(w))
		require.NoError(t, err)
		typ, err := read(def)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(rfctest, typ, typeOptions))
	}
}

func TestHostileFieldRowsAreRefused(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	rfctest, _ := d.Type("RFCTEST")
	desc := &described{name: "T", structure: rfctest}
	for text, change := range map[string]func(rows []fieldRow, x *header) []fieldRow{
		"position 0":              func(r []fieldRow, _ *header) []fieldRow { r[3].Position = "0"; return r },
		"position 4":              func(r []fieldRow, _ *header) []fieldRow { r[4].Position = "4"; return r },
		"is not a number":         func(r []fieldRow, _ *header) []fieldRow { r[3].Length = "-1"; return r },
		"announces 12 fields":     func(r []fieldRow, _ *header) []fieldRow { return r[1:] },
		"total length 280":        func(r []fieldRow, x *header) []fieldRow { x.total = 280; return r },
		"is for Unicode, that of": func(r []fieldRow, _ *header) []fieldRow { r[1].Length = "1"; return r },
		"overlaps":                func(r []fieldRow, _ *header) []fieldRow { r[5].Offset = "20"; return r },
	} {
		x, err := readHeader("T", desc.header(2))
		require.NoError(t, err)
		def, err := definitionOf("T", "INTTAB", x, change(desc.fieldRows(2, ""), &x))
		if err == nil {
			_, err = read(def)
		}
		require.ErrorContains(t, err, text)
	}
	_, err := readHeader("T", desc.header(2)[:200])
	require.ErrorContains(t, err, "at least 249")
	bad := desc.header(2)
	binary.BigEndian.PutUint32(bad[headerTotal:], 1<<31)
	_, err = readHeader("T", bad)
	require.ErrorIs(t, err, rfc.ErrLimit)
	for _, r := range []structureRow{{Field: "A", Exid: "I", Length: -4, Position: 1}, {Field: "A", Exid: "I", Length: 4}, {Field: "A", Exid: "I", Offset: -1, Position: 1}} {
		_, err = structureOf("T", 4, []structureRow{r})
		require.ErrorIs(t, err, rfc.ErrProtocol)
	}
	_, err = structureOf("T", -1, nil)
	require.ErrorIs(t, err, rfc.ErrProtocol)
}

// randomType builds a structure of all kinds.
func randomType(r *rand.Rand, name string, depth int) *metadata.Type {
	kinds := []metadata.Kind{
		metadata.Char, metadata.Numc, metadata.Date, metadata.Time, metadata.Raw, metadata.Packed, metadata.Float, metadata.Int4,
		metadata.Int2, metadata.Int1, metadata.Int8, metadata.String, metadata.XString, metadata.DecFloat16, metadata.UTCLong, metadata.DTDay,
		metadata.TMinute, metadata.Structure, metadata.Table,
	}
	var fields []metadata.Field
	for i := range 1 + r.IntN(12) {
		f := metadata.Field{Name: fmt.Sprintf("F%d", i), Kind: kinds[r.IntN(len(kinds))]}
		if depth == 0 && (f.Kind == metadata.Structure || f.Kind == metadata.Table) {
			f.Kind = metadata.Char
		}
		switch {
		case f.Kind.Variable():
			f.Length = 1 + r.IntN(16)
		case f.Kind == metadata.Structure:
			f.Type = randomType(r, fmt.Sprintf("%s_%d", name, i), depth-1)
			f.TypeName = f.Type.Name
		case f.Kind == metadata.Table:
			f.Type = randomType(r, fmt.Sprintf("%s_%d", name, i), depth-1)
			f.TypeName = f.Type.Name + "_T"
		}
		fields = append(fields, f)
	}
	t, err := metadata.NewType(name, fields)
	if err != nil {
		return randomType(r, name, depth)
	}
	return t
}

func TestEveryTypeSurvivesItsDescription(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(24, 5))
	for range 300 {
		want := randomType(r, "T", 3)
		c := new(catalog)
		c.structureType(want)
		narrow := r.IntN(2) == 0
		var defs []*definition
		for _, d := range c.order {
			var def *definition
			var err error
			if narrow {
				w := 1 + r.IntN(2)
				var x header
				if x, err = readHeader(d.name, d.header(w)); err == nil {
					def, err = definitionOf(d.name, d.objectType(), x, d.fieldRows(w, ""))
				}
			} else {
				rows := d.typeRows("20260101000000")
				def, err = newDefinition(&rows[0])
				require.NoError(t, err)
				for i := range rows {
					comp, cerr := rows[i].component()
					require.NoError(t, cerr)
					require.NotEmpty(t, rows[i].DataType)
					def.components = append(def.components, comp)
					def.table = def.table || rows[i].Field == ""
				}
			}
			require.NoError(t, err)
			defs = append(defs, def)
		}
		got, err := read(defs...)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got, typeOptions))
	}
}

func TestInlineTablesGetNamesThatStay(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	f, err := d.Function("F", "IMPORTING A:[C10]\nIMPORTING B:[P8.2]\nIMPORTING C:[RFCTEST]\nIMPORTING D:[s]\nIMPORTING E:[NAMES_T]")
	require.NoError(t, err)
	var names []string
	for _, r := range paramRows(f, 2) {
		names = append(names, r.Table)
		require.Equal(t, "h", r.Exid)
		require.NoError(t, metadata.CheckName(r.Table))
	}
	require.Equal(t, []string{"TABLE_OF_CHAR10", "TABLE_OF_BCD8_2", "TABLE_OF_RFCTEST", "TABLE_OF_INT2", "NAMES_T"}, names)
	c := new(catalog)
	c.function(f)
	require.Len(t, c.order, 6)
	require.True(t, slices.ContainsFunc(c.order, func(d *described) bool { return d.name == "RFCTEST" && d.structure != nil }))
}

package repository

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/purerfc/purerfc/metadata"
)

// dictionaryTypes are the DDIC data types that a host tells for each kind (spec 20.1).
var dictionaryTypes = map[metadata.Kind]string{
	metadata.Char: "CHAR", metadata.Numc: "NUMC", metadata.Date: "DATS", metadata.Time: "TIMS", metadata.Raw: "RAW",
	metadata.Packed: "DEC", metadata.Float: "FLTP", metadata.Int4: "INT4", metadata.Int2: "INT2", metadata.Int1: "INT1",
	metadata.Int8: "INT8", metadata.String: "STRG", metadata.XString: "RSTR", metadata.Structure: "STRU",
	metadata.DeepStructure: "STRU", metadata.Table: "TTYP", metadata.DecFloat16: "D16R", metadata.DecFloat34: "D34R",
	metadata.UTCLong: "UTCL", metadata.UTCSecond: "UTCS", metadata.UTCMinute: "UTCM", metadata.DTDay: "DTDY",
	metadata.DTWeek: "DTWK", metadata.DTMonth: "DTMO", metadata.TSecond: "TSEC", metadata.TMinute: "TMIN", metadata.CDay: "CDAY",
}

func exid(k metadata.Kind) string { return string(rune(k)) }

// compType is blank or E for elementary components, S for structures, L for tables.
func compType(k metadata.Kind) string {
	switch {
	case k.IsStructure():
		return "S"
	case k == metadata.Table:
		return "L"
	}
	return "E"
}

// structureName is the name under which a structure is described; a structure without one
// gets a name made of its content, the same each time.
func structureName(t *metadata.Type) string {
	if t.Name != "" {
		return t.Name
	}
	return "STRUCTURE_" + digest(t)
}

// tableName is the name of a table type. A table that was declared by its line alone has
// none; it gets one that cannot be mistaken for the line.
func tableName(f *metadata.Field) string {
	if f.TypeName != "" && f.TypeName != f.Type.Name {
		return f.TypeName
	}
	if f.Type.Scalar() {
		line := &f.Type.Fields[0]
		name := "TABLE_OF_" + line.Kind.String()
		switch {
		case line.Kind == metadata.Table || line.Kind.IsStructure():
			return "TABLE_OF_" + digest(f.Type)
		case line.Kind == metadata.Packed:
			return fmt.Sprintf("%s%d_%d", name, line.Length, line.Decimals)
		case line.Kind.Variable():
			return fmt.Sprintf("%s%d", name, line.Length)
		}
		return name
	}
	if n := "TABLE_OF_" + f.Type.Name; f.Type.Name != "" && metadata.CheckName(n) == nil {
		return n
	}
	return "TABLE_OF_" + digest(f.Type)
}

// digest is a short text for the content of a type.
func digest(t *metadata.Type) string {
	h := sha256.New()
	var write func(t *metadata.Type)
	write = func(t *metadata.Type) {
		_, _ = fmt.Fprintf(h, "%s(", t.Name)
		for i := range t.Fields {
			f := &t.Fields[i]
			_, _ = fmt.Fprintf(h, "%s:%c%d.%d", f.Name, f.Kind, f.Length, f.Decimals)
			if f.Type != nil {
				write(f.Type)
			}
			_, _ = fmt.Fprint(h, " ")
		}
		_, _ = fmt.Fprint(h, ")")
	}
	write(t)
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:8]))
}

// described is a name of the dictionary that a host can explain: a structure, a table type
// or a data element.
type described struct {
	name      string
	structure *metadata.Type
	field     *metadata.Field // of the table type or data element
}

// catalog is the dictionary of a host: every type that its functions and types refer to,
// in the order in which they were met. The first meaning of a name counts.
type catalog struct {
	byName map[string]*described
	order  []*described
}

func (c *catalog) add(d *described) bool {
	if _, dup := c.byName[d.name]; dup {
		return false
	}
	if c.byName == nil {
		c.byName = make(map[string]*described)
	}
	c.byName[d.name] = d
	c.order = append(c.order, d)
	return true
}

// function adds the types of a function.
func (c *catalog) function(f *metadata.Function) {
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Direction == metadata.Tables {
			c.lineOf(&p.Field)
			continue
		}
		c.fieldType(&p.Field)
	}
}

// lineOf adds what a TABLES parameter refers to: its line, not a table type.
func (c *catalog) lineOf(f *metadata.Field) {
	if f.Type.Scalar() {
		c.fieldType(&f.Type.Fields[0])
		return
	}
	c.structureType(f.Type)
}

func (c *catalog) structureType(t *metadata.Type) {
	if !c.add(&described{name: structureName(t), structure: t}) {
		return
	}
	for i := range t.Fields {
		c.fieldType(&t.Fields[i])
	}
}

// fieldType adds what a field refers to.
func (c *catalog) fieldType(f *metadata.Field) {
	switch {
	case f.Kind.IsStructure():
		c.structureType(f.Type)
	case f.Kind == metadata.Table:
		if c.add(&described{name: tableName(f), field: f}) {
			c.lineOf(f)
		}
	case f.TypeName != "" && f.TypeField == "":
		c.add(&described{name: f.TypeName, field: f})
	}
}

// referTo is the type name that rows tell for a field.
func referTo(f *metadata.Field) string {
	switch {
	case f.Kind.IsStructure():
		return structureName(f.Type)
	case f.Kind == metadata.Table:
		return tableName(f)
	}
	return f.TypeName
}

// lineField is the line of a table as a field.
func lineField(f *metadata.Field) metadata.Field {
	if f.Type.Scalar() {
		return f.Type.Fields[0]
	}
	line := metadata.Field{Kind: metadata.Structure, Type: f.Type, TypeName: structureName(f.Type)}
	if f.Type.Deep() {
		line.Kind = metadata.DeepStructure
	}
	return line
}

// paramRows describes parameters and exceptions in the order of systems: by class and
// name (cases K-01, K-02), positions from 1. charWidth says for which peers lengths are.
func paramRows(f *metadata.Function, charWidth int) []paramRow {
	rows := make([]paramRow, 0, len(f.Parameters)+len(f.Exceptions))
	for i := range f.Parameters {
		p := &f.Parameters[i]
		field := p.Field
		if p.Direction == metadata.Tables {
			field = lineField(&p.Field)
			if field.TypeName == "" && field.Kind != metadata.Table {
				field.TypeName, field.TypeField = p.TypeName, p.TypeField
			}
		}
		row := paramRow{
			Class: p.Direction.Class(), Name: p.Name, Table: referTo(&field), Field: field.TypeField, Exid: exid(field.Kind),
			Length: int32(field.Width(charWidth)), Decimals: int32(field.Decimals), Default: cut(p.Default, 21), Text: cut(p.Text, 79),
		}
		if p.TypeField != "" && p.TypeName != "" {
			// A reference to a component keeps both its names.
			row.Table, row.Field = p.TypeName, p.TypeField
		}
		if p.Optional {
			row.Optional = "X"
		}
		rows = append(rows, row)
	}
	for _, e := range f.Exceptions {
		rows = append(rows, paramRow{Class: "X", Name: e.Name, Text: cut(e.Text, 79)})
	}
	slices.SortStableFunc(rows, func(a, b paramRow) int {
		if a.Class != b.Class {
			return strings.Compare(a.Class, b.Class)
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i := range rows {
		rows[i].Position = int32(i + 1)
	}
	return rows
}

// indirectRows names the types behind parameters that refer to a component which is itself
// a structure or a table.
func indirectRows(f *metadata.Function) []indirectRow {
	var rows []indirectRow
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.TypeField == "" || p.TypeName == "" || p.Type == nil || p.Type.Scalar() {
			continue
		}
		rows = append(rows, indirectRow{Type: p.TypeName, Field: p.TypeField, FieldType: structureName(p.Type)})
	}
	return rows
}

// cut shortens a text to n UTF-16 units, the length of a CHAR field.
func cut(s string, n int) string {
	units := 0
	for i, r := range s {
		if units += max(1, utf16.RuneLen(r)); units > n {
			return s[:i]
		}
	}
	return s
}

// typeRows describes a name for RFC_METADATA_GET, widths for both kinds of peers side by
// side. Data elements have no rows.
func (d *described) typeRows(timestamp string) []typeRow {
	if d.structure == nil {
		if d.field.Kind != metadata.Table {
			return nil
		}
		line := lineField(d.field)
		row := componentRow(d.name, &line, 0, 0, timestamp)
		row.Field = ""
		row.Total, row.TotalUC = n6(line.Width(1)), n6(line.Width(2))
		return []typeRow{row}
	}
	narrow, wide := d.structure.Layout(1), d.structure.Layout(2)
	rows := make([]typeRow, len(d.structure.Fields))
	for i := range rows {
		rows[i] = componentRow(d.name, &d.structure.Fields[i], narrow.Offsets[i], wide.Offsets[i], timestamp)
		rows[i].Total, rows[i].TotalUC = n6(narrow.Total), n6(wide.Total)
	}
	return rows
}

func componentRow(typ string, f *metadata.Field, offset, offsetUC int, timestamp string) typeRow {
	return typeRow{
		Type: typ, Field: f.Name, CompType: compType(f.Kind), FieldType: referTo(f), DataType: dictionaryTypes[f.Kind],
		Text: cut(f.Text, 60), Decimals: n6(f.Decimals), IntType: exid(f.Kind), Offset: n6(offset), OffsetUC: n6(offsetUC),
		Length: n6(f.Width(1)), LengthUC: n6(f.Width(2)), Timestamp: timestamp,
	}
}

// characters is the DDIC length of a field: characters, digits or bytes.
func characters(f *metadata.Field) int {
	switch f.Kind {
	case metadata.Packed:
		return 2*f.Length - 1
	case metadata.Int4:
		return 10
	case metadata.Int2:
		return 5
	case metadata.Int1:
		return 3
	case metadata.Int8:
		return 19
	case metadata.Float, metadata.DecFloat16:
		return 16
	case metadata.DecFloat34:
		return 34
	case metadata.String, metadata.XString, metadata.Table, metadata.Structure, metadata.DeepStructure:
		return 0
	default:
		if f.Kind.Text() {
			return f.Width(1)
		}
		return f.Width(2)
	}
}

// fieldRows describes a name in rows of DFIES.
func (d *described) fieldRows(charWidth int, language string) []fieldRow {
	if d.structure == nil {
		f := *d.field
		if f.Kind == metadata.Table {
			f = lineField(d.field)
		}
		row := dfiesRow(d.name, &f, 1, 0, charWidth, language)
		row.Field = ""
		if d.field.Kind != metadata.Table {
			row.Type = d.name
		}
		return []fieldRow{row}
	}
	l := d.structure.Layout(charWidth)
	rows := make([]fieldRow, len(d.structure.Fields))
	for i := range rows {
		rows[i] = dfiesRow(d.name, &d.structure.Fields[i], i+1, l.Offsets[i], charWidth, language)
	}
	return rows
}

func dfiesRow(table string, f *metadata.Field, position, offset, charWidth int, language string) fieldRow {
	chars := characters(f)
	comp := compType(f.Kind)
	return fieldRow{
		Table: table, Field: f.Name, Language: language, Position: n6(min(position, 9999)), Offset: n6(offset), Type: referTo(f),
		Chars: n6(chars), Length: n6(f.Width(charWidth)), Output: n6(chars), Decimals: n6(f.Decimals),
		DataType: dictionaryTypes[f.Kind], IntType: exid(f.Kind), CompType: comp, Text: cut(f.Text, 60),
	}
}

// header is X030L_WA: text in the connection's order, numbers big-endian (spec 24.4).
func (d *described) header(charWidth int) []byte {
	b := make([]byte, headerLen)
	for i, u := range utf16.Encode([]rune(d.name)) {
		if i < 30 {
			binary.LittleEndian.PutUint16(b[2*i:], u)
		}
	}
	fields, total := 1, 0
	switch {
	case d.structure != nil:
		fields, total = len(d.structure.Fields), d.structure.Layout(charWidth).Total
	case d.field.Kind == metadata.Table:
		line := lineField(d.field)
		total = line.Width(charWidth)
		b[headerType] = 'L'
	default:
		total = d.field.Width(charWidth)
	}
	binary.BigEndian.PutUint16(b[headerFields:], uint16(fields))
	binary.BigEndian.PutUint32(b[headerTotal:], uint32(total))
	b[headerWidth] = byte(charWidth)
	return b
}

// objectType is DDOBJTYPE.
func (d *described) objectType() string {
	switch {
	case d.structure != nil:
		return "INTTAB"
	case d.field.Kind == metadata.Table:
		return "TTYP"
	}
	return "DTEL"
}

// structureRows describes a structure in rows of RFC_FIELDS.
func (d *described) structureRows(charWidth int) []structureRow {
	l := d.structure.Layout(charWidth)
	rows := make([]structureRow, len(d.structure.Fields))
	for i := range rows {
		f := &d.structure.Fields[i]
		rows[i] = structureRow{
			Table: d.name, Field: f.Name, Position: int32(i + 1), Offset: int32(l.Offsets[i]),
			Length: int32(f.Width(charWidth)), Decimals: int32(f.Decimals), Exid: exid(f.Kind),
		}
	}
	return rows
}

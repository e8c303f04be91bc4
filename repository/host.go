package repository

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// HostOption changes Register.
type HostOption func(*host)

// Except hides function modules, named by patterns with * and ?: they are described as if
// they did not exist, and so are types that only they use. Hidden metadata modules are not
// registered at all.
func Except(patterns ...string) HostOption {
	return func(h *host) { h.hidden = append(h.hidden, patterns...) }
}

// ChangedAt sets the time that the host tells as the last change of all its functions and
// types. Default: the time of Register.
func ChangedAt(t time.Time) HostOption { return func(h *host) { h.changed = t } }

// Register adds the metadata modules to a mux: RFC_METADATA_GET,
// RFC_METADATA_GET_TIMESTAMP, RFC_GET_FUNCTION_INTERFACE, DDIF_FIELDINFO_GET and
// RFC_GET_STRUCTURE_DEFINITION. They describe the modules and types registered in that mux
// at the time of the call, themselves included, and nothing else.
//
// Without Register a host describes nothing, and callers need descriptions of their own.
//
// DDIC numbers have six digits, so that structures above 999,999 bytes cannot be described.
//
// Source: spec 24.2 to 24.5 [capture, impl, experiment].
func Register(m *rfc.Mux, opts ...HostOption) error {
	h := &host{mux: m, changed: time.Now()}
	for _, o := range opts {
		o(h)
	}
	b, err := interfaces()
	if err != nil {
		return err
	}
	h.bootstrap = b
	for _, step := range []struct {
		name     string
		register func(f *metadata.Function) error
	}{
		{metadataGet, func(f *metadata.Function) error { return handle(m, f, h.metadataGet) }},
		{metadataTimestamp, func(f *metadata.Function) error { return rfc.HandleInterface(m, f, h.metadataTimestamp) }},
		{functionInterface, func(f *metadata.Function) error { return handle(m, f, h.functionInterface) }},
		{fieldInfo, func(f *metadata.Function) error { return handle(m, f, h.fieldInfo) }},
		{structureDefinition, func(f *metadata.Function) error { return handle(m, f, h.structureDefinition) }},
	} {
		if h.hides(step.name) {
			continue
		}
		if err := step.register(b.offered[step.name]); err != nil {
			return err
		}
	}
	return nil
}

// handle registers a typed handler that is told the character width of the system: the
// lengths that it tells unasked are for that.
func handle[In, Out any](m *rfc.Mux, f *metadata.Function, h func(native int, in In) (Out, error)) error {
	for _, t := range []reflect.Type{reflect.TypeFor[In](), reflect.TypeFor[Out]()} {
		if err := serialization.PlanError(t, f, serialization.Representation{}, serialization.Options{}); err != nil {
			return fmt.Errorf("repository: %w", err)
		}
	}
	return m.Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		native := 2
		if s := req.Session(); s != nil {
			system := s.System()
			native = system.CharWidth()
		}
		var in In
		if err := req.Scan(&in); err != nil {
			return err
		}
		out, err := h(native, in)
		if err != nil {
			return err
		}
		reply.Set(&out)
		return nil
	})
}

// host answers metadata questions from a mux.
type host struct {
	mux       *rfc.Mux
	hidden    []string
	changed   time.Time
	bootstrap *bootstrap
}

func (h *host) hides(name string) bool {
	slash := func(s string) string { return strings.ReplaceAll(s, "/", "\x01") } // * crosses namespaces
	for _, p := range h.hidden {
		if ok, err := path.Match(slash(p), slash(name)); ok && err == nil {
			return true
		}
	}
	return false
}

// describe finds a function that callers may know of.
func (h *host) describe(name string) *metadata.Function {
	if h.hides(name) {
		return nil
	}
	return h.mux.Describe(name)
}

// catalog is the dictionary of all visible functions and of types registered alone.
func (h *host) catalog(functions ...*metadata.Function) *catalog {
	c := new(catalog)
	for _, f := range functions {
		c.function(f)
	}
	concealed := new(catalog)
	for _, f := range h.mux.Search("*") {
		if h.hides(f.Name) {
			concealed.function(f)
			continue
		}
		c.function(f)
	}
	types := h.mux.Types()
	names := make([]string, 0, len(types))
	for n := range types {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if _, secret := concealed.byName[n]; !secret {
			c.structureType(types[n])
		}
	}
	return c
}

// find looks a type up.
func (h *host) find(name string) (*described, bool) {
	d, ok := h.catalog().byName[upper(name)]
	return d, ok
}

func upper(name string) string { return strings.ToUpper(strings.TrimSpace(name)) }

func (h *host) timestamp() string { return h.changed.UTC().Format("20060102150405") }

// stamp is initial for years that have no four digits.
func (h *host) stamp() (abap.Date, abap.Time) {
	t := h.changed.UTC()
	date, err := abap.DateFromTime(t)
	if err != nil {
		return abap.Date{}, abap.Time{}
	}
	return date, abap.TimeFromTime(t)
}

type interfaceIn struct {
	Function string `rfc:"FUNCNAME"`
	Narrow   string `rfc:"NONE_UNICODE_LENGTH"`
}

type interfaceOut struct {
	Mode   string     `rfc:"REMOTE_CALL"`
	BasXML string     `rfc:"REMOTE_BASXML_SUPPORTED"`
	Params []paramRow `rfc:"PARAMS"`
}

// functionInterface is RFC_GET_FUNCTION_INTERFACE.
func (h *host) functionInterface(native int, in interfaceIn) (interfaceOut, error) {
	name := upper(in.Function)
	f := h.describe(name)
	if f == nil {
		return interfaceOut{}, rfc.RaiseMessage(keyFunction, "FL", "E", "046", name)
	}
	if in.Narrow == "X" {
		native = 1
	}
	out := interfaceOut{Mode: "R", Params: paramRows(f, native)}
	if f.BasXML {
		out.Mode, out.BasXML = "X", "X"
	}
	return out, nil
}

type fieldInfoIn struct {
	Type     string `rfc:"TABNAME"`
	Field    string `rfc:"FIELDNAME"`
	Language string `rfc:"LANGU"`
	Width    []byte `rfc:"UCLEN"`
}

type fieldInfoOut struct {
	Header []byte     `rfc:"X030L_WA"`
	Object string     `rfc:"DDOBJTYPE"`
	First  fieldRow   `rfc:"DFIES_WA"`
	Rows   []fieldRow `rfc:"DFIES_TAB"`
}

// charWidth reads UCLEN: 1 or 2, else this host's own width.
func charWidth(uclen []byte, native int) int {
	if len(uclen) == 1 && (uclen[0] == 1 || uclen[0] == 2) {
		return int(uclen[0])
	}
	return native
}

// fieldInfo is DDIF_FIELDINFO_GET. Nested types are components of their own, described by
// another call.
func (h *host) fieldInfo(native int, in fieldInfoIn) (fieldInfoOut, error) {
	d, ok := h.find(in.Type)
	if !ok {
		return fieldInfoOut{}, rfc.RaiseException(keyNotFoundDDIC)
	}
	width := charWidth(in.Width, native)
	out := fieldInfoOut{Object: d.objectType(), Rows: d.fieldRows(width, in.Language)}
	if native == 2 { // the form of other systems is not known
		out.Header = d.header(width)
	}
	if in.Field != "" {
		field := upper(in.Field)
		out.Rows = slices.DeleteFunc(out.Rows, func(r fieldRow) bool { return r.Field != field })
		if len(out.Rows) == 0 {
			return fieldInfoOut{}, rfc.RaiseException(keyNotFoundDDIC)
		}
		out.First = out.Rows[0]
	}
	return out, nil
}

type structureIn struct {
	Type  string `rfc:"TABNAME"`
	Width []byte `rfc:"UCLEN"`
}

type structureOut struct {
	Total int32          `rfc:"TABLENGTH"`
	Rows  []structureRow `rfc:"FIELDS"`
}

// structureDefinition is RFC_GET_STRUCTURE_DEFINITION.
func (h *host) structureDefinition(native int, in structureIn) (structureOut, error) {
	d, ok := h.find(in.Type)
	if !ok || d.structure == nil {
		return structureOut{}, rfc.RaiseException(keyNotActive)
	}
	width := charWidth(in.Width, native)
	return structureOut{Total: int32(d.structure.Layout(width).Total), Rows: d.structureRows(width)}, nil
}

type metadataIn struct {
	Deep      string            `rfc:"DEEP"`
	Functions []functionNameRow `rfc:"FUNCTIONNAMES"`
	Types     []typeNameRow     `rfc:"DATATYPES"`
	Known     []typeNameRow     `rfc:"KNOWN_DATATYPES"`
}

type metadataOut struct {
	Functions      []functionNameRow  `rfc:"FUNCTIONNAMES"`
	Types          []typeNameRow      `rfc:"DATATYPES"`
	Known          []typeNameRow      `rfc:"KNOWN_DATATYPES"`
	Parameters     []functionParamRow `rfc:"PARAMETERS"`
	Rows           []typeRow          `rfc:"DATATYPESCONT"`
	Indirect       []indirectRow      `rfc:"INDIRECTTYPES"`
	FunctionErrors []functionErrorRow `rfc:"FUNC_ERRORS"`
	TypeErrors     []typeErrorRow     `rfc:"DD_ERRORS"`
}

// metadataGet is RFC_METADATA_GET. All eight tables come back; rows of one type stand
// together; every type that a row refers to is described, unless the caller knows it.
func (h *host) metadataGet(native int, in metadataIn) (metadataOut, error) {
	out := metadataOut{Functions: in.Functions, Types: in.Types, Known: in.Known}
	date, tm := h.stamp()
	var functions []*metadata.Function
	for i := range out.Functions {
		row := &out.Functions[i]
		row.Date, row.Time, row.BasXML = date, tm, ""
		name := upper(row.Name)
		f := h.describe(name)
		if f == nil {
			out.FunctionErrors = append(out.FunctionErrors, unknownFunction(name))
			continue
		}
		if f.BasXML {
			row.BasXML = "X"
		}
		functions = append(functions, f)
		for _, p := range paramRows(f, native) {
			out.Parameters = append(out.Parameters, p.of(f.Name))
		}
		out.Indirect = append(out.Indirect, indirectRows(f)...)
	}
	// What the functions refer to, in that order; with DEEP what is inside as well.
	wanted := new(catalog)
	for _, f := range functions {
		if in.Deep == "X" {
			wanted.function(f)
			continue
		}
		for i := range f.Parameters {
			field := f.Parameters[i].Field
			if f.Parameters[i].Direction == metadata.Tables {
				field = lineField(&field)
			}
			wanted.shallow(&field)
		}
	}
	if len(in.Types) > 0 {
		all := h.catalog(functions...)
		for _, row := range in.Types {
			d, ok := all.byName[upper(row.Type)]
			switch {
			case !ok:
				out.TypeErrors = append(out.TypeErrors, unknownType(row))
			case in.Deep != "X":
				wanted.add(d)
			case d.structure != nil:
				wanted.structureType(d.structure)
			default:
				wanted.fieldType(d.field)
			}
		}
	}
	known := map[string]bool{}
	for _, row := range in.Known {
		known[upper(row.Type)] = true
	}
	timestamp := h.timestamp()
	for _, d := range wanted.order {
		if !known[d.name] {
			out.Rows = append(out.Rows, d.typeRows(timestamp)...)
		}
	}
	return out, nil
}

// shallow adds only the type that a field names.
func (c *catalog) shallow(f *metadata.Field) {
	switch {
	case f.Kind.IsStructure():
		c.add(&described{name: structureName(f.Type), structure: f.Type})
	case f.Kind == metadata.Table:
		c.add(&described{name: tableName(f), field: f})
	}
}

func unknownFunction(name string) functionErrorRow {
	return functionErrorRow{Name: name, Exception: keyFunction, Text: "Function module " + name + " does not exist"}
}

func unknownType(row typeNameRow) typeErrorRow {
	return typeErrorRow{Type: row.Type, Field: row.Field, Exception: keyNotFoundDDIC, Text: "Type " + row.Type + " does not exist"}
}

type timestampTables struct {
	Functions      []functionStampRow `rfc:"FUNCTION_TIMESTAMPS"`
	Types          []typeStampRow     `rfc:"DDIC_TIMESTAMPS"`
	FunctionErrors []functionErrorRow `rfc:"FUNC_ERRORS"`
	TypeErrors     []typeErrorRow     `rfc:"DD_ERRORS"`
}

// metadataTimestamp is RFC_METADATA_GET_TIMESTAMP.
func (h *host) metadataTimestamp(_ context.Context, in timestampTables) (timestampTables, error) {
	out := timestampTables{}
	date, tm := h.stamp()
	for _, row := range in.Functions {
		name := upper(row.Name)
		if h.describe(name) == nil {
			out.FunctionErrors = append(out.FunctionErrors, unknownFunction(name))
			continue
		}
		out.Functions = append(out.Functions, functionStampRow{name, date, tm})
	}
	if len(in.Types) > 0 {
		all := h.catalog()
		for _, row := range in.Types {
			if _, ok := all.byName[upper(row.Type)]; !ok {
				out.TypeErrors = append(out.TypeErrors, unknownType(typeNameRow{Type: row.Type}))
				continue
			}
			out.Types = append(out.Types, typeStampRow{upper(row.Type), h.timestamp()})
		}
	}
	return out, nil
}

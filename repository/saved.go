package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// Names of the form in which descriptions are saved. A reader refuses what it does not know.
const (
	savedFormat  = "purerfc repository"
	savedVersion = 1
)

// saved is the JSON form of descriptions. Types are numbered, and each refers only to those
// before it, so that none can contain itself.
type saved struct {
	Format     string `json:"format"`
	Version    int    `json:"version"`
	System     string `json:"system,omitempty"`
	NonUnicode bool   `json:"nonUnicode,omitempty"`

	Types     []savedType     `json:"types"`
	Names     []savedName     `json:"names"`
	Functions []savedFunction `json:"functions"`
}

type savedType struct {
	Name   string       `json:"name,omitempty"`
	Text   string       `json:"text,omitempty"`
	Fields []savedField `json:"fields"`
}

type savedField struct {
	Name      string `json:"name,omitempty"`
	Kind      string `json:"kind"`                // one letter
	Length    int    `json:"length,omitempty"`    // of CHAR, NUM, BYTE, BCD
	Decimals  int    `json:"decimals,omitempty"`  // of BCD, FLOAT
	Type      *int   `json:"type,omitempty"`      // of structures and tables: a place in types
	TypeName  string `json:"typeName,omitempty"`  // in the dictionary
	TypeField string `json:"typeField,omitempty"` // of that type
	Text      string `json:"text,omitempty"`
}

// savedName is a name of the dictionary: a structure, or a table type with its line.
type savedName struct {
	Name    string `json:"name"`
	Type    int    `json:"type"`
	Table   bool   `json:"table,omitempty"`
	Changed string `json:"changed,omitempty"` // 14 digits
}

type savedFunction struct {
	Name       string           `json:"name"`
	Group      string           `json:"group,omitempty"`
	Text       string           `json:"text,omitempty"`
	BasXML     bool             `json:"basXML,omitempty"`
	Changed    string           `json:"changed,omitempty"` // 14 digits
	Parameters []savedParameter `json:"parameters"`
	Exceptions []savedException `json:"exceptions,omitempty"`
}

type savedParameter struct {
	Direction string `json:"direction"` // IMPORTING, EXPORTING, CHANGING, TABLES
	savedField
	Optional bool   `json:"optional,omitempty"`
	Default  string `json:"default,omitempty"`
}

type savedException struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}

// contents are descriptions on their way to or from a file.
type contents struct {
	system    string
	narrow    bool
	functions map[string]description
	types     map[string]entry
}

// Save writes what was looked up on the system, for all its repositories, as JSON with a
// version: for Load in another process, which then needs no round trip, or no connection at
// all. The same descriptions give the same bytes. Descriptions of Add are not among them.
// There is nothing secret in a description: names, types, texts and the id of the system.
func (r *Repository) Save(w io.Writer) error {
	c := &contents{system: strings.ToUpper(strings.TrimSpace(r.id)), narrow: r.narrow}
	if m := r.system.functions.Load(); m != nil {
		c.functions = *m
	}
	if m := r.system.types.Load(); m != nil {
		c.types = *m
	}
	return c.write(w)
}

// Load reads what Save wrote, at most MaxSaved bytes. What the repository knows already stays
// as it is; the rest is kept as if it had been looked up, for all repositories of the system.
// Revalidate tells whether it still holds. Descriptions of another system, of another version
// of the form, or that contradict themselves are refused as a whole: class Metadata, key
// RFC_SERIALIZATION_FAILURE.
func (r *Repository) Load(from io.Reader) error {
	c, err := readContents(from)
	if err != nil {
		return err
	}
	id := strings.ToUpper(strings.TrimSpace(r.id))
	switch {
	case c.system != "" && id != "" && c.system != id:
		return unreadable(fmt.Errorf("the descriptions are those of the system %s, this one is %s", c.system, id))
	case c.narrow != r.narrow:
		return unreadable(fmt.Errorf("the descriptions are those of a system that is%s Unicode, this one is%s", not(c.narrow), not(r.narrow)))
	}
	r.system.load(c)
	return nil
}

func not(yes bool) string {
	if yes {
		return " not"
	}
	return ""
}

// load adds what is not known.
func (s *system) load(c *contents) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.types, func(m map[string]entry) {
		for name, e := range c.types {
			if _, known := m[name]; !known {
				m[name] = e
			}
		}
	})
	edit(&s.functions, func(m map[string]description) {
		for name, d := range c.functions {
			if _, known := m[name]; !known {
				m[name] = d
			}
		}
	})
	s.arm()
}

// unreadable is the error for what cannot be loaded.
func unreadable(err error) error {
	return &rfc.Error{
		Class: rfc.ClassMetadata, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keySaved, Message: "saved descriptions: " + err.Error(), Err: err,
	}
}

// write writes contents.
func (c *contents) write(w io.Writer) error {
	n := numbering{places: map[*metadata.Type]int{}, same: map[string]int{}}
	n.file = saved{
		Format: savedFormat, Version: savedVersion, System: c.system, NonUnicode: c.narrow,
		Types: []savedType{}, Names: []savedName{}, Functions: []savedFunction{},
	}
	for _, name := range slices.Sorted(maps.Keys(c.types)) {
		e := c.types[name]
		n.file.Names = append(n.file.Names, savedName{name, n.number(e.typ), e.table, e.changed})
	}
	for _, name := range slices.Sorted(maps.Keys(c.functions)) {
		d := c.functions[name]
		f := savedFunction{Name: d.function.Name, Group: d.function.Group, Text: d.function.Text, BasXML: d.function.BasXML, Changed: d.changed, Parameters: []savedParameter{}}
		for i := range d.function.Parameters {
			p := &d.function.Parameters[i]
			f.Parameters = append(f.Parameters, savedParameter{p.Direction.String(), n.field(&p.Field), p.Optional, p.Default})
		}
		for _, e := range d.function.Exceptions {
			f.Exceptions = append(f.Exceptions, savedException(e))
		}
		n.file.Functions = append(n.file.Functions, f)
	}
	b, err := json.MarshalIndent(&n.file, "", " ")
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	if err != nil {
		return unreadable(err)
	}
	return nil
}

// numbering gives each type its place.
type numbering struct {
	file   saved
	places map[*metadata.Type]int
	same   map[string]int // by content
}

func (n *numbering) number(t *metadata.Type) int {
	if i, done := n.places[t]; done {
		return i
	}
	s := savedType{Name: t.Name, Text: t.Text, Fields: make([]savedField, len(t.Fields))}
	for i := range t.Fields {
		s.Fields[i] = n.field(&t.Fields[i])
	}
	content, _ := json.Marshal(s) // strings and numbers
	i, done := n.same[string(content)]
	if !done {
		i = len(n.file.Types)
		n.same[string(content)] = i
		n.file.Types = append(n.file.Types, s)
	}
	n.places[t] = i
	return i
}

func (n *numbering) field(f *metadata.Field) savedField {
	s := savedField{Name: f.Name, Kind: exid(f.Kind), TypeName: f.TypeName, TypeField: f.TypeField, Text: f.Text}
	switch {
	case f.Type != nil:
		i := n.number(f.Type)
		s.Type = &i
	case f.Kind.Variable():
		s.Length = f.Length
	}
	if f.Kind == metadata.Packed || f.Kind == metadata.Float {
		s.Decimals = f.Decimals
	}
	return s
}

// readContents reads and checks a file.
func readContents(from io.Reader) (*contents, error) {
	b, err := io.ReadAll(io.LimitReader(from, MaxSaved+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(b) > MaxSaved:
		return nil, unreadable(fmt.Errorf("more than %d bytes", MaxSaved))
	}
	// The version decides what the rest may be.
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, unreadable(err)
	}
	switch {
	case head.Format != savedFormat:
		return nil, unreadable(fmt.Errorf("format %.40q, %q is required", head.Format, savedFormat))
	case head.Version != savedVersion:
		return nil, unreadable(fmt.Errorf("version %d, this release reads version %d; save the descriptions anew", head.Version, savedVersion))
	}
	var file saved
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, unreadable(errors.New("text behind the end of the object"))
	}
	c, err := file.contents()
	if err != nil {
		return nil, unreadable(err)
	}
	return c, nil
}

// contents checks what a file says.
func (file *saved) contents() (*contents, error) {
	c := &contents{
		system: file.System, narrow: file.NonUnicode,
		functions: make(map[string]description, len(file.Functions)), types: make(map[string]entry, len(file.Names)),
	}
	if len(c.system) > 8 || strings.ToUpper(strings.TrimSpace(c.system)) != c.system {
		return nil, fmt.Errorf("system %.40q: at most 8 characters in upper case", c.system)
	}
	types := make([]*metadata.Type, 0, len(file.Types))
	for i := range file.Types {
		s := &file.Types[i]
		where := fmt.Sprintf("type %d (%.64s)", i, s.Name)
		if s.Name == "" && (len(s.Fields) != 1 || s.Fields[0].Name != "") {
			return nil, fmt.Errorf("%s: a type without a name is a line of one field without a name", where)
		}
		if s.Name != "" {
			if err := metadata.CheckName(s.Name); err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
		}
		fields := make([]metadata.Field, len(s.Fields))
		for k := range s.Fields {
			f, err := s.Fields[k].field(types)
			if err != nil {
				return nil, fmt.Errorf("%s: field %d (%.64s): %w", where, k, s.Fields[k].Name, err)
			}
			fields[k] = f
		}
		t, err := metadata.NewType(s.Name, fields)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		if err := agree(s.Fields, t); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		t.Text = s.Text
		types = append(types, t)
	}
	for i := range file.Names {
		if err := c.name(&file.Names[i], types); err != nil {
			return nil, fmt.Errorf("name %d (%.64s): %w", i, file.Names[i].Name, err)
		}
	}
	for i := range file.Functions {
		if err := c.function(&file.Functions[i], types); err != nil {
			return nil, fmt.Errorf("function %d (%.64s): %w", i, file.Functions[i].Name, err)
		}
	}
	return c, nil
}

// agree compares what was said of a field with what follows from its type.
func agree(fields []savedField, t *metadata.Type) error {
	for i := range fields {
		if f := &t.Fields[i]; f.Kind != metadata.Kind(fields[i].Kind[0]) {
			return fmt.Errorf("field %s: kind %q, its type makes it %q", f.Name, fields[i].Kind, exid(f.Kind))
		}
	}
	return nil
}

// field makes a field whose type is among those that are known.
func (s *savedField) field(types []*metadata.Type) (metadata.Field, error) {
	f := metadata.Field{Name: s.Name, Length: s.Length, Decimals: s.Decimals, TypeName: s.TypeName, TypeField: s.TypeField, Text: s.Text}
	if len(s.Kind) != 1 {
		return f, fmt.Errorf("kind %.16q, one letter is required", s.Kind)
	}
	f.Kind = metadata.Kind(s.Kind[0])
	if err := f.Kind.Check(); err != nil {
		return f, err
	}
	typed := f.Kind.IsStructure() || f.Kind == metadata.Table
	switch {
	case typed && s.Type == nil:
		return f, fmt.Errorf("%s without a type", f.Kind)
	case !typed && s.Type != nil:
		return f, fmt.Errorf("%s with a type", f.Kind)
	case typed && (*s.Type < 0 || *s.Type >= len(types)):
		return f, fmt.Errorf("type %d, there are %d before it", *s.Type, len(types))
	case s.Length != 0 && !f.Kind.Variable():
		return f, fmt.Errorf("%s of length %d, it has one of its own", f.Kind, s.Length)
	case s.Decimals != 0 && f.Kind != metadata.Packed && f.Kind != metadata.Float, s.Decimals < 0:
		return f, fmt.Errorf("%s with %d decimals", f.Kind, s.Decimals)
	}
	if typed {
		f.Type = types[*s.Type]
		if f.Kind.IsStructure() && f.Type.Name == "" {
			return f, errors.New("a structure whose type has no name")
		}
	}
	return f, nil
}

func checkStamp(s string) error {
	if s != "" && stampOf(s) == "" {
		return fmt.Errorf("changed at %.32q, 14 digits are required", s)
	}
	return nil
}

// name adds a name of the dictionary.
func (c *contents) name(s *savedName, types []*metadata.Type) error {
	if err := errors.Join(metadata.CheckName(s.Name), checkStamp(s.Changed)); err != nil {
		return err
	}
	if _, dup := c.types[s.Name]; dup {
		return errors.New("it is there twice")
	}
	if s.Type < 0 || s.Type >= len(types) {
		return fmt.Errorf("type %d, there are %d", s.Type, len(types))
	}
	t := types[s.Type]
	if !s.Table && t.Name != s.Name {
		return fmt.Errorf("it is a structure, but its type calls itself %q", t.Name)
	}
	c.types[s.Name] = entry{t, s.Table, s.Changed}
	return nil
}

var directions = map[string]metadata.Direction{
	"IMPORTING": metadata.Import, "EXPORTING": metadata.Export, "CHANGING": metadata.Changing, "TABLES": metadata.Tables,
}

// function adds a function module.
func (c *contents) function(s *savedFunction, types []*metadata.Type) error {
	if err := checkStamp(s.Changed); err != nil {
		return err
	}
	if _, dup := c.functions[s.Name]; dup {
		return errors.New("it is there twice")
	}
	params := make([]metadata.Parameter, len(s.Parameters))
	for i := range s.Parameters {
		p := &s.Parameters[i]
		f, err := p.field(types)
		if err == nil && directions[p.Direction] == 0 {
			err = fmt.Errorf("direction %.16q", p.Direction)
		}
		if err != nil {
			return fmt.Errorf("parameter %d (%.64s): %w", i, p.Name, err)
		}
		params[i] = metadata.Parameter{Field: f, Direction: directions[p.Direction], Optional: p.Optional, Default: p.Default}
	}
	exceptions := make([]metadata.Exception, len(s.Exceptions))
	for i, e := range s.Exceptions {
		if err := metadata.CheckName(e.Name); err != nil {
			return fmt.Errorf("exception %d: %w", i, err)
		}
		exceptions[i] = metadata.Exception(e)
	}
	f, err := metadata.NewFunction(s.Name, params, exceptions...)
	if err != nil {
		return err
	}
	for i := range f.Parameters {
		if p := &f.Parameters[i]; p.Kind != metadata.Kind(s.Parameters[i].Kind[0]) {
			return fmt.Errorf("parameter %s: kind %q, its type makes it %q", p.Name, s.Parameters[i].Kind, exid(p.Kind))
		}
	}
	f.Group, f.Text, f.BasXML = s.Group, s.Text, s.BasXML
	c.functions[f.Name] = description{function: f, changed: s.Changed, asked: time.Time{}}
	return nil
}

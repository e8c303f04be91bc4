package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// Builder describes function modules and types in code, without a system: JCo's custom
// repository. Definitions are those of metadata.Dictionary; types are defined before their use.
// Problems are collected, Build reports all of them. The zero value is ready. It is not safe
// for concurrent use.
//
//	var b repository.Builder
//	b.Structure("ZROW", "ID:I NAME:C20 AMOUNT:P8.2")
//	b.Table("ZROWS", "{ZROW}")
//	b.Function("Z_READ", `IMPORTING KEY:C10
//		EXPORTING ROWS:[ZROWS]
//		RAISING NOT_FOUND`)
//	cfg.Functions, err = b.Build()
type Builder struct {
	types     metadata.Dictionary
	functions []*metadata.Function
	errs      []error
}

// Structure defines a structure, see metadata.Dictionary.Structure.
func (b *Builder) Structure(name, fields string) *Builder {
	b.types.Structure(name, fields)
	return b
}

// Table defines a table type, see metadata.Dictionary.Table.
func (b *Builder) Table(name, line string) *Builder {
	b.types.Table(name, line)
	return b
}

// Type adds a structure that was built otherwise.
func (b *Builder) Type(t *metadata.Type) *Builder {
	if t == nil {
		b.errs = append(b.errs, errors.New("nil type"))
		return b
	}
	b.types.Add(t)
	return b
}

// Function defines a function module, see metadata.Dictionary.Function.
func (b *Builder) Function(name, definition string) *Builder {
	f, err := b.types.Function(name, definition)
	if err != nil {
		b.errs = append(b.errs, err)
		return b
	}
	return b.Add(f)
}

// Add adds a description that was built otherwise: by rfc.InterfaceOf from Go types, or by
// another repository.
func (b *Builder) Add(f *metadata.Function) *Builder {
	if f == nil {
		b.errs = append(b.errs, errors.New("nil description"))
		return b
	}
	b.functions = append(b.functions, f)
	return b
}

// Build gives the repository, or all problems of the definitions.
func (b *Builder) Build() (*Static, error) {
	s := &Static{functions: map[string]*metadata.Function{}, types: map[string]entry{}}
	errs := append([]error{b.types.Err()}, b.errs...)
	for _, f := range b.functions {
		if s.functions[f.Name] != nil {
			errs = append(errs, fmt.Errorf("function %s: defined twice", f.Name))
		}
		s.functions[f.Name] = f
	}
	for _, name := range b.types.Names() {
		if t, ok := b.types.Type(name); ok {
			s.types[name] = entry{typ: t}
		} else if line, ok := b.types.TableType(name); ok {
			s.types[name] = entry{typ: line, table: true}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &rfc.Error{Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Key: "RFC_INVALID_PARAMETER", Message: "static repository: " + err.Error(), Err: err}
	}
	return s, nil
}

// Static has descriptions that need no system. It is an rfc.FunctionSource, for
// destination.Config.Functions and rfc.ConnConfig.Functions; what is not in it is not asked for
// anywhere. Repository.Add is for single descriptions beside those of a system. It never
// changes, and is safe for concurrent use.
type Static struct {
	functions map[string]*metadata.Function
	types     map[string]entry
}

var _ rfc.FunctionSource = (*Static)(nil)

// LoadStatic reads what Repository.Save or Static.Save wrote, at most MaxSaved bytes, with the
// errors of Repository.Load: the descriptions of a system, used without asking it.
func LoadStatic(from io.Reader) (*Static, error) {
	c, err := readContents(from)
	if err != nil {
		return nil, err
	}
	s := &Static{functions: make(map[string]*metadata.Function, len(c.functions)), types: c.types}
	for name, d := range c.functions {
		s.functions[name] = d.function
	}
	return s, nil
}

// Save writes the descriptions as Repository.Save does.
func (s *Static) Save(w io.Writer) error {
	c := &contents{types: s.types, functions: make(map[string]description, len(s.functions))}
	for name, f := range s.functions {
		c.functions[name] = description{function: f}
	}
	return c.write(w)
}

// Function describes a function module. For an unknown one the error is an *rfc.Error of class
// Metadata, key RFC_NOT_FOUND, which names the nearest.
func (s *Static) Function(_ context.Context, name string) (*metadata.Function, error) {
	if f := s.functions[name]; f != nil {
		return f, nil
	}
	name, err := key("function", name)
	if err != nil {
		return nil, err
	}
	if f := s.functions[name]; f != nil {
		return f, nil
	}
	return nil, unknownName("function", name, slices.Sorted(maps.Keys(s.functions)))
}

// Type describes a structure, or the line of a table type, by its name.
func (s *Static) Type(name string) (*metadata.Type, error) {
	name, err := key("type", name)
	if err != nil {
		return nil, err
	}
	if e, ok := s.types[name]; ok {
		return e.typ, nil
	}
	return nil, unknownName("type", name, slices.Sorted(maps.Keys(s.types)))
}

func unknownName(what, name string, names []string) error {
	text := what + " " + name + " is not in the static repository"
	if near := nearest.Name(name, names); near != "" {
		text += "; did you mean " + near + "?"
	}
	e := &rfc.Error{Class: rfc.ClassMetadata, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keyNotFound, Message: text}
	if what == "function" {
		e.Function = name
	}
	return e
}

// Search lists the function modules whose name matches a pattern with * and +, by name.
func (s *Static) Search(pattern string) []*metadata.Function {
	return matching(pattern, maps.Values(s.functions))
}

// matches reports whether a name fits a pattern: * stands for any characters, + and ? for one.
// It takes at most len(pattern)*len(name) steps.
func matches(pattern, name string) bool {
	p, n := []rune(strings.ToUpper(strings.TrimSpace(pattern))), []rune(name)
	i, k, star, from := 0, 0, -1, 0
	for k < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, k
			i++
		case i < len(p) && (p[i] == '+' || p[i] == '?' || p[i] == n[k]):
			i, k = i+1, k+1
		case star >= 0:
			from++
			i, k = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

package metadata

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Dictionary is a set of types built in code, the small counterpart of the ABAP
// Dictionary. Types refer to each other by name and must be defined before use. Errors are
// collected and returned by Err, so that a whole set reads as a list.
//
// A field definition is NAME:TYPE, where TYPE is one of
//
//	C10 N4 X16          characters or bytes
//	P8.2                packed, 8 bytes, 2 decimals
//	D T F I s b 8 g y   the letters of the fixed kinds: dates, times, numbers, strings,
//	a e                 decimal floating point,
//	p n w d 7 x t i c   time stamps, days, weeks, months and times of day
//	{NAME}              structure NAME
//	[NAME]              table: a table type or the structure that is its line
//	[C10]               table with an unnamed scalar line
//
// A Dictionary is not safe for concurrent use while it is being filled.
type Dictionary struct {
	types  map[string]*Type // structures
	tables map[string]*Type // table types -> line
	order  []string
	errs   []error
}

// Structure defines a structure from field definitions separated by blanks.
func (d *Dictionary) Structure(name, fields string) *Dictionary {
	var list []Field
	for def := range strings.FieldsSeq(fields) {
		n, typ, ok := strings.Cut(def, ":")
		if !ok {
			d.fail(name, fmt.Errorf("field definition %q: want NAME:TYPE", def))
			continue
		}
		f, err := d.Field(n, typ)
		if err != nil {
			d.fail(name, err)
			continue
		}
		list = append(list, f)
	}
	t, err := NewType(name, list)
	if err != nil {
		d.fail(name, err)
		return d
	}
	d.Add(t)
	return d
}

// Add puts a type built elsewhere into the dictionary.
func (d *Dictionary) Add(t *Type) {
	if d.claim(t.Name) {
		d.types[t.Name] = t
	}
}

// Table defines a table type: line is {NAME} or a scalar type such as C10.
func (d *Dictionary) Table(name, line string) *Dictionary {
	t, err := d.line(line)
	if err != nil {
		d.fail(name, err)
		return d
	}
	if d.claim(name) {
		d.tables[name] = t
	}
	return d
}

func (d *Dictionary) line(def string) (*Type, error) {
	f, err := d.Field("", def)
	if err != nil {
		return nil, err
	}
	if f.Kind.IsStructure() {
		return f.Type, nil
	}
	return NewType("", []Field{f})
}

// Field makes a field of a definition such as "C10" or "{RFCTEST}".
func (d *Dictionary) Field(name, def string) (Field, error) {
	f := Field{Name: name}
	bad := func(why string) (Field, error) {
		return Field{}, fmt.Errorf("field %s: type %q: %s", name, def, why)
	}
	switch {
	case def == "":
		return bad("empty")
	case strings.HasPrefix(def, "{") && strings.HasSuffix(def, "}"):
		n := def[1 : len(def)-1]
		t, ok := d.types[n]
		if !ok {
			return bad("structure not defined")
		}
		f.Kind, f.Type, f.TypeName = Structure, t, n
		return f, f.check(true)
	case strings.HasPrefix(def, "[") && strings.HasSuffix(def, "]"):
		n := def[1 : len(def)-1]
		f.Kind, f.TypeName = Table, n
		if t, ok := d.tables[n]; ok {
			f.Type = t
		} else if t, ok := d.types[n]; ok {
			f.Type = t
		} else if t, err := d.line(n); err == nil && t.Scalar() {
			f.Type, f.TypeName = t, ""
		} else {
			return bad("table type or line type not defined")
		}
		return f, f.check(true)
	}
	f.Kind = Kind(def[0])
	rest := def[1:]
	if f.Kind.Valid() && f.Kind.Variable() {
		length, decimals, scaled := strings.Cut(rest, ".")
		var err error
		if f.Length, err = strconv.Atoi(length); err != nil {
			return bad("length missing")
		}
		if scaled {
			if f.Decimals, err = strconv.Atoi(decimals); err != nil {
				return bad("decimals are not a number")
			}
		}
		rest = ""
	}
	if rest != "" {
		return bad("unexpected " + strconv.Quote(rest))
	}
	if f.Kind == Float {
		f.Decimals = 16 // what DDIC reports for FLTP (case K-06 [impl])
	}
	return f, f.check(true)
}

// Function builds an interface from lines "DIRECTION NAME:TYPE [OPTIONAL] [DEFAULT text]",
// separated by newlines, with the words IMPORTING, EXPORTING, CHANGING and TABLES; a line
// "RAISING NAME" declares an exception.
func (d *Dictionary) Function(name, definition string) (*Function, error) {
	var params []Parameter
	var exceptions []Exception
	var errs []error
	for line := range strings.Lines(definition) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) < 2 {
			errs = append(errs, fmt.Errorf("function %s: line %q: want DIRECTION NAME:TYPE", name, strings.TrimSpace(line)))
			continue
		}
		p := Parameter{}
		switch words[0] {
		case "IMPORTING":
			p.Direction = Import
		case "EXPORTING":
			p.Direction = Export
		case "CHANGING":
			p.Direction = Changing
		case "TABLES":
			p.Direction = Tables
		case "RAISING":
			for _, w := range words[1:] {
				exceptions = append(exceptions, Exception{Name: w})
			}
			continue
		default:
			errs = append(errs, fmt.Errorf("function %s: line %q: unknown direction", name, strings.TrimSpace(line)))
			continue
		}
		n, typ, _ := strings.Cut(words[1], ":")
		f, err := d.Field(n, typ)
		if err != nil {
			errs = append(errs, fmt.Errorf("function %s: %w", name, err))
			continue
		}
		p.Field = f
		for i := 2; i < len(words); i++ {
			switch words[i] {
			case "OPTIONAL":
				p.Optional = true
			case "DEFAULT":
				p.Optional = true
				p.Default = strings.Join(words[i+1:], " ")
				i = len(words)
			default:
				errs = append(errs, fmt.Errorf("function %s: line %q: unexpected %q", name, strings.TrimSpace(line), words[i]))
			}
		}
		params = append(params, p)
	}
	f, err := NewFunction(name, params, exceptions...)
	if err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// Type finds a structure by name.
func (d *Dictionary) Type(name string) (*Type, bool) { t, ok := d.types[name]; return t, ok }

// TableType finds the line of a table type by name.
func (d *Dictionary) TableType(name string) (*Type, bool) { t, ok := d.tables[name]; return t, ok }

// Names lists structures and table types in the order of definition.
func (d *Dictionary) Names() []string { return append([]string(nil), d.order...) }

// Err joins the problems of all definitions.
func (d *Dictionary) Err() error { return errors.Join(d.errs...) }

// claim takes a name for a definition; structures and table types share one name space, as
// in the ABAP dictionary.
func (d *Dictionary) claim(name string) bool {
	if d.types == nil {
		d.types, d.tables = map[string]*Type{}, map[string]*Type{}
	}
	if d.types[name] != nil || d.tables[name] != nil {
		d.fail(name, errors.New("defined twice"))
		return false
	}
	d.order = append(d.order, name)
	return true
}

func (d *Dictionary) fail(name string, err error) {
	d.errs = append(d.errs, fmt.Errorf("dictionary: %s: %w", name, err))
}

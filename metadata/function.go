package metadata

import (
	"errors"
	"fmt"
	"strings"
)

// Direction of a parameter, named from the function module's side as ABAP and JCo do.
type Direction uint8

// The directions. A caller supplies Import, Changing and Tables parameters and receives
// Export, Changing and Tables parameters.
const (
	Import   Direction = iota + 1 // caller to function
	Export                        // function to caller
	Changing                      // both ways, a scalar, structure or table type
	Tables                        // both ways, a TABLES parameter
)

// String gives ABAP's word: IMPORTING, EXPORTING, CHANGING or TABLES.
func (d Direction) String() string {
	switch d {
	case Import:
		return "IMPORTING"
	case Export:
		return "EXPORTING"
	case Changing:
		return "CHANGING"
	case Tables:
		return "TABLES"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// Class is the letter of RFC_FUNINT-PARAMCLASS: I, E, C or T.
func (d Direction) Class() string {
	if d >= Import && d <= Tables {
		return "IECT"[d-1 : d]
	}
	return ""
}

// Input reports whether the caller supplies a value.
func (d Direction) Input() bool { return d == Import || d == Changing || d == Tables }

// Output reports whether the function returns a value.
func (d Direction) Output() bool { return d == Export || d == Changing || d == Tables }

// Parameter of a function module. A TABLES parameter has Kind Table and its line as Type,
// whatever EXID its description carried: the class alone makes it a table (spec 24.2).
type Parameter struct {
	Field
	Direction Direction
	// Optional parameters may be left out; the function applies Default.
	Optional bool
	// Default is the ABAP text of the default value, for example SPACE, 'X' or SY-LANGU.
	Default string
}

// XML reports whether the value travels as an XML document (xRFC) in the classic format:
// deep structures, tables with deep lines, and table types that are not TABLES parameters.
// Scalar strings do not (spec 21.5 [capture], spec 20.7 [impl]).
func (p *Parameter) XML() bool {
	switch p.Kind {
	case Table:
		return p.Direction != Tables || p.Type.Deep()
	case Structure, DeepStructure:
		return p.Type.Deep()
	default:
		return false
	}
}

// Exception that a function module can raise.
type Exception struct {
	Name, Text string
}

// Function is the interface of a function module. Build it with NewFunction; it is
// immutable afterwards.
type Function struct {
	// Name in upper case, at most 30 characters.
	Name string
	// Group is the function group, Text the short text; both may be empty.
	Group, Text string
	// Parameters in the order of the description.
	Parameters []Parameter
	// Exceptions of the classic kind.
	Exceptions []Exception
	// BasXML says that the module accepts binary XML (TFDIR-FMODE X).
	BasXML bool

	index map[string]int
}

// NewFunction checks a description and reports all its problems at once.
func NewFunction(name string, parameters []Parameter, exceptions ...Exception) (*Function, error) {
	if len(parameters) > MaxParameters {
		return nil, fmt.Errorf("function %.64s: %d parameters, at most %d", name, len(parameters), MaxParameters)
	}
	f := &Function{
		Name: name, Parameters: append([]Parameter(nil), parameters...),
		Exceptions: append([]Exception(nil), exceptions...), index: make(map[string]int, len(parameters)),
	}
	var errs []error
	if err := CheckName(name); err != nil {
		errs = append(errs, fmt.Errorf("function name: %w", err))
	}
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Direction < Import || p.Direction > Tables {
			errs = append(errs, fmt.Errorf("function %s: parameter %s has no direction", name, p.Name))
		}
		if p.Direction == Tables && p.Kind != Table {
			errs = append(errs, fmt.Errorf("function %s: TABLES parameter %s is not a table", name, p.Name))
			continue
		}
		if err := CheckName(p.Name); err != nil {
			errs = append(errs, fmt.Errorf("function %s: parameter name: %w", name, err))
			continue
		}
		if err := p.check(false); err != nil {
			errs = append(errs, fmt.Errorf("function %s: %w", name, err))
			continue
		}
		if _, dup := f.index[p.Name]; dup {
			errs = append(errs, fmt.Errorf("function %s: parameter %s twice", name, p.Name))
		}
		f.index[p.Name] = i
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// Parameter finds a parameter by its name in upper case.
func (f *Function) Parameter(name string) (*Parameter, bool) {
	i, ok := f.index[name]
	if !ok {
		return nil, false
	}
	return &f.Parameters[i], true
}

// Index gives the position of a parameter, or -1.
func (f *Function) Index(name string) int {
	if i, ok := f.index[name]; ok {
		return i
	}
	return -1
}

// CheckName checks the name of a function, parameter or type: 1 to 30 characters, upper
// case, no blanks, wildcards or control characters.
func CheckName(name string) error {
	if plainName(name) {
		return nil
	}
	switch {
	case name == "":
		return errors.New("empty name")
	case len([]rune(name)) > MaxName:
		return fmt.Errorf("name %.64q has %d characters, at most %d", name, len([]rune(name)), MaxName)
	}
	for i, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(notInNames, r) {
			return fmt.Errorf("name %.64q: invalid character %q at position %d", name, r, i+1)
		}
	}
	if up := strings.ToUpper(name); up != name {
		return fmt.Errorf("name %.64q: lower case; write %s", name, up)
	}
	return nil
}

// notInNames are printable characters that no name has.
const notInNames = "*?'\"%$+"

// plainName accepts what nearly all names are made of, without looking further.
func plainName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '/':
		default:
			return false
		}
	}
	return true
}

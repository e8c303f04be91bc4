package serialization

import (
	"errors"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/metadata"
)

// Classes of errors; match them with errors.Is. Bytes that break the protocol give
// *wire.Error instead.
var (
	// ErrUnknownName: a parameter or field that the description does not have; *NameError.
	ErrUnknownName = errors.New("unknown name")
	// ErrMissing: mandatory parameters were not supplied; *MissingError.
	ErrMissing = errors.New("mandatory parameter missing")
	// ErrShape: a structure, table or scalar was expected and something else given; *ShapeError.
	ErrShape = errors.New("wrong shape")
	// ErrConversion: a value does not fit its type; *ConversionError.
	ErrConversion = errors.New("conversion failed")
	// ErrDirection: an output was supplied or an input read; *DirectionError.
	ErrDirection = errors.New("wrong direction")
	// ErrLimit: a limit of this process; *LimitError.
	ErrLimit = errors.New("limit exceeded")
	// ErrStale: the peer's data does not have the form that the description says; *StaleError.
	// The description should be fetched again.
	ErrStale = errors.New("description does not match the data")
	// ErrUnsupported: a serialization that this release does not know; *UnsupportedError.
	ErrUnsupported = errors.New("not supported")
	// ErrPlan: a Go type cannot be mapped to the description.
	ErrPlan = errors.New("go type does not match the description")
)

// Reason says why a value was refused.
type Reason uint8

// The reasons of spec 20.9.
const (
	WrongType       Reason = iota + 1 // the Go type cannot hold or give the ABAP type
	Overflow                          // a number is out of range
	NotANumber                        // text or NaN in place of a number
	BadDigit                          // a digit that is none
	BadSign                           // a sign nibble that is none
	BadDate                           // no date or time
	BadText                           // invalid UTF-8, a lone surrogate or an embedded NUL
	Unmappable                        // a character that the code page does not have
	TooLong                           // more characters or bytes than the field has
	TooManyDecimals                   // digits would be lost
	BadLength                         // received with the wrong number of bytes
	IsNil                             // nil in place of a value
)

var reasonNames = [...]string{
	WrongType: "wrong type", Overflow: "out of range", NotANumber: "not a number", BadDigit: "bad digit",
	BadSign: "bad sign", BadDate: "bad date", BadText: "bad text", Unmappable: "unmappable character",
	TooLong: "too long", TooManyDecimals: "too many decimals", BadLength: "bad length", IsNil: "nil",
}

// String names the reason.
func (r Reason) String() string {
	if r > 0 && int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// ConversionError says which value does not fit which type.
type ConversionError struct {
	// Path leads to the value, for example IT_ITEMS[17].MATNR; rows count from 0.
	Path string
	// Kind is the ABAP type as text, for example CHAR(18) or P(8,2).
	Kind string
	// Value is the refused value, at most 64 printable characters; empty if it has none.
	Value string
	// Reason classifies, Text says what was found and what is allowed.
	Reason Reason
	Text   string
	// Err is the cause, if another package found it.
	Err error
}

// Error implements error: `IT_ITEMS[17].MATNR: CHAR(10): 18 characters, at most 10 (value "...")`.
func (e *ConversionError) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind)
	b.WriteString(": ")
	switch {
	case e.Text != "":
		b.WriteString(e.Text)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(e.Reason.String())
	}
	if e.Value != "" {
		fmt.Fprintf(&b, " (value %s)", e.Value)
	}
	return b.String()
}

// Unwrap gives the class and the cause.
func (e *ConversionError) Unwrap() []error { return withCause(ErrConversion, e.Err) }

// NameError names something that the description does not have.
type NameError struct {
	Function   string // may be empty
	Path       string // where the name was used; empty for a parameter
	Name       string
	Suggestion string // the nearest existing name; may be empty
}

// UnknownParameter is the error for a name that f has no parameter of, with the nearest one
// it has.
func UnknownParameter(f *metadata.Function, name string) *NameError {
	return &NameError{Function: f.Name, Name: name, Suggestion: nearest.Name(name, parameterNames(f))}
}

func parameterNames(f *metadata.Function) []string {
	names := make([]string, len(f.Parameters))
	for i := range f.Parameters {
		names[i] = f.Parameters[i].Name
	}
	return names
}

// Error implements error: "function STFC_CONNECTION: field 'XXX' not found".
func (e *NameError) Error() string {
	var b strings.Builder
	if e.Function != "" {
		b.WriteString("function " + e.Function + ": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	switch {
	case e.Name == "":
		b.WriteString("empty name")
	case metadata.CheckName(e.Name) != nil && strings.ToUpper(e.Name) == e.Name:
		fmt.Fprintf(&b, "name invalid: %s", quote(e.Name))
	default:
		b.WriteString("field '" + strings.Trim(quote(e.Name), `"`) + "' not found")
	}
	if e.Suggestion != "" {
		b.WriteString("; did you mean " + e.Suggestion + "?")
	}
	return b.String()
}

// Unwrap gives ErrUnknownName.
func (e *NameError) Unwrap() error { return ErrUnknownName }

// MissingError lists all mandatory parameters that were not supplied.
type MissingError struct {
	Function string
	Names    []string
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("function %s: mandatory parameter missing: %s", e.Function, strings.Join(e.Names, ", "))
}

// Unwrap gives ErrMissing.
func (e *MissingError) Unwrap() error { return ErrMissing }

// ShapeError says that a table, structure or scalar was expected.
type ShapeError struct {
	Path      string
	Want, Got string
}

// Error implements error: "OPTIONS: string passed to a TABLE, a slice of rows is required".
func (e *ShapeError) Error() string {
	return in(e.Path) + fmt.Sprintf("%s passed, %s is required", e.Got, e.Want)
}

// Unwrap gives ErrShape.
func (e *ShapeError) Unwrap() error { return ErrShape }

// DirectionError says that a parameter does not travel in this direction.
type DirectionError struct {
	Function, Name string
	Direction      metadata.Direction
	// Read is true if a value was asked for, false if one was supplied.
	Read bool
}

// Error implements error.
func (e *DirectionError) Error() string {
	verb := "supplied"
	if e.Read {
		verb = "read"
	}
	return fmt.Sprintf("function %s: parameter %s is %s and cannot be %s here", e.Function, e.Name, e.Direction, verb)
}

// Unwrap gives ErrDirection.
func (e *DirectionError) Unwrap() error { return ErrDirection }

// StaleError says where received data and the description disagree.
type StaleError struct {
	Path      string
	Want, Got string
}

// Error implements error.
func (e *StaleError) Error() string {
	return in(e.Path) + fmt.Sprintf("description does not match the data: want %s, got %s", e.Want, e.Got)
}

// Unwrap gives ErrStale and ErrConversion.
func (e *StaleError) Unwrap() []error { return []error{ErrStale, ErrConversion} }

// UnsupportedError names a serialization that this release does not know.
type UnsupportedError struct {
	Path string
	What string // for example "fast serialization"
	// Remedy is what can be done about it; may be empty.
	Remedy string
	// Err is where and why, if another package found it.
	Err error
}

// Error implements error: "fast serialization not supported; set the serializer of the
// destination to classic: ...".
func (e *UnsupportedError) Error() string {
	s := e.What + " not supported"
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives ErrUnsupported and the cause.
func (e *UnsupportedError) Unwrap() []error { return withCause(ErrUnsupported, e.Err) }

// LimitError says which limit a value exceeds.
type LimitError struct {
	Path  string
	What  string
	Size  uint64
	Limit uint64
}

// Error implements error.
func (e *LimitError) Error() string {
	return in(e.Path) + fmt.Sprintf("%s of %d, at most %d", e.What, e.Size, e.Limit)
}

// Unwrap gives ErrLimit.
func (e *LimitError) Unwrap() error { return ErrLimit }

// in puts a path in front of a text; what is wrong as a whole has none.
func in(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func withCause(class, cause error) []error {
	if cause == nil {
		return []error{class}
	}
	return []error{class, cause}
}

// at puts a path segment in front of the path of an error of this package. Segments are
// put in from the inside out; an error is decorated by the one goroutine that made it.
func at(segment string, err error) error {
	switch e := err.(type) { //nolint:errorlint // only errors made by this package, never wrapped at this point
	case *ConversionError:
		e.Path = join(segment, e.Path)
	case *NameError:
		e.Path = join(segment, e.Path)
	case *ShapeError:
		e.Path = join(segment, e.Path)
	case *StaleError:
		e.Path = join(segment, e.Path)
	case *UnsupportedError:
		e.Path = join(segment, e.Path)
	case *LimitError:
		e.Path = join(segment, e.Path)
	case *JSONError:
		e.Err = at(segment, e.Err)
	case *XMLError:
		e.Err = at(segment, e.Err)
	}
	return err
}

// At puts the name of a table in front of the path of an error of this package: what a
// caller of RowDecoder knows and the decoder does not.
func At(table string, err error) error { return at(table, err) }

func atRow(i int, err error) error { return at(fmt.Sprintf("[%d]", i), err) }

func join(outer, inner string) string {
	switch {
	case outer == "":
		return inner
	case inner == "":
		return outer
	case inner[0] == '[':
		return outer + inner
	}
	return outer + "." + inner
}

// typeText is the ABAP type of a field as users know it: CHAR(10), P(8,2), DATE.
func typeText(f *metadata.Field) string {
	switch f.Kind {
	case metadata.Packed:
		return fmt.Sprintf("P(%d,%d)", f.Length, f.Decimals)
	case metadata.Char, metadata.Numc, metadata.Raw:
		return fmt.Sprintf("%s(%d)", f.Kind, f.Length)
	default:
		return f.Kind.String()
	}
}

// quote shows text in an error: bounded, printable, on one line.
func quote(s string) string {
	if len(s) > 4*printable {
		s = s[:4*printable]
	}
	if r := []rune(s); len(r) > printable {
		s = string(r[:printable]) + "..."
	}
	return fmt.Sprintf("%q", s)
}

func refuse(f *metadata.Field, reason Reason, value, text string) error {
	return &ConversionError{Kind: typeText(f), Value: value, Reason: reason, Text: text}
}

func refusef(f *metadata.Field, reason Reason, value, format string, args ...any) error {
	return refuse(f, reason, value, fmt.Sprintf(format, args...))
}

func wrongType(f *metadata.Field, v any) error {
	if v == nil {
		return refuse(f, IsNil, "", "nil is not a value; leave the parameter or field out for its initial value")
	}
	return refusef(f, WrongType, show(v), "go type %T cannot be converted%s", v, accepted(f.Kind))
}

// show is the bounded text of a scalar value.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case []byte:
		if len(v) > printable/2 {
			return fmt.Sprintf("%x...", v[:printable/2])
		}
		return fmt.Sprintf("%x", v)
	case nil, map[string]any, Params, []any:
		return ""
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

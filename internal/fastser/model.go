package fastser

import (
	"errors"
	"fmt"
)

const layer = "fastser"

// ErrUnsupported: a byte that the proven part of the grammar does not explain. The error
// around it is a *wire.Error that names the field, the offset and the byte.
//
// Offsets of records count from the first byte of the container as if its body were plain:
// 14 is the first byte of the body, compressed or not.
var ErrUnsupported = errors.New("not supported in fast serialization")

// Marker is the letter in front of a record or value.
type Marker byte

// Markers of records. Source: spec 42.3 [capture], Table [capture-note].
const (
	Listed    Marker = 'T' // a name of the parameter list
	Named     Marker = 'Q' // the name of the parameter that follows
	Structure Marker = 'D' // announcement of a structure or scalar
	Table     Marker = 'K' // announcement of a table
	End       Marker = 'E' // end of the body
)

// Markers of values. Source: spec 42.3 [capture].
const (
	// Initial carries nothing and stands for the initial value of the type. Seen for CHAR
	// [capture]; read for every type, because nothing about it depends on the type [inferred].
	Initial Marker = 'I'
	Cut     Marker = 'C' // CHAR of 8 bytes or more without its trailing blanks, one byte for a character
	Whole   Marker = 'O' // CHAR of less, in its declared width, UTF-16LE
	Number  Marker = 'N' // INT4, little-endian
	String  Marker = 'S' // STRING, one byte for a character
)

// String gives the letter, or the byte in hex if it is no printable character.
func (m Marker) String() string {
	if m > ' ' && m < 0x7f {
		return string(rune(m))
	}
	return fmt.Sprintf("%02x", byte(m))
}

// TypeCode is the type of a field.
type TypeCode uint8

// The type codes that were seen. The comment says where: announced, or with values.
const (
	Int1    TypeCode = 0x01 // announced [capture]
	Int2    TypeCode = 0x02 // announced [capture]
	Int4    TypeCode = 0x03 // with values [capture]
	Char    TypeCode = 0x06 // with values [capture]
	Date    TypeCode = 0x0c // announced [capture]
	Time    TypeCode = 0x0e // announced [capture]
	Float   TypeCode = 0x13 // announced [capture]
	Raw     TypeCode = 0x17 // announced [capture]
	Text    TypeCode = 0x18 // STRING, with values [capture]
	XString TypeCode = 0x19 // note only [capture-note]
)

// typeInfo is what is known of a type code.
type typeInfo struct {
	name   string
	width  int      // bytes of a value in the initial form of ABAP; 0: by operand, or variable
	sized  bool     // an operand of two bytes gives the width in bytes
	unit   int      // the width is a multiple of this
	values []Marker // that were seen, beside Initial
}

// types has an empty name where a code was not seen.
var types = [256]typeInfo{
	Int1:    {name: "INT1", width: 1},
	Int2:    {name: "INT2", width: 2},
	Int4:    {name: "INT4", width: 4, values: []Marker{Number}},
	Char:    {name: "CHAR", sized: true, unit: 2, values: []Marker{Cut, Whole}},
	Date:    {name: "DATS", width: 16},
	Time:    {name: "TIMS", width: 12},
	Float:   {name: "FLOAT", width: 8},
	Raw:     {name: "RAW", sized: true, unit: 1},
	Text:    {name: "STRING", values: []Marker{String}},
	XString: {name: "XSTRING"},
}

// String names the type, for example "CHAR".
func (c TypeCode) String() string {
	if t := types[c]; t.name != "" {
		return t.name
	}
	return fmt.Sprintf("TypeCode(%02x)", uint8(c))
}

// Body is the content of a container.
type Body struct {
	Header Header
	// Listed are the names of the actual parameters of the call, those it supplies and those
	// it wants back; requests have it [capture]. In the order of the wire.
	Listed []string
	// Parameters with their values, in the order of the wire.
	Parameters []Parameter
}

// Parameter is one value with its description.
type Parameter struct {
	Name string
	// Table says that it is a table; of tables only empty ones are known.
	Table bool
	// TableID is the id of a table.
	TableID uint16
	// TypeName is the absolute name of the type of the actual parameter, such as
	// \TYPE=CHAR30; empty if the container leaves names out.
	TypeName string
	// Fields of the structure. A scalar is a structure of one field called TABLE_LINE.
	Fields []Field
	// Values of the fields; empty for a table.
	Values []Value
}

// ScalarField is the name of the one field of a scalar. Source: spec 42.3 [capture].
const ScalarField = "TABLE_LINE"

// Field describes one value.
type Field struct {
	Code TypeCode
	// Width is the length of a CHAR or RAW in bytes, two for a character of CHAR; 0 for
	// other types.
	Width uint16
	// Name in upper case; empty if the container leaves names out.
	Name string
}

// String describes the field as "RFCCHAR4 CHAR(4)".
func (f Field) String() string {
	s := f.Code.String()
	switch {
	case f.Code == Char:
		s += fmt.Sprintf("(%d)", f.Width/2)
	case types[f.Code].sized:
		s += fmt.Sprintf("(%d)", f.Width)
	}
	if f.Name == "" {
		return s
	}
	return f.Name + " " + s
}

// Value is one value as it stands on the wire.
type Value struct {
	Marker Marker
	// Data is, by marker: nothing (Initial); ASCII characters, one byte each (Cut, String);
	// UTF-16LE (Whole); four bytes, little-endian (Number). It aliases the container, or the
	// memory its body was decompressed to.
	Data []byte
}

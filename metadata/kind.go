package metadata

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the ABAP type of a field, written as its EXID letter. Case matters: P is packed,
// p is UTCLONG. Never fold it.
type Kind byte

// The kinds of spec 20.1.
const (
	Char          Kind = 'C' // c LENGTH n, blank padded [capture]
	Numc          Kind = 'N' // n LENGTH n, digits, left-padded with zeros [capture]
	Date          Kind = 'D' // d, YYYYMMDD [capture]
	Time          Kind = 'T' // t, HHMMSS [capture]
	Raw           Kind = 'X' // x LENGTH n, bytes [capture]
	Packed        Kind = 'P' // p LENGTH n DECIMALS d [capture]
	Float         Kind = 'F' // f, IEEE double [capture]
	Int4          Kind = 'I' // i [capture]
	Int2          Kind = 's' // int2 [capture]
	Int1          Kind = 'b' // int1, unsigned [capture]
	Int8          Kind = '8' // int8 [impl]
	String        Kind = 'g' // string [capture]
	XString       Kind = 'y' // xstring [capture]
	Structure     Kind = 'u' // flat structure [capture]
	DeepStructure Kind = 'v' // structure with a string, xstring or table inside [impl]
	Table         Kind = 'h' // internal table [capture]
	DecFloat16    Kind = 'a' // decfloat16 [capture]
	DecFloat34    Kind = 'e' // decfloat34 [capture]
	UTCLong       Kind = 'p' // utclong [impl]
	UTCSecond     Kind = 'n' // utcsecond [impl]
	UTCMinute     Kind = 'w' // utcminute [impl]
	DTDay         Kind = 'd' // dtday [impl]
	DTWeek        Kind = '7' // dtweek [impl]
	DTMonth       Kind = 'x' // dtmonth [impl]
	TSecond       Kind = 't' // tsecond [impl]
	TMinute       Kind = 'i' // tminute [impl]
	CDay          Kind = 'c' // cday [impl]
)

type kindInfo struct {
	name  string
	text  bool  // width counts characters
	fixed int   // width in characters (text) or bytes; 0 = the field's own length
	align int   // alignment in bytes; 0 = the character width
	ref   bool  // content lives outside the row
	rfc   uint8 // RFCTYPE number
}

// kinds has an empty name where a letter is no kind.
var kinds = [256]kindInfo{
	Char:          {"CHAR", true, 0, 0, false, 0},
	Date:          {"DATE", true, 8, 0, false, 1},
	Packed:        {"BCD", false, 0, 1, false, 2},
	Time:          {"TIME", true, 6, 0, false, 3},
	Raw:           {"BYTE", false, 0, 1, false, 4},
	Table:         {"TABLE", false, 8, 8, true, 5},
	Numc:          {"NUM", true, 0, 0, false, 6},
	Float:         {"FLOAT", false, 8, 8, false, 7},
	Int4:          {"INT", false, 4, 4, false, 8},
	Int2:          {"INT2", false, 2, 2, false, 9},
	Int1:          {"INT1", false, 1, 1, false, 10},
	Structure:     {"STRUCTURE", false, 0, 0, false, 17},
	DeepStructure: {"STRUCTURE", false, 0, 0, false, 17},
	DecFloat16:    {"DECF16", false, 8, 8, false, 23},
	DecFloat34:    {"DECF34", false, 16, 8, false, 24}, // alignment 8 assumed [inferred]
	String:        {"STRING", false, 8, 8, true, 29},
	XString:       {"XSTRING", false, 8, 8, true, 30},
	Int8:          {"INT8", false, 8, 8, false, 31},
	UTCLong:       {"UTCLONG", false, 8, 8, false, 32},
	UTCSecond:     {"UTCSECOND", false, 8, 8, false, 33},
	UTCMinute:     {"UTCMINUTE", false, 8, 8, false, 34},
	DTDay:         {"DTDAY", false, 4, 4, false, 35},
	DTWeek:        {"DTWEEK", false, 4, 4, false, 36},
	DTMonth:       {"DTMONTH", false, 4, 4, false, 37},
	TSecond:       {"TSECOND", false, 4, 4, false, 38},
	TMinute:       {"TMINUTE", false, 2, 2, false, 39},
	CDay:          {"CDAY", false, 2, 2, false, 40},
}

// Valid reports whether the kind is one of the constants of this package. Object and data
// references (r, l) and boxed components (j, k) are not: they cannot travel by RFC.
func (k Kind) Valid() bool { return kinds[k].name != "" }

// String gives the RFC type name, for example "CHAR" or "BCD".
func (k Kind) String() string {
	if name := kinds[k].name; name != "" {
		return name
	}
	return fmt.Sprintf("Kind(%q)", string(rune(k)))
}

// Check reports a kind that cannot travel by RFC, in words that begin with what it is:
// references point into the memory of one session, and how boxed components would lie in a
// row is not public (spec 20.1).
func (k Kind) Check() error {
	switch {
	case k.Valid():
		return nil
	case k == 'r':
		return errors.New(`an object reference (type "r") cannot travel by RFC`)
	case k == 'l':
		return errors.New(`a data reference (type "l") cannot travel by RFC`)
	case k == 'j' || k == 'k':
		return fmt.Errorf("a boxed component (type %q) is not supported", string(rune(k)))
	}
	return fmt.Errorf("type %q cannot travel by RFC", string(rune(k)))
}

// Text reports whether widths of the kind count characters: CHAR, NUM, DATE and TIME.
func (k Kind) Text() bool { return kinds[k].text }

// Reference reports whether the content lives outside the row: strings and tables.
func (k Kind) Reference() bool { return kinds[k].ref }

// IsStructure reports whether the kind is a structure, flat or deep.
func (k Kind) IsStructure() bool { return k == Structure || k == DeepStructure }

// DecFloat reports whether the kind is decimal floating point: DECF16 or DECF34.
func (k Kind) DecFloat() bool { return k == DecFloat16 || k == DecFloat34 }

// Temporal reports whether the kind is one of the compact types of time, UTCLONG to CDAY:
// signed integers of the width of the field, 0 is initial (spec 20.8).
func (k Kind) Temporal() bool { return kinds[k].rfc >= kinds[UTCLong].rfc }

// TemporalNamed finds a compact type of time by its name in any case, for example "utclong".
func TemporalNamed(name string) (Kind, bool) {
	for _, k := range [...]Kind{UTCLong, UTCSecond, UTCMinute, DTDay, DTWeek, DTMonth, TSecond, TMinute, CDay} {
		if strings.EqualFold(kinds[k].name, name) {
			return k, true
		}
	}
	return 0, false
}

// Variable reports whether the length of a field comes from its own definition: CHAR, NUM,
// BYTE and BCD.
func (k Kind) Variable() bool { return k == Char || k == Numc || k == Raw || k == Packed }

// RFCType is the numeric type code of the RFC libraries (spec 20.1).
func (k Kind) RFCType() uint8 { return kinds[k].rfc }

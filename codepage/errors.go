package codepage

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Reason says why a text could not be converted.
type Reason uint8

const (
	// ReasonInvalidUTF8: the Go string is not valid UTF-8.
	ReasonInvalidUTF8 Reason = iota + 1
	// ReasonUnmappable: the target code page has no such character.
	ReasonUnmappable
	// ReasonSurrogate: a UTF-16 surrogate without its partner.
	ReasonSurrogate
	// ReasonUndefined: a byte or byte sequence that the code page does not define.
	ReasonUndefined
	// ReasonOddLength: UTF-16 data that ends in the middle of a unit.
	ReasonOddLength
	// ReasonStateful: an encoding with shift states cannot fill fixed-width cells.
	ReasonStateful
)

var reasonTexts = [...]string{
	ReasonInvalidUTF8: "invalid UTF-8",
	ReasonUnmappable:  "character does not exist in the code page",
	ReasonSurrogate:   "unpaired surrogate",
	ReasonUndefined:   "undefined byte sequence",
	ReasonOddLength:   "odd number of bytes",
	ReasonStateful:    "stateful encoding cannot fill a fixed-width cell",
}

// String names the reason; unknown values print as Reason(n).
func (r Reason) String() string {
	if int(r) < len(reasonTexts) && reasonTexts[r] != "" {
		return reasonTexts[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}

// ConversionError says where a text could not be converted and why. Its text names
// the character as U+XXXX and never prints it.
type ConversionError struct {
	// Codepage is the four-digit number, for example "1100".
	Codepage string
	// Offset is the byte offset in the input of the conversion: in the UTF-8 string
	// when encoding, in the encoded bytes when decoding.
	Offset int
	// Rune is the character that does not fit, the unpaired surrogate or the offending
	// byte; -1 when there is none to name.
	Rune   rune
	Reason Reason
}

// Error implements error: "code page 1100: character does not exist in the code
// page: U+20AC at byte 7".
func (e *ConversionError) Error() string {
	switch {
	case e.Rune < 0:
		return fmt.Sprintf("code page %s: %s at byte %d", e.Codepage, e.Reason, e.Offset)
	case e.Reason == ReasonInvalidUTF8 || e.Reason == ReasonUndefined:
		return fmt.Sprintf("code page %s: %s: 0x%02x at byte %d", e.Codepage, e.Reason, e.Rune, e.Offset)
	default:
		return fmt.Sprintf("code page %s: %s: U+%04X at byte %d", e.Codepage, e.Reason, e.Rune, e.Offset)
	}
}

// LengthError says that a text does not fit its fixed-width cell. Texts are never
// cut silently; see [PrefixUTF16] for cutting on request.
type LengthError struct {
	// Codepage is the four-digit number.
	Codepage string
	// Need and Max count cell characters: UTF-16 units in 4102 and 4103, bytes in all
	// code pages of non-Unicode systems.
	Need, Max int
}

// Unit is what Need and Max count: "characters" or "bytes".
func (e *LengthError) Unit() string {
	if e.Codepage == numberLE || e.Codepage == numberBE {
		return "characters"
	}
	return "bytes"
}

// Error implements error: "code page 4103: text has 18 characters, at most 10 fit".
func (e *LengthError) Error() string {
	return fmt.Sprintf("code page %s: text has %d %s, at most %d fit", e.Codepage, e.Need, e.Unit(), e.Max)
}

// UnknownError says that no code page of that number is built in or registered.
type UnknownError struct {
	// Number is the number that was looked up, as given.
	Number string
}

// Error implements error and lists the known numbers.
func (e *UnknownError) Error() string {
	n := e.Number
	if len(n) > maxNumberLen {
		n = n[:maxNumberLen] + "..."
	}
	return fmt.Sprintf("unknown code page %q: supported are %s; others can be added with codepage.Register",
		n, supportedText())
}

// invalidUTF8 builds the error for the string s at byte offset off.
func invalidUTF8(number, s string, off int) *ConversionError {
	e := &ConversionError{Codepage: number, Offset: off, Rune: -1, Reason: ReasonInvalidUTF8}
	if off < len(s) {
		e.Rune = rune(s[off])
		if r := surrogateAt(s[off:]); r >= 0 {
			e.Rune, e.Reason = r, ReasonSurrogate
		}
	}
	return e
}

// surrogateAt recognises a surrogate in generalised UTF-8 (WTF-8) at the start of
// s; -1 if there is none.
func surrogateAt(s string) rune {
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2]&0xc0 == 0x80 {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f)
	}
	return -1
}

// appendSurrogate writes a surrogate in generalised UTF-8, which utf8.AppendRune
// refuses to do.
func appendSurrogate(dst []byte, r rune) []byte {
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(dst, r)
	}
	return append(dst, 0xed, 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

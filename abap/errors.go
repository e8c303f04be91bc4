package abap

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reason says why a value cannot be converted. Source: spec 20.9.
type Reason uint8

const (
	// ReasonOverflow: the value is outside the range of the target.
	ReasonOverflow Reason = iota + 1
	// ReasonNotANumber: the text is not a number of the accepted form.
	ReasonNotANumber
	// ReasonNotRepresentable: NaN or an infinity where ABAP has none.
	ReasonNotRepresentable
	// ReasonBadDigit: a character or nibble that is not a decimal digit.
	ReasonBadDigit
	// ReasonBadSign: a packed number without a valid sign nibble.
	ReasonBadSign
	// ReasonBadDate: no day of the calendar.
	ReasonBadDate
	// ReasonBadTime: no time of day.
	ReasonBadTime
	// ReasonTooLong: more characters than fit.
	ReasonTooLong
	// ReasonTooManyDecimals: more digits, behind the point or in all, than the target keeps.
	ReasonTooManyDecimals
	// ReasonBadLength: a length, or number of decimals, that the type does not allow.
	ReasonBadLength
	// ReasonNotIntegral: a fraction where an integer is required.
	ReasonNotIntegral
)

var reasonNames = [...]string{
	ReasonOverflow:         "overflow",
	ReasonNotANumber:       "not-a-number",
	ReasonNotRepresentable: "not-representable",
	ReasonBadDigit:         "bad-digit",
	ReasonBadSign:          "bad-sign",
	ReasonBadDate:          "bad-date",
	ReasonBadTime:          "bad-time",
	ReasonTooLong:          "too-long",
	ReasonTooManyDecimals:  "too-many-decimals",
	ReasonBadLength:        "bad-length",
	ReasonNotIntegral:      "not-integral",
}

// String names the reason; unknown values print as Reason(n).
func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}

// ConversionError says which value does not fit which ABAP type. The layer above
// adds the path of parameter and field.
type ConversionError struct {
	// Type is the ABAP type, for example "P(8,2)", "DATE", "NUMC(4)" or "INT1".
	Type string
	// Value is the value, cut to 64 bytes and made printable; bytes are in hex.
	Value  string
	Reason Reason
	// Detail is the rule that was broken, in words.
	Detail string
}

// Error implements error: `cannot convert "12.345" to P(3,2): has more than 2
// fractional digits (too-many-decimals)`.
func (e *ConversionError) Error() string {
	return fmt.Sprintf("cannot convert %s to %s: %s (%s)", quoteValue(e.Value), e.Type, e.Detail, e.Reason)
}

func quoteValue(s string) string {
	if strings.HasPrefix(s, "0x") {
		return s
	}
	return `"` + s + `"`
}

func conversionError(typ, value string, r Reason, detail string) *ConversionError {
	return &ConversionError{Type: typ, Value: printable(value), Reason: r, Detail: detail}
}

// printable bounds s and escapes what cannot be shown.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		part := s[i : i+size]
		if r == utf8.RuneError && size == 1 || !strconv.IsPrint(r) {
			q := strconv.Quote(part)
			part = q[1 : len(q)-1]
		}
		if b.Len()+len(part) > maxErrorValue-3 && i+size < len(s) || b.Len()+len(part) > maxErrorValue {
			b.WriteString("...")
			break
		}
		b.WriteString(part)
		i += size
	}
	return b.String()
}

// hexValue shows bytes in an error.
func hexValue(b []byte) string {
	if len(b) > maxErrorValue/2-4 {
		return fmt.Sprintf("0x%x...", b[:maxErrorValue/2-4])
	}
	return fmt.Sprintf("0x%x", b)
}

package abap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// IntKind is an ABAP integer type.
type IntKind uint8

const (
	// INT1 is type b: 0 to 255.
	INT1 IntKind = iota
	// INT2 is type s: 16 bits, signed.
	INT2
	// INT4 is type i: 32 bits, signed.
	INT4
	// INT8 is type int8: 64 bits, signed.
	INT8
)

// String gives the DDIC name.
func (k IntKind) String() string {
	if k > INT8 {
		return "IntKind(" + strconv.Itoa(int(k)) + ")"
	}
	return "INT" + strconv.Itoa(1<<k)
}

// Bounds gives the smallest and largest value. Source: spec 20.1, 20.3 [capture].
func (k IntKind) Bounds() (lowest, highest int64) {
	switch k {
	case INT1:
		return 0, math.MaxUint8
	case INT2:
		return math.MinInt16, math.MaxInt16
	case INT4:
		return math.MinInt32, math.MaxInt32
	default:
		return math.MinInt64, math.MaxInt64
	}
}

// Check reports a value outside the range of k as [*ConversionError].
func (k IntKind) Check(v int64) error {
	lo, hi := k.Bounds()
	if v < lo || v > hi {
		return k.rangeError(strconv.FormatInt(v, 10))
	}
	return nil
}

// CheckUint is Check for unsigned values.
func (k IntKind) CheckUint(v uint64) error {
	if _, hi := k.Bounds(); v > uint64(hi) {
		return k.rangeError(strconv.FormatUint(v, 10))
	}
	return nil
}

func (k IntKind) rangeError(value string) error {
	lo, hi := k.Bounds()
	return conversionError(k.String(), value, ReasonOverflow, fmt.Sprintf("the range is %d to %d", lo, hi))
}

// FromFloat converts a float that is exactly integral and in range.
func (k IntKind) FromFloat(f float64) (int64, error) {
	value := strconv.FormatFloat(f, 'g', -1, 64)
	switch {
	case math.IsInf(f, 0):
		return 0, conversionError(k.String(), infinityText(f < 0), ReasonNotRepresentable, "not representable: an integer is required")
	case math.IsNaN(f):
		return 0, conversionError(k.String(), value, ReasonNotRepresentable, "not representable: an integer is required")
	case f != math.Trunc(f):
		return 0, conversionError(k.String(), value, ReasonNotIntegral, "an integer is required")
	case f < -1<<63 || f >= 1<<63:
		return 0, k.rangeError(value)
	}
	v := int64(f)
	return v, k.Check(v)
}

func infinityText(neg bool) string {
	if neg {
		return "-Infinity"
	}
	return "Infinity"
}

// CheckFloat refuses NaN and infinities, which ABAP floats do not have. Source: spec
// 20.3.
func CheckFloat(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		value := "NaN"
		if !math.IsNaN(f) {
			value = infinityText(f < 0)
		}
		return conversionError("FLOAT", value, ReasonNotRepresentable, "not representable in ABAP")
	}
	return nil
}

// ParseFloat reads a decimal number with an optional exponent. The decimal separator
// is a point whatever the locale; hexadecimal forms, infinities and NaN are refused.
// Numbers too large are an overflow, numbers too small become zero.
func ParseFloat(s string) (float64, error) {
	if len(s) > maxDecimalText {
		return 0, tooLongText("FLOAT", s)
	}
	if at := scanNumber(s); at >= 0 {
		return 0, conversionError("RFCTYPE_FLOAT", s, ReasonNotANumber,
			fmt.Sprintf("cannot convert string value %s at position %d", printable(s), at))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, conversionError("FLOAT", s, ReasonOverflow, "the range is about 2.2E-308 to 1.8E+308")
	}
	return f, nil
}

// scanNumber gives the offset at which s stops being a decimal number, or -1.
func scanNumber(s string) int {
	i, digits := 0, 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	point := false
	for ; i < len(s); i++ {
		if s[i] == '.' && !point {
			point = true
		} else if s[i] >= '0' && s[i] <= '9' {
			digits++
		} else {
			break
		}
	}
	if digits == 0 {
		return i
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		k := j
		for k < len(s) && s[k] >= '0' && s[k] <= '9' {
			k++
		}
		if k == j {
			return j
		}
		i = k
	}
	if i < len(s) {
		return i
	}
	return -1
}

func tooLongText(typ, s string) error {
	return conversionError(typ, s, ReasonTooLong,
		fmt.Sprintf("the text has %d characters, at most %d are parsed", len(s), maxDecimalText))
}

func numcType(nchar int) string { return "NUMC(" + strconv.Itoa(nchar) + ")" }

// CheckNumc reports whether s can be written to a NUMC of nchar characters: ASCII
// digits only and not more than nchar. The empty text is allowed and means zeros.
func CheckNumc(s string, nchar int) error {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return conversionError(numcType(nchar), s, ReasonBadDigit,
				fmt.Sprintf("a numeric string is required: digits 0 to 9 only, position %d is none", i))
		}
	}
	if len(s) > nchar {
		return conversionError(numcType(nchar), s, ReasonTooLong,
			fmt.Sprintf("%d digits, at most %d fit", len(s), nchar))
	}
	return nil
}

// AppendNumc appends s, padded with zeros at the left to nchar characters.
//
// Source: spec 20.2 [impl].
func AppendNumc(dst []byte, s string, nchar int) ([]byte, error) {
	if err := CheckNumc(s, nchar); err != nil {
		return dst, err
	}
	for range nchar - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...), nil
}

// PutNumc is AppendNumc for a cell of len(dst) single-byte characters. On an error
// dst is unchanged.
func PutNumc(dst []byte, s string) error {
	if err := CheckNumc(s, len(dst)); err != nil {
		return err
	}
	k := len(dst) - len(s)
	for i := range dst[:k] {
		dst[i] = '0'
	}
	copy(dst[k:], s)
	return nil
}

// AppendNumcInt appends a number of 0 or more with zeros at the left.
func AppendNumcInt(dst []byte, v int64, nchar int) ([]byte, error) {
	var buf [20]byte
	return AppendNumc(dst, string(strconv.AppendInt(buf[:0], v, 10)), nchar)
}

// NumcInt64 gives the number in a NUMC as received: all blanks, or nothing, are 0;
// other characters that are not digits are an error.
func NumcInt64(s string) (int64, error) {
	if strings.Trim(s, " ") == "" {
		return 0, nil
	}
	if err := CheckNumc(s, len(s)); err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, conversionError("INT8", s, ReasonOverflow, "the number has more than 63 bits")
	}
	return v, nil
}

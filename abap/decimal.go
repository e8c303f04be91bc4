package abap

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

type form uint8

const (
	finite form = iota
	infinite
	notANumber
)

// Decimal is an exact decimal number: sign, a coefficient of up to 38 digits and an
// exponent of ten between -9999 and 9999. It keeps its scale: 12.50 stays 12.50. It
// also holds what decimal floating point can hold beyond numbers: negative zero, the
// infinities and NaN. The zero value is 0.
//
// A Decimal contains no pointers. == compares representations (12.5 and 12.50
// differ); [Decimal.Equal] and [Decimal.Cmp] compare values.
type Decimal struct {
	coef uint128
	exp  int32
	form form
	neg  bool
}

// NewDecimal gives coefficient * 10^exponent. An exponent outside -9999..9999 is an
// overflow.
func NewDecimal(coefficient int64, exponent int) (Decimal, error) {
	d := FromInt64(coefficient)
	if exponent < -maxExponent || exponent > maxExponent {
		return Decimal{}, decimalOverflow(fmt.Sprintf("%dE%d", coefficient, exponent))
	}
	d.exp = int32(exponent)
	return d, nil
}

// FromInt64 gives v with scale 0.
func FromInt64(v int64) Decimal {
	d := Decimal{coef: uint128{lo: uint64(v)}}
	if v < 0 {
		d.neg, d.coef.lo = true, -uint64(v)
	}
	return d
}

// FromUint64 gives v with scale 0.
func FromUint64(v uint64) Decimal { return Decimal{coef: uint128{lo: v}} }

// FromBigInt gives v with scale 0; more than 38 digits are an overflow. nil is 0.
func FromBigInt(v *big.Int) (Decimal, error) {
	if v == nil {
		return Decimal{}, nil
	}
	if v.BitLen() > 128 {
		return Decimal{}, decimalOverflow(fmt.Sprintf("an integer of %d bits", v.BitLen()))
	}
	var b [16]byte
	v.FillBytes(b[:])
	d := Decimal{coef: uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}, neg: v.Sign() < 0}
	if d.coef.cmp(pow10[maxCoefficientDigits]) >= 0 {
		return Decimal{}, decimalOverflow(v.String())
	}
	return d, nil
}

// FromFloat64 gives the shortest decimal that reads back as f: 0.1 gives 0.1. NaN
// and infinities are an error.
func FromFloat64(f float64) (Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, conversionError("DECIMAL", strconv.FormatFloat(f, 'g', -1, 64),
			ReasonNotRepresentable, "not representable: a finite number is required")
	}
	d, err := ParseDecimal(strconv.FormatFloat(f, 'e', -1, 64))
	if err != nil || d.exp <= 0 {
		return d, err
	}
	if plain, err := d.Rescale(0); err == nil {
		return plain, nil
	}
	return d, nil
}

// Infinity gives the infinity of the given sign.
func Infinity(negative bool) Decimal { return Decimal{form: infinite, neg: negative} }

// NaN gives the value that is not a number.
func NaN() Decimal { return Decimal{form: notANumber} }

func decimalOverflow(value string) error {
	return conversionError("DECIMAL", value, ReasonOverflow,
		fmt.Sprintf("at most %d digits and exponents from %d to %d are kept", maxCoefficientDigits, -maxExponent, maxExponent))
}

// ParseDecimal reads a number exactly: optional sign, digits with an optional
// decimal point, optional exponent ("-12.50", "1E-5"), or "NaN", "Infinity",
// "-Infinity" in any case. Trailing zeros are kept, leading ones are not. Group
// separators, commas and blanks are refused, so are texts of more than 4096
// characters and numbers of more than 38 digits.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > maxDecimalText {
		return Decimal{}, tooLongText("DECIMAL", s)
	}
	var d Decimal
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		d.neg = s[i] == '-'
		i++
	}
	if i < len(s) && (s[i]|0x20 == 'i' || s[i]|0x20 == 'n') {
		switch word := s[i:]; {
		case strings.EqualFold(word, "Infinity"), strings.EqualFold(word, "Inf"):
			d.form = infinite
			return d, nil
		case i == 0 && strings.EqualFold(word, "NaN"):
			return NaN(), nil
		}
		return Decimal{}, notNumber(s, i)
	}
	var small uint64 // the coefficient as long as 18 digits are enough
	n, scale, digits, point := 0, 0, false, false
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			if s[i] == '.' && !point {
				point = true
				continue
			}
			break
		}
		digits = true
		if point {
			scale++
		}
		switch {
		case n < 18:
			small = small*10 + uint64(c)
			if small != 0 {
				n++
			}
			d.coef.lo = small
		default:
			var ok bool
			if d.coef, ok = d.coef.mulAdd(10, uint64(c)); !ok {
				return Decimal{}, decimalOverflow(s)
			}
		}
	}
	if !digits {
		return Decimal{}, notNumber(s, i)
	}
	exp := 0
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		neg := false
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			neg = s[i] == '-'
			i++
		}
		if i == len(s) {
			return Decimal{}, notNumber(s, i)
		}
		for ; i < len(s); i++ {
			c := s[i] - '0'
			if c > 9 {
				return Decimal{}, notNumber(s, i)
			}
			exp = min(exp*10+int(c), 1<<20)
		}
		if neg {
			exp = -exp
		}
	}
	if i < len(s) {
		return Decimal{}, notNumber(s, i)
	}
	if exp -= scale; exp < -maxExponent || exp > maxExponent {
		return Decimal{}, decimalOverflow(s)
	}
	d.exp = int32(exp)
	return d, nil
}

func notNumber(s string, at int) error {
	return conversionError("DECIMAL", s, ReasonNotANumber,
		fmt.Sprintf("not a number at position %d; the form is -123.45 or 1E-5, with a decimal point", at))
}

// IsFinite reports whether d is a number: neither infinite nor NaN.
func (d Decimal) IsFinite() bool { return d.form == finite }

// IsInf reports whether d is an infinity.
func (d Decimal) IsInf() bool { return d.form == infinite }

// IsNaN reports whether d is not a number.
func (d Decimal) IsNaN() bool { return d.form == notANumber }

// IsZero reports whether d is zero of any scale and sign.
func (d Decimal) IsZero() bool { return d.form == finite && d.coef.isZero() }

// Signbit reports whether d carries a minus sign, also that of a negative zero.
func (d Decimal) Signbit() bool { return d.neg }

// Sign gives -1, 0 or +1; NaN gives 0.
func (d Decimal) Sign() int {
	switch {
	case d.form == notANumber || d.IsZero():
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// Neg gives -d.
func (d Decimal) Neg() Decimal {
	d.neg = !d.neg && d.form != notANumber
	return d
}

// Scale gives the number of fraction digits: the negated exponent, negative for
// numbers such as 1E+3.
func (d Decimal) Scale() int { return -int(d.exp) }

// Exponent gives the exponent of ten.
func (d Decimal) Exponent() int { return int(d.exp) }

// Digits gives the number of significant digits of the coefficient; zero has none.
func (d Decimal) Digits() int { return d.coef.numDigits() }

// Identical reports whether both have the same representation, scale included.
func (d Decimal) Identical(o Decimal) bool { return d == o }

// Equal reports whether both have the same value: 12.5 equals 12.50. NaN equals
// nothing.
func (d Decimal) Equal(o Decimal) bool {
	return !d.IsNaN() && !o.IsNaN() && d.Cmp(o) == 0
}

// Cmp compares values: -1, 0 or +1. For a total order NaN is below everything and
// equal to itself.
func (d Decimal) Cmp(o Decimal) int {
	if d.IsNaN() || o.IsNaN() {
		switch {
		case d.IsNaN() && o.IsNaN():
			return 0
		case d.IsNaN():
			return -1
		}
		return 1
	}
	s, t := d.Sign(), o.Sign()
	switch {
	case s < t:
		return -1
	case s > t:
		return 1
	case s == 0:
		return 0
	}
	return s * d.cmpAbs(o)
}

// cmpAbs compares the amounts of two values that are not zero.
func (d Decimal) cmpAbs(o Decimal) int {
	if d.form == infinite || o.form == infinite {
		return int(d.form) - int(o.form)
	}
	// The position of the leading digit decides unless both are the same.
	a, b := d.coef.numDigits()+int(d.exp), o.coef.numDigits()+int(o.exp)
	if a != b {
		if a < b {
			return -1
		}
		return 1
	}
	// Then the one with the larger exponent has fewer digits and can be scaled up.
	x, y := d.coef, o.coef
	if d.exp > o.exp {
		x, _ = x.scaleUp(int(d.exp - o.exp))
	} else {
		y, _ = y.scaleUp(int(o.exp - d.exp))
	}
	return x.cmp(y)
}

// Rescale gives the same value with exactly decimals fraction digits. It pads with
// zeros; digits that would be lost are an error, never rounded away.
func (d Decimal) Rescale(decimals int) (Decimal, error) {
	if d.form != finite {
		return d, conversionError("DECIMAL", d.String(), ReasonNotRepresentable, "not representable: a finite number is required")
	}
	if decimals < -maxExponent || decimals > maxExponent {
		return d, decimalOverflow(d.String())
	}
	shift := decimals + int(d.exp) // how many zeros to append
	r := d
	r.exp = int32(-decimals)
	switch {
	case shift > 0:
		var ok bool
		if r.coef, ok = d.coef.scaleUp(shift); !ok {
			return d, decimalOverflow(d.String())
		}
	case shift < 0:
		var rest int
		if r.coef, rest = d.coef.divPow10(-shift); rest != 0 {
			return d, tooManyDecimals("DECIMAL", d, decimals)
		}
	}
	return r, nil
}

func tooManyDecimals(typ string, d Decimal, decimals int) error {
	return conversionError(typ, d.String(), ReasonTooManyDecimals,
		fmt.Sprintf("has more than %d fractional digits; round it first if that is meant", decimals))
}

// Rounding says what Round does with the digits it drops.
type Rounding uint8

const (
	// RoundHalfUp is commercial rounding, as ABAP does: halves go away from zero.
	RoundHalfUp Rounding = iota
	// RoundHalfEven lets halves go to the even neighbour.
	RoundHalfEven
	// RoundDown drops digits: towards zero.
	RoundDown
)

// Round gives d with at most decimals fraction digits. A value that has no more is
// returned unchanged, as are infinities and NaN.
func (d Decimal) Round(decimals int, mode Rounding) Decimal {
	k := -int(d.exp) - decimals // digits to drop
	if d.form != finite || k <= 0 || decimals < -maxExponent {
		return d
	}
	q, rest := d.coef.divPow10(k)
	if mode == RoundHalfUp && rest >= 2 || mode == RoundHalfEven && (rest == 3 || rest == 2 && q.lo&1 != 0) {
		q, _ = q.mulAdd(1, 1) // at least one digit was dropped: no overflow
	}
	return Decimal{coef: q, exp: int32(-decimals), neg: d.neg}
}

// Int64 gives the value if it is an integer of 64 bits, else an error.
func (d Decimal) Int64() (int64, error) {
	if d.form != finite {
		return 0, conversionError("INT8", d.String(), ReasonNotRepresentable, "not representable as an integer")
	}
	c := d.coef
	if d.exp < 0 {
		var rest int
		if c, rest = c.divPow10(-int(d.exp)); rest != 0 {
			return 0, conversionError("INT8", d.String(), ReasonNotIntegral, "the value has a fraction")
		}
	} else {
		var ok bool
		if c, ok = c.scaleUp(int(d.exp)); !ok {
			return 0, INT8.rangeError(d.String())
		}
	}
	switch {
	case c.hi != 0 || c.lo > 1<<63 || c.lo == 1<<63 && !d.neg:
		return 0, INT8.rangeError(d.String())
	case d.neg:
		return -int64(c.lo), nil
	}
	return int64(c.lo), nil
}

// Float64 gives the nearest float. Most decimals have no exact float: the conversion
// loses digits beyond the seventeenth and must not be used for amounts.
func (d Decimal) Float64() float64 {
	switch {
	case d.form == notANumber:
		return math.NaN()
	case d.form == infinite && d.neg:
		return math.Inf(-1)
	case d.form == infinite:
		return math.Inf(1)
	}
	var buf [maxCoefficientDigits + 16]byte
	b := buf[:0]
	if d.neg {
		b = append(b, '-')
	}
	b = append(d.coef.appendDigits(b), 'e')
	f, _ := strconv.ParseFloat(string(strconv.AppendInt(b, int64(d.exp), 10)), 64) // out of range gives the infinity
	return f
}

func (d Decimal) bigCoefficient() *big.Int {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], d.coef.hi)
	binary.BigEndian.PutUint64(b[8:], d.coef.lo)
	v := new(big.Int).SetBytes(b[:])
	if d.neg {
		v.Neg(v)
	}
	return v
}

// Rat gives the exact value; nil for infinities and NaN.
func (d Decimal) Rat() *big.Rat {
	if d.form != finite {
		return nil
	}
	e := int64(d.exp)
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(e, -e)), nil)
	if e < 0 {
		return new(big.Rat).SetFrac(d.bigCoefficient(), p)
	}
	return new(big.Rat).SetInt(p.Mul(p, d.bigCoefficient()))
}

// String gives the shortest text that [ParseDecimal] reads back to an identical
// value: plain notation with all fraction digits ("12.50") for scales 0 to 40,
// scientific notation ("9.99E+20") for others, "NaN", "Infinity", "-Infinity".
func (d Decimal) String() string { return string(d.append(nil, shortest)) }

// Plain gives plain notation for every finite value: 1E+3 is "1000".
func (d Decimal) Plain() string { return string(d.append(nil, plain)) }

// Scientific gives the text of decimal floating point, as IEEE 754 converts to
// characters: plain notation for scales of 0 and more and amounts from 1E-6 on
// ("12.50", "0.000001"), scientific notation for others ("1.23E+6", "1E-7", "0E-398").
// [ParseDecimal] reads it back to an identical value.
//
// Source: spec 21.5 [impl].
func (d Decimal) Scientific() string { return string(d.append(nil, scientific)) }

// notation says which numbers are written with an exponent.
type notation uint8

const (
	shortest   notation = iota // beyond plainScale
	plain                      // none
	scientific                 // with an exponent above 0, or below 1E-6
)

// plainScale is the largest scale that String writes in plain notation.
const plainScale = 40

// exponential reports whether a number of n digits is written with an exponent.
func (as notation) exponential(n, scale int) bool {
	switch as {
	case plain:
		return false
	case scientific:
		return scale < 0 || n-1-scale < -6
	default:
		return scale < 0 || scale > plainScale
	}
}

func (d Decimal) append(dst []byte, as notation) []byte {
	if d.form == notANumber {
		return append(dst, "NaN"...)
	}
	if d.neg {
		dst = append(dst, '-')
	}
	if d.form == infinite {
		return append(dst, "Infinity"...)
	}
	var buf [maxCoefficientDigits + 1]byte
	digits := d.coef.appendDigits(buf[:0])
	scale := -int(d.exp)
	switch {
	case as.exponential(len(digits), scale):
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		dst = append(dst, 'E')
		e := int64(d.exp) + int64(len(digits)) - 1
		if e >= 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, e, 10)
	case scale <= 0:
		dst = append(dst, digits...)
		for range -scale {
			if d.coef.isZero() {
				break
			}
			dst = append(dst, '0')
		}
		return dst
	case len(digits) > scale:
		dst = append(dst, digits[:len(digits)-scale]...)
		dst = append(dst, '.')
		return append(dst, digits[len(digits)-scale:]...)
	}
	dst = append(dst, '0', '.')
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// GoString helps %#v.
func (d Decimal) GoString() string { return "abap.Decimal(" + d.String() + ")" }

// AppendText appends what String gives.
func (d Decimal) AppendText(dst []byte) ([]byte, error) { return d.append(dst, shortest), nil }

// MarshalText gives what String gives.
func (d Decimal) MarshalText() ([]byte, error) { return d.append(nil, shortest), nil }

// UnmarshalText reads what ParseDecimal reads.
func (d *Decimal) UnmarshalText(text []byte) error {
	if len(text) > maxDecimalText {
		return tooLongText("DECIMAL", string(text[:maxErrorValue]))
	}
	v, err := ParseDecimal(string(text))
	if err == nil {
		*d = v
	}
	return err
}

// MarshalJSON gives a JSON number with all digits; infinities and NaN, which JSON
// lacks, give a string.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d.form != finite {
		return strconv.AppendQuote(nil, d.String()), nil
	}
	return d.append(nil, shortest), nil
}

// UnmarshalJSON reads a JSON number or a string with a number. null changes nothing.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	s := string(b[:min(len(b), maxDecimalText+3)])
	if s == "null" {
		return nil
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	v, err := ParseDecimal(s)
	if err == nil {
		*d = v
	}
	return err
}

// Scan implements sql.Scanner for texts, bytes, integers and floats. NULL is an
// error; use sql.Null[Decimal].
func (d *Decimal) Scan(src any) error {
	var v Decimal
	var err error
	switch s := src.(type) {
	case string:
		v, err = ParseDecimal(s)
	case []byte:
		return d.UnmarshalText(s)
	case int64:
		v = FromInt64(s)
	case float64:
		v, err = FromFloat64(s)
	default:
		err = conversionError("DECIMAL", fmt.Sprintf("%T", src), ReasonNotANumber, "a text or a number is required")
	}
	if err == nil {
		*d = v
	}
	return err
}

// Value implements driver.Valuer: the text of String.
func (d Decimal) Value() (driver.Value, error) { return d.String(), nil }

// Decompose gives the parts of d in the form that database drivers exchange: form 0
// finite, 1 infinite, 2 NaN; the coefficient is big-endian without leading zeros. buf
// may be used for the result.
func (d Decimal) Decompose(buf []byte) (form byte, negative bool, coefficient []byte, exponent int32) {
	if d.form != finite {
		return byte(d.form), d.neg, nil, 0
	}
	buf = binary.BigEndian.AppendUint64(buf[:0], d.coef.hi)
	buf = binary.BigEndian.AppendUint64(buf, d.coef.lo)
	for len(buf) > 0 && buf[0] == 0 {
		buf = buf[1:]
	}
	return 0, d.neg, buf, d.exp
}

// Compose sets d from parts as Decompose gives them. Coefficients of more than 38
// digits and exponents out of range are an error and leave d unchanged.
func (d *Decimal) Compose(kind byte, negative bool, coefficient []byte, exponent int32) error {
	switch form(kind) {
	case infinite:
		*d = Infinity(negative)
		return nil
	case notANumber:
		*d = NaN()
		return nil
	case finite:
	default:
		return conversionError("DECIMAL", strconv.Itoa(int(kind)), ReasonNotANumber, "the form must be 0, 1 or 2")
	}
	for len(coefficient) > 0 && coefficient[0] == 0 {
		coefficient = coefficient[1:]
	}
	v := Decimal{exp: exponent, neg: negative}
	for i, b := range coefficient {
		if i == 16 {
			return decimalOverflow(hexValue(coefficient))
		}
		v.coef.hi = v.coef.hi<<8 | v.coef.lo>>56
		v.coef.lo = v.coef.lo<<8 | uint64(b)
	}
	if v.coef.cmp(pow10[maxCoefficientDigits]) >= 0 || exponent < -maxExponent || exponent > maxExponent {
		return decimalOverflow(hexValue(coefficient))
	}
	*d = v
	return nil
}

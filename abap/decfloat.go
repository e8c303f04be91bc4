package abap

import (
	"fmt"
	"math/bits"
	"strings"
)

// decFormat is a decimal interchange format of IEEE 754: the two kinds of DECFLOAT.
// A finite value is coefficient * 10^exponent with at most digits digits and an
// exponent from -bias to highest.
type decFormat struct {
	name          string
	digits        int
	bias, highest int
	limits        string // smallest and largest amount
}

var (
	decFloat16 = decFormat{"DECF16", 16, 398, 369, "1E-398 to 9.999999999999999E+384"}
	decFloat34 = decFormat{"DECF34", 34, 6176, 6111, "1E-6176 to 9.999999999999999999999999999999999E+6144"}
)

// Fields of the 64 bits that hold sign and exponent; the rest differs by format.
const (
	decNegative     = 1 << 63
	decCombination  = 58 // shift of the five combination bits
	decInfinity     = 0b11110
	decNaN          = 0b11111
	decExponent16   = 50 // shift and width of the exponent bits outside the combination
	decExponentLen  = 8
	decExponent34   = 46
	decExponentLenE = 12
)

// declets gives the three digits, 0 to 999, that ten bits stand for. All 1024 patterns
// have a meaning; 24 of them repeat that of others.
//
// Source: spec 20.6 [doc: IEEE 754-2008, densely packed decimal].
var declets = func() (t [1024]uint16) {
	for i := range t {
		t[i] = undense(uint16(i))
	}
	return t
}()

// decletOf is the inverse: of several patterns the lowest, which is the canonical one.
var decletOf = func() (t [1000]uint16) {
	for i := len(declets) - 1; i >= 0; i-- {
		t[declets[i]] = uint16(i)
	}
	return t
}()

// undense unpacks the bits p q r s t u v w x y. A digit above 7 has one bit of its own,
// a smaller one three; v, w, x, s and t say which digits are large.
func undense(b uint16) uint16 {
	pq, r := b>>8&3, b>>7&1
	st, u := b>>5&3, b>>4&1
	wx, y := b>>1&3, b&1
	small := func(two, one uint16) uint16 { return two<<1 | one }
	large := func(one uint16) uint16 { return 8 | one }
	of := func(a, b, c uint16) uint16 { return 100*a + 10*b + c }
	if b>>3&1 == 0 {
		return of(small(pq, r), small(st, u), small(wx, y))
	}
	switch wx {
	case 0:
		return of(small(pq, r), small(st, u), large(y))
	case 1:
		return of(small(pq, r), large(u), small(st, y))
	case 2:
		return of(large(r), small(st, u), small(pq, y))
	}
	switch st {
	case 0:
		return of(large(r), large(u), small(pq, y))
	case 1:
		return of(large(r), small(pq, u), large(y))
	case 2:
		return of(small(pq, r), large(u), large(y))
	}
	return of(large(r), large(u), large(y))
}

// DecodeDecFloat16 reads a DECFLOAT16 of its 64 bits, sign highest; on the wire they
// travel in the byte order of the peer's integers. Scale and sign are kept, of zero
// too: eight zero bytes are 0E-398.
//
// The infinities and NaN are read; ABAP variables cannot hold them. A NaN that signals
// or carries a payload, and an infinity with more bits than that, are an error: their
// bits would be lost. It does not allocate on success.
//
// Source: spec 20.6 [capture, nine values of kernel 793].
func DecodeDecFloat16(v uint64) (Decimal, error) {
	lead, high, ok := combination(v)
	if !ok {
		return decFloat16.special(v, v&(1<<decCombination-1) == 0, v)
	}
	return Decimal{
		coef: uint128{lo: lead*1e15 + fiveDeclets(v)},
		exp:  int32(high<<decExponentLen|v>>decExponent16&(1<<decExponentLen-1)) - int32(decFloat16.bias),
		neg:  v&decNegative != 0,
	}, nil
}

// DecodeDecFloat34 reads a DECFLOAT34 of its 128 bits, sign highest in hi. It is
// otherwise as [DecodeDecFloat16]; sixteen zero bytes are 0E-6176.
func DecodeDecFloat34(hi, lo uint64) (Decimal, error) {
	lead, high, ok := combination(hi)
	if !ok {
		return decFloat34.special(hi, hi&(1<<decCombination-1)|lo == 0, hi, lo)
	}
	const k = 1023
	low := (uint64(declets[lo>>50&k])*1000+uint64(declets[lo>>40&k]))*1000 + uint64(declets[lo>>30&k])
	low = ((low*1000+uint64(declets[lo>>20&k]))*1000+uint64(declets[lo>>10&k]))*1000 + uint64(declets[lo&k])
	// The fiftieth and all higher bits of the coefficient are five declets more.
	h, l := bits.Mul64(lead*1e15+fiveDeclets(hi<<4|lo>>60), 1e18)
	l, carry := bits.Add64(l, low, 0)
	return Decimal{
		coef: uint128{h + carry, l},
		exp:  int32(high<<decExponentLenE|hi>>decExponent34&(1<<decExponentLenE-1)) - int32(decFloat34.bias),
		neg:  hi&decNegative != 0,
	}, nil
}

// combination splits the five bits behind the sign: the leading digit of the
// coefficient and the two highest bits of the exponent; false for infinities and NaN.
func combination(v uint64) (lead, high uint64, ok bool) {
	g := v >> decCombination & 31
	if g>>3 == 3 {
		return 8 | g&1, g >> 1 & 3, g < decInfinity
	}
	return g & 7, g >> 3, true
}

// fiveDeclets gives the fifteen digits in the lowest fifty bits.
func fiveDeclets(v uint64) uint64 {
	const k = 1023
	n := (uint64(declets[v>>40&k])*1000+uint64(declets[v>>30&k]))*1000 + uint64(declets[v>>20&k])
	return (n*1000+uint64(declets[v>>10&k]))*1000 + uint64(declets[v&k])
}

// special reads infinities and NaN; clean says that all other bits are zero.
func (f *decFormat) special(v uint64, clean bool, words ...uint64) (Decimal, error) {
	nan := v>>decCombination&31 == decNaN
	switch {
	case clean && nan:
		return NaN(), nil // its sign has no meaning
	case clean:
		return Infinity(v&decNegative != 0), nil
	}
	var value strings.Builder
	value.WriteString("0x")
	for _, w := range words {
		fmt.Fprintf(&value, "%016x", w)
	}
	what := "an infinity with other bits than its own"
	if nan {
		what = "a NaN that signals or has a payload"
	}
	return Decimal{}, conversionError(f.name, value.String(), ReasonNotRepresentable,
		"reserved encoding: "+what+"; is the field uninitialised?")
}

// EncodeDecFloat16 gives the bits of d as DECFLOAT16, each group of three digits in its
// canonical form. The scale is kept: 1.2300 stays 1.2300. Only where it does not fit is
// it changed, and never the value: trailing zeros are dropped when there are more than
// 16 digits or the exponent is below -398, and appended when it is above 369.
//
// Values with more digits, values outside the range, and infinities and NaN are an
// error; see [SpecialDecFloat16] for the latter. It does not allocate on success.
//
// Source: spec 20.6 [capture].
func EncodeDecFloat16(d Decimal) (uint64, error) {
	c, e, err := decFloat16.fit(d)
	if err != nil {
		return 0, err
	}
	v := decHead(d.neg, c.lo/1e15, uint64(e)>>decExponentLen)
	return v | uint64(e)&(1<<decExponentLen-1)<<decExponent16 | dense15(c.lo%1e15), nil
}

// EncodeDecFloat34 gives the bits of d as DECFLOAT34, sign highest in hi. It is
// otherwise as [EncodeDecFloat16], with 34 digits and exponents from -6176 to 6111.
func EncodeDecFloat34(d Decimal) (hi, lo uint64, err error) {
	c, e, err := decFloat34.fit(d)
	if err != nil {
		return 0, 0, err
	}
	q, low := uint128{}, c.lo
	if c.hi != 0 || low >= 1e18 {
		q, low = c.divmod64(1e18)
	}
	upper := dense15(q.lo % 1e15)
	lo = upper<<60 | uint64(decletOf[low/1e15])<<50 | dense15(low%1e15)
	hi = decHead(d.neg, q.lo/1e15, uint64(e)>>decExponentLenE)
	return hi | uint64(e)&(1<<decExponentLenE-1)<<decExponent34 | upper>>4, lo, nil
}

// decHead gives sign and combination.
func decHead(neg bool, lead, high uint64) uint64 {
	g := high<<3 | lead
	if lead > 7 {
		g = 0b11000 | high<<1 | lead&1
	}
	if neg {
		g |= 32
	}
	return g << decCombination
}

// dense15 packs fifteen digits into fifty bits.
func dense15(v uint64) uint64 {
	if v < 1000 {
		return uint64(decletOf[v])
	}
	high, low := v/1_000_000, v%1_000_000
	b := uint64(decletOf[low/1000])<<10 | uint64(decletOf[low%1000])
	mid := high % 1_000_000
	b |= uint64(decletOf[mid/1000])<<30 | uint64(decletOf[mid%1000])<<20
	return b | uint64(decletOf[high/1_000_000])<<40
}

// fit gives coefficient and biased exponent of d within the format.
func (f *decFormat) fit(d Decimal) (c uint128, biased int, err error) {
	if d.form != finite {
		return c, 0, conversionError(f.name, d.String(), ReasonNotRepresentable, "not representable in ABAP: a finite number is required")
	}
	c, biased = d.coef, int(d.exp)+f.bias
	if c.isZero() {
		return c, min(max(biased, 0), f.highest+f.bias), nil
	}
	n := c.numDigits()
	if drop := max(n-f.digits, -biased); drop > 0 {
		rest := 0
		if c, rest = c.divPow10(drop); rest != 0 {
			return c, 0, f.lost(d)
		}
		n, biased = n-drop, biased+drop
	}
	if pad := biased - f.highest - f.bias; pad > 0 {
		if n+pad > f.digits {
			return c, 0, f.outside(d)
		}
		c, _ = c.scaleUp(pad) // at most f.digits digits: it fits
		biased -= pad
	}
	return c, biased, nil
}

// lost explains why digits of d would have to be dropped.
func (f *decFormat) lost(d Decimal) error {
	n := d.coef.numDigits()
	for c := d.coef; ; n-- {
		q, rest := c.divPow10(1)
		if rest != 0 {
			break
		}
		c = q
	}
	if n <= f.digits {
		return f.outside(d)
	}
	return conversionError(f.name, d.Scientific(), ReasonTooManyDecimals,
		fmt.Sprintf("has %d significant digits, at most %d are kept; round it first if that is meant", n, f.digits))
}

func (f *decFormat) outside(d Decimal) error {
	return conversionError(f.name, d.Scientific(), ReasonOverflow,
		fmt.Sprintf("outside %s range: amounts from %s, and zero", f.name, f.limits))
}

// SpecialDecFloat16 gives the bits of an infinity or NaN, which [EncodeDecFloat16]
// refuses because ABAP variables cannot hold them; false for finite numbers.
//
// Source: spec 20.6 [doc: IEEE 754-2008].
func SpecialDecFloat16(d Decimal) (v uint64, ok bool) {
	switch {
	case d.form == notANumber:
		return decNaN << decCombination, true
	case d.form == infinite && d.neg:
		return decNegative | decInfinity<<decCombination, true
	case d.form == infinite:
		return decInfinity << decCombination, true
	}
	return 0, false
}

// SpecialDecFloat34 is [SpecialDecFloat16] for DECFLOAT34.
func SpecialDecFloat34(d Decimal) (hi, lo uint64, ok bool) {
	hi, ok = SpecialDecFloat16(d)
	return hi, 0, ok
}

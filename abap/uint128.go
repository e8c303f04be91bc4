package abap

import "math/bits"

// uint128 is an unsigned integer of 128 bits.
type uint128 struct{ hi, lo uint64 }

// pow10 holds 10^0 to 10^38.
var pow10 = func() (t [maxCoefficientDigits + 1]uint128) {
	t[0].lo = 1
	for i := 1; i < len(t); i++ {
		hi, lo := bits.Mul64(t[i-1].lo, 10)
		t[i] = uint128{t[i-1].hi*10 + hi, lo}
	}
	return t
}()

func (a uint128) isZero() bool { return a.hi|a.lo == 0 }

func (a uint128) cmp(b uint128) int {
	switch {
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// mulAdd gives a*m+c; ok is false when that is 10^38 or more.
func (a uint128) mulAdd(m, c uint64) (uint128, bool) {
	h1, lo := bits.Mul64(a.lo, m)
	h2, mid := bits.Mul64(a.hi, m)
	hi, carry := bits.Add64(h1, mid, 0)
	lo, c1 := bits.Add64(lo, c, 0)
	hi, c2 := bits.Add64(hi, 0, c1)
	r := uint128{hi, lo}
	return r, h2+carry+c2 == 0 && r.cmp(pow10[maxCoefficientDigits]) < 0
}

// scaleUp gives a*10^k; ok is false when that is 10^38 or more.
func (a uint128) scaleUp(k int) (r uint128, ok bool) {
	if a.isZero() {
		return a, true
	}
	if k > maxCoefficientDigits {
		return a, false
	}
	for ok = true; ok && k > 0; k -= min(k, 19) {
		a, ok = a.mulAdd(pow10[min(k, 19)].lo, 0)
	}
	return a, ok
}

// divmod64 divides by d, which must not be zero.
func (a uint128) divmod64(d uint64) (q uint128, r uint64) {
	q.hi = a.hi / d
	q.lo, r = bits.Div64(a.hi%d, a.lo, d)
	return q, r
}

// divPow10 divides by 10^k and reports how the remainder compares with the half:
// 0 it is zero, 1 below the half, 2 the half, 3 above.
func (a uint128) divPow10(k int) (q uint128, rest int) {
	if a.isZero() || k <= 0 {
		return a, 0
	}
	if k > maxCoefficientDigits+1 {
		return uint128{}, 1
	}
	sticky := false
	for k > 1 {
		step := min(k-1, 19)
		var r uint64
		a, r = a.divmod64(pow10[step].lo)
		sticky = sticky || r != 0
		k -= step
	}
	q, r := a.divmod64(10)
	switch {
	case r == 0 && !sticky:
		return q, 0
	case r < 5:
		return q, 1
	case r == 5 && !sticky:
		return q, 2
	}
	return q, 3
}

// numDigits counts the decimal digits; zero has none.
func (a uint128) numDigits() int {
	if a.hi == 0 {
		return digits10(a.lo)
	}
	n := 20
	for n < maxCoefficientDigits && a.cmp(pow10[n]) >= 0 {
		n++
	}
	return n
}

// appendDigits appends the decimal digits; zero gives "0".
func (a uint128) appendDigits(dst []byte) []byte {
	var buf [maxCoefficientDigits + 1]byte
	i := len(buf)
	for a.hi != 0 {
		var r uint64
		a, r = a.divmod64(pow10[19].lo)
		for range 19 {
			i--
			buf[i] = '0' + byte(r%10)
			r /= 10
		}
	}
	for v := a.lo; v != 0 || i == len(buf); v /= 10 {
		i--
		buf[i] = '0' + byte(v%10)
	}
	return append(dst, buf[i:]...)
}

package abap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// PackedCapacity gives the digits that a packed number of nbyte bytes holds.
func PackedCapacity(nbyte int) int { return 2*nbyte - 1 }

func packedType(nbyte, decimals int) string { return fmt.Sprintf("P(%d,%d)", nbyte, decimals) }

// checkPacked refuses lengths that the type does not have.
func checkPacked(nbyte, decimals int) error {
	if uint(nbyte-1) < maxPackedLen && uint(decimals) <= maxPackedDecimals && decimals <= 2*nbyte-1 {
		return nil
	}
	return conversionError("P", packedType(nbyte, decimals), ReasonBadLength,
		fmt.Sprintf("a packed number has 1 to %d bytes and at most %d decimals, not more than its digits", maxPackedLen, maxPackedDecimals))
}

// AppendPacked appends d as packed number of nbyte bytes (1 to 16) with decimals
// fraction digits (0 to 14): two digits per byte, most significant first, the sign in
// the last nibble, C for zero and positive and D for negative values.
//
// More fraction digits are an error (see [Decimal.Round]), and so are more integer
// digits than fit, infinities and NaN.
//
// Source: spec 20.5 [capture].
func AppendPacked(dst []byte, d Decimal, nbyte, decimals int) ([]byte, error) {
	if err := checkPacked(nbyte, decimals); err != nil {
		return dst, err
	}
	var cell [maxPackedLen]byte
	if err := PutPacked(cell[:nbyte], d, decimals); err != nil {
		return dst, err
	}
	return append(dst, cell[:nbyte]...), nil
}

// PutPacked is [AppendPacked] into the cell dst of 1 to 16 bytes. On an error dst is
// unchanged. It does not allocate on success.
func PutPacked(dst []byte, d Decimal, decimals int) error {
	if err := checkPacked(len(dst), decimals); err != nil {
		return err
	}
	if d.form != finite {
		return conversionError(packedType(len(dst), decimals), d.String(), ReasonNotRepresentable,
			"not representable: a finite number is required")
	}
	c := d.coef
	if shift := decimals + int(d.exp); shift > 0 {
		var ok bool
		if c, ok = c.scaleUp(shift); !ok {
			return packedOverflow(d, len(dst), decimals)
		}
	} else if shift < 0 {
		var rest int
		if c, rest = c.divPow10(-shift); rest != 0 {
			return tooManyDecimals(packedType(len(dst), decimals), d, decimals)
		}
	}
	if c.cmp(pow10[2*len(dst)-1]) >= 0 {
		return packedOverflow(d, len(dst), decimals)
	}
	sign := byte(0x0c)
	if d.neg && !c.isZero() {
		sign = 0x0d
	}
	// Nineteen digits at a time: one beside the sign, then nine bytes.
	q, v := uint128{}, c.lo
	if c.hi != 0 || v >= pow10[19].lo {
		q, v = c.divmod64(pow10[19].lo)
	}
	last := len(dst) - 1
	dst[last] = byte(v%10)<<4 | sign
	v /= 10
	i := last - 1
	for ; i >= 0 && i >= last-9; i-- {
		dst[i] = bcd(v % 100)
		v /= 100
	}
	for v = q.lo; i >= 0; i-- {
		dst[i] = bcd(v % 100)
		v /= 100
	}
	return nil
}

// bcd packs a number below 100 into two nibbles.
func bcd(v uint64) byte { return byte(v + v/10*6) }

func packedOverflow(d Decimal, nbyte, decimals int) error {
	return conversionError(packedType(nbyte, decimals), d.String(), ReasonOverflow,
		fmt.Sprintf("exceeds its %d-digit packed capacity, %d of them fractional", PackedCapacity(nbyte), decimals))
}

// ParsePacked reads a decimal text for a packed field of nbyte bytes and checks that
// it fits exactly; the result has decimals fraction digits. The empty text is 0.
func ParsePacked(s string, nbyte, decimals int) (Decimal, error) {
	if err := checkPacked(nbyte, decimals); err != nil {
		return Decimal{}, err
	}
	if s == "" {
		return Decimal{exp: int32(-decimals)}, nil
	}
	d, err := ParseDecimal(s)
	if err == nil {
		var cell [maxPackedLen]byte
		err = PutPacked(cell[:nbyte], d, decimals)
	}
	if err != nil {
		if e, ok := errors.AsType[*ConversionError](err); ok {
			e.Type = packedType(nbyte, decimals)
		}
		return Decimal{}, err
	}
	return d.Rescale(decimals)
}

// DecodePacked reads a packed number of len(b) bytes (1 to 16) with decimals fraction
// digits. Sign nibbles A, C, E and F are positive, B and D negative; zero is never
// negative. Any other sign nibble and digit nibbles above 9 are errors: a field full
// of blanks is not a number. It does not allocate on success.
//
// Source: spec 20.5 [capture, impl]; sign B has not been seen on the wire.
func DecodePacked(b []byte, decimals int) (Decimal, error) {
	n := len(b)
	if uint(n-1) >= maxPackedLen || uint(decimals) > maxPackedDecimals || decimals > 2*n-1 {
		return Decimal{}, checkPacked(n, decimals)
	}
	// Right-align up to eight bytes in lo, the bytes in front of them in hi.
	var hi, lo uint64
	if n >= 8 {
		lo = binary.BigEndian.Uint64(b[n-8:])
		hi = loadShort(b[:n-8])
	} else {
		lo = loadShort(b)
	}
	sign := byte(lo) & 0x0f
	lo >>= 4
	if sign < 0x0a || badNibbles(hi)|badNibbles(lo) != 0 {
		return Decimal{}, packedError(b, decimals)
	}
	c := uint128{lo: unpack(lo)}
	if hi != 0 {
		h, l := bits.Mul64(unpack(hi), 1e15)
		var carry uint64
		c.lo, carry = bits.Add64(l, c.lo, 0)
		c.hi = h + carry
	}
	return Decimal{
		coef: c,
		exp:  int32(-decimals),
		neg:  (sign == 0x0d || sign == 0x0b) && c.hi|c.lo != 0,
	}, nil
}

// loadShort reads 0 to 8 bytes, big-endian and right-aligned.
func loadShort(b []byte) uint64 {
	n := len(b)
	switch {
	case n == 8:
		return binary.BigEndian.Uint64(b)
	case n >= 4:
		// The two loads overlap; common bytes are the same.
		return uint64(binary.BigEndian.Uint32(b))<<(8*(n-4)&63) | uint64(binary.BigEndian.Uint32(b[n-4:]))
	case n > 0:
		return uint64(b[0])<<(8*(n-1)&63) | uint64(b[n/2])<<(8*(n-1-n/2)&63) | uint64(b[n-1])
	}
	return 0
}

// badNibbles is not zero if a nibble of x is above 9.
func badNibbles(x uint64) uint64 {
	return x & (x<<1 | x<<2) & 0x8888_8888_8888_8888
}

// unpack gives the number of sixteen digits in nibbles.
func unpack(x uint64) uint64 {
	x -= x >> 4 & 0x0f0f_0f0f_0f0f_0f0f * 6
	x = x>>8&0x00ff_00ff_00ff_00ff*100 + x&0x00ff_00ff_00ff_00ff
	x = x>>16&0x0000_ffff_0000_ffff*10000 + x&0x0000_ffff_0000_ffff
	return x>>32*1_0000_0000 + x&0xffff_ffff
}

// packedError explains why b is not a packed number.
func packedError(b []byte, decimals int) error {
	typ := packedType(len(b), decimals)
	sign := b[len(b)-1] & 0x0f
	for i := range 2*len(b) - 1 {
		nibble := b[i/2] >> (4 * uint(1-i&1)) & 0x0f
		if nibble > 9 {
			return &ConversionError{
				typ, hexValue(b), ReasonBadDigit,
				fmt.Sprintf("digit %d of %d is nibble %X, want 0 to 9", i+1, 2*len(b)-1, nibble),
			}
		}
	}
	return &ConversionError{
		typ, hexValue(b), ReasonBadSign,
		fmt.Sprintf("the sign nibble at byte %d is %X, want A to F; is the field uninitialised?", len(b)-1, sign),
	}
}

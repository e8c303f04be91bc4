package serialization

import (
	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// digitsOf is the precision of DECF16 or DECF34; the most fraction digits stand behind it.
func digitsOf(k metadata.Kind) (digits, decimals int) {
	if k == metadata.DecFloat16 {
		return 16, 398
	}
	return 34, 6176
}

// initialDecFloat are the upper 64 bits of zero with exponent 0, the initial value; all
// lower ones are zero. Source: spec 20.6 [capture for DECF16, impl for DECF34].
func initialDecFloat(k metadata.Kind) uint64 {
	if k == metadata.DecFloat16 {
		return 0x2238 << 48
	}
	return 0x2208 << 48
}

// putDecFloat writes the bits of a DECF16, which are those of hi, or of a DECF34, as one
// number in the byte order of the party's integers.
//
// Source: spec 20.6 [capture, little-endian]; big-endian parties [inferred], a capture of
// one would confirm it.
func (r Representation) putDecFloat(dst []byte, hi, lo uint64) {
	o := r.order()
	if len(dst) == 16 {
		if r.BigEndian {
			o.PutUint64(dst[8:], lo)
		} else {
			o.PutUint64(dst, lo)
			dst = dst[8:]
		}
	}
	o.PutUint64(dst, hi)
}

// decFloatBits is the inverse of putDecFloat.
func (r Representation) decFloatBits(b []byte) (hi, lo uint64) {
	o := r.order()
	if len(b) == 8 {
		return o.Uint64(b), 0
	}
	hi, lo = o.Uint64(b), o.Uint64(b[8:])
	if !r.BigEndian {
		hi, lo = lo, hi
	}
	return hi, lo
}

func (r Representation) decodeDecFloat(b []byte, f *metadata.Field) (abap.Decimal, error) {
	var d abap.Decimal
	var err error
	if hi, lo := r.decFloatBits(b); f.Kind == metadata.DecFloat16 {
		d, err = abap.DecodeDecFloat16(hi)
	} else {
		d, err = abap.DecodeDecFloat34(hi, lo)
	}
	if err != nil {
		return abap.Decimal{}, abapError(f, err)
	}
	return d, nil
}

// encodeDecFloat writes a decimal, and an infinity or NaN if the options allow it.
func (c *coder) encodeDecFloat(dst []byte, f *metadata.Field, d abap.Decimal) error {
	if !d.IsFinite() && c.DecimalSpecials {
		return c.received(dst, f, d)
	}
	if c.RoundDecimals {
		digits, decimals := digitsOf(f.Kind)
		d = d.Round(min(d.Scale()-max(d.Digits()-digits, 0), decimals), abap.RoundHalfUp)
	}
	var hi, lo uint64
	var err error
	if f.Kind == metadata.DecFloat16 {
		hi, err = abap.EncodeDecFloat16(d)
	} else {
		hi, lo, err = abap.EncodeDecFloat34(d)
	}
	if err != nil {
		return abapError(f, err)
	}
	c.putDecFloat(dst, hi, lo)
	return nil
}

// received writes a decimal that came in another form, infinities and NaN included.
func (c *coder) received(dst []byte, f *metadata.Field, d abap.Decimal) error {
	if hi, lo, special := abap.SpecialDecFloat34(d); special {
		c.putDecFloat(dst, hi, lo) // the upper bits are those of DECF16
		return nil
	}
	return c.encodeDecFloat(dst, f, d)
}

// decimalString is the text of a decimal in JSON and in Go strings: packed numbers in plain
// notation, decimal floating point as its own text, which keeps the scale.
func decimalString(f *metadata.Field, d abap.Decimal) string {
	if f.Kind.DecFloat() {
		return d.Scientific()
	}
	return d.Plain()
}

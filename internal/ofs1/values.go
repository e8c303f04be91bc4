package ofs1

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// values appends n values to the vector of a column.
func (d *Decoder) values(c *columns.Column, store columns.Storage, n int) (err error) {
	if n > len(d.b)-d.p {
		return fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d values", n), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	switch store {
	case columns.Uint8s:
		if n > 0 {
			c.Uint8s = append(c.Uint8s, d.b[d.p:d.p+n]...)
			d.p += n
		}
	case columns.Int16s:
		c.Int16s, err = integers(d, c.Int16s, n, math.MinInt16, math.MaxInt16)
	case columns.Int32s:
		c.Int32s, err = integers(d, c.Int32s, n, math.MinInt32, math.MaxInt32)
	case columns.Int64s:
		c.Int64s, err = integers(d, c.Int64s, n, math.MinInt64, math.MaxInt64)
	case columns.Float64s:
		err = d.floats(c, n)
	case columns.Fixed:
		err = d.fixed(c, n)
	default:
		err = d.texts(c, n)
	}
	return err
}

func integers[T integer](d *Decoder, vec []T, n int, lo, hi int64) ([]T, error) {
	vec = slices.Grow(vec, n)
	b, p := d.b, d.p
	for i := range n {
		u, next := uvarint(b, p)
		if next < 0 {
			return vec, at(i, n, badNumber(p, next))
		}
		v := unzigzag(u)
		if v < lo || v > hi {
			return vec, at(i, n, outside(p, lo, hi, v))
		}
		p = next
		vec = append(vec, T(v))
	}
	d.p = p
	return vec, nil
}

// at names the place of a value among several.
func at(i, n int, err error) error {
	if n > 1 {
		return line(i, err)
	}
	return err
}

// take gives the next n values of a fixed width.
func (d *Decoder) take(n, width int) ([]byte, error) {
	size := uint64(n) * uint64(width)
	if size > uint64(len(d.b)-d.p) {
		return nil, fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d values of %d bytes", n, width), fmt.Sprintf("%d bytes", len(d.b)-d.p))
	}
	b := d.b[d.p : d.p+int(size)]
	d.p += int(size)
	return b, nil
}

func (d *Decoder) floats(c *columns.Column, n int) error {
	b, err := d.take(n, 8)
	if err != nil {
		return err
	}
	c.Float64s = slices.Grow(c.Float64s, n)
	for ; len(b) >= 8; b = b[8:] {
		c.Float64s = append(c.Float64s, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

func (d *Decoder) fixed(c *columns.Column, n int) error {
	start := d.p
	b, err := d.take(n, c.Width)
	if err != nil {
		return err
	}
	if k := c.Field.Kind; (k == metadata.Date || k == metadata.Time) && !ascii(b) {
		i := slices.IndexFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
		return at(i/c.Width, n, fail(start+i, wire.ErrMalformed, "ASCII characters", fmt.Sprintf("%#02x", b[i])))
	}
	c.Fixed = append(c.Fixed, b...)
	return nil
}

// ascii reports whether all bytes are below 0x80.
func ascii(b []byte) bool {
	for ; len(b) >= 32; b = b[32:] {
		x := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if x&0x8080_8080_8080_8080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// utf16Units counts the UTF-16 code units of UTF-8 text; unpaired surrogates in generalised
// UTF-8 count as one.
func utf16Units(b []byte) int {
	n := 0
	for _, c := range b {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// texts appends n values of kind C, N, g, X or y.
func (d *Decoder) texts(c *columns.Column, n int) error {
	k := c.Field.Kind
	isText := k != metadata.Raw && k != metadata.XString
	if isText && d.codepage == UTF16LE {
		return d.wideTexts(c, n)
	}
	// First the lengths, so that everything is checked before anything is reserved.
	start, count := d.p, len(c.Offsets)-1
	c.Offsets = slices.Grow(c.Offsets, n)[:count+1+n]
	offsets := c.Offsets[count+1 : count+1+n]
	b, p, total := d.b, d.p, c.Offsets[count]
	longest, shortest := 0, math.MaxInt
	for i := range offsets {
		if p >= len(b) {
			return at(i, n, badNumber(p, badTruncated))
		}
		size := int(b[p])
		next := p + 1
		if size >= 0x80 {
			var v uint64
			if v, next = uvarint(b, p); next < 0 {
				return at(i, n, badNumber(p, next))
			}
			size = int(min(v, math.MaxInt32))
		}
		if size > len(b)-next {
			return at(i, n, fail(p, wire.ErrTruncated, fmt.Sprintf("a text of %d bytes", size), fmt.Sprintf("%d", len(b)-next)))
		}
		p = next + size
		total += uint32(size)
		offsets[i] = total
		longest, shortest = max(longest, size), min(shortest, size)
	}
	d.p = p
	narrow := !isText || ascii(b[start:p])
	if err := checkTexts(c, b, start, offsets, narrow, longest, shortest); err != nil {
		return err
	}
	c.Bytes = copyTexts(c.Bytes, b[start:p], offsets)
	return checkEnds(c, count, n, start)
}

// checkTexts applies the rules of content and length. narrow says that each character is one
// byte.
func checkTexts(c *columns.Column, b []byte, p int, ends []uint32, narrow bool, longest, shortest int) error {
	k, length := c.Field.Kind, c.Field.Length
	switch {
	case !narrow:
	case len(ends) == 0, k == metadata.String, k == metadata.XString:
		return nil
	case longest <= length && (k != metadata.Numc || shortest == length):
		return nil
	}
	last := c.Offsets[len(c.Offsets)-len(ends)-1]
	for i, end := range ends {
		size := int(end - last)
		last = end
		p += uvarintLen(uint64(size))
		v := b[p : p+size]
		p += size
		units := size
		if !narrow {
			if !utf8.Valid(v) {
				return at(i, len(ends), fail(p-size, wire.ErrMalformed, "UTF-8", "other bytes"))
			}
			units = utf16Units(v)
		}
		if err := checkLength(c.Field, units, p-size); err != nil {
			return at(i, len(ends), err)
		}
	}
	return nil
}

// checkLength compares the characters or bytes of a value with its type.
func checkLength(f *metadata.Field, units, off int) error {
	switch f.Kind {
	case metadata.Numc:
		if units != f.Length {
			return fail(off, wire.ErrMalformed, fmt.Sprintf("%d characters", f.Length), fmt.Sprint(units))
		}
	case metadata.Char:
		if units > f.Length {
			return fail(off, wire.ErrMalformed, fmt.Sprintf("at most %d characters", f.Length), fmt.Sprint(units))
		}
	case metadata.Raw:
		if units > f.Length {
			return fail(off, wire.ErrMalformed, fmt.Sprintf("at most %d bytes", f.Length), fmt.Sprint(units))
		}
	default:
	}
	return nil
}

// copyTexts appends the texts of src, which stand behind their lengths, to dst. ends are
// where they end in dst.
func copyTexts(dst, src []byte, ends []uint32) []byte {
	if len(ends) == 0 {
		return dst
	}
	begin := len(dst)
	total := int(ends[len(ends)-1])
	dst = slices.Grow(dst, total-begin+32)[:total]
	wide := dst[:cap(dst)]
	o, p := begin, 0
	for _, end := range ends {
		n := int(end) - o
		p++
		for size := n; size >= 0x80; size >>= 7 {
			p++
		}
		if n <= 32 && p+32 <= len(src) && o+32 <= len(wide) {
			// Always 32 bytes: what is too much is written over by the next text.
			*(*[32]byte)(wide[o:]) = [32]byte(src[p:])
		} else {
			copy(wide[o:o+n], src[p:])
		}
		p += n
		o += n
	}
	return dst
}

// checkEnds refuses what the format has cut off: trailing blanks of C, trailing zeros of X.
func checkEnds(c *columns.Column, first, n, off int) error {
	var pad byte
	switch c.Field.Kind {
	case metadata.Char:
		pad = ' '
	case metadata.Raw:
	default:
		return nil
	}
	last := c.Offsets[first]
	for i, end := range c.Offsets[first+1 : first+1+n] {
		if end > last && c.Bytes[end-1] == pad {
			return at(i, n, fail(off, wire.ErrMalformed, "a value without trailing padding", fmt.Sprintf("%#02x at its end", pad)))
		}
		last = end
	}
	return nil
}

// wideTexts appends n texts of code page 4103.
func (d *Decoder) wideTexts(c *columns.Column, n int) error {
	for i := range n {
		start := d.p
		size, err := d.count("bytes of a text", len(d.b))
		if err != nil {
			return at(i, n, err)
		}
		if size > len(d.b)-d.p {
			return at(i, n, fail(start, wire.ErrTruncated, fmt.Sprintf("a text of %d bytes", size), fmt.Sprint(len(d.b)-d.p)))
		}
		v := d.b[d.p : d.p+size]
		d.p += size
		if size%2 != 0 {
			return at(i, n, fail(start, wire.ErrMalformed, "two bytes for each character", fmt.Sprintf("%d bytes", size)))
		}
		if err := checkLength(c.Field, size/2, start); err != nil {
			return at(i, n, err)
		}
		if c.Field.Kind == metadata.Char && size > 0 && v[size-2] == ' ' && v[size-1] == 0 {
			return at(i, n, fail(start, wire.ErrMalformed, "a value without trailing padding", "a blank at its end"))
		}
		if c.Bytes, err = codepage.UTF16LE.Decode(c.Bytes, v, d.Surrogates); err != nil {
			return at(i, n, fail(start, fmt.Errorf("%w text: %w", wire.ErrMalformed, err), "", ""))
		}
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	return nil
}

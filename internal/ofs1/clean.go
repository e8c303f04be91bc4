package ofs1

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// clean makes sure that the values of a column obey its type and the code page: padding is
// cut off, texts are converted, what does not fit is an error. Values that need nothing of
// this stay where they are.
func (e *Encoder) clean(s *source, from int) error {
	v := &s.values
	if v.width > 0 {
		if k := s.field.Kind; (k == metadata.Date || k == metadata.Time) && !ascii(v.data) {
			i := slices.IndexFunc(v.data, func(c byte) bool { return c >= utf8.RuneSelf })
			return s.lineOf(i/v.width, from, invalid("%s with a character that is not ASCII", s.field.Kind))
		}
		return nil
	}
	k := s.field.Kind
	isText := k != metadata.Raw && k != metadata.XString
	longest, shortest, padded, ok := v.shape(padOf(k))
	if !ok {
		return line(from+disorder(v.ends, len(v.data)), invalid("offsets out of order"))
	}
	s.longest = longest
	narrow := !isText || ascii(v.data[v.ends[0]:v.ends[len(v.ends)-1]])
	fits := k == metadata.String || k == metadata.XString || longest <= s.field.Length && (k != metadata.Numc || shortest == s.field.Length)
	if narrow && fits && !padded && (!isText || !e.wide) {
		return nil
	}
	return e.rebuild(s, from, isText)
}

// padOf is what a kind is filled up with at its end, or -1.
func padOf(k metadata.Kind) int {
	switch k {
	case metadata.Char:
		return ' '
	case metadata.Raw:
		return 0
	default:
		return -1
	}
}

// shape gives the longest and the shortest value in bytes, and whether one ends in pad. It is
// not ok if ends are not in order or reach beyond the data.
func (c *cells) shape(pad int) (longest, shortest int, padded, ok bool) {
	most, least := uint32(0), uint32(math.MaxUint32)
	data, last, ordered := c.data, c.ends[0], true
	for _, end := range c.ends[1:] {
		n := end - last
		most, least = max(most, n), min(least, n)
		ordered = ordered && end >= last
		if i := end - 1; n > 0 && uint64(i) < uint64(len(data)) && int(data[i]) == pad {
			padded = true
		}
		last = end
	}
	ok = ordered && uint64(last) <= uint64(len(data))
	return int(most), int(least), padded, ok
}

// rebuild copies the values of a column into memory of their own, as they are written.
func (e *Encoder) rebuild(s *source, from int, isText bool) error {
	data, ends := e.spareData[:0], append(e.spareEnds[:0], 0)
	pad := padOf(s.field.Kind)
	for i := range s.values.len() {
		v := s.values.at(i)
		for len(v) > 0 && int(v[len(v)-1]) == pad {
			v = v[:len(v)-1]
		}
		units := len(v)
		if isText {
			var err error
			if units, err = e.checkText(v); err != nil {
				return s.lineOf(i, from, err)
			}
		}
		if err := checkLength(s.field, units, 0); err != nil {
			w, _ := err.(*wire.Error) //nolint:errorlint // made by checkLength just now
			return s.lineOf(i, from, invalid("%s, want %s", unit(w.Got, s.field.Kind), w.Want))
		}
		if isText && e.wide {
			data = appendWide(data, v)
		} else {
			data = append(data, v...)
		}
		if uint64(len(data)) > maxLen {
			return invalid("texts of more than 4 GiB; cut the block after fewer rows")
		}
		ends = append(ends, uint32(len(data)))
	}
	// The memory of the column and the spare one change places.
	e.spareData, s.data = s.data, data
	e.spareEnds, s.ends = s.ends, ends
	s.values = cells{data: data, ends: ends}
	s.longest = s.values.longest()
	return nil
}

func unit(n string, k metadata.Kind) string {
	if k == metadata.Raw {
		return n + " bytes"
	}
	return n + " characters"
}

// checkText counts UTF-16 units.
func (e *Encoder) checkText(v []byte) (units int, err error) {
	for off := 0; off < len(v); {
		r, size := utf8.DecodeRune(v[off:])
		if r == utf8.RuneError && size == 1 {
			if size = surrogateSize(v[off:]); size == 0 {
				return 0, invalid("byte %#02x at %d is not UTF-8", v[off], off)
			}
			if !e.wide {
				return 0, invalid("unpaired surrogate at byte %d, which only blocks of code page 4103 can hold", off)
			}
		}
		units++
		if r > 0xffff {
			units++
		}
		off += size
	}
	return units, nil
}

// surrogateSize is 3 if v begins with a surrogate in generalised UTF-8, else 0.
func surrogateSize(v []byte) int {
	if len(v) >= 3 && v[0] == 0xed && v[1] >= 0xa0 && v[1] <= 0xbf && v[2]&0xc0 == 0x80 {
		return 3
	}
	return 0
}

// appendWide converts checked text to UTF-16LE.
func appendWide(dst, v []byte) []byte {
	for len(v) > 0 {
		r, size := utf8.DecodeRune(v)
		if r == utf8.RuneError && size == 1 {
			r, size = 0xd000|rune(v[1]&0x3f)<<6|rune(v[2]&0x3f), 3
		}
		if r > 0xffff {
			r -= 0x10000
			hi, lo := 0xd800+r>>10, 0xdc00+r&0x3ff
			dst = append(dst, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
		} else {
			dst = append(dst, byte(r), byte(r>>8))
		}
		v = v[size:]
	}
	return dst
}

// lineOf adds the first row that has value i.
func (s *source) lineOf(i, from int, err error) error {
	if len(s.codes) > 0 {
		i = slices.Index(s.codes, uint32(i))
	}
	return line(from+i, err)
}

// longest is the length of the longest value.
func (c *cells) longest() (n int) {
	for i := 1; i < len(c.ends); i++ {
		n = max(n, int(c.ends[i]-c.ends[i-1]))
	}
	return n
}

package codepage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// OnError selects what happens to a character or byte that has no counterpart. The
// values are those of the ON_CCE setting. Source: spec 26.3 [doc].
type OnError uint8

const (
	// Fail gives a *ConversionError. It is the default.
	Fail OnError = iota
	// Pass copies the bytes through as they are: decoding may then give strings that
	// are not valid UTF-8 (an unpaired surrogate becomes three bytes of generalised
	// UTF-8), and encoding such strings again gives the original bytes.
	Pass
	// Replace writes Policy.Replacement.
	Replace
)

// Policy says how conversion problems are treated. The zero value fails on each.
type Policy struct {
	OnError OnError
	// Replacement stands in for what cannot be converted when OnError is Replace;
	// zero means '#', the substitute customary at SAP.
	Replacement rune
}

func (p Policy) replacement() rune {
	if p.Replacement == 0 {
		return '#'
	}
	return p.Replacement
}

type kind uint8

const (
	kindUTF16LE kind = iota
	kindUTF16BE
	kindUTF8
	kindLatin1
	kindSingle
	kindMulti
)

// Codepage is one SAP code page. It is immutable and safe for concurrent use.
type Codepage struct {
	number, name string
	kind         kind
	width        int
	stateful     bool
	plain        bool // plain ASCII text stands for itself, whatever comes before and behind
	blank        []byte

	// open gives the encoding; it runs once, at the first conversion.
	open  func() encoding.Encoding
	table func() *singleTable
	// only, if not nil, tells which encoded characters may be written.
	only func(b []byte) bool

	once   sync.Once
	enc    encoding.Encoding
	single *singleTable
}

// singleTable is a code page of one byte per character.
type singleTable struct {
	decode [256]rune // -1: undefined
	encode map[rune]byte
	ascii  bool // bytes below 0x80 are ASCII
}

func newSingleTable(decode func(b byte) rune) *singleTable {
	t := &singleTable{encode: make(map[rune]byte, 256), ascii: true}
	for i := range 256 {
		r := decode(byte(i))
		if r == utf8.RuneError {
			r = -1
		}
		t.decode[i] = r
		if _, dup := t.encode[r]; r >= 0 && !dup {
			t.encode[r] = byte(i)
		}
		if i < 0x80 && r != rune(i) {
			t.ascii = false
		}
	}
	return t
}

// New describes a code page for [Register]. number has four decimal digits, name is
// free text for messages. Tables are built at the first conversion. A *charmap.Charmap
// is recognised and converted byte by byte; any other encoding is taken as a
// multi-byte one whose ASCII bytes are ASCII and whose blank is one or more bytes.
func New(number, name string, enc encoding.Encoding) (*Codepage, error) {
	if !validNumber(number) {
		return nil, fmt.Errorf("code page number %.32q is not four decimal digits", number)
	}
	if enc == nil {
		return nil, fmt.Errorf("code page %s: no encoding given", number)
	}
	blank, err := enc.NewEncoder().Bytes([]byte(" "))
	if err != nil || len(blank) == 0 || len(blank) > 4 {
		return nil, fmt.Errorf("code page %s: encoding has no usable blank", number)
	}
	c := lazy(number, name, kindMulti, func() encoding.Encoding { return enc })
	c.blank, c.width = blank, len(blank)
	c.plain = string(blank) == " "
	if m, ok := enc.(*charmap.Charmap); ok {
		c.kind = kindSingle
		c.table = func() *singleTable { return newSingleTable(m.DecodeByte) }
	}
	return c, nil
}

func validNumber(s string) bool {
	if len(s) != 4 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func lazy(number, name string, k kind, open func() encoding.Encoding) *Codepage {
	return &Codepage{number: number, name: name, kind: k, width: 1, blank: []byte{' '}, open: open}
}

func (c *Codepage) prepare() {
	c.once.Do(func() {
		if c.table != nil {
			c.single = c.table()
		}
		if c.open != nil {
			c.enc = c.open()
		}
	})
}

// Number gives the four digits, for example "4103".
func (c *Codepage) Number() string { return c.number }

// Name gives the usual name of the character set, for example "UTF-16LE".
func (c *Codepage) Name() string { return c.name }

// String gives number and name: "4103 (UTF-16LE)".
func (c *Codepage) String() string { return c.number + " (" + c.name + ")" }

// CharWidth gives the bytes of one cell character: 2 for UTF-16, 4 for UTF-32, else
// 1. In multi-byte code pages one letter may take several cell characters.
func (c *Codepage) CharWidth() int { return c.width }

// Stateful reports an encoding with shift states, which cannot fill fixed-width cells:
// [Codepage.Fill] refuses it.
func (c *Codepage) Stateful() bool { return c.stateful }

// Plain reports whether the bytes b are ASCII text that stands for itself in this code
// page, as most cells of most pages do: no conversion is needed then.
func (c *Codepage) Plain(b []byte) bool {
	switch c.kind {
	case kindLatin1, kindUTF8:
	case kindSingle:
		if c.prepare(); !c.single.ascii {
			return false
		}
	default:
		if !c.plain {
			return false
		}
	}
	return plainASCII(b)
}

// Append appends s in this code page. Problems are treated as p says; with Fail the
// error is a [*ConversionError] and dst is returned as it was.
func (c *Codepage) Append(dst []byte, s string, p Policy) ([]byte, error) {
	if c.plain && plainASCII(s) {
		return append(dst, s...), nil
	}
	base := len(dst)
	var e *encodeState
	if c.kind >= kindSingle {
		c.prepare()
		if c.kind == kindMulti {
			e = &encodeState{enc: c.enc.NewEncoder().Transformer}
		}
	}
	for off := 0; ; {
		var used int
		dst, used = c.encodeSome(dst, s[off:], e)
		off += used
		if off >= len(s) {
			return dst, nil
		}
		size := charLen(s[off:])
		switch p.OnError {
		case Pass:
			dst = c.pass(dst, s[off:off+size])
		case Replace:
			sub, used := c.encodeSome(dst, string(p.replacement()), e)
			if used == 0 {
				return dst[:base], encodeError(c.number, s, off)
			}
			dst = sub
		default:
			return dst[:base], encodeError(c.number, s, off)
		}
		off += size
	}
}

// charLen is the number of bytes of the first character of s: of an unpaired surrogate in
// generalised UTF-8 three, of any other invalid byte one.
func charLen(s string) int {
	if _, n := nextRune(s); n > 0 {
		return n
	}
	if surrogateAt(s) >= 0 {
		return 3
	}
	return 1
}

// plainASCII reports text of ASCII characters none of which switches to another character
// set in some encoding: SO, SI and ESC.
func plainASCII[T string | []byte](s T) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		// Eight bytes at a time: the high bits, and bytes below a blank, are looked at singly.
		if a, b := s[i]|s[i+1]|s[i+2]|s[i+3]|s[i+4]|s[i+5]|s[i+6]|s[i+7], min(s[i], s[i+1], s[i+2], s[i+3], s[i+4], s[i+5], s[i+6], s[i+7]); a >= 0x80 || b < ' ' {
			break
		}
	}
	for ; i < len(s); i++ {
		if ch := s[i]; ch >= 0x80 || ch == 0x0e || ch == 0x0f || ch == 0x1b {
			return false
		}
	}
	return true
}

// pass writes what cannot be encoded as it is.
func (c *Codepage) pass(dst []byte, bad string) []byte {
	var rot uint
	switch c.kind {
	case kindUTF16BE:
		rot = 8
	case kindUTF16LE:
	default:
		return append(dst, bad...)
	}
	if r := surrogateAt(bad); r >= 0 {
		return appendUnit(dst, uint16(r), rot)
	}
	for i := range len(bad) {
		dst = appendUnit(dst, uint16(bad[i]), rot)
	}
	return dst
}

// encodeState is the running encoder of a multi-byte code page.
type encodeState struct{ enc transform.Transformer }

// encodeSome appends the longest prefix of s that can be encoded.
func (c *Codepage) encodeSome(dst []byte, s string, e *encodeState) ([]byte, int) {
	base := len(dst)
	switch c.kind {
	case kindUTF16LE, kindUTF16BE:
		dst = slices.Grow(dst, 2*len(s))
		n, used := encodeUTF16(dst[base:base+2*len(s)], s, c.rot())
		return dst[:base+n], used
	case kindUTF8:
		n := validPrefix(s)
		return append(dst, s[:n]...), n
	case kindLatin1:
		dst = slices.Grow(dst, len(s))
		n, used := encodeLatin1(dst[base:base+len(s)], s)
		return dst[:base+n], used
	case kindSingle:
		return c.single.appendTo(dst, s)
	default:
		return c.encodeMulti(dst, s, e)
	}
}

func (c *Codepage) rot() uint {
	if c.kind == kindUTF16BE {
		return 8
	}
	return 0
}

// validPrefix gives the length of the longest valid UTF-8 prefix of s.
func validPrefix(s string) int {
	if utf8.ValidString(s) {
		return len(s)
	}
	off := 0
	for {
		_, size := nextRune(s[off:])
		if size == 0 {
			return off
		}
		off += size
	}
}

func (t *singleTable) appendTo(dst []byte, s string) ([]byte, int) {
	for off := 0; off < len(s); {
		if ch := s[off]; t.ascii && ch < 0x80 {
			dst = append(dst, ch)
			off++
			continue
		}
		r, size := nextRune(s[off:])
		b, ok := t.encode[r]
		if size == 0 || !ok {
			return dst, off
		}
		dst = append(dst, b)
		off += size
	}
	return dst, len(s)
}

func (c *Codepage) encodeMulti(dst []byte, s string, e *encodeState) ([]byte, int) {
	if c.only == nil {
		// In pieces, so that many characters that do not fit do not each cost a look at
		// all of the rest.
		for off := 0; off < len(s); {
			end := min(off+multiChunk, len(s))
			for end < len(s) && end > off+multiChunk-utf8.UTFMax && !utf8.RuneStart(s[end]) {
				end--
			}
			part := s[off:end]
			part = part[:validPrefix(part)]
			var used int
			dst, used = transformSome(dst, []byte(part), e.enc, true)
			off += used
			if off < end {
				return dst, off
			}
		}
		return dst, len(s)
	}
	for off := 0; off < len(s); {
		_, size := nextRune(s[off:])
		if size == 0 {
			return dst, off
		}
		if s[off] < 0x80 {
			dst = append(dst, s[off])
			off++
			continue
		}
		out, used := transformSome(dst, []byte(s[off:off+size]), e.enc, true)
		if used != size || !c.only(out[len(dst):]) {
			return dst, off
		}
		dst = out
		off += size
	}
	return dst, len(s)
}

// transformSome runs t over src until it ends or t refuses.
func transformSome(dst, src []byte, t transform.Transformer, atEOF bool) ([]byte, int) {
	used := 0
	for {
		dst = slices.Grow(dst, len(src)-used+maxEncodedRune)
		n, m, err := t.Transform(dst[len(dst):cap(dst)], src[used:], atEOF)
		dst = dst[:len(dst)+n]
		used += m
		if !errors.Is(err, transform.ErrShortDst) {
			return dst, used
		}
	}
}

// Decode appends the text of src, which is in this code page, to dst as UTF-8.
// Problems are treated as p says; with Fail the error is a [*ConversionError] with
// the byte offset in src, and dst is returned as it was. Nothing is trimmed.
func (c *Codepage) Decode(dst, src []byte, p Policy) ([]byte, error) {
	switch c.kind {
	case kindUTF16LE, kindUTF16BE:
		return appendDecoded(c.number, dst, src, c.fixer(p))
	case kindLatin1:
		return DecodeLatin1(dst, src), nil
	case kindUTF8:
		return c.decodeUTF8(dst, src, p)
	case kindSingle:
		c.prepare()
		return c.decodeSingle(dst, src, p)
	default:
		if c.plain && plainASCII(src) {
			return append(dst, src...), nil
		}
		c.prepare()
		return c.decodeMulti(dst, src, p)
	}
}

// fixer translates a policy for appendDecoded.
func (c *Codepage) fixer(p Policy) func(dst, bad []byte) []byte {
	switch p.OnError {
	case Pass:
		be := c.kind == kindUTF16BE
		return func(dst, bad []byte) []byte {
			if len(bad) < 2 {
				return append(dst, bad...)
			}
			hi, lo := bad[1], bad[0]
			if be {
				hi, lo = lo, hi
			}
			return appendSurrogate(dst, rune(hi)<<8|rune(lo))
		}
	case Replace:
		return func(dst, _ []byte) []byte { return utf8.AppendRune(dst, p.replacement()) }
	default:
		return nil
	}
}

// undefined treats the bytes src[off:off+size] as p says.
func (c *Codepage) undefined(dst, src []byte, off, size int, p Policy) ([]byte, error) {
	switch p.OnError {
	case Pass:
		return append(dst, src[off:off+size]...), nil
	case Replace:
		return utf8.AppendRune(dst, p.replacement()), nil
	default:
		reason := ReasonUndefined
		if c.kind == kindUTF8 {
			reason = ReasonInvalidUTF8
		}
		return dst, &ConversionError{Codepage: c.number, Offset: off, Rune: rune(src[off]), Reason: reason}
	}
}

func (c *Codepage) decodeUTF8(dst, src []byte, p Policy) ([]byte, error) {
	if utf8.Valid(src) {
		return append(dst, src...), nil
	}
	base := len(dst)
	for off := 0; off < len(src); {
		r, size := utf8.DecodeRune(src[off:])
		if r != utf8.RuneError || size > 1 {
			dst = append(dst, src[off:off+size]...)
			off += size
			continue
		}
		var err error
		if dst, err = c.undefined(dst, src, off, 1, p); err != nil {
			return dst[:base], err
		}
		off++
	}
	return dst, nil
}

func (c *Codepage) decodeSingle(dst, src []byte, p Policy) ([]byte, error) {
	base := len(dst)
	dst = slices.Grow(dst, len(src))
	for off, b := range src {
		r := c.single.decode[b]
		switch {
		case r < 0:
			var err error
			if dst, err = c.undefined(dst, src, off, 1, p); err != nil {
				return dst[:base], err
			}
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst, nil
}

func (c *Codepage) decodeMulti(dst, src []byte, p Policy) ([]byte, error) {
	base := len(dst)
	dec := c.enc.NewDecoder().Transformer
	dst, used := transformSome(dst, src, dec, true)
	if used == len(src) && !bytes.Contains(dst[base:], []byte("\uFFFD")) {
		return dst, nil
	}
	// The decoders write U+FFFD for what they do not know and do not say where: go
	// again in the smallest steps that the decoder accepts.
	dst = dst[:base]
	dec.Reset()
	var buf [maxEncodedRune]byte
	for off := 0; off < len(src); {
		n, step := nextStep(dec, &buf, src[off:])
		out := buf[:n]
		bad := step == 0
		if bad {
			step = 1
		} else if string(out) == "\uFFFD" {
			back, err := c.enc.NewEncoder().Bytes(out)
			bad = err != nil || !bytes.Equal(back, src[off:off+step])
		}
		if bad {
			var err error
			if dst, err = c.undefined(dst, src, off, step, p); err != nil {
				return dst[:base], err
			}
		} else {
			dst = append(dst, out...)
		}
		off += step
	}
	return dst, nil
}

// nextStep decodes the first character of src, of as few bytes as the decoder accepts: n
// bytes are written to buf, step bytes consumed. step is 0 if src ends inside a character.
func nextStep(dec transform.Transformer, buf *[maxEncodedRune]byte, src []byte) (n, step int) {
	for k := 1; step == 0 && k <= len(src) && k <= maxEncodedRune; k++ {
		n, step, _ = dec.Transform(buf[:], src[:k], k == len(src))
	}
	return n, step
}

// Prefix gives the longest prefix of s that takes at most nbyte bytes in this code page,
// for callers that asked for texts to be cut. It never splits a character and stops in
// front of one that p does not let pass. Encodings with shift states are not supported:
// their prefix is empty.
func (c *Codepage) Prefix(s string, nbyte int, p Policy) string {
	switch {
	case c.stateful:
		return ""
	case p.OnError == Fail && (c.kind == kindUTF16LE || c.kind == kindUTF16BE):
		return PrefixUTF16(s, nbyte/2)
	}
	var room [4 * utf8.UTFMax]byte
	off, free := 0, nbyte
	for off < len(s) {
		size := charLen(s[off:])
		b, err := c.Append(room[:0], s[off:off+size], p)
		if err != nil || len(b) > free {
			break
		}
		free -= len(b)
		off += size
	}
	return s[:off]
}

// CutCell gives the longest prefix of the encoded text b, at most nbyte bytes, that does
// not end inside a character. The result aliases b.
func (c *Codepage) CutCell(b []byte, nbyte int) []byte {
	if nbyte >= len(b) {
		return b
	}
	nbyte = max(0, nbyte)
	switch c.kind {
	case kindUTF16LE, kindUTF16BE:
		nbyte -= nbyte % 2
		if high := nbyte - 1 - int(c.rot()>>3); nbyte > 0 && b[high]&0xfc == 0xd8 {
			nbyte -= 2 // keep a surrogate pair together
		}
		return b[:nbyte]
	case kindUTF8:
		for nbyte > 0 && !utf8.RuneStart(b[nbyte]) {
			nbyte--
		}
		return b[:nbyte]
	case kindMulti:
	default:
		return b[:nbyte]
	}
	if c.plain && plainASCII(b[:nbyte]) {
		return b[:nbyte]
	}
	c.prepare()
	dec := c.enc.NewDecoder().Transformer
	var buf [maxEncodedRune]byte
	off := 0
	for off < nbyte {
		_, step := nextStep(dec, &buf, b[off:])
		step = max(1, step)
		if off+step > nbyte {
			break
		}
		off += step
	}
	return b[:off]
}

// Fill writes s into the fixed-width cell dst and pads it with the blanks of this
// code page. A text that is too long gives a [*LengthError]; a text is never cut.
// On an error dst is partly written. With UTF-16 and 1100 it does not allocate on
// success, else it may.
func (c *Codepage) Fill(dst []byte, s string, p Policy) error {
	if c.stateful {
		return &ConversionError{Codepage: c.number, Offset: 0, Rune: -1, Reason: ReasonStateful}
	}
	switch c.kind {
	case kindUTF16LE, kindUTF16BE, kindLatin1:
		err := c.fill(dst, s)
		if err == nil || p.OnError == Fail {
			return err
		}
		if _, long := errors.AsType[*LengthError](err); long {
			return err
		}
	default:
	}
	if len(dst)%c.width != 0 {
		return &ConversionError{Codepage: c.number, Offset: len(dst), Rune: -1, Reason: ReasonOddLength}
	}
	out, err := c.Append(dst[:0:len(dst)], s, p)
	if err != nil {
		return err
	}
	if len(out) > len(dst) {
		return &LengthError{Codepage: c.number, Need: len(out) / c.width, Max: len(dst) / c.width}
	}
	n := copy(dst, out)
	for n < len(dst) {
		n += copy(dst[n:], c.blank)
	}
	return nil
}

// fill is Fill of the hot code pages for texts that are in order.
func (c *Codepage) fill(dst []byte, s string) error {
	switch c.kind {
	case kindUTF16LE:
		return FillUTF16LE(dst, s)
	case kindUTF16BE:
		return FillUTF16BE(dst, s)
	default:
		return FillLatin1(dst, s)
	}
}

// TrimBlanks cuts the trailing blanks of this code page off the cell b. Only
// U+0020 is cut. The result aliases b.
func (c *Codepage) TrimBlanks(b []byte) []byte {
	switch {
	case c.kind == kindUTF16LE:
		return TrimBlanksUTF16LE(b)
	case c.kind == kindUTF16BE:
		return TrimBlanksUTF16BE(b)
	case len(c.blank) == 1 && c.blank[0] == ' ':
		return TrimBlanksLatin1(b)
	}
	if len(b)%len(c.blank) != 0 {
		return b
	}
	for bytes.HasSuffix(b, c.blank) {
		b = b[:len(b)-len(c.blank)]
	}
	return b
}

// DecodeCell appends the text of a fixed-width cell without its trailing blanks.
func (c *Codepage) DecodeCell(dst, src []byte, p Policy) ([]byte, error) {
	return c.Decode(dst, c.TrimBlanks(src), p)
}

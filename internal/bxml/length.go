package bxml

// A length is the number of bytes written as one code point in UTF-8. The counts 0xd800 to
// 0xdfff are no code points; they have the same three-byte pattern, so that neither
// direction can use the UTF-8 functions of a library (spec 43.3 [impl, no capture]).

// appendLength appends the length n, 0 to MaxLength.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 0x800:
		return append(dst, 0xc0|byte(n>>6), 0x80|byte(n)&0x3f)
	case n < 0x10000:
		return append(dst, 0xe0|byte(n>>12), 0x80|byte(n>>6)&0x3f, 0x80|byte(n)&0x3f)
	default:
		return append(dst, 0xf0|byte(n>>18), 0x80|byte(n>>12)&0x3f, 0x80|byte(n>>6)&0x3f, 0x80|byte(n)&0x3f)
	}
}

// lengthForms are the patterns: lead byte, bits of the lead byte, bytes that follow, and the
// least length that needs them.
var lengthForms = [...]struct {
	mask, lead byte
	more, min  int
}{
	{0x80, 0x00, 0, 0},
	{0xe0, 0xc0, 1, 0x80},
	{0xf0, 0xe0, 2, 0x800},
	{0xf8, 0xf0, 3, 0x10000},
}

// length reads a length. size is the number of bytes it took; 0 means that b is no length,
// and -1 that it ends too early.
func length(b []byte) (n, size int) {
	if len(b) == 0 {
		return 0, -1
	}
	for _, f := range &lengthForms {
		if b[0]&f.mask != f.lead {
			continue
		}
		n = int(b[0] &^ f.mask)
		for i := 1; i <= f.more; i++ {
			if i == len(b) {
				return 0, -1
			}
			if b[i]&0xc0 != 0x80 {
				return 0, 0
			}
			n = n<<6 | int(b[i]&0x3f)
		}
		if n < f.min || n > MaxLength {
			return 0, 0
		}
		return n, 1 + f.more
	}
	return 0, 0
}

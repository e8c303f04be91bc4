package dissect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/serialization"
)

// signature opens the data of a logon: "RFC000000000" in EBCDIC; the last digit announces
// a trace (spec 03 section 2 [capture]).
var signature = []byte{0xd9, 0xc6, 0xc3, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0}

func hasSignature(b []byte) bool {
	n := len(signature) - 1
	return len(b) > n && bytes.Equal(b[:n], signature[:n]) && b[n] >= 0xf0 && b[n] <= 0xf9
}

// isEBCDIC recognises the refusal text of kernel 793 in place of a chain: it begins with
// an upper-case letter in EBCDIC, which is no tag (spec 03 section 8 [capture-note]).
func isEBCDIC(b []byte) bool {
	return len(b) >= 4 && b[0] >= 0xc1 && b[0] <= 0xe9 && !hasSignature(b)
}

// ebcdicText decodes such a text; ASCII blanks fill the rest of it.
func ebcdicText(b []byte) string {
	if end := bytes.IndexAny(b, " \x00"); end >= 0 {
		b = b[:end]
	}
	cp, err := codepage.Lookup("0120")
	if err != nil {
		return hexText(b)
	}
	out, _ := cp.Decode(nil, b, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	return clean(string(out))
}

var (
	unicodeLE = serialization.Representation{Text: codepage.UTF16LE}
	latin     = serialization.Representation{Text: codepage.Latin1}
)

// decode decodes text and removes padding. A value that cannot be two bytes per character
// is read as single bytes: old kernels and one hand-made frame mix both.
func decode(b []byte, rep serialization.Representation) string {
	if rep.CharWidth() == 2 && chain.SingleByteText(b) {
		rep = latin
	}
	var out []byte
	if rep.Text == nil {
		out = codepage.DecodeUTF16LELenient(nil, b)
	} else {
		out, _ = rep.Text.Decode(nil, b, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	}
	return clean(strings.TrimRight(string(out), " \x00"))
}

// representationOf guesses how the names of a chain are written: they are ASCII, so the
// place of the NUL bytes tells.
func representationOf(name []byte) (serialization.Representation, bool) {
	if len(name) < 2 {
		return unicodeLE, false
	}
	even, odd := 0, 0
	for i, c := range name {
		switch {
		case c != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	half := len(name) / 2
	switch {
	case len(name)%2 == 0 && odd == half && even == 0:
		return unicodeLE, true
	case len(name)%2 == 0 && even == half && odd == 0:
		return serialization.Representation{BigEndian: true, Text: codepage.UTF16BE}, true
	case even+odd == 0:
		return latin, true
	}
	return unicodeLE, false
}

// clean makes foreign text fit for one line of a terminal and cuts it.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	n := 0
	for i := range s {
		if n == maxText {
			s = s[:i] + "…"
			break
		}
		n++
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\ufffd' {
			return r
		}
		return '·'
	}, s)
}

// hexText shows bytes, cut.
func hexText(b []byte) string {
	if len(b) > maxHex {
		return fmt.Sprintf("0x%s… (%d bytes)", hex.EncodeToString(b[:maxHex]), len(b))
	}
	if len(b) == 0 {
		return ""
	}
	return "0x" + hex.EncodeToString(b)
}

// guess shows a value whose type is unknown.
func guess(b []byte, rep serialization.Representation) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := plainText(b, rep); ok {
		return clean(strings.TrimRight(s, " "))
	}
	// A STRING is UTF-8 with a closing NUL (spec 20.7 [experiment]).
	if body, ok := bytes.CutSuffix(b, []byte{0}); ok && len(body) > 0 && printable(string(body)) {
		return clean(string(body))
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if rep.BigEndian {
		order = binary.BigEndian
	}
	switch len(b) {
	case 1:
		return strconv.Itoa(int(b[0]))
	case 2:
		return strconv.Itoa(int(int16(order.Uint16(b))))
	case 4:
		return strconv.Itoa(int(int32(order.Uint32(b))))
	case 8:
		u := order.Uint64(b)
		if i := int64(u); i > -1<<53 && i < 1<<53 {
			return strconv.FormatInt(i, 10)
		}
		if f := math.Float64frombits(u); math.Abs(f) > 1e-15 && math.Abs(f) < 1e18 {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return hexText(b)
}

// plainText decodes b if it reads as text. Values as long as a number must be Latin: two
// random bytes are a legal character more often than not.
func plainText(b []byte, rep serialization.Representation) (string, bool) {
	if rep.CharWidth() == 2 && len(b)%2 == 1 {
		return "", false
	}
	cp := rep.Text
	if cp == nil {
		cp = codepage.UTF16LE
	}
	out, err := cp.Decode(nil, b, codepage.Policy{})
	s := string(out)
	if err != nil || !printable(s) {
		return "", false
	}
	if len(b) <= 8 || rep.CharWidth() == 1 && len(b) <= 2 {
		for _, r := range s {
			if r >= 0x250 {
				return "", false
			}
		}
	}
	return s, true
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}

package rfc

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/serialization"
)

// SenderDescription is the value of item 0101: how a party writes numbers and text. The
// receiver makes it right: decode with the sender's description, encode with your own.
//
// Source: spec 03 section 3.1, values [capture], reading [inferred, high].
type SenderDescription [8]byte

// Kind is the sender: 1 ABAP kernel, 3 external C library, 4 JCo, 5 WebSocket client.
func (s SenderDescription) Kind() byte { return s[0] }

// BigEndian reports the byte order of integers and floats.
func (s SenderDescription) BigEndian() bool { return s[1] == 2 }

// Unicode reports two bytes per character.
func (s SenderDescription) Unicode() bool { return s[3] == 5 }

// Codepage is the code page as four digits; the wire has one digit per byte. A byte that is
// no digit is a question mark.
func (s SenderDescription) Codepage() string { return codepageDigits([4]byte(s[4:])) }

func codepageDigits(digits [4]byte) string {
	for i, d := range digits {
		if digits[i] = '0' + d; d > 9 {
			digits[i] = '?'
		}
	}
	return string(digits[:])
}

// Representation looks the code page up. An unknown one is an error that names it.
func (s SenderDescription) Representation() (serialization.Representation, error) {
	cp, err := lookUp(s.Codepage())
	if err != nil {
		return serialization.Representation{}, &wire.Error{
			Layer: "chain", Record: "0101", Err: fmt.Errorf("%w: %w", wire.ErrMalformed, err), Want: "a known code page", Got: s.Codepage(),
		}
	}
	return serialization.Representation{BigEndian: s.BigEndian(), Text: cp}, nil
}

// unicodeHeader is the value of item 0106: code page digits, conversion-error rule, system
// type, bytes per character, substitute character (spec 03 section 3.3 [capture]).
type unicodeHeader [11]byte

var (
	clientUnicodeHeader  = unicodeHeader{4, 1, 0, 3, 0, 0x0a, 2, 0, 0, 0, '#'} // [capture]
	serverUnicodeHeader  = unicodeHeader{4, 1, 0, 3, 1, 3, 2, 0, 0, 0, '#'}    // success [capture]
	serverRefusalUnicode = unicodeHeader{4, 1, 0, 3, 0, 3, 2, 0, 0, 0, '#'}    // refusal [capture]
)

// bytesPerChar is 1 or 2, or 0 for anything else.
func (h unicodeHeader) bytesPerChar() int {
	if h[6] == 1 || h[6] == 2 {
		return int(h[6])
	}
	return 0
}

// Protocol bits, the value of item 0103.
const (
	// protocolBits is what client libraries 754 and kernels 753 to 793 send [capture].
	protocolBits = 0x00000e0b
	// protocolBitsNoDelta lacks bit 02; ABAP systems then send neither table ids nor
	// deltas (spec 41.3 [experiment]).
	protocolBitsNoDelta = 0x00000e09
	// bitTableIDs says "I understand table ids and deltas" [inferred, high].
	bitTableIDs = 0x02
)

// Text of items. rep.Text nil means UTF-16LE, as in serialization.

func appendText(dst []byte, tag chain.Tag, s string, rep serialization.Representation) ([]byte, error) {
	dst, start := chain.Begin(dst, tag)
	var err error
	if rep.Text == nil {
		dst, err = codepage.AppendUTF16LE(dst, s)
	} else {
		dst, err = rep.Text.Append(dst, s, codepage.Policy{})
	}
	if err != nil {
		return nil, fmt.Errorf("item %04x (%s): %w", uint16(tag), tag, err)
	}
	return chain.Finish(dst, tag, start), nil
}

// appendPaddedText blank-pads s to n characters, in a non-Unicode conversation to n bytes,
// and cuts what is longer.
func appendPaddedText(dst []byte, tag chain.Tag, s string, n int, rep serialization.Representation) ([]byte, error) {
	if !rep.Unicode() {
		s = replaceUnmappable(s, rep)
	}
	n *= rep.CharWidth()
	dst = chain.AppendHeader(dst, tag, n)
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	cell, page := dst[start:], pageOf(rep)
	if page.Stateful() {
		// No cell can be cut or filled, but plain text is the same in all of them.
		page = codepage.ASCII
		s = replaceUnmappable(s, serialization.Representation{Text: page})
	}
	if err := page.Fill(cell, page.Prefix(s, n, codepage.Policy{}), codepage.Policy{}); err != nil {
		return nil, fmt.Errorf("item %04x (%s): %w", uint16(tag), tag, err)
	}
	return chain.AppendClose(dst, tag), nil
}

func pad(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		return string(r[:n])
	}
	for len(r) < n {
		r = append(r, ' ')
	}
	return string(r)
}

// text decodes the value of an item. Trailing blanks and NULs are padding. Undefined bytes
// become substitutes: item texts are for people, values have serialization.
func text(b []byte, rep serialization.Representation) string {
	// Nearly all texts are short and plain: these cost the string and nothing else.
	var short [128]byte
	switch {
	case codepage.MaxUTF8Len(len(b)) > len(short):
	case rep.Text == nil || rep.Text == codepage.UTF16LE:
		if n, err := codepage.DecodeUTF16LEInto(short[:], b); err == nil {
			return string(trimPadding(short[:n]))
		}
	case rep.Text == codepage.Latin1:
		if n, err := codepage.DecodeCellLatin1Into(short[:], b); err == nil {
			return string(trimPadding(short[:n]))
		}
	}
	if rep.Text == nil {
		return string(trimPadding(codepage.DecodeUTF16LELenient(nil, b)))
	}
	out, _ := rep.Text.Decode(nil, b, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	return string(trimPadding(out))
}

func trimPadding(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}

// errorText decodes an item of the 04xx range. Old kernels send single-byte texts in a
// Unicode session, so each value is looked at. Only these items may be guessed: names and
// values above U+00FF have no NULs either.
func errorText(b []byte, rep serialization.Representation) string {
	if rep.CharWidth() == 2 && chain.SingleByteText(b) {
		return text(b, serialization.Representation{Text: codepage.Latin1})
	}
	return text(b, rep)
}

func u32(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

package serialization

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/metadata"
)

// Params are the values of a call or structure by upper-case name.
type Params map[string]any

// Representation says how one party writes numbers and text: its item 0101. The zero value
// is the one of every captured peer, little-endian numbers and UTF-16LE text.
type Representation struct {
	// BigEndian numbers (I, s, 8, F). Source: spec 04 section 3 [inferred].
	BigEndian bool
	// Text is the code page of C, N, D, T and of parameter names; nil is 4103, UTF-16LE.
	Text *codepage.Codepage
}

// CharWidth is the number of bytes of a character cell: 2 for UTF-16, else 1.
func (r Representation) CharWidth() int {
	if r.Text == nil || r.Text.CharWidth() == 2 {
		return 2
	}
	return 1
}

// Options are choices about values. The zero value is the default of all of them.
type Options struct {
	// KeepBlanks leaves the trailing blanks of CHAR values in place on read. Default: cut.
	KeepBlanks bool
	// StrictText makes an unpaired surrogate or an undefined byte in received text a
	// ConversionError. Default: U+FFFD stands for it, or what the next two options say. Names
	// are always read and written strictly.
	StrictText bool
	// OnConversionError says what becomes of a character of CHAR or STRING that the code page
	// of the message lacks, or of what is no character at all. ON_CCE is its name elsewhere,
	// with these numbers (spec 26.3 [doc]):
	//
	//	0 codepage.Fail     a ConversionError, nothing is sent. Default.
	//	1 codepage.Pass     bytes are copied as they are, both ways: an unpaired surrogate is
	//	                    three bytes of generalised UTF-8 (WTF-8) in Go, and what was read
	//	                    like that is written again as it came. Documents and the blocks of
	//	                    fast formats cannot carry it: there it is Fail.
	//	2 codepage.Replace  one Replacement stands for each.
	//
	// Texts are too long or not as they are after that: replacements count.
	OnConversionError codepage.OnError
	// Replacement is CCE elsewhere. Zero means '#' in texts that are sent, and U+FFFD in
	// texts that are received.
	Replacement rune
	// UncheckedDates passes DATE and TIME texts on as they are, cut or padded with blanks
	// to the width of the field. Default: "" is initial, blanks are kept, everything else
	// has to be a date or time.
	UncheckedDates bool
	// Truncate cuts CHAR texts that are too long. Default: error.
	Truncate bool
	// RoundDecimals rounds packed numbers half up to the decimals of the field, and decimal
	// floating point to its 16 or 34 digits, as ABAP does. Default: error if digits other
	// than zero would be lost.
	RoundDecimals bool
	// DecimalSpecials lets infinities and NaN be written to DECFLOAT fields, which no ABAP
	// variable can hold. They are read in any case. Default: error.
	DecimalSpecials bool
	// AnyRowWidth reads flat structures and tables whose rows are wider or narrower than
	// described, as another release of the structure may be: bytes behind the description are not read, missing
	// fields are initial. Only for structures that are known to grow at their end alone.
	// Default: StaleError.
	AnyRowWidth bool
}

type textMode uint8

const (
	textUTF16LE textMode = iota
	textUTF16BE
	textOther
)

func (r Representation) mode() textMode {
	if r.Text == nil {
		return textUTF16LE
	}
	switch r.Text.Number() {
	case "4103":
		return textUTF16LE
	case "4102":
		return textUTF16BE
	}
	return textOther
}

func (r Representation) order() binary.ByteOrder {
	if r.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// page is the code page of texts, never nil.
func (r Representation) page() *codepage.Codepage {
	if r.Text == nil {
		return codepage.UTF16LE
	}
	return r.Text
}

// Unicode reports whether texts are UTF-16: two bytes per character.
func (r Representation) Unicode() bool { return r.CharWidth() == 2 }

// sending is what Options say about texts that are written.
func (o *Options) sending() codepage.Policy {
	return codepage.Policy{OnError: o.OnConversionError, Replacement: o.Replacement}
}

// receiving is what Options say about texts that are read.
func (o *Options) receiving() codepage.Policy {
	switch {
	case o.StrictText:
		return codepage.Policy{}
	case o.OnConversionError == codepage.Pass:
		return codepage.Policy{OnError: codepage.Pass}
	case o.OnConversionError == codepage.Replace && o.Replacement != 0:
		return codepage.Policy{OnError: codepage.Replace, Replacement: o.Replacement}
	default:
		return codepage.Policy{OnError: codepage.Replace, Replacement: utf8.RuneError}
	}
}

// inDocument are the options for values of documents and blocks: these are UTF-8 and cannot
// hold what Pass would copy.
func (o Options) inDocument() Options {
	if o.OnConversionError == codepage.Pass {
		o.OnConversionError = codepage.Fail
	}
	return o
}

// coder converts the cells of one representation under one set of options.
type coder struct {
	Representation
	Options
	mode textMode
}

func newCoder(r Representation, o Options) coder {
	return coder{Representation: r, Options: o, mode: r.mode()}
}

// appendText appends a name or text of any length.
func (c *coder) appendText(dst []byte, s string) ([]byte, error) {
	switch c.mode {
	case textUTF16LE:
		return codepage.AppendUTF16LE(dst, s)
	case textUTF16BE:
		return codepage.AppendUTF16BE(dst, s)
	default:
		return c.Text.Append(dst, s, codepage.Policy{})
	}
}

// name decodes the name of a parameter into dst, which is empty, strictly. Trailing blanks are not part of it.
func (c *coder) name(dst, b []byte) ([]byte, error) {
	switch c.mode {
	case textUTF16LE:
		if room := dst[:cap(dst)]; len(b)&1 == 0 && max(len(b)/2, minCellText) <= len(room) {
			if n, ok := cellText(room, b); ok {
				return room[:n], nil
			}
		}
		return codepage.DecodeUTF16LE(dst, codepage.TrimBlanksUTF16LE(b))
	case textUTF16BE:
		return codepage.DecodeUTF16BE(dst, codepage.TrimBlanksUTF16BE(b))
	default:
		return c.Text.DecodeCell(dst, b, codepage.Policy{})
	}
}

func (c *coder) trim(b []byte) []byte {
	switch c.mode {
	case textUTF16LE:
		return codepage.TrimBlanksUTF16LE(b)
	case textUTF16BE:
		return codepage.TrimBlanksUTF16BE(b)
	default:
		return c.Text.TrimBlanks(b)
	}
}

// decodeText appends the text of a cell.
func (c *coder) decodeText(dst, b []byte) ([]byte, error) {
	// Nearly all texts are in order: only others need to know what then.
	var out []byte
	var err error
	switch c.mode {
	case textUTF16LE:
		out, err = codepage.DecodeUTF16LE(dst, b)
	case textUTF16BE:
		out, err = codepage.DecodeUTF16BE(dst, b)
	default:
		return c.Text.Decode(dst, b, c.receiving())
	}
	if err == nil || c.StrictText {
		return out, err
	}
	return c.page().Decode(dst, b, c.receiving())
}

// fill writes a text into a cell and pads it with blanks.
func (c *coder) fill(cell []byte, s string) error {
	return c.page().Fill(cell, s, c.sending())
}

// appendString appends the text of a scalar STRING, without the 00 behind it: UTF-8, or the
// code page of a non-Unicode party (spec 20.7 [inferred]).
func (c *coder) appendString(dst []byte, f *metadata.Field, s string) ([]byte, error) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return nil, nulError(f, s, i)
	}
	page := codepage.UTF8
	if !c.Unicode() {
		page = c.Text
	}
	out, err := page.Append(dst, s, c.sending())
	if err != nil {
		return nil, textError(f, s, err)
	}
	return out, nil
}

// scalarString reads the text of a scalar STRING: the reverse of appendString.
func (c *coder) scalarString(f *metadata.Field, b []byte) (string, error) {
	if c.Unicode() {
		return c.utf8(f, b)
	}
	out, err := c.Text.Decode(nil, b, c.receiving())
	if err != nil {
		return "", textError(f, "", err)
	}
	return string(out), nil
}

// utf8 reads text that is UTF-8 whatever the code page of the message is.
func (c *coder) utf8(f *metadata.Field, b []byte) (string, error) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	if c.StrictText {
		return "", refuse(f, BadText, "", "invalid UTF-8")
	}
	out, err := codepage.UTF8.Decode(nil, b, c.receiving())
	if err != nil {
		return "", textError(f, "", err)
	}
	return string(out), nil
}

// fillASCII writes ASCII text of exactly the width of the cell.
func (c *coder) fillASCII(cell []byte, s string) {
	switch c.mode {
	case textUTF16LE:
		for i := range len(s) {
			cell[2*i], cell[2*i+1] = s[i], 0
		}
	case textUTF16BE:
		for i := range len(s) {
			cell[2*i], cell[2*i+1] = 0, s[i]
		}
	default:
		// The digits and blanks of every code page but EBCDIC are those of ASCII.
		if err := c.Text.Fill(cell, s, codepage.Policy{}); err != nil {
			copy(cell, s)
		}
	}
}

// textError turns an error of codepage into one of a field.
func textError(f *metadata.Field, s string, err error) error {
	if e, ok := errors.AsType[*codepage.LengthError](err); ok {
		if e.Unit() == "bytes" {
			return refusef(f, TooLong, quote(s), "%d bytes in code page %s, at most %d", e.Need, e.Codepage, e.Max)
		}
		return refusef(f, TooLong, quote(s), "%d characters, at most %d", e.Need, e.Max)
	}
	e := &ConversionError{Kind: typeText(f), Value: quote(s), Reason: BadText, Err: err}
	if ce, ok := errors.AsType[*codepage.ConversionError](err); ok && ce.Reason == codepage.ReasonUnmappable {
		e.Reason = Unmappable
	}
	return e
}

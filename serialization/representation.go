package serialization

import (
	"encoding/binary"
	"errors"
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
	// ConversionError. Default: U+FFFD stands for it. Names are always read strictly.
	StrictText bool
	// UncheckedDates passes DATE and TIME texts on as they are, cut or padded with blanks
	// to the width of the field. Default: "" is initial, blanks are kept, everything else
	// has to be a date or time.
	UncheckedDates bool
	// Truncate cuts CHAR texts that are too long. Default: error.
	Truncate bool
	// RoundDecimals rounds packed numbers half up to the decimals of the field, as ABAP
	// does. Default: error if digits other than zero would be lost.
	RoundDecimals bool
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
	if c.StrictText {
		switch c.mode {
		case textUTF16LE:
			return codepage.DecodeUTF16LE(dst, b)
		case textUTF16BE:
			return codepage.DecodeUTF16BE(dst, b)
		default:
			return c.Text.Decode(dst, b, codepage.Policy{})
		}
	}
	switch c.mode {
	case textUTF16LE:
		return codepage.DecodeUTF16LELenient(dst, b), nil
	case textUTF16BE:
		return codepage.DecodeUTF16BELenient(dst, b), nil
	default:
		return c.Text.Decode(dst, b, codepage.Policy{OnError: codepage.Replace, Replacement: utf8.RuneError})
	}
}

// fill writes a text into a cell and pads it with blanks.
func (c *coder) fill(cell []byte, s string) error {
	switch c.mode {
	case textUTF16LE:
		return codepage.FillUTF16LE(cell, s)
	case textUTF16BE:
		return codepage.FillUTF16BE(cell, s)
	default:
		return c.Text.Fill(cell, s, codepage.Policy{})
	}
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
		return refusef(f, TooLong, quote(s), "%d characters, at most %d", e.Need, e.Max)
	}
	e := &ConversionError{Kind: typeText(f), Value: quote(s), Reason: BadText, Err: err}
	if ce, ok := errors.AsType[*codepage.ConversionError](err); ok && ce.Reason == codepage.ReasonUnmappable {
		e.Reason = Unmappable
	}
	return e
}

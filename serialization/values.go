package serialization

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// abapError turns an error of package abap into one of a field.
func abapError(f *metadata.Field, err error) error {
	e := &ConversionError{Kind: typeText(f), Reason: WrongType, Err: err}
	ae, ok := errors.AsType[*abap.ConversionError](err)
	if !ok {
		return e
	}
	e.Value, e.Text = quote(ae.Value), ae.Detail
	switch ae.Reason {
	case abap.ReasonOverflow:
		e.Reason = Overflow
	case abap.ReasonNotANumber, abap.ReasonNotRepresentable, abap.ReasonNotIntegral:
		e.Reason = NotANumber
	case abap.ReasonBadDigit:
		e.Reason = BadDigit
	case abap.ReasonBadSign:
		e.Reason = BadSign
	case abap.ReasonBadDate, abap.ReasonBadTime:
		e.Reason = BadDate
	case abap.ReasonTooLong:
		e.Reason = TooLong
	case abap.ReasonTooManyDecimals:
		e.Reason = TooManyDecimals
	case abap.ReasonBadLength:
		e.Reason = BadLength
	}
	return e
}

// dateCell gives the eight characters for what may stand for a date, an abap.Date aside.
func (c *coder) dateCell(f *metadata.Field, v any) (string, bool, error) {
	switch v := v.(type) {
	case time.Time:
		d, err := abap.DateFromTime(v)
		if err != nil {
			return "", false, abapError(f, err)
		}
		return d.String(), true, nil
	case string:
		if c.UncheckedDates {
			return uncheckedText(f, v, 8)
		}
		if v != "" && len(v) != 8 {
			return "", false, refusef(f, BadDate, quote(v), "%d characters; YYYYMMDD or the empty text is required", len([]rune(v)))
		}
		d, err := abap.ParseDate(v)
		if err != nil {
			return "", false, abapError(f, err)
		}
		return d.String(), true, nil
	}
	return "", false, nil
}

// timeCell gives the six characters for what may stand for a time, an abap.Time aside. The texts "240000" and
// "999999" are legal in ABAP (case G-11); of these only the first is one for us.
func (c *coder) timeCell(f *metadata.Field, v any) (string, bool, error) {
	switch v := v.(type) {
	case time.Time:
		return abap.TimeFromTime(v).String(), true, nil
	case time.Duration:
		t, err := abap.TimeFromDuration(v)
		if err != nil {
			return "", false, abapError(f, err)
		}
		return t.String(), true, nil
	case string:
		if c.UncheckedDates {
			return uncheckedText(f, v, 6)
		}
		if v != "" && len(v) != 6 {
			return "", false, refusef(f, BadDate, quote(v), "%d characters; HHMMSS or the empty text is required", len([]rune(v)))
		}
		t, err := abap.ParseTime(v)
		if err != nil {
			return "", false, abapError(f, err)
		}
		return t.String(), true, nil
	}
	return "", false, nil
}

// uncheckedText passes a date or time on, cut or padded to n characters; "" is initial.
func uncheckedText(f *metadata.Field, s string, n int) (string, bool, error) {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "", false, refusef(f, BadDate, quote(s), "ASCII characters are required")
		}
	}
	if s == "" {
		return zeros[:n], true, nil
	}
	return (s + blanks[:n])[:n], true, nil
}

func (c *coder) encodeDate(dst []byte, f *metadata.Field, d abap.Date) error {
	raw := d.Raw()
	if c.mode == textUTF16LE && len(dst) == 16 {
		for i, b := range raw {
			dst[2*i], dst[2*i+1] = b, 0
		}
		return nil
	}
	c.fillASCII(dst, string(raw[:]))
	return nil
}

func (c *coder) encodeTime(dst []byte, f *metadata.Field, t abap.Time) error {
	raw := t.Raw()
	if c.mode == textUTF16LE && len(dst) == 12 {
		for i, b := range raw {
			dst[2*i], dst[2*i+1] = b, 0
		}
		return nil
	}
	c.fillASCII(dst, string(raw[:]))
	return nil
}

// ascii narrows a cell to single bytes; false if a character is not ASCII.
func (c *coder) ascii(dst, b []byte) bool {
	switch c.mode {
	case textUTF16LE:
		if len(b) < 2*len(dst) {
			return false
		}
		or := uint16(0)
		for i := range dst {
			u := binary.LittleEndian.Uint16(b[2*i:])
			or |= u
			dst[i] = byte(u)
		}
		return or < 0x80
	case textUTF16BE:
		if len(b) < 2*len(dst) {
			return false
		}
		or := uint16(0)
		for i := range dst {
			u := binary.BigEndian.Uint16(b[2*i:])
			or |= u
			dst[i] = byte(u)
		}
		return or < 0x80
	default:
		if len(b) == len(dst) && c.Text.Plain(b) {
			copy(dst, b)
			return true
		}
		var room [32]byte
		s, err := c.decodeText(room[:0], b)
		if err != nil || len(s) != len(dst) {
			return false
		}
		copy(dst, s)
		return true
	}
}

func (c *coder) decodeDate(b []byte, f *metadata.Field) (abap.Date, error) {
	var raw [8]byte
	if !c.ascii(raw[:], b) {
		return abap.Date{}, refuse(f, BadDate, show(b), "characters that no date has")
	}
	d, err := abap.DateFromRaw(raw)
	if err != nil {
		return abap.Date{}, abapError(f, err)
	}
	return d, nil
}

func (c *coder) decodeTime(b []byte, f *metadata.Field) (abap.Time, error) {
	var raw [6]byte
	if !c.ascii(raw[:], b) {
		return abap.Time{}, refuse(f, BadDate, show(b), "characters that no time has")
	}
	t, err := abap.TimeFromRaw(raw)
	if err != nil {
		return abap.Time{}, abapError(f, err)
	}
	return t, nil
}

// decimalText reads a number as text; the empty text is 0 in packed numbers (case D-12) and
// no number in floating ones (case E-20).
func decimalText(f *metadata.Field, s string) (abap.Decimal, bool, error) {
	if s == "" && f.Kind == metadata.Packed {
		return abap.Decimal{}, true, nil
	}
	if len(s) > MaxDecimalText {
		return abap.Decimal{}, false, refusef(f, TooLong, quote(s), "%d characters, at most %d", len(s), MaxDecimalText)
	}
	d, err := abap.ParseDecimal(s)
	if err != nil {
		return abap.Decimal{}, false, abapError(f, err)
	}
	return d, true, nil
}

func (c *coder) encodePacked(dst []byte, f *metadata.Field, d abap.Decimal) error {
	if c.RoundDecimals {
		d = d.Round(f.Decimals, abap.RoundHalfUp)
	}
	if err := abap.PutPacked(dst, d, f.Decimals); err != nil {
		return abapError(f, err)
	}
	return nil
}

func decodePacked(b []byte, f *metadata.Field) (abap.Decimal, error) {
	d, err := abap.DecodePacked(b, f.Decimals)
	if err != nil {
		return abap.Decimal{}, abapError(f, err)
	}
	return d, nil
}

func numcInt(f *metadata.Field, s string) (int64, error) {
	n, err := abap.NumcInt64(s)
	if err != nil {
		return 0, abapError(f, err)
	}
	return n, nil
}

func decimalInt64(f *metadata.Field, d abap.Decimal) (int64, error) {
	n, err := d.Int64()
	if err != nil {
		return 0, abapError(f, err)
	}
	return n, nil
}

package columns

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// KindError says that a column was asked for values it does not have.
type KindError struct {
	// Column is its name, Kind what it holds, Want what was asked for.
	Column string
	Kind   metadata.Kind
	Want   string
}

// Error implements error: "column MATNR: CHAR has no integers; use Text".
func (e *KindError) Error() string {
	return fmt.Sprintf("column %s: %s has no %s; use %s", e.Column, e.Kind, e.Want, accessor(e.Kind))
}

// accessor is the method that fits a kind.
func accessor(k metadata.Kind) string {
	switch k {
	case metadata.Char, metadata.Numc, metadata.String:
		return "Text"
	case metadata.Raw, metadata.XString:
		return "Value"
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		return "Decimal"
	case metadata.Date, metadata.DTDay:
		return "Date"
	case metadata.Time:
		return "Time"
	case metadata.Float:
		return "Float"
	case metadata.Table:
		return "Rows"
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		return "Timestamp"
	case metadata.TSecond, metadata.TMinute:
		return "TimeOfDay"
	case metadata.DTWeek:
		return "Week"
	case metadata.DTMonth:
		return "Month"
	case metadata.CDay:
		return "MonthDay"
	default:
		return "Int"
	}
}

func (c *Column) wrong(want string) error {
	return &KindError{Column: c.Name, Kind: c.Field.Kind, Want: want}
}

// at puts the column and row before an error of a value.
func (c *Column) at(row int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("column %s, row %d: %w", c.Name, row, err)
}

// raw is the number of a row of an integer vector.
func (c *Column) raw(row int) int64 {
	i := c.Index(row)
	switch StorageOf(c.Field.Kind) {
	case Uint8s:
		return int64(c.Uint8s[i])
	case Int16s:
		return int64(c.Int16s[i])
	case Int32s:
		return int64(c.Int32s[i])
	default:
		return c.Int64s[i]
	}
}

// Int gives the value of a row of kind b, s, I or 8. Rows count from 0 and must exist; other
// kinds give a *KindError. The same holds for the methods below.
func (c *Column) Int(row int) (int64, error) {
	if accessor(c.Field.Kind) != "Int" {
		return 0, c.wrong("integers")
	}
	return c.raw(row), nil
}

// Float gives the value of a row of kind F.
func (c *Column) Float(row int) (float64, error) {
	if c.Field.Kind != metadata.Float {
		return 0, c.wrong("floats")
	}
	return c.Float64s[c.Index(row)], nil
}

// Decimal gives the value of a row of kind P, a or e with its decimals. Bytes that are no
// number are a *abap.ConversionError.
func (c *Column) Decimal(row int) (abap.Decimal, error) {
	var d abap.Decimal
	var err error
	switch c.Field.Kind {
	case metadata.Packed:
		d, err = abap.DecodePacked(c.Value(row), c.Field.Decimals)
	case metadata.DecFloat16:
		d, err = abap.DecodeDecFloat16(binary.LittleEndian.Uint64(c.Value(row)))
	case metadata.DecFloat34:
		b := c.Value(row)
		d, err = abap.DecodeDecFloat34(binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b))
	default:
		return d, c.wrong("decimals")
	}
	return d, c.at(row, err)
}

// Date gives the value of a row of kind D, whether it is a day of the calendar or not, or d.
func (c *Column) Date(row int) (abap.Date, error) {
	var d abap.Date
	var err error
	switch c.Field.Kind {
	case metadata.Date:
		d, err = abap.DateFromRaw([8]byte(c.Value(row)))
	case metadata.DTDay:
		d, err = abap.DateFromDay(c.Int32s[c.Index(row)])
	default:
		return d, c.wrong("dates")
	}
	return d, c.at(row, err)
}

// Time gives the value of a row of kind T.
func (c *Column) Time(row int) (abap.Time, error) {
	if c.Field.Kind != metadata.Time {
		return abap.Time{}, c.wrong("times")
	}
	t, err := abap.TimeFromRaw([6]byte(c.Value(row)))
	return t, c.at(row, err)
}

// Timestamp gives the value of a row of kind p, n or w.
func (c *Column) Timestamp(row int) (abap.Timestamp, error) {
	p := abap.Ticks
	switch c.Field.Kind {
	case metadata.UTCLong:
	case metadata.UTCSecond:
		p = abap.Seconds
	case metadata.UTCMinute:
		p = abap.Minutes
	default:
		return abap.Timestamp{}, c.wrong("time stamps")
	}
	t, err := abap.TimestampFromRaw(c.Int64s[c.Index(row)], p)
	return t, c.at(row, err)
}

// TimeOfDay gives the value of a row of kind t or i.
func (c *Column) TimeOfDay(row int) (abap.TimeOfDay, error) {
	p := abap.Seconds
	switch c.Field.Kind {
	case metadata.TSecond:
	case metadata.TMinute:
		p = abap.Minutes
	default:
		return abap.TimeOfDay{}, c.wrong("times of day")
	}
	t, err := abap.TimeOfDayFromRaw(int32(c.raw(row)), p)
	return t, c.at(row, err)
}

// Week gives the value of a row of kind 7.
func (c *Column) Week(row int) (abap.Week, error) {
	if c.Field.Kind != metadata.DTWeek {
		return abap.Week{}, c.wrong("weeks")
	}
	w, err := abap.WeekFromRaw(c.Int32s[c.Index(row)])
	return w, c.at(row, err)
}

// Month gives the value of a row of kind x.
func (c *Column) Month(row int) (abap.Month, error) {
	if c.Field.Kind != metadata.DTMonth {
		return abap.Month{}, c.wrong("months")
	}
	m, err := abap.MonthFromRaw(c.Int32s[c.Index(row)])
	return m, c.at(row, err)
}

// MonthDay gives the value of a row of kind c.
func (c *Column) MonthDay(row int) (abap.MonthDay, error) {
	if c.Field.Kind != metadata.CDay {
		return abap.MonthDay{}, c.wrong("days of a year")
	}
	d, err := abap.MonthDayFromRaw(c.Int16s[c.Index(row)])
	return d, c.at(row, err)
}

// Rows gives the lines of a row of kind h: rows from to to of Column.Lines.
func (c *Column) Rows(row int) (from, to int, err error) {
	if c.Field.Kind != metadata.Table {
		return 0, 0, c.wrong("lines")
	}
	i := c.Index(row)
	return int(c.Offsets[i]), int(c.Offsets[i+1]), nil
}

// Ints appends the values of a number of rows of kind b, s, I or 8 to dst.
func (c *Column) Ints(dst []int64, rows int) ([]int64, error) {
	if accessor(c.Field.Kind) != "Int" {
		return dst, c.wrong("integers")
	}
	dst = slices.Grow(dst, rows)
	for r := range rows {
		dst = append(dst, c.raw(r))
	}
	return dst, nil
}

// Texts appends the texts of a number of rows of kind C, N or g to dst. They share one piece
// of memory of their own, and equal codes share a text.
func (c *Column) Texts(dst []string, rows int) ([]string, error) {
	if accessor(c.Field.Kind) != "Text" {
		return dst, c.wrong("texts")
	}
	dst = slices.Grow(dst, rows)
	all := string(c.Bytes)
	for r := range rows {
		i := c.Index(r)
		dst = append(dst, all[c.Offsets[i]:c.Offsets[i+1]])
	}
	return dst, nil
}

// Expand gives every row of every column a value of its own: no column has codes afterwards
// or a single value for several rows, so that vectors can be used by row without Index.
// Vectors that change get new memory.
func (t *Table) Expand() {
	for i := range t.Columns {
		c := &t.Columns[i]
		*c = c.expanded(t.Rows)
		if c.Lines != nil {
			c.Lines.Expand()
		}
	}
}

// expanded gives a column with a value for each row; c itself if it is that already.
func (c *Column) expanded(rows int) Column {
	if len(c.Codes) == 0 && (c.Values() != 1 || rows == 1) {
		return *c
	}
	at := make([]uint32, rows)
	for r := range at {
		at[r] = uint32(c.Index(r))
	}
	return c.values(at)
}

package abap

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"time"
)

const (
	zeros8  = 0x3030_3030_3030_3030
	blanks8 = 0x2020_2020_2020_2020
	zeros6  = zeros8 >> 16
	blanks6 = blanks8 >> 16
	highs8  = 0x8080_8080_8080_8080
)

// Date is an ABAP date (type D, DATS): the eight characters YYYYMMDD as ABAP holds
// them, whether they name a day or not. The zero value is the initial date
// 00000000. Dates are comparable with ==.
//
// Source: spec 20.2 [impl]; ABAP itself does not check dates in the classic formats.
type Date struct {
	// x is the eight ASCII characters, first one highest, each xor '0'. So the zero
	// value is the initial date and digits are small numbers.
	x uint64
}

// BlankDate is the date of eight blanks, which some programs send for "no date".
var BlankDate = Date{blanks8 ^ zeros8}

// allDigits reports whether each byte of x is 0..9.
func allDigits(x uint64) bool {
	return (x|(x+0x7676_7676_7676_7676))&highs8 == 0
}

// DateOf makes the date of a civil day, year 1 to 9999 in the proleptic Gregorian
// calendar, as package time counts.
func DateOf(year, month, day int) (Date, error) {
	if year < 1 || year > 9999 {
		return Date{}, dateError(fmt.Sprintf("%d-%d-%d", year, month, day), "the year must be 1 to 9999")
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return Date{}, dateError(fmt.Sprintf("%04d-%d-%d", year, month, day), "there is no such day; the initial date is 00000000")
	}
	return makeDate(year, month, day), nil
}

func makeDate(year, month, day int) Date {
	y := uint64(year)
	return Date{y/1000<<56 | y/100%10<<48 | y/10%10<<40 | y%10<<32 |
		uint64(month/10)<<24 | uint64(month%10)<<16 | uint64(day/10)<<8 | uint64(day%10)}
}

func daysIn(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

func dateError(value, detail string) error {
	return conversionError("DATE", value, ReasonBadDate, detail)
}

// ParseDate reads "YYYYMMDD" or "YYYY-MM-DD" and checks the calendar. "" and
// "00000000" give the initial date, eight blanks give [BlankDate].
func ParseDate(s string) (Date, error) {
	raw := s
	switch {
	case s == "":
		return Date{}, nil
	case len(s) == 10 && s[4] == '-' && s[7] == '-':
		raw = s[:4] + s[5:7] + s[8:]
	case len(s) != 8:
		return Date{}, conversionError("DATE", s, ReasonBadLength, "want YYYYMMDD or YYYY-MM-DD")
	}
	d := Date{load8(raw) ^ zeros8}
	if d.IsInitial() || d.IsBlank() && len(s) == 8 {
		return d, nil
	}
	if !d.Valid() {
		return Date{}, dateError(s, "want YYYYMMDD or YYYY-MM-DD, a day of the calendar or the initial 00000000")
	}
	return d, nil
}

// load8 reads eight bytes of s, first one highest.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
		uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
}

// RawDate keeps any eight ASCII characters unchecked, as a peer may have sent them:
// "20161232" or "2024133A". Other lengths and other characters are an error.
func RawDate(s string) (Date, error) {
	if len(s) != 8 {
		return Date{}, conversionError("DATE", s, ReasonBadLength, "want 8 characters")
	}
	x := load8(s)
	if x&highs8 != 0 {
		return Date{}, conversionError("DATE", s, ReasonBadDigit, "want 8 ASCII characters")
	}
	return Date{x ^ zeros8}, nil
}

// DateFromRaw is [RawDate] for the bytes of a row decoder; it does not allocate on
// success.
func DateFromRaw(raw [8]byte) (Date, error) {
	x := binary.BigEndian.Uint64(raw[:])
	if x&highs8 != 0 {
		bad := raw // raw itself stays off the heap
		return Date{}, conversionError("DATE", hexValue(bad[:]), ReasonBadDigit, "want 8 ASCII characters")
	}
	return Date{x ^ zeros8}, nil
}

// DateFromTime gives the civil date of t in t's own location; the time of day is
// dropped. The zero time gives the initial date. Years outside 1 to 9999 are an
// error.
func DateFromTime(t time.Time) (Date, error) {
	if t.IsZero() {
		return Date{}, nil
	}
	y, m, d := t.Date()
	return DateOf(y, int(m), d)
}

// Raw gives the eight characters.
func (d Date) Raw() (raw [8]byte) {
	binary.BigEndian.PutUint64(raw[:], d.x^zeros8)
	return raw
}

// AppendRaw appends the eight characters to dst.
func (d Date) AppendRaw(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(dst, d.x^zeros8)
}

// String gives the eight characters as ABAP holds them.
func (d Date) String() string {
	raw := d.Raw()
	return string(raw[:])
}

// IsInitial reports whether d is 00000000.
func (d Date) IsInitial() bool { return d.x == 0 }

// IsBlank reports whether d is eight blanks.
func (d Date) IsBlank() bool { return d == BlankDate }

// fields splits eight digits into numbers.
func (d Date) fields() (year, month, day int) {
	x := d.x
	x = x>>8&0x00ff_00ff_00ff_00ff*10 + x&0x00ff_00ff_00ff_00ff
	return int(x>>48)*100 + int(x>>32&0xff), int(x >> 16 & 0xff), int(x & 0xff)
}

// Valid reports whether d is a day of the proleptic Gregorian calendar, year 1 to
// 9999. The initial date is not.
func (d Date) Valid() bool {
	if !allDigits(d.x) {
		return false
	}
	y, m, day := d.fields()
	return y >= 1 && m >= 1 && m <= 12 && day >= 1 && day <= daysIn(y, m)
}

// Civil gives year, month and day; a date that is not [Date.Valid] is an error.
func (d Date) Civil() (year int, month time.Month, day int, err error) {
	if !d.Valid() {
		return 0, 0, 0, dateError(d.String(), "it names no day of the calendar")
	}
	y, m, day := d.fields()
	return y, time.Month(m), day, nil
}

// Time gives midnight of the date in loc (UTC if nil). The initial date and blanks
// give the zero time, which [DateFromTime] maps back to the initial date; other
// dates that are not valid are an error. 00010101 in UTC is the zero time as well;
// ABAP computes with it as with the initial date.
func (d Date) Time(loc *time.Location) (time.Time, error) {
	if d.IsInitial() || d.IsBlank() {
		return time.Time{}, nil
	}
	y, m, day, err := d.Civil()
	if err != nil {
		return time.Time{}, err
	}
	if loc == nil {
		loc = time.UTC
	}
	return time.Date(y, m, day, 0, 0, 0, 0, loc), nil
}

// Compare orders dates as ABAP does, by their characters: -1, 0 or +1.
func (d Date) Compare(o Date) int { return cmp.Compare(d.x^zeros8, o.x^zeros8) }

// MarshalText gives the eight characters, so that nothing is lost: the initial date
// is "00000000". JSON uses it too.
func (d Date) MarshalText() ([]byte, error) { return d.AppendRaw(nil), nil }

// AppendText appends what MarshalText gives.
func (d Date) AppendText(dst []byte) ([]byte, error) { return d.AppendRaw(dst), nil }

// UnmarshalText is the inverse of MarshalText: it keeps any eight ASCII characters.
// It also reads "" and "YYYY-MM-DD" as [ParseDate] does.
func (d *Date) UnmarshalText(text []byte) error {
	v, err := RawDate(string(text))
	if len(text) != 8 {
		v, err = ParseDate(string(text))
	}
	if err == nil {
		*d = v
	}
	return err
}

// Time is an ABAP time (type T, TIMS): the six characters HHMMSS as ABAP holds them.
// The zero value is the initial time 000000. Times are comparable with ==.
//
// Source: spec 20.2 [impl].
type Time struct {
	x uint64 // as in Date, in the lower 48 bits
}

// BlankTime is the time of six blanks.
var BlankTime = Time{blanks6 ^ zeros6}

// TimeOf makes a time of day from 0:00:00 to 24:00:00; the latter is legal in ABAP.
func TimeOf(hour, minute, second int) (Time, error) {
	if hour < 0 || minute < 0 || second < 0 || minute > 59 || second > 59 || hour > 24 ||
		hour == 24 && minute+second > 0 {
		return Time{}, timeError(fmt.Sprintf("%d:%d:%d", hour, minute, second))
	}
	return Time{uint64(hour/10)<<40 | uint64(hour%10)<<32 | uint64(minute/10)<<24 | uint64(minute%10)<<16 |
		uint64(second/10)<<8 | uint64(second%10)}, nil
}

func timeError(value string) error {
	return conversionError("TIME", value, ReasonBadTime, "want HHMMSS or HH:MM:SS from 000000 to 240000")
}

// TimeFromDuration makes a time from the time since midnight, 0 to 24 hours.
// Fractions of a second are an error.
func TimeFromDuration(d time.Duration) (Time, error) {
	if d < 0 || d > 24*time.Hour {
		return Time{}, timeError(d.String())
	}
	if d%time.Second != 0 {
		return Time{}, conversionError("TIME", d.String(), ReasonTooManyDecimals, "a time has no fractions of a second")
	}
	s := int(d / time.Second)
	return TimeOf(s/3600, s/60%60, s%60)
}

// TimeFromTime gives the civil time of day of t in t's own location; date and
// fractions of a second are dropped.
func TimeFromTime(t time.Time) Time {
	h, m, s := t.Clock()
	v, _ := TimeOf(h, m, s) // a clock is always in range
	return v
}

// ParseTime reads "HHMMSS" or "HH:MM:SS" and checks the range; "240000" is legal. ""
// gives the initial time, six blanks give [BlankTime].
func ParseTime(s string) (Time, error) {
	raw := s
	switch {
	case s == "":
		return Time{}, nil
	case len(s) == 8 && s[2] == ':' && s[5] == ':':
		raw = s[:2] + s[3:5] + s[6:]
	case len(s) != 6:
		return Time{}, conversionError("TIME", s, ReasonBadLength, "want HHMMSS or HH:MM:SS")
	}
	t := Time{load6(raw) ^ zeros6}
	if t.IsBlank() && len(s) == 6 {
		return t, nil
	}
	if !t.Valid() {
		return Time{}, timeError(s)
	}
	return t, nil
}

func load6(s string) uint64 {
	_ = s[5]
	return uint64(s[0])<<40 | uint64(s[1])<<32 | uint64(s[2])<<24 | uint64(s[3])<<16 | uint64(s[4])<<8 | uint64(s[5])
}

// RawTime keeps any six ASCII characters unchecked. Other lengths and other
// characters are an error.
func RawTime(s string) (Time, error) {
	if len(s) != 6 {
		return Time{}, conversionError("TIME", s, ReasonBadLength, "want 6 characters")
	}
	x := load6(s)
	if x&highs8 != 0 {
		return Time{}, conversionError("TIME", s, ReasonBadDigit, "want 6 ASCII characters")
	}
	return Time{x ^ zeros6}, nil
}

// TimeFromRaw is [RawTime] for the bytes of a row decoder; it does not allocate on
// success.
func TimeFromRaw(raw [6]byte) (Time, error) {
	x := uint64(binary.BigEndian.Uint32(raw[:]))<<16 | uint64(binary.BigEndian.Uint16(raw[4:]))
	if x&highs8 != 0 {
		bad := raw // raw itself stays off the heap
		return Time{}, conversionError("TIME", hexValue(bad[:]), ReasonBadDigit, "want 6 ASCII characters")
	}
	return Time{x ^ zeros6}, nil
}

// Raw gives the six characters.
func (t Time) Raw() (raw [6]byte) {
	x := t.x ^ zeros6
	binary.BigEndian.PutUint32(raw[:], uint32(x>>16))
	binary.BigEndian.PutUint16(raw[4:], uint16(x))
	return raw
}

// AppendRaw appends the six characters to dst.
func (t Time) AppendRaw(dst []byte) []byte {
	raw := t.Raw()
	return append(dst, raw[:]...)
}

// String gives the six characters as ABAP holds them.
func (t Time) String() string {
	raw := t.Raw()
	return string(raw[:])
}

// IsInitial reports whether t is 000000, which is also midnight.
func (t Time) IsInitial() bool { return t.x == 0 }

// IsBlank reports whether t is six blanks.
func (t Time) IsBlank() bool { return t == BlankTime }

func (t Time) fields() (hour, minute, second int) {
	x := t.x
	x = x>>8&0x00ff_00ff_00ff_00ff*10 + x&0x00ff_00ff_00ff_00ff
	return int(x >> 32), int(x >> 16 & 0xff), int(x & 0xff)
}

// Valid reports whether t is a time of day from 000000 to 240000.
func (t Time) Valid() bool {
	if !allDigits(t.x) {
		return false
	}
	h, m, s := t.fields()
	return m < 60 && s < 60 && (h < 24 || h == 24 && m+s == 0)
}

// Clock gives hour (0 to 24), minute and second; a time that is not [Time.Valid] is
// an error.
func (t Time) Clock() (hour, minute, second int, err error) {
	if !t.Valid() {
		return 0, 0, 0, timeError(t.String())
	}
	hour, minute, second = t.fields()
	return hour, minute, second, nil
}

// Duration gives the time since midnight, up to 24 hours.
func (t Time) Duration() (time.Duration, error) {
	h, m, s, err := t.Clock()
	return time.Duration(h*3600+m*60+s) * time.Second, err
}

// On gives the instant of d and t in loc (UTC if nil). 240000 is midnight of the
// next day. Initial or blank dates give the zero time.
func (t Time) On(d Date, loc *time.Location) (time.Time, error) {
	at, err := d.Time(loc)
	if err != nil || at.IsZero() && !d.Valid() {
		return time.Time{}, err
	}
	h, m, s, err := t.Clock()
	if err != nil {
		return time.Time{}, err
	}
	y, mon, day := at.Date()
	return time.Date(y, mon, day, h, m, s, 0, at.Location()), nil
}

// Compare orders times as ABAP does, by their characters: -1, 0 or +1.
func (t Time) Compare(o Time) int { return cmp.Compare(t.x^zeros6, o.x^zeros6) }

// MarshalText gives the six characters. JSON uses it too.
func (t Time) MarshalText() ([]byte, error) { return t.AppendRaw(nil), nil }

// AppendText appends what MarshalText gives.
func (t Time) AppendText(dst []byte) ([]byte, error) { return t.AppendRaw(dst), nil }

// UnmarshalText is the inverse of MarshalText: it keeps any six ASCII characters. It
// also reads "" and "HH:MM:SS" as [ParseTime] does.
func (t *Time) UnmarshalText(text []byte) error {
	v, err := RawTime(string(text))
	if len(text) != 6 {
		v, err = ParseTime(string(text))
	}
	if err == nil {
		*t = v
	}
	return err
}

// GoString helps %#v.
func (d Date) GoString() string { return "abap.Date(" + strconv.Quote(d.String()) + ")" }

// GoString helps %#v.
func (t Time) GoString() string { return "abap.Time(" + strconv.Quote(t.String()) + ")" }

// digits10 counts the decimal digits of v; 0 has none.
func digits10(v uint64) int {
	n := bits.Len64(v) * 1233 >> 12
	if n < len(pow10) && pow10[n].hi == 0 && v < pow10[n].lo {
		return n
	}
	return n + 1
}

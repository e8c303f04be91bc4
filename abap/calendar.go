package abap

import (
	"fmt"
	"strconv"
	"time"
)

// The compact types count days in the calendar that was in use: Julian up to
// 1582-10-04, Gregorian from 1582-10-15, which is the day after. Package time counts the
// Gregorian calendar back to year 1, where its 0001-01-01 is two days later.
//
// Source: spec 20.8 [impl; the public maxima follow from it].
const (
	daysJulian      = 577737      // days up to 1582-10-04; the next one is 1582-10-15
	daysAll         = 3652061     // days up to 9999-12-31
	julianShift     = 2           // days from our 0001-01-01 to that of package time
	secondsPerDay   = 86400       //
	unixEpoch       = 62135596800 // seconds from 0001-01-01 of package time to 1970-01-01
	marchFirst      = 306         // days from 0000-03-01 to 0001-01-01
	daysPer4Years   = 1461        // Julian
	daysPer400Years = 146097      // Gregorian
)

// dayOf gives the number of a civil day, 0 for 0001-01-01; false for days that do not
// exist.
func dayOf(year, month, day int) (int, bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > daysInMixed(year, month) {
		return 0, false
	}
	gregorian := false
	switch order := (year*100+month)*100 + day; {
	case order >= 15821015:
		gregorian = true
	case order > 15821004:
		return 0, false
	}
	// Years that start in March have their leap day at the end, and months whose first
	// days lie on a line.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	n := 365*y + y/4 + (153*m+2)/5 + day - 1 - marchFirst
	if gregorian {
		n += y/400 - y/100 + julianShift
	}
	return n, true
}

// civilOf is the inverse of dayOf for 0 to daysAll-1.
func civilOf(n int) (year, month, day int) {
	n += marchFirst
	if n >= daysJulian+marchFirst {
		n -= julianShift
		century := (4*n + 3) / daysPer400Years
		n -= daysPer400Years * century / 4
		year = 100 * century
	}
	y := (4*n + 3) / daysPer4Years
	n -= daysPer4Years * y / 4
	m := (5*n + 2) / 153
	year, month, day = year+y, m+3, n-(153*m+2)/5+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}

func daysInMixed(year, month int) int {
	if month == 2 && leapMixed(year) {
		return 29
	}
	return daysIn(1, month)
}

func leapMixed(year int) bool {
	return year%4 == 0 && (year < 1582 || year%100 != 0 || year%400 == 0)
}

// checkRaw refuses the numbers that a compact type does not have: below 0, the initial
// value, or above the highest.
func checkRaw(typ string, raw, highest int64) error {
	if uint64(raw) <= uint64(highest) {
		return nil
	}
	return conversionError(typ, strconv.FormatInt(raw, 10), ReasonOverflow,
		fmt.Sprintf("the raw number is out of range 0 to %d", highest))
}

// Day gives the number of a date as type DTDAY has it: 0 for the initial date, else the
// days up to and including it since 0001-01-01, in the calendar that was in use: Julian
// up to 1582-10-04 (577737), Gregorian from 1582-10-15 (577738). The days between do not
// exist: they are an error, and so are blanks and all other texts that name no day.
//
// Source: spec 20.8 [impl].
func (d Date) Day() (int32, error) {
	if d.IsInitial() {
		return 0, nil
	}
	if allDigits(d.x) {
		if n, ok := dayOf(d.fields()); ok {
			return int32(n) + 1, nil
		}
	}
	return 0, conversionError("DTDAY", d.String(), ReasonBadDate,
		"there is no such day; 0001-01-01 to 9999-12-31 are allowed, without 1582-10-05 to 1582-10-14, and the initial value")
}

// DateFromDay is the inverse of [Date.Day]: numbers outside 0 to 3652061 are an error.
// A leap day of the Julian calendar such as 1500-02-29 is not [Date.Valid].
func DateFromDay(raw int32) (Date, error) {
	if err := checkRaw("DTDAY", int64(raw), daysAll); err != nil || raw == 0 {
		return Date{}, err
	}
	return makeDate(civilOf(int(raw) - 1)), nil
}

// ParseDay reads the text of a DTDAY, "YYYY-MM-DD" or "YYYYMMDD", and checks it against
// the calendar of [Date.Day]. "" and zeros give the initial date.
func ParseDay(s string) (Date, error) {
	raw := s
	switch {
	case s == "":
		return Date{}, nil
	case len(s) == 10 && s[4] == '-' && s[7] == '-':
		raw = s[:4] + s[5:7] + s[8:]
	case len(s) != 8:
		return Date{}, illegalFormat("DTDAY", s, "YYYY-MM-DD or YYYYMMDD")
	}
	d := Date{load8(raw) ^ zeros8}
	if _, err := d.Day(); err != nil {
		return Date{}, conversionError("DTDAY", s, ReasonBadDate, err.(*ConversionError).Detail) //nolint:errorlint // made one line above
	}
	return d, nil
}

// DayFromTime gives the DTDAY number of the civil date of t in t's own location. The
// zero time gives the initial value. Package time is Gregorian for all years: a day
// before 1582-10-15 keeps its place in history and so changes its date, as time stamps do.
func DayFromTime(t time.Time) (int32, error) {
	if t.IsZero() {
		return 0, nil
	}
	y, m, d := t.Date()
	n := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/secondsPerDay + unixEpoch/secondsPerDay + julianShift
	if n < 0 || n >= daysAll {
		return 0, conversionError("DTDAY", t.Format("2006-01-02"), ReasonBadDate, "the year must be 1 to 9999")
	}
	return int32(n) + 1, nil
}

// DayTime is the inverse of [DayFromTime]: midnight of the day in loc (UTC if nil). 0
// gives the zero time.
func DayTime(raw int32, loc *time.Location) (time.Time, error) {
	if err := checkRaw("DTDAY", int64(raw), daysAll); err != nil || raw == 0 {
		return time.Time{}, err
	}
	if loc == nil {
		loc = time.UTC
	}
	return time.Date(1, 1, int(raw)-julianShift, 0, 0, 0, 0, loc), nil
}

// illegalFormat refuses a text that is not of the form of its type, in the words of
// other connectors (case G-21).
func illegalFormat(typ, s, form string) error {
	return conversionError(typ, s, ReasonBadDate,
		fmt.Sprintf("Cannot convert %s to RFCTYPE_%s : illegal format, want %s", printable(s), typ, form))
}

// number reads a decimal number of exactly len(s) digits; -1 if it is none.
func number(s string) int {
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return -1
		}
		n = 10*n + int(c)
	}
	return n
}

// appendDigits appends n with exactly width digits.
func appendDigits(dst []byte, n, width int) []byte {
	var buf [8]byte
	for i := width - 1; i >= 0; i-- {
		buf[i] = '0' + byte(n%10)
		n /= 10
	}
	return append(dst, buf[:width]...)
}

package abap

import (
	"cmp"
	"fmt"
	"sync"
	"time"
)

const (
	monthsAll = 9999 * 12
	weeksAll  = 521725 // 9999-W52; a test recomputes it
	daysLeap  = 366
)

// TimeOfDay is a time of day of ABAP's types TSECOND and TMINUTE: 00:00:00 to 24:00:00.
// The zero value is the initial value, which is not midnight and below all times. Times
// of day are comparable with ==. (Type T, six characters, is [Time].)
//
// Source: spec 20.8 [impl].
type TimeOfDay struct {
	raw int32 // 0 is initial, else seconds since midnight plus one
}

// TimeOfDayOf makes a time of day from 0:00:00 to 24:00:00.
func TimeOfDayOf(hour, minute, second int) (TimeOfDay, error) {
	if uint(hour) > 24 || uint(minute) > 59 || uint(second) > 59 || hour == 24 && minute+second > 0 {
		return TimeOfDay{}, badTimeOfDay(Seconds, fmt.Sprintf("%d:%d:%d", hour, minute, second))
	}
	return TimeOfDay{int32((hour*60+minute)*60+second) + 1}, nil
}

// timeTypes are the names of the types.
var timeTypes = [...]string{Ticks: "TSECOND", Seconds: "TSECOND", Minutes: "TMINUTE"}

func badTimeOfDay(p Precision, value string) error {
	return conversionError(timeTypes[min(p, Minutes)], value, ReasonBadTime, "want 00:00:00 to 24:00:00")
}

// TimeOfDayFromRaw makes a time of day of the number on the wire: 0 is initial, else one
// more than the seconds, or minutes, since midnight. Numbers above 86401, or 1441, and
// negative ones are an error. It does not allocate on success.
func TimeOfDayFromRaw(raw int32, p Precision) (TimeOfDay, error) {
	typ, highest := "TSECOND", int64(secondsPerDay+1)
	if p == Minutes {
		typ, highest = "TMINUTE", secondsPerDay/60+1
	}
	if err := checkRaw(typ, int64(raw), highest); err != nil || raw == 0 {
		return TimeOfDay{}, err
	}
	if p != Minutes {
		return TimeOfDay{raw}, nil
	}
	return TimeOfDay{(raw-1)*60 + 1}, nil
}

// Raw gives the number on the wire, as [TimeOfDayFromRaw] reads it. Seconds that type
// TMINUTE does not have are an error.
func (t TimeOfDay) Raw(p Precision) (int32, error) {
	if p != Minutes || t.raw == 0 {
		return t.raw, nil
	}
	if (t.raw-1)%60 != 0 {
		return 0, conversionError("TMINUTE", t.String(), ReasonTooManyDecimals,
			"the seconds would be lost; truncate it first if that is meant")
	}
	return (t.raw-1)/60 + 1, nil
}

// TimeOfDayFromDuration makes a time of day from the time since midnight, 0 to 24 hours.
// Fractions of a second are an error.
func TimeOfDayFromDuration(d time.Duration) (TimeOfDay, error) {
	if d < 0 || d > 24*time.Hour {
		return TimeOfDay{}, badTimeOfDay(Seconds, d.String())
	}
	if d%time.Second != 0 {
		return TimeOfDay{}, conversionError("TSECOND", d.String(), ReasonTooManyDecimals, "a time of day has no fractions of a second")
	}
	return TimeOfDay{int32(d/time.Second) + 1}, nil
}

// Clock gives hour (0 to 24), minute and second; the initial value is an error.
func (t TimeOfDay) Clock() (hour, minute, second int, err error) {
	if t.raw == 0 {
		return 0, 0, 0, isInitial("TSECOND")
	}
	s := int(t.raw - 1)
	return s / 3600, s / 60 % 60, s % 60, nil
}

func isInitial(typ string) error {
	return conversionError(typ, "", ReasonNotRepresentable, "it is initial; ask IsInitial first")
}

// Duration gives the time since midnight, up to 24 hours; the initial value is an error.
func (t TimeOfDay) Duration() (time.Duration, error) {
	if t.raw == 0 {
		return 0, isInitial("TSECOND")
	}
	return time.Duration(t.raw-1) * time.Second, nil
}

// IsInitial reports whether t is the initial value.
func (t TimeOfDay) IsInitial() bool { return t.raw == 0 }

// Compare orders times of day, the initial value first: -1, 0 or +1.
func (t TimeOfDay) Compare(o TimeOfDay) int { return cmp.Compare(t.raw, o.raw) }

// String gives the text of TSECOND, "12:34:56"; "" if initial.
func (t TimeOfDay) String() string { return t.Text(Seconds) }

// Text gives the text of the type with precision p: "12:34:56", or "12:34" for
// [Minutes]; "" if initial. Seconds that are not zero are always there.
func (t TimeOfDay) Text(p Precision) string { return string(t.appendText(nil, p)) }

func (t TimeOfDay) appendText(dst []byte, p Precision) []byte {
	if t.raw == 0 {
		return dst
	}
	s := int(t.raw - 1)
	dst = appendDigits(dst, s/3600, 2)
	dst = appendDigits(append(dst, ':'), s/60%60, 2)
	if p == Minutes && s%60 == 0 {
		return dst
	}
	return appendDigits(append(dst, ':'), s%60, 2)
}

// ParseTimeOfDay reads the text of a time of day for the type with precision p:
// "12:34:56" or "12:34", up to "24:00:00"; "" is the initial value. Seconds that p does
// not have are an error.
func ParseTimeOfDay(s string, p Precision) (TimeOfDay, error) {
	if s == "" {
		return TimeOfDay{}, nil
	}
	hour, minute, second := -1, -1, 0
	if len(s) >= 5 && s[2] == ':' {
		hour, minute = number(s[:2]), number(s[3:5])
	}
	switch {
	case len(s) == 8 && s[5] == ':':
		second = number(s[6:])
	case len(s) != 5:
		second = -1
	}
	if min(hour, minute, second) < 0 {
		return TimeOfDay{}, illegalFormat(timeTypes[min(p, Minutes)], s, "12:34:56 or 12:34")
	}
	t, err := TimeOfDayOf(hour, minute, second)
	if err != nil {
		return TimeOfDay{}, badTimeOfDay(p, s)
	}
	if _, err := t.Raw(p); err != nil {
		return TimeOfDay{}, err
	}
	return t, nil
}

// MarshalText gives what String gives. JSON uses it too.
func (t TimeOfDay) MarshalText() ([]byte, error) { return t.appendText(nil, Seconds), nil }

// AppendText appends what String gives.
func (t TimeOfDay) AppendText(dst []byte) ([]byte, error) { return t.appendText(dst, Seconds), nil }

// UnmarshalText reads what [ParseTimeOfDay] reads.
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	return unmarshal(t, text, func(s string) (TimeOfDay, error) { return ParseTimeOfDay(s, Seconds) })
}

// GoString helps %#v.
func (t TimeOfDay) GoString() string { return fmt.Sprintf("abap.TimeOfDay(%q)", t.String()) }

// Week is a calendar week of ABAP's type DTWEEK: 0000-W53, which holds the first two days
// of year 1, and 0001-W01 to 9999-W52. The zero value is the initial value, below all
// weeks. Weeks are comparable with ==.
//
// Weeks start on Monday, and the first of a year is that of its first Thursday. A year
// has 53 weeks if it starts with a Thursday, or is a leap year and starts with a
// Wednesday, in the calendar of [Timestamp]; 1582 has 52 in spite of its missing days.
//
// Source: spec 20.8 [impl].
type Week struct {
	raw int32 // 0 is initial, else weeks since 0000-W53 plus one
}

// weeksBefore gives, for each year, the number on the wire of the week in front of its
// first; the last entry is the highest number there is.
var weeksBefore = sync.OnceValue(func() *[10001]int32 {
	t := new([10001]int32)
	t[1] = 1
	for y := 1; y < 10000; y++ {
		t[y+1] = t[y] + int32(weeksIn(y))
	}
	return t
})

// weeksIn counts the weeks of a year from 1 on; year 0 has only its last.
func weeksIn(year int) int {
	n, _ := dayOf(year, 1, 1)
	switch first := (n + 5) % 7; { // 0001-01-01 was a Saturday; Monday is 0
	case first == 3, first == 2 && leapMixed(year):
		return 53
	}
	return 52
}

// WeekOf makes a week of its year and number, 1 to 52 or 53; year 0 has week 53 alone.
func WeekOf(year, week int) (Week, error) {
	switch {
	case year == 0 && week == 53:
		return Week{1}, nil
	case year < 1 || year > 9999 || week < 1 || week > weeksIn(year):
		return Week{}, badWeek(fmt.Sprintf("%d-W%d", year, week))
	}
	return Week{weeksBefore()[year] + int32(week)}, nil
}

func badWeek(value string) error {
	return conversionError("DTWEEK", value, ReasonBadDate, "there is no such week; 0000-W53 and 0001-W01 to 9999-W52 are allowed, and the initial value")
}

// WeekFromRaw makes a week of the number on the wire: 0 is initial, 1 is 0000-W53.
// Numbers outside 0 to 521725 are an error.
func WeekFromRaw(raw int32) (Week, error) {
	if err := checkRaw("DTWEEK", int64(raw), weeksAll); err != nil {
		return Week{}, err
	}
	return Week{raw}, nil
}

// Raw gives the number on the wire, as [WeekFromRaw] reads it.
func (w Week) Raw() int32 { return w.raw }

// Number gives year and number of the week; the initial value is an error.
func (w Week) Number() (year, week int, err error) {
	switch w.raw {
	case 0:
		return 0, 0, isInitial("DTWEEK")
	case 1:
		return 0, 53, nil
	}
	t := weeksBefore()
	year = min(int(w.raw)*7*400/daysPer400Years+2, 9999)
	for t[year] >= w.raw { // at most three steps: the guess is late by one year or two
		year--
	}
	return year, int(w.raw - t[year]), nil
}

// IsInitial reports whether w is the initial value.
func (w Week) IsInitial() bool { return w.raw == 0 }

// Compare orders weeks, the initial value first: -1, 0 or +1.
func (w Week) Compare(o Week) int { return cmp.Compare(w.raw, o.raw) }

// String gives "2026-W27"; "" if initial.
func (w Week) String() string { return string(w.appendText(nil)) }

func (w Week) appendText(dst []byte) []byte {
	year, week, err := w.Number()
	if err != nil {
		return dst
	}
	dst = appendDigits(dst, year, 4)
	return appendDigits(append(dst, "-W"...), week, 2)
}

// ParseWeek reads "2026-W27"; "" is the initial value.
func ParseWeek(s string) (Week, error) {
	if s == "" {
		return Week{}, nil
	}
	if len(s) != 8 || s[4:6] != "-W" || min(number(s[:4]), number(s[6:])) < 0 {
		return Week{}, illegalFormat("DTWEEK", s, "2026-W27")
	}
	return WeekOf(number(s[:4]), number(s[6:]))
}

// MarshalText gives what String gives. JSON uses it too.
func (w Week) MarshalText() ([]byte, error) { return w.appendText(nil), nil }

// AppendText appends what String gives.
func (w Week) AppendText(dst []byte) ([]byte, error) { return w.appendText(dst), nil }

// UnmarshalText reads what [ParseWeek] reads.
func (w *Week) UnmarshalText(text []byte) error { return unmarshal(w, text, ParseWeek) }

// GoString helps %#v.
func (w Week) GoString() string { return fmt.Sprintf("abap.Week(%q)", w.String()) }

// Month is a month of ABAP's type DTMONTH: 0001-01 to 9999-12. The zero value is the
// initial value, below all months. Months are comparable with ==.
//
// Source: spec 20.8 [impl].
type Month struct {
	raw int32 // 0 is initial, else months since 0001-01 plus one
}

// MonthOf makes a month of a year, 1 to 9999.
func MonthOf(year int, month time.Month) (Month, error) {
	if year < 1 || year > 9999 || month < 1 || month > 12 {
		return Month{}, badMonth(fmt.Sprintf("%d-%d", year, int(month)))
	}
	return Month{int32((year-1)*12 + int(month))}, nil
}

func badMonth(value string) error {
	return conversionError("DTMONTH", value, ReasonBadDate, "there is no such month; 0001-01 to 9999-12 are allowed, and the initial value")
}

// MonthFromRaw makes a month of the number on the wire: 0 is initial, 1 is 0001-01.
// Numbers outside 0 to 119988 are an error.
func MonthFromRaw(raw int32) (Month, error) {
	if err := checkRaw("DTMONTH", int64(raw), monthsAll); err != nil {
		return Month{}, err
	}
	return Month{raw}, nil
}

// Raw gives the number on the wire, as [MonthFromRaw] reads it.
func (m Month) Raw() int32 { return m.raw }

// Civil gives year and month; the initial value is an error.
func (m Month) Civil() (year int, month time.Month, err error) {
	if m.raw == 0 {
		return 0, 0, isInitial("DTMONTH")
	}
	return int(m.raw-1)/12 + 1, time.Month((m.raw-1)%12 + 1), nil
}

// IsInitial reports whether m is the initial value.
func (m Month) IsInitial() bool { return m.raw == 0 }

// Compare orders months, the initial value first: -1, 0 or +1.
func (m Month) Compare(o Month) int { return cmp.Compare(m.raw, o.raw) }

// String gives "2026-07"; "" if initial.
func (m Month) String() string { return string(m.appendText(nil)) }

func (m Month) appendText(dst []byte) []byte {
	year, month, err := m.Civil()
	if err != nil {
		return dst
	}
	dst = appendDigits(dst, year, 4)
	return appendDigits(append(dst, '-'), int(month), 2)
}

// ParseMonth reads "2026-07"; "" is the initial value.
func ParseMonth(s string) (Month, error) {
	if s == "" {
		return Month{}, nil
	}
	if len(s) != 7 || s[4] != '-' || min(number(s[:4]), number(s[5:])) < 0 {
		return Month{}, illegalFormat("DTMONTH", s, "2026-07")
	}
	return MonthOf(number(s[:4]), time.Month(number(s[5:])))
}

// MarshalText gives what String gives. JSON uses it too.
func (m Month) MarshalText() ([]byte, error) { return m.appendText(nil), nil }

// AppendText appends what String gives.
func (m Month) AppendText(dst []byte) ([]byte, error) { return m.appendText(dst), nil }

// UnmarshalText reads what [ParseMonth] reads.
func (m *Month) UnmarshalText(text []byte) error { return unmarshal(m, text, ParseMonth) }

// GoString helps %#v.
func (m Month) GoString() string { return fmt.Sprintf("abap.Month(%q)", m.String()) }

// MonthDay is a day of any year, of ABAP's type CDAY: 01-01 to 12-31, 02-29 among them.
// The zero value is the initial value, below all days. Such days are comparable with ==.
//
// Source: spec 20.8 [impl].
type MonthDay struct {
	raw int16 // 0 is initial, else the day of a leap year, 1 to 366
}

// leapYear has the days of a leap year in front of each month, counted from 1.
var leapYear = [...]int16{1: 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}

// MonthDayOf makes a day of a month.
func MonthDayOf(month time.Month, day int) (MonthDay, error) {
	if month < 1 || month > 12 || day < 1 || day > int(leapYear[month+1]-leapYear[month]) {
		return MonthDay{}, badMonthDay(fmt.Sprintf("%d-%d", int(month), day))
	}
	return MonthDay{leapYear[month] + int16(day)}, nil
}

func badMonthDay(value string) error {
	return conversionError("CDAY", value, ReasonBadDate, "there is no such day; 01-01 to 12-31 are allowed, and the initial value")
}

// MonthDayFromRaw makes a day of the number on the wire: 0 is initial, 1 is 01-01.
// Numbers outside 0 to 366 are an error.
func MonthDayFromRaw(raw int16) (MonthDay, error) {
	if err := checkRaw("CDAY", int64(raw), daysLeap); err != nil {
		return MonthDay{}, err
	}
	return MonthDay{raw}, nil
}

// Raw gives the number on the wire, as [MonthDayFromRaw] reads it.
func (m MonthDay) Raw() int16 { return m.raw }

// Civil gives month and day; the initial value is an error.
func (m MonthDay) Civil() (month time.Month, day int, err error) {
	if m.raw == 0 {
		return 0, 0, isInitial("CDAY")
	}
	month = time.Month((m.raw-1)/32 + 1) // months have at most 31 days: never late
	if leapYear[month+1] < m.raw {
		month++
	}
	return month, int(m.raw - leapYear[month]), nil
}

// IsInitial reports whether m is the initial value.
func (m MonthDay) IsInitial() bool { return m.raw == 0 }

// Compare orders days, the initial value first: -1, 0 or +1.
func (m MonthDay) Compare(o MonthDay) int { return cmp.Compare(m.raw, o.raw) }

// String gives "07-05"; "" if initial.
func (m MonthDay) String() string { return string(m.appendText(nil)) }

func (m MonthDay) appendText(dst []byte) []byte {
	month, day, err := m.Civil()
	if err != nil {
		return dst
	}
	dst = appendDigits(dst, int(month), 2)
	return appendDigits(append(dst, '-'), day, 2)
}

// ParseMonthDay reads "07-05"; "" is the initial value.
func ParseMonthDay(s string) (MonthDay, error) {
	if s == "" {
		return MonthDay{}, nil
	}
	if len(s) != 5 || s[2] != '-' || min(number(s[:2]), number(s[3:])) < 0 {
		return MonthDay{}, illegalFormat("CDAY", s, "07-05")
	}
	return MonthDayOf(time.Month(number(s[:2])), number(s[3:]))
}

// MarshalText gives what String gives. JSON uses it too.
func (m MonthDay) MarshalText() ([]byte, error) { return m.appendText(nil), nil }

// AppendText appends what String gives.
func (m MonthDay) AppendText(dst []byte) ([]byte, error) { return m.appendText(dst), nil }

// UnmarshalText reads what [ParseMonthDay] reads.
func (m *MonthDay) UnmarshalText(text []byte) error { return unmarshal(m, text, ParseMonthDay) }

// GoString helps %#v.
func (m MonthDay) GoString() string { return fmt.Sprintf("abap.MonthDay(%q)", m.String()) }

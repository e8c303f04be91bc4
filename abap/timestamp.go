package abap

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Precision is the unit in which a time stamp or a time of day travels.
type Precision uint8

const (
	// Ticks are 100 ns: UTCLONG.
	Ticks Precision = iota
	// Seconds: UTCSECOND and TSECOND.
	Seconds
	// Minutes: UTCMINUTE and TMINUTE.
	Minutes
)

const (
	ticksPerSecond = 10_000_000
	ticksPerMinute = 60 * ticksPerSecond
	ticksAll       = daysAll * secondsPerDay * ticksPerSecond
)

// stampUnits are the names of the types and what one unit is in ticks.
var stampUnits = [...]struct {
	name  string
	ticks int64
}{Ticks: {"UTCLONG", 1}, Seconds: {"UTCSECOND", ticksPerSecond}, Minutes: {"UTCMINUTE", ticksPerMinute}}

// Timestamp is a time stamp in UTC of ABAP's types UTCLONG, UTCSECOND and UTCMINUTE: from
// 0001-01-01T00:00:00 to 9999-12-31T23:59:59.9999999 in steps of 100 ns. The zero value
// is the initial value, which is no point in time and below all of them. Time stamps are
// comparable with ==.
//
// Texts and dates are those of the calendar in use at the time: Julian up to 1582-10-04,
// Gregorian from 1582-10-15, which is the day after. [Timestamp.Time] converts to the
// calendar of package time.
//
// Source: spec 20.8 [impl].
type Timestamp struct {
	raw int64 // 0 is initial, else ticks since 0001-01-01T00:00:00 plus one
}

// TimestampOf makes a time stamp of its civil parts in UTC; ticks counts 100 ns, 0 to
// 9999999. 24:00:00 is the next day's 00:00:00 and refused here.
func TimestampOf(year, month, day, hour, minute, second, ticks int) (Timestamp, error) {
	n, ok := dayOf(year, month, day)
	if !ok {
		return Timestamp{}, conversionError("UTCLONG", fmt.Sprintf("%d-%d-%d", year, month, day), ReasonBadDate,
			"there is no such day; 0001-01-01 to 9999-12-31 are allowed, without 1582-10-05 to 1582-10-14")
	}
	if uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 || uint(ticks) >= ticksPerSecond {
		return Timestamp{}, conversionError("UTCLONG", fmt.Sprintf("%d:%d:%d.%d", hour, minute, second, ticks), ReasonBadTime,
			"want 00:00:00 to 23:59:59.9999999")
	}
	return stampOf(n, (hour*60+minute)*60+second, ticks), nil
}

func stampOf(day, second, ticks int) Timestamp {
	return Timestamp{(int64(day)*secondsPerDay+int64(second))*ticksPerSecond + int64(ticks) + 1}
}

// TimestampFromRaw makes a time stamp of the number on the wire: 0 is initial, else one
// more than the units of p since 0001-01-01T00:00:00. Numbers outside the range of the
// type are an error. It does not allocate on success.
func TimestampFromRaw(raw int64, p Precision) (Timestamp, error) {
	unit := &stampUnits[min(p, Minutes)]
	if uint64(raw) > uint64(ticksAll)/uint64(unit.ticks) {
		return Timestamp{}, checkRaw(unit.name, raw, ticksAll/unit.ticks)
	}
	if raw == 0 {
		return Timestamp{}, nil
	}
	return Timestamp{(raw-1)*unit.ticks + 1}, nil
}

// Raw gives the number on the wire, as [TimestampFromRaw] reads it. A time stamp that
// lies between two units of p is an error: nothing is rounded.
func (t Timestamp) Raw(p Precision) (int64, error) {
	if p == Ticks || t.raw == 0 {
		return t.raw, nil
	}
	unit := &stampUnits[min(p, Minutes)]
	n := (t.raw - 1) / unit.ticks
	if n*unit.ticks != t.raw-1 {
		return 0, conversionError(unit.name, t.String(), ReasonTooManyDecimals,
			"the fraction would be lost; truncate it first if that is meant")
	}
	return n + 1, nil
}

// TimestampFromTime gives the time stamp of an instant. The zero time gives the initial
// value. Instants outside the range, and those that lie between two units of 100 ns, are
// an error: use t.Truncate(100) if the rest does not matter.
func TimestampFromTime(t time.Time) (Timestamp, error) {
	if t.IsZero() {
		return Timestamp{}, nil
	}
	s := t.Unix() + unixEpoch + julianShift*secondsPerDay
	if s < 0 || s >= daysAll*secondsPerDay {
		return Timestamp{}, conversionError("UTCLONG", t.UTC().Format(time.RFC3339Nano), ReasonBadDate, "the year must be 1 to 9999")
	}
	if t.Nanosecond()%100 != 0 {
		return Timestamp{}, conversionError("UTCLONG", t.UTC().Format(time.RFC3339Nano), ReasonTooManyDecimals,
			"a time stamp has seven decimals; t.Truncate(100) drops the rest")
	}
	return Timestamp{s*ticksPerSecond + int64(t.Nanosecond()/100) + 1}, nil
}

// Time gives the instant, in UTC. The initial value gives the zero time, which
// [TimestampFromTime] maps back to it. (That instant is 0001-01-03T00:00:00 of the Julian
// calendar, which does not come back.)
func (t Timestamp) Time() time.Time {
	if t.raw == 0 {
		return time.Time{}
	}
	s := (t.raw-1)/ticksPerSecond - julianShift*secondsPerDay - unixEpoch
	return time.Unix(s, (t.raw-1)%ticksPerSecond*100).UTC()
}

// IsInitial reports whether t is the initial value.
func (t Timestamp) IsInitial() bool { return t.raw == 0 }

// Date gives the day in UTC; the initial date for the initial value.
func (t Timestamp) Date() Date {
	if t.raw == 0 {
		return Date{}
	}
	return makeDate(civilOf(int((t.raw - 1) / (secondsPerDay * ticksPerSecond))))
}

// TimeOfDay gives hours, minutes and seconds in UTC; initial for the initial value.
func (t Timestamp) TimeOfDay() TimeOfDay {
	if t.raw == 0 {
		return TimeOfDay{}
	}
	return TimeOfDay{int32((t.raw-1)/ticksPerSecond%secondsPerDay) + 1}
}

// Fraction gives what is behind the seconds in units of 100 ns, 0 to 9999999.
func (t Timestamp) Fraction() int {
	if t.raw == 0 {
		return 0
	}
	return int((t.raw - 1) % ticksPerSecond)
}

// Compare orders time stamps, the initial value first: -1, 0 or +1.
func (t Timestamp) Compare(o Timestamp) int { return cmp.Compare(t.raw, o.raw) }

// String gives the text of UTCLONG, "2026-07-05T12:34:56.1234567", always with seven
// decimals; the initial value is "0000-00-00T00:00:00.0000000".
func (t Timestamp) String() string { return t.Text(Ticks) }

// Text gives the text of the type with precision p: of UTCSECOND "2026-07-05T12:34:56",
// of UTCMINUTE "2026-07-05T12:34", for both "" if initial. A time stamp that has more
// than p says keeps it: nothing is cut.
func (t Timestamp) Text(p Precision) string {
	var buf [len(initialStamp)]byte
	return string(t.appendText(buf[:0], p))
}

const initialStamp = "0000-00-00T00:00:00.0000000"

func (t Timestamp) appendText(dst []byte, p Precision) []byte {
	if t.raw == 0 {
		if p == Ticks {
			dst = append(dst, initialStamp...)
		}
		return dst
	}
	ticks := (t.raw - 1) % ticksPerSecond
	second := int((t.raw - 1) / ticksPerSecond % secondsPerDay)
	dst = appendDay(dst, int((t.raw-1)/ticksPerSecond/secondsPerDay))
	dst = appendDigits(append(dst, 'T'), second/3600, 2)
	dst = appendDigits(append(dst, ':'), second/60%60, 2)
	if p == Minutes && second%60 == 0 && ticks == 0 {
		return dst
	}
	dst = appendDigits(append(dst, ':'), second%60, 2)
	if p != Ticks && ticks == 0 {
		return dst
	}
	return appendDigits(append(dst, '.'), int(ticks), 7)
}

// appendDay appends the day with number n as YYYY-MM-DD.
func appendDay(dst []byte, n int) []byte {
	y, m, d := civilOf(n)
	dst = appendDigits(dst, y, 4)
	dst = appendDigits(append(dst, '-'), m, 2)
	return appendDigits(append(dst, '-'), d, 2)
}

// ParseTimestamp reads the text of a time stamp in UTC for the type with precision p:
// "2026-07-05T12:34:56.1234567" with up to seven decimals, without them, or without
// seconds; a blank may stand in place of the T and a Z behind it. "" and a text of zeros
// are the initial value. A fraction that p does not have is an error, and so is another
// time zone: convert it first.
func ParseTimestamp(s string, p Precision) (Timestamp, error) {
	typ := stampUnits[min(p, Minutes)].name
	if s == "" {
		return Timestamp{}, nil
	}
	text := strings.TrimSuffix(s, "Z")
	bad := func() (Timestamp, error) {
		return Timestamp{}, illegalFormat(typ, s, "2026-07-05T12:34:56.1234567 in UTC, with or without decimals and seconds")
	}
	if len(text) < 16 || text[4] != '-' || text[7] != '-' || text[10] != 'T' && text[10] != ' ' || text[13] != ':' {
		return bad()
	}
	year, month, day := number(text[:4]), number(text[5:7]), number(text[8:10])
	hour, minute, second, ticks := number(text[11:13]), number(text[14:16]), 0, 0
	if rest := text[16:]; rest != "" {
		if len(rest) < 3 || rest[0] != ':' {
			return bad()
		}
		second, rest = number(rest[1:3]), rest[3:]
		if rest != "" {
			if rest[0] != '.' || len(rest) < 2 || len(rest) > 8 {
				return bad()
			}
			if ticks = number(rest[1:]); ticks < 0 {
				return bad()
			}
			for range 8 - len(rest) {
				ticks *= 10
			}
		}
	}
	if min(year, month, day, hour, minute, second) < 0 {
		return bad()
	}
	if year|month|day|hour|minute|second|ticks == 0 {
		return Timestamp{}, nil
	}
	n, ok := dayOf(year, month, day)
	if !ok {
		return Timestamp{}, conversionError(typ, s, ReasonBadDate,
			"there is no such day; 0001-01-01 to 9999-12-31 are allowed, without 1582-10-05 to 1582-10-14")
	}
	if hour > 23 || minute > 59 || second > 59 {
		return Timestamp{}, conversionError(typ, s, ReasonBadTime, "there is no such time; 00:00:00 to 23:59:59 are allowed")
	}
	t := stampOf(n, (hour*60+minute)*60+second, ticks)
	if _, err := t.Raw(p); err != nil {
		return Timestamp{}, err
	}
	return t, nil
}

// MarshalText gives what String gives. JSON uses it too.
func (t Timestamp) MarshalText() ([]byte, error) { return t.appendText(nil, Ticks), nil }

// AppendText appends what String gives.
func (t Timestamp) AppendText(dst []byte) ([]byte, error) { return t.appendText(dst, Ticks), nil }

// UnmarshalText reads what [ParseTimestamp] reads.
func (t *Timestamp) UnmarshalText(text []byte) error {
	return unmarshal(t, text, func(s string) (Timestamp, error) { return ParseTimestamp(s, Ticks) })
}

// unmarshal sets v to what parse makes of a text.
func unmarshal[T any](v *T, text []byte, parse func(string) (T, error)) error {
	if len(text) > maxTemporalText {
		text = text[:maxTemporalText] // longer than any: an error, in bounded work
	}
	x, err := parse(string(text))
	if err == nil {
		*v = x
	}
	return err
}

// GoString helps %#v.
func (t Timestamp) GoString() string { return "abap.Timestamp(" + t.String() + ")" }

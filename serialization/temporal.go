package serialization

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// The compact types of time are signed integers on the wire (spec 20.8 [impl]). Package abap
// knows what they mean; this file chooses the type by the kind of a field.

// precision is the unit of a time stamp or time of day.
func precision(k metadata.Kind) abap.Precision {
	switch k {
	case metadata.UTCSecond, metadata.TSecond:
		return abap.Seconds
	case metadata.UTCMinute, metadata.TMinute:
		return abap.Minutes
	default:
		return abap.Ticks
	}
}

// hasInstant reports whether values of a kind have a place on the time line, so that they
// convert to time.Time.
func hasInstant(k metadata.Kind) bool {
	switch k {
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute, metadata.DTDay:
		return true
	default:
		return false
	}
}

// accepted says what may be written to a compact type of time.
func accepted(k metadata.Kind) string {
	switch k {
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		return `; an abap.Timestamp, a time.Time or a string such as "2026-07-05T12:34:56" is required`
	case metadata.DTDay:
		return `; an abap.Date, a time.Time or a string such as "2026-07-05" is required`
	case metadata.TSecond, metadata.TMinute:
		return `; an abap.TimeOfDay, a time.Duration or a string such as "12:34:56" is required`
	case metadata.DTWeek:
		return `; an abap.Week or a string such as "2026-W27" is required`
	case metadata.DTMonth:
		return `; an abap.Month or a string such as "2026-07" is required`
	case metadata.CDay:
		return `; an abap.MonthDay or a string such as "07-05" is required`
	default:
		return ""
	}
}

// rawTime gives the number on the wire for what may stand for a value of a compact type.
// Integers may not: that a number counts from 1, and what it counts, nobody sees.
func rawTime(f *metadata.Field, v any) (raw int64, ok bool, err error) {
	p := precision(f.Kind)
	switch f.Kind {
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		var t abap.Timestamp
		switch v := v.(type) {
		case abap.Timestamp:
			t = v
		case time.Time:
			t, err = abap.TimestampFromTime(v)
		case string:
			t, err = abap.ParseTimestamp(v, p)
		default:
			return 0, false, nil
		}
		if err == nil {
			raw, err = t.Raw(p)
		}
	case metadata.TSecond, metadata.TMinute:
		var t abap.TimeOfDay
		switch v := v.(type) {
		case abap.TimeOfDay:
			t = v
		case time.Duration:
			t, err = abap.TimeOfDayFromDuration(v)
		case string:
			t, err = abap.ParseTimeOfDay(v, p)
		default:
			return 0, false, nil
		}
		var n int32
		if err == nil {
			n, err = t.Raw(p)
		}
		raw = int64(n)
	default:
		return rawDay(f, v)
	}
	if err != nil {
		return 0, false, abapError(f, err)
	}
	return raw, true, nil
}

// rawDay is rawTime for days, weeks and months.
func rawDay(f *metadata.Field, v any) (raw int64, ok bool, err error) {
	text, isText := v.(string)
	var n int32
	switch f.Kind {
	case metadata.DTDay:
		switch v := v.(type) {
		case abap.Date:
			n, err = v.Day()
		case time.Time:
			n, err = abap.DayFromTime(v)
		case string:
			var d abap.Date
			if d, err = abap.ParseDay(v); err == nil {
				n, err = d.Day()
			}
		default:
			return 0, false, nil
		}
	case metadata.DTWeek:
		w, native := v.(abap.Week)
		if isText {
			w, err = abap.ParseWeek(text)
		}
		n, ok = w.Raw(), native || isText
	case metadata.DTMonth:
		m, native := v.(abap.Month)
		if isText {
			m, err = abap.ParseMonth(text)
		}
		n, ok = m.Raw(), native || isText
	default:
		m, native := v.(abap.MonthDay)
		if isText {
			m, err = abap.ParseMonthDay(text)
		}
		n, ok = int32(m.Raw()), native || isText
	}
	if err != nil {
		return 0, false, abapError(f, err)
	}
	return int64(n), ok || f.Kind == metadata.DTDay, nil
}

// timeOfRaw gives the value of a number on the wire as its default Go type. Numbers that the
// type does not have are an error (case G-32).
func timeOfRaw(f *metadata.Field, raw int64) (any, error) {
	var v any
	var err error
	switch f.Kind {
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		v, err = abap.TimestampFromRaw(raw, precision(f.Kind))
	case metadata.DTDay:
		v, err = abap.DateFromDay(int32(raw))
	case metadata.DTWeek:
		v, err = abap.WeekFromRaw(int32(raw))
	case metadata.DTMonth:
		v, err = abap.MonthFromRaw(int32(raw))
	case metadata.CDay:
		v, err = abap.MonthDayFromRaw(int16(raw))
	default:
		v, err = abap.TimeOfDayFromRaw(int32(raw), precision(f.Kind))
	}
	if err != nil {
		return nil, abapError(f, err)
	}
	return v, nil
}

// temporalFromRaw stores the value of a number at to, where a value of the default Go type
// lies: all types but the time stamps, without an interface between.
func temporalFromRaw(f *metadata.Field, raw int64, to unsafe.Pointer) error {
	var err error
	switch f.Kind {
	case metadata.DTDay:
		*(*abap.Date)(to), err = abap.DateFromDay(int32(raw))
	case metadata.DTWeek:
		*(*abap.Week)(to), err = abap.WeekFromRaw(int32(raw))
	case metadata.DTMonth:
		*(*abap.Month)(to), err = abap.MonthFromRaw(int32(raw))
	case metadata.CDay:
		*(*abap.MonthDay)(to), err = abap.MonthDayFromRaw(int16(raw))
	default:
		*(*abap.TimeOfDay)(to), err = abap.TimeOfDayFromRaw(int32(raw), precision(f.Kind))
	}
	if err != nil {
		return abapError(f, err)
	}
	return nil
}

// rawTemporal is the inverse of temporalFromRaw.
func rawTemporal(f *metadata.Field, from unsafe.Pointer) (int64, error) {
	var n int32
	var err error
	switch f.Kind {
	case metadata.DTDay:
		n, err = (*(*abap.Date)(from)).Day()
	case metadata.DTWeek:
		n = (*(*abap.Week)(from)).Raw()
	case metadata.DTMonth:
		n = (*(*abap.Month)(from)).Raw()
	case metadata.CDay:
		n = int32((*(*abap.MonthDay)(from)).Raw())
	default:
		n, err = (*(*abap.TimeOfDay)(from)).Raw(precision(f.Kind))
	}
	if err != nil {
		return 0, abapError(f, err)
	}
	return int64(n), nil
}

// lexicalTime reads the form that documents have: the number, or leniently the text of the
// type. Digits alone are the number (spec 21.5 [impl]).
func lexicalTime(f *metadata.Field, s string) (int64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		raw, _, err := rawTime(f, s)
		return raw, err
	}
	n, err := strconv.ParseInt(s, 10, 8*f.Width(2))
	if err != nil {
		return 0, refusef(f, Overflow, quote(s), "the number is out of range")
	}
	_, err = timeOfRaw(f, n)
	return n, err
}

// timeText is the text of a date, time or time stamp in JSON and in Go strings: of types D
// and T the characters as they are, of the compact types that of spec 20.8.
func timeText(f *metadata.Field, v any) string {
	switch v := v.(type) {
	case abap.Date:
		s := v.String()
		switch {
		case f.Kind != metadata.DTDay:
			return s
		case v.IsInitial():
			return ""
		}
		return s[:4] + "-" + s[4:6] + "-" + s[6:]
	case abap.Time:
		return v.String()
	case abap.Timestamp:
		return v.Text(precision(f.Kind))
	case abap.TimeOfDay:
		return v.Text(precision(f.Kind))
	case abap.Week:
		return v.String()
	case abap.Month:
		return v.String()
	case abap.MonthDay:
		return v.String()
	}
	return ""
}

// goTime converts to package time.
func goTime(f *metadata.Field, v any) (time.Time, error) {
	var t time.Time
	var err error
	switch v := v.(type) {
	case abap.Timestamp:
		t = v.Time()
	case abap.Date:
		if f.Kind != metadata.DTDay {
			t, err = v.Time(time.UTC)
			break
		}
		var n int32
		if n, err = v.Day(); err == nil {
			t, err = abap.DayTime(n, time.UTC)
		}
	case abap.Time:
		var h, m, s int
		h, m, s, err = v.Clock()
		t = time.Date(0, 1, 1, h, m, s, 0, time.UTC)
	default:
		return time.Time{}, refusef(f, WrongType, "", "no time in %T", v)
	}
	if err != nil {
		return time.Time{}, abapError(f, err)
	}
	return t, nil
}

// goDuration gives the time since midnight.
func goDuration(f *metadata.Field, v any) (time.Duration, error) {
	var d time.Duration
	var err error
	switch v := v.(type) {
	case abap.Time:
		d, err = v.Duration()
	case abap.TimeOfDay:
		d, err = v.Duration()
	}
	if err != nil {
		return 0, abapError(f, err)
	}
	return d, nil
}

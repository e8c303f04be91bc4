package serialization

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// getter is one of the converting getters of a Record.
type getter uint16

const (
	asString getter = 1 << iota
	asInt64
	asBigInt
	asFloat64
	asDecimal
	asDate
	asTime
	asBytes
	asBool
	asGoTime
	asTimestamp
	asTimeOfDay
	asWeek
	asMonth
	asMonthDay
)

var getterNames = [...]string{
	"String", "Int64", "BigInt", "Float64", "Decimal", "Date", "Time", "Bytes", "Bool", "GoTime",
	"Timestamp", "TimeOfDay", "Week", "Month", "MonthDay",
}

const (
	ofText   = asString | asInt64 | asBigInt | asFloat64 | asDecimal | asDate | asTime | asBytes | asBool
	ofNumber = asString | asBigInt | asFloat64 | asDecimal
)

// matrix says which getters convert which kind. It is the one that JCo publishes for the
// methods of JCoRecord: a pair that JCo refuses is refused here. Source: javadoc of
// JCoRecord, releases 2.1 to 3.1 [doc]. Where the published table ends (time of day and
// bytes of texts, BigInt of decimal floats) a pair is there if it loses nothing [inferred];
// GoTime, Bool and the getters of the compact types of time are ours.
var matrix = [256]getter{
	metadata.Char:    ofText,
	metadata.String:  ofText,
	metadata.Numc:    ofNumber | asInt64,
	metadata.Int1:    ofNumber | asInt64,
	metadata.Int2:    ofNumber | asInt64,
	metadata.Int4:    ofNumber | asInt64,
	metadata.Int8:    ofNumber | asInt64,
	metadata.Packed:  ofNumber,
	metadata.Float:   asString | asFloat64 | asDecimal,
	metadata.Raw:     asString | asInt64 | asBytes,
	metadata.XString: asString | asInt64 | asBytes,
	metadata.Date:    asString | asDate | asGoTime,
	metadata.Time:    asString | asTime | asGoTime,

	metadata.DecFloat16: ofNumber,
	metadata.DecFloat34: ofNumber,
	metadata.UTCLong:    asString | asTimestamp | asGoTime,
	metadata.UTCSecond:  asString | asTimestamp | asGoTime,
	metadata.UTCMinute:  asString | asTimestamp | asGoTime,
	metadata.DTDay:      asString | asDate | asGoTime,
	metadata.TSecond:    asString | asTimeOfDay,
	metadata.TMinute:    asString | asTimeOfDay,
	metadata.DTWeek:     asString | asWeek,
	metadata.DTMonth:    asString | asMonth,
	metadata.CDay:       asString | asMonthDay,

	metadata.Structure:     asString, // its name
	metadata.DeepStructure: asString,
	metadata.Table:         asString,
}

// scalar finds a field that the getter converts.
func (r *Record) scalar(name string, g getter) (int, *shapeField, any, error) {
	i, fd, v, err := r.current(name)
	if err != nil {
		return 0, nil, nil, err
	}
	if have := matrix[fd.f.Kind]; have&g == 0 {
		return 0, nil, nil, r.fail(i, refuse(fd.f, WrongType, "", "not read as "+names(g)+"; use "+names(have)))
	}
	return i, fd, v, nil
}

// names lists getters.
func names(set getter) string {
	var list []string
	for i, name := range getterNames {
		if set&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	if list == nil {
		return "Any"
	}
	return strings.Join(list, ", ")
}

// String gives a scalar of any type as text: packed numbers in plain decimal notation with all
// decimals, DATE as "2026-07-05", TIME as "12:34:56" (initial "0000-00-00" and "00:00:00"),
// bytes in upper-case hexadecimal digits, CHAR and NUM as they are, decimal floats and the
// compact types of time as their types in package abap print. A structure or table gives the
// name of its type, as in JCo. SetString is its inverse.
func (r *Record) String(name string) (string, error) {
	_, fd, v, err := r.scalar(name, asString)
	if err != nil {
		return "", err
	}
	return recordText(fd.f, v), nil
}

func recordText(f *metadata.Field, v any) string {
	switch f.Kind {
	case metadata.Date:
		if d, _ := v.(abap.Date); !d.IsBlank() {
			s := d.String()
			return s[:4] + "-" + s[4:6] + "-" + s[6:]
		}
		return blanks[:8]
	case metadata.Time:
		if t, _ := v.(abap.Time); !t.IsBlank() {
			s := t.String()
			return s[:2] + ":" + s[2:4] + ":" + s[4:]
		}
		return blanks[:6]
	default:
	}
	switch x := v.(type) {
	case string:
		return x
	case []byte:
		return strings.ToUpper(hex.EncodeToString(x))
	case abap.Decimal:
		return decimalString(f, x)
	case float64:
		return string(appendFloat(nil, x))
	case *Record, *Table:
		if f.TypeName != "" {
			return f.TypeName
		}
		return f.Type.Name
	}
	if n, ok := recordInt(v); ok {
		return strconv.FormatInt(n, 10)
	}
	return timeText(f, v)
}

// recordInt gives the value of any integer kind.
func recordInt(v any) (int64, bool) {
	switch x := v.(type) {
	case int32:
		return int64(x), true
	case int16:
		return int64(x), true
	case uint8:
		return int64(x), true
	case int64:
		return x, true
	}
	return 0, false
}

// Int64 gives an integer: of the integer types, of digits in CHAR, STRING and NUM, and of
// bytes, which are read as one unsigned number, first byte highest. Texts may have blanks
// around the number and the sign in front or, as ABAP writes it, behind. A fraction other
// than zero and a number out of range are errors; packed numbers and floats are not
// converted, as in JCo (BigInt does it).
func (r *Record) Int64(name string) (int64, error) {
	i, fd, v, err := r.scalar(name, asInt64)
	if err != nil {
		return 0, err
	}
	n, err := recordInt64(fd.f, v)
	if err != nil {
		return 0, r.fail(i, err)
	}
	return n, nil
}

func recordInt64(f *metadata.Field, v any) (int64, error) {
	if n, ok := recordInt(v); ok {
		return n, nil
	}
	if b, ok := v.([]byte); ok {
		n := new(big.Int).SetBytes(b)
		if !n.IsInt64() {
			return 0, refusef(f, Overflow, show(b), "%d bytes do not fit an integer of 64 bits", len(b))
		}
		return n.Int64(), nil
	}
	d, err := recordDecimal(f, v)
	if err != nil {
		return 0, err
	}
	return decimalInt64(f, d)
}

// Int is Int64 for int, which has 32 bits on some platforms.
func (r *Record) Int(name string) (int, error) {
	n, err := r.Int64(name)
	if err != nil {
		return 0, err
	}
	if int64(int(n)) != n {
		i, fd, _, _ := r.current(name)
		return 0, r.fail(i, refusef(fd.f, Overflow, strconv.FormatInt(n, 10), "%d does not fit go type int", n))
	}
	return int(n), nil
}

// BigInt gives an integer of any size, also of packed numbers without a fraction.
func (r *Record) BigInt(name string) (*big.Int, error) {
	i, fd, v, err := r.scalar(name, asBigInt)
	if err != nil {
		return nil, err
	}
	d, err := recordDecimal(fd.f, v)
	if err != nil {
		return nil, r.fail(i, err)
	}
	x := d.Rat()
	if x == nil || !x.IsInt() {
		return nil, r.fail(i, refuse(fd.f, TooManyDecimals, d.String(), "not an integer"))
	}
	return x.Num(), nil
}

// Float64 gives the nearest float of a number, or of a number in CHAR, STRING and NUM. Most
// decimals have no exact float: use Decimal for amounts.
func (r *Record) Float64(name string) (float64, error) {
	i, fd, v, err := r.scalar(name, asFloat64)
	if err != nil {
		return 0, err
	}
	if x, ok := v.(float64); ok {
		return x, nil
	}
	d, err := recordDecimal(fd.f, v)
	if err != nil {
		return 0, r.fail(i, err)
	}
	x := d.Float64()
	if math.IsInf(x, 0) && d.IsFinite() {
		return 0, r.fail(i, refuse(fd.f, Overflow, d.String(), "out of the range of float64"))
	}
	return x, nil
}

// Decimal gives a number exactly: of the numeric types, and of a number in CHAR, STRING and
// NUM, written as for Int64. FLOAT gives the shortest decimal that reads back as the same
// float.
func (r *Record) Decimal(name string) (abap.Decimal, error) {
	i, fd, v, err := r.scalar(name, asDecimal)
	if err != nil {
		return abap.Decimal{}, err
	}
	d, err := recordDecimal(fd.f, v)
	if err != nil {
		return abap.Decimal{}, r.fail(i, err)
	}
	return d, nil
}

func recordDecimal(f *metadata.Field, v any) (abap.Decimal, error) {
	switch x := v.(type) {
	case abap.Decimal:
		return x, nil
	case float64:
		d, _, err := decimalFloat(f, x, 64)
		return d, err
	case string:
		return numberInText(f, x)
	}
	n, _ := recordInt(v)
	return abap.FromInt64(n), nil
}

// numberInText reads a number out of a text: with blanks around it, and the sign on either
// side.
func numberInText(f *metadata.Field, s string) (abap.Decimal, error) {
	t := strings.Trim(s, " ")
	if n := len(t) - 1; n > 0 && t[n] == '-' && t[0] >= '0' && t[0] <= '9' {
		t = "-" + t[:n]
	}
	if t == "" {
		return abap.Decimal{}, refuse(f, NotANumber, quote(s), "no number in an empty text")
	}
	d, _, err := decimalText(f, t)
	if err == nil && !d.IsFinite() {
		err = refuse(f, NotANumber, quote(s), "not a number")
	}
	return d, err
}

// Date gives a DATE or DTDAY as it is, or the date in a CHAR or STRING: "2026-07-05" or "20260705",
// an empty text is the initial date.
func (r *Record) Date(name string) (abap.Date, error) {
	i, fd, v, err := r.scalar(name, asDate)
	if err != nil {
		return abap.Date{}, err
	}
	if d, ok := v.(abap.Date); ok {
		return d, nil
	}
	s, _ := v.(string)
	d, err := abap.ParseDate(strings.TrimRight(s, " "))
	if err != nil {
		return abap.Date{}, r.fail(i, abapError(fd.f, err))
	}
	return d, nil
}

// Time gives a TIME as it is, or the time in a CHAR or STRING: "12:34:56" or "123456", an
// empty text is the initial time.
func (r *Record) Time(name string) (abap.Time, error) {
	i, fd, v, err := r.scalar(name, asTime)
	if err != nil {
		return abap.Time{}, err
	}
	if t, ok := v.(abap.Time); ok {
		return t, nil
	}
	s, _ := v.(string)
	t, err := abap.ParseTime(strings.TrimRight(s, " "))
	if err != nil {
		return abap.Time{}, r.fail(i, abapError(fd.f, err))
	}
	return t, nil
}

// Timestamp gives a UTCLONG, UTCSECOND or UTCMINUTE.
func (r *Record) Timestamp(name string) (abap.Timestamp, error) {
	return native[abap.Timestamp](r, name, asTimestamp)
}

// TimeOfDay gives a TSECOND or TMINUTE. For TIME use Time.
func (r *Record) TimeOfDay(name string) (abap.TimeOfDay, error) {
	return native[abap.TimeOfDay](r, name, asTimeOfDay)
}

// Week gives a DTWEEK.
func (r *Record) Week(name string) (abap.Week, error) { return native[abap.Week](r, name, asWeek) }

// Month gives a DTMONTH.
func (r *Record) Month(name string) (abap.Month, error) {
	return native[abap.Month](r, name, asMonth)
}

// MonthDay gives a CDAY.
func (r *Record) MonthDay(name string) (abap.MonthDay, error) {
	return native[abap.MonthDay](r, name, asMonthDay)
}

// native gives a value that is held as the type that is asked for.
func native[T any](r *Record, name string, g getter) (T, error) {
	_, _, v, err := r.scalar(name, g)
	x, _ := v.(T)
	return x, err
}

// GoTime gives a DATE or DTDAY as midnight in loc, a time stamp as the same instant in loc, a
// TIME as time of January 1 of year 0 in loc; nil is UTC. Initial values but that of TIME give
// the zero time; a date that is no day of the calendar is an error.
func (r *Record) GoTime(name string, loc *time.Location) (time.Time, error) {
	i, fd, v, err := r.scalar(name, asGoTime)
	if err != nil {
		return time.Time{}, err
	}
	t, err := goTimeIn(fd.f, v, loc)
	if err != nil {
		return time.Time{}, r.fail(i, err)
	}
	return t, nil
}

// Bytes gives the bytes of BYTE and XSTRING, or those that a CHAR or STRING holds as
// hexadecimal digits. They are a copy.
func (r *Record) Bytes(name string) ([]byte, error) {
	i, fd, v, err := r.scalar(name, asBytes)
	if err != nil {
		return nil, err
	}
	if b, ok := v.([]byte); ok {
		return append([]byte{}, b...), nil
	}
	s, _ := v.(string)
	b, err := hexBytes(fd.f, strings.TrimRight(s, " "))
	if err != nil {
		return nil, r.fail(i, err)
	}
	return b, nil
}

func hexBytes(f *metadata.Field, s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, &ConversionError{Kind: typeText(f), Value: quote(s), Reason: BadDigit, Text: "an even number of hexadecimal digits is required", Err: err}
	}
	return b, nil
}

// Bool gives ABAP's truth value in a CHAR or STRING: "X" is true, blank is false.
func (r *Record) Bool(name string) (bool, error) {
	i, fd, v, err := r.scalar(name, asBool)
	if err != nil {
		return false, err
	}
	s, _ := v.(string)
	switch strings.TrimRight(s, " ") {
	case "X":
		return true, nil
	case "":
		return false, nil
	}
	return false, r.fail(i, refuse(fd.f, WrongType, quote(s), "\"X\" or blank is required"))
}

// SetString sets a scalar from the text that String gives, as JCo's setValue(String) does:
// dates with or without separators, bytes as hexadecimal digits, numbers in decimal notation.
// On an error nothing is changed.
func (r *Record) SetString(name, text string) error {
	i, err := r.find(name)
	if err != nil {
		return err
	}
	f := r.shape.fields[i].f
	v, err := valueOfText(f, text)
	if err != nil {
		return r.fail(i, err)
	}
	return r.Set(name, v)
}

// valueOfText reads a text as a value that Set takes for the field.
func valueOfText(f *metadata.Field, s string) (any, error) {
	switch f.Kind {
	case metadata.Date:
		d, err := abap.ParseDate(s)
		if err != nil {
			return nil, abapError(f, err)
		}
		return d, nil
	case metadata.Time:
		t, err := abap.ParseTime(s)
		if err != nil {
			return nil, abapError(f, err)
		}
		return t, nil
	case metadata.Raw, metadata.XString:
		return hexBytes(f, s)
	case metadata.Int1, metadata.Int2, metadata.Int4, metadata.Int8:
		d, err := numberInText(f, s)
		if err != nil {
			return nil, err
		}
		return decimalInt64(f, d)
	case metadata.Float:
		x, err := abap.ParseFloat(strings.Trim(s, " "))
		if err != nil {
			return nil, abapError(f, err)
		}
		return x, nil
	case metadata.Packed, metadata.DecFloat16, metadata.DecFloat34:
		return numberInText(f, s)
	default:
		return s, nil
	}
}

func goTimeIn(f *metadata.Field, v any, loc *time.Location) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	t, err := goTime(f, v)
	if _, instant := v.(abap.Timestamp); err != nil || t.IsZero() {
		return time.Time{}, err
	} else if instant {
		return t.In(loc), nil
	}
	// The same reading of the clock elsewhere.
	year, month, day := t.Date()
	h, m, s := t.Clock()
	return time.Date(year, month, day, h, m, s, 0, loc), nil
}

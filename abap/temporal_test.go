package abap_test

import (
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/evidence"
)

// compact is one of the nine types behind one face: text to number and back.
type compact struct {
	width   int
	highest int64
	name    string
	parse   func(string) (int64, error)
	text    func(int64) (string, error)
}

// stampType makes the face of a type of time stamps.
func stampType(name string, highest int64, p abap.Precision) compact {
	return compact{8, highest, name, func(s string) (int64, error) {
		t, err := abap.ParseTimestamp(s, p)
		if err != nil {
			return 0, err
		}
		return t.Raw(p)
	}, func(n int64) (string, error) {
		t, err := abap.TimestampFromRaw(n, p)
		return t.Text(p), err
	}}
}

func clockType(name string, width int, highest int64, p abap.Precision) compact {
	return compact{width, highest, name, func(s string) (int64, error) {
		t, err := abap.ParseTimeOfDay(s, p)
		if err != nil {
			return 0, err
		}
		n, err := t.Raw(p)
		return int64(n), err
	}, func(n int64) (string, error) {
		t, err := abap.TimeOfDayFromRaw(int32(n), p)
		return t.Text(p), err
	}}
}

func wide[T any](parse func(string) (T, error), raw func(T) int64) func(string) (int64, error) {
	return func(s string) (int64, error) {
		v, err := parse(s)
		if err != nil {
			return 0, err
		}
		return raw(v), nil
	}
}

func texts[T fmt.Stringer, R int16 | int32](from func(R) (T, error)) func(int64) (string, error) {
	return func(n int64) (string, error) {
		v, err := from(R(n))
		return v.String(), err
	}
}

// compacts are the types by their letter.
var compacts = map[string]compact{
	"p": stampType("UTCLONG", 3155380704000000000, abap.Ticks),
	"n": stampType("UTCSECOND", 315538070400, abap.Seconds),
	"w": stampType("UTCMINUTE", 5258967840, abap.Minutes),
	"d": {4, 3652061, "DTDAY", func(s string) (int64, error) {
		d, err := abap.ParseDay(s)
		if err != nil {
			return 0, err
		}
		n, err := d.Day()
		return int64(n), err
	}, func(n int64) (string, error) {
		d, err := abap.DateFromDay(int32(n))
		if err != nil || d.IsInitial() {
			return "", err
		}
		s := d.String()
		return s[:4] + "-" + s[4:6] + "-" + s[6:], nil
	}},
	"7": {4, 521725, "DTWEEK", wide(abap.ParseWeek, func(v abap.Week) int64 { return int64(v.Raw()) }), texts(abap.WeekFromRaw)},
	"x": {4, 119988, "DTMONTH", wide(abap.ParseMonth, func(v abap.Month) int64 { return int64(v.Raw()) }), texts(abap.MonthFromRaw)},
	"t": clockType("TSECOND", 4, 86401, abap.Seconds),
	"i": clockType("TMINUTE", 2, 1441, abap.Minutes),
	"c": {2, 366, "CDAY", wide(abap.ParseMonthDay, func(v abap.MonthDay) int64 { return int64(v.Raw()) }), texts(abap.MonthDayFromRaw)},
}

// littleEndian gives n in as many bytes as the type has.
func littleEndian(n int64, width int) string {
	b := make([]byte, width)
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	return hex.EncodeToString(b)
}

func TestG17ToG28TemporalVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		EXID, Text string
		Raw        int64
		Hex        string `json:"hex_le"`
	}
	var doc struct{ Temporal []vector }
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "types.json"), &doc))
	require.NotEmpty(t, doc.Temporal)
	for _, v := range append(doc.Temporal,
		vector{"p", "2002-02-04T20:15:01.1234567", 0, "08272f17627dc308"}, // G-22
		vector{"n", "2002-02-04T20:15:01", 0, "c685f3b30e000000"},         // G-23
		vector{"w", "2002-02-04T20:15", 0, "8086bb3e00000000"},            // G-24
		vector{"d", "2002-02-04", 0, "07270b00"},                          // G-25
		vector{"x", "2002-02", 0, "ce5d0000"},                             // G-26
		vector{"t", "20:15:01", 0, "c61c0100"},                            // G-27
		vector{"i", "20:15", 0, "c004"},                                   // G-27
		vector{"c", "02-04", 0, "2300"},                                   // G-28
	) {
		text, _, _ := strings.Cut(v.Text, " (")
		c, ok := compacts[v.EXID]
		require.True(t, ok, v.EXID)
		raw, err := c.parse(text)
		require.NoError(t, err, v.Text)
		if v.Raw != 0 {
			require.Equal(t, v.Raw, raw, v.Text)
		}
		require.Equal(t, v.Hex, littleEndian(raw, c.width), v.Text)
		back, err := c.text(raw)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
}

func TestG29InitialIsEmptyTextAndZero(t *testing.T) {
	t.Parallel()
	for letter, c := range compacts {
		raw, err := c.parse("")
		require.NoError(t, err)
		require.Zero(t, raw)
		text, err := c.text(0)
		require.NoError(t, err)
		want := ""
		if letter == "p" {
			want = "0000-00-00T00:00:00.0000000" // G-19
		}
		require.Equal(t, want, text)
	}
	require.True(t, abap.Timestamp{}.IsInitial() && abap.TimeOfDay{}.IsInitial() && abap.Week{}.IsInitial() &&
		abap.Month{}.IsInitial() && abap.MonthDay{}.IsInitial())
	for _, s := range []string{"0000-00-00T00:00", "0000-00-00T00:00:00", "0000-00-00 00:00:00.0"} {
		v, err := abap.ParseTimestamp(s, abap.Seconds)
		require.NoError(t, err)
		require.True(t, v.IsInitial())
	}
}

func TestG30TheCalendarGap(t *testing.T) {
	t.Parallel()
	last, err := abap.ParseDay("1582-10-04")
	require.NoError(t, err)
	n, err := last.Day()
	require.NoError(t, err)
	require.EqualValues(t, 577737, n)
	next, err := abap.DateFromDay(n + 1)
	require.NoError(t, err)
	require.Equal(t, "15821015", next.String())
	for day := 5; day <= 14; day++ {
		s := fmt.Sprintf("1582-10-%02d", day)
		_, err := abap.ParseDay(s)
		require.Equal(t, abap.ReasonBadDate, reason(t, err), s)
		_, err = abap.ParseTimestamp(s+"T00:00:00", abap.Ticks)
		require.Equal(t, abap.ReasonBadDate, reason(t, err), s)
		_, err = abap.TimestampOf(1582, 10, day, 0, 0, 0, 0)
		require.Error(t, err)
	}
	before, err := abap.TimestampOf(1582, 10, 4, 23, 59, 59, 9999999)
	require.NoError(t, err)
	after, err := abap.TimestampOf(1582, 10, 15, 0, 0, 0, 0)
	require.NoError(t, err)
	require.Equal(t, 100*time.Nanosecond, after.Time().Sub(before.Time()))
}

func TestG31AndG32Ranges(t *testing.T) {
	t.Parallel()
	for letter, c := range compacts {
		_, err := c.text(c.highest)
		require.NoError(t, err, letter)
		limits := []int64{-1, c.highest + 1}
		if c.width < 8 {
			limits = append(limits, 1<<(8*c.width-1)-1, -1<<(8*c.width-1))
		} else {
			limits = append(limits, 1<<63-1, -1<<63)
		}
		for _, raw := range limits {
			_, err := c.text(raw)
			require.Equal(t, abap.ReasonOverflow, reason(t, err), "%s %d", letter, raw)
			require.ErrorContains(t, err, c.name)
		}
	}
	for letter, bad := range map[string][]string{
		"p": {
			"2026-07-05T24:00:00", "2026-07-05T23:60:00", "2026-07-05T23:00:60", "2026-02-29T00:00:00", "1900-02-29T00:00:00",
			"0000-01-01T00:00:00", "10000-01-01T00:00:00", "2026-07-05T12:34:56.12345678", "2026-07-05T12:34:56.", "2026-07-05T12:34:5",
			"2026-07-05", "1", "Z", "2026-07-05T12:34:56+02:00", "2026-07-05t12:34:56", "2026-07-05T12:34:56,5", "2026-07-05T12:34:+1",
			"２０２６-07-05T12:34:56", " 2026-07-05T12:34:56",
		},
		"n": {"2026-07-05T12:34:56.5", "2026-07-05T24:00:00"},
		"w": {"2026-07-05T12:34:01", "2026-07-05T12:34:00.1", "2026-07-05T24:00"},
		"d": {"2026-02-29", "20260230", "0000-01-01", "        ", "2026-7-05", "2024133A", "99999999", "202607", "2026/07/05"},
		"7": {"2021-W53", "2026-W00", "0000-W52", "0000-W01", "2026-27", "2026-W7", "2026W27", "9999-W53"},
		"x": {"2026-13", "2026-00", "0000-12", "2026-7", "202607"},
		"t": {"24:00:01", "25:00:00", "12:60:00", "12:34:60", "123456", "12:34:5", "1:2:3", "24:01"},
		"i": {"24:01", "12:34:01", "1234"},
		"c": {"02-30", "13-01", "00-01", "04-31", "01-00", "0105", "1-05"},
	} {
		for _, s := range bad {
			_, err := compacts[letter].parse(s)
			require.Error(t, err, "%s %q", letter, s)
			require.Less(t, len(err.Error()), 400)
		}
	}
	_, err := abap.ParseTimestamp("1", abap.Ticks) // G-21
	require.ErrorContains(t, err, "Cannot convert 1 to RFCTYPE_UTCLONG : illegal format")
	_, err = abap.ParseTimestamp(strings.Repeat("\x00", 5000), abap.Ticks)
	require.Less(t, len(err.Error()), 400)
	end, err := abap.ParseTimeOfDay("24:00:00", abap.Seconds)
	require.NoError(t, err)
	h, m, s, err := end.Clock()
	require.NoError(t, err)
	require.Equal(t, []int{24, 0, 0}, []int{h, m, s})
}

// TestEveryDayOfTheMixedCalendar walks through all days, once by number and once by
// counting, and compares with package time from the day on which both agree.
func TestEveryDayOfTheMixedCalendar(t *testing.T) {
	t.Parallel()
	y, m, d := 1, 1, 1
	length := func() int {
		switch m {
		case 4, 6, 9, 11:
			return 30
		case 2:
			if y%4 == 0 && (y < 1582 || y%100 != 0 || y%400 == 0) {
				return 29
			}
			return 28
		}
		return 31
	}
	first := time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC)
	for raw := int32(1); raw <= 3652061; raw++ {
		date, err := abap.DateFromDay(raw)
		want := uint64(y)*10000 + uint64(m)*100 + uint64(d)
		got, errText := strconv.ParseUint(date.String(), 10, 64)
		back, errDay := date.Day()
		if err != nil || errText != nil || errDay != nil || got != want || back != raw {
			t.Fatal(raw, want, date, back, err, errDay)
		}
		if raw%61 == 0 || raw < 800 || raw > 577000 && raw < 578500 {
			at, err := abap.DayTime(raw, nil)
			if err != nil || raw >= 577738 && !at.Equal(first.AddDate(0, 0, int(raw)-577738)) {
				t.Fatal(raw, at, err)
			}
			back, err := abap.DayFromTime(at)
			if err != nil || back != raw && !at.IsZero() {
				t.Fatal(raw, at, back, err)
			}
		}
		if d++; d > length() {
			if m, d = m+1, 1; m > 12 {
				y, m = y+1, 1
			}
		}
		if y == 1582 && m == 10 && d == 5 {
			d = 15
		}
	}
	require.Equal(t, 10000, y)
	for _, bad := range []int32{-1, 3652062} {
		_, err := abap.DayTime(bad, nil)
		require.Equal(t, abap.ReasonOverflow, reason(t, err))
	}
	for _, s := range []string{"        ", "15821005", "20260230", "2024133A"} {
		date, err := abap.RawDate(s)
		require.NoError(t, err)
		_, err = date.Day()
		require.Equal(t, abap.ReasonBadDate, reason(t, err))
	}
	_, err := abap.DayFromTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, abap.ReasonBadDate, reason(t, err))
	n, err := abap.DayFromTime(time.Time{})
	require.NoError(t, err)
	require.Zero(t, n)
	at, err := abap.DayTime(0, time.Local)
	require.NoError(t, err)
	require.True(t, at.IsZero())
}

// TestEveryWeek compares with the weeks that package time knows, in the years in which
// both count alike, and walks through all numbers.
func TestEveryWeek(t *testing.T) {
	t.Parallel()
	year, week := 0, 52
	for raw := int32(1); raw <= 521725; raw++ {
		w, err := abap.WeekFromRaw(raw)
		y, n, errNumber := w.Number()
		if y == year {
			week++
		} else {
			year, week = year+1, 1
		}
		back, errOf := abap.WeekOf(y, n)
		if err != nil || errNumber != nil || errOf != nil || back != w || y != year || n != week {
			t.Fatal(raw, y, n, year, week, err, errNumber, errOf)
		}
	}
	require.Equal(t, []int{9999, 52}, []int{year, week})
	for y := 1; y <= 9999; y++ {
		_, err := abap.WeekOf(y, 53)
		has := err == nil
		if y > 1582 {
			_, last := time.Date(y, 12, 28, 0, 0, 0, 0, time.UTC).ISOWeek()
			require.Equal(t, last == 53, has, y)
		}
	}
	_, err := abap.WeekOf(1582, 52)
	require.NoError(t, err)
	_, err = abap.WeekOf(10000, 1)
	require.Equal(t, abap.ReasonBadDate, reason(t, err))
}

func TestEveryMonthDayMonthAndTimeOfDay(t *testing.T) {
	t.Parallel()
	leap := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for raw := range int16(366) {
		at := leap.AddDate(0, 0, int(raw))
		v, err := abap.MonthDayFromRaw(raw + 1)
		require.NoError(t, err)
		m, d, err := v.Civil()
		require.NoError(t, err)
		require.Equal(t, at.Format("01-02"), v.String())
		require.Equal(t, []int{int(at.Month()), at.Day()}, []int{int(m), d})
		back, err := abap.MonthDayOf(m, d)
		require.NoError(t, err)
		require.Equal(t, v, back)
	}
	for raw := int32(1); raw <= 119988; raw++ {
		v, err := abap.MonthFromRaw(raw)
		y, m, errCivil := v.Civil()
		back, errOf := abap.MonthOf(y, m)
		if err != nil || errCivil != nil || errOf != nil || back != v || raw != int32((y-1)*12)+int32(m) {
			t.Fatal(raw, y, m, err, errCivil, errOf)
		}
	}
	for s := int32(0); s <= 86400; s++ {
		v, err := abap.TimeOfDayFromRaw(s+1, abap.Seconds)
		d, errD := v.Duration()
		back, errBack := abap.TimeOfDayFromDuration(d)
		h, m, sec, errClock := v.Clock()
		if err != nil || errD != nil || errBack != nil || errClock != nil || back != v || d != time.Duration(s)*time.Second || int32((h*60+m)*60+sec) != s {
			t.Fatal(s, v, d, err, errD, errBack)
		}
		n, err := v.Raw(abap.Minutes)
		if (err == nil) != (s%60 == 0) || err == nil && n != s/60+1 {
			t.Fatal(s, n, err)
		}
	}
	_, err := abap.TimeOfDayFromDuration(time.Millisecond)
	require.Equal(t, abap.ReasonTooManyDecimals, reason(t, err))
	_, err = abap.TimeOfDayFromDuration(24*time.Hour + 1)
	require.Equal(t, abap.ReasonBadTime, reason(t, err))
	for _, get := range []func() error{
		func() error { _, _, _, err := abap.TimeOfDay{}.Clock(); return err },
		func() error { _, err := abap.TimeOfDay{}.Duration(); return err },
		func() error { _, _, err := abap.Week{}.Number(); return err },
		func() error { _, _, err := abap.Month{}.Civil(); return err },
		func() error { _, _, err := abap.MonthDay{}.Civil(); return err },
	} {
		require.Equal(t, abap.ReasonNotRepresentable, reason(t, get()))
	}
}

func TestTimestampsAndPackageTime(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(20, 8))
	for range 50_000 {
		raw := 1 + r.Int64N(3155380704000000000)
		v, err := abap.TimestampFromRaw(raw, abap.Ticks)
		require.NoError(t, err)
		at := v.Time()
		back, err := abap.TimestampFromTime(at.In(time.FixedZone("x", 3600)))
		require.NoError(t, err)
		require.Equal(t, v, back)
		again, err := abap.ParseTimestamp(v.String(), abap.Ticks)
		require.NoError(t, err)
		require.Equal(t, v, again)
		if v.Date().Compare(mustRawDate(t, "15821015")) >= 0 {
			require.Equal(t, at.Format("2006-01-02T15:04:05.0000000"), v.String())
		}
		date, clock := v.Date(), v.TimeOfDay()
		y, m, d := date.String()[:4], date.String()[4:6], date.String()[6:]
		require.Equal(t, fmt.Sprintf("%s-%s-%sT%s.%07d", y, m, d, clock, v.Fraction()), v.String())
	}
	// The same instant has two dates: 1500-02-29 of the Julian calendar is 1500-03-10 of
	// the Gregorian one.
	v, err := abap.TimestampOf(1500, 2, 29, 12, 0, 0, 0)
	require.NoError(t, err)
	require.Equal(t, time.Date(1500, 3, 10, 12, 0, 0, 0, time.UTC), v.Time())
	require.Equal(t, "1500-02-29T12:00:00.0000000", v.String())

	initial, err := abap.TimestampFromTime(time.Time{})
	require.NoError(t, err)
	require.True(t, initial.IsInitial() && initial.Time().IsZero() && initial.Date().IsInitial() && initial.TimeOfDay().IsInitial())
	require.Zero(t, initial.Fraction())
	for _, bad := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := abap.TimestampFromTime(bad)
		require.Equal(t, abap.ReasonBadDate, reason(t, err))
	}
	_, err = abap.TimestampFromTime(time.Date(2026, 7, 5, 0, 0, 0, 101, time.UTC))
	require.Equal(t, abap.ReasonTooManyDecimals, reason(t, err))
	require.ErrorContains(t, err, "Truncate(100)")
	v, err = abap.ParseTimestamp("2026-07-05T12:34:56.5Z", abap.Ticks)
	require.NoError(t, err)
	_, err = v.Raw(abap.Seconds)
	require.Equal(t, abap.ReasonTooManyDecimals, reason(t, err))
	require.Equal(t, "2026-07-05T12:34:56.5000000", v.Text(abap.Minutes), "nothing is cut")
	v, err = abap.ParseTimestamp("2026-07-05T12:34:56", abap.Seconds)
	require.NoError(t, err)
	require.Equal(t, "2026-07-05T12:34:56", v.Text(abap.Seconds))
	require.Equal(t, "2026-07-05T12:34:56", v.Text(abap.Minutes))
	_, err = abap.TimestampOf(2026, 7, 5, 24, 0, 0, 0)
	require.Equal(t, abap.ReasonBadTime, reason(t, err))
}

func mustRawDate(t testing.TB, s string) abap.Date {
	t.Helper()
	d, err := abap.RawDate(s)
	require.NoError(t, err)
	return d
}

func TestTemporalTextForms(t *testing.T) {
	t.Parallel()
	type doc struct {
		P abap.Timestamp
		T abap.TimeOfDay
		W abap.Week
		M abap.Month
		C abap.MonthDay
		K map[abap.Timestamp]int
	}
	var in doc
	full := `{"P":"2026-07-05T12:34:56.1234567","T":"24:00:00","W":"2026-W27","M":"2026-07","C":"02-29","K":{"0001-01-01T00:00:00.0000000":1}}`
	require.NoError(t, json.Unmarshal([]byte(full), &in))
	b, err := json.Marshal(in)
	require.NoError(t, err)
	require.JSONEq(t, full, string(b))
	empty := `{"P":"0000-00-00T00:00:00.0000000","T":"","W":"","M":"","C":"","K":null}`
	b, err = json.Marshal(doc{})
	require.NoError(t, err)
	require.JSONEq(t, empty, string(b))
	out := in
	require.NoError(t, json.Unmarshal(b, &out))
	require.Equal(t, doc{}, out)
	for _, bad := range []string{`{"P":"x"}`, `{"T":"25:00"}`, `{"W":"2026"}`, `{"M":"2026"}`, `{"C":"2026"}`, `{"P":"` + strings.Repeat("0", 5000) + `"}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &out), bad)
	}
	require.Equal(t, []string{
		`abap.Timestamp(2026-07-05T12:34:56.1234567)`, `abap.TimeOfDay("24:00:00")`, `abap.Week("2026-W27")`, `abap.Month("2026-07")`, `abap.MonthDay("02-29")`,
	}, []string{fmt.Sprintf("%#v", in.P), fmt.Sprintf("%#v", in.T), fmt.Sprintf("%#v", in.W), fmt.Sprintf("%#v", in.M), fmt.Sprintf("%#v", in.C)})
	require.Equal(t, "2026-07-05T12:34:56.1234567 24:00:00 2026-W27 2026-07 02-29", fmt.Sprint(in.P, " ", in.T, " ", in.W, " ", in.M, " ", in.C))
	for _, v := range []encoding.TextAppender{in.P, in.T, in.W, in.M, in.C} {
		b, err := v.AppendText([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, "x"+fmt.Sprint(v), string(b))
	}
	require.Positive(t, in.P.Compare(abap.Timestamp{}))
	require.Positive(t, in.T.Compare(abap.TimeOfDay{}))
	require.Positive(t, in.W.Compare(abap.Week{}))
	require.Positive(t, in.M.Compare(abap.Month{}))
	require.Positive(t, in.C.Compare(abap.MonthDay{}))
	list := []abap.Timestamp{in.P, {}, in.P}
	slices.SortFunc(list, abap.Timestamp.Compare)
	require.True(t, list[0].IsInitial())
}

func TestTemporalValuesDoNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		v, err := abap.TimestampFromRaw(639190244961234568, abap.Ticks)
		n, err2 := v.Raw(abap.Ticks)
		c, err3 := abap.TimeOfDayFromRaw(755, abap.Minutes)
		i, err4 := c.Raw(abap.Minutes)
		d, err5 := abap.DateFromDay(739804)
		j, err6 := d.Day()
		p, err7 := abap.ParseTimestamp("2026-07-05T12:34:56.1234567", abap.Ticks)
		if err != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil || err6 != nil || err7 != nil || p != v || n != 639190244961234568 || i != 755 || j != 739804 {
			t.Fail()
		}
	}))
}

func BenchmarkTimestamp(b *testing.B) {
	v, err := abap.TimestampFromRaw(639190244961234568, abap.Ticks)
	require.NoError(b, err)
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := abap.TimestampFromRaw(63919024497, abap.Seconds); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := abap.ParseTimestamp("2026-07-05T12:34:56.1234567", abap.Ticks); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 32)
		for b.Loop() {
			if buf, err = v.AppendText(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

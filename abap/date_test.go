package abap_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
)

func reason(t *testing.T, err error) abap.Reason {
	t.Helper()
	e, ok := errors.AsType[*abap.ConversionError](err)
	require.True(t, ok, "%v", err)
	require.LessOrEqual(t, len(e.Value), 64)
	return e.Reason
}

func TestG01ToG13DatesAndTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, raw string
		why     abap.Reason
	}{
		{"20161231", "20161231", 0},                                  // G-01
		{"", "00000000", 0},                                          // G-02
		{"00000000", "00000000", 0},                                  // G-02
		{"        ", "        ", 0},                                  // G-03
		{"2016123", "", abap.ReasonBadLength},                        // G-07
		{" ", "", abap.ReasonBadLength},                              // G-07
		{"201612311", "", abap.ReasonBadLength},                      // G-07
		{"20161232", "", abap.ReasonBadDate},                         // G-08
		{"２０１", "", abap.ReasonBadLength},                            // G-10
		{"2026070５", "", abap.ReasonBadLength},                       // G-10
		{"2026-07-05", "20260705", 0},                                // G-13
		{"2026/07/05", "", abap.ReasonBadLength},                     //
		{"2026-7-005", "", abap.ReasonBadLength},                     //
		{"0000-00-00", "00000000", 0},                                //
		{"00010101", "00010101", 0},                                  // G-15
		{"99991231", "99991231", 0},                                  // G-15
		{"00001231", "", abap.ReasonBadDate},                         // year 0
		{"20240229", "20240229", 0},                                  //
		{"20240230", "", abap.ReasonBadDate},                         // B-74
		{"19000229", "", abap.ReasonBadDate},                         // G-10, strict
		{"20000229", "20000229", 0},                                  //
		{"99999999", "", abap.ReasonBadDate},                         // B-109
		{"2024133A", "", abap.ReasonBadDate},                         // B-109
		{"20240431", "", abap.ReasonBadDate},                         //
		{"2024 101", "", abap.ReasonBadDate},                         //
		{"\xb2\xb0\xb2\xb4\xb0\xb1\xb0\xb1", "", abap.ReasonBadDate}, // high bits
	} {
		d, err := abap.ParseDate(c.in)
		if c.why != 0 {
			require.Equal(t, c.why, reason(t, err), c.in)
			continue
		}
		require.NoError(t, err, c.in)
		require.Equal(t, c.raw, d.String())
	}
	for _, c := range []struct {
		in, raw string
		why     abap.Reason
	}{
		{"123456", "123456", 0},
		{"", "000000", 0},
		{"      ", "      ", 0},            // G-04, G-05
		{"123466", "", abap.ReasonBadTime}, // G-09
		{"240000", "240000", 0},
		{"240001", "", abap.ReasonBadTime},
		{"999999", "", abap.ReasonBadTime},
		{"256000", "", abap.ReasonBadTime},
		{"12:00:00", "120000", 0},
		{"1200  ", "", abap.ReasonBadTime},
		{"12-00-00", "", abap.ReasonBadLength},
		{"12345", "", abap.ReasonBadLength},
		{"235959", "235959", 0},
		{"126000", "", abap.ReasonBadTime},
	} {
		v, err := abap.ParseTime(c.in)
		if c.why != 0 {
			require.Equal(t, c.why, reason(t, err), c.in)
			continue
		}
		require.NoError(t, err, c.in)
		require.Equal(t, c.raw, v.String())
	}
}

func TestG10RawDatesAreKeptAndTheirGettersFail(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"19000229", "20260229", "20161232", "2024133A", "99999999", "\x00\x01/:~!@ "} {
		d, err := abap.RawDate(s)
		require.NoError(t, err)
		require.Equal(t, s, d.String())
		require.False(t, d.Valid())
		_, err = d.Time(nil)
		require.Equal(t, abap.ReasonBadDate, reason(t, err))
		raw := d.Raw()
		again, err := abap.DateFromRaw(raw)
		require.NoError(t, err)
		require.True(t, d == again)
		text, err := json.Marshal(d)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, d, again)
	}
	_, err := abap.RawDate("2026-07-05")
	require.Equal(t, abap.ReasonBadLength, reason(t, err))
	_, err = abap.RawDate("2026070\xff")
	require.Equal(t, abap.ReasonBadDigit, reason(t, err))
	_, err = abap.DateFromRaw([8]byte{0x80})
	require.Equal(t, abap.ReasonBadDigit, reason(t, err))
}

func TestG11AndG12RawTimes(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"999999", "240001", "1200  "} {
		v, err := abap.RawTime(s)
		require.NoError(t, err)
		require.Equal(t, s, v.String())
		_, err = v.Duration()
		require.Equal(t, abap.ReasonBadTime, reason(t, err))
	}
	end, err := abap.RawTime("240000")
	require.NoError(t, err)
	h, m, s, err := end.Clock()
	require.NoError(t, err)
	require.Equal(t, []int{24, 0, 0}, []int{h, m, s})
	d, err := end.Duration()
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, d)
	day, err := abap.DateOf(2026, 12, 31)
	require.NoError(t, err)
	at, err := end.On(day, time.UTC)
	require.NoError(t, err)
	require.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), at)
	back, err := abap.TimeFromDuration(d)
	require.NoError(t, err)
	require.Equal(t, end, back)
	_, err = abap.TimeFromDuration(d + 1)
	require.Error(t, err)
	_, err = abap.TimeFromDuration(time.Millisecond)
	require.Equal(t, abap.ReasonTooManyDecimals, reason(t, err))
	_, err = abap.RawTime("12:00:00")
	require.Error(t, err)
	_, err = abap.TimeFromRaw([6]byte{0: 0xff})
	require.Error(t, err)
	_, err = abap.TimeOf(24, 0, 1)
	require.Error(t, err)
}

func TestG33InitialAndBlankBecomeTheZeroTime(t *testing.T) {
	t.Parallel()
	require.True(t, abap.Date{}.IsInitial())
	require.Equal(t, "00000000", abap.Date{}.String())
	require.Equal(t, "000000", abap.Time{}.String())
	require.True(t, abap.BlankDate.IsBlank())
	require.True(t, abap.BlankTime.IsBlank())
	for _, d := range []abap.Date{{}, abap.BlankDate} {
		at, err := d.Time(time.Local)
		require.NoError(t, err)
		require.True(t, at.IsZero())
		at, err = abap.Time{}.On(d, nil)
		require.NoError(t, err)
		require.True(t, at.IsZero())
		_, _, _, err = d.Civil()
		require.Error(t, err)
	}
	d, err := abap.DateFromTime(time.Time{})
	require.NoError(t, err)
	require.True(t, d.IsInitial())
}

func TestDateFromTimeUsesTheLocationOfTheTime(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 10*3600)
	at := time.Date(2026, 7, 5, 3, 0, 0, 0, east)
	d, err := abap.DateFromTime(at)
	require.NoError(t, err)
	require.Equal(t, "20260705", d.String())
	require.Equal(t, "030000", abap.TimeFromTime(at).String())
	d, err = abap.DateFromTime(at.UTC())
	require.NoError(t, err)
	require.Equal(t, "20260704", d.String())
	_, err = abap.DateFromTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, abap.ReasonBadDate, reason(t, err))
	_, err = abap.DateOf(0, 1, 1)
	require.Error(t, err)
}

func TestEveryDayAgreesWithPackageTime(t *testing.T) {
	t.Parallel()
	prev := abap.Date{}
	for at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		if at.Year()%97 != 1 && at.Year()%100 != 0 && at.Year()%400 != 4 {
			at = time.Date(at.Year(), 12, 31, 0, 0, 0, 0, time.UTC)
		}
		d, err := abap.DateOf(at.Year(), int(at.Month()), at.Day())
		if err != nil || !d.Valid() || d.Compare(prev) <= 0 {
			t.Fatal(at, d, err)
		}
		back, err := d.Time(nil)
		if err != nil || !back.Equal(at) || d.String() != at.Format("20060102") {
			t.Fatal(at, d, back, err)
		}
		prev = d
	}
}

func TestDateAndTimeTextForms(t *testing.T) {
	t.Parallel()
	type doc struct {
		D abap.Date
		T abap.Time
		M map[abap.Date]int
	}
	in := doc{T: abap.BlankTime, M: map[abap.Date]int{abap.BlankDate: 1}}
	b, err := json.Marshal(in)
	require.NoError(t, err)
	require.JSONEq(t, `{"D":"00000000","T":"      ","M":{"        ":1}}`, string(b))
	var out doc
	require.NoError(t, json.Unmarshal(b, &out))
	require.Equal(t, in, out)
	require.NoError(t, json.Unmarshal([]byte(`{"D":"2026-07-05","T":"12:34:56"}`), &out))
	require.Equal(t, "20260705123456", out.D.String()+out.T.String())
	require.Error(t, json.Unmarshal([]byte(`{"D":"2026"}`), &out))
	require.Equal(t, `abap.Date("00000000")`, fmt.Sprintf("%#v", abap.Date{}))
	require.Negative(t, abap.BlankDate.Compare(abap.Date{}))
	require.Negative(t, abap.BlankTime.Compare(abap.Time{}))
}

func TestDateErrorsAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	long := make([]byte, 5000)
	_, err := abap.ParseDate(string(long))
	require.Less(t, len(err.Error()), 300)
	require.NotContains(t, err.Error(), "\x00")
}

func TestRawDatesAndTimesDoNotAllocate(t *testing.T) {
	d, m := [8]byte([]byte("20260705")), [6]byte([]byte("240000"))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := abap.DateFromRaw(d); err != nil {
			t.Fail()
		}
		if _, err := abap.TimeFromRaw(m); err != nil {
			t.Fail()
		}
	}))
}

func BenchmarkDate(b *testing.B) {
	raw := [8]byte([]byte("20260705"))
	b.Run("raw", func(b *testing.B) {
		besideParseInt(b, "20260705", func() error {
			_, err := abap.DateFromRaw(raw)
			return err
		})
	})
	b.Run("parse", func(b *testing.B) {
		besideParseInt(b, "20260705", func() error {
			_, err := abap.ParseDate("20260705")
			return err
		})
	})
	b.Run("civil", func(b *testing.B) {
		d, err := abap.DateFromRaw(raw)
		besideParseInt(b, "20260705", func() error {
			if err == nil {
				_, _, _, err = d.Civil()
			}
			return err
		})
	})
	b.Run("day/decode", func(b *testing.B) {
		besideParseInt(b, "20260705", func() error {
			_, err := abap.DateFromDay(739804)
			return err
		})
	})
	b.Run("day/encode", func(b *testing.B) {
		d, err := abap.DateFromRaw(raw)
		besideParseInt(b, "20260705", func() error {
			if err == nil {
				_, err = d.Day()
			}
			return err
		})
	})
}

package columns_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

const allFields = "C:C4 N:N3 D:D T:T X:X4 P:P4.2 F:F I:I S:s B:b L:8 G:g Y:y A:a E:e SUB:{ZSUB} TAB:[ZIN]"

func dictionary(t testing.TB) *metadata.Dictionary {
	t.Helper()
	var d metadata.Dictionary
	d.Structure("ZSUB", "A:C2 B:I").Structure("ZIN", "K:I V:g").Structure("ZALL", allFields)
	require.NoError(t, d.Err())
	return &d
}

func lineType(t testing.TB, fields string) *metadata.Type {
	t.Helper()
	d := dictionary(t)
	d.Structure("ZROW", fields)
	require.NoError(t, d.Err())
	line, ok := d.Type("ZROW")
	require.True(t, ok)
	return line
}

// put appends a value that stands for the number v.
func put(c *columns.Column, v int) {
	text := func(s string) {
		c.Bytes = append(c.Bytes, s...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	switch columns.StorageOf(c.Field.Kind) {
	case columns.Uint8s:
		c.Uint8s = append(c.Uint8s, uint8(v))
	case columns.Int16s:
		c.Int16s = append(c.Int16s, int16(v))
	case columns.Int32s:
		c.Int32s = append(c.Int32s, int32(v))
	case columns.Int64s:
		c.Int64s = append(c.Int64s, int64(v))
	case columns.Float64s:
		c.Float64s = append(c.Float64s, float64(v)/4)
	case columns.Fixed:
		b := columns.AppendInitial(nil, c.Field)
		if v != 0 {
			b[0] ^= byte(v)
		}
		c.Fixed = append(c.Fixed, b...)
	case columns.Tables:
		for i := range v % 3 {
			put(&c.Lines.Columns[0], v+i)
			put(&c.Lines.Columns[1], i)
			c.Lines.Rows++
		}
		c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
	default:
		switch {
		case c.Field.Kind == metadata.Numc:
			text(fmt.Sprintf("%0*d", c.Field.Length, v%100))
		case v == 0:
			text("")
		default:
			text(fmt.Sprintf("v%d", v%100))
		}
	}
}

// random makes a table in all the ways columns can hold rows.
func random(r *rand.Rand, line *metadata.Type, rows int) *columns.Table {
	t := columns.New(line)
	t.Rows = rows
	for i := range t.Columns {
		c := &t.Columns[i]
		switch n := r.IntN(5); {
		case rows > 0 && n == 0:
			c.SetInitial()
		case rows > 0 && n == 1:
			put(c, r.IntN(3))
		case rows > 0 && n == 2:
			values := 1 + r.IntN(3)
			for range values {
				put(c, r.IntN(5))
			}
			for range rows {
				c.Codes = append(c.Codes, uint32(r.IntN(values)))
			}
		default:
			for range rows {
				put(c, r.IntN(1+r.IntN(9)))
			}
		}
	}
	return t
}

func TestEveryKindHasItsVectorAndInitialValue(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	line, _ := d.Type("ZALL")
	table := columns.New(line)
	var names []string
	for i := range table.Columns {
		c := &table.Columns[i]
		names = append(names, c.Name)
		require.Zero(t, c.Values(), c.Name)
		c.SetInitial()
		require.Equal(t, 1, c.Values(), c.Name)
		require.True(t, c.IsInitial(0), c.Name)
		require.True(t, c.IsInitial(999), c.Name)
	}
	table.Rows = 1000
	require.NoError(t, table.Check())
	want := strings.Fields("C N D T X P F I S B L G Y A E SUB.A SUB.B TAB")
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"N": "000", "D": "00000000", "T": "000000", "P": "\x00\x00\x00\x0c", "C": "", "G": "",
		"A": "\x00\x00\x00\x00\x00\x00\x38\x22", "E": strings.Repeat("\x00", 14) + "\x08\x22",
	} {
		require.Equal(t, want, string(table.Column(name).Value(7)), name)
	}
	require.Nil(t, table.Column("NONE"))
	table.Clear()
	require.Zero(t, table.Rows)
	for i := range table.Columns {
		require.Zero(t, table.Columns[i].Values())
	}
}

func TestBlankDateAndOtherZerosAreNotInitial(t *testing.T) {
	t.Parallel()
	d := dictionary(t)
	line, _ := d.Type("ZALL")
	table := columns.New(line)
	for _, c := range []struct{ name, value string }{
		{"D", "        "},
		{"D", "20260705"},
		{"T", "      "},
		{"P", "\x00\x00\x00\x0f"},
		{"P", "\x00\x00\x01\x0c"},
		{"N", "   "},
		{"A", "\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		require.False(t, columns.IsInitialBytes(table.Column(c.name).Field, []byte(c.value)), c)
	}
	f := table.Column("F")
	f.Float64s = append(f.Float64s, math.Copysign(0, -1), 0)
	require.False(t, f.IsInitial(0))
	require.True(t, f.IsInitial(1))
}

func TestCheckFindsContradictions(t *testing.T) {
	t.Parallel()
	line := lineType(t, "A:C4 I:I TAB:[ZIN]")
	for _, c := range []struct {
		name string
		harm func(t *columns.Table)
		want string
	}{
		{"values", func(t *columns.Table) { t.Column("I").Int32s = []int32{1, 2} }, "column I: 2 values for 3 rows"},
		{"codes", func(t *columns.Table) { t.Column("I").Codes = []uint32{0} }, "column I: 1 codes for 3 rows"},
		{"code", func(t *columns.Table) { t.Column("I").Codes = []uint32{0, 1, 9} }, "column I: code 9 for 3 values"},
		{"offsets", func(t *columns.Table) { t.Column("A").Offsets[1] = 99 }, "column A: offset 99 of value 1 is out of order"},
		{"lines", func(t *columns.Table) { t.Column("TAB").Lines.Rows = 0 }, "column TAB: offset"},
		{"in lines", func(t *columns.Table) { t.Column("TAB").Lines.Columns[0].Int32s = nil }, "column TAB: column K: 0 values"},
	} {
		table := columns.New(line)
		table.Rows = 3
		for i := range table.Columns {
			for v := range 3 {
				put(&table.Columns[i], v+4)
			}
		}
		require.NoError(t, table.Check())
		c.harm(table)
		require.ErrorContains(t, table.Check(), c.want, c.name)
	}
}

func TestAccessorsGiveWhatTheKindHolds(t *testing.T) {
	t.Parallel()
	line := lineType(t, "C:C4 N:N3 D:D T:T X:X4 P:P4.2 F:F I:I S:s B:b L:8 G:g A:a E:e TAB:[ZIN] P_:p N_:n W_:w D_:d X7:7 X_:x T_:t I_:i C_:c")
	table := columns.New(line)
	table.Rows = 1
	set := func(name, value string) {
		c := table.Column(name)
		if c.Width > 0 {
			c.Fixed = append(c.Fixed, value...)
			return
		}
		c.Bytes = append(c.Bytes, value...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	set("C", "Äb")
	set("N", "042")
	set("D", "20260705")
	set("T", "240000")
	set("X", "\x01\x02")
	set("P", "\x00\x12\x34\x5d")
	set("G", "text ")
	set("A", "\x20\x02\x00\x00\x00\x00\x34\x22")
	set("E", strings.Repeat("\x00", 14)+"\x08\x22")
	table.Column("F").Float64s = []float64{2.5}
	table.Column("I").Int32s = []int32{-7}
	table.Column("S").Int16s = []int16{-8}
	table.Column("B").Uint8s = []uint8{200}
	table.Column("L").Int64s = []int64{1 << 40}
	put(table.Column("TAB"), 5)
	table.Column("P_").Int64s = []int64{1}
	table.Column("N_").Int64s = []int64{2}
	table.Column("W_").Int64s = []int64{3}
	table.Column("D_").Int32s = []int32{577738}
	table.Column("X7").Int32s = []int32{105401}
	table.Column("X_").Int32s = []int32{1}
	table.Column("T_").Int32s = []int32{86401}
	table.Column("I_").Int16s = []int16{61}
	table.Column("C_").Int16s = []int16{60}
	require.NoError(t, table.Check())

	get := map[string]func(c *columns.Column) (string, error){
		"Text":      func(c *columns.Column) (string, error) { return c.Text(0), nil },
		"Value":     func(c *columns.Column) (string, error) { return fmt.Sprintf("%x", c.Value(0)), nil },
		"Int":       func(c *columns.Column) (string, error) { v, err := c.Int(0); return fmt.Sprint(v), err },
		"Float":     func(c *columns.Column) (string, error) { v, err := c.Float(0); return fmt.Sprint(v), err },
		"Decimal":   func(c *columns.Column) (string, error) { v, err := c.Decimal(0); return v.String(), err },
		"Date":      func(c *columns.Column) (string, error) { v, err := c.Date(0); return v.String(), err },
		"Time":      func(c *columns.Column) (string, error) { v, err := c.Time(0); return v.String(), err },
		"Timestamp": func(c *columns.Column) (string, error) { v, err := c.Timestamp(0); return v.String(), err },
		"TimeOfDay": func(c *columns.Column) (string, error) { v, err := c.TimeOfDay(0); return v.String(), err },
		"Week":      func(c *columns.Column) (string, error) { v, err := c.Week(0); return v.String(), err },
		"Month":     func(c *columns.Column) (string, error) { v, err := c.Month(0); return v.String(), err },
		"MonthDay":  func(c *columns.Column) (string, error) { v, err := c.MonthDay(0); return v.String(), err },
		"Rows": func(c *columns.Column) (string, error) {
			from, to, err := c.Rows(0)
			return fmt.Sprint(from, to), err
		},
	}
	for _, c := range []struct{ column, method, want string }{
		{"C", "Text", "Äb"},
		{"N", "Text", "042"},
		{"G", "Text", "text "},
		{"X", "Value", "0102"},
		{"I", "Int", "-7"},
		{"S", "Int", "-8"},
		{"B", "Int", "200"},
		{"L", "Int", "1099511627776"},
		{"F", "Float", "2.5"},
		{"P", "Decimal", "-123.45"},
		{"A", "Decimal", "42.0"},
		{"E", "Decimal", "0"},
		{"D", "Date", "20260705"},
		{"D_", "Date", "15821015"},
		{"T", "Time", "240000"},
		{"P_", "Timestamp", "0001-01-01T00:00:00.0000000"},
		{"N_", "Timestamp", "0001-01-01T00:00:01.0000000"},
		{"W_", "Timestamp", "0001-01-01T00:02:00.0000000"},
		{"T_", "TimeOfDay", "24:00:00"},
		{"I_", "TimeOfDay", "01:00:00"},
		{"X7", "Week", "2020-W53"},
		{"X_", "Month", "0001-01"},
		{"C_", "MonthDay", "02-29"},
		{"TAB", "Rows", "0 2"},
	} {
		got, err := get[c.method](table.Column(c.column))
		require.NoError(t, err, c)
		require.Equal(t, c.want, got, c)
		// No other method has values of this kind.
		for method, f := range get {
			if method == c.method || method == "Text" || method == "Value" {
				continue
			}
			_, err := f(table.Column(c.column))
			kind, ok := errors.AsType[*columns.KindError](err)
			require.True(t, ok, "%s of %s: %v", method, c.column, err)
			require.Contains(t, kind.Error(), "use "+c.method)
		}
	}
	table.Column("P").Fixed[3] = 0x20
	_, err := table.Column("P").Decimal(0)
	conversion, ok := errors.AsType[*abap.ConversionError](err)
	require.True(t, ok)
	require.Equal(t, "column P, row 0: "+conversion.Error(), err.Error())
	when, err := table.Column("D_").Date(0)
	require.NoError(t, err)
	at, err := when.Time(time.UTC)
	require.NoError(t, err)
	require.Equal(t, 1582, at.Year())

	ints, err := table.Column("B").Ints([]int64{1}, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 200}, ints)
	texts, err := table.Column("C").Texts(nil, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"Äb"}, texts)
	_, err = table.Column("C").Ints(nil, 1)
	require.Error(t, err)
	_, err = table.Column("I").Texts(nil, 1)
	require.Error(t, err)
}

func TestTextsOfCodesShareMemoryAndSingleValuesHoldForEveryRow(t *testing.T) {
	table := columns.New(lineType(t, "A:C9 I:I"))
	table.Rows = 4
	put(table.Column("A"), 7)
	put(table.Column("A"), 8)
	table.Column("A").Codes = []uint32{1, 0, 1, 1}
	put(table.Column("I"), 3)
	texts, err := table.Column("A").Texts(nil, table.Rows)
	require.NoError(t, err)
	require.Equal(t, []string{"v8", "v7", "v8", "v8"}, texts)
	ints, err := table.Column("I").Ints(nil, table.Rows)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 3, 3, 3}, ints)
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() {
		_, _ = table.Column("A").Texts(texts[:0], table.Rows)
	}), 1.0)
}

// TestTakeAppendAndExpandKeepValues cuts random tables into pieces and puts them together.
func TestTakeAppendAndExpandKeepValues(t *testing.T) {
	t.Parallel()
	line, _ := dictionary(t).Type("ZALL")
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		table := random(r, line, r.IntN(12))
		require.NoError(t, table.Check(), seed)
		var all []uint32
		for i := range table.Rows {
			all = append(all, uint32(i))
		}
		copied := table.Take(all)
		require.NoError(t, copied.Check())
		require.True(t, table.Equal(copied), "seed %d", seed)

		from := r.IntN(table.Rows + 1)
		to := from + r.IntN(table.Rows-from+1)
		slice := table.Slice(from, to)
		require.NoError(t, slice.Check(), "seed %d", seed)
		require.True(t, slice.Equal(table.Take(all[from:to])), "seed %d: rows %d to %d", seed, from, to)

		joined := columns.New(line)
		for from := 0; from < table.Rows; {
			to := from + 1 + r.IntN(table.Rows-from)
			part := columns.New(line)
			require.NoError(t, part.Append(table.Take(all[from:to])))
			require.NoError(t, joined.Append(part))
			require.NoError(t, joined.Check(), "seed %d", seed)
			wreck(part) // nothing refers to it
			from = to
		}
		require.True(t, table.Equal(joined), "seed %d:\n%+v\n%+v", seed, table, joined)
		require.True(t, joined.Equal(table))

		joined.Expand()
		require.NoError(t, joined.Check())
		require.True(t, table.Equal(joined), "seed %d", seed)
		for i := range joined.Columns {
			require.Empty(t, joined.Columns[i].Codes)
			require.Equal(t, joined.Rows, joined.Columns[i].Values())
		}
	}
}

// wreck writes over all memory of a table.
func wreck(t *columns.Table) {
	for i := range t.Columns {
		c := &t.Columns[i]
		for _, b := range [][]byte{c.Bytes, c.Fixed, c.Uint8s} {
			for k := range b {
				b[k] = 0xee
			}
		}
		for _, v := range [][]uint32{c.Offsets, c.Codes} {
			for k := range v {
				v[k] = 0xeeee
			}
		}
		clear(c.Int16s)
		clear(c.Int32s)
		clear(c.Int64s)
		clear(c.Float64s)
		if c.Lines != nil {
			wreck(c.Lines)
		}
	}
}

func TestAppendKeepsDictionariesSmall(t *testing.T) {
	t.Parallel()
	line := lineType(t, "A:C9 I:I B:C9")
	all := columns.New(line)
	for block := range 50 {
		part := columns.New(line)
		part.Rows = 100
		for v := range 4 {
			put(part.Column("A"), 1+(v+block)%5)
		}
		for r := range part.Rows {
			part.Column("A").Codes = append(part.Column("A").Codes, uint32(r%4))
		}
		put(part.Column("I"), 7)
		put(part.Column("B"), block/25)
		require.NoError(t, all.Append(part))
	}
	require.Equal(t, 5000, all.Rows)
	require.NoError(t, all.Check())
	require.Equal(t, 5, all.Column("A").Values(), "the dictionaries of the blocks have five values together")
	require.Equal(t, 1, all.Column("I").Values())
	require.Empty(t, all.Column("I").Codes)
	require.Equal(t, 2, all.Column("B").Values())
	require.Equal(t, "v3", all.Column("A").Text(105))
	require.Empty(t, all.Column("B").Text(2499))
	require.Equal(t, "v1", all.Column("B").Text(2500))
}

func TestAppendRefusesOtherTypes(t *testing.T) {
	t.Parallel()
	base := "A:C4 P:P4.2 TAB:[ZIN]"
	for _, c := range []struct{ fields, want string }{
		{"A:C4 P:P4.2", "append: 2 columns to 3"},
		{"A:C5 P:P4.2 TAB:[ZIN]", "column A of CHAR(5) to column A of CHAR(4)"},
		{"A:C4 P:P4.1 TAB:[ZIN]", "column P of BCD(4,1) to column P of BCD(4,2)"},
		{"B:C4 P:P4.2 TAB:[ZIN]", "column B of CHAR(4) to column A"},
		{"A:C4 P:P4.2 TAB:[ZSUB]", "column TAB: append: column A of CHAR(2) to column K of INT"},
	} {
		table := columns.New(lineType(t, base))
		err := table.Append(columns.New(lineType(t, c.fields)))
		require.ErrorContains(t, err, c.want)
		require.Zero(t, table.Rows)
	}
	stray := columns.New(lineType(t, base))
	stray.Column("TAB").Lines.Rows = 1
	put(&stray.Column("TAB").Lines.Columns[0], 1)
	put(&stray.Column("TAB").Lines.Columns[1], 1)
	require.ErrorContains(t, columns.New(lineType(t, base)).Append(stray), "lines that belong to no row")
}

func TestEqualLooksAtValuesOnly(t *testing.T) {
	t.Parallel()
	line := lineType(t, "A:C9 TAB:[ZIN]")
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		a := random(r, line, 1+r.IntN(4))
		b := columns.New(line)
		require.NoError(t, b.Append(a))
		b.Expand()
		require.True(t, a.Equal(b))
		// One other value in the last row.
		last := b.Rows - 1
		if c := b.Column("A"); r.IntN(2) == 0 {
			c.Bytes = append(c.Bytes[:c.Offsets[last]:c.Offsets[last]], "other"...)
			c.Offsets[last+1] = uint32(len(c.Bytes))
		} else {
			c := b.Column("TAB")
			put(&c.Lines.Columns[0], 1)
			put(&c.Lines.Columns[1], 1)
			c.Lines.Rows++
			c.Offsets[last+1]++
		}
		require.NoError(t, b.Check())
		require.False(t, a.Equal(b))
		require.False(t, a.Equal(columns.New(line)))
	}
	require.False(t, columns.New(line).Equal(columns.New(lineType(t, "A:C9"))))
}

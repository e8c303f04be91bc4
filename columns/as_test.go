package columns

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
)

// lineOf builds a line type; other types it refers to are defined in front, separated by |.
func lineOf(t testing.TB, defs ...string) *metadata.Type {
	t.Helper()
	d := new(metadata.Dictionary)
	names := []string{"A", "B", "C"}
	for i, def := range defs {
		d.Structure(names[i], def)
	}
	require.NoError(t, d.Err())
	line, ok := d.Type(names[len(defs)-1])
	require.True(t, ok)
	return line
}

func TestAsConvertsWithoutLoss(t *testing.T) {
	t.Parallel()
	from := New(lineOf(t, "X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.1 T:[A] G:X2"))
	from.Rows = 2
	set := func(name string, fill func(c *Column)) { fill(from.Column(name)) }
	text := func(values ...string) func(c *Column) {
		return func(c *Column) {
			for _, v := range values {
				c.Bytes = append(c.Bytes, v...)
				c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
			}
		}
	}
	set("IN.X", text("a", "b"))
	set("IN.Y", func(c *Column) { c.Fixed = []byte("2026070520260706") })
	set("C", text("one", "two"))
	set("N", text("007", "123"))
	set("B", func(c *Column) { c.Uint8s = []uint8{1, 255} })
	set("S", func(c *Column) { c.Int16s = []int16{-5, 6} })
	set("I", func(c *Column) { c.Int32s, c.Codes = []int32{1 << 30}, []uint32{0, 0} })
	set("P", func(c *Column) { c.Fixed = []byte{0, 0x12, 0x5c, 0, 0x01, 0x0d} })
	set("G", text("\x01", ""))
	set("T", func(c *Column) {
		c.Offsets = []uint32{0, 1, 1}
		c.Lines.Rows = 1
		text("z")(c.Lines.Column("X"))
		c.Lines.Column("Y").Fixed = []byte("00000000")
	})
	require.NoError(t, from.Check())

	same, err := from.As(from.Type, false)
	require.NoError(t, err)
	require.Same(t, from, same)

	to := lineOf(t, "Y:D X:C9", "T:[A] IN:{A} C:g N:N5 B:8 S:I I:8 P:P5.3 G:X4 NEW:P2.0 MORE:C3")
	out, err := from.As(to, false)
	require.NoError(t, err)
	require.NoError(t, out.Check())
	require.Equal(t, []string{"a", "b"}, []string{out.Column("IN.X").Text(0), out.Column("IN.X").Text(1)})
	require.Equal(t, "two", out.Column("C").Text(1))
	require.Equal(t, []string{"00007", "00123"}, []string{out.Column("N").Text(0), out.Column("N").Text(1)})
	require.Equal(t, []int64{1, 255}, out.Column("B").Int64s)
	require.Equal(t, []int32{-5, 6}, out.Column("S").Int32s)
	require.EqualValues(t, 1<<30, out.Column("I").Int64s[out.Column("I").Index(1)])
	require.Equal(t, []byte{0, 0, 0x12, 0x50, 0x0c}, out.Column("P").Value(0))
	require.Equal(t, []byte{0, 0, 1, 0, 0x0d}, out.Column("P").Value(1))
	require.Equal(t, []byte{1}, out.Column("G").Value(0))
	require.Equal(t, "z", out.Column("T").Lines.Column("X").Text(0))
	require.True(t, out.Column("NEW").IsInitial(1))
	require.True(t, out.Column("MORE").IsInitial(0))

	for want, def := range map[string][]string{
		"C: CHAR(4) does not fit CHAR(3) without loss":      {"X:C2 Y:D", "IN:{A} C:C3 N:N3 B:b S:s I:I P:P3.1 T:[A] G:X2"},
		"N: NUM(3) does not fit NUM(2)":                     {"X:C2 Y:D", "IN:{A} C:C4 N:N2 B:b S:s I:I P:P3.1 T:[A] G:X2"},
		"S: INT2 does not fit INT1":                         {"X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:b I:I P:P3.1 T:[A] G:X2"},
		"P: BCD(3,1) does not fit BCD(3,2)":                 {"X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.2 T:[A] G:X2"},
		"T: TABLE does not fit CHAR(1)":                     {"X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.1 T:C1 G:X2"},
		"T[].X: CHAR(2) does not fit DATE":                  {"X:C2 Y:D", "X:D Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.1 T:[B] G:X2"},
		"IN.Y: unknown field, type A has none of this name": {"X:C2", "X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.1 T:[B] G:X2"},
		"G: unknown field, type B has none of this name":    {"X:C2 Y:D", "IN:{A} C:C4 N:N3 B:b S:s I:I P:P3.1 T:[A]"},
	} {
		_, err := from.As(lineOf(t, def...), false)
		require.ErrorContains(t, err, want)
	}
	short, err := from.As(lineOf(t, "I:I"), true)
	require.NoError(t, err)
	require.Len(t, short.Columns, 1)
}

func TestAppendJoinsTables(t *testing.T) {
	t.Parallel()
	line := lineOf(t, "X:C2", "C:C4 I:I D:D F:F T:[A]")
	part := func(codes bool) *Table {
		p := New(line)
		p.Rows = 2
		p.Columns[0].Bytes, p.Columns[0].Offsets = []byte("ab"), []uint32{0, 1, 2}
		if codes {
			p.Columns[0].Codes = []uint32{1, 0}
		}
		p.Columns[1].Int32s = []int32{7} // for both rows
		p.Columns[2].Fixed = []byte("2026070520260706")
		p.Columns[3].Float64s = []float64{1, 2}
		p.Columns[4].Offsets = []uint32{0, 0, 2}
		p.Columns[4].Lines.Rows = 2
		p.Columns[4].Lines.Columns[0].Bytes, p.Columns[4].Lines.Columns[0].Offsets = []byte("xy"), []uint32{0, 1, 2}
		return p
	}
	all := New(line)
	for _, codes := range []bool{true, false, true} {
		p := part(codes)
		require.NoError(t, p.Check())
		require.NoError(t, all.Append(p))
		require.NoError(t, all.Check())
	}
	require.Equal(t, 6, all.Rows)
	require.Len(t, all.Columns[1].Int32s, 1, "all rows have the same value")
	all.Expand()
	require.NoError(t, all.Check())
	require.Equal(t, "baabba", string(all.Columns[0].Bytes))
	require.Equal(t, []int32{7, 7, 7, 7, 7, 7}, all.Columns[1].Int32s)
	require.Equal(t, []uint32{0, 0, 2, 2, 4, 4, 6}, all.Columns[4].Offsets)
	require.Equal(t, "xyxyxy", string(all.Columns[4].Lines.Columns[0].Bytes))
	// A table that has codes keeps them.
	p := part(true)
	require.NoError(t, p.Append(part(false)))
	require.NoError(t, p.Check())
	require.Equal(t, "ab", string(p.Columns[0].Bytes))
	require.Equal(t, []uint32{1, 0, 0, 1}, p.Columns[0].Codes)
	require.Error(t, all.Append(New(lineOf(t, "C:C4"))))
	require.Error(t, all.Append(New(lineOf(t, "X:C2", "C:C4 I:s D:D F:F T:[A]"))))
}

package columns_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func TestConversionsWithoutLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, value, want string }{
		{"A:C4", "A:C9", "abcd", "abcd"},
		{"A:C4", "A:C4", "", ""},
		{"A:N3", "A:C3", "042", "042"},
		{"A:N3", "A:N5", "042", "00042"},
		{"A:N3", "A:N3", "4 2", "4 2"},
		{"A:N3", "A:N5", "4ä2", "004ä2"},
		{"A:C3", "A:N5", "42", "00042"},
		{"A:C3", "A:N3", "", "000"},
		{"A:P2.1", "A:P2.1", "\x12\x3d", "\x12\x3d"},
		{"A:P2.1", "A:P4.1", "\x12\x3d", "\x00\x00\x12\x3d"},
		{"A:P2.1", "A:P3.2", "\x12\x3d", "\x01\x23\x0d"},
		{"A:P2.0", "A:P4.3", "\x12\x3f", "\x01\x23\x00\x0f"},
		{"A:P1.0", "A:P16.14", "\x7c", strings.Repeat("\x00", 8) + "\x70\x00\x00\x00\x00\x00\x00\x0c"},
		{"A:P2.0", "A:P3.0", "\x20\x20", "\x00\x20\x20"}, // what is no number stays none
		{"A:X4", "A:X4", "\x01", "\x01"},
		{"A:D", "A:D", "        ", "        "},
		{"A:X4", "A:X8", "\x01", "\x01"},
		{"A:C4", "A:g", "abcd", "abcd"},
		{"A:N3", "A:g", "042", "042"},
		{"A:g", "A:g", "text ", "text "},
	} {
		from := columns.New(lineType(t, c.from))
		from.Rows = 1
		if col := from.Column("A"); col.Width > 0 {
			col.Fixed = []byte(c.value)
		} else {
			col.Bytes, col.Offsets = []byte(c.value), []uint32{0, uint32(len(c.value))}
		}
		to := lineType(t, c.to)
		got, err := from.As(to, false)
		require.NoError(t, err, c)
		require.NoError(t, got.Check())
		require.Same(t, to, got.Type)
		require.Same(t, &to.Fields[0], got.Column("A").Field)
		require.Equal(t, c.want, string(got.Column("A").Value(0)), c)
		require.Equal(t, c.value, string(from.Column("A").Value(0)), "the source stays")
	}
	kinds := []string{"b", "s", "I", "8"}
	for i, from := range kinds {
		for k, to := range kinds {
			table := columns.New(lineType(t, "A:"+from))
			table.Rows = 3
			put(table.Column("A"), 5)
			put(table.Column("A"), 200)
			table.Column("A").Codes = []uint32{1, 0, 1}
			want, err := table.Column("A").Ints(nil, 3)
			require.NoError(t, err)
			got, err := table.As(lineType(t, "A:"+to), false)
			if k < i {
				require.ErrorContains(t, err, "A: ", "%s to %s", from, to)
				continue
			}
			require.NoError(t, err, "%s to %s", from, to)
			require.NoError(t, got.Check())
			ints, err := got.Column("A").Ints(nil, 3)
			require.NoError(t, err)
			require.Equal(t, want, ints)
		}
	}
}

func TestConversionsThatCouldLoseAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{"A:C9", "A:C4", "A: CHAR(9) does not fit CHAR(4) without loss"},
		{"A:N5", "A:N3", "A: NUM(5) does not fit NUM(3) without loss"},
		{"A:N5", "A:C3", "A: NUM(5) does not fit CHAR(3) without loss"},
		{"A:C5", "A:N3", "A: CHAR(5) does not fit NUM(3) without loss"},
		{"A:P4.2", "A:P4.1", "A: BCD(4,2) does not fit BCD(4,1) without loss"},
		{"A:P4.2", "A:P4.3", "A: BCD(4,2) does not fit BCD(4,3) without loss"},
		{"A:X8", "A:X4", "A: BYTE(8) does not fit BYTE(4) without loss"},
		{"A:g", "A:C9", "A: STRING does not fit CHAR(9) without loss"},
		{"A:D", "A:C8", "A: DATE does not fit CHAR(8) without loss"},
		{"A:F", "A:I", "A: FLOAT does not fit INT without loss"},
		{"A:{ZSUB}", "A:I", "A: STRUCTURE does not fit INT without loss"},
		{"A:[ZIN]", "A:{ZSUB}", "A: TABLE does not fit STRUCTURE without loss"},
		{"A:[C4]", "A:[ZIN]", "A[]: an unnamed line of CHAR(4) does not fit a structure"},
		{"A:[C4]", "A:[C2]", "A[]: CHAR(4) does not fit CHAR(2) without loss"},
		{"MATRN:C4 B:I", "MATNR:C4 B:I", "MATRN: unknown field, type ZROW has none of this name; did you mean MATNR?"},
		{"A:C9 B:8 C:I", "A:C4 B:I C:I", "A: CHAR(9) does not fit CHAR(4) without loss\nB: INT8 does not fit INT without loss"},
	} {
		_, err := columns.NewConversion(lineType(t, c.from), lineType(t, c.to), false)
		require.Error(t, err, c)
		require.Equal(t, c.want, err.Error())
		_, ok := errors.AsType[*columns.MismatchError](err)
		require.True(t, ok)
	}
}

func TestTextThatIsNoNumberIsNamedWithItsRow(t *testing.T) {
	t.Parallel()
	table := columns.New(lineType(t, "A:C4 TAB:[ZIN]"))
	table.Rows = 3
	a := table.Column("A")
	a.Bytes, a.Offsets = []byte("124x2"), []uint32{0, 2, 5}
	a.Codes = []uint32{0, 0, 1}
	table.Column("TAB").SetInitial()
	_, err := table.As(lineType(t, "A:N4 TAB:[ZIN]"), false)
	require.EqualError(t, err, "[2].A: byte 0x78 at 1 of a CHAR(4) is no digit, NUM(4) holds digits only")

	var d metadata.Dictionary
	d.Structure("I1", "K:C3").Structure("I2", "K:N3").Structure("O1", "S:{I1} T:[I1]").Structure("O2", "S:{I1} T:[I2]")
	require.NoError(t, d.Err())
	from, _ := d.Type("O1")
	to, _ := d.Type("O2")
	deep := columns.New(from)
	deep.Rows = 2
	deep.Column("S.K").SetInitial()
	lines := deep.Column("T")
	lines.Offsets = []uint32{0, 1, 2}
	lines.Lines.Rows = 2
	k := &lines.Lines.Columns[0]
	k.Bytes, k.Offsets = []byte("1ab"), []uint32{0, 1, 3}
	_, err = deep.As(to, false)
	require.EqualError(t, err, "T[1].K: byte 0x61 at 0 of a CHAR(3) is no digit, NUM(3) holds digits only")
}

func TestMissingFieldsAreInitialAndUnknownOnesDroppedOnRequest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	from, to := lineType(t, "A:C4 OLD:I SUB:{ZSUB} TAB:[ZIN]"), lineType(t, "NEW:N4 TAB:[ZIN] A:C4 S2:{ZSUB} N2:[ZIN]")
	for rows := range 6 {
		table := random(r, from, rows)
		_, err := table.As(to, false)
		require.EqualError(t, err, "OLD: unknown field, type ZROW has none of this name\nSUB: unknown field, type ZROW has none of this name; did you mean TAB?")
		got, err := table.As(to, true)
		require.NoError(t, err)
		require.NoError(t, got.Check())
		require.Equal(t, rows, got.Rows)
		for row := range rows {
			require.Equal(t, table.Column("A").Text(row), got.Column("A").Text(row))
			require.Equal(t, "0000", got.Column("NEW").Text(row))
			require.True(t, got.Column("S2.A").IsInitial(row))
			require.True(t, got.Column("N2").IsInitial(row))
		}
		back, err := got.As(from, true)
		require.NoError(t, err)
		for row := range rows {
			require.True(t, back.Column("OLD").IsInitial(row))
		}
		want := columns.New(lineType(t, "TAB:[ZIN]"))
		want.Rows, want.Columns[0] = rows, *table.Column("TAB")
		have := columns.New(want.Type)
		have.Rows, have.Columns[0] = rows, *got.Column("TAB")
		require.True(t, want.Equal(have))
	}
}

func TestConversionToAnEqualTypeSharesEverything(t *testing.T) {
	t.Parallel()
	a, _ := dictionary(t).Type("ZALL")
	b, _ := dictionary(t).Type("ZALL")
	require.NotSame(t, a, b)
	table := random(rand.New(rand.NewPCG(3, 3)), a, 20)
	same, err := table.As(a, false)
	require.NoError(t, err)
	require.Same(t, table, same)
	got, err := table.As(b, false)
	require.NoError(t, err)
	require.True(t, table.Equal(got))
	require.Same(t, b, got.Type)
	for i := range got.Columns {
		require.Equal(t, table.Columns[i].Name, got.Columns[i].Name)
	}
	require.Same(t, &table.Column("I").Int32s[0], &got.Column("I").Int32s[0])
	if diff := cmp.Diff(table.Column("TAB").Offsets, got.Column("TAB").Offsets); diff != "" {
		t.Error(diff)
	}
}

// The same leaf in another structure is another field.
func TestStructuresAreMatchedByName(t *testing.T) {
	t.Parallel()
	table := columns.New(lineType(t, "S1:{ZSUB} X:I"))
	table.Rows = 1
	for i := range table.Columns {
		table.Columns[i].SetInitial()
	}
	_, err := table.As(lineType(t, "S2:{ZSUB} X:I"), false)
	require.EqualError(t, err, "S1: unknown field, type ZROW has none of this name; did you mean S2?")
	got, err := table.As(lineType(t, "S1:{ZSUB} X:I"), false)
	require.NoError(t, err)
	require.Equal(t, "S1.A", got.Columns[0].Name)
}

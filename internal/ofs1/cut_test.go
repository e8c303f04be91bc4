package ofs1

import (
	"strings"
	"testing"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// TestCutBlocksObeyTheSpec: whatever the table, a block is closed at the latest behind the row
// that reaches a limit, sizes counted in the row encoding, and the blocks are one message.
func TestCutBlocksObeyTheSpec(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		g := newGenerator(t, seed)
		var v Value
		for v.Table == nil || v.Field.Kind != metadata.Table {
			v = g.value("T", 60)
		}
		page := []int{UTF8, UTF16LE}[seed%2]
		// Small limits, so that small tables are cut.
		room := func() Room {
			return Room{Bytes: 40 + int(seed%200), Rows: 1 + int(seed%17), Cells: 20 + int(seed%100), Codepage: page}
		}
		var e Encoder
		size := func(from, to int) int {
			b := Block{Layout: Rows, Codepage: page, Values: []Value{v}}
			b.Values[0].From, b.Values[0].To = from, to
			it, err := e.AppendBlock(nil, &b, Policy{})
			require.NoError(t, err)
			return len(it)
		}
		overhead := size(0, 0)
		all := columns.New(v.Table.Type)
		var d Decoder
		for from := 0; from < v.Table.Rows; {
			r := room()
			to := r.Take(v.Table, from)
			require.Greater(t, to, from)
			require.Equal(t, to < v.Table.Rows, r.Full() && to < v.Table.Rows, "only a full block ends before the table")
			require.LessOrEqual(t, to-from, room().Rows)
			// Without its last row the block was not full yet.
			require.Less(t, size(from, to-1)-overhead-3, room().Bytes, "seed %d", seed)
			// The bound is one.
			require.LessOrEqual(t, size(from, to)-overhead-3, room().Bytes-r.Bytes, "seed %d", seed)
			require.Equal(t, cellsOf(v.Table, from, to), room().Cells-r.Cells, "seed %d", seed)

			b := Block{Layout: []Layout{Rows, Columns}[seed/2%2], Codepage: page, Values: []Value{v}}
			b.Values[0].From, b.Values[0].To = from, to
			it, err := e.AppendBlock(nil, &b, LAN)
			require.NoError(t, err)
			var got Block
			require.NoError(t, d.Decode(it, &got), "seed %d", seed)
			require.Equal(t, from > 0, got.Values[0].Continued)
			require.NoError(t, all.Append(got.Values[0].Table))
			from = to
		}
		require.True(t, v.Table.Equal(all), "seed %d", seed)
	}
}

// cellsOf counts cells one row at a time.
func cellsOf(t *columns.Table, from, to int) int {
	n := (to - from) * len(t.Columns)
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Lines == nil {
			continue
		}
		for r := from; r < to; r++ {
			k := c.Index(r)
			n += cellsOf(c.Lines, int(c.Offsets[k]), int(c.Offsets[k+1]))
		}
	}
	return n
}

func TestRoomOfLongTables(t *testing.T) {
	t.Parallel()
	line := lineOf(t, "A:I G:g")
	table := columns.New(line)
	table.Rows = 200_000
	table.Column("A").SetInitial()
	table.Column("G").SetInitial()
	r := NewRoom(0)
	require.Equal(t, CutRows, r.Take(table, 0), "65536 rows of nothing")
	require.True(t, r.Full())
	require.Equal(t, 10, r.Take(table, 10), "a full block takes nothing")

	texts(table.Column("G"), strings.Repeat("x", 1<<20))
	table.Column("G").Codes = make([]uint32, table.Rows)
	table.Column("G").Codes[5] = 1
	r = NewRoom(UTF8)
	require.Equal(t, 6, r.Take(table, 0), "the row with the long text is the last one")

	one := columns.New(lineOf(t, "S:{ZSUB}"))
	one.Rows = 1
	one.Columns[0].SetInitial()
	one.Columns[1].SetInitial()
	r = NewRoom(0)
	r.TakeValue(one)
	require.Equal(t, CutCells-2, r.Cells)
	require.Equal(t, CutRows, r.Rows, "rows of tables only")
	require.False(t, r.Full())
}

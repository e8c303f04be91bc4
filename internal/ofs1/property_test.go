package ofs1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// equalBlocks compares what blocks hold, not how.
func equalBlocks(t testing.TB, want, got *Block, note string) {
	t.Helper()
	require.Equal(t, len(want.Requested), len(got.Requested), note)
	for i := range want.Requested {
		require.Equal(t, want.Requested[i], got.Requested[i], note)
	}
	require.Len(t, got.Values, len(want.Values), note)
	for i := range want.Values {
		w, g := &want.Values[i], &got.Values[i]
		require.Equal(t, w.Name, g.Name, note)
		require.Equal(t, w.Field.Kind.IsStructure(), g.Field.Kind.IsStructure(), note)
		if w.Field.Kind.Variable() {
			require.Equal(t, w.Field.Length, g.Field.Length, note)
		}
		require.Equal(t, w.Field.Decimals, g.Field.Decimals, note)
		require.True(t, sameType(w.Field.Type, g.Field.Type), "%s: type of %s", note, w.Name)
		require.Equal(t, g.To, g.Table.Rows, note)
		require.NoError(t, g.Table.Check(), note)
		require.True(t, w.Table.Equal(g.Table), "%s: %s:\n%+v\n%+v", note, w.Name, w.Table, g.Table)
	}
}

func TestRowAndColumnarGiveTheOriginalForRandomTypesAndValues(t *testing.T) {
	t.Parallel()
	var e Encoder
	var d Decoder
	var reused Block
	seeds := 3000
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		g := newGenerator(t, uint64(seed))
		b := g.block(Rows, 1+g.IntN(3), 1+g.IntN(40))
		for _, page := range []int{UTF8, UTF16LE} {
			b.Codepage = page
			for _, b.Layout = range []Layout{Rows, Columns} {
				policy := []Policy{{}, {Compression: LZ4}, {Compression: Deflate}, {Compression: LZH}, LAN, WAN}[seed%6]
				item, err := e.AppendBlock(nil, b, policy)
				require.NoError(t, err, "seed %d", seed)
				var fresh Block
				d.Reset()
				require.NoError(t, d.Decode(item, &fresh), "seed %d layout %s\n%x", seed, b.Layout, item)
				equalBlocks(t, b, &fresh, b.Layout.String())
				d.Reset()
				require.NoError(t, d.Decode(item, &reused), "seed %d", seed)
				equalBlocks(t, b, &reused, "reused")
				again, err := e.AppendBlock(nil, &fresh, policy)
				require.NoError(t, err)
				require.Equal(t, item, again, "seed %d: bytes depend on how columns hold values", seed)
			}
		}
	}
}

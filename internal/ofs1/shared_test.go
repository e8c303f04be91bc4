package ofs1

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/stretchr/testify/require"
)

type sharedBlock struct {
	Layout string
	Hex    string
	Items  []string
}

type sharedVectors struct {
	Requested []string
	Rows      []struct {
		ID                   int32
		Code, Qty, Day, Note string
	}
	Blocks, Continued []sharedBlock
	Nested            struct{ Blocks []sharedBlock }
}

func vectors(t testing.TB) sharedVectors {
	t.Helper()
	var all struct{ OFS1 sharedVectors }
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "fastser.json"), &all))
	require.Len(t, all.OFS1.Blocks, 2)
	return all.OFS1
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// messages are the worked vectors as sequences of items, by name and layout.
func messages(t testing.TB) map[string][][]byte {
	t.Helper()
	all, out := vectors(t), map[string][][]byte{}
	for name, blocks := range map[string][]sharedBlock{"worked": all.Blocks, "nested": all.Nested.Blocks, "continued": all.Continued} {
		for _, b := range blocks {
			items := b.Items
			if items == nil {
				items = []string{b.Hex}
			}
			for _, item := range items {
				out[name+"/"+b.Layout] = append(out[name+"/"+b.Layout], unhex(t, item))
			}
		}
	}
	require.Len(t, out, 6)
	return out
}

func TestVectorsBothWays(t *testing.T) {
	t.Parallel()
	all := messages(t)
	for name, items := range all {
		other := "R"
		if name[len(name)-1] == 'R' {
			other = "C"
		}
		wants := map[Layout][][]byte{Layout(name[len(name)-1]): items, Layout(other[0]): all[name[:len(name)-1]+other]}
		var d Decoder
		var e Encoder
		for i, item := range items {
			var b Block
			require.NoError(t, d.Decode(item, &b), name)
			for layout, want := range wants {
				b.Layout = layout
				got, err := e.AppendBlock(nil, &b, Policy{})
				require.NoError(t, err)
				require.Equal(t, hex.EncodeToString(want[i]), hex.EncodeToString(got), "%s block %d in layout %s", name, i, layout)
			}
		}
	}
}

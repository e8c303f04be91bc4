package serialization

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func TestTextsOfNestedPointersShareTheArena(t *testing.T) {
	t.Parallel()
	d := new(metadata.Dictionary)
	d.Structure("SUB", "A:C400 B:C3").Structure("SUB2", "S:{SUB} C:C300")
	d.Structure("ROW", "P:{SUB} Q:{SUB2} T:C700 U:C1 V:C5")
	require.NoError(t, d.Err())
	f, err := d.Function("Z_TEST", "TABLES T:[ROW]")
	require.NoError(t, err)
	type sub struct{ A, B string }
	type sub2 struct {
		S *sub
		C *string
	}
	type row struct {
		P *sub
		Q *sub2
		T string
		U any
		V *string
	}
	text := strings.Repeat("四€x", 100)
	var rows []row
	for i := range 100 {
		v := fmt.Sprint(i)
		s := text[:i*3-i*3%7]
		rows = append(rows, row{&sub{strings.ToValidUTF8(s, "?"), "ab"}, &sub2{&sub{v, v}, &v}, text + text, "U", &v})
	}
	w := Writer{Function: f}
	b, err := w.Append(nil, Params{"T": rows})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, false)
	require.NoError(t, feed(&s, b))
	n := 0
	for got, err := range Rows[row](&s, "T") {
		require.NoError(t, err)
		require.Equal(t, rows[n], got)
		n++
	}
	require.Equal(t, 100, n)
	for _, err := range Rows[row](&s, "T") {
		require.NoError(t, err)
		break
	}
	for _, err := range Rows[row](&s, "NOPE") {
		require.ErrorIs(t, err, ErrUnknownName)
	}
	for _, err := range Rows[int](&s, "T") {
		require.ErrorIs(t, err, ErrShape)
	}
}

func TestRowTargets(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]")
	in := t10Rows(3)
	b, err := (&Writer{Function: f}).Append(nil, Params{"T": in})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, false)
	require.NoError(t, feed(&s, b))
	var byPointer struct {
		T []*t10
	}
	var byMap struct {
		T []map[string]any
	}
	var byAny struct {
		T any
	}
	require.NoError(t, s.Scan(&byPointer))
	require.NoError(t, s.Scan(&byMap))
	require.NoError(t, s.Scan(&byAny))
	require.Equal(t, &in[2], byPointer.T[2])
	require.Equal(t, in[1].Matnr, byMap.T[1]["MATNR"])
	require.Equal(t, in[1].Menge, byAny.T.([]Params)[1]["MENGE"])
	type narrow struct {
		Lfdnr int8
		Menge int
	}
	in[2].Lfdnr = 200
	for row, err := range Rows[narrow](&s, "T") {
		require.ErrorIs(t, err, ErrConversion)
		require.ErrorContains(t, err, "T[0].MENGE")
		require.Zero(t, row)
	}
	again, err := (&Writer{Function: f}).Append(nil, &byPointer)
	require.NoError(t, err)
	require.Equal(t, b, again)
}

func TestTableReaderFollowsAGroup(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES U:[C2]")
	var r TableReader
	r.Reset(&f.Parameters[0], Representation{})
	var got []string
	d, err := NewRowDecoder[string](&f.Parameters[0], Representation{}, Options{})
	require.NoError(t, err)
	for _, it := range []chain.Item{item(0x0330, u32(9)), item(0x0302, u32(4, 3)), item(0x0303, utf16("A")), item(0x0303, utf16("BC")), item(0x0304, []byte{0x41, 0})} {
		require.True(t, r.Owns(it.Tag))
		rows, err := r.Item(it)
		require.NoError(t, err)
		for i := range rows.Len() {
			var v string
			require.NoError(t, d.Decode(rows.Row(i), &v))
			got = append(got, v)
		}
	}
	require.False(t, r.Owns(chain.Program))
	require.NoError(t, r.Finish())
	require.Equal(t, []string{"A", "BC", "A\x00"}, got)
	require.Equal(t, 4, r.Width())
	require.Equal(t, 3, r.Count())
}

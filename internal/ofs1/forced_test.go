package ofs1

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"testing"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// forced writes a column in a given encoding, whether it is the shortest or not; nothing if
// the encoding does not exist for the values.
func forced(e *Encoder, s *source, enc byte) []byte {
	switch s.store {
	case columns.Uint8s:
		return forcedIntegers(e, s.column.Uint8s, enc)
	case columns.Int16s:
		return forcedIntegers(e, s.column.Int16s, enc)
	case columns.Int32s:
		return forcedIntegers(e, s.column.Int32s, enc)
	case columns.Int64s:
		return forcedIntegers(e, s.column.Int64s, enc)
	case columns.Tables:
		if enc == encNested || enc == encInitial && s.lines.rows == 0 {
			return e.appendNested(nil, s)
		}
		return nil
	}
	same := true
	for r := range s.rows {
		same = same && s.same(0, r)
	}
	b := []byte{enc}
	switch {
	case enc == encInitial && same && s.isInitial(0):
		return b
	case enc == encConstant && same:
		return s.values.append(b, 0)
	case enc == encPlain:
		return s.appendPlain(b)
	case enc == encRuns:
		runs := 0
		for r := range s.rows {
			if r == 0 || !s.same(r, r-1) {
				runs++
			}
		}
		return s.appendRuns(b, runs)
	case enc == encDictionary:
		if _, ok := e.number(s); !ok {
			return nil
		}
		b = appendUvarint(b, uint64(s.different()))
		for k := range s.different() {
			b = s.values.append(b, s.place(k))
		}
		return appendCodes(b, s.codes, indexWidth(s.different()))
	case enc == encSparse:
		return s.appendSparse(b)
	}
	return nil
}

func forcedIntegers[T integer](e *Encoder, vec []T, enc byte) []byte {
	m := measureIntegers(vec)
	b := []byte{enc}
	switch {
	case enc == encInitial && m.lowest == 0 && m.highest == 0:
		return b
	case enc == encConstant && m.lowest == m.highest:
		return appendInteger(b, vec[0])
	case enc == encPlain:
		for _, v := range vec {
			b = appendInteger(b, v)
		}
		return b
	case enc == encRuns:
		return appendIntegerRuns(b, vec, m.runs)
	case enc == encDictionary:
		codes, n, _ := codesOfIntegers(e, vec, 1<<30)
		b = appendUvarint(b, uint64(n))
		for _, v := range e.distinct.keys {
			b = appendInteger(b, T(v))
		}
		return appendCodes(b, codes, indexWidth(n))
	case enc == encFrame:
		w := bits.Len64(uint64(m.highest) - uint64(m.lowest))
		return appendOffsets(append(appendUvarint(b, zigzag(m.lowest)), byte(w)), vec, m.lowest, w)
	case enc == encDelta && !m.wide:
		return appendDeltas(b, vec)
	case enc == encSparse:
		return appendIntegerSparse(b, vec)
	}
	return nil
}

// TestAllNineEncodingsOfEveryKind writes columns of each kind in each encoding that exists for
// them, reads them, and finds that the encoder took the shortest, of equal ones the lowest.
func TestAllNineEncodingsOfEveryKind(t *testing.T) {
	t.Parallel()
	written := map[string]int{}
	for _, kind := range append([]metadata.Kind{metadata.Table}, scalarKinds...) {
		for seed := range uint64(60) {
			g := newGenerator(t, seed)
			f := metadata.Field{Kind: kind, Name: "A"}
			switch {
			case kind == metadata.Table:
				f.Type = g.line("ZIN", []metadata.Field{{Name: "K", Kind: metadata.Int2}, {Name: "V", Kind: metadata.String}})
			case kind.Variable():
				f.Length = 1 + int(seed%9)
			}
			line := g.line("ZROW", []metadata.Field{f})
			table := columns.New(line)
			table.Rows = 1 + int(seed*seed)%150
			g.fill(&table.Columns[0], table.Rows)
			if seed%7 == 0 {
				for i := range table.Columns[0].Int64s { // far apart: no differences
					table.Columns[0].Int64s[i] = int64(g.Uint64())
				}
			}

			var e Encoder
			own, err := e.AppendBlock(nil, &Block{Layout: Columns, Values: []Value{tableValue("T", table)}}, Policy{})
			require.NoError(t, err)
			var best []byte
			for enc := byte(encInitial); enc <= encNested; enc++ {
				e = Encoder{cells: DefaultCells, plans: map[*metadata.Type]*plan{}}
				e.types.begin()
				head, err := e.types.appendType(p(0, 1, "T"), &metadata.Field{Kind: metadata.Table, Type: line})
				require.NoError(t, err)
				ts, err := e.prepare(e.plan(line), table, 0, table.Rows)
				require.NoError(t, err)
				block := forced(&e, ts.cols[0], enc)
				if block == nil {
					continue
				}
				written[fmt.Sprintf("%d/%c", enc, kind)]++
				it := item(Columns, UTF8, p(head, uint64(table.Rows), block))
				var d Decoder
				var b Block
				require.NoError(t, d.Decode(it, &b), "%c seed %d encoding %d", kind, seed, enc)
				require.NoError(t, b.Values[0].Table.Check())
				require.True(t, table.Equal(b.Values[0].Table), "%c seed %d encoding %d", kind, seed, enc)
				if best == nil || len(it) < len(best) {
					best = it
				}
			}
			require.Equal(t, hex.EncodeToString(best), hex.EncodeToString(own), "%c seed %d", kind, seed)
		}
	}
	for _, kind := range scalarKinds {
		store := columns.StorageOf(kind)
		for enc := encInitial; enc <= encSparse; enc++ {
			exists := enc != encFrame && enc != encDelta || store <= columns.Int64s
			require.Equal(t, exists, written[fmt.Sprintf("%d/%c", enc, kind)] > 0, "encoding %d of %c", enc, kind)
		}
	}
	require.Positive(t, written["0/h"])
	require.Positive(t, written["8/h"])
}

// TestWorkedVectorByHand reads the tail of the columnar vector that spec 22.5 explains.
func TestWorkedVectorByHand(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	for _, b := range all.Blocks {
		var d Decoder
		var got Block
		require.NoError(t, d.Decode(unhex(t, b.Hex), &got))
		require.Equal(t, []string{"ET_OUT"}, got.Requested)
		require.Len(t, got.Values, 3)
		require.Equal(t, "Hello", got.Values[0].Table.Columns[0].Text(0))
		require.Equal(t, 30, got.Values[0].Field.Length)
		n, err := got.Values[1].Table.Columns[0].Int(0)
		require.NoError(t, err)
		require.EqualValues(t, -5, n)
		table := got.Values[2].Table
		require.Equal(t, "ZROW", table.Type.Name)
		require.Equal(t, len(all.Rows), table.Rows)
		for i, row := range all.Rows {
			id, err := table.Column("ID").Int(i)
			require.NoError(t, err)
			require.EqualValues(t, row.ID, id)
			require.Equal(t, row.Code, table.Column("CODE").Text(i))
			require.Equal(t, row.Qty, hex.EncodeToString(table.Column("QTY").Value(i)))
			require.Equal(t, row.Day, table.Column("DAY").Text(i))
			require.Equal(t, row.Note, table.Column("NOTE").Text(i))
		}
		if b.Layout == "C" {
			require.Len(t, table.Column("DAY").Fixed, 8, "a constant is one value")
			require.Equal(t, 2, table.Column("CODE").Values())
		}
	}
}

// TestVariedLongColumnsTakeTheShortestWithoutADictionary: long columns that hardly repeat are
// measured without numbering their values.
func TestVariedLongColumnsTakeTheShortestWithoutADictionary(t *testing.T) {
	t.Parallel()
	const rows = 6000
	line := lineOf(t, "SHORT:C6 LONG:C30 DIGITS:N5 LONGDIGITS:N12 PACKED:P8.3 FLOAT:F WIDE:P16.0 I:I")
	for shape, repeat := range []int{1, 2, 200} {
		g := newGenerator(t, uint64(shape))
		table := columns.New(line)
		table.Rows = rows
		empty := []int{0, 3, 0}[shape] // of four rows
		next := 0
		for r := range rows {
			// The first rows differ, so that no dictionary is tried.
			if r < sampleRows || r%repeat == 0 {
				next = 1 + g.IntN(90_000)
			}
			v := next
			if r >= sampleRows && g.IntN(4) < empty {
				v = 0
			}
			text := func(name, format string) {
				if v == 0 && format[0] != '%' {
					texts(table.Column(name), "")
				} else {
					texts(table.Column(name), fmt.Sprintf(format, v))
				}
			}
			text("SHORT", "x%05d")
			text("LONG", "number %05d of many others")
			text("DIGITS", "%05d")
			text("LONGDIGITS", "%012d")
			c := table.Column("PACKED")
			c.Fixed = append(c.Fixed, 0, 0, 0, 0, byte(v>>16), byte(v>>8), byte(v), 0x0c)
			c = table.Column("WIDE")
			c.Fixed = append(c.Fixed, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(v>>16), byte(v>>8), byte(v), 0x0c)
			c = table.Column("FLOAT")
			c.Float64s = append(c.Float64s, float64(v)/7)
			c = table.Column("I")
			c.Int32s = append(c.Int32s, int32(v)<<8)
		}
		e := Encoder{cells: DefaultCells, plans: map[*metadata.Type]*plan{}}
		ts, err := e.prepare(e.plan(line), table, 0, rows)
		require.NoError(t, err)
		for i, s := range ts.cols {
			var best []byte
			for _, enc := range []byte{encPlain, encRuns, encFrame, encDelta, encSparse} {
				if b := forced(&e, s, enc); b != nil && (best == nil || len(b) < len(best)) {
					best = b
				}
			}
			got := e.appendColumns(nil, &tableSource{rows: rows, cols: ts.cols[i : i+1]})
			require.Equal(t, best[0], got[0], "%s, shape %d", s.column.Name, shape)
			require.Equal(t, len(best), len(got), "%s, shape %d", s.column.Name, shape)
		}
		var d Decoder
		var b Block
		it, err := e.AppendBlock(nil, &Block{Layout: Columns, Values: []Value{tableValue("T", table)}}, LAN)
		require.NoError(t, err)
		require.NoError(t, d.Decode(it, &b))
		require.True(t, table.Equal(b.Values[0].Table))
	}
}

func TestDictionariesOfIntegersAreGivenUpInTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, rows, want int }{
		{1 << 20, 1000, maxDictionary},
		{1250, 1000, 1250 - (1 + 2 + 1 + 1000)}, // indices of eight bits and 246 values
		{600, 1000, 16},
		{300, 1000, 4},
		{140, 1000, 2},
		{10, 1000, 1},
	} {
		require.Equal(t, c.want, mostDifferent(c.limit, c.rows), c)
	}
}

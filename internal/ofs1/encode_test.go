package ofs1

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func TestValuesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	line := lineOf(t, "C:C4 N:N3 D:D X:X2 G:g I:I P:P4.2 S:{ZSUB} T:[ZIN]")
	for _, c := range []struct {
		name string
		harm func(v *Value)
		text string
	}{
		{"too long", func(v *Value) { texts(v.Table.Column("C"), "a", "abcde") }, "V[1].C: 5 characters, want at most 4 characters"},
		{"too long in a dictionary", func(v *Value) {
			texts(v.Table.Column("C"), "a", "💪💪💪")
			v.Table.Column("C").Codes = []uint32{0, 1}
		}, "V[1].C: 6 characters, want at most 4"},
		{"bytes too long", func(v *Value) { texts(v.Table.Column("X"), "\x01", "\x01\x02\x03") }, "V[1].X: 3 bytes, want at most 2 bytes"},
		{"digits too few", func(v *Value) { texts(v.Table.Column("N"), "12", "123") }, "V[0].N: 2 characters, want 3 characters"},
		{"not UTF-8", func(v *Value) { texts(v.Table.Column("G"), "ok", "a\xff") }, "V[1].G: byte 0xff at 1 is not UTF-8"},
		{"half a character in each row", func(v *Value) { texts(v.Table.Column("G"), "\xc3", "\xa4") }, "V[0].G: byte 0xc3 at 0 is not UTF-8"},
		{"surrogate", func(v *Value) { texts(v.Table.Column("G"), "", "a\xed\xa0\x80") }, "V[1].G: unpaired surrogate at byte 1"},
		{"date", func(v *Value) { v.Table.Column("D").Fixed = []byte("20260705\xe40260705") }, "V[1].D: DATE with a character that is not ASCII"},
		{"offsets", func(v *Value) { v.Table.Column("G").Bytes, v.Table.Column("G").Offsets = nil, []uint32{0, 9, 9} }, "V[0].G: offsets out of order"},
		{"offsets in a dictionary", func(v *Value) {
			texts(v.Table.Column("G"), "ab", "c")
			v.Table.Column("G").Offsets[1] = 77
			v.Table.Column("G").Codes = []uint32{1, 0}
		}, "V[0].G: offsets out of order"},
		{"no offsets", func(v *Value) { v.Table.Column("G").Offsets = nil }, "V.G: no offsets"},
		{"values missing", func(v *Value) { v.Table.Column("I").Int32s = []int32{1, 2, 3} }, "V.I: 3 values for 2 rows"},
		{"codes missing", func(v *Value) { v.Table.Column("I").Codes = []uint32{0} }, "V.I: 1 codes for 2 rows"},
		{"code", func(v *Value) { v.Table.Column("I").Codes = []uint32{0, 5} }, "V[1].I: code 5 for 1 values"},
		{"width", func(v *Value) { v.Table.Column("P").Width = 3 }, "V.P: 4 bytes of width 3, want width 4"},
		{"part of a value", func(v *Value) { v.Table.Column("P").Fixed = make([]byte, 7) }, "V.P: 7 bytes of width 4"},
		{"lines missing", func(v *Value) { v.Table.Column("T").Lines = nil }, "V.T: a column of tables without lines"},
		{"lines out of order", func(v *Value) { v.Table.Column("T").Offsets = []uint32{0, 0, 9} }, "V.T[1]: offsets out of order"},
		{"lines out of order in a dictionary", func(v *Value) {
			v.Table.Column("T").Offsets, v.Table.Column("T").Codes = []uint32{0, 0, 9}, []uint32{1, 1}
		}, "V.T[0]: offsets out of order"},
		{"in lines", func(v *Value) {
			in := v.Table.Column("T")
			in.Lines.Rows, in.Offsets = 2, []uint32{0, 1, 2}
			in.Lines.Columns[0].SetInitial()
			texts(&in.Lines.Columns[1], "a", "\xff")
		}, "V.T[1].V: byte 0xff at 0 is not UTF-8"},
		{"lines that contradict each other", func(v *Value) {
			in := v.Table.Column("T")
			in.Lines.Rows, in.Offsets, in.Codes = 2, []uint32{0, 2}, []uint32{0, 0}
		}, "column K: 0 values for 2 rows"},
		{"columns missing", func(v *Value) { v.Table.Columns = v.Table.Columns[1:] }, "V: 9 columns for a type of 10"},
		{"rows", func(v *Value) { v.To = 3 }, "V: rows 0 to 3 of a table of 2"},
		{"from", func(v *Value) { v.From = 2; v.To = 1 }, "V: rows 2 to 1 of a table of 2"},
		{"no table", func(v *Value) { v.Table = nil }, "V: no table"},
		{"name", func(v *Value) { v.Name = "" }, "a value without a name"},
		{"name not Latin-1", func(v *Value) { v.Name = "A€" }, "U+20AC"},
		{"name with a control character", func(v *Value) { v.Name = "A\n" }, "control character"},
		{"structure of two rows", func(v *Value) { v.Field.Kind = metadata.Structure }, "V: 2 rows, want one for STRUCTURE"},
		{"scalar of two rows", func(v *Value) { v.Field.Kind = metadata.Int4 }, "V: 2 rows, want one for INT"},
		{"structure for a scalar", func(v *Value) { v.Field, v.To = metadata.Field{Kind: metadata.Int4}, 1 }, "V: columns of another type than INT"},
		{"another line type", func(v *Value) { v.Field.Type = lineOf(t, "A:I") }, "V: columns of type ZROW, want ZROW"},
		{"no line type", func(v *Value) { v.Field.Type = nil }, "V: TABLE without a type"},
		{"reference", func(v *Value) { v.Field = metadata.Field{Kind: 'r'} }, `V: type "r" cannot travel`},
	} {
		for _, layout := range []Layout{Rows, Columns} {
			table := columns.New(line)
			table.Rows = 2
			v := tableValue("V", table)
			for i := range table.Columns {
				table.Columns[i].SetInitial()
			}
			for _, name := range []string{"C", "N", "X", "G"} {
				if strings.Contains(c.text, "."+name+":") {
					table.Column(name).Clear()
				}
			}
			c.harm(&v)
			var e Encoder
			out, err := e.AppendBlock([]byte("kept"), &Block{Layout: layout, Values: []Value{v}}, LAN)
			require.ErrorContains(t, err, c.text, "%s, %s", c.name, layout)
			_, ok := errors.AsType[*ValueError](err)
			require.True(t, ok, c.name)
			require.Equal(t, "kept", string(out))
		}
	}
	var e Encoder
	_, err := e.AppendBlock(nil, &Block{Layout: 'Z'}, LAN)
	require.EqualError(t, err, "ofs1: Layout(0x5a), want row or columnar")
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Codepage: 1100}, LAN)
	require.EqualError(t, err, "ofs1: code page 1100, want 4110 or 4103")
	one := columns.New(lineOf(t, "A:I"))
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Values: []Value{tableValue("A", one), tableValue("A", one)}}, LAN)
	require.EqualError(t, err, "ofs1: A: twice in a block")
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Requested: []string{"€"}}, LAN)
	require.ErrorContains(t, err, "U+20AC")
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Values: []Value{tableValue("A", one)}}, Policy{Compression: 9})
	require.EqualError(t, err, "ofs1: Compression(0x9) cannot be written")
}

func TestNamesThatWouldNotComeBackAreRefused(t *testing.T) {
	t.Parallel()
	unnamed, err := metadata.NewType("", []metadata.Field{{Kind: metadata.Structure, Type: lineOf(t, "A:I")}})
	require.NoError(t, err)
	table := columns.New(unnamed)
	var e Encoder
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Values: []Value{tableValue("A", table)}}, LAN)
	require.EqualError(t, err, "ofs1: A: a structure without a name inside of a line")
	_, err = e.AppendBlock(nil, &Block{Layout: Rows, Values: []Value{{
		Name: "A", Field: metadata.Field{Kind: metadata.Structure, Type: unnamed}, Table: table, To: 0,
	}}}, LAN)
	require.ErrorContains(t, err, "a field without a name")
}

// TestPaddingIsCutOff: values of callers may carry it.
func TestPaddingIsCutOff(t *testing.T) {
	t.Parallel()
	line := lineOf(t, "C:C4 X:X4 G:g")
	for _, codes := range []bool{false, true} {
		table := columns.New(line)
		table.Rows = 4
		texts(table.Column("C"), "a", "a  ", "   ", "")
		texts(table.Column("X"), "\x01", "\x01\x00", "\x00", "")
		texts(table.Column("G"), "a", "a ", " ", "")
		if codes {
			for i := range table.Columns {
				table.Columns[i].Codes = []uint32{3, 1, 2, 0}
			}
		}
		for _, layout := range []Layout{Rows, Columns} {
			var e Encoder
			it, err := e.AppendBlock(nil, &Block{Layout: layout, Values: []Value{tableValue("T", table)}}, Policy{})
			require.NoError(t, err)
			var d Decoder
			var b Block
			require.NoError(t, d.Decode(it, &b))
			got := b.Values[0].Table
			for r := range table.Rows {
				require.Equal(t, strings.TrimRight(table.Column("C").Text(r), " "), got.Column("C").Text(r))
				require.Equal(t, strings.TrimRight(table.Column("X").Text(r), "\x00"), got.Column("X").Text(r))
				require.Equal(t, table.Column("G").Text(r), got.Column("G").Text(r), "strings keep their blanks")
			}
		}
	}
}

func TestUnpairedSurrogatesTravelInUTF16(t *testing.T) {
	t.Parallel()
	table := columns.New(lineOf(t, "C:C3 G:g"))
	table.Rows = 2
	texts(table.Column("C"), "\xed\xa0\xbda", "💪x")
	texts(table.Column("G"), "a\xed\xb0\x80", "")
	for _, layout := range []Layout{Rows, Columns} {
		b := Block{Layout: layout, Codepage: UTF16LE, Values: []Value{tableValue("T", table)}}
		var e Encoder
		it, err := e.AppendBlock(nil, &b, Policy{})
		require.NoError(t, err)
		strict := Decoder{}
		refused(t, strict.Decode(it, new(Block)), wire.ErrMalformed, "unpaired surrogate")
		pass := Decoder{Surrogates: codepage.Policy{OnError: codepage.Pass}}
		var got Block
		require.NoError(t, pass.Decode(it, &got))
		require.Equal(t, UTF16LE, got.Codepage)
		require.True(t, table.Equal(got.Values[0].Table))
		replace := Decoder{Surrogates: codepage.Policy{OnError: codepage.Replace}}
		require.NoError(t, replace.Decode(it, &got))
		require.Equal(t, "#a", got.Values[0].Table.Column("C").Text(0))
		require.Equal(t, "a#", got.Values[0].Table.Column("G").Text(0))
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	block := func(n int, random bool) *Block {
		text := strings.Repeat("a", n)
		if random {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.IntN(128))
			}
			text = string(b)
		}
		line, err := metadata.NewType("", []metadata.Field{{Kind: metadata.String}})
		require.NoError(t, err)
		table := columns.New(line)
		table.Rows = 1
		texts(&table.Columns[0], text)
		return &Block{Layout: Rows, Values: []Value{{Name: "T", Field: metadata.Field{Kind: metadata.String}, Table: table, To: 1}}}
	}
	// A payload has eight bytes besides the text, seven if the text is short.
	for _, c := range []struct {
		policy Policy
		n      int
		random bool
		want   Compression
	}{
		{Policy{}, 9000, false, Uncompressed},
		{LAN, 503, false, Uncompressed},
		{LAN, 504, false, LZ4},
		{LAN, 9000, true, Uncompressed}, // an eighth must be saved
		{WAN, 120, false, Uncompressed},
		{WAN, 121, false, Deflate},
		{WAN, 9000, true, Deflate},
		{Policy{Compression: LZH}, 1, false, LZH},
	} {
		b := block(c.n, c.random)
		var e Encoder
		it, err := e.AppendBlock(nil, b, c.policy)
		require.NoError(t, err)
		h, err := DecodeHeader(it)
		require.NoError(t, err)
		require.Equal(t, c.want, h.Compression, "%v %d: %d bytes", c.policy, c.n, h.Raw)
		var d Decoder
		var got Block
		require.NoError(t, d.Decode(it, &got))
		equalBlocks(t, b, &got, c.want.String())
	}
	require.Equal(t, "none LZ4 DEFLATE LZH Compression(0x9)",
		fmt.Sprint(Uncompressed, " ", LZ4, " ", Deflate, " ", LZH, " ", Compression(9)))
	require.Equal(t, "row columnar Layout(0x5a)", fmt.Sprint(Rows, " ", Columns, " ", Layout('Z')))
}

// TestLongColumnsAreWrittenTheSameHoweverTheyAreHeld: the sample decides by values.
func TestLongColumnsAreWrittenTheSameHoweverTheyAreHeld(t *testing.T) {
	t.Parallel()
	line := lineOf(t, "SAME:C8 FEW:C20 MANY:C20 LATE:C20 I:I K:8 P:P8.3 N:N6 F:F")
	plain := columns.New(line)
	plain.Rows = 10_000
	r := rand.New(rand.NewPCG(2, 2))
	for i := range plain.Rows {
		c := func(name string) *columns.Column { return plain.Column(name) }
		texts(c("SAME"), "constant")
		texts(c("FEW"), fmt.Sprintf("value number %d", r.IntN(40)))
		texts(c("MANY"), fmt.Sprintf("value number %d", i))
		texts(c("LATE"), fmt.Sprintf("value number %d", min(i, 2000)))
		texts(c("N"), fmt.Sprintf("%06d", r.IntN(3)))
		c("I").Int32s = append(c("I").Int32s, int32(r.Uint32()))
		c("K").Int64s = append(c("K").Int64s, int64(1)<<uint(r.IntN(60)))
		c("F").Float64s = append(c("F").Float64s, float64(r.IntN(300))/8)
		c("P").Fixed = append(c("P").Fixed, 0, 0, 0, 0, 0, byte(r.IntN(2)), byte(r.IntN(100)), 0x0c)
	}
	coded := columns.New(line)
	require.NoError(t, coded.Append(plain))
	// coded holds the rows backwards behind codes that turn them round again.
	for i := range coded.Columns {
		turned := make([]uint32, plain.Rows)
		for r := range turned {
			turned[r] = uint32(plain.Rows - 1 - r)
		}
		one := &columns.Table{Type: line, Rows: plain.Rows, Columns: []columns.Column{plain.Columns[i]}}
		c := one.Take(turned).Columns[0]
		c.Codes = turned
		coded.Columns[i] = c
	}
	require.NoError(t, coded.Check())
	require.True(t, plain.Equal(coded))
	var e Encoder
	want, err := e.AppendBlock(nil, &Block{Layout: Columns, Values: []Value{tableValue("T", plain)}}, Policy{})
	require.NoError(t, err)
	got, err := e.AppendBlock(nil, &Block{Layout: Columns, Values: []Value{tableValue("T", coded)}}, Policy{})
	require.NoError(t, err)
	require.Equal(t, want, got)

	var d Decoder
	var b Block
	require.NoError(t, d.Decode(got, &b))
	table := b.Values[0].Table
	require.True(t, plain.Equal(table))
	require.Equal(t, 1, table.Column("SAME").Values())
	require.Equal(t, 40, table.Column("FEW").Values())
	require.Empty(t, table.Column("MANY").Codes)
	require.Equal(t, 60, table.Column("K").Values())
	again, err := e.AppendBlock(nil, &b, Policy{})
	require.NoError(t, err)
	require.Equal(t, got, again)
}

// TestTextsThatAgreeAtBothEndsDoNotSlowDownDictionaries: the quick hash sees only the ends.
func TestTextsThatAgreeAtBothEndsDoNotSlowDownDictionaries(t *testing.T) {
	t.Parallel()
	const n = 3000
	table := columns.New(lineOf(t, "A:C30"))
	table.Rows = 2 * n
	for i := range table.Rows {
		texts(&table.Columns[0], fmt.Sprintf("beginning-%05d-behind-it", i%n))
	}
	var s distinct
	s.reset()
	values := cells{data: table.Columns[0].Bytes, ends: table.Columns[0].Offsets}
	for i := range table.Rows {
		require.EqualValues(t, i%n, s.cell(&values, i))
	}
	require.True(t, s.careful)
	require.Len(t, s.first, n)
}

func TestTypesAreWrittenOnce(t *testing.T) {
	t.Parallel()
	a, b := lineOf(t, "A:C4 S:{ZSUB} T:[ZIN] U:[ZSUB]"), lineOf(t, "A:C4 S:{ZSUB} T:[ZIN] U:[ZSUB]")
	require.NotSame(t, a, b)
	block := Block{Layout: Rows, Values: []Value{tableValue("X", columns.New(a)), tableValue("Y", columns.New(b)), tableValue("Z", columns.New(lineOf(t, "A:C5")))}}
	var e Encoder
	it, err := e.AppendBlock(nil, &block, Policy{})
	require.NoError(t, err)
	require.Equal(t, p(0, 3, "X", 0, 'h', 0, 'u', "ZROW", 4,
		"A", 0, 'C', 4,
		"S", 0, 'u', "ZSUB", 2, "A", 0, 'C', 3, "D", 0, 'D',
		"T", 0, 'h', 0, 'u', "ZIN", 2, "K", 0, 'I', "V", 0, 'g',
		"U", 0, 'h', 4, 0,
		"Y", 1, 0,
		"Z", 0, 'h', 0, 'u', "ZROW", 1, "A", 0, 'C', 5, 0), it[headerSize:])
}

func TestWarmCodecsDoNotAllocatePerRow(t *testing.T) { // not parallel: it counts allocations
	table := t10(t, 5000)
	var e Encoder
	var d Decoder
	var b Block
	var buf []byte
	for _, form := range benchForms[:3] {
		block := Block{Layout: form.layout, Values: []Value{tableValue("T", table)}}
		encode := func() {
			var err error
			buf, err = e.AppendBlock(buf[:0], &block, form.policy)
			require.NoError(t, err)
		}
		decode := func() {
			d.Reset()
			require.NoError(t, d.Decode(buf, &b))
		}
		encode()
		decode()
		require.LessOrEqual(t, testing.AllocsPerRun(5, encode), 60.0, form.name)
		require.LessOrEqual(t, testing.AllocsPerRun(5, decode), 10.0, form.name)
	}
}

// TestEncodersLetGoOfLargeMemory: after an unusually large block little is kept.
func TestEncodersLetGoOfLargeMemory(t *testing.T) {
	t.Parallel()
	var e Encoder
	block := Block{Layout: Columns}
	line := lineOf(t, "A:C30 B:g")
	for i := range 1200 {
		table := columns.New(line)
		table.Rows = 300
		for r := range table.Rows {
			texts(table.Column("A"), fmt.Sprintf("padded %d ", r%(i+1)))
			texts(table.Column("B"), fmt.Sprintf("text %d", r))
		}
		block.Values = append(block.Values, tableValue(fmt.Sprintf("T%d", i), table))
	}
	kept := func() (n int) {
		for _, s := range e.sources {
			n += s.memory()
		}
		return n + cap(e.spareData) + cap(e.packed) + 4*(cap(e.spareEnds)+cap(e.codes)) + 8*(cap(e.keys)+cap(e.sizes))
	}
	it, err := e.AppendBlock(nil, &block, LAN)
	require.NoError(t, err)
	require.LessOrEqual(t, len(e.sources), maxSources)
	require.LessOrEqual(t, kept(), maxKept)
	var d Decoder
	require.NoError(t, func() error { d.Limits.Rows = 1 << 30; return d.Decode(it, new(Block)) }())

	table := columns.New(lineOf(t, "A:C9"))
	table.Rows = 3 << 20
	texts(&table.Columns[0], "a ", "b")
	table.Columns[0].Codes = make([]uint32, table.Rows)
	table.Columns[0].Codes[7] = 1
	_, err = e.AppendBlock(nil, &Block{Layout: Columns, Values: []Value{tableValue("T", table)}}, Policy{})
	require.NoError(t, err)
	require.LessOrEqual(t, kept(), maxKept)
	require.Zero(t, e.used)
	for _, s := range e.sources {
		require.Nil(t, s.column, "nothing of the values is referred to")
	}
}

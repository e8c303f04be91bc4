package ofs1

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

const benchRows = 200_000

var t10Texts = []string{
	"Hexagon socket head cap screw M8x40", "Gasket, copper, 18x22x1.5", "Bearing 6204-2RS", "Pump casing, cast iron, painted blue",
	"Cable gland M20 IP68", "Shaft seal 35x52x7 NBR", "Control board rev. 4", "Label 100x150 mm thermal",
}

// t10 is the benchmark table of this project, as columns: every value stands for itself.
func t10(t testing.TB, rows int) *columns.Table {
	t.Helper()
	var d metadata.Dictionary
	d.Structure("T10", "MANDT:C3 MATNR:C18 WERKS:C4 LGORT:C4 CHARG:C10 MAKTX:C50 MEINS:C3 ERDAT:D MENGE:P8.3 LFDNR:I")
	require.NoError(t, d.Err())
	line, ok := d.Type("T10")
	require.True(t, ok)
	require.Equal(t, 212, line.Layout(2).Total)
	table := columns.New(line)
	table.Rows = rows
	c := table.Columns
	text := func(c *columns.Column, s string) {
		c.Bytes = append(c.Bytes, s...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
	for i := range rows {
		text(&c[0], "100")
		text(&c[1], fmt.Sprintf("%018d", 4711000+i))
		text(&c[2], fmt.Sprintf("%04d", 1000+i%7))
		text(&c[3], fmt.Sprintf("L%03d", i%12))
		text(&c[4], fmt.Sprintf("CH%07d", i))
		text(&c[5], t10Texts[i%len(t10Texts)])
		text(&c[6], []string{"ST", "KG", "M", "PAL"}[i%4])
		c[7].Fixed = fmt.Appendf(c[7].Fixed, "%04d%02d%02d", 2019+i%7, 1+i%12, 1+i%28)
		q, err := abap.NewDecimal(int64(i%9000)*250+125, -3)
		require.NoError(t, err)
		c[8].Fixed, err = abap.AppendPacked(c[8].Fixed, q, 8, 3)
		require.NoError(t, err)
		c[9].Int32s = append(c[9].Int32s, int32(i))
	}
	require.NoError(t, table.Check())
	return table
}

// cut gives the blocks of a table.
func cut(name string, table *columns.Table, layout Layout) []Block {
	var blocks []Block
	for from := 0; from < table.Rows; {
		room := NewRoom(0)
		to := room.Take(table, from)
		blocks = append(blocks, Block{Layout: layout, Values: []Value{{
			Name: name, Field: metadata.Field{Kind: metadata.Table, Type: table.Type}, Table: table, From: from, To: to,
		}}})
		from = to
	}
	return blocks
}

var benchForms = []struct {
	name   string
	layout Layout
	policy Policy
}{
	{"row", Rows, Policy{}},
	{"columnar", Columns, Policy{}},
	{"columnar-lz4", Columns, LAN},
	{"columnar-deflate", Columns, WAN},
}

func BenchmarkEncode(b *testing.B) {
	table := t10(b, benchRows)
	for _, form := range benchForms {
		b.Run("T10/"+form.name, func(b *testing.B) {
			var e Encoder
			var buf []byte
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				size = 0
				for from := 0; from < table.Rows; {
					room := NewRoom(0)
					to := room.Take(table, from)
					block := Block{Layout: form.layout, Values: []Value{{
						Name: "T", Field: metadata.Field{Kind: metadata.Table, Type: table.Type}, Table: table, From: from, To: to,
					}}}
					var err error
					if buf, err = e.AppendBlock(buf[:0], &block, form.policy); err != nil {
						b.Fatal(err)
					}
					size += len(buf)
					from = to
				}
			}
			report(b, size)
		})
	}
	b.Run("T10/cut", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = len(cut("T", table, Columns))
		}
		report(b, 0)
		b.ReportMetric(float64(n), "blocks")
	})
}

func report(b *testing.B, size int) {
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/benchRows, "B/row")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkDecode(b *testing.B) {
	table := t10(b, benchRows)
	for _, form := range benchForms {
		var e Encoder
		var items [][]byte
		size := 0
		for _, block := range cut("T", table, form.layout) {
			item, err := e.AppendBlock(nil, &block, form.policy)
			require.NoError(b, err)
			items = append(items, item)
			size += len(item)
		}
		run := func(name string, block func() *Block) {
			b.Run(name, func(b *testing.B) {
				var d Decoder
				b.ReportAllocs()
				for b.Loop() {
					d.Reset()
					for _, item := range items {
						if err := d.Decode(item, block()); err != nil {
							b.Fatal(err)
						}
					}
				}
				report(b, size)
			})
		}
		var reused Block
		run("T10/"+form.name, func() *Block { return &reused })
		run("T10/"+form.name+"-fresh", func() *Block { return new(Block) })
	}
	b.Run("T10/floor", func(b *testing.B) { benchFloor(b, table) })
}

// benchFloor is what a client of a column store does for the same rows: lengths and bytes of
// texts, fixed values and integers as they are, column by column in blocks, no checks.
func benchFloor(b *testing.B, table *columns.Table) {
	var stream []byte
	blocks := cut("T", table, Columns)
	for i := range blocks {
		v := &blocks[i].Values[0]
		for k := range table.Columns {
			c := &table.Columns[k]
			for r := v.From; r < v.To; r++ {
				switch columns.StorageOf(c.Field.Kind) {
				case columns.Int32s:
					stream = binary.LittleEndian.AppendUint32(stream, uint32(c.Int32s[r]))
				case columns.Fixed:
					stream = append(stream, c.Value(r)...)
				default:
					stream = append(appendUvarint(stream, uint64(len(c.Value(r)))), c.Value(r)...)
				}
			}
		}
	}
	out := columns.New(table.Type)
	b.ReportAllocs()
	for b.Loop() {
		p := 0
		for i := range blocks {
			v := &blocks[i].Values[0]
			n := v.To - v.From
			out.Clear()
			for k := range out.Columns {
				c := &out.Columns[k]
				switch columns.StorageOf(c.Field.Kind) {
				case columns.Int32s:
					for range n {
						c.Int32s = append(c.Int32s, int32(binary.LittleEndian.Uint32(stream[p:])))
						p += 4
					}
				case columns.Fixed:
					c.Fixed = append(c.Fixed, stream[p:p+n*c.Width]...)
					p += n * c.Width
				default:
					for range n {
						size, w := binary.Uvarint(stream[p:])
						p += w
						c.Bytes = append(c.Bytes, stream[p:p+int(size)]...)
						p += int(size)
						c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
					}
				}
			}
		}
	}
	report(b, len(stream))
}

package fuzz_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/metadata"
)

// ofs1Line has a field of each kind, a structure and nested tables.
func ofs1Line(t testing.TB) *metadata.Type {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("SUB", "A:C3 D:D").Structure("IN", "K:I V:g W:[C4]")
	d.Structure("ROW", "C:C5 N:N4 D:D T:T X:X3 P:P5.2 F:F I:I S:s B:b L:8 A:a E:e G:g Y:y UP:p UN:n UW:w DD:d D7:7 DX:x TT:t TI:i DC:c U:{SUB} H:[IN]")
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	line, _ := d.Type("ROW")
	return line
}

// ofs1Table fills every column with values in one of four ways, so that the encoder has reason
// to use each encoding.
func ofs1Table(line *metadata.Type, rows, way int) *columns.Table {
	t := columns.New(line)
	for r := range rows {
		ofs1Row(t, r, way)
	}
	return t
}

func ofs1Row(t *columns.Table, r, way int) {
	for i := range t.Columns {
		c := &t.Columns[i]
		v := []int{r * r * 7919, r / 3, 100 + r%3*1000, r * (1 - min(r%4, 1))}[(i+way)%4]
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
			c.Fixed = columns.AppendInitial(c.Fixed, c.Field)
			c.Fixed[len(c.Fixed)-c.Width] ^= byte(v) & 0x0f
		case columns.Tables:
			for k := range v % 3 {
				ofs1Row(c.Lines, k, way)
			}
			c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
		default:
			at := len(c.Bytes)
			c.Bytes = columns.AppendInitial(c.Bytes, c.Field)
			switch {
			case c.Field.Kind == metadata.Numc:
				c.Bytes[at] = '0' + byte(v%10)
			case v != 0 && (c.Field.Kind == metadata.Raw || c.Field.Kind == metadata.XString):
				c.Bytes = append(c.Bytes, 0, byte(v)|1)
			case v != 0:
				c.Bytes = append(c.Bytes, []string{"a", "bc", "ä€", "end"}[v%4]...)
			}
			c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
		}
	}
	t.Rows++
}

func ofs1Seeds(t testing.TB) []*ofs1.Block {
	t.Helper()
	line := ofs1Line(t)
	var blocks []*ofs1.Block
	for way := range 4 {
		table := ofs1Table(line, 3+9*way, way)
		one := ofs1Table(line, 1, way)
		scalar, err := metadata.NewType("", []metadata.Field{{Kind: metadata.Packed, Length: 4, Decimals: 2}})
		if err != nil {
			t.Fatal(err)
		}
		number := columns.New(scalar)
		number.Rows = 1
		number.Columns[0].Fixed = []byte{0, 0x12, 0x34, 0x5c}
		blocks = append(blocks, &ofs1.Block{Requested: []string{"ET_OUT"}, Values: []ofs1.Value{
			{Name: "P", Field: scalar.Fields[0], Table: number, To: 1},
			{Name: "S", Field: metadata.Field{Kind: metadata.DeepStructure, Type: line}, Table: one, To: 1},
			{Name: "T", Field: metadata.Field{Kind: metadata.Table, Type: line}, Table: table, To: table.Rows},
		}})
	}
	return blocks
}

var ofs1Limits = ofs1.Limits{Raw: 1 << 20, Cells: 1 << 16, Memory: 1 << 20}

// ofs1Memory is what the vectors of a table take.
func ofs1Memory(t *columns.Table) int {
	n := 300 * len(t.Columns)
	for i := range t.Columns {
		c := &t.Columns[i]
		n += cap(c.Uint8s) + 2*cap(c.Int16s) + 4*cap(c.Int32s) + 8*(cap(c.Int64s)+cap(c.Float64s)) +
			cap(c.Fixed) + cap(c.Bytes) + 4*(cap(c.Offsets)+cap(c.Codes))
		if c.Lines != nil {
			n += ofs1Memory(c.Lines)
		}
	}
	return n
}

func equalBlocks(t *testing.T, a, b *ofs1.Block, note string) {
	t.Helper()
	if len(a.Values) != len(b.Values) || len(a.Requested) != len(b.Requested) {
		t.Fatalf("%s: %d values and %d outputs, then %d and %d", note, len(a.Values), len(a.Requested), len(b.Values), len(b.Requested))
	}
	for i := range a.Values {
		if a.Values[i].Name != b.Values[i].Name || !a.Values[i].Table.Equal(b.Values[i].Table) {
			t.Fatalf("%s: value %d is another one", note, i)
		}
	}
}

// checkOFS1 decodes an item. What is accepted is a table without contradictions in bounded
// memory; it comes back from both layouts and both code pages, in one block or in two, and
// writing what was read gives the same bytes again.
func checkOFS1(t *testing.T, item []byte, raw int) {
	t.Helper()
	pass := codepage.Policy{OnError: codepage.Pass}
	d := ofs1.Decoder{Limits: ofs1Limits, Surrogates: pass}
	var b ofs1.Block
	if d.Decode(item, &b) != nil {
		return
	}
	memory := 0
	for i := range b.Values {
		if err := b.Values[i].Table.Check(); err != nil {
			t.Fatalf("%s: %v", b.Values[i].Name, err)
		}
		memory += ofs1Memory(b.Values[i].Table)
	}
	// Twice what is charged, because slices grow by doubling, and the columns themselves.
	if limit := 2*(ofs1Limits.Memory+64*raw) + 300*(10_000+2*raw); memory > limit {
		t.Fatalf("%d bytes of memory for a payload of %d", memory, raw)
	}
	for i := range b.Values {
		// Rows are written one by one: values that many rows share become long.
		room := ofs1.NewRoom(ofs1.UTF16LE)
		room.Rows = math.MaxInt
		if room.Take(b.Values[i].Table, 0) < b.Values[i].Table.Rows {
			return
		}
	}
	var e ofs1.Encoder
	write := func(b *ofs1.Block) []byte {
		out, err := e.AppendBlock(nil, b, ofs1.Policy{})
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		return out
	}
	again := ofs1.Decoder{Surrogates: pass}
	var c ofs1.Block
	read := func(items ...[]byte) {
		again.Reset()
		for _, it := range items {
			if err := again.Decode(it, &c); err != nil {
				t.Fatalf("cannot read what was written: %v\n%x", err, it)
			}
		}
	}
	page := b.Codepage
	for _, layout := range []ofs1.Layout{ofs1.Rows, ofs1.Columns} {
		b.Layout = layout
		for _, b.Codepage = range []int{page, ofs1.UTF16LE} {
			first := write(&b)
			read(first)
			equalBlocks(t, &b, &c, layout.String())
			if second := write(&c); !bytes.Equal(first, second) {
				t.Fatalf("%s: no fixed point\n%x\n%x", layout, first, second)
			}
		}
		b.Codepage = page
	}
	splitOFS1(t, &b, write)
}

// splitOFS1 cuts the last value, if it is a table, into two blocks.
func splitOFS1(t *testing.T, b *ofs1.Block, write func(b *ofs1.Block) []byte) {
	t.Helper()
	if len(b.Values) == 0 || len(b.Values) > 9_000 {
		return
	}
	last := b.Values[len(b.Values)-1]
	if last.Field.Kind != metadata.Table || last.Table.Rows < 2 {
		return
	}
	first, second := *b, *b
	first.Values = append([]ofs1.Value(nil), b.Values...)
	first.Values[len(first.Values)-1].To = last.Table.Rows / 2
	last.From = last.Table.Rows / 2
	second.Requested, second.Values = nil, []ofs1.Value{last}
	d := ofs1.Decoder{Surrogates: codepage.Policy{OnError: codepage.Pass}}
	joined := columns.New(last.Table.Type)
	for i, block := range []*ofs1.Block{&first, &second} {
		var got ofs1.Block
		if err := d.Decode(write(block), &got); err != nil {
			t.Fatalf("block %d of two: %v", i, err)
		}
		v := &got.Values[len(got.Values)-1]
		if v.Continued != (i == 1) {
			t.Fatalf("block %d: continued %t", i, v.Continued)
		}
		part, err := v.Table.As(joined.Type, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := joined.Append(part); err != nil {
			t.Fatal(err)
		}
	}
	if !joined.Equal(last.Table) {
		t.Fatal("two blocks give other rows than one")
	}
}

// FuzzOFS1 feeds payloads behind a header that fits them.
func FuzzOFS1(f *testing.F) {
	var e ofs1.Encoder
	for _, b := range ofs1Seeds(f) {
		for head, form := range []struct {
			layout ofs1.Layout
			page   int
		}{{ofs1.Rows, ofs1.UTF8}, {ofs1.Columns, ofs1.UTF8}, {ofs1.Rows, ofs1.UTF16LE}, {ofs1.Columns, ofs1.UTF16LE}} {
			b.Layout, b.Codepage = form.layout, form.page
			item, err := e.AppendBlock(nil, b, ofs1.Policy{})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(byte(head), item[20:])
		}
	}
	f.Fuzz(func(t *testing.T, head byte, payload []byte) {
		item := []byte("OFS1R\x00\x0e\x10")
		if head&1 != 0 {
			item[4] = 'C'
		}
		if head&2 != 0 {
			item[6] = 0x07 // 4103
		}
		item = binary.LittleEndian.AppendUint32(item, uint32(len(payload)))
		item = binary.LittleEndian.AppendUint32(item, uint32(len(payload)))
		item = binary.LittleEndian.AppendUint32(item, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
		checkOFS1(t, append(item, payload...), len(payload))
	})
}

// FuzzOFS1Item feeds whole items, compressed ones too.
func FuzzOFS1Item(f *testing.F) {
	var e ofs1.Encoder
	for i, b := range ofs1Seeds(f) {
		b.Layout = []ofs1.Layout{ofs1.Rows, ofs1.Columns}[i%2]
		for _, c := range []ofs1.Compression{ofs1.Uncompressed, ofs1.LZ4, ofs1.Deflate, ofs1.LZH} {
			item, err := e.AppendBlock(nil, b, ofs1.Policy{Compression: c})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(item)
		}
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		h, err := ofs1.DecodeHeader(item)
		if err != nil {
			return
		}
		checkOFS1(t, item, h.Raw)
	})
}

package ofs1

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func TestHeaderIsChecked(t *testing.T) {
	t.Parallel()
	good := item(Rows, UTF8, p(0, 1, "A", 0, 'I', 2))
	var d Decoder
	require.NoError(t, d.Decode(good, new(Block)))
	for _, c := range []struct {
		off    int
		value  []byte
		reason error
		text   string
	}{
		{0, []byte("X"), wire.ErrMalformed, "field magic"},
		{4, []byte("X"), wire.ErrMalformed, "field layout"},
		{5, []byte{4}, wire.ErrMalformed, "field compression"},
		{6, []byte{0x4c, 0x04}, wire.ErrMalformed, "field codepage"},
		{8, []byte{9}, wire.ErrMalformed, "field raw_length"},
		{12, []byte{9}, wire.ErrMalformed, "field stored_length"},
		{16, []byte{^good[16]}, ErrChecksum, "field crc32c"},
		{20, []byte{1}, ErrChecksum, "field crc32c"},
	} {
		bad := append(bytes.Clone(good[:c.off]), c.value...)
		bad = append(bad, good[len(bad):]...)
		d.Reset()
		refused(t, d.Decode(bad, new(Block)), c.reason, c.text)
	}
	require.Equal(t, "ofs1 header: field layout at offset 4: malformed: want R or C, got \"X\"",
		d.Decode(append([]byte("OFS1X"), good[5:]...), new(Block)).Error())
	layout := 0
	for _, f := range HeaderLayout {
		require.Equal(t, layout, f.Off)
		layout += f.Len
	}
	require.Equal(t, headerSize, layout)
}

// TestB114AndOtherBrokenBlocks goes through the rules of spec 22.5, each broken once.
func TestB114AndOtherBrokenBlocks(t *testing.T) {
	t.Parallel()
	row := p(0, 'h', 0, 'u', "Z", 2, "A", 0, 'C', 4, "B", 0, 'I') // table of (A C4, B I)
	column := p(0, 'h', 0, 'I')                                   // table of I
	text := p(0, 'h', 0, 'C', 4)
	nested := p(0, 'h', 0, 'h', 0, 'I')
	value := func(typ []byte, data ...any) []byte { return p(0, 1, "T", typ, p(data...)) }
	for _, c := range []struct {
		name    string
		layout  Layout
		payload []byte
		reason  error
		text    string
	}{
		{"empty", Rows, nil, wire.ErrTruncated, "a number"},
		{"long number", Rows, p(0x80, 0), wire.ErrMalformed, "shortest form"},
		{"number of 2^64", Rows, p(bytes.Repeat([]byte{0xff}, 9), 2), wire.ErrMalformed, "below 2^64"},
		{"outputs beyond the end", Rows, p(2, "A"), wire.ErrTruncated, ""},
		{"name beyond the end", Rows, p(1, 9, 'A'), wire.ErrLimit, "name"},
		{"control character", Rows, p(1, "A\n"), wire.ErrMalformed, "control character 0x0a"},
		{"trailing byte", Rows, p(0, 0, 0), wire.ErrTrailing, "1 more bytes"},
		{"too many values", Rows, p(0, uint64(10_001)), wire.ErrLimit, "values: at most 10000"},
		{"empty value name", Rows, p(0, 1, "", 0, 'I', 2), wire.ErrMalformed, "name of a parameter"},
		{"name twice", Rows, p(0, 2, "A", 0, 'I', 2, "A", 1, 2), wire.ErrMalformed, "field A at offset 7"},
		{"unknown type letter", Rows, p(0, 1, "T", 0, 'r', 0), wire.ErrMalformed, "a type letter"},
		{"deep structure letter", Rows, p(0, 1, "T", 0, 'v', "Z", 1, "A", 0, 'I', 1, 2), wire.ErrMalformed, "a type letter"},
		{"id that is not there", Rows, p(0, 1, "T", 3, 0), wire.ErrMalformed, "a type up to 0"},
		{"type inside of itself", Rows, p(0, 1, "T", 0, 'u', "Z", 1, "A", 1, 0), wire.ErrMalformed, "inside of itself"},
		{"line inside of itself", Rows, p(0, 1, "T", 0, 'h', 1, 0), wire.ErrMalformed, "inside of itself"},
		{"length 0", Rows, p(0, 1, "T", 0, 'C', 0, ""), wire.ErrMalformed, "length 0"},
		{"length above the limit", Rows, p(0, 1, "T", 0, 'C', uint64(262_144), ""), wire.ErrLimit, "length"},
		{"packed of 17 bytes", Rows, p(0, 1, "T", 0, 'P', 17, 0, 0), wire.ErrMalformed, "17 bytes"},
		{"packed with 15 decimals", Rows, p(0, 1, "T", 0, 'P', 9, 15, 0), wire.ErrMalformed, "15 decimals"},
		{"no fields", Rows, p(0, 1, "T", 0, 'u', "Z", 0, 0), wire.ErrMalformed, "1 field or more"},
		{"fields beyond the end", Rows, p(0, 1, "T", 0, 'u', "Z", 9, "A", 0, 'I'), wire.ErrMalformed, "9 fields in 4 bytes"},
		{"too many fields", Rows, p(0, 1, "T", 0, 'u', "Z", uint64(10_001)), wire.ErrLimit, "fields"},
		{"field without a name", Rows, p(0, 1, "T", 0, 'u', "Z", 1, "", 0, 'I', 1, 2), wire.ErrMalformed, "a field name"},
		{"field twice", Rows, p(0, 1, "T", 0, 'u', "Z", 2, "A", 0, 'I', "A", 2, 3, 2, 2), wire.ErrMalformed, "field A twice"},
		{"int1 missing", Rows, p(0, 1, "T", 0, 'b'), wire.ErrTruncated, "1 values"},
		{"int2 too large", Rows, p(0, 1, "T", 0, 's', uint64(65_536)), wire.ErrMalformed, "-32768 to 32767"},
		{"int4 too large", Rows, p(0, 1, "T", 0, 'I', uint64(1<<32)), wire.ErrMalformed, "-2147483648 to 2147483647"},
		{"text too long", Rows, p(0, 1, "T", 0, 'C', 2, "abc"), wire.ErrMalformed, "at most 2 characters"},
		{"text beyond the end", Rows, p(0, 1, "T", 0, 'g', 5, 'a'), wire.ErrTruncated, "a text of 5 bytes"},
		{"trailing blank", Rows, p(0, 1, "T", 0, 'C', 4, "ab "), wire.ErrMalformed, "0x20 at its end"},
		{"not UTF-8", Rows, p(0, 1, "T", 0, 'g', "a\xff"), wire.ErrMalformed, "UTF-8"},
		{"surrogate", Rows, p(0, 1, "T", 0, 'C', 4, "\xed\xa0\x80"), wire.ErrMalformed, "UTF-8"},
		{"digits too short", Rows, p(0, 1, "T", 0, 'N', 4, "123"), wire.ErrMalformed, "4 characters"},
		{"bytes too long", Rows, p(0, 1, "T", 0, 'X', 2, "abc"), wire.ErrMalformed, "at most 2 bytes"},
		{"trailing zero", Rows, p(0, 1, "T", 0, 'X', 4, "a\x00"), wire.ErrMalformed, "0x00 at its end"},
		{"date not ASCII", Rows, p(0, 1, "T", 0, 'D', []byte("2026\xc3\xa401")), wire.ErrMalformed, "ASCII"},
		{"time cut off", Rows, p(0, 1, "T", 0, 'T', []byte("1200")), wire.ErrTruncated, "1 values of 6 bytes"},
		{"float cut off", Rows, p(0, 1, "T", 0, 'F', []byte("1234567")), wire.ErrTruncated, "1 values of 8 bytes"},
		{"presence bits cut off", Rows, value(row, 1), wire.ErrTruncated, "1 rows"},
		{"unused presence bit", Rows, value(row, 1, 4), wire.ErrMalformed, "presence bits"},
		{"more rows than bytes", Rows, value(row, 9, 0), wire.ErrTruncated, "9 rows"},
		{"row path", Rows, value(row, 2, 3, "ab", 4, 3, "ab ", 4), wire.ErrMalformed, "field T[1].A at offset 27"},

		{"no encoding", Columns, value(column, 1), wire.ErrTruncated, "1 columns"},
		{"unknown encoding", Columns, value(column, 1, 9), wire.ErrMalformed, "an encoding 0 to 7"},
		{"table encoding of a number", Columns, value(column, 1, 8), wire.ErrMalformed, "an encoding 0 to 7"},
		{"integers' encoding of a text", Columns, value(text, 1, 5, 0, 0), wire.ErrMalformed, "exists for CHAR"},
		{"differences of a text", Columns, value(text, 1, 6, 0), wire.ErrMalformed, "exists for CHAR"},
		{"numbers' encoding of a table", Columns, value(nested, 1, 2), wire.ErrMalformed, "encoding 0 or 8"},
		{"columns beyond the end", Columns, value(row, 1, 0), wire.ErrTruncated, "2 columns"},
		{"values beyond the end", Columns, value(column, 9, 2, 1, 1), wire.ErrTruncated, "9 values"},
		{"column path", Columns, value(row, 3, 2, "a", "b", "c ", 0), wire.ErrMalformed, "field T[2].A"},
		{"runs of no rows", Columns, value(column, 3, 3, 2, 0, 1, 3, 1), wire.ErrMalformed, "a run of 1 to 3 rows"},
		{"runs of too many rows", Columns, value(column, 3, 3, 2, 1, 1, 3, 1), wire.ErrMalformed, "a run of 1 to 2 rows"},
		{"runs of too few rows", Columns, value(column, 3, 3, 2, 1, 1, 1, 1), wire.ErrMalformed, "runs of 3 rows together"},
		{"more runs than rows", Columns, value(column, 3, 3, 4, 1, 1, 1, 1), wire.ErrLimit, "runs"},
		{"more runs than bytes", Columns, value(column, 99, 3, 9, 1, 1, 1, 1), wire.ErrTruncated, "9 runs"},
		{"run of 2^63", Columns, value(column, 3, 3, 1, uint64(1<<63), 1), wire.ErrMalformed, "a run of"},
		{"dictionary larger than rows", Columns, value(column, 2, 4, 3, 1, 2, 3, 2, 0), wire.ErrLimit, "dictionary"},
		{"dictionary with a value twice", Columns, value(column, 3, 4, 2, 7, 7, 1, 0), wire.ErrMalformed, "different values"},
		{"dictionary without values", Columns, value(column, 3, 4, 0, 1, 0), wire.ErrMalformed, "indices below 0"},
		{"index too large", Columns, value(column, 3, 4, 3, 1, 2, 3, 2, 0x3f), wire.ErrMalformed, "indices below 3"},
		{"index of 3 bits", Columns, value(column, 3, 4, 2, 1, 2, 3, 0, 0), wire.ErrMalformed, "1, 2, 4, 8 or 16 bits"},
		{"indices cut off", Columns, value(column, 9, 4, 2, 1, 2, 1, 0), wire.ErrTruncated, "9 numbers of 1 bits"},
		{"unused index bits", Columns, value(column, 3, 4, 2, 1, 2, 1, 8), wire.ErrMalformed, "unused bits 0"},
		{"width cut off", Columns, value(column, 3, 4, 2, 1, 2), wire.ErrTruncated, "width of indices"},
		{"offsets of 65 bits", Columns, value(column, 1, 5, 0, 65), wire.ErrMalformed, "0 to 64 bits"},
		{"offsets cut off", Columns, value(column, 9, 5, 0, 8, 1), wire.ErrTruncated, "9 numbers of 8 bits"},
		{"unused offset bits", Columns, value(column, 3, 5, 0, 1, 8), wire.ErrMalformed, "unused bits 0"},
		{"minimum outside", Columns, value(column, 1, 5, uint64(1<<32), 0), wire.ErrMalformed, "-2147483648 to"},
		{"offset outside", Columns, value(column, 1, 5, uint64(1<<32-2), 1, 1), wire.ErrMalformed, "offsets up to 0"},
		{"difference outside", Columns, value(column, 2, 6, uint64(1<<32-2), 2), wire.ErrMalformed, "a difference that leads to"},
		{"difference around 2^64", Columns, value(p(0, 'h', 0, '8'), 3, 6, uint64(1<<64-2), 2, 2), wire.ErrMalformed, "a difference that leads to"},
		{"differences cut off", Columns, value(column, 9, 6, 0, 1), wire.ErrTruncated, "8 differences"},
		{"presence bits of a column cut off", Columns, value(column, 17, 7, 0, 0), wire.ErrTruncated, "3 bytes of presence bits"},
		{"unused presence bits of a column", Columns, value(column, 3, 7, 8), wire.ErrMalformed, "presence bits"},
		{"counts cut off", Columns, value(nested, 9, 8, 0, 0), wire.ErrTruncated, "9 counts"},
		{"rows of inner table differ", Columns, value(nested, 2, 8, 1, 1, 3, 0), wire.ErrMalformed, "2 rows, the sum"},
	} {
		_, err := decode(c.layout, UTF8, c.payload, Limits{})
		refused(t, err, c.reason, c.text)
	}
}

func TestTextsInUTF16(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		payload []byte
		text    string
	}{
		{p(0, 1, "T", 0, 'g', "a\x00b"), "two bytes for each character"},
		{p(0, 1, "T", 0, 'C', 4, "a\x00 \x00"), "a blank at its end"},
		{p(0, 1, "T", 0, 'C', 1, "a\x00b\x00"), "at most 1 characters"},
		{p(0, 1, "T", 0, 'N', 2, "1\x00"), "2 characters"},
		{p(0, 1, "T", 0, 'g', "\x00\xd8"), "unpaired surrogate"},
		{p(0, 1, "T", 0, 'g', 6, 'a', 0), "a text of 6 bytes"},
	} {
		_, err := decode(Rows, UTF16LE, c.payload, Limits{})
		require.Error(t, err)
		require.ErrorContains(t, err, c.text)
	}
	b, err := decode(Rows, UTF16LE, p(0, 1, "T", 0, 'g', "a\x00\xac\x20\x3d\xd8\xaa\xdc"), Limits{})
	require.NoError(t, err)
	require.Equal(t, "a€💪", b.Values[0].Table.Columns[0].Text(0))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	column := p(0, 1, "T", 0, 'h', 0, 'I')
	constant := func(rows uint64) []byte { return p(column, rows, 1, 2) }
	runs := func(rows uint64) []byte { return p(column, rows, 3, 2, 1, 2, rows-1, 4) }
	for _, c := range []struct {
		name    string
		payload []byte
		limits  Limits
		text    string
	}{
		{"raw", constant(5), Limits{Raw: 5}, "raw_length"},
		{"rows", constant(DefaultRows + 1), Limits{}, "at most 65536 rows"},
		{"cells", constant(DefaultCells + 1), Limits{Rows: 1 << 30}, "at most 16777216 cells"},
		{"rows of 2^63", p(column, uint64(1<<63), 1, 2), Limits{Rows: 1 << 30}, "rows"},
		{"memory of codes", runs(1 << 20), Limits{Rows: 1 << 30, Memory: 1 << 20}, "memory in proportion"},
		{"memory of digits", p(0, 1, "T", 0, 'h', 0, 'N', uint64(262_143), 1, 0), Limits{Memory: 1 << 10}, "memory in proportion"},
		{"cells of lines", p(0, 1, "T", 0, 'h', 0, 'h', 0, 'I', 1, 8, uint64(1<<24), uint64(1<<24), 0), Limits{}, "cells"},
		{"sum of counts", p(0, 1, "T", 0, 'h', 0, 'h', 0, 'I', 2, 8, uint64(1<<24-2), uint64(1<<64-1), 0, 0), Limits{}, "cells"},
	} {
		_, err := decode(Columns, UTF8, c.payload, c.limits)
		require.ErrorIs(t, err, wire.ErrLimit, c.name)
		require.ErrorContains(t, err, c.text, c.name)
	}
	for _, payload := range [][]byte{constant(DefaultRows), runs(DefaultRows)} {
		b, err := decode(Columns, UTF8, payload, Limits{})
		require.NoError(t, err)
		require.Equal(t, DefaultRows, b.Values[0].Table.Rows)
	}
	// Two tables share what is allowed.
	_, err := decode(Columns, UTF8, p(0, 2, "T", 0, 'h', 0, 'I', uint64(40_000), 0, "U", 1, uint64(40_000), 0), Limits{})
	refused(t, err, wire.ErrLimit, "at most 65536 rows")

	// Types: as many as allowed, and one more.
	many := func(n int) []byte {
		b := p(0, uint64(n))
		for i := range n {
			b = p(b, fmt.Sprintf("P%d", i), 0, 'C', uint64(i+1), "")
		}
		return b
	}
	_, err = decode(Rows, UTF8, many(maxTypes), Limits{})
	require.NoError(t, err)
	_, err = decode(Rows, UTF8, many(maxTypes+1), Limits{})
	refused(t, err, wire.ErrLimit, "at most 4096 types")

	// Nesting: 32 structures below the first one, and one more.
	deep := func(n int) []byte {
		b := p(0, 1, "T")
		for range n {
			b = p(b, 0, 'u', "Z", 1, "A")
		}
		return p(b, 0, 'I', 0)
	}
	_, err = decode(Rows, UTF8, deep(metadata.MaxDepth+1), Limits{})
	require.NoError(t, err)
	_, err = decode(Rows, UTF8, deep(metadata.MaxDepth+2), Limits{})
	refused(t, err, wire.ErrLimit, "nested 32 deep")
	tables := p(0, 1, "T", bytes.Repeat([]byte{0, 'h'}, metadata.MaxDepth+1))
	_, err = decode(Rows, UTF8, p(tables, 0, 'I', 0), Limits{})
	require.NoError(t, err)
	_, err = decode(Rows, UTF8, p(tables, 0, 'h', 0, 'I', 0), Limits{})
	refused(t, err, wire.ErrLimit, "nested 32 deep")
}

// TestSequenceOfBlocks goes through the rules for several blocks.
func TestSequenceOfBlocks(t *testing.T) {
	t.Parallel()
	table := func(name string, rows int) []byte {
		return p(name, 0, 'h', 0, 'I', rows, bytes.Repeat([]byte{2}, rows))
	}
	scalar := p("A", 0, 'I', 2)
	first := item(Rows, UTF8, p(1, "OUT", 2, scalar, table("T", 2)))
	for _, c := range []struct {
		name string
		next []byte
		text string
	}{
		{"goes on", item(Rows, UTF8, p(0, 1, table("T", 1))), ""},
		{"goes on, then another", item(Rows, UTF8, p(0, 2, table("T", 1), "B", 2, 2)), ""},
		{"another", item(Rows, UTF8, p(0, 1, table("U", 0))), ""},
		{"other layout", item(Columns, UTF8, p(0, 1, table("T", 1))), "row and code page 4110 as in the first block"},
		{"other code page", item(Rows, UTF16LE, p(0, 1, table("T", 1))), "row and code page 4110 as in the first block"},
		{"outputs again", item(Rows, UTF8, p(1, "OUT", 1, table("T", 1))), "in the first block only"},
		{"no values", item(Rows, UTF8, p(0, 0)), "1 value or more"},
		{"no rows", item(Rows, UTF8, p(0, 1, table("T", 0))), "1 row or more"},
		{"other definition", item(Rows, UTF8, p(0, 1, "T", 0, 'h', 0, 's', 1, 2)), "the definition of the block before"},
		{"scalar again", item(Rows, UTF8, p(0, 1, scalar)), "each parameter once"},
		{"table again, not first", item(Rows, UTF8, p(0, 2, "B", 0, 'I', 2, "T", 0, 'h', 1, 1, 2)), "each parameter once"},
	} {
		var d Decoder
		var b Block
		require.NoError(t, d.Decode(first, &b))
		require.False(t, b.Values[1].Continued)
		err := d.Decode(c.next, &b)
		if c.text != "" {
			require.ErrorContains(t, err, c.text, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, b.Values[0].Name == "T", b.Values[0].Continued, c.name)
		require.Empty(t, b.Requested)
		d.Reset()
		require.NoError(t, d.Decode(c.next, &b), "as the first block of another message")
		require.False(t, b.Values[0].Continued)
	}
	// A scalar that ends a block does not go on.
	var d Decoder
	require.NoError(t, d.Decode(item(Rows, UTF8, p(0, 1, scalar)), new(Block)))
	require.ErrorContains(t, d.Decode(item(Rows, UTF8, p(0, 1, scalar)), new(Block)), "a table, which alone may go on")
	// A table that was ended by another parameter does not go on either.
	d.Reset()
	require.NoError(t, d.Decode(first, new(Block)))
	require.NoError(t, d.Decode(item(Rows, UTF8, p(0, 1, table("U", 1))), new(Block)))
	require.ErrorContains(t, d.Decode(item(Rows, UTF8, p(0, 1, table("T", 1))), new(Block)), "each parameter once")
}

func TestConsecutiveBlocksShareTheirTypes(t *testing.T) {
	t.Parallel()
	for name, items := range messages(t) {
		var d Decoder
		var last *Value
		for range 3 {
			d.Reset()
			for i, it := range items {
				b := new(Block)
				require.NoError(t, d.Decode(it, b))
				v := &b.Values[len(b.Values)-1]
				if i == 0 && len(items) == 1 {
					if last != nil {
						require.Same(t, last.Table.Type, v.Table.Type, name)
					}
					last = v
				}
			}
		}
	}
}

func TestCompressedPayloadsAreExact(t *testing.T) {
	t.Parallel()
	raw := p(0, 1, "T", 0, 'g', string(bytes.Repeat([]byte("text "), 100)))
	var flat bytes.Buffer
	w, err := flate.NewWriter(&flat, 6)
	require.NoError(t, err)
	_, err = w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	lz4, err := sapcompress.AppendLZ4(nil, raw)
	require.NoError(t, err)
	lzh := sapcompress.AppendLZH(nil, raw, 6)
	lzc, err := sapcompress.AppendLZC(nil, raw, 13)
	require.NoError(t, err)
	for c, good := range map[Compression][]byte{LZ4: lz4, Deflate: flat.Bytes(), LZH: lzh} {
		var d Decoder
		var b Block
		require.NoError(t, d.Decode(stored(Rows, UTF8, c, raw, good), &b), c)
		require.Equal(t, 500, len(b.Values[0].Table.Columns[0].Text(0)))
		claim := func(n int) []byte {
			it := stored(Rows, UTF8, c, raw, good)
			binary.LittleEndian.PutUint32(it[8:], uint32(n))
			return it
		}
		for _, n := range []int{len(raw) - 1, len(raw) + 1, 0} {
			d.Reset()
			require.Error(t, d.Decode(claim(n), &b), "%s: %d bytes claimed", c, n)
		}
		last := len(good)
		if c == LZH {
			last-- // the last byte is padding
		}
		for cut := range last {
			d.Reset()
			require.Error(t, d.Decode(stored(Rows, UTF8, c, raw, good[:cut]), &b), "%s cut at %d", c, cut)
		}
		d.Reset()
		err := d.Decode(stored(Rows, UTF8, c, raw, append(bytes.Clone(good), 0)), &b)
		if c == LZH { // senders add a byte (spec 23.1)
			require.NoError(t, err)
		} else {
			require.Error(t, err, c)
		}
	}
	var d Decoder
	require.ErrorContains(t, d.Decode(stored(Rows, UTF8, LZH, raw, lzc), new(Block)), "an LZH block")
	// B-118: a block inside of a block is no payload.
	inner := item(Rows, UTF8, raw)
	lz4, err = sapcompress.AppendLZ4(nil, inner)
	require.NoError(t, err)
	d.Reset()
	require.Error(t, d.Decode(stored(Rows, UTF8, LZ4, inner, lz4), new(Block)))
}

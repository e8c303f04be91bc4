package ofs1

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/stretchr/testify/require"
)

// TestG54ClaimsCostNothing: blocks of about a kibibyte that claim up to 4 GiB are refused, and
// less than 1 MiB is allocated for each.
func TestG54ClaimsCostNothing(t *testing.T) { // not parallel: it counts what is allocated
	raw := p(0, 1, "T", 0, 'g', string(make([]byte, 4000)))
	lz4, err := sapcompress.AppendLZ4(nil, raw)
	require.NoError(t, err)
	claim := func(c Compression, payload []byte, n uint32) []byte {
		it := stored(Columns, UTF8, c, raw, payload)
		binary.LittleEndian.PutUint32(it[8:], n)
		return it
	}
	fill := func(b []byte) []byte { return append(b, make([]byte, max(0, 1000-len(b)))...) }
	column := func(typ string, parts ...any) []byte {
		return item(Columns, UTF8, fill(p(0, 1, "T", 0, 'h', 0, []byte(typ), p(parts...))))
	}
	rows := func(parts ...any) []byte { return item(Rows, UTF8, fill(p(0, 1, "T", 0, 'h', p(parts...)))) }
	const huge = uint64(1 << 32)
	// Each structure holds the one before twice: 2^33 columns from 33 definitions.
	doubling := p(0, 1, "T", 0, 'h')
	for range 33 {
		doubling = p(doubling, 0, 'u', "Z", 2, "A")
	}
	doubling = p(doubling, 0, 'I')
	for i := range 33 {
		doubling = p(doubling, "B", uint64(34-i))
	}
	tables := p(0, 1, "T", 0, 'h')
	for range 16 {
		tables = p(tables, 0, 'u', "Z", 2, "A", 0, 'h')
	}
	tables = p(tables, 0, 'I')
	for i := range 16 {
		tables = p(tables, "B", uint64(32-2*i))
	}
	for name, it := range map[string][]byte{
		"LZ4 of 2 GiB":            claim(LZ4, lz4, 1<<31-1),
		"LZ4 of 4 GiB":            claim(LZ4, lz4, 1<<32-1),
		"LZ4 of 1 GiB":            claim(LZ4, fill(lz4), 1<<30),
		"DEFLATE of 4 GiB":        claim(Deflate, make([]byte, 1000), 1<<32-1),
		"DEFLATE of 1 MiB":        claim(Deflate, make([]byte, 1000), 1<<20),
		"LZH of 4 GiB":            claim(LZH, fill([]byte{0xff, 0xff, 0xff, 0xff, 0x12, 0x1f, 0x9d, 2}), 1<<32-1),
		"LZH of 1 GiB":            claim(LZH, fill([]byte{0, 0, 0, 0x40, 0x12, 0x1f, 0x9d, 2}), 1<<30),
		"rows":                    rows(0, 'I', huge),
		"rows, as many as bytes":  rows(0, 'u', "Z", 1, "A", 0, 'P', 16, 0, uint64(980)),
		"rows by column":          column("I", huge, 2),
		"initial rows":            column("I", huge, 0),
		"plain rows":              column("I", uint64(60_000), 2),
		"plain texts":             column("g", uint64(60_000), 2),
		"plain floats":            column("F", uint64(60_000), 2),
		"plain packed":            column("P\x10\x00", uint64(60_000), 2),
		"runs":                    column("I", uint64(60_000), 3, huge),
		"run":                     column("I", uint64(60_000), 3, 1, huge),
		"dictionary":              column("I", uint64(60_000), 4, huge),
		"dictionary of 60000":     column("I", uint64(60_000), 4, uint64(60_000)),
		"indices":                 column("I", uint64(60_000), 4, 1, 2, 16),
		"offsets":                 column("8", uint64(60_000), 5, 0, 64),
		"differences":             column("8", uint64(60_000), 6, 0),
		"presence bits":           column("I", uint64(60_000), 7),
		"counts":                  column("h\x00I", uint64(60_000), 8),
		"lines":                   column("h\x00I", uint64(3), 8, huge, huge, huge),
		"text":                    rows(0, 'g', 1, huge),
		"outputs":                 item(Rows, UTF8, fill(p(huge))),
		"values":                  item(Rows, UTF8, fill(p(0, huge))),
		"name":                    item(Rows, UTF8, fill(p(0, 1, huge))),
		"fields":                  item(Rows, UTF8, fill(p(0, 1, "T", 0, 'u', "Z", uint64(10_000)))),
		"columns":                 item(Columns, UTF8, fill(doubling)),
		"columns of nested lines": item(Columns, UTF8, fill(tables)),
		"columns in rows":         item(Rows, UTF8, fill(doubling)),
	} {
		var d Decoder
		var b Block
		require.Error(t, d.Decode(it, &b), name) // once, so that pools and tables are there
		d = Decoder{}
		b = Block{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := d.Decode(it, &b)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "%s: %v", name, err)
		require.LessOrEqual(t, len(it), 2000, name)
	}
}

func TestTruncationAtEveryByte(t *testing.T) {
	t.Parallel()
	for name, items := range messages(t) {
		it := items[0]
		for n := range it {
			var d Decoder
			require.Error(t, d.Decode(it[:n], new(Block)), "%s cut at %d", name, n)
		}
		// Cut inside of the payload, with a header that fits.
		payload := it[headerSize:]
		for n := range payload {
			_, err := decode(Layout(it[4]), UTF8, payload[:n], Limits{})
			require.Error(t, err, "%s: payload cut at %d", name, n)
		}
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	for name, items := range messages(t) {
		it := items[0]
		for bit := range 8 * len(it) {
			bad := bytes.Clone(it)
			bad[bit/8] ^= 1 << (bit % 8)
			var d Decoder
			err := d.Decode(bad, new(Block))
			if (bit/8 == 4 || bit/8 == 6) && err == nil {
				continue // another layout or code page may fit a payload without tables
			}
			require.Error(t, err, "%s: bit %d", name, bit)
		}
	}
}

// TestChangedPayloadsWithARightChecksum: whatever is accepted is a table without
// contradictions that can be written and read again.
func TestChangedPayloadsWithARightChecksum(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	var e Encoder
	accepted := 0
	try := func(it []byte) {
		binary.LittleEndian.PutUint32(it[8:], uint32(len(it)-headerSize))
		binary.LittleEndian.PutUint32(it[12:], uint32(len(it)-headerSize))
		binary.LittleEndian.PutUint32(it[16:], crc32.Checksum(it[headerSize:], castagnoli))
		d := Decoder{Limits: Limits{Cells: 1 << 16, Memory: 1 << 20}}
		var b, again Block
		if d.Decode(it, &b) != nil {
			return
		}
		accepted++
		out, err := e.AppendBlock(nil, &b, Policy{})
		require.NoError(t, err, "%x", it)
		d.Reset()
		require.NoError(t, d.Decode(out, &again), "%x\n%x", it, out)
		equalBlocks(t, &b, &again, "again")
	}
	var corpus [][]byte
	for _, items := range messages(t) {
		corpus = append(corpus, items[0])
	}
	slices.SortFunc(corpus, bytes.Compare)
	for seed := range uint64(40) {
		g := newGenerator(t, seed)
		for _, layout := range []Layout{Rows, Columns} {
			it, err := e.AppendBlock(nil, g.block(layout, 2, 12), Policy{})
			require.NoError(t, err)
			corpus = append(corpus, it)
		}
	}
	for _, it := range corpus {
		for bit := 8 * headerSize; bit < 8*min(len(it), headerSize+200); bit++ {
			bad := bytes.Clone(it)
			bad[bit/8] ^= 1 << (bit % 8)
			try(bad)
		}
		for range 200 {
			bad := bytes.Clone(it)
			for range 1 + r.IntN(4) {
				bad[headerSize+r.IntN(len(bad)-headerSize)] = byte(r.Uint32())
			}
			try(bad)
			n := headerSize + r.IntN(len(it)-headerSize)
			try(append(bytes.Clone(it[:n]), it[min(len(it), n+r.IntN(4)):]...))
		}
	}
	require.Greater(t, accepted, 1000, "changes of values are accepted")
}

package sapcompress

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
)

// plainLZ4 reads a block one byte at a time, as the format description tells it.
func plainLZ4(block []byte, raw int) (out []byte, ok bool) {
	i := 0
	next := func() (byte, bool) {
		if i >= len(block) {
			return 0, false
		}
		i++
		return block[i-1], true
	}
	length := func(n int) (int, bool) {
		for more := n == 15; more; {
			b, ok := next()
			if !ok {
				return 0, false
			}
			n, more = n+int(b), b == 255
		}
		return n, true
	}
	for i < len(block) {
		token, _ := next()
		n, ok := length(int(token >> 4))
		if !ok {
			return nil, false
		}
		for range n {
			b, ok := next()
			if !ok || len(out) == raw {
				return nil, false
			}
			out = append(out, b)
		}
		if i == len(block) {
			return out, token&15 == 0 && len(out) == raw
		}
		lo, _ := next()
		hi, ok := next()
		offset := int(lo) | int(hi)<<8
		if !ok || offset == 0 || offset > len(out) {
			return nil, false
		}
		if n, ok = length(int(token & 15)); !ok {
			return nil, false
		}
		for range n + 4 {
			if len(out) == raw {
				return nil, false
			}
			out = append(out, out[len(out)-offset])
		}
	}
	return out, len(out) == raw && raw > 0
}

// lz4Both decodes into fresh memory and into memory that was poisoned in two ways, and wants
// the same verdict and the same bytes of all three and of plainLZ4.
func lz4Both(t *testing.T, block []byte, raw int) ([]byte, error) {
	t.Helper()
	got, err := DecodeLZ4(nil, block, raw)
	if raw >= 0 {
		want, ok := plainLZ4(block, raw)
		require.Equal(t, ok, err == nil, "%x as %d bytes: %v", block, raw, err)
		require.True(t, !ok || bytes.Equal(want, got), "%x as %d bytes", block, raw)
	}
	if err != nil {
		require.Nil(t, got)
		var we *wire.Error
		require.ErrorAs(t, err, &we)
		require.LessOrEqual(t, we.Offset, len(block))
	}
	for _, poison := range []byte{0x00, 0xee} {
		area := bytes.Repeat([]byte{poison}, 8+max(min(raw, 1<<20), 0)+64)
		dst, errAgain := DecodeLZ4(area[:8], block, raw)
		require.Equal(t, err == nil, errAgain == nil, "over %02x: %v and %v", poison, err, errAgain)
		require.True(t, bytes.Equal(dst[8:], got), "over %02x", poison)
		require.Equal(t, bytes.Repeat([]byte{poison}, 8), area[:8])
		require.Equal(t, bytes.Repeat([]byte{poison}, 64), area[len(area)-64:])
	}
	return got, err
}

func TestLZ4OfTheSharedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name, Kind, Hex string
			Raw             string `json:"raw_hex"`
		}
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "fast-serialization.json"), &file))
	found := 0
	for _, v := range file.Vectors {
		if v.Kind != "lz4-block" {
			continue
		}
		found++
		block, want := unhex(t, v.Hex), unhex(t, v.Raw)
		require.Len(t, block, 96)
		require.Len(t, want, 577)
		got, err := lz4Both(t, block, 577)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for n := range block {
			_, err := lz4Both(t, block[:n:n], 577)
			require.True(t, errorsAny(err, ErrTruncated, ErrTooLarge), "cut to %d: %v", n, err)
		}
		for raw := range 1200 {
			if _, err := lz4Both(t, block, raw); raw != 577 {
				require.ErrorIs(t, err, ErrLength, "%d bytes declared", raw)
			}
		}
	}
	require.Equal(t, 1, found)
}

func TestLZ4RoundTrip(t *testing.T) {
	t.Parallel()
	for name, plain := range corpus(t) {
		block, err := AppendLZ4([]byte("before"), plain)
		require.NoError(t, err)
		require.Equal(t, "before", string(block[:6]))
		block = block[6:]
		bound, err := LZ4Bound(len(plain))
		require.NoError(t, err)
		require.LessOrEqual(t, len(block), bound)
		again, err := AppendLZ4(make([]byte, 0, bound), plain)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block, again), "%s: another block the second time", name)
		got, err := lz4Both(t, block, len(plain))
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(plain, got), name)
		for _, raw := range []int{len(plain) - 1, len(plain) + 1} {
			_, err := lz4Both(t, block, raw)
			require.Error(t, err, "%s as %d bytes", name, raw)
		}
		frame, err := AppendLZ4Frame([]byte("before"), plain)
		require.NoError(t, err)
		require.Equal(t, block, frame[6+LZ4FrameHeaderLen:])
		got, rest, err := DecodeLZ4Frame([]byte("x"), append(frame[6:], "rest"...), len(plain))
		require.NoError(t, err)
		require.Equal(t, "rest", string(rest))
		require.True(t, bytes.Equal(plain, got[1:]), name)
	}
}

func TestLZ4TruncationAtEveryByteFails(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string][]byte{"table": tableText(4, 3000), "zeros": make([]byte, 3000), "one": {'A'}, "empty": nil} {
		frame, err := AppendLZ4Frame(nil, plain)
		require.NoError(t, err)
		for n := range frame {
			got, rest, err := DecodeLZ4Frame(nil, frame[:n:n], 1<<20)
			require.True(t, errorsAny(err, ErrHeader, wire.ErrTruncated), "%s cut to %d: %v", name, n, err)
			require.Nil(t, got)
			require.Nil(t, rest)
		}
		for n := LZ4FrameHeaderLen; n < len(frame); n++ {
			_, err := lz4Both(t, frame[LZ4FrameHeaderLen:n:n], len(plain))
			// A cut behind literals looks like a shorter block.
			require.True(t, errorsAny(err, ErrTruncated, ErrTooLarge, ErrLength), "%s cut to %d: %v", name, n, err)
		}
	}
}

func TestB115LZ4(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("00", 20)
	for name, tc := range map[string]struct {
		hex  string
		raw  int
		want error
	}{
		"offset 0":                        {"1061 0000" + "50" + zeros[:10], 10, ErrCorrupt},
		"offset before the start":         {"1061 0200" + "50" + zeros[:10], 10, ErrCorrupt},
		"offset 65535":                    {"1061 ffff" + "50" + zeros[:10], 10, ErrCorrupt},
		"first sequence is a match":       {"00 0100 50" + zeros[:10], 9, ErrCorrupt},
		"offset 0 where the library runs": {"1061 0000 f0ff" + strings.Repeat("00", 300), 300, ErrCorrupt},
		"offset before where it runs":     {"e0" + zeros[:28] + "0f00 f0ff" + strings.Repeat("00", 300), 300, ErrCorrupt},
		"output longer than declared":     {"1061 0100 50" + zeros[:10], 9, ErrLength},
		"output shorter than declared":    {"1061 0100 50" + zeros[:10], 11, ErrLength},
		"match longer than declared":      {"1f61 0100 ff00 50" + zeros[:10], 100, ErrLength},
		"literals longer than declared":   {"50" + zeros[:10], 4, ErrLength},
		"declared 0":                      {"1061", 0, ErrLength},
		"empty block":                     {"", 0, ErrTruncated},
		"empty block, one byte":           {"", 1, ErrTooLarge},
		"last literal missing":            {"1061 0100 5062626262", 10, ErrTruncated},
		"literals missing":                {"5061", 5, ErrTruncated},
		"literal length missing":          {"f0", 15, ErrTruncated},
		"literal length unended":          {"f0ffff", 500, ErrTruncated},
		"offset missing":                  {"1161", 6, ErrTruncated},
		"offset cut":                      {"1061 01", 5, ErrTruncated},
		"match length missing":            {"1f61 0100", 20, ErrTruncated},
		"match length unended":            {"1f61 0100 ffff", 500, ErrTruncated},
		"match nibble without a match":    {"1161", 1, ErrTruncated},
		"beyond 255 times the block":      {"1061 0100 50" + zeros[:10], 255*10 + 1, ErrTooLarge},
		"what 255 times allows":           {"1061 0100 50" + zeros[:10], 255 * 10, ErrLength},
		"negative":                        {"1061", -1, ErrTooLarge},
		"very negative":                   {"1061", math.MinInt, ErrTooLarge},
		"all there is":                    {"1061", math.MaxInt, ErrTooLarge},
		"4 GiB":                           {strings.Repeat("ff", 1024), math.MaxInt32, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lz4Both(t, unhex(t, strings.ReplaceAll(tc.hex, " ", "")), tc.raw)
			require.ErrorIs(t, err, tc.want)
		})
	}
	for hexBlock, want := range map[string]string{
		"00":                        "",
		"1061":                      "a",
		"1061 0100 506262626262":    "aaaaabbbbb",
		"1f61 0100 00 506262626262": strings.Repeat("a", 20) + "bbbbb",
		"2061 62 0200 506363636363": "abababccccc",
		"1061 0100":                 "aaaaa",
		"1061 0100 00":              "aaaaa",
	} {
		got, err := lz4Both(t, unhex(t, strings.ReplaceAll(hexBlock, " ", "")), len(want))
		require.NoError(t, err, hexBlock)
		require.Equal(t, want, string(got))
	}
}

func TestB115LZ4Frame(t *testing.T) {
	t.Parallel()
	good, err := AppendLZ4Frame(nil, tableText(1, 600))
	require.NoError(t, err)
	require.EqualValues(t, '4', good[0])
	with := func(off int, b ...byte) []byte {
		f := bytes.Clone(good)
		copy(f[off:], b)
		return f
	}
	for name, tc := range map[string]struct {
		frame []byte
		limit int
		want  error
	}{
		"marker not '4'":          {with(0, '5'), 600, ErrHeader},
		"declared 4 GiB":          {with(1, 255, 255, 255, 255), 600, ErrTooLarge},
		"declared 4 GiB, allowed": {with(1, 255, 255, 255, 255), math.MaxInt, ErrTooLarge},
		"above the limit":         {good, 599, ErrTooLarge},
		"negative limit":          {good, -1, ErrTooLarge},
		"stored 4 GiB":            {with(5, 255, 255, 255, 255), 600, ErrTruncated},
		"stored one more":         {with(5, good[5]+1), 600, ErrTruncated},
		"stored one less":         {with(5, good[5]-1), 600, ErrTruncated},
		"stored 0":                {with(5, 0, 0), 600, ErrTooLarge},
		"raw one less":            {with(1, good[1]-1), 600, ErrLength},
		"raw one more":            {with(1, good[1]+1), 601, ErrLength},
		"no header":               {nil, 600, ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := DecodeLZ4Frame(nil, tc.frame, tc.limit)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, got)
			require.Nil(t, rest)
		})
	}
	h, err := DecodeLZ4FrameHeader(good)
	require.NoError(t, err)
	require.Equal(t, LZ4Frame{Raw: 600, Stored: uint32(len(good) - LZ4FrameHeaderLen)}, h)
	off := 0
	for _, f := range LZ4FrameLayout {
		require.Equal(t, off, f.Off)
		off += f.Len
	}
	require.Equal(t, LZ4FrameHeaderLen, off)
}

// TestCVE202567721 lets matches reach for what lay in the output's memory before.
func TestCVE202567721LZ4ReadsNothingStale(t *testing.T) {
	t.Parallel()
	secret := bytes.Repeat([]byte("SECRET.."), 100)
	for lits := range 40 {
		for _, offset := range []int{lits + 1, lits + 2, lits + 8, 100, 400, 65535} {
			if offset <= lits {
				continue
			}
			c := []byte{byte(min(lits, 15)<<4 | 4)}
			if lits >= 15 {
				c = append(c, byte(lits-15))
			}
			c = append(append(c, make([]byte, lits)...), byte(offset), byte(offset>>8))
			c = append(append(c, 0xf0, 200-15), make([]byte, 200)...)
			area := bytes.Clone(secret)
			got, err := DecodeLZ4(area[:400], c, lits+8+200)
			require.ErrorIs(t, err, ErrCorrupt, "%d literals, offset %d", lits, offset)
			require.Len(t, got, 400)
		}
	}
}

func TestLZ4RandomSequences(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewSource(115))
	accepted := 0
	for range 30_000 {
		// A block of random sequences that is mostly valid.
		var c []byte
		out := 0
		ext := func(n int) {
			for n -= 15; n >= 255; n -= 255 {
				c = append(c, 255)
			}
			c = append(c, byte(n))
		}
		for seq := rnd.Intn(6); seq >= 0; seq-- {
			lit, match := rnd.Intn(40), 4+rnd.Intn(60)
			if rnd.Intn(20) == 0 {
				lit = rnd.Intn(700)
			}
			if rnd.Intn(20) == 0 {
				match = 4 + rnd.Intn(70_000)
			}
			if seq == 0 {
				match = 4
			}
			c = append(c, byte(min(lit, 15)<<4|min(match-4, 15)))
			if lit >= 15 {
				ext(lit)
			}
			for range lit {
				c = append(c, byte(rnd.Intn(256)))
			}
			out += lit
			if seq == 0 {
				break
			}
			offset := 1 + rnd.Intn(max(out, 1))
			if rnd.Intn(60) == 0 {
				offset = rnd.Intn(out + 20)
			}
			c = append(c, byte(offset), byte(offset>>8))
			if match-4 >= 15 {
				ext(match - 4)
			}
			out += match
		}
		if rnd.Intn(20) == 0 {
			out += rnd.Intn(9) - 4
		}
		if _, err := lz4Both(t, c, max(out, 0)); err == nil {
			accepted++
		}
	}
	require.Greater(t, accepted, 10_000)
	require.Less(t, accepted, 29_000)
}

func TestLZ4FlippedBits(t *testing.T) {
	t.Parallel()
	plain := tableText(5, 1200)
	block, err := AppendLZ4(nil, plain)
	require.NoError(t, err)
	for bit := range 8 * len(block) {
		bad := bytes.Clone(block)
		bad[bit>>3] ^= 1 << (bit & 7)
		_, _ = lz4Both(t, bad, len(plain))
	}
}

// L7: the declared length is a hard cap before and while a block is decoded.
func TestG54LZ4BombsCostNoMemory(t *testing.T) {
	frame := func(raw, stored uint32, block []byte) []byte {
		h := binary.LittleEndian.AppendUint32([]byte{'4'}, raw)
		return append(binary.LittleEndian.AppendUint32(h, stored), block...)
	}
	run := bytes.Repeat([]byte{255}, 100_000)
	copy(run, []byte{0x1f, 'a', 1, 0}) // promises 255 for each byte and never ends
	for name, f := range map[string][]byte{
		"1 KiB claims 4 GiB":               frame(math.MaxUint32, 1015, make([]byte, 1015)),
		"a byte claims 255":                frame(255, 1, []byte{0}),
		"zeros claim what they could be":   frame(255*1015, 1015, make([]byte, 1015)),
		"100 kB claim 25 MB, never ending": frame(255*100_000, 100_000, run),
		"100 kB claim 25 MB":               frame(25_000_000, 100_000, append(run[:99_999:99_999], 0)),
	} {
		_, _, err := DecodeLZ4Frame(nil, f, math.MaxInt)
		require.Error(t, err, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = DecodeLZ4Frame(nil, f, math.MaxInt)
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes, %v", name, got, err)
		require.LessOrEqual(t, got, uint64(64<<10), name)
	}
}

func TestLZ4SteadyStateDoesNotAllocate(t *testing.T) {
	plain := tableText(6, 100_000)
	block, err := AppendLZ4(nil, plain)
	require.NoError(t, err)
	frame, err := AppendLZ4Frame(nil, plain)
	require.NoError(t, err)
	bound, err := LZ4Bound(len(plain))
	require.NoError(t, err)
	buf := make([]byte, 0, bound+LZ4FrameHeaderLen)
	for name, f := range map[string]func(){
		"decode":       func() { _, _ = DecodeLZ4(buf, block, len(plain)) },
		"decode frame": func() { _, _, _ = DecodeLZ4Frame(buf, frame, len(plain)) },
		"encode":       func() { _, _ = AppendLZ4(buf, plain) },
		"encode frame": func() { _, _ = AppendLZ4Frame(buf, plain) },
	} {
		if raceEnabled {
			f() // the race detector makes sync.Pool drop values at random
			continue
		}
		require.Zero(t, testing.AllocsPerRun(50, f), name)
	}
}

func TestLZ4Bound(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, math.MinInt, MaxLZ4Input + 1, math.MaxInt} {
		_, err := LZ4Bound(n)
		require.ErrorIs(t, err, ErrTooLarge, strconv.Itoa(n))
	}
	for _, n := range []int{0, 1, 255, 1 << 20, MaxLZ4Input} {
		got, err := LZ4Bound(n)
		require.NoError(t, err)
		require.Greater(t, got, n)
	}
}

package sapcompress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/wire"
)

// craft writes bit streams by hand, lowest bit first.
type craft struct {
	b []byte
	n uint
}

func (c *craft) put(v uint64, k uint) *craft {
	for i := range k {
		if c.n%8 == 0 {
			c.b = append(c.b, 0)
		}
		c.b[len(c.b)-1] |= byte(v>>i&1) << (c.n % 8)
		c.n++
	}
	return c
}

// group fills the current group of eight LZC codes of the width, counted from the start.
func (c *craft) group(width uint) *craft {
	for c.n%(8*width) != 0 {
		c.put(0, 1)
	}
	return c
}

func (c *craft) codes(width uint, codes ...uint64) *craft {
	for _, v := range codes {
		c.put(v, width)
	}
	return c
}

// fixed opens a final block with fixed trees.
func (c *craft) fixed() *craft { return c.put(1|1<<1, 3) }

func (c *craft) sym(h *huffman, s int) *craft { return c.put(uint64(h.code[s]), uint(h.len[s])) }

// dynamic opens a final block with dynamic trees of the given lengths, each sent as a plain
// four-bit code.
func (c *craft) dynamic(lit, dist []uint8) *craft {
	c.put(1|2<<1, 3).put(uint64(len(lit)-257), 5).put(uint64(len(dist)-1), 5).put(15, 4)
	for _, s := range lensOrder {
		if s < 16 {
			c.put(4, 3)
		} else {
			c.put(0, 3)
		}
	}
	for _, l := range append(append([]uint8{}, lit...), dist...) {
		c.put(uint64(reverse(uint16(l), 4)), 4)
	}
	return c
}

func block(a Algorithm, special uint8, length uint32, body []byte) []byte {
	b := appendHeader(nil, 0, a, special)
	binary.LittleEndian.PutUint32(b, length)
	return append(b, body...)
}

func lzh(length int, c *craft) []byte { return block(LZH, 2, uint32(length), c.b) }

func noise0() *craft { return new(craft).put(0, 2) }

// lengths gives n code lengths, zero but for the named symbols.
func lengths(n int, set map[int]uint8) []uint8 {
	l := make([]uint8, n)
	for s, v := range set {
		l[s] = v
	}
	return l
}

func refuse(t *testing.T, b []byte, limit int, want error) {
	t.Helper()
	got, err := Decode([]byte("x"), b, limit)
	require.ErrorIs(t, err, want)
	require.Equal(t, "x", string(got))
	var we *wire.Error
	require.ErrorAs(t, err, &we)
	require.Equal(t, "compress", we.Layer)
	require.LessOrEqual(t, we.Offset, len(b))
	if len(b) >= HeaderLen && we.Record != "" {
		require.Equal(t, Algorithm(b[4]&15).String(), we.Record)
	}
}

func accept(t *testing.T, b []byte, want string) {
	t.Helper()
	got, err := Decode(nil, b, len(want))
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestCVE20152278CodeLengthRepeatPastTheTrees(t *testing.T) {
	t.Parallel()
	refuse(t, unhex(t, "95020000121f9d6b87174c3ab0c21ffac3b68661dce24f4b"), 661, ErrCorrupt)

	// Trees of 257 + 1 symbols; the code-length code knows 0 (1 bit), 16, 17 and 18.
	open := func(lits, dists uint64) *craft {
		c := noise0().put(1|2<<1, 3).put(lits-257, 5).put(dists-1, 5).put(15, 4)
		for _, s := range lensOrder {
			c.put(map[uint8]uint64{0: 1, 16: 2, 17: 3, 18: 3}[s], 3)
		}
		return c
	}
	sym := map[int]func(*craft, uint64){
		16: func(c *craft, x uint64) { c.put(0b01, 2).put(x, 2) },
		17: func(c *craft, x uint64) { c.put(0b011, 3).put(x, 3) },
		18: func(c *craft, x uint64) { c.put(0b111, 3).put(x, 7) },
	}
	pad := make([]byte, 64)
	for name, f := range map[string]func() *craft{
		"18 runs past": func() *craft {
			c := open(257, 1)
			sym[18](c, 127) // 138
			sym[18](c, 110) // 259 of 258
			return c
		},
		"17 runs past": func() *craft {
			c := open(257, 1)
			sym[18](c, 127)
			sym[18](c, 107) // 256
			sym[17](c, 0)
			return c
		},
		"16 runs past": func() *craft {
			c := open(257, 1)
			sym[18](c, 127)
			sym[18](c, 107)
			sym[16](c, 3)
			return c
		},
		"16 comes first":      func() *craft { c := open(257, 1); sym[16](c, 0); return c },
		"287 literal codes":   func() *craft { return open(287, 1) },
		"288 literal codes":   func() *craft { return open(288, 1) },
		"31 distance codes":   func() *craft { return open(257, 31) },
		"32 distance codes":   func() *craft { return open(257, 32) },
		"all lengths are 0":   func() *craft { c := open(257, 1); sym[18](c, 127); sym[18](c, 109); return c },
		"no code-length code": func() *craft { return noise0().put(1|2<<1, 3).put(0, 14) },
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, append(lzh(10, f()), pad...), 10, ErrCorrupt)
		})
	}
}

func TestCVE20152282CodeBeyondTheDictionary(t *testing.T) {
	t.Parallel()
	// Maximum width 9: compress goes on to ten-bit codes with 512 entries, so a code of ten
	// bits can name an entry that no table has.
	fill := func() *craft {
		c := new(craft)
		for i := range 256 {
			c.put(uint64(i), 9) // entries 257 to 511
		}
		return c
	}
	want := make([]byte, 256)
	for i := range want {
		want[i] = byte(i)
	}
	accept(t, block(LZC, 0x89, 256, fill().b), string(want))
	accept(t, block(LZC, 0x89, 262, fill().codes(10, 'A', 257, 511, 'B').b), string(want)+"A\x00\x01\xfe\xffB")
	for _, code := range []uint64{512, 513, 514, 1023} {
		refuse(t, block(LZC, 0x89, 300, fill().codes(10, 'A', code, 'B', 'C').b), 300, ErrCorrupt)
		refuse(t, block(LZC, 0x89, 6716, fill().codes(10, code).b), 6716, ErrCorrupt)
	}
}

func TestB116HostileLZC(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		special uint8
		length  int
		body    *craft
		want    error
	}{
		"first code undefined":          {0x8d, 10, new(craft).codes(9, 300), ErrCorrupt},
		"first code is the next entry":  {0x8d, 10, new(craft).codes(9, 257), ErrCorrupt},
		"first code is a clear":         {0x8d, 10, new(craft).codes(9, 256), ErrCorrupt},
		"code beyond the next entry":    {0x8d, 10, new(craft).codes(9, 'A', 258), ErrCorrupt},
		"code far beyond":               {0x8d, 10, new(craft).codes(9, 'A', 'B', 511), ErrCorrupt},
		"clear-code loop":               {0x8d, 10, new(craft).codes(9, 'A', 256).group(9).codes(9, 256, 256, 256), ErrCorrupt},
		"clear, then an old entry":      {0x8d, 10, new(craft).codes(9, 'A', 'B', 257, 256).group(9).codes(9, 257), ErrCorrupt},
		"without block mode 257 is new": {0x0d, 10, new(craft).codes(9, 'A', 257), ErrCorrupt},
		"width 0":                       {0x80, 10, new(craft).codes(9, 'A'), ErrHeader},
		"width 8":                       {0x88, 10, new(craft).codes(9, 'A'), ErrHeader},
		"width 17":                      {0x91, 10, new(craft).codes(9, 'A'), ErrHeader},
		"width 31":                      {0x9f, 10, new(craft).codes(9, 'A'), ErrHeader},
		"declares more":                 {0x8d, 4, new(craft).codes(9, 'A', 257), ErrTruncated},
		"declares less":                 {0x8d, 2, new(craft).codes(9, 'A', 257), ErrLength},
		"no body":                       {0x8d, 1, new(craft), ErrTruncated},
		"half a code":                   {0x8d, 1, new(craft).put('A', 8), ErrTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, block(LZC, tc.special, uint32(tc.length), tc.body.b), 1000, tc.want)
			// The same with more input behind, where the quick loop runs.
			if errors.Is(tc.want, ErrCorrupt) {
				refuse(t, block(LZC, tc.special, uint32(tc.length), append(tc.body.b, make([]byte, 64)...)), 1000, tc.want)
			}
		})
	}
	accept(t, block(LZC, 0x8d, 0, nil), "")
	accept(t, block(LZC, 0x8d, 3, new(craft).codes(9, 'A', 257).b), "AAA")
	accept(t, block(LZC, 0x0d, 3, new(craft).codes(9, 'A', 256).b), "AAA")
	accept(t, block(LZC, 0x8d, 7, new(craft).codes(9, 'A', 'B', 257, 256).group(9).codes(9, 'C', 257).b), "ABABCCC")
	accept(t, block(LZC, 0x8d, 1, append(new(craft).codes(9, 'A').b, 0xff, 0xff)), "A")
}

// TestLZCWithoutBlockMode turns widths in the middle of a group, which block mode never does.
func TestLZCWithoutBlockMode(t *testing.T) {
	t.Parallel()
	gzip := haveGzip(t)
	plain := tableText(9, 60_000)
	for _, maxBits := range []uint{9, 10, 13, 16} {
		w := lzcWriter{width: 9}
		dict := map[[2]int]int{}
		capacity, entry, str := 1<<maxBits, 256, int(plain[0])
		emit := func() {
			if entry > 1<<w.width && (w.width < maxBits || maxBits == 9 && w.width == 9) {
				w.turn(w.width + 1)
			}
			w.code(str)
			if entry <= capacity {
				entry++
			}
		}
		for _, b := range plain[1:] {
			if c, ok := dict[[2]int{str, int(b)}]; ok {
				str = c
				continue
			}
			if entry < capacity {
				dict[[2]int{str, int(b)}] = entry
			}
			emit()
			str = int(b)
		}
		emit()
		w.flush()
		b := block(LZC, uint8(maxBits), uint32(len(plain)), w.dst)
		got, err := Decode(nil, b, len(plain))
		require.NoError(t, err, "%d bits", maxBits)
		require.True(t, bytes.Equal(plain, got), "%d bits", maxBits)
		if gzip && maxBits > 9 {
			require.True(t, bytes.Equal(plain, uncompressZ(t, b[5:])), "%d bits", maxBits)
		}
	}
}

func TestB117HostileLZH(t *testing.T) {
	t.Parallel()
	fix := fixedHuffman()
	ab := map[int]uint8{'a': 1, 256: 2, 257: 2} // a complete literal tree: 'a', the end, length 3
	for name, tc := range map[string]struct {
		length int
		body   *craft
		want   error
	}{
		"stored block":   {5, noise0().put(1, 3).put(0, 40), ErrCorrupt},
		"reserved block": {5, noise0().put(1|3<<1, 3).put(0, 40), ErrCorrupt},
		"symbol 286":     {5, noise0().fixed().put(uint64(reverse(0xc6, 8)), 8).put(0, 40), ErrCorrupt},
		"symbol 287":     {5, noise0().fixed().put(uint64(reverse(0xc7, 8)), 8).put(0, 40), ErrCorrupt},
		"distance code 30": {5, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 257).
			put(uint64(reverse(30, 5)), 5).put(0, 40), ErrCorrupt},
		"distance before the start": {9, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 257).sym(&fix[1], 1).put(0, 40), ErrCorrupt},
		"over-subscribed literal tree": {5, noise0().dynamic(
			lengths(257, map[int]uint8{'a': 1, 'b': 1, 256: 1}), []uint8{1, 1}), ErrCorrupt},
		"incomplete literal tree": {5, noise0().dynamic(
			lengths(257, map[int]uint8{'a': 2, 256: 2}), []uint8{1, 1}), ErrCorrupt},
		"single literal code": {5, noise0().dynamic(lengths(257, map[int]uint8{256: 1}), []uint8{1, 1}), ErrCorrupt},
		"no end of block":     {5, noise0().dynamic(lengths(257, map[int]uint8{'a': 1, 'b': 1}), []uint8{1, 1}), ErrCorrupt},
		"over-subscribed distance tree": {5, noise0().dynamic(
			lengths(258, ab), []uint8{1, 1, 1}), ErrCorrupt},
		"incomplete distance tree":         {5, noise0().dynamic(lengths(258, ab), []uint8{2, 2, 2}), ErrCorrupt},
		"single distance code of two bits": {5, noise0().dynamic(lengths(258, ab), []uint8{2}), ErrCorrupt},
		"over-subscribed code-length tree": {5, func() *craft {
			c := noise0().put(1|2<<1, 3).put(15<<10, 14)
			for range lensSymbols {
				c.put(1, 3)
			}
			return c
		}(), ErrCorrupt},
		"incomplete code-length tree": {5, noise0().put(1|2<<1, 3).put(0, 14).put(1, 3).put(0, 9), ErrCorrupt},
		"the missing code of a single distance": {9, noise0().dynamic(lengths(258, ab), []uint8{1}).
			put(0, 1).put(0b11, 2).put(1, 1).put(0, 40), ErrCorrupt},
		"a match without distances": {9, noise0().dynamic(lengths(258, ab), []uint8{0}).
			put(0, 1).put(0b11, 2).put(0, 40), ErrCorrupt},
		"the end is missing":   {3, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 'b').sym(&fix[0], 'c'), ErrTruncated},
		"declares more":        {4, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 256), ErrLength},
		"declares less":        {1, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 'b').sym(&fix[0], 256), ErrLength},
		"match beyond the end": {3, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 257).sym(&fix[1], 0).sym(&fix[0], 256), ErrLength},
		"no body":              {1, new(craft), ErrTruncated},
		"noise only":           {1, new(craft).put(3, 2).put(7, 3).fixed(), ErrTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, lzh(tc.length, tc.body), 1000, tc.want)
			if errors.Is(tc.want, ErrCorrupt) {
				// The quick loop has to see it as well: more input and more declared output.
				refuse(t, append(lzh(1000, tc.body), make([]byte, 64)...), 1000, tc.want)
			}
		})
	}
	accept(t, lzh(0, noise0().fixed().sym(&fix[0], 256)), "")
	accept(t, lzh(1, new(craft).put(3, 2).put(5, 3).fixed().sym(&fix[0], 'a').sym(&fix[0], 256)), "a")
	accept(t, lzh(4, noise0().dynamic(lengths(258, ab), []uint8{1}).put(0, 1).put(0b11, 2).put(0, 1).put(0b01, 2)), "aaaa")
	accept(t, lzh(2, noise0().dynamic(lengths(258, ab), []uint8{0}).put(0, 2).put(0b01, 2)), "aa")
	accept(t, lzh(2, noise0().dynamic(lengths(258, ab), []uint8{0, 0, 0}).put(0, 2).put(0b01, 2)), "aa")
	accept(t, append(lzh(1, noise0().fixed().sym(&fix[0], 'a').sym(&fix[0], 256)), 0xff, 0xff), "a")
}

func TestB117DistanceBeyondTheWindow(t *testing.T) {
	t.Parallel()
	fix := fixedHuffman()
	for _, tc := range []struct {
		symbol int
		extra  uint64
		bits   uint
		ok     bool
	}{
		{27, 1<<12 - 1, 12, true}, // 16384
		{28, 0, 13, false},        // 16385
		{29, 0, 13, false},        // 24577
	} {
		c := noise0().fixed().sym(&fix[0], 'a')
		n := 1
		for ; n < 30000; n += 258 {
			c.sym(&fix[0], 285).sym(&fix[1], 0)
		}
		c.sym(&fix[0], 257).sym(&fix[1], tc.symbol).put(tc.extra, tc.bits).sym(&fix[0], 256)
		n += 3
		for _, tail := range []int{0, 64} {
			b := append(lzh(n, c), make([]byte, tail)...)
			got, err := Decode(nil, b, n)
			if tc.ok {
				require.NoError(t, err)
				require.Equal(t, bytes.Repeat([]byte("a"), n), got)
			} else {
				require.ErrorIs(t, err, ErrCorrupt)
			}
		}
	}
}

func TestB117EndlessEmptyBlocksMeetTheWorkLimit(t *testing.T) {
	t.Parallel()
	fix := fixedHuffman()
	for _, n := range []int{maxEmptyBlocks, maxEmptyBlocks + 1, 100_000} {
		c := noise0()
		for range n {
			c.put(1<<1, 3).sym(&fix[0], 256)
		}
		c.fixed().sym(&fix[0], 'a').sym(&fix[0], 256)
		got, err := Decode(nil, lzh(1, c), 1)
		if n <= maxEmptyBlocks {
			require.NoError(t, err)
			require.Equal(t, "a", string(got))
		} else {
			require.ErrorIs(t, err, ErrCorrupt)
		}
	}
}

// A repeat may cross from the literal to the distance lengths; the reference reads one run.
func TestLZHRepeatMayCrossTheTrees(t *testing.T) {
	t.Parallel()
	c := noise0().put(1|2<<1, 3).put(0, 5).put(1, 5).put(15, 4)
	for _, s := range lensOrder {
		c.put(map[uint8]uint64{1: 1, 18: 2, 16: 3, 0: 3}[s], 3)
	}
	// Canonical codes: 1 -> 0, 18 -> 10, 0 -> 110, 16 -> 111.
	c.put(0b01, 2).put('a'-11, 7)     // 97 zeros
	c.put(0, 1)                       // 'a': 1
	c.put(0b01, 2).put(127, 7)        // 138 zeros, up to 235
	c.put(0b01, 2).put(256-236-11, 7) // 20 zeros, up to 255
	c.put(0, 1)                       // 256: 1
	c.put(0, 1).put(0, 1)             // both distances 1
	c.put(0, 2).put(1, 1)             // a a end
	accept(t, lzh(2, c), "aa")

	c = noise0().put(1|2<<1, 3).put(0, 5).put(2, 5).put(15, 4)
	for _, s := range lensOrder {
		c.put(map[uint8]uint64{2: 2, 18: 2, 16: 2, 0: 2}[s], 3)
	}
	// Canonical codes: 0 -> 00, 2 -> 01, 16 -> 10, 18 -> 11.
	c.put(0b11, 2).put('a'-11, 7)
	c.put(0b10, 2)                      // 'a': 2
	c.put(0b11, 2).put(127, 7)          // up to 235
	c.put(0b11, 2).put(253-236-11, 7)   // up to 252
	c.put(0b00, 2)                      // 253: 0
	c.put(0b10, 2).put(0b10, 2)         // 254 and 255: 2
	c.put(0b10, 2)                      // 256: 2
	c.put(0b01, 2).put(0, 2)            // 16: three more twos, all of them distances
	refuse(t, lzh(2, c), 2, ErrCorrupt) // three distances of two bits are incomplete
}

func TestF66DeclaredSizeDiffersFromTheProduced(t *testing.T) {
	t.Parallel()
	plain := tableText(7, 20_000)
	for how, encode := range encoders() {
		good := encode(t, plain)
		for _, delta := range []int{-20_000, -19_999, -10_000, -300, -7, -1, 1, 7, 300, 5000} {
			bad := bytes.Clone(good)
			binary.LittleEndian.PutUint32(bad, uint32(len(plain)+delta))
			got, err := Decode(nil, bad, 1<<20)
			lzcPrefix := good[4]&15 == byte(LZC) && delta < 0
			if lzcPrefix && err == nil {
				// LZC has no end mark: a shorter length that falls on the end of a string is
				// a legal block of its own.
				require.True(t, bytes.Equal(plain[:len(plain)+delta], got))
				continue
			}
			require.Error(t, err, "%s %+d", how, delta)
			require.True(t, errorsAny(err, ErrLength, ErrTruncated), "%s %+d: %v", how, delta, err)
			require.Nil(t, got)
		}
	}
}

func errorsAny(err error, any ...error) bool {
	for _, want := range any {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func TestLimitOfTheCallerHolds(t *testing.T) {
	t.Parallel()
	for how, encode := range encoders() {
		b := encode(t, make([]byte, 1000))
		for _, limit := range []int{math.MinInt, -1, 0, 999} {
			_, err := Decode(nil, b, limit)
			require.ErrorIs(t, err, ErrTooLarge, how)
			require.ErrorIs(t, err, wire.ErrLimit, how)
		}
		_, err := Decode(nil, b, 1000)
		require.NoError(t, err, how)
	}
}

// TestG54BombsCostNoMemory feeds claims of up to 4 GiB under a caller that accepts anything,
// and counts every byte the decoder allocates.
func TestG54BombsCostNoMemory(t *testing.T) {
	zeros := AppendLZH(nil, make([]byte, 200_000), 9) // about 200 bytes of body
	body := make([]byte, 1024)
	copy(body, zeros[HeaderLen:])
	codes := new(craft)
	for range 900 {
		codes.put(256, 9)
	}
	for name, b := range map[string][]byte{
		"LZH 1 KiB claims 4 GiB":           block(LZH, 2, MaxLength, make([]byte, 1024)),
		"LZC 1 KiB claims 4 GiB":           block(LZC, 0x8d, MaxLength, make([]byte, 1024)),
		"LZC 16 bits claims 4 GiB":         block(LZC, 0x90, MaxLength, make([]byte, 1024)),
		"LZH 10 bytes claim 4 GiB":         block(LZH, 2, MaxLength, make([]byte, 10)),
		"LZC 10 bytes claim 4 GiB":         block(LZC, 0x8d, MaxLength, make([]byte, 10)),
		"LZH claims what it could just be": block(LZH, 2, 1024*maxLZHRatio, make([]byte, 1024)),
		"LZH claims more than its stream":  block(LZH, 2, 1024*maxLZHRatio, body),
		"LZC claims what it could just be": block(LZC, 0x90, uint32(lzcBound(1024, 16)), make([]byte, 1024)),
		"LZC clear codes":                  block(LZC, 0x8d, 1000, codes.b),
		"LZH empty blocks":                 block(LZH, 2, 1000, bytes.Repeat([]byte{0x08, 0x20, 0x80, 0x00, 0x02}, 1<<10)),
	} {
		_, err := Decode(nil, b, math.MaxInt) // fills the pools
		require.Error(t, err, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = Decode(nil, b, math.MaxInt)
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes, %v", name, got, err)
		require.LessOrEqual(t, got, uint64(1<<20), name)
	}
}

func TestLZCBoundIsWhatTheBestStreamGives(t *testing.T) {
	t.Parallel()
	for _, w := range []int{12, 13, 16} {
		for _, n := range []int{1, 2, 3, 1000, 100_000, 3_000_000} {
			b, err := AppendLZC(nil, make([]byte, n), w)
			require.NoError(t, err)
			require.LessOrEqual(t, uint64(n), lzcBound(uint64(len(b)-HeaderLen), uint(w)))
			got, err := Decode(nil, b, n)
			require.NoError(t, err)
			require.Len(t, got, n)
		}
	}
}

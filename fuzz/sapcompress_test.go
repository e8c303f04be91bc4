package fuzz_test

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"github.com/purerfc/purerfc/internal/sapcompress"
)

// compressSeeds are plain texts of the shapes that tables have.
func compressSeeds() [][]byte {
	row := []byte("8\x000\x000\x00 \x00 \x00M\x00U\x00E\x00L\x00L\x00E\x00R\x00 \x00 \x00 \x00 \x00 \x00 \x00E\x00U\x00R\x00")
	mixed := make([]byte, 3000)
	x := uint32(1)
	for i := range mixed {
		x = x*1664525 + 1013904223
		mixed[i] = byte(x>>24) & 0x3f
	}
	return [][]byte{nil, []byte("A"), []byte("TESTTESTTEST"), make([]byte, 2000), bytes.Repeat(row, 40), mixed}
}

const compressLimit = 1 << 20

// checkCompressDecode decodes hostile bytes. What is accepted has the declared length, does
// not depend on the memory that the caller brings, and comes back from both encoders.
func checkCompressDecode(t *testing.T, block []byte) []byte {
	t.Helper()
	plain, err := sapcompress.Decode(nil, block, compressLimit)
	if err != nil {
		if plain != nil {
			t.Fatalf("error %v with %d bytes of output", err, len(plain))
		}
		return nil
	}
	h, err := sapcompress.DecodeHeader(block)
	if err != nil || h.Length != len(plain) {
		t.Fatalf("declared %d bytes, decoded %d, header error %v", h.Length, len(plain), err)
	}
	if cap(plain) > 2*len(plain)+64*len(block)+1<<14 {
		t.Fatalf("%d bytes of memory for %d bytes out of %d", cap(plain), len(plain), len(block))
	}
	area := bytes.Repeat([]byte{0xee}, len(plain)+40)
	again, err := sapcompress.Decode(area[:8], block, compressLimit)
	if err != nil || !bytes.Equal(again[8:], plain) {
		t.Fatalf("another result in the caller's memory: %v", err)
	}
	for i, b := range area {
		if (i < 8 || i >= 8+len(plain)) && b != 0xee {
			t.Fatalf("byte %d outside the output was written", i)
		}
	}
	return plain
}

func checkCompressRoundTrip(t *testing.T, plain []byte, level int) {
	t.Helper()
	lzh := sapcompress.AppendLZH(nil, plain, level)
	got, err := sapcompress.Decode(nil, lzh, len(plain))
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("LZH level %d: own block not read back: %v", level, err)
	}
	std, err := io.ReadAll(flate.NewReader(bytes.NewReader(shiftedLZH(lzh))))
	if err != nil || !bytes.Equal(std, plain) {
		t.Fatalf("LZH level %d: compress/flate reads %d bytes: %v", level, len(std), err)
	}
	for _, width := range []int{12, 13, 16} {
		lzc, err := sapcompress.AppendLZC(nil, plain, width)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sapcompress.Decode(nil, lzc, len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("LZC %d bits: own block not read back: %v", width, err)
		}
	}
}

// shiftedLZH gives the DEFLATE stream behind the noise bits.
func shiftedLZH(block []byte) []byte {
	body := block[sapcompress.HeaderLen:]
	if len(body) == 0 {
		return nil
	}
	k := 2 + uint(body[0]&3)
	out := make([]byte, len(body))
	for i := range body {
		out[i] = body[i] >> k
		if i+1 < len(body) {
			out[i] |= body[i+1] << (8 - k)
		}
	}
	return out
}

// FuzzLZH feeds blocks to the LZH decoder and compares accepted ones with compress/flate.
func FuzzLZH(f *testing.F) {
	for _, plain := range compressSeeds() {
		for _, level := range []int{0, 2, 9} {
			f.Add(sapcompress.AppendLZH(nil, plain, level))
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		if len(block) > 4 {
			block[4] = block[4]&0xf0 | byte(sapcompress.LZH)
		}
		plain := checkCompressDecode(t, block)
		if plain == nil {
			return
		}
		std, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(shiftedLZH(block))), compressLimit+1))
		if err == nil && !bytes.Equal(std, plain) {
			t.Fatalf("compress/flate reads %d other bytes, we read %d", len(std), len(plain))
		}
		if err != nil {
			t.Fatalf("accepted what compress/flate refuses: %v", err)
		}
	})
}

// FuzzLZC feeds blocks to the LZC decoder.
func FuzzLZC(f *testing.F) {
	for _, plain := range compressSeeds() {
		for _, width := range []int{12, 13, 16} {
			block, err := sapcompress.AppendLZC(nil, plain, width)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(block)
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		if len(block) > 4 {
			block[4] = block[4]&0xf0 | byte(sapcompress.LZC)
		}
		plain := checkCompressDecode(t, block)
		if plain == nil {
			return
		}
		slow, ok := naiveLZC(block, len(plain))
		if !ok || !bytes.Equal(slow, plain) {
			t.Fatalf("the plain reading gives %d bytes (valid %v), we read %d", len(slow), ok, len(plain))
		}
	})
}

// naiveLZC reads a valid LZC block with strings as the dictionary, one bit at a time.
func naiveLZC(block []byte, length int) (out []byte, ok bool) {
	body, special := block[sapcompress.HeaderLen:], block[7]
	maxBits, first := int(special&0x1f), 256+int(special>>7)
	if special&0x80 == 0 {
		first = 256
	}
	dict := map[int]string{}
	next, width, bit, group := first, 9, 0, 0
	prev := ""
	for len(out) < length {
		limit := 1<<width - 1
		if width == maxBits && maxBits > 9 {
			limit = 1 << maxBits
		}
		turn := func(w int) {
			for (bit-group)%(8*width) != 0 {
				bit++
			}
			group, width = bit, w
		}
		if next > limit {
			turn(width + 1)
		}
		code := 0
		for i := range width {
			if bit/8 >= len(body) {
				return out, false
			}
			code |= int(body[bit/8]>>(bit%8)&1) << i
			bit++
		}
		if special&0x80 != 0 && code == 256 && prev != "" {
			turn(9)
			next, prev = first, ""
			clear(dict)
			continue
		}
		s, known := dict[code], code < 256
		switch {
		case known:
			s = string([]byte{byte(code)})
		case prev == "" || code > next || code >= 1<<maxBits:
			return out, false
		case code == next:
			s = prev + prev[:1]
		case s == "":
			return out, false
		}
		if prev != "" && next < 1<<maxBits {
			dict[next] = prev + s[:1]
			next++
		}
		out, prev = append(out, s...), s
	}
	return out, len(out) == length
}

// FuzzCompressRoundTrip feeds plain texts to both encoders.
func FuzzCompressRoundTrip(f *testing.F) {
	for i, plain := range compressSeeds() {
		f.Add(plain, i)
	}
	f.Fuzz(func(t *testing.T, plain []byte, level int) {
		checkCompressRoundTrip(t, plain, level)
	})
}

// FuzzLZ4 feeds a length and a block to the LZ4 decoder: the same verdict and bytes as a
// reading one byte at a time, whatever the output's memory held before. The block is also
// taken as a plain text for the encoder.
func FuzzLZ4(f *testing.F) {
	for _, plain := range compressSeeds() {
		block, err := sapcompress.AppendLZ4(nil, plain)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(len(plain), block)
	}
	f.Add(20, []byte{0x1f, 'a', 1, 0, 0, 0}) // ends in a match and an empty sequence
	f.Add(5, []byte{0x10, 'a', 2, 0, 0x50, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw int, block []byte) {
		checkLZ4Decode(t, block, raw)
		frame, err := sapcompress.AppendLZ4Frame(nil, block)
		if err != nil {
			t.Fatal(err)
		}
		plain, rest, err := sapcompress.DecodeLZ4Frame(nil, append(frame, block...), len(block))
		if err != nil || !bytes.Equal(plain, block) || !bytes.Equal(rest, block) {
			t.Fatalf("own frame not read back: %v", err)
		}
	})
}

func checkLZ4Decode(t *testing.T, block []byte, raw int) {
	t.Helper()
	if raw > compressLimit {
		return // nothing new, only slow
	}
	want, ok := naiveLZ4(block, raw)
	if !ok {
		want = nil
	}
	for _, poison := range []byte{0, 0xee} {
		area := bytes.Repeat([]byte{poison}, 8+max(raw, 0)+40)
		got, err := sapcompress.DecodeLZ4(area[:8], block, raw)
		if (err == nil) != ok {
			t.Fatalf("the plain reading says %v, the decoder %v", ok, err)
		}
		if !bytes.Equal(got[8:], want) {
			t.Fatalf("other bytes over %02x", poison)
		}
		for i, b := range area {
			if (i < 8 || i >= 8+max(raw, 0)) && b != poison {
				t.Fatalf("byte %d outside the output was written", i)
			}
		}
	}
	if got, err := sapcompress.DecodeLZ4(nil, block, raw); (err == nil) != ok || !bytes.Equal(got, want) {
		t.Fatalf("another result in fresh memory: %v", err)
	}
}

// naiveLZ4 reads a valid LZ4 block one byte at a time.
func naiveLZ4(block []byte, raw int) (out []byte, ok bool) {
	i := 0
	length := func(n int) int {
		for more := n == 15; more; i++ {
			if i >= len(block) {
				return -1
			}
			n, more = n+int(block[i]), block[i] == 255
		}
		return n
	}
	for i < len(block) {
		token := block[i]
		i++
		n := length(int(token >> 4))
		if n < 0 || n > len(block)-i || n > raw-len(out) {
			return nil, false
		}
		out, i = append(out, block[i:i+n]...), i+n
		if i == len(block) {
			return out, token&15 == 0 && len(out) == raw
		}
		if len(block)-i < 2 {
			return nil, false
		}
		offset := int(block[i]) | int(block[i+1])<<8
		i += 2
		n = length(int(token & 15))
		if n < 0 || n+4 > raw-len(out) || offset == 0 || offset > len(out) {
			return nil, false
		}
		for range n + 4 {
			out = append(out, out[len(out)-offset])
		}
	}
	return out, raw > 0 && len(out) == raw
}

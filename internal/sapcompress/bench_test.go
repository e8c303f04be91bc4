package sapcompress

import (
	"bytes"
	"compress/flate"
	"compress/lzw"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
)

// ratio runs both in turn and gives how many times faster the first is: the fastest of the
// rounds on either side, so that a busy machine disturbs both alike.
func ratio(ours, theirs func()) float64 {
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 30 {
		for i, f := range []func(){ours, theirs} {
			start := time.Now()
			f()
			best[i] = min(best[i], time.Since(start))
		}
	}
	return float64(best[1]) / float64(best[0])
}

var benchSizes = []int{8 << 10, 1 << 20}

// BenchmarkLZHDecode reports x-flate: speed over compress/flate, which reads its own stream
// of the same text at its default level through a reused reader.
func BenchmarkLZHDecode(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("table%dK", size>>10), func(b *testing.B) {
			plain := tableText(1, size)
			block := AppendLZH(nil, plain, 2)
			dst := make([]byte, 0, size)
			ours := func() {
				if got, err := Decode(dst, block, size); err != nil || len(got) != size {
					b.Fatal(err)
				}
			}
			var std bytes.Buffer
			w, err := flate.NewWriter(&std, flate.DefaultCompression)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = w.Write(plain)
			_ = w.Close()
			in := bytes.NewReader(nil)
			r := flate.NewReader(in)
			buf := make([]byte, size)
			read := func(stream []byte) func() {
				return func() {
					in.Reset(stream)
					_ = r.(flate.Resetter).Reset(in, nil)
					if _, err := io.ReadFull(r, buf); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(ratio(ours, read(std.Bytes())), "x-flate")
			b.ReportMetric(ratio(ours, read(shifted(block))), "x-flate-same-stream")
			b.ReportMetric(float64(size)/float64(len(block)), "compression")
		})
	}
}

// BenchmarkLZCDecode reports x-lzw: speed over compress/lzw on its own stream of the same
// text through a reused reader.
func BenchmarkLZCDecode(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("table%dK", size>>10), func(b *testing.B) {
			plain := tableText(1, size)
			block, err := AppendLZC(nil, plain, 13)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, 0, size)
			ours := func() {
				if got, err := Decode(dst, block, size); err != nil || len(got) != size {
					b.Fatal(err)
				}
			}
			var std bytes.Buffer
			w := lzw.NewWriter(&std, lzw.LSB, 8)
			_, _ = w.Write(plain)
			_ = w.Close()
			in := bytes.NewReader(nil)
			r := lzw.NewReader(in, lzw.LSB, 8).(*lzw.Reader)
			buf := make([]byte, size)
			theirs := func() {
				in.Reset(std.Bytes())
				r.Reset(in, lzw.LSB, 8)
				if _, err := io.ReadFull(r, buf); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(ratio(ours, theirs), "x-lzw")
			b.ReportMetric(float64(size)/float64(len(block)), "compression")
		})
	}
}

// BenchmarkLZHEncode reports x-flate against compress/flate at level 2 and the sizes of both.
func BenchmarkLZHEncode(b *testing.B) {
	plain := tableText(1, 1<<20)
	for _, level := range []int{1, 2, 6} {
		b.Run(fmt.Sprintf("level%d", level), func(b *testing.B) {
			dst := make([]byte, 0, len(plain)+1000)
			ours := func() { _ = AppendLZH(dst, plain, level) }
			var std bytes.Buffer
			std.Grow(len(plain))
			w, err := flate.NewWriter(&std, level)
			if err != nil {
				b.Fatal(err)
			}
			theirs := func() {
				std.Reset()
				w.Reset(&std)
				_, _ = w.Write(plain)
				_ = w.Close()
			}
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(ratio(ours, theirs), "x-flate")
			b.ReportMetric(float64(len(plain))/float64(len(AppendLZH(nil, plain, level))), "compression")
			b.ReportMetric(float64(len(plain))/float64(std.Len()), "compression-flate")
		})
	}
}

// BenchmarkLZCEncode reports x-lzw against compress/lzw.
func BenchmarkLZCEncode(b *testing.B) {
	plain := tableText(1, 1<<20)
	dst := make([]byte, 0, len(plain)+1000)
	ours := func() { _, _ = AppendLZC(dst, plain, 13) }
	var std bytes.Buffer
	std.Grow(len(plain))
	w := lzw.NewWriter(&std, lzw.LSB, 8).(*lzw.Writer)
	theirs := func() {
		std.Reset()
		w.Reset(&std, lzw.LSB, 8)
		_, _ = w.Write(plain)
		_ = w.Close()
	}
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		ours()
	}
	b.ReportMetric(ratio(ours, theirs), "x-lzw")
}

// BenchmarkLZ4Decode reports x-pierrec: speed over the library alone on the same block, and
// x-copy: over copying the plain text (G24).
func BenchmarkLZ4Decode(b *testing.B) {
	for _, text := range []struct {
		name  string
		plain []byte
	}{
		{"table8K", tableText(1, 8<<10)},
		{"table1024K", tableText(1, 1<<20)},
		{"zeros1024K", make([]byte, 1<<20)},
	} {
		b.Run(text.name, func(b *testing.B) {
			block, err := AppendLZ4(nil, text.plain)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, 0, len(text.plain))
			buf := make([]byte, len(text.plain))
			ours := func() {
				if _, err := DecodeLZ4(dst, block, len(text.plain)); err != nil {
					b.Fatal(err)
				}
			}
			theirs := func() {
				if n, err := lz4.UncompressBlock(block, buf); err != nil || n != len(buf) {
					b.Fatal(n, err)
				}
			}
			b.SetBytes(int64(len(text.plain)))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(ratio(ours, theirs), "x-pierrec")
			b.ReportMetric(ratio(ours, func() { copy(buf, text.plain) }), "x-copy")
			b.ReportMetric(float64(len(text.plain))/float64(len(block)), "compression")
		})
	}
}

// BenchmarkLZ4Encode reports x-pierrec against the library with a compressor of its own.
func BenchmarkLZ4Encode(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("table%dK", size>>10), func(b *testing.B) {
			plain := tableText(1, size)
			dst := make([]byte, 0, lz4.CompressBlockBound(size))
			buf := make([]byte, lz4.CompressBlockBound(size))
			ours := func() { _, _ = AppendLZ4(dst, plain) }
			var c lz4.Compressor
			theirs := func() { _, _ = c.CompressBlock(plain, buf) }
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(ratio(ours, theirs), "x-pierrec")
		})
	}
}

package bxml

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/stretchr/testify/require"
)

func item(tag chain.Tag, value string) chain.Item { return chain.Item{Tag: tag, Value: []byte(value)} }

func stream(t testing.TB, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// read feeds items to a block.
func read(items ...chain.Item) ([]byte, error) {
	var k Block
	k.Reset()
	for _, it := range items {
		if _, err := k.Item(it, nil); err != nil {
			return nil, err
		}
	}
	return k.Document()
}

func itemsOf(t testing.TB, b []byte) []chain.Item {
	t.Helper()
	var list []chain.Item
	r := chain.NewBytesReader(b, chain.Limits{})
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, it)
	}
}

func TestBlockForms(t *testing.T) {
	t.Parallel()
	packed := stream(t, []byte("BXML and more"))
	for name, items := range map[string][]chain.Item{
		"plain":               {item(0x4000, "\x01\x00"), item(0x4001, "BXML and more")},
		"plain in pieces":     {item(0x4000, "\x01\x00"), item(0x4001, "BX"), item(0x4001, ""), item(0x4001, "ML and more")},
		"plain with end":      {item(0x4000, "\x01\x00"), item(0x4001, "BXML and more"), item(0x4004, "")},
		"deflated":            {item(0x4000, "\x01\x01"), item(0x4002, packed), item(0x4004, "")},
		"deflated, cut small": append(append([]chain.Item{item(0x4000, "\x01\x01")}, pieceItems(packed)...), item(0x4004, "")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := read(items...)
			require.NoError(t, err)
			require.Equal(t, "BXML and more", string(b))
		})
	}
	for name, tt := range map[string]struct {
		items  []chain.Item
		reason error
		text   string
	}{
		"other mark":         {[]chain.Item{item(0x4000, "\x01\x02")}, wire.ErrMalformed, "0102"},
		"empty mark":         {[]chain.Item{item(0x4000, "")}, wire.ErrMalformed, "0100 or 0101"},
		"two":                {[]chain.Item{item(0x4000, "\x01\x00"), item(0x4000, "\x01\x00")}, wire.ErrMalformed, "one document"},
		"two, ended":         {[]chain.Item{item(0x4000, "\x01\x00"), item(0x4004, ""), item(0x4000, "\x01\x00")}, wire.ErrMalformed, "one document"},
		"piece first":        {[]chain.Item{item(0x4001, "x")}, wire.ErrMalformed, "4001"},
		"end first":          {[]chain.Item{item(0x4004, "")}, wire.ErrMalformed, "empty item behind"},
		"deflated in plain":  {[]chain.Item{item(0x4000, "\x01\x00"), item(0x4002, "x")}, wire.ErrMalformed, "4002"},
		"plain in deflated":  {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4001, "x")}, wire.ErrMalformed, "4001"},
		"piece behind end":   {[]chain.Item{item(0x4000, "\x01\x00"), item(0x4004, ""), item(0x4001, "x")}, wire.ErrMalformed, "4001"},
		"end with a value":   {[]chain.Item{item(0x4000, "\x01\x00"), item(0x4004, "x")}, wire.ErrMalformed, "empty item"},
		"deflated, no end":   {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4002, packed)}, wire.ErrTruncated, "4004"},
		"deflated, nothing":  {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4004, "")}, wire.ErrTruncated, "DEFLATE"},
		"stream cut":         {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4002, packed[:len(packed)-1]), item(0x4004, "")}, wire.ErrTruncated, "DEFLATE"},
		"stream and more":    {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4002, packed), item(0x4002, "x"), item(0x4004, "")}, wire.ErrTrailing, "behind the end"},
		"no deflated stream": {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4002, "BXML"), item(0x4004, "")}, wire.ErrMalformed, "raw DEFLATE"},
		"zlib":               {[]chain.Item{item(0x4000, "\x01\x01"), item(0x4002, "\x78\x9c"+packed), item(0x4004, "")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(tt.items...)
			require.Error(t, err)
			if tt.reason != nil {
				require.ErrorIs(t, err, tt.reason)
			}
			require.ErrorContains(t, err, tt.text)
		})
	}
}

func pieceItems(s string) []chain.Item {
	var list []chain.Item
	for i := range len(s) {
		list = append(list, item(0x4002, s[i:i+1]))
	}
	return list
}

func TestDeflatedAtEveryTruncation(t *testing.T) {
	t.Parallel()
	packed := stream(t, doc(t, requestNotation))
	for i := range packed {
		_, err := read(item(0x4000, "\x01\x01"), item(0x4002, packed[:i]), item(0x4004, ""))
		require.ErrorIs(t, err, wire.ErrTruncated, i)
	}
}

// What one kilobyte can give is a megabyte; more costs as much more input.
func TestDeflateBomb(t *testing.T) { // alone, because it counts memory
	measure := func(stream string) (uint64, error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(item(0x4000, "\x01\x01"), item(0x4002, stream), item(0x4004, ""))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, err
	}
	small := stream(t, make([]byte, 1<<20))
	require.Less(t, len(small), 1100)
	_, _ = measure(small) // the inflater stays in its pool
	n, err := measure(small)
	require.NoError(t, err)
	require.Less(t, n, uint64(8<<20), "all buffers together")
	bomb := stream(t, make([]byte, 32<<20))
	require.Less(t, len(bomb), 100<<10)
	n, err = measure(bomb)
	require.ErrorIs(t, err, wire.ErrLimit)
	require.Less(t, n, uint64(4*inflatedLimit(len(bomb))))
	// A writer does not make what a reader refuses.
	b, err := AppendBlock(nil, make([]byte, 32<<20), true, nil)
	require.NoError(t, err)
	list := itemsOf(t, chain.AppendEnd(b))
	require.Equal(t, []byte{1, 0}, list[0].Value)
	doc, err := read(list...)
	require.NoError(t, err)
	require.Len(t, doc, 32<<20)
}

// The pieces of a document are counted as they arrive.
func TestBlockLimit(t *testing.T) {
	t.Parallel()
	var k Block
	big := make([]byte, 64<<20) // never touched
	_, err := k.Item(item(0x4000, "\x01\x00"), nil)
	for range 4 {
		require.NoError(t, err)
		_, err = k.Item(chain.Item{Tag: 0x4001, Value: big}, nil)
	}
	require.NoError(t, err)
	_, err = k.Item(item(0x4001, "x"), nil)
	require.ErrorIs(t, err, wire.ErrLimit)
	packed := stream(t, make([]byte, 2000))
	for limit, ok := range map[int]bool{1999: false, 2000: true, 1 << 30: true, 10: false} {
		k = Block{Limit: limit}
		k.Reset()
		_, err := k.Item(item(0x4000, "\x01\x01"), nil)
		require.NoError(t, err)
		if _, err = k.Item(item(0x4002, packed), nil); err == nil {
			_, err = k.Item(item(0x4004, ""), nil)
			require.NoError(t, err)
			_, err = k.Document()
		}
		if ok {
			require.NoError(t, err)
			require.Equal(t, len(packed), k.Size())
		} else {
			require.ErrorIs(t, err, wire.ErrLimit)
		}
	}
}

func TestAppendBlock(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, d := range [][]byte{[]byte("BXML"), []byte(strings.Repeat("BXML", deflateFrom/4-1)), []byte(strings.Repeat("BXML", deflateFrom/4)), noise, []byte(strings.Repeat("BXML", 1<<20))} {
		for _, reply := range []bool{false, true} {
			b, err := AppendBlock([]byte("x"), d, reply, nil)
			require.NoError(t, err)
			require.Equal(t, byte('x'), b[0])
			list := itemsOf(t, chain.AppendEnd(b[1:]))
			for _, it := range list {
				require.LessOrEqual(t, len(it.Value), Piece)
				require.True(t, Owns(it.Tag))
			}
			plain := !reply && len(d) < deflateFrom
			require.Equal(t, plain, list[len(list)-1].Tag == chain.CompactPlain)
			require.Equal(t, !plain, list[len(list)-1].Tag == chain.CompactEnd)
			back, err := read(list...)
			require.NoError(t, err)
			require.True(t, bytes.Equal(d, back))
		}
	}
	sent, broken := 0, errors.New("network")
	_, err := AppendBlock(nil, noise, true, func(dst *[]byte) error {
		require.LessOrEqual(t, len(*dst), chain.Size(Piece)+8)
		sent += len(*dst)
		*dst = (*dst)[:0]
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, sent, 90_000)
	_, err = AppendBlock(nil, noise, true, func(*[]byte) error { return broken })
	require.ErrorIs(t, err, broken)
}

// Kept values survive the items they came in.
func TestBlockKeepsCopiesOnRequest(t *testing.T) {
	t.Parallel()
	var k Block
	value := []byte("BXML")
	_, err := k.Item(item(0x4000, "\x01\x00"), nil)
	require.NoError(t, err)
	_, err = k.Item(chain.Item{Tag: 0x4001, Value: value}, bytes.Clone)
	require.NoError(t, err)
	copy(value, "----")
	b, err := k.Document()
	require.NoError(t, err)
	require.Equal(t, "BXML", string(b))
	require.False(t, k.Active())
	_, err = k.Item(item(0x4000, "\x01\x00"), nil)
	require.Error(t, err, "one document per message")
	k.Reset()
	_, err = k.Item(item(0x4000, "\x01\x00"), nil)
	require.NoError(t, err)
	require.True(t, k.Active())
}

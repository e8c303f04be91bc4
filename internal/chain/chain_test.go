package chain_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
)

// headers is what stands in front of the chain in a captured file: NI and APPC header.
const headers = 4 + 80

// walk reads all items, with values copied, and drains the message.
func walk(r *chain.Reader) ([]chain.Item, error) {
	var out []chain.Item
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return out, r.Drain()
		}
		if err != nil {
			return out, err
		}
		it.Value = bytes.Clone(it.Value)
		out = append(out, it)
	}
}

// pieces delivers msg cut at the given offsets, each piece in memory of its own that is
// overwritten by the next call.
func pieces(msg []byte, cuts ...int) chain.Fragments {
	var buf []byte
	at := 0
	cuts = append(cuts, len(msg))
	return func() ([]byte, bool, error) {
		clear(buf)
		if len(cuts) == 0 {
			return nil, true, errors.New("read behind the last fragment")
		}
		buf = bytes.Clone(msg[at:cuts[0]])
		at, cuts = cuts[0], cuts[1:]
		return buf, len(cuts) == 0, nil
	}
}

func everyByte(n int) []int {
	var cuts []int
	for i := 1; i < n; i++ {
		cuts = append(cuts, i)
	}
	return cuts
}

func TestGoldenItems(t *testing.T) {
	t.Parallel()
	for _, c := range captures(t) {
		t.Run(c.File, func(t *testing.T) {
			t.Parallel()
			msg := evidence.File(t, "captures", filepath.FromSlash(c.File))[headers:]
			msg = bytes.TrimPrefix(msg, signature)
			r := chain.NewBytesReader(msg, chain.Limits{})
			var got []string
			var again []byte
			for {
				it, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				got = append(got, fmt.Sprintf("%04x:%d", uint16(it.Tag), len(it.Value)))
				require.Equal(t, int(it.Offset), len(again))
				require.True(t, it.Tag.Known(), it.Tag.String())
				again = chain.Append(again, it.Tag, it.Value)
			}
			got = append(got, "ffff:0")
			again = chain.AppendEnd(again)
			if diff := cmp.Diff(c.Items, got); diff != "" {
				t.Error(diff)
			}
			require.Equal(t, msg[:len(again)], again, "re-encoding")
			require.EqualValues(t, len(again), r.Offset())
			require.Equal(t, len(c.Items), r.Items())
			// after_items starts behind the end item or, in the manifest's words, with what is
			// left of the frame.
			require.True(t, strings.HasSuffix(c.AfterItems, hex.EncodeToString(msg[len(again):])))
			require.NoError(t, r.Drain())
			// A request's trailer counts the bytes of the data it follows.
			if rest := msg[len(again):]; len(rest) == 8 {
				data := len(again)
				if strings.HasPrefix(c.File, "logon/") {
					data += len(signature)
				}
				require.EqualValues(t, data, binary.BigEndian.Uint32(rest))
			}
		})
	}
}

func TestGoldenOffsets(t *testing.T) {
	t.Parallel()
	var doc struct {
		Captures map[string]struct {
			FileLen int      `json:"file_len"`
			Items   [][3]any `json:"items"`
			Trailer string   `json:"trailer"`
		} `json:"captures"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "capture-items.json"), &doc))
	files := map[string]string{}
	for _, c := range captures(t) {
		files[strings.TrimSuffix(filepath.Base(c.File), ".bin")] = c.File
	}
	require.NotEmpty(t, doc.Captures)
	for name, want := range doc.Captures {
		// The bytes of a capture that is not in the set are rebuilt from its list, which
		// still proves that offsets follow from tags and lengths.
		var msg []byte
		if f, ok := files[name]; ok {
			b := evidence.File(t, "captures", filepath.FromSlash(f))
			require.Len(t, b, want.FileLen)
			msg = b[headers:]
		} else {
			for _, it := range want.Items {
				tag, err := hex.DecodeString(it[1].(string))
				require.NoError(t, err)
				msg = chain.Append(msg, chain.Tag(binary.BigEndian.Uint16(tag)), make([]byte, int(it[2].(float64))))
			}
			trailer, err := hex.DecodeString(want.Trailer)
			require.NoError(t, err)
			msg = append(msg, trailer...)
			require.Len(t, msg, want.FileLen-headers, name)
		}
		items, err := walk(chain.NewBytesReader(msg, chain.Limits{}))
		require.NoError(t, err, name)
		require.Len(t, items, len(want.Items)-1, name)
		for i, it := range items {
			require.Equal(t, want.Items[i], [3]any{float64(it.Offset + headers), fmt.Sprintf("%04x", uint16(it.Tag)), float64(len(it.Value))}, name)
		}
	}
}

// randomChain is a legal message with repeated and unknown tags, empty items, and values
// on both sides of every border that matters.
func randomChain(rng *rand.Rand) []byte {
	var msg []byte
	tags := []chain.Tag{chain.TableRow, chain.ParameterName, chain.ParameterValue, 0x1234, 0, chain.Parameters}
	for range rng.IntN(12) {
		n := rng.IntN(40)
		switch rng.IntN(20) {
		case 0:
			n = 65534 + rng.IntN(4)
		case 1, 2, 3:
			n = 0
		}
		value := make([]byte, n)
		for i := range value {
			value[i] = byte(rng.Uint32())
		}
		msg = chain.Append(msg, tags[rng.IntN(len(tags))], value)
	}
	msg = chain.AppendEnd(msg)
	return append(msg, make([]byte, rng.IntN(9))...)
}

func TestAnyFragmentationGivesTheSameItems(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var r chain.Reader
	for range 300 {
		msg := randomChain(rng)
		if rng.IntN(4) == 0 { // broken messages fail alike, too
			msg = bytes.Clone(msg)
			if len(msg) > 6 {
				msg[rng.IntN(len(msg))] ^= byte(1 + rng.IntN(255))
			}
		}
		if rng.IntN(5) == 0 {
			msg = msg[:rng.IntN(len(msg))]
		}
		limits := chain.Limits{Message: 400_000, Value: 100_000, Items: 9}
		want, wantErr := walk(chain.NewBytesReader(msg, limits))
		var cuts []int
		if rng.IntN(3) == 0 && len(msg) < 5000 {
			cuts = everyByte(len(msg))
		} else if len(msg) > 0 {
			at := 0
			for at < len(msg) {
				cuts = append(cuts, at)
				at += rng.IntN(1 + rng.IntN(len(msg)))
			}
		}
		r.Reset(pieces(msg, cuts...), limits)
		got, gotErr := walk(&r)
		if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Fatal(diff)
		}
		require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(gotErr))
	}
}

// walkRuns reads like walk, and takes what is like the item before it with Run.
func walkRuns(r *chain.Reader, most int) (items []chain.Item, err error) {
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return items, r.Drain()
		}
		if err != nil {
			return items, err
		}
		it.Value = bytes.Clone(it.Value)
		items = append(items, it)
		size := len(it.Value) + chain.Overhead
		offset := r.Offset()
		values, n := r.Run(it.Tag, len(it.Value), most)
		if n > 0 && (n > most || len(values) != n*size-chain.Overhead || cap(values) != len(values)) || r.Offset() != offset+int64(n*size) {
			return items, fmt.Errorf("%d items of %d bytes in %d", n, len(it.Value), len(values))
		}
		for i := range n {
			value := values[i*size : i*size+len(it.Value)]
			items = append(items, chain.Item{Tag: it.Tag, Value: bytes.Clone(value), Offset: offset + int64(i*size)})
		}
	}
}

func TestRunsGiveTheSameItems(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	longest := 0
	for range 2000 {
		var msg []byte
		for range rng.IntN(5) {
			value, tag := make([]byte, rng.IntN(4)), chain.Tag(0x0303+rng.IntN(2))
			for range rng.IntN(6) {
				value = append(value[:len(value):len(value)], byte(rng.Uint32()))[:len(value)]
				msg = chain.Append(msg, tag, value)
			}
		}
		msg = chain.AppendEnd(msg)
		switch rng.IntN(4) {
		case 0:
			msg[rng.IntN(len(msg))] ^= byte(1 + rng.IntN(255))
		case 1:
			msg = msg[:rng.IntN(len(msg))]
		}
		limits := chain.Limits{Message: int64(1 + rng.IntN(200)), Value: 1 + rng.IntN(4), Items: 1 + rng.IntN(20)}
		want, wantErr := walk(chain.NewBytesReader(msg, limits))
		most := rng.IntN(8)
		var cuts []int
		for range rng.IntN(4) {
			cuts = append(cuts, rng.IntN(len(msg)+1))
		}
		slices.Sort(cuts)
		for _, r := range []*chain.Reader{chain.NewBytesReader(msg, limits), chain.NewReader(pieces(msg, cuts...), limits)} {
			got, gotErr := walkRuns(r, most)
			if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Fatal(diff)
			}
			require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(gotErr))
		}
		r := chain.NewBytesReader(msg, limits)
		if it, err := r.Next(); err == nil {
			_, n := r.Run(it.Tag, len(it.Value), 100)
			longest = max(longest, n)
		}
	}
	require.Greater(t, longest, 3, "runs were taken")
}

func TestEveryTruncation(t *testing.T) {
	t.Parallel()
	msg := evidence.File(t, "captures", "call", "stfc_connection_response.bin")[headers:]
	for n := range msg {
		for _, r := range []*chain.Reader{chain.NewBytesReader(msg[:n], chain.Limits{}), chain.NewReader(pieces(msg[:n], n/2), chain.Limits{})} {
			_, err := walk(r)
			require.ErrorIs(t, err, wire.ErrTruncated, "cut at %d", n)
			var e *wire.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, n, e.Offset)
			_, again := r.Next()
			require.Equal(t, err, again, "the error is final")
		}
	}
}

func long(tag chain.Tag, n uint32, value []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(tag))
	b = append(b, 0xff, 0xff)
	b = binary.BigEndian.AppendUint32(b, n)
	b = append(b, value...)
	return chain.AppendClose(b, tag)
}

func TestB99LongForm(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 65534, 65535, 65536, 200_000} {
		value := bytes.Repeat([]byte{0xa5}, n)
		written := chain.Append(nil, chain.TableRow, value)
		require.Len(t, written, chain.Size(n))
		begun, start := chain.Begin(nil, chain.TableRow)
		require.Equal(t, written, chain.Finish(append(begun, value...), chain.TableRow, start))
		require.Equal(t, n >= 65535, bytes.HasPrefix(written[2:], []byte{0xff, 0xff}), "form of %d", n)
		forms := [][]byte{written, long(chain.TableRow, uint32(n), value)} // the second is not canonical below 65,535
		for _, form := range forms {
			msg := chain.AppendEnd(form)
			for _, r := range []*chain.Reader{
				chain.NewBytesReader(msg, chain.Limits{}),
				chain.NewReader(pieces(msg, 1, 2, 3, 4, 5, 6, 7, 8), chain.Limits{}),
			} {
				items, err := walk(r)
				require.NoError(t, err)
				require.Len(t, items, 1)
				require.Equal(t, chain.TableRow, items[0].Tag)
				require.True(t, bytes.Equal(value, items[0].Value))
			}
		}
	}
}

// L4: a length of 4 GiB is compared before anything is added to it.
func TestB99LengthBeyondTheMessage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		msg  []byte
		want error
	}{
		"short form":                   {[]byte{1, 2, 0x7f, 0xff, 0, 0, 0}, wire.ErrTruncated},
		"long form 0xffffffff":         {long(chain.TableRow, 0xffffffff, nil), wire.ErrLimit},
		"long form just over the rest": {long(chain.TableRow, 100, make([]byte, 50)), wire.ErrTruncated},
		"long form cut in the length":  {[]byte{1, 2, 0xff, 0xff, 0, 1}, wire.ErrTruncated},
	} {
		for _, cuts := range [][]int{nil, everyByte(len(tc.msg))} {
			_, err := walk(chain.NewReader(pieces(tc.msg, cuts...), chain.Limits{}))
			require.ErrorIs(t, err, tc.want, name)
		}
	}
}

func TestB100ClosingTagAndEndItem(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hex  string
		want error
		off  int
	}{
		"closing tag differs":          {"020300021111020402030000", wire.ErrMalformed, 0},
		"closing tag of a later item":  {"02030000020302050001aa0204", wire.ErrMalformed, 6},
		"long form, closing differs":   {"0203ffff0000000111ffff", wire.ErrMalformed, 0},
		"end item with a value":        {"ffff0001aaffff", wire.ErrMalformed, 0},
		"end item with length ffff":    {"ffffffff00000000ffff", wire.ErrMalformed, 0},
		"end item closed wrongly":      {"ffff00000203", wire.ErrMalformed, 0},
		"no end item":                  {"020300000203", wire.ErrTruncated, 6},
		"empty message":                {"", wire.ErrTruncated, 0},
		"end twice":                    {"ffff0000ffffffff0000ffff", nil, 0},
		"end three times":              {"ffff0000ffffffff0000ffffffff0000ffff", wire.ErrTrailing, 6},
		"item behind the end":          {"ffff0000ffff02030004aaaaaaaa0203", wire.ErrTrailing, 6},
		"eight bytes behind the end":   {"ffff0000ffff0000000000008500", nil, 0},
		"nine bytes behind the end":    {"ffff0000ffff000000000000850000", wire.ErrTrailing, 6},
		"zero tag is an ordinary one":  {"0000000000000203000002031111", wire.ErrTruncated, 14},
		"only the head of an end item": {"ffff0000", wire.ErrTruncated, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg, err := hex.DecodeString(tc.hex)
			require.NoError(t, err)
			for _, cuts := range [][]int{nil, everyByte(len(msg)), {len(msg) / 2}} {
				_, err = walk(chain.NewReader(pieces(msg, cuts...), chain.Limits{}))
				require.ErrorIs(t, err, tc.want)
				if tc.want != nil {
					var e *wire.Error
					require.ErrorAs(t, err, &e)
					require.Equal(t, "chain", e.Layer)
					require.Equal(t, tc.off, e.Offset)
				}
			}
		})
	}
}

func TestB101Limits(t *testing.T) {
	t.Parallel()
	empty := bytes.Repeat(chain.AppendEmpty(nil, chain.Parameters), 300)
	value := chain.Append(nil, chain.TableRow, make([]byte, 1000))
	for name, tc := range map[string]struct {
		msg    []byte
		limits chain.Limits
		off    int
	}{
		"items":                {empty, chain.Limits{Items: 100}, 600},
		"items before a logon": {empty, chain.BeforeLogon(), 6 * chain.LogonItems},
		"value":                {value, chain.Limits{Value: 999}, 0},
		"value, long form":     {long(chain.TableRow, 1001, make([]byte, 1001)), chain.Limits{Value: 1000}, 0},
		"message":              {bytes.Repeat(value, 3), chain.Limits{Message: 2500}, 2012},
		"message before logon": {chain.Append(nil, chain.TableRow, make([]byte, 65534)), chain.BeforeLogon(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg := chain.AppendEnd(bytes.Clone(tc.msg))
			for _, cuts := range [][]int{nil, everyByte(len(msg))} {
				_, err := walk(chain.NewReader(pieces(msg, cuts...), tc.limits))
				require.ErrorIs(t, err, wire.ErrLimit)
				var e *wire.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tc.off, e.Offset)
			}
		})
	}
	// At the limit everything is fine.
	_, err := walk(chain.NewBytesReader(chain.AppendEnd(value), chain.Limits{Items: 2, Value: 1000, Message: 1012}))
	require.NoError(t, err)
}

func TestB101EndlessEmptyItems(t *testing.T) {
	piece := bytes.Repeat(chain.AppendEmpty(nil, chain.TableRow), 4096)
	r := chain.NewReader(func() ([]byte, bool, error) { return piece, false, nil }, chain.Limits{Items: 1 << 20})
	allocs := testing.AllocsPerRun(1, func() {
		for range 1 << 19 {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	require.Zero(t, allocs)
	_, err := r.Next()
	require.ErrorIs(t, err, wire.ErrLimit)
	require.ErrorContains(t, err, "items")
}

func TestAValueIsRefusedBeforeItsBytesAreCollected(t *testing.T) {
	t.Parallel()
	fetched := 0
	next := func() ([]byte, bool, error) {
		fetched++
		if fetched == 1 {
			return long(chain.TableRow, 1<<20, nil)[:8], false, nil
		}
		return make([]byte, 1000), false, nil
	}
	_, err := chain.NewReader(next, chain.Limits{Message: 1 << 16}).Next()
	require.ErrorIs(t, err, wire.ErrLimit)
	require.Equal(t, 1, fetched)
}

func TestDrainStopsAtTheNinthByte(t *testing.T) {
	t.Parallel()
	end := chain.AppendEnd(nil)
	for _, tc := range []struct {
		name    string
		pieces  []int // sizes of the fragments behind the one with the end item
		fetched int
		want    error
	}{
		{"nothing", []int{}, 1, nil},
		{"eight in one", []int{8}, 2, nil},
		{"eight in eight", []int{1, 1, 1, 1, 1, 1, 1, 1}, 9, nil},
		{"empty fragments", []int{0, 0, 0}, 4, nil},
		{"nine", []int{9}, 2, wire.ErrTrailing},
		{"nine at once, more to come", []int{9, 28000, 28000}, 2, wire.ErrTrailing},
		{"another message", []int{28000, 28000}, 2, wire.ErrTrailing},
	} {
		fetched := 0
		r := chain.NewReader(func() ([]byte, bool, error) {
			fetched++
			if fetched == 1 {
				return end, len(tc.pieces) == 0, nil
			}
			return make([]byte, tc.pieces[fetched-2]), fetched == len(tc.pieces)+1, nil
		}, chain.Limits{})
		require.ErrorContains(t, r.Drain(), "before the end item")
		_, err := r.Next()
		require.Equal(t, io.EOF, err)
		require.ErrorIs(t, r.Drain(), tc.want, tc.name)
		require.Equal(t, tc.fetched, fetched, tc.name)
		_, err = r.Next()
		require.Equal(t, io.EOF, err, "the end stays the end")
	}
}

func TestFragmentErrors(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	msg := chain.Append(nil, chain.TableRow, make([]byte, 100))
	for _, tc := range []struct{ given, want error }{
		{boom, boom},
		{io.EOF, io.ErrUnexpectedEOF}, // must not look like the end of the chain
	} {
		first := true
		r := chain.NewReader(func() ([]byte, bool, error) {
			if first {
				first = false
				return msg[:50], false, nil
			}
			return nil, false, tc.given
		}, chain.Limits{})
		_, err := r.Next()
		require.ErrorIs(t, err, tc.want)
		require.NotEqual(t, io.EOF, err)
		require.NotErrorIs(t, err, io.EOF)
	}
	var zero chain.Reader
	_, err := zero.Next()
	require.Error(t, err)
	zero.ResetBytes(chain.AppendEnd(nil), chain.Limits{})
	_, err = zero.Next()
	require.Equal(t, io.EOF, err)
}

func TestValuesAreClipped(t *testing.T) {
	t.Parallel()
	msg := chain.AppendEnd(chain.Append(nil, chain.TableRow, []byte("abc")))
	r := chain.NewBytesReader(msg, chain.Limits{})
	it, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, 3, cap(it.Value))
	require.Same(t, &msg[4], &it.Value[0], "values of a byte slice alias it")
}

func TestAppendFunctions(t *testing.T) {
	t.Parallel()
	var b []byte
	b = chain.AppendText(b, chain.FunctionName, "AB")
	b = chain.AppendU32(b, chain.TableID, 0x01020304)
	b = chain.AppendEmpty(b, chain.Parameters)
	b = chain.AppendClose(append(chain.AppendHeader(b, chain.User, 1), 'U'), chain.User)
	b = chain.AppendEnd(b)
	require.Equal(t, "010200024142010203300004010203040330051200000512011100015501"+"11ffff0000ffff", hex.EncodeToString(b))
}

func TestTagNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "function", chain.FunctionName.String())
	require.Equal(t, "Tag(0x1234)", chain.Tag(0x1234).String())
	require.False(t, chain.Tag(0x1234).Known())
	for _, tag := range []chain.Tag{chain.Password, chain.Ticket, chain.TrustedData, chain.Passport} {
		require.True(t, tag.Secret(), tag.String())
	}
	require.False(t, chain.User.Secret())
}

func TestItemsCostNoAllocation(t *testing.T) {
	msg := golden(t)
	var r chain.Reader
	require.Zero(t, testing.AllocsPerRun(100, func() { drain(t, &r, msg) }))
	// Items across borders reuse the buffer of the reader.
	a, b := msg[:700], msg[700:]
	first := true
	next := func() ([]byte, bool, error) {
		first = !first
		if !first {
			return a, false, nil
		}
		return b, true, nil
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Reset(next, chain.Limits{})
		count(t, &r)
	}))
}

func golden(t testing.TB) []byte {
	t.Helper()
	return evidence.File(t, "captures", "call", "stfc_connection_response.bin")[headers:]
}

func drain(t testing.TB, r *chain.Reader, msg []byte) {
	r.ResetBytes(msg, chain.Limits{})
	count(t, r)
}

func count(t testing.TB, r *chain.Reader) {
	for {
		if _, err := r.Next(); err != nil {
			if err != io.EOF { //nolint:errorlint // exactly this value ends a chain
				t.Fatal(err)
			}
			break
		}
	}
	if err := r.Drain(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkGoldenReply(b *testing.B) {
	msg := golden(b)
	var r chain.Reader
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, &r, msg)
	}
}

func rows(n int) []byte {
	var msg []byte
	for range n {
		msg = chain.Append(msg, chain.TableRow, make([]byte, 212))
	}
	return chain.AppendEnd(msg)
}

func BenchmarkRows(b *testing.B) {
	msg := rows(10_000)
	var r chain.Reader
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, &r, msg)
	}
}

func BenchmarkRowsInFragments(b *testing.B) {
	msg := rows(10_000)
	var r chain.Reader
	var rest []byte
	next := func() ([]byte, bool, error) {
		n := min(28_000, len(rest))
		frag := rest[:n]
		rest = rest[n:]
		return frag, len(rest) == 0, nil
	}
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		rest = msg
		r.Reset(next, chain.Limits{})
		count(b, &r)
	}
}

package wire_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/wire"
)

// everything is what one walk over the sample record reads.
type everything struct {
	U8   uint8
	U16  uint16
	U32  uint32
	I16  int16
	I32  int32
	B    []byte
	T    string
	A    [3]byte
	Rest []byte
}

var sample = []byte{
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd,
	'a', 'b', 'c', 'd', 7, 8, 9, 0, 0, 'r', 'e', 's', 't',
}

func walk(r *wire.Reader) everything {
	var e everything
	e.U8 = r.U8("u8")
	e.U16 = r.U16("u16")
	e.U32 = r.U32("u32")
	e.I16 = r.I16("i16")
	e.I32 = r.I32("i32")
	e.B = r.Bytes("b", 2)
	e.T = r.Text("t", 2)
	r.Array("a", e.A[:])
	r.Skip("gap", 2)
	return e
}

func TestReaderReadsEveryShape(t *testing.T) {
	t.Parallel()
	r := wire.NewReader("test", "sample", sample)
	got := walk(&r)
	require.Equal(t, len(sample)-4, r.Offset())
	require.Equal(t, 4, r.Len())
	got.Rest = r.Rest()
	require.NoError(t, r.Finish())
	want := everything{1, 0x0203, 0x04050607, -2, -3, []byte("ab"), "cd", [3]byte{7, 8, 9}, []byte("rest")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	require.Equal(t, 2, cap(got.B), "a slice must not reach behind its field")
}

func TestReaderAtEveryTruncation(t *testing.T) {
	t.Parallel()
	fields := []struct {
		name string
		end  int
	}{{"u8", 1}, {"u16", 3}, {"u32", 7}, {"i16", 9}, {"i32", 13}, {"b", 15}, {"t", 17}, {"a", 20}, {"gap", 22}}
	for n := range 22 {
		r := wire.NewReader("test", "sample", sample[:n:n])
		walk(&r)
		var e *wire.Error
		require.ErrorAs(t, r.Err(), &e)
		require.ErrorIs(t, e, wire.ErrTruncated)
		start := 0
		for _, f := range fields {
			if f.end > n {
				require.Equal(t, f.name, e.Field, "cut at %d", n)
				require.Equal(t, start, e.Offset, "cut at %d", n)
				break
			}
			start = f.end
		}
		require.Zero(t, r.Len())
		require.Same(t, e, r.Finish(), "the first failure sticks")
		require.Zero(t, r.U32("later"))
		require.Nil(t, r.Rest())
		r.Fail("other", 99, wire.ErrMalformed, "", "")
		require.Same(t, e, r.Err())
	}
}

func TestReaderFinishAndBound(t *testing.T) {
	t.Parallel()
	r := wire.NewReader("test", "a", []byte{1, 2, 3})
	r.Record("b")
	r.U8("x")
	require.EqualError(t, r.Finish(), "test b at offset 1: unexpected bytes behind the end: got 2 more bytes")

	r = wire.NewReader("test", "a", make([]byte, 8))
	require.Equal(t, 5, r.Bound("n", 0, 5, 5))
	require.Zero(t, r.Bound("n", 2, 6, 5))
	require.EqualError(t, r.Err(), "test a: field n at offset 2: above limit: want at most 5, got 6")
	require.Zero(t, r.Bound("m", 0, 1, 5), "a failed reader allows nothing")

	r = wire.NewReader("test", "a", make([]byte, 8))
	r.Bound("n", 0, 0, -1)
	require.ErrorIs(t, r.Err(), wire.ErrLimit)
	r = wire.NewReader("test", "a", make([]byte, 8))
	r.Bound("n", 0, 1<<63, 1<<31-1)
	require.ErrorIs(t, r.Err(), wire.ErrLimit)
	r = wire.NewReader("test", "a", make([]byte, 8))
	r.Bytes("n", -1)
	require.ErrorIs(t, r.Err(), wire.ErrTruncated)
	var zero wire.Reader
	require.Empty(t, zero.Rest())
	require.NoError(t, zero.Finish())
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, tc := range []struct {
		e    wire.Error
		want string
	}{
		{wire.Error{Layer: "appc", Record: "F_INITIALIZE", Field: "conv_id", Offset: 40, Want: "8 bytes", Got: "3", Err: wire.ErrTruncated}, "appc F_INITIALIZE: field conv_id at offset 40: truncated: want 8 bytes, got 3"},
		{wire.Error{Layer: "ni", Err: cause}, "ni at offset 0: cause"},
		{wire.Error{Layer: "ni", Want: "x"}, "ni at offset 0: want x"},
		{wire.Error{Layer: "ni", Got: "y"}, "ni at offset 0: got y"},
	} {
		require.Equal(t, tc.want, tc.e.Error())
		require.Equal(t, tc.e.Err, errors.Unwrap(&tc.e))
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r := wire.NewReader("test", "sample", sample)
		r.U8("a")
		r.U32("b")
		r.Bytes("c", 4)
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}))
}

func BenchmarkReader(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r := wire.NewReader("test", "sample", sample)
		walk(&r)
	}
}

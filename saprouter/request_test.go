package saprouter_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/saprouter"
)

func encode(t *testing.T, q *saprouter.Request) []byte {
	t.Helper()
	b, err := q.AppendBinary(nil)
	require.NoError(t, err)
	return b
}

func request(t *testing.T, text string) *saprouter.Request {
	t.Helper()
	route, err := saprouter.Parse(text)
	require.NoError(t, err)
	q, err := saprouter.NewRequest(route, saprouter.MessageIO)
	require.NoError(t, err)
	return q
}

// The captured route request, byte by byte in both directions.
func TestR01CapturedRequest(t *testing.T) {
	t.Parallel()
	raw := evidence.File(t, "captures", "router", "ni_route_payload.bin")
	q := request(t, "/H/saprouter.example.com/S/3299/H/192.168.88.7/S/3300")
	require.Equal(t, raw, encode(t, q))
	got, err := saprouter.DecodeRequest(raw)
	require.NoError(t, err)
	require.Equal(t, q, got)
	require.True(t, saprouter.IsRequest(raw))
	require.False(t, saprouter.IsRequest(raw[:8]))
	for n := range raw {
		_, err := saprouter.DecodeRequest(raw[:n:n])
		var w *wire.Error
		require.ErrorAs(t, err, &w, "cut at %d", n)
		require.Equal(t, "router", w.Layer)
	}
	for _, f := range []struct{ off, n int }{{0, 9}, {11, 1}, {16, 4}, {20, 4}} {
		for bit := range 8 * f.n {
			b := bytes.Clone(raw)
			b[f.off+bit/8] ^= 0x80 >> (bit % 8)
			_, err := saprouter.DecodeRequest(b)
			require.Error(t, err, "bit %d of the field at %d", bit, f.off)
		}
	}
}

// Examples B and C of spec 10, and case R-01: a password, two routers, a default service.
func TestR01Examples(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/H/router.example.com/S/3299/W/s3cr3tp4s/H/192.168.88.7/S/3300": `
			4e495f524f555445 00 02 28 02 00 0000 01 00000035 00000022
			726f757465722e6578616d706c652e636f6d 00 33323939 00 733363723374703473 00
			3139322e3136382e38382e37 00 33333030 00 00`,
		"/H/r1.example/H/r2.example/S/3299/W/pw2/H/app.example/S/sapgw00": `
			4e495f524f555445 00 02 28 03 00 0000 02 00000036 0000000d
			72312e6578616d706c65 00 00 00 72322e6578616d706c65 00 33323939 00 707732 00
			6170702e6578616d706c65 00 7361706777 3030 00 00`,
		"/H/router/S/3299/W/secret/H/target/S/sapgw01": `
			4e495f524f555445 00 02 28 02 00 0000 01 00000023 00000013
			726f75746572 00 33323939 00 736563726574 00 746172676574 00 736170677730 31 00 00`,
	} {
		raw, err := hex.DecodeString(strings.Join(strings.Fields(want), ""))
		require.NoError(t, err)
		q := request(t, text)
		require.Equal(t, hex.EncodeToString(raw), hex.EncodeToString(encode(t, q)), text)
		got, err := saprouter.DecodeRequest(raw)
		require.NoError(t, err)
		require.Equal(t, q, got)
		require.Equal(t, text, got.Hops.Reveal())
		for n := range raw {
			_, err := saprouter.DecodeRequest(raw[:n:n])
			require.Error(t, err, "cut at %d", n)
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

// Each router hands the request on with one hop less to go.
func TestForward(t *testing.T) {
	t.Parallel()
	q := request(t, "/H/r1/W/p1/H/r2/S/3298/W/p2/H/r3/H/app/S/3300")
	for want := 1; want < 4; want++ {
		i, err := q.Next()
		require.NoError(t, err)
		require.Equal(t, want, i)
		next, err := q.Forward()
		if want == 3 {
			require.ErrorContains(t, err, "the next hop is the target")
			break
		}
		require.NoError(t, err)
		require.Equal(t, q.RestNodes-1, next.RestNodes)
		require.Equal(t, q.Hops, next.Hops)
		decoded, err := saprouter.DecodeRequest(encode(t, next))
		require.NoError(t, err)
		require.Equal(t, next, decoded)
		q = next
	}
}

func TestNextRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(q *saprouter.Request){
		"version":      func(q *saprouter.Request) { q.Version = 3 },
		"rest nodes":   func(q *saprouter.Request) { q.RestNodes = 1 },
		"first hop":    func(q *saprouter.Request) { q.Offset, q.RestNodes = 0, 3 },
		"end":          func(q *saprouter.Request) { q.Offset, q.RestNodes = 20, 0 },
		"no hops":      func(q *saprouter.Request) { q.Hops = nil },
		"in a hop":     func(q *saprouter.Request) { q.Offset++ },
		"beyond":       func(q *saprouter.Request) { q.Offset = 1 << 31 },
		"skipped hops": func(q *saprouter.Request) { q.Offset = 10 },
	} {
		q := request(t, "/H/r1/H/r2/H/app/S/3300")
		change(q)
		_, err := q.Next()
		require.Error(t, err, name)
		_, err = q.Forward()
		require.Error(t, err, name)
	}
}

func TestAppendRefusesWhatTheWireCannotHold(t *testing.T) {
	t.Parallel()
	q := &saprouter.Request{Hops: make(saprouter.Route, 256)}
	_, err := q.AppendBinary(nil)
	require.ErrorContains(t, err, "256 hops")
	q.Hops = saprouter.Route{{Host: "a", Password: canary + "\x00"}}
	_, err = q.AppendBinary(nil)
	require.ErrorContains(t, err, "text of hop 1 holds a NUL")
	require.NotContains(t, err.Error(), canary)
	require.Equal(t, []string{"NI_MSG_IO", "NI_RAW_IO", "NI_ROUT_IO", "TalkMode(9)"},
		[]string{saprouter.MessageIO.String(), saprouter.RawIO.String(), saprouter.RouterIO.String(), saprouter.TalkMode(9).String()})
}

// The layout table and the codec agree.
func TestRequestFields(t *testing.T) {
	t.Parallel()
	q := &saprouter.Request{
		Version: 1, NIVersion: 2, TalkMode: 4, Unused: [2]byte{5, 6}, RestNodes: 7, Offset: 3,
		Hops: saprouter.Route{{}, {}},
	}
	b := encode(t, q)
	end := 0
	got := map[string][]byte{}
	for _, f := range saprouter.RequestFields {
		require.Equal(t, end, f.Off, f.Name)
		end += f.Len
		got[f.Name] = b[f.Off:end]
	}
	require.Equal(t, saprouter.HeaderLength, end)
	require.Equal(t, map[string][]byte{
		"eye_catcher": []byte("NI_ROUTE\x00"), "route_version": {1}, "ni_version": {2}, "entries": {2}, "talk_mode": {4},
		"unused": {5, 6}, "rest_nodes": {7}, "route_length": {0, 0, 0, 6}, "route_offset": {0, 0, 0, 3},
	}, got)
	back, err := saprouter.DecodeRequest(b)
	require.NoError(t, err)
	require.Equal(t, q, back)
}

// CVE-2013-6817: lengths and counts of a hostile request reserve nothing.
func TestHostileRequests(t *testing.T) {
	head := "NI_ROUTE\x00\x02\x28"
	for name, tc := range map[string]struct {
		payload string
		reason  error
	}{
		"huge length":        {head + "\xff\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff", wire.ErrMalformed},
		"entries and no hop": {head + "\xff\x00\x00\x00\xfe\x00\x00\x00\x00\x00\x00\x00\x00", wire.ErrMalformed},
		"more hops":          {head + "\x01\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x04" + "a\x00\x00\x00b\x00\x00\x00", wire.ErrMalformed},
		"no closing NUL":     {head + "\x02\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x04" + "a\x00\x00\x00b\x00c", wire.ErrTruncated},
		"offset in a hop":    {head + "\x02\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x05" + "a\x00\x00\x00b\x00\x00\x00", wire.ErrMalformed},
		"eye catcher":        {strings.Replace(head, "ROUTE", "ROUTY", 1) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", wire.ErrMalformed},
	} {
		_, err := saprouter.DecodeRequest([]byte(tc.payload))
		require.ErrorIs(t, err, tc.reason, name)
		var w *wire.Error
		require.True(t, errors.As(err, &w), name)
	}
	huge := []byte(head + "\xff\x00\x00\x00\xfe" + "\x00\x10\x00\x00" + "\x00\x00\x00\x03")
	huge = append(huge, make([]byte, 1<<20)...)
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { _, _ = saprouter.DecodeRequest(huge) }), 100.0)
}

package httphead_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/wire"
)

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: keep-alive, Upgrade\r\nX: \t a b \r\nX:c\r\n\r\n"

func TestReadGivesTheHeadAndWhatFollows(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(switching + "\x82\x01!"),
		"byte by byte": iotest.OneByteReader(strings.NewReader(switching + "\x82\x01!")),
		"bare LF":      strings.NewReader(strings.ReplaceAll(switching, "\r\n", "\n") + "\x82\x01!"),
	} {
		h, rest, err := httphead.Read(r, 0)
		require.NoError(t, err, name)
		behind, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "\x82\x01!", string(rest)+string(behind), name)
		code, reason, err := h.Status()
		require.NoError(t, err)
		require.Equal(t, 101, code)
		require.Equal(t, "Switching Protocols", reason)
		require.True(t, h.Has("CONNECTION", "upgrade"))
		require.False(t, h.Has("connection", "close"))
		require.Equal(t, []string{"a b", "c"}, h.Values("x"))
		v, err := h.Get("upgrade")
		require.NoError(t, err)
		require.Equal(t, "websocket", v)
		v, err = h.Get("absent")
		require.NoError(t, err)
		require.Empty(t, v)
		_, err = h.Get("x")
		require.ErrorContains(t, err, "want the field once, got 2 times")
		require.NotContains(t, err.Error(), "a b")
	}
}

func TestReadIsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	for n := range len(switching) {
		_, _, err := httphead.Read(strings.NewReader(switching[:n]), 0)
		if n == 0 {
			require.Equal(t, io.EOF, err)
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
		require.ErrorIs(t, err, wire.ErrTruncated, n)
		_, err = httphead.Parse([]byte(switching[:n]))
		require.Error(t, err, n)
	}
	broken := errors.New("broken")
	_, _, err := httphead.Read(io.MultiReader(strings.NewReader("HTTP"), iotest.ErrReader(broken)), 0)
	require.ErrorIs(t, err, broken)
}

func TestB124HostileHeads(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		head   string
		reason error
		text   string
	}{
		"1 MB header":           {"HTTP/1.1 101 x\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n", wire.ErrLimit, "at most 16384 bytes"},
		"1 MB start line":       {"HTTP/1.1 101 " + strings.Repeat("y", 1<<20) + "\r\n\r\n", wire.ErrLimit, "at most 16384 bytes"},
		"10,000 headers":        {"HTTP/1.1 101 x\r\n" + strings.Repeat("a:\r\n", 10_000) + "\r\n", wire.ErrLimit, "16384 bytes"},
		"129 headers":           {"HTTP/1.1 101 x\r\n" + strings.Repeat("a:b\r\n", 129) + "\r\n", wire.ErrLimit, "at most 128 header fields"},
		"folded line":           {"HTTP/1.1 101 x\r\nUpgrade:\r\n websocket\r\n\r\n", wire.ErrMalformed, "line 3 at offset 26: malformed: want no folded lines"},
		"folded with a tab":     {"HTTP/1.1 101 x\r\nUpgrade:\r\n\twebsocket\r\n\r\n", wire.ErrMalformed, "no folded lines"},
		"blank in front of ':'": {"HTTP/1.1 101 x\r\nUpgrade : websocket\r\n\r\n", wire.ErrMalformed, "a name and a colon"},
		"no colon":              {"HTTP/1.1 101 x\r\nsecret-value\r\n\r\n", wire.ErrMalformed, "a name and a colon"},
		"no name":               {"HTTP/1.1 101 x\r\n: y\r\n\r\n", wire.ErrMalformed, "a name and a colon"},
		"NUL":                   {"HTTP/1.1 101 x\r\nX: secret\x00\r\n\r\n", wire.ErrMalformed, "0x00 at 9"},
		"CR inside":             {"HTTP/1.1 101 x\r\nX: se\rcret\r\n\r\n", wire.ErrMalformed, "0x0d at 5"},
		"empty":                 {"\r\n\r\n", wire.ErrMalformed, "a start line"},
		"TLS alert":             {"\x15\x03\x01\x00\x02\x02\x28", wire.ErrMalformed, "15 03 01 00 02 02 28"},
		"NI record":             {"\x00\x00\x00\x40\x02\x03", wire.ErrMalformed, "00 00 00 40 02 03"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := httphead.Read(strings.NewReader(tc.head), 0)
			require.ErrorIs(t, err, tc.reason)
			require.ErrorContains(t, err, tc.text)
			require.NotContains(t, err.Error(), "secret", "values are not quoted")
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func TestStatusAndRequestLines(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"HTTP/2 200", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 99", "HTTP/1.1 1010 x", "HTTP/1.1 -10 x", "HTTP/1.1 abc", "HTTP/1.1  200", "ICY 200 OK", "SSH-2.0"} {
		_, _, err := (&httphead.Head{Start: bad}).Status()
		require.Error(t, err, bad)
	}
	for line, want := range map[string]string{"HTTP/1.1 200": "200 ", "HTTP/1.0 407 Proxy Authentication Required": "407 Proxy Authentication Required"} {
		code, reason, err := (&httphead.Head{Start: line}).Status()
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprint(code, " ", reason))
	}
	method, target, err := (&httphead.Head{Start: "GET /a?b HTTP/1.1"}).Request()
	require.NoError(t, err)
	require.Equal(t, "GET /a?b", method+" "+target)
	for _, bad := range []string{"", "GET", "GET /", "GET  HTTP/1.1", "GET / HTTP/2.0", "PRI * HTTP/2.0", "G(T / HTTP/1.1", "GET / x HTTP/1.1", "GET / HTTP/1.1x"} {
		_, _, err := (&httphead.Head{Start: bad}).Request()
		require.Error(t, err, bad)
	}
	_, _, err = (&httphead.Head{Start: strings.Repeat("\x1b", 500)}).Request()
	require.Less(t, len(err.Error()), 400)
	require.NotContains(t, err.Error(), "\x1b")
}

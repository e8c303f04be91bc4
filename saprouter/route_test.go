package saprouter_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/saprouter"
)

// canary is a password that no output may show.
const canary = "K4naryK4nary"

func TestParse(t *testing.T) {
	t.Parallel()
	type hops = saprouter.Route
	for _, tc := range []struct {
		id, text string
		want     hops
	}{
		{"R-01", "/H/router/S/3299/W/secret/H/target/S/sapgw01", hops{{"router", "3299", "secret"}, {"target", "sapgw01", ""}}},
		{"R-02", "/H/router/H/target/S/3300", hops{{Host: "router"}, {Host: "target", Service: "3300"}}},
		{"R-04 small letters", "/h/router/s/3299/w/secret/h/target/s/3300", hops{{"router", "3299", "secret"}, {"target", "3300", ""}}},
		{"password without service", "/H/r1/W/pw1/H/r2/S/3298/W/pw2/H/app", hops{{"r1", "", "pw1"}, {"r2", "3298", "pw2"}, {"app", "", ""}}},
		{"old password", "/H/router/H/target/P/pass", hops{{"router", "", "pass"}, {"target", "", ""}}},
		{"old passwords", "/H/r1/H/r2/S/1/P/p1/H/app/S/2/P/p2", hops{{"r1", "", "p1"}, {"r2", "1", "p2"}, {"app", "2", ""}}},
		{"addresses", "/H/2001:db8::1/S/3299/H/192.0.2.1/S/3300", hops{{"2001:db8::1", "3299", ""}, {"192.0.2.1", "3300", ""}}},
		{"zone at the first hop", "/H/fe80::1%eth0/H/app", hops{{Host: "fe80::1%eth0"}, {Host: "app"}}},
		{"password of any sign", "/H/r1/W/a b!\"$%&\\~/H/app", hops{{"r1", "", "a b!\"$%&\\~"}, {"app", "", ""}}},
		{"longest", "/H/" + strings.Repeat("h", 255) + "/S/" + strings.Repeat("s", 63) + "/W/" + strings.Repeat("w", 255) + "/H/app", hops{{strings.Repeat("h", 255), strings.Repeat("s", 63), saprouter.Password(strings.Repeat("w", 255))}, {"app", "", ""}}},
	} {
		got, err := saprouter.Parse(tc.text)
		require.NoError(t, err, tc.id)
		require.Equal(t, tc.want, got, tc.id)
		again, err := saprouter.Parse(got.Reveal())
		require.NoError(t, err, tc.id)
		require.Equal(t, got, again, tc.id)
		require.NoError(t, got.Validate(), tc.id)
	}
}

func TestParseRouters(t *testing.T) {
	t.Parallel()
	want := saprouter.Route{{"r1", "3299", "pw1"}, {"r2", "", "pw2"}}
	for _, text := range []string{"/H/r1/S/3299/W/pw1/H/r2/W/pw2", "/H/r1/S/3299/W/pw1/H/r2/W/pw2/H/", "/h/r1/s/3299/h/r2/p/pw1/h/"} {
		got, err := saprouter.ParseRouters(text)
		require.NoError(t, err, text)
		if strings.Contains(text, "/p/") {
			require.Equal(t, saprouter.Route{{"r1", "3299", "pw1"}, {"r2", "", ""}}, got)
			continue
		}
		require.Equal(t, want, got, text)
		full := got.To("app", "3300")
		require.Equal(t, "/H/r1/S/3299/W/pw1/H/r2/W/pw2/H/app/S/3300", full.Reveal())
		require.Len(t, got, 2)
		full[0].Host = "other"
		require.Equal(t, "r1", got[0].Host, "To does not share")
	}
}

// B-44, B-45, B-47, B-48 and R-04: the byte position, what may stand there, no password.
func TestB44RouteStringErrors(t *testing.T) {
	t.Parallel()
	both, whole, routers := 0, 1, 2
	for _, tc := range []struct {
		id   string
		of   int
		text string
		pos  int
		want string
	}{
		{"B-44 empty", both, "", 0, `want "/H/", found the end`},
		{"B-44 /H/", both, "/H/", 3, "want a host, found none"},
		{"B-44 /H/a/S/", both, "/H/a/S/", 3, `want a host of at least 2 characters, found "a"`},
		{"B-44 /H/aa/S/", both, "/H/aa/S/", 8, "want a port 1-65535 or a service name, found none"},
		{"B-44 H/a", both, "H/a", 0, `want "/H/", found "H"`},
		{"B-44 order", both, "/H/aa/W/" + canary + "/S/3299/H/bb", 20, `want "/H/", found "/S/"`},
		{"B-44 double slash", both, "/H/aa//H/bb", 6, `behind "/H/aa/": want "/S/", "/W/" or "/H/", found "/"`},
		{"B-44 slash at the end", both, "/H/aa/", 6, `want "/S/", "/W/" or "/H/", found the end`},
		{"B-44 half a marker", both, "/H/aa/H", 6, `want "/S/", "/W/" or "/H/", found "H"`},
		{"B-44 another letter", both, "/H/aa/X/y", 6, `found "X"`},
		{"B-44 password without marker", both, "/H/aa/" + canary + "/H/bb", 6, `found "K"`},
		{"B-44 slash in a password", both, "/H/aa/W/" + canary[:6] + "/" + canary[6:] + "/H/bb", 15, `behind "/H/aa/W/***": want "/H/" (a password has no slash), found something else`},
		{"B-44 empty password", both, "/H/aa/W//H/bb", 8, "want a password, found none"},
		{"B-44 control in a password", both, "/H/aa/W/" + canary + "\n", 20, "want a password of printable ASCII characters without a slash, found another character"},
		{"B-44 long password", both, "/H/aa/W/" + strings.Repeat(canary, 22), 8 + 255, "at most 255 bytes, found 264"},
		{"R-04 single hop", whole, "/H/aa/S/3299", 12, `want "/H/" and the target behind the router, found the end`},
		{"R-04 no target", whole, "/H/aa/S/3299/H/", 15, "want the host of the target, found the end"},
		{"R-04 two services", both, "/H/aa/S/1/S/2/H/bb", 9, `want "/W/" or "/H/", found "/S/"`},
		{"R-04 two passwords", both, "/H/aa/W/" + canary + "/W/" + canary + "/H/bb", 20, `found "/W/"`},
		{"R-04 password of the target", whole, "/H/aa/H/bb/W/" + canary, 13, "want no password behind the target"},
		{"R-04 line end", both, "/H/aa/H/bb/S/sapgw00\n", 13, `found "sapgw00\n"`},
		{"R-04 more than 255 hops", both, strings.Repeat("/H/aa", 256), 32 * 5, "want at most 32 hops, found more"},
		{"B-45 33 hops", both, strings.Repeat("/H/aa", 33), 32 * 5, "want at most 32 hops, found more"},
		{"B-45 32 routers", routers, strings.Repeat("/H/aa", 32), 32 * 5, "want at most 31 routers, found 32"},
		{"B-45 host", both, "/H/" + strings.Repeat("h", 256), 3 + 255, "a host of at most 255 bytes, found 256"},
		{"B-45 service", both, "/H/aa/S/" + strings.Repeat("s", 64), 8, "a service of at most 63 bytes, found 64"},
		{"B-45 port 0", both, "/H/aa/S/0/H/bb", 8, `want a port 1-65535 or a service name, found "0"`},
		{"B-45 port", both, "/H/aa/S/65536/H/bb", 8, `found "65536"`},
		{"B-45 service name", both, "/H/aa/S/sap_gw 00/H/bb", 8, `found "sap_gw 00"`},
		{"B-45 text", both, strings.Repeat("/H/"+strings.Repeat("h", 250), 17), 4096, "want at most 4096 bytes"},
		{"B-47 CR LF", both, "/H/host\r\nX/H/bb", 7, "invalid character 0x0d"},
		{"B-47 NUL", both, "/H/ho\x00st/H/bb", 5, "invalid character 0x00"},
		{"B-47 blank", both, "/H/ho st/H/bb", 5, "invalid character 0x20"},
		{"B-47 umlaut", both, "/H/h\u00f6st/H/bb", 4, "invalid character 0xc3"},
		{"B-48 brackets", both, "/H/[2001:db8::1]/S/3299/H/bb", 3, "an IPv6 address without brackets, such as 2001:db8::1, its port behind /S/"},
		{"B-48 port", both, "/H/host:3299/H/bb", 7, "the port belongs behind /S/"},
		{"B-48 zone behind the first hop", both, "/H/aa/H/fe80::1%eth0", 15, "an address without a zone"},
		{"B-48 zone of a name", both, "/H/host%1/H/bb", 7, "a host name or address"},
		{"old password of the first hop", both, "/H/aa/P/" + canary + "/H/bb", 5, `want "/W/" for the password of this router`},
		{"old and new password", both, "/H/aa/W/" + canary + "/H/bb/P/" + canary, 25, `a second one in the old form "/P/"`},
		{"terminal", both, "/H/a\x1b[2J/H/bb", 4, "invalid character 0x1b"},
	} {
		for kind, parse := range []func(string) (saprouter.Route, error){saprouter.Parse, saprouter.ParseRouters} {
			if tc.of != both && tc.of != kind+1 {
				continue
			}
			got, err := parse(tc.text)
			var e *saprouter.SyntaxError
			require.ErrorAs(t, err, &e, "%s: %v", tc.id, got)
			require.Nil(t, got, tc.id)
			require.Equal(t, tc.pos, e.Pos, "%s: %v", tc.id, err)
			require.ErrorContains(t, err, tc.want, tc.id)
			require.ErrorContains(t, err, fmt.Sprintf("byte %d", tc.pos), tc.id)
			require.NotContains(t, err.Error()+fmt.Sprintf("%+v", e), canary[:3], tc.id)
			require.NotContains(t, err.Error(), "\x1b", tc.id)
			require.Less(t, len(err.Error()), 400, tc.id)
		}
	}
}

// R-05 and the rule that nothing prints a secret.
func TestR05PasswordsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	text := "/H/r1/S/3299/W/" + canary + "/H/app/S/3300"
	route, err := saprouter.Parse(text)
	require.NoError(t, err)
	require.Equal(t, "/H/r1/S/3299/W/***/H/app/S/3300", route.String())
	require.Equal(t, text, route.Reveal())
	raw := saprouter.RouteString(text)
	require.Equal(t, text, raw.Reveal())
	request, err := saprouter.NewRequest(route, saprouter.MessageIO)
	require.NoError(t, err)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, v := range []any{route, raw, route[0].Password, route[0], request, &route, []any{raw, route}, &saprouter.Dialer{Routers: route}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			fmt.Fprintf(&log, format, v)
		}
		b, err := json.Marshal(v)
		if err == nil {
			log.Write(b)
		}
		logger.Info("x", "v", v)
	}
	require.NotContains(t, log.String(), canary)
	require.Contains(t, log.String(), "***")
	require.Equal(t, canary, route[0].Password.Reveal())
	require.Empty(t, saprouter.Password("").String())
	require.Equal(t, `"/H/r1/S/3299/W/***/H/app/S/3300" "***" ""`, fmt.Sprintf("%q %q %q", raw, route[0].Password, route[1].Password))
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "",
		"no route":                       "no route",
		"/H/a/W/pw":                      "/H/a/W/***",
		"/H/a/W/":                        "/H/a/W/",
		"/h/a/w/pw/h/b/P/pw2":            "/h/a/w/***/h/b/P/***",
		"/H/a/W/pw/S/3299/H/b":           "/H/a/W/***/H/b",
		"/H/a/W/p/w/x/H/b/W/q":           "/H/a/W/***/H/b/W/***",
		"route /H/a/W/pw refused":        "route /H/a/W/***",
		"/H/a/W/pw/H":                    "/H/a/W/***",
		"/W//P/x":                        "/W/***",
		"/H/a/W//H/b":                    "/H/a/W//H/b",
		"/H/a/S/1/W/\x00\xff/H/b/S/\xff": "/H/a/S/1/W/***/H/b/S/\xff",
	} {
		require.Equal(t, want, saprouter.Redact(text), "%q", text)
	}
}

func TestValidateChecksWhatWasPutTogetherByHand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		route saprouter.Route
		want  string
	}{
		"nothing":  {nil, "0 hops, at least a router and the target"},
		"one":      {saprouter.Route{{Host: "aa"}}, "1 hops"},
		"many":     {make(saprouter.Route, 33), "33 hops, at most 32"},
		"host":     {saprouter.Route{{Host: "aa"}, {Host: "b\x00b"}}, "host of hop 2, byte 1: want a host without"},
		"slash":    {saprouter.Route{{Host: "aa"}, {Host: "bb/W/x"}}, "invalid character 0x2f"},
		"service":  {saprouter.Route{{Host: "aa", Service: "0"}, {Host: "bb"}}, "service of hop 1: want a port"},
		"password": {saprouter.Route{{Host: "aa", Password: canary + "/"}, {Host: "bb"}}, "password of hop 1, byte 12: want a password of printable"},
		"target":   {saprouter.Route{{Host: "aa"}, {Host: "bb", Password: canary}}, "hop 2 is the target and has a password"},
		"too long": {func() (r saprouter.Route) {
			for range 9 {
				r = append(r, saprouter.Hop{Host: strings.Repeat("h", 250)})
			}
			return r
		}(), "hop list has 2277 bytes, at most 2048"},
	} {
		err := tc.route.Validate()
		require.ErrorContains(t, err, tc.want, name)
		require.NotContains(t, err.Error(), canary, name)
		_, err = saprouter.NewRequest(tc.route, saprouter.MessageIO)
		require.Error(t, err, name)
	}
}

// randomRoute makes a valid route.
func randomRoute(r *rand.Rand) saprouter.Route {
	text := func(alphabet string, least, most int) string {
		b := make([]byte, least+r.IntN(most-least+1))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	const names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	route := make(saprouter.Route, 2+r.IntN(5))
	for i := range route {
		h := saprouter.Hop{Host: text(names, 2, 40)}
		switch r.IntN(4) {
		case 0:
		case 1:
			h.Service = fmt.Sprint(1 + r.IntN(65535))
		default:
			h.Service = "s" + text(names, 0, 20)
		}
		if i < len(route)-1 && r.IntN(2) == 0 {
			var b strings.Builder
			for range 1 + r.IntN(20) {
				if c := byte(' ' + r.IntN(95)); c != '/' {
					b.WriteByte(c)
				}
			}
			h.Password = saprouter.Password(b.String())
		}
		route[i] = h
	}
	return route
}

// A route survives its text and its request, whatever it is; what is left of its text behind
// a change never makes an error show the password.
func TestRandomRoutes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		route := randomRoute(r)
		got, err := saprouter.Parse(route.Reveal())
		require.NoError(t, err, route.Reveal())
		require.Equal(t, route, got)
		request, err := saprouter.NewRequest(route, saprouter.MessageIO)
		require.NoError(t, err)
		b, err := request.AppendBinary(nil)
		require.NoError(t, err)
		decoded, err := saprouter.DecodeRequest(b)
		require.NoError(t, err)
		require.Equal(t, request, decoded)

		for i := range route[:len(route)-1] {
			route[i].Password = canary
		}
		text := []byte(route.Reveal())
		switch at := r.IntN(len(text)); r.IntN(3) {
		case 0:
			text[at] = byte(r.IntN(256))
		case 1:
			text = text[:at]
		default:
			text = append(text[:at], text[at+1:]...)
		}
		for _, parse := range []func(string) (saprouter.Route, error){saprouter.Parse, saprouter.ParseRouters} {
			got, err := parse(string(text))
			require.NotContains(t, fmt.Sprintf("%v %+v", got, err), canary[1:8], "%s", text)
		}
	}
}

package saprouter

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/services"
)

// ask puts a question to a table; names are looked up in hosts.
func ask(t *testing.T, text, from, host, service string, change func(q *question)) verdict {
	t.Helper()
	table, err := ParsePermissions(strings.NewReader(text))
	require.NoError(t, err)
	hosts := map[string][]string{
		"app": {"10.4.0.1"}, "two": {"10.4.0.1", "192.0.2.9"}, "client": {"10.3.0.1"}, "v6": {"2001:db8::1"}, "mapped": {"::ffff:10.4.0.1"}, "nobody": {},
	}
	lookup := lookupTable(t.Context(), func(_ context.Context, name string) ([]netip.Addr, error) {
		list, ok := hosts[name]
		if !ok {
			return nil, errors.New("unknown")
		}
		var out []netip.Addr
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out, nil
	})
	q := question{source: netip.MustParseAddr(from), host: host, service: service, lookup: lookup, addresses: func() []netip.Addr {
		list, _ := lookup(host)
		return list
	}}
	_, _ = fmt.Sscan(service, &q.port)
	if service == "sapgw00" {
		q.port = 3300
	}
	if change != nil {
		change(&q)
	}
	return table.check(&q)
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	password := func(p Password) func(*question) { return func(q *question) { q.password = p } }
	for _, tc := range []struct {
		name, table, from, host, service string
		change                           func(*question)
		want                             verdict
	}{
		{"empty table", "", "10.3.0.1", "app", "3300", nil, verdict{-94, 0}},
		{"comments", "# P * * *\n\n  # x", "10.3.0.1", "app", "3300", nil, verdict{-94, 0}},
		{"everything", "P", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"first match", "D * app *\nP * * *", "10.3.0.1", "app", "3300", nil, verdict{-94, 1}},
		{"next line", "D * other *\nP * * *", "10.3.0.1", "app", "3300", nil, verdict{-94, 1}}, // other cannot be looked up
		{"known other", "D * v6 *\nP * * *", "10.3.0.1", "app", "3300", nil, verdict{0, 2}},
		{"case of a name", "P * APP *", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"another spelling", "P * app *", "10.3.0.1", "10.4.0.1", "3300", nil, verdict{0, 1}},
		{"another spelling denied", "D * app\nP", "10.3.0.1", "::ffff:10.4.0.1", "3300", nil, verdict{-94, 1}},
		{"one of two addresses denied", "D * 192.0.2.9\nP", "10.3.0.1", "two", "3300", nil, verdict{-94, 1}},
		{"one of two addresses permitted", "P * 192.0.2.9", "10.3.0.1", "two", "3300", nil, verdict{-94, 0}},
		{"both permitted", "P * 0.0.0.0/0", "10.3.0.1", "two", "3300", nil, verdict{0, 1}},
		{"unresolved name and addresses", "P * 0.0.0.0/0", "10.3.0.1", "unknown", "3300", nil, verdict{-94, 0}},
		{"name without addresses", "P * 0.0.0.0/0", "10.3.0.1", "nobody", "3300", nil, verdict{-94, 0}},
		{"unspecified", "P * 0.0.0.0/0", "10.3.0.1", "0.0.0.0", "3300", nil, verdict{-94, 0}},
		{"source name", "P client * *", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"another source", "P client * *", "10.3.0.2", "app", "3300", nil, verdict{-94, 0}},
		{"unknown source name", "P stranger * *", "10.3.0.2", "app", "3300", nil, verdict{-94, 0}},
		{"unknown source name denied", "D stranger * *\nP", "10.3.0.2", "app", "3300", nil, verdict{-94, 1}},
		{"prefix", "P 10.3.0.0/16 * *", "10.3.255.1", "app", "3300", nil, verdict{0, 1}},
		{"prefix with bits behind it", "P 10.3.7.7/16 * *", "10.4.0.1", "app", "3300", nil, verdict{-94, 0}},
		{"IPv6 prefix", "P 2001:db8::/32 v6 *", "2001:db8:1::1", "v6", "3300", nil, verdict{0, 1}},
		{"subnetwork", "P 10.*.0.* * *", "10.9.0.77", "app", "3300", nil, verdict{0, 1}},
		{"not the subnetwork", "P 10.*.0.* * *", "10.9.1.77", "app", "3300", nil, verdict{-94, 0}},
		{"binary byte", "P 10.1.1011xxxx.* * *", "10.1.176.1", "app", "3300", nil, verdict{0, 1}},
		{"binary byte, last", "P 10.1.1011xxxx.* * *", "10.1.191.255", "app", "3300", nil, verdict{0, 1}},
		{"binary byte, beyond", "P 10.1.1011xxxx.* * *", "10.1.192.0", "app", "3300", nil, verdict{-94, 0}},
		{"bytes and IPv6", "P *.*.*.* * *", "2001:db8::1", "app", "3300", nil, verdict{-94, 0}},
		{"port", "P * * 3300", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"other port", "P * * 3300", "10.3.0.1", "app", "3301", nil, verdict{-94, 0}},
		{"range", "P * * 3200.3298", "10.3.0.1", "app", "3298", nil, verdict{0, 1}},
		{"beyond the range", "P * * 3200.3298", "10.3.0.1", "app", "3299", nil, verdict{-94, 0}},
		{"name of a port", "P * * sapgw00", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"port of a name", "P * * 3300", "10.3.0.1", "app", "sapgw00", nil, verdict{0, 1}},
		{"unknown name", "P * * sapmsQX9", "10.3.0.1", "app", "SAPMSQX9", nil, verdict{0, 1}},
		{"unknown name and port 0", "P * * sapmsQX9", "10.3.0.1", "app", "other", nil, verdict{-94, 0}},
		{"unknown service", "P * * *", "10.3.0.1", "app", "other", nil, verdict{0, 1}},
		{"password", "P * * * pass", "10.3.0.1", "app", "3300", password("pass"), verdict{0, 1}},
		{"wrong password ends the search", "P * * * pass\nP * * *", "10.3.0.1", "app", "3300", password("Pass"), verdict{-94, 1}},
		{"no password", "P * * * pass", "10.3.0.1", "app", "3300", nil, verdict{-94, 1}},
		{"beginning of the password", "P * * * pass", "10.3.0.1", "app", "3300", password("pas"), verdict{-94, 1}},
		{"more than the password", "P * * * pass", "10.3.0.1", "app", "3300", password("passs"), verdict{-94, 1}},
		{"password not asked for", "P * * * *", "10.3.0.1", "app", "3300", password("any"), verdict{0, 1}},
		{"S and records", "S", "10.3.0.1", "app", "3300", nil, verdict{0, 1}},
		{"S and other bytes", "S", "10.3.0.1", "app", "3300", func(q *question) { q.mode = RawIO }, verdict{-101, 1}},
		{"P and other bytes", "P", "10.3.0.1", "app", "3300", func(q *question) { q.mode = RawIO }, verdict{0, 1}},
		{"no router behind", "P*,0 * * *", "10.3.0.1", "app", "3300", func(q *question) { q.before, q.after = 5, 0 }, verdict{0, 1}},
		{"a router behind", "P*,0 * * *", "10.3.0.1", "app", "3300", func(q *question) { q.after = 1 }, verdict{-94, 0}},
		{"routers in front", "S1,* * * *", "10.3.0.1", "app", "3300", func(q *question) { q.before = 2 }, verdict{-94, 0}},
	} {
		require.Equal(t, tc.want, ask(t, tc.table, tc.from, tc.host, tc.service, tc.change), tc.name)
	}
}

func TestPermissionTableErrors(t *testing.T) {
	t.Parallel()
	const canary = "K4nary"
	for text, want := range map[string]string{
		"X * * *":                            `line 1: "X": P, S or D required`,
		"\n\np * * *":                        `line 3: "p"`,
		"KT p:CN=x * *":                      "lines for SNC are not supported",
		"P1 * *":                             "numbers of routers are written P1,0",
		"P1,x * *":                           "* or 0 to 31",
		"P-1,0 * *":                          "* or 0 to 31",
		"P32,0 * *":                          "* or 0 to 31",
		"P a/b * *":                          `source: "a/b"`,
		"P * 10.1.1011xxx.* *":               "destination: \"10.1.1011xxx.*\": a byte is",
		"P * 10.1.256.1 *":                   "a byte is 0 to 255",
		"P * 10.1.1011xxx2.1 *":              "a byte is 0 to 255",
		"P * *.example.com *":                "an address or a prefix required",
		"P * 10.1.0.0/33 *":                  "an address or a prefix required",
		"P * fe80::1%eth0 *":                 "an address or a prefix required",
		"P * * 0":                            "service: want *, a port",
		"P * * 3298.3200":                    "a range of ports is written 3200.3298",
		"P * * 3200.x":                       "a range of ports",
		"P * * a/b":                          "service: want *",
		"P * * * " + canary + "/x":           "password: character 7",
		"P * * * " + canary + "\u00e4":       "password: character 7",
		"P * * * " + canary + " x":           "6 fields, at most five",
		"D\n" + strings.Repeat("x", 1<<17):   "token too long",
		strings.Repeat("# comment\n", 1<<17): "more than 1048576 bytes",
	} {
		table, err := ParsePermissions(strings.NewReader(text))
		require.ErrorContains(t, err, want, "%.80q", text)
		require.ErrorContains(t, err, "route permission table: ")
		require.NotContains(t, err.Error(), canary)
		require.Empty(t, table.lines, "a table with an error permits nothing")
	}
	_, err := ParsePermissions(strings.NewReader("X\nP * * 0\nP"))
	require.ErrorContains(t, err, "line 1")
	require.ErrorContains(t, err, "line 2")
	_, err = ParsePermissions(strings.NewReader("P * * * " + canary))
	require.NoError(t, err)
	table, _ := ParsePermissions(strings.NewReader("P * * * " + canary))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", table, table, table), canary)
}

// CVE-2014-0984: the comparison looks at digests of one length, so that neither the number
// of right characters nor the length of the password shows in its time. Its time is measured
// by BenchmarkPassword.
func TestPasswordComparison(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"a", "pass", strings.Repeat("x", 255)} {
		p, err := parsePermission([]string{"P", "*", "*", "*", password}, services.System)
		require.NoError(t, err)
		require.True(t, p.opens(Password(password)))
		for _, wrong := range []string{"", password[:len(password)-1], password + "x", strings.ToUpper(password), password + "\x00"} {
			require.False(t, p.opens(Password(wrong)), "%q for %q", wrong, password)
		}
	}
}

func BenchmarkPassword(b *testing.B) {
	p, err := parsePermission([]string{"P", "*", "*", "*", strings.Repeat("x", 32)}, services.System)
	require.NoError(b, err)
	for name, given := range map[string]Password{
		"right":        Password(strings.Repeat("x", 32)),
		"first wrong":  Password("y" + strings.Repeat("x", 31)),
		"last wrong":   Password(strings.Repeat("x", 31) + "y"),
		"none at all":  "",
		"half as long": Password(strings.Repeat("x", 16)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.opens(given)
			}
		})
	}
}

package proxy_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/proxy"
)

// What must never come out of an error or a log.
const (
	tokenCanary    = "eyJhbGciOi.eyJzdWIi.kAnarYsIg"
	locationCanary = "plant-kAnarY"
	passwordCanary = "pw-kAnarY"
)

func silent(t testing.TB, values ...any) {
	t.Helper()
	for _, v := range values {
		j, _ := json.Marshal(v)
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), string(j)} {
			for _, canary := range []string{"kAnarY", base64.StdEncoding.EncodeToString([]byte(locationCanary))} {
				require.NotContains(t, text, canary)
			}
		}
	}
}

// scripted is a proxy that does what it is told with each connection.
func scripted(t *testing.T, d proxy.Dialer, serve func(nc net.Conn)) *proxy.Dialer {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	if d.Address == "" {
		d.Address = "proxy:20004"
	}
	d.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
		require.Equal(t, []string{"tcp", d.Address}, []string{network, address})
		client, server := netfault.Pipe()
		group.Go(func() {
			defer server.Close()
			serve(server)
		})
		return client, nil
	}
	return &d
}

// talk expects and sends bytes in hex by turns.
func talk(t *testing.T, nc net.Conn, lines ...string) {
	for i, line := range lines {
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		require.NoError(t, err)
		if i%2 == 1 {
			_, _ = nc.Write(b)
			continue
		}
		got := make([]byte, len(b))
		if _, err := io.ReadFull(nc, got); err == nil && !bytes.Equal(b, got) {
			t.Errorf("line %d: want % x, got % x", i, b, got)
		}
	}
}

const (
	greeting = "05 01 80"
	accepted = "05 80"
	// The example of the public guide's layout (spec 14 section 3.2).
	authentication = "01 00 00 00 18 65 79 4a 68 62 47 63 69 4f 69 2e 65 79 4a 7a 64 57 49 69 2e 63 32 6c 6e 0c 62 33 4a 73 59 57 35 6b 62 77 3d 3d"
	connectByName  = "05 01 00 03 12 73 61 6c 65 73 2d 73 79 73 74 65 6d 2e 63 6c 6f 75 64 0d 0e"
	opened         = "05 00 00 01 00 00 00 00 00 00"
)

func TestGoldenDialogue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dialer proxy.Dialer
		target string
		lines  []string
		facts  proxy.Facts
	}{
		"token and location": {
			proxy.Dialer{Tokens: proxy.Secret("eyJhbGciOi.eyJzdWIi.c2ln"), Location: "orlando"},
			"sales-system.cloud:3342",
			[]string{greeting, accepted, authentication, "01 00", connectByName, opened},
			proxy.Facts{Method: "token", Located: true},
		},
		"token, address, bound to a name": {
			proxy.Dialer{Tokens: proxy.Secret("a.b.c")},
			"192.168.88.9:3300",
			[]string{greeting, accepted, "01 00 00 00 05 61 2e 62 2e 63 00", "01 00", "05 01 00 01 c0 a8 58 09 0c e4", "05 00 00 03 02 61 62 00 01"},
			proxy.Facts{Method: "token"},
		},
		"trusted mode, bound to IPv6": {
			proxy.Dialer{},
			"010.1.1.1:1",
			[]string{"05 01 00", "05 00", "05 01 00 03 09 30 31 30 2e 31 2e 31 2e 31 00 01", "05 00 00 04" + strings.Repeat("00", 18)},
			proxy.Facts{Method: "none"},
		},
		"IPv6": {
			proxy.Dialer{},
			"[2001:db8::1]:3300",
			[]string{"05 01 00", "05 00", "05 01 00 04 20010db8000000000000000000000001 0ce4", opened},
			proxy.Facts{Method: "none"},
		},
	} {
		for _, piece := range []int{0, 1} {
			t.Run(fmt.Sprint(name, " ", piece), func(t *testing.T) {
				t.Parallel()
				d := scripted(t, tc.dialer, func(nc net.Conn) {
					lines := append(tc.lines[:len(tc.lines)-1:len(tc.lines)-1], tc.lines[len(tc.lines)-1]+hex.EncodeToString([]byte("first words of the target")))
					talk(t, netfault.New(nc, netfault.Faults{MaxWrite: piece}), lines...)
				})
				var facts proxy.Facts
				d.Done = func(f proxy.Facts, err error) { facts = f; require.NoError(t, err) }
				nc, err := d.DialContext(t.Context(), "tcp", tc.target)
				require.NoError(t, err)
				rest, err := io.ReadAll(nc)
				require.NoError(t, err)
				require.Equal(t, "first words of the target", string(rest), "nothing of the target is taken")
				require.NoError(t, nc.Close())
				facts.Answer = 0
				want := tc.facts
				want.Proxy, want.Remote = d.Address, "server"
				require.Equal(t, want, facts)
			})
		}
	}
}

// F-12: every reply is an error with its meaning, and the whole answer is not waited for.
func TestF12Replies(t *testing.T) {
	t.Parallel()
	for code, words := range map[byte]string{
		1: "log of the Cloud Connector", 2: "access control", 3: "cloud_connector_location_id", 4: "internal host and port", 5: "expired", 6: "too long",
		7: "20004", 8: "IPv4", 9: "nobody has defined", 255: "nobody has defined",
	} {
		for _, rest := range []string{"", "00 01 00 00 00 00 00 00"} {
			d := scripted(t, proxy.Dialer{Tokens: proxy.Secret(tokenCanary), Location: locationCanary}, func(nc net.Conn) {
				talk(t, nc, greeting, accepted)
				_, _ = io.CopyN(io.Discard, nc, int64(1+4+len(tokenCanary)+1+16))
				talk(t, nc, "", "01 00", connectByName, fmt.Sprintf("05 %02x", code)+rest)
			})
			var facts proxy.Facts
			d.Done = func(f proxy.Facts, _ error) { facts = f }
			_, err := d.DialContext(t.Context(), "tcp", "sales-system.cloud:3342")
			e := failure(t, err)
			require.Contains(t, err.Error(), words)
			require.Contains(t, err.Error(), "SOCKS5 proxy proxy:20004, connect")
			require.Equal(t, []any{int(code), proxy.PhaseConnect, true, int(code)}, []any{e.Code, e.Phase, e.Remote(), facts.Code})
			want := "communication"
			if code == 5 {
				want = "logon"
			}
			require.Equal(t, want, e.Kind())
			silent(t, err, facts)
		}
	}
}

func failure(t testing.TB, err error) *proxy.Error {
	t.Helper()
	e, ok := errors.AsType[*proxy.Error](err)
	require.True(t, ok, "%T %v", err, err)
	require.Equal(t, "proxy", e.Step())
	silent(t, err)
	return e
}

// F-08, F-09 and everything else that is no tunnel.
func TestRefusedAndStrangeProxies(t *testing.T) {
	t.Parallel()
	withToken := proxy.Dialer{Tokens: proxy.Secret("a.b.c")}
	auth := "01 00 00 00 05 61 2e 62 2e 63 00"
	for name, tc := range map[string]struct {
		dialer proxy.Dialer
		lines  []string
		kind   string
		words  string
	}{
		"F-09 tokens not taken":       {withToken, []string{greeting, "05 ff"}, "security", "go.proxy.auth = none"},
		"F-09 token wanted":           {proxy.Dialer{}, []string{"05 01 00", "05 ff"}, "security", "go.proxy.auth = jwt"},
		"another method than offered": {withToken, []string{greeting, "05 00"}, "protocol", "chose method 0x00"},
		"SOCKS4":                      {withToken, []string{greeting, "00 5a 00 00 00 00 00 00"}, "protocol", "want 05"},
		"HTTP":                        {withToken, []string{greeting, hex.EncodeToString([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))}, "protocol", "speaks HTTP"},
		"SSH":                         {withToken, []string{greeting, hex.EncodeToString([]byte("SSH-2.0-OpenSSH_9.6\r\n"))}, "protocol", "speaks SSH"},
		"TLS":                         {withToken, []string{greeting, "15 03 01 00 02 02 46"}, "protocol", "speaks TLS"},
		"SAP NI":                      {withToken, []string{greeting, "00 00 00 40 02 03 00 00 00 00"}, "protocol", "speaks SAP NI"},
		"token refused":               {withToken, []string{greeting, accepted, auth, "01 01"}, "logon", "refused the token (status 1)"},
		"strange authentication":      {withToken, []string{greeting, accepted, auth, "05 00"}, "protocol", "want 01"},
		"strange reply":               {proxy.Dialer{}, []string{"05 01 00", "05 00", connectByName, "04 00 00 01"}, "protocol", "want 05 and a reply"},
		"strange address":             {proxy.Dialer{}, []string{"05 01 00", "05 00", connectByName, "05 00 00 02"}, "protocol", "type 01, 03 or 04"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := scripted(t, tc.dialer, func(nc net.Conn) { talk(t, nc, tc.lines...) })
			_, err := d.DialContext(t.Context(), "tcp", "sales-system.cloud:3342")
			e := failure(t, err)
			require.Equal(t, tc.kind, e.Kind(), err)
			require.Contains(t, err.Error(), tc.words)
		})
	}
	t.Run("F-08 proxy down", func(t *testing.T) {
		t.Parallel()
		d := withToken
		d.Address = "proxy:20004"
		d.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		_, err := d.DialContext(t.Context(), "tcp", "a:1")
		e := failure(t, err)
		require.Equal(t, []any{"communication", proxy.PhaseDial, false}, []any{e.Kind(), e.Phase, e.Remote()})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Contains(t, err.Error(), "SOCKS5 proxy proxy:20004, dial: not reached")
	})
}

// F-11: the answers cut behind each byte, and silence in place of each.
func TestF11CutAnswers(t *testing.T) {
	t.Parallel()
	whole := []string{accepted, "01 00", opened}
	total := 0
	for _, a := range whole {
		total += len(strings.ReplaceAll(a, " ", "")) / 2
	}
	for cut := range total {
		for _, stall := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				d := scripted(t, proxy.Dialer{Tokens: proxy.Secret("a.b.c"), Timeout: 3 * time.Second}, func(nc net.Conn) {
					left := cut
					for i, request := range []int{3, 11, 25} {
						if _, err := io.CopyN(io.Discard, nc, int64(request)); err != nil {
							return
						}
						b, _ := hex.DecodeString(strings.ReplaceAll(whole[i], " ", ""))
						_, _ = nc.Write(b[:min(left, len(b))])
						if left -= len(b); left < 0 {
							break
						}
					}
					if stall {
						_, _ = io.Copy(io.Discard, nc)
					}
				})
				start := time.Now()
				_, err := d.DialContext(t.Context(), "tcp", "sales-system.cloud:3342")
				e := failure(t, err)
				require.Equal(t, -1, e.Code)
				if stall {
					require.Equal(t, "timeout", e.Kind(), err)
					require.Equal(t, 3*time.Second, time.Since(start))
					return
				}
				require.Equal(t, "communication", e.Kind(), "%d: %v", cut, err)
			})
		}
	}
}

// The end of a context ends the talk at once, whatever its phase.
func TestContextEndsTheTalk(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	for _, protocol := range []proxy.Protocol{proxy.SOCKS5, proxy.HTTPConnect} {
		synctest.Test(t, func(t *testing.T) {
			d := scripted(t, proxy.Dialer{Protocol: protocol}, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
			ctx, cancel := context.WithCancelCause(t.Context())
			go cancel(mine)
			_, err := d.DialContext(ctx, "tcp", "a:1")
			require.ErrorIs(t, err, mine)
			require.Equal(t, "canceled", failure(t, err).Kind())
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := scripted(t, proxy.Dialer{}, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	_, err := d.DialContext(ctx, "tcp", "a:1")
	require.Equal(t, "canceled", failure(t, err).Kind())
}

// book is a TokenSource that can be told to fetch another token.
type book struct {
	tokens []string
	next   atomic.Int64
	asked  atomic.Int64
	forgot []string
	err    error
}

func (b *book) Token(context.Context) (string, error) {
	b.asked.Add(1)
	return b.tokens[b.next.Load()], b.err
}

func (b *book) Forget(token string) {
	b.forgot = append(b.forgot, token)
	if int(b.next.Load()) < len(b.tokens)-1 {
		b.next.Add(1)
	}
}

// F-10: a refused token is fetched anew once, and tried once more.
func TestF10RefusedTokenIsFetchedOnce(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for name, tc := range map[string]struct {
			source   *book
			ok       bool
			attempts int64
			forgot   int
		}{
			"the next one is good":    {&book{tokens: []string{"old." + tokenCanary, "new"}}, true, 2, 1},
			"the next one is no good": {&book{tokens: []string{"old." + tokenCanary, "old2", "new"}}, false, 2, 1},
			"the same again":          {&book{tokens: []string{"old"}}, false, 1, 1},
		} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				t.Parallel()
				far := listen(t, echo)
				srv := &proxy.Server{
					Authenticate: func(token string) error {
						if token != "new" {
							return errors.New("expired")
						}
						return nil
					},
					LateRefusal: late, Locations: map[string]proxy.Mappings{"": {"app:3300": far}},
				}
				d := proxy.Dialer{Address: serve(t, srv), Tokens: tc.source}
				var attempts int64
				d.Done = func(proxy.Facts, error) { attempts++ }
				nc, err := d.DialContext(t.Context(), "tcp", "app:3300")
				require.Equal(t, tc.ok, err == nil, err)
				require.Equal(t, []any{tc.attempts, tc.forgot}, []any{attempts, len(tc.source.forgot)})
				if err == nil {
					pingPong(t, nc)
					return
				}
				require.Equal(t, "logon", failure(t, err).Kind())
			})
		}
	}
}

// F-13: errors of the source keep their kind, and no connection is made.
func TestF13TokenSourceFails(t *testing.T) {
	t.Parallel()
	d := scripted(t, proxy.Dialer{Tokens: &book{tokens: []string{""}, err: context.DeadlineExceeded}}, func(net.Conn) { t.Error("connected") })
	d.Dial = func(context.Context, string, string) (net.Conn, error) { t.Error("dialled"); return nil, io.EOF }
	_, err := d.DialContext(t.Context(), "tcp", "a:1")
	require.Equal(t, []any{"timeout", proxy.PhaseToken}, []any{failure(t, err).Kind(), failure(t, err).Phase})
	d.Tokens = &book{tokens: []string{"a b"}}
	_, err = d.DialContext(t.Context(), "tcp", "a:1")
	require.Equal(t, "configuration", failure(t, err).Kind())
	require.Contains(t, err.Error(), "position 2")
	nc, far := netfault.Pipe()
	_, err = d.Connect(t.Context(), nc, "a:1")
	require.Equal(t, "configuration", failure(t, err).Kind())
	_, err = far.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "closed, and nothing was sent")
}

// R-10 and the rest of what is refused before anything is sent.
func TestDialerValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dialer proxy.Dialer
		words  []string
	}{
		"no address":             {proxy.Dialer{}, []string{"host:port required"}},
		"no port":                {proxy.Dialer{Address: "proxy"}, []string{"host:port required"}},
		"port 0":                 {proxy.Dialer{Address: "proxy:0"}, []string{"host:port required"}},
		"user with SOCKS5":       {proxy.Dialer{Address: "p:1", User: "u", Password: passwordCanary}, []string{"go with HTTP CONNECT"}},
		"token and user":         {proxy.Dialer{Address: "p:1", Protocol: proxy.HTTPConnect, Tokens: proxy.Secret(tokenCanary), User: "u"}, []string{"exactly one"}},
		"password alone":         {proxy.Dialer{Address: "p:1", Protocol: proxy.HTTPConnect, Password: passwordCanary}, []string{"without a user"}},
		"colon":                  {proxy.Dialer{Address: "p:1", Protocol: proxy.HTTPConnect, User: "u:v", Password: passwordCanary}, []string{"position 2"}},
		"unknown protocol":       {proxy.Dialer{Address: "p:1", Protocol: 7}, []string{"Protocol(7)"}},
		"location with HTTP":     {proxy.Dialer{Address: "p:1", Protocol: proxy.HTTPConnect, Location: locationCanary}, []string{"goes with SOCKS5"}},
		"location without token": {proxy.Dialer{Address: "p:1", Location: locationCanary}, []string{"goes with SOCKS5"}},
		"B-31 long location":     {proxy.Dialer{Address: "p:1", Tokens: proxy.Secret("t"), Location: strings.Repeat("l", 190)}, []string{"190 bytes, at most 189"}},
		"Bearer":                 {proxy.Dialer{Address: "p:1", Tokens: proxy.Secret("bearer " + tokenCanary)}, []string{`begins with "Bearer"`}},
		"empty token":            {proxy.Dialer{Address: "p:1", Tokens: proxy.Secret("")}, []string{"empty"}},
		"long token":             {proxy.Dialer{Address: "p:1", Tokens: proxy.Secret(strings.Repeat("t", proxy.MaxToken+1))}, []string{"65537 bytes, at most 65536"}},
		"several":                {proxy.Dialer{Tokens: proxy.Secret("a\nb"), User: "u"}, []string{"host:port", "HTTP CONNECT", "position 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.dialer.Dial = func(context.Context, string, string) (net.Conn, error) { t.Error("dialled"); return nil, io.EOF }
			_, err := tc.dialer.DialContext(t.Context(), "tcp", "a:1")
			require.Equal(t, "configuration", failure(t, err).Kind())
			for _, w := range tc.words {
				require.ErrorContains(t, err, w)
			}
		})
	}
	for _, address := range []string{"a", "a:sapgw00", "a:0", "a:70000", ":1", strings.Repeat("a", 256) + ":1", "a b:1", "u@a:1", "a\r\nX: y:1"} {
		d := scripted(t, proxy.Dialer{}, func(net.Conn) {})
		_, err := d.DialContext(t.Context(), "tcp", address)
		require.Equal(t, "configuration", failure(t, err).Kind(), address)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := proxy.Dialer{Address: "p:1", Tokens: proxy.Secret(tokenCanary), Password: passwordCanary}
	silent(t, d, &d, proxy.Secret(tokenCanary), map[string]any{"d": d})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", proxy.Secret(tokenCanary))
	require.NotContains(t, log.String(), "kAnarY")
	require.Empty(t, proxy.Secret("").String())
}

// listen accepts connections on loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { defer nc.Close(); serve(nc) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	return l.Addr().String()
}

func echo(nc net.Conn) { _, _ = io.Copy(nc, nc) }

func pingPong(t *testing.T, nc net.Conn) {
	t.Helper()
	_, err := nc.Write([]byte("hello"))
	require.NoError(t, err)
	got := make([]byte, 5)
	_, err = io.ReadFull(nc, got)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.NoError(t, nc.Close())
}

func serve(t *testing.T, srv *proxy.Server) string {
	t.Helper()
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-done, proxy.ErrServerClosed)
	})
	return l.Addr().String()
}

// The double: virtual hosts, denied mappings, expired tokens, wrong locations, dead back ends.
func TestServerIsACloudConnector(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	app := listen(t, echo)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	srv := &proxy.Server{
		Authenticate: func(token string) error {
			if token != tokenCanary {
				return errors.New("expired at 10:00")
			}
			return nil
		},
		Locations: map[string]proxy.Mappings{locationCanary: {"sales.virtual:3300": app, "10.1.1.1:3300": app, "down.virtual:3300": dead.Addr().String(), app: ""}},
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
	}
	trusted := &proxy.Server{Locations: map[string]proxy.Mappings{"": {"sales.virtual:3300": app}}}
	address, trustedAddress := serve(t, srv), serve(t, trusted)
	good := proxy.Dialer{Address: address, Tokens: proxy.Secret(tokenCanary), Location: locationCanary}
	for name, tc := range map[string]struct {
		change func(d *proxy.Dialer)
		target string
		code   int
		kind   string
	}{
		"mapped name":                {func(*proxy.Dialer) {}, "sales.virtual:3300", 0, ""},
		"mapped address":             {func(*proxy.Dialer) {}, "10.1.1.1:3300", 0, ""},
		"mapped to itself":           {func(*proxy.Dialer) {}, app, 0, ""},
		"trusted mode":               {func(d *proxy.Dialer) { *d = proxy.Dialer{Address: trustedAddress} }, "sales.virtual:3300", 0, ""},
		"token to the trusted mode":  {func(d *proxy.Dialer) { d.Address = trustedAddress }, "sales.virtual:3300", 0xff, "security"},
		"no token":                   {func(d *proxy.Dialer) { d.Tokens, d.Location = nil, "" }, "sales.virtual:3300", 0xff, "security"},
		"denied host":                {func(*proxy.Dialer) {}, "hr.virtual:3300", 2, "communication"},
		"denied port":                {func(*proxy.Dialer) {}, "sales.virtual:3301", 2, "communication"},
		"wrong location":             {func(d *proxy.Dialer) { d.Location = "elsewhere" }, "sales.virtual:3300", 3, "communication"},
		"no location":                {func(d *proxy.Dialer) { d.Location = "" }, "sales.virtual:3300", 3, "communication"},
		"back end down":              {func(*proxy.Dialer) {}, "down.virtual:3300", 4, "communication"},
		"IPv6":                       {func(*proxy.Dialer) {}, "[::1]:3300", 8, "communication"},
		"expired token":              {func(d *proxy.Dialer) { d.Tokens = proxy.Secret("x." + tokenCanary) }, "sales.virtual:3300", 1, "logon"},
		"the proxy speaks of SOCKS5": {func(d *proxy.Dialer) { *d = proxy.Dialer{Address: address, Protocol: proxy.HTTPConnect} }, "sales.virtual:3300", -1, "communication"},
	} {
		t.Run(name, func(t *testing.T) {
			d := good
			tc.change(&d)
			nc, err := d.DialContext(t.Context(), "tcp", tc.target)
			if tc.kind == "" {
				require.NoError(t, err)
				pingPong(t, nc)
				return
			}
			e := failure(t, err)
			require.Equal(t, []any{tc.code, tc.kind}, []any{e.Code, e.Kind()}, err)
		})
	}
	st := srv.Stats()
	require.Equal(t, []int64{3, 4, 2}, []int64{st.Tunnels, st.Denied, st.Refused})
	require.NotContains(t, log.String(), "kAnarY")
	_, err = srv.Listen(t.Context(), "0.0.0.0:0")
	require.ErrorContains(t, err, "AllowRemote")
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Close ends tunnels, and nothing is left.
func TestServerClose(t *testing.T) {
	t.Parallel()
	app := listen(t, echo)
	srv := &proxy.Server{Locations: map[string]proxy.Mappings{"": {"a:1": app}}}
	l, err := srv.Listen(t.Context(), ":0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	d := proxy.Dialer{Address: l.Addr().String()}
	nc, err := d.DialContext(t.Context(), "tcp", "a:1")
	require.NoError(t, err)
	require.NoError(t, srv.Close())
	require.ErrorIs(t, <-done, proxy.ErrServerClosed)
	_, err = io.ReadAll(nc)
	_ = err // the end, or a reset
	require.Zero(t, srv.Stats().Open)
	require.NoError(t, srv.Close())
}

// What a client may say wrong costs it the connection.
func TestServerRefusesBadRequests(t *testing.T) {
	t.Parallel()
	srv := &proxy.Server{Authenticate: func(string) error { return nil }, Locations: map[string]proxy.Mappings{"": {}}}
	for name, tc := range map[string]struct{ says, hears string }{
		"SOCKS4":           {"04 01 0c e4 01 02 03 04 00", ""},
		"no method":        {"05 00", "05 ff"},
		"another method":   {"05 02 00 02", "05 ff"},
		"token too long":   {"05 01 80 01 00 10 00 00", "05 80"},
		"bad base64":       {"05 01 80 01 00000001 61 02 3d 3d", "05 80"},
		"loose base64":     {"05 01 80 01 00000001 61 04 51 53 3d 3d", "05 80"},
		"token with blank": {"05 01 80 01 00000001 20 00", "05 80"},
		"BIND":             {"05 01 80 01 00000001 61 00 05 02 00 01 01020304 0001", "05 80 01 00 05 07 00 01 000000000000"},
		"reserved":         {"05 01 80 01 00000001 61 00 05 01 01 01 01020304 0001", "05 80 01 00"},
		"type 2":           {"05 01 80 01 00000001 61 00 05 01 00 02", "05 80 01 00 05 08 00 01 000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := netfault.Pipe()
			b, err := hex.DecodeString(strings.ReplaceAll(tc.says, " ", ""))
			require.NoError(t, err)
			_, err = client.Write(b)
			require.NoError(t, err)
			srv.ServeConn(t.Context(), server)
			got, err := io.ReadAll(client)
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(tc.hears, " ", ""), hex.EncodeToString(got))
		})
	}
}

func TestHTTPConnect(t *testing.T) {
	t.Parallel()
	app := listen(t, func(nc net.Conn) { _, _ = nc.Write([]byte("banner")); echo(nc) })
	open := &proxy.Server{Protocol: proxy.HTTPConnect, Locations: map[string]proxy.Mappings{"": {"app:443": app, "down:443": "127.0.0.1:1"}}}
	users := &proxy.Server{Protocol: proxy.HTTPConnect, Users: map[string]proxy.Secret{"m\u00fcller": passwordCanary}, Locations: map[string]proxy.Mappings{"": {"app:443": app}}}
	bearer := &proxy.Server{Protocol: proxy.HTTPConnect, Authenticate: func(token string) error {
		if token != tokenCanary {
			return errors.New("no")
		}
		return nil
	}, Locations: map[string]proxy.Mappings{"": {"app:443": app}}}
	for name, tc := range map[string]struct {
		server *proxy.Server
		dialer proxy.Dialer
		target string
		code   int
		kind   string
		words  string
	}{
		"open":               {open, proxy.Dialer{}, "app:443", 200, "", ""},
		"user":               {users, proxy.Dialer{User: "m\u00fcller", Password: passwordCanary}, "app:443", 200, "", ""},
		"bearer":             {bearer, proxy.Dialer{Tokens: proxy.Secret(tokenCanary)}, "app:443", 200, "", ""},
		"user missing":       {users, proxy.Dialer{}, "app:443", 407, "security", "user and password"},
		"wrong password":     {users, proxy.Dialer{User: "m\u00fcller", Password: "x" + passwordCanary}, "app:443", 407, "security", "407"},
		"wrong token":        {bearer, proxy.Dialer{Tokens: proxy.Secret("x." + tokenCanary)}, "app:443", 407, "security", "407"},
		"password for token": {bearer, proxy.Dialer{User: "u", Password: passwordCanary}, "app:443", 407, "security", "407"},
		"not allowed":        {open, proxy.Dialer{}, "other:443", 403, "denied", "403"},
		"target down":        {open, proxy.Dialer{}, "down:443", 502, "communication", "502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := tc.dialer
			d.Protocol = proxy.HTTPConnect
			srv := &proxy.Server{Protocol: tc.server.Protocol, Users: tc.server.Users, Authenticate: tc.server.Authenticate, Locations: tc.server.Locations}
			d.Address = serve(t, srv)
			var facts proxy.Facts
			d.Done = func(f proxy.Facts, _ error) { facts = f }
			nc, err := d.DialContext(t.Context(), "tcp", tc.target)
			require.Equal(t, tc.code, facts.Code)
			if tc.kind != "" {
				e := failure(t, err)
				require.Equal(t, tc.kind, e.Kind())
				require.ErrorContains(t, err, tc.words)
				return
			}
			require.NoError(t, err)
			got := make([]byte, 6)
			_, err = io.ReadFull(nc, got)
			require.NoError(t, err)
			require.Equal(t, "banner", string(got), "nothing of the target is taken")
			pingPong(t, nc)
		})
	}
}

func TestHTTPConnectStrangeAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ answer, kind, words string }{
		"TLS":         {"\x15\x03\x01\x00\x02\x02\x46", "protocol", "speaks TLS"},
		"SSH":         {"SSH-2.0-OpenSSH_9.6\r\n", "protocol", "speaks SSH"},
		"SOCKS5":      {"\x05\x00", "protocol", "05 00"},
		"SAP NI":      {"\x00\x00\x00\x40\x02\x03\x00\x00", "protocol", "speaks SAP NI"},
		"bad status":  {"HTTP/1.1 abc\r\n\r\n", "protocol", "status line"},
		"bad head":    {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "protocol", "line 2"},
		"cut":         {"HTTP/1.1 200 OK\r\n", "communication", "cut off"},
		"nothing":     {"", "communication", "in place of an answer"},
		"redirection": {"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n", "communication", "302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := scripted(t, proxy.Dialer{Protocol: proxy.HTTPConnect}, func(nc net.Conn) {
				_, _ = io.CopyN(io.Discard, nc, 30)
				_, _ = nc.Write([]byte(tc.answer))
			})
			_, err := d.DialContext(t.Context(), "tcp", "app:443")
			require.Equal(t, tc.kind, failure(t, err).Kind(), err)
			require.ErrorContains(t, err, tc.words)
		})
	}
}

// What a server says and when is up to a test.
func TestServerAnswersAreReplaced(t *testing.T) {
	t.Parallel()
	for phase, kind := range map[proxy.Phase]string{proxy.PhaseMethod: "communication", proxy.PhaseAuth: "communication", proxy.PhaseConnect: "communication"} {
		srv := &proxy.Server{
			Authenticate: func(string) error { return nil }, Locations: map[string]proxy.Mappings{"": {"a:1": listen(t, echo)}},
			Answer: func(p proxy.Phase, answer []byte) []byte {
				if p == phase {
					return nil
				}
				return answer
			},
		}
		d := proxy.Dialer{Address: serve(t, srv), Tokens: proxy.Secret("t")}
		_, err := d.DialContext(t.Context(), "tcp", "a:1")
		e := failure(t, err)
		require.Equal(t, []any{kind, phase}, []any{e.Kind(), e.Phase}, err)
	}
}

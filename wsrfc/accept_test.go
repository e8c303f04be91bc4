package wsrfc_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/wsrfc"
)

// answer is the head of a response.
type answer struct {
	code   int
	header http.Header
	close  bool
}

// request sends bytes to a server without TLS and returns the answer, its body and the server's
// error.
func request(t testing.TB, srv wsrfc.AcceptConfig, data string) (*answer, string, error) {
	t.Helper()
	a, b := netfault.Pipe()
	done := make(chan error, 1)
	go func() {
		c, err := wsrfc.Accept(context.Background(), b, srv)
		if err == nil {
			_ = c.Close()
		}
		done <- err
	}()
	go func() { _, _ = io.WriteString(a, data) }()
	r := bufio.NewReader(a)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		_ = a.Close()
		return nil, "", <-done
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		rest, _ := io.ReadAll(io.LimitReader(r, 2))
		body = append(body, rest...)
	}
	_ = a.Close()
	return &answer{resp.StatusCode, resp.Header, resp.Close}, string(body), <-done
}

func TestAcceptSwitchesToWebSocket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		srv := plainServer()
		var caller wsrfc.Caller
		srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
			caller = *c
			return nil
		}
		resp, _, err := request(t, srv, goldenUpgrade)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.code)
		require.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", resp.header.Get("Sec-WebSocket-Accept"))
		require.Equal(t, "rfc.sap.com", resp.header.Get("Sec-WebSocket-Protocol"))
		require.Empty(t, resp.header.Get("Sec-WebSocket-Extensions"))
		require.Equal(t, "DEVELOPER/c4nary-Secret 001 EN sync rfc-delta=off high abap.example:8000 /sap/bc/rfc true",
			fmt.Sprint(caller.User, "/", caller.Password.Reveal(), " ", caller.Client, " ", caller.Language, " ", caller.Subtype, " ", caller.Options, " ", caller.Priority, " ", caller.Host, " ", caller.Target, " ", caller.Stateful))
		// Compression is offered in vain, and a client that names no sub-protocol gets none.
		resp, _, err = request(t, srv, strings.Replace(goldenUpgrade, "Sec-WebSocket-Protocol: rfc.sap.com", "Sec-WebSocket-Extensions: permessage-deflate", 1))
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.code)
		require.Empty(t, resp.header.Get("Sec-WebSocket-Extensions"))
		require.Empty(t, resp.header.Get("Sec-WebSocket-Protocol"))
	})
}

func TestAcceptAnswersWhatIsNoUpgrade(t *testing.T) {
	t.Parallel()
	change := func(old, repl string) string {
		require.Contains(t, goldenUpgrade, old)
		return strings.Replace(goldenUpgrade, old, repl, 1)
	}
	for _, tc := range []struct {
		name, request string
		status        int
		text          string
	}{
		{"another path", change("/sap/bc/rfc", "/etc/passwd"), 404, "nothing here"},
		{"POST", change("GET", "POST"), 405, "a GET"},
		{"body", change("Upgrade: websocket", "Content-Length: 5\r\nUpgrade: websocket"), 400, "no body"},
		{"chunks", change("Upgrade: websocket", "Transfer-Encoding: chunked\r\nUpgrade: websocket"), 400, "no body"},
		{"no Upgrade: plain HTTP", change("Upgrade: websocket\r\n", ""), 426, "an upgrade to websocket is required"},
		{"no Connection", change("Connection: Upgrade\r\n", ""), 400, "not an upgrade"},
		{"h2c", change("Upgrade: websocket", "Upgrade: h2c"), 400, "not an upgrade"},
		{"B-124 duplicate Upgrade", change("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"), 400, "more than one Upgrade"},
		{"duplicate Authorization", change("Authorization", "Authorization: Basic eDp5\r\nAuthorization"), 400, "more than one Authorization"},
		{"version 8", change("Version: 13", "Version: 8"), 426, "version 13"},
		{"no key", change("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, "16 bytes in base64"},
		{"short key", change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400, "16 bytes in base64"},
		{"F-32 another sub-protocol", change("rfc.sap.com", "chat"), 400, "sub-protocol rfc.sap.com"},
		{"no host", change("Host: abap.example:8000\r\n", ""), 400, "no host"},
		{"two hosts", change("Host: ", "Host: x\r\nHost: "), 400, "not a request"},
		{"a web page", change("Upgrade: websocket", "Origin: https://evil.example\r\nUpgrade: websocket"), 403, "web pages"},
		{"HTTP/1.0", change("HTTP/1.1", "HTTP/1.0"), 505, "HTTP/1.1"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "not HTTP/2"},
		{"B-124 folded line", change("Upgrade: websocket", "Upgrade:\r\n websocket"), 400, "not a request"},
		{"B-124 1 MB header", change("Upgrade: websocket", "X: "+strings.Repeat("x", 1<<20)+"\r\nUpgrade: websocket"), 431, "too large"},
		{"B-124 10,000 headers", change("Upgrade: websocket", strings.Repeat("X: x\r\n", 10_000)+"Upgrade: websocket"), 431, "too large"},
		{"200 headers", change("Upgrade: websocket", strings.Repeat("X: x\r\n", 200)+"Upgrade: websocket"), 431, "too large"},
		{"no HTTP at all", "SSH-2.0-OpenSSH\r\n\r\n", 400, "not a request"},
		{"target is no URI", change("/sap/bc/rfc?sap-apc-stateful=true", "sap"), 0, ""},
		{"bytes behind", goldenUpgrade + "\x82", 400, "bytes behind"},
		{"not Basic", change("Authorization: Basic REV", "Authorization: Basic !!!"), 400, "not HTTP Basic"},
		{"Basic without colon", change("REVWRUxPUEVSOmM0bmFyeS1TZWNyZXQ=", "REVW"), 400, "not HTTP Basic"},
		{"Negotiate", change("Authorization: Basic", "Authorization: Negotiate"), 401, "name or password"},
		{"CONNECT", "CONNECT abap.example:3300 HTTP/1.1\r\nHost: abap.example:3300\r\n\r\n", 404, "nothing here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				srv := plainServer()
				srv.Authorize = func(context.Context, *wsrfc.Caller) error { t.Error("asked"); return nil }
				resp, body, err := request(t, srv, tc.request)
				require.Error(t, err)
				silentAbout(t, err)
				if tc.status == 0 {
					require.Nil(t, resp)
					return
				}
				require.NotNil(t, resp, "%v", err)
				require.Equal(t, tc.status, resp.code, body)
				require.Contains(t, body, tc.text)
				require.NotContains(t, body, canary)
				require.True(t, resp.close, "Connection: close")
				switch tc.status {
				case 401:
					require.Equal(t, `Basic realm="SAP"`, resp.header.Get("WWW-Authenticate"))
				case 426:
					require.Equal(t, "13", resp.header.Get("Sec-WebSocket-Version"))
				}
			})
		})
	}
}

func TestAcceptAsksWhoIsThere(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		srv := plainServer()
		srv.Origins = []string{"https://good.example"}
		ask := func(err error, change func(string) string) (int, string, http.Header) {
			srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
				if err == nil {
					c.Establish("ALICE")
				}
				return err
			}
			resp, body, logged := request(t, srv, change(goldenUpgrade))
			if logged != nil {
				silentAbout(t, logged)
				require.ErrorIs(t, logged, err)
			}
			return resp.code, strings.TrimSpace(body), resp.header
		}
		same := func(s string) string { return s }
		wrong, unknown := errors.New("wrong password"), errors.New("unknown user")
		status, body, head := ask(wrong, same)
		status2, body2, head2 := ask(unknown, same)
		require.Equal(t, 401, status)
		require.Equal(t, fmt.Sprint(status, body, head), fmt.Sprint(status2, body2, head2), "a stranger learns nothing")
		status, body, head = ask(&wsrfc.Refusal{Status: 503, Text: "full", RetryAfter: 1500 * time.Millisecond}, same)
		require.Equal(t, "503 full 2", fmt.Sprint(status, " ", body, " ", head.Get("Retry-After")))
		status, _, _ = ask(nil, func(s string) string {
			return strings.Replace(s, "Upgrade: websocket", "Origin: https://good.example\r\nUpgrade: websocket", 1)
		})
		require.Equal(t, 101, status)
		srv.Authorize = nil
		resp, _, err := request(t, srv, goldenUpgrade)
		require.ErrorContains(t, err, "no Authorize")
		require.Equal(t, 401, resp.code)
	})
}

func TestCallerForgetsItsPassword(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client, server := pair(t, plainConfig(), plainServer())
		c := server.Caller()
		require.Empty(t, c.Password)
		require.Equal(t, "DEVELOPER", c.User)
		given, same := c.SameLogon("developer", canary)
		require.True(t, given && same, "names have no case")
		_, same = c.SameLogon("DEVELOPER", "other")
		require.False(t, same)
		_, same = c.SameLogon("OTHER", canary)
		require.False(t, same)
		client.Abort()
		server.Abort()
		cfg := plainConfig()
		cfg.User, cfg.Password = "", ""
		cfg.Token = func(context.Context) (wsrfc.Secret, error) { return canary, nil }
		srv := plainServer()
		srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
			if c.Token != canary {
				return errors.New("no token")
			}
			c.Establish("BOB")
			return nil
		}
		client, server = pair(t, cfg, srv)
		require.Empty(t, server.Caller().Token)
		given, _ = server.Caller().SameLogon("", "")
		require.False(t, given)
		user, number := server.Established()
		require.Equal(t, "BOB 001", user+" "+number)
		client.Abort()
		server.Abort()
	})
}

func TestBasicInBothCharacterSets(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for _, raw := range []string{"M\xdcLLER:p\xe4ss", "MÜLLER:päss"} {
			srv := plainServer()
			var got string
			srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
				got = c.User + ":" + c.Password.Reveal()
				return nil
			}
			_, _, err := request(t, srv, strings.Replace(goldenUpgrade, "REVWRUxPUEVSOmM0bmFyeS1TZWNyZXQ=", base64.StdEncoding.EncodeToString([]byte(raw)), 1))
			require.NoError(t, err)
			require.Equal(t, "MÜLLER:päss", got)
		}
	})
}

func TestAcceptIsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for n := range len(goldenUpgrade) {
			a, b := netfault.Pipe()
			_, err := io.WriteString(a, goldenUpgrade[:n])
			require.NoError(t, err)
			_ = a.Close()
			_, err = wsrfc.Accept(context.Background(), b, plainServer())
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
			silentAbout(t, err)
		}
	})
}

func TestF90SlowHandshakes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		for name, tc := range map[string]struct {
			srv  wsrfc.AcceptConfig
			send string
		}{"silence": {plainServer(), ""}, "half a head": {plainServer(), goldenUpgrade[:100]}, "silence in TLS": {ca.serverConfig(t), ""}, "half a hello": {ca.serverConfig(t), "\x16\x03\x01\x02\x00"}} {
			a, b := netfault.Pipe()
			_, err := io.WriteString(a, tc.send)
			require.NoError(t, err)
			start := time.Now()
			_, err = wsrfc.Accept(context.Background(), b, tc.srv)
			require.Error(t, err, name)
			require.Equal(t, wsrfc.DefaultHandshake, time.Since(start), name)
			_ = a.Close()
			// The server is told to stop.
			a, b = netfault.Pipe()
			mine := errors.New("shutting down")
			ctx, cancel := context.WithCancelCause(context.Background())
			go func() {
				pass(time.Second)
				cancel(mine)
			}()
			_, err = wsrfc.Accept(ctx, b, tc.srv)
			require.ErrorIs(t, err, mine)
			_ = a.Close()
		}
	})
}

func TestForeignClientsAreToldInTheirOwnWords(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		for _, tc := range []struct {
			name, send, answer, logged string
			srv                        wsrfc.AcceptConfig
		}{
			{"HTTP without TLS", goldenUpgrade, "HTTP/1.1 400 Bad Request\r\n", "this port speaks TLS", ca.serverConfig(t)},
			{"classic RFC", "\x00\x00\x00\x40\x02\x03\x00\x00" + strings.Repeat("\x00", 60), "this port speaks WebSocket RFC (jco.client.wshost, wsport), not classic RFC", "speaks SAP NI", ca.serverConfig(t)},
			{"classic RFC without TLS", "\x00\x00\x00\x40\x02\x03\x00\x00" + strings.Repeat("\x00", 60), "this port speaks WebSocket RFC", "HTTP/1.1", plainServer()},
			{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", "", "speaks SSH", ca.serverConfig(t)},
			{"TLS without TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTP/1.1 400 Bad Request\r\n", "16 03 01", plainServer()},
		} {
			a, b := netfault.Pipe()
			done := make(chan error, 1)
			go func() {
				_, err := wsrfc.Accept(context.Background(), b, tc.srv)
				done <- err
			}()
			_, err := io.WriteString(a, tc.send)
			require.NoError(t, err)
			_ = a.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			answer, _ := io.ReadAll(a)
			_ = a.Close()
			require.Contains(t, string(answer), tc.answer, tc.name)
			err = <-done
			require.ErrorContains(t, err, tc.logged, tc.name)
			silentAbout(t, err)
			if strings.HasPrefix(tc.name, "classic") {
				info, ok := ni.ParseErrorInfo(answer[ni.HeaderLength:])
				require.True(t, ok)
				require.Contains(t, info.Text, "WebSocket RFC")
			}
		}
		_, b := netfault.Pipe()
		_, err := wsrfc.Accept(context.Background(), b, wsrfc.AcceptConfig{})
		require.ErrorContains(t, err, "requires TLS")
	})
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	own := &tls.Config{MinVersion: tls.VersionTLS10}
	a := wsrfc.ServerTLS(own)
	require.Equal(t, uint16(tls.VersionTLS12), a.MinVersion)
	require.Equal(t, []string{"http/1.1"}, a.NextProtos)
	require.Equal(t, uint16(tls.VersionTLS10), own.MinVersion, "the argument is left alone")
	require.Same(t, a, wsrfc.ServerTLS(a), "a second time nothing is copied")
	a.MinVersion = tls.VersionTLS13
	require.Equal(t, uint16(tls.VersionTLS13), wsrfc.ServerTLS(a).MinVersion)
	var chosen *tls.Config
	own.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }
	b := wsrfc.ServerTLS(own)
	c, err := b.GetConfigForClient(nil)
	require.NoError(t, err)
	require.Nil(t, c)
	chosen = &tls.Config{NextProtos: []string{"h2"}}
	c, err = b.GetConfigForClient(nil)
	require.NoError(t, err)
	require.Equal(t, "[http/1.1] 771", fmt.Sprint(c.NextProtos, " ", c.MinVersion))
}

// mounted is a web server of the standard library with an upgrade in it.
func mounted(t *testing.T, cfg wsrfc.AcceptConfig, h2 bool) (*httptest.Server, chan error) {
	t.Helper()
	ended := make(chan error, 16)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wsrfc.Upgrade(w, r, cfg)
		if err == nil {
			err = echo(c)
		}
		ended <- err
	}))
	s.EnableHTTP2 = h2
	s.Config.ReadTimeout = time.Minute
	return s, ended
}

func TestUpgradeInsideAWebServer(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		srv := plainServer()
		srv.AllowPlain = !secure
		s, ended := mounted(t, srv, true)
		cfg := plainConfig()
		if secure {
			s.StartTLS()
			cfg.Plain, cfg.TLS = false, s.Client().Transport.(*http.Transport).TLSClientConfig //nolint:forcetypeassert // the standard library's
		} else {
			s.Start()
		}
		cfg.Host, cfg.Port, _ = net.SplitHostPort(s.Listener.Addr().String())
		cfg.Random = nil
		c, err := wsrfc.Dial(t.Context(), cfg)
		require.NoError(t, err)
		for _, n := range []int{1, 1000, 100_000, 1 << 20} {
			want := records(n)
			got, err := ask(t.Context(), c, want)
			require.NoError(t, err)
			requireEqualBytes(t, want, got)
		}
		require.NoError(t, c.Close())
		require.Equal(t, io.EOF, <-ended)
		s.Close()
	}
}

func TestUpgradeRefusesHTTP2AndPlainHTTP(t *testing.T) {
	t.Parallel()
	s, ended := mounted(t, plainServer(), true)
	s.StartTLS()
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	require.NoError(t, err)
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	require.Equal(t, 505, resp.StatusCode)
	require.Equal(t, 2, resp.ProtoMajor)
	require.Contains(t, string(body), "switch HTTP/2 off")
	require.ErrorContains(t, <-ended, "HTTP 505")

	srv := plainServer()
	srv.AllowPlain = false
	p, ended := mounted(t, srv, false)
	p.Start()
	defer p.Close()
	cfg := plainConfig()
	cfg.Host, cfg.Port, _ = net.SplitHostPort(p.Listener.Addr().String())
	_, err = wsrfc.Dial(t.Context(), cfg)
	problem(t, err, "denied")
	require.ErrorContains(t, <-ended, "requires TLS")
}

// Real sockets: the look at an idle connection costs one system call and no buffer.
func TestSocketsOfTheOperatingSystem(t *testing.T) {
	t.Parallel()
	cert, pool, err := wsrfc.SelfSigned()
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	served := make(chan *wsrfc.Conn, 1)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c, err := wsrfc.Accept(context.Background(), nc, wsrfc.AcceptConfig{
				TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Authorize: func(context.Context, *wsrfc.Caller) error { return nil },
			})
			if err != nil {
				t.Error(err)
				return
			}
			served <- c
			go func() { _ = echo(c) }()
		}
	}()
	cfg := wsrfc.Config{User: "U", Password: canary, Roots: pool, Keeper: &wsrfc.Keeper{Interval: 5 * time.Millisecond}}
	cfg.Host, cfg.Port, _ = net.SplitHostPort(l.Addr().String())
	for range 3 {
		c, err := wsrfc.Dial(t.Context(), cfg)
		require.NoError(t, err)
		server := <-served
		for n := range 50 {
			want := records(n * 100)
			got, err := ask(t.Context(), c, want)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		// The keeper answers a ping of an idle connection.
		_, before := server.Traffic()
		require.NoError(t, wsrfc.WritePing(server, []byte("there?")))
		require.Eventually(t, func() bool { _, now := server.Traffic(); return now > before }, 10*time.Second, time.Millisecond)
		_, err = ask(t.Context(), c, records(1))
		require.NoError(t, err)
		// It notices that the peer has gone.
		server.Abort()
		require.Eventually(t, func() bool { return !c.Usable() }, 10*time.Second, time.Millisecond)
		require.ErrorIs(t, c.Begin(t.Context()), io.ErrUnexpectedEOF)
	}
	// And without a keeper that is fast enough the next call does.
	cfg.Keeper = nil
	c, err := wsrfc.Dial(t.Context(), cfg)
	require.NoError(t, err)
	server := <-served
	_, err = ask(t.Context(), c, records(1))
	require.NoError(t, err)
	server.Abort()
	require.Eventually(t, func() bool {
		_, err := ask(t.Context(), c, records(1))
		return err != nil && c.BytesSent() == 0
	}, 10*time.Second, time.Millisecond)
	_ = c.Close()
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	cert, pool, err := wsrfc.SelfSigned("one.example", "192.0.2.1")
	require.NoError(t, err)
	require.Equal(t, []string{"one.example"}, cert.Leaf.DNSNames)
	require.Equal(t, "192.0.2.1", cert.Leaf.IPAddresses[0].String())
	require.Len(t, pool.Subjects(), 1) //nolint:staticcheck // made here
	require.False(t, bytes.Equal(cert.Leaf.RawSubject, nil))
}

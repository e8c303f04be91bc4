package wsrfc_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/wsrfc"
)

// The request of spec 13 section 3.2, with the key of RFC 6455 section 1.3.
const goldenUpgrade = "GET /sap/bc/rfc?sap-apc-stateful=true HTTP/1.1\r\n" +
	"Host: abap.example:8000\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Protocol: rfc.sap.com\r\n" +
	"sap-client: 001\r\n" +
	"sap-language: EN\r\n" +
	"sap-rfc-subtype: sync\r\n" +
	"sap-rfc-options: rfc-delta=off\r\n" +
	"sap-session-priority: high\r\n" +
	"Authorization: Basic REVWRUxPUEVSOmM0bmFyeS1TZWNyZXQ=\r\n\r\n"

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: rfc.sap.com\r\n\r\n"

// script is a server that reads one request after the other and answers what it is told. It
// returns what it was asked, and hangs up behind the last answer.
func script(t testing.TB, answers ...string) (net.Conn, func() []string) {
	t.Helper()
	client, server := netfault.Pipe()
	asked := make(chan []string, 1)
	go func() {
		defer func() { _ = server.Close() }()
		var list []string
		r := bufio.NewReader(server)
		for _, answer := range answers {
			head := readHead(r)
			if head == "" {
				break
			}
			list = append(list, head)
			if _, err := io.WriteString(server, answer); err != nil {
				break
			}
		}
		asked <- list
	}()
	return client, func() []string { return <-asked }
}

func readHead(r *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return ""
		}
		head.WriteString(line)
		if line == "\r\n" {
			return head.String()
		}
	}
}

func TestUpgradeRequestIsThatOfSpec13(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		nc, asked := script(t, switching)
		c, err := wsrfc.Open(context.Background(), nc, plainConfig())
		require.NoError(t, err)
		require.Equal(t, []string{goldenUpgrade}, asked())
		require.True(t, c.Info().Subprotocol)
		require.Equal(t, wsrfc.DefaultPath, c.Info().Path)
		require.Regexp(t, `^W\d{7}$`, c.ID())
		c.Abort()
	})
}

func TestUpgradeRequestLeavesOutWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		nc, asked := script(t, switching)
		cfg := plainConfig()
		cfg.Client, cfg.Language, cfg.User, cfg.Password, cfg.Port, cfg.Path = "", "", "", "", "80", "/other"
		cfg.Token = func(context.Context) (wsrfc.Secret, error) { return "header." + canary, nil }
		cfg.Headers = func(context.Context) (http.Header, error) {
			return http.Header{"X-Own": {"a\r\nInjected: b"}}, nil
		}
		c, err := wsrfc.Open(context.Background(), nc, cfg)
		require.NoError(t, err)
		want := strings.NewReplacer("sap-client: 001\r\n", "", "sap-language: EN\r\n", "", "abap.example:8000", "abap.example", wsrfc.DefaultPath, "/other",
			"Authorization: Basic REVWRUxPUEVSOmM0bmFyeS1TZWNyZXQ=\r\n", "Authorization: Bearer header.c4nary-Secret\r\nX-Own: a  Injected: b\r\n").Replace(goldenUpgrade)
		require.Equal(t, []string{want}, asked())
		c.Abort()
	})
}

func TestBasicIsLatin1(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		nc, asked := script(t, switching)
		cfg := plainConfig()
		cfg.User, cfg.Password = "MÜLLER", "pässword"
		c, err := wsrfc.Open(context.Background(), nc, cfg)
		require.NoError(t, err)
		require.Contains(t, asked()[0], "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("M\xdcLLER:p\xe4ssword"))+"\r\n")
		c.Abort()
	})
}

func TestFirstFrameMayComeWithTheHead(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		want := records(20)
		nc, _ := script(t, switching+"\x82"+string([]byte{byte(len(want))})+string(want))
		c, err := wsrfc.Open(context.Background(), nc, plainConfig())
		require.NoError(t, err)
		require.ErrorIs(t, c.Begin(context.Background()), wire.ErrMalformed, "nobody asked for it")
		c.Abort()
		nc, _ = script(t, switching+"\x88\x02\x03\xe9")
		c, err = wsrfc.Open(context.Background(), nc, plainConfig())
		require.NoError(t, err)
		var e *wsrfc.CloseError
		require.ErrorAs(t, c.Begin(context.Background()), &e)
		require.Equal(t, 1001, e.Code)
		c.Abort()
	})
}

func TestF31StatusOfTheUpgrade(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		class  string
		text   string
	}{
		{401, "logon", "name or password is incorrect"},
		{403, "denied", "ICF node"},
		{404, "communication", "not active"},
		{407, "security", "a proxy in between"},
		{400, "communication", "did not switch"},
		{426, "communication", "did not switch"},
		{200, "communication", "did not switch"},
		{429, "resource", "no room"},
		{500, "communication", "did not switch"},
		{502, "communication", "did not switch"},
		{503, "resource", "no room"},
		{302, "communication", "it names no target"},
	} {
		t.Run(fmt.Sprint(tc.status), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				nc, asked := script(t, fmt.Sprintf("HTTP/1.1 %d The Reason\r\nWWW-Authenticate: Basic realm=%q\r\nSet-Cookie: %s\r\nContent-Length: 0\r\n\r\n", tc.status, canary, canary), switching)
				_, err := wsrfc.Open(context.Background(), nc, plainConfig())
				e := problem(t, err, tc.class)
				require.Equal(t, "upgrade", e.step)
				require.True(t, e.remote)
				require.ErrorContains(t, err, tc.text)
				require.ErrorContains(t, err, fmt.Sprintf("HTTP %d", tc.status))
				var w *wsrfc.Error
				require.ErrorAs(t, err, &w)
				require.Equal(t, tc.status, w.Status)
				require.Len(t, asked(), 1, "no second attempt")
			})
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	moved := func(status int, location, rest string) string {
		return fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\n%s", status, location, rest)
	}
	second := strings.Replace(switching, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", secondAccept, 1)
	for _, tc := range []struct {
		name    string
		answers []string
		path    string // of the second request; empty: it is an error
		text    string
	}{
		{"301 to a path", []string{moved(301, "/other?x=1", "Content-Length: 5\r\n\r\nhello"), second}, "/other?x=1", ""},
		{"302 to a full address", []string{moved(302, "http://ABAP.example:8000/other", "Content-Length: 0\r\n\r\n"), second}, "/other", ""},
		{"307 to ws", []string{moved(307, "ws://abap.example:8000/other", "Content-Length: 0\r\n\r\n"), second}, "/other", ""},
		{"308 chunked", []string{moved(308, "//abap.example:8000/other", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), second}, "/other", ""},
		{"relative", []string{moved(307, "other", "Content-Length: 0\r\n\r\n"), second}, "/other", ""},
		{"twice", []string{moved(307, "/b", "Content-Length: 0\r\n\r\n"), moved(307, "/c", "Content-Length: 0\r\n\r\n"), second}, "", "second one"},
		{"another host", []string{moved(302, "http://evil.example:8000/"+canary, "Content-Length: 0\r\n\r\n"), second}, "", `another server, "http://evil.example:8000"`},
		{"another port", []string{moved(302, "http://abap.example:8001/", "Content-Length: 0\r\n\r\n"), second}, "", "another server"},
		{"another scheme", []string{moved(302, "https://abap.example:8000/", "Content-Length: 0\r\n\r\n"), second}, "", "another server"},
		{"file", []string{moved(302, "file:///etc/passwd", "Content-Length: 0\r\n\r\n"), second}, "", "another server"},
		{"with a user", []string{moved(302, "http://a:"+canary+"@abap.example:8000/", "Content-Length: 0\r\n\r\n"), second}, "", "another server"},
		{"no address", []string{moved(302, "http://%zz/", "Content-Length: 0\r\n\r\n"), second}, "", "no URL"},
		{"two targets", []string{moved(302, "/a", "Location: /b\r\nContent-Length: 0\r\n\r\n"), second}, "", "want the field once"},
		{"body without length", []string{moved(302, "/a", "\r\nhello"), second}, "", "length of its body"},
		{"body above the limit", []string{moved(302, "/a", "Content-Length: 65537\r\n\r\n"), second}, "", "length of its body"},
		{"body longer than it says", []string{moved(302, "/a", "Content-Length: 2\r\n\r\nhello"), second}, "", "longer than it says"},
		{"negative length", []string{moved(302, "/a", "Content-Length: -1\r\n\r\n"), second}, "", "length of its body"},
		{"two lengths", []string{moved(302, "/a", "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"), second}, "", "want the field once"},
		{"length and chunks", []string{moved(302, "/a", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), second}, "", "length of its body"},
		{"bad chunk", []string{moved(302, "/a", "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), second}, "", "its body"},
		{"endless chunks", []string{moved(302, "/a", "Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat("fff\r\n"+strings.Repeat("x", 0xfff)+"\r\n", 17)), second}, "", "more than 65536 bytes"},
		{"end of the connection", []string{moved(302, "/a", "Connection: close\r\nContent-Length: 0\r\n\r\n"), second}, "", "ends the connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				nc, asked := script(t, tc.answers...)
				cfg := plainConfig()
				keys := []string{"the sample nonce", "another nonce..."}
				cfg.Random = func(b []byte) { copy(b, keys[0]); keys = append(keys[1:], keys[0]) }
				c, err := wsrfc.Open(context.Background(), nc, cfg)
				if tc.path == "" {
					problem(t, err, "communication")
					require.ErrorContains(t, err, tc.text)
					require.Len(t, asked(), len(tc.answers)-1)
					return
				}
				require.NoError(t, err)
				requests := asked()
				require.Len(t, requests, 2)
				require.Equal(t, goldenUpgrade, requests[0])
				require.Equal(t, strings.NewReplacer(wsrfc.DefaultPath, tc.path, "dGhlIHNhbXBsZSBub25jZQ==", base64.StdEncoding.EncodeToString([]byte("another nonce..."))).Replace(goldenUpgrade), requests[1], "a new key")
				require.True(t, c.Info().Redirected)
				require.Equal(t, tc.path, c.Info().Path)
				c.Abort()
			})
		})
	}
}

// secondAccept answers the second key of TestRedirects.
var secondAccept = acceptOf("another nonce...")

func acceptOf(nonce string) string {
	sum := sha1.Sum([]byte(base64.StdEncoding.EncodeToString([]byte(nonce)) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestF32B124AnswersThatAreNoUpgrade(t *testing.T) {
	t.Parallel()
	change := func(old, repl string) string {
		require.Contains(t, switching, old)
		return strings.Replace(switching, old, repl, 1)
	}
	for _, tc := range []struct {
		name, answer string
		strict       bool
		class        string
		text         string
	}{
		{"wrong accept", change("s3pP", "S3pP"), false, "protocol", "Sec-WebSocket-Accept"},
		{"no accept", change("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ""), false, "protocol", "Sec-WebSocket-Accept"},
		{"two accepts", change("Sec-WebSocket-Protocol", "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol"), false, "protocol", "want the field once"},
		{"another sub-protocol", change("rfc.sap.com", "chat"), false, "protocol", `want rfc.sap.com, got "chat"`},
		{"no sub-protocol", change("Sec-WebSocket-Protocol: rfc.sap.com\r\n", ""), true, "protocol", "want rfc.sap.com, got none"},
		{"compression", change("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), false, "protocol", "none was offered"},
		{"duplicate Upgrade", change("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"), false, "protocol", "want the field once"},
		{"no Upgrade", change("Upgrade: websocket\r\n", ""), false, "protocol", "Upgrade"},
		{"h2c", change("Upgrade: websocket", "Upgrade: h2c"), false, "protocol", "Upgrade"},
		{"no Connection", change("Connection: Upgrade\r\n", ""), false, "protocol", "Connection"},
		{"folded line", change("Upgrade: websocket", "Upgrade:\r\n websocket"), false, "protocol", "no folded lines"},
		{"1 MB header", change("\r\n\r\n", "\r\nX: "+strings.Repeat("y", 1<<20)+"\r\n\r\n"), false, "limit", "at most 16384 bytes"},
		{"10,000 headers", change("\r\n\r\n", "\r\n"+strings.Repeat("X: y\r\n", 10_000)+"\r\n"), false, "limit", "at most 16384 bytes"},
		{"200 headers", change("\r\n\r\n", "\r\n"+strings.Repeat("X: y\r\n", 200)+"\r\n"), false, "limit", "at most 128 header fields"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false, "protocol", "status line"},
		{"SSH banner", "SSH-2.0-OpenSSH_9.6\r\n\r\n", false, "protocol", "speaks SSH"},
		{"SAP NI", "\x00\x00\x00\x40\x02\x03\x00\x00", false, "protocol", "speaks SAP NI"},
		{"TLS alert", "\x15\x03\x01\x00\x02\x02\x46", false, "protocol", "speaks TLS"},
		{"nothing", "", false, "communication", "closed the connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				nc, asked := script(t, tc.answer)
				cfg := plainConfig()
				cfg.RequireSubprotocol = tc.strict
				_, err := wsrfc.Open(context.Background(), nc, cfg)
				e := problem(t, err, tc.class)
				require.Equal(t, "upgrade", e.step)
				require.ErrorContains(t, err, tc.text)
				require.LessOrEqual(t, len(asked()), 1)
			})
		})
	}
	bubble(t, func(t *testing.T) {
		nc, _ := script(t, change("Sec-WebSocket-Protocol: rfc.sap.com\r\n", ""))
		c, err := wsrfc.Open(context.Background(), nc, plainConfig())
		require.NoError(t, err, "silence about the sub-protocol is tolerated")
		require.False(t, c.Info().Subprotocol)
		c.Abort()
	})
}

func TestUpgradeCutAtEveryByte(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for n := range len(switching) {
			nc, _ := script(t, switching[:n])
			_, err := wsrfc.Open(context.Background(), nc, plainConfig())
			problem(t, err, "communication")
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
		}
		for n := range len(goldenUpgrade) {
			client, server := netfault.Pipe()
			_, err := wsrfc.Open(context.Background(), netfault.New(client, netfault.Faults{CutWriteAfter: int64(n), MaxWrite: 7}), plainConfig())
			if n > 0 { // zero means no fault there
				problem(t, err, "communication")
			} else {
				_ = server.Close()
			}
			_ = server.Close()
		}
	})
}

func TestUpgradeThatNeverEnds(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"silence": "", "half a head": switching[:60]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				client, server := netfault.Pipe()
				defer func() { _ = server.Close() }()
				_, err := io.WriteString(server, answer)
				require.NoError(t, err)
				start := time.Now()
				_, err = wsrfc.Open(context.Background(), client, plainConfig())
				e := problem(t, err, "timeout")
				require.Equal(t, wsrfc.DefaultTimeout, time.Since(start))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, "upgrade", e.step)

				client, server = netfault.Pipe()
				ctx, cancel := context.WithCancelCause(context.Background())
				mine := errors.New("my reason")
				go func() {
					pass(time.Second)
					cancel(mine)
				}()
				start = time.Now()
				_, err = wsrfc.Open(ctx, client, plainConfig())
				problem(t, err, "canceled")
				require.ErrorIs(t, err, mine)
				require.Equal(t, time.Second, time.Since(start))
				_ = server.Close()

				client, server = netfault.Pipe()
				_, err = wsrfc.Open(ctx, client, plainConfig())
				require.ErrorIs(t, err, mine, "nothing is sent with a context that has ended")
				_, err = server.Read(make([]byte, 1))
				require.Equal(t, io.EOF, err)
				_ = server.Close()
			})
		})
	}
}

func TestSilenceAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"proxy", "tls", "upgrade"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				ca := newAuthority(t, "ca")
				cfg := ca.config()
				server := &tls.Config{Certificates: []tls.Certificate{ca.server(t, host)}}
				try := func(ctx context.Context) error {
					a, b := netfault.Pipe()
					defer func() { _ = b.Close() }()
					switch step {
					case "proxy":
						cfg.Proxy = wsrfc.Proxy{Host: "p", Port: "1"}
					case "upgrade":
						go func() { _ = tls.Server(b, server).Handshake() }()
					}
					_, err := wsrfc.Open(ctx, a, cfg)
					return err
				}
				start := time.Now()
				e := problem(t, try(context.Background()), "timeout")
				require.Equal(t, step, e.step)
				require.Equal(t, wsrfc.DefaultTimeout, time.Since(start))
				mine := errors.New("my reason")
				ctx, cancel := context.WithCancelCause(context.Background())
				go func() {
					pass(time.Second)
					cancel(mine)
				}()
				e = problem(t, try(ctx), "canceled")
				require.ErrorIs(t, e.error, mine)
				require.Equal(t, step, e.step)
			})
		})
	}
}

func TestHeadersThatAreSetAlready(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"authorization", "Host", "sec-websocket-key", "Sec-Websocket-Protocol", "SAP-Client", "upgrade"} {
		nc, asked := script(t, switching)
		cfg := plainConfig()
		cfg.Headers = func(context.Context) (http.Header, error) { return http.Header{name: {canary}}, nil }
		_, err := wsrfc.Open(t.Context(), nc, cfg)
		problem(t, err, "configuration")
		require.ErrorContains(t, err, "is set already", name)
		require.Empty(t, asked())
	}
	nc, _ := script(t, switching)
	cfg := plainConfig()
	cfg.Headers = func(context.Context) (http.Header, error) { return nil, errors.New("no ticket") }
	_, err := wsrfc.Open(t.Context(), nc, cfg)
	problem(t, err, "logon")
}

func TestBearerTokensThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]func(context.Context) (wsrfc.Secret, error){
		"empty":      func(context.Context) (wsrfc.Secret, error) { return "", nil },
		"line break": func(context.Context) (wsrfc.Secret, error) { return canary + "\r\nX: y", nil },
		"blank":      func(context.Context) (wsrfc.Secret, error) { return canary + " " + canary, nil },
		"error":      func(context.Context) (wsrfc.Secret, error) { return canary, errors.New("the token service is down") },
	} {
		nc, _ := script(t)
		cfg := plainConfig()
		cfg.User, cfg.Password, cfg.Token = "", "", token
		_, err := wsrfc.Open(t.Context(), nc, cfg)
		problem(t, err, "logon")
		require.ErrorContains(t, err, "bearer token", name)
	}
}

// tlsScript is a server with a certificate of its own.
func tlsScript(t testing.TB, cfg *tls.Config, serve func(c *tls.Conn)) net.Conn {
	t.Helper()
	client, server := netfault.Pipe()
	go func() {
		defer func() { _ = server.Close() }()
		c := tls.Server(server, cfg)
		if c.Handshake() == nil && serve != nil {
			serve(c)
		}
	}()
	return client
}

func TestF27CertificatesThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
		cert := func(change func(*x509.Certificate)) tls.Certificate {
			c := template(host)
			c.DNSNames, c.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			change(c)
			return ca.sign(t, c, newKey(t))
		}
		for name, tc := range map[string]struct {
			cert tls.Certificate
			text string
		}{
			"untrusted authority": {other.server(t, host), "an authority that is not trusted"},
			"wrong host":          {ca.server(t, "other.example"), "is not for abap.example"},
			"expired": {cert(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
			}), "is valid from 1998-01-01 to 1999-01-01"},
			"not yet valid": {cert(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = time.Now().AddDate(1, 0, 0), time.Now().AddDate(2, 0, 0)
			}), "is valid from 2001-01-01"},
			"for clients": {cert(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "is not valid"},
		} {
			_, err := wsrfc.Open(context.Background(), tlsScript(t, &tls.Config{Certificates: []tls.Certificate{tc.cert}}, nil), ca.config())
			e := problem(t, err, "security")
			require.Equal(t, "tls", e.step, name)
			require.ErrorContains(t, err, tc.text, name)
		}
	})
}

func TestTrustAllAndPlainWarnEachTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var log strings.Builder
		logger := slog.New(slog.NewTextHandler(&log, nil))
		ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
		for range 2 {
			cfg := ca.config()
			cfg.TrustAll, cfg.AllowInsecureTLS, cfg.Logger = true, true, logger
			srv := ca.serverConfig(t)
			srv.TLS.Certificates = []tls.Certificate{other.server(t, "elsewhere")}
			client, server := pair(t, cfg, srv)
			client.Abort()
			server.Abort()
			plain := plainConfig()
			plain.Logger = logger
			client, server = pair(t, plain, plainServer())
			client.Abort()
			server.Abort()
		}
		require.Equal(t, 2, strings.Count(log.String(), "tls_trust_all"), log.String())
		require.Equal(t, 2, strings.Count(log.String(), "clear text"), log.String())
		require.Contains(t, log.String(), "level=WARN")
		require.NotContains(t, log.String(), canary)
	})
}

func TestF28OldTLS(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		old := &tls.Config{Certificates: []tls.Certificate{ca.server(t, host)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		_, err := wsrfc.Open(context.Background(), tlsScript(t, old, nil), ca.config())
		problem(t, err, "security")
		require.ErrorContains(t, err, "version")
		// The serving side refuses an old client.
		client, server := netfault.Pipe()
		go func() {
			defer func() { _ = client.Close() }()
			_ = tls.Client(client, &tls.Config{RootCAs: ca.pool, ServerName: host, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		}()
		_, err = wsrfc.Accept(context.Background(), server, ca.serverConfig(t))
		require.ErrorContains(t, err, "version")
		cfg := ca.config()
		cfg.MinTLS = tls.VersionTLS13
		srv := ca.serverConfig(t)
		srv.TLS.MaxVersion = tls.VersionTLS12
		a, b := netfault.Pipe()
		go func() { _, _ = wsrfc.Accept(context.Background(), b, srv) }()
		_, err = wsrfc.Open(context.Background(), a, cfg)
		problem(t, err, "security")
	})
}

func TestTLS12AndHTTP1(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		srv := ca.serverConfig(t)
		srv.TLS.MaxVersion = tls.VersionTLS12
		srv.TLS.NextProtos = []string{"h2", "http/1.1"}
		cfg := ca.config()
		cfg.TLS = &tls.Config{NextProtos: []string{"h2"}}
		client, server := pair(t, cfg, srv)
		require.Equal(t, uint16(tls.VersionTLS12), client.Info().TLS.Version)
		require.Equal(t, "http/1.1", client.Info().TLS.NegotiatedProtocol)
		require.Equal(t, host, server.Caller().TLS.ServerName, "SNI")
		client.Abort()
		server.Abort()
		// A client that insists on HTTP/2 gets an alert.
		a, b := netfault.Pipe()
		go func() { _, _ = wsrfc.Accept(context.Background(), b, ca.serverConfig(t)) }()
		err := tls.Client(a, &tls.Config{RootCAs: ca.pool, ServerName: host, NextProtos: []string{"h2"}}).Handshake()
		require.ErrorContains(t, err, "no application protocol")
		_ = a.Close()
	})
}

func TestF29ClientCertificates(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca, users, strangers := newAuthority(t, "ca"), newAuthority(t, "users"), newAuthority(t, "strangers")
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			srv := ca.serverConfig(t)
			srv.TLS.ClientAuth, srv.TLS.ClientCAs, srv.TLS.MaxVersion = tls.RequireAndVerifyClientCert, users.pool, version
			srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
				c.Establish(c.Certificate.Subject.CommonName)
				return nil
			}
			try := func(cert *tls.Certificate) (*wsrfc.Conn, *wsrfc.Conn, error) {
				cfg := ca.config()
				cfg.User, cfg.Password, cfg.CertificateLogon, cfg.Certificate = "", "", true, cert
				if cert == nil {
					cfg.CertificateLogon, cfg.User, cfg.Password = false, "DEVELOPER", canary
				}
				a, b := netfault.Pipe()
				var server *wsrfc.Conn
				done := make(chan struct{})
				go func() {
					defer close(done)
					server, _ = wsrfc.Accept(context.Background(), b, srv)
				}()
				client, err := wsrfc.Open(context.Background(), a, cfg)
				<-done
				return client, server, err
			}
			good, stranger := users.client(t, "ALICE"), strangers.client(t, "MALLORY")
			client, server, err := try(&good)
			require.NoError(t, err)
			require.True(t, client.Info().CertificateAsked)
			user, number := server.Established()
			require.Equal(t, "ALICE 001", user+" "+number)
			client.Abort()
			server.Abort()
			_, _, err = try(&stranger)
			e := problem(t, err, "logon")
			require.Equal(t, "tls", e.step)
			require.ErrorContains(t, err, "refused the client certificate")
			_, _, err = try(nil)
			problem(t, err, "logon")
			require.ErrorContains(t, err, "demands a client certificate")
		}
	})
}

func TestF30HandshakeCutAtEveryRecord(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		srv, cfg := ca.serverConfig(t), ca.config()
		srv.TLS = wsrfc.ServerTLS(srv.TLS)
		// How many bytes either side reads until the WebSocket stands.
		a, b := netfault.Pipe()
		counted := netfault.New(a, netfault.Faults{})
		client, server := over(t, counted, b, cfg, srv)
		read, written := counted.Counts()
		client.Abort()
		server.Abort()
		cut := func(f netfault.Faults) {
			a, b := netfault.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := wsrfc.Accept(context.Background(), b, srv); err == nil {
					c.Abort()
				}
			}()
			c, err := wsrfc.Open(context.Background(), netfault.New(a, f), cfg)
			if err == nil { // sizes of keys and tickets vary by a few bytes
				c.Abort()
			} else {
				problem(t, err, "communication")
			}
			_ = a.Close()
			<-done
		}
		for n := int64(1); n < read; n += 29 {
			cut(netfault.Faults{CutReadAfter: n})
		}
		for n := int64(1); n < written; n += 29 {
			cut(netfault.Faults{CutWriteAfter: n})
		}
		cut(netfault.Faults{CutReadAfter: -1})
	})
}

func TestHandshakeInPieces(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		a, b := netfault.Pipe()
		client, server := over(t, netfault.New(a, netfault.Faults{MaxRead: 1, MaxWrite: 3}), netfault.New(b, netfault.Faults{MaxRead: 2, MaxWrite: 1}), ca.config(), ca.serverConfig(t))
		go func() { _ = echo(server) }()
		want := records(5000)
		got, err := ask(context.Background(), client, want)
		require.NoError(t, err)
		requireEqualBytes(t, want, got)
		require.NoError(t, client.Close())
	})
}

func TestForeignPeersOnTheTLSPortAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bytes, text string
		class       string
	}{
		"HTTP":         {"HTTP/1.1 400 Bad Request\r\n\r\n", "the peer speaks HTTP, not TLS", "protocol"},
		"SSH":          {"SSH-2.0-OpenSSH_9.6\r\n", "the peer speaks SSH, not TLS", "protocol"},
		"SMTP":         {"220 mail.example ESMTP\r\n", "the peer speaks SMTP or FTP", "protocol"},
		"gateway":      {string(niError()), "the peer speaks SAP NI, not TLS: this is a gateway", "protocol"},
		"something":    {"hello, who is there?", "does not speak TLS (first bytes 68 65 6c", "protocol"},
		"hangs up":     {"", "is jco.client.wsport an HTTPS port, not 33NN of a gateway?", "communication"},
		"half a reply": {"\x16\x03\x03\x00\x10", "TLS handshake with abap.example", "communication"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				client, server := netfault.Pipe()
				go func() {
					_, _ = server.Read(make([]byte, 4096))
					_, _ = io.WriteString(server, tc.bytes)
					_ = server.Close()
				}()
				cfg := newAuthority(t, "ca").config()
				_, err := wsrfc.Open(context.Background(), client, cfg)
				problem(t, err, tc.class)
				require.ErrorContains(t, err, tc.text)
			})
		})
	}
}

func niError() []byte {
	info := ni.ErrorInfo{Text: "illegal client", ReturnCode: "-1", Component: "gateway", Version: "1"}
	payload, err := info.AppendBinary(nil)
	if err != nil {
		panic(err)
	}
	return ni.AppendRecord(nil, payload)
}

func TestProxy(t *testing.T) {
	t.Parallel()
	proxied := func(ca *authority) wsrfc.Config {
		cfg := ca.config()
		cfg.Proxy = wsrfc.Proxy{Host: "proxy.example", Port: "3128", User: "me", Password: canary}
		return cfg
	}
	const connect = "CONNECT abap.example:44300 HTTP/1.1\r\nHost: abap.example:44300\r\nProxy-Authorization: Basic bWU6YzRuYXJ5LVNlY3JldA==\r\n\r\n"
	t.Run("tunnel", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			ca := newAuthority(t, "ca")
			var dialled string
			asked := make(chan string, 1)
			cfg := proxied(ca)
			var steps []string
			cfg.Progress = func(step string) { steps = append(steps, step) }
			cfg.DialContext = func(_ context.Context, network, address string) (net.Conn, error) {
				dialled = network + " " + address
				a, b := netfault.Pipe()
				go func() {
					buf := make([]byte, len(connect))
					_, _ = io.ReadFull(b, buf)
					asked <- string(buf)
					_, _ = io.WriteString(b, "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
					if c, err := wsrfc.Accept(context.Background(), b, ca.serverConfig(t)); err == nil {
						_ = echo(c)
					}
				}()
				return a, nil
			}
			c, err := wsrfc.Dial(context.Background(), cfg)
			require.NoError(t, err)
			require.Equal(t, connect, <-asked)
			require.Equal(t, "tcp proxy.example:3128", dialled)
			require.Equal(t, []string{"proxy", "tls", "upgrade"}, steps)
			_, err = ask(context.Background(), c, records(10))
			require.NoError(t, err)
			require.NoError(t, c.Close())
		})
	})
	for name, tc := range map[string]struct {
		answer string
		class  string
		text   string
	}{
		"407":               {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: " + canary + "\r\n\r\n", "security", "the proxy wants a user and password"},
		"403":               {"HTTP/1.1 403 Forbidden\r\n\r\n", "denied", "does not allow a tunnel to abap.example:44300"},
		"502":               {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "communication", "opened no tunnel to abap.example:44300 (HTTP 502 Bad Gateway)"},
		"302":               {"HTTP/1.1 302 Found\r\nLocation: https://x/\r\n\r\n", "communication", "opened no tunnel"},
		"too much":          {"HTTP/1.1 200 OK\r\n\r\n\x16", "protocol", "silence until TLS starts"},
		"no HTTP":           {"SSH-2.0-x\r\n\r\n", "protocol", "speaks SSH"},
		"TLS":               {"\x15\x03\x01\x00\x02\x02\x28", "protocol", "speaks TLS"},
		"hangs up":          {"", "communication", "closed the connection"},
		"cut":               {"HTTP/1.1 200 OK\r\n", "communication", "truncated"},
		"1 MB header":       {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "limit", "16384"},
		"target is no peer": {"HTTP/1.1 200 OK\r\n\r\n", "communication", "TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				nc, asked := script(t, tc.answer)
				_, err := wsrfc.Open(context.Background(), nc, proxied(newAuthority(t, "ca")))
				e := problem(t, err, tc.class)
				require.ErrorContains(t, err, tc.text)
				if name != "target is no peer" {
					require.Equal(t, "proxy", e.step)
				}
				require.Equal(t, []string{connect}, asked())
			})
		})
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	cfg := plainConfig()
	boom := errors.New("no route")
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, boom }
	_, err := wsrfc.Dial(t.Context(), cfg)
	e := problem(t, err, "communication")
	require.Equal(t, "tcp", e.step)
	require.ErrorIs(t, err, boom)
	require.ErrorContains(t, err, "partner 'abap.example:8000' not reached")
	// F-08: the proxy is down.
	proxied := cfg
	proxied.Proxy = wsrfc.Proxy{Host: "proxy.example", Port: "3128"}
	_, err = wsrfc.Dial(t.Context(), proxied)
	require.Equal(t, "proxy", problem(t, err, "communication").step)
	require.ErrorContains(t, err, "proxy 'proxy.example:3128' not reached")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, ctx.Err() }
	_, err = wsrfc.Dial(ctx, cfg)
	problem(t, err, "canceled")
	_, err = wsrfc.Dial(nil, cfg) //nolint:staticcheck // the mistake
	require.ErrorContains(t, err, "nil context")
	_, err = wsrfc.Dial(t.Context(), wsrfc.Config{})
	problem(t, err, "configuration")
	nc, _ := netfault.Pipe()
	_, err = wsrfc.Open(t.Context(), nc, wsrfc.Config{})
	problem(t, err, "configuration")
	_, err = nc.Write([]byte{1})
	require.ErrorIs(t, err, net.ErrClosed)
	nc, _ = netfault.Pipe()
	_, err = wsrfc.Open(nil, nc, cfg) //nolint:staticcheck // the mistake
	require.ErrorContains(t, err, "nil context")
}

// turns counts how often a side that has written waits for the other.
type turns struct {
	net.Conn
	wrote bool
	count int
}

func (c *turns) Write(p []byte) (int, error) {
	c.wrote = true
	return c.Conn.Write(p)
}

func (c *turns) Read(p []byte) (int, error) {
	if c.wrote {
		c.wrote = false
		c.count++
	}
	return c.Conn.Read(p)
}

// G29: four round trips to an open connection; the first is TCP's own.
func TestG29RoundTripsToOpen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		a, b := netfault.Pipe()
		counted := &turns{Conn: a}
		client, server := over(t, counted, b, ca.config(), ca.serverConfig(t))
		require.Equal(t, 2, counted.count, "TLS and upgrade")
		go func() { _ = echo(server) }()
		_, err := ask(context.Background(), client, records(200))
		require.NoError(t, err)
		require.Equal(t, 1+3, 1+counted.count, "TCP, TLS, upgrade, LOGON")
		require.NoError(t, client.Close())
	})
}

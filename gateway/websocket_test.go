package gateway_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

var (
	_ rfc.Conversation       = (*wsrfc.Conn)(nil)
	_ rfc.ServerConversation = (*wsrfc.Conn)(nil)
)

// webHost is a server of WebSocket RFC under test, beside classic RFC.
type webHost struct {
	*host

	web  *listener
	cfg  wsrfc.Config
	logs *lockedBuffer
}

// lockedBuffer takes logs from many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
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

// serveWeb runs f in a bubble with a server of both kinds and a certificate of its own.
func serveWeb(t *testing.T, srv *gateway.Server, f func(t *testing.T, h *webHost)) {
	t.Helper()
	serveWebWith(t, srv, func() {}, f)
}

// serveWebWith calls prepare in the bubble before anything is served.
func serveWebWith(t *testing.T, srv *gateway.Server, prepare func(), f func(t *testing.T, h *webHost)) {
	t.Helper()
	logs := new(lockedBuffer)
	srv.Logger = slog.New(slog.NewTextHandler(logs, nil))
	serve(t, srv, func(t *testing.T, h *host) {
		cert, roots, err := wsrfc.SelfSigned("abap.example")
		require.NoError(t, err)
		if srv.WebSocket.TLS == nil {
			srv.WebSocket.TLS = new(tls.Config)
		}
		prepare()
		srv.WebSocket.TLS.Certificates = []tls.Certificate{cert}
		w := &webHost{host: h, logs: logs, web: &listener{conns: make(chan net.Conn), done: make(chan struct{})}, cfg: wsrfc.Config{
			Host: "abap.example", Port: "44300", Client: "001", Language: "EN", User: "Developer", Password: "Example-Pass1", Roots: roots, Keeper: new(wsrfc.Keeper),
		}}
		w.cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return w.dialWeb("192.0.2.7"), nil }
		var group sync.WaitGroup
		group.Go(func() {
			if err := srv.ServeWebSocket(w.web); !errors.Is(err, gateway.ErrServerClosed) {
				t.Errorf("ServeWebSocket: %v", err)
			}
		})
		defer func() {
			_ = srv.Close()
			group.Wait()
			require.NotContains(t, logs.String(), "Example-Pass1")
		}()
		f(t, w)
	})
}

func (h *webHost) dialWeb(from string) net.Conn {
	plain := &host{l: h.web}
	return plain.dial(from)
}

// conv opens a conversation that says what it is told.
func (h *webHost) conv(t testing.TB, cfg wsrfc.Config) *wsrfc.Conn {
	t.Helper()
	c, err := wsrfc.Dial(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(c.Abort)
	return c
}

// open logs on.
func (h *webHost) open(cfg wsrfc.Config, logon rfc.Logon) (*rfc.Conn, error) {
	conv, err := wsrfc.Dial(context.Background(), cfg)
	if err != nil {
		return nil, rfc.SetupError(err, rfc.Step(wsrfc.FailedStep(err)))
	}
	return rfc.Open(context.Background(), conv, rfc.ConnConfig{Logon: logon})
}

var developer = rfc.Logon{Client: "001", User: "Developer", Password: "Example-Pass1", Language: "E"}

// say sends a message and returns the answer.
func say(c *wsrfc.Conn, data []byte) ([]byte, error) {
	if err := c.Begin(context.Background()); err != nil {
		return nil, err
	}
	if err := c.SendLast(data); err != nil {
		return nil, c.End(err)
	}
	var answer []byte
	for {
		frag, last, err := c.Receive()
		if err != nil {
			return nil, c.End(err)
		}
		if answer = append(answer, frag...); last {
			return answer, c.End(nil)
		}
	}
}

func bareLogon() *rfc.LogonRequest {
	q := sdkLogon()
	q.Bare, q.GUID = true, [16]byte{}
	return q
}

func TestLogonReplyOfWebSocketRFC(t *testing.T) {
	t.Parallel()
	srv := &gateway.Server{Handler: echoMux(t), WebSocket: gateway.WebSocket{Functions: []string{"Z_ECHO"}}, System: rfc.System{
		ID: "A4H", Description: "ABAP", Number: "00", Host: strings.Repeat("h", 10), Address: "192.168.88.7", Release: "758", KernelRelease: "793",
	}}
	serveWeb(t, srv, func(t *testing.T, h *webHost) {
		c := h.conv(t, h.cfg)
		answer, err := say(c, logonBytes(t, bareLogon(), "RFCPING"))
		require.NoError(t, err)
		require.Equal(t, "0101 0103 0106 0161 0016 0450 0451 0452 0453 0007 0020 0021 0018 0008 0011 0013 0012 0006 0130 0150 0151 0152 0500 0503 0420 0512 0130 0667 ffff", list(answer, false))
		// The offsets that are published for a real system (spec 13 section 4.1 [capture]).
		for off, tag := range map[int]chain.Tag{48: chain.SystemCodepage, 62: chain.SystemID, 100: chain.SystemNumber, 110: chain.ServerHost} {
			require.Equal(t, []byte{byte(tag >> 8), byte(tag)}, answer[off:off+2], "%d", off)
		}
		// From the user on nothing depends on the lengths of names: the last 184 of 632 bytes.
		tail := len(answer) - 632
		for off, tag := range map[int]chain.Tag{
			448: chain.SessionUser, 478: chain.SessionClient, 490: chain.SessionLanguage, 498: chain.Reply, 504: chain.Success, 510: chain.CallStatus,
			520: chain.Parameters, 526: chain.Program, 612: chain.Duration, 626: chain.End,
		} {
			require.Equal(t, []byte{byte(tag >> 8), byte(tag)}, answer[tail+off:tail+off+2], "%d", off)
		}
		require.Empty(t, find(answer, chain.SessionGUID), "nobody named one")

		// A call, the function the logon names is run as well, and a session id that comes later is echoed.
		answer, err = say(c, call("Z_ECHO", want("OTEXT"), value("TEXT", le16("hello     "))))
		require.NoError(t, err)
		require.Equal(t, "0500 0503 0420 0512 0205 0201 0203 0130 0667 ffff", list(answer, false))
		header := cat(item(chain.SenderDescription, unhex("0301010504010003")), item(chain.ProtocolBits, unhex("00000e0b")), item(chain.UnicodeHeader, unhex("04010003000a0200000023")), item(chain.SessionGUID, guid[:]))
		answer, err = say(c, cat(header, call("RFC_PING")))
		require.NoError(t, err)
		require.Equal(t, guid[:], first(t, answer, chain.SessionGUID))
		require.NoError(t, c.Close())
		c = h.conv(t, h.cfg)
		answer, err = say(c, logonBytes(t, bareLogon(), "Z_ECHO", want8("OTEXT"), value8("TEXT", []byte("hi        "))))
		require.NoError(t, err)
		require.Equal(t, "hi", strings.TrimSpace(strings.ReplaceAll(string(values(answer)["OTEXT"]), "\x00", "")))
	})
}

func want8(name string) []byte { return item(chain.RequestedName, []byte(name)) }
func value8(name string, v []byte) []byte {
	return cat(item(chain.ParameterName, []byte(name)), item(chain.ParameterValue, v))
}

// The logon of an older open client: UTF-16, unknown items, 0502 in front of the function, no
// closing tag at the end (spec 13 section 7 [experiment]).
func TestLogonOfAnOlderClient(t *testing.T) {
	t.Parallel()
	srv := &gateway.Server{Handler: echoMux(t), WebSocket: gateway.WebSocket{Functions: []string{"Z_ECHO"}}}
	serveWeb(t, srv, func(t *testing.T, h *webHost) {
		q := bareLogon()
		q.Sender = rfc.SenderDescription{5, 1, 1, 5, 4, 1, 0, 3}
		b := logonBytes(t, q, "Z_ECHO", want("OTEXT"), value("TEXT", le16("hello     ")))
		start := bytes.Index(b, unhex("05020000 0502"))
		odd := cat(item(0x0160, []byte{1}), item(0x0127, le16("x")), item(0x0135, nil), item(0x0140, []byte{1, 2}), item(chain.FastSerialization, []byte("anything")))
		b = cat(b[:start], odd, b[start:len(b)-6], odd, b[len(b)-6:len(b)-2])
		answer, err := say(h.conv(t, h.cfg), b)
		require.NoError(t, err)
		require.Contains(t, list(answer, false), "0500 0503 0420")
		require.Equal(t, le16("hello     "), values(answer)["OTEXT"])
	})
}

func TestWebSocketLogons(t *testing.T) {
	t.Parallel()
	serveWeb(t, &gateway.Server{Handler: echoMux(t), Clients: []string{"001"}}, func(t *testing.T, h *webHost) {
		conn, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		a, err := conn.Attributes()
		require.NoError(t, err)
		require.Equal(t, "DEVELOPER 001 GOR", a.User+" "+a.Client+" "+a.SystemID)
		require.NoError(t, conn.Ping(t.Context()))
		require.NoError(t, conn.Close())
		require.Equal(t, gateway.Stats{Accepted: 1, Logons: 1, Open: h.srv.Stats().Open}, h.srv.Stats())

		refused := func(cfg wsrfc.Config, logon rfc.Logon, step rfc.Step) {
			t.Helper()
			_, err := h.open(cfg, logon)
			require.ErrorIs(t, err, rfc.ErrLogon)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, step, e.Step)
			require.Equal(t, rfc.NotSent, e.Outcome)
			require.False(t, rfc.SafeToRetry(err))
			require.NotContains(t, fmt.Sprintf("%+v", err), "Example-Pass")
		}
		wrong := h.cfg
		wrong.Password = "Example-Pass2"
		refused(wrong, developer, rfc.StepUpgrade)
		unknown := h.cfg
		unknown.User = "NOBODY"
		refused(unknown, developer, rfc.StepUpgrade)
		other := developer
		other.Password = "Example-Pass2"
		refused(h.cfg, other, rfc.StepLogon)
		client := h.cfg
		client.Client = ""
		foreign := developer
		foreign.Client = "999"
		refused(client, foreign, rfc.StepLogon)
		refused(h.cfg, foreign, rfc.StepLogon) // another client than in the upgrade
		refused(h.cfg, rfc.Logon{Client: "001"}, rfc.StepLogon)
		stats := h.srv.Stats()
		require.EqualValues(t, 1, stats.Logons)
		require.EqualValues(t, 7, stats.Accepted, "one attempt each, none is repeated")
		require.Contains(t, h.logs.String(), "another user or password in the LOGON than in the upgrade")
	})
}

func TestWebSocketLogonToAnotherClientThanTheUpgrade(t *testing.T) {
	t.Parallel()
	serveWeb(t, &gateway.Server{Handler: echoMux(t), Clients: []string{"001", "002"}}, func(t *testing.T, h *webHost) {
		other := developer
		other.Client = "002"
		_, err := h.open(h.cfg, other)
		require.ErrorIs(t, err, rfc.ErrLogon)
		h.cfg.Client = "002"
		conn, err := h.open(h.cfg, other)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
}

func TestWebSocketGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	serveWeb(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *webHost) {
		wrong := h.cfg
		wrong.Password = "guess"
		for range 5 {
			_, err := h.open(wrong, developer)
			require.ErrorIs(t, err, rfc.ErrLogon)
		}
		start := time.Now()
		_, err := h.open(wrong, developer)
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.GreaterOrEqual(t, time.Since(start), time.Second)
		start = time.Now()
		conn, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.GreaterOrEqual(t, time.Since(start), 2*time.Second, "the right one waits as well")
		require.EqualValues(t, 6, h.srv.Stats().Failed)
	})
}

func TestWebSocketWithoutIdentityInTheUpgrade(t *testing.T) {
	t.Parallel()
	nothing := func(cfg wsrfc.Config) wsrfc.Config {
		cfg.User, cfg.Password = "", ""
		cfg.Headers = func(context.Context) (http.Header, error) { return nil, nil } //nolint:nilnil // no headers, no mistake
		return cfg
	}
	serveWeb(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *webHost) {
		_, err := h.open(nothing(h.cfg), developer)
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.ErrorContains(t, err, "HTTP 401")
	})
	serveWeb(t, &gateway.Server{Handler: echoMux(t), WebSocket: gateway.WebSocket{LogonInRecord: true}}, func(t *testing.T, h *webHost) {
		conn, err := h.open(nothing(h.cfg), developer)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		_, err = h.open(nothing(h.cfg), rfc.Logon{Client: "001"})
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.ErrorContains(t, err, "Logon data incomplete")
		wrong := developer
		wrong.Password = "other"
		_, err = h.open(nothing(h.cfg), wrong)
		require.ErrorIs(t, err, rfc.ErrLogon)
		// A call in place of the logon.
		answer, err := say(h.conv(t, nothing(h.cfg)), call("Z_ECHO"))
		require.NoError(t, err)
		require.Contains(t, string(first(t, answer, chain.ErrorText)), "Logon data incomplete")
	})
	serveWeb(t, &gateway.Server{Handler: echoMux(t), AllowAnonymous: true}, func(t *testing.T, h *webHost) {
		conn, err := h.open(nothing(h.cfg), rfc.Logon{Client: "001"})
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
}

// clientCertificate is a certificate of a user and its authority.
func clientCertificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestF29WebSocketLogonByCertificateOrToken(t *testing.T) {
	t.Parallel()
	synctestCert := func(h *webHost, cert tls.Certificate) wsrfc.Config {
		cfg := h.cfg
		cfg.User, cfg.Password, cfg.CertificateLogon, cfg.Certificate = "", "", true, &cert
		return cfg
	}
	srv := &gateway.Server{Handler: echoMux(t)}
	var alice, mallory tls.Certificate
	srv.WebSocket.CertificateUser = func(_ context.Context, c *x509.Certificate) (string, error) {
		if c.Subject.CommonName == "alice@example.com" {
			return "ALICE", nil
		}
		return "", fmt.Errorf("no user for %s", c.Subject)
	}
	srv.WebSocket.TokenUser = func(_ context.Context, token rfc.Secret) (string, error) {
		if token == "Example-Pass1-token" {
			return "BOB", nil
		}
		return "", nil
	}
	serveWebWith(t, srv, func() {
		alice, srv.WebSocket.ClientCAs = clientCertificate(t, "alice@example.com")
		mallory, _ = clientCertificate(t, "mallory")
		leaf, err := x509.ParseCertificate(mallory.Certificate[0])
		require.NoError(t, err)
		srv.WebSocket.ClientCAs.AddCert(leaf)
	}, func(t *testing.T, h *webHost) {
		other, _ := clientCertificate(t, "eve")
		conn, err := h.open(synctestCert(h, alice), rfc.Logon{Client: "001", Language: "E"})
		require.NoError(t, err)
		a, err := conn.Attributes()
		require.NoError(t, err)
		require.Equal(t, "ALICE", a.User)
		require.NoError(t, conn.Close())
		_, err = h.open(synctestCert(h, mallory), rfc.Logon{Client: "001"}) // nobody's
		require.ErrorIs(t, err, rfc.ErrLogon)
		_, err = h.open(synctestCert(h, other), rfc.Logon{Client: "001"}) // of an authority that is not accepted
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.ErrorContains(t, err, "certificate")
		conn, err = h.open(h.cfg, developer) // a certificate is not demanded
		require.NoError(t, err)
		require.NoError(t, conn.Close())

		token := h.cfg
		token.User, token.Password = "", ""
		token.Token = func(context.Context) (wsrfc.Secret, error) { return "Example-Pass1-token", nil }
		conn, err = h.open(token, rfc.Logon{Client: "001"})
		require.NoError(t, err)
		a, err = conn.Attributes()
		require.NoError(t, err)
		require.Equal(t, "BOB", a.User)
		require.NoError(t, conn.Close())
		token.Token = func(context.Context) (wsrfc.Secret, error) { return "other", nil }
		_, err = h.open(token, rfc.Logon{Client: "001"})
		require.ErrorIs(t, err, rfc.ErrLogon)
		require.EqualValues(t, 3, h.srv.Stats().Logons)
	})
}

func TestF117AllowListOfWebSocketRFC(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	require.NoError(t, rfc.Handle(mux, "Z_SECRET", func(context.Context, struct{}) (struct{}, error) {
		t.Error("called")
		return struct{}{}, nil
	}))
	require.NoError(t, rfc.Handle(mux, "Z_OPEN_ONE", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }))
	srv := &gateway.Server{Handler: mux, WebSocket: gateway.WebSocket{Functions: []string{"z_echo", "Z_OPEN*"}}}
	serveWeb(t, srv, func(t *testing.T, h *webHost) {
		try := func(name string) error {
			conn, err := h.open(h.cfg, developer)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.Call(t.Context(), name, nil, rfc.WithInterface(function(t, name)), rfc.Lenient())
			return err
		}
		for _, name := range []string{"Z_ECHO", "Z_OPEN_ONE", "RFC_PING", "RFCPING"} {
			require.NoError(t, try(name), name)
		}
		for _, name := range []string{"Z_SECRET", "Z_NOBODY_HAS_IT", "Z_ECHO2", "RFC_METADATA_GET", "SYSTEM_CREATE_INSTANCE", "RFC_START_PROGRAM"} {
			err := try(name)
			require.ErrorIs(t, err, rfc.ErrDenied, name)
			require.ErrorContains(t, err, "is not on the allow list of this system for WebSocket RFC", "the text is passed on")
		}
		// Over classic RFC the list does not hold.
		require.Contains(t, list(h.client().must(logonBytes(t, sdkLogon(), "Z_OPEN_ONE")), false), "0503")
	})
	serveWeb(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *webHost) {
		conn, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		require.NoError(t, conn.Ping(t.Context()))
		_, err = conn.Call(t.Context(), "Z_ECHO", nil, rfc.WithInterface(zEcho))
		require.ErrorIs(t, err, rfc.ErrDenied)
	})
}

func TestWebSocketSessionsBreakTheRules(t *testing.T) {
	t.Parallel()
	srv := &gateway.Server{Handler: echoMux(t), WebSocket: gateway.WebSocket{Functions: []string{"*"}}}
	serveWeb(t, srv, func(t *testing.T, h *webHost) {
		logon := logonBytes(t, bareLogon(), "RFCPING")
		ended := func(c *wsrfc.Conn, data []byte, code int) {
			t.Helper()
			_, err := say(c, data)
			var e *wsrfc.CloseError
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
		}
		in := func() *wsrfc.Conn {
			c := h.conv(t, h.cfg)
			_, err := say(c, logon)
			require.NoError(t, err)
			return c
		}
		ended(in(), logon, 1002)                                                                     // B-127 logon twice
		ended(in(), []byte("\xc8\xc5\xd9\xc5 no chain"), 1002)                                       // EBCDIC
		ended(in(), chain.AppendEnd(chain.AppendEmpty(nil, chain.Reply)), 1002)                      // a reply in place of a call
		ended(h.conv(t, h.cfg), logonBytes(t, sdkLogon(), "RFCPING"), 1002)                          // the signature of CPIC
		ended(h.conv(t, h.cfg), cat(logon[:len(logon)-8], []byte{1, 3}, logon[len(logon)-6:]), 1002) // a closing tag that does not fit
		big := chain.AppendEnd(cat(logon[:len(logon)-6], item(0x0140, make([]byte, 70_000))))
		ended(h.conv(t, h.cfg), big, 1009) // above 64 KiB before the logon
		conn, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		_, err = conn.Call(t.Context(), "Z_ECHO", echoIn{T: make([]row, 9000)}, rfc.WithInterface(zEcho))
		require.NoError(t, err, "behind it more is allowed")
		sent, _, _ := conn.Traffic()
		require.Greater(t, sent, int64(gateway.MaxRecordBeforeLogon))
		require.NoError(t, conn.Close())
		require.NotContains(t, h.logs.String(), "4e2c4283")
	})
}

func TestWebSocketHasNoCallbacks(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	back := function(t, "Z_BACK")
	require.NoError(t, mux.Handle(back, func(ctx context.Context, req *rfc.Request, _ *rfc.Reply) error {
		_, err := req.Callback(ctx, back, nil)
		return err
	}))
	srv := &gateway.Server{Handler: mux, WebSocket: gateway.WebSocket{Functions: []string{"*"}}}
	serveWeb(t, srv, func(t *testing.T, h *webHost) {
		conn, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		_, err = conn.Call(t.Context(), "Z_BACK", nil, rfc.WithInterface(back))
		require.ErrorContains(t, err, "WebSocket RFC has no calls back")
	})
}

func TestF24WebSocketLimits(t *testing.T) {
	t.Parallel()
	serveWeb(t, &gateway.Server{Handler: echoMux(t), MaxConnections: 2}, func(t *testing.T, h *webHost) {
		one, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		two := h.client() // both kinds count together
		_, err = h.open(h.cfg, developer)
		require.ErrorIs(t, err, rfc.ErrResource)
		require.ErrorContains(t, err, "HTTP 503")
		require.True(t, rfc.SafeToRetry(err))
		two.conv.Abort()
		synctest.Wait()
		again, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		require.EqualValues(t, 1, h.srv.Stats().Refused)
		require.NoError(t, one.Close())
		require.NoError(t, again.Close())
		synctest.Wait()
		require.Zero(t, h.srv.Stats().Open)
		// Somebody who never logs on is not waited for.
		start := time.Now()
		nc := h.dialWeb("192.0.2.9")
		_, err = nc.Read(make([]byte, 1))
		require.Error(t, err)
		require.Equal(t, wsrfc.DefaultHandshake, time.Since(start))
		c := h.conv(t, h.cfg)
		start = time.Now()
		require.NoError(t, c.Begin(context.Background()))
		_, _, err = c.Receive()
		require.Error(t, c.End(err))
		require.Equal(t, gateway.DefaultLogonLimit, time.Since(start))
	})
}

func TestWebSocketSessionsEndWithTheServer(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}, 1), make(chan struct{})
	f := function(t, "Z_WAIT")
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error {
		started <- struct{}{}
		<-release
		return nil
	}))
	serveWeb(t, &gateway.Server{Handler: mux, WebSocket: gateway.WebSocket{Functions: []string{"Z_WAIT"}}}, func(t *testing.T, h *webHost) {
		started, release = make(chan struct{}, 1), make(chan struct{})
		idle, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		busy, err := h.open(h.cfg, developer)
		require.NoError(t, err)
		half := h.conv(t, h.cfg) // no logon yet
		done := make(chan error, 2)
		go func() {
			_, err := busy.Call(context.Background(), "Z_WAIT", nil, rfc.WithInterface(f))
			done <- err
		}()
		<-started
		go func() { done <- h.srv.Shutdown(context.Background()) }()
		synctest.Wait()
		require.Error(t, idle.Ping(t.Context()), "idle sessions end at once")
		require.Error(t, half.Begin(t.Context()))
		close(release)
		require.NoError(t, <-done, "a call that runs comes to its end")
		require.NoError(t, <-done)
		require.Error(t, busy.Ping(t.Context()))
	})
}

func TestWebSocketHandlerInAWebServer(t *testing.T) {
	t.Parallel()
	logs := new(lockedBuffer)
	srv := &gateway.Server{
		Handler: echoMux(t), Authenticate: gateway.Users{"DEVELOPER": "Example-Pass1"}.Authenticate,
		WebSocket: gateway.WebSocket{Functions: []string{"Z_ECHO"}}, Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
	web := http.NewServeMux()
	web.Handle("/sap/bc/rfc", srv.WebSocketHandler())
	web.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") })
	s := httptest.NewUnstartedServer(web)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	cfg := wsrfc.Config{User: "DEVELOPER", Password: "Example-Pass1", TLS: s.Client().Transport.(*http.Transport).TLSClientConfig} //nolint:forcetypeassert // the standard library's
	cfg.Host, cfg.Port, _ = net.SplitHostPort(s.Listener.Addr().String())
	open := func(cfg wsrfc.Config) (*rfc.Conn, error) {
		conv, err := wsrfc.Dial(t.Context(), cfg)
		if err != nil {
			return nil, rfc.SetupError(err, rfc.Step(wsrfc.FailedStep(err)))
		}
		return rfc.Open(t.Context(), conv, rfc.ConnConfig{Logon: developer})
	}
	conn, err := open(cfg)
	require.NoError(t, err)
	res, err := conn.Call(t.Context(), "Z_ECHO", echoIn{Text: "hello", T: make([]row, 5000)}, rfc.WithInterface(zEcho))
	require.NoError(t, err)
	var out echoOut
	require.NoError(t, res.Scan(&out))
	require.Equal(t, "hello", out.Text)
	require.Len(t, out.T, 5000)
	require.Equal(t, 1, srv.Stats().Open)
	resp, err := s.Client().Get(s.URL + "/other")
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, 2, resp.ProtoMajor, "the rest of the web server goes on")
	resp, err = s.Client().Get(s.URL + "/sap/bc/rfc")
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusHTTPVersionNotSupported, resp.StatusCode)
	wrong := cfg
	wrong.Password = "other"
	_, err = open(wrong)
	require.ErrorIs(t, err, rfc.ErrLogon)
	require.NoError(t, srv.Close())
	require.Eventually(t, func() bool { return conn.Ping(t.Context()) != nil }, 10*time.Second, time.Millisecond)
	_, err = open(cfg)
	require.Error(t, err, "closed")
	require.NotContains(t, logs.String(), "Example-Pass")
}

func TestWrongWebSocketSettings(t *testing.T) {
	t.Parallel()
	l := func() net.Listener { return &listener{conns: make(chan net.Conn), done: make(chan struct{})} }
	require.ErrorContains(t, (&gateway.Server{}).ServeWebSocket(l()), "without a Handler")
	require.ErrorContains(t, (&gateway.Server{Handler: rfc.NewMux()}).ServeWebSocket(l()), "WebSocket RFC requires TLS")
	srv := &gateway.Server{Handler: rfc.NewMux(), WebSocket: gateway.WebSocket{TLS: new(tls.Config), ClientCAs: x509.NewCertPool()}}
	require.ErrorContains(t, srv.ServeWebSocket(l()), "exactly one of them is given")
	rec := httptest.NewRecorder()
	srv.WebSocketHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusInternalServerError, rec.Code)
	require.ErrorContains(t, srv.ListenAndServeWebSocket(t.Context(), "192.0.2.1:443"), "AllowRemote")
	nc, far := net.Pipe()
	srv.ServeWebSocketConn(t.Context(), nc)
	_, err := far.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

// Each port names the other protocol: a classic client on the port for WebSocket RFC, a client
// of WebSocket RFC on the port of the gateway, and browsers on either.
func TestF22WrongPortsAreNamed(t *testing.T) {
	t.Parallel()
	serveWeb(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *webHost) {
		_, err := cpic.Open(context.Background(), h.dialWeb("192.0.2.7"), cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
		var peer *ni.PeerError
		require.ErrorAs(t, err, &peer)
		require.ErrorContains(t, err, "this port speaks WebSocket RFC (jco.client.wshost, wsport), not classic RFC")

		cfg := h.cfg
		cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return h.dial("192.0.2.7"), nil }
		_, err = h.open(cfg, developer)
		require.ErrorIs(t, err, rfc.ErrProtocol)
		require.ErrorContains(t, err, "the peer speaks SAP NI, not TLS: this is a gateway")

		for name, dial := range map[string]func(string) net.Conn{"gateway for SAP RFC and speaks no HTTP": h.dial, "this port speaks TLS": h.dialWeb} {
			nc := dial("192.0.2.7")
			_, err = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			answer, err := io.ReadAll(nc)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 400 Bad Request\r\n"))
			require.Contains(t, string(answer), name)
		}
		nc := h.dial("192.0.2.7")
		_, err = io.WriteString(nc, "SSH-2.0-OpenSSH_9.6\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Contains(t, string(answer), "speaks no SSH")
		require.Contains(t, h.logs.String(), "the client speaks TLS")
		require.Contains(t, h.logs.String(), "the client speaks SSH")
	})
}

// Errors of package wsrfc as callers of package rfc see them.
func TestClassesOfWebSocketErrors(t *testing.T) {
	t.Parallel()
	for class, err := range map[rfc.Class]error{
		rfc.ClassCommunication: &wsrfc.CloseError{Code: 1011},
		rfc.ClassTimeout:       &wsrfc.SilentError{For: time.Second},
		rfc.ClassLimit:         &wire.Error{Layer: "websocket", Err: wire.ErrLimit},
		rfc.ClassProtocol:      &wire.Error{Layer: "websocket", Err: wire.ErrMalformed},
		rfc.ClassConfig:        (&wsrfc.Config{}).Validate(),
	} {
		require.Equal(t, class, rfc.SetupError(err, rfc.StepReceive).Class, "%v", err)
	}
}

package msgserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
)

// scripted is a message server that answers the login and then what the test wants: answer
// gets the question and gives the payloads of the records that follow.
func scripted(t *testing.T, login, answer func(m *msgserver.Message) []byte) dialFunc {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := netfault.Pipe()
		group.Go(func() {
			defer server.Close()
			conn := ni.NewConn(server, ni.Config{})
			for _, f := range []func(m *msgserver.Message) []byte{login, answer} {
				payload, err := conn.ReadRecord()
				if err != nil {
					return
				}
				m, err := msgserver.DecodeMessage(payload)
				if err != nil {
					t.Errorf("the client sent %x: %v", payload, err)
					return
				}
				out := f(m)
				if out == nil {
					return
				}
				if _, err := server.Write(out); err != nil {
					return
				}
			}
			_, _ = io.Copy(io.Discard, server)
		})
		return client, nil
	}
}

// record frames a message that is built from a question.
func record(t *testing.T, change func(m *msgserver.Message)) func(*msgserver.Message) []byte {
	return func(asked *msgserver.Message) []byte {
		m := *asked
		m.Header.To, m.Header.From = asked.Header.From, msgserver.MakeName("MSG_SERVER", ' ')
		if asked.Operation != nil {
			o := *asked.Operation
			m.Operation, m.Header.Flag = &o, msgserver.Reply
		}
		if change != nil {
			change(&m)
		}
		return ni.AppendRecord(nil, encode(t, &m))
	}
}

// logon makes the body of an answer.
func logon(t *testing.T, change func(l *msgserver.Logon)) func(m *msgserver.Message) {
	return func(m *msgserver.Message) {
		l, err := msgserver.DecodeLogon(m.Body)
		require.NoError(t, err)
		l.Host, l.Port, l.Trailer = "app1.example", 3200, []byte{' '}
		change(l)
		m.Body, err = l.AppendBinary(nil)
		require.NoError(t, err)
	}
}

// the gateway's port follows from the dispatcher's, whatever that is.
func TestR06GatewayPort(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dispatcher, gateway, snc int
		number                   string
	}{{3200, 3300, 4800, "00"}, {3242, 3342, 4842, "42"}, {3299, 3399, 4899, "99"}, {9999, 10099, 4899, "99"}, {65435, 65535, 4835, "35"}} {
		c := msgserver.Client{Dial: scripted(t, record(t, nil), record(t, logon(t, func(l *msgserver.Logon) { l.Port = uint16(tc.dispatcher) })))}
		got, err := c.Group(t.Context(), "ms:3600", "G")
		require.NoError(t, err)
		require.Equal(t, []any{tc.gateway, tc.snc, tc.number}, []any{got.Port, got.SNCPort, got.SystemNumber()})
	}
}

func TestHostsAndPaddings(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"a", strings.Repeat("h", 255), "192.0.2.1", "2001:db8::1", "app-1.example.com"} {
		for _, pad := range []byte{0, ' '} {
			c := msgserver.Client{Dial: scripted(t, record(t, func(m *msgserver.Message) { m.Header.From = msgserver.MakeName("MSG_SERVER", pad) }), record(t, func(m *msgserver.Message) {
				m.Header.From = msgserver.MakeName("MSG_SERVER", pad)
				logon(t, func(l *msgserver.Logon) {
					l.Host, l.Group = host, msgserver.MakeName(l.Group.String(), pad)
					if pad == 0 {
						l.Trailer = nil
					}
				})(m)
			}))}
			got, err := c.Group(t.Context(), "ms:3600", "G")
			require.NoError(t, err)
			require.Equal(t, host, got.Host)
		}
	}
}

// R-07, B-15: names of groups that cannot be asked for.
func TestR07GroupNames(t *testing.T) {
	t.Parallel()
	c := msgserver.Client{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("asked") }}
	h := msgserver.HTTP{Dial: c.Dial}
	for group, want := range map[string]string{
		" ":                     "blank",
		strings.Repeat("g", 41): "41 bytes, at most 40",
		"gr\u00fcn":             "invalid character 0xc3 at 2",
		"a\nb":                  "invalid character 0x0a at 1",
		"a ":                    "blank at an end",
	} {
		_, err := c.Group(t.Context(), "ms:3600", group)
		failure(t, err, "configuration", "logon group", want)
		_, err = h.Group(t.Context(), "http://ms:8100", group)
		failure(t, err, "configuration", "logon group", want)
	}
	for _, group := range []string{"", "G", strings.Repeat("g", 40), "with blank", "!ALL"} {
		_, err := c.Group(t.Context(), "ms:3600", group)
		failure(t, err, "communication", "asked")
	}
}

// F-19, F-21, R-08 and the rest of what a message server may answer to a group query.
func TestF21HostileAnswers(t *testing.T) {
	t.Parallel()
	good := record(t, nil)
	for _, tc := range []struct {
		id            string
		login, answer func(*msgserver.Message) []byte
		kind          string
		want          []string
	}{
		{"F-19 not set", good, record(t, func(m *msgserver.Message) { m.Operation.Error = msgserver.OpNotSet; m.Body = nil }), "configuration", []string{`logon group "G" has no server`, "not set (19)", "SMLG"}},
		{"F-19 status", good, record(t, logon(t, func(l *msgserver.Logon) { l.Status = 3 })), "configuration", []string{`logon group "G" has no server`, "status 3"}},
		{"F-19 no server named", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host, l.Port = "", 0 })), "configuration", []string{`logon group "G" has no server`}},
		{"F-19 header alone", good, record(t, func(m *msgserver.Message) { m.Operation, m.Body = nil, nil }), "configuration", []string{`logon group "G" has no server`}},
		{"denied operation", good, record(t, func(m *msgserver.Message) { m.Operation.Error = msgserver.OpDenied }), "denied", []string{"access denied (5)"}},
		{"R-08 another group", good, record(t, logon(t, func(l *msgserver.Logon) { l.Group = msgserver.MakeName("OTHER\x1b", 0) })), "protocol", []string{`for the group "OTHER"`}},
		{"access list", record(t, func(m *msgserver.Message) { m.Header.Error = msgserver.ErrorDenied }), nil, "denied", []string{"MSEACCESSDENIED (-20)", "ms/acl_info"}},
		{"version", record(t, func(m *msgserver.Message) { m.Header.Error = msgserver.ErrorWrongVersion }), nil, "protocol", []string{"MSEWRONGVERSION (-12)"}},
		{"full", record(t, func(m *msgserver.Message) { m.Header.Error = msgserver.ErrorNoSlot }), nil, "resource", []string{"MSENOSLOTFREE"}},
		{"shutdown", good, record(t, func(m *msgserver.Message) { m.Header.Error = -25 }), "communication", []string{"MSESOFTSHUTDOWN"}},
		{"another version", record(t, func(m *msgserver.Message) { m.Header.Version = 5 }), nil, "protocol", []string{"want version 4, got 5"}},
		{"no answer to the login", record(t, func(m *msgserver.Message) { m.Header.Flag = msgserver.OneWay }), nil, "protocol", []string{"want MS_REQUEST MS_LOGIN_2, got MS_ONE_WAY"}},
		{"no answer to the question", good, record(t, func(m *msgserver.Message) { m.Header.Flag = msgserver.Request }), "protocol", []string{"want MS_REPLY MS_SEND_NAME"}},
		{"somebody else", good, record(t, func(m *msgserver.Message) { m.Header.From = msgserver.MakeName("EVIL", 0) }), "protocol", []string{`one of "EVIL"`}},
		{"another question", good, record(t, func(m *msgserver.Message) { m.Operation.Opcode = msgserver.ServerList }), "protocol", []string{"want MS_GET_LOGON, got MS_SERVER_LST"}},
		{"port 0", good, record(t, logon(t, func(l *msgserver.Logon) { l.Port = 0 })), "protocol", []string{"dispatcher port 0: 1 to 65435 required"}},
		{"port without a gateway", good, record(t, logon(t, func(l *msgserver.Logon) { l.Port = 65436 })), "protocol", []string{"dispatcher port 65436"}},
		{"no host", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "" })), "protocol", []string{"empty"}},
		{"0.0.0.0", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "0.0.0.0" })), "protocol", []string{"stands for no machine"}},
		{"::", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "::ffff:0.0.0.0" })), "protocol", []string{"stands for no machine"}},
		{"blank", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "app 1" })), "protocol", []string{"0x20 at 3"}},
		{"a route", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "/H/evil/H/app" })), "protocol", []string{"0x2f at 0"}},
		{"host and port", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "evil:22" })), "protocol", []string{"holds a colon"}},
		{"control", good, record(t, logon(t, func(l *msgserver.Logon) { l.Host = "a\x1b[2J" })), "protocol", []string{"0x1b at 1"}},
		{"bytes behind the host", good, record(t, logon(t, func(l *msgserver.Logon) { l.Trailer = []byte("xx") })), "protocol", []string{"malformed", "behind the host"}},
		{"cut body", good, record(t, func(m *msgserver.Message) { m.Body = m.Body[:50] }), "protocol", []string{"malformed", "truncated"}},
		{"long answer", good, func(*msgserver.Message) []byte { return []byte("\x00\x00\x02\x01") }, "protocol", []string{"too long"}},
		{"not a message", good, func(*msgserver.Message) []byte { return ni.AppendRecord(nil, []byte("hello")) }, "protocol", []string{"68 65 6c 6c 6f", "36NN"}},
		{"cut header", good, func(*msgserver.Message) []byte { return ni.AppendRecord(nil, []byte("**MESSAGE**\x00\x04")) }, "protocol", []string{"malformed"}},
		{"closed", func(*msgserver.Message) []byte { return nil }, nil, "communication", []string{"closed the connection in place of an answer"}},
		{"HTTP", func(*msgserver.Message) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, nil, "protocol", []string{"the peer speaks HTTP"}},
		{"TLS", func(*msgserver.Message) []byte { return []byte("\x15\x03\x01\x00\x02\x02\x46") }, nil, "protocol", []string{"the peer speaks TLS"}},
		{"SSH", func(*msgserver.Message) []byte { return []byte("SSH-2.0-x\r\n") }, nil, "protocol", []string{"the peer speaks SSH"}},
		{"gateway", func(*msgserver.Message) []byte {
			return ni.AppendRecord(nil, []byte("*ERR*\x001\x00no such program\x00"))
		}, nil, "communication", []string{"no such program"}},
	} {
		answer := tc.answer
		if answer == nil {
			answer = good
		}
		c := msgserver.Client{Dial: scripted(t, tc.login, answer)}
		_, err := c.Group(t.Context(), "ms:3600", "G")
		e := failure(t, err, tc.kind, append(tc.want, "message server ms:3600", `"G"`)...)
		require.Equal(t, []string{"ms:3600", "G"}, []string{e.Server, e.Group}, tc.id)
	}
	// The answer cut at every byte, and in small pieces.
	full := record(t, logon(t, func(*msgserver.Logon) {}))
	for n := range 223 {
		c := msgserver.Client{Dial: scripted(t, good, func(m *msgserver.Message) []byte { return full(m)[:n] })}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		inner := c.Dial
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := inner(ctx, network, address)
			return netfault.New(nc, netfault.Faults{CutReadAfter: int64(114 + n)}), err
		}
		_, err := c.Group(ctx, "ms:3600", "G")
		failure(t, err, "communication")
		cancel()
	}
	c := msgserver.Client{Dial: scripted(t, good, full)}
	inner := c.Dial
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := inner(ctx, network, address)
		return netfault.New(nc, netfault.Faults{MaxRead: 1, MaxWrite: 3}), err
	}
	_, err := c.Group(t.Context(), "ms:3600", "G")
	require.NoError(t, err)
}

// The server list and the text lists.
func TestLists(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	l := landscape(2)
	l.Instances[1].SNCName, l.Instances[1].Types = "p:CN=app1", msgserver.DIA|msgserver.BTC
	require.NoError(t, srv.Set(l))
	c := msgserver.Client{Dial: memory(t, srv, nil)}
	entries, err := c.Servers(t.Context(), "ms:3600")
	require.NoError(t, err)
	require.Len(t, entries, 2)
	_, skipped := msgserver.Usable(entries)
	require.Len(t, skipped, 2, "no addresses were given")
	groups, err := c.GroupNames(t.Context(), "ms:3600")
	require.NoError(t, err)
	app0 := msgserver.Target{Host: "app0.example", Port: 3300, SNCPort: 4800}
	require.Equal(t, []msgserver.GroupInfo{{Name: "ONE", Target: app0}, {Name: "PUBLIC", Target: app0}}, groups)
	servers, err := c.ServerNames(t.Context(), "ms:3600")
	require.NoError(t, err)
	app0.Name = "app0"
	require.Equal(t, []msgserver.ServerInfo{
		{Target: app0, Services: "DIA"},
		{Target: msgserver.Target{Name: "app1", Host: "app1.example", Port: 3301, SNCPort: 4801, SNCName: "p:CN=app1"}, Services: "DIA BTC"},
	}, servers)
	require.Equal(t, []int64{3, 3}, []int64{srv.Stats().Logins, srv.Stats().Lists})

	for name, answer := range map[string]func(m *msgserver.Message){
		"empty":     func(m *msgserver.Message) { m.Operation.Version, m.Body = 4, nil },
		"version":   func(m *msgserver.Message) { m.Operation.Version = 9 },
		"cut":       func(m *msgserver.Message) { m.Operation.Version, m.Body = 4, make([]byte, 161) },
		"error":     func(m *msgserver.Message) { m.Operation.Error = msgserver.OpUnknownOpcode },
		"no answer": func(m *msgserver.Message) { m.Operation = nil },
	} {
		c := msgserver.Client{Dial: scripted(t, record(t, nil), record(t, func(m *msgserver.Message) { m.Body = nil; answer(m) }))}
		_, err := c.Servers(t.Context(), "ms:3600")
		require.Equal(t, "ms:3600", failure(t, err, "protocol").Server, name)
	}
	lines := "GROUP=A|HOSTNAME=app|PORT=3200\nGROUP=|HOSTNAME=app|PORT=3200\nGROUP=B|HOSTNAME=a b|PORT=3200\nGROUP=C|HOSTNAME=app|PORT=x\n\nnonsense\nASNAME=I|HOSTNAME=app|PORT=3201|SAPSRV=DIA |X=1\r\n\x00"
	c.Dial = scripted(t, record(t, nil), record(t, func(m *msgserver.Message) { m.Body = []byte(lines) }))
	groups, err = c.GroupNames(t.Context(), "ms:3600")
	require.NoError(t, err)
	require.Len(t, groups, 1)
	servers, err = c.ServerNames(t.Context(), "ms:3600")
	require.NoError(t, err)
	require.Equal(t, []msgserver.ServerInfo{{Target: msgserver.Target{Name: "I", Host: "app", Port: 3301, SNCPort: 4801}, Services: "DIA"}}, servers)
	c.Dial = scripted(t, record(t, nil), record(t, func(m *msgserver.Message) { m.Operation.Error = msgserver.OpDenied }))
	_, err = c.GroupNames(t.Context(), "ms:3600")
	failure(t, err, "denied")
	_, err = c.ServerNames(t.Context(), "ms:3600")
	failure(t, err, "denied")
}

// F-18: nobody there, and time.
func TestF18Unreachable(t *testing.T) {
	t.Parallel()
	c := msgserver.Client{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}}
	_, err := c.Group(t.Context(), "ms:3600", "G")
	failure(t, err, "communication", "not reached", "connection refused")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	for name, tc := range map[string]struct {
		dial  dialFunc
		own   time.Duration
		limit time.Duration
		want  time.Duration
		kind  string
	}{
		"silent":         {nil, 0, 0, msgserver.DefaultTimeout, "timeout"},
		"own limit":      {nil, time.Second, 0, time.Second, "timeout"},
		"deadline":       {nil, 0, 2 * time.Second, 2 * time.Second, "timeout"},
		"swallowed dial": {func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, 0, 0, msgserver.DefaultTimeout, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := msgserver.Client{Dial: tc.dial, Timeout: tc.own}
				if c.Dial == nil {
					client, server := netfault.Pipe()
					defer server.Close()
					c.Dial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
				}
				ctx := t.Context()
				if tc.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.limit)
					defer cancel()
				}
				start := time.Now()
				_, err := c.Group(ctx, "ms:3600", "G")
				require.Equal(t, tc.want, time.Since(start))
				failure(t, err, tc.kind)
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = (&msgserver.Client{Dial: scripted(t, record(t, nil), record(t, nil))}).Group(ctx, "ms:3600", "G")
	failure(t, err, "canceled")
}

// The text interface as a system has it, and what it may answer otherwise.
func TestHTTP(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"/msgserver/text/logon?group=PUBLIC&version=1.2": "version 1.2\nsapdemo1_A4H_00\nDIAG\tsapdemo1\t3200\tLB=7\nDIAGS\tsapdemo1\t3200\tp:CN=A4H\nRFC\tsapdemo1\t3300\t\nRFCS\tsapdemo1\t4800\tp:CN=A4H, OU=IDEMOSYSTEM\nHTTP\tsapdemo1\t50000\t\nHTTP\tsapdemo1\t50000\tVHOST=0\n\n",
		"/msgserver/text/logon?group=PLAIN&version=1.2":  "version 1.2\r\napp_A4H_07\r\nRFC\tapp\t3307\r\n",
		"/msgserver/text/logon?group=DIAG&version=1.2":   "version 1.2\nx\nDIAG\tapp\t3200\tLB=7\nRFC\n",
		"/msgserver/text/logon?group=OLD&version=1.2":    "version 1.0\nx\nRFC\tapp\t3300\t\n",
		"/msgserver/text/logon?group=HOST&version=1.2":   "version 1.2\nx\nRFC\ta/b\t3300\t\n",
		"/msgserver/text/logon?group=PORT&version=1.2":   "version 1.2\nx\nRFC\tapp\t0\t\n",
		"/msgserver/text/lglist":                         "version 1.0\nPUBLIC\t192.0.2.1\t3200\t758\nSPACE\t192.0.2.1\t3200\t758\nshort\t1\nBAD\tx y\t3200\t758\nBAD\tx\ty\t758\n",
		"/msgserver/text/aslist":                         "version 1.0\nsapdemo1_A4H_00\tsapdemo1\ttick-port\t192.0.2.1\t3200\tDIA UPD BTC SPO UP2 ICM \nshort\tx\n",
		"/msgserver/text/logon?group=LONG&version=1.2":   strings.Repeat("x", 1<<20+1),
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("group") {
		case "SECRET":
			w.WriteHeader(http.StatusForbidden)
		case "BROKEN":
			w.WriteHeader(http.StatusBadGateway)
		case "MOVED":
			http.Redirect(w, r, "/msgserver/text/logon?group=PUBLIC&version=1.2", http.StatusFound)
		default:
			page, ok := pages[r.URL.RequestURI()]
			if !ok {
				http.NotFound(w, r)
			}
			_, _ = io.WriteString(w, page)
		}
	}))
	defer web.Close()
	h := new(msgserver.HTTP)
	got, err := h.Group(t.Context(), web.URL, "")
	require.NoError(t, err)
	require.Equal(t, msgserver.Target{Name: "sapdemo1_A4H_00", Host: "sapdemo1", Port: 3300, SNCPort: 4800, SNCName: "p:CN=A4H, OU=IDEMOSYSTEM"}, got)
	got, err = h.Group(t.Context(), web.URL+"/", "PLAIN")
	require.NoError(t, err)
	require.Equal(t, msgserver.Target{Name: "app_A4H_07", Host: "app", Port: 3307, SNCPort: 4807}, got)
	groups, err := h.GroupNames(t.Context(), web.URL)
	require.NoError(t, err)
	public := msgserver.Target{Host: "192.0.2.1", Port: 3300, SNCPort: 4800}
	require.Equal(t, []msgserver.GroupInfo{{Name: "PUBLIC", Target: public, Release: "758"}, {Name: "SPACE", Target: public, Release: "758"}}, groups)
	servers, err := h.ServerNames(t.Context(), web.URL)
	require.NoError(t, err)
	require.Equal(t, []msgserver.ServerInfo{{
		Target: msgserver.Target{Name: "sapdemo1_A4H_00", Host: "sapdemo1", Port: 3300, SNCPort: 4800}, Services: "DIA UPD BTC SPO UP2 ICM", Address: "192.0.2.1",
	}}, servers)
	for group, tc := range map[string]struct{ kind, want string }{
		"UNKNOWN": {"configuration", `logon group "UNKNOWN" has no server`},
		"DIAG":    {"configuration", "no row RFC"},
		"OLD":     {"protocol", "version 1.2 in the first line"},
		"HOST":    {"protocol", "invalid character 0x2f"},
		"PORT":    {"protocol", "1-65535"},
		"LONG":    {"protocol", "at most 1048576 bytes"},
		"SECRET":  {"denied", "403"},
		"BROKEN":  {"communication", "502"},
		"MOVED":   {"communication", "302"},
	} {
		_, err := h.Group(t.Context(), web.URL, group)
		e := failure(t, err, tc.kind, tc.want)
		require.Equal(t, []string{web.URL, group}, []string{e.Server, e.Group})
	}
	for base, want := range map[string]string{
		"ftp://ms:1": "http://host:port", "http://ms": "http://host:port", "http://ms:1/x": "http://host:port", "http://ms:1?a": "http://host:port",
		"http://u:topsecret@ms:1": "http://host:port", "ms:3600": "http://host:port", "http://ms:x": "is no URL", "http://:80": "http://host:port",
	} {
		_, err := h.Group(t.Context(), base, "G")
		failure(t, err, "configuration")
		require.NotContains(t, err.Error(), "topsecret")
		require.ErrorContains(t, msgserver.CheckURL(base), want, base)
	}
	require.NoError(t, msgserver.CheckURL("https://ms.example:44300"))
	_, err = h.GroupNames(t.Context(), "http://127.0.0.1:1")
	failure(t, err, "communication")
	_, err = h.ServerNames(t.Context(), web.URL[:len(web.URL)-1]+"x")
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.Group(ctx, web.URL, "G")
	failure(t, err, "canceled")
}

func TestPort(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		service, id string
		want        int
		text        string
	}{
		{"3601", "", 3601, ""},
		{"3601", "C11", 3601, ""},
		{"sapms01", "C11", 3601, ""},
		{"70000", "", 0, "1-65535"},
		{"abc!", "", 0, "port 1-65535 or a name"},
		{"", "QX9", 0, "unknown service sapmsQX9"},
		{"", "QX9", 0, "36 and the instance number"},
		{"sapmsQX9", "", 0, "unknown service sapmsQX9"},
	} {
		got, err := msgserver.Port(tc.service, tc.id)
		require.Equal(t, tc.want, got)
		if tc.text == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.text)
	}
	require.Equal(t, []string{"3601", "sapmsC11"}, []string{msgserver.ServiceName("3601", "C11"), msgserver.ServiceName("", "C11")})
}

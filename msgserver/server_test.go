package msgserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
)

// start serves over TCP until the test ends.
func start(t *testing.T, srv *msgserver.Server) (address string) {
	t.Helper()
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, msgserver.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.Zero(t, srv.Stats().Open)
		group.Wait()
	})
	return l.Addr().String()
}

func TestServerOverTCP(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	l := landscape(3)
	long := strings.Repeat("h", 255)
	l.Instances = append(l.Instances, msgserver.Instance{Name: "long", Host: long, Port: 9999, Address: netip.MustParseAddr("192.0.2.1")})
	l.Instances[1].Status = msgserver.Inactive
	l.Groups[strings.Repeat("G", 40)] = []string{"long"}
	l.Groups["g"] = []string{"long"}
	require.NoError(t, srv.Set(l))
	l.Groups["PUBLIC"][0] = "changed"
	address := start(t, srv)
	c := new(msgserver.Client)
	for _, want := range []string{"app0.example", "app2.example", "app0.example"} {
		got, err := c.Group(t.Context(), address, "PUBLIC")
		require.NoError(t, err)
		require.Equal(t, want, got.Host, "servers that are not active are left out")
	}
	for _, group := range []string{"g", strings.Repeat("G", 40)} {
		got, err := c.Group(t.Context(), address, group)
		require.NoError(t, err)
		require.Equal(t, msgserver.Target{Host: long, Port: 10099, SNCPort: 4899}, got)
	}
	for _, group := range []string{"NONE", "public", "X"} {
		_, err := c.Group(t.Context(), address, group)
		require.Equal(t, msgserver.OpNotSet, failure(t, err, "configuration", "not set (19)").OpCode)
	}
	entries, err := c.Servers(t.Context(), address)
	require.NoError(t, err)
	require.Equal(t, []any{4, strings.Repeat("h", 64), "sapdp99", [4]byte{192, 0, 2, 1}}, []any{len(entries), entries[3].Host, entries[3].Service, entries[3].IPv4})
	require.Eventually(t, func() bool { return srv.Stats().Open == 0 }, 10*time.Second, time.Millisecond, "clients log out")
	require.Equal(t, int64(9), srv.Stats().Logins)
	require.Equal(t, int64(8), srv.Stats().Groups)
}

func TestServerTextInterface(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	l := landscape(2)
	l.Instances[0].SNCName, l.Instances[0].Address = "p:CN=app0", netip.MustParseAddr("192.0.2.7")
	require.NoError(t, srv.Set(l))
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	h := new(msgserver.HTTP)
	app0 := msgserver.Target{Name: "app0", Host: "app0.example", Port: 3300, SNCPort: 4800, SNCName: "p:CN=app0"}
	got, err := h.Group(t.Context(), web.URL, "")
	require.NoError(t, err)
	require.Equal(t, app0, got)
	groups, err := h.GroupNames(t.Context(), web.URL)
	require.NoError(t, err)
	require.Equal(t, []msgserver.GroupInfo{
		{Name: "ONE", Target: msgserver.Target{Host: "192.0.2.7", Port: 3300, SNCPort: 4800}, Release: "758"},
		{Name: "PUBLIC", Target: msgserver.Target{Host: "app1.example", Port: 3301, SNCPort: 4801}, Release: "758"},
	}, groups, "the next one in turn, and none for a group without servers")
	servers, err := h.ServerNames(t.Context(), web.URL)
	require.NoError(t, err)
	require.Len(t, servers, 2)
	require.Equal(t, []string{"app0", "192.0.2.7", "DIA"}, []string{servers[0].Target.Name, servers[0].Address, servers[0].Services})
	_, err = h.Group(t.Context(), web.URL, "NONE")
	failure(t, err, "configuration")
	for _, path := range []string{"/", "/msgserver", "/msgserver/text/other"} {
		res, err := http.Get(web.URL + path)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, http.StatusNotFound, res.StatusCode)
	}
}

// conversation sends payloads to a server and gives the payloads of its answers.
func conversation(t *testing.T, srv *msgserver.Server, payloads ...[]byte) [][]byte {
	t.Helper()
	client, server := netfault.Pipe()
	var group sync.WaitGroup
	group.Go(func() { srv.ServeConn(server) })
	for _, p := range payloads {
		_, _ = client.Write(ni.AppendRecord(nil, p))
	}
	logout := msgserver.Message{Header: msgserver.Header{Version: 4, IFlag: msgserver.Logout}}
	_, _ = client.Write(ni.AppendRecord(nil, encode(t, &logout)))
	all, err := io.ReadAll(client)
	require.NoError(t, err)
	group.Wait()
	_ = client.Close()
	var out [][]byte
	for len(all) >= 4 {
		n := 4 + int(all[2])<<8 + int(all[3])
		out, all = append(out, all[4:n]), all[n:]
	}
	require.Empty(t, all)
	return out
}

// The table of spec 11 section 6, line by line.
func TestServerAnswers(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	require.NoError(t, srv.Set(landscape(1)))
	question := func(change func(m *msgserver.Message)) []byte {
		m := msgserver.Message{
			Header:    msgserver.Header{Version: 4, To: msgserver.MakeName("MSG_SERVER", 0), Flag: msgserver.Request, IFlag: msgserver.SendName, From: msgserver.MakeName("me", 'x')},
			Operation: &msgserver.Operation{Version: 1},
		}
		change(&m)
		return encode(t, &m)
	}
	operation := func(op msgserver.Opcode, body ...byte) []byte {
		return question(func(m *msgserver.Message) { m.Operation.Opcode, m.Body = op, body })
	}
	for name, payload := range map[string][]byte{
		"bad eye catcher": []byte(strings.Repeat("x", 110)),
		"short":           []byte("**MESSAGE**\x00\x04"),
	} {
		require.Empty(t, conversation(t, srv, payload), name)
	}
	for name, payload := range map[string][]byte{
		"one way":       question(func(m *msgserver.Message) { m.Header.Flag = msgserver.OneWay }),
		"other purpose": question(func(m *msgserver.Message) { m.Header.IFlag = msgserver.ModState }),
		"no operation":  question(func(m *msgserver.Message) { m.Operation = nil }),
	} {
		require.Empty(t, conversation(t, srv, payload), name)
	}
	out := conversation(t, srv, question(func(m *msgserver.Message) { m.Header.Version = 5 }), operation(msgserver.Codepage))
	require.Len(t, out, 1, "the connection ends")
	require.Equal(t, msgserver.Header{
		Version: 4, Error: msgserver.ErrorWrongVersion, To: msgserver.MakeName("me", 'x'), Flag: msgserver.Request, IFlag: msgserver.SendName,
		From: msgserver.MakeName("MSG_SERVER", ' '),
	}, message(t, out[0]).Header)
	require.Equal(t, [][]byte{[]byte("NI_PONG\x00")}, conversation(t, srv, []byte("NI_PING\x00")))

	for _, iflag := range []msgserver.IFlag{msgserver.Login, msgserver.Login2} {
		login := question(func(m *msgserver.Message) {
			m.Header.IFlag, m.Header.Domain, m.Header.Key, m.Header.Port, m.Operation = iflag, 1, [8]byte{7}, 3200, nil
		})
		out := conversation(t, srv, login, operation(msgserver.Codepage), operation(0x77), operation(msgserver.SetLogon), operation(msgserver.DumpInfo, 2), operation(msgserver.DumpInfo, make([]byte, 48)...))
		require.Len(t, out, 6)
		require.Equal(t, msgserver.Header{
			Version: 4, To: msgserver.MakeName("me", 'x'), Domain: 1, Reserved2: 1, Key: [8]byte{7}, Flag: msgserver.Request, IFlag: iflag,
			From: msgserver.MakeName("MSG_SERVER", ' '), Port: 3200,
		}, message(t, out[0]).Header)
		reply := message(t, out[1])
		require.Equal(t, []byte{0, 0, 4, 0x4c}, reply.Body)
		require.Equal(t, msgserver.MakeName("me", 'x'), reply.Header.To, "the asker's padding comes back")
		for i, want := range []msgserver.OpError{msgserver.OpUnknownOpcode, msgserver.OpDenied, msgserver.OpUnknownOpcode, msgserver.OpUnknownOpcode} {
			m := message(t, out[2+i])
			require.Equal(t, want, m.Operation.Error)
			require.Empty(t, m.Body)
		}
	}
	query := message(t, recorded(t)[2])
	for name, change := range map[string]func(m *msgserver.Message){
		"short":           func(m *msgserver.Message) { m.Body = m.Body[:91] },
		"version":         func(m *msgserver.Message) { m.Operation.Version = 2 },
		"length of group": func(m *msgserver.Message) { m.Body[43]++ },
		"with a host":     func(m *msgserver.Message) { m.Body = append(m.Body[:91:91], 1, 'x') },
	} {
		m := *query
		o := *query.Operation
		m.Operation, m.Body = &o, bytes.Clone(query.Body)
		change(&m)
		out := conversation(t, srv, encode(t, &m))
		require.Len(t, out, 1, name)
		require.Len(t, out[0], 114, name)
		require.Equal(t, msgserver.OpInvalid, message(t, out[0]).Operation.Error, name)
	}
	deny := &msgserver.Server{Access: func(net.Addr) bool { return false }}
	c := msgserver.Client{Dial: memory(t, deny, nil)}
	_, err := c.Group(t.Context(), "ms:3600", "G")
	failure(t, err, "denied", "MSEACCESSDENIED (-20)")
	require.Zero(t, deny.Stats().Logins)
}

func TestSetRefusesWhatNobodyCouldReach(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	good := msgserver.Instance{Name: "a", Host: "app", Port: 3200}
	require.NoError(t, srv.Set(msgserver.Landscape{Instances: []msgserver.Instance{good}, Groups: map[string][]string{"G": {"a"}}}))
	with := func(change func(i *msgserver.Instance)) []msgserver.Instance {
		i := good
		change(&i)
		return []msgserver.Instance{i}
	}
	for want, l := range map[string]msgserver.Landscape{
		"dispatcher port 0":         {Instances: with(func(i *msgserver.Instance) { i.Port = 0 })},
		"the name of the host":      {Instances: with(func(i *msgserver.Instance) { i.Host = "a b" })},
		"a name of its own":         {Instances: []msgserver.Instance{good, good}},
		"has 41 bytes, at most 40":  {Instances: with(func(i *msgserver.Instance) { i.Name = strings.Repeat("n", 41) })},
		"a separator":               {Instances: with(func(i *msgserver.Instance) { i.SNCName = "p:CN=a|b" })},
		"no instance \"b\"":         {Instances: []msgserver.Instance{good}, Groups: map[string][]string{"G": {"b"}}},
		"logon group: the name is":  {Groups: map[string][]string{"": nil}},
		"logon group: 41 bytes, at": {Groups: map[string][]string{strings.Repeat("G", 41): nil}},
	} {
		require.ErrorContains(t, srv.Set(l), want)
	}
	c := msgserver.Client{Dial: memory(t, srv, nil)}
	_, err := c.Group(t.Context(), "ms:3600", "G")
	require.NoError(t, err, "nothing changed")
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &msgserver.Server{MaxConnections: 2}
		var clients []net.Conn
		for range 3 {
			client, server := netfault.Pipe()
			clients = append(clients, client)
			go srv.ServeConn(server)
			synctest.Wait()
		}
		require.Equal(t, 2, srv.Stats().Open)
		_, err := clients[2].Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "one too many")
		begin := time.Now()
		_, err = clients[0].Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, msgserver.DefaultIdleLimit, time.Since(begin))
		synctest.Wait()
		require.Zero(t, srv.Stats().Open)
		client, server := netfault.Pipe()
		go srv.ServeConn(server)
		_, err = client.Write([]byte("\x00\x00\x04\x01"))
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "a record that is too long")
		client, server = netfault.Pipe()
		go srv.ServeConn(server)
		synctest.Wait()
		require.NoError(t, srv.Close())
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		synctest.Wait()
	})
	srv := new(msgserver.Server)
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:0", "nonsense"} {
		_, err := srv.Listen(t.Context(), address)
		require.Error(t, err, address)
	}
	l, err := srv.Listen(context.Background(), ":0")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(l.Addr().String(), "127.0.0.1:"))
	require.NoError(t, srv.Close())
	require.ErrorIs(t, srv.Serve(l), msgserver.ErrServerClosed)
}

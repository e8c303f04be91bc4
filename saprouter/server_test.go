package saprouter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"

	"github.com/purerfc/purerfc/saprouter"
)

func table(t testing.TB, text string) saprouter.Permissions {
	t.Helper()
	p, err := saprouter.ParsePermissions(strings.NewReader(text))
	require.NoError(t, err)
	return p
}

// start serves a router on loopback until the test ends; it gives its route string.
func start(t *testing.T, srv *saprouter.Server) (host, port string) {
	t.Helper()
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, saprouter.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.Zero(t, srv.Stats().Open)
		group.Wait()
	})
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port
}

// echo is a target that sends back what it gets, then its farewell once the client has ended
// its direction.
func echo(t *testing.T) (host, port string) {
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
			group.Go(func() {
				_, _ = io.Copy(nc, nc)
				_, _ = io.WriteString(nc, "bye")
				_ = nc.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port
}

func routers(t *testing.T, text string) *saprouter.Dialer {
	t.Helper()
	r, err := saprouter.ParseRouters(text)
	require.NoError(t, err)
	return &saprouter.Dialer{Routers: r}
}

// One, two and three routers; names that only a router knows; a half-closed connection.
func TestServerTravelsAndKeepsHalfClosedConnections(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "app.inside" || strings.HasPrefix(host, "router") {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	ports := func(service string) (int, error) {
		var n int
		if service != "sapgw77" {
			return 0, errors.New("unknown")
		}
		_, err := fmt.Sscan(target, &n)
		return n, err
	}
	var text strings.Builder
	for hops := 1; hops <= 3; hops++ {
		srv := &saprouter.Server{
			Name: fmt.Sprintf("router%d", hops), Permissions: table(t, "P 127.0.0.1 * * pw"+fmt.Sprint(hops)), LookupHost: lookup, LookupPort: ports,
		}
		host, port := start(t, srv)
		text.WriteString("/H/" + host + "/S/" + port + "/W/pw" + fmt.Sprint(hops))
		d := routers(t, text.String())
		nc, err := d.DialContext(t.Context(), "tcp", "app.inside:sapgw77")
		require.NoError(t, err, text.String())
		_, err = io.WriteString(nc, "hello through "+srv.Name)
		require.NoError(t, err)
		require.NoError(t, nc.(*net.TCPConn).CloseWrite())
		got, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Equal(t, "hello through "+srv.Name+"bye", string(got))
		require.NoError(t, nc.Close())
		require.Equal(t, int64(1), srv.Stats().Routed)

		facts := d.Probe(t.Context(), "app.inside:sapgw77")
		require.Len(t, facts, hops+1)
		for i, f := range facts {
			require.NoError(t, f.Err)
			require.True(t, f.Reached)
			require.Equal(t, []any{i + 1, i == hops}, []any{f.Hop, f.Target})
			if !f.Target {
				require.Equal(t, uint8(40), f.NIVersion)
			}
		}
	}
	// The farthest router speaks for itself, and the error says which hop it is about.
	d := routers(t, text.String())
	for _, tc := range []struct {
		target string
		code   int32
	}{{"nowhere:3300", -90}, {"app.inside:sapgw78", -91}, {"app.inside:1", -92}} {
		_, err := d.DialContext(t.Context(), "tcp", tc.target)
		e := failure(t, err, "communication", "SAProuter on 'router3'")
		require.Equal(t, tc.code, e.Refusal.Code)
		require.Contains(t, []int{0, 4}, e.Hop)
	}
	facts := routers(t, strings.Replace(text.String(), "pw2", "wrong", 1)).Probe(t.Context(), "app.inside:sapgw77")
	require.Len(t, facts, 3)
	require.True(t, facts[1].Reached)
	require.Equal(t, 3, failure(t, facts[2].Err, "denied", "router2: route permission denied").Hop)
	require.ErrorContains(t, routers(t, text.String()).Probe(t.Context(), "x")[0].Err, "no host:port")
	require.ErrorContains(t, routers(t, "/H/aa/S/no-such-service").Probe(t.Context(), "x:1")[0].Err, "services file")
}

// 10KBLAZE, CVE-2013-7093, CVE-2022-27668 and security.md: what a server does by itself.
func TestServerDefaultsDeny(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	srv := new(saprouter.Server)
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		_, err := srv.Listen(t.Context(), address)
		require.ErrorContains(t, err, "AllowRemote", address)
	}
	_, err := srv.Listen(t.Context(), "nonsense")
	require.ErrorContains(t, err, "host:port")
	l, err := srv.Listen(t.Context(), ":0")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(l.Addr().String(), "127.0.0.1:"))
	require.NoError(t, l.Close())

	host, port := start(t, srv)
	_, err = routers(t, "/H/"+host+"/S/"+port).DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
	failure(t, err, "denied", "route permission denied (127.0.0.1 to 127.0.0.1, "+target+")", "hop 2")
	for _, command := range []string{"\x05shutdown", "\x02info", "\x09trace"} {
		answer := raw(t, host, port, ni.AppendRecord(nil, []byte("ROUTER_ADM\x00\x28"+command)))
		e, ok := ni.ParseRouterError(answer)
		require.True(t, ok)
		require.EqualValues(t, -99, e.Code)
	}
	require.Equal(t, []int64{4, 1, 3, 0}, []int64{srv.Stats().Accepted, srv.Stats().Denied, srv.Stats().Failed, srv.Stats().Routed})
}

// raw sends bytes to a router and gives the payload of its last record.
func raw(t *testing.T, host, port string, b []byte) (last []byte) {
	t.Helper()
	nc, err := net.Dial("tcp", net.JoinHostPort(host, port))
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write(b)
	require.NoError(t, err)
	require.NoError(t, nc.(*net.TCPConn).CloseWrite())
	all, err := io.ReadAll(nc)
	require.NoError(t, err)
	for len(all) >= 4 {
		n := 4 + int(all[2])<<8 + int(all[3])
		require.LessOrEqual(t, n, len(all))
		last, all = all[4:n], all[n:]
	}
	require.Empty(t, all)
	return last
}

// Requests that break the format are answered with a code and reach nobody.
func TestServerRefusesMalformedRequests(t *testing.T) {
	t.Parallel()
	srv := &saprouter.Server{Permissions: table(t, "P * * *")}
	host, port := start(t, srv)
	good := request(t, "/H/r1/W/"+canary+"/H/127.0.0.1/S/1")
	with := func(change func(q *saprouter.Request)) []byte {
		q := *good
		q.Hops = append(saprouter.Route{}, good.Hops...)
		change(&q)
		return encode(t, &q)
	}
	many := make(saprouter.Route, 33)
	for i := range many {
		many[i].Host = "aa"
	}
	for name, tc := range map[string]struct {
		payload []byte
		code    int32
		text    string
	}{
		"version":       {with(func(q *saprouter.Request) { q.Version = 1 }), -96, "version of the route information: 1"},
		"rest nodes":    {with(func(q *saprouter.Request) { q.RestNodes = 2 }), -8, "invalid route received"},
		"talk mode":     {with(func(q *saprouter.Request) { q.TalkMode = saprouter.RouterIO }), -8, "NI_ROUT_IO"},
		"host":          {with(func(q *saprouter.Request) { q.Hops[1].Host = "a b" }), -8, "invalid route received"},
		"33 hops":       {with(func(q *saprouter.Request) { q.Hops, q.RestNodes, q.Offset = many, 32, 5 }), -8, "33 hops"},
		"target's word": {with(func(q *saprouter.Request) { q.Hops[1].Password = canary }), -8, "hop 2 is the target"},
		"cut":           {encode(t, good)[:40], -8, "invalid route received"},
		"garbage":       {[]byte("hello"), -8, "invalid route received"},
		"SNC":           {[]byte("NI_RTERR\x00\x28\x46\x00\x00\x00\x00\x00\x00\x00\x00\x00SNCFRAME"), -104, "SNC is not supported"},
		"another error": {refused(t, -94, "x")[4:], -8, "invalid route received"},
		"unspecified":   {with(func(q *saprouter.Request) { q.Hops[1].Host = "0.0.0.0" }), -90, "unknown"},
		"refused":       {encode(t, good), -92, "not reached"},
	} {
		e, ok := ni.ParseRouterError(raw(t, host, port, ni.AppendRecord(nil, tc.payload)))
		require.True(t, ok, name)
		require.Equal(t, tc.code, e.Code, "%s: %s", name, e.Info)
		require.Contains(t, e.Info.String(), tc.text, name)
		require.Equal(t, []string{fmt.Sprint(tc.code), "40", "SAProuter on 'saprouter'"}, []string{e.Info.ReturnCode, e.Info.Version, e.Info.Location}, name)
		require.NotContains(t, fmt.Sprintf("%+v", e.Info), canary, name)
	}
	// What is no record at all, or too long a one.
	for _, b := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x10\x01", "\x7f\xff\xff\xff"} {
		e, ok := ni.ParseRouterError(raw(t, host, port, []byte(b)))
		require.True(t, ok, "%q", b)
		require.EqualValues(t, -8, e.Code)
	}
	require.Empty(t, raw(t, host, port, []byte("\x00\x00\x00\x40NI_")), "a cut record gets no answer")
	// Pings, empty records and the version before the route.
	pings := strings.Repeat("\x00\x00\x00\x08NI_PING\x00\x00\x00\x00\x00", 3)
	require.Equal(t, "NI_PONG\x00", string(raw(t, host, port, []byte(pings))))
	version := raw(t, host, port, []byte("\x00\x00\x00\x18NI_RTERR\x00\x28\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00*ERR"))
	require.Equal(t, "NI_RTERR\x00\x28\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", string(version))
	e, ok := ni.ParseRouterError(raw(t, host, port, []byte(strings.Repeat("\x00\x00\x00\x00", 100))))
	require.True(t, ok)
	require.Contains(t, e.Info.Text, "no route received")
	require.Zero(t, srv.Stats().Routed)
}

func TestServerRefusesLoops(t *testing.T) {
	t.Parallel()
	srv := &saprouter.Server{Permissions: table(t, "P * * *")}
	host, port := start(t, srv)
	me := "/H/" + host + "/S/" + port
	_, err := routers(t, me+me+me).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	failure(t, err, "communication", "the route leads back to this router", "NIEROUT_INTERN")
	_, err = routers(t, me).DialContext(t.Context(), "tcp", host+":"+port)
	failure(t, err, "communication", "the route leads back to this router")

	all := &saprouter.Server{Permissions: table(t, "P * * *"), AllowRemote: true}
	l, err := all.Listen(t.Context(), "0.0.0.0:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() { _ = all.Serve(l) })
	defer group.Wait()
	defer all.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	for _, spelling := range []string{"127.0.0.1", "localhost", "127.0.0.2", "::ffff:127.0.0.1"} {
		_, err = routers(t, "/H/127.0.0.1/S/"+port).DialContext(t.Context(), "tcp", net.JoinHostPort(spelling, port))
		failure(t, err, "communication", "the route leads back to this router")
	}
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	for name, srv := range map[string]*saprouter.Server{
		"all":         {MaxConnections: 2},
		"per address": {MaxPerAddress: 2},
	} {
		srv.Permissions = table(t, "P * * *")
		host, port := start(t, srv)
		d := routers(t, "/H/"+host+"/S/"+port)
		var open []net.Conn
		for range 2 {
			nc, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
			require.NoError(t, err, name)
			open = append(open, nc)
		}
		_, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
		failure(t, err, "communication", "NIEROUT_OVERFLOW", "too many clients")
		require.Equal(t, int64(1), srv.Stats().Full)
		for _, nc := range open {
			require.NoError(t, nc.Close())
		}
		require.Eventually(t, func() bool { return srv.Stats().Open == 0 }, 10*time.Second, time.Millisecond)
		nc, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
		require.NoError(t, err, "places come back")
		require.NoError(t, nc.Close())
	}
}

// pipes lets a router dial over memory, for tests of time.
func pipes(t *testing.T, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := netfault.Pipe()
		group.Go(func() { serve(far) })
		return near, nil
	}
}

// A client that sends no route, a hop that does not answer, a connection without traffic:
// each limit ends it, and nothing is left.
func TestServerEndsWhatHangs(t *testing.T) {
	t.Parallel()
	hang := func(nc net.Conn) {
		_, _ = io.Copy(io.Discard, nc)
		_ = nc.Close()
	}
	any4 := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	for name, tc := range map[string]struct {
		srv   *saprouter.Server
		dial  func(ctx context.Context, network, address string) (net.Conn, error)
		route bool
		want  time.Duration
		kind  string // of the client's error; none: the route stands
	}{
		"F-23 no route":    {&saprouter.Server{}, nil, false, saprouter.DefaultRequestLimit, ""},
		"own limit":        {&saprouter.Server{RequestLimit: time.Second}, nil, false, time.Second, ""},
		"unreachable":      {&saprouter.Server{}, func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, true, saprouter.DefaultDialLimit, "communication"},
		"own dial limit":   {&saprouter.Server{DialLimit: time.Second}, func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, true, time.Second, "communication"},
		"nothing happens":  {&saprouter.Server{IdleLimit: time.Hour}, nil, true, time.Hour, "none"},
		"one way is quiet": {&saprouter.Server{IdleLimit: time.Minute}, nil, true, 3 * time.Minute, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := tc.srv
				srv.Permissions, srv.LookupHost, srv.Dial = table(t, "P * * *"), any4, tc.dial
				if srv.Dial == nil {
					srv.Dial = pipes(t, hang)
				}
				client, server := netfault.Pipe()
				defer client.Close()
				begin := time.Now()
				done := make(chan time.Duration, 1)
				go func() {
					srv.ServeConn(t.Context(), server)
					done <- time.Since(begin)
				}()
				if tc.route {
					d := saprouter.Dialer{}
					_, err := d.Connect(t.Context(), client, saprouter.Route{{Host: "r1"}, {Host: "app", Service: "1"}})
					if tc.kind == "none" {
						require.NoError(t, err)
					} else {
						failure(t, err, tc.kind, "NIEROUT_CONN_REFUSED")
					}
				}
				if name == "one way is quiet" {
					for range 4 { // the client talks, the target never does
						timer := time.NewTimer(40 * time.Second)
						<-timer.C
						_, err := client.Write([]byte("x"))
						require.NoError(t, err)
					}
					tc.want = 4*40*time.Second + time.Minute
				}
				got := <-done
				if name == "one way is quiet" {
					require.LessOrEqual(t, got, tc.want)
					require.Greater(t, got, 4*40*time.Second)
					return
				}
				require.Equal(t, tc.want, got)
			})
		})
	}
}

// halfPipe is a pipe whose ends can be closed for writing, by a mark that the other end
// takes for the end of the stream.
type halfPipe struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (h *halfPipe) CloseWrite() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// A target that neither answers nor leaves once the client has ended its direction.
func TestServerEndsHalfOpenConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var far *halfPipe
		srv := &saprouter.Server{
			Permissions: table(t, "P * * *"), HalfOpenLimit: time.Minute,
			LookupHost: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			},
		}
		srv.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, end := netfault.Pipe()
			far = &halfPipe{Conn: near, closed: make(chan struct{})}
			go func() {
				<-far.closed
				for range 3 { // a slow answer may take longer than the limit in all
					timer := time.NewTimer(50 * time.Second)
					<-timer.C
					_, _ = end.Write([]byte("x"))
				}
				_, _ = io.Copy(io.Discard, end)
				_ = end.Close()
			}()
			return far, nil
		}
		client, server := netfault.Pipe()
		near := &halfPipe{Conn: netfault.New(server, netfault.Faults{CutReadAfter: int64(4 + len(encode(t, request(t, "/H/r1/H/app/S/1"))))}), closed: make(chan struct{})}
		begin := time.Now()
		done := make(chan time.Duration, 1)
		go func() {
			srv.ServeConn(t.Context(), near)
			done <- time.Since(begin)
		}()
		d := saprouter.Dialer{}
		_, err := d.Connect(t.Context(), client, saprouter.Route{{Host: "r1"}, {Host: "app", Service: "1"}})
		require.NoError(t, err)
		got, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Equal(t, "xxx", string(got))
		require.Equal(t, 3*50*time.Second+time.Minute, <-done)
		_ = client.Close()
	})
}

func TestServerCloseEndsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &saprouter.Server{
			Permissions: table(t, "P * * *"),
			LookupHost: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			},
		}
		srv.Dial = pipes(t, func(nc net.Conn) {
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		})
		var clients []net.Conn
		for range 3 {
			client, server := netfault.Pipe()
			clients = append(clients, client)
			go srv.ServeConn(t.Context(), server)
		}
		d := saprouter.Dialer{}
		_, err := d.Connect(t.Context(), clients[0], saprouter.Route{{Host: "r1"}, {Host: "app", Service: "1"}})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 3, srv.Stats().Open)
		require.NoError(t, srv.Close())
		for _, c := range clients {
			_, err := c.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		}
		synctest.Wait()
		require.Zero(t, srv.Stats().Open)
		_, server := netfault.Pipe()
		srv.ServeConn(t.Context(), server)
		l, err := srv.Listen(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorIs(t, srv.Serve(l), saprouter.ErrServerClosed)
	})
}

// A table of S lines keeps other protocols out, one of P lines lets them through.
func TestServerAndRawConnections(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	for action, ok := range map[string]bool{"S": false, "P": true} {
		host, port := start(t, &saprouter.Server{Permissions: table(t, action+" 127.0.0.1 * "+target)})
		d := routers(t, "/H/"+host+"/S/"+port)
		d.TalkMode = saprouter.RawIO
		nc, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
		if !ok {
			failure(t, err, "communication", "NIEROUT_MODE_DENIED (-101)", "native routing not permitted")
			continue
		}
		require.NoError(t, err)
		_, err = io.WriteString(nc, "no record")
		require.NoError(t, err)
		got := make([]byte, 9)
		_, err = io.ReadFull(nc, got)
		require.NoError(t, err)
		require.Equal(t, "no record", string(got))
		require.NoError(t, nc.Close())
	}
}

// A Dialer on top of a Dialer: the routers of the inner one come first, and each answers for
// its own part of the way.
func TestDialersStack(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	host1, port1 := start(t, &saprouter.Server{Permissions: table(t, "P 127.0.0.1 * * one")})
	host2, port2 := start(t, &saprouter.Server{Permissions: table(t, "P 127.0.0.1 * * two")})
	inner := routers(t, "/H/"+host1+"/S/"+port1+"/W/one")
	outer := routers(t, "/H/"+host2+"/S/"+port2+"/W/two")
	outer.Dial = inner.DialContext
	nc, err := outer.DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
	require.NoError(t, err)
	_, err = io.WriteString(nc, "stacked")
	require.NoError(t, err)
	got := make([]byte, 7)
	_, err = io.ReadFull(nc, got)
	require.NoError(t, err)
	require.Equal(t, "stacked", string(got))
	require.NoError(t, nc.Close())
}

// The log says who went where, with masked passwords.
func TestServerLog(t *testing.T) {
	t.Parallel()
	_, target := echo(t)
	var mu sync.Mutex
	var log strings.Builder
	srv := &saprouter.Server{
		Permissions: table(t, "P * 127.0.0.1 "+target+" "+canary+"\nD * *"),
		Logger: slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(b)
		}), nil)),
	}
	host, port := start(t, srv)
	nc, err := routers(t, "/H/"+host+"/S/"+port+"/W/"+canary).DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
	require.NoError(t, err)
	// The line stands in the log before the first byte travels.
	_, err = io.WriteString(nc, "x")
	require.NoError(t, err)
	_, err = io.ReadFull(nc, make([]byte, 1))
	require.NoError(t, err)
	_ = nc.Close()
	_, err = routers(t, "/H/"+host+"/S/"+port+"/W/"+canary+"x").DialContext(t.Context(), "tcp", "127.0.0.1:"+target)
	failure(t, err, "denied")
	_, err = routers(t, "/H/"+host+"/S/"+port+"/W/"+canary).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	failure(t, err, "denied")
	require.NoError(t, srv.Close())
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, log.String(), "route travelled")
	require.Contains(t, log.String(), "rc=-94 line=1")
	require.Contains(t, log.String(), "rc=-94 line=2")
	require.Contains(t, log.String(), "/W/***/H/127.0.0.1")
	require.NotContains(t, log.String(), canary)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

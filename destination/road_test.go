package destination_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/serialization"
)

// routePassword must never come out.
const routePassword = "r0uteKanarY"

// serves runs a server until the test ends.
func serves(t *testing.T, l net.Listener, serve func(net.Listener) error, stop func() error, closed error) {
	t.Helper()
	var group sync.WaitGroup
	group.Go(func() {
		if err := serve(l); !errors.Is(err, closed) {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		require.NoError(t, stop())
		group.Wait()
	})
}

// router starts a router that knows hosts by name, and gives its part of a route.
func router(t *testing.T, hosts map[string]string, table string) string {
	t.Helper()
	permissions, err := saprouter.ParsePermissions(strings.NewReader(table))
	require.NoError(t, err)
	srv := &saprouter.Server{Permissions: permissions, LookupHost: func(_ context.Context, host string) ([]netip.Addr, error) {
		a, ok := hosts[host]
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}, LookupPort: func(service string) (int, error) {
		return strconv.Atoi(hosts[service])
	}}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	serves(t, l, srv.Serve, srv.Close, saprouter.ErrServerClosed)
	host, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return "/H/" + host + "/S/" + port + "/W/" + routePassword
}

// messages starts a message server and gives its port.
func messages(t *testing.T, srv *msgserver.Server) (port string) {
	t.Helper()
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	serves(t, l, srv.Serve, srv.Close, msgserver.ErrServerClosed)
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// instance is a system as a message server knows it: the gateway's port is 100 more than what
// it tells.
func instance(t *testing.T, name string, address string) msgserver.Instance {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return msgserver.Instance{Name: name, Host: host, Port: uint16(n - 100)}
}

func setLandscape(t *testing.T, srv *msgserver.Server, list ...msgserver.Instance) {
	t.Helper()
	l := msgserver.Landscape{Instances: list, Groups: map[string][]string{"NONE": {}}}
	for _, i := range list {
		l.Groups["PUBLIC"] = append(l.Groups["PUBLIC"], i.Name)
	}
	require.NoError(t, srv.Set(l))
}

// callSuite is what has to work over every road: small and large values, tables, formats,
// exceptions, calls one after the other.
func callSuite(t *testing.T, conn *rfc.Conn) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, conn.Ping(ctx))
	for _, text := range []string{"hello", strings.Repeat("x", 255), "gr\u00fc\u00dfe"} {
		res, err := conn.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": text})
		require.NoError(t, err)
		out, err := res.Values()
		require.NoError(t, err)
		require.Equal(t, text, out["ECHOTEXT"])
	}
	for _, f := range []serialization.Format{serialization.Classic, serialization.ColumnFast} {
		res, err := conn.Call(ctx, "STFC_STRUCTURE", rfc.Params{
			"IMPORTSTRUCT": rfc.Params{"RFCCHAR4": "ABCD", "RFCINT4": 42},
			"RFCTABLE":     []rfc.Params{{"RFCCHAR4": "ROW1"}, {"RFCCHAR4": "ROW2"}},
		}, rfc.WithFormat(f))
		require.NoError(t, err)
		out, err := res.Values()
		require.NoError(t, err)
		require.Len(t, out["RFCTABLE"], 3)
	}
	res, err := conn.Call(ctx, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "ZBIGTAB", "DELIMITER": "|"})
	require.NoError(t, err)
	out, err := res.Values()
	require.NoError(t, err)
	require.Len(t, out["DATA"], rfctest.DefaultBigTableRows)
	_, err = conn.Call(ctx, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "NO_SUCH_TABLE"})
	require.ErrorIs(t, err, rfc.ErrABAPException)
	require.NoError(t, conn.Ping(ctx), "the connection survives an exception")
}

// TestRoads runs the suite over each road: direct, through one and two routers, to a server of
// a logon group, and to one through two routers, which know hosts and services that this
// machine does not.
func TestRoads(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	host, port := sys.Addr()
	ms := new(msgserver.Server)
	setLandscape(t, ms, instance(t, "app1", sys.Address()))
	msPort := messages(t, ms)
	text := httptest.NewServer(ms.Handler())
	t.Cleanup(text.Close)
	hidden := new(msgserver.Server)
	setLandscape(t, hidden, msgserver.Instance{Name: "app1", Host: "app.inside", Port: instance(t, "", sys.Address()).Port})
	hosts := map[string]string{"127.0.0.1": "127.0.0.1", "app.inside": host, "ms.inside": host, "sapmsC11": messages(t, hidden)}
	// The first router lets nobody but the second one be reached, and the other way round.
	second := router(t, hosts, "P*,0 127.0.0.1 app.inside * "+routePassword+"\nP*,0 * ms.inside sapmsC11 "+routePassword)
	first := router(t, hosts, "P 127.0.0.1 127.0.0.1 * "+routePassword)
	one := router(t, hosts, "S * * * "+routePassword)
	for name, change := range map[string]func(c *destination.Config){
		"direct":       func(*destination.Config) {},
		"one router":   func(c *destination.Config) { c.SAProuter = saprouter.RouteString(one) },
		"trailing /H/": func(c *destination.Config) { c.SAProuter = saprouter.RouteString(one + "/H/") },
		"two routers": func(c *destination.Config) {
			c.ApplicationServer, c.SAProuter = "app.inside", saprouter.RouteString(first+second)
		},
		"another server": func(c *destination.Config) {
			c.Gateway, c.ApplicationServer, c.SAProuter = "app.inside", "virtual", saprouter.RouteString(first+second)
		},
		"group": func(c *destination.Config) {
			c.MessageServer, c.MessageService = "127.0.0.1", msPort
		},
		"group by the text interface": func(c *destination.Config) { c.MessageServer, c.MessageService = "127.0.0.1", text.URL },
		"group through a router": func(c *destination.Config) {
			c.MessageServer, c.MessageService, c.SAProuter = "127.0.0.1", msPort, saprouter.RouteString(one)
		},
		"group by its system through two routers": func(c *destination.Config) {
			c.MessageServer, c.SystemID, c.Group, c.SAProuter = "ms.inside", "C11", "PUBLIC", saprouter.RouteString(first+second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := sys.Config()
			change(&cfg)
			if cfg.MessageServer != "" {
				cfg.ApplicationServer, cfg.SystemNumber, cfg.GatewayService = "", "", ""
			}
			require.NoError(t, cfg.Validate())
			ctx, trace := steps(t.Context())
			conn, err := destination.Dial(ctx, cfg)
			require.NoError(t, err)
			callSuite(t, conn)
			require.NoError(t, conn.Close())
			want := []string{"start dns", "done dns true", "start tcp", "done tcp true"}
			if cfg.SAProuter != "" {
				want = append(want, "start route", "done route true")
			}
			if cfg.MessageServer != "" {
				want = append([]string{"start message server", "done message server true"}, want...)
			}
			var got []string
			for _, s := range *trace {
				if strings.HasPrefix(s, "start ni") {
					break
				}
				if strings.HasPrefix(s, "start") || strings.HasPrefix(s, "done") {
					got = append(got, s)
				}
			}
			require.Equal(t, want, got)
			silent(t, routePassword, cfg, &cfg)

			// The same through a pool.
			d, err := destination.New(cfg)
			require.NoError(t, err)
			for range 3 {
				_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "pooled"})
				require.NoError(t, err)
			}
			require.EqualValues(t, 1, d.Stats().Opened)
			require.NoError(t, d.Close(context.Background()))
			silent(t, routePassword, d)
		})
	}
	_ = port
}

// counting counts how often a side that has written waits for the other one, over all its
// connections, and the connections: those are round trips of TCP.
type counting struct {
	turns, dials atomic.Int64
}

func (c *counting) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.dials.Add(1)
	return &turnConn{Conn: nc, count: &c.turns}, nil
}

func (c *counting) take() int64 { return c.turns.Swap(0) + c.dials.Swap(0) }

type turnConn struct {
	net.Conn
	count *atomic.Int64
	wrote atomic.Bool
}

func (c *turnConn) Write(p []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(p)
}

func (c *turnConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.wrote.Swap(false) {
		c.count.Add(1)
	}
	return n, err
}

// Round trips to an open connection, counted and not timed: one more through routers,
// however many there are, three for the question for a group (a connection of TCP, login,
// query), none while its answer is young.
func TestRoundTripsOfRoads(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	ms := new(msgserver.Server)
	setLandscape(t, ms, instance(t, "app1", sys.Address()))
	msPort := messages(t, ms)
	hosts := map[string]string{"127.0.0.1": "127.0.0.1"}
	one, two := router(t, hosts, "P"), router(t, hosts, "P")
	var c counting
	open := func(change func(*destination.Config)) int64 {
		cfg := sys.Config()
		cfg.DialContext = c.dial
		change(&cfg)
		conn, err := destination.Dial(t.Context(), cfg)
		require.NoError(t, err)
		n := c.take()
		require.NoError(t, conn.Close())
		c.take()
		return n
	}
	direct := open(func(*destination.Config) {})
	require.EqualValues(t, 5, direct, "TCP, gateway record, F_INITIALIZE, F_ALLOCATE, logon")
	require.Equal(t, direct+1, open(func(c *destination.Config) { c.SAProuter = saprouter.RouteString(one) }))
	require.Equal(t, direct+1, open(func(c *destination.Config) { c.SAProuter = saprouter.RouteString(one + two) }))
	grouped := func(c *destination.Config) {
		c.ApplicationServer, c.SystemNumber, c.GatewayService = "", "", ""
		c.MessageServer, c.MessageService = "127.0.0.1", msPort
	}
	require.Equal(t, direct+3, open(grouped))
	cached := &msgserver.Groups{MaxAge: time.Hour}
	young := func(c *destination.Config) {
		grouped(c)
		c.Groups = cached
	}
	require.Equal(t, direct+3, open(young))
	require.Equal(t, direct, open(young))
	require.EqualValues(t, 2, ms.Stats().Groups)
}

// systems are several hosts of one system.
type systems struct {
	list      []*rfctest.System
	instances []msgserver.Instance
}

func hostsOf(t *testing.T, n int) (s systems) {
	t.Helper()
	for i := range n {
		sys := rfctest.NewSystem(t)
		s.list = append(s.list, sys)
		s.instances = append(s.instances, instance(t, fmt.Sprintf("app%d", i+1), sys.Address()))
	}
	return s
}

func (s *systems) config(port string) destination.Config {
	cfg := s.list[0].Config()
	cfg.Name, cfg.ApplicationServer, cfg.SystemNumber, cfg.GatewayService = "ABC", "", "", ""
	cfg.MessageServer, cfg.MessageService = "127.0.0.1", port
	return cfg
}

// A pool spreads over the servers of a group; when one dies, calls go on over the others, and
// the dead one is avoided; when the message server dies, what it said before serves.
func TestPoolOverAGroup(t *testing.T) {
	t.Parallel()
	s := hostsOf(t, 3)
	ms := new(msgserver.Server)
	setLandscape(t, ms, s.instances...)
	cfg := s.config(messages(t, ms))
	events := make(chan msgserver.Event, 100)
	cfg.Groups = &msgserver.Groups{Event: func(e msgserver.Event) { events <- e }}
	cfg.Pool.Capacity = new(9)
	var picks sync.Map
	ctx := destination.WithTrace(t.Context(), &destination.Trace{Selected: func(p msgserver.Pick) { picks.Store(p.Target.Address(), p) }})
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	require.NoError(t, d.Warm(ctx, 9))
	for _, sys := range s.list {
		require.Equal(t, 3, sys.Server().Stats().Open)
		_, ok := picks.Load(sys.Address())
		require.True(t, ok)
	}
	require.NoError(t, s.list[1].Close())
	work := func(n int) {
		t.Helper()
		for range n {
			_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
			require.NoError(t, err)
		}
	}
	require.NoError(t, d.Warm(ctx, 9))
	require.Equal(t, 9, s.list[0].Server().Stats().Open+s.list[2].Server().Stats().Open)
	work(20)
	e := <-events
	require.Equal(t, msgserver.TargetFailed, e.Kind)
	require.Equal(t, s.list[1].Address(), e.Target.Address())

	require.NoError(t, ms.Close())
	require.NoError(t, s.list[2].Close())
	require.NoError(t, d.Warm(ctx, 9))
	require.Equal(t, 9, s.list[0].Server().Stats().Open)
	work(20)
	kinds := map[msgserver.EventKind]bool{}
	for len(events) > 0 {
		kinds[(<-events).Kind] = true
	}
	require.True(t, kinds[msgserver.StaleUsed] && kinds[msgserver.ServerFailed], "%v", kinds)
}

// TestHostProcess is the program of the processes that the next test starts.
func TestHostProcess(t *testing.T) {
	if os.Getenv("PURERFC_HOST_PROCESS") == "" {
		t.Log("only with PURERFC_HOST_PROCESS, as another test starts it")
		return
	}
	sys := rfctest.NewSystem(t)
	fmt.Println("address", sys.Address())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
}

// Three processes behind one logon group; one of them is killed.
func TestGroupOverThreeProcesses(t *testing.T) {
	t.Parallel()
	var (
		instances []msgserver.Instance
		processes []*exec.Cmd
	)
	for i := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "PURERFC_HOST_PROCESS=1")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
		})
		lines := bufio.NewScanner(out)
		address := ""
		for address == "" && lines.Scan() {
			address, _ = strings.CutPrefix(lines.Text(), "address ")
			if !strings.Contains(lines.Text(), "address ") {
				address = ""
			}
		}
		instances = append(instances, instance(t, fmt.Sprintf("app%d", i+1), address))
		processes = append(processes, cmd)
	}
	ms := new(msgserver.Server)
	setLandscape(t, ms, instances...)
	cfg := valid()
	cfg.User, cfg.Password, cfg.Client = rfctest.DefaultUser, rfctest.DefaultPassword, rfctest.DefaultClient
	cfg.ApplicationServer, cfg.SystemNumber = "", ""
	cfg.MessageServer, cfg.MessageService = "127.0.0.1", messages(t, ms)
	cfg.Groups = new(msgserver.Groups)
	reached := func() (ports []int) {
		for range 3 {
			ctx := destination.WithTrace(t.Context(), &destination.Trace{Selected: func(p msgserver.Pick) { ports = append(ports, p.Target.Port) }})
			conn, err := destination.Dial(ctx, cfg)
			require.NoError(t, err)
			require.NoError(t, conn.Ping(t.Context()))
			require.NoError(t, conn.Close())
		}
		return ports
	}
	var all []int
	for _, i := range instances {
		all = append(all, int(i.Port)+100)
	}
	require.Equal(t, all, reached())
	require.NoError(t, processes[1].Process.Kill())
	_ = processes[1].Wait()
	for _, port := range reached() {
		require.NotEqual(t, all[1], port)
	}
}

// F-14 to F-20 and what else goes wrong on a road: class, step, outcome, text, no password.
func TestF14RoadErrors(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	hosts := map[string]string{"127.0.0.1": "127.0.0.1"}
	denying := router(t, hosts, "P * 127.0.0.1 1 *")
	open := router(t, hosts, "P")
	s := hostsOf(t, 1)
	ms := new(msgserver.Server)
	setLandscape(t, ms, s.instances...)
	msPort := messages(t, ms)
	dead := rfctest.NewSystem(t)
	lost := new(msgserver.Server)
	setLandscape(t, lost, instance(t, "dead", dead.Address()))
	lostPort := messages(t, lost)
	require.NoError(t, dead.Close())
	denied := &msgserver.Server{Access: func(net.Addr) bool { return false }}
	deniedPort := messages(t, denied)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, nobody, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	grouped := func(c *destination.Config) {
		c.ApplicationServer, c.SystemNumber, c.GatewayService = "", "", ""
		c.MessageServer, c.MessageService = "127.0.0.1", msPort
	}
	for name, tc := range map[string]struct {
		change func(c *destination.Config)
		step   rfc.Step
		class  rfc.Class
		retry  bool
		want   []string
	}{
		"F-14 denied": {
			func(c *destination.Config) { c.SAProuter = saprouter.RouteString(denying) }, rfc.StepRoute, rfc.ClassDenied, false,
			[]string{"NIEROUT_PERM_DENIED (-94)", "route permission denied (127.0.0.1 to 127.0.0.1", "hop 2", "SAProuter on 'saprouter'"},
		},
		"F-14 denied by the second": {
			func(c *destination.Config) { c.SAProuter = saprouter.RouteString(open + denying) }, rfc.StepRoute, rfc.ClassDenied, false,
			[]string{"hop 3"},
		},
		"unknown behind the router": {
			func(c *destination.Config) { c.SAProuter, c.ApplicationServer = saprouter.RouteString(open), "nowhere" }, rfc.StepRoute, rfc.ClassCommunication, true,
			[]string{"hostname 'nowhere' unknown", "NIEROUT_HOST_UNKNOWN"},
		},
		"refused behind the router": {
			func(c *destination.Config) { c.SAProuter, c.GatewayService = saprouter.RouteString(open), nobody }, rfc.StepRoute, rfc.ClassCommunication, true,
			[]string{"partner '127.0.0.1:" + nobody + "' not reached", "NIEROUT_CONN_REFUSED"},
		},
		"no router": {
			func(c *destination.Config) {
				c.SAProuter = saprouter.RouteString("/H/127.0.0.1/S/" + nobody + "/W/" + routePassword)
			}, rfc.StepTCP, rfc.ClassCommunication, true,
			[]string{"3299"},
		},
		"unknown service of the router": {
			func(c *destination.Config) {
				c.SAProuter = saprouter.RouteString("/H/127.0.0.1/S/sapdpXX/W/" + routePassword)
			}, rfc.StepConfig, rfc.ClassConfig, false,
			[]string{"jco.client.saprouter", "services file"},
		},
		"F-18 no message server": {
			func(c *destination.Config) { grouped(c); c.MessageService = nobody }, rfc.StepMessageServer, rfc.ClassCommunication, true,
			[]string{"message server 127.0.0.1:" + nobody, "connection refused"},
		},
		"F-18 several": {
			func(c *destination.Config) {
				grouped(c)
				c.MessageServer, c.MessageService = "127.0.0.1, 127.0.0.2", nobody
			}, rfc.StepMessageServer, rfc.ClassCommunication, true,
			[]string{"127.0.0.1:" + nobody, "127.0.0.2:" + nobody},
		},
		"F-19 group": {
			func(c *destination.Config) { grouped(c); c.Group = "NONE" }, rfc.StepMessageServer, rfc.ClassConfig, false,
			[]string{`logon group "NONE" has no server`},
		},
		"F-20 dead server": {
			func(c *destination.Config) { grouped(c); c.MessageService = lostPort }, rfc.StepTCP, rfc.ClassCommunication, true,
			[]string{`logon group "PUBLIC"`, "message server 127.0.0.1:" + lostPort + " named " + dead.Address(), "not reached"},
		},
		"access list": {
			func(c *destination.Config) { grouped(c); c.MessageService = deniedPort }, rfc.StepMessageServer, rfc.ClassDenied, false,
			[]string{"MSEACCESSDENIED"},
		},
		"unknown service": {
			func(c *destination.Config) { grouped(c); c.MessageService, c.SystemID = "", "QX9" }, rfc.StepMessageServer, rfc.ClassConfig, false,
			[]string{"unknown service sapmsQX9", "36 and the instance number"},
		},
		"a gateway's port": {
			func(c *destination.Config) { grouped(c); _, c.MessageService = sys.Addr() }, rfc.StepMessageServer, rfc.ClassCommunication, true,
			[]string{"36NN"},
		},
		"router in front of the message server": {
			func(c *destination.Config) { grouped(c); c.SAProuter = saprouter.RouteString(denying) }, rfc.StepMessageServer, rfc.ClassDenied, false,
			[]string{"NIEROUT_PERM_DENIED"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := sys.Config()
			cfg.Name = "ABC"
			tc.change(&cfg)
			ctx, trace := steps(t.Context())
			_, err := destination.Dial(ctx, cfg)
			e := failed(t, err, tc.step, tc.class)
			for _, w := range tc.want {
				require.Contains(t, err.Error()+"\n"+e.Message+"\n"+fmt.Sprint(e.Err), w)
			}
			require.Equal(t, tc.retry, rfc.SafeToRetry(err), "%v", err)
			require.Empty(t, failedLogons(sys))
			if tc.class != rfc.ClassConfig {
				require.NotEmpty(t, e.Address)
			}
			silent(t, routePassword, err, e, *e)
			require.NotContains(t, strings.Join(*trace, "\n"), routePassword)
			// The pool tells the same.
			d, err := destination.New(cfg)
			require.NoError(t, err)
			_, err = d.Call(t.Context(), "RFC_PING", nil)
			failed(t, err, tc.step, tc.class)
			silent(t, routePassword, err)
			require.NoError(t, d.Close(context.Background()))
		})
	}
}

// failedLogons: nobody may have tried to log on.
func failedLogons(sys *rfctest.System) string {
	if s := sys.Server().Stats(); s.Failed > 0 {
		return fmt.Sprintf("%d logons failed", s.Failed)
	}
	return ""
}

// F-16: a router that loses the far side while the logon is under way. What it injects is
// told with the step that was under way.
func TestF16RouterLosesTheSystem(t *testing.T) {
	t.Parallel()
	pong := ni.AppendRecord(nil, []byte("NI_PONG\x00"))
	info := &ni.ErrorInfo{Text: "router is going down", ReturnCode: "-98"}
	shutdown, err := (&ni.RouterError{Version: 40, Code: -98, Info: info}).AppendBinary(nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		behind []byte
		text   string
	}{
		"closes":   {nil, ""},
		"injected": {ni.AppendRecord(nil, shutdown), "router is going down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid()
			cfg.SAProuter = "/H/router/W/" + routePassword
			cfg.DialContext = to(t, func(nc net.Conn) {
				_, _ = io.ReadFull(nc, make([]byte, 30)) // some of the route
				_, _ = nc.Write(append(append([]byte{}, pong...), tc.behind...))
				if tc.behind != nil {
					_, _ = io.Copy(io.Discard, nc)
				}
				_ = nc.Close()
			})
			_, err := destination.Dial(t.Context(), cfg)
			failed(t, err, rfc.StepNI, rfc.ClassCommunication)
			require.ErrorContains(t, err, tc.text)
			require.True(t, rfc.SafeToRetry(err))
			silent(t, routePassword, err)
		})
	}
}

// F-15 and the limits of time of roads.
func TestF15LimitsOfRoads(t *testing.T) {
	t.Parallel()
	silentPeer := func(t *testing.T) dialFunc {
		return to(t, func(nc net.Conn) {
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		})
	}
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, c *destination.Config)
		limit  time.Duration
		want   time.Duration
		step   rfc.Step
	}{
		"F-15 silent router": {func(t *testing.T, c *destination.Config) {
			c.SAProuter, c.DialContext = "/H/router", silentPeer(t)
		}, 0, saprouter.DefaultAnswerTimeout, rfc.StepRoute},
		"F-15 context": {func(t *testing.T, c *destination.Config) {
			c.SAProuter, c.DialContext = "/H/router", silentPeer(t)
		}, 3 * time.Second, 3 * time.Second, rfc.StepRoute},
		"router swallows the connection": {func(_ *testing.T, c *destination.Config) {
			c.SAProuter, c.DialContext = "/H/router", hang
		}, 0, destination.DefaultDialTimeout, rfc.StepTCP},
		"silent message server": {func(t *testing.T, c *destination.Config) {
			c.ApplicationServer, c.SystemNumber = "", ""
			c.MessageServer, c.MessageService, c.DialContext = "ms", "3600", silentPeer(t)
		}, 0, destination.DefaultDialTimeout, rfc.StepMessageServer},
		"own limit": {func(t *testing.T, c *destination.Config) {
			c.ApplicationServer, c.SystemNumber, c.DialTimeout = "", "", time.Second
			c.MessageServer, c.MessageService, c.DialContext = "ms", "3600", silentPeer(t)
		}, 0, time.Second, rfc.StepMessageServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := valid()
				tc.change(t, &cfg)
				ctx := t.Context()
				if tc.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.limit)
					defer cancel()
				}
				start := time.Now()
				_, err := destination.Dial(ctx, cfg)
				failed(t, err, tc.step, rfc.ClassTimeout)
				require.Equal(t, tc.want, time.Since(start))
			})
		})
	}
}

// F-20: servers that swallow connections leave time for one that answers.
func TestF20SwallowingServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ms := new(msgserver.Server)
		setLandscape(t, ms,
			msgserver.Instance{Name: "a", Host: "hole1", Port: 3200}, msgserver.Instance{Name: "b", Host: "hole2", Port: 3201}, msgserver.Instance{Name: "c", Host: "app", Port: 3207})
		cfg := valid()
		cfg.ApplicationServer, cfg.SystemNumber = "", ""
		cfg.MessageServer, cfg.MessageService = "ms", "3600"
		var group sync.WaitGroup
		cfg.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			client, far := netfault.Pipe()
			switch address {
			case "ms:3600":
				group.Go(func() { ms.ServeConn(far) })
			case "app:3307":
				_ = far.Close() // the road ends here
			default:
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return client, nil
		}
		var pick msgserver.Pick
		ctx := destination.WithTrace(t.Context(), &destination.Trace{Selected: func(p msgserver.Pick) { pick = p }})
		start := time.Now()
		_, err := destination.Dial(ctx, cfg)
		failed(t, err, rfc.StepNI, rfc.ClassCommunication)
		require.Equal(t, 45*time.Second, time.Since(start), "30 and 15 of 60 seconds")
		require.Equal(t, []any{"app", 3307, 2, 3}, []any{pick.Target.Host, pick.Target.Port, len(pick.Failed), pick.Asked})
		group.Wait()
	})
}

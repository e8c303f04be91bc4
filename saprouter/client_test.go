package saprouter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"

	"github.com/purerfc/purerfc/saprouter"
)

var (
	pong = ni.AppendRecord(nil, []byte("NI_PONG\x00"))
	ping = ni.AppendRecord(nil, []byte("NI_PING\x00"))
)

// refused is the record of a router that does not go on.
func refused(t testing.TB, code int32, text string) []byte {
	t.Helper()
	e := ni.RouterError{Version: 40, Code: code, Info: &ni.ErrorInfo{
		Text: text, ReturnCode: fmt.Sprint(code), Component: "NI (network interface)", Release: "753", Version: "40", Module: "nirout.cpp",
		Line: "1234", Detail: "RTPERM denied", Time: "Mon Jan  5 10:00:00 2026", Counter: "1", Location: "SAProuter 40.4 on 'saprouter'",
	}}
	b, err := e.AppendBinary(nil)
	require.NoError(t, err)
	return ni.AppendRecord(nil, b)
}

// scripted is a router that reads one record and then does what it is told.
func scripted(t *testing.T, then func(nc net.Conn, route []byte)) *saprouter.Dialer {
	t.Helper()
	routers, err := saprouter.ParseRouters("/H/router/W/" + canary + "/H/r2/S/3298")
	require.NoError(t, err)
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	return &saprouter.Dialer{Routers: routers, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		require.Equal(t, []string{"tcp", "router:3299"}, []string{network, address})
		client, server := netfault.Pipe()
		group.Go(func() {
			defer server.Close()
			head := make([]byte, 4)
			if _, err := io.ReadFull(server, head); err != nil {
				return
			}
			route := make([]byte, head[3])
			if _, err := io.ReadFull(server, route); err != nil {
				return
			}
			then(server, route)
		})
		return client, nil
	}}
}

func write(parts ...[]byte) func(net.Conn, []byte) {
	return func(nc net.Conn, _ []byte) {
		for _, p := range parts {
			_, _ = nc.Write(p)
		}
	}
}

func TestDialerTravels(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(nc net.Conn, route []byte){
		"R-03 pong": write(pong, []byte("target")),
		"pong and the first bytes of the target in one segment": write(append(append([]byte{}, pong...), "target"...)),
		"a byte at a time": func(nc net.Conn, _ []byte) {
			for _, b := range append(append([]byte{}, pong...), "target"...) {
				_, _ = nc.Write([]byte{b})
			}
		},
		"pings before the pong": func(nc net.Conn, _ []byte) {
			_, _ = nc.Write(ping)
			got := make([]byte, len(pong))
			_, _ = io.ReadFull(nc, got)
			_, _ = nc.Write(append(append([]byte{0, 0, 0, 0}, pong...), "target"...))
		},
		"empty records glued to all": write(append(append([]byte{0, 0, 0, 0, 0, 0, 0, 0}, pong...), "target"...)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var facts saprouter.Facts
			d := scripted(t, func(nc net.Conn, route []byte) {
				q, err := saprouter.DecodeRequest(route)
				if err != nil || q.Hops.Reveal() != "/H/router/W/"+canary+"/H/r2/S/3298/H/app/S/sapgw00" {
					t.Errorf("%v: %v", q, err)
				}
				then(nc, route)
			})
			d.Done = func(f saprouter.Facts, err error) { facts = f }
			nc, err := d.DialContext(t.Context(), "tcp", "app:sapgw00")
			require.NoError(t, err)
			got, err := io.ReadAll(nc)
			require.NoError(t, err)
			require.Equal(t, "target", string(got))
			require.NoError(t, nc.Close())
			require.Equal(t, []any{"/H/router/W/***/H/r2/S/3298/H/app/S/sapgw00", 3, "router:3299", "server"}, []any{facts.Route, facts.Hops, facts.Router, facts.Remote})
		})
	}
}

// failure checks what every error of a route says.
func failure(t *testing.T, err error, kind string, texts ...string) *saprouter.Error {
	t.Helper()
	var e *saprouter.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "route", e.Step())
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, e, e), canary)
	require.Equal(t, kind, e.Kind(), "%v", err)
	return e
}

// F-14 to F-16 and the codes of spec 10 section 5: class, hop, and what the router said.
func TestF14RefusedRoutes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id   string
		code int32
		text string
		kind string
		hop  int
		want []string
	}{
		{"F-14 R-03", -94, "saprouter: route permission denied (192.0.2.10 to r2, 3298)", "denied", 2, []string{"does not permit", "NIEROUT_PERM_DENIED (-94)", "route permission denied (192.0.2.10 to r2, 3298)", "location SAProuter 40.4 on 'saprouter'", "RTPERM denied", "hop 2"}},
		{"F-14 of the farther router", -94, "r2: route permission denied (192.0.2.11 to app, sapgw00)", "denied", 3, []string{"hop 3"}},
		{"refused", -92, "partner 'APP:sapgw00' not reached", "communication", 3, []string{"cannot connect to the next hop", "NIEROUT_CONN_REFUSED"}},
		{"host", -90, "hostname 'app' unknown", "communication", 3, []string{"those of the router's network"}},
		{"service", -91, "service 'sapgw00' unknown", "communication", 0, []string{"give the port number"}},
		{"timeout", -5, "connect timeout", "timeout", 0, []string{"NIETIMEOUT"}},
		{"mode", -101, "native routing not permitted", "communication", 0, []string{"talk mode"}},
		{"full", -100, "maximum number of clients reached", "communication", 0, []string{"too many clients"}},
		{"other", -93, "", "communication", 0, []string{"refused the route", "NIEROUT_INTERN (-93)"}},
		{"part of a word", -92, "partner myapp.example not reached, see r2.example.com", "communication", 0, nil},
		{"end of a sentence", -92, "cannot reach app.", "communication", 3, nil},
		{"terminal", -94, "\x1b[2Jdenied", "denied", 0, []string{"[2Jdenied"}},
	} {
		d := scripted(t, write(refused(t, tc.code, tc.text)))
		_, err := d.DialContext(t.Context(), "tcp", "app:sapgw00")
		e := failure(t, err, tc.kind, append(tc.want, "route", "SAProuter router:3299")...)
		require.Equal(t, tc.hop, e.Hop, "%s: %v", tc.id, err)
		require.True(t, e.Remote(), tc.id)
		require.Equal(t, tc.code, e.Refusal.Code, tc.id)
		require.Equal(t, "/H/router/W/***/H/r2/S/3298/H/app/S/sapgw00", e.Route)
		require.NotContains(t, err.Error(), "\x1b", tc.id)
	}
}

// B-122: a refusal that is cut off anywhere is still a refusal, with what is there.
func TestB122TruncatedRefusal(t *testing.T) {
	t.Parallel()
	record := refused(t, -94, "route permission denied")
	for n := range record {
		d := scripted(t, write(record[:n]))
		_, err := d.DialContext(t.Context(), "tcp", "app:3300")
		switch {
		case n < 4+9:
			failure(t, err, "communication")
		default:
			e := failure(t, err, "denied")
			require.NotNil(t, e.Refusal, n)
		}
		if n > 120 {
			require.ErrorContains(t, err, "route permission denied", n)
		}
	}
	// The length of the record fits, that of the text does not, and nothing ends it.
	b := []byte("NI_RTERR\x00\x28\x00\x00\xff\xff\xff\xa2\x7f\xff\xff\xff*ERR*\x001\x00denied: " + strings.Repeat("x", 4000))
	d := scripted(t, write(ni.AppendRecord(nil, b)))
	_, err := d.DialContext(t.Context(), "tcp", "app:3300")
	failure(t, err, "denied", "denied: xxx")
	require.Less(t, len(err.Error()), 2000)
}

// F-22: peers that are no router are named.
func TestF22AnotherProtocol(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		kind   string
		want   []string
	}{
		"HTTP":               {"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol", []string{"speaks HTTP", "48 54 54 50", "3299"}},
		"TLS":                {"\x15\x03\x01\x00\x02\x02\x46", "protocol", []string{"speaks TLS", "15 03 01"}},
		"SSH":                {"SSH-2.0-OpenSSH_9.6\r\n", "protocol", []string{"speaks SSH"}},
		"anything":           {"hello, who is there?", "protocol", []string{"is no SAProuter", "68 65 6c 6c"}},
		"an NI speaker":      {"\x00\x00\x00\x05hello", "protocol", []string{"want NI_PONG", "68 65 6c 6c 6f"}},
		"another control":    {"\x00\x00\x00\x08NI_WHAT?", "protocol", []string{"want NI_PONG"}},
		"a control of RTERR": {"\x00\x00\x00\x14NI_RTERR\x00\x28\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00", "protocol", []string{"opcode 2"}},
		"too long":           {"\x00\x10\x00\x01", "protocol", []string{"is no SAProuter"}},
		"pings without end":  {strings.Repeat("\x00\x00\x00\x08NI_PING\x00", 100), "protocol", []string{"more than 64 records that carry nothing"}},
		"empty without end":  {strings.Repeat("\x00\x00\x00\x00", 100), "protocol", []string{"more than 64"}},
		"closed":             {"", "communication", []string{"closed in place of an answer"}},
		"closed in a record": {"\x00\x00\x00\x08NI_", "communication", []string{"is cut off", "7 bytes of a record"}},
		"closed in a banner": {"SSH", "communication", []string{"is cut off"}},
		"closed in HTTP":     {"HTTP", "protocol", []string{"speaks HTTP"}},
	} {
		d := scripted(t, func(nc net.Conn, _ []byte) {
			_, _ = nc.Write([]byte(tc.answer))
			if strings.Contains(name, "without end") {
				_, _ = io.Copy(io.Discard, nc)
			}
		})
		_, err := d.DialContext(t.Context(), "tcp", "app:3300")
		require.Equal(t, 1, failure(t, err, tc.kind, tc.want...).Hop, name)
	}
}

// F-15, and the context of the caller: every wait ends, and nothing is left behind.
func TestF15SilentRouter(t *testing.T) {
	t.Parallel()
	silent := func(nc net.Conn, _ []byte) { _, _ = io.Copy(io.Discard, nc) }
	pinging := func(nc net.Conn, _ []byte) {
		for range 3 {
			_, _ = nc.Write(ping)
		}
		_, _ = io.Copy(io.Discard, nc)
	}
	errLeft := errors.New("the user left")
	for name, tc := range map[string]struct {
		then    func(net.Conn, []byte)
		timeout time.Duration
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		want    time.Duration
		kind    string
		cause   error
		text    string
	}{
		"default":         {silent, 0, nil, saprouter.DefaultAnswerTimeout, "timeout", nil, "no answer to the route within 1m0s"},
		"pings count not": {pinging, 0, nil, saprouter.DefaultAnswerTimeout, "timeout", nil, "no answer to the route within 1m0s"},
		"own limit":       {silent, time.Second, nil, time.Second, "timeout", nil, "within 1s"},
		"deadline": {silent, 0, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}, 2 * time.Second, "timeout", context.DeadlineExceeded, "no answer to the route"},
		"cancel": {silent, 0, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(3*time.Second, func() { cancel(errLeft) })
			return ctx, func() {}
		}, 3 * time.Second, "canceled", errLeft, "the user left"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := scripted(t, tc.then)
				d.AnswerTimeout = tc.timeout
				ctx := t.Context()
				if tc.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = tc.ctx(ctx)
					defer cancel()
				}
				start := time.Now()
				_, err := d.DialContext(ctx, "tcp", "app:3300")
				require.Equal(t, tc.want, time.Since(start))
				failure(t, err, tc.kind, tc.text)
				if tc.cause != nil {
					require.ErrorIs(t, err, tc.cause)
				}
			})
		})
	}
}

func TestDialerErrorsWithoutARouter(t *testing.T) {
	t.Parallel()
	d := scripted(t, write(pong))
	_, err := d.DialContext(t.Context(), "tcp", "no port")
	failure(t, err, "configuration", "the target is no host:port")
	_, err = d.DialContext(t.Context(), "tcp", "a/W/b:3300")
	failure(t, err, "configuration", "invalid character 0x2f")
	d.Routers = nil
	_, err = d.DialContext(t.Context(), "tcp", "app:3300")
	failure(t, err, "configuration", "at least a router and the target")
	d.Routers = saprouter.Route{{Host: "router", Service: "no-such-service"}}
	_, err = d.DialContext(t.Context(), "tcp", "app:3300")
	failure(t, err, "configuration", "service of hop 1", "services file")
	_, err = saprouter.Route{}.FirstHop()
	require.Error(t, err)

	d = scripted(t, write(pong))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.DialContext(ctx, "tcp", "app:3300")
	failure(t, err, "canceled")
	d.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	var told error
	d.Done = func(_ saprouter.Facts, err error) { told = err }
	_, err = d.DialContext(t.Context(), "tcp", "app:3300")
	e := failure(t, err, "communication", "hop 1", "not reached")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, 1, e.Hop)
	require.Equal(t, err, told)
	require.False(t, e.Remote())

	// A connection that cannot be written to.
	broken, _ := netfault.Pipe()
	_ = broken.Close()
	_, err = d.Connect(t.Context(), broken, d.Routers.To("app", "3300"))
	failure(t, err, "communication")
	client, _ := netfault.Pipe()
	_, err = d.Connect(t.Context(), netfault.New(client, netfault.Faults{CutWriteAfter: 3}), d.Routers.To("app", "3300"))
	failure(t, err, "communication", "sending the route")
	_, err = d.Connect(t.Context(), client, nil)
	failure(t, err, "configuration")
	_, err = client.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed, "Connect closes what it was given")
}

package destination_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// steps records what a trace is told.
func steps(ctx context.Context) (context.Context, *[]string) {
	list := new([]string)
	return destination.WithTrace(ctx, &destination.Trace{
		Start:        func(s rfc.Step) { *list = append(*list, "start "+string(s)) },
		Done:         func(s rfc.Step, err error) { *list = append(*list, fmt.Sprintf("done %s %t", s, err == nil)) },
		Resolved:     func(a []string) { *list = append(*list, fmt.Sprintf("resolved %t", len(a) > 0)) },
		Connected:    func(c net.Conn) net.Conn { *list = append(*list, "connected"); return c },
		Conversation: func(c *cpic.Conn) { *list = append(*list, fmt.Sprintf("conversation %d", len(c.ID()))) },
	}), list
}

// to dials a peer over memory.
func to(t *testing.T, peer func(nc net.Conn)) dialFunc {
	t.Helper()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := netfault.Pipe()
		group.Go(func() { peer(server) })
		return client, nil
	}
}

func failed(t *testing.T, err error, step rfc.Step, class rfc.Class) *rfc.Error {
	t.Helper()
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, step, e.Step, "%v", err)
	require.Equal(t, class, e.Class, "%v", err)
	require.Equal(t, rfc.NotSent, e.Outcome)
	require.NotEmpty(t, e.Key)
	require.Equal(t, "ABC", e.Destination)
	require.NotContains(t, fmt.Sprintf("%v %+v", err, e), "topsecret")
	return e
}

func server(t *testing.T) *gateway.Server {
	t.Helper()
	return &gateway.Server{Handler: rfc.NewMux(), Authenticate: gateway.Users{"DEVELOPER": "topsecret"}.Authenticate}
}

func TestDialOverTCP(t *testing.T) {
	t.Parallel()
	srv := server(t)
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		_ = srv.Close()
		group.Wait()
	})
	cfg := valid()
	cfg.ApplicationServer, cfg.Gateway = "appserver", "127.0.0.1"
	_, cfg.GatewayService, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	ctx, trace := steps(t.Context())
	conn, err := destination.Dial(ctx, cfg)
	require.NoError(t, err)
	require.Equal(t, []string{
		"start dns", "resolved true", "done dns true", "start tcp", "connected", "done tcp true", "start ni", "done ni true",
		"start gateway", "done gateway true", "conversation 8", "start logon", "done logon true",
	}, *trace)
	require.NoError(t, conn.Ping(t.Context()))
	a, err := conn.Attributes()
	require.NoError(t, err)
	require.Equal(t, []string{"ABC", "DEVELOPER", "E", "EN", "GOR"}, []string{a.Destination, a.User, a.Language, a.ISOLanguage, a.SystemID})
	require.NoError(t, conn.Close())

	cfg.Password = "wrong topsecret"
	ctx, trace = steps(t.Context())
	_, err = destination.Dial(ctx, cfg)
	e := failed(t, err, rfc.StepLogon, rfc.ClassLogon)
	require.Equal(t, []any{2, 3, "RFC_LOGON_FAILURE", "Name or password is incorrect (repeat logon)"}, []any{e.Code(), e.Group(), e.Key, e.Message})
	require.Equal(t, "done logon false", (*trace)[len(*trace)-1])
	require.False(t, rfc.SafeToRetry(err))
}

func TestF04ConnectionRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := valid()
	cfg.ApplicationServer = "127.0.0.1"
	_, cfg.GatewayService, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	ctx, trace := steps(t.Context())
	_, err = destination.Dial(ctx, cfg)
	e := failed(t, err, rfc.StepTCP, rfc.ClassCommunication)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Contains(t, e.Message, "33NN")
	require.Equal(t, "127.0.0.1:"+cfg.GatewayService, e.Address)
	require.True(t, rfc.SafeToRetry(err))
	require.Equal(t, []string{"start dns", "resolved true", "done dns true", "start tcp", "done tcp false"}, *trace)
}

func TestDialErrorsByStep(t *testing.T) {
	t.Parallel()
	refuse := func(rc int32) func(nc net.Conn) {
		return func(nc net.Conn) {
			_, _ = cpic.Accept(context.Background(), nc, cpic.AcceptConfig{Assign: func(*cpic.GatewayRecord) (string, uint16, error) {
				return "", 0, &cpic.Error{Op: "gateway", SAPReturnCode: rc, Text: "no"}
			}})
		}
	}
	for name, tc := range map[string]struct {
		dial  func(t *testing.T) dialFunc
		step  rfc.Step
		class rfc.Class
		text  string
		retry bool
	}{
		"A-06 F-01 unknown name": {func(*testing.T) dialFunc {
			return func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "host", IsNotFound: true}}
			}
		}, rfc.StepTCP, rfc.ClassCommunication, "lookup host", true},
		"F-06 descriptors": {func(*testing.T) dialFunc {
			return func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
			}
		}, rfc.StepTCP, rfc.ClassResource, "too many open files", true},
		"any error": {func(*testing.T) dialFunc {
			return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("proxy says no") }
		}, rfc.StepTCP, rfc.ClassCommunication, "proxy says no", true},
		"F-07 closed at once": {func(t *testing.T) dialFunc { return to(t, func(nc net.Conn) { _ = nc.Close() }) }, rfc.StepNI, rfc.ClassCommunication, "", true},
		"F-22 another protocol": {func(t *testing.T) dialFunc {
			return to(t, func(nc net.Conn) {
				_, _ = nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
				_, _ = io.Copy(io.Discard, nc)
				_ = nc.Close()
			})
		}, rfc.StepNI, rfc.ClassProtocol, "is this port 33NN", false},
		"F-22 an answer that is no gateway's": {func(t *testing.T) dialFunc {
			return to(t, func(nc net.Conn) {
				_, _ = nc.Write(ni.AppendRecord(nil, []byte("hello, this is something else")))
				_, _ = io.Copy(io.Discard, nc)
				_ = nc.Close()
			})
		}, rfc.StepNI, rfc.ClassProtocol, "68 65 6c 6c 6f", false},
		"F-24 gateway full": {func(t *testing.T) dialFunc { return to(t, refuse(cpic.RCTooManyConversations)) }, rfc.StepGateway, rfc.ClassResource, "thRc=236", true},
		"F-25 return code":  {func(t *testing.T) dialFunc { return to(t, refuse(679)) }, rfc.StepGateway, rfc.ClassCommunication, "thRc=679", true},
		"lost behind the gateway's answer": {func(t *testing.T) dialFunc {
			return to(t, func(nc net.Conn) {
				_, _ = cpic.Accept(context.Background(), netfault.New(nc, netfault.Faults{CutReadAfter: 68}), cpic.AcceptConfig{Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil }})
			})
		}, rfc.StepGateway, rfc.ClassCommunication, "", true},
		"lost in the logon": {func(t *testing.T) dialFunc {
			return to(t, func(nc net.Conn) {
				conv, err := cpic.Accept(context.Background(), nc, cpic.AcceptConfig{Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil }})
				if err == nil {
					_, _, _ = conv.Receive()
					conv.Abort()
				}
			})
		}, rfc.StepLogon, rfc.ClassCommunication, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid()
			cfg.DialContext = tc.dial(t)
			ctx, trace := steps(t.Context())
			_, err := destination.Dial(ctx, cfg)
			failed(t, err, tc.step, tc.class)
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.retry, rfc.SafeToRetry(err))
			require.Equal(t, "done "+string(tc.step)+" false", (*trace)[len(*trace)-1], "%v", *trace)
		})
	}
}

// F-02, F-05, F-23: every step ends with its own limit, and with the context.
func TestF05LimitsOfTime(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	silent := func(t *testing.T) dialFunc {
		return to(t, func(nc net.Conn) {
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		})
	}
	for name, tc := range map[string]struct {
		cfg   destination.Config
		dial  func(t *testing.T) dialFunc
		limit time.Duration
		want  time.Duration
		step  rfc.Step
	}{
		"dial, default":  {destination.Config{}, func(*testing.T) dialFunc { return hang }, 0, destination.DefaultDialTimeout, rfc.StepTCP},
		"dial, own":      {destination.Config{DialTimeout: time.Second}, func(*testing.T) dialFunc { return hang }, 0, time.Second, rfc.StepTCP},
		"dial, context":  {destination.Config{}, func(*testing.T) dialFunc { return hang }, 2 * time.Second, 2 * time.Second, rfc.StepTCP},
		"logon, default": {destination.Config{}, silent, 0, destination.DefaultLogonTimeout, rfc.StepNI},
		"logon, own":     {destination.Config{LogonTimeout: time.Second}, silent, 0, time.Second, rfc.StepNI},
		"logon, context": {destination.Config{}, silent, 2 * time.Second, 2 * time.Second, rfc.StepNI},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := valid()
				cfg.DialTimeout, cfg.LogonTimeout, cfg.DialContext = tc.cfg.DialTimeout, tc.cfg.LogonTimeout, tc.dial(t)
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
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

func TestDialCanceled(t *testing.T) {
	t.Parallel()
	cfg := valid()
	errLeft := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg.DialContext = to(t, func(nc net.Conn) {
		_, _ = io.ReadFull(nc, make([]byte, 68))
		cancel(errLeft)
		_, _ = io.Copy(io.Discard, nc)
		_ = nc.Close()
	})
	_, err := destination.Dial(ctx, cfg)
	failed(t, err, rfc.StepNI, rfc.ClassCanceled)
	require.ErrorIs(t, err, errLeft)
	var none context.Context
	_, err = destination.Dial(none, cfg)
	require.ErrorIs(t, err, rfc.ErrState)
	require.ErrorContains(t, err, "nil context")
}

func TestUnresolvableName(t *testing.T) {
	t.Parallel()
	cfg := valid()
	cfg.ApplicationServer = "host.invalid"
	ctx, cancel := context.WithCancel(t.Context())
	ctx, trace := steps(ctx)
	cancel() // no name server is asked in a test
	_, err := destination.Dial(ctx, cfg)
	e := failed(t, err, rfc.StepDNS, rfc.ClassCanceled)
	require.Contains(t, e.Message, "lookup of host.invalid")
	require.Equal(t, []string{"start dns", "done dns false"}, *trace)
}

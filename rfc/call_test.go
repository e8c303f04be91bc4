package rfc_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

type echoIn struct {
	Text string `rfc:"REQUTEXT,char=255"`
}
type echoOut struct {
	Echo string `rfc:"ECHOTEXT,char=255"`
	Resp string `rfc:"RESPTEXT,char=255"`
}

// serve starts a host on loopback and returns it with a function that logs on to it.
func serve(t testing.TB, mux *rfc.Mux) (*gateway.Server, func(testing.TB, rfc.ConnConfig) *rfc.Conn) {
	t.Helper()
	srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return srv, func(t testing.TB, cfg rfc.ConnConfig) *rfc.Conn {
		t.Helper()
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		conv, err := cpic.Open(t.Context(), nc, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
		require.NoError(t, err)
		if cfg.Logon.User == "" {
			cfg.Logon = rfc.Logon{Client: "001", User: "Developer", Password: "secret", Language: "E"}
		}
		if cfg.Functions == nil {
			cfg.Functions = mux
		}
		conn, err := rfc.Open(t.Context(), conv, cfg)
		require.NoError(t, err)
		return conn
	}
}

// open starts a host on loopback and logs on to it.
func open(t testing.TB, mux *rfc.Mux, cfg rfc.ConnConfig) *rfc.Conn {
	t.Helper()
	_, dial := serve(t, mux)
	conn := dial(t, cfg)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestTypedCallThroughBothSides(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "STFC_CONNECTION", func(_ context.Context, in echoIn) (echoOut, error) {
		return echoOut{Echo: in.Text, Resp: "SAP R/3"}, nil
	}))
	conn := open(t, mux, rfc.ConnConfig{})
	for range 3 {
		out, err := rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{Text: "Hällo SAP!"})
		require.NoError(t, err)
		require.Equal(t, echoOut{Echo: "Hällo SAP!", Resp: "SAP R/3"}, out)
	}
	a, err := conn.Attributes()
	require.NoError(t, err)
	require.Equal(t, "DEVELOPER", a.User)
	require.Equal(t, "GOR", a.SystemID)
	require.NoError(t, conn.Ping(t.Context()))
	_, err = conn.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"XXX": 1})
	require.ErrorContains(t, err, "field 'XXX' not found")
	require.True(t, conn.Alive())
}

// traceSystem is a built-in system with a connection that describes functions by asking.
func traceSystem(t testing.TB) (*rfctest.System, *rfc.Conn) {
	t.Helper()
	sys := rfctest.NewSystem(t)
	conn, err := sys.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return sys, conn
}

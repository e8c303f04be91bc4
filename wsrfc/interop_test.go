package wsrfc_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/wsrfc"
)

// A server that is built with the library and nothing of ours.
func TestClientAgainstTheLibrary(t *testing.T) {
	t.Parallel()
	up := websocket.Upgrader{Subprotocols: []string{"rfc.sap.com"}, EnableCompression: true, WriteBufferSize: 512}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "DEVELOPER" || password != canary || r.Header.Get("sap-client") != "001" || r.Header.Get("sap-rfc-options") != "rfc-delta=off" {
			t.Errorf("%v", r.Header)
		}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = ws.Close() }()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil {
				if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
					t.Error(err)
				}
				return
			}
			_ = ws.WriteControl(websocket.PingMessage, []byte("?"), time.Now().Add(time.Second))
			out, err := ws.NextWriter(kind) // in fragments of 512 bytes
			if err == nil {
				_, err = out.Write(data)
			}
			if err == nil {
				err = out.Close()
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}))
	defer s.Close()
	cfg := plainConfig()
	cfg.Plain, cfg.AllowInsecureTLS, cfg.Random = false, false, nil
	cfg.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig //nolint:forcetypeassert // the standard library's
	cfg.Host, cfg.Port, _ = net.SplitHostPort(s.Listener.Addr().String())
	c, err := wsrfc.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.True(t, c.Info().Subprotocol)
	for _, n := range []int{0, 100, 1000, 100_000, 300_000} {
		want := records(n)
		got, err := ask(t.Context(), c, want)
		require.NoError(t, err)
		requireEqualBytes(t, want, got)
	}
	require.NoError(t, c.Close())
}

// A client that is built with the library and nothing of ours.
func TestServerAgainstTheLibrary(t *testing.T) {
	t.Parallel()
	cert, pool, err := wsrfc.SelfSigned("localhost")
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	ended := make(chan error, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		c, err := wsrfc.Accept(context.Background(), nc, wsrfc.AcceptConfig{
			TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Authorize: func(context.Context, *wsrfc.Caller) error { return nil },
		})
		if err == nil {
			err = echo(c)
		}
		ended <- err
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}, Subprotocols: []string{"chat", "rfc.sap.com"}, EnableCompression: true, WriteBufferSize: 512}
	ws, resp, err := d.DialContext(t.Context(), "wss://localhost:"+port+wsrfc.DefaultPath, nil) //nolint:bodyclose // it is no body
	require.NoError(t, err)
	require.Equal(t, "rfc.sap.com", ws.Subprotocol())
	require.Empty(t, resp.Header.Get("Sec-WebSocket-Extensions"))
	pongs := 0
	ws.SetPongHandler(func(s string) error { pongs += strings.Count(s, "!"); return nil })
	for _, n := range []int{0, 100, 1000, 100_000, 300_000} {
		want := records(n)
		require.NoError(t, ws.WriteControl(websocket.PingMessage, []byte("!"), time.Now().Add(time.Second)))
		w, err := ws.NextWriter(websocket.BinaryMessage)
		require.NoError(t, err)
		_, err = w.Write(want)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		kind, got, err := ws.ReadMessage()
		require.NoError(t, err)
		require.Equal(t, websocket.BinaryMessage, kind)
		requireEqualBytes(t, want, got)
	}
	require.Positive(t, pongs)
	require.NoError(t, ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "bye"), time.Now().Add(time.Second)))
	_, _, err = ws.ReadMessage()
	require.True(t, websocket.IsCloseError(err, 1000), "%v", err)
	require.Equal(t, io.EOF, <-ended)
	_ = ws.Close()
}

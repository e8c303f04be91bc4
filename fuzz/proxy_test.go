package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/proxy"
)

// FuzzProxyAnswer lets a proxy answer anything, in pieces of any size, to SOCKS5 with and
// without a token and to HTTP CONNECT: the connection is given out with every byte behind the
// answer unread, memory is bounded, and an error has a kind and no secret.
func FuzzProxyAnswer(f *testing.F) {
	f.Add([]byte("\x05\x80\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00target"), uint8(0), uint8(0))
	f.Add([]byte("\x05\x00\x05\x00\x00\x03\x02ab\x00\x01target"), uint8(1), uint8(1))
	f.Add([]byte("\x05\x80\x01\x00\x05\x03"), uint8(3), uint8(0))
	f.Add([]byte("\x05\x80\x01\x01"), uint8(0), uint8(0))
	f.Add([]byte("HTTP/1.1 200 Connection established\r\nA: b\r\n\r\ntarget"), uint8(2), uint8(2))
	f.Add([]byte("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), uint8(0), uint8(2))
	f.Add([]byte("SSH-2.0-x\r\n"), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, answer []byte, piece, kind uint8) {
		if len(answer) == 0 {
			return
		}
		d := proxy.Dialer{Address: "proxy:20004"}
		switch kind % 3 {
		case 0:
			d.Tokens, d.Location = proxy.Secret(canary), "plant-7"
		case 2:
			d.Protocol, d.User, d.Password = proxy.HTTPConnect, "u", canary
		}
		client, far := netfault.PipeSize(len(answer) + 4096)
		if _, err := far.Write(answer); err != nil {
			t.Fatal(err)
		}
		nc := netfault.New(client, netfault.Faults{MaxRead: int(piece), CutReadAfter: int64(len(answer))})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := d.Connect(context.Background(), nc, "app.virtual:3300")
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(16*len(answer)+256<<10) {
			t.Fatalf("%d bytes reserved for %d", n, len(answer))
		}
		_ = far.Close()
		if err != nil {
			var e *proxy.Error
			if !errors.As(err, &e) || e.Kind() == "" || len(err.Error()) > 1024 || strings.Contains(err.Error(), canary[:8]) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		rest, _ := io.ReadAll(nc)
		if !bytes.HasSuffix(answer, rest) || len(rest) == len(answer) {
			t.Fatalf("%q is left of %q", rest, answer)
		}
		_ = nc.Close()
	})
}

// FuzzProxyRequest lets clients say anything to the double: it reserves no memory for what
// they only announce, and lets nobody through whom it does not know.
func FuzzProxyRequest(f *testing.F) {
	f.Add([]byte("\x05\x01\x80\x01\x00\x00\x00\x05a.b.c\x00\x05\x01\x00\x03\x03app\x0c\xe4"), false)
	f.Add([]byte("\x05\x01\x80\x01\x00\x01\x00\x00"), false)
	f.Add([]byte("CONNECT app:3300 HTTP/1.1\r\nProxy-Authorization: Bearer a.b.c\r\n\r\nhello"), true)
	f.Fuzz(func(t *testing.T, request []byte, http bool) {
		if len(request) == 0 {
			return
		}
		srv := &proxy.Server{
			Authenticate: func(token string) error {
				if token == canary {
					return nil
				}
				return errors.New("no")
			},
			Locations: map[string]proxy.Mappings{"": {"app:3300": ""}},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				if !bytes.Contains(request, []byte(canary)) {
					t.Error("let through")
				}
				return nil, io.EOF
			},
		}
		if http {
			srv.Protocol = proxy.HTTPConnect
		}
		client, server := netfault.PipeSize(len(request) + 4096)
		if _, err := client.Write(request); err != nil {
			t.Fatal(err)
		}
		nc := netfault.New(server, netfault.Faults{CutReadAfter: int64(len(request))})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		srv.ServeConn(context.Background(), nc)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(16*len(request)+256<<10) {
			t.Fatalf("%d bytes reserved for %d", n, len(request))
		}
		_ = client.Close()
	})
}

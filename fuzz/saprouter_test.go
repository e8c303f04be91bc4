package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/saprouter"
)

// FuzzRouteString parses texts as routes: what is accepted survives its text and its
// request, errors have a place in the text, and a password is never printed.
func FuzzRouteString(f *testing.F) {
	for _, text := range []string{
		"/H/router/S/3299/W/" + canary + "/H/target/S/sapgw01", "/h/r1/h/r2/s/1/p/" + canary + "/h/", "/H/2001:db8::1/H/app/S/3300",
		"/H/a/W/x/S/3299/H/b", "/H/aa//H/bb", "/H/[::1]/H/bb", "/H/host:3299", strings.Repeat("/H/aa", 33), "H/a", "/H/aa/W/a/b/H/cc", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if masked := saprouter.Redact(text); saprouter.Redact(masked) != masked {
			t.Fatalf("masked twice differs: %q", masked)
		}
		for _, parse := range []func(string) (saprouter.Route, error){saprouter.Parse, saprouter.ParseRouters} {
			route, err := parse(text)
			if err != nil {
				var e *saprouter.SyntaxError
				if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(text) || len(err.Error()) > 1024 {
					t.Fatalf("%T %v", err, err)
				}
				continue
			}
			again, err := parse(route.Reveal())
			if err != nil {
				t.Fatalf("%q: %v", route.Reveal(), err)
			}
			if diff := cmp.Diff(route, again); diff != "" {
				t.Fatal(diff)
			}
			shown := fmt.Sprintf("%v %+v %#v", route, route, route)
			for _, h := range route {
				if p := h.Password.Reveal(); len(p) > 3 && strings.Contains(text, "/"+p) && strings.Contains(shown, "/W/"+p) {
					t.Fatalf("a password is printed: %s", shown)
				}
			}
			if route.Validate() == nil {
				request, err := saprouter.NewRequest(route, saprouter.MessageIO)
				if err != nil {
					t.Fatal(err)
				}
				b, err := request.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				back, err := saprouter.DecodeRequest(b)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(request, back); diff != "" {
					t.Fatal(diff)
				}
			}
		}
	})
}

// routeSeeds are requests as clients and routers send them.
func routeSeeds(f *testing.F) (out [][]byte) {
	f.Helper()
	for _, text := range []string{
		"/H/saprouter.example.com/S/3299/H/192.168.88.7/S/3300", "/H/r1/W/" + canary + "/H/r2/S/3298/H/app/S/sapgw00", "/H/r1/H/r2/H/r3/H/app",
	} {
		route, err := saprouter.Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		q, err := saprouter.NewRequest(route, saprouter.MessageIO)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, must(q.AppendBinary(nil)))
		if next, err := q.Forward(); err == nil {
			out = append(out, must(next.AppendBinary(nil)))
		}
	}
	return out
}

// FuzzNIRoute reads route requests: bounded memory, the same bytes when written again, no
// part of the hop list in an error, and a way forward that ends (CVE-2013-6817).
func FuzzNIRoute(f *testing.F) {
	for _, b := range routeSeeds(f) {
		f.Add(b)
	}
	f.Add([]byte("NI_ROUTE\x00\x02\x28\xff\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		q, err := saprouter.DecodeRequest(b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(4*len(b)+64<<10) {
			t.Fatalf("%d bytes reserved for %d", n, len(b))
		}
		if err != nil {
			var w *wire.Error
			if !errors.As(err, &w) || w.Offset > len(b) || strings.Contains(err.Error(), canary[:8]) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		again, err := q.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x is written as %x: %v", b, again, err)
		}
		for range 256 {
			next, err := q.Forward()
			if err != nil {
				return
			}
			if next.RestNodes >= q.RestNodes || next.Offset <= q.Offset {
				t.Fatalf("%+v leads to %+v", q, next)
			}
			q = next
		}
		t.Fatal("a route without an end")
	})
}

// FuzzRouterAnswer lets a router answer anything, in pieces of any size: the connection is
// given out only behind a pong, with every byte behind it unread, and every other answer is
// an error with a kind.
func FuzzRouterAnswer(f *testing.F) {
	pong := ni.AppendRecord(nil, []byte("NI_PONG\x00"))
	ping := ni.AppendRecord(nil, []byte("NI_PING\x00"))
	f.Add(append(bytes.Clone(pong), "target"...), uint8(0))
	f.Add(append(append(bytes.Clone(ping), 0, 0, 0, 0), pong...), uint8(1))
	f.Add(ni.AppendRecord(nil, must((&ni.RouterError{Version: 40, Code: -94, Info: &ni.ErrorInfo{Text: "denied (a to r2, 3299)"}}).AppendBinary(nil))), uint8(7))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint8(3))
	f.Add([]byte("\x00\x0f\xff\xffNI_RTERR"), uint8(3))
	route, err := saprouter.Parse("/H/r1/W/" + canary + "/H/r2/H/app/S/3300")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte, piece uint8) {
		if len(answer) == 0 {
			return
		}
		client, far := netfault.PipeSize(len(answer) + 4096)
		if _, err := far.Write(answer); err != nil {
			t.Fatal(err)
		}
		nc := netfault.New(client, netfault.Faults{MaxRead: int(piece), CutReadAfter: int64(len(answer))})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := new(saprouter.Dialer).Connect(context.Background(), nc, route)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(16*len(answer)+256<<10) {
			t.Fatalf("%d bytes reserved for %d", n, len(answer))
		}
		if err != nil {
			var e *saprouter.Error
			if !errors.As(err, &e) || e.Kind() == "" || e.Hop < 0 || e.Hop > len(route) || strings.Contains(err.Error(), canary[:8]) {
				t.Fatalf("%T %v", err, err)
			}
			_ = far.Close()
			return
		}
		rest, _ := io.ReadAll(nc)
		taken := answer[:len(answer)-len(rest)]
		if !bytes.HasSuffix(taken, pong) || !bytes.HasSuffix(answer, rest) {
			t.Fatalf("%q was taken of %q", taken, answer)
		}
		_ = nc.Close()
		_ = far.Close()
	})
}

// FuzzRoutePermissions reads route permission tables; no password is part of an error, and a
// table that is good alone is good behind another line.
func FuzzRoutePermissions(f *testing.F) {
	f.Add("P 127.0.0.1 * 3200.3299 pass\n# x\nS1,* 10.1.1011xxxx.* app sapgw00\nD * * *")
	f.Add("P*,0 2001:db8::/32\nKT p:CN=x * *")
	f.Fuzz(func(t *testing.T, text string) {
		_, alone := saprouter.ParsePermissions(strings.NewReader(text))
		_, err := saprouter.ParsePermissions(strings.NewReader("P * * * " + canary + "\n" + text))
		if (alone == nil) != (err == nil) {
			t.Fatalf("%v and %v", alone, err)
		}
		if err != nil && !strings.Contains(text, canary[:8]) && strings.Contains(err.Error(), canary[:8]) {
			t.Fatalf("a password is printed: %v", err)
		}
	})
}

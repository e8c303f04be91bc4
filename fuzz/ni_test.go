package fuzz_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"
)

// FuzzNIStream reads arbitrary bytes as records, in one piece and byte by byte: both must
// give the same records, answer the same pings and fail alike, and memory must not follow
// the lengths that headers promise.
func FuzzNIStream(f *testing.F) {
	var stream []byte
	for _, p := range []string{"NI_PING\x00", "", "NI_PONG\x00", "a record", "NI_WHAT?"} {
		stream = ni.AppendRecord(stream, []byte(p))
		f.Add(ni.AppendRecord(nil, []byte(p)), uint8(3))
	}
	f.Add(stream, uint8(1))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 1}, uint8(0))
	if b, err := (&ni.RouterError{Version: 40, Code: -94, Info: &ni.ErrorInfo{Text: "denied"}}).AppendBinary(nil); err == nil {
		f.Add(ni.AppendRecord(nil, b), uint8(2))
	}
	read := func(b []byte, maxRead int) (records [][]byte, pongs []byte, failure string) {
		a, far := netfault.PipeSize(len(b) + 1<<16)
		if _, err := far.Write(b); err != nil {
			return nil, nil, err.Error()
		}
		out := make(chan []byte)
		go func() {
			p, _ := io.ReadAll(far)
			out <- p
		}()
		end := netfault.New(a, netfault.Faults{MaxRead: maxRead, CutReadAfter: max(int64(len(b)), 1)})
		c := ni.NewConn(end, ni.Config{})
		for {
			p, err := c.ReadRecord()
			if err != nil {
				failure = err.Error()
				break
			}
			records = append(records, bytes.Clone(p))
		}
		_ = c.Close()
		pongs = <-out
		_ = far.Close()
		return records, pongs, failure
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		if len(b) == 0 {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		records, pongs, failure := read(b, 0)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(64*len(b)+4<<20) {
			t.Fatalf("%d bytes reserved for %d received", n, len(b))
		}
		again, pongsAgain, _ := read(b, 1+int(piece))
		if diff := cmp.Diff(records, again); diff != "" {
			t.Error(diff)
		}
		if !bytes.Equal(pongs, pongsAgain) || failure == "" {
			t.Errorf("pongs %x and %x, failure %q", pongs, pongsAgain, failure)
		}
	})
}

// FuzzNIErrorBlocks parses error blocks and router errors; what was parsed must survive
// encoding.
func FuzzNIErrorBlocks(f *testing.F) {
	info := &ni.ErrorInfo{Text: "program not registered", ReturnCode: "679", Detail: "TP X", Location: "gw", ErrorMessage: "gr\u00fcn"}
	block, err := info.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	router, err := (&ni.RouterError{Version: 40, Code: -92, Info: info}).AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	f.Add(router)
	f.Add([]byte("*ERR*\x001\x00\x1b[2J"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, ok := ni.FindErrorInfo(b); ok {
			once := reparse(t, info)
			if diff := cmp.Diff(once, reparse(t, once)); diff != "" {
				t.Error(diff)
			}
			_ = info.String()
		}
		if e, ok := ni.ParseRouterError(b); ok {
			if e.Info != nil {
				e.Info = reparse(t, e.Info)
			}
			again, err := e.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := ni.ParseRouterError(again)
			if diff := cmp.Diff(e, got); !ok || diff != "" {
				t.Error(diff)
			}
			_ = (&ni.PeerError{Router: e, Info: e.Info}).Error()
		}
	})
}

// reparse encodes and parses: the first time may replace characters, later times may not.
func reparse(t *testing.T, info *ni.ErrorInfo) *ni.ErrorInfo {
	t.Helper()
	b, err := info.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := ni.ParseErrorInfo(b)
	if !ok {
		t.Fatalf("%q is no error block", b)
	}
	return got
}

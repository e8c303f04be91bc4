package fuzz_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purerfc/purerfc/internal/capture"
)

// recordingFormats are the names under which the fuzzer reads its input; the last one
// leaves the choice to the first bytes.
var recordingFormats = []string{"x.bin", "x.hex", "x.jsonl", "x.pcap", "x.pcapng", "x"}

// seedRecordings adds recordings made by our own writers, and the text forms by hand.
func seedRecordings(f *testing.F) {
	f.Helper()
	frames := []capture.Frame{
		{Direction: capture.ClientToServer, Payload: []byte("NI_PING\x00"), Time: time.Unix(1_700_000_000, 0)},
		{Direction: capture.ServerToClient, Payload: []byte("NI_PONG\x00"), Time: time.Unix(1_700_000_001, 5)},
		{Direction: capture.ClientToServer, Stream: 1, Payload: bytes.Repeat([]byte{6, 0xcb}, 900)},
		{Direction: capture.ClientToServer, Payload: []byte{}},
	}
	var jsonl, pcapng bytes.Buffer
	for format, w := range map[uint8]capture.Writer{2: capture.NewJSONLWriter(&jsonl), 4: capture.NewPcapngWriter(&pcapng)} {
		for _, fr := range frames {
			if err := w.Write(fr); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		buf := &jsonl
		if format == 4 {
			buf = &pcapng
		}
		f.Add(format, false, buf.Bytes())
		f.Add(uint8(5), false, buf.Bytes())
	}
	f.Add(uint8(0), false, []byte("\x00\x00\x00\x08NI_PING\x00\x00\x00\x00\x00"))
	f.Add(uint8(0), true, []byte("NI_ROUTE\x00"))
	f.Add(uint8(1), false, []byte("c2s:\n-4  00 00 00 08 # length\n0000  4e 49 5f 50 49 4e 47 00  |NI_PING.|\ns2c: 00000000\n"))
	f.Add(uint8(1), true, []byte("00000000: 4e49 5f50 494e 4700  NI_PING.\n"))
	// A classic packet capture of one raw IPv4 packet with the segment "00 00 00 01 78".
	f.Add(uint8(3), false, []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x65\x00\x00\x00"+
		"\x01\x00\x00\x00\x02\x00\x00\x00\x2d\x00\x00\x00\x2d\x00\x00\x00"+
		"\x45\x00\x00\x2d\x00\x01\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02"+
		"\xc3\x50\x0c\xe4\x00\x00\x00\x65\x00\x00\x00\x00\x50\x10\x03\xe8\x00\x00\x00\x00\x00\x00\x00\x01x"))
}

// FuzzCaptureRead reads arbitrary bytes as a recording of each format: it must not panic,
// must not hold more than it was given, and what it read must survive both writers.
func FuzzCaptureRead(f *testing.F) {
	seedRecordings(f)
	f.Fuzz(func(t *testing.T, format uint8, bare bool, data []byte) {
		name := recordingFormats[int(format)%len(recordingFormats)]
		frames, err := capture.Read(name, bytes.NewReader(data), capture.Options{Bare: bare, Note: func(string) {}})
		if err != nil && err.Error() == "" {
			t.Fatal("an error without text")
		}
		held := 0
		for _, fr := range frames {
			held += len(fr.Payload)
			if fr.Payload == nil {
				t.Fatal("a frame without payload slice")
			}
		}
		if held > len(data) {
			t.Fatalf("%d bytes of payload out of %d bytes of file", held, len(data))
		}
		// The writers want a direction and number the streams by first appearance.
		number := map[int]int{}
		for i := range frames {
			fr := &frames[i]
			if fr.Direction == capture.Unknown {
				fr.Direction = capture.ClientToServer
			}
			if _, ok := number[fr.Stream]; !ok {
				number[fr.Stream] = len(number)
			}
			fr.Stream, fr.Bare = number[fr.Stream], false
		}
		if len(number) > 1000 {
			return
		}
		var jsonl, pcapng bytes.Buffer
		for out, w := range map[string]capture.Writer{"x.jsonl": capture.NewJSONLWriter(&jsonl), "x.pcapng": capture.NewPcapngWriter(&pcapng)} {
			for _, fr := range frames {
				if err := w.Write(fr); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			buf := &jsonl
			if out == "x.pcapng" {
				buf = &pcapng
			}
			again, err := capture.Read(out, buf, capture.Options{})
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if d := cmp.Diff(frames, again, cmpopts.IgnoreFields(capture.Frame{}, "Offset", "Time"), cmp.Comparer(bytes.Equal)); d != "" && len(frames)+len(again) > 0 {
				t.Fatalf("%s: %s", out, d)
			}
		}
	})
}

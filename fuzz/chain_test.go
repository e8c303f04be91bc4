package fuzz_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/internal/chain"
)

// FuzzChainItems walks arbitrary bytes as a field chain, in one piece and in fragments of
// two sizes: items and failures must be the same, and what was read must be the same again
// after encoding and decoding.
func FuzzChainItems(f *testing.F) {
	msg := chain.AppendEmpty(nil, chain.Call)
	msg = chain.AppendText(msg, chain.FunctionName, "RFCPING")
	msg = chain.AppendU32(msg, chain.TableID, 1)
	msg = chain.AppendEnd(chain.AppendEmpty(msg, chain.Parameters))
	f.Add(msg, uint16(1), uint16(7))
	f.Add(append(msg, 0, 0, 0, 0, 0, 0, 0x85, 0), uint16(3), uint16(0))
	f.Add(chain.AppendEnd(chain.Append(nil, chain.TableRow, make([]byte, 65535))), uint16(1000), uint16(9))
	f.Add([]byte{3, 3, 0xff, 0xff, 0, 0, 0, 1, 'x', 3, 3, 0xff, 0xff, 0, 0, 0xff, 0xff}, uint16(2), uint16(2))
	limits := chain.Limits{Message: 1 << 20, Value: 1 << 19, Items: 1 << 12}
	walk := func(r *chain.Reader) (items []chain.Item, failure string) {
		for {
			it, err := r.Next()
			if err == io.EOF { //nolint:errorlint // exactly this value ends a chain
				err = r.Drain()
				return items, fmt.Sprint(err)
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					failure = "an error that looks like the end: "
				}
				return items, failure + err.Error()
			}
			it.Value = bytes.Clone(it.Value)
			items = append(items, it)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, one, two uint16) {
		want, wantFailure := walk(chain.NewBytesReader(b, limits))
		rest, n, piece := b, 0, []byte(nil)
		got, gotFailure := walk(chain.NewReader(func() ([]byte, bool, error) {
			clear(piece) // a fragment is gone when the next one is asked for
			size := 1 + int(one)
			if n++; n%2 == 0 {
				size = int(two)
			}
			size = min(size, len(rest))
			piece, rest = bytes.Clone(rest[:size]), rest[size:]
			return piece, len(rest) == 0, nil
		}, limits))
		if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Fatal(diff)
		}
		// Trailing bytes are counted as far as they were fetched.
		if (wantFailure == "<nil>") != (gotFailure == "<nil>") {
			t.Fatalf("%s in one piece, %s in fragments", wantFailure, gotFailure)
		}
		// Items alike may be taken together.
		r := chain.NewBytesReader(b, limits)
		for i := 0; i < len(want); {
			it, err := r.Next()
			if err != nil || !bytes.Equal(it.Value, want[i].Value) {
				t.Fatal(i, err)
			}
			i++
			size := len(it.Value) + chain.Overhead
			values, n := r.Run(it.Tag, len(it.Value), 1+int(one))
			for k := range n {
				if got := values[k*size : k*size+len(it.Value)]; want[i].Tag != it.Tag || !bytes.Equal(got, want[i].Value) {
					t.Fatalf("item %d: %x in a run, %x alone", i, got, want[i].Value)
				}
				i++
			}
		}
		if _, n := r.Run(chain.End, 0, 1); n != 0 {
			t.Fatal("the end item in a run")
		}
		var again []byte
		for i := range want {
			want[i].Offset = int64(len(again))
			again = chain.Append(again, want[i].Tag, want[i].Value)
		}
		got, gotFailure = walk(chain.NewBytesReader(chain.AppendEnd(again), chain.Limits{}))
		if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" || gotFailure != "<nil>" {
			t.Fatal(gotFailure, diff)
		}
	})
}

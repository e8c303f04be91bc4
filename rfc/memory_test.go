package rfc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
)

type blob struct {
	Text  string   `rfc:"TEXT,char=20"`
	Raw   []byte   `rfc:"RAW,raw=8"`
	Bytes []byte   `rfc:"BYTES"`
	Long  string   `rfc:"LONG"`
	Rows  []string `rfc:"ROWS,char=10"`
}

func blobOf(i int) blob {
	b := blob{Text: fmt.Sprint("text ", i), Raw: bytes.Repeat([]byte{byte(i)}, 8), Bytes: bytes.Repeat([]byte{byte(i + 1)}, 50+i), Long: strings.Repeat(fmt.Sprint(i, " "), 30)}
	for k := range 1 + i%7 {
		b.Rows = append(b.Rows, fmt.Sprint(i, "/", k))
	}
	return b
}

// F-122: buffers are used again, values that were given out are not touched: neither what
// a call returned, nor what a handler kept, nor what a callback brought.
func TestF122ValuesOutliveTheirBuffers(t *testing.T) {
	t.Parallel()
	var kept []blob
	var dynamic []rfc.Params
	mux := rfc.NewMux()
	back := rfc.NewMux()
	require.NoError(t, rfc.Handle(back, "Z_BLOB", func(_ context.Context, in blob) (blob, error) {
		in.Bytes = append(in.Bytes, 0xff)
		return in, nil
	}))
	require.NoError(t, rfc.Handle(mux, "Z_BLOB", func(_ context.Context, in blob) (blob, error) {
		kept = append(kept, in)
		return in, nil
	}))
	require.NoError(t, mux.Handle(named(t, "Z_BACK"), func(ctx context.Context, req *rfc.Request, _ *rfc.Reply) error {
		out, err := req.Callback(ctx, back.Describe("Z_BLOB"), blobOf(len(dynamic)))
		dynamic = append(dynamic, out)
		return err
	}))
	c := open(t, mux, rfc.ConnConfig{Callbacks: back})
	const n = 40
	var typed []blob
	var responses []*rfc.Response
	for i := range n {
		out, err := rfc.Call[blob](t.Context(), c, "Z_BLOB", blobOf(i))
		require.NoError(t, err)
		typed = append(typed, out)
		res, err := c.Call(t.Context(), "Z_BLOB", blobOf(i+1))
		require.NoError(t, err)
		responses = append(responses, res)
		_, err = c.Call(t.Context(), "Z_BACK", nil)
		require.NoError(t, err)
	}
	for i := range n {
		require.Equal(t, blobOf(i), typed[i])
		require.Equal(t, blobOf(i), kept[2*i])
		var out blob
		require.NoError(t, responses[i].Scan(&out))
		require.Equal(t, blobOf(i+1), out)
		require.Equal(t, append(blobOf(i).Bytes, 0xff), dynamic[i]["BYTES"])
		require.Equal(t, blobOf(i).Raw, dynamic[i]["RAW"])
		require.Equal(t, blobOf(i).Long, dynamic[i]["LONG"])
	}
}

func TestStreamWithATimeLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		for p.receive() != nil {
			p.send(p.reply(group("T", 20_000)))
		}
	})
	for range 3 {
		res, err := zCall(t.Context(), c, nil, rfc.Stream("T"), rfc.WithTimeout(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 20_000, countRows(t, res, "T"))
	}
	// The typed call has nothing to read rows with: it gives the stream up.
	_, err := rfc.Call[rfc.Params](t.Context(), c, "Z_TEST", nil, rfc.WithInterface(zTest), rfc.Stream("T"))
	require.NoError(t, err)
	require.False(t, c.Busy())
}

// Close, calls and questions from many goroutines at once: every call ends, none panics, and
// what fails says that the connection is closed, busy or lost.
func TestCloseRacesWithCalls(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_BLOB", func(_ context.Context, in blob) (blob, error) { return in, nil }))
	_, dial := serve(t, mux)
	for i := range 30 {
		c := dial(t, rfc.ConnConfig{})
		var group sync.WaitGroup
		started := make(chan struct{}, 100)
		for range 3 {
			group.Go(func() {
				for range 10 {
					ctx, cancel := context.WithCancel(t.Context())
					if i%3 == 0 {
						go cancel()
					}
					out, err := rfc.Call[blob](ctx, c, "Z_BLOB", blobOf(i))
					cancel()
					started <- struct{}{}
					switch {
					case err == nil:
						if out.Text != blobOf(i).Text {
							t.Errorf("got %v", out)
						}
					case errors.Is(err, rfc.ErrBusy), errors.Is(err, rfc.ErrClosed), errors.Is(err, rfc.ErrCommunication), errors.Is(err, rfc.ErrCanceled):
					default:
						t.Errorf("%+v", err)
					}
				}
			})
		}
		<-started
		for range 2 {
			group.Go(func() {
				_ = c.Close()
				_, _ = c.Attributes()
			})
		}
		group.Wait()
		require.False(t, c.Alive())
		require.False(t, c.Busy())
	}
}

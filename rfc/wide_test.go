package rfc_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// wideMux serves rows of 153 columns, about 3 KB each, most of them blank as in real tables.
func wideMux(t testing.TB, rows int) (mux *rfc.Mux, width int) {
	t.Helper()
	d := new(metadata.Dictionary)
	var fields []string
	for i := range 153 {
		fields = append(fields, fmt.Sprintf("F%03d:%s", i, []string{"C10", "C4", "N8", "D", "P7.2", "I", "C20"}[i%7]))
	}
	d.Structure("ZWIDE", strings.Join(fields, " "))
	f, err := d.Function("Z_WIDE", "TABLES DATA:[ZWIDE]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	line, _ := d.Type("ZWIDE")
	mux = rfc.NewMux()
	require.NoError(t, mux.Handle(f, func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
		row := rfc.NewRecord(line)
		for _, set := range []struct {
			name  string
			value any
		}{{"F000", "4711"}, {"F003", "20260705"}, {"F004", "12.50"}, {"F006", "some text"}} {
			if err := row.Set(set.name, set.value); err != nil {
				return err
			}
		}
		reply.SetValue("DATA", rfc.Sequence[*rfc.Record]{Count: rows, Seq: func(yield func(*rfc.Record) bool) {
			for i := range rows {
				if row.Set("F005", i) != nil || !yield(row) {
					return
				}
			}
		}})
		return nil
	}))
	return mux, line.Layout(2).Total
}

// heap is what is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// G15: rows of 153 columns are streamed in constant memory, and kept by column in less than
// one and a half times their size on the wire. Not parallel: it measures the heap.
func TestG15WideTables(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector multiplies the heap: it is measured without it")
	}
	const rows = 20_000
	mux, width := wideMux(t, rows)
	payload := uint64(rows * width)
	require.Greater(t, payload, uint64(40<<20))
	_, dial := serve(t, mux)
	for _, format := range []serialization.Format{serialization.Classic, serialization.ColumnFast} {
		t.Run(format.String(), func(t *testing.T) {
			conn := dial(t, rfc.ConnConfig{Format: format})
			defer func() { require.NoError(t, conn.Close()) }()
			run := func(read func(*rfc.Response, func())) (peak uint64) {
				idle := heap()
				res, err := conn.Call(t.Context(), "Z_WIDE", nil, rfc.Stream("DATA"))
				require.NoError(t, err)
				read(res, func() { peak = max(peak, heap()) })
				return peak - min(idle, peak)
			}
			streamed := run(func(res *rfc.Response, look func()) {
				n := 0
				for row, err := range rfc.Rows[*rfc.Record](res, "DATA") {
					require.NoError(t, err)
					if n++; n%2000 == 0 {
						look()
					}
					require.NotNil(t, row)
				}
				require.Equal(t, rows, n)
			})
			require.Less(t, streamed, uint64(16<<20), "streamed rows")
			kept := run(func(res *rfc.Response, look func()) {
				var batches []*rfc.Columns
				n := 0
				for batch, err := range res.ColumnBatches("DATA") {
					require.NoError(t, err)
					batches = append(batches, batch)
					n += batch.Rows
					look()
				}
				require.Equal(t, rows, n)
				require.EqualValues(t, 0, batches[0].Column("F005").Int32s[0])
			})
			require.Less(t, kept, payload*3/2, "columns kept")
			t.Logf("%d MiB of rows: %d MiB of heap while streamed, %d MiB kept by column", payload>>20, streamed>>20, kept>>20)
		})
	}
}

// G25: the first row is there while the host has made a small part of the others: back-pressure
// reaches its iterator.
func TestG25FirstRowComesEarly(t *testing.T) {
	t.Parallel()
	const rows = 1_000_000
	var made atomic.Int64
	mux := rfc.NewMux()
	require.NoError(t, rfc.Handle(mux, "Z_BIG", func(_ context.Context, in bigIn) (bigOut, error) {
		return bigOut{Data: rfc.Sequence[bigRow]{Count: rows, Seq: func(yield func(bigRow) bool) {
			list := bigRows()
			for i := range rows {
				made.Add(1)
				if !yield(list[i%len(list)]) {
					return
				}
			}
		}}}, nil
	}))
	for _, tc := range []struct {
		format serialization.Format
		most   int64 // rows in the buffers of both sides
	}{{serialization.Classic, 5_000}, {serialization.RowFast, 60_000}, {serialization.ColumnFast, 150_000}} {
		client, server := netfault.Pipe()
		srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}
		served := make(chan struct{})
		go func() {
			defer close(served)
			srv.ServeConn(t.Context(), server)
		}()
		conv, err := cpic.Open(t.Context(), client, cpic.ClientConfig{TargetHost: "peer", SystemNumber: "00"})
		require.NoError(t, err)
		conn, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{
			Format: tc.format, Functions: mux, Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"},
		})
		require.NoError(t, err)
		made.Store(0)
		res, err := conn.Call(t.Context(), "Z_BIG", bigIn{Rows: rows}, rfc.Stream("DATA"))
		require.NoError(t, err)
		for row, err := range rfc.Rows[bigRow](res, "DATA") {
			require.NoError(t, err)
			require.Equal(t, bigRows()[0], row)
			break
		}
		require.Less(t, made.Load(), tc.most, "%s", tc.format)
		require.NoError(t, conn.Close())
		require.NoError(t, srv.Close())
		<-served
	}
}

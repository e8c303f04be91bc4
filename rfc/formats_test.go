package rfc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

type orderItem struct {
	Pos   int32        `rfc:"POS"`
	Text  string       `rfc:"TEXT"`
	Price abap.Decimal `rfc:"PRICE,packed=8.2"`
	Notes []string     `rfc:"NOTES"`
}

type orderIn struct {
	Number string      `rfc:"NUMBER,char=10"`
	Items  []orderItem `rfc:"ITEMS"`
}

type orderOut struct {
	Number string      `rfc:"DOUBLED,char=20"`
	Items  []orderItem `rfc:"ITEMS"`
	Rows   []bigRow    `rfc:"ROWS"`
}

// orders is a host with one module that returns what it is sent and rows of its own; format
// notes how its requests came.
func orders(t testing.TB, rows int, format func(serialization.Format)) *rfc.Mux {
	t.Helper()
	mux := rfc.NewMux()
	f, err := rfc.InterfaceOf[orderIn, orderOut]("Z_ORDER")
	require.NoError(t, err)
	require.NoError(t, mux.Handle(f, func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		var in orderIn
		if err := req.Scan(&in); err != nil {
			return err
		}
		if format != nil {
			format(req.Format())
		}
		out := &orderOut{Number: in.Number + in.Number, Items: in.Items}
		for i := range rows {
			out.Rows = append(out.Rows, bigRow{Client: "001", Mat: fmt.Sprintf("%018d", i), Pos: int32(i), Text: "Grüße"})
		}
		reply.Set(out)
		return nil
	}))
	return mux
}

func orderItems(t testing.TB, n int) []orderItem {
	t.Helper()
	list := make([]orderItem, n)
	for i := range list {
		price, err := abap.NewDecimal(int64(i*25), -2)
		require.NoError(t, err)
		list[i] = orderItem{Pos: int32(i), Text: fmt.Sprintf("item %d", i), Price: price, Notes: []string{}}
		for k := range i % 3 {
			list[i].Notes = append(list[i].Notes, fmt.Sprintf("note %d", k))
		}
	}
	return list
}

func TestCallsInEveryFormat(t *testing.T) {
	t.Parallel()
	var seen []serialization.Format
	_, dial := serve(t, orders(t, 3000, func(f serialization.Format) { seen = append(seen, f) }))
	in := orderIn{"4711", orderItems(t, 500)}
	var want orderOut
	for _, wan := range []bool{false, true} {
		for _, format := range []serialization.Format{serialization.Classic, serialization.RowFast, serialization.ColumnFast} {
			conn := dial(t, rfc.ConnConfig{Format: format, WAN: wan})
			for range 2 {
				out, err := rfc.Call[orderOut](t.Context(), conn, "Z_ORDER", &in)
				require.NoError(t, err)
				require.Equal(t, "47114711", out.Number)
				require.Equal(t, in.Items, out.Items)
				require.Len(t, out.Rows, 3000)
				if want.Rows == nil {
					want = out
				}
				require.Equal(t, want, out, "%s", format)
				require.Equal(t, format, seen[len(seen)-1])
			}
			// A single call may use another one.
			_, err := rfc.Call[orderOut](t.Context(), conn, "Z_ORDER", &in, rfc.WithFormat(serialization.RowFast))
			require.NoError(t, err)
			require.Equal(t, serialization.RowFast, seen[len(seen)-1])
			require.NoError(t, conn.Close())
		}
	}
}

// WAN is worth its time: the same answer takes a fraction of the bytes.
func TestNetworkDecidesTheCompression(t *testing.T) {
	t.Parallel()
	_, dial := serve(t, orders(t, 3000, nil))
	received := map[string]int64{}
	for name, cfg := range map[string]rfc.ConnConfig{
		"classic": {}, "near": {Format: serialization.ColumnFast}, "far": {Format: serialization.ColumnFast, WAN: true},
	} {
		conn := dial(t, cfg)
		_, err := conn.SystemInfo(t.Context())
		require.NoError(t, err)
		_, before, _ := conn.Traffic()
		_, err = rfc.Call[orderOut](t.Context(), conn, "Z_ORDER", &orderIn{Number: "1"})
		require.NoError(t, err)
		_, after, _ := conn.Traffic()
		received[name] = after - before
		require.NoError(t, conn.Close())
	}
	require.Less(t, 5*received["near"], received["classic"], "%v", received)
	require.Less(t, 2*received["far"], received["near"], "%v", received)
}

func TestStreamedAnswersInFastFormats(t *testing.T) {
	t.Parallel()
	const n = 200_000
	_, dial := serve(t, bigMux(t))
	for _, format := range []serialization.Format{serialization.RowFast, serialization.ColumnFast} {
		conn := dial(t, rfc.ConnConfig{Format: format})
		res, err := conn.Call(t.Context(), "Z_BIG", bigIn{Rows: n}, rfc.Stream("DATA"))
		require.NoError(t, err)
		require.True(t, conn.Busy())
		seen := 0
		for row, err := range rfc.Rows[bigRow](res, "DATA") {
			require.NoError(t, err)
			require.EqualValues(t, seen, row.Pos)
			seen++
		}
		require.Equal(t, n, seen)
		require.False(t, conn.Busy())
		res, err = conn.Call(t.Context(), "Z_BIG", bigIn{Rows: n}, rfc.Stream("DATA"))
		require.NoError(t, err)
		sum, rows := int64(0), 0
		for batch, err := range res.ColumnBatches("DATA") {
			require.NoError(t, err)
			require.LessOrEqual(t, batch.Rows, 65_536)
			pos := batch.Column("POSNR")
			for i := range batch.Rows {
				sum += int64(pos.Int32s[pos.Index(i)])
			}
			rows += batch.Rows
		}
		require.Equal(t, n, rows)
		require.Equal(t, int64(n)*(n-1)/2, sum)
		require.NoError(t, conn.Ping(t.Context()))
		require.NoError(t, conn.Close())
	}
}

// A request whose rows come from an iterator leaves while it is made.
func TestStreamedRequests(t *testing.T) {
	t.Parallel()
	const n = 100_000
	mux := rfc.NewMux()
	type countIn struct {
		Name string   `rfc:"NAME,char=20"`
		Rows []bigRow `rfc:"ROWS"`
	}
	type countOut struct {
		Sum  int64  `rfc:"SUM"`
		Name string `rfc:"ECHO,char=20"`
	}
	require.NoError(t, rfc.Handle(mux, "Z_COUNT", func(_ context.Context, in countIn) (countOut, error) {
		out := countOut{Name: in.Name}
		for _, row := range in.Rows {
			out.Sum += int64(row.Pos)
		}
		return out, nil
	}))
	_, dial := serve(t, mux)
	type streamIn struct {
		Name string               `rfc:"NAME"`
		Rows rfc.Sequence[bigRow] `rfc:"ROWS"`
	}
	sequence := func(count, rows int, bad int) rfc.Sequence[bigRow] {
		return rfc.Sequence[bigRow]{Count: count, Seq: func(yield func(bigRow) bool) {
			for i := range rows {
				row := bigRow{Client: "001", Pos: int32(i)}
				if i == bad {
					row.Client = "too long"
				}
				if !yield(row) {
					return
				}
			}
		}}
	}
	for _, format := range []serialization.Format{serialization.Classic, serialization.RowFast, serialization.ColumnFast} {
		conn := dial(t, rfc.ConnConfig{Format: format})
		for range 2 {
			out, err := rfc.Call[countOut](t.Context(), conn, "Z_COUNT", streamIn{"streamed", sequence(n, n, -1)}, rfc.NotRequested("ROWS"))
			require.NoError(t, err, "%s", format)
			require.EqualValues(t, int64(n)*(n-1)/2, out.Sum)
			require.Equal(t, "streamed", out.Name)
		}
		// Values in front of the rows are checked before anything leaves.
		sent, _, calls := conn.Traffic()
		_, err := rfc.Call[countOut](t.Context(), conn, "Z_COUNT", rfc.Params{"NAME": "much longer than twenty characters", "ROWS": sequence(n, n, -1)})
		rfcError(t, err, rfc.ClassConversion, rfc.NotSent)
		after, _, callsAfter := conn.Traffic()
		require.Equal(t, sent, after)
		require.Equal(t, calls, callsAfter)
		require.True(t, conn.Alive())
		// A bad row far behind costs the connection; what became of the call is told.
		_, err = rfc.Call[countOut](t.Context(), conn, "Z_COUNT", streamIn{"bad", sequence(n, n, 90_000)})
		e := rfcError(t, err, rfc.ClassConversion, rfc.Unknown)
		require.Equal(t, "ROWS[90000].MANDT", e.Path)
		require.True(t, e.Closed)
		require.False(t, conn.Alive())
	}
	conn := dial(t, rfc.ConnConfig{})
	_, err := rfc.Call[countOut](t.Context(), conn, "Z_COUNT", streamIn{"short", sequence(n+1, n, -1)})
	rfcError(t, err, rfc.ClassParameter, rfc.Unknown)
}

// A host that reads a block it cannot understand says so before the handler runs.
func TestUnreadableBlocks(t *testing.T) {
	t.Parallel()
	called := false
	_, dial := serve(t, orders(t, 0, func(serialization.Format) { called = true }))
	for _, tc := range []struct {
		name, text string
		offered    bool
		block      []byte
	}{
		{"garbage", "OFS: ", true, []byte("no block at all, only text")},
		{"not offered", "", false, []byte("no block")},
	} {
		conn := dial(t, rfc.ConnConfig{})
		if tc.offered {
			_, err := conn.SystemInfo(t.Context())
			require.NoError(t, err)
		}
		err := rfc.RawCall(t.Context(), conn, "Z_ORDER", chain.Append(nil, chain.OFS1, tc.block))
		require.Error(t, err)
		require.Contains(t, err.Error(), tc.text)
		require.False(t, conn.Alive())
		require.False(t, called)
	}
}

// G18: on a link of 100 Mbit/s with 20 ms delay a columnar answer needs a quarter of the time
// of a classic one or less. The clock of the bubble counts the link alone.
func TestG18ColumnsOverASlowLink(t *testing.T) {
	const rows = 100_000
	took := func(format serialization.Format) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			client, server := netfault.Link(100_000_000/8, 20*time.Millisecond)
			srv := &gateway.Server{Handler: bigMux(t), Authenticate: gateway.Users{"DEVELOPER": "secret"}.Authenticate}
			served := make(chan struct{})
			go func() {
				defer close(served)
				srv.ServeConn(t.Context(), server)
			}()
			conv, err := cpic.Open(t.Context(), client, cpic.ClientConfig{TargetHost: "peer", SystemNumber: "00"})
			require.NoError(t, err)
			conn, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{
				Format: format, WAN: true, Functions: bigMux(t),
				Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "secret", Language: "E"},
			})
			require.NoError(t, err)
			_, err = conn.SystemInfo(t.Context())
			require.NoError(t, err)
			start := time.Now()
			readBig(t, conn, rows, readRows)
			d = time.Since(start)
			require.NoError(t, conn.Close())
			<-served
			require.NoError(t, srv.Close())
			<-time.After(10 * time.Second) // of the bubble: the host's watchdog goes to rest
		})
		return d
	}
	classic, row, columnar := took(serialization.Classic), took(serialization.RowFast), took(serialization.ColumnFast)
	t.Logf("classic %v, row %v (%.1fx), columnar %v (%.1fx)", classic, row, float64(classic)/float64(row), columnar, float64(classic)/float64(columnar))
	require.Greater(t, classic, 4*columnar)
	require.Greater(t, classic, 4*row)
}

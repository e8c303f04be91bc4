package rfc_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// floor is the cheapest program that moves the same bytes: a ping-pong on a raw loopback
// connection.
type floor struct {
	nc      net.Conn
	out, in []byte
}

func newFloor(tb testing.TB, request, answer int) *floor {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = nc.Close() }()
				buf, out := make([]byte, request), make([]byte, answer)
				for {
					if _, err := io.ReadFull(nc, buf); err != nil {
						return
					}
					if _, err := nc.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = nc.Close() })
	return &floor{nc: nc, out: make([]byte, request), in: make([]byte, answer)}
}

func (f *floor) roundTrip(tb testing.TB) {
	if _, err := f.nc.Write(f.out); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(f.nc, f.in); err != nil {
		tb.Fatal(err)
	}
}

// paired times two operations in alternating batches and reports their ratio; the
// machine's speed may drift, the ratio does not. The usual ns/op covers both.
func paired(b *testing.B, batch int, subject, base func()) {
	b.Helper()
	var spent, spentBase time.Duration
	batches := 0
	for b.Loop() {
		start := time.Now()
		for range batch {
			base()
		}
		middle := time.Now()
		for range batch {
			subject()
		}
		spentBase += middle.Sub(start)
		spent += time.Since(middle)
		batches++
	}
	b.ReportMetric(float64(spent)/float64(spentBase), "x-floor")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(batches*batch), "ns/call")
	b.ReportMetric(0, "ns/op") // would be a batch of both
}

func echoMux(tb testing.TB) *rfc.Mux {
	tb.Helper()
	mux := rfc.NewMux()
	require.NoError(tb, rfc.Handle(mux, "STFC_CONNECTION", func(_ context.Context, in echoIn) (echoOut, error) {
		return echoOut{Echo: in.Text, Resp: "SAP R/3 Rel. 758   Sysid: GOR      Date: 20260705   Time: 120000   Logon_Data: 001/DEVELOPER/E"}, nil
	}))
	return mux
}

// G1: at most 1.25 times a raw ping-pong of the actual sizes.
func BenchmarkCallSTFC(b *testing.B) {
	b.Run("cpic", func(b *testing.B) {
		conn := open(b, echoMux(b), rfc.ConnConfig{})
		in := &echoIn{Text: "saprfc_capture_test"}
		call := func() {
			out, err := rfc.Call[echoOut](context.Background(), conn, "STFC_CONNECTION", in)
			if err != nil || out.Echo != in.Text {
				b.Fatal(out, err)
			}
		}
		call()
		s0, r0, _ := conn.Traffic()
		call()
		s1, r1, _ := conn.Traffic()
		f := newFloor(b, int(s1-s0), int(r1-r0))
		paired(b, 100, call, func() { f.roundTrip(b) })
	})
}

// G27: at most 1.6 times a connect with four raw round trips of the same sizes.
func BenchmarkOpen(b *testing.B) {
	b.Run("cpic", func(b *testing.B) {
		_, dial := serve(b, echoMux(b))
		first := dial(b, rfc.ConnConfig{})
		sent, received, _ := first.Traffic()
		f := newFloor(b, int(sent)/4, int(received)/4)
		address := f.nc.RemoteAddr().String()
		paired(b, 10, func() {
			_ = dial(b, rfc.ConnConfig{}).Close()
		}, func() {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			g := floor{nc: nc, out: f.out, in: f.in}
			for range 4 {
				g.roundTrip(b)
			}
			_ = nc.Close()
		})
	})
}

type bigRow struct {
	Client string `rfc:"MANDT,char=3"`
	Mat    string `rfc:"MATNR,char=18"`
	Plant  string `rfc:"WERKS,char=4"`
	Text   string `rfc:"MAKTX,char=40"`
	Unit   string `rfc:"MEINS,char=3"`
	Batch  string `rfc:"CHARG,char=10"`
	Pos    int32  `rfc:"POSNR"`
	Qty    int32  `rfc:"MENGE"`
	Price  int64  `rfc:"PRICE"`
	Weight int32  `rfc:"NTGEW"`
}

type bigIn struct {
	Rows int32 `rfc:"ROWS"`
}

type bigOut struct {
	Data rfc.Sequence[bigRow] `rfc:"DATA"`
}

// bigRows look like stock of a warehouse: some columns repeat, some count, one has text.
var bigRows = sync.OnceValue(func() []bigRow {
	texts := []string{
		"Hexagon socket head cap screw M8x40", "Gasket, copper, 18x22x1.5", "Bearing 6204-2RS", "Pump casing, cast iron, blue",
		"Cable gland M20 IP68", "Shaft seal 35x52x7 NBR", "Control board rev. 4", "Label 100x150 mm thermal",
	}
	rows := make([]bigRow, 8192)
	for i := range rows {
		rows[i] = bigRow{
			Client: "100", Mat: fmt.Sprintf("%018d", 4711000+i), Plant: fmt.Sprintf("%04d", 1000+i%7), Text: texts[i*7%len(texts)],
			Unit: []string{"ST", "KG", "M", "PAL"}[i%4], Batch: fmt.Sprintf("CH%07d", i*31), Qty: int32(i * 37 % 9000), Price: int64(i*125) % 99999, Weight: int32(i % 250),
		}
	}
	return rows
})

func bigMux(tb testing.TB) *rfc.Mux {
	tb.Helper()
	mux := rfc.NewMux()
	require.NoError(tb, rfc.Handle(mux, "Z_BIG", func(_ context.Context, in bigIn) (bigOut, error) {
		n, rows := int(in.Rows), bigRows()
		return bigOut{Data: rfc.Sequence[bigRow]{Count: n, Seq: func(yield func(bigRow) bool) {
			for i := range n {
				row := rows[i%len(rows)]
				row.Pos = int32(i)
				if !yield(row) {
					return
				}
			}
		}}}, nil
	}))
	return mux
}

// rss is the resident memory of this process in bytes; 0 where the system does not say.
func rss() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		if v, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// readers are the ways to take the rows of Z_BIG. Each gives the number of rows and the sum of
// the positions, so that a fast wrong answer fails.
var readers = []struct {
	name   string
	format serialization.Format
	read   func(tb testing.TB, res *rfc.Response) (int, int64)
}{
	{"classic", serialization.Classic, readRows},
	{"row", serialization.RowFast, readRows},
	{"columnar", serialization.ColumnFast, readRows},
	{"columnar-batches", serialization.ColumnFast, readBatches},
}

func readRows(tb testing.TB, res *rfc.Response) (n int, sum int64) {
	for row, err := range rfc.Rows[bigRow](res, "DATA") {
		if err != nil {
			tb.Fatal(err)
		}
		n++
		sum += int64(row.Pos)
	}
	return n, sum
}

func readBatches(tb testing.TB, res *rfc.Response) (n int, sum int64) {
	for t, err := range res.ColumnBatches("DATA") {
		if err != nil {
			tb.Fatal(err)
		}
		pos := t.Column("POSNR")
		for i := range t.Rows {
			sum += int64(pos.Int32s[pos.Index(i)])
		}
		n += t.Rows
	}
	return n, sum
}

// readBig reads rows of Z_BIG.
func readBig(tb testing.TB, conn *rfc.Conn, rows int, read func(testing.TB, *rfc.Response) (int, int64)) {
	res, err := conn.Call(context.Background(), "Z_BIG", bigIn{Rows: int32(rows)}, rfc.Stream("DATA"))
	if err != nil {
		tb.Fatal(err)
	}
	if n, sum := read(tb, res); n != rows || sum != int64(n)*int64(n-1)/2 {
		tb.Fatal(n, sum)
	}
}

// G17, G19, G20: a million rows from host to client in one process, in constant memory; fast
// formats in pairs with the classic one.
func BenchmarkStreamMillion(b *testing.B) {
	const rows = 1_000_000
	_, dial := serve(b, bigMux(b))
	base := dial(b, rfc.ConnConfig{})
	b.Cleanup(func() { _ = base.Close() })
	for _, r := range readers {
		b.Run(r.name, func(b *testing.B) {
			conn := dial(b, rfc.ConnConfig{Format: r.format})
			defer func() { _ = conn.Close() }()
			readBig(b, conn, 1000, r.read)
			runtime.GC()
			idle := rss()
			peak := watchMemory(b)
			var spent, spentBase time.Duration
			n := 0
			for b.Loop() {
				start := time.Now()
				readBig(b, conn, rows, r.read)
				spent += time.Since(start)
				if r.format != serialization.Classic {
					start = time.Now()
					readBig(b, base, rows, readRows)
					spentBase += time.Since(start)
				}
				n++
			}
			b.ReportMetric(float64(rows*n)/spent.Seconds(), "rows/s")
			b.ReportMetric(float64(peak()-idle)/(1<<20), "MiB-above-idle")
			if spentBase > 0 {
				b.ReportMetric(float64(spentBase)/float64(spent), "x-classic")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// watchMemory samples the resident memory; the function it returns stops and gives the peak.
func watchMemory(tb testing.TB) func() int64 {
	tb.Helper()
	var peak atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if m := rss(); m > peak.Load() {
					peak.Store(m)
				}
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return peak.Load()
	}
}

// G6: at most four allocations per typed call, host included.
func TestG6TypedCallAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget at random: allocations are counted without it")
	}
	conn := open(t, echoMux(t), rfc.ConnConfig{})
	in := &echoIn{Text: "hello"}
	n := testing.AllocsPerRun(2000, func() {
		if _, err := rfc.Call[echoOut](context.Background(), conn, "STFC_CONNECTION", in); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, n, 4.0)
}

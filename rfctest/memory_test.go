package rfctest_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// TestMillionRowsStreamInConstantMemory is not parallel: tests without t.Parallel run
// alone, so that the heap it reads is its own.
func TestMillionRowsStreamInConstantMemory(t *testing.T) {
	n := 1_000_000
	if raceEnabled {
		n = 50_000
	}
	sys := rfctest.NewSystem(t, rfctest.WithBigTableRows(n))
	conn := connect(t, sys)
	used := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	runtime.GC()
	idle := used()
	peak := idle
	res, err := conn.Call(t.Context(), "RFC_READ_TABLE", tableIn{Table: "ZBIGTAB"}, rfc.Stream("DATA"))
	require.NoError(t, err)
	rows := 0
	for _, err := range rfc.Rows[tableRow](res, "DATA") {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows%(n/50) == 0 {
			peak = max(peak, used())
		}
	}
	require.Equal(t, n, rows)
	const ceiling = 32 << 20
	require.Less(t, peak-idle, uint64(ceiling), "bytes above idle while client and host stream %d rows", n)
	t.Logf("%d rows, client and host together at most %.1f MiB above idle", n, float64(peak-idle)/(1<<20))
}

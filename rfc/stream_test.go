package rfc_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func streamed(t testing.TB, answer func(p *peer) []byte) (*rfc.Conn, *rfc.Response) {
	t.Helper()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		for p.receive() != nil {
			p.send(answer(p))
		}
	})
	res, err := zCall(t.Context(), c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	return c, res
}

func countRows(t testing.TB, res *rfc.Response, table string) (n int) {
	t.Helper()
	for row, err := range rfc.Rows[zRow](res, table) {
		require.NoError(t, err)
		require.Equal(t, zRow{int32(n), "row"}, row)
		n++
	}
	return n
}

func TestStreamedTable(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 1554, 1555, 1556, 1557, 20_000} {
		c, res := streamed(t, func(p *peer) []byte { return p.reply(value("ECHO", le16("hello     ")), group("T", n), group("U", 3)) })
		v, err := res.Value("ECHO")
		require.NoError(t, err)
		require.Equal(t, "hello", v)
		if n > 2000 {
			require.True(t, c.Busy())
			_, err = zCall(t.Context(), c, nil)
			require.ErrorIs(t, err, rfc.ErrBusy)
		}
		require.Equal(t, n, countRows(t, res, "T"))
		require.Equal(t, 3, countRows(t, res, "U"), "the table behind the streamed one")
		require.False(t, c.Busy())
		v, err = res.Value("ECHO")
		require.NoError(t, err)
		require.Equal(t, "hello", v)
		if n > 0 { // rows were given out once
			for _, err := range rfc.Rows[zRow](res, "T") {
				require.ErrorIs(t, err, rfc.ErrState)
			}
		}
		require.NoError(t, res.Close())
		res, err = zCall(t.Context(), c, nil)
		require.NoError(t, err)
		require.Equal(t, n, countRows(t, res, "T"))
	}
}

func TestColumnBatchesOfAStreamedTable(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 4095, 4096, 4097, 20_000} {
		c, res := streamed(t, func(p *peer) []byte { return p.reply(group("T", n), group("U", 3)) })
		if n > 0 {
			_, err := res.Columns("T")
			require.ErrorContains(t, err, "ColumnBatches")
		}
		seen := 0
		for batch, err := range res.ColumnBatches("T") {
			require.NoError(t, err)
			require.NoError(t, batch.Check())
			require.LessOrEqual(t, batch.Rows, serialization.BatchRows)
			for i, v := range batch.Column("N").Int32s {
				require.EqualValues(t, seen+i, v)
			}
			require.Equal(t, "row", batch.Column("C").Text(batch.Rows-1))
			seen += batch.Rows
		}
		require.Equal(t, n, seen)
		require.False(t, c.Busy())
		u, err := res.Columns("U")
		require.NoError(t, err)
		require.Equal(t, []int32{0, 1, 2}, u.Column("N").Int32s)
		for _, err := range res.ColumnBatches("T") {
			require.ErrorIs(t, err, rfc.ErrState)
		}
	}
	c, res := streamed(t, func(p *peer) []byte { return p.reply(group("T", 50_000)) })
	for range res.ColumnBatches("T") {
		break
	}
	require.False(t, c.Alive(), "too much was left unread")
	_, res = streamed(t, func(p *peer) []byte {
		bad := group("T", 3)
		return p.reply(bad[:len(bad)-17]) // the last row is missing
	})
	n, last := 0, error(nil)
	for _, err := range res.ColumnBatches("T") {
		n, last = n+1, err
	}
	require.Equal(t, 1, n)
	require.Error(t, last)
}

func TestStreamedTableThatIsLastInTheMessage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 5, 4000} {
		_, res := streamed(t, func(p *peer) []byte { return end(head(p.guid), group("T", n)) })
		require.Equal(t, n, countRows(t, res, "T"))
	}
}

func TestStreamedTableThatIsMissing(t *testing.T) {
	t.Parallel()
	c, res := streamed(t, func(p *peer) []byte { return p.reply(group("U", 3)) })
	require.Zero(t, countRows(t, res, "T"))
	require.Equal(t, 3, countRows(t, res, "U"))
	require.False(t, c.Busy())
	require.True(t, c.Alive())
}

// F-68: up to 64 KiB are read to save the connection, more is given up.
func TestF68BreakingOffAStream(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rows int
		keep bool
	}{{10, true}, {3000, true}, {200_000, false}} {
		for name, stop := range map[string]func(res *rfc.Response){
			"break": func(res *rfc.Response) {
				for range rfc.Rows[zRow](res, "T") {
					break
				}
			},
			"Close": func(res *rfc.Response) { _ = res.Close() },
		} {
			c, res := streamed(t, func(p *peer) []byte { return p.reply(group("T", tc.rows)) })
			stop(res)
			require.Equal(t, tc.keep, c.Alive(), "%s, %d rows", name, tc.rows)
			require.False(t, c.Busy())
			_, err := res.Values()
			require.ErrorIs(t, err, rfc.ErrClosed)
			if tc.keep {
				require.NoError(t, c.Ping(t.Context()))
			} else {
				requireDead(t, c)
			}
		}
	}
	// One huge value behind the rows does not make Close read on.
	c, res := streamed(t, func(p *peer) []byte {
		return p.reply(group("T", 10), chain.Append(nil, 0x7777, make([]byte, 1<<20)))
	})
	require.NoError(t, res.Close())
	requireDead(t, c)
}

// F-69: a consumer that panics or ends its goroutine does not keep the connection.
func TestF69StreamConsumerPanics(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"panic": func() { panic("mine") }, "goexit": runtime.Goexit} {
		c, res := streamed(t, func(p *peer) []byte { return p.reply(group("T", 20_000)) })
		var group sync.WaitGroup
		group.Go(func() {
			defer func() {
				if name == "panic" && recover() != "mine" {
					t.Error("the panic got lost")
				}
			}()
			for range rfc.Rows[zRow](res, "T") {
				leave()
			}
		})
		group.Wait()
		requireDead(t, c)
	}
}

func TestErrorBehindStreamedRows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		behind []byte
		class  rfc.Class
		keep   bool
	}{
		"exception": {cat(textItem(0x0417, "000"), textItem(0x0401, "LATE")), rfc.ClassABAPException, true},
		"dump":      {textItem(0x0403, "TIME_OUT"), rfc.ClassABAPRuntime, false},
	} {
		c, res := streamed(t, func(p *peer) []byte {
			return end(empty(chain.Reply), empty(chain.Parameters), group("T", 4000), tc.behind)
		})
		n := 0
		var last error
		for _, err := range rfc.Rows[zRow](res, "T") {
			require.NoError(t, last, "%s: an error is the last thing", name)
			if last = err; err == nil {
				n++
			}
		}
		require.Equal(t, 4000, n)
		rfcError(t, last, tc.class, rfc.Executed)
		require.Equal(t, tc.keep, c.Alive())
		require.False(t, c.Busy())
		for _, err := range rfc.Rows[zRow](res, "T") {
			require.ErrorIs(t, err, last)
		}
	}
}

func TestStreamIsCutBetweenRows(t *testing.T) {
	t.Parallel()
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		p.receive()
		_, _ = p.conv.Send(p.buffer(p.reply(group("T", 10_000))))
	})
	res, err := zCall(t.Context(), c, nil, rfc.Stream("T"))
	require.NoError(t, err)
	var last error
	n := 0
	for _, last = range rfc.Rows[zRow](res, "T") {
		n++
	}
	require.Greater(t, n, 5000)
	rfcError(t, last, rfc.ClassCommunication, rfc.Unknown)
	requireDead(t, c)
}

func TestStreamWithTheWrongRowType(t *testing.T) {
	t.Parallel()
	c, res := streamed(t, func(p *peer) []byte { return p.reply(group("T", 20_000)) })
	var last error
	for _, last = range rfc.Rows[struct {
		X int `rfc:"NOPE"`
	}](res, "T") {
	}
	rfcError(t, last, rfc.ClassParameter, rfc.Executed)
	require.NoError(t, res.Close())
	requireDead(t, c)
	c, res = streamed(t, func(p *peer) []byte { return p.reply(group("T", 300)) })
	for _, last = range rfc.Rows[struct {
		N int8 `rfc:"N"`
	}](res, "T") {
		if last != nil {
			break
		}
	}
	rfcError(t, last, rfc.ClassConversion, rfc.Executed)
	require.ErrorContains(t, last, "T[128].N")
	require.False(t, c.Busy())
}

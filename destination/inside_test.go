package destination

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
)

// Warnings of one kind are spaced, and none is lost to the reader without a number.
func TestWarningsAreSpaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		cfg, j := &Config{Logger: slog.New(slog.NewTextHandler(&b, nil))}, new(journal)
		for range 5 {
			j.warn(cfg, "lost", slog.Int("n", 1))
			j.warn(cfg, "refused")
		}
		require.Equal(t, 2, strings.Count(b.String(), "\n"))
		require.NotContains(t, b.String(), "suppressed")
		<-time.After(alarmPeriod - time.Nanosecond)
		j.warn(cfg, "lost")
		require.Equal(t, 2, strings.Count(b.String(), "\n"))
		<-time.After(time.Nanosecond)
		j.warn(cfg, "lost")
		require.True(t, strings.HasSuffix(b.String(), "msg=lost suppressed=5\n"), b.String())
		<-time.After(alarmPeriod)
		j.warn(cfg, "lost")
		require.True(t, strings.HasSuffix(b.String(), "msg=lost\n"), b.String())
	})
}

// G10: what a destination notes of each call. Held against a call it is in docs/observability.md.
func BenchmarkJournal(b *testing.B) {
	cfg := Config{Name: "A4H", ApplicationServer: "localhost", SystemNumber: "00", Client: "001", User: "U", Password: "p", Language: "EN", Functions: (*descriptions)(nil)}
	d, err := New(cfg)
	require.NoError(b, err)
	g, err := d.current(b.Context())
	require.NoError(b, err)
	ctx := context.Background()
	res := new(rfc.Response)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			c := d.begin(ctx, "STFC_CONNECTION")
			c.who.Store(d.who(g))
			c.waits()
			c.state.Store(uint32(CallCalling))
			c.end(nil)
			_, _ = c.returned(res, nil)
			c.leave()
		}
	})
}

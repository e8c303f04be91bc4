package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/schollz/progressbar/v3"
)

const (
	defaultCount = 20
	maxCount     = 10_000_000
	// progressFrom is the number of calls from which a progress bar is worth its line.
	progressFrom = 200
	// slowest is the largest time the histogram tells apart.
	slowest = 10 * time.Minute
)

// latency calls RFC_PING and counts how long it takes. What was measured until an error or
// an interrupt is kept.
func (d *diagnosis) latency(ctx context.Context, s *step) (err error) {
	h := hdrhistogram.New(1, slowest.Microseconds(), 3)
	bar := d.progress()
	began := time.Now()
	defer func() {
		if bar != nil {
			_ = bar.Clear()
		}
		s.Facts.add("module", "RFC_PING")
		s.Facts.add("count", int(h.TotalCount()))
		if h.TotalCount() == 0 {
			return
		}
		ms := func(us int64) float64 { return float64(us) / 1000 }
		s.Facts.add("min_ms", ms(h.Min()))
		s.Facts.add("p50_ms", ms(h.ValueAtQuantile(50)))
		s.Facts.add("p90_ms", ms(h.ValueAtQuantile(90)))
		s.Facts.add("p99_ms", ms(h.ValueAtQuantile(99)))
		s.Facts.add("max_ms", ms(h.Max()))
		s.Facts.add("per_second", int(float64(h.TotalCount())/max(time.Since(began).Seconds(), 1e-9)))
		s.extra = bars(h)
	}()
	limit := d.settings.stepTimeout
	for range d.count {
		call, cancel := context.WithTimeoutCause(ctx, limit, &timeoutError{"a call of step latency", limit, "--step-timeout"})
		start := time.Now()
		err := d.conn.Ping(call)
		took := time.Since(start)
		cancel()
		if err != nil {
			return err
		}
		if err := h.RecordValue(max(1, min(took.Microseconds(), slowest.Microseconds()))); err != nil {
			return err
		}
		if bar != nil {
			_ = bar.Add(1)
		}
	}
	return nil
}

// progress is a bar for people, or nil.
func (d *diagnosis) progress() *progressbar.ProgressBar {
	if !d.errTerminal || d.quiet || d.count < progressFrom {
		return nil
	}
	return progressbar.NewOptions(d.count,
		progressbar.OptionSetWriter(d.err), progressbar.OptionSetDescription("latency"), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
}

// bars draws a histogram with a line for each doubling of the time.
func bars(h *hdrhistogram.Histogram) []string {
	type bucket struct{ from, to, count int64 }
	var list []bucket
	for _, b := range h.Distribution() {
		if b.Count == 0 {
			continue
		}
		for len(list) == 0 || b.From >= list[len(list)-1].to {
			from, to := int64(1), int64(2)
			if len(list) > 0 {
				from = list[len(list)-1].to
				to = 2 * from
			}
			for len(list) == 0 && b.From >= to {
				from, to = to, 2*to
			}
			list = append(list, bucket{from: from, to: to})
		}
		list[len(list)-1].count += b.Count
	}
	most := int64(1)
	for _, b := range list {
		most = max(most, b.count)
	}
	var lines []string
	for _, b := range list {
		n := int(b.count * 40 / most)
		if n == 0 && b.count > 0 {
			n = 1
		}
		lines = append(lines, fmt.Sprintf("%10.3f - %10.3f ms %8d  %s", float64(b.from)/1000, float64(b.to)/1000, b.count, strings.Repeat("#", n)))
	}
	return lines
}

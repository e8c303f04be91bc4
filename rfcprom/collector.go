package rfcprom

import (
	"fmt"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
)

// collector implements prometheus.Collector.
type collector struct {
	list func() iter.Seq[*destination.Destination]
}

// NewCollector makes a collector over destinations, for example destination.Opened. They are asked
// at each scrape, which takes a few microseconds for each and asks no partner. Of several
// destinations with one name the second has #2 behind it, and so on. Counters of a pool start anew
// when a change of settings replaces it.
func NewCollector(list func() iter.Seq[*destination.Destination]) prometheus.Collector {
	return &collector{list}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sap_rfc_"+name, help, append([]string{"destination"}, labels...), nil)
}

var (
	connections  = desc("pool_connections", "Connections that exist, by state.", "state")
	maxOpen      = desc("pool_max_connections", "How many connections may exist at once; 0 is no limit.")
	waiting      = desc("pool_waiting_callers", "Callers that wait for a connection.")
	failing      = desc("pool_failing", "1 if the last attempt to open a connection has failed.")
	opened       = desc("pool_opened_total", "Connections that were opened.")
	openFailures = desc("pool_open_failures_total", "Connections that could not be opened.")
	closed       = desc("pool_closed_total", "Connections that were closed, by reason.", "reason")
	waits        = desc("pool_wait_seconds", "How long callers waited in the queue for a connection.")
	timeouts     = desc("pool_wait_timeouts_total", "Callers that waited for a connection in vain.")
	running      = desc("running_calls", "Calls that run.")
	sessions     = desc("sessions", "Sequences of calls that have a connection of their own.")
	calls        = desc("calls_total", "Calls that have ended, by result: ok, or the class of the error.", "result")
	durations    = desc("call_duration_seconds", "How long calls took, with the wait for a connection, to their last row.")
	roundTrips   = desc("round_trips_total", "Exchanges over the connections, look-ups and pings included.")
	traffic      = desc("call_bytes_total", "What went over the connections during calls.", "direction")
	times        = desc("call_time_seconds_total", "Time of calls by part: application is the wait for the partner.", "part")
	metadata     = desc("metadata_requests_total", "Descriptions that were needed: at hand (hit), or asked for (miss).", "result")
	lookupErrors = desc("metadata_lookup_errors_total", "Look-ups of descriptions that failed.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		connections, maxOpen, waiting, failing, opened, openFailures, closed, waits, timeouts, running, sessions, calls, durations, roundTrips,
		traffic, times, metadata, lookupErrors,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	seen := map[string]int{}
	for d := range c.list() {
		s := d.Snapshot()
		name := s.Name
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		collect(ch, name, &s)
	}
}

func collect(ch chan<- prometheus.Metric, name string, s *destination.Snapshot) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, append([]string{name}, labels...)...)
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		send(d, prometheus.GaugeValue, float64(v), labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		send(d, prometheus.CounterValue, float64(v), labels...)
	}
	p := &s.Pool
	gauge(connections, p.InUse, "in_use")
	gauge(connections, p.Idle, "idle")
	gauge(connections, p.Opening, "opening")
	gauge(maxOpen, p.MaxOpen)
	gauge(waiting, p.Waiting)
	down := 0
	if p.Failing {
		down = 1
	}
	gauge(failing, down)
	counter(opened, p.Opened)
	counter(openFailures, p.OpenFailed)
	for r, n := range p.Closed {
		counter(closed, n, pool.Reason(r).String())
	}
	histogram(ch, waits, name, pool.WaitBounds[:], p.Waits[:], p.WaitDuration)
	counter(timeouts, p.Timeouts)
	gauge(running, s.RunningTotal)
	gauge(sessions, s.SessionsTotal)
	counter(calls, s.Calls.Succeeded, "ok")
	for class, n := range s.Calls.Failed {
		counter(calls, n, class)
	}
	histogram(ch, durations, name, destination.DurationBounds[:], s.Calls.Durations[:], s.Calls.Duration)
	t := &s.Throughput
	counter(roundTrips, t.Calls)
	counter(traffic, t.SentBytes, "sent")
	counter(traffic, t.ReceivedBytes, "received")
	for _, part := range []struct {
		name string
		time time.Duration
	}{{"application", t.ApplicationTime}, {"serialization", t.SerializationTime}, {"deserialization", t.DeserializationTime}, {"total", t.TotalTime}} {
		send(times, prometheus.CounterValue, part.time.Seconds(), part.name)
	}
	counter(metadata, s.Repository.Hits, "hit")
	counter(metadata, s.Repository.Misses, "miss")
	counter(lookupErrors, s.Repository.Errors)
}

// histogram sends what was counted in classes; the last class has no upper end.
func histogram(ch chan<- prometheus.Metric, d *prometheus.Desc, name string, bounds []time.Duration, counts []int64, sum time.Duration) {
	buckets := make(map[float64]uint64, len(bounds))
	var total uint64
	for i, n := range counts {
		total += uint64(n)
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = total
		}
	}
	ch <- prometheus.MustNewConstHistogram(d, total, sum.Seconds(), buckets, name)
}

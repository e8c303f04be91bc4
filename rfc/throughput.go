package rfc

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Throughput adds up the calls of connections: JCo's JCoThroughput. One may count for any
// number of connections, and for calls that are made with a context (WithThroughput). The zero
// value is ready. It is safe for concurrent use; what runs on a connection that counts costs a
// few clock readings more and no allocation.
//
// Every exchange of a connection is a call, look-ups of descriptions, pings and resets included
// (case O-02); one of which nothing was sent is none.
type Throughput struct {
	calls, sent, received                              atomic.Int64
	application, total, serialization, deserialization atomic.Int64 // nanoseconds
}

// ThroughputStats are the seven numbers of a Throughput. Its times are parts of TotalTime; what
// is missing is the network.
type ThroughputStats struct {
	// Calls is the number of calls that have ended, failed ones included: numberOfCalls.
	Calls int64 `json:"calls"`
	// SentBytes and ReceivedBytes are what went over the connections during the calls, with all
	// headers below RFC, without those of TLS.
	SentBytes     int64 `json:"sent_bytes"`
	ReceivedBytes int64 `json:"received_bytes"`
	// ApplicationTime is how long the partner let the caller wait: from the last byte of a
	// request to the first part of its answer, without callbacks. It holds one trip over the
	// network each way.
	ApplicationTime time.Duration `json:"application_time_ns"`
	// TotalTime is how long the calls took, from the first value written to the last one read.
	TotalTime time.Duration `json:"total_time_ns"`
	// SerializationTime went into writing requests.
	SerializationTime time.Duration `json:"serialization_time_ns"`
	// DeserializationTime went into reading answers and decoding their values. Rows that are
	// read one by one (Rows, Batches) share their time with their reader: it is in TotalTime
	// only, and only that of streamed ones.
	DeserializationTime time.Duration `json:"deserialization_time_ns"`
}

// Stats gives the numbers. Calls that end meanwhile may be in some of them only.
func (t *Throughput) Stats() ThroughputStats {
	return t.each((*atomic.Int64).Load)
}

// Reset sets all numbers to zero and gives what they were: nothing is lost between two of them.
func (t *Throughput) Reset() ThroughputStats {
	return t.each(func(n *atomic.Int64) int64 { return n.Swap(0) })
}

func (t *Throughput) each(read func(*atomic.Int64) int64) ThroughputStats {
	return ThroughputStats{
		Calls: read(&t.calls), SentBytes: read(&t.sent), ReceivedBytes: read(&t.received),
		ApplicationTime: time.Duration(read(&t.application)), TotalTime: time.Duration(read(&t.total)),
		SerializationTime: time.Duration(read(&t.serialization)), DeserializationTime: time.Duration(read(&t.deserialization)),
	}
}

func (t *Throughput) add(s *ThroughputStats) {
	t.calls.Add(s.Calls)
	t.sent.Add(s.SentBytes)
	t.received.Add(s.ReceivedBytes)
	t.application.Add(int64(s.ApplicationTime))
	t.total.Add(int64(s.TotalTime))
	t.serialization.Add(int64(s.SerializationTime))
	t.deserialization.Add(int64(s.DeserializationTime))
}

// decoded counts values that were decoded behind the end of a call.
func (t *Throughput) decoded(d time.Duration) {
	t.total.Add(int64(d))
	t.deserialization.Add(int64(d))
}

// SetThroughput makes t count the calls of the connection from the next one on, in place of
// what counted them before; nil ends that. On a closed connection it is an error (case O-07).
// It is safe for concurrent use.
func (c *Conn) SetThroughput(t *Throughput) error {
	if c.dead.Load() {
		e := c.closedError("")
		e.Message = fmt.Sprintf("Throughput can't be set on closed client: %s; %s", c.conv.ID(), e.Message)
		return e
	}
	c.throughput.Store(t)
	return nil
}

// Throughput is what SetThroughput has set; nil if nothing counts.
func (c *Conn) Throughput() *Throughput { return c.throughput.Load() }

// WithThroughput makes t count the calls that are made with the context, in addition to
// whatever counts them otherwise; what is set twice counts once. Descriptions that are looked
// up on the way are calls as well, unless another caller's look-up served this one.
func WithThroughput(ctx context.Context, t *Throughput) context.Context {
	if t == nil {
		return ctx
	}
	o := observersOf(ctx)
	if slices.Contains(o.counters, t) {
		return ctx
	}
	o.counters = append(o.counters[:len(o.counters):len(o.counters)], t)
	return context.WithValue(ctx, observersKey{}, &o)
}

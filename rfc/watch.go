package rfc

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/purerfc/purerfc/serialization"
)

// epoch starts the clock of this package: reading a monotonic time alone is cheaper.
var epoch = time.Now()

func clock() time.Duration { return time.Since(epoch) }

// watch follows one call for those who want to know. All its methods do nothing, and read no
// clock, when nobody does.
type watch struct {
	on       bool
	trace    *CallTrace
	own      *Throughput   // of the connection
	counters []*Throughput // of the context
	state    watchState
	stats    ThroughputStats // Calls is 1 once the exchange has begun

	function               string
	format                 serialization.Format
	destination, id, where string

	called, begun, mark time.Duration
	ended               time.Duration // of an answer that was read at once
	flushing, writing   time.Duration
	sent, received      int64 // of the connection, in front of the call
	answering           bool
}

// watchState says how far the reports are.
type watchState uint8

const (
	running  watchState = iota
	measured            // the connection may be used by somebody else
	reported
)

// watch starts to follow a call.
func (c *Conn) watch(ctx context.Context, function string) watch {
	own := c.throughput.Load()
	o, ok := ctx.Value(observersKey{}).(*observers)
	if !ok {
		if own == nil {
			return watch{}
		}
		return watch{on: true, own: own}
	}
	if slices.Contains(o.counters, own) {
		own = nil
	}
	w := watch{on: own != nil || o.trace != nil || len(o.counters) > 0, own: own, trace: o.trace, counters: o.counters}
	if w.trace != nil {
		w.called, w.function = clock(), function
	}
	return w
}

// building begins the request.
func (w *watch) building() {
	if w.on {
		w.begun = clock()
		w.mark = w.begun
	}
}

// sending is told in front of the first byte.
func (w *watch) sending(conv Conversation) {
	if !w.on {
		return
	}
	w.stats.Calls = 1
	w.sent, w.received = conv.Traffic()
	if t := w.trace; t != nil && t.Writing != nil {
		t.Writing()
	}
}

// flushed is told how long a part of the request took to be sent while the rest was made.
func (w *watch) flushed(began time.Duration) {
	if w.on {
		w.flushing += clock() - began
	}
}

// now is the time if anybody wants to know it.
func (w *watch) now() time.Duration {
	if w.on {
		return clock()
	}
	return 0
}

// built ends the building of the request.
func (w *watch) built(bytes int, format serialization.Format, err error) {
	if !w.on || err != nil {
		return
	}
	now := clock()
	w.stats.SerializationTime = now - w.mark - w.flushing
	w.writing, w.mark, w.format = w.flushing, now, format
	if t := w.trace; t != nil && t.Built != nil {
		t.Built(CallBuilt{Function: w.function, Bytes: bytes, Format: format, Duration: w.stats.SerializationTime})
	}
}

// wrote ends the sending.
func (w *watch) wrote(conv Conversation) {
	if !w.on {
		return
	}
	now := clock()
	w.writing += now - w.mark
	if t := w.trace; t != nil && t.Wrote != nil {
		t.Wrote(CallWrote{Bytes: conv.BytesSent()})
	}
	w.mark = now
}

// arrived is told about the first part of a message of the partner.
func (w *watch) arrived() {
	if !w.on {
		return
	}
	now := clock()
	w.stats.ApplicationTime += now - w.mark
	w.mark = now
	if t := w.trace; t != nil && t.Answering != nil && !w.answering {
		w.answering = true
		t.Answering()
	}
}

// served is told that a call of the partner was served, and what he was answered.
func (w *watch) served(function string, failure *Error) {
	if !w.on {
		return
	}
	if t := w.trace; t != nil && t.Callback != nil {
		c := CallCallback{Function: function, Duration: clock() - w.mark}
		if failure != nil {
			c.Err = failure
		}
		t.Callback(c)
	}
	w.mark = clock()
}

// complete is told when the whole answer is in memory, behind its first part.
func (w *watch) complete() {
	if w.on {
		w.mark = clock()
	}
}

// read ends the reading of the answer.
func (w *watch) read() {
	if w.on {
		w.ended = clock()
		w.stats.DeserializationTime = w.ended - w.mark
	}
}

// rows is told about rows of a streamed table.
func (w *watch) rows(table string, n int) {
	if t := w.trace; t != nil && t.Rows != nil && n > 0 {
		t.Rows(CallRows{Table: table, Rows: n})
	}
}

// measure takes what the connection has to tell, while it is ours.
func (w *watch) measure(c *Conn) {
	if !w.on || w.state != running {
		return
	}
	w.state = measured
	if w.begun != 0 {
		if w.ended == 0 {
			w.ended = clock()
		}
		w.stats.TotalTime = w.ended - w.begun
	}
	if w.stats.Calls > 0 {
		sent, received := c.conv.Traffic()
		w.stats.SentBytes, w.stats.ReceivedBytes = sent-w.sent, received-w.received
	}
	if w.stats.SentBytes > 0 {
		if w.own != nil {
			w.own.add(&w.stats)
		}
		for _, t := range w.counters {
			t.add(&w.stats)
		}
	}
	if w.trace != nil {
		w.destination, w.id, w.where = c.cfg.Destination, c.conv.ID(), addr(c.conv)
	}
}

// report tells the end of a call, once.
func (w *watch) report(err error) {
	if w.trace == nil || w.state == reported {
		return
	}
	w.state = reported
	if w.trace.Done == nil {
		return
	}
	s := &w.stats
	done := CallDone{
		Function: w.function, Outcome: Executed, Format: w.format,
		Destination: w.destination, ConversationID: w.id, Address: w.where,
		BytesOut: s.SentBytes, BytesIn: s.ReceivedBytes,
		Serialization: s.SerializationTime, Writing: w.writing, Application: s.ApplicationTime, Deserialization: s.DeserializationTime,
		Duration: clock() - w.called,
	}
	if w.begun != 0 {
		done.Waiting = w.begun - w.called
	}
	if err != nil {
		done.Err, done.Outcome = err, Unknown
		if e, ok := errors.AsType[*Error](err); ok {
			done.Outcome = e.Outcome
		}
	}
	w.trace.Done(done)
}

// decoding begins to decode values of an answer that is complete.
func (w *watch) decoding() time.Duration {
	if w.own == nil && len(w.counters) == 0 {
		return 0
	}
	return clock()
}

// decoded ends it.
func (w *watch) decoded(began time.Duration) {
	if w.own == nil && len(w.counters) == 0 || w.stats.SentBytes == 0 {
		return
	}
	d := clock() - began
	if w.own != nil {
		w.own.decoded(d)
	}
	for _, t := range w.counters {
		t.decoded(d)
	}
}

package rfc

import (
	"context"
	"time"

	"github.com/purerfc/purerfc/serialization"
)

// CallTrace is told about the steps of calls as they happen, as httptrace.ClientTrace is about
// those of HTTP requests. All functions are optional. They run in the goroutine that calls, in
// the order in which they are listed here; several calls with one trace may do so at once. They
// must not block: the call waits. One that panics is recovered, and the call goes on.
//
// No hook ever sees the value of a parameter. Err of CallDone may tell one: the text of a
// conversion error names the value that was refused, and that of an ABAP message is the partner's.
//
// A call without a trace pays a look into its context for it.
type CallTrace struct {
	// Described is told about the look-up of the function's interface; not for calls that
	// bring their own (WithInterface).
	Described func(CallDescribed)
	// GotConn is told about the connection that a destination or session calls on.
	GotConn func(CallConn)
	// Built is told when the request is complete. The rows of a Sequence are sent while it is
	// built: Writing comes first then.
	Built func(CallBuilt)
	// Writing is told right before the first byte of the request is handed to the network, Wrote
	// behind the last one.
	Writing func()
	Wrote   func(CallWrote)
	// Answering is told when the first part of the answer is there, or of a callback.
	Answering func()
	// Callback is told about each call of the partner that was served meanwhile.
	Callback func(CallCallback)
	// Rows is told about the rows of a streamed table as they arrive, before they are decoded.
	Rows func(CallRows)
	// Done is told once for each call that began: when its answer is complete, behind the last
	// row of one with Stream, or when it has failed. The connection is free by then. Where a
	// destination makes another attempt because nothing was sent, each of them has an end.
	Done func(CallDone)

	// Panicked is told what another hook panicked with. Without it nobody is.
	Panicked func(value any)
}

// CallDescribed is the look-up of an interface.
type CallDescribed struct {
	Function string
	// Hit: the description was at hand; nobody was asked. False where the source cannot say.
	Hit      bool
	Duration time.Duration
	// Err is why there is none.
	Err error
}

// CallConn is the connection that a call got.
type CallConn struct {
	Destination, ConversationID, Address string
	// Reused: other calls were made on it before.
	Reused bool
	// Waited is how long the caller waited for it, its opening included.
	Waited time.Duration
}

// CallBuilt is a request.
type CallBuilt struct {
	Function string
	// Bytes is the size of the message in memory; what a Sequence has sent already is missing.
	Bytes int
	// Format is how the values are written.
	Format serialization.Format
	// Duration went into writing the values, without the time to send them.
	Duration time.Duration
}

// CallWrote is a request that was sent.
type CallWrote struct {
	// Bytes is what left this process.
	Bytes int64
}

// CallCallback is a call of the partner within ours.
type CallCallback struct {
	Function string
	Duration time.Duration
	// Err is what the partner was told; nil if the function worked.
	Err error
}

// CallRows are rows of a streamed table.
type CallRows struct {
	Table string
	Rows  int
}

// CallDone is the end of a call.
type CallDone struct {
	Function string
	// Err is what Call returns, or what the iteration over the streamed rows ends with. It is an
	// *Error, or nil.
	Err error
	// Outcome is that of Err, or Executed.
	Outcome Outcome
	// Format is how the values were written; meaningless if nothing was.
	Format serialization.Format
	// Destination, ConversationID and Address say over which connection; empty if there was
	// none.
	Destination, ConversationID, Address string
	// BytesOut and BytesIn went over the connection, with all headers below RFC.
	BytesOut, BytesIn int64
	// Waiting, Serialization, Writing, Application and Deserialization are the parts of
	// Duration: the look-up of the interface and the way to the first value; writing values;
	// sending; waiting for the answer, without callbacks; reading it. What is missing are
	// callbacks and the answer's way through the network. Values that are decoded later, with
	// Scan for example, are not part of it.
	Waiting, Serialization, Writing, Application, Deserialization, Duration time.Duration
}

type observersKey struct{}

// observers are what watches the calls of a context.
type observers struct {
	trace    *CallTrace
	counters []*Throughput
}

func observersOf(ctx context.Context) observers {
	if o, ok := ctx.Value(observersKey{}).(*observers); ok {
		return *o
	}
	return observers{}
}

// WithCallTrace makes t hear of the calls that are made with the context, behind the traces
// that the context has already. t is copied. Calls on the way to a call, which look up its
// description or ask the partner for its formats, and calls of callback handlers are not told.
func WithCallTrace(ctx context.Context, t *CallTrace) context.Context {
	if t == nil {
		return ctx
	}
	o := observersOf(ctx)
	o.trace = t.behind(o.trace)
	return context.WithValue(ctx, observersKey{}, &o)
}

// ContextCallTrace is what WithCallTrace has put into a context, all traces in one; nil if there
// is none. Its hooks do not panic. It is for those who bring calls to a connection, as package
// destination does.
func ContextCallTrace(ctx context.Context) *CallTrace {
	if o, ok := ctx.Value(observersKey{}).(*observers); ok {
		return o.trace
	}
	return nil
}

// untraced is ctx for calls that somebody else's call needs.
func untraced(ctx context.Context) context.Context {
	o := observersOf(ctx)
	if o.trace == nil {
		return ctx
	}
	o.trace = nil
	return context.WithValue(ctx, observersKey{}, &o)
}

// behind is t behind what was there before, each of its hooks guarded.
func (t *CallTrace) behind(before *CallTrace) *CallTrace {
	if before == nil {
		before = new(CallTrace)
	}
	g := guard(t.Panicked)
	return &CallTrace{
		Described: chained(before.Described, t.Described, g),
		GotConn:   chained(before.GotConn, t.GotConn, g),
		Built:     chained(before.Built, t.Built, g),
		Writing:   plain(before.Writing, t.Writing, g),
		Wrote:     chained(before.Wrote, t.Wrote, g),
		Answering: plain(before.Answering, t.Answering, g),
		Callback:  chained(before.Callback, t.Callback, g),
		Rows:      chained(before.Rows, t.Rows, g),
		Done:      chained(before.Done, t.Done, g),
	}
}

// chained calls first, which is guarded already, and then.
func chained[T any](first, then func(T), g guard) func(T) {
	if then == nil {
		return first
	}
	return func(v T) {
		if first != nil {
			first(v)
		}
		defer g.recover()
		then(v)
	}
}

func plain(first, then func(), g guard) func() {
	if then == nil {
		return first
	}
	return func() {
		if first != nil {
			first()
		}
		defer g.recover()
		then()
	}
}

// guard is told about panics of hooks; nil drops them.
type guard func(any)

func (g guard) recover() {
	v := recover()
	if v == nil || g == nil {
		return
	}
	defer func() { _ = recover() }() // whoever hears of panics must not panic himself
	g(v)
}

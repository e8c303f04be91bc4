package rfcotel

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

const scope = "github.com/purerfc/purerfc/rfcotel"

// Attributes. The first group is that of the conventions.
const (
	keySystem    = attribute.Key("rpc.system.name")
	keyMethod    = attribute.Key("rpc.method")
	keyStatus    = attribute.Key("rpc.response.status_code")
	keyErrorType = attribute.Key("error.type")
	keyAddress   = attribute.Key("server.address")
	keyPort      = attribute.Key("server.port")

	keyDestination     = attribute.Key("sap.rfc.destination")
	keyOutcome         = attribute.Key("sap.rfc.outcome")
	keyFormat          = attribute.Key("sap.rfc.format")
	keyConversation    = attribute.Key("sap.rfc.conversation_id")
	keyBytesOut        = attribute.Key("sap.rfc.request.size")
	keyBytesIn         = attribute.Key("sap.rfc.response.size")
	keyReused          = attribute.Key("sap.rfc.connection.reused")
	keyWaited          = attribute.Key("sap.rfc.connection.wait_time")
	keyMetadataHit     = attribute.Key("sap.rfc.metadata.hit")
	keySerialization   = attribute.Key("sap.rfc.serialization_time")
	keyWriting         = attribute.Key("sap.rfc.writing_time")
	keyApplication     = attribute.Key("sap.rfc.application_time")
	keyDeserialization = attribute.Key("sap.rfc.deserialization_time")
	keyRows            = attribute.Key("sap.rfc.rows")
)

var system = keySystem.String("sap_rfc")

// other stands for function modules that are no label.
const other = "_OTHER"

// Option changes Wrap and Observe.
type Option func(*options)

type options struct {
	tracers   trace.TracerProvider
	meters    metric.MeterProvider
	functions []string
	labelled  bool
}

func collect(opts []Option) options {
	o := options{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithTracerProvider takes another provider than the global one for spans.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithMeterProvider takes another provider than the global one for metrics.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithFunctions makes these function modules attributes of the measured durations, and all others
// _OTHER. Default: metrics do not tell function modules apart; spans always do.
func WithFunctions(names ...string) Option {
	return func(o *options) { o.functions, o.labelled = append(o.functions, names...), true }
}

// Wrap makes a Caller, for example a destination, a session or a connection, that calls through c
// and tells OpenTelemetry: a client span for each call with the function module as its name, a
// child of the span in the context; and the histogram rpc.client.call.duration in seconds. A call
// with rfc.Stream ends with its last row, or when its response is closed.
func Wrap(c rfc.Caller, opts ...Option) rfc.Caller {
	o := collect(opts)
	w := &caller{next: c, tracer: o.tracers.Tracer(scope), options: o}
	bounds := make([]float64, len(destination.DurationBounds))
	for i, d := range destination.DurationBounds {
		bounds[i] = d.Seconds()
	}
	var err error
	w.duration, err = o.meters.Meter(scope).Float64Histogram("rpc.client.call.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of calls of function modules."), metric.WithExplicitBucketBoundaries(bounds...))
	if err != nil {
		otel.Handle(err)
	}
	return w
}

type caller struct {
	next     rfc.Caller
	tracer   trace.Tracer
	duration metric.Float64Histogram
	options  options
}

// Call implements rfc.Caller.
func (w *caller) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	if ctx == nil {
		return w.next.Call(ctx, function, in, opts...)
	}
	began := time.Now()
	outer := ctx
	ctx, s := w.tracer.Start(ctx, function, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(system, keyMethod.String(function)))
	m := &measured{caller: w, ctx: outer, span: s, function: function, began: began}
	returned := false
	defer func() {
		if !returned { // a panic of the caller's iterator
			m.end(errUnwound)
		}
	}()
	res, err := w.next.Call(rfc.WithCallTrace(ctx, m.trace()), function, in, opts...)
	returned = true
	m.returned(err)
	return res, err
}

var errUnwound = errors.New("the call did not return")

// measured is a call that runs.
type measured struct {
	caller   *caller
	ctx      context.Context //nolint:containedctx // of the call: what is measured belongs to its span
	span     trace.Span
	function string
	began    time.Time

	mu       sync.Mutex
	done     rfc.CallDone
	told     bool // done is set
	left     bool // Call has returned, and rows are to come
	sent     bool
	rows     int64
	over     bool
	streamed bool
}

// trace is what the call is told with.
func (m *measured) trace() *rfc.CallTrace {
	t := &rfc.CallTrace{
		Writing: func() { m.set(func() { m.sent = true }) },
		Done:    m.ended,
	}
	if !m.span.IsRecording() {
		return t
	}
	t.Described = func(d rfc.CallDescribed) { m.span.SetAttributes(keyMetadataHit.Bool(d.Hit)) }
	t.GotConn = func(c rfc.CallConn) {
		m.span.SetAttributes(keyReused.Bool(c.Reused), keyWaited.Float64(c.Waited.Seconds()))
	}
	t.Wrote = func(rfc.CallWrote) { m.span.AddEvent("sap.rfc.request_written") }
	t.Answering = func() { m.span.AddEvent("sap.rfc.first_byte") }
	t.Callback = func(c rfc.CallCallback) {
		attrs := []attribute.KeyValue{keyMethod.String(c.Function)}
		if c.Err != nil {
			attrs = append(attrs, keyErrorType.String(label(c.Err)))
		}
		m.span.AddEvent("sap.rfc.callback", trace.WithAttributes(attrs...))
	}
	t.Rows = func(r rfc.CallRows) { m.set(func() { m.rows, m.streamed = m.rows+int64(r.Rows), true }) }
	return t
}

func (m *measured) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// ended is told the end by the connection. There may be another attempt as long as the call has
// not returned.
func (m *measured) ended(d rfc.CallDone) {
	left := false
	m.set(func() { m.done, m.told, left = d, true, m.left })
	if left {
		m.end(d.Err)
	}
}

// returned is told what the caller gets. Without an end, and with a request that was sent, there
// are rows to come.
func (m *measured) returned(err error) {
	streaming := false
	m.set(func() {
		streaming = err == nil && m.sent && (!m.told || m.done.Err != nil)
		m.left = streaming
	})
	if !streaming {
		m.end(err)
	}
}

// end ends the span and measures, once.
func (m *measured) end(err error) {
	var d rfc.CallDone
	var over, told, streamed bool
	var rows int64
	m.set(func() { d, told, over, rows, streamed, m.over = m.done, m.told, m.over, m.rows, m.streamed, true })
	if over {
		return
	}
	w := m.caller
	labels := []attribute.KeyValue{system}
	if d.Destination != "" {
		labels = append(labels, keyDestination.String(d.Destination))
	}
	if w.options.labelled {
		name := other
		if slices.Contains(w.options.functions, m.function) {
			name = m.function
		}
		labels = append(labels, keyMethod.String(name))
	}
	if err != nil {
		labels = append(labels, keyErrorType.String(label(err)))
	}
	w.duration.Record(trace.ContextWithSpan(m.ctx, m.span), time.Since(m.began).Seconds(), metric.WithAttributes(labels...))
	if m.span.IsRecording() {
		if told {
			m.span.SetAttributes(facts(&d)...)
		}
		if streamed {
			m.span.SetAttributes(keyRows.Int64(rows))
		}
		m.fail(err)
	}
	m.span.End()
}

// facts are the attributes of a call that came to its end.
func facts(d *rfc.CallDone) []attribute.KeyValue {
	list := []attribute.KeyValue{keyOutcome.String(d.Outcome.String())}
	if d.Destination != "" {
		list = append(list, keyDestination.String(d.Destination))
	}
	if d.BytesOut == 0 {
		return list
	}
	if host, port, err := net.SplitHostPort(d.Address); err == nil {
		list = append(list, keyAddress.String(host))
		if n, err := strconv.Atoi(port); err == nil {
			list = append(list, keyPort.Int(n))
		}
	}
	return append(list,
		keyFormat.String(d.Format.String()), keyConversation.String(d.ConversationID),
		keyBytesOut.Int64(d.BytesOut), keyBytesIn.Int64(d.BytesIn),
		keySerialization.Float64(d.Serialization.Seconds()), keyWriting.Float64(d.Writing.Seconds()),
		keyApplication.Float64(d.Application.Seconds()), keyDeserialization.Float64(d.Deserialization.Seconds()))
}

// fail marks the span. Texts of errors may hold values: class and key say what happened.
func (m *measured) fail(err error) {
	if err == nil {
		return
	}
	m.span.SetAttributes(keyErrorType.String(label(err)))
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok {
		m.span.SetStatus(codes.Error, "")
		return
	}
	status := e.Class.String()
	if code := statusCode(e); code != "" {
		m.span.SetAttributes(keyStatus.String(code))
		status += ": " + code
	}
	m.span.SetStatus(codes.Error, status)
}

// statusCode is what an ABAP system calls the error.
func statusCode(e *rfc.Error) string {
	switch {
	case !e.Remote:
		return ""
	case e.Class == rfc.ClassABAPMessage:
		return bounded(e.MessageClass + " " + e.MessageNumber)
	}
	return bounded(e.Key)
}

// bounded cuts what a partner calls things: their names have 30 characters.
func bounded(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64])
	}
	return s
}

// label is the class of an error.
func label(err error) string {
	if e, ok := errors.AsType[*rfc.Error](err); ok {
		return e.Class.Label()
	}
	return other
}

package rfcotel_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfcotel"
	"github.com/purerfc/purerfc/rfctest"
)

const (
	secret = "kAnarY7#x"
	value  = "CANARYVALUE"
)

// lab is a system, a destination, and what OpenTelemetry was told of it.
type lab struct {
	sys    *rfctest.System
	dest   *destination.Destination
	spans  *tracetest.InMemoryExporter
	tracer *trace.TracerProvider
	meter  *metric.MeterProvider
	reader *metric.ManualReader
}

func newLab(t *testing.T) *lab {
	t.Helper()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{User: "DEVELOPER", Password: secret})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	cfg := sys.Config()
	cfg.Name = "A4H"
	cfg.Pool.PeakLimit, cfg.Pool.MaxWait = new(1), new(time.Duration)
	l := &lab{sys: sys, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	l.tracer = trace.NewTracerProvider(trace.WithSyncer(l.spans))
	l.meter = metric.NewMeterProvider(metric.WithReader(l.reader))
	l.dest, err = destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.dest.Close(context.Background())) })
	return l
}

func (l *lab) wrap(c rfc.Caller, opts ...rfcotel.Option) rfc.Caller {
	return rfcotel.Wrap(c, append(opts, rfcotel.WithTracerProvider(l.tracer), rfcotel.WithMeterProvider(l.meter))...)
}

// ended gives the spans that have ended, and forgets them.
func (l *lab) ended() tracetest.SpanStubs {
	defer l.spans.Reset()
	return l.spans.GetSpans()
}

func attributes(s tracetest.SpanStub) map[string]any {
	m := map[string]any{}
	for _, a := range s.Attributes {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

func events(s tracetest.SpanStub) (names []string) {
	for _, e := range s.Events {
		names = append(names, e.Name)
	}
	return names
}

func TestSpanOfACall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	caller := l.wrap(l.dest)
	ctx, parent := l.tracer.Tracer("test").Start(t.Context(), "parent")
	for range 2 {
		_, err := caller.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": value})
		require.NoError(t, err)
	}
	spans := l.ended()
	require.Len(t, spans, 2, "look-ups are no calls of the program")
	s := spans[1]
	require.Equal(t, "STFC_CONNECTION", s.Name)
	require.Equal(t, api.SpanKindClient, s.SpanKind)
	require.Equal(t, parent.SpanContext().SpanID(), s.Parent.SpanID())
	require.Equal(t, codes.Unset, s.Status.Code)
	require.Equal(t, []string{"sap.rfc.request_written", "sap.rfc.first_byte"}, events(s))
	a := attributes(s)
	host, port := l.sys.Addr()
	for key, want := range map[string]any{
		"rpc.system.name": "sap_rfc", "rpc.method": "STFC_CONNECTION", "server.address": host, "server.port": port, "sap.rfc.destination": "A4H",
		"sap.rfc.outcome": "executed", "sap.rfc.connection.reused": true, "sap.rfc.metadata.hit": true, "sap.rfc.format": "rowBased",
	} {
		require.EqualValues(t, fmt.Sprint(want), fmt.Sprint(a[key]), key)
	}
	require.Equal(t, false, attributes(spans[0])["sap.rfc.metadata.hit"])
	for _, key := range []string{"sap.rfc.request.size", "sap.rfc.response.size"} {
		require.Greater(t, a[key], int64(100), key)
	}
	for _, key := range []string{"sap.rfc.serialization_time", "sap.rfc.writing_time", "sap.rfc.application_time", "sap.rfc.deserialization_time", "sap.rfc.connection.wait_time"} {
		require.Positive(t, a[key], key)
		require.Less(t, a[key], s.EndTime.Sub(s.StartTime).Seconds(), key)
	}
	require.Len(t, a["sap.rfc.conversation_id"], 8)
}

func TestSpanOfAFailure(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	caller := l.wrap(l.dest)
	session, err := l.dest.Pin(t.Context())
	require.NoError(t, err)
	_, err = caller.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.ErrorIs(t, err, rfc.ErrResource)
	s := l.ended()[0]
	require.Equal(t, codes.Error, s.Status.Code)
	require.Equal(t, "resource", s.Status.Description)
	require.Equal(t, "resource", attributes(s)["error.type"])
	require.Equal(t, "not sent", attributes(s)["sap.rfc.outcome"])
	require.NotContains(t, attributes(s), "rpc.response.status_code")
	require.NoError(t, session.Close(t.Context()))

	for _, tc := range []struct {
		in                   rfc.Params
		class, code, outcome string
	}{
		{rfc.Params{"METHOD": "1", "MESSAGETYPE": "E"}, "abap_exception", "RAISE_EXCEPTION", "executed"},
		{rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"}, "system_failure", "COMPUTE_INT_ZERODIVIDE", "executed"},
		{rfc.Params{"NONE": 1}, "parameter", "", "not sent"},
	} {
		_, err = caller.Call(t.Context(), "RFC_RAISE_ERROR", tc.in)
		require.Error(t, err)
		a := attributes(l.ended()[0])
		require.Equal(t, []any{tc.class, tc.outcome}, []any{a["error.type"], a["sap.rfc.outcome"]}, err)
		if tc.code != "" {
			require.Equal(t, tc.code, a["rpc.response.status_code"], err)
		}
	}
}

func TestSpanOfAStream(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	caller := l.wrap(l.dest)
	res, err := caller.Call(t.Context(), "STFC_PERFORMANCE", rfc.Params{"CHECKTAB": "X", "LGET1000": 2000}, rfc.Stream("ETAB1000"))
	require.NoError(t, err)
	require.Empty(t, l.ended(), "it goes on")
	for _, err := range rfc.Rows[rfc.Params](res, "ETAB1000") {
		require.NoError(t, err)
	}
	spans := l.ended()
	require.Len(t, spans, 1)
	require.EqualValues(t, 2000, attributes(spans[0])["sap.rfc.rows"])
	require.Equal(t, codes.Unset, spans[0].Status.Code)
	require.NoError(t, res.Close())
	require.Empty(t, l.ended())
}

type deaf struct{ err error }

func (d deaf) Call(context.Context, string, any, ...rfc.Option) (*rfc.Response, error) {
	return nil, d.err
}

// A Caller that knows no traces, one that panics, and one without a context.
func TestSpanOfOtherCallers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, err := l.wrap(deaf{}).Call(t.Context(), "Z", nil)
	require.NoError(t, err)
	require.Len(t, l.ended(), 1)
	_, err = l.wrap(deaf{fmt.Errorf("no such luck, %s", value)}).Call(t.Context(), "Z", nil)
	require.Error(t, err)
	s := l.ended()[0]
	require.Equal(t, "_OTHER", attributes(s)["error.type"])
	require.Equal(t, codes.Error, s.Status.Code)
	require.Empty(t, s.Status.Description)
	require.Panics(t, func() {
		seq := iter.Seq[rfc.Params](func(func(rfc.Params) bool) { panic("mine") })
		_, _ = l.wrap(l.dest).Call(t.Context(), "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}, "RFCTABLE": rfc.Sequence[rfc.Params]{Count: 1, Seq: seq}})
	})
	require.Len(t, l.ended(), 1)
	_, err = l.wrap(l.dest).Call(nil, "Z", nil) //nolint:staticcheck // what a nil context does
	require.ErrorIs(t, err, rfc.ErrState)
	require.Empty(t, l.ended())
}

// collected are the data points by the name of their instrument and their attributes.
func (l *lab) collected(t *testing.T) map[string]any {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, l.reader.Collect(t.Context(), &all))
	points := map[string]any{}
	key := func(name string, set attribute.Set) string {
		var b strings.Builder
		b.WriteString(name)
		for _, a := range set.ToSlice() {
			fmt.Fprintf(&b, " %s=%s", a.Key, a.Value.String())
		}
		return b.String()
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			require.NotEmpty(t, m.Description, m.Name)
			require.NotEmpty(t, m.Unit, m.Name)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					points[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points[key(m.Name, p.Attributes)] = p.Count
					require.Len(t, p.Bounds, len(destination.DurationBounds))
				}
			default:
				t.Fatalf("%s is a %T", m.Name, data)
			}
		}
	}
	return points
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	registration, err := rfcotel.Observe(destination.ListOf(l.dest), rfcotel.WithMeterProvider(l.meter))
	require.NoError(t, err)
	plain, named := l.wrap(l.dest), l.wrap(l.dest, rfcotel.WithFunctions("STFC_CONNECTION"))
	for _, c := range []rfc.Caller{plain, named} {
		_, err := c.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": value})
		require.NoError(t, err)
		_, err = c.Call(t.Context(), "RFC_RAISE_ERROR", rfc.Params{"METHOD": "1", "MESSAGETYPE": "E"})
		require.Error(t, err)
	}
	got := l.collected(t)
	for name, want := range map[string]any{
		"rpc.client.call.duration rpc.system.name=sap_rfc sap.rfc.destination=A4H":                                             uint64(1),
		"rpc.client.call.duration error.type=abap_exception rpc.system.name=sap_rfc sap.rfc.destination=A4H":                   uint64(1),
		"rpc.client.call.duration rpc.method=STFC_CONNECTION rpc.system.name=sap_rfc sap.rfc.destination=A4H":                  uint64(1),
		"rpc.client.call.duration error.type=abap_exception rpc.method=_OTHER rpc.system.name=sap_rfc sap.rfc.destination=A4H": uint64(1),
		"sap.rfc.connection.count sap.rfc.connection.state=idle sap.rfc.destination=A4H":                                       int64(1),
		"sap.rfc.connection.count sap.rfc.connection.state=used sap.rfc.destination=A4H":                                       int64(0),
		"sap.rfc.connection.max sap.rfc.destination=A4H":                                                                       int64(1),
		"sap.rfc.connection.pending_requests sap.rfc.destination=A4H":                                                          int64(0),
		"sap.rfc.connection.opened sap.rfc.destination=A4H":                                                                    int64(1),
		"sap.rfc.connection.open_failures sap.rfc.destination=A4H":                                                             int64(0),
		"sap.rfc.connection.timeouts sap.rfc.destination=A4H":                                                                  int64(0),
		"sap.rfc.connection.closed sap.rfc.connection.close_reason=broken sap.rfc.destination=A4H":                             int64(0),
		"sap.rfc.connection.wait_time sap.rfc.destination=A4H":                                                                 0.0,
		"sap.rfc.call.active sap.rfc.destination=A4H":                                                                          int64(0),
		"sap.rfc.call.count sap.rfc.destination=A4H":                                                                           int64(4),
		"sap.rfc.call.count error.type=abap_exception sap.rfc.destination=A4H":                                                 int64(2),
		"sap.rfc.metadata.requests sap.rfc.destination=A4H sap.rfc.metadata.result=hit":                                        int64(2),
		"sap.rfc.metadata.requests sap.rfc.destination=A4H sap.rfc.metadata.result=miss":                                       int64(2),
	} {
		require.Equal(t, want, got[name], name)
	}
	s := l.dest.Throughput().Stats()
	require.Equal(t, s.SentBytes, got["sap.rfc.network.io network.io.direction=transmit sap.rfc.destination=A4H"])
	require.Equal(t, s.ReceivedBytes, got["sap.rfc.network.io network.io.direction=receive sap.rfc.destination=A4H"])
	for name := range got {
		require.NotContains(t, name, "DEVELOPER", "no user is a label")
	}
	require.NoError(t, registration.Unregister())
	require.NotContains(t, l.collected(t), "sap.rfc.connection.opened sap.rfc.destination=A4H")
}

// Nothing secret, and no value, gets into spans or metrics.
func TestNoSecretsInTelemetry(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error {
			return rfc.RaiseMessage("", "V1", "E", "042", value, secret)
		}
	})
	caller := l.wrap(l.dest)
	_, err := caller.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": strings.Repeat(value, 50)})
	require.ErrorIs(t, err, rfc.ErrConversion)
	_, err = caller.Call(t.Context(), "STFC_STRING", rfc.Params{"QUESTION": value})
	require.ErrorIs(t, err, rfc.ErrABAPMessage)
	_, err = l.wrap(l.dest.With(destination.User{Name: "OTHER", Password: secret + "2"})).Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrLogon)
	spans := l.ended()
	require.Len(t, spans, 3)
	require.Equal(t, "V1 042", attributes(spans[1])["rpc.response.status_code"])
	var text strings.Builder
	fmt.Fprintf(&text, "%+v", l.collected(t))
	for _, s := range spans {
		fmt.Fprintf(&text, "%+v %+v %+v", attributes(s), s.Status, s.Events)
	}
	for _, hidden := range []string{secret, value, "OTHER", "DEVELOPER"} {
		require.NotContains(t, strings.ReplaceAll(text.String(), "_OTHER", ""), hidden)
	}
}

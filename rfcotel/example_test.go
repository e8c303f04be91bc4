package rfcotel_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfcotel"
	"github.com/purerfc/purerfc/rfctest"
)

// Whatever takes an rfc.Caller takes a wrapped one: typed calls, generated stubs, helpers.
func ExampleWrap() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{})
	if err != nil {
		return
	}
	defer func() { _ = sys.Close() }()
	dest, err := destination.New(sys.Config())
	if err != nil {
		return
	}
	defer func() { _ = dest.Close(ctx) }()

	spans := tracetest.NewInMemoryExporter() // a program has the exporter of its collector
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	caller := rfcotel.Wrap(dest, rfcotel.WithTracerProvider(provider))

	type in struct {
		Text string `rfc:"REQUTEXT"`
	}
	type out struct {
		Echo string `rfc:"ECHOTEXT"`
	}
	answer, err := rfc.Call[out](ctx, caller, "STFC_CONNECTION", in{"hello"})
	fmt.Println(answer.Echo, err)
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name, s.SpanKind)
	}
	// Output:
	// hello <nil>
	// STFC_CONNECTION client
}

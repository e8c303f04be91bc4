package rfcprom_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfcprom"
	"github.com/purerfc/purerfc/rfctest"
)

// A program that opens its destinations by name passes destination.Opened.
func ExampleNewCollector() {
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
	_, err = dest.Call(ctx, "RFC_PING", nil)
	if err != nil {
		return
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(rfcprom.NewCollector(destination.ListOf(dest)))
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "sap_rfc_pool_opened_total" {
			fmt.Println(f.GetName(), f.GetMetric()[0].GetCounter().GetValue(), err)
		}
	}
	// Output: sap_rfc_pool_opened_total 1 <nil>
}

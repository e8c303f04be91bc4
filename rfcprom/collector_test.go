package rfcprom_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfcprom"
	"github.com/purerfc/purerfc/rfctest"
)

const (
	secret = "kAnarY7#x"
	value  = "CANARYVALUE"
)

// used is a destination with two calls, one that failed and one that waits for nobody.
func used(t *testing.T, name string) (*destination.Destination, prometheus.Collector) {
	t.Helper()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{User: "DEVELOPER", Password: secret})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	cfg := sys.Config()
	cfg.Name = name
	d, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": value})
	require.NoError(t, err)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": strings.Repeat(value, 50)})
	require.Error(t, err)
	return d, rfcprom.NewCollector(destination.ListOf(d))
}

func TestCollector(t *testing.T) {
	t.Parallel()
	d, c := used(t, "A4H")
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	defer func() { _ = session.Close(context.Background()) }()
	require.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(`
# HELP sap_rfc_calls_total Calls that have ended, by result: ok, or the class of the error.
# TYPE sap_rfc_calls_total counter
sap_rfc_calls_total{destination="A4H",result="conversion"} 1
sap_rfc_calls_total{destination="A4H",result="ok"} 2
# HELP sap_rfc_metadata_requests_total Descriptions that were needed: at hand (hit), or asked for (miss).
# TYPE sap_rfc_metadata_requests_total counter
sap_rfc_metadata_requests_total{destination="A4H",result="hit"} 1
sap_rfc_metadata_requests_total{destination="A4H",result="miss"} 1
# HELP sap_rfc_pool_connections Connections that exist, by state.
# TYPE sap_rfc_pool_connections gauge
sap_rfc_pool_connections{destination="A4H",state="idle"} 0
sap_rfc_pool_connections{destination="A4H",state="in_use"} 1
sap_rfc_pool_connections{destination="A4H",state="opening"} 0
# HELP sap_rfc_pool_opened_total Connections that were opened.
# TYPE sap_rfc_pool_opened_total counter
sap_rfc_pool_opened_total{destination="A4H"} 1
# HELP sap_rfc_round_trips_total Exchanges over the connections, look-ups and pings included.
# TYPE sap_rfc_round_trips_total counter
sap_rfc_round_trips_total{destination="A4H"} 2
# HELP sap_rfc_running_calls Calls that run.
# TYPE sap_rfc_running_calls gauge
sap_rfc_running_calls{destination="A4H"} 0
# HELP sap_rfc_sessions Sequences of calls that have a connection of their own.
# TYPE sap_rfc_sessions gauge
sap_rfc_sessions{destination="A4H"} 1
`), "sap_rfc_calls_total", "sap_rfc_metadata_requests_total", "sap_rfc_pool_connections", "sap_rfc_pool_opened_total", "sap_rfc_round_trips_total", "sap_rfc_running_calls", "sap_rfc_sessions"))
}

func TestNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	_, c := used(t, "A4H")
	problems, err := testutil.CollectAndLint(c)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestHistograms(t *testing.T) {
	t.Parallel()
	d, c := used(t, "A4H")
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	families, err := registry.Gather()
	require.NoError(t, err)
	found := 0
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); h != nil {
			found++
			b := h.GetBucket()
			require.Equal(t, h.GetSampleCount(), max(b[len(b)-1].GetCumulativeCount(), h.GetSampleCount()))
			if f.GetName() == "sap_rfc_call_duration_seconds" {
				require.EqualValues(t, 3, h.GetSampleCount())
				require.InDelta(t, d.Snapshot().Calls.Duration.Seconds(), h.GetSampleSum(), 1e-9)
				require.InDelta(t, 0.005, b[0].GetUpperBound(), 1e-12)
				require.Len(t, b, len(destination.DurationBounds))
			}
		}
	}
	require.Equal(t, 2, found)
}

// The page of the documentation lists what there is.
func TestTheDocumentationNamesEveryMetric(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/observability.md")
	require.NoError(t, err)
	_, c := used(t, "A4H")
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.Contains(t, string(page), "`"+f.GetName()+"`")
	}
	require.Equal(t, len(families), strings.Count(string(page), "`sap_rfc_"))
}

// Two of one name are told apart, also by the registry's own check.
func TestDestinationsOfOneName(t *testing.T) {
	t.Parallel()
	a, _ := used(t, "A4H")
	b, _ := used(t, "A4H")
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(rfcprom.NewCollector(destination.ListOf(a, b))))
	families, err := registry.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range families {
		text.WriteString(f.String())
	}
	require.Contains(t, text.String(), `A4H#2`)
	// The labels have few values, and none of them is secret.
	for _, hidden := range []string{secret, value, "DEVELOPER", "STFC_CONNECTION", "127.0.0.1"} {
		require.NotContains(t, text.String(), hidden)
	}
}

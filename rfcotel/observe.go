package rfcotel

import (
	"context"
	"errors"
	"iter"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
)

// Observe reports the numbers of destinations whenever they are collected: connections by state,
// waits, openings and closings, bytes, calls and look-ups of descriptions, each with the name of
// the destination. Unregister ends it. list is for example destination.Opened. Sums start anew when
// the settings of a destination change its pool.
func Observe(list func() iter.Seq[*destination.Destination], opts ...Option) (metric.Registration, error) {
	m := collect(opts).meters.Meter(scope)
	var errs []error
	var all []metric.Observable
	counter := func(name, unit, text string) metric.Int64ObservableCounter {
		i, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
		errs, all = append(errs, err), append(all, i)
		return i
	}
	level := func(name, unit, text string) metric.Int64ObservableUpDownCounter {
		i, err := m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
		errs, all = append(errs, err), append(all, i)
		return i
	}
	seconds := func(name, text string) metric.Float64ObservableCounter {
		i, err := m.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(text))
		errs, all = append(errs, err), append(all, i)
		return i
	}
	connections := level("sap.rfc.connection.count", "{connection}", "Connections that exist, by state.")
	most := level("sap.rfc.connection.max", "{connection}", "How many connections may exist; 0 is no limit.")
	waiting := level("sap.rfc.connection.pending_requests", "{request}", "Callers that wait for a connection.")
	opened := counter("sap.rfc.connection.opened", "{connection}", "Connections that were opened.")
	failed := counter("sap.rfc.connection.open_failures", "{attempt}", "Connections that could not be opened.")
	closed := counter("sap.rfc.connection.closed", "{connection}", "Connections that were closed, by reason.")
	timeouts := counter("sap.rfc.connection.timeouts", "{timeout}", "Callers that waited for a connection in vain.")
	waited := seconds("sap.rfc.connection.wait_time", "How long callers waited in the queue.")
	running := level("sap.rfc.call.active", "{call}", "Calls that run.")
	calls := counter("sap.rfc.call.count", "{call}", "Calls that have ended, failed ones with the class of their error.")
	io := counter("sap.rfc.network.io", "By", "What went over the connections during calls.")
	requests := counter("sap.rfc.metadata.requests", "{request}", "Descriptions that were needed: at hand (hit), or asked for (miss).")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for d := range list() {
			s := d.Snapshot()
			name := keyDestination.String(s.Name)
			with := func(attrs ...attribute.KeyValue) metric.ObserveOption {
				return metric.WithAttributes(append(attrs, name)...)
			}
			state := func(v string) attribute.KeyValue { return attribute.String("sap.rfc.connection.state", v) }
			o.ObserveInt64(connections, int64(s.Pool.InUse), with(state("used")))
			o.ObserveInt64(connections, int64(s.Pool.Idle), with(state("idle")))
			o.ObserveInt64(most, int64(s.Pool.MaxOpen), with())
			o.ObserveInt64(waiting, int64(s.Pool.Waiting), with())
			o.ObserveInt64(opened, s.Pool.Opened, with())
			o.ObserveInt64(failed, s.Pool.OpenFailed, with())
			for r, n := range s.Pool.Closed {
				o.ObserveInt64(closed, n, with(attribute.String("sap.rfc.connection.close_reason", pool.Reason(r).String())))
			}
			o.ObserveInt64(timeouts, s.Pool.Timeouts, with())
			o.ObserveFloat64(waited, s.Pool.WaitDuration.Seconds(), with())
			o.ObserveInt64(running, int64(s.RunningTotal), with())
			o.ObserveInt64(calls, s.Calls.Succeeded, with())
			for class, n := range s.Calls.Failed {
				o.ObserveInt64(calls, n, with(keyErrorType.String(class)))
			}
			direction := func(v string) attribute.KeyValue { return attribute.String("network.io.direction", v) }
			o.ObserveInt64(io, s.Throughput.SentBytes, with(direction("transmit")))
			o.ObserveInt64(io, s.Throughput.ReceivedBytes, with(direction("receive")))
			result := func(v string) attribute.KeyValue { return attribute.String("sap.rfc.metadata.result", v) }
			o.ObserveInt64(requests, s.Repository.Hits, with(result("hit")))
			o.ObserveInt64(requests, s.Repository.Misses, with(result("miss")))
		}
		return nil
	}, all...)
}

// Package rfcprom exports the numbers of destinations to Prometheus: pools, calls, errors by class,
// durations, waits, bytes and look-ups of descriptions.
//
//	prometheus.MustRegister(rfcprom.NewCollector(destination.Opened))
//
// Layer: beside the front door; it only reads destination.Snapshot.
//
// Every series has the label destination; the others have few values each (state, reason, class,
// result, direction). Function modules, users, TIDs and addresses are never labels, and no value of
// a parameter is anywhere near.
package rfcprom

// Package scale measures what many connections cost: how fast they are opened, what an idle
// one holds at either end, and how many calls a second pass when thousands exist.
//
// It stands beside the shelves, has no code of its own and nothing imports it. Its test runs
// itself again as other processes: systems, and clients of two kinds, one with pooled
// destinations, one that only moves as many bytes over as many plain sockets. That is the
// floor of the same run, so that other load on the machine concerns both.
//
// go test ./internal/scale is a short form that only counts. The full one is make bench-10k;
// SCALE_CONNECTIONS, SCALE_HOSTS, SCALE_SECONDS (of each measurement) and SCALE_PAIRS change it.
package scale

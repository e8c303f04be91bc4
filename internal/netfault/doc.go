// Package netfault makes connections that misbehave on purpose, for tests of everything
// that reads and writes records: Pipe is an in-memory connection with buffers, deadlines
// and addresses, Link the same over a slow network, New wraps any connection and adds faults
// (short reads and writes, cuts, stalls).
//
// It belongs to the shelf of tests: it knows no protocol, uses no network, starts no
// goroutine, and works inside a testing/synctest bubble, because every wait in it is a
// wait on a condition and every deadline a timer. It has no wire document. Apart from Link it
// does not imitate the timing or the buffer sizes of real networks.
package netfault

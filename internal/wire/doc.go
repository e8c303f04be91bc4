// Package wire holds what every codec of this module shares: a bounds-checked
// reader whose first failure sticks, the error type of the wire layers, and the
// description of fixed headers that drives annotated dumps.
//
// It is the lowest shelf: bytes in, bytes out, no knowledge of any record. It
// performs no I/O. Encoders in this module append to a byte slice with the
// functions of encoding/binary; only what must not be forgotten (length fields
// that have to fit) has a helper here.
package wire

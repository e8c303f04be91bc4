// Package ofs1 is the codec of OFS1, this project's own compact format of parameter values:
// blocks of bytes in row or columnar layout on one side, [columns.Table] on the other.
//
// Layer: values, beside columns. Wire document: spec 22.5 and its worked vectors. The format
// is spoken only between peers that announced it to each other (spec 22.6).
//
// [Decoder] is strict and takes bytes of strangers: the checksum comes first, every count is
// compared with the bytes that are left and with the limit of cells before memory is taken,
// and every refusal is a *wire.Error with the path of the value and its offset. [Encoder] is
// deterministic: equal values give equal bytes.
//
// The package knows no Go structs, no items of messages, no connections and nothing about who
// may receive a block.
package ofs1

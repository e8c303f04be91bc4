// Package columns holds tables by column instead of by row: one typed vector for each
// field, texts in one piece of memory with offsets, repeated values once with codes.
//
// Layer: values, between metadata and serialization. A [Table] is plain data without I/O:
// package serialization fills it from every format of the wire and writes formats from it,
// package internal/ofs1 is the codec of blocks whose layout is the same as that of a Table.
// It knows no rows as Go structs and no bytes of classic rows.
//
// A Table that a library function returned is the caller's: nothing else refers to its
// memory. It may be read from several goroutines at once; changing it needs care as with
// any Go value.
package columns

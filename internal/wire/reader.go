package wire

import (
	"encoding/binary"
	"fmt"
)

// Reader walks one record from front to back. Every read is bounds-checked; the
// first failure sticks, later reads return zero values, and Err or Finish reports
// the failure with field name and offset. A Reader does not copy: byte slices it
// returns alias the input, clipped so that append cannot reach behind them.
//
// The zero Reader is empty. A Reader is not safe for concurrent use.
type Reader struct {
	b      []byte
	off    int
	layer  string
	record string
	err    *Error
}

// NewReader reads b as the named record of the named layer.
func NewReader(layer, record string, b []byte) Reader {
	return Reader{b: b, layer: layer, record: record}
}

// Record changes the record name used in errors, once the reader knows what it reads.
func (r *Reader) Record(name string) { r.record = name }

// Offset is the number of bytes consumed so far.
func (r *Reader) Offset() int { return r.off }

// Len is the number of bytes left; 0 after a failure.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.b) - r.off
}

// Err returns the first failure or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Fail records a failure of the field that starts at offset off, unless an earlier one stuck.
func (r *Reader) Fail(field string, off int, reason error, want, got string) {
	if r.err == nil {
		r.err = &Error{Layer: r.layer, Record: r.record, Field: field, Offset: off, Want: want, Got: got, Err: reason}
	}
}

func (r *Reader) take(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b)-r.off {
		r.Fail(field, r.off, ErrTruncated, fmt.Sprintf("%d bytes", n), fmt.Sprintf("%d", len(r.b)-r.off))
		return nil
	}
	s := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return s
}

// U8 reads one byte.
func (r *Reader) U8(field string) uint8 {
	if s := r.take(field, 1); s != nil {
		return s[0]
	}
	return 0
}

// U16 reads two bytes, big-endian.
func (r *Reader) U16(field string) uint16 {
	if s := r.take(field, 2); s != nil {
		return binary.BigEndian.Uint16(s)
	}
	return 0
}

// U32 reads four bytes, big-endian.
func (r *Reader) U32(field string) uint32 {
	if s := r.take(field, 4); s != nil {
		return binary.BigEndian.Uint32(s)
	}
	return 0
}

// I16 reads two bytes as a signed big-endian number.
func (r *Reader) I16(field string) int16 { return int16(r.U16(field)) }

// I32 reads four bytes as a signed big-endian number.
func (r *Reader) I32(field string) int32 { return int32(r.U32(field)) }

// Bytes returns the next n bytes without copying them.
func (r *Reader) Bytes(field string, n int) []byte { return r.take(field, n) }

// Text returns the next n bytes as a string, as they are.
func (r *Reader) Text(field string, n int) string { return string(r.take(field, n)) }

// Array copies len(dst) bytes into dst.
func (r *Reader) Array(field string, dst []byte) {
	if s := r.take(field, len(dst)); s != nil {
		copy(dst, s)
	}
}

// Skip passes over n bytes.
func (r *Reader) Skip(field string, n int) { r.take(field, n) }

// Rest returns all bytes that are left.
func (r *Reader) Rest() []byte {
	if r.err != nil {
		return nil
	}
	return r.take("rest", len(r.b)-r.off)
}

// Bound checks a length or count that was read at offset off against a limit and returns it
// as an int. Above the limit the reader fails with ErrLimit and Bound returns 0.
func (r *Reader) Bound(field string, off int, n uint64, limit int) int {
	if r.err != nil {
		return 0
	}
	if limit < 0 || n > uint64(limit) {
		r.Fail(field, off, ErrLimit, fmt.Sprintf("at most %d", limit), fmt.Sprintf("%d", n))
		return 0
	}
	return int(n)
}

// Finish fails when bytes are left over, then returns Err.
func (r *Reader) Finish() error {
	if r.err == nil && r.off != len(r.b) {
		r.Fail("", r.off, ErrTrailing, "", fmt.Sprintf("%d more bytes", len(r.b)-r.off))
	}
	return r.Err()
}

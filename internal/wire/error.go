package wire

import (
	"errors"
	"fmt"
	"strings"
)

// Reasons for which bytes are refused. Match them with errors.Is; the details are
// in *Error.
var (
	// ErrTruncated: fewer bytes than a field or a declared length needs.
	ErrTruncated = errors.New("truncated")
	// ErrTrailing: bytes are left over behind the end of a record.
	ErrTrailing = errors.New("unexpected bytes behind the end")
	// ErrLimit: a length or count is above the limit of this process. The bytes may be
	// legal; the limit can be raised.
	ErrLimit = errors.New("above limit")
	// ErrMalformed: a field has a value that the format does not allow.
	ErrMalformed = errors.New("malformed")
)

// Error says where and why bytes were refused.
type Error struct {
	// Layer is the protocol layer: "ni", "gateway", "appc", "chain", "xrfc", ...
	Layer string
	// Record names the record within the layer, for example "F_INITIALIZE".
	Record string
	// Field names the field within the record; empty when the record as a whole is meant.
	Field string
	// Offset is the byte offset of the field in the record's own payload.
	Offset int
	// Want and Got describe the rule and the finding in words; either may be empty.
	Want, Got string
	// Err is one of the sentinels of this package or a wrapped cause.
	Err error
}

// Error implements error: "appc F_INITIALIZE: field conv_id at offset 40: truncated: want 8 bytes, got 3".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Layer)
	if e.Record != "" {
		b.WriteByte(' ')
		b.WriteString(e.Record)
	}
	if e.Field != "" {
		b.WriteString(": field ")
		b.WriteString(e.Field)
	}
	fmt.Fprintf(&b, " at offset %d", e.Offset)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Want != "" {
		b.WriteString(": want ")
		b.WriteString(e.Want)
	}
	if e.Got != "" {
		if e.Want != "" {
			b.WriteString(", got ")
		} else {
			b.WriteString(": got ")
		}
		b.WriteString(e.Got)
	}
	return b.String()
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

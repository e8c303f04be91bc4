package ofs1

import (
	"errors"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

// ErrChecksum: the plain payload does not have the checksum of the header. Match it with
// errors.Is; other refusals match the sentinels of package wire.
var ErrChecksum = fmt.Errorf("%w block: checksum differs", wire.ErrMalformed)

// fail builds a refusal; off is the offset in the plain payload.
func fail(off int, reason error, want, got string) error {
	return &wire.Error{Layer: "ofs1", Record: "block", Offset: off, Want: want, Got: got, Err: reason}
}

// under puts name in front of the path of a refusal or of a ValueError.
func under(name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ValueError](err); ok {
		e.Path = name + e.Path
		return err
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		e.Field = name + e.Field
	}
	return err
}

// member is under for a field of a structure; an unnamed line has no name to add.
func member(name string, err error) error {
	if name == "" {
		return err
	}
	return under("."+short(name), err)
}

// inColumn adds the name of a column behind the row that the path may begin with.
func inColumn(name string, err error) error {
	if name == "" || err == nil {
		return err
	}
	path := func(p string) string {
		row, rest, ok := strings.Cut(p, "]")
		if !ok || row == "" || row[0] != '[' {
			return "." + short(name) + p
		}
		return row + "]." + short(name) + rest
	}
	if e, ok := errors.AsType[*ValueError](err); ok {
		e.Path = path(e.Path)
	} else if e, ok := errors.AsType[*wire.Error](err); ok {
		e.Field = path(e.Field)
	}
	return err
}

// line is under for a row.
func line(row int, err error) error { return under(fmt.Sprintf("[%d]", row), err) }

// short bounds a name for an error.
func short(name string) string {
	n := 0
	for i := range name {
		if n++; n > printable {
			return name[:i] + "..."
		}
	}
	return name
}

// badNumber is the refusal of a number that uvarint did not read.
func badNumber(off, code int) error {
	switch code {
	case badLong:
		return fail(off, wire.ErrMalformed, "a number in its shortest form", "a longer one")
	case badOverflow:
		return fail(off, wire.ErrMalformed, "a number below 2^64", "a larger one")
	}
	return fail(off, wire.ErrTruncated, "a number", "the end of the payload")
}

// ValueError says which value cannot be written and why.
type ValueError struct {
	// Path of the value, as in IT_ITEMS[17].MATNR.
	Path string
	// Reason in words.
	Reason string
	// Err is the cause, or nil.
	Err error
}

// Error implements error: "ofs1: IT_ITEMS[17].MATNR: 19 characters, at most 18".
func (e *ValueError) Error() string {
	s := "ofs1: "
	if e.Path != "" {
		s += e.Path + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *ValueError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return &ValueError{Reason: fmt.Sprintf(format, args...)}
}

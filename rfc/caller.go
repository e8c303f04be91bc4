package rfc

import (
	"context"
	"iter"
)

// Caller calls function modules. *Conn, pooled destinations, sessions and test systems
// satisfy it, so that typed calls and generated stubs work on each.
type Caller interface {
	// Call calls a function module. in supplies IMPORTING, CHANGING and TABLES parameters:
	// Params, a struct with `rfc:"NAME"` tags, a pointer to one, or nil. Values are checked
	// before the first byte is sent. The error is an *Error.
	Call(ctx context.Context, function string, in any, opts ...Option) (*Response, error)
}

// Call calls a function module and decodes its answer into a struct with `rfc:"NAME"` tags.
//
//	out, err := rfc.Call[EchoOut](ctx, conn, "STFC_CONNECTION", EchoIn{Text: "hello"})
//
// Out may also be Params. The mapping of both types is compiled once per interface; a
// mismatch is reported with all its problems before anything is sent.
func Call[Out any](ctx context.Context, c Caller, function string, in any, opts ...Option) (Out, error) {
	var out Out
	res, err := c.Call(ctx, function, in, opts...)
	if err != nil {
		return out, err
	}
	err = res.Scan(&out)
	res.release()
	return out, err
}

// Rows iterates over a table of a response. T is a struct with tags, Params for rows as
// maps, or a scalar for tables with an unnamed line. With the option Stream rows are
// decoded while the network delivers them. Break ends the iteration; an error is the last
// thing it yields.
func Rows[T any](res *Response, table string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { rows(res, table, yield) }
}

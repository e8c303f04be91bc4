package rfc

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// Caller calls function modules. *Conn, pooled destinations, sessions and test systems
// satisfy it, so that typed calls and generated stubs work on each.
type Caller interface {
	// Call calls a function module. in supplies IMPORTING, CHANGING and TABLES parameters:
	// Params, a struct with `rfc:"NAME"` tags, a pointer to one, a *Record, or nil. Values are checked
	// before the first byte is sent. The error is an *Error.
	Call(ctx context.Context, function string, in any, opts ...Option) (*Response, error)
}

// Call calls a function module and decodes its answer into a struct with `rfc:"NAME"` tags.
//
//	out, err := rfc.Call[EchoOut](ctx, conn, "STFC_CONNECTION", EchoIn{Text: "hello"})
//
// Out may also be Params or *Record. The mapping of both types is compiled once per interface; a
// mismatch is reported with all its problems before anything is sent.
func Call[Out any](ctx context.Context, c Caller, function string, in any, opts ...Option) (Out, error) {
	var out Out
	var res *Response
	var err error
	if conn, ok := c.(*Conn); ok {
		res, err = conn.call(ctx, function, in, reflect.TypeFor[Out](), opts)
	} else {
		res, err = c.Call(ctx, function, in, append(opts[:len(opts):len(opts)], into[Out])...)
	}
	if err != nil {
		return out, err
	}
	err = res.Scan(&out)
	res.release()
	return out, err
}

// into says what an answer will be read into, so that it is checked before the call.
func into[Out any](o *callOptions) { o.out = reflect.TypeFor[Out]() }

// planErrors reports everything in Go types that does not fit an interface; nil types fit.
func planErrors(f *metadata.Function, r serialization.Representation, o serialization.Options, types ...reflect.Type) error {
	var errs []error
	for i, t := range types {
		if err := serialization.PlanError(t, f, r, o); err != nil && !slices.Contains(types[:i], t) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Rows iterates over a table of a response. T is a struct with tags, Params for rows as
// maps, *Record, or a scalar for tables with an unnamed line. With the option Stream rows are
// decoded while the network delivers them. Break ends the iteration; an error is the last
// thing it yields.
func Rows[T any](res *Response, table string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { rows(res, table, yield) }
}

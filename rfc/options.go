package rfc

import (
	"reflect"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// Params are the values of a dynamic call by parameter name; see package serialization for
// the Go types that fit each ABAP type.
type Params = serialization.Params

// Sequence supplies table rows from an iterator, so that a table of any size can be sent
// or answered in constant memory.
type Sequence[T any] = serialization.Sequence[T]

// Option changes one call.
type Option func(*callOptions)

type callOptions struct {
	description  *metadata.Function
	notRequested []string
	stream       string
	timeout      time.Duration
	lenient      bool
	values       serialization.Options
	hasValues    bool
	out          reflect.Type // what the answer is read into, if that is known
	format       serialization.Format
	hasFormat    bool
	done         func(error)
}

func collect(opts []Option) *callOptions {
	o := new(callOptions)
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// WithInterface gives the description of the function module, so that none is looked up.
func WithInterface(f *metadata.Function) Option {
	return func(o *callOptions) { o.description = f }
}

// NotRequested tells the partner that the named outputs are not wanted: it does not send
// them, and the function sees IS REQUESTED = false. JCo calls this setActive(false).
func NotRequested(names ...string) Option {
	return func(o *callOptions) { o.notRequested = append(o.notRequested, names...) }
}

// Stream leaves the rows of the named TABLES parameter on the network until Rows asks for
// them: constant memory for answers of any size. The connection is busy until all rows
// were read or the response is closed; a response closed early usually costs the
// connection. All other parameters are kept in memory; those that follow the table on the
// wire are there only after the last row. A table that travels as XML is read whole.
func Stream(table string) Option {
	return func(o *callOptions) { o.stream = table }
}

// WithTimeout limits this call, with whatever has to be asked first: the description of the
// function, the formats of the partner. It wins over the limit of the connection; the
// context's own deadline holds as well.
func WithTimeout(d time.Duration) Option {
	return func(o *callOptions) { o.timeout = d }
}

// Lenient ignores parameters that the interface does not have. Default: an error, and
// nothing is sent.
func Lenient() Option {
	return func(o *callOptions) { o.lenient = true }
}

// WithValues changes how values are converted, for example KeepBlanks.
func WithValues(v serialization.Options) Option {
	return func(o *callOptions) { o.values, o.hasValues = v, true }
}

// WithFormat asks for a serialization format for this call, instead of that of the
// connection. A partner that does not read it gets the classic one, as with JCo.
func WithFormat(f serialization.Format) Option {
	return func(o *callOptions) { o.format, o.hasFormat = f, true }
}

// WhenDone calls fn once when the exchange of this call has ended and its connection is free:
// with the return of Call, or behind the last row of a response with Stream. It is for those
// who lend connections. err is what the call ended with: nil or an *Error. fn is not called if
// Call fails before it has used the connection. Several of these options are all followed.
func WhenDone(fn func(err error)) Option {
	return func(o *callOptions) {
		before := o.done
		if before == nil {
			o.done = fn
			return
		}
		o.done = func(err error) {
			before(err)
			fn(err)
		}
	}
}

// Interface gives the description among options, if there is one (WithInterface).
func Interface(opts ...Option) *metadata.Function {
	if len(opts) == 0 {
		return nil
	}
	return collect(opts).description
}

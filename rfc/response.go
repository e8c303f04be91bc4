package rfc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// Response is the answer of a call. Values are decoded when asked for. A response without
// the option Stream holds its own copy of the message and needs no Close; one with Stream
// keeps the connection busy until its rows were read or it is closed.
//
// A Response is not safe for concurrent use.
type Response struct {
	function *metadata.Function
	values   serialization.Options
	source   FunctionSource
	conn     *Conn // while the exchange runs
	cancel   context.CancelFunc
	done     func(error) // told when the connection is free
	watch    watch

	env     envelope
	rep     serialization.Representation
	section serialization.Section
	reader  chain.Reader
	raw     []byte // the message, unless it is streamed
	ctx     context.Context
	request []byte // own request, while its tables may be referred to

	fast      bool                  // the request said that it reads fast formats
	streaming bool                  // rows of one table are still on the network
	streamed  bool                  // ... or were
	table     int                   // index of that table
	rows      serialization.RowData // that arrived and were not given out
	first     []byte
	firstLast bool
	streamErr error
	closed    bool
	draining  bool // Close reads the rest, up to drainLimit
	drained   int
}

var responses = sync.Pool{New: func() any { return new(Response) }}

func newResponse(c *Conn, f *metadata.Function, values serialization.Options) *Response {
	r := responses.Get().(*Response)
	c.writer = writers.Get().(*serialization.Writer)
	*r = Response{function: f, source: c.cfg.Functions, values: values, conn: c, raw: r.raw[:0], section: r.section, reader: r.reader, rep: c.peer}
	return r
}

// release gives the memory of a response back. Only the package's own typed calls may do
// it: they are the only holders.
func (r *Response) release() {
	if r.streaming || r.closed || cap(r.raw) > keptBuffer {
		_ = r.Close()
		return
	}
	r.conn, r.ctx, r.env, r.request, r.watch = nil, nil, envelope{}, nil, watch{}
	responses.Put(r)
}

// finish frees the connection for the next call; e is why this one failed.
func (r *Response) finish(e *Error) {
	if r.cancel != nil {
		r.cancel()
		r.cancel = nil
	}
	if c := r.conn; c != nil {
		r.conn = nil
		w := c.writer
		c.writer, w.Function, w.Flush, w.Requested = nil, nil, nil, nil
		writers.Put(w)
		c.busy.Store(false)
	}
	if r.done != nil {
		done := r.done
		r.done = nil
		if e != nil {
			done(e)
			return
		}
		done(nil)
	}
}

// read reads the reply, up to the rows of the table named stream if there are any. Calls
// that arrive in its place are served first.
func (r *Response) read(stream string) error {
	c := r.conn
	for n := 0; ; n++ {
		first, last, err := c.conv.Receive()
		if err != nil {
			return err
		}
		r.watch.arrived()
		if isCallback(first) {
			if n >= c.cfg.Limits.Callbacks {
				return &Error{Class: ClassLimit, Step: StepCallback, Outcome: Unknown, Message: fmt.Sprintf("the partner called back more than %d times in one call", c.cfg.Limits.Callbacks)}
			}
			if err := r.callback(first, last); err != nil {
				return err
			}
			continue
		}
		if stream != "" {
			return r.readStream(first, last, stream)
		}
		if last {
			r.raw = append(r.raw[:0], first...)
		} else if r.raw, err = c.readMessage(first, r.raw[:0]); err != nil {
			return err
		} else {
			r.watch.complete()
		}
		r.reader.ResetBytes(r.raw, c.cfg.Limits.chain())
		r.start()
		err = r.items()
		r.watch.read()
		return err
	}
}

// start prepares the section for the values of a message.
func (r *Response) start() {
	r.section.Options, r.section.Copy, r.section.AllowFast = r.values, r.streaming, r.fast
	r.section.Reset(r.function, r.rep, true)
	w := r.conn.writer
	r.section.SetAnnounced(w.Announced)
	if len(w.Sent) > 0 {
		r.section.SetSent(w.Sent, r.request, w.Representation)
	}
	if r.streaming {
		r.section.SetStream(r.table, r.arrived)
	}
}

// arrived takes rows of the streamed table.
func (r *Response) arrived(rows serialization.RowData) error {
	r.rows = rows
	return nil
}

// items feeds the rest of a message to envelope and section and checks its end.
func (r *Response) items() error {
	for {
		it, err := r.reader.Next()
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		if err := r.item(it); err != nil {
			return err
		}
	}
	return r.complete()
}

func (r *Response) item(it chain.Item) error {
	used, err := r.section.Item(it)
	if err != nil || used {
		return err
	}
	if err := r.env.item(it, &r.rep); err != nil {
		return err
	}
	if it.Tag == chain.SenderDescription {
		r.start() // the record describes its sender anew; no value came before
		r.conn.learn(r.rep)
	}
	return nil
}

// complete decides what the message was.
func (r *Response) complete() error {
	if err := r.reader.Drain(); err != nil {
		return err
	}
	if e := r.env.facts.toError(r.function.Name); e != nil {
		e.Closed = e.Closed || r.conn != nil && !r.conn.conv.Usable()
		return e
	}
	bad := func(want, got string) error {
		return &wire.Error{Layer: "chain", Record: "reply", Offset: int(r.reader.Offset()), Err: wire.ErrMalformed, Want: want, Got: got}
	}
	switch {
	case !r.env.isReply:
		return bad("a reply (item 0500)", "a message without it")
	case !r.env.facts.hasStatus && !r.env.success:
		return bad("a success section or error facts", "neither")
	case r.env.hasGUID && r.conn != nil && !r.conn.bare && r.env.guid != r.conn.guid:
		return bad("the id of this session (item 0514)", "another one")
	}
	return r.section.Finish()
}

// readStream reads up to the first row of the named table.
func (r *Response) readStream(first []byte, last bool, table string) error {
	r.table = r.function.Index(table)
	r.raw = nil
	r.first, r.firstLast = first, last
	r.reader.Reset(r.fragment, chain.Limits{Message: maxStream, Items: maxStreamItems})
	r.streaming, r.streamed = true, true
	r.start()
	return r.advance()
}

// advance reads until rows of the streamed table have arrived or the message ends.
func (r *Response) advance() error {
	for r.rows.Len() == 0 {
		if err := r.section.Run(&r.reader); err != nil {
			r.streaming = false
			return err
		}
		if r.rows.Len() > 0 {
			break
		}
		it, err := r.reader.Next()
		if isEOF(err) {
			r.streaming = false
			return r.complete()
		}
		if err == nil {
			err = r.item(it)
		}
		if err != nil {
			r.streaming = false
			return err
		}
	}
	return nil
}

// Limits of a streamed answer: it is not kept, so they only stop a peer without end.
const (
	maxStream      = 1 << 50
	maxStreamItems = math.MaxInt
)

// fragment delivers the first fragment, which was looked at already, then the others.
func (r *Response) fragment() ([]byte, bool, error) {
	if f := r.first; f != nil {
		r.first = nil
		return f, r.firstLast, nil
	}
	f, last, err := r.conn.conv.Receive()
	if r.draining && err == nil {
		if r.drained += len(f); r.drained > drainLimit {
			return nil, false, errNotDrained
		}
	}
	return f, last, err
}

var errNotDrained = errors.New("a streamed answer was left unread")

// streamRows passes all rows of the streamed table to fn, as they arrive, until it returns
// false.
func (r *Response) streamRows(fn func(rows serialization.RowData) (bool, error)) error {
	returned := false
	defer func() {
		if !returned { // fn panicked, or ended its goroutine (fault F-69)
			r.abandon()
		}
	}()
	err := r.stream(fn)
	returned = true
	return err
}

func (r *Response) stream(fn func(rows serialization.RowData) (bool, error)) error {
	for r.streaming {
		r.watch.rows(r.function.Parameters[r.table].Name, r.rows.Len())
		more, err := fn(r.rows)
		if err != nil {
			return r.endStream(err)
		}
		if !more {
			return r.Close()
		}
		r.rows = serialization.RowData{}
		if err := r.advance(); err != nil {
			return r.endStream(err)
		}
	}
	return r.endStream(nil)
}

// endStream settles the exchange of a streamed response.
func (r *Response) endStream(err error) error {
	r.streaming = false
	if r.conn == nil {
		return err
	}
	c := r.conn
	e := c.settle(r.function, err, StepReceive, Unknown)
	r.ended(c, e)
	r.streamErr = &Error{Class: ClassState, Function: r.function.Name, Message: "the streamed rows were read already"}
	if e != nil {
		r.streamErr = e
		return e
	}
	return nil
}

// ended frees the connection behind a streamed answer and reports its end.
func (r *Response) ended(c *Conn, e *Error) {
	r.watch.measure(c)
	r.finish(e)
	if e != nil {
		r.watch.report(e)
		return
	}
	r.watch.report(nil)
}

// drainLimit is how much of a streamed answer Close reads to save the connection.
const drainLimit = 64 << 10

// Close ends a streamed response. Up to 64 KiB that are still to come are read to keep the
// connection; with more it is given up. For other responses Close only marks them closed.
func (r *Response) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if !r.streaming || r.conn == nil {
		r.finish(nil)
		return nil
	}
	r.streaming, r.draining = false, true
	err := error(nil)
	for err == nil {
		_, err = r.reader.Next()
	}
	if isEOF(err) {
		err = r.reader.Drain()
	}
	if err == nil {
		c := r.conn
		_ = c.settle(r.function, nil, StepReceive, Unknown) // dead or not, the caller is done
		r.ended(c, nil)
		return nil
	}
	r.abandon()
	return nil
}

// abandon gives the connection up while rows are still on the network.
func (r *Response) abandon() {
	r.streaming, r.closed = false, true
	c := r.conn
	if c == nil {
		r.finish(nil)
		return
	}
	_ = c.conv.End(errNotDrained)
	c.giveUp(&Error{Class: ClassState, Function: r.function.Name, Key: classes[ClassState].key, Message: errNotDrained.Error()})
	r.ended(c, nil) // whoever breaks off has what he wanted
}

// Function is the interface of the called module.
func (r *Response) Function() *metadata.Function { return r.function }

// Program is the ABAP program that served the call, as the partner says.
func (r *Response) Program() string { return text(r.env.program, r.rep) }

// ServerTime is the time the partner says it took, in microseconds; unit [inferred].
func (r *Response) ServerTime() float64 { return r.env.duration }

func (r *Response) usable() error {
	if r.closed {
		return &Error{Class: ClassState, Function: r.function.Name, Err: ErrClosed, Message: "the response is closed"}
	}
	return nil
}

func (r *Response) decodeError(err error) error {
	if err == nil {
		return nil
	}
	contradict(r.source, r.function, err)
	e := classify(err, StepDecode)
	e.Step, e.Function, e.Outcome = StepDecode, r.function.Name, Executed
	return e
}

// Scan decodes the answer into a pointer to a struct with `rfc:"NAME"` tags, into a *Params,
// or into a *Record of the parameters. Parameters that the answer lacks keep their value.
func (r *Response) Scan(dst any) error {
	if err := r.usable(); err != nil {
		return err
	}
	began := r.watch.decoding()
	err := r.section.Scan(dst)
	r.watch.decoded(began)
	return r.decodeError(err)
}

// Values decodes all outputs into a map.
func (r *Response) Values() (Params, error) {
	out := Params{}
	return out, r.Scan(&out)
}

// Value decodes one output. Reading an IMPORTING parameter or an unknown name is an error;
// an output that the answer lacks is nil.
func (r *Response) Value(name string) (any, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	began := r.watch.decoding()
	v, err := r.section.Value(name)
	r.watch.decoded(began)
	return v, r.decodeError(err)
}

// Record gives all outputs as a record of parameters, decoded and checked at once. It is the
// caller's and stays valid.
func (r *Response) Record() (*Record, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	began := r.watch.decoding()
	rec, err := r.section.Record()
	r.watch.decoded(began)
	if err != nil {
		return nil, r.decodeError(err)
	}
	return rec, nil
}

// Table gives the rows of a table as Records, decoded and checked at once; Rows does it row by
// row. A table that the answer lacks has no rows. The table is the caller's and stays valid.
func (r *Response) Table(name string) (*Table, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	began := r.watch.decoding()
	t, err := r.section.RecordTable(name)
	r.watch.decoded(began)
	if err != nil {
		return nil, r.decodeError(err)
	}
	return t, nil
}

// Has reports whether the answer brought the named output.
func (r *Response) Has(name string) bool {
	i := r.function.Index(name)
	return i >= 0 && r.section.Has(i)
}

// JSON gives the outputs as one JSON object in the order of the interface; see
// serialization.AppendJSON for the form of each type.
func (r *Response) JSON() ([]byte, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	began := r.watch.decoding()
	b, err := r.section.AppendJSON(nil)
	r.watch.decoded(began)
	return b, r.decodeError(err)
}

func rows[T any](r *Response, table string, yield func(T, error) bool) {
	var zero T
	fail := func(err error) { yield(zero, r.decodeError(err)) }
	if err := r.usable(); err != nil {
		fail(err)
		return
	}
	i := r.function.Index(table)
	if r.streamErr != nil && i == r.table {
		fail(r.streamErr)
		return
	}
	if !r.streaming || i != r.table {
		for row, err := range serialization.Rows[T](&r.section, table) {
			if err != nil && r.streamed && i == r.table && errors.Is(err, serialization.ErrShape) {
				return // a stream that brought no row keeps none
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		return
	}
	dec, err := serialization.NewRowDecoder[T](&r.function.Parameters[i], r.rep, r.values)
	if err != nil {
		fail(err)
		return
	}
	chunk := make([]T, 1, streamedRows)
	err = r.streamRows(func(batch serialization.RowData) (bool, error) {
		for i, n := 0, batch.Len(); i < n; i += len(chunk) {
			chunk = chunk[:min(n-i, streamedRows)]
			clear(chunk)
			if err := dec.DecodeRows(batch, i, chunk); err != nil {
				return false, r.decodeError(serialization.At(table, err))
			}
			for _, row := range chunk {
				if !yield(row, nil) {
					return false, nil
				}
			}
		}
		dec.Before += batch.Len()
		return true, nil
	})
	if err != nil {
		yield(zero, err)
	}
}

// streamedRows is the number of rows of a fast format that are decoded at a time.
const streamedRows = 256

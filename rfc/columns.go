package rfc

import (
	"errors"
	"iter"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/serialization"
)

// Columns is a table by column: typed vectors without row structs. Values that repeat may stand
// there once; Column.Index says where the value of a row is, and Columns.Expand gives every row
// its own.
type Columns = columns.Table

// Columns decodes a table of the response into typed vectors, whatever format it came in. The
// result is the caller's. A table that is streamed has to be read with ColumnBatches.
//
//	t, err := res.Columns("ET_ITEMS")
//	quantity := t.Column("QUANTITY")
//	for row := range t.Rows {
//		sum += quantity.Int32s[quantity.Index(row)]
//	}
func (r *Response) Columns(table string) (*Columns, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if r.streaming && r.function.Index(table) == r.table {
		return nil, &Error{Class: ClassState, Function: r.function.Name, Message: "the rows of " + table + " are streamed; read them with ColumnBatches or Rows"}
	}
	began := r.watch.decoding()
	t, err := r.section.Columns(table)
	r.watch.decoded(began)
	return t, r.decodeError(err)
}

// ColumnBatches iterates over a table in batches by column: while the network delivers them
// if the call was made with Stream, in constant memory, else over the whole table at once. A
// batch has 4,096 rows, or those of one block of a fast format, at most 65,536. Break ends the
// iteration; an error is the last thing it yields.
func (r *Response) ColumnBatches(table string) iter.Seq2[*Columns, error] {
	return func(yield func(*Columns, error) bool) {
		i := r.function.Index(table)
		if err := r.usable(); err != nil {
			yield(nil, err)
			return
		}
		if r.streamErr != nil && i == r.table {
			yield(nil, r.streamErr)
			return
		}
		if !r.streaming || i != r.table {
			t, err := r.Columns(table)
			if err != nil && r.streamed && i == r.table && errors.Is(err, serialization.ErrShape) {
				return // a stream that brought no row keeps none
			}
			if err != nil || t.Rows > 0 {
				yield(t, err)
			}
			return
		}
		dec, err := serialization.NewColumnDecoder(&r.function.Parameters[i], r.rep, r.values)
		if err != nil {
			yield(nil, r.decodeError(err))
			return
		}
		stopped := false
		// next yields the batches that are complete; it returns false when the caller stops.
		next := func(last bool) (bool, error) {
			for {
				t, err := dec.Next(last)
				if err != nil || t == nil {
					return true, err
				}
				if !yield(t, nil) {
					stopped = true
					return false, nil
				}
			}
		}
		err = r.streamRows(func(rows serialization.RowData) (bool, error) {
			err := dec.Add(rows)
			if err != nil {
				return false, r.decodeError(err)
			}
			more, err := next(false)
			return more, r.decodeError(err)
		})
		if err == nil && !stopped {
			_, err = next(true)
			err = r.decodeError(err)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

package serialization

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/metadata"
)

// SentTable remembers a table of a request for answers that refer to it by its id.
type SentTable struct {
	// ID is the value of item 0330.
	ID uint32
	// Parameter is the index in Function.Parameters.
	Parameter int
	// Start and End delimit the row items in the slice that Append returned.
	Start, End int
	// Gone says that they are not there: Flush took them.
	Gone bool
}

// Writer appends the parameter section of a request or of a reply: everything between item
// 0512 and the end of the chain, or item 0130.
//
// A Writer is reusable and keeps its buffers; it is not safe for concurrent use.
type Writer struct {
	Function *metadata.Function
	// Representation of the party that writes.
	Representation
	Options Options
	// Format of the values. BasXML puts the parameters that would travel as XML documents
	// into one binary document; flat ones stay items and rows. Values that binary XML cannot
	// hold (more than 253 names, a text above 1,114,111 bytes, a document above 256 MiB) make
	// the whole section classic. The partner has to read the format.
	Format Format
	// Reply is false for a request (Import, Changing and Tables are written) and true for a
	// reply (Export, Changing and Tables).
	Reply bool
	// Requested says which outputs take part. Request: the outputs to announce by item 0205.
	// Reply: the outputs that the caller announced. nil: all outputs.
	Requested func(p *metadata.Parameter) bool
	// TableIDs writes item 0330 in table groups, starting behind NextTableID. In a request
	// NextTableID is 0, in a reply it runs on over the conversation. Source: spec 04
	// section 4.1 [capture].
	TableIDs    bool
	NextTableID uint32
	// Lenient ignores names that the function does not have and values of the other
	// direction. Default: error.
	Lenient bool
	// Network says how a fast format is compressed.
	Network Network
	// OneBlock writes a request of a fast format as one block, for partners that do not read
	// several (spec 22.6 bit 6).
	OneBlock bool
	// Partial does not insist on mandatory parameters in a request.
	Partial bool
	// Flush, if set, is called between rows and pieces of documents whenever dst holds
	// FlushSize bytes or more. It may send them and returns the buffer to append to. Errors
	// of later values then come too late to take bytes back.
	Flush func(dst []byte) ([]byte, error)
	// FlushSources calls Flush only once the rows of a RowSource are written: other values are
	// then all checked before anything leaves.
	FlushSources bool

	// Sent lists the tables of a request that got an id. It is valid until the next Append.
	Sent []SentTable
	// Announced lists the parameter indices that the last request announced by item 0205,
	// in the order of the items.
	Announced []int

	code   coder
	iface  *interfacePlan
	memo   planMemo
	buffer []byte // document
	binary bxmlSink

	plain    coder // of a fast format
	blocks   blockWriter
	encoder  ofs1.Encoder
	flushing bool // Flush is called from here on
}

// Append appends the section. values is Params, map[string]any, a struct, a pointer to one,
// or nil. All values are checked while they are written: on an error dst is returned as it
// was, and without Flush nothing has left the process.
//
// Outputs of a reply that values lacks are written with their initial value.
func (w *Writer) Append(dst []byte, values any) ([]byte, error) {
	w.Sent, w.Announced = w.Sent[:0], w.Announced[:0]
	w.flushing = w.Flush != nil && !w.FlushSources
	if w.code.Representation != w.Representation || w.code.Options != w.Options {
		w.code = newCoder(w.Representation, w.Options)
	}
	if cap(w.buffer) > maxKeptBytes {
		w.buffer = nil
	}
	if w.iface == nil || w.iface.f != w.Function {
		w.iface = planInterface(w.Function)
	}
	if w.Format.Fast() {
		out, done, err := w.fast(dst, values)
		if err != nil {
			return dst, err
		}
		if done {
			return out, nil
		}
		w.Announced = w.Announced[:0]
	}
	src, err := openValues(w.Function, &w.code, &w.memo, values)
	if err != nil {
		return dst, err
	}
	if err := w.checkNames(&src); err != nil {
		return dst, err
	}
	var out []byte
	if w.Reply {
		out, err = w.reply(dst, &src)
	} else {
		out, err = w.request(dst, &src)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// takes reports whether parameters of the direction carry a value in what is written.
func (w *Writer) takes(d metadata.Direction) bool {
	if w.Reply {
		return d.Output()
	}
	return d.Input()
}

// checkNames refuses unknown names, wrong directions and missing parameters.
func (w *Writer) checkNames(src *values) error {
	f := w.Function
	if !w.Lenient {
		unknown := src.names(func(name string) bool {
			i := f.Index(name)
			return i < 0 || !w.takes(f.Parameters[i].Direction)
		})
		if len(unknown) > 0 {
			name := slices.Min(unknown)
			if i := f.Index(name); i >= 0 {
				return &DirectionError{Function: f.Name, Name: name, Direction: f.Parameters[i].Direction}
			}
			return UnknownParameter(f, name)
		}
	}
	if w.Reply || w.Partial {
		return nil
	}
	var missing []string
	for i := range f.Parameters {
		p := &f.Parameters[i]
		if p.Optional || p.Direction != metadata.Import && p.Direction != metadata.Changing {
			continue
		}
		if _, ok := src.get(p, i); !ok {
			missing = append(missing, p.Name)
		}
	}
	if missing != nil {
		return &MissingError{Function: f.Name, Names: missing}
	}
	return nil
}

// wants reports whether output i takes part.
func (w *Writer) wants(i int) bool {
	return w.Requested == nil || w.Requested(&w.Function.Parameters[i])
}

func (w *Writer) request(dst []byte, src *values) ([]byte, error) {
	var err error
	for _, i := range w.iface.outputs {
		if !w.wants(i) {
			continue
		}
		w.Announced = append(w.Announced, i)
		if dst, err = w.appendName(dst, chain.RequestedName, w.Function.Parameters[i].Name); err != nil {
			return nil, err
		}
	}
	doc, err := w.basXML(src, w.iface.inputs, false)
	if err != nil {
		return nil, err
	}
	return w.values(dst, src, w.iface.inputs, false, doc, itemForm, rowsForm, documentForm)
}

func (w *Writer) reply(dst []byte, src *values) ([]byte, error) {
	var err error
	// The caller decides once for each parameter; flat tables have no item 0205.
	for _, i := range w.iface.replies {
		if !w.wants(i) {
			continue
		}
		w.Announced = append(w.Announced, i)
		if w.iface.forms[i] == rowsForm {
			continue
		}
		if dst, err = w.appendName(dst, chain.RequestedName, w.Function.Parameters[i].Name); err != nil {
			return nil, err
		}
	}
	doc, err := w.basXML(src, w.Announced, true)
	if err != nil {
		return nil, err
	}
	if doc != nil { // behind the items, unlike XML documents (spec 41.8 [capture])
		return w.values(dst, src, w.Announced, true, doc, itemForm, documentForm, rowsForm)
	}
	return w.values(dst, src, w.Announced, true, nil, documentForm, itemForm, rowsForm)
}

// values writes the listed parameters, one form after the other; those without a value only
// if all are asked for. doc, if not nil, holds all that travel as documents.
func (w *Writer) values(dst []byte, src *values, list []int, all bool, doc []byte, forms ...form) ([]byte, error) {
	for _, form := range forms {
		if form == documentForm && doc != nil {
			var err error
			if dst, err = bxml.AppendBlock(dst, doc, w.Reply, w.flush); err != nil {
				return nil, err
			}
			continue
		}
		for _, i := range list {
			if w.iface.forms[i] != form {
				continue
			}
			p := &w.Function.Parameters[i]
			v, supplied := src.get(p, i)
			if !supplied && !all {
				continue
			}
			var err error
			switch form {
			case documentForm:
				dst, err = w.document(dst, p, v, supplied)
			case rowsForm:
				dst, err = w.table(dst, i, v, supplied)
			default:
				dst, err = w.scalar(dst, p, v, supplied)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

func (w *Writer) appendName(dst []byte, tag chain.Tag, name string) ([]byte, error) {
	dst, start := chain.Begin(dst, tag)
	dst, err := w.code.appendText(dst, name)
	if err != nil {
		return nil, fmt.Errorf("function %s: parameter %s: %w", w.Function.Name, name, err)
	}
	return chain.Finish(dst, tag, start), nil
}

// scalar writes items 0201 and 0203 of a scalar or flat structure.
func (w *Writer) scalar(dst []byte, p *metadata.Parameter, v value, supplied bool) ([]byte, error) {
	dst, err := w.appendName(dst, chain.ParameterName, p.Name)
	if err != nil {
		return nil, err
	}
	if p.Kind == metadata.String || p.Kind == metadata.XString {
		return w.variable(dst, p, v, supplied)
	}
	width := p.Width(w.code.CharWidth())
	dst = chain.AppendHeader(dst, chain.ParameterValue, width)
	start := len(dst)
	dst = slices.Grow(dst, width+2)[:start+width]
	if err := w.code.scalar(dst[start:], p, v, supplied); err != nil {
		return nil, at(p.Name, err)
	}
	return chain.AppendClose(dst, chain.ParameterValue), nil
}

// scalar writes the cell dst, whatever it held.
func (c *coder) scalar(dst []byte, p *metadata.Parameter, v value, supplied bool) error {
	if v.o != nil {
		return c.encodeOp(dst, v.o, v.p)
	}
	cl := cell{f: &p.Field, width: len(dst)}
	if p.Type != nil {
		cl.sub = planRow(p.Type, c)
	}
	if !supplied {
		c.fillInitial(dst, &cl)
		return nil
	}
	return c.encode(dst, &cl, v.v, 0)
}

// variable writes item 0203 of a STRING or XSTRING. Source: spec 20.7 [experiment].
func (w *Writer) variable(dst []byte, p *metadata.Parameter, v value, supplied bool) ([]byte, error) {
	var text string
	var raw []byte
	var err error
	if supplied {
		text, raw, err = anyVariable(&p.Field, v)
	}
	if err == nil && uint64(len(text)+len(raw)) > MaxValue {
		err = &LimitError{What: "bytes", Size: uint64(len(text) + len(raw)), Limit: MaxValue}
	}
	if err != nil {
		return nil, at(p.Name, err)
	}
	if p.Kind == metadata.XString {
		return chain.Append(dst, chain.ParameterValue, raw), nil
	}
	dst, start := chain.Begin(slices.Grow(dst, len(text)+8), chain.ParameterValue)
	if dst, err = w.code.appendString(dst, &p.Field, text); err != nil {
		return nil, at(p.Name, err)
	}
	return chain.Finish(append(dst, 0), chain.ParameterValue, start), nil
}

// table writes a table group. Its rows are one item each: full width in 0303 from a client;
// from a server full width in 0304, or the used width in 0303 if that is less. Source:
// spec 04 section 4.2 [capture].
func (w *Writer) table(dst []byte, index int, v value, supplied bool) ([]byte, error) {
	p := &w.Function.Parameters[index]
	var rows rowsOf
	if supplied {
		var err error
		if v.o != nil {
			rows, err = w.code.tableOp(v.o, v.p)
		} else {
			rows, err = w.code.tableValue(&p.Field, v.v)
		}
		if err != nil {
			return nil, at(p.Name, err)
		}
	}
	if rows.n == 0 && !w.Reply {
		return dst, nil // announced by 0205 only
	}
	row := planRow(p.Type, &w.code)
	if uint64(rows.n)*uint64(row.total) > MaxTable {
		return nil, &LimitError{Path: p.Name, What: "bytes of table rows", Size: uint64(rows.n) * uint64(row.total), Limit: MaxTable}
	}
	dst, err := w.appendName(dst, chain.TableName, p.Name)
	if err != nil {
		return nil, err
	}
	if w.TableIDs {
		w.NextTableID++
		dst = chain.AppendU32(dst, chain.TableID, w.NextTableID)
	}
	dst = chain.AppendHeader(dst, chain.TableInfo, 8)
	dst = binary.BigEndian.AppendUint32(dst, uint32(row.total))
	dst = binary.BigEndian.AppendUint32(dst, uint32(rows.n))
	dst = chain.AppendClose(dst, chain.TableInfo)
	w.openSource(&rows)
	start := len(dst)
	if rows.n > 0 {
		if dst, err = w.rows(dst, row, &rows); err != nil {
			return nil, at(p.Name, err)
		}
	}
	if w.TableIDs && !w.Reply {
		if w.flushing {
			for i := range w.Sent {
				w.Sent[i].Gone = true // their rows may have left as well
			}
		}
		w.Sent = append(w.Sent, SentTable{ID: w.NextTableID, Parameter: index, Start: start, End: len(dst), Gone: w.flushing})
	}
	return dst, nil
}

// openSource starts to flush in front of the rows of a RowSource.
func (w *Writer) openSource(rows *rowsOf) {
	w.flushing = w.flushing || w.Flush != nil && (rows.source != nil || rows.boxed != nil)
}

// rows writes the row items: a template of item head, initial row and closing tag is copied
// for each row and overwritten in place.
func (w *Writer) rows(dst []byte, row *rowPlan, rows *rowsOf) ([]byte, error) {
	tag, width := chain.TableRow, row.total
	if w.Reply {
		if row.used < row.total {
			width = row.used
		} else {
			tag = chain.TableRowRepeat
		}
	}
	template := chain.AppendHeader(make([]byte, 0, chain.Size(width)), tag, width)
	head := len(template)
	template = append(template, row.initial[:width]...)
	template = chain.AppendClose(template, tag)
	if !w.flushing {
		dst = slices.Grow(dst, len(template)*min(rows.n, 1<<20))
	}
	err := rows.each(func(i int, p unsafe.Pointer) error {
		start := len(dst)
		dst = append(dst, template...)
		if err := rows.elem.encodeRow(dst[start+head:start+head+width], p); err != nil {
			return atRow(i, err)
		}
		return w.flush(&dst)
	})
	return dst, err
}

// flush hands full buffers to the network.
func (w *Writer) flush(dst *[]byte) error {
	if !w.flushing || len(*dst) < FlushSize {
		return nil
	}
	next, err := w.Flush(*dst)
	if err == nil {
		*dst = next
	}
	return err
}

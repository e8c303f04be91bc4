package ofs1

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// tableSource is a range of rows of a table, checked and ready to be written.
type tableSource struct {
	rows int
	cols []*source // one for each column
}

// source is the part of a column that is written.
//
// Byte values, and floats as such, are in values: those of the rows one after the other, or a
// single one, or with codes the different values in the order of their first appearance, as a
// dictionary has them. Integers stay in the column; base is where the first row stands there.
type source struct {
	column  *columns.Column
	field   *metadata.Field
	store   columns.Storage
	rows    int
	base    int
	single  bool
	values  cells
	codes   []uint32 // of the rows
	first   []uint32 // with codes: where their values stand in values; empty if code 0 is value 0 and so on
	longest int      // bytes of the longest value, where width is 0
	lines   *tableSource
	starts  []uint32 // lines of row i are starts[i]-starts[0] to starts[i+1]-starts[0]

	// Memory that is used again.
	data  []byte
	ends  []uint32
	local []uint32
	coded []uint32
}

// different is the number of values that codes point to.
func (s *source) different() int {
	if len(s.first) > 0 {
		return len(s.first)
	}
	return s.values.len()
}

// place is where the value of a code stands in values.
func (s *source) place(code int) int {
	if len(s.first) > 0 {
		return int(s.first[code])
	}
	return code
}

func (s *source) release() {
	s.column, s.field, s.lines, s.starts, s.codes, s.values = nil, nil, nil, nil, nil, cells{}
	s.first = s.first[:0]
}

// memory is what the source keeps, in bytes.
func (s *source) memory() int {
	return cap(s.data) + 4*(cap(s.ends)+cap(s.local)+cap(s.coded)+cap(s.first))
}

// index is where the value of a row stands: integers in the vector of the column, others in
// values.
func (s *source) index(row int) int {
	switch {
	case len(s.first) > 0:
		return row
	case len(s.codes) > 0:
		return int(s.codes[row])
	case s.single:
		return 0
	}
	return s.base + row
}

func (s *source) lineStart(row int) int { return int(s.starts[row] - s.starts[0]) }

func (s *source) isInitial(row int) bool {
	switch s.store {
	case columns.Uint8s:
		return s.column.Uint8s[s.index(row)] == 0
	case columns.Int16s:
		return s.column.Int16s[s.index(row)] == 0
	case columns.Int32s:
		return s.column.Int32s[s.index(row)] == 0
	case columns.Int64s:
		return s.column.Int64s[s.index(row)] == 0
	case columns.Tables:
		return s.starts[row] == s.starts[row+1]
	default:
		return s.initialBytes(s.values.at(s.index(row)))
	}
}

// initialBytes reports whether a value is initial.
func (s *source) initialBytes(v []byte) bool {
	if s.store == columns.Float64s {
		return binary.LittleEndian.Uint64(v) == 0
	}
	if s.values.width == 0 && s.field.Kind != metadata.Numc {
		return len(v) == 0
	}
	return columns.IsInitialBytes(s.field, v)
}

// source gives an unused one.
func (e *Encoder) source() *source {
	if e.used == len(e.sources) {
		e.sources = append(e.sources, new(source))
	}
	e.used++
	return e.sources[e.used-1]
}

// prepare checks rows from to to of a table.
func (e *Encoder) prepare(p *plan, t *columns.Table, from, to int) (*tableSource, error) {
	if len(t.Columns) != p.leaves {
		return nil, invalid("%d columns for a type of %d", len(t.Columns), p.leaves)
	}
	ts := &tableSource{rows: to - from, cols: make([]*source, p.leaves)}
	if uint64(ts.rows)*uint64(p.leaves) > uint64(e.cells) {
		return nil, invalid("more than %d cells in a block; cut it after fewer rows", DefaultCells)
	}
	e.cells -= ts.rows * p.leaves
	if ts.rows == 0 {
		return ts, nil
	}
	return ts, e.prepareNodes(p, t, 0, ts.cols, from, to)
}

func (e *Encoder) prepareNodes(p *plan, t *columns.Table, first int, cols []*source, from, to int) error {
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.f.Kind.IsStructure() {
			if err := e.prepareNodes(n.sub, t, first+n.col, cols[n.col:], from, to); err != nil {
				return err
			}
			continue
		}
		s, c := e.source(), &t.Columns[first+n.col]
		cols[n.col] = s
		s.column, s.field, s.store, s.rows, s.base, s.single = c, n.f, n.store, to-from, from, false
		s.codes, s.first, s.longest = nil, s.first[:0], 0
		err := e.prepareColumn(s, n, t, from, to)
		if n.store == columns.Tables {
			err = member(c.Name, err)
		} else {
			err = inColumn(c.Name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) prepareColumn(s *source, n *node, t *columns.Table, from, to int) error {
	c := s.column
	values, err := s.count()
	if err != nil {
		return err
	}
	switch {
	case len(c.Codes) > 0:
		if len(c.Codes) != t.Rows {
			return invalid("%d codes for %d rows", len(c.Codes), t.Rows)
		}
		s.codes = c.Codes[from:to]
		for i, code := range s.codes {
			if uint64(code) >= uint64(values) {
				return line(from+i, invalid("code %d for %d values", code, values))
			}
		}
	case values == 1:
		s.single, s.base = true, 0
	case values != t.Rows:
		return invalid("%d values for %d rows", values, t.Rows)
	}
	switch s.store {
	case columns.Uint8s, columns.Int16s, columns.Int32s, columns.Int64s:
		return nil
	case columns.Float64s:
		s.prepareFloats()
		return nil
	case columns.Tables:
		return e.prepareLines(s, n, from, to)
	default:
		return e.prepareValues(s, from, to)
	}
}

// count is the number of values of the vector that the kind uses.
func (s *source) count() (int, error) {
	c := s.column
	switch s.store {
	case columns.Uint8s:
		return len(c.Uint8s), nil
	case columns.Int16s:
		return len(c.Int16s), nil
	case columns.Int32s:
		return len(c.Int32s), nil
	case columns.Int64s:
		return len(c.Int64s), nil
	case columns.Float64s:
		return len(c.Float64s), nil
	case columns.Fixed:
		if w := columns.FixedWidth(s.field); c.Width != w || len(c.Fixed)%w != 0 {
			return 0, invalid("%d bytes of width %d, want width %d", len(c.Fixed), c.Width, w)
		}
		return len(c.Fixed) / c.Width, nil
	default:
		if len(c.Offsets) == 0 {
			return 0, invalid("no offsets; a column without values has the single offset 0")
		}
		return len(c.Offsets) - 1, nil
	}
}

// prepareFloats puts the floats of the rows into bytes, as they are written.
func (s *source) prepareFloats() {
	n := s.rows
	if s.single {
		n = 1
	}
	s.data = slices.Grow(s.data[:0], 8*n)
	for i := range n {
		s.data = binary.LittleEndian.AppendUint64(s.data, math.Float64bits(s.column.Float64s[s.index(i)]))
	}
	s.codes, s.base = nil, 0
	s.values = cells{width: 8, data: s.data}
}

// prepareLines prepares the lines of the rows. Lines that several rows share are written for
// each of them.
func (e *Encoder) prepareLines(s *source, n *node, from, to int) error {
	c := s.column
	if c.Lines == nil {
		return invalid("a column of tables without lines")
	}
	lines := c.Lines
	if lines.Rows < 0 {
		return invalid("%d lines", lines.Rows)
	}
	if s.single || len(s.codes) > 0 {
		total := uint64(0)
		s.ends = append(s.ends[:0], 0)
		for r := range s.rows {
			i := s.index(r)
			if disorder(c.Offsets[i:i+2], lines.Rows) >= 0 {
				return line(from+r, invalid("offsets out of order"))
			}
			if total += uint64(c.Offsets[i+1] - c.Offsets[i]); total > uint64(e.cells) {
				return invalid("more than %d cells in a block; cut it after fewer rows", DefaultCells)
			}
			s.ends = append(s.ends, uint32(total))
		}
		s.starts = s.ends
		if total > 0 {
			if err := lines.Check(); err != nil { // Take relies on it
				return invalid("%s", err)
			}
			rows := make([]uint32, 0, total)
			for r := range s.rows {
				i := s.index(r)
				for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
					rows = append(rows, k)
				}
			}
			lines = lines.Take(rows)
		}
		s.codes, s.single = nil, false
		from, to = 0, int(total)
	} else {
		s.starts = c.Offsets[from : to+1]
		if i := disorder(s.starts, lines.Rows); i >= 0 {
			return line(from+i, invalid("offsets out of order"))
		}
		from, to = int(s.starts[0]), int(s.starts[s.rows])
	}
	var err error
	s.lines, err = e.prepare(n.sub, lines, from, to)
	return err
}

// prepareValues finds the byte values of the rows and makes sure that they may be written.
func (e *Encoder) prepareValues(s *source, from, to int) error {
	c := s.column
	all := cells{width: c.Width, data: c.Fixed, ends: c.Offsets}
	if c.Width == 0 {
		all.data = c.Bytes
	}
	switch {
	case len(s.codes) > 0:
		if err := s.localise(&all, from); err != nil {
			return err
		}
	case s.single:
		s.values = all
	default:
		s.values, s.base = all.slice(from, to), 0
	}
	if err := e.clean(s, from); err != nil {
		return err
	}
	if len(s.codes) > 0 {
		e.unify(s)
	}
	return nil
}

func (c *cells) slice(from, to int) cells {
	if c.width > 0 {
		return cells{width: c.width, data: c.data[from*c.width : to*c.width]}
	}
	return cells{data: c.data, ends: c.ends[from : to+1]}
}

// disorder finds the first value whose ends are not in order and inside of size bytes, or -1.
func disorder(ends []uint32, size int) int {
	last := uint32(0)
	for i, end := range ends {
		if end < last || uint64(end) > uint64(size) {
			return max(i-1, 0)
		}
		last = end
	}
	return -1
}

// localise gathers the values that codes point to, in the order of their first appearance.
func (s *source) localise(all *cells, from int) error {
	n := all.len()
	s.local = slices.Grow(s.local[:0], n)[:n]
	clear(s.local)
	s.coded = slices.Grow(s.coded[:0], s.rows)[:s.rows]
	s.data, s.ends = s.data[:0], append(s.ends[:0], 0)
	found := uint32(0)
	for r, code := range s.codes {
		k := s.local[code]
		if k == 0 {
			if all.width == 0 && disorder(all.ends[code:code+2], len(all.data)) >= 0 {
				return line(from+r, invalid("offsets out of order"))
			}
			found++
			k = found
			s.local[code] = k
			s.data = append(s.data, all.at(int(code))...)
			s.ends = append(s.ends, uint32(len(s.data)))
		}
		s.coded[r] = k - 1
	}
	s.codes, s.base = s.coded, 0
	s.values = cells{width: all.width, data: s.data}
	if all.width == 0 {
		s.values.ends = s.ends
	}
	return nil
}

// unify gives equal values among those that codes point to the same code.
func (e *Encoder) unify(s *source) {
	n := s.values.len()
	e.distinct.reset()
	s.local = s.local[:0]
	for i := range n {
		s.local = append(s.local, e.distinct.cell(&s.values, i))
	}
	first := e.distinct.first
	if len(first) == n {
		return
	}
	for r, code := range s.codes {
		s.codes[r] = s.local[code]
	}
	var data []byte
	ends := []uint32{0}
	for _, i := range first {
		data = append(data, s.values.at(int(i))...)
		ends = append(ends, uint32(len(data)))
	}
	s.values.data = data
	if s.values.width == 0 {
		s.values.ends = ends
	}
}

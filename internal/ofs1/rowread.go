package ofs1

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// Values of rows are appended to the columns as they come. A column is behind the row number
// while fields are initial; it is filled up when its next value comes or at the end, so that
// fields that are initial in every row cost nothing.

// table reads the rows of a parameter table in the layout of the block.
func (d *Decoder) table(line *plan, t *columns.Table, rows int) error {
	if d.layout == Columns {
		return d.columnBlocks(line, t, rows)
	}
	// The first rows say how large the others probably are.
	start, sample := d.p, min(rows, sampleLines)
	if err := d.lines(line, t, sample); err != nil {
		return err
	}
	if rest := rows - sample; rest > 0 {
		fit := (len(d.b) - d.p) / max(1, (d.p-start)/sample)
		t.Reserve(sample + min(rest, fit))
		if err := d.lines(line, t, rest); err != nil {
			return err
		}
	}
	return d.finish(line, t.Columns, t.Rows)
}

// sampleLines is the number of rows after which memory for the others is reserved.
const sampleLines = 64

// lines appends rows in row layout.
func (d *Decoder) lines(p *plan, t *columns.Table, rows int) error {
	for range rows {
		if err := d.one(p, t.Columns, t.Rows); err != nil {
			return line(t.Rows, err)
		}
		t.Rows++
	}
	return nil
}

// one reads a structure or scalar as a row.
func (d *Decoder) one(p *plan, cols []columns.Column, row int) error {
	if p.scalar {
		return d.field(&p.nodes[0], cols, row)
	}
	if p.bitmap > len(d.b)-d.p {
		return fail(d.p, wire.ErrTruncated, fmt.Sprintf("%d bytes of presence bits", p.bitmap), fmt.Sprint(len(d.b)-d.p))
	}
	present := d.b[d.p : d.p+p.bitmap]
	if n := len(p.nodes) % 8; n > 0 && present[p.bitmap-1]>>n != 0 {
		return fail(d.p+p.bitmap-1, wire.ErrMalformed, "unused presence bits 0", fmt.Sprintf("%#02x", present[p.bitmap-1]))
	}
	d.p += p.bitmap
	for i := range p.nodes {
		if present[i/8]>>(i%8)&1 == 0 {
			continue
		}
		n := &p.nodes[i]
		if err := d.field(n, cols[n.col:], row); err != nil {
			return member(n.f.Name, err)
		}
	}
	return nil
}

// field reads a value that is present; cols begins with its first column.
func (d *Decoder) field(n *node, cols []columns.Column, row int) error {
	c := &cols[0]
	// The usual kinds without detours; what is not as usual takes the general way below.
	switch n.store {
	case columns.Int32s:
		if len(c.Int32s) == row {
			if u, next := uvarint(d.b, d.p); next > 0 {
				if v := unzigzag(u); v == int64(int32(v)) {
					c.Int32s = append(c.Int32s, int32(v))
					d.p = next
					return nil
				}
			}
		}
	case columns.Fixed:
		if w := c.Width; len(c.Fixed) == row*w && w <= len(d.b)-d.p {
			if b := d.b[d.p : d.p+w]; n.f.Kind != metadata.Date && n.f.Kind != metadata.Time || narrow(b) {
				c.Fixed = append(c.Fixed, b...)
				d.p += w
				return nil
			}
		}
	case columns.Texts:
		if n.f.Kind == metadata.Char && len(c.Offsets) == row+1 && d.codepage == UTF8 && d.shortText(c) {
			return nil
		}
	case columns.Tables:
		return d.tableField(n, c, row)
	default:
	}
	if n.f.Kind.IsStructure() {
		return d.one(n.sub, cols, row)
	}
	if err := d.fill(c, n.store, row); err != nil {
		return err
	}
	if n.f.Kind == metadata.Numc {
		c.Codes = append(c.Codes, uint32(len(c.Offsets)-1))
	}
	return d.values(c, n.store, 1)
}

// shortText appends a value of C that is ASCII and shorter than 128 bytes. It reports false,
// with nothing done, for others and for wrong ones.
func (d *Decoder) shortText(c *columns.Column) bool {
	if d.p == len(d.b) {
		return false
	}
	n, p := int(d.b[d.p]), d.p+1
	if n >= utf8.RuneSelf || n > c.Field.Length || n > len(d.b)-p {
		return false
	}
	v := d.b[p : p+n]
	if n > 0 && v[n-1] == ' ' || !narrow(v) {
		return false
	}
	c.Bytes = append(c.Bytes, v...)
	c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	d.p = p + n
	return true
}

// narrow reports whether all of a few bytes are below 0x80.
func narrow(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080_8080_8080_8080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (d *Decoder) tableField(n *node, c *columns.Column, row int) error {
	rows, err := d.rowCount(n.sub)
	if err != nil {
		return err
	}
	if err := d.fill(c, n.store, row); err != nil {
		return err
	}
	if d.layout == Columns {
		err = d.columnBlocks(n.sub, c.Lines, rows)
	} else {
		err = d.lines(n.sub, c.Lines, rows)
	}
	c.Offsets = append(c.Offsets, uint32(c.Lines.Rows))
	return err
}

// fill gives the rows of a column up to row the initial value, where they have none yet.
func (d *Decoder) fill(c *columns.Column, store columns.Storage, row int) error {
	if c.Field.Kind == metadata.Numc {
		return d.fillNumc(c, row)
	}
	n := row - c.Values()
	if n <= 0 {
		return nil
	}
	if err := d.charge(n * width(c, store)); err != nil {
		return err
	}
	switch store {
	case columns.Uint8s:
		c.Uint8s = zeros(c.Uint8s, n)
	case columns.Int16s:
		c.Int16s = zeros(c.Int16s, n)
	case columns.Int32s:
		c.Int32s = zeros(c.Int32s, n)
	case columns.Int64s:
		c.Int64s = zeros(c.Int64s, n)
	case columns.Float64s:
		c.Float64s = zeros(c.Float64s, n)
	case columns.Fixed:
		for range n {
			c.Fixed = columns.AppendInitial(c.Fixed, c.Field)
		}
	default: // empty texts and tables
		last := c.Offsets[len(c.Offsets)-1]
		for range n {
			c.Offsets = append(c.Offsets, last)
		}
	}
	return nil
}

// fillNumc does the same for N, whose initial value is long: it stands once, before all
// others, and rows point to values.
func (d *Decoder) fillNumc(c *columns.Column, row int) error {
	if c.Values() == 0 {
		if err := d.charge(c.Field.Length); err != nil {
			return err
		}
		c.SetInitial()
	}
	n := row - len(c.Codes)
	if n <= 0 {
		return nil
	}
	if err := d.charge(4 * n); err != nil {
		return err
	}
	c.Codes = zeros(c.Codes, n)
	return nil
}

func zeros[T any](s []T, n int) []T {
	var zero T
	for range n {
		s = append(s, zero)
	}
	return s
}

// width is the memory of a value in bytes, without the text.
func width(c *columns.Column, store columns.Storage) int {
	switch store {
	case columns.Uint8s:
		return 1
	case columns.Int16s:
		return 2
	case columns.Fixed:
		return c.Width
	case columns.Int64s, columns.Float64s:
		return 8
	default:
		return 4
	}
}

// finish completes the columns of a table whose rows have all been read.
func (d *Decoder) finish(p *plan, cols []columns.Column, rows int) error {
	if rows == 0 {
		return nil
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.f.Kind.IsStructure() {
			if err := d.finish(n.sub, cols[n.col:], rows); err != nil {
				return err
			}
			continue
		}
		c := &cols[n.col]
		var err error
		switch {
		case c.Values() == 0:
			err = d.initial(c)
		default:
			err = d.fill(c, n.store, rows)
		}
		if err == nil && n.store == columns.Tables && d.layout == Rows {
			err = d.finish(n.sub, c.Lines.Columns, c.Lines.Rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// initial gives every row of a column the initial value.
func (d *Decoder) initial(c *columns.Column) error {
	if c.Field.Kind == metadata.Numc {
		if err := d.charge(c.Field.Length); err != nil {
			return err
		}
	}
	c.SetInitial()
	return nil
}

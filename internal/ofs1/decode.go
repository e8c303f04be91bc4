package ofs1

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

const (
	magic      = "OFS1"
	headerSize = 20
)

// HeaderLayout describes the header of a block for annotated dumps. Its numbers are
// little-endian, which is why they are shown as opaque bytes. Source: spec 22.5.
var HeaderLayout = []wire.Field{
	{Name: "magic", Off: 0, Len: 4, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "layout", Off: 4, Len: 1, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "compression", Off: 5, Len: 1, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "codepage", Off: 6, Len: 2, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "raw_length", Off: 8, Len: 4, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "stored_length", Off: 12, Len: 4, Kind: wire.Hex, Source: "spec 22.5"},
	{Name: "crc32c", Off: 16, Len: 4, Kind: wire.Hex, Source: "spec 22.5"},
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is the decoded header of a block.
type Header struct {
	Layout      Layout
	Compression Compression
	Codepage    int // UTF8 or UTF16LE
	Raw, Stored int // lengths of the payload in bytes, plain and as it stands in the item
	CRC         uint32
}

// DecodeHeader reads the header of an item and checks it as far as that can be done without
// the payload.
func DecodeHeader(item []byte) (Header, error) {
	if len(item) < headerSize {
		return Header{}, headerError("", 0, wire.ErrTruncated, fmt.Sprintf("%d bytes", headerSize), fmt.Sprint(len(item)))
	}
	h := Header{
		Layout: Layout(item[4]), Compression: Compression(item[5]), Codepage: int(binary.LittleEndian.Uint16(item[6:])),
		CRC: binary.LittleEndian.Uint32(item[16:]),
	}
	raw, stored := binary.LittleEndian.Uint32(item[8:]), binary.LittleEndian.Uint32(item[12:])
	switch {
	case string(item[:4]) != magic:
		return Header{}, headerError("magic", 0, wire.ErrMalformed, magic, fmt.Sprintf("%q", item[:4]))
	case h.Layout != Rows && h.Layout != Columns:
		return Header{}, headerError("layout", 4, wire.ErrMalformed, "R or C", fmt.Sprintf("%q", item[4:5]))
	case h.Compression > LZH:
		return Header{}, headerError("compression", 5, wire.ErrMalformed, "0 to 3", fmt.Sprint(item[5]))
	case h.Codepage != UTF8 && h.Codepage != UTF16LE:
		return Header{}, headerError("codepage", 6, wire.ErrMalformed, "4110 or 4103", fmt.Sprint(h.Codepage))
	case uint64(stored) != uint64(len(item)-headerSize):
		return Header{}, headerError("stored_length", 12, wire.ErrMalformed, fmt.Sprintf("%d, the rest of the item", len(item)-headerSize), fmt.Sprint(stored))
	case h.Compression == Uncompressed && raw != stored:
		return Header{}, headerError("raw_length", 8, wire.ErrMalformed, fmt.Sprintf("%d, as stored without compression", stored), fmt.Sprint(raw))
	case raw > 1<<31-1:
		return Header{}, headerError("raw_length", 8, wire.ErrLimit, "less than 2 GiB", fmt.Sprint(raw))
	}
	h.Raw, h.Stored = int(raw), int(stored)
	return h, nil
}

func headerError(field string, off int, reason error, want, got string) error {
	return &wire.Error{Layer: "ofs1", Record: "header", Field: field, Offset: off, Want: want, Got: got, Err: reason}
}

// Decoder reads the blocks of messages, one after the other. It keeps types and working
// memory between blocks. The zero Decoder is ready. It is not safe for concurrent use.
type Decoder struct {
	// Limits of each block.
	Limits Limits
	// Surrogates says what to do with unpaired surrogates in blocks of code page 4103. The
	// zero value refuses them, codepage.Pass keeps them in generalised UTF-8.
	Surrogates codepage.Policy

	// The message so far.
	blocks   int
	layout   Layout
	codepage int
	names    map[string]struct{}
	last     string         // the last value
	lastType metadata.Field // and its type; Kind is not Table when it cannot go on

	cache    typeCache
	plain    []byte // decompressed payload
	distinct distinct
	inflater inflater

	// The block.
	b                    []byte
	p                    int
	cells, rows, columns int   // that are still allowed
	memory               int64 // bytes that are still allowed
	types                []*typ
	refs                 []typeRef
	refsBelow            int
}

// Reset begins a new message.
func (d *Decoder) Reset() {
	d.blocks, d.last, d.lastType = 0, "", metadata.Field{}
	clear(d.names)
}

// Decode reads one item as the next block of the message into block. Tables of block are
// used again if they have the same type: who wants to keep what was decoded before hands in
// another Block. Nothing of the result refers to item.
//
// Errors are *wire.Error with path and offset in the plain payload; they match the sentinels
// of package wire, [ErrChecksum], and those of internal/sapcompress. After an error the
// content of block is undefined and the message cannot be continued.
func (d *Decoder) Decode(item []byte, block *Block) error {
	h, err := DecodeHeader(item)
	if err != nil {
		return err
	}
	limits := d.Limits.orDefault()
	if h.Raw > limits.Raw {
		return headerError("raw_length", 8, wire.ErrLimit, fmt.Sprintf("at most %d", limits.Raw), fmt.Sprint(h.Raw))
	}
	if d.blocks > 0 && (h.Layout != d.layout || h.Codepage != d.codepage) {
		return headerError("layout", 4, wire.ErrMalformed,
			fmt.Sprintf("%s and code page %d as in the first block", d.layout, d.codepage), fmt.Sprintf("%s and %d", h.Layout, h.Codepage))
	}
	raw, err := d.decompress(&h, item[headerSize:])
	if err != nil {
		return err
	}
	if sum := crc32.Checksum(raw, castagnoli); sum != h.CRC {
		return headerError("crc32c", 16, ErrChecksum, fmt.Sprintf("%08x", sum), fmt.Sprintf("%08x", h.CRC))
	}
	d.layout, d.codepage = h.Layout, h.Codepage
	d.b, d.p, d.types = raw, 0, d.types[:0]
	d.cells, d.rows, d.columns = limits.Cells, limits.Rows, columnsAllowed(len(raw))
	d.memory = int64(limits.Memory) + memoryPerByte*int64(len(raw))
	d.cache.trim()
	block.Layout, block.Codepage = h.Layout, h.Codepage
	err = d.payload(block)
	d.b = nil
	if cap(d.plain) > maxKept {
		d.plain = nil
	}
	if err != nil {
		return err
	}
	d.blocks++
	return nil
}

// columnsAllowed is the number of columns of a block with a payload of n bytes.
func columnsAllowed(n int) int { return maxColumns + columnsPerByte*min(n, 1<<28) }

func (l Limits) orDefault() Limits {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.Raw, DefaultRaw)
	set(&l.Cells, DefaultCells)
	set(&l.Rows, DefaultRows)
	set(&l.Memory, DefaultMemory)
	return l
}

func (d *Decoder) payload(block *Block) error {
	n, err := d.count("outputs", maxValues)
	if err != nil {
		return err
	}
	if n > 0 && d.blocks > 0 {
		return fail(0, wire.ErrMalformed, "wanted outputs in the first block only", fmt.Sprint(n))
	}
	block.Requested = block.Requested[:0]
	for range n {
		name, err := d.name()
		if err != nil {
			return err
		}
		block.Requested = append(block.Requested, name)
	}
	start := d.p
	if n, err = d.count("values", maxValues); err != nil {
		return err
	}
	if n == 0 && d.blocks > 0 {
		return fail(start, wire.ErrMalformed, "1 value or more in a further block", "none")
	}
	if n+len(d.names) > maxValues+1 {
		return fail(start, wire.ErrLimit, fmt.Sprintf("at most %d values in a message", maxValues), fmt.Sprint(n+len(d.names)))
	}
	block.Values = block.Values[:0]
	for i := range n {
		v := next(&block.Values)
		if err := d.value(v, i == 0); err != nil {
			return err
		}
	}
	if d.p != len(d.b) {
		return fail(d.p, wire.ErrTrailing, "", fmt.Sprintf("%d more bytes", len(d.b)-d.p))
	}
	return nil
}

// next makes the slice longer by one and keeps what stood there before.
func next(values *[]Value) *Value {
	n := len(*values)
	if n < cap(*values) {
		*values = (*values)[:n+1]
	} else {
		*values = append(*values, Value{})
	}
	return &(*values)[n]
}

// value reads name, type and data of a value.
func (d *Decoder) value(v *Value, first bool) error {
	start := d.p
	name, err := d.name()
	if err != nil {
		return err
	}
	if name == "" {
		return fail(start, wire.ErrMalformed, "the name of a parameter", "an empty one")
	}
	d.refsBelow = 0
	t, err := d.readType()
	if err != nil {
		return under(short(name), err)
	}
	if d.columns -= t.line.total; d.columns < 0 {
		return under(short(name), fail(start, wire.ErrLimit, fmt.Sprintf("at most %d columns in a block of this size", columnsAllowed(len(d.b))), "more"))
	}
	v.Name, v.Field = name, t.field
	v.Field.Name = name
	if v.Continued, err = d.sequence(v, first, start); err != nil {
		return err
	}
	if v.Table == nil || v.Table.Type != t.line.typ {
		v.Table = columns.New(t.line.typ)
	} else {
		v.Table.Clear()
	}
	v.From = 0
	if err := d.data(v, t); err != nil {
		return under(short(name), err)
	}
	v.To = v.Table.Rows
	d.last, d.lastType = name, v.Field
	return nil
}

// data reads the data of a value.
func (d *Decoder) data(v *Value, t *typ) error {
	table, start := v.Table, d.p
	if v.Field.Kind != metadata.Table {
		table.Rows = 1
		if err := d.one(t.line, table.Columns, 0); err != nil {
			return err
		}
		return d.finish(t.line, table.Columns, 1)
	}
	rows, err := d.rowCount(t.line)
	if err != nil {
		return err
	}
	if d.rows -= rows; d.rows < 0 {
		return fail(start, wire.ErrLimit, fmt.Sprintf("at most %d rows of tables in a block", d.Limits.orDefault().Rows), "more")
	}
	if v.Continued && rows == 0 {
		return fail(start, wire.ErrMalformed, "1 row or more of a table that goes on", "none")
	}
	return d.table(t.line, table, rows)
}

// sequence applies the rules for several blocks: a name stands once in a message, but for a
// table that ends one block and begins the next.
func (d *Decoder) sequence(v *Value, first bool, off int) (continued bool, err error) {
	if d.names == nil {
		d.names = make(map[string]struct{})
	}
	if _, again := d.names[v.Name]; !again {
		d.names[v.Name] = struct{}{}
		return false, nil
	}
	switch {
	case !first || d.blocks == 0 || d.last != v.Name:
		return false, under(short(v.Name), fail(off, wire.ErrMalformed, "each parameter once", "its name again"))
	case v.Field.Kind != metadata.Table:
		return false, under(short(v.Name), fail(off, wire.ErrMalformed, "a table, which alone may go on in the next block", v.Field.Kind.String()))
	case !sameField(&v.Field, &d.lastType):
		return false, under(short(v.Name), fail(off, wire.ErrMalformed, "the definition of the block before", "another one"))
	}
	return true, nil
}

// sameField reports whether two definitions are equal.
func sameField(a, b *metadata.Field) bool {
	return a.Kind == b.Kind && a.Length == b.Length && a.Decimals == b.Decimals && a.Name == b.Name && sameType(a.Type, b.Type)
}

func sameType(a, b *metadata.Type) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && slices.EqualFunc(a.Fields, b.Fields, func(f, g metadata.Field) bool { return sameField(&f, &g) })
}

func (d *Decoder) uvarint() (uint64, error) {
	v, next := uvarint(d.b, d.p)
	if next < 0 {
		return 0, badNumber(d.p, next)
	}
	d.p = next
	return v, nil
}

// count reads a number that must not be above a limit.
func (d *Decoder) count(what string, limit int) (int, error) {
	start := d.p
	v, err := d.uvarint()
	if err != nil {
		return 0, err
	}
	if v > uint64(limit) {
		return 0, fail(start, wire.ErrLimit, fmt.Sprintf("%s: at most %d", what, limit), fmt.Sprint(v))
	}
	return int(v), nil
}

// rowCount reads the number of rows of a table and takes its cells from what is allowed.
func (d *Decoder) rowCount(line *plan) (int, error) {
	start := d.p
	v, err := d.uvarint()
	if err != nil {
		return 0, err
	}
	return d.admit(start, v, line)
}

// admit checks a number of rows before anything is reserved for them.
func (d *Decoder) admit(start int, rows uint64, line *plan) (int, error) {
	if rows > uint64(d.cells) || rows*uint64(line.leaves) > uint64(d.cells) {
		return 0, fail(start, wire.ErrLimit, fmt.Sprintf("at most %d cells in a block, %d are left for rows of %d", d.Limits.orDefault().Cells, d.cells, line.leaves), fmt.Sprintf("%d rows", rows))
	}
	left := len(d.b) - d.p
	if d.layout == Rows && rows > uint64(left) {
		return 0, fail(start, wire.ErrTruncated, fmt.Sprintf("%d rows", rows), fmt.Sprintf("%d bytes", left))
	}
	if d.layout == Columns && rows > 0 && line.leaves > left {
		return 0, fail(start, wire.ErrTruncated, fmt.Sprintf("%d columns", line.leaves), fmt.Sprintf("%d bytes", left))
	}
	d.cells -= int(rows) * line.leaves
	return int(rows), nil
}

// charge takes the memory of a vector from what is allowed.
func (d *Decoder) charge(bytes int) error {
	if d.memory -= int64(bytes); d.memory < 0 {
		return fail(d.p, wire.ErrLimit, "rows that take memory in proportion to the block", fmt.Sprintf("%d bytes more than allowed", -d.memory))
	}
	return nil
}

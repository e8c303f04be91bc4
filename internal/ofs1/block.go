package ofs1

import (
	"fmt"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/metadata"
)

// Layout says how tables are written.
type Layout byte

// The layouts of spec 22.5.
const (
	Rows    Layout = 'R'
	Columns Layout = 'C'
)

// String gives "row", "columnar" or "Layout(0x5a)".
func (l Layout) String() string {
	switch l {
	case Rows:
		return "row"
	case Columns:
		return "columnar"
	}
	return fmt.Sprintf("Layout(%#x)", byte(l))
}

// Compression is how the payload of a block is stored.
type Compression byte

// The compressions of spec 22.5.
const (
	Uncompressed Compression = 0
	LZ4          Compression = 1 // one LZ4 block
	Deflate      Compression = 2 // RFC 1951
	LZH          Compression = 3 // SAP's LZH block with its header
)

// String gives "none", "LZ4", "DEFLATE", "LZH" or "Compression(0x5)".
func (c Compression) String() string {
	switch c {
	case Uncompressed:
		return "none"
	case LZ4:
		return "LZ4"
	case Deflate:
		return "DEFLATE"
	case LZH:
		return "LZH"
	}
	return fmt.Sprintf("Compression(%#x)", byte(c))
}

// Policy says when a block is compressed. The zero Policy never compresses.
type Policy struct {
	// Compression to use.
	Compression Compression
	// MinRaw is the plain payload in bytes from which a block is compressed.
	MinRaw int
	// MinSaved is the part of the plain size that must be saved, as 1/MinSaved; the block is
	// stored plain otherwise. 0 asks for nothing.
	MinSaved int
}

// The rules of spec 22.5.
var (
	LAN = Policy{Compression: LZ4, MinRaw: 512, MinSaved: 8}
	WAN = Policy{Compression: Deflate, MinRaw: 128}
)

// The code pages of texts in a block.
const (
	UTF8    = 4110
	UTF16LE = 4103
)

// Block is the content of one item: values of parameters.
type Block struct {
	// Layout of the tables; all blocks of a message have the same.
	Layout Layout
	// Codepage of texts on the wire, UTF8 (also for 0 when writing) or UTF16LE. Texts in
	// tables are UTF-8 in either case; unpaired surrogates in generalised UTF-8 (three bytes
	// each) need UTF16LE.
	Codepage int
	// Requested are the wanted outputs: in the first block of a request, else empty.
	Requested []string
	// Values in the order of the message.
	Values []Value
}

// Value is a parameter: a scalar, a structure, or rows of a table.
type Value struct {
	// Name of the parameter.
	Name string
	// Field is its type: Kind, Length, Decimals and Type count. A decoded Field has the name
	// of a structure in TypeName.
	Field metadata.Field
	// Table holds the value. For a table (kind h) its Type is the line Field.Type. For a
	// structure it has one row of type Field.Type, for all else one row of an unnamed line.
	Table *columns.Table
	// From and To are the rows to write; a decoded value has 0 and Table.Rows. Both are 0 and
	// 1 for scalars and structures.
	From, To int
	// Continued says that the rows belong behind those of the last value of the block before.
	// Set by a Decoder; writers need not set it.
	Continued bool
}

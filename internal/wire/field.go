package wire

// Kind says how the bytes of a header field read.
type Kind uint8

// The kinds of header fields.
const (
	Hex   Kind = iota // opaque bytes
	Uint              // unsigned number, big-endian
	Int               // signed number, big-endian
	ASCII             // text in code page 1100, padded with blanks or NULs
)

// Field describes one field of a fixed header: the layout tables made of it drive
// annotated dumps, and a test holds them against the straight-line decoders.
type Field struct {
	// Name is the field name as the open dissectors have it.
	Name string
	// Off and Len are in bytes, from the start of the header.
	Off, Len int
	// Kind says how to print the value.
	Kind Kind
	// Source is the evidence mark.
	Source string
}

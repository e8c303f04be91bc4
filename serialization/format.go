package serialization

import "fmt"

// Format is how the values of a message are written. A reader knows all of them and needs
// no hint.
type Format uint8

const (
	// Classic: items, rows, and XML documents (xRFC) for deep parameters. Every peer reads it.
	Classic Format = iota
	// BasXML: deep parameters in one binary XML document. Only for functions that declare it
	// (metadata.Function.BasXML).
	BasXML
	// RowFast: blocks of this project's own OFS1 in row layout (spec 22.5). Only for peers
	// that offered it.
	RowFast
	// ColumnFast: blocks of OFS1 in columnar layout.
	ColumnFast
)

var formatNames = [...]string{Classic: "rowBased", BasXML: "basXML", RowFast: "rowFast", ColumnFast: "columnBased"}

// String gives the word of property jco.client.serialization_format, and basXML.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// Fast reports whether the format is one of OFS1, which only a partner that offered it reads.
func (f Format) Fast() bool { return f == RowFast || f == ColumnFast }

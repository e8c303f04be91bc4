package bxml

// Limits of documents. Nothing is reserved on the word of a length or count.
const (
	// MaxDocument is the largest document in bytes, 256 MiB (spec 21.5 [impl]).
	MaxDocument = 256 << 20
	// MaxLength is the longest text or body in bytes that one token can hold: the largest
	// code point.
	MaxLength = 0x10ffff
	// WriterNames is the most names a Writer declares, the envelope's included; ReaderNames
	// the most a reader accepts: references of one byte from 2 on. More is unknown (spec
	// 43.3 [impl]).
	WriterNames = 253
	ReaderNames = 254
	// MaxDepth is the deepest nesting of elements, that of a parameter included, below
	// asx:values: descriptions nest 32 deep (spec 20.10), and each table takes an element
	// for itself and one for its row.
	MaxDepth = 67
	// MaxElements is the most parameters of one document.
	MaxElements = 10_000
	// Piece is the largest value of an item that carries a document (spec 41.8 [capture]).
	Piece = 16 << 10

	// An inflated document may be this much larger than what was received, and
	// inflatedFloor besides. DEFLATE itself reaches about 1,030, so that a kilobyte never
	// gives more than a megabyte; tables of nearly equal rows reach a few hundred. What a
	// Writer made and compresses better goes plain.
	inflatedRatio = 256
	inflatedFloor = 16 << 20

	envelopeDepth = 2   // asx:abap and asx:values
	maxLines      = 9   // digits of attribute lines
	shown         = 32  // bytes of a name in an error
	deflateFrom   = 512 // bytes from which a request is deflated
)

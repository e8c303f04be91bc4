package serialization

// Limits of this layer. Lengths from the wire are compared with them before memory is
// reserved, and memory grows only with bytes that arrived.
const (
	// MaxTable is the largest content of one table in bytes, width times rows.
	MaxTable = 4 << 30
	// MaxCompressed is the largest plain size of a compressed table (items 0305), 1 GiB:
	// it has to be in memory as a whole.
	MaxCompressed = 1 << 30
	// MaxDocument is the largest XML document, 256 MiB (spec 21.5 [impl]).
	MaxDocument = 256 << 20
	// MaxValue is the largest STRING or XSTRING on write, 1 GiB.
	MaxValue = 1 << 30
	// MaxDecimalText bounds the text of a number before it is parsed.
	MaxDecimalText = 4096
	// MaxUnknown bounds the unknown names a Section remembers.
	MaxUnknown = 64
	// FlushSize is the fill of the buffer from which Writer.Flush is called.
	FlushSize = 64 << 10
	// BatchRows is the number of classic rows of one batch of a ColumnDecoder.
	BatchRows = 4096

	// Short rows are completed to their declared width. What is kept of them may be this much
	// larger than what was received, so that empty rows of wide tables do not fill memory. The
	// same holds for rows of documents that leave out their fields.
	maxCompleted   = 16 << 20
	completedRatio = 64

	requestPiece  = 16 << 10 // XML piece in a request (spec 04 section 1 [impl])
	replyPiece    = 1 << 10  // XML piece in a reply (spec 04 section 5.1 [capture])
	maxPointers   = 8        // pointers behind pointers in Go values
	maxNesting    = 32       // nested Go values (spec 20.10)
	maxElements   = 66       // nested elements of a document, values of a record: two for each table of the deepest description
	maxPlans      = 4096     // cached plans; beyond that the cache starts anew
	maxKeptRows   = 1 << 16  // row references a reused Section keeps
	maxKeptBytes  = 1 << 20  // buffer a reused Section or Writer keeps
	arenaChunk    = 64 << 10 // bytes of text per allocation
	arenaText     = 256      // longer texts of documents get memory of their own
	minScratch    = 512      // bytes of a buffer for cells
	maxBlockCells = 1 << 18  // values in a block; the format allows sixteen times as many, but blank ones take memory and no bytes
	chunkRows     = 256      // rows that move between columns and Go values at a time
	rowsReserved  = 4096     // rows reserved ahead on the word of an item 0302
	printable     = 64       // characters of a value shown in an error
)

package ofs1

// Limits bound what a block may make a [Decoder] build. A zero field means its default; a
// field may be raised or lowered by the caller.
type Limits struct {
	// Raw is the largest plain payload in bytes, default [DefaultRaw].
	Raw int
	// Cells is the largest number of cells of a block: rows times leaf columns, nested tables
	// included. Default [DefaultCells].
	Cells int
	// Rows is the largest number of rows of parameter tables in a block, default
	// [DefaultRows]; math.MaxInt for peers that put a whole request into one block.
	Rows int
	// Memory is the number of bytes that vectors of a block may take beyond [memoryPerByte]
	// for each byte of plain payload, default [DefaultMemory].
	Memory int
}

const (
	// DefaultRaw is 1 GiB: a single string may be as long as that.
	DefaultRaw = 1 << 30
	// DefaultCells is the limit of spec 22.5.
	DefaultCells = 16 << 20
	// DefaultRows is the limit of spec 22.5 for continued tables; writers cut there.
	DefaultRows = 65_536
	// DefaultMemory is 64 MiB: codes for as many cells as are allowed. Runs, dictionaries and
	// presence bits turn few bytes into many rows, so memory cannot be bounded by the bytes
	// alone.
	DefaultMemory = 4 * DefaultCells
)

// Where a writer closes a block, at the latest behind the row or value that reaches one of
// them (spec 22.5).
const (
	// CutBytes is in value bytes of the row encoding, 1 MiB.
	CutBytes = 1 << 20
	// CutRows counts the rows of parameter tables.
	CutRows = 65_536
	// CutCells is 4 Mi.
	CutCells = 4 << 20
)

const (
	// maxTypes is the largest number of type definitions in a block (spec 22.5).
	maxTypes = 4096
	// maxValues bounds the values of a message and the wanted outputs; a function has no more
	// parameters (spec 24.8).
	maxValues = 10_000
	// maxColumns and columnsPerByte bound the leaf columns of a block: references to earlier
	// types let few bytes stand for many columns, and each takes about 300 bytes of memory.
	maxColumns     = 10_000
	columnsPerByte = 2
	// memoryPerByte: a presence bit may stand for eight bytes.
	memoryPerByte = 64
	// maxCached bounds the definitions a Decoder remembers, maxCachedBytes their size.
	maxCached      = 64
	maxCachedBytes = 64 << 10
	// maxFlate: one byte of DEFLATE never gives more than 1032 bytes (matches of 258 bytes in
	// two bits).
	maxFlate = 1032
	// maxDictionary is the largest dictionary: the widest index has 16 bits.
	maxDictionary = 1 << 16
	// maxKept is the scratch memory in bytes that an Encoder or Decoder keeps between blocks.
	maxKept = 8 << 20
	// maxSources is the number of columns for which an Encoder keeps memory.
	maxSources = 1024
	// printable bounds names in errors, in characters.
	printable = 64
)

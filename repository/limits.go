package repository

// MaxSaved is the longest file of saved descriptions that is read, 64 MiB: some ten thousand
// function modules.
const MaxSaved = 64 << 20

// Limits of what a system may make a repository keep or ask. Fields per type, parameters
// and nesting are bounded by package metadata.
const (
	// maxRows is the largest number of rows of one table of a metadata answer: 240 bytes
	// of it become one field, so a hostile answer costs memory in proportion to its bytes.
	maxRows = 200_000
	// maxTypes is the largest number of types one lookup follows, because on old systems
	// each costs a round trip.
	maxTypes = 5_000
	// maxFacts is the largest number of error rows of one answer that are kept.
	maxFacts = 1_000
	// maxRowWidth is the widest row of a newer release that is read by its known prefix.
	maxRowWidth = 64 << 10
	// preloadBatch is how many function modules one RFC_METADATA_GET asks for.
	preloadBatch = 50
	// stampBatch is how many modules, and how many types, one RFC_METADATA_GET_TIMESTAMP is
	// asked for.
	stampBatch = 5_000
)

package metadata

// Limits of a description. They bound what a peer's metadata can make us build.
const (
	// MaxFields is the largest number of fields of one structure (spec 20.10).
	MaxFields = 10_000
	// MaxParameters is the largest number of parameters of one function (spec 24.8).
	MaxParameters = 10_000
	// MaxDepth is the deepest nesting of structures and tables (spec 20.10).
	MaxDepth = 32
	// MaxCharacters is the longest CHAR or NUM field (spec 20.10).
	MaxCharacters = 262_143
	// MaxPacked is the longest packed number in bytes (spec 20.1).
	MaxPacked = 16
	// MaxStructure is the widest structure in bytes, 16 MiB (spec 20.10).
	MaxStructure = 16 << 20
	// MaxName is the longest name of a function, parameter, field or type in characters.
	MaxName = 30
)

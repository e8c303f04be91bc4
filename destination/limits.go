package destination

import "time"

// Limits of what is read as configuration. They are far above what real destinations need
// and keep a wrong file name, for example of a core dump, from filling the memory.
const (
	// maxDocument is the size in bytes of one file or variable with destinations.
	maxDocument = 1 << 20
	// maxSecretFile is the size in bytes of a file that a placeholder ${file:...} names.
	maxSecretFile = 64 << 10
	// maxProperties is the number of properties of one destination.
	maxProperties = 1000
	// maxDestinations is the number of destinations of one document, and of files in one
	// directory.
	maxDestinations = 10_000
	// maxKey and maxValue bound a property in bytes. Tickets and certificates are long.
	maxKey, maxValue = 256, 64 << 10
	// maxProblems is how many problems of a document are listed; the rest is counted.
	maxProblems = 50
	// maxName is the length of the name of a destination, in characters.
	maxName = 200
	// maxNesting is how deep values are looked into for what cannot be written twice.
	maxNesting = 32
	// maxChain is how many destinations may stand in for each other's repository.
	maxChain = 16
)

// Limits of what a destination remembers and shows of its calls.
const (
	// MaxErrors is how many different errors are kept.
	MaxErrors = 50
	// MaxRunning is how many running calls, and sessions, a Snapshot lists.
	MaxRunning = 1000
	// maxErrorText is the size in bytes of the text of an error that is kept.
	maxErrorText = 512
	// alarmPeriod is how often a warning with the same text is logged.
	alarmPeriod = 10 * time.Second
)

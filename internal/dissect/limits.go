package dissect

const (
	// maxItems is how many items of one message are listed; a table has one for each row.
	maxItems = 10_000
	// maxText is how many characters of a value are shown.
	maxText = 1024
	// maxHex is how many bytes of a value without readable text are shown.
	maxHex = 64
	// maxEntries is how many entries of a message-server list and hops of a route are shown.
	maxEntries = 1000
	// maxName bounds the parameter name the scanner for secrets remembers, in bytes.
	maxName = 256
)

package dissect

const (
	// maxItems is how many items of one message are listed; a table has one for each row.
	maxItems = 10_000
	// maxText is how many characters of a value are shown.
	maxText = 1024
	// maxHex is how many bytes of a value without readable text are shown.
	maxHex = 64
	// maxContainer is how many bytes a container of parameters (5001) or a document (4000) may
	// give when it is decompressed, 4 MiB, and maxBlock those of a block of OFS1 (7e01), where writers cut at
	// 1 MiB and a byte may take 64 in memory. Of larger ones only the header is shown.
	maxContainer = 4 << 20
	maxBlock     = 5 << 18
	// minShown and shownRatio bound what is shown of the parameters of a container: so many
	// bytes, and as many times those of the item.
	minShown   = 256
	shownRatio = 8
	// maxEntries is how many entries of a message-server list and hops of a route are shown.
	maxEntries = 1000
	// maxName bounds the parameter name the scanner for secrets remembers, in bytes.
	maxName = 256
)

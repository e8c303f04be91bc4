package rfctest

// Bounds of what a caller can make the system do.
const (
	// maxGeneratedRows bounds the rows that STFC_PERFORMANCE makes: its parameters have
	// five digits on ABAP; seven let a million rows stream.
	maxGeneratedRows = 9_999_999
	// maxCallbacks bounds the calls back of STFC_CONNECTION_BACK.
	maxCallbacks = 1000
	// maxWaitSeconds bounds RFC_PING_AND_WAIT to a day.
	maxWaitSeconds = 86_400
	// maxWhere bounds the selection text of RFC_READ_TABLE in bytes, maxWhereDepth its
	// parentheses, so that no caller can exhaust the stack.
	maxWhere      = 64 << 10
	maxWhereDepth = 64
	// maxLine is the width of a result row of RFC_READ_TABLE in characters (TAB512).
	maxLine = 512
	// maxCounters and maxStoredRows bound what sessions can leave behind in memory.
	maxCounters   = 10_000
	maxStoredRows = 100_000
)

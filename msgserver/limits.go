package msgserver

import "time"

const (
	// MaxGroup is the longest name of a logon group, in bytes: the width of the field.
	MaxGroup = 40
	// maxHost is the longest host name in an answer, in bytes.
	maxHost = 255
	// maxGroupAnswer is the largest answer to a group query, in bytes of payload; usual ones
	// have some 220.
	maxGroupAnswer = 512
	// maxListAnswer is the largest list that is read, in bytes of payload: some 6,500 servers.
	maxListAnswer = 1 << 20
	// maxHTTPAnswer is the same for the text interface.
	maxHTTPAnswer = 1 << 20
	// maxRequest is the largest record a Server reads, in bytes of payload.
	maxRequest = 1 << 10
	// maxShown bounds a foreign text in an error, in characters.
	maxShown = 64
	// lastDispatcher is the highest dispatcher port whose gateway port, 100 more, exists.
	lastDispatcher = 65535 - gatewayOffset
	// gatewayOffset leads from the port of a dispatcher to that of its gateway [capture].
	gatewayOffset = 100
)

// Defaults of a Client, of Groups and of a Server.
const (
	// DefaultTimeout bounds one exchange with a message server, the connection included.
	DefaultTimeout = 30 * time.Second
	// DefaultGroup is the logon group of a query that names none [doc].
	DefaultGroup = "PUBLIC"
	// DefaultStaleFor is how long a server that was named once may be used when no message
	// server answers.
	DefaultStaleFor = time.Hour
	// DefaultMaxConnections bounds the connections of a Server.
	DefaultMaxConnections = 500
	// DefaultIdleLimit is how long a client of a Server may be silent.
	DefaultIdleLimit = time.Minute

	// firstQuarantine is how long a failed server is avoided; each further failure doubles
	// it, up to maxQuarantine.
	firstQuarantine = time.Second
	maxQuarantine   = time.Minute
	// maxAsks is how often message servers are asked for one connection, maxAttempts how many
	// servers are tried.
	maxAsks     = 5
	maxAttempts = 16
	// leastAttempt is the least time an attempt gets, if there is so much left.
	leastAttempt = 2 * time.Second
	// maxGroups, maxMembers and maxOutages bound what Groups remembers.
	maxGroups  = 256
	maxMembers = 256
	maxOutages = 1024
)

package saprouter

import (
	"time"

	"github.com/purerfc/purerfc/internal/relay"
)

// Limits of a route. The wire allows 255 hops; nothing known needs more than a few.
const (
	// MaxHops is the most hops of a route, the target included.
	MaxHops = 32
	// MaxHost, MaxService and MaxPassword are in bytes [impl].
	MaxHost     = 255
	MaxService  = 63
	MaxPassword = 255
	// MaxRouteText is the longest route string, 4 KiB.
	MaxRouteText = 4 << 10
	// MaxHopList is the longest hop list of a request, in bytes: what an open client sends
	// at most [impl].
	MaxHopList = 2 << 10

	// maxRequest is the largest record a router reads before it has accepted a route, in
	// bytes of payload.
	maxRequest = 4 << 10
	// maxAnswer is the largest answer of a router that is read, in bytes of payload. Error
	// records have some hundred.
	maxAnswer = 1 << 20
	// readStep bounds the memory reserved for bytes that have not arrived, in bytes.
	readStep = 4 << 10
	// maxTable is the largest route permission table, in bytes.
	maxTable = 1 << 20
	// maxPings is how many pings and empty records of a router are taken before its answer.
	maxPings = 64
)

// Defaults of a Dialer and a Server.
const (
	// DefaultService is the service of a hop that names none.
	DefaultService = "3299"
	// DefaultAnswerTimeout is how long a router may take for its answer: it gives the answer
	// when the connection behind it stands, or has failed [inferred].
	DefaultAnswerTimeout = 60 * time.Second
	// DefaultMaxConnections and DefaultMaxPerAddress bound the connections of a Server.
	DefaultMaxConnections = 800
	DefaultMaxPerAddress  = 100
	// DefaultRequestLimit is how long a client of a Server may take for its route.
	DefaultRequestLimit = 10 * time.Second
	// DefaultDialLimit is how long a Server tries to reach the next hop.
	DefaultDialLimit = 30 * time.Second
	// DefaultHalfOpenLimit is how long the second direction of a connection may be silent
	// once the first one has ended.
	DefaultHalfOpenLimit = relay.DefaultHalfOpen

	// versionTimeout is how long Probe waits for the version of a router.
	versionTimeout = 10 * time.Second
	// refusalWait bounds the time spent on a client that is about to be refused.
	refusalWait = 5 * time.Second
	// maxDrain is how much of what a refused client still sends is read, in bytes.
	maxDrain = 64 << 10
	// writeLimit is how long a side may refuse to read the first bytes.
	writeLimit = 5 * time.Minute
)

package ni

import "time"

const (
	// DefaultMaxRecord is the largest payload accepted by default, 16 MiB; real gateways
	// send at most 28,080 bytes, other releases may use other sizes (spec 01 section 2).
	DefaultMaxRecord = 16 << 20
	// DefaultFrameTimeout is how long a record may take from its first to its last byte.
	DefaultFrameTimeout = 30 * time.Second
	// DefaultWriteTimeout is how long a peer may refuse to read.
	DefaultWriteTimeout = 60 * time.Second

	// readBuffer holds a full slice of a large answer (28,080 bytes) and its header, so
	// that one read usually delivers one record.
	readBuffer = 32 << 10
	// growStep bounds the memory reserved for bytes that have not arrived yet.
	growStep = 64 << 10
	// maxControl is how many control records in a row are served within controlWindow; a
	// peer that only pings is an attack, not a conversation.
	maxControl    = 10_000
	controlWindow = time.Hour
	// minRate is the slowest acceptable peer in bytes per second inside a large record.
	minRate = 1 << 10
)

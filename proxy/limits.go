package proxy

import "time"

const (
	// MaxToken is the longest token, 64 KiB; the length field would allow 4 GiB.
	MaxToken = 64 << 10
	// MaxLocation is the longest location id in bytes: its base64 form, of at most 255, has a
	// length field of one byte.
	MaxLocation = 189
	// MaxHost is the longest host name, whose length field is one byte.
	MaxHost = 255

	// DefaultTimeout is how long the proxy may take for its answers together, the connection
	// behind it included.
	DefaultTimeout = 10 * time.Second
	// DefaultRequestLimit is how long a client of a Server may take to say what it wants.
	DefaultRequestLimit = 10 * time.Second
	// DefaultDialLimit is how long a Server tries to reach what is behind a mapping.
	DefaultDialLimit = 10 * time.Second

	// strangerWait is how long the rest of the first words of a peer is awaited that speaks
	// something else.
	strangerWait = 100 * time.Millisecond
)

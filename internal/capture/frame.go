package capture

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
)

// Direction says who sent a frame. Client is the party that opened the TCP connection.
type Direction uint8

// The directions.
const (
	Unknown Direction = iota
	ClientToServer
	ServerToClient
)

// String gives the word that recordings use: "c2s", "s2c", or "" when unknown.
func (d Direction) String() string {
	switch d {
	case ClientToServer:
		return "c2s"
	case ServerToClient:
		return "s2c"
	default:
		return ""
	}
}

// Reverse gives the other direction; that of Unknown is Unknown.
func (d Direction) Reverse() Direction {
	switch d {
	case ClientToServer:
		return ServerToClient
	case ServerToClient:
		return ClientToServer
	default:
		return Unknown
	}
}

func parseDirection(s string) (Direction, bool) {
	switch s {
	case "c2s":
		return ClientToServer, true
	case "s2c":
		return ServerToClient, true
	case "":
		return Unknown, true
	default:
		return Unknown, false
	}
}

// Frame is one NI record of a recording.
type Frame struct {
	// Direction is Unknown in files that do not tell it (.bin, .hex without directive).
	Direction Direction
	// Stream numbers the conversations of a file from 0 in order of appearance; in a packet
	// capture one TCP connection is one conversation.
	Stream int
	// Time is when the last byte was captured, in UTC; zero when the file does not tell it.
	Time time.Time
	// Offset is where the record begins, counted in bytes from 0 and including the length
	// bytes: in the file (.bin), in the bytes that the dump shows (.hex), in one direction of
	// its TCP connection (.pcap, .pcapng, Tap), or the offset of its line in the file (.jsonl).
	Offset int64
	// Payload is the NI payload without the four length bytes; never nil, may be empty. The
	// frame owns it.
	Payload []byte
	// Bare says that the recording held the payload without its length bytes.
	Bare bool
}

// ErrGap says that a packet capture lacks bytes of a TCP connection.
var ErrGap = errors.New("bytes missing from the capture")

// Error says where in a recording the damage is. The wrapped error is a *wire.Error with
// the reason, except when reading the file itself failed.
type Error struct {
	// Name is the name of the file as given to Read.
	Name string
	// Line is the line of a text format, from 1; 0 when lines do not apply.
	Line int
	// Connection tells the TCP connection ("stream 0 c2s") and is empty elsewhere.
	Connection string
	// Stream and Direction repeat it for programs; -1 and Unknown elsewhere.
	Stream    int
	Direction Direction
	// Offset is counted in bytes in the file, or in the direction of the TCP connection when
	// Connection is set. For a text format it is where the line begins.
	Offset int64
	// Err is the reason.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("capture: ")
	if e.Name != "" {
		b.WriteString(e.Name)
		b.WriteString(": ")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d (file offset %d): ", e.Line, e.Offset)
	}
	if e.Connection != "" {
		b.WriteString(e.Connection)
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the byte-level part of an error.
func fail(layer, record, field string, off int64, reason error, want, got string) *wire.Error {
	return &wire.Error{Layer: layer, Record: record, Field: field, Offset: int(off), Want: want, Got: got, Err: reason}
}

func connectionName(stream int, d Direction) string { return fmt.Sprintf("stream %d %v", stream, d) }

package capture

// Limits of a reader when Options leaves them zero.
const (
	// DefaultMaxFileBytes bounds the bytes read from one file: all frames of a file are
	// held in memory, and a longer recording is better cut by the tool that made it.
	DefaultMaxFileBytes = 1 << 30
	// DefaultMaxRecordBytes bounds the payload of one NI record, in bytes. Source: spec
	// 01.2, read cap of this implementation; the largest record seen has 28,080 bytes.
	DefaultMaxRecordBytes = 16 << 20
	// DefaultMaxFrames bounds the frames of one file: an empty NI record costs four bytes
	// in the file, but a Frame in memory.
	DefaultMaxFrames = 1 << 20
	// DefaultMaxStreams bounds the TCP connections followed in one packet capture.
	DefaultMaxStreams = 1 << 16
	// DefaultMaxPendingBytes bounds the bytes of one direction of a TCP connection that
	// wait for an earlier segment; a capture that lost a segment fills it.
	DefaultMaxPendingBytes = 64 << 20
)

const (
	// maxPendingSegments bounds the segments of one direction that wait for an earlier
	// one, because each insertion moves those behind it.
	maxPendingSegments = 1 << 14
	// pendingOverhead is counted for each waiting segment besides its bytes.
	pendingOverhead = 64
	// maxPacket is what a packet may have at least, in bytes, whatever a file says of itself: the
	// limit of the usual programs.
	maxPacket = 256 << 10
	// maxNotes bounds the notes of one kind, so that a strange file does not flood the user.
	maxNotes = 8
	// readChunk is the unit of reading and of growing buffers, in bytes.
	readChunk = 64 << 10
	// lineSlack is what a text line may hold besides its hex digits: names, blanks, comment.
	lineSlack = 64 << 10
)

// Options sets how a recording is read. The zero value is ready to use.
type Options struct {
	// Bare says that a .bin file, or each section of a .hex file, is one payload without
	// its four length bytes. It does not apply to the other formats.
	Bare bool
	// Port, if not 0, is the server port: other TCP connections of a packet capture are
	// ignored. With 0 all connections are tried; those on a port that is not a usual one of
	// NI (32NN, 33NN, 36NN, 39NN, 48NN) are left out when they do not start as NI does.
	Port uint16
	// Note, if not nil, is told what the reader left out or assumed. It is called from the
	// goroutine of Read.
	Note func(text string)

	// The limits; 0 means the default of that name.
	MaxFileBytes    int64 // bytes
	MaxRecordBytes  int64 // bytes of payload, at most 4294967295
	MaxFrames       int
	MaxStreams      int
	MaxPendingBytes int // bytes of each direction of each connection
}

func (o Options) withDefaults() Options {
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.MaxRecordBytes <= 0 {
		o.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if o.MaxFrames <= 0 {
		o.MaxFrames = DefaultMaxFrames
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = DefaultMaxStreams
	}
	if o.MaxPendingBytes <= 0 {
		o.MaxPendingBytes = DefaultMaxPendingBytes
	}
	return o
}

func (o Options) note(text string) {
	if o.Note != nil {
		o.Note(text)
	}
}

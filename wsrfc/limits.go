package wsrfc

import "time"

const (
	// DefaultMessageLimit bounds one WebSocket message, 128 MiB. A record stream may span
	// several.
	DefaultMessageLimit = 128 << 20
	// DefaultStreamLimit bounds one record stream, 1 GiB.
	DefaultStreamLimit = 1 << 30
	// DefaultSplit is how many bytes of a record stream go into one WebSocket message before
	// the next one starts, 64 MiB. Below it one stream is one message, because one open
	// implementation cannot join two [experiment]; above it nobody with the usual limit of
	// 128 MiB could read it in one piece.
	DefaultSplit = 64 << 20

	// MaxFragments bounds the frames of one message.
	MaxFragments = 1024
	// maxControl is how many control frames a peer may send within controlWindow.
	maxControl    = 1000
	controlWindow = time.Second
	// maxControlPayload is a rule of RFC 6455.
	maxControlPayload = 125
	// maxEmpty is how many messages without a byte may stand in one record stream.
	maxEmpty = 1024

	// DefaultHandshake bounds TLS and the upgrade on the accepting side, 10 s.
	DefaultHandshake = 10 * time.Second
	// DefaultFrameTimeout is how long a frame may take from its first to its last byte; a
	// large one gets one more second per KiB.
	DefaultFrameTimeout = 30 * time.Second
	minRate             = 1 << 10
	// writeLimit is how long a peer may refuse to read; it runs out between half of it and
	// all of it.
	writeLimit = 60 * time.Second
	// controlLimit bounds the write of a control frame: the keeper has others to serve.
	controlLimit = time.Second
	// closeWait is how long our side waits for the answer to its close frame.
	closeWait = time.Second
	// alertWait is how long the last words of a server are awaited that has hung up already.
	alertWait = 200 * time.Millisecond
	// maxCloseDrain bounds what is read and thrown away meanwhile.
	maxCloseDrain = 64 << 10

	// DefaultPingPeriod is that of jco.destination.ws_ping_period (spec 30 section 5 [doc]).
	DefaultPingPeriod = 300 * time.Second
	// DefaultPongTimeout is that of jco.destination.ws_pong_timeout [doc].
	DefaultPongTimeout = 60 * time.Second
	// DefaultPingCheck is that of jco.destination.ws_ping_check_interval, a choice of ours.
	DefaultPingCheck = 10 * time.Second

	// readBuffer holds the payload of two TLS records.
	readBuffer = 32 << 10
	// writeBuffer is the size of the frames of a long message: with it a message of the
	// default limit has half as many fragments as are allowed.
	writeBuffer = 256 << 10
	// maxCorked is the longest last message that leaves in one write with the close frame.
	maxCorked = 64 << 10
	// sendStep is how much of a message has to be there before Send takes it.
	sendStep = 32 << 10

	// maxBody is how much of the body of a redirect is read and thrown away.
	maxBody = 64 << 10
	// maxReason bounds what is shown of a close frame's text or of a status line.
	maxReason = 200
	// restless and unproved: see quiet.
	restless = time.Millisecond
	unproved = 2
)

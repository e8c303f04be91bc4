package cpic

import "time"

const (
	// SliceLength is the number of data bytes in one record of a long message, 28,000
	// (spec 02 section 6 [capture]).
	SliceLength = 28_000
	// minLastSlice is the shortest last slice a reply may end with; a shorter one is topped
	// up from the slice before (spec 02 section 6 [impl]).
	minLastSlice = 8
	// barrierEvery is how many slices of a streamed request travel before the sender waits
	// for an acknowledgement: the 22nd, 43rd, ... slice is a barrier (spec 02 section 7
	// [impl], confirmed by [experiment]).
	barrierEvery = 21
	// ReceiveLimit is the second word of a request's trailer, 0x8500: the largest record
	// the sender will receive (spec 02 section 5 [capture]).
	ReceiveLimit = 0x8500
	// DefaultMessageLimit bounds one message, 1 GiB.
	DefaultMessageLimit = 1 << 30
	// restless is how soon behind a request the next one starts without a look at the socket;
	// the first unproved exchanges of a connection, logon and first call, always look.
	restless = time.Millisecond
	unproved = 2
	// maxFragments bounds the records of one message.
	maxFragments = 1 << 20
	// maxPings bounds the APPC pings between two records of a message; a gateway was seen
	// to send forty after an answer (spec 02 section 9 [capture-note]).
	maxPings = 10_000

	// maxErrorText bounds an error text that is not in the block form, in bytes.
	maxErrorText = 1024
	// closeTimeout bounds the farewell of a client whose peer does not read any more.
	closeTimeout = 5 * time.Second

	// DefaultFirstRecord is how long an accepting side waits for the first record.
	DefaultFirstRecord = 10 * time.Second
	// DefaultSetup is how long an accepting side waits for the end of the set-up.
	DefaultSetup = 30 * time.Second
)

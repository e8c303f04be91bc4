package rfc

import (
	"context"
	"net"
	"time"
)

// Conversation carries messages between two parties, half duplex: one sends, then the
// other. Packages cpic and wsrfc satisfy it. It has no knowledge of RFC; rfc has no
// knowledge of what is below. One goroutine uses it at a time; Abort may come from anywhere.
type Conversation interface {
	// Headroom is the number of bytes a message buffer leaves free in front of its data
	// for the headers of the conversation.
	Headroom() int
	// Begin binds a context to the exchange that follows, until End. It fails without any
	// network activity when the context has ended or the conversation is not usable.
	Begin(ctx context.Context) error
	// End unbinds the context. If the end of the context caused err, it returns an error
	// that matches the cause of the context.
	End(err error) error
	// Send takes as much of a message as it can while more is to come and says how many
	// data bytes that were; the rest has to be presented again.
	Send(buf []byte) (int, error)
	// SendLast sends the rest of a message.
	SendLast(buf []byte) error
	// SendEnd sends the rest of a message and ends the conversation with it (serving side).
	SendEnd(buf []byte) error
	// Receive returns the next fragment of the peer's message, valid until the next
	// Receive. The serving side gets io.EOF when the peer left between messages.
	Receive() (fragment []byte, last bool, err error)
	// BytesSent counts what left the process since Begin; zero proves that nothing did.
	BytesSent() int64
	// Traffic counts all bytes since the conversation was opened.
	Traffic() (sent, received int64)
	// Usable reports whether another exchange may start.
	Usable() bool
	// ID identifies the conversation, for example the CPIC conversation id.
	ID() string
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	// Abort closes the connection without a word to the peer.
	Abort()
	// Close ends the conversation in order.
	Close() error

	// A conversation whose socket can be looked at without waiting has one more method:
	// Idle() error reports whether the peer has left or has spoken while nobody used it.
}

// bareLogon is a conversation whose logon has neither the signature nor the session id of a
// CPIC logon, and whose replies bring no session id: WebSocket RFC (spec 13 section 4
// [capture]).
type bareLogon interface{ BareLogon() bool }

func isBare(c Conversation) bool {
	b, ok := c.(bareLogon)
	return ok && b.BareLogon()
}

// established is the serving side of a conversation on which the caller has proved who he is
// before the logon, with a certificate for example. An empty user means that he has not. A
// logon without user and password is then his.
type established interface {
	Established() (user, client string)
}

// ServerConversation is what the serving side needs beyond that.
type ServerConversation interface {
	Conversation
	// Watch calls gone once if the peer leaves or speaks out of turn before stop is called.
	Watch(gone func(error)) (stop func())
	// LoggedOn lifts the limits of a peer that nobody knew.
	LoggedOn()
	// SetIdleLimit bounds the wait for the next message; zero means no limit.
	SetIdleLimit(time.Duration) error
	// Release gives buffers back while nothing is under way.
	Release()
	// Reject tells the peer that it broke the protocol, if err says so.
	Reject(err error)
}

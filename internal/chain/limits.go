package chain

import "math"

// Limits of one message. Peers are not trusted: every limit is checked before memory
// is reserved, and memory grows only with bytes that really arrived.
type Limits struct {
	// Message is the largest message in bytes. Default DefaultMessage.
	Message int64
	// Value is the largest value of one item in bytes. Default DefaultValue.
	Value int
	// Items is the largest number of items. Default DefaultItems.
	Items int
}

const (
	// DefaultMessage is 1 GiB: answers with a million rows are ordinary.
	DefaultMessage = 1 << 30
	// DefaultValue is 256 MiB, the value open implementations use [impl].
	DefaultValue = 256 << 20
	// DefaultItems is 64 Mi: a table has one item per row, so that a streamed answer of
	// tens of millions of rows is legal; items without content cannot exhaust memory
	// because none is kept.
	DefaultItems = 64 << 20
	// LogonMessage bounds a message before authentication [inferred; spec 03 section 1].
	LogonMessage = 64 << 10
	// LogonItems bounds the items of a message before authentication.
	LogonItems = 256
)

// BeforeLogon are the limits for a peer that has not authenticated itself.
func BeforeLogon() Limits {
	return Limits{Message: LogonMessage, Value: LogonMessage, Items: LogonItems}
}

func (l Limits) withDefaults() Limits {
	if l.Message <= 0 {
		l.Message = DefaultMessage
	}
	if l.Value <= 0 {
		l.Value = DefaultValue
	}
	l.Value = min(l.Value, math.MaxInt32-16) // sizes are int, also on 32-bit machines
	if l.Items <= 0 {
		l.Items = DefaultItems
	}
	return l
}

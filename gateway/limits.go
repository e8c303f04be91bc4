package gateway

import "time"

// Defaults of the limits of a Server (the values of public gateway documentation where
// they exist, stricter ones where an attacker would profit).
const (
	// DefaultMaxConnections is the most connections at a time.
	DefaultMaxConnections = 4096
	// DefaultMaxPerAddress is the most connections from one IP address.
	DefaultMaxPerAddress = 256
	// DefaultLogonLimit is the time from the accepted connection to the logon.
	DefaultLogonLimit = 30 * time.Second
	// freeFailures is how many failed logons of one user from one address are answered at
	// once; each further one is delayed twice as long as the one before.
	freeFailures = 5
	firstDelay   = time.Second
	maxDelay     = 30 * time.Second
	// DefaultMaxRecord is the largest NI record a client may send once it has logged on,
	// 128 MiB: some clients send a request of any size in one record.
	DefaultMaxRecord = 128 << 20
	// MaxRecordBeforeLogon is the largest record before that, 64 KiB: all that somebody who
	// has not logged on can make this process keep per connection.
	MaxRecordBeforeLogon = 64 << 10
	// refusalWait is how long a client that is being refused may take to send the record
	// that the refusal answers; maxRefusing bounds how many are refused in words at a time.
	refusalWait = 2 * time.Second
	maxRefusing = 256
	// maxTracked bounds the memory of failed logons; the oldest are forgotten.
	maxTracked = 10_000
	// maxTrackedName is how many bytes of a user name tell failed logons apart.
	maxTrackedName = 64
	// trackFor is how long a failed logon is remembered.
	trackFor = 15 * time.Minute
	// unauthenticatedShare of the connections may be without a logon: one in this many, and at
	// least minStrangers. Who has had timeToLogOn may be dropped then for somebody new.
	unauthenticatedShare = 10
	minStrangers         = 16
	timeToLogOn          = time.Second
	// retryAfter is what a client of WebSocket RFC is told that finds no room.
	retryAfter = 5 * time.Second
)

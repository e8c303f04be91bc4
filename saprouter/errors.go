package saprouter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/purerfc/purerfc/ni"
)

// The kinds of errors: names of classes of package rfc.
const (
	kindConfig        = "configuration"
	kindCommunication = "communication"
	kindDenied        = "denied"
	kindTimeout       = "timeout"
	kindCanceled      = "canceled"
	kindProtocol      = "protocol"
)

// Error says what went wrong on a route, and how far it got. It holds no password.
type Error struct {
	kind string
	// Router is the address of the router that was dialled; empty if the route itself was
	// wrong.
	Router string
	// Route is the whole route, passwords masked.
	Route string
	// Hop is the number of the hop that was not reached or did not answer: 1 is the first
	// router. 0: unknown. Of hops behind the first one it is read from the text of the router
	// that refused.
	Hop int
	// Refusal is the error record of a router; nil if none came.
	Refusal *ni.RouterError
	// Text says what was found and what to change.
	Text string
	// Err is the cause; may be nil.
	Err error
}

// Error names the hop, what the router said and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("route")
	if e.Hop > 0 {
		fmt.Fprintf(&b, ", hop %d", e.Hop)
	}
	if e.Router != "" {
		b.WriteString(", SAProuter " + e.Router)
	}
	b.WriteString(": " + e.Text)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is the name of a class of package rfc.
func (e *Error) Kind() string { return e.kind }

// Step is "route".
func (e *Error) Step() string { return "route" }

// Remote reports whether a router said so.
func (e *Error) Remote() bool { return e.Refusal != nil }

// Codes of NI_RTERR that decide what an error is, or that Server sends.
//
// Source: spec 10 section 5 [impl].
const (
	codeTimeout     = -5
	codeInvalid     = -8
	codeHostUnknown = -90
	codeServUnknown = -91
	codeConnRefused = -92
	codeInternal    = -93
	codeDenied      = -94
	codeVersion     = -96
	codeShutdown    = -98
	codeInfoDenied  = -99
	codeOverflow    = -100
	codeModeDenied  = -101
	codeSNC         = -104
)

// refusal makes an error of an NI_RTERR record.
func refusal(e *ni.RouterError, route Route) *Error {
	out := &Error{kind: kindCommunication, Refusal: e, Err: &ni.PeerError{Router: e, Info: e.Info}, Text: "the router refused the route"}
	switch e.Code {
	case codeDenied, 0: // 0: cut off before the code (case B-122)
		out.kind = kindDenied
	case codeTimeout:
		out.kind = kindTimeout
	}
	switch e.Code {
	case codeDenied:
		out.Text = "the router does not permit the route, or a password is missing or wrong"
	case codeHostUnknown:
		out.Text = "the router cannot resolve a host: names behind the first hop are those of the router's network"
	case codeServUnknown:
		out.Text = "the router does not know a service: give the port number"
	case codeConnRefused:
		out.Text = "the router cannot connect to the next hop"
	case codeModeDenied:
		out.Text = "the router does not permit this talk mode"
	case codeOverflow:
		out.Text = "the router has too many clients"
	}
	if e.Info != nil {
		out.Hop = concerned(e.Info.Text+" "+e.Info.Detail, route)
	}
	return out
}

// concerned finds the hop that the text of a router is about: routers name host and service
// of the connection they could not or would not make. 0 if it names none.
func concerned(text string, route Route) int {
	text = strings.ToLower(text)
	best := 0
	for i, h := range route[1:] {
		if !names(text, strings.ToLower(h.Host)) {
			continue
		}
		if names(text, strings.ToLower(h.service())) {
			return i + 2
		}
		if best == 0 {
			best = i + 2
		}
	}
	return best
}

// names reports whether a word stands in a text and is no part of a longer one.
func names(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || !inWord(text[start-1])) && (end == len(text) || !inWord(text[end]) || text[end] == '.' && (end+1 == len(text) || text[end+1] == ' ')) {
			return true
		}
		from = start + 1
	}
}

func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// kindOf says what kind of failure an error of the network is.
func kindOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return kindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return kindTimeout
	}
	return kindCommunication
}

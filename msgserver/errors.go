package msgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/purerfc/purerfc/ni"
)

// The kinds of errors: names of classes of package rfc.
const (
	kindConfig        = "configuration"
	kindCommunication = "communication"
	kindDenied        = "denied"
	kindResource      = "resource"
	kindTimeout       = "timeout"
	kindCanceled      = "canceled"
	kindProtocol      = "protocol"
)

// Error says what went wrong with a message server.
type Error struct {
	kind   string
	remote bool
	// Server is the address of the message server; empty if none was asked.
	Server string
	// Group is the logon group; empty if none was asked for.
	Group string
	// Code and OpCode are what the server answered; 0 if it answered otherwise or not at all.
	Code   HeaderError
	OpCode OpError
	// Text says what was found and what to change.
	Text string
	// Err is the cause; may be nil.
	Err error
}

// Error names the server, the group and what was found.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("message server")
	if e.Server != "" {
		b.WriteString(" " + e.Server)
	}
	if e.Group != "" && !strings.HasPrefix(e.Text, "logon group") {
		fmt.Fprintf(&b, ", logon group %q", e.Group)
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

// Step is "message server".
func (e *Error) Step() string { return "message server" }

// Remote reports whether the message server said so.
func (e *Error) Remote() bool { return e.remote }

// noServer is the error of a group that names no server (fault F-19).
func noServer(group, why string) *Error {
	return &Error{kind: kindConfig, remote: true, Group: group, Text: fmt.Sprintf("logon group %q has no server (%s): check its name, case included, and its instances (SMLG)", group, why)}
}

// refusal makes an error of the error number of a header.
func refusal(code HeaderError) *Error {
	e := &Error{kind: kindCommunication, remote: true, Code: code, Text: "it answered " + code.String()}
	switch code {
	case ErrorDenied:
		e.kind = kindDenied
		e.Text += ": its access list (ms/acl_info) does not name this machine"
	case ErrorNoMemory, ErrorNoSlot:
		e.kind = kindResource
	case ErrorWrongVersion:
		e.kind = kindProtocol
	}
	return e
}

func protocolError(want, got string) *Error {
	return &Error{kind: kindProtocol, Text: fmt.Sprintf("want %s, got %s: is that the port of a message server (36NN)?", want, got)}
}

// asError makes an *Error of what a network or a codec reported.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{kind: kindCommunication, Text: "no answer", Err: err}
	peer, _ := errors.AsType[*ni.PeerError](err)
	var below interface{ Kind() string }
	switch {
	case errors.Is(err, context.Canceled):
		e.kind = kindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.kind = kindTimeout
	case errors.As(err, &below): // of a route or proxy in between
		e.kind = below.Kind()
	case peer != nil:
		e.remote, e.Text = true, "it answered with an error"
	case errors.Is(err, io.EOF):
		e.Text = "it closed the connection in place of an answer: is that the port of a message server (36NN)?"
	}
	return e
}

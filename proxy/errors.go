package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/ni"
)

// The kinds of errors: names of classes of package rfc.
const (
	kindConfig        = "configuration"
	kindCommunication = "communication"
	kindLogon         = "logon"
	kindDenied        = "denied"
	kindTimeout       = "timeout"
	kindCanceled      = "canceled"
	kindProtocol      = "protocol"
	kindSecurity      = "security"
)

// Phase is how far the talk with a proxy got.
type Phase string

// The phases in their order. With HTTP CONNECT there is only the last one.
const (
	PhaseDial    Phase = "dial"           // the connection to the proxy
	PhaseToken   Phase = "token"          // a token is needed
	PhaseMethod  Phase = "greeting"       // which way to prove who one is
	PhaseAuth    Phase = "authentication" // token and location
	PhaseConnect Phase = "connect"        // the way to the target
)

// Reply is what SOCKS5 answers to CONNECT.
type Reply uint8

// The replies (RFC 1928 section 6), with what they mean at the connectivity service [doc].
const (
	Succeeded          Reply = iota
	GeneralFailure           // the back end closed the connection, or something else
	Forbidden                // no mapping of the Cloud Connector allows the host
	NetworkUnreachable       // no Cloud Connector, or none with the location id
	HostUnreachable          // the Cloud Connector does not reach the back end
	ConnectionRefused        // the authentication failed
	TTLExpired               // not used
	CommandUnsupported
	AddressUnsupported // neither a name nor IPv4
)

var replies = [...]struct{ name, meaning string }{
	Succeeded:          {"succeeded", ""},
	GeneralFailure:     {"general failure", "something failed, or the back end closed the connection; see the log of the Cloud Connector"},
	Forbidden:          {"not allowed", "no mapping of the Cloud Connector allows this host and port; add the virtual host and port with protocol TCP in its access control"},
	NetworkUnreachable: {"network unreachable", "no Cloud Connector is connected to the subaccount, or none has this location id; check jco.client.cloud_connector_location_id"},
	HostUnreachable:    {"host unreachable", "the Cloud Connector does not reach the back end; check the internal host and port of the mapping"},
	ConnectionRefused:  {"connection refused", "the proxy accepts no such token: it may have expired, or belong to another client or subaccount"},
	TTLExpired:         {"TTL expired", "the way to the target is too long"},
	CommandUnsupported: {"command not supported", "the proxy does not CONNECT; is it the one for TCP, usually port 20004?"},
	AddressUnsupported: {"address type not supported", "the proxy takes host names and IPv4 addresses only"},
}

// String names the reply.
func (r Reply) String() string {
	if int(r) < len(replies) {
		return replies[r].name
	}
	return fmt.Sprintf("Reply(%#02x)", uint8(r))
}

// Error says what went wrong on the way through a proxy. It holds no token, no password and
// no location id.
type Error struct {
	kind   string
	remote bool
	// Proxy is its address.
	Proxy    string
	Protocol Protocol
	Phase    Phase
	// Code is what the proxy answered: a Reply, the status of the authentication, the method
	// it chose, or an HTTP status; -1 if it did not answer.
	Code int
	// Text says what was found and what to change.
	Text string
	// Err is the cause; may be nil.
	Err error

	refusedToken bool
}

// Error names the proxy, the phase and the cause.
func (e *Error) Error() string {
	text := e.Protocol.String() + " proxy"
	if e.Proxy != "" {
		text += " " + e.Proxy
	}
	if e.Phase != "" {
		text += ", " + string(e.Phase)
	}
	text += ": " + e.Text
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is the name of a class of package rfc.
func (e *Error) Kind() string { return e.kind }

// Step is "proxy".
func (e *Error) Step() string { return "proxy" }

// Remote reports whether the proxy said so.
func (e *Error) Remote() bool { return e.remote }

// answered is what a reply means.
func (r Reply) refusal() *Error {
	e := &Error{kind: kindCommunication, remote: true, Phase: PhaseConnect, Code: int(r)}
	if int(r) < len(replies) {
		e.Text = fmt.Sprintf("%s (reply %d: %s)", replies[r].meaning, r, r)
	} else {
		e.Text = fmt.Sprintf("the proxy answered with %s, which nobody has defined", r)
	}
	if r == ConnectionRefused {
		e.kind, e.refusedToken = kindLogon, true
	}
	return e
}

// statusError is what an HTTP status means.
func statusError(status int) *Error {
	e := &Error{kind: kindCommunication, remote: true, Phase: PhaseConnect, Code: status, Text: fmt.Sprintf("the proxy opened no tunnel (HTTP %d %s)", status, http.StatusText(status))}
	switch status {
	case http.StatusProxyAuthRequired:
		e.kind, e.refusedToken = kindSecurity, true
		e.Text = "the proxy wants a user and password, or refused them (HTTP 407)"
	case http.StatusForbidden:
		e.kind, e.Text = kindDenied, "the proxy does not allow a tunnel to the target (HTTP 403)"
	}
	return e
}

// strange is an answer that breaks the protocol.
func strange(phase Phase, want string, got []byte) *Error {
	e := &Error{kind: kindProtocol, Phase: phase, Code: -1, Text: fmt.Sprintf("want %s, got % x", want, got[:min(len(got), foreign.Prefix)])}
	if name := foreign.Name(got); name != "" {
		e.Text = fmt.Sprintf("the peer speaks %s, its first bytes are % x: is that the port of the proxy?", name, got[:min(len(got), foreign.Prefix)])
	}
	return e
}

// kindOf says what kind of failure an error of the network, or of a TokenSource, is.
func kindOf(err error) string {
	var below interface {
		error
		Kind() string
	}
	switch {
	case errors.Is(err, context.Canceled):
		return kindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return kindTimeout
	case errors.As(err, &below) && below.Kind() != "":
		return below.Kind()
	}
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return kindTimeout
	}
	return kindCommunication
}

// lost makes the error of an exchange that failed in a phase.
func lost(err error, phase Phase) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{kind: kindOf(err), Phase: phase, Code: -1, Text: "no answer", Err: err}
	ended, _ := errors.AsType[*ni.ContextError](err)
	switch {
	case ended != nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.Text = "no answer in time"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Text = "the answer is cut off"
	case errors.Is(err, io.EOF):
		e.Text = "the proxy closed the connection in place of an answer"
	}
	return e
}

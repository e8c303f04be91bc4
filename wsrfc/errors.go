package wsrfc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// The steps of the set-up, as errors name them.
const (
	stepTCP     = "tcp"
	stepProxy   = "proxy"
	stepTLS     = "tls"
	stepUpgrade = "upgrade"
)

// The kinds of errors: names of classes of package rfc.
const (
	kindConfig        = "configuration"
	kindCommunication = "communication"
	kindLogon         = "logon"
	kindDenied        = "denied"
	kindResource      = "resource"
	kindTimeout       = "timeout"
	kindProtocol      = "protocol"
	kindLimit         = "limit"
	kindSecurity      = "security"
)

// Error says what went wrong on the way to the WebSocket or over it. No header value, no
// certificate key and no credential is ever part of it.
type Error struct {
	step   string
	kind   string
	remote bool
	// Status is the HTTP status that the other side, or the proxy in between, answered with;
	// 0 if none.
	Status int
	// Text says what was found and what to change.
	Text string
	// Err is the cause; may be nil.
	Err error
}

// Error gives the text and the cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Text
	case e.Text == "":
		return e.Err.Error()
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is the name of a class of package rfc.
func (e *Error) Kind() string { return e.kind }

// Step is "tcp", "proxy", "tls" or "upgrade"; empty behind the set-up.
func (e *Error) Step() string { return e.step }

// Remote reports whether the other side, or a proxy in between, said so.
func (e *Error) Remote() bool { return e.remote }

// CloseError is the close frame of a peer where a message was expected.
type CloseError struct {
	// Code is the close code of RFC 6455; 1005 if the peer gave none.
	Code int
	// Reason is the text of the peer, cleaned and bounded; ABAP systems put diagnostics into
	// it, for example RABAX_STATE:Error when receiving data for an RFC [impl].
	Reason string
}

// Error gives code and reason.
func (e *CloseError) Error() string {
	s := "the partner closed the WebSocket with code " + strconv.Itoa(e.Code)
	if name := closeNames[e.Code]; name != "" {
		s += " (" + name + ")"
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Kind is communication: a system that has more to say answers before it closes.
func (e *CloseError) Kind() string { return kindCommunication }

// Step is empty: the set-up was over.
func (e *CloseError) Step() string { return "" }

// Remote is true.
func (e *CloseError) Remote() bool { return true }

// orderly reports whether the peer just left.
func (e *CloseError) orderly() bool {
	return e.Code == closeNormal || e.Code == closeGoingAway || e.Code == closeNoStatus
}

// Close codes of RFC 6455 section 7.4 and its registry.
const (
	closeNormal      = 1000
	closeGoingAway   = 1001
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeNoStatus    = 1005
	closeBadData     = 1007
	closePolicy      = 1008
	closeTooBig      = 1009
	closeInternal    = 1011
)

var closeNames = map[int]string{
	closeNormal: "normal closure", closeGoingAway: "going away", closeProtocol: "protocol error", closeUnsupported: "unsupported data",
	closeNoStatus: "no code given", closeBadData: "invalid data", closePolicy: "policy violation", closeTooBig: "message too big", 1010: "mandatory extension",
	closeInternal: "internal error", 1012: "service restart", 1013: "try again later", 1014: "bad gateway",
}

// legalCode reports whether a close frame may carry a code.
func legalCode(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}

// violation is a frame that breaks the rules, with the code of the close frame that says so.
type violation struct {
	code int
	err  *wire.Error
}

func (v *violation) Error() string { return v.err.Error() }

func (v *violation) Unwrap() error { return v.err }

func violated(code int, field, want, got string) *violation {
	reason := wire.ErrMalformed
	if code == closeTooBig || code == closePolicy {
		reason = wire.ErrLimit
	}
	return &violation{code: code, err: &wire.Error{Layer: "websocket", Record: "frame", Field: field, Err: reason, Want: want, Got: got}}
}

// closeCode is the code that tells a peer what was wrong with its bytes; 0 if the connection
// itself failed and nobody would read it.
func closeCode(err error) int {
	v, ok := errors.AsType[*violation](err)
	switch {
	case ok:
		return v.code
	case errors.Is(err, wire.ErrLimit):
		return closeTooBig
	}
	w, ok := errors.AsType[*wire.Error](err)
	if !ok || w.Layer == layerHTTP && errors.Is(err, io.ErrUnexpectedEOF) {
		return 0
	}
	return closeProtocol // also for records that end too early inside a whole message
}

// layerHTTP is the layer of errors of package httphead.
const layerHTTP = "http"

// SilentError reports a peer that did not even answer a ping.
type SilentError struct {
	// For is how long the ping went unanswered.
	For time.Duration
}

// Error implements error.
func (e *SilentError) Error() string {
	return fmt.Sprintf("no sign of life from the partner for %v behind a ping", e.For)
}

// Kind is timeout.
func (e *SilentError) Kind() string { return kindTimeout }

// Step is empty: the set-up was over.
func (e *SilentError) Step() string { return "" }

// Remote is false.
func (e *SilentError) Remote() bool { return false }

// Timeout is true: it makes the error one of time.
func (e *SilentError) Timeout() bool { return true }

// Temporary is false: the connection is useless.
func (e *SilentError) Temporary() bool { return false }

// ended makes the end of the connection, where something had to come, an error.
func ended(err error) error {
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("wsrfc: the peer closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// setup makes the error of a step of the set-up. The end of a context stays what it is.
func setup(step, kind, text string, err error) error {
	if c, ok := errors.AsType[*ni.ContextError](err); ok {
		return &stepError{step, c}
	}
	e := &Error{step: step, kind: kind, Text: text, Err: ended(err)}
	var timeout net.Error
	switch {
	case kind != kindCommunication:
	case errors.Is(err, wire.ErrLimit):
		e.kind = kindLimit
	case isWireError(err) && !errors.Is(err, io.ErrUnexpectedEOF):
		e.kind = kindProtocol
	case errors.As(err, &timeout) && timeout.Timeout():
		e.kind = kindTimeout
	}
	return e
}

func isWireError(err error) bool {
	_, ok := errors.AsType[*wire.Error](err)
	return ok
}

// stepError says at which step a context ended.
type stepError struct {
	step string
	err  *ni.ContextError
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// FailedStep is the step of the set-up at which err happened; empty if it is no error of this
// package.
func FailedStep(err error) string {
	if s, ok := errors.AsType[*stepError](err); ok {
		return s.step
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.step
	}
	return ""
}

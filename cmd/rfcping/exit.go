package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
)

// The exit codes. 11 belongs to a step that this release does not have.
const (
	exitFine          = 0
	exitUsage         = 1
	exitDNS           = 2
	exitTCP           = 3
	exitRoute         = 4
	exitTLS           = 5
	exitGateway       = 6
	exitLogon         = 7
	exitAuthorization = 8
	exitABAP          = 9
	exitProtocol      = 10
	exitTimeout       = 12
	exitInterrupted   = 13
)

// exitError is an error whose exit code is decided already. told: the user has read it.
type exitError struct {
	code int
	told bool
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError makes an error that the user can mend by other arguments.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// timeoutError is the cause of a context whose step took too long.
type timeoutError struct {
	step  string
	limit time.Duration
	flag  string
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("%s took longer than %v (%s)", e.step, e.limit, e.flag)
}

// Is makes the layers below report a timeout and no cancellation.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// exitCode decides by facts in the error, never by its text. ctx is that of the process:
// when it has ended, the user interrupted whatever failed.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitFine
	}
	if e, ok := errors.AsType[*exitError](err); ok && e.code != exitFine {
		return e.code
	}
	e, ok := errors.AsType[*rfc.Error](err)
	if ok && e.Class != rfc.ClassTimeout && e.Class != rfc.ClassCanceled {
		switch e.Step {
		case rfc.StepRoute, rfc.StepProxy:
			return exitRoute
		case rfc.StepTLS:
			return exitTLS
		case rfc.StepMessageServer:
			return exitGateway
		default:
		}
	}
	if ok && e.Remote && e.Class != rfc.ClassCommunication {
		return remoteCode(e) // the partner has spoken, whatever else happened
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, rfc.ErrTimeout) {
		return exitTimeout
	}
	if _, dns := errors.AsType[*net.DNSError](err); dns {
		return exitDNS
	}
	if ok {
		return localCode(e)
	}
	if isDamage(err) {
		return exitProtocol
	}
	return exitUsage
}

// remoteCode is the exit code of what the partner reported.
func remoteCode(e *rfc.Error) int {
	switch e.Class {
	case rfc.ClassLogon:
		return exitLogon
	case rfc.ClassDenied:
		return exitAuthorization
	case rfc.ClassResource:
		return exitGateway
	case rfc.ClassProtocol:
		return exitProtocol
	default:
		return exitABAP
	}
}

// localCode is the exit code of what was found on this side.
func localCode(e *rfc.Error) int {
	if peer, ok := errors.AsType[*ni.PeerError](e); ok && peer.Router != nil {
		return exitRoute
	}
	switch e.Class {
	case rfc.ClassConfig, rfc.ClassParameter, rfc.ClassState:
		return exitUsage
	case rfc.ClassConversion:
		if e.Step == rfc.StepEncode || e.Outcome == rfc.NotSent {
			return exitUsage
		}
		return exitProtocol
	case rfc.ClassProtocol, rfc.ClassLimit, rfc.ClassUnsupported:
		return exitProtocol
	case rfc.ClassLogon:
		return exitLogon
	case rfc.ClassDenied:
		return exitAuthorization
	case rfc.ClassABAPException, rfc.ClassABAPMessage, rfc.ClassABAPRuntime, rfc.ClassABAPClass, rfc.ClassMetadata, rfc.ClassExternal:
		return exitABAP
	default: // the connection: how far it got decides
	}
	switch e.Step {
	case rfc.StepConfig:
		return exitUsage
	case rfc.StepDNS:
		return exitDNS
	case rfc.StepTCP:
		return exitTCP
	default:
		return exitGateway
	}
}

// isDamage reports bytes that break a format or came back changed, as opposed to a file that
// cannot be opened.
func isDamage(err error) bool {
	if _, ok := errors.AsType[*changed](err); ok {
		return true
	}
	if _, ok := errors.AsType[*mismatch](err); ok {
		return true
	}
	if _, ok := errors.AsType[*wire.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*dissect.Error](err); ok {
		return true
	}
	if e, ok := errors.AsType[*capture.Error](err); ok {
		_, system := errors.AsType[*os.PathError](e.Err)
		return !system
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/rfc"
)

// Names that errors carry as Key.
const (
	keyNotFound     = "RFC_NOT_FOUND"
	keyDenied       = "RFC_AUTHORIZATION_FAILURE"
	keyProtocol     = "RFC_INVALID_PROTOCOL"
	keyLimit        = "RFC_MEMORY_INSUFFICIENT"
	keyCanceled     = "RFC_CANCELED"
	keyFunction     = "FU_NOT_FOUND"
	keyNoAuthority  = "RFC_NO_AUTHORITY"
	keyNotFoundDDIC = "NOT_FOUND"
	keyNotActive    = "TABLE_NOT_ACTIVE"
	keySaved        = "RFC_SERIALIZATION_FAILURE"
)

// malformed is the cause of an error about a description that contradicts itself.
func malformed(format string, args ...any) error {
	return &rfc.Error{Class: rfc.ClassProtocol, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keyProtocol, Message: "type graph: " + fmt.Sprintf(format, args...)}
}

// excessive is the cause of an error about a description above a limit of this process.
func excessive(format string, args ...any) error {
	return &rfc.Error{Class: rfc.ClassLimit, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keyLimit, Message: "type graph: " + fmt.Sprintf(format, args...)}
}

// missing is an error about something that the system does not describe.
func missing(format string, args ...any) error {
	return &rfc.Error{Class: rfc.ClassMetadata, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keyNotFound, Message: fmt.Sprintf(format, args...)}
}

// functionNotFound is the answer of systems for an unknown module (case J-01).
func functionNotFound(name string) *rfc.Error {
	e := rfc.RaiseMessage(keyFunction, "FL", "E", "046", name)
	e.Remote, e.Message = true, "ID:FL Type:E Number:046 "+name
	return e
}

func canceled(ctx context.Context) error {
	e := &rfc.Error{Class: rfc.ClassCanceled, Step: rfc.StepMetadata, Outcome: rfc.NotSent, Key: keyCanceled, Err: context.Cause(ctx)}
	e.Message = "Connection was canceled while metadata was looked up"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Class = rfc.ClassTimeout
		e.Message = "Connection was canceled. The time limit of the call was reached while metadata was looked up"
	}
	return e
}

// isException reports whether the partner raised the named ABAP exception.
func isException(err error, keys ...string) bool {
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok || e.Class != rfc.ClassABAPException {
		return false
	}
	return slices.Contains(keys, e.Key)
}

// lacksModule reports whether the partner does not have the called module. A message that
// names another function comes from within the module.
func lacksModule(err error, module string) bool {
	if !isException(err, keyFunction) {
		return false
	}
	e, _ := errors.AsType[*rfc.Error](err)
	v := strings.TrimSpace(e.MessageV[0])
	return v == "" || v == module
}

// denied reports whether an error is a refusal for lack of authority. Systems say so by a
// system failure (spec 24.1 [doc]); its key and its English text are known, texts of other
// languages pass as what they are.
func denied(e *rfc.Error) bool {
	switch e.Class {
	case rfc.ClassDenied:
		return true
	case rfc.ClassABAPRuntime, rfc.ClassABAPMessage, rfc.ClassABAPException:
		return e.Key == keyNoAuthority || e.Key == "NO_AUTHORITY" || strings.Contains(strings.ToLower(e.Message), "no rfc authorization")
	default:
		return false
	}
}

// concernsSystem reports whether an error would meet every caller of the system alike.
func concernsSystem(err error) bool { return isException(err, keyFunction) }

// failed makes the error of a look-up of the named function or type. The call for which it
// was made has not been sent.
func failed(name string, err error) error {
	cause, ok := errors.AsType[*rfc.Error](err)
	if !ok {
		return &rfc.Error{Class: rfc.ClassMetadata, Step: rfc.StepMetadata, Function: name, Outcome: rfc.NotSent, Key: keyNotFound, Message: err.Error(), Err: err}
	}
	e := *cause
	if error(cause) != err { //nolint:errorlint // is it wrapped? is the question
		e.Message, e.Err = textOfError(err), err
	}
	switch {
	case denied(cause):
		e = rfc.Error{
			Class: rfc.ClassDenied, Key: keyDenied, Err: cause, Remote: cause.Remote, Closed: cause.Closed,
			Message: "no authority to read metadata: " + cause.Error() + "; grant the function groups RFC1, SDIFRUNTIME and RFC_METADATA, or look descriptions up through a repository destination",
		}
	case cause.Class == rfc.ClassABAPException && cause.Key == keyFunction, cause.Class == rfc.ClassMetadata:
	case cause.Class == rfc.ClassProtocol && !isGraph(cause), cause.Class == rfc.ClassCommunication, cause.Class == rfc.ClassTimeout,
		cause.Class == rfc.ClassCanceled, cause.Class == rfc.ClassState, cause.Class == rfc.ClassResource, cause.Class == rfc.ClassLogon,
		cause.Class == rfc.ClassConfig:
		// The connection's own trouble keeps its class: the cause matters more than the
		// occasion.
	default:
		e = rfc.Error{Class: rfc.ClassMetadata, Key: keyNotFound, Err: err, Message: textOfError(err), Closed: cause.Closed}
		if cause.Remote {
			e.Message = "the system could not describe it: " + e.Message
		}
	}
	e.Step, e.Outcome, e.Function = rfc.StepMetadata, rfc.NotSent, name
	e.ConversationID, e.Address, e.Destination = cause.ConversationID, cause.Address, cause.Destination
	return &e
}

// isGraph reports whether an error was made by malformed.
func isGraph(e *rfc.Error) bool { return e.Step == rfc.StepMetadata }

func asError(err error) (*rfc.Error, bool) { return errors.AsType[*rfc.Error](err) }

// textOfError is the text of an error without the step and the name of the function, which
// the error around it says already.
func textOfError(err error) string {
	switch e := err.(type) { //nolint:errorlint // only the outermost error is looked at
	case *placeError:
		return e.where + ": type " + e.name + ": " + textOfError(e.err)
	case *rfc.Error:
		if !e.Remote && e.Message != "" {
			return e.Message
		}
	}
	return err.Error()
}

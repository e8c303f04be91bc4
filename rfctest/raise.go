package rfctest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/rfc"
)

// errorTests is RFC_RAISE_ERROR, with which callers see every way a call can fail.
//
// Source: spec 24.6, cases J-02 to J-08, J-14, J-16 [impl].
func errorTests() area {
	return area{modules: []definition{
		{name: "RFC_RAISE_ERROR", group: "SRFC", text: "Raise errors for tests", serve: typed(raiseError), interfaceText: `
			IMPORTING METHOD:C2 OPTIONAL            " 0 message, 1 2 exception, 3 5 51 short dump, 36 division by zero
			IMPORTING MESSAGETYPE:C1 OPTIONAL       " Type of the message: E, A or X
			RAISING   RAISE_EXCEPTION               " Methods 1 and 2`},
	}}
}

type raiseIn struct {
	Method      string `rfc:"METHOD"`
	MessageType string `rfc:"MESSAGETYPE"`
}

const divisionByZero = "Division by 0 (type I or INT8)"

// plainMessage is a message that nobody handles: its text travels with it, and the session
// ends whatever its type (cases J-02, J-12).
func plainMessage(class, typ, number, text string, v ...string) error {
	e := rfc.RaiseMessage("", class, typ, number, v...)
	e.Message, e.Closed = text, true
	return e
}

func raiseError(_ *System, _ *rfc.Request, in *raiseIn) (*nothing, error) {
	method, typ := strings.TrimLeft(strings.TrimSpace(in.Method), "0"), in.MessageType
	if method == "" {
		method = "0"
	}
	if typ == "" {
		typ = "E"
	}
	if typ == "X" {
		return nil, rfc.RuntimeFailure("MESSAGE_TYPE_X", "The current application has triggered a termination with a short dump.")
	}
	switch method {
	case "1":
		return nil, rfc.RaiseMessage("RAISE_EXCEPTION", "SR", typ, "006", "Method = 1")
	case "2":
		return nil, rfc.RaiseException("RAISE_EXCEPTION")
	case "3":
		return nil, rfc.RuntimeFailure("COMPUTE_INT_ZERODIVIDE", divisionByZero)
	case "5":
		return nil, rfc.RuntimeFailure("SYNTAX_ERROR", fmt.Sprintf("Syntax error in program %-40s.", "RSXERROR"))
	case "36":
		return nil, plainMessage("SR", typ, "000", divisionByZero, divisionByZero)
	case "51":
		return nil, rfc.RuntimeFailure("BLOCKED_COMMIT", "A database commit was blocked by the application.")
	}
	switch typ {
	case "I", "S", "W":
		return &nothing{}, nil // these do not end a call
	}
	return nil, plainMessage("SR", typ, "006", "Function not supported", "Method = "+method)
}

// callbackFailure makes an error of a called-back caller into one of the module: an
// exception stays one, anything else is a short dump.
func callbackFailure(err error) error {
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok || !e.Remote {
		return err
	}
	if e.Class == rfc.ClassABAPException {
		return rfc.RaiseMessage(e.Key, e.MessageClass, e.MessageType, e.MessageNumber, e.MessageV[:]...)
	}
	return rfc.RuntimeFailure("CALL_FUNCTION_REMOTE_ERROR", e.Message)
}

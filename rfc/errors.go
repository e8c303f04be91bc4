package rfc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/serialization"
)

// Class says what kind of thing failed. It decides whether the connection survives and
// which number other connectors give the error.
type Class uint8

// The classes, with the return code of the vendor library and the JCo group they
// correspond to.
const (
	ClassOther         Class = iota // 28, 5, 108
	ClassConfig                     // 20, 5, 101: connection settings
	ClassCommunication              // 1, 4, 102: network, gateway, partner gone
	ClassLogon                      // 2, 3, 103: refused
	ClassABAPRuntime                // 3, 2, 104: short dump in the partner
	ClassABAPMessage                // 4, 2, 104: E, A or X message
	ClassABAPException              // 5, 1, 126: RAISE, MESSAGE ... RAISING
	ClassABAPClass                  // 27, 1, 111: class-based exception
	ClassResource                   // 23, 5, 106: pool or gateway exhausted
	ClassCanceled                   // 7, 4, 112: the caller's context was cancelled
	ClassTimeout                    // 7, 4, 135: the caller's time limit was reached
	ClassProtocol                   // 11, 5, 107: bytes that break the protocol
	ClassLimit                      // 9, 5, 107: above a limit of this process
	ClassConversion                 // 22, 5, 122: a value does not fit its type
	ClassParameter                  // 20, 5, 127: unknown, missing or misshapen parameter
	ClassMetadata                   // 17, 5, 123: no description to be had
	ClassState                      // 19, 5, 136: not allowed now: closed, busy, read already
	ClassUnsupported                // 18, 5, 128
	ClassDenied                     // 29, 7, 104: refused by an authorization check
	ClassExternal                   // 15, 6, 105: a handler of our own failed
	ClassSecurity                   // 1, 4, 102: TLS, SNC or a proxy refused, or must not be trusted
)

var classes = [...]struct {
	name            string
	code, group     int
	jco, httpStatus int
	key             string
}{
	ClassOther:         {"error", 28, 5, 108, 500, "RFC_UNKNOWN_ERROR"},
	ClassConfig:        {"configuration", 20, 5, 101, 500, "RFC_INVALID_PARAMETER"},
	ClassCommunication: {"communication", 1, 4, 102, 503, "RFC_COMMUNICATION_FAILURE"},
	ClassLogon:         {"logon", 2, 3, 103, 401, "RFC_LOGON_FAILURE"},
	ClassABAPRuntime:   {"system failure", 3, 2, 104, 500, "RFC_ABAP_RUNTIME_FAILURE"},
	ClassABAPMessage:   {"ABAP message", 4, 2, 104, 500, "RFC_ABAP_MESSAGE"},
	ClassABAPException: {"ABAP exception", 5, 1, 126, 500, "RFC_ABAP_EXCEPTION"},
	ClassABAPClass:     {"ABAP class exception", 27, 1, 111, 500, "RFC_ABAP_CLASS_EXCEPTION"},
	ClassResource:      {"resource", 23, 5, 106, 503, "RFC_RESOURCE"},
	ClassCanceled:      {"canceled", 7, 4, 112, 500, "RFC_CANCELED"},
	ClassTimeout:       {"timeout", 7, 4, 135, 500, "RFC_CANCELED"},
	ClassProtocol:      {"protocol", 11, 5, 107, 500, "RFC_INVALID_PROTOCOL"},
	ClassLimit:         {"limit", 9, 5, 107, 500, "RFC_MEMORY_INSUFFICIENT"},
	ClassConversion:    {"conversion", 22, 5, 122, 500, "RFC_CONVERSION_FAILURE"},
	ClassParameter:     {"parameter", 20, 5, 127, 500, "RFC_INVALID_PARAMETER"},
	ClassMetadata:      {"metadata", 17, 5, 123, 500, "RFC_NOT_FOUND"},
	ClassState:         {"state", 19, 5, 136, 500, "RFC_ILLEGAL_STATE"},
	ClassUnsupported:   {"unsupported", 18, 5, 128, 500, "RFC_NOT_SUPPORTED"},
	ClassDenied:        {"denied", 29, 7, 104, 500, "RFC_AUTHORIZATION_FAILURE"},
	ClassExternal:      {"handler", 15, 6, 105, 500, "RFC_EXTERNAL_FAILURE"},
	ClassSecurity:      {"security", 1, 4, 102, 503, "RFC_COMMUNICATION_FAILURE"},
}

// Classes is the number of classes; they count from 0.
const Classes = len(classes)

// Label is the class as a label of a metric: String in lower case, with underscores.
func (c Class) Label() string { return strings.ReplaceAll(strings.ToLower(c.String()), " ", "_") }

// String names the class.
func (c Class) String() string {
	if int(c) < len(classes) {
		return classes[c].name
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// classNamed is the class with a name of classes; ClassOther if there is none.
func classNamed(name string) Class {
	for c := range classes {
		if classes[c].name == name {
			return Class(c)
		}
	}
	return ClassOther
}

// failure is an error of a layer below that knows itself what it is; rfc need not import that
// layer.
type failure interface {
	error
	// Kind is the name of a Class.
	Kind() string
	// Step is where it happened; empty for the step of the caller.
	Step() string
	// Remote reports whether the partner, or somebody on the way to it, said so.
	Remote() bool
}

// Outcome is what is known about the effect of a failed call.
type Outcome uint8

// The outcomes. Only NotSent makes a repetition safe.
const (
	// NotSent: no byte of the call left this process.
	NotSent Outcome = iota + 1
	// Unknown: bytes left; the function may or may not have run.
	Unknown
	// Executed: the partner answered; the function ran, to its error or to its end.
	Executed
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not sent"
	case Unknown:
		return "outcome unknown"
	case Executed:
		return "executed"
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// Step is where an error happened.
type Step string

// The steps from configuration to decoding.
const (
	StepConfig   Step = "config"
	StepDNS      Step = "dns"
	StepTCP      Step = "tcp"
	StepProxy    Step = "proxy"
	StepTLS      Step = "tls"
	StepUpgrade  Step = "upgrade" // from HTTP to WebSocket
	StepNI       Step = "ni"
	StepGateway  Step = "gateway"
	StepLogon    Step = "logon"
	StepMetadata Step = "metadata"
	StepEncode   Step = "encode"
	StepSend     Step = "send"
	StepReceive  Step = "receive"
	StepDecode   Step = "decode"
	StepCallback Step = "callback"
	StepHandler  Step = "handler"
)

// StepMessageServer asks for a server of a logon group, StepRoute goes through SAProuters.
const (
	StepMessageServer Step = "message server"
	StepRoute         Step = "route"
)

// Sentinels for the classes: errors.Is(err, rfc.ErrLogon).
var (
	ErrConfig        = errors.New("configuration error")
	ErrCommunication = errors.New("communication failure")
	ErrLogon         = errors.New("logon failure")
	ErrABAPRuntime   = errors.New("ABAP runtime failure")
	ErrABAPMessage   = errors.New("ABAP message")
	ErrABAPException = errors.New("ABAP exception")
	ErrABAPClass     = errors.New("ABAP class exception")
	ErrResource      = errors.New("resource exhausted")
	ErrCanceled      = errors.New("canceled")
	ErrTimeout       = errors.New("timeout")
	ErrProtocol      = errors.New("protocol error")
	ErrLimit         = errors.New("limit exceeded")
	ErrConversion    = errors.New("conversion failure")
	ErrParameter     = errors.New("parameter error")
	ErrMetadata      = errors.New("no metadata")
	ErrState         = errors.New("illegal state")
	ErrUnsupported   = errors.New("not supported")
	ErrDenied        = errors.New("not authorized")
	ErrExternal      = errors.New("handler failure")
	ErrSecurity      = errors.New("security failure") // its errors match ErrCommunication as well

	// ErrClosed: the connection or response was closed before. Its class is State.
	ErrClosed = errors.New("connection is closed")
	// ErrBusy: the connection is in a call of another goroutine. Its class is State.
	ErrBusy = errors.New("connection is busy with another call")
)

var sentinels = [...]error{
	ClassConfig: ErrConfig, ClassCommunication: ErrCommunication, ClassLogon: ErrLogon, ClassABAPRuntime: ErrABAPRuntime,
	ClassABAPMessage: ErrABAPMessage, ClassABAPException: ErrABAPException, ClassABAPClass: ErrABAPClass, ClassResource: ErrResource,
	ClassCanceled: ErrCanceled, ClassTimeout: ErrTimeout, ClassProtocol: ErrProtocol, ClassLimit: ErrLimit, ClassConversion: ErrConversion,
	ClassParameter: ErrParameter, ClassMetadata: ErrMetadata, ClassState: ErrState, ClassUnsupported: ErrUnsupported, ClassDenied: ErrDenied,
	ClassExternal: ErrExternal, ClassSecurity: ErrSecurity,
}

// Error is every error of this module that has to do with a connection or a call.
type Error struct {
	Class Class
	Step  Step
	// Function is the function module concerned; may be empty.
	Function string
	// Remote: the partner reported the error. Otherwise it was found here.
	Remote bool
	// Outcome is what is known about the call's effect; zero when no call is concerned.
	Outcome Outcome
	// Key is the name of the ABAP exception or runtime error, the message text of an ABAP
	// message, or a fixed name such as RFC_LOGON_FAILURE.
	Key string
	// Message is the text; the partner's own, if it sent one.
	Message string
	// MessageClass, MessageType, MessageNumber and MessageV are the SY-MSG fields.
	MessageClass, MessageType, MessageNumber string
	MessageV                                 [4]string
	// Path leads to the parameter concerned, for example IT_ITEMS[17].MATNR.
	Path string
	// ConversationID and Address say which connection.
	ConversationID, Address string
	// Destination is the name of the destination; may be empty.
	Destination string
	// Closed: the partner ended the connection with this error.
	Closed bool
	// Err is the cause.
	Err error
}

// Code is the return code that the vendor library has for this error.
func (e *Error) Code() int {
	switch {
	case errors.Is(e.Err, ErrClosed):
		return 13 // RFC_INVALID_HANDLE
	case errors.Is(e.Err, ErrPeerClosed):
		return 6
	}
	return classes[e.Class].code
}

// Group is the error group of the vendor library.
func (e *Error) Group() int { return classes[e.Class].group }

// JCoGroup is the error group number of JCo.
func (e *Error) JCoGroup() int {
	switch {
	case errors.Is(e.Err, ErrClosed):
		return 133 // JCO_ERROR_INVALID_HANDLE
	case errors.Is(e.Err, ErrBusy):
		return 132 // JCO_ERROR_CONCURRENT_CALL
	case errors.Is(e.Err, ErrCodepage):
		return 125 // JCO_ERROR_UNSUPPORTED_CODEPAGE
	}
	return classes[e.Class].jco
}

// HTTPStatus is the status a gateway to HTTP would answer with.
func (e *Error) HTTPStatus() int { return classes[e.Class].httpStatus }

// ErrPeerClosed: the partner closed the connection while something was expected of it.
var ErrPeerClosed = errors.New("the partner closed the connection")

// Error implements error: `STFC_CONNECTION: send: communication failure: ... (outcome unknown)`.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Function != "" {
		b.WriteString(e.Function + ": ")
	}
	if e.Step != "" && !e.Remote {
		b.WriteString(string(e.Step) + ": ")
	}
	switch {
	case e.Remote && (e.Class == ClassABAPException || e.Class == ClassABAPRuntime || e.Class == ClassDenied):
		fmt.Fprintf(&b, "%s %s", e.Class, cut(e.Key))
		if e.Message != "" && e.Message != e.Key {
			b.WriteString(": " + cut(e.Message))
		}
	case e.Remote:
		fmt.Fprintf(&b, "%s: %s", e.Class, cut(e.Message))
	case e.Message != "":
		b.WriteString(cut(e.Message))
	case e.Err != nil:
		// Joined problems of our own keep a line each.
		for i, line := range strings.Split(e.Err.Error(), "\n") {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(cut(line))
		}
	default:
		b.WriteString(e.Class.String())
	}
	if e.Address != "" && (e.Class == ClassCommunication || e.Class == ClassSecurity) {
		b.WriteString(" [" + e.Address + "]")
	}
	if e.Outcome == Unknown {
		b.WriteString(" (outcome unknown: the call may have been executed)")
	}
	return b.String()
}

// cut bounds a foreign text in an error and takes what a terminal would obey, and what would
// start a new line of a log, out of it; the full text is in Message.
func cut(s string) string {
	const limit = 1024
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Format adds the message fields for %+v:
// "5 (rc=5): key=TABLE_NOT_AVAILABLE, message=ID:SV Type:E Number:029 T008X [MSG: class=SV, type=E, number=029, v1-4:=T008X;;;]".
func (e *Error) Format(f fmt.State, verb rune) {
	if verb != 'v' || !f.Flag('+') {
		_, _ = io.WriteString(f, e.Error())
		return
	}
	_, _ = fmt.Fprintf(f, "%d (rc=%d): key=%s, message=%s [MSG: class=%s, type=%s, number=%s, v1-4:=%s]",
		e.Code(), e.Code(), cut(e.Key), cut(e.Message), cut(e.MessageClass), cut(e.MessageType), cut(e.MessageNumber), cut(strings.Join(e.MessageV[:], ";")))
	for _, s := range []struct{ name, value string }{
		{"function", e.Function},
		{"step", string(e.Step)},
		{"path", e.Path},
		{"destination", e.Destination},
		{"address", e.Address},
		{"conversation", e.ConversationID},
	} {
		if s.value != "" {
			_, _ = fmt.Fprintf(f, " %s=%s", s.name, s.value)
		}
	}
	if e.Outcome != 0 {
		_, _ = fmt.Fprintf(f, " outcome=%q", e.Outcome.String())
	}
	if e.Err != nil {
		_, _ = fmt.Fprintf(f, " cause=%q", cut(e.Err.Error()))
	}
}

// LogValue gives the error as a group for log/slog. Its message is the text of Error, which may
// name a value that was refused, and texts of the partner; everything else is free of values.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(append(e.LogAttrs(), slog.String("message", e.Error()))...)
}

// LogAttrs are the attributes of LogValue without the message: class, key, step, outcome and
// what identifies an ABAP message, for those who log errors but no values.
func (e *Error) LogAttrs() []slog.Attr {
	list := []slog.Attr{slog.String("class", e.Class.String())}
	for _, s := range []struct{ name, value string }{
		{"key", e.key()},
		{"function", e.Function},
		{"step", string(e.Step)},
		{"abap_message", strings.TrimSpace(e.MessageType + " " + e.MessageClass + " " + e.MessageNumber)},
		{"path", e.Path},
		{"destination", e.Destination},
		{"address", e.Address},
		{"conversation", e.ConversationID},
	} {
		if s.value != "" {
			list = append(list, slog.String(s.name, cut(s.value)))
		}
	}
	if e.Outcome != 0 {
		list = append(list, slog.String("outcome", e.Outcome.String()))
	}
	return append(list, slog.Bool("remote", e.Remote))
}

// key is Key where that is a name: that of an ABAP message is its text.
func (e *Error) key() string {
	if e.Class == ClassABAPMessage {
		return classes[e.Class].key
	}
	return e.Key
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinel of the class. A timeout also matches ErrCanceled, because it is
// the call that was cancelled, and a security failure matches ErrCommunication, because no
// connection came of it.
func (e *Error) Is(target error) bool {
	if int(e.Class) < len(sentinels) && sentinels[e.Class] == target && target != nil {
		return true
	}
	return e.Class == ClassTimeout && target == ErrCanceled || e.Class == ClassSecurity && target == ErrCommunication
}

// MayHaveExecuted reports whether the function may have run.
func (e *Error) MayHaveExecuted() bool { return e.Outcome == Unknown || e.Outcome == Executed }

// SafeToRetry reports whether the failed call may be repeated without the risk of a second
// execution: true only if no byte of it left this process and another attempt can help.
// Refused logons are never safe: they count towards the lock of the user.
func SafeToRetry(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Outcome != NotSent {
		return false
	}
	switch e.Class {
	case ClassCommunication, ClassResource:
		return true
	default:
		return false
	}
}

// keepsConnection reports whether the connection is still in order after the error.
func (e *Error) keepsConnection() bool {
	if e.Closed {
		return false
	}
	switch e.Class {
	case ClassABAPException, ClassABAPClass, ClassConversion, ClassParameter, ClassMetadata, ClassConfig, ClassUnsupported:
		return true
	case ClassABAPMessage:
		return true // the header of the reply decides; Closed says so
	default:
		return false
	}
}

// classify makes an *Error of whatever a layer below reported.
func classify(err error, step Step) *Error {
	e, ok := err.(*Error) //nolint:errorlint // one that is wrapped deeper gives way to the end of a context
	if ok {
		return e
	}
	// The cause of a context may itself be an *Error; what ended is the call, all the same.
	if c := (*ni.ContextError)(nil); !errors.As(err, &c) {
		if e, ok = errors.AsType[*Error](err); ok {
			return e
		}
	}
	e = &Error{Step: step, Err: err, Class: ClassOther}
	var (
		gw    *cpic.Error
		setup *cpic.SetupError
		w     *wire.Error
		conv  *serialization.ConversionError
		net   net.Error
		peer  *ni.PeerError
		ctx   *ni.ContextError
		below failure
	)
	switch {
	case errors.As(err, &setup):
		inner := classify(setup.Err, Step(setup.Step))
		return inner
	case errors.As(err, &ctx), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Class = ClassCanceled
		if errors.Is(err, context.DeadlineExceeded) {
			e.Class = ClassTimeout
		}
		e.Message = "Connection was canceled."
		if e.Class == ClassTimeout {
			e.Message = "Connection was canceled. The time limit of the call was reached."
		}
	case errors.As(err, &below):
		e.Class, e.Remote, e.Message = classNamed(below.Kind()), below.Remote(), err.Error()
		if s := below.Step(); s != "" {
			e.Step = Step(s)
		}
	case errors.As(err, &gw), errors.As(err, &peer):
		e.Class, e.Remote = ClassCommunication, true
		e.Message = err.Error()
		if gw != nil && gw.Exhausted() {
			e.Class = ClassResource
		}
	case errors.As(err, &conv):
		e.Class, e.Path = ClassConversion, conv.Path
	case errors.Is(err, serialization.ErrUnknownName), errors.Is(err, serialization.ErrMissing),
		errors.Is(err, serialization.ErrShape), errors.Is(err, serialization.ErrDirection), errors.Is(err, serialization.ErrPlan):
		e.Class = ClassParameter
	case errors.Is(err, serialization.ErrStale):
		e.Class = ClassConversion
	case errors.Is(err, serialization.ErrUnsupported):
		e.Class = ClassUnsupported
	case errors.Is(err, serialization.ErrLimit), errors.Is(err, wire.ErrLimit):
		e.Class = ClassLimit
	case errors.As(err, &w) && w.Layer != "ni" && !errors.Is(err, wire.ErrLimit):
		// A complete message whose content ends too early is no lost connection.
		e.Class = ClassProtocol
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Class = ClassCommunication
		e.Err = fmt.Errorf("%w: %w", ErrPeerClosed, err)
	case errors.As(err, &w):
		e.Class = ClassProtocol
	case isClosed(err):
		e.Class = ClassCommunication
	case errors.As(err, &net):
		e.Class = ClassCommunication
		if net.Timeout() {
			e.Class = ClassTimeout
			e.Message = "the partner did not answer or did not read in time: " + err.Error()
		}
	default:
		if step == StepSend || step == StepReceive || step == StepTCP || step == StepDNS || step == StepNI {
			e.Class = ClassCommunication
		}
	}
	e.Key = classes[e.Class].key
	return e
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// errorFacts are the items 04xx of a reply.
//
// Source: spec 04 section 6, spec 41.10.
type errorFacts struct {
	seen                  bool
	key, runtime          string
	text, messageText     string
	class, typ, number    string
	v                     [4]string
	stack                 string
	classUse, classInfo   bool
	hasKey, hasRuntime    bool
	hasNumber             bool
	status                uint32
	hasStatus             bool
	hasClass, hasType     bool
	hasText, hasVariables bool
}

// toError classifies the facts; nil means success (spec 04 section 6.2, spec 41.10).
func (f *errorFacts) toError(function string) *Error {
	if !f.seen && !(f.hasStatus && f.status != 0) {
		return nil
	}
	e := &Error{
		Function: function, Remote: true, Outcome: Executed, Step: StepReceive,
		MessageClass: f.class, MessageType: f.typ, MessageNumber: f.number, MessageV: f.v,
	}
	e.Message = f.text
	if e.Message == "" {
		e.Message = f.messageText
	}
	switch {
	case f.hasRuntime:
		// 0401 beside 0403 is a conflict for one peer; here 0403 wins and both are kept.
		e.Class, e.Key = ClassABAPRuntime, f.runtime
		if f.runtime == keyNoAuthority {
			e.Class = ClassDenied
		}
		if f.hasKey {
			e.Err = fmt.Errorf("the reply also names the exception %s", f.key)
		}
	case f.classUse || f.classInfo && f.hasKey:
		e.Class, e.Key = ClassABAPClass, f.key
	case f.hasKey:
		e.Class, e.Key = ClassABAPException, f.key
		if e.Message == "" {
			e.Message = f.generic()
		}
	case f.hasText || f.hasClass && f.hasType && f.hasNumber:
		e.Class = ClassABAPMessage
		if e.Message == "" {
			e.Message = f.generic()
		}
		e.Key = e.Message
		e.Closed = f.typ == "A" || f.typ == "X"
	case f.hasStatus && f.status != 0 && !f.hasClass && !f.hasNumber && !f.hasVariables:
		e.Class, e.Key = ClassABAPRuntime, fmt.Sprintf("CALL_STATUS_%d", f.status)
		e.Message = fmt.Sprintf("the partner reports call status %d", f.status)
	default:
		// Some but not all of class, type and number and no text (case J-17).
		e.Class, e.Remote, e.Closed = ClassProtocol, false, true
		e.Key = classes[ClassProtocol].key
		e.Message = "the reply has parts of an error but neither key nor text nor a complete message"
	}
	return e
}

// generic is the text connectors show for a message that travelled without one:
// "ID:FL Type:E Number:046 undefined", or " Number:000".
func (f *errorFacts) generic() string {
	if f.class == "" && f.typ == "" {
		if f.number == "" {
			return ""
		}
		return " Number:" + f.number
	}
	var s strings.Builder
	fmt.Fprintf(&s, "ID:%s Type:%s Number:%s", f.class, f.typ, f.number)
	for _, v := range f.v {
		if v != "" {
			s.WriteString(" " + v)
		}
	}
	return s.String()
}

// RaiseException makes the error a handler returns to raise a classic ABAP exception. The
// connection survives it.
func RaiseException(key string) *Error {
	return &Error{Class: ClassABAPException, Key: key, MessageNumber: "000"}
}

// RaiseMessage makes the error of MESSAGE ... RAISING key; an empty key is a plain
// message: type E is reported, types A and X end the connection.
func RaiseMessage(key, class, typ, number string, v ...string) *Error {
	e := &Error{Class: ClassABAPException, Key: key, MessageClass: class, MessageType: typ, MessageNumber: number}
	if key == "" {
		e.Class = ClassABAPMessage
	}
	copy(e.MessageV[:], v)
	return e
}

// RuntimeFailure makes the error of a short dump: the connection ends with it.
func RuntimeFailure(key, message string) *Error {
	return &Error{Class: ClassABAPRuntime, Key: key, Message: message}
}

// keyNoAuthority is the runtime error of a call that an authorization check refused [doc].
const keyNoAuthority = "RFC_NO_AUTHORITY"

// functionNotFound is how systems answer a call of an unknown module [capture-note].
func functionNotFound(name string) *Error {
	return RaiseMessage("FU_NOT_FOUND", "FL", "E", "046", name)
}

// checkFunctionName applies the name rule before anything else happens (case B-63).
func checkFunctionName(name string) error {
	if err := metadata.CheckName(name); err != nil {
		return &Error{Class: ClassParameter, Step: StepConfig, Outcome: NotSent, Key: classes[ClassParameter].key, Message: "function " + err.Error(), Err: err}
	}
	return nil
}

// SetupError makes an *Error of what the network or the conversation below reported while
// a connection was set up. Nothing was executed by then.
func SetupError(err error, step Step) *Error {
	e := *classify(err, step)
	e.Outcome = NotSent
	return &e
}

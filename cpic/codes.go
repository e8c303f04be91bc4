package cpic

import (
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/ni"
)

// ReturnCode is a CPI-C return code (appc_rc) [dissector].
type ReturnCode uint32

// Return codes that decide something here.
const (
	OK                  ReturnCode = 0
	AllocateNoRetry     ReturnCode = 1
	AllocateRetry       ReturnCode = 2
	DeallocatedAbend    ReturnCode = 17
	DeallocatedNormal   ReturnCode = 18 // the peer ended the conversation; data, if any, is valid
	ProductSpecific     ReturnCode = 20
	ProgramStateCheck   ReturnCode = 25
	ResourceNoRetry     ReturnCode = 26
	ResourceRetry       ReturnCode = 27
	ConversationEnding  ReturnCode = 38
	TimeoutRetry        ReturnCode = 10001
	CancelRequestedCode ReturnCode = 10002
)

var returnCodeNames = map[ReturnCode]string{
	0: "CM_OK", 1: "CM_ALLOCATE_FAILURE_NO_RETRY", 2: "CM_ALLOCATE_FAILURE_RETRY", 3: "CM_CONVERSATION_TYPE_MISMATCH",
	5: "CM_PIP_NOT_SPECIFIED_CORRECTLY", 6: "CM_SECURITY_NOT_VALID", 7: "CM_SYNC_LVL_NOT_SUPPORTED_LU",
	8: "CM_SYNC_LVL_NOT_SUPPORTED_PGM", 9: "CM_TPN_NOT_RECOGNIZED", 10: "CM_TP_NOT_AVAILABLE_NO_RETRY",
	11: "CM_TP_NOT_AVAILABLE_RETRY", 17: "CM_DEALLOCATED_ABEND", 18: "CM_DEALLOCATED_NORMAL", 19: "CM_PARAMETER_ERROR",
	20: "CM_PRODUCT_SPECIFIC_ERROR", 21: "CM_PROGRAM_ERROR_NO_TRUNC", 22: "CM_PROGRAM_ERROR_PURGING",
	23: "CM_PROGRAM_ERROR_TRUNC", 24: "CM_PROGRAM_PARAMETER_CHECK", 25: "CM_PROGRAM_STATE_CHECK",
	26: "CM_RESOURCE_FAILURE_NO_RETRY", 27: "CM_RESOURCE_FAILURE_RETRY", 28: "CM_UNSUCCESSFUL",
	30: "CM_DEALLOCATED_ABEND_SVC", 31: "CM_DEALLOCATED_ABEND_TIMER", 35: "CM_OPERATION_INCOMPLETE",
	36: "CM_SYSTEM_EVENT", 37: "CM_OPERATION_NOT_ACCEPTED", 38: "CM_CONVERSATION_ENDING", 40: "CM_BUFFER_TOO_SMALL",
	10001: "CM_SAP_TIMEOUT_RETRY", 10002: "CM_CANCEL_REQUEST",
}

// String gives the CPI-C name with the number.
func (c ReturnCode) String() string {
	if s, ok := returnCodeNames[c]; ok {
		return fmt.Sprintf("%s (%d)", s, uint32(c))
	}
	return fmt.Sprintf("ReturnCode(%d)", uint32(c))
}

// Gateway return codes (sap_rc) that are documented or were seen.
const (
	RCUnknownFunction       = 225 // short or garbled record [capture-note]
	RCProgramNotRegistered  = 679 // [capture-note][doc]
	RCRegistrationDenied    = 720 // [doc]
	RCRegisteredDenied      = 748 // access to registered server not permitted [doc]
	RCProxyDenied           = 756 // registration from proxy host not allowed [doc]
	RCClientDidNotPong      = 757 // [capture-note]
	RCTooManyConversations  = 236 // gateway at its maximum [inferred: no public capture]
	RCHostUnknown           = 223 // a partner that the gateway cannot look up [inferred: the text was captured, the code not]
	gatewayComponent        = "GO-RFC-Gateway"
	gatewayErrorVersionText = "1"
)

var gatewayCodes = map[int32]string{
	RCUnknownFunction:      "unknown CPIC function, short or garbled record",
	RCProgramNotRegistered: "program not registered",
	RCRegistrationDenied:   "registration of the program not allowed (reginfo)",
	RCRegisteredDenied:     "access to the registered server not permitted",
	RCProxyDenied:          "registration from a proxy host not allowed",
	RCClientDidNotPong:     "client did not answer PING messages",
	RCTooManyConversations: "too many conversations",
}

// Error is a refusal or failure that the gateway or the partner reported in a record.
type Error struct {
	// Op is the record that failed: "gateway", "initialize", "allocate", "receive" ...
	Op string
	// ReturnCode is the CPI-C code, SAPReturnCode the gateway's; users know them as
	// cmRc and thRc.
	ReturnCode    ReturnCode
	SAPReturnCode int32
	// Text says what failed when the peer sent no text.
	Text string
	// Info is the error text block of the peer, or nil.
	Info *ni.ErrorInfo
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cpic ")
	b.WriteString(e.Op)
	b.WriteString(": ")
	switch {
	case e.Info != nil && e.Info.Text != "":
		b.WriteString(e.Info.Text)
	case gatewayCodes[e.SAPReturnCode] != "":
		b.WriteString(gatewayCodes[e.SAPReturnCode])
	case e.Text != "":
		b.WriteString(e.Text)
	default:
		b.WriteString(e.ReturnCode.String())
	}
	fmt.Fprintf(&b, " (cmRc=%d thRc=%d)", uint32(e.ReturnCode), e.SAPReturnCode)
	if e.Info != nil {
		if e.Info.Detail != "" && e.Info.Detail != e.Info.Text {
			b.WriteString(", detail " + e.Info.Detail)
		}
		if e.Info.Location != "" {
			b.WriteString(", location " + e.Info.Location)
		}
	}
	return b.String()
}

// Exhausted reports a gateway at its maximum: worth another try later.
func (e *Error) Exhausted() bool {
	return e.SAPReturnCode == RCTooManyConversations || e.ReturnCode == ResourceRetry
}

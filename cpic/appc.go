package cpic

import (
	"encoding/binary"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
)

// HeaderLength is the length of an APPC record header of version 6: 48 common bytes and 32
// bytes of operation information. The split into 76 + 4 found in one public description
// does not fit the captured bytes.
const HeaderLength = 80

// Function is the verb of an APPC record [dissector].
type Function uint8

// The verbs used by external clients and their gateways; the others are known by name only.
const (
	NoRequest         Function = 0x00
	Initialize        Function = 0x01 // F_INITIALIZE_CONVERSATION
	AcceptCall        Function = 0x03 // F_ACCEPT_CONVERSATION
	Allocate          Function = 0x05 // F_ALLOCATE
	SendData          Function = 0x07 // F_SEND_DATA: barrier slice of a streamed request
	AsyncSendData     Function = 0x08 // F_ASEND_DATA: slice of a streamed request
	Receive           Function = 0x09 // F_RECEIVE: end of a streamed request, later slices of a reply
	AsyncReceive      Function = 0x0a
	Deallocate        Function = 0x0b // F_DEALLOCATE: the client leaves
	SetTPName         Function = 0x0d
	SetPartnerLUName  Function = 0x0f // F_SET_PARTNER_LU_NAME
	SetPassword       Function = 0x11
	SetUserID         Function = 0x13
	SetSecurityType   Function = 0x15
	SetConversation   Function = 0x17
	ExtractTPName     Function = 0x19
	Flush             Function = 0x1b
	SAPAllocate       Function = 0xc9
	SAPInit           Function = 0xca
	SAPSend           Function = 0xcb // F_SAP_SEND: a whole request, or the first slice of a reply
	SAPAsyncSend      Function = 0xcc
	SAPSync           Function = 0xcd
	SAPPing           Function = 0xce // F_SAP_PING
	SAPRegisterTP     Function = 0xcf
	SAPUnregisterTP   Function = 0xd0
	SAPAcceptTP       Function = 0xd1
	SAPUnacceptTP     Function = 0xd2
	SAPCancelTP       Function = 0xd3
	SAPSetUID         Function = 0xd4
	SAPCancel         Function = 0xd5
	SAPCanceled       Function = 0xd6
	SAPStopStreaming  Function = 0xd7
	SAPContinueStream Function = 0xd8
)

var functionNames = map[Function]string{
	NoRequest: "F_NO_REQUEST", Initialize: "F_INITIALIZE_CONVERSATION", AcceptCall: "F_ACCEPT_CONVERSATION",
	Allocate: "F_ALLOCATE", SendData: "F_SEND_DATA", AsyncSendData: "F_ASEND_DATA", Receive: "F_RECEIVE",
	AsyncReceive: "F_ARECEIVE", Deallocate: "F_DEALLOCATE", SetTPName: "F_SET_TP_NAME",
	SetPartnerLUName: "F_SET_PARTNER_LU_NAME", SetPassword: "F_SET_SECURITY_PASSWORD",
	SetUserID: "F_SET_SECURITY_USER_ID", SetSecurityType: "F_SET_SECURITY_TYPE",
	SetConversation: "F_SET_CONVERSATION_TYPE", ExtractTPName: "F_EXTRACT_TP_NAME", Flush: "F_FLUSH",
	SAPAllocate: "F_SAP_ALLOCATE", SAPInit: "F_SAP_INIT", SAPSend: "F_SAP_SEND", SAPAsyncSend: "F_ASAP_SEND",
	SAPSync: "F_SAP_SYNC", SAPPing: "F_SAP_PING", SAPRegisterTP: "F_SAP_REGTP", SAPUnregisterTP: "F_SAP_UNREGTP",
	SAPAcceptTP: "F_SAP_ACCPTP", SAPUnacceptTP: "F_SAP_UNACCPTP", SAPCancelTP: "F_SAP_CANCTP",
	SAPSetUID: "F_SAP_SET_UID", SAPCancel: "F_SAP_CANCEL", SAPCanceled: "F_SAP_CANCELED",
	SAPStopStreaming: "F_SAP_STOP_STREAMING", SAPContinueStream: "F_SAP_CONT_STREAMING",
}

// String gives the dissector's name; unknown values print as Function(0x5f).
func (f Function) String() string {
	if s, ok := functionNames[f]; ok {
		return s
	}
	return fmt.Sprintf("Function(0x%02x)", uint8(f))
}

// Bits of the info bytes that this package sets or reads; all names [dissector].
const (
	Info2LongLUName       = 0x01 // WITH_LONG_LU_NAME
	Info3CodePage         = 0x01 // WITH_CODE_PAGE
	Info3ExtendedInit     = 0x40 // EXTENDED_INIT_OPTIONS
	Info3DistTrace        = 0x80 // DIST_TRACE
	Info4Init             = 0x04 // unnamed; request 04, reply 06
	Info4Reply            = 0x02 // unnamed; in every other reply
	InfoSync              = 0x01 // SYNC_CPIC_FUNCTION: a reply is expected, or this is one
	InfoWithParamsHeader  = 0x04 // WITH_GW_SAP_PARAMS_HDR
	InfoWithErrorInfo     = 0x10 // WITH_ERR_INFO
	VectorSend            = 0x04 // SEND_DATA: the message is complete
	VectorReceive         = 0x08 // RECEIVE
	protocolExternal      = 0x02 // conversations of external clients [capture]
	timeoutReplyFinal     = 500  // of a final reply record [capture]
	timeoutReplyMore      = -1   // of any other data record [capture]
	replyTime             = 0x00010000
	unassigned            = 0xffff // uid of an external peer, index not assigned
	dataReceivedComplete  = 2      // CPI-C: complete data received
	statusSendReceived    = 1      // CPI-C: it is your turn
	conversationTypeABAP  = 'I'    // target is an ABAP system
	clientInfoExternal    = 1      // external client [dissector]
	initializeParamLength = 373
	partnerParamLength    = 144
	trailerLength         = 8
)

// Header is the 80-byte header of an APPC record. Every field of the wire is kept, so that
// a decoded header encodes to the same bytes.
//
// Source: spec 02 section 3 [capture], names [dissector].
type Header struct {
	Version        uint8 // 6
	Function       Function
	Protocol       uint8 // 2 for external clients; answered with the value received
	Mode           uint8
	UID            uint16 // ffff external
	GatewayID      uint16 // ignored on read
	ErrorLength    uint16 // bytes of error text behind the header
	Info2          uint8
	TraceLevel     uint8
	Time           uint32 // 0 from clients, 00010000 in replies [capture], meaning unknown
	Info3          uint8
	Timeout        int32
	Info4          uint8
	Sequence       uint32 // 0 from clients, 1 in replies [capture]
	ParamLength    uint16 // SAP parameter block in bytes
	Padding        uint16
	Info           uint8
	Vector         uint8
	ReturnCode     ReturnCode // CPI-C
	SAPReturnCode  int32      // gateway
	ConversationID [8]byte    // ASCII
	Operation      [28]byte   // operation information, see the views below
	CommIndex      uint16     // the client's index; ffff in its own later records
	ConnIndex      uint16     // assigned by the gateway; ffff before that
}

// HeaderFields is the layout of the APPC header.
var HeaderFields = []wire.Field{
	{Name: "version", Off: 0, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "function", Off: 1, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "protocol", Off: 2, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "mode", Off: 3, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "uid", Off: 4, Len: 2, Kind: wire.Uint, Source: "[capture]"},
	{Name: "gw_id", Off: 6, Len: 2, Kind: wire.Uint, Source: "[capture]"},
	{Name: "err_len", Off: 8, Len: 2, Kind: wire.Uint, Source: "[dissector]"},
	{Name: "info2", Off: 10, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "trace_level", Off: 11, Len: 1, Kind: wire.Uint, Source: "[dissector]"},
	{Name: "time", Off: 12, Len: 4, Kind: wire.Hex, Source: "[capture]"},
	{Name: "info3", Off: 16, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "timeout", Off: 17, Len: 4, Kind: wire.Int, Source: "[capture]"},
	{Name: "info4", Off: 21, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "seq_no", Off: 22, Len: 4, Kind: wire.Uint, Source: "[capture]"},
	{Name: "sap_param_len", Off: 26, Len: 2, Kind: wire.Uint, Source: "[capture]"},
	{Name: "padding", Off: 28, Len: 2, Kind: wire.Hex, Source: "[capture]"},
	{Name: "info", Off: 30, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "vector", Off: 31, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "appc_rc", Off: 32, Len: 4, Kind: wire.Uint, Source: "[capture]"},
	{Name: "sap_rc", Off: 36, Len: 4, Kind: wire.Int, Source: "[dissector]"},
	{Name: "conversation_id", Off: 40, Len: 8, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "operation", Off: 48, Len: 28, Kind: wire.Hex, Source: "[capture]"},
	{Name: "comm_index", Off: 76, Len: 2, Kind: wire.Int, Source: "[capture]"},
	{Name: "conn_index", Off: 78, Len: 2, Kind: wire.Int, Source: "[capture]"},
}

// AppendBinary appends the 80 bytes.
func (h *Header) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, h.Version, byte(h.Function), h.Protocol, h.Mode)
	dst = binary.BigEndian.AppendUint16(dst, h.UID)
	dst = binary.BigEndian.AppendUint16(dst, h.GatewayID)
	dst = binary.BigEndian.AppendUint16(dst, h.ErrorLength)
	dst = append(dst, h.Info2, h.TraceLevel)
	dst = binary.BigEndian.AppendUint32(dst, h.Time)
	dst = append(dst, h.Info3)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Timeout))
	dst = append(dst, h.Info4)
	dst = binary.BigEndian.AppendUint32(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint16(dst, h.ParamLength)
	dst = binary.BigEndian.AppendUint16(dst, h.Padding)
	dst = append(dst, h.Info, h.Vector)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.ReturnCode))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.SAPReturnCode))
	dst = append(dst, h.ConversationID[:]...)
	dst = append(dst, h.Operation[:]...)
	dst = binary.BigEndian.AppendUint16(dst, h.CommIndex)
	return binary.BigEndian.AppendUint16(dst, h.ConnIndex), nil
}

// DecodeHeader reads the header of a record; payload may go on behind it. Any version but
// 6 is refused: no other is ever offered.
func DecodeHeader(payload []byte) (Header, error) {
	var h Header
	if len(payload) < HeaderLength {
		return h, &wire.Error{
			Layer: "appc", Record: "header", Offset: len(payload), Err: wire.ErrTruncated,
			Want: fmt.Sprintf("%d bytes", HeaderLength), Got: fmt.Sprintf("%d", len(payload)),
		}
	}
	b := payload[:HeaderLength]
	be := binary.BigEndian
	h = Header{
		Version: b[0], Function: Function(b[1]), Protocol: b[2], Mode: b[3],
		UID: be.Uint16(b[4:]), GatewayID: be.Uint16(b[6:]), ErrorLength: be.Uint16(b[8:]),
		Info2: b[10], TraceLevel: b[11], Time: be.Uint32(b[12:]), Info3: b[16],
		Timeout: int32(be.Uint32(b[17:])), Info4: b[21], Sequence: be.Uint32(b[22:]),
		ParamLength: be.Uint16(b[26:]), Padding: be.Uint16(b[28:]), Info: b[30], Vector: b[31],
		ReturnCode: ReturnCode(be.Uint32(b[32:])), SAPReturnCode: int32(be.Uint32(b[36:])),
		ConversationID: [8]byte(b[40:48]), Operation: [28]byte(b[48:76]),
		CommIndex: be.Uint16(b[76:]), ConnIndex: be.Uint16(b[78:]),
	}
	if h.Version != AppcVersion {
		return h, &wire.Error{
			Layer: "appc", Record: "header", Field: "version", Err: wire.ErrMalformed,
			Want: "6", Got: fmt.Sprintf("%d (first bytes % x)", h.Version, payload[:16]),
		}
	}
	return h, nil
}

// ReceiveInfo is the operation information of server data records and replies: the output
// parameters of the CPI-C receive verb in their documented order. Reading [inferred, high];
// the values fit every captured reply.
type ReceiveInfo struct {
	RequestedLength uint32 // 28,000 in final records, else the length of this record
	DataReceived    uint32 // 2 = complete data
	ReceivedLength  uint32 // data bytes of this record; strict clients check it
	StatusReceived  uint32 // 1 = it is your turn
	RequestToSend   uint32
	Codepage        string // 4 ASCII digits
}

// put writes the view into the 28 bytes of Header.Operation.
func (o ReceiveInfo) put(op *[28]byte) {
	be := binary.BigEndian
	be.PutUint32(op[0:], o.RequestedLength)
	be.PutUint32(op[4:], o.DataReceived)
	be.PutUint32(op[8:], o.ReceivedLength)
	be.PutUint32(op[12:], o.StatusReceived)
	be.PutUint32(op[16:], o.RequestToSend)
	copy(op[21:25], o.Codepage)
}

// ReceiveInfo reads the operation information of a server record.
func (h *Header) ReceiveInfo() ReceiveInfo {
	be, op := binary.BigEndian, &h.Operation
	return ReceiveInfo{
		RequestedLength: be.Uint32(op[0:]), DataReceived: be.Uint32(op[4:]), ReceivedLength: be.Uint32(op[8:]),
		StatusReceived: be.Uint32(op[12:]), RequestToSend: be.Uint32(op[16:]), Codepage: unpad(op[21:25]),
	}
}

// SetReceiveInfo fills the operation information of a server record.
func (h *Header) SetReceiveInfo(o ReceiveInfo) { o.put(&h.Operation) }

// SendLength is the operation information of a slice: the data length of this record.
func (h *Header) SendLength() uint32 { return binary.BigEndian.Uint32(h.Operation[:]) }

// SetSendLength fills the operation information of a slice.
func (h *Header) SetSendLength(n uint32) { binary.BigEndian.PutUint32(h.Operation[:], n) }

// InitInfo is the operation information of F_INITIALIZE.
type InitInfo struct {
	ShortDestination string // 8 characters of the client's destination
	LU               string // first 8 characters of the target host
	TP               string // sapdpNN
	ConversationType byte   // I ABAP, E program start, R registered program [impl]
	ClientInfo       byte   // 1 external client [dissector]
}

// InitInfo reads the operation information of F_INITIALIZE.
func (h *Header) InitInfo() InitInfo {
	op := &h.Operation
	return InitInfo{unpad(op[0:8]), unpad(op[8:16]), unpad(op[16:24]), op[24], op[25]}
}

// SetInitInfo fills it. An absent name is eight NULs, a present one is blank padded
// (spec 40.2 [impl]).
func (h *Header) SetInitInfo(o InitInfo) {
	dst := h.Operation[:0]
	for _, name := range []string{o.ShortDestination, o.LU, o.TP} {
		pad := byte(' ')
		if name == "" {
			pad = 0
		}
		dst = appendPadded(dst, name, 8, pad)
	}
	h.Operation[24], h.Operation[25] = o.ConversationType, o.ClientInfo
}

// PartnerInfo is the operation information of F_SET_PARTNER_LU_NAME.
type PartnerInfo struct {
	LU      string // first 8 characters
	Length  uint32 // of the full name
	Address [16]byte
}

// PartnerInfo reads the operation information of F_SET_PARTNER_LU_NAME.
func (h *Header) PartnerInfo() PartnerInfo {
	op := &h.Operation
	return PartnerInfo{unpad(op[0:8]), binary.BigEndian.Uint32(op[8:]), [16]byte(op[12:28])}
}

// SetPartnerInfo fills it.
func (h *Header) SetPartnerInfo(o PartnerInfo) {
	appendPadded(h.Operation[:0], o.LU, 8, ' ')
	binary.BigEndian.PutUint32(h.Operation[8:], o.Length)
	copy(h.Operation[12:], o.Address[:])
}

package chain

import "fmt"

// Tag names one kind of item. Unknown tags are legal: they are skipped by length and
// kept in order by whoever needs them.
type Tag uint16

// Tags of the classic field chain. Names follow the open descriptions; the comment says
// which side writes the item (C client, S server) and how we know.
const (
	DestinationName    Tag = 0x0006 // both: name of the RFC destination [capture]
	Address            Tag = 0x0007 // both: IPv4 text; blank-padded to 15 characters from a server [capture]
	HostName           Tag = 0x0008 // both: host name [capture]
	CallerRelease      Tag = 0x000b // C: release of the caller, in front of the function name [capture]
	PartnerType        Tag = 0x0011 // both: E external, 3 ABAP, 2 R/2; not the language [capture]
	Release            Tag = 0x0012 // both: SAP_BASIS release [capture]
	KernelRelease      Tag = 0x0013 // both: kernel or library release [capture]
	SystemCodepage     Tag = 0x0016 // S: code page of the system's OS side, not of the session [capture]
	AddressLong        Tag = 0x0018 // both: address without padding, IPv6 possible [capture]
	GatewayHost        Tag = 0x0020 // S: zeros for external clients [capture]
	GatewayService     Tag = 0x0021 // S: zeros for external clients [capture]
	CallerUser         Tag = 0x0009 // C, ABAP: calling user [impl]
	CallerSystemID     Tag = 0x0003 // C, ABAP: calling system [impl]
	CallerTransaction  Tag = 0x000c // C, ABAP: calling transaction [impl]
	CallerClient       Tag = 0x000e // C, ABAP [impl]
	TicketMark         Tag = 0x0002 // C: precedes a logon ticket [impl]
	SenderDescription  Tag = 0x0101 // both: kind, byte order, character type, code page of the sender [capture]
	FunctionName       Tag = 0x0102 // C: function module to call [capture]
	ProtocolBits       Tag = 0x0103 // both: bit 02 = understands table ids [capture], meaning [inferred]
	Environment        Tag = 0x0104 // both: environment block, skipped [impl]
	Routing            Tag = 0x0105 // C, ABAP [impl]
	UnicodeHeader      Tag = 0x0106 // both: code page, conversion rule, substitute character [capture]
	User               Tag = 0x0111 // C: logon user [capture]
	Client             Tag = 0x0114 // C: logon client [capture]
	Language           Tag = 0x0115 // C: one-letter logon language [capture]
	Password           Tag = 0x0117 // C: seed and scrambled password [capture]
	CallerUserLong     Tag = 0x0119 // C, ABAP [impl]
	TrustedData        Tag = 0x0120 // C, ABAP: opaque, never proof of identity [impl]
	TrustedTime        Tag = 0x0122 // C, ABAP [impl]
	TrustedEnd         Tag = 0x0123 // C, ABAP [impl]
	CallerGUID         Tag = 0x0125 // C, ABAP [impl]
	TrailingFlags      Tag = 0x0126 // S: four bytes, optional [impl]
	TrailingInfo       Tag = 0x0128 // S: optional [impl]
	Program            Tag = 0x0130 // both: program name; 80 bytes blank-padded in replies [capture]
	Passport           Tag = 0x0131 // C: application passport [impl]
	CallerClientLong   Tag = 0x0134 // C, ABAP [impl]
	RootContext        Tag = 0x0136 // C, ABAP [impl]
	SessionUser        Tag = 0x0150 // S: 12 characters [capture]
	SessionClient      Tag = 0x0151 // S: 3 characters [capture]
	SessionLanguage    Tag = 0x0152 // S: 1 character [capture]
	SerializerWord     Tag = 0x0160 // weakly attested announcement of a serializer [impl]
	LogonStatus        Tag = 0x0161 // S: one byte; zero even in refusals, non-zero means failure [capture]
	ParameterName      Tag = 0x0201 // both: name of the value that follows [capture]
	ParameterValue     Tag = 0x0203 // both: raw value [capture]
	RequestedName      Tag = 0x0205 // C: output wanted; S: output returned [capture]
	LineDescription    Tag = 0x0213 // old inline description of a row [dissector]
	TableName          Tag = 0x0301 // both: opens a table group [capture]
	TableInfo          Tag = 0x0302 // both: u32 row width, u32 row count [capture]
	TableRow           Tag = 0x0303 // both: one row; shorter means initial tail [capture]
	TableRowRepeat     Tag = 0x0304 // both: one row; shorter means last byte repeats [capture full width, impl]
	TableBlock         Tag = 0x0305 // S: 250-byte piece of a compressed table [impl]
	TableBlockEnd      Tag = 0x0306 // S: end of a compressed table; never behind plain rows [impl]
	TableUsedWidth     Tag = 0x0310 // S: used row width in front of 0305 [impl]
	TableID            Tag = 0x0330 // both: u32 table id [capture]
	TableNumber        Tag = 0x0331 // S: table numbers, before 0503 [impl]
	TableWhole         Tag = 0x0333 // S: kind, id, row count of a table sent in one value [impl]
	TableWholeRows     Tag = 0x0334 // S: all rows concatenated [impl]
	TableDelta         Tag = 0x0335 // S: opcode 10, id, row count: answer to a table the client sent [impl]
	TableDeltaEnd      Tag = 0x0336 // S: id; closes a 0335 group [impl]
	EmptyMark          Tag = 0x0337 // C: empty, sent by one client [impl]
	ExceptionKey       Tag = 0x0401 // S: key of an ABAP exception [capture]
	ErrorText          Tag = 0x0402 // S: text of a runtime error or logon failure [capture]
	RuntimeErrorID     Tag = 0x0403 // S: key of an ABAP runtime error [impl]
	MessageText        Tag = 0x0404 // S: message text [impl]
	MessageV1          Tag = 0x0411 // S: message variable 1 [impl]
	MessageV2          Tag = 0x0412 // S [impl]
	MessageV3          Tag = 0x0413 // S [impl]
	MessageV4          Tag = 0x0414 // S [impl]
	MessageClass       Tag = 0x0415 // S: message class [impl]
	MessageType        Tag = 0x0416 // S: message type E, A, X ... [impl]
	MessageNumber      Tag = 0x0417 // S: three digits [capture]
	CallStack          Tag = 0x0418 // S: opaque text [impl]
	CallStatus         Tag = 0x0420 // S: u32, 0 on success [capture]
	ClassExceptionUse  Tag = 0x0421 // S [impl, unseen]
	ClassExceptionInfo Tag = 0x0422 // S [impl, unseen]
	ClassException     Tag = 0x0423 // S [impl, unseen]
	ClassExceptionEnd  Tag = 0x0424 // S [impl, unseen]
	SystemID           Tag = 0x0450 // S: 3 characters; absent on 7.5x kernels [capture]
	SystemDescription  Tag = 0x0451 // S: 10 characters [capture]
	SystemNumber       Tag = 0x0452 // S: instance number, 2 characters [capture]
	ServerHost         Tag = 0x0453 // S: host name [capture]
	Reply              Tag = 0x0500 // S: reply starts [capture]
	Unicode            Tag = 0x0501 // C: 01 = Unicode client [capture]
	Call               Tag = 0x0502 // C: call starts [capture]
	Success            Tag = 0x0503 // S: success section [capture]
	Parameters         Tag = 0x0512 // both: parameter section [capture]
	SessionGUID        Tag = 0x0514 // both: 16 bytes chosen by the client, echoed [capture]
	ResetDone          Tag = 0x0523 // S: empty, behind SYSTEM_RESET_RFC_SERVER [impl]
	Duration           Tag = 0x0667 // S: server time in microseconds, IEEE double [capture]
	Ticket             Tag = 0x0670 // C: logon or assertion ticket [impl]
	XMLBracket         Tag = 0x3c02 // both: opens and closes an XML parameter [capture]
	XMLPiece           Tag = 0x3c05 // both: piece of an XML document [capture]
	CompactOpen        Tag = 0x4000 // both: opens a compact block [capture]
	CompactPlain       Tag = 0x4001 // both: uncompressed piece [capture]
	CompactDeflated    Tag = 0x4002 // both: piece of a raw DEFLATE stream [capture]
	CompactEnd         Tag = 0x4004 // both: closes a compact block [capture]
	FastSerialization  Tag = 0x5001 // both: fast serialization container [impl]
	OFS1               Tag = 0x7e01 // both: block of this project's own format, after an offer only (spec 22.5)
	End                Tag = 0xffff // both: end of the chain [capture]
)

var tagNames = map[Tag]string{
	DestinationName: "destination", Address: "address", HostName: "host", CallerRelease: "caller_release",
	PartnerType: "partner_type", Release: "release", KernelRelease: "kernel_release", SystemCodepage: "system_codepage",
	AddressLong: "address_long", GatewayHost: "gateway_host", GatewayService: "gateway_service",
	CallerUser: "caller_user", CallerSystemID: "caller_system_id", CallerTransaction: "caller_transaction",
	CallerClient: "caller_client", TicketMark: "ticket_mark", SenderDescription: "sender_description",
	FunctionName: "function", ProtocolBits: "protocol_bits", Environment: "environment", Routing: "routing",
	UnicodeHeader: "unicode_header", User: "user", Client: "client", Language: "language", Password: "password",
	CallerUserLong: "caller_user_long", TrustedData: "trusted_data", TrustedTime: "trusted_time", TrustedEnd: "trusted_end",
	CallerGUID: "caller_guid", TrailingFlags: "trailing_flags", TrailingInfo: "trailing_info", Program: "program",
	Passport: "passport", CallerClientLong: "caller_client_long", RootContext: "root_context",
	SessionUser: "session_user", SessionClient: "session_client", SessionLanguage: "session_language",
	SerializerWord: "serializer_word", LogonStatus: "logon_status", ParameterName: "parameter_name",
	ParameterValue: "parameter_value", RequestedName: "requested_name", LineDescription: "line_description",
	TableName: "table_name", TableInfo: "table_info", TableRow: "table_row", TableRowRepeat: "table_row_repeat",
	TableBlock: "table_block", TableBlockEnd: "table_block_end", TableUsedWidth: "table_used_width", TableID: "table_id",
	TableNumber: "table_number", TableWhole: "table_whole", TableWholeRows: "table_whole_rows", TableDelta: "table_delta",
	TableDeltaEnd: "table_delta_end", EmptyMark: "empty_mark", ExceptionKey: "exception_key", ErrorText: "error_text",
	RuntimeErrorID: "runtime_error_id", MessageText: "message_text", MessageV1: "message_v1", MessageV2: "message_v2",
	MessageV3: "message_v3", MessageV4: "message_v4", MessageClass: "message_class", MessageType: "message_type",
	MessageNumber: "message_number", CallStack: "call_stack", CallStatus: "call_status",
	ClassExceptionUse: "class_exception_use", ClassExceptionInfo: "class_exception_info",
	ClassException: "class_exception", ClassExceptionEnd: "class_exception_end", SystemID: "system_id",
	SystemDescription: "system_description", SystemNumber: "system_number", ServerHost: "server_host",
	Reply: "reply", Unicode: "unicode",
	Call: "call", Success: "success", Parameters: "parameters", SessionGUID: "session_guid", ResetDone: "reset_done",
	Duration: "duration", Ticket: "ticket", XMLBracket: "xml_bracket", XMLPiece: "xml_piece",
	CompactOpen: "compact_open", CompactPlain: "compact_plain", CompactDeflated: "compact_deflated",
	CompactEnd: "compact_end", FastSerialization: "fast_serialization", OFS1: "ofs1", End: "end",
}

// String gives the name used in dumps; an unknown tag prints as "Tag(0x1234)".
func (t Tag) String() string {
	if s, ok := tagNames[t]; ok {
		return s
	}
	return fmt.Sprintf("Tag(0x%04x)", uint16(t))
}

// Known reports whether the tag has a name here.
func (t Tag) Known() bool { _, ok := tagNames[t]; return ok }

// Secret reports whether a value of this tag must never be shown: passwords, tickets and
// what an ABAP system presents as proof of trust.
func (t Tag) Secret() bool {
	switch t {
	case Password, Ticket, TrustedData, Passport:
		return true
	default:
		return false
	}
}

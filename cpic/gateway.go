package cpic

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

// GatewayType is the request type of a gateway record.
type GatewayType uint8

// Request types, named as in the open dissectors [dissector].
const (
	GatewayUndefined      GatewayType = 0x00
	CheckGateway          GatewayType = 0x01
	ConnectWorkProcess    GatewayType = 0x02
	NormalClient          GatewayType = 0x03
	RemoteGateway         GatewayType = 0x04
	StopGateway           GatewayType = 0x05
	LocalR3               GatewayType = 0x06
	SendInternalError     GatewayType = 0x07
	SendInfo              GatewayType = 0x08
	SendCommand           GatewayType = 0x09
	WorkProcessDied       GatewayType = 0x0a
	RegisterTP            GatewayType = 0x0b
	UnregisterTP          GatewayType = 0x0c
	ConnectDispatcher     GatewayType = 0x0d
	GetNumberRegisteredTP GatewayType = 0x0e
	WorkProcessClient     GatewayType = 0x0f
	CancelRegisterTP      GatewayType = 0x10
	FromRemoteGateway     GatewayType = 0x11
	ContainerReceived     GatewayType = 0x12
)

var gatewayTypeNames = [...]string{
	"GW_UNDEF_TYPE", "GW_CHECK_GATEWAY", "GW_CONNECT_GWWP", "GW_NORMAL_CLIENT", "GW_REMOTE_GATEWAY",
	"GW_STOP_GATEWAY", "GW_LOCAL_R3", "GW_SEND_INTERNAL_ERROR", "GW_SEND_INFO", "GW_SEND_CMD",
	"GW_WORKPROCESS_DIED", "GW_REGISTER_TP", "GW_UNREGISTER_TP", "GW_CONNECT_DISP", "GW_GET_NO_REGISTER_TP",
	"GW_SAP_WP_CLIENT", "GW_CANCEL_REGISTER_TP", "GW_FROM_REMOTE_GATEWAY", "GW_CONTAINER_RECEIVED",
}

// String gives the dissector's name; unknown values print as GatewayType(0x5f).
func (t GatewayType) String() string {
	if int(t) < len(gatewayTypeNames) {
		return gatewayTypeNames[t]
	}
	return fmt.Sprintf("GatewayType(0x%02x)", uint8(t))
}

// AcceptInfo are the capability bits of a gateway record [dissector].
type AcceptInfo uint8

// The bits of AcceptInfo.
const (
	AcceptErrorInfo     AcceptInfo = 0x01 // EINFO: understands error information
	AcceptPing          AcceptInfo = 0x02 // PING
	AcceptSNC           AcceptInfo = 0x04 // SNC
	AcceptConnErrorInfo AcceptInfo = 0x08 // CONN_EINFO
	AcceptCodePage      AcceptInfo = 0x10 // CODE_PAGE
	AcceptNIPing        AcceptInfo = 0x20 // NIPING: may be pinged at NI level
	AcceptExtInitOpt    AcceptInfo = 0x40 // EXTINITOPT: extended init options
	AcceptDistTrace     AcceptInfo = 0x80 // DIST_TRACE
)

// clientAcceptInfo is what the captured clients offer (cb) [capture]; gatewayAcceptInfo is
// what a gateway adds to it [capture].
const (
	clientAcceptInfo  = AcceptErrorInfo | AcceptPing | AcceptConnErrorInfo | AcceptExtInitOpt | AcceptDistTrace
	gatewayAcceptInfo = AcceptCodePage | AcceptNIPing
)

// Option levels of a gateway record: a constant of the sender, its meaning is unknown
// (spec 05 G1).
const (
	clientOptionLevel  = 0x06 // SDK, JCo [capture]
	gatewayOptionLevel = 0x0f // gateway [capture]
)

// AppcVersion is the only APPC header version ever offered or accepted.
const AppcVersion = 6

// GatewayRecord opens a connection to a gateway and is the gateway's answer: 64 bytes, or
// 80 in version 3, which inserts an IPv6 address.
//
// Source: spec 02 section 2 [capture]; version 3 [dissector].
type GatewayRecord struct {
	Version uint8 // 2, or 3 with IPv6
	Type    GatewayType
	IPv4    [4]byte // of the client; a claim, never compared
	Zero1   [4]byte
	Service string // 10 bytes, NUL padded: program or service name
	// Codepage is 4 ASCII digits: 1100 from clients, 4103 in the answer says "the peer is
	// Unicode". It does not set the byte order of later data.
	Codepage    string
	Zero2       [5]byte
	OptionLevel uint8
	LU          string // 8 bytes, blank padded: short host name of the client
	TP          string // 8 bytes, blank padded: program
	// ConversationID is 8 blanks here.
	ConversationID string
	AppcVersion    uint8
	Accept         AcceptInfo
	Index          int16 // -1
	IPv6           [16]byte
	ReturnCode     int32
	Echo           uint8
	Filler         uint8
}

// GatewayRecordLength is the length of a version 2 record in bytes.
const GatewayRecordLength = 64

// gatewayRecordMax is the length of a version 3 record, which has an IPv6 address more.
const gatewayRecordMax = GatewayRecordLength + 16

// GatewayFields is the layout of a version 2 gateway record.
var GatewayFields = []wire.Field{
	{Name: "version", Off: 0, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "request_type", Off: 1, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "client_ip", Off: 2, Len: 4, Kind: wire.Hex, Source: "[capture]"},
	{Name: "zero1", Off: 6, Len: 4, Kind: wire.Hex, Source: "[capture]"},
	{Name: "service", Off: 10, Len: 10, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "codepage", Off: 20, Len: 4, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "zero2", Off: 24, Len: 5, Kind: wire.Hex, Source: "[capture]"},
	{Name: "option_level", Off: 29, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "lu", Off: 30, Len: 8, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "tp", Off: 38, Len: 8, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "conversation_id", Off: 46, Len: 8, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "appc_header_version", Off: 54, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "accept_info", Off: 55, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "index", Off: 56, Len: 2, Kind: wire.Int, Source: "[capture]"},
	{Name: "return_code", Off: 58, Len: 4, Kind: wire.Int, Source: "[capture]"},
	{Name: "echo", Off: 62, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "filler", Off: 63, Len: 1, Kind: wire.Hex, Source: "[capture]"},
}

// AppendBinary appends the record. Names longer than their field are cut: the long forms
// travel in F_INITIALIZE.
func (g *GatewayRecord) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, g.Version, byte(g.Type))
	dst = append(dst, g.IPv4[:]...)
	dst = append(dst, g.Zero1[:]...)
	dst = appendPadded(dst, g.Service, 10, 0)
	dst = appendPadded(dst, g.Codepage, 4, ' ')
	dst = append(dst, g.Zero2[:]...)
	dst = append(dst, g.OptionLevel)
	dst = appendPadded(dst, g.LU, 8, ' ')
	dst = appendPadded(dst, g.TP, 8, ' ')
	dst = appendPadded(dst, g.ConversationID, 8, ' ')
	dst = append(dst, g.AppcVersion, byte(g.Accept))
	dst = binary.BigEndian.AppendUint16(dst, uint16(g.Index))
	if g.Version >= 3 {
		dst = append(dst, g.IPv6[:]...)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.ReturnCode))
	return append(dst, g.Echo, g.Filler), nil
}

// DecodeGatewayRecord reads a gateway record of version 2 or 3.
func DecodeGatewayRecord(payload []byte) (*GatewayRecord, error) {
	g := new(GatewayRecord)
	r := wire.NewReader("gateway", "GW record", payload)
	g.Version = r.U8("version")
	if r.Err() == nil && g.Version != 2 && g.Version != 3 {
		r.Fail("version", 0, wire.ErrMalformed, "2 or 3", fmt.Sprintf("%d (first bytes % x)", g.Version, payload[:min(len(payload), 16)]))
	}
	g.Type = GatewayType(r.U8("request_type"))
	r.Record(g.Type.String())
	r.Array("client_ip", g.IPv4[:])
	r.Array("zero1", g.Zero1[:])
	g.Service = unpad(r.Bytes("service", 10))
	g.Codepage = r.Text("codepage", 4)
	r.Array("zero2", g.Zero2[:])
	g.OptionLevel = r.U8("option_level")
	g.LU = unpad(r.Bytes("lu", 8))
	g.TP = unpad(r.Bytes("tp", 8))
	g.ConversationID = r.Text("conversation_id", 8)
	g.AppcVersion = r.U8("appc_header_version")
	g.Accept = AcceptInfo(r.U8("accept_info"))
	g.Index = r.I16("index")
	if g.Version >= 3 {
		r.Array("ipv6", g.IPv6[:])
	}
	g.ReturnCode = r.I32("return_code")
	g.Echo = r.U8("echo")
	g.Filler = r.U8("filler")
	if err := r.Err(); err != nil {
		return nil, err
	}
	return g, nil
}

// Answer is the gateway's reply to a client record: a copy that changes three things only
// (code page 4103, option level 0f, accept info OR 30). Clients refuse a verbatim echo
// [impl] and a code page of 1100 makes the vendor library misread metadata lengths [impl].
func (g *GatewayRecord) Answer() *GatewayRecord {
	a := *g
	a.Codepage = sessionCodepage
	a.OptionLevel = gatewayOptionLevel
	a.Accept |= gatewayAcceptInfo
	a.ReturnCode = 0
	return &a
}

// echo is the answer on the wire: the bytes of the request, so that padding and reserved
// bytes come back as they were, with what Answer changes and a return code.
type echo struct {
	record  *GatewayRecord
	request []byte
	code    int32
}

// AppendBinary appends the answer; echo satisfies encoding.BinaryAppender.
func (e echo) AppendBinary(dst []byte) ([]byte, error) {
	n := GatewayRecordLength
	if e.record.Version >= 3 {
		n += len(e.record.IPv6)
	}
	start := len(dst)
	dst = append(dst, e.request[:n]...)
	a := dst[start:]
	binary.BigEndian.PutUint32(a[n-6:], uint32(e.code))
	if e.record.Type == CheckGateway {
		return dst, nil
	}
	copy(a[20:], sessionCodepage)
	a[29] = gatewayOptionLevel
	a[55] |= byte(gatewayAcceptInfo)
	return dst, nil
}

// checkAnswer applies the client's rule of spec 02 section 2.
func (g *GatewayRecord) checkAnswer(sent *GatewayRecord) error {
	bad := func(field, want, got string, off int) error {
		return &wire.Error{Layer: "gateway", Record: g.Type.String(), Field: field, Offset: off, Err: wire.ErrMalformed, Want: want, Got: got}
	}
	switch {
	case g.ReturnCode != 0:
		return &Error{Op: "gateway", SAPReturnCode: g.ReturnCode, Text: "the gateway refused the connection"}
	case g.Type != sent.Type:
		return bad("request_type", sent.Type.String(), g.Type.String(), 1)
	case g.AppcVersion != AppcVersion:
		return bad("appc_header_version", "6", fmt.Sprint(g.AppcVersion), 54)
	case g.Accept&AcceptExtInitOpt == 0:
		return bad("accept_info", "EXTINITOPT (0x40) set", fmt.Sprintf("0x%02x", uint8(g.Accept)), 55)
	}
	return nil
}

// sessionCodepage is what a Unicode peer calls itself.
const sessionCodepage = "4103"

// appendPadded appends s cut or padded to n bytes. Characters outside ASCII become '?':
// these blocks are ASCII and a host label must not travel as UTF-8 (spec 40.2).
func appendPadded(dst []byte, s string, n int, pad byte) []byte {
	start := len(dst)
	for _, r := range s {
		if len(dst)-start == n {
			break
		}
		if r > 0x7e || r < 0x20 {
			r = '?'
		}
		dst = append(dst, byte(r))
	}
	for len(dst)-start < n {
		dst = append(dst, pad)
	}
	return dst
}

// unpad removes trailing NULs and blanks.
func unpad(b []byte) string { return strings.TrimRight(string(b), " \x00") }

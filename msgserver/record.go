package msgserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

const (
	// HeaderLength is the length of a header in bytes.
	HeaderLength = 110
	// OperationLength is that of what follows it in a question, in bytes.
	OperationLength = 4
	// Version is the version of the header: a server answered 5 with an error and dropped
	// older ones without a word [impl].
	Version = 4
	// nameLength is the width of names in bytes.
	nameLength = 40
)

var eyeCatcher = []byte("**MESSAGE**\x00")

// IsMessage reports whether a payload is a record of a message server.
func IsMessage(payload []byte) bool { return bytes.HasPrefix(payload, eyeCatcher) }

// HeaderFields is the layout of a header.
//
// Source: spec 11 section 3.1 [capture], names [dissector].
var HeaderFields = []wire.Field{
	{Name: "eye_catcher", Off: 0x00, Len: 12, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "version", Off: 0x0c, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "error_number", Off: 0x0d, Len: 1, Kind: wire.Int, Source: "[dissector]"},
	{Name: "to", Off: 0x0e, Len: 40, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "message_types", Off: 0x36, Len: 1, Kind: wire.Hex, Source: "[dissector]"},
	{Name: "reserved", Off: 0x37, Len: 1, Kind: wire.Hex, Source: "[dissector]"},
	{Name: "domain", Off: 0x38, Len: 1, Kind: wire.Uint, Source: "[dissector]"},
	{Name: "reserved2", Off: 0x39, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "key", Off: 0x3a, Len: 8, Kind: wire.Hex, Source: "[dissector]"},
	{Name: "flag", Off: 0x42, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "iflag", Off: 0x43, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "from", Off: 0x44, Len: 40, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "port", Off: 0x6c, Len: 2, Kind: wire.Uint, Source: "[impl]"},
}

// OperationFields is the layout of an operation header, from the start of the payload.
//
// Source: spec 11 section 3.3 [capture].
var OperationFields = []wire.Field{
	{Name: "opcode", Off: HeaderLength, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "opcode_error", Off: HeaderLength + 1, Len: 1, Kind: wire.Uint, Source: "[dissector]"},
	{Name: "opcode_version", Off: HeaderLength + 2, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "opcode_charset", Off: HeaderLength + 3, Len: 1, Kind: wire.Uint, Source: "[capture]"},
}

// Name is a name with its padding, which differs between writers: blanks or NULs.
type Name [nameLength]byte

// MakeName pads a name; what is longer than 40 bytes is cut.
func MakeName(s string, pad byte) (n Name) {
	for i := copy(n[:], s); i < nameLength; i++ {
		n[i] = pad
	}
	return n
}

// String gives the name without its padding.
func (n Name) String() string { return trim(n[:]) }

func trim(b []byte) string { return string(bytes.TrimRight(b, " \x00")) }

// Header opens every message.
type Header struct {
	Version   uint8
	Error     HeaderError
	To        Name
	Types     Types
	Reserved  uint8
	Domain    uint8 // 0: ABAP
	Reserved2 uint8 // 1 in the answer to a login [capture]
	Key       [8]byte
	Flag      Flag
	IFlag     IFlag
	From      Name
	Port      uint16 // in the login of an application server its dispatcher's
}

// Operation follows the header of messages that ask for something.
type Operation struct {
	Opcode  Opcode
	Error   OpError
	Version uint8
	Charset uint8
}

// Message is one record.
type Message struct {
	Header Header
	// Operation is nil in messages that are a header alone.
	Operation *Operation
	// Body is what follows; of a decoded message it aliases the payload.
	Body []byte
}

// AppendBinary appends the payload.
func (m *Message) AppendBinary(dst []byte) ([]byte, error) {
	h := &m.Header
	dst = append(dst, eyeCatcher...)
	dst = append(dst, h.Version, byte(h.Error))
	dst = append(dst, h.To[:]...)
	dst = append(dst, byte(h.Types), h.Reserved, h.Domain, h.Reserved2)
	dst = append(dst, h.Key[:]...)
	dst = append(dst, byte(h.Flag), byte(h.IFlag))
	dst = append(dst, h.From[:]...)
	dst = binary.BigEndian.AppendUint16(dst, h.Port)
	if o := m.Operation; o != nil {
		dst = append(dst, byte(o.Opcode), byte(o.Error), o.Version, o.Charset)
	} else if len(m.Body) > 0 {
		return nil, fmt.Errorf("msgserver: a body of %d bytes without an operation", len(m.Body))
	}
	return append(dst, m.Body...), nil
}

// DecodeMessage reads a payload. Header and operation are checked for their length and eye
// catcher; what follows is left to DecodeLogon and DecodeServerList. The error is a
// *wire.Error.
func DecodeMessage(payload []byte) (*Message, error) {
	r := wire.NewReader("ms", "header", payload)
	m := new(Message)
	h := &m.Header
	if eye := r.Bytes("eye_catcher", len(eyeCatcher)); eye != nil && !bytes.Equal(eye, eyeCatcher) {
		r.Fail("eye_catcher", 0, wire.ErrMalformed, `"**MESSAGE**" and a NUL`, fmt.Sprintf("% x", eye))
	}
	h.Version = r.U8("version")
	h.Error = HeaderError(r.U8("error_number"))
	r.Array("to", h.To[:])
	h.Types = Types(r.U8("message_types"))
	h.Reserved = r.U8("reserved")
	h.Domain = r.U8("domain")
	h.Reserved2 = r.U8("reserved2")
	r.Array("key", h.Key[:])
	h.Flag = Flag(r.U8("flag"))
	h.IFlag = IFlag(r.U8("iflag"))
	r.Array("from", h.From[:])
	h.Port = r.U16("port")
	if r.Err() == nil && r.Len() > 0 {
		r.Record("operation")
		m.Operation = &Operation{
			Opcode: Opcode(r.U8("opcode")), Error: OpError(r.U8("opcode_error")), Version: r.U8("opcode_version"), Charset: r.U8("opcode_charset"),
		}
		m.Body = r.Rest()
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Logon is the body of a group query and of its answer.
//
// Source: spec 11 section 3.3 [capture].
type Logon struct {
	Prefix      [40]byte // zero
	GroupLength uint32   // the length of the group and 4
	Group       Name     // padded with NULs
	Version     uint8    // 1
	Reserved    uint8
	Status      uint16 // 0 on success
	Port        uint16 // of the dispatcher; in queries a constant
	Host        string // at most maxHost bytes; empty in queries
	Trailer     []byte // one blank behind the host of an answer
}

// logonSelector is what clients send in the place of the port; its meaning is open.
const logonSelector = 0x34

// AppendBinary appends the body.
func (l *Logon) AppendBinary(dst []byte) ([]byte, error) {
	if len(l.Host) > 0xffff {
		return nil, fmt.Errorf("msgserver: a host of %d bytes", len(l.Host))
	}
	dst = append(dst, l.Prefix[:]...)
	dst = binary.BigEndian.AppendUint32(dst, l.GroupLength)
	dst = append(dst, l.Group[:]...)
	dst = append(dst, l.Version, l.Reserved)
	dst = binary.BigEndian.AppendUint16(dst, l.Status)
	dst = binary.BigEndian.AppendUint16(dst, l.Port)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(l.Host)))
	return append(append(dst, l.Host...), l.Trailer...), nil
}

// DecodeLogon reads the body of a GetLogon message. Offsets in its error count from the start
// of the body.
func DecodeLogon(body []byte) (*Logon, error) {
	r := wire.NewReader("ms", GetLogon.String(), body)
	l := new(Logon)
	r.Array("prefix", l.Prefix[:])
	l.GroupLength = r.U32("group_length")
	r.Array("group", l.Group[:])
	l.Version, l.Reserved = r.U8("result_version"), r.U8("reserved")
	l.Status, l.Port = r.U16("status"), r.U16("logon_port")
	at := r.Offset()
	l.Host = r.Text("host", r.Bound("host_length", at, uint64(r.U16("host_length")), maxHost))
	if r.Err() == nil && r.Len() > 1 {
		r.Fail("host_length", at, wire.ErrTrailing, "at most 1 byte behind the host", fmt.Sprint(r.Len()))
	}
	l.Trailer = bytes.Clone(r.Rest())
	if err := r.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

// Entry is one server, or other client, of a server list. Texts are without their padding of
// blanks.
//
// Source: spec 11 section 3.5 [capture] for version 4, older ones [dissector].
type Entry struct {
	Name, Host, Service string
	Types               Types
	IPv6                [16]byte // of versions 3 and 4: the IPv4 address, mapped
	IPv4                [4]byte
	Port                uint16 // of the dispatcher; 0 of anonymous clients
	Status              Status // of versions 2 to 4
	NITrace             uint8
	SystemService       uint32 // of version 4
}

// layout is the form of an Entry in one version.
type layout struct {
	name, host, service int
	ipv6, status, sys   bool
	pad                 int
}

var layouts = map[uint8]layout{
	1: {name: 20, host: 20, service: 20},
	2: {name: 40, host: 32, service: 20, status: true, pad: 14},
	3: {name: 40, host: 64, service: 20, ipv6: true, status: true, pad: 1},
	4: {name: 40, host: 64, service: 20, ipv6: true, status: true, sys: true, pad: 7},
}

// EntrySize is the length of an Entry in a version of the list, in bytes; 0 of unknown
// versions.
func EntrySize(version uint8) int {
	l, ok := layouts[version]
	if !ok {
		return 0
	}
	n := l.name + l.host + l.service + 1 + 4 + 2 + l.pad
	if l.ipv6 {
		n += 16
	}
	if l.status {
		n += 2
	}
	if l.sys {
		n += 4
	}
	return n
}

// AppendServerList appends the body of an answer to ServerList. Texts that do not fit are an
// error.
func AppendServerList(dst []byte, version uint8, list []Entry) ([]byte, error) {
	l, ok := layouts[version]
	if !ok {
		return nil, fmt.Errorf("msgserver: server list of version %d, 1 to 4 are known", version)
	}
	for i, e := range list {
		for _, f := range []struct {
			text  string
			width int
		}{{e.Name, l.name}, {e.Host, l.host}, {e.Service, l.service}} {
			if len(f.text) > f.width {
				return nil, fmt.Errorf("msgserver: entry %d: %.64q has %d bytes, at most %d", i, f.text, len(f.text), f.width)
			}
			dst = append(append(dst, f.text...), strings.Repeat(" ", f.width-len(f.text))...)
		}
		dst = append(dst, byte(e.Types))
		if l.ipv6 {
			dst = append(dst, e.IPv6[:]...)
		}
		dst = append(dst, e.IPv4[:]...)
		dst = binary.BigEndian.AppendUint16(dst, e.Port)
		if l.status {
			dst = append(dst, byte(e.Status), e.NITrace)
		}
		if l.sys {
			dst = binary.BigEndian.AppendUint32(dst, e.SystemService)
		}
		dst = append(dst, make([]byte, l.pad)...)
	}
	return dst, nil
}

// DecodeServerList reads the body of an answer to ServerList: entries up to the end of the
// record. Offsets in its error count from the start of the body.
func DecodeServerList(version uint8, body []byte) ([]Entry, error) {
	r := wire.NewReader("ms", ServerList.String(), body)
	l, ok := layouts[version]
	if !ok {
		r.Fail("opcode_version", 0, wire.ErrMalformed, "1 to 4", fmt.Sprint(version))
		return nil, r.Err()
	}
	list := make([]Entry, 0, len(body)/EntrySize(version))
	for r.Err() == nil && r.Len() > 0 {
		e := Entry{Name: trim(r.Bytes("name", l.name)), Host: trim(r.Bytes("host", l.host)), Service: trim(r.Bytes("service", l.service))}
		e.Types = Types(r.U8("types"))
		if l.ipv6 {
			r.Array("ipv6", e.IPv6[:])
		}
		r.Array("ip", e.IPv4[:])
		e.Port = r.U16("port")
		if l.status {
			e.Status, e.NITrace = Status(r.U8("status")), r.U8("nitrace")
		}
		if l.sys {
			e.SystemService = r.U32("sys_service")
		}
		r.Skip("pad", l.pad)
		list = append(list, e)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

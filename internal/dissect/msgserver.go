package dissect

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// msHeader is the layout of a message-server header.
//
// Source: spec 11 section 3.1 [capture], names [dissector].
var msHeader = []wire.Field{
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

const msHeaderLength = 0x6e

var (
	msFlags    = []string{"MS_UNKNOWN", "MS_ONE_WAY", "MS_REQUEST", "MS_REPLY", "MS_ADMIN"}
	msIFlags   = map[byte]string{1: "MS_SEND_NAME", 2: "MS_SEND_TYPE", 3: "MS_LOGIN", 4: "MS_LOGOUT", 5: "MS_ADM_OPCODES", 6: "MS_MOD_MSGTYPES", 7: "MS_SEND_TYPE_ONCE", 8: "MS_LOGIN_2", 9: "MS_MOD_STATE", 0x10: "MS_SEND_SERVICE"}
	msOpcodes  = map[byte]string{0x05: "MS_SERVER_LST", 0x1e: "MS_DUMP_INFO", 0x2b: "MS_SET_LOGON", 0x2c: "MS_GET_LOGON"}
	msTypes    = [8]string{"DIA", "UPD", "ENQ", "BTC", "SPO", "UP2", "ATP", "ICM"}
	msStatuses = []string{"", "active", "inactive", "shutdown", "stop", "starting", "init"}
)

// msEntry describes one entry of a server list by the version of the operation (spec 11
// section 3.5 [capture] for version 4, others [dissector]).
type msEntry struct {
	name, host, service int
	ipv6, status        bool
	tail                int
}

var msEntries = map[byte]msEntry{
	1: {20, 20, 20, false, false, 0},
	2: {40, 32, 20, false, true, 14},
	3: {40, 64, 20, true, true, 1},
	4: {40, 64, 20, true, true, 11},
}

func (e msEntry) size() int {
	n := e.name + e.host + e.service + 1 + 4 + 2 + e.tail
	if e.ipv6 {
		n += 16
	}
	if e.status {
		n += 2
	}
	return n
}

// messageServer decodes a record of the message server.
func (r *Record) messageServer() error {
	r.Layer = LayerMS
	b := r.payload
	in := wire.NewReader("ms", "header", b)
	in.Skip("header", msHeaderLength)
	if err := in.Err(); err != nil {
		return err
	}
	f := &r.Fields
	f.layout(msHeader, b, 0)
	flag, iflag := b[0x42], b[0x43]
	if int(flag) < len(msFlags) {
		f.add("flag_name", msFlags[flag])
	}
	name, ok := msIFlags[iflag]
	if !ok {
		name = fmt.Sprintf("MS_IFLAG_%d", iflag)
	}
	f.add("iflag_name", name)
	r.Kind = name
	if r.Direction == "" {
		switch from := ni.Printable(b[0x44:0x6c], 40); {
		case flag == 3, from == "MSG_SERVER":
			r.Direction = "s2c"
		case flag == 1, flag == 2, from == "-":
			r.Direction = "c2s"
		}
	}
	if in.Len() == 0 {
		return nil
	}
	opcode, opError := in.U8("opcode"), in.U8("opcode_error")
	version, charset := in.U8("opcode_version"), in.U8("opcode_charset")
	if err := in.Err(); err != nil {
		return err
	}
	if r.Kind, ok = msOpcodes[opcode]; !ok {
		r.Kind = fmt.Sprintf("MS_OPCODE_%02X", opcode)
	}
	in.Record(r.Kind)
	f.at("opcode", uint64(opcode), msHeaderLength, 1)
	f.at("opcode_error", uint64(opError), msHeaderLength+1, 1)
	f.at("opcode_version", uint64(version), msHeaderLength+2, 1)
	f.at("opcode_charset", uint64(charset), msHeaderLength+3, 1)
	f.add("opcode_name", r.Kind)
	switch {
	case in.Len() == 0:
		return nil
	case opcode == 0x05 && r.Direction == "s2c":
		return r.serverList(&in, version)
	case opcode == 0x2c:
		return r.logonGroup(&in)
	case opcode == 0x1e && r.Direction == "s2c":
		f.at("text", clean(ni.Printable(in.Rest(), maxText)), msHeaderLength+4, len(b)-msHeaderLength-4)
		return nil
	}
	f.at("data", hexText(in.Rest()), msHeaderLength+4, len(b)-msHeaderLength-4)
	return nil
}

// serverList decodes the entries of MS_SERVER_LST.
func (r *Record) serverList(in *wire.Reader, version byte) error {
	e, ok := msEntries[version]
	if !ok {
		in.Fail("opcode_version", msHeaderLength+2, wire.ErrMalformed, "1 to 4", fmt.Sprint(version))
		return in.Err()
	}
	off := in.Offset()
	list := []Fields{}
	count := 0
	for in.Err() == nil && in.Len() > 0 {
		var entry Fields
		entry.add("name", ni.Printable(in.Bytes("name", e.name), e.name))
		entry.add("host", ni.Printable(in.Bytes("host", e.host), e.host))
		entry.add("service", ni.Printable(in.Bytes("service", e.service), e.service))
		types := in.U8("types")
		entry.add("types", "0x"+hex.EncodeToString([]byte{types}))
		entry.add("type_names", flagNames(types, msTypes))
		if e.ipv6 {
			var a [16]byte
			in.Array("ipv6", a[:])
			entry.add("ipv6", netip.AddrFrom16(a).String())
		}
		var a [4]byte
		in.Array("ip", a[:])
		entry.add("ip", netip.AddrFrom4(a).String())
		entry.add("port", uint64(in.U16("port")))
		if e.status {
			status := in.U8("status")
			entry.add("status", uint64(status))
			if int(status) < len(msStatuses) && status > 0 {
				entry.add("status_name", msStatuses[status])
			}
			in.Skip("nitrace", 1)
		}
		in.Skip("tail", e.tail)
		if count++; in.Err() == nil && count <= maxEntries {
			list = append(list, entry)
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	r.Fields.add("entries", uint64(count))
	r.Fields.add("entry_bytes", uint64(e.size()))
	r.Fields.at("servers", list, off, count*e.size())
	return nil
}

// logonGroup decodes MS_GET_LOGON (spec 11 section 3.3 [capture]).
func (r *Record) logonGroup(in *wire.Reader) error {
	f := &r.Fields
	in.Skip("prefix", 40)
	off := in.Offset()
	groupLength := in.U32("group_length")
	group := in.Bytes("group", 40)
	in.Skip("result_version", 2)
	status, port := in.U16("status"), in.U16("logon_port")
	hostOff := in.Offset()
	host := in.Bytes("host", in.Bound("host_length", hostOff, uint64(in.U16("host_length")), in.Len()))
	if err := in.Err(); err != nil {
		return err
	}
	name := ni.Printable(group, 40)
	if r.Direction == "c2s" && uint64(groupLength) != uint64(len(name)+4) {
		in.Fail("group_length", off, wire.ErrMalformed, fmt.Sprintf("%d, the length of the group and 4", len(name)+4), fmt.Sprint(groupLength))
		return in.Err()
	}
	f.at("group", name, off+4, 40)
	f.at("status", uint64(status), hostOff-4, 2)
	f.at("logon_port", uint64(port), hostOff-2, 2)
	f.at("logon_host", ni.Printable(host, maxText), hostOff+2, len(host))
	if in.Len() > 1 { // one blank behind the host
		in.Fail("host_length", hostOff, wire.ErrTrailing, "at most 1 byte behind the host", fmt.Sprint(in.Len()))
	}
	return in.Err()
}

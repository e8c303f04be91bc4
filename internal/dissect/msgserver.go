package dissect

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
)

// msBody is where the body of an operation begins in a payload.
const msBody = msgserver.HeaderLength + msgserver.OperationLength

// messageServer decodes a record of the message server.
func (r *Record) messageServer() error {
	r.Layer = LayerMS
	m, err := msgserver.DecodeMessage(r.payload)
	if err != nil {
		return err
	}
	f := &r.Fields
	f.layout(msgserver.HeaderFields, r.payload, 0)
	h := &m.Header
	f.add("flag_name", h.Flag.String())
	f.add("iflag_name", h.IFlag.String())
	r.Kind = h.IFlag.String()
	if r.Direction == "" {
		switch from := h.From.String(); {
		case h.Flag == msgserver.Reply, from == "MSG_SERVER":
			r.Direction = "s2c"
		case h.Flag == msgserver.OneWay, h.Flag == msgserver.Request, from == "-":
			r.Direction = "c2s"
		}
	}
	if m.Operation == nil {
		return nil
	}
	r.Kind = m.Operation.Opcode.String()
	f.layout(msgserver.OperationFields, r.payload, 0)
	f.add("opcode_name", r.Kind)
	switch {
	case len(m.Body) == 0:
		return nil
	case m.Operation.Opcode == msgserver.ServerList && r.Direction == "s2c":
		return inBody(r.serverList(m))
	case m.Operation.Opcode == msgserver.GetLogon:
		return inBody(r.logonGroup(m))
	case m.Operation.Opcode == msgserver.DumpInfo && r.Direction == "s2c":
		f.at("text", clean(ni.Printable(m.Body, maxText)), msBody, len(m.Body))
		return nil
	}
	f.at("data", hexText(m.Body), msBody, len(m.Body))
	return nil
}

// inBody makes the offset of an error one of the payload.
func inBody(err error) error {
	w, ok := errors.AsType[*wire.Error](err)
	if !ok {
		return err
	}
	e := *w
	e.Offset += msBody
	return &e
}

// serverList shows the entries of MS_SERVER_LST.
func (r *Record) serverList(m *msgserver.Message) error {
	version := m.Operation.Version
	entries, err := msgserver.DecodeServerList(version, m.Body)
	if err != nil {
		return err
	}
	list := make([]Fields, 0, min(len(entries), maxEntries))
	for _, e := range entries[:min(len(entries), maxEntries)] {
		var entry Fields
		entry.add("name", shownText(e.Name))
		entry.add("host", shownText(e.Host))
		entry.add("service", shownText(e.Service))
		entry.add("types", "0x"+hex.EncodeToString([]byte{byte(e.Types)}))
		entry.add("type_names", flagNames(uint8(e.Types), msgserver.TypeNames))
		if version >= 3 {
			entry.add("ipv6", netip.AddrFrom16(e.IPv6).String())
		}
		entry.add("ip", netip.AddrFrom4(e.IPv4).String())
		entry.add("port", uint64(e.Port))
		if version >= 2 {
			entry.add("status", uint64(e.Status))
			if name := e.Status.String(); name != "" {
				entry.add("status_name", name)
			}
		}
		list = append(list, entry)
	}
	r.Fields.add("entries", uint64(len(entries)))
	r.Fields.add("entry_bytes", uint64(msgserver.EntrySize(version)))
	r.Fields.at("servers", list, msBody, len(m.Body))
	return nil
}

func shownText(s string) string { return ni.Printable([]byte(s), maxText) }

// logonGroup shows MS_GET_LOGON.
func (r *Record) logonGroup(m *msgserver.Message) error {
	l, err := msgserver.DecodeLogon(m.Body)
	if err != nil {
		return err
	}
	name := shownText(l.Group.String())
	if r.Direction == "c2s" && uint64(l.GroupLength) != uint64(len(l.Group.String())+4) {
		return &wire.Error{
			Layer: "ms", Record: r.Kind, Field: "group_length", Offset: 40, Err: wire.ErrMalformed,
			Want: fmt.Sprintf("%d, the length of the group and 4", len(l.Group.String())+4), Got: fmt.Sprint(l.GroupLength),
		}
	}
	f := &r.Fields
	f.at("group", name, msBody+44, 40)
	f.at("status", uint64(l.Status), msBody+86, 2)
	f.at("logon_port", uint64(l.Port), msBody+88, 2)
	f.at("logon_host", shownText(l.Host), msBody+92, len(l.Host))
	return nil
}

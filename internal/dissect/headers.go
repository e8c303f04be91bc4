package dissect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// layout reads the fields of a fixed header; b is at least as long as the layout, off is
// where it starts in the payload.
func (f *Fields) layout(table []wire.Field, b []byte, off int) {
	for _, d := range table {
		if d.Off+d.Len > len(b) {
			return
		}
		f.at(d.Name, layoutValue(d, b[d.Off:d.Off+d.Len]), off+d.Off, d.Len)
	}
}

func layoutValue(d wire.Field, b []byte) any {
	var u uint64
	if len(b) <= 8 {
		for _, c := range b {
			u = u<<8 | uint64(c)
		}
	}
	switch d.Kind {
	case wire.Uint:
		return u
	case wire.Int:
		shift := 64 - 8*len(b)
		return int64(u<<shift) >> shift
	case wire.ASCII:
		return ni.Printable(b, len(b))
	default:
		if d.Name == "client_ip" && len(b) == 4 {
			return netip.AddrFrom4([4]byte(b)).String()
		}
		return "0x" + hex.EncodeToString(b)
	}
}

// flagNames lists the set bits of an info byte, from bit 0 up.
func flagNames(v uint8, names [8]string) []string {
	list := []string{}
	for i, n := range names {
		if v&(1<<i) != 0 {
			list = append(list, n)
		}
	}
	return list
}

// Names of the bits [dissector].
var (
	acceptNames = [8]string{"EINFO", "PING", "SNC", "CONN_EINFO", "CODE_PAGE", "NIPING", "EXTINITOPT", "DIST_TRACE"}
	infoNames   = [8]string{"SYNC_CPIC_FUNCTION", "WITH_HOSTADDR", "WITH_GW_SAP_PARAMS_HDR", "CPIC_SYNC_REQ", "WITH_ERR_INFO", "DATA_WITH_TERM_OUTPUT", "DATA_WITH_TERM_INPUT", "R3_CPIC_LOGIN_WITH_TERM"}
)

// gateway decodes a gateway record.
func (r *Record) gateway() error {
	r.Layer = LayerGateway
	g, err := cpic.DecodeGatewayRecord(r.payload)
	if err != nil {
		return err
	}
	r.Kind = g.Type.String()
	if r.Direction == "" {
		// Clients say 1100, gateways answer 4103 (spec 02 section 2 [capture]).
		r.Direction = "c2s"
		if g.Codepage != "1100" || g.ReturnCode != 0 {
			r.Direction = "s2c"
		}
	}
	table, size := cpic.GatewayFields, cpic.GatewayRecordLength
	if g.Version >= 3 {
		// Version 3 inserts the IPv6 address behind the index.
		table = make([]wire.Field, 0, len(cpic.GatewayFields)+1)
		size += 16
		for _, d := range cpic.GatewayFields {
			if d.Name == "return_code" {
				table = append(table, wire.Field{Name: "ipv6", Off: d.Off, Len: 16})
			}
			if d.Off >= 58 {
				d.Off += 16
			}
			table = append(table, d)
		}
	}
	r.Fields.layout(table, r.payload, 0)
	r.Fields.add("request_type_name", g.Type.String())
	r.Fields.add("accept_info_flags", flagNames(uint8(g.Accept), acceptNames))
	rest := r.payload[size:]
	if len(rest) == 0 {
		return nil
	}
	if info, ok := ni.FindErrorInfo(rest); ok {
		r.Kind = KindError
		r.errorFields(info)
		return nil
	}
	if g.Type == cpic.NormalClient || g.Type == cpic.CheckGateway {
		return &wire.Error{Layer: "gateway", Record: g.Type.String(), Offset: size, Err: wire.ErrTrailing, Want: fmt.Sprintf("%d bytes", size), Got: fmt.Sprint(len(r.payload))}
	}
	r.Fields.at("data", hexText(rest), size, len(rest))
	return nil
}

// header adds the fields of an APPC header and reads its operation information.
func (r *Record) header(h *cpic.Header) {
	r.Fields.layout(cpic.HeaderFields, r.payload, 0)
	r.Fields.add("function_code", h.Function.String())
	r.Fields.add("info_flags", flagNames(h.Info, infoNames))
	if h.ReturnCode != 0 {
		r.Fields.add("appc_rc_name", h.ReturnCode.String())
	}
	f := &r.Fields
	number := func(name string, off int) {
		f.at(name, uint64(binary.BigEndian.Uint32(r.payload[off:])), off, 4)
	}
	switch {
	case h.Function == cpic.SetPassword:
		for i := range *f {
			if (*f)[i].Name == "operation" {
				(*f)[i].Value = Masked
			}
		}
	case h.Function == cpic.Initialize:
		o := h.InitInfo()
		f.at("sdest", clean(o.ShortDestination), 48, 8)
		f.at("lu", clean(o.LU), 56, 8)
		f.at("tp", clean(o.TP), 64, 8)
		f.at("ctype", clean(string(rune(o.ConversationType))), 72, 1)
		f.at("client_info", uint64(o.ClientInfo), 73, 1)
	case h.Function == cpic.SetPartnerLUName:
		o := h.PartnerInfo()
		f.at("lu", clean(o.LU), 48, 8)
		number("lu_name_length", 56)
	case r.Direction == "c2s" && (h.Function == cpic.AsyncSendData || h.Function == cpic.SendData):
		number("send_length", 48)
	case r.Direction == "s2c" && h.Operation != [28]byte{}:
		number("requested_length", 48)
		number("data_received", 52)
		number("received_length", 56)
		number("status_received", 60)
		number("request_to_send", 64)
		f.at("codepage", clean(h.ReceiveInfo().Codepage), 69, 4)
	}
}

// setupParams decodes the parameter block of F_INITIALIZE or F_SET_PARTNER_LU_NAME; their
// answers repeat its length without the block [capture].
func (r *Record) setupParams(h *cpic.Header, b []byte) error {
	if r.Direction == "s2c" && len(b) == 0 {
		return nil
	}
	if len(b) != int(h.ParamLength) {
		return &wire.Error{
			Layer: "appc", Record: h.Function.String(), Field: "sap_param_len", Err: wire.ErrMalformed,
			Want: fmt.Sprintf("the %d bytes behind the header", len(b)), Got: fmt.Sprint(h.ParamLength), Offset: 26 - cpic.HeaderLength,
		}
	}
	f, base := &r.Fields, cpic.HeaderLength
	if h.Function == cpic.SetPartnerLUName {
		p, err := cpic.DecodePartnerParams(b)
		if err != nil {
			return err
		}
		f.at("host", clean(p.Host), base, 128)
		if n := h.PartnerInfo().Length; uint64(n) != uint64(len(p.Host)) {
			return &wire.Error{
				Layer: "appc", Record: h.Function.String(), Field: "lu_name_length", Err: wire.ErrMalformed,
				Want: fmt.Sprintf("the %d characters of the host", len(p.Host)), Got: fmt.Sprint(n), Offset: 56 - cpic.HeaderLength,
			}
		}
		return nil
	}
	p, err := cpic.DecodeInitializeParams(b)
	if err != nil {
		return err
	}
	if len(b) < 373 { // the form of older kernels has no label
		f.add("parameter_form", "short")
	}
	for _, d := range []struct {
		name  string
		value any
	}{
		{"label", clean(p.Label)},
		{"protocol_name", clean(p.ProtocolName)},
		{"root_id", clean(p.RootID)},
		{"connection_id", clean(p.ConnectionID)},
		{"connection_suffix", uint64(p.ConnectionSuffix)},
		{"cpic_timeout", int64(p.Timeout)},
		{"keepalive", int64(p.KeepAlive)},
		{"export_trace", uint64(p.ExportTrace)},
		{"start_type", uint64(p.StartType)},
		{"network_protocol", uint64(p.NetworkProtocol)},
		{"long_lu", clean(p.LongLU)},
		{"os_user", clean(p.OSUser)},
		{"long_tp", clean(p.LongTP)},
		{"ipv4", netip.AddrFrom4(p.IPv4).String()},
		{"ipv6", netip.AddrFrom16(p.IPv6).String()},
	} {
		f.add(d.name, d.value)
	}
	return nil
}

// errorInfo decodes an APPC record that reports a failure.
func (r *Record) errorInfo(h *cpic.Header, b []byte) error {
	r.Kind = KindError
	if h.Info&cpic.InfoWithErrorInfo == 0 && h.ReturnCode == 0 && h.SAPReturnCode == 0 {
		return &wire.Error{
			Layer: "appc", Record: h.Function.String(), Field: "err_len", Err: wire.ErrMalformed, Offset: 8 - cpic.HeaderLength,
			Want: "0 without WITH_ERR_INFO and return code", Got: fmt.Sprint(h.ErrorLength),
		}
	}
	if int(h.ErrorLength) > len(b) {
		return &wire.Error{
			Layer: "appc", Record: h.Function.String(), Field: "err_len", Err: wire.ErrMalformed, Offset: 8 - cpic.HeaderLength,
			Want: fmt.Sprintf("at most the %d bytes behind the header", len(b)), Got: fmt.Sprint(h.ErrorLength),
		}
	}
	if info, ok := ni.FindErrorInfo(b); ok {
		r.errorFields(info)
	} else if len(b) > 0 {
		r.Fields.add("error", ni.Printable(b, maxText))
	}
	return nil
}

// errorFields adds what an error block says.
func (r *Record) errorFields(info *ni.ErrorInfo) {
	for _, d := range []struct{ name, value string }{
		{"error", info.Text},
		{"error_return_code", info.ReturnCode},
		{"component", info.Component},
		{"release", info.Release},
		{"error_version", info.Version},
		{"module", info.Module},
		{"line", info.Line},
		{"detail", info.Detail},
		{"error_time", info.Time},
		{"system_call", info.SystemCall},
		{"errno", info.ErrorNumber},
		{"errno_text", info.ErrorMessage},
		{"counter", info.Counter},
		{"location", info.Location},
	} {
		if d.value != "" {
			r.Fields.add(d.name, d.value)
		}
	}
}

package cpic

import (
	"encoding/binary"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
)

// InitializeParams is the SAP parameter block of F_INITIALIZE, 373 bytes behind the header:
// a 32-byte client label and 341 bytes of options.
//
// Source: spec 02 section 4.2 [capture].
type InitializeParams struct {
	Label            string // 32 characters, blank padded: destination of the client
	Version          uint8  // 1
	Flags            uint8  // 1
	ProtocolName     string // 8 characters, NUL padded: CPIC
	RootID           string // 16 upper-case hex digits
	ConnectionID     string // 16 upper-case hex digits
	ConnectionSuffix uint32 // 1
	Timeout          int32  // -2
	KeepAlive        int32  // -2
	ExportTrace      uint8  // 2
	StartType        uint8  // 0 default
	NetworkProtocol  uint8
	IPv6             [16]byte
	LongLU           string // 128 characters, NUL padded: target host
	Reserved1        [16]byte
	OSUser           string // 12 characters, NUL padded
	Reserved2        [40]byte
	IPv4             [4]byte
	Reserved3        [4]byte
	LongTP           string // 64 characters, NUL padded: sapdpNN
}

// AppendBinary appends the 373 bytes.
func (p *InitializeParams) AppendBinary(dst []byte) ([]byte, error) {
	dst = appendPadded(dst, p.Label, 32, ' ')
	dst = append(dst, p.Version, p.Flags)
	dst = appendPadded(dst, p.ProtocolName, 8, 0)
	dst = appendPadded(dst, p.RootID, 16, ' ')
	dst = appendPadded(dst, p.ConnectionID, 16, ' ')
	dst = binary.BigEndian.AppendUint32(dst, p.ConnectionSuffix)
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Timeout))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.KeepAlive))
	dst = append(dst, p.ExportTrace, p.StartType, p.NetworkProtocol)
	dst = append(dst, p.IPv6[:]...)
	dst = appendPadded(dst, p.LongLU, 128, 0)
	dst = append(dst, p.Reserved1[:]...)
	dst = appendPadded(dst, p.OSUser, 12, 0)
	dst = append(dst, p.Reserved2[:]...)
	dst = append(dst, p.IPv4[:]...)
	dst = append(dst, p.Reserved3[:]...)
	return appendPadded(dst, p.LongTP, 64, 0), nil
}

// DecodeInitializeParams reads the block. Older kernels send 340 bytes, which lack the
// label and the version byte (spec 02 section 4.2 [impl]); any other length is tolerated
// and gives what is there, because nothing in the block is critical for an accepting side.
func DecodeInitializeParams(b []byte) (*InitializeParams, error) {
	p := new(InitializeParams)
	r := wire.NewReader("appc", "F_INITIALIZE parameters", b)
	if len(b) >= initializeParamLength {
		p.Label = unpad(r.Bytes("label", 32))
		p.Version = r.U8("version")
	}
	p.Flags = r.U8("flags")
	p.ProtocolName = unpad(r.Bytes("protocol", 8))
	p.RootID = r.Text("root_id", 16)
	p.ConnectionID = r.Text("connection_id", 16)
	p.ConnectionSuffix = r.U32("connection_suffix")
	p.Timeout = r.I32("timeout")
	p.KeepAlive = r.I32("keepalive")
	p.ExportTrace = r.U8("export_trace")
	p.StartType = r.U8("start_type")
	p.NetworkProtocol = r.U8("network_protocol")
	r.Array("ipv6", p.IPv6[:])
	p.LongLU = unpad(r.Bytes("long_lu", 128))
	r.Array("reserved1", p.Reserved1[:])
	p.OSUser = unpad(r.Bytes("os_user", 12))
	r.Array("reserved2", p.Reserved2[:])
	r.Array("ipv4", p.IPv4[:])
	r.Array("reserved3", p.Reserved3[:])
	p.LongTP = unpad(r.Bytes("long_tp", 64))
	return p, r.Err()
}

// PartnerParams is the SAP parameter block of F_SET_PARTNER_LU_NAME: the host as seen
// inside the SAP network, 128 bytes blank padded, and 16 zero bytes. (One public builder
// splits 112 + 32; the captures of two clients show 128 + 16.)
type PartnerParams struct {
	Host     string
	Reserved [16]byte
}

// AppendBinary appends the 144 bytes.
func (p *PartnerParams) AppendBinary(dst []byte) ([]byte, error) {
	dst = appendPadded(dst, p.Host, 128, ' ')
	return append(dst, p.Reserved[:]...), nil
}

// DecodePartnerParams reads the block.
func DecodePartnerParams(b []byte) (*PartnerParams, error) {
	p := new(PartnerParams)
	r := wire.NewReader("appc", "F_SET_PARTNER_LU_NAME parameters", b)
	p.Host = unpad(r.Bytes("host", 128))
	r.Array("reserved", p.Reserved[:])
	return p, r.Err()
}

// Trailer is the SAP parameter block behind the data of a client's F_SAP_SEND.
type Trailer struct {
	DataLength   uint32 // bytes between header and trailer
	ReceiveLimit uint32 // largest record the sender will receive
}

// AppendBinary appends the 8 bytes.
func (t Trailer) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(dst, t.DataLength)
	return binary.BigEndian.AppendUint32(dst, t.ReceiveLimit), nil
}

// DecodeTrailer reads the 8 bytes.
func DecodeTrailer(b []byte) (Trailer, error) {
	if len(b) != trailerLength {
		return Trailer{}, &wire.Error{Layer: "appc", Record: "trailer", Err: wire.ErrTruncated, Want: "8 bytes", Got: fmt.Sprint(len(b))}
	}
	return Trailer{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

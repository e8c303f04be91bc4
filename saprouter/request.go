package saprouter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// TalkMode says how a routed connection carries what follows the route.
type TalkMode uint8

// The talk modes. RFC and message servers speak MessageIO.
//
// Source: spec 10 section 3 [impl], MessageIO [capture].
const (
	MessageIO TalkMode = 0 // NI records with their lengths
	RawIO     TalkMode = 1 // any bytes; a router may refuse it
	RouterIO  TalkMode = 2 // between routers
)

// String gives the name of the wire.
func (m TalkMode) String() string {
	switch m {
	case MessageIO:
		return "NI_MSG_IO"
	case RawIO:
		return "NI_RAW_IO"
	case RouterIO:
		return "NI_ROUT_IO"
	}
	return fmt.Sprintf("TalkMode(%d)", uint8(m))
}

const (
	// RouteVersion is the version of the route information [capture].
	RouteVersion = 2
	// NIVersion is what releases since 7.20 send [capture].
	NIVersion = 40
	// HeaderLength is the length of an NI_ROUTE payload in front of its hop list, in bytes.
	HeaderLength = 24
)

var (
	eyeRoute = []byte("NI_ROUTE\x00")
	eyeAdmin = []byte("ROUTER_ADM\x00") // remote administration [dissector]
	pong     = []byte("NI_PONG\x00")
)

// RequestFields is the layout of an NI_ROUTE payload in front of its hop list.
//
// Source: spec 10 section 3 [capture], names [dissector].
var RequestFields = []wire.Field{
	{Name: "eye_catcher", Off: 0, Len: 9, Kind: wire.ASCII, Source: "[capture]"},
	{Name: "route_version", Off: 9, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "ni_version", Off: 10, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "entries", Off: 11, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "talk_mode", Off: 12, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "unused", Off: 13, Len: 2, Kind: wire.Hex, Source: "[capture]"},
	{Name: "rest_nodes", Off: 15, Len: 1, Kind: wire.Uint, Source: "[capture]"},
	{Name: "route_length", Off: 16, Len: 4, Kind: wire.Uint, Source: "[capture]"},
	{Name: "route_offset", Off: 20, Len: 4, Kind: wire.Uint, Source: "[capture]"},
}

// Request is the payload of an NI_ROUTE record: the whole route, and how far it has been
// travelled.
//
// Source: spec 10 section 3 [capture]; what routers change on the way [inferred].
type Request struct {
	Version   uint8 // RouteVersion
	NIVersion uint8 // of the sender
	TalkMode  TalkMode
	Unused    [2]byte
	// RestNodes is the number of hops still to be reached, the target included.
	RestNodes uint8
	// Offset is where the next hop begins in the hop list, in bytes.
	Offset uint32
	// Hops is the whole route. Decoded strings are copies and may hold any byte but NUL;
	// Validate says whether they are in order.
	Hops Route
}

// NewRequest makes the request a client sends to the first hop of a route.
func NewRequest(r Route, mode TalkMode) (*Request, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return &Request{
		Version: RouteVersion, NIVersion: NIVersion, TalkMode: mode,
		RestNodes: uint8(len(r) - 1), Offset: uint32(r[0].wireLength()), Hops: r,
	}, nil
}

// AppendBinary appends the payload. What the wire cannot hold, more than 255 hops or a NUL
// in a text, is an error.
func (q *Request) AppendBinary(dst []byte) ([]byte, error) {
	if len(q.Hops) > 255 {
		return nil, fmt.Errorf("saprouter: %d hops, the wire has room for 255", len(q.Hops))
	}
	dst = append(dst, eyeRoute...)
	dst = append(dst, q.Version, q.NIVersion, uint8(len(q.Hops)), uint8(q.TalkMode), q.Unused[0], q.Unused[1], q.RestNodes)
	dst = binary.BigEndian.AppendUint32(dst, uint32(q.Hops.listLength()))
	dst = binary.BigEndian.AppendUint32(dst, q.Offset)
	for i, h := range q.Hops {
		for _, s := range [...]string{h.Host, h.Service, h.Password.Reveal()} {
			start := len(dst)
			dst = append(dst, s...)
			if bytes.IndexByte(dst[start:], 0) >= 0 {
				return nil, fmt.Errorf("saprouter: a text of hop %d holds a NUL", i+1)
			}
			dst = append(dst, 0)
		}
	}
	return dst, nil
}

// IsRequest reports whether a payload is an NI_ROUTE record.
func IsRequest(payload []byte) bool { return bytes.HasPrefix(payload, eyeRoute) }

// DecodeRequest reads a payload. It checks that lengths, number of hops and offset agree
// with the bytes; what the values mean is checked by Next and Route.Validate. The error is a
// *wire.Error and holds no part of the hop list.
func DecodeRequest(payload []byte) (*Request, error) {
	r := wire.NewReader("router", "NI_ROUTE", payload)
	q := new(Request)
	if eye := r.Bytes("eye_catcher", len(eyeRoute)); eye != nil && !bytes.Equal(eye, eyeRoute) {
		r.Fail("eye_catcher", 0, wire.ErrMalformed, `"NI_ROUTE" and a NUL`, "something else")
	}
	q.Version = r.U8("route_version")
	q.NIVersion = r.U8("ni_version")
	entries := int(r.U8("entries"))
	q.TalkMode = TalkMode(r.U8("talk_mode"))
	r.Array("unused", q.Unused[:])
	q.RestNodes = r.U8("rest_nodes")
	length := r.U32("route_length")
	q.Offset = r.U32("route_offset")
	if r.Err() == nil && uint64(length) != uint64(r.Len()) {
		r.Fail("route_length", 16, wire.ErrMalformed, fmt.Sprintf("the %d bytes behind the header", r.Len()), fmt.Sprint(length))
	}
	border := q.Offset == 0
	for r.Err() == nil && r.Len() > 0 {
		at := r.Offset() - HeaderLength
		border = border || at == int(q.Offset)
		if len(q.Hops) == entries {
			r.Fail("entries", 11, wire.ErrMalformed, "the number of hops in the list, more than that", fmt.Sprint(entries))
			break
		}
		q.Hops = append(q.Hops, Hop{
			Host: text(&r, payload, "host"), Service: text(&r, payload, "service"),
			Password: Password(text(&r, payload, "password")),
		})
	}
	if r.Err() == nil && len(q.Hops) < entries {
		r.Fail("entries", 11, wire.ErrMalformed, fmt.Sprintf("the %d hops of the list", len(q.Hops)), fmt.Sprint(entries))
	}
	if border = border || int64(q.Offset) == int64(length); r.Err() == nil && !border {
		r.Fail("route_offset", 20, wire.ErrMalformed, "the beginning of a hop", fmt.Sprint(q.Offset))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return q, nil
}

// text reads a NUL-terminated string.
func text(r *wire.Reader, payload []byte, field string) string {
	if r.Err() != nil {
		return ""
	}
	n := bytes.IndexByte(payload[r.Offset():], 0)
	if n < 0 {
		r.Fail(field, r.Offset(), wire.ErrTruncated, "a closing NUL", "the end of the hop list")
		return ""
	}
	s := r.Text(field, n)
	r.Skip(field, 1)
	return s
}

// The reasons for which a router refuses a request before it looks at its permissions.
var (
	errVersion = errors.New("version of the route information")
	errInvalid = errors.New("invalid route received")
)

// Next gives the index of the hop that the receiver of the request has to reach, counted
// from 0; the receiver's own entry is the one before it. The position in the list and the
// number of hops to go must say the same.
func (q *Request) Next() (int, error) {
	if q.Version != RouteVersion {
		return 0, fmt.Errorf("%w: %d, want %d", errVersion, q.Version, RouteVersion)
	}
	at := uint32(0)
	for i, h := range q.Hops {
		if at == q.Offset {
			if i == 0 || int(q.RestNodes) != len(q.Hops)-i {
				return 0, fmt.Errorf("%w: hop %d of %d is the next one and %d are left", errInvalid, i+1, len(q.Hops), q.RestNodes)
			}
			return i, nil
		}
		at += uint32(h.wireLength())
	}
	return 0, fmt.Errorf("%w: it ends here", errInvalid)
}

// Forward is the request for the next hop, if that is a router as well.
func (q *Request) Forward() (*Request, error) {
	i, err := q.Next()
	if err != nil {
		return nil, err
	}
	if i == len(q.Hops)-1 {
		return nil, fmt.Errorf("%w: the next hop is the target", errInvalid)
	}
	next := *q
	next.RestNodes--
	next.Offset += uint32(q.Hops[i].wireLength())
	return &next, nil
}

// control makes an NI_RTERR record without a text.
func control(opcode uint8) []byte {
	e := ni.RouterError{Version: NIVersion, Opcode: opcode}
	b, _ := e.AppendBinary(nil)
	return b
}

// Opcodes of NI_RTERR records.
//
// Source: spec 10 section 4.3 [dissector].
const (
	opError           = 0
	opVersionRequest  = 1
	opVersionResponse = 2
	opSNCRequest      = 70
	opSNCComplete     = 71
)

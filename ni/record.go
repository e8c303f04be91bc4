package ni

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

// HeaderLength is the length of the NI header in front of every record, in bytes.
const HeaderLength = 4

// Control payloads, 8 bytes each [capture].
var (
	ping = []byte("NI_PING\x00")
	pong = []byte("NI_PONG\x00")
)

// eyeRouterError opens an error record of a SAProuter [dissector].
var eyeRouterError = []byte("NI_RTERR\x00")

// eyeError opens and closes the error text block [impl].
var eyeError = []byte("*ERR*")

// Control is the kind of a control record.
type Control uint8

// The kinds of records that never reach the layer above.
const (
	NoControl      Control = iota // a record for the layer above
	Ping                          // must be answered with a pong, in any state
	Pong                          // never answered
	Idle                          // empty record, carries nothing
	UnknownControl                // 8 bytes starting with NI_, ignored
)

// ControlOf classifies a payload. An unknown 8-byte payload that starts with NI_ is
// ignored, not parsed (spec 01 section 3).
func ControlOf(payload []byte) Control {
	switch {
	case len(payload) == 0:
		return Idle
	case len(payload) != len(ping):
		return NoControl
	case bytes.Equal(payload, ping):
		return Ping
	case bytes.Equal(payload, pong):
		return Pong
	case bytes.HasPrefix(payload, []byte("NI_")):
		return UnknownControl
	}
	return NoControl
}

// AppendRecord appends header and payload of one record.
func AppendRecord(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	return append(dst, payload...)
}

// ErrorInfo is the parsed error text block that gateways and SAProuters send. Texts are
// as the peer sent them, decoded as Latin-1, control characters replaced; never trust
// them further than a screen.
//
// Source: spec 01 section 5 [impl][doc].
type ErrorInfo struct {
	Text         string // ERROR, for example "program MYPROG not registered"
	ReturnCode   string // RETURN CODE, decimal
	Component    string // for example "SAP-Gateway"
	Release      string
	Version      string
	Module       string
	Line         string
	Detail       string
	Time         string // C ctime order, local time of the peer
	SystemCall   string
	ErrorNumber  string // ERRNO
	ErrorMessage string // ERRNO TEXT
	Counter      string
	Location     string
}

func (e *ErrorInfo) fields() []*string {
	return []*string{
		&e.Text, &e.ReturnCode, &e.Component, &e.Release, &e.Version, &e.Module, &e.Line, &e.Detail,
		&e.Time, &e.SystemCall, &e.ErrorNumber, &e.ErrorMessage, &e.Counter, &e.Location,
	}
}

// ParseErrorInfo parses the block that starts with *ERR*. Items are taken by position as
// long as they exist; missing reserved items, extra items and any 8-bit bytes are fine.
func ParseErrorInfo(b []byte) (*ErrorInfo, bool) {
	if !bytes.HasPrefix(b, eyeError) {
		return nil, false
	}
	info := new(ErrorInfo)
	_, b, _ = bytes.Cut(b, []byte{0}) // the eye catcher
	version, b, _ := bytes.Cut(b, []byte{0})
	if bytes.Equal(version, eyeError) {
		return info, true
	}
	for _, field := range info.fields() {
		var item []byte
		item, b, _ = bytes.Cut(b, []byte{0})
		if bytes.Equal(item, eyeError) {
			break
		}
		*field = Printable(item, maxErrorText)
	}
	return info, true
}

// FindErrorInfo looks for the block anywhere in b: two layouts of error records are
// described and none is captured (spec 05 G6), so the place is not relied upon.
func FindErrorInfo(b []byte) (*ErrorInfo, bool) {
	i := bytes.Index(b, eyeError)
	if i < 0 {
		return nil, false
	}
	return ParseErrorInfo(b[i:])
}

// AppendBinary appends the error text block in its 21-item form, Latin-1; what has no place
// there becomes a question mark.
func (e *ErrorInfo) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(append(dst, eyeError...), 0)
	dst = append(dst, '1', 0)
	for _, f := range e.fields() {
		start := len(dst)
		for _, r := range *f {
			if r == 0 || r > 0xff {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		if bytes.Equal(dst[start:], eyeError) { // would end the block
			dst[start] = '?'
		}
		dst = append(dst, 0)
	}
	dst = append(dst, 0, 0, 0, 0) // items 17 to 20 are reserved
	return append(append(dst, eyeError...), 0), nil
}

// maxErrorText bounds one item of an error block in characters.
const maxErrorText = 1024

// Printable decodes foreign bytes as Latin-1 for display: controls become blanks, the
// text is cut after limit bytes and trimmed.
func Printable(b []byte, limit int) string {
	if len(b) > limit {
		b = b[:limit]
	}
	var s strings.Builder
	for _, c := range b {
		if c < 0x20 || (c >= 0x7f && c < 0xa0) {
			c = ' '
		}
		s.WriteRune(rune(c))
	}
	return strings.TrimSpace(s.String())
}

// RouterError is an NI_RTERR record.
//
// Source: spec 01 section 4 [impl][dissector].
type RouterError struct {
	Version uint8
	Opcode  uint8 // 0 = error information
	Code    int32 // NIE* value, negative
	Info    *ErrorInfo
}

// ParseRouterError parses a payload that starts with NI_RTERR. A truncated record yields
// what is there (case B-122).
func ParseRouterError(payload []byte) (*RouterError, bool) {
	if !bytes.HasPrefix(payload, eyeRouterError) {
		return nil, false
	}
	e := new(RouterError)
	r := wire.NewReader("ni", "NI_RTERR", payload[len(eyeRouterError):])
	e.Version = r.U8("version")
	e.Opcode = r.U8("opcode")
	r.Skip("filler", 1)
	e.Code = r.I32("return_code")
	n := r.Bound("text_length", r.Offset(), uint64(r.U32("text_length")), r.Len())
	text := r.Bytes("text", n)
	if r.Err() != nil {
		text = payload
	}
	e.Info, _ = FindErrorInfo(text)
	return e, true
}

// AppendBinary appends the NI_RTERR payload.
func (e *RouterError) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, eyeRouterError...)
	dst = append(dst, e.Version, e.Opcode, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.Code))
	var text []byte
	if e.Info != nil {
		text, _ = e.Info.AppendBinary(nil)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(text)))
	dst = append(dst, text...)
	return append(dst, 0, 0, 0, 0), nil // of unknown use, sent by current routers
}

// returnCodes names the NIE* values (SAP Note 63342 as listed by open tools [impl]).
var returnCodes = map[int32]string{
	-1: "NIEINTERN", -2: "NIEHOST_UNKNOWN", -3: "NIESERV_UNKNOWN", -4: "NIESERV_USED", -5: "NIETIMEOUT",
	-6: "NIECONN_BROKEN", -7: "NIETOO_SMALL", -8: "NIEINVAL", -9: "NIEWAKEUP", -10: "NIECONN_REFUSED",
	-11: "NIEPING", -12: "NIECONN_PENDING", -13: "NIEVERSION", -14: "NIEMYHOSTNAME", -15: "NIENOFREEPORT",
	-16: "NIEMYHOST_VERIFY", -17: "NIESNC_FAILURE", -18: "NIEOPCODE", -19: "NIEQUE_FULL", -20: "NIETOO_BIG",
	-90: "NIEROUT_HOST_UNKNOWN", -91: "NIEROUT_SERV_UNKNOWN", -92: "NIEROUT_CONN_REFUSED", -93: "NIEROUT_INTERN",
	-94: "NIEROUT_PERM_DENIED", -95: "NIEROUT_CONN_BROKEN", -96: "NIEROUT_VERSION", -97: "NIEROUT_CANCELED",
	-98: "NIEROUT_SHUTDOWN", -99: "NIEROUT_INFO_DENIED", -100: "NIEROUT_OVERFLOW", -101: "NIEROUT_MODE_DENIED",
	-102: "NIEROUT_NOCLIENT", -103: "NIEROUT_EXTERN", -104: "NIEROUT_SNC_FAILURE",
}

package dissect

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/serialization"
)

// Error says which frame is damaged and where. The wrapped error is a *wire.Error.
type Error struct {
	// Stream, Index and Direction name the frame, as in Record.
	Stream, Index int
	Direction     string
	// FrameOffset is where the frame begins, see capture.Frame.Offset.
	FrameOffset int64
	// Byte is the offset of the damage in the NI payload of the frame.
	Byte int
	// Err is the reason, with layer, record and field.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	dir := e.Direction
	if dir != "" {
		dir = " " + dir
	}
	// Joined causes come on lines of their own; an error is one line.
	cause := strings.ReplaceAll(e.Err.Error(), "\n", ": ")
	return fmt.Sprintf("dissect: stream %d%s frame %d (at offset %d): payload byte %d: %s", e.Stream, dir, e.Index, e.FrameOffset, e.Byte, cause)
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// Decode decodes a recording. On damage the document holds the frames before it and the
// error is an *Error; match the reason with errors.Is and the sentinels of package wire.
//
// Memory is bounded by a small multiple of the bytes of the frames: nothing is reserved by
// a length that the bytes only claim, and what is shown of a value is cut.
func Decode(frames []capture.Frame) (*Document, error) {
	doc := &Document{Frames: make([]*Record, 0, len(frames))}
	var d Decoder
	for _, f := range frames {
		rec, err := d.Frame(f)
		if err != nil {
			return doc, err
		}
		doc.Frames = append(doc.Frames, rec)
	}
	d.Finish()
	return doc, nil
}

// Decoder decodes frames one by one, in the order of the recording; streams may be mixed.
// The zero Decoder is ready. It is not safe for concurrent use.
type Decoder struct {
	index   int
	streams map[int]*stream
}

// stream is what is known of one conversation.
type stream struct {
	masker   masker
	sides    [2]sideState
	awaiting bool // a logon was sent and not answered
	function string
	callback string // function of a callback that is not answered
}

// sideState is one sender of a conversation.
type sideState struct {
	rep       serialization.Representation
	known     bool
	message   []byte // of the records so far
	fragments int
	open      *Record // the record that was not the last one
	start     int     // message offset of the record looked at
}

// Frame decodes the next frame. The record aliases the frame's payload. After an error the
// stream of the frame starts anew.
func (d *Decoder) Frame(f capture.Frame) (*Record, error) {
	if d.streams == nil {
		d.streams = make(map[int]*stream)
	}
	s := d.streams[f.Stream]
	if s == nil {
		s = new(stream)
		d.streams[f.Stream] = s
	}
	r := &Record{
		Index: d.index, Stream: f.Stream, Offset: f.Offset, Length: len(f.Payload), Direction: f.Direction.String(),
		Fields: Fields{}, Items: []Item{}, Parameters: []Parameter{}, payload: f.Payload,
	}
	d.index++
	at, err := s.frame(r)
	if err == nil {
		return r, nil
	}
	delete(d.streams, f.Stream)
	var w *wire.Error
	if errors.As(err, &w) {
		at += w.Offset
	}
	return nil, &Error{Stream: r.Stream, Index: r.Index, Direction: r.Direction, FrameOffset: r.Offset, Byte: max(at, 0), Err: err}
}

// Finish marks messages that the recording does not end: the last record of each gets the
// field "incomplete". A recording may stop anywhere, so that is no error.
func (d *Decoder) Finish() {
	for _, s := range d.streams {
		for i := range s.sides {
			if open := s.sides[i].open; open != nil {
				open.Fields.add("incomplete", true)
			}
		}
	}
}

var (
	eyeRoute  = []byte("NI_ROUTE\x00")
	eyeRouter = []byte("NI_RTERR\x00")
	eyeSNC    = []byte("SNCFRAME")
)

// frame decodes one payload. base is added to the offset of an error.
func (s *stream) frame(r *Record) (base int, err error) {
	b := r.payload
	switch c := ni.ControlOf(b); c {
	case ni.Ping, ni.Pong, ni.Idle, ni.UnknownControl:
		r.Layer = LayerNI
		r.Kind = map[ni.Control]string{ni.Ping: "NI_PING", ni.Pong: "NI_PONG", ni.Idle: "NI_IDLE", ni.UnknownControl: "NI_UNKNOWN"}[c]
		return 0, nil
	default:
	}
	switch {
	case bytes.HasPrefix(b, eyeRoute):
		return 0, r.route()
	case bytes.HasPrefix(b, eyeRouter):
		return 0, r.routerError()
	case msgserver.IsMessage(b):
		return 0, r.messageServer()
	case bytes.HasPrefix(b, eyeSNC):
		r.Layer, r.Kind = LayerSNC, "SNCFRAME"
		r.Fields.at("protected", fmt.Sprintf("%d bytes", len(b)), 0, len(b))
		return 0, nil
	case b[0] == 2 || b[0] == 3:
		if r.Direction != "s2c" {
			*s = stream{} // a conversation begins
		}
		return 0, r.gateway()
	case b[0] == cpic.AppcVersion:
		return s.appc(r)
	}
	return 0, &wire.Error{
		Layer: "ni", Record: "payload", Err: wire.ErrMalformed,
		Want: "a gateway record (02, 03), an APPC record (06), NI_, SNCFRAME or **MESSAGE**", Got: fmt.Sprintf("% x", b[:min(len(b), 4)]),
	}
}

// appc decodes an APPC record and collects the message it belongs to.
func (s *stream) appc(r *Record) (base int, err error) {
	h, err := cpic.DecodeHeader(r.payload)
	if err != nil {
		return 0, err
	}
	r.Layer, r.Kind = LayerAPPC, h.Function.String()
	if r.direction() == capture.Unknown {
		r.Direction = guessDirection(&h).String()
	}
	r.secrets = s.masker.secrets(r.payload, r.direction())
	r.header(&h)
	body := r.payload[cpic.HeaderLength:]
	if isError(&h) {
		return cpic.HeaderLength, r.errorInfo(&h, body)
	}
	if h.Function == cpic.Initialize || h.Function == cpic.SetPartnerLUName {
		return cpic.HeaderLength, r.setupParams(&h, body)
	}
	if !carriesData(h.Function) {
		if r.direction() == capture.ClientToServer && int(h.ParamLength) != len(body) {
			return 0, &wire.Error{
				Layer: "appc", Record: h.Function.String(), Field: "sap_param_len", Offset: 26, Err: wire.ErrMalformed,
				Want: fmt.Sprintf("the %d bytes behind the header", len(body)), Got: fmt.Sprint(h.ParamLength),
			}
		}
		if h.Function == cpic.SetPassword {
			r.Fields.add("parameters", Masked)
		} else if len(body) > 0 {
			r.Fields.at("parameters", hexText(body), cpic.HeaderLength, len(body))
		}
		return 0, nil
	}
	body, err = r.data(&h, body)
	if err != nil {
		return 0, err
	}
	return s.collect(r, &h, body)
}

// data cuts the message data out of a record and checks the lengths that belong to it.
func (r *Record) data(h *cpic.Header, body []byte) ([]byte, error) {
	bad := func(field string, off int, want, got string) error {
		return &wire.Error{Layer: "appc", Record: h.Function.String(), Field: field, Offset: off, Err: wire.ErrMalformed, Want: want, Got: got}
	}
	n := len(body)
	if r.direction() == capture.ServerToClient {
		if h.Function != cpic.SAPSend && h.Function != cpic.Receive {
			if n > 0 {
				return nil, bad("function", 1, "F_SAP_SEND or F_RECEIVE", h.Function.String())
			}
			return nil, nil // acknowledgement of a barrier slice
		}
		// Zero is taken as "all", as the client does.
		if got := uint64(h.ReceiveInfo().ReceivedLength); got > uint64(n) || got != 0 && got < uint64(n) {
			return nil, bad("received_length", 56, fmt.Sprintf("the %d bytes of the record", n), fmt.Sprint(got))
		}
		return body, nil
	}
	switch h.Function {
	case cpic.SAPSend:
		switch {
		case h.Info&cpic.InfoWithParamsHeader == 0 && h.ParamLength == 0:
			return body, nil
		case h.ParamLength != 8 || h.Info&cpic.InfoWithParamsHeader == 0:
			return nil, bad("sap_param_len", 26, "8 with WITH_GW_SAP_PARAMS_HDR, or 0 without", fmt.Sprint(h.ParamLength))
		case n < 8:
			return nil, bad("trailer", cpic.HeaderLength, "at least 8 bytes behind the header", fmt.Sprint(n))
		}
		t, err := cpic.DecodeTrailer(body[n-8:])
		if err != nil {
			return nil, err
		}
		if int64(t.DataLength) != int64(n-8) {
			return nil, bad("data_length", len(r.payload)-8, fmt.Sprintf("the %d bytes of data", n-8), fmt.Sprint(t.DataLength))
		}
		r.Fields.at("data_length", uint64(t.DataLength), len(r.payload)-8, 4)
		r.Fields.at("receive_limit", uint64(t.ReceiveLimit), len(r.payload)-4, 4)
		return body[:n-8], nil
	case cpic.AsyncSendData, cpic.SendData:
		if got := h.SendLength(); uint64(got) != uint64(n) {
			return nil, bad("send_length", 48, fmt.Sprintf("the %d bytes of the record", n), fmt.Sprint(got))
		}
	default:
	}
	return body, nil
}

// collect joins the records of a message and decodes it when it is complete.
func (s *stream) collect(r *Record, h *cpic.Header, data []byte) (base int, err error) {
	side := &s.sides[side(r.direction())]
	last := lastRecord(h, r.direction())
	if len(data) == 0 && side.fragments == 0 {
		return 0, nil // an acknowledgement, or a verb without data
	}
	side.start = len(side.message)
	if int64(side.start)+int64(len(data)) > chain.DefaultMessage {
		return cpic.HeaderLength, &wire.Error{Layer: "appc", Record: "message", Err: wire.ErrLimit, Want: fmt.Sprintf("at most %d bytes", int64(chain.DefaultMessage)), Got: "more"}
	}
	side.fragments++
	if !last {
		side.message = append(side.message, data...)
		r.Kind, side.open = KindMore, r
		r.Fields.add("message_offset", uint64(side.start))
		r.Fields.add("message_bytes", uint64(len(data)))
		return 0, nil
	}
	message := data
	if side.fragments > 1 {
		message = append(side.message, data...)
		r.Fields.add("message_records", uint64(side.fragments))
	}
	r.Fields.add("message_length", uint64(len(message)))
	base = cpic.HeaderLength - side.start
	side.message, side.fragments, side.open = nil, 0, nil
	r.Layer = LayerRFC
	return base, s.message(r, h, message)
}

// guessDirection tells the sender of an APPC record: a client has no index of its own in
// its records, except in F_INITIALIZE, whose answer sets a bit of info4 (spec 02 section
// 3.5 [capture]).
func guessDirection(h *cpic.Header) capture.Direction {
	switch {
	case h.Function == cpic.Initialize && h.Info4&cpic.Info4Reply != 0:
		return capture.ServerToClient
	case h.Function == cpic.Initialize, h.Function == cpic.SetPartnerLUName, h.CommIndex == 0xffff:
		return capture.ClientToServer
	}
	return capture.ServerToClient
}

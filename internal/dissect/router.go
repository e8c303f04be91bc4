package dissect

import (
	"bytes"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/saprouter"
)

// route decodes a route request.
//
// Source: spec 10 section 3 [capture].
func (r *Record) route() error {
	r.Layer, r.Kind = LayerRouter, "NI_ROUTE"
	if r.Direction == "" {
		r.Direction = "c2s"
	}
	q, err := saprouter.DecodeRequest(r.payload)
	if err != nil {
		return err
	}
	f := &r.Fields
	f.layout(saprouter.RequestFields, r.payload, 0)
	if q.TalkMode <= saprouter.RouterIO {
		f.add("talk_mode_name", q.TalkMode.String())
	}
	hops, pos := make([]Fields, 0, len(q.Hops)), saprouter.HeaderLength
	shown := make(saprouter.Route, 0, len(q.Hops))
	for _, h := range q.Hops {
		pos += len(h.Host) + len(h.Service) + 2
		password := ""
		if n := len(h.Password); n > 0 {
			r.secrets = append(r.secrets, span{pos, pos + n})
			password = Masked
		}
		pos += len(h.Password) + 1
		h = saprouter.Hop{Host: ni.Printable([]byte(h.Host), maxText), Service: ni.Printable([]byte(h.Service), maxText), Password: h.Password}
		hops = append(hops, Fields{{Name: "host", Value: h.Host}, {Name: "service", Value: h.Service}, {Name: "password", Value: password}})
		shown = append(shown, h)
	}
	f.at("hops", hops, saprouter.HeaderLength, pos-saprouter.HeaderLength)
	f.add("route", shown.String())
	if n := len(shown); n > 0 {
		f.add("target", fmt.Sprintf("%s:%s", shown[n-1].Host, shown[n-1].Service))
	}
	return nil
}

// routeSecrets marks every third string of the hop list, as far as the list goes.
func routeSecrets(payload []byte, mark func(span)) {
	if len(payload) <= saprouter.HeaderLength {
		return
	}
	list := payload[saprouter.HeaderLength:]
	for n, pos := 0, 0; pos < len(list); n++ {
		end := bytes.IndexByte(list[pos:], 0)
		if end < 0 {
			end = len(list) - pos
		}
		if n%3 == 2 {
			mark(span{saprouter.HeaderLength + pos, saprouter.HeaderLength + pos + end})
		}
		pos += end + 1
	}
}

// routerError decodes an NI_RTERR record.
//
// Source: spec 10 section 4 [dissector].
func (r *Record) routerError() error {
	r.Layer, r.Kind = LayerRouter, "NI_RTERR"
	in := wire.NewReader("router", "NI_RTERR", r.payload)
	in.Skip("eye_catcher", len(eyeRouter))
	f := &r.Fields
	version, opcode := in.U8("ni_version"), in.U8("opcode")
	in.Skip("unused", 1)
	code := in.I32("return_code")
	length := in.U32("text_length")
	if err := in.Err(); err != nil {
		return err
	}
	f.at("ni_version", uint64(version), 9, 1)
	f.at("opcode", uint64(opcode), 10, 1)
	f.at("return_code", int64(code), 12, 4)
	f.at("text_length", uint64(length), 16, 4)
	if r.Direction == "" && opcode == 0 {
		r.Direction = "s2c"
	}
	text := in.Bytes("text", in.Bound("text_length", 16, uint64(length), in.Len()))
	if err := in.Err(); err != nil {
		return err
	}
	// Four bytes of unknown use may follow; a version request has them as well.
	if in.Len() != 0 && in.Len() != 4 {
		in.Fail("text_length", 16, wire.ErrTrailing, "0 or 4 bytes behind the text", fmt.Sprint(in.Len()))
		return in.Err()
	}
	if info, ok := ni.FindErrorInfo(text); ok {
		r.errorFields(info)
	} else if len(text) > 0 {
		f.at("text", ni.Printable(text, maxText), 20, len(text))
	}
	return nil
}

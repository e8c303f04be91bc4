package dissect

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// routeHead is the length of an NI_ROUTE payload in front of its hop list.
const routeHead = 24

// route decodes a route request.
//
// Source: spec 10 section 3 [capture].
func (r *Record) route() error {
	r.Layer, r.Kind = LayerRouter, "NI_ROUTE"
	if r.Direction == "" {
		r.Direction = "c2s"
	}
	in := wire.NewReader("router", "NI_ROUTE", r.payload)
	in.Skip("eye_catcher", len(eyeRoute))
	f := &r.Fields
	u8 := func(name string) int {
		off, v := in.Offset(), in.U8(name)
		f.at(name, uint64(v), off, 1)
		return int(v)
	}
	u8("route_version")
	u8("ni_version")
	entries := u8("entries")
	mode := u8("talk_mode")
	in.Skip("unused", 2)
	u8("rest_nodes")
	length := in.U32("route_length")
	f.at("route_length", uint64(length), 16, 4)
	next := in.U32("route_offset")
	f.at("route_offset", uint64(next), 20, 4)
	if err := in.Err(); err != nil {
		return err
	}
	if mode <= 2 {
		f.add("talk_mode_name", [...]string{"NI_MSG_IO", "NI_RAW_IO", "NI_ROUT_IO"}[mode])
	}
	if int64(length) != int64(in.Len()) {
		in.Fail("route_length", 16, wire.ErrMalformed, fmt.Sprintf("the %d bytes behind the header", in.Len()), fmt.Sprint(length))
		return in.Err()
	}
	// Hops are only made of bytes that are there: three NULs each.
	list := in.Rest()
	hops, route := []Fields{}, strings.Builder{}
	border := next == 0
	for n, pos := 0, 0; pos < len(list); n++ {
		var part [3]string
		for i, name := range [...]string{"host", "service", "password"} {
			end := bytes.IndexByte(list[pos:], 0)
			if end < 0 {
				in.Fail(name, routeHead+pos, wire.ErrTruncated, "a closing NUL", "the end of the hop list")
				return in.Err()
			}
			part[i] = ni.Printable(list[pos:pos+end], maxText)
			if i == 2 && end > 0 {
				r.secrets = append(r.secrets, span{routeHead + pos, routeHead + pos + end})
				part[i] = Masked
			}
			pos += end + 1
		}
		border = border || pos == int(min(next, uint32(len(list)+1)))
		if n < maxEntries {
			hops = append(hops, Fields{{Name: "host", Value: part[0]}, {Name: "service", Value: part[1]}, {Name: "password", Value: part[2]}})
			route.WriteString("/H/" + part[0])
			if part[1] != "" {
				route.WriteString("/S/" + part[1])
			}
			if part[2] != "" {
				route.WriteString("/W/" + part[2])
			}
		}
		if n >= entries {
			in.Fail("entries", 11, wire.ErrMalformed, "the number of hops in the list, more than that", fmt.Sprint(entries))
			return in.Err()
		}
	}
	if len(hops) < min(entries, maxEntries) {
		in.Fail("entries", 11, wire.ErrMalformed, fmt.Sprintf("the %d hops of the list", len(hops)), fmt.Sprint(entries))
		return in.Err()
	}
	if !border {
		in.Fail("route_offset", 20, wire.ErrMalformed, "the beginning of a hop", fmt.Sprint(next))
		return in.Err()
	}
	f.at("hops", hops, routeHead, len(list))
	f.add("route", route.String())
	if n := len(hops); n > 0 {
		f.add("target", fmt.Sprintf("%s:%s", hops[n-1][0].Value, hops[n-1][1].Value))
	}
	return nil
}

// routeSecrets marks every third string of the hop list, as far as the list goes.
func routeSecrets(payload []byte, mark func(span)) {
	if len(payload) <= routeHead {
		return
	}
	list := payload[routeHead:]
	for n, pos := 0, 0; pos < len(list); n++ {
		end := bytes.IndexByte(list[pos:], 0)
		if end < 0 {
			end = len(list) - pos
		}
		if n%3 == 2 {
			mark(span{routeHead + pos, routeHead + pos + end})
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

package rfctest

import (
	"strconv"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// restEndpoint is SADT_REST_RFC_ENDPOINT: an HTTP request and its response as nested deep
// structures. The resource /echo returns what it is sent; there are no others.
//
// Source: product facts, general knowledge of the interface [inferred].
func restEndpoint() area {
	return area{
		types: func(d *metadata.Dictionary) {
			d.Structure("SADT_REST_HEADER", "NAME:g VALUE:g")
			d.Table("TIHTTPNVP", "{SADT_REST_HEADER}")
			d.Structure("SADT_REST_REQUEST_LINE", "METHOD:g URI:g VERSION:g")
			d.Structure("SADT_REST_REQUEST", "REQUEST_LINE:{SADT_REST_REQUEST_LINE} HEADER_FIELDS:[TIHTTPNVP] MESSAGE_BODY:y")
			d.Structure("SADT_REST_STATUS_LINE", "VERSION:g STATUS_CODE:g REASON_PHRASE:g")
			d.Structure("SADT_REST_RESPONSE", "STATUS_LINE:{SADT_REST_STATUS_LINE} HEADER_FIELDS:[TIHTTPNVP] MESSAGE_BODY:y")
		},
		modules: []definition{{name: "SADT_REST_RFC_ENDPOINT", group: "SADT_REST", text: "HTTP requests over RFC", serve: typed(rest), basXML: true, interfaceText: `
			EXPORTING RESPONSE:{SADT_REST_RESPONSE}      " The response
			IMPORTING REQUEST:{SADT_REST_REQUEST}        " The request`}},
	}
}

type (
	restHeader struct {
		Name  string `rfc:"NAME"`
		Value string `rfc:"VALUE"`
	}
	restRequest struct {
		Line struct {
			Method  string `rfc:"METHOD"`
			URI     string `rfc:"URI"`
			Version string `rfc:"VERSION"`
		} `rfc:"REQUEST_LINE"`
		Header []restHeader `rfc:"HEADER_FIELDS"`
		Body   []byte       `rfc:"MESSAGE_BODY"`
	}
	restResponse struct {
		Line struct {
			Version string `rfc:"VERSION"`
			Code    string `rfc:"STATUS_CODE"`
			Reason  string `rfc:"REASON_PHRASE"`
		} `rfc:"STATUS_LINE"`
		Header []restHeader `rfc:"HEADER_FIELDS"`
		Body   []byte       `rfc:"MESSAGE_BODY"`
	}
	restIn struct {
		Request restRequest `rfc:"REQUEST"`
	}
	restOut struct {
		Response restResponse `rfc:"RESPONSE"`
	}
)

func rest(_ *System, _ *rfc.Request, in *restIn) (*restOut, error) {
	out := new(restOut)
	r := &out.Response
	r.Line.Version, r.Line.Code, r.Line.Reason = "HTTP/1.1", "200", "OK"
	if in.Request.Line.URI != "/echo" {
		r.Line.Code, r.Line.Reason = "404", "Not Found"
		return out, nil
	}
	r.Body = in.Request.Body
	r.Header = append(in.Request.Header, restHeader{"content-length", strconv.Itoa(len(r.Body))})
	return out, nil
}

package dissect

import (
	"encoding/json"
	"fmt"

	"github.com/purerfc/purerfc/internal/capture"
)

// Document is a decoded recording. Its JSON form is what `rfcping decode --json` prints.
type Document struct {
	Frames []*Record `json:"frames"`
}

// JSON gives the document as one JSON object.
func (d *Document) JSON() ([]byte, error) {
	if d.Frames == nil {
		d = &Document{Frames: []*Record{}}
	}
	return json.Marshal(d)
}

// The layers of a Record.
const (
	LayerNI      = "ni"      // keepalive and empty records
	LayerGateway = "gateway" // 64 or 80 bytes that open a connection
	LayerAPPC    = "appc"    // records without a complete RFC message
	LayerRFC     = "rfc"     // the record that completes an RFC message
	LayerRouter  = "router"  // SAProuter requests and errors
	LayerMS      = "ms"      // message server
	LayerSNC     = "snc"     // protected frames, not looked into
)

// The kinds of a Record of LayerRFC. Other layers have the name of the wire: the request
// type of a gateway record, the verb of an APPC record, the opcode of a message-server
// record.
const (
	KindLogon          = "logon"
	KindLogonReply     = "logon_reply"
	KindLogonRefusal   = "logon_refusal"
	KindCall           = "call"
	KindReply          = "reply"
	KindException      = "exception"       // ABAP exception, classic
	KindClassException = "class_exception" // ABAP exception class
	KindMessage        = "message"         // ABAP message without an exception
	KindSystemFailure  = "system_failure"
	KindCallback       = "callback"       // a call of the serving side
	KindCallbackReply  = "callback_reply" // its answer
	KindChain          = "chain"          // a field chain without a known marker

	// KindMore is a record of LayerAPPC whose message goes on in the next one; the record
	// that ends the message shows all of it.
	KindMore = "more"
	// KindError is a record of LayerAPPC or LayerGateway that reports a failure.
	KindError = "error"
)

// Record is one NI frame in readable form.
type Record struct {
	// Index counts the frames of the recording from 0, in its order.
	Index int `json:"index"`
	// Stream is the conversation; Offset is where the frame begins, see capture.Frame.
	Stream int   `json:"stream"`
	Offset int64 `json:"offset"`
	// Length of the NI payload in bytes.
	Length int `json:"length"`
	// Direction is c2s or s2c, from the recording or guessed; empty when nobody can know.
	Direction string `json:"direction"`
	Layer     string `json:"layer"`
	Kind      string `json:"kind"`
	// Fields are the header fields in wire order, then facts of the whole message.
	Fields Fields `json:"fields"`
	// Items is the field chain with its end item, at most maxItems of it.
	Items []Item `json:"items"`
	// Function is the called function module; of replies it is that of the last call.
	Function   string      `json:"function"`
	Parameters []Parameter `json:"parameters"`
	Exception  Exception   `json:"exception"`

	payload []byte // aliases the frame
	secrets []span
}

// direction is the typed form of Direction.
func (r *Record) direction() capture.Direction {
	switch r.Direction {
	case "c2s":
		return capture.ClientToServer
	case "s2c":
		return capture.ServerToClient
	default:
		return capture.Unknown
	}
}

// Field is one named value. Value is a string, bool, int64, uint64, []string or a list of
// Fields.
type Field struct {
	Name  string
	Value any
	// Off and Len say where the field is in the payload; Len is 0 for derived facts.
	Off, Len int
}

// Fields keeps the order of the wire; as JSON it is an object.
type Fields []Field

// Get returns the value of the first field of that name, or nil.
func (f Fields) Get(name string) any {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value
		}
	}
	return nil
}

// add appends a derived fact unless the name is taken.
func (f *Fields) add(name string, value any) {
	if f.Get(name) == nil {
		*f = append(*f, Field{Name: name, Value: value})
	}
}

// at appends a field with its place.
func (f *Fields) at(name string, value any, off, n int) {
	*f = append(*f, Field{Name: name, Value: value, Off: off, Len: n})
}

// MarshalJSON implements json.Marshaler.
func (f Fields) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	seen := make(map[string]bool, len(f))
	for i := range f {
		if seen[f[i].Name] {
			continue
		}
		seen[f[i].Name] = true
		if len(out) > 1 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f[i].Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f[i].Value)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f[i].Name, err)
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// Item is one item of a field chain.
type Item struct {
	// Tag is four lower-case hex digits.
	Tag string `json:"tag"`
	// Length of the value in bytes.
	Length int    `json:"length"`
	Name   string `json:"name"`
	// Text is the value in readable form, cut if long, *** if it is a secret.
	Text string `json:"text"`
	// Offset of the tag in the message data in bytes; the signature of a logon counts.
	Offset int64 `json:"offset"`
}

// Kinds of parameters.
const (
	Scalar      = "scalar" // one value, of any type, or a flat structure
	TableKind   = "table"
	XMLKind     = "xml"
	CompactKind = "compact" // one element of a basXML document
)

// Parameter is one value that a call or reply carries. Names that are only asked for are
// items, not parameters.
type Parameter struct {
	Name string `json:"name"`
	// Length is that of the value, of all rows, or of the document, in bytes.
	Length int    `json:"length"`
	Text   string `json:"text"`
	Kind   string `json:"kind"`
	// Rows and Width are those of item 0302 of a table.
	Rows  int `json:"rows,omitempty"`
	Width int `json:"width,omitempty"`
}

// Exception is what a failed call reported.
type Exception struct {
	Key     string `json:"key,omitempty"`
	Message string `json:"message,omitempty"`
	Class   string `json:"class,omitempty"`
	Type    string `json:"type,omitempty"`
	Number  string `json:"number,omitempty"`
	V1      string `json:"v1,omitempty"`
	V2      string `json:"v2,omitempty"`
	V3      string `json:"v3,omitempty"`
	V4      string `json:"v4,omitempty"`
}

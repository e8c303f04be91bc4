package destination

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/purerfc/purerfc/rfc"
)

// maxJSONDepth bounds the nesting of a document: an answer of the destination service has
// metadata of its own beside the configuration.
const maxJSONDepth = 16

// JSONFormat reads a JSON object: one destination; several by name; or an answer of the
// destination service. Values are strings, numbers (as they are written) or booleans; null
// is absent.
func JSONFormat(document []byte) ([]Member, error) {
	doc, _ := bytes.CutPrefix(document, bom)
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	r := &jsonReader{doc: doc, d: d, line: 1}
	m, err := r.value("", 0)
	if err != nil {
		return nil, err
	}
	if m.Members == nil || m.list {
		return nil, fmt.Errorf("line %d: an object { } is required", r.line)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something stands behind the object", r.lineHere())
	}
	return m.Members, nil
}

type jsonReader struct {
	doc  []byte
	d    *json.Decoder
	at   int // up to where lines were counted
	line int
}

// lineHere is the line of the token read last.
func (r *jsonReader) lineHere() int {
	end := min(int(r.d.InputOffset()), len(r.doc))
	r.line += bytes.Count(r.doc[r.at:end], []byte("\n"))
	r.at = end
	return r.line
}

// node is a value on its way to a Member.
type node struct {
	Member
	list bool // an array
	null bool
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.d.Token()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: the document ends too early", r.lineHere())
	}
	if err != nil {
		// The decoder's own text shows a character at most, and that may be one of a secret.
		return nil, fmt.Errorf("line %d, behind byte %d: not JSON", r.lineHere(), r.d.InputOffset())
	}
	return t, nil
}

// value reads a value.
func (r *jsonReader) value(key string, depth int) (node, error) {
	if depth > maxJSONDepth {
		return node{}, fmt.Errorf("line %d: more than %d levels", r.line, maxJSONDepth)
	}
	t, err := r.token()
	if err != nil {
		return node{}, err
	}
	n := node{Member: Member{Key: key, Line: r.lineHere()}}
	switch t := t.(type) {
	case json.Delim:
		n.list = t == '['
		n.Members = []Member{}
		return n, r.members(&n, depth)
	case string:
		n.Value = rfc.Secret(t)
	case json.Number:
		n.Value = rfc.Secret(t.String())
	case bool:
		n.Value = rfc.Secret(fmt.Sprint(t))
	default:
		n.null = true
	}
	return n, nil
}

// members reads what is inside of an object or array, and its end.
func (r *jsonReader) members(n *node, depth int) error {
	for r.d.More() {
		key := ""
		if !n.list {
			t, err := r.token()
			if err != nil {
				return err
			}
			key, _ = t.(string)
		}
		m, err := r.value(key, depth+1)
		if err != nil {
			return err
		}
		if !m.null {
			n.Members = append(n.Members, m.Member)
		}
	}
	_, err := r.token()
	return err
}

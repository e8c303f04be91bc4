package httphead

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

const (
	// MaxBytes bounds a head, 16 KiB: enough for a ticket in a header, too little to matter
	// when thousands of peers send one.
	MaxBytes = 16 << 10
	// MaxFields bounds the header fields of a head.
	MaxFields = 128
	// maxShown bounds a start line in an error.
	maxShown = 64
)

// Head is a start line and its fields in the order of the wire.
type Head struct {
	Start  string
	Fields []Field
}

// Field is one header field: the name as it was sent, the value without outer blanks.
type Field struct{ Name, Value string }

// Values returns all values of a field; names are compared without regard to case.
func (h *Head) Values(name string) (values []string) {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Get returns the value of a field that may occur once, or empty. Twice is an error: two
// readers would believe different ones.
func (h *Head) Get(name string) (string, error) {
	v := h.Values(name)
	switch len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", fail(name, wire.ErrMalformed, "the field once", fmt.Sprintf("%d times", len(v)))
}

// Has reports whether a list field has a token, without regard to case.
func (h *Head) Has(name, token string) bool {
	for _, v := range h.Values(name) {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// Status reads the start line of a response.
func (h *Head) Status() (code int, reason string, err error) {
	rest, ok := cutVersion(h.Start)
	if ok && len(rest) >= 4 && rest[0] == ' ' {
		digits, reason, _ := strings.Cut(rest[1:], " ")
		if n, err := strconv.Atoi(digits); err == nil && len(digits) == 3 && n >= 100 {
			return n, reason, nil
		}
	}
	return 0, "", fail("status line", wire.ErrMalformed, "HTTP/1.1, a blank and three digits", shown(h.Start))
}

// Request reads the start line of a request.
func (h *Head) Request() (method, target string, err error) {
	parts := strings.Split(h.Start, " ")
	if len(parts) == 3 && token(parts[0]) && parts[1] != "" {
		if rest, ok := cutVersion(parts[2]); ok && rest == "" {
			return parts[0], parts[1], nil
		}
	}
	return "", "", fail("request line", wire.ErrMalformed, "method, target and HTTP/1.1", shown(h.Start))
}

// cutVersion cuts HTTP/1.0 or HTTP/1.1 off.
func cutVersion(s string) (rest string, ok bool) {
	for _, v := range []string{"HTTP/1.1", "HTTP/1.0"} {
		if rest, ok = strings.CutPrefix(s, v); ok {
			return rest, true
		}
	}
	return s, false
}

// shown bounds and cleans what is quoted of a start line; of fields nothing is ever quoted.
func shown(s string) string {
	return strconv.QuoteToASCII(s[:min(len(s), maxShown)])
}

// Read reads one head from r. It may read more than the head: rest are these bytes. limit is
// the largest head, 0 for MaxBytes. Errors: io.EOF when r ends before the first byte,
// *wire.Error, or the error of r.
func Read(r io.Reader, limit int) (h *Head, rest []byte, err error) {
	if limit <= 0 {
		limit = MaxBytes
	}
	buf := make([]byte, 0, min(2<<10, limit))
	for seen := 0; ; {
		if end := headEnd(buf, seen); end >= 0 {
			h, err := Parse(buf[:end])
			return h, buf[end:], err
		}
		if len(buf) >= limit {
			return nil, nil, fail("", wire.ErrLimit, fmt.Sprintf("at most %d bytes", limit), "more")
		}
		if err := foreignStart(buf); err != nil {
			return nil, nil, err
		}
		seen = max(len(buf)-3, 0)
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*cap(buf), limit)), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		if buf = buf[:len(buf)+n]; n > 0 {
			continue
		}
		switch {
		case err == nil:
			return nil, nil, io.ErrNoProgress
		case errors.Is(err, io.EOF) && len(buf) > 0:
			e := fail("", errors.Join(wire.ErrTruncated, io.ErrUnexpectedEOF), "an empty line", "the end of the connection")
			e.Offset = len(buf)
			return nil, nil, e
		}
		return nil, nil, err
	}
}

// foreignStart ends the wait for the end of a head that is none: the first line of HTTP has
// no control characters.
func foreignStart(buf []byte) error {
	for _, b := range buf[:min(len(buf), 8)] {
		if b == '\r' || b == '\n' {
			return nil
		}
		if b < ' ' || b > '~' {
			return fail("start line", wire.ErrMalformed, "HTTP/1.1", fmt.Sprintf("% x", buf[:min(len(buf), 16)]))
		}
	}
	return nil
}

// headEnd is the offset behind the empty line, or -1; bytes in front of seen were looked at.
func headEnd(b []byte, seen int) int {
	for i := seen; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		switch {
		case i+1 < len(b) && b[i+1] == '\n':
			return i + 2
		case i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n':
			return i + 3
		}
	}
	return -1
}

// Parse reads a complete head, the empty line included.
func Parse(b []byte) (*Head, error) {
	h := new(Head)
	offset := 0
	for number := 0; ; number++ {
		end := bytes.IndexByte(b[offset:], '\n')
		if end < 0 {
			e := fail("", wire.ErrTruncated, "an empty line", "none")
			e.Offset = offset
			return nil, e
		}
		line := string(bytes.TrimSuffix(b[offset:offset+end], []byte{'\r'}))
		bad := func(want, got string) error {
			e := fail(fmt.Sprintf("line %d", number+1), wire.ErrMalformed, want, got)
			e.Offset = offset
			return e
		}
		switch i := badByte(line); {
		case i >= 0:
			return nil, bad("printable characters", fmt.Sprintf("0x%02x at %d", line[i], i))
		case number == 0 && line == "":
			return nil, bad("a start line", "an empty line")
		case number == 0:
			if err := foreignStart([]byte(line)); err != nil {
				return nil, err
			}
			h.Start = line
		case line == "":
			return h, nil
		case line[0] == ' ' || line[0] == '\t':
			return nil, bad("no folded lines", "one")
		case len(h.Fields) >= MaxFields:
			return nil, fail("", wire.ErrLimit, fmt.Sprintf("at most %d header fields", MaxFields), "more")
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok || !token(name) {
				return nil, bad("a name and a colon", "neither")
			}
			h.Fields = append(h.Fields, Field{Name: name, Value: strings.Trim(value, " \t")})
		}
		offset += end + 1
	}
}

// badByte is the index of the first byte that no line of a head has, or -1. Bytes above 0x7f
// are obsolete text and harmless.
func badByte(line string) int {
	return strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// token reports whether s is a token of RFC 9110.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

func fail(field string, reason error, want, got string) *wire.Error {
	return &wire.Error{Layer: "http", Record: "head", Field: field, Err: reason, Want: want, Got: got}
}

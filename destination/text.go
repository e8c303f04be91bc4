package destination

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/magiconair/properties"

	"github.com/purerfc/purerfc/rfc"
)

// PropertiesFormat reads .properties documents. Lines are found, joined and checked here, so
// that errors have places and no values; what a line says is read by the library.
func PropertiesFormat(document []byte) ([]Member, error) {
	doc, marked := bytes.CutPrefix(document, bom)
	r := &lineReader{rest: doc, utf8: marked}
	var members []Member
	for r.next() {
		m, err := r.member()
		if err != nil {
			r.fail("%w", err)
			continue
		}
		members = append(members, m)
	}
	return members, joined(r.failed)
}

// lineReader finds logical lines: natural ones, joined where a backslash ends them.
type lineReader struct {
	rest   []byte
	utf8   bool
	line   int // of the natural line read last
	failed []error

	text  []byte  // the logical line in UTF-8
	parts []place // where its parts begin
}

// place says where a part of a logical line stands.
type place struct{ at, line, column int }

func (r *lineReader) fail(format string, args ...any) {
	r.failed = append(r.failed, fmt.Errorf(format, args...))
}

// natural gives the next line without its end.
func (r *lineReader) natural() (line []byte, ok bool) {
	if len(r.rest) == 0 {
		return nil, false
	}
	r.line++
	end := bytes.IndexAny(r.rest, "\r\n")
	if end < 0 {
		line, r.rest = r.rest, nil
		return line, true
	}
	line = r.rest[:end]
	if r.rest[end] == '\r' && end+1 < len(r.rest) && r.rest[end+1] == '\n' {
		end++
	}
	r.rest = r.rest[end+1:]
	return line, true
}

// next reads a logical line that is no comment and not empty.
func (r *lineReader) next() bool {
	for {
		line, ok := r.natural()
		if !ok {
			return false
		}
		body := bytes.TrimLeft(line, " \t\f")
		if len(body) == 0 || body[0] == '#' || body[0] == '!' {
			if i := bytes.IndexByte(line, 0); i >= 0 {
				r.fail("line %d, column %d: byte 0x00: this is no text in ISO 8859-1 or UTF-8", r.line, i+1)
				return false
			}
			continue
		}
		r.text, r.parts = r.text[:0], r.parts[:0]
		if r.join(line) && len(r.text) > 0 { // backslashes in front of nothing make an empty line
			return true
		}
	}
}

// join appends a natural line, and those behind it as long as a backslash asks for them. It
// is false when one of them cannot be read; that is noted.
func (r *lineReader) join(line []byte) bool {
	for {
		body := bytes.TrimLeft(line, " \t\f")
		more := (len(body)-len(bytes.TrimRight(body, `\`)))%2 == 1
		if more {
			body = body[:len(body)-1]
		}
		r.parts = append(r.parts, place{len(r.text), r.line, len(line) - len(bytes.TrimLeft(line, " \t\f")) + 1})
		if !r.take(body) {
			return false
		}
		if !more {
			return true
		}
		var ok bool
		if line, ok = r.natural(); !ok {
			r.fail("line %d: a backslash at the end of the document: a line is missing behind it", r.line)
			return false
		}
	}
}

// take appends a part in UTF-8.
func (r *lineReader) take(part []byte) bool {
	last := r.parts[len(r.parts)-1]
	for i := 0; i < len(part); {
		c, size := rune(part[i]), 1
		if r.utf8 {
			c, size = utf8.DecodeRune(part[i:])
		}
		if c == utf8.RuneError && size == 1 && r.utf8 || c < ' ' && c != '\t' && c != '\f' || c >= 0x7f && c < 0xa0 {
			r.fail("line %d, column %d: byte 0x%02x: this is no text in ISO 8859-1; write \\uXXXX, or begin the document with the byte order mark of UTF-8", last.line, last.column+i, part[i])
			return false
		}
		r.text = utf8.AppendRune(r.text, c)
		i += size
	}
	return true
}

// where is the place of a byte of the logical line.
func (r *lineReader) where(at int) string {
	p := r.parts[0]
	for _, q := range r.parts {
		if q.at <= at {
			p = q
		}
	}
	return fmt.Sprintf("line %d, column %d", p.line, p.column+utf8.RuneCount(r.text[p.at:at]))
}

// member reads the logical line.
func (r *lineReader) member() (Member, error) {
	if err := r.separator(); err != nil {
		return Member{}, err
	}
	text, err := r.pairs()
	if err != nil {
		return Member{}, err
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	p, err := loader.LoadBytes(text)
	if err != nil || p.Len() != 1 {
		return Member{}, fmt.Errorf("%s: it cannot be read", r.where(0)) // the library's text shows values
	}
	key := p.Keys()[0]
	value, _ := p.Get(key)
	return Member{Key: key, Line: r.parts[0].line, Value: rfc.Secret(value)}, nil
}

// separator checks that there is a key and something behind it.
func (r *lineReader) separator() error {
	i := 0
	for ; i < len(r.text) && !strings.ContainsRune("=: \t\f", rune(r.text[i])); i++ {
		if r.text[i] == '\\' {
			i++
		}
	}
	if i == 0 {
		return fmt.Errorf("%s: a key is missing in front of %q", r.where(0), r.text[0])
	}
	i = min(i, len(r.text))
	rest := bytes.TrimLeft(r.text[i:], " \t\f")
	if len(rest) == 0 || rest[0] != '=' && rest[0] != ':' {
		return fmt.Errorf("%s: = is missing behind the key", r.where(i))
	}
	return nil
}

// pairs checks the escapes \uXXXX, and writes the character of those that come in pairs:
// the library takes each for itself.
func (r *lineReader) pairs() ([]byte, error) {
	if !bytes.Contains(r.text, []byte(`\u`)) {
		return r.text, nil
	}
	var out []byte
	for i := 0; i < len(r.text); {
		if r.text[i] != '\\' || i+1 >= len(r.text) {
			out = append(out, r.text[i])
			i++
			continue
		}
		if r.text[i+1] != 'u' {
			out = append(out, r.text[i:i+2]...)
			i += 2
			continue
		}
		unit, err := r.unit(i)
		if err != nil {
			return nil, err
		}
		if !utf16.IsSurrogate(unit) {
			out = append(out, r.text[i:i+6]...)
			i += 6
			continue
		}
		low, err := r.unit(i + 6)
		c := utf16.DecodeRune(unit, low)
		if err != nil || c == utf8.RuneError {
			return nil, fmt.Errorf("%s: \\u%04x is one half of a character; the other half is missing", r.where(i), unit)
		}
		out = utf8.AppendRune(out, c)
		i += 12
	}
	return out, nil
}

// unit reads \uXXXX at a place.
func (r *lineReader) unit(at int) (rune, error) {
	text := r.text[min(at, len(r.text)):]
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, fmt.Errorf("%s: \\u needs four hexadecimal digits", r.where(at))
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil || bytes.ContainsAny(text[2:6], "+_") {
		return 0, fmt.Errorf("%s: \\u needs four hexadecimal digits", r.where(at))
	}
	return rune(n), nil
}

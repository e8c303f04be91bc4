package destination

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/rfc"
)

// INIFormat reads sapnwrfc.ini: sections that begin with DEST=NAME, each with NAME=value
// lines of which the first = divides. Lines that begin with # or ; and those inside /* */ are
// comments. What stands in front of the first section belongs to the vendor's library; it
// comes as a member with an empty key. The text is UTF-8, or else ISO 8859-1.
//
// Source: DEST, the names and the place of the file [doc]; comments with /* */ [doc: examples
// of saprfc.ini]; with # and ;, and the encoding [inferred].
func INIFormat(document []byte) ([]Member, error) {
	doc, _ := bytes.CutPrefix(document, bom)
	if !utf8.Valid(doc) {
		doc = latin1(doc)
	}
	r := &iniReader{lines: lineReader{rest: doc}, section: Member{Members: []Member{}}}
	for {
		raw, ok := r.lines.natural()
		if !ok {
			break
		}
		if line := r.uncommented(strings.TrimSpace(string(raw))); line != "" {
			r.read(line)
		}
	}
	if r.comment {
		r.fail("a comment /* is not closed")
	}
	r.close()
	return r.sections, joined(r.failed)
}

type iniReader struct {
	lines    lineReader
	sections []Member
	section  Member // the one that is being read; in front of the first it has no key
	comment  bool   // inside /* */
	failed   []error
}

func (r *iniReader) fail(format string, args ...any) {
	r.failed = append(r.failed, fmt.Errorf("line %d: %s", r.lines.line, fmt.Sprintf(format, args...)))
}

// uncommented gives a line, or nothing for a comment.
func (r *iniReader) uncommented(line string) string {
	if !r.comment && strings.HasPrefix(line, "/*") {
		r.comment = true
		line = line[2:]
	}
	switch {
	case r.comment:
		r.comment = !strings.HasSuffix(line, "*/")
		return ""
	case line == "", line[0] == '#', line[0] == ';':
		return ""
	}
	return line
}

func (r *iniReader) read(line string) {
	if i := strings.IndexFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }); i >= 0 {
		r.fail("control character 0x%02x: this is no text", line[i])
		return
	}
	key, value, found := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case line[0] == '[':
		r.fail("a section begins with a line DEST=NAME here, not with [NAME]")
	case !found:
		r.fail("= is missing")
	case key == "":
		r.fail("a name is missing in front of =")
	case !strings.EqualFold(key, "DEST"):
		r.section.Members = append(r.section.Members, Member{Key: key, Line: r.lines.line, Value: rfc.Secret(value)})
	case value == "":
		r.fail("DEST= needs the name of a destination")
	default:
		r.close()
		r.section = Member{Key: value, Line: r.lines.line, Members: []Member{}}
	}
}

// close ends a section.
func (r *iniReader) close() {
	if r.section.Key != "" || len(r.section.Members) > 0 {
		r.sections = append(r.sections, r.section)
	}
}

// latin1 turns ISO 8859-1 into UTF-8.
func latin1(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

package destination

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/rfc"
)

// A Member is one name with its value in a document that holds destinations: a text, or
// further members.
type Member struct {
	Key string
	// Line is where it stands, from 1; 0 if nobody knows.
	Line int
	// Value is the text of a scalar. Any value may be a password, so that all of them are
	// secrets here.
	Value rfc.Secret
	// Members are set for an object; nil for a scalar.
	Members []Member
}

// A Format reads one kind of document. Errors say where, and hold no value. A document may
// be one destination (members with texts), or several by name (members with members).
type Format func(document []byte) ([]Member, error)

// builtin is a format of this package.
type builtin struct {
	read   Format
	latin1 bool // what has no byte order mark is ISO 8859-1
}

// builtins are found by the end of the file's name; what is not there is read as "".
var builtins = map[string]builtin{
	"":      {PropertiesFormat, true},
	".ini":  {INIFormat, false},
	".json": {JSONFormat, false},
}

// formatOf is the format for the end of a file's name.
func formatOf(suffix string) builtin {
	if f, ok := builtins[suffix]; ok {
		return f
	}
	return builtins[""]
}

// ReadProperties reads a document in the form of java.util.Properties: ISO 8859-1, or UTF-8
// behind a byte order mark; key=value or key:value; escapes \uXXXX, \t, \n, \r, \f; a
// backslash at the end of a line joins it with the next one; lines that begin with # or !
// are comments. Beyond Java, a line without = or : is an error, and so are duplicate keys.
// source is the name of the document in errors.
func ReadProperties(document []byte, source string) (Properties, error) {
	members, err := readDocument(document, PropertiesFormat)
	if err != nil {
		return Properties{}, fmt.Errorf("%s: %w", source, err)
	}
	p, err := flat(members, Source{Origin: FromFile, Name: source})
	if err != nil {
		return Properties{}, fmt.Errorf("%s: %w", source, err)
	}
	p.doubt(document, source)
	return p, nil
}

// readDocument bounds a document around its format.
func readDocument(document []byte, format Format) ([]Member, error) {
	if n := len(document); n > maxDocument {
		return nil, fmt.Errorf("%d bytes, at most %d", n, maxDocument)
	}
	return format(document)
}

// bom is the byte order mark of UTF-8.
var bom = []byte("\xef\xbb\xbf")

// doubt warns about what was read as ISO 8859-1 but probably written as UTF-8.
func (p *Properties) doubt(document []byte, source string) {
	if !bytes.HasPrefix(document, bom) && utf8.Valid(document) && bytes.ContainsFunc(document, func(r rune) bool { return r >= 0x80 }) {
		p.Warn("%s: it is read as ISO 8859-1 but looks like UTF-8; write \\uXXXX, or begin it with a byte order mark", source)
	}
}

// flat makes Properties of members that are texts.
func flat(members []Member, from Source) (Properties, error) {
	var p Properties
	list := make([]error, 0)
	seen := map[string]int{}
	for _, m := range members {
		from.Line = m.Line
		switch line, twice := seen[m.Key]; {
		case twice:
			list = append(list, fmt.Errorf("line %d: %s was given before, in line %d", m.Line, showKey(m.Key), line))
			continue
		case m.Members != nil:
			list = append(list, fmt.Errorf("line %d: %s holds further members, a text is required", m.Line, showKey(m.Key)))
			continue
		case len(m.Key) > maxKey:
			list = append(list, fmt.Errorf("line %d: a key of %d bytes, at most %d", m.Line, len(m.Key), maxKey))
			continue
		case len(m.Value) > maxValue:
			list = append(list, fmt.Errorf("line %d: %s has %d bytes, at most %d", m.Line, showKey(m.Key), len(m.Value), maxValue))
			continue
		}
		seen[m.Key] = m.Line
		p.list = append(p.list, newEntry(m.Key, m.Value.Reveal(), from))
	}
	if len(p.list) > maxProperties {
		list = append(list, fmt.Errorf("%d properties, at most %d", len(p.list), maxProperties))
	}
	return p, joined(list)
}

// joined joins errors, and counts what would be too many.
func joined(list []error) error {
	if n := len(list); n > maxProblems {
		list = append(list[:maxProblems:maxProblems], fmt.Errorf("and %d more", n-maxProblems))
	}
	return errors.Join(list...)
}

// showKey shows a key in an error, bounded.
func showKey(key string) string { return printable(cutTo(key, 64)) }

// destinations sorts a document by destination: the names in order, and what belongs to each.
// A document of texts is one destination; alone is its name unless it says its own.
func destinations(members []Member, alone string, own bool) (names []string, found map[string]Member, err error) {
	found = map[string]Member{}
	if c, ok := serviceAnswer(members); ok {
		members = c
	}
	objects := 0
	for _, m := range members {
		if m.Members != nil {
			objects++
		}
	}
	if objects == 0 {
		for _, m := range members {
			if own && strings.EqualFold(m.Key, KeyName) && m.Value != "" {
				alone = m.Value.Reveal()
			}
		}
		return []string{alone}, map[string]Member{alone: {Key: alone, Members: members}}, nil
	}
	var list []error
	for _, m := range members {
		old, twice := found[m.Key]
		switch {
		case m.Members == nil:
			list = append(list, fmt.Errorf("line %d: %s is a text among destinations, members are required", m.Line, showKey(m.Key)))
		case twice:
			list = append(list, fmt.Errorf("line %d: destination %s was given before, in line %d", m.Line, showKey(m.Key), old.Line))
		default:
			names = append(names, m.Key)
			found[m.Key] = m
		}
	}
	if len(names) > maxDestinations {
		list = append(list, fmt.Errorf("%d destinations, at most %d", len(names), maxDestinations))
	}
	return names, found, joined(list)
}

// serviceAnswer finds the configuration in what a destination service answers, without the
// metadata that may stand in it.
func serviceAnswer(members []Member) ([]Member, bool) {
	for _, m := range members {
		if m.Key == "destinationConfiguration" && m.Members != nil {
			return slices.DeleteFunc(m.Members, func(x Member) bool { return x.Members != nil }), true
		}
	}
	return nil, false
}

// fromService reports whether members have the shape of the destination service, where users
// may store keys of their own.
func fromService(members []Member) bool {
	for _, m := range members {
		if strings.EqualFold(m.Key, KeyKind) && m.Members == nil {
			return true
		}
	}
	return false
}

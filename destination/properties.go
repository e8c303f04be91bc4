package destination

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

// Properties are the raw settings of a destination: keys with values, each with its source,
// in the order in which they were written. They are what a Provider gives and what
// ParseProperties reads. The zero value is empty.
//
// A Properties behaves like a value: a copy does not see later changes of the original. It
// prints and marshals with *** for secrets and for keys that are not known, because a
// misspelt key may hold a secret as well; Reveal and All give everything.
//
// Concurrent use is safe as long as nobody changes it.
type Properties struct {
	list       []*entry // never changed in place
	notes      []string
	additional bool
	complete   []func(*Config) error // never changed in place
}

// entry keeps its value in a function, so that fmt shows an address where it prints what is
// inside of something field by field.
type entry struct {
	key    string
	value  func() string
	source Source
}

func newEntry(key, value string, from Source) *entry {
	return &entry{key, func() string { return value }, from}
}

// NewProperties takes the settings of a map, in the order of their keys.
func NewProperties(settings map[string]string) Properties {
	var p Properties
	for key, value := range settings {
		p.list = append(p.list, newEntry(key, value, Source{}))
	}
	slices.SortFunc(p.list, func(a, b *entry) int { return strings.Compare(a.key, b.key) })
	return p
}

// Set changes the value of a key or adds it.
func (p *Properties) Set(key, value string) { p.SetFrom(key, value, Source{}) }

// SetFrom is Set with the place where the value comes from.
func (p *Properties) SetFrom(key, value string, from Source) {
	e := newEntry(key, value, from)
	p.list = slices.Clone(p.list)
	if i := p.at(key); i >= 0 {
		p.list[i] = e
		return
	}
	p.list = append(p.list, e)
}

// Delete removes a key, if it is there.
func (p *Properties) Delete(key string) {
	if i := p.at(key); i >= 0 {
		p.list = slices.Delete(slices.Clone(p.list), i, i+1)
	}
}

func (p Properties) at(key string) int {
	return slices.IndexFunc(p.list, func(e *entry) bool { return e.key == key })
}

// Get gives the raw value of a key, spelled exactly so. Secrets come in clear.
func (p Properties) Get(key string) (string, bool) {
	if i := p.at(key); i >= 0 {
		return p.list[i].value(), true
	}
	return "", false
}

// Source says where the value of a key comes from.
func (p Properties) Source(key string) Source {
	if i := p.at(key); i >= 0 {
		return p.list[i].source
	}
	return Source{Origin: FromDefault}
}

// Len counts the keys.
func (p Properties) Len() int { return len(p.list) }

// All gives keys and raw values in order. Secrets come in clear.
func (p Properties) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, e := range p.list {
			if !yield(e.key, e.value()) {
				return
			}
		}
	}
}

// AllowAdditional makes keys that are not known and do not begin with jco. or go. be kept
// without a word, as the destination service lets users store keys of their own.
func (p *Properties) AllowAdditional() { p.additional = true }

// Warn adds a remark of the provider, for example about the permissions of a file. It
// appears among the warnings of Effective; it must not hold a secret.
func (p *Properties) Warn(format string, args ...any) {
	p.notes = append(slices.Clone(p.notes), fmt.Sprintf(format, args...))
}

// Complete makes ParseProperties call f with the Config it made, once nothing else is wrong: for
// what a provider knows that is no text, such as a source of tokens. f may be called by several
// goroutines at once and has to do the same each time; its error is one of the settings. It is no
// part of the Fingerprint.
func (p *Properties) Complete(f func(cfg *Config) error) {
	p.complete = append(slices.Clone(p.complete), f)
}

// With gives p with the settings of over in place of its own. A setting replaces one with
// another name of the same property, too: ASHOST replaces jco.client.ashost.
func (p Properties) With(over Properties) Properties {
	replaced := map[string]bool{}
	for _, e := range over.list {
		replaced[canonical(e.key)] = true
	}
	out := Properties{additional: p.additional || over.additional, notes: slices.Concat(p.notes, over.notes), complete: slices.Concat(p.complete, over.complete)}
	for _, e := range p.list {
		if !replaced[canonical(e.key)] {
			out.list = append(out.list, e)
		}
	}
	out.list = append(out.list, over.list...)
	return out
}

// Without gives p without the settings of some properties, under whatever name.
func (p Properties) Without(keys ...string) Properties {
	out := p
	out.list = nil
	for _, e := range p.list {
		if !slices.Contains(keys, canonical(e.key)) {
			out.list = append(out.list, e)
		}
	}
	return out
}

// Value gives the value of a property under any of its names, trimmed; an empty one if there
// is none. Secrets come in clear.
func (p Properties) Value(key string) string {
	for _, e := range p.list {
		if v := strings.Trim(e.value(), blanks); v != "" && canonical(e.key) == key {
			return v
		}
	}
	return ""
}

// canonical is the key of the property that has this name; of others it is the name.
func canonical(name string) string {
	if row := find(strings.Trim(name, blanks)); row != nil {
		return row.Key
	}
	return name
}

// processKey keeps fingerprints from being compared with those of guessed passwords.
var processKey = sync.OnceValue(func() []byte { return []byte(rand.Text()) })

// Fingerprint changes when a setting does. It does not depend on order, on the names used
// or on sources. It is good within this process only.
func (p Properties) Fingerprint() [sha256.Size]byte {
	type pair struct{ key, value string }
	var list []pair
	for _, e := range p.list {
		list = append(list, pair{canonical(e.key), strings.Trim(e.value(), blanks)})
	}
	slices.SortFunc(list, func(a, b pair) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	h := hmac.New(sha256.New, processKey())
	for _, x := range list {
		_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(x.key), x.key, len(x.value), x.value)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// shown is a value as others may see it.
func (e *entry) shown() string {
	row := find(strings.Trim(e.key, blanks))
	switch {
	case row != nil && row.Support != Legacy:
		return row.shown(e.value())
	case e.value() == "":
		return ""
	}
	return redacted
}

// String gives key=value lines, secrets as ***.
func (p Properties) String() string {
	var b strings.Builder
	for i, e := range p.list {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%.256s=%.1024s", printable(e.key), printable(e.shown()))
	}
	return b.String()
}

// printable takes what a terminal would obey out of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// GoString gives String.
func (p Properties) GoString() string { return p.String() }

// Format writes String for every verb.
func (p Properties) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue gives the settings as a group, secrets as ***.
func (p Properties) LogValue() slog.Value {
	var list []slog.Attr
	for _, e := range p.list {
		list = append(list, slog.String(e.key, e.shown()))
	}
	return slog.GroupValue(list...)
}

// MarshalJSON gives an object in order, secrets as ***.
func (p Properties) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, e := range p.list {
		if i > 0 {
			out = append(out, ',')
		}
		for j, s := range []string{e.key, e.shown()} {
			b, err := json.Marshal(s)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				out = append(out, ':')
			}
			out = append(out, b...)
		}
	}
	return append(out, '}'), nil
}

// UnmarshalJSON is refused: what MarshalJSON writes has no secrets.
func (p *Properties) UnmarshalJSON([]byte) error {
	return errors.New("destination: properties are read by ReadProperties and by providers")
}

// Reveal gives the text of a .properties file that ReadProperties reads back: plain ASCII
// with escapes. Secrets come in clear.
func (p Properties) Reveal() string {
	var b []byte
	for _, e := range p.list {
		b = appendEscaped(b, e.key, true)
		b = append(b, '=')
		b = appendEscaped(b, e.value(), false)
		b = append(b, '\n')
	}
	return string(b)
}

// appendEscaped writes a key or value as java.util.Properties does.
func appendEscaped(b []byte, s string, key bool) []byte {
	for i, r := range s {
		switch {
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\\', r == ' ' && (key || i == 0), key && strings.ContainsRune("=:#!", r):
			b = append(b, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}

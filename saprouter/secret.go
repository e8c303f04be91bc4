package saprouter

import (
	"fmt"
	"log/slog"
	"strings"
)

const mask = "***"

// Password is the password of a hop. It prints as *** everywhere; Reveal gives the text.
type Password string

// Reveal gives the text itself.
func (p Password) Reveal() string { return string(p) }

// String gives ***, or nothing for no password.
func (p Password) String() string {
	if p == "" {
		return ""
	}
	return mask
}

// Format writes *** for every verb.
func (p Password) Format(f fmt.State, verb rune) {
	text := p.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = `"` + text + `"`
	}
	_, _ = f.Write([]byte(text))
}

// LogValue gives ***.
func (p Password) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText gives ***.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// RouteString is a route string as a user writes it, read or not. It prints with its
// passwords masked; Reveal gives the text.
type RouteString string

// Reveal gives the text itself.
func (s RouteString) Reveal() string { return string(s) }

// String masks the passwords.
func (s RouteString) String() string { return Redact(string(s)) }

// Format masks the passwords for every verb.
func (s RouteString) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = fmt.Sprintf("%q", text)
	}
	_, _ = f.Write([]byte(text))
}

// LogValue masks the passwords.
func (s RouteString) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the passwords.
func (s RouteString) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Redact masks what may be a password in any text with a route in it, well-formed or not:
// all from /W/ or /P/ to the next /H/, in either case of letters.
func Redact(text string) string {
	var out strings.Builder
	for {
		start := markerAt(text, "wWpP")
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:start+3])
		text = text[start+3:]
		end := markerAt(text, "hH")
		if end < 0 {
			end = len(text)
		}
		if end > 0 {
			out.WriteString(mask)
		}
		text = text[end:]
	}
}

// markerAt finds the first /x/ where x is one of the letters; -1 if there is none.
func markerAt(s, letters string) int {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '/' && s[i+2] == '/' && strings.IndexByte(letters, s[i+1]) >= 0 {
			return i
		}
	}
	return -1
}

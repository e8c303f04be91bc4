package rfc

import (
	"fmt"
	"log/slog"
)

// Secret is a password or ticket. It prints as *** everywhere; Reveal gives the text.
type Secret string

const redacted = "***"

// Reveal gives the text itself.
func (s Secret) Reveal() string { return string(s) }

// String gives ***, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString gives ***.
func (s Secret) GoString() string { return `rfc.Secret("` + s.String() + `")` }

// Format writes *** for every verb.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = f.Write([]byte(s.GoString()))
		return
	}
	_, _ = f.Write([]byte(s.String()))
}

// LogValue gives ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

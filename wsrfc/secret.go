package wsrfc

import (
	"fmt"
	"log/slog"
)

// Secret is a password or token. It prints as *** everywhere; Reveal gives the text. It is
// the same as rfc.Secret, which stands on a higher shelf.
type Secret string

// Reveal gives the text itself.
func (s Secret) Reveal() string { return string(s) }

// String gives ***, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format writes *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue gives ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

package proxy

import (
	"context"
	"fmt"
	"log/slog"
)

// TokenSource gives the token for a connection: a JWT in its compact form, without "Bearer".
// It is asked once for each connection and should have cached it. It is safe for concurrent
// use.
//
// A source that has a method Forget(token string) as well is told when the proxy has refused
// a token; it is then asked for another one, and the connection is tried once more. Without
// it, or when the token is the same again, a refusal is final.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// forgetter is a TokenSource that can fetch another token.
type forgetter interface{ Forget(token string) }

// Secret is a password or a token. It prints as *** everywhere; Reveal gives the text. As a
// TokenSource it gives itself.
type Secret string

// Token gives the secret.
func (s Secret) Token(context.Context) (string, error) { return string(s), nil }

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

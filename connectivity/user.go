package connectivity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

type contextKey int

const (
	userKey contextKey = iota
	tenantKey
)

// WithUserToken hands over the token of the user on whose behalf something is done: a JWT in
// its compact form, without "Bearer", as a web application gets it with a request. It is looked
// at when it is needed, and never logged.
//
// Destinations are looked up in the name of the user, and HTTP requests through the
// connectivity proxy carry it where principals are propagated. RFC calls cannot: see the
// package comment.
func WithUserToken(ctx context.Context, token string) context.Context {
	// A function, so that nothing that prints a context prints the token.
	return context.WithValue(ctx, userKey, func() string { return token })
}

// WithTenant makes requests those of a subscriber: the subdomain of its account. Tokens are
// fetched there. Default: the account of the provider, whose bindings these are.
func WithTenant(ctx context.Context, subdomain string) context.Context {
	return context.WithValue(ctx, tenantKey, subdomain)
}

func tenantOf(ctx context.Context) string {
	s, _ := ctx.Value(tenantKey).(string)
	return s
}

// user is a user token that was looked at.
type user struct {
	token func() string
	hash  [sha256.Size]byte
}

// userOf gives the user of a context; nil if there is none.
func userOf(ctx context.Context) (*user, error) {
	token, _ := ctx.Value(userKey).(func() string)
	if token == nil {
		return nil, nil
	}
	if err := checkToken(token()); err != nil {
		return nil, configError("", fmt.Errorf("user token: %w", err))
	}
	if until, ok := expiry(token()); ok && !time.Now().Before(until) {
		return nil, &rfc.Error{
			Class: rfc.ClassLogon, Step: StepToken, Outcome: rfc.NotSent, Key: "RFC_LOGON_FAILURE",
			Message: "the user token in the context expired at " + until.UTC().Format(time.RFC3339) + "; hand over the one of the present request",
		}
	}
	return &user{token, sha256.Sum256([]byte(token()))}, nil
}

// errNoUser: principals are to be propagated, and there is none.
var errNoUser = errors.New("no user token in context; hand it over with connectivity.WithUserToken")

// maxToken bounds a token in bytes, as package proxy does.
const maxToken = 64 << 10

// checkToken refuses what cannot stand in a header. It shows nothing of it.
func checkToken(token string) error {
	switch {
	case token == "":
		return errors.New("it is empty")
	case len(token) > maxToken:
		return fmt.Errorf("%d bytes, at most %d", len(token), maxToken)
	case len(token) >= 7 && strings.EqualFold(token[:7], "bearer "):
		return errors.New(`it begins with "Bearer", which does not belong to it`)
	}
	if i := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return fmt.Errorf("a character at position %d that no token has", i+1)
	}
	return nil
}

// expiry is the end of a JWT as it says itself. Its signature is not looked at: whoever is sent
// the token does that.
func expiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var c struct {
		Exp json.Number `json:"exp"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return time.Time{}, false
	}
	n, err := c.Exp.Int64()
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

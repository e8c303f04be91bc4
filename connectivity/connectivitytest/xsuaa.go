package connectivitytest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// XSUAA is a double of the token service: client credentials by secret or by certificate, and
// the exchange of user tokens, at POST /oauth/token on the host of an account. It is an
// http.Handler, and safe for concurrent use once it serves.
type XSUAA struct {
	Faults

	// Secrets are the clients with their secrets; those with an empty one need a certificate.
	Secrets map[string]string
	// Tenants are the subdomains of the accounts. Empty: any.
	Tenants []string
	// Life is how long tokens last. Default twelve hours.
	Life time.Duration
	// NumberAsText writes expires_in as a string.
	NumberAsText bool

	mu     sync.Mutex
	issued map[string]Grant
}

// Grant is what a token stands for.
type Grant struct {
	Client, Tenant, User string
	Expiry               time.Time
}

// ServeHTTP implements http.Handler.
func (x *XSUAA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if x.next(w, r) {
		return
	}
	if r.URL.Path != "/oauth/token" {
		http.Error(w, "no such path", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		http.Error(w, "a form by POST is required", http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("Accept") != "application/json" {
		http.Error(w, "application/json is all there is", http.StatusNotAcceptable)
		return
	}
	refuse := func(code int, name, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": name, "error_description": text})
	}
	tenant, rest, _ := strings.Cut(r.Host, ".")
	if len(x.Tenants) > 0 && !slices.Contains(x.Tenants, tenant) {
		refuse(http.StatusNotFound, "invalid_tenant", "no such account")
		return
	}
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, secret = user, password
	}
	want, known := x.Secrets[id]
	byCertificate := strings.HasPrefix(rest, "authentication.cert.") && r.TLS != nil && len(r.TLS.PeerCertificates) > 0
	if !known || want == "" && !byCertificate || want != "" && secret != want {
		refuse(http.StatusUnauthorized, "unauthorized", "Bad credentials")
		return
	}
	g := Grant{Client: id, Tenant: tenant}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		from, err := x.Check(r.PostForm.Get("assertion"))
		if err != nil || from.User == "" {
			refuse(http.StatusUnauthorized, "invalid_token", "the assertion is no valid user token")
			return
		}
		g.User = from.User
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type", "client_credentials or jwt-bearer required")
		return
	}
	life := x.Life
	if life == 0 {
		life = 12 * time.Hour
	}
	var expires any = int(life / time.Second)
	if x.NumberAsText {
		expires = fmt.Sprint(expires)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": x.issue(g, life), "token_type": "bearer", "expires_in": expires, "scope": "uaa.resource", "jti": rand.Text(),
	})
}

// UserToken makes the token that a web application gets with the request of a user.
func (x *XSUAA) UserToken(user string, life time.Duration) string {
	return x.issue(Grant{Client: "sb-webapp", User: user}, life)
}

// issue makes a token and remembers what it stands for.
func (x *XSUAA) issue(g Grant, life time.Duration) string {
	g.Expiry = time.Now().Add(life)
	claims := map[string]any{"jti": rand.Text(), "client_id": g.Client, "exp": g.Expiry.Unix()}
	if g.User != "" {
		claims["user_name"] = g.User
	}
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	token := part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte("nobody's signature"))
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.issued == nil {
		x.issued = map[string]Grant{}
	}
	x.issued[token] = g
	return token
}

// Check says what a token stands for; it is an error if it is no token of this double, or was
// revoked, or has expired.
func (x *XSUAA) Check(token string) (Grant, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g, ok := x.issued[token]
	switch {
	case !ok:
		return Grant{}, errors.New("no token of this account")
	case !time.Now().Before(g.Expiry):
		return Grant{}, errors.New("the token has expired")
	}
	return g, nil
}

// RevokeAll makes all tokens that were issued so far invalid, as a change of keys does.
func (x *XSUAA) RevokeAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.issued = nil
}

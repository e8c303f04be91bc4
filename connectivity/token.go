package connectivity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/purerfc/purerfc/rfc"
)

// Tokens fetches OAuth2 tokens and keeps them until shortly before they expire: one for each
// token endpoint, client, tenant and user. Whoever asks for the same at the same time shares one
// request; a failure is not kept. The zero value is ready; it must not be copied after its first
// use, and is safe for concurrent use.
type Tokens struct {
	// Transport is the network to the token service. Default: one of its own, with the proxy of
	// HTTPS_PROXY. A client with a certificate needs an *http.Transport, which is cloned.
	Transport http.RoundTripper
	// Timeout bounds one request. Default DefaultTimeout.
	Timeout time.Duration
	// Limit is how many tokens are kept. Default DefaultTokens.
	Limit int

	network network
	flights flights[tokenKey, *Token]

	mu   sync.Mutex
	kept map[tokenKey]*Token
}

// DefaultTokens is how many tokens are kept; the one that expires first gives way.
const DefaultTokens = 1000

// early is how long before its end a token is renewed; one of less than two minutes is renewed
// in the middle of its life (spec 14 section 4).
const early = 60 * time.Second

// Token is what a token service gave. It prints without the token.
type Token struct {
	// Expiry is when it ends, as far as the token service said.
	Expiry time.Time

	text  func() string // a function, so that fmt shows an address
	renew time.Time
}

// Reveal gives the token itself, without "Bearer".
func (t *Token) Reveal() string { return t.text() }

// tokenKey says whose token it is.
type tokenKey struct {
	endpoint, client string
	user             [sha256.Size]byte // zero: a technical one
}

// Client gives a token of the client itself, for the tenant of ctx (WithTenant).
//
// The error is an *rfc.Error of the step StepToken; a refusal has the class Logon. The request
// is not repeated; a token that has not expired is given when it cannot be renewed.
func (t *Tokens) Client(ctx context.Context, c *Client) (*Token, error) {
	return t.get(ctx, c, nil)
}

// User exchanges the user token of ctx (WithUserToken) for one of the client that carries the
// user (RFC 7523, grant type jwt-bearer), with the errors of Client.
func (t *Tokens) User(ctx context.Context, c *Client) (*Token, error) {
	u, err := userOf(ctx)
	if err == nil && u == nil {
		err = configError("", errNoUser)
	}
	if err != nil {
		return nil, err
	}
	return t.get(ctx, c, u)
}

func (t *Tokens) get(ctx context.Context, c *Client, u *user) (*Token, error) {
	endpoint, err := c.endpointFor(tenantOf(ctx))
	if err != nil {
		return nil, configError("", err)
	}
	key := tokenKey{endpoint: endpoint, client: c.ID}
	if u != nil {
		key.user = u.hash
	}
	now := time.Now()
	have := t.find(key)
	if have != nil && now.Before(have.renew) {
		return have, nil
	}
	fresh, err := t.flights.share(ctx, key, func(ctx context.Context) (*Token, error) {
		// Another request may have ended since the look above.
		if other := t.find(key); other != have && other != nil && time.Now().Before(other.renew) {
			return other, nil
		}
		fresh, err := t.fetch(ctx, c, endpoint, u)
		if err == nil {
			t.keep(key, fresh)
		}
		return fresh, err
	})
	switch e, ok := errors.AsType[*rfc.Error](err); {
	case err == nil:
		return fresh, nil
	case !ok:
		return nil, networkError(StepToken, serviceToken, hostOf(endpoint), err)
	case have != nil && time.Now().Before(have.Expiry) && e.Class != rfc.ClassLogon && e.Class != rfc.ClassCanceled:
		return have, nil
	}
	return nil, err
}

func hostOf(v string) string {
	u, err := url.Parse(v)
	if err != nil {
		return ""
	}
	return u.Host
}

func (t *Tokens) find(key tokenKey) *Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept[key]
}

func (t *Tokens) keep(key tokenKey, fresh *Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = map[tokenKey]*Token{}
	}
	t.kept[key] = fresh
	for len(t.kept) > cmp.Or(max(t.Limit, 0), DefaultTokens) {
		var first tokenKey
		var end time.Time
		for k, x := range t.kept {
			if k != key && (end.IsZero() || x.Expiry.Before(end)) {
				first, end = k, x.Expiry
			}
		}
		delete(t.kept, first)
	}
}

// Forget drops a token that somebody refused; the next who asks fetches another one.
func (t *Tokens) Forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, x := range t.kept {
		if x.text() == token {
			delete(t.kept, key)
		}
	}
}

// jwtBearer is the grant type of a user token exchange (RFC 7523).
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// fetch asks the token service.
func (t *Tokens) fetch(ctx context.Context, c *Client, endpoint string, u *user) (*Token, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(max(t.Timeout, 0), DefaultTimeout))
	defer cancel()
	network := t.network.of(t.Transport)
	if c.Certificate != nil {
		p, err := presenting(network, c.Certificate)
		if err != nil {
			return nil, configError("", err)
		}
		defer p.CloseIdleConnections()
		network = p
	}
	once := &tokenRequest{RoundTripper: network}
	config := clientcredentials.Config{
		ClientID: c.ID, ClientSecret: c.Secret.Reveal(), TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams,
	}
	secrets := []string{c.Secret.Reveal()}
	if u != nil {
		config.EndpointParams = url.Values{
			"grant_type": {jwtBearer}, "assertion": {u.token()}, "token_format": {"jwt"}, "response_type": {"token"},
		}
		secrets = append(secrets, u.token())
	}
	got, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: once, CheckRedirect: noRedirect}))
	if err != nil {
		return nil, once.failure(hostOf(endpoint), err, secrets)
	}
	return newToken(got, hostOf(endpoint))
}

// newToken looks at what a token service gave.
func newToken(got *oauth2.Token, host string) (*Token, error) {
	if err := checkToken(got.AccessToken); err != nil {
		return nil, answerError(StepToken, rfc.ClassProtocol, host, "token service gave a token that cannot be sent: %v", err)
	}
	text, now := got.AccessToken, time.Now()
	end := got.Expiry
	if end.IsZero() {
		end, _ = expiry(text) // without either it is used once
	}
	if !end.IsZero() && !end.After(now) {
		return nil, answerError(StepToken, rfc.ClassProtocol, host, "token service gave a token that has expired at %s; are the clocks right?", end.UTC().Format(time.RFC3339))
	}
	life := end.Sub(now)
	return &Token{Expiry: end, text: func() string { return text }, renew: end.Add(-min(early, life/2))}, nil
}

// tokenRequest is one request to a token service.
type tokenRequest struct {
	http.RoundTripper
	end error // of the body
}

// RoundTrip asks for JSON and bounds the answer.
func (r *tokenRequest) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	resp, err := r.RoundTripper.RoundTrip(req)
	if resp != nil {
		resp.Body = &bounded{ReadCloser: resp.Body, left: maxTokenAnswer, end: &r.end}
	}
	return resp, err
}

// failure makes an error of what the library says, without what stands in the answer.
func (r *tokenRequest) failure(host string, err error, secrets []string) error {
	var u *url.Error
	refused, isStatus := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case errors.Is(r.end, errTooLarge):
		return answerError(StepToken, rfc.ClassLimit, host, "token service: %v", errTooLarge)
	case r.end != nil && !errors.Is(r.end, io.EOF):
		return networkError(StepToken, serviceToken, host, r.end)
	case isStatus && refused.Response != nil:
		text := refused.ErrorCode
		if refused.ErrorDescription != "" {
			text += ": " + refused.ErrorDescription
		}
		s := &StatusError{
			Service: serviceToken, Host: host, Status: refused.Response.StatusCode, RetryAfter: retryAfter(refused.Response.Header),
			Text: withoutSecrets(text, secrets...),
		}
		return s.asError(StepToken)
	case errors.As(err, &u), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return networkError(StepToken, serviceToken, host, err)
	}
	return answerError(StepToken, rfc.ClassProtocol, host, "token service gave no token: JSON with access_token is required; is the URL in the binding right?")
}

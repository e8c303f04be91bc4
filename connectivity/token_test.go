package connectivity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/connectivity/connectivitytest"
	"github.com/purerfc/purerfc/rfc"
)

// direct hands requests to a handler without a network, so that time in a bubble can pass.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.ServeHTTP(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

const secret = connectivitytest.Secret

// client are the credentials of the destination service of an account.
func client() *connectivity.Client {
	return &connectivity.Client{
		ID: connectivitytest.DestinationClient, Service: connectivity.ServiceDestination, Secret: secret,
		TokenURL: "https://" + connectivitytest.Subdomain + "." + connectivitytest.TokenHost + "/oauth/token",
	}
}

func newXSUAA() *connectivitytest.XSUAA {
	return &connectivitytest.XSUAA{Secrets: map[string]string{connectivitytest.DestinationClient: secret}}
}

func TestTokenIsKeptAndRenewedEarly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ life, kept time.Duration }{
		{12 * time.Hour, 12*time.Hour - time.Minute},
		{time.Minute, 30 * time.Second}, // too short for a minute in advance
	} {
		synctest.Test(t, func(t *testing.T) {
			x := newXSUAA()
			x.Life, x.NumberAsText = tt.life, true
			tokens := &connectivity.Tokens{Transport: direct{x}}
			first, err := tokens.Client(t.Context(), client())
			require.NoError(t, err)
			require.Equal(t, time.Now().Add(tt.life), first.Expiry)
			time.Sleep(tt.kept - time.Nanosecond) //nolint:forbidigo // the time of the bubble
			again, err := tokens.Client(t.Context(), client())
			require.NoError(t, err)
			require.Equal(t, first.Reveal(), again.Reveal())
			require.Equal(t, 1, x.Requests())
			time.Sleep(time.Nanosecond) //nolint:forbidigo // the time of the bubble
			fresh, err := tokens.Client(t.Context(), client())
			require.NoError(t, err)
			require.NotEqual(t, first.Reveal(), fresh.Reveal())
			require.Equal(t, 2, x.Requests())
			_, err = x.Check(first.Reveal())
			require.NoError(t, err, "it was still good")
		})
	}
}

// TestOldTokenServesWhenItCannotBeRenewed: as long as it has not expired, and not against a
// refusal.
func TestOldTokenServesWhenItCannotBeRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newXSUAA()
		x.Life = time.Hour
		tokens := &connectivity.Tokens{Transport: direct{x}}
		first, err := tokens.Client(t.Context(), client())
		require.NoError(t, err)
		time.Sleep(59*time.Minute + 30*time.Second) //nolint:forbidigo // the time of the bubble
		x.Inject(connectivitytest.Status(500, ""))
		old, err := tokens.Client(t.Context(), client())
		require.NoError(t, err)
		require.Equal(t, first.Reveal(), old.Reveal())
		x.Inject(connectivitytest.Status(401, ""))
		_, err = tokens.Client(t.Context(), client())
		require.ErrorIs(t, err, rfc.ErrLogon)
		time.Sleep(30 * time.Second) //nolint:forbidigo // the time of the bubble
		x.Inject(connectivitytest.Status(500, ""))
		_, err = tokens.Client(t.Context(), client())
		require.ErrorIs(t, err, rfc.ErrCommunication, "now it has expired")
		_, err = tokens.Client(t.Context(), client())
		require.NoError(t, err, "a failure is not kept")
	})
}

// TestF13OneRequestForAllWhoWait: they get the same token, or fail together, each within its own
// context.
func TestF13OneRequestForAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newXSUAA()
		tokens := &connectivity.Tokens{Transport: direct{x}}
		ask := func(ctx context.Context, n int) []error {
			errs := make([]error, n)
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() { _, errs[i] = tokens.Client(ctx, client()) })
			}
			all.Wait()
			return errs
		}
		x.Inject(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second) //nolint:forbidigo // the time of the bubble
			connectivitytest.Status(500, "")(w, r)
		})
		for _, err := range ask(t.Context(), 100) {
			require.ErrorIs(t, err, rfc.ErrCommunication)
		}
		require.Equal(t, 1, x.Requests())
		for _, err := range ask(t.Context(), 100) {
			require.NoError(t, err)
		}
		require.Equal(t, 2, x.Requests())

		// A service that hangs: who has less time leaves earlier, the request goes on.
		tokens.Forget(mustToken(t, tokens))
		release := make(chan struct{})
		x.Inject(connectivitytest.Hang(release))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := tokens.Client(t.Context(), client())
			if !errors.Is(err, rfc.ErrTimeout) || time.Since(begin) != connectivity.DefaultTimeout {
				t.Errorf("after %v: %v", time.Since(begin), err)
			}
		})
		synctest.Wait()
		_, err := tokens.Client(short, client())
		require.ErrorIs(t, err, rfc.ErrTimeout)
		require.Equal(t, time.Second, time.Since(begin))
		all.Wait()
		require.Equal(t, 3, x.Requests())

		// Who asked first may leave first.
		x.Inject(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second) //nolint:forbidigo // the time of the bubble
			x.ServeHTTP(w, r)
		})
		first, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		all.Go(func() {
			_, err := tokens.Client(first, client())
			if !errors.Is(err, rfc.ErrTimeout) {
				t.Errorf("%v", err)
			}
		})
		synctest.Wait()
		tokens.Forget(mustToken(t, tokens))
		all.Wait()

		// The last one to leave ends the request.
		x.Inject(connectivitytest.Hang(release))
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			_, err := tokens.Client(ctx, client())
			if !errors.Is(err, rfc.ErrCanceled) {
				t.Errorf("%v", err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
	})
}

func mustToken(t *testing.T, tokens *connectivity.Tokens) string {
	t.Helper()
	got, err := tokens.Client(t.Context(), client())
	require.NoError(t, err)
	return got.Reveal()
}

func TestTokensOfTenantsAndUsersAreApart(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	tokens := &connectivity.Tokens{Transport: direct{x}}
	technical := mustToken(t, tokens)
	tenant := connectivity.WithTenant(t.Context(), "globex")
	other, err := tokens.Client(tenant, client())
	require.NoError(t, err)
	g, err := x.Check(other.Reveal())
	require.NoError(t, err)
	require.Equal(t, "globex", g.Tenant)
	user := connectivity.WithUserToken(t.Context(), x.UserToken("JANE", time.Hour))
	exchanged, err := tokens.User(user, client())
	require.NoError(t, err)
	g, err = x.Check(exchanged.Reveal())
	require.NoError(t, err)
	require.Equal(t, []string{"JANE", connectivitytest.DestinationClient, "acme"}, []string{g.User, g.Client, g.Tenant})
	second, err := tokens.User(connectivity.WithUserToken(t.Context(), x.UserToken("JOHN", time.Hour)), client())
	require.NoError(t, err)
	require.Len(t, map[string]bool{technical: true, other.Reveal(): true, exchanged.Reveal(): true, second.Reveal(): true}, 4)
	again, err := tokens.User(user, client())
	require.NoError(t, err)
	require.Equal(t, exchanged.Reveal(), again.Reveal())
	require.Equal(t, 4, x.Requests())
}

func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	tokens := &connectivity.Tokens{Transport: direct{x}, Limit: 2}
	for i := range 3 {
		x.Life = time.Duration(i+1) * time.Hour
		_, err := tokens.Client(connectivity.WithTenant(t.Context(), fmt.Sprint("t", i)), client())
		require.NoError(t, err)
	}
	_, err := tokens.Client(connectivity.WithTenant(t.Context(), "t2"), client())
	require.NoError(t, err)
	require.Equal(t, 3, x.Requests(), "the last one is there")
	_, err = tokens.Client(connectivity.WithTenant(t.Context(), "t0"), client())
	require.NoError(t, err)
	require.Equal(t, 4, x.Requests(), "the one that expires first gave way")
	x.Life = 10 * time.Minute
	for range 2 {
		_, err = tokens.Client(connectivity.WithTenant(t.Context(), "t3"), client())
		require.NoError(t, err)
	}
	require.Equal(t, 5, x.Requests(), "but never the newest")
}

// TestTokenSaysItsEndItself: without expires_in the claim in it counts; without either it is
// used once.
func TestTokenSaysItsEndItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newXSUAA()
		tokens := &connectivity.Tokens{Transport: direct{x}}
		body := func(token string) connectivitytest.Fault {
			return connectivitytest.Text("application/json", `{"access_token":"`+token+`"}`)
		}
		x.Inject(body(x.UserToken("", time.Hour)))
		got, err := tokens.Client(t.Context(), client())
		require.NoError(t, err)
		require.Equal(t, time.Hour, time.Until(got.Expiry))
		require.Equal(t, got.Reveal(), mustToken(t, tokens))
		require.Equal(t, 1, x.Requests())
		tokens.Forget(got.Reveal())
		for range 2 {
			x.Inject(body("opaque"))
			require.Equal(t, "opaque", mustToken(t, tokens))
		}
		require.Equal(t, 3, x.Requests())
	})
}

func TestTenantRule(t *testing.T) {
	t.Parallel()
	// The endpoint is tried by the double's own look at the host.
	x := newXSUAA()
	for tenant, want := range map[string]string{"": "acme", "acme": "acme", "sub-1": "sub-1"} {
		tokens := &connectivity.Tokens{Transport: direct{x}}
		got, err := tokens.Client(connectivity.WithTenant(t.Context(), tenant), client())
		require.NoError(t, err)
		g, err := x.Check(got.Reveal())
		require.NoError(t, err)
		require.Equal(t, want, g.Tenant)
	}
	n := x.Requests()
	for _, bad := range []string{"a.b", "a/b", "-a", "a-", "ä", strings.Repeat("a", 64), "a\r\n"} {
		_, err := (&connectivity.Tokens{Transport: direct{x}}).Client(connectivity.WithTenant(t.Context(), bad), client())
		contains(t, err, "subdomain of an account required")
	}
	c := client()
	c.TokenURL = "https://tokens.example.com/oauth/token"
	_, err := (&connectivity.Tokens{Transport: direct{x}}).Client(connectivity.WithTenant(t.Context(), "sub"), c)
	contains(t, err, "does not begin with the subdomain")
	require.Equal(t, n, x.Requests(), "nothing was sent")

	// In Kubernetes the binding says where tenants are.
	for pattern, want := range map[string]string{
		"https://{tenant}.authentication.example.com/oauth/token": "", "https://{tenant}.authentication.example.com": "",
		"http://{tenant}.authentication.example.com": "https required", "https://fixed.example.com": "does not begin with the subdomain",
	} {
		bound, err := read(t, `{"xsuaa":[{"name":"x","credentials":{"clientid":"`+connectivitytest.DestinationClient+`","clientsecret":"`+secret+`","token_service_url":"https://tokens.example.com/oauth/token","token_service_url_pattern":"`+pattern+`"}}]}`).Find(connectivity.ServiceXSUAA, "")
		require.NoError(t, err)
		c, err := bound.Client(connectivity.ServiceXSUAA)
		require.NoError(t, err)
		got, err := (&connectivity.Tokens{Transport: direct{x}}).Client(connectivity.WithTenant(t.Context(), "sub"), c)
		if want != "" {
			contains(t, err, want)
			continue
		}
		require.NoError(t, err)
		g, err := x.Check(got.Reveal())
		require.NoError(t, err)
		require.Equal(t, "sub", g.Tenant)
	}
}

// TestTokenServiceFailures: the class, the cause and what to do of each kind of answer.
func TestTokenServiceFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault connectivitytest.Fault
		is    error
		want  []string
	}{
		"401":              {connectivitytest.Status(401, `{"error":"unauthorized","error_description":"Bad credentials"}`, "Content-Type", "application/json"), rfc.ErrLogon, []string{"token service answered 401 (Unauthorized): unauthorized: Bad credentials", "bind the service anew"}},
		"401 that repeats": {connectivitytest.Status(401, `{"error":"unauthorized","error_description":"secret `+secret+` is wrong"}`, "Content-Type", "application/json"), rfc.ErrLogon, []string{"secret *** is wrong"}},
		"401 in a URL":     {connectivitytest.Status(401, `{"error":"unauthorized","error_description":"client_secret=kAnarY7%23x%3D"}`, "Content-Type", "application/json"), rfc.ErrLogon, []string{"client_secret=***"}},
		"400":              {connectivitytest.Status(400, `{"error":"invalid_grant"}`, "Content-Type", "application/json"), rfc.ErrLogon, []string{"answered 400", "invalid_grant"}},
		"403 with HTML":    {connectivitytest.Status(403, "<html>"+secret), rfc.ErrLogon, []string{"answered 403"}},
		"404":              {connectivitytest.Status(404, ""), rfc.ErrLogon, []string{"answered 404"}},
		"429":              {connectivitytest.Status(429, "", "Retry-After", "7"), rfc.ErrResource, []string{"answered 429", "try again after 7s"}},
		"500":              {connectivitytest.Status(500, secret), rfc.ErrCommunication, []string{"answered 500"}},
		"503":              {connectivitytest.Status(503, "", "Retry-After", "x"), rfc.ErrCommunication, []string{"answered 503"}},
		"redirect":         {connectivitytest.Redirect("https://evil.example.com/"), rfc.ErrSecurity, []string{"answered 307", "credentials do not follow a redirect"}},
		"error within 200": {connectivitytest.Text("application/json", `{"error":"invalid_client"}`), rfc.ErrLogon, []string{"invalid_client"}},
		"HTML":             {connectivitytest.Text("text/html", "<html>"+secret), rfc.ErrProtocol, []string{"JSON with access_token is required"}},
		"no token":         {connectivitytest.Text("application/json", `{}`), rfc.ErrProtocol, []string{"JSON with access_token is required"}},
		"token with break": {connectivitytest.Text("application/json", `{"access_token":"a\r\nb","expires_in":60}`), rfc.ErrProtocol, []string{"cannot be sent"}},
		"too large":        {connectivitytest.Huge(2 << 20), rfc.ErrLimit, []string{"the answer is too large"}},
		"expired":          {connectivitytest.Text("application/json", `{"access_token":"a","expires_in":-5}`), rfc.ErrProtocol, []string{"has expired", "clocks"}},
		"no number":        {connectivitytest.Text("application/json", `{"access_token":"a","expires_in":"soon"}`), rfc.ErrProtocol, []string{"JSON with access_token is required"}},
		"cut":              {connectivitytest.Cut(`{"access_token":"a"`), rfc.ErrCommunication, []string{"token service gave no answer", "EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := connectivitytest.NewAccount(t)
			a.XSUAA.Inject(tt.fault)
			tokens := &connectivity.Tokens{Transport: a.Transport()}
			_, err := tokens.Client(t.Context(), client())
			require.ErrorIs(t, err, tt.is)
			contains(t, err, tt.want...)
			e, ok := errors.AsType[*rfc.Error](err)
			require.True(t, ok)
			require.Equal(t, []any{connectivity.StepToken, rfc.NotSent, 1}, []any{e.Step, e.Outcome, a.XSUAA.Requests()}, "a POST is not repeated")
			if s, ok := errors.AsType[*connectivity.StatusError](err); ok && s.Status == 429 {
				require.Equal(t, 7*time.Second, s.RetryAfter)
			}
			_, err = tokens.Client(t.Context(), client())
			require.NoError(t, err, "the failure was not kept")
		})
	}
}

func TestTokenServiceIsNotReached(t *testing.T) {
	t.Parallel()
	a := connectivitytest.NewAccount(t)
	c := client()
	c.TokenURL = "https://none.example.com/oauth/token"
	_, err := (&connectivity.Tokens{Transport: a.Transport()}).Client(t.Context(), c)
	require.ErrorIs(t, err, rfc.ErrCommunication)
	contains(t, err, "token service gave no answer", "no such host", "[none.example.com]")

	strangers := a.Transport().Clone()
	strangers.TLSClientConfig.RootCAs = nil
	_, err = (&connectivity.Tokens{Transport: strangers}).Client(t.Context(), client())
	require.ErrorIs(t, err, rfc.ErrSecurity)
	contains(t, err, "token service", "certificate")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = (&connectivity.Tokens{Transport: a.Transport()}).Client(ctx, client())
	require.ErrorIs(t, err, rfc.ErrCanceled)
	wrong := client()
	wrong.Secret = canary
	_, err = (&connectivity.Tokens{Transport: a.Transport()}).Client(t.Context(), wrong)
	require.ErrorIs(t, err, rfc.ErrLogon)
	contains(t, err, "Bad credentials")
}

// TestCertificateFetchesTokens: mutual TLS at the host for certificates, no secret in the form.
func TestCertificateFetchesTokens(t *testing.T) {
	t.Parallel()
	a := connectivitytest.NewAccount(t)
	cert, key := pemPair(t)
	doc, err := json.Marshal(map[string]string{
		"clientid": connectivitytest.CertificateClient, "credential-type": "x509", "certificate": cert, "key": key,
		"certurl": "https://acme." + connectivitytest.CertificateHost, "url": "https://acme." + connectivitytest.TokenHost, "uri": "https://d.example.com",
		"token_service_url_pattern": "https://{tenant}." + connectivitytest.TokenHost, "subaccount_subdomain": "acme", // for secrets
	})
	require.NoError(t, err)
	x, err := read(t, `{"destination":[{"name":"d","credentials":`+string(doc)+`}]}`).Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	c, err := x.Client(connectivity.ServiceDestination)
	require.NoError(t, err)
	tokens := &connectivity.Tokens{Transport: a.Transport()}
	for _, tenant := range []string{"", "globex"} {
		got, err := tokens.Client(connectivity.WithTenant(t.Context(), tenant), c)
		require.NoError(t, err)
		g, err := a.XSUAA.Check(got.Reveal())
		require.NoError(t, err)
		require.Equal(t, connectivitytest.CertificateClient, g.Client)
	}
	without := *c
	without.Certificate = nil
	_, err = tokens.Client(connectivity.WithTenant(t.Context(), "third"), &without)
	require.ErrorIs(t, err, rfc.ErrLogon)
	_, err = (&connectivity.Tokens{Transport: direct{a.XSUAA}}).Client(t.Context(), c)
	contains(t, err, "needs a Transport of the type *http.Transport")
}

func TestUserTokensThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	tokens := &connectivity.Tokens{Transport: direct{x}}
	_, err := tokens.User(t.Context(), client())
	contains(t, err, "no user token in context", "connectivity.WithUserToken") // B-39
	for token, want := range map[string]string{
		"": "it is empty", "Bearer " + canary: `begins with "Bearer"`, canary + "\r\nX: y": "character at position 10",
		strings.Repeat("x", 65<<10): "at most 65536",
	} {
		_, err := tokens.User(connectivity.WithUserToken(t.Context(), token), client())
		contains(t, err, "user token", want)
		require.ErrorIs(t, err, rfc.ErrConfig)
	}
	_, err = tokens.User(connectivity.WithUserToken(t.Context(), x.UserToken("JANE", -time.Minute)), client())
	require.ErrorIs(t, err, rfc.ErrLogon)
	contains(t, err, "the user token in the context expired at")
	require.Zero(t, x.Requests())
	foreign := connectivity.WithUserToken(t.Context(), canary)
	_, err = tokens.User(foreign, client())
	require.ErrorIs(t, err, rfc.ErrLogon)
	contains(t, err, "no valid user token")
	require.NotContains(t, fmt.Sprint(foreign), canary)
	require.NotContains(t, fmt.Sprintf("%+v %#v", foreign, foreign), canary)
}

func TestTokensShowNoSecret(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	tokens := &connectivity.Tokens{Transport: direct{x}}
	c := client()
	got, err := tokens.Client(t.Context(), c)
	require.NoError(t, err)
	for _, v := range []any{got, *got, c, *c, map[string]any{"c": c, "t": got}} {
		for _, format := range []string{"%v", "%+v", "%#v"} {
			text := fmt.Sprintf(format, v)
			require.NotContains(t, text, canary)
			require.NotContains(t, text, got.Reveal())
		}
		doc, _ := json.Marshal(v)
		require.NotContains(t, string(doc), canary)
		require.NotContains(t, string(doc), got.Reveal())
	}
	runtime.KeepAlive(tokens)
}

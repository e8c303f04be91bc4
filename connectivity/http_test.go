package connectivity_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/connectivity/connectivitytest"
	"github.com/purerfc/purerfc/rfc"
)

// erp is a system behind a Cloud Connector: it answers with what it was sent.
var erp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/away" {
		http.Redirect(w, r, "http://other.virtual:80/", http.StatusFound)
		return
	}
	fmt.Fprintf(w, "%s %s|%s|%s|%s", r.Method, r.URL.Path, body, r.Header.Get("Authorization"), r.Header.Get(connectivitytest.PropagatedUser))
})

// onPremise is an account with a system at two locations, and the platform bound to it.
func onPremise(t *testing.T) (*connectivitytest.Account, *connectivity.Platform) {
	t.Helper()
	a := connectivitytest.NewAccount(t)
	a.HTTP.Locations = map[string]map[string]http.Handler{"": {"erp.virtual:8000": erp}, "plant-7": {"erp.virtual:8000": erp, "other.virtual:80": erp}}
	return a, &connectivity.Platform{Bindings: read(t, a.VCAP()), Transport: a.Transport()}
}

func send(t *testing.T, rt http.RoundTripper, req *http.Request) (int, string, error) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), nil
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return req
}

func TestHTTPBehindACloudConnector(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	p, err := btp.Proxy("")
	require.NoError(t, err)
	tr := &connectivity.Transport{Proxy: p, Target: "erp.virtual:8000", User: "U", Password: canary}
	t.Cleanup(tr.CloseIdleConnections)
	code, body, err := send(t, tr, get(t, "http://erp.virtual:8000/path"))
	require.NoError(t, err)
	require.Equal(t, 200, code)
	require.Equal(t, "GET /path||Basic VTprQW5hclk3I3g=|", body)

	// What a caller might smuggle in says nothing.
	req := get(t, "http://erp.virtual:8000/")
	for _, name := range []string{"Proxy-Authorization", "SAP-Connectivity-SCC-Location_ID", "SAP-Connectivity-Authentication", "SAP-Connectivity-Technical-Authentication"} {
		req.Header.Set(name, "Bearer x")
	}
	code, _, err = send(t, tr, req)
	require.NoError(t, err)
	require.Equal(t, 200, code)
	require.Equal(t, "Bearer x", req.Header.Get("Proxy-Authorization"), "the request of the caller is left alone")

	for location, want := range map[string]int{"plant-7": 200, "none": 503} {
		tr := &connectivity.Transport{Proxy: p, Location: location}
		t.Cleanup(tr.CloseIdleConnections)
		code, _, err := send(t, tr, get(t, "http://other.virtual/"))
		require.NoError(t, err)
		require.Equal(t, map[bool]int{true: 403, false: want}[want == 200], code, location)
		code, _, err = send(t, tr, get(t, "http://erp.virtual:8000/"))
		require.NoError(t, err)
		require.Equal(t, want, code, location)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", tr, tr, tr), canary)
	require.Equal(t, 1, a.XSUAA.Requests())
}

func TestPropagationOverHTTP(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	p, err := btp.Proxy("")
	require.NoError(t, err)
	user := a.XSUAA.UserToken("JANE", time.Hour)
	technical := a.XSUAA.UserToken("ROBOT", time.Hour)
	for name, tt := range map[string]struct {
		tr   *connectivity.Transport
		want string
	}{
		"principal":      {&connectivity.Transport{Identity: connectivity.IdentityOfUser}, "JANE"},
		"exchange":       {&connectivity.Transport{Identity: connectivity.IdentityOfUser, Exchange: true}, "JANE"},
		"technical user": {&connectivity.Transport{Identity: connectivity.IdentityOfTechnicalUser, TechnicalToken: func(context.Context) (string, error) { return technical, nil }}, "ROBOT"},
		"nobody":         {&connectivity.Transport{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := tt.tr
			tr.Proxy = p
			t.Cleanup(tr.CloseIdleConnections)
			req := get(t, "http://erp.virtual:8000/")
			req = req.WithContext(connectivity.WithUserToken(req.Context(), user))
			if tt.want != "" {
				req.Header.Set("Authorization", "Basic eDp5") // would win over the user
			}
			code, body, err := send(t, tr, req)
			require.NoError(t, err)
			require.Equal(t, 200, code, body)
			require.Equal(t, "GET /|||"+tt.want, body)
			if tt.want != "JANE" {
				return
			}
			_, _, err = send(t, tr, get(t, "http://erp.virtual:8000/"))
			contains(t, err, "no user token in context") // B-39
		})
	}
}

// TestTenantOfATransport: its own, else that of the context.
func TestTenantOfATransport(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	a.XSUAA.Tenants = []string{"acme", "globex"}
	p, err := btp.Proxy("")
	require.NoError(t, err)
	for _, tt := range []struct {
		own, context string
		good         bool
	}{{"", "", true}, {"globex", "", true}, {"", "globex", true}, {"other", "globex", false}, {"", "other", false}} {
		tr := &connectivity.Transport{Proxy: p, Tenant: tt.own}
		t.Cleanup(tr.CloseIdleConnections)
		req := get(t, "http://erp.virtual:8000/")
		_, _, err := send(t, tr, req.WithContext(connectivity.WithTenant(req.Context(), tt.context)))
		if tt.good {
			require.NoError(t, err)
			continue
		}
		contains(t, err, "no such account")
	}
}

// TestRefusedTokenOfTheProxyIsFetchedAnew once, for requests that can be sent again.
func TestRefusedTokenOfTheProxyIsFetchedAnew(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	p, err := btp.Proxy("")
	require.NoError(t, err)
	tr := &connectivity.Transport{Proxy: p}
	t.Cleanup(tr.CloseIdleConnections)
	post := func(body io.Reader) (int, string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://erp.virtual:8000/", body)
		require.NoError(t, err)
		return send(t, tr, req)
	}
	_, body, err := post(strings.NewReader("one"))
	require.NoError(t, err)
	require.Equal(t, "POST /|one||", body)
	a.XSUAA.RevokeAll()
	_, body, err = post(strings.NewReader("two"))
	require.NoError(t, err)
	require.Equal(t, "POST /|two||", body)
	require.Equal(t, 2, a.XSUAA.Requests())
	a.XSUAA.RevokeAll()
	n := a.HTTP.Requests()
	_, _, err = post(io.MultiReader(strings.NewReader("three"))) // it is gone once it was sent
	require.ErrorIs(t, err, rfc.ErrLogon)
	require.Equal(t, n+1, a.HTTP.Requests())
	a.HTTP.Inject(connectivitytest.Status(407, canary), connectivitytest.Status(407, canary))
	_, _, err = post(nil)
	require.ErrorIs(t, err, rfc.ErrLogon)
	contains(t, err, "connectivity proxy answered 407", "accepts no such token")
	require.Equal(t, n+3, a.HTTP.Requests())
}

func TestRequestsThatTheProxyWouldRefuse(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	p, err := btp.Proxy("")
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		tr   *connectivity.Transport
		url  string
		want string
	}{
		"https":              {&connectivity.Transport{Proxy: p}, "https://erp.virtual/", "takes http only (it answers 405)"},
		"another host":       {&connectivity.Transport{Proxy: p, Target: "a.virtual", User: "U", Password: canary}, "http://b.virtual/", `this transport goes to "a.virtual" only`},
		"no target":          {&connectivity.Transport{Proxy: p, User: "U", Password: canary}, "http://b.virtual/", "Target: it is required with User"},
		"location":           {&connectivity.Transport{Proxy: p, Location: "a\r\nX: y"}, "http://b.virtual/", "location id"},
		"location too long":  {&connectivity.Transport{Proxy: p, Location: strings.Repeat("a", 190)}, "http://b.virtual/", "at most 189 bytes"},
		"no proxy":           {&connectivity.Transport{}, "http://b.virtual/", "Binding and Tokens are required"},
		"no technical token": {&connectivity.Transport{Proxy: p, Identity: connectivity.IdentityOfTechnicalUser}, "http://b.virtual/", "TechnicalToken: it is required"},
		"no port":            {&connectivity.Transport{Proxy: &connectivity.Proxy{Trusted: true, Binding: &connectivity.ProxyBinding{Host: "h"}}}, "http://b.virtual/", "lacks onpremise_proxy_host or onpremise_proxy_http_port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &closing{Reader: strings.NewReader("x")}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tt.url, body)
			require.NoError(t, err)
			_, _, err = send(t, tt.tr, req)
			require.ErrorIs(t, err, rfc.ErrConfig)
			require.True(t, body.closed, "as a RoundTripper has to")
			contains(t, err, tt.want)
		})
	}
	require.Zero(t, a.HTTP.Requests())
}

// closing notes that a body was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// TestRedirectTakesNoCredentialsAway: the password is for one host.
func TestRedirectTakesNoCredentialsAway(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	p, err := btp.Proxy("")
	require.NoError(t, err)
	tr := &connectivity.Transport{Proxy: p, Location: "plant-7", Target: "erp.virtual:8000", User: "U", Password: canary}
	t.Cleanup(tr.CloseIdleConnections)
	_, _, err = send(t, tr, get(t, "http://erp.virtual:8000/away"))
	contains(t, err, "a redirect to another host is not followed")
	require.Equal(t, 1, a.HTTP.Requests())
}

func TestTrustedProxyGetsNoToken(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	a.HTTP.Trusted, btp.Trusted = true, true
	p, err := btp.Proxy("")
	require.NoError(t, err)
	tr := &connectivity.Transport{Proxy: p}
	t.Cleanup(tr.CloseIdleConnections)
	code, _, err := send(t, tr, get(t, "http://erp.virtual:8000/"))
	require.NoError(t, err)
	require.Equal(t, 200, code)
	require.Zero(t, a.XSUAA.Requests())
}

func TestProxyIsDown(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	a.HTTP.Inject(connectivitytest.Cut(""))
	p, err := btp.Proxy("")
	require.NoError(t, err)
	b := *p.Binding
	b.HTTPPort = "1"
	tr := &connectivity.Transport{Proxy: &connectivity.Proxy{Binding: &b, Tokens: btp.Tokens()}}
	_, _, err = send(t, tr, get(t, "http://erp.virtual:8000/"))
	require.ErrorIs(t, err, rfc.ErrCommunication)
	contains(t, err, "connectivity proxy gave no answer", "127.0.0.1:1")
	b.TokenURL = "https://acme." + connectivitytest.TokenHost + "/oauth/token"
	a.XSUAA.RevokeAll()
	a.XSUAA.Inject(connectivitytest.Status(500, ""))
	tr = &connectivity.Transport{Proxy: &connectivity.Proxy{Binding: &b, Tokens: &connectivity.Tokens{Transport: a.Transport()}}}
	_, _, err = send(t, tr, get(t, "http://erp.virtual:8000/"))
	contains(t, err, "token service answered 500")
}

// TestHTTPDestinations: the transport follows from what the destination service has.
func TestHTTPDestinations(t *testing.T) {
	t.Parallel()
	a, btp := onPremise(t)
	s, err := btp.Destinations("")
	require.NoError(t, err)
	web := func(pairs ...string) map[string]string {
		m := map[string]string{"Type": "HTTP", "URL": "http://erp.virtual:8000/base", "ProxyType": "OnPremise", "CloudConnectorLocationId": "plant-7"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	technical := a.XSUAA.UserToken("ROBOT", time.Hour)
	for authentication, want := range map[string]string{
		"NoAuthentication": "GET /base|||", "BasicAuthentication": "GET /base||Basic VTprQW5hclk3I3g=|",
		"PrincipalPropagation": "GET /base|||JANE", "OAuth2TechnicalUserPropagation": "GET /base|||ROBOT",
	} {
		a.Destinations.SetAt("subaccount", authentication, connectivitytest.Destination{
			Properties: web("Authentication", authentication, "User", "U", "Password", canary),
			Tokens:     []map[string]any{{"type": "Bearer", "value": technical, "expires_in": "3599"}},
		})
		tr, u, err := btp.HTTP(t.Context(), s, authentication)
		require.NoError(t, err)
		t.Cleanup(tr.CloseIdleConnections)
		req := get(t, u.String())
		_, body, err := send(t, tr, req.WithContext(connectivity.WithUserToken(req.Context(), a.XSUAA.UserToken("JANE", time.Hour))))
		require.NoError(t, err)
		require.Equal(t, want, body)
		require.NotContains(t, fmt.Sprintf("%+v", tr), canary)
	}
	for name, tt := range map[string]struct {
		properties map[string]string
		want       string
	}{
		"RFC":      {sales(), "is not an HTTP destination"},
		"INTERNET": {web("ProxyType", "Internet"), "OnPremise required"},
		"HTTPS":    {web("URL", "https://erp.virtual"), "takes no https"},
		"USER":     {web("URL", "http://u:"+canary+"@erp.virtual"), "http://virtual-host:port required"},
		"SAML":     {web("Authentication", "SAMLAssertion"), `Authentication "SAMLAssertion"`},
		"BINDING":  {web("go.proxy.binding", "none"), `no binding "none" of service connectivity`},
	} {
		a.Destinations.Set(name, tt.properties)
		_, _, err := btp.HTTP(t.Context(), s, name)
		contains(t, err, tt.want)
	}
}

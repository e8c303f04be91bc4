package connectivity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/rfc"
)

// The headers between a program and the HTTP connectivity proxy [doc].
const (
	headerProxyAuthorization = "Proxy-Authorization"
	headerLocation           = "SAP-Connectivity-SCC-Location_ID"
	headerUser               = "SAP-Connectivity-Authentication"
	headerTechnicalUser      = "SAP-Connectivity-Technical-Authentication"
	headerServiceToken       = "SAP-CP-Connectivity-Service-Token"
)

// Identity is who a request is for the system behind the Cloud Connector.
type Identity uint8

// The identities.
const (
	// IdentityOfRequest: what the request says itself, or User and Password, or nobody.
	IdentityOfRequest Identity = iota
	// IdentityOfUser: the user whose token is in the context of the request (WithUserToken),
	// whom the Cloud Connector logs on: principal propagation.
	IdentityOfUser
	// IdentityOfTechnicalUser: the one whose token TechnicalToken gives, logged on likewise. It
	// needs Cloud Connector 2.15.
	IdentityOfTechnicalUser
)

// Transport sends HTTP requests to a system behind a Cloud Connector, through the HTTP proxy of
// the connectivity service. It is an http.RoundTripper for http URLs with virtual hosts: the
// proxy takes no https; behind it everything is encrypted up to the Cloud Connector. Set the
// fields before the first use and leave them alone afterwards.
//
// A token that the proxy refuses (407) is fetched anew and the request sent once more, if it has
// no body or one that can be had again: the proxy has passed nothing on. The answers of the
// system and of the Cloud Connector are given as they are; 503 may mean that no Cloud Connector
// is there.
//
// Source: headers and their rules [doc].
type Transport struct {
	// Proxy is the way. Required.
	Proxy *Proxy
	// Tenant is the subdomain of a subscriber whose Cloud Connector it is. Default: that of the
	// context (WithTenant), or the own account.
	Tenant string
	// Location is the id of the Cloud Connector. Default: the one without an id.
	Location string
	// Target is the virtual host:port; requests to others are refused. Required with User.
	// Default: any.
	Target string
	// Identity is who the request is for the system.
	Identity Identity
	// Exchange sends a token that was exchanged for the user's in place of two: for users of
	// XSUAA only.
	Exchange bool
	// TechnicalToken gives the token of IdentityOfTechnicalUser.
	TechnicalToken func(ctx context.Context) (string, error)
	// User and Password are sent as HTTP Basic with IdentityOfRequest, in place of what the
	// request has.
	User     string
	Password rfc.Secret
	// Network connects to the proxy; its Proxy is replaced. Default: one of its own.
	Network *http.Transport

	once sync.Once
	own  *http.Transport
}

// Format writes the transport without its secrets.
func (t *Transport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "transport to "+printable(t.Target))
}

// RoundTrip implements http.RoundTripper. Errors are an *rfc.Error.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, token, err := t.try(req)
	if err == nil && resp.StatusCode == http.StatusProxyAuthRequired && token != "" && (req.Body == nil || req.Body == http.NoBody || req.GetBody != nil) {
		drop(resp)
		t.Proxy.Tokens.Forget(token)
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, _, err = t.try(again)
	}
	if err == nil && resp.StatusCode == http.StatusProxyAuthRequired {
		drop(resp)
		e := (&StatusError{Service: serviceProxy, Host: t.host(), Status: resp.StatusCode}).asError(rfc.StepProxy)
		e.Class, e.Key = rfc.ClassLogon, "RFC_LOGON_FAILURE"
		e.Message += "; it accepts no such token: it may have expired, or belong to another client or account"
		return nil, e
	}
	return resp, err
}

// drop reads what is left of an answer that nobody wants, so that its connection can serve on.
func drop(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

func (t *Transport) host() string {
	return net.JoinHostPort(t.Proxy.Binding.Host, t.Proxy.Binding.HTTPPort)
}

// CloseIdleConnections closes connections to the proxy that nobody uses.
func (t *Transport) CloseIdleConnections() {
	if n, err := t.network(); err == nil {
		n.CloseIdleConnections()
	}
}

// try sends a request once. It gives the token that the proxy was shown.
func (t *Transport) try(req *http.Request) (resp *http.Response, token string, err error) {
	fail := func(err error) (*http.Response, string, error) {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper always does
		}
		return nil, "", err
	}
	network, err := t.network()
	if err == nil {
		err = t.check(req)
	}
	if err != nil {
		return fail(err)
	}
	ctx := req.Context()
	if t.Tenant != "" {
		ctx = WithTenant(ctx, t.Tenant)
	}
	out := req.Clone(req.Context())
	for _, name := range []string{headerProxyAuthorization, headerLocation, headerUser, headerTechnicalUser, headerServiceToken} {
		out.Header.Del(name) // nobody but us says who is calling
	}
	if t.Location != "" {
		out.Header.Set(headerLocation, t.Location)
	}
	exchanged, err := t.identify(ctx, out)
	if err != nil {
		return fail(err)
	}
	if !t.Proxy.Trusted {
		fetch := t.Proxy.Tokens.Client
		if exchanged {
			fetch = t.Proxy.Tokens.User
		}
		got, err := fetch(ctx, t.Proxy.Binding.Client)
		if err != nil {
			return fail(err)
		}
		token = got.Reveal()
		out.Header.Set(headerProxyAuthorization, "Bearer "+token)
	}
	resp, err = network.RoundTrip(out)
	if err != nil {
		return nil, "", networkError(rfc.StepProxy, serviceProxy, t.host(), err)
	}
	return resp, token, nil
}

// identify sets the headers that say who the request is. It reports whether that has to be in
// the token for the proxy.
func (t *Transport) identify(ctx context.Context, out *http.Request) (exchanged bool, err error) {
	switch t.Identity {
	case IdentityOfUser:
		u, err := userOf(ctx)
		if err == nil && u == nil {
			err = configError("", errNoUser)
		}
		if err != nil {
			return false, err
		}
		out.Header.Del("Authorization") // it would win over the certificate of the user
		if t.Exchange {
			return true, nil
		}
		out.Header.Set(headerUser, "Bearer "+u.token())
	case IdentityOfTechnicalUser:
		if t.TechnicalToken == nil {
			return false, configError("", errors.New("Transport.TechnicalToken: it is required for a technical user"))
		}
		token, err := t.TechnicalToken(ctx)
		if err == nil {
			if wrong := checkToken(token); wrong != nil {
				err = configError("", fmt.Errorf("token of the technical user: %w", wrong))
			}
		}
		if err != nil {
			return false, err
		}
		out.Header.Del("Authorization")
		out.Header.Set(headerTechnicalUser, "Bearer "+token)
	default:
		if t.User != "" {
			out.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(t.User+":"+t.Password.Reveal())))
		}
	}
	return false, nil
}

// check refuses what the proxy would refuse, and what would show credentials to somebody else.
func (t *Transport) check(req *http.Request) error {
	switch {
	case req.URL == nil || req.URL.Host == "":
		return configError("", errors.New("URL with a virtual host required"))
	case req.URL.Scheme != "http":
		return configError("", fmt.Errorf("scheme %q: the connectivity proxy takes http only (it answers 405); the way to the Cloud Connector is encrypted, and its mapping says whether the rest is", printable(req.URL.Scheme)))
	case t.Target != "" && !strings.EqualFold(withPort(req.URL.Host), withPort(t.Target)):
		return configError("", fmt.Errorf("host %q: this transport goes to %q only; a redirect to another host is not followed with its credentials", printable(req.URL.Host), printable(t.Target)))
	case t.Target == "" && t.User != "":
		return configError("", errors.New("Transport.Target: it is required with User, so that a redirect cannot carry the password away"))
	case len(t.Location) > 189 || checkHeader(headerLocation, "x"+t.Location) != nil:
		return configError("", errors.New("location id: at most 189 bytes of printable ASCII required in a header"))
	}
	return nil
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err != nil {
		return host + ":80"
	}
	return host
}

// network is the transport to the proxy.
func (t *Transport) network() (*http.Transport, error) {
	if t.Proxy == nil || t.Proxy.Binding == nil || t.Proxy.Tokens == nil && !t.Proxy.Trusted {
		return nil, configError("", errors.New("Transport.Proxy: Binding and Tokens are required"))
	}
	if t.Proxy.Binding.Host == "" || t.Proxy.Binding.HTTPPort == "" {
		return nil, configError("", fmt.Errorf("binding %s of service %s lacks onpremise_proxy_host or onpremise_proxy_http_port", printable(t.Proxy.Binding.Name), ServiceConnectivity))
	}
	t.once.Do(func() {
		if t.own = newTransport(); t.Network != nil {
			t.own = t.Network.Clone()
		}
		t.own.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: t.host()})
	})
	return t.own, nil
}

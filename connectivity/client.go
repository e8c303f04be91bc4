package connectivity

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

// Client are the credentials with which a service's tokens are fetched: those of a binding, of
// the credential types instance-secret, binding-secret and x509. It prints without its secrets.
type Client struct {
	// ID is the client, Service whose it is; Service is for errors.
	ID      string
	Service Service
	// TokenURL is the token endpoint, with https.
	TokenURL string
	// Secret is empty with a certificate.
	Secret rfc.Secret
	// Certificate is presented to the token endpoint; nil with a secret.
	Certificate *tls.Certificate `json:"-"`

	// zone is the subdomain in TokenURL, pattern the URL with {tenant} in its place; either may
	// be empty.
	zone, pattern string
}

// Format writes the client without its secrets.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "client %s of service %s at %s", printable(c.ID), c.Service, printable(c.TokenURL))
}

// client reads the credentials of a client. The fields of the credential type x509 are those
// of open consumers [impl]; the guide has only the name of the type [doc].
func (r *reader) client(s Service) *Client {
	c := &Client{Service: s, ID: r.need("clientid"), zone: r.get("identityzone"), pattern: r.get("token_service_url_pattern")}
	if zone := r.get("subaccount_subdomain"); zone != "" {
		c.zone = zone
	}
	kind := strings.ToLower(r.get("credential-type"))
	if kind == "" {
		kind = strings.ToLower(r.get("credential_type"))
	}
	if strings.HasPrefix(kind, "x509") || kind == "" && r.get("clientsecret") == "" && r.get("certificate") != "" {
		c.Certificate = r.certificate()
		if c.TokenURL = r.need("certurl"); c.TokenURL != "" {
			c.TokenURL = r.endpoint("certurl", c.TokenURL)
		}
		c.pattern = "" // it leads to the endpoint for secrets
		return c
	}
	c.Secret = rfc.Secret(r.need("clientsecret"))
	key := "token_service_url"
	if r.get(key) == "" && r.get("url") != "" {
		key = "url" // its name before
	}
	if c.TokenURL = r.need(key); c.TokenURL != "" {
		c.TokenURL = r.endpoint(key, c.TokenURL)
	}
	if c.pattern != "" && !strings.Contains(c.pattern, tenantMark) {
		c.pattern = ""
	}
	return c
}

// tenantMark stands for the subdomain in token_service_url_pattern [impl].
const tenantMark = "{tenant}"

// endpoint is the token endpoint behind the URL of a token service. Some bindings have the
// whole endpoint; a post to the base fails [impl].
func (r *reader) endpoint(key, v string) string {
	u, err := serviceURL(v)
	if err != nil {
		r.bad(key, "%w", err)
		return ""
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), tokenPath) + tokenPath
	return u.String()
}

const tokenPath = "/oauth/token"

// serviceURL reads the URL of a service that is sent secrets. Its text is not in the error.
func serviceURL(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("not a URL, https://host required")
	case u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q, https required: secrets are sent there", printable(u.Scheme))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("https://host without user, query and fragment required")
	}
	return u, nil
}

// certificate reads certificate and key, both PEM.
func (r *reader) certificate() *tls.Certificate {
	cert, key := r.need("certificate"), r.need("key")
	if cert == "" || key == "" {
		return nil
	}
	// Some consumers write line ends as \n into the document.
	pair, err := tls.X509KeyPair([]byte(strings.ReplaceAll(cert, `\n`, "\n")), []byte(strings.ReplaceAll(key, `\n`, "\n")))
	if err != nil {
		// The parser's text has no bytes of the key, but which of the two it means helps nobody.
		r.bad("certificate", "certificate and key: a PEM pair that belongs together required")
		return nil
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			r.bad("certificate", "no X.509 certificate")
			return nil
		}
	}
	if _, ok := pair.PrivateKey.(crypto.Signer); !ok {
		r.bad("key", "a key that signs required")
		return nil
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		r.bad("certificate", "the certificate of %s expired on %s; bind the service anew", printable(pair.Leaf.Subject.String()), pair.Leaf.NotAfter.Format(time.DateOnly))
		return nil
	}
	return &pair
}

// endpointFor is the token endpoint of a tenant: the subdomain in front of the provider's
// endpoint changes (spec 14 section 4 [doc]). Empty is the provider's own.
func (c *Client) endpointFor(tenant string) (string, error) {
	if tenant == "" || tenant == c.zone {
		return c.TokenURL, nil
	}
	if !isSubdomain(tenant) {
		return "", fmt.Errorf("tenant %q: the subdomain of an account required: letters, digits and -, at most 63", printable(tenant))
	}
	if c.pattern != "" {
		u, err := serviceURL(strings.ReplaceAll(c.pattern, tenantMark, tenant))
		if err != nil {
			return "", fmt.Errorf("token_service_url_pattern: %w", err)
		}
		u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), tokenPath) + tokenPath
		return u.String(), nil
	}
	u, err := url.Parse(c.TokenURL)
	if err != nil {
		return "", errors.New("token endpoint: not a URL")
	}
	first, rest, ok := strings.Cut(u.Host, ".")
	if !ok || c.zone != "" && first != c.zone || c.zone == "" && !strings.HasPrefix(rest, "authentication.") {
		return "", fmt.Errorf("tenant %q: the token endpoint of service %s does not begin with the subdomain of an account that could be replaced", tenant, c.Service)
	}
	u.Host = tenant + "." + rest
	return u.String(), nil
}

func isSubdomain(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// Client gives the credentials of a binding that has a client: xsuaa, destination and
// connectivity have one.
func (b Binding) Client(s Service) (*Client, error) {
	r := &reader{Binding: &b}
	c := r.client(s)
	return c, r.result()
}

// DestinationBinding are the credentials of the destination service.
type DestinationBinding struct {
	*Client
	// URL is that of the service.
	URL string
}

// Destination gives the credentials of a binding of the destination service.
func (b Binding) Destination() (*DestinationBinding, error) {
	r := &reader{Binding: &b}
	d := &DestinationBinding{Client: r.client(ServiceDestination), URL: r.need("uri")}
	if d.URL != "" {
		if _, err := serviceURL(d.URL); err != nil {
			r.bad("uri", "%w", err)
		}
	}
	return d, r.result()
}

// ProxyBinding are the credentials and addresses of the connectivity service.
type ProxyBinding struct {
	*Client
	// Name is that of the binding, for errors.
	Name string
	// Host is that of the connectivity proxy. SOCKSPort is where RFC goes, HTTPPort where HTTP
	// does; empty if the binding has none.
	Host, SOCKSPort, HTTPPort string
}

// Format writes the binding without its secrets.
func (c *ProxyBinding) Format(f fmt.State, verb rune) {
	c.Client.Format(f, verb)
	_, _ = io.WriteString(f, ", proxy "+printable(c.Host))
}

// Format writes the binding without its secrets.
func (d *DestinationBinding) Format(f fmt.State, verb rune) { d.Client.Format(f, verb) }

// Connectivity gives the credentials of a binding of the connectivity service. The port of the
// RFC proxy in it is not used: its protocol is not public.
func (b Binding) Connectivity() (*ProxyBinding, error) {
	r := &reader{Binding: &b}
	c := &ProxyBinding{Client: r.client(ServiceConnectivity), Name: b.Name, Host: r.need("onpremise_proxy_host")}
	c.SOCKSPort = r.port("onpremise_socks5_proxy_port")
	if c.HTTPPort = r.port("onpremise_proxy_http_port"); c.HTTPPort == "" {
		c.HTTPPort = r.port("onpremise_proxy_port") // its name before
	}
	if c.SOCKSPort == "" && c.HTTPPort == "" {
		r.need("onpremise_socks5_proxy_port")
	}
	if c.Host != "" && strings.ContainsAny(c.Host, "/@: \r\n\t") {
		r.bad("onpremise_proxy_host", "host name or IPv4 address without port required")
	}
	return c, r.result()
}

// port reads a port if it is there.
func (r *reader) port(key string) string {
	v := r.get(key)
	if v == "" {
		return ""
	}
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 65535 || v[0] == '+' {
		r.bad(key, "port 1-65535 required")
		return ""
	}
	return v
}

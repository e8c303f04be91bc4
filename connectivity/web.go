package connectivity

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of requests to services (spec 30 section 14.6 [design]).
const (
	// DefaultTimeout bounds one request to a service.
	DefaultTimeout = 30 * time.Second
	connectTimeout = 5 * time.Second
	// maxAnswer bounds what the destination service answers, in bytes.
	maxAnswer = 4 << 20
	// maxTokenAnswer bounds what a token service answers, in bytes.
	maxTokenAnswer = 256 << 10
)

// network is what is used where nobody gave another one.
type network struct {
	once sync.Once
	own  *http.Transport
}

func (n *network) of(given http.RoundTripper) http.RoundTripper {
	if given != nil {
		return given
	}
	n.once.Do(func() { n.own = newTransport() })
	return n.own
}

// newTransport is the network of requests to services.
func newTransport() *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	return t
}

// presenting is a transport that presents a certificate.
func presenting(rt http.RoundTripper, cert *tls.Certificate) (*http.Transport, error) {
	t, ok := rt.(*http.Transport)
	if !ok {
		return nil, errors.New("a binding of the credential type x509 needs a Transport of the type *http.Transport")
	}
	t = t.Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	t.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	t.TLSClientConfig.GetClientCertificate = nil
	return t, nil
}

// noRedirect gives a redirect to the caller: what is sent are credentials.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded is a body that ends with errTooLarge. It remembers why it ended.
type bounded struct {
	io.ReadCloser
	left int64
	end  *error
}

var errTooLarge = errors.New("the answer is too large")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	p = p[:min(int64(len(p)), b.left+1)]
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil {
		*b.end = err
	}
	return n, err
}

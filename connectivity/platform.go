package connectivity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// Platform is what this program is bound to. Open reads it from the environment; its services
// share one Tokens. It is safe for concurrent use; set the fields before its first use.
//
//	btp, err := connectivity.Open(connectivity.Sources{})
//	dests, err := btp.Destinations("")
//	cfg, _, err := destination.Load(ctx, dests, "SALES_QA")
type Platform struct {
	// Bindings are the services. Required.
	Bindings *Bindings
	// Transport is the network to the token service and the destination service. Default: one of
	// its own, with the proxy of HTTPS_PROXY. Bindings with a certificate need an *http.Transport.
	Transport http.RoundTripper
	// Trusted says that the connectivity proxy wants no token (Kubernetes, trusted mode).
	Trusted bool
	// Logger is given to the services. Default: nothing is logged.
	Logger *slog.Logger

	network network
	once    sync.Once
	tokens  *Tokens
}

// Open reads the bindings of this program. That there are none is no error before something
// needs one.
func Open(s Sources) (*Platform, error) {
	b, err := ReadBindings(s)
	if err != nil {
		return nil, err
	}
	return &Platform{Bindings: b}, nil
}

// Tokens gives what fetches and keeps the tokens of all services.
func (p *Platform) Tokens() *Tokens {
	p.once.Do(func() { p.tokens = &Tokens{Transport: p.network.of(p.Transport)} })
	return p.tokens
}

// CloseIdleConnections closes connections to the services that nobody uses; they would be closed
// by themselves after a while.
func (p *Platform) CloseIdleConnections() {
	if c, ok := p.network.of(p.Transport).(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Destinations gives the destination service of a binding; the name may be empty, see
// Bindings.Find. Destinations whose proxy type is OnPremise are completed with the connectivity
// proxy: that of the binding that go.proxy.binding names, or the only one.
func (p *Platform) Destinations(binding string) (*DestinationService, error) {
	b, err := p.Bindings.Find(ServiceDestination, binding)
	if err != nil {
		return nil, err
	}
	d, err := b.Destination()
	if err != nil {
		return nil, err
	}
	return &DestinationService{Binding: d, Tokens: p.Tokens(), Transport: p.network.of(p.Transport), Logger: p.Logger, Proxy: p.Proxy}, nil
}

// Proxy gives the connectivity proxy of a binding; the name may be empty, see Bindings.Find.
func (p *Platform) Proxy(binding string) (*Proxy, error) {
	b, err := p.Bindings.Find(ServiceConnectivity, binding)
	if err != nil {
		return nil, err
	}
	c, err := b.Connectivity()
	if err != nil {
		return nil, err
	}
	return &Proxy{Binding: c, Tokens: p.Tokens(), Trusted: p.Trusted}, nil
}

// Tunnelled gives a provider whose destinations are those of another one, completed with the
// connectivity proxy where their proxy type is OnPremise: for destinations that stand in files or
// variables of a program on the platform.
func (p *Platform) Tunnelled(inner destination.Provider) destination.Provider {
	return &tunnelled{inner, p}
}

type tunnelled struct {
	inner    destination.Provider
	platform *Platform
}

// Load implements destination.Provider.
func (t *tunnelled) Load(ctx context.Context, name string) (destination.Properties, error) {
	props, err := t.inner.Load(ctx, name)
	if err != nil {
		return props, err
	}
	tenant := tenantOf(ctx)
	props.Complete(func(cfg *destination.Config) error { return tunnel(cfg, t.platform.Proxy, tenant) })
	return props, nil
}

// Names implements destination.Lister as far as the other provider does.
func (t *tunnelled) Names(ctx context.Context) ([]string, error) {
	if l, ok := t.inner.(destination.Lister); ok {
		return l.Names(ctx)
	}
	return nil, nil
}

// Watch implements destination.Watcher as far as the other provider does.
func (t *tunnelled) Watch(ctx context.Context) iter.Seq[destination.Event] {
	if w, ok := t.inner.(destination.Watcher); ok {
		return w.Watch(ctx)
	}
	return func(func(destination.Event) bool) { <-ctx.Done() }
}

// tunnel completes a destination with a proxy if it needs one. Who has set a host and what goes
// with it needs no binding.
func tunnel(cfg *destination.Config, find func(binding string) (*Proxy, error), tenant string) error {
	t := &cfg.Tunnel
	done := t.Host != "" && t.Port != "" && (t.Trusted || t.Token != "" || t.Tokens != nil)
	if cfg.ProxyType != destination.OnPremise || done || t.Kind != "" && t.Kind != destination.SOCKS5 {
		return nil
	}
	p, err := find(t.Binding)
	if err != nil {
		if e, ok := errors.AsType[*rfc.Error](err); ok && e.Err != nil {
			err = e.Err
		}
		return fmt.Errorf("%s = %s: %w", destination.KeyProxyType, destination.OnPremise, err)
	}
	return p.Configure(cfg, tenant)
}

// complete adds what a destination of the service needs beside its properties: the proxy, and
// the content of its key store and trust store.
func (s *DestinationService) complete(cfg *destination.Config, f *Found, tenant string) error {
	stores := []*wsrfc.Store{&cfg.WebSocket.TrustStore}
	if source := f.Properties.Value(destination.KeyKeyStoreSource); !strings.EqualFold(source, "ClientProvided") {
		stores = append(stores, &cfg.WebSocket.KeyStore)
	}
	for _, store := range stores {
		if store.File == "" || cfg.WebSocket.Host == "" {
			continue
		}
		data, err := f.Certificate(store.File)
		if err != nil {
			return err
		}
		store.File, store.Data = "", data
	}
	if s.Proxy == nil {
		return nil
	}
	return tunnel(cfg, s.Proxy, tenant)
}

// HTTP gives the way to an on-premise destination of the type HTTP, by its proxy type, location
// and authentication: none, BasicAuthentication, PrincipalPropagation or
// OAuth2TechnicalUserPropagation. It gives the URL of the destination as well. The destination is
// that of the tenant of ctx, and so is the transport; the context of each request may have a
// user (WithUserToken).
func (p *Platform) HTTP(ctx context.Context, service *DestinationService, name string) (*Transport, *url.URL, error) {
	f, err := service.Find(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	wrong := func(format string, args ...any) (*Transport, *url.URL, error) {
		return nil, nil, configError(name, fmt.Errorf("%s: %w", printable(name), fmt.Errorf(format, args...)))
	}
	get := func(key string) string { return textIn(f.Properties, key) }
	if kind := get("Type"); !strings.EqualFold(kind, "HTTP") {
		return wrong("type %q is not an HTTP destination", printable(kind))
	}
	if way := f.Properties.Value(destination.KeyProxyType); !strings.EqualFold(way, destination.OnPremise) {
		return wrong("ProxyType %q: %s required; others need no connectivity proxy", printable(way), destination.OnPremise)
	}
	u, err := url.Parse(get("URL"))
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil {
		return wrong("URL: http://virtual-host:port required; the connectivity proxy takes no https")
	}
	proxy, err := p.Proxy(get(destination.KeyTunnelBinding))
	if err != nil {
		return nil, nil, err
	}
	t := &Transport{Proxy: proxy, Tenant: tenantOf(ctx), Location: f.Properties.Value(destination.KeyCloudConnectorLocationID), Target: u.Host}
	switch kind := get("Authentication"); strings.ToUpper(kind) {
	case "", "NOAUTHENTICATION":
	case "BASICAUTHENTICATION":
		t.User, t.Password = f.Properties.Value(destination.KeyUser), rfc.Secret(f.Properties.Value(destination.KeyPasswd))
	case "PRINCIPALPROPAGATION":
		t.Identity = IdentityOfUser
	case "OAUTH2TECHNICALUSERPROPAGATION":
		t.Identity = IdentityOfTechnicalUser
		tenant := tenantOf(ctx)
		t.TechnicalToken = func(ctx context.Context) (string, error) {
			f, err := service.Find(WithTenant(ctx, tenant), name)
			if err != nil {
				return "", err
			}
			if len(f.Tokens) == 0 {
				return "", configError(name, fmt.Errorf("%s: the destination service gave no token of a technical user", printable(name)))
			}
			return f.Tokens[0].Reveal(), nil
		}
	default:
		return wrong("Authentication %q: NoAuthentication, BasicAuthentication, PrincipalPropagation or OAuth2TechnicalUserPropagation required", printable(kind))
	}
	return t, u, nil
}

// textIn gives the value of a key in any case.
func textIn(p destination.Properties, key string) string {
	for k, v := range p.All() {
		if strings.EqualFold(k, key) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

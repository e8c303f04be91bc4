package connectivity

import (
	"context"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/proxy"
)

// Proxy is the connectivity proxy: the way to what stands behind the Cloud Connectors of an
// account. It is safe for concurrent use as long as its fields are left alone.
type Proxy struct {
	// Binding has the address of the proxy, and the client whose tokens it wants. Required.
	Binding *ProxyBinding
	// Tokens fetches them. Required unless Trusted.
	Tokens *Tokens
	// Trusted is a proxy in trusted mode, which wants no token (Kubernetes only).
	Trusted bool
}

// Configure completes the settings of a destination whose proxy type is OnPremise: address and
// tokens of the tunnel, as far as nobody has set them. Tokens are those of the client itself in
// the account of the tenant, the subdomain of a subscriber, or empty for the own one: whoever
// calls. A pool is shared by its users, so that a connection cannot be one of them.
func (p *Proxy) Configure(cfg *destination.Config, tenant string) error {
	t := &cfg.Tunnel
	if cfg.ProxyType != destination.OnPremise || t.Kind != "" && t.Kind != destination.SOCKS5 {
		return nil
	}
	if t.Host == "" {
		t.Host = p.Binding.Host
	}
	if t.Port == "" {
		if t.Port = p.Binding.SOCKSPort; t.Port == "" {
			return fmt.Errorf("binding %s of service %s lacks onpremise_socks5_proxy_port; %s can name it", printable(p.Binding.Name), ServiceConnectivity, destination.KeyTunnelPort)
		}
	}
	switch {
	case t.Trusted:
	case p.Trusted:
		t.Trusted = true
	case t.Token == "" && t.Tokens == nil:
		t.Tokens = p.Source(tenant)
	}
	return nil
}

// Source gives tokens for the proxy in the account of a tenant; empty is the own one. It forgets
// a token that the proxy refuses, so that the next one is fetched.
func (p *Proxy) Source(tenant string) proxy.TokenSource { return &source{p, tenant} }

type source struct {
	proxy  *Proxy
	tenant string
}

// Token implements proxy.TokenSource.
func (s *source) Token(ctx context.Context) (string, error) {
	if s.proxy.Tokens == nil || s.proxy.Binding == nil {
		return "", configError("", errors.New("Proxy: Binding and Tokens are required"))
	}
	t, err := s.proxy.Tokens.Client(WithTenant(ctx, s.tenant), s.proxy.Binding.Client)
	if err != nil {
		return "", err
	}
	return t.Reveal(), nil
}

// Forget drops a token that was refused.
func (s *source) Forget(token string) { s.proxy.Tokens.Forget(token) }

package destination

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
)

// The values of Config.ProxyType (jco.destination.proxy_type).
const (
	// OnPremise goes through a tunnel: the connectivity service and a Cloud Connector.
	OnPremise = "OnPremise"
	// Internet is WebSocket RFC.
	Internet = "Internet"
	// Local is the plain network.
	Local = "Local"
)

// The values of TunnelConfig.Kind (go.proxy.kind).
const (
	// SOCKS5 is what the connectivity service of SAP BTP speaks for TCP.
	SOCKS5 = "socks5"
	// HTTPConnect is an HTTP proxy that lets CPIC through.
	HTTPConnect = "http-connect"
)

// TunnelConfig are the settings of a proxy between this process and a gateway. WebSocket RFC
// has one of its own, WebSocketConfig.Proxy.
type TunnelConfig struct {
	// Kind is SOCKS5 or HTTPConnect (go.proxy.kind). Default: SOCKS5 with the proxy type
	// OnPremise, else there is no tunnel.
	Kind string
	// Host and Port are those of the proxy (go.proxy.host, go.proxy.port): of the connectivity
	// service onpremise_proxy_host and onpremise_socks5_proxy_port of its binding.
	Host, Port string
	// Trusted is a proxy that wants no token (go.proxy.auth = none).
	Trusted bool
	// Token is a fixed token (go.proxy.token); Tokens gives one for each connection. One of them
	// is needed with SOCKS5, unless it is Trusted. A tunnel that stands outlives its token.
	Token  rfc.Secret
	Tokens proxy.TokenSource
	// User and Password are for HTTPConnect (go.proxy.user, go.proxy.passwd).
	User     string
	Password rfc.Secret
	// Binding is the name of the service binding that has Host, Port and tokens
	// (go.proxy.binding). Nothing here reads it.
	Binding string
	// Location is the id of the Cloud Connector (jco.client.cloud_connector_location_id), at most
	// proxy.MaxLocation bytes. Default: the one without an id.
	Location string
	// VirtualPort is the port of the mapping in the Cloud Connector (go.tunnel.port). Default: the
	// one of the gateway.
	VirtualPort string
	// PartnerHost is the host name for the gateway's own records when ApplicationServer is only
	// virtual (go.tunnel.partner_host): the gateway looks it up and refuses what it does not
	// know. Default ApplicationServer.
	PartnerHost string
	// HostMap gives the virtual host and port, host:port, of servers that a message server names
	// (go.tunnel.hostmap). Without it a logon group is refused behind a tunnel.
	HostMap map[string]string
}

// tunnelled reports whether there is a tunnel.
func (c *Config) tunnelled() bool { return c.tunnelKind() != "" }

func (c *Config) tunnelKind() string {
	if c.Tunnel.Kind == "" && c.ProxyType == OnPremise {
		return SOCKS5
	}
	return c.Tunnel.Kind
}

// tunnelProblems checks what the properties leave to whoever completes a Config: the proxy and
// its tokens may come from a service binding.
func (c *Config) tunnelProblems() (list problems) {
	if !c.tunnelled() {
		return nil
	}
	t := &c.Tunnel
	if t.Host == "" || t.Port == "" {
		list.add(KeyTunnelHost+" and "+KeyTunnelPort, Source{}, "the proxy of the tunnel is missing; a service binding of the connectivity service has it as onpremise_proxy_host and onpremise_socks5_proxy_port")
	}
	if t.Token != "" && t.Tokens != nil {
		list.add(KeyTunnelToken, Source{}, "Tunnel.Tokens gives tokens as well; keep one of them")
	}
	if c.tunnelKind() == SOCKS5 && !t.Trusted && t.Token == "" && t.Tokens == nil {
		list.add(KeyTunnelToken, Source{}, "a token for the proxy is missing: set Tunnel.Tokens or %s, or %s = none if the proxy wants none", KeyTunnelToken, KeyTunnelAuth)
	}
	if len(list) > 0 {
		return list
	}
	if err := c.proxyDialer().Validate(); err != nil {
		cause := errors.Unwrap(err)
		for line := range strings.SplitSeq(cause.Error(), "\n") {
			list.add("tunnel", Source{}, "%s", line)
		}
	}
	return list
}

// proxyDialer is the way through the proxy, without the network in front of it.
func (c *Config) proxyDialer() *proxy.Dialer {
	t := &c.Tunnel
	d := &proxy.Dialer{Address: net.JoinHostPort(t.Host, t.Port), Location: t.Location, User: t.User, Password: proxy.Secret(t.Password)}
	switch {
	case t.Tokens != nil:
		d.Tokens = t.Tokens
	case t.Token != "":
		d.Tokens = proxy.Secret(t.Token)
	}
	if t.Trusted {
		d.Tokens, d.Location = nil, ""
	}
	if c.tunnelKind() == HTTPConnect {
		d.Protocol, d.Location = proxy.HTTPConnect, ""
	}
	return d
}

// tunnel connects to a host behind the proxy. A token that the proxy refuses is fetched anew
// and shown once more; then the steps tcp and proxy come again.
func (r *road) tunnel(ctx context.Context, host, port string) (net.Conn, error) {
	d := r.proxyDialer()
	began := false
	d.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		h, p, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		nc, err := r.tcp(ctx, h, p)
		if err != nil {
			return nil, err
		}
		r.warnOpenToken(nc)
		began = true
		r.trace.start(rfc.StepProxy)
		return nc, nil
	}
	var last error
	d.Done = func(f proxy.Facts, err error) {
		if r.trace != nil && r.trace.Proxied != nil {
			r.trace.Proxied(f)
		}
		last = nil
		if err != nil {
			last = r.tunnelFailed(host, port, err)
		}
		if began {
			began = false
			r.trace.done(rfc.StepProxy, last)
		}
	}
	nc, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case err == nil:
		if r.trace != nil && r.trace.Tunnelled != nil {
			nc = r.trace.Tunnelled(nc)
		}
		return nc, nil
	case last == nil: // there was no attempt
		last = r.tunnelFailed(host, port, err)
	}
	return nil, last
}

// tunnelFailed is the error of an attempt. One of the network in front of the proxy is that of
// its step.
func (r *road) tunnelFailed(host, port string, err error) error {
	if e, ok := errors.AsType[*rfc.Error](err); ok {
		c := *e
		c.Message = "the proxy of the tunnel: " + e.Message
		return &c
	}
	e := r.failure(rfc.StepProxy, r.proxyDialer().Address, err)
	e.Message = fmt.Sprintf("partner '%s' not reached: %s", net.JoinHostPort(host, port), err)
	return e
}

// warnOpenToken warns of a token in clear text on the way to a proxy that is not near.
func (r *road) warnOpenToken(nc net.Conn) {
	if r.Logger == nil || r.proxyDialer().Tokens == nil {
		return
	}
	p, err := netip.ParseAddrPort(addressOf(nc))
	if a := p.Addr().Unmap(); err == nil && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
		r.Logger.LogAttrs(context.Background(), slog.LevelWarn, "the token for the proxy travels in clear text to a public address", slog.String("destination", r.Name), slog.String("proxy", p.String()))
	}
}

// virtual gives the host and port by which the proxy knows a server that a message server named.
func (c *Config) virtual(host, port string) (vhost, vport string, err error) {
	address := net.JoinHostPort(host, port)
	to, ok := c.Tunnel.HostMap[address]
	if !ok {
		return "", "", fmt.Errorf("the message server named %s, for which %s has no virtual host and port", address, KeyHostMap)
	}
	return net.SplitHostPort(to)
}

// The host map as a property: internal:port=virtual:port, separated by commas.

func getHostMap(c *Config) string {
	var list []string
	for _, from := range slices.Sorted(maps.Keys(c.Tunnel.HostMap)) {
		list = append(list, from+"="+c.Tunnel.HostMap[from])
	}
	return strings.Join(list, ",")
}

func setHostMap(c *Config, v string) { c.Tunnel.HostMap, _ = parseHostMap(v) }

func parseHostMap(v string) (map[string]string, string) {
	out := map[string]string{}
	for entry := range strings.SplitSeq(v, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(entry), "=")
		for _, address := range []string{from, to} {
			host, port, err := net.SplitHostPort(address)
			if !ok || err != nil || host == "" || formPort(port) != "" || formHost("")(host) != "" {
				return nil, fmt.Sprintf("value %.64q: internal:port=virtual:port required, separated by commas", strings.TrimSpace(entry))
			}
		}
		if _, twice := out[from]; twice {
			return nil, fmt.Sprintf("%.64q is there twice", from)
		}
		out[from] = to
	}
	return out, ""
}

func formHostMap(v string) string {
	_, wrong := parseHostMap(v)
	return wrong
}

// tunnelTime is how long the proxy may take on top of the network: twice, for a token that has
// to be fetched anew.
const tunnelTime = 2 * proxy.DefaultTimeout

package destination

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/saprouter"
)

// connect reaches the gateway over whatever road the settings name. It gives the settings of
// the server that was reached: with a logon group the message server decides which.
func (c *Config) connect(ctx context.Context, t *Trace) (net.Conn, *Config, error) {
	var routers saprouter.Route
	if c.SAProuter != "" {
		var err error
		if routers, err = saprouter.ParseRouters(c.SAProuter.Reveal()); err != nil {
			return nil, nil, failed(c.Name, err)
		}
	}
	r := road{c, t, routers}
	if c.WebSocket.Host != "" {
		nc, err := r.webHost(ctx)
		return nc, c, err
	}
	if c.MessageServer != "" {
		return r.balanced(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, r.limit(1))
	defer cancel()
	nc, err := r.gateway(ctx)
	return nc, c, err
}

// road is a way to a gateway.
type road struct {
	*Config
	trace   *Trace
	routers saprouter.Route // in front of every host; nil: none
}

// limit is the time for DNS and TCP, and for the answers of routers.
func (r *road) limit(routes int) time.Duration {
	limit := r.DialTimeout
	if limit <= 0 {
		limit = DefaultDialTimeout
	}
	if r.routers != nil {
		limit += time.Duration(routes) * saprouter.DefaultAnswerTimeout
	}
	if r.tunnelled() {
		limit += time.Duration(routes) * tunnelTime
	}
	return limit
}

// failure makes an error of a step. who is the address concerned.
func (r *road) failure(step rfc.Step, who string, err error) *rfc.Error {
	e := rfc.SetupError(err, step)
	e.Step, e.Address, e.Destination, e.Outcome = step, who, r.Name, rfc.NotSent
	switch {
	case e.Class == rfc.ClassOther:
		e.Class = rfc.ClassCommunication
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
		e.Class, e.Key = rfc.ClassResource, "RFC_RESOURCE" // fault F-06
	}
	return e
}

// webHost connects to the HTTP proxy in front of a WebSocket endpoint, or to that.
func (r *road) webHost(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit(0))
	defer cancel()
	host, port := r.WebSocket.Host, r.WebSocket.Port
	if p := r.WebSocket.Proxy; p.Host != "" {
		host, port = p.Host, p.Port
	}
	return r.tcp(ctx, host, port)
}

// gateway connects to the gateway of a direct destination.
func (r *road) gateway(ctx context.Context) (net.Conn, error) {
	host, port, err := r.Endpoint()
	if err != nil {
		return nil, err
	}
	return r.reach(ctx, host, port)
}

// reach connects to a host, through the routers if there are any.
func (r *road) reach(ctx context.Context, host, service string) (net.Conn, error) {
	switch {
	case r.tunnelled():
		return r.tunnel(ctx, host, service)
	case r.routers == nil:
		return r.tcp(ctx, host, service)
	}
	route := r.routers.To(host, service)
	first, err := route.FirstHop()
	if err != nil {
		return nil, failed(r.Name, fmt.Errorf("%s: %w", KeySAProuter, err))
	}
	firstHost, firstPort, err := net.SplitHostPort(first)
	if err != nil {
		return nil, failed(r.Name, err)
	}
	nc, err := r.tcp(ctx, firstHost, firstPort)
	if err != nil {
		return nil, err
	}
	r.trace.start(rfc.StepRoute)
	facts, err := new(saprouter.Dialer).Connect(ctx, nc, route)
	facts.Router = first
	if r.trace != nil && r.trace.Routed != nil {
		r.trace.Routed(facts)
	}
	if err != nil {
		e := r.failure(rfc.StepRoute, first, err)
		e.Message = fmt.Sprintf("partner '%s' not reached: %s", net.JoinHostPort(host, service), err)
		r.trace.done(rfc.StepRoute, e)
		return nil, e
	}
	r.trace.done(rfc.StepRoute, nil)
	return nc, nil
}

// tcp resolves and dials.
func (r *road) tcp(ctx context.Context, host, port string) (net.Conn, error) {
	t, address := r.trace, net.JoinHostPort(host, port)
	if r.routers != nil || r.tunnelled() { // the time of the whole road is longer
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.limit(0))
		defer cancel()
	}
	fail := func(step rfc.Step, err error) error {
		e := r.failure(step, address, err)
		e.Message = fmt.Sprintf("partner '%s' not reached: %s", address, r.reason(err))
		t.done(step, e)
		return e
	}
	dial := r.DialContext
	if dial == nil {
		t.start(rfc.StepDNS)
		ips, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, fail(rfc.StepDNS, fmt.Errorf("lookup of %s: %w", host, err))
		}
		if t != nil && t.Resolved != nil {
			t.Resolved(ips)
		}
		t.done(rfc.StepDNS, nil)
		d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
		dial = d.DialContext
	}
	t.start(rfc.StepTCP)
	nc, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fail(rfc.StepTCP, err)
	}
	if t != nil && t.Connected != nil {
		nc = t.Connected(nc)
	}
	t.done(rfc.StepTCP, nil)
	return nc, nil
}

// balanced connects to a server of the logon group.
func (r *road) balanced(ctx context.Context) (net.Conn, *Config, error) {
	servers, ask, err := r.messageServers(r.limit(1))
	if err != nil {
		return nil, nil, r.failure(rfc.StepMessageServer, r.MessageServer, failed(r.Name, err))
	}
	groups := r.Groups
	if groups == nil {
		groups = &msgserver.Groups{MaxAge: r.GroupMaxAge}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*r.limit(1)) // for the message server as well
	defer cancel()
	var reached *Config
	nc, pick, err := groups.Dial(ctx, msgserver.Query{
		Servers: servers, Group: r.Group,
		Ask: func(ctx context.Context, server, group string) (msgserver.Target, error) {
			r.trace.start(rfc.StepMessageServer)
			target, err := ask(ctx, server, group)
			if err != nil {
				e := r.failure(rfc.StepMessageServer, server, err)
				e.Message = err.Error()
				r.trace.done(rfc.StepMessageServer, e)
				return target, err
			}
			if r.trace != nil && r.trace.Named != nil {
				r.trace.Named(server, group, target)
			}
			r.trace.done(rfc.StepMessageServer, nil)
			return target, nil
		},
		Dial: func(ctx context.Context, target msgserver.Target) (net.Conn, error) {
			if reached, err = r.of(target); err != nil {
				e := r.failure(rfc.StepMessageServer, r.MessageServer, err)
				e.Message = err.Error()
				return nil, e
			}
			next := road{reached, r.trace, r.routers}
			return next.gateway(ctx)
		},
	})
	if err != nil {
		return nil, nil, r.unbalanced(pick, err)
	}
	if r.trace != nil && r.trace.Selected != nil {
		r.trace.Selected(pick)
	}
	return nc, reached, nil
}

// of are the settings for one server of a logon group.
func (c *Config) of(target msgserver.Target) (*Config, error) {
	one := *c
	one.MessageServer, one.MessageService, one.SystemID, one.Group, one.Groups = "", "", "", "", nil
	one.ApplicationServer, one.SystemNumber = target.Host, target.SystemNumber()
	one.Gateway, one.GatewayService = "", strconv.Itoa(target.Port)
	if c.tunnelled() {
		var err error
		one.Tunnel.VirtualPort, one.Tunnel.PartnerHost = "", ""
		if one.Gateway, one.GatewayService, err = c.virtual(target.Host, one.GatewayService); err != nil {
			return nil, err
		}
	}
	return &one, nil
}

// unbalanced is the error of a logon group: that of the server tried last, or of the message
// servers if there was none.
func (r *road) unbalanced(pick msgserver.Pick, err error) *rfc.Error {
	group := r.Group
	if group == "" {
		group = msgserver.DefaultGroup
	}
	n := len(pick.Failed)
	if n == 0 {
		e := r.failure(rfc.StepMessageServer, r.MessageServer, err)
		if m, ok := errors.AsType[*msgserver.Error](err); ok && m.Server != "" {
			e.Address = m.Server
		}
		e.Message = strings.ReplaceAll(err.Error(), "\n", "; ")
		return e
	}
	last := rfc.SetupError(pick.Failed[n-1].Err, rfc.StepTCP)
	text := fmt.Sprintf("logon group %q: message server %s named %s, %s", group, pick.Server, pick.Target, last.Message)
	if n > 1 {
		text = fmt.Sprintf("logon group %q: %d servers were tried, the last was %s, %s", group, n, pick.Target, last.Message)
	}
	last.Message, last.Err = text, err
	return last
}

// messageServers gives the addresses of the message servers, and how one is asked within a
// time.
func (c *Config) messageServers(limit time.Duration) (servers []string, ask func(ctx context.Context, server, group string) (msgserver.Target, error), err error) {
	network := c.network()
	if strings.Contains(c.MessageService, "://") {
		h := msgserver.HTTP{Dial: network, Timeout: limit}
		return []string{c.MessageService}, h.Group, msgserver.CheckURL(c.MessageService)
	}
	service := msgserver.ServiceName(c.MessageService, c.SystemID)
	port, err := msgserver.Port(c.MessageService, c.SystemID)
	switch {
	case err == nil:
		service = strconv.Itoa(port)
	case c.SAProuter == "":
		return nil, nil, fmt.Errorf("%s: %w", KeyMSServ, err)
	default: // the last router may know the name
	}
	for host := range strings.SplitSeq(c.MessageServer, ",") {
		servers = append(servers, net.JoinHostPort(strings.TrimSpace(host), service))
	}
	client := msgserver.Client{Dial: network, Timeout: limit}
	return servers, client.Group, nil
}

// network is what a message server is reached over.
func (c *Config) network() func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := c.DialContext
	switch {
	case c.tunnelled():
		d := c.proxyDialer()
		d.Dial = dial
		return d.DialContext
	case c.SAProuter == "":
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		routers, err := saprouter.ParseRouters(c.SAProuter.Reveal())
		if err != nil {
			return nil, err
		}
		return (&saprouter.Dialer{Routers: routers, Dial: dial}).DialContext(ctx, network, address)
	}
}

// reason shortens a network error and adds what usually helps.
func (r *road) reason(err error) string {
	var d *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return err.Error() + "; a firewall or a wrong address swallows the connection"
	case errors.As(err, &d):
		return err.Error()
	case r.tunnelled():
		return err.Error() + "; is it the port of the proxy, usually 20004 of the connectivity service?"
	case r.WebSocket.Proxy.Host != "":
		return err.Error() + "; is it the port of the HTTP proxy?"
	case r.WebSocket.Host != "":
		return err.Error() + "; is it the HTTPS port of the ICM or web dispatcher?"
	case r.routers != nil:
		return err.Error() + "; is it the port of a SAProuter, usually 3299?"
	}
	return err.Error() + "; is it port 33NN of the gateway, not 32NN of the dispatcher?"
}

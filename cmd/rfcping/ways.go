package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/wsrfc"
)

// shownAs is the step of the diagnosis to which a step of the library belongs: proxies are a
// part of the route, and WebSocket is asked for on top of TLS.
func shownAs(s rfc.Step) rfc.Step {
	switch s {
	case rfc.StepProxy:
		return rfc.StepRoute
	case rfc.StepUpgrade:
		return rfc.StepTLS
	default:
		return s
	}
}

// roadSteps puts in or takes out the steps that not every road has.
func (d *diagnosis) roadSteps(cfg *destination.Config) {
	if cfg.WebSocket.Host == "" {
		return
	}
	delete(d.steps, rfc.StepNI)
	delete(d.steps, rfc.StepGateway)
	d.insert(rfc.StepTLS)
}

// facts of a step, which is put in if it is not there.
func (d *diagnosis) facts(name rfc.Step) *facts {
	if d.steps[name] == nil {
		d.insert(name)
	}
	return &d.steps[name].Facts
}

// watchRoad makes the trace fill in the facts of the steps message server, route and tls.
func (d *diagnosis) watchRoad(t *destination.Trace, cfg *destination.Config) {
	t.Routed = func(f saprouter.Facts) {
		to := d.facts(rfc.StepRoute)
		*to = facts{} // of a server of a group that was tried before
		to.add("saprouter", f.Router)
		to.add("route", f.Route)
		to.add("hops", f.Hops)
		to.add("answer_ms", millis(f.Answer))
		if f.Pings > 0 {
			to.add("pings", f.Pings)
		}
	}
	t.Proxied = func(f proxy.Facts) { d.proxyFacts(&f) }
	t.Named = func(server, _ string, target msgserver.Target) {
		to := d.facts(rfc.StepMessageServer)
		if slices.ContainsFunc(*to, func(f fact) bool { return f.Key == "named" }) {
			to.add("then", target.Address()) // the one before was not reached
			return
		}
		to.add("message_server", server)
		to.add("named", target.Address())
	}
	t.Upgraded = func(c *wsrfc.Conn) {
		info, to := c.Info(), d.facts(rfc.StepTLS)
		if info.TLS == nil {
			to.add("tls", "none (jco.client.use_tls=0)")
		}
		if info.CertificateAsked {
			to.add("client_certificate", "asked for")
		}
		to.add("path", strings.SplitN(info.Path, "?", 2)[0])
		to.add("upgrade", "101")
		to.add("redirected", info.Redirected)
		if info.Subprotocol {
			to.add("subprotocol", wsrfc.Subprotocol)
		}
	}
	if cfg.WebSocket.Host != "" {
		if p := cfg.WebSocket.Proxy; p.Host != "" {
			d.proxyFacts(&proxy.Facts{Protocol: proxy.HTTPConnect, Proxy: net.JoinHostPort(p.Host, p.Port), Code: -1})
		}
		hook := new(tls.Config)
		if cfg.WebSocket.TLS != nil {
			hook = cfg.WebSocket.TLS.Clone()
		}
		hook.VerifyConnection = func(s tls.ConnectionState) error {
			d.tlsFacts(&s, cfg)
			return nil
		}
		cfg.WebSocket.TLS = hook
	}
}

// probe looks at each hop of a way through SAProuters, with -v: who is reached, and which version
// a router has. It needs a connection of its own for each.
func (d *diagnosis) probe(ctx context.Context, cfg *destination.Config) {
	host, port, err := cfg.Endpoint()
	if !d.verbose || cfg.SAProuter == "" || err != nil {
		return
	}
	routers, err := saprouter.ParseRouters(cfg.SAProuter.Reveal())
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.stepTimeout)
	defer cancel()
	to := d.facts(rfc.StepRoute)
	for _, h := range (&saprouter.Dialer{Routers: routers, Dial: cfg.DialContext}).Probe(ctx, net.JoinHostPort(host, port)) {
		state := "not reached"
		if h.Reached {
			state = "reached"
		}
		if h.NIVersion > 0 {
			state += fmt.Sprintf(", NI version %d", h.NIVersion)
		}
		to.add(fmt.Sprintf("hop_%d", h.Hop), h.Address+" "+state)
	}
}

// groupFacts say which group is asked for.
func (d *diagnosis) groupFacts(cfg *destination.Config) {
	to := d.facts(rfc.StepMessageServer)
	if len(*to) > 0 {
		return // it is asked again
	}
	group := cfg.Group
	if group == "" {
		group = msgserver.DefaultGroup
	}
	to.add("group", group)
	to.add("mshost", cfg.MessageServer)
}

func (d *diagnosis) proxyFacts(f *proxy.Facts) {
	to := d.facts(rfc.StepRoute)
	*to = facts{} // of a token that was refused
	to.add("proxy", f.Proxy)
	to.add("protocol", f.Protocol.String())
	to.add("method", f.Method)
	if f.Located {
		to.add("location", "sent")
	}
	if f.Code >= 0 {
		code := fmt.Sprint(f.Code)
		if f.Protocol == proxy.SOCKS5 {
			code = fmt.Sprintf("%d (%s)", f.Code, proxy.Reply(f.Code))
		}
		to.add("reply", code)
	}
	if f.Answer > 0 {
		to.add("answer_ms", millis(f.Answer))
	}
}

func (d *diagnosis) tlsFacts(s *tls.ConnectionState, cfg *destination.Config) {
	to := d.facts(rfc.StepTLS)
	to.add("version", tls.VersionName(s.Version))
	to.add("suite", tls.CipherSuiteName(s.CipherSuite))
	if len(s.PeerCertificates) == 0 {
		return
	}
	leaf := s.PeerCertificates[0]
	to.add("subject", leaf.Subject.String())
	to.add("issuer", leaf.Issuer.String())
	to.add("chain", len(s.PeerCertificates))
	to.add("names", names(leaf))
	to.add("expires", leaf.NotAfter.UTC().Format(time.DateOnly))
	if cfg.WebSocket.TrustAll {
		to.add("verified", "no (jco.client.tls_trust_all=1)")
	} else {
		to.add("verified", "yes")
	}
	if left := time.Until(leaf.NotAfter); left < 30*24*time.Hour {
		step := d.steps[rfc.StepTLS]
		step.Warnings = append(step.Warnings, fmt.Sprintf("the certificate of the server expires in %d days", int(left.Hours()/24)))
	}
}

// names are those that a certificate is for, a few of them.
func names(c *x509.Certificate) []string {
	list := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return list[:min(len(list), 8)]
}

// Hints of these steps.

func routeHint(err error) string {
	if e, ok := errors.AsType[*proxy.Error](err); ok {
		switch e.Phase {
		case proxy.PhaseAuth, proxy.PhaseToken:
			return "the token comes from the connectivity service: fetch a new one; its client has to belong to the subaccount of the proxy"
		case proxy.PhaseMethod:
			return "with a token use -p go.proxy.token='${env:NAME}'; a proxy in trusted mode wants none (go.proxy.auth=none)"
		case proxy.PhaseConnect, proxy.PhaseDial:
			return "in the Cloud Connector: a mapping with protocol TCP for exactly this virtual host and port, the resource available, the subaccount connected"
		}
	}
	if _, ok := errors.AsType[*wsrfc.Error](err); ok {
		return "the HTTP proxy in front of the system decides: jco.client.proxy_user, jco.client.proxy_passwd and its rules for CONNECT"
	}
	return "the SAProuter named above decides: see its permission table and the passwords of the route; names behind the first router are those of its network"
}

func tlsHint(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "trust store"):
		return "give the authority that signed the certificate: -p TrustStoreLocation=ca.pem"
	case strings.Contains(text, "jco.client.wshost must be"):
		return "call the system by a name of its certificate, or let it have one for this name"
	case strings.Contains(text, "key store"):
		return "give the own certificate and key: -p KeyStoreLocation=me.p12 -p KeyStorePassword='${env:NAME}'"
	case strings.Contains(text, "(HTTP 404"):
		return "no WebSocket RFC at that path: transaction SICF, node /sap/bc/rfc; is it an ABAP system of release 1909 or later?"
	case strings.Contains(text, "(HTTP 403"):
		return "the ICF node or an authorization forbids it; WebSocket RFC also needs the UCON allow list"
	}
	return "is wsport the HTTPS port of the ICM or web dispatcher (often 443NN), not 33NN of the gateway?"
}

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/ni"
)

// Protocol is what a proxy speaks.
type Protocol uint8

// The protocols.
const (
	SOCKS5 Protocol = iota
	HTTPConnect
)

// String names the protocol.
func (p Protocol) String() string {
	switch p {
	case SOCKS5:
		return "SOCKS5"
	case HTTPConnect:
		return "HTTP"
	}
	return fmt.Sprintf("Protocol(%d)", uint8(p))
}

// Dialer reaches targets through a proxy. Its DialContext has the form of net.Dialer's, so
// that it can stand wherever a network may be replaced. It is safe for concurrent use as long
// as its fields are left alone.
//
//	d := proxy.Dialer{Address: "connectivityproxy.internal.cf.example.com:20004", Tokens: tokens, Location: "plant-7"}
//	nc, err := d.DialContext(ctx, "tcp", "sales.virtual:3300")
type Dialer struct {
	// Address is host:port of the proxy.
	Address string
	// Protocol is SOCKS5, the default, or HTTPConnect.
	Protocol Protocol
	// Tokens proves who is calling: method 0x80 of SOCKS5, a bearer token of HTTP. Nil: method
	// 0x00, as a proxy in trusted mode wants it; for HTTP see User.
	Tokens TokenSource
	// Location is the id of the Cloud Connector, at most MaxLocation bytes. Default: the one
	// that was connected without an id. SOCKS5 with Tokens only.
	Location string
	// User and Password are sent as HTTP Basic. HTTPConnect without Tokens only.
	User     string
	Password Secret
	// Dial connects to the proxy. Default: net.Dialer with keepalive.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout is how long the proxy may take for its answers together. Default DefaultTimeout.
	Timeout time.Duration
	// Done, if set, is told about each attempt: the facts as far as it got, and why it failed.
	// It must not block.
	Done func(Facts, error)
}

// Facts say what happened on the way to a target.
type Facts struct {
	// Proxy is its address, Remote the one of the connection.
	Proxy, Remote string
	Protocol      Protocol
	// Method is how this side proved who it is: "token", "password" or "none"; of SOCKS5 what
	// the proxy agreed to. Empty if it did not come to that.
	Method string
	// Located says that a location id was sent.
	Located bool
	// Code is the answer to CONNECT, a Reply or an HTTP status; -1 if there was none.
	Code int
	// Answer is the time from the first request to the last answer.
	Answer time.Duration
}

// Validate reports all problems of the fields at once, before anything is sent.
func (d *Dialer) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if host, port, err := net.SplitHostPort(d.Address); err != nil || host == "" || !isPort(port) {
		add("proxy address %.64q: host:port required", d.Address)
	}
	switch d.Protocol {
	case SOCKS5:
		if d.User != "" || d.Password != "" {
			add("user and password go with HTTP CONNECT; the SOCKS5 proxy wants a token")
		}
	case HTTPConnect:
		if d.Tokens != nil && d.User != "" {
			add("token and user: exactly one of them proves who is calling")
		}
		if d.User == "" && d.Password != "" {
			add("a password of the proxy without a user")
		}
		if i := strings.IndexByte(d.User, ':'); i >= 0 {
			add("the user of the proxy has a colon at position %d, which HTTP Basic cannot carry", i+1)
		}
	default:
		add("%s: SOCKS5 or HTTPConnect required", d.Protocol)
	}
	if d.Location != "" && (d.Protocol != SOCKS5 || d.Tokens == nil) {
		add("a location id goes with SOCKS5 and a token")
	}
	if len(d.Location) > MaxLocation {
		add("location id: %d bytes, at most %d", len(d.Location), MaxLocation)
	}
	if t, fixed := d.Tokens.(Secret); fixed {
		if err := checkToken(t.Reveal()); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{kind: kindConfig, Proxy: d.Address, Protocol: d.Protocol, Code: -1, Text: "it cannot be used", Err: errors.Join(errs...)}
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// checkToken refuses what is no JWT in compact form. It shows nothing of it.
func checkToken(token string) error {
	const prefix = "bearer "
	switch {
	case token == "":
		return errors.New("the token is empty")
	case len(token) > MaxToken:
		return fmt.Errorf("the token has %d bytes, at most %d", len(token), MaxToken)
	case len(token) >= len(prefix) && strings.EqualFold(token[:len(prefix)], prefix):
		return errors.New(`the token begins with "Bearer", which does not belong to it`)
	}
	if i := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return fmt.Errorf("the token has a character at position %d that no token has", i+1)
	}
	return nil
}

// DialContext connects to the proxy and goes on to address, host:port, which is known to the
// proxy and not looked up here. The network is "tcp". Every step obeys ctx; the error is an
// *Error.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	token, err := d.token(ctx)
	if err != nil {
		return nil, d.told(d.facts(), err)
	}
	nc, err := d.attempt(ctx, network, address, token)
	if again, ok := d.Tokens.(forgetter); ok && tokenRefused(err) {
		again.Forget(token)
		next, terr := d.token(ctx)
		if terr != nil || next == token {
			return nil, err
		}
		return d.attempt(ctx, network, address, next)
	}
	return nc, err
}

func tokenRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.refusedToken
}

// attempt is one connection to the proxy with a token, if it needs one. That comes first: a
// connection that waits for it would be closed by the proxy.
func (d *Dialer) attempt(ctx context.Context, network, address, token string) (net.Conn, error) {
	facts := d.facts()
	dial := d.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext
	}
	nc, err := dial(ctx, network, d.Address)
	if err != nil {
		return nil, d.told(facts, d.named(&Error{kind: kindOf(err), Phase: PhaseDial, Code: -1, Text: "not reached", Err: err}))
	}
	err = d.travel(ctx, nc, address, token, &facts)
	if d.told(facts, err) != nil {
		return nil, err
	}
	return nc, nil
}

// told tells Done about an attempt.
func (d *Dialer) told(f Facts, err error) error {
	if d.Done != nil {
		d.Done(f, err)
	}
	return err
}

func (d *Dialer) facts() Facts {
	return Facts{Proxy: d.Address, Protocol: d.Protocol, Code: -1}
}

func (d *Dialer) named(e *Error) *Error {
	e.Proxy, e.Protocol = d.Address, d.Protocol
	return e
}

// token asks for one; empty if none is needed.
func (d *Dialer) token(ctx context.Context) (string, error) {
	if d.Tokens == nil {
		return "", nil
	}
	token, err := d.Tokens.Token(ctx)
	if err != nil {
		return "", d.named(&Error{kind: kindOf(err), Phase: PhaseToken, Code: -1, Text: "no token for the proxy", Err: err})
	}
	if err := checkToken(token); err != nil {
		return "", d.named(&Error{kind: kindConfig, Phase: PhaseToken, Code: -1, Text: "the source of tokens gave none that can be sent", Err: err})
	}
	return token, nil
}

// Connect asks the proxy behind nc for the way to address, and waits for its answer. Behind it
// nc is the connection to the target: no byte of that has been read. On an error, an *Error, nc
// is closed. A refused token is not tried again; Dial and Done of the Dialer are not used.
func (d *Dialer) Connect(ctx context.Context, nc net.Conn, address string) (Facts, error) {
	facts := d.facts()
	err := d.Validate()
	var token string
	if err == nil {
		token, err = d.token(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return facts, err
	}
	return facts, d.travel(ctx, nc, address, token, &facts)
}

func (d *Dialer) travel(ctx context.Context, nc net.Conn, address, token string, facts *Facts) error {
	if a := nc.RemoteAddr(); a != nil {
		facts.Remote = a.String()
	}
	t, err := parseTarget(address)
	if err != nil {
		_ = nc.Close()
		return d.named(&Error{kind: kindConfig, Phase: PhaseConnect, Code: -1, Text: "the target", Err: err})
	}
	timeout := d.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	start := time.Now()
	phase := PhaseConnect
	err = bound(ctx, nc, timeout, func() error {
		if d.Protocol == HTTPConnect {
			return d.http(nc, t, token, facts)
		}
		return d.socks(nc, t, token, facts, &phase)
	})
	facts.Answer = time.Since(start)
	if err == nil {
		return nil
	}
	_ = nc.Close()
	return d.named(lost(err, phase))
}

// target is what a proxy connects to.
type target struct {
	host string
	port uint16
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

func parseTarget(address string) (target, error) {
	host, port, err := net.SplitHostPort(address)
	n, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || host == "":
		return target{}, errors.New("host:port required")
	case perr != nil || n == 0:
		return target{}, fmt.Errorf("port %.16q: 1-65535 required; the proxy knows no names of services", port)
	case len(host) > MaxHost:
		return target{}, fmt.Errorf("host name of %d bytes, at most %d", len(host), MaxHost)
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || slices.Contains([]byte(host), '@'):
		return target{}, errors.New("the host name has a character that no host name has")
	}
	return target{host, uint16(n)}, nil
}

// bound runs an exchange on nc that ends with ctx or after a time limit. Behind a success nc
// has no deadline.
func bound(ctx context.Context, nc net.Conn, limit time.Duration, exchange func() error) error {
	if ctx.Err() != nil {
		return &ni.ContextError{Cause: context.Cause(ctx), Err: ctx.Err()}
	}
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err := exchange()
	if !stop() { // the connection is of no use any more
		return &ni.ContextError{Cause: context.Cause(ctx), Err: errors.Join(ctx.Err(), err)}
	}
	if err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

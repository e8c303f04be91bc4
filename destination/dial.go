package destination

import (
	"context"
	"net"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/wsrfc"
)

// Trace is told about the steps of Dial as they happen. All functions are optional; they
// run in the goroutine that dials and must not block.
type Trace struct {
	// Start announces a step: message server, dns, tcp, proxy or route, then ni and gateway, or
	// tls and upgrade for WebSocket RFC, whose proxy comes behind tcp as well, and logon. With a
	// logon group those up to route may come again, for another server; with a tunnel those up to
	// proxy, for another token.
	Start func(step rfc.Step)
	// Done ends it; err is nil when it worked.
	Done func(step rfc.Step, err error)
	// Resolved gives the addresses behind the host name.
	Resolved func(addresses []string)
	// Connected gives the connection of the step tcp; it may return another one to go on
	// with, for example one that records what passes.
	Connected func(c net.Conn) net.Conn
	// Routed tells of the way through SAProuters, as far as it got.
	Routed func(f saprouter.Facts)
	// Proxied tells of the way through the proxy of a tunnel, as far as it got.
	Proxied func(f proxy.Facts)
	// Tunnelled gives the connection behind that proxy, on which the gateway is the partner; it
	// may return another one to go on with.
	Tunnelled func(c net.Conn) net.Conn
	// Named tells which server of a logon group a message server has named.
	Named func(server, group string, target msgserver.Target)
	// Selected tells which server of a logon group was taken, once it is connected.
	Selected func(p msgserver.Pick)
	// Conversation gives the set-up conversation behind the step gateway, Upgraded the one behind
	// the step upgrade.
	Conversation func(c *cpic.Conn)
	Upgraded     func(c *wsrfc.Conn)
}

type traceKey struct{}

// WithTrace makes Dial report its steps to t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

func (t *Trace) start(step rfc.Step) {
	if t != nil && t.Start != nil {
		t.Start(step)
	}
}

func (t *Trace) done(step rfc.Step, err error) {
	if t != nil && t.Done != nil {
		t.Done(step, err)
	}
}

// Dial opens one connection and logs on. Every step obeys ctx. The error is an *rfc.Error
// that names the step; a refused logon is never repeated.
func Dial(ctx context.Context, cfg Config) (*rfc.Conn, error) {
	if ctx == nil {
		return nil, &rfc.Error{Class: rfc.ClassState, Step: rfc.StepConfig, Outcome: rfc.NotSent, Message: "nil context"}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t, _ := ctx.Value(traceKey{}).(*Trace)
	var ws *wsrfc.Config
	if cfg.WebSocket.Host != "" {
		var err error
		if ws, err = cfg.webSocket(); err != nil {
			return nil, failed(cfg.Name, err)
		}
		cfg.WebSocket.Proxy = ws.Proxy
	}
	nc, reached, err := cfg.connect(ctx, t)
	if err != nil {
		return nil, err
	}
	cfg = *reached
	limit := cfg.LogonTimeout
	if limit <= 0 {
		limit = DefaultLogonTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	d := dialling{&cfg, t, nc}
	var conv rfc.Conversation
	if ws != nil {
		conv, err = d.upgrade(ctx, ws)
	} else {
		conv, err = d.converse(ctx)
	}
	if err != nil {
		return nil, err
	}
	cfg.tellClear(ctx)
	t.start(rfc.StepLogon)
	late := new(lateSource)
	functions := cfg.Functions
	if functions == nil {
		functions = late
	}
	conn, err := rfc.Open(ctx, conv, rfc.ConnConfig{
		Logon: cfg.logon(), Destination: cfg.Name, Program: cfg.Program, Host: cfg.Host, Functions: functions,
		Callbacks: cfg.Callbacks, AllowNonUnicode: cfg.AllowNonUnicode, BigEndian: cfg.BigEndian, NoDelta: cfg.NoDelta, CallTimeout: cfg.CallTimeout, Values: cfg.Values,
		Format: cfg.Format, WAN: cfg.WAN, Limits: cfg.Limits, Random: cfg.Random, Permit: cfg.permit(),
	})
	t.done(rfc.StepLogon, err)
	if err != nil {
		return nil, err
	}
	// The repository of a single connection asks over the connection itself.
	late.Repository = repository.New(conn, cfg.Repository.options()...)
	return conn, nil
}

// dialling is a connection on its way to a conversation.
type dialling struct {
	cfg   *Config
	trace *Trace
	nc    net.Conn
}

// converse makes a conversation of a connection to a gateway.
func (d *dialling) converse(ctx context.Context) (*cpic.Conn, error) {
	t := d.trace
	step := rfc.StepNI
	t.start(step)
	conv, err := cpic.Open(ctx, d.nc, d.cfg.cpic(func(done string) {
		if done == string(rfc.StepNI) {
			t.done(rfc.StepNI, nil)
			step = rfc.StepGateway
			t.start(step)
		}
	}))
	if err != nil {
		e := rfc.SetupError(err, step)
		e.Address, e.Destination = addressOf(d.nc), d.cfg.Name
		if step == rfc.StepNI && e.Step == rfc.StepGateway { // it answered, to refuse
			t.done(step, nil)
			step = rfc.StepGateway
			t.start(step)
		}
		t.done(step, e)
		return nil, e
	}
	t.done(rfc.StepGateway, nil)
	if t != nil && t.Conversation != nil {
		t.Conversation(conv)
	}
	return conv, nil
}

// lateSource stands for a repository that needs the connection it belongs to; a logon asks
// for no description, so that it is there in time.
type lateSource struct{ *repository.Repository }

func addressOf(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

package destination

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

// Trace is told about the steps of Dial as they happen. All functions are optional; they
// run in the goroutine that dials and must not block.
type Trace struct {
	// Start announces a step: dns, tcp, ni, gateway, logon.
	Start func(step rfc.Step)
	// Done ends it; err is nil when it worked.
	Done func(step rfc.Step, err error)
	// Resolved gives the addresses behind the host name.
	Resolved func(addresses []string)
	// Connected gives the connection of the step tcp; it may return another one to go on
	// with, for example one that records what passes.
	Connected func(c net.Conn) net.Conn
	// Conversation gives the set-up conversation behind the step gateway.
	Conversation func(c *cpic.Conn)
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
	nc, err := cfg.connect(ctx, t)
	if err != nil {
		return nil, err
	}
	limit := cfg.LogonTimeout
	if limit <= 0 {
		limit = DefaultLogonTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	step := rfc.StepNI
	t.start(step)
	conv, err := cpic.Open(ctx, nc, cfg.cpic(func(done string) {
		if done == string(rfc.StepNI) {
			t.done(rfc.StepNI, nil)
			step = rfc.StepGateway
			t.start(step)
		}
	}))
	if err != nil {
		e := rfc.SetupError(err, step)
		e.Address, e.Destination = addressOf(nc), cfg.Name
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
	t.start(rfc.StepLogon)
	late := new(lateSource)
	functions := cfg.Functions
	if functions == nil {
		functions = late
	}
	conn, err := rfc.Open(ctx, conv, rfc.ConnConfig{
		Logon: cfg.logon(), Destination: cfg.Name, Program: cfg.Program, Host: cfg.Host, Functions: functions,
		Callbacks: cfg.Callbacks, AllowNonUnicode: cfg.AllowNonUnicode, BigEndian: cfg.BigEndian, NoDelta: cfg.NoDelta, CallTimeout: cfg.CallTimeout, Values: cfg.Values,
		Format: cfg.Format, WAN: cfg.WAN, Limits: cfg.Limits, Random: cfg.Random,
	})
	t.done(rfc.StepLogon, err)
	if err != nil {
		return nil, err
	}
	// The repository of a single connection asks over the connection itself.
	late.Repository = repository.New(conn)
	return conn, nil
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

// connect resolves and dials.
func (c *Config) connect(ctx context.Context, t *Trace) (net.Conn, error) {
	limit := c.DialTimeout
	if limit <= 0 {
		limit = DefaultDialTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	host, port, err := c.Endpoint()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, port)
	fail := func(step rfc.Step, err error) error {
		e := rfc.SetupError(err, step)
		e.Step, e.Address, e.Destination, e.Outcome = step, address, c.Name, rfc.NotSent
		switch {
		case e.Class == rfc.ClassOther:
			e.Class = rfc.ClassCommunication
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
			e.Class, e.Key = rfc.ClassResource, "RFC_RESOURCE" // fault F-06
		}
		e.Message = fmt.Sprintf("partner '%s' not reached: %s", address, reason(err))
		t.done(step, e)
		return e
	}
	dial := c.DialContext
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

// reason shortens a network error and adds what usually helps.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return err.Error() + "; a firewall or a wrong address swallows the connection"
	}
	var d *net.DNSError
	if errors.As(err, &d) {
		return err.Error()
	}
	return err.Error() + "; is it port 33NN of the gateway, not 32NN of the dispatcher?"
}

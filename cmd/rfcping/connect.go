package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

const (
	defaultStepTimeout = 20 * time.Second
	// maxPasswordFile bounds what is read of a password file, in bytes.
	maxPasswordFile = 4096
)

// startEmbedded runs the built-in system. Its password is new each time: others on this
// machine can reach the port, too.
func (a *app) startEmbedded(ctx context.Context, s *settings, c *connection) error {
	password := rfc.Secret(rand.Text())
	rc := rfctest.Config{User: rfctest.DefaultUser, Password: password}
	if c.via == "ws" {
		rc.WebSocketAddress = rfctest.DefaultAddress
	}
	sys, err := rfctest.Start(context.WithoutCancel(ctx), rc)
	if err != nil {
		return err
	}
	s.system = sys
	host, port := sys.Addr()
	s.cfg = destination.Config{
		ApplicationServer: host, SystemNumber: "00", GatewayService: port, Client: rfctest.DefaultClient,
		User: rfctest.DefaultUser, Password: password, Language: "EN",
	}
	if take := roads[c.via]; take != nil {
		if err := take(context.WithoutCancel(ctx), s); err != nil {
			return err
		}
	}
	p := s.cfg.Properties()
	for key, value := range p.All() {
		from := "built-in"
		if key == destination.KeyPasswd || key == destination.KeyTunnelToken {
			from = "random"
		}
		p.SetFrom(key, value, destination.Source{Name: from})
	}
	if c.noLogon {
		p = withoutLogon(p, destination.KeyTunnelToken)
	}
	s.limits(&p)
	if s.cfg, s.effective, err = destination.ParseProperties("", p); err != nil {
		return err
	}
	s.setFacts()
	if c.via == "" {
		s.facts.add("endpoint", sys.Address()+" (port the built-in system got)")
	} else {
		s.facts.add("via", c.via)
		s.facts.add("system", sys.Address()+" (port the built-in system got)")
	}
	s.limitFacts()
	s.finish(a, c)
	return nil
}

// password reads the password from where the flags say, else, for a user without one, from a
// prompt. What the user typed behind --password-env may be the password itself, so an error
// does not repeat it.
func (a *app) password(ctx context.Context, c *connection, user string) (password rfc.Secret, from destination.Source, err error) {
	none := destination.Source{}
	switch {
	case c.passwordEnv != "" && c.passwordFile != "":
		return "", none, errors.New("--password-env and --password-file: give one of them")
	case c.passwordEnv != "":
		v, ok := a.env(c.passwordEnv)
		if !ok || v == "" {
			return "", none, errors.New("--password-env: the environment variable it names is not set or empty (the name is not repeated here, it could be the password itself)")
		}
		return rfc.Secret(v), destination.Source{Origin: destination.FromEnvironment}, nil
	case c.passwordFile != "":
		v, err := readPassword(c.passwordFile)
		return v, destination.Source{Origin: destination.FromFile}, err
	case user == "":
		return "", none, nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(a.in) {
		return "", none, errors.New("password: a user was given, but neither --password-env VAR nor --password-file FILE, and there is no terminal to ask on")
	}
	if _, err := fmt.Fprintf(a.err, "Password of %s: ", printable(user)); err != nil {
		return "", none, err
	}
	// An interrupt must not leave the terminal without echo.
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", none, fmt.Errorf("password: %w", err)
	}
	b, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
	_, _ = io.WriteString(a.err, "\n")
	if err != nil {
		_ = term.Restore(int(f.Fd()), before)
		return "", none, fmt.Errorf("password: %w", err)
	}
	if len(b) == 0 {
		return "", none, errors.New("password: nothing was typed")
	}
	return rfc.Secret(b), destination.Source{Name: "prompt"}, nil
}

// interruptible runs a read that knows no context. When ctx ends first the read goes on; the
// process is about to end then.
func interruptible(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := read()
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, &exitError{code: exitInterrupted, err: errors.New("interrupted")}
	}
}

func readPassword(path string) (rfc.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPasswordFile))
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("--password-file: the first line of %s is empty", path)
	}
	return rfc.Secret(line), nil
}

// session is a connection with its surroundings, for the commands that call.
type session struct {
	conn      *rfc.Conn
	functions *lookup
	settings  *settings
	recording *recording
	ctx       context.Context //nolint:containedctx // the limit of the whole run
	cancel    context.CancelFunc
}

// open connects and logs on, without reporting steps.
func (a *app) open(ctx context.Context, cmd *cobra.Command, c *connection) (_ *session, err error) {
	s, err := a.resolve(ctx, cmd, c)
	o := &session{settings: s, cancel: func() {}}
	defer func() {
		if err != nil {
			err = a.finish(ctx, o, err)
		}
	}()
	if err != nil {
		return nil, withHint(rfc.StepConfig, err)
	}
	if a.verbose {
		for _, w := range s.warnings(false) {
			_, _ = fmt.Fprintln(a.err, "rfcping: warning: "+printable(w))
		}
	}
	if o.recording, err = record(c.record); err != nil {
		return nil, err
	}
	o.ctx = ctx
	if s.timeout > 0 {
		o.ctx, o.cancel = context.WithTimeoutCause(ctx, s.timeout, &timeoutError{"the run", s.timeout, "--timeout"})
	}
	o.functions = new(lookup)
	s.cfg.Functions = o.functions
	w := newWatch(o.ctx, s.stepTimeout)
	defer w.stop()
	step := rfc.StepTCP
	trace := &destination.Trace{
		Start:     func(st rfc.Step) { step = st; w.start(string(st)) },
		Connected: o.recording.tap,
	}
	conn, err := destination.Dial(destination.WithTrace(w.ctx, trace), s.cfg)
	if err != nil {
		return nil, withHint(step, err)
	}
	o.conn = conn
	o.functions.use(conn)
	s.cfg.Password = ""
	return o, nil
}

// close ends everything; it reports a recording that is not complete.
func (o *session) close(ctx context.Context) error {
	o.cancel()
	if o.conn != nil {
		_ = o.conn.Close()
	}
	o.settings.close()
	if o.recording == nil {
		return nil
	}
	return o.recording.close(ctx)
}

// finish closes a session. An error of the command itself wins over one of the recording,
// which is then only reported.
func (a *app) finish(ctx context.Context, o *session, err error) error {
	closing := o.close(ctx)
	if err == nil {
		return closing
	}
	if closing != nil {
		a.complain(closing)
	}
	return err
}

// watch is a context whose time limit starts anew with each step.
type watch struct {
	ctx    context.Context //nolint:containedctx // it exists to be handed out
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

func (w *watch) start(step string) {
	w.pause()
	w.timer = time.AfterFunc(w.limit, func() { w.cancel(&timeoutError{"step " + step, w.limit, "--step-timeout"}) })
}

func (w *watch) pause() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) stop() {
	w.pause()
	w.cancel(nil)
}

// lookup describes function modules over the connection they are called on, and remembers
// what it asked. One goroutine uses it.
type lookup struct {
	repository *repository.Repository
	conn       rfc.Caller
	asked      []string // modules that answered, in order, without repetition
	missing    []string // modules that did not
}

func (l *lookup) use(conn *rfc.Conn) {
	l.conn = conn
	l.repository = repository.New(l)
}

// Function implements rfc.FunctionSource.
func (l *lookup) Function(ctx context.Context, name string) (*metadata.Function, error) {
	return l.repository.Function(ctx, name)
}

// Call implements rfc.Caller for the repository.
func (l *lookup) Call(ctx context.Context, function string, in any, opts ...rfc.Option) (*rfc.Response, error) {
	res, err := l.conn.Call(ctx, function, in, opts...)
	list := &l.asked
	if err != nil {
		list = &l.missing
	}
	if slices.Contains(*list, function) {
		return res, err
	}
	*list = append(*list, function)
	return res, err
}

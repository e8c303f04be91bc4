package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
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

// connection are the flags that say where to and as whom.
type connection struct {
	embedded                                          bool
	ashost, sysnr, gwhost, gwserv, client, user, lang string
	passwordEnv, passwordFile                         string
	timeout, stepTimeout                              time.Duration
	record                                            string
	noLogon                                           bool
}

// key is a setting that a flag or the environment may give.
type key struct {
	flag, jco, help string
	value           *string
}

func (c *connection) keys() []key {
	return []key{
		{"ashost", "jco.client.ashost", "application server, as seen inside the SAP network", &c.ashost},
		{"sysnr", "jco.client.sysnr", "system number, two digits", &c.sysnr},
		{"gwhost", "jco.client.gwhost", "gateway host that is dialled (default: ashost)", &c.gwhost},
		{"gwserv", "jco.client.gwserv", "gateway service sapgwNN or port (default: sapgw and sysnr, port 33NN)", &c.gwserv},
		{"client", "jco.client.client", "client, three digits", &c.client},
		{"user", "jco.client.user", "user; without one the logon is anonymous", &c.user},
		{"lang", "jco.client.lang", "logon language, ISO or SAP key (default: that of the system)", &c.lang},
	}
}

// variable is the environment variable that stands in for a flag.
func (k key) variable() string { return "RFCPING_" + strings.ToUpper(k.flag) }

func (a *app) connectionFlags(cmd *cobra.Command, c *connection) {
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&c.embedded, "embedded", false, "start the built-in system on loopback and use it")
	for _, k := range c.keys() {
		f.StringVar(k.value, k.flag, "", k.help+"; "+k.jco+", $"+k.variable())
	}
	f.StringVar(&c.passwordEnv, "password-env", "", "environment variable that holds the password")
	f.StringVar(&c.passwordFile, "password-file", "", "file whose first line is the password")
	f.DurationVar(&c.timeout, "timeout", 0, "limit of the whole run, for example 30s (default none)")
	f.DurationVar(&c.stepTimeout, "step-timeout", defaultStepTimeout, "limit of each step and each call")
	f.StringVar(&c.record, "record", "", "record the NI frames into FILE.pcapng or FILE.jsonl, secrets masked")
	_ = cmd.MarkFlagFilename("password-file")
	_ = cmd.MarkFlagFilename("record", "pcapng", "jsonl")
	for _, name := range []string{"ashost", "sysnr", "gwhost", "gwserv", "client", "user", "lang", "password-env", "timeout", "step-timeout"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

// settings is a checked connection.
type settings struct {
	cfg         destination.Config
	facts       facts
	stepTimeout time.Duration
	timeout     time.Duration
	system      *rfctest.System // of --embedded
}

func (s *settings) close() {
	if s.system != nil {
		_ = s.system.Close()
	}
}

// resolve makes settings of flags and environment. The facts are those of the step config;
// they are there even with an error.
func (a *app) resolve(ctx context.Context, cmd *cobra.Command, c *connection) (*settings, error) {
	s := &settings{stepTimeout: c.stepTimeout, timeout: c.timeout}
	var errs []error
	if c.stepTimeout <= 0 {
		errs = append(errs, fmt.Errorf("--step-timeout: %v, a positive duration is required, for example 5s", c.stepTimeout))
	}
	if c.timeout < 0 {
		errs = append(errs, fmt.Errorf("--timeout: %v, 0 (no limit) or a positive duration is required", c.timeout))
	}
	if c.embedded {
		for _, k := range c.keys() {
			if cmd.Flags().Changed(k.flag) {
				errs = append(errs, fmt.Errorf("--%s and --embedded: the built-in system has its own settings; give one of them", k.flag))
			}
		}
		if c.passwordEnv != "" || c.passwordFile != "" {
			errs = append(errs, errors.New("--password-env, --password-file and --embedded: the built-in system has a password of its own"))
		}
		if err := errors.Join(errs...); err != nil {
			return s, usageError("%w", err)
		}
		return s, a.startEmbedded(ctx, s, c)
	}
	source := map[string]string{}
	for _, k := range c.keys() {
		if cmd.Flags().Changed(k.flag) {
			source[k.flag] = "flag"
		} else if v, ok := a.env(k.variable()); ok && v != "" {
			*k.value, source[k.flag] = v, "environment"
		}
		if from := source[k.flag]; from != "" {
			s.facts.add(k.flag, fmt.Sprintf("%s (%s)", *k.value, from))
		}
	}
	s.cfg = destination.Config{
		ApplicationServer: c.ashost, SystemNumber: c.sysnr, Gateway: c.gwhost, GatewayService: c.gwserv,
		Client: c.client, User: c.user, Language: c.lang,
	}
	if c.noLogon {
		// What is not there cannot leave.
		s.cfg.User = ""
		s.facts.add("password", "not read (--no-logon)")
	} else {
		password, from, err := a.password(ctx, c)
		if ctx.Err() != nil && err != nil {
			return s, err
		}
		if err != nil {
			errs = append(errs, err)
		}
		s.cfg.Password = password
		if from != "" {
			s.facts.add("password", fmt.Sprintf("*** (%s)", from))
		}
		if password != "" && c.user == "" {
			errs = append(errs, errors.New("user (--user, jco.client.user) is missing: a password was given"))
			s.cfg.Password = ""
		}
		if c.user != "" && password == "" {
			s.cfg.User = "" // its absence is reported already
		}
	}
	a.endpointFacts(s, c)
	s.limits()
	if err := s.cfg.Validate(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return s, usageError("%w", err)
	}
	s.cfg.DialContext = a.dial
	return s, nil
}

// endpointFacts says which address is dialled and why.
func (a *app) endpointFacts(s *settings, c *connection) {
	host, port, err := s.cfg.Endpoint()
	if err != nil || host == "" || c.gwserv == "" && len(c.sysnr) != 2 {
		return // the settings are not valid, and the error says why
	}
	why := "ashost"
	if c.gwhost != "" {
		why = "gwhost"
	}
	if c.gwserv != "" {
		why += " and gwserv"
	} else {
		why += ", port 33NN of sysnr"
	}
	s.facts.add("endpoint", fmt.Sprintf("%s (from %s)", net.JoinHostPort(host, port), why))
	s.limitFacts()
}

func (s *settings) limitFacts() {
	s.facts.add("step_timeout", s.stepTimeout.String())
	if s.timeout > 0 {
		s.facts.add("timeout", s.timeout.String())
	}
}

// limits leaves the time limits of the library behind those of the steps.
func (s *settings) limits() {
	s.cfg.DialTimeout = 3 * s.stepTimeout
	s.cfg.LogonTimeout = 4 * s.stepTimeout
	s.cfg.Program = "rfcping"
}

// startEmbedded runs the built-in system. Its password is new each time: others on this
// machine can reach the port, too.
func (a *app) startEmbedded(ctx context.Context, s *settings, c *connection) error {
	password := rfc.Secret(rand.Text())
	sys, err := rfctest.Start(context.WithoutCancel(ctx), rfctest.Config{User: rfctest.DefaultUser, Password: password})
	if err != nil {
		return err
	}
	s.system = sys
	host, port := sys.Addr()
	s.cfg = destination.Config{
		ApplicationServer: host, SystemNumber: "00", GatewayService: port, Client: rfctest.DefaultClient,
		User: rfctest.DefaultUser, Password: password, Language: "EN", DialContext: a.dial,
	}
	s.facts = facts{
		{"ashost", host + " (built-in)"},
		{"sysnr", "00 (built-in)"},
		{"client", s.cfg.Client + " (built-in)"},
		{"user", s.cfg.User + " (built-in)"},
		{"password", "*** (random)"},
		{"lang", "EN (built-in)"},
		{"endpoint", sys.Address() + " (port the built-in system got)"},
	}
	if c.noLogon {
		s.cfg.User, s.cfg.Password = "", ""
	}
	s.limitFacts()
	s.limits()
	return s.cfg.Validate()
}

// password reads the password from where the flags say, and says from where. What the user
// typed behind --password-env may be the password itself, so an error does not repeat it.
func (a *app) password(ctx context.Context, c *connection) (password rfc.Secret, from string, err error) {
	switch {
	case c.passwordEnv != "" && c.passwordFile != "":
		return "", "", errors.New("--password-env and --password-file: give one of them")
	case c.passwordEnv != "":
		v, ok := a.env(c.passwordEnv)
		if !ok || v == "" {
			return "", "", errors.New("--password-env: the environment variable it names is not set or empty (the name is not repeated here, it could be the password itself)")
		}
		return rfc.Secret(v), "environment", nil
	case c.passwordFile != "":
		v, err := readPassword(c.passwordFile)
		return v, "file", err
	case c.user == "":
		return "", "", nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(a.in) {
		return "", "", errors.New("password: a user was given, but neither --password-env VAR nor --password-file FILE, and there is no terminal to ask on")
	}
	if _, err := fmt.Fprintf(a.err, "Password of %s: ", printable(c.user)); err != nil {
		return "", "", err
	}
	// An interrupt must not leave the terminal without echo.
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", "", fmt.Errorf("password: %w", err)
	}
	b, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
	_, _ = io.WriteString(a.err, "\n")
	if err != nil {
		_ = term.Restore(int(f.Fd()), before)
		return "", "", fmt.Errorf("password: %w", err)
	}
	if len(b) == 0 {
		return "", "", errors.New("password: nothing was typed")
	}
	return rfc.Secret(b), "prompt", nil
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

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// The steps that the library does not name, and all of them in their order.
const (
	stepPing    = rfc.Step("ping")
	stepSystem  = rfc.Step("system")
	stepEcho    = rfc.Step("echo")
	stepSerial  = rfc.Step("serializer")
	stepLatency = rfc.Step("latency")
)

var order = []rfc.Step{
	rfc.StepConfig, rfc.StepMessageServer, rfc.StepDNS, rfc.StepTCP, rfc.StepRoute, rfc.StepTLS, rfc.StepNI, rfc.StepGateway, rfc.StepLogon, stepPing, stepSystem, rfc.StepMetadata, stepEcho, stepSerial, stepLatency, stepPool,
}

// echoFunction is what the steps metadata and echo use: every system has it, and unlike
// RFC_PING it is never exempt from the authorization check.
const echoFunction = "STFC_CONNECTION"

// errStopped is the cause of a context that ended because no logon was asked for.
var errStopped = errors.New("stopped before the logon (--no-logon)")

// diagnosis is one run of the steps.
type diagnosis struct {
	*app
	connection *connection
	count      int
	parallel   int // connections of the step pool
	// parallelAsked: somebody wants it, destination or not.
	parallelAsked bool
	peak          int // what its pool allows, 0: anything
	pool          *destination.Destination

	report  report
	steps   map[rfc.Step]*step
	printed int // steps of order that were written
	begun   time.Time
	failure error

	settings *settings
	conn     *rfc.Conn
	formats  rfc.Formats // that the partner reads beyond the classic one
	lookup   *lookup
}

func (d *diagnosis) run(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if cmd.Flags().Changed("dest") {
			return usageError("%s and --dest %s: give one of them", printable(args[0]), printable(d.connection.dest))
		}
		d.connection.dest, d.connection.argument = args[0], true
	}
	d.parallelAsked = cmd.Flags().Changed("parallel")
	ctx := cmd.Context()
	version, _, _ := moduleVersion()
	d.report = report{Version: documentVersion, Program: "rfcping " + version, Target: facts{}}
	d.steps = map[rfc.Step]*step{}
	for _, name := range order {
		if name != rfc.StepMessageServer && name != rfc.StepRoute && name != rfc.StepTLS && name != stepPool {
			d.insert(name)
		}
	}
	began := time.Now()
	rec, err := record(d.connection.record)
	if err != nil {
		return err
	}
	d.walk(ctx, cmd, rec)
	if d.conn != nil {
		_ = d.conn.Close()
	}
	if d.pool != nil {
		_ = d.pool.Close(ctx)
	}
	if d.settings != nil {
		d.settings.close()
	}
	recErr := rec.close(ctx)
	code := exitCode(ctx, d.failure)
	if code == exitFine && recErr != nil {
		code = exitUsage
	}
	d.report.OK, d.report.ExitCode = code == exitFine, code
	if d.json {
		err = d.writeJSON(&d.report)
	} else {
		err = d.verdict(code, time.Since(began))
	}
	if d.failure != nil {
		// The step has told it.
		return &exitError{code: code, told: true, err: d.failure}
	}
	return errors.Join(recErr, err)
}

// walk goes through the steps until one fails.
func (d *diagnosis) walk(ctx context.Context, cmd *cobra.Command, rec *recording) {
	if !d.configure(ctx, cmd) {
		return
	}
	run := ctx
	if limit := d.settings.timeout; limit > 0 {
		var cancel context.CancelFunc
		run, cancel = context.WithTimeoutCause(ctx, limit, &timeoutError{"the run", limit, "--timeout"})
		defer cancel()
	}
	if !d.connect(ctx, run, rec) {
		return
	}
	for _, s := range []struct {
		name rfc.Step
		run  func(context.Context, *step) error
	}{
		{stepPing, d.ping}, {stepSystem, d.system}, {rfc.StepMetadata, d.metadata}, {stepEcho, d.echo}, {stepSerial, d.serializer}, {stepLatency, d.latency}, {stepPool, d.poolStep},
	} {
		if why := d.leftOut(s.name); why != "" || d.steps[s.name] == nil {
			if st := d.steps[s.name]; st != nil {
				st.Hint = cmp.Or(st.Hint, why)
			}
			continue
		}
		limit := run
		cancel := context.CancelFunc(func() {})
		if s.name != stepLatency { // it limits each of its calls
			t := d.settings.stepTimeout
			limit, cancel = context.WithTimeoutCause(run, t, &timeoutError{"step " + string(s.name), t, "--step-timeout"})
		}
		d.begin(s.name)
		err := s.run(limit, d.steps[s.name])
		cancel()
		if d.end(ctx, s.name, err) != nil {
			return
		}
	}
	d.skipRest()
}

// leftOut says why a step is not made although those before it were fine.
func (d *diagnosis) leftOut(name rfc.Step) string {
	function := ""
	switch {
	case name == stepLatency && d.count == 0:
		return "left out by -n 0"
	case name == stepPool && d.pool == nil:
		return "left out"
	case name == stepEcho:
		function = echoFunction
	case name == stepSerial:
		function = structureFunction
	}
	if function == "" {
		return ""
	}
	if err := d.settings.cfg.Policy.Check(function); err != nil {
		return "left out: " + printable(err.Error())
	}
	return ""
}

func (d *diagnosis) begin(rfc.Step) { d.begun = time.Now() }

// insert adds a step in its place; not every road has each.
func (d *diagnosis) insert(name rfc.Step) {
	d.steps[name] = &step{Name: string(name), Status: statusSkipped, Facts: facts{}}
	d.report.Steps = d.report.Steps[:0]
	for _, s := range order {
		if d.steps[s] != nil {
			d.report.Steps = append(d.report.Steps, d.steps[s])
		}
	}
}

// end settles a step and writes it, with skipped ones in front of it.
func (d *diagnosis) end(ctx context.Context, name rfc.Step, err error) error {
	s := d.steps[name]
	s.duration = time.Since(d.begun)
	s.Millis = millis(s.duration)
	s.Status = statusOK
	if err != nil {
		s.Status = statusFailed
		s.Error = describeError(err)
		s.Hint = hint(name, err, exitCode(ctx, err))
		d.failure, d.report.Hint = err, s.Hint
	}
	d.printUpTo(name)
	if err != nil {
		d.skipRest()
	}
	return err
}

func (d *diagnosis) printUpTo(name rfc.Step) {
	if name != "" && slices.Index(order, name) < d.printed {
		return // it came again, for another server of a logon group
	}
	for d.printed < len(order) {
		s := order[d.printed]
		d.printed++
		if !d.json && d.steps[s] != nil {
			d.printStep(d.steps[s])
		}
		if s == name {
			return
		}
	}
}

func (d *diagnosis) skipRest() { d.printUpTo("") }

// verdict is the last line.
func (d *diagnosis) verdict(code int, took time.Duration) error {
	if d.quiet {
		return nil
	}
	if code == exitFine {
		n := 0
		for _, s := range d.report.Steps {
			if s.Status == statusOK {
				n++
			}
		}
		return d.line(fmt.Sprintf("\n%d steps ok in %s", n, formatMillis(took)))
	}
	failed := ""
	for _, s := range d.report.Steps {
		if s.Status == statusFailed {
			failed = s.Name
		}
	}
	switch {
	case failed == "":
		return d.line(fmt.Sprintf("\nfailed, exit code %d", code))
	case code == exitInterrupted:
		return d.line(fmt.Sprintf("\ninterrupted in step %s after %s, exit code %d", failed, formatMillis(took), code))
	}
	return d.line(fmt.Sprintf("\nstep %s failed after %s, exit code %d", failed, formatMillis(took), code))
}

// configure is the step config.
func (d *diagnosis) configure(ctx context.Context, cmd *cobra.Command) bool {
	d.begin(rfc.StepConfig)
	var err error
	if d.count < 0 || d.count > maxCount {
		err = usageError("-n: %d, 0 to %d calls", d.count, maxCount)
	}
	if d.parallel < 0 || d.parallel > maxParallel {
		err = errors.Join(err, usageError("-c: %d, 0 to %d connections", d.parallel, maxParallel))
	}
	s, serr := d.resolve(ctx, cmd, d.connection)
	d.settings = s
	d.roadSteps(&s.cfg)
	err = errors.Join(err, serr)
	config := d.steps[rfc.StepConfig]
	config.Facts = append(facts{}, s.facts...)
	config.Warnings, config.extra = s.warnings(d.connection.noLogon), s.lines()
	if d.json {
		config.Facts.add("effective", config.extra)
	}
	host, port, perr := s.cfg.Endpoint()
	t := &d.report.Target
	t.add("embedded", d.connection.embedded)
	t.add("destination", s.cfg.Name)
	t.add("ashost", s.cfg.ApplicationServer)
	t.add("sysnr", s.cfg.SystemNumber)
	if host != "" && perr == nil && (s.cfg.SystemNumber != "" || s.cfg.GatewayService != "" || s.cfg.WebSocket.Host != "") {
		t.add("endpoint", net.JoinHostPort(host, port))
	}
	t.add("mshost", s.cfg.MessageServer)
	t.add("wshost", s.cfg.WebSocket.Host)
	t.add("client", s.cfg.Client)
	t.add("user", s.cfg.User)
	if err == nil && len(port) == 4 && strings.HasPrefix(port, "32") {
		d.steps[rfc.StepConfig].Hint = fmt.Sprintf("port %s is usually the dispatcher; the gateway listens on 33%s", port, port[2:])
	}
	return d.end(ctx, rfc.StepConfig, err) == nil
}

// connect is the steps dns to logon, as the library reports them.
func (d *diagnosis) connect(ctx, run context.Context, rec *recording) bool {
	w := newWatch(run, d.settings.stepTimeout)
	defer w.stop()
	d.lookup = new(lookup)
	cfg := d.settings.cfg
	cfg.Functions = d.lookup
	current := rfc.StepDNS
	d.begin(current)
	stopped := false
	tunnelled := cfg.Tunnel.Kind != "" || cfg.ProxyType == destination.OnPremise
	trace := &destination.Trace{
		Start: func(s rfc.Step) {
			if next := shownAs(s); next == current && s == rfc.StepUpgrade {
				w.start(string(s))
				return // the step goes on
			}
			s = shownAs(s)
			current = s
			if d.steps[s] == nil {
				d.insert(s)
			}
			if s == rfc.StepMessageServer {
				d.groupFacts(&cfg)
			}
			w.start(string(s))
			d.begin(s)
		},
		Resolved: func(addresses []string) { d.steps[rfc.StepDNS].Facts.add("addresses", addresses) },
		Connected: func(nc net.Conn) net.Conn {
			f := &d.steps[rfc.StepTCP].Facts
			f.add("local", nc.LocalAddr().String())
			f.add("remote", nc.RemoteAddr().String())
			if tunnelled {
				return nc // a token comes first
			}
			return rec.tap(nc)
		},
		Tunnelled: rec.tap,
		Done: func(s rfc.Step, err error) {
			w.pause()
			switch {
			case err != nil: // settled below, with what Dial makes of it
			case s == rfc.StepLogon, s == rfc.StepGateway, s == rfc.StepUpgrade: // their facts are not there yet
			case s == rfc.StepTLS: // the upgrade belongs to it
			default:
				if s == rfc.StepNI {
					d.steps[s].Facts.add("answer", cpic.NormalClient.String())
				}
				if s == rfc.StepRoute {
					d.probe(run, &cfg)
				}
				_ = d.end(ctx, shownAs(s), nil)
			}
		},
		Conversation: func(c *cpic.Conn) {
			g := c.Peer().Gateway
			f := &d.steps[rfc.StepGateway].Facts
			f.add("conversation", c.ID())
			f.add("appc_version", int(g.AppcVersion))
			f.add("record_version", int(g.Version))
			f.add("codepage", g.Codepage)
			_ = d.end(ctx, rfc.StepGateway, nil)
			if d.connection.noLogon {
				// A conversation whose context has ended sends nothing any more.
				stopped = true
				w.cancel(errStopped)
				_ = c.Close()
			}
		},
	}
	d.watchRoad(trace, &cfg)
	upgraded := trace.Upgraded
	trace.Upgraded = func(c *wsrfc.Conn) {
		upgraded(c)
		_ = d.end(ctx, rfc.StepTLS, nil)
	}
	if !d.connection.noLogon {
		d.preparePool(d.parallelAsked)
	}
	conn, err := destination.Dial(destination.WithTrace(w.ctx, trace), cfg)
	d.settings.cfg.Password = ""
	if errors.Is(err, errStopped) && current == rfc.StepTLS { // in front of the upgrade
		stopped = true
		_ = d.end(ctx, rfc.StepTLS, nil)
	}
	if stopped {
		if conn != nil {
			_ = conn.Close()
		}
		d.steps[rfc.StepLogon].Hint = "left out by --no-logon"
		d.skipRest()
		return false
	}
	if err != nil {
		if _, dns := errors.AsType[*net.DNSError](err); dns && current == rfc.StepTCP && d.steps[rfc.StepDNS].Status == statusSkipped {
			current = rfc.StepDNS // a network of its own resolves while it dials
		}
		if _, refused := errors.AsType[*cpic.Error](err); refused && current == rfc.StepNI {
			// Who can refuse the first record is a gateway.
			_ = d.end(ctx, rfc.StepNI, nil)
			current = rfc.StepGateway
		}
		if current == rfc.StepRoute {
			d.probe(run, &cfg)
		}
		_ = d.end(ctx, current, err)
		return false
	}
	d.conn = conn
	d.lookup.use(conn)
	d.logonFacts()
	_ = d.end(ctx, rfc.StepLogon, nil)
	return true
}

func (d *diagnosis) logonFacts() {
	f := &d.steps[rfc.StepLogon].Facts
	a, err := d.conn.Attributes()
	if err != nil {
		return
	}
	for _, x := range []struct{ name, value string }{
		{"system", a.SystemID},
		{"instance", a.PartnerHost},
		{"client", a.Client},
		{"user", a.User},
		{"language", a.Language},
		{"release", a.PartnerRelease},
		{"kernel", a.KernelRelease},
		{"partner_codepage", a.PartnerCodepage},
	} {
		f.add(x.name, x.value)
	}
	f.add("bytes_per_char", a.PartnerBytesPerChar)
	f.add("serializer", "classic")
}

func (d *diagnosis) ping(ctx context.Context, s *step) error {
	s.Facts.add("module", "RFC_PING")
	return d.conn.Ping(ctx)
}

func (d *diagnosis) system(ctx context.Context, s *step) error {
	info, err := d.conn.SystemInfo(ctx)
	if err != nil {
		return err
	}
	d.formats = info.Formats()
	for _, x := range []struct{ name, value string }{
		{"RFCPROTO", info.Protocol},
		{"RFCCHARTYP", info.CharType},
		{"RFCINTTYP", info.IntType},
		{"RFCFLOTYP", info.FloatType},
		{"RFCDEST", info.Destination},
		{"RFCHOST", info.Host},
		{"RFCSYSID", info.SystemID},
		{"RFCDATABS", info.Database},
		{"RFCDBHOST", info.DBHost},
		{"RFCDBSYS", info.DBSystem},
		{"RFCSAPRL", info.Release},
		{"RFCMACH", info.Machine},
		{"RFCOPSYS", info.OS},
		{"RFCTZONE", strings.TrimSpace(info.Zone)},
		{"RFCDAYST", info.Daylight},
		{"RFCIPADDR", info.Address},
		{"RFCKERNRL", info.Kernel},
		{"RFCHOST2", info.LongHost},
		{"RFCSI_RESV", info.Reserved},
		{"RFCIPV6ADDR", info.LongAddress},
	} {
		if x.value != "" {
			s.Facts.add(x.name, strings.TrimSpace(x.value))
		}
	}
	return nil
}

func (d *diagnosis) metadata(ctx context.Context, s *step) error {
	f, err := d.lookup.Function(ctx, echoFunction)
	if len(d.lookup.asked) > 0 {
		s.Facts.add("way", d.lookup.asked)
	}
	if len(d.lookup.missing) > 0 {
		s.Facts.add("refused", d.lookup.missing)
	}
	if err != nil {
		return err
	}
	s.Facts.add("module", f.Name)
	s.Facts.add("parameters", len(f.Parameters))
	s.Facts.add("round_trips", int(d.lookup.repository.Stats().Calls))
	if len(d.lookup.missing) > 0 {
		s.Hint = "RFC_METADATA_GET did not answer, older modules did: more round trips for each new module; grant S_RFC for the function group RFC_METADATA"
	}
	return nil
}

// echoTexts are what the step echo sends. None ends with blanks, which CHAR does not keep.
var echoTexts = []struct {
	name, text string
	unicode    bool // needs a Unicode partner
}{
	{"ascii", "The quick brown fox 0123456789 !\"#$%&'()*+,-./:;<=>?@[]^_{|}~", false},
	{"umlauts", "ÄÖÜäöüß ÀÉÎñøÿ", false},
	{"cjk", "日本語 中文 한국어", true},
	{"surrogates", "𝄞 😀 𠮷", true},
}

func (d *diagnosis) echo(ctx context.Context, s *step) error {
	type in struct {
		Text string `rfc:"REQUTEXT"`
	}
	type out struct {
		Echo string `rfc:"ECHOTEXT"`
		Resp string `rfc:"RESPTEXT"`
	}
	a, err := d.conn.Attributes()
	if err != nil {
		return err
	}
	for _, t := range echoTexts {
		if t.unicode && a.PartnerBytesPerChar == 1 {
			s.Facts.add(t.name, "not sent: the partner is no Unicode system")
			continue
		}
		got, err := rfc.Call[out](ctx, d.conn, echoFunction, in{Text: t.text})
		if err != nil {
			s.Facts.add(t.name, "failed")
			return err
		}
		if got.Echo != t.text {
			s.Facts.add(t.name, "differs")
			return &mismatch{name: t.name, sent: t.text, received: got.Echo}
		}
		s.Facts.add(t.name, fmt.Sprintf("same, %d bytes UTF-8", len(t.text)))
		if t.name == echoTexts[0].name {
			defer func() { s.Facts.add("response", strings.Join(strings.Fields(got.Resp), " ")) }()
		}
	}
	return nil
}

// mismatch is a text that came back changed.
type mismatch struct{ name, sent, received string }

// Error shows the first difference and the bytes of both texts around it.
func (m *mismatch) Error() string {
	a, b := []byte(m.sent), []byte(m.received)
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	around := func(x []byte) string {
		lo, hi := max(0, i-4), min(len(x), i+12)
		if lo >= hi {
			return "nothing"
		}
		return fmt.Sprintf("% x", x[lo:hi])
	}
	return fmt.Sprintf("the text %q came back changed: byte %d of %d sent and %d received; sent %s, received %s (UTF-8, from byte %d)",
		m.name, i, len(a), len(b), around(a), around(b), max(0, i-4))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/destination/yaml"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/saprouter"
)

// connection are the flags that say where to and as whom.
type connection struct {
	embedded                  bool
	dest, props, ini          string
	set                       []string // KEY=VALUE
	values                    map[string]*string
	passwordEnv, passwordFile string
	timeout, stepTimeout      time.Duration
	record                    string
	noLogon                   bool
	argument                  bool // dest is an argument, not a flag
	via, socks5               string
	insecure                  bool
}

// key is a setting that has a flag of its own, and an environment variable.
type key struct {
	flag string
	destination.Property
}

// keys lists them. The table of properties has the rest.
func keys() []key {
	var list []key
	for _, name := range []string{"ashost", "sysnr", "gwhost", "gwserv", "saprouter", "mshost", "msserv", "r3name", "group", "wshost", "wsport", "client", "user", "lang"} {
		if p, ok := destination.LookUpProperty("jco.client." + name); ok {
			list = append(list, key{name, p})
		}
	}
	return list
}

// variable is the environment variable that stands in for a flag.
func (k key) variable() string { return "RFCPING_" + strings.ToUpper(k.flag) }

// help is the documentation of the property as one of a flag.
func (k key) help() string {
	text := strings.TrimSuffix(k.Doc, ".")
	if k.Default != "" {
		text += " (default: " + strings.Trim(k.Default, "()") + ")"
	}
	return strings.ToLower(text[:1]) + text[1:] + "; " + k.Key + ", $" + k.variable()
}

func (a *app) connectionFlags(cmd *cobra.Command, c *connection) {
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&c.embedded, "embedded", false, "start the built-in system on loopback and use it")
	f.StringVar(&c.via, "via", "", "road to the built-in system: "+roadNames)
	f.StringVar(&c.dest, "dest", "", "name of a destination: RFC_DEST_NAME, NAME.jcoDestination (.properties, .json, .yaml) here or in $"+destination.DirectoryVariable+", sapnwrfc.ini")
	f.StringVar(&c.props, "props", "", "file with a destination: .jcoDestination, .properties, .json or .yaml")
	f.StringVar(&c.ini, "ini", "", "file like sapnwrfc.ini with the destination of --dest")
	f.StringArrayVarP(&c.set, "property", "p", nil, "setting KEY=VALUE over those of the destination; a secret as ${env:NAME} or ${file:path}")
	c.values = map[string]*string{}
	for _, k := range keys() {
		c.values[k.flag] = f.String(k.flag, "", k.help())
	}
	f.StringVar(&c.socks5, "socks5", "", "SOCKS5 proxy HOST:PORT in front of the gateway; its token as -p go.proxy.token='${env:NAME}', its location as -p LocationId=ID")
	f.BoolVar(&c.insecure, "allow-insecure-tls", false, "permit jco.client.tls_trust_all=1 and jco.client.use_tls=0, for tests")
	f.StringVar(&c.passwordEnv, "password-env", "", "environment variable that holds the password")
	f.StringVar(&c.passwordFile, "password-file", "", "file whose first line is the password")
	f.DurationVar(&c.timeout, "timeout", 0, "limit of the whole run, for example 30s (default none)")
	f.DurationVar(&c.stepTimeout, "step-timeout", defaultStepTimeout, "limit of each step and each call")
	f.StringVar(&c.record, "record", "", "record the NI frames into FILE.pcapng or FILE.jsonl, secrets masked")
	_ = cmd.MarkFlagFilename("password-file")
	_ = cmd.MarkFlagFilename("props", "jcoDestination", "properties", "json", "yaml", "yml")
	_ = cmd.MarkFlagFilename("ini", "ini")
	_ = cmd.MarkFlagFilename("record", "pcapng", "jsonl")
	for _, name := range []string{"dest", "property", "ashost", "sysnr", "gwhost", "gwserv", "saprouter", "mshost", "msserv", "r3name", "group", "wshost", "wsport", "socks5", "via", "client", "user", "lang", "password-env", "timeout", "step-timeout"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

// settings is a checked connection.
type settings struct {
	cfg         destination.Config
	effective   *destination.Effective
	facts       facts
	stepTimeout time.Duration
	timeout     time.Duration
	system      *rfctest.System               // of --embedded
	beside      []func()                      // ends the servers on the road to it
	complete    func(cfg *destination.Config) // what no property says; may be nil
}

// finish adds to the Config what no property says.
func (s *settings) finish(a *app, c *connection) {
	s.cfg.DialContext = a.dial
	if s.complete != nil {
		s.complete(&s.cfg)
	}
	if c.noLogon && s.cfg.WebSocket.Host != "" {
		// Behind TLS the request with the identity would follow: it is never written.
		s.cfg.WebSocket.Headers = func(context.Context) (http.Header, error) { return nil, errStopped }
	}
}

func (s *settings) close() {
	for _, end := range s.beside {
		end()
	}
	if s.system != nil {
		_ = s.system.Close()
	}
}

// resolve makes settings of a destination, flags and environment. The facts are those of the
// step config; they are there even with an error.
func (a *app) resolve(ctx context.Context, cmd *cobra.Command, c *connection) (*settings, error) {
	s := &settings{stepTimeout: c.stepTimeout, timeout: c.timeout, effective: new(destination.Effective)}
	var errs []error
	if c.stepTimeout <= 0 {
		errs = append(errs, fmt.Errorf("--step-timeout: %v, a positive duration is required, for example 5s", c.stepTimeout))
	}
	if c.timeout < 0 {
		errs = append(errs, fmt.Errorf("--timeout: %v, 0 (no limit) or a positive duration is required", c.timeout))
	}
	if c.via != "" && (!c.embedded || roads[c.via] == nil) {
		errs = append(errs, fmt.Errorf("--via: value %.16q, %s is required, together with --embedded", c.via, roadNames))
	}
	if c.embedded {
		errs = append(errs, c.besidesEmbedded(cmd)...)
		if err := errors.Join(errs...); err != nil {
			return s, usageError("%w", err)
		}
		return s, a.startEmbedded(ctx, s, c)
	}
	p, name, err := a.properties(ctx, cmd, c)
	var opts []destination.ParseOption
	if c.insecure {
		opts = append(opts, destination.AllowInsecureTLS())
	}
	var mistaken error
	if err == nil {
		if !c.noLogon {
			mistaken = mistakes(name, p, opts)
		}
		if mistaken == nil {
			p, err = a.identity(ctx, c, p)
		}
	}
	if ctx.Err() != nil && err != nil {
		return s, err
	}
	if p.Len() > 0 || err == nil {
		s.limits(&p)
		var perr error
		s.cfg, s.effective, perr = destination.ParseProperties(name, p, opts...)
		if mistaken != nil {
			perr = mistaken // without the password, which nobody was asked for
		}
		err = errors.Join(err, perr)
	}
	if name != "" {
		s.facts.add("destination", name)
	}
	s.setFacts()
	if c.noLogon {
		s.facts.add("password", "not read (--no-logon)")
	}
	a.endpointFacts(s)
	if c.record != "" && s.cfg.WebSocket.Host != "" {
		errs = append(errs, errors.New("--record: it records NI frames, and WebSocket RFC has none"))
	}
	if err := errors.Join(errors.Join(errs...), err); err != nil {
		return s, usageError("%w", err)
	}
	s.finish(a, c)
	if err := s.cfg.Validate(); err != nil { // what properties leave to a program
		return s, usageError("%w", err)
	}
	return s, nil
}

// besidesEmbedded finds flags that contradict --embedded.
func (c *connection) besidesEmbedded(cmd *cobra.Command) (errs []error) {
	names := []string{"dest", "props", "ini", "property", "socks5", "allow-insecure-tls"}
	for _, k := range keys() {
		names = append(names, k.flag)
	}
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			errs = append(errs, fmt.Errorf("--%s and --embedded: the built-in system has its own settings; give one of them", name))
		}
	}
	if c.argument {
		errs = append(errs, errors.New("a destination and --embedded: the built-in system has its own settings; give one of them"))
	}
	if c.passwordEnv != "" || c.passwordFile != "" {
		errs = append(errs, errors.New("--password-env, --password-file and --embedded: the built-in system has a password of its own"))
	}
	return errs
}

// properties are the settings of the destination, if one was named, and what stands over
// them. The environment variables that stand in for flags count only without a destination:
// they could belong to another system.
func (a *app) properties(ctx context.Context, cmd *cobra.Command, c *connection) (p destination.Properties, name string, err error) {
	base, name, err := a.base(ctx, cmd, c)
	if err != nil {
		return p, name, err
	}
	over, err := a.overrides(cmd, c, name == "")
	if err != nil {
		return p, name, err
	}
	if user, ok := over.Get(destination.KeyUser); ok && base.Value(destination.KeyUser) != user {
		// A password belongs to its user.
		base = base.Without(destination.KeyPasswd)
	}
	return base.With(over), name, nil
}

// base loads the destination that was named.
func (a *app) base(ctx context.Context, cmd *cobra.Command, c *connection) (p destination.Properties, name string, err error) {
	provider, name := destination.Provider(nil), c.dest
	switch {
	case c.props != "" && c.ini != "":
		return p, name, errors.New("--props and --ini: give one of them")
	case c.props != "":
		provider, name, err = a.file(ctx, "--props", c.props, formatOf(c.props), name)
	case c.ini != "":
		provider, name, err = a.file(ctx, "--ini", c.ini, destination.INIFormat, name)
	case name != "" || cmd.Flags().Changed("dest"):
		provider = a.standard()
	default:
		return p, "", nil
	}
	if err != nil {
		return p, name, err
	}
	p, err = destination.Lookup(ctx, provider, name)
	if c.argument && errors.Is(err, destination.ErrUnknown) {
		if near := cmd.SuggestionsFor(name); len(near) > 0 {
			err = fmt.Errorf("%w; as a command: did you mean %s?", err, strings.Join(near, " or "))
		}
	}
	return p, name, err
}

// file is the provider for a file. A file with one destination needs no name.
func (a *app) file(ctx context.Context, flag, path string, format destination.Format, name string) (destination.Provider, string, error) {
	f := &destination.File{Path: path, Format: format, Env: a.env}
	if name != "" {
		return f, name, nil
	}
	names, err := f.Names(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", flag, err)
	}
	if len(names) != 1 {
		return nil, "", fmt.Errorf("%s: %s has %d destinations; name one with --dest: %s", flag, path, len(names), strings.Join(names[:min(len(names), 20)], ", "))
	}
	return f, names[0], nil
}

// formatOf is the format that the library does not choose by itself.
func formatOf(path string) destination.Format {
	if slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
		return yaml.Format
	}
	return nil
}

// standard are the places of destinations, YAML files included.
func (a *app) standard() destination.Provider {
	chain := destination.Standard(a.env)
	for _, p := range chain {
		switch p := p.(type) {
		case *destination.Directory:
			p.Formats = map[string]destination.Format{".yaml": yaml.Format, ".yml": yaml.Format}
		case *destination.Environment:
			p.Environ = a.environ
		}
	}
	return chain
}

// overrides are the settings of flags.
func (a *app) overrides(cmd *cobra.Command, c *connection, environment bool) (p destination.Properties, err error) {
	var errs []error
	for _, s := range c.set {
		key, v, err := setting(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, twice := p.Get(key); twice {
			errs = append(errs, fmt.Errorf("-p %s: given twice; keep one of them", key))
		}
		p.SetFrom(key, v, destination.Source{Origin: destination.FromFlag, Name: "-p"})
	}
	errs = append(errs, tunnelFlag(cmd, c, &p))
	for _, k := range keys() {
		if !cmd.Flags().Changed(k.flag) {
			continue
		}
		if p.Value(k.Key) != "" {
			errs = append(errs, fmt.Errorf("--%s and -p %s: give one of them", k.flag, k.Key))
		}
		v := *c.values[k.flag]
		if exposed(k.Property, v) {
			errs = append(errs, fmt.Errorf("--%s: a password is never a part of a flag value, the process list shows it; write --%s '${env:NAME}' or '${file:path}'", k.flag, k.flag))
			continue
		}
		p.SetFrom(k.Key, v, destination.Source{Origin: destination.FromFlag, Name: "--" + k.flag})
	}
	p, err = (&destination.Placeholders{Env: a.env}).Resolve(p)
	errs = append(errs, err)
	for _, k := range keys() {
		switch {
		case cmd.Flags().Changed(k.flag):
		case environment && p.Value(k.Key) == "":
			if v, ok := a.env(k.variable()); ok && v != "" {
				p.SetFrom(k.Key, v, destination.Source{Origin: destination.FromEnvironment, Name: k.variable()})
			}
		}
	}
	return p, errors.Join(errs...)
}

// setting reads KEY=VALUE. A secret is not a part of a command line, which the process list
// shows; and what is misspelt may be one.
func setting(s string) (key, v string, err error) {
	key, v, ok := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return "", "", errors.New("-p: KEY=VALUE is required, for example -p jco.client.sysnr=00 (what was given is not repeated, it could be a password)")
	}
	row, known := destination.LookUpProperty(key)
	if known && exposed(row, v) {
		return "", "", fmt.Errorf("-p %s: a secret is never a flag value, the process list shows it; write %s='${env:NAME}' or '${file:path}'", key, key)
	}
	return key, v, nil
}

// exposed reports a value that a command line would show.
func exposed(row destination.Property, v string) bool {
	if row.Kind == destination.KindRoute {
		return saprouter.Redact(v) != v && !strings.Contains(v, "${")
	}
	return row.Secret && (!strings.HasPrefix(v, "${") || strings.IndexByte(v, '}') != len(v)-1)
}

// tunnelFlag makes settings of --socks5. Without a token the proxy is one that wants none.
func tunnelFlag(cmd *cobra.Command, c *connection, p *destination.Properties) error {
	if !cmd.Flags().Changed("socks5") {
		return nil
	}
	host, port, err := net.SplitHostPort(c.socks5)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("--socks5: value %.64q, host:port is required, for example connectivityproxy:20004", c.socks5)
	}
	from := destination.Source{Origin: destination.FromFlag, Name: "--socks5"}
	set := []struct{ key, value string }{{destination.KeyTunnelKind, destination.SOCKS5}, {destination.KeyTunnelHost, host}, {destination.KeyTunnelPort, port}}
	if p.Value(destination.KeyTunnelToken) == "" && p.Value(destination.KeyTunnelAuth) == "" {
		set = append(set, struct{ key, value string }{destination.KeyTunnelAuth, "none"})
	}
	for _, x := range set {
		if p.Value(x.key) != "" {
			return fmt.Errorf("--socks5 and -p %s: give one of them", x.key)
		}
		p.SetFrom(x.key, x.value, from)
	}
	return nil
}

// withoutLogon takes away who would log on, and every secret but those that open the way.
func withoutLogon(p destination.Properties, stay ...string) destination.Properties {
	keys := []string{
		destination.KeyUser, destination.KeyAliasUser, destination.KeyTLSClientCertificateLogon, destination.KeyKeyStoreLocation, destination.KeyTLSP12File,
	}
	for _, row := range destination.AllProperties() {
		if row.Secret && !slices.Contains(stay, row.Key) {
			keys = append(keys, row.Key)
		}
	}
	p = p.Without(keys...)
	if p.Value(destination.KeyWSHost) != "" {
		p.SetFrom(destination.KeyOIDCBearerToken, "no-logon", destination.Source{Name: "never sent"}) // WebSocket RFC is never anonymous
	}
	return p
}

// mistakes finds what is wrong before anybody is asked for a password: perhaps just the name of
// the setting that holds it.
func mistakes(name string, p destination.Properties, opts []destination.ParseOption) error {
	if p.Value(destination.KeyUser) != "" && p.Value(destination.KeyPasswd) == "" {
		p = p.Without(destination.KeyPasswd)
		p.SetFrom(destination.KeyPasswd, "x", destination.Source{})
	}
	_, _, err := destination.ParseProperties(name, p, opts...)
	return err
}

// identity adds the password; with --no-logon it takes away who would log on: what is not
// there cannot leave.
func (a *app) identity(ctx context.Context, c *connection, p destination.Properties) (destination.Properties, error) {
	if c.noLogon {
		return withoutLogon(p, destination.KeyTunnelToken, destination.KeyProxyPasswd, destination.KeyTunnelPasswd, destination.KeyTrustStorePassword), nil
	}
	user := p.Value(destination.KeyUser)
	if p.Value(destination.KeyPasswd) != "" && c.passwordEnv == "" && c.passwordFile == "" {
		return p, nil
	}
	password, from, err := a.password(ctx, c, user)
	if err != nil {
		return p.Without(destination.KeyUser), err // that there is no password is told already
	}
	if password == "" {
		return p, nil
	}
	if user == "" {
		return p, errors.New("user (--user, jco.client.user) is missing: a password was given")
	}
	p = p.Without(destination.KeyPasswd)
	p.SetFrom(destination.KeyPasswd, password.Reveal(), from)
	return p, nil
}

// setFacts says which values are set, and from where. The password comes last.
func (s *settings) setFacts() {
	password := ""
	for _, v := range s.effective.Values {
		switch text := fmt.Sprintf("%s (%s)", v.Value, place(v.Source)); {
		case v.Source.Origin == destination.FromDefault || v.Source.Origin == destination.FromOthers || v.Source.Name == ownName:
		case v.Key == destination.KeyPasswd:
			password = text
		default:
			s.facts.add(short(v.Key), text)
		}
	}
	s.facts.add("password", password)
}

// short is a key as a fact: jco.client.ashost is ashost.
func short(key string) string {
	for _, prefix := range []string{"jco.client.", "jco.destination."} {
		if s, ok := strings.CutPrefix(key, prefix); ok {
			return s
		}
	}
	return key
}

// place shortens the sources that are clear from the name of the fact.
func place(from destination.Source) string {
	switch {
	case from.Origin == destination.FromFlag && from.Name != "-p":
		return "flag"
	case from.Origin == destination.FromEnvironment && strings.HasPrefix(from.Name, "RFCPING_"):
		return "environment"
	}
	return from.String()
}

// endpointFacts says which address is dialled and why.
func (a *app) endpointFacts(s *settings) {
	host, port, err := s.cfg.Endpoint()
	if s.cfg.WebSocket.Host != "" && port != "" {
		s.facts.add("endpoint", net.JoinHostPort(host, port)+" (from wshost and wsport)")
		s.limitFacts()
		return
	}
	if err != nil || host == "" || s.cfg.GatewayService == "" && len(s.cfg.SystemNumber) != 2 {
		return // the settings are not valid, and the error says why
	}
	why := "ashost"
	if s.cfg.Gateway != "" {
		why = "gwhost"
	}
	if s.cfg.GatewayService != "" {
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

// ownName is the source of settings that neither user nor library chose.
const ownName = "rfcping"

// limits leaves the time limits of the library behind those of the steps, unless the
// destination has its own.
func (s *settings) limits(p *destination.Properties) {
	millis := func(d time.Duration) string {
		return strconv.FormatInt(max(1, min(d, time.Hour).Milliseconds()), 10)
	}
	for _, x := range []struct{ key, value string }{
		{destination.KeyConnectTimeout, millis(3 * s.stepTimeout)},
		{destination.KeyLogonTimeout, millis(4 * s.stepTimeout)},
		{destination.KeyProgram, ownName},
	} {
		if p.Value(x.key) == "" {
			p.SetFrom(x.key, x.value, destination.Source{Name: ownName})
		}
	}
}

// lines are the whole effective configuration.
func (s *settings) lines() []string {
	var list []string
	for _, v := range s.effective.Values {
		list = append(list, v.String())
	}
	return list
}

// warnings are those of the configuration in few lines: what has no effect is one of them.
func (s *settings) warnings(noLogon bool) []string {
	var list, idle []string
	for _, w := range s.effective.Warnings {
		switch {
		case w.Key == "" && noLogon && strings.HasPrefix(w.Text, "no user"):
		case strings.HasPrefix(w.Text, "without effect"):
			idle = append(idle, w.Key)
		default:
			list = append(list, w.String())
		}
	}
	if len(idle) > 0 {
		list = append(list, "without effect: "+strings.Join(idle, ", "))
	}
	return list
}

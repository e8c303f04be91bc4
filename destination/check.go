package destination

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

// Problem is one thing that is wrong, or worth a warning, in a configuration.
type Problem struct {
	// Key is the property concerned, or several joined by " and "; empty for the whole.
	Key string
	// Text says what is wrong, what was found and what is allowed. It holds no secret.
	Text string
	// Source is the place of the value.
	Source Source

	unsupported bool // its class is not Config but Unsupported
}

// Error gives "jco.client.sysnr: value "1", two digits 00-99 required (A4H.jcoDestination:3)".
func (p *Problem) Error() string {
	text := p.Text
	if p.Key != "" {
		text = p.Key + ": " + text
	}
	if p.Source != (Source{}) && p.Source.Origin != FromDefault {
		text += " (" + p.Source.String() + ")"
	}
	return printable(text)
}

// String gives Error.
func (p Problem) String() string { return p.Error() }

// problems collects them.
type problems []*Problem

func (l *problems) add(key string, from Source, format string, args ...any) {
	*l = append(*l, &Problem{Key: key, Text: fmt.Sprintf(format, args...), Source: from})
}

// asError is the error for a configuration, or nil without problems.
func (l problems) asError(name string) error {
	if len(l) == 0 {
		return nil
	}
	errs := make([]error, 0, len(l))
	for _, p := range l {
		errs = append(errs, p)
	}
	e := failed(name, errors.Join(errs...))
	if l[0].unsupported { // the first one decides
		e.Class, e.Key = rfc.ClassUnsupported, "RFC_NOT_SUPPORTED"
	}
	return e
}

// failed is an error of the configuration of a destination.
func failed(name string, err error) *rfc.Error {
	return &rfc.Error{
		Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Destination: name, Key: "RFC_INVALID_PARAMETER", Err: err,
	}
}

// setting is a value under its canonical key.
type setting struct {
	row    *Property
	value  string
	source Source
}

// settings are the values of a configuration that are not empty, by key.
type settings map[string]*setting

func (s settings) value(key string) string {
	if x := s[key]; x != nil {
		return x.value
	}
	return ""
}

func (s settings) source(key string) Source {
	if x := s[key]; x != nil {
		return x.source
	}
	return Source{}
}

// has reports the keys of a list that are set, in its order.
func (s settings) has(keys ...string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return s.value(key) == "" })
}

// checker looks at settings as a whole.
type checker struct {
	settings
	// What no property says: an own certificate is there, less than TLS is permitted, somebody
	// else logs on.
	hasKey, insecure, hasLogon bool
	bad                        map[string]bool // keys whose value is not one
	wrong, warnings            problems
}

// check finds everything that is wrong with settings. Order: target, values, what is not
// supported, combinations, logon. of has what no property says.
func (s settings) check(of *Config) *checker {
	w := &of.WebSocket
	c := &checker{settings: s, bad: map[string]bool{}, hasKey: w.hasKey(), insecure: w.AllowInsecureTLS, hasLogon: w.Tokens != nil || w.Headers != nil}
	c.target()
	c.values()
	c.combinations()
	c.webSocket()
	c.tunnel()
	c.pool()
	c.credentials()
	c.logon()
	return c
}

func (c *checker) fail(key, format string, args ...any) {
	c.wrong.add(key, c.source(key), format, args...)
}

func (c *checker) warn(key, format string, args ...any) {
	c.warnings.add(key, c.source(key), format, args...)
}

// target checks what says where to.
func (c *checker) target() {
	families := c.has(KeyASHost, KeyMSHost, KeyWSHost, KeyTPName)
	balanced := c.value(KeyMSHost) != ""
	direct := len(c.has(KeyASHost, KeyGWHost)) > 0 && (!balanced || c.value(KeyASHost) != "")
	switch {
	case len(families) > 1:
		c.wrong.add("", Source{}, "%s are mutually exclusive: each names a target, keep one of them", strings.Join(families, " and "))
	case len(families) == 0 && !direct:
		c.wrong.add("", Source{}, "Parameter ASHOST, GWHOST, MSHOST or PORT is missing: one of %s, %s, %s is required", KeyASHost, KeyMSHost, KeyWSHost)
	}
	if direct && len(c.has(KeySysNr, KeyGWServ)) == 0 {
		c.fail(KeySysNr, "two digits 00-99 required")
	}
	for _, needs := range []struct {
		key, with string
		missing   bool
	}{
		{KeySysNr, KeyASHost, !direct && len(families) > 0},
		{KeyGroup, KeyMSHost, len(c.has(KeyMSHost)) == 0 && len(families) > 0},
		{KeyWSPort, KeyWSHost, len(c.has(KeyWSHost)) == 0 && len(families) > 0},
		{KeyGWHost, KeyASHost, balanced && !direct},
		{KeyGWServ, KeyASHost, balanced && !direct},
		{KeySAProuter, KeyASHost + " or " + KeyMSHost, c.value(KeyWSHost) != "" && !direct && !balanced},
	} {
		if c.value(needs.key) != "" && needs.missing {
			c.fail(needs.key, "it goes with %s, which is not set", needs.with)
		}
	}
	if !balanced && len(families) > 0 {
		for _, key := range c.has(KeyR3Name, KeyMSServ, KeyGroupMaxAge) {
			c.warn(key, "ignored: %s is not set", KeyMSHost)
		}
	}
	if balanced && len(c.has(KeyR3Name, KeyMSServ)) == 0 {
		c.fail(KeyMSHost, "one of %s, %s is required with it", KeyR3Name, KeyMSServ)
	}
	if c.value(KeyWSHost) != "" && c.value(KeyWSPort) == "" {
		c.fail(KeyWSPort, "it is missing, needed with %s", KeyWSHost)
	}
}

// values checks each by itself, and says what has no effect.
func (c *checker) values() {
	for i := range table {
		row := &table[i]
		x := c.settings[row.Key]
		if x == nil || x.row != row {
			continue
		}
		if row.Group == GroupServer {
			c.refuse(row, x)
			continue
		}
		if wrong := row.formOf(x.value); wrong != "" {
			c.bad[row.Key] = true
			c.fail(row.Key, "%s", wrong)
			continue
		}
		switch {
		case row.Support == Refused && !slices.Contains(row.neutral, x.value):
			c.refuse(row, x)
		case row.Support == Kept:
			c.warn(row.Key, "without effect: %s", row.Remedy)
		}
	}
}

func (c *checker) refuse(row *Property, x *setting) {
	switch {
	case row.Key == KeyAuthType && x.value == "CURRENT_USER":
		c.fail(row.Key, "value CURRENT_USER needs an application server; %s", row.Remedy)
	case row.Key == KeyAuthType && strings.HasSuffix(x.value, "Propagation"):
		c.fail(row.Key, "%s: user propagation is not possible over a TCP tunnel (D-21): the protocol of the RFC proxy is not public; use a technical user (%s, %s)", found(x.value), KeyUser, KeyPasswd)
		c.wrong[len(c.wrong)-1].unsupported = true
	case row.Key == KeyKind:
		c.fail(row.Key, "%s is not an RFC destination: %s", found(x.value), row.Remedy)
	case row.Secret || row.Group == GroupServer:
		c.fail(row.Key, "%s", row.Remedy)
	default:
		c.fail(row.Key, "%s: %s", found(row.shown(x.value)), row.Remedy)
	}
}

// combinations checks what contradicts each other.
func (c *checker) combinations() {
	if c.value(KeyWSHost) != "" && c.value(KeySerializationFormat) == "rowBased" {
		c.warn(KeySerializationFormat, "WebSocket RFC always uses columnBased")
	}
	if c.value(KeySerializationFormat) != "" && c.value(KeySerializationFormat) != "rowBased" && c.value(KeyUseBasXML) == "1" {
		c.warn(KeyUseBasXML, "ignored: it is a form of rowBased, and %s is %s", KeySerializationFormat, found(c.value(KeySerializationFormat)))
	}
	if c.value(KeySNCMode) == "1" {
		if c.value(KeySNCPartnerName) == "" {
			c.fail(KeySNCPartnerName, "it is missing, needed with %s = 1; nothing is sent in clear instead", KeySNCMode)
		}
	} else {
		for _, key := range c.has(KeySNCQoP, KeySNCPartnerName, KeySNCMyName, KeySNCSSO, KeySNCLib) {
			c.warn(key, "ignored: %s is not 1", KeySNCMode)
		}
	}
	if user, password := c.value(KeyRepositoryUser), c.value(KeyRepositoryPasswd); (user == "") != (password == "") {
		c.fail(KeyRepositoryUser+" and "+KeyRepositoryPasswd, "exactly one of them is given; give both, or neither")
	} else if user != "" && c.value(KeyRepositoryDestination) != "" {
		c.warn(KeyRepositoryUser, "ignored: %s has a user of its own", KeyRepositoryDestination)
	}
	if c.value(KeyRepositoryDestination) != "" {
		for _, key := range c.has(KeyRepositoryRoundtripOptimization, KeyRepositoryCheckInterval) {
			c.warn(key, "ignored: %s has settings of its own", KeyRepositoryDestination)
		}
	}
	if c.value(KeyType) != "" {
		c.warn(KeyType, "it is found out by itself")
	}
}

// webSocket checks what belongs to WebSocket RFC and TLS.
func (c *checker) webSocket() {
	const remedy = "needs Options.AllowInsecureTLS: WebSocket.AllowInsecureTLS in Go, --allow-insecure-tls of rfcping; for tests only"
	if c.value(KeyTLSTrustAll) == "1" && !c.insecure {
		c.fail(KeyTLSTrustAll, "value 1 %s. Better give the authority of the server as %s", remedy, KeyTrustStoreLocation)
	}
	if c.value(KeyUseTLS) == "0" && !c.insecure {
		c.fail(KeyUseTLS, "value 0: WebSocket RFC requires TLS; plain text %s", remedy)
	}
	if c.value(KeyWSHost) == "" {
		for _, key := range c.has(KeyOIDCBearerToken, KeyTLSClientCertificateLogon) {
			if c.value(key) != "0" {
				c.fail(key, "it goes with %s, which is not set", KeyWSHost)
			}
		}
		for i := range table {
			row := &table[i]
			if x := c.settings[row.Key]; x != nil && row.Group == GroupWebSocket && row.Support == Supported && row.Key != KeyWSPort && x.value != row.Default {
				c.warn(row.Key, "ignored: %s is not set", KeyWSHost)
			}
		}
		return
	}
	if c.value(KeyTLSTrustAll) == "1" {
		c.warn(KeyTLSTrustAll, "any certificate of the server will do: whoever is in between reads everything, passwords included")
	}
	if c.value(KeyUseTLS) == "0" {
		c.warn(KeyUseTLS, "names, passwords and data travel in clear text")
	}
	if (c.value(KeyProxyHost) == "") != (c.value(KeyProxyPort) == "") {
		c.fail(KeyProxyHost+" and "+KeyProxyPort, "exactly one of them is given; a proxy needs both")
	}
	if c.value(KeyProxyHost) == "" {
		for _, key := range c.has(KeyProxyUser, KeyProxyPasswd) {
			c.fail(key, "it goes with %s, which is not set", KeyProxyHost)
		}
	} else if c.value(KeyProxyPasswd) != "" && c.value(KeyProxyUser) == "" {
		c.fail(KeyProxyUser, "it is missing, needed with %s", KeyProxyPasswd)
	}
	if c.value(KeyTLSP12File) != "" && c.value(KeyKeyStoreLocation) != "" {
		c.fail(KeyTLSP12File+" and "+KeyKeyStoreLocation, "both name an own certificate; keep one of them")
	}
	for _, x := range [][2]string{{KeyTLSP12Passwd, KeyTLSP12File}, {KeyKeyStorePassword, KeyKeyStoreLocation}, {KeyTrustStorePassword, KeyTrustStoreLocation}} {
		if c.value(x[0]) != "" && c.value(x[1]) == "" && !c.hasKey {
			c.warn(x[0], "ignored: %s is not set", x[1])
		}
	}
}

// tunnelKeys are of no use without a tunnel.
var tunnelKeys = []string{
	KeyCloudConnectorLocationID, KeyTunnelHost, KeyTunnelPort, KeyTunnelAuth, KeyTunnelToken, KeyTunnelUser, KeyTunnelPasswd, KeyTunnelBinding,
	KeyVirtualPort, KeyPartnerHost, KeyHostMap,
}

// tunnelKind is how a tunnel is entered; empty if there is none.
func (s settings) tunnelKind() string {
	switch kind := s.value(KeyTunnelKind); {
	case kind == "none":
		return ""
	case kind == "" && s.value(KeyProxyType) == OnPremise:
		return SOCKS5
	default:
		return kind
	}
}

// tunnel checks the way through a proxy to a gateway.
func (c *checker) tunnel() {
	kind, onPremise := c.tunnelKind(), c.value(KeyProxyType) == OnPremise
	if onPremise && kind == "" {
		c.fail(KeyTunnelKind, "value none: %s = %s needs a tunnel", KeyProxyType, OnPremise)
	}
	target := "a direct connection"
	switch {
	case c.value(KeyWSHost) != "":
		target = "WebSocket RFC (" + KeyWSHost + ")"
	case c.value(KeyMSHost) != "":
		target = "a logon group (" + KeyMSHost + ")"
	}
	if t := c.value(KeyProxyType); onPremise && c.value(KeyWSHost) != "" || t == Internet && c.value(KeyWSHost) == "" {
		c.fail(KeyProxyType, "%s does not go with proxy_type=%s", target, t)
	}
	if kind == "" {
		for _, key := range c.has(tunnelKeys...) {
			if x := c.settings[key]; x.value != x.row.Default {
				c.warn(key, "ignored: there is no tunnel (%s = %s or %s)", KeyProxyType, OnPremise, KeyTunnelKind)
			}
		}
		return
	}
	switch {
	case c.value(KeySAProuter) != "":
		c.wrong.add(KeySAProuter+" and "+KeyTunnelKind, c.source(KeySAProuter), "a tunnel and SAProuters exclude each other: the Cloud Connector reaches the gateway by itself")
	case c.value(KeyWSHost) != "" && !onPremise:
		c.fail(KeyTunnelKind, "%s has a proxy of its own, %s", target, KeyProxyHost)
	case c.value(KeyMSHost) != "" && c.value(KeyHostMap) == "":
		c.fail(KeyMSHost, "a logon group behind a tunnel needs %s: the message server names internal hosts, the proxy knows virtual ones", KeyHostMap)
	case strings.Contains(c.value(KeyMSServ), "://"):
		c.fail(KeyMSServ, "the text interface of a message server is not reached through a tunnel; give its port")
	}
	var lost []string
	if kind == HTTPConnect {
		lost = []string{KeyCloudConnectorLocationID}
	} else {
		lost = []string{KeyTunnelUser, KeyTunnelPasswd}
	}
	for _, key := range c.has(lost...) {
		c.warn(key, "ignored: %s is %s", KeyTunnelKind, kind)
	}
	if c.value(KeyTunnelAuth) == "none" {
		for _, key := range c.has(KeyTunnelToken, KeyCloudConnectorLocationID) {
			c.warn(key, "ignored: %s is none", KeyTunnelAuth)
		}
	}
}

// peak is the limit of connections in use, and a remark when it is not the one that is set.
func (s settings) peak() (limit int, note string) {
	capacity, peak := atoi(s.value(KeyPoolCapacity)), atoi(s.value(KeyPeakLimit))
	switch {
	case s.value(KeyPeakLimit) == "":
		return capacity, ""
	case s.value(KeyPoolCapacity) == "":
		capacity = 1
	}
	if peak > 0 && peak < capacity {
		return capacity, fmt.Sprintf("raised to %d, the value of %s", capacity, KeyPoolCapacity)
	}
	return peak, ""
}

// pool warns about what is allowed but hardly meant.
func (c *checker) pool() {
	if _, note := c.peak(); note != "" {
		c.warn(KeyPeakLimit, "%s", note)
	}
	if atoi(c.value(KeyPoolCapacity)) > 100 {
		c.warn(KeyPoolCapacity, "value %s: more than 100 idle connections", c.value(KeyPoolCapacity))
	}
	if atoi(c.value(KeyMaxGetClientTime)) > 600_000 {
		c.warn(KeyMaxGetClientTime, "value %s milliseconds: more than 10 minutes", c.value(KeyMaxGetClientTime))
	}
	period := 60_000
	if v := c.value(KeyExpirationCheckPeriod); v != "" {
		period = atoi(v)
	}
	switch v := c.value(KeyExpirationTime); {
	case v == "":
	case atoi(v) == 0:
		c.warn(KeyExpirationTime, "value 0 milliseconds: each connection that is idle is closed by the next check")
	case atoi(v) < period/100:
		c.warn(KeyExpirationTime, "value %s milliseconds, checked every %d milliseconds (%s): connections stay longer", v, period, KeyExpirationCheckPeriod)
	}
	if c.value(KeyExpirationCheckPeriod) == "0" {
		c.warn(KeyExpirationCheckPeriod, "value 0 milliseconds: idle connections are never closed")
	}
}

// credentials checks that there is one way to log on.
func (c *checker) credentials() {
	methods := c.has(KeyUser, KeyAliasUser, KeyMySAPSSO2, KeyX509Cert, KeyExtIDData, KeyOIDCBearerToken)
	if c.value(KeyTLSClientCertificateLogon) == "1" {
		methods = append(methods, KeyTLSClientCertificateLogon)
		if c.value(KeyKeyStoreLocation) == "" && c.value(KeyTLSP12File) == "" && !c.hasKey {
			c.fail(KeyTLSClientCertificateLogon, "certificate and key are missing: %s", KeyKeyStoreLocation)
		}
	}
	switch {
	case len(methods) > 1:
		c.wrong.add(strings.Join(methods, " and "), Source{}, "conflict: more than one way to log on; exactly one of them is needed")
	case len(methods) == 0 && c.value(KeyWSHost) != "" && !c.hasLogon:
		c.wrong.add("", Source{}, "no way to log on: WebSocket RFC has no anonymous logon; exactly one of %s, %s, %s is needed", KeyUser, KeyTLSClientCertificateLogon, KeyOIDCBearerToken)
	case len(methods) == 0 && c.value(KeyPasswd) == "" && c.value(KeySNCMode) != "1" && !c.hasLogon:
		c.warn("", "no user: exactly one of %s, %s is needed for a logon with a name; this one is anonymous", KeyUser, KeyAliasUser)
	}
}

// logon checks what the logon record can hold; several properties decide that together.
func (c *checker) logon() {
	pcs := atoi(c.value(KeyPCS))
	page := rfc.Logon{Codepage: c.value(KeyCodepage), PartnerCharSize: pcs}
	if e, ok := errors.AsType[*rfc.Error](page.Validate()); ok {
		if pcs >= 0 && pcs <= 2 {
			c.fail(KeyCodepage+" and "+KeyPCS, "%v", e.Err)
		}
		page = rfc.Logon{PartnerCharSize: 2} // any character, so that it is told once
	}
	if pcs == 1 && c.value(KeyAllowNonUnicode) != "1" {
		c.fail(KeyPCS, "a partner that is not Unicode needs AllowNonUnicode (%s = 1)", KeyAllowNonUnicode)
	}
	language := ""
	if v := c.value(KeyLang); v != "" {
		language, _ = languageKey(v)
	}
	user := rfc.Logon{User: c.value(KeyUser), Password: rfc.Secret(c.value(KeyPasswd))}
	if user.User == "" && len(c.has(KeyAliasUser)) > 0 {
		user.Password = "" // it belongs to the alias
	}
	for _, part := range []struct {
		key   string
		logon rfc.Logon
	}{
		{KeyClient, rfc.Logon{Client: c.value(KeyClient)}},
		{KeyUser + " and " + KeyPasswd, user},
		{KeyLang, rfc.Logon{Language: language}},
	} {
		part.logon.Codepage, part.logon.PartnerCharSize = page.Codepage, page.PartnerCharSize
		e, ok := errors.AsType[*rfc.Error](part.logon.Validate())
		if !ok {
			continue
		}
		for line := range strings.SplitSeq(e.Err.Error(), "\n") {
			if strings.HasPrefix(line, "user has") {
				line += "; longer names are aliases (" + KeyAliasUser + ")"
			}
			c.fail(part.key, "%s", line)
		}
	}
}

// fields checks what has no property, or no value of one that would fit.
func (c *Config) fields() (list problems) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", c.DialTimeout},
		{"LogonTimeout", c.LogonTimeout},
		{"CallTimeout", c.CallTimeout},
		{"KeepAlive", c.KeepAlive},
		{"GroupMaxAge", c.GroupMaxAge},
		{"Retry.Backoff", c.Retry.Backoff},
		{"Retry.MaxBackoff", c.Retry.MaxBackoff},
		{"Repository.CheckInterval", c.Repository.CheckInterval},
		{"WebSocket.PingCheck", c.WebSocket.PingCheck},
	} {
		if d.value < 0 {
			list.add(d.name, Source{}, "value %v, a time limit cannot be negative; zero means the default", d.value)
		}
	}
	list = append(list, c.tunnelProblems()...)
	if c.LogonTimeout > maxLogonTimeout {
		list.add("LogonTimeout", Source{}, "value %v, at most %v", c.LogonTimeout, maxLogonTimeout)
	}
	for _, l := range []struct {
		name     string
		patterns []string
	}{{"Policy.Allow", c.Policy.Allow}, {"Policy.Deny", c.Policy.Deny}} {
		for _, p := range l.patterns {
			if err := formPattern(p); err != nil {
				list.add(l.name, Source{}, "%s: %v; a name of a function module required, * for any characters", found(p), err)
			}
		}
	}
	if c.Limits.Message < 0 {
		list.add("Limits.Message", Source{}, "value %d, a number of bytes cannot be negative; zero means the default", c.Limits.Message)
	}
	if c.Limits.Callbacks < 0 {
		list.add("Limits.Callbacks", Source{}, "value %d, a count cannot be negative; zero means the default", c.Limits.Callbacks)
	}
	return list
}

// checkName checks the name of a destination.
func checkName(name string) error {
	if name == "" {
		return errors.New("unknown destination: the name is empty")
	}
	bad := strings.IndexFunc(name, func(r rune) bool { return !isWord(r) && r != '-' })
	if bad >= 0 || len(name) > maxName {
		return fmt.Errorf("unknown destination: name %s: only letters, digits, _ and -, at most %d", strconv.Quote(printable(cutTo(name, 64))), maxName)
	}
	return nil
}

// cutTo bounds a text in bytes, at a character.
func cutTo(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}

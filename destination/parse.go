package destination

import (
	"fmt"
	"strings"
)

// ParseOption changes how ParseProperties reads.
type ParseOption func(*parser)

// Lenient makes keys that are not known a warning. They are kept in Config.Additional.
func Lenient() ParseOption { return func(p *parser) { p.lenient = true } }

// AllowInsecureTLS permits jco.client.tls_trust_all = 1 and jco.client.use_tls = 0, for tests, and
// sets WebSocketConfig.AllowInsecureTLS.
func AllowInsecureTLS() ParseOption { return func(p *parser) { p.insecure = true } }

// ParseProperties makes a Config of the settings of a destination. Keys are those of JCo,
// of the NW RFC SDK and of the destination service (see AllProperties). Values are trimmed
// of blanks around them; an empty value is an absent one.
//
// The error reports all problems at once, each a *Problem with the place of the value and
// what is allowed. A key that is not known is one of them, with the name that was probably
// meant; see Lenient. Config and Effective are there even with an error, as far as they go.
// None of them shows a secret.
//
// What the provider adds (Properties.Complete) comes last, and only if nothing is wrong.
//
// Placeholders such as ${env:NAME} are a matter of providers; here they are text.
func ParseProperties(name string, p Properties, opts ...ParseOption) (Config, *Effective, error) {
	r := &parser{name: name, input: p, found: settings{}}
	for _, o := range opts {
		o(r)
	}
	if name != "" {
		if err := checkName(name); err != nil {
			r.wrong.add("", Source{}, "%v", err)
		}
	}
	for _, note := range p.notes {
		r.warnings.add("", Source{}, "%s", note)
	}
	if n := p.Len(); n > maxProperties {
		r.wrong.add("", Source{}, "%d properties, at most %d", n, maxProperties)
		return Config{Name: name}, &Effective{Destination: name}, r.wrong.asError(name)
	}
	r.canonicalise()
	cfg := Config{Name: name}
	cfg.WebSocket.AllowInsecureTLS = r.insecure
	c := r.found.check(&cfg)
	wrong, warnings := append(r.wrong, c.wrong...), append(r.warnings, c.warnings...)
	cfg.Additional = r.kept(c)
	for i := range table {
		if x := r.found[table[i].Key]; x != nil && x.row.set != nil && !c.bad[x.row.Key] {
			x.row.set(&cfg, x.value)
		}
	}
	for _, f := range p.complete {
		if len(wrong) > 0 {
			break
		}
		if err := f(&cfg); err != nil {
			wrong.add("", Source{}, "%v", err)
		}
	}
	return cfg, effective(name, r.found, r.unknown, warnings), wrong.asError(name)
}

// parser sorts what a Properties holds into settings.
type parser struct {
	name            string
	input           Properties
	lenient         bool
	insecure        bool
	found           settings
	unknown         []*entry
	wrong, warnings problems
}

// blanks are what is trimmed from keys and values.
const blanks = " \t\r\n\f"

// given is one spelling of a property with its value.
type given struct {
	key   string
	value string
	from  Source
}

// canonicalise gives each property its value, whatever names it came under.
func (r *parser) canonicalise() {
	spellings := map[*Property][]given{}
	for _, e := range r.input.list {
		key := strings.Trim(e.key, blanks)
		row := find(key)
		if row == nil {
			r.stranger(key, e)
			continue
		}
		value := strings.Trim(e.value(), blanks)
		if value != e.value() && value != "" {
			r.warnings.add(key, e.source, "%s around the value are not part of it; they were removed", blankNames(e.value()))
		}
		if len(value) > maxValue {
			r.wrong.add(key, e.source, "%d bytes, at most %d", len(value), maxValue)
			continue
		}
		row, value = r.translate(row, key, value, e.source)
		if row != nil {
			spellings[row] = append(spellings[row], given{key, value, e.source})
		}
	}
	for i := range table {
		row := &table[i]
		if list := spellings[row]; len(list) > 0 {
			if g, ok := r.choose(row, list); ok {
				r.accept(row, g)
			}
		}
	}
}

// blankNames names what stands around a value.
func blankNames(v string) string {
	if strings.Trim(v, " ") == strings.Trim(v, blanks) {
		return "blanks"
	}
	return "blanks or control characters"
}

// stranger deals with a key that nobody knows. Its value is not shown: it may be a secret.
func (r *parser) stranger(key string, e *entry) {
	known := hasOwnSpelling(key)
	if !known && (r.input.additional || r.lenient) {
		r.unknown = append(r.unknown, e)
		return
	}
	text := "unknown property"
	if !known {
		text = fmt.Sprintf("Connection configuration option '%.64s' is not supported", printable(key))
	}
	if near := nearestKey(key); near != "" {
		text += "; did you mean " + near + "?"
	}
	if r.lenient {
		r.unknown = append(r.unknown, e)
		r.warnings.add(cutTo(key, 64), e.source, "%s", text)
		return
	}
	r.wrong.add(cutTo(key, 64), e.source, "%s", text)
}

// authentications are the words of destination services for a way to log on.
var authentications = map[string][2]string{
	"BASICAUTHENTICATION":             {KeyAuthType, "CONFIGURED_USER"},
	"NOAUTHENTICATION":                {KeyAuthType, "CONFIGURED_USER"},
	"PRINCIPALPROPAGATION":            {KeyAuthType, "PrincipalPropagation"},
	"OAUTH2TECHNICALUSERPROPAGATION":  {KeyAuthType, "TechnicalUserPropagation"},
	"CLIENTCERTIFICATEAUTHENTICATION": {KeyTLSClientCertificateLogon, "1"},
}

// translate turns a name whose values have another meaning into the property it stands for.
func (r *parser) translate(row *Property, key, value string, from Source) (*Property, string) {
	switch upper := strings.ToUpper(key); {
	case value == "":
	case row.Key == KeyAuthentication:
		a, ok := authentications[strings.ToUpper(value)]
		if !ok {
			r.wrong.add(key, from, "%s, %s required", found(value), row.Allowed)
			return nil, ""
		}
		return index().keys[a[0]], a[1]
	case upper == "TRACE" || upper == "RFC_TRACE":
		level := tidySwitch(value)
		if len(level) != 1 || level < "0" || level > "4" {
			r.wrong.add(key, from, "%s, a trace level 0-4 required", found(value))
			return nil, ""
		}
		if level > "1" {
			level = "1"
		}
		return row, level
	}
	return row, value
}

// choose picks one of several spellings. Two of the same name, or different values under two
// foreign names, contradict each other; JCo's own name wins over a foreign one.
func (r *parser) choose(row *Property, list []given) (given, bool) {
	best := list[0]
	for _, g := range list[1:] {
		switch {
		case strings.EqualFold(g.key, best.key):
			r.wrong.add(row.Key, g.from, "given twice, as %s and as %s; keep one of them", best.key, g.key)
			return best, false
		case g.value == best.value:
		case g.key == row.Key, best.key == row.Key:
			other := g
			if g.key == row.Key {
				best, other = g, best
			}
			r.warnings.add(row.Key, best.from, "it wins over %s, which has another value", other.key)
		default:
			r.wrong.add(row.Key, g.from, "%s and %s have different values; keep one of them", best.key, g.key)
			return best, false
		}
		if g.key == row.Key {
			best = g
		}
	}
	return best, true
}

// accept takes a value into the settings.
func (r *parser) accept(row *Property, g given) {
	if g.value == "" {
		r.empty(row, g)
		return
	}
	if row.Support == Legacy {
		r.warnings.add(g.key, g.from, "ignored: %s", row.Remedy)
		return
	}
	if row.Key == KeyName {
		if r.name != "" && g.value != r.name {
			r.wrong.add(g.key, g.from, "%s, but this is destination %s", found(g.value), r.name)
		}
		return
	}
	value := row.tidied(g.value)
	if value != g.value && !row.Secret {
		r.warnings.add(g.key, g.from, "%s, %s required; read as %.64s", found(g.value), row.Allowed, value)
	}
	r.found[row.Key] = &setting{row, value, g.from}
}

// empty deals with a key without a value, which counts as absent.
func (r *parser) empty(row *Property, g given) {
	switch row.Key {
	case KeyClient:
		r.wrong.add(g.key, g.from, `value "", %s required; leave the key out for the client of the system`, row.Allowed)
	case KeyLang:
		r.warnings.add(g.key, g.from, "empty: no language is sent; else a %s", row.Allowed)
	}
}

// kept is what has no field in Config.
func (r *parser) kept(c *checker) Properties {
	out := Properties{additional: r.input.additional}
	for i := range table {
		if x := c.settings[table[i].Key]; x != nil && x.row.set == nil {
			out.SetFrom(x.row.Key, x.value, x.source)
		}
	}
	for _, e := range r.unknown {
		out.SetFrom(e.key, e.value(), e.source)
	}
	return out
}

// settings are the values of a Config that are not the defaults. What is wrong with
// Additional is in the problems.
func (c *Config) settings() (settings, problems) {
	s := settings{}
	var wrong problems
	r := &parser{name: c.Name, input: c.Additional, lenient: true, found: s}
	r.canonicalise()
	wrong = append(wrong, r.wrong...)
	for i := range table {
		row := &table[i]
		if row.get == nil {
			continue
		}
		v, x := row.get(c), s[row.Key]
		if x != nil && (v != "" || row.set != nil) {
			wrong.add(row.Key, x.source, "Config.Additional has it, but it has a field of its own")
			delete(s, row.Key)
		}
		if v != "" {
			s[row.Key] = &setting{row, v, Source{}}
		}
	}
	return s, wrong
}

// Properties gives the settings of c under JCo's names, in the order of the documentation,
// without those that are defaults. ParseProperties makes an equal Config of them. Settings
// that only Go can express (Functions, Callbacks, Values, Limits, DialContext, Logger, Random,
// and what WebSocket and Tunnel say without a property) are left out; durations are rounded up to the unit of their property. Secrets are in clear
// inside, but do not print.
func (c *Config) Properties() Properties {
	s, _ := c.settings()
	out := Properties{additional: c.Additional.additional}
	for i := range table {
		if x := s[table[i].Key]; x != nil {
			out.SetFrom(x.row.Key, x.value, x.source)
		}
	}
	for _, e := range c.Additional.list {
		if find(strings.Trim(e.key, blanks)) == nil {
			out.SetFrom(e.key, e.value(), e.source)
		}
	}
	return out
}

// Effective is what c means, with the defaults and what follows from other settings.
func (c *Config) Effective() *Effective {
	s, _ := c.settings()
	var unknown []*entry
	for _, e := range c.Additional.list {
		if find(strings.Trim(e.key, blanks)) == nil {
			unknown = append(unknown, e)
		}
	}
	return effective(c.Name, s, unknown, s.check(c).warnings)
}

// Validate reports all problems at once; nothing is sent before it is content. The error is
// an *rfc.Error of the class Config; each problem is a *Problem. If there is none, but a password
// would travel in clear against Policy.ForbidPlainLogon, its class is Security.
func (c *Config) Validate() error {
	s, wrong := c.settings()
	wrong = append(wrong, s.check(c).wrong...)
	if err := append(wrong, c.fields()...).asError(c.Name); err != nil {
		return err
	}
	return c.guarded()
}

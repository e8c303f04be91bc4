package saprouter

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/internal/services"
)

// Hop is one station of a route: a router, or the target.
type Hop struct {
	// Host is a name or address as the router before it knows it; the first one as this
	// machine does. 2 to MaxHost bytes.
	Host string
	// Service is a port or a service name, at most MaxService bytes. Empty means
	// DefaultService, also for the target.
	Service string
	// Password is what this router asks for before it goes on to the next hop. The target
	// has none. At most MaxPassword printable ASCII characters without a slash.
	Password Password
}

// Address is host:port, with DefaultService where the hop names none. The port may be a
// service name.
func (h Hop) Address() string { return net.JoinHostPort(h.Host, h.service()) }

func (h Hop) service() string {
	if h.Service == "" {
		return DefaultService
	}
	return h.Service
}

// Route is a list of hops in the order of travel: routers and, unless ParseRouters made it,
// the target at its end.
type Route []Hop

// To is the route that goes on to a target behind its last hop. The receiver is not changed.
func (r Route) To(host, service string) Route {
	out := make(Route, len(r), len(r)+1)
	copy(out, r)
	return append(out, Hop{Host: host, Service: service})
}

// String writes the route with its passwords masked.
func (r Route) String() string { return r.text(func(p Password) string { return p.String() }) }

// Reveal writes the route with its passwords, as Parse and ParseRouters read it.
func (r Route) Reveal() string { return r.text(func(p Password) string { return p.Reveal() }) }

func (r Route) text(password func(Password) string) string {
	var b strings.Builder
	for _, h := range r {
		b.WriteString("/H/" + h.Host)
		if h.Service != "" {
			b.WriteString("/S/" + h.Service)
		}
		if h.Password != "" {
			b.WriteString("/W/" + password(h.Password))
		}
	}
	return b.String()
}

// SyntaxError says where a route string is wrong. It holds no password.
type SyntaxError struct {
	// Pos is the byte offset in the text, from 0.
	Pos int
	// Behind is the text before Pos, its passwords masked.
	Behind string
	// Want says what may stand there, Got what was found.
	Want, Got string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	behind := e.Behind
	if len(behind) > 64 {
		behind = "..." + behind[len(behind)-64:]
	}
	s := fmt.Sprintf("route string: byte %d", e.Pos)
	if behind != "" {
		s += fmt.Sprintf(", behind %q", behind)
	}
	return s + ": want " + e.Want + ", found " + e.Got
}

// Parse reads a whole route: at least one router, and the target at its end. The letters
// of /H/, /S/ and /W/ may be small. A password of the old form, /P/ one hop later than /W/
// [doc], is given to the router it belongs to. The error is a *SyntaxError.
func Parse(text string) (Route, error) {
	p := parser{text: text}
	r := p.hops()
	switch {
	case p.err != nil:
	case p.open:
		p.fail(len(text), "the host of the target", "the end")
	case len(r) < 2:
		p.fail(len(text), `"/H/" and the target behind the router`, "the end")
	case r[len(r)-1].Password != "":
		p.fail(p.lastPassword, "no password behind the target: it belongs to the router before it", "one")
	}
	if p.err != nil {
		return nil, p.err
	}
	return r, nil
}

// ParseRouters reads the routers in front of a target that is named elsewhere, as the
// property jco.client.saprouter has them: at least one; a last /H/ without a host stands for
// the target and is dropped. To completes the route. The error is a *SyntaxError.
func ParseRouters(text string) (Route, error) {
	p := parser{text: text}
	r := p.hops()
	if len(r) == MaxHops {
		p.fail(len(text), fmt.Sprintf("at most %d routers", MaxHops-1), strconv.Itoa(len(r)))
	}
	if p.err != nil {
		return nil, p.err
	}
	return r, nil
}

// parser walks a route string; the first failure sticks.
type parser struct {
	text         string
	pos          int
	open         bool // the text ends with /H/
	lastPassword int  // where the password read last began
	err          error
}

func (p *parser) fail(pos int, want, got string) {
	if p.err == nil {
		p.err = &SyntaxError{Pos: pos, Behind: printable(Redact(p.text[:pos])), Want: want, Got: got}
	}
}

// printable takes what a terminal would obey out of a text for an error.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
}

func (p *parser) hops() Route {
	if len(p.text) > MaxRouteText {
		p.fail(MaxRouteText, fmt.Sprintf("at most %d bytes", MaxRouteText), strconv.Itoa(len(p.text)))
		return nil
	}
	var r Route
	for stage := byte(0); p.err == nil && (p.pos < len(p.text) || stage == 0); {
		start := p.pos
		stage = p.marker(stage)
		at := p.pos
		value := p.value()
		switch stage {
		case 'H':
			if value == "" && p.pos == len(p.text) && len(r) > 0 {
				p.open = true
				return r
			}
			if len(r) == MaxHops {
				p.fail(start, fmt.Sprintf("at most %d hops", MaxHops), "more")
			}
			p.host(at, value, len(r) == 0)
			r = append(r, Hop{Host: value})
		case 'S':
			p.service(at, value)
			r[len(r)-1].Service = value
		case 'W':
			p.password(at, value)
			r[len(r)-1].Password = Password(value)
			p.lastPassword = at
		case 'P':
			p.password(at, value)
			p.legacy(r, start, value)
		}
	}
	if p.err != nil {
		return nil
	}
	return r
}

// legacy gives a password of the old form to the router it belongs to.
func (p *parser) legacy(r Route, start int, password string) {
	if len(r) < 2 {
		p.fail(start, `"/W/" for the password of this router: the old "/P/" stands behind the hop that follows its router`, `"/P/"`)
		return
	}
	router := &r[len(r)-2]
	if router.Password != "" {
		p.fail(start, "one password for a router", `a second one in the old form "/P/"`)
	}
	router.Password = Password(password)
}

// expected says which markers may follow the one read last.
func expected(stage byte) (letters, text string) {
	switch stage {
	case 0:
		return "H", `"/H/"`
	case 'H':
		return "SWPH", `"/S/", "/W/" or "/H/"`
	case 'S':
		return "WPH", `"/W/" or "/H/"`
	default:
		return "H", `"/H/"`
	}
}

// marker reads /x/ and gives x as a capital letter; 0 on failure.
func (p *parser) marker(stage byte) byte {
	letters, want := expected(stage)
	rest := p.text[p.pos:]
	at := p.pos
	if strings.HasPrefix(rest, "/") {
		if len(rest) >= 3 && rest[2] == '/' {
			letter := rest[1] &^ 0x20
			if strings.IndexByte(letters, letter) >= 0 {
				p.pos += 3
				return letter
			}
			if strings.IndexByte("HSWP", letter) >= 0 {
				p.fail(at, want, fmt.Sprintf("%q", rest[:3]))
				return 0
			}
		}
		at, rest = at+1, rest[1:]
	}
	// One character is shown and not the rest, which may be a password in the wrong place;
	// none behind a password, which may have held a slash.
	got := found(rest)
	if stage == 'W' || stage == 'P' {
		want, got = want+" (a password has no slash)", "something else"
	}
	p.fail(at, want, got)
	return 0
}

// found names the first character of a text.
func found(s string) string {
	switch {
	case s == "":
		return "the end"
	case s[0] > ' ' && s[0] <= '~':
		return fmt.Sprintf("%q", s[:1])
	}
	return fmt.Sprintf("0x%02x", s[0])
}

// value reads up to the next slash.
func (p *parser) value() string {
	rest := p.text[p.pos:]
	n := strings.IndexByte(rest, '/')
	if n < 0 {
		n = len(rest)
	}
	p.pos += n
	return rest[:n]
}

func (p *parser) host(at int, host string, first bool) {
	if i, want, got := badHost(host, first); want != "" {
		p.fail(at+i, want, got)
	}
}

func (p *parser) service(at int, service string) {
	if want, got := badService(service); want != "" {
		p.fail(at, want, got)
	}
}

func (p *parser) password(at int, password string) {
	if i, want, got := badPassword(password); want != "" {
		p.fail(at+i, want, got)
	}
}

// badHost says what is wrong with a host and at which byte; want is empty if nothing is.
// Only the first hop is dialled by this machine and may have an address with a zone.
func badHost(host string, first bool) (pos int, want, got string) {
	switch {
	case host == "":
		return 0, "a host", "none"
	case len(host) > MaxHost:
		return MaxHost, fmt.Sprintf("a host of at most %d bytes", MaxHost), strconv.Itoa(len(host))
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c > '~' || c == '/' {
			return i, "a host without blanks, control and other characters beyond ASCII", fmt.Sprintf("invalid character 0x%02x", c)
		}
	}
	address, err := netip.ParseAddr(host)
	switch {
	case len(host) < 2:
		return 0, "a host of at least 2 characters", fmt.Sprintf("%q", host)
	case strings.HasPrefix(host, "["):
		return 0, "an IPv6 address without brackets, such as 2001:db8::1, its port behind /S/", `"["`
	case err == nil && address.Zone() != "" && !first:
		return strings.IndexByte(host, '%'), "an address without a zone: only the first hop is reached from this machine", `"%"`
	case err != nil && strings.Contains(host, ":"):
		return strings.IndexByte(host, ':'), "a host name or address; the port belongs behind /S/", `":"`
	case err != nil && strings.Contains(host, "%"):
		return strings.IndexByte(host, '%'), "a host name or address", `"%"`
	}
	return 0, "", ""
}

func badService(service string) (want, got string) {
	const rule = "a port 1-65535 or a service name"
	if _, err := services.Number(service); err == nil {
		return "", ""
	}
	switch {
	case service == "":
		return rule, "none"
	case len(service) > MaxService:
		return fmt.Sprintf("a service of at most %d bytes", MaxService), strconv.Itoa(len(service))
	case strings.Trim(service, "0123456789") == "", !services.Valid(service):
		return rule, fmt.Sprintf("%.64q", service)
	}
	return "", ""
}

// badPassword never tells a character of the password.
func badPassword(password string) (pos int, want, got string) {
	switch {
	case password == "":
		return 0, "a password", "none"
	case len(password) > MaxPassword:
		return MaxPassword, fmt.Sprintf("a password of at most %d bytes", MaxPassword), strconv.Itoa(len(password))
	}
	for i := range len(password) {
		if c := password[i]; c < ' ' || c > '~' || c == '/' {
			return i, "a password of printable ASCII characters without a slash", "another character"
		}
	}
	return 0, "", ""
}

// Validate checks a whole route that was put together by hand or by To: what Parse checks,
// and the length of its hop list. The error names the hop and no password.
func (r Route) Validate() error {
	if len(r) < 2 {
		return fmt.Errorf("route: %d hops, at least a router and the target are needed", len(r))
	}
	if len(r) > MaxHops {
		return fmt.Errorf("route: %d hops, at most %d", len(r), MaxHops)
	}
	for i, h := range r {
		if pos, want, got := badHost(h.Host, i == 0); want != "" {
			return fmt.Errorf("route: host of hop %d, byte %d: want %s, found %s", i+1, pos, want, got)
		}
		if h.Service != "" {
			if want, got := badService(h.Service); want != "" {
				return fmt.Errorf("route: service of hop %d: want %s, found %s", i+1, want, got)
			}
		}
		if h.Password == "" {
			continue
		}
		if i == len(r)-1 {
			return fmt.Errorf("route: hop %d is the target and has a password: it belongs to the router before it", i+1)
		}
		if pos, want, got := badPassword(h.Password.Reveal()); want != "" {
			return fmt.Errorf("route: password of hop %d, byte %d: want %s, found %s", i+1, pos, want, got)
		}
	}
	if n := r.listLength(); n > MaxHopList {
		return fmt.Errorf("route: its hop list has %d bytes, at most %d", n, MaxHopList)
	}
	return nil
}

// listLength is the length of the hop list on the wire, in bytes.
func (r Route) listLength() (n int) {
	for _, h := range r {
		n += h.wireLength()
	}
	return n
}

func (h Hop) wireLength() int { return len(h.Host) + len(h.Service) + len(h.Password) + 3 }

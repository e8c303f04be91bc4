package saprouter

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/internal/services"
)

// Permissions is the table by which a Server decides. The first line whose hosts, service
// and numbers of routers match a route decides, its password included; without a line a
// route is denied, so that the zero value denies everything. It is not changed after
// ParsePermissions and safe for concurrent use.
type Permissions struct{ lines []permission }

// permission is one line.
type permission struct {
	line          int
	action        byte // P, S or D
	before, after int  // most routers in front of and behind this one; -1: any number
	source, dest  hostPattern
	service       servicePattern
	password      [sha256.Size]byte // digest
	hasPassword   bool
}

// ParsePermissions reads a route permission table:
//
//	P<v>,<n>  source  destination  service  password
//
// P permits a route, S only one that carries NI records, D denies it. v and n are the most
// routers in front of and behind this one; they may be left out, and * stands for any
// number. Fields left out at the end are *. A host is *, a name, an address, a prefix such
// as 10.1.0.0/16, or an IPv4 address whose bytes may be * or eight binary digits with x for
// either (10.1.1011xxxx.*). A service is *, a name, a port or a range of ports such as
// 3200.3298. Lines that begin with # are comments. Lines for SNC (KT, KD, KP, KS) are
// refused. The error names every line that is wrong, and no password.
//
// Source: the format of the vendor's route permission table [doc].
func ParsePermissions(r io.Reader) (Permissions, error) {
	var (
		table Permissions
		errs  []error
	)
	lines := bufio.NewScanner(io.LimitReader(r, maxTable+1))
	file := sync.OnceValues(services.System) // read once, if a service has a name
	size := 0
	for n := 1; lines.Scan(); n++ {
		size += len(lines.Bytes()) + 1
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		p, err := parsePermission(strings.Fields(text), file)
		if err != nil {
			errs = append(errs, fmt.Errorf("route permission table: line %d: %w", n, err))
			continue
		}
		p.line = n
		table.lines = append(table.lines, p)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("route permission table: %w", err))
	}
	if size > maxTable {
		errs = append(errs, fmt.Errorf("route permission table: more than %d bytes", maxTable))
	}
	if err := errors.Join(errs...); err != nil {
		return Permissions{}, err
	}
	return table, nil
}

func parsePermission(fields []string, file func() (*services.Table, error)) (p permission, err error) {
	if len(fields) > 5 {
		return p, fmt.Errorf("%d fields, at most five: action, source, destination, service, password", len(fields))
	}
	if err := p.parseAction(fields[0]); err != nil {
		return p, err
	}
	get := func(i int) string {
		if i < len(fields) {
			return fields[i]
		}
		return "*"
	}
	if p.source, err = parseHostPattern(get(1)); err != nil {
		return p, fmt.Errorf("source: %w", err)
	}
	if p.dest, err = parseHostPattern(get(2)); err != nil {
		return p, fmt.Errorf("destination: %w", err)
	}
	if p.service, err = parseServicePattern(get(3), file); err != nil {
		return p, fmt.Errorf("service: %w", err)
	}
	if password := get(4); password != "*" {
		if i, want, got := badPassword(password); want != "" {
			return p, fmt.Errorf("password: character %d: want %s, found %s", i+1, want, got)
		}
		p.password, p.hasPassword = sha256.Sum256([]byte(password)), true
	}
	return p, nil
}

// parseAction reads P, S or D with numbers of routers.
func (p *permission) parseAction(s string) error {
	if strings.HasPrefix(s, "K") {
		return fmt.Errorf("%.8q: lines for SNC are not supported", s)
	}
	p.action, p.before, p.after = s[0], -1, -1
	if strings.IndexByte("PSD", p.action) < 0 {
		return fmt.Errorf("%.8q: P, S or D required", s)
	}
	if len(s) == 1 {
		return nil
	}
	before, after, ok := strings.Cut(s[1:], ",")
	if !ok {
		return fmt.Errorf("%.16q: numbers of routers are written P1,0", s)
	}
	for _, d := range []struct {
		text string
		to   *int
	}{{before, &p.before}, {after, &p.after}} {
		if d.text == "*" {
			continue
		}
		n, err := strconv.Atoi(d.text)
		if err != nil || n < 0 || n >= MaxHops {
			return fmt.Errorf("%.16q: a number of routers is * or 0 to %d", s, MaxHops-1)
		}
		*d.to = n
	}
	return nil
}

// hostPattern matches hosts; the zero value matches none.
type hostPattern struct {
	any    bool
	prefix netip.Prefix
	name   string
	bytes  [4]struct{ mask, value byte }
	masked bool
}

func parseHostPattern(s string) (hostPattern, error) {
	if s == "*" {
		return hostPattern{any: true}, nil
	}
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return hostPattern{prefix: prefix.Masked()}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return hostPattern{prefix: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	parts := strings.Split(s, ".")
	if len(parts) == 4 && strings.Trim(s, "0123456789.*x") == "" {
		p := hostPattern{masked: true}
		for i, part := range parts {
			mask, value, ok := parseByte(part)
			if !ok {
				return p, fmt.Errorf("%.64q: a byte is 0 to 255, * or eight digits 0, 1, x", s)
			}
			p.bytes[i].mask, p.bytes[i].value = mask, value
		}
		return p, nil
	}
	if _, want, got := badHost(s, false); want != "" || strings.ContainsAny(s, "*/%") {
		return hostPattern{}, fmt.Errorf("%.64q: *, a name, an address or a prefix required%s", s, strings.TrimSuffix(", "+got, ", "))
	}
	return hostPattern{name: s}, nil
}

func parseByte(s string) (mask, value byte, ok bool) {
	if s == "*" {
		return 0, 0, true
	}
	if len(s) == 8 {
		for i := range 8 {
			mask, value = mask<<1, value<<1
			switch s[i] {
			case '0':
				mask |= 1
			case '1':
				mask, value = mask|1, value|1
			case 'x':
			default:
				return 0, 0, false
			}
		}
		return mask, value, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return 0xff, byte(n), err == nil
}

// address reports whether an address is meant; a pattern that is a name means none.
func (p *hostPattern) address(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	switch {
	case p.any:
		return true
	case p.masked:
		if !a.Is4() {
			return false
		}
		b := a.As4()
		for i, part := range p.bytes {
			if b[i]&part.mask != part.value {
				return false
			}
		}
		return true
	}
	return p.prefix.IsValid() && p.prefix.Contains(a)
}

// servicePattern matches services; the zero value matches none.
type servicePattern struct {
	low, high int
	name      string // if it has no known port
}

func parseServicePattern(s string, file func() (*services.Table, error)) (servicePattern, error) {
	if s == "*" {
		return servicePattern{low: 0, high: 65535}, nil
	}
	low, high, isRange := strings.Cut(s, ".")
	if n, err := services.Number(low); err == nil {
		if !isRange {
			return servicePattern{low: n, high: n}, nil
		}
		if m, err := services.Number(high); err == nil && m >= n {
			return servicePattern{low: n, high: m}, nil
		}
		return servicePattern{}, fmt.Errorf("%.64q: a range of ports is written 3200.3298", s)
	}
	if want, got := badService(s); want != "" {
		return servicePattern{}, fmt.Errorf("want *, %s or a range such as 3200.3298, found %s", want, got)
	}
	p := servicePattern{name: s, low: 1}
	known, err := file()
	if err != nil {
		return p, err
	}
	if n, err := known.Resolve(s); err == nil {
		p.low, p.high = n, n
	}
	return p, nil
}

// matches takes the service as it is written, and its port, 0 if that is not known.
func (p *servicePattern) matches(name string, port int) bool {
	return port >= p.low && port <= p.high || p.name != "" && strings.EqualFold(p.name, name)
}

// question is what a table is asked.
type question struct {
	source        netip.Addr
	host, service string // of the next hop, as written
	port          int    // of the service; 0 if it is not known
	password      Password
	before, after int // routers in front of and behind this one
	mode          TalkMode
	// addresses gives those of the next hop, lookup those of a name in the table.
	addresses func() []netip.Addr
	lookup    func(name string) ([]netip.Addr, error)
}

// verdict is the answer.
type verdict struct {
	code int32 // 0: permitted
	line int   // of the table; 0: none matched
}

// check asks the table.
func (t *Permissions) check(q *question) verdict {
	for i := range t.lines {
		p := &t.lines[i]
		if !p.matches(q) {
			continue
		}
		switch {
		case p.action == 'D':
			return verdict{codeDenied, p.line}
		case p.hasPassword && !p.opens(q.password):
			return verdict{codeDenied, p.line}
		case p.action == 'S' && q.mode != MessageIO:
			return verdict{codeModeDenied, p.line}
		}
		return verdict{0, p.line}
	}
	return verdict{codeDenied, 0}
}

// opens compares passwords in a time that depends on neither of them: not on their
// characters and not on their lengths (the past defect CVE-2014-0984).
func (p *permission) opens(given Password) bool {
	digest := sha256.Sum256([]byte(given.Reveal()))
	return subtle.ConstantTimeCompare(digest[:], p.password[:]) == 1
}

func (p *permission) matches(q *question) bool {
	switch {
	case p.before >= 0 && q.before > p.before, p.after >= 0 && q.after > p.after:
		return false
	case !p.service.matches(q.service, q.port):
		return false
	}
	return p.fromSource(q) && p.toDest(q)
}

func (p *permission) fromSource(q *question) bool {
	if p.source.name == "" {
		return p.source.address(q.source)
	}
	list, err := q.lookup(p.source.name)
	if err != nil {
		return p.action == 'D' // what cannot be told apart is denied
	}
	return slices.Contains(list, q.source)
}

// toDest matches a name as it is written and by its addresses. Of several addresses of the
// next hop one is enough for a denial, and all are needed for a permission.
func (p *permission) toDest(q *question) bool {
	d := &p.dest
	if d.any || d.name != "" && strings.EqualFold(d.name, q.host) {
		return true
	}
	meant := d.address
	if d.name != "" {
		list, err := q.lookup(d.name)
		if err != nil {
			return p.action == 'D'
		}
		meant = func(a netip.Addr) bool { return slices.Contains(list, a) }
	}
	list := q.addresses()
	if p.action == 'D' {
		return slices.ContainsFunc(list, meant)
	}
	return len(list) > 0 && !slices.ContainsFunc(list, func(a netip.Addr) bool { return !meant(a) })
}

// lookupTable remembers what resolve says while one route is looked at. Addresses that
// stand for any address of this machine are left out: they would pass by what the table says
// of loopback.
func lookupTable(ctx context.Context, resolve func(ctx context.Context, host string) ([]netip.Addr, error)) func(string) ([]netip.Addr, error) {
	type answer struct {
		list []netip.Addr
		err  error
	}
	known := make(map[string]answer)
	return func(name string) ([]netip.Addr, error) {
		if got, ok := known[name]; ok {
			return got.list, got.err
		}
		var got answer
		if a, err := netip.ParseAddr(name); err == nil {
			got.list = []netip.Addr{a}
		} else {
			got.list, got.err = resolve(ctx, name)
		}
		list := make([]netip.Addr, 0, len(got.list))
		for _, a := range got.list {
			if a = a.Unmap().WithZone(""); !a.IsUnspecified() {
				list = append(list, a)
			}
		}
		got.list = list
		known[name] = got
		return got.list, got.err
	}
}

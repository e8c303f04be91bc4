package services

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ErrUnknown: no number, not in the services file, and no name that follows a formula.
var ErrUnknown = errors.New("unknown service")

const (
	// maxFile is how much of a services file is read, in bytes; usual ones have 12 to 20 KiB.
	maxFile = 4 << 20
	// maxName is the longest service name, in bytes [impl].
	maxName = 63
)

// Table holds the TCP ports of a services file. A nil Table is empty. It is not changed
// after Parse and safe for concurrent use.
type Table struct {
	exact, lower map[string]int // lower: names in small letters; ambiguous if the ports differ
}

// ambiguous marks a name that stands for several ports.
const ambiguous = -1

// Parse reads the format of /etc/services: name, port/protocol, aliases, # comments. Lines
// that say something else are passed over; only tcp counts.
func Parse(r io.Reader) (*Table, error) {
	t := &Table{exact: make(map[string]int), lower: make(map[string]int)}
	lines := bufio.NewScanner(io.LimitReader(r, maxFile))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(f[1], "/")
		port, err := strconv.Atoi(number)
		if err != nil || port < 1 || port > 65535 || !strings.EqualFold(protocol, "tcp") {
			continue
		}
		for i, name := range f {
			if i != 1 {
				put(t.exact, name, port)
				put(t.lower, strings.ToLower(name), port)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("services file: %w", err)
	}
	return t, nil
}

func put(m map[string]int, name string, port int) {
	if old, ok := m[name]; ok && old != port {
		port = ambiguous
	}
	m[name] = port
}

// Port looks a name up: as it is written, then without regard to case. A name with several
// ports is an error.
func (t *Table) Port(name string) (int, error) {
	if t == nil {
		return 0, ErrUnknown
	}
	port, ok := t.exact[name]
	if !ok {
		port, ok = t.lower[strings.ToLower(name)]
	}
	switch {
	case !ok:
		return 0, ErrUnknown
	case port == ambiguous:
		return 0, fmt.Errorf("service %s has several TCP ports in the services file; give the number", name)
	}
	return port, nil
}

// System reads the services file of this machine. A machine without one has an empty Table.
func System() (*Table, error) {
	f, err := os.Open(path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // a nil Table is an empty one
	}
	if err != nil {
		return nil, fmt.Errorf("services file: %w", err)
	}
	defer f.Close()
	return Parse(f)
}

func path() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "services")
	}
	return "/etc/services"
}

// Resolve gives the port of a number or name: the services file of the machine first, then
// SAP. ErrUnknown if neither knows it.
func Resolve(name string) (int, error) {
	if port, err := Number(name); err == nil || !errors.Is(err, ErrUnknown) {
		return port, err
	}
	t, err := System()
	if err != nil {
		return 0, err
	}
	return t.Resolve(name)
}

// Resolve is the function of that name for another file than that of the machine.
func (t *Table) Resolve(name string) (int, error) {
	if port, err := Number(name); err == nil || !errors.Is(err, ErrUnknown) {
		return port, err
	}
	if !Valid(name) {
		return 0, fmt.Errorf("%w %.64q: port 1-65535 or a name of letters, digits, '-', '_' and '.', at most %d", ErrUnknown, name, maxName)
	}
	port, err := t.Port(name)
	if !errors.Is(err, ErrUnknown) {
		return port, err
	}
	if port, ok := SAP(name); ok {
		return port, nil
	}
	return 0, fmt.Errorf("%w %s: it is not in the services file of this machine; give the port number", ErrUnknown, name)
}

// Number reads a port number. What is no number is ErrUnknown.
func Number(s string) (int, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, ErrUnknown
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("port %.16s: 1-65535 required", s)
	}
	return n, nil
}

// Valid reports whether a name can be that of a service.
func Valid(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// formulas are the names that follow from the two digits of an instance number.
//
// Source: spec 10 section 2 and spec 11 section 2 [dissector].
var formulas = []struct {
	prefix, suffix string
	base           int
}{
	{"sapdp", "", 3200},
	{"sapgw", "", 3300},
	{"sapms", "", 3600},
	{"sapgw", "s", 4800},
}

// SAP gives the port of saprouter, sapdpNN, sapgwNN, sapmsNN and sapgwNNs.
func SAP(name string) (int, bool) {
	if name == "saprouter" {
		return 3299, true
	}
	for _, f := range formulas {
		nn, ok := strings.CutPrefix(name, f.prefix)
		if !ok {
			continue
		}
		if nn, ok = strings.CutSuffix(nn, f.suffix); ok && len(nn) == 2 && strings.Trim(nn, "0123456789") == "" {
			return f.base + 10*int(nn[0]-'0') + int(nn[1]-'0'), true
		}
	}
	return 0, false
}

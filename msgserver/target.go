package msgserver

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/ni"
)

// Target is an application server that a message server named.
type Target struct {
	// Name is the name of the instance, if the answer had it.
	Name string
	// Host is a name or address as the message server knows it. It may be unknown to the
	// resolver of this machine.
	Host string
	// Port is that of the gateway.
	Port int
	// SNCPort is that of the gateway for SNC, and SNCName the name of the server there, if
	// the answer had it.
	SNCPort int
	SNCName string
}

// Address is host:port of the gateway.
func (t Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// SystemNumber is the instance number, two digits: the last two of the gateway's port.
func (t Target) SystemNumber() string { return fmt.Sprintf("%02d", t.Port%100) }

// String is the address.
func (t Target) String() string { return t.Address() }

// byDispatcher makes a Target of a host and the port of its dispatcher.
//
// Source: spec 11 section 3.3 [capture] [impl]; that the numbers need not be 32NN [experiment].
func byDispatcher(host string, port int) (Target, error) {
	if err := checkHost(host); err != nil {
		return Target{}, err
	}
	if port < 1 || port > lastDispatcher {
		return Target{}, fmt.Errorf("dispatcher port %d: 1 to %d required", port, lastDispatcher)
	}
	return Target{Host: host, Port: port + gatewayOffset, SNCPort: 4800 + port%100}, nil
}

// checkHost refuses what could mean something else than a host: who answers for a message
// server decides where clients go.
func checkHost(host string) error {
	switch {
	case host == "":
		return fmt.Errorf("the name of the host is empty")
	case len(host) > maxHost:
		return fmt.Errorf("the name of the host has %d bytes, at most %d", len(host), maxHost)
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c > '~' || strings.IndexByte(`/\@[]"'<>?#`, c) >= 0 {
			return fmt.Errorf("the name of the host, %q, has an invalid character 0x%02x at %d", shown(host), c, i)
		}
	}
	a, err := netip.ParseAddr(host)
	switch {
	case err == nil && a.Unmap().WithZone("").IsUnspecified():
		return fmt.Errorf("the host %s stands for no machine", host)
	case err != nil && strings.Contains(host, ":"):
		return fmt.Errorf("the name of the host, %q, holds a colon", shown(host))
	}
	return nil
}

// shown bounds a foreign text for an error.
func shown(s string) string { return ni.Printable([]byte(s), maxShown) }

// CheckGroup reports whether a name can be that of a logon group: 1 to MaxGroup printable
// ASCII characters, no blank at either end (cases R-07, B-15).
func CheckGroup(group string) error {
	if strings.Trim(group, " ") == "" {
		return fmt.Errorf("logon group: the name is blank; leave it out for %s", DefaultGroup)
	}
	if len(group) > MaxGroup {
		return fmt.Errorf("logon group: %d bytes, at most %d", len(group), MaxGroup)
	}
	for i := range len(group) {
		if c := group[i]; c < ' ' || c > '~' {
			return fmt.Errorf("logon group: invalid character 0x%02x at %d, printable ASCII required", c, i)
		}
	}
	if strings.Trim(group, " ") != group {
		return fmt.Errorf("logon group: %q has a blank at an end", group)
	}
	return nil
}

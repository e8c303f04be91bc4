package destination

import (
	"crypto/tls"
	"strconv"
	"time"

	"github.com/purerfc/purerfc/serialization"
)

// The functions below make Property.get and Property.set of the place of a field. A get gives
// "" for what is the default; a set is given values that their form has accepted.

func text(at func(*Config) *string) func(*Config) string {
	return func(c *Config) string { return *at(c) }
}

func setText(at func(*Config) *string) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = v }
}

func number(at func(*Config) *int) func(*Config) string {
	return func(c *Config) string {
		if n := *at(c); n != 0 {
			return strconv.Itoa(n)
		}
		return ""
	}
}

func setNumber(at func(*Config) *int) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = atoi(v) }
}

// atoi is for values whose form is in order.
func atoi(v string) int {
	n, _ := strconv.Atoi(v)
	return n
}

func optional(at func(*Config) **int) func(*Config) string {
	return func(c *Config) string {
		if n := *at(c); n != nil {
			return strconv.Itoa(*n)
		}
		return ""
	}
}

func setOptional(at func(*Config) **int) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = new(atoi(v)) }
}

// getKiB counts begun units, as inUnits does.
func getKiB(c *Config) string {
	if n := c.Limits.Message; n > 0 {
		return strconv.FormatInt((n+1023)>>10, 10)
	}
	return ""
}

func toggle(at func(*Config) *bool) func(*Config) string {
	return func(c *Config) string {
		if *at(c) {
			return "1"
		}
		return ""
	}
}

func setToggle(at func(*Config) *bool) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = v == "1" }
}

func optionalToggle(at func(*Config) **bool) func(*Config) string {
	return func(c *Config) string {
		switch b := *at(c); {
		case b == nil:
			return ""
		case *b:
			return "1"
		}
		return "0"
	}
}

func setOptionalToggle(at func(*Config) **bool) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = new(v == "1") }
}

// inUnits counts the begun units, so that a limit of less than one does not become none.
func inUnits(d, unit time.Duration) string {
	n := d / unit
	switch rest := d % unit; {
	case rest > 0:
		n++
	case rest < 0:
		n-- // so that it stays negative, which is an error
	}
	return strconv.FormatInt(int64(n), 10)
}

// Durations that are negative are reported under the name of their field.
func units(at func(*Config) *time.Duration, unit time.Duration) func(*Config) string {
	return func(c *Config) string {
		if d := *at(c); d > 0 {
			return inUnits(d, unit)
		}
		return ""
	}
}

func millis(at func(*Config) *time.Duration) func(*Config) string {
	return units(at, time.Millisecond)
}

func minutes(at func(*Config) *time.Duration) func(*Config) string { return units(at, time.Minute) }

func setMinutes(at func(*Config) *time.Duration) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = time.Duration(atoi(v)) * time.Minute }
}

func setMillis(at func(*Config) *time.Duration) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = time.Duration(atoi(v)) * time.Millisecond }
}

func optionalMillis(at func(*Config) **time.Duration) func(*Config) string {
	return func(c *Config) string {
		if d := *at(c); d != nil {
			return inUnits(*d, time.Millisecond)
		}
		return ""
	}
}

func setOptionalMillis(at func(*Config) **time.Duration) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = new(time.Duration(atoi(v)) * time.Millisecond) }
}

// The format of a Config is one value for two properties: basXML is a form of rowBased.

func getFormat(c *Config) string {
	if c.Format == serialization.Classic || c.Format == serialization.BasXML {
		return ""
	}
	return c.Format.String()
}

func setFormat(c *Config, v string) {
	for f := serialization.Classic; f <= serialization.ColumnFast; f++ {
		if f.String() == v {
			c.Format = f
		}
	}
}

func getBasXML(c *Config) string {
	if c.Format == serialization.BasXML {
		return "1"
	}
	return ""
}

// setBasXML comes behind setFormat in the table.
func setBasXML(c *Config, v string) {
	if v == "1" && c.Format == serialization.Classic {
		c.Format = serialization.BasXML
	}
}

func getNetwork(c *Config) string {
	if c.WAN {
		return "WAN"
	}
	return ""
}

func getDelta(c *Config) string {
	if c.NoDelta {
		return "0"
	}
	return ""
}

func optionalSeconds(at func(*Config) **time.Duration) func(*Config) string {
	return func(c *Config) string {
		if d := *at(c); d != nil {
			return inUnits(*d, time.Second)
		}
		return ""
	}
}

func setOptionalSeconds(at func(*Config) **time.Duration) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = new(time.Duration(atoi(v)) * time.Second) }
}

func seconds(at func(*Config) *time.Duration) func(*Config) string { return units(at, time.Second) }

func setSeconds(at func(*Config) *time.Duration) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = time.Duration(atoi(v)) * time.Second }
}

// negated is for a switch whose field says the opposite.
func negated(at func(*Config) *bool) func(*Config) string {
	return func(c *Config) string {
		if *at(c) {
			return "0"
		}
		return ""
	}
}

func setNegated(at func(*Config) *bool) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = v == "0" }
}

// secret is text of any type of secret.
func secret[S ~string](at func(*Config) *S) func(*Config) string {
	return func(c *Config) string { return string(*at(c)) }
}

func setSecret[S ~string](at func(*Config) *S) func(*Config, string) {
	return func(c *Config, v string) { *at(c) = S(v) }
}

func getMinTLS(c *Config) string {
	if c.WebSocket.MinTLS == tls.VersionTLS13 {
		return "TLSv1.3"
	}
	return ""
}

func setMinTLS(c *Config, v string) {
	if v == "TLSv1.3" {
		c.WebSocket.MinTLS = tls.VersionTLS13
	}
}

func getTunnelAuth(c *Config) string {
	if c.Tunnel.Trusted {
		return "none"
	}
	return ""
}

func setTunnelKind(c *Config, v string) {
	if v != "none" {
		c.Tunnel.Kind = v
	}
}

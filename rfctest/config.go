package rfctest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"time"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/rfc"
)

// The identity that a System accepts when its Config names none. They are public, which is
// why a System that can be reached from outside refuses to start with them.
const (
	DefaultUser     = "DEVELOPER"
	DefaultPassword = rfc.Secret("secret")
	DefaultClient   = "001"
	DefaultAddress  = "127.0.0.1:0"
	// DefaultBigTableRows is the number of rows of the table ZBIGTAB.
	DefaultBigTableRows = 10_000
)

// Config are the settings of a System. The zero value is a system GOR on a free loopback
// port.
type Config struct {
	// SystemID is what the system calls itself, 3 characters. Default GOR. It wins over
	// System.ID.
	SystemID string
	// System is what clients are told about the system beyond its id: release, host,
	// instance number. With System.Codepage it is a non-Unicode system.
	System rfc.System
	// Clients are the client numbers one can log on to. Default 001.
	Clients []string
	// User and Password are the accepted identity, Users further ones. Defaults DEVELOPER
	// and DefaultPassword if all three are empty.
	User     string
	Password rfc.Secret
	Users    gateway.Users
	// Address is the TCP address to listen on. Default a free port of 127.0.0.1.
	Address string
	// WebSocketAddress is the TCP address to serve WebSocket RFC on as well, over TLS with a
	// certificate of its own and all modules allowed, unless Configure says otherwise. Default:
	// it is not served.
	WebSocketAddress string
	// AllowRemote lets the system listen on other addresses than loopback; it then needs
	// an identity of its own.
	AllowRemote bool
	// AllowAnonymous serves sessions without a user.
	AllowAnonymous bool
	// BigTableRows is the number of rows of ZBIGTAB. Default DefaultBigTableRows.
	BigTableRows int
	// Now is the clock of the system. Default time.Now.
	Now func() time.Time
	// Wait is the sleep of RFC_PING_AND_WAIT; it returns early with the cause when ctx
	// ends. Default a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// WrapConn, if set, gets every accepted connection and may return another in its
	// place: the place for faults and recordings.
	WrapConn func(net.Conn) net.Conn
	// Configure, if set, changes the server before it serves: limits, deadlines.
	Configure func(*gateway.Server)
	// Logger gets what goes wrong inside. Default none.
	Logger *slog.Logger
}

// withDefaults checks the settings and fills in what is missing.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.SystemID == "" {
		c.SystemID = c.System.ID
	}
	if c.SystemID == "" {
		c.SystemID = "GOR"
	}
	if len(c.SystemID) != 3 {
		errs = append(errs, fmt.Errorf("system id %.16q: three characters required", c.SystemID))
	}
	c.System.ID = c.SystemID
	for _, d := range []struct {
		field *string
		value string
	}{
		{&c.System.Number, "00"},
		{&c.System.Host, "localhost"},
		{&c.System.Release, "758"},
		{&c.System.KernelRelease, "793"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if len(c.Clients) == 0 {
		c.Clients = []string{DefaultClient}
	}
	users := gateway.Users{}
	maps.Copy(users, c.Users)
	switch {
	case c.User == "" && c.Password == "" && len(users) == 0:
		if c.AllowRemote {
			errs = append(errs, errors.New("a system that can be reached from outside needs a user and password of its own"))
		}
		c.User, c.Password = DefaultUser, DefaultPassword
	case c.User == "" && c.Password != "", c.User != "" && c.Password == "":
		errs = append(errs, errors.New("user and password: exactly one of them is given"))
	}
	if c.User != "" {
		users[c.User] = c.Password
	}
	c.Users = users
	if c.User == "" { // the own calls of the system need an identity: the first by name
		for name := range users {
			if c.User == "" || name < c.User {
				c.User, c.Password = name, users[name]
			}
		}
	}
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	if c.BigTableRows <= 0 {
		c.BigTableRows = DefaultBigTableRows
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait == nil {
		c.Wait = wait
	}
	if n := c.System.Codepage; n != "" {
		if _, err := codepage.Lookup(n); err != nil {
			errs = append(errs, fmt.Errorf("code page of the system: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("rfctest: %w", err)
	}
	return c, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Option changes the Config of NewSystem.
type Option func(*Config)

// WithConfig replaces the whole Config; options behind it change it further.
func WithConfig(c Config) Option { return func(dst *Config) { *dst = c } }

// WithSystemID names the system.
func WithSystemID(id string) Option { return func(c *Config) { c.SystemID = id } }

// WithUser adds a user that may log on.
func WithUser(name string, password rfc.Secret) Option {
	return func(c *Config) {
		users := gateway.Users{name: password}
		maps.Copy(users, c.Users)
		c.Users = users
	}
}

// WithClients lists the client numbers.
func WithClients(numbers ...string) Option { return func(c *Config) { c.Clients = numbers } }

// WithNow sets the clock.
func WithNow(now func() time.Time) Option { return func(c *Config) { c.Now = now } }

// WithWait replaces the sleep of RFC_PING_AND_WAIT.
func WithWait(w func(ctx context.Context, d time.Duration) error) Option {
	return func(c *Config) { c.Wait = w }
}

// WithConn passes every accepted connection through wrap, for faults and recordings.
func WithConn(wrap func(net.Conn) net.Conn) Option { return func(c *Config) { c.WrapConn = wrap } }

// WithWebSocket serves WebSocket RFC as well, on a free port; see System.ConnectWebSocket.
func WithWebSocket() Option { return func(c *Config) { c.WebSocketAddress = DefaultAddress } }

// WithServer changes the server before it serves.
func WithServer(configure func(*gateway.Server)) Option {
	return func(c *Config) { c.Configure = configure }
}

// WithCodepage makes the system one of another code page than 4103: with 1100, 8000 and so on
// it is not Unicode, with 4102 it is UTF-16BE. Clients of Config may then talk to it.
func WithCodepage(number string) Option { return func(c *Config) { c.System.Codepage = number } }

// WithBigEndian makes the system write its numbers with the high byte first.
func WithBigEndian() Option { return func(c *Config) { c.System.BigEndian = true } }

// WithBigTableRows sets the number of rows of ZBIGTAB.
func WithBigTableRows(n int) Option { return func(c *Config) { c.BigTableRows = n } }

// WithLogger sets the logger.
func WithLogger(l *slog.Logger) Option { return func(c *Config) { c.Logger = l } }

package destination

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/services"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/serialization"
)

// Config are the settings of a destination. The comment names the JCo property of each.
type Config struct {
	// Name is the destination's own name; partners see it. Optional.
	Name string
	// ApplicationServer is the host as seen inside the SAP network (jco.client.ashost).
	// Required unless Gateway or MessageServer is given.
	ApplicationServer string
	// SystemNumber is two digits (jco.client.sysnr). Required unless GatewayService or
	// MessageServer is given.
	SystemNumber string
	// Gateway is the host that is dialled (jco.client.gwhost). Default ApplicationServer.
	Gateway string
	// GatewayService is a service name, sapgwNN, or a port (jco.client.gwserv). Default
	// sapgwNN of SystemNumber, port 33NN.
	GatewayService string
	// SAProuter are the routers on the way, for a message server as well
	// (jco.client.saprouter): /H/host/S/service/W/password for each, and a last /H/ if one
	// likes. It prints without its passwords. Names behind the first router are not resolved
	// here.
	SAProuter saprouter.RouteString
	// MessageServer selects load balancing (jco.client.mshost): for each connection it is asked
	// for a server of the logon group. Several message servers of one system are separated by
	// commas; the first that answers is taken.
	MessageServer string
	// SystemID is the system behind a message server (jco.client.r3name), three characters: the
	// service is sapms<SID>. MessageService is its service or port (jco.client.msserv), and wins;
	// http://host:port asks the text interface instead. One of them is required with
	// MessageServer.
	SystemID, MessageService string
	// Group is the logon group (jco.client.group). Default PUBLIC.
	Group string
	// GroupMaxAge is how long an answer for the group serves further connections
	// (go.group.max_age_ms). Default 0: a question for each, which leaves the balancing to the
	// message server.
	GroupMaxAge time.Duration
	// Groups remembers servers of logon groups, and which ones did not answer. Default: a memory
	// of each Destination, with GroupMaxAge; Dial starts without one.
	Groups *msgserver.Groups
	// WebSocket are the settings of WebSocket RFC: a host in it stands in place of
	// ApplicationServer, Gateway and MessageServer.
	WebSocket WebSocketConfig
	// ProxyType is OnPremise, which goes through the Tunnel, Internet, which is WebSocket RFC, or
	// Local, the plain network (jco.destination.proxy_type). Default: what the other settings say.
	ProxyType string
	// Tunnel is a proxy on the way to the gateway.
	Tunnel TunnelConfig
	// Client is three digits (jco.client.client).
	Client string
	// User and Password (jco.client.user, jco.client.passwd): both or neither.
	User     string
	Password rfc.Secret
	// Language is a two-letter ISO code or a one-letter SAP key (jco.client.lang).
	Language string
	// Codepage is the SAP code page, four digits, in which the logon is written
	// (jco.client.codepage). Default 1100, or with PartnerCharSize 2 4103.
	Codepage string
	// PartnerCharSize is the partner's number of bytes for a character, as far as it is known
	// before the logon (jco.client.pcs): 1 for a system that is not Unicode, which needs
	// AllowNonUnicode; 2 for one that is. Default 0: the logon in Codepage, the answer tells.
	PartnerCharSize int
	// AllowNonUnicode accepts partners that are not Unicode systems. Default: refused at
	// logon with rfc.ErrCodepage.
	AllowNonUnicode bool
	// BigEndian writes numbers and UTF-16 with their high byte first, as JCo does; see
	// rfc.ConnConfig. For tests of partners.
	BigEndian bool
	// Program and Host are what the partner is told about this process. Defaults purerfc
	// and localhost; the own host name is never resolved.
	Program, Host string
	// DialTimeout limits DNS and TCP together, of all servers that are tried; a message server
	// has as long, SAProuters 60 s more for their answer, and the proxy of a tunnel 20 s.
	// LogonTimeout limits the set-up behind them. Defaults 30 s and 60 s. CallTimeout limits each call; default none.
	DialTimeout, LogonTimeout, CallTimeout time.Duration
	// KeepAlive sends an NI ping when the partner has been silent for this long while its
	// answer is awaited, and gives it up when that is not answered within another such time.
	// Default: none; the operating system's own keepalive is on.
	KeepAlive time.Duration
	// NoDelta switches delta answers for tables off (jco.client.delta = 0).
	NoDelta bool
	// Functions describes function modules. Default: a Repository that asks
	// over the connection itself.
	Functions rfc.FunctionSource
	// Callbacks serves calls of the partner during ours; default: all refused.
	Callbacks rfc.Handler
	// Values says how values are converted.
	Values serialization.Options
	// Format is how the values of calls are written, as far as the partner reads it
	// (jco.client.serialization_format: rowBased, the default, columnBased, or rowFast, this
	// library's own; jco.client.use_basxml = 1 is serialization.BasXML). SAP systems read
	// rowBased and, for some functions, basXML.
	Format serialization.Format
	// WAN compresses columnBased and rowFast as far as possible (jco.client.network = WAN).
	WAN bool
	// Limits bounds answers (go.limit.message_kib, go.limit.callbacks).
	Limits rfc.Limits
	// Policy says what may be called, and how users may log on (go.policy.*). Default: anything.
	Policy Policy
	// Retry repeats calls of which nothing was sent (go.retry.*). Default: none is. Connections
	// of Dial repeat nothing.
	Retry RetryConfig
	// Description is a text for people (jco.destination.description).
	Description string
	// Pool says how connections are kept for reuse (jco.destination.pool_capacity and its
	// family). Dial opens single connections and does not look at it.
	Pool PoolConfig
	// Repository says who is asked for the descriptions of function modules
	// (jco.destination.repository_destination and its family). Dial asks over the connection
	// itself, as its user, and shares with nobody.
	Repository RepositoryConfig
	// Additional are settings without a field: properties that are kept without effect, and
	// keys that nobody knows as far as ParseProperties let them pass.
	Additional Properties
	// Logger gets what happens to the connections and calls of a pooled destination. Debug: each
	// connection that is opened, or closed in order, and each call. Warn: connections that cannot
	// be opened or are lost, refused logons, waiting in vain; each of these at most once in ten
	// seconds. Never passwords or values of parameters; names of users with connections. Default:
	// none. Dial alone logs at Warn only what is less safe about its way than it could be.
	Logger *slog.Logger
	// DialContext replaces the network, for proxies and tests. It gets host:port of whatever is
	// dialled first: a SAProuter, the proxy of a tunnel, the partner.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Random gives session id and password seed; for tests.
	Random func([]byte)
}

// String gives the name and the settings that have a property, one in a line, secrets as ***.
// Nothing behind the Config is looked at, which connections use meanwhile.
func (c Config) String() string {
	return strings.TrimSuffix(fmt.Sprintf("destination %.256q\n%s", c.Name, c.Properties()), "\n")
}

// GoString gives String.
func (c Config) GoString() string { return c.String() }

// LogValue gives the settings as a group for log/slog, secrets as ***.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("name", c.Name)}, c.Properties().LogValue().Group()...)...)
}

// PoolConfig are the settings of a pool. Nil is not set: then the default holds.
type PoolConfig struct {
	// Capacity is how many idle connections are kept (jco.destination.pool_capacity); default
	// 1. Zero closes each after its use.
	Capacity *int
	// PeakLimit is how many connections may be in use at once (jco.destination.peak_limit);
	// zero is no limit. Default Capacity if that is set, else no limit. A limit below the
	// capacity counts as the capacity.
	PeakLimit *int
	// MaxWait is the longest wait for a free connection
	// (jco.destination.max_get_client_time), in whole milliseconds; default 30 s. Zero does
	// not wait.
	MaxWait *time.Duration
	// Expiration is how long a connection may be idle before it may be closed
	// (jco.destination.expiration_time), in whole milliseconds; default 60 s.
	Expiration *time.Duration
	// CheckPeriod is how often idle connections are looked at
	// (jco.destination.expiration_check_period), in whole milliseconds; default 60 s. Zero is
	// never.
	CheckPeriod *time.Duration
	// CheckConnection pings a connection before it is used again
	// (jco.destination.pool_check_connection).
	CheckConnection bool
}

// RepositoryConfig says who describes function modules.
type RepositoryConfig struct {
	// Destination is asked in place of the destination itself
	// (jco.destination.repository_destination): its repository is taken as it is, and nothing
	// else of this structure but Resolve has an effect.
	Destination string
	// Resolve finds that destination when it is needed, the same one for the same name each time.
	// Default: the Catalog that opened this destination, else Open.
	Resolve func(name string) (*Destination, error)
	// User and Password ask (jco.destination.repository.user and .passwd): both or neither. They
	// have connections of their own, which the limits of the pool do not count; one of them is
	// kept. Default: the user of the destination.
	User     string
	Password rfc.Secret
	// RoundTripOptimization uses RFC_METADATA_GET always or never
	// (jco.destination.repository_roundtrip_optimization). Nil: found out by one call.
	RoundTripOptimization *bool
	// CheckInterval is how often outdated descriptions are removed
	// (jco.destination.repository.check_interval), in whole minutes; zero is never. The shortest
	// one of all destinations that share descriptions holds. Nothing runs meanwhile: who asks next
	// checks, in one round trip where the system tells when its modules were changed.
	CheckInterval time.Duration
	// Cache is where descriptions are shared: destinations of one Cache that reach the same system
	// by the same way, with the same width of characters, ask once. Partners behind them have to
	// be trusted alike. Default: one for the whole process; where functions or certificates of the
	// program decide which partner it is (DialContext, Tunnel.Tokens, WebSocket.Headers, TLS and
	// Roots), one for this destination alone.
	Cache *repository.Cache
	// Events is told what becomes of descriptions; see repository.WithEvents.
	Events func(repository.Event)
}

// Defaults of the time limits.
const (
	DefaultDialTimeout  = 30 * time.Second
	DefaultLogonTimeout = 60 * time.Second
	maxLogonTimeout     = time.Hour // the range that other connectors accept (case M-07)
)

func twoDigits(s string) bool {
	return len(s) == 2 && s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
}

// port derives the TCP port of the gateway.
func (c *Config) port() (string, error) {
	if c.GatewayService == "" {
		return "33" + c.SystemNumber, nil
	}
	return servicePort(c.GatewayService)
}

// servicePort is the port behind a number, sapgwNN, or a name that this machine knows.
func servicePort(s string) (string, error) {
	n, err := services.Resolve(s)
	switch {
	case err == nil:
		return strconv.Itoa(n), nil
	case strings.Trim(s, "0123456789-") == "":
		return "", fmt.Errorf("value %.16q: port 1-65535 or service name", s)
	}
	return "", fmt.Errorf("value %.32q: port 1-65535 or service name, for example sapgw00", s)
}

// Endpoint is the address of the gateway, as the proxy of a tunnel or the last SAProuter knows
// it, or that of WebSocket RFC. A message server names that of each connection, so that there is
// none before.
func (c *Config) Endpoint() (host, port string, err error) {
	if c.WebSocket.Host != "" {
		return c.WebSocket.Host, c.WebSocket.Port, nil
	}
	if c.MessageServer != "" {
		return "", "", errors.New("the message server names the gateway")
	}
	host = c.Gateway
	if host == "" {
		host = c.ApplicationServer
	}
	if c.tunnelled() && c.Tunnel.VirtualPort != "" {
		return host, c.Tunnel.VirtualPort, nil
	}
	port, err = c.port()
	return host, port, err
}

// languageKey turns en, EN, en-US or E into E.
func languageKey(s string) (string, error) {
	if len([]rune(s)) == 1 {
		return s, nil
	}
	return abap.LanguageKey(s)
}

func (c *Config) logon() rfc.Logon {
	l := rfc.Logon{Client: c.Client, User: c.User, Password: c.Password, Codepage: c.Codepage, PartnerCharSize: c.PartnerCharSize}
	if c.Language != "" {
		l.Language, _ = languageKey(c.Language)
	}
	return l
}

func (c *Config) target() string {
	if c.tunnelled() && c.Tunnel.PartnerHost != "" {
		return c.Tunnel.PartnerHost
	}
	if c.ApplicationServer != "" {
		return c.ApplicationServer
	}
	return c.Gateway
}

// systemNumber is what the partner is told; with only a port it follows from 33NN.
func (c *Config) systemNumber() string {
	if c.SystemNumber != "" {
		return c.SystemNumber
	}
	if port, err := c.port(); err == nil && len(port) == 4 && strings.HasPrefix(port, "33") {
		return port[2:]
	}
	return "00"
}

func (c *Config) cpic(progress func(string)) cpic.ClientConfig {
	return cpic.ClientConfig{
		TargetHost: c.target(), SystemNumber: c.systemNumber(), Destination: c.Name, Program: c.Program, Host: c.Host,
		MessageLimit: c.Limits.Message, Progress: progress, NI: ni.Config{KeepAlive: c.KeepAlive},
	}
}

package destination

import (
	"strings"
	"time"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/wsrfc"
)

// What a property that has no effect yet says about itself.
const (
	remedyIdentity    = "it is not supported yet; log on with a user and password, or over WebSocket RFC with a certificate or a bearer token"
	remedySNC         = "SNC is not supported yet, and nothing is sent in clear instead; leave it at 0 where clear text is allowed"
	remedyWithSNC     = "only SNC uses it, which is not supported yet"
	remedyPropagation = "only the propagation of users uses it, which is not possible through a TCP tunnel"
	remedyProgram     = "programs behind a gateway cannot be called yet; set jco.client.ashost"
	remedyServer      = "it is a setting of a server, not of a destination"
	remedyTrace       = "see destination.WithTrace and rfcping --record; no trace file is written"
	remedyOldJCo      = "it belongs to releases of JCo before 3"
	remedySDK         = "it is a setting of the vendor's library without a counterpart here"
)

// table holds every known property once. Parsing, formatting, validation, the constants of
// keys.go, docs/jco.md and rfcping follow it; go test ./destination -update writes the two
// files anew.
//
// Source: keys, meanings, defaults and ranges are those of public documentation [doc] and of
// open projects [impl]; what is not published is our decision: use_basxml, snc_qop, snc_sso,
// use_tls, ws_ping_check_interval, connection_count and max_startup_delay [inferred], and
// everything under go. The names of the NW RFC SDK are those of its open bindings [impl].
var table = []Property{
	// Target
	{
		Key: "jco.client.ashost", Constant: "KeyASHost", Aliases: []string{"ASHOST"}, Group: GroupTarget, Kind: KindHost, Allowed: allowedHost,
		For: "D", Effect: "route", Support: Supported, form: formHost("the port belongs in jco.client.gwserv"), tidy: tidyHost, get: text(func(c *Config) *string { return &c.ApplicationServer }), set: setText(func(c *Config) *string { return &c.ApplicationServer }),
		Doc: "The application server as seen inside the SAP network. It selects a direct connection.",
	},
	{
		Key: "jco.client.sysnr", Constant: "KeySysNr", Aliases: []string{"SYSNR"}, Group: GroupTarget, Kind: KindDigits, Allowed: "two digits 00-99",
		For: "D", Effect: "route", Support: Supported, form: formSysNr, get: text(func(c *Config) *string { return &c.SystemNumber }), set: setText(func(c *Config) *string { return &c.SystemNumber }),
		Doc: "The number NN of the instance; its gateway listens on port 33NN.",
	},
	{
		Key: "jco.client.gwhost", Constant: "KeyGWHost", Aliases: []string{"GWHOST"}, Group: GroupTarget, Kind: KindHost, Allowed: allowedHost, Default: "(jco.client.ashost)",
		For: "DG", Effect: "route", Support: Supported, form: formHost("the port belongs in jco.client.gwserv"), tidy: tidyHost, get: text(func(c *Config) *string { return &c.Gateway }), set: setText(func(c *Config) *string { return &c.Gateway }),
		Doc: "The host that is dialled when it is not the application server.",
	},
	{
		Key: "jco.client.gwserv", Constant: "KeyGWServ", Aliases: []string{"GWSERV"}, Group: GroupTarget, Kind: KindService, Allowed: allowedService + ", for example sapgw00", Default: "(sapgw and jco.client.sysnr)",
		For: "DG", Effect: "route", Support: Supported, form: formGateway, get: text(func(c *Config) *string { return &c.GatewayService }), set: setText(func(c *Config) *string { return &c.GatewayService }),
		Doc: "The service of the gateway: sapgwNN is port 33NN.",
	},
	{
		Key: "jco.client.saprouter", Constant: "KeySAProuter", Aliases: []string{"SAPROUTER"}, Group: GroupTarget, Kind: KindRoute, Allowed: "route string /H/host/S/service/W/password/H/...",
		For: "DLGS", Effect: "route", Support: Supported, form: formRoute, get: func(c *Config) string { return c.SAProuter.Reveal() }, set: func(c *Config, v string) { c.SAProuter = saprouter.RouteString(v) },
		Doc: "The SAProuters on the way, to a message server as well, each with its service and password; a last /H/ stands for the target.",
	},
	{
		Key: "jco.client.tpname", Constant: "KeyTPName", Aliases: []string{"TPNAME"}, Group: GroupTarget, Kind: KindText, Allowed: "program ID of 1 to 64 characters",
		For: "G", Effect: "route", Support: Refused, Remedy: remedyProgram, form: formLength(64),
		Doc: "The program ID of a registered server program.",
	},
	{
		Key: "jco.client.tphost", Constant: "KeyTPHost", Aliases: []string{"TPHOST"}, Group: GroupTarget, Kind: KindHost, Allowed: allowedHost,
		For: "G", Effect: "route", Support: Refused, Remedy: remedyProgram, form: formHost(""), tidy: tidyHost,
		Doc: "The host on which a gateway starts a program.",
	},
	{
		Key: "jco.client.type", Constant: "KeyType", Group: GroupTarget, Kind: KindChoice, Allowed: "2, 3 or E", Default: "(found out)",
		For: "*", Effect: "route", Support: Refused, Remedy: "it follows from the target; leave it out", neutral: []string{"3"}, form: formChoice("2", "3", "E"),
		Doc: "The type of the partner, which JCo sets by itself.",
	},
	{
		Key: "jco.client.client", Constant: "KeyClient", Aliases: []string{"CLIENT"}, Group: GroupTarget, Kind: KindDigits, Allowed: "three digits", Default: "(that of the system)",
		For: "DLW", Effect: "logon", Support: Supported, get: text(func(c *Config) *string { return &c.Client }), set: setText(func(c *Config) *string { return &c.Client }),
		Doc: "The ABAP client; leading zeros count.",
	},

	// Load balancing
	{
		Key: "jco.client.mshost", Constant: "KeyMSHost", Aliases: []string{"MSHOST"}, Group: GroupBalancing, Kind: KindHost, Allowed: allowedHost + ", or several separated by commas",
		For: "L", Effect: "route", Support: Supported, form: formHosts("the port belongs in jco.client.msserv"), tidy: tidyHosts, get: text(func(c *Config) *string { return &c.MessageServer }), set: setText(func(c *Config) *string { return &c.MessageServer }),
		Doc: "The message server, or several of one system. It selects load balancing.",
	},
	{
		Key: "jco.client.r3name", Constant: "KeyR3Name", Aliases: []string{"R3NAME", "SYSID"}, Group: GroupBalancing, Kind: KindText, Allowed: "three characters, first a letter",
		For: "L", Effect: "route", Support: Supported, form: formSystemID, tidy: strings.ToUpper, get: text(func(c *Config) *string { return &c.SystemID }), set: setText(func(c *Config) *string { return &c.SystemID }),
		Doc: "The system ID; the service of its message server is sapms and it.",
	},
	{
		Key: "jco.client.msserv", Constant: "KeyMSServ", Aliases: []string{"MSSERV", "jco.client.msservice"}, Group: GroupBalancing, Kind: KindService, Allowed: allowedService + ", or http://host:port of the text interface", Default: "(sapms and jco.client.r3name)",
		For: "L", Effect: "route", Support: Supported, form: formMessageService, get: text(func(c *Config) *string { return &c.MessageService }), set: setText(func(c *Config) *string { return &c.MessageService }),
		Doc: "The service or port of the message server, 36NN; it wins over jco.client.r3name.",
	},
	{
		Key: "jco.client.group", Constant: "KeyGroup", Aliases: []string{"GROUP"}, Group: GroupBalancing, Kind: KindText, Default: "PUBLIC", Allowed: "logon group of 1 to 40 printable ASCII characters",
		For: "L", Effect: "route", Support: Supported, form: formGroup, get: text(func(c *Config) *string { return &c.Group }), set: setText(func(c *Config) *string { return &c.Group }),
		Doc: "The logon group whose least loaded server is taken.",
	},
	{
		Key: "jco.client.sticky", Constant: "KeySticky", Group: GroupBalancing, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "L", Effect: "route", Support: Kept, Remedy: "each connection gets the server that the message server names",
		Doc: "Keep to the application server that the group gave first.",
	},

	// Logon
	{
		Key: "jco.client.user", Constant: "KeyUser", Aliases: []string{"USER"}, Group: GroupLogon, Kind: KindText, Allowed: "at most 12 characters",
		For: "*", Effect: "logon", Support: Supported, get: text(func(c *Config) *string { return &c.User }), set: setText(func(c *Config) *string { return &c.User }),
		Doc: "The user; both or neither of user and password.",
	},
	{
		Key: "jco.client.alias_user", Constant: "KeyAliasUser", Aliases: []string{"ALIAS_USER", "AliasUser"}, Group: GroupLogon, Kind: KindText, Allowed: "at most 40 characters",
		For: "*", Effect: "logon", Support: Refused, Remedy: remedyIdentity, form: formLength(40),
		Doc: "The alias of a user, in place of its name.",
	},
	{
		Key: "jco.client.passwd", Constant: "KeyPasswd", Aliases: []string{"PASSWD", "Password"}, Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "at most 40 characters",
		For: "*", Effect: "logon", Support: Supported, get: func(c *Config) string { return c.Password.Reveal() }, set: func(c *Config, v string) { c.Password = rfc.Secret(v) },
		Doc: "The password.",
	},
	{
		Key: "jco.client.lang", Constant: "KeyLang", Aliases: []string{"LANG"}, Group: GroupLogon, Kind: KindText, Allowed: "two-letter ISO or one-letter SAP language", Default: "(that of the system)",
		For: "*", Effect: "logon", Support: Supported, form: formLanguage, get: text(func(c *Config) *string { return &c.Language }), set: setText(func(c *Config) *string { return &c.Language }),
		Doc: "The logon language; empty means that none is sent.",
	},
	{
		Key: "jco.client.codepage", Constant: "KeyCodepage", Aliases: []string{"CODEPAGE"}, Group: GroupLogon, Kind: KindDigits, Allowed: "4-digit SAP code page", Default: "1100",
		For: "DL", Effect: "logon", Support: Supported, get: text(func(c *Config) *string { return &c.Codepage }), set: setText(func(c *Config) *string { return &c.Codepage }),
		Doc: "The code page in which the logon is written; 4103 when jco.client.pcs is 2.",
	},
	{
		Key: "jco.client.pcs", Constant: "KeyPCS", Aliases: []string{"PCS"}, Group: GroupLogon, Kind: KindChoice, Allowed: "1 or 2", Default: "(found out)", Unit: "bytes",
		For: "DL", Effect: "logon", Support: Supported, form: formChoice("1", "2"), get: number(func(c *Config) *int { return &c.PartnerCharSize }), set: setNumber(func(c *Config) *int { return &c.PartnerCharSize }),
		Doc: "The partner's bytes for a character as far as known before the logon: 2 lets any character into user and password, 1 needs go.allow_non_unicode.",
	},
	{
		Key: "jco.destination.auth_type", Constant: "KeyAuthType", Group: GroupLogon, Kind: KindChoice, Default: "CONFIGURED_USER", Allowed: "CONFIGURED_USER, CURRENT_USER, PrincipalPropagation or TechnicalUserPropagation",
		For: "*", Effect: "logon", Support: Refused, Remedy: "only CONFIGURED_USER is supported; users cannot be propagated through a TCP tunnel, see docs/btp.md", neutral: []string{"CONFIGURED_USER"}, form: formChoice("CONFIGURED_USER", "CURRENT_USER", "PrincipalPropagation", "TechnicalUserPropagation"),
		Doc: "Where the identity comes from.",
	},
	{
		Key: "jco.destination.auth_method", Constant: "KeyAuthMethod", Group: GroupLogon, Kind: KindText,
		For: "*", Support: Legacy, Remedy: "jco.destination.auth_type decides",
		Doc: "A companion of auth_type in old programs.",
	},
	{
		Key: "jco.destination.user_id", Constant: "KeyUserID", Group: GroupLogon, Kind: KindText, Allowed: "at most 255 characters",
		For: "*", Support: Kept, Remedy: "it is a label that is never sent", form: formLength(255),
		Doc: "A name of the user behind a ticket, certificate or SNC logon, for this side only.",
	},
	{
		Key: "jco.client.mysapsso2", Constant: "KeyMySAPSSO2", Aliases: []string{"MYSAPSSO2"}, Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "logon ticket",
		For: "DL", Effect: "logon", Support: Refused, Remedy: remedyIdentity,
		Doc: "A logon or assertion ticket.",
	},
	{
		Key: "jco.client.getsso2", Constant: "KeyGetSSO2", Aliases: []string{"GETSSO2"}, Group: GroupLogon, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "DL", Effect: "logon", Support: Refused, Remedy: "tickets are not supported yet; leave it at 0", neutral: []string{"0"},
		Doc: "Ask for a ticket after the logon.",
	},
	{
		Key: "jco.client.x509cert", Constant: "KeyX509Cert", Aliases: []string{"X509CERT"}, Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "certificate in base64",
		For: "DL", Effect: "logon", Support: Refused, Remedy: remedyIdentity,
		Doc: "A certificate that stands for the user; needs SNC.",
	},
	{
		Key: "jco.client.oidc_bearer_token", Constant: "KeyOIDCBearerToken", Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "token",
		For: "W", Effect: "logon", Support: Supported, get: secret(func(c *Config) *rfc.Secret { return &c.WebSocket.BearerToken }), set: setSecret(func(c *Config) *rfc.Secret { return &c.WebSocket.BearerToken }),
		Doc: "A bearer token that stands for the user.",
	},
	{
		Key: "jco.client.extid_data", Constant: "KeyExtIDData", Aliases: []string{"EXTIDDATA", "jco.client.extiddata"}, Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "external identification",
		For: "DL", Effect: "logon", Support: Refused, Remedy: remedyIdentity,
		Doc: "An external identification.",
	},
	{
		Key: "jco.client.extid_type", Constant: "KeyExtIDType", Aliases: []string{"EXTIDTYPE", "jco.client.extidtype"}, Group: GroupLogon, Kind: KindText, Allowed: "type of external identification",
		For: "DL", Effect: "logon", Support: Kept, Remedy: "only jco.client.extid_data uses it, which is not supported yet",
		Doc: "What jco.client.extid_data is.",
	},
	{
		Key: "jco.client.tls_client_certificate_logon", Constant: "KeyTLSClientCertificateLogon", Aliases: []string{"TLS_CLIENT_CERTIFICATE_LOGON"}, Group: GroupLogon, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "W", Effect: "logon", Support: Supported, get: toggle(func(c *Config) *bool { return &c.WebSocket.CertificateLogon }), set: setToggle(func(c *Config) *bool { return &c.WebSocket.CertificateLogon }),
		Doc: "Log on with the TLS client certificate in place of user and password.",
	},
	{
		Key: "jco.client.lcheck", Constant: "KeyLCheck", Aliases: []string{"LCHECK"}, Group: GroupLogon, Kind: KindSwitch, Allowed: allowedSwitch, Default: "1",
		For: "DL", Effect: "logon", Support: Refused, Remedy: "the logon always comes first; leave it at 1", neutral: []string{"1"},
		Doc: "Log on when a connection is opened (1) or with its first call (0).",
	},
	{
		Key: "jco.client.deny_initial_password", Constant: "KeyDenyInitialPassword", Aliases: []string{"PASSWORD_CHANGE_ENFORCED"}, Group: GroupLogon, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "logon", Support: Refused, Remedy: "it is not supported yet; leave it at 0", neutral: []string{"0"},
		Doc: "Refuse a logon with an initial password.",
	},
	{
		Key: "jco.client.use_sapgui", Constant: "KeyUseSAPGUI", Aliases: []string{"USE_SAPGUI"}, Group: GroupLogon, Kind: KindChoice, Allowed: "0, 1 or 2", Default: "0",
		For: "DL", Effect: "logon", Support: Refused, Remedy: "there is no GUI here; only 0 is supported", neutral: []string{"0"}, form: formChoice("0", "1", "2"), tidy: tidySwitch,
		Doc: "Attach a GUI to the connection.",
	},
	{
		Key: "jco.client.tech_user_id", Constant: "KeyTechUserID", Group: GroupLogon, Kind: KindText, Allowed: "client of the token service",
		For: "*", Effect: "logon", Support: Kept, Remedy: remedyPropagation,
		Doc: "The client that fetches tokens for TechnicalUserPropagation.",
	},
	{
		Key: "jco.client.tech_user_secret", Constant: "KeyTechUserSecret", Group: GroupLogon, Kind: KindText, Secret: true, Allowed: "secret of jco.client.tech_user_id",
		For: "*", Effect: "logon", Support: Kept, Remedy: remedyPropagation,
		Doc: "The secret of that client.",
	},
	{
		Key: "jco.client.tech_user_service_url", Constant: "KeyTechUserServiceURL", Group: GroupLogon, Kind: KindText, Allowed: "https URL",
		For: "*", Effect: "logon", Support: Kept, Remedy: remedyPropagation, form: formURL,
		Doc: "The token service; it is called directly, through no tunnel.",
	},

	// WebSocket RFC and TLS
	{
		Key: "jco.client.wshost", Constant: "KeyWSHost", Aliases: []string{"WSHOST"}, Group: GroupWebSocket, Kind: KindHost, Allowed: allowedHost,
		For: "W", Effect: "route", Support: Supported, form: formHost("the port belongs in jco.client.wsport"), tidy: tidyHost, get: text(func(c *Config) *string { return &c.WebSocket.Host }), set: setText(func(c *Config) *string { return &c.WebSocket.Host }),
		Doc: "The host of WebSocket RFC. It selects WebSocket RFC.",
	},
	{
		Key: "jco.client.wsport", Constant: "KeyWSPort", Aliases: []string{"WSPORT"}, Group: GroupWebSocket, Kind: KindPort, Allowed: allowedPort,
		For: "W", Effect: "route", Support: Supported, form: formPort, get: text(func(c *Config) *string { return &c.WebSocket.Port }), set: setText(func(c *Config) *string { return &c.WebSocket.Port }),
		Doc: "Its port.",
	},
	{
		Key: "jco.client.use_tls", Constant: "KeyUseTLS", Aliases: []string{"USE_TLS"}, Group: GroupWebSocket, Kind: KindSwitch, Allowed: allowedSwitch, Default: "1",
		For: "W", Effect: "route", Support: Supported, get: negated(func(c *Config) *bool { return &c.WebSocket.Plain }), set: setNegated(func(c *Config) *bool { return &c.WebSocket.Plain }),
		Doc: "Use TLS. 0 is for tests and needs WebSocket.AllowInsecureTLS.",
	},
	{
		Key: "jco.client.tls_trust_all", Constant: "KeyTLSTrustAll", Aliases: []string{"TLS_TRUST_ALL"}, Group: GroupWebSocket, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "W", Effect: "route", Support: Supported, get: toggle(func(c *Config) *bool { return &c.WebSocket.TrustAll }), set: setToggle(func(c *Config) *bool { return &c.WebSocket.TrustAll }),
		Doc: "Accept any certificate of the server. For tests; it needs WebSocket.AllowInsecureTLS and is logged for each connection.",
	},
	{
		Key: "jco.client.tls_p12_file", Constant: "KeyTLSP12File", Group: GroupWebSocket, Kind: KindText, Allowed: "path",
		For: "W", Effect: "route", Support: Supported, get: text(func(c *Config) *string { return &c.WebSocket.P12.File }), set: setText(func(c *Config) *string { return &c.WebSocket.P12.File }),
		Doc: "A PKCS#12 file with the own certificate and trusted ones.",
	},
	{
		Key: "jco.client.tls_p12_passwd", Constant: "KeyTLSP12Passwd", Group: GroupWebSocket, Kind: KindText, Secret: true, Allowed: "password",
		For: "W", Effect: "route", Support: Supported, get: secret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.P12.Password }), set: setSecret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.P12.Password }),
		Doc: "The password of that file.",
	},
	{
		Key: "TrustStoreLocation", Constant: "KeyTrustStoreLocation", Aliases: []string{"TrustStoreLocation"}, Group: GroupWebSocket, Kind: KindText, Allowed: "path of a PEM, DER or PKCS#12 file", Default: "(that of the system)",
		For: "W", Effect: "route", Support: Supported, get: text(func(c *Config) *string { return &c.WebSocket.TrustStore.File }), set: setText(func(c *Config) *string { return &c.WebSocket.TrustStore.File }),
		Doc: "The certificates that are trusted.",
	},
	{
		Key: "TrustStorePassword", Constant: "KeyTrustStorePassword", Aliases: []string{"TrustStorePassword"}, Group: GroupWebSocket, Kind: KindText, Secret: true, Allowed: "password",
		For: "W", Effect: "route", Support: Supported, get: secret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.TrustStore.Password }), set: setSecret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.TrustStore.Password }),
		Doc: "The password of the trust store.",
	},
	{
		Key: "KeyStoreLocation", Constant: "KeyKeyStoreLocation", Aliases: []string{"KeyStoreLocation"}, Group: GroupWebSocket, Kind: KindText, Allowed: "path of a PEM or PKCS#12 file",
		For: "W", Effect: "logon", Support: Supported, get: text(func(c *Config) *string { return &c.WebSocket.KeyStore.File }), set: setText(func(c *Config) *string { return &c.WebSocket.KeyStore.File }),
		Doc: "The own certificate and key.",
	},
	{
		Key: "KeyStorePassword", Constant: "KeyKeyStorePassword", Aliases: []string{"KeyStorePassword"}, Group: GroupWebSocket, Kind: KindText, Secret: true, Allowed: "password",
		For: "W", Effect: "logon", Support: Supported, get: secret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.KeyStore.Password }), set: setSecret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.KeyStore.Password }),
		Doc: "The password of the key store.",
	},
	{
		Key: "KeyStore.Source", Constant: "KeyKeyStoreSource", Aliases: []string{"KeyStore.Source"}, Group: GroupWebSocket, Kind: KindChoice, Default: "DestinationService", Allowed: "DestinationService or ClientProvided",
		For: "W", Effect: "logon", Support: Kept, Remedy: "the key store is a file, or what Go code gives", form: formChoice("DestinationService", "ClientProvided"),
		Doc: "Who provides the key store.",
	},
	{
		Key: "jco.client.proxy_host", Constant: "KeyProxyHost", Aliases: []string{"PROXY_HOST"}, Group: GroupWebSocket, Kind: KindHost, Allowed: allowedHost, Default: "(HTTPS_PROXY)",
		For: "W", Effect: "route", Support: Supported, form: formHost("the port belongs in jco.client.proxy_port"), tidy: tidyHost, get: text(func(c *Config) *string { return &c.WebSocket.Proxy.Host }), set: setText(func(c *Config) *string { return &c.WebSocket.Proxy.Host }),
		Doc: "The HTTP proxy in front of the WebSocket endpoint.",
	},
	{
		Key: "jco.client.proxy_port", Constant: "KeyProxyPort", Aliases: []string{"PROXY_PORT"}, Group: GroupWebSocket, Kind: KindPort, Allowed: allowedPort,
		For: "W", Effect: "route", Support: Supported, form: formPort, get: text(func(c *Config) *string { return &c.WebSocket.Proxy.Port }), set: setText(func(c *Config) *string { return &c.WebSocket.Proxy.Port }),
		Doc: "Its port.",
	},
	{
		Key: "jco.client.proxy_user", Constant: "KeyProxyUser", Aliases: []string{"PROXY_USER"}, Group: GroupWebSocket, Kind: KindText, Allowed: "at most 255 characters",
		For: "W", Effect: "route", Support: Supported, form: formLength(255), get: text(func(c *Config) *string { return &c.WebSocket.Proxy.User }), set: setText(func(c *Config) *string { return &c.WebSocket.Proxy.User }),
		Doc: "The user of the proxy.",
	},
	{
		Key: "jco.client.proxy_passwd", Constant: "KeyProxyPasswd", Aliases: []string{"PROXY_PASSWD"}, Group: GroupWebSocket, Kind: KindText, Secret: true, Allowed: "password",
		For: "W", Effect: "route", Support: Supported, get: secret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.Proxy.Password }), set: setSecret(func(c *Config) *wsrfc.Secret { return &c.WebSocket.Proxy.Password }),
		Doc: "The password of the proxy.",
	},
	{
		Key: "jco.destination.ws_ping_period", Constant: "KeyWSPingPeriod", Group: GroupWebSocket, Kind: KindDuration, Unit: "s", Default: "300", Allowed: "seconds, 0 (off) or 10-86400",
		For: "W", Effect: "route", Support: Supported, form: formRange(true, 10, 86400), get: optionalSeconds(func(c *Config) **time.Duration { return &c.WebSocket.PingPeriod }), set: setOptionalSeconds(func(c *Config) **time.Duration { return &c.WebSocket.PingPeriod }),
		Doc: "How long the partner may be silent before a ping is sent.",
	},
	{
		Key: "jco.destination.ws_pong_timeout", Constant: "KeyWSPongTimeout", Group: GroupWebSocket, Kind: KindDuration, Unit: "s", Default: "60", Allowed: "seconds, 0 (off) or 10-3600",
		For: "W", Effect: "route", Support: Supported, form: formRange(true, 10, 3600), get: optionalSeconds(func(c *Config) **time.Duration { return &c.WebSocket.PongTimeout }), set: setOptionalSeconds(func(c *Config) **time.Duration { return &c.WebSocket.PongTimeout }),
		Doc: "How long the pong may take before the connection counts as broken.",
	},
	{
		Key: "jco.destination.ws_ping_check_interval", Constant: "KeyWSPingCheckInterval", Group: GroupWebSocket, Kind: KindDuration, Unit: "s", Default: "10", Allowed: "seconds > 0",
		For: "W", Effect: "route", Support: Supported, form: formRange(false, 1, maxCount), get: seconds(func(c *Config) *time.Duration { return &c.WebSocket.PingCheck }), set: setSeconds(func(c *Config) *time.Duration { return &c.WebSocket.PingCheck }),
		Doc: "How often it is looked whether a ping is due.",
	},
	{
		Key: "TLSVersion", Constant: "KeyTLSVersion", Aliases: []string{"TLSVersion"}, Group: GroupWebSocket, Kind: KindChoice, Default: "TLSv1.2", Allowed: "TLSv1.2 or TLSv1.3",
		For: "W", Effect: "route", Support: Supported, form: formChoice("TLSv1.2", "TLSv1.3"), get: getMinTLS, set: setMinTLS,
		Doc: "The lowest version of TLS.",
	},
	{
		Key: "HostnameVerifier", Constant: "KeyHostnameVerifier", Aliases: []string{"HostnameVerifier"}, Group: GroupWebSocket, Kind: KindChoice, Default: "Strict", Allowed: "Strict or BrowserCompatible",
		For: "W", Effect: "route", Support: Kept, Remedy: "names are always verified strictly", form: formChoice("Strict", "BrowserCompatible"),
		Doc: "How the name in the server's certificate is verified.",
	},

	// Proxy and tunnel
	{
		Key: "jco.destination.proxy_type", Constant: "KeyProxyType", Aliases: []string{"ProxyType"}, Group: GroupProxy, Kind: KindChoice, Allowed: "OnPremise, Internet or Local", Default: "(none: the plain network)",
		For: "*", Effect: "route", Support: Supported, form: formChoice("OnPremise", "Internet", "Local"), get: text(func(c *Config) *string { return &c.ProxyType }), set: setText(func(c *Config) *string { return &c.ProxyType }),
		Doc: "OnPremise goes through the connectivity service, Internet is WebSocket RFC, Local is the plain network.",
	},
	{
		Key: "jco.client.cloud_connector_location_id", Constant: "KeyCloudConnectorLocationID", Aliases: []string{"CloudConnectorLocationId", "LocationId"}, Group: GroupProxy, Kind: KindText, Allowed: "at most 189 bytes",
		For: "*", Effect: "route", Support: Supported, form: formLocation, get: text(func(c *Config) *string { return &c.Tunnel.Location }), set: setText(func(c *Config) *string { return &c.Tunnel.Location }),
		Doc: "Which Cloud Connector; empty is the default one.",
	},
	{
		Key: "jco.client.cloud_connector_version", Constant: "KeyCloudConnectorVersion", Group: GroupProxy, Kind: KindChoice, Default: "2", Allowed: "2",
		For: "*", Effect: "route", Support: Refused, Remedy: "only 2 is supported", neutral: []string{"2"},
		Doc: "The generation of the Cloud Connector.",
	},
	{
		Key: "jco.destination.description", Constant: "KeyDescription", Aliases: []string{"Description"}, Group: GroupProxy, Kind: KindText, Allowed: "text",
		For: "*", Support: Supported, get: text(func(c *Config) *string { return &c.Description }), set: setText(func(c *Config) *string { return &c.Description }),
		Doc: "A text for people.",
	},
	{
		Key: "Name", Constant: "KeyName", Aliases: []string{"Name", "DEST"}, Group: GroupProxy, Kind: KindDestination, Allowed: "the name of the destination",
		For: "*", Support: Supported,
		Doc: "The name of the destination inside a document; it has to be the one that was asked for.",
	},
	{
		Key: "Type", Constant: "KeyKind", Aliases: []string{"Type"}, Group: GroupProxy, Kind: KindChoice, Default: "RFC", Allowed: "RFC",
		For: "*", Effect: "route", Support: Refused, Remedy: "only RFC is supported yet", neutral: []string{"RFC", "A", "B", "3"}, form: formChoice("RFC", "TCP", "A", "B", "3", "E", "R"),
		Doc: "The kind of destination in the destination service; A, B and 3 of saprfc.ini follow from the target.",
	},
	{
		Key: "Authentication", Constant: "KeyAuthentication", Aliases: []string{"Authentication"}, Group: GroupProxy, Kind: KindChoice, Allowed: "BasicAuthentication, NoAuthentication, PrincipalPropagation, OAuth2TechnicalUserPropagation or ClientCertificateAuthentication",
		For: "*", Effect: "logon", Support: Supported,
		Doc: "The destination service's word for jco.destination.auth_type and jco.client.tls_client_certificate_logon.",
	},
	{
		Key: "go.proxy.kind", Constant: "KeyTunnelKind", Group: GroupProxy, Kind: KindChoice, Default: "(socks5 with jco.destination.proxy_type = OnPremise, else none)", Allowed: "none, socks5 or http-connect",
		For: "DL", Effect: "route", Support: Supported, form: formChoice("none", "socks5", "http-connect"), get: text(func(c *Config) *string { return &c.Tunnel.Kind }), set: setTunnelKind,
		Doc: "How the tunnel is entered.",
	},
	{
		Key: "go.proxy.host", Constant: "KeyTunnelHost", Group: GroupProxy, Kind: KindHost, Allowed: allowedHost, Default: "(that of the binding)",
		For: "DL", Effect: "route", Support: Supported, form: formHost("the port belongs in go.proxy.port"), tidy: tidyHost, get: text(func(c *Config) *string { return &c.Tunnel.Host }), set: setText(func(c *Config) *string { return &c.Tunnel.Host }),
		Doc: "The host of the proxy.",
	},
	{
		Key: "go.proxy.port", Constant: "KeyTunnelPort", Group: GroupProxy, Kind: KindPort, Allowed: allowedPort, Default: "(that of the binding)",
		For: "DL", Effect: "route", Support: Supported, form: formPort, get: text(func(c *Config) *string { return &c.Tunnel.Port }), set: setText(func(c *Config) *string { return &c.Tunnel.Port }),
		Doc: "The port of the proxy.",
	},
	{
		Key: "go.proxy.auth", Constant: "KeyTunnelAuth", Group: GroupProxy, Kind: KindChoice, Default: "jwt", Allowed: "jwt or none",
		For: "DL", Effect: "route", Support: Supported, form: formChoice("jwt", "none"), get: getTunnelAuth, set: func(c *Config, v string) { c.Tunnel.Trusted = v == "none" },
		Doc: "How this side proves who it is to the proxy.",
	},
	{
		Key: "go.proxy.token", Constant: "KeyTunnelToken", Group: GroupProxy, Kind: KindText, Secret: true, Allowed: "token", Default: "(Tunnel.Tokens)",
		For: "DL", Effect: "route", Support: Supported, get: secret(func(c *Config) *rfc.Secret { return &c.Tunnel.Token }), set: setSecret(func(c *Config) *rfc.Secret { return &c.Tunnel.Token }),
		Doc: "A fixed token for the proxy.",
	},
	{
		Key: "go.proxy.user", Constant: "KeyTunnelUser", Group: GroupProxy, Kind: KindText, Allowed: "at most 255 characters",
		For: "DL", Effect: "route", Support: Supported, form: formLength(255), get: text(func(c *Config) *string { return &c.Tunnel.User }), set: setText(func(c *Config) *string { return &c.Tunnel.User }),
		Doc: "The user of an HTTP proxy.",
	},
	{
		Key: "go.proxy.passwd", Constant: "KeyTunnelPasswd", Group: GroupProxy, Kind: KindText, Secret: true, Allowed: "password",
		For: "DL", Effect: "route", Support: Supported, get: secret(func(c *Config) *rfc.Secret { return &c.Tunnel.Password }), set: setSecret(func(c *Config) *rfc.Secret { return &c.Tunnel.Password }),
		Doc: "The password of that user.",
	},
	{
		Key: "go.proxy.binding", Constant: "KeyTunnelBinding", Group: GroupProxy, Kind: KindText, Allowed: "name of a service binding", Default: "(the only one)",
		For: "DL", Effect: "route", Support: Supported, get: text(func(c *Config) *string { return &c.Tunnel.Binding }), set: setText(func(c *Config) *string { return &c.Tunnel.Binding }),
		Doc: "The binding of the connectivity service; package connectivity reads it.",
	},
	{
		Key: "go.tunnel.port", Constant: "KeyVirtualPort", Group: GroupProxy, Kind: KindPort, Allowed: allowedPort, Default: "(jco.client.gwserv, else 33 and jco.client.sysnr)",
		For: "DL", Effect: "route", Support: Supported, form: formPort, get: text(func(c *Config) *string { return &c.Tunnel.VirtualPort }), set: setText(func(c *Config) *string { return &c.Tunnel.VirtualPort }),
		Doc: "The virtual port of the mapping.",
	},
	{
		Key: "go.tunnel.partner_host", Constant: "KeyPartnerHost", Group: GroupProxy, Kind: KindHost, Allowed: allowedHost, Default: "(jco.client.ashost)",
		For: "DL", Effect: "route", Support: Supported, form: formHost(""), tidy: tidyHost, get: text(func(c *Config) *string { return &c.Tunnel.PartnerHost }), set: setText(func(c *Config) *string { return &c.Tunnel.PartnerHost }),
		Doc: "The host name for the gateway when jco.client.ashost is only a virtual one.",
	},
	{
		Key: "go.tunnel.hostmap", Constant: "KeyHostMap", Group: GroupProxy, Kind: KindText, Allowed: "list of internal:port=virtual:port, separated by commas",
		For: "L", Effect: "route", Support: Supported, form: formHostMap, get: getHostMap, set: setHostMap,
		Doc: "The virtual names of the servers that a message server names.",
	},

	// SNC
	{
		Key: "jco.client.snc_mode", Constant: "KeySNCMode", Aliases: []string{"SNC_MODE"}, Group: GroupSNC, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "DL", Effect: "route", Support: Refused, Remedy: remedySNC, neutral: []string{"0"},
		Doc: "Protect connections by SNC.",
	},
	{
		Key: "jco.client.snc_partnername", Constant: "KeySNCPartnerName", Aliases: []string{"SNC_PARTNERNAME"}, Group: GroupSNC, Kind: KindText, Allowed: "SNC name, for example p:CN=A4H",
		For: "DL", Effect: "route", Support: Kept, Remedy: remedyWithSNC, form: formSNCName,
		Doc: "The SNC name of the server.",
	},
	{
		Key: "jco.client.snc_myname", Constant: "KeySNCMyName", Aliases: []string{"SNC_MYNAME"}, Group: GroupSNC, Kind: KindText, Allowed: "SNC name, for example p:CN=CLIENT", Default: "(that of the credentials)",
		For: "DL", Effect: "route", Support: Kept, Remedy: remedyWithSNC, form: formSNCName,
		Doc: "The own SNC name.",
	},
	{
		Key: "jco.client.snc_qop", Constant: "KeySNCQoP", Aliases: []string{"SNC_QOP"}, Group: GroupSNC, Kind: KindChoice, Allowed: "1, 2, 3, 8 or 9", Default: "3",
		For: "DL", Effect: "route", Support: Kept, Remedy: remedyWithSNC, form: formChoice("1", "2", "3", "8", "9"),
		Doc: "The protection: 1 authentication, 2 integrity, 3 privacy, 8 that of the system, 9 the highest.",
	},
	{
		Key: "jco.client.snc_sso", Constant: "KeySNCSSO", Aliases: []string{"SNC_SSO"}, Group: GroupSNC, Kind: KindSwitch, Allowed: allowedSwitch, Default: "1",
		For: "DL", Effect: "logon", Support: Kept, Remedy: remedyWithSNC,
		Doc: "Log on with the SNC identity (1) or with other credentials inside (0).",
	},
	{
		Key: "jco.client.snc_lib", Constant: "KeySNCLib", Aliases: []string{"SNC_LIB"}, Group: GroupSNC, Kind: KindText, Allowed: "path",
		For: "DL", Effect: "route", Support: Kept, Remedy: remedyWithSNC,
		Doc: "The GSS library of the customer.",
	},

	// Pool
	{
		Key: "jco.destination.pool_capacity", Constant: "KeyPoolCapacity", Group: GroupPool, Kind: KindCount, Allowed: allowedCount, Default: "1",
		For: "*", Effect: "pool", Support: Supported, form: formCount(maxCount), get: optional(func(c *Config) **int { return &c.Pool.Capacity }), set: setOptional(func(c *Config) **int { return &c.Pool.Capacity }),
		Doc: "How many idle connections are kept; 0 closes each after its use.",
	},
	{
		Key: "jco.destination.peak_limit", Constant: "KeyPeakLimit", Group: GroupPool, Kind: KindCount, Allowed: allowedCount, Default: "(jco.destination.pool_capacity if that is set, else 0)",
		For: "*", Effect: "pool", Support: Supported, form: formCount(maxCount), get: optional(func(c *Config) **int { return &c.Pool.PeakLimit }), set: setOptional(func(c *Config) **int { return &c.Pool.PeakLimit }),
		Doc: "How many connections may be in use at once; 0 is no limit; raised to the capacity.",
	},
	{
		Key: "jco.destination.max_get_client_time", Constant: "KeyMaxGetClientTime", Group: GroupPool, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "30000",
		For: "*", Effect: "pool", Support: Supported, form: formCount(maxCount), get: optionalMillis(func(c *Config) **time.Duration { return &c.Pool.MaxWait }), set: setOptionalMillis(func(c *Config) **time.Duration { return &c.Pool.MaxWait }),
		Doc: "The longest wait for a free connection; 0 does not wait.",
	},
	{
		Key: "jco.destination.expiration_time", Constant: "KeyExpirationTime", Group: GroupPool, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "60000",
		For: "*", Effect: "pool", Support: Supported, form: formCount(maxCount), get: optionalMillis(func(c *Config) **time.Duration { return &c.Pool.Expiration }), set: setOptionalMillis(func(c *Config) **time.Duration { return &c.Pool.Expiration }),
		Doc: "How long a connection may be idle before it may be closed.",
	},
	{
		Key: "jco.destination.expiration_check_period", Constant: "KeyExpirationCheckPeriod", Group: GroupPool, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "60000",
		For: "*", Effect: "pool", Support: Supported, form: formCount(maxCount), get: optionalMillis(func(c *Config) **time.Duration { return &c.Pool.CheckPeriod }), set: setOptionalMillis(func(c *Config) **time.Duration { return &c.Pool.CheckPeriod }),
		Doc: "How often idle connections are looked at; 0 is never.",
	},
	{
		Key: "jco.destination.pool_check_connection", Constant: "KeyPoolCheckConnection", Group: GroupPool, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "pool", Support: Supported, get: toggle(func(c *Config) *bool { return &c.Pool.CheckConnection }), set: setToggle(func(c *Config) *bool { return &c.Pool.CheckConnection }),
		Doc: "Ping a pooled connection before it is used again.",
	},

	// Repository
	{
		Key: "jco.destination.repository_destination", Constant: "KeyRepositoryDestination", Group: GroupRepository, Kind: KindDestination, Allowed: "name of a destination", Default: "(itself)",
		For: "*", Effect: "metadata", Support: Supported, form: formName, get: text(func(c *Config) *string { return &c.Repository.Destination }), set: setText(func(c *Config) *string { return &c.Repository.Destination }),
		Doc: "The destination that is asked for descriptions.",
	},
	{
		Key: "jco.destination.repository.user", Constant: "KeyRepositoryUser", Aliases: []string{"RepositoryUser"}, Group: GroupRepository, Kind: KindText, Allowed: "at most 12 characters", Default: "(jco.client.user)",
		For: "*", Effect: "metadata", Support: Supported, form: formLength(12), get: text(func(c *Config) *string { return &c.Repository.User }), set: setText(func(c *Config) *string { return &c.Repository.User }),
		Doc: "The user that asks for descriptions.",
	},
	{
		Key: "jco.destination.repository.passwd", Constant: "KeyRepositoryPasswd", Aliases: []string{"RepositoryPassword"}, Group: GroupRepository, Kind: KindText, Secret: true, Allowed: "at most 40 characters",
		For: "*", Effect: "metadata", Support: Supported, form: formSecret(40), get: func(c *Config) string { return c.Repository.Password.Reveal() }, set: func(c *Config, v string) { c.Repository.Password = rfc.Secret(v) },
		Doc: "The password of that user.",
	},
	{
		Key: "jco.destination.repository.snc_mode", Constant: "KeyRepositorySNCMode", Group: GroupRepository, Kind: KindSwitch, Allowed: allowedSwitch, Default: "(jco.client.snc_mode)",
		For: "DL", Effect: "metadata", Support: Refused, Remedy: remedySNC, neutral: []string{"0"},
		Doc: "Protect the connections that ask for descriptions by SNC.",
	},
	{
		Key: "jco.destination.repository_roundtrip_optimization", Constant: "KeyRepositoryRoundtripOptimization", Aliases: []string{"USE_REPOSITORY_ROUNDTRIP_OPTIMIZATION"}, Group: GroupRepository, Kind: KindSwitch, Allowed: allowedSwitch, Default: "(found out)",
		For: "*", Effect: "metadata", Support: Supported, get: optionalToggle(func(c *Config) **bool { return &c.Repository.RoundTripOptimization }), set: setOptionalToggle(func(c *Config) **bool { return &c.Repository.RoundTripOptimization }),
		Doc: "Ask through RFC_METADATA_GET: 1 always, 0 never.",
	},
	{
		Key: "jco.destination.repository.check_interval", Constant: "KeyRepositoryCheckInterval", Group: GroupRepository, Kind: KindDuration, Unit: "min", Allowed: "minutes >= 0", Default: "0",
		For: "*", Effect: "metadata", Support: Supported, form: formCount(maxMinutes), get: minutes(func(c *Config) *time.Duration { return &c.Repository.CheckInterval }), set: setMinutes(func(c *Config) *time.Duration { return &c.Repository.CheckInterval }),
		Doc: "How often outdated descriptions are removed; 0 is never.",
	},

	// Behaviour and tuning
	{
		Key: "jco.client.serialization_format", Constant: "KeySerializationFormat", Aliases: []string{"SERIALIZATION_FORMAT"}, Group: GroupTuning, Kind: KindChoice, Default: "rowBased", Allowed: "columnBased or rowBased (or rowFast, this library's own)",
		For: "*", Effect: "call", Support: Supported, form: formChoice("rowBased", "columnBased", "rowFast"), tidy: tidyChoice("rowBased", "columnBased", "rowFast"), get: getFormat, set: setFormat,
		Doc: "How values are written, as far as the partner reads it.",
	},
	{
		Key: "jco.client.use_basxml", Constant: "KeyUseBasXML", Group: GroupTuning, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "DLW", Effect: "call", Support: Supported, get: getBasXML, set: setBasXML,
		Doc: "Write rowBased values as basXML for functions that take it.",
	},
	{
		Key: "jco.client.network", Constant: "KeyNetwork", Aliases: []string{"NETWORK", "COMPRESSION_TYPE"}, Group: GroupTuning, Kind: KindChoice, Default: "LAN", Allowed: "LAN or WAN",
		For: "*", Effect: "logon", Support: Supported, form: formChoice("LAN", "WAN"), get: getNetwork, set: func(c *Config, v string) { c.WAN = v == "WAN" },
		Doc: "WAN compresses columnBased and rowFast as far as possible.",
	},
	{
		Key: "jco.client.delta", Constant: "KeyDelta", Aliases: []string{"DELTA"}, Group: GroupTuning, Kind: KindSwitch, Allowed: allowedSwitch, Default: "1",
		For: "DL", Effect: "logon", Support: Supported, get: getDelta, set: func(c *Config, v string) { c.NoDelta = v == "0" },
		Doc: "Let answers hold what changed in tables only.",
	},
	{
		Key: "jco.client.trace", Constant: "KeyTrace", Aliases: []string{"TRACE", "RFC_TRACE"}, Group: GroupTuning, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "trace", Support: Kept, Remedy: remedyTrace,
		Doc: "The RFC trace of JCo; as TRACE of the SDK a level 0-4.",
	},
	{
		Key: "jco.client.cpic_trace", Constant: "KeyCPICTrace", Aliases: []string{"CPIC_TRACE"}, Group: GroupTuning, Kind: KindChoice, Allowed: "-1, 0, 1, 2 or 3", Default: "-1",
		For: "DL", Effect: "trace", Support: Kept, Remedy: remedyTrace, form: formChoice("-1", "0", "1", "2", "3"),
		Doc: "The protocol trace of JCo.",
	},

	// Own
	{
		Key: "go.connect.timeout_ms", Constant: "KeyConnectTimeout", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "30000",
		For: "*", Effect: "route", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.DialTimeout }), set: setMillis(func(c *Config) *time.Duration { return &c.DialTimeout }),
		Doc: "The limit of name resolution and TCP together; 0 is the default.",
	},
	{
		Key: "go.group.max_age_ms", Constant: "KeyGroupMaxAge", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "0",
		For: "L", Effect: "route", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.GroupMaxAge }), set: setMillis(func(c *Config) *time.Duration { return &c.GroupMaxAge }),
		Doc: "How long the answer of a message server serves further connections; 0 asks for each.",
	},
	{
		Key: "go.logon.timeout_ms", Constant: "KeyLogonTimeout", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: "milliseconds 0-3600000", Default: "60000",
		For: "*", Effect: "logon", Support: Supported, form: formCount(3_600_000), get: millis(func(c *Config) *time.Duration { return &c.LogonTimeout }), set: setMillis(func(c *Config) *time.Duration { return &c.LogonTimeout }),
		Doc: "The limit of everything behind TCP up to the logon; 0 is the default.",
	},
	{
		Key: "go.call.timeout_ms", Constant: "KeyCallTimeout", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "0",
		For: "*", Effect: "call", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.CallTimeout }), set: setMillis(func(c *Config) *time.Duration { return &c.CallTimeout }),
		Doc: "The limit of each call; 0 is none.",
	},
	{
		Key: "go.keepalive_ms", Constant: "KeyKeepAlive", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "0",
		For: "DLG", Effect: "logon", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.KeepAlive }), set: setMillis(func(c *Config) *time.Duration { return &c.KeepAlive }),
		Doc: "How long a partner may be silent during a call before it is pinged; 0 is for ever.",
	},
	{
		Key: "go.policy.allow", Constant: "KeyPolicyAllow", Group: GroupOwn, Kind: KindText, Allowed: allowedPatterns, Default: "(all)",
		For: "*", Effect: "call", Support: Supported, form: formPatterns, tidy: tidyPatterns, get: patterns(func(p *Policy) *[]string { return &p.Allow }), set: setPatterns(func(p *Policy) *[]string { return &p.Allow }),
		Doc: "The function modules that may be called.",
	},
	{
		Key: "go.policy.deny", Constant: "KeyPolicyDeny", Group: GroupOwn, Kind: KindText, Allowed: allowedPatterns, Default: "(none)",
		For: "*", Effect: "call", Support: Supported, form: formPatterns, tidy: tidyPatterns, get: patterns(func(p *Policy) *[]string { return &p.Deny }), set: setPatterns(func(p *Policy) *[]string { return &p.Deny }),
		Doc: "The function modules that may not be called, whatever go.policy.allow says.",
	},
	{
		Key: "go.policy.read_only", Constant: "KeyPolicyReadOnly", Group: GroupOwn, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "call", Support: Supported, get: toggle(func(c *Config) *bool { return &c.Policy.ReadOnly }), set: setToggle(func(c *Config) *bool { return &c.Policy.ReadOnly }),
		Doc: "Allow only modules that are known to read (destination.ReadOnlyModules), those that go.policy.allow names, and no commit.",
	},
	{
		Key: "go.policy.forbid_plain_logon", Constant: "KeyPolicyForbidPlainLogon", Group: GroupOwn, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "logon", Support: Supported, get: toggle(func(c *Config) *bool { return &c.Policy.ForbidPlainLogon }), set: setToggle(func(c *Config) *bool { return &c.Policy.ForbidPlainLogon }),
		Doc: "Refuse to log on with a password that nothing protects on its way.",
	},
	{
		Key: "go.retry.attempts", Constant: "KeyRetryAttempts", Group: GroupOwn, Kind: KindCount, Allowed: "integer 1-100", Default: "1",
		For: "*", Effect: "call", Support: Supported, form: formRange(false, 1, maxAttempts), get: number(func(c *Config) *int { return &c.Retry.Attempts }), set: setNumber(func(c *Config) *int { return &c.Retry.Attempts }),
		Doc: "How often a call is tried of which nothing was sent.",
	},
	{
		Key: "go.retry.backoff_ms", Constant: "KeyRetryBackoff", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "100",
		For: "*", Effect: "call", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.Retry.Backoff }), set: setMillis(func(c *Config) *time.Duration { return &c.Retry.Backoff }),
		Doc: "The pause behind the first attempt; it doubles with each, and is a random part of that; 0 is the default.",
	},
	{
		Key: "go.retry.max_backoff_ms", Constant: "KeyRetryMaxBackoff", Group: GroupOwn, Kind: KindDuration, Unit: "ms", Allowed: allowedMillis, Default: "5000",
		For: "*", Effect: "call", Support: Supported, form: formCount(maxCount), get: millis(func(c *Config) *time.Duration { return &c.Retry.MaxBackoff }), set: setMillis(func(c *Config) *time.Duration { return &c.Retry.MaxBackoff }),
		Doc: "The longest pause between attempts; 0 is the default.",
	},
	{
		Key: "go.limit.message_kib", Constant: "KeyMessageLimit", Group: GroupOwn, Kind: KindCount, Unit: "KiB", Allowed: allowedCount, Default: "1048576",
		For: "*", Effect: "logon", Support: Supported, form: formCount(maxCount), get: getKiB, set: func(c *Config, v string) { c.Limits.Message = int64(atoi(v)) << 10 },
		Doc: "The largest answer that is kept in memory; 0 is the default.",
	},
	{
		Key: "go.limit.callbacks", Constant: "KeyCallbackLimit", Group: GroupOwn, Kind: KindCount, Allowed: allowedCount, Default: "10000",
		For: "*", Effect: "logon", Support: Supported, form: formCount(maxCount), get: number(func(c *Config) *int { return &c.Limits.Callbacks }), set: setNumber(func(c *Config) *int { return &c.Limits.Callbacks }),
		Doc: "How many callbacks one call may bring; 0 is the default.",
	},
	{
		Key: "go.allow_non_unicode", Constant: "KeyAllowNonUnicode", Group: GroupOwn, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "logon", Support: Supported, get: toggle(func(c *Config) *bool { return &c.AllowNonUnicode }), set: setToggle(func(c *Config) *bool { return &c.AllowNonUnicode }),
		Doc: "Accept partners that are not Unicode systems.",
	},
	{
		Key: "go.big_endian", Constant: "KeyBigEndian", Group: GroupOwn, Kind: KindSwitch, Allowed: allowedSwitch, Default: "0",
		For: "*", Effect: "logon", Support: Supported, get: toggle(func(c *Config) *bool { return &c.BigEndian }), set: setToggle(func(c *Config) *bool { return &c.BigEndian }),
		Doc: "Write numbers and UTF-16 with their high byte first, as JCo does; for tests of partners.",
	},
	{
		Key: "go.program", Constant: "KeyProgram", Group: GroupOwn, Kind: KindText, Allowed: "at most 255 characters", Default: "purerfc",
		For: "*", Effect: "logon", Support: Supported, form: formLength(255), get: text(func(c *Config) *string { return &c.Program }), set: setText(func(c *Config) *string { return &c.Program }),
		Doc: "What the partner is told this program is called.",
	},
	{
		Key: "go.client_host", Constant: "KeyClientHost", Group: GroupOwn, Kind: KindText, Allowed: "at most 255 characters", Default: "localhost",
		For: "*", Effect: "logon", Support: Supported, form: formLength(255), get: text(func(c *Config) *string { return &c.Host }), set: setText(func(c *Config) *string { return &c.Host }),
		Doc: "What the partner is told this host is called; the own name is never resolved.",
	},

	// Server
	server("jco.server.gwhost", "KeyServerGWHost", KindHost, "", "", "The gateway to register at."),
	server("jco.server.gwserv", "KeyServerGWServ", KindService, "", "", "The service of that gateway."),
	server("jco.server.progid", "KeyServerProgID", KindText, "", "", "The program ID.", "PROGID", "PROGRAM_ID"),
	server("jco.server.connection_count", "KeyServerConnectionCount", KindCount, "1", "", "How many registrations are kept.", "REG_COUNT", "MAX_REG_COUNT"),
	server("jco.server.saprouter", "KeyServerSAProuter", KindRoute, "", "", "The SAProuters on the way."),
	server("jco.server.repository_destination", "KeyServerRepositoryDestination", KindDestination, "", "", "The destination that is asked for descriptions."),
	server("jco.server.repository_map", "KeyServerRepositoryMap", KindText, "", "", "Several repositories."),
	server("jco.server.max_startup_delay", "KeyServerMaxStartupDelay", KindDuration, "60", "s", "The longest pause between attempts to start."),
	server("jco.server.trace", "KeyServerTrace", KindSwitch, "0", "", "The RFC trace of JCo."),
	server("jco.server.worker_thread_count", "KeyServerWorkerThreadCount", KindCount, "0", "", "How many calls run at once; 0 is no limit."),
	server("jco.server.worker_thread_min_count", "KeyServerWorkerThreadMinCount", KindCount, "0", "", "How many workers are kept."),
	server("jco.server.snc_mode", "KeyServerSNCMode", KindSwitch, "0", "", "Protect connections by SNC."),
	server("jco.server.snc_qop", "KeyServerSNCQoP", KindChoice, "", "", "The protection."),
	server("jco.server.snc_myname", "KeyServerSNCMyName", KindText, "", "", "The own SNC name."),
	server("jco.server.snc_lib", "KeyServerSNCLib", KindText, "", "", "The GSS library of the customer."),
	server("jco.server.mshost", "KeyServerMSHost", KindHost, "", "", "The message server whose gateways are registered at."),
	server("jco.server.system_id", "KeyServerSystemID", KindText, "", "", "The system ID of that message server.", "SYS_IDS"),
	server("jco.server.group", "KeyServerGroup", KindText, "", "", "The logon group at that message server."),
	server("jco.server.unicode", "KeyServerUnicode", KindSwitch, "", "", "Ignored by JCo since release 3."),
	server("jco.server.profile_name", "KeyServerProfileName", KindText, "", "", "A setting of a product."),
	server("jco.server.name", "KeyServerName", KindText, "", "", "A setting of a product.", "SERVER_NAME"),

	// Legacy
	legacy("jco.client.abap_debug", remedyOldJCo, "ABAP_DEBUG"),
	legacy("jco.client.grt_data", remedyOldJCo),
	legacy("jco.client.use_guihost", remedyOldJCo),
	legacy("jco.client.use_guiserv", remedyOldJCo),
	legacy("jco.client.use_guiprogid", remedyOldJCo),
	legacy("jco.client.dest", remedyOldJCo),
	legacy("jco.client.idle_timeout", remedyOldJCo),
	legacy("jco.client.dsr", remedyOldJCo),
	legacy("jco.client.unicode", remedyOldJCo),
	legacy("jco.pool.*", remedyOldJCo+"; see jco.destination.pool_capacity"),
	legacy("jco.poolmgr.*", remedyOldJCo+"; see jco.destination.peak_limit"),
	legacy("ASXML", remedySDK, "ASXML"),
	legacy("CFIT", remedySDK, "CFIT"),
	legacy("LOGON_GROUP_CHECK_INTERVAL", remedySDK, "LOGON_GROUP_CHECK_INTERVAL"),
	legacy("NO_COMPRESSION", remedySDK+"; what is compressed is decided by size", "NO_COMPRESSION"),
	legacy("ON_CCE", remedySDK+"; see Config.Values", "ON_CCE"),
	legacy("SAPLOGON_ID", remedySDK+"; name the target itself", "SAPLOGON_ID"),
	legacy("SNC_PARTNER_NAMES", remedySDK, "SNC_PARTNER_NAMES"),
	legacy("TLS_CLIENT_PSE", remedySDK+"; see KeyStoreLocation", "TLS_CLIENT_PSE"),
	legacy("TLS_SERVER_PARTNER_AUTH", remedySDK, "TLS_SERVER_PARTNER_AUTH"),
	legacy("TLS_SERVER_PSE", remedySDK, "TLS_SERVER_PSE"),
	legacy("USE_SYMBOLIC_NAMES", remedySDK, "USE_SYMBOLIC_NAMES"),
}

func server(key, constant string, kind Kind, def, unit, doc string, aliases ...string) Property {
	return Property{Key: key, Constant: constant, Aliases: aliases, Group: GroupServer, Kind: kind, Default: def, Unit: unit, For: "S", Support: Refused, Remedy: remedyServer, Doc: doc}
}

func legacy(key, remedy string, aliases ...string) Property {
	return Property{Key: key, Aliases: aliases, Group: GroupLegacy, Kind: KindText, For: "*", Support: Legacy, Remedy: remedy, Doc: "Read and left out."}
}

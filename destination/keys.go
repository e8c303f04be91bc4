// Code generated from table.go by go test ./destination -update. DO NOT EDIT.

package destination

// Keys of the group Target.
const (
	// KeyASHost: The application server as seen inside the SAP network. It selects a direct
	// connection.
	// Host; allowed: host name or IP address.
	KeyASHost = "jco.client.ashost"
	// KeySysNr: The number NN of the instance; its gateway listens on port 33NN.
	// Digits; allowed: two digits 00-99.
	KeySysNr = "jco.client.sysnr"
	// KeyGWHost: The host that is dialled when it is not the application server.
	// Host; default jco.client.ashost; allowed: host name or IP address.
	KeyGWHost = "jco.client.gwhost"
	// KeyGWServ: The service of the gateway: sapgwNN is port 33NN.
	// Service; default sapgw and jco.client.sysnr; allowed: port 1-65535 or service name, for
	// example sapgw00.
	KeyGWServ = "jco.client.gwserv"
	// KeySAProuter: The SAProuters on the way, to a message server as well, each with its
	// service and password; a last /H/ stands for the target.
	// Route; allowed: route string /H/host/S/service/W/password/H/....
	KeySAProuter = "jco.client.saprouter"
	// KeyTPName: The program ID of a registered server program.
	// Text; allowed: program ID of 1 to 64 characters.
	// Not supported (refused): programs behind a gateway cannot be called yet; set
	// jco.client.ashost.
	KeyTPName = "jco.client.tpname"
	// KeyTPHost: The host on which a gateway starts a program.
	// Host; allowed: host name or IP address.
	// Not supported (refused): programs behind a gateway cannot be called yet; set
	// jco.client.ashost.
	KeyTPHost = "jco.client.tphost"
	// KeyType: The type of the partner, which JCo sets by itself.
	// Choice; default found out; allowed: 2, 3 or E.
	// Not supported (refused): it follows from the target; leave it out.
	KeyType = "jco.client.type"
	// KeyClient: The ABAP client; leading zeros count.
	// Digits; default that of the system; allowed: three digits.
	KeyClient = "jco.client.client"
)

// Keys of the group Load balancing.
const (
	// KeyMSHost: The message server, or several of one system. It selects load balancing.
	// Host; allowed: host name or IP address, or several separated by commas.
	KeyMSHost = "jco.client.mshost"
	// KeyR3Name: The system ID; the service of its message server is sapms and it.
	// Text; allowed: three characters, first a letter.
	KeyR3Name = "jco.client.r3name"
	// KeyMSServ: The service or port of the message server, 36NN; it wins over
	// jco.client.r3name.
	// Service; default sapms and jco.client.r3name; allowed: port 1-65535 or service name, or
	// http://host:port of the text interface.
	KeyMSServ = "jco.client.msserv"
	// KeyGroup: The logon group whose least loaded server is taken.
	// Text; default PUBLIC; allowed: logon group of 1 to 40 printable ASCII characters.
	KeyGroup = "jco.client.group"
	// KeySticky: Keep to the application server that the group gave first.
	// Switch; default 0; allowed: 0 or 1.
	// Not supported (kept): each connection gets the server that the message server names.
	KeySticky = "jco.client.sticky"
)

// Keys of the group Logon.
const (
	// KeyUser: The user; both or neither of user and password.
	// Text; allowed: at most 12 characters.
	KeyUser = "jco.client.user"
	// KeyAliasUser: The alias of a user, in place of its name.
	// Text; allowed: at most 40 characters.
	// Not supported (refused): it is not supported yet; log on with a user and password, or over
	// WebSocket RFC with a certificate or a bearer token.
	KeyAliasUser = "jco.client.alias_user"
	// KeyPasswd: The password.
	// Text; allowed: at most 40 characters; secret.
	KeyPasswd = "jco.client.passwd"
	// KeyLang: The logon language; empty means that none is sent.
	// Text; default that of the system; allowed: two-letter ISO or one-letter SAP language.
	KeyLang = "jco.client.lang"
	// KeyCodepage: The code page in which the logon is written; 4103 when jco.client.pcs is 2.
	// Digits; default 1100; allowed: 4-digit SAP code page.
	KeyCodepage = "jco.client.codepage"
	// KeyPCS: The partner's bytes for a character as far as known before the logon: 2 lets any
	// character into user and password, 1 needs go.allow_non_unicode.
	// Choice; default found out; allowed: 1 or 2.
	KeyPCS = "jco.client.pcs"
	// KeyAuthType: Where the identity comes from.
	// Choice; default CONFIGURED_USER; allowed: CONFIGURED_USER, CURRENT_USER,
	// PrincipalPropagation or TechnicalUserPropagation.
	// Not supported (refused): only CONFIGURED_USER is supported; users cannot be propagated
	// through a TCP tunnel, see docs/btp.md.
	KeyAuthType = "jco.destination.auth_type"
	// KeyAuthMethod: A companion of auth_type in old programs.
	// Text.
	// Not supported (legacy): jco.destination.auth_type decides.
	KeyAuthMethod = "jco.destination.auth_method"
	// KeyUserID: A name of the user behind a ticket, certificate or SNC logon, for this side
	// only.
	// Text; allowed: at most 255 characters.
	// Not supported (kept): it is a label that is never sent.
	KeyUserID = "jco.destination.user_id"
	// KeyMySAPSSO2: A logon or assertion ticket.
	// Text; allowed: logon ticket; secret.
	// Not supported (refused): it is not supported yet; log on with a user and password, or over
	// WebSocket RFC with a certificate or a bearer token.
	KeyMySAPSSO2 = "jco.client.mysapsso2"
	// KeyGetSSO2: Ask for a ticket after the logon.
	// Switch; default 0; allowed: 0 or 1.
	// Not supported (refused): tickets are not supported yet; leave it at 0.
	KeyGetSSO2 = "jco.client.getsso2"
	// KeyX509Cert: A certificate that stands for the user; needs SNC.
	// Text; allowed: certificate in base64; secret.
	// Not supported (refused): it is not supported yet; log on with a user and password, or over
	// WebSocket RFC with a certificate or a bearer token.
	KeyX509Cert = "jco.client.x509cert"
	// KeyOIDCBearerToken: A bearer token that stands for the user.
	// Text; allowed: token; secret.
	KeyOIDCBearerToken = "jco.client.oidc_bearer_token"
	// KeyExtIDData: An external identification.
	// Text; allowed: external identification; secret.
	// Not supported (refused): it is not supported yet; log on with a user and password, or over
	// WebSocket RFC with a certificate or a bearer token.
	KeyExtIDData = "jco.client.extid_data"
	// KeyExtIDType: What jco.client.extid_data is.
	// Text; allowed: type of external identification.
	// Not supported (kept): only jco.client.extid_data uses it, which is not supported yet.
	KeyExtIDType = "jco.client.extid_type"
	// KeyTLSClientCertificateLogon: Log on with the TLS client certificate in place of user and
	// password.
	// Switch; default 0; allowed: 0 or 1.
	KeyTLSClientCertificateLogon = "jco.client.tls_client_certificate_logon"
	// KeyLCheck: Log on when a connection is opened (1) or with its first call (0).
	// Switch; default 1; allowed: 0 or 1.
	// Not supported (refused): the logon always comes first; leave it at 1.
	KeyLCheck = "jco.client.lcheck"
	// KeyDenyInitialPassword: Refuse a logon with an initial password.
	// Switch; default 0; allowed: 0 or 1.
	// Not supported (refused): it is not supported yet; leave it at 0.
	KeyDenyInitialPassword = "jco.client.deny_initial_password"
	// KeyUseSAPGUI: Attach a GUI to the connection.
	// Choice; default 0; allowed: 0, 1 or 2.
	// Not supported (refused): there is no GUI here; only 0 is supported.
	KeyUseSAPGUI = "jco.client.use_sapgui"
	// KeyTechUserID: The client that fetches tokens for TechnicalUserPropagation.
	// Text; allowed: client of the token service.
	// Not supported (kept): only the propagation of users uses it, which is not possible through
	// a TCP tunnel.
	KeyTechUserID = "jco.client.tech_user_id"
	// KeyTechUserSecret: The secret of that client.
	// Text; allowed: secret of jco.client.tech_user_id; secret.
	// Not supported (kept): only the propagation of users uses it, which is not possible through
	// a TCP tunnel.
	KeyTechUserSecret = "jco.client.tech_user_secret"
	// KeyTechUserServiceURL: The token service; it is called directly, through no tunnel.
	// Text; allowed: https URL.
	// Not supported (kept): only the propagation of users uses it, which is not possible through
	// a TCP tunnel.
	KeyTechUserServiceURL = "jco.client.tech_user_service_url"
)

// Keys of the group WebSocket RFC and TLS.
const (
	// KeyWSHost: The host of WebSocket RFC. It selects WebSocket RFC.
	// Host; allowed: host name or IP address.
	KeyWSHost = "jco.client.wshost"
	// KeyWSPort: Its port.
	// Port; allowed: port 1-65535.
	KeyWSPort = "jco.client.wsport"
	// KeyUseTLS: Use TLS. 0 is for tests and needs WebSocket.AllowInsecureTLS.
	// Switch; default 1; allowed: 0 or 1.
	KeyUseTLS = "jco.client.use_tls"
	// KeyTLSTrustAll: Accept any certificate of the server. For tests; it needs
	// WebSocket.AllowInsecureTLS and is logged for each connection.
	// Switch; default 0; allowed: 0 or 1.
	KeyTLSTrustAll = "jco.client.tls_trust_all"
	// KeyTLSP12File: A PKCS#12 file with the own certificate and trusted ones.
	// Text; allowed: path.
	KeyTLSP12File = "jco.client.tls_p12_file"
	// KeyTLSP12Passwd: The password of that file.
	// Text; allowed: password; secret.
	KeyTLSP12Passwd = "jco.client.tls_p12_passwd"
	// KeyTrustStoreLocation: The certificates that are trusted.
	// Text; default that of the system; allowed: path of a PEM, DER or PKCS#12 file.
	KeyTrustStoreLocation = "TrustStoreLocation"
	// KeyTrustStorePassword: The password of the trust store.
	// Text; allowed: password; secret.
	KeyTrustStorePassword = "TrustStorePassword"
	// KeyKeyStoreLocation: The own certificate and key.
	// Text; allowed: path of a PEM or PKCS#12 file.
	KeyKeyStoreLocation = "KeyStoreLocation"
	// KeyKeyStorePassword: The password of the key store.
	// Text; allowed: password; secret.
	KeyKeyStorePassword = "KeyStorePassword"
	// KeyKeyStoreSource: Who provides the key store.
	// Choice; default DestinationService; allowed: DestinationService or ClientProvided.
	// Not supported (kept): the key store is a file, or what Go code gives.
	KeyKeyStoreSource = "KeyStore.Source"
	// KeyProxyHost: The HTTP proxy in front of the WebSocket endpoint.
	// Host; default HTTPS_PROXY; allowed: host name or IP address.
	KeyProxyHost = "jco.client.proxy_host"
	// KeyProxyPort: Its port.
	// Port; allowed: port 1-65535.
	KeyProxyPort = "jco.client.proxy_port"
	// KeyProxyUser: The user of the proxy.
	// Text; allowed: at most 255 characters.
	KeyProxyUser = "jco.client.proxy_user"
	// KeyProxyPasswd: The password of the proxy.
	// Text; allowed: password; secret.
	KeyProxyPasswd = "jco.client.proxy_passwd"
	// KeyWSPingPeriod: How long the partner may be silent before a ping is sent.
	// Duration in seconds; default 300; allowed: seconds, 0 (off) or 10-86400.
	KeyWSPingPeriod = "jco.destination.ws_ping_period"
	// KeyWSPongTimeout: How long the pong may take before the connection counts as broken.
	// Duration in seconds; default 60; allowed: seconds, 0 (off) or 10-3600.
	KeyWSPongTimeout = "jco.destination.ws_pong_timeout"
	// KeyWSPingCheckInterval: How often it is looked whether a ping is due.
	// Duration in seconds; default 10; allowed: seconds > 0.
	KeyWSPingCheckInterval = "jco.destination.ws_ping_check_interval"
	// KeyTLSVersion: The lowest version of TLS.
	// Choice; default TLSv1.2; allowed: TLSv1.2 or TLSv1.3.
	KeyTLSVersion = "TLSVersion"
	// KeyHostnameVerifier: How the name in the server's certificate is verified.
	// Choice; default Strict; allowed: Strict or BrowserCompatible.
	// Not supported (kept): names are always verified strictly.
	KeyHostnameVerifier = "HostnameVerifier"
)

// Keys of the group Proxy and tunnel.
const (
	// KeyProxyType: OnPremise goes through the connectivity service, Internet is WebSocket RFC,
	// Local is the plain network.
	// Choice; default none: the plain network; allowed: OnPremise, Internet or Local.
	KeyProxyType = "jco.destination.proxy_type"
	// KeyCloudConnectorLocationID: Which Cloud Connector; empty is the default one.
	// Text; allowed: at most 189 bytes.
	KeyCloudConnectorLocationID = "jco.client.cloud_connector_location_id"
	// KeyCloudConnectorVersion: The generation of the Cloud Connector.
	// Choice; default 2; allowed: 2.
	// Not supported (refused): only 2 is supported.
	KeyCloudConnectorVersion = "jco.client.cloud_connector_version"
	// KeyDescription: A text for people.
	// Text; allowed: text.
	KeyDescription = "jco.destination.description"
	// KeyName: The name of the destination inside a document; it has to be the one that was
	// asked for.
	// Destination; allowed: the name of the destination.
	KeyName = "Name"
	// KeyKind: The kind of destination in the destination service; A, B and 3 of saprfc.ini
	// follow from the target.
	// Choice; default RFC; allowed: RFC.
	// Not supported (refused): only RFC is supported yet.
	KeyKind = "Type"
	// KeyAuthentication: The destination service's word for jco.destination.auth_type and
	// jco.client.tls_client_certificate_logon.
	// Choice; allowed: BasicAuthentication, NoAuthentication, PrincipalPropagation,
	// OAuth2TechnicalUserPropagation or ClientCertificateAuthentication.
	KeyAuthentication = "Authentication"
	// KeyTunnelKind: How the tunnel is entered.
	// Choice; default socks5 with jco.destination.proxy_type = OnPremise, else none; allowed:
	// none, socks5 or http-connect.
	KeyTunnelKind = "go.proxy.kind"
	// KeyTunnelHost: The host of the proxy.
	// Host; default that of the binding; allowed: host name or IP address.
	KeyTunnelHost = "go.proxy.host"
	// KeyTunnelPort: The port of the proxy.
	// Port; default that of the binding; allowed: port 1-65535.
	KeyTunnelPort = "go.proxy.port"
	// KeyTunnelAuth: How this side proves who it is to the proxy.
	// Choice; default jwt; allowed: jwt or none.
	KeyTunnelAuth = "go.proxy.auth"
	// KeyTunnelToken: A fixed token for the proxy.
	// Text; default Tunnel.Tokens; allowed: token; secret.
	KeyTunnelToken = "go.proxy.token"
	// KeyTunnelUser: The user of an HTTP proxy.
	// Text; allowed: at most 255 characters.
	KeyTunnelUser = "go.proxy.user"
	// KeyTunnelPasswd: The password of that user.
	// Text; allowed: password; secret.
	KeyTunnelPasswd = "go.proxy.passwd"
	// KeyTunnelBinding: The binding of the connectivity service; package connectivity reads it.
	// Text; default the only one; allowed: name of a service binding.
	KeyTunnelBinding = "go.proxy.binding"
	// KeyVirtualPort: The virtual port of the mapping.
	// Port; default jco.client.gwserv, else 33 and jco.client.sysnr; allowed: port 1-65535.
	KeyVirtualPort = "go.tunnel.port"
	// KeyPartnerHost: The host name for the gateway when jco.client.ashost is only a virtual
	// one.
	// Host; default jco.client.ashost; allowed: host name or IP address.
	KeyPartnerHost = "go.tunnel.partner_host"
	// KeyHostMap: The virtual names of the servers that a message server names.
	// Text; allowed: list of internal:port=virtual:port, separated by commas.
	KeyHostMap = "go.tunnel.hostmap"
)

// Keys of the group SNC.
const (
	// KeySNCMode: Protect connections by SNC.
	// Switch; default 0; allowed: 0 or 1.
	// Not supported (refused): SNC is not supported yet, and nothing is sent in clear instead;
	// leave it at 0 where clear text is allowed.
	KeySNCMode = "jco.client.snc_mode"
	// KeySNCPartnerName: The SNC name of the server.
	// Text; allowed: SNC name, for example p:CN=A4H.
	// Not supported (kept): only SNC uses it, which is not supported yet.
	KeySNCPartnerName = "jco.client.snc_partnername"
	// KeySNCMyName: The own SNC name.
	// Text; default that of the credentials; allowed: SNC name, for example p:CN=CLIENT.
	// Not supported (kept): only SNC uses it, which is not supported yet.
	KeySNCMyName = "jco.client.snc_myname"
	// KeySNCQoP: The protection: 1 authentication, 2 integrity, 3 privacy, 8 that of the system,
	// 9 the highest.
	// Choice; default 3; allowed: 1, 2, 3, 8 or 9.
	// Not supported (kept): only SNC uses it, which is not supported yet.
	KeySNCQoP = "jco.client.snc_qop"
	// KeySNCSSO: Log on with the SNC identity (1) or with other credentials inside (0).
	// Switch; default 1; allowed: 0 or 1.
	// Not supported (kept): only SNC uses it, which is not supported yet.
	KeySNCSSO = "jco.client.snc_sso"
	// KeySNCLib: The GSS library of the customer.
	// Text; allowed: path.
	// Not supported (kept): only SNC uses it, which is not supported yet.
	KeySNCLib = "jco.client.snc_lib"
)

// Keys of the group Pool.
const (
	// KeyPoolCapacity: How many idle connections are kept; 0 closes each after its use.
	// Count; default 1; allowed: integer 0-2147483647.
	KeyPoolCapacity = "jco.destination.pool_capacity"
	// KeyPeakLimit: How many connections may be in use at once; 0 is no limit; raised to the
	// capacity.
	// Count; default jco.destination.pool_capacity if that is set, else 0; allowed: integer
	// 0-2147483647.
	KeyPeakLimit = "jco.destination.peak_limit"
	// KeyMaxGetClientTime: The longest wait for a free connection; 0 does not wait.
	// Duration in milliseconds; default 30000; allowed: milliseconds >= 0.
	KeyMaxGetClientTime = "jco.destination.max_get_client_time"
	// KeyExpirationTime: How long a connection may be idle before it may be closed.
	// Duration in milliseconds; default 60000; allowed: milliseconds >= 0.
	KeyExpirationTime = "jco.destination.expiration_time"
	// KeyExpirationCheckPeriod: How often idle connections are looked at; 0 is never.
	// Duration in milliseconds; default 60000; allowed: milliseconds >= 0.
	KeyExpirationCheckPeriod = "jco.destination.expiration_check_period"
	// KeyPoolCheckConnection: Ping a pooled connection before it is used again.
	// Switch; default 0; allowed: 0 or 1.
	KeyPoolCheckConnection = "jco.destination.pool_check_connection"
)

// Keys of the group Repository.
const (
	// KeyRepositoryDestination: The destination that is asked for descriptions.
	// Destination; default itself; allowed: name of a destination.
	KeyRepositoryDestination = "jco.destination.repository_destination"
	// KeyRepositoryUser: The user that asks for descriptions.
	// Text; default jco.client.user; allowed: at most 12 characters.
	KeyRepositoryUser = "jco.destination.repository.user"
	// KeyRepositoryPasswd: The password of that user.
	// Text; allowed: at most 40 characters; secret.
	KeyRepositoryPasswd = "jco.destination.repository.passwd"
	// KeyRepositorySNCMode: Protect the connections that ask for descriptions by SNC.
	// Switch; default jco.client.snc_mode; allowed: 0 or 1.
	// Not supported (refused): SNC is not supported yet, and nothing is sent in clear instead;
	// leave it at 0 where clear text is allowed.
	KeyRepositorySNCMode = "jco.destination.repository.snc_mode"
	// KeyRepositoryRoundtripOptimization: Ask through RFC_METADATA_GET: 1 always, 0 never.
	// Switch; default found out; allowed: 0 or 1.
	KeyRepositoryRoundtripOptimization = "jco.destination.repository_roundtrip_optimization"
	// KeyRepositoryCheckInterval: How often outdated descriptions are removed; 0 is never.
	// Duration in minutes; default 0; allowed: minutes >= 0.
	KeyRepositoryCheckInterval = "jco.destination.repository.check_interval"
)

// Keys of the group Behaviour and tuning.
const (
	// KeySerializationFormat: How values are written, as far as the partner reads it.
	// Choice; default rowBased; allowed: columnBased or rowBased (or rowFast, this library's
	// own).
	KeySerializationFormat = "jco.client.serialization_format"
	// KeyUseBasXML: Write rowBased values as basXML for functions that take it.
	// Switch; default 0; allowed: 0 or 1.
	KeyUseBasXML = "jco.client.use_basxml"
	// KeyNetwork: WAN compresses columnBased and rowFast as far as possible.
	// Choice; default LAN; allowed: LAN or WAN.
	KeyNetwork = "jco.client.network"
	// KeyDelta: Let answers hold what changed in tables only.
	// Switch; default 1; allowed: 0 or 1.
	KeyDelta = "jco.client.delta"
	// KeyTrace: The RFC trace of JCo; as TRACE of the SDK a level 0-4.
	// Switch; default 0; allowed: 0 or 1.
	// Not supported (kept): see destination.WithTrace and rfcping --record; no trace file is
	// written.
	KeyTrace = "jco.client.trace"
	// KeyCPICTrace: The protocol trace of JCo.
	// Choice; default -1; allowed: -1, 0, 1, 2 or 3.
	// Not supported (kept): see destination.WithTrace and rfcping --record; no trace file is
	// written.
	KeyCPICTrace = "jco.client.cpic_trace"
)

// Keys of the group Settings of this library.
const (
	// KeyConnectTimeout: The limit of name resolution and TCP together; 0 is the default.
	// Duration in milliseconds; default 30000; allowed: milliseconds >= 0.
	KeyConnectTimeout = "go.connect.timeout_ms"
	// KeyGroupMaxAge: How long the answer of a message server serves further connections; 0 asks
	// for each.
	// Duration in milliseconds; default 0; allowed: milliseconds >= 0.
	KeyGroupMaxAge = "go.group.max_age_ms"
	// KeyLogonTimeout: The limit of everything behind TCP up to the logon; 0 is the default.
	// Duration in milliseconds; default 60000; allowed: milliseconds 0-3600000.
	KeyLogonTimeout = "go.logon.timeout_ms"
	// KeyCallTimeout: The limit of each call; 0 is none.
	// Duration in milliseconds; default 0; allowed: milliseconds >= 0.
	KeyCallTimeout = "go.call.timeout_ms"
	// KeyKeepAlive: How long a partner may be silent during a call before it is pinged; 0 is for
	// ever.
	// Duration in milliseconds; default 0; allowed: milliseconds >= 0.
	KeyKeepAlive = "go.keepalive_ms"
	// KeyPolicyAllow: The function modules that may be called.
	// Text; default all; allowed: names of function modules separated by commas, * for any
	// characters.
	KeyPolicyAllow = "go.policy.allow"
	// KeyPolicyDeny: The function modules that may not be called, whatever go.policy.allow says.
	// Text; default none; allowed: names of function modules separated by commas, * for any
	// characters.
	KeyPolicyDeny = "go.policy.deny"
	// KeyPolicyReadOnly: Allow only modules that are known to read
	// (destination.ReadOnlyModules), those that go.policy.allow names, and no commit.
	// Switch; default 0; allowed: 0 or 1.
	KeyPolicyReadOnly = "go.policy.read_only"
	// KeyPolicyForbidPlainLogon: Refuse to log on with a password that nothing protects on its
	// way.
	// Switch; default 0; allowed: 0 or 1.
	KeyPolicyForbidPlainLogon = "go.policy.forbid_plain_logon"
	// KeyRetryAttempts: How often a call is tried of which nothing was sent.
	// Count; default 1; allowed: integer 1-100.
	KeyRetryAttempts = "go.retry.attempts"
	// KeyRetryBackoff: The pause behind the first attempt; it doubles with each, and is a random
	// part of that; 0 is the default.
	// Duration in milliseconds; default 100; allowed: milliseconds >= 0.
	KeyRetryBackoff = "go.retry.backoff_ms"
	// KeyRetryMaxBackoff: The longest pause between attempts; 0 is the default.
	// Duration in milliseconds; default 5000; allowed: milliseconds >= 0.
	KeyRetryMaxBackoff = "go.retry.max_backoff_ms"
	// KeyMessageLimit: The largest answer that is kept in memory; 0 is the default.
	// Count in ; default 1048576; allowed: integer 0-2147483647.
	KeyMessageLimit = "go.limit.message_kib"
	// KeyCallbackLimit: How many callbacks one call may bring; 0 is the default.
	// Count; default 10000; allowed: integer 0-2147483647.
	KeyCallbackLimit = "go.limit.callbacks"
	// KeyAllowNonUnicode: Accept partners that are not Unicode systems.
	// Switch; default 0; allowed: 0 or 1.
	KeyAllowNonUnicode = "go.allow_non_unicode"
	// KeyBigEndian: Write numbers and UTF-16 with their high byte first, as JCo does; for tests
	// of partners.
	// Switch; default 0; allowed: 0 or 1.
	KeyBigEndian = "go.big_endian"
	// KeyProgram: What the partner is told this program is called.
	// Text; default purerfc; allowed: at most 255 characters.
	KeyProgram = "go.program"
	// KeyClientHost: What the partner is told this host is called; the own name is never
	// resolved.
	// Text; default localhost; allowed: at most 255 characters.
	KeyClientHost = "go.client_host"
)

// Keys of the group Server.
const (
	// KeyServerGWHost: The gateway to register at.
	// Host.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerGWHost = "jco.server.gwhost"
	// KeyServerGWServ: The service of that gateway.
	// Service.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerGWServ = "jco.server.gwserv"
	// KeyServerProgID: The program ID.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerProgID = "jco.server.progid"
	// KeyServerConnectionCount: How many registrations are kept.
	// Count; default 1.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerConnectionCount = "jco.server.connection_count"
	// KeyServerSAProuter: The SAProuters on the way.
	// Route.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSAProuter = "jco.server.saprouter"
	// KeyServerRepositoryDestination: The destination that is asked for descriptions.
	// Destination.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerRepositoryDestination = "jco.server.repository_destination"
	// KeyServerRepositoryMap: Several repositories.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerRepositoryMap = "jco.server.repository_map"
	// KeyServerMaxStartupDelay: The longest pause between attempts to start.
	// Duration in seconds; default 60.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerMaxStartupDelay = "jco.server.max_startup_delay"
	// KeyServerTrace: The RFC trace of JCo.
	// Switch; default 0.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerTrace = "jco.server.trace"
	// KeyServerWorkerThreadCount: How many calls run at once; 0 is no limit.
	// Count; default 0.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerWorkerThreadCount = "jco.server.worker_thread_count"
	// KeyServerWorkerThreadMinCount: How many workers are kept.
	// Count; default 0.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerWorkerThreadMinCount = "jco.server.worker_thread_min_count"
	// KeyServerSNCMode: Protect connections by SNC.
	// Switch; default 0.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSNCMode = "jco.server.snc_mode"
	// KeyServerSNCQoP: The protection.
	// Choice.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSNCQoP = "jco.server.snc_qop"
	// KeyServerSNCMyName: The own SNC name.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSNCMyName = "jco.server.snc_myname"
	// KeyServerSNCLib: The GSS library of the customer.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSNCLib = "jco.server.snc_lib"
	// KeyServerMSHost: The message server whose gateways are registered at.
	// Host.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerMSHost = "jco.server.mshost"
	// KeyServerSystemID: The system ID of that message server.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerSystemID = "jco.server.system_id"
	// KeyServerGroup: The logon group at that message server.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerGroup = "jco.server.group"
	// KeyServerUnicode: Ignored by JCo since release 3.
	// Switch.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerUnicode = "jco.server.unicode"
	// KeyServerProfileName: A setting of a product.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerProfileName = "jco.server.profile_name"
	// KeyServerName: A setting of a product.
	// Text.
	// Not supported (refused): it is a setting of a server, not of a destination.
	KeyServerName = "jco.server.name"
)

package destination_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// canary is the password of all tests here: it must never come out.
const canary = "kAnarY7#x"

// good are the settings of a destination in order, changed by pairs; a value of absent
// removes the key.
func good(pairs ...string) destination.Properties {
	var p destination.Properties
	for i, v := range slices.Concat([]string{
		"jco.client.ashost", "host", "jco.client.sysnr", "00", "jco.client.client", "001",
		"jco.client.user", "DEVELOPER", "jco.client.passwd", canary, "jco.client.lang", "EN",
	}, pairs) {
		if i%2 == 0 {
			continue
		}
		key := slices.Concat([]string{
			"jco.client.ashost", "", "jco.client.sysnr", "", "jco.client.client", "",
			"jco.client.user", "", "jco.client.passwd", "", "jco.client.lang", "",
		}, pairs)[i-1]
		if v == absent {
			p.Delete(key)
			continue
		}
		p.SetFrom(key, v, destination.Source{Origin: destination.FromFile, Name: "A4H.properties", Line: (i + 1) / 2})
	}
	return p
}

const absent = "\x00absent"

// silent checks that nothing of a result shows the canary.
func silent(t *testing.T, canary string, things ...any) {
	t.Helper()
	for _, x := range things {
		text := fmt.Sprintf("%v %+v %#v %s", x, x, x, x)
		if b, err := json.Marshal(x); err == nil {
			text += string(b)
		}
		if at := strings.Index(text, canary); at >= 0 {
			t.Errorf("%T shows a secret: ...%s...", x, text[max(0, at-60):min(len(text), at+60)])
		}
	}
}

// warned are the texts of all warnings.
func warned(e *destination.Effective) string {
	var list []string
	for _, w := range e.Warnings {
		list = append(list, w.String())
	}
	return strings.Join(list, "\n")
}

// pairs are keys and raw values in order.
func pairs(p destination.Properties) []string {
	var list []string
	for k, v := range p.All() {
		list = append(list, k, v)
	}
	return list
}

// TestBadInput goes through the list of bad configurations. Its ids stand in the names.
func TestBadInput(t *testing.T) {
	t.Parallel()
	const (
		ashost, sysnr, user, passwd = destination.KeyASHost, destination.KeySysNr, destination.KeyUser, destination.KeyPasswd
		mshost, wshost              = destination.KeyMSHost, destination.KeyWSHost
	)
	long := strings.Repeat
	// wrong is an error, warn a warning of a configuration that is in order.
	const wrong, warn = "error", "warning"
	for _, tc := range []struct {
		id, as string
		pairs  []string
		want   []string
	}{
		{"B-01", wrong, []string{ashost, absent, sysnr, absent}, []string{"one of jco.client.ashost, jco.client.mshost, jco.client.wshost is required"}},
		{"B-02", wrong, []string{mshost, "ms", "jco.client.r3name", "ABC"}, []string{"jco.client.ashost and jco.client.mshost", "mutually exclusive"}},
		{"B-02", wrong, []string{wshost, "ws", "jco.client.wsport", "443"}, []string{"jco.client.ashost and jco.client.wshost", "mutually exclusive"}},
		{"B-03", wrong, []string{sysnr, absent}, []string{"jco.client.sysnr", "two digits"}},
		{"B-04", wrong, []string{sysnr, "1"}, []string{`"1"`, "two digits 00-99", "did you mean 01?", "A4H.properties:7"}},
		{"B-04", wrong, []string{sysnr, "100"}, []string{`"100"`, "two digits 00-99"}},
		{"B-04", wrong, []string{sysnr, "ab"}, []string{`"ab"`, "two digits 00-99"}},
		{"B-04", wrong, []string{sysnr, "-1"}, []string{`"-1"`, "two digits 00-99"}},
		{"B-04", wrong, []string{sysnr, "0x"}, []string{`"0x"`, "two digits 00-99"}},
		{"B-05", wrong, []string{"jco.client.client", "10"}, []string{"jco.client.client", "three digits"}},
		{"B-05", wrong, []string{"jco.client.client", "1000"}, []string{"jco.client.client", "three digits"}},
		{"B-05", wrong, []string{"jco.client.client", "ab1"}, []string{"jco.client.client", "three digits"}},
		{"B-05", wrong, []string{"jco.client.client", ""}, []string{"jco.client.client", "three digits", "leave the key out"}},
		{"B-06", wrong, []string{user, "ABCDEFGHIJKLM"}, []string{"13 characters", "at most 12", "alias_user"}},
		{"B-07", wrong, []string{user, absent, "jco.client.alias_user", long("a", 41)}, []string{"41 characters", "at most 40"}},
		{"B-08", wrong, []string{"jco.client.alias_user", "me"}, []string{"jco.client.user", "jco.client.alias_user", "exactly one"}},
		{"B-08", warn, []string{user, absent, passwd, absent}, []string{"jco.client.user", "jco.client.alias_user", "exactly one", "anonymous"}},
		{"B-09", wrong, []string{passwd, long(canary, 5)}, []string{"jco.client.passwd", "45 characters", "at most 40"}},
		{"B-10", wrong, []string{passwd, canary[:4] + "€" + canary[4:]}, []string{"character at position 5 not in code page 1100", "jco.client.codepage"}},
		{"B-11", wrong, []string{"jco.client.codepage", "UTF-8"}, []string{"4-digit SAP code page", "1100, 1101"}},
		{"B-11", wrong, []string{"jco.client.codepage", "99"}, []string{"4-digit SAP code page", "1100, 1101"}},
		{"B-11", wrong, []string{"jco.client.codepage", "0000"}, []string{"4-digit SAP code page", "1100, 1101"}},
		{"B-12", wrong, []string{"jco.client.lang", "english"}, []string{"two-letter ISO or one-letter SAP language"}},
		{"B-12", wrong, []string{"jco.client.lang", "1é"}, []string{"two-letter ISO or one-letter SAP language"}},
		{"B-12", warn, []string{"jco.client.lang", ""}, []string{"two-letter ISO or one-letter SAP language", "no language is sent"}},
		{"B-13", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms"}, []string{"one of jco.client.r3name, jco.client.msserv"}},
		{"B-14", wrong, []string{"jco.client.r3name", "ab"}, []string{"three characters, first a letter"}},
		{"B-14", wrong, []string{"jco.client.r3name", "ABCD"}, []string{"three characters, first a letter"}},
		{"B-14", wrong, []string{"jco.client.r3name", "1BC"}, []string{"three characters, first a letter"}},
		{"B-15", wrong, []string{"jco.client.group", long("g", 41)}, []string{"logon group"}},
		{"B-15", wrong, []string{"jco.client.group", "é"}, []string{"logon group"}},
		{"B-16", wrong, []string{"jco.client.msserv", "70000"}, []string{"port 1-65535 or service name"}},
		{"B-16", wrong, []string{"jco.client.msserv", "abc!"}, []string{"port 1-65535 or service name"}},
		{"B-16", wrong, []string{"jco.client.msserv", "http://me:" + canary + "@ms:8101"}, []string{"http://host:port", "without user"}},
		{"B-16", wrong, []string{"jco.client.gwserv", "abc!"}, []string{"port 1-65535 or service name"}},
		{"B-17", wrong, []string{"jco.client.wsport", "0"}, []string{"port 1-65535"}},
		{"B-17", wrong, []string{"jco.client.wsport", "65536"}, []string{"port 1-65535"}},
		{"B-17", warn, []string{"jco.client.proxy_port", "443 "}, []string{"jco.client.proxy_port", "blanks", "removed"}},
		{"B-18", wrong, []string{wshost, "https://h/x"}, []string{"jco.client.wshost", "host name only"}},
		{"B-19", wrong, []string{"jco.client.use_tls", "0"}, []string{"WebSocket RFC requires TLS"}},
		{"B-20", wrong, []string{"jco.client.serialization_format", "fast"}, []string{"columnBased or rowBased"}},
		{"B-20", wrong, []string{"jco.client.serialization_format", "colunmBased"}, []string{"columnBased or rowBased", "did you mean columnBased?"}},
		{"B-20", warn, []string{"jco.client.serialization_format", "ColumnBased"}, []string{"columnBased or rowBased", "read as columnBased"}},
		{"B-22", wrong, []string{"jco.client.network", "lan"}, []string{"LAN or WAN", "did you mean LAN?"}},
		{"B-22", wrong, []string{"jco.client.network", "DSL"}, []string{"LAN or WAN"}},
		{"B-23", wrong, []string{"jco.client.trace", "2"}, []string{"jco.client.trace", "0 or 1"}},
		{"B-23", wrong, []string{"jco.client.trace", "yes"}, []string{"jco.client.trace", "0 or 1"}},
		{"B-24", warn, []string{"jco.client.delta", "true"}, []string{"jco.client.delta", "0 or 1", "read as 1"}},
		{"B-25", wrong, []string{"jco.destination.pool_capacity", "-1"}, []string{"integer 0-"}},
		{"B-25", wrong, []string{"jco.destination.pool_capacity", "abc"}, []string{"integer 0-"}},
		{"B-25", wrong, []string{"jco.destination.pool_capacity", "1e3"}, []string{"integer 0-"}},
		{"B-25", wrong, []string{"jco.destination.pool_capacity", "2147483648"}, []string{"integer 0-2147483647"}},
		{"B-26", warn, []string{"jco.destination.pool_capacity", "5", "jco.destination.peak_limit", "2"}, []string{"raised to 5"}},
		{"B-27", wrong, []string{"jco.destination.max_get_client_time", "-1"}, []string{"milliseconds >= 0"}},
		{"B-27", wrong, []string{"jco.destination.max_get_client_time", "soon"}, []string{"milliseconds >= 0"}},
		{"B-28", warn, []string{"jco.destination.expiration_time", "100"}, []string{"milliseconds", "expiration_check_period"}},
		{"B-28", warn, []string{"jco.destination.expiration_time", "0"}, []string{"milliseconds", "closed by the next check"}},
		{"B-28", warn, []string{"jco.destination.expiration_check_period", "0"}, []string{"milliseconds", "never closed"}},
		{"B-29", wrong, []string{"jco.destination.pool_check_connection", "on"}, []string{"0 or 1"}},
		{"B-30", wrong, []string{"jco.client.cloud_connector_version", "1"}, []string{"jco.client.cloud_connector_version", "2 required"}},
		{"B-31", wrong, []string{"jco.client.cloud_connector_location_id", long("x", 192)}, []string{"192 bytes", "at most 189"}},
		{"B-33", wrong, []string{"jco.destination.repository.user", "META"}, []string{"jco.destination.repository.user", "jco.destination.repository.passwd"}},
		{"B-33", wrong, []string{"jco.destination.repository.passwd", canary}, []string{"jco.destination.repository.user", "jco.destination.repository.passwd"}},
		{"B-34", wrong, []string{"jco.client.tls_client_certificate_logon", "1"}, []string{"conflict", "jco.client.user"}},
		{"B-35", wrong, []string{"jco.client.tls_client_certificate_logon", "1"}, []string{"certificate and key", "KeyStoreLocation"}},
		{"B-36", wrong, []string{"jco.client.tls_trust_all", "1"}, []string{"jco.client.tls_trust_all", "needs Options.AllowInsecureTLS", "TrustStoreLocation"}},
		{"B-38", wrong, []string{"jco.destination.auth_type", "Basic"}, []string{"CONFIGURED_USER, CURRENT_USER, PrincipalPropagation"}},
		{"B-38", wrong, []string{"Authentication", "Basic"}, []string{"BasicAuthentication, NoAuthentication"}},
		// L8: a level that is not in the table is an error, never a lower one.
		{"B-40", wrong, []string{"jco.client.snc_qop", "-1"}, []string{"1, 2, 3, 8 or 9"}},
		{"B-40", wrong, []string{"jco.client.snc_qop", "0"}, []string{"1, 2, 3, 8 or 9"}},
		{"B-40", wrong, []string{"jco.client.snc_qop", "4"}, []string{"1, 2, 3, 8 or 9"}},
		{"B-40", wrong, []string{"jco.client.snc_qop", "10"}, []string{"1, 2, 3, 8 or 9"}},
		{"B-40", wrong, []string{"jco.client.snc_qop", "high"}, []string{"1, 2, 3, 8 or 9"}},
		{"B-41, D-19", wrong, []string{"jco.client.snc_mode", "1"}, []string{"jco.client.snc_partnername", "missing", "in clear"}},
		{"B-42", wrong, []string{"jco.client.snc_partnername", "CN=A4H"}, []string{"position 1", "p:"}},
		{"B-42", wrong, []string{"jco.client.snc_partnername", "x:CN=A4H"}, []string{"position 1", "p:"}},
		{"B-42", wrong, []string{"jco.client.snc_partnername", "p/krb5:"}, []string{"position 8", "missing"}},
		{"B-43", warn, []string{"jco.client.snc_mode", "0", "jco.client.snc_qop", "9"}, []string{"jco.client.snc_qop", "ignored"}},
		{"B-44", wrong, []string{"jco.client.saprouter", "/H/"}, []string{"jco.client.saprouter: route string: byte 3", "want a host"}},
		{"B-44", wrong, []string{"jco.client.saprouter", "H/router"}, []string{"byte 0", `want "/H/"`}},
		{"B-44", wrong, []string{"jco.client.saprouter", "/H/aa/W/" + canary + "/S/3299/H/bb"}, []string{"byte 17", `behind "/H/aa/W/***"`, `want "/H/"`, `found "/S/"`}},
		{"B-44", wrong, []string{"jco.client.saprouter", "/H/aa//H/bb"}, []string{"byte 6"}},
		{"B-44", wrong, []string{"jco.client.saprouter", "/H/aa/S/x y/W/" + canary}, []string{"byte 8", "a port 1-65535 or a service name"}},
		{"B-45", wrong, []string{"jco.client.saprouter", long("/H/aa", 33)}, []string{"at most 32 hops"}},
		{"B-45", wrong, []string{"jco.client.saprouter", "/H/" + long("h", 256)}, []string{"a host of at most 255 bytes, found 256"}},
		{"B-45", wrong, []string{"jco.client.saprouter", "/H/aa/S/0/W/" + canary}, []string{"port 1-65535"}},
		{"B-46", wrong, []string{ashost, "/H/router/H/host"}, []string{"belongs in jco.client.saprouter"}},
		{"B-46", wrong, []string{mshost, "/h/router/H/host"}, []string{"jco.client.mshost", "belongs in jco.client.saprouter"}},
		{"B-46", wrong, []string{mshost, "ms1,/H/router/W/" + canary}, []string{"jco.client.mshost", "belongs in jco.client.saprouter"}},
		{"B-46", wrong, []string{wshost, "/H/router/W/" + canary}, []string{"jco.client.wshost", "belongs in jco.client.saprouter"}},
		{"B-47", wrong, []string{ashost, "host\r\nX"}, []string{"invalid character 0x0d at 4"}},
		{"B-47", wrong, []string{ashost, "ho\x00st"}, []string{"invalid character 0x00 at 2"}},
		{"B-47", wrong, []string{"jco.client.gwhost", "a b"}, []string{"invalid character 0x20 at 1"}},
		{"B-48", wrong, []string{ashost, "[2001:db8::1]:3300"}, []string{"the port belongs in jco.client.gwserv"}},
		{"B-48", wrong, []string{ashost, "1:2:3:4:5:6:7:8:3300"}, []string{"[2001:db8::1]", "jco.client.gwserv"}},
		{"B-48", wrong, []string{ashost, "fe80::1%eth0"}, []string{"zone", "[fe80::1]"}},
		{"B-48", warn, []string{ashost, "[2001:db8::1]"}, []string{"read as 2001:db8::1"}},
		{"B-54", wrong, []string{"Name", "OTHER"}, []string{`"OTHER"`, "this is destination A4H"}},

		{"D-06", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms"}, []string{"jco.client.r3name", "jco.client.msserv"}},
		{"D-04", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws"}, []string{"jco.client.wsport", "missing"}},
		{"D-03", wrong, []string{sysnr, "00", ashost, absent, wshost, "ws", "jco.client.wsport", "443"}, []string{"jco.client.sysnr: it goes with jco.client.ashost"}},
		{"D-03", wrong, []string{"jco.client.group", "G"}, []string{"jco.client.group: it goes with jco.client.mshost"}},
		{"D-03", wrong, []string{ashost, absent, mshost, "ms", "jco.client.r3name", "ABC"}, []string{"jco.client.sysnr: it goes with jco.client.ashost"}},
		{"D-03", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms", "jco.client.r3name", "ABC", "jco.client.gwhost", "g", "jco.client.gwserv", "3300"}, []string{"jco.client.gwhost: it goes with jco.client.ashost", "jco.client.gwserv: it goes with jco.client.ashost"}},
		{"D-03", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "jco.client.saprouter", "/H/aa"}, []string{"jco.client.saprouter: it goes with jco.client.ashost or jco.client.mshost"}},
		{"D-03", warn, []string{"jco.client.r3name", "ABC"}, []string{"jco.client.r3name: ignored: jco.client.mshost is not set"}},
		{"several message servers", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms1,,ms2", "jco.client.msserv", "3600"}, []string{"jco.client.mshost", "several separated by commas"}},
		{"several message servers", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms1,ms2:3600", "jco.client.msserv", "3600"}, []string{"the port belongs in jco.client.msserv"}},
		{"D-03", wrong, []string{"jco.client.wsport", "443"}, []string{"jco.client.wsport: it goes with jco.client.wshost"}},
		{"D-08", wrong, []string{"jco.client.mysapsso2", canary}, []string{"jco.client.user and jco.client.mysapsso2", "more than one way to log on"}},
		{"D-11", wrong, []string{"ProxyType", "Internet"}, []string{"jco.destination.proxy_type", "a direct connection does not go with proxy_type=Internet"}},
		{"D-11", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "ProxyType", "OnPremise"}, []string{"WebSocket RFC (jco.client.wshost) does not go with proxy_type=OnPremise"}},
		{"D-11", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms", "jco.client.msserv", "3600", "ProxyType", "Internet"}, []string{"a logon group (jco.client.mshost) does not go with proxy_type=Internet"}},
		{"D-21", wrong, []string{user, absent, passwd, absent, "jco.destination.auth_type", "PrincipalPropagation", "ProxyType", "OnPremise"}, []string{"user propagation is not possible over a TCP tunnel", "technical user"}},
		{"R-10", wrong, []string{"ProxyType", "OnPremise", "jco.client.saprouter", "/H/router/W/" + canary}, []string{"jco.client.saprouter and go.proxy.kind", "exclude each other"}},
		{"R-10", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "go.proxy.kind", "socks5"}, []string{"go.proxy.kind", "jco.client.proxy_host"}},
		{"R-10", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms", "jco.client.msserv", "3600", "go.proxy.kind", "socks5"}, []string{"jco.client.mshost", "go.tunnel.hostmap"}},
		{"R-10", wrong, []string{ashost, absent, sysnr, absent, mshost, "ms", "jco.client.msserv", "http://ms:8101", "go.proxy.kind", "socks5", "go.tunnel.hostmap", "a:1=b:2"}, []string{"jco.client.msserv", "text interface"}},
		{"host map", wrong, []string{"go.tunnel.hostmap", "app:3300"}, []string{"go.tunnel.hostmap", "internal:port=virtual:port"}},
		{"host map", wrong, []string{"go.tunnel.hostmap", "app:3300=v:0"}, []string{"internal:port=virtual:port"}},
		{"host map", wrong, []string{"go.tunnel.hostmap", "a:1=b:1,a:1=c:1"}, []string{"twice"}},
		{"tunnel", wrong, []string{"ProxyType", "OnPremise", "go.proxy.kind", "none"}, []string{"proxy_type = OnPremise needs a tunnel"}},
		{"tunnel", warn, []string{"LocationId", "plant-7"}, []string{"jco.client.cloud_connector_location_id: ignored: there is no tunnel"}},
		{"tunnel", warn, []string{"go.proxy.token", canary}, []string{"go.proxy.token: ignored"}},
		{"web proxy", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "jco.client.proxy_host", "p"}, []string{"jco.client.proxy_host and jco.client.proxy_port", "exactly one"}},
		{"web proxy", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "jco.client.proxy_user", "p"}, []string{"jco.client.proxy_user: it goes with jco.client.proxy_host"}},
		{"web proxy", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "jco.client.proxy_host", "p", "jco.client.proxy_port", "1", "jco.client.proxy_passwd", canary}, []string{"jco.client.proxy_user: it is missing"}},
		{"two certificates", wrong, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "KeyStoreLocation", "a.pem", "jco.client.tls_p12_file", "b.p12"}, []string{"both name an own certificate"}},
		{"store password", warn, []string{ashost, absent, sysnr, absent, wshost, "ws", "jco.client.wsport", "443", "KeyStorePassword", canary}, []string{"KeyStorePassword: ignored"}},
		{"A-13", wrong, []string{ashost, absent, sysnr, absent, user, absent, passwd, absent, wshost, "ws", "jco.client.wsport", "443"}, []string{"WebSocket RFC has no anonymous logon"}},
		{"token without WebSocket", wrong, []string{user, absent, passwd, absent, "jco.client.oidc_bearer_token", canary}, []string{"jco.client.oidc_bearer_token: it goes with jco.client.wshost"}},
		{"only with WebSocket", warn, []string{"TLSVersion", "TLSv1.3"}, []string{"TLSVersion: ignored: jco.client.wshost is not set"}},
		{"D-12", wrong, []string{"Type", "TCP"}, []string{`"TCP" is not an RFC destination`}},
		{"D-12", wrong, []string{"Type", "HTTP"}, []string{`"HTTP"`}},
		{"D-17", wrong, []string{"jco.client.cloud_connector_version", "3"}, []string{"jco.client.cloud_connector_version"}},
		{"D-18", wrong, []string{"jco.destination.auth_type", "CURRENT_USER"}, []string{"CURRENT_USER needs an application server"}},
		{"D-20", wrong, []string{"Authentication", "ClientCertificateAuthentication"}, []string{"KeyStoreLocation"}},

		{"A-03", wrong, []string{ashost, ""}, []string{"Parameter ASHOST, GWHOST, MSHOST or PORT is missing"}},
		{"A-08", wrong, []string{ashost, absent, "ASHOST", "a", "ashost", "b"}, []string{"jco.client.ashost: given twice, as ASHOST and as ashost"}},
		{"A-08", wrong, []string{"R3NAME", "ABC", "sysid", "DEF"}, []string{"R3NAME and sysid have different values"}},
		{"A-11", wrong, []string{"xtimeout", "1"}, []string{"Connection configuration option 'xtimeout' is not supported"}},
		{"A-12", wrong, []string{passwd, absent}, []string{"exactly one of them is given"}},
		{"S-01", wrong, []string{"TRACE", "5"}, []string{"trace level 0-4"}},
		{"S-01", wrong, []string{"TRACE", "-1"}, []string{"trace level 0-4"}},

		{"U14 misspelt", wrong, []string{"jco.client.ashots", canary}, []string{"jco.client.ashots: unknown property; did you mean jco.client.ashost?"}},
		{"U14 misspelt", wrong, []string{"jco.client.password", canary}, []string{"did you mean jco.client.passwd?"}},
		{"U14 wrong family", wrong, []string{"jco.client.peak_limit", "1"}, []string{"did you mean jco.destination.peak_limit?"}},
		{"U14 case", wrong, []string{"jco.client.ASHOST", "1"}, []string{"did you mean jco.client.ashost?"}},
		{"U14 SDK name", wrong, []string{"PASSWRD", canary}, []string{"did you mean PASSWD?"}},
		{"U14 own", wrong, []string{"go.call.timeout", "1"}, []string{"did you mean go.call.timeout_ms?"}},
		{"U14 far", wrong, []string{"jco.client.zzzzzzzz", "1"}, []string{"jco.client.zzzzzzzz: unknown property"}},

		{"refused", wrong, []string{"jco.client.x509cert", canary}, []string{"jco.client.x509cert"}},
		{"refused", wrong, []string{"jco.client.snc_mode", "1", "jco.client.snc_partnername", "p:CN=A"}, []string{"SNC is not supported yet, and nothing is sent in clear instead"}},
		{"refused", wrong, []string{"jco.server.progid", "P"}, []string{"jco.server.progid: it is a setting of a server"}},
		{"refused", wrong, []string{"jco.client.lcheck", "0"}, []string{"jco.client.lcheck: value 0"}},
		{"refused", wrong, []string{"jco.client.deny_initial_password", "1"}, []string{"jco.client.deny_initial_password"}},
		{"kept", warn, []string{"jco.client.trace", "1"}, []string{"jco.client.trace: without effect", "rfcping --record"}},
		{"legacy", warn, []string{"jco.client.idle_timeout", "3"}, []string{"jco.client.idle_timeout: ignored"}},
		{"legacy", warn, []string{"jco.pool.max", "3"}, []string{"jco.pool.max: ignored"}},
		{"legacy", warn, []string{"NO_COMPRESSION", "1"}, []string{"NO_COMPRESSION: ignored"}},
		{"alias conflict", warn, []string{"Password", "other " + canary}, []string{"jco.client.passwd: it wins over Password"}},
		{"pool", warn, []string{"jco.destination.pool_capacity", "101"}, []string{"more than 100"}},
		{"pool", warn, []string{"jco.destination.max_get_client_time", "600001"}, []string{"more than 10 minutes"}},
		{"basXML", warn, []string{"jco.client.use_basxml", "1", "jco.client.serialization_format", "columnBased"}, []string{"jco.client.use_basxml: ignored"}},
		{"URL", wrong, []string{"jco.client.tech_user_service_url", "https://me:" + canary + "@h"}, []string{"https URL"}},
		{"host with user", wrong, []string{ashost, "me:" + canary + "@h"}, []string{"host name only, without user"}},
		{"repository user", warn, []string{"jco.destination.repository.user", "A", "jco.destination.repository.passwd", canary, "jco.destination.repository_destination", "B"}, []string{"jco.destination.repository.user: ignored"}},
		{"repository", warn, []string{"jco.destination.repository.check_interval", "5", "jco.destination.repository_roundtrip_optimization", "0", "jco.destination.repository_destination", "B"}, []string{"jco.destination.repository.check_interval: ignored", "jco.destination.repository_roundtrip_optimization: ignored"}},
	} {
		t.Run(tc.id+" "+strings.ReplaceAll(strings.Join(tc.pairs, " "), canary, ""), func(t *testing.T) {
			t.Parallel()
			p := good(tc.pairs...)
			cfg, eff, err := destination.ParseProperties("A4H", p)
			silent(t, canary, cfg, &cfg, eff, *eff, err, p)
			text := warned(eff)
			if tc.as == wrong {
				class := rfc.ErrConfig
				if tc.id == "D-21" {
					class = rfc.ErrUnsupported
				}
				require.ErrorIs(t, err, class)
				var e *rfc.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, []any{"A4H", rfc.NotSent, rfc.StepConfig}, []any{e.Destination, e.Outcome, e.Step})
				text = err.Error()
			} else {
				require.NoError(t, err)
				require.NoError(t, cfg.Validate(), "the Config of properties in order is in order")
			}
			for _, w := range tc.want {
				require.Contains(t, text, w)
			}
		})
	}
}

func TestAllProblemsAtOnceInOrder(t *testing.T) {
	t.Parallel()
	_, _, err := destination.ParseProperties("A4H", good("jco.client.sysnr", "x", "jco.client.client", "y", "jco.client.lang", "zz9", "jco.client.network", "DSL", "jco.client.snc_qop", "0", "jco.client.foo", "1"))
	var keys []string
	for line := range strings.Lines(err.Error()) {
		key, _, _ := strings.Cut(strings.TrimPrefix(line, "config: "), ":")
		keys = append(keys, key)
	}
	require.Equal(t, []string{"jco.client.foo", "jco.client.sysnr", "jco.client.lang", "jco.client.snc_qop", "jco.client.network", "jco.client.client"}, keys)
}

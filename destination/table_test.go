package destination_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

func TestTheTableIsSound(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	unique := func(kind, name, key string) {
		t.Helper()
		old, twice := seen[kind+" "+name]
		require.False(t, twice && old != key, "%s %s of %s and of %s", kind, name, old, key)
		seen[kind+" "+name] = key
	}
	for _, p := range destination.AllProperties() {
		unique("key", p.Key, p.Key+p.Constant)
		unique("variable", strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(p.Key)), p.Key)
		for _, a := range p.Aliases {
			unique("alias", strings.ToUpper(a), p.Key)
			found, ok := destination.LookUpProperty(a)
			require.True(t, ok && found.Key == p.Key, a)
			if !strings.HasPrefix(a, "jco.") {
				found, ok = destination.LookUpProperty(strings.ToLower(a))
				require.True(t, ok && found.Key == p.Key, a)
			}
		}
		require.NotEmpty(t, p.Doc, p.Key)
		require.NotEmpty(t, p.For, p.Key)
		require.Equal(t, p.Support == destination.Supported, p.Remedy == "", "%s: remedy", p.Key)
		if p.Group != destination.GroupLegacy {
			require.NotEmpty(t, p.Constant, p.Key)
			unique("constant", p.Constant, p.Key)
		}
		if p.Secret {
			require.True(t, p.Default == "" || strings.HasPrefix(p.Default, "("), p.Key)
		}
		found, ok := destination.LookUpProperty(p.Key)
		require.True(t, ok, p.Key)
		require.Equal(t, p.Key, found.Key)
	}
	_, ok := destination.LookUpProperty("jco.client.ASHOST")
	require.False(t, ok, "case counts")
}

// Defaults are values in order, and setting them changes nothing.
func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	want, _, err := destination.ParseProperties("", good())
	require.NoError(t, err)
	for _, p := range destination.AllProperties() {
		if p.Default == "" || strings.HasPrefix(p.Default, "(") || p.Group == destination.GroupServer || p.Group == destination.GroupBalancing || p.For == "L" {
			continue
		}
		cfg, eff, err := destination.ParseProperties("", good(p.Key, p.Default))
		require.NoError(t, err, p.Key)
		v, ok := eff.Get(p.Key)
		require.True(t, ok, p.Key)
		require.Equal(t, p.Default, v.Value)
		if p.Support != destination.Supported {
			continue
		}
		require.Equal(t, want.Program, strings.TrimSuffix(cfg.Program, "purerfc"))
		require.Equal(t, want.Host, strings.TrimSuffix(cfg.Host, "localhost"))
		require.Equal(t, []any{want.Format, want.WAN, want.NoDelta, want.AllowNonUnicode, want.BigEndian}, []any{cfg.Format, cfg.WAN, cfg.NoDelta, cfg.AllowNonUnicode, cfg.BigEndian}, p.Key)
	}
}

// samples are values other than the default for every property with a field.
var samples = map[string]string{
	destination.KeyASHost: "h", destination.KeySysNr: "42", destination.KeyGWHost: "2001:db8::1", destination.KeyGWServ: "sapgw07",
	destination.KeyClient: "007", destination.KeyUser: "ME", destination.KeyPasswd: canary + "1", destination.KeyLang: "de",
	destination.KeyCodepage: "1160", destination.KeyPCS: "1", destination.KeyAllowNonUnicode: "1", destination.KeyDescription: "a text",
	destination.KeyPoolCapacity: "0", destination.KeyPeakLimit: "7", destination.KeyMaxGetClientTime: "0", destination.KeyExpirationTime: "1234",
	destination.KeyExpirationCheckPeriod: "0", destination.KeyPoolCheckConnection: "1",
	destination.KeyRepositoryDestination: "META", destination.KeyRepositoryUser: "U", destination.KeyRepositoryPasswd: canary + "2",
	destination.KeyRepositoryRoundtripOptimization: "0", destination.KeyRepositoryCheckInterval: "30",
	destination.KeySerializationFormat: "columnBased", destination.KeyUseBasXML: "1", destination.KeyNetwork: "WAN", destination.KeyDelta: "0",
	destination.KeyConnectTimeout: "1", destination.KeyLogonTimeout: "3600000", destination.KeyCallTimeout: "2147483647", destination.KeyKeepAlive: "15000",
	destination.KeyBigEndian: "1", destination.KeyProgram: "mine", destination.KeyClientHost: "here",
	destination.KeySAProuter: "/H/router/S/3298/W/" + canary + "3", destination.KeyPolicyAllow: "BAPI_*,/ACME/*", destination.KeyPolicyDeny: "*_DELETE",
	destination.KeyPolicyReadOnly: "1", destination.KeyPolicyForbidPlainLogon: "1", destination.KeyRetryAttempts: "3", destination.KeyRetryBackoff: "7",
	destination.KeyRetryMaxBackoff: "8", destination.KeyMessageLimit: "9", destination.KeyCallbackLimit: "10",
}

// balanced are those of a destination with a message server.
var balanced = map[string]string{
	destination.KeyMSHost: "ms1,2001:db8::1", destination.KeyR3Name: "ABC", destination.KeyMSServ: "3601", destination.KeyGroup: "SPACE",
	destination.KeyGroupMaxAge: "5000",
}

// roads are settings of other ways, complete ones.
var roads = map[string]map[string]string{
	"WebSocket": {
		destination.KeyWSHost: "abap.example.com", destination.KeyWSPort: "443", destination.KeyUser: "ME", destination.KeyPasswd: canary + "1", destination.KeyClient: "001",
		destination.KeyTrustStoreLocation: "trust.p12", destination.KeyTrustStorePassword: canary + "2", destination.KeyKeyStoreLocation: "key.pem", destination.KeyKeyStorePassword: canary + "3",
		destination.KeyProxyHost: "proxy", destination.KeyProxyPort: "8080", destination.KeyProxyUser: "pu", destination.KeyProxyPasswd: canary + "4",
		destination.KeyWSPingPeriod: "0", destination.KeyWSPongTimeout: "3600", destination.KeyWSPingCheckInterval: "5", destination.KeyTLSVersion: "TLSv1.3",
		destination.KeyProxyType: "Internet",
	},
	"WebSocket without protection": {
		destination.KeyWSHost: "abap", destination.KeyWSPort: "44300", destination.KeyOIDCBearerToken: canary + "5", destination.KeyUseTLS: "0", destination.KeyTLSTrustAll: "1",
	},
	"WebSocket with a certificate": {
		destination.KeyWSHost: "2001:db8::1", destination.KeyWSPort: "65535", destination.KeyTLSClientCertificateLogon: "1",
		destination.KeyTLSP12File: "both.p12", destination.KeyTLSP12Passwd: canary + "6",
	},
	"on-premise": {
		destination.KeyASHost: "sales.virtual", destination.KeySysNr: "07", destination.KeyProxyType: "OnPremise", destination.KeyCloudConnectorLocationID: "plant-7",
		destination.KeyTunnelKind: "socks5", destination.KeyTunnelHost: "connectivity", destination.KeyTunnelPort: "20004", destination.KeyTunnelToken: canary + ".a.b",
		destination.KeyTunnelBinding: "conn-a", destination.KeyVirtualPort: "3342", destination.KeyPartnerHost: "10.1.1.1",
	},
	"trusted proxy": {
		destination.KeyMSHost: "ms.virtual", destination.KeyMSServ: "3600", destination.KeyTunnelKind: "socks5", destination.KeyTunnelAuth: "none",
		destination.KeyTunnelHost: "connectivity", destination.KeyTunnelPort: "20004", destination.KeyHostMap: "10.1.1.1:3300=app1:3300,10.1.1.2:3301=app2:3300",
	},
	"HTTP proxy": {
		destination.KeyASHost: "h", destination.KeySysNr: "07", destination.KeyTunnelKind: "http-connect", destination.KeyTunnelHost: "proxy", destination.KeyTunnelPort: "8080",
		destination.KeyTunnelUser: "pu", destination.KeyTunnelPasswd: canary + "7",
	},
}

func TestEveryPropertyOfOtherRoadsReachesTheConfigAndBack(t *testing.T) {
	t.Parallel()
	for name, set := range roads {
		all := destination.NewProperties(set)
		cfg, eff, err := destination.ParseProperties("A4H", all, destination.AllowInsecureTLS())
		require.NoError(t, err, name)
		require.NoError(t, cfg.Validate(), name)
		silent(t, canary, cfg, &cfg, eff, cfg.Tunnel, cfg.WebSocket)
		p := cfg.Properties()
		require.Equal(t, all.Len(), p.Len(), "%s: %v", name, p)
		for key, value := range set {
			got, _ := p.Get(key)
			require.Equal(t, value, got, key)
			without := all.Without(key)
			other, _, err := destination.ParseProperties("A4H", without, destination.AllowInsecureTLS())
			require.True(t, err != nil || !reflect.DeepEqual(cfg, other), "%s: %s changes nothing", name, key)
		}
		require.Zero(t, cfg.Additional.Len())
	}
	// Defaults that follow.
	cfg, _, err := destination.ParseProperties("", good(destination.KeyProxyType, "OnPremise"))
	require.NoError(t, err)
	require.ErrorContains(t, cfg.Validate(), "go.proxy.host and go.proxy.port: the proxy of the tunnel is missing")
	require.ErrorContains(t, cfg.Validate(), "a token for the proxy is missing")
	cfg.Tunnel.Host, cfg.Tunnel.Port, cfg.Tunnel.Tokens = "p", "1", proxy.Secret("t")
	require.NoError(t, cfg.Validate())
	cfg.Tunnel.Token = canary
	require.ErrorContains(t, cfg.Validate(), "Tunnel.Tokens gives tokens as well")
	cfg.Tunnel.Tokens, cfg.Tunnel.Token = nil, "Bearer "+canary
	require.ErrorContains(t, cfg.Validate(), `tunnel: the token begins with "Bearer"`)
	silent(t, canary, cfg.Validate())
	cfg = valid()
	cfg.ApplicationServer, cfg.SystemNumber, cfg.User, cfg.Password = "", "", "", ""
	cfg.WebSocket = destination.WebSocketConfig{Host: "h", Port: "443", Tokens: proxy.Secret("t")}
	require.NoError(t, cfg.Validate())
	cfg.WebSocket.TrustAll = true
	require.ErrorContains(t, cfg.Validate(), "Options.AllowInsecureTLS")
	cfg.WebSocket.AllowInsecureTLS = true
	require.NoError(t, cfg.Validate())
	cfg.WebSocket.PingCheck = -1
	require.ErrorContains(t, cfg.Validate(), "WebSocket.PingCheck")
}

func TestEveryPropertyOfALogonGroupReachesTheConfigAndBack(t *testing.T) {
	t.Parallel()
	cfg, eff, err := destination.ParseProperties("A4H", destination.NewProperties(balanced))
	require.NoError(t, err)
	require.NoError(t, cfg.Validate())
	require.Equal(t, []any{"ms1,2001:db8::1", "ABC", "3601", "SPACE", 5 * time.Second}, []any{cfg.MessageServer, cfg.SystemID, cfg.MessageService, cfg.Group, cfg.GroupMaxAge})
	p := cfg.Properties()
	require.Equal(t, len(balanced), p.Len())
	for key, value := range balanced {
		got, _ := p.Get(key)
		require.Equal(t, value, got, key)
	}
	_, ok := eff.Get(destination.KeyGroup)
	require.True(t, ok)
	// Small letters, brackets, blanks and defaults.
	cfg, eff, err = destination.ParseProperties("", destination.NewProperties(map[string]string{destination.KeyMSHost: " ms1 , [2001:db8::1]", destination.KeyR3Name: "abc"}))
	require.NoError(t, err)
	require.Equal(t, []string{"ms1,2001:db8::1", "ABC"}, []string{cfg.MessageServer, cfg.SystemID})
	for key, want := range map[string]string{destination.KeyMSServ: "sapmsABC", destination.KeyGroup: "PUBLIC", destination.KeyGroupMaxAge: "0"} {
		v, ok := eff.Get(key)
		require.True(t, ok, key)
		require.Equal(t, want, v.Value)
	}
	_, eff, err = destination.ParseProperties("", good())
	require.NoError(t, err)
	_, ok = eff.Get(destination.KeyGroup)
	require.False(t, ok, "nothing to balance")
}

func TestEverySupportedPropertyReachesTheConfigAndBack(t *testing.T) {
	t.Parallel()
	all := destination.NewProperties(samples)
	all.Delete(destination.KeyUseBasXML) // it goes with rowBased
	cfg, _, err := destination.ParseProperties("A4H", all)
	require.NoError(t, err)
	p := cfg.Properties()
	require.Equal(t, all.Len(), p.Len())
	for key, value := range all.All() {
		got, ok := p.Get(key)
		require.True(t, ok, key)
		require.Equal(t, value, got, key)
	}
	require.Zero(t, cfg.Additional.Len(), "%v", cfg.Additional)
	require.Equal(t, []any{"META", "U", false, 30 * time.Minute}, []any{cfg.Repository.Destination, cfg.Repository.User, *cfg.Repository.RoundTripOptimization, cfg.Repository.CheckInterval})
	require.Equal(t, []any{time.Millisecond, time.Hour, 15 * time.Second, serialization.ColumnFast, true, true},
		[]any{cfg.DialTimeout, cfg.LogonTimeout, cfg.KeepAlive, cfg.Format, cfg.WAN, cfg.NoDelta})
	for _, row := range destination.AllProperties() {
		if row.Support != destination.Supported || row.Key == destination.KeyName || row.Key == destination.KeyAuthentication {
			continue
		}
		tried := row.For == "L" && balanced[row.Key] != ""
		for _, set := range roads {
			tried = tried || set[row.Key] != ""
		}
		if tried {
			continue
		}
		require.Contains(t, samples, row.Key, "every property with an effect is tried")
	}
	// Each alone changes the Config: none is swallowed.
	for key, value := range samples {
		base := good()
		if key == destination.KeyPCS {
			base.Set(destination.KeyAllowNonUnicode, "1")
		}
		if key == destination.KeyRepositoryUser || key == destination.KeyRepositoryPasswd {
			base.Set(destination.KeyRepositoryUser, "V")
			base.Set(destination.KeyRepositoryPasswd, "W")
		}
		before, _, err := destination.ParseProperties("", base)
		require.NoError(t, err)
		base.Set(key, value)
		after, _, err := destination.ParseProperties("", base)
		require.NoError(t, err, key)
		require.False(t, reflect.DeepEqual(before, after), key)
	}
	for _, tc := range []struct {
		pairs []string
		want  serialization.Format
	}{
		{nil, serialization.Classic},
		{[]string{destination.KeyUseBasXML, "1"}, serialization.BasXML},
		{[]string{destination.KeyUseBasXML, "1", destination.KeySerializationFormat, "rowBased"}, serialization.BasXML},
		{[]string{destination.KeySerializationFormat, "rowFast"}, serialization.RowFast},
	} {
		cfg, _, err := destination.ParseProperties("", good(tc.pairs...))
		require.NoError(t, err)
		require.Equal(t, tc.want, cfg.Format)
	}
}

func TestPropertiesOfAConfig(t *testing.T) {
	t.Parallel()
	cfg := valid()
	cfg.CallTimeout, cfg.DialTimeout = 1500*time.Microsecond, time.Nanosecond
	cfg.Pool.Capacity = new(3)
	p := cfg.Properties()
	require.Equal(t, []string{
		"jco.client.ashost", "host", "jco.client.sysnr", "00", "jco.client.client", "001", "jco.client.user", "DEVELOPER", "jco.client.passwd", "topsecret",
		"jco.client.lang", "EN", "jco.destination.pool_capacity", "3", "go.connect.timeout_ms", "1", "go.call.timeout_ms", "2",
	}, pairs(p))
	cfg.Additional.Set(destination.KeyASHost, "other")
	require.ErrorContains(t, cfg.Validate(), "jco.client.ashost: Config.Additional has it, but it has a field of its own")
	require.Equal(t, "host", cfg.ApplicationServer)
	cfg.Additional = destination.NewProperties(map[string]string{"jco.client.mysapsso2": "w", "mine": "x"})
	require.ErrorContains(t, cfg.Validate(), "over WebSocket RFC with a certificate")
	p = cfg.Properties()
	mine, _ := p.Get("mine")
	require.Equal(t, "x", mine)
	cfg = valid()
	cfg.Repository.Destination, cfg.Pool.MaxWait = "META", new(-time.Nanosecond)
	require.ErrorContains(t, cfg.Validate(), "jco.destination.max_get_client_time: value \"-1\", milliseconds >= 0 required")
	p = cfg.Properties()
	meta, _ := p.Get(destination.KeyRepositoryDestination)
	require.Equal(t, "META", meta)
	cfg = valid()
	cfg.Repository.CheckInterval = -time.Minute
	require.ErrorContains(t, cfg.Validate(), "Repository.CheckInterval")
}

func TestEffective(t *testing.T) {
	t.Parallel()
	_, eff, err := destination.ParseProperties("A4H", good("jco.destination.pool_capacity", "5", "jco.destination.peak_limit", "2", "jco.client.pcs", "2"))
	require.NoError(t, err)
	silent(t, canary, eff)
	for key, want := range map[string]string{
		destination.KeyASHost:    "jco.client.ashost = host (A4H.properties:1)",
		destination.KeyPasswd:    "jco.client.passwd = *** (A4H.properties:5)",
		destination.KeyGWHost:    "jco.client.gwhost = host (from jco.client.ashost)",
		destination.KeyGWServ:    "jco.client.gwserv = sapgw00 (from jco.client.sysnr)",
		destination.KeyCodepage:  "jco.client.codepage = 4103 (from jco.client.pcs)",
		destination.KeyNetwork:   "jco.client.network = LAN (default)",
		destination.KeyPeakLimit: "jco.destination.peak_limit = 2 (A4H.properties:8), raised to 5, the value of jco.destination.pool_capacity",
	} {
		v, ok := eff.Get(key)
		require.True(t, ok, key)
		require.Equal(t, want, v.String())
		require.Contains(t, eff.String(), want)
	}
	_, ok := eff.Get("nope")
	require.False(t, ok)
	cfg := valid()
	v, _ := cfg.Effective().Get(destination.KeyASHost)
	require.Equal(t, "jco.client.ashost = host (code)", v.String())
	_, eff, err = destination.ParseProperties("", good("jco.destination.pool_capacity", "5"))
	require.NoError(t, err)
	v, _ = eff.Get(destination.KeyPeakLimit)
	require.Equal(t, "jco.destination.peak_limit = 5 (from jco.destination.pool_capacity)", v.String())
}

// The defaults of the table are those of the program.
func TestDefaultsOfTheTable(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]time.Duration{
		destination.KeyConnectTimeout: destination.DefaultDialTimeout, destination.KeyLogonTimeout: destination.DefaultLogonTimeout,
		destination.KeyMaxGetClientTime: destination.DefaultMaxWait, destination.KeyExpirationTime: destination.DefaultExpiration,
		destination.KeyExpirationCheckPeriod: destination.DefaultCheckPeriod,
	} {
		p, _ := destination.LookUpProperty(key)
		require.Equal(t, strconv.FormatInt(want.Milliseconds(), 10), p.Default, key)
	}
}

func TestLenientAndAdditional(t *testing.T) {
	t.Parallel()
	p := good("jco.client.ashots", canary, "mine", canary)
	_, _, err := destination.ParseProperties("", p)
	require.ErrorContains(t, err, "'mine' is not supported")
	require.ErrorContains(t, err, "jco.client.ashots")
	cfg, eff, err := destination.ParseProperties("", p, destination.Lenient())
	require.NoError(t, err)
	require.Contains(t, warned(eff), "jco.client.ashots: unknown property; did you mean jco.client.ashost?")
	require.NotContains(t, warned(eff), "mine")
	silent(t, canary, cfg, eff)
	require.Equal(t, 2, cfg.Additional.Len())
	p.AllowAdditional()
	_, _, err = destination.ParseProperties("", p)
	require.ErrorContains(t, err, "jco.client.ashots")
	require.NotContains(t, err.Error(), "mine")
	p.Delete("jco.client.ashots")
	cfg, eff, err = destination.ParseProperties("", p)
	require.NoError(t, err)
	again, _, err := destination.ParseProperties("", cfg.Properties())
	require.NoError(t, err, "what was allowed stays allowed")
	require.Equal(t, cfg.Additional.Len(), again.Additional.Len())
	silent(t, canary, cfg, eff)
}

// Planted secrets come out nowhere: not in errors, warnings, %+v, JSON or the effective view.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	for _, row := range destination.AllProperties() {
		names := append([]string{row.Key}, row.Aliases...)
		if !row.Secret {
			continue
		}
		for _, name := range names {
			for _, value := range []string{canary, "\x00" + canary, canary + "\xff", strings.Repeat(canary, 9000), "${" + canary + "}"} {
				p := good(destination.KeyPasswd, absent, name, value)
				for _, opts := range [][]destination.ParseOption{nil, {destination.Lenient()}} {
					cfg, eff, err := destination.ParseProperties("A4H", p, opts...)
					silent(t, canary, cfg, &cfg, eff, *eff, err, p, &p)
				}
				var cfg destination.Config
				cfg.Additional = p
				silent(t, canary, cfg, cfg.Validate(), cfg.Properties(), cfg.Effective())
				// Inside of something that is printed field by field.
				silent(t, canary, struct{ p destination.Properties }{p})
			}
		}
	}
	for _, route := range []string{"/H/r/S/3299/W/" + canary + "/H/h", "/h/r/w/" + canary, "/H/r/P/" + canary + "/S/1/H/h", "/H/r/W/x/" + canary + "/H/h", "/H/r//W/" + canary, "H/r/W/" + canary} {
		cfg, eff, err := destination.ParseProperties("", good(destination.KeySAProuter, route))
		require.ErrorIs(t, err, rfc.ErrConfig)
		silent(t, canary, cfg, eff, err)
		v, _ := eff.Get(destination.KeySAProuter)
		require.Contains(t, v.Value, "***")
	}
	_, eff, err := destination.ParseProperties("", good(destination.KeySAProuter, "/H/r/S/3299/W/pw/H/h/S/1"))
	require.Error(t, err)
	v, _ := eff.Get(destination.KeySAProuter)
	require.Equal(t, "/H/r/S/3299/W/***/H/h/S/1", v.Value)
}

func TestPropertiesBehaveLikeAValue(t *testing.T) {
	t.Parallel()
	p := destination.NewProperties(map[string]string{"ASHOST": "h", "SYSNR": "00"})
	q := p
	q.Set("ASHOST", "other")
	q.Delete("SYSNR")
	require.Equal(t, []string{"ASHOST", "h", "SYSNR", "00"}, pairs(p))
	require.Equal(t, []string{"ASHOST", "other"}, pairs(q))
	over := destination.NewProperties(map[string]string{"jco.client.ashost": "x"})
	require.Equal(t, []string{"SYSNR", "00", "jco.client.ashost", "x"}, pairs(p.With(over)))
	require.Equal(t, []string{"SYSNR", "00"}, pairs(p.Without(destination.KeyASHost)))
	require.Equal(t, "default", p.Source("nope").String())
	require.NotEqual(t, p.Fingerprint(), q.Fingerprint())
	require.Equal(t, p.Fingerprint(), destination.NewProperties(map[string]string{" jco.client.ashost": "h ", "sysnr": "00"}).Fingerprint())
	require.Error(t, p.UnmarshalJSON(nil))
	for range p.All() {
		break
	}
	_, _, err := destination.ParseProperties("", manySettings(1001))
	require.ErrorContains(t, err, "1001 properties, at most 1000")
	_, _, err = destination.ParseProperties("a b", good())
	require.ErrorContains(t, err, "only letters, digits, _ and -")
}

func manySettings(n int) destination.Properties {
	m := map[string]string{}
	for i := range n {
		m[strings.Repeat("k", i+1)] = ""
	}
	return destination.NewProperties(m)
}

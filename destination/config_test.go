package destination_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
)

func valid() destination.Config {
	return destination.Config{
		Name: "ABC", ApplicationServer: "host", SystemNumber: "00", Client: "001", User: "DEVELOPER", Password: "topsecret", Language: "EN",
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id     string
		change func(c *destination.Config)
		want   []string
	}{
		{"A-01, B-01", func(c *destination.Config) { *c = destination.Config{} }, []string{"Parameter ASHOST, GWHOST, MSHOST or PORT is missing", "one of jco.client.ashost", "is required"}},
		{"A-02, A-03", func(c *destination.Config) { c.ApplicationServer = "" }, []string{"Parameter ASHOST, GWHOST, MSHOST or PORT is missing"}},
		{"B-03", func(c *destination.Config) { c.SystemNumber = "" }, []string{"jco.client.sysnr", "two digits"}},
		{"B-04", func(c *destination.Config) { c.SystemNumber = "1" }, []string{`"1"`, "two digits 00-99"}},
		{"B-04", func(c *destination.Config) { c.SystemNumber = "100" }, []string{`"100"`, "two digits 00-99"}},
		{"B-04", func(c *destination.Config) { c.SystemNumber = "ab" }, []string{`"ab"`, "two digits 00-99"}},
		{"B-04", func(c *destination.Config) { c.SystemNumber = "-1" }, []string{`"-1"`, "two digits 00-99"}},
		{"B-05", func(c *destination.Config) { c.Client = "10" }, []string{"jco.client.client", "three digits", `"10"`}},
		{"B-05", func(c *destination.Config) { c.Client = "ab1" }, []string{"jco.client.client", "three digits"}},
		{"B-06", func(c *destination.Config) { c.User = "ABCDEFGHIJKLM" }, []string{"jco.client.user", "13 characters", "at most 12"}},
		{"B-08, A-12", func(c *destination.Config) { c.Password = "" }, []string{"jco.client.user", "jco.client.passwd", "exactly one"}},
		{"B-08, A-12", func(c *destination.Config) { c.User = "" }, []string{"jco.client.user", "jco.client.passwd", "exactly one"}},
		{"B-09", func(c *destination.Config) { c.Password = rfc.Secret(strings.Repeat("topsecret", 5)) }, []string{"jco.client.passwd", "at most 40"}},
		{"B-10", func(c *destination.Config) { c.Password = "tops€cret" }, []string{"jco.client.passwd", "character at position 5 not in code page 1100", "jco.client.codepage"}},
		{"B-11", func(c *destination.Config) { c.Codepage = "UTF-8" }, []string{"jco.client.codepage", `"UTF-8"`, "4-digit SAP code page", "1100, 1101", "8000"}},
		{"B-11", func(c *destination.Config) { c.Codepage, c.Password = "99", "tops€cret" }, []string{"jco.client.codepage", `"99"`, "4-digit SAP code page"}},
		{"B-11", func(c *destination.Config) { c.Codepage = "0000" }, []string{"jco.client.codepage", `"0000"`, "4-digit SAP code page"}},
		{"pcs", func(c *destination.Config) { c.PartnerCharSize = 4 }, []string{"jco.client.pcs", "value 4", "1 or 2"}},
		{"pcs 1", func(c *destination.Config) { c.PartnerCharSize = 1 }, []string{"jco.client.pcs", "AllowNonUnicode"}},
		{"pcs and codepage", func(c *destination.Config) { c.PartnerCharSize, c.Codepage = 2, "1160" }, []string{"jco.client.codepage", "contradicts", "jco.client.pcs"}},
		{"B-12", func(c *destination.Config) { c.Language = "english" }, []string{"jco.client.lang", `"english"`, "two-letter ISO or one-letter SAP language"}},
		{"B-12", func(c *destination.Config) { c.Language = "1é" }, []string{"jco.client.lang"}},
		{"B-16", func(c *destination.Config) { c.GatewayService = "70000" }, []string{"jco.client.gwserv", "port 1-65535 or service name"}},
		{"B-16", func(c *destination.Config) { c.GatewayService = "abc!" }, []string{"jco.client.gwserv", "port 1-65535 or service name"}},
		{"B-18", func(c *destination.Config) { c.ApplicationServer = "https://h/x" }, []string{"jco.client.ashost", "host name only"}},
		{"B-46", func(c *destination.Config) { c.ApplicationServer = "/H/router/H/host" }, []string{"belongs in jco.client.saprouter"}},
		{"B-47", func(c *destination.Config) { c.ApplicationServer = "host\r\nX" }, []string{"invalid character 0x0d at 4"}},
		{"B-47", func(c *destination.Config) { c.Gateway = "a b" }, []string{"jco.client.gwhost", "invalid character 0x20 at 1"}},
		{"B-48", func(c *destination.Config) { c.ApplicationServer = "host:3300" }, []string{"the port belongs in jco.client.gwserv"}},
		{"B-48", func(c *destination.Config) { c.ApplicationServer = "[2001:db8::1]" }, []string{"without brackets"}},
		{"long host", func(c *destination.Config) { c.ApplicationServer = strings.Repeat("h", 256) }, []string{"256 characters, at most 255"}},
		{"several at once", func(c *destination.Config) { c.SystemNumber, c.Client, c.Language = "x", "y", "zz9" }, []string{"jco.client.sysnr", "jco.client.client", "jco.client.lang"}},
	} {
		c := valid()
		tc.change(&c)
		err := c.Validate()
		require.ErrorIs(t, err, rfc.ErrConfig, tc.id)
		for _, w := range tc.want {
			require.ErrorContains(t, err, w, tc.id)
		}
		var e *rfc.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{20, 5, "RFC_INVALID_PARAMETER", rfc.NotSent}, []any{e.Code(), e.Group(), e.Key, e.Outcome}, tc.id)
		all := fmt.Sprintf("%v %+v %#v %+v", err, err, c, c)
		require.NotContains(t, all, "topsecret", tc.id)
		require.NotContains(t, all, "€", tc.id)
		_, err = destination.Dial(t.Context(), c)
		require.ErrorIs(t, err, rfc.ErrConfig, tc.id)
	}
	for _, change := range []func(c *destination.Config){
		func(*destination.Config) {},
		func(c *destination.Config) { c.User, c.Password = "", "" },
		func(c *destination.Config) { c.Password, c.Codepage = "tops€cret", "1160" },
		func(c *destination.Config) { c.Password, c.PartnerCharSize = "tops€cret", 2 },
		func(c *destination.Config) { c.ApplicationServer = "2001:db8::1" },
		func(c *destination.Config) { c.ApplicationServer, c.Gateway = "", "gw" },
		func(c *destination.Config) { c.SystemNumber, c.GatewayService = "", "sapgw07" },
		func(c *destination.Config) { c.Client, c.Language = "", "" },
	} {
		c := valid()
		change(&c)
		require.NoError(t, c.Validate())
	}
}

func TestA09Languages(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"EN", "en", "en-US", "E", "de", "D", "zh", "1", ""} {
		c := valid()
		c.Language = lang
		require.NoError(t, c.Validate(), lang)
	}
}

func TestA10Endpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		change     func(c *destination.Config)
		host, port string
	}{
		{func(*destination.Config) {}, "host", "3300"},
		{func(c *destination.Config) { c.SystemNumber = "42" }, "host", "3342"},
		{func(c *destination.Config) { c.Gateway = "gw" }, "gw", "3300"},
		{func(c *destination.Config) { c.GatewayService = "sapgw17" }, "host", "3317"},
		{func(c *destination.Config) { c.GatewayService = "3399" }, "host", "3399"},
		{func(c *destination.Config) { c.GatewayService, c.SystemNumber = "03301", "" }, "host", "3301"},
	} {
		c := valid()
		tc.change(&c)
		host, port, err := c.Endpoint()
		require.NoError(t, err)
		require.Equal(t, []string{tc.host, tc.port}, []string{host, port})
	}
	c := destination.Config{ApplicationServer: "host", GatewayService: "sapgwXX"}
	_, _, err := c.Endpoint()
	require.Error(t, err)
}

func TestM07B92TimeLimits(t *testing.T) {
	t.Parallel()
	for _, good := range []time.Duration{0, time.Second, time.Hour} {
		cfg := valid()
		cfg.LogonTimeout = good
		require.NoError(t, cfg.Validate())
	}
	for _, bad := range []time.Duration{-1, time.Hour + time.Second} {
		cfg := valid()
		cfg.LogonTimeout = bad
		require.ErrorContains(t, cfg.Validate(), "LogonTimeout")
	}
	cfg := valid()
	cfg.DialTimeout, cfg.CallTimeout, cfg.KeepAlive = -time.Second, -1, -1
	err := cfg.Validate()
	for _, name := range []string{"DialTimeout", "CallTimeout", "KeepAlive"} {
		require.ErrorContains(t, err, name)
	}
}

// A Config prints what it says, with every verb, and does not walk into what it points to: pools
// use that at the same time.
func TestConfigPrintsItsSettings(t *testing.T) {
	t.Parallel()
	cache := repository.NewCache()
	cfg := destination.Config{
		Name: "A4H", ApplicationServer: "sap1", SystemNumber: "00", Client: "100", User: "ALICE", Password: "topsecret",
		Repository: destination.RepositoryConfig{Cache: cache}, Functions: repository.New(nil, repository.WithCache(cache)),
	}
	want := "destination \"A4H\"\njco.client.ashost=sap1\njco.client.sysnr=00\njco.client.client=100\njco.client.user=ALICE\njco.client.passwd=***"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, want, fmt.Sprintf(verb, cfg), verb)
		require.Equal(t, want, fmt.Sprintf(verb, &cfg), verb)
	}
}

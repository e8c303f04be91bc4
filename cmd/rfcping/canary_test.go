package main

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
)

// Every secret setting is a canary, and no output has it: whatever works or fails on whatever
// road, in text, with -v and as JSON. rfcping itself searches for the password of all tests.
func TestNoOutputTellsASecret(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	host, port, err := net.SplitHostPort(sys.Address())
	require.NoError(t, err)
	closed := peer(t, func(nc net.Conn) { _ = nc.Close() })
	closedHost, closedPort, err := net.SplitHostPort(closed)
	require.NoError(t, err)
	secrets := map[string]string{}
	for _, row := range destination.AllProperties() {
		if row.Secret && row.Support != destination.Legacy {
			secrets[row.Key] = canary
		}
	}
	require.Greater(t, len(secrets), 10)
	base := map[string]string{"jco.client.ashost": host, "jco.client.sysnr": "00", "jco.client.gwserv": port, "jco.client.client": "001", "jco.client.user": "ALICE", "jco.client.passwd": canary}
	gone := map[string]string{"jco.client.ashost": "", "jco.client.sysnr": "", "jco.client.gwserv": ""}
	for name, more := range map[string]map[string]string{
		"fine":           {"jco.destination.peak_limit": "2"},
		"all secrets":    secrets,
		"wrong password": {"jco.client.passwd": canary + "x", "jco.destination.repository.user": "META", "jco.destination.repository.passwd": canary},
		"misspelt":       {"jco.client.pasword": canary, "PASSWRD": canary, "go.proxy.tokn": canary},
		"too long":       {"jco.client.passwd": strings.Repeat(canary, 6)},
		"code page":      {"jco.client.passwd": canary + "\u20ac"},
		"router":         {"jco.client.saprouter": "/H/" + closedHost + "/S/" + closedPort + "/W/" + canary},
		"router wrong":   {"jco.client.saprouter": "/H/a/W/" + canary + "/S/3299/H/b"},
		"host with user": {"jco.client.ashost": "me:" + canary + "@host"},
		"socks5":         {"go.proxy.kind": "socks5", "go.proxy.host": closedHost, "go.proxy.port": closedPort, "go.proxy.token": canary},
		"http proxy":     {"go.proxy.kind": "http-connect", "go.proxy.host": closedHost, "go.proxy.port": closedPort, "go.proxy.user": "me", "go.proxy.passwd": canary},
		"plain":          {"go.policy.forbid_plain_logon": "1"},
		"group":          {"jco.client.ashost": "", "jco.client.sysnr": "", "jco.client.gwserv": "", "jco.client.mshost": closedHost, "jco.client.msserv": "http://me:" + canary + "@h:1"},
		"websocket": {
			"jco.client.ashost": "", "jco.client.sysnr": "", "jco.client.gwserv": "", "jco.client.wshost": closedHost, "jco.client.wsport": closedPort,
			"jco.client.user": "", "jco.client.passwd": "", "jco.client.oidc_bearer_token": canary,
		},
		"nothing": gone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := maps.Clone(base)
			maps.Copy(settings, more)
			var b strings.Builder
			for key, value := range settings {
				b.WriteString(key + "=" + strings.ReplaceAll(value, "\u20ac", `\u20ac`) + "\n")
			}
			path := filepath.Join(t.TempDir(), "A4H.properties")
			require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
			record := filepath.Join(t.TempDir(), "run.jsonl")
			for _, args := range [][]string{
				{"-n", "1"}, {"-v", "-n", "0", "-c", "3"}, {"--json", "-n", "0", "--lang", "DE"}, {"-n", "0", "--record", record}, {"--no-logon"}, {"-n", "0", "--user", "BOB"},
			} {
				o := rfcping(t, with([]string{"--props", path, "--step-timeout", "10s"}, args...)...)
				secretless(t, o.out+o.errOut)
			}
			o := rfcping(t, "call", "-v", "--props", path, "STFC_CONNECTION", `{"XXX":1}`)
			secretless(t, o.out+o.errOut)
			if recorded, err := os.ReadFile(record); err == nil {
				secretless(t, string(recorded))
			}
		})
	}
}

// secretless looks for other forms of the password than the one that rfcping looks for.
func secretless(t *testing.T, text string) {
	t.Helper()
	wide := []byte{}
	for _, c := range []byte(canary) {
		wide = append(wide, c, 0)
	}
	for _, form := range []string{canary, string(wide), hex.EncodeToString([]byte(canary)), hex.EncodeToString(wide), base64.StdEncoding.EncodeToString([]byte(canary))} {
		require.NotContains(t, text, form)
	}
}

// S-02: a place that a recording cannot be written to is told when it is given, before anything
// is sent.
func TestS02RecordingToNowhere(t *testing.T) {
	t.Parallel()
	sys, flags := system(t)
	o := rfcping(t, with(flags, "--record", filepath.Join(t.TempDir(), "no", "such", "run.pcapng"))...)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.errOut+o.out, "no such")
	require.Zero(t, sys.Server().Stats().Accepted)
}

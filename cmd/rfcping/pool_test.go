package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// stepOf is a step of a document.
func stepOf(t *testing.T, out, name string) map[string]any {
	t.Helper()
	for _, s := range document(t, out)["steps"].([]any) {
		if m := s.(map[string]any); m["name"] == name {
			return m
		}
	}
	return nil
}

// destinationOf writes a file for a system and gives its path.
func destinationOf(t *testing.T, sys *rfctest.System, more string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(sys.Address())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "A4H.properties")
	text := "jco.client.ashost=" + host + "\njco.client.sysnr=00\njco.client.gwserv=" + port + "\njco.client.client=001\njco.client.user=ALICE\njco.client.passwd=" + canary + "\n" + more
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestStepPoolOpensTheLimit(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	path := destinationOf(t, sys, "jco.destination.pool_capacity=2\njco.destination.peak_limit=4\n")
	o := rfcping(t, "--props", path, "-n", "1", "--json")
	require.Zero(t, o.code, o.out)
	s := stepOf(t, o.out, "pool")
	require.Equal(t, "ok", s["status"])
	facts := s["facts"].(map[string]any)
	for key, want := range map[string]any{"asked": 4.0, "opened": 4.0, "capacity": 2.0, "peak_limit": 4.0} {
		require.Equal(t, want, facts[key], key)
	}
	for _, key := range []string{"min_ms", "p50_ms", "max_ms"} {
		require.Positive(t, facts[key], key)
	}
	require.EqualValues(t, 5, sys.Server().Stats().Accepted)
	o = rfcping(t, "--props", path, "-n", "0")
	require.Zero(t, o.code, o.out)
	require.Contains(t, o.out, "ok       pool ")
	require.Contains(t, o.out, "opened=4")
	// Less than the limit.
	o = rfcping(t, "--props", path, "-n", "0", "-c", "3", "--json")
	require.Zero(t, o.code, o.out)
	require.Equal(t, 3.0, stepOf(t, o.out, "pool")["facts"].(map[string]any)["opened"])
}

// The own limit is a remark, for it may be meant so.
func TestStepPoolStopsAtItsOwnLimit(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	o := rfcping(t, "--props", destinationOf(t, sys, "jco.destination.pool_capacity=2\n"), "-n", "0", "-c", "5", "--json")
	require.Zero(t, o.code, o.out)
	s := stepOf(t, o.out, "pool")
	facts := s["facts"].(map[string]any)
	require.Equal(t, []any{5.0, 2.0, "peak_limit"}, []any{facts["asked"], facts["opened"], facts["stopped_by"]})
	require.Contains(t, s["warnings"].([]any)[0], "the pool itself ends at 2 connections: raise jco.destination.peak_limit for more")
}

// What the partner says stops it, with exit code and hint.
func TestStepPoolIsStoppedByThePartner(t *testing.T) {
	t.Parallel()
	_, flags := system(t, rfctest.WithServer(func(s *gateway.Server) { s.MaxPerAddress = 3 }))
	o := rfcping(t, with(flags, "-n", "0", "-c", "6", "--json")...)
	require.Equal(t, exitGateway, o.code, o.out)
	s := stepOf(t, o.out, "pool")
	require.Equal(t, "failed", s["status"])
	facts := s["facts"].(map[string]any)
	require.Equal(t, "partner", facts["stopped_by"])
	require.LessOrEqual(t, facts["opened"], 3.0)
	require.Contains(t, s["hint"], "gw/max_conn")
	require.Equal(t, "gateway", s["error"].(map[string]any)["step"])
	require.Contains(t, poolHint(&rfc.Error{Class: rfc.ClassLogon}), "sessions of a user")
	require.Empty(t, poolHint(os.ErrClosed))
}

// Without a destination nobody gets more than one connection unasked.
func TestStepPoolIsForDestinations(t *testing.T) {
	t.Parallel()
	sys, flags := system(t)
	o := rfcping(t, with(flags, "-n", "0", "--json")...)
	require.Zero(t, o.code)
	require.Nil(t, stepOf(t, o.out, "pool"))
	require.EqualValues(t, 1, sys.Server().Stats().Accepted)
	o = rfcping(t, "--props", destinationOf(t, sys, ""), "-n", "0", "-c", "0", "--json")
	require.Zero(t, o.code)
	require.Nil(t, stepOf(t, o.out, "pool"))
	o = rfcping(t, with(flags, "-c", "1001")...)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.out, "-c: 1001, 0 to 1000 connections")
	o = rfcping(t, "--embedded", "-n", "0", "-c", "2", "--no-logon", "--json")
	require.Zero(t, o.code, o.out)
	require.Nil(t, stepOf(t, o.out, "pool"))
}

// Typing mistakes come before the question for a password that is there under another name.
func TestMistakesComeBeforeThePassword(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	path := destinationOf(t, sys, "")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append([]byte("jco.client.lnag=DE\n"), []byte(string(text[:len(text)-len("jco.client.passwd="+canary+"\n")])+"jco.client.pasword="+canary+"\n")...), 0o600))
	o := rfcping(t, "--props", path)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.out, "jco.client.pasword: unknown property; did you mean jco.client.passwd?")
	require.Contains(t, o.out, "jco.client.lnag: unknown property; did you mean jco.client.lang?")
	require.NotContains(t, o.out, "--password-env")
	require.NotContains(t, o.out, "--lang", "the remedy is to correct the name")
	require.Zero(t, sys.Server().Stats().Accepted)
}

// The diagnosis obeys the policy of a destination, and says what it leaves out.
func TestDiagnosisObeysThePolicy(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	path := destinationOf(t, sys, "go.policy.allow=Z_*\n")
	o := rfcping(t, "--props", path, "-n", "1", "--json")
	require.Zero(t, o.code, o.out)
	for _, name := range []string{"echo", "serializer"} {
		s := stepOf(t, o.out, name)
		require.Equal(t, "skipped", s["status"])
		require.Contains(t, s["hint"], "go.policy.allow (Z_*)")
	}
	require.Equal(t, "ok", stepOf(t, o.out, "latency")["status"])
	o = rfcping(t, "call", "--props", path, "STFC_CONNECTION", `{"REQUTEXT":"x"}`)
	require.Equal(t, exitAuthorization, o.code, o.errOut)
	require.Contains(t, o.errOut, "the policy of the destination does not allow the call")
	require.Zero(t, sys.Calls("STFC_CONNECTION"))
	o = rfcping(t, "--props", destinationOf(t, sys, "go.policy.forbid_plain_logon=1\n"))
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.out, "failed   config")
	require.Contains(t, o.out, "password would travel in clear")
}

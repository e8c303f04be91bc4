package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfctest"
)

// steps are the steps of a document by name, and their names in order.
func stepsOf(t *testing.T, doc map[string]any) (names []string, byName map[string]map[string]any) {
	t.Helper()
	byName = map[string]map[string]any{}
	for _, s := range doc["steps"].([]any) {
		m := s.(map[string]any)
		names = append(names, m["name"].(string))
		byName[m["name"].(string)] = m
	}
	return names, byName
}

// The whole diagnosis of the built-in system runs over each road, with nothing to set up.
func TestEmbeddedViaEachRoad(t *testing.T) {
	t.Parallel()
	const behind = " logon ping system metadata echo serializer latency"
	for via, tc := range map[string]struct {
		steps string
		facts map[string][]string // of a step
	}{
		"ws":     {"config dns tcp tls" + behind, map[string][]string{"tls": {"version", "suite", "subject", "issuer", "chain", "names", "expires", "verified", "path", "upgrade", "subprotocol"}}},
		"router": {"config dns tcp route ni gateway" + behind, map[string][]string{"route": {"saprouter", "route", "hops", "answer_ms"}}},
		"group":  {"config message server dns tcp ni gateway" + behind, map[string][]string{"message server": {"message_server", "group", "named"}}},
		"socks5": {"config dns tcp route ni gateway" + behind, map[string][]string{"route": {"proxy", "protocol", "method", "location", "reply", "answer_ms"}}},
	} {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			o := rfcping(t, "--embedded", "--via", via, "--json", "-n", "3")
			require.Zero(t, o.code, o.out+o.errOut)
			names, steps := stepsOf(t, document(t, o.out))
			require.Equal(t, tc.steps, strings.Join(names, " "))
			for name, s := range steps {
				require.Equal(t, statusOK, s["status"], name)
			}
			for name, keys := range tc.facts {
				for _, k := range keys {
					require.Contains(t, steps[name]["facts"], k)
				}
			}
			require.NotRegexp(t, `/W/[^*]`, o.out, "no password of the route")
			o = rfcping(t, "--embedded", "--via", via, "--no-logon")
			require.Zero(t, o.code, o.out+o.errOut)
			require.Contains(t, o.out, "left out by --no-logon")
			if via != "ws" {
				file := filepath.Join(t.TempDir(), "run.jsonl")
				o = rfcping(t, "--embedded", "--via", via, "-n", "0", "--record", file)
				require.Zero(t, o.code, o.out+o.errOut)
				o = rfcping(t, "decode", file)
				require.Zero(t, o.code, o.errOut)
				require.Contains(t, o.out, "STFC_CONNECTION", "the conversation is recorded, whatever is in front of it")
			}
			o = rfcping(t, "call", "--embedded", "--via", via, "STFC_CONNECTION", `{"REQUTEXT":"hello"}`)
			require.Zero(t, o.code, o.errOut)
			require.Contains(t, o.out, "hello")
		})
	}
}

// serveWith runs serve and gives its addresses by name.
func serveWith(t *testing.T, args ...string) map[string]string {
	t.Helper()
	line, _ := served(t, append([]string{"--cpic", ":0", "--user", "ALICE", "--password-env", "PW"}, args...)...)
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)=(\S+)`).FindAllStringSubmatch(line, -1) {
		out[m[1]] = m[2]
	}
	return out
}

func TestServeOnEveryRoad(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	at := serveWith(t, "--ws", "127.0.0.1:0", "--tls-self-signed", "--tls-certificate", ca, "--router", ":0")
	logon := []string{"--client", "001", "--user", "ALICE", "--password-env", "PW", "-n", "0"}
	host, port, err := net.SplitHostPort(at["ws"])
	require.NoError(t, err)
	ws := with(logon, "--wshost", host, "--wsport", port)
	o := rfcping(t, with(ws, "-p", "TrustStoreLocation="+ca)...)
	require.Zero(t, o.code, o.out+o.errOut)

	_, gateway, err := net.SplitHostPort(at["cpic"])
	require.NoError(t, err)
	routerHost, routerPort, err := net.SplitHostPort(at["router"])
	require.NoError(t, err)
	route := "/H/" + routerHost + "/S/" + routerPort
	o = rfcping(t, with(logon, "--saprouter", route, "--ashost", "127.0.0.1", "--sysnr", "00", "--gwserv", gateway)...)
	require.Zero(t, o.code, o.out+o.errOut)
	o = rfcping(t, with(logon, "--saprouter", route, "--ashost", "127.0.0.1", "--gwserv", port, "--json")...)
	require.Equal(t, exitRoute, o.code, "the router leads to the gateway and nowhere else: %s", o.out)

	// With -v each hop is looked at.
	o = rfcping(t, with(logon, "--saprouter", route, "--ashost", "127.0.0.1", "--sysnr", "00", "--gwserv", gateway, "--json", "-v")...)
	require.Zero(t, o.code, o.out)
	_, steps := stepsOf(t, document(t, o.out))
	require.Equal(t, at["router"]+" reached, NI version 40", steps["route"]["facts"].(map[string]any)["hop_1"])
	require.Equal(t, at["cpic"]+" reached", steps["route"]["facts"].(map[string]any)["hop_2"])
	o = rfcping(t, with(logon, "--saprouter", route, "--ashost", "127.0.0.1", "--gwserv", port, "--json", "-v")...)
	require.Equal(t, exitRoute, o.code)
	require.Contains(t, o.out, `"hop_2":"127.0.0.1:`+port+` not reached"`)

	// A certificate that nobody vouches for, a wrong name, permission for none.
	o = rfcping(t, with(ws, "--json")...)
	require.Equal(t, exitTLS, o.code, o.out)
	_, steps = stepsOf(t, document(t, o.out))
	require.Equal(t, statusFailed, steps["tls"]["status"])
	require.Contains(t, steps["tls"]["hint"], "TrustStoreLocation")
	o = rfcping(t, with(ws, "-p", "TLS_TRUST_ALL=1", "--allow-insecure-tls", "--json")...)
	require.Zero(t, o.code, o.out)
	require.Contains(t, o.out, `"verified":"no (jco.client.tls_trust_all=1)"`)
	o = rfcpingWith(t, t.Context(), environment("PW", "wrong"), with(ws, "-p", "TrustStoreLocation="+ca, "--json")...)
	require.Equal(t, exitLogon, o.code, o.out)
	require.Contains(t, o.out, "HTTP 401")
	o = rfcping(t, with(logon, "--wshost", "127.0.0.1", "--wsport", gateway, "--json")...)
	require.Equal(t, exitTLS, o.code, "a gateway where TLS was expected: %s", o.out)
	o = rfcping(t, with(logon, "--ashost", "127.0.0.1", "--gwserv", port, "--sysnr", "00", "--json")...)
	require.NotZero(t, o.code)
	_, steps = stepsOf(t, document(t, o.out))
	require.Equal(t, statusFailed, steps["ni"]["status"], "TLS where a gateway was expected")
	_, err = os.ReadFile(ca)
	require.NoError(t, err)
}

// No credential passes TLS with --no-logon.
func TestNoLogonOverWebSocket(t *testing.T) {
	t.Parallel()
	sys, _ := system(t, rfctest.WithWebSocket())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, sys.WebSocketCertificate(), 0o600))
	host, port, _ := net.SplitHostPort(sys.WebSocketAddress())
	o := rfcping(t, "--wshost", host, "--wsport", port, "--client", "001", "--user", "ALICE", "-p", "TrustStoreLocation="+ca, "--no-logon", "--json")
	require.Zero(t, o.code, o.out+o.errOut)
	_, steps := stepsOf(t, document(t, o.out))
	require.Equal(t, statusOK, steps["tls"]["status"])
	require.Equal(t, statusSkipped, steps["logon"]["status"])
	require.Zero(t, sys.Server().Stats().Logons+sys.Server().Stats().Failed)
	require.Contains(t, steps["tls"]["facts"], "expires")
}

func TestSOCKS5Flag(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	srv := &proxy.Server{
		Authenticate: func(token string) error {
			if token != "token."+canary {
				return errors.New("expired")
			}
			return nil
		},
		Locations: map[string]proxy.Mappings{"": {"sales.virtual:3300": sys.Address()}, "plant-7": {}},
	}
	port := endpoint(t, srv.Listen, srv.Serve, srv.Close)
	open := &proxy.Server{Locations: map[string]proxy.Mappings{"": {"sales.virtual:3300": sys.Address()}}}
	openPort := endpoint(t, open.Listen, open.Serve, open.Close)
	env := environment("TOKEN", "token."+canary, "OLD", "old."+canary)
	common := []string{"--ashost", "127.0.0.1", "--gwhost", "sales.virtual", "--sysnr", "00", "--client", "001", "--user", "ALICE", "--password-env", "PW", "-n", "0", "--json", "--socks5"}
	for name, tc := range map[string]struct {
		args  []string
		code  int
		facts string
		hint  string
	}{
		"token":         {with(common, "127.0.0.1:"+port, "-p", "go.proxy.token=${env:TOKEN}"), exitFine, `"reply":"0 (succeeded)"`, ""},
		"trusted mode":  {with(common, "127.0.0.1:"+openPort), exitFine, `"method":"none"`, ""},
		"expired token": {with(common, "127.0.0.1:"+port, "-p", "go.proxy.token=${env:OLD}"), exitRoute, `"method":"token"`, "fetch a new one"},
		"no token":      {with(common, "127.0.0.1:"+port), exitRoute, `"protocol":"SOCKS5"`, "go.proxy.token"},
		"location":      {with(common, "127.0.0.1:"+port, "-p", "go.proxy.token=${env:TOKEN}", "-p", "LocationId=plant-9"), exitRoute, `"reply":"3 (network unreachable)"`, "Cloud Connector"},
		"denied":        {with(common, "127.0.0.1:"+port, "-p", "go.proxy.token=${env:TOKEN}", "-p", "LocationId=plant-7"), exitRoute, `"reply":"2 (not allowed)"`, "mapping"},
		"proxy down":    {with(common, "127.0.0.1:1", "-p", "go.proxy.token=${env:TOKEN}"), exitTCP, "", "nothing listens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rfcpingWith(t, t.Context(), env, tc.args...)
			require.Equal(t, tc.code, o.code, o.out+o.errOut)
			require.Contains(t, o.out, tc.facts)
			require.Contains(t, fmt.Sprint(document(t, o.out)["hint"]), tc.hint)
			require.NotContains(t, o.out, "token."+canary)
		})
	}
}

// A proxy in front of WebSocket RFC is a part of the route.
func TestWebSocketThroughAProxy(t *testing.T) {
	t.Parallel()
	sys, _ := system(t, rfctest.WithWebSocket())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, sys.WebSocketCertificate(), 0o600))
	srv := &proxy.Server{Protocol: proxy.HTTPConnect, Users: map[string]proxy.Secret{"me": canary}, Locations: map[string]proxy.Mappings{"": {sys.WebSocketAddress(): ""}}}
	port := endpoint(t, srv.Listen, srv.Serve, srv.Close)
	host, wsport, _ := net.SplitHostPort(sys.WebSocketAddress())
	args := []string{
		"--wshost", host, "--wsport", wsport, "--client", "001", "--user", "ALICE", "--password-env", "PW", "-p", "TrustStoreLocation=" + ca, "-n", "0", "--json",
		"-p", "PROXY_HOST=127.0.0.1", "-p", "PROXY_PORT=" + port, "-p", "PROXY_USER=me",
	}
	o := rfcping(t, with(args, "-p", "PROXY_PASSWD=${env:PW}")...)
	require.Zero(t, o.code, o.out+o.errOut)
	names, steps := stepsOf(t, document(t, o.out))
	require.Equal(t, "config dns tcp route tls logon", strings.Join(names[:6], " "))
	require.Contains(t, steps["route"]["facts"], "proxy")
	o = rfcpingWith(t, t.Context(), environment("WRONG", "wrong"), with(args, "-p", "PROXY_PASSWD=${env:WRONG}")...)
	require.Equal(t, exitRoute, o.code, o.out)
	require.Contains(t, o.out, "HTTP 407")
}

// The commands for trying roads that the page prints work as they stand there.
func TestCommandsOfThePageOfRoads(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/roads.md")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^rfcping (.*)$`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, lines, 5)
	for _, l := range lines {
		o := rfcping(t, strings.Fields(l[1])...)
		require.Zero(t, o.code, l[0]+o.out)
	}
}

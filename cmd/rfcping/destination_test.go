package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/saprouter"
)

// destinationFiles writes the destination of a host in every form, and gives the directory.
func destinationFiles(t *testing.T) string {
	t.Helper()
	sys, _ := system(t)
	host, port := sys.Addr()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"A4H.jcoDestination": "# by hand\njco.client.ashost=" + host + "\njco.client.sysnr=00\njco.client.gwserv=" + port + "\njco.client.client=001\njco.client.user=ALICE\njco.client.passwd=" + canary + "\njco.client.lang=EN\njco.client.trace=1\n",
		"WRONG.properties":   "jco.client.ashots=" + host + "\njco.client.sysnr=1\njco.client.password=" + canary + "\n",
		"NOUSER.properties":  "ASHOST=" + host + "\nSYSNR=00\nGWSERV=" + port + "\nCLIENT=001\n",
		"J.json":             `{"Name":"J","Type":"RFC","jco.client.ashost":"` + host + `","jco.client.sysnr":"00","jco.client.gwserv":"` + port + `","jco.client.client":"001","User":"ALICE","Password":"` + canary + `"}`,
		"several.json":       `{"ONE":{"ASHOST":"h","SYSNR":"00"},"TWO":{"ASHOST":"h","SYSNR":"00"}}`,
		"Y.yaml":             "ASHOST: " + host + "\nSYSNR: 00\nGWSERV: " + port + "\nCLIENT: 001\nUSER: ALICE\nPASSWD: ${env:PW}\n",
		"sapnwrfc.ini":       "DEST=INI\nASHOST=" + host + "\nSYSNR=00\nGWSERV=" + port + "\nCLIENT=001\nUSER=ALICE\nPASSWD=" + canary + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestDestinationsFromEverywhere(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	env := environment("GORFC_DESTINATIONS_DIR", dir, "RFC_INI", filepath.Join(dir, "sapnwrfc.ini"), "RFCPING_ASHOST", "elsewhere.invalid", "RFCPING_CLIENT", "999")
	for name, args := range map[string][]string{
		"argument":          {"A4H"},
		"flag":              {"--dest", "A4H"},
		"YAML by name":      {"Y"},
		"INI by name":       {"INI"},
		"properties file":   {"--props", filepath.Join(dir, "A4H.jcoDestination")},
		"JSON file":         {"--props", filepath.Join(dir, "J.json")},
		"YAML file":         {"--props", filepath.Join(dir, "Y.yaml")},
		"INI file":          {"--ini", filepath.Join(dir, "sapnwrfc.ini")},
		"INI file and name": {"--ini", filepath.Join(dir, "sapnwrfc.ini"), "INI"},
		"user added":        {"NOUSER", "--user", "ALICE", "--password-env", "PW"},
		"secret by name":    {"NOUSER", "-p", "USER=ALICE", "-p", "jco.client.passwd=${env:PW}"},
		"only -p":           {"-p", "jco.client.ashost=127.0.0.1", "-p", "SYSNR=00", "-p", "GWSERV=" + portOf(t, dir), "-p", "CLIENT=001", "-p", "USER=ALICE", "--password-env", "PW"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rfcpingWith(t, t.Context(), env, with(args, "-n", "0")...)
			require.Zero(t, o.code, o.out+o.errOut)
			require.Contains(t, o.out, "client=001 (")
			require.NotContains(t, o.out, "elsewhere")
		})
	}
}

// portOf reads the port out of a file of destinationFiles.
func portOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "NOUSER.properties"))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "GWSERV=")
	port, _, _ := strings.Cut(after, "\n")
	return port
}

func TestStepConfigShowsWhereValuesComeFrom(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	file := filepath.Join(dir, "A4H.jcoDestination")
	o := rfcping(t, "--props", file, "-p", "jco.client.lang=DE", "--client", "001", "-n", "0", "-v")
	require.Zero(t, o.code, o.out)
	config, _, _ := strings.Cut(o.out, "ok       dns")
	golden(t, "props.txt", strings.ReplaceAll(config, dir, "DIR"))
	doc := document(t, rfcping(t, "--props", file, "-n", "0", "--json").out)
	step := doc["steps"].([]any)[0].(map[string]any)
	require.Contains(t, step["facts"].(map[string]any)["effective"], "jco.client.passwd = *** ("+file+":7)")
	require.Contains(t, step["facts"].(map[string]any)["effective"], "jco.client.network = LAN (default)")
	require.Equal(t, []any{"without effect: jco.client.trace"}, step["warnings"])
	require.Equal(t, "A4H", doc["target"].(map[string]any)["destination"])
}

// Roads that not every destination takes have steps of their own.
func TestStepsOfRoads(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	table, err := saprouter.ParsePermissions(strings.NewReader("P * 127.0.0.1 * " + canary))
	require.NoError(t, err)
	router := &saprouter.Server{Permissions: table}
	routerPort := endpoint(t, router.Listen, router.Serve, router.Close)
	gateway, err := strconv.Atoi(portOf(t, dir))
	require.NoError(t, err)
	ms := new(msgserver.Server)
	require.NoError(t, ms.Set(msgserver.Landscape{
		Instances: []msgserver.Instance{{Name: "app", Host: "127.0.0.1", Port: uint16(gateway - 100)}}, Groups: map[string][]string{"PUBLIC": {"app"}},
	}))
	msPort := endpoint(t, ms.Listen, ms.Serve, ms.Close)
	env := environment("ROUTE", "/H/127.0.0.1/S/"+routerPort+"/W/"+canary, "WRONG", "/H/127.0.0.1/S/"+routerPort+"/W/wrong"+canary[1:])
	common := []string{"-p", "CLIENT=001", "-p", "USER=ALICE", "--password-env", "PW", "-n", "0", "--json", "-p"}
	direct := with(common, "ASHOST=127.0.0.1", "-p", "SYSNR=00", "-p", "GWSERV="+strconv.Itoa(gateway), "-p")
	group := with(common, "MSHOST=127.0.0.1", "-p", "MSSERV="+msPort, "-p")
	for name, tc := range map[string]struct {
		args   []string
		code   int
		steps  []string
		failed string
	}{
		"router":                   {with(direct, "SAPROUTER=${env:ROUTE}"), exitFine, []string{"config", "dns", "tcp", "route", "ni"}, ""},
		"group":                    {with(group, "GROUP=PUBLIC"), exitFine, []string{"config", "message server", "dns", "tcp", "ni"}, ""},
		"both":                     {with(group, "SAPROUTER=${env:ROUTE}"), exitFine, []string{"config", "message server", "dns", "tcp", "route", "ni"}, ""},
		"refused by the router":    {with(direct, "SAPROUTER=${env:WRONG}"), exitRoute, []string{"config", "dns", "tcp", "route", "ni"}, "route"},
		"group without a server":   {with(group, "GROUP=NONE"), exitGateway, []string{"config", "message server", "dns"}, "message server"},
		"refused on the way to it": {with(group, "SAPROUTER=${env:WRONG}"), exitGateway, []string{"config", "message server", "dns"}, "message server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rfcpingWith(t, t.Context(), env, tc.args...)
			require.Equal(t, tc.code, o.code, o.out+o.errOut)
			doc := document(t, o.out)
			var names []string
			for _, s := range doc["steps"].([]any) {
				names = append(names, s.(map[string]any)["name"].(string))
			}
			require.Equal(t, tc.steps, names[:len(tc.steps)])
			for step, status := range statuses(t, doc) {
				if tc.failed == "" && step != "latency" {
					require.Equal(t, statusOK, status, step)
				}
			}
			if tc.failed != "" {
				require.Equal(t, statusFailed, statuses(t, doc)[tc.failed])
				require.NotEmpty(t, doc["hint"])
			}
		})
	}
}

// endpoint serves until the test ends and gives the port.
func endpoint(t *testing.T, listen func(context.Context, string) (net.Listener, error), serve func(net.Listener) error, stop func() error) string {
	t.Helper()
	l, err := listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() { _ = serve(l) })
	t.Cleanup(func() {
		require.NoError(t, stop())
		group.Wait()
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func TestBadDestinations(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	env := environment("GORFC_DESTINATIONS_DIR", dir, "EMPTY", "")
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{[]string{"A4G"}, []string{`unknown destination`, "did you mean A4H?"}},
		{[]string{"--dest", ""}, []string{"the name is empty"}},
		{[]string{"../A4H"}, []string{"only letters, digits, _ and -"}},
		{[]string{"serf"}, []string{"unknown destination", "did you mean serve?"}},
		{[]string{"A4H", "B"}, []string{"2 arguments", "takes one, a destination"}},
		{[]string{"serv", "B"}, []string{"did you mean the command serve?"}},
		{[]string{"A4H", "--dest", "A4H"}, []string{"A4H and --dest A4H: give one of them"}},
		{[]string{"A4H", "--embedded"}, []string{"a destination and --embedded"}},
		{[]string{"-p", "A=B", "--embedded"}, []string{"--property and --embedded"}},
		{[]string{"--props", "x", "--ini", "y"}, []string{"--props and --ini: give one of them"}},
		{[]string{"--props", filepath.Join(dir, "none.properties")}, []string{"--props", "no such file"}},
		{[]string{"--props", dir}, []string{"is a directory"}},
		{[]string{"--props", filepath.Join(dir, "several.json")}, []string{"2 destinations", "--dest", "ONE, TWO"}},
		{[]string{"--ini", filepath.Join(dir, "A4H.jcoDestination")}, []string{"--ini", "0 destinations"}},
		{[]string{"--ini", filepath.Join(dir, "sapnwrfc.ini"), "--dest", "INJ"}, []string{"did you mean INI?"}},
		{[]string{"WRONG"}, []string{"jco.client.ashots: unknown property; did you mean jco.client.ashost? (" + filepath.Join(dir, "WRONG.properties") + ":1)", "did you mean jco.client.passwd?", "two digits 00-99", "did you mean 01?"}},
		{[]string{"A4H", "-p", "jco.client.passwd=" + canary}, []string{"-p jco.client.passwd: a secret is never a flag value", "${env:NAME}"}},
		{[]string{"A4H", "-p", "PASSWD=${env:A}" + canary}, []string{"a secret is never a flag value"}},
		{[]string{"A4H", "-p", canary}, []string{"-p: KEY=VALUE is required"}},
		{[]string{"A4H", "-p", "jco.client.saprouter=/H/router/W/" + canary}, []string{"-p jco.client.saprouter: a secret is never a flag value"}},
		{[]string{"A4H", "--saprouter", "/H/router/W/" + canary}, []string{"--saprouter: a password is never a part of a flag value"}},
		{[]string{"A4H", "--via", "ws"}, []string{"--via", "together with --embedded"}},
		{[]string{"--embedded", "--via", "pigeon"}, []string{"--via", "ws, router, group or socks5"}},
		{[]string{"--embedded", "--socks5", "h:1"}, []string{"--socks5 and --embedded"}},
		{[]string{"A4H", "--socks5", "h"}, []string{"--socks5", "host:port"}},
		{[]string{"A4H", "--socks5", "h:1", "-p", "go.proxy.port=2"}, []string{"--socks5 and -p go.proxy.port"}},
		{[]string{"A4H", "-p", "ProxyType=OnPremise"}, []string{"go.proxy.host and go.proxy.port", "a token for the proxy is missing"}},
		{[]string{"--wshost", "h", "--wsport", "443", "-p", "tls_trust_all=1", "--no-logon"}, []string{"--allow-insecure-tls"}},
		{[]string{"--wshost", "h", "--wsport", "443", "--no-logon", "--record", filepath.Join(dir, "x.pcapng")}, []string{"--record"}},
		{[]string{"A4H", "-p", "jco.client.pw=" + canary}, []string{"jco.client.pw: unknown property"}},
		{[]string{"A4H", "-p", "CLIENT=1", "-p", "CLIENT=2"}, []string{"-p CLIENT: given twice"}},
		{[]string{"A4H", "-p", "CLIENT=001", "--client", "001"}, []string{"--client and -p jco.client.client: give one of them"}},
		{[]string{"A4H", "-p", "jco.client.passwd=${env:NOPE}"}, []string{"the environment variable NOPE is not set"}},
		{[]string{"A4H", "-p", "jco.client.mshost=ms"}, []string{"mutually exclusive", "one of jco.client.r3name, jco.client.msserv is required"}},
		{[]string{"A4H", "--user", "BOB"}, []string{"password: a user was given"}},
		{[]string{"NOUSER", "--password-env", "PW"}, []string{"user (--user, jco.client.user) is missing"}},
		{[]string{"A4H", "--record", "x.txt"}, []string{"--record"}},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			o := rfcpingWith(t, t.Context(), env, tc.args...)
			require.Equal(t, exitUsage, o.code, o.out+o.errOut)
			for _, w := range tc.want {
				require.Contains(t, o.out+o.errOut, w)
			}
			if tc.args[0] != "A4H" || len(tc.args) != 2 {
				o = rfcpingWith(t, t.Context(), env, with(tc.args, "--json")...)
				require.Equal(t, exitUsage, o.code)
			}
		})
	}
}

func TestNoLogonTakesTheUserAway(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	o := rfcping(t, "--props", filepath.Join(dir, "A4H.jcoDestination"), "--no-logon")
	require.Zero(t, o.code, o.out)
	require.NotContains(t, o.out, "ALICE")
	require.NotContains(t, o.out, "anonymous")
	require.Contains(t, o.out, "password=not read (--no-logon)")
}

// The commands that call take destinations as well, by flag.
func TestCallOnADestination(t *testing.T) {
	t.Parallel()
	dir := destinationFiles(t)
	o := rfcpingWith(t, t.Context(), environment("GORFC_DESTINATIONS_DIR", dir), "call", "--dest", "A4H", "STFC_CONNECTION", `{"REQUTEXT":"x"}`)
	require.Zero(t, o.code, o.errOut)
	require.Empty(t, o.errOut)
	o = rfcpingWith(t, t.Context(), environment("GORFC_DESTINATIONS_DIR", dir), "call", "-v", "--dest", "A4H", "STFC_CONNECTION", `{"REQUTEXT":"x"}`)
	require.Zero(t, o.code, o.errOut)
	require.Contains(t, o.errOut, "warning: without effect: jco.client.trace")
}

func TestDestinationFromTheEnvironment(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	host, port, err := net.SplitHostPort(sys.Address())
	require.NoError(t, err)
	env := environment("RFC_DEST_MY_SYS", `{"ASHOST":"`+host+`","SYSNR":"00","GWSERV":`+port+`,"CLIENT":"001","USER":"ALICE","PASSWD":"`+canary+`"}`, "RFC_DEST_MY_SYS__LANG", "DE")
	o := rfcpingWith(t, t.Context(), env, "my-sys", "-n", "0")
	require.Zero(t, o.code, o.out)
	require.Contains(t, o.out, "lang=DE (environment RFC_DEST_MY_SYS__LANG)")
}

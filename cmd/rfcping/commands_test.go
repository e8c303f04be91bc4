package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/rfc"
)

func TestUsageErrorsNameTheMistake(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--emedded"}, "did you mean --embedded?"},
		{[]string{"servee"}, "did you mean serve?"},
		{[]string{"--password", "x"}, "--password-env"},
		{[]string{"-P" + canary}, "--password-env"},
		{[]string{"--passwd=" + canary}, "--password-env"},
		{[]string{"call", "--embedde", "X"}, "did you mean --embedded?"},
		{[]string{"--step-timeout", "5", "--embedded"}, "5s"},
		{[]string{"--step-timeout", "0s", "--embedded"}, "--step-timeout"},
		{[]string{"-n", "-1", "--embedded"}, "-n: -1"},
		{[]string{"--embedded", "--ashost", "h"}, "--ashost and --embedded"},
		{[]string{"--embedded", "--record", "run.txt"}, "--record"},
		{[]string{"--ashost", "http://h", "--sysnr", "00"}, "jco.client.ashost"},
		{[]string{"--ashost", "h", "--gwserv", "99999"}, "jco.client.gwserv"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--client", "1", "--user", "A", "--password-env", "PW"}, "--client"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--user", "A"}, "--password-env"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--password-env", "PW"}, "--user"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--user", "A", "--password-env", "PW", "--password-file", "f"}, "give one of them"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--user", "A", "--password-env", canary}, "not repeated"},
		{[]string{"--ashost", "h", "--sysnr", "00", "--user", "A", "--password-file", filepath.Join(t.TempDir(), "no")}, "--password-file"},
		{[]string{"call", "--embedded"}, "FUNCTION"},
		{[]string{"call", "--embedded", "STFC_CONNECTION", "[1]"}, "JSON object"},
		{[]string{"call", "--embedded", "STFC_CONNECTION", `{"REQUTEXTX":"a"}`}, "REQUTEXT?"},
		{[]string{"call", "--embedded", "STFC_CONNECTION", "@" + filepath.Join(t.TempDir(), "no")}, "no such file"},
		{[]string{"serve", "--cpic", "3300"}, "--cpic"},
		{[]string{"serve", "--ws", "3300", "--tls-self-signed"}, "--ws: value"},
		{[]string{"serve", "--router", "x"}, "--router: value"},
		{[]string{"serve", "--ws", ":0"}, "--ws and --tls-self-signed"},
		{[]string{"serve", "--tls-self-signed"}, "--ws and --tls-self-signed"},
		{[]string{"serve", "--tls-certificate", "x.pem"}, "goes with --ws"},
		{[]string{"serve", "--cpic", ":0", "--user", "A", "--password-env", "PW", "--sysid", "toolong"}, "--sysid"},
		{[]string{"serve", "--cpic", ":0", "--user", "A", "--password-env", "PW", "--client", "1"}, "--client"},
		{[]string{"decode", filepath.Join(t.TempDir(), "no.bin")}, "no.bin"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			o := rfcping(t, tc.args...)
			require.Equal(t, exitUsage, o.code, o.out+o.errOut)
			require.Contains(t, o.out+o.errOut, tc.want)
		})
	}
}

func TestHelpAndCompletion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"call", "--help"}, {"decode", "--help"}, {"completion", "bash"}, {"__complete", "de"}} {
		o := rfcping(t, args...)
		require.Zero(t, o.code, args)
		require.NotEmpty(t, o.out)
	}
	require.Contains(t, rfcping(t, "--help").out, "Exit codes")
	require.Contains(t, rfcping(t, "__complete", "de").out, "describe")
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	sys, _ := system(t)
	host, port := sys.Addr()
	env := environment("RFCPING_ASHOST", host, "RFCPING_SYSNR", "00", "RFCPING_GWSERV", port, "RFCPING_CLIENT", "999", "RFCPING_USER", "ALICE")
	o := rfcpingWith(t, t.Context(), env, "--password-env", "PW", "--client", "001", "-n", "1")
	require.Zero(t, o.code, o.out)
	require.Contains(t, o.out, "ashost="+host+" (environment)")
	require.Contains(t, o.out, "client=001 (flag)", "a flag wins")
}

func TestPasswordFromAFile(t *testing.T) {
	t.Parallel()
	_, to := system(t)
	file := filepath.Join(t.TempDir(), "pw")
	require.NoError(t, os.WriteFile(file, []byte(canary+"\r\nsecond line\n"), 0o600))
	for i, a := range to {
		if a == "--password-env" {
			to[i], to[i+1] = "--password-file", file
		}
	}
	o := rfcping(t, with(to, "-n", "1")...)
	require.Zero(t, o.code, o.out+o.errOut)
	require.Contains(t, o.out, "password=*** (file)")
}

func TestCallPrintsTheResultInInterfaceOrder(t *testing.T) {
	t.Parallel()
	_, to := system(t)
	o := rfcping(t, append([]string{"call", "--json"}, with(to, "stfc_connection", `{"REQUTEXT":"größe 😀"}`)...)...)
	require.Zero(t, o.code, o.errOut)
	require.True(t, strings.HasPrefix(o.out, `{"ECHOTEXT":"größe 😀","RESPTEXT":"SAP R/3 Rel. `), o.out)
	require.Empty(t, o.errOut)

	file := filepath.Join(t.TempDir(), "in.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"REQUTEXT":"from a file"}`), 0o600))
	o = rfcping(t, append([]string{"call"}, with(to, "STFC_CONNECTION", "@"+file)...)...)
	require.Zero(t, o.code, o.errOut)
	require.Contains(t, o.out, `"ECHOTEXT": "from a file"`)

	var out bytes.Buffer
	code := run(t.Context(), append([]string{"call"}, with(to, "STFC_CONNECTION", "-")...), environment(), strings.NewReader(`{"REQUTEXT":"from stdin"}`), &out, io.Discard)
	require.Zero(t, code)
	require.Contains(t, out.String(), "from stdin")

	record := filepath.Join(t.TempDir(), "call.jsonl")
	require.Zero(t, rfcping(t, append([]string{"call"}, with(to, "--record", record, "RFC_PING")...)...).code)
	noSecret(t, record)
}

func TestInterruptWhileReadingInput(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe() // never says anything
	defer w.Close()
	var errOut bytes.Buffer
	code := run(ctx, []string{"call", "--embedded", "STFC_CONNECTION", "-"}, environment(), r, io.Discard, &errOut)
	require.Equal(t, exitInterrupted, code, errOut.String())
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	sys, to := system(t)
	sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return failing(&rfc.Error{Class: rfc.ClassDenied, Message: "no authority"})
	})
	for _, tc := range []struct {
		args  []string
		code  int
		class string
		key   string
	}{
		{[]string{"NO_SUCH_MODULE"}, exitABAP, "ABAP exception", "FU_NOT_FOUND"},
		{[]string{"RFC_RAISE_ERROR", `{"METHOD":"2"}`}, exitABAP, "ABAP exception", "RAISE_EXCEPTION"},
		{[]string{"RFC_RAISE_ERROR", `{"METHOD":"3"}`}, exitABAP, "system failure", "COMPUTE_INT_ZERODIVIDE"},
		{[]string{"STFC_STRING", `{"QUESTION":"?"}`}, exitAuthorization, "denied", ""},
		{[]string{"STFC_CONNECTION", `{"REQUTEXT":"` + strings.Repeat("x", 300) + `"}`}, exitUsage, "", ""},
		{[]string{"STFC_CONNECTION", `{"NOPE":1}`}, exitUsage, "usage", ""},
	} {
		o := rfcping(t, append([]string{"call"}, with(to, tc.args...)...)...)
		require.Equal(t, tc.code, o.code, o.errOut)
		require.Empty(t, o.out)
		require.Contains(t, o.errOut, "rfcping: ")

		o = rfcping(t, append([]string{"call", "--json"}, with(to, tc.args...)...)...)
		require.Equal(t, tc.code, o.code)
		doc := document(t, o.out)
		require.Equal(t, float64(tc.code), doc["exit_code"])
		e := doc["error"].(map[string]any)
		if tc.class != "" {
			require.Equal(t, tc.class, e["class"])
		}
		if tc.key != "" {
			require.Equal(t, tc.key, e["key"])
		}
		require.NotEmpty(t, e["message"])
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	o := rfcping(t, "describe", "--embedded", "rfc_read_table")
	require.Zero(t, o.code, o.errOut)
	golden(t, "describe.txt", o.out)
	o = rfcping(t, "describe", "--embedded", "--json", "RFC_SYSTEM_INFO")
	require.Zero(t, o.code)
	golden(t, "describe.json", o.out)
	o = rfcping(t, "describe", "--embedded", "--json-schema", "RFC_SYSTEM_INFO")
	require.Zero(t, o.code, o.errOut)
	schema := document(t, o.out)
	require.Equal(t, "RFC_SYSTEM_INFO", schema["title"])
	require.Contains(t, schema["$defs"], "RFCSI.response")
	require.Equal(t, exitABAP, rfcping(t, "describe", "--embedded", "NO_SUCH_MODULE").code)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	o := rfcping(t, "search", "--embedded", "stfc_con*")
	require.Zero(t, o.code, o.errOut)
	require.Regexp(t, `(?m)^STFC_CONNECTION  +STFC`, o.out)
	o = rfcping(t, "search", "--embedded", "--json", "STFC_CONNECTION")
	require.Zero(t, o.code)
	list := document(t, o.out)["functions"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, "STFC_CONNECTION", list[0].(map[string]any)["name"])
	o = rfcping(t, "search", "--embedded", "--json", "QQQ*")
	require.Zero(t, o.code)
	require.Equal(t, "{\"functions\":[]}\n", o.out)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^rfcping \S+ .*go1\.`, rfcping(t, "version").out)
	require.Contains(t, document(t, rfcping(t, "version", "--json").out), "version")
}

// served starts serve in this process and gives the address it announces.
func served(t *testing.T, args ...string) (address string, stop func() outcome) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var errOut bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve"}, args...), environment(), strings.NewReader(""), w, &errOut)
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		cancel()
		<-code
		t.Fatalf("serve did not start: %v: %s", err, errOut.String())
	}
	t.Cleanup(cancel)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	require.True(t, ok, line)
	if !strings.Contains(address, " ") {
		address = strings.TrimPrefix(address, "cpic=")
	}
	return address, func() outcome {
		cancel()
		return outcome{code: <-code, errOut: errOut.String()}
	}
}

func TestServeIsASystemForOthers(t *testing.T) {
	t.Parallel()
	address, stop := served(t, "--cpic", ":0", "--user", "ALICE", "--password-env", "PW", "--client", "001,100", "--sysid", "A4H", "--verbose")
	require.Regexp(t, `^127\.0\.0\.1:[1-9]`, address, "no host means loopback")
	to := flagsTo(address)
	o := rfcping(t, with(to, "--client", "100", "--json")...)
	require.Zero(t, o.code, o.out)
	require.Contains(t, o.out, `"RFCSYSID":"A4H"`)
	require.Equal(t, exitLogon, rfcping(t, with(to, "--client", "200")...).code)
	require.Equal(t, exitLogon, rfcpingWith(t, t.Context(), environment("PW", "wrong"), to...).code)
	o = rfcping(t, append([]string{"call"}, with(to, "STFC_CONNECTION")...)...)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.errOut, "rfcping describe STFC_CONNECTION", "a mandatory parameter is missing")
	o = rfcping(t, append([]string{"call"}, with(to, "STFC_CONNECTION", `{"REQUTEXT":"a"}`)...)...)
	require.Zero(t, o.code, o.errOut)
	end := stop()
	require.Zero(t, end.code, "%s", end.errOut)
	require.NotContains(t, end.errOut, canary)
	require.Equal(t, exitTCP, rfcping(t, to...).code, "it has gone")
}

func TestServeSaysWhenItCannotListen(t *testing.T) {
	t.Parallel()
	address, stop := served(t, "--cpic", "127.0.0.1:0", "--user", "ALICE", "--password-env", "PW")
	o := rfcping(t, "serve", "--cpic", address, "--user", "ALICE", "--password-env", "PW")
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.errOut, address)
	require.Zero(t, stop().code)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, to := system(t)
	files := map[string]string{}
	for _, ext := range []string{"pcapng", "jsonl"} {
		files[ext] = filepath.Join(dir, "run."+ext)
		require.Zero(t, rfcping(t, with(to, "--record", files[ext], "-n", "1")...).code)
	}
	for _, file := range files {
		o := rfcping(t, "decode", "--json", file)
		require.Zero(t, o.code, o.errOut)
		doc := document(t, o.out)
		require.NotContains(t, doc, "errors")
		frames := doc["frames"].([]any)
		var logon map[string]any
		for _, f := range frames {
			if m := f.(map[string]any); m["kind"] == "logon" {
				logon = m
			}
		}
		for _, k := range []string{"index", "direction", "layer", "kind", "fields", "items", "function", "parameters", "exception"} {
			require.Contains(t, logon, k)
		}
		require.Contains(t, o.out, `"***"`)

		o = rfcping(t, "decode", "--hexdump", file)
		require.Zero(t, o.code)
		require.Contains(t, o.out, "STFC_CONNECTION")
		require.Contains(t, o.out, "** **")
	}
	o := rfcping(t, "decode", "--json", files["pcapng"], files["jsonl"])
	require.Zero(t, o.code)
	frames := document(t, o.out)["frames"].([]any)
	require.Equal(t, files["pcapng"], frames[0].(map[string]any)["file"])
	require.Equal(t, files["jsonl"], frames[len(frames)-1].(map[string]any)["file"])
}

func TestDecodeNamesTheDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, to := system(t)
	whole := filepath.Join(dir, "run.jsonl")
	require.Zero(t, rfcping(t, with(to, "--record", whole, "-n", "1")...).code)
	raw, err := os.ReadFile(whole)
	require.NoError(t, err)
	// Raw NI frames of one direction, the last one cut.
	var bin []byte
	frames := 0
	for line := range bytes.Lines(raw) {
		var f struct{ Dir, Hex string }
		require.NoError(t, json.Unmarshal(line, &f))
		if f.Dir != "c2s" {
			continue
		}
		b := decodeHex(t, f.Hex)
		bin = append(bin, b...)
		frames++
	}
	cut := filepath.Join(dir, "cut.bin")
	require.NoError(t, os.WriteFile(cut, bin[:len(bin)-10], 0o600))
	o := rfcping(t, "decode", "--json", cut)
	require.Equal(t, exitProtocol, o.code)
	require.Contains(t, o.errOut, "cut.bin")
	require.Regexp(t, `offset [0-9]+`, o.errOut)
	doc := document(t, o.out)
	require.Len(t, doc["frames"], frames-1, "the frames before the damage")
	require.Len(t, doc["errors"], 1)

	o = rfcping(t, "decode", cut, whole)
	require.Equal(t, exitProtocol, o.code)
	require.Contains(t, o.out, "== "+whole, "the files behind are decoded as well")

	// Every prefix of the file ends in an error or in fewer frames, never in a crash.
	for n := 0; n < 600; n += 7 {
		require.NoError(t, os.WriteFile(cut, bin[:n], 0o600))
		require.Contains(t, []int{exitFine, exitProtocol}, rfcping(t, "decode", cut).code)
	}
}

func decodeHex(t *testing.T, s string) []byte {
	t.Helper()
	var b []byte
	for i := 0; i+1 < len(s); i += 2 {
		hi, lo := strings.IndexByte("0123456789abcdef", s[i]), strings.IndexByte("0123456789abcdef", s[i+1])
		require.True(t, hi >= 0 && lo >= 0)
		b = append(b, byte(hi<<4|lo))
	}
	return b
}

func TestDecodeSharedCaptures(t *testing.T) {
	t.Parallel()
	var files []string
	for _, folder := range []string{"handshake", "logon", "call"} {
		list, err := filepath.Glob(filepath.Join(evidence.Folder(t), "captures", folder, "*.bin"))
		require.NoError(t, err)
		require.NotEmpty(t, list)
		files = append(files, list...)
	}
	o := rfcping(t, append([]string{"decode", "--json"}, files...)...)
	require.Zero(t, o.code, o.errOut)
	require.GreaterOrEqual(t, len(document(t, o.out)["frames"].([]any)), len(files))
}

// TestProcess builds the program and runs it as users do.
func TestProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX signals on windows; the other tests run the program in this process")
	}
	bin := filepath.Join(t.TempDir(), "rfcping")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	process := func(args ...string) *exec.Cmd {
		c := exec.Command(bin, args...)
		c.Env = append(os.Environ(), "PW="+canary)
		return c
	}

	out, err = process("--embedded", "-n", "5", "--json").Output()
	require.NoError(t, err)
	require.Equal(t, true, document(t, string(out))["ok"])

	code := func(err error) int {
		var e *exec.ExitError
		require.ErrorAs(t, err, &e)
		return e.ExitCode()
	}
	require.Equal(t, exitTCP, code(process(flagsTo(refused(t))...).Run()))
	require.Equal(t, exitUsage, code(process("--nope").Run()))

	server := process("serve", "--cpic", "127.0.0.1:0", "--user", "ALICE", "--password-env", "PW")
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address := strings.TrimSpace(strings.TrimPrefix(line, "ready cpic="))

	// RFC_PING_AND_WAIT lets the call hang until the signal has come.
	call := process(append([]string{"call"}, with(flagsTo(address), "--json", "--step-timeout", "60s", "--record", filepath.Join(t.TempDir(), "x.jsonl"), "RFC_PING_AND_WAIT", `{"SECONDS":50}`)...)...)
	stderr := new(bytes.Buffer)
	call.Stderr = stderr
	require.NoError(t, call.Start())
	waitForCall(t, call.Args)
	require.NoError(t, call.Process.Signal(os.Interrupt))
	require.Equal(t, exitInterrupted, code(call.Wait()), stderr.String())
	require.NotContains(t, stderr.String(), canary)

	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	require.NoError(t, server.Wait(), "serve ends with 0 when it is told to")
}

// waitForCall waits until the recording of a process shows the call it makes.
func waitForCall(t *testing.T, args []string) {
	t.Helper()
	var file string
	for i, a := range args {
		if a == "--record" {
			file = args[i+1]
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	name := []byte(hexOf(utf16Bytes("RFC_PING_AND_WAIT")))
	for {
		select {
		case <-t.Context().Done():
			t.Fatal("the process made no call")
		case <-tick.C:
		}
		b, _ := os.ReadFile(file)
		named := 0 // the question for the interface names the module, too
		for line := range bytes.Lines(b) {
			if bytes.Contains(line, []byte(`"c2s"`)) && bytes.Contains(line, name) {
				named++
			}
		}
		if named >= 2 {
			return
		}
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// A published payload without its length bytes is recognised; anything else stays damage.
func TestDecodeRecognisesABarePayload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	route := filepath.Join(evidence.Folder(t), "captures", "router", "ni_route_payload.bin")
	o := rfcping(t, "decode", "--json", route)
	require.Zero(t, o.code, o.errOut)
	require.Contains(t, o.out, `"kind":"NI_ROUTE"`)
	garbage := filepath.Join(dir, "garbage.bin")
	require.NoError(t, os.WriteFile(garbage, []byte("no frames at all"), 0o600))
	o = rfcping(t, "decode", garbage)
	require.Equal(t, 10, o.code)
	require.Contains(t, o.errOut, "offset")
}

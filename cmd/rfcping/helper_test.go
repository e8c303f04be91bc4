package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfctest"
)

var update = flag.Bool("update", false, "write the expected outputs in testdata")

// canary is the password of all tests: it must never come out.
const canary = "kAnarY7#x"

// outcome is what a run left behind.
type outcome struct {
	code        int
	out, errOut string
}

func environment(pairs ...string) func(string) (string, bool) {
	m := map[string]string{"PW": canary, "TERM": "xterm"}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// rfcping runs the program inside the test. Every output is searched for the canary.
func rfcping(t *testing.T, args ...string) outcome {
	t.Helper()
	return rfcpingWith(t, t.Context(), environment(), args...)
}

func rfcpingWith(t *testing.T, ctx context.Context, env func(string) (string, bool), args ...string) outcome {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(ctx, args, env, strings.NewReader(""), &out, &errOut)
	o := outcome{code, out.String(), errOut.String()}
	require.NotContains(t, o.out, canary)
	require.NotContains(t, o.errOut, canary)
	return o
}

// document reads the one JSON document of an output.
func document(t *testing.T, out string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(out))
	var doc map[string]any
	require.NoError(t, dec.Decode(&doc), out)
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF, "one document and nothing else")
	return doc
}

// statuses lists name and status of the steps of a document.
func statuses(t *testing.T, doc map[string]any) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, s := range doc["steps"].([]any) {
		m := s.(map[string]any)
		list[m["name"].(string)] = m["status"].(string)
	}
	return list
}

// system starts a host whose user is ALICE with the canary as password, and gives the
// flags that lead to it.
func system(t *testing.T, opts ...rfctest.Option) (*rfctest.System, []string) {
	t.Helper()
	sys := rfctest.NewSystem(t, append([]rfctest.Option{rfctest.WithConfig(rfctest.Config{User: "ALICE", Password: canary})}, opts...)...)
	return sys, flagsTo(sys.Address())
}

func flagsTo(address string) []string {
	host, port, _ := net.SplitHostPort(address)
	return []string{"--ashost", host, "--sysnr", "00", "--gwserv", port, "--client", "001", "--user", "ALICE", "--password-env", "PW", "--lang", "EN"}
}

// with puts arguments behind others without sharing memory.
func with(args []string, more ...string) []string {
	return append(append([]string(nil), args...), more...)
}

// peer is a listener that hands every connection to serve.
func peer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer nc.Close()
				serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	return l.Addr().String()
}

// drain reads until the peer has gone.
func drain(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`"duration_ms":[0-9.]+`), `"duration_ms":0`},
	{regexp.MustCompile(` +[0-9]+\.[0-9]{3} ms`), ` T ms`},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), `127.0.0.1:PORT`},
	{regexp.MustCompile(`(gwserv(?:"?[=:]"?| += | +))[0-9]+`), `${1}PORT`},
	{regexp.MustCompile(`(conversation"?[=:]"?)[0-9]{8}`), `${1}CONVERSATION`},
	{regexp.MustCompile(`(Date: )[0-9]{8}( Time: )[0-9]{6}`), `${1}DATE${2}TIME`},
	{regexp.MustCompile(`((?:min|p50|p90|p99|max)_ms"?[=:])[0-9.]+`), `${1}T`},
	{regexp.MustCompile(`(per_second"?[=:])[0-9]+`), `${1}N`},
	{regexp.MustCompile(`(RFCTZONE"?[=:]"?)-?[0-9]+`), `${1}ZONE`},
	{regexp.MustCompile(`("program":"rfcping )[^"]*`), `${1}VERSION`},
}

// golden compares an output with testdata. Blanks and line ends fall where numbers of
// other width move them, so they count as one blank within a step.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, m := range masks {
		got = m.pattern.ReplaceAllString(got, m.with)
	}
	got = regexp.MustCompile(`\n {20,}`).ReplaceAllString(got, "  ")
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with go test ./cmd/rfcping -update")
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

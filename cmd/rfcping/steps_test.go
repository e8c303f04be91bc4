package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

func TestEmbeddedRunIsGreen(t *testing.T) {
	t.Parallel()
	o := rfcping(t, "--embedded")
	require.Zero(t, o.code, o.out+o.errOut)
	require.Empty(t, o.errOut)
	golden(t, "embedded.txt", o.out)

	o = rfcping(t, "--embedded", "--json")
	require.Zero(t, o.code)
	golden(t, "embedded.json", o.out)
	doc := document(t, o.out)
	for name, status := range statuses(t, doc) {
		require.Equal(t, statusOK, status, name)
	}

	o = rfcping(t, "--embedded", "--quiet")
	require.Equal(t, outcome{}, o)

	o = rfcping(t, "--embedded", "-v", "-n", "50")
	require.Zero(t, o.code)
	require.Contains(t, o.out, "###", "text histogram")
}

func TestDocumentHasTheContractedKeys(t *testing.T) {
	t.Parallel()
	doc := document(t, rfcping(t, "--embedded", "--json", "-n", "1").out)
	require.Equal(t, float64(documentVersion), doc["version"])
	require.Equal(t, true, doc["ok"])
	require.Equal(t, float64(0), doc["exit_code"])
	require.Contains(t, doc, "hint")
	require.Contains(t, doc["target"], "endpoint")
	var names []string
	for _, s := range doc["steps"].([]any) {
		m := s.(map[string]any)
		names = append(names, m["name"].(string))
		for _, k := range []string{"status", "duration_ms", "facts", "hint"} {
			require.Contains(t, m, k)
		}
	}
	require.Equal(t, []string{"config", "dns", "tcp", "ni", "gateway", "logon", "ping", "system", "metadata", "echo", "serializer", "latency"}, names)
}

func TestLatencyCountsWhatItWasAskedFor(t *testing.T) {
	t.Parallel()
	sys, to := system(t)
	doc := document(t, rfcping(t, with(to, "--json", "-n", "33")...).out)
	facts := doc["steps"].([]any)[11].(map[string]any)["facts"].(map[string]any)
	require.Equal(t, float64(33), facts["count"])
	require.Equal(t, int64(34), sys.Calls("RFC_PING"), "the step ping and the latency")
	for _, pair := range [][2]string{{"min_ms", "p50_ms"}, {"p50_ms", "p90_ms"}, {"p90_ms", "p99_ms"}, {"p99_ms", "max_ms"}} {
		require.LessOrEqual(t, facts[pair[0]], facts[pair[1]])
	}
	o := rfcping(t, with(to, "--json", "-n", "0")...)
	require.Zero(t, o.code)
	require.Equal(t, statusSkipped, statuses(t, document(t, o.out))["latency"])
}

// refused is an address on which nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// says answers whatever comes first, or nothing that comes, with fixed bytes.
func says(t *testing.T, first bool, answer []byte) string {
	return peer(t, func(nc net.Conn) {
		if !first {
			_, _ = nc.Read(make([]byte, 1024))
		}
		_, _ = nc.Write(answer)
		drain(nc)
	})
}

// replacing is a connection of the host whose nth write is changed.
type replacing struct {
	net.Conn
	n      atomic.Int32
	at     int32
	change func(nc net.Conn, p []byte) error
}

func (c *replacing) Write(p []byte) (int, error) {
	if c.n.Add(1) != c.at {
		return c.Conn.Write(p)
	}
	return len(p), c.change(c.Conn, bytes.Clone(p))
}

// answers 1 to 4 of a host are gateway record, initialize, allocate and logon.
func changing(at int32, change func(net.Conn, []byte) error) rfctest.Option {
	return rfctest.WithConn(func(nc net.Conn) net.Conn { return &replacing{Conn: nc, at: at, change: change} })
}

func intercepted(t *testing.T, function string, serve rfc.HandlerFunc) []string {
	sys, to := system(t)
	sys.Intercept(function, func(rfc.HandlerFunc) rfc.HandlerFunc { return serve })
	return to
}

func failing(err error) rfc.HandlerFunc {
	return func(context.Context, *rfc.Request, *rfc.Reply) error { return err }
}

func TestEachFaultHasItsExitCode(t *testing.T) {
	t.Parallel()
	routerError, err := (&ni.RouterError{Version: 40, Code: -94, Info: &ni.ErrorInfo{Text: "route permission denied", Component: "NI (network interface)"}}).AppendBinary(nil)
	require.NoError(t, err)
	frame := func(payload []byte) []byte {
		return append([]byte{byte(len(payload) >> 24), byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload))}, payload...)
	}
	for name, tc := range map[string]struct {
		args func(t *testing.T) []string
		step string
		code int
		hint string
	}{
		"system number with one digit": {func(*testing.T) []string { return []string{"--ashost", "h", "--sysnr", "7"} }, "config", exitUsage, "--sysnr"},
		"no host":                      {func(*testing.T) []string { return []string{"--sysnr", "00"} }, "config", exitUsage, "--ashost"},
		"nobody listens":               {func(t *testing.T) []string { return flagsTo(refused(t)) }, "tcp", exitTCP, "33NN"},
		"web server": {func(t *testing.T) []string {
			return flagsTo(says(t, false, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")))
		}, "ni", exitProtocol, "web server"},
		"ssh server": {func(t *testing.T) []string { return flagsTo(says(t, true, []byte("SSH-2.0-OpenSSH_9.6\r\n"))) }, "ni", exitProtocol, "SSH"},
		"tls server": {func(t *testing.T) []string { return flagsTo(says(t, false, []byte{0x15, 3, 1, 0, 2, 2, 70})) }, "ni", exitProtocol, "no NI speaker"},
		"peer that hangs up": {func(t *testing.T) []string {
			return flagsTo(peer(t, func(nc net.Conn) { _, _ = nc.Read(make([]byte, 64)) }))
		}, "ni", exitGateway, "closed"},
		"silent peer":            {func(t *testing.T) []string { return with(flagsTo(peer(t, drain)), "--step-timeout", "100ms") }, "ni", exitTimeout, "silent"},
		"silent peer, whole run": {func(t *testing.T) []string { return with(flagsTo(peer(t, drain)), "--timeout", "100ms") }, "ni", exitTimeout, "silent"},
		"saprouter":              {func(t *testing.T) []string { return flagsTo(says(t, false, frame(routerError))) }, "ni", exitRoute, "SAProuter"},
		"gateway at its maximum": {func(t *testing.T) []string {
			sys, to := system(t, rfctest.WithServer(func(s *gateway.Server) { s.MaxPerAddress = 1 }))
			conn, err := sys.Connect(t.Context())
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			return to
		}, "gateway", exitGateway, "maximum"},
		"gateway record refused": {func(t *testing.T) []string {
			_, to := system(t, changing(2, func(nc net.Conn, p []byte) error { return nc.Close() }))
			return to
		}, "gateway", exitGateway, "gateway"},
		"unknown client": {func(t *testing.T) []string {
			_, to := system(t)
			return with(to, "--client", "999")
		}, "logon", exitLogon, "client"},
		"connection breaks after the logon": {func(t *testing.T) []string {
			_, to := system(t, changing(5, func(nc net.Conn, _ []byte) error { return nc.Close() }))
			return to
		}, "ping", exitGateway, "broke"},
		"garbage for a reply": {func(t *testing.T) []string {
			_, to := system(t, changing(5, func(nc net.Conn, p []byte) error {
				for i := 84; i < len(p)-8; i++ {
					p[i] = 0xee
				}
				_, err := nc.Write(p)
				return err
			}))
			return to
		}, "ping", exitProtocol, "--record"},
		"half a frame": {func(t *testing.T) []string {
			_, to := system(t, changing(5, func(nc net.Conn, p []byte) error {
				_, err := nc.Write(p[:len(p)/2])
				return errors.Join(err, nc.Close())
			}))
			return to
		}, "ping", exitGateway, "broke"},
		"no authority for a module": {func(t *testing.T) []string {
			return intercepted(t, "RFC_SYSTEM_INFO", failing(&rfc.Error{Class: rfc.ClassDenied, Message: "no authority"}))
		}, "system", exitAuthorization, "S_RFC"},
		"short dump": {func(t *testing.T) []string {
			return intercepted(t, "RFC_SYSTEM_INFO", failing(rfc.RuntimeFailure("COMPUTE_INT_ZERODIVIDE", "Division by 0")))
		}, "system", exitABAP, "ST22"},
		"no metadata module": {func(t *testing.T) []string {
			sys, to := system(t)
			gone := failing(rfc.RaiseMessage("FU_NOT_FOUND", "FL", "E", "046", "STFC_CONNECTION"))
			for _, m := range []string{"RFC_METADATA_GET", "RFC_GET_FUNCTION_INTERFACE"} {
				sys.Intercept(m, func(rfc.HandlerFunc) rfc.HandlerFunc { return gone })
			}
			return to
		}, "metadata", exitABAP, "RFC_METADATA"},
		"echo that changes a byte": {func(t *testing.T) []string {
			return intercepted(t, "STFC_CONNECTION", func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
				v, err := req.Value("REQUTEXT")
				if err != nil {
					return err
				}
				text := []rune(v.(string))
				if text[0] == 'Ä' {
					text[0] = '?'
				}
				reply.SetValue("ECHOTEXT", string(text))
				return nil
			})
		}, "echo", exitProtocol, "code page"},
		"table that changes on the way": {func(t *testing.T) []string {
			return intercepted(t, "STFC_STRUCTURE", func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
				var in structureIn
				if err := req.Scan(&in); err != nil {
					return err
				}
				if req.Format() == serialization.ColumnFast {
					in.Rows[7].Int4++
				}
				reply.Set(&structureOut{in.Struct, append(in.Rows, testRow{})})
				return nil
			})
		}, "serializer", exitProtocol, "rowBased"},
		"no module for the serializer": {func(t *testing.T) []string {
			return intercepted(t, "STFC_STRUCTURE", failing(&rfc.Error{Class: rfc.ClassDenied, Message: "no authority"}))
		}, "serializer", exitAuthorization, "S_RFC"},
		"call that never ends": {func(t *testing.T) []string {
			return with(intercepted(t, "RFC_PING", func(ctx context.Context, _ *rfc.Request, _ *rfc.Reply) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}), "--step-timeout", "150ms")
		}, "ping", exitTimeout, "SM50"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := tc.args(t)
			o := rfcping(t, with(args, "--json")...)
			require.Equal(t, tc.code, o.code, o.out+o.errOut)
			doc := document(t, o.out)
			require.Equal(t, float64(tc.code), doc["exit_code"])
			require.Equal(t, false, doc["ok"])
			require.Contains(t, doc["hint"], tc.hint)
			after := false
			for _, s := range order {
				if s == rfc.StepMessageServer || s == rfc.StepRoute || s == rfc.StepTLS || s == stepPool {
					continue // of other roads
				}
				want := statusOK
				switch {
				case string(s) == tc.step:
					want, after = statusFailed, true
				case after:
					want = statusSkipped
				}
				require.Equal(t, want, statuses(t, doc)[string(s)], string(s)+": "+o.out)
			}
		})
	}
}

func TestEchoMismatchShowsBytes(t *testing.T) {
	t.Parallel()
	m := mismatch{name: "umlauts", sent: "aÄb", received: "a?b"}
	require.Equal(t, `the text "umlauts" came back changed: byte 1 of 4 sent and 3 received; sent 61 c3 84 62, received 61 3f 62 (UTF-8, from byte 0)`, m.Error())
}

// Not parallel: it replaces the resolver of the process.
func TestUnknownNameIsADNSFailure(t *testing.T) {
	saved := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = saved })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server in this test")
	}}
	o := rfcping(t, "--ashost", "nowhere.invalid", "--sysnr", "00", "--json")
	require.Equal(t, exitDNS, o.code, o.out)
	require.Equal(t, statusFailed, statuses(t, document(t, o.out))["dns"])

	// The same when a network of its own resolves while it dials.
	var out, errOut bytes.Buffer
	a := newApp(environment(), bytes.NewReader(nil), &out, &errOut)
	a.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}
	}
	require.Equal(t, exitDNS, a.run(t.Context(), []string{"--ashost", "nowhere.invalid", "--sysnr", "00", "--json"}))
	require.Equal(t, statusFailed, statuses(t, document(t, out.String()))["dns"])
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	sys, to := system(t)
	file := filepath.Join(t.TempDir(), "run.jsonl")
	for i, args := range [][]string{
		{"-n", "100"}, {"-n", "100", "--json", "-v"}, {"--record", file},
	} {
		o := rfcpingWith(t, t.Context(), environment("PW", canary+"!"), with(to, args...)...)
		require.Equal(t, exitLogon, o.code, o.out)
		require.Equal(t, int64(i+1), sys.Server().Stats().Failed)
		require.Equal(t, int64(i+1), sys.Server().Stats().Accepted, "no second connection either")
	}
	noSecret(t, file)
	for i, args := range [][]string{
		append([]string{"call"}, with(to, "STFC_CONNECTION")...), append([]string{"describe"}, with(to, "STFC_CONNECTION")...), append([]string{"search"}, with(to, "*")...),
	} {
		o := rfcpingWith(t, t.Context(), environment("PW", canary+"!"), args...)
		require.Equal(t, exitLogon, o.code)
		require.Contains(t, o.errOut, "lock the user")
		require.Equal(t, int64(4+i), sys.Server().Stats().Failed)
	}
	require.Zero(t, sys.Server().Stats().Logons)
}

func TestFailureAsText(t *testing.T) {
	t.Parallel()
	_, to := system(t)
	o := rfcpingWith(t, t.Context(), environment("PW", "wrong"), to...)
	require.Equal(t, exitLogon, o.code)
	require.Empty(t, o.errOut)
	golden(t, "wrong_password.txt", o.out)

	o = rfcpingWith(t, t.Context(), environment("PW", "wrong"), with(to, "--quiet")...)
	require.Contains(t, o.out, "failed   logon")
	require.NotContains(t, o.out, "gateway  ")
}

func TestNoLogonSendsNoCredential(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	sys, to := system(t, rfctest.WithConn(func(nc net.Conn) net.Conn { return &listening{Conn: nc, heard: &wire} }))
	o := rfcping(t, with(to, "--no-logon", "--json")...)
	require.Zero(t, o.code, o.out)
	doc := document(t, o.out)
	require.Equal(t, statusOK, statuses(t, doc)["gateway"])
	require.Equal(t, statusSkipped, statuses(t, doc)["logon"])
	require.NoError(t, sys.Shutdown(t.Context()))
	require.NotZero(t, wire.Len())
	for _, secret := range []string{canary, "ALICE"} {
		require.NotContains(t, wire.String(), secret)
		require.NotContains(t, wire.String(), string(utf16Bytes(secret)))
	}
	require.NotContains(t, wire.String(), "\xd9\xc6\xc3\xf0", "the signature of a logon")
	require.Zero(t, sys.Server().Stats().Failed+sys.Server().Stats().Logons)
}

// listening keeps what a host received.
type listening struct {
	net.Conn
	heard *bytes.Buffer
}

func (l *listening) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.heard.Write(p[:n])
	return n, err
}

func utf16Bytes(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// noSecret searches a recording for the canary in every form, and decodes its logon.
func noSecret(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, form := range [][]byte{[]byte(canary), utf16Bytes(canary)} {
		require.False(t, bytes.Contains(raw, form), "%s holds the password", file)
	}
	frames, err := capture.ReadFile(file, capture.Options{})
	require.NoError(t, err)
	logons := 0
	for _, f := range frames {
		require.False(t, bytes.Contains(f.Payload, []byte(canary)) || bytes.Contains(f.Payload, utf16Bytes(canary)))
		if i := bytes.Index(f.Payload, []byte("\xd9\xc6\xc3\xf0")); i >= 0 {
			q, err := rfc.DecodeLogonRequest(f.Payload[i:])
			require.NoError(t, err)
			require.True(t, q.HasPassword)
			require.NotContains(t, q.Password.Reveal(), canary[:4])
			logons++
		}
	}
	require.Equal(t, 1, logons)
}

func TestRecordingHoldsTheWholeRun(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{".pcapng", ".jsonl"} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			_, to := system(t)
			file := filepath.Join(t.TempDir(), "run"+ext)
			o := rfcping(t, with(to, "--record", file, "-n", "3", "--quiet")...)
			require.Equal(t, outcome{}, o)
			noSecret(t, file)
			frames, err := capture.ReadFile(file, capture.Options{})
			require.NoError(t, err)
			doc, err := dissect.Decode(frames)
			require.NoError(t, err)
			calls := map[string]int{}
			for _, r := range doc.Frames {
				if r.Kind == dissect.KindCall || r.Kind == dissect.KindLogon {
					calls[r.Function]++
				}
			}
			want := map[string]int{"RFCPING": 1, "RFC_PING": 4, "RFC_SYSTEM_INFO": 1, "RFC_METADATA_GET": 2, "STFC_CONNECTION": 4, "STFC_STRUCTURE": 3}
			if diff := cmp.Diff(want, calls); diff != "" {
				t.Error(diff)
			}
			last := doc.Frames[len(doc.Frames)-1]
			require.Equal(t, "c2s", last.Direction)
			require.Equal(t, dissect.LayerAPPC, last.Layer, "the farewell is recorded, too")
		})
	}
}

func TestInterruptEndsWithASummary(t *testing.T) {
	t.Parallel()
	sys, to := system(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int32
	sys.Intercept("RFC_PING", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(call context.Context, req *rfc.Request, reply *rfc.Reply) error {
			if n.Add(1) == 10 {
				cancel()
				<-call.Done()
			}
			return next(call, req, reply)
		}
	})
	o := rfcpingWith(t, ctx, environment(), with(to, "-n", "100000", "--json")...)
	require.Equal(t, exitInterrupted, o.code, o.out)
	doc := document(t, o.out)
	require.Equal(t, statusFailed, statuses(t, doc)["latency"])
	facts := doc["steps"].([]any)[11].(map[string]any)["facts"].(map[string]any)
	require.Equal(t, float64(8), facts["count"], "what was measured is kept")

	done, stop := context.WithCancel(t.Context())
	stop()
	require.Equal(t, exitInterrupted, rfcpingWith(t, done, environment(), to...).code)
}

func TestColoursOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		terminal bool
		env      []string
		want     bool
	}{
		{false, nil, false}, {true, nil, true}, {true, []string{"NO_COLOR", "1"}, false}, {true, []string{"TERM", "dumb"}, false},
	} {
		var out bytes.Buffer
		a := newApp(environment(tc.env...), bytes.NewReader(nil), &out, io.Discard)
		a.terminal = tc.terminal
		require.Zero(t, a.run(t.Context(), []string{"--embedded", "-n", "1"}))
		require.Equal(t, tc.want, bytes.Contains(out.Bytes(), []byte("\x1b[32m")))
	}
}

func TestProgressOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{false, true} {
		var errOut bytes.Buffer
		a := newApp(environment(), bytes.NewReader(nil), io.Discard, &errOut)
		a.errTerminal = terminal
		require.Zero(t, a.run(t.Context(), []string{"--embedded", "-n", "300"}))
		require.Equal(t, terminal, errOut.Len() > 0)
	}
}

func TestLostOutputIsAnError(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	code := run(t.Context(), []string{"--embedded", "-n", "1"}, environment(), bytes.NewReader(nil), broken{}, &errOut)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errOut.String(), "disk full")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

package dissect_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

var update = flag.Bool("update", false, "record this library's own conversations anew in testdata/captures")

// canary is the password of the recorded logon: no byte of it may be found anywhere.
const canary = "canary-Pa55word"

func recordings(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "captures"))
	require.NoError(t, err)
	return dir
}

func testMux(t testing.TB) *rfc.Mux {
	t.Helper()
	d := new(metadata.Dictionary).
		Structure("RFCTEST", `RFCFLOAT:F RFCCHAR1:C1 RFCINT2:s RFCINT1:b RFCCHAR4:C4 RFCINT4:I RFCHEX3:X3
			RFCCHAR2:C2 RFCTIME:T RFCDATE:D RFCDATA1:C50 RFCDATA2:C50`).
		Structure("TAB512", "WA:C256").
		Structure("DEEP", "C:C10 STR:g")
	mux := rfc.NewMux()
	handle := func(name, text string, h rfc.HandlerFunc) {
		f, err := d.Function(name, text)
		require.NoError(t, err)
		require.NoError(t, mux.Handle(f, h))
	}
	require.NoError(t, d.Err())
	handle("STFC_CONNECTION", "IMPORTING REQUTEXT:C255\nEXPORTING ECHOTEXT:C255\nEXPORTING RESPTEXT:C255",
		func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
			v, err := req.Value("REQUTEXT")
			reply.Set(rfc.Params{"ECHOTEXT": v, "RESPTEXT": "purerfc test system"})
			return err
		})
	handle("STFC_STRUCTURE", "IMPORTING IMPORTSTRUCT:{RFCTEST}\nEXPORTING ECHOSTRUCT:{RFCTEST}\nEXPORTING RESPTEXT:C255\nTABLES RFCTABLE:[RFCTEST]",
		func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
			v, err := req.Value("IMPORTSTRUCT")
			reply.Set(rfc.Params{"ECHOSTRUCT": v, "RESPTEXT": "two rows", "RFCTABLE": []any{v, v}})
			return err
		})
	handle("STFC_STRING", "IMPORTING QUESTION:g\nEXPORTING MYANSWER:g",
		func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
			v, err := req.Value("QUESTION")
			reply.Set(rfc.Params{"MYANSWER": v})
			return err
		})
	handle("STFC_DEEP_TABLE", "IMPORTING IMPORT_TAB:[DEEP]\nEXPORTING EXPORT_TAB:[DEEP]",
		func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
			v, err := req.Value("IMPORT_TAB")
			reply.Set(rfc.Params{"EXPORT_TAB": v})
			return err
		})
	handle("STFC_EXCEPTION", "RAISING EXAMPLE", func(context.Context, *rfc.Request, *rfc.Reply) error { return rfc.RaiseException("EXAMPLE") })
	handle("Z_MESSAGE", "RAISING FAILED", func(context.Context, *rfc.Request, *rfc.Reply) error {
		return rfc.RaiseMessage("FAILED", "SV", "E", "029", "T008X")
	})
	handle("Z_LARGE", "IMPORTING ROWS:I\nTABLES DATA:[TAB512]", func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		n, err := req.Value("ROWS")
		if err != nil {
			return err
		}
		rows := make([]rfc.Params, n.(int32))
		for i := range rows {
			rows[i] = rfc.Params{"WA": strings.Repeat("row ", i%60)}
		}
		reply.Set(rfc.Params{"DATA": rows})
		return nil
	})
	handle("Z_CALLBACK", "IMPORTING PASSWORD:C20\nEXPORTING ANSWER:C20", func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
		out, err := req.Callback(ctx, mux.Describe("STFC_CONNECTION"), rfc.Params{"REQUTEXT": "are you there"})
		if err == nil {
			reply.Set(rfc.Params{"ANSWER": out["ECHOTEXT"]})
		}
		return err
	})
	handle("Z_DUMP", "", func(context.Context, *rfc.Request, *rfc.Reply) error {
		return rfc.RuntimeFailure("COMPUTE_INT_ZERODIVIDE", "Division by 0")
	})
	return mux
}

// frames is a Writer that keeps what it is given.
type frames struct{ list []capture.Frame }

func (f *frames) Write(fr capture.Frame) error { f.list = append(f.list, fr); return nil }
func (f *frames) Close() error                 { return nil }

// converse holds the recorded conversations: stream 0 is a session of successful calls,
// streams 1 to 3 are calls that fail, stream 4 is a refused logon.
func converse(t testing.TB) []capture.Frame {
	t.Helper()
	mux := testMux(t)
	srv := &gateway.Server{Handler: mux, Authenticate: gateway.Users{"DEVELOPER": canary}.Authenticate, System: rfc.System{Description: "RECORDED"}}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	var rec frames
	var redactor dissect.Redactor
	open := func(stream int, password string) (*rfc.Conn, error) {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		// One call after the other: reads and writes never overlap, so the list needs no lock.
		tap := capture.Tap(nc, &rec, capture.TapConfig{
			Stream: stream, Hook: redactor.Frame, OnError: func(err error) { t.Errorf("recording: %v", err) },
			Now: func() time.Time { return time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC) },
		})
		conv, err := cpic.Open(t.Context(), tap, cpic.ClientConfig{TargetHost: "127.0.0.1", SystemNumber: "00"})
		require.NoError(t, err)
		return rfc.Open(t.Context(), conv, rfc.ConnConfig{
			Logon: rfc.Logon{Client: "001", User: "Developer", Password: rfc.Secret(password), Language: "E"}, Functions: mux, Callbacks: mux,
		})
	}
	conn, err := open(0, canary)
	require.NoError(t, err)
	sample := rfc.Params{"RFCFLOAT": 1.5, "RFCCHAR1": "A", "RFCINT2": 2, "RFCINT1": 1, "RFCCHAR4": "ABCD", "RFCINT4": 4, "RFCDATA1": "data1"}
	for _, call := range []struct {
		function string
		in       rfc.Params
	}{
		{"STFC_CONNECTION", rfc.Params{"REQUTEXT": "Hällo SAP! 日本 😀"}},
		{"STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": sample, "RFCTABLE": []any{sample}}},
		{"STFC_STRING", rfc.Params{"QUESTION": "how long is a piece of string"}},
		{"STFC_DEEP_TABLE", rfc.Params{"IMPORT_TAB": []any{rfc.Params{"C": "a", "STR": "deep"}}}},
		{"Z_LARGE", rfc.Params{"ROWS": 60}},
		{"Z_CALLBACK", rfc.Params{"PASSWORD": canary}},
	} {
		_, err := conn.Call(t.Context(), call.function, call.in)
		require.NoError(t, err, call.function)
	}
	require.NoError(t, conn.Close())
	failures := []struct {
		function string
		class    error
	}{{"STFC_EXCEPTION", rfc.ErrABAPException}, {"Z_MESSAGE", rfc.ErrABAPException}, {"Z_DUMP", rfc.ErrABAPRuntime}}
	for i, call := range failures {
		conn, err := open(1+i, canary)
		require.NoError(t, err)
		_, err = conn.Call(t.Context(), call.function, nil)
		require.ErrorIs(t, err, call.class, call.function)
		n := len(rec.list)
		require.NoError(t, conn.Close())
		rec.list = rec.list[:n] // the good-bye is in stream 0
	}
	_, err = open(1+len(failures), "wrong "+canary)
	require.ErrorIs(t, err, rfc.ErrLogon)
	require.NoError(t, srv.Close())
	<-served
	return rec.list
}

// provenance is testdata/captures/manifest.json.
type provenance struct {
	About    string          `json:"about"`
	Origin   string          `json:"origin"`
	Volatile []string        `json:"volatile"`
	Entries  []provenanceFor `json:"entries"`
}

type provenanceFor struct {
	File     string `json:"file"`
	Bytes    int    `json:"bytes"`
	SHA256   string `json:"sha256"`
	Date     string `json:"date"`
	What     string `json:"what"`
	Evidence string `json:"evidence"`
	Secrets  string `json:"secrets"`
	Text     string `json:"text"`
}

func readProvenance(t testing.TB) provenance {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recordings(t), "manifest.json"))
	require.NoError(t, err)
	var p provenance
	require.NoError(t, json.Unmarshal(b, &p))
	require.NotEmpty(t, p.Entries)
	return p
}

// dump decodes and prints.
func dump(t testing.TB, list []capture.Frame, o dissect.TextOptions) string {
	t.Helper()
	doc, err := dissect.Decode(list)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, dissect.WriteText(&b, doc, o))
	return b.String()
}

// TestOwnRecordingsReadAsWritten decodes every recording of testdata/captures and compares
// the text with the one beside it. -update records session.jsonl anew and rewrites texts
// and checksums; it touches nothing that others have captured.
func TestOwnRecordingsReadAsWritten(t *testing.T) {
	dir := recordings(t)
	if *update {
		w, err := capture.Create(filepath.Join(dir, "session.jsonl"))
		require.NoError(t, err)
		for _, f := range converse(t) {
			require.NoError(t, w.Write(f))
		}
		require.NoError(t, w.Close())
		require.NoError(t, os.Chmod(filepath.Join(dir, "session.jsonl"), 0o644))
	}
	p := readProvenance(t)
	known := map[string]bool{"manifest.json": true, "README.md": true}
	for i := range p.Entries {
		e := &p.Entries[i]
		known[e.File], known[e.Text] = true, true
		name := filepath.Join(dir, e.File)
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		list, err := capture.ReadFile(name, capture.Options{})
		require.NoError(t, err)
		got := dump(t, list, dissect.TextOptions{BlankVolatile: true})
		sum := sha256.Sum256(raw)
		if *update {
			e.Bytes, e.SHA256 = len(raw), hex.EncodeToString(sum[:])
			require.NoError(t, os.WriteFile(filepath.Join(dir, e.Text), []byte(got), 0o644))
		}
		require.Equal(t, e.Bytes, len(raw), e.File)
		require.Equal(t, e.SHA256, hex.EncodeToString(sum[:]), e.File)
		want, err := os.ReadFile(filepath.Join(dir, e.Text))
		require.NoError(t, err)
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s reads differently (-want +got):\n%s", e.File, diff)
		}
		require.NotContains(t, got, "canary")
	}
	if *update {
		b, err := json.MarshalIndent(p, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), append(b, '\n'), 0o644))
	}
	for _, name := range p.Volatile {
		require.True(t, dissect.Volatile(name), "%s is named volatile in the manifest only", name)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, known[f.Name()] || f.IsDir(), "%s is not in the manifest", f.Name())
	}
}

// TestConversationSaysWhatWasRecorded holds the same conversation again: but for what is
// volatile by name it reads like the recording.
func TestConversationSaysWhatWasRecorded(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join(recordings(t), "session.txt"))
	require.NoError(t, err)
	got := dump(t, converse(t), dissect.TextOptions{BlankVolatile: true})
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-recorded +now:\n%s", diff)
	}
}

// TestNoSecretInAnyForm looks for the password in text, JSON, hex dump and recording, in
// every encoding it could have.
func TestNoSecretInAnyForm(t *testing.T) {
	t.Parallel()
	list := converse(t)
	doc, err := dissect.Decode(list)
	require.NoError(t, err)
	js, err := doc.JSON()
	require.NoError(t, err)
	require.True(t, json.Valid(js))
	outputs := map[string]string{"json": string(js), "text": dump(t, list, dissect.TextOptions{}), "hex": dump(t, list, dissect.TextOptions{Hex: true})}
	var raw bytes.Buffer
	for _, f := range list {
		raw.Write(f.Payload)
	}
	outputs["recording"] = raw.String()
	wide := strings.Join(strings.Split(canary, ""), "\x00")
	for name, out := range outputs {
		for _, form := range []string{canary, canary[:6], wide, wide[:11], hex.EncodeToString([]byte(canary)), hex.EncodeToString([]byte(wide))} {
			require.NotContains(t, out, form, name)
		}
	}
	// The lengths are still those of the wire.
	require.Contains(t, outputs["json"], `{"tag":"0117","length":19,"name":"password","text":"***"`)
	require.Contains(t, outputs["json"], `{"name":"PASSWORD","length":40,"text":"***","kind":"scalar"}`)
	require.Contains(t, outputs["hex"], "** ** ** **")
}

// TestKindsOfTheRecordedSession names what the decoder made of each message.
func TestKindsOfTheRecordedSession(t *testing.T) {
	t.Parallel()
	list, err := capture.ReadFile(filepath.Join(recordings(t), "session.jsonl"), capture.Options{})
	require.NoError(t, err)
	doc, err := dissect.Decode(list)
	require.NoError(t, err)
	var got []string
	for _, r := range doc.Frames {
		if r.Layer == dissect.LayerRFC || r.Kind == dissect.KindMore {
			got = append(got, strings.TrimSpace(r.Direction+" "+r.Kind+" "+r.Function))
		}
	}
	require.Equal(t, []string{
		"c2s logon RFCPING", "s2c logon_reply RFCPING",
		"c2s call STFC_CONNECTION", "s2c reply STFC_CONNECTION",
		"c2s call STFC_STRUCTURE", "s2c reply STFC_STRUCTURE",
		"c2s call STFC_STRING", "s2c reply STFC_STRING",
		"c2s call STFC_DEEP_TABLE", "s2c reply STFC_DEEP_TABLE",
		"c2s call Z_LARGE", "s2c more", "s2c reply Z_LARGE",
		"c2s call Z_CALLBACK", "s2c callback STFC_CONNECTION", "c2s callback_reply STFC_CONNECTION", "s2c reply Z_CALLBACK",
		"c2s logon RFCPING", "s2c logon_reply RFCPING", "c2s call STFC_EXCEPTION", "s2c exception STFC_EXCEPTION",
		"c2s logon RFCPING", "s2c logon_reply RFCPING", "c2s call Z_MESSAGE", "s2c exception Z_MESSAGE",
		"c2s logon RFCPING", "s2c logon_reply RFCPING", "c2s call Z_DUMP", "s2c system_failure Z_DUMP",
		"c2s logon RFCPING", "s2c logon_refusal RFCPING",
	}, got)
	// Without directions and times, as a raw file has it, it reads the same.
	var bin []byte
	for _, f := range list {
		bin = append(bin, byte(len(f.Payload)>>24), byte(len(f.Payload)>>16), byte(len(f.Payload)>>8), byte(len(f.Payload)))
		bin = append(bin, f.Payload...)
	}
	raw, err := capture.Read("x.bin", bytes.NewReader(bin), capture.Options{})
	require.NoError(t, err)
	again, err := dissect.Decode(raw)
	require.NoError(t, err)
	for i, r := range again.Frames {
		require.Equal(t, doc.Frames[i].Direction, r.Direction, "frame %d", i)
		require.Equal(t, doc.Frames[i].Kind, r.Kind, "frame %d", i)
		require.Equal(t, doc.Frames[i].Function, r.Function, "frame %d", i)
	}
}

// TestTruncatedRecordingsKeepWhatIsWhole cuts the recorded session in each frame.
func TestTruncatedRecordingsKeepWhatIsWhole(t *testing.T) {
	t.Parallel()
	list, err := capture.ReadFile(filepath.Join(recordings(t), "session.jsonl"), capture.Options{})
	require.NoError(t, err)
	for i, f := range list {
		for n := 1; n < len(f.Payload); n += 1 + len(f.Payload)/23 {
			cut := append([]capture.Frame(nil), list[:i+1]...)
			cut[i].Payload = f.Payload[:n]
			doc, err := dissect.Decode(cut)
			require.Error(t, err, "frame %d cut at %d of %d", i, n, len(f.Payload))
			var at *dissect.Error
			require.ErrorAs(t, err, &at)
			require.Equal(t, i, at.Index)
			require.Equal(t, f.Stream, at.Stream)
			require.Len(t, doc.Frames, i)
		}
	}
}

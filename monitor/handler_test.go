package monitor_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/monitor"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

const (
	secret  = "kAnarY7#x"
	hostile = `<script>document.title="pwned"</script><b id=pwned>"'>`
	user    = "<i id=x>&\""
)

// scene is a handler over two destinations: one that was used, with whatever an attacker could
// bring into its names and errors, and one that was not.
func scene(t testing.TB) *monitor.Handler {
	t.Helper()
	sys, err := rfctest.Start(t.Context(), rfctest.Config{User: "DEVELOPER", Password: secret, Users: map[string]rfc.Secret{user: secret}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sys.Close() })
	sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error {
			return rfc.RuntimeFailure("DUMP", "your password is "+secret+" "+hostile)
		}
	})
	entered, release := make(chan struct{}), make(chan struct{})
	sys.Intercept("RFC_PING_AND_WAIT", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error {
			close(entered)
			<-release
			return nil
		}
	})
	cfg := sys.Config()
	cfg.Name = hostile
	cfg.Pool.Capacity, cfg.Pool.PeakLimit = new(3), new(5)
	used, err := destination.New(cfg)
	require.NoError(t, err)
	cfg.Name = "QUIET"
	quiet, err := destination.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = used.Close(context.Background()), quiet.Close(context.Background())
	})
	for range 3 {
		_, err = used.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "hello"})
		require.NoError(t, err)
	}
	_, err = used.Call(t.Context(), "STFC_STRING", rfc.Params{"QUESTION": "x"})
	require.Error(t, err)
	_, err = used.Call(t.Context(), "STFC_CONNECTION", rfc.Params{hostile: "x"})
	require.Error(t, err)
	session, err := used.With(destination.User{Name: user, Password: secret}).Pin(t.Context())
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = used.Call(context.Background(), "RFC_PING_AND_WAIT", rfc.Params{"SECONDS": 1})
	}()
	<-entered
	t.Cleanup(func() {
		close(release)
		<-done
		_ = session.Close(context.Background())
	})
	return &monitor.Handler{Destinations: destination.ListOf(used, quiet), Title: "RFC of the <shop>"}
}

func get(t testing.TB, h http.Handler, target string, accept ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for _, a := range accept {
		r.Header.Add("Accept", a)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var (
	tag  = regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)
	head = regexp.MustCompile(`<th[^a-z>]*[^>]*>`)
)

func TestPageIsEscapedAndAccessible(t *testing.T) {
	t.Parallel()
	r := get(t, scene(t), "/rfc/")
	require.Equal(t, http.StatusOK, r.Code)
	require.Equal(t, "text/html; charset=utf-8", r.Header().Get("Content-Type"))
	text := r.Body.String()
	require.NotContains(t, text, secret)
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "<b ")
	require.NotContains(t, text, "<i ")
	require.Contains(t, text, "your password is *** &lt;script&gt;")
	require.Contains(t, text, "RFC of the &lt;shop&gt;")
	require.Contains(t, text, "&lt;I ID=X&gt;&amp;&#34;")
	require.Contains(t, text, "QUIET")
	require.Contains(t, text, "RFC_PING_AND_WAIT")
	require.Contains(t, text, "calling")
	require.Contains(t, text, "3 functions")
	// Every table has a caption, every header cell a scope, and the document a language.
	require.True(t, strings.HasPrefix(text, "<!DOCTYPE html>\n<html lang=\"en\">"))
	require.Equal(t, strings.Count(text, "<table>"), strings.Count(text, "<caption>"))
	require.Greater(t, strings.Count(text, "<table>"), 5)
	for _, th := range head.FindAllString(text, -1) {
		if !strings.HasPrefix(th, "<thead") {
			require.Contains(t, th, "scope=")
		}
	}
	// Nothing is loaded, sent or run.
	for _, what := range tag.FindAllString(text, -1) {
		for _, banned := range []string{"<script", "<form", "<img", "<link", "<iframe", " on", " src=", "http"} {
			require.NotContains(t, what, banned)
		}
	}
	_, css, _ := strings.Cut(text, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	csp := r.Header().Get("Content-Security-Policy")
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", csp)
	require.NotContains(t, text, " style=")
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Vary": "Accept"} {
		require.Equal(t, want, r.Header().Get(name))
	}
}

func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	h := scene(t)
	for _, tc := range []struct {
		target string
		accept []string
		json   bool
	}{
		{"/", nil, false},
		{"/?format=json", nil, true},
		{"/?format=json", []string{"text/html"}, true},
		{"/?format=html", []string{"application/json"}, false},
		{"/", []string{"application/json"}, true},
		{"/", []string{"application/json, */*"}, true},
		{"/", []string{"text/html, application/json;q=0.9"}, false},
		{"/", []string{"text/html;q=0.2", "application/json;q=0.9"}, true},
		{"/", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, false},
		{"/", []string{"application/json;q=0, */*"}, false},
		{"/", []string{"application/json;q=7, \x00;;, text/html"}, false},
	} {
		r := get(t, h, tc.target, tc.accept...)
		require.Equal(t, http.StatusOK, r.Code)
		want := "text/html; charset=utf-8"
		if tc.json {
			want = "application/json"
		}
		require.Equal(t, want, r.Header().Get("Content-Type"), "%s %q", tc.target, tc.accept)
	}
	text := get(t, h, "/?format=json").Body.String()
	require.NotContains(t, text, secret)
	var report monitor.Report
	dec := json.NewDecoder(strings.NewReader(text))
	var loose map[string]any
	require.NoError(t, dec.Decode(&loose))
	list := loose["destinations"].([]any)
	require.Len(t, list, 2)
	d := list[0].(map[string]any)
	require.Equal(t, hostile, d["name"])
	require.EqualValues(t, 1, d["running_total"])
	require.EqualValues(t, 1, d["sessions_total"])
	require.EqualValues(t, 2, d["connections_total"])
	require.Len(t, d["errors"], 2)
	require.Equal(t, "calling", d["running"].([]any)[0].(map[string]any)["state"])
	report = h.Report("QUIET")
	require.Len(t, report.Destinations, 1)
	require.Zero(t, report.Destinations[0].Calls.Total())
	require.Empty(t, h.Report("NONE").Destinations)
	require.Contains(t, get(t, h, "/?name=NONE").Body.String(), "There is no destination to show.")
	require.Contains(t, get(t, new(monitor.Handler), "/").Body.String(), "There is no destination to show.")
	require.JSONEq(t, `[]`, string(must(json.Marshal(new(monitor.Handler).Report("").Destinations))))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestPageIsForReading(t *testing.T) {
	t.Parallel()
	h := new(monitor.Handler)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "TRACE", "X"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader("x")))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		require.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Zero(t, w.Body.Len())
	require.NotEqual(t, "0", w.Header().Get("Content-Length"))
	require.Equal(t, http.StatusBadRequest, get(t, h, "/?format=xml").Code)
}

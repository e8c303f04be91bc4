package monitor_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser finds Chromium. The variable PURERFC_BROWSER names the program; .ci/run sets it, and then
// the test has to run. Without it a machine that has no browser skips the test.
func browser(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("PURERFC_BROWSER"); name != "" {
		path, err := exec.LookPath(name)
		require.NoError(t, err, "PURERFC_BROWSER names a browser that is not there")
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("NOT TESTED: no Chromium on this machine; the page was not looked at in a browser (set PURERFC_BROWSER, or run bash .ci/run browser)")
	return ""
}

// chromium runs the browser on a page and gives what it printed.
func chromium(t *testing.T, program string, args ...string) (out, messages string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	profile := t.TempDir()
	flags := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir=" + profile,
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox") // it refuses to run as root with one
	}
	cmd := exec.CommandContext(ctx, program, append(flags, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+profile)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s", stderr.String())
	return stdout.String(), stderr.String()
}

// share is the part of a picture that has a colour.
func share(img image.Image, want color.RGBA) float64 {
	b, n := img.Bounds(), 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, g, bl, _ := img.At(x, y).RGBA(); uint8(r>>8) == want.R && uint8(g>>8) == want.G && uint8(bl>>8) == want.B {
				n++
			}
		}
	}
	return float64(n) / float64(b.Dx()*b.Dy())
}

// The page in a browser: nothing of the names and errors becomes part of the document, the policy
// lets the style through and is not broken, and both colour schemes are there.
func TestBrowserShowsThePage(t *testing.T) {
	program := browser(t)
	srv := httptest.NewServer(scene(t))
	t.Cleanup(srv.Close)
	dom, messages := chromium(t, program, "--dump-dom", srv.URL)
	require.Contains(t, dom, "<title>RFC of the &lt;shop&gt;</title>", "no script has changed it:\n%s", messages)
	require.NotContains(t, dom, "<script")
	require.NotContains(t, dom, `id="pwned"`)
	require.NotContains(t, dom, `id="x"`)
	require.Contains(t, dom, "&lt;script&gt;document.title=", "the text is shown")
	require.Contains(t, dom, "RFC_PING_AND_WAIT")
	require.NotContains(t, dom, secret)
	for _, complaint := range []string{"Content Security Policy", "Content-Security-Policy", "Refused to", "Uncaught"} {
		require.NotContains(t, messages, complaint)
	}
	require.Equal(t, strings.Count(dom, "<table>"), strings.Count(dom, "<caption>"))

	for scheme, colours := range map[string][2]color.RGBA{
		"light": {{R: 0xff, G: 0xff, B: 0xff}, {R: 0xf2, G: 0xf5, B: 0xf8}},
		"dark":  {{R: 0x14, G: 0x18, B: 0x1d}, {R: 0x1e, G: 0x24, B: 0x2b}},
	} {
		file := filepath.Join(t.ArtifactDir(), "monitor-"+scheme+".png")
		args := []string{"--screenshot=" + file, "--window-size=1280,1400"}
		if scheme == "dark" {
			args = append(args, "--blink-settings=preferredColorScheme=0")
		}
		chromium(t, program, append(args, srv.URL)...)
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		img, err := png.Decode(bytes.NewReader(b))
		require.NoError(t, err)
		require.Greater(t, share(img, colours[0]), 0.7, "%s: the background", scheme)
		require.Greater(t, share(img, colours[1]), 0.01, "%s: the heads of the tables", scheme)
	}
}

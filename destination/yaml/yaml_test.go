package yaml_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/destination/yaml"
)

const canary = "kAnarY7#x"

func load(t *testing.T, doc, name string) (destination.Config, *destination.Effective, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sap.yaml")
	require.NoError(t, os.WriteFile(path, []byte(doc), 0o600))
	return destination.Load(t.Context(), &destination.File{Path: path, Format: yaml.Format}, name)
}

func TestOneDestination(t *testing.T) {
	t.Parallel()
	cfg, eff, err := load(t, "# direct\njco.client.ashost: h\njco.client.sysnr: 00\njco.client.client: 007\nUSER: ME\nPASSWD: '"+canary+"'\njco.client.delta: false\njco.client.lang: null\n", "A4H")
	require.NoError(t, err)
	require.Equal(t, []any{"h", "00", "007", "ME", canary, true}, []any{cfg.ApplicationServer, cfg.SystemNumber, cfg.Client, cfg.User, cfg.Password.Reveal(), cfg.NoDelta})
	v, _ := eff.Get(destination.KeySysNr)
	require.Equal(t, 3, v.Source.Line)
	require.NotContains(t, fmt.Sprintf("%+v %v", cfg, eff), canary)
}

func TestSeveralDestinationsAndADirectory(t *testing.T) {
	t.Parallel()
	const doc = "A:\n  ASHOST: a\n  SYSNR: 00\nB:\n  ASHOST: b\n  SYSNR: 01\n"
	cfg, _, err := load(t, doc, "B")
	require.NoError(t, err)
	require.Equal(t, "b", cfg.ApplicationServer)
	_, _, err = load(t, doc, "C")
	require.ErrorIs(t, err, destination.ErrUnknown)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "X.yaml"), []byte("ASHOST: x\nSYSNR: 00\n"), 0o600))
	cfg, _, err = destination.Load(t.Context(), &destination.Directory{Path: dir, Formats: map[string]destination.Format{".yaml": yaml.Format}}, "X")
	require.NoError(t, err)
	require.Equal(t, "x", cfg.ApplicationServer)
}

func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"":                                   "the document is empty",
		"- a\n- b\n":                         "a mapping is required",
		canary:                               "a mapping is required",
		"a: 1\n---\nb: 2\n":                  "a second document",
		"PASSWD: &x " + canary + "\nb: *x\n": "line 1: anchors and aliases",
		"a: {<<: {b: c}}\n":                  "line 1: a plain key",
		"a: [" + canary + "]\n":              "line 1: a text or a mapping is required",
		"? {a: b}\n: c\n":                    "line 1: a plain key is required",
		"PASSWD: \"" + canary + "\n":         "not YAML",
		"x: y\na: b: " + canary + "\n":       "line 2: not YAML",
		"ASHOST: a\nASHOST: b\n":             "line 2: ASHOST was given before, in line 1",
		strings.Repeat("a: {", 30) + strings.Repeat("}", 30): "more than 16 levels",
		"PASSWD: \x01" + canary:                              "not YAML",
	} {
		_, _, err := load(t, doc, "A4H")
		require.ErrorContains(t, err, want, doc)
		require.NotContains(t, err.Error(), canary)
	}
}

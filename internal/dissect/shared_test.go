package dissect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/capture"
)

// moduleRoot walks up to the folder of go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no go.mod above the package directory")
		dir = parent
	}
}

// sharedFolder is the folder of captures and vectors beside the module; without it the
// test is skipped, and says so.
func sharedFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(moduleRoot(t), "..", "shared")
	if _, err := os.Stat(filepath.Join(dir, "captures", "manifest.json")); err != nil {
		t.Logf("NOT TESTED AGAINST CAPTURED BYTES: %v", err)
		t.Skipf("the folder %s with captures and vectors is absent", dir)
	}
	return dir
}

// entry is one file of the manifest of captures.
type entry struct {
	File, SHA256, Framing, Direction, Flow, Evidence string
	Bytes, Step                                      int
	Facts                                            map[string]json.RawMessage
	Items                                            []string
	AfterItems                                       *string `json:"after_items"`

	raw []byte
}

// frames reads the file of an entry.
func (e *entry) frames(t testing.TB) []capture.Frame {
	t.Helper()
	list, err := capture.Read(e.File, bytes.NewReader(e.raw), capture.Options{Bare: e.Framing == "bare"})
	require.NoError(t, err, e.File)
	return list
}

func manifest(t testing.TB) []*entry {
	t.Helper()
	dir := filepath.Join(sharedFolder(t), "captures")
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	var m struct{ Entries []*entry }
	require.NoError(t, json.Unmarshal(b, &m))
	require.NotEmpty(t, m.Entries)
	for _, e := range m.Entries {
		e.raw, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.File)))
		require.NoError(t, err)
		sum := sha256.Sum256(e.raw)
		require.Equal(t, e.SHA256, hex.EncodeToString(sum[:]), e.File)
		require.Len(t, e.raw, e.Bytes, e.File)
	}
	return m.Entries
}

func entryOf(t testing.TB, list []*entry, file string) *entry {
	t.Helper()
	for _, e := range list {
		if e.File == file {
			return e
		}
	}
	t.Fatalf("the manifest has no entry %s", file)
	return nil
}

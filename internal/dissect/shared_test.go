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
	"github.com/purerfc/purerfc/internal/evidence"
)

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
	dir := filepath.Join(evidence.Folder(t), "captures")
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

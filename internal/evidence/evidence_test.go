package evidence_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/purerfc/purerfc/internal/evidence"
)

func TestFolderIsBesideTheModule(t *testing.T) {
	t.Parallel()
	root := evidence.Module(t)
	if _, err := os.Stat(filepath.Join(root, "internal", "evidence")); err != nil {
		t.Fatal(err)
	}
	if b := evidence.File(t, "captures", "manifest.json"); len(b) == 0 {
		t.Fatal("the manifest is empty")
	}
}

// A test without the folder is skipped, not passed.
func TestAbsentFolderSkips(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	skipped := false
	t.Run("inside", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		evidence.Folder(t)
	})
	if !skipped {
		t.Fatal("not skipped")
	}
}

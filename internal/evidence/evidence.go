package evidence

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder is the folder of captures and vectors. Without it the test is skipped.
func Folder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(Module(t)), "shared")
	if _, err := os.Stat(filepath.Join(dir, "captures", "manifest.json")); err != nil {
		t.Logf("NOT TESTED AGAINST PUBLISHED BYTES: %v", err)
		t.Skip("the folder ../shared with captures and vectors is absent")
	}
	return dir
}

// File reads a file of the folder, named by the elements of its path.
func File(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{Folder(t)}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Module is the folder of go.mod.
func Module(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

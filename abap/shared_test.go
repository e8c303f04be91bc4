package abap_test

import (
	"os"
	"path/filepath"
	"testing"
)

// sharedFile reads a file of the shared vectors beside the module root.
func sharedFile(t *testing.T, elem ...string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elem...)...)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Logf("NOT TESTED: golden vectors are missing: %s", filepath.Join(elem...))
		t.Skip("../shared beside the module root is absent")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package cpic_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedFile reads a file of the shared captures and vectors beside the module root.
func sharedFile(t testing.TB, elem ...string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, up, dir, "no go.mod above the test")
		dir = up
	}
	b, err := os.ReadFile(filepath.Join(append([]string{dir, "..", "shared"}, elem...)...))
	if os.IsNotExist(err) {
		t.Logf("NOT TESTED: golden files are missing: %s", filepath.Join(elem...))
		t.Skip("../shared beside the module root is absent")
	}
	require.NoError(t, err)
	return b
}

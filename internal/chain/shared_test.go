package chain_test

import (
	"encoding/hex"
	"encoding/json"
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

// captured is one entry of the manifest that has items.
type captured struct {
	File       string   `json:"file"`
	Items      []string `json:"items"`
	AfterItems string   `json:"after_items"`
}

func captures(t testing.TB) []captured {
	t.Helper()
	var doc struct {
		Entries []captured `json:"entries"`
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "captures", "manifest.json"), &doc))
	var out []captured
	for _, e := range doc.Entries {
		if len(e.Items) > 0 {
			out = append(out, e)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// signature is the mark in front of the chain of a logon, "RFC000000000" in EBCDIC.
var signature = unhex("d9c6c3f0f0f0f0f0f0f0f0f0")

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

package chain_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
)

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
	require.NoError(t, json.Unmarshal(evidence.File(t, "captures", "manifest.json"), &doc))
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

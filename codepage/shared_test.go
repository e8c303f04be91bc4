package codepage_test

import (
	"encoding/json"
	"testing"

	"github.com/purerfc/purerfc/internal/evidence"
)

type scalar struct {
	Type     string          `json:"type"`
	LenChars int             `json:"len_chars"`
	Value    json.RawMessage `json:"value"`
	UCLE     string          `json:"uc_le"`
	UCBE     string          `json:"uc_be"`
	NUC      string          `json:"nuc_1100"`
	Wire     string          `json:"wire"`
}

func scalars(t *testing.T) []scalar {
	t.Helper()
	var doc struct {
		Scalars []scalar `json:"scalars"`
	}
	if err := json.Unmarshal(evidence.File(t, "vectors", "types.json"), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Scalars
}

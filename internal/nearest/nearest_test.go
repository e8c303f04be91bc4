package nearest_test

import (
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/stretchr/testify/require"
)

func TestName(t *testing.T) {
	t.Parallel()
	names := []string{"REQUTEXT", "ECHOTEXT", "RESPTEXT", "IMPORTSTRUCT", "N"}
	for given, want := range map[string]string{
		"REQUTEXT":              "REQUTEXT", // the name itself
		"requtext":              "REQUTEXT", // another case
		"REQUTXT":               "REQUTEXT", // one missing
		"REQUTEXXT":             "REQUTEXT", // one too many
		"RQEUTEXT":              "REQUTEXT", // two swapped
		"ECHOTEST":              "ECHOTEXT", // one replaced
		"IMPORT":                "IMPORTSTRUCT",
		"IM":                    "", // too short to be a beginning
		"n":                     "N",
		"M":                     "N",
		"MATNR":                 "",
		"":                      "N", // one edit away
		strings.Repeat("N", 65): "",
	} {
		require.Equal(t, want, nearest.Name(given, names), "given %q", given)
	}
	require.Equal(t, "ab", nearest.Name("abc", []string{"ab", "abd"}), "the first of equally near names")
	require.Empty(t, nearest.Name("abc", nil))
}

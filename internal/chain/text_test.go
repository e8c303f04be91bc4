package chain_test

import (
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/stretchr/testify/require"
)

func TestSingleByteText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"":                                     false,
		"a":                                    true, // odd
		"a\x00b":                               true, // odd, whatever it holds
		"ab":                                   true,
		"a\x00b\x00":                           false, // UTF-16LE
		"\x00a\x00b":                           false, // UTF-16BE
		"\x2d\x4e\x87\x65":                     false, // UTF-16LE ideographs: no NUL, half of it printable
		"Name oder Kennwort f\xfcr Client 001": true,  // nearly all printable
		"123456789\xfc":                        true,  // nine of ten
		"12345678\xfc\xfc":                     false, // eight of ten
	} {
		require.Equal(t, want, chain.SingleByteText([]byte(value)), "value %q", value)
	}
}

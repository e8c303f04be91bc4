package foreign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/foreign"
)

func TestName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HTTP/1.1 400 Bad":                 "HTTP",
		"HTTP/":                            "HTTP", // all that a TLS client keeps
		"GET / HTTP/1.1\r\n":               "HTTP",
		"PRI * HTTP/2.0\r\n":               "HTTP",
		"\x15\x03\x01\x00\x02\x02\x46":     "TLS",
		"\x16\x03\x01\x02\x00\x01\x00":     "TLS",
		"SSH-2.0-OpenSSH_9":                "SSH",
		"220 mail.example":                 "SMTP or FTP",
		"\x00\x00\x00\x40\x02\x03\x00\x00": "SAP NI",
		"\x00\x00\x00\x9e*ERR*\x001":       "SAP NI",
		"\x00\x00\x00\x08NI_PONG\x00":      "SAP NI",
		"":                                 "",
		"SSH":                              "",
		"HTT":                              "",
		"\x00\x00\x00\x00\x02":             "",
		"\x40\x00\x00\x00\x02":             "",
		"\x00\x00\x00\x40\x01":             "",
		"220x":                             "",
		"hello, who is there?":             "",
	} {
		require.Equal(t, want, foreign.Name([]byte(in)), "%q", in)
	}
}

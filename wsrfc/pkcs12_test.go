package wsrfc_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

// p12 is a key store with the pass phrase canary.
func p12(t testing.TB, kind string, key *ecdsa.PrivateKey, leaf *x509.Certificate, chain ...*x509.Certificate) []byte {
	t.Helper()
	encoder := pkcs12.Modern2023
	if kind == "legacy" {
		encoder = pkcs12.LegacyRC2
	}
	b, err := encoder.Encode(key, leaf, chain, canary)
	require.NoError(t, err)
	return b
}

// p12Trust is a trust store as Java writes it.
func p12Trust(t testing.TB, certs ...*x509.Certificate) []byte {
	t.Helper()
	b, err := pkcs12.Modern2023.EncodeTrustStore(certs, canary)
	require.NoError(t, err)
	return b
}

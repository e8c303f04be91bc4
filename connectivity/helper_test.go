package connectivity_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/wsrfc"
)

// canary stands in every secret of the tests; it must not come out anywhere.
const canary = "kAnarY7#x"

// env makes an environment of a map.
func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// read reads the bindings of a VCAP_SERVICES document.
func read(t *testing.T, vcap string) *connectivity.Bindings {
	t.Helper()
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": vcap}), Mounts: []string{}})
	require.NoError(t, err)
	return b
}

// files writes a tree of files.
func files(t *testing.T, tree map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range tree {
		name = filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	return root
}

// pemPair makes a certificate and its key.
func pemPair(t *testing.T) (cert, key string) {
	t.Helper()
	pair, _, err := wsrfc.SelfSigned("client.example.com")
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// contains holds an error against the pieces of text it must have, and the canary it must not.
func contains(t *testing.T, err error, pieces ...string) {
	t.Helper()
	require.Error(t, err)
	text := fmt.Sprintf("%v\n%+v", err, err)
	for _, p := range pieces {
		require.Contains(t, err.Error(), p)
	}
	require.NotContains(t, text, canary)
}

// replaced is s with pairs of texts replaced.
func replaced(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

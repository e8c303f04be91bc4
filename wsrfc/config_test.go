package wsrfc_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/wsrfc"
)

func valid() wsrfc.Config {
	return wsrfc.Config{Host: host, Port: "443", User: "DEVELOPER", Password: canary}
}

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	good := ca.client(t, "ALICE")
	token := func(context.Context) (wsrfc.Secret, error) { return "x", nil }
	for _, tc := range []struct {
		id     string
		change func(c *wsrfc.Config)
		text   []string
	}{
		{"valid", func(*wsrfc.Config) {}, nil},
		{"B-17 port 0", func(c *wsrfc.Config) { c.Port = "0" }, []string{"jco.client.wsport", `"0"`, "port 1-65535"}},
		{"B-17 port 65536", func(c *wsrfc.Config) { c.Port = "65536" }, []string{"jco.client.wsport", "port 1-65535"}},
		{"B-17 space", func(c *wsrfc.Config) { c.Port = "443 " }, []string{"jco.client.wsport", `"443 "`, "space at position 4"}},
		{"B-17 name", func(c *wsrfc.Config) { c.Port = "https" }, []string{"character at position 1"}},
		{"B-17 long", func(c *wsrfc.Config) { c.Port = strings.Repeat("9", 500) }, []string{"port 1-65535"}},
		{"no port", func(c *wsrfc.Config) { c.Port = "" }, []string{"jco.client.wsport: port 1-65535 required"}},
		{"no host", func(c *wsrfc.Config) { c.Host = "" }, []string{"jco.client.wshost: host name required"}},
		{"B-18 scheme and path", func(c *wsrfc.Config) { c.Host = "https://h/x" }, []string{"jco.client.wshost", "https://h/x", "host name only"}},
		{"B-18 port", func(c *wsrfc.Config) { c.Host = "h:443" }, []string{"host name only", "jco.client.wsport"}},
		{"user in the host", func(c *wsrfc.Config) { c.Host = "a@h" }, []string{"host name only"}},
		{"query in the host", func(c *wsrfc.Config) { c.Host = "h?x" }, []string{"host name only"}},
		{"B-48 brackets", func(c *wsrfc.Config) { c.Host = "[2001:db8::1]" }, []string{"without brackets"}},
		{"B-48 zone", func(c *wsrfc.Config) { c.Host = "fe80::1%eth0" }, []string{"zone"}},
		{"IPv6", func(c *wsrfc.Config) { c.Host = "2001:db8::1" }, nil},
		{"B-46 route", func(c *wsrfc.Config) { c.Host = "/H/router/S/3299/H/h" }, []string{"jco.client.saprouter"}},
		{"B-47 CR LF", func(c *wsrfc.Config) { c.Host = "host\r\nX: y" }, []string{"invalid character 0x0d at 4"}},
		{"B-47 NUL", func(c *wsrfc.Config) { c.Host = "h\x00" }, []string{"0x00 at 1"}},
		{"long host", func(c *wsrfc.Config) { c.Host = strings.Repeat("h", 256) }, []string{"256 characters, at most 255"}},
		{"B-19 without TLS", func(c *wsrfc.Config) { c.Plain, c.Port = true, "80" }, []string{"WebSocket RFC requires TLS", "AllowInsecureTLS"}},
		{"B-34 certificate and password", func(c *wsrfc.Config) { c.CertificateLogon, c.Certificate = true, &good }, []string{"conflict", "jco.client.tls_client_certificate_logon", "jco.client.user"}},
		{"token and password", func(c *wsrfc.Config) { c.Token = token }, []string{"conflict", "oidc_bearer_token"}},
		{"B-35 without key store", func(c *wsrfc.Config) { c.CertificateLogon, c.User, c.Password = true, "", "" }, []string{"certificate and key"}},
		{"certificate logon", func(c *wsrfc.Config) {
			c.CertificateLogon, c.Certificate, c.User, c.Password = true, &good, "", ""
		}, nil},
		{"certificate from the hook", func(c *wsrfc.Config) {
			c.CertificateLogon, c.User, c.Password, c.TLS = true, "", "", &tls.Config{Certificates: []tls.Certificate{good}}
		}, nil},
		{"certificate logon without TLS", func(c *wsrfc.Config) {
			c.CertificateLogon, c.Certificate, c.User, c.Password, c.Plain, c.AllowInsecureTLS = true, &good, "", "", true, true
		}, []string{"conflict with jco.client.use_tls=0"}},
		{"B-36 trust all", func(c *wsrfc.Config) { c.TrustAll = true }, []string{"jco.client.tls_trust_all", "needs Options.AllowInsecureTLS"}},
		{"trust all allowed", func(c *wsrfc.Config) { c.TrustAll, c.AllowInsecureTLS = true, true }, nil},
		{"trust all by the hook", func(c *wsrfc.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }, []string{"InsecureSkipVerify", "AllowInsecureTLS"}},
		{"old TLS in the hook", func(c *wsrfc.Config) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS10} }, []string{"less than TLS 1.2"}},
		{"only old TLS in the hook", func(c *wsrfc.Config) { c.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} }, []string{"less than TLS 1.2"}},
		{"TLSv1.1", func(c *wsrfc.Config) { c.MinTLS = tls.VersionTLS11 }, []string{"TLSVersion", "TLSv1.2 or TLSv1.3"}},
		{"A-13 anonymous", func(c *wsrfc.Config) { c.User, c.Password = "", "" }, []string{"no anonymous logon", "jco.client.user"}},
		{"own headers alone", func(c *wsrfc.Config) {
			c.User, c.Password, c.Headers = "", "", func(context.Context) (http.Header, error) { return nil, nil }
		}, nil},
		{"user alone", func(c *wsrfc.Config) { c.Password = "" }, []string{"exactly one of them"}},
		{"password alone", func(c *wsrfc.Config) { c.User = "" }, []string{"exactly one of them"}},
		{"colon in the user", func(c *wsrfc.Config) { c.User = "A:B" }, []string{"jco.client.user", "a colon at position 2"}},
		{"B-10 password outside of Latin-1", func(c *wsrfc.Config) { c.Password = "abc€" + canary }, []string{"jco.client.passwd: character at position 4 not in code page 1100"}},
		{"line break in the user", func(c *wsrfc.Config) { c.User = "A\r\nX: y" }, []string{"character at position 2"}},
		{"B-05 client", func(c *wsrfc.Config) { c.Client = "ab1" }, []string{"jco.client.client", "three digits"}},
		{"B-12 language", func(c *wsrfc.Config) { c.Language = "english" }, []string{"jco.client.lang", "english", "two-letter ISO"}},
		{"path", func(c *wsrfc.Config) { c.Path = "sap/bc/rfc" }, []string{"path", "absolute"}},
		{"path with line break", func(c *wsrfc.Config) { c.Path = "/a\r\nX: y" }, []string{"path"}},
		{"path with a host", func(c *wsrfc.Config) { c.Path = "https://h/" }, []string{"path"}},
		{"proxy without a port", func(c *wsrfc.Config) { c.Proxy.Host = "p" }, []string{"jco.client.proxy_port"}},
		{"proxy without a host", func(c *wsrfc.Config) { c.Proxy.Port = "1" }, []string{"jco.client.proxy_host"}},
		{"proxy with half a user", func(c *wsrfc.Config) { c.Proxy = wsrfc.Proxy{Host: "p", Port: "1", Password: canary} }, []string{"jco.client.proxy_user"}},
		{"B-92 negative limits", func(c *wsrfc.Config) { c.MessageLimit, c.StreamLimit, c.Split, c.Timeout = -1, -1, -1, -1 }, []string{"MessageLimit", "StreamLimit", "Split", "Timeout"}},
		{"two certificates", func(c *wsrfc.Config) { c.Certificate, c.KeyStore.Data = &good, []byte("x") }, []string{"a certificate is given as well"}},
		{"two trust stores", func(c *wsrfc.Config) { c.Roots, c.TrustStore.Data = ca.pool, pemOf(ca.cert) }, []string{"authorities are given as a value as well"}},
		{"file and data", func(c *wsrfc.Config) { c.TrustStore = wsrfc.Store{File: "x", Data: []byte("x")} }, []string{"file and content are both given"}},
		{"no such file", func(c *wsrfc.Config) { c.TrustStore.File = "/no/such/file" }, []string{"trust store", "no such file"}},
		{"directory", func(c *wsrfc.Config) { c.KeyStore.File = os.TempDir() }, []string{"key store", "is no file"}},
		{"all at once", func(c *wsrfc.Config) {
			c.Host, c.Port, c.Client, c.TrustAll, c.Password = "", "x", "1", true, ""
		}, []string{"wshost", "wsport", "client.client", "tls_trust_all", "exactly one of them"}},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tc.change(&c)
			err := c.Validate()
			if len(tc.text) == 0 {
				require.NoError(t, err)
				return
			}
			e := problem(t, err, "configuration")
			for _, text := range tc.text {
				require.ErrorContains(t, e, text)
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c := valid()
	c.Language = "D"
	c.PongTimeout = -5
	l, err := (&c).Load()
	require.NoError(t, err)
	require.Equal(t, "DE", l.Language)
	require.Equal(t, wsrfc.DefaultPath, l.Path)
	require.Equal(t, wsrfc.DefaultPingPeriod, l.PingPeriod)
	require.Equal(t, time.Duration(-1), l.PongTimeout)
	require.Equal(t, wsrfc.DefaultTimeout, l.Timeout)
	require.Equal(t, uint16(tls.VersionTLS12), l.MinTLS)
	require.Equal(t, "abap.example:443", l.Address())
	l.Proxy = wsrfc.Proxy{Host: "2001:db8::1", Port: "3128"}
	require.Equal(t, "[2001:db8::1]:3128", l.Address())
	require.Empty(t, c.Path, "the original is left alone")
	again, err := l.Load()
	require.NoError(t, err)
	require.Equal(t, l.PongTimeout, again.PongTimeout, "loading twice changes nothing")
}

func TestProxyFromEnvironment(t *testing.T) { //nolint:paralleltest // the environment is read once in a process
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://me:"+canary+"@proxy.example:3128")
	t.Setenv("NO_PROXY", "inside.example")
	p, err := wsrfc.ProxyFromEnvironment("outside.example", "443")
	require.NoError(t, err)
	require.Equal(t, wsrfc.Proxy{Host: "proxy.example", Port: "3128", User: "me", Password: canary}, p)
	p, err = wsrfc.ProxyFromEnvironment("inside.example", "443")
	require.NoError(t, err)
	require.Equal(t, wsrfc.Proxy{}, p)
}

func pemOf(certs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func keyPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// encrypted is a key as OpenSSL 3 encrypts it.
func encrypted(t testing.TB, key any, password string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	salt, iv := make([]byte, 16), make([]byte, 16)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(iv)
	k, err := pbkdf2.Key(sha256.New, password, salt, 2048, 32)
	require.NoError(t, err)
	pad := 16 - len(der)%16
	for range pad {
		der = append(der, byte(pad))
	}
	block, err := aes.NewCipher(k)
	require.NoError(t, err)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(der, der)
	must := func(v any) asn1.RawValue {
		b, err := asn1.Marshal(v)
		require.NoError(t, err)
		return asn1.RawValue{FullBytes: b}
	}
	kdf := must(struct {
		Salt       []byte
		Iterations int
		PRF        pkix.AlgorithmIdentifier
	}{salt, 2048, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, Parameters: asn1.NullRawValue}})
	params := must(struct{ Derivation, Encryption pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, Parameters: kdf},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, Parameters: must(iv)},
	})
	info := must(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, Parameters: params}, der})
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: info.FullBytes})
}

func TestB37KeyStores(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	key := newKey(t)
	make := func(change func(*x509.Certificate)) *x509.Certificate {
		c := template("ALICE")
		change(c)
		cert := ca.sign(t, c, key)
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		require.NoError(t, err)
		return leaf
	}
	leaf := make(func(*x509.Certificate) {})
	expired := make(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2002, 2, 2, 0, 0, 0, 0, time.UTC)
	})
	future := make(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2202, 2, 2, 0, 0, 0, 0, time.UTC)
	})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsaCert := ca.sign(t, template("RSA"), rsaKey)
	rsaLeaf, err := x509.ParseCertificate(rsaCert.Certificate[0])
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for _, tc := range []struct {
		name     string
		data     []byte
		password wsrfc.Secret
		text     string
	}{
		{"PEM", join(pemOf(leaf, ca.cert), keyPEM(t, key)), "", ""},
		{"key first", join(keyPEM(t, key), pemOf(leaf)), "", ""},
		{"authority first", join(pemOf(ca.cert, leaf), keyPEM(t, key)), "", ""},
		{"SEC 1", join(pemOf(leaf), block("EC PRIVATE KEY", sec1)), "", ""},
		{"PKCS#1", join(pemOf(rsaLeaf), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))), "", ""},
		{"encrypted", join(pemOf(leaf), encrypted(t, key, canary)), canary, ""},
		{"PKCS#12 Modern", p12(t, "modern", key, leaf, ca.cert), canary, ""},
		{"PKCS#12 legacy", p12(t, "legacy", key, leaf, ca.cert), canary, ""},
		{"certificate and key do not match", join(pemOf(rsaLeaf), keyPEM(t, key)), "", "do not belong together (certificate of CN=RSA)"},
		{"encrypted without pass phrase", join(pemOf(leaf), encrypted(t, key, canary)), "", "private key (certificate of CN=ALICE): it is encrypted; give its pass phrase"},
		{"encrypted with another pass phrase", join(pemOf(leaf), encrypted(t, key, "other")), canary, "the pass phrase does not open it"},
		{"old encryption", join(pemOf(leaf), []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")), canary, "old format of PEM"},
		{"expired", join(pemOf(expired), keyPEM(t, key)), "", "the certificate of CN=ALICE expired on 2002-02-02"},
		{"not yet valid", join(pemOf(future), keyPEM(t, key)), "", "not valid before 2201-01-01"},
		{"no key", pemOf(leaf), "", "there is no key in the PEM file (certificate of CN=ALICE)"},
		{"no certificate", keyPEM(t, key), "", "there is no certificate in the PEM file"},
		{"broken certificate", join(block("CERTIFICATE", []byte("x")), keyPEM(t, key)), "", "certificate 1"},
		{"broken key", join(pemOf(leaf), block("PRIVATE KEY", []byte(canary))), "", "not a key"},
		{"broken encryption", join(pemOf(leaf), block("ENCRYPTED PRIVATE KEY", []byte("x"))), canary, "not a key"},
		{"PKCS#12 without password", p12(t, "modern", key, leaf), "", "it is encrypted"},
		{"PKCS#12 with another password", p12(t, "modern", key, leaf), "other", "does not open it"},
		{"JKS", append([]byte{0xfe, 0xed, 0xfe, 0xed}, canary...), canary, "keytool -importkeystore"},
		{"garbage", []byte(canary), canary, "neither PEM nor PKCS#12"},
		{"empty PKCS#12", []byte{0x30, 0}, canary, "neither PEM nor PKCS#12"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "store")
			require.NoError(t, os.WriteFile(file, tc.data, 0o600))
			for _, store := range []wsrfc.Store{{File: file, Password: tc.password}, {Data: tc.data, Password: tc.password}} {
				c := valid()
				c.KeyStore = store
				loaded, err := c.Load()
				if tc.text != "" {
					problem(t, err, "configuration")
					require.ErrorContains(t, err, "key store: ")
					require.ErrorContains(t, err, tc.text)
					continue
				}
				require.NoError(t, err)
				signer, ok := loaded.Certificate.PrivateKey.(crypto.Signer)
				require.True(t, ok)
				require.Equal(t, loaded.Certificate.Leaf.PublicKey, signer.Public(), "the own certificate comes first")
			}
		})
	}
}

// signer is a key that does not leave its device.
type signer struct {
	key  *ecdsa.PrivateKey
	used int
}

func (s *signer) Public() crypto.PublicKey { return &s.key.PublicKey }
func (s *signer) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.used++
	return s.key.Sign(r, digest, opts)
}

func TestCertificatesAsValues(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca, users := newAuthority(t, "ca"), newAuthority(t, "users")
		device := &signer{key: newKey(t)}
		c := template("HSM")
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		cert := users.sign(t, c, device)
		device.used = 0
		cfg, srv := ca.config(), ca.serverConfig(t)
		cfg.User, cfg.Password, cfg.CertificateLogon, cfg.Certificate = "", "", true, &cert
		srv.TLS.ClientAuth, srv.TLS.ClientCAs = tls.VerifyClientCertIfGiven, users.pool
		srv.Authorize = func(_ context.Context, c *wsrfc.Caller) error {
			c.Establish(c.Certificate.Subject.CommonName)
			return nil
		}
		client, server := pair(t, cfg, srv)
		require.Equal(t, 1, device.used, "signed by the device")
		user, _ := server.Established()
		require.Equal(t, "HSM", user)
		client.Abort()
		server.Abort()
		require.Nil(t, cert.Leaf, "the value of the caller is left alone")

		for text, cert := range map[string]tls.Certificate{
			"there is no certificate": {PrivateKey: device},
			"there is no key":         {Certificate: cert.Certificate},
			"the first certificate":   {Certificate: [][]byte{{1}}, PrivateKey: device},
			"do not belong together":  {Certificate: cert.Certificate, PrivateKey: newKey(t)},
		} {
			bad := valid()
			bad.Certificate = &cert
			problem(t, bad.Validate(), "configuration")
			require.ErrorContains(t, bad.Validate(), text)
		}
	})
}

func TestTrustStores(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t, "a"), newAuthority(t, "b")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own := a.sign(t, template("own"), key)
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	for _, tc := range []struct {
		name     string
		data     []byte
		password wsrfc.Secret
		want     int
		text     string
	}{
		{"PEM", pemOf(a.cert, b.cert), "", 2, ""},
		{"DER", a.cert.Raw, "", 1, ""},
		{"two in DER", append(append([]byte{}, a.cert.Raw...), b.cert.Raw...), "", 2, ""},
		{"PKCS#12 of Java", p12Trust(t, a.cert, b.cert), canary, 2, ""},
		{"PKCS#12 with a key", p12(t, "modern", key, leaf, a.cert), canary, 1, ""},
		{"PKCS#12 without a chain", p12(t, "modern", key, leaf), canary, 1, ""},
		{"PKCS#12 with another password", p12Trust(t, a.cert), "other", 0, "does not open it"},
		{"JKS", []byte{0xfe, 0xed, 0xfe, 0xed}, "", 0, "keytool"},
		{"key only", keyPEM(t, key), "", 0, "no certificate in it"},
		{"garbage", []byte("garbage"), "", 0, "neither PEM nor PKCS#12"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.TrustStore = wsrfc.Store{Data: tc.data, Password: tc.password}
			l, err := c.Load()
			if tc.text != "" {
				problem(t, err, "configuration")
				require.ErrorContains(t, err, tc.text)
				return
			}
			require.NoError(t, err)
			require.Len(t, l.Roots.Subjects(), tc.want) //nolint:staticcheck // a pool made here
		})
	}
}

// One PKCS#12 file for both: the own certificate, and authorities besides those that are trusted
// anyway.
func TestCertificatesAndAuthoritiesInOneStore(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t, "a"), newAuthority(t, "b")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own := a.sign(t, template("own"), key)
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(b.cert)
	load := func(data []byte, change func(c *wsrfc.Config)) (*wsrfc.Config, error) {
		c := valid()
		c.Roots, c.P12 = roots, wsrfc.Store{Data: data, Password: canary}
		change(&c)
		return c.Load()
	}
	same := func(*wsrfc.Config) {}
	l, err := load(p12(t, "modern", key, leaf, a.cert), same)
	require.NoError(t, err)
	require.Equal(t, "own", l.Certificate.Leaf.Subject.CommonName)
	require.Len(t, l.Roots.Subjects(), 2)                                  //nolint:staticcheck // a pool made here
	require.Len(t, roots.Subjects(), 1, "the caller's pool is left alone") //nolint:staticcheck // a pool made here
	l, err = load(p12Trust(t, a.cert), same)
	require.NoError(t, err)
	require.Nil(t, l.Certificate)
	require.Len(t, l.Roots.Subjects(), 2) //nolint:staticcheck // a pool made here
	l, err = load(p12(t, "modern", key, leaf, a.cert), func(c *wsrfc.Config) { c.Roots = nil })
	require.NoError(t, err)
	system, err := x509.SystemCertPool()
	require.NoError(t, err)
	system.AddCert(a.cert)
	require.True(t, system.Equal(l.Roots), "those of the operating system stay")
	for text, change := range map[string]func(c *wsrfc.Config){
		"a certificate is given as well":   func(c *wsrfc.Config) { c.Certificate = &own },
		"the pass phrase does not open it": func(c *wsrfc.Config) { c.P12.Password = "other" },
		"no such file":                     func(c *wsrfc.Config) { c.P12 = wsrfc.Store{File: "nowhere.p12"} },
		"neither PEM nor PKCS#12":          func(c *wsrfc.Config) { c.P12.Data = []byte("x") },
	} {
		_, err := load(p12(t, "modern", key, leaf, a.cert), change)
		problem(t, err, "configuration")
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), canary)
	}
}

package wsrfc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/wsrfc"
)

// canary is in every secret of these tests and must be in no error.
const canary = "c4nary-Secret"

// The tests run in synctest bubbles over memory where time matters: a bubble whose goroutines
// do not end fails, so that each is a test for leaks as well.

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	c := template(name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, c, c, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t testing.TB, c *x509.Certificate, key crypto.Signer) tls.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

// server is a certificate for host.
func (a *authority) server(t testing.TB, host string) tls.Certificate {
	t.Helper()
	c := template(host)
	c.DNSNames, c.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.sign(t, c, newKey(t))
}

// client is a certificate of a user.
func (a *authority) client(t testing.TB, name string) tls.Certificate {
	t.Helper()
	c := template(name)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(t, c, newKey(t))
}

const host = "abap.example"

// config is a client that is let in by serverConfig.
func (a *authority) config() wsrfc.Config {
	return wsrfc.Config{
		Host: host, Port: "44300", Client: "001", Language: "EN", User: "DEVELOPER", Password: canary, Roots: a.pool, Keeper: new(wsrfc.Keeper),
	}
}

func (a *authority) serverConfig(t testing.TB) wsrfc.AcceptConfig {
	return wsrfc.AcceptConfig{
		TLS: &tls.Config{Certificates: []tls.Certificate{a.server(t, host)}}, ID: "12345678",
		Authorize: func(_ context.Context, c *wsrfc.Caller) error {
			if c.User != "DEVELOPER" || c.Password != canary {
				return errors.New("unknown user or wrong password")
			}
			return nil
		},
	}
}

// plainConfig and plainServer speak without TLS, so that tests see and change the bytes.
func plainConfig() wsrfc.Config {
	return wsrfc.Config{
		Host: host, Port: "8000", Client: "001", Language: "E", User: "DEVELOPER", Password: canary, Plain: true, AllowInsecureTLS: true,
		Keeper: new(wsrfc.Keeper), Random: func(b []byte) { copy(b, "the sample nonce") },
	}
}

func plainServer() wsrfc.AcceptConfig {
	return wsrfc.AcceptConfig{AllowPlain: true, ID: "12345678", Authorize: func(context.Context, *wsrfc.Caller) error { return nil }}
}

// pair sets up both halves over memory.
func pair(t testing.TB, cfg wsrfc.Config, srv wsrfc.AcceptConfig) (client, server *wsrfc.Conn) {
	t.Helper()
	a, b := netfault.Pipe()
	return over(t, a, b, cfg, srv)
}

func over(t testing.TB, a, b net.Conn, cfg wsrfc.Config, srv wsrfc.AcceptConfig) (client, server *wsrfc.Conn) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		var err error
		server, err = wsrfc.Accept(context.Background(), b, srv)
		done <- err
	}()
	client, err := wsrfc.Open(context.Background(), a, cfg)
	require.NoError(t, err)
	require.NoError(t, <-done)
	return client, server
}

// bubble runs f with virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer pass(3 * time.Second) // the watchdog of a server rests behind two seconds
		f(t)
	})
}

func pass(d time.Duration) { <-time.After(d) }

// records is a chain with a value of n bytes, unlike in every byte.
func records(n int) []byte {
	v := make([]byte, n)
	for i := range v {
		v[i] = byte(i*7 + i>>8)
	}
	return chain.AppendEnd(chain.Append(chain.AppendEmpty(nil, chain.Call), chain.ParameterValue, v))
}

// ask makes one exchange.
func ask(ctx context.Context, c *wsrfc.Conn, request []byte) ([]byte, error) {
	if err := c.Begin(ctx); err != nil {
		return nil, err
	}
	if err := c.SendLast(request); err != nil {
		return nil, c.End(err)
	}
	answer, err := receive(c)
	return answer, c.End(err)
}

// receive joins the fragments of a stream.
func receive(c *wsrfc.Conn) ([]byte, error) {
	var data []byte
	for {
		frag, last, err := c.Receive()
		if err != nil {
			return data, err
		}
		if data = append(data, frag...); last {
			return data, nil
		}
	}
}

// echo answers every message with itself until the client leaves.
func echo(c *wsrfc.Conn) error {
	defer func() { _ = c.Close() }()
	for {
		data, err := receive(c)
		if err != nil {
			return err
		}
		if err := c.SendLast(data); err != nil {
			return err
		}
		c.Release()
	}
}

// silentAbout fails if an error holds a secret of these tests.
func silentAbout(t testing.TB, err error) {
	t.Helper()
	for _, s := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		require.NotContains(t, s, canary)
		require.NotContains(t, s, "REVWRUxPUEVSOm") // DEVELOPER:c in base64
	}
	require.Less(t, len(err.Error()), 1500)
	require.False(t, strings.ContainsAny(err.Error(), "\x00\x1b\r"), "%q", err.Error())
}

// failure is an error as package rfc reads it.
type failure struct {
	error

	step   string
	remote bool
}

// kindOf is the class that package rfc gives an error; gateway has a test that it does.
func kindOf(err error) string {
	var (
		ctx     *ni.ContextError
		below   interface{ Kind() string }
		w       *wire.Error
		timeout net.Error
	)
	switch {
	case errors.As(err, &ctx), errors.Is(err, context.Canceled):
		if errors.Is(err, context.DeadlineExceeded) {
			return "timeout"
		}
		return "canceled"
	case errors.As(err, &below):
		return below.Kind()
	case errors.Is(err, wire.ErrLimit):
		return "limit"
	case errors.As(err, &w):
		return "protocol"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "communication"
}

// problem checks the kind of an error of the set-up, and that it tells no secret.
func problem(t testing.TB, err error, kind string) *failure {
	t.Helper()
	require.Error(t, err)
	silentAbout(t, err)
	require.Equal(t, kind, kindOf(err), "%v", err)
	f := &failure{error: err, step: wsrfc.FailedStep(err)}
	var below interface{ Remote() bool }
	if errors.As(err, &below) {
		f.remote = below.Remote()
	}
	return f
}

func requireEqualBytes(t testing.TB, want, got []byte) {
	t.Helper()
	if !bytes.Equal(want, got) {
		t.Fatalf("want %d bytes, got %d, or other ones", len(want), len(got))
	}
}

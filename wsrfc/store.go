package wsrfc

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Store is a key store or a trust store: PEM, PKCS#12, or for a trust store also DER. The
// content decides, not the name.
type Store struct {
	// File is its path, Data its content. At most one of them.
	File string
	Data []byte
	// Password opens a PKCS#12 store or an encrypted key.
	Password Secret
}

func (s *Store) empty() bool { return s.File == "" && len(s.Data) == 0 }

// maxStore bounds the file of a store.
const maxStore = 16 << 20

func (s *Store) read() ([]byte, error) {
	if s.File == "" {
		return s.Data, nil
	}
	if len(s.Data) > 0 {
		return nil, errors.New("file and content are both given")
	}
	info, err := os.Stat(s.File)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > maxStore {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", quoted(s.File), maxStore)
	}
	return os.ReadFile(s.File)
}

// loadStores turns the stores into values, checks the certificate that will be presented and
// takes the stores out.
func (c *Config) loadStores(add func(string, ...any)) {
	if !c.KeyStore.empty() {
		if c.Certificate != nil {
			add("key store: a certificate is given as well")
		}
		cert, err := c.KeyStore.keyPair()
		if err != nil {
			add("key store: %w", err)
		}
		c.Certificate = cert
	} else if c.Certificate != nil {
		cert := *c.Certificate
		if err := checkPair(&cert); err != nil {
			add("certificate: %w", err)
		}
		c.Certificate = &cert
	}
	if !c.TrustStore.empty() {
		if c.Roots != nil {
			add("trust store: authorities are given as a value as well")
		}
		roots, err := c.TrustStore.pool()
		if err != nil {
			add("trust store: %w", err)
		}
		c.Roots = roots
	}
	if !c.P12.empty() {
		c.loadP12(add)
	}
	c.KeyStore, c.TrustStore, c.P12 = Store{}, Store{}, Store{}
}

// loadP12 takes the certificate and the authorities out of one store.
func (c *Config) loadP12(add func(string, ...any)) {
	data, err := c.P12.read()
	if err != nil {
		add("PKCS#12 store: %w", err)
		return
	}
	s := Store{Data: data, Password: c.P12.Password}
	authorities, err := p12Certificates(data, s.Password)
	if err != nil {
		add("PKCS#12 store: %w", err)
		return
	}
	if _, _, _, err := pkcs12.DecodeChain(data, s.Password.Reveal()); err == nil { // there is a key in it
		if c.Certificate != nil {
			add("PKCS#12 store: a certificate is given as well")
		}
		if c.Certificate, err = s.keyPair(); err != nil {
			add("PKCS#12 store: %w", err)
		}
	}
	roots := c.Roots
	if roots == nil {
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
	}
	roots = roots.Clone()
	for _, a := range authorities {
		roots.AddCert(a)
	}
	c.Roots = roots
}

// keyPair reads a certificate chain and its key.
func (s *Store) keyPair() (*tls.Certificate, error) {
	data, err := s.read()
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	var key any
	if isPEM(data) {
		chain, key, err = pemPair(data, s.Password)
	} else {
		chain, key, err = p12Pair(data, s.Password)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	cert := &tls.Certificate{PrivateKey: signer}
	// Some programs put the authorities first.
	for i, c := range chain {
		if samePublicKey(signer.Public(), c.PublicKey) {
			chain[0], chain[i] = chain[i], chain[0]
			break
		}
	}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, checkPair(cert)
}

// checkPair refuses a certificate that no server would accept. The errors name its subject and
// dates, never the key (B-37).
func checkPair(cert *tls.Certificate) error {
	if len(cert.Certificate) == 0 {
		return errors.New("certificate and key required, there is no certificate")
	}
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return errors.New("certificate and key required, there is no key")
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return fmt.Errorf("the first certificate: %w", err)
	}
	cert.Leaf = leaf
	subject := printable(leaf.Subject.String(), maxReason)
	switch now := time.Now(); {
	case !samePublicKey(signer.Public(), leaf.PublicKey):
		return fmt.Errorf("certificate and key do not belong together (certificate of %s)", subject)
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate of %s expired on %s", subject, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate of %s is not valid before %s", subject, leaf.NotBefore.Format(time.DateOnly))
	}
	return nil
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// pool reads trusted authorities.
func (s *Store) pool() (*x509.CertPool, error) {
	data, err := s.read()
	if err != nil {
		return nil, err
	}
	var list []*x509.Certificate
	switch {
	case isPEM(data):
		list, _, err = pemBlocks(data)
	default:
		if list, err = x509.ParseCertificates(data); err != nil {
			list, err = p12Certificates(data, s.Password)
		}
	}
	if err == nil && len(list) == 0 {
		err = errors.New("no certificate in it")
	}
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, nil
}

func isPEM(data []byte) bool { return bytes.Contains(data, []byte("-----BEGIN ")) }

// pemBlocks reads the certificates of a PEM file and its first key.
func pemBlocks(data []byte) (certs []*x509.Certificate, key *pem.Block, err error) {
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return certs, key, nil
		}
		switch b.Type {
		case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
			c, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
			}
			certs = append(certs, c)
		case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if key == nil {
				key = b
			}
		}
	}
}

func pemPair(data []byte, password Secret) ([]*x509.Certificate, any, error) {
	certs, block, err := pemBlocks(data)
	switch {
	case err != nil:
		return nil, nil, err
	case len(certs) == 0:
		return nil, nil, errors.New("certificate and key required, there is no certificate in the PEM file")
	case block == nil:
		return nil, nil, fmt.Errorf("certificate and key required, there is no key in the PEM file (certificate of %s)", printable(certs[0].Subject.String(), maxReason))
	}
	key, err := pemKey(block, password)
	if err != nil {
		return nil, nil, fmt.Errorf("private key (certificate of %s): %w", printable(certs[0].Subject.String(), maxReason), err)
	}
	return certs, key, nil
}

var (
	errNoPassword    = errors.New("it is encrypted; give its pass phrase")
	errWrongPassword = errors.New("the pass phrase does not open it")
	errOldEncryption = errors.New("encrypted in the old format of PEM; convert it to PKCS#8 or PKCS#12")
	errBadKey        = errors.New("not a key in PKCS#8, PKCS#1 or SEC 1")
)

// pemKey reads a key. What the parsers say of its bytes is kept back.
func pemKey(b *pem.Block, password Secret) (any, error) {
	if b.Headers["DEK-Info"] != "" {
		return nil, errOldEncryption
	}
	der := b.Bytes
	if b.Type == "ENCRYPTED PRIVATE KEY" {
		if password == "" {
			return nil, errNoPassword
		}
		plain, err := decryptPKCS8(der, password)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		key, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, errWrongPassword
		}
		return key, nil
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(b []byte) (any, error) { return x509.ParsePKCS1PrivateKey(b) },
		func(b []byte) (any, error) { return x509.ParseECPrivateKey(b) },
	} {
		if key, err := parse(der); err == nil {
			return key, nil
		}
	}
	return nil, errBadKey
}

// javaMagic are the first bytes of a Java key store in Java's own format.
var javaMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

func p12Pair(data []byte, password Secret) ([]*x509.Certificate, any, error) {
	key, cert, more, err := pkcs12.DecodeChain(data, password.Reveal())
	if err != nil {
		return nil, nil, p12Error(data, password, err)
	}
	return append([]*x509.Certificate{cert}, more...), key, nil
}

// p12Certificates reads a trust store of Java, or the certificates beside a key.
func p12Certificates(data []byte, password Secret) ([]*x509.Certificate, error) {
	list, err := pkcs12.DecodeTrustStore(data, password.Reveal())
	if err == nil {
		return list, nil
	}
	if _, cert, more, chainErr := pkcs12.DecodeChain(data, password.Reveal()); chainErr == nil {
		if len(more) == 0 { // a certificate that its owner has signed
			more = []*x509.Certificate{cert}
		}
		return more, nil
	}
	return nil, p12Error(data, password, err)
}

func p12Error(data []byte, password Secret, err error) error {
	switch {
	case bytes.HasPrefix(data, javaMagic):
		return errors.New("a key store in Java's own format (JKS); convert it with keytool -importkeystore -deststoretype PKCS12")
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return errNoPassword
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return errWrongPassword
	}
	return fmt.Errorf("neither PEM nor PKCS#12: %w", err)
}

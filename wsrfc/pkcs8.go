package wsrfc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default of the format
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"hash"
)

// Encrypted keys in PEM files: PKCS#8 with PBES2, which is PBKDF2 and AES in CBC mode (RFC
// 5958, RFC 8018). The standard library reads keys, but not encrypted ones.

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	Derivation, Encryption pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	ciphers = map[string]int{ // size of the key in bytes
		"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32,
	}
	hashes = map[string]func() hash.Hash{
		"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
	}
)

// maxIterations bounds the work that a file can ask for.
const maxIterations = 10_000_000

// decryptPKCS8 returns the key in plain PKCS#8.
func decryptPKCS8(der []byte, password Secret) ([]byte, error) {
	var (
		info   encryptedKey
		params pbes2Params
		kdf    pbkdf2Params
		iv     []byte
	)
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, errBadKey
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("encrypted by scheme %s; PBES2 required, or convert it to PKCS#12", info.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil || !params.Derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("its key derivation is %s; PBKDF2 required", params.Derivation.Algorithm)
	}
	if _, err := asn1.Unmarshal(params.Derivation.Parameters.FullBytes, &kdf); err != nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, errBadKey
	}
	size, known := ciphers[params.Encryption.Algorithm.String()]
	sum := hashes[kdf.PRF.Algorithm.String()]
	if !known || sum == nil {
		return nil, fmt.Errorf("encrypted with %s and %s; AES-CBC and HMAC with SHA required", params.Encryption.Algorithm, kdf.PRF.Algorithm)
	}
	if _, err := asn1.Unmarshal(params.Encryption.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize || len(info.Data) == 0 || len(info.Data)%aes.BlockSize != 0 {
		return nil, errBadKey
	}
	key, err := pbkdf2.Key(sum, password.Reveal(), kdf.Salt, kdf.Iterations, size)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, info.Data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errWrongPassword
	}
	return plain[:len(plain)-pad], nil
}

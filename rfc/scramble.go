package rfc

import "encoding/binary"

// scrambleKey is the key table of the password item (spec 03 section 4 [capture]).
var scrambleKey = [64]byte{
	0xf0, 0xed, 0x53, 0xb8, 0x32, 0x44, 0xf1, 0xf8, 0x76, 0xc6, 0x79, 0x59, 0xfd, 0x4f, 0x13, 0xa2,
	0xc1, 0x51, 0x95, 0xec, 0x54, 0x83, 0xc2, 0x34, 0x77, 0x49, 0x43, 0xa2, 0x7d, 0xe2, 0x65, 0x96,
	0x5e, 0x53, 0x98, 0x78, 0x9a, 0x17, 0xa3, 0x3c, 0xd3, 0x83, 0xa8, 0xb8, 0x29, 0xfb, 0xdc, 0xa5,
	0x55, 0xd7, 0x02, 0x77, 0x84, 0x13, 0xac, 0xdd, 0xf9, 0xb8, 0x31, 0x16, 0x61, 0x0e, 0x6d, 0xfa,
}

// scramble is its own inverse. It is obfuscation, not protection: whoever sees the record
// reads the password. Use SNC or TLS where that matters.
func scramble(b []byte, seed uint32) {
	k := (seed ^ seed>>5 ^ seed<<1) & 63
	for i := range b {
		n := uint32(i)
		b[i] ^= scrambleKey[(k+n)&63] ^ byte(seed*n*n-n)
	}
}

// appendScrambled appends the value of item 0117: the seed, little-endian, and the
// scrambled password.
func appendScrambled(dst, password []byte, seed uint32) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, seed)
	start := len(dst)
	dst = append(dst, password...)
	scramble(dst[start:], seed)
	return dst
}

// unscramble returns the seed and the plain password bytes.
func unscramble(value []byte) (seed uint32, password []byte, ok bool) {
	if len(value) < 4 {
		return 0, nil, false
	}
	seed = binary.LittleEndian.Uint32(value)
	password = append([]byte(nil), value[4:]...)
	scramble(password, seed)
	return seed, password, true
}

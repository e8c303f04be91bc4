package foreign

import (
	"bytes"
	"encoding/binary"
)

// Prefix is how many bytes are enough for a decision.
const Prefix = 16

// Name says which protocol the first bytes of a peer belong to, as it fits behind "the peer
// speaks"; empty if they say nothing. More than Prefix bytes are no better.
func Name(first []byte) string {
	switch {
	case isHTTP(first):
		return "HTTP"
	case len(first) >= 3 && first[0] >= 0x14 && first[0] <= 0x17 && first[1] == 3 && first[2] <= 4:
		return "TLS" // record types 20 to 23, versions 3.0 to 3.4
	case bytes.HasPrefix(first, []byte("SSH-")):
		return "SSH"
	case len(first) >= 4 && bytes.HasPrefix(first, []byte("220")) && (first[3] == ' ' || first[3] == '-'):
		return "SMTP or FTP"
	case isNI(first):
		return "SAP NI"
	}
	return ""
}

// isHTTP recognises status lines, request lines and the preface of HTTP/2.
func isHTTP(first []byte) bool {
	for _, start := range []string{"HTTP/", "GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "PRI * HTTP/2"} {
		n := min(len(start), len(first))
		if n >= 4 && string(first[:n]) == start[:n] {
			return true
		}
	}
	return false
}

// isNI recognises a record of SAP's network interface: a length of four bytes that is small,
// and a payload that starts as those of gateways, routers and their clients do.
func isNI(first []byte) bool {
	if len(first) < 5 {
		return false
	}
	if n := binary.BigEndian.Uint32(first); n == 0 || n > 1<<20 {
		return false
	}
	switch first[4] {
	case 2, 6: // gateway record, APPC record
		return true
	case 'N', '*': // NI_PING, NI_RTERR, *ERR*
		return true
	}
	return false
}

package proxy

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/purerfc/purerfc/internal/foreign"
)

// What SOCKS5 and its method 0x80 are made of.
//
// Source: RFC 1928; spec 14 section 3 [doc].
const (
	version     = 0x05
	authVersion = 0x01

	methodNone  = 0x00
	methodToken = 0x80
	methodNo    = 0xff

	commandConnect = 0x01

	typeIPv4 = 0x01
	typeName = 0x03
	typeIPv6 = 0x04
)

// socks greets the proxy, proves who is calling and asks for the target: three exchanges, two
// without a token. It reads exactly the answers: the next byte belongs to the target.
func (d *Dialer) socks(nc net.Conn, t target, token string, facts *Facts, phase *Phase) error {
	*phase = PhaseMethod
	method := byte(methodNone)
	if d.Tokens != nil {
		method = methodToken
	}
	if _, err := nc.Write([]byte{version, 1, method}); err != nil {
		return err
	}
	var answer [2]byte
	if err := read(nc, answer[:]); err != nil {
		return err
	}
	switch {
	case answer[0] != version:
		return strange(PhaseMethod, "05 and a method", answered(nc, answer[:]))
	case answer[1] == methodNo && method == methodToken:
		return &Error{kind: kindSecurity, remote: true, Phase: PhaseMethod, Code: methodNo, Text: "the proxy takes no tokens; one in trusted mode wants none (go.proxy.auth = none)"}
	case answer[1] == methodNo:
		return &Error{kind: kindSecurity, remote: true, Phase: PhaseMethod, Code: methodNo, Text: "the proxy wants to know who is calling: it needs a token (go.proxy.auth = jwt)"}
	case answer[1] != method:
		return &Error{kind: kindProtocol, Phase: PhaseMethod, Code: int(answer[1]), Text: fmt.Sprintf("the proxy chose method %#02x, only %#02x was offered", answer[1], method)}
	}
	facts.Method = "none"
	if method == methodToken {
		facts.Method = "token"
		*phase = PhaseAuth
		if err := d.authenticate(nc, token, facts); err != nil {
			return err
		}
	}
	*phase = PhaseConnect
	if _, err := nc.Write(appendConnect(nil, t)); err != nil {
		return err
	}
	return readReply(nc, facts)
}

// authenticate shows the token.
func (d *Dialer) authenticate(nc net.Conn, token string, facts *Facts) error {
	facts.Located = d.Location != ""
	b := appendAuthentication(nil, token, d.Location)
	defer clear(b)
	if _, err := nc.Write(b); err != nil {
		return err
	}
	var answer [2]byte
	if err := read(nc, answer[:]); err != nil {
		return err
	}
	switch {
	case answer[0] != authVersion:
		return strange(PhaseAuth, "01 and a status", answer[:])
	case answer[1] != 0:
		return &Error{
			kind: kindLogon, remote: true, refusedToken: true, Phase: PhaseAuth, Code: int(answer[1]),
			Text: fmt.Sprintf("the proxy refused the token (status %d): it may have expired, or belong to another client or subaccount", answer[1]),
		}
	}
	return nil
}

// appendAuthentication writes the request of method 0x80. The location id travels in base64.
func appendAuthentication(dst []byte, token, location string) []byte {
	dst = append(dst, authVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(token)))
	dst = append(dst, token...)
	dst = append(dst, byte(base64.StdEncoding.EncodedLen(len(location))))
	return base64.StdEncoding.AppendEncode(dst, []byte(location))
}

// appendConnect writes the request for a target. What looks like four octets is an address,
// everything else a name that only the proxy knows.
func appendConnect(dst []byte, t target) []byte {
	dst = append(dst, version, commandConnect, 0)
	a, err := netip.ParseAddr(t.host)
	switch {
	case err == nil && a.Is4():
		dst = append(append(dst, typeIPv4), a.AsSlice()...)
	case err == nil && a.Zone() == "":
		dst = append(append(dst, typeIPv6), a.AsSlice()...) // who cannot do that says so
	default:
		dst = append(append(dst, typeName, byte(len(t.host))), t.host...)
	}
	return binary.BigEndian.AppendUint16(dst, t.port)
}

// readReply reads the answer to CONNECT. The reply decides before the rest: a proxy may close
// behind the first bytes of a refusal.
func readReply(nc net.Conn, facts *Facts) error {
	var head [4]byte
	if err := read(nc, head[:2]); err != nil {
		return err
	}
	if head[0] != version {
		return strange(PhaseConnect, "05 and a reply", answered(nc, head[:2]))
	}
	facts.Code = int(head[1])
	if r := Reply(head[1]); r != Succeeded {
		return r.refusal()
	}
	if err := readRest(nc, head[2:]); err != nil {
		return err
	}
	n := 0
	switch head[3] {
	case typeIPv4:
		n = 4
	case typeIPv6:
		n = 16
	case typeName:
		var length [1]byte
		if err := readRest(nc, length[:]); err != nil {
			return err
		}
		n = int(length[0])
	default:
		return strange(PhaseConnect, "an address of type 01, 03 or 04", head[:])
	}
	return readRest(nc, make([]byte, n+2))
}

// read fills b; an end in front of the first byte is io.EOF.
func read(nc net.Conn, b []byte) error {
	_, err := io.ReadFull(nc, b)
	return err
}

// readRest fills b inside an answer.
func readRest(nc net.Conn, b []byte) error {
	_, err := io.ReadFull(nc, b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// answered adds what else has come to the first bytes of a peer that speaks something else, as
// far as a name for it needs. The connection is of no use any more.
func answered(nc net.Conn, first []byte) []byte {
	out := append(make([]byte, 0, foreign.Prefix), first[:min(len(first), foreign.Prefix)]...)
	if nc.SetReadDeadline(time.Now().Add(strangerWait)) == nil {
		n, _ := nc.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
	}
	return out
}

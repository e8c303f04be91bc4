package proxy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/internal/httphead"
	"github.com/purerfc/purerfc/internal/wire"
)

// http asks an HTTP proxy for a tunnel.
func (d *Dialer) http(nc net.Conn, t target, token string, facts *Facts) error {
	authorization := ""
	facts.Method = "none"
	switch {
	case d.Tokens != nil:
		facts.Method, authorization = "token", "Bearer "+token
	case d.User != "":
		facts.Method, authorization = "password", Basic(d.User, d.Password)
	}
	b := AppendConnect(nil, t.String(), authorization)
	defer clear(b)
	if _, err := nc.Write(b); err != nil {
		return err
	}
	first := prefix{Reader: nc}
	head, _, err := httphead.Read(&slow{&first}, 0)
	if err != nil {
		if name := foreign.Name(first.bytes); name != "" && name != "HTTP" {
			return strange(PhaseConnect, "", first.bytes)
		}
		if e, ok := errors.AsType[*wire.Error](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
			if e.Field == "start line" {
				return strange(PhaseConnect, "an answer of HTTP", answered(nc, first.bytes))
			}
			return &Error{kind: kindProtocol, Phase: PhaseConnect, Code: -1, Text: "the answer of the proxy", Err: err}
		}
		return err
	}
	status, _, err := head.Status()
	if err != nil {
		return &Error{kind: kindProtocol, Phase: PhaseConnect, Code: -1, Text: "the answer of the proxy", Err: err}
	}
	facts.Code = status
	if status/100 != 2 {
		return statusError(status)
	}
	return nil
}

// AppendConnect writes the request for a tunnel to host:port. The value of
// Proxy-Authorization is left out if it is empty.
func AppendConnect(dst []byte, address, authorization string) []byte {
	dst = fmt.Appendf(dst, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", address, address)
	if authorization != "" {
		dst = append(append(append(dst, "Proxy-Authorization: "...), authorization...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// Basic is the value of a header that carries user and password, as Latin-1: what the one
// known implementation of WebSocket RFC sends to servers and proxies [impl].
func Basic(user string, password Secret) string {
	b, _ := codepage.Latin1.Append(nil, user+":"+password.Reveal(), codepage.Policy{OnError: codepage.Replace})
	defer clear(b)
	return "Basic " + base64.StdEncoding.EncodeToString(b)
}

// slow gives one byte at a time, so that nothing behind the head is taken from the target.
type slow struct{ io.Reader }

func (s *slow) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 1)]) }

// prefix keeps the first bytes.
type prefix struct {
	io.Reader
	bytes []byte
}

func (p *prefix) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if len(p.bytes) < foreign.Prefix {
		p.bytes = append(p.bytes, b[:n]...)
	}
	return n, err
}

package rfctest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/wsrfc"
)

// web is the side of a system that serves WebSocket RFC.
type web struct {
	listener net.Listener
	roots    *x509.CertPool
	pem      []byte
}

// newWeb prepares a server for it.
func newWeb(s *gateway.Server) (*web, error) {
	cert, roots, err := wsrfc.SelfSigned()
	if err != nil {
		return nil, err
	}
	s.WebSocket.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.WebSocket.Functions = []string{"*"}
	return &web{roots: roots, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})}, nil
}

// WebSocketAddress is host:port that clients of WebSocket RFC dial; empty if it is not served.
func (s *System) WebSocketAddress() string {
	if s.web == nil {
		return ""
	}
	return s.web.listener.Addr().String()
}

// WebSocketCertificate is the certificate that clients of WebSocket RFC have to trust, in PEM; nil
// if it is not served.
func (s *System) WebSocketCertificate() []byte {
	if s.web == nil {
		return nil
	}
	return bytes.Clone(s.web.pem)
}

// WebSocketConfig are the settings to reach the system by WebSocket RFC with its own identity;
// the certificate of the system is trusted. The copy may be changed. Without WithWebSocket it
// has no target.
func (s *System) WebSocketConfig() wsrfc.Config {
	cfg := wsrfc.Config{Client: s.cfg.Clients[0], Language: "EN", User: s.cfg.User, Password: wsrfc.Secret(s.cfg.Password)}
	if s.web != nil {
		cfg.Host, cfg.Port, _ = net.SplitHostPort(s.WebSocketAddress())
		cfg.Roots = s.web.roots
	}
	return cfg
}

// ConnectWebSocket opens a connection by WebSocket RFC and logs on with the system's own
// identity. The caller closes the connection.
func (s *System) ConnectWebSocket(ctx context.Context) (*rfc.Conn, error) {
	return s.DialWebSocket(ctx, s.WebSocketConfig(), rfc.ConnConfig{})
}

// DialWebSocket opens a connection by WebSocket RFC. What conn leaves open comes from cfg: the
// logon of the record, and descriptions of modules over the connection itself.
func (s *System) DialWebSocket(ctx context.Context, cfg wsrfc.Config, conn rfc.ConnConfig) (*rfc.Conn, error) {
	conv, err := wsrfc.Dial(ctx, cfg)
	if err != nil {
		return nil, rfc.SetupError(err, rfc.Step(wsrfc.FailedStep(err)))
	}
	if conn.Logon == (rfc.Logon{}) {
		conn.Logon = rfc.Logon{Client: cfg.Client, User: cfg.User, Password: rfc.Secret(cfg.Password)}
		if cfg.Language != "" {
			if conn.Logon.Language, err = abap.LanguageKey(cfg.Language); err != nil {
				conv.Abort()
				return nil, rfc.SetupError(err, rfc.StepConfig)
			}
		}
	}
	late := new(lateSource)
	if conn.Functions == nil {
		conn.Functions = late
	}
	c, err := rfc.Open(ctx, conv, conn)
	if err != nil {
		return nil, err
	}
	late.Repository = repository.New(c)
	return c, nil
}

// lateSource stands for a repository that needs the connection it belongs to.
type lateSource struct{ *repository.Repository }

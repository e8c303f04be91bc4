package rfctest

import (
	"context"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// Config are the settings to dial the system with its own identity. The copy may be
// changed. Descriptions of modules come from the system itself; destinations made of it share
// them, and with nobody else: the next system of a test may have the same port.
func (s *System) Config() destination.Config {
	host, port := s.Addr()
	return destination.Config{
		Name: s.cfg.SystemID, ApplicationServer: host, SystemNumber: s.cfg.System.Number, GatewayService: port,
		Client: s.cfg.Clients[0], User: s.cfg.User, Password: s.cfg.Password, Language: "EN",
		AllowNonUnicode: s.cfg.System.CharWidth() == 1,
		Repository:      destination.RepositoryConfig{Cache: &s.known},
	}
}

// Connect opens a connection and logs on with the system's own identity. The caller closes
// the connection.
func (s *System) Connect(ctx context.Context) (*rfc.Conn, error) {
	return destination.Dial(ctx, s.Config())
}

package msgserver

import (
	"fmt"

	"github.com/purerfc/purerfc/internal/services"
)

// ServiceName gives the name of the service of a message server: service if there is one,
// else sapms and the system id.
func ServiceName(service, systemID string) string {
	if service != "" {
		return service
	}
	return "sapms" + systemID
}

// Port gives the port of a message server: a number, a name of the services file of this
// machine, or sapmsNN. It does not follow from the system id: without an entry for sapmsSID
// that is an error.
func Port(service, systemID string) (int, error) {
	name := ServiceName(service, systemID)
	port, err := services.Resolve(name)
	if err != nil && service == "" {
		return 0, fmt.Errorf("%w; the port is 36 and the instance number of the message server", err)
	}
	return port, err
}

//go:build !unix

package wsrfc

import "net"

// poller does not exist here: connections cannot be asked without waiting.
type poller struct{}

func (*poller) init(net.Conn)              {}
func (*poller) ok() bool                   { return false }
func (*poller) read(p []byte) (int, error) { return 0, nil }

//go:build !unix

package ni

import "errors"

// rawReader needs the sockets of Unix.
type rawReader struct{}

func (*rawReader) init(*Conn) {}

func (*rawReader) ok() bool { return false }

func (*rawReader) read(*Conn, bool) (int, error) { return 0, errors.ErrUnsupported }

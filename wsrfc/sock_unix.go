//go:build unix

package wsrfc

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// poller reads what has arrived without waiting.
type poller struct {
	nc      net.Conn
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // made once: a closure for each read would be garbage
	buf     []byte
	n       int
	err     error
}

// init prepares sockets of the operating system; other connections, and types that wrap a
// socket and read differently, cannot be asked.
func (r *poller) init(nc net.Conn) {
	var sc syscall.Conn
	switch c := nc.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	r.nc, r.raw, r.attempt = nc, raw, r.try
}

func (r *poller) ok() bool { return r.raw != nil }

func (r *poller) try(fd uintptr) bool {
	for {
		r.n, r.err = syscall.Read(int(fd), r.buf)
		if !errors.Is(r.err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(r.err, syscall.EAGAIN):
		r.n, r.err = 0, nil
	case r.n == 0 && r.err == nil:
		r.err = io.EOF
	}
	r.n = max(r.n, 0)
	return true
}

// read returns 0 and no error when nothing has arrived.
func (r *poller) read(p []byte) (int, error) {
	r.buf = p
	err := r.raw.Read(r.attempt)
	r.buf = nil
	if err == nil && r.err != nil {
		err = r.err
		if !errors.Is(err, io.EOF) {
			err = &net.OpError{Op: "read", Net: r.nc.RemoteAddr().Network(), Source: r.nc.LocalAddr(), Addr: r.nc.RemoteAddr(), Err: os.NewSyscallError("read", err)}
		}
	}
	if err != nil {
		return 0, err
	}
	return r.n, nil
}

//go:build unix

package ni

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// rawReader reads into the pooled buffer of its Conn and takes that buffer only when bytes
// are there, so that thousands of idle connections hold none.
type rawReader struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // made once: a closure for each read would be garbage
	n       int
	err     error
}

// init prepares the reader for sockets of the operating system; other connections, and
// types that wrap a socket and read differently, keep to Read.
func (r *rawReader) init(c *Conn) {
	var sc syscall.Conn
	switch nc := c.c.(type) {
	case *net.TCPConn:
		sc = nc
	case *net.UnixConn:
		sc = nc
	default:
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	r.raw, r.attempt = raw, c.try
}

func (r *rawReader) ok() bool { return r.raw != nil }

// try is one attempt to read; false makes the runtime wait until the socket is readable.
func (c *Conn) try(fd uintptr) bool {
	r := &c.raw
	c.buf = buffers.Get().(*[]byte)
	for {
		r.n, r.err = syscall.Read(int(fd), *c.buf)
		if !errors.Is(r.err, syscall.EINTR) {
			break
		}
	}
	if r.n <= 0 {
		c.putBuffer()
	}
	if errors.Is(r.err, syscall.EAGAIN) {
		r.n, r.err = 0, nil
		return !c.block
	}
	if r.n == 0 && r.err == nil {
		r.err = io.EOF
	}
	return true
}

// read fills the buffer of the Conn with what has arrived; without wait it may return
// nothing. The Conn holds no buffer before, and none after if nothing was read.
func (r *rawReader) read(c *Conn, wait bool) (int, error) {
	c.block, r.n, r.err = wait, 0, nil
	err := r.raw.Read(r.attempt)
	if err == nil && r.err != nil {
		err = r.err
		if !errors.Is(err, io.EOF) {
			err = &net.OpError{Op: "read", Net: c.c.RemoteAddr().Network(), Source: c.c.LocalAddr(), Addr: c.c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
		}
	}
	if err != nil {
		return 0, err
	}
	c.r, c.w = 0, r.n
	return r.n, nil
}

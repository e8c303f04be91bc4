package netfault

import (
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Faults says how a Conn misbehaves. The zero value does nothing. Counts of bytes are of
// the direction as the owner of the Conn sees it; zero means never, so that a fault at the
// very beginning is -1.
type Faults struct {
	// MaxRead and MaxWrite are the largest number of bytes a single read or write moves. A
	// longer write goes out in pieces.
	MaxRead, MaxWrite int
	// CutReadAfter and CutWriteAfter end the direction behind that many bytes.
	CutReadAfter, CutWriteAfter int64
	// CutError is what a cut gives. Default io.EOF for reads and ECONNRESET for writes.
	CutError error
	// StallReadAfter and StallWriteAfter make the direction silent behind that many bytes:
	// operations wait until their deadline or until the Conn is closed.
	StallReadAfter, StallWriteAfter int64
}

// Conn adds faults to a connection. It is as safe for concurrent use as that is.
type Conn struct {
	net.Conn
	faults Faults
	silent net.Conn // an end of a pipe that never moves a byte

	mu            sync.Mutex
	read, written int64
}

// New wraps c.
func New(c net.Conn, f Faults) *Conn {
	silent, _ := PipeSize(0)
	return &Conn{Conn: c, faults: f, silent: silent}
}

// Counts is the number of bytes read and written so far.
func (c *Conn) Counts() (read, written int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read, c.written
}

// left says how many of n bytes may move before the fault behind after bytes strikes; -1 if
// it has struck.
func left(after, done int64, n int) int {
	if after == 0 {
		return n
	}
	after = max(after, 0)
	if done >= after {
		return -1
	}
	return int(min(int64(n), after-done))
}

func most(limit, n int) int {
	if limit > 0 {
		return min(limit, n)
	}
	return n
}

// Read reads with the faults.
func (c *Conn) Read(p []byte) (int, error) {
	done, _ := c.Counts()
	n := left(c.faults.StallReadAfter, done, most(c.faults.MaxRead, len(p)))
	if n < 0 {
		return c.silent.Read(p)
	}
	if n = left(c.faults.CutReadAfter, done, n); n < 0 {
		return 0, c.cut(io.EOF)
	}
	n, err := c.Conn.Read(p[:n])
	c.mu.Lock()
	c.read += int64(n)
	c.mu.Unlock()
	return n, err
}

// ReadNow reads what has arrived without waiting, with the faults; 0 and no error if nothing
// has. The connection below must be a Pipe or have such a method itself.
func (c *Conn) ReadNow(p []byte) (int, error) {
	done, _ := c.Counts()
	n := left(c.faults.StallReadAfter, done, most(c.faults.MaxRead, len(p)))
	if n < 0 {
		return 0, nil
	}
	if n = left(c.faults.CutReadAfter, done, n); n < 0 {
		return 0, c.cut(io.EOF)
	}
	below, ok := c.Conn.(interface{ ReadNow(p []byte) (int, error) })
	if !ok {
		return 0, nil
	}
	n, err := below.ReadNow(p[:n])
	c.mu.Lock()
	c.read += int64(n)
	c.mu.Unlock()
	return n, err
}

// Write writes with the faults.
func (c *Conn) Write(p []byte) (int, error) {
	total := 0
	for {
		_, done := c.Counts()
		n := left(c.faults.StallWriteAfter, done, most(c.faults.MaxWrite, len(p)-total))
		if n < 0 {
			_, err := c.silent.Write(p[total:])
			return total, err
		}
		if n = left(c.faults.CutWriteAfter, done, n); n < 0 {
			return total, c.cut(syscall.ECONNRESET)
		}
		n, err := c.Conn.Write(p[total : total+n])
		c.mu.Lock()
		c.written += int64(n)
		c.mu.Unlock()
		total += n
		if err != nil || total == len(p) {
			return total, err
		}
	}
}

func (c *Conn) cut(standard error) error {
	if c.faults.CutError != nil {
		return c.faults.CutError
	}
	return standard
}

// Close closes the connection and wakes up stalled operations.
func (c *Conn) Close() error {
	_ = c.silent.Close()
	return c.Conn.Close()
}

// SetDeadline sets both deadlines, also of stalled operations.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.silent.SetDeadline(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline sets the read deadline, also of a stalled read.
func (c *Conn) SetReadDeadline(t time.Time) error {
	_ = c.silent.SetReadDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the write deadline, also of a stalled write.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	_ = c.silent.SetWriteDeadline(t)
	return c.Conn.SetWriteDeadline(t)
}

package relay

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are those of a pair of connections.
type Limits struct {
	// HalfOpen is how long the second direction may be silent once the first one has ended.
	// Default DefaultHalfOpen.
	HalfOpen time.Duration
	// Idle bounds the silence of both. Default: no limit.
	Idle time.Duration
}

// DefaultHalfOpen is five minutes.
const DefaultHalfOpen = 5 * time.Minute

const (
	// writeLimit is how long one side may refuse to read.
	writeLimit = 5 * time.Minute
	// bufferSize is that of each direction, in bytes.
	bufferSize = 32 << 10
)

// Run copies both directions until both have ended. A side that has ended its direction
// (half-close) still gets the other one. Both connections are closed, or ended in both
// directions, and nothing runs any more when it returns.
func Run(a, b net.Conn, limits Limits) {
	r := relay{idle: limits.Idle, halfOpen: limits.HalfOpen}
	if r.halfOpen <= 0 {
		r.halfOpen = DefaultHalfOpen
	}
	var back sync.WaitGroup
	back.Go(func() { r.copy(a, b) })
	r.copy(b, a)
	back.Wait()
}

type relay struct {
	idle, halfOpen time.Duration
	half           atomic.Bool  // one direction has ended
	last           atomic.Int64 // nanoseconds of the clock when a byte moved last
}

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// copy moves one direction. Any failure ends both.
func (r *relay) copy(dst, src net.Conn) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for r.limitRead(src) == nil {
		n, err := src.Read(*buf)
		if n > 0 {
			r.last.Store(time.Now().UnixNano())
			if dst.SetWriteDeadline(time.Now().Add(writeLimit)) != nil {
				break
			}
			if _, err := dst.Write((*buf)[:n]); err != nil {
				break
			}
		}
		if errors.Is(err, io.EOF) && CloseWrite(dst) {
			r.half.Store(true)
			_ = r.limitRead(dst) // the other direction may be waiting without a limit
			return
		}
		if isTimeout(err) && r.moved() {
			continue
		}
		if err != nil {
			break
		}
	}
	_ = src.Close()
	_ = dst.Close()
}

// limit is how long a read may take; 0: no limit.
func (r *relay) limit() time.Duration {
	if r.half.Load() && (r.idle <= 0 || r.halfOpen < r.idle) {
		return r.halfOpen
	}
	return r.idle
}

func (r *relay) limitRead(c net.Conn) error {
	if d := r.limit(); d > 0 {
		return c.SetReadDeadline(time.Now().Add(d))
	}
	return nil
}

// moved reports whether the other direction moved something within the limit: then the
// connection is not idle.
func (r *relay) moved() bool {
	return !r.half.Load() && time.Since(time.Unix(0, r.last.Load())) < r.idle
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// CloseWrite ends one direction of a connection that can do that; others end as a whole.
func CloseWrite(c net.Conn) bool {
	h, ok := c.(interface{ CloseWrite() error })
	return ok && h.CloseWrite() == nil
}

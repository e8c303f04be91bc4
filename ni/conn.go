package ni

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
)

// Config bounds a connection. The zero value means the defaults.
type Config struct {
	// MaxRecord is the largest payload accepted, in bytes. Default DefaultMaxRecord.
	MaxRecord int
	// FrameTimeout bounds the time between the first and the last byte of a record; a
	// large record gets one more second per KiB. Default DefaultFrameTimeout.
	FrameTimeout time.Duration
	// WriteTimeout bounds the time a peer may refuse to read; it runs out between half of
	// it and all of it, earlier when a bound context ends earlier. Default
	// DefaultWriteTimeout.
	WriteTimeout time.Duration
	// KeepAlive sends NI_PING whenever the peer has been silent for this long while a record
	// is awaited, and gives the peer up when nothing at all arrives within another such
	// time. Zero, the default, sends none: at least one client takes a ping for an answer
	// (spec 40.3 [experiment]), so ask only partners that are known to understand it.
	KeepAlive time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxRecord <= 0 {
		c.MaxRecord = DefaultMaxRecord
	}
	if c.FrameTimeout <= 0 {
		c.FrameTimeout = DefaultFrameTimeout
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = DefaultWriteTimeout
	}
	return c
}

// Conn reads and writes records. One goroutine at a time uses it, and a Wait counts as
// reading and writing, because it answers pings; Close, InterruptRead and the end of the
// bound context may come from anywhere.
//
// While it is idle a Conn holds no buffer: on Unix systems not even while a read waits for
// the first byte of a TCP or Unix domain connection.
type Conn struct {
	c   net.Conn
	raw rawReader // reads without holding a buffer while waiting; zero if the socket cannot
	cfg Config

	buf  *[]byte // pooled; nil while idle
	r, w int     // unread bytes are (*buf)[r:w]
	head int     // bytes of the record returned last, skipped by the next read

	stop     func() bool // ends the watch on the bound context
	ctx      context.Context
	deadline time.Time // of the bound context, or the read limit
	readDL   time.Time // what is set on the socket
	writeDL  time.Time
	canceled atomic.Bool
	paused   atomic.Bool // InterruptRead without ResumeRead
	closed   atomic.Bool
	block    bool // raw: wait until there is something to read

	wrote          time.Time
	sent, received atomic.Int64
	controls       *controls // nil before the first one: few peers ever send any
}

// controls counts control records in a row.
type controls struct {
	n     int
	since time.Time // of the first of them
}

var buffers = sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }}

// NewConn frames records on c. The Conn owns c from now on.
func NewConn(c net.Conn, cfg Config) *Conn {
	n := &Conn{c: c, cfg: cfg.withDefaults()}
	n.raw.init(n)
	return n
}

// LocalAddr and RemoteAddr are those of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr is the address of the peer's socket.
func (c *Conn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// Sent is the number of bytes the operating system took from us, headers included.
func (c *Conn) Sent() int64 { return c.sent.Load() }

// LastWrite is when the last record left; zero before the first.
func (c *Conn) LastWrite() time.Time { return c.wrote }

// Received is the number of bytes read, headers included.
func (c *Conn) Received() int64 { return c.received.Load() }

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Begin binds ctx to the reads and writes that follow, until End. When ctx ends, they
// fail at once and the connection is dead: a record may be half written or half read.
// A ctx that has ended already fails here with a *ContextError, before anything happened on
// the network.
func (c *Conn) Begin(ctx context.Context) error {
	if ctx == nil {
		return errors.New("ni: nil context")
	}
	if c.closed.Load() || c.canceled.Load() {
		return net.ErrClosed
	}
	if ctx.Err() != nil {
		return contextError(ctx, nil)
	}
	c.deadline, _ = ctx.Deadline()
	if err := c.setRead(c.deadline); err != nil {
		return err
	}
	c.ctx = ctx
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.interrupt)
	}
	return nil
}

// interrupt makes every blocked and later read and write fail.
func (c *Conn) interrupt() {
	c.canceled.Store(true)
	_ = c.c.SetDeadline(longAgo)
}

// End unbinds the context and returns the read buffer when nothing is left in it. An error
// that the end of the context caused is returned as a *ContextError. When the context has
// ended, the connection is dead even if err is nil; Interrupted tells.
func (c *Conn) End(err error) error {
	ctx := c.ctx
	if ctx == nil {
		return err
	}
	if c.stop != nil && !c.stop() {
		c.canceled.Store(true) // the watch has fired, or is about to
	}
	c.ctx, c.stop, c.deadline = nil, nil, time.Time{}
	c.Release()
	if err == nil {
		return c.setRead(time.Time{})
	}
	if ctx.Err() != nil {
		return contextError(ctx, err)
	}
	if dl, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(dl) {
		// The socket's timer was a moment faster than the context's.
		return &ContextError{Cause: context.DeadlineExceeded, Err: err}
	}
	return err
}

func contextError(ctx context.Context, err error) error {
	return &ContextError{Cause: context.Cause(ctx), Err: errors.Join(ctx.Err(), err)}
}

// Interrupted reports whether the end of a context has made the connection useless.
func (c *Conn) Interrupted() bool { return c.canceled.Load() }

// ContextError is an I/O error caused by the end of the caller's context. It matches the
// cause of the context, context.Canceled or context.DeadlineExceeded, and the error of the
// connection.
type ContextError struct {
	Cause error // context.Cause
	Err   error // why the context ended and what the interrupted read or write said
}

// Error gives the cause: the I/O error behind it is only its consequence.
func (e *ContextError) Error() string { return e.Cause.Error() }

// Unwrap gives both errors.
func (e *ContextError) Unwrap() []error { return []error{e.Cause, e.Err} }

// Release gives the read buffer back when it holds no unread byte. The record returned
// last becomes invalid.
func (c *Conn) Release() {
	c.skip()
	if c.buf == nil || c.r != c.w {
		return
	}
	c.putBuffer()
	c.r, c.w = 0, 0
}

// Buffered reports whether bytes were read that belong to a record not yet returned.
func (c *Conn) Buffered() bool { return c.w-c.r-c.head > 0 }

// Unread are bytes that arrived and belong to no record that was returned; valid until the
// next read. Behind a failed read they show what the peer speaks in place of records.
func (c *Conn) Unread() []byte {
	if c.buf == nil {
		return nil
	}
	return (*c.buf)[c.r+c.head : c.w]
}

func (c *Conn) skip() {
	c.r += c.head
	c.head = 0
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
}

// ReadRecord returns the payload of the next record for the layer above, valid until the
// next read or Release. Pings are answered, pongs, empty records and unknown control
// records dropped. Errors: io.EOF when the peer closed between records; *wire.Error for a
// truncated or oversized record; *PeerError when the peer sent an error record; the error
// of the socket else. After an error the connection is useless.
func (c *Conn) ReadRecord() ([]byte, error) {
	c.skip()
	n, err := c.ahead(c.cfg.KeepAlive)
	if err != nil {
		return nil, err
	}
	payload := (*c.buf)[c.r+HeaderLength : c.r+n : c.r+n]
	c.head = n
	if payload[0] == '*' || payload[0] == 'N' {
		if info, ok := ParseErrorInfo(payload); ok {
			return nil, &PeerError{Info: info}
		}
		if rt, ok := ParseRouterError(payload); ok {
			return nil, &PeerError{Router: rt, Info: rt.Info}
		}
	}
	return payload, nil
}

// Wait blocks until a record for the layer above has been read into the buffer and keeps
// it there; pings are answered meanwhile. It serves whoever must notice that a peer has
// gone while something else runs. A wait that ends by InterruptRead loses nothing.
func (c *Conn) Wait() error {
	c.skip()
	_, err := c.ahead(0)
	return err
}

// ahead reads until a complete record for the layer above stands at (*buf)[r:] and
// returns its size with header.
func (c *Conn) ahead(keepAlive time.Duration) (int, error) {
	for {
		for c.w-c.r < HeaderLength {
			if err := c.await(keepAlive); err != nil {
				return 0, err
			}
		}
		length := binary.BigEndian.Uint32((*c.buf)[c.r:])
		if uint64(length) > uint64(c.cfg.MaxRecord) {
			return 0, &wire.Error{
				Layer: "ni", Record: "header", Field: "length", Err: wire.ErrLimit,
				Want: fmt.Sprintf("at most %d bytes", c.cfg.MaxRecord),
				Got:  fmt.Sprintf("%d (first bytes % x)", length, (*c.buf)[c.r:min(c.w, c.r+16)]),
			}
		}
		n := HeaderLength + int(length)
		for c.w-c.r < n {
			if err := c.fill(n); err != nil {
				return 0, err
			}
		}
		control := ControlOf((*c.buf)[c.r+HeaderLength : c.r+n])
		if control == NoControl {
			if c.controls != nil {
				c.controls.n = 0
			}
			return n, nil
		}
		c.r += n
		if err := c.serveControl(control); err != nil {
			return 0, err
		}
	}
}

// serveControl answers a ping and ends a flood of control records. Keep-alive pings of a
// connection that idles for weeks are no flood.
func (c *Conn) serveControl(control Control) error {
	if c.controls == nil {
		c.controls = new(controls)
	}
	k := c.controls
	if k.n == 0 {
		k.since = time.Now()
	}
	if k.n++; k.n > maxControl {
		if time.Since(k.since) < controlWindow {
			return &wire.Error{Layer: "ni", Record: "control", Err: wire.ErrLimit, Want: fmt.Sprintf("at most %d control records in a row", maxControl), Got: "more"}
		}
		k.n = 0
	}
	if control == Ping {
		return c.writeControl(pong)
	}
	return nil
}

// Poll looks, without waiting, whether the peer has left or sent something while nobody
// read. Control records are served; a record for the layer above stays in the buffer, and
// Buffered reports it. nil says that the peer was there a moment ago. Sockets that cannot
// be asked without waiting count as quiet.
func (c *Conn) Poll() error {
	c.Release()
	for c.raw.ok() && c.buf == nil {
		n, err := c.raw.read(c, false)
		if err != nil || n == 0 {
			return err
		}
		c.received.Add(int64(n))
		for c.w-c.r >= HeaderLength+len(ping) {
			b := (*c.buf)[c.r:c.w]
			length := binary.BigEndian.Uint32(b)
			if length > uint32(len(ping)) {
				break
			}
			control := ControlOf(b[HeaderLength : HeaderLength+length])
			if control == NoControl {
				break
			}
			c.r += HeaderLength + int(length)
			if err := c.serveControl(control); err != nil {
				return err
			}
		}
		c.Release()
	}
	return nil
}

// SilentError reports a peer that did not even answer a ping.
type SilentError struct {
	// For is how long nothing arrived.
	For time.Duration
}

// Error implements error.
func (e *SilentError) Error() string {
	return fmt.Sprintf("ni: no sign of life from the peer for %v, not even an answer to a ping", e.For)
}

// Timeout is true: it makes the error one of time.
func (e *SilentError) Timeout() bool { return true }

// Temporary is false: the connection is useless.
func (e *SilentError) Temporary() bool { return false }

// SetMaxRecord changes Config.MaxRecord once the peer is trusted with more.
func (c *Conn) SetMaxRecord(n int) { c.cfg.MaxRecord = n }

// SetKeepAlive changes Config.KeepAlive once it is known whether the peer may be pinged.
func (c *Conn) SetKeepAlive(d time.Duration) { c.cfg.KeepAlive = d }

// await reads the first bytes of a record and pings the peer while it is silent. Nothing is
// sent while a record is arriving.
func (c *Conn) await(keepAlive time.Duration) error {
	if keepAlive <= 0 || c.w > c.r {
		return c.fill(HeaderLength)
	}
	for pinged := false; ; pinged = true {
		limit := time.Now().Add(keepAlive)
		bound := !c.deadline.IsZero() && c.deadline.Before(limit)
		if bound {
			limit = c.deadline
		}
		if err := c.setRead(limit); err != nil {
			return err
		}
		err := c.fill(HeaderLength)
		if err == nil {
			return c.setRead(c.deadline)
		}
		if bound || c.w > c.r || c.canceled.Load() || c.paused.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if pinged {
			return &SilentError{For: 2 * keepAlive}
		}
		if err := c.Ping(); err != nil {
			return err
		}
	}
}

// fill reads at least one byte of a record that needs n bytes in all.
func (c *Conn) fill(n int) error {
	m, err := 0, error(nil)
	partial := c.w > c.r
	switch {
	case partial:
		c.makeRoom(n)
		if err := c.limitFrame(n); err != nil {
			return err
		}
		m, err = c.c.Read((*c.buf)[c.w:])
		c.w += m
	case c.raw.ok() && (c.buf == nil || len(*c.buf) == readBuffer):
		c.Release()
		m, err = c.raw.read(c, true)
	default:
		if c.buf == nil {
			c.buf = buffers.Get().(*[]byte)
		}
		c.r = 0
		m, err = c.c.Read(*c.buf)
		c.w = m
	}
	c.received.Add(int64(m))
	switch {
	case m > 0:
		if partial && c.w-c.r >= n {
			return c.setRead(c.deadline)
		}
		return nil
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, io.EOF) && partial:
		return &wire.Error{
			Layer: "ni", Record: "record", Offset: c.w - c.r, Err: errors.Join(wire.ErrTruncated, io.ErrUnexpectedEOF),
			Want: fmt.Sprintf("%d bytes", n), Got: fmt.Sprintf("%d, then the end of the connection", c.w-c.r),
		}
	}
	return err
}

// makeRoom moves or grows the buffer so that more of a record of n bytes can be read into
// it. Memory grows with what has arrived, not with what the header promises.
func (c *Conn) makeRoom(n int) {
	b := *c.buf
	if len(b)-c.r >= n {
		return
	}
	if c.r == 0 && c.w == len(b) {
		b = make([]byte, min(n, 2*len(b)+growStep))
	}
	copy(b, (*c.buf)[c.r:c.w])
	c.r, c.w = 0, c.w-c.r
	if len(b) != len(*c.buf) {
		c.putBuffer()
		c.buf = &b
	}
}

func (c *Conn) putBuffer() {
	if len(*c.buf) == readBuffer { // a grown one is left to the collector
		buffers.Put(c.buf)
	}
	c.buf = nil
}

// limitFrame starts the clock of a record that has begun to arrive.
func (c *Conn) limitFrame(n int) error {
	if !c.readDL.Equal(c.deadline) {
		return nil // running already
	}
	limit := time.Now().Add(c.cfg.FrameTimeout + time.Duration(n/minRate)*time.Second)
	if c.deadline.IsZero() || limit.Before(c.deadline) {
		return c.setRead(limit)
	}
	return nil
}

func (c *Conn) setRead(t time.Time) error {
	if t.Equal(c.readDL) {
		return nil
	}
	c.readDL = t
	return c.applyRead()
}

func (c *Conn) applyRead() error {
	if err := c.c.SetReadDeadline(c.readDL); err != nil {
		return err
	}
	if c.canceled.Load() || c.paused.Load() { // an interruption came meanwhile and must stand
		return c.c.SetReadDeadline(longAgo)
	}
	return nil
}

// SetReadLimit bounds all reads from now on without a context: the accepting side uses it
// for set-up and idle limits. Zero means no limit. Begin replaces the limit, End lifts it.
func (c *Conn) SetReadLimit(d time.Duration) error {
	if d <= 0 {
		c.deadline = time.Time{}
	} else {
		c.deadline = time.Now().Add(d)
	}
	return c.setRead(c.deadline)
}

// InterruptRead makes a blocked Wait return with a timeout error; ResumeRead makes reads
// work again.
func (c *Conn) InterruptRead() {
	c.paused.Store(true)
	_ = c.c.SetReadDeadline(longAgo)
}

// ResumeRead undoes InterruptRead.
func (c *Conn) ResumeRead() error {
	c.paused.Store(false)
	return c.applyRead()
}

// WriteRecord sends one record in one write. buf starts with HeaderLength bytes of room
// for the length, which WriteRecord fills in; the rest is the payload. It returns how many
// bytes the operating system took, which decides what is known about a failed call.
//
// Further records may stand in front of buf's record in queued, framed already by
// AppendRecord: they leave in the same write.
func (c *Conn) WriteRecord(buf []byte, queued ...byte) (int, error) {
	n := len(buf) - HeaderLength
	if n < 0 || uint64(n) > 0xffffffff {
		return 0, fmt.Errorf("ni: record of %d bytes", n)
	}
	binary.BigEndian.PutUint32(buf, uint32(n))
	if len(queued) > 0 {
		buf = append(queued, buf...)
	}
	return c.writeAll(buf)
}

// WriteRaw writes bytes that are no record, for a peer that speaks another protocol.
func (c *Conn) WriteRaw(b []byte) (int, error) { return c.writeAll(b) }

// writeAll writes with the write limit. The deadline is renewed only when half of it is
// gone, which keeps the timer out of the fast path.
func (c *Conn) writeAll(b []byte) (int, error) {
	now := time.Now()
	c.wrote = now
	limit := now.Add(c.cfg.WriteTimeout)
	bound := c.ctx != nil && !c.deadline.IsZero() && c.deadline.Before(limit)
	if bound {
		limit = c.deadline
	}
	if left := c.writeDL.Sub(now); bound && !limit.Equal(c.writeDL) || left < c.cfg.WriteTimeout/2 || left > c.cfg.WriteTimeout {
		c.writeDL = limit
		if err := c.c.SetWriteDeadline(limit); err != nil {
			return 0, err
		}
		if c.canceled.Load() {
			_ = c.c.SetWriteDeadline(longAgo)
		}
	}
	n, err := c.c.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// writeControl sends a control payload from whatever goroutine reads.
func (c *Conn) writeControl(payload []byte) error {
	var b [HeaderLength + 8]byte
	rec := AppendRecord(b[:0], payload)
	_, err := c.writeAll(rec)
	return err
}

// Ping sends NI_PING. Plain external clients must not be pinged: at least one takes the
// eight bytes for an answer (spec 40.3 [experiment]).
func (c *Conn) Ping() error { return c.writeControl(ping) }

// Close closes the socket. It is idempotent.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.c.Close()
}

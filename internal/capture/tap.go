package capture

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// TapConfig sets how a connection is recorded. Its zero value records the client end.
type TapConfig struct {
	// Stream is the conversation number of the frames.
	Stream int
	// Written is the direction of what this end writes; Unknown means ClientToServer.
	Written Direction
	// Hook, if not nil, sees each frame before it is recorded and returns the one to record,
	// for example with a password blanked. It owns the payload and may change it in place.
	// It may be called from several goroutines at once.
	Hook func(Frame) Frame
	// OnError, if not nil, is told once for each direction why recording stopped there, and
	// at the end of the connection of a record that never ended. The connection itself is not affected. It must
	// not call the connection's Read or Write.
	OnError func(error)
	// MaxRecordBytes is the longest payload to be recorded, in bytes; default
	// DefaultMaxRecordBytes. A longer record stops the recording of its direction.
	MaxRecordBytes int64
	// Now gives the time of a frame; default time.Now.
	Now func() time.Time
}

// TapConn is a connection that is being recorded. It is as safe for concurrent use as the
// connection below.
type TapConn struct {
	net.Conn
	cfg    TapConfig
	w      Writer
	closed atomic.Bool

	// Each mutex is held during the call below it, as net.Conn does itself: otherwise the
	// bytes of two callers could be recorded in another order than they were sent. Close and
	// the deadlines do not take them. Neither is taken while the other is held.
	writing sync.Mutex
	written tapped
	reading sync.Mutex
	read    tapped
}

// tapped is one direction of a tapped connection.
type tapped struct {
	dir   Direction
	split splitter
	off   bool // recording stopped
}

// Tap records what passes c into w, cut into NI records. The connection behaves as c
// does: same reads, writes and errors, whatever happens to the recording; w is not closed
// with it.
//
// A record is recorded when its last byte was read, or is about to be written: recorded
// first, it cannot come behind the answer to it. If that write fails, OnError is told.
func Tap(c net.Conn, w Writer, cfg TapConfig) *TapConn {
	if cfg.Written != ServerToClient {
		cfg.Written = ClientToServer
	}
	if cfg.MaxRecordBytes <= 0 {
		cfg.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &TapConn{Conn: c, cfg: cfg, w: w}
	t.written = tapped{dir: cfg.Written, split: splitter{max: cfg.MaxRecordBytes}}
	t.read = tapped{dir: cfg.Written.Reverse(), split: splitter{max: cfg.MaxRecordBytes}}
	return t
}

// NetConn gives the connection below.
func (t *TapConn) NetConn() net.Conn { return t.Conn }

// Read implements net.Conn.
func (t *TapConn) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	n, err := t.Conn.Read(p)
	if n > 0 && n <= len(p) {
		t.record(&t.read, p[:n])
	}
	if errors.Is(err, io.EOF) {
		t.end(&t.read)
	}
	return n, err
}

// Write implements net.Conn.
func (t *TapConn) Write(p []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.record(&t.written, p)
	n, err := t.Conn.Write(p)
	if n < len(p) && !t.written.off {
		// How much left is not known for sure: behind a failed write nothing is certain.
		t.stop(&t.written, errors.Join(errors.New("capture: a frame was recorded that was not sent completely"), err))
	}
	return n, err
}

// Close closes the connection below and reports a record that never ended to OnError.
func (t *TapConn) Close() error {
	err := t.Conn.Close()
	if t.closed.CompareAndSwap(false, true) {
		// The calls that Close interrupts may still hold the mutexes; an end that is in use
		// is not looked at rather than waited for.
		t.finish(&t.writing, &t.written)
		t.finish(&t.reading, &t.read)
	}
	return err
}

func (t *TapConn) finish(mu *sync.Mutex, d *tapped) {
	if !mu.TryLock() {
		return
	}
	defer mu.Unlock()
	t.end(d)
}

// end reports a record that has begun but not ended.
func (t *TapConn) end(d *tapped) {
	if d.off {
		return
	}
	if err := d.split.finish(); err != nil {
		t.stop(d, t.where(d, err))
	}
}

func (t *TapConn) record(d *tapped, p []byte) {
	if d.off {
		return
	}
	var refused error
	err := d.split.feed(p, func(off int64, payload []byte) error {
		f := Frame{Direction: d.dir, Stream: t.cfg.Stream, Time: t.cfg.Now().UTC(), Offset: off, Payload: payload}
		if t.cfg.Hook != nil {
			f = t.cfg.Hook(f)
		}
		refused = t.w.Write(f)
		return refused
	})
	switch {
	case refused != nil:
		t.stop(d, refused)
	case err != nil:
		t.stop(d, t.where(d, err))
	}
}

func (t *TapConn) where(d *tapped, err error) error {
	return &Error{Stream: t.cfg.Stream, Direction: d.dir, Connection: connectionName(t.cfg.Stream, d.dir), Offset: d.split.start, Err: err}
}

// stop ends the recording of one direction.
func (t *TapConn) stop(d *tapped, err error) {
	d.off = true
	d.split.body = nil
	if t.cfg.OnError != nil {
		t.cfg.OnError(err)
	}
}

package netfault

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultBuffer is how many bytes each direction of a Pipe holds before a writer waits.
const DefaultBuffer = 64 << 10

// Pipe returns the two ends of an in-memory connection whose directions hold DefaultBuffer
// bytes each.
func Pipe() (client, server net.Conn) { return PipeSize(DefaultBuffer) }

// PipeSize is Pipe with another buffer size in bytes; with 0 every write waits until its
// deadline or the end of the connection.
//
// The ends behave like sockets: reads return what is there, a closed peer gives io.EOF
// behind the last byte and EPIPE to writers, an end closed here gives net.ErrClosed, a
// passed deadline os.ErrDeadlineExceeded. Both ends are safe for concurrent use.
func PipeSize(size int) (client, server net.Conn) {
	up, down := newStream(size), newStream(size)
	return &end{in: down, out: up, local: "client", remote: "server"},
		&end{in: up, out: down, local: "server", remote: "client"}
}

// Link is Pipe over a slow network: each direction carries rate bytes per second, and every
// byte takes delay to arrive. Each holds a second and a delay's worth of bytes, as a TCP window
// of the right size would. In a synctest bubble the time is that of the link alone.
func Link(rate int, delay time.Duration) (client, server net.Conn) {
	size := rate + int(delay.Seconds()*float64(rate))
	up, down := newStream(size), newStream(size)
	up.rate, up.delay, down.rate, down.delay = rate, delay, rate, delay
	return &end{in: down, out: up, local: "client", remote: "server"},
		&end{in: up, out: down, local: "server", remote: "client"}
}

// stream is one direction.
type stream struct {
	size  int
	rate  int // bytes per second; 0: as fast as memory
	delay time.Duration

	mu           sync.Mutex
	changed      *sync.Cond
	buf          []byte
	consumed     int  // bytes of buf that were read already
	writerClosed bool // no more bytes will come
	readerClosed bool // nobody will read
	read, write  deadline

	// Of a stream with a rate.
	busy    time.Time // the link has sent all bytes so far
	pieces  []piece   // on their way, in order
	arrived int       // bytes that were delivered and not read
	alarm   *time.Timer
}

// piece is what one write put on the link.
type piece struct {
	n  int
	at time.Time // of its arrival
}

// send puts n bytes on the link.
func (s *stream) send(n int) {
	now := time.Now()
	if s.busy.Before(now) {
		s.busy = now
	}
	s.busy = s.busy.Add(time.Duration(int64(n) * int64(time.Second) / int64(s.rate)))
	s.pieces = append(s.pieces, piece{n, s.busy.Add(s.delay)})
}

// available is the number of bytes a reader can take now; it sees to it that the reader is
// woken up when the next ones arrive.
func (s *stream) available() int {
	if s.rate == 0 {
		return s.held()
	}
	now := time.Now()
	for len(s.pieces) > 0 && !s.pieces[0].at.After(now) {
		s.arrived += s.pieces[0].n
		s.pieces = s.pieces[1:]
	}
	if s.arrived == 0 && len(s.pieces) > 0 {
		if s.alarm != nil {
			s.alarm.Stop()
		}
		s.alarm = time.AfterFunc(s.pieces[0].at.Sub(now), s.wake)
	}
	return s.arrived
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newStream(size int) *stream {
	s := &stream{size: size}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// set replaces a deadline; the timer only wakes up who waits.
func (s *stream) set(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, s.wake)
	}
	s.changed.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// held is the number of bytes that wait for the reader.
func (s *stream) held() int { return len(s.buf) - s.consumed }

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerClosed:
			return 0, net.ErrClosed
		case s.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.available() > 0:
			n := copy(p, s.buf[s.consumed:s.consumed+s.available()])
			if s.rate > 0 {
				s.arrived -= n
			}
			if s.consumed += n; s.consumed == len(s.buf) {
				s.buf, s.consumed = s.buf[:0], 0
			}
			s.changed.Broadcast()
			return n, nil
		case s.writerClosed && s.held() == 0:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

// readNow reads what is there; 0 and no error if nothing is.
func (s *stream) readNow(p []byte) (int, error) {
	s.mu.Lock()
	quiet := !s.readerClosed && !s.read.passed() && s.held() == 0 && !s.writerClosed
	s.mu.Unlock()
	if quiet {
		return 0, nil
	}
	return s.Read(p) // does not wait: nobody else reads
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for {
		switch {
		case s.writerClosed:
			return n, net.ErrClosed
		case s.readerClosed:
			return n, syscall.EPIPE
		case s.write.passed():
			return n, os.ErrDeadlineExceeded
		}
		if room := s.size - s.held(); room > 0 && n < len(p) {
			take := min(room, len(p)-n)
			if s.consumed > 0 && take > cap(s.buf)-len(s.buf) {
				s.buf, s.consumed = append(s.buf[:0], s.buf[s.consumed:]...), 0
			}
			s.buf = append(s.buf, p[n:n+take]...)
			if n += take; s.rate > 0 {
				s.send(take)
			}
			s.changed.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		s.changed.Wait()
	}
}

// close marks one side as gone and stops its timer.
func (s *stream) close(side *bool, d *deadline) {
	s.set(d, time.Time{})
	s.mu.Lock()
	defer s.mu.Unlock()
	*side = true
	if s.alarm != nil && side == &s.readerClosed {
		s.alarm.Stop()
	}
	s.changed.Broadcast()
}

// end is one end of a Pipe.
type end struct {
	in, out       *stream
	local, remote address
}

func (e *end) Read(p []byte) (int, error) { return e.in.Read(p) }

// ReadNow reads what has arrived without waiting: 0 and no error if nothing has. Nobody else may
// read meanwhile.
func (e *end) ReadNow(p []byte) (int, error) { return e.in.readNow(p) }

func (e *end) Write(p []byte) (int, error) { return e.out.Write(p) }

func (e *end) Close() error {
	e.out.close(&e.out.writerClosed, &e.out.write)
	e.in.close(&e.in.readerClosed, &e.in.read)
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetDeadline(t time.Time) error {
	e.in.set(&e.in.read, t)
	e.out.set(&e.out.write, t)
	return nil
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.set(&e.in.read, t)
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.set(&e.out.write, t)
	return nil
}

type address string

func (address) Network() string  { return "pipe" }
func (a address) String() string { return string(a) }

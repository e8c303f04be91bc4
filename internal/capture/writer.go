package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Writer takes the frames of a recording in order. Implementations of this package are
// safe for concurrent use and do not keep the payload.
type Writer interface {
	Write(Frame) error
	Close() error
}

var errClosed = errors.New("capture: the recording is closed")

// checkFrame refuses what no recording can hold.
func checkFrame(f Frame) error {
	switch {
	case f.Direction != ClientToServer && f.Direction != ServerToClient:
		return errors.New("capture: a frame to be recorded needs a direction, c2s or s2c")
	case f.Stream < 0:
		return fmt.Errorf("capture: a frame to be recorded needs a stream number of 0 or more, got %d", f.Stream)
	case uint64(len(f.Payload)) > math.MaxUint32:
		return fmt.Errorf("capture: an ni record holds at most %d bytes, got %d", uint32(math.MaxUint32), len(f.Payload))
	}
	return nil
}

// WriterOption adjusts a writer.
type WriterOption func(*writerOptions)

type writerOptions struct{ serverPort uint16 }

// WithServerPort sets the server port of the TCP connections that PcapngWriter makes up.
// Default 3300; analysers find the protocol by a port 33NN. 0 keeps the default.
func WithServerPort(port uint16) WriterOption {
	return func(o *writerOptions) {
		if port != 0 {
			o.serverPort = port
		}
	}
}

// Create makes or truncates the file at path, readable for its owner only because a
// recording holds user data, and chooses the format by the extension: .jsonl or .pcapng.
// Closing the writer closes the file.
func Create(path string, opts ...WriterOption) (Writer, error) {
	ext := strings.ToLower(filepath.Ext(path))
	if ext != ".jsonl" && ext != ".pcapng" {
		return nil, fmt.Errorf("capture: cannot record to %s: want the extension .jsonl or .pcapng, got %q", path, ext)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if ext == ".jsonl" {
		return &fileWriter{Writer: NewJSONLWriter(f), file: f}, nil
	}
	return &fileWriter{Writer: NewPcapngWriter(f, opts...), file: f}, nil
}

// fileWriter closes the file of a writer.
type fileWriter struct {
	Writer
	file *os.File
	once sync.Once
	err  error
}

func (w *fileWriter) Close() error {
	w.once.Do(func() {
		w.err = errors.Join(w.Writer.Close(), w.file.Close())
	})
	return w.err
}

const (
	// defaultServerPort is the gateway port of system number 00. Source: spec 01.1 [capture].
	defaultServerPort = 3300
	// firstClientPort begins the range of ephemeral ports; clientPorts are used of each address.
	firstClientPort = 49152
	clientPorts     = 16384
	// maxSegment is the payload of a TCP segment in a packet of 1500 bytes.
	maxSegment = 1460
	// ackAfter is the number of bytes in one direction after which the other end acknowledges:
	// well below the window of 65535 that both ends announce.
	ackAfter = 32768
)

// PcapngWriter writes each conversation as a TCP connection over Ethernet and IPv4, made
// up so that packet analysers and Read find the same byte streams in it: a handshake
// before the first frame, segments of at most 1460 bytes, correct sequence numbers,
// acknowledgements and checksums, and a FIN from both ends at Close. Conversation n (by
// first appearance) is 198.18.x.y with an ephemeral port to 198.19.0.1 with the server
// port, addresses reserved for benchmarks. A frame without time gets one microsecond
// after the frame before it. A Bare frame is written with its length like any other.
// Every frame is flushed to the underlying writer. Safe for concurrent use.
type PcapngWriter struct {
	opts writerOptions

	mu      sync.Mutex // held during writes to out: packets must not mix
	out     io.Writer
	begun   bool   // the file header is in pending or written
	pending []byte // not yet written to out
	flows   map[int]*flow
	order   []*flow
	clock   time.Time
	ident   uint16
	frame   []byte // the packet that is being made
	segment [maxSegment]byte
	err     error
	closed  bool
}

// flow is one TCP connection that is being made up. Index 0 is the client.
type flow struct {
	ends    [2]netip.AddrPort
	seq     [2]uint32
	unacked [2]int
}

// NewPcapngWriter writes to w, which stays open when the writer is closed.
func NewPcapngWriter(w io.Writer, opts ...WriterOption) *PcapngWriter {
	p := &PcapngWriter{
		opts: writerOptions{serverPort: defaultServerPort}, out: w, flows: map[int]*flow{},
		// A fixed start keeps recordings without times reproducible.
		clock: time.Unix(1_700_000_000, 0).UTC(),
	}
	for _, o := range opts {
		o(&p.opts)
	}
	return p
}

// Write appends the packets of one frame. A frame without direction is refused; after the
// first failure to write every later one fails the same way.
func (p *PcapngWriter) Write(f Frame) error {
	if err := checkFrame(f); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if p.closed {
		return errClosed
	}
	if err := p.write(f); err != nil {
		p.err = fmt.Errorf("capture: write frame: %w", err)
	}
	return p.err
}

// Close ends all connections and flushes; later writes fail. It reports an earlier failure
// to write. Idempotent.
func (p *PcapngWriter) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.err != nil {
		p.closed = true
		return p.err
	}
	p.closed = true
	if err := p.end(); err != nil {
		p.err = fmt.Errorf("capture: end recording: %w", err)
	}
	return p.err
}

// open writes the file header before the first packet.
func (p *PcapngWriter) open() {
	if !p.begun {
		p.begun = true
		p.pending = appendSection(p.pending, "purerfc", "ni", "NI records on made-up TCP connections")
	}
}

// flush hands out what was collected.
func (p *PcapngWriter) flush() error {
	_, err := p.out.Write(p.pending)
	if p.pending = p.pending[:0]; cap(p.pending) > 4*readChunk {
		p.pending = nil
	}
	return err
}

func (p *PcapngWriter) write(f Frame) error {
	p.open()
	p.tick(f.Time)
	fl := p.flows[f.Stream]
	if fl == nil {
		fl = p.newFlow()
		p.flows[f.Stream] = fl
		p.packet(fl, 0, segment{syn: true})
		p.packet(fl, 1, segment{syn: true, acks: true})
		p.packet(fl, 0, segment{acks: true})
	}
	side := 0
	if f.Direction == ServerToClient {
		side = 1
	}
	head := binary.BigEndian.AppendUint32(p.segment[:0], uint32(len(f.Payload)))
	rest := f.Payload
	for first := true; first || len(rest) > 0; first = false {
		n := len(head) + copy(p.segment[len(head):], rest)
		rest = rest[n-len(head):]
		head = nil
		p.packet(fl, side, segment{acks: true, push: len(rest) == 0, payload: p.segment[:n]})
		if fl.unacked[side] >= ackAfter {
			p.packet(fl, 1-side, segment{acks: true})
		}
		if len(p.pending) >= readChunk {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return p.flush()
}

func (p *PcapngWriter) end() error {
	p.open()
	p.tick(time.Time{})
	for _, fl := range p.order {
		p.packet(fl, 0, segment{fin: true, acks: true})
		p.packet(fl, 1, segment{fin: true, acks: true})
		p.packet(fl, 0, segment{acks: true})
	}
	return p.flush()
}

// tick sets the time of the next packets. The file counts nanoseconds since 1970.
func (p *PcapngWriter) tick(t time.Time) {
	if t.Unix() > 0 && t.Unix() < math.MaxInt64/1_000_000_000 {
		p.clock = t
		return
	}
	p.clock = p.clock.Add(time.Microsecond)
}

func (p *PcapngWriter) newFlow() *flow {
	n := len(p.order)
	host := uint32(n/clientPorts) + 1
	fl := &flow{
		ends: [2]netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(host >> 8), byte(host)}), uint16(firstClientPort+n%clientPorts)),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 19, 0, 1}), p.opts.serverPort),
		},
		seq: [2]uint32{1000, 5000},
	}
	p.order = append(p.order, fl)
	return fl
}

// packet writes one segment and moves the sequence numbers on.
func (p *PcapngWriter) packet(fl *flow, side int, s segment) {
	other := 1 - side
	p.ident++
	s.src, s.dst, s.seq = fl.ends[side], fl.ends[other], fl.seq[side]
	if s.acks {
		s.ack = fl.seq[other]
		fl.unacked[other] = 0
	}
	p.frame = appendSegment(p.frame[:0], [2]byte{byte(1 + side), byte(1 + other)}, p.ident, &s)
	p.pending = appendPacket(p.pending, p.clock, p.frame)
	fl.seq[side] += uint32(len(s.payload))
	if s.syn || s.fin {
		fl.seq[side]++
	}
	fl.unacked[side] += len(s.payload)
}

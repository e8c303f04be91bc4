package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/internal/wire"
)

// ReadFile reads the recording at path as Read does.
func ReadFile(path string, opts Options) ([]Frame, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	defer f.Close()
	limit := opts.withDefaults().MaxFileBytes
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Size() > limit {
		return nil, &Error{Name: path, Stream: -1, Err: fail("file", "", "size", 0, wire.ErrLimit,
			fmt.Sprintf("at most %d bytes", limit), fmt.Sprintf("%d", st.Size()))}
	}
	return Read(path, f, opts)
}

// Read reads a recording to its end and returns its frames in the order in which they
// were completed. A packet capture is recognised by its first bytes, the other formats by
// the extension of name (.bin, .hex, .jsonl); without a known one the first bytes decide
// between JSON lines, a hex dump and raw records.
//
// On damage the frames that were complete before it are returned together with the
// error: *Error, or several joined when more than one TCP connection is damaged. Match
// the reason with errors.Is: wire.ErrTruncated, wire.ErrLimit, wire.ErrMalformed, ErrGap.
func Read(name string, r io.Reader, opts Options) ([]Frame, error) {
	c := &collector{name: name, opts: opts.withDefaults()}
	c.meter = &meter{r: r, max: c.opts.MaxFileBytes}
	c.br = bufio.NewReaderSize(c.meter, readChunk)
	err := c.read()
	// A library between the meter and us may have rewritten the error of the meter.
	if err != nil && c.meter.err != nil && !errors.Is(err, c.meter.err) {
		err = errors.Join(c.at(c.meter.n, c.meter.err), err)
	}
	return c.frames, err
}

// collector is one reading of one recording.
type collector struct {
	name   string
	opts   Options
	meter  *meter
	br     *bufio.Reader
	frames []Frame
}

func (c *collector) read() error {
	head, err := c.br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return c.at(c.pos(), err)
	}
	ext := strings.ToLower(filepath.Ext(c.name))
	switch kind := magic(head); {
	case kind == "pcap":
		return c.readPcap()
	case kind == "pcapng":
		return c.readPcapng()
	case ext == ".pcap", ext == ".pcapng", ext == ".cap":
		if len(head) < 4 {
			return c.at(0, fail("pcap", "file header", "magic", 0, wire.ErrTruncated, "4 bytes", fmt.Sprintf("%d", len(head))))
		}
		want := "a1b2c3d4 or a1b23c4d in either byte order, or 0a0d0d0a"
		if head[0] == 0x1f && head[1] == 0x8b {
			want += " (the file is gzip-compressed: uncompress it first)"
		}
		return c.at(0, fail("pcap", "file header", "magic", 0, wire.ErrMalformed, want, fmt.Sprintf("%x", head)))
	case ext == ".bin":
		return c.readBin()
	case ext == ".hex":
		return c.readHex()
	case ext == ".jsonl", ext == ".ndjson":
		return c.readJSONL()
	}
	return c.readUnnamed()
}

// readUnnamed reads what neither magic nor extension tells. NUL is in every raw record
// below 16 MiB and in no text.
func (c *collector) readUnnamed() error {
	head, err := c.br.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return c.at(c.pos(), err)
	}
	switch {
	case bytes.IndexByte(head, 0) >= 0 || !validText(head):
		return c.readBin()
	case bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(head, utf8BOM)), []byte("{")):
		return c.readJSONL()
	default:
		return c.readHex()
	}
}

var utf8BOM = []byte("\xef\xbb\xbf")

// validText is utf8.Valid for a beginning that may cut its last character.
func validText(b []byte) bool {
	for range utf8.UTFMax {
		if utf8.Valid(b) {
			return true
		}
		if len(b) == 0 {
			return false
		}
		b = b[:len(b)-1]
	}
	return false
}

// magic recognises packet captures. Source: pcap and pcapng file formats [doc].
func magic(b []byte) string {
	if len(b) < 4 {
		return ""
	}
	switch [4]byte(b[:4]) {
	case [4]byte{0xa1, 0xb2, 0xc3, 0xd4}, [4]byte{0xd4, 0xc3, 0xb2, 0xa1},
		[4]byte{0xa1, 0xb2, 0x3c, 0x4d}, [4]byte{0x4d, 0x3c, 0xb2, 0xa1}:
		return "pcap"
	case [4]byte{0x0a, 0x0d, 0x0d, 0x0a}:
		return "pcapng"
	}
	return ""
}

// pos is the offset in the file of the next byte to be taken from c.br.
func (c *collector) pos() int64 { return c.meter.n - int64(c.br.Buffered()) }

// at wraps a reason with the place in the file.
func (c *collector) at(off int64, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Name: c.name, Stream: -1, Offset: off, Err: err}
}

func (c *collector) add(f Frame) error {
	if len(c.frames) >= c.opts.MaxFrames {
		return fail("ni", fmt.Sprintf("record %d", len(c.frames)+1), "", f.Offset, wire.ErrLimit,
			fmt.Sprintf("at most %d frames", c.opts.MaxFrames), "more")
	}
	c.frames = append(c.frames, f)
	return nil
}

// meter counts the bytes of a file and ends it at the limit.
type meter struct {
	r   io.Reader
	n   int64
	max int64
	err error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	// One byte more than allowed tells a file that is too long from one that just fits.
	if room := m.max + 1 - m.n; int64(len(p)) > room {
		p = p[:max(room, 0)]
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.n > m.max {
		n--
		m.n--
		m.err = fail("file", "", "size", m.max, wire.ErrLimit, fmt.Sprintf("at most %d bytes", m.max), "more")
		return n, m.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}

// readBin reads consecutive NI records, or one bare payload.
func (c *collector) readBin() error {
	if c.opts.Bare {
		return c.readBareBin()
	}
	s := splitter{max: c.opts.MaxRecordBytes}
	emit := func(off int64, payload []byte) error {
		return c.add(Frame{Offset: off, Payload: payload})
	}
	buf := make([]byte, readChunk)
	for {
		n, err := c.br.Read(buf)
		if ferr := s.feed(buf[:n], emit); ferr != nil {
			return c.at(s.start, ferr)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.at(c.pos(), err)
		}
	}
	if s.off == 0 {
		return c.at(0, fail("ni", "record 1", "length", 0, wire.ErrTruncated, "4 bytes", "an empty file"))
	}
	return c.at(s.start, s.finish())
}

func (c *collector) readBareBin() error {
	b, err := io.ReadAll(io.LimitReader(c.br, c.opts.MaxRecordBytes+1))
	if err != nil {
		return c.at(c.pos(), err)
	}
	return c.at(0, c.addBare(Unknown, 0, b))
}

// addBare adds one payload without length bytes.
func (c *collector) addBare(d Direction, off int64, b []byte) error {
	switch {
	case len(b) == 0:
		return fail("ni", "bare payload", "", off, wire.ErrTruncated, "at least 1 byte", "none")
	case int64(len(b)) > c.opts.MaxRecordBytes:
		return fail("ni", "bare payload", "", off, wire.ErrLimit, fmt.Sprintf("at most %d bytes", c.opts.MaxRecordBytes), "more")
	}
	return c.add(Frame{Direction: d, Offset: off, Payload: bytes.Clone(b), Bare: true})
}

// lines walks the lines of a text format. The bytes handed out are valid until the next line.
type lines struct {
	c      *collector
	number int   // of the current line, from 1
	off    int64 // where the current line begins in the file
	next   int64
	buf    []byte
}

// read gives the next line without its line end; io.EOF behind the last one.
func (l *lines) read() ([]byte, error) {
	limit := 4*l.c.opts.MaxRecordBytes + lineSlack
	l.off = l.next
	l.number++
	l.buf = l.buf[:0]
	for {
		part, err := l.c.br.ReadSlice('\n')
		l.next += int64(len(part))
		if int64(len(l.buf))+int64(len(part)) > limit {
			return nil, l.fail(fail("text", "", "line", 0, wire.ErrLimit, fmt.Sprintf("at most %d bytes", limit), "more"))
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(l.buf) > 0:
			line := bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r"))
			if l.number == 1 {
				line = bytes.TrimPrefix(line, utf8BOM)
			}
			return line, nil
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return nil, l.fail(err)
		}
	}
}

func (l *lines) fail(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Name: l.c.name, Line: l.number, Stream: -1, Offset: l.off, Err: err}
}

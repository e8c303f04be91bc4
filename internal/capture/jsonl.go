package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
)

// jsonLine is one line of a .jsonl recording. Hex holds the NI record with its length
// bytes, or the payload alone when NI is true ("the NI length is still to be added").
type jsonLine struct {
	Dir    string    `json:"dir"`
	Hex    *string   `json:"hex"`
	NI     bool      `json:"ni,omitempty"`
	Stream int       `json:"stream,omitempty"`
	Time   time.Time `json:"time,omitzero"`
}

func (c *collector) readJSONL() error {
	l := lines{c: c}
	for {
		line, err := l.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := c.jsonFrames(l.off, line); err != nil {
			return l.fail(err)
		}
	}
}

func (c *collector) jsonFrames(off int64, line []byte) error {
	var v jsonLine
	if err := json.Unmarshal(line, &v); err != nil {
		reason, at := wire.ErrMalformed, int64(0)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
			if at >= int64(len(line)) {
				reason = wire.ErrTruncated
			}
		}
		return fail("jsonl", "", "line", at, reason, `an object {"dir":"c2s","hex":"..."}`, err.Error())
	}
	dir, ok := parseDirection(v.Dir)
	if !ok {
		return fail("jsonl", "", "dir", 0, wire.ErrMalformed, `"c2s" or "s2c"`, fmt.Sprintf("%.40q", v.Dir))
	}
	if v.Hex == nil {
		return fail("jsonl", "", "hex", 0, wire.ErrMalformed, "a string of hex digits", "no such member")
	}
	if v.Stream < 0 {
		return fail("jsonl", "", "stream", 0, wire.ErrMalformed, "0 or more", fmt.Sprintf("%d", v.Stream))
	}
	data, err := hexDigits(*v.Hex)
	if err != nil {
		return err
	}
	frame := Frame{Direction: dir, Stream: v.Stream, Time: v.Time.UTC(), Offset: off}
	if v.NI {
		if int64(len(data)) > c.opts.MaxRecordBytes {
			return fail("ni", "bare payload", "", 0, wire.ErrLimit, fmt.Sprintf("at most %d bytes", c.opts.MaxRecordBytes), fmt.Sprintf("%d", len(data)))
		}
		frame.Payload, frame.Bare = data, true
		return c.add(frame)
	}
	if len(data) == 0 {
		return fail("ni", "record 1", "length", 0, wire.ErrTruncated, "4 bytes", "0")
	}
	s := splitter{max: c.opts.MaxRecordBytes}
	err = s.feed(data, func(_ int64, payload []byte) error {
		f := frame
		f.Payload = payload
		return c.add(f)
	})
	if err != nil {
		return err
	}
	return s.finish()
}

// hexDigits decodes hex digits with optional blanks between them; the offset of an error
// counts characters.
func hexDigits(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/2)
	high, half := byte(0), false
	for i := range len(s) {
		ch := s[i]
		if ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' {
			continue
		}
		n, ok := nibble(ch)
		if !ok {
			return nil, fail("jsonl", "", "hex", int64(i), wire.ErrMalformed, "a hex digit", fmt.Sprintf("%q", ch))
		}
		if half {
			out = append(out, high<<4|n)
		}
		high, half = n, !half
	}
	if half {
		return nil, fail("jsonl", "", "hex", int64(len(s)), wire.ErrTruncated, "an even number of hex digits", "an odd one")
	}
	return out, nil
}

func nibble(ch byte) (byte, bool) {
	switch {
	case ch >= '0' && ch <= '9':
		return ch - '0', true
	case ch >= 'a' && ch <= 'f':
		return ch - 'a' + 10, true
	case ch >= 'A' && ch <= 'F':
		return ch - 'A' + 10, true
	}
	return 0, false
}

// JSONLWriter writes one JSON object a line for each frame: "dir", "hex" (the NI record
// with its length bytes; of a Bare frame the payload, with "ni": true), "stream" if not 0
// and "time" if known. Every frame is one Write, so that a recording survives the end of
// its process up to the last frame. Safe for concurrent use.
type JSONLWriter struct {
	mu     sync.Mutex // held during Write to w: lines must not mix
	w      io.Writer
	err    error
	closed bool
}

// NewJSONLWriter writes to w, which stays open when the writer is closed.
func NewJSONLWriter(w io.Writer) *JSONLWriter { return &JSONLWriter{w: w} }

// Write appends one line. A frame without direction is refused; after the first failure
// to write every later one fails the same way.
func (j *JSONLWriter) Write(f Frame) error {
	if err := checkFrame(f); err != nil {
		return err
	}
	raw := f.Payload
	if !f.Bare {
		raw = binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(f.Payload)), uint32(len(f.Payload)))
		raw = append(raw, f.Payload...)
	}
	digits := hex.EncodeToString(raw)
	v := jsonLine{Dir: f.Direction.String(), Hex: &digits, NI: f.Bare, Stream: f.Stream}
	// JSON has no time outside of the years 0 to 9999.
	if t := f.Time.UTC(); !f.Time.IsZero() && t.Year() >= 0 && t.Year() <= 9999 {
		v.Time = t
	}
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("capture: encode frame: %w", err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if j.closed {
		return errClosed
	}
	if _, err := j.w.Write(line); err != nil {
		j.err = fmt.Errorf("capture: write frame: %w", err)
	}
	return j.err
}

// Close ends the recording; later writes fail. It reports an earlier failure to write.
// Idempotent.
func (j *JSONLWriter) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return j.err
}

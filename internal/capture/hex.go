package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/internal/wire"
)

// hexReader reads an annotated hex dump. Each line has an optional offset column, bytes
// and an optional comment behind # or ; or an ASCII gutter behind |. A line "c2s:" or
// "s2c:" (bytes may follow) or "# dir: c2s" ends the section before it and gives the
// direction of the next one. A section holds whole NI records, or with Options.Bare one
// payload.
type hexReader struct {
	c      *collector
	dir    Direction
	split  splitter
	bare   []byte
	total  int64 // bytes shown so far, in all sections
	begin  int64 // total at the beginning of the section
	dump   bool  // the section has an offset column
	column int64 // what the next offset column must say
}

func (c *collector) readHex() error {
	h := hexReader{c: c, split: splitter{max: c.opts.MaxRecordBytes}}
	l := lines{c: c}
	for {
		line, err := l.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := h.line(string(line)); err != nil {
			return l.fail(err)
		}
	}
	if err := h.endSection(); err != nil {
		return c.at(l.off, err)
	}
	if h.total == 0 {
		return c.at(0, fail("hex", "", "", 0, wire.ErrTruncated, "at least 1 byte", "none in the file"))
	}
	return nil
}

// directive recognises a line that sets the direction and gives the rest of the line.
func directive(line string) (Direction, string, bool) {
	s := strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(s, "#"); ok {
		if word, ok := strings.CutPrefix(strings.TrimSpace(rest), "dir:"); ok {
			d, ok := parseDirection(strings.TrimSpace(word))
			return d, "", ok && d != Unknown
		}
		return Unknown, "", false
	}
	if rest, ok := strings.CutPrefix(s, "c2s:"); ok {
		return ClientToServer, rest, true
	}
	if rest, ok := strings.CutPrefix(s, "s2c:"); ok {
		return ServerToClient, rest, true
	}
	return Unknown, "", false
}

func (h *hexReader) line(line string) error {
	if d, rest, ok := directive(line); ok {
		if err := h.endSection(); err != nil {
			return err
		}
		h.dir = d
		line = rest
	}
	if i := strings.IndexAny(line, "#;|"); i >= 0 {
		line = line[:i]
	}
	tokens := tokenize(line)
	if len(tokens) == 0 {
		return nil
	}
	if tokens[0].text == "*" {
		return fail("hex", "", "line", 0, wire.ErrMalformed, "all bytes", "* for repeated lines (dump again without squeezing them)")
	}
	off, colon, ok := offsetColumn(tokens)
	if ok {
		tokens = tokens[1:]
		switch {
		case !h.dump || off <= 0:
			h.dump, h.column = true, off
		case off != h.column:
			return fail("hex", "", "offset column", h.total, wire.ErrMalformed, fmt.Sprintf("%x", h.column), fmt.Sprintf("%x", off))
		}
	} else if h.dump && len(tokens) == 1 && len(tokens[0].text) > 2 {
		// Some dump programs close with a line that has the length only.
		if end, err := strconv.ParseInt(tokens[0].text, 16, 64); err == nil && end == h.column {
			return nil
		}
	}
	data, err := hexBytes(tokens, ok, colon)
	if err != nil {
		return err
	}
	return h.bytes(data)
}

func (h *hexReader) bytes(data []byte) error {
	h.total += int64(len(data))
	h.column += int64(len(data))
	if h.c.opts.Bare {
		if int64(len(h.bare))+int64(len(data)) > h.c.opts.MaxRecordBytes {
			return fail("ni", "bare payload", "", h.begin, wire.ErrLimit, fmt.Sprintf("at most %d bytes", h.c.opts.MaxRecordBytes), "more")
		}
		h.bare = append(h.bare, data...)
		return nil
	}
	return h.split.feed(data, func(off int64, payload []byte) error {
		return h.c.add(Frame{Direction: h.dir, Offset: off, Payload: payload})
	})
}

// endSection checks that the section holds whole records.
func (h *hexReader) endSection() error {
	var err error
	switch {
	case !h.c.opts.Bare:
		err = h.split.finish()
	case len(h.bare) > 0:
		err = h.c.addBare(h.dir, h.begin, h.bare)
		h.bare = h.bare[:0]
	}
	h.begin, h.dump, h.column = h.total, false, 0
	return err
}

// token is one word of a line and the blanks before it.
type token struct {
	text string
	gap  int
	col  int // from 1
}

func tokenize(line string) []token {
	var out []token
	for i := 0; i < len(line); {
		start := i
		gap := 0
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			if line[i] == '\t' {
				gap += 8
			} else {
				gap++
			}
			i++
		}
		begin := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		if begin == i {
			break
		}
		if start == 0 {
			gap = 0
		}
		out = append(out, token{text: line[begin:i], gap: gap, col: begin + 1})
	}
	return out
}

// offsetColumn decides whether the first word is an offset: it ends with a colon, or it
// has three hex digits or more and is set off from what follows by two blanks or by its
// length. A minus sign is allowed, for the length bytes in front of payload offset 0.
func offsetColumn(tokens []token) (off int64, colon, ok bool) {
	first := tokens[0].text
	first, colon = strings.CutSuffix(first, ":")
	digits, negative := strings.CutPrefix(first, "-")
	digits, prefixed := strings.CutPrefix(digits, "0x")
	v, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || v < 0 || strings.HasPrefix(digits, "+") || strings.HasPrefix(digits, "-") {
		return 0, false, false
	}
	if !colon && !negative && !prefixed {
		if len(digits) < 3 || len(tokens) < 2 || (tokens[1].gap < 2 && len(tokens[1].text) != 2) {
			return 0, false, false
		}
	}
	if negative {
		v = -v
	}
	return v, colon, true
}

// hexBytes reads the byte groups of a line. Only a line with an offset column may have
// an ASCII gutter that no | announces: it is set off by three blanks, two behind a colon.
func hexBytes(tokens []token, dump, colon bool) ([]byte, error) {
	var out bytes.Buffer
	pairs := true
	for i, t := range tokens {
		if dump && i > 0 {
			middle := out.Len() == 8 && pairs && len(t.text) == 2 // the wider gap between two groups of eight
			if t.gap >= 3 || (colon && t.gap >= 2 && !middle) {
				break
			}
		}
		for k := range len(t.text) {
			if _, ok := nibble(t.text[k]); !ok {
				if dump && i > 0 && t.gap >= 2 {
					return out.Bytes(), nil
				}
				return nil, fail("hex", "", fmt.Sprintf("column %d", t.col+k), 0, wire.ErrMalformed, "a hex digit", fmt.Sprintf("%.20q", t.text))
			}
		}
		if len(t.text)%2 != 0 {
			return nil, fail("hex", "", fmt.Sprintf("column %d", t.col), 0, wire.ErrTruncated, "an even number of hex digits", fmt.Sprintf("%.20q", t.text))
		}
		pairs = pairs && len(t.text) == 2
		for k := 0; k < len(t.text); k += 2 {
			hi, _ := nibble(t.text[k])
			lo, _ := nibble(t.text[k+1])
			out.WriteByte(hi<<4 | lo)
		}
	}
	return out.Bytes(), nil
}

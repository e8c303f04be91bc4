package ofs1

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
)

// decompress gives the plain payload: the stored bytes themselves or memory of the Decoder.
func (d *Decoder) decompress(h *Header, stored []byte) (raw []byte, err error) {
	switch h.Compression {
	case Uncompressed:
		return stored, nil
	case Deflate:
		raw, err = d.inflater.inflate(d.plain[:0], stored, h.Raw)
	case LZH:
		raw, err = unpackLZH(d.plain[:0], stored, h.Raw)
	default: // LZ4: DecodeHeader lets nothing else pass
		raw, err = sapcompress.DecodeLZ4(d.plain[:0], stored, h.Raw)
	}
	if err != nil {
		return nil, err
	}
	d.plain = raw
	return raw, nil
}

func unpackLZH(dst, stored []byte, raw int) ([]byte, error) {
	h, err := sapcompress.DecodeHeader(stored)
	if err != nil {
		return nil, err
	}
	if h.Algorithm != sapcompress.LZH {
		return nil, headerError("payload", headerSize, wire.ErrMalformed, "an LZH block", h.Algorithm.String())
	}
	if h.Length != raw {
		return nil, headerError("payload", headerSize, wire.ErrMalformed, fmt.Sprintf("an LZH block of %d bytes as declared", raw), fmt.Sprint(h.Length))
	}
	return sapcompress.Decode(dst, stored, raw)
}

// inflater is a DEFLATE decoder that is used again.
type inflater struct {
	src bytes.Reader
	r   io.ReadCloser
}

// inflate appends exactly raw bytes out of stored, which must end with the stream.
func (f *inflater) inflate(dst, stored []byte, raw int) ([]byte, error) {
	if bound := uint64(len(stored)) * maxFlate; uint64(raw) > bound {
		return nil, headerError("raw_length", 8, wire.ErrLimit, fmt.Sprintf("at most %d out of %d bytes", bound, len(stored)), fmt.Sprint(raw))
	}
	f.src.Reset(stored)
	defer f.src.Reset(nil)
	if f.r == nil {
		f.r = flate.NewReader(&f.src)
	} else if err := f.r.(flate.Resetter).Reset(&f.src, nil); err != nil {
		return nil, err
	}
	// Memory grows with what was really produced.
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(raw-len(dst), max(len(dst), 16*len(stored), 4096))+1)
		}
		n, err := f.r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > raw:
			return nil, inflateError(stored, f.src.Len(), fmt.Sprintf("%d bytes of plain payload", raw), "more")
		case errors.Is(err, io.EOF):
			if len(dst) != raw {
				return nil, inflateError(stored, f.src.Len(), fmt.Sprintf("%d bytes of plain payload", raw), fmt.Sprint(len(dst)))
			}
			if f.src.Len() > 0 {
				return nil, inflateError(stored, f.src.Len(), "the end of the stream with the last byte", fmt.Sprintf("%d more bytes", f.src.Len()))
			}
			return dst, nil
		case err != nil:
			return nil, inflateError(stored, f.src.Len(), "a DEFLATE stream", err.Error())
		}
	}
}

func inflateError(stored []byte, left int, want, got string) error {
	return headerError("payload", headerSize+len(stored)-left, wire.ErrMalformed, want, got)
}

// deflater is a DEFLATE encoder that is used again.
type deflater struct {
	w   *flate.Writer
	out appender
}

// appender is an io.Writer that appends.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

const (
	flateLevel = 6 // spec 22.5
	lzhLevel   = 6
)

// compress replaces the payload behind dst[base+headerSize:] with its compressed form, if the
// policy asks for it and it is worth it.
func (e *Encoder) compress(dst []byte, base int, p Policy) ([]byte, error) {
	start := base + headerSize
	raw := len(dst) - start
	if p.Compression == Uncompressed || raw < p.MinRaw {
		return dst, nil
	}
	var err error
	stored := e.packed[:0]
	switch p.Compression {
	case LZ4:
		stored, err = sapcompress.AppendLZ4(stored, dst[start:])
	case Deflate:
		stored, err = e.deflater.deflate(stored, dst[start:])
	case LZH:
		stored = sapcompress.AppendLZH(stored, dst[start:], lzhLevel)
	default:
		err = invalid("%s cannot be written", p.Compression)
	}
	if err != nil {
		return dst, err
	}
	if cap(stored) <= maxKept {
		e.packed = stored
	}
	if p.MinSaved > 0 && raw-len(stored) < (raw+p.MinSaved-1)/p.MinSaved {
		return dst, nil
	}
	dst = append(dst[:start], stored...)
	dst[base+5] = byte(p.Compression)
	return dst, nil
}

func (f *deflater) deflate(dst, raw []byte) ([]byte, error) {
	f.out.b = dst
	defer func() { f.out.b = nil }()
	if f.w == nil {
		w, err := flate.NewWriter(&f.out, flateLevel)
		if err != nil {
			return dst, err
		}
		f.w = w
	} else {
		f.w.Reset(&f.out)
	}
	if _, err := f.w.Write(raw); err != nil {
		return dst, err
	}
	if err := f.w.Close(); err != nil {
		return dst, err
	}
	return f.out.b, nil
}

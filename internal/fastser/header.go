package fastser

import (
	"encoding/binary"
	"fmt"

	"github.com/purerfc/purerfc/internal/wire"
)

// Options is the option word of the header.
type Options uint16

// The option words and bits that were seen.
const (
	// Plain: what every container has in common [capture].
	Plain Options = 0x2040
	// LZ4: the body is one LZ4 frame [capture; reading inferred, high].
	LZ4 Options = 0x4000
	// Unnamed: announcements carry neither a type nor field names [capture of one container;
	// reading inferred, medium]. The reader goes by the announcements themselves.
	Unnamed Options = 0x0580
)

// String gives the word in hex and what is known of it: "6040 LZ4".
func (o Options) String() string {
	s := fmt.Sprintf("%04x", uint16(o))
	if o&LZ4 != 0 {
		s += " LZ4"
	}
	if o&Unnamed == Unnamed {
		s += " unnamed"
	}
	return s
}

// Header is what stands in front of the body.
type Header struct {
	// Version is the version of the writer: 3 in replies and pings, 2 in requests of ABAP
	// with values. Values [capture], reading [inferred, medium].
	Version uint8
	// Understood is the highest version the writer understands, 3 or 0 [inferred, medium].
	Understood uint8
	// Substitute is most likely the character that stands for unmappable ones, '#' in every
	// capture [inferred]; it is kept and not used.
	Substitute uint16
	// Options says how the body is stored.
	Options Options
}

// HeaderLayout describes the header for annotated dumps. Numbers of two bytes are
// little-endian, which is why they are shown as opaque bytes.
var HeaderLayout = []wire.Field{
	{Name: "marks", Off: 0, Len: 2, Kind: wire.Hex, Source: "[capture]"},
	{Name: "version", Off: 2, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "version_understood", Off: 3, Len: 1, Kind: wire.Hex, Source: "[inferred]"},
	{Name: "zero_4", Off: 4, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "codepage", Off: 5, Len: 2, Kind: wire.Hex, Source: "[inferred]"},
	{Name: "zero_7", Off: 7, Len: 1, Kind: wire.Hex, Source: "[capture]"},
	{Name: "substitute", Off: 8, Len: 2, Kind: wire.Hex, Source: "[inferred]"},
	{Name: "options", Off: 10, Len: 2, Kind: wire.Hex, Source: "[capture]"},
	{Name: "zero_12", Off: 12, Len: 2, Kind: wire.Hex, Source: "[capture]"},
}

// fixedHeader is the header with zeros where it varies.
var fixedHeader = [HeaderLen]byte{0: '$', 1: 'H', 5: 0x41, 6: 0x03}

// varies are the bytes of the header that are values.
var varies = [HeaderLen]bool{2: true, 3: true, 8: true, 9: true, 10: true, 11: true}

// DecodeHeader reads the first 14 bytes of a container. Errors: wire.ErrTruncated, and
// ErrUnsupported for every byte and option word that was not seen.
func DecodeHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, &wire.Error{
			Layer: layer, Record: "header", Offset: len(b), Err: wire.ErrTruncated,
			Want: fmt.Sprintf("%d bytes", HeaderLen), Got: fmt.Sprint(len(b)),
		}
	}
	refuse := func(field string, off int, want, got string) (Header, error) {
		return Header{}, &wire.Error{Layer: layer, Record: "header", Field: field, Offset: off, Err: ErrUnsupported, Want: want, Got: got}
	}
	for i, want := range fixedHeader {
		if b[i] != want && !varies[i] {
			return refuse(headerField(i), i, fmt.Sprintf("%02x", want), fmt.Sprintf("%02x", b[i]))
		}
	}
	h := Header{
		Version: b[2], Understood: b[3],
		Substitute: binary.LittleEndian.Uint16(b[8:]), Options: Options(binary.LittleEndian.Uint16(b[10:])),
	}
	switch {
	case h.Version != 2 && h.Version != 3:
		return refuse("version", 2, "02 or 03", fmt.Sprintf("%02x", h.Version))
	case h.Understood != 0 && h.Understood != 3:
		return refuse("version_understood", 3, "00 or 03", fmt.Sprintf("%02x", h.Understood))
	case !h.Options.known():
		return refuse("options", 10, "2040 or 25c0, with or without 4000", fmt.Sprintf("%04x", uint16(h.Options)))
	}
	return h, nil
}

func (o Options) known() bool { return o&^LZ4 == Plain || o&^LZ4 == Plain|Unnamed }

// headerField names the field of a byte.
func headerField(off int) string {
	for _, f := range HeaderLayout {
		if off < f.Off+f.Len {
			return f.Name
		}
	}
	return ""
}

func (h *Header) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, fixedHeader[:]...)
	b := dst[start:]
	b[2], b[3] = h.Version, h.Understood
	binary.LittleEndian.PutUint16(b[8:], h.Substitute)
	binary.LittleEndian.PutUint16(b[10:], uint16(h.Options))
	return dst
}

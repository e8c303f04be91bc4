package fastser

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
)

// Decode reads the value of an item 5001. maxBody is the largest body in bytes, after
// decompression, that the caller accepts, at most [MaxBody].
//
// The body aliases value unless it was compressed. Memory: what the compressed body gives, at
// most 255 times its bytes and never more than maxBody, about 60 bytes for a field, and the
// names.
//
// On failure the body holds what was read in front of the failure, for diagnostics. Errors are
// *wire.Error around ErrUnsupported (a byte that the grammar does not explain),
// wire.ErrTruncated (the container ends inside a record), wire.ErrLimit, and those of
// sapcompress.DecodeLZ4Frame for the compressed body, whose offsets are its own.
func Decode(value []byte, maxBody int) (Body, error) {
	var b Body
	var err error
	if b.Header, err = DecodeHeader(value); err != nil {
		return b, err
	}
	maxBody = min(maxBody, MaxBody)
	plain := value[HeaderLen:]
	if b.Header.Options&LZ4 != 0 {
		var rest []byte
		if plain, rest, err = sapcompress.DecodeLZ4Frame(nil, plain, maxBody); err != nil {
			return b, err
		}
		if len(rest) > 0 {
			return b, &wire.Error{
				Layer: layer, Record: "header", Field: "body", Offset: len(value) - len(rest), Err: ErrUnsupported,
				Want: "one LZ4 frame", Got: fmt.Sprintf("%02x and %d more bytes behind it", rest[0], len(rest)-1),
			}
		}
	}
	if len(plain) > maxBody {
		return b, &wire.Error{
			Layer: layer, Record: "header", Field: "body", Offset: HeaderLen, Err: wire.ErrLimit,
			Want: fmt.Sprintf("at most %d bytes", max(maxBody, 0)), Got: fmt.Sprint(len(plain)),
		}
	}
	d := decoder{Reader: wire.NewReader(layer, "body", plain)}
	d.body(&b)
	return b, d.failure()
}

// decoder reads a plain body.
type decoder struct {
	wire.Reader
	fields int // of all parameters so far
}

// failure is the error with its offset counted from the first byte of the container.
func (d *decoder) failure() error {
	err := d.Err()
	if e, ok := errors.AsType[*wire.Error](err); ok {
		e.Offset += HeaderLen
	}
	return err
}

func (d *decoder) body(b *Body) {
	for d.Err() == nil {
		off := d.Offset()
		switch m := Marker(d.U8("marker")); {
		case d.Err() != nil:
		case m == Listed && len(b.Parameters) == 0:
			if d.room("parameter list", off, len(b.Listed), MaxParameters) {
				if name := d.name("listed name", MaxName); d.Err() == nil {
					b.Listed = append(b.Listed, name)
				}
			}
		case m == Named:
			if d.room("parameters", off, len(b.Parameters), MaxParameters) {
				d.parameter(b)
			}
		case m == End:
			if d.Len() > 0 {
				d.refuse("end", d.Offset(), "nothing behind E", d.U8("end"))
			}
			return
		case len(b.Parameters) == 0:
			d.refuse("marker", off, "T, Q or E", byte(m))
		default:
			d.refuse("marker", off, "Q or E", byte(m))
		}
	}
}

func (d *decoder) parameter(b *Body) {
	p := Parameter{Name: d.name("parameter name", MaxName)}
	if d.Err() == nil {
		d.announcement(&p)
		d.values(&p)
		b.Parameters = append(b.Parameters, p)
	}
}

// The flags of an announcement, seen as 0, 5 and d only. Source: spec 42.3 [capture], the
// third [capture-note].
const (
	flagsUnnamed = 0x0
	flagsNamed   = 0x5
	flagsTable   = 0xd
)

// announcement reads D or K with type and fields.
func (d *decoder) announcement(p *Parameter) {
	off := d.Offset()
	m := Marker(d.U8("announcement"))
	if d.Err() != nil {
		return
	}
	if m != Structure && m != Table {
		d.refuse("announcement", off, "D or K", byte(m))
		return
	}
	p.Table = m == Table
	off = d.Offset()
	word := d.le16("announcement word")
	flags, count := word>>12, int(word&MaxCount)
	if d.Err() != nil {
		return
	}
	switch {
	case p.Table && flags != flagsTable:
		d.Fail("announcement word", off, ErrUnsupported, "flags d for a table", fmt.Sprintf("%04x", word))
	case p.Table && count > 0:
		d.Fail("announcement word", off, ErrUnsupported, "a table without fields and rows", fmt.Sprintf("%04x", word))
	case !p.Table && flags != flagsUnnamed && flags != flagsNamed:
		d.Fail("announcement word", off, ErrUnsupported, "flags 0 or 5", fmt.Sprintf("%04x", word))
	case !p.Table && count == 0:
		d.Fail("announcement word", off, ErrUnsupported, "a field", fmt.Sprintf("%04x", word))
	}
	if p.Table {
		p.TableID = d.le16("table id")
	}
	if flags != flagsUnnamed {
		p.TypeName = d.name("type name", MaxTypeName)
	}
	if d.Err() != nil || count == 0 {
		return
	}
	// A field takes a byte here and one behind for its value.
	if d.Bound("fields", off, uint64(d.fields+count), MaxFields); d.Len() < count {
		d.Fail("fields", off, wire.ErrTruncated, fmt.Sprintf("%d fields", count), fmt.Sprintf("%d bytes", d.Len()))
	}
	if d.Err() != nil {
		return
	}
	d.fields += count
	fields := make([]Field, count)
	for i := range fields {
		d.field(&fields[i], flags == flagsNamed)
	}
	if d.Err() == nil {
		p.Fields = fields
	}
}

func (d *decoder) field(f *Field, named bool) {
	off := d.Offset()
	f.Code = TypeCode(d.U8("type code"))
	if d.Err() != nil {
		return
	}
	t := &types[f.Code]
	if t.name == "" {
		d.refuse("type code", off, "a type code that was seen", byte(f.Code))
		return
	}
	if t.sized {
		off = d.Offset()
		f.Width = d.le16("width")
		if d.Err() == nil && (f.Width == 0 || int(f.Width)%t.unit != 0) {
			d.Fail("width", off, ErrUnsupported, fmt.Sprintf("a multiple of %d bytes for %s", t.unit, t.name), fmt.Sprint(f.Width))
		}
	}
	if named {
		f.Name = d.name("field name", MaxName)
	}
}

// values reads one value for each field.
func (d *decoder) values(p *Parameter) {
	if d.Err() != nil || len(p.Fields) == 0 {
		return
	}
	if d.Len() < len(p.Fields) {
		d.Fail("values", d.Offset(), wire.ErrTruncated, fmt.Sprintf("%d values", len(p.Fields)), fmt.Sprintf("%d bytes", d.Len()))
		return
	}
	p.Values = make([]Value, 0, len(p.Fields))
	for i := range p.Fields {
		v := d.value(p.Fields[i])
		if d.Err() != nil {
			return
		}
		p.Values = append(p.Values, v)
	}
}

func (d *decoder) value(f Field) Value {
	off := d.Offset()
	v := Value{Marker: Marker(d.U8("value"))}
	switch {
	case d.Err() != nil || v.Marker == Initial:
	case !fits(f, v.Marker):
		d.refuse("value", off, wanted(f), byte(v.Marker))
	case v.Marker == Whole:
		v.Data = d.Bytes("value", int(f.Width))
	case v.Marker == Number:
		v.Data = d.Bytes("value", types[f.Code].width)
	case v.Marker == Cut:
		v.Data = d.cut(f)
	case v.Marker == String:
		v.Data = d.text()
	}
	return v
}

// fits reports whether the marker was seen for the type, in the width it has.
func fits(f Field, m Marker) bool {
	if m == Whole && f.Width > maxRawText || m == Cut && f.Width <= maxRawText {
		return false
	}
	return slices.Contains(types[f.Code].values, m)
}

// wanted lists what fits, for errors.
func wanted(f Field) string {
	list := []string{}
	for _, m := range types[f.Code].values {
		if fits(f, m) {
			list = append(list, m.String())
		}
	}
	if len(list) == 0 {
		return fmt.Sprintf("I: the value of %s is not known", f)
	}
	return fmt.Sprintf("I or %s for %s", strings.Join(list, " or "), f)
}

// oneByte is the bit of a length that says: one byte for each character.
const oneByte = 0x8000

// cut reads the value of a CHAR without trailing blanks.
func (d *decoder) cut(f Field) []byte {
	off := d.Offset()
	n := d.le16("length")
	switch {
	case d.Err() != nil:
		return nil
	case n&oneByte == 0:
		d.Fail("length", off, ErrUnsupported, "bit 15, one byte for a character", fmt.Sprintf("%04x", n))
	case n&^oneByte > f.Width/2:
		d.Fail("length", off, ErrUnsupported, fmt.Sprintf("at most the %d characters of %s", f.Width/2, f), fmt.Sprint(n&^oneByte))
	}
	return d.ascii(int(n &^ oneByte))
}

// onlyChunk is the bit of a STRING's length that marks its only or last piece.
const onlyChunk = 0x4000

// text reads the value of a STRING.
func (d *decoder) text() []byte {
	off := d.Offset()
	a, b := d.le16("length"), d.le16("second length")
	n := a & MaxString
	if d.Err() == nil && (a != n|onlyChunk|oneByte || b != n) {
		d.Fail("length", off, ErrUnsupported, "a whole text of one byte for a character, its length twice", fmt.Sprintf("%04x %04x", a, b))
	}
	return d.ascii(int(n))
}

// ascii reads n characters of one byte. What others would mean was not seen.
func (d *decoder) ascii(n int) []byte {
	off := d.Offset()
	b := d.Bytes("text", n)
	for i, c := range b {
		if c >= 0x80 {
			d.refuse("text", off+i, "ASCII", c)
			return nil
		}
	}
	return b
}

// name reads a length of one byte and a name of printable ASCII characters.
func (d *decoder) name(field string, most int) string {
	off := d.Offset()
	n := int(d.U8(field))
	if d.Err() == nil && (n == 0 || n > most) {
		d.Fail(field, off, ErrUnsupported, fmt.Sprintf("1 to %d characters", most), fmt.Sprint(n))
	}
	off = d.Offset()
	b := d.Bytes(field, n)
	for i, c := range b {
		if !nameByte(c) {
			d.refuse(field, off+i, "printable ASCII characters without blanks", c)
			return ""
		}
	}
	return string(b)
}

func nameByte(c byte) bool { return c > ' ' && c < 0x7f }

func (d *decoder) le16(field string) uint16 {
	if b := d.Bytes(field, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// room checks that a list may have one more entry.
func (d *decoder) room(field string, off, n, limit int) bool {
	d.Bound(field, off, uint64(n)+1, limit)
	return d.Err() == nil
}

// refuse fails at a byte that the grammar does not explain.
func (d *decoder) refuse(field string, off int, want string, got byte) {
	d.Fail(field, off, ErrUnsupported, want, fmt.Sprintf("%02x %q", got, rune(got)))
}

package fastser

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/internal/sapcompress"
)

// AppendBinary appends the value of an item 5001. What Decode gave comes back byte for byte,
// up to the choices of the LZ4 encoder. A body that Decode would not read is refused, and dst
// is returned as it was given.
//
// Nothing that comes from here may be sent to a foreign partner (spec 42.6).
func (b *Body) AppendBinary(dst []byte) ([]byte, error) {
	if !b.Header.Options.known() || b.Header.Version != 2 && b.Header.Version != 3 || b.Header.Understood != 0 && b.Header.Understood != 3 {
		return dst, fmt.Errorf("fastser: header %+v was never seen", b.Header)
	}
	out := b.Header.append(dst)
	if b.Header.Options&LZ4 == 0 {
		out, err := b.appendBody(out)
		if err != nil {
			return dst, err
		}
		return out, nil
	}
	plain, err := b.appendBody(nil)
	if err != nil {
		return dst, err
	}
	if out, err = sapcompress.AppendLZ4Frame(out, plain); err != nil {
		return dst, err
	}
	return out, nil
}

func (b *Body) appendBody(dst []byte) ([]byte, error) {
	var err error
	if len(b.Listed) > MaxParameters || len(b.Parameters) > MaxParameters {
		return nil, fmt.Errorf("fastser: %d listed names, %d parameters, at most %d", len(b.Listed), len(b.Parameters), MaxParameters)
	}
	for _, name := range b.Listed {
		if dst, err = appendName(append(dst, byte(Listed)), name, MaxName); err != nil {
			return nil, err
		}
	}
	fields := 0
	for i := range b.Parameters {
		p := &b.Parameters[i]
		if fields += len(p.Fields); fields > MaxFields {
			return nil, fmt.Errorf("fastser: more than %d fields", MaxFields)
		}
		if dst, err = appendName(append(dst, byte(Named)), p.Name, MaxName); err == nil {
			dst, err = p.append(dst)
		}
		if err != nil {
			return nil, fmt.Errorf("fastser: parameter %.64q: %w", p.Name, err)
		}
	}
	return append(dst, byte(End)), nil
}

// append writes announcement and values.
func (p *Parameter) append(dst []byte) ([]byte, error) {
	dst, err := p.appendAnnouncement(dst)
	if err != nil {
		return nil, err
	}
	if len(p.Values) != len(p.Fields) {
		return nil, fmt.Errorf("%d values for %d fields", len(p.Values), len(p.Fields))
	}
	for i, v := range p.Values {
		if dst, err = appendValue(dst, p.Fields[i], v); err != nil {
			return nil, fmt.Errorf("field %d %s: %w", i, p.Fields[i], err)
		}
	}
	return dst, nil
}

func (p *Parameter) appendAnnouncement(dst []byte) ([]byte, error) {
	count := len(p.Fields)
	if p.Table {
		if count > 0 || len(p.Values) > 0 {
			return nil, errors.New("the form of rows is not known")
		}
		dst = append(dst, byte(Table), 0, flagsTable<<4)
		return appendName(binary.LittleEndian.AppendUint16(dst, p.TableID), p.TypeName, MaxTypeName)
	}
	if count == 0 || count > MaxCount || p.TableID != 0 {
		return nil, fmt.Errorf("%d fields, table id %d: 1 to %d fields and no id", count, p.TableID, MaxCount)
	}
	flags := uint16(flagsUnnamed)
	if p.TypeName != "" {
		flags = flagsNamed
	}
	dst = binary.LittleEndian.AppendUint16(append(dst, byte(Structure)), flags<<12|uint16(count))
	var err error
	if flags == flagsNamed {
		if dst, err = appendName(dst, p.TypeName, MaxTypeName); err != nil {
			return nil, err
		}
	}
	for i, f := range p.Fields {
		t := &types[f.Code]
		if t.name == "" || t.sized && (f.Width == 0 || int(f.Width)%t.unit != 0) || !t.sized && f.Width != 0 {
			return nil, fmt.Errorf("field %d: %s of %d bytes", i, f.Code, f.Width)
		}
		dst = append(dst, byte(f.Code))
		if t.sized {
			dst = binary.LittleEndian.AppendUint16(dst, f.Width)
		}
		if flags == flagsNamed {
			dst, err = appendName(dst, f.Name, MaxName)
		} else if f.Name != "" {
			err = errors.New("a field name without a type name")
		}
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", i, err)
		}
	}
	return dst, nil
}

func appendValue(dst []byte, f Field, v Value) ([]byte, error) {
	n := len(v.Data)
	switch {
	case v.Marker == Initial && n == 0:
		return append(dst, byte(Initial)), nil
	case !fits(f, v.Marker):
		return nil, fmt.Errorf("marker %s, want %s", v.Marker, wanted(f))
	}
	dst = append(dst, byte(v.Marker))
	ok := true
	switch v.Marker {
	case Whole:
		ok = n == int(f.Width)
	case Number:
		ok = n == types[f.Code].width
	case Cut:
		ok = n <= int(f.Width)/2 && isASCII(v.Data)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n)|oneByte)
	case String:
		ok = n <= MaxString && isASCII(v.Data)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n)|onlyChunk|oneByte)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	default:
	}
	if !ok {
		return nil, fmt.Errorf("value of %d bytes with marker %s, or not ASCII", n, v.Marker)
	}
	return append(dst, v.Data...), nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func appendName(dst []byte, name string, most int) ([]byte, error) {
	if len(name) == 0 || len(name) > most {
		return nil, fmt.Errorf("name of %d characters, 1 to %d", len(name), most)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return nil, fmt.Errorf("name %.64q: byte %d is no printable ASCII character", name, i)
		}
	}
	return append(append(dst, byte(len(name))), name...), nil
}

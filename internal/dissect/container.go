package dissect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/metadata"
)

// Containers hold all parameters of a message in one item. They are shown as far as they can
// be read: what cannot is said in the item's text and is no damage of the recording.

// fast shows SAP's fast serialization (5001).
func (m *message) fast(it chain.Item) string {
	body, err := fastser.Decode(it.Value, maxContainer)
	if hidden(it.Value, err) {
		return Masked
	}
	if err != nil && body.Header == (fastser.Header{}) {
		return clean(hexText(it.Value) + notRead(err))
	}
	h := &body.Header
	s := m.show(it.Value, body.Listed, "actual_parameters")
	for i := range body.Parameters {
		s.add(fastParameter(&body.Parameters[i]))
	}
	return clean(fmt.Sprintf("version %d, understands %d, options %s, %d names, %d parameters%s%s",
		h.Version, h.Understood, h.Options, len(body.Listed), len(body.Parameters), s.left(), notRead(err)))
}

// showing adds parameters of a container to the record. Its room is in bytes: compression
// must not make a large record of a small one.
type showing struct {
	r    *Record
	room int
	lost int
}

// show begins with the names that a container lists.
func (m *message) show(v []byte, names []string, field string) *showing {
	s := &showing{r: m.r, room: minShown + shownRatio*len(v)}
	list := names[:0:0]
	for _, name := range names {
		if len(list) == maxEntries || s.room < 0 {
			break
		}
		list = append(list, clean(name))
		s.room -= parameterSize + size(name)
	}
	if len(list) > 0 {
		m.r.Fields.add(field, list)
	}
	return s
}

func (s *showing) add(p Parameter) {
	if s.room < 0 {
		s.lost++
		return
	}
	s.room -= parameterSize + size(p.Name) + size(p.Text)
	s.r.Parameters = append(s.r.Parameters, p)
}

// left says how many parameters are not shown.
func (s *showing) left() string {
	if s.lost == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them not shown", s.lost)
}

// parameterSize is about what a Parameter takes beside its texts.
const parameterSize = 100

// size is what a text takes in the JSON form.
func size(text string) int {
	n := len(text)
	for i := range len(text) {
		if strings.IndexByte(`<>&"\`, text[i]) >= 0 {
			n += 5
		}
	}
	return n
}

// notRead says where reading ended.
func notRead(err error) string {
	if err == nil {
		return ""
	}
	return "; not read further: " + err.Error()
}

// isContainer reports whether the item holds parameters of any names.
func isContainer(t chain.Tag) bool {
	return t == chain.FastSerialization || t == chain.OFS1 || t == chain.CompactPlain
}

// hidden reports whether nothing of a container may be shown: it names a secret, or it did
// before a Redactor zeroed it from there on, or more. The shortest such name has three letters.
func hidden(v []byte, err error) bool {
	return namesSecret(v) || err != nil && bytes.HasSuffix(v, []byte{0, 0, 0})
}

// namesSecret looks for the name of a secret in a container or a piece of it: names are
// single bytes there, and stand in the clear unless the container is compressed.
func namesSecret(b []byte) bool { return secretName(string(b)) }

func fastParameter(from *fastser.Parameter) Parameter {
	p := Parameter{Name: clean(from.Name), Kind: Scalar}
	var b strings.Builder
	if from.Table {
		p.Kind = TableKind
		fmt.Fprintf(&b, "no rows, table id %d, ", from.TableID)
	}
	b.WriteString(from.TypeName)
	secret := secretName(from.Name)
	for i, f := range from.Fields {
		if i < len(from.Values) {
			p.Length += len(from.Values[i].Data)
		}
		if b.Len() > maxText {
			continue // it is cut anyway
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.String())
		switch {
		case i >= len(from.Values):
		case secret || secretName(f.Name):
			b.WriteString("=" + Masked)
		default:
			b.WriteString("=" + fastValue(from.Values[i]))
		}
	}
	p.Text = clean(b.String())
	return p
}

// fastValue shows a value: a text in quotes, a number, or nothing for an initial value.
func fastValue(v fastser.Value) string {
	switch v.Marker {
	case fastser.Cut, fastser.String:
		return strconv.Quote(string(v.Data[:min(len(v.Data), maxText)]))
	case fastser.Whole:
		return strconv.Quote(strings.TrimRight(string(codepage.DecodeUTF16LELenient(nil, v.Data)), " "))
	case fastser.Number:
		if len(v.Data) == 4 {
			return strconv.Itoa(int(int32(binary.LittleEndian.Uint32(v.Data))))
		}
		return hexText(v.Data)
	default:
		return "initial"
	}
}

// ofs1 shows a block of this project's own format (7e01): its header, and names, types and
// rows of its values, not the values. Blocks build on each other: behind one that cannot be
// read only headers are shown.
func (m *message) ofs1(it chain.Item) string {
	var block ofs1.Block
	h, err := ofs1.DecodeHeader(it.Value)
	headless := err != nil
	switch {
	case headless:
	case m.lostBlock:
		err = errLostBlock
	default:
		if m.blocks == nil {
			m.blocks = &ofs1.Decoder{Limits: ofs1.Limits{Raw: maxBlock, Cells: maxBlock, Memory: maxBlock}}
		}
		err = m.blocks.Decode(it.Value, &block)
	}
	hide := hidden(it.Value, err)
	m.lostBlock = m.lostBlock || hide || err != nil
	switch {
	case hide:
		return Masked
	case headless:
		return clean(hexText(it.Value) + notRead(err))
	}
	text := fmt.Sprintf("OFS1 %s layout, compression %s, code page %d, %d bytes plain, %d stored", h.Layout, h.Compression, h.Codepage, h.Raw, h.Stored)
	if err != nil {
		return clean(text + notRead(err))
	}
	s := m.show(it.Value, block.Requested, "requested")
	for i := range block.Values {
		s.add(ofs1Parameter(&block.Values[i]))
	}
	return clean(fmt.Sprintf("%s, %d requested, %d values%s", text, len(block.Requested), len(block.Values), s.left()))
}

var errLostBlock = errors.New("a block in front of it could not be read")

func ofs1Parameter(v *ofs1.Value) Parameter {
	p := Parameter{Name: clean(v.Name), Kind: Scalar, Text: clean(ofs1Type(&v.Field))}
	if v.Field.Kind != metadata.Table {
		return p
	}
	p.Kind, p.Rows = TableKind, v.Table.Rows
	more := ""
	if v.Continued {
		more = "more "
	}
	p.Text = fmt.Sprintf("%d %srows of %s", p.Rows, more, p.Text)
	return p
}

// ofs1Type is the ABAP type of a value; of a table that of its rows.
func ofs1Type(f *metadata.Field) string {
	switch {
	case f.Type != nil && f.Type.Scalar():
		return ofs1Type(&f.Type.Fields[0])
	case f.Type != nil:
		return strings.TrimSpace(fmt.Sprintf("%s of %d fields", f.Type.Name, len(f.Type.Fields)))
	case f.Kind.Variable() && f.Decimals > 0:
		return fmt.Sprintf("%s(%d,%d)", f.Kind, f.Length, f.Decimals)
	case f.Kind.Variable():
		return fmt.Sprintf("%s(%d)", f.Kind, f.Length)
	default:
		return f.Kind.String()
	}
}

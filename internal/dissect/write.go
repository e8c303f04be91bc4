package dissect

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TextOptions says how WriteText prints.
type TextOptions struct {
	// Hex adds the bytes of each record; secrets are shown as **.
	Hex bool
	// BlankVolatile shows <volatile> for what differs between two runs of the same
	// conversation, so that the text can be compared: see Volatile.
	BlankVolatile bool
}

// volatileNames are fields and items that differ from session to session.
var volatileNames = []string{
	"conversation_id", "conn_index", "session_guid", "duration", "duration_us", "client_ip", "address", "address_long", "table_id",
}

// Volatile reports whether a field or item of that name differs between two runs of the
// same conversation: conversation id and index, session GUID, times, addresses, table ids.
func Volatile(name string) bool { return slices.Contains(volatileNames, name) }

// WriteText prints the document for people: one block for each frame, a line for each
// field, item and parameter.
func WriteText(w io.Writer, d *Document, o TextOptions) error {
	b := bufio.NewWriter(w)
	p := printer{b: b, o: o}
	for i, r := range d.Frames {
		if i > 0 {
			p.line("")
		}
		p.record(r)
	}
	return b.Flush()
}

// printer keeps the first error in its buffered writer, which reports it at Flush.
type printer struct {
	b *bufio.Writer
	o TextOptions
}

func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.b, format, args...)
	_ = p.b.WriteByte('\n')
}

func (p *printer) value(name string, v any) any {
	if p.o.BlankVolatile && Volatile(name) {
		return "<volatile>"
	}
	return v
}

func (p *printer) record(r *Record) {
	head := fmt.Sprintf("#%d", r.Index)
	if r.Stream > 0 {
		head += fmt.Sprintf(" stream %d", r.Stream)
	}
	arrow := map[string]string{"c2s": "client -> server", "s2c": "server -> client"}[r.Direction]
	if arrow == "" {
		arrow = "direction unknown"
	}
	head += fmt.Sprintf("  %s  %s %s  %d bytes", arrow, r.Layer, r.Kind, r.Length)
	if p.o.BlankVolatile {
		// Offsets follow lengths that may differ.
		p.line("%s", head)
	} else {
		p.line("%s at %d", head, r.Offset)
	}
	p.fields("  ", r.Fields)
	if r.Function != "" {
		p.line("  function %s", r.Function)
	}
	for _, it := range r.Items {
		p.line("  %05x  %s %6d  %-20s %v", it.Offset, it.Tag, it.Length, it.Name, p.value(it.Name, it.Text))
	}
	for _, q := range r.Parameters {
		p.line("  parameter %-30s %-7s %6d bytes  %s", q.Name, q.Kind, q.Length, q.Text)
	}
	if e := r.Exception; e != (Exception{}) {
		p.line("  exception key=%q message=%q class=%q type=%q number=%q v1=%q v2=%q v3=%q v4=%q", e.Key, e.Message, e.Class, e.Type, e.Number, e.V1, e.V2, e.V3, e.V4)
	}
	if p.o.Hex {
		p.dump(r)
	}
}

func (p *printer) fields(indent string, list Fields) {
	for _, f := range list {
		place := ""
		if f.Len > 0 {
			place = fmt.Sprintf("%04x+%d", f.Off, f.Len)
		}
		if nested, ok := f.Value.([]Fields); ok {
			p.line("%s%-9s %s", indent, place, f.Name)
			for i, n := range nested {
				p.line("%s          %d:", indent, i)
				p.fields(indent+"            ", n)
			}
			continue
		}
		v := p.value(f.Name, f.Value)
		if names, ok := v.([]string); ok {
			v = strings.Join(names, " ")
		}
		p.line("%s%-9s %-22s %v", indent, place, f.Name, v)
	}
}

// dump prints the payload in rows of 16 bytes.
func (p *printer) dump(r *Record) {
	list := r.secrets // in order
	secret := func(i int) bool {
		for len(list) > 0 && i >= list[0].end {
			list = list[1:]
		}
		return len(list) > 0 && i >= list[0].start
	}
	for row := 0; row < len(r.payload); row += 16 {
		var hex, text strings.Builder
		for i := row; i < row+16; i++ {
			switch {
			case i >= len(r.payload):
				hex.WriteString("   ")
			case secret(i):
				hex.WriteString("** ")
				text.WriteByte('*')
			default:
				c := r.payload[i]
				fmt.Fprintf(&hex, "%02x ", c)
				if c < 0x20 || c > 0x7e {
					c = '.'
				}
				text.WriteByte(c)
			}
		}
		p.line("  %04x  %s |%s|", row, hex.String(), text.String())
	}
}

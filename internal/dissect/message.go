package dissect

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/ofs1"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/serialization"
)

// message decodes a complete RFC message. Offsets of errors count from its first byte.
func (s *stream) message(r *Record, h *cpic.Header, data []byte) error {
	if isEBCDIC(data) {
		r.Kind = KindLogonRefusal
		r.Exception.Message = ebcdicText(data)
		r.Fields.add("text_encoding", "EBCDIC")
		s.awaiting = false
		return nil
	}
	m := &message{stream: s, side: &s.sides[side(r.direction())], r: r, signed: hasSignature(data)}
	if m.signed {
		r.Fields.add("signature", "RFC00000000"+string(rune('0'+data[len(signature)-1]-0xf0)))
		m.base = int64(len(signature))
	}
	m.begin()
	if err := m.read(data[m.base:]); err != nil {
		var w *wire.Error
		if m.base > 0 && errors.As(err, &w) {
			moved := *w
			moved.Offset += int(m.base)
			return &moved
		}
		return err
	}
	m.classify(h)
	return nil
}

// message is the state of reading one field chain.
type message struct {
	stream *stream
	side   *sideState
	r      *Record
	signed bool
	base   int64 // bytes in front of the chain

	rep      serialization.Representation
	sure     bool // rep is known, not assumed
	unicode  bool // 0501 of a logon
	sender   bool // 0101 was there
	preamble bool // 0101 in front of 0500
	isReply  bool
	isCall   bool
	status   uint32
	refused  bool // 0161 not zero
	session  bool // 0150 was there
	section  bool // behind 0512
	facts    bool // any error item
	runtime  string
	class    bool // items of a class exception

	name    string // of the parameter that is open
	open    bool
	secret  bool
	table   int // index of the open table in Parameters, or -1
	plain   int // plain rows of it
	other   bool
	info    bool
	infoOff int64
	xml     int // index of the open document, or -1
	pieces  [][]byte
	block   bxml.Block

	blocks    *ofs1.Decoder // of the items 7e01
	lostBlock bool          // one of them could not be read
}

// begin chooses how texts are read until the message says so itself.
func (m *message) begin() {
	m.table, m.xml = -1, -1
	switch {
	case m.signed:
		m.rep, m.sure = latin, true
	case m.side.known:
		m.rep, m.sure = m.side.rep, true
	default:
		m.rep = unicodeLE
	}
}

func (m *message) read(data []byte) error {
	in := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := in.Next()
		if errors.Is(err, io.EOF) {
			m.list(chain.Item{Tag: chain.End, Offset: in.Offset() - 6}, "")
			break
		}
		if err != nil {
			return err
		}
		text, err := m.item(it)
		if err != nil {
			return err
		}
		m.list(it, text)
	}
	if err := in.Drain(); err != nil {
		return err
	}
	m.closeBlock()
	if n := in.Items(); n > maxItems {
		m.r.Fields.add("items", uint64(n))
		m.r.Fields.add("items_not_shown", uint64(n-maxItems))
	}
	return m.closeTable()
}

func (m *message) list(it chain.Item, text string) {
	if len(m.r.Items) < maxItems {
		m.r.Items = append(m.r.Items, Item{
			Tag: fmt.Sprintf("%04x", uint16(it.Tag)), Length: len(it.Value), Name: it.Tag.String(), Text: text, Offset: it.Offset + m.base,
		})
	}
}

func bad(it chain.Item, field, want, got string) error {
	return &wire.Error{Layer: "chain", Record: fmt.Sprintf("item %04x", uint16(it.Tag)), Field: field, Offset: int(it.Offset), Err: wire.ErrMalformed, Want: want, Got: got}
}

func sized(it chain.Item, n int) error {
	if len(it.Value) == n {
		return nil
	}
	return bad(it, "length", fmt.Sprintf("%d bytes", n), fmt.Sprint(len(it.Value)))
}

// item reads one item and gives its value in readable form.
func (m *message) item(it chain.Item) (string, error) {
	v, f := it.Value, &m.r.Fields
	if it.Tag.Secret() {
		return Masked, nil
	}
	if !bxml.Owns(it.Tag) {
		m.closeBlock()
	}
	be := binary.BigEndian
	fact := func(s string) (string, error) {
		if !m.section {
			f.add(it.Tag.String(), s)
		}
		return s, nil
	}
	switch it.Tag {
	case chain.SenderDescription:
		if err := sized(it, 8); err != nil {
			return "", err
		}
		return m.describe(it)
	case chain.UnicodeHeader:
		if len(v) < 4 {
			return "", bad(it, "length", "at least 4 bytes", fmt.Sprint(len(v)))
		}
		return "0x" + hex.EncodeToString(v), nil
	case chain.ProtocolBits, chain.TrailingFlags:
		return fact(hexText(v))
	case chain.SessionGUID:
		if err := sized(it, 16); err != nil {
			return "", err
		}
		return fact(strings.ToUpper(hex.EncodeToString(v)))
	case chain.Unicode:
		m.unicode = len(v) == 1 && v[0] == 1
		return hexText(v), nil
	case chain.LogonStatus:
		m.refused = len(v) > 0 && v[0] != 0
		return fact(guess(v, m.rep))
	case chain.Reply:
		m.isReply, m.preamble = true, m.sender
	case chain.Call:
		m.isCall = !m.isReply
	case chain.Success:
	case chain.Parameters:
		m.section = true
	case chain.FunctionName:
		m.isCall = m.isCall || !m.isReply
		name, err := m.identifier(it)
		m.r.Function = name
		return name, err
	case chain.CallerRelease:
		m.learn(v)
		return fact(decode(v, m.rep))
	case chain.CallStatus:
		if err := sized(it, 4); err != nil {
			return "", err
		}
		m.status = be.Uint32(v)
		f.add("call_status", uint64(m.status))
		return fmt.Sprint(m.status), nil
	case chain.Duration:
		if err := sized(it, 8); err != nil {
			return "", err
		}
		u := binary.LittleEndian.Uint64(v)
		if m.rep.BigEndian {
			u = be.Uint64(v)
		}
		us := strconv.FormatFloat(math.Float64frombits(u), 'f', -1, 64)
		f.add("duration_us", clean(us))
		return clean(us), nil
	case chain.RequestedName:
		return m.identifier(it)
	case chain.Program:
		m.section = false
		return fact(decode(v, m.rep))
	case chain.GatewayHost, chain.GatewayService:
		if len(strings.Trim(string(v), "\x00")) == 0 {
			return "", nil
		}
		return fact(decode(v, m.rep))
	case chain.Environment, chain.Routing, chain.CallerGUID, chain.RootContext, chain.TrustedTime, chain.TrustedEnd:
		return hexText(v), nil
	case chain.ResetDone, chain.TableNumber, chain.EmptyMark:
		return hexText(v), nil
	case chain.FastSerialization, chain.OFS1:
		if err := m.closeTable(); err != nil {
			return "", err
		}
		if m.open = false; it.Tag == chain.OFS1 {
			return m.ofs1(it), nil
		}
		return m.fast(it), nil
	case chain.SessionUser:
		m.session = true
		return fact(decode(v, m.rep))
	default:
		if it.Tag >= 0x0400 && it.Tag < 0x0430 {
			return m.fact(it), nil
		}
		if it.Tag > 0x0200 && it.Tag < 0x0400 || it.Tag >= 0x3c00 && it.Tag <= 0x5fff {
			return m.value(it)
		}
		if it.Tag.Known() && it.Tag < 0x0500 {
			return fact(decode(v, m.rep))
		}
		return guess(v, m.rep), nil
	}
	return "", nil
}

// describe takes item 0101.
func (m *message) describe(it chain.Item) (string, error) {
	d := rfc.SenderDescription(it.Value)
	rep, err := d.Representation()
	if err != nil {
		var w *wire.Error
		if errors.As(err, &w) {
			w.Offset = int(it.Offset)
		}
		return "", err
	}
	m.rep, m.sure, m.sender = rep, true, true
	order := "little-endian"
	if d.BigEndian() {
		order = "big-endian"
	}
	kind := map[byte]string{1: "ABAP", 3: "external", 4: "JCo", 5: "WebSocket"}[d.Kind()]
	if kind == "" {
		kind = fmt.Sprintf("kind %d", d.Kind())
	}
	m.r.Fields.add("sender_codepage", d.Codepage())
	return fmt.Sprintf("%s, %s, code page %s", kind, order, d.Codepage()), nil
}

// learn guesses the representation of a side whose logon is not in the recording.
func (m *message) learn(name []byte) {
	if m.sure {
		return
	}
	if rep, ok := representationOf(name); ok && rep.Text != nil && rep.CharWidth() == 2 {
		m.rep, m.sure = rep, true
	}
}

// identifier decodes the name of a function or parameter. ABAP identifiers are ASCII: other
// characters are the sign of a wrong length that by chance ends in front of the same tag.
func (m *message) identifier(it chain.Item) (string, error) {
	m.learn(it.Value)
	name := decode(it.Value, m.rep)
	foreign := func(r rune) bool { return r < 0x20 || r > 0x7e }
	if strings.ContainsFunc(name, foreign) || len(it.Value) > 2*maxName {
		return "", bad(it, "name", fmt.Sprintf("ASCII characters, at most %d bytes", 2*maxName), fmt.Sprintf("%d bytes with others, or too long", len(it.Value)))
	}
	return name, nil
}

// fact takes an item of the 04xx range. Texts may be single byte in a Unicode session.
func (m *message) fact(it chain.Item) string {
	text := decode(it.Value, m.rep)
	e := &m.r.Exception
	if it.Tag >= chain.SystemID && it.Tag <= chain.ServerHost {
		m.r.Fields.add(it.Tag.String(), text)
		return text
	}
	m.facts = true
	switch it.Tag {
	case chain.ExceptionKey:
		e.Key = text
	case chain.RuntimeErrorID:
		m.runtime = text
	case chain.ErrorText:
		e.Message = text
	case chain.MessageText:
		if e.Message == "" {
			e.Message = text
		}
	case chain.MessageClass:
		e.Class = text
	case chain.MessageType:
		e.Type = text
	case chain.MessageNumber:
		e.Number = text
	case chain.MessageV1:
		e.V1 = text
	case chain.MessageV2:
		e.V2 = text
	case chain.MessageV3:
		e.V3 = text
	case chain.MessageV4:
		e.V4 = text
	case chain.ClassExceptionUse, chain.ClassExceptionInfo, chain.ClassException, chain.ClassExceptionEnd:
		m.class = true
	default:
	}
	return text
}

// value takes an item of a parameter section.
func (m *message) value(it chain.Item) (string, error) {
	v := it.Value
	switch it.Tag {
	case chain.ParameterName:
		if err := m.closeTable(); err != nil {
			return "", err
		}
		name, err := m.identifier(it)
		if err != nil {
			return "", err
		}
		m.setName(name)
		m.r.Parameters = append(m.r.Parameters, Parameter{Name: m.name, Kind: Scalar})
		m.open = true
		return m.name, nil
	case chain.ParameterValue:
		text := m.hide(func() string { return guess(v, m.rep) })
		if m.open {
			p := &m.r.Parameters[len(m.r.Parameters)-1]
			p.Length, p.Text = len(v), text
		}
		m.open = false
		return text, nil
	case chain.TableName:
		if err := m.closeTable(); err != nil {
			return "", err
		}
		name, err := m.identifier(it)
		if err != nil {
			return "", err
		}
		m.setName(name)
		m.r.Parameters = append(m.r.Parameters, Parameter{Name: m.name, Kind: TableKind})
		m.table, m.plain, m.other, m.info, m.open = len(m.r.Parameters)-1, 0, false, false, false
		return m.name, nil
	case chain.TableInfo:
		if err := sized(it, 8); err != nil {
			return "", err
		}
		width, count := binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
		if m.table >= 0 {
			p := &m.r.Parameters[m.table]
			p.Width, p.Rows = int(width), int(count)
			m.info, m.infoOff = true, it.Offset
		}
		return fmt.Sprintf("%d rows of %d bytes", count, width), nil
	case chain.TableRow, chain.TableRowRepeat:
		if m.table >= 0 {
			p := &m.r.Parameters[m.table]
			if m.info && len(v) > p.Width {
				return "", bad(it, "length", fmt.Sprintf("at most the row width, %d bytes", p.Width), fmt.Sprint(len(v)))
			}
			p.Length += len(v)
			m.plain++
		}
		return m.hide(func() string { return guess(v, m.rep) }), nil
	case chain.TableBlock, chain.TableBlockEnd, chain.TableWholeRows:
		if m.table >= 0 {
			m.r.Parameters[m.table].Length += len(v)
		}
		m.other = true
		return m.hide(func() string { return hexText(v) }), nil
	case chain.TableID, chain.TableUsedWidth, chain.TableDeltaEnd:
		if len(v) == 4 {
			return fmt.Sprint(binary.BigEndian.Uint32(v)), nil
		}
		return hexText(v), nil
	case chain.TableWhole, chain.TableDelta:
		m.other = true
		if len(v) == 12 {
			return fmt.Sprintf("kind %d, id %d, %d rows", binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:]), binary.BigEndian.Uint32(v[8:])), nil
		}
		return hexText(v), nil
	case chain.XMLBracket:
		if err := m.closeTable(); err != nil {
			return "", err
		}
		m.open = false
		if m.xml >= 0 {
			m.closeXML()
			return "", nil
		}
		m.setName("")
		m.r.Parameters = append(m.r.Parameters, Parameter{Kind: XMLKind})
		m.xml = len(m.r.Parameters) - 1
		return "", nil
	case chain.XMLPiece:
		return m.piece(v), nil
	case chain.CompactOpen, chain.CompactPlain, chain.CompactDeflated, chain.CompactEnd:
		if err := m.closeTable(); err != nil {
			return "", err
		}
		return m.compact(it), nil
	default:
		m.other = true
		return m.hide(func() string { return hexText(v) }), nil
	}
}

// piece takes a part of an XML document, whose root element is the parameter.
func (m *message) piece(v []byte) string {
	text := clean(string(v[:min(len(v), 4*maxText)]))
	if m.xml < 0 {
		return text
	}
	m.pieces = append(m.pieces, v)
	p := &m.r.Parameters[m.xml]
	if p.Length == 0 {
		p.Name = rootName(string(v[:min(len(v), maxText)]))
		m.setName(p.Name)
	}
	if m.secret {
		text = Masked
		p.Text = Masked
	} else if len(p.Text) < maxText {
		p.Text = clean(p.Text + text)
	}
	p.Length += len(v)
	return text
}

func rootName(s string) string {
	_, s, _ = strings.Cut(s, "<")
	if i := strings.IndexAny(s, "/> \t\r\n"); i >= 0 {
		s = s[:i]
	}
	return clean(s)
}

func (m *message) setName(name string) { m.name, m.secret = name, secretName(name) }

func (m *message) hide(show func() string) string {
	if m.secret {
		return Masked
	}
	return show()
}

// closeTable checks and describes the table group that ends here.
func (m *message) closeTable() error {
	if m.table < 0 {
		return nil
	}
	p := &m.r.Parameters[m.table]
	m.table = -1
	switch {
	case m.other:
		p.Text = fmt.Sprintf("%d rows of %d bytes in %d packed bytes", p.Rows, p.Width, p.Length)
	case m.info:
		p.Text = fmt.Sprintf("%d rows of %d bytes", p.Rows, p.Width)
		if m.plain != p.Rows {
			return &wire.Error{
				Layer: "chain", Record: "item 0302", Field: "row_count", Offset: int(m.infoOff), Err: wire.ErrMalformed,
				Want: fmt.Sprintf("the %d rows that follow", m.plain), Got: fmt.Sprint(p.Rows),
			}
		}
	default:
		p.Rows = m.plain
		p.Text = fmt.Sprintf("%d rows", m.plain)
	}
	return nil
}

// classify says what the message was and keeps what the next ones need.
func (m *message) classify(h *cpic.Header) {
	r, s := m.r, m.stream
	client := r.direction() != capture.ServerToClient
	if m.runtime != "" {
		if r.Exception.Key != "" {
			r.Fields.add("abap_exception", r.Exception.Key)
		}
		r.Exception.Key = m.runtime
	}
	failed := m.refused || m.isReply && (r.Exception != (Exception{}) || m.status != 0)
	answersLogon := s.awaiting && !client || !client && m.preamble && m.session
	switch {
	case m.isReply && failed && !client && (answersLogon || m.preamble && h.ReturnCode == cpic.DeallocatedNormal):
		r.Kind = KindLogonRefusal
	case m.isReply && failed:
		switch {
		case m.runtime != "":
			r.Kind = KindSystemFailure
		case m.class:
			r.Kind = KindClassException
		case r.Exception.Key != "":
			r.Kind = KindException
		case m.facts:
			r.Kind = KindMessage
		default:
			r.Kind = KindSystemFailure
		}
	case m.isReply && answersLogon:
		r.Kind = KindLogonReply
	case m.isReply && client:
		r.Kind = KindCallbackReply
	case m.isReply:
		r.Kind = KindReply
	case m.signed:
		r.Kind = KindLogon
	case m.isCall && client:
		r.Kind = KindCall
	case m.isCall:
		r.Kind = KindCallback
	default:
		r.Kind = KindChain
	}
	if h.ReturnCode == cpic.DeallocatedNormal {
		r.Fields.add("conversation_ends", true)
	}
	switch {
	case m.isCall && client:
		s.function, s.awaiting = r.Function, m.signed
	case m.isCall:
		s.callback = r.Function
	case m.isReply && client:
		r.Function, s.callback = s.callback, ""
	case m.isReply:
		r.Function, s.function, s.awaiting = s.function, "", false
	}
	m.side.rep, m.side.known = m.rep, m.sure
	if m.signed && m.unicode && m.rep.CharWidth() == 1 {
		// The logon of an external client is single byte; its calls are UTF-16LE although no
		// new description comes (spec 03 section 1.1 [capture]).
		m.side.rep = unicodeLE
		m.side.rep.BigEndian = m.rep.BigEndian
	}
	if r.Kind == KindLogonRefusal {
		m.side.known = false
	}
}

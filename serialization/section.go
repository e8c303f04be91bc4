package serialization

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"slices"
	"unsafe"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/bxml"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// Section indexes a received parameter section. Feed it the items of a message in order,
// then call Finish and read values.
//
// It keeps the values of items, not copies: they have to stay valid as long as the Section
// is used, or until Reset; set Copy for items that do not. Values that Scan, Value and Rows
// give out are copies. A Section is reusable; it is not safe for concurrent use.
type Section struct {
	// Options for all values read. Set them before Reset.
	Options Options
	// Copy makes the section copy what it keeps of the items.
	Copy bool
	// AllowFast lets the message hold blocks of OFS1. They break the protocol unless this side
	// offered to read them.
	AllowFast bool

	f     *metadata.Function
	iface *interfacePlan
	memo  planMemo
	reply bool
	code  coder // of the party that wrote the section
	plain coder // of XML documents: UTF-16LE scratch cells

	slots     []slot
	requested []int // order of 0205
	wanted    []bool
	unknown   []string

	pending   int // parameter named by 0201, or a constant below
	name      []byte
	next      int // parameter behind the one named last: names mostly come in this order
	bracket   bool
	pieces    [][]byte
	docSize   int
	group     int // parameter of the open table group, or a constant below
	reader    TableReader
	serverIDs []uint32
	announced []int
	sent      []SentTable
	request   []byte
	own       coder
	fast      fastState
	answered  []bool // by index in sent
	stream    map[int]func(RowData) error
	block     bxml.Block // items 4000 to 4004
	format    Format
	memory    []byte // chunk for copies
	err       error
	texts     arena
}

const (
	nothing     = -1 // no name pending, no group open
	unknownName = -2 // a name or group that the function does not have
)

type slotKind uint8

const (
	slotEmpty   slotKind = iota
	slotValue            // item 0203
	slotXML              // document
	slotTable            // classic rows
	slotSpent            // rows handed to a stream
	slotColumns          // blocks of a fast format
	slotUnkept           // as it was sent, and the rows are gone
)

type slot struct {
	kind  slotKind
	value []byte // item or XML document
	table TableData
	// binary, if not nil, is the document in place of value; the parameter is one element.
	binary  *bxml.Document
	element bxml.Element
	asx     bool // value may have attributes
	blocks  []*columns.Table
}

// document opens the document of a slot.
func (sl *slot) document() tokens {
	if sl.binary != nil {
		return &bxmlReader{sl.binary.Open(sl.element)}
	}
	if sl.asx {
		return &asxReader{xmlReader: xmlReader{b: sl.value}}
	}
	return &xmlReader{b: sl.value}
}

// Reset prepares for a message: of function f, written by a party with representation r;
// reply is true for what a function returns, false for what a caller sends.
func (s *Section) Reset(f *metadata.Function, r Representation, reply bool) {
	if s.f != f || s.code.Representation != r || s.code.Options != s.Options {
		s.code = newCoder(r, s.Options)
		s.plain = newCoder(Representation{}, s.Options)
	}
	if s.f != f {
		s.iface = planInterface(f)
	}
	s.f, s.reply, s.next = f, reply, 0
	n := len(f.Parameters)
	if cap(s.slots) < n {
		s.slots = make([]slot, n)
	}
	full := s.slots[:cap(s.slots)]
	for i := range full {
		full[i].kind, full[i].value = slotEmpty, nil
		full[i].binary, full[i].element, full[i].asx = nil, bxml.Element{}, false
		full[i].table.reset(nil, nil)
		clear(full[i].blocks)
		full[i].blocks = full[i].blocks[:0]
	}
	s.slots = full[:n]
	if cap(s.wanted) < n {
		s.wanted = make([]bool, n)
	}
	s.wanted = s.wanted[:n]
	clear(s.wanted)
	s.requested, s.unknown = s.requested[:0], s.unknown[:0]
	s.pending, s.group, s.bracket = nothing, nothing, false
	clear(s.pieces)
	s.pieces, s.docSize = s.pieces[:0], 0
	s.block.Reset()
	s.format = Classic
	s.serverIDs, s.announced, s.sent = s.serverIDs[:0], s.announced[:0], s.sent[:0]
	s.request, s.answered, s.stream, s.memory, s.err = nil, s.answered[:0], nil, nil, nil
	s.reader.Keep, s.reader.AnyRowWidth = true, s.Options.AnyRowWidth
	s.fast.reset()
}

// SetSent tells the section of a reply which tables the request carried, so that answers
// by table id (0333, 0335) and tables reported as unchanged find their rows. sent is
// Writer.Sent, request the slice that Append returned, own its representation. Rows are
// copied out of request when they are needed, at the latest in Finish.
func (s *Section) SetSent(sent []SentTable, request []byte, own Representation) {
	s.sent = append(s.sent[:0], sent...)
	s.request, s.own = request, newCoder(own, s.Options)
	s.answered = append(s.answered[:0], make([]bool, len(sent))...)
}

// SetAnnounced tells the section of a reply which outputs the request announced, in order
// (Writer.Announced). It resolves table ids that only the server knows (0331): they number
// the requested tables in the order of the request. Source: spec 41.7 [inferred].
func (s *Section) SetAnnounced(indices []int) { s.announced = append(s.announced[:0], indices...) }

// SetStream hands the rows of a TABLES parameter to fn as they arrive instead of keeping
// them. fn must not keep the bytes, unless the items of the message stay valid.
func (s *Section) SetStream(index int, fn func(RowData) error) {
	if s.stream == nil {
		s.stream = map[int]func(RowData) error{}
	}
	s.stream[index] = fn
}

// Item takes the next item of the message. It returns false, and does nothing but close an
// open table group or document, for an item that is not part of a parameter section. Errors are final:
// *wire.Error if the items break the protocol, *StaleError if they contradict the
// description, *UnsupportedError for other serializations.
func (s *Section) Item(it chain.Item) (bool, error) {
	if s.err != nil {
		return true, s.err
	}
	ok, err := s.item(it)
	s.err = err
	return ok, err
}

func (s *Section) fail(it chain.Item, want, got string) error {
	return &wire.Error{
		Layer: "serialization", Record: fmt.Sprintf("item %04x", uint16(it.Tag)), Offset: int(it.Offset),
		Err: wire.ErrMalformed, Want: want, Got: got,
	}
}

func (s *Section) item(it chain.Item) (bool, error) {
	s.fast.ended = s.fast.blocks > 0 && it.Tag != chain.OFS1
	if s.group != nothing {
		if s.group == unknownName {
			if tableTag(it.Tag) {
				return true, nil
			}
			s.group = nothing
		} else if s.reader.Owns(it.Tag) {
			return true, s.rows(it)
		} else if err := s.closeGroup(); err != nil {
			return true, err
		}
	}
	if s.block.Active() && !bxml.Owns(it.Tag) {
		if err := s.closeBlock(it); err != nil {
			return true, err
		}
	}
	if s.bracket && it.Tag != chain.XMLPiece && it.Tag != chain.XMLBracket {
		return true, s.fail(it, "3c05 or 3c02 inside an XML bracket", fmt.Sprintf("%04x", uint16(it.Tag)))
	}
	if s.pending != nothing && it.Tag != chain.ParameterValue {
		return true, s.fail(it, "item 0203 behind 0201", fmt.Sprintf("%04x", uint16(it.Tag)))
	}
	switch it.Tag {
	case chain.RequestedName:
		return true, s.requestedName(it)
	case chain.ParameterName:
		return true, s.parameterName(it)
	case chain.ParameterValue:
		return true, s.parameterValue(it)
	case chain.XMLBracket:
		return true, s.xmlBracket(it)
	case chain.XMLPiece:
		return true, s.xmlPiece(it)
	case chain.TableName:
		return true, s.tableName(it)
	case chain.TableNumber:
		if len(it.Value) == 4 && len(s.serverIDs) < metadata.MaxParameters {
			s.serverIDs = append(s.serverIDs, binary.BigEndian.Uint32(it.Value))
		}
		return true, nil
	case chain.TableDeltaEnd:
		return true, nil // stands alone behind 0500 in some replies (spec 04 section 2)
	case chain.TableWhole, chain.TableDelta:
		return true, s.tableByID(it)
	case chain.LineDescription:
		return true, nil // old description of the rows that follow; metadata is better
	case chain.TableID, chain.TableInfo, chain.TableRow, chain.TableRowRepeat, chain.TableBlock,
		chain.TableBlockEnd, chain.TableUsedWidth, chain.TableWholeRows:
		return true, s.fail(it, "a table group (0301)", fmt.Sprintf("%04x outside of one", uint16(it.Tag)))
	case chain.OFS1:
		return true, s.fastBlock(it)
	case chain.FastSerialization:
		return true, s.fastItem(it)
	case chain.CompactOpen, chain.CompactPlain, chain.CompactDeflated, chain.CompactEnd:
		return true, s.compact(it)
	default:
		return false, nil
	}
}

// tableTag reports whether a tag can only occur inside a table group.
func tableTag(t chain.Tag) bool {
	switch t {
	case chain.TableID, chain.TableInfo, chain.TableRow, chain.TableRowRepeat, chain.TableBlock,
		chain.TableBlockEnd, chain.TableUsedWidth, chain.TableWholeRows, chain.TableDeltaEnd:
		return true
	default:
		return false
	}
}

// lookup finds the parameter of a name item; unknownName if the function does not have it
// or if it does not travel in this direction.
func (s *Section) lookup(it chain.Item) (int, error) {
	var err error
	if s.name, err = s.code.name(s.name[:0], it.Value); err != nil {
		return 0, &wire.Error{
			Layer: "serialization", Record: fmt.Sprintf("item %04x", uint16(it.Tag)), Field: "name",
			Offset: int(it.Offset), Err: fmt.Errorf("%w: %w", wire.ErrMalformed, err),
		}
	}
	return s.resolve(it, s.name)
}

func (s *Section) resolve(it chain.Item, name []byte) (int, error) {
	i := s.next
	if i >= len(s.f.Parameters) || s.f.Parameters[i].Name != string(name) {
		i = s.f.Index(string(name))
	}
	s.next = i + 1
	if i < 0 {
		if len(name) == 0 || len(name) > 4*metadata.MaxName {
			return 0, s.fail(it, "a parameter name of 1 to 30 characters", fmt.Sprintf("%d bytes", len(name)))
		}
		s.remember(name)
		return unknownName, nil
	}
	return i, nil
}

func (s *Section) remember(name []byte) {
	if len(s.unknown) < MaxUnknown && !slices.Contains(s.unknown, string(name)) {
		s.unknown = append(s.unknown, string(name))
	}
}

// travels reports whether a value of parameter i belongs into this section.
func (s *Section) travels(i int) bool {
	d := s.f.Parameters[i].Direction
	if s.reply {
		return d.Output()
	}
	return d.Input()
}

// claim reserves the slot of a parameter for a value.
func (s *Section) claim(it chain.Item, i int) (int, error) {
	if i < 0 {
		return i, nil
	}
	p := &s.f.Parameters[i]
	if !s.travels(i) {
		s.remember([]byte(p.Name))
		return unknownName, nil
	}
	if s.slots[i].kind != slotEmpty {
		return 0, s.fail(it, "each parameter once", fmt.Sprintf("parameter %s twice", p.Name))
	}
	return i, nil
}

func (s *Section) requestedName(it chain.Item) error {
	i, err := s.lookup(it)
	if err != nil || i < 0 {
		return err
	}
	if s.wanted[i] {
		return s.fail(it, "each name once", fmt.Sprintf("0205 %s twice", s.f.Parameters[i].Name))
	}
	s.wanted[i] = true
	s.requested = append(s.requested, i)
	return nil
}

func (s *Section) parameterName(it chain.Item) error {
	i, err := s.lookup(it)
	if err != nil {
		return err
	}
	s.pending, err = s.claim(it, i)
	return err
}

func (s *Section) parameterValue(it chain.Item) error {
	i := s.pending
	s.pending = nothing
	switch i {
	case nothing:
		return s.fail(it, "item 0201 in front of 0203", "none")
	case unknownName:
		return nil
	}
	p := &s.f.Parameters[i]
	if p.Kind == metadata.Table || p.XML() {
		return &StaleError{Path: p.Name, Want: typeText(&p.Field) + " as table or document", Got: "a plain value"}
	}
	v := it.Value
	if p.Kind != metadata.String && p.Kind != metadata.XString {
		var err error
		if v, err = s.fixed(p, v); err != nil {
			return err
		}
	}
	s.slots[i].kind, s.slots[i].value = slotValue, s.keep(v)
	return nil
}

// fixed checks the length of a fixed-width value. Text may be shorter; of structures the
// fill at the end may be missing (spec 21.3). Non-Unicode peers may send CHAR too long: it is
// cut between two characters (spec 20.10).
func (s *Section) fixed(p *metadata.Parameter, v []byte) ([]byte, error) {
	w := s.code.CharWidth()
	width := p.Width(w)
	switch {
	case len(v) == width:
		return v, nil
	case len(v) > width && p.Kind == metadata.Char && w == 1:
		return s.code.Text.CutCell(v, width), nil
	case len(v) < width && len(v)%w == 0 && p.Kind == metadata.Char:
		cl := cell{f: &p.Field, width: width}
		full := make([]byte, width)
		s.code.fillInitial(full, &cl)
		copy(full, v)
		return full, nil
	case p.Kind.IsStructure() && len(v) < width && len(v) >= p.Type.Layout(w).Used:
		return v, nil
	case p.Kind == metadata.Structure && s.Options.AnyRowWidth && len(v) > width:
		return v[:width], nil
	case p.Kind == metadata.Structure && s.Options.AnyRowWidth:
		return slices.Concat(v, planRow(p.Type, &s.code).initial[len(v):]), nil
	}
	return nil, &StaleError{Path: p.Name, Want: fmt.Sprintf("%s in %d bytes", typeText(&p.Field), width), Got: fmt.Sprintf("%d bytes", len(v))}
}

// keep copies b if the items do not stay valid.
func (s *Section) keep(b []byte) []byte {
	if !s.Copy || len(b) == 0 {
		return b
	}
	if cap(s.memory)-len(s.memory) < len(b) {
		s.memory = make([]byte, 0, max(len(b), arenaChunk))
	}
	n := len(s.memory)
	s.memory = append(s.memory, b...)
	return s.memory[n:len(s.memory):len(s.memory)]
}

func (s *Section) xmlBracket(it chain.Item) error {
	if len(it.Value) != 0 {
		return s.fail(it, "an empty bracket item", fmt.Sprintf("%d bytes", len(it.Value)))
	}
	if !s.bracket {
		s.bracket = true
		return nil
	}
	s.bracket = false
	doc := []byte(nil)
	if len(s.pieces) == 1 {
		doc = s.pieces[0]
	} else {
		doc = bytes.Join(s.pieces, nil)
	}
	clear(s.pieces)
	s.pieces, s.docSize = s.pieces[:0], 0
	if basXMLDocument(doc) {
		return s.basXML(it, doc)
	}
	raw, err := rootName(doc)
	if err != nil {
		return fmt.Errorf("serialization: document at offset %d: %w", it.Offset, err)
	}
	i, err := s.documentParameter(it, raw)
	if err != nil || i < 0 {
		return err
	}
	s.slots[i].kind, s.slots[i].value = slotXML, doc
	return nil
}

func (s *Section) xmlPiece(it chain.Item) error {
	if !s.bracket {
		return s.fail(it, "3c02 in front of 3c05", "none")
	}
	if s.docSize += len(it.Value); s.docSize > MaxDocument {
		return &LimitError{Path: "document", What: "bytes", Size: uint64(s.docSize), Limit: MaxDocument}
	}
	if len(it.Value) > 0 {
		s.pieces = append(s.pieces, s.keep(it.Value))
	}
	return nil
}

func (s *Section) tableName(it chain.Item) error {
	i, err := s.lookup(it)
	if err != nil {
		return err
	}
	if i, err = s.claim(it, i); err != nil {
		return err
	}
	return s.openGroup(i)
}

// openGroup starts the rows of parameter i.
func (s *Section) openGroup(i int) error {
	s.group = i
	if i < 0 {
		return nil
	}
	p := &s.f.Parameters[i]
	if p.Kind != metadata.Table || p.Type.Deep() {
		s.group = nothing
		return &StaleError{Path: p.Name, Want: typeText(&p.Field), Got: "a table with flat rows"}
	}
	s.slots[i].kind = slotTable
	s.startTable(i, &s.code)
	for k := range s.sent {
		if s.sent[k].Parameter == i {
			s.answered[k] = true
		}
	}
	return nil
}

func (s *Section) startTable(i int, c *coder) {
	p := &s.f.Parameters[i]
	row := planRow(p.Type, c)
	s.reader.reset(p, row)
	s.slots[i].table.reset(p, row)
}

// tableByID opens a group that names its table by id (spec 04 section 4.4, spec 41.7).
func (s *Section) tableByID(it chain.Item) error {
	if len(it.Value) != 12 {
		return s.fail(it, "12 bytes", fmt.Sprintf("%d", len(it.Value)))
	}
	kind, id, count := binary.BigEndian.Uint32(it.Value), binary.BigEndian.Uint32(it.Value[4:]), binary.BigEndian.Uint32(it.Value[8:])
	if it.Tag == chain.TableDelta && kind != 10 {
		return s.fail(it, "table operation 10", fmt.Sprintf("%d; switch delta answers off (jco.client.delta=0)", kind))
	}
	i, ok := s.tableOfID(id)
	if !ok {
		return s.fail(it, "the id of a table of the request", fmt.Sprintf("%d", id))
	}
	if i, ok := s.claim(it, i); ok != nil || i < 0 {
		return ok
	}
	if err := s.openGroup(i); err != nil {
		return err
	}
	s.reader.id, s.reader.hasID = id, true
	if it.Tag == chain.TableWhole {
		return s.reader.describe(it, count)
	}
	s.reader.delta, s.reader.expect = true, count
	return nil
}

func (s *Section) tableOfID(id uint32) (int, bool) {
	for i := range s.sent {
		if s.sent[i].ID == id {
			return s.sent[i].Parameter, true
		}
	}
	k := slices.Index(s.serverIDs, id)
	if k < 0 {
		return 0, false
	}
	for _, i := range s.announced {
		if s.f.Parameters[i].Direction == metadata.Tables && !s.f.Parameters[i].XML() {
			if k == 0 {
				return i, true
			}
			k--
		}
	}
	return 0, false
}

// rows takes an item of the open table group.
func (s *Section) rows(it chain.Item) error {
	r, err := s.reader.Item(it)
	if err != nil || r.n == 0 {
		return err
	}
	if fn := s.stream[s.group]; fn != nil {
		return fn(r)
	}
	if s.Copy && len(r.data) > 0 && len(it.Value) > 0 && unsafe.SliceData(r.data) == unsafe.SliceData(it.Value) {
		r.data = s.keep(r.data)
	}
	s.slots[s.group].table.add(r)
	return nil
}

// Run takes rows of a streamed table that lie one behind the other in front of items, where
// Item would be given each of them, and hands them to the function of SetStream together.
func (s *Section) Run(items *chain.Reader) error {
	if s.err != nil || s.group < 0 || s.stream[s.group] == nil {
		return s.err
	}
	if r := s.reader.run(items); r.n > 0 {
		s.err = s.stream[s.group](r)
	}
	return s.err
}

// closeGroup ends the open table group.
func (s *Section) closeGroup() error {
	i := s.group
	s.group = nothing
	if i < 0 {
		return nil
	}
	if s.reader.delta && !s.reader.changed {
		// No description of rows: the table is as it was sent.
		if s.reader.expect > 0 {
			return s.reader.fail(chain.Item{Tag: chain.TableDelta}, wire.ErrMalformed, fmt.Sprintf("%d rows", s.reader.expect), "none")
		}
		return s.unchanged(i)
	}
	if err := s.reader.Finish(); err != nil {
		return err
	}
	if s.stream[i] != nil {
		s.slots[i].kind = slotSpent
	}
	return nil
}

// unchanged takes the rows of the request as those of the reply.
func (s *Section) unchanged(i int) error {
	for k := range s.sent {
		t := &s.sent[k]
		if t.Parameter == i && t.Gone {
			s.answered[k] = true
			s.slots[i].kind = slotUnkept
			return nil
		}
		if t.Parameter != i || t.Start < 0 || t.End < t.Start || t.End > len(s.request) {
			continue
		}
		s.answered[k] = true
		s.slots[i].kind = slotTable
		s.startTable(i, &s.own)
		// The rows were written by this package: take them as they are.
		s.reader.width, s.reader.count, s.reader.state, s.reader.changed = s.reader.row.total, 1<<31-1, tableRows, true
		items := chain.NewBytesReader(bytes.Clone(s.request[t.Start:t.End]), chain.Limits{Items: 1<<31 - 1, Message: MaxTable * 2})
		for t.Start < t.End {
			it, err := items.Next()
			if err != nil {
				if atEnd(err, items, t) {
					break
				}
				return fmt.Errorf("serialization: rows of the request: %w", err)
			}
			r, err := s.reader.Item(it)
			if err != nil {
				return err
			}
			if fn := s.stream[i]; fn != nil {
				if err := fn(r); err != nil {
					return err
				}
				s.slots[i].kind = slotSpent
				continue
			}
			s.slots[i].table.add(r)
		}
		return nil
	}
	return &wire.Error{
		Layer: "serialization", Record: "item 0335", Err: wire.ErrMalformed,
		Want: "a table of the request", Got: "unchanged rows of table " + s.f.Parameters[i].Name + ", which was not sent",
	}
}

// atEnd tells the end of the rows, which has no end item, from a broken one.
func atEnd(err error, r *chain.Reader, t *SentTable) bool {
	return err != nil && (err == io.EOF || r.Offset() == int64(t.End-t.Start)) //nolint:errorlint // io.EOF is returned as it is
}

// Finish checks that the section is complete: no name without a value, no open bracket, as
// many rows as announced. In a reply it restores the sent tables that were not mentioned.
func (s *Section) Finish() error {
	if s.err != nil {
		return s.err
	}
	s.err = s.finish()
	return s.err
}

func (s *Section) finish() error {
	end := chain.Item{Tag: chain.End}
	switch {
	case s.pending != nothing:
		return s.fail(end, "item 0203 behind 0201", "the end of the section")
	case s.bracket:
		return s.fail(end, "3c02 to close the XML bracket", "the end of the section")
	}
	if s.group != nothing {
		if err := s.closeGroup(); err != nil {
			return err
		}
	}
	if s.block.Active() {
		if err := s.closeBlock(end); err != nil {
			return err
		}
	}
	s.endFastTable()
	if !s.reply {
		return nil
	}
	for k := range s.sent {
		if i := s.sent[k].Parameter; !s.answered[k] && s.slots[i].kind == slotEmpty {
			if s.sent[k].Gone && !slices.Contains(s.announced, i) {
				continue // nobody asked for it
			}
			if err := s.unchanged(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// Function is the one of the last Reset.
func (s *Section) Function() *metadata.Function { return s.f }

// Format says how the message carried its values: BasXML if a binary document was among
// them, RowFast or ColumnFast for blocks, else Classic. A host answers in kind.
func (s *Section) Format() Format { return s.format }

// Requested reports whether item 0205 named parameter i.
func (s *Section) Requested(i int) bool { return i >= 0 && i < len(s.wanted) && s.wanted[i] }

// RequestedIndices lists the parameters named by 0205 in their order. It is valid until
// Reset.
func (s *Section) RequestedIndices() []int { return s.requested }

// RequestedNames lists the names of 0205 that the function has.
func (s *Section) RequestedNames() []string {
	names := make([]string, len(s.requested))
	for k, i := range s.requested {
		names[k] = s.f.Parameters[i].Name
	}
	return names
}

// Has reports whether a value of parameter i was received.
func (s *Section) Has(i int) bool { return i >= 0 && i < len(s.slots) && s.slots[i].kind != slotEmpty }

// Unknown lists names that the function does not have, or that do not travel in this
// direction, at most MaxUnknown. Their values were skipped.
func (s *Section) Unknown() []string { return s.unknown }

// Missing lists the mandatory inputs that a request lacks.
func (s *Section) Missing() []string {
	var names []string
	for i := range s.f.Parameters {
		p := &s.f.Parameters[i]
		if !p.Optional && !s.Has(i) && (p.Direction == metadata.Import || p.Direction == metadata.Changing) {
			names = append(names, p.Name)
		}
	}
	return names
}

// find resolves a name given by the caller.
func (s *Section) find(name string) (int, error) {
	i := s.f.Index(name)
	if i < 0 {
		return 0, UnknownParameter(s.f, name)
	}
	if !s.travels(i) {
		return 0, &DirectionError{Function: s.f.Name, Name: name, Direction: s.f.Parameters[i].Direction, Read: true}
	}
	return i, nil
}

// Table gives the rows of a table that came in classic form, also if it was not received:
// then it has no rows. It is valid until Reset. For a table that came as a document use Rows
// or Value.
func (s *Section) Table(name string) (*TableData, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	p, sl := &s.f.Parameters[i], &s.slots[i]
	switch {
	case p.Kind != metadata.Table:
		return nil, &ShapeError{Path: name, Got: typeText(&p.Field), Want: "a TABLE"}
	case sl.kind == slotXML:
		return nil, &ShapeError{Path: name, Got: "a table that came as a document", Want: "Rows or Value"}
	case p.Type.Deep():
		return nil, &ShapeError{Path: name, Got: "a table with deep rows", Want: "a TABLE with flat rows"}
	case sl.kind == slotSpent || sl.kind == slotUnkept:
		return nil, s.spent(p)
	case sl.kind == slotColumns:
		return nil, &ShapeError{Path: name, Got: "a table by column", Want: "a TABLE with classic rows"}
	case sl.kind == slotEmpty:
		sl.table.reset(p, planRow(p.Type, &s.code))
	}
	return &sl.table, nil
}

// spent is the error of a table whose rows are gone.
func (s *Section) spent(p *metadata.Parameter) error {
	if s.slots[s.f.Index(p.Name)].kind == slotUnkept {
		return fmt.Errorf("function %s: table %s came back as it was sent, and its rows, which came from an iterator, are not kept; leave it out with NotRequested or send a slice: %w", s.f.Name, p.Name, ErrShape)
	}
	return fmt.Errorf("function %s: rows of %s went to a stream and are not kept: %w", s.f.Name, p.Name, ErrShape)
}

// Value gives a received value as its default Go type (see the package comment), and the
// initial value if it was not received.
func (s *Section) Value(name string) (any, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return s.value(i)
}

func (s *Section) value(i int) (any, error) {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	var v any
	var err error
	switch sl.kind {
	case slotXML:
		v, err = s.plain.documentValue(p, sl.document(), &s.texts)
	case slotTable:
		v, err = s.tableAny(&sl.table)
	case slotColumns:
		v, err = s.fastAny(i)
	case slotSpent, slotUnkept:
		return nil, s.spent(p)
	case slotValue:
		v, err = s.code.plainValue(p, sl.value)
	default:
		v, err = s.plain.initialValue(&p.Field)
	}
	if err != nil {
		return nil, at(p.Name, err)
	}
	return v, nil
}

// plainValue decodes item 0203.
func (c *coder) plainValue(p *metadata.Parameter, b []byte) (any, error) {
	switch p.Kind {
	case metadata.String:
		return c.stringValue(&p.Field, b)
	case metadata.XString:
		return append([]byte{}, b...), nil
	default:
		cl := cell{f: &p.Field, width: len(b)}
		if p.Type != nil {
			cl.sub = planRow(p.Type, c)
		}
		return c.decode(b, &cl)
	}
}

// stringValue decodes a scalar STRING, with one 00 behind it, which may be missing.
func (c *coder) stringValue(f *metadata.Field, b []byte) (string, error) {
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	return c.scalarString(f, b)
}

// Scan copies received values into dst: a pointer to a struct with tags, *Params or
// *map[string]any, or *Record (also **Record), which is then a record of parameters. Fields of parameters that were not received stay as they are; a map gets
// entries for received parameters only. Slices of the struct are reused if their capacity
// suffices.
func (s *Section) Scan(dst any) error {
	switch m := dst.(type) {
	case nil:
		return nil
	case *Record:
		return s.scanRecord(m)
	case **Record:
		if *m == nil {
			*m = s.parameters()
		}
		return s.scanRecord(*m)
	case *Params:
		if *m == nil {
			*m = make(Params, len(s.slots))
		}
		return s.scanMap(*m)
	case *map[string]any:
		if *m == nil {
			*m = make(map[string]any, len(s.slots))
		}
		return s.scanMap(*m)
	case Params:
		return s.scanMap(m)
	}
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct || scalarStruct(rv.Elem().Type()) {
		return &ShapeError{Path: "results", Got: fmt.Sprintf("%T", dst), Want: "a pointer to a struct or to a map[string]any"}
	}
	plan, err := s.memo.planFunction(rv.Elem().Type(), s.f, &s.code)
	if err != nil {
		return err
	}
	base := rv.UnsafePointer()
	var plain *funcPlan
	for i := range s.slots {
		o := &plan.ops[i]
		if o.code == opNone || s.slots[i].kind == slotEmpty || s.slots[i].kind == slotSpent {
			continue
		}
		if s.slots[i].kind == slotXML && !s.f.Parameters[i].XML() {
			// A flat parameter in a document: its cells are those of documents.
			if plain == nil {
				if plain, err = planFunction(rv.Elem().Type(), s.f, &s.plain); err != nil {
					return err
				}
			}
			o = &plain.ops[i]
		}
		if err := s.scan(i, o, unsafe.Add(base, o.mem)); err != nil {
			return at(s.f.Parameters[i].Name, err)
		}
	}
	return nil
}

func (s *Section) scanMap(m map[string]any) error {
	if m == nil {
		return &ShapeError{Path: "results", Got: "nil map", Want: "a map"}
	}
	for i := range s.slots {
		if k := s.slots[i].kind; k == slotEmpty || k == slotSpent {
			continue
		}
		v, err := s.value(i)
		if err != nil {
			return err
		}
		m[s.f.Parameters[i].Name] = v
	}
	return nil
}

// scan stores one received value at to, where a value of o.typ lies.
func (s *Section) scan(i int, o *op, to unsafe.Pointer) error {
	p, sl := &s.f.Parameters[i], &s.slots[i]
	if o.code == opPointer {
		v := reflect.New(o.typ.Elem())
		if err := s.scan(i, o.inner, v.UnsafePointer()); err != nil {
			return err
		}
		reflect.NewAt(o.typ, to).Elem().Set(v)
		return nil
	}
	switch sl.kind {
	case slotXML:
		return s.plain.scanDocument(p, sl.document(), o, to, &s.texts)
	case slotTable:
		return s.scanTable(&sl.table, o, to)
	case slotColumns:
		return s.fastScan(i, o, to)
	case slotUnkept:
		return s.spent(p)
	default:
		switch o.code {
		case opString:
			v, err := s.code.stringValue(&p.Field, sl.value)
			if err == nil {
				*(*string)(to) = v
			}
			return err
		case opTextLE:
			s.texts.reserve(max(len(sl.value)/2, minCellText))
			if n, ok := cellText(s.texts.free, sl.value); ok {
				*(*string)(to) = s.texts.str(n)
				return nil
			}
			return s.code.decodeOp(sl.value, o, to, &s.texts)
		case opSlow, opSource:
		case opBytes:
			if p.Kind == metadata.XString {
				*(*[]byte)(to) = append((*(*[]byte)(to))[:0], sl.value...)
				return nil
			}
			return s.code.decodeOp(sl.value, o, to, &s.texts)
		default:
			return s.code.decodeOp(sl.value, o, to, &s.texts)
		}
	}
	v, err := s.value(i)
	if err != nil {
		return err
	}
	return o.store(to, v)
}

// scanTable stores rows in the slice at to.
func (s *Section) scanTable(t *TableData, o *op, to unsafe.Pointer) error {
	if o.code != opTable {
		v, err := s.tableAny(t)
		if err != nil {
			return err
		}
		return o.store(to, v)
	}
	elem := o.elem
	if elem.row.Representation != t.row.Representation {
		c := newCoder(t.row.Representation, s.Options)
		var err error
		if elem, err = c.planElem(o.typ.Elem(), t.p.Type); err != nil {
			return err
		}
	}
	return scanRows(t, elem, reflect.NewAt(o.typ, to).Elem(), &s.texts)
}

// scanRows fills a slice with decoded rows.
func scanRows(t *TableData, elem *elemPlan, slice reflect.Value, a *arena) error {
	n := t.Len()
	sizeSlice(slice, n)
	if n == 0 {
		return nil
	}
	d := rowDecoder{elem: elem, texts: a}
	base, size := slice.UnsafePointer(), elem.typ.Size()
	for i := range n {
		// base points to the array of the slice, which has n elements of this size.
		if err := d.decode(t.Row(i), unsafe.Add(base, uintptr(i)*size)); err != nil {
			return atRow(i, err)
		}
	}
	return nil
}

// sizeSlice gives a slice n zero elements, in its own memory if that suffices.
func sizeSlice(slice reflect.Value, n int) {
	if slice.Cap() >= n && !slice.IsNil() {
		slice.SetLen(n)
		slice.Clear()
		return
	}
	slice.Set(reflect.MakeSlice(slice.Type(), n, n))
}

// tableAny gives rows as their default Go type: []Params, or a slice of scalars for an
// unnamed line.
func (s *Section) tableAny(t *TableData) (any, error) {
	c := newCoder(t.row.Representation, s.Options)
	slice := reflect.New(reflect.SliceOf(defaultRow(t.p.Type))).Elem()
	elem, err := c.planElem(slice.Type().Elem(), t.p.Type)
	if err != nil {
		return nil, err
	}
	if err := scanRows(t, elem, slice, &s.texts); err != nil {
		return nil, err
	}
	return slice.Interface(), nil
}

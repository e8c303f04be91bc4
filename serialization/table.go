package serialization

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// RowData holds rows of one table as they came in one item, or in several that are alike, or
// all rows of a compressed table. Its bytes alias what the items or the reader hold; rows of a
// fast format have memory of their own.
type RowData struct {
	data   []byte
	width  int // of a row
	stride int // from one row to the next
	n      int
	table  *columns.Table // rows of a fast format, in place of data
}

// Len is the number of rows.
func (r RowData) Len() int { return r.n }

// Columns gives the rows of a fast format, nil for classic rows.
func (r RowData) Columns() *columns.Table { return r.table }

// Row gives the bytes of row i, at least the used width of the line type. Rows of a fast
// format have none.
func (r RowData) Row(i int) []byte {
	if r.n == 1 {
		return r.data
	}
	from := i * r.stride
	return r.data[from : from+r.width : from+r.width]
}

// TableReader follows the items of one table group as they arrive and gives out rows
// without keeping them: 0330, 0302, 0310, then 0303 and 0304, or 0305 and 0306, or 0334.
//
// Rows alias the value of the item, except for short rows, which are completed in a buffer
// of the reader, and compressed tables, which come as a whole with item 0306: these are
// valid until the next call of Item or Reset, unless Keep is set.
//
// A TableReader is reusable and not safe for concurrent use.
type TableReader struct {
	// Keep makes rows that do not alias their item stay valid: they get memory of their own.
	Keep bool
	// AnyRowWidth is that of Options.
	AnyRowWidth bool

	row     *rowPlan
	name    string
	width   int // declared, from item 0302
	count   int // announced
	seen    int
	state   tableState
	delta   bool // opened by 0335: without 0302 the table is unchanged
	expect  uint32
	id      uint32
	hasID   bool
	tail    []byte    // buffer for completed rows
	packed  []byte    // joined values of 0305
	plain   []byte    // decompressed
	changed bool      // a 0302 arrived
	like    chain.Tag // of the last row, if it came as it is wanted; 0: it did not, or there is none
	length  int       // of that row

	received, completed uint64 // bytes of short rows, as they came and as they became
}

type tableState uint8

const (
	tableOpen   tableState = iota // before 0302
	tableRows                     // after 0302
	tablePacked                   // inside 0305
	tableDone                     // after 0306, 0334 or 0336
)

// Reset makes the reader follow the group of another table, opened by an item 0301.
func (t *TableReader) Reset(p *metadata.Parameter, r Representation) {
	c := newCoder(r, Options{})
	t.reset(p, planRow(p.Type, &c))
}

func (t *TableReader) reset(p *metadata.Parameter, row *rowPlan) {
	*t = TableReader{
		Keep: t.Keep, AnyRowWidth: t.AnyRowWidth, row: row, name: p.Name,
		tail: t.tail[:0], packed: t.packed[:0], plain: t.plain[:0],
	}
	if cap(t.tail) > maxKeptBytes || t.Keep {
		t.tail = nil
	}
	if cap(t.packed) > maxKeptBytes {
		t.packed = nil
	}
	if cap(t.plain) > maxKeptBytes || t.Keep {
		t.plain = nil
	}
}

// Owns reports whether an item with this tag belongs to the group in its present state. The
// first item that does not ends the group: call Finish.
func (t *TableReader) Owns(tag chain.Tag) bool {
	return t.state != tableDone && tableTag(tag)
}

// Width is the declared row width of item 0302 in bytes, Count the number of rows it
// announces: 0 before the item arrived.
func (t *TableReader) Width() int { return t.width }

// Count is the number of rows announced so far.
func (t *TableReader) Count() int { return t.count }

// Item takes the next item of the group and returns the rows it completes.
func (t *TableReader) Item(it chain.Item) (RowData, error) {
	switch it.Tag {
	case chain.TableRow, chain.TableRowRepeat:
		return t.plainRow(it)
	case chain.TableInfo:
		return RowData{}, t.info(it)
	case chain.TableID:
		if len(it.Value) != 4 {
			return RowData{}, t.fail(it, wire.ErrMalformed, "4 bytes", fmt.Sprintf("%d", len(it.Value)))
		}
		if t.state != tableOpen || t.hasID {
			return RowData{}, t.fail(it, wire.ErrMalformed, "one table id in front of the row description", "another")
		}
		t.id, t.hasID = binary.BigEndian.Uint32(it.Value), true
		return RowData{}, nil
	case chain.TableUsedWidth:
		if len(it.Value) != 4 || t.state != tableRows {
			return RowData{}, t.fail(it, wire.ErrMalformed, "4 bytes behind the row description", fmt.Sprintf("%d bytes", len(it.Value)))
		}
		return RowData{}, nil // rows are cut by the declared width (spec 21.7)
	case chain.TableBlock:
		return RowData{}, t.block(it)
	case chain.TableBlockEnd:
		return t.blockEnd(it)
	case chain.TableWholeRows:
		return t.whole(it)
	case chain.TableDeltaEnd:
		if len(it.Value) != 4 {
			return RowData{}, t.fail(it, wire.ErrMalformed, "4 bytes", fmt.Sprintf("%d", len(it.Value)))
		}
		if id := binary.BigEndian.Uint32(it.Value); t.hasID && id != t.id {
			return RowData{}, t.fail(it, wire.ErrMalformed, fmt.Sprintf("table id %d", t.id), fmt.Sprintf("%d", id))
		}
		if t.state != tablePacked && t.count == t.seen {
			t.state = tableDone
			return RowData{}, nil
		}
		return RowData{}, t.counted(it)
	default:
		return RowData{}, t.fail(it, wire.ErrMalformed, "an item of a table group", it.Tag.String())
	}
}

func (t *TableReader) fail(it chain.Item, reason error, want, got string) error {
	return &wire.Error{
		Layer: "serialization", Record: fmt.Sprintf("table %s item %04x", t.name, uint16(it.Tag)),
		Offset: int(it.Offset), Err: reason, Want: want, Got: got,
	}
}

// info reads item 0302.
func (t *TableReader) info(it chain.Item) error {
	if len(it.Value) != 8 {
		return t.fail(it, wire.ErrMalformed, "8 bytes", fmt.Sprintf("%d", len(it.Value)))
	}
	if t.state != tableOpen || t.changed {
		return t.fail(it, wire.ErrMalformed, "one row description", "another")
	}
	width, count := binary.BigEndian.Uint32(it.Value), binary.BigEndian.Uint32(it.Value[4:])
	switch {
	case width == 0:
		return t.fail(it, wire.ErrMalformed, "a row width above 0", "0")
	case t.delta && count != t.expect:
		return t.fail(it, wire.ErrMalformed, fmt.Sprintf("%d rows as item 0335 says", t.expect), fmt.Sprintf("%d", count))
	case uint64(width)*uint64(count) > MaxTable || count > math.MaxInt32:
		return t.fail(it, wire.ErrLimit, fmt.Sprintf("at most %d bytes of rows", uint64(MaxTable)), fmt.Sprintf("%d rows of %d bytes", count, width))
	case int(width) != t.row.total && int(width) != t.row.used && (!t.AnyRowWidth || width > math.MaxInt32):
		return &StaleError{Path: t.name, Want: fmt.Sprintf("rows of %d bytes", t.row.total), Got: fmt.Sprintf("%d", width)}
	}
	t.width, t.count, t.state, t.changed = int(width), int(count), tableRows, true
	return nil
}

// plainRow reads one row.
func (t *TableReader) plainRow(it chain.Item) (RowData, error) {
	if t.state != tableRows {
		return RowData{}, t.fail(it, wire.ErrMalformed, "a row description (0302) in front of rows", "a row")
	}
	if t.seen >= t.count {
		return RowData{}, t.fail(it, wire.ErrMalformed, fmt.Sprintf("%d rows", t.count), "more")
	}
	row := it.Value
	t.like, t.length = it.Tag, len(row)
	if len(row) > t.width {
		return RowData{}, at(t.name, atRow(t.seen, &ConversionError{
			Kind: "ROW", Reason: BadLength,
			Text: fmt.Sprintf("%d bytes, at most %d", len(row), t.width),
			Err:  t.fail(it, wire.ErrMalformed, fmt.Sprintf("at most %d bytes", t.width), fmt.Sprintf("%d", len(row))),
		}))
	}
	if len(row) < t.row.used || it.Tag == chain.TableRowRepeat && len(row) < t.width {
		t.received += uint64(len(row)) + 6
		t.completed += uint64(t.row.total)
		if t.Keep && t.completed > maxCompleted+completedRatio*t.received {
			return RowData{}, t.fail(it, wire.ErrLimit, fmt.Sprintf("short rows that grow at most %d times", completedRatio), "more")
		}
		row, t.like = t.complete(row, it.Tag), 0
	}
	t.seen++
	return RowData{data: row, n: 1}, nil
}

// run takes the rows in front of items that are like the one before them, which needed nothing.
func (t *TableReader) run(items *chain.Reader) RowData {
	if t.state != tableRows || t.like == 0 {
		return RowData{}
	}
	data, n := items.Run(t.like, t.length, t.count-t.seen)
	t.seen += n
	return RowData{data: data, width: t.length, stride: t.length + chain.Overhead, n: n}
}

// complete fills a short row: 0304 repeats its last byte, 0303 has an initial tail. Source:
// spec 04 section 4.1 [capture, impl].
func (t *TableReader) complete(row []byte, tag chain.Tag) []byte {
	if t.Keep {
		// Rows share chunks that are never reused.
		if cap(t.tail)-len(t.tail) < t.row.total {
			t.tail = make([]byte, 0, max(t.row.total, min(arenaChunk, 16*t.row.total)))
		}
	} else {
		t.tail = t.tail[:0]
	}
	start := len(t.tail)
	t.tail = append(t.tail, row...)
	if tag == chain.TableRowRepeat && len(row) > 0 {
		last := row[len(row)-1]
		for n := len(row); n < t.row.total; n++ {
			t.tail = append(t.tail, last)
		}
	} else {
		t.tail = append(t.tail, t.row.initial[len(row):]...)
	}
	return t.tail[start:len(t.tail):len(t.tail)]
}

func (t *TableReader) block(it chain.Item) error {
	if t.state != tableRows && t.state != tablePacked || t.seen > 0 {
		return t.fail(it, wire.ErrMalformed, "a row description (0302) in front of a compressed table", "item 0305")
	}
	t.state = tablePacked
	if len(t.packed)+len(it.Value) > MaxCompressed {
		return t.fail(it, wire.ErrLimit, fmt.Sprintf("at most %d bytes", MaxCompressed), "more")
	}
	t.packed = append(t.packed, it.Value...)
	return nil
}

// blockEnd decompresses a table. Source: spec 21.7 [capture].
func (t *TableReader) blockEnd(it chain.Item) (RowData, error) {
	if t.state != tablePacked {
		return RowData{}, t.fail(it, wire.ErrMalformed, "item 0305 in front of 0306", "none")
	}
	size := uint64(t.width) * uint64(t.count)
	if size > MaxCompressed {
		return RowData{}, t.fail(it, wire.ErrLimit, fmt.Sprintf("at most %d plain bytes", MaxCompressed), fmt.Sprintf("%d", size))
	}
	if len(t.packed) < 8+sapcompress.HeaderLen {
		return RowData{}, t.fail(it, wire.ErrTruncated, fmt.Sprintf("at least %d bytes", 8+sapcompress.HeaderLen), fmt.Sprintf("%d", len(t.packed)))
	}
	n := binary.BigEndian.Uint32(t.packed[4:])
	body := t.packed[8:]
	if uint64(n) > uint64(len(body)) {
		return RowData{}, t.fail(it, wire.ErrTruncated, fmt.Sprintf("a block of %d bytes", n), fmt.Sprintf("%d", len(body)))
	}
	h, err := sapcompress.DecodeHeader(body[:n])
	if err != nil {
		return RowData{}, t.wrap(it, err)
	}
	if uint64(h.Length) != size {
		return RowData{}, t.fail(it, wire.ErrMalformed, fmt.Sprintf("%d plain bytes, %d rows of %d", size, t.count, t.width), fmt.Sprintf("%d", h.Length))
	}
	plain, err := sapcompress.Decode(t.plain[:0], body[:n], int(size))
	if err != nil {
		return RowData{}, t.wrap(it, err)
	}
	t.plain = plain
	t.seen, t.state = t.count, tableDone
	return t.rows(it, plain, t.width)
}

// rows gives out all rows of a table at once; those that end before the used width get an
// initial tail.
func (t *TableReader) rows(it chain.Item, data []byte, stride int) (RowData, error) {
	if stride >= t.row.used {
		return RowData{data: data, width: stride, stride: stride, n: t.count}, nil
	}
	size := uint64(t.count) * uint64(t.row.total)
	if size > maxCompleted+completedRatio*uint64(len(data)) {
		return RowData{}, t.fail(it, wire.ErrLimit, fmt.Sprintf("short rows that grow at most %d times", completedRatio), "more")
	}
	full := make([]byte, 0, size)
	for ; len(data) > 0; data = data[stride:] {
		full = append(append(full, data[:stride]...), t.row.initial[stride:]...)
	}
	return RowData{data: full, width: t.row.total, stride: t.row.total, n: t.count}, nil
}

func (t *TableReader) wrap(it chain.Item, err error) error {
	return fmt.Errorf("serialization: table %s: compressed rows at offset %d: %w", t.name, it.Offset, err)
}

// whole reads item 0334: all rows in one value, of the used or of the declared width.
// Source: spec 41.7 [capture].
func (t *TableReader) whole(it chain.Item) (RowData, error) {
	if t.state != tableRows || t.seen > 0 {
		return RowData{}, t.fail(it, wire.ErrMalformed, "item 0333 in front of 0334", "none")
	}
	got := uint64(len(it.Value))
	stride := 0
	switch got {
	case uint64(t.count) * uint64(t.row.total):
		stride = t.row.total
	case uint64(t.count) * uint64(t.row.used):
		stride = t.row.used
	default:
		if n := uint64(t.count); t.AnyRowWidth && n > 0 && got > 0 && got%n == 0 {
			stride = int(got / n)
			break
		}
		return RowData{}, &StaleError{
			Path: t.name, Want: fmt.Sprintf("%d rows of %d bytes", t.count, t.row.total), Got: fmt.Sprintf("%d bytes", got),
		}
	}
	t.seen, t.state = t.count, tableDone
	return t.rows(it, it.Value, stride)
}

// describe stands for item 0302 where item 0333 gives the number of rows.
func (t *TableReader) describe(it chain.Item, count uint32) error {
	if uint64(t.row.total)*uint64(count) > MaxTable || count > math.MaxInt32 {
		return t.fail(it, wire.ErrLimit, fmt.Sprintf("at most %d bytes of rows", uint64(MaxTable)), fmt.Sprintf("%d rows of %d bytes", count, t.row.total))
	}
	t.width, t.count, t.state, t.changed = t.row.total, int(count), tableRows, true
	return nil
}

// counted compares announced and received rows.
func (t *TableReader) counted(it chain.Item) error {
	if t.state == tablePacked {
		return t.fail(it, wire.ErrMalformed, "item 0306 behind a compressed table", "none")
	}
	if t.seen != t.count {
		return t.fail(it, wire.ErrMalformed, fmt.Sprintf("%d rows", t.count), fmt.Sprintf("%d", t.seen))
	}
	return nil
}

// Finish checks that the group was complete.
func (t *TableReader) Finish() error {
	if t.state == tableOpen && !t.delta {
		return t.fail(chain.Item{Tag: chain.TableInfo}, wire.ErrMalformed, "a row description (0302)", "none")
	}
	return t.counted(chain.Item{Tag: chain.TableName})
}

// TableData holds the rows of a received classic table.
type TableData struct {
	row   *rowPlan
	p     *metadata.Parameter
	plain [][]byte // one slice for each row
	block RowData  // or all rows in one piece
}

// Len is the number of rows.
func (t *TableData) Len() int {
	if t.block.n > 0 {
		return t.block.n
	}
	return len(t.plain)
}

// Row gives the bytes of row i, at least the used width of the line. They alias the message.
func (t *TableData) Row(i int) []byte {
	if t.block.n > 0 {
		return t.block.Row(i)
	}
	return t.plain[i]
}

// Representation is that of the rows. For rows that the peer reported as unchanged it is
// that of the request, which may differ from that of the reply.
func (t *TableData) Representation() Representation { return t.row.Representation }

// Parameter describes the table.
func (t *TableData) Parameter() *metadata.Parameter { return t.p }

func (t *TableData) add(r RowData) {
	if r.n == 1 && t.block.n == 0 {
		t.plain = append(t.plain, r.data)
		return
	}
	if r.n > 0 {
		t.block = r
	}
}

func (t *TableData) reset(p *metadata.Parameter, row *rowPlan) {
	clear(t.plain)
	if cap(t.plain) > maxKeptRows {
		t.plain = nil
	}
	*t = TableData{row: row, p: p, plain: t.plain[:0]}
}

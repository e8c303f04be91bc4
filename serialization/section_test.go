package serialization

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func u32(v ...uint32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

const tableFunction = "IMPORTING I:I OPTIONAL\nEXPORTING E:I\nTABLES T:[RFC_DB_OPT]\nTABLES U:[C2]\nTABLES F:[RFC_TAIL]"

func section(t testing.TB, reply bool, items ...chain.Item) (*Section, error) {
	t.Helper()
	d := testDictionary()
	d.Structure("RFC_TAIL", "N:I C:C1")
	f, err := d.Function("Z_TEST", tableFunction)
	require.NoError(t, err)
	s := new(Section)
	s.Reset(f, Representation{}, reply)
	for _, it := range items {
		if _, err := s.Item(it); err != nil {
			return s, err
		}
	}
	return s, s.Finish()
}

func tableItems(name string, width, count uint32, rows ...chain.Item) []chain.Item {
	return append([]chain.Item{item(chain.TableName, utf16(name)), item(chain.TableInfo, u32(width, count))}, rows...)
}

func TestMalformedSections(t *testing.T) {
	t.Parallel()
	row := item(chain.TableRow, utf16("AB"))
	tests := []struct {
		id    string
		items []chain.Item
		class error
		text  string
	}{
		{"value without name", []chain.Item{item(0x0203, nil)}, wire.ErrMalformed, "0201 in front of 0203"},
		{"name without value", []chain.Item{item(0x0201, utf16("E"))}, wire.ErrMalformed, "0203 behind 0201"},
		{"two names", []chain.Item{item(0x0201, utf16("E")), item(0x0201, utf16("E"))}, wire.ErrMalformed, "0203 behind 0201"},
		{"B102 parameter twice", []chain.Item{item(0x0201, utf16("E")), item(0x0203, u32(0)), item(0x0201, utf16("E"))}, wire.ErrMalformed, "E twice"},
		{"requested twice", []chain.Item{item(0x0205, utf16("E")), item(0x0205, utf16("E"))}, wire.ErrMalformed, "twice"},
		{"table twice", append(tableItems("U", 4, 0), tableItems("U", 4, 0)...), wire.ErrMalformed, "U twice"},
		{"B102 rows before description", []chain.Item{item(0x0301, utf16("U")), row}, wire.ErrMalformed, "0302"},
		{"rows outside", []chain.Item{row}, wire.ErrMalformed, "outside"},
		{"B103 4 G rows", tableItems("U", 4, 1<<32-1, row), wire.ErrLimit, "4294967295"},
		{"B103 many rows", tableItems("U", 4, 1<<28, row), wire.ErrMalformed, "268435456 rows, got 1"},
		{"B103 width 0", tableItems("U", 0, 1<<32-1), wire.ErrMalformed, "above 0"},
		{"too few rows", tableItems("U", 4, 2, row), wire.ErrMalformed, "2 rows, got 1"},
		{"too many rows", tableItems("U", 4, 1, row, row), wire.ErrMalformed, "1 rows, got more"},
		{"B104 long row", tableItems("U", 4, 1, item(0x0303, make([]byte, 5))), ErrConversion, "U[0]: ROW: 5 bytes, at most 4"},
		{"F67 width", tableItems("U", 6, 1), ErrStale, "rows of 4 bytes, got 6"},
		{"no description", []chain.Item{item(0x0301, utf16("U"))}, wire.ErrMalformed, "0302"},
		{"description twice", append(tableItems("U", 4, 0), item(0x0302, u32(4, 0))), wire.ErrMalformed, "another"},
		{"short description", []chain.Item{item(0x0301, utf16("U")), item(0x0302, u32(4))}, wire.ErrMalformed, "8 bytes"},
		{"0306 behind plain rows", tableItems("U", 4, 1, row, item(0x0306, nil)), wire.ErrMalformed, "0305 in front of 0306"},
		{"0305 without end", tableItems("U", 4, 1, item(0x0305, make([]byte, 250))), wire.ErrMalformed, "0306"},
		{"0305 too short", tableItems("U", 4, 1, item(0x0305, make([]byte, 10)), item(0x0306, nil)), wire.ErrTruncated, ""},
		{"0305 empty block", tableItems("U", 4, 1, item(0x0305, make([]byte, 250)), item(0x0306, nil)), nil, ""},
		{"bracket", []chain.Item{item(0x3c02, nil), item(0x3c05, []byte("<E>"))}, wire.ErrMalformed, "3c02 to close"},
		{"piece outside", []chain.Item{item(0x3c05, []byte("<E>"))}, wire.ErrMalformed, "3c02 in front"},
		{"item in bracket", []chain.Item{item(0x3c02, nil), item(0x0205, utf16("E"))}, wire.ErrMalformed, "inside an XML bracket"},
		{"empty bracket", []chain.Item{item(0x3c02, nil), item(0x3c02, nil)}, wire.ErrMalformed, ""},
		{"basXML", []chain.Item{item(0x3c02, nil), item(0x3c05, []byte("BXML?")), item(0x3c02, nil)}, wire.ErrTruncated, "bxml"},
		{"fast, cut", []chain.Item{item(0x5001, nil)}, wire.ErrTruncated, "header"},
		{"fast, unknown", []chain.Item{item(0x5001, []byte("$H\x03\x03\x00\x41\x03\x00#\x00\x40\x20\x00\x00P"))}, ErrUnsupported, `want T, Q or E, got 50 'P'`},
		{"compact", []chain.Item{item(0x4000, []byte{1, 1})}, wire.ErrTruncated, "4004"},
		{"B112 unknown id", []chain.Item{item(0x0335, u32(10, 7, 0))}, wire.ErrMalformed, "id of a table"},
		{"unknown operation", []chain.Item{item(0x0335, u32(9, 1, 0))}, wire.ErrMalformed, "delta"},
		{"short 0335", []chain.Item{item(0x0335, u32(10, 1))}, wire.ErrMalformed, "12 bytes"},
		{"empty name", []chain.Item{item(0x0201, nil)}, wire.ErrMalformed, "1 to 30"},
		{"B105 name", []chain.Item{item(0x0205, []byte{0x3d, 0xd8})}, wire.ErrMalformed, "surrogate"},
		{"odd name", []chain.Item{item(0x0205, []byte{0x41})}, wire.ErrMalformed, "odd"},
		{"scalar as table", tableItems("E", 4, 0), ErrStale, "E"},
		{"table as scalar", []chain.Item{item(0x0201, utf16("T")), item(0x0203, nil)}, ErrStale, "T"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			s, err := section(t, true, tt.items...)
			require.Error(t, err)
			if tt.class != nil {
				require.ErrorIs(t, err, tt.class)
			}
			require.Contains(t, err.Error(), tt.text)
			_, again := s.Item(item(0x0205, utf16("T")))
			if errors.Is(s.Finish(), err) {
				require.Equal(t, err, again, "the error sticks")
			}
		})
	}
}

func TestUnknownNamesAreSkipped(t *testing.T) {
	t.Parallel()
	items := append([]chain.Item{
		item(0x0205, utf16("NEW")), item(0x0201, utf16("NEW")), item(0x0203, u32(1)),
		item(0x0201, utf16("I")), item(0x0203, u32(1)), // an input in a reply
	}, tableItems("NEWTAB", 99, 1, item(0x0330, u32(3)), item(0x0303, u32(1)))...)
	items = append(items, item(0x0201, utf16("E")), item(0x0203, []byte{5, 0, 0, 0}))
	s, err := section(t, true, items...)
	require.NoError(t, err)
	require.Equal(t, []string{"NEW", "I", "NEWTAB"}, s.Unknown())
	v, err := s.Value("E")
	require.NoError(t, err)
	require.Equal(t, int32(5), v)
	_, err = s.Value("I")
	require.ErrorIs(t, err, ErrDirection, "case B-66")
	_, err = s.Value("XX")
	require.ErrorIs(t, err, ErrUnknownName)
	v, err = s.Value("T")
	require.NoError(t, err)
	require.Equal(t, []Params{}, v, "not received is initial")
	ok, err := s.Item(item(0x0130, nil))
	require.NoError(t, err)
	require.False(t, ok)
}

func TestShortRows(t *testing.T) {
	t.Parallel()
	for _, cp := range []bool{false, true} {
		items := tableItems("T", 144, 3,
			item(0x0303, utf16("AB")), item(0x0304, utf16("CD ")), item(0x0303, append(utf16("E"), utf16(strings.Repeat(" ", 71))...)))
		// The last byte of 0304 is the high byte of a blank: it repeats as NUL characters.
		items[3] = item(0x0304, append(utf16("CD"), 0x20))
		s, err := section(t, true)
		require.NoError(t, err)
		s.Copy = cp
		s.Reset(s.Function(), Representation{}, true)
		for _, it := range items {
			_, err := s.Item(it)
			require.NoError(t, err)
			if cp {
				for i := range it.Value {
					it.Value[i] = 0xee // the items do not stay valid
				}
			}
		}
		require.NoError(t, s.Finish())
		v, err := s.Value("T")
		require.NoError(t, err)
		rows := v.([]Params)
		require.Equal(t, "AB", rows[0]["TEXT"])
		require.Equal(t, "CD"+strings.Repeat("†", 70), rows[1]["TEXT"], "the last byte 20 repeats as U+2020")
		require.Equal(t, "E", rows[2]["TEXT"])
	}
	// Used width 6 of declared 8.
	s, err := section(t, true, tableItems("F", 8, 2, item(0x0303, append([]byte{1, 0, 0, 0}, utf16("X")...)), item(0x0304, append([]byte{2, 0, 0, 0}, utf16("YZ")...)))...)
	require.NoError(t, err)
	v, err := s.Value("F")
	require.NoError(t, err)
	require.Equal(t, []Params{{"N": int32(1), "C": "X"}, {"N": int32(2), "C": "Y"}}, v)
	// K-17: the announced width may lack the fill as well.
	s, err = section(t, true, tableItems("F", 6, 1, item(0x0303, append([]byte{1, 0, 0, 0}, utf16("X")...)))...)
	require.NoError(t, err)
	v, err = s.Value("F")
	require.NoError(t, err)
	require.Equal(t, []Params{{"N": int32(1), "C": "X"}}, v)
	_, err = section(t, true, tableItems("F", 5, 1, item(0x0303, []byte{1, 0, 0, 0, 'X'}))...)
	require.ErrorIs(t, err, ErrStale)
}

// compressed makes the items 0305 and 0306 of a table, fragments of 250 bytes.
func compressed(plain []byte) []chain.Item {
	block := sapcompress.AppendLZH(nil, plain, 2)
	b := append(u32(0, uint32(len(block))), block...)
	b = append(b, make([]byte, (250-len(b)%250)%250)...)
	var items []chain.Item
	for i := 0; i < len(b); i += 250 {
		items = append(items, item(0x0305, b[i:i+250]))
	}
	return append(items, item(0x0306, nil))
}

func TestB22CompressedTables(t *testing.T) {
	t.Parallel()
	var plain []byte
	for i := range 500 {
		b := []byte(nil)
		b = append(b, utf16(fmt.Sprintf("%-72d", i))...)
		plain = append(plain, b...)
	}
	head := tableItems("T", 144, 500, item(0x0310, u32(144)))
	s, err := section(t, true, append(head, compressed(plain)...)...)
	require.NoError(t, err)
	n := 0
	for row, err := range Rows[struct{ Text string }](s, "T") {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(n), row.Text)
		n++
	}
	require.Equal(t, 500, n)
	_, err = section(t, true, append(tableItems("T", 144, 501), compressed(plain)...)...)
	require.ErrorIs(t, err, wire.ErrMalformed, "fault F-66")
	bomb := compressed(make([]byte, 144*100))
	binary.LittleEndian.PutUint32(bomb[0].Value[8:], 144*20_000_000)
	_, err = section(t, true, append(tableItems("T", 144, 20_000_000), bomb...)...)
	require.Error(t, err)
	for i := range 7 {
		bad := compressed(plain)
		bad[0].Value[i+8] ^= 0xff
		_, err = section(t, true, append(head[:3:3], bad...)...)
		require.Error(t, err)
	}
}

func TestTablesInOnePiece(t *testing.T) {
	t.Parallel()
	s, err := section(t, true, item(0x0331, u32(0x30)), item(0x0205, utf16("E")))
	require.NoError(t, err)
	for _, width := range []int{6, 8} {
		s.Reset(s.Function(), Representation{}, true)
		s.SetAnnounced([]int{1, 4, 2})
		rows := make([]byte, 3*width)
		for i := range 3 {
			rows[i*width] = byte(i)
			rows[i*width+4] = 'A'
		}
		for _, it := range []chain.Item{item(0x0331, u32(0x30)), item(0x0331, u32(0x31)), item(0x0333, u32(4, 0x30, 3)), item(0x0334, rows), item(0x0336, u32(0x30))} {
			ok, err := s.Item(it)
			require.NoError(t, err)
			require.True(t, ok)
		}
		require.NoError(t, s.Finish())
		v, err := s.Value("F")
		require.NoError(t, err)
		require.Equal(t, []Params{{"N": int32(0), "C": "A"}, {"N": int32(1), "C": "A"}, {"N": int32(2), "C": "A"}}, v)
	}
	s.Reset(s.Function(), Representation{}, true)
	s.SetSent([]SentTable{{ID: 1, Parameter: 4}}, nil, Representation{})
	_, err = s.Item(item(0x0333, u32(4, 1, 3)))
	require.NoError(t, err)
	_, err = s.Item(item(0x0334, make([]byte, 23)))
	require.ErrorIs(t, err, ErrStale)
	require.Contains(t, err.Error(), "F: ")
}

func TestRowsOfAnyWidth(t *testing.T) {
	t.Parallel()
	s, err := section(t, true)
	require.NoError(t, err)
	f := s.Function()
	for _, width := range []int{4, 7, 10, 300} { // described: 8 bytes, 6 of them used
		var plain []byte
		var single []chain.Item
		var want []Params
		for i := range 3 {
			row := make([]byte, width)
			row[0] = byte(i)
			text := ""
			if width >= 6 {
				row[4], text = 'A', "A"
			}
			plain, want = append(plain, row...), append(want, Params{"N": int32(i), "C": text})
			single = append(single, item(0x0303, row))
		}
		for form, items := range map[string][]chain.Item{
			"rows":       tableItems("F", uint32(width), 3, single...),
			"compressed": tableItems("F", uint32(width), 3, compressed(plain)...),
			"one piece":  {item(0x0331, u32(0x30)), item(0x0331, u32(0x31)), item(0x0333, u32(4, 0x30, 3)), item(0x0334, plain), item(0x0336, u32(0x30))},
		} {
			read := func(any bool) error {
				s.Options = Options{AnyRowWidth: any}
				s.Reset(f, Representation{}, true)
				s.SetAnnounced([]int{1, 4, 2})
				for _, it := range items {
					if _, err := s.Item(it); err != nil {
						return err
					}
				}
				return s.Finish()
			}
			require.ErrorIs(t, read(false), ErrStale, "%s of %d bytes", form, width)
			require.NoError(t, read(true), "%s of %d bytes", form, width)
			v, err := s.Value("F")
			require.NoError(t, err)
			require.Equal(t, want, v, "%s of %d bytes", form, width)
		}
	}
	long := function(t, "TABLES U:[C1000]")
	r := TableReader{AnyRowWidth: true}
	r.Reset(&long.Parameters[0], Representation{})
	_, err = r.Item(item(0x0302, u32(1<<32-1, 0)))
	require.ErrorIs(t, err, ErrStale, "a width that no table can have")
	r.Reset(&long.Parameters[0], Representation{})
	_, err = r.Item(item(0x0302, u32(1, 100_000)))
	require.NoError(t, err)
	_, err = r.Item(item(0x0334, make([]byte, 100_000)))
	require.ErrorIs(t, err, wire.ErrLimit, "100 KB that would become 200 MB")
}

func TestB20DeltaAnswers(t *testing.T) {
	t.Parallel()
	s, err := section(t, true)
	require.NoError(t, err)
	f := s.Function()
	w := Writer{Function: f, TableIDs: true}
	request, err := w.Append(nil, Params{"U": []string{"AA", "BB"}, "T": []Params{{"TEXT": "x"}}})
	require.NoError(t, err)
	require.Equal(t, []SentTable{{1, 2, w.Sent[0].Start, w.Sent[0].End, false}, {2, 3, w.Sent[1].Start, w.Sent[1].End, false}}, w.Sent)
	id := func(p int) uint32 {
		for _, sent := range w.Sent {
			if sent.Parameter == p {
				return sent.ID
			}
		}
		return 0
	}
	tests := []struct {
		name  string
		items []chain.Item
		want  any
		bad   bool
	}{
		{"replaced", []chain.Item{item(0x0335, u32(10, id(3), 1)), item(0x0302, u32(4, 1)), item(0x0304, utf16("CC")), item(0x0336, u32(id(3)))}, []string{"CC"}, false},
		{"unchanged by id", []chain.Item{item(0x0335, u32(10, id(3), 0)), item(0x0336, u32(id(3)))}, []string{"AA", "BB"}, false},
		{"unchanged without end", []chain.Item{item(0x0335, u32(10, id(3), 0))}, []string{"AA", "BB"}, false},
		{"emptied", []chain.Item{item(0x0335, u32(10, id(3), 0)), item(0x0302, u32(4, 0)), item(0x0336, u32(id(3)))}, []string{}, false},
		{"not mentioned", nil, []string{"AA", "BB"}, false},
		{"full", tableItems("U", 4, 1, item(0x0304, utf16("DD"))), []string{"DD"}, false},
		{"rows missing", []chain.Item{item(0x0335, u32(10, id(3), 1)), item(0x0336, u32(id(3)))}, nil, true},
		{"other count", []chain.Item{item(0x0335, u32(10, id(3), 1)), item(0x0302, u32(4, 2))}, nil, true},
		{"other end", []chain.Item{item(0x0335, u32(10, id(3), 0)), item(0x0336, u32(9))}, nil, true},
		{"both forms", append([]chain.Item{item(0x0335, u32(10, id(3), 0))}, tableItems("U", 4, 0)...), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := section(t, true)
			require.NoError(t, err)
			s.Reset(f, Representation{}, true)
			s.SetSent(w.Sent, append([]byte{}, request...), Representation{})
			for _, it := range tt.items {
				if _, err = s.Item(it); err != nil {
					break
				}
			}
			if err == nil {
				err = s.Finish()
			}
			if tt.bad {
				require.ErrorIs(t, err, wire.ErrMalformed)
				return
			}
			require.NoError(t, err)
			v, err := s.Value("U")
			require.NoError(t, err)
			require.Equal(t, tt.want, v)
			v, err = s.Value("T")
			require.NoError(t, err)
			require.Equal(t, []Params{{"TEXT": "x"}}, v, "the other table is as it was sent")
		})
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	s, err := section(t, true)
	require.NoError(t, err)
	s.Reset(s.Function(), Representation{}, true)
	var got []string
	d, err := NewRowDecoder[string](&s.Function().Parameters[3], Representation{}, Options{})
	require.NoError(t, err)
	s.SetStream(3, func(rows RowData) error {
		for i := range rows.Len() {
			var v string
			if err := d.Decode(rows.Row(i), &v); err != nil {
				return err
			}
			got = append(got, v)
		}
		return nil
	})
	for _, it := range tableItems("U", 4, 2, item(0x0304, utf16("AB")), item(0x0304, utf16("C "))) {
		_, err := s.Item(it)
		require.NoError(t, err)
	}
	require.NoError(t, s.Finish())
	require.Equal(t, []string{"AB", "C"}, got)
	_, err = s.Value("U")
	require.ErrorIs(t, err, ErrShape)

	// A reply of many rows in constant memory.
	f := function(t, "TABLES T:[T10]")
	pieces, total := 0, 0
	w := Writer{Function: f, Reply: true, Flush: func(b []byte) ([]byte, error) {
		pieces++
		total += len(b)
		require.Less(t, len(b), FlushSize+1024)
		return b[:0], nil
	}}
	row := t10Rows(1)[0]
	seq := Sequence[t10]{Count: 20000, Seq: func(yield func(t10) bool) {
		for range 20000 {
			if !yield(row) {
				return
			}
		}
	}}
	rest, err := w.Append(nil, Params{"T": seq})
	require.NoError(t, err)
	require.Greater(t, pieces, 20)
	require.Equal(t, 20000*(212+6)+6+2+6+8, total+len(rest))
	for _, n := range []int{3, 5} {
		seq := Sequence[string]{Count: 4, Seq: func(yield func(string) bool) {
			for range n {
				if !yield("A") {
					return
				}
			}
		}}
		for _, v := range []any{seq, boxed{seq}} {
			_, err = (&Writer{Function: s.Function()}).Append(nil, Params{"U": v})
			require.ErrorIs(t, err, ErrShape)
			require.Contains(t, err.Error(), "announced")
		}
	}
}

// Rows taken together are those that Item takes one by one, and are refused for the same
// reasons: in full width, in used width, short, of both tags, and too many.
func TestRunOfStreamedRows(t *testing.T) {
	t.Parallel()
	d := new(metadata.Dictionary)
	d.Structure("PADDED", "N:I C:C3")
	f, err := d.Function("Z_RUN", "TABLES T:[PADDED]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	layout := f.Parameters[0].Type.Layout(2)
	require.Equal(t, 12, layout.Total)
	full := func(i int) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, uint32(i)), 'A', 0, 'B', 0, byte('0'+i%10), 0, 0, 0)
	}
	for name, tc := range map[string]struct {
		width, count int
		tag          chain.Tag
		length       int
		atOnce       bool
	}{
		"0303 in full width": {12, 40, chain.TableRow, 12, true},
		"0303 cut":           {12, 40, chain.TableRow, 10, true},
		"0304 in full width": {12, 40, chain.TableRowRepeat, 12, true},
		"0304 cut":           {12, 40, chain.TableRowRepeat, 11, false},
		"0303 short":         {12, 40, chain.TableRow, 8, false},
		"too many":           {12, 39, chain.TableRow, 12, true},
		"too few":            {12, 41, chain.TableRow, 12, true},
		"too long":           {12, 40, chain.TableRow, 13, false},
	} {
		var msg []byte
		for _, it := range tableItems("T", uint32(tc.width), uint32(tc.count)) {
			msg = chain.Append(msg, it.Tag, it.Value)
		}
		for i := range 40 {
			msg = chain.Append(msg, tc.tag, append(full(i), 0)[:tc.length])
		}
		read := func(runs bool) (rows [][]byte, calls int, err error) {
			s := new(Section)
			s.Reset(f, Representation{}, true)
			s.SetStream(0, func(r RowData) error {
				calls++
				for i := range r.Len() {
					require.GreaterOrEqual(t, len(r.Row(i)), layout.Used)
					rows = append(rows, bytes.Clone(r.Row(i)))
				}
				return nil
			})
			r := chain.NewBytesReader(msg, chain.Limits{})
			for int(r.Offset()) < len(msg) {
				if runs {
					if err := s.Run(r); err != nil {
						return rows, calls, err
					}
					if int(r.Offset()) == len(msg) {
						break
					}
				}
				it, err := r.Next()
				require.NoError(t, err)
				if _, err := s.Item(it); err != nil {
					require.Equal(t, err, s.Run(r), "the error is final")
					return rows, calls, err
				}
			}
			return rows, calls, s.Finish()
		}
		want, _, wantErr := read(false)
		got, calls, gotErr := read(true)
		require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(gotErr), name)
		require.Equal(t, want, got, name)
		require.Equal(t, tc.atOnce, calls == 2, name)
	}
}

type boxed struct{ RowSource }

func TestEveryTruncationOfCapturedSectionsFailsOrIsIncomplete(t *testing.T) {
	t.Parallel()
	for file, name := range map[string]string{
		"stfc_connection_request.bin": "STFC_CONNECTION", "stfc_connection_response.bin": "STFC_CONNECTION",
		"stfc_structure_request.bin": "STFC_STRUCTURE", "stfc_structure_response.bin": "STFC_STRUCTURE",
		"stfc_changing_request.bin": "STFC_CHANGING", "rfc_read_table_request.bin": "RFC_READ_TABLE",
	} {
		b := sectionBytes(t, file)
		var s Section
		f := testFunction(t, name)
		reply := strings.Contains(file, "response")
		borders := map[int]bool{0: true}
		r := chain.NewBytesReader(b, chain.Limits{})
		for int(r.Offset()) < len(b) {
			_, err := r.Next()
			require.NoError(t, err)
			borders[int(r.Offset())] = true
		}
		for n := range len(b) {
			s.Reset(f, Representation{}, reply)
			err := feed(&s, b[:n])
			if !borders[n] {
				require.Error(t, err, "%s cut at %d", file, n)
			}
			var p Params
			if err == nil {
				require.NoError(t, s.Scan(&p))
			}
		}
	}
}

func TestEmptyRowsOfWideTablesDoNotFillMemory(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES W:[C262143]")
	var s Section
	s.Reset(f, Representation{}, true)
	_, err := s.Item(item(0x0301, utf16("W")))
	require.NoError(t, err)
	_, err = s.Item(item(0x0302, u32(2*262143, 8000)))
	require.NoError(t, err)
	n := 0
	for ; err == nil && n < 8000; n++ {
		_, err = s.Item(item(0x0303, nil))
	}
	require.ErrorIs(t, err, wire.ErrLimit)
	require.Less(t, n, 40)
}

package serialization

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// readAs writes values in a format and reads them again.
func readAs(t testing.TB, w *Writer, in any) (*Section, []byte) {
	t.Helper()
	b, err := w.Append(nil, in)
	require.NoError(t, err)
	s := &Section{AllowFast: true, Options: w.Options}
	s.Reset(w.Function, w.Representation, w.Reply)
	require.NoError(t, feed(s, b))
	return s, b
}

// randomFunction has parameters of all shapes over random types.
func randomFunction(t testing.TB, r *rand.Rand) *metadata.Function {
	t.Helper()
	d, n := new(metadata.Dictionary), 0
	flat, deep := randomType(r, d, &n, 2, false), randomType(r, d, &n, 2, true)
	require.NoError(t, d.Err())
	f, err := d.Function("Z_RANDOM", fmt.Sprintf(
		"CHANGING A:{%[1]s}\nCHANGING B:{%[2]s}\nCHANGING C:[%[1]s]\nTABLES D:[%[1]s]\nTABLES E:[%[2]s]\nCHANGING G:g\nCHANGING H:C20\nCHANGING I:[N4]", flat, deep))
	require.NoError(t, err)
	return f
}

func TestFormatsAgreeOnRandomData(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		f := randomFunction(t, r)
		in := Params{}
		for i := range f.Parameters {
			if r.IntN(6) > 0 {
				in[f.Parameters[i].Name] = randomValue(r, &f.Parameters[i].Field)
			}
		}
		reply := seed%2 == 0
		want, _ := readAs(t, &Writer{Function: f, Reply: reply, Partial: true}, in)
		values := func(s *Section) Params {
			out := Params{}
			for i := range f.Parameters {
				v, err := s.Value(f.Parameters[i].Name)
				require.NoError(t, err)
				out[f.Parameters[i].Name] = v
			}
			return out
		}
		for _, format := range []Format{BasXML, RowFast, ColumnFast} {
			for _, network := range []Network{LAN, WAN, Local} {
				w := &Writer{Function: f, Reply: reply, Partial: true, Format: format, Network: network}
				got, b := readAs(t, w, in)
				require.Equal(t, format, got.Format(), "seed %d", seed)
				require.Equal(t, values(want), values(got), "seed %d: %s", seed, format)
				if !reply {
					require.ElementsMatch(t, want.RequestedNames(), got.RequestedNames())
				}
				// What was read writes the same again.
				_, again := readAs(t, w, values(got))
				if len(in) == len(f.Parameters) {
					require.Equal(t, b, again, "seed %d: %s", seed, format)
				}
			}
		}
	}
}

type nestedRow struct {
	ID   int64          `rfc:"ID"`
	Head *headRow       `rfc:"HEAD"`
	Tags []string       `rfc:"TAGS"`
	List []*itemRow     `rfc:"LIST"`
	Any  any            `rfc:"ANY"`
	Map  map[string]any `rfc:"MAP"`
	Key  [4]byte        `rfc:"KEY"`
	Note *string        `rfc:"NOTE"`
	Blob []byte         `rfc:"BLOB"`
}

type headRow struct {
	Day   abap.Date    `rfc:"DAY"`
	Clock abap.Time    `rfc:"CLOCK"`
	Price abap.Decimal `rfc:"PRICE"`
	Rate  float64      `rfc:"RATE"`
}

type itemRow struct {
	Code  string `rfc:"CODE"`
	Count uint8  `rfc:"COUNT"`
	Deep  []leaf `rfc:"DEEP"`
}

type leaf struct {
	Text string `rfc:"TEXT"`
	No   string `rfc:"NO"`
}

func nestedFunction(t testing.TB) *metadata.Function {
	t.Helper()
	d := new(metadata.Dictionary)
	d.Structure("LEAF", "TEXT:g NO:N6").Structure("ITEM", "CODE:C8 COUNT:b DEEP:[LEAF]").
		Structure("HEAD", "DAY:D CLOCK:T PRICE:P8.2 RATE:F").
		Structure("NESTED", "ID:I HEAD:{HEAD} TAGS:[C5] LIST:[ITEM] ANY:s MAP:{HEAD} KEY:X4 NOTE:g BLOB:y")
	f, err := d.Function("Z_NESTED", "CHANGING ONE:{NESTED} OPTIONAL\nCHANGING ROWS:[NESTED] OPTIONAL")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	return f
}

func nestedRows(t testing.TB, n int) []nestedRow {
	t.Helper()
	rows := make([]nestedRow, n)
	price, err := abap.ParseDecimal("-12.50")
	require.NoError(t, err)
	day, err := abap.ParseDate("20260705")
	require.NoError(t, err)
	note := "Grüße €"
	for i := range rows {
		row := &rows[i]
		row.ID, row.Key, row.Blob, row.Note, row.Any = int64(i), [4]byte{1, byte(i)}, []byte{}, &note, int16(-i)
		row.Head = &headRow{Day: day, Price: price, Rate: float64(i) / 3}
		row.Tags = []string{}
		for k := range i % 4 {
			row.Tags = append(row.Tags, fmt.Sprintf("T%d", k))
			row.List = append(row.List, &itemRow{Code: fmt.Sprintf("C%d", k), Count: uint8(k), Deep: make([]leaf, k)})
			for l := range k {
				row.List[k].Deep[l] = leaf{fmt.Sprintf("leaf %d/%d", k, l), fmt.Sprintf("%06d", l)}
			}
		}
		if row.List == nil {
			row.List = []*itemRow{}
		}
		row.Map = map[string]any{"DAY": day, "CLOCK": abap.Time{}, "PRICE": price, "RATE": 0.5}
	}
	return rows
}

func TestTypedNestedDataInAllFormats(t *testing.T) {
	t.Parallel()
	f := nestedFunction(t)
	type call struct {
		One  nestedRow   `rfc:"ONE"`
		Rows []nestedRow `rfc:"ROWS"`
	}
	rows := nestedRows(t, 1000)
	in := call{rows[3], rows}
	for _, format := range []Format{Classic, RowFast, ColumnFast} {
		s, _ := readAs(t, &Writer{Function: f, Reply: true, Format: format}, &in)
		var out call
		require.NoError(t, s.Scan(&out))
		require.Equal(t, in, out, "%s", format)
		i := 0
		for row, err := range Rows[nestedRow](s, "ROWS") {
			require.NoError(t, err)
			require.Equal(t, rows[i], row)
			i++
		}
		require.Equal(t, len(rows), i)
		c, err := s.Columns("ROWS")
		require.NoError(t, err)
		require.NoError(t, c.Check())
		require.Equal(t, len(rows), c.Rows)
		require.Equal(t, "leaf 2/1", c.Column("LIST").Lines.Column("DEEP").Lines.Column("TEXT").Text(3))
		require.EqualValues(t, 7, c.Column("ID").Int32s[7])
	}
}

func TestRequestsOfFewBytesStayClassic(t *testing.T) {
	t.Parallel()
	f := function(t, "IMPORTING A:C255\nEXPORTING B:C255")
	_, b := readAs(t, &Writer{Function: f, Format: ColumnFast}, Params{"A": "small"})
	require.Equal(t, chain.RequestedName, itemsOf(t, b)[0].Tag)
	for n, tag := range map[int]chain.Tag{253: chain.RequestedName, 254: chain.OFS1} { // and two bytes of length
		_, b = readAs(t, &Writer{Function: f, Format: ColumnFast}, Params{"A": fmt.Sprintf("%0*d", n, 7)})
		require.Equal(t, tag, itemsOf(t, b)[0].Tag, "%d characters", n)
	}
	f = function(t, "IMPORTING A:C255\nTABLES T:[T10]")
	_, b = readAs(t, &Writer{Function: f, Format: RowFast}, Params{"A": "small"})
	require.Equal(t, chain.OFS1, itemsOf(t, b)[0].Tag, "the answer may be large")
}

// A large table goes over many blocks, none much larger than a mebibyte.
func TestLargeTablesTakeManyBlocks(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]\nEXPORTING L:C4\nTABLES A:[T10]")
	rows := t10Rows(150_000)
	type out struct {
		L string `rfc:"L"`
		T []t10  `rfc:"T"`
		A []t10  `rfc:"A"`
	}
	in := out{"last", rows, rows[:10]}
	for _, format := range []Format{RowFast, ColumnFast} {
		for _, reply := range []bool{true, false} {
			w := &Writer{Function: f, Reply: reply, Format: format, Network: Local}
			s, b := readAs(t, w, &in)
			items := itemsOf(t, b)
			require.Greater(t, len(items), 8)
			for _, it := range items {
				require.Equal(t, chain.OFS1, it.Tag)
				require.Less(t, len(it.Value), 3<<19)
			}
			var got out
			require.NoError(t, s.Scan(&got))
			require.Equal(t, rows, got.T)
			require.Equal(t, rows[:10], got.A)
			c, err := s.Columns("T")
			require.NoError(t, err)
			require.NoError(t, c.Check())
			require.EqualValues(t, 149_999, c.Column("LFDNR").Int32s[149_999])
			// Streamed, the rows are given out block by block.
			streamed := &Section{AllowFast: true}
			streamed.Reset(f, Representation{}, reply)
			n := 0
			streamed.SetStream(f.Index("T"), func(r RowData) error {
				require.NotNil(t, r.Columns())
				n += r.Len()
				return nil
			})
			require.NoError(t, feed(streamed, b))
			require.Equal(t, len(rows), n)
			_, err = streamed.Value("T")
			require.ErrorIs(t, err, ErrShape)
		}
	}
	w := &Writer{Function: f, Format: ColumnFast, OneBlock: true}
	b, err := w.Append(nil, &in)
	require.NoError(t, err)
	require.Len(t, itemsOf(t, b), 1)
}

// A block is closed behind the row or value that makes it a mebibyte, however long the rows are.
func TestLongRowsAndValuesCloseTheirBlock(t *testing.T) {
	t.Parallel()
	d := new(metadata.Dictionary)
	d.Structure("LONG", "ID:I TEXT:g")
	f, err := d.Function("Z_LONG", "CHANGING A:y\nCHANGING B:y\nCHANGING C:I\nCHANGING T:[LONG]\nCHANGING U:[LONG]")
	require.NoError(t, err)
	require.NoError(t, d.Err())
	type long struct {
		ID   int32  `rfc:"ID"`
		Text string `rfc:"TEXT"`
	}
	type call struct {
		A []byte `rfc:"A"`
		B []byte `rfc:"B"`
		C int32  `rfc:"C"`
		T []long `rfc:"T"`
		U []long `rfc:"U"`
	}
	in := call{A: make([]byte, 700_000), B: make([]byte, 700_000), C: 7, T: make([]long, 40), U: make([]long, 3)}
	in.A[0], in.B[0] = 1, 2
	for i := range in.T {
		in.T[i] = long{int32(i), fmt.Sprintf("%0300000d", i)}
	}
	for _, format := range []Format{RowFast, ColumnFast} {
		for _, reply := range []bool{true, false} {
			w := &Writer{Function: f, Reply: reply, Format: format, Network: Local}
			s, b := readAs(t, w, &in)
			items := itemsOf(t, b)
			require.Len(t, items, 1+10+1, "both strings, four rows each time, U")
			for _, it := range items[:11] {
				require.Greater(t, len(it.Value), 1<<20)
				require.Less(t, len(it.Value), 1<<20+400_000)
			}
			var got call
			require.NoError(t, s.Scan(&got))
			require.Equal(t, in, got)
		}
	}
}

// A request whose last values are small is not taken back once a block of it has left.
func TestSmallValuesBehindLargeOnesStayFast(t *testing.T) {
	t.Parallel()
	f := function(t, "IMPORTING A:y\nIMPORTING B:I")
	left := 0
	w := &Writer{Function: f, Format: ColumnFast, Network: Local}
	w.Flush = func(b []byte) ([]byte, error) { left += len(b); return b[:0], nil }
	b, err := w.Append(nil, Params{"A": append(make([]byte, 2<<20), 1), "B": 7})
	require.NoError(t, err)
	require.Greater(t, left, 2<<20)
	items := itemsOf(t, b)
	require.Len(t, items, 1)
	require.Equal(t, chain.OFS1, items[0].Tag)
}

func TestSequencesInFastFormats(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]")
	rows := t10Rows(5000)
	for _, n := range []int{0, 1, 255, 256, 257, 5000} {
		seq := Sequence[t10]{Count: n, Seq: func(yield func(t10) bool) {
			for _, row := range rows[:n] {
				if !yield(row) {
					return
				}
			}
		}}
		s, _ := readAs(t, &Writer{Function: f, Reply: true, Format: ColumnFast}, Params{"T": seq})
		var got struct {
			T []t10 `rfc:"T"`
		}
		require.NoError(t, s.Scan(&got))
		require.Len(t, got.T, n)
		require.True(t, n == 0 || reflect.DeepEqual(rows[:n], got.T))
	}
	// Rows whose memory the iterator uses again are not looked at later.
	g := function(t, "TABLES T:[RFCTEST]\nTABLES R:[X2]")
	buf := []byte{0, 0}
	seq := Sequence[[]byte]{Count: 300, Seq: func(yield func([]byte) bool) {
		for i := range 300 {
			buf[0], buf[1] = byte(i), 1
			if !yield(buf) {
				return
			}
		}
	}}
	s, _ := readAs(t, &Writer{Function: g, Reply: true, Format: RowFast}, Params{"R": seq})
	v, err := s.Value("R")
	require.NoError(t, err)
	for i, b := range v.([][]byte) {
		require.Equal(t, []byte{byte(i), 1}, b)
	}
	for _, count := range []int{299, 301} {
		seq.Count = count
		_, err = (&Writer{Function: g, Reply: true, Format: RowFast}).Append(nil, Params{"R": seq})
		require.ErrorIs(t, err, ErrShape)
	}
}

func TestErrorsOfFastFormatsHavePaths(t *testing.T) {
	t.Parallel()
	f := nestedFunction(t)
	rows := nestedRows(t, 300)
	rows[277].List = []*itemRow{{}, {Deep: []leaf{{}, {}, {No: "x"}}}}
	for _, format := range []Format{Classic, RowFast, ColumnFast} {
		for name, in := range map[string]any{"map": Params{"ROWS": rows}, "struct": struct {
			Rows []nestedRow `rfc:"ROWS"`
		}{rows}} {
			_, err := (&Writer{Function: f, Format: format}).Append(nil, in)
			require.ErrorContains(t, err, "ROWS[277].LIST[1].DEEP[2].NO: NUM(6)", "%s %s", format, name)
		}
	}
	g := function(t, "TABLES T:[T10]")
	wide, b := readAs(t, &Writer{Function: g, Reply: true, Format: ColumnFast}, Params{"T": t10Rows(1000)})
	require.NotEmpty(t, b)
	var got struct {
		T []struct {
			Lfdnr int8 `rfc:"LFDNR"`
		} `rfc:"T"`
	}
	require.ErrorContains(t, wide.Scan(&got), "T[128].LFDNR")
}

func TestFastBlocksWithoutAnOfferBreakTheProtocol(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]")
	b, err := (&Writer{Function: f, Format: RowFast}).Append(nil, Params{"T": t10Rows(2)})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, false)
	require.ErrorContains(t, feed(&s, b), "no other was offered")
}

func TestDamagedFastBlocksAreFormatErrors(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[T10]")
	b, err := (&Writer{Function: f, Format: ColumnFast, Network: Local}).Append(nil, Params{"T": t10Rows(20)})
	require.NoError(t, err)
	read := func(b []byte) error {
		s := Section{AllowFast: true}
		s.Reset(f, Representation{}, false)
		return feed(&s, b)
	}
	require.NoError(t, read(b))
	for i := 4; i < len(b)-2; i++ {
		bad := append([]byte{}, b...)
		bad[i] ^= 0x10
		err := read(bad)
		require.Error(t, err, "byte %d", i)
		if i >= 8 {
			require.ErrorIs(t, err, ErrFormat, "byte %d: %v", i, err)
			require.Contains(t, err.Error(), "OFS: ")
		}
	}
}

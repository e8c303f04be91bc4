package serialization

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/stretchr/testify/require"
)

// The names of these tests are rows of the list of bad input that every layer works
// through; rows about single values are in TestRefusedValues, about items in
// TestMalformedSections.

func TestB69And76TextsThatAreNoDigitsOrBytes(t *testing.T) {
	t.Parallel()
	for _, v := range []any{"12A", "-1", -1, int64(math.MinInt64)} {
		_, err := wireValue(t, "N5", v, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion)
		require.ErrorContains(t, err, "only the digits 0 to 9")
	}
	// Hex text is not taken for bytes, whether its digits are even or odd in number.
	for _, v := range []any{"F1F", "F1F2"} {
		_, err := wireValue(t, "X3", v, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion)
		require.ErrorContains(t, err, "go type string cannot be converted")
	}
}

func TestB70IntegersOutOfRange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ       string
		low, high any
		text      string
	}{
		{"b", -1, 256, "out of range 0 to 255"},
		{"s", math.MinInt16 - 1, math.MaxInt16 + 1, "out of range -32768 to 32767"},
		{"I", int64(math.MinInt32) - 1, uint32(math.MaxUint32), "out of range -2147483648 to 2147483647"},
		{"8", -math.MaxFloat64, uint64(math.MaxInt64) + 1, "out of range -9223372036854775808 to 9223372036854775807"},
	} {
		for _, v := range []any{tt.low, tt.high} {
			_, err := wireValue(t, tt.typ, v, Representation{}, Options{})
			var ce *ConversionError
			require.ErrorAs(t, err, &ce)
			require.Equal(t, Overflow, ce.Reason)
			require.Equal(t, fmt.Sprint(v), ce.Value)
			require.ErrorContains(t, err, tt.text)
		}
	}
}

func TestB72FloatsThatAreNoNumbers(t *testing.T) {
	t.Parallel()
	for _, v := range []any{math.NaN(), math.Inf(1), math.Inf(-1), float32(math.Inf(1))} {
		_, err := wireValue(t, "F", v, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion)
		require.ErrorContains(t, err, "is not representable")
		type call struct {
			P any `rfc:"P"`
		}
		w := Writer{Function: function(t, "IMPORTING P:F")}
		_, err = w.Append(nil, call{v})
		require.ErrorContains(t, err, "is not representable")
	}
}

func TestB73DecimalFloatsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for typ, digits := range map[string]int{"a": 16, "e": 34} {
		long := strings.Repeat("9", digits+1)
		d, err := abap.ParseDecimal(long)
		require.NoError(t, err)
		type call struct {
			P abap.Decimal `rfc:"P"`
		}
		typed := Writer{Function: function(t, "IMPORTING P:"+typ)}
		for _, write := range []func() error{
			func() error { _, err := wireValue(t, typ, long, Representation{}, Options{}); return err },
			func() error { _, err := typed.Append(nil, call{d}); return err },
		} {
			var ce *ConversionError
			require.ErrorAs(t, write(), &ce)
			require.Equal(t, TooManyDecimals, ce.Reason)
			require.Equal(t, "P", ce.Path)
			require.ErrorContains(t, ce, fmt.Sprintf("has %d significant digits, at most %d are kept", digits+1, digits))
		}
		b, err := wireValue(t, typ, long, Representation{}, Options{RoundDecimals: true})
		require.NoError(t, err)
		got, err := readValue(t, typ, b, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, "1."+strings.Repeat("0", digits-1)+fmt.Sprintf("E+%d", digits+1), got.(abap.Decimal).Scientific())
		for _, special := range []string{"NaN", "Infinity", "-Infinity"} {
			_, err := wireValue(t, typ, special, Representation{}, Options{})
			require.ErrorContains(t, err, "not representable in ABAP")
			b, err := wireValue(t, typ, special, Representation{}, Options{DecimalSpecials: true})
			require.NoError(t, err)
			got, err := readValue(t, typ, b, Representation{}, Options{})
			require.NoError(t, err)
			require.Equal(t, special, fmt.Sprint(got))
		}
	}
	b, err := wireValue(t, "a", "15E-399", Representation{}, Options{RoundDecimals: true})
	require.NoError(t, err)
	got, err := readValue(t, "a", b, Representation{}, Options{})
	require.NoError(t, err)
	require.Equal(t, "2E-398", got.(abap.Decimal).Scientific())
}

func TestB108ReservedDecimalFloats(t *testing.T) {
	t.Parallel()
	for text, typ := range map[string]string{
		"000000000000007e": "a", "010000000000007c": "a", "0100000000000078": "a", "ffffffffffffffff": "a",
		"0000000000000000000000000000007e": "e", "0100000000000000000000000000007c": "e", "00000000000000000000000000000178": "e",
	} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		for rep, b := range map[Representation][]byte{{}: b, {BigEndian: true}: func() []byte { c := slices.Clone(b); slices.Reverse(c); return c }()} {
			_, err = readValue(t, typ, b, rep, Options{})
			require.ErrorIs(t, err, ErrConversion, text)
			require.ErrorContains(t, err, "P: DECF")
			require.ErrorContains(t, err, "reserved encoding")
		}
	}
	// Every declet is valid: the redundant ones are numbers like any other.
	b, err := wireValue(t, "a", "999", Representation{}, Options{})
	require.NoError(t, err)
	b[1] |= 3
	got, err := readValue(t, "a", b, Representation{}, Options{})
	require.NoError(t, err)
	require.Equal(t, "999", fmt.Sprint(got))
}

func TestB74DatesAndTimes(t *testing.T) {
	t.Parallel()
	late := time.FixedZone("late", 14*3600)
	for _, tt := range []struct {
		typ   string
		value any
		want  string // empty: refused
	}{
		{"D", "20240230", ""},
		{"D", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"D", time.Date(2024, 1, 1, 0, 30, 0, 0, late), "20240101"}, // the day of its own zone
		{"D", "", "00000000"},
		{"T", "256000", ""},
		{"T", "240000", "240000"},
		{"T", time.Date(2024, 1, 1, 0, 30, 0, 0, late), "003000"},
		{"T", 24 * time.Hour, "240000"},
		{"T", -time.Second, ""},
	} {
		b, err := wireValue(t, tt.typ, tt.value, Representation{}, Options{})
		if tt.want == "" {
			require.ErrorIs(t, err, ErrConversion)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, utf16(tt.want), b)
	}
}

func TestB75TextsThatCannotTravel(t *testing.T) {
	t.Parallel()
	latin := Representation{Text: lookup(t, "1100")}
	for _, tt := range []struct {
		typ, value string
		rep        Representation
		reason     Reason
	}{
		{"C5", "a\xff", Representation{}, BadText},
		{"C5", "a\xed\xa0\x80", Representation{}, BadText}, // a surrogate in UTF-8
		{"g", "a\xff", Representation{}, BadText},
		{"g", "a\x00b", Representation{}, BadText},
		{"C5", "💪", latin, Unmappable},
		{"C5", "€", latin, Unmappable},
	} {
		_, err := wireValue(t, tt.typ, tt.value, tt.rep, Options{})
		var ce *ConversionError
		require.ErrorAs(t, err, &ce)
		require.Equal(t, tt.reason, ce.Reason, "%s %q", tt.typ, tt.value)
	}
	// NUL is a character of CHAR like any other (case F-08).
	b, err := wireValue(t, "C3", "a\x00b", Representation{}, Options{})
	require.NoError(t, err)
	require.Equal(t, utf16("a\x00b"), b)
}

func TestB77ValuesAboveTheLimit(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the race detector shadows the whole GiB, which is otherwise never touched")
	}
	huge := make([]byte, MaxValue+1)
	_, err := wireValue(t, "y", huge, Representation{}, Options{})
	var le *LimitError
	require.ErrorAs(t, err, &le)
	require.Equal(t, LimitError{Path: "P", What: "bytes", Size: MaxValue + 1, Limit: MaxValue}, *le)
	// Tables are measured before the first row is written.
	w := Writer{Function: function(t, "TABLES T:[C262143]")}
	_, err = w.Append(nil, Params{"T": Sequence[string]{Count: 10_000}})
	require.ErrorIs(t, err, ErrLimit)
}

func TestB78RowsAndPointers(t *testing.T) {
	t.Parallel()
	type cyclic *cyclic
	var loop cyclic
	loop = &loop
	_, err := wireValue(t, "I", loop, Representation{}, Options{})
	require.ErrorIs(t, err, ErrConversion)
	require.ErrorContains(t, err, "cycle")
	var self any
	self = &self
	_, err = wireValue(t, "{RFCTEST}", self, Representation{}, Options{})
	require.Error(t, err)
	w := Writer{Function: function(t, "TABLES T:[RFCTEST]")}
	for _, tt := range []struct {
		rows any
		text string
	}{
		{[]any{Params{}, rfctest{}, &rfctest{}, 5}, "T[3]: int passed"},
		{[]*rfctest{{}, nil}, "T[1]: TABLE: nil row"},
		{[]Params{{}, nil}, "T[1]: TABLE: nil row"},
		{[]any{(*rfctest)(nil)}, "T[0]: TABLE: nil row"},
	} {
		_, err := w.Append(nil, Params{"T": tt.rows})
		require.ErrorContains(t, err, tt.text)
	}
}

// embedded is deeper than any structure may be: each level embeds the next one.
type embedded[T any] struct{ Inner T }

func TestB79NestedGoValues(t *testing.T) {
	t.Parallel()
	type e4[T any] = embedded[embedded[embedded[embedded[T]]]]
	type e36 = e4[e4[e4[e4[e4[e4[e4[e4[e4[int]]]]]]]]]
	w := Writer{Function: function(t, "IMPORTING P:{RFCTEST}")}
	_, err := w.Append(nil, Params{"P": e36{}})
	require.NoError(t, err, "fields that the structure lacks do not count, however deep")
	deep := any(1)
	for range 100 {
		deep = Params{"P": deep}
	}
	_, err = w.Append(nil, deep)
	require.Error(t, err)
	_, err = FromJSON(w.Function, []byte(strings.Repeat(`{"P":`, 100_000)))
	require.Error(t, err)
}

func TestB102ParametersThatDoNotBelong(t *testing.T) {
	t.Parallel()
	s, err := section(t, true, item(0x0201, utf16("NEW")), item(0x0203, u32(1)))
	require.NoError(t, err, "a newer peer may have more of them")
	require.Equal(t, []string{"NEW"}, s.Unknown())
	_, err = section(t, true, item(0x0201, utf16("E")), item(0x0203, u32(0)), item(0x0201, utf16("E")), item(0x0203, u32(0)))
	require.ErrorIs(t, err, wire.ErrMalformed)
}

func TestB104RowsOfOtherLengths(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		s, err := section(t, true, tableItems("U", 4, 2, item(0x0303, utf16("AB")), item(0x0303, make([]byte, n)))...)
		if n > 4 {
			require.ErrorIs(t, err, ErrConversion)
			require.ErrorContains(t, err, fmt.Sprintf("U[1]: ROW: %d bytes, at most 4", n))
			continue
		}
		require.NoError(t, err, "short rows are completed")
		v, err := s.Value("U")
		require.NoError(t, err)
		require.Len(t, v, 2)
	}
}

func TestB105BrokenUTF16(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ cell, lenient string }{
		{"3dd8" + "4100", "\ufffdA"},      // a high surrogate alone
		{"4100" + "aadc", "A\ufffd"},      // a low one
		{"4100" + "3dd8", "A\ufffd"},      // a high one at the end
		{"aadc" + "3dd8", "\ufffd\ufffd"}, // the wrong way round
	} {
		b, _ := hex.DecodeString(tt.cell)
		v, err := readValue(t, "C2", b, Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, tt.lenient, v)
		_, err = readValue(t, "C2", b, Representation{}, Options{StrictText: true})
		require.ErrorIs(t, err, ErrConversion)
		_, err = section(t, true, item(0x0201, b))
		require.ErrorIs(t, err, wire.ErrMalformed, "names are always read strictly")
	}
	v, err := readValue(t, "C2", []byte{0xff, 0xfe, 0x41, 0}, Representation{}, Options{StrictText: true})
	require.NoError(t, err)
	require.Equal(t, "\ufeffA", v, "a byte order mark is a character")
	_, err = readValue(t, "C2", []byte{0x41, 0, 0x42}, Representation{}, Options{})
	require.ErrorIs(t, err, ErrStale, "half a character")
}

func TestB107PackedNibbles(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]Reason{"1a3c": BadDigit, "1230": BadSign, "2020": BadSign, "ff3c": BadDigit} {
		b, _ := hex.DecodeString(text)
		_, err := readValue(t, "P2", b, Representation{}, Options{})
		var ce *ConversionError
		require.ErrorAs(t, err, &ce)
		require.Equal(t, reason, ce.Reason, text)
		require.Equal(t, "P", ce.Path)
		s, err := section(t, true)
		require.NoError(t, err)
		s.Reset(function(t, "TABLES T:[P2]"), Representation{}, true)
		for _, it := range tableItems("T", 2, 2, item(0x0303, []byte{0, 0x0c}), item(0x0303, b)) {
			_, err := s.Item(it)
			require.NoError(t, err)
		}
		_, err = s.Value("T")
		require.ErrorAs(t, err, &ce)
		require.Equal(t, "T[1]", ce.Path)
	}
}

func TestB109DatesAreKeptAsReceived(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"99999999", "2024133A"} {
		v, err := readValue(t, "D", utf16(text), Representation{}, Options{})
		require.NoError(t, err)
		require.Equal(t, text, fmt.Sprint(v))
		type call struct {
			P time.Time `rfc:"P"`
		}
		s := Section{}
		s.Reset(function(t, "EXPORTING P:D"), Representation{}, true)
		for _, it := range []chain.Item{item(0x0201, utf16("P")), item(0x0203, utf16(text))} {
			_, err := s.Item(it)
			require.NoError(t, err)
		}
		require.NoError(t, s.Finish())
		require.ErrorIs(t, s.Scan(&call{}), ErrConversion, "no time is made of it")
	}
	_, err := readValue(t, "D", utf16("２０２６０１０１"), Representation{}, Options{})
	require.ErrorIs(t, err, ErrConversion)
}

func TestG32NumbersThatNoTimeHas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, hex string }{
		{"d", "deb93700"},
		{"i", "ffff"},
		{"d", "ffffffff"},
		{"7", "fef50700"},
		{"x", "b5d40100"},
		{"t", "82510100"},
		{"i", "a205"},
		{"c", "6f01"},
		{"p", "01c00a49082aca2b"},
		{"n", "81db887749000000"},
		{"w", "217b753901000000"},
		{"p", "ffffffffffffffff"},
	} {
		b, err := hex.DecodeString(tt.hex)
		require.NoError(t, err)
		_, err = readValue(t, tt.typ, b, Representation{}, Options{})
		require.ErrorIs(t, err, ErrConversion)
		require.ErrorContains(t, err, "out of range 0 to")

		// As a row: into a map, into its own Go type, and by column into it.
		f := function(t, "EXPORTING P:["+tt.typ+"]\nTABLES T:["+tt.typ+"]")
		p, _ := f.Parameter("T")
		for _, decode := range []func() error{
			func() error {
				d, err := NewRowDecoder[any](p, Representation{}, Options{})
				require.NoError(t, err)
				var row any
				return d.Decode(b, &row)
			},
			func() error {
				d, err := NewRowDecoder[string](p, Representation{}, Options{})
				require.NoError(t, err)
				var row string
				return d.Decode(b, &row)
			},
			func() error {
				c := newCoder(Representation{}, Options{})
				elem, err := c.planElem(defaultRow(p.Type), p.Type)
				require.NoError(t, err)
				return (&rowDecoder{elem: elem, texts: new(arena)}).decode(b, reflect.New(elem.typ).UnsafePointer())
			},
		} {
			require.ErrorIs(t, decode(), ErrConversion, tt.typ)
		}
		s, err := docSection(t, f, fmt.Sprintf("<P><item>%d</item></P>", newTestCoder().signed(b)))
		require.NoError(t, err)
		_, err = s.Value("P")
		require.ErrorIs(t, err, ErrConversion, tt.typ)
		require.ErrorContains(t, err, "P[0]")
	}
}

func newTestCoder() *coder {
	c := newCoder(Representation{}, Options{})
	return &c
}

func TestB112DeltaOfUnknownTable(t *testing.T) {
	t.Parallel()
	for _, tag := range []chain.Tag{chain.TableDelta, chain.TableWhole} {
		for _, id := range []uint32{0, 7, math.MaxUint32} {
			_, err := section(t, true, item(tag, u32(10, id, 0)))
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.ErrorContains(t, err, "the id of a table of the request")
		}
	}
}

func TestB113Documents(t *testing.T) {
	t.Parallel()
	f := testFunction(t, "STFC_DEEP_TABLE")
	for name, doc := range map[string]string{
		"DTD":              `<!DOCTYPE x [<!ENTITY a "b">]><EXPORT_TAB></EXPORT_TAB>`,
		"entity":           "<EXPORT_TAB><item><STR>&a;</STR></item></EXPORT_TAB>",
		"entity without ;": "<EXPORT_TAB><item><STR>&amp</STR></item></EXPORT_TAB>",
		"unbalanced":       "<EXPORT_TAB><item><STR>a</item></EXPORT_TAB>",
		"not closed":       "<EXPORT_TAB><item>",
		"crossed":          "<EXPORT_TAB><item><I>1</STR></item></EXPORT_TAB>",
		"CDATA":            "<EXPORT_TAB><item><STR><![CDATA[a]]></STR></item></EXPORT_TAB>",
		"attribute":        `<EXPORT_TAB a="b"></EXPORT_TAB>`,
		"instruction":      "<EXPORT_TAB><?x?></EXPORT_TAB>",
		"surrogate":        "<EXPORT_TAB><item><STR>&#xD800;</STR></item></EXPORT_TAB>",
		"binary":           "BXML\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := docSection(t, f, doc)
			if err == nil {
				_, err = s.Value("EXPORT_TAB")
			}
			require.ErrorIs(t, err, wire.ErrMalformed)
		})
	}
}

func TestEmptyRowsOfDocumentsDoNotFillMemory(t *testing.T) {
	t.Parallel()
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, "F%d:X20 ", i)
	}
	d := testDictionary()
	d.Structure("WIDE", fields.String()+"S:g")
	f, err := d.Function("Z_TEST", "EXPORTING T:[WIDE]")
	require.NoError(t, err)
	s, err := docSection(t, f, "<T>"+strings.Repeat("<item></item>", 100_000)+"</T>")
	require.NoError(t, err)
	_, err = s.Value("T")
	require.ErrorIs(t, err, ErrLimit)
	require.ErrorContains(t, err, "T[")
	type wide struct {
		S    string
		Room [1 << 16]byte `rfc:"-"`
	}
	type result struct{ T []wide }
	require.ErrorIs(t, s.Scan(&result{}), ErrLimit)
	// Rows that go through the hands of the caller one by one are not counted together.
	n := 0
	for _, err := range Rows[struct{ S string }](s, "T") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 100_000, n)

	// Empty texts of wide fields cost nothing: rows like these are common.
	f = function(t, "EXPORTING T:[RFC_DB_OPT]\nEXPORTING W:[C262143]")
	s, err = docSection(t, f, "<W>"+strings.Repeat("<item></item>", 100_000)+"</W>")
	require.NoError(t, err)
	v, err := s.Value("W")
	require.NoError(t, err)
	require.Len(t, v, 100_000)
}

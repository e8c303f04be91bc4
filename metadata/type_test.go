package metadata_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/metadata"
)

type vectorLayout struct {
	UCUsed   int `json:"uc_used"`
	UCTotal  int `json:"uc_total"`
	NUCUsed  int `json:"nuc_used"`
	NUCTotal int `json:"nuc_total"`
	Fields   []struct {
		Name   string
		EXID   string
		Chars  int
		UCOff  int `json:"uc_off"`
		UCLen  int `json:"uc_len"`
		NUCOff int `json:"nuc_off"`
		NUCLen int `json:"nuc_len"`
	}
}

// The layouts of the shared vectors agree with captures for RFCTEST, RFC_FUNINT, RFC_FIELDS and RFCSI.
func TestLayoutRuleMatchesPublishedLayouts(t *testing.T) {
	t.Parallel()
	raw := evidence.File(t, "vectors", "structures.json")
	var doc struct{ Layouts map[string]vectorLayout }
	require.NoError(t, json.Unmarshal(raw, &doc))
	require.NotEmpty(t, doc.Layouts)
	for name, want := range doc.Layouts {
		var d metadata.Dictionary
		defs := make([]string, 0, len(want.Fields))
		for _, f := range want.Fields {
			typ := f.EXID
			if metadata.Kind(f.EXID[0]).Variable() {
				typ += strconv.Itoa(f.Chars)
			}
			defs = append(defs, f.Name+":"+typ)
		}
		d.Structure(name, strings.Join(defs, " "))
		require.NoError(t, d.Err())
		typ, ok := d.Type(name)
		require.True(t, ok)
		uc, nuc := typ.Layout(2), typ.Layout(1)
		require.Equal(t, [4]int{want.UCUsed, want.UCTotal, want.NUCUsed, want.NUCTotal},
			[4]int{uc.Used, uc.Total, nuc.Used, nuc.Total}, name)
		for i, f := range want.Fields {
			require.Equal(t, [4]int{f.UCOff, f.UCLen, f.NUCOff, f.NUCLen},
				[4]int{uc.Offsets[i], typ.Fields[i].Width(2), nuc.Offsets[i], typ.Fields[i].Width(1)}, name+"."+f.Name)
		}
	}
}

// The example of the ABAP documentation: an inner structure is aligned and rounded on its own.
func TestNestedStructureIsAlignedToItsOwnLargestField(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("INNER", "B:X1 C:C6").Structure("OUTER", "A:X1 IN:{INNER} D:I")
	require.NoError(t, d.Err())
	outer, _ := d.Type("OUTER")
	require.Equal(t, []int{0, 2, 16}, outer.Layout(2).Offsets)
	require.Equal(t, 20, outer.Layout(2).Total)
	require.Equal(t, []int{0, 1, 8}, outer.Layout(1).Offsets)
	inner, _ := d.Type("INNER")
	require.Equal(t, 14, inner.Layout(2).Total)
}

func TestDefinitionProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	_, err := d.Function("z_lower", "IMPORTING A:C0\nEXPORTING B:Q\nSOMETHING C:I\nIMPORTING D:I\nIMPORTING D:I")
	for _, want := range []string{"lower case; write Z_LOWER", "CHAR of length 0", "cannot travel by RFC", "unknown direction", "parameter D twice"} {
		require.ErrorContains(t, err, want)
	}
}

func TestNamesOfADictionaryAreUnique(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("ZROW", "N:I").Table("ZROWS", "{ZROW}").Table("ZNAMES", "C10")
	require.NoError(t, d.Err())
	require.Equal(t, []string{"ZROW", "ZROWS", "ZNAMES"}, d.Names())
	row, ok := d.Type("ZROW")
	require.True(t, ok)
	line, ok := d.TableType("ZROWS")
	require.True(t, ok)
	require.Same(t, row, line)
	_, ok = d.TableType("ZROW")
	require.False(t, ok, "a structure is no table type")
	_, ok = d.Type("ZROWS")
	require.False(t, ok, "a table type is no structure")

	d.Structure("ZOTHER", "A:C1").Table("ZROWS", "{ZOTHER}").Table("ZROW", "C1").Structure("ZNAMES", "A:C1")
	for _, name := range []string{"ZROWS", "ZROW", "ZNAMES"} {
		require.ErrorContains(t, d.Err(), name+": defined twice")
	}
	line, _ = d.TableType("ZROWS")
	require.Same(t, row, line, "the first definition stays")
	require.Equal(t, []string{"ZROW", "ZROWS", "ZNAMES", "ZOTHER"}, d.Names())
}

func TestB79StructuresNestedTooDeep(t *testing.T) {
	t.Parallel()
	inner, err := metadata.NewType("S0", []metadata.Field{{Name: "A", Kind: metadata.Int4}})
	require.NoError(t, err)
	for i := 1; ; i++ {
		kind := metadata.Structure
		if i%2 == 0 {
			kind = metadata.Table
		}
		outer, err := metadata.NewType(fmt.Sprintf("S%d", i), []metadata.Field{{Name: "A", Kind: kind, Type: inner}})
		if i > metadata.MaxDepth {
			require.ErrorContains(t, err, "nested 33 deep, at most 32")
			return
		}
		require.NoError(t, err)
		inner = outer
	}
}

func TestB110TypesThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string][]metadata.Field{
		"CHAR of length -1":         {{Name: "A", Kind: metadata.Char, Length: -1}},
		"BCD of length -2147483648": {{Name: "A", Kind: metadata.Packed, Length: -1 << 31}},
		"BCD of 17 bytes":           {{Name: "A", Kind: metadata.Packed, Length: 17}},
		"-1 decimals":               {{Name: "A", Kind: metadata.Packed, Length: 4, Decimals: -1}},
		"at most 262143":            {{Name: "A", Kind: metadata.Char, Length: 1 << 30}},
		"without a type":            {{Name: "A", Kind: metadata.Structure}},
		"without a line type":       {{Name: "A", Kind: metadata.Table}},
		"cannot travel":             {{Name: "A", Kind: 'r'}},
		"field A twice":             {{Name: "A", Kind: metadata.Int4}, {Name: "A", Kind: metadata.Int4}},
		"without a name":            {{Name: "A", Kind: metadata.Int4}, {Kind: metadata.Int4}},
		"no fields":                 nil,
	} {
		_, err := metadata.NewType("T", fields)
		require.ErrorContains(t, err, want)
	}
	// A type that contains itself cannot be written down: its name is not defined yet.
	var d metadata.Dictionary
	d.Structure("SELF", "A:{SELF}")
	require.ErrorContains(t, d.Err(), "not defined")
	var wide []metadata.Field
	for i := range 100 {
		wide = append(wide, metadata.Field{Name: fmt.Sprintf("F%d", i), Kind: metadata.Char, Length: metadata.MaxCharacters})
	}
	_, err := metadata.NewType("WIDE", wide)
	require.ErrorContains(t, err, "wider than 16777216 bytes")
}

// Every letter of the table of types, with the widths and alignments it says there.
func TestDictionaryKnowsEveryLetter(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("LINE", "A:I").Structure("DEEP", "A:g").Structure("ALL", `C:C3 D:D P:P5.2 T:T X:X3 H:[LINE] N:N4 F:F I:I S:s B:b U:{LINE} V:{DEEP}
		A:a E:e G:g Y:y F8:8 P1:p N1:n W:w D1:d W7:7 X1:x T1:t I1:i C1:c`)
	require.NoError(t, d.Err())
	all, ok := d.Type("ALL")
	require.True(t, ok)
	var letters strings.Builder
	for i := range all.Fields {
		f := &all.Fields[i]
		letters.WriteString(string(rune(f.Kind)))
		want := map[metadata.Kind][2]int{ // width and alignment of kinds of fixed width
			'F': {8, 8}, 'I': {4, 4}, 's': {2, 2}, 'b': {1, 1}, 'a': {8, 8}, 'e': {16, 8}, '8': {8, 8}, 'p': {8, 8}, 'n': {8, 8}, 'w': {8, 8},
			'd': {4, 4}, '7': {4, 4}, 'x': {4, 4}, 't': {4, 4}, 'i': {2, 2}, 'c': {2, 2}, 'h': {8, 8}, 'g': {8, 8}, 'y': {8, 8},
		}
		if w, fixed := want[f.Kind]; fixed {
			for _, charWidth := range []int{1, 2} {
				require.Equal(t, w, [2]int{f.Width(charWidth), f.Align(charWidth)}, f.Name)
			}
		}
		require.Equal(t, f.Kind.Temporal(), f.Kind.RFCType() >= 32 && f.Kind.RFCType() <= 40, f.Name)
	}
	require.Equal(t, "CDPTXhNFIsbuvaegy8pnwd7xtic", letters.String())
	for _, line := range []string{"a", "p", "x", "7"} { // also as the line of a table
		f, err := d.Field("T", "["+line+"]")
		require.NoError(t, err)
		require.True(t, f.Type.Scalar())
	}
	_, err := d.Field("A", "a16")
	require.ErrorContains(t, err, `unexpected "16"`)
}

// What cannot travel is refused where the description is built, by field and kind.
func TestBoxedAndReferenceTypesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for kind, text := range map[metadata.Kind]string{
		'r': `field OBJ: an object reference (type "r") cannot travel by RFC`,
		'l': `field OBJ: a data reference (type "l") cannot travel by RFC`,
		'j': `field OBJ: a boxed component (type "j") is not supported`,
		'k': `field OBJ: a boxed component (type "k") is not supported`,
		'Q': `field OBJ: type "Q" cannot travel by RFC`,
	} {
		_, err := metadata.NewType("ZTYPE", []metadata.Field{{Name: "ID", Kind: metadata.Int4}, {Name: "OBJ", Kind: kind}})
		require.EqualError(t, err, "type ZTYPE: "+text)
		_, err = metadata.NewFunction("Z_F", []metadata.Parameter{{Field: metadata.Field{Name: "OBJ", Kind: kind}, Direction: metadata.Import}})
		require.EqualError(t, err, "function Z_F: "+text)
		require.False(t, kind.Valid() || kind.Temporal())
	}
}

func TestB111HugeOrUnprintableDescriptions(t *testing.T) {
	t.Parallel()
	_, err := metadata.NewType("T", make([]metadata.Field, metadata.MaxFields+1))
	require.ErrorContains(t, err, "10001 fields, at most 10000")
	_, err = metadata.NewFunction("F", make([]metadata.Parameter, metadata.MaxParameters+1))
	require.ErrorContains(t, err, "10001 parameters, at most 10000")
	_, err = metadata.NewType("T", []metadata.Field{{Name: "A\x00B", Kind: metadata.Int4}})
	require.ErrorContains(t, err, "control character at byte 1")
	_, err = metadata.NewFunction("F\x00", nil)
	require.ErrorContains(t, err, "invalid character")
	_, err = metadata.NewFunction("F", []metadata.Parameter{{Field: metadata.Field{Name: "A\x00", Kind: metadata.Int4}, Direction: metadata.Import}})
	require.ErrorContains(t, err, "invalid character")
}

func TestFunctionDefinition(t *testing.T) {
	t.Parallel()
	var d metadata.Dictionary
	d.Structure("LINE", "I:I STR:g").Table("LINES", "{LINE}")
	require.NoError(t, d.Err())
	f, err := d.Function("Z_DEEP", `
		IMPORTING IN:[LINES]
		IMPORTING N:I OPTIONAL DEFAULT 7
		EXPORTING OUT:C10
		TABLES T:[C20] OPTIONAL
		RAISING NOT_FOUND OTHER`)
	require.NoError(t, err)
	in, _ := f.Parameter("IN")
	require.True(t, in.XML())
	require.Equal(t, "LINES", in.TypeName)
	n, _ := f.Parameter("N")
	require.True(t, n.Optional)
	require.Equal(t, "7", n.Default)
	tab, _ := f.Parameter("T")
	require.False(t, tab.XML())
	require.True(t, tab.Type.Scalar())
	require.Len(t, f.Exceptions, 2)
}

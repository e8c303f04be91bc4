package serialization

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
)

// fastVector gives the value of item 5001 of a vector that was published as a whole item.
func fastVector(t testing.TB, name string) []byte {
	t.Helper()
	var file struct {
		Vectors []struct{ Name, Kind, Hex string }
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "fast-serialization.json"), &file))
	for _, v := range file.Vectors {
		if v.Name == name && v.Kind == "item" {
			b, err := hex.DecodeString(v.Hex)
			require.NoError(t, err)
			return b[4 : len(b)-2]
		}
	}
	t.Fatalf("no vector %s", name)
	return nil
}

type fastParam = fastser.Parameter

// fastBody gives item 5001 with parameters.
func fastBody(t testing.TB, listed []string, params ...fastParam) chain.Item {
	t.Helper()
	b := fastser.Body{
		Header: fastser.Header{Version: 2, Understood: 3, Substitute: '#', Options: fastser.Plain},
		Listed: listed, Parameters: params,
	}
	out, err := b.AppendBinary(nil)
	require.NoError(t, err)
	return item(chain.FastSerialization, out)
}

func fastScalar(name string, c fastser.TypeCode, width int, v fastser.Value) fastParam {
	return fastParam{Name: name, TypeName: `\TYPE=X`, Fields: []fastser.Field{{Code: c, Width: uint16(width), Name: fastser.ScalarField}}, Values: []fastser.Value{v}}
}

// fastChar is a CHAR of n characters, with the marker that belongs to its width.
func fastChar(name string, n int, text string) fastParam {
	v := fastser.Value{Marker: fastser.Cut, Data: []byte(text)}
	if n < 4 {
		v = fastser.Value{Marker: fastser.Whole, Data: utf16(text + strings.Repeat(" ", n-len(text)))}
	}
	return fastScalar(name, fastser.Char, 2*n, v)
}

func fastString(name, text string) fastParam {
	return fastScalar(name, fastser.Text, 0, fastser.Value{Marker: fastser.String, Data: []byte(text)})
}

func fastInt(name string, n int32) fastParam {
	return fastScalar(name, fastser.Int4, 0, fastser.Value{Marker: fastser.Number, Data: binary.LittleEndian.AppendUint32(nil, uint32(n))})
}

func fastInitial(name string, c fastser.TypeCode, width int) fastParam {
	return fastScalar(name, c, width, fastser.Value{Marker: fastser.Initial})
}

// fastStruct joins scalars to a structure; their names become field names.
func fastStruct(name string, fields ...fastParam) fastParam {
	p := fastParam{Name: name, TypeName: `\TYPE=Z`}
	for _, f := range fields {
		f.Fields[0].Name = f.Name
		p.Fields, p.Values = append(p.Fields, f.Fields[0]), append(p.Values, f.Values[0])
	}
	return p
}

func unnamed(p fastParam) fastParam {
	p.TypeName = ""
	for i := range p.Fields {
		p.Fields[i].Name = ""
	}
	return p
}

func fastTable(name string) fastParam {
	return fastParam{Name: name, Table: true, TableID: 1, TypeName: `\TYPE=%_T00004S00000000O0000037072`}
}

// fastSection feeds containers to a section of a function with the given definition.
func fastSection(t testing.TB, definition string, reply bool, items ...chain.Item) (*Section, error) {
	t.Helper()
	s := new(Section)
	s.Reset(function(t, definition), Representation{}, reply)
	for _, it := range items {
		if used, err := s.Item(it); err != nil {
			return s, err
		} else if !used {
			t.Fatal("item 5001 was not taken")
		}
	}
	return s, s.Finish()
}

func TestFastRequestOfSTFCString(t *testing.T) {
	t.Parallel()
	s, err := fastSection(t, "IMPORTING QUESTION:g\nEXPORTING MYANSWER:g", false,
		item(chain.FastSerialization, fastVector(t, "stfc_string_request_item_rebuilt")))
	require.NoError(t, err)
	v, err := s.Value("QUESTION")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 20)[:513], v)
	require.Equal(t, []string{"MYANSWER"}, s.RequestedNames(), "the list names inputs too; they are no request")
	require.False(t, s.Requested(0))
	require.Empty(t, s.Missing())
	require.Empty(t, s.Unknown())
}

func TestFastReplyOfRFCSystemInfo(t *testing.T) {
	t.Parallel()
	d := testDictionary()
	d.Structure("RFCSI", "RFCPROTO:C3 RFCCHARTYP:C4 RFCINTTYP:C3 RFCFLOTYP:C3 RFCDEST:C32 RFCHOST:C8 RFCSYSID:C8 RFCDATABS:C8 RFCDBHOST:C32 RFCDBSYS:C10 "+
		"RFCSAPRL:C4 RFCMACH:C5 RFCOPSYS:C10 RFCTZONE:C6 RFCDAYST:C1 RFCIPADDR:C15 RFCKERNRL:C4 RFCHOST2:C32 RFCSI_RESV:C12 RFCIPV6ADDR:C45")
	d.Structure("RFCSI_OLD", "RFCPROTO:C3 RFCCHARTYP:C4 RFCINTTYP:C3")
	d.Structure("RFCSI_WIDE", "RFCPROTO:C3 RFCCHARTYP:C5 RFCINTTYP:C3")
	reply := item(chain.FastSerialization, fastVector(t, "rfc_system_info_reply_item"))
	read := func(typ string, o Options) (*Section, error) {
		f, err := d.Function("RFC_SYSTEM_INFO", "EXPORTING RFCSI_EXPORT:{"+typ+"}")
		require.NoError(t, err)
		s := &Section{Options: o}
		s.Reset(f, Representation{}, true)
		if _, err := s.Item(reply); err != nil {
			return s, err
		}
		return s, s.Finish()
	}
	s, err := read("RFCSI", Options{})
	require.NoError(t, err)
	v, err := s.Value("RFCSI_EXPORT")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(Params{
		"RFCPROTO": "011", "RFCCHARTYP": "4103", "RFCINTTYP": "LIT", "RFCFLOTYP": "IE3", "RFCDEST": "vhcala4hci_A4H_00",
		"RFCHOST": "vhcala4h", "RFCSYSID": "A4H", "RFCDATABS": "A4H", "RFCDBHOST": "vhcala4hci", "RFCDBSYS": "HDB",
		"RFCSAPRL": "758", "RFCMACH": "  390", "RFCOPSYS": "Linux", "RFCTZONE": "     0", "RFCDAYST": "", "RFCIPADDR": "172.17.0.3",
		"RFCKERNRL": "793", "RFCHOST2": "vhcala4hci", "RFCSI_RESV": "", "RFCIPV6ADDR": "172.17.0.3",
	}, v))
	var out struct {
		Info struct {
			Host string `rfc:"RFCHOST2"`
		} `rfc:"RFCSI_EXPORT"`
	}
	require.NoError(t, s.Scan(&out))
	require.Equal(t, "vhcala4hci", out.Info.Host)
	// Without names the position counts, and so does the whole description.
	_, err = read("RFCSI_OLD", Options{})
	require.ErrorIs(t, err, ErrStale)
	require.Contains(t, err.Error(), "RFCSI_EXPORT: description does not match the data: want STRUCTURE, got a structure of 20 fields")
	s, err = read("RFCSI_OLD", Options{AnyRowWidth: true})
	require.NoError(t, err)
	v, err = s.Value("RFCSI_EXPORT")
	require.NoError(t, err)
	require.Equal(t, Params{"RFCPROTO": "011", "RFCCHARTYP": "4103", "RFCINTTYP": "LIT"}, v)
	_, err = read("RFCSI_WIDE", Options{AnyRowWidth: true})
	require.ErrorIs(t, err, ErrStale)
	require.Contains(t, err.Error(), "RFCSI_EXPORT.RFCCHARTYP: description does not match the data: want CHAR(5), got CHAR(4)")
}

// TestFastValuesAreAssignedWithoutLoss has each type that is sent beside each type that is
// declared.
func TestFastValuesAreAssignedWithoutLoss(t *testing.T) {
	t.Parallel()
	dec := func(s string) abap.Decimal {
		d, err := abap.ParseDecimal(s)
		require.NoError(t, err)
		return d
	}
	for _, tt := range []struct {
		declared string
		sent     fastParam
		want     any // or the text of an error
	}{
		{"C30", fastChar("P", 30, "ABCD"), "ABCD"},
		{"C30", fastChar("P", 6, "Sample"), "Sample"},
		{"C4", fastChar("P", 30, "ABCD"), "ABCD"},
		{"C30", fastChar("P", 3, "AB"), "AB"},
		{"C2", fastChar("P", 30, "AB  "), "AB"},
		{"g", fastChar("P", 30, "AB  "), "AB"},
		{"C30", fastChar("P", 30, "  AB"), "  AB"},
		{"C1", fastChar("P", 1, "X"), "X"},
		{"C1", fastInitial("P", fastser.Char, 2), ""},
		{"C30", fastString("P", "ABCD"), "ABCD"},
		{"C4", fastString("P", "ABCD   "), "ABCD"},
		{"C30", fastInitial("P", fastser.Text, 0), ""},
		{"C8", fastInitial("P", fastser.Date, 0), "00000000"},
		{"C30", fastScalar("P", fastser.Char, 6, fastser.Value{Marker: fastser.Whole, Data: utf16("äöü")}), "äöü"},
		{"g", fastString("P", "ABCD  "), "ABCD  "},
		{"g", fastString("P", ""), ""},
		{"g", fastChar("P", 30, "ABCD"), "ABCD"},
		{"g", fastChar("P", 3, "A"), "A"},
		{"g", fastInitial("P", fastser.Text, 0), ""},
		{"I", fastInt("P", -5), int32(-5)},
		{"I", fastInitial("P", fastser.Int4, 0), int32(0)},
		{"I", fastInitial("P", fastser.Int1, 0), int32(0)},
		{"s", fastInt("P", -32768), int16(-32768)},
		{"b", fastInt("P", 255), uint8(255)},
		{"b", fastInitial("P", fastser.Int2, 0), uint8(0)},
		{"8", fastInt("P", -2147483648), int64(-2147483648)},
		{"F", fastInt("P", 3), float64(3)},
		{"F", fastInitial("P", fastser.Float, 0), float64(0)},
		{"P5.2", fastInt("P", 12), dec("12.00")},
		{"P5.2", fastChar("P", 10, "1.50"), dec("1.50")},
		{"N6", fastChar("P", 10, "42"), "000042"},
		{"N6", fastInt("P", 42), "000042"},
		{"N6", fastInitial("P", fastser.Char, 12), "000000"},
		{"D", fastChar("P", 8, "20260705"), mustDate(t, "20260705")},
		{"D", fastInitial("P", fastser.Date, 0), mustDate(t, "00000000")},
		{"T", fastChar("P", 6, "235959"), mustTime(t, "235959")},
		{"T", fastInitial("P", fastser.Time, 0), mustTime(t, "000000")},
		{"X3", fastInitial("P", fastser.Raw, 8), []byte{0, 0, 0}},
		{"y", fastInitial("P", fastser.XString, 0), []byte{}},
		{"I", unnamed(fastInt("P", 7)), int32(7)},
		{"C30", unnamed(fastChar("P", 30, "A")), "A"},
		{
			"{RFC_DB_FLD}", fastStruct("P", fastChar("TYPE", 1, "C"), fastChar("FIELDNAME", 8, "MANDT"), fastInt("LENGTH", 3)),
			Params{"FIELDNAME": "MANDT", "OFFSET": "000000", "LENGTH": "000003", "TYPE": "C", "FIELDTEXT": ""},
		},
		{
			"{RFC_DB_FLD}", fastStruct("P", fastChar("FIELDNAME", 8, "MANDT"), fastInitial("NEWFIELD", fastser.Char, 8)),
			Params{"FIELDNAME": "MANDT", "OFFSET": "000000", "LENGTH": "000000", "TYPE": "", "FIELDTEXT": ""},
		},
		{
			"{ABAPTEXT}", fastStruct("P", fastString("STR", "a<b"), fastInt("I", 3), fastChar("C", 8, "C8"), fastInitial("XSTR", fastser.XString, 0)),
			Params{"I": int32(3), "C": "C8", "STR": "a<b", "XSTR": []byte{}},
		},
		{"[C2]", fastTable("P"), []string{}},
		{"[SDTI_TAB]", fastTable("P"), []Params{}},
		{"[RFC_DB_OPT]", fastTable("P"), []Params{}},

		{"C4", fastChar("P", 30, "ABCDE"), "P: CHAR(4): 5 characters, at most 4"},
		{"C4", fastString("P", "ABCDE"), "P: CHAR(4): 5 characters, at most 4"},
		{"C30", fastInt("P", 1), "P: description does not match the data: want CHAR(30), got INT4"},
		{"C30", fastInitial("P", fastser.Int4, 0), "want CHAR(30), got INT4"},
		{"I", fastChar("P", 4, "12"), "P: description does not match the data: want INT, got CHAR(4)"},
		{"I", fastString("P", "12"), "want INT, got STRING"},
		{"s", fastInt("P", 32768), "P: INT2: 32768 is out of range -32768 to 32767"},
		{"b", fastInt("P", -1), "P: INT1: -1 is out of range 0 to 255"},
		{"N6", fastInt("P", -1), "P: NUM(6): only the digits 0 to 9 are allowed"},
		{"N6", fastChar("P", 10, "4711a"), "P: NUM(6): only the digits 0 to 9 are allowed"},
		{"N3", fastChar("P", 10, "4711"), "P: NUM(3): 4 characters, at most 3"},
		{"P2.0", fastInt("P", 1000), "P: P(2,0): "},
		{"P5.1", fastChar("P", 10, "1.55"), "P: P(5,1): "},
		{"D", fastChar("P", 8, "20260231"), "P: DATE: "},
		{"T", fastChar("P", 6, "999999"), "P: TIME: "},
		{"g", fastInt("P", 1), "want STRING, got INT4"},
		{"g", fastString("P", "a\x00b"), "P: STRING: "},
		{"g", fastScalar("P", fastser.Char, 4, fastser.Value{Marker: fastser.Whole, Data: []byte{'a', 0, 0x3d, 0xd8}}), "P: STRING: "},
		{"C1", fastScalar("P", fastser.Char, 4, fastser.Value{Marker: fastser.Whole, Data: []byte{'a', 0, 0x3d, 0xd8}}), "P: CHAR(1): "},
		{"y", fastString("P", "a"), "want XSTRING, got STRING"},
		{"g", fastInitial("P", fastser.XString, 0), "want STRING, got XSTRING"},
		{"X3", fastString("P", "a"), "want BYTE(3), got STRING"},
		{"{RFC_DB_FLD}", fastChar("P", 8, "A"), `P: description does not match the data: want STRUCTURE, got CHAR(8) of type "\\TYPE=X"`},
		{"{RFC_DB_FLD}", fastInitial("P", fastser.Char, 16), "want STRUCTURE, got CHAR(8)"},
		{"C8", fastStruct("P", fastChar("A", 8, "A")), `want CHAR(8), got a structure of 1 fields of type "\\TYPE=Z"`},
		{"C8", unnamed(fastChar("P", 9, "A")), "want CHAR(8), got a structure of 1 fields"},
		{"{RFC_DB_FLD}", fastTable("P"), "want STRUCTURE, got a table"},
		{"[RFC_DB_OPT]", fastChar("P", 8, "A"), "want TABLE, got CHAR(8)"},
		{"{RFC_DB_FLD}", fastStruct("P", fastChar("NEWFIELD", 8, "A")), "P.NEWFIELD: description does not match the data: want a field of the structure, got another one, CHAR(8)"},
		{"{RFC_DB_FLD}", fastStruct("P", fastChar("TYPE", 1, "A"), fastChar("TYPE", 1, "B")), "P.TYPE: description does not match the data: want each field once"},
		{"{RFC_DB_FLD}", fastStruct("P", fastChar("TYPE", 8, "AB")), "P.TYPE: CHAR(1): 2 characters, at most 1"},
		{"{RFC_DB_FLD}", fastStruct("P", fastInt("TYPE", 8)), "P.TYPE: description does not match the data: want CHAR(1), got INT4"},
		{"{ABAPTEXT}", fastStruct("P", fastInt("STR", 8)), "P.STR: description does not match the data: want STRING"},
		{"{ABAPTEXT}", fastStruct("P", fastChar("C", 20, "12345678901")), "P.C: CHAR(10): 11 characters, at most 10"},
		{"{RFC_DB_FLD}", unnamed(fastStruct("P", fastChar("TYPE", 8, "AB"))), "got a structure of 1 fields"},
	} {
		direction := "IMPORTING"
		if strings.Contains(tt.declared, "RFC_DB_OPT]") {
			direction = "TABLES"
		}
		s, err := fastSection(t, direction+" P:"+tt.declared, false, fastBody(t, nil, tt.sent))
		name := fmt.Sprintf("%s from %v", tt.declared, tt.sent.Fields)
		if text, ok := tt.want.(string); ok && err != nil {
			require.Contains(t, err.Error(), text, name)
			require.NotContains(t, err.Error(), "P: P:", name)
			require.NotContains(t, err.Error(), "P.P", name)
			require.True(t, errors.Is(err, ErrConversion) || errors.Is(err, ErrStale), "%s: %v", name, err)
			_, again := s.Item(fastBody(t, nil))
			require.Equal(t, err, again, "the error sticks")
			continue
		}
		require.NoError(t, err, name)
		v, err := s.Value("P")
		require.NoError(t, err, name)
		require.Empty(t, cmp.Diff(tt.want, v, cmp.Comparer(func(a, b abap.Decimal) bool { return a == b }), cmp.Comparer(func(a, b abap.Date) bool { return a == b }), cmp.Comparer(func(a, b abap.Time) bool { return a == b })), name)
		require.True(t, s.Has(0))
		require.Empty(t, s.Missing())
	}
}

// TestFastValuesEqualClassicOnes holds what is kept of a container against what a classic
// message with the same values leaves.
func TestFastValuesEqualClassicOnes(t *testing.T) {
	t.Parallel()
	for _, rep := range []Representation{{}, {BigEndian: true, Text: codepage.UTF16BE}, {Text: codepage.Latin1}} {
		f := function(t, "IMPORTING A:C10\nIMPORTING N:I\nIMPORTING S:g\nIMPORTING U:{RFCTEST}\nIMPORTING V:{ABAPTEXT}\nTABLES T:[RFC_DB_OPT]")
		w := Writer{Function: f, Representation: rep}
		classic, err := w.Append(nil, Params{
			"A": "ABC", "N": 77, "S": "text", "U": Params{"RFCCHAR4": "XY", "RFCINT4": -1}, "V": Params{"I": 1, "STR": "deep"}, "T": []Params{},
		})
		require.NoError(t, err)
		var want, got Section
		want.Reset(f, rep, false)
		require.NoError(t, feed(&want, classic))
		got.Reset(f, rep, false)
		_, err = got.Item(fastBody(t, []string{"A", "N", "S", "U", "V", "T"}, fastChar("A", 4, "ABC"), fastInt("N", 77), fastString("S", "text"),
			fastStruct("U", fastInt("RFCINT4", -1), fastChar("RFCCHAR4", 4, "XY")), fastStruct("V", fastInt("I", 1), fastString("STR", "deep")), fastTable("T")))
		require.NoError(t, err)
		require.NoError(t, got.Finish())
		for i := range f.Parameters[:5] { // an empty table is not sent at all in a classic request
			require.Equal(t, want.slots[i].kind, got.slots[i].kind, f.Parameters[i].Name)
			require.Equal(t, want.slots[i].value, got.slots[i].value, f.Parameters[i].Name)
		}
		require.Equal(t, []string{"T"}, got.RequestedNames())
	}
}

func TestFastNames(t *testing.T) {
	t.Parallel()
	const def = "IMPORTING I:I OPTIONAL\nEXPORTING E:I\nCHANGING C:I OPTIONAL\nTABLES T:[RFC_DB_OPT] OPTIONAL"
	s, err := fastSection(t, def, false, fastBody(t, []string{"I", "NEW", "C", "E", "E", "T"}, fastInt("NEW", 1), fastInt("E", 1), fastInt("I", 5), fastInt("C", 6)))
	require.NoError(t, err)
	require.Equal(t, []string{"NEW", "E"}, s.Unknown(), "what the function lacks, and a value of an output in a request")
	require.Equal(t, []string{"C", "E", "T"}, s.RequestedNames())
	v, err := s.Value("C")
	require.NoError(t, err)
	require.Equal(t, int32(6), v)

	// Classic items and containers beside each other.
	s, err = fastSection(t, def, false, item(0x0201, utf16("I")), item(0x0203, []byte{9, 0, 0, 0}), fastBody(t, []string{"E"}, fastInt("C", 6)), fastBody(t, nil, fastTable("T")))
	require.NoError(t, err)
	require.True(t, s.Has(0) && s.Has(2) && s.Has(3))
	td, err := s.Table("T")
	require.NoError(t, err)
	require.Zero(t, td.Len())

	_, err = fastSection(t, def, false, fastBody(t, nil, fastInt("I", 1), fastInt("I", 1)))
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.Contains(t, err.Error(), "parameter I twice")
	_, err = fastSection(t, def, false, fastBody(t, nil, fastInt("I", 1)), fastBody(t, nil, fastInt("I", 1)))
	require.ErrorIs(t, err, wire.ErrMalformed)
	_, err = fastSection(t, def, false, item(0x0201, utf16("I")), fastBody(t, nil))
	require.ErrorIs(t, err, wire.ErrMalformed, "a value is due")
}

func TestFastUnsupportedSaysWhatToDo(t *testing.T) {
	t.Parallel()
	it := fastBody(t, nil, fastChar("A", 10, "ABC"))
	it.Value[len(it.Value)-7] = 'P' // the marker of the value
	_, err := fastSection(t, "IMPORTING A:C10\nEXPORTING B:C10", false, it)
	require.EqualError(t, err, `fast serialization not supported; set the serializer of the destination to classic: `+
		`fastser body: field value at offset 42: not supported in fast serialization: want I or C for TABLE_LINE CHAR(10), got 50 'P'`)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorIs(t, err, fastser.ErrUnsupported)
	it.Value[len(it.Value)-7] = 'P'
	_, err = fastSection(t, "EXPORTING A:C10", true, it)
	require.ErrorIs(t, err, ErrUnsupported)
	require.Contains(t, err.Error(), "fast serialization not supported; the partner answered in it although it was not offered: ")

	// Nothing in a container can be for a function without parameters.
	s := new(Section)
	ping, err := metadata.NewFunction("RFC_PING", nil)
	require.NoError(t, err)
	s.Reset(ping, Representation{}, false)
	for _, b := range [][]byte{fastVector(t, "rfc_ping_item"), it.Value, nil} {
		used, err := s.Item(item(chain.FastSerialization, b))
		require.NoError(t, err)
		require.True(t, used)
	}
	require.NoError(t, s.Finish())
}

// TestFastTableInAStream: a streamed table that came empty is spent, as a classic one is.
func TestFastTableInAStream(t *testing.T) {
	t.Parallel()
	s := new(Section)
	s.Reset(function(t, "EXPORTING E:I\nTABLES T:[RFC_DB_OPT]"), Representation{}, true)
	s.SetStream(1, func(RowData) error { t.Error("a row"); return nil })
	_, err := s.Item(fastBody(t, nil, fastTable("T"), fastInt("E", 1)))
	require.NoError(t, err)
	require.NoError(t, s.Finish())
	require.Equal(t, slotSpent, s.slots[1].kind)
}

// TestFastSentTablesAreAnswered: an empty table of the reply is not the one of the request.
func TestFastSentTablesAreAnswered(t *testing.T) {
	t.Parallel()
	f := function(t, "TABLES T:[RFC_DB_OPT]")
	w := Writer{Function: f, TableIDs: true}
	request, err := w.Append(nil, Params{"T": []Params{{"TEXT": "A"}}})
	require.NoError(t, err)
	s := new(Section)
	s.Reset(f, Representation{}, true)
	s.SetSent(w.Sent, request, Representation{})
	_, err = s.Item(fastBody(t, nil, fastTable("T")))
	require.NoError(t, err)
	require.NoError(t, s.Finish())
	v, err := s.Value("T")
	require.NoError(t, err)
	require.Equal(t, []Params{}, v)
}

// TestFastLoneSurrogate: a short CHAR keeps its units, as a classic cell does.
func TestFastLoneSurrogate(t *testing.T) {
	t.Parallel()
	p := fastScalar("P", fastser.Char, 6, fastser.Value{Marker: fastser.Whole, Data: []byte{'a', 0, 0x3d, 0xd8, ' ', 0}})
	s, err := fastSection(t, "IMPORTING P:C5", false, fastBody(t, nil, p))
	require.NoError(t, err)
	v, err := s.Value("P")
	require.NoError(t, err)
	require.Equal(t, "a�", v)
	s.Options.StrictText = true
	s.Reset(s.f, Representation{}, false)
	_, err = s.Item(fastBody(t, nil, p))
	require.NoError(t, err)
	_, err = s.Value("P")
	require.ErrorIs(t, err, ErrConversion)
}

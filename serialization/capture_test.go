package serialization

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/stretchr/testify/require"
)

type rfctest struct {
	Float float64   `rfc:"RFCFLOAT"`
	Char1 string    `rfc:"RFCCHAR1"`
	Int2  int16     `rfc:"RFCINT2"`
	Int1  uint8     `rfc:"RFCINT1"`
	Char4 string    `rfc:"RFCCHAR4"`
	Int4  int32     `rfc:"RFCINT4"`
	Hex3  []byte    `rfc:"RFCHEX3"`
	Char2 string    `rfc:"RFCCHAR2"`
	Time  abap.Time `rfc:"RFCTIME"`
	Date  abap.Date `rfc:"RFCDATE"`
	Data1 string    `rfc:"RFCDATA1"`
	Data2 string    `rfc:"RFCDATA2"`
}

func mustDate(t testing.TB, s string) abap.Date {
	t.Helper()
	d, err := abap.ParseDate(s)
	require.NoError(t, err)
	return d
}

func mustTime(t testing.TB, s string) abap.Time {
	t.Helper()
	d, err := abap.ParseTime(s)
	require.NoError(t, err)
	return d
}

func TestCapturedRequestsAreRebuiltByteForByte(t *testing.T) {
	t.Parallel()
	sample := Params{
		"RFCFLOAT": 1.5, "RFCCHAR1": "A", "RFCINT2": 2, "RFCINT1": 1, "RFCCHAR4": "ABCD", "RFCINT4": 4,
		"RFCDATA1": "data1", "RFCDATA2": "data2",
	}
	typed := rfctest{Float: 1.5, Char1: "A", Int2: 2, Int1: 1, Char4: "ABCD", Int4: 4, Data1: "data1", Data2: "data2"}
	type structure struct {
		In    rfctest   `rfc:"IMPORTSTRUCT"`
		Table []rfctest `rfc:"RFCTABLE"`
	}
	type pointers struct {
		In *rfctest `rfc:"IMPORTSTRUCT"`
	}
	type changing struct {
		Start   int `rfc:"START_VALUE"`
		Counter *int32
	}
	one := int32(1)
	tests := []struct {
		file, function string
		values         any
	}{
		{"stfc_connection_request.bin", "STFC_CONNECTION", Params{"REQUTEXT": "saprfc_capture_test"}},
		{"stfc_connection_request.bin", "STFC_CONNECTION", struct{ Requtext string }{"saprfc_capture_test"}},
		{"stfc_changing_request.bin", "STFC_CHANGING", Params{"START_VALUE": 10, "COUNTER": 1}},
		{"stfc_changing_request.bin", "STFC_CHANGING", changing{10, &one}},
		{"stfc_structure_request.bin", "STFC_STRUCTURE", map[string]any{"IMPORTSTRUCT": sample, "RFCTABLE": []Params{}}},
		{"stfc_structure_request.bin", "STFC_STRUCTURE", &structure{In: typed}},
		{"stfc_structure_request.bin", "STFC_STRUCTURE", pointers{&typed}},
		{"stfc_structure_request.bin", "STFC_STRUCTURE", Params{"IMPORTSTRUCT": typed}},
		{"rfc_read_table_request.bin", "RFC_READ_TABLE", Params{"QUERY_TABLE": "T000", "DELIMITER": "|"}},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%d %s", i, tt.function), func(t *testing.T) {
			t.Parallel()
			w := Writer{Function: testFunction(t, tt.function), TableIDs: true}
			got, err := w.Append([]byte("prefix"), tt.values)
			require.NoError(t, err)
			want := sectionBytes(t, tt.file)
			if diff := cmp.Diff(hex.Dump(want), hex.Dump(got[6:])); diff != "" {
				t.Errorf("section differs:\n%s", diff)
			}
		})
	}
}

// capturedWalk is an entry of vectors/capture-items.json.
type capturedWalk struct {
	Items [][]any `json:"items"`
}

func TestDeepTableMessagesHaveTheCapturedItems(t *testing.T) {
	t.Parallel()
	var walks struct {
		Captures map[string]capturedWalk `json:"captures"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "capture-items.json"), &walks))
	section := func(name string) (list []string) {
		inside := false
		for _, it := range walks.Captures[name].Items {
			tag := it[1].(string)
			switch tag {
			case "0512":
				inside = true
				continue
			case "0130", "ffff":
				inside = false
			}
			if inside {
				list = append(list, fmt.Sprintf("%s %v", tag, it[2]))
			}
		}
		return list
	}
	walk := func(b []byte) (list []string) {
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			list = append(list, fmt.Sprintf("%04x %d", uint16(it.Tag), len(it.Value)))
		}
		return list
	}
	f := testFunction(t, "STFC_DEEP_TABLE")
	row := func(i int, c, s string, x []byte) Params {
		return Params{"I": i, "C": c, "STR": s, "XSTR": x}
	}
	rows := []Params{row(1, "ROW01", "string1", nil), row(2, "ROW02", "string2", nil), row(3, "ROW03", "string3", nil)}
	w := Writer{Function: f}
	got, err := w.Append(nil, Params{"IMPORT_TAB": rows})
	require.NoError(t, err)
	require.Equal(t, section("stfc_deep_table_request"), walk(got))

	var vectors struct {
		OK []struct{ XML string }
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "xrfc.json"), &vectors))
	require.Contains(t, string(got), vectors.OK[0].XML)

	w = Writer{Function: f, Reply: true}
	rows = append(rows, row(10, "Appended", "20260628", []byte{0xde, 0xad, 0xbe, 0xef}))
	got, err = w.Append(nil, Params{"EXPORT_TAB": rows, "RESPTEXT": "x"})
	require.NoError(t, err)
	require.Equal(t, section("stfc_deep_table_response"), walk(got))

	w = Writer{Function: testFunction(t, "STFC_CHANGING"), Reply: true}
	got, err = w.Append(nil, Params{"RESULT": 11, "COUNTER": 2})
	require.NoError(t, err)
	require.Equal(t, section("stfc_changing_response"), walk(got))

	w = Writer{Function: testFunction(t, "RFC_READ_TABLE"), Reply: true, TableIDs: true, NextTableID: 0x1e}
	got, err = w.Append(nil, Params{"DATA": make([]rfcData, 2), "FIELDS": make([]struct{}, 17)})
	require.NoError(t, err)
	require.Equal(t, section("rfc_read_table_response"), walk(got))
}

type rfcData struct {
	WA string
}

func TestCapturedRepliesAreReadAndRebuilt(t *testing.T) {
	t.Parallel()
	type result struct {
		Echo  rfctest   `rfc:"ECHOSTRUCT"`
		Text  string    `rfc:"RESPTEXT"`
		Table []rfctest `rfc:"RFCTABLE"`
	}
	var s Section
	f := testFunction(t, "STFC_STRUCTURE")
	s.Reset(f, Representation{}, true)
	section := sectionBytes(t, "stfc_structure_response.bin")
	for _, it := range capturedItems(t, "stfc_structure_response.bin") {
		_, err := s.Item(it)
		require.NoError(t, err)
	}
	require.NoError(t, s.Finish())
	require.Equal(t, []string{"ECHOSTRUCT", "RESPTEXT"}, s.RequestedNames())
	var got result
	require.NoError(t, s.Scan(&got))
	want := result{
		Echo: rfctest{Float: 1.5, Char1: "A", Int2: 2, Int1: 1, Char4: "ABCD", Int4: 4, Hex3: []byte{0, 0, 0}, Data1: "data1", Data2: "data2"},
		Text: got.Text,
		Table: []rfctest{{
			Float: 2.5, Char1: "X", Int2: 3, Int1: 2, Char4: "A4H", Int4: 5, Hex3: []byte{0xf1, 0xf2, 0xf3}, Char2: "YZ",
			Time: mustTime(t, "152316"), Date: mustDate(t, "20260628"), Data1: "data1", Data2: "data2",
		}},
	}
	require.Contains(t, got.Text, "SAP R/3 Rel. 758   Sysid: A4H")
	if diff := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); diff != "" {
		t.Error(diff)
	}
	dynamic := Params{}
	require.NoError(t, s.Scan(&dynamic))
	for name, values := range map[string]any{"struct": &got, "map": dynamic} {
		w := Writer{Function: f, Reply: true, TableIDs: true, NextTableID: 0x16}
		b, err := w.Append(nil, values)
		require.NoError(t, err, name)
		require.Equal(t, hex.Dump(section), hex.Dump(b), name)
		require.Equal(t, uint32(0x17), w.NextTableID)
	}

	f = testFunction(t, "STFC_CONNECTION")
	s.Reset(f, Representation{}, true)
	section = sectionBytes(t, "stfc_connection_response.bin")
	require.NoError(t, feed(&s, section))
	v, err := s.Value("ECHOTEXT")
	require.NoError(t, err)
	require.Equal(t, "saprfc_capture_test", v)
	var p Params
	require.NoError(t, s.Scan(&p))
	w := Writer{Function: f, Reply: true}
	b, err := w.Append(nil, p)
	require.NoError(t, err)
	require.Equal(t, hex.Dump(section), hex.Dump(b))
}

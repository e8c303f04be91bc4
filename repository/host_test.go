package repository

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

var changed = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// ask calls a metadata module in the form that a host offers.
func ask[Out any](t *testing.T, conn rfc.Caller, module string, in rfc.Params) (Out, error) {
	t.Helper()
	b, err := interfaces()
	require.NoError(t, err)
	return rfc.Call[Out](t.Context(), conn, module, in, rfc.WithInterface(b.offered[module]))
}

func TestHostAnswersRFC_METADATA_GETWithAllItsDuties(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t, ChangedAt(changed)))
	out, err := ask[metadataOut](t, conn, metadataGet, rfc.Params{
		"DEEP": "X", "FUNCTIONNAMES": []rfc.Params{{"FUNCTIONNAME": "Z_NESTED"}, {"FUNCTIONNAME": "NOT_THERE"}, {"FUNCTIONNAME": "STFC_DEEP_TABLE"}, {"FUNCTIONNAME": "Z_KINDS"}},
		"DATATYPES": []rfc.Params{{"TABNAME": "RFCTEST"}, {"TABNAME": "GONE"}},
	})
	require.NoError(t, err)
	require.Equal(t, []functionErrorRow{{"NOT_THERE", "FU_NOT_FOUND", "Function module NOT_THERE does not exist"}}, out.FunctionErrors)
	require.Equal(t, []typeErrorRow{{"GONE", "", "NOT_FOUND", "Type GONE does not exist"}}, out.TypeErrors)
	require.Len(t, out.Functions, 4)
	require.Equal(t, "X", out.Functions[2].BasXML)
	require.Equal(t, "20260304", string(out.Functions[0].Date.AppendRaw(nil)))
	require.Equal(t, "050607", string(out.Functions[0].Time.AppendRaw(nil)))

	seen := map[string]bool{}
	last := ""
	for _, row := range out.Rows {
		require.NotEmpty(t, row.DataType)
		require.Equal(t, "20260304050607", row.Timestamp)
		if row.Type != last {
			require.False(t, seen[row.Type], "rows of %s stand apart", row.Type)
			seen[row.Type], last = true, row.Type
		}
	}
	for _, row := range out.Rows {
		if row.CompType == "S" || row.CompType == "L" {
			require.True(t, seen[row.FieldType], "%s-%s refers to %s", row.Type, row.Field, row.FieldType)
		}
		switch {
		case row.Type == "STFCCPLXT_T": // table type with a structured, deep line
			require.Equal(t, [5]string{"", "S", "STFCCPLXT", "STRU", "v"}, [5]string{row.Field, row.CompType, row.FieldType, row.DataType, row.IntType})
		case row.Type == "NAMES_T":
			require.Equal(t, [6]string{"", "E", "", "CHAR", "C", "000060"}, [6]string{row.Field, row.CompType, row.FieldType, row.DataType, row.IntType, row.LengthUC})
		case row.Type == "RFCTEST" && row.Field == "RFCCHAR4":
			require.Equal(t, [6]string{"000013", "000014", "000004", "000008", "000144", "000264"}, [6]string{row.Offset, row.OffsetUC, row.Length, row.LengthUC, row.Total, row.TotalUC})
		case row.Type == "RFCTEST" && row.Field == "RFCFLOAT":
			require.Equal(t, "000016", row.Decimals) // K-06
		}
	}
	for _, p := range out.Parameters {
		if p.Class != "X" && len(p.Exid) == 1 && (metadata.Kind(p.Exid[0]).IsStructure() || p.Exid == "h") {
			require.True(t, seen[p.Table], "%s refers to %s", p.Name, p.Table)
		}
	}

	// Without DEEP only what is named; known types are left out.
	out, err = ask[metadataOut](t, conn, metadataGet, rfc.Params{"FUNCTIONNAMES": []rfc.Params{{"FUNCTIONNAME": "Z_NESTED"}}, "KNOWN_DATATYPES": []rfc.Params{{"TABNAME": "OUTER"}}})
	require.NoError(t, err)
	names := map[string]bool{}
	for _, row := range out.Rows {
		names[row.Type] = true
	}
	require.Equal(t, map[string]bool{"OUTER_T": true, "NAMES_T": true, "MIDDLE": true}, names)
	require.Equal(t, []typeNameRow{{Type: "OUTER"}}, out.Known)

	stamps, err := ask[timestampTables](t, conn, metadataTimestamp, rfc.Params{
		"FUNCTION_TIMESTAMPS": []rfc.Params{{"FUNCNAME": "Z_NESTED"}, {"FUNCNAME": "GONE"}}, "DDIC_TIMESTAMPS": []rfc.Params{{"TYPENAME": "OUTER"}, {"TYPENAME": "GONE"}},
	})
	require.NoError(t, err)
	require.Equal(t, "Z_NESTED", stamps.Functions[0].Name)
	require.Equal(t, []typeStampRow{{"OUTER", "20260304050607"}}, stamps.Types)
	require.Len(t, stamps.FunctionErrors, 1)
	require.Len(t, stamps.TypeErrors, 1)
}

func TestHostAnswersRFC_GET_FUNCTION_INTERFACE(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	res, err := conn.Call(t.Context(), functionInterface, rfc.Params{"FUNCNAME": "Z_KINDS"}, rfc.WithInterface(mustOffer(t, functionInterface)))
	require.NoError(t, err)
	require.True(t, res.Has("RESUMABLE_EXCEPTIONS"))
	var out interfaceOut
	require.NoError(t, res.Scan(&out))
	require.Equal(t, "R", out.Mode) // K-16
	type short struct {
		class, name, exid string
		position, length  int32
	}
	var got []short
	for _, p := range out.Params {
		got = append(got, short{p.Class, p.Name, p.Exid, p.Position, p.Length})
	}
	require.Equal(t, []short{
		{"C", "K", "u", 1, 152},
		{"E", "A", "a", 2, 8},
		{"E", "U", "p", 3, 8},
		{"I", "P", "P", 4, 8},
		{"T", "L", "C", 5, 144},
		{"T", "M", "P", 6, 6},
		{"T", "S", "g", 7, 8},
		{"X", "BAD_INPUT", "", 8, 0},
		{"X", "NOT_THERE", "", 9, 0},
	}, got)
	out, err = ask[interfaceOut](t, conn, functionInterface, rfc.Params{"FUNCNAME": "STFC_CONNECTION", "NONE_UNICODE_LENGTH": "X"})
	require.NoError(t, err)
	require.Equal(t, int32(255), out.Params[0].Length)
	out, err = ask[interfaceOut](t, conn, functionInterface, rfc.Params{"FUNCNAME": "STFC_DEEP_TABLE"})
	require.NoError(t, err)
	require.Equal(t, [2]string{"X", "X"}, [2]string{out.Mode, out.BasXML})
	_, err = ask[interfaceOut](t, conn, functionInterface, rfc.Params{"FUNCNAME": "NO_SUCH"})
	require.ErrorIs(t, err, rfc.ErrABAPException)
	e, ok := asError(err)
	require.True(t, ok)
	require.Equal(t, [5]string{"FU_NOT_FOUND", "FL", "E", "046", "NO_SUCH"}, [5]string{e.Key, e.MessageClass, e.MessageType, e.MessageNumber, e.MessageV[0]})
}

// The letters and widths under which a host describes each type, in all its modules, and
// what a caller makes of them (spec 20.1).
func TestHostDescribesEveryType(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	want := map[string]struct {
		dataType, letter string
		narrow, wide     int
	}{
		"C": {"CHAR", "C", 5, 10}, "N": {"NUMC", "N", 4, 8}, "D": {"DATS", "D", 8, 16}, "T": {"TIMS", "T", 6, 12}, "X": {"RAW", "X", 3, 3},
		"P": {"DEC", "P", 5, 5}, "F": {"FLTP", "F", 8, 8}, "I": {"INT4", "I", 4, 4}, "S": {"INT2", "s", 2, 2}, "B": {"INT1", "b", 1, 1},
		"L": {"INT8", "8", 8, 8}, "A": {"D16R", "a", 8, 8}, "E": {"D34R", "e", 16, 16}, "UP": {"UTCL", "p", 8, 8}, "UN": {"UTCS", "n", 8, 8},
		"UW": {"UTCM", "w", 8, 8}, "DD": {"DTDY", "d", 4, 4}, "D7": {"DTWK", "7", 4, 4}, "DX": {"DTMO", "x", 4, 4}, "TT": {"TSEC", "t", 4, 4},
		"TI": {"TMIN", "i", 2, 2}, "DC": {"CDAY", "c", 2, 2},
	}
	all, err := ask[metadataOut](t, conn, metadataGet, rfc.Params{"DATATYPES": []rfc.Params{{"TABNAME": "ALLKINDS"}}})
	require.NoError(t, err)
	require.Len(t, all.Rows, len(want))
	for _, row := range all.Rows {
		w := want[row.Field]
		require.Equal(t, []string{w.dataType, w.letter, n6(w.narrow), n6(w.wide)}, []string{row.DataType, row.IntType, six(row.Length), six(row.LengthUC)}, row.Field)
	}
	fields, err := ask[fieldInfoOut](t, conn, fieldInfo, rfc.Params{"TABNAME": "ALLKINDS"})
	require.NoError(t, err)
	require.Len(t, fields.Rows, len(want))
	for _, row := range fields.Rows {
		w := want[row.Field]
		require.Equal(t, []string{w.dataType, w.letter, n6(w.wide)}, []string{row.DataType, row.IntType, six(row.Length)}, row.Field)
	}
	structure, err := ask[structureOut](t, conn, structureDefinition, rfc.Params{"TABNAME": "ALLKINDS"})
	require.NoError(t, err)
	require.Len(t, structure.Rows, len(want))
	for _, row := range structure.Rows {
		w := want[row.Field]
		require.Equal(t, []any{w.letter, w.wide}, []any{row.Exid, int(row.Length)}, row.Field)
	}
	got, err := New(conn).Type(t.Context(), "ALLKINDS")
	require.NoError(t, err)
	require.Len(t, got.Fields, len(want))
	for i := range got.Fields {
		require.Equal(t, want[got.Fields[i].Name].letter, string(rune(got.Fields[i].Kind)))
	}
}

// six is a number of six digits as the tests write it.
func six(s string) string {
	n, _ := number(s)
	return n6(n)
}

func mustOffer(t *testing.T, module string) *metadata.Function {
	t.Helper()
	b, err := interfaces()
	require.NoError(t, err)
	return b.offered[module]
}

func TestHostAnswersDDIF_FIELDINFO_GET(t *testing.T) {
	t.Parallel()
	conn := connect(t, testMux(t))
	for _, test := range []struct {
		name, object, field string
		fields, total       int
		table               bool
	}{
		{"ARFC_TAIL", "INTTAB", "A", 2, 8, false},
		{"RFCTEST", "INTTAB", "RFCFLOAT", 12, 264, false},
		{"STFCCPLXT_T", "TTYP", "", 1, 40, true},
		{"NAMES_T", "TTYP", "", 1, 60, true},
	} {
		for range 2 { // the vendor's library asks twice
			res, err := conn.Call(t.Context(), fieldInfo, rfc.Params{"TABNAME": test.name, "ALL_TYPES": "X", "UCLEN": []byte{2}, "LANGU": "E"}, rfc.WithInterface(mustOffer(t, fieldInfo)))
			require.NoError(t, err)
			var out fieldInfoOut
			require.NoError(t, res.Scan(&out))
			require.Equal(t, test.object, out.Object)
			require.Len(t, out.Rows, test.fields)
			require.Equal(t, test.field, out.Rows[0].Field)
			require.Len(t, out.Header, 256)
			require.Equal(t, test.name[0], out.Header[0])
			require.Zero(t, out.Header[1])
			require.Equal(t, uint16(test.fields), binary.BigEndian.Uint16(out.Header[162:]))
			require.Equal(t, uint32(test.total), binary.BigEndian.Uint32(out.Header[164:]))
			require.Equal(t, test.table, out.Header[172] == 'L')
			require.Equal(t, byte(2), out.Header[248])
			require.True(t, res.Has("LINES_DESCR"))
			require.True(t, res.Has("FIXED_VALUES"))
		}
		res, err := conn.Call(t.Context(), fieldInfo, rfc.Params{"TABNAME": test.name}, rfc.WithInterface(mustOffer(t, fieldInfo)), rfc.NotRequested("LINES_DESCR", "FIXED_VALUES"))
		require.NoError(t, err)
		require.False(t, res.Has("LINES_DESCR"))
		require.False(t, res.Has("FIXED_VALUES"))
	}
	out, err := ask[fieldInfoOut](t, conn, fieldInfo, rfc.Params{"TABNAME": "RFCTEST", "FIELDNAME": "RFCINT4", "UCLEN": []byte{1}})
	require.NoError(t, err)
	require.Equal(t, "RFCINT4", out.First.Field)
	require.Equal(t, [2]string{"000020", "000004"}, [2]string{out.First.Offset, out.First.Length})
	for _, in := range []rfc.Params{{"TABNAME": "NO_SUCH"}, {"TABNAME": "RFCTEST", "FIELDNAME": "NO_SUCH"}} {
		_, err = ask[fieldInfoOut](t, conn, fieldInfo, in)
		e, ok := asError(err)
		require.True(t, ok)
		require.Equal(t, "NOT_FOUND", e.Key)
	}
	_, err = ask[structureOut](t, conn, structureDefinition, rfc.Params{"TABNAME": "NAMES_T"})
	e, ok := asError(err)
	require.True(t, ok)
	require.Equal(t, "TABLE_NOT_ACTIVE", e.Key)
}

func TestDataElementsAreToldApart(t *testing.T) {
	t.Parallel()
	f, err := metadata.NewFunction("Z_DTEL", []metadata.Parameter{{
		Direction: metadata.Import, Field: metadata.Field{Name: "A", Kind: metadata.Char, Length: 18, TypeName: "MATNR", Text: "Material"},
	}, {
		Direction: metadata.Import, Field: metadata.Field{Name: "B", Kind: metadata.Char, Length: 1, TypeName: "SONV", TypeField: "FLAG"},
	}})
	require.NoError(t, err)
	for _, opts := range [][]HostOption{nil, {Except(metadataGet)}} {
		mux := rfc.NewMux()
		require.NoError(t, mux.Handle(f, func(context.Context, *rfc.Request, *rfc.Reply) error { return nil }))
		require.NoError(t, Register(mux, opts...))
		conn := connect(t, mux)
		out, err := ask[fieldInfoOut](t, conn, fieldInfo, rfc.Params{"TABNAME": "MATNR"})
		require.NoError(t, err)
		require.Equal(t, "DTEL", out.Object)
		r := New(conn)
		got, err := r.Function(t.Context(), "Z_DTEL")
		require.NoError(t, err)
		require.Empty(t, diff(f, got))
		_, err = r.Type(t.Context(), "MATNR")
		wantError(t, err, rfc.ClassMetadata, "")
	}
}

func TestJ20ModulesThatAreNotRemoteHaveNoEmptyDescription(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, rfc.HandleInterface(mux, mustOffer(t, functionInterface), func(context.Context, interfaceIn) (interfaceOut, error) {
		return interfaceOut{}, nil
	}))
	_, err := New(connect(t, mux)).Function(t.Context(), "LOCAL")
	wantError(t, err, rfc.ClassABAPException, "FU_NOT_FOUND")
}

func TestB110HostileAnswersLeaveTheConnectionInOrder(t *testing.T) {
	t.Parallel()
	good := func() metadataOut {
		return metadataOut{
			Functions:  []functionNameRow{{Name: "F"}},
			Parameters: []functionParamRow{{Function: "F", Class: "I", Name: "P", Table: "A", Exid: "u", Position: 1}},
			Rows: []typeRow{
				{Type: "A", Field: "X", CompType: "S", FieldType: "B", DataType: "STRU", IntType: "u", Length: "4", LengthUC: "4", Total: "4", TotalUC: "4"},
				{Type: "B", Field: "Y", CompType: "E", DataType: "INT4", IntType: "I", Length: "4", LengthUC: "4", Total: "4", TotalUC: "4"},
			},
		}
	}
	for _, test := range []struct {
		name   string
		change func(*metadataOut)
		class  error
		text   string
	}{
		{"circle", func(o *metadataOut) { o.Rows[1].IntType, o.Rows[1].FieldType = "u", "A" }, rfc.ErrProtocol, "A -> B -> A"},
		{"offset", func(o *metadataOut) { o.Rows[1].Offset = "8" }, rfc.ErrProtocol, "behind the total"},
		{"negative", func(o *metadataOut) { o.Parameters[0].Length = -1 }, rfc.ErrProtocol, "negative"},
		{"apart", func(o *metadataOut) { o.Rows = append(o.Rows, o.Rows[0]) }, rfc.ErrProtocol, "described twice"},
		{"missing", func(o *metadataOut) { o.Rows = o.Rows[:1] }, rfc.ErrMetadata, "B"},
		{"DD_ERRORS", func(o *metadataOut) {
			o.Rows = o.Rows[:1]
			o.TypeErrors = []typeErrorRow{{"B", "Y", "UTCLONG", "type not supported"}}
		}, rfc.ErrMetadata, "UTCLONG type not supported"},
		{"FUNC_ERRORS", func(o *metadataOut) { o.FunctionErrors = []functionErrorRow{{"F", "NO_READ", "not now"}} }, rfc.ErrMetadata, "NO_READ not now"},
		{"no trace", func(o *metadataOut) { o.Parameters, o.Functions = nil, nil }, rfc.ErrABAPException, "FU_NOT_FOUND"},
	} {
		answer := good()
		test.change(&answer)
		mux := rfc.NewMux()
		require.NoError(t, rfc.HandleInterface(mux, mustOffer(t, metadataGet), func(context.Context, metadataIn) (metadataOut, error) { return answer, nil }))
		conn := connect(t, mux)
		r := New(conn)
		_, err := r.Function(t.Context(), "F")
		require.ErrorContains(t, err, test.text, test.name)
		require.ErrorIs(t, err, test.class, test.name)
		require.True(t, conn.Caller.(*rfc.Conn).Alive())
		answer = good()
		_, err = r.Function(t.Context(), "F")
		require.NoError(t, err)
	}
}

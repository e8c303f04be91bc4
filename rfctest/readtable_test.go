package rfctest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

type (
	field struct {
		Name   string `rfc:"FIELDNAME"`
		Offset int    `rfc:"OFFSET"`
		Length int    `rfc:"LENGTH"`
		Type   string `rfc:"TYPE"`
		Text   string `rfc:"FIELDTEXT"`
	}
	tableIn struct {
		Table     string       `rfc:"QUERY_TABLE"`
		Delimiter string       `rfc:"DELIMITER,omitempty"`
		NoData    string       `rfc:"NO_DATA,omitempty"`
		Sorted    string       `rfc:"GET_SORTED,omitempty"`
		Skip      int          `rfc:"ROWSKIPS,omitempty"`
		Count     int          `rfc:"ROWCOUNT,omitempty"`
		Options   []rfc.Params `rfc:"OPTIONS"`
		Fields    []field      `rfc:"FIELDS"`
	}
	tableRow struct {
		WA string `rfc:"WA"`
	}
	tableOut struct {
		Data   []tableRow `rfc:"DATA"`
		Fields []field    `rfc:"FIELDS"`
	}
)

func (in tableIn) where(lines ...string) tableIn {
	for _, l := range lines {
		in.Options = append(in.Options, rfc.Params{"TEXT": l})
	}
	return in
}

func (in tableIn) fields(names ...string) tableIn {
	for _, n := range names {
		in.Fields = append(in.Fields, field{Name: n})
	}
	return in
}

func read(t testing.TB, c rfc.Caller, in tableIn) (lines []string, fields []field) {
	t.Helper()
	out, err := rfc.Call[tableOut](t.Context(), c, "RFC_READ_TABLE", in)
	require.NoError(t, err)
	for _, r := range out.Data {
		lines = append(lines, r.WA)
	}
	return lines, out.Fields
}

func TestReadTableFieldsAndOffsets(t *testing.T) {
	t.Parallel()
	sys := start(t)
	t.Run("all fields", func(t *testing.T) {
		lines, fields := read(t, sys, tableIn{Table: "T000"})
		require.Len(t, fields, 17)
		require.Equal(t, field{"MANDT", 0, 3, "C", "Client"}, fields[0])
		require.Equal(t, field{"MTEXT", 3, 25, "C", "Client name"}, fields[1])
		require.Equal(t, field{"LOGSYS", 97, 10, "C", "Logical system"}, fields[16])
		require.Len(t, lines, 2)
		require.True(t, strings.HasPrefix(lines[0], "000SAP AG                   Walldorf"), lines[0])
	})
	t.Run("with a delimiter", func(t *testing.T) {
		lines, fields := read(t, sys, tableIn{Table: "T000", Delimiter: ";"}.fields("MTEXT", "MANDT", "CHANGEDATE"))
		require.Equal(t, []field{
			{"MTEXT", 0, 25, "C", "Client name"}, {"MANDT", 26, 3, "C", "Client"}, {"CHANGEDATE", 30, 8, "D", "Changed on"},
		}, fields)
		require.Equal(t, []string{"SAP AG                   ;000;20200101", "Client 001 of GOR        ;001;20240229"}, lines)
		for _, f := range fields { // offsets count the delimiters [capture]
			require.Equal(t, strings.TrimRight(lines[0][f.Offset:f.Offset+f.Length], " "), strings.TrimSpace(strings.Split(lines[0], ";")[map[string]int{"MTEXT": 0, "MANDT": 1, "CHANGEDATE": 2}[f.Name]]))
		}
	})
	t.Run("no data", func(t *testing.T) {
		lines, fields := read(t, sys, tableIn{Table: "t000", NoData: "X"})
		require.Empty(t, lines)
		require.Len(t, fields, 17)
	})
	t.Run("numbers", func(t *testing.T) {
		lines, fields := read(t, sys, tableIn{Table: "SFLIGHT", Delimiter: "|"}.fields("CONNID", "PRICE", "SEATSOCC").where("CARRID EQ 'AB'"))
		require.Equal(t, []string{"0017|     800000.50 |         1 ", "0017|        422.94 |       180 ", "0064|         12.30-|        12"}, []string{lines[0] + " ", lines[1] + " ", lines[2]})
		require.Equal(t, "P", fields[1].Type)
	})
	t.Run("several rows of an empty table", func(t *testing.T) {
		lines, fields := read(t, sys, tableIn{Table: "ZEMPTY"})
		require.Empty(t, lines)
		require.Len(t, fields, 2)
	})
	t.Run("umlauts keep the columns", func(t *testing.T) {
		lines, _ := read(t, sys, tableIn{Table: "SCARR", Delimiter: "|"}.fields("CARRNAME", "CURRCODE").where("CARRID = 'CD'"))
		require.Equal(t, []string{"Côte d'Or           |CHF"}, lines)
	})
}

func TestReadTableSelections(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct{ where, want string }{
		{"CARRID = 'AB'", "17 17 64"},
		{"carrid eq 'AB' and connid ne '0017'", "64"},
		{"CARRID <> 'AB'", "788 400 400 2402"},
		{"CARRID = 'AB' OR CARRID = 'ZA'", "788 17 17 64"},
		{"CARRID = 'AB' OR CARRID = 'ZA' AND CONNID = '0017'", "17 17 64"},
		{"( CARRID = 'AB' OR CARRID = 'ZA' ) AND CONNID = '0017'", "17 17"},
		{"(CARRID='AB' OR CARRID='ZA')AND CONNID='0017'", "17 17"},
		{"NOT CARRID = 'AB' AND NOT ( CARRID EQ 'CD' )", "788 2402"},
		{"CARRID LIKE 'C%'", "400 400"},
		{"CARRID NOT LIKE '%B'", "788 400 400 2402"},
		{"PLANETYPE LIKE 'A3_0%'", "788 17 17 64 2402"},
		{"CARRID IN ('AB','EF')", "17 17 64 2402"},
		{"CARRID NOT IN ( 'AB' , 'EF' )", "788 400 400"},
		{"FLDATE BETWEEN '20260626' AND '20260630'", "17 64 2402"},
		{"FLDATE NOT BETWEEN '20260626' AND '20260630'", "788 17 400 400"},
		{"FLDATE GE '20260701' AND FLDATE LE '20260703'", "17 400"},
		{"FLDATE > '20260703'", "788"},
		{"PRICE < 0", "64"},
		{"PRICE LT '0.01'", "64 400"},
		{"PRICE >= 422.940 AND PRICE < '1030.01'", "788 17"},
		{"SEATSOCC = SEATSMAX", "2402"},
		{"CONNID = '17'", "17 17"},
		{"FLDATE IS INITIAL", "400"},
		{"FLDATE IS NOT INITIAL AND CARRID = 'CD'", "400"},
		{"CARRID IS NULL", ""},
		{"CARRID IS NOT NULL", "788 17 17 64 400 400 2402"},
		{"CARRID GT 'EF' OR CARRID LE 'AB'", "788 17 17 64"},
		{"", "788 17 17 64 400 400 2402"},
	} {
		t.Run(tc.where, func(t *testing.T) {
			lines, _ := read(t, conn, tableIn{Table: "SFLIGHT"}.fields("CONNID").where(tc.where))
			for i := range lines {
				lines[i] = strings.TrimLeft(lines[i], "0")
			}
			require.Equal(t, tc.want, strings.Join(lines, " "))
		})
	}
	t.Run("lines are joined", func(t *testing.T) {
		lines, _ := read(t, conn, tableIn{Table: "SFLIGHT"}.fields("CONNID").where("CARRID = 'AB'", "AND (", "CONNID = '0064' OR", "CONNID = '9999' )"))
		require.Equal(t, []string{"0064"}, lines)
	})
	t.Run("quotes inside a literal", func(t *testing.T) {
		lines, _ := read(t, conn, tableIn{Table: "SCARR"}.fields("CARRID").where("CARRNAME = 'Côte d''Or'"))
		require.Equal(t, []string{"CD"}, lines)
	})
	t.Run("escape", func(t *testing.T) {
		lines, _ := read(t, conn, tableIn{Table: "SCARR"}.fields("CARRID").where("URL LIKE '%#%%' ESCAPE '#'"))
		require.Empty(t, lines)
	})
	for _, bad := range []string{
		"CARRID", "CARRID =", "CARRID = ", "= 'AB'", "CARRID = 'AB", "CARRID = AB", "NOSUCH = 'AB'", "CARRID = 'AB' AND", "CARRID = 'AB' 'CD'",
		"( CARRID = 'AB'", "CARRID = 'AB' )", "CARRID IN 'AB'", "CARRID IN ('AB'", "CARRID IN ()", "FLDATE BETWEEN '1'", "FLDATE BETWEEN '1' OR '2'",
		"CARRID LIKE", "CARRID LIKE AB", "CARRID LIKE 'A' ESCAPE 'xy'", "PRICE = 'A'", "CARRID NOT = 'AB'", "CARRID IS EMPTY", "CARRID == 'AB'",
		"NOT", "()", strings.Repeat("(", 70) + "CARRID = 'AB'",
	} {
		t.Run("refused "+bad, func(t *testing.T) {
			in := tableIn{Table: "SFLIGHT"}
			for s := bad; s != ""; {
				n := min(len(s), 72)
				in = in.where(s[:n])
				s = s[n:]
			}
			e := fails(t, conn, "RFC_READ_TABLE", in)
			require.Equal(t, "OPTION_NOT_VALID", e.Key)
			require.NotEmpty(t, e.MessageV[0])
			require.True(t, conn.Alive())
		})
	}
}

func TestReadTablePagesAndOrder(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithBigTableRows(1000))
	conn := connect(t, sys)
	t.Run("pages", func(t *testing.T) {
		var all []string
		for skip := 0; ; skip += 300 {
			lines, _ := read(t, conn, tableIn{Table: "ZBIGTAB", Skip: skip, Count: 300}.fields("ID"))
			all = append(all, lines...)
			if len(lines) < 300 {
				break
			}
		}
		require.Len(t, all, 1000)
		for i, l := range all {
			require.Equal(t, fmt.Sprintf("%010d", i+1), l)
		}
	})
	t.Run("pages of a selection", func(t *testing.T) {
		in := tableIn{Table: "ZBIGTAB", Skip: 100, Count: 10}.fields("ID").where("STATUS = 'OPEN'")
		lines, _ := read(t, conn, in)
		require.Len(t, lines, 10)
		require.Equal(t, "0000000401", lines[0])
		in.Skip = 245
		lines, _ = read(t, conn, in)
		require.Len(t, lines, 5)
		in.Skip = 1000
		lines, _ = read(t, conn, in)
		require.Empty(t, lines)
	})
	t.Run("order of the key", func(t *testing.T) {
		lines, _ := read(t, conn, tableIn{Table: "SCARR"}.fields("CARRID"))
		require.Equal(t, []string{"ZA", "AB", "CD", "EF"}, lines)
		lines, _ = read(t, conn, tableIn{Table: "SCARR", Sorted: "X"}.fields("CARRID"))
		require.Equal(t, []string{"AB", "CD", "EF", "ZA"}, lines)
		lines, _ = read(t, conn, tableIn{Table: "SFLIGHT", Sorted: "X", Count: 3}.fields("CONNID", "FLDATE"))
		require.Equal(t, []string{"001720260626", "001720260703", "006420260627"}, lines)
	})
}

func TestReadTableExceptions(t *testing.T) {
	t.Parallel()
	sys := start(t)
	conn := connect(t, sys)
	for _, tc := range []struct {
		key string
		in  tableIn
		msg string
	}{
		{"TABLE_NOT_AVAILABLE", tableIn{Table: "NOSUCH"}, "SV E 029 NOSUCH"},
		{"TABLE_WITHOUT_DATA", tableIn{Table: "BAPIRET2"}, "SV E 030 BAPIRET2"},
		{"NOT_AUTHORIZED", tableIn{Table: "ZSECRET"}, "00 E 001 No authorization to read ZSECRET"},
		{"FIELD_NOT_VALID", tableIn{Table: "T000"}.fields("MANDT", "NOSUCH"), "00 E 001 NOSUCH is no field of T000"},
		{"OPTION_NOT_VALID", tableIn{Table: "T000"}.where("NOSUCH = '1'"), `00 E 001 T000 has no field "NOSUCH"`},
		{"DATA_BUFFER_EXCEEDED", tableIn{Table: "ZWIDE"}, "00 E 001 a row takes 769 characters, at most 512"},
	} {
		t.Run(tc.key, func(t *testing.T) {
			e := fails(t, conn, "RFC_READ_TABLE", tc.in)
			require.Equal(t, tc.key, e.Key)
			require.Equal(t, tc.msg, fmt.Sprintf("%s %s %s %s", e.MessageClass, e.MessageType, e.MessageNumber, e.MessageV[0]))
			require.Equal(t, rfc.ClassABAPException, e.Class)
			require.True(t, conn.Alive())
		})
	}
	t.Run("a wide row fits without some fields or in ET_DATA", func(t *testing.T) {
		lines, _ := read(t, conn, tableIn{Table: "ZWIDE"}.fields("ID", "TEXT3"))
		require.Len(t, lines, 2)
		out := call(t, conn, "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "ZWIDE", "USE_ET_DATA_4_RETURN": "X"})
		require.Len(t, out["ET_DATA"], 2)
	})
}

func TestReadTableStreams(t *testing.T) {
	t.Parallel()
	const n = 50_000
	sys := start(t, rfctest.WithBigTableRows(n))
	conn := connect(t, sys)
	res, err := conn.Call(t.Context(), "RFC_READ_TABLE", tableIn{Table: "ZBIGTAB"}, rfc.Stream("DATA"))
	require.NoError(t, err)
	i := 0
	for row, err := range rfc.Rows[tableRow](res, "DATA") {
		require.NoError(t, err)
		i++
		if got := row.WA[:10]; got != fmt.Sprintf("%010d", i) {
			t.Fatalf("row %d starts with %s", i, got)
		}
	}
	require.Equal(t, n, i)
	require.NoError(t, conn.Ping(t.Context()))
}

func BenchmarkReadMillionRows(b *testing.B) {
	const n = 1_000_000
	sys := rfctest.NewSystem(b, rfctest.WithBigTableRows(n))
	conn := connect(b, sys)
	b.ReportAllocs()
	for b.Loop() {
		res, err := conn.Call(context.Background(), "RFC_READ_TABLE", tableIn{Table: "ZBIGTAB"}, rfc.Stream("DATA"))
		require.NoError(b, err)
		i := 0
		for _, err := range rfc.Rows[tableRow](res, "DATA") {
			if err != nil {
				b.Fatal(err)
			}
			i++
		}
		require.Equal(b, n, i)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}

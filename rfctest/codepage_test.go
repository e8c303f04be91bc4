package rfctest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/repository"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/serialization"
)

// pageTexts are texts of at most four bytes and of at most ten in each code page.
var pageTexts = map[string][2]string{
	"1100": {"Grün", "Größe ½ ±"}, "1101": {"Plai", "Plain text"}, "1140": {"Grün", "Größe ½ ±"}, "1103": {"Grün", "Größe ½ ±"},
	"1160": {"10 €", "„Größe“ €"}, "1164": {"10 €", "Œuvre €"}, "1401": {"Łódź", "Źdźbło ą"}, "1403": {"Łódź", "Źdźbło ą"}, "1404": {"Łódź", "Źdźbło €"},
	"1500": {"Мир", "Привет мир"}, "1503": {"Мир", "Привет мир"}, "1504": {"Мир", "Привет €"}, "1509": {"Ґава", "Привіт ї"}, "1510": {"Мир", "Привет мир"},
	"1610": {"Iğdı", "İstanbul ş"}, "1614": {"Iğdı", "İstanbul €"}, "1700": {"Αθήν", "Καλημέρα"}, "1704": {"Αθήν", "Καλημέρα €"},
	"1800": {"שלום", "שלום עולם"}, "1804": {"שלום", "שלום €"}, "1900": {"Rīga", "Šiauliai ė"}, "1904": {"Rīga", "Šiauliai €"},
	"8000": {"日本", "日本語ｱA"}, "8004": {"日本", "日本語ｱA"}, "8100": {"日本", "日本語 ABC"}, "8300": {"中文", "中文字 ABC"}, "8304": {"中文", "中文字 ABC"},
	"8340": {"中文", "中文字 ABC"}, "8400": {"中文", "中文字 ABC"}, "8401": {"中文", "中😀 ABC"}, "8404": {"中镕", "中文镕 ABC"}, "8450": {"中文", "中文字 ABC"},
	"8500": {"한글", "한국어 ABC"}, "8504": {"한글", "한국어 ABC"}, "8600": {"ไทย", "ภาษาไทย"}, "8604": {"ไทย", "ภาษาไทย €"}, "8700": {"سلام", "سلام عليكم"},
	"8704": {"سلام", "سلام €"}, "8805": {"đi", "Nguyê ₫"}, "0120": {"RFC", "EBCDIC [!]"},
}

// marks numbers the calls of exerciseAll that have to fail.
var marks atomic.Int32

// exerciseAll makes calls of every shape with texts of one code page, and describes the
// modules over the same connection.
func exerciseAll(t *testing.T, sys *rfctest.System, conn *rfc.Conn, texts [2]string) {
	t.Helper()
	short, long := texts[0], texts[1]
	repo := repository.New(conn)
	for _, name := range []string{"STFC_CONNECTION", "STFC_STRUCTURE", "STFC_DEEP_TABLE", "Z_ECHO_TYPES", "RFC_READ_TABLE"} {
		got, err := repo.Function(t.Context(), name)
		require.NoError(t, err)
		for i, p := range got.Parameters { // widths for both kinds of systems, as registered
			want, ok := sys.Mux().Describe(name).Parameter(p.Name)
			require.True(t, ok)
			for w := 1; w <= 2; w++ {
				require.Equal(t, want.Width(w), got.Parameters[i].Width(w), "%s %s", name, p.Name)
				if p.Type != nil {
					require.Equal(t, want.Type.Layout(w), p.Type.Layout(w), "%s %s", name, p.Name)
				}
			}
		}
	}
	// Characters and names.
	out, err := rfc.Call[connectionOut](t.Context(), conn, "STFC_CONNECTION", connectionIn{long})
	require.NoError(t, err)
	require.Equal(t, long, out.Echo)
	require.Contains(t, out.Resp, "Sysid: GOR")
	require.Equal(t, long, call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": long})["ECHOTEXT"])
	// Structures, tables, numbers of both kinds.
	row := rfcTest{
		Float: -math.Pi, Char1: "A", Int2: -300, Int1: 200, Char4: short, Int4: -70_000_000, Hex3: []byte{1, 2, 255}, Char2: "Z1",
		Time: clockTime(t, "235959"), Date: date(t, "20241231"), Data1: long, Data2: short + " " + short,
	}
	back, err := rfc.Call[structureOut](t.Context(), conn, "STFC_STRUCTURE", structureIn{Struct: row, Table: []rfcTest{row, row}})
	require.NoError(t, err)
	require.Empty(t, diff(row, back.Echo))
	require.Len(t, back.Table, 3)
	require.Empty(t, diff(row, back.Table[1]))
	require.Equal(t, []any{row.Float + 1, int16(-299), uint8(201), int32(-69_999_999), "X", "GOR"}, []any{
		back.Table[2].Float, back.Table[2].Int2, back.Table[2].Int1, back.Table[2].Int4, back.Table[2].Char1, back.Table[2].Char4,
	})
	require.Equal(t, rfc.Params{"RESULT": int32(-5), "COUNTER": int32(-9)}, call(t, conn, "STFC_CHANGING", rfc.Params{"START_VALUE": 5, "COUNTER": -10}))
	// Texts of any length, flat and deep.
	many := strings.Repeat(long, 3000)
	require.Equal(t, many, call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": many})["MYANSWER"])
	deep := []rfc.Params{{"I": 1, "C": long, "STR": many, "XSTR": []byte{1, 0}}, {"I": -2, "C": short}}
	rows := call(t, conn, "STFC_DEEP_TABLE", rfc.Params{"IMPORT_TAB": deep})["EXPORT_TAB"].([]rfc.Params)
	require.Len(t, rows, 3)
	require.Equal(t, rfc.Params{"I": int32(1), "C": long, "STR": many, "XSTR": []byte{1, 0}}, rows[0])
	require.Equal(t, "Appended", rows[2]["C"])
	amount := decimal(t, "-12.34")
	flat := rfc.Params{"ZCHAR": long, "ZNUMC": "0000000042", "ZDATS": date(t, "20260705"), "ZTIMS": clockTime(t, "240000"), "ZINT8": int64(math.MinInt64), "ZINT2": int16(-2), "ZDEC": amount, "ZFLTP": 1e300}
	echo := call(t, conn, "Z_ECHO_TYPES", rfc.Params{
		"IV_CHAR": long, "IV_STRING": many, "IV_INT8": int64(1) << 40, "IV_INT4": -2, "IV_FLOAT": math.SmallestNonzeroFloat64, "IS_INPUT": flat,
		"IT_FLAT": []rfc.Params{flat, flat}, "IT_INT": []int32{1, -1}, "T_FLAT": []rfc.Params{flat, {}, flat}, "CV_TEXT": long,
	})
	require.Equal(t, []any{long, many, int64(1) << 40, int32(-2), math.SmallestNonzeroFloat64, long, []int32{1, -1}}, []any{
		echo["EV_CHAR"], echo["EV_STRING"], echo["EV_INT8"], echo["EV_INT4"], echo["EV_FLOAT"], echo["CV_TEXT"], echo["ET_INT"],
	})
	for name, value := range flat {
		for _, list := range []string{"ES_OUTPUT", "ET_FLAT", "T_FLAT"} {
			got, ok := echo[list].(rfc.Params)
			if !ok {
				got = echo[list].([]rfc.Params)[0]
			}
			require.Empty(t, diff(value, got[name]), "%s-%s", list, name)
		}
	}
	n := 0
	res, err := conn.Call(t.Context(), "Z_ECHO_TYPES", rfc.Params{"T_FLAT": []rfc.Params{flat, {}, flat}}, rfc.Stream("T_FLAT"))
	require.NoError(t, err)
	for row, err := range rfc.Rows[rfc.Params](res, "T_FLAT") {
		require.NoError(t, err)
		require.Equal(t, map[bool]any{true: long, false: ""}[n != 1], row["ZCHAR"])
		n++
	}
	require.Equal(t, 3, n)
	res, err = conn.Call(t.Context(), "Z_ECHO_TYPES", rfc.Params{"T_FLAT": []rfc.Params{flat, {}, flat}})
	require.NoError(t, err)
	cols, err := res.Columns("T_FLAT")
	require.NoError(t, err)
	require.Equal(t, 3, cols.Rows)
	for i := range cols.Columns {
		switch col := &cols.Columns[i]; col.Name {
		case "ZCHAR":
			require.Equal(t, long, string(col.Value(2)))
		case "ZINT8":
			require.Equal(t, []int64{math.MinInt64, 0, math.MinInt64}, col.Int64s)
		}
	}
	// All kinds that have an order, behind texts of odd width.
	kinds := rfc.Params{
		"C": "A", "A": decimal(t, "-42.0"), "E": decimal(t, "123.456"), "UP": moment(t, "2026-07-05T12:34:56.1234567", abap.Ticks), "C1": "B",
		"UN": moment(t, "2026-07-05T12:34:56", abap.Seconds), "UW": moment(t, "2026-07-05T12:34", abap.Minutes), "C2": "C", "S": int16(-2), "L": int64(math.MinInt64),
		"DD": date(t, "15821015"), "C3": "D", "F": -0.5, "B": uint8(7), "I": int32(-3), "P": decimal(t, "1.25"),
	}
	all := call(t, conn, "Z_ALL_KINDS", rfc.Params{"K": kinds, "T": []rfc.Params{kinds, {}, kinds}})
	require.Empty(t, diff(kinds, all["K"]))
	require.Empty(t, diff([]rfc.Params{kinds, kinds}, []rfc.Params{all["T"].([]rfc.Params)[0], all["T"].([]rfc.Params)[2]}))
	// Errors, with texts of the partner.
	require.Equal(t, "EXAMPLE", fails(t, conn, "STFC_EXCEPTION", nil).Key)
	mark := -1000 - marks.Add(1) // the system may serve others that run this at the same time
	sys.Intercept("STFC_CHANGING", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			if v, err := req.Value("START_VALUE"); err != nil || v != mark {
				return next(ctx, req, reply)
			}
			return rfc.RaiseMessage("NO", "00", "E", "001", long, short)
		}
	})
	e := fails(t, conn, "STFC_CHANGING", rfc.Params{"START_VALUE": mark, "COUNTER": 1})
	require.Equal(t, []any{"NO", [4]string{long, short}}, []any{e.Key, e.MessageV})
	e = fails(t, conn, "Z_NOT_THERE", nil, rfc.WithInterface(describe(t, sys, "Z_NOT_THERE")))
	require.Equal(t, []any{"FU_NOT_FOUND", "Z_NOT_THERE"}, []any{e.Key, e.MessageV[0]})
	// A call back, a reset, and what comes behind it.
	require.Equal(t, long, call(t, conn, "STFC_CONNECTION_BACK", rfc.Params{"NRBACK": 2, "REQUTEXT": long})["ECHOTEXT"])
	require.NoError(t, conn.Reset(t.Context()))
	require.Equal(t, long, call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": long})["ECHOTEXT"])
	require.NoError(t, conn.Ping(t.Context()))
}

// startPages starts a system with a module that has all kinds in an order.
func startPages(t testing.TB, opts ...rfctest.Option) *rfctest.System {
	t.Helper()
	sys := start(t, opts...)
	d := new(metadata.Dictionary)
	d.Structure("Z_KINDS", "C:C1 A:a E:e UP:p C1:C1 UN:n UW:w C2:C1 S:s L:8 DD:d C3:C3 F:F B:b I:I P:P3.2")
	f, err := d.Function("Z_ALL_KINDS", "CHANGING K:{Z_KINDS}\nTABLES T:[Z_KINDS]")
	require.NoError(t, errors.Join(err, d.Err()))
	echoModule(t, sys, f)
	return sys
}

func moment(t testing.TB, s string, p abap.Precision) abap.Timestamp {
	t.Helper()
	v, err := abap.ParseTimestamp(s, p)
	require.NoError(t, err)
	return v
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b abap.Timestamp) bool { return a == b }), cmp.Comparer(func(a, b abap.Date) bool { return a == b }), cmp.Comparer(func(a, b abap.Time) bool { return a == b }),
		cmp.Comparer(func(a, b abap.Decimal) bool { return a.Equal(b) }))
}

// callbacks serves what STFC_CONNECTION_BACK calls back.
func callbacks(t testing.TB, sys *rfctest.System) rfc.Handler {
	t.Helper()
	mux := rfc.NewMux()
	require.NoError(t, rfc.HandleInterface(mux, sys.Mux().Describe("STFC_CONNECTION"), func(_ context.Context, in connectionIn) (connectionOut, error) {
		return connectionOut{Echo: in.Text, Resp: "back"}, nil
	}))
	return mux
}

// dialAs connects with a changed configuration.
func dialAs(t testing.TB, sys *rfctest.System, change func(*destination.Config)) *rfc.Conn {
	t.Helper()
	cfg := sys.Config()
	cfg.Callbacks = callbacks(t, sys)
	change(&cfg)
	conn, err := destination.Dial(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Every code page, both ways: a client that is not Unicode calls our host, and our Unicode
// client calls a host that is not.
func TestCodePagesEndToEnd(t *testing.T) {
	t.Parallel()
	sys := startPages(t)
	for number, texts := range pageTexts {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			for _, text := range texts { // the texts are what they should be
				cp, err := codepage.Lookup(number)
				require.NoError(t, err)
				_, err = cp.Append(nil, text, codepage.Policy{})
				require.NoError(t, err, text)
			}
			t.Run("client", func(t *testing.T) {
				t.Parallel()
				conn := dialAs(t, sys, func(c *destination.Config) { c.Codepage, c.PartnerCharSize, c.AllowNonUnicode = number, 1, true })
				a, err := conn.Attributes()
				require.NoError(t, err)
				// The host is a Unicode system, whatever it writes to this client.
				require.Equal(t, []any{number, "4103", 2}, []any{a.Codepage, a.PartnerCodepage, a.PartnerBytesPerChar})
				exerciseAll(t, sys, conn, texts)
			})
			t.Run("system", func(t *testing.T) {
				t.Parallel()
				sys := startPages(t, rfctest.WithCodepage(number))
				conn := dialAs(t, sys, func(*destination.Config) {})
				a, err := conn.Attributes()
				require.NoError(t, err)
				require.Equal(t, []any{number, number, 1}, []any{a.Codepage, a.PartnerCodepage, a.PartnerBytesPerChar})
				info, err := conn.SystemInfo(t.Context())
				require.NoError(t, err)
				require.Equal(t, []any{number, "LIT", rfc.Formats(0)}, []any{info.CharType, info.IntType, info.Formats()})
				exerciseAll(t, sys, conn, texts)
			})
		})
	}
}

// Big-endian parties, Unicode and not, on either side.
func TestBigEndianEndToEnd(t *testing.T) {
	t.Parallel()
	texts := [2]string{"日本", "a語😀 \ue000"}
	mirror := func(s *gateway.Server) { s.MirrorFormat = true }
	for name, tc := range map[string]struct {
		system []rfctest.Option
		client func(*destination.Config)
		texts  [2]string
		sent   string // by the system: UTF-16 of one character
	}{
		"client":                   {nil, func(c *destination.Config) { c.BigEndian = true }, texts, "\x9e\x8a"},
		"client in UTF-16BE":       {nil, func(c *destination.Config) { c.BigEndian, c.Codepage = true, "4102" }, texts, "\x9e\x8a"},
		"mirrored":                 {[]rfctest.Option{rfctest.WithServer(mirror)}, func(c *destination.Config) { c.BigEndian = true }, texts, "\x8a\x9e"},
		"little-endian, mirrored":  {[]rfctest.Option{rfctest.WithServer(mirror)}, func(*destination.Config) {}, texts, "\x9e\x8a"},
		"system":                   {[]rfctest.Option{rfctest.WithCodepage("4102"), rfctest.WithBigEndian()}, func(*destination.Config) {}, texts, "\x8a\x9e"},
		"both":                     {[]rfctest.Option{rfctest.WithCodepage("4102"), rfctest.WithBigEndian()}, func(c *destination.Config) { c.BigEndian = true }, texts, "\x8a\x9e"},
		"numbers of a system only": {[]rfctest.Option{rfctest.WithBigEndian()}, func(*destination.Config) {}, texts, "\x9e\x8a"},
		"system without Unicode":   {[]rfctest.Option{rfctest.WithCodepage("8000"), rfctest.WithBigEndian()}, func(*destination.Config) {}, pageTexts["8000"], "\x8c\xea"},
		"client without Unicode": {nil, func(c *destination.Config) {
			c.BigEndian, c.Codepage, c.PartnerCharSize, c.AllowNonUnicode = true, "8000", 1, true
		}, pageTexts["8000"], "\x8c\xea"},
		"client without Unicode, mirrored": {[]rfctest.Option{rfctest.WithServer(mirror)}, func(c *destination.Config) {
			c.BigEndian, c.Codepage, c.PartnerCharSize, c.AllowNonUnicode = true, "8000", 1, true
		}, pageTexts["8000"], "\x8c\xea"},
		"nobody has Unicode, nor the same page": {[]rfctest.Option{rfctest.WithCodepage("8004")}, func(c *destination.Config) {
			c.BigEndian, c.Codepage, c.PartnerCharSize, c.AllowNonUnicode = true, "8100", 1, true
		}, [2]string{"日本", "日本語 A"}, "\x8c\xea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tap := new(traffic)
			sys := startPages(t, append(tc.system, rfctest.WithConn(tap.wrap))...)
			conn := dialAs(t, sys, tc.client)
			exerciseAll(t, sys, conn, tc.texts)
			require.True(t, tap.wrote([]byte(tc.sent)))
		})
	}
}

// traffic keeps what a system writes and reads.
type traffic struct {
	mu         sync.Mutex
	sent, read bytes.Buffer
}

type tapped struct {
	net.Conn
	t *traffic
}

func (c *tapped) Write(b []byte) (int, error) {
	c.t.mu.Lock()
	c.t.sent.Write(b)
	c.t.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.t.mu.Lock()
	c.t.read.Write(b[:n])
	c.t.mu.Unlock()
	return n, err
}

func (t *traffic) wrap(nc net.Conn) net.Conn { return &tapped{nc, t} }

func (t *traffic) wrote(b []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.sent.Bytes(), b)
}

// behind gives what follows b in what the system wrote, or read.
func (t *traffic) behind(sent bool, b []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	buf := t.read.Bytes()
	if sent {
		buf = t.sent.Bytes()
	}
	_, rest, ok := bytes.Cut(buf, b)
	if !ok {
		return nil
	}
	return bytes.Clone(rest)
}

// K-03, K-04: RFCTEST as it lies on the wire between a Unicode and a non-Unicode party: 144
// bytes, every component at its place.
func TestK03K04RowsOfNonUnicodeParties(t *testing.T) {
	t.Parallel()
	row := rfcTest{
		Float: 3.14159, Char1: "1", Int2: 0x0102, Int1: 0x03, Char4: "grün", Int4: 0x04050607, Hex3: []byte{0xa1, 0xa2, 0xa3}, Char2: "xy",
		Time: clockTime(t, "123456"), Date: date(t, "20260626"), Data1: "one", Data2: "two",
	}
	for name, tc := range map[string]struct {
		system []rfctest.Option
		client func(*destination.Config)
		order  binary.ByteOrder // of the client
	}{
		"client":            {nil, func(c *destination.Config) { c.PartnerCharSize, c.AllowNonUnicode = 1, true }, binary.LittleEndian},
		"client big-endian": {nil, func(c *destination.Config) { c.PartnerCharSize, c.AllowNonUnicode, c.BigEndian = 1, true, true }, binary.BigEndian},
		"system":            {[]rfctest.Option{rfctest.WithCodepage("1100")}, func(*destination.Config) {}, binary.LittleEndian},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tap := new(traffic)
			sys := start(t, append(tc.system, rfctest.WithConn(tap.wrap))...)
			conn := dialAs(t, sys, tc.client)
			_, err := rfc.Call[structureOut](t.Context(), conn, "STFC_STRUCTURE", structureIn{Struct: row, Table: []rfcTest{row}})
			require.NoError(t, err)
			check := func(sent bool, order binary.ByteOrder) {
				t.Helper()
				for _, header := range []string{
					"\x02\x01" + "\x00\x0c" + "IMPORTSTRUCT" + "\x02\x01" + "\x02\x03" + "\x00\x90",
					"\x02\x01" + "\x00\x0a" + "ECHOSTRUCT" + "\x02\x01" + "\x02\x03" + "\x00\x90",
					"\x03\x02" + "\x00\x08" + "\x00\x00\x00\x90", // row width 144
				} {
					if import_ := strings.Contains(header, "IMPORT"); strings.Contains(header, "STRUCT") && import_ == sent {
						continue
					}
					b := tap.behind(sent, []byte(header))
					require.NotNil(t, b, "%q", header)
					if header[0] == 3 {
						b = b[4+2:] // count, closing tag
						require.Equal(t, uint16(3), binary.BigEndian.Uint16(b)>>8)
						// 143 of 144 bytes are used: a server sends the used width.
						require.Contains(t, []uint16{143, 144}, binary.BigEndian.Uint16(b[2:]))
						b = b[4:]
					}
					require.Equal(t, math.Float64bits(row.Float), order.Uint64(b))
					require.Equal(t, "1", string(b[8:9]))
					require.Equal(t, uint16(row.Int2), order.Uint16(b[10:]))
					require.Equal(t, row.Int1, b[12])
					require.Equal(t, "gr\xfcn", string(b[13:17]))
					require.Equal(t, uint32(row.Int4), order.Uint32(b[20:]))
					require.Equal(t, row.Hex3, b[24:27])
					require.Equal(t, "xy"+"123456"+"20260626", string(b[27:43]))
					require.Equal(t, fmt.Sprintf("%-50s%-50s", "one", "two"), string(b[43:143]))
				}
			}
			check(false, tc.order)
			check(true, binary.LittleEndian)
		})
	}
}

// A partner without Unicode is refused, and says why, unless it was allowed.
func TestNonUnicodeSystemsAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1100", "1404", "8000", "8200", "8300", "8400", "8500"} {
		sys := start(t, rfctest.WithCodepage(number))
		cfg := sys.Config()
		require.True(t, cfg.AllowNonUnicode)
		cfg.AllowNonUnicode = false
		_, err := destination.Dial(t.Context(), cfg)
		var e *rfc.Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, rfc.ErrCodepage)
		require.Equal(t, []any{rfc.ClassUnsupported, rfc.StepLogon, rfc.NotSent, 125}, []any{e.Class, e.Step, e.Outcome, e.JCoGroup()})
		require.ErrorContains(t, err, "code page "+number)
		require.ErrorContains(t, err, "AllowNonUnicode")
	}
}

// Characters that the partner lacks: refused before anything is sent, in both directions,
// or replaced on request.
func TestCharactersThatAPartnerLacks(t *testing.T) {
	t.Parallel()
	const text = "Grüße €"
	sys := start(t, rfctest.WithCodepage("1100"))
	conn := connect(t, sys)
	for _, in := range []struct {
		function string
		in       rfc.Params
		path     string
	}{
		{"STFC_CONNECTION", rfc.Params{"REQUTEXT": text}, "REQUTEXT"},
		{"STFC_STRING", rfc.Params{"QUESTION": text}, "QUESTION"},
		{"STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{}, "RFCTABLE": []rfc.Params{{}, {"RFCDATA1": text}}}, "RFCTABLE[1].RFCDATA1"},
	} {
		e := refused(t, sys, conn, in.function, in.in)
		require.Equal(t, []any{rfc.ClassConversion, in.path}, []any{e.Class, e.Path})
		require.ErrorContains(t, e, "code page 1100")
		require.ErrorContains(t, e, "U+20AC")
	}
	t.Run("B-75", func(t *testing.T) {
		for bad, where := range map[string]string{"ab\xff": "byte 2", "a\xed\xa0\x80": "byte 1", "abc💪": "byte 3"} {
			for function, name := range map[string]string{"STFC_CONNECTION": "REQUTEXT", "STFC_STRING": "QUESTION"} {
				e := refused(t, sys, conn, function, rfc.Params{name: bad})
				require.Equal(t, []any{rfc.ClassConversion, name}, []any{e.Class, e.Path})
				require.ErrorContains(t, e, where)
			}
		}
		// A NUL is a character of CHAR (F-08), but ends a STRING.
		require.Equal(t, "a\x00b", call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "a\x00b"})["ECHOTEXT"])
		require.ErrorContains(t, refused(t, sys, conn, "STFC_STRING", rfc.Params{"QUESTION": "a\x00b"}), "NUL at byte 1")
	})
	e := refused(t, sys, conn, "STFC_STRUCTURE", rfc.Params{"IMPORTSTRUCT": rfc.Params{"RFCCHAR4": "grüße"}})
	require.ErrorContains(t, e, "5 bytes in code page 1100, at most 4")
	replace := rfc.WithValues(serialization.Options{OnConversionError: codepage.Replace})
	require.Equal(t, "Grüße #", call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": text}, replace)["ECHOTEXT"])
	require.Equal(t, "Grüße #", call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": text}, replace)["MYANSWER"])

	// From a Unicode host to a caller that lacks it: by default the call fails, with a text.
	strict, lenient := start(t), start(t, rfctest.WithServer(func(s *gateway.Server) {
		s.Values = serialization.Options{OnConversionError: codepage.Replace}
	}))
	euro := func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(_ context.Context, _ *rfc.Request, reply *rfc.Reply) error {
			reply.SetValue("MYANSWER", text)
			return nil
		}
	}
	for _, s := range []*rfctest.System{strict, lenient} {
		s.Intercept("STFC_STRING", euro)
	}
	as1100 := func(c *destination.Config) { c.PartnerCharSize, c.AllowNonUnicode = 1, true }
	e = fails(t, dialAs(t, strict, as1100), "STFC_STRING", rfc.Params{"QUESTION": "?"})
	require.Contains(t, e.Message, "MYANSWER")
	require.Contains(t, e.Message, "U+20AC")
	require.Equal(t, "Grüße #", call(t, dialAs(t, lenient, as1100), "STFC_STRING", rfc.Params{"QUESTION": "?"})["MYANSWER"])
	for _, s := range []*rfctest.System{strict, lenient} { // others are not concerned
		require.Equal(t, text, call(t, connect(t, s), "STFC_STRING", rfc.Params{"QUESTION": "?"})["MYANSWER"])
	}
	// Errors are for people: what the caller lacks is '#' in them.
	strict.Intercept("RFC_PING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error { return rfc.RuntimeFailure("EURO", "10 € ü") }
	})
	conn = dialAs(t, strict, as1100)
	e = fails(t, conn, "RFC_PING", nil)
	require.Equal(t, "10 # ü", e.Message)
}

// A stateful page fills no cell: such calls are refused, others work.
func TestStatefulPagesFillNoCell(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithCodepage("8200"))
	conn := connect(t, sys)
	require.NoError(t, conn.Ping(t.Context()))
	e := refused(t, sys, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "日本"})
	require.ErrorContains(t, e, "stateful")
	f, err := sys.Mux().Function(t.Context(), "STFC_STRING")
	require.NoError(t, err)
	require.Equal(t, "日本", call(t, conn, "STFC_STRING", rfc.Params{"QUESTION": "日本"}, rfc.WithInterface(f))["MYANSWER"])
}

// jco.client.codepage and jco.client.pcs: user and password in another page, and in UTF-16.
func TestLogonCodePages(t *testing.T) {
	t.Parallel()
	const user, password = "łódź", rfc.Secret("Źdźbło€")
	for _, system := range [][]rfctest.Option{nil, {rfctest.WithCodepage("1404")}} {
		sys := start(t, append(system, rfctest.WithUser(strings.ToUpper(user), password), rfctest.WithUser("łóDź", password))...)
		cfg := sys.Config()
		cfg.User, cfg.Password = user, password
		_, err := destination.Dial(t.Context(), cfg)
		require.ErrorIs(t, err, rfc.ErrConfig)
		require.ErrorContains(t, err, "password: character at position 1 not in code page 1100")
		require.ErrorContains(t, err, "jco.client.codepage")
		require.NotContains(t, err.Error(), "Ź")
		for _, set := range []func(c *destination.Config){
			func(c *destination.Config) { c.Codepage = "1404" },
			func(c *destination.Config) { c.PartnerCharSize = 2 },
			func(c *destination.Config) { c.Codepage = "4102" },
			func(c *destination.Config) { c.Codepage, c.PartnerCharSize = "4103", 2 },
			func(c *destination.Config) { c.Codepage, c.PartnerCharSize, c.AllowNonUnicode = "1404", 1, true },
		} {
			with := cfg
			set(&with)
			conn, err := destination.Dial(t.Context(), with)
			require.NoError(t, err)
			require.Equal(t, "źle", call(t, conn, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "źle"})["ECHOTEXT"])
			require.NoError(t, conn.Close())
			with.Password = "Źdźbło"
			_, err = destination.Dial(t.Context(), with)
			var e *rfc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{rfc.ClassLogon, "Name or password is incorrect (repeat logon)"}, []any{e.Class, e.Message})
		}
	}
}

// What a text cannot hold is refused or replaced alike in every format. Bytes as they are
// travel in the classic one alone; the others refuse them.
func TestConversionErrorsAgreeInEveryFormat(t *testing.T) {
	t.Parallel()
	sys := start(t, rfctest.WithServer(func(s *gateway.Server) {
		s.Values = serialization.Options{OnConversionError: codepage.Pass}
	}))
	conn := connect(t, sys)
	const bad = "a\xed\xa0\x80b"
	for _, format := range []serialization.Format{serialization.Classic, serialization.BasXML, serialization.RowFast, serialization.ColumnFast} {
		for name, in := range map[string]any{
			"IV_CHAR": bad, "IV_STRING": bad, "T_FLAT": []rfc.Params{{"ZCHAR": bad}}, "IT_TEXT": []string{bad},
			"IS_DEEP": rfc.Params{"NAME": bad}, "IT_DEEP": []rfc.Params{{"TEXT": bad}},
		} {
			send := func(on codepage.OnError) (string, error) {
				res, err := conn.Call(t.Context(), "Z_ECHO_TYPES", rfc.Params{name: in}, rfc.WithFormat(format), rfc.WithValues(serialization.Options{OnConversionError: on}))
				if err != nil {
					return "", err
				}
				out, err := res.Values()
				require.NoError(t, err)
				switch name {
				case "IV_CHAR", "IV_STRING":
					return out["E"+name[1:]].(string), nil
				case "T_FLAT":
					return out[name].([]rfc.Params)[0]["ZCHAR"].(string), nil
				case "IT_TEXT":
					return out["ET_TEXT"].([]string)[0], nil
				case "IS_DEEP":
					return out["ES_DEEP"].(rfc.Params)["NAME"].(string), nil
				default:
					return out["ET_DEEP"].([]rfc.Params)[0]["TEXT"].(string), nil
				}
			}
			_, err := send(codepage.Fail)
			require.ErrorIs(t, err, rfc.ErrConversion, "%s %s", format, name)
			got, err := send(codepage.Replace)
			require.NoError(t, err, "%s %s", format, name)
			require.Equal(t, "a#b", got, "%s %s", format, name)
			got, err = send(codepage.Pass)
			if plain := name == "IV_CHAR" || name == "IV_STRING" || name == "T_FLAT"; plain && (format == serialization.Classic || format == serialization.BasXML) {
				require.NoError(t, err, "%s %s", format, name)
				require.Equal(t, bad, got, "%s %s", format, name)
			} else {
				require.ErrorIs(t, err, rfc.ErrConversion, "%s %s", format, name)
			}
			require.True(t, conn.Alive())
		}
	}
}

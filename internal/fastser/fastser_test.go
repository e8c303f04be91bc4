package fastser

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/sapcompress"
	"github.com/purerfc/purerfc/internal/wire"
)

type vector struct {
	Name, Kind, Evidence, Hex, Template string
	Raw                                 string   `json:"raw_hex"`
	RecordsStart                        int      `json:"records_start"`
	Decoded                             []string // as the tools of the folder print it
	FieldNames                          []string `json:"field_names"`
	DeclaredChars                       []int    `json:"declared_chars"`
}

type vectorFile struct {
	Headers   []struct{ Hex, Seen string }
	TypeCodes map[string]string
	Vectors   []vector
	Captured  []vector
	Threshold []struct {
		Chars  int
		Header string `json:"s_header"`
	} `json:"thresholds"`
}

func load(t testing.TB, name string) vectorFile {
	t.Helper()
	var f vectorFile
	b := evidence.File(t, "vectors", name)
	if name == "fastser.json" { // headers are plain strings there
		var g struct {
			Captured []vector
			Headers  []string
		}
		require.NoError(t, json.Unmarshal(b, &g))
		f.Captured = g.Captured
		for _, h := range g.Headers {
			f.Headers = append(f.Headers, struct{ Hex, Seen string }{Hex: h})
		}
		return f
	}
	require.NoError(t, json.Unmarshal(b, &f))
	return f
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// plainHeader stands in front of bodies that were published without one.
var plainHeader = Header{Version: 3, Understood: 3, Substitute: '#', Options: Plain}

func container(h Header, body []byte) []byte { return append(h.append(nil), body...) }

// item takes tag and length off an item.
func item(t testing.TB, b []byte) []byte {
	t.Helper()
	n := int(binary.BigEndian.Uint16(b[2:]))
	require.Len(t, b, n+6)
	require.Equal(t, []byte{0x50, 0x01}, b[:2])
	require.Equal(t, []byte{0x50, 0x01}, b[n+4:])
	return b[4 : n+4]
}

// containers gives every published byte string of a whole container or body as a container.
// What was published without its beginning or end is completed by what the note says.
func containers(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	q := append([]byte{'Q', 1}, 'X')
	for _, v := range load(t, "fast-serialization.json").Vectors {
		switch v.Kind {
		case "item":
			out[v.Name] = item(t, unhex(t, v.Hex))
		case "lz4-block":
			plain, err := sapcompress.DecodeLZ4(nil, unhex(t, v.Hex), len(v.Raw)/2)
			require.NoError(t, err)
			require.Equal(t, unhex(t, v.Raw), plain)
			out[v.Name] = container(plainHeader, plain)
		case "records":
			b := append(bytes.Clone(q), unhex(t, v.Hex)...)
			if v.Name == "z_string_8" {
				b = append(b, 'E') // published without it
			}
			out[v.Name] = container(plainHeader, b)
		case "announcement":
			b := append(bytes.Clone(q), unhex(t, v.Hex)...)
			out[v.Name] = container(plainHeader, append(b, "IIIIIIIIIIIIE"...))
		case "pattern":
			if v.Template != "" {
				b := append(bytes.Clone(q), unhex(t, strings.Replace(v.Template, "<id LE16>", "0700", 1))...)
				out[v.Name] = container(plainHeader, append(b, 'E'))
			}
		}
	}
	return out
}

func TestSharedHeaders(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"fast-serialization.json", "fastser.json"} {
		for _, v := range load(t, file).Headers {
			b := unhex(t, v.Hex)
			h, err := DecodeHeader(b)
			require.NoError(t, err, v.Seen)
			require.Equal(t, b, h.append(nil))
			require.EqualValues(t, '#', h.Substitute)
			for n := range b {
				_, err := DecodeHeader(b[:n])
				require.ErrorIs(t, err, wire.ErrTruncated)
			}
			// Every byte that is not a value of its own is fixed.
			for i := range b {
				for c := range 256 {
					bad := bytes.Clone(b)
					bad[i] = byte(c)
					h, err := DecodeHeader(bad)
					if err == nil {
						require.Equal(t, bad, h.append(nil), "byte %d = %02x", i, c)
						require.True(t, varies[i] || bad[i] == b[i], "byte %d = %02x", i, c)
						continue
					}
					require.ErrorIs(t, err, ErrUnsupported)
				}
			}
		}
	}
}

func TestHeaderLayout(t *testing.T) {
	t.Parallel()
	off := 0
	for _, f := range HeaderLayout {
		require.Equal(t, off, f.Off)
		for i := range f.Len {
			require.Equal(t, f.Name, headerField(off+i))
		}
		off += f.Len
	}
	require.Equal(t, HeaderLen, off)
	require.Empty(t, headerField(HeaderLen))
}

func TestSharedTypeCodes(t *testing.T) {
	t.Parallel()
	codes := load(t, "fast-serialization.json").TypeCodes
	for text, name := range codes {
		c := TypeCode(unhex(t, text)[0])
		want, _, _ := strings.Cut(name, ",")
		want, _, _ = strings.Cut(want, " ")
		require.Equal(t, want, c.String())
	}
	seen := 0
	for c := range types {
		if types[c].name != "" {
			seen++
		}
	}
	require.Len(t, codes, seen)
	require.Equal(t, "TypeCode(07)", TypeCode(7).String())
}

// TestSharedVectors decodes every published container to its last byte and writes it back.
func TestSharedVectors(t *testing.T) {
	t.Parallel()
	want := map[string]Body{
		"rfc_ping_item": {Header: plainHeader},
		"stfc_string_request_lz4": {
			Header: plainHeader, Listed: []string{"QUESTION", "MYANSWER"},
			Parameters: []Parameter{scalar("QUESTION", `\TYPE=STRING`, Text, 0, String, alphabet(513))},
		},
		"stfc_string_request_item_rebuilt": {
			Header: Header{Version: 2, Understood: 3, Substitute: '#', Options: Plain | LZ4}, Listed: []string{"QUESTION", "MYANSWER"},
			Parameters: []Parameter{scalar("QUESTION", `\TYPE=STRING`, Text, 0, String, alphabet(513))},
		},
		"z_double_n256":          {Parameters: []Parameter{scalar("X", `\TYPE=I`, Int4, 0, Number, "\x00\x01\x00\x00")}},
		"z_double_n1":            {Parameters: []Parameter{scalar("X", `\TYPE=I`, Int4, 0, Number, "\x01\x00\x00\x00")}},
		"z_double_n2":            {Parameters: []Parameter{scalar("X", `\TYPE=I`, Int4, 0, Number, "\x02\x00\x00\x00")}},
		"z_greet_char30_abcd":    {Parameters: []Parameter{scalar("X", `\TYPE=CHAR30`, Char, 60, Cut, "ABCD")}},
		"z_greet_generated_type": {Parameters: []Parameter{scalar("X", `\TYPE=%_T00006S00000000O0000000298`, Char, 12, Cut, "Sample")}},
		"z_string_8":             {Parameters: []Parameter{scalar("X", `\TYPE=STRING`, Text, 0, String, "ABCDEFGH")}},
		"k_empty_form":           {Parameters: []Parameter{{Name: "X", Table: true, TableID: 7, TypeName: `\TYPE=%_T00004S00000000O0000037072`}}},
		"rfctest_announcement": {Parameters: []Parameter{{Name: "X", TypeName: `\TYPE=RFCTEST`, Fields: []Field{
			{Float, 0, "RFCFLOAT"},
			{Char, 2, "RFCCHAR1"},
			{Int2, 0, "RFCINT2"},
			{Int1, 0, "RFCINT1"},
			{Char, 8, "RFCCHAR4"},
			{Int4, 0, "RFCINT4"},
			{Raw, 3, "RFCHEX3"},
			{Char, 4, "RFCCHAR2"},
			{Time, 0, "RFCTIME"},
			{Date, 0, "RFCDATE"},
			{Char, 100, "RFCDATA1"},
			{Char, 100, "RFCDATA2"},
		}, Values: bytesOfInitial(12)}}},
		"rfc_system_info_reply_item": systemInfo(t),
	}
	all := containers(t)
	require.Len(t, all, len(want))
	for name, b := range all {
		w, ok := want[name]
		require.True(t, ok, name)
		if w.Header == (Header{}) {
			w.Header = plainHeader
		}
		got, err := Decode(b, MaxBody)
		require.NoError(t, err, name)
		require.Empty(t, cmp.Diff(w, got), name)
		back, err := got.AppendBinary([]byte("before"))
		require.NoError(t, err, name)
		require.Equal(t, "before", string(back[:6]))
		if got.Header.Options&LZ4 == 0 {
			require.Equal(t, b, back[6:], name)
			continue
		}
		again, err := Decode(back[6:], MaxBody)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(w, again))
	}
	// The captured list of the older file: parts of the same bodies.
	for _, v := range load(t, "fastser.json").Captured {
		b := unhex(t, v.Hex)
		part := func(name string) []byte { return all[name] }
		switch {
		case strings.HasPrefix(v.Name, "empty parameter block"):
			require.Equal(t, part("rfc_ping_item"), item(t, b))
		case strings.HasPrefix(v.Name, "INT4"):
			require.True(t, bytes.HasSuffix(part("z_double_n256"), b))
		case strings.HasPrefix(v.Name, "CHAR30"):
			require.True(t, bytes.HasSuffix(part("z_greet_char30_abcd"), b))
		case strings.HasPrefix(v.Name, "CHAR parameter"):
			require.True(t, bytes.HasSuffix(part("z_greet_generated_type"), b))
		case strings.HasPrefix(v.Name, "RFCTEST"):
			require.True(t, bytes.Contains(part("rfctest_announcement"), b))
		case strings.HasPrefix(v.Name, "LZ4 block"):
			plain, err := sapcompress.DecodeLZ4(nil, b, 577)
			require.NoError(t, err)
			require.Equal(t, part("stfc_string_request_lz4")[HeaderLen:], plain)
		default:
			t.Errorf("vector %q is not looked at", v.Name)
		}
	}
}

func scalar(name, typ string, c TypeCode, width uint16, m Marker, data string) Parameter {
	return Parameter{Name: name, TypeName: typ, Fields: []Field{{c, width, ScalarField}}, Values: []Value{{m, []byte(data)}}}
}

func alphabet(n int) string {
	return strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ", n/26+1)[:n]
}

func bytesOfInitial(n int) []Value {
	v := make([]Value, n)
	for i := range v {
		v[i].Marker = Initial
	}
	return v
}

// systemInfo is the reply of kernel 793 with the widths and names that the vector lists.
func systemInfo(t testing.TB) Body {
	t.Helper()
	b := Body{Header: Header{Version: 3, Understood: 3, Substitute: '#', Options: Plain | Unnamed}}
	p := Parameter{Name: "RFCSI_EXPORT"}
	for _, v := range load(t, "fast-serialization.json").Vectors {
		if v.Name != "rfc_system_info_reply_item" {
			continue
		}
		for _, n := range v.DeclaredChars {
			p.Fields = append(p.Fields, Field{Code: Char, Width: uint16(2 * n)})
		}
	}
	for i, s := range []string{
		"0\x001\x001\x00", "4103", "L\x00I\x00T\x00", "I\x00E\x003\x00", "vhcala4hci_A4H_00", "vhcala4h", "A4H", "A4H",
		"vhcala4hci", "HDB", "758", "  390", "Linux", "     0", "", "172.17.0.3", "793", "vhcala4hci", "", "172.17.0.3",
	} {
		v := Value{Marker: Cut, Data: []byte(s)}
		switch {
		case s == "":
			v = Value{Marker: Initial}
		case p.Fields[i].Width == 6:
			v.Marker = Whole
		}
		p.Values = append(p.Values, v)
	}
	b.Parameters = []Parameter{p}
	return b
}

func TestStringLengthOfTheThreshold(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, th := range load(t, "fast-serialization.json").Threshold {
		b := Body{Header: plainHeader, Parameters: []Parameter{scalar("QUESTION", `\TYPE=STRING`, Text, 0, String, alphabet(th.Chars))}}
		out, err := b.AppendBinary(nil)
		require.NoError(t, err)
		if th.Header != "" {
			checked++
			require.True(t, bytes.Contains(out, append([]byte("TABLE_LINES"), unhex(t, th.Header)...)))
		}
	}
	require.Equal(t, 1, checked)
}

func TestTruncationAtEveryByteFails(t *testing.T) {
	t.Parallel()
	for name, b := range containers(t) {
		for n := range b {
			got, err := Decode(b[:n:n], MaxBody)
			require.Error(t, err, "%s cut to %d", name, n)
			if got.Header.Options&LZ4 == 0 {
				require.ErrorIs(t, err, wire.ErrTruncated, "%s cut to %d", name, n)
				require.LessOrEqual(t, len(got.Parameters), 1)
			}
		}
	}
	// The compressed container once more, cut inside the frame with a true stored length and
	// inside the body with a true frame.
	whole := containers(t)["stfc_string_request_lz4"]
	h := Header{Version: 2, Understood: 3, Substitute: '#', Options: Plain | LZ4}
	for n := HeaderLen; n < len(whole); n++ {
		frame, err := sapcompress.AppendLZ4Frame(h.append(nil), whole[HeaderLen:n])
		require.NoError(t, err)
		_, err = Decode(frame, MaxBody)
		require.ErrorIs(t, err, wire.ErrTruncated, "body cut to %d", n)
	}
}

// markers gives the offsets of the letters that steer the reader.
func markers(b []byte) []int {
	var offs []int
	d := decoder{Reader: wire.NewReader(layer, "body", b[HeaderLen:])}
	at := func() { offs = append(offs, HeaderLen+d.Offset()) }
	for {
		at()
		switch Marker(d.U8("")) {
		case Listed:
			d.name("", MaxName)
		case Named:
			var p Parameter
			p.Name = d.name("", MaxName)
			at()
			d.announcement(&p)
			for _, f := range p.Fields {
				at()
				d.value(f)
			}
		default:
			return offs
		}
	}
}

// TestEveryMarkerReplaced puts each other byte in the place of each marker. Only I, which
// carries nothing, can stand for a value of none; else the reading ends at that byte, or at
// the first one behind it that the wrong reading does not explain.
func TestEveryMarkerReplaced(t *testing.T) {
	t.Parallel()
	replaced := 0
	for name, b := range containers(t) {
		if b[11]&0x40 != 0 {
			continue // the same body stands there uncompressed
		}
		for _, off := range markers(b) {
			for c := range 256 {
				if byte(c) == b[off] {
					continue
				}
				replaced++
				bad := bytes.Clone(b)
				bad[off] = byte(c)
				_, err := Decode(bad, MaxBody)
				require.Error(t, err, "%s: %02x instead of %c at %d", name, c, b[off], off)
				var e *wire.Error
				require.ErrorAs(t, err, &e)
				require.GreaterOrEqual(t, e.Offset, off, "%s: %02x at %d: %v", name, c, off, err)
				if !strings.ContainsRune("TQDKEICONS", rune(c)) {
					require.ErrorIs(t, err, ErrUnsupported)
					require.Equal(t, off, e.Offset, "%s: %02x at %d: %v", name, c, off, err)
					require.Contains(t, err.Error(), fmt.Sprintf("%02x", c))
				}
			}
		}
	}
	require.Greater(t, replaced, 10_000)
}

// TestEveryByteReplaced looks for readings that do not come back.
func TestEveryByteReplaced(t *testing.T) {
	t.Parallel()
	for name, b := range containers(t) {
		for off := range b {
			for _, c := range []byte{0, 1, 0x40, 0x7f, 0x80, 0xff, b[off] + 1, b[off] - 1, b[off] ^ 0x20} {
				bad := bytes.Clone(b)
				bad[off] = c
				got, err := Decode(bad, MaxBody)
				if err != nil {
					continue
				}
				back, err := got.AppendBinary(nil)
				require.NoError(t, err, "%s: %02x at %d", name, c, off)
				if got.Header.Options&LZ4 == 0 {
					require.Equal(t, bad, back, "%s: %02x at %d", name, c, off)
				}
			}
		}
	}
}

// body joins strings to a container with a plain header.
func body(parts ...string) []byte { return container(plainHeader, []byte(strings.Join(parts, ""))) }

const (
	charX   = "Q\x01XD\x01\x50\x0c\\TYPE=CHAR30\x06\x3c\x00\x0aTABLE_LINE"
	stringX = "Q\x01XD\x01\x50\x0c\\TYPE=STRING\x18\x0aTABLE_LINE"
	intX    = "Q\x01XD\x01\x50\x07\\TYPE=I\x03\x0aTABLE_LINE"
)

func TestUnsupportedNamesOffsetAndByte(t *testing.T) {
	t.Parallel()
	xs := strings.Repeat("x", 16383)
	for name, tc := range map[string]struct {
		value []byte
		off   int
		text  string
	}{
		"phantom P":                     {body("P\x01X"), 14, `50 'P'`},
		"value P":                       {body(charX, "P\x03\x80abcE"), 14 + len(charX), `50 'P'`},
		"C without bit 15":              {body(charX, "C\x03\x00abcE"), 15 + len(charX), "0003"},
		"C longer than declared":        {body(charX, "C\x1f\x80", strings.Repeat("a", 31), "E"), 15 + len(charX), "31"},
		"C not ASCII":                   {body(charX, "C\x03\x80a\xe4bE"), 18 + len(charX), "e4"},
		"O wider than 7":                {body(charX, "O", strings.Repeat("a\x00", 30), "E"), 14 + len(charX), `4f 'O'`},
		"C of width 6":                  {body("Q\x01XD\x01\x00\x06\x06\x00C\x03\x80abcE"), 23, `43 'C'`},
		"S with 4000 missing":           {body(stringX, "S\x03\x80\x03\x00abcE"), 15 + len(stringX), "8003 0003"},
		"S with 8000 missing":           {body(stringX, "S\x03\x40\x03\x00abcE"), 15 + len(stringX), "4003 0003"},
		"S with another second length":  {body(stringX, "S\x03\xc0\x04\x00abcE"), 15 + len(stringX), "c003 0004"},
		"S not ASCII":                   {body(stringX, "S\x03\xc0\x03\x00a\x80cE"), 20 + len(stringX), "80"},
		"C for a STRING":                {body(stringX, "C\x03\x80abcE"), 14 + len(stringX), `43 'C'`},
		"S for a CHAR":                  {body(charX, "S\x03\xc0\x03\x00abcE"), 14 + len(charX), `53 'S'`},
		"N for a CHAR":                  {body(charX, "N\x01\x00\x00\x00E"), 14 + len(charX), `4e 'N'`},
		"N for INT2":                    {body("Q\x01XD\x01\x00\x02N\x01\x00E"), 21, "the value of INT2 is not known"},
		"N for INT1":                    {body("Q\x01XD\x01\x00\x01N\x01E"), 21, "the value of INT1 is not known"},
		"value of a FLOAT":              {body("Q\x01XD\x01\x00\x13N12345678E"), 21, "FLOAT"},
		"value of a RAW":                {body("Q\x01XD\x01\x00\x17\x03\x00O123E"), 23, "RAW(3)"},
		"value of a DATS":               {body("Q\x01XD\x01\x00\x0cC\x08\x8020260705E"), 21, "DATS"},
		"value of a TIMS":               {body("Q\x01XD\x01\x00\x0eO", strings.Repeat("1\x00", 6), "E"), 21, "TIMS"},
		"value of an XSTRING":           {body("Q\x01XD\x01\x00\x19S\x03\xc0\x03\x00abcE"), 21, "XSTRING"},
		"type code 07":                  {body("Q\x01XD\x01\x00\x07IE"), 20, "07"},
		"type code 00":                  {body("Q\x01XD\x01\x00\x00IE"), 20, "00"},
		"CHAR of 3 bytes":               {body("Q\x01XD\x01\x00\x06\x03\x00IE"), 21, "got 3"},
		"CHAR of 0 bytes":               {body("Q\x01XD\x01\x00\x06\x00\x00IE"), 21, "got 0"},
		"RAW of 0 bytes":                {body("Q\x01XD\x01\x00\x17\x00\x00IE"), 21, "got 0"},
		"flags 1":                       {body("Q\x01XD\x01\x10\x02\x01AIE"), 18, "1001"},
		"flags 4":                       {body("Q\x01XD\x01\x40\x01T\x02IE"), 18, "4001"},
		"flags 8":                       {body("Q\x01XD\x01\x80\x02IE"), 18, "8001"},
		"flags d for a structure":       {body("Q\x01XD\x01\xd0\x07\x00\x01T\x02\x01AIE"), 18, "d001"},
		"structure without fields":      {body("Q\x01XD\x00\x50\x01TE"), 18, "5000"},
		"table with a field":            {body("Q\x01XK\x01\xd0\x07\x00\x01T\x02\x01AE"), 18, "d001"},
		"table with flags 5":            {body("Q\x01XK\x00\x50\x01TE"), 18, "5000"},
		"T behind a parameter":          {body(intX, "IT\x01AE"), 15 + len(intX), `54 'T'`},
		"second body":                   {body("EE"), 15, `45 'E'`},
		"item 0130 behind E":            {body("E0"), 15, `30 '0'`},
		"table rows behind K":           {body("Q\x01XK\x00\xd0\x07\x00\x01TIE"), 24, `49 'I'`},
		"no value":                      {body(intX, "E"), 14 + len(intX), `45 'E'`},
		"empty name":                    {body("T\x00E"), 15, "got 0"},
		"name of 31 characters":         {body("T\x1f", strings.Repeat("A", 31), "E"), 15, "got 31"},
		"name not ASCII":                {body("T\x02A\xe4E"), 17, "e4"},
		"name with a blank":             {body("T\x02A E"), 17, "20"},
		"name with a NUL":               {body("T\x02A\x00E"), 17, "00"},
		"field name of 31 characters":   {body("Q\x01XD\x01\x50\x01T\x02\x1f", strings.Repeat("A", 31), "IE"), 23, "got 31"},
		"empty type name":               {body("Q\x01XD\x01\x50\x00\x02\x01AIE"), 20, "got 0"},
		"two frames":                    {twoFrames(t), 14 + 9 + 2, "34 and 10 more"},
		"UTF-16 body":                   {container(plainHeader, []byte("T\x02\x00A\x00\x00E")), 16, "00"},
		"classic tag inside":            {body("\x02\x01\x00\x02A\x00"), 14, "02"},
		"marks":                         {append([]byte("$h"), body("E")[2:]...), 1, "want 48, got 68"},
		"version 1":                     {append([]byte("$H\x01"), body("E")[3:]...), 2, "want 02 or 03, got 01"},
		"understood 4":                  {append([]byte("$H\x03\x04"), body("E")[4:]...), 3, "got 04"},
		"code page 4102":                {append([]byte("$H\x03\x03\x00\x41\x02"), body("E")[7:]...), 6, "field codepage"},
		"option 8000":                   {append([]byte("$H\x03\x03\x00\x41\x03\x00\x23\x00\x40\xa0"), body("E")[12:]...), 10, "a040"},
		"a string beyond what was seen": {body(stringX, "S\x00\x80\x00\x40", xs, "x"), 15 + len(stringX), "8000 4000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tc.value, MaxBody)
			require.ErrorIs(t, err, ErrUnsupported)
			e, ok := errors.AsType[*wire.Error](err)
			require.True(t, ok)
			require.Equal(t, tc.off, e.Offset, "%v", err)
			require.Contains(t, err.Error(), tc.text)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func twoFrames(t testing.TB) []byte {
	t.Helper()
	h := plainHeader
	h.Options |= LZ4
	b := h.append(nil)
	for range 2 {
		var err error
		b, err = sapcompress.AppendLZ4Frame(b, []byte("E"))
		require.NoError(t, err)
	}
	return b
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	xs := strings.Repeat("x", 16383)
	for name, value := range map[string][]byte{
		"empty":                    body("E"),
		"listed twice":             body("T\x01AT\x01AE"),
		"empty CHAR":               body(charX, "C\x00\x80E"),
		"full CHAR":                body(charX, "C\x1e\x80", strings.Repeat("a", 30), "E"),
		"initial CHAR":             body(charX, "IE"),
		"CHAR of 1 and 2":          body("Q\x01XD\x02\x00\x06\x02\x00\x06\x04\x00Oa\x00IE"),
		"empty STRING":             body(stringX, "S\x00\xc0\x00\x00E"),
		"longest STRING":           body(stringX, "S\xff\xff\xff\x3f", xs, "E"),
		"whole UTF-16":             body("Q\x01XD\x01\x00\x06\x06\x00O\xe4\x00\x00\xd8\x3d\xd8E"),
		"initial values all types": body("Q\x01XD\x0a\x00\x01\x02\x03\x06\x02\x00\x0c\x0e\x13\x17\x01\x00\x18\x19IIIIIIIIIIE"),
	} {
		got, err := Decode(value, MaxBody)
		require.NoError(t, err, name)
		back, err := got.AppendBinary(nil)
		require.NoError(t, err, name)
		require.Equal(t, value, back, name)
	}
}

func TestB115Body(t *testing.T) {
	t.Parallel()
	h := plainHeader
	h.Options |= LZ4
	plain := []byte(charX + "C\x1e\x80" + strings.Repeat("a", 30) + "E")
	good, err := sapcompress.AppendLZ4Frame(h.append(nil), plain)
	require.NoError(t, err)
	_, err = Decode(good, len(plain))
	require.NoError(t, err)
	with := func(off int, b ...byte) []byte {
		f := bytes.Clone(good)
		copy(f[off:], b)
		return f
	}
	block := func(raw uint32, b ...byte) []byte {
		f := append(h.append(nil), '4')
		f = binary.LittleEndian.AppendUint32(f, raw)
		return append(binary.LittleEndian.AppendUint32(f, uint32(len(b))), b...)
	}
	for name, tc := range map[string]struct {
		value []byte
		want  error
	}{
		"marker not '4'":         {with(14, '5'), wire.ErrMalformed},
		"no frame":               {h.append(nil), wire.ErrMalformed},
		"declared 4 GiB":         {with(15, 255, 255, 255, 255), wire.ErrLimit},
		"raw one more":           {with(15, byte(len(plain)+1)), wire.ErrLimit},
		"raw one less":           {with(15, byte(len(plain)-1)), wire.ErrMalformed},
		"stored > rest":          {with(19, good[19]+1), wire.ErrTruncated},
		"offset 0":               {block(9, 0x10, 'E', 0, 0, 0x40, 1, 2, 3, 4), wire.ErrMalformed},
		"offset beyond output":   {block(9, 0x10, 'E', 2, 0, 0x40, 1, 2, 3, 4), wire.ErrMalformed},
		"cut behind a sequence":  {block(9, 0x10, 'E', 1, 0), wire.ErrTruncated},
		"output shorter":         {block(9, 0x10, 'E'), wire.ErrMalformed},
		"plain body above limit": {body(strings.Repeat("E", len(plain)+1)), wire.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tc.value, len(plain))
			require.ErrorIs(t, err, tc.want)
			require.NotErrorIs(t, err, ErrUnsupported)
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	_, err := Decode(body(strings.Repeat("T\x01A", MaxParameters), "E"), MaxBody)
	require.NoError(t, err)
	_, err = Decode(body(strings.Repeat("T\x01A", MaxParameters+1), "E"), MaxBody)
	require.ErrorIs(t, err, wire.ErrLimit)
	one := "Q\x01XD\x01\x00\x02I"
	_, err = Decode(body(strings.Repeat(one, MaxParameters), "E"), MaxBody)
	require.NoError(t, err)
	_, err = Decode(body(strings.Repeat(one, MaxParameters+1), "E"), MaxBody)
	require.ErrorIs(t, err, wire.ErrLimit)
	wide := "Q\x01XD\xff\x0f" + strings.Repeat("\x02", MaxCount) + strings.Repeat("I", MaxCount)
	_, err = Decode(body(strings.Repeat(wide, MaxFields/MaxCount), "E"), MaxBody)
	require.NoError(t, err)
	_, err = Decode(body(strings.Repeat(wide, MaxFields/MaxCount+1), "E"), MaxBody)
	require.ErrorIs(t, err, wire.ErrLimit)
	_, err = Decode(body("E"), -1)
	require.ErrorIs(t, err, wire.ErrLimit)
	_, err = Decode(body("Q\x01XD\xff\x0f\x02"), MaxBody)
	require.ErrorIs(t, err, wire.ErrTruncated)
}

// TestG54MemoryOfHostileContainers counts every byte allocated.
func TestG54MemoryOfHostileContainers(t *testing.T) {
	h := plainHeader
	h.Options |= LZ4
	wide := "Q\x01XD\xff\x0f" + strings.Repeat("\x02", MaxCount) + strings.Repeat("I", MaxCount)
	packed, err := sapcompress.AppendLZ4Frame(h.append(nil), []byte(strings.Repeat(wide, 1000)))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		value []byte
		most  uint64
	}{
		"1 KiB claims 4 GiB":     {append(h.append(nil), append([]byte("4\xff\xff\xff\xff\xf1\x03\x00\x00"), make([]byte, 1009)...)...), 1 << 20},
		"4095 fields in 8 bytes": {body("Q\x01XD\xff\x0f\x02\x02"), 1 << 20},
		"4095 values in a few":   {body("Q\x01XD\xff\x0f" + strings.Repeat("\x02", MaxCount) + "II"), 1 << 20},
		"fields without end":     {packed, 2*8_197_000 + 12<<20}, // the body (twice with the race detector), and its fields up to the limit
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(tc.value, MaxBody)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes for %d, %v", name, got, len(tc.value), err)
		require.LessOrEqual(t, got, tc.most, name)
	}
}

// TestPropertyRandomBodies writes random models and reads them back.
func TestPropertyRandomBodies(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewSource(42))
	for range 3000 {
		b := randomBody(rnd)
		out, err := b.AppendBinary(nil)
		require.NoError(t, err)
		got, err := Decode(out, MaxBody)
		require.NoError(t, err, "%x", out)
		require.Empty(t, cmp.Diff(b, got))
		n := rnd.Intn(len(out))
		_, err = Decode(out[:n:n], MaxBody)
		require.Error(t, err)
	}
}

func randomBody(rnd *rand.Rand) Body {
	b := Body{Header: Header{Version: 2 + uint8(rnd.Intn(2)), Understood: 3 * uint8(rnd.Intn(2)), Substitute: uint16(rnd.Intn(1 << 16)), Options: Plain}}
	if rnd.Intn(2) == 0 {
		b.Header.Options |= LZ4
	}
	name := func(n int) string {
		c := make([]byte, 1+rnd.Intn(n))
		for i := range c {
			c[i] = byte('!' + rnd.Intn('~'-'!'+1))
		}
		return string(c)
	}
	text := func(n int) []byte {
		c := make([]byte, n)
		for i := range c {
			c[i] = byte(rnd.Intn(128))
		}
		return c
	}
	for range rnd.Intn(3) {
		b.Listed = append(b.Listed, name(MaxName))
	}
	codes := []TypeCode{Int1, Int2, Int4, Char, Date, Time, Float, Raw, Text, XString}
	for range rnd.Intn(4) {
		p := Parameter{Name: name(MaxName)}
		named := rnd.Intn(2) == 0
		if named {
			p.TypeName = name(MaxTypeName)
		}
		if p.Table = named && rnd.Intn(4) == 0; p.Table {
			p.TableID = uint16(rnd.Intn(1 << 16))
			b.Parameters = append(b.Parameters, p)
			continue
		}
		for range 1 + rnd.Intn(8) {
			f := Field{Code: codes[rnd.Intn(len(codes))]}
			if named {
				f.Name = name(MaxName)
			}
			if t := types[f.Code]; t.sized {
				f.Width = uint16((1 + rnd.Intn(60)) * t.unit)
			}
			v := Value{Marker: Initial}
			if list := types[f.Code].values; len(list) > 0 && rnd.Intn(4) > 0 {
				if v.Marker = list[rnd.Intn(len(list))]; !fits(f, v.Marker) {
					v.Marker = Initial
				}
			}
			switch v.Marker {
			case Cut:
				v.Data = text(rnd.Intn(int(f.Width)/2 + 1))
			case Whole:
				v.Data = text(int(f.Width))
			case Number:
				v.Data = text(4)
			case String:
				v.Data = text(rnd.Intn(300))
			}
			p.Fields, p.Values = append(p.Fields, f), append(p.Values, v)
		}
		b.Parameters = append(b.Parameters, p)
	}
	return b
}

func TestEncoderRefusesWhatTheReaderWould(t *testing.T) {
	t.Parallel()
	field := func(f Field, v Value) Body {
		return Body{Header: plainHeader, Parameters: []Parameter{{Name: "X", TypeName: "T", Fields: []Field{f}, Values: []Value{v}}}}
	}
	for name, b := range map[string]Body{
		"header":              {},
		"version":             {Header: Header{Version: 4, Options: Plain}},
		"listed":              {Header: plainHeader, Listed: []string{""}},
		"listed too long":     {Header: plainHeader, Listed: []string{strings.Repeat("A", 31)}},
		"too many":            {Header: plainHeader, Listed: make([]string, MaxParameters+1)},
		"name":                {Header: plainHeader, Parameters: []Parameter{{Name: "a b"}}},
		"no fields":           {Header: plainHeader, Parameters: []Parameter{{Name: "X"}}},
		"rows":                {Header: plainHeader, Parameters: []Parameter{{Name: "X", Table: true, TypeName: "T", Fields: []Field{{Code: Int4}}}}},
		"table without type":  {Header: plainHeader, Parameters: []Parameter{{Name: "X", Table: true}}},
		"values":              {Header: plainHeader, Parameters: []Parameter{{Name: "X", Fields: []Field{{Code: Int4}}}}},
		"name without type":   {Header: plainHeader, Parameters: []Parameter{{Name: "X", Fields: []Field{{Code: Int4, Name: "A"}}, Values: []Value{{Marker: Initial}}}}},
		"id of a structure":   {Header: plainHeader, Parameters: []Parameter{{Name: "X", TableID: 1, Fields: []Field{{Code: Int4}}, Values: []Value{{Marker: Initial}}}}},
		"field without name":  field(Field{Code: Int4}, Value{Marker: Initial}),
		"code":                field(Field{Code: 7, Name: "A"}, Value{Marker: Initial}),
		"width of INT4":       field(Field{Code: Int4, Width: 4, Name: "A"}, Value{Marker: Initial}),
		"odd CHAR":            field(Field{Code: Char, Width: 3, Name: "A"}, Value{Marker: Initial}),
		"initial with data":   field(Field{Code: Int4, Name: "A"}, Value{Marker: Initial, Data: []byte("x")}),
		"short number":        field(Field{Code: Int4, Name: "A"}, Value{Marker: Number, Data: []byte("x")}),
		"marker":              field(Field{Code: Int4, Name: "A"}, Value{Marker: Cut}),
		"whole too short":     field(Field{Code: Char, Width: 6, Name: "A"}, Value{Marker: Whole, Data: []byte("a\x00")}),
		"cut too long":        field(Field{Code: Char, Width: 8, Name: "A"}, Value{Marker: Cut, Data: []byte("abcde")}),
		"cut not ASCII":       field(Field{Code: Char, Width: 8, Name: "A"}, Value{Marker: Cut, Data: []byte("\xe4")}),
		"string too long":     field(Field{Code: Text, Name: "A"}, Value{Marker: String, Data: make([]byte, MaxString+1)}),
		"string not ASCII":    field(Field{Code: Text, Name: "A"}, Value{Marker: String, Data: []byte("\xe4")}),
		"compressed, no name": {Header: Header{Version: 3, Options: Plain | LZ4}, Listed: []string{""}},
	} {
		out, err := b.AppendBinary([]byte("before"))
		require.Error(t, err, name)
		require.Equal(t, "before", string(out), name)
	}
}

func TestNamesInWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, "C", Cut.String())
	require.Equal(t, "00", Marker(0).String())
	require.Equal(t, "A CHAR(4)", Field{Char, 8, "A"}.String())
	require.Equal(t, "RAW(3)", Field{Raw, 3, ""}.String())
	require.Equal(t, "INT4", Field{Code: Int4}.String())
	require.Equal(t, "6040 LZ4", (Plain | LZ4).String())
	require.Equal(t, "25c0 unnamed", (Plain | Unnamed).String())
}

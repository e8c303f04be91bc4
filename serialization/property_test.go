package serialization

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// randomType builds a structure of random fields; depth bounds nesting.
func randomType(r *rand.Rand, d *metadata.Dictionary, n *int, depth int, deep bool) string {
	var fields []string
	for i := range 1 + r.IntN(8) {
		kinds := []string{
			fmt.Sprintf("C%d", 1+r.IntN(40)), fmt.Sprintf("N%d", 1+r.IntN(12)), "D", "T", fmt.Sprintf("X%d", 1+r.IntN(9)),
			fmt.Sprintf("P%d.%d", 5+r.IntN(8), r.IntN(5)), "F", "I", "s", "b", "8",
			"a", "e", "p", "n", "w", "d", "7", "x", "t", "i", "c",
		}
		if deep {
			kinds = append(kinds, "g", "y", "[C3]")
		}
		def := kinds[r.IntN(len(kinds))]
		if depth > 0 && r.IntN(4) == 0 {
			def = "{" + randomType(r, d, n, depth-1, deep) + "}"
			if deep && r.IntN(2) == 0 {
				def = "[" + def[1:len(def)-1] + "]"
			}
		}
		fields = append(fields, fmt.Sprintf("F%d:%s", i, def))
	}
	*n++
	name := fmt.Sprintf("TYPE%d", *n)
	d.Structure(name, strings.Join(fields, " "))
	return name
}

const alphabet = "ABCdef 0123456789äß€四&<>\x01"

func randomText(r *rand.Rand, n int) string {
	runes := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return strings.TrimRight(b.String(), " ")
}

func randomValue(r *rand.Rand, f *metadata.Field) any {
	switch f.Kind {
	case metadata.Char:
		return randomText(r, f.Length)
	case metadata.String:
		return randomText(r, 100)
	case metadata.Numc:
		return fmt.Sprintf("%0*d", f.Length, r.IntN(10))
	case metadata.Date:
		return fmt.Sprintf("%04d%02d%02d", 1+r.IntN(9999), 1+r.IntN(12), 1+r.IntN(28))
	case metadata.Time:
		return fmt.Sprintf("%02d%02d%02d", r.IntN(24), r.IntN(60), r.IntN(60))
	case metadata.Raw:
		b := make([]byte, f.Length)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	case metadata.XString:
		return []byte(randomText(r, 50))
	case metadata.Packed:
		return fmt.Sprint(r.IntN(1000) - 500)
	case metadata.DecFloat16:
		return fmt.Sprintf("%dE%d", r.Int64N(2e16)-1e16, r.IntN(700)-380)
	case metadata.DecFloat34:
		return fmt.Sprintf("%d%018dE%d", r.Int64N(2e16)-1e16, r.Int64N(1e18), r.IntN(12000)-6000)
	case metadata.UTCLong, metadata.UTCSecond, metadata.UTCMinute:
		v, _ := abap.TimestampFromRaw(r.Int64N(5258967841), abap.Minutes)
		return v
	case metadata.DTDay:
		v, _ := abap.DateFromDay(r.Int32N(3652062))
		return v
	case metadata.DTWeek:
		v, _ := abap.WeekFromRaw(r.Int32N(521726))
		return v
	case metadata.DTMonth:
		v, _ := abap.MonthFromRaw(r.Int32N(119989))
		return v
	case metadata.TSecond, metadata.TMinute:
		v, _ := abap.TimeOfDayFromRaw(r.Int32N(1442), abap.Minutes)
		return v
	case metadata.CDay:
		v, _ := abap.MonthDayFromRaw(int16(r.IntN(367)))
		return v
	case metadata.Float:
		return r.NormFloat64()
	case metadata.Int1:
		return r.IntN(256)
	case metadata.Int2:
		return r.IntN(65536) - 32768
	case metadata.Int4:
		return int32(r.Uint32())
	case metadata.Int8:
		return int64(r.Uint64())
	case metadata.Structure, metadata.DeepStructure:
		return randomRow(r, f.Type)
	case metadata.Table:
		rows := []any{}
		for range r.IntN(4) {
			if f.Type.Scalar() {
				rows = append(rows, randomValue(r, &f.Type.Fields[0]))
			} else {
				rows = append(rows, randomRow(r, f.Type))
			}
		}
		return rows
	default:
		return nil
	}
}

func randomRow(r *rand.Rand, t *metadata.Type) Params {
	p := Params{}
	for i := range t.Fields {
		if r.IntN(8) > 0 {
			p[t.Fields[i].Name] = randomValue(r, &t.Fields[i])
		}
	}
	return p
}

func TestEncodingOfDecodedValuesIsTheSame(t *testing.T) {
	t.Parallel()
	reps := []Representation{{}, {BigEndian: true, Text: lookup(t, "4102")}, {Text: lookup(t, "1100")}, {BigEndian: true}}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		d, n := new(metadata.Dictionary), 0
		flat, deep := randomType(r, d, &n, 2, false), randomType(r, d, &n, 2, true)
		require.NoError(t, d.Err())
		f, err := d.Function("Z_RANDOM", fmt.Sprintf(
			"CHANGING A:{%[1]s}\nCHANGING B:{%[2]s}\nCHANGING C:[%[1]s]\nTABLES D:[%[1]s]\nTABLES E:[%[2]s]\nCHANGING G:g\nCHANGING H:C20", flat, deep))
		require.NoError(t, err)
		in := Params{}
		for i := range f.Parameters {
			in[f.Parameters[i].Name] = randomValue(r, &f.Parameters[i].Field)
		}
		for _, rep := range reps {
			w := Writer{Function: f, Representation: rep, Reply: seed%2 == 0, TableIDs: seed%3 == 0}
			b, err := w.Append(nil, in)
			if errors.Is(err, ErrConversion) && rep.CharWidth() == 1 {
				continue // the alphabet does not fit Latin-1
			}
			require.NoError(t, err, "seed %d", seed)
			var s Section
			s.Reset(f, rep, w.Reply)
			require.NoError(t, feed(&s, b))
			var out Params
			require.NoError(t, s.Scan(&out))
			w.NextTableID = 0
			again, err := w.Append(nil, out)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(again), "seed %d", seed)
			js, err := s.AppendJSON(nil)
			require.NoError(t, err)
			out, err = FromJSON(f, js)
			require.NoError(t, err, "seed %d: %s", seed, js)
			w.NextTableID = 0
			again, err = w.Append(nil, out)
			require.NoError(t, err, "seed %d: %s", seed, js)
			require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(again), "seed %d", seed)
			if rep.Text == nil && seed < 20 {
				for range 200 {
					bad := append([]byte{}, b...)
					bad[r.IntN(len(bad))] ^= byte(1 << r.IntN(8))
					s.Reset(f, rep, w.Reply)
					if feed(&s, bad) == nil {
						var p Params
						_ = s.Scan(&p)
					}
				}
			}
		}
	}
}

func TestFromJSON(t *testing.T) {
	t.Parallel()
	f := function(t, "IMPORTING S:{RFCTEST} OPTIONAL\nIMPORTING P:P8.2\nTABLES T:[RFCTEST]\nTABLES X:[X2]")
	p, err := FromJSON(f, []byte(`{"P": 12345678901234.56, "S": {"RFCDATE": "2026-07-05", "RFCTIME": "12:34:56", "RFCHEX3": "AQI="},
		"T": [{"RFCINT4": 1}, {"RFCCHAR1": null}], "X": ["AQI=", {"": "AQ=="}]}`))
	require.NoError(t, err)
	js, err := AppendJSON(nil, f, p)
	require.NoError(t, err)
	require.Equal(t, `{"S":{"RFCHEX3":"AQI=","RFCTIME":"123456","RFCDATE":"20260705"},"P":"12345678901234.56","T":[{"RFCINT4":1},{}],"X":["AQI=",{"":"AQ=="}]}`, string(js))
	for in, want := range map[string]string{
		"{\n \"P\": 1,\n \"T\": [{}, {\"RFCINT1\": 256}]}": "json line 3 column 24: T[1].RFCINT1: INT1: 256 is out of range 0 to 255",
		`{"PP": 1}`:                      "json line 1 column 2: function Z_TEST: field 'PP' not found; did you mean P?",
		`{"P": 1, "P": 2}`:               "P twice",
		`{"P": true}`:                    "P: P(8,2): a JSON boolean cannot be converted",
		`{"P": 1} x`:                     "behind the end",
		`{"P": `:                         "json line 1",
		`{"S": []}`:                      "array passed, an object is required",
		`{"T": {}}`:                      "object passed, an array for a TABLE is required",
		`{"S": {"RFCDATE": "20260230"}}`: "S.RFCDATE: DATE",
		`{"S": {"RFCHEX3": "0102zz"}}`:   "base64 is required",
		`[]`:                             "array passed",
	} {
		_, err := FromJSON(f, []byte(in))
		var je *JSONError
		require.ErrorAs(t, err, &je, in)
		require.Contains(t, err.Error(), want)
	}
}

func TestG6TypedCallDoesNotAllocate(t *testing.T) {
	f := testFunction(t, "STFC_CONNECTION")
	w := Writer{Function: f}
	in := &connectionCall{Text: "Hello SAP"}
	reply, err := (&Writer{Function: f, Reply: true}).Append(nil, Params{"ECHOTEXT": "Hello SAP", "RESPTEXT": "SAP"})
	require.NoError(t, err)
	items := itemsOf(t, append(reply, 0xff, 0xff, 0, 0, 0xff, 0xff))
	var s Section
	buf := make([]byte, 0, 4096)
	run := func() {
		_, err1 := w.Append(buf, in)
		s.Reset(f, Representation{}, true)
		for _, it := range items {
			_, err := s.Item(it)
			err1 = errors.Join(err1, err)
		}
		if err1 = errors.Join(err1, s.Finish(), s.Scan(in)); err1 != nil {
			t.Fatal(err1)
		}
	}
	run()
	if raceEnabled {
		return
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, run), 1.0, "goal G6")
	dynamic := func() {
		_, err1 := w.Append(buf, Params{"REQUTEXT": "Hello SAP"})
		s.Reset(f, Representation{}, true)
		for _, it := range items {
			_, err := s.Item(it)
			err1 = errors.Join(err1, err)
		}
		var out Params
		if err1 = errors.Join(err1, s.Finish(), s.Scan(&out)); err1 != nil {
			t.Fatal(err1)
		}
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, dynamic), 12.0, "goal G7")
}

func TestG12StructRowsDoNotAllocate(t *testing.T) {
	f := function(t, "TABLES T:[T10]")
	msg, err := (&Writer{Function: f, Reply: true}).Append(nil, Params{"T": t10Rows(1)})
	require.NoError(t, err)
	var s Section
	s.Reset(f, Representation{}, true)
	require.NoError(t, feed(&s, msg))
	table, err := s.Table("T")
	require.NoError(t, err)
	d, err := NewRowDecoder[t10](table.Parameter(), table.Representation(), Options{})
	require.NoError(t, err)
	var row t10
	require.Less(t, testing.AllocsPerRun(2000, func() {
		if err := d.Decode(table.Row(0), &row); err != nil {
			t.Fatal(err)
		}
	}), 0.5)
	require.Equal(t, t10Rows(1)[0], row)
}

func TestFastCellsAgreeWithCodepage(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 11))
	alphabet := []rune("Az09 .~\x00\x7f\u0080\u00a0\u00ff\u2020\u4e00 ")
	for range 50_000 {
		units := r.IntN(12)
		if r.IntN(3) == 0 {
			units = r.IntN(300)
		}
		src := make([]byte, 2*units)
		used := r.IntN(units + 1)
		ascii := r.IntN(2) == 0
		for i := range units {
			c := ' '
			if i < used {
				c = alphabet[r.IntN(len(alphabet))]
				if ascii && c >= 0x80 {
					c = 'x'
				}
			}
			binary.LittleEndian.PutUint16(src[2*i:], uint16(c))
		}
		want, err := codepage.DecodeUTF16LE(nil, codepage.TrimBlanksUTF16LE(src))
		require.NoError(t, err)
		dst := make([]byte, max(units, minCellText))
		n, ok := cellText(dst, src)
		plain := true
		for _, c := range want {
			plain = plain && c < 0x80
		}
		require.Equal(t, plain, ok, "% x", src)
		if !ok {
			continue
		}
		require.Equal(t, string(want), string(dst[:n]), "% x", src)
		cell := bytes.Repeat([]byte{' ', 0}, units)
		require.True(t, fillText(cell, string(want)))
		require.Equal(t, src, cell)
	}
	require.False(t, fillText(make([]byte, 6), "\u00e4a"))
	require.False(t, fillText(make([]byte, 6), "abcd"))
}

package serialization

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

func deepDictionary(t testing.TB) *metadata.Dictionary {
	t.Helper()
	d := testDictionary()
	d.Structure("CHILD", "COUNT:I")
	d.Structure("ROWS", "VALUE:N4 PAYLOAD:X3")
	d.Structure("ROOT", "TEXT:g CHILD:{CHILD} ROWS:[ROWS] BLOB:y")
	d.Structure("ALL", "S:g C:C5 N:N4 D:D T:T X:X3 P:P4.2 F:F I:I I2:s I1:b I8:8 Y:y U:{RFCTEST} H:[C2] V:{ROOT} 0X:X4")
	require.NoError(t, d.Err())
	return d
}

func docSection(t testing.TB, f *metadata.Function, pieces ...string) (*Section, error) {
	t.Helper()
	var s Section
	s.Reset(f, Representation{}, true)
	items := []chain.Item{item(chain.XMLBracket, nil)}
	for _, p := range pieces {
		items = append(items, item(chain.XMLPiece, []byte(p)))
	}
	for _, it := range append(items, item(chain.XMLBracket, nil)) {
		if _, err := s.Item(it); err != nil {
			return &s, err
		}
	}
	return &s, s.Finish()
}

func TestDeepStructRoundTrip(t *testing.T) {
	t.Parallel()
	type child struct{ Count int }
	type rows struct {
		Value   string
		Payload []byte
	}
	type root struct {
		Text  string
		Child *child
		Rows  []rows
		Blob  []byte
	}
	type all struct {
		S, C, N string
		D       abap.Date
		T       abap.Time
		X       []byte
		P       abap.Decimal
		F       float64
		I       int
		I2      int16
		I1      uint8
		I8      int64
		Y       []byte
		U       rfctest
		H       []string
		V       root
		X0      []byte `rfc:"0X"`
	}
	d := deepDictionary(t)
	f, err := d.Function("Z_TEST", "CHANGING A:{ALL}\nTABLES DEEP:[ALL]")
	require.NoError(t, err)
	dec, _ := abap.ParseDecimal("-12.50")
	in := all{
		S: "Grüße <&> \t 四 ", C: "a\x01&", N: "0042", D: mustDate(t, "20260705"), T: mustTime(t, "123456"),
		X: []byte{1, 2, 3}, P: dec, F: 1.5e-9, I: -5, I2: 7, I1: 255, I8: 1 << 60, Y: []byte("yy"),
		U: rfctest{Float: 1e21, Char1: "A", Hex3: []byte{1, 2, 3}}, H: []string{"AB", "C"},
		V:  root{Text: strings.Repeat("long text ", 3000), Child: &child{5}, Rows: []rows{{"0001", []byte{1, 2, 3}}}, Blob: []byte{9}},
		X0: []byte{0xde, 0xad, 0xbe, 0xef},
	}
	type call struct {
		A    all
		Deep []*all
	}
	for _, reply := range []bool{false, true} {
		w := Writer{Function: f, Reply: reply}
		b, err := w.Append(nil, call{in, []*all{&in, {}}})
		require.NoError(t, err)
		for _, it := range itemsOf(t, chain.AppendEnd(b)) {
			require.LessOrEqual(t, len(it.Value), map[bool]int{false: requestPiece, true: replyPiece}[reply])
		}
		var s Section
		s.Reset(f, Representation{}, reply)
		require.NoError(t, feed(&s, b))
		var out call
		require.NoError(t, s.Scan(&out))
		same := cmp.Exporter(func(reflect.Type) bool { return true })
		require.Empty(t, cmp.Diff(in, out.A, same))
		require.Empty(t, cmp.Diff(&in, out.Deep[0], same))
		n := 0
		for row, err := range Rows[all](&s, "DEEP") {
			require.NoError(t, err)
			if n == 0 {
				require.Empty(t, cmp.Diff(in, row, same))
			}
			n++
		}
		require.Equal(t, 2, n)
		for _, err := range Rows[Params](&s, "DEEP") {
			require.NoError(t, err)
			break
		}
		var p Params
		require.NoError(t, s.Scan(&p))
		again, err := w.Append(nil, p)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(b), hex.EncodeToString(again))
		js, err := s.AppendJSON(nil)
		require.NoError(t, err)
		require.True(t, json.Valid(js))
		back, err := FromJSON(f, js)
		require.NoError(t, err)
		again, err = w.Append(nil, back)
		require.NoError(t, err)
		require.Equal(t, hex.Dump(b)[:3000], hex.Dump(again)[:3000])
		require.True(t, bytes.Equal(b, again))
	}
	w := Writer{Function: f}
	_, err = w.Append(nil, Params{"A": Params{"V": Params{"ROWS": []Params{{}, {"PAYLOAD": []byte("1234")}}}}})
	require.EqualError(t, err, "A.V.ROWS[1].PAYLOAD: BYTE(3): 4 bytes, at most 3 (value 31323334)")
}

func TestB24Base64Lines(t *testing.T) {
	t.Parallel()
	f := testFunction(t, "STFC_DEEP_TABLE")
	raw := make([]byte, 200)
	text := base64.StdEncoding.EncodeToString(raw)
	s, err := docSection(t, f, "<EXPORT_TAB><item><XSTR>"+text[:76]+"\n"+text[76:152]+"\n"+text[152:]+"</XSTR></item></EXPORT_TAB>")
	require.NoError(t, err)
	v, err := s.Value("EXPORT_TAB")
	require.NoError(t, err)
	require.Equal(t, raw, v.([]Params)[0]["XSTR"])
}

func TestElementNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"/NS/TEXTS": "_-NS_-TEXTS", "0X": "_--30X", "A%B": "A_--25B", "A_B": "A_B", "A\u00df": "A_--DF", "四": "四"} {
		require.Equal(t, want, escapeName(name))
		back, err := unescapeName(nil, []byte(want))
		require.NoError(t, err)
		require.Equal(t, name, string(back))
	}
	for _, bad := range []string{"_--", "_--3", "_--ZZ"} {
		_, err := unescapeName(nil, []byte(bad))
		require.Error(t, err)
	}
}

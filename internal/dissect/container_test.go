package dissect

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/fastser"
	"github.com/purerfc/purerfc/internal/sapcompress"
)

// containerCall is a call with the given items behind 0512.
func containerCall(items ...chain.Item) []byte {
	b := chain.AppendEmpty(nil, chain.Call)
	b = chain.Append(b, chain.CallerRelease, wide("758"))
	b = chain.Append(b, chain.FunctionName, wide("Z_FAST"))
	b = chain.AppendEmpty(b, chain.Parameters)
	for _, it := range items {
		b = chain.Append(b, it.Tag, it.Value)
	}
	return chain.AppendEnd(b)
}

// container gives the listed item of a record and the whole text of it.
func container(t testing.TB, r *Record, tag string) string {
	t.Helper()
	for _, it := range r.Items {
		if it.Tag == tag {
			return it.Text
		}
	}
	t.Fatalf("no item %s", tag)
	return ""
}

func textOf(t testing.TB, f capture.Frame, o TextOptions) string {
	t.Helper()
	doc, err := Decode([]capture.Frame{f})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteText(&out, doc, o))
	return out.String()
}

func TestFastSerializationOfTheVectorsIsShown(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct{ Name, Kind, Hex string }
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "fast-serialization.json"), &file))
	want := map[string]struct {
		text       string
		parameters []Parameter
	}{
		"rfc_ping_item": {"version 3, understands 3, options 2040, 0 names, 0 parameters", []Parameter{}},
		"stfc_string_request_item_rebuilt": {
			"version 2, understands 3, options 6040 LZ4, 2 names, 1 parameters",
			[]Parameter{{Name: "QUESTION", Length: 513, Kind: Scalar, Text: `\TYPE=STRING TABLE_LINE STRING="` + strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 20)[:513] + `"`}},
		},
		"rfc_system_info_reply_item": {
			"version 3, understands 3, options 25c0 unnamed, 0 names, 1 parameters",
			[]Parameter{{Name: "RFCSI_EXPORT", Length: 118, Kind: Scalar, Text: `CHAR(3)="011" CHAR(4)="4103" CHAR(3)="LIT" CHAR(3)="IE3" CHAR(32)="vhcala4hci_A4H_00" CHAR(8)="vhcala4h" CHAR(8)="A4H" ` +
				`CHAR(8)="A4H" CHAR(32)="vhcala4hci" CHAR(10)="HDB" CHAR(4)="758" CHAR(5)="  390" CHAR(10)="Linux" CHAR(6)="     0" CHAR(1)=initial CHAR(15)="172.17.0.3" ` +
				`CHAR(4)="793" CHAR(32)="vhcala4hci" CHAR(12)=initial CHAR(45)="172.17.0.3"`}},
		},
	}
	found := 0
	for _, v := range file.Vectors {
		if v.Kind != "item" {
			continue
		}
		found++
		b, err := hex.DecodeString(v.Hex)
		require.NoError(t, err)
		r := one(t, request(containerCall(chain.Item{Tag: chain.FastSerialization, Value: b[4 : len(b)-2]})))
		require.Equal(t, want[v.Name].text, container(t, r, "5001"), v.Name)
		require.Equal(t, want[v.Name].parameters, r.Parameters, v.Name)
		require.Equal(t, KindCall, r.Kind)
	}
	require.Len(t, want, found)
	r := one(t, request(containerCall(fastContainer(t, fastser.Plain|fastser.LZ4, "QUESTION"))))
	require.Equal(t, []string{"QUESTION", "MYANSWER"}, r.Fields.Get("actual_parameters"))
}

// fastContainer has a text, a number, a structure and a table.
func fastContainer(t testing.TB, o fastser.Options, name string) chain.Item {
	t.Helper()
	b := fastser.Body{Header: fastser.Header{Version: 2, Understood: 3, Substitute: '#', Options: o}, Listed: []string{name, "MYANSWER"}, Parameters: []fastser.Parameter{
		{
			Name: name, TypeName: `\TYPE=CHAR30`, Fields: []fastser.Field{{Code: fastser.Char, Width: 60, Name: fastser.ScalarField}},
			Values: []fastser.Value{{Marker: fastser.Cut, Data: []byte("xxOpenSesamexx")}},
		},
		{
			Name: "LOGON", TypeName: `\TYPE=ZLOGON`, Fields: []fastser.Field{{Code: fastser.Int4, Name: "N"}, {Code: fastser.Text, Name: name}},
			Values: []fastser.Value{{Marker: fastser.Number, Data: []byte{0xfe, 0xff, 0xff, 0xff}}, {Marker: fastser.String, Data: []byte("xxOpenSesamexx")}},
		},
		{Name: "T", Table: true, TableID: 9, TypeName: `\TYPE=%_T1`},
	}}
	out, err := b.AppendBinary(nil)
	require.NoError(t, err)
	return chain.Item{Tag: chain.FastSerialization, Value: out}
}

func TestFastSerializationIsShownAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	it := fastContainer(t, fastser.Plain, "TEXT")
	r := one(t, request(containerCall(it)))
	require.Equal(t, []Parameter{
		{Name: "TEXT", Length: 14, Kind: Scalar, Text: `\TYPE=CHAR30 TABLE_LINE CHAR(30)="xxOpenSesamexx"`},
		{Name: "LOGON", Length: 18, Kind: Scalar, Text: `\TYPE=ZLOGON N INT4=-2 TEXT STRING="xxOpenSesamexx"`},
		{Name: "T", Kind: TableKind, Text: `no rows, table id 9, \TYPE=%_T1`},
	}, r.Parameters)
	// Cut at every byte: the recording goes on.
	for n := range it.Value {
		r := one(t, request(containerCall(chain.Item{Tag: it.Tag, Value: it.Value[:n]})))
		require.Contains(t, container(t, r, "5001"), "; not read further: fastser ")
	}
	bad := bytes.Clone(it.Value)
	at := bytes.Index(bad, []byte("S\x0e\xc0"))
	bad[at] = 'P'
	r = one(t, request(containerCall(chain.Item{Tag: it.Tag, Value: bad})))
	require.Contains(t, container(t, r, "5001"), fmt.Sprintf("field value at offset %d: not supported in fast serialization: want I or S for TEXT STRING, got 50 'P'", at))
	require.Equal(t, "LOGON", r.Parameters[1].Name)
	require.Equal(t, `\TYPE=ZLOGON N INT4=-2 TEXT STRING`, r.Parameters[1].Text)
	require.Len(t, r.Parameters, 2)
}

func ofs1Block(t testing.TB) []byte {
	t.Helper()
	var file struct {
		OFS1 struct {
			Blocks []struct{ Layout, Hex string }
		}
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "vectors", "fastser.json"), &file))
	b, err := hex.DecodeString(file.OFS1.Blocks[1].Hex)
	require.NoError(t, err)
	require.Equal(t, "C", file.OFS1.Blocks[1].Layout)
	return b
}

func TestOFS1BlocksAreShown(t *testing.T) {
	t.Parallel()
	b := ofs1Block(t)
	it := chain.Item{Tag: chain.OFS1, Value: b}
	r := one(t, request(containerCall(it)))
	require.Equal(t, "OFS1 columnar layout, compression none, code page 4110, 132 bytes plain, 132 stored, 1 requested, 3 values", container(t, r, "7e01"))
	require.Equal(t, []string{"ET_OUT"}, r.Fields.Get("requested"))
	require.Equal(t, []Parameter{
		{Name: "IV_TEXT", Kind: Scalar, Text: "CHAR(30)"},
		{Name: "IV_N", Kind: Scalar, Text: "INT"},
		{Name: "IT_ROWS", Kind: TableKind, Rows: 4, Text: "4 rows of ZROW of 5 fields"},
	}, r.Parameters)
	for n := range b {
		r := one(t, request(containerCall(chain.Item{Tag: it.Tag, Value: b[:n]}, it)))
		if bytes.HasSuffix(b[:n], []byte{0, 0, 0}) {
			require.Equal(t, Masked, container(t, r, "7e01"), "it looks as if it had been redacted")
			continue
		}
		require.Contains(t, container(t, r, "7e01"), "; not read further: ofs1 ")
	}
	bad := bytes.Clone(b)
	bad[len(bad)-1] ^= 1
	r = one(t, request(containerCall(chain.Item{Tag: it.Tag, Value: bad}, it)))
	require.Contains(t, container(t, r, "7e01"), "checksum")
	require.Contains(t, r.Items[5].Text, "a block in front of it could not be read")
	require.Empty(t, r.Parameters)
}

// TestContainersKeepSecrets: neither texts nor dumps nor recordings show a value whose name
// says that it is a password.
func TestContainersKeepSecrets(t *testing.T) {
	t.Parallel()
	const secret = "xxOpenSesamexx"
	block := ofs1Block(t)
	block = bytes.Replace(block, []byte("IV_TEXT"), []byte("IVPASSW"), 1) // breaks the checksum, as damage may
	for name, f := range map[string]capture.Frame{
		"plain":     request(containerCall(fastContainer(t, fastser.Plain, "NEW_PASSWORD"))),
		"LZ4":       request(containerCall(fastContainer(t, fastser.Plain|fastser.LZ4, "NEW_PASSWORD"))),
		"damaged":   request(containerCall(chain.Item{Tag: chain.FastSerialization, Value: append([]byte("?"), fastContainer(t, fastser.Plain, "NEW_PASSWORD").Value...)})),
		"OFS1":      request(containerCall(chain.Item{Tag: chain.OFS1, Value: append(block, "PASSWORD "+secret...)})),
		"long form": request(containerCall(chain.Item{Tag: chain.OFS1, Value: append(make([]byte, 70_000), "PASSWORD "+secret...)})),
	} {
		for _, o := range []TextOptions{{}, {Hex: true}} {
			require.NotContains(t, strings.ReplaceAll(textOf(t, f, o), "\n", ""), "OpenSesame", name)
			require.NotContains(t, textOf(t, f, o), "4f 70 65 6e 53", name)
		}
		require.NotContains(t, string(Redact(f).Payload), "OpenSesame", name)
		require.Len(t, Redact(f).Payload, len(f.Payload))
		require.Equal(t, textOf(t, f, TextOptions{}), textOf(t, Redact(f), TextOptions{}), name)
	}
	open := request(containerCall(fastContainer(t, fastser.Plain, "TEXT")))
	require.Contains(t, textOf(t, open, TextOptions{}), "OpenSesame")
	require.Equal(t, open, Redact(open), "what names no secret is recorded as it is")
}

// TestContainerBombsCostNoMemory counts what a record of a small message takes.
func TestContainerBombsCostNoMemory(t *testing.T) {
	h := []byte("$H\x03\x03\x00\x41\x03\x00#\x00\x40\x60\x00\x00")
	packed := func(body string) chain.Item {
		out, err := sapcompress.AppendLZ4Frame(bytes.Clone(h), []byte(body))
		require.NoError(t, err)
		return chain.Item{Tag: chain.FastSerialization, Value: out}
	}
	for name, it := range map[string]chain.Item{
		"4 GiB":           {Tag: chain.FastSerialization, Value: append(bytes.Clone(h), "4\xff\xff\xff\xff\x01\x00\x00\x00\x00"...)},
		"8 MiB":           packed(strings.Repeat("E", 8<<20)),
		"10000 names":     packed(strings.Repeat("T\x04NAME", 10_000) + "E"),
		"parameters":      packed(strings.Repeat("Q\x01XD\x02\x00\x06\x3c\x00\x02II", 10_000) + "E"),
		"fields":          packed(strings.Repeat("Q\x01XD\xff\x0f"+strings.Repeat("\x02", 4095)+strings.Repeat("I", 4095), 32) + "E"),
		"OFS1 of zeros":   {Tag: chain.OFS1, Value: append([]byte("OFS1C\x01\x0e\x10\xff\xff\xff\x7f"), make([]byte, 1000)...)},
		"OFS1 just below": {Tag: chain.OFS1, Value: append([]byte("OFS1C\x02\x0e\x10\x00\x00\x14\x00\xe8\x03\x00\x00\x00\x00\x00\x00"), make([]byte, 1000)...)},
	} {
		f := request(containerCall(it))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		doc, err := Decode([]capture.Frame{f})
		runtime.ReadMemStats(&after)
		require.NoError(t, err, name)
		took := after.TotalAlloc - before.TotalAlloc
		require.LessOrEqual(t, took, uint64(20<<20), name)
		b, err := doc.JSON()
		require.NoError(t, err)
		t.Logf("%s: %d bytes of item, %d on the way, %d shown", name, len(it.Value), took, len(b))
		require.LessOrEqual(t, len(b), 3*(minShown+shownRatio*len(it.Value)+maxText), name)
		require.Less(t, len(b), math.MaxInt32)
	}
}

package dissect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/saprouter"
	"github.com/purerfc/purerfc/serialization"
)

func wide(s string) []byte { return codepage.AppendUTF16LELenient(nil, s) }

func record(h cpic.Header, data ...byte) []byte {
	h.Version, h.Protocol, h.UID = 6, 2, 0xffff
	h.ConversationID = [8]byte([]byte("12345678"))
	b, _ := h.AppendBinary(nil)
	return append(b, data...)
}

// request wraps a message of a client as one F_SAP_SEND record.
func request(data []byte) capture.Frame {
	b := record(cpic.Header{Function: cpic.SAPSend, ParamLength: 8, Info: cpic.InfoSync | cpic.InfoWithParamsHeader, Vector: 0x0c, CommIndex: 0xffff}, data...)
	b, _ = cpic.Trailer{DataLength: uint32(len(data)), ReceiveLimit: cpic.ReceiveLimit}.AppendBinary(b)
	return capture.Frame{Payload: b}
}

// sliced cuts a message of a client into slices of n bytes and an empty F_RECEIVE.
func sliced(data []byte, n int) (list []capture.Frame) {
	for len(data) > 0 {
		part := data[:min(n, len(data))]
		data = data[len(part):]
		h := cpic.Header{Function: cpic.AsyncSendData, CommIndex: 0xffff}
		h.SetSendLength(uint32(len(part)))
		list = append(list, capture.Frame{Payload: record(h, part...)})
	}
	return append(list, capture.Frame{Payload: record(cpic.Header{Function: cpic.Receive, Info: cpic.InfoSync, CommIndex: 0xffff})})
}

// answer wraps a message of a server as one final record.
func answer(data []byte) capture.Frame {
	h := cpic.Header{Function: cpic.SAPSend, Vector: 0x0c, Info: cpic.InfoSync | cpic.InfoWithParamsHeader, ParamLength: 8}
	h.SetReceiveInfo(cpic.ReceiveInfo{RequestedLength: 28000, DataReceived: 2, ReceivedLength: uint32(len(data)), StatusReceived: 1, Codepage: "4103"})
	return capture.Frame{Payload: record(h, data...)}
}

func one(t testing.TB, f capture.Frame) *Record {
	t.Helper()
	doc, err := Decode([]capture.Frame{f})
	require.NoError(t, err)
	return doc.Frames[0]
}

func TestEBCDICRefusalIsShown(t *testing.T) {
	t.Parallel()
	cp, err := codepage.Lookup("0120")
	require.NoError(t, err)
	data, err := cp.Append(nil, "FREE100024error", codepage.Policy{})
	require.NoError(t, err)
	r := one(t, answer(append(data, "      "...)))
	require.Equal(t, KindLogonRefusal, r.Kind)
	require.Equal(t, "FREE100024error", r.Exception.Message)
	require.Equal(t, "s2c", r.Direction)
}

func TestBigEndianCallIsRecognisedWithoutItsLogon(t *testing.T) {
	t.Parallel()
	be := func(s string) []byte { return codepage.AppendUTF16BELenient(nil, s) }
	b := chain.AppendEmpty(nil, chain.Call)
	b = chain.Append(b, chain.CallerRelease, be("750"))
	b = chain.Append(b, chain.FunctionName, be("Z_BIG"))
	b = chain.AppendEmpty(b, chain.Parameters)
	b = chain.Append(b, chain.RequestedName, be("OUT"))
	b = chain.Append(b, chain.ParameterName, be("N"))
	b = chain.Append(b, chain.ParameterValue, []byte{0, 0, 0, 7})
	b = chain.Append(b, chain.ParameterName, be("C"))
	b = chain.Append(b, chain.ParameterValue, be("text  "))
	r := one(t, request(chain.AppendEnd(b)))
	require.Equal(t, "Z_BIG", r.Function)
	require.Equal(t, []Parameter{{Name: "N", Length: 4, Text: "7", Kind: Scalar}, {Name: "C", Length: 12, Text: "text", Kind: Scalar}}, r.Parameters)
}

func TestSenderDescriptionSetsTheCodePageOfLaterMessages(t *testing.T) {
	t.Parallel()
	head := func(d []byte, name string) []byte {
		b := append([]byte(nil), signature...)
		b = chain.Append(b, chain.SenderDescription, d)
		b = chain.AppendEmpty(b, chain.Call)
		return chain.AppendEnd(chain.AppendText(b, chain.FunctionName, name))
	}
	// A single-byte partner in code page 1401 (ISO 8859-2) that is no Unicode client.
	logon := head([]byte{3, 1, 1, 1, 1, 4, 0, 1}, "RFCPING")
	b := chain.AppendText(nil, chain.FunctionName, "Z_OLD")
	b = chain.AppendText(b, chain.ParameterName, "P")
	b = chain.Append(b, chain.ParameterValue, []byte{0xb1, 'b', 'c', ' '})
	doc, err := Decode([]capture.Frame{request(logon), request(chain.AppendEnd(b))})
	require.NoError(t, err)
	require.Equal(t, KindLogon, doc.Frames[0].Kind)
	require.Equal(t, "ąbc", doc.Frames[1].Parameters[0].Text)

	_, err = Decode([]capture.Frame{request(head([]byte{3, 1, 1, 1, 9, 9, 9, 9}, "RFCPING"))})
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.ErrorContains(t, err, "9999")
}

func TestMessagesAreJoinedAcrossRecords(t *testing.T) {
	t.Parallel()
	b := chain.AppendEmpty(nil, chain.Call)
	b = chain.Append(b, chain.FunctionName, wide("Z_LONG"))
	b = chain.AppendEmpty(b, chain.Parameters)
	b = chain.Append(b, chain.ParameterName, wide("P"))
	b = chain.Append(b, chain.ParameterValue, bytes.Repeat([]byte("x\x00"), 40_000)) // the long form of a length
	b = chain.AppendEnd(b)
	for _, n := range []int{1 + len(b)/7, 28_000, 33} {
		list := sliced(b, n)
		// A gateway pings in the middle; another stream comes in between.
		ping := capture.Frame{Payload: record(cpic.Header{Function: cpic.SAPPing, CommIndex: 3})}
		other := answer(chain.AppendEnd(chain.AppendEmpty(nil, chain.Reply)))
		other.Stream = 1
		list = append(list[:1:1], append([]capture.Frame{ping, other}, list[1:]...)...)
		doc, err := Decode(list)
		require.NoError(t, err)
		last := doc.Frames[len(doc.Frames)-1]
		require.Equal(t, "Z_LONG", last.Function)
		require.Equal(t, uint64(len(b)), last.Fields.Get("message_length"))
		require.Equal(t, 80_000, last.Parameters[0].Length)
		require.Equal(t, KindMore, doc.Frames[0].Kind)
		require.Nil(t, doc.Frames[0].Fields.Get("incomplete"))

		doc, err = Decode(list[:len(list)-1])
		require.NoError(t, err)
		require.Equal(t, true, doc.Frames[len(doc.Frames)-1].Fields.Get("incomplete"))

		// Damage is placed in the record that holds it, as far as that is the last one.
		broken := bytes.Clone(b)
		broken[len(broken)-1] ^= 1
		_, err = Decode(append(sliced(broken, n), ping))
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
}

func TestReplyKindsAndTables(t *testing.T) {
	t.Parallel()
	info := func(width, rows uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), rows)
	}
	b := chain.AppendEmpty(nil, chain.Reply)
	b = chain.AppendEmpty(b, chain.Success)
	b = chain.AppendU32(b, chain.CallStatus, 0)
	b = chain.AppendEmpty(b, chain.Parameters)
	b = chain.AppendEmpty(b, chain.XMLBracket)
	b = chain.AppendText(b, chain.XMLPiece, "<DEEP>")
	b = chain.AppendText(b, chain.XMLPiece, "</DEEP>")
	b = chain.AppendEmpty(b, chain.XMLBracket)
	b = chain.AppendEmpty(b, chain.XMLBracket)
	b = chain.AppendText(b, chain.XMLPiece, "<NEW_PASSWORD>hidden</NEW_PASSWORD>")
	b = chain.AppendEmpty(b, chain.XMLBracket)
	b = chain.Append(b, chain.TableName, wide("ROWS"))
	b = chain.Append(b, chain.TableInfo, info(4, 2))
	b = chain.Append(b, chain.TableRow, wide("AB"))
	b = chain.Append(b, chain.TableRowRepeat, wide("C"))
	b = chain.Append(b, chain.TableName, wide("PACKED"))
	b = chain.Append(b, chain.TableInfo, info(10, 100))
	b = chain.Append(b, chain.TableBlock, make([]byte, 250))
	b = chain.Append(b, chain.TableBlockEnd, make([]byte, 30))
	b = chain.Append(b, chain.Program, wide("SAPLX"))
	b = chain.Append(b, chain.Duration, binary.LittleEndian.AppendUint64(nil, math.Float64bits(12.5)))
	b = chain.Append(b, 0x7777, []byte{1, 2, 3})
	r := one(t, answer(chain.AppendEnd(b)))
	require.Equal(t, KindReply, r.Kind)
	require.Equal(t, []Parameter{
		{Name: "DEEP", Length: 13, Text: "<DEEP></DEEP>", Kind: XMLKind},
		{Name: "NEW_PASSWORD", Length: 35, Text: Masked, Kind: XMLKind},
		{Name: "ROWS", Length: 6, Text: "2 rows of 4 bytes", Kind: TableKind, Rows: 2, Width: 4},
		{Name: "PACKED", Length: 280, Text: "100 rows of 10 bytes in 280 packed bytes", Kind: TableKind, Rows: 100, Width: 10},
	}, r.Parameters)
	require.Equal(t, "12.5", r.Fields.Get("duration_us"))
	require.Equal(t, "SAPLX", r.Fields.Get("program"))

	reply := func(add func([]byte) []byte) *Record {
		return one(t, answer(chain.AppendEnd(add(chain.AppendEmpty(nil, chain.Reply)))))
	}
	for want, add := range map[string]func([]byte) []byte{
		KindSystemFailure: func(b []byte) []byte {
			b = chain.Append(b, chain.ErrorText, []byte("single byte text!"))
			return chain.Append(b, chain.RuntimeErrorID, wide("RAISE_ERROR"))
		},
		KindMessage: func(b []byte) []byte { return chain.Append(b, chain.ErrorText, wide("a message")) },
		KindClassException: func(b []byte) []byte {
			b = chain.Append(b, chain.ClassExceptionUse, []byte{1})
			return chain.Append(b, chain.ExceptionKey, wide("CX_ROOT"))
		},
	} {
		r := reply(add)
		require.Equal(t, want, r.Kind)
		require.NotEmpty(t, r.Exception.Message+r.Exception.Key)
	}
	require.Equal(t, "single byte text!", reply(func(b []byte) []byte {
		return chain.Append(b, chain.ErrorText, []byte("single byte text!"))
	}).Exception.Message)
	require.Equal(t, KindSystemFailure, reply(func(b []byte) []byte { return chain.AppendU32(b, chain.CallStatus, 4) }).Kind)
}

func TestErrorRecordsAreRead(t *testing.T) {
	t.Parallel()
	info := ni.ErrorInfo{Text: "program MYPROG not registered", ReturnCode: "679", Component: "SAP-Gateway", Location: "host / sapgw00"}
	text, err := info.AppendBinary(nil)
	require.NoError(t, err)
	h := cpic.Header{Function: cpic.Initialize, Info4: cpic.Info4Init | cpic.Info4Reply, Info: cpic.InfoSync | cpic.InfoWithErrorInfo, ErrorLength: uint16(len(text)), ReturnCode: cpic.ProductSpecific, SAPReturnCode: 679}
	r := one(t, capture.Frame{Payload: record(h, text...)})
	require.Equal(t, []any{LayerAPPC, KindError, "s2c", int64(679), "program MYPROG not registered", "SAP-Gateway"},
		[]any{r.Layer, r.Kind, r.Direction, r.Fields.Get("sap_rc"), r.Fields.Get("error"), r.Fields.Get("component")})

	rt := ni.RouterError{Version: 40, Code: -94, Info: &info}
	b, err := rt.AppendBinary(nil)
	require.NoError(t, err)
	r = one(t, capture.Frame{Payload: b})
	require.Equal(t, []any{LayerRouter, "NI_RTERR", "s2c", int64(-94), "program MYPROG not registered"}, []any{r.Layer, r.Kind, r.Direction, r.Fields.Get("return_code"), r.Fields.Get("error")})
	for n := 9; n < len(b)-4; n++ { // the last four bytes are absent on older routers
		_, err := Decode([]capture.Frame{{Payload: b[:n]}})
		require.Error(t, err, n)
	}
}

func TestDamageNamesStreamFrameAndByte(t *testing.T) {
	t.Parallel()
	good := capture.Frame{Payload: []byte("NI_PING\x00"), Stream: 3}
	for name, tt := range map[string]struct {
		payload []byte
		want    string
	}{
		"unknown":  {[]byte("GET / HTTP/1.0\r\n"), "payload byte 0: ni payload at offset 0: malformed: want a gateway record"},
		"header":   {[]byte{6, 0xcb, 2}, "payload byte 3: appc header at offset 3: truncated: want 80 bytes, got 3"},
		"gateway":  {[]byte{2, 3, 1}, "payload byte 2: gateway GW_NORMAL_CLIENT: field client_ip at offset 2: truncated"},
		"chain":    {request([]byte{5, 2, 0, 9}).Payload, "payload byte 84: chain item at offset 4: truncated"},
		"function": {record(cpic.Header{Function: cpic.AsyncSendData, CommIndex: 0xffff}, 1, 2), "payload byte 48: appc F_ASEND_DATA: field send_length at offset 48: malformed: want the 2 bytes of the record, got 0"},
	} {
		doc, err := Decode([]capture.Frame{good, {Payload: tt.payload, Stream: 3, Offset: 12}, good})
		require.ErrorContains(t, err, tt.want, name)
		require.ErrorContains(t, err, "dissect: stream 3 ", name)
		require.ErrorContains(t, err, "frame 1 (at offset 12)", name)
		require.Len(t, doc.Frames, 1, name)
		var w *wire.Error
		require.ErrorAs(t, err, &w)
	}
	doc, err := Decode(nil)
	require.NoError(t, err)
	b, err := doc.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"frames":[]}`, string(b))
	b, err = new(Document).JSON()
	require.NoError(t, err)
	require.Equal(t, `{"frames":[]}`, string(b))
}

func TestJSONHasEveryKeyOfTheContract(t *testing.T) {
	t.Parallel()
	doc, err := Decode([]capture.Frame{{Payload: []byte("NI_PING\x00")}, request(chain.AppendEnd(chain.Append(nil, chain.FunctionName, wide("Z"))))})
	require.NoError(t, err)
	b, err := doc.JSON()
	require.NoError(t, err)
	var got struct{ Frames []map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(b, &got))
	for _, f := range got.Frames {
		for _, key := range []string{"index", "direction", "layer", "kind", "fields", "items", "function", "parameters", "exception"} {
			require.Contains(t, f, key)
		}
	}
	require.Equal(t, `{}`, string(got.Frames[0]["exception"]))
	require.Equal(t, `[]`, string(got.Frames[0]["items"]))
	require.Equal(t, `{}`, string(got.Frames[0]["fields"]))
	require.Equal(t, `0`, string(got.Frames[0]["index"]))
	require.JSONEq(t, `[{"tag":"0102","length":2,"name":"function","text":"Z","offset":0},{"tag":"ffff","length":0,"name":"end","text":"","offset":8}]`, string(got.Frames[1]["items"]))
}

func TestSecretsThatStraddleRecordsAreMasked(t *testing.T) {
	t.Parallel()
	secret := []byte("S3cr3tS3cr3tS3cr3tS3cr3t")
	b := append([]byte(nil), signature...)
	b = chain.AppendText(b, chain.User, "ME")
	b = chain.Append(b, chain.Password, secret)
	b = chain.Append(b, chain.Ticket, bytes.Repeat(secret, 10))
	b = chain.AppendEmpty(b, chain.Call)
	b = chain.AppendText(b, chain.FunctionName, "RFCPING")
	b = chain.AppendText(b, chain.ParameterName, "BAPIPWD")
	b = chain.Append(b, chain.ParameterValue, secret)
	b = chain.AppendText(b, chain.ParameterName, "OTHER")
	b = chain.AppendText(b, chain.ParameterValue, "plain to see")
	b = chain.AppendEnd(b)
	for n := 1; n < len(b)+2; n += 1 + n/3 {
		list := sliced(b, n)
		doc, err := Decode(list)
		require.NoError(t, err)
		js, err := doc.JSON()
		require.NoError(t, err)
		var text bytes.Buffer
		require.NoError(t, WriteText(&text, doc, TextOptions{Hex: true}))
		var r Redactor
		var redacted, original []byte
		var safe []capture.Frame
		for _, f := range list {
			g := r.Frame(f)
			require.Len(t, g.Payload, len(f.Payload))
			redacted = append(redacted, g.Payload[80:]...)
			original = append(original, f.Payload[80:]...)
			safe = append(safe, g)
		}
		require.Equal(t, b, original, "the frames of the caller are untouched")
		require.NotContains(t, string(redacted), "S3cr", n)
		require.Contains(t, string(redacted), "plain to see")
		if n >= 4 {
			require.NotContains(t, text.String(), "53 33 63 72")
		}
		require.NotContains(t, string(js)+text.String(), "S3cr")
		// What was redacted reads the same.
		again, err := Decode(safe)
		require.NoError(t, err)
		js2, err := again.JSON()
		require.NoError(t, err)
		require.Equal(t, string(js), string(js2))
	}
}

func TestRedactLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for _, f := range []capture.Frame{
		{Payload: []byte("NI_PING\x00")},
		{Payload: []byte{}},
		{Payload: []byte{6, 1}},
		{Payload: []byte("anything")},
		answer(chain.AppendEnd(chain.AppendEmpty(nil, chain.Reply))),
	} {
		require.Equal(t, f, Redact(f))
	}
	route := []byte("NI_ROUTE\x00\x02\x28\x02\x00\x00\x00\x01\x00\x00\x00\x14\x00\x00\x00\x0e" + "host\x003299\x00pass\x00" + "h2\x00s\x00\x00")
	got := Redact(capture.Frame{Payload: route})
	require.NotContains(t, string(got.Payload), "pass")
	require.Contains(t, string(got.Payload), "3299\x00****\x00h2\x00")
	pw := record(cpic.Header{Function: cpic.SetPassword, CommIndex: 0xffff, Operation: [28]byte{'p', 'a', 's', 's'}})
	require.NotContains(t, string(Redact(capture.Frame{Payload: pw}).Payload), "pass")
	r := one(t, capture.Frame{Payload: pw})
	require.Equal(t, Masked, r.Fields.Get("operation"))
	// Behind a broken item nothing is trusted.
	b := chain.AppendText(nil, chain.FunctionName, "X")
	b[len(b)-1] ^= 1
	b = chain.AppendText(b, chain.Password, "S3cr3t")
	require.NotContains(t, string(Redact(request(b)).Payload), "S3cr")
}

func TestGuessedValues(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for _, tt := range []struct {
		in   []byte
		want string
	}{
		{nil, ""},
		{wide("ABC  "), "ABC"},
		{wide("日本語のテキスト"), "日本語のテキスト"},
		{[]byte{7}, "7"},
		{[]byte{0}, "0"},
		{le.AppendUint16(nil, 0xffff), "-1"},
		{le.AppendUint32(nil, 305419896), "305419896"},
		{le.AppendUint64(nil, 42), "42"},
		{le.AppendUint64(nil, math.Float64bits(1.5)), "1.5"},
		{append([]byte("a string"), 0), "a string"},
		{[]byte("ABC\x00"), "ABC"},
		{[]byte{0xde, 0xad, 0xbe}, "0xdeadbe"},
		{bytes.Repeat([]byte{0, 0xd8}, 50), "0x" + strings.Repeat("00d8", 32) + "… (100 bytes)"},
		{wide(strings.Repeat("x", 3000)), strings.Repeat("x", maxText) + "…"},
	} {
		require.Equal(t, tt.want, guess(tt.in, serialization.Representation{}), "% x", tt.in[:min(len(tt.in), 20)])
	}
	require.Equal(t, "a·b", clean("a\x1bb"), "a terminal gets no control characters")
}

func TestManyRowsAreCountedNotListed(t *testing.T) {
	t.Parallel()
	const rows = maxItems + 500
	b := chain.AppendEmpty(nil, chain.Reply)
	b = chain.Append(b, chain.TableName, wide("T"))
	b = chain.Append(b, chain.TableInfo, binary.BigEndian.AppendUint32([]byte{0, 0, 0, 2}, rows))
	for range rows {
		b = chain.Append(b, chain.TableRow, wide("x"))
	}
	r := one(t, answer(chain.AppendEnd(b)))
	require.Len(t, r.Items, maxItems)
	require.Equal(t, uint64(rows+4), r.Fields.Get("items"))
	require.Equal(t, rows, r.Parameters[0].Rows)
}

func TestRandomDamageNeverPanics(t *testing.T) {
	t.Parallel()
	var seeds []capture.Frame
	b := chain.AppendEmpty(nil, chain.Call)
	b = chain.Append(b, chain.FunctionName, wide("Z"))
	b = chain.Append(b, chain.ParameterName, wide("P"))
	b = chain.Append(b, chain.ParameterValue, wide("value"))
	seeds = append(seeds, request(chain.AppendEnd(b)), answer(chain.AppendEnd(b)))
	seeds = append(seeds, sliced(chain.AppendEnd(b), 20)...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		list := append([]capture.Frame(nil), seeds...)
		for range 1 + r.IntN(3) {
			i := r.IntN(len(list))
			p := bytes.Clone(list[i].Payload)
			p[r.IntN(len(p))] = byte(r.Uint32())
			list[i].Payload = p
		}
		doc, err := Decode(list)
		var at *Error
		require.True(t, err == nil || errors.As(err, &at))
		js, err := doc.JSON()
		require.NoError(t, err)
		require.True(t, json.Valid(js))
	}
}

// TestClaimedLengthsReserveNothing gives lengths of gigabytes with no bytes behind them.
func TestClaimedLengthsReserveNothing(t *testing.T) {
	huge := []byte{0x02, 0x03, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 1, 2, 3}
	table := chain.Append(chain.Append(chain.AppendEmpty(nil, chain.Reply), chain.TableName, wide("T")), chain.TableInfo, bytes.Repeat([]byte{0x7f}, 8))
	route := append([]byte("NI_ROUTE\x00\x02\x28\xff\x00\x00\x00\xff"), bytes.Repeat([]byte{0xff}, 8)...)
	for _, f := range []capture.Frame{request(huge), answer(huge), answer(chain.AppendEnd(table)), {Payload: route}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode([]capture.Frame{f})
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<10))
	}
}

// TestLayoutsAgreeWithTheDecoders holds the tables that drive dumps against the decoders.
func TestLayoutsAgreeWithTheDecoders(t *testing.T) {
	t.Parallel()
	total := func(table []wire.Field) (end int) {
		for _, f := range table {
			require.Equal(t, end, f.Off, "%s leaves a gap", f.Name)
			end = f.Off + f.Len
		}
		return end
	}
	require.Equal(t, cpic.HeaderLength, total(cpic.HeaderFields))
	require.Equal(t, cpic.GatewayRecordLength, total(cpic.GatewayFields))
	require.Equal(t, msgserver.HeaderLength, total(msgserver.HeaderFields))
	require.Equal(t, saprouter.HeaderLength, total(saprouter.RequestFields))
	g := cpic.GatewayRecord{Version: 3, Type: cpic.NormalClient, Codepage: "1100", AppcVersion: 6, Index: -1, ReturnCode: 5, Echo: 7}
	b, err := g.AppendBinary(nil)
	require.NoError(t, err)
	r := one(t, capture.Frame{Payload: b, Direction: capture.ServerToClient})
	require.Equal(t, int64(5), r.Fields.Get("return_code"))
	require.Equal(t, "0x07", r.Fields.Get("echo"))
	require.Equal(t, int64(-1), r.Fields.Get("index"))
}

func BenchmarkDecodeReply(b *testing.B) {
	m := chain.AppendEmpty(nil, chain.Reply)
	m = chain.Append(m, chain.TableName, wide("T"))
	m = chain.Append(m, chain.TableInfo, binary.BigEndian.AppendUint32([]byte{0, 0, 0, 20}, 1000))
	for range 1000 {
		m = chain.Append(m, chain.TableRow, wide("0123456789"))
	}
	f := answer(chain.AppendEnd(m))
	b.SetBytes(int64(len(f.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode([]capture.Frame{f}); err != nil {
			b.Fatal(err)
		}
	}
}

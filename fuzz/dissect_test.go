package fuzz_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/dissect"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
)

// canary is a secret that every seed holds; no output may show it.
const canary = "K4naryK4nary"

// niRecords writes payloads as a raw recording.
func niRecords(payloads ...[]byte) []byte {
	var out []byte
	for _, p := range payloads {
		out = ni.AppendRecord(out, p)
	}
	return out
}

// must drops the error of an encoder; a seed that is missing its bytes is a seed as well.
func must(b []byte, _ error) []byte { return b }

func appcData(f cpic.Function, message []byte, client bool) []byte {
	h := cpic.Header{Version: 6, Function: f, Protocol: 2, UID: 0xffff, Info: cpic.InfoSync, ConversationID: [8]byte([]byte("12345678"))}
	switch {
	case client && f == cpic.SAPSend:
		h.CommIndex, h.ParamLength, h.Info = 0xffff, 8, cpic.InfoSync|cpic.InfoWithParamsHeader
		message = must(cpic.Trailer{DataLength: uint32(len(message)), ReceiveLimit: cpic.ReceiveLimit}.AppendBinary(bytes.Clone(message)))
	case client:
		h.CommIndex = 0xffff
		h.SetSendLength(uint32(len(message)))
	default:
		h.Vector = cpic.VectorSend | cpic.VectorReceive
		h.SetReceiveInfo(cpic.ReceiveInfo{RequestedLength: 28000, DataReceived: 2, ReceivedLength: uint32(len(message)), StatusReceived: 1, Codepage: "4103"})
	}
	return append(must(h.AppendBinary(nil)), message...)
}

func seedRecords(f *testing.F) {
	f.Helper()
	gw := cpic.GatewayRecord{Version: 2, Type: cpic.NormalClient, Codepage: "1100", Service: "fuzz", AppcVersion: 6, Index: -1}
	logon := rfc.LogonRequest{
		Sender: rfc.SenderDescription{3, 1, 1, 1, 1, 1}, Client: "001", User: "ME", Password: canary, HasPassword: true, Seed: 7, Language: "E", HasLanguage: true, UnicodeClient: true,
	}
	logon.Call.CallerRelease, logon.Call.Function = "754", "RFCPING"
	signOn := must(logon.AppendBinary(nil))
	wide := func(s string) (out []byte) {
		for _, r := range s {
			out = append(out, byte(r), byte(r>>8))
		}
		return out
	}
	call := chain.AppendEmpty(nil, chain.Call)
	call = chain.Append(call, chain.FunctionName, wide("Z_FUZZ"))
	call = chain.AppendEmpty(call, chain.Parameters)
	call = chain.Append(call, chain.ParameterName, wide("NEW_PASSWORD"))
	call = chain.Append(call, chain.ParameterValue, []byte(canary))
	call = chain.Append(call, chain.Ticket, []byte(canary))
	call = chain.Append(call, chain.TableName, wide("T"))
	call = chain.Append(call, chain.TableInfo, binary.BigEndian.AppendUint64(nil, 4<<32|1))
	call = chain.Append(call, chain.TableRow, wide("ab"))
	call = chain.AppendEnd(call)
	var fast [][]byte
	for _, seed := range fastSectionSeeds(f) {
		for _, name := range []string{"", "NEW_PASSWORD " + canary} {
			b := chain.AppendEmpty(nil, chain.Call)
			b = chain.Append(b, chain.FunctionName, wide("Z_FUZZ"))
			b = chain.AppendEmpty(b, chain.Parameters)
			b = chain.Append(b, chain.FastSerialization, append(bytes.Clone(seed), name...))
			fast = append(fast, appcData(cpic.SAPSend, chain.AppendEnd(b), true))
		}
	}
	block := chain.Append(chain.AppendEmpty(nil, chain.Parameters), chain.OFS1, []byte("OFS1C\x00\x0e\x10\x03\x00\x00\x00\x03\x00\x00\x00\xe6\xfb\x0e\x4e\x00\x00\x00"))
	block = chain.Append(block, chain.OFS1, []byte("NEW_PASSWORD "+canary))
	fast = append(fast, appcData(cpic.SAPSend, chain.AppendEnd(block), true))
	reply := chain.AppendEmpty(nil, chain.Reply)
	reply = chain.Append(reply, chain.MessageNumber, wide("000"))
	reply = chain.Append(reply, chain.ExceptionKey, wide("EXAMPLE"))
	reply = chain.AppendEnd(reply)
	var slices [][]byte
	for n := 0; n < len(call); n += 30 {
		slices = append(slices, appcData(cpic.AsyncSendData, call[n:min(n+30, len(call))], true))
	}
	info := ni.ErrorInfo{Text: "route denied", ReturnCode: "-94"}
	refused := must((&ni.RouterError{Version: 40, Code: -94, Info: &info}).AppendBinary(nil))
	route := []byte("NI_ROUTE\x00\x02\x28\x02\x00\x00\x00\x01\x00\x00\x00\x1d\x00\x00\x00\x16" + "host\x003299\x00" + canary[:11] + "\x00" + "h2\x00s\x00\x00")
	f.Add(niRecords(must(gw.AppendBinary(nil)), must(gw.Answer().AppendBinary(nil))), byte(0))
	f.Add(niRecords(appcData(cpic.SAPSend, signOn, true), appcData(cpic.SAPSend, reply, false)), byte(0))
	f.Add(niRecords(appcData(cpic.SAPSend, call, true), appcData(cpic.SAPSend, reply, false)), byte(1))
	f.Add(niRecords(append(slices, appcData(cpic.Receive, nil, true))...), byte(0))
	f.Add(niRecords([]byte("NI_PING\x00"), route, refused), byte(2))
	f.Add(niRecords(fast...), byte(1))
	f.Add(niRecords(append([]byte("**MESSAGE**\x00\x04"), make([]byte, 97)...)), byte(0))
	// An error record of a verb that carries data: its text is no field chain.
	failed := cpic.Header{Version: 6, Function: cpic.SAPSend, Info: cpic.InfoWithErrorInfo, ErrorLength: 14, ReturnCode: cpic.ProductSpecific}
	f.Add(niRecords(append(must(failed.AppendBinary(nil)), "00\x00\x000100000000"...)), byte(2))
	init := cpic.InitializeParams{Label: "FUZZ", Version: 1, ProtocolName: "CPIC", LongLU: "host", LongTP: "sapdp00"}
	h := cpic.Header{Version: 6, Function: cpic.Initialize, ParamLength: 373, ConnIndex: 0xffff}
	f.Add(niRecords(must(init.AppendBinary(must(h.AppendBinary(nil))))), byte(1))
}

// FuzzDissect decodes arbitrary frames: no panic, valid JSON, what is shown is bounded by
// what was given, no planted secret in any output while its item is in order, and what was
// redacted decodes to the same text.
func FuzzDissect(f *testing.F) {
	seedRecords(f)
	f.Fuzz(func(t *testing.T, data []byte, how byte) {
		list, _ := capture.Read("x.bin", bytes.NewReader(data), capture.Options{})
		for i := range list {
			list[i].Direction = capture.Direction(how % 3)
			if how&0x80 != 0 {
				list[i].Stream = i % 2
			}
		}
		doc, err := dissect.Decode(list)
		if err != nil {
			var at *dissect.Error
			var w *wire.Error
			if !errors.As(err, &at) || !errors.As(err, &w) || w.Layer == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			if at.Index != len(doc.Frames) || at.Byte > len(list[at.Index].Payload) {
				t.Fatalf("frame %d byte %d of %d: %v", at.Index, at.Byte, len(list[at.Index].Payload), err)
			}
		} else if len(doc.Frames) != len(list) {
			t.Fatalf("%d records out of %d frames", len(doc.Frames), len(list))
		}
		js, jerr := doc.JSON()
		if jerr != nil || !json.Valid(js) {
			t.Fatalf("no JSON: %v", jerr)
		}
		if limit := 64<<10 + 64*len(data) + 4096*len(list); len(js) > limit {
			t.Fatalf("%d bytes of JSON for %d bytes", len(js), len(data))
		}
		var text bytes.Buffer
		if err := dissect.WriteText(&text, doc, dissect.TextOptions{Hex: true}); err != nil {
			t.Fatal(err)
		}

		var r dissect.Redactor
		safe := make([]capture.Frame, len(list))
		for i, fr := range list {
			safe[i] = r.Frame(fr)
			if len(safe[i].Payload) != len(fr.Payload) {
				t.Fatal("a redacted frame has another length")
			}
		}
		// A secret that the redactor found must not be in what is shown.
		if planted(list) && !planted(safe) && (strings.Contains(string(js), canary[:8]) || strings.Contains(text.String(), canary[:8])) {
			t.Fatal("a secret is shown")
		}
		if err != nil {
			return
		}
		again, err := dissect.Decode(safe)
		if err != nil {
			t.Fatalf("redacted frames do not decode: %v", err)
		}
		if js2, _ := again.JSON(); !bytes.Equal(js, js2) {
			t.Fatalf("redacted frames read differently:\n%s\n%s", js, js2)
		}
	})
}

func planted(list []capture.Frame) bool {
	for _, f := range list {
		if bytes.Contains(f.Payload, []byte(canary[:8])) {
			return true
		}
	}
	return false
}

package cpic_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

func golden(t testing.TB, file string) []byte {
	t.Helper()
	return evidence.File(t, "captures", filepath.FromSlash(file))
}

// payloads splits a captured file into its records.
func payloads(t testing.TB, file string) [][]byte {
	t.Helper()
	return (&tap{wrote: golden(t, file)}).records(t)
}

func gatewayRecord(t testing.TB, b []byte) *cpic.GatewayRecord {
	t.Helper()
	g, err := cpic.DecodeGatewayRecord(b)
	require.NoError(t, err)
	again, err := g.AppendBinary(nil)
	require.NoError(t, err)
	require.Equal(t, b, again)
	return g
}

func header(t testing.TB, b []byte) cpic.Header {
	t.Helper()
	h, err := cpic.DecodeHeader(b)
	require.NoError(t, err)
	require.Equal(t, b[:80], headerBytes(h))
	return h
}

func TestGoldenGatewayRecords(t *testing.T) {
	t.Parallel()
	request := payloads(t, "handshake/ni_version_request.bin")[0]
	want := &cpic.GatewayRecord{
		Version: 2, Type: cpic.NormalClient, IPv4: [4]byte{10, 20, 30, 65}, Service: "python3", Codepage: "1100", OptionLevel: 6,
		LU: "titan", TP: "python3", ConversationID: "        ", AppcVersion: 6, Accept: 0xcb, Index: -1,
	}
	got := gatewayRecord(t, request)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	response := payloads(t, "handshake/ni_version_response.bin")[0]
	answer, err := got.Answer().AppendBinary(nil)
	require.NoError(t, err)
	require.Equal(t, response, answer, "the answer changes three places only")
	require.Equal(t, cpic.AcceptInfo(0xfb), gatewayRecord(t, response).Accept)
	other := gatewayRecord(t, payloads(t, "handshake/server_ni_init_client.bin")[0])
	require.Equal(t, cpic.NormalClient, other.Type)
	require.Equal(t, "1100", other.Codepage)
	require.Equal(t, [4]byte{192, 168, 196, 170}, other.IPv4)
}

func TestGoldenSetUpHeaders(t *testing.T) {
	t.Parallel()
	h := header(t, payloads(t, "handshake/gw_connect_response.bin")[0])
	require.Equal(t, cpic.Initialize, h.Function)
	require.Equal(t, "75568442", string(h.ConversationID[:]))
	require.EqualValues(t, 373, h.ParamLength)
	require.EqualValues(t, 1, h.ConnIndex)
	require.EqualValues(t, 0, h.CommIndex)
	require.EqualValues(t, 6, h.Info4)

	h = header(t, payloads(t, "handshake/gw_done_client.bin")[0])
	require.Equal(t, cpic.Allocate, h.Function)
	require.Equal(t, "75568442", string(h.ConversationID[:]))
	require.Equal(t, []uint16{0xffff, 1}, []uint16{h.CommIndex, h.ConnIndex})
	require.Equal(t, [28]byte{}, h.Operation)

	h = header(t, payloads(t, "handshake/gw_done_server.bin")[0])
	require.Equal(t, cpic.Allocate, h.Function)
	require.Equal(t, cpic.ReceiveInfo{Codepage: "4103"}, h.ReceiveInfo())

	p := payloads(t, "handshake/server_registration_request.bin")[0]
	require.Len(t, p, 453)
	h = header(t, p)
	require.Equal(t, cpic.InitInfo{ShortDestination: "NWRFC", LU: "192.168.", TP: "sapdp00", ConversationType: 'I', ClientInfo: 1}, h.InitInfo())
	require.Equal(t, "        ", string(h.ConversationID[:]))
	require.EqualValues(t, 0xffff, h.ConnIndex)
	require.EqualValues(t, 373, h.ParamLength)
	params, err := cpic.DecodeInitializeParams(p[80:])
	require.NoError(t, err)
	again, err := params.AppendBinary(nil)
	require.NoError(t, err)
	require.Equal(t, p[80:], again)
	require.Equal(t, "NWRFC", params.Label)
	require.Equal(t, "192.168.88.7", params.LongLU)

	two := payloads(t, "handshake/server_inbound_call_request.bin")
	require.Len(t, two, 2)
	h = header(t, two[0])
	require.Equal(t, cpic.SetPartnerLUName, h.Function)
	require.Equal(t, "36964135", string(h.ConversationID[:]))
	require.EqualValues(t, 4, h.ConnIndex)
	require.Equal(t, cpic.PartnerInfo{LU: "192.168.", Length: 12}, h.PartnerInfo())
	partner, err := cpic.DecodePartnerParams(two[0][80:])
	require.NoError(t, err)
	require.Equal(t, &cpic.PartnerParams{Host: "192.168.88.7"}, partner)
	again, err = partner.AppendBinary(nil)
	require.NoError(t, err)
	require.Equal(t, two[0][80:], again)
	require.Equal(t, cpic.Allocate, header(t, two[1]).Function)
}

// TestGoldenDataHeaders decodes the header of every captured logon, call and answer.
func TestGoldenDataHeaders(t *testing.T) {
	t.Parallel()
	var doc struct {
		Entries []struct {
			File      string `json:"file"`
			Bytes     int    `json:"bytes"`
			SHA256    string `json:"sha256"`
			Direction string `json:"direction"`
			Evidence  string `json:"evidence"`
			After     string `json:"after_items"`
		} `json:"entries"`
	}
	require.NoError(t, json.Unmarshal(evidence.File(t, "captures", "manifest.json"), &doc))
	seen := 0
	for _, e := range doc.Entries {
		if !strings.HasPrefix(e.File, "call/") && !strings.HasPrefix(e.File, "logon/") {
			continue
		}
		seen++
		raw := golden(t, e.File)
		require.Len(t, raw, e.Bytes)
		require.Equal(t, e.SHA256, fmt.Sprintf("%x", sha256.Sum256(raw)), e.File)
		p := payloads(t, e.File)[0]
		h := header(t, p)
		require.Equal(t, cpic.SAPSend, h.Function, e.File)
		if e.Evidence != "capture" {
			continue
		}
		require.EqualValues(t, 8, h.ParamLength)
		require.EqualValues(t, 5, h.Info)
		require.EqualValues(t, 12, h.Vector)
		if e.Direction == "s2c" {
			op := h.ReceiveInfo()
			require.Equal(t, cpic.ReceiveInfo{RequestedLength: 28000, DataReceived: 2, ReceivedLength: uint32(len(p) - 80), StatusReceived: 1, Codepage: "4103"}, op, e.File)
			require.EqualValues(t, 500, h.Timeout)
			require.EqualValues(t, 1, h.Sequence)
			require.EqualValues(t, 0x10000, h.Time)
			require.EqualValues(t, 1, h.Info3)
			require.EqualValues(t, 2, h.Info4)
			require.Empty(t, e.After, "no trailer in replies")
			continue
		}
		require.Equal(t, [28]byte{}, h.Operation)
		require.EqualValues(t, 0xffff, h.CommIndex)
		tr, err := cpic.DecodeTrailer(p[len(p)-8:])
		require.NoError(t, err)
		require.Equal(t, cpic.Trailer{DataLength: uint32(len(p) - 88), ReceiveLimit: 0x8500}, tr, e.File)
		again, err := tr.AppendBinary(nil)
		require.NoError(t, err)
		require.Equal(t, e.After, hex.EncodeToString(again))
	}
	require.Equal(t, 9, seen)
}

// TestOurClientWritesTheCapturedFrames dials with the plain values of a captured client and
// compares every frame of the set-up, a request and the farewell.
func TestOurClientWritesTheCapturedFrames(t *testing.T) {
	t.Parallel()
	hello := payloads(t, "handshake/server_ni_init_client.bin")[0]
	init := payloads(t, "handshake/server_registration_request.bin")[0]
	two := payloads(t, "handshake/server_inbound_call_request.bin")
	g := gatewayRecord(t, hello)
	params, err := cpic.DecodeInitializeParams(init[80:])
	require.NoError(t, err)
	cfg := cpic.ClientConfig{
		TargetHost: "192.168.88.7", SystemNumber: "00", Destination: "NWRFC", Program: g.TP, Host: g.LU,
		OSUser: params.OSUser, RootID: params.RootID, ConnectionID: params.ConnectionID, // session fields
	}
	ac := acceptConfig()
	ac.Assign = func(*cpic.GatewayRecord) (string, uint16, error) { return "36964135", 4, nil }
	a, b := netfault.Pipe()
	client := &tap{Conn: a}
	served := make(chan *cpic.Conn, 1)
	go func() {
		s, err := cpic.Accept(context.Background(), b, ac)
		if err != nil {
			t.Error(err)
		}
		served <- s
	}()
	c, err := cpic.Open(t.Context(), client, cfg)
	require.NoError(t, err)
	server := <-served
	got := client.records(t)
	require.Len(t, got, 4)
	require.Equal(t, mask(t, hello, cpic.GatewayFields, "client_ip"), got[0], "the pipe has no address")
	require.Equal(t, init, got[1])
	require.Equal(t, two[0], got[2])
	require.Equal(t, two[1], got[3])
	peer := server.Peer()
	require.Equal(t, "192.168.88.7", peer.Partner)
	require.Equal(t, *params, peer.Initialize)
	require.Equal(t, "36964135", c.ID())
	require.Equal(t, *peer.Gateway.Answer(), c.Peer().Gateway, "what the client was told")

	// A request: the captured one belongs to another conversation.
	want := payloads(t, "call/stfc_connection_request.bin")[0]
	require.NoError(t, c.SendLast(message(c, want[80:len(want)-8])))
	require.Equal(t, mask(t, want, cpic.HeaderFields, "conversation_id", "conn_index"), mask(t, client.records(t)[0], cpic.HeaderFields, "conversation_id", "conn_index"))

	// The reply: our server writes what a real one wrote.
	_, err = receive(server)
	require.NoError(t, err)
	reply := payloads(t, "call/stfc_connection_response.bin")[0]
	require.NoError(t, server.SendLast(message(server, reply[80:])))
	body, err := receive(c)
	require.NoError(t, err)
	require.Equal(t, reply[80:], body)
	require.NoError(t, c.Close())
	bye := client.records(t)
	require.Len(t, bye, 1)
	require.Equal(t, mustHex(t, "060b0200ffff"+strings.Repeat("00", 34)+hex.EncodeToString([]byte("36964135"))+strings.Repeat("00", 28)+"ffff0004"), bye[0])
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// TestOurGatewayWritesTheCapturedFrames feeds captured client frames to Accept.
func TestOurGatewayWritesTheCapturedFrames(t *testing.T) {
	t.Parallel()
	evidence.Folder(t) // skipped before anything runs beside the test
	ac := acceptConfig()
	ac.Assign = func(*cpic.GatewayRecord) (string, uint16, error) { return "75568442", 1, nil }
	a, b := netfault.Pipe()
	s := script{t, a}
	defer a.Close()
	done := make(chan *cpic.Conn, 1)
	go func() {
		c, err := cpic.Accept(context.Background(), b, ac)
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	s.send(payloads(t, "handshake/ni_version_request.bin")[0])
	require.Equal(t, payloads(t, "handshake/ni_version_response.bin")[0], s.next())

	// The F_INITIALIZE of this session was not published; its header is the one of the
	// answer before the gateway changed it.
	want := payloads(t, "handshake/gw_connect_response.bin")[0]
	h := header(t, want)
	h.Info4, h.ConnIndex, h.GatewayID = 4, 0xffff, 0
	copy(h.ConversationID[:], "        ")
	s.send(append(headerBytes(h), payloads(t, "handshake/server_registration_request.bin")[0][80:]...))
	require.Equal(t, mask(t, want, cpic.HeaderFields, "gw_id"), s.next())

	partner := header(t, payloads(t, "handshake/server_inbound_call_request.bin")[0])
	copy(partner.ConversationID[:], "75568442")
	partner.ConnIndex = 1
	s.send(append(headerBytes(partner), payloads(t, "handshake/server_inbound_call_request.bin")[0][80:]...), payloads(t, "handshake/gw_done_client.bin")[0])
	require.Equal(t, mask(t, payloads(t, "handshake/gw_done_server.bin")[0], cpic.HeaderFields, "gw_id"), s.next())

	server := <-done
	defer server.Close()
	request := payloads(t, "call/stfc_connection_request.bin")[0]
	s.send(request)
	got, err := receive(server)
	require.NoError(t, err)
	require.Equal(t, request[80:len(request)-8], got)
	reply := payloads(t, "call/stfc_connection_response.bin")[0]
	require.NoError(t, server.SendLast(message(server, reply[80:])))
	require.Equal(t, mask(t, reply, cpic.HeaderFields, "gw_id"), s.next())
}

func TestGoldenExample1JCoInit(t *testing.T) {
	t.Parallel()
	b := unhex(t, `02 03 c6336407 00000000 65636c69707365000000 31313030 00*5 06 73616d706c652020 65636c6970736520 20*8 06cbffff 00*6`)
	g := gatewayRecord(t, b)
	require.Equal(t, &cpic.GatewayRecord{
		Version: 2, Type: cpic.NormalClient, IPv4: [4]byte{198, 51, 100, 7}, Service: "eclipse", Codepage: "1100", OptionLevel: 6,
		LU: "sample", TP: "eclipse", ConversationID: "        ", AppcVersion: 6, Accept: 0xcb, Index: -1,
	}, g)
	answer, err := g.Answer().AppendBinary(nil)
	require.NoError(t, err)
	want := bytes.Clone(b)
	copy(want[20:], "4103")
	want[29], want[55] = 0x0f, 0xfb
	require.Equal(t, want, answer)
}

const (
	example2Init = `06010200 ffff0000 00000100 00000000 c0000000 00040000 00000175 00000500 00000000 00000000 20*8
		4134485f3030315f 3139382e35312e31 7361706470303020 49010000 0001ffff
		4134485f3030315f73616d706c655f656e 20*15 0101 4350494300000000 30*16 30*16 00000001fffffffefffffffe020000 00*16
		3139382e35312e3130302e3137 00*115 00*16 6578616d706c657573657231 00*48 7361706470303000 00*56`
	example2Partner = `060f0200 ffff0000 00000100 00*14 0090 0000 0400 00*8 3032303330333638
		3139382e35312e31 0000000d 00*16 ffff0001 3139382e35312e3130302e3137 20*115 00*16`
	example2Allocate = `06050200 ffff 00*24 0100 00*8 3032303330333638 00*28 ffff0001`
	example2Done     = `06050200 ffff 00*10 01 00000000 02 00*8 0100 00*8 3032303330333638 00*20 00 34313033 000000 0001 0001`
)

// TestGoldenExample2JCoConnect replays the set-up of a JCo client against our gateway and
// builds the blocks from plain values.
func TestGoldenExample2JCoConnect(t *testing.T) {
	t.Parallel()
	init := unhex(t, example2Init)
	require.Len(t, init, 453)
	params, err := cpic.DecodeInitializeParams(init[80:])
	require.NoError(t, err)
	require.Equal(t, &cpic.InitializeParams{
		Label: "A4H_001_sample_en", Version: 1, Flags: 1, ProtocolName: "CPIC", RootID: strings.Repeat("0", 16), ConnectionID: strings.Repeat("0", 16),
		ConnectionSuffix: 1, Timeout: -2, KeepAlive: -2, ExportTrace: 2, LongLU: "198.51.100.17", OSUser: "exampleuser1", LongTP: "sapdp00",
	}, params)
	again, err := params.AppendBinary(headerBytes(header(t, init)))
	require.NoError(t, err)
	require.Equal(t, init, again)

	// Our client with the same values differs by its communication index only.
	scripted := make(chan [][]byte, 1)
	a, b := netfault.Pipe()
	go func() {
		defer b.Close()
		s := script{t, b}
		hello := s.next()
		g, _ := cpic.DecodeGatewayRecord(hello)
		answer, _ := g.Answer().AppendBinary(nil)
		s.send(answer)
		in := s.next()
		h, _ := cpic.DecodeHeader(in)
		h.Info4, h.ConnIndex = 6, 1
		copy(h.ConversationID[:], "02030368")
		s.send(headerBytes(h))
		partner, alloc := s.next(), s.next()
		done := unhex(t, example2Done)
		done[77] = 0
		s.send(done)
		scripted <- [][]byte{in, partner, alloc}
	}()
	c, err := cpic.Open(t.Context(), a, cpic.ClientConfig{TargetHost: "198.51.100.17", SystemNumber: "00", Destination: "A4H_001_sample_en", OSUser: "exampleuser1"})
	require.NoError(t, err)
	defer c.Abort()
	got := <-scripted
	require.Equal(t, mask(t, init, cpic.HeaderFields, "comm_index"), got[0])
	require.Equal(t, unhex(t, example2Partner), got[1])
	require.Equal(t, unhex(t, example2Allocate), got[2])

	// The gateway's side of the same conversation.
	x, y := netfault.Pipe()
	defer x.Close()
	ac := acceptConfig()
	ac.Assign = func(*cpic.GatewayRecord) (string, uint16, error) { return "02030368", 1, nil }
	served := make(chan error, 1)
	go func() {
		_, err := cpic.Accept(context.Background(), y, ac)
		served <- err
	}()
	s := script{t, x}
	s.send(payloads(t, "handshake/ni_version_request.bin")[0])
	s.next()
	s.send(init)
	answer := bytes.Clone(init[:80])
	answer[21] = 6
	copy(answer[40:], "02030368")
	copy(answer[76:], []byte{0, 1, 0, 1})
	require.Equal(t, answer, s.next())
	s.send(unhex(t, example2Partner), unhex(t, example2Allocate))
	require.Equal(t, unhex(t, example2Done), s.next())
	require.NoError(t, <-served)
}

// TestGatewayEchoesPaddingAsItIs: registered programs pad with NUL and blanks mixed.
func TestGatewayEchoesPaddingAsItIs(t *testing.T) {
	t.Parallel()
	for _, version := range []byte{2, 3} {
		b := payloads(t, "handshake/ni_version_request.bin")[0]
		copy(b[10:], "py\x00       ")
		copy(b[24:], "\x01\x02\xff\xfe\xfd")
		b[0], b[62], b[63] = version, 7, 8
		if version == 3 {
			b = append(b[:58:58], append(bytes.Repeat([]byte{0xfe}, 16), b[58:]...)...)
		}
		x, y := netfault.Pipe()
		go func() { _, _ = cpic.Accept(context.Background(), y, acceptConfig()) }()
		s := script{t, x}
		s.send(b)
		want := bytes.Clone(b)
		copy(want[20:], "4103")
		want[29], want[55] = 0x0f, 0xfb
		require.Equal(t, want, s.next())
		require.NoError(t, x.Close())
	}
}

// TestLayoutTables sets the bytes of one field at a time and looks which struct field
// changes: tables and decoders must agree.
func TestLayoutTables(t *testing.T) {
	t.Parallel()
	covers := func(fields []wire.Field, n int) {
		at := 0
		for _, f := range fields {
			require.Equal(t, at, f.Off, f.Name)
			require.NotEmpty(t, f.Source, f.Name)
			at += f.Len
		}
		require.Equal(t, n, at)
	}
	covers(cpic.HeaderFields, cpic.HeaderLength)
	covers(cpic.GatewayFields, cpic.GatewayRecordLength)
	be := binary.BigEndian
	headers := map[string]func(h cpic.Header) []byte{
		"version":         func(h cpic.Header) []byte { return []byte{h.Version} },
		"function":        func(h cpic.Header) []byte { return []byte{byte(h.Function)} },
		"protocol":        func(h cpic.Header) []byte { return []byte{h.Protocol} },
		"mode":            func(h cpic.Header) []byte { return []byte{h.Mode} },
		"uid":             func(h cpic.Header) []byte { return be.AppendUint16(nil, h.UID) },
		"gw_id":           func(h cpic.Header) []byte { return be.AppendUint16(nil, h.GatewayID) },
		"err_len":         func(h cpic.Header) []byte { return be.AppendUint16(nil, h.ErrorLength) },
		"info2":           func(h cpic.Header) []byte { return []byte{h.Info2} },
		"trace_level":     func(h cpic.Header) []byte { return []byte{h.TraceLevel} },
		"time":            func(h cpic.Header) []byte { return be.AppendUint32(nil, h.Time) },
		"info3":           func(h cpic.Header) []byte { return []byte{h.Info3} },
		"timeout":         func(h cpic.Header) []byte { return be.AppendUint32(nil, uint32(h.Timeout)) },
		"info4":           func(h cpic.Header) []byte { return []byte{h.Info4} },
		"seq_no":          func(h cpic.Header) []byte { return be.AppendUint32(nil, h.Sequence) },
		"sap_param_len":   func(h cpic.Header) []byte { return be.AppendUint16(nil, h.ParamLength) },
		"padding":         func(h cpic.Header) []byte { return be.AppendUint16(nil, h.Padding) },
		"info":            func(h cpic.Header) []byte { return []byte{h.Info} },
		"vector":          func(h cpic.Header) []byte { return []byte{h.Vector} },
		"appc_rc":         func(h cpic.Header) []byte { return be.AppendUint32(nil, uint32(h.ReturnCode)) },
		"sap_rc":          func(h cpic.Header) []byte { return be.AppendUint32(nil, uint32(h.SAPReturnCode)) },
		"conversation_id": func(h cpic.Header) []byte { return h.ConversationID[:] },
		"operation":       func(h cpic.Header) []byte { return h.Operation[:] },
		"comm_index":      func(h cpic.Header) []byte { return be.AppendUint16(nil, h.CommIndex) },
		"conn_index":      func(h cpic.Header) []byte { return be.AppendUint16(nil, h.ConnIndex) },
	}
	for _, f := range cpic.HeaderFields {
		b := make([]byte, cpic.HeaderLength)
		b[0] = 6
		for i := range f.Len {
			b[f.Off+i] = byte(0x81 + i)
		}
		h, err := cpic.DecodeHeader(b)
		require.Equal(t, f.Name == "version", err != nil)
		require.Equal(t, b[f.Off:f.Off+f.Len], headers[f.Name](h), f.Name)
		require.Equal(t, b, headerBytes(h), f.Name)
	}
	gateways := map[string]func(g *cpic.GatewayRecord) []byte{
		"version":             func(g *cpic.GatewayRecord) []byte { return []byte{g.Version} },
		"request_type":        func(g *cpic.GatewayRecord) []byte { return []byte{byte(g.Type)} },
		"client_ip":           func(g *cpic.GatewayRecord) []byte { return g.IPv4[:] },
		"zero1":               func(g *cpic.GatewayRecord) []byte { return g.Zero1[:] },
		"service":             func(g *cpic.GatewayRecord) []byte { return []byte(g.Service) },
		"codepage":            func(g *cpic.GatewayRecord) []byte { return []byte(g.Codepage) },
		"zero2":               func(g *cpic.GatewayRecord) []byte { return g.Zero2[:] },
		"option_level":        func(g *cpic.GatewayRecord) []byte { return []byte{g.OptionLevel} },
		"lu":                  func(g *cpic.GatewayRecord) []byte { return []byte(g.LU) },
		"tp":                  func(g *cpic.GatewayRecord) []byte { return []byte(g.TP) },
		"conversation_id":     func(g *cpic.GatewayRecord) []byte { return []byte(g.ConversationID) },
		"appc_header_version": func(g *cpic.GatewayRecord) []byte { return []byte{g.AppcVersion} },
		"accept_info":         func(g *cpic.GatewayRecord) []byte { return []byte{byte(g.Accept)} },
		"index":               func(g *cpic.GatewayRecord) []byte { return be.AppendUint16(nil, uint16(g.Index)) },
		"return_code":         func(g *cpic.GatewayRecord) []byte { return be.AppendUint32(nil, uint32(g.ReturnCode)) },
		"echo":                func(g *cpic.GatewayRecord) []byte { return []byte{g.Echo} },
		"filler":              func(g *cpic.GatewayRecord) []byte { return []byte{g.Filler} },
	}
	for _, f := range cpic.GatewayFields {
		b := make([]byte, cpic.GatewayRecordLength)
		b[0] = 2
		for i := range f.Len {
			b[f.Off+i] = byte('A' + i)
		}
		if f.Name == "version" {
			b[0] = 2
		}
		g, err := cpic.DecodeGatewayRecord(b)
		require.NoError(t, err)
		require.Equal(t, b[f.Off:f.Off+f.Len], gateways[f.Name](g), f.Name)
	}
}

func TestB96TruncatedAndForeignHeaders(t *testing.T) {
	t.Parallel()
	g := payloads(t, "handshake/ni_version_request.bin")[0]
	h := payloads(t, "handshake/gw_done_client.bin")[0]
	init := unhex(t, example2Init)[80:]
	partner := unhex(t, example2Partner)[80:]
	for n := range g {
		_, err := cpic.DecodeGatewayRecord(g[:n])
		require.ErrorIs(t, err, wire.ErrTruncated)
	}
	for n := range h {
		_, err := cpic.DecodeHeader(h[:n])
		require.ErrorIs(t, err, wire.ErrTruncated)
	}
	for n := range init {
		p, err := cpic.DecodeInitializeParams(init[:n])
		require.ErrorIs(t, err, map[bool]error{true: nil, false: wire.ErrTruncated}[n >= 340])
		require.NotNil(t, p)
	}
	for n := range partner {
		_, err := cpic.DecodePartnerParams(partner[:n])
		require.ErrorIs(t, err, wire.ErrTruncated)
	}
	for n := range 10 {
		_, err := cpic.DecodeTrailer(make([]byte, n))
		require.Equal(t, n != 8, err != nil)
	}
	for _, v := range []byte{0, 1, 4, 5, 6, 0x2a, 255} {
		b := bytes.Clone(g)
		b[0] = v
		_, err := cpic.DecodeGatewayRecord(b)
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
	for _, v := range []byte{0, 5, 7} {
		b := bytes.Clone(h)
		b[0] = v
		_, err := cpic.DecodeHeader(b)
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
}

func TestOldInitializeParams(t *testing.T) {
	t.Parallel()
	whole := unhex(t, example2Init)[80:]
	old := whole[33:]
	require.Len(t, old, 340)
	p, err := cpic.DecodeInitializeParams(old)
	require.NoError(t, err)
	require.Equal(t, "198.51.100.17", p.LongLU)
	require.Equal(t, "sapdp00", p.LongTP)
	require.Empty(t, p.Label)
}

func TestShortNames(t *testing.T) {
	t.Parallel()
	var h cpic.Header
	h.SetInitInfo(cpic.InitInfo{LU: "a long host name", TP: "x", ConversationType: 'I'})
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x00a long hx       I\x00\x00\x00", string(h.Operation[:]), "absent is NULs, present is blanks")
	h.SetInitInfo(cpic.InitInfo{ShortDestination: "grün€\n"})
	require.Equal(t, "gr?n??  ", string(h.Operation[:8]), "ASCII only")
	var o cpic.Header
	want := cpic.ReceiveInfo{1, 2, 3, 4, 5, "4103"}
	o.SetReceiveInfo(want)
	require.Equal(t, want, o.ReceiveInfo())
	o.SetSendLength(77)
	require.EqualValues(t, 77, o.SendLength())
	partner := cpic.PartnerInfo{LU: "host", Length: 9, Address: [16]byte{1, 2}}
	o.SetPartnerInfo(partner)
	require.Equal(t, partner, o.PartnerInfo())
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "F_SAP_SEND", cpic.SAPSend.String())
	require.Equal(t, "Function(0x5f)", cpic.Function(0x5f).String())
	require.Equal(t, "GW_NORMAL_CLIENT", cpic.NormalClient.String())
	require.Equal(t, "GW_CONTAINER_RECEIVED", cpic.ContainerReceived.String())
	require.Equal(t, "GatewayType(0x5f)", cpic.GatewayType(0x5f).String())
}

func TestReturnCodes(t *testing.T) {
	t.Parallel()
	for code, name := range map[cpic.ReturnCode]string{
		0: "CM_OK (0)", 1: "CM_ALLOCATE_FAILURE_NO_RETRY (1)", 2: "CM_ALLOCATE_FAILURE_RETRY (2)", 9: "CM_TPN_NOT_RECOGNIZED (9)",
		17: "CM_DEALLOCATED_ABEND (17)", 18: "CM_DEALLOCATED_NORMAL (18)", 20: "CM_PRODUCT_SPECIFIC_ERROR (20)",
		25: "CM_PROGRAM_STATE_CHECK (25)", 27: "CM_RESOURCE_FAILURE_RETRY (27)", 40: "CM_BUFFER_TOO_SMALL (40)",
		10001: "CM_SAP_TIMEOUT_RETRY (10001)", 10002: "CM_CANCEL_REQUEST (10002)", 99: "ReturnCode(99)",
	} {
		require.Equal(t, name, code.String())
	}
	for _, tc := range []struct {
		e         cpic.Error
		text      string
		exhausted bool
	}{
		{cpic.Error{Op: "allocate", ReturnCode: 2, SAPReturnCode: 679}, "cpic allocate: program not registered (cmRc=2 thRc=679)", false},
		{cpic.Error{Op: "gateway", SAPReturnCode: 236}, "cpic gateway: too many conversations (cmRc=0 thRc=236)", true},
		{cpic.Error{Op: "receive", ReturnCode: 27}, "cpic receive: CM_RESOURCE_FAILURE_RETRY (27) (cmRc=27 thRc=0)", true},
		{cpic.Error{Op: "receive", ReturnCode: 17, Text: "said so"}, "cpic receive: said so (cmRc=17 thRc=0)", false},
		{cpic.Error{Op: "receive", ReturnCode: 20, SAPReturnCode: 225, Info: &ni.ErrorInfo{Text: "T", Detail: "D", Location: "L"}}, "cpic receive: T (cmRc=20 thRc=225), detail D, location L", false},
	} {
		require.Equal(t, tc.text, tc.e.Error())
		require.Equal(t, tc.exhausted, tc.e.Exhausted())
	}
}

var _ net.Conn = (*tap)(nil)

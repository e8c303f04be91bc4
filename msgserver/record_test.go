package msgserver_test

import (
	"bytes"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/msgserver"
)

func message(t testing.TB, payload []byte) *msgserver.Message {
	t.Helper()
	m, err := msgserver.DecodeMessage(payload)
	require.NoError(t, err)
	return m
}

func encode(t testing.TB, m *msgserver.Message) []byte {
	t.Helper()
	b, err := m.AppendBinary(nil)
	require.NoError(t, err)
	return b
}

// The captured server list, byte by byte in both directions.
func TestCapturedServerList(t *testing.T) {
	t.Parallel()
	raw := evidence.File(t, "captures", "router", "sapms_server_list.bin")[4:]
	require.True(t, msgserver.IsMessage(raw))
	m := message(t, raw)
	require.Equal(t, msgserver.Header{
		Version: 4, To: msgserver.MakeName("-", ' '), Flag: msgserver.Reply, IFlag: msgserver.SendName, From: msgserver.MakeName("MSG_SERVER", ' '),
	}, m.Header)
	require.Equal(t, &msgserver.Operation{Opcode: msgserver.ServerList, Version: 4, Charset: 3}, m.Operation)
	list, err := msgserver.DecodeServerList(4, m.Body)
	require.NoError(t, err)
	mapped := func(s string) (b6 [16]byte, b4 [4]byte) {
		a := netip.MustParseAddr(s)
		return a.As16(), a.As4()
	}
	asker6, asker4 := mapped("192.168.99.6")
	app6, app4 := mapped("192.168.88.7")
	local6, local4 := mapped("127.0.0.1")
	require.Equal(t, []msgserver.Entry{
		{Name: "-", Host: "192.168.99.6", Service: "-", IPv6: asker6, IPv4: asker4, Status: msgserver.Starting},
		{
			Name: "vhcala4hci_A4H_00", Host: "vhcala4hci", Service: "tick-port", IPv6: app6, IPv4: app4, Port: 3200, Status: msgserver.Active,
			Types: msgserver.DIA | msgserver.UPD | msgserver.BTC | msgserver.SPO | msgserver.UP2 | msgserver.ICM,
		},
		{Name: "-", Host: "127.0.0.1", Service: "-", IPv6: local6, IPv4: local4, Status: msgserver.Starting},
	}, list)
	body, err := msgserver.AppendServerList(nil, 4, list)
	require.NoError(t, err)
	m.Body = body
	require.Equal(t, raw, encode(t, m))
	targets, skipped := msgserver.Usable(list)
	require.Empty(t, skipped)
	require.Equal(t, []msgserver.Target{{Name: "vhcala4hci_A4H_00", Host: "vhcala4hci", Port: 3300, SNCPort: 4800}}, targets)
	require.Equal(t, "DIA UPD BTC SPO UP2 ICM", list[1].Types.String())

	// Cut anywhere: an error with a place, or whole entries.
	for n := range raw {
		m, err := msgserver.DecodeMessage(raw[:n:n])
		if n == msgserver.HeaderLength || n >= msgserver.HeaderLength+msgserver.OperationLength {
			require.NoError(t, err, n)
			if n == msgserver.HeaderLength {
				require.Nil(t, m.Operation)
				continue
			}
			_, err = msgserver.DecodeServerList(4, m.Body)
			if (n-msgserver.HeaderLength-msgserver.OperationLength)%160 == 0 {
				require.NoError(t, err, n)
				continue
			}
		}
		var w *wire.Error
		require.ErrorAs(t, err, &w, n)
		require.Equal(t, "ms", w.Layer)
	}
}

// recorded are the payloads of the exchange of spec 11 sections 3.2 and 3.3: login, answer,
// query for PUBLIC, answer with app1.example and instance 42, logout.
func recorded(t testing.TB) [][]byte {
	t.Helper()
	frames, err := capture.ReadFile(filepath.Join(evidence.Module(t), "testdata", "captures", "msgserver.hex"), capture.Options{})
	require.NoError(t, err)
	var out [][]byte
	for _, f := range frames {
		out = append(out, f.Payload)
	}
	require.GreaterOrEqual(t, len(out), 4)
	return out
}

func TestGroupRecordsBothWays(t *testing.T) {
	t.Parallel()
	for i, raw := range recorded(t) {
		m := message(t, raw)
		if m.Operation != nil {
			l, err := msgserver.DecodeLogon(m.Body)
			require.NoError(t, err)
			require.Equal(t, []any{"PUBLIC", uint32(10), uint8(1)}, []any{l.Group.String(), l.GroupLength, l.Version})
			if i == 3 {
				require.Equal(t, []any{"app1.example", uint16(3242), " "}, []any{l.Host, l.Port, string(l.Trailer)})
			}
			body, err := l.AppendBinary(nil)
			require.NoError(t, err)
			require.Equal(t, m.Body, body)
			for n := range m.Body {
				_, err := msgserver.DecodeLogon(m.Body[:n:n])
				if i == 3 && n == len(m.Body)-1 {
					require.NoError(t, err, "the blank behind the host may be missing")
					continue
				}
				require.ErrorIs(t, err, wire.ErrTruncated, n)
			}
			_, err = msgserver.DecodeLogon(append(bytes.Clone(m.Body), 'x', 'y'))
			require.ErrorIs(t, err, wire.ErrTrailing)
		}
		require.Equal(t, raw, encode(t, m))
		for n := range raw {
			_, err := msgserver.DecodeMessage(raw[:n:n])
			if n == msgserver.HeaderLength || n >= msgserver.HeaderLength+msgserver.OperationLength {
				require.NoError(t, err)
				continue
			}
			require.Error(t, err, n)
		}
	}
}

// The exchange of an RFC client with the server of this package is the recorded one, byte
// by byte.
func TestExchangeIsTheRecordedOne(t *testing.T) {
	t.Parallel()
	srv := new(msgserver.Server)
	require.NoError(t, srv.Set(msgserver.Landscape{
		Instances: []msgserver.Instance{{Name: "app1_GOR_42", Host: "app1.example", Port: 3242}},
		Groups:    map[string][]string{"PUBLIC": {"app1_GOR_42"}},
	}))
	var tap bytes.Buffer
	c := msgserver.Client{Dial: memory(t, srv, func(nc *recorder) { nc.log = &tap })}
	got, err := c.Group(t.Context(), "ms:3600", "")
	require.NoError(t, err)
	require.Equal(t, msgserver.Target{Host: "app1.example", Port: 3342, SNCPort: 4842}, got)
	require.Equal(t, []string{"app1.example:3342", "42"}, []string{got.String(), got.SystemNumber()})
	want := recorded(t)
	var all []byte
	for i, p := range want {
		all = append(all, 0, 0, byte(len(p)>>8), byte(len(p)))
		all = append(all, p...)
		if i == 3 {
			break
		}
	}
	logout := bytes.Clone(want[0])
	logout[0x42], logout[0x43] = 0, 4
	all = append(append(all, 0, 0, 0, 110), logout...)
	require.Equal(t, all, tap.Bytes())
}

func TestEntryVersions(t *testing.T) {
	t.Parallel()
	for version, size := range map[uint8]int{0: 0, 1: 67, 2: 115, 3: 150, 4: 160, 5: 0} {
		require.Equal(t, size, msgserver.EntrySize(version))
		list := []msgserver.Entry{{Name: "a_B_00", Host: "host", Service: "sapdp00", Types: msgserver.DIA, IPv4: [4]byte{1, 2, 3, 4}, Port: 3200}}
		if version >= 2 {
			list[0].Status, list[0].NITrace = msgserver.Active, 3
		}
		if version >= 3 {
			list[0].IPv6 = [16]byte{15: 9}
		}
		if version == 4 {
			list[0].SystemService = 77
		}
		b, err := msgserver.AppendServerList(nil, version, list)
		if size == 0 {
			require.ErrorContains(t, err, "1 to 4")
			_, err = msgserver.DecodeServerList(version, nil)
			require.ErrorIs(t, err, wire.ErrMalformed)
			continue
		}
		require.NoError(t, err)
		require.Len(t, b, size)
		got, err := msgserver.DecodeServerList(version, b)
		require.NoError(t, err)
		require.Equal(t, list, got)
		list[0].Service = strings.Repeat("s", 21)
		_, err = msgserver.AppendServerList(nil, version, list)
		require.ErrorContains(t, err, "at most 20")
	}
}

func TestLayoutsAgreeWithTheCodec(t *testing.T) {
	t.Parallel()
	m := msgserver.Message{
		Header: msgserver.Header{
			Version: 1, Error: -2, To: msgserver.MakeName("to", 'x'), Types: 3, Reserved: 4, Domain: 5, Reserved2: 6, Key: [8]byte{7, 8},
			Flag: 9, IFlag: 10, From: msgserver.MakeName("from", 0), Port: 0x0b0c,
		},
		Operation: &msgserver.Operation{Opcode: 13, Error: 14, Version: 15, Charset: 16}, Body: []byte("body"),
	}
	b := encode(t, &m)
	require.Equal(t, &m, message(t, b))
	end := 0
	got := map[string][]byte{}
	for _, f := range append(append([]wire.Field{}, msgserver.HeaderFields...), msgserver.OperationFields...) {
		require.Equal(t, end, f.Off, f.Name)
		end += f.Len
		got[f.Name] = b[f.Off:end]
	}
	require.Equal(t, "body", string(b[end:]))
	require.Equal(t, map[string][]byte{
		"eye_catcher": []byte("**MESSAGE**\x00"), "version": {1}, "error_number": {0xfe}, "to": []byte("to" + strings.Repeat("x", 38)),
		"message_types": {3}, "reserved": {4}, "domain": {5}, "reserved2": {6}, "key": {7, 8, 0, 0, 0, 0, 0, 0}, "flag": {9}, "iflag": {10},
		"from": []byte("from" + strings.Repeat("\x00", 36)), "port": {0x0b, 0x0c},
		"opcode": {13}, "opcode_error": {14}, "opcode_version": {15}, "opcode_charset": {16},
	}, got)
	m.Operation = nil
	_, err := m.AppendBinary(nil)
	require.ErrorContains(t, err, "without an operation")
	_, err = (&msgserver.Logon{Host: strings.Repeat("h", 65536)}).AppendBinary(nil)
	require.Error(t, err)
}

func TestNamesOfCodes(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"MS_REPLY", "Flag(9)", "MS_LOGIN_2", "MS_IFLAG_99", "MS_GET_LOGON", "MS_OPCODE_FF", "MSEACCESSDENIED (-20)", "message server error -99",
		"not set (19)", "operation error 200", "", "DIA ICM", "active", "", "old answer used", "EventKind(9)",
	}, []string{
		msgserver.Reply.String(), msgserver.Flag(9).String(), msgserver.Login2.String(), msgserver.IFlag(99).String(), msgserver.GetLogon.String(),
		msgserver.Opcode(255).String(), msgserver.ErrorDenied.String(), msgserver.HeaderError(-99).String(), msgserver.OpNotSet.String(),
		msgserver.OpError(200).String(), msgserver.Types(0).String(), (msgserver.DIA | msgserver.ICM).String(), msgserver.Active.String(),
		msgserver.Status(9).String(), msgserver.StaleUsed.String(), msgserver.EventKind(9).String(),
	})
}

// B-121 and what else a list may hold.
func TestB121ServerLists(t *testing.T) {
	t.Parallel()
	good := msgserver.Entry{Name: "a", Host: "app", Types: msgserver.DIA, IPv4: [4]byte{10, 0, 0, 1}, Port: 3200, Status: msgserver.Active}
	with := func(change func(e *msgserver.Entry)) msgserver.Entry {
		e := good
		change(&e)
		return e
	}
	list := []msgserver.Entry{
		good,
		with(func(e *msgserver.Entry) { e.Status = 0 }), // of a version without status
		with(func(e *msgserver.Entry) { e.Port = 0 }),
		with(func(e *msgserver.Entry) { e.Types = msgserver.ENQ }),
		with(func(e *msgserver.Entry) { e.Status = msgserver.Shutdown }),
		with(func(e *msgserver.Entry) { e.Name, e.IPv4, e.IPv6 = "zero", [4]byte{}, [16]byte{10: 0xff, 11: 0xff} }),
		with(func(e *msgserver.Entry) { e.Name, e.Host = "blank", "ap p" }),
		with(func(e *msgserver.Entry) { e.Name, e.Host = "none", "" }),
		with(func(e *msgserver.Entry) { e.Name, e.Host = "any", "0.0.0.0" }),
		with(func(e *msgserver.Entry) { e.Name, e.Port = "port", 65500 }),
	}
	targets, skipped := msgserver.Usable(list)
	require.Len(t, targets, 2)
	text := errors.Join(skipped...).Error()
	require.Len(t, skipped, 5)
	for _, want := range []string{`"zero": its address is 0.0.0.0`, `"blank"`, "invalid character 0x20 at 2", `"none": the name of the host is empty`, `"any": the host 0.0.0.0 stands for no machine`, `"port": dispatcher port 65500: 1 to 65435 required`} {
		require.Contains(t, text, want)
	}
	body, err := msgserver.AppendServerList(nil, 4, []msgserver.Entry{good, good})
	require.NoError(t, err)
	for _, n := range []int{1, 117, 159, 161, 319} {
		_, err := msgserver.DecodeServerList(4, body[:n])
		require.ErrorIs(t, err, wire.ErrTruncated)
	}
	list, err = msgserver.DecodeServerList(4, nil)
	require.NoError(t, err)
	require.Empty(t, list)
}

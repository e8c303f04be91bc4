package rfc_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/rfc"
)

func unhexed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// answerLogon is a partner that answers the logon with given items and serves the rest.
func answerLogon(t testing.TB, cfg rfc.ConnConfig, answer func(p *peer) []byte, script func(p *peer)) (*rfc.Conn, error) {
	t.Helper()
	client, server := netfault.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		acceptWith(t, server, answer, script)
	}()
	t.Cleanup(func() {
		_ = client.Close()
		<-done
	})
	c, err := logOn(t.Context(), client, cfg)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func sender(t testing.TB, s string) []byte {
	return chain.Append(nil, chain.SenderDescription, unhexed(t, s))
}

func header106(t testing.TB, s string) []byte {
	return chain.Append(nil, chain.UnicodeHeader, unhexed(t, s))
}

var bits = chain.AppendU32(nil, chain.ProtocolBits, 0xe0b)

// nonUnicodeReply is a reply whose names are single bytes; the values are the caller's.
func nonUnicodeReply(p *peer, items ...[]byte) []byte {
	return end(head(p.guid), cat(items...), byteItem(chain.Program, blank("SAPLSRFC", 40)), chain.Append(nil, chain.Duration, make([]byte, 8)))
}

// B-106: a code page that nobody knows, or that RFC does not have, is a protocol error that
// names it.
func TestB106PartnerInAnUnknownCodePage(t *testing.T) {
	t.Parallel()
	for description, number := range map[string]string{"0101010109090909": "9999", "0101010504010004": "4104", "01010101010b0000": "1?00"} {
		_, err := answerLogon(t, rfc.ConnConfig{AllowNonUnicode: true}, func(p *peer) []byte {
			return end(sender(t, description), bits, p.reply())
		}, nil)
		e := rfcError(t, err, rfc.ClassProtocol, rfc.NotSent)
		require.ErrorIs(t, err, rfc.ErrCodepage)
		require.ErrorContains(t, err, "code page")
		require.ErrorContains(t, err, number)
		require.Equal(t, rfc.StepLogon, e.Step)
	}
	_, err := answerLogon(t, rfc.ConnConfig{AllowNonUnicode: true}, func(p *peer) []byte {
		return end(bits, header106(t, "0909090900030100000023"), chain.AppendU32(nil, chain.CallStatus, 0))
	}, nil)
	rfcError(t, err, rfc.ClassProtocol, rfc.NotSent)
	require.ErrorContains(t, err, "9999")
}

// Which descriptions make a partner one without Unicode, and what the client then sends.
func TestWhatIsWrittenToAPartner(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer    string // item 0101 of the logon reply; empty: the lean form without one
		header    string // item 0106
		own       rfc.ConnConfig
		announced string // item 0101 in front of calls; empty: none
		textual   string // "hi" as the call carries it
		attrs     []any  // own and partner's code page, bytes per character of the partner
	}{
		"as captured":             {"0101010504010003", "0401000301030200000023", rfc.ConnConfig{}, "", "h\x00i\x00", []any{"4103", "4103", 2}},
		"big-endian":              {"0102010504010002", "0401000201030200000023", rfc.ConnConfig{}, "", "h\x00i\x00", []any{"4103", "4102", 2}},
		"1100":                    {"0101010101010000", "0101000001030100000023", rfc.ConnConfig{AllowNonUnicode: true}, "0301010101010000", "hi", []any{"1100", "1100", 1}},
		"1404":                    {"0101010101040004", "0104000401030100000023", rfc.ConnConfig{AllowNonUnicode: true}, "0301010101040004", "hi", []any{"1404", "1404", 1}},
		"8000":                    {"0102010108000000", "0800000001030100000023", rfc.ConnConfig{AllowNonUnicode: true}, "0301010108000000", "hi", []any{"8000", "8000", 1}},
		"Unicode in single bytes": {"0101010101010000", "0401000301030200000023", rfc.ConnConfig{AllowNonUnicode: true}, "0301010101010000", "hi", []any{"1100", "4103", 2}},
		"lean":                    {"", "0101000001030100000023", rfc.ConnConfig{AllowNonUnicode: true}, "0301010101010000", "hi", []any{"1100", "1100", 1}},
		"lean Unicode":            {"", "0401000301030200000023", rfc.ConnConfig{}, "", "h\x00i\x00", []any{"4103", "4103", 2}},
		"JCo's order":             {"0101010504010003", "0401000301030200000023", rfc.ConnConfig{BigEndian: true}, "0302010504010002", "\x00h\x00i", []any{"4102", "4103", 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := func(p *peer) []byte {
				if tc.answer == "" {
					return end(bits, header106(t, tc.header), chain.AppendU32(nil, chain.CallStatus, 0))
				}
				return end(sender(t, tc.answer), bits, header106(t, tc.header), p.reply())
			}
			if tc.own.AllowNonUnicode {
				_, err := answerLogon(t, rfc.ConnConfig{}, answer, nil)
				e := rfcError(t, err, rfc.ClassUnsupported, rfc.NotSent)
				require.ErrorIs(t, err, rfc.ErrCodepage)
				require.Equal(t, []any{rfc.StepLogon, 125}, []any{e.Step, e.JCoGroup()})
				require.ErrorContains(t, err, "AllowNonUnicode")
			}
			requests := make(chan []byte, 2)
			c, err := answerLogon(t, tc.own, answer, func(p *peer) {
				for range 2 {
					requests <- p.receive()
					p.send(nonUnicodeReply(p))
				}
			})
			require.NoError(t, err)
			a, err := c.Attributes()
			require.NoError(t, err)
			require.Equal(t, tc.attrs, []any{a.Codepage, a.PartnerCodepage, a.PartnerBytesPerChar})
			for range 2 { // every call, as a record without 0101 says nothing new
				_, err = zCall(t.Context(), c, rfc.Params{"TEXT": "hi"}, rfc.NotRequested("T", "U", "LONG", "ECHO", "COUNTER"))
				require.NoError(t, err)
				request := <-requests
				if tc.announced == "" {
					require.Empty(t, find(request, chain.SenderDescription))
				} else {
					require.Equal(t, [][]byte{unhexed(t, tc.announced)}, find(request, chain.SenderDescription))
					require.Equal(t, "0101", tags(request)[:4])
				}
				width := len(tc.textual) / 2
				text := find(request, chain.ParameterValue)[0]
				require.Len(t, text, 10*width)
				require.Equal(t, tc.textual, string(text[:2*width]))
				require.Len(t, find(request, chain.FunctionName)[0], len("Z_TEST")*width)
			}
		})
	}
}

// An error in single bytes, as an older kernel reports it in a Unicode session, says nothing
// about the partner; and a partner that turns to single bytes without leave changes nothing
// but how its record is read.
func TestSingleRecordsInOtherCodePages(t *testing.T) {
	t.Parallel()
	single := sender(t, "0101010101010000")
	requests := make(chan []byte, 3)
	c := dialPeer(t, rfc.ConnConfig{}, func(p *peer) {
		requests <- p.receive()
		p.send(end(single, empty(chain.Reply), byteItem(chain.MessageNumber, "000"), byteItem(chain.ExceptionKey, "SCH\xd6N")))
		requests <- p.receive()
		p.send(cat(single, nonUnicodeReply(p, byteItem(chain.RequestedName, "ECHO"), byteItem(chain.ParameterName, "ECHO"), byteItem(chain.ParameterValue, "gr\xfc\xdfe     "))))
		requests <- p.receive()
		p.send(p.reply(echo))
	})
	_, err := zCall(t.Context(), c, nil)
	e := rfcError(t, err, rfc.ClassABAPException, rfc.Executed)
	require.Equal(t, "SCHÖN", e.Key)
	<-requests
	for _, want := range []string{"grüße", "hello"} {
		res, err := zCall(t.Context(), c, rfc.Params{"TEXT": "hi"})
		require.NoError(t, err)
		require.Empty(t, find(<-requests, chain.SenderDescription))
		v, err := res.Value("ECHO")
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
}

// A session header behind a reset describes what follows, and replaces the announcement.
func TestResetWithAPartnerWithoutUnicode(t *testing.T) {
	t.Parallel()
	requests := make(chan []byte, 3)
	c, err := answerLogon(t, rfc.ConnConfig{AllowNonUnicode: true}, func(p *peer) []byte {
		return end(sender(t, "0101010101040004"), bits, p.reply())
	}, func(p *peer) {
		for range 3 {
			requests <- p.receive()
			p.send(nonUnicodeReply(p))
		}
	})
	require.NoError(t, err)
	require.NoError(t, c.Reset(t.Context()))
	require.Equal(t, "0101 0502 000b 0102 0512 ffff", tags(<-requests))
	require.NoError(t, c.Ping(t.Context()))
	request := <-requests
	require.Equal(t, "0101 0103 0106 0514 0502 000b 0102 0512 ffff", tags(request))
	require.Equal(t, unhexed(t, "0301010101040004"), find(request, chain.SenderDescription)[0])
	require.Equal(t, unhexed(t, "04010003000a0200000023"), find(request, chain.UnicodeHeader)[0]) // what this side is
	require.NoError(t, c.Ping(t.Context()))
	require.Equal(t, "0101 0502 000b 0102 0512 ffff", tags(<-requests))
}

// What a client says of itself at logon: code page, Unicode or not, order.
func TestLogonSaysWhatTheClientIs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		logon   rfc.Logon
		big     bool
		sender  string
		header  string
		unicode bool
		user    string
	}{
		"default":     {rfc.Logon{}, false, "0301010101010000", "04010003000a0200000023", true, "DEVELOPER"},
		"1404":        {rfc.Logon{Codepage: "1404"}, false, "0301010101040004", "04010003000a0200000023", true, "DEVELOPER"},
		"8000":        {rfc.Logon{Codepage: "8000"}, false, "0301010108000000", "04010003000a0200000023", true, "DEVELOPER"},
		"pcs 2":       {rfc.Logon{PartnerCharSize: 2}, false, "0301010504010003", "04010003000a0200000023", true, "D\x00E\x00V\x00E\x00L\x00O\x00P\x00E\x00R\x00"},
		"4102":        {rfc.Logon{Codepage: "4102"}, true, "0302010504010002", "04010002000a0200000023", true, "\x00D\x00E\x00V\x00E\x00L\x00O\x00P\x00E\x00R"},
		"pcs 1":       {rfc.Logon{PartnerCharSize: 1}, false, "0301010101010000", "01010000000a0100000023", false, "DEVELOPER"},
		"pcs 1, 8300": {rfc.Logon{PartnerCharSize: 1, Codepage: "8300"}, true, "0302010108030000", "08030000000a0100000023", false, "DEVELOPER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan []byte, 1)
			_, err := answerLogon(t, rfc.ConnConfig{Logon: tc.logon, BigEndian: tc.big, AllowNonUnicode: true}, func(p *peer) []byte {
				seen <- p.logon
				return end(sender(t, "0101010504010003"), bits, p.reply())
			}, nil)
			require.NoError(t, err)
			logon := <-seen
			require.Equal(t, unhexed(t, tc.sender), find(logon, chain.SenderDescription)[0])
			require.Equal(t, unhexed(t, tc.header), find(logon, chain.UnicodeHeader)[0])
			require.Equal(t, tc.unicode, len(find(logon, chain.Unicode)) == 1)
			require.Equal(t, tc.user, string(find(logon, chain.User)[0]))
			q, err := rfc.DecodeLogonRequest(logon)
			require.NoError(t, err)
			require.Equal(t, []any{"DEVELOPER", rfc.Secret("secret")}, []any{q.User, q.Password})
		})
	}
	// Texts that the page lacks: all at once, before anything is sent.
	cfg := rfc.ConnConfig{Logon: rfc.Logon{User: "JÜRGEN", Password: "10€", Codepage: "8400"}, Destination: "ZIEL Ö", Program: "prägramm", Host: "höst"}
	conv := &neverUsed{}
	_, err := rfc.Open(t.Context(), conv, cfg)
	rfcError(t, err, rfc.ClassConfig, rfc.NotSent)
	for _, want := range []string{
		"user: character at position 2", "password: character at position 3", "destination: character at position 6", "program: character at position 3", "host: character at position 2",
		"not in code page 8400", "jco.client.codepage",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "€")
	require.True(t, conv.aborted)
}

// neverUsed is a conversation that may only be given up.
type neverUsed struct {
	rfc.Conversation
	aborted bool
}

func (c *neverUsed) Abort() { c.aborted = true }

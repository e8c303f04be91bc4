package gateway_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/rfc"
)

var system = rfc.System{ID: "OSD", Description: "OSD BRIDGE", Number: "00", Host: "osd-bridge"}

// Spec 03 section 6, spec 41.5.
func TestAcceptedLogonHasTheExactForm(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		description string
		d           string
	}{"with description": {"OSD", "0451:20 "}, "without": {"", ""}} {
		sys := system
		sys.Description = tc.description
		serve(t, &gateway.Server{Handler: echoMux(t), System: sys}, func(t *testing.T, h *host) {
			c := h.client()
			got := c.must(logonBytes(t, sdkLogon(), "RFCPING"))
			require.Equal(t, "0101:8 0103:4 0106:11 0161:1 0016:8 0450:6 "+tc.d+"0452:4 0453:20 0007:30 0020:92 0021:20 0018:18 0008:34 0011:2 0013:8 0012:8 0006:18 0130:16 "+
				"0150:24 0151:6 0152:2 0500:0 0503:0 0514:16 0420:4 0512:0 0130:80 0667:8 ffff", list(got, true), name)
			for tag, want := range map[chain.Tag][]byte{
				0x0101: unhex("0101010504010003"), 0x0103: unhex("00000e0b"), 0x0106: unhex("0401000301030200000023"), 0x0161: {0}, 0x0016: le16("1100"),
				0x0450: le16("OSD"), 0x0452: le16("00"), 0x0453: le16("osd-bridge"), 0x0007: le16("192.0.2.1      "), 0x0018: le16("192.0.2.1"),
				0x0008: le16("osd-bridge_OSD_00"), 0x0011: le16("3"), 0x0013: le16("793 "), 0x0012: le16("758 "), 0x0006: le16("<unknown>"),
				0x0150: le16("DEVELOPER   "), 0x0151: le16("001"), 0x0152: le16("E"), 0x0514: guid[:], 0x0420: {0, 0, 0, 0}, 0x0020: make([]byte, 92), 0x0021: make([]byte, 20),
			} {
				require.Equal(t, want, first(t, got, tag), "%04x", uint16(tag))
			}
			require.True(t, c.conv.Usable())
			got = c.must(call("RFC_PING"))
			require.Equal(t, "0500:0 0503:0 0514:16 0420:4 0512:0 0130:80 0667:8 ffff", list(got, true))
			require.Equal(t, guid[:], first(t, got, 0x0514))
			require.EqualValues(t, 1, h.srv.Stats().Logons)
		})
	}
}

// Spec 41.5: the lean form, and return code 18.
func TestRefusedLogonHasTheExactForm(t *testing.T) {
	t.Parallel()
	const order = "0101:8 0103:4 0106:11 0016:4 0007:15 0018:9 0008:17 0011:1 0013:4 0012:4 0006:9 0130:8 0500:0 "
	for name, change := range map[string]func(q *rfc.LogonRequest){
		"wrong password": func(q *rfc.LogonRequest) { q.Password = "example-pass1" },
		"unknown user":   func(q *rfc.LogonRequest) { q.User = "NOBODY" },
		"empty password": func(q *rfc.LogonRequest) { q.Password = "" },
		"no password":    func(q *rfc.LogonRequest) { q.HasPassword = false },
		"wrong client":   func(q *rfc.LogonRequest) { q.Client = "002" },
		"only a ticket":  func(q *rfc.LogonRequest) { q.HasPassword, q.User = false, "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			mux := echoMux(t)
			mux.NotFound = func(context.Context, string) (*rfc.Module, error) { asked = true; return nil, nil }
			serve(t, &gateway.Server{Handler: mux, System: system, Clients: []string{"001"}}, func(t *testing.T, h *host) {
				q := sdkLogon()
				change(q)
				c := h.client()
				got := c.must(logonBytes(t, q, "Z_SECRET"))
				if q.User == "" {
					require.Equal(t, order+"0403:28 0402:22 ffff", list(got, true))
					require.Equal(t, "CALL_FUNCTION_SIGNON_INCOMPL", string(first(t, got, 0x0403)))
					require.Equal(t, "Logon data incomplete.", string(first(t, got, 0x0402)))
				} else {
					require.Equal(t, order+"0402:44 ffff", list(got, true))
					require.Equal(t, "Name or password is incorrect (repeat logon)", string(first(t, got, 0x0402)))
				}
				for tag, want := range map[chain.Tag]string{0x0101: "\x01\x01\x01\x01\x01\x01\x00\x00", 0x0106: "\x04\x01\x00\x03\x00\x03\x02\x00\x00\x00#", 0x0130: "SAPMSSY1", 0x0007: "192.0.2.1      ", 0x0006: "<unknown>", 0x0011: "3"} {
					require.Equal(t, want, string(first(t, got, tag)))
				}
				require.False(t, c.conv.Usable(), "return code 18")
				require.False(t, asked, "nobody may learn what is served before a logon")
				require.Zero(t, h.srv.Stats().Logons)
			})
		})
	}
}

func TestCallBeforeLogonAndAnonymousSessions(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client() // B-127
		got := c.must(call("RFC_PING"))
		require.Equal(t, "CALL_FUNCTION_SIGNON_INCOMPL", string(first(t, got, 0x0403)))
		require.False(t, c.conv.Usable())
	})
	serve(t, &gateway.Server{Handler: echoMux(t), AllowAnonymous: true}, func(t *testing.T, h *host) {
		q := sdkLogon()
		q.User, q.HasPassword, q.Client = "", false, ""
		c := h.client()
		require.Equal(t, make([]byte, 4), first(t, c.must(logonBytes(t, q, "RFCPING")), 0x0420))
		require.Equal(t, make([]byte, 4), first(t, c.must(call("RFC_PING")), 0x0420))
		c = h.client() // who says a name has to prove it
		require.NotEmpty(t, find(c.must(logonBytes(t, sdkLogon(), "RFCPING")), 0x0402))
	})
}

func TestB127SecondLogonIsRefused(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		_, err := c.ask(logonBytes(t, sdkLogon(), "RFCPING"))
		var e *cpic.Error
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, "one logon per conversation")
	})
}

func TestUnknownFunctionKeepsTheSession(t *testing.T) { // Q-11, J-01, B-128
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		for _, name := range []string{"Z_UNKNOWN", "SYSTEM_CREATE_INSTANCE", "RFC_START_PROGRAM", "RFC_START_GUI", "RFC_SET_REG_SERVER_PROPERTY", "TRUSTED_SYSTEM_SECURITY"} {
			got := c.must(call(name, want("X"), value("Y", []byte{1}), item(chain.XMLBracket, nil)))
			require.Equal(t, fmt.Sprintf("0500:0 0415:4 0416:2 0417:6 0411:%d 0401:24 ffff", 2*len(name)), list(got, true))
			require.Equal(t, le16("FU_NOT_FOUND"), first(t, got, 0x0401))
			require.Equal(t, le16(name), first(t, got, 0x0411))
		}
		require.NotEmpty(t, find(c.must(call("RFC_PING")), 0x0503))
	})
}

func TestEveryRequestedOutputIsThere(t *testing.T) {
	t.Parallel()
	for bits, id := range map[uint32]string{0xe0b: "0330 ", 0xe09: ""} {
		serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
			q := sdkLogon()
			q.ProtocolBits = bits
			c := h.client()
			c.must(logonBytes(t, q, "RFCPING"))
			got := c.must(call("Z_ECHO", want("OTEXT", "ONUM", "OFLT", "OSTR", "T", "U")))
			require.Equal(t, "0500 0503 0514 0420 0512 0205 0205 0205 0205 0201 0203 0201 0203 0201 0203 0201 0203 0301 "+id+"0302 0301 "+id+"0302 0130 0667 ffff", list(got, false))
			require.Equal(t, map[string][]byte{"OTEXT": le16("          "), "ONUM": make([]byte, 4), "OFLT": make([]byte, 8), "OSTR": {0}}, values(got))
			require.Equal(t, unhex("0000000c 00000000"), first(t, got, chain.TableInfo))
			// Only what was asked for, and STRING with its 00.
			got = c.must(call("Z_ECHO", want("OSTR"), value("STR", []byte("Grüße\x00"))))
			require.Equal(t, "0500 0503 0514 0420 0512 0205 0201 0203 0130 0667 ffff", list(got, false))
			require.Equal(t, map[string][]byte{"OSTR": []byte("Grüße\x00")}, values(got))
			if id == "" {
				return
			}
			// Table ids go on over the conversation.
			require.Equal(t, [][]byte{{0, 0, 0, 3}, {0, 0, 0, 4}}, find(c.must(call("Z_ECHO", want("T", "U"))), chain.TableID))
		})
	}
}

// A JCo client: big-endian numbers, UTF-16BE texts, 0101 in front of every call and no 0502.
func TestBigEndianClient(t *testing.T) {
	t.Parallel()
	sender := item(0x0101, unhex("0402010504010002"))
	be := func(tag chain.Tag, s string) []byte { return item(tag, be16(s)) }
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		q := sdkLogon()
		q.Sender, q.User, q.Destination = rfc.SenderDescription(unhex("0402010504010002")), "DEVELOPER", "ZIEL_ü"
		c := h.client()
		got := c.must(logonBytes(t, q, "RFCPING"))
		require.Equal(t, le16("ZIEL_ü"), first(t, got, 0x0006))
		require.Equal(t, unhex("0101010504010003"), first(t, got, 0x0101))
		for range 2 {
			got = c.must(chain.AppendEnd(cat(sender, be(0x000b, "750"), be(0x0102, "Z_ECHO"), item(0x0512, nil), be(0x0205, "OTEXT"), be(0x0205, "ONUM"), be(0x0205, "OFLT"), be(0x0205, "T"),
				be(0x0201, "TEXT"), be(0x0203, "größer    "), be(0x0201, "NUM"), item(0x0203, unhex("01020304")), be(0x0201, "FLT"), item(0x0203, binary.BigEndian.AppendUint64(nil, math.Float64bits(1.5))),
				be(0x0301, "T"), item(0x0302, unhex("0000000c00000001")), item(0x0303, cat(unhex("00000007"), be16("zeil"))))))
			require.Equal(t, map[string][]byte{
				"OTEXT": le16("größer    "), "ONUM": unhex("04030201"), "OFLT": binary.LittleEndian.AppendUint64(nil, math.Float64bits(1.5)),
			}, values(got))
			require.Equal(t, cat(unhex("07000000"), le16("zeil")), first(t, got, 0x0304))
			require.Empty(t, find(got, 0x0305))
			require.Equal(t, guid[:], first(t, got, 0x0514))
		}
		got = c.must(chain.AppendEnd(cat(sender, be(0x0102, "Z_NOPE"))))
		require.Equal(t, le16("Z_NOPE"), first(t, got, 0x0411))
	})
}

// What has no Unicode is answered in its own code page, names and errors as well; what is
// big-endian gets little-endian answers unless they are mirrored.
func TestCallersAreAnsweredAsTheyCanRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sender, answer string
		mirror         bool
		encode         func(string) []byte
		number         []byte // 0x01020304 as it is answered
	}{
		"1100":                 {"0301010101010000", "0101010101010000", false, page("1100"), unhex("04030201")},
		"1404 big-endian":      {"0302010101040004", "0101010101040004", false, page("1404"), unhex("04030201")},
		"1404 mirrored":        {"0302010101040004", "0102010101040004", true, page("1404"), unhex("01020304")},
		"8000":                 {"0301010108000000", "0101010108000000", false, page("8000"), unhex("04030201")},
		"JCo":                  {"0402010504010002", "0101010504010003", false, le16, unhex("04030201")},
		"JCo mirrored":         {"0402010504010002", "0102010504010002", true, be16, unhex("01020304")},
		"little-endian mirror": {"0301010504010003", "0101010504010003", true, le16, unhex("04030201")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sender := unhex(tc.sender)
			cp, err := rfc.SenderDescription(sender).Representation()
			require.NoError(t, err)
			own := page(cp.Text.Number()) // how the caller writes
			number := unhex("04030201")
			if sender[1] == 2 {
				number = unhex("01020304")
			}
			text := "größer"
			if cp.Text.Number() == "8000" {
				text = "日本語"
			}
			serve(t, &gateway.Server{Handler: echoMux(t), MirrorFormat: tc.mirror}, func(t *testing.T, h *host) {
				q := sdkLogon()
				q.Sender, q.User, q.Destination, q.UnicodeClient = rfc.SenderDescription(sender), "DEVELOPER", "ZIEL_"+text, cp.Unicode()
				c := h.client()
				got := c.must(logonBytes(t, q, "RFCPING"))
				require.Equal(t, unhex(tc.answer), first(t, got, 0x0101))
				require.Equal(t, unhex("0401000301030200000023"), first(t, got, 0x0106)) // what this system is
				require.Equal(t, tc.encode("ZIEL_"+text), first(t, got, 0x0006))
				require.Equal(t, tc.encode("DEVELOPER   "), first(t, got, 0x0150))
				require.Len(t, first(t, got, 0x0020), 46*len(tc.encode("x")))
				put := func(tag chain.Tag, s string) []byte { return item(tag, own(s)) }
				for range 2 {
					cell := own(text)
					for len(cell) < 10*len(own(" ")) {
						cell = append(cell, own(" ")...)
					}
					got = c.must(chain.AppendEnd(cat(item(0x0502, nil), put(0x000b, "750"), put(0x0102, "Z_ECHO"), item(0x0512, nil), put(0x0205, "OTEXT"), put(0x0205, "ONUM"), put(0x0205, "OSTR"), put(0x0205, "T"),
						put(0x0201, "TEXT"), item(0x0203, cell), put(0x0201, "NUM"), item(0x0203, number), put(0x0201, "STR"), item(0x0203, append(stringOf(own, cp.Unicode(), text), 0)))))
					require.Empty(t, find(got, 0x0101))
					answer := map[string][]byte{}
					for i, name := range find(got, 0x0201) {
						answer[string(name)] = find(got, 0x0203)[i]
					}
					require.Len(t, answer, 3)
					char := answer[string(tc.encode("OTEXT"))]
					require.Len(t, char, 10*len(tc.encode("x")))
					require.Equal(t, tc.encode(text), char[:len(tc.encode(text))])
					require.Equal(t, tc.number, answer[string(tc.encode("ONUM"))])
					require.Equal(t, append(stringOf(tc.encode, len(tc.encode("x")) == 2, text), 0), answer[string(tc.encode("OSTR"))])
					require.Equal(t, tc.encode("SAPLSRFC"), first(t, got, 0x0130)[:len(tc.encode("SAPLSRFC"))])
				}
				got = c.must(chain.AppendEnd(cat(put(0x0102, "Z_NOPE"))))
				require.Equal(t, tc.encode("FU_NOT_FOUND"), first(t, got, 0x0401))
				require.Equal(t, tc.encode("Z_NOPE"), first(t, got, 0x0411))
			})
		})
	}
}

// A caller without Unicode may turn to another code page: it is told when its answers do,
// once, and also if the answer becomes an error while it is written.
func TestCallersThatChangeTheirCodePage(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	require.NoError(t, rfc.Handle(mux, "Z_LACKS", func(context.Context, struct{}) (struct {
		Out string `rfc:"O,char=10"`
	}, error,
	) {
		return struct {
			Out string `rfc:"O,char=10"`
		}{"語"}, nil
	}))
	serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
		for _, function := range []string{"RFC_PING", "Z_LACKS"} {
			q := sdkLogon()
			q.UnicodeClient = false
			c := h.client()
			require.Equal(t, unhex("0101010101010000"), first(t, c.must(logonBytes(t, q, "RFCPING")), 0x0101))
			ask := func(function string, front ...[]byte) []byte {
				return c.must(chain.AppendEnd(cat(cat(front...), item(0x0502, nil), item(0x0102, []byte(function)), item(0x0512, nil), item(0x0205, []byte("O")))))
			}
			require.Empty(t, find(ask("RFC_PING"), 0x0101))
			other := item(0x0101, unhex("0301010101040004"))
			require.Equal(t, unhex("0101010101040004"), first(t, ask(function, other), 0x0101))
			if function == "RFC_PING" {
				require.Empty(t, find(ask("RFC_PING"), 0x0101))
				require.Empty(t, find(ask("RFC_PING", other), 0x0101))
				require.NotEmpty(t, find(ask("RFC_PING", item(0x0101, unhex("0301010101010000"))), 0x0101))
			}
		}
	})
}

// page encodes in a code page.
func page(number string) func(string) []byte {
	return func(s string) []byte {
		cp, err := codepage.Lookup(number)
		if err != nil {
			panic(err)
		}
		b, err := cp.Append(nil, s, codepage.Policy{})
		if err != nil {
			panic(err)
		}
		return b
	}
}

// stringOf is a STRING: UTF-8 for those who have Unicode.
func stringOf(encode func(string) []byte, unicode bool, s string) []byte {
	if unicode {
		return []byte(s)
	}
	return encode(s)
}

// Spec 03 section 10, B-106: a code page that nobody knows is a refused logon, which says so.
// A refusal is in the caller's code page if that is none of Unicode.
func TestRefusalsAndCodePages(t *testing.T) {
	t.Parallel()
	why := &rfc.Error{Class: rfc.ClassLogon, Message: "Źle: 10 €"}
	srv := &gateway.Server{Handler: echoMux(t), Authenticate: func(context.Context, *rfc.Peer) error { return why }}
	serve(t, srv, func(t *testing.T, h *host) {
		for sender, want := range map[string]struct{ as, text string }{
			"0301010109090909": {"0101010101010000", "Code page 9999 is not supported "},
			"0301010504010004": {"0101010101010000", "Code page 4104 is not supported "},
			"0301010101010000": {"0101010101010000", "#le: 10 # "},
			"0301010101040004": {"0101010101040004", "\x8fle: 10 \x80 "},
			"0301010108000000": {"0101010108000000", "#le: 10 # "},
			"0402010504010002": {"0101010101010000", "#le: 10 # "},
		} {
			b := bytes.Replace(logonBytes(t, sdkLogon(), "RFCPING"), unhex("0301010101010000"), unhex(sender), 1)
			c := h.client()
			got := c.must(b)
			require.Equal(t, unhex(want.as), first(t, got, 0x0101), sender)
			require.Equal(t, want.text, string(first(t, got, 0x0402)), sender)
			require.Zero(t, len(want.text)%2)
			require.Equal(t, unhex("0401000300030200000023"), first(t, got, 0x0106))
			require.False(t, c.conv.Usable())
		}
		require.Zero(t, h.srv.Stats().Logons)
	})
}

func TestUTF16LogonAndItsPassword(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t), Authenticate: gateway.Users{"JÜRGEN": "pässwörd 語"}.Authenticate}, func(t *testing.T, h *host) {
		q := sdkLogon()
		q.Sender, q.User, q.Password = rfc.SenderDescription(unhex("0301010504010003")), "jürgen", "pässwörd 語"
		got := h.client().must(logonBytes(t, q, "RFCPING"))
		require.NotEmpty(t, find(got, 0x0503), list(got, true))
	})
}

// A client in the manner of open-rfc: other accept bits, 0337, 0018, rows in 0304 without a
// table id, 0103 without bit 02, and full session headers.
func TestOpenRFCLikeClient(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		nc := h.dial("192.0.2.9")
		record := &cpic.GatewayRecord{Version: 2, Type: cpic.NormalClient, IPv4: [4]byte{127, 0, 0, 1}, Service: "sapgw00", Codepage: "1100", OptionLevel: 6, LU: "host", TP: "node", AppcVersion: 6, Accept: 0xdb, Index: -1}
		b, err := record.AppendBinary(nil)
		require.NoError(t, err)
		_, err = nc.Write(ni.AppendRecord(nil, b))
		require.NoError(t, err)
		got := make([]byte, 68)
		_, err = io.ReadFull(nc, got)
		require.NoError(t, err)
		answer := bytes.Clone(b)
		copy(answer[20:], "4103")
		answer[29], answer[55] = 0x0f, 0xfb
		require.Equal(t, ni.AppendRecord(nil, answer), got)
		require.NoError(t, nc.Close())

		q := sdkLogon()
		q.ProtocolBits, q.AddressLong = 0xe09, "127.0.0.1"
		b = logonBytes(t, q, "RFCPING")
		at := bytes.Index(b, unhex("05140010"))
		b = cat(b[:at], item(0x0337, nil), b[at:])
		c := h.client()
		require.NotEmpty(t, find(c.must(b), 0x0503))
		header := cat(item(0x0101, unhex("0301010504010003")), item(0x0103, unhex("00000e09")), item(0x0106, unhex("04010003000a0200000023")), item(0x0337, nil), item(0x0514, guid[:]))
		for range 2 {
			got = c.must(cat(header, call("Z_ECHO", want("T"), item(0x0301, le16("T")), item(0x0302, unhex("0000000c00000002")),
				item(0x0304, cat(unhex("01000000"), le16("abcd"))), item(0x0304, cat(unhex("02000000"), le16("x"), []byte{' ', 0, ' ', 0, ' ', 0})))))
			require.Equal(t, "0500 0503 0514 0420 0512 0301 0302 0304 0304 0130 0667 ffff", list(got, false))
		}
		// A single-byte header speaks for its own record only.
		single := cat(item(0x0101, unhex("0301010101010000")), item(0x0502, nil), item(0x0102, []byte("RFC_PING")))
		require.NotEmpty(t, find(c.must(chain.AppendEnd(single)), 0x0503))
		require.NotEmpty(t, find(c.must(call("RFC_PING")), 0x0503))
	})
}

func TestLogonTogetherWithTheFirstCall(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client()
		one := func(tag chain.Tag, s string) []byte { return item(tag, []byte(s)) }
		got := c.must(logonBytes(t, sdkLogon(), "Z_ECHO", one(0x0205, "OTEXT"), one(0x0205, "ONUM"), one(0x0201, "TEXT"), one(0x0203, "gr\xf6\xdfer    "), one(0x0201, "NUM"), item(0x0203, unhex("05000000"))))
		require.Equal(t, map[string][]byte{"OTEXT": le16("größer    "), "ONUM": unhex("05000000")}, values(got))
		require.NotEmpty(t, find(got, 0x0150))
		got = c.must(call("Z_ECHO", want("OTEXT"), value("TEXT", le16("next      "))))
		require.Equal(t, map[string][]byte{"OTEXT": le16("next      ")}, values(got))
		require.Empty(t, find(got, 0x0150))
		// An unknown first function: logged on, all the same.
		c = h.client()
		got = c.must(logonBytes(t, sdkLogon(), "Z_NOPE"))
		require.Equal(t, le16("FU_NOT_FOUND"), first(t, got, 0x0401))
		require.NotEmpty(t, find(c.must(call("RFC_PING")), 0x0503))
	})
}

func TestLongAnswersAndLongRequests(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		got := c.must(call("Z_ECHO", want("T"), value("TEXT", le16("many      "))))
		require.Len(t, find(got, 0x0304), 10_000)
		require.Equal(t, unhex("0000000c00002710"), first(t, got, 0x0302))
		require.Empty(t, find(got, 0x0305))
		// 40,000 rows: slices, with barriers behind 21 of them, and an empty F_RECEIVE.
		var rows []byte
		for i := range 40_000 {
			rows = append(rows, item(0x0303, cat(binary.LittleEndian.AppendUint32(nil, uint32(i)), le16("rows")))...)
		}
		got = c.must(call("Z_ECHO", want("T"), item(0x0301, le16("T")), item(0x0330, unhex("00000001")), item(0x0302, unhex("0000000c00009c40")), rows))
		back := find(got, 0x0304)
		require.Len(t, back, 40_000)
		for i, r := range back {
			require.Equal(t, cat(binary.LittleEndian.AppendUint32(nil, uint32(i)), le16("rows")), r)
		}
		require.NotEmpty(t, find(c.must(call("RFC_PING")), 0x0503))
	})
}

// Some clients send a request of any size in one record (spec 05 G3, case B-19).
func TestB19LongRequestInOneRecord(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		var rows []byte
		for i := range 20_000 {
			rows = append(rows, item(0x0303, cat(binary.LittleEndian.AppendUint32(nil, uint32(i)), le16("rows")))...)
		}
		data := call("Z_ECHO", want("T"), item(0x0301, le16("T")), item(0x0330, unhex("00000001")), item(0x0302, unhex("0000000c00004e20")), rows)
		header := cpic.Header{
			Version: 6, Function: cpic.SAPSend, Protocol: 2, UID: 0xffff, ParamLength: 8, Info: 5, Vector: 0x0c,
			ConversationID: [8]byte([]byte(c.conv.ID())), CommIndex: 0xffff, ConnIndex: 1,
		}
		payload, err := header.AppendBinary(nil)
		require.NoError(t, err)
		payload, err = cpic.Trailer{DataLength: uint32(len(data)), ReceiveLimit: cpic.ReceiveLimit}.AppendBinary(append(payload, data...))
		require.NoError(t, err)
		require.NoError(t, c.conv.Begin(t.Context()))
		go func() { _, _ = c.nc.Write(ni.AppendRecord(nil, payload)) }()
		answer, err := c.receive()
		require.NoError(t, c.conv.End(err))
		require.Len(t, find(answer, 0x0304), 20_000)
	})
}

// Spec 03 section 9, spec 41.11: the preamble comes once, behind the reset, without the user.
func TestSessionResetPreamble(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	rolledBack := 0
	require.NoError(t, mux.Handle(function(t, "SYSTEM_RESET_RFC_SERVER"), func(_ context.Context, req *rfc.Request, _ *rfc.Reply) error {
		req.Session().Set("kept", true)
		req.Session().OnReset(func() { rolledBack++ })
		req.Session().Reset()
		if req.Session().Get("kept") != nil {
			return errors.New("not forgotten")
		}
		return nil
	}))
	plain := "0500 0503 0514 0420 0512 0130 0667 ffff"
	preamble := "0101 0103 0106 0161 0016 0450 0452 0453 0007 0020 0021 0018 0008 0011 0013 0012 0006 0130 "
	serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		require.Equal(t, plain, list(c.must(call("SYSTEM_RESET_RFC_SERVER")), false))
		require.Equal(t, 1, rolledBack)
		require.Equal(t, preamble+plain, list(c.must(call("RFC_PING")), false))
		require.Equal(t, plain, list(c.must(call("RFC_PING")), false))
		// The reply behind a reset may be an error.
		c.must(call("SYSTEM_RESET_RFC_SERVER"))
		require.Equal(t, preamble+"0500 0415 0416 0417 0411 0401 ffff", list(c.must(call("Z_NOPE")), false))
		require.Equal(t, plain, list(c.must(call("RFC_PING")), false))
		c.must(call("SYSTEM_RESET_RFC_SERVER"))
		require.Equal(t, preamble+plain, list(c.must(call("SYSTEM_RESET_RFC_SERVER")), false))
		require.Equal(t, preamble+plain, list(c.must(call("RFC_PING")), false))
	})
}

// Spec 04 section 6.3, F-91, F-93, Q-06, Q-07, Q-14.
func TestWhatHandlersReturn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		items string
		ended bool
		key   string
		text  string
	}{
		"exception":      {rfc.RaiseException("EXAMPLE"), "0500 0417 0401 ffff", false, "EXAMPLE", ""},
		"wrapped":        {fmt.Errorf("around: %w", rfc.RaiseException("EXAMPLE")), "0500 0417 0401 ffff", false, "EXAMPLE", ""},
		"with message":   {rfc.RaiseMessage("RAISED", "SR", "E", "006", "Method = 1"), "0500 0415 0416 0417 0411 0401 ffff", false, "RAISED", ""},
		"message E":      {&rfc.Error{Class: rfc.ClassABAPMessage, Message: "no", MessageClass: "SR", MessageType: "E", MessageNumber: "006"}, "0500 0415 0416 0417 0402 ffff", false, "", "no"},
		"message A":      {&rfc.Error{Class: rfc.ClassABAPMessage, Message: "no", MessageClass: "SR", MessageType: "A", MessageNumber: "006"}, "0500 0402 0415 0416 0417 ffff", true, "", "no"},
		"message X":      {rfc.RaiseMessage("", "SR", "X", "006"), "0500 0402 0415 0416 0417 ffff", true, "", ""},
		"dump":           {rfc.RuntimeFailure("TIME_OUT", "too slow"), "0500 0402 0403 ffff", true, "TIME_OUT", "too slow"},
		"Q-06 any error": {errors.New("no such luck"), "0500 0402 0403 ffff", true, "CALL_FUNCTION_REMOTE_ERROR", "no such luck"},
		"Q-14 denied":    {&rfc.Error{Class: rfc.ClassDenied, Message: "not you"}, "0500 0402 0403 ffff", true, "RFC_NO_AUTHORITY", "not you"},
		"foreign error":  {&rfc.Error{Class: rfc.ClassABAPException, Remote: true, Key: "INNER"}, "0500 0402 0403 ffff", true, "CALL_FUNCTION_REMOTE_ERROR", "INNER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := rfc.NewMux()
			require.NoError(t, mux.Handle(function(t, "Z_FAIL"), func(context.Context, *rfc.Request, *rfc.Reply) error { return tc.err }))
			serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
				c := h.client()
				c.must(logonBytes(t, sdkLogon(), "RFCPING"))
				got := c.must(call("Z_FAIL"))
				require.Equal(t, tc.items, list(got, false))
				for _, tag := range []chain.Tag{0x0401, 0x0403} {
					for _, v := range find(got, tag) {
						require.Equal(t, le16(tc.key), v)
					}
				}
				for _, v := range find(got, 0x0402) {
					require.Contains(t, string(v), string(le16(tc.text)))
				}
				require.Equal(t, !tc.ended, c.conv.Usable())
				if !tc.ended {
					require.NotEmpty(t, find(c.must(call("RFC_PING")), 0x0503))
				}
			})
		})
	}
}

func TestF91PanicOfAHandlerStaysInside(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	mux := echoMux(t)
	mux.NotFound = func(_ context.Context, name string) (*rfc.Module, error) {
		return nil, errors.New("the catalogue of " + name + " is down")
	}
	serve(t, &gateway.Server{Handler: mux, Logger: slog.New(slog.NewTextHandler(&logged, nil))}, func(t *testing.T, h *host) {
		for _, tc := range []struct{ text, key, says string }{
			{"panic     ", "CALL_FUNCTION_REMOTE_ERROR", "the function module failed"},
			{"error     ", "CALL_FUNCTION_REMOTE_ERROR", "no such luck"},
			{"bad       ", "CALL_FUNCTION_REMOTE_ERROR", "OTEXT"}, // F-93
		} {
			c := h.client()
			c.must(logonBytes(t, sdkLogon(), "RFCPING"))
			got := c.must(call("Z_ECHO", want("OTEXT", "T"), value("TEXT", le16(tc.text))))
			require.Equal(t, "0500 0402 0403 ffff", list(got, false))
			require.Equal(t, le16(tc.key), first(t, got, 0x0403))
			require.Contains(t, string(first(t, got, 0x0402)), string(le16(tc.says)))
			require.NotContains(t, string(got), string(le16("stack")))
			require.False(t, c.conv.Usable())
		}
		for _, tc := range []struct{ request, key []byte }{
			{call("Z_ECHO", value("NUM", []byte{1})), le16("CALL_FUNCTION_ILLEGAL_P_TYPE")},
			{call("Z_LOST"), le16("CALL_FUNCTION_REMOTE_ERROR")},
		} {
			c := h.client()
			c.must(logonBytes(t, sdkLogon(), "RFCPING"))
			got := c.must(tc.request)
			require.Equal(t, tc.key, first(t, got, 0x0403))
			require.NotContains(t, string(got), string(le16("catalogue")))
		}
	})
	require.Contains(t, logged.String(), "with a stack")
	require.Contains(t, logged.String(), "catalogue of Z_LOST")
	require.NotContains(t, logged.String(), "Example-Pass1")
}

func TestBrokenRequestsEndTheSession(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		for name, request := range map[string][]byte{
			"no chain":             []byte("GET / HTTP/1.1\r\n\r\n"),
			"no end":               call("RFC_PING")[:40],
			"no function":          chain.AppendEnd(item(0x0502, nil)),
			"a reply":              chain.AppendEnd(item(0x0500, nil)),
			"parameter twice":      call("Z_ECHO", value("NUM", make([]byte, 4)), value("NUM", make([]byte, 4))),
			"unknown code page":    chain.AppendEnd(cat(item(0x0101, unhex("0301010509090909")), item(0x0102, le16("RFC_PING")))),
			"rows without a table": call("Z_ECHO", item(0x0303, make([]byte, 12))),
		} {
			c := h.client()
			c.must(logonBytes(t, sdkLogon(), "RFCPING"))
			_, err := c.ask(request)
			require.Error(t, err, name)
			require.False(t, c.conv.Usable(), name)
		}
	})
}

func TestBeforeLogonLittleIsRead(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		for name, request := range map[string][]byte{
			"more than 64 KiB":    logonBytes(t, sdkLogon(), "RFCPING", item(0x0402, make([]byte, 70_000))),
			"more than 256 items": logonBytes(t, sdkLogon(), "RFCPING", bytes.Repeat(item(0x0337, nil), 300)),
			"two passwords":       logonBytes(t, sdkLogon(), "RFCPING", item(0x0117, make([]byte, 4))),
		} {
			c := h.client()
			_, err := c.ask(request)
			require.Error(t, err, name)
			require.Zero(t, h.srv.Stats().Logons)
		}
		// A record that is larger than any client's is not even read.
		nc := h.dial("192.0.2.7")
		_, err := nc.Write(binary.BigEndian.AppendUint32(nil, gateway.MaxRecordBeforeLogon+1))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, nc)
		require.NoError(t, err)
	})
}

func open(h *host, cfg rfc.ConnConfig, from string) (*rfc.Conn, error) {
	ctx := context.Background()
	conv, err := cpic.Open(ctx, h.dial(from), cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
	if err != nil {
		return nil, rfc.SetupError(err, rfc.StepGateway)
	}
	if cfg.Logon.User == "" {
		cfg.Logon = rfc.Logon{Client: "001", User: "developer", Password: "Example-Pass1", Language: "E"}
	}
	return rfc.Open(ctx, conv, cfg)
}

func TestCallbackFromAHandler(t *testing.T) {
	t.Parallel()
	mux := rfc.NewMux()
	require.NoError(t, rfc.HandleInterface(mux, zEcho, func(context.Context, echoIn) (echoOut, error) { return echoOut{}, nil }))
	require.NoError(t, mux.Handle(function(t, "Z_BACK"), func(ctx context.Context, req *rfc.Request, _ *rfc.Reply) error {
		for i := range 3 {
			out, err := req.Callback(ctx, zEcho, rfc.Params{"TEXT": fmt.Sprint("t", i), "NUM": i, "T": []row{{1, "A"}}})
			if err != nil {
				return err
			}
			if out["OTEXT"] != fmt.Sprint("t", i) || len(out["T"].([]rfc.Params)) != 1 {
				return fmt.Errorf("got %v", out)
			}
		}
		f, err := metadata.NewFunction("Z_NOPE", nil)
		if err != nil {
			return err
		}
		_, err = req.Callback(ctx, f, nil)
		if e, ok := errors.AsType[*rfc.Error](err); !ok || e.Key != "FU_NOT_FOUND" || !e.Remote {
			return fmt.Errorf("got %w", err)
		}
		if _, err = req.Callback(ctx, zEcho, rfc.Params{"NOPE": 1}); !errors.Is(err, rfc.ErrParameter) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	}))
	serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
		c, err := open(h, rfc.ConnConfig{Callbacks: echoMux(t)}, "192.0.2.7")
		require.NoError(t, err)
		for range 2 {
			_, err = c.Call(t.Context(), "Z_BACK", nil, rfc.WithInterface(function(t, "Z_BACK")))
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
		// A partner that answers a callback with a call is told off.
		foreign := h.client()
		foreign.must(logonBytes(t, sdkLogon(), "RFCPING"))
		got := foreign.must(call("Z_BACK"))
		require.Equal(t, "0502 000b 0102 0512 0205 0205 0205 0205 0205 0205 0201 0203 0201 0203 0301 0302 0303 ffff", list(got, false))
		got = foreign.must(call("RFC_PING"))
		require.Equal(t, le16("CALL_FUNCTION_REMOTE_ERROR"), first(t, got, 0x0403))
	})
}

// F-96: a client that leaves, or speaks out of turn, ends the context of the handler.
func TestClientLeavesDuringAHandler(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(c *client){
		"leaves": func(c *client) { c.conv.Abort() },
		"speaks": func(c *client) { // not through the conversation, which knows that it is not its turn
			_, _ = c.nc.Write(ni.AppendRecord(nil, make([]byte, 80)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running, ended := make(chan struct{}), make(chan error, 1)
			mux := rfc.NewMux()
			require.NoError(t, mux.Handle(function(t, "RFC_PING_AND_WAIT"), func(ctx context.Context, req *rfc.Request, _ *rfc.Reply) error {
				close(running)
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				ended <- context.Cause(ctx)
				if req.Session().Context().Err() == nil {
					t.Error("the session goes on")
				}
				return ctx.Err()
			}))
			serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
				running, ended = make(chan struct{}), make(chan error, 1)
				c := h.client()
				c.must(logonBytes(t, sdkLogon(), "RFCPING"))
				start := time.Now()
				require.NoError(t, c.conv.Begin(t.Context()))
				require.NoError(t, c.conv.SendLast(append(make([]byte, c.conv.Headroom()), call("RFC_PING_AND_WAIT")...)))
				<-running
				leave(c)
				require.ErrorIs(t, <-ended, rfc.ErrPeerClosed)
				require.Less(t, time.Since(start), time.Second)
				synctest.Wait()
				require.Zero(t, h.srv.Stats().Open)
			})
		})
	}
}

// What a handler learns of its caller, and what it does not.
func TestPeerOfASession(t *testing.T) {
	t.Parallel()
	var seen, inside rfc.Peer
	ended := make(chan struct{})
	mux := rfc.NewMux()
	require.NoError(t, mux.Handle(function(t, "Z_WHO"), func(_ context.Context, req *rfc.Request, reply *rfc.Reply) error {
		s := req.Session()
		inside = s.Peer()
		if s.Calls() == 1 {
			context.AfterFunc(s.Context(), func() { close(ended) })
		}
		reply.Program("Z_PROGRAM_" + s.ID()[:2] + s.System().ID)
		return nil
	}))
	srv := &gateway.Server{Handler: mux, System: system, Authenticate: func(_ context.Context, who *rfc.Peer) error {
		seen = *who
		if who.Logon.Client == "999" {
			return &rfc.Error{Class: rfc.ClassLogon, Message: "Client 999 is not available"}
		}
		return nil
	}}
	serve(t, srv, func(t *testing.T, h *host) {
		ended = make(chan struct{})
		c := h.client()
		c.must(logonBytes(t, sdkLogon(), "RFCPING"))
		want := rfc.Peer{
			Logon: rfc.Logon{Client: "001", User: "DEVELOPER", Password: "Example-Pass1", Language: "E"}, Address: "127.0.1.1", Host: "titan",
			Destination: "<unknown>", Program: "python3", Release: "754", PartnerType: "E", Codepage: "4103", Remote: "192.0.2.7:40000", SessionID: "00012EA9581F1FE19CAA03B58666279D",
		}
		require.Equal(t, want, seen)
		got := c.must(call("Z_WHO"))
		want.Logon.Password = ""
		require.Equal(t, want, inside)
		require.Equal(t, le16("Z_PROGRAM_"+c.conv.ID()[:2]+"OSD"+strings.Repeat(" ", 25)), first(t, got, 0x0130))
		require.NoError(t, c.conv.Close()) // in order
		<-ended
		c = h.client()
		q := sdkLogon()
		q.Client = "999"
		require.Equal(t, "Client 999 is not available ", string(first(t, c.must(logonBytes(t, q, "RFCPING")), 0x0402)))
	})
}

// F-24: a full gateway is something to come back to.
func TestF24LimitsOfConnections(t *testing.T) {
	t.Parallel()
	for name, srv := range map[string]*gateway.Server{
		"all": {MaxConnections: 2}, "address": {MaxPerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv.Handler = echoMux(t)
			serve(t, srv, func(t *testing.T, h *host) {
				a, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
				require.NoError(t, err)
				b, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
				require.NoError(t, err)
				for range 3 {
					_, err = open(h, rfc.ConnConfig{}, "192.0.2.7")
					var e *rfc.Error
					require.ErrorAs(t, err, &e)
					require.Equal(t, rfc.ClassResource, e.Class, "%v", err)
					require.Equal(t, "RFC_RESOURCE", e.Key)
					require.True(t, rfc.SafeToRetry(err))
				}
				synctest.Wait()
				require.Equal(t, gateway.Stats{Open: 2, Accepted: 5, Refused: 3, Logons: 2}, h.srv.Stats())
				other, err := open(h, rfc.ConnConfig{}, "192.0.2.8")
				require.Equal(t, name == "address", err == nil)
				if err == nil {
					require.NoError(t, other.Close())
				}
				require.NoError(t, a.Ping(t.Context()), "those that are in are not touched")
				require.NoError(t, a.Close())
				synctest.Wait()
				c, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
				require.NoError(t, err)
				require.NoError(t, b.Close())
				require.NoError(t, c.Close())
				synctest.Wait()
				require.Zero(t, h.srv.Stats().Open)
			})
		})
	}
}

func TestConnectionsWithoutALogonTakeOnlyAShare(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t), MaxConnections: 200}, func(t *testing.T, h *host) {
		var silent []net.Conn
		for i := range 20 { // no address has more than one
			silent = append(silent, h.dial(fmt.Sprintf("192.0.2.%d", 100+i)))
		}
		synctest.Wait()
		_, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
		require.ErrorIs(t, err, rfc.ErrResource)
		require.Equal(t, gateway.Stats{Open: 20, Accepted: 21, Refused: 1}, h.srv.Stats())
		pass(time.Second) // that is enough for a logon: whoever is there no longer keeps others out
		c, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
		require.NoError(t, err)
		_, err = silent[0].Read(make([]byte, 1))
		require.Error(t, err, "the oldest made room")
		synctest.Wait()
		require.Equal(t, gateway.Stats{Open: 20, Accepted: 22, Refused: 2, Logons: 1}, h.srv.Stats())
		pass(cpic.DefaultFirstRecord) // they are thrown out
		for _, nc := range silent {
			_, err := nc.Read(make([]byte, 1))
			require.Error(t, err)
		}
		require.NoError(t, c.Close())
		synctest.Wait()
		require.Zero(t, h.srv.Stats().Open)
	})
}

// F-89, goal G39: ten thousand half-open connections, of one address or of as many, touch
// neither those who have logged on nor those who do.
func TestF89G39Flood(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]func(i int) string{
		"one address":   func(int) string { return "203.0.113.1" },
		"ten addresses": func(i int) string { return fmt.Sprintf("203.0.113.%d", i%10) },
		"each its own":  func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
				before, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
				require.NoError(t, err)
				const flood, legitimate = 10_000, 50
				var silent []net.Conn
				for i := range flood {
					silent = append(silent, h.dial(from(i)))
					if i%(flood/legitimate) > 0 {
						continue
					}
					synctest.Wait()
					if name == "each its own" {
						pass(time.Second) // a flood cannot be told from a crowd at once
					}
					require.NoError(t, before.Ping(t.Context()))
					c, err := open(h, rfc.ConnConfig{}, "192.0.2.8")
					require.NoError(t, err, "behind %d", i)
					require.NoError(t, c.Ping(t.Context()))
					require.NoError(t, c.Close())
				}
				synctest.Wait()
				s := h.srv.Stats()
				require.EqualValues(t, legitimate+1, s.Logons)
				require.EqualValues(t, flood+legitimate+1, s.Accepted)
				require.LessOrEqual(t, s.Open, gateway.DefaultMaxConnections/10+2)
				require.GreaterOrEqual(t, s.Refused, int64(flood-gateway.DefaultMaxConnections/10))
				for _, nc := range silent {
					require.NoError(t, nc.Close())
				}
				require.NoError(t, before.Close())
				synctest.Wait()
				require.Zero(t, h.srv.Stats().Open)
			})
		})
	}
}

// F-23, F-90.
func TestLimitsOfTime(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t), LogonLimit: 20 * time.Second, IdleLimit: time.Hour}, func(t *testing.T, h *host) {
		for name, tc := range map[string]struct {
			do   func() *client
			wait time.Duration
		}{
			"no logon": {func() *client { return h.client() }, 20 * time.Second},
			"idle": {func() *client {
				c := h.client()
				c.must(logonBytes(t, sdkLogon(), "RFCPING"))
				return c
			}, time.Hour},
		} {
			c := tc.do()
			start := time.Now()
			require.NoError(t, c.conv.Begin(t.Context()))
			_, _, err := c.conv.Receive()
			require.Error(t, err, name)
			require.Equal(t, tc.wait, time.Since(start), name)
			require.Error(t, c.conv.End(err))
		}
	})
}

// Security: failed logons of one user from one address are slowed down.
func TestThrottle(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		try := func(user, from string, password rfc.Secret) time.Duration {
			start := time.Now()
			c, err := open(h, rfc.ConnConfig{Logon: rfc.Logon{User: user, Password: password}}, from)
			if err == nil {
				_ = c.Close()
			} else {
				require.ErrorIs(t, err, rfc.ErrLogon)
			}
			return time.Since(start)
		}
		var got []time.Duration
		for range 12 {
			got = append(got, try("DEVELOPER", "192.0.2.7", "wrong"))
		}
		s := time.Second
		require.Equal(t, []time.Duration{0, 0, 0, 0, 0, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}, got)
		require.Zero(t, try("OTHER", "192.0.2.7", "wrong"))
		require.Zero(t, try("DEVELOPER", "192.0.2.8", "wrong"))
		require.Equal(t, 30*s, try("developer", "192.0.2.7", "wrong"))
		require.Equal(t, 30*s, try("DEVELOPER", "192.0.2.7", "Example-Pass1"))
		require.Zero(t, try("DEVELOPER", "192.0.2.7", "wrong"), "a good logon clears the count")
		for range 10 {
			try("DEVELOPER", "192.0.2.7", "wrong")
		}
		pass(16 * time.Minute)
		require.Zero(t, try("DEVELOPER", "192.0.2.7", "wrong"), "what is long ago is forgotten")
		// Guessing side by side is no faster.
		var group sync.WaitGroup
		start := time.Now()
		for range 8 {
			group.Go(func() { try("SIDEWAYS", "192.0.2.9", "wrong") })
		}
		group.Wait()
		require.Equal(t, 4*s, time.Since(start))
	})
}

// F-94.
func TestF94ShutdownLetsCallsFinish(t *testing.T) {
	t.Parallel()
	mux := echoMux(t)
	started := make(chan struct{}, 1)
	require.NoError(t, mux.Handle(function(t, "Z_WAIT"), func(ctx context.Context, _ *rfc.Request, _ *rfc.Reply) error {
		started <- struct{}{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Minute):
			return nil
		}
	}))
	zWait := rfc.WithInterface(function(t, "Z_WAIT"))
	for name, tc := range map[string]struct {
		limit time.Duration
		err   error
	}{"in time": {time.Hour, nil}, "too late": {10 * time.Second, context.DeadlineExceeded}} {
		serve(t, &gateway.Server{Handler: mux}, func(t *testing.T, h *host) {
			started = make(chan struct{}, 1)
			idle, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
			require.NoError(t, err)
			busy, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
			require.NoError(t, err)
			var group sync.WaitGroup
			group.Go(func() {
				_, err := busy.Call(t.Context(), "Z_WAIT", nil, zWait)
				if (err == nil) != (tc.err == nil) {
					t.Errorf("%s: %v", name, err)
				}
			})
			<-started
			group.Go(func() {
				synctest.Wait()
				if err := idle.Ping(t.Context()); !errors.Is(err, rfc.ErrCommunication) {
					t.Errorf("%s: %v", name, err)
				}
				if h.dial("192.0.2.7") != nil {
					t.Error("still listening")
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
			defer cancel()
			start := time.Now()
			err = h.srv.Shutdown(ctx)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, min(tc.limit, time.Minute), time.Since(start))
			group.Wait()
			require.NoError(t, h.srv.Close())
			require.NoError(t, h.srv.Close())
			require.NoError(t, h.srv.Shutdown(t.Context()))
			require.Zero(t, h.srv.Stats().Open)
			require.ErrorIs(t, h.srv.Serve(h.l), gateway.ErrServerClosed)
			nc, other := netfault.Pipe()
			h.srv.ServeConn(t.Context(), nc)
			_, err = other.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	serve(t, &gateway.Server{Handler: echoMux(t)}, func(t *testing.T, h *host) {
		c, err := open(h, rfc.ConnConfig{}, "192.0.2.7")
		require.NoError(t, err)
		_ = h.dial("192.0.2.7")
		require.NoError(t, h.srv.Close())
		require.ErrorIs(t, c.Ping(t.Context()), rfc.ErrCommunication)
	})
}

func TestServeConnAndItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &gateway.Server{Handler: echoMux(t), Authenticate: gateway.Users{"DEVELOPER": "Example-Pass1"}.Authenticate}
		ctx, cancel := context.WithCancel(t.Context())
		client, server := netfault.Pipe()
		var group sync.WaitGroup
		group.Go(func() { srv.ServeConn(ctx, server) })
		conv, err := cpic.Open(t.Context(), client, cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
		require.NoError(t, err)
		c, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{Logon: rfc.Logon{User: "DEVELOPER", Password: "Example-Pass1"}})
		require.NoError(t, err)
		require.NoError(t, c.Ping(t.Context()))
		cancel()
		group.Wait()
		require.ErrorIs(t, c.Ping(t.Context()), rfc.ErrCommunication)
		pass(watchdogRest)
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	srv := new(gateway.Server)
	for _, address := range []string{"", "3300", "0.0.0.0:0", "192.0.2.1:3300", "example.com:3300"} {
		_, err := srv.Listen(t.Context(), address)
		require.Error(t, err, address)
	}
	for _, address := range []string{":0", "127.0.0.1:0", "localhost:0"} {
		l, err := srv.Listen(t.Context(), address)
		require.NoError(t, err, address)
		require.True(t, l.Addr().(*net.TCPAddr).IP.IsLoopback())
		require.ErrorContains(t, srv.Serve(l), "without a Handler")
	}
	srv = &gateway.Server{Handler: echoMux(t)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.ListenAndServe(ctx, "127.0.0.1:0") }()
	cancel()
	err := <-done
	require.True(t, errors.Is(err, gateway.ErrServerClosed) || errors.Is(err, context.Canceled), "%v", err)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	u := gateway.Users{"DEVELOPER": "secret", "GUEST": ""}
	for _, tc := range []struct {
		user     string
		password rfc.Secret
		ok       bool
	}{{"DEVELOPER", "secret", true}, {"developer", "secret", true}, {"DEVELOPER", "Secret", false}, {"DEVELOPER", "", false}, {"NOBODY", "secret", false}, {"NOBODY", "", false}, {"", "", false}, {"GUEST", "", false}} {
		err := u.Authenticate(t.Context(), &rfc.Peer{Logon: rfc.Logon{User: tc.user, Password: tc.password}})
		require.Equal(t, tc.ok, err == nil, tc.user)
		if err != nil {
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

// B-17, G of the stress layer: nobody reads what belongs to somebody else.
func TestThousandCallsOverTwentyConnections(t *testing.T) {
	t.Parallel()
	srv := &gateway.Server{Handler: echoMux(t), Authenticate: gateway.Users{"DEVELOPER": "Example-Pass1"}.Authenticate}
	l, err := srv.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var server, group sync.WaitGroup
	server.Go(func() { _ = srv.Serve(l) })
	for n := range 20 {
		group.Go(func() {
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			conv, err := cpic.Open(t.Context(), nc, cpic.ClientConfig{TargetHost: "host", SystemNumber: "00"})
			if err != nil {
				t.Error(err)
				return
			}
			c, err := rfc.Open(t.Context(), conv, rfc.ConnConfig{Logon: rfc.Logon{User: "DEVELOPER", Password: "Example-Pass1"}, Functions: srv.Handler.(*rfc.Mux)})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 50 {
				in := echoIn{Text: fmt.Sprintf("%d/%d", n, i), Num: int32(n*1000 + i), Str: strings.Repeat(fmt.Sprintf("%d.%d ", n, i), i*20)}
				for k := range i {
					in.T = append(in.T, row{int32(k), fmt.Sprint(n)})
				}
				out, err := rfc.Call[echoOut](t.Context(), c, "Z_ECHO", in)
				if err != nil || out.Text != in.Text || out.Num != in.Num || out.Str != in.Str || len(out.T) != i || i > 0 && out.T[i-1] != in.T[i-1] {
					t.Errorf("call %d of connection %d: %v %v", i, n, out, err)
					return
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.NoError(t, srv.Shutdown(t.Context()))
	server.Wait()
	require.Equal(t, gateway.Stats{Accepted: 20, Logons: 20}, srv.Stats())
}

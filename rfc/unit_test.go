package rfc

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/serialization"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	require.NoError(t, err)
	return b
}

func utf16(t testing.TB, s string) []byte {
	t.Helper()
	b, err := codepage.AppendUTF16LE(nil, s)
	require.NoError(t, err)
	return b
}

// Spec 03 section 4 and case A-27.
func TestA27ScrambleVectors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		plain []byte
		seed  uint32
		want  string
	}{
		{[]byte("secret"), 0x5ae0b7a3, "a3b7e05a048eaa683470"},
		{[]byte("secret"), 0x12345678, "785634126573b32ae337"},
		{[]byte("secret"), 0, "000000008377ce37abcb"},
		{[]byte("secret"), 0xffffffff, "ffffffff1e61696bda2e"},
		{nil, 0x12345678, "78563412"},
		{[]byte(strings.Repeat("x", 40)), 0x12345678, "785634126e6ea820fe3b4fda38a5ea24f4256c68d1e2f94eb61ae30c7cf33d272814f3623a522408b2b59131"},
		{utf16(t, "secret"), 0x12345678, "785634126516b558e54345a225dde65c"},
		{[]byte("Example-Pass1"), 0x4e2c4283, "83422c4e146f87a1df683756a148f3ee77"},
		{nil, 0, "00000000"},
		{[]byte("AB"), 0, "00000000b150"},
		{[]byte("secret"), 0x15, "150000008981dc9b914e"},
	} {
		got := appendScrambled([]byte("head"), tc.plain, tc.seed)
		require.Equal(t, hex.EncodeToString([]byte("head"))+tc.want, hex.EncodeToString(got))
		seed, plain, ok := unscramble(got[4:])
		require.True(t, ok)
		require.Equal(t, tc.seed, seed)
		require.Equal(t, string(tc.plain), string(plain))
	}
	for n := range 4 {
		_, _, ok := unscramble(make([]byte, n))
		require.False(t, ok)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		b := make([]byte, rng.IntN(80))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		seed, plain, ok := unscramble(appendScrambled(nil, b, rng.Uint32()))
		require.True(t, ok)
		require.Equal(t, b, append([]byte{}, plain...), "%x", seed)
	}
}

func TestSenderDescriptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		hex      string
		kind     byte
		big, uni bool
		codepage string
		width    int
	}{
		{"0301010101010000", 3, false, false, "1100", 1},
		{"0301010504010003", 3, false, true, "4103", 2},
		{"0101010504010003", 1, false, true, "4103", 2},
		{"0101010101010000", 1, false, false, "1100", 1},
		{"0402010504010002", 4, true, true, "4102", 2},
	} {
		s := SenderDescription(unhex(t, tc.hex))
		require.Equal(t, tc.kind, s.Kind())
		require.Equal(t, tc.big, s.BigEndian())
		require.Equal(t, tc.uni, s.Unicode())
		require.Equal(t, tc.codepage, s.Codepage())
		rep, err := s.Representation()
		require.NoError(t, err)
		require.Equal(t, tc.width, rep.CharWidth())
		require.Equal(t, tc.big, rep.BigEndian)
	}
	// B-106: a code page nobody knows is named.
	_, err := SenderDescription{3, 1, 1, 1, 9, 9, 9, 9}.Representation()
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.ErrorContains(t, err, "code page")
	require.ErrorContains(t, err, "9999")
	require.Equal(t, ClassProtocol, classify(err, StepReceive).Class)
}

func TestItemTextsStripPaddingAndGuessOnlyErrors(t *testing.T) {
	t.Parallel()
	be, err := codepage.Lookup("4102")
	require.NoError(t, err)
	require.Equal(t, "AB", text([]byte("AB  \x00\x00"), latin))
	require.Equal(t, " A", text(utf16(t, " A "), unicode))
	require.Equal(t, "AB", text([]byte{0, 'A', 0, 'B', 0, ' '}, serialization.Representation{Text: be}))
	require.Equal(t, strings.Repeat("ü", 200), text(utf16(t, strings.Repeat("ü", 200)), unicode))
	// J-19: single-byte texts of old kernels in a Unicode session.
	for _, s := range []string{"Logon data incomplete.", "odd", "CALL_FUNCTION_SIGNON_INCOMPL"} {
		require.Equal(t, s, errorText([]byte(s), unicode))
		require.Equal(t, s, errorText(utf16(t, s), unicode))
	}
	require.Equal(t, "Größe überschritten", errorText(utf16(t, "Größe überschritten"), unicode))
	require.Equal(t, "日本語のエラー", errorText(utf16(t, "日本語のエラー"), unicode))
	require.Empty(t, errorText(nil, unicode))
}

// exampleLogon is spec 03, example 3: the data of the golden logon without the trailer.
const exampleLogon = `d9c6c3f0f0f0f0f0f0f0f0f0
	0101 0008 0301010101010000 0101
	0103 0004 00000e0b 0103
	0106 000b 04010003000a0200000023 0106
	0514 0010 00012ea9581f1fe19caa03b58666279d 0514
	0114 0003 303031 0114
	0111 0009 446576656c6f706572 0111
	0117 0011 83422c4e146f87a1df683756a148f3ee77 0117
	0115 0001 45 0115
	0501 0001 01 0501
	0007 0009 3132372e302e312e31 0007
	0011 0001 45 0011
	0012 0003 373534 0012
	0013 0003 373534 0013
	0008 0005 746974616e 0008
	0006 0009 3c756e6b6e6f776e3e 0006
	0130 0007 707974686f6e33 0130
	0502 0000 0502
	000b 0003 373534 000b
	0102 0007 52464350494e47 0102
	ffff 0000 ffff`

func exampleRequest(t testing.TB) *LogonRequest {
	q := newLogonRequest(&Logon{Client: "001", User: "Developer", Password: "Example-Pass1", Language: "E"}, unicode, codepage.Latin1,
		[16]byte(unhex(t, "00012ea9581f1fe19caa03b58666279d")), 0x4e2c4283, protocolBits)
	q.Address, q.Host, q.Destination, q.Program = "127.0.1.1", "titan", "<unknown>", "python3"
	return q
}

func TestLogonRequestMatchesTheCapture(t *testing.T) {
	t.Parallel()
	want := unhex(t, exampleLogon)
	q := exampleRequest(t)
	got, err := q.AppendBinary([]byte{1, 2, 3})
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got[3:]))
	read, err := DecodeLogonRequest(want)
	require.NoError(t, err)
	if diff := cmp.Diff(q, read, cmp.AllowUnexported(LogonRequest{}, callHeader{})); diff != "" {
		t.Error(diff)
	}
	// Every truncation is refused.
	for n := range want {
		_, err := DecodeLogonRequest(want[:n])
		require.Error(t, err, n)
	}
}

func TestA13LogonLeavesOutWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	q := newLogonRequest(&Logon{}, unicode, codepage.Latin1, [16]byte{1}, 7, protocolBitsNoDelta)
	q.AddressLong = "2001:db8::1"
	b, err := q.AppendBinary(nil)
	require.NoError(t, err)
	tags := map[chain.Tag]string{}
	r := chain.NewBytesReader(b[len(signature):], chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			break
		}
		tags[it.Tag] = string(it.Value)
	}
	for _, absent := range []chain.Tag{chain.User, chain.Password, chain.Client, chain.Address} {
		require.NotContains(t, tags, absent)
	}
	require.Equal(t, "\x00\x00\x0e\x09", tags[chain.ProtocolBits])
	require.Equal(t, "2001:db8::1", tags[chain.AddressLong])
	require.Contains(t, tags, chain.Language)
}

func TestLogonRequestInUTF16(t *testing.T) {
	t.Parallel()
	q := exampleRequest(t)
	for _, sender := range []SenderDescription{describe(kindExternal, unicode), {4, 2, 1, 5, 4, 1, 0, 2}} {
		q.Sender = sender
		q.Password, q.User = "pässwörd 語 ", "JÜRGEN"
		b, err := q.AppendBinary(nil)
		require.NoError(t, err)
		read, err := DecodeLogonRequest(b)
		require.NoError(t, err)
		if diff := cmp.Diff(q, read, cmp.AllowUnexported(LogonRequest{}, callHeader{})); diff != "" {
			t.Error(diff)
		}
	}
	q.Sender = describe(kindExternal, latin)
	_, err := q.AppendBinary(nil)
	require.ErrorContains(t, err, "not in code page 1100")
	require.NotContains(t, err.Error(), "pässwörd")
}

func TestLogonRequestRefusesTwoPasswordsAndBadLengths(t *testing.T) {
	t.Parallel()
	for name, items := range map[string]string{
		"two passwords":    "0117000483422c4e0117 0117000483422c4e0117",
		"short password":   "0117000383422c0117",
		"sender of 7":      "0101000703010101010100 0101",
		"header of 10":     "0106000a04010003000a02000000 0106",
		"GUID of 15":       "0514000f" + strings.Repeat("00", 15) + "0514",
		"bits of 3":        "0103000300000e0103",
		"unknown codepage": "0101000803010101090909090101",
	} {
		_, err := DecodeLogonRequest(append(append(append([]byte{}, signature...), unhex(t, items)...), chain.AppendEnd(nil)...))
		require.ErrorIs(t, err, wire.ErrMalformed, name)
	}
	_, err := DecodeLogonRequest([]byte("GET / HTTP/1.1"))
	require.ErrorContains(t, err, "RFC000000000")
}

func TestLogonValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id    string
		logon Logon
		want  []string
	}{
		{"A-12 password missing", Logon{User: "A"}, []string{"exactly one"}},
		{"A-12 user missing", Logon{Password: "topsecret"}, []string{"exactly one"}},
		{"B-05", Logon{Client: "10", User: "A", Password: "b"}, []string{`client "10"`, "three digits"}},
		{"B-05", Logon{Client: "1000"}, []string{"three digits"}},
		{"B-05", Logon{Client: "ab1"}, []string{"three digits"}},
		{"B-06", Logon{User: "ABCDEFGHIJKLM", Password: "b"}, []string{"user has 13 characters, at most 12"}},
		{"B-09", Logon{User: "A", Password: Secret(strings.Repeat("topsecret", 5))}, []string{"45 characters, at most 40"}},
		{"B-10", Logon{User: "A", Password: "tops€cret"}, []string{"password: character at position 5 not in code page 1100", "jco.client.codepage"}},
		{"B-10 in 8000", Logon{User: "A", Password: "日本€", Codepage: "8000"}, []string{"password: character at position 3 not in code page 8000"}},
		{"B-10 no character", Logon{User: "A", Password: "ab\xff", PartnerCharSize: 2}, []string{"password: character at position 3 not in code page 4103"}},
		{"B-11", Logon{Codepage: "UTF-8"}, []string{`value "UTF-8"`, "4-digit SAP code page", "1100, 1101", "8000"}},
		{"B-11", Logon{Codepage: "99"}, []string{`value "99"`, "4-digit SAP code page", "1100"}},
		{"B-11", Logon{Codepage: "0000"}, []string{`value "0000"`, "4-digit SAP code page", "1100"}},
		{"B-11 UTF-32", Logon{Codepage: "4104"}, []string{`value "4104"`, "4-digit SAP code page"}},
		{"pcs", Logon{PartnerCharSize: 3}, []string{"jco.client.pcs", "value 3", "1 or 2"}},
		{"pcs and codepage", Logon{PartnerCharSize: 2, Codepage: "1100"}, []string{"jco.client.codepage", "1100", "contradicts", "2"}},
		{"pcs and codepage", Logon{PartnerCharSize: 1, Codepage: "4103"}, []string{"4103", "contradicts", "1"}},
		{"control character", Logon{User: "A\tB", Password: "b"}, []string{"user: control character at position 2"}},
		{"user outside 1100", Logon{User: "A語", Password: "b"}, []string{"user: character at position 2"}},
		{"language", Logon{Language: "english"}, []string{"language", "one SAP language key"}},
		{"all at once", Logon{Client: "x", User: strings.Repeat("u", 13), Language: "xx"}, []string{"three digits", "exactly one", "at most 12", "language"}},
	} {
		err := tc.logon.Validate()
		require.ErrorIs(t, err, ErrConfig, tc.id)
		for _, w := range tc.want {
			require.ErrorContains(t, err, w, tc.id)
		}
		require.NotContains(t, fmt.Sprintf("%v %+v", err, err), "topsecret")
		require.NotContains(t, fmt.Sprintf("%v %+v", err, err), "€")
		var e *Error
		require.ErrorAs(t, err, &e)
		group := 101
		if errors.Is(err, ErrCodepage) {
			group = 125 // D-22
		}
		require.Equal(t, []int{20, 5, group}, []int{e.Code(), e.Group(), e.JCoGroup()})
		require.Equal(t, NotSent, e.Outcome)
	}
	for _, l := range []Logon{{}, {Client: "001", User: "DEVELOPER", Password: "x", Language: "E"}, {User: strings.Repeat("u", 12), Password: Secret(strings.Repeat("ÿ", 40)), Language: "ä"}} {
		require.NoError(t, l.Validate())
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const plain = "hunter2"
	s := Secret(plain)
	holder := struct {
		Password Secret
		P        *Secret
		L        []Secret
		M        map[string]Secret
	}{s, &s, []Secret{s}, map[string]Secret{"a": s}}
	logon := Logon{User: "U", Password: s}
	var all strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f", "%10s", "%-5v", "%U", "%c"} {
		for _, v := range []any{s, &s, holder, &holder, logon, &logon, ConnConfig{Logon: logon}, Peer{Logon: logon}} {
			fmt.Fprintf(&all, verb+"\n", v)
		}
	}
	for _, v := range []any{s, holder, logon, Peer{Logon: logon}} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		all.Write(b)
		for _, h := range []slog.Handler{slog.NewTextHandler(&all, nil), slog.NewJSONHandler(&all, nil)} {
			slog.New(h).Info("logon", "value", v)
		}
	}
	require.NotContains(t, all.String(), plain)
	require.NotContains(t, all.String(), hex.EncodeToString([]byte(plain)))
	require.NotContains(t, all.String(), strings.ToUpper(hex.EncodeToString([]byte(plain))))
	require.Contains(t, all.String(), "***")
	require.Equal(t, plain, s.Reveal())
	require.Empty(t, Secret("").String())
}

// scripted is a Conversation whose answers are given: one list of fragments per message.
type scripted struct {
	answers  [][][]byte
	at       int // fragment of the current answer
	sent     [][]byte
	unusable bool // once everything was received
	err      error
	aborted  bool
	done     bool
}

func (s *scripted) Headroom() int               { return 84 }
func (s *scripted) Begin(context.Context) error { return nil }
func (s *scripted) End(err error) error         { return err }
func (s *scripted) Send([]byte) (int, error)    { return 0, nil }
func (s *scripted) SendLast(b []byte) error {
	s.sent = append(s.sent, append([]byte{}, b[84:]...))
	return nil
}
func (s *scripted) SendEnd(b []byte) error  { return s.SendLast(b) }
func (s *scripted) BytesSent() int64        { return 1 }
func (s *scripted) Traffic() (int64, int64) { return 0, 0 }
func (s *scripted) Usable() bool            { return !s.aborted && (!s.unusable || !s.done) }
func (s *scripted) ID() string              { return "12345678" }
func (s *scripted) LocalAddr() net.Addr     { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1} }

func (s *scripted) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3300} }
func (s *scripted) Abort()               { s.aborted = true }
func (s *scripted) Close() error         { s.aborted = true; return nil }
func (s *scripted) Receive() ([]byte, bool, error) {
	if len(s.answers) == 0 {
		if s.err != nil {
			return nil, false, s.err
		}
		return nil, false, io.ErrUnexpectedEOF
	}
	frag := s.answers[0][s.at]
	s.at++
	last := s.at == len(s.answers[0])
	if last {
		s.answers, s.at = s.answers[1:], 0
		s.done = len(s.answers) == 0
	}
	return frag, last, nil
}

var exampleGUID = [16]byte{0x00, 0x01, 0x2e, 0xa9, 0x58, 0x1f, 0x1f, 0xe1, 0x9c, 0xaa, 0x03, 0xb5, 0x86, 0x66, 0x27, 0x9d}

// openScripted logs on over answers with the session id of the examples.
func openScripted(conv *scripted) (*Conn, error) {
	first := true
	return Open(context.Background(), conv, ConnConfig{
		Logon: Logon{Client: "001", User: "Developer", Password: "Example-Pass1", Language: "E"},
		Random: func(b []byte) {
			if first {
				first = false
				copy(b, []byte{0x83, 0x42, 0x2c, 0x4e})
				return
			}
			copy(b, exampleGUID[:])
		},
	})
}

func u16item(t testing.TB, tag chain.Tag, s string) []byte {
	return chain.Append(nil, tag, utf16(t, s))
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// exampleAccept is spec 03, example 4, with our GUID.
func exampleAccept(t testing.TB, guid []byte, status uint32) []byte {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	return chain.AppendEnd(join(
		unhex(t, "010100080101010504010003 0101 0103000400000e0b0103 0106000b0401000301030200000023 0106 0161000100 0161"),
		u16item(t, 0x0016, "1100"), u16item(t, 0x0450, "OSD"), u16item(t, 0x0451, "OSD BRIDGE"), u16item(t, 0x0452, "00"), u16item(t, 0x0453, "osd-bridge"),
		u16item(t, 0x0007, pad("192.0.2.1", 15)), chain.Append(nil, 0x0020, make([]byte, 92)), chain.Append(nil, 0x0021, make([]byte, 20)),
		u16item(t, 0x0018, "192.0.2.1 "), u16item(t, 0x0008, "osd-bridge_OSD_00"), u16item(t, 0x0011, "3"), u16item(t, 0x0013, "793 "), u16item(t, 0x0012, "758 "),
		u16item(t, 0x0006, "OSD_001_bridge_en"), u16item(t, 0x0130, "SAPLSYSU"), u16item(t, 0x0150, pad("OSDUSER", 12)), u16item(t, 0x0151, "001"), u16item(t, 0x0152, "E"),
		unhex(t, "050000000500 050300000503"), chain.Append(nil, 0x0514, guid), chain.AppendU32(nil, 0x0420, status), unhex(t, "051200000512"),
		u16item(t, 0x0130, pad("SAPLSYSU", 40)), unhex(t, "066700080000000000708640 0667"),
	))
}

func TestLogonReplyOfExample4(t *testing.T) {
	t.Parallel()
	reply := exampleAccept(t, exampleGUID[:], 0)
	require.Len(t, reply, 746-80)
	conv := &scripted{answers: [][][]byte{{reply[:100], reply[100:101], reply[101:]}}}
	c, err := openScripted(conv)
	require.NoError(t, err)
	require.Equal(t, exampleGUID[:], conv.sent[0][12+14+10+17+4:12+14+10+17+4+16])
	a, err := c.Attributes()
	require.NoError(t, err)
	if diff := cmp.Diff(Attributes{
		Destination: "<unknown>", Host: "localhost", PartnerHost: "osd-bridge_OSD_00", SystemNumber: "00", SystemID: "OSD", Client: "001",
		User: "OSDUSER", Language: "E", Trace: "0", ISOLanguage: "EN", Codepage: "4103", PartnerCodepage: "4103", Role: "C", Type: "E",
		PartnerType: "3", Release: Release, PartnerRelease: "758", KernelRelease: "793", ConversationID: "12345678", Program: "purerfc",
		PartnerBytesPerChar: 2, PartnerSystemCP: "1100", PartnerIP: "192.0.2.1", PartnerIPv6: "192.0.2.1", Description: "OSD BRIDGE",
		PartnerProgram: "SAPLSYSU", ServerHost: "osd-bridge", SessionID: guidText(exampleGUID), LocalAddress: "192.0.2.7:1", Remote: "192.0.2.1:3300",
	}, a); diff != "" {
		t.Error(diff)
	}
	require.False(t, holds(reflect.TypeFor[Conn](), reflect.TypeFor[Secret]()), "a password ends with the logon")
	require.True(t, holds(reflect.TypeFor[ConnConfig](), reflect.TypeFor[Secret]()))
}

// holds reports whether a struct has a field of a type somewhere.
func holds(t, field reflect.Type) bool {
	if t == field {
		return true
	}
	if t.Kind() == reflect.Struct {
		for field0 := range t.Fields() {
			if holds(field0.Type, field) {
				return true
			}
		}
	}
	return false
}

func TestA15AttributeNames(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Attributes{})
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	for k := range strings.FieldsSeq(`dest host partnerHost sysNumber sysId client user language trace isoLanguage codepage partnerCodepage rfcRole type
		partnerType rel partnerRel kernelRel cpicConvId progName partnerBytesPerChar partnerSystemCodepage partnerIP partnerIPv6`) {
		require.Contains(t, m, k)
	}
}

// Decisions of spec 03 section 7 and spec 41.5.
func TestLogonDecisions(t *testing.T) {
	t.Parallel()
	single := unhex(t, "010100080101010101010000 0101 0103000400000e0b0103 0106000b0401000300030200000023 0106")
	reply := unhex(t, "050000000500")
	asc := func(tag chain.Tag, s string) []byte { return chain.AppendText(nil, tag, s) }
	const wrong = "Name or password is incorrect (repeat logon)"
	accept := exampleAccept(t, exampleGUID[:], 0)
	preamble, _, _ := strings.Cut(string(accept), string(reply))
	form793 := chain.AppendEnd(join(single, unhex(t, "0161000100 0161"), asc(0x0016, "1100"), asc(0x0450, "A4H"), asc(0x0007, "192.168.88.7   "),
		chain.Append(nil, 0x0020, make([]byte, 46)), chain.Append(nil, 0x0021, make([]byte, 10)), asc(0x0018, "192.168.88.7"), asc(0x0008, "vhcala4hci_A4H_00"),
		asc(0x0011, "3"), asc(0x0013, "793 "), asc(0x0012, "758 "), asc(0x0006, "<unknown>"), asc(0x0130, "SAPMSSY1"), reply, asc(0x0402, wrong)))
	require.Len(t, form793, 315)
	lean := chain.AppendEnd(join(single, asc(0x0016, "1100"), asc(0x0011, "3"), asc(0x0130, "SAPMSSY1"), reply, asc(0x0402, wrong)))
	form752 := chain.AppendEnd(join(single, asc(0x0016, "1100"), reply, asc(0x0403, "CALL_FUNCTION_SIGNON_INCOMPL"), asc(0x0402, "Logon data incomplete."),
		asc(0x0411, "CALL_FUNCTION_SIGNON_INCOMPL"), asc(0x0415, "00"), asc(0x0416, "X"), asc(0x0417, "341"), asc(0x0418, ";W=1,E=2;S=3;D=4")))
	cp500, err := codepage.Lookup("0120")
	require.NoError(t, err)
	ebcdic, err := cp500.Append(nil, "FREE 1 00024error during logon", codepage.Policy{})
	require.NoError(t, err)
	ebcdic = append(ebcdic, strings.Repeat(" ", 97-len(ebcdic))...)

	for _, tc := range []struct {
		name   string
		data   []byte
		ended  bool
		err    error
		class  Class
		key    string
		text   string
		closed bool
	}{
		{name: "example 4", data: accept},
		{name: "NW 7.50: no 0161, shorter", data: chain.AppendEnd(join([]byte(strings.Replace(preamble, "\x01\x61\x00\x01\x00\x01\x61", "", 1)), reply, unhex(t, "050300000503"), chain.AppendU32(nil, 0x0420, 0)))},
		{name: "lean success form without 0500", data: chain.AppendEnd(join(unhex(t, "010100080101010504010003 0101"), single[14:], chain.AppendU32(nil, 0x0420, 0), u16item(t, 0x0450, "OSD"), u16item(t, 0x0016, "1100")))},
		{name: "unknown items are skipped", data: chain.AppendEnd(join([]byte(preamble), asc(0x7777, "x"), reply, asc(0x0331, "aaaa"), unhex(t, "050300000503"), chain.AppendU32(nil, 0x0420, 0), asc(0x0126, "aaaa")))},
		{name: "A-04, form of kernel 793", data: form793, ended: true, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: wrong},
		{name: "lean form of 7.50", data: lean, ended: true, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: wrong},
		{name: "refusal without return code", data: lean, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: wrong},
		{name: "kernel 752, single byte", data: form752, ended: true, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "Logon data incomplete."},
		{name: "only a key", data: chain.AppendEnd(join(single, reply, asc(0x0403, "CALL_FUNCTION_SIGNON_REJECTED"))), class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "CALL_FUNCTION_SIGNON_REJECTED"},
		{name: "return code 18 and no error fact", data: accept, ended: true, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "refused the logon without a text"},
		{name: "status byte not zero", data: []byte(strings.Replace(string(accept), "\x01\x61\x00\x01\x00\x01\x61", "\x01\x61\x00\x01\x05\x01\x61", 1)), class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "status 5"},
		{name: "A-24 EBCDIC", data: ebcdic, ended: true, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "FREE 1 00024error during logon"},
		{name: "A-23 one garbage byte", data: []byte{0xd9}, class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "no field chain"},
		{name: "A-23 other garbage", data: []byte{0x42}, class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "no field chain"},
		{name: "nothing at all", data: nil, class: ClassProtocol, key: "RFC_INVALID_PROTOCOL"},
		{name: "another GUID", data: exampleAccept(t, make([]byte, 16), 0), class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "session id"},
		{name: "two GUIDs", data: chain.AppendEnd(join([]byte(preamble), reply, chain.Append(nil, 0x0514, exampleGUID[:]), chain.Append(nil, 0x0514, exampleGUID[:]))), class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "two"},
		{name: "status not zero", data: exampleAccept(t, exampleGUID[:], 7), class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "status 7"},
		{name: "0500 without status", data: chain.AppendEnd(join([]byte(preamble), reply)), class: ClassProtocol, key: "RFC_INVALID_PROTOCOL", text: "0420"},
		{name: "bytes behind the end", data: join(accept, make([]byte, 9)), class: ClassProtocol, key: "RFC_INVALID_PROTOCOL"},
		{name: "A-22 CPIC status", err: &cpic.Error{Op: "receive", ReturnCode: 20}, class: ClassLogon, key: "RFC_LOGON_FAILURE", text: "CM_PRODUCT_SPECIFIC_ERROR"},
		{name: "A-22 abend", err: &cpic.Error{Op: "receive", ReturnCode: cpic.DeallocatedAbend}, class: ClassLogon, key: "RFC_LOGON_FAILURE"},
		{name: "return code of the gateway", err: &cpic.Error{Op: "receive", ReturnCode: 20, SAPReturnCode: 679}, class: ClassCommunication, key: "RFC_COMMUNICATION_FAILURE", text: "thRc=679"},
		{name: "connection lost", err: io.ErrUnexpectedEOF, class: ClassCommunication, key: "RFC_COMMUNICATION_FAILURE", text: "closed the connection"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conv := &scripted{err: tc.err, unusable: tc.ended}
			if tc.err == nil {
				conv.answers = [][][]byte{{tc.data}}
			}
			c, err := openScripted(conv)
			if tc.class == 0 {
				require.NoError(t, err)
				require.True(t, c.Alive())
				return
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Nil(t, c)
			require.True(t, conv.aborted)
			require.Equal(t, tc.class, e.Class, "%v", err)
			require.Equal(t, tc.key, e.Key)
			require.Equal(t, StepLogon, e.Step)
			require.Equal(t, NotSent, e.Outcome)
			require.Equal(t, "192.0.2.1:3300", e.Address)
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.class == ClassCommunication, SafeToRetry(err))
			require.NotContains(t, fmt.Sprintf("%+v", e), "Example-Pass1")
		})
	}
}

// F-42: a logon answer that is cut anywhere fails, and never half succeeds.
func TestF42LogonReplyCutAtEveryByte(t *testing.T) {
	t.Parallel()
	reply := exampleAccept(t, exampleGUID[:], 0)
	for n := range reply {
		conv := &scripted{answers: [][][]byte{{reply[:n]}}}
		_, err := openScripted(conv)
		var e *Error
		require.ErrorAs(t, err, &e, "cut at %d", n)
		require.Contains(t, []Class{ClassProtocol, ClassLogon}, e.Class, "cut at %d: %v", n, err)
		require.True(t, conv.aborted)
	}
}

// facts reads items 04xx of UTF-16 texts.
func facts(t testing.TB, items ...[]byte) *Error {
	t.Helper()
	var f errorFacts
	r := chain.NewBytesReader(chain.AppendEnd(join(items...)), chain.Limits{})
	for {
		it, err := r.Next()
		if isEOF(err) {
			return f.toError("Z")
		}
		require.NoError(t, err)
		require.NoError(t, f.item(it, unicode))
	}
}

func permutations(n int, visit func([]int)) {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	var rec func(int)
	rec = func(k int) {
		if k == n {
			visit(p)
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			rec(k + 1)
			p[k], p[i] = p[i], p[k]
		}
	}
	rec(0)
}

func TestJ15ErrorFactsInAnyOrder(t *testing.T) {
	t.Parallel()
	items := [][]byte{u16item(t, 0x0415, "FL"), u16item(t, 0x0416, "E"), u16item(t, 0x0417, "046"), u16item(t, 0x0411, "undefined"), u16item(t, 0x0401, "FU_NOT_FOUND")}
	want := facts(t, items...)
	require.Equal(t, "ID:FL Type:E Number:046 undefined", want.Message)
	n := 0
	permutations(len(items), func(p []int) {
		var shuffled [][]byte
		for _, i := range p {
			shuffled = append(shuffled, items[i])
		}
		if diff := cmp.Diff(want, facts(t, shuffled...)); diff != "" {
			t.Fatal(diff)
		}
		n++
	})
	require.Equal(t, 120, n)
}

func TestErrorClassification(t *testing.T) {
	t.Parallel()
	asc := func(tag chain.Tag, s string) []byte { return chain.AppendText(nil, tag, s) }
	w := func(tag chain.Tag, s string) []byte { return u16item(t, tag, s) }
	for _, tc := range []struct {
		name    string
		items   [][]byte
		class   Class
		key     string
		message string
		code    []int // code, group, JCo
		keeps   bool
	}{
		{"J-01", [][]byte{w(0x0415, "FL"), w(0x0416, "E"), w(0x0417, "046"), w(0x0411, "undefined"), w(0x0401, "FU_NOT_FOUND")}, ClassABAPException, "FU_NOT_FOUND", "ID:FL Type:E Number:046 undefined", []int{5, 1, 126}, true},
		{"J-02", [][]byte{w(0x0415, "SR"), w(0x0416, "E"), w(0x0417, "006"), w(0x0402, "Function not supported")}, ClassABAPMessage, "Function not supported", "Function not supported", []int{4, 2, 104}, true},
		{"J-05", [][]byte{w(0x0402, "Division by 0 (type I or INT8)"), w(0x0403, "COMPUTE_INT_ZERODIVIDE")}, ClassABAPRuntime, "COMPUTE_INT_ZERODIVIDE", "Division by 0 (type I or INT8)", []int{3, 2, 104}, false},
		{"J-08", [][]byte{w(0x0415, "SR"), w(0x0416, "A"), w(0x0417, "006"), w(0x0402, "Function not supported")}, ClassABAPMessage, "Function not supported", "Function not supported", []int{4, 2, 104}, false},
		{"J-16 RAISE", [][]byte{w(0x0417, "000"), w(0x0401, "EXAMPLE")}, ClassABAPException, "EXAMPLE", " Number:000", []int{5, 1, 126}, true},
		{"J-17 class only", [][]byte{w(0x0415, "SR")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"J-17 class and type", [][]byte{w(0x0415, "SR"), w(0x0416, "E")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"J-17 number", [][]byte{w(0x0417, "001")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"J-17 variables only", [][]byte{w(0x0411, "a"), w(0x0414, "b")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"stack only", [][]byte{w(0x0418, ";W=1")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"complete message without text", [][]byte{w(0x0417, "006"), w(0x0416, "E"), w(0x0415, "SR"), w(0x0412, "x")}, ClassABAPMessage, "ID:SR Type:E Number:006 x", "ID:SR Type:E Number:006 x", []int{4, 2, 104}, true},
		{"J-18 both keys", [][]byte{w(0x0401, "OLD"), w(0x0403, "NEW"), w(0x0402, "text")}, ClassABAPRuntime, "NEW", "text", []int{3, 2, 104}, false},
		{"J-18 both texts", [][]byte{w(0x0404, "T100"), w(0x0402, "text")}, ClassABAPMessage, "text", "text", []int{4, 2, 104}, true},
		{"0404 alone", [][]byte{w(0x0404, "T100 text")}, ClassABAPMessage, "T100 text", "T100 text", []int{4, 2, 104}, true},
		{"J-19 single byte", [][]byte{asc(0x0403, "CALL_FUNCTION_SIGNON_INCOMPL"), asc(0x0402, "Logon data incomplete.")}, ClassABAPRuntime, "CALL_FUNCTION_SIGNON_INCOMPL", "Logon data incomplete.", []int{3, 2, 104}, false},
		{"status", [][]byte{chain.AppendU32(nil, 0x0420, 3)}, ClassABAPRuntime, "CALL_STATUS_3", "the partner reports call status 3", []int{3, 2, 104}, false},
		{"status and text", [][]byte{chain.AppendU32(nil, 0x0420, 3), w(0x0402, "boom")}, ClassABAPMessage, "boom", "boom", []int{4, 2, 104}, true},
		{"class exception", [][]byte{w(0x0421, "X"), w(0x0401, "CX_SY_ZERODIVIDE")}, ClassABAPClass, "CX_SY_ZERODIVIDE", "", []int{27, 1, 111}, true},
		{"class exception info", [][]byte{w(0x0422, "X"), w(0x0401, "CX_A")}, ClassABAPClass, "CX_A", "", []int{27, 1, 111}, true},
		{"class exception without a key", [][]byte{w(0x0422, "X")}, ClassProtocol, "RFC_INVALID_PROTOCOL", "", []int{11, 5, 107}, false},
		{"no authority", [][]byte{w(0x0403, "RFC_NO_AUTHORITY"), w(0x0402, "User X has no RFC authorization")}, ClassDenied, "RFC_NO_AUTHORITY", "User X has no RFC authorization", []int{29, 7, 104}, false},
	} {
		e := facts(t, tc.items...)
		require.NotNil(t, e, tc.name)
		require.Equal(t, tc.class, e.Class, tc.name)
		require.Equal(t, tc.key, e.Key, tc.name)
		if tc.message != "" {
			require.Equal(t, tc.message, e.Message, tc.name)
		}
		require.Equal(t, tc.code, []int{e.Code(), e.Group(), e.JCoGroup()}, tc.name)
		require.Equal(t, tc.keeps, e.keepsConnection(), tc.name)
		require.Equal(t, Executed, e.Outcome, tc.name)
		require.ErrorIs(t, e, sentinels[tc.class], tc.name)
		require.NotEmpty(t, e.Error(), tc.name)
	}
	require.Nil(t, facts(t))
	require.Nil(t, facts(t, chain.AppendU32(nil, 0x0420, 0)))
	// Spec 44.89: an error fact twice is a protocol error.
	for tag := chain.Tag(0x0401); tag <= 0x0417; tag++ {
		if tag > 0x0404 && tag < 0x0411 {
			continue
		}
		var f errorFacts
		require.NoError(t, f.item(chain.Item{Tag: tag, Value: utf16(t, "ABC")}, unicode))
		require.ErrorIs(t, f.item(chain.Item{Tag: tag, Value: utf16(t, "ABC")}, unicode), wire.ErrMalformed, tag.String())
	}
	var f errorFacts
	require.ErrorIs(t, f.item(chain.Item{Tag: 0x0420, Value: []byte{0}}, unicode), wire.ErrMalformed)
}

func TestJ11VerboseText(t *testing.T) {
	t.Parallel()
	e := facts(t, u16item(t, 0x0415, "SV"), u16item(t, 0x0416, "E"), u16item(t, 0x0417, "029"), u16item(t, 0x0411, "T008X"), u16item(t, 0x0401, "TABLE_NOT_AVAILABLE"))
	got := fmt.Sprintf("%+v", e)
	require.True(t, strings.HasPrefix(got, "5 (rc=5): key=TABLE_NOT_AVAILABLE, message=ID:SV Type:E Number:029 T008X [MSG: class=SV, type=E, number=029, v1-4:=T008X;;;]"), got)
	require.Equal(t, "Z: ABAP exception TABLE_NOT_AVAILABLE: ID:SV Type:E Number:029 T008X", e.Error())
	require.Equal(t, e.Error(), fmt.Sprintf("%v", e))
	require.Equal(t, e.Error(), fmt.Sprintf("%s", e))
}

func TestB120ForeignTextsAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	long := "\x1b[31mred\x07" + strings.Repeat("ü", 1<<20)
	e := facts(t, u16item(t, 0x0403, "K"), u16item(t, 0x0402, long))
	for _, s := range []string{e.Error(), fmt.Sprintf("%+v", e)} {
		require.Less(t, len(s), 2000)
		require.NotContains(t, s, "\x1b")
		require.NotContains(t, s, "\x07")
	}
	require.Equal(t, long, e.Message)
}

// product 3.1 to 3.3.
func TestErrorNumbers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		class            Class
		code, group, jco int
		http             int
		sentinel         error
	}{
		{ClassConfig, 20, 5, 101, 500, ErrConfig},
		{ClassCommunication, 1, 4, 102, 503, ErrCommunication},
		{ClassLogon, 2, 3, 103, 401, ErrLogon},
		{ClassABAPRuntime, 3, 2, 104, 500, ErrABAPRuntime},
		{ClassABAPMessage, 4, 2, 104, 500, ErrABAPMessage},
		{ClassABAPException, 5, 1, 126, 500, ErrABAPException},
		{ClassABAPClass, 27, 1, 111, 500, ErrABAPClass},
		{ClassResource, 23, 5, 106, 503, ErrResource},
		{ClassCanceled, 7, 4, 112, 500, ErrCanceled},
		{ClassTimeout, 7, 4, 135, 500, ErrTimeout},
		{ClassProtocol, 11, 5, 107, 500, ErrProtocol},
		{ClassConversion, 22, 5, 122, 500, ErrConversion},
		{ClassParameter, 20, 5, 127, 500, ErrParameter},
		{ClassMetadata, 17, 5, 123, 500, ErrMetadata},
		{ClassState, 19, 5, 136, 500, ErrState},
		{ClassUnsupported, 18, 5, 128, 500, ErrUnsupported},
		{ClassDenied, 29, 7, 104, 500, ErrDenied},
		{ClassExternal, 15, 6, 105, 500, ErrExternal},
		{ClassLimit, 9, 5, 107, 500, ErrLimit},
		{ClassOther, 28, 5, 108, 500, nil},
	} {
		e := &Error{Class: tc.class}
		require.Equal(t, []int{tc.code, tc.group, tc.jco, tc.http}, []int{e.Code(), e.Group(), e.JCoGroup(), e.HTTPStatus()}, tc.class.String())
		require.NotEmpty(t, http.StatusText(e.HTTPStatus()))
		require.NotEmpty(t, classes[tc.class].key)
		for c, s := range sentinels {
			if s == nil {
				continue
			}
			matches := Class(c) == tc.class || tc.class == ClassTimeout && errors.Is(s, ErrCanceled)
			require.Equal(t, matches, errors.Is(e, s), "%s is %v", tc.class, s)
		}
		require.NotEmpty(t, e.Error())
	}
	require.Len(t, classes, len(sentinels))
	require.Equal(t, 13, (&Error{Class: ClassState, Err: ErrClosed}).Code())
	require.Equal(t, 133, (&Error{Class: ClassState, Err: ErrClosed}).JCoGroup())
	require.Equal(t, 132, (&Error{Class: ClassState, Err: ErrBusy}).JCoGroup())
	require.Equal(t, 6, classify(io.ErrUnexpectedEOF, StepReceive).Code())
	require.Equal(t, "Class(99)", Class(99).String())
	require.Equal(t, "Outcome(9)", Outcome(9).String())
}

func TestSafeToRetry(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&Error{Class: ClassCommunication, Outcome: NotSent}, true},
		{&Error{Class: ClassResource, Outcome: NotSent}, true},
		{fmt.Errorf("around: %w", &Error{Class: ClassCommunication, Outcome: NotSent}), true},
		{&Error{Class: ClassCommunication, Outcome: Unknown}, false},
		{&Error{Class: ClassCommunication}, false},
		{&Error{Class: ClassLogon, Outcome: NotSent}, false},
		{&Error{Class: ClassConfig, Outcome: NotSent}, false},
		{&Error{Class: ClassABAPException, Outcome: Executed}, false},
		{&Error{Class: ClassCanceled, Outcome: NotSent}, false},
		{io.EOF, false},
		{nil, false},
	} {
		require.Equal(t, tc.want, SafeToRetry(tc.err), "%v", tc.err)
	}
	require.True(t, (&Error{Outcome: Unknown}).MayHaveExecuted())
	require.True(t, (&Error{Outcome: Executed}).MayHaveExecuted())
	require.False(t, (&Error{Outcome: NotSent}).MayHaveExecuted())
}

func TestClassify(t *testing.T) {
	t.Parallel()
	mine := &Error{Class: ClassABAPException, Key: "MINE"}
	for _, tc := range []struct {
		name string
		err  error
		want Class
	}{
		{"cancelled", &ni.ContextError{Cause: context.Canceled, Err: net.ErrClosed}, ClassCanceled},
		{"deadline", &ni.ContextError{Cause: context.DeadlineExceeded, Err: os.ErrDeadlineExceeded}, ClassTimeout},
		{"a cause of the application", &ni.ContextError{Cause: errors.New("user left"), Err: context.Canceled}, ClassCanceled},
		{"a cause that is an *Error", &ni.ContextError{Cause: mine, Err: context.Canceled}, ClassCanceled},
		{"an *Error inside", fmt.Errorf("x: %w", mine), ClassABAPException},
		{"record cut", &wire.Error{Layer: "ni", Err: errors.Join(wire.ErrTruncated, io.ErrUnexpectedEOF)}, ClassCommunication},
		{"chain cut", &wire.Error{Layer: "chain", Err: wire.ErrTruncated}, ClassProtocol},
		{"limit", &wire.Error{Layer: "ni", Err: wire.ErrLimit}, ClassLimit},
		{"gateway", &cpic.Error{ReturnCode: 20, SAPReturnCode: 679}, ClassCommunication},
		{"gateway full", &cpic.Error{SAPReturnCode: cpic.RCTooManyConversations}, ClassResource},
		{"gateway full in the set-up", &cpic.SetupError{Step: "gateway", Err: &cpic.Error{SAPReturnCode: cpic.RCTooManyConversations}}, ClassResource},
		{"stale", &serialization.StaleError{Path: "A"}, ClassConversion},
		{"name", &serialization.NameError{Function: "Z", Name: "A"}, ClassParameter},
		{"closed", net.ErrClosed, ClassCommunication},
		{"silence", os.ErrDeadlineExceeded, ClassTimeout},
		{"unknown while sending", errors.New("x"), ClassCommunication},
	} {
		e := classify(tc.err, StepSend)
		require.Equal(t, tc.want, e.Class, tc.name)
		if tc.want != ClassABAPException {
			require.Equal(t, classes[tc.want].key, e.Key, tc.name)
			if !strings.Contains(tc.name, "set-up") {
				require.ErrorIs(t, e, tc.err, tc.name)
			}
		}
	}
	require.Equal(t, "MINE", mine.Key)
	require.Equal(t, ClassOther, classify(errors.New("x"), StepDecode).Class)
	e := SetupError(&cpic.SetupError{Step: "ni", Err: io.EOF}, StepGateway)
	require.Equal(t, []any{StepNI, NotSent, ClassCommunication}, []any{e.Step, e.Outcome, e.Class})
}

func TestErrorRepliesAreReadAsTheyWereMeant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		give  *Error
		items string
		end   bool
		class Class
	}{
		{RaiseException("EXAMPLE"), "0500 0417 0401", false, ClassABAPException},
		{RaiseMessage("RAISED", "SR", "E", "006", "Method = 1"), "0500 0415 0416 0417 0411 0401", false, ClassABAPException},
		{functionNotFound("ZX"), "0500 0415 0416 0417 0411 0401", false, ClassABAPException},
		{RaiseMessage("", "SR", "E", "006", "", "b"), "0500 0415 0416 0417 0412 0402", false, ClassABAPMessage},
		{RaiseMessage("", "SR", "A", "006"), "0500 0402 0415 0416 0417", true, ClassABAPMessage},
		{RaiseMessage("", "SR", "X", "006", "1", "2", "3", "4"), "0500 0402 0415 0416 0417 0411 0412 0413 0414", true, ClassABAPMessage},
		{RuntimeFailure("TIME_OUT", "too slow"), "0500 0402 0403", true, ClassABAPRuntime},
		{&Error{Class: ClassExternal, Message: "m\U0001F600"}, "0500 0402 0403", true, ClassABAPRuntime},
		{&Error{Class: ClassDenied, Key: keyNoAuthority, Message: "no"}, "0500 0402 0403", true, ClassDenied},
	} {
		for _, rep := range []serialization.Representation{unicode, latin} {
			b, end, err := appendError(nil, tc.give, rep)
			require.NoError(t, err)
			require.Equal(t, tc.end, end)
			var tags []string
			var f errorFacts
			r := chain.NewBytesReader(b, chain.Limits{})
			for {
				it, err := r.Next()
				if isEOF(err) {
					break
				}
				require.NoError(t, err)
				tags = append(tags, fmt.Sprintf("%04x", uint16(it.Tag)))
				if it.Tag != chain.Reply {
					require.NoError(t, f.item(it, rep))
				}
			}
			require.Equal(t, tc.items, strings.Join(tags, " "))
			got := f.toError("Z")
			require.Equal(t, tc.class, got.Class)
			if tc.give.Key != "" {
				require.Equal(t, tc.give.Key, got.Key)
			}
			require.Equal(t, tc.give.MessageV, got.MessageV)
		}
	}
}

func TestRefusalTextHasAnEvenNumberOfBytes(t *testing.T) {
	t.Parallel()
	sys := System{Address: "192.0.2.1"}.withDefaults()
	for _, message := range []string{"odd", "even", "Größe", "Größen", "日本 ", "x語"} {
		b, err := sys.appendRefusal(nil, "Ziel 語", "KEY_語", message, latin)
		require.NoError(t, err)
		r := chain.NewBytesReader(b, chain.Limits{})
		for {
			it, err := r.Next()
			if isEOF(err) {
				break
			}
			require.NoError(t, err)
			if it.Tag == chain.ErrorText {
				require.Zero(t, len(it.Value)%2, message)
			}
		}
	}
}

func TestFunctionNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", strings.Repeat("A", 31), "rfc_ping", "RFC PING", "Z*", "Z\x00"} {
		err := checkFunctionName(name)
		require.ErrorIs(t, err, ErrParameter, name)
		require.NotEmpty(t, err.Error())
	}
	for _, name := range []string{"RFC_PING", "/NS/NAME", strings.Repeat("A", 30)} {
		require.NoError(t, checkFunctionName(name))
	}
}

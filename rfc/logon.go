package rfc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/serialization"
)

// Logon says who logs on. With an empty User and Password the fields are left out
// entirely: an anonymous logon, which most systems refuse. An empty password never
// travels alone, because it would count as a failed attempt.
type Logon struct {
	// Client is three digits; may be empty for the server's default.
	Client string
	// User is sent as typed; at most 12 characters.
	User string
	// Password is at most 40 characters.
	Password Secret
	// Language is the SAP one-character key; empty means the server's default.
	Language string
	// Codepage is the SAP code page, four digits, in which the logon is written and which it
	// announces (jco.client.codepage). Default 1100, ISO 8859-1; with PartnerCharSize 2 it is
	// 4103, UTF-16LE.
	Codepage string
	// PartnerCharSize is what is known of the partner before it answers (jco.client.pcs):
	//
	//	0 nothing: the logon is written in Codepage, and its answer tells. Default.
	//	1 no Unicode system: this side logs on as a non-Unicode client and writes everything
	//	  in Codepage, and so does the partner. Needs ConnConfig.AllowNonUnicode.
	//	2 a Unicode system: the logon is UTF-16, so that user and password may hold any
	//	  character.
	PartnerCharSize int
}

// page is the code page of the logon. The error says what is wrong with the settings.
func (l *Logon) page() (*codepage.Codepage, error) {
	number := l.Codepage
	switch {
	case number != "":
	case l.PartnerCharSize == 2:
		number = "4103"
	default:
		number = "1100"
	}
	cp, err := lookUp(number)
	if err != nil {
		return nil, fmt.Errorf("%w: codepage (jco.client.codepage): value %.16q: 4-digit SAP code page required; supported are %s", ErrCodepage, number, usablePages())
	}
	if unicode := cp.CharWidth() == 2; unicode && l.PartnerCharSize == 1 || !unicode && l.PartnerCharSize == 2 {
		return nil, fmt.Errorf("%w: codepage (jco.client.codepage) %s contradicts a partner character size (jco.client.pcs) of %d", ErrCodepage, cp, l.PartnerCharSize)
	}
	return cp, nil
}

// usablePages lists the code pages of conversations.
func usablePages() string {
	return strings.Join(slices.DeleteFunc(codepage.Numbers(), func(n string) bool {
		_, err := lookUp(n)
		return err != nil
	}), ", ")
}

// unmappable gives the position, from 1, of the first character that the code page lacks; 0
// if there is none.
func unmappable(s string, cp *codepage.Codepage) int {
	if _, err := cp.Append(nil, s, codepage.Policy{}); err == nil {
		return 0
	}
	n := 0
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		n++
		if _, err := cp.Append(nil, s[i:i+size], codepage.Policy{}); err != nil {
			break
		}
		i += size
	}
	return n
}

// notInPage is the error for a text of the logon. It does not show the character: it may be
// one of a password.
func notInPage(name string, at int, cp *codepage.Codepage) error {
	return fmt.Errorf("%w: %s: character at position %d not in code page %s, in which the logon is written; choose another one (jco.client.codepage), or for a Unicode system UTF-16 (jco.client.pcs = 2)",
		ErrCodepage, name, at, cp.Number())
}

// maxPassword is the longest password in characters (spec 03 section 4).
const maxPassword = 40

// Validate reports all problems at once, before anything is sent (cases A-12, B-05..B-10).
func (l *Logon) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if l.Client != "" && (len(l.Client) != 3 || strings.Trim(l.Client, "0123456789") != "") {
		add("client %.16q: three digits required", l.Client)
	}
	if (l.User == "") != (l.Password == "") {
		add("user and password: exactly one of them is given; give both, or neither for an anonymous logon")
	}
	if n := len([]rune(l.User)); n > 12 {
		add("user has %d characters, at most 12", n)
	}
	if n := len([]rune(l.Password)); n > maxPassword {
		add("password has %d characters, at most %d", n, maxPassword)
	}
	if n := len([]rune(l.Language)); n > 1 {
		add("language %.16q: one SAP language key required", l.Language)
	}
	if l.PartnerCharSize < 0 || l.PartnerCharSize > 2 {
		add("partner character size (jco.client.pcs): value %d, 1 or 2 required, or 0 for not known", l.PartnerCharSize)
	}
	cp, err := l.page()
	if err != nil {
		errs = append(errs, err)
		cp = codepage.UTF16LE // and the rest is about the texts alone
	}
	for _, f := range []struct{ name, value string }{{"password", l.Password.Reveal()}, {"user", l.User}, {"language", l.Language}} {
		if at := unmappable(f.value, cp); at > 0 {
			errs = append(errs, notInPage(f.name, at, cp))
		}
		if f.name == "password" {
			continue
		}
		for i, r := range []rune(f.value) {
			if r < 0x20 {
				add("%s: control character at position %d", f.name, i+1)
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{Class: ClassConfig, Step: StepConfig, Outcome: NotSent, Key: classes[ClassConfig].key, Err: errors.Join(errs...)}
}

// signature opens the data of a logon: "RFC000000000" in EBCDIC, once per conversation
// [capture]. The last byte announces a trace in a program-analysis claim; f0 to f9 are read.
var signature = []byte{0xd9, 0xc6, 0xc3, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0}

func hasSignature(b []byte) bool {
	n := len(signature) - 1
	return len(b) > n && bytes.Equal(b[:n], signature[:n]) && b[n] >= 0xf0 && b[n] <= 0xf9
}

// Release is what this library calls its own release, in SAP_BASIS style. It is the
// release of the captured client whose form it writes.
const Release = "754"

// LogonRequest is the first message of a conversation: an identity in front of a call of
// RFCPING. Client and server build and read it here.
//
// Source: spec 03 section 2, example 3 [capture]; spec 13 section 4 [capture].
type LogonRequest struct {
	// Bare is the form of WebSocket RFC: no signature in front, no GUID.
	Bare          bool
	Sender        SenderDescription
	ProtocolBits  uint32
	UnicodeHeader [11]byte
	GUID          [16]byte
	Client, User  string
	// Password is present if HasPassword; Seed is the seed of its scrambled form.
	Password      Secret
	HasPassword   bool
	Seed          uint32
	Language      string
	HasLanguage   bool
	UnicodeClient bool
	Address       string // IPv4 text
	AddressLong   string // IPv6 text, only sent when set
	PartnerType   string
	Release       string
	KernelRelease string
	Host          string
	Destination   string
	Program       string
	Ticket        bool // a logon ticket was sent; its content is not kept
	Call          callHeader
}

// callHeader is the part of a request in front of its parameters.
type callHeader struct {
	CallerRelease string
	Function      string
}

// newLogonRequest is what our client says; own is what it is.
func newLogonRequest(l *Logon, own serialization.Representation, cp *codepage.Codepage, guid [16]byte, seed uint32, bits uint32) *LogonRequest {
	return &LogonRequest{
		Sender:       describe(kindExternal, serialization.Representation{Text: cp, BigEndian: own.BigEndian}),
		ProtocolBits: bits, UnicodeHeader: headerOf(clientUnicodeHeader, own), GUID: guid,
		Client: l.Client, User: l.User, Password: l.Password, HasPassword: l.Password != "", Seed: seed,
		Language: l.Language, HasLanguage: true, UnicodeClient: own.Unicode(), PartnerType: "E",
		Release: Release, KernelRelease: Release,
		Call: callHeader{CallerRelease: Release, Function: "RFCPING"},
	}
}

// AppendBinary appends signature and chain. Texts are written in the code page of Sender.
func (q *LogonRequest) AppendBinary(dst []byte) ([]byte, error) {
	rep, err := q.Sender.Representation()
	if err != nil {
		return nil, err
	}
	if !q.Bare {
		dst = append(dst, signature...)
	}
	dst = chain.Append(dst, chain.SenderDescription, q.Sender[:])
	dst = chain.AppendU32(dst, chain.ProtocolBits, q.ProtocolBits)
	dst = chain.Append(dst, chain.UnicodeHeader, q.UnicodeHeader[:])
	if !q.Bare {
		dst = chain.Append(dst, chain.SessionGUID, q.GUID[:])
	}
	put := func(tag chain.Tag, s string, always bool) {
		if err == nil && (s != "" || always) {
			dst, err = appendText(dst, tag, s, rep)
		}
	}
	put(chain.Client, q.Client, false)
	put(chain.User, q.User, false)
	if q.HasPassword && err == nil {
		plain, perr := rep.Text.Append(nil, q.Password.Reveal(), codepage.Policy{})
		if perr != nil {
			return nil, notInPage("password", unmappable(q.Password.Reveal(), rep.Text), rep.Text)
		}
		dst = chain.Append(dst, chain.Password, appendScrambled(nil, plain, q.Seed))
	}
	put(chain.Language, q.Language, q.HasLanguage)
	if q.UnicodeClient {
		dst = chain.Append(dst, chain.Unicode, []byte{1})
	}
	put(chain.Address, q.Address, false)
	put(chain.AddressLong, q.AddressLong, false)
	put(chain.PartnerType, q.PartnerType, false)
	put(chain.Release, q.Release, false)
	put(chain.KernelRelease, q.KernelRelease, false)
	put(chain.HostName, q.Host, false)
	put(chain.DestinationName, q.Destination, false)
	put(chain.Program, q.Program, false)
	if err != nil {
		return nil, err
	}
	dst = chain.AppendEmpty(dst, chain.Call)
	put(chain.CallerRelease, q.Call.CallerRelease, true)
	put(chain.FunctionName, q.Call.Function, true)
	if err != nil {
		return nil, err
	}
	return chain.AppendEnd(dst), nil
}

// item takes an identity item of a request; false means that the item is none.
func (q *LogonRequest) item(it chain.Item, rep *serialization.Representation) (bool, error) {
	switch it.Tag {
	case chain.SenderDescription:
		if len(it.Value) != 8 {
			return true, badLength(it, 8)
		}
		q.Sender = SenderDescription(it.Value)
		r, err := q.Sender.Representation()
		if err != nil {
			return true, err
		}
		*rep = r
	case chain.ProtocolBits:
		v, ok := u32(it.Value)
		if !ok {
			return true, badLength(it, 4)
		}
		q.ProtocolBits = v
	case chain.UnicodeHeader:
		if len(it.Value) != len(q.UnicodeHeader) {
			return true, badLength(it, len(q.UnicodeHeader))
		}
		q.UnicodeHeader = [11]byte(it.Value)
	case chain.SessionGUID:
		if len(it.Value) != 16 {
			return true, badLength(it, 16)
		}
		q.GUID = [16]byte(it.Value)
	case chain.Client:
		q.Client = text(it.Value, *rep)
	case chain.User:
		q.User = text(it.Value, *rep)
	case chain.Password:
		if q.HasPassword {
			return true, &wire.Error{Layer: "chain", Record: "logon", Field: "0117", Offset: int(it.Offset), Err: wire.ErrMalformed, Want: "one password", Got: "two"}
		}
		seed, plain, ok := unscramble(it.Value)
		if !ok {
			return true, badLength(it, 4)
		}
		q.HasPassword, q.Seed = true, seed
		q.Password = Secret(strings.TrimRight(string(decodeText(plain, *rep)), "\x00"))
		clear(plain)
	case chain.Language:
		q.Language, q.HasLanguage = text(it.Value, *rep), true
	case chain.Unicode:
		q.UnicodeClient = len(it.Value) == 1 && it.Value[0] == 1
	case chain.Address:
		q.Address = text(it.Value, *rep)
	case chain.AddressLong:
		q.AddressLong = text(it.Value, *rep)
	case chain.PartnerType:
		q.PartnerType = text(it.Value, *rep)
	case chain.Release:
		q.Release = text(it.Value, *rep)
	case chain.KernelRelease:
		q.KernelRelease = text(it.Value, *rep)
	case chain.HostName:
		q.Host = text(it.Value, *rep)
	case chain.DestinationName:
		q.Destination = text(it.Value, *rep)
	case chain.Program:
		q.Program = text(it.Value, *rep)
	case chain.Ticket:
		q.Ticket = true
	default:
		return false, nil
	}
	return true, nil
}

// decodeText decodes without trimming: a password may end with blanks.
func decodeText(b []byte, rep serialization.Representation) []byte {
	if rep.Text == nil {
		return codepage.DecodeUTF16LELenient(nil, b)
	}
	out, _ := rep.Text.Decode(nil, b, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	return out
}

func badLength(it chain.Item, want int) error {
	return &wire.Error{
		Layer: "chain", Record: "item " + fmt.Sprintf("%04x", uint16(it.Tag)), Offset: int(it.Offset), Err: wire.ErrMalformed,
		Want: fmt.Sprintf("%d bytes", want), Got: fmt.Sprint(len(it.Value)),
	}
}

// bareStart is how a logon without a signature starts.
var bareStart = []byte{byte(chain.SenderDescription >> 8), byte(chain.SenderDescription & 0xff), 0, 8}

// DecodeLogonRequest reads the data of a logon message that calls a function without
// parameters, as the captured ones do. Items that are not part of an identity are skipped.
func DecodeLogonRequest(data []byte) (*LogonRequest, error) {
	bare := bytes.HasPrefix(data, bareStart)
	if !bare && !hasSignature(data) {
		return nil, &wire.Error{Layer: "chain", Record: "logon", Err: wire.ErrMalformed, Want: "the signature RFC000000000 in EBCDIC", Got: fmt.Sprintf("% x", data[:min(len(data), 12)])}
	}
	q := &LogonRequest{Bare: bare}
	rep := serialization.Representation{Text: codepage.Latin1}
	if !bare {
		data = data[len(signature):]
	}
	r := chain.NewBytesReader(data, chain.BeforeLogon())
	for {
		it, err := r.Next()
		if err != nil {
			if isEOF(err) {
				return q, nil
			}
			return nil, err
		}
		if used, err := q.item(it, &rep); err != nil {
			return nil, err
		} else if used {
			continue
		}
		switch it.Tag {
		case chain.CallerRelease:
			q.Call.CallerRelease = text(it.Value, rep)
		case chain.FunctionName:
			q.Call.Function = text(it.Value, rep)
		default:
		}
	}
}

// refusalEBCDIC reads the form in which kernel 793 refuses sessions without a logon:
// EBCDIC in place of a chain, "FREE 1 00024error during logon" (spec 03 section 8
// [capture-note]).
func refusalEBCDIC(data []byte) (string, bool) {
	if len(data) < 2 || data[0] < 0xc1 || data[0] > 0xe9 {
		return "", false
	}
	if end := bytes.IndexAny(data, " \x00"); end >= 0 { // ASCII blanks fill the rest
		data = data[:end]
	}
	cp, err := codepage.Lookup("0120")
	if err != nil {
		return "", false
	}
	b, _ := cp.Decode(nil, data, codepage.Policy{OnError: codepage.Replace, Replacement: '?'})
	return strings.TrimSpace(string(b)), true
}

// localAddress splits a socket address into the IPv4 and the IPv6 text of a logon.
func localAddress(a net.Addr) (v4, long string) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "127.0.0.1", ""
	}
	if ip := tcp.IP.To4(); ip != nil {
		return ip.String(), ""
	}
	return "", tcp.IP.String()
}

func guidText(g [16]byte) string { return strings.ToUpper(hex.EncodeToString(g[:])) }

package rfc

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
)

// bareExample is the logon of spec 13 section 4: no signature, no session id; the eight
// scrambled bytes of the password stand as 58.
const bareExample = `
	01010008 0301010101010000 0101
	01030004 00000e0b 0103
	0106000b 04010003000a0200000023 0106
	01140003 303031 0114
	01110007 52464355534552 0111
	0117000c 78563412 5858585858585858 0117
	01150001 45 0115
	05010001 01 0501
	0007000a 3139322e302e322e3130 0007
	00110001 45 0011
	00120003 373534 0012
	00130003 373534 0013
	00080007 636c69656e7431 0008
	00060009 3c756e6b6e6f776e3e 0006
	01300007 72666370696e67 0130
	05020000 0502
	000b0003 373534 000b
	01020007 52464350494e47 0102
	ffff0000 ffff`

func bareRequest(user, password, address, host, program string) *LogonRequest {
	q := newLogonRequest(&Logon{Client: "001", User: user, Password: Secret(password), Language: "E"}, unicode, codepage.Latin1, [16]byte{1}, 0x12345678, protocolBits)
	q.Bare, q.Address, q.Host, q.Destination, q.Program = true, address, host, "<unknown>", program
	return q
}

func TestBareLogonMatchesSpec13(t *testing.T) {
	t.Parallel()
	want := unhex(t, bareExample)
	require.Len(t, want, 211)
	q := bareRequest("RFCUSER", "secretpw", "192.0.2.10", "client1", "rfcping")
	got, err := q.AppendBinary(nil)
	require.NoError(t, err)
	read, err := DecodeLogonRequest(got)
	require.NoError(t, err)
	q.GUID = [16]byte{}
	if diff := cmp.Diff(q, read, cmp.AllowUnexported(LogonRequest{}, callHeader{})); diff != "" {
		t.Error(diff)
	}
	at := 0x43 + 4 // behind the seed
	for i := range 8 {
		got[at+i] = 0x58
	}
	require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got))
	for n := range want {
		_, err := DecodeLogonRequest(want[:n])
		require.Error(t, err, n)
	}
	// The sum of lengths that the reference input has (user 9, password 13, address 9, host 5,
	// program 8): 216 without item 0514.
	got, err = bareRequest("DEVELOPER", "Example-Pass1", "127.0.1.1", "titan", "program8").AppendBinary(nil)
	require.NoError(t, err)
	require.Len(t, got, 216)
}

// bareScripted is a scripted conversation of the WebSocket kind.
type bareScripted struct{ scripted }

func (*bareScripted) BareLogon() bool { return true }

// withoutGUID drops item 0514 from a message.
func withoutGUID(t testing.TB, data []byte) []byte {
	t.Helper()
	var out []byte
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			return chain.AppendEnd(out)
		}
		if it.Tag != chain.SessionGUID {
			out = chain.Append(out, it.Tag, it.Value)
		}
	}
}

func TestBareLogonSpeaksOfNoSessionID(t *testing.T) {
	t.Parallel()
	reply := exampleAccept(t, exampleGUID[:], 0)
	for name, answer := range map[string][]byte{"none in the reply": withoutGUID(t, reply), "one in the reply": reply} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok := chain.AppendEnd(unhex(t, "050000000500 050300000503 042000040000 00000420 051200000512"))
			conv := &bareScripted{scripted{answers: [][][]byte{{answer}, {ok}, {ok}}}}
			c, err := Open(context.Background(), conv, ConnConfig{Logon: Logon{Client: "001", User: "RFCUSER", Password: "secretpw", Language: "E"}})
			require.NoError(t, err)
			a, err := c.Attributes()
			require.NoError(t, err)
			require.Empty(t, a.SessionID)
			require.Equal(t, "OSD", a.SystemID)
			require.NoError(t, c.Reset(t.Context()))
			require.NoError(t, c.Ping(t.Context()))
			require.Len(t, conv.sent, 3)
			require.Equal(t, uint16(chain.SenderDescription), binary.BigEndian.Uint16(conv.sent[0]), "no signature")
			// The call behind a reset starts with the session header, which has no id either.
			require.Equal(t, uint16(chain.SenderDescription), binary.BigEndian.Uint16(conv.sent[2]))
			for _, m := range conv.sent {
				r := chain.NewBytesReader(m, chain.Limits{})
				for it, err := r.Next(); err == nil; it, err = r.Next() {
					require.NotEqual(t, chain.SessionGUID, it.Tag)
				}
			}
		})
	}
}

// belowError is an error of a package that rfc does not import.
type belowError struct {
	kind, step string
	remote     bool
}

func (e *belowError) Error() string { return "below: what happened" }
func (e *belowError) Kind() string  { return e.kind }
func (e *belowError) Step() string  { return e.step }
func (e *belowError) Remote() bool  { return e.remote }

func TestErrorsOfLayersBelowSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for class := ClassConfig; int(class) < len(classes); class++ {
		e := SetupError(fmt.Errorf("wrapped: %w", &belowError{kind: class.String(), step: "tls"}), StepSend)
		require.Equal(t, class, e.Class)
		require.Equal(t, StepTLS, e.Step)
		require.ErrorIs(t, e, sentinels[class])
		require.False(t, e.Remote)
	}
	e := classify(&belowError{kind: "no such class", remote: true}, StepUpgrade)
	require.Equal(t, ClassOther, e.Class)
	require.Equal(t, StepUpgrade, e.Step)
	require.True(t, e.Remote)
	// Nothing was sent, and yet another attempt is no remedy for a refused certificate.
	refused := SetupError(&belowError{kind: "security"}, StepTLS)
	require.ErrorIs(t, refused, ErrSecurity)
	require.ErrorIs(t, refused, ErrCommunication)
	require.False(t, SafeToRetry(refused))
	require.True(t, SafeToRetry(SetupError(&belowError{kind: "communication"}, StepTLS)))
}

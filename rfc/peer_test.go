package rfc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// peer is the partner of a connection under test. It speaks through the accepting side of
// package cpic, or writes raw bytes, as its script says.
type peer struct {
	t    testing.TB
	conv *cpic.Conn
	nc   net.Conn
	guid []byte // of the client's session
	// logon is the message of the logon.
	logon []byte
}

func le16(s string) []byte {
	b, err := codepage.AppendUTF16LE(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func textItem(tag chain.Tag, s string) []byte { return chain.Append(nil, tag, le16(s)) }
func byteItem(tag chain.Tag, s string) []byte { return chain.AppendText(nil, tag, s) }
func empty(tag chain.Tag) []byte              { return chain.AppendEmpty(nil, tag) }
func end(parts ...[]byte) []byte              { return chain.AppendEnd(cat(parts...)) }
func value(name string, v []byte) []byte {
	return cat(textItem(chain.ParameterName, name), chain.Append(nil, chain.ParameterValue, v))
}

func blank(s string, n int) string { return s + strings.Repeat(" ", n-len([]rune(s))) }

// head is a reply up to its parameters.
func head(guid []byte) []byte {
	return cat(empty(chain.Reply), empty(chain.Success), chain.Append(nil, chain.SessionGUID, guid), chain.AppendU32(nil, chain.CallStatus, 0), empty(chain.Parameters))
}

func tail() []byte {
	return cat(textItem(chain.Program, blank("SAPLSRFC", 40)), chain.Append(nil, chain.Duration, make([]byte, 8)))
}

// reply is a complete successful reply.
func (p *peer) reply(items ...[]byte) []byte { return end(head(p.guid), cat(items...), tail()) }

// receive returns the next message of the client; nil when it has left.
func (p *peer) receive() []byte {
	var data []byte
	for {
		frag, last, err := p.conv.Receive()
		if err != nil {
			return nil
		}
		data = append(data, frag...)
		if last {
			return data
		}
	}
}

func (p *peer) buffer(data []byte) []byte { return append(make([]byte, p.conv.Headroom()), data...) }
func (p *peer) send(data []byte)          { _ = p.conv.SendLast(p.buffer(data)) }
func (p *peer) sendEnd(data []byte)       { _ = p.conv.SendEnd(p.buffer(data)) }
func (p *peer) raw(b []byte)              { _, _ = p.nc.Write(b) }

// silence waits until the client closes the connection.
func (p *peer) silence() { _, _ = io.Copy(io.Discard, p.nc) }

// find returns the values of all items with a tag.
func find(data []byte, tag chain.Tag) (list [][]byte) {
	data = bytes.TrimPrefix(data, ebcdic)
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			return list
		}
		if it.Tag == tag {
			list = append(list, bytes.Clone(it.Value))
		}
	}
}

// tags lists the tags of a message.
func tags(data []byte) string {
	var list []string
	data = bytes.TrimPrefix(data, ebcdic)
	r := chain.NewBytesReader(data, chain.Limits{})
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(append(list, "ffff"), " ")
		}
		if err != nil {
			return strings.Join(append(list, err.Error()), " ")
		}
		list = append(list, fmt.Sprintf("%04x", uint16(it.Tag)))
	}
}

var ebcdic, _ = hex.DecodeString("d9c6c3f0f0f0f0f0f0f0f0f0")

// accept serves the set-up and the logon of a client and then the script.
func accept(t testing.TB, nc net.Conn, script func(p *peer)) {
	sender, _ := hex.DecodeString("0101010504010003")
	acceptWith(t, nc, func(p *peer) []byte {
		return end(chain.Append(nil, chain.SenderDescription, sender), chain.AppendU32(nil, chain.ProtocolBits, 0xe0b), p.reply())
	}, script)
}

// acceptWith gives the logon another answer.
func acceptWith(t testing.TB, nc net.Conn, answer func(p *peer) []byte, script func(p *peer)) {
	defer func() { _ = nc.Close() }()
	conv, err := cpic.Accept(context.Background(), nc, cpic.AcceptConfig{
		Assign: func(*cpic.GatewayRecord) (string, uint16, error) { return "12345678", 1, nil },
	})
	if err != nil {
		return
	}
	defer func() { _ = conv.Close() }()
	p := &peer{t: t, conv: conv, nc: nc}
	logon := p.receive()
	if logon == nil {
		return
	}
	q, err := rfc.DecodeLogonRequest(logon)
	if err != nil {
		t.Errorf("logon: %v", err)
		return
	}
	p.guid, p.logon = q.GUID[:], logon
	p.send(answer(p))
	if script != nil {
		script(p)
	}
}

var zTest = func() *metadata.Function {
	d := new(metadata.Dictionary)
	d.Structure("ZROW", "N:I C:C4")
	f, err := d.Function("Z_TEST", `
		IMPORTING TEXT:C10 OPTIONAL
		EXPORTING ECHO:C10
		EXPORTING LONG:g
		CHANGING  COUNTER:I OPTIONAL
		TABLES    T:[ZROW]
		TABLES    U:[ZROW]`)
	if err := errors.Join(d.Err(), err); err != nil {
		panic(err)
	}
	return f
}()

type zRow struct {
	N int32
	C string
}

// group is a table of n rows.
func group(name string, n int) []byte {
	var b []byte
	b = append(b, textItem(chain.TableName, name)...)
	b = chain.Append(b, chain.TableInfo, []byte{0, 0, 0, 12, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	for i := range n {
		row := append([]byte{byte(i), byte(i >> 8), byte(i >> 16), 0}, le16("row ")...)
		b = chain.Append(b, chain.TableRowRepeat, row)
	}
	return b
}

// newLink starts the peer; wrap, if not nil, changes the client's end.
func newLink(t testing.TB, wrap func(net.Conn) net.Conn, script func(p *peer)) net.Conn {
	t.Helper()
	client, server := netfault.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		accept(t, server, script)
	}()
	t.Cleanup(func() {
		_ = client.Close()
		<-done
	})
	if wrap != nil {
		client = wrap(client)
	}
	return client
}

var fixed = func(b []byte) {
	for i := range b {
		b[i] = byte(i + 1)
	}
}

// logOn logs on over a connection to a scripted peer.
func logOn(ctx context.Context, nc net.Conn, cfg rfc.ConnConfig) (*rfc.Conn, error) {
	conv, err := cpic.Open(ctx, nc, cpic.ClientConfig{TargetHost: "peer", SystemNumber: "00"})
	if err != nil {
		return nil, rfc.SetupError(err, rfc.StepGateway)
	}
	cfg.Logon.Client, cfg.Logon.User, cfg.Logon.Password, cfg.Logon.Language = "001", "DEVELOPER", "secret", "E"
	cfg.Random = fixed
	return rfc.Open(ctx, conv, cfg)
}

// dialPeer logs on to a scripted peer.
func dialPeer(t testing.TB, cfg rfc.ConnConfig, script func(p *peer)) *rfc.Conn {
	t.Helper()
	return dialThrough(t, nil, cfg, script)
}

func dialThrough(t testing.TB, wrap func(net.Conn) net.Conn, cfg rfc.ConnConfig, script func(p *peer)) *rfc.Conn {
	t.Helper()
	c, err := logOn(t.Context(), newLink(t, wrap, script), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func zCall(ctx context.Context, c *rfc.Conn, in any, opts ...rfc.Option) (*rfc.Response, error) {
	return c.Call(ctx, "Z_TEST", in, append([]rfc.Option{rfc.WithInterface(zTest)}, opts...)...)
}

// rfcError checks class and outcome of an error.
func rfcError(t testing.TB, err error, class rfc.Class, outcome rfc.Outcome) *rfc.Error {
	t.Helper()
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, class, e.Class, "%v", err)
	require.Equal(t, outcome, e.Outcome, "%v", err)
	require.NotEmpty(t, e.Key, "%v", err)
	require.NotContains(t, fmt.Sprintf("%+v", e), "secret")
	return e
}

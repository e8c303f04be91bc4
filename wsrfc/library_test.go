package wsrfc

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// The two ways to a connection of the library, for comparisons with it.

func adoptFor(nc net.Conn) (*websocket.Conn, error) {
	l := &link{Conn: nc, sock: newSock(nc)}
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return &readable{standIn{link: l}}, nil }}
	ws, _, err := d.DialContext(context.Background(), "ws://stand-in/", nil) //nolint:bodyclose // there is no body
	return ws, err
}

// readable also reads what comes behind the handshake.
type readable struct{ standIn }

func (r *readable) Read(p []byte) (int, error) {
	if r.done && r.answer.Len() == 0 {
		return r.Conn.Read(p)
	}
	return r.standIn.Read(p)
}

func adoptServer(nc net.Conn) (*websocket.Conn, error) {
	a := &accepting{cfg: &AcceptConfig{}, sock: newSock(nc)}
	a.link, a.plain = &link{Conn: nc, sock: a.sock}, a.sock
	r := &http.Request{Method: http.MethodGet, URL: new(url.URL), Header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}
	u := websocket.Upgrader{ReadBufferSize: 256}
	return u.Upgrade(&response{a: a}, r, nil)
}

// canned is a connection whose bytes are given and whose writes are lost.
type canned struct{ io.Reader }

func (*canned) Write(p []byte) (int, error)      { return len(p), nil }
func (*canned) Close() error                     { return nil }
func (*canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }

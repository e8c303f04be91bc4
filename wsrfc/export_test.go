package wsrfc

import "github.com/gorilla/websocket"

// WritePing sends a ping with a payload.
func WritePing(c *Conn, payload []byte) error {
	return c.writeControl(websocket.PingMessage, payload)
}

// Hold takes the turn of a connection, as the keeper does for a moment.
func Hold(c *Conn) (release func()) {
	c.turn <- struct{}{}
	return c.give
}

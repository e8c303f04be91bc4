package wsrfc

import "github.com/gorilla/websocket"

// WritePing sends a ping with a payload.
func WritePing(c *Conn, payload []byte) error {
	return c.writeControl(websocket.PingMessage, payload)
}

// Package httphead reads the head of an HTTP/1.1 message - the start line and the header
// fields - from a peer that is not trusted, and reads nothing else: it serves the upgrade to
// WebSocket and the CONNECT of a proxy, where what follows is another protocol. It belongs to
// the shelf of bytes and makes no connection.
//
// Source: RFC 9112. Folded lines are refused, as it asks of new readers; a bare LF ends a line.
package httphead

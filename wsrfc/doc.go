// Package wsrfc carries RFC conversations over WebSocket over TLS: WebSocket RFC. Dial and
// Open are the client, Accept and Upgrade the serving side; both give a *Conn, which satisfies
// the conversation interfaces of package rfc as cpic.Conn does. There is no NI, no gateway and
// no CPIC on this way; what travels is the same record stream.
//
// Wire documents: spec 13 (the sequence, the header table, the LOGON message, the rules for
// frames), RFC 6455, RFC 9112, and spec 14 where a proxy stands in between. The package knows
// of the records only where their stream ends, because a large answer may span several
// WebSocket messages. It offers no compression, no sub-protocol but one, and follows at most
// one redirect, never to another host.
//
// The WebSocket library writes: frames, masks, control frames and the server's half of the
// upgrade. Reading is ours. A read of the library cannot stop between two frames without
// making its connection useless, so that an idle connection would need a goroutine of its own
// to answer pings; and it bounds neither the fragments of a message nor the head of the
// upgrade's response. Here an idle client connection has no goroutine: a Keeper, one goroutine
// for all connections of a process, looks at them every few seconds without waiting, answers
// what has arrived and sends pings of its own; during a call the caller's goroutine does that
// at once.
//
// A conversation is half duplex and carries one record stream at a time. After any error it is
// dead, because nobody can know how much of a message the peer still holds.
package wsrfc

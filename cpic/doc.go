// Package cpic speaks the CPI-C conversation of classic RFC: the gateway record that opens
// a connection, the APPC records of header version 6, the set-up of a conversation, and
// messages of any size cut into records. Both sides are built from the same record types:
// Open is the client that dials a gateway, Accept the gateway that serves it.
//
// Wire documents: spec 02 and spec 40; where the two differ the captured bytes decide, and
// the comment at the place says so. Application data is opaque here: the field chain
// belongs to the layer above.
//
// A conversation is half duplex and carries one message at a time. After any error it is
// dead, because nobody can know how much of a message the peer still holds.
package cpic

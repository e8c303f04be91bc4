// Package bxml reads and writes SAP's binary XML, version 0.7: the token form of asXML
// documents in which basXML parameters travel, and the chain items that carry them (4000
// plain or as one raw DEFLATE stream).
//
// Layer: bytes. Wire document: spec 43.1 to 43.4, spec 41.8. A document is checked as a
// whole by Parse, in one pass without recursion: tokens, references, balance, envelope.
// What it holds is then read element by element through a Cursor, which allocates nothing
// per element; a Writer is the way back.
//
// The package knows names and texts, not ABAP types: what a text means, and which element
// is a parameter, is the business of package serialization. The textual variant shares only
// the header with this one and is read there, too.
package bxml

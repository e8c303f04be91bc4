// Package fastser reads SAP's fast serialization, the content of item 5001, as far as public
// captures prove it: the header, the LZ4 body, the parameter list, announcements of scalars
// and flat structures with their values, and empty tables.
//
// Layer: bytes, beside internal/chain; it stands on internal/wire and internal/sapcompress.
// Wire documents: spec 42 (the grammar), spec 22.1 to 22.4 (where it comes from), spec 23.5
// (the LZ4 frame).
//
// The grammar is known in part only, so the reader is strict: the first byte that it does not
// explain ends the reading with ErrUnsupported, which names the offset and the byte. It never
// looks for a place to go on: all its markers are letters, and letters stand in names and
// values. Unknown are rows of tables, nested types, values of most types, texts beyond ASCII,
// and strings of more than 16383 characters; they are refused by name.
//
// An encoder writes the same model back byte for byte. It exists so that tests can hold the
// reader against the captures. Nothing of this package may be sent to a partner that is not
// our own: which bits of a logon allow it is not known (spec 42.6).
//
// What a name or a type means, and how a value gets into a parameter of an interface, is not
// known here; see serialization.Section.
package fastser

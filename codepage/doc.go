// Package codepage converts between Go strings (UTF-8) and the character sets
// that SAP numbers with four digits: 1100 for ISO 8859-1, 4103 for UTF-16LE and
// so on.
//
// It belongs to the lowest shelf: bytes in, bytes out, no I/O and no knowledge of
// records or ABAP types. Two groups of functions exist side by side. The
// functions whose names end in UTF16LE, UTF16BE and Latin1 serve the hot paths:
// they convert cells of rows without allocating. [Codepage] serves everything
// that is chosen at run time by number, and knows what to do with characters that
// do not fit ([Policy]).
//
// Wire documents: spec 26 (numbers and rules), 20.2 (character cells).
//
// It does not decide which code page applies to which data, it does not know
// field lengths in characters, and it does not filter control characters.
package codepage

// Package metadata describes function modules and their types: parameters, structures,
// table types, widths and offsets. It is plain data without I/O; repository fetches it,
// serialization and rfc read it, a host derives its metadata answers from it.
//
// Wire documents: spec 20.1 (types), spec 21.2 and 21.3 (layout), spec 24 (descriptions).
//
// All values are immutable once built and safe for concurrent use.
package metadata

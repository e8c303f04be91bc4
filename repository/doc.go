// Package repository finds the descriptions of function modules and types: it asks the
// system once, checks what it answers, and keeps it. The same package answers such
// questions for a host: Register adds the metadata modules to an rfc.Mux, so that the rows
// of both directions are described in one place.
//
// Layer: around calls. It stands on rfc (calls and the Mux) and metadata (descriptions) and
// opens no connections: a Repository is given something that calls. Wire documents: spec 24
// (modules, rows, cache), spec 20.1 and 21.2 (types and layouts).
//
// It does not keep values, does not read texts in several languages, and does not save its
// cache to disk.
//
// # Order of questions
//
// RFC_METADATA_GET with DEEP = "X" describes a function with all its types in one round
// trip. A system without it (FU_NOT_FOUND) is never asked again; there
// RFC_GET_FUNCTION_INTERFACE is followed by one DDIF_FIELDINFO_GET for every type, and by
// RFC_GET_STRUCTURE_DEFINITION where that module is missing or has no rows. Before the first
// DDIF_FIELDINFO_GET the module itself is looked up, because its rows differ in width from
// release to release.
//
// # Locks
//
// Cache.mu and system.mu are leaves; neither is held while another is taken, nor during a
// call.
package repository

// Package repository finds the descriptions of function modules and types: it asks the
// system once, checks what it answers, and keeps it. The same package answers such
// questions for a host: Register adds the metadata modules to an rfc.Mux, so that the rows
// of both directions are described in one place.
//
// Layer: around calls. It stands on rfc (calls and the Mux) and metadata (descriptions) and
// opens no connections: a Repository is given something that calls. Wire documents: spec 24
// (modules, rows, cache), spec 20.1 and 21.2 (types and layouts).
//
// It does not keep values, does not read texts in several languages, and writes no file by
// itself: Save and Load are for that. Builder describes modules without any system.
//
// # Order of questions
//
// RFC_METADATA_GET with DEEP = "X" describes a function with all its types in one round
// trip. A system without it (FU_NOT_FOUND) is never asked again; there
// RFC_GET_FUNCTION_INTERFACE is followed by one DDIF_FIELDINFO_GET for every type, and by
// RFC_GET_STRUCTURE_DEFINITION where that module is missing or has no rows. The same way is
// taken for a user without authority for RFC_METADATA_GET. Before the first DDIF_FIELDINFO_GET
// the module itself is looked up, because its rows differ in width from release to release.
//
// # Descriptions that are not true any more
//
// A description is in doubt when a check finds a newer time stamp or none (WithCheckInterval,
// Revalidate), or when data or the system contradict it (Contradicted). Then it is dropped, and
// the next caller asks once for all. If the system tells the same again, the old one stays, so
// that nothing compiled for it is lost; else what other functions share with it is in doubt as
// well. Time stamps are those of modules and structures: a data element that was made longer
// shows only when a call does not fit (Refresh).
//
// # Locks
//
// Cache.mu, system.mu and shared.ownMu are leaves; none is held while another is taken, during
// a call, or while events are told.
package repository

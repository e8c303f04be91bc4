// Package arch proves how the packages of this module fit together. It consists of
// tests only and nothing imports it.
//
// The packages stand on shelves (bytes, frames, values, conversations, calls, around
// calls, front door, host, beside, programs) and an import goes to the same or a
// lower shelf. Third-party modules are bound to the packages that lean on them. Both
// tables are in shelves_test.go, and the depguard rules in .golangci.yml are written
// from them, so the linter and the tests cannot disagree:
//
//	go test ./internal/arch -update
//
// It reads import clauses, package comments and file names. It does not load types
// and it has no wire documents: what a package does with what it imports is the
// matter of that package's own tests.
package arch

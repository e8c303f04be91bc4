// Package rfctest is an ABAP-like system for tests and programs, as net/http/httptest is a
// web server for them: a gateway on a loopback socket, a logon, and the function modules
// that connectors call on every system (RFC_PING, STFC_CONNECTION, RFC_READ_TABLE, ...),
// with canned data and a transaction that can be seen.
//
//	sys := rfctest.NewSystem(t)
//	conn, err := sys.Connect(t.Context())
//
// Layer: beside the house; it stands on gateway, rfc and destination and nothing but tests
// and programs may import it. Wire documents: spec 24.6 (modules). Each module's metadata
// comes from the registration of its handler, so description and behaviour cannot drift.
//
// What a module does beyond its documented behaviour is invented here. Structures of BAPIs
// are shortened: they carry the DDIC name and the fields that examples use. The package
// holds no SAP data and starts no programs; the modules of a gateway's remote
// administration do not exist in it.
//
// A System is safe for concurrent use.
package rfctest

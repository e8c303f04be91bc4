// Package monitor shows over HTTP what destinations are doing: pools, users, running calls with
// their age, sessions, connections and the last errors. It is JCo's destination monitor as a page,
// and as JSON for programs.
//
//	mux.Handle("/internal/rfc", mustBeAdmin(&monitor.Handler{Destinations: destination.Opened}))
//
// Layer: around the front door; it only reads destination.Snapshot and has no wire document.
//
// # Who may see it
//
// Nothing exposes the page but the program that mounts it, and the package has no authentication:
// mount it behind that of the service, never on a public address. It shows names of systems, hosts,
// users and function modules, and texts of errors, among them messages of ABAP programs. It never
// shows passwords or values of parameters, and it changes nothing: there is no form, no script and
// no request that has an effect.
//
// The page is one HTML document, rendered here and escaped by html/template, with its style inside.
// Its Content-Security-Policy forbids everything else.
package monitor

// Package gateway serves RFC connections: it listens, sets conversations up, checks who
// logs on, bounds what peers may cost, and hands calls to an rfc.Handler. To a client it
// looks like the gateway and the ABAP system behind it.
//
// Wire documents: spec 02 section 12, spec 40.7 (set-up), spec 03 sections 6 to 10 (logon),
// spec 41.14 (what is written), spec 13 section 7 (WebSocket RFC). The package opens no
// program, forwards nothing and has no remote administration.
//
// A Server listens for classic RFC and for WebSocket RFC, or is mounted into a web server for
// the latter; modules, users, limits and shutdown are the same for both.
package gateway

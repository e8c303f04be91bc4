// Package gateway serves RFC connections: it listens, sets conversations up, checks who
// logs on, bounds what peers may cost, and hands calls to an rfc.Handler. To a client it
// looks like the gateway and the ABAP system behind it.
//
// Wire documents: spec 02 section 12, spec 40.7 (set-up), spec 03 sections 6 to 10 (logon),
// spec 41.14 (what is written). The package opens no program, forwards nothing and has no
// remote administration.
package gateway

// Package rfc makes and serves remote function calls: logon, calls with dynamic or typed
// parameters, callbacks, session reset, errors, and the same messages from the serving
// side. It is written against a Conversation, which package cpic (classic RFC) satisfies,
// and knows nothing of transports.
//
// Wire documents: spec 03 (logon, session), spec 04 (calls, errors, callbacks), spec 41.
// Client and server build their messages from the same types: LogonRequest, preamble,
// call header, error facts.
//
// A program that calls functions holds a Caller; Conn is one connection. A program that
// serves functions fills a Mux and gives it to package gateway.
package rfc

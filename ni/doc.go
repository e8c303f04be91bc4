// Package ni frames records on a TCP connection: a u32 big-endian length and the payload.
// It answers NI_PING in every state, drops what carries nothing, recognises the error
// records of gateways and SAProuters and parses them, and bounds what a peer can make us
// keep or wait for.
//
// Wire document: spec 01. The package knows nothing of gateway or APPC records.
//
// Evidence marks used in this module's comments: [capture] bytes seen in a public capture,
// [impl] what an open implementation does against real systems, [experiment] an independent
// program run against a stand-in, [dissector] an open dissector, [doc] public documentation,
// [inferred] our conclusion.
package ni

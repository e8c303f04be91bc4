// Package rfcotel exports calls and destinations to OpenTelemetry: a span and a measured duration
// for each call of a wrapped rfc.Caller, and the numbers of destinations as metrics.
//
//	caller := rfcotel.Wrap(dest)                      // spans, rpc.client.call.duration
//	registration, err := rfcotel.Observe(destination.Opened)
//
// Layer: beside the front door. It uses the API of OpenTelemetry only; which SDK there is, and
// where it sends what it gets, is the program's business.
//
// Names follow the semantic conventions for RPC (release 1.43): rpc.system.name is sap_rfc, rpc.method
// the function module, error.type the class of an *rfc.Error (rfc.Class.Label), rpc.response.status_code
// the key of an ABAP exception or runtime error, or class and number of a message. What they have
// no name for starts with sap.rfc.
//
// No attribute ever holds a value of a parameter, a text of an error, a password or the name of a
// user. Metrics have the destination and the class of errors, function modules only when they are
// named to WithFunctions: their number is bounded.
package rfcotel

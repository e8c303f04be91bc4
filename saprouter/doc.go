// Package saprouter reaches a partner through one or more SAProuters, and is one.
//
// A route is written as a route string, /H/host/S/service/W/password for each hop; Parse
// and ParseRouters read it, and its passwords are never printed. Request is the NI_ROUTE
// record of a route. A Dialer is a DialContext that goes through routers on top of another
// DialContext; Connect does the same on a connection that exists. Probe looks at each hop of
// a route on its own. Server is a router with a permission table that denies by default.
//
// Wire document: spec 10. Records are framed by package ni, which also has the error record
// NI_RTERR, because a router may send it in the middle of a conversation.
//
// The package knows nothing of what runs through a route. It does not protect a route with
// SNC and has no remote administration in either direction.
package saprouter
